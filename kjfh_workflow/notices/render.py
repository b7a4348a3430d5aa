"""A notice's subject, title and text from its template. The only home of ``jinja2``.

A template folder ``<notice>/`` holds ``subject.txt`` (of an e-mail), ``title.txt`` (of the letter) and ``body.txt``;
``<city>/<notice>/`` replaces it for one city.
Who receives a notice and when is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from types import CodeType
from typing import Any

from jinja2 import BytecodeCache, FileSystemLoader, StrictUndefined, Template, TemplateNotFound
from jinja2.bccache import Bucket
from jinja2.sandbox import SandboxedEnvironment

from kjfh_workflow.errors import PolicyError, Problem
from kjfh_workflow.policy.checks import article_of
from kjfh_workflow.policy.model import Identity, PolicyPack
from kjfh_workflow.policy.vocabulary import NOT_GRADED, Grade, Level, Modifier, Reckoning, Role, Status
from kjfh_workflow.rules.awards import Award
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import Clock
from kjfh_workflow.rules.deadlines import chinese
from kjfh_workflow.rules.tenancy import stay_condition

#: What is left where an optional part of a template says nothing.
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")

#: Evidence that comes as one of the program's names, or as a list of them → the section of the words for them.
NAMED = {"grade": "grades", "level": "levels", "to_level": "levels", "what": "changes", "kind": "awards"}

#: Stands before what a draft had to make up.
SPECIMEN = "〔示例〕"
#: Among a letter's ``specimens``: its awards.
AWARDS = "awards"

#: The files of a template folder.
PARTS = ("subject.txt", "title.txt", "body.txt")


@dataclass(frozen=True, slots=True)
class Written:
    """A notice as it is kept on file and sent."""

    subject: str
    title: str
    body: str


@dataclass(frozen=True)
class Letter:
    """What a template may speak of. Everything is plain text, a date, or a mapping of such."""

    pack: PolicyPack = field(repr=False)
    case: Case
    to: Role
    #: The legal day of the act.
    day: date
    #: The day the letter is written: later, where the program noticed late.
    issued: date
    #: The event's Chinese label.
    event: str
    article: str
    #: How firmly the text carries the act.
    status: Status
    evidence: Mapping[str, Any]
    #: The clocks that run after the act, and the one this notice is about.
    clocks: Mapping[str, Clock]
    clock: Clock | None = None
    banned_until: date | None = None
    #: Its document number; empty where it has none.
    number: str = ""
    #: The awards that the act has made ``proposed``.
    awards: tuple[Award, ...] = ()
    #: All awards that it has changed.
    changed: tuple[Award, ...] = ()
    #: The proposal to cancel a title that was pending before the act.
    pending: Mapping[str, str] | None = None
    #: What a draft made up: fields of ``evidence``, clocks, ``AWARDS``. Texts are marked by whoever made them up.
    specimens: frozenset[str] = frozenset()

    @cached_property
    def words(self) -> dict[str, Any]:
        """The template's variables."""
        pack, identity = self.pack, self.pack.identity
        return {
            "addressee": self.case.name if self.to is Role.APPLICANT else pack.words("roles", self.to),
            "internal": self.to is not Role.APPLICANT,
            "operator": self.case.name,
            "uscc": self.case.uscc,
            "case": self.case.id,
            "type": identity.types[self.case.type].label,
            "tenant": self.case.memory.get("tenant", {}).get("name", ""),
            "opened": self._opened(),
            "above": self._above(),
            "change": self._change(),
            "awards": [self._award(award) for award in self.awards],
            "changed": [self._award(award) for award in self.changed],
            "blocked": self._blocked(),
            "may_extend": self._may_extend(),
            "kind": pack.words("kinds", self.case.kind),
            "failed": self.evidence.get("grade") == Grade.UNQUALIFIED,
            "state": pack.machines[self.case.kind].states[self.case.state].label,
            "day": self.day,
            "event": self.event,
            "article": self.article,
            "basis": self._basis(self.article, self.status),
            "conditions": self._conditions(),
            "may_reapply": self._may_reapply(),
            "returns": self.case.memory.get("returns", 0),
            "issued": self.issued,
            "proposal": self._proposal(),
            "city": identity.city_label,
            "office": sender(identity),
            "contact": identity.contact,
            "evidence": {name: self._in_words(name, value) for name, value in self.evidence.items()},
            "clocks": {name: self._clock_words(clock) for name, clock in self.clocks.items()},
            "clock": self._clock_words(self.clock) if self.clock else None,
            "banned_until": self.banned_until,
            "number": self.number,
        }

    def _opened(self) -> date:
        """The day the case was opened: of an application, the day it was submitted."""
        day = self.case.memory.get("opened_on")
        return date.fromisoformat(day) if day else self.day

    def _above(self) -> str:
        """The level of a title held above the city's own, which another body has granted; empty if there is none."""
        level = self.case.level
        return "" if level in (None, Level.LOCAL) else self.pack.words("levels", str(level))

    def _change(self) -> dict[str, Any] | None:
        """Which change it is about, when it happened, and by how many days it was reported late."""
        known = {**self.case.memory, **self.evidence}
        if "what" not in known or "occurred_on" not in known:
            return None
        occurred_on = known["occurred_on"]
        day = date.fromisoformat(occurred_on) if isinstance(occurred_on, str) else occurred_on
        return {
            "what": self._in_words("what", known["what"]),
            "occurred_on": self._in_words("occurred_on", day),
            "late_days": known.get("late_days", 0),
        }

    def _blocked(self) -> str:
        """The state in which nothing is paid without a release; empty if it is none."""
        state = self.pack.machines[self.case.kind].states[self.case.state]
        return state.label if state.blocks_payment else ""

    def _may_extend(self) -> bool:
        """Of a tenancy: whether the limit on its stay leaves room."""
        tenant = self.case.memory.get("tenant", {})
        condition = stay_condition(self.pack, tenant["field"]) if "field" in tenant else None
        return condition is not None and condition.modifier is Modifier.SOFT

    def _award(self, award: Award) -> dict[str, Any]:
        said = {
            "status": self.pack.words("award_statuses", award.status),
            "reason": award.reason,
            "kind": self.pack.words("awards", award.kind),
            "year": award.year,
            "instalment": award.instalment,
            "yuan": award.yuan,
            "words": award.words,
            "basis": self._basis(award.article, Status.STATED),
        }
        shown = ("year", "yuan", "words", "basis") if AWARDS in self.specimens else ()
        return {**said, **{name: marked(said[name]) for name in shown}}

    def _in_words(self, field_name: str, value: Any) -> Any:
        said = self._named(field_name, value)
        is_text = field_name not in NAMED and isinstance(value, str | list | dict)
        return marked(said) if field_name in self.specimens and not is_text else said

    def _named(self, field_name: str, value: Any) -> Any:
        not_graded = field_name == "reason" and self.evidence.get("grade") == NOT_GRADED
        section = "ungraded" if not_graded else NAMED.get(field_name)
        if section is None:
            return value
        if isinstance(value, str):
            return self.pack.words(section, value)
        return [self.pack.words(section, name) for name in value]

    def _basis(self, citation: str, status: Status) -> str:
        """What a provision rests on: the article, or the office's own practice where the text is silent."""
        cited = self._cited(citation)
        in_text = status in (Status.STATED, Status.READING)
        return cited if in_text else f"本局为实施{cited}确定的办理程序"

    def _conditions(self) -> str:
        """The articles with the conditions that the type applied for must meet."""
        numbers = dict.fromkeys(article_of(c.article)[0] for c in self.pack.criteria_for(self.case.type))
        return "、".join(self._cited(number) for number in numbers)

    def _may_reapply(self) -> bool:
        """Whether an application may still be filed once the clock at hand is over."""
        ends = self.pack.identity.in_force.effective_to
        days = [self.issued, *(clock.due for clock in (self.clock, *self.clocks.values()) if clock)]
        return ends is None or max(days) < ends

    def _proposal(self) -> dict[str, str] | None:
        """The ground on which a title is to be lost, with its article in full."""
        proposal = self.case.memory.get("proposal") or self.pending
        return {"ground": proposal["ground"], "basis": self._cited(proposal["article"])} if proposal else None

    def _cited(self, citation: str) -> str:
        identity = self.pack.identity
        number, item = article_of(citation)
        article = next((a for a in identity.articles if a.number == number), None)
        cited = (article.cited_as if article else "") or number
        document = f"（{identity.document_no}）" if identity.document_no else ""
        return f"《{identity.title}》{document}{cited}{f'第{item}项' if item else ''}"

    def _entered(self, clock: Clock) -> str:
        """A day that a person entered is no period: it is taken as it is."""
        return self.pack.words("computations", "entered").format(day=chinese(clock.due))

    def _clock_words(self, clock: Clock) -> dict[str, Any]:
        timer = self.pack.machines[self.case.kind].timer_of[clock.timer]
        period = timer.period_of[clock.state]
        entered = period.reckoning is Reckoning.DATE_ORDERED or "stay_until" in self.case.memory
        unit = self.pack.words("units", clock.deadline.unit)
        proof = self._entered(clock) if entered else clock.in_words(unit)
        made_up = clock.timer in self.specimens
        return {
            "label": timer.label,
            "due": marked(clock.due) if made_up else clock.due,
            "proof": marked(proof) if made_up else proof,
            "basis": self._basis(period.article, period.status),
        }


@dataclass(frozen=True)
class MadeUp:
    """A date or a number that a draft made up: marked wherever a template shows it."""

    value: Any

    def __str__(self) -> str:
        return f"{SPECIMEN}{self.value}"


def marked(value: Any) -> Any:
    """A specimen with its mark; of lists and tables, each part."""
    if isinstance(value, str):
        return SPECIMEN + value
    if isinstance(value, list):
        return [marked(part) for part in value]
    if isinstance(value, Mapping):
        return {key: marked(part) for key, part in value.items()}
    return value if isinstance(value, bool) else MadeUp(value)


def _day(value: date | MadeUp) -> str:
    """``2021年3月1日``."""
    return SPECIMEN + chinese(value.value) if isinstance(value, MadeUp) else chinese(value)


def _yuan(value: Decimal | int | str | MadeUp) -> str:
    """``300,000元``, with cents only where there are any."""
    if isinstance(value, MadeUp):
        return SPECIMEN + _yuan(value.value)
    sum_of_money = Decimal(value)
    return f"{sum_of_money:,.{0 if sum_of_money == int(sum_of_money) else 2}f}元"


def sender(identity: Identity) -> str:
    """Who signs the letters and stands in their head."""
    return identity.issuers[0] if identity.issuers else identity.contact


class _CompiledOnce(BytecodeCache):
    """What this process has compiled, by its source: the next workflow that it opens need not compile it again."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._code[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _CompiledOnce()


class Renderer:
    """The templates of the program and of the bureau, the bureau's first."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = [Path(folder) for folder in folders]
        self._environment = SandboxedEnvironment(
            loader=FileSystemLoader(self._folders),
            undefined=StrictUndefined,
            autoescape=False,  # plain text
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
            auto_reload=False,
            bytecode_cache=_COMPILED,
        )
        self._environment.filters |= {"date": _day, "yuan": _yuan}
        self._templates: dict[tuple[str, str, str], Template] = {}

    def has_template(self, city: str, notice: str) -> bool:
        """Whether *notice* can be written for *city*."""
        return all(self._find(city, notice, part) is not None for part in PARTS)

    def write(self, notice: str, letter: Letter) -> Written:
        """Subject, title and text.

        Raises:
            PolicyError: if there is no template, or it asks for what is not there.
        """
        try:
            subject, title, body = (
                self._template(letter.pack.city, notice, part).render(letter.words).strip() for part in PARTS
            )
        except Exception as error:
            # Whatever a template does wrong, the message must name the template.
            raise PolicyError([Problem(f"templates/{notice}", "", f"{type(error).__name__}: {error}")]) from error
        # A name may hold a line break; an e-mail's subject and a letter's title may not.
        subject, title = (" ".join(part.split()) for part in (subject, title))
        return Written(subject, title, _BLANK_LINES.sub("\n\n", body) + "\n")

    def _find(self, city: str, notice: str, part: str) -> str | None:
        for name in (f"{city}/{notice}/{part}", f"{notice}/{part}"):
            if any((folder / name).is_file() for folder in self._folders):
                return name
        return None

    def _template(self, city: str, notice: str, part: str) -> Template:
        key = (city, notice, part)
        if key not in self._templates:
            name = self._find(city, notice, part)
            if name is None:
                raise TemplateNotFound(f"{notice}/{part}")
            self._templates[key] = self._environment.get_template(name)
        return self._templates[key]
