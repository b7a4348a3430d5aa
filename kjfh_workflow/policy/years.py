"""What a pack says of the years after recognition: assessments, money, changes, tenants, targets, as frozen models.

The tables stand in ``policy.toml`` beside the identity, which inherits them. How they are applied is ``rules``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from pydantic import Field

from kjfh_workflow.policy.part import Name, Names, Part, Provision, Text
from kjfh_workflow.policy.vocabulary import (
    AwardStatus,
    ChangeKind,
    Grade,
    Level,
    Operator,
    Role,
    TargetCount,
    TopUpBasis,
)


class Quota(Provision):
    """At most one in so many of all titles may have the grade."""

    grade: Grade
    one_in: int = Field(gt=0)


class Failures(Provision):
    """After how many failed years in a row the title is to be cancelled."""

    years: int = Field(gt=1)


class Needed(Provision):
    """The grade that the latest assessment must at least have had."""

    grade: Grade


class Indicator(Provision):
    """One line of the city's scorecard; where there is none, a person enters the grade."""

    id: Name
    label: Text
    #: Of 100.
    weight: Decimal = Field(gt=0, le=100)


class Assessment(Provision):
    """The yearly assessment."""

    #: The city's scale, best first; unqualified fails.
    grades: tuple[Grade, ...] = Field(min_length=2)
    #: How many years after the year of recognition the first one is.
    first_year: int = Field(ge=0)
    quota: Quota | None = None
    failures: Failures | None = None
    #: For being recommended upward.
    recommended_from: Needed | None = None
    indicators: tuple[Indicator, ...] = Field(alias="indicator", default=())


class AnnualAward(Provision):
    """What a year's grade earns, in yuan."""

    grade: Grade
    yuan: Decimal = Field(gt=0, decimal_places=2)
    #: Not "at most".
    fixed: bool = False


class Instalments(Provision):
    """How the award for the city's own title is paid: shares in the years from the recognition on.

    Each later one only if that year's assessment is passed.
    """

    shares: tuple[Decimal, ...] = Field(min_length=2)


class TopUp(Provision):
    """The difference (补差) paid on reaching a higher level."""

    against: TopUpBasis


class StartsAs(Provision):
    """In which status an award begins, where that is not ``proposed``."""

    starts_as: AwardStatus


class Awards(Part):
    """How money is granted; the amounts for recognitions stand in the caps."""

    #: Sent whenever an award becomes ``proposed``.
    notice: Name
    #: A title that is lost takes along what is not approved; what is approved waits for a person.
    loss: Provision
    annual: tuple[AnnualAward, ...] = ()
    instalments: Instalments | None = None
    top_up: TopUp | None = None
    #: Of a higher title that came without the local one while the policy was in force.
    straight: StartsAs | None = None
    #: The annual award of the year in which the city's own title was granted.
    first_year: StartsAs | None = None
    #: No annual award in the year of a recognition above.
    none_when_promoted: Provision | None = None


class Changes(Provision):
    """Which changes are to be reported."""

    what: tuple[ChangeKind, ...] = Field(min_length=1)


class Ground(Provision):
    """One of the grounds on which a tenant graduates (毕业); all of its parts must hold."""

    id: Name
    label: Text
    #: What must be so: names of yes/no values.
    yes: Names = ()
    #: Sums in yuan that must be exceeded, by name.
    more_than_yuan: dict[Name, Decimal] = Field(default_factory=dict)
    #: For how many full months it must have been operating.
    months_operating: int | None = Field(default=None, gt=0)


class IntegrityList(Provision):
    """Reviewers' misconduct goes on the integrity list (失信名单)."""

    by: tuple[Role, ...] = Field(min_length=1)


class Target(Provision):
    """What the city wants to have reached by a day."""

    id: Name
    label: Text
    count: TargetCount
    level: Level | None = None
    op: Operator
    value: int
    by: date


class Years(Part):
    """The tables of ``policy.toml`` that apply once a title is held; what a city's document does not know is absent."""

    assessment: Assessment | None = None
    awards: Awards | None = None
    changes: Changes | None = None
    graduation: tuple[Ground, ...] = ()
    integrity_list: IntegrityList | None = None
    targets: tuple[Target, ...] = Field(alias="target", default=())

    def provisions_of_years(self) -> Iterator[tuple[str, Provision]]:
        """Everything here that rests on an article, each with a key that names it for good."""
        if assessment := self.assessment:
            yield "assessment", assessment
            for name in ("quota", "failures", "recommended_from"):
                if part := getattr(assessment, name):
                    yield f"assessment.{name}", part
            for indicator in assessment.indicators:
                yield f"assessment.indicator.{indicator.id}", indicator
        if awards := self.awards:
            for name in ("loss", "instalments", "top_up", "straight", "first_year", "none_when_promoted"):
                if part := getattr(awards, name):
                    yield f"awards.{name}", part
            for annual in awards.annual:
                yield f"awards.annual.{annual.grade}", annual
        if self.changes:
            yield "changes", self.changes
        for ground in self.graduation:
            yield f"graduation.{ground.id}", ground
        if self.integrity_list:
            yield "integrity_list", self.integrity_list
        for target in self.targets:
            yield f"target.{target.id}", target
