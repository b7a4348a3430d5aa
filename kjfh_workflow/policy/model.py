"""What a policy pack consists of, as frozen models.

Whether a pack makes sense as a whole is asked in ``checks``; where it comes from, in ``loader``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pydantic import Field

from kjfh_workflow.policy.machine import Machine
from kjfh_workflow.policy.part import Name, Names, Part, Provision, Text
from kjfh_workflow.policy.vocabulary import (
    CaseKind,
    Handling,
    Level,
    Measure,
    Modifier,
    Operator,
    Role,
    TenantTest,
)
from kjfh_workflow.policy.years import Years


class Article(Part):
    """One article or clause of the document, numbered as issued."""

    number: Text
    #: How many numbered items (第N项) it has; 0 for none.
    items: int = Field(default=0, ge=0)
    #: How a letter cites it, where that is not the number itself: 第二部分第（一）项.
    cited_as: str = ""
    about: Text
    handling: Handling
    note: str = ""


class InForce(Provision):
    """From when to when the document applies."""

    effective_from: date
    effective_to: date | None = None
    #: Rules that burden someone count for events from this day on (立法法 art. 104).
    adverse_from: date | None = None


class SpaceType(Provision):
    """A type an applicant may apply for."""

    label: Text
    #: The kind of space it counts as when asking "already recognised?".
    space: Name


class Material(Provision):
    """One item of the materials checklist."""

    id: Name
    label: Text
    required: bool = True


class Departments(Provision):
    """Whose endorsement a recognition needs."""

    roles: tuple[Role, ...] = Field(min_length=1)


class Cap(Provision):
    """The most that may be granted for a recognition, in yuan."""

    level: Level
    #: The kinds of space it is for.
    spaces: Names
    yuan: Decimal = Field(gt=0, decimal_places=2)
    #: Not "at most": neither more nor less may be granted.
    fixed: bool = False


class Notice(Part):
    """A notice that this city sends."""

    label: Text
    #: Who receives it; empty only for reminders, which go to whoever has the work.
    to: tuple[Role, ...] = ()
    #: Whether it is issued under a document number of the bureau's.
    numbered: bool = False


class Numbering(Provision):
    """How the bureau numbers what it issues: ``余科孵〔{year}〕{number}号``, from 1 in every year, without gaps."""

    form: Text


class Identity(Years):
    """``policy.toml``: which document this is, its articles, and the tables all machines share."""

    city: Name
    #: As it stands in letters: 余姚市.
    city_label: Text
    title: Text
    #: As issued; empty where the document carries none.
    document_no: str = ""
    issuers: tuple[Text, ...] = ()
    issued_on: date | None = None
    #: Who answers questions about it; shown with refusals and in letters.
    contact: Text
    in_force: InForce
    articles: tuple[Article, ...] = Field(alias="article", min_length=1)
    types: dict[Name, SpaceType] = Field(min_length=1)
    materials: tuple[Material, ...] = Field(alias="material", default=())
    departments: Departments
    numbering: Numbering | None = None
    caps: tuple[Cap, ...] = Field(alias="cap", default=())
    notices: dict[Name, Notice]


class Precondition(Part):
    """A measured fact without which a judged criterion is unmet at once."""

    measure: Measure
    op: Operator
    value: Decimal


class Criterion(Provision):
    """One condition of recognition."""

    id: Name
    label: Text
    modifier: Modifier
    #: The types it applies to; empty for all.
    types: Names = ()
    measure: Measure | None = None
    op: Operator | None = None
    value: Decimal | bool | None = None
    #: For a "per N tenants" measure: N. Rounded up is met, below rounded down is unmet, between a person judges.
    per: int | None = Field(default=None, gt=0)
    unit: str = ""
    #: Only for ``judged``: what must hold before a person is asked.
    requires: Precondition | None = None


class TenantCondition(Provision):
    """One condition for a firm on the premises to count as a tenant (在孵企业)."""

    id: Name
    label: Text
    test: TenantTest
    modifier: Modifier
    #: Months, for the tests that measure a time; inclusive.
    months: int | None = Field(default=None, gt=0)
    #: Only firms in these technical fields; empty for all.
    fields: tuple[Text, ...] = ()
    #: Not firms in these technical fields.
    except_fields: tuple[Text, ...] = ()


class Standard(Provision):
    """Numbers that the text leaves to another document."""

    id: Name
    label: Text
    document: Text


class CriteriaFile(Part):
    """``criteria.toml``."""

    criteria: tuple[Criterion, ...] = Field(alias="criterion", default=())
    tenant_conditions: tuple[TenantCondition, ...] = Field(alias="tenant_condition", default=())
    standards: tuple[Standard, ...] = Field(alias="standard", default=())


class Words:
    """People's words for the program's names: the house's, and a city's own where it differs."""

    def __init__(self, house: dict[str, dict[str, str]], city: dict[str, dict[str, str]]) -> None:
        self._words = {section: {**words, **city.get(section, {})} for section, words in house.items()}

    def __call__(self, section: str, name: str) -> str:
        """The word for *name* in *section*; the name itself where there is none."""
        return self._words[section].get(name, name)

    def has(self, section: str, name: str) -> bool:
        """Whether there is a word for *name*."""
        return name in self._words.get(section, {})


@dataclass(frozen=True, eq=False)
class PolicyPack:
    """One version of one city's policy, as loaded."""

    identity: Identity
    criteria: tuple[Criterion, ...]
    tenant_conditions: tuple[TenantCondition, ...]
    standards: tuple[Standard, ...]
    machines: dict[CaseKind, Machine]
    words: Words
    #: The folder's name: the in-force date, ``2020-01-01``.
    version: str
    #: SHA-256 over the folder's files, hex.
    digest: str

    @property
    def city(self) -> str:
        """The city's short name."""
        return self.identity.city

    @property
    def name(self) -> str:
        """``city/version``."""
        return f"{self.city}/{self.version}"

    def in_force_on(self, day: date) -> bool:
        """Whether a new application may be filed under it on *day*."""
        force = self.identity.in_force
        return force.effective_from <= day and (force.effective_to is None or day <= force.effective_to)

    def criteria_for(self, space_type: str) -> tuple[Criterion, ...]:
        """The criteria that apply to an application of *space_type*."""
        return tuple(c for c in self.criteria if not c.types or space_type in c.types)

    def space_of(self, space_type: str) -> str:
        """The kind of space that *space_type* counts as."""
        return self.identity.types[space_type].space

    def state_label(self, kind: CaseKind, state: str) -> str:
        """The state in people's words; also of the time before the case exists."""
        found = self.machines[kind].states.get(state)
        return found.label if found else self.words("states", state)

    def cap_for(self, space_type: str, level: str) -> Cap | None:
        """The cap on a recognition at *level*, or None where the text grants nothing."""
        space = self.space_of(space_type)
        return next((c for c in self.identity.caps if c.level == level and space in c.spaces), None)

    def provisions(self) -> Iterator[tuple[str, Provision]]:
        """Everything that rests on an article, each with a key that names it for good."""
        yield "in_force", self.identity.in_force
        yield "departments", self.identity.departments
        if self.identity.numbering:
            yield "numbering", self.identity.numbering
        for name, space_type in self.identity.types.items():
            yield f"types.{name}", space_type
        for material in self.identity.materials:
            yield f"material.{material.id}", material
        for cap in self.identity.caps:
            yield f"cap.{'+'.join(cap.spaces)}.{cap.level}", cap
        yield from self.identity.provisions_of_years()
        for criterion in self.criteria:
            yield f"criterion.{criterion.id}", criterion
        for condition in self.tenant_conditions:
            yield f"tenant_condition.{condition.id}", condition
        for standard in self.standards:
            yield f"standard.{standard.id}", standard
        for kind, machine in self.machines.items():
            yield from machine.provisions(kind)
