"""What the history has said of a case, sorted by subject and in people's words; money stands in ``dossier``.

It is read from the case's memory, of which it shows what a person may need and nothing else: how the program keeps
its books (whose hands, which places, which proofs) stays where it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.case import Case


@dataclass(frozen=True, slots=True)
class Named:
    """A code with its word."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Graded:
    """A year's assessment."""

    year: int
    grade: str
    grade_label: str
    #: None without one.
    score: Decimal | None
    #: Why there is no grade, or why it is this one.
    reason: str
    #: When it became final; None while it is proposed.
    on: date | None
    #: The day by which the year's report came in; None if none has.
    reported_on: date | None


@dataclass(frozen=True, slots=True)
class Recognised:
    """A recognition at a higher level, in a calendar year."""

    year: int
    level: str
    level_label: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """That the title is to be cancelled."""

    ground: str
    article: str
    event: str
    event_label: str


@dataclass(frozen=True, slots=True)
class Rectification:
    """An order to rectify."""

    year: int
    ordered_on: date
    #: The last day.
    by: date
    #: The day passed without a report.
    overdue: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """A change of the incubator; in its own case, or as noted for the assessment."""

    what: tuple[Named, ...]
    occurred_on: date
    #: 0 if in time; None while unreported.
    late_days: int | None
    #: When the office found it, and when it was reported.
    recorded_on: date | None = None
    reported_on: date | None = None
    #: Of one that is noted: its case, and how it ended.
    case: str = ""
    result: str = ""
    result_label: str = ""


@dataclass(frozen=True, slots=True)
class Recommended:
    """A recommendation upward, and what came of it."""

    to_level: str
    to_level_label: str
    level: str
    level_label: str
    decided_on: date | None
    document_no: str


@dataclass(frozen=True, slots=True)
class Stay:
    """A firm in the incubator."""

    #: As it was admitted: the tenant's fields.
    tenant: Mapping[str, Any]
    #: The last day of an extended stay.
    until: date | None
    extended_on: date | None
    #: On which grounds it graduated.
    grounds: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """All of it; what does not apply to a kind of case is empty."""

    #: Of an application: how often it was returned for correction, and which departments have endorsed.
    returns: int
    endorsed: tuple[Named, ...]
    #: The day on which cheating was found.
    fraud_on: date | None
    #: The award that Finance has fixed on.
    award_yuan: Decimal | None
    #: Of a title: since when, by which decision, where, and whether the system did not grant it itself.
    recognised_on: date | None
    document_no: str
    township: str
    registered: bool
    #: The case that opened it.
    opened_by: str
    recognised_above: tuple[Recognised, ...]
    grades: tuple[Graded, ...]
    #: Unqualified grades in a row up to the latest assessed year.
    failed_years: int
    #: The year under assessment, and the grade proposed for it: for offices only, until the round closes.
    assessing: int | None
    proposed: Graded | None
    proposal: Proposal | None
    rectification: Rectification | None
    changes: tuple[Changed, ...]
    #: Of a case under a title.
    change: Changed | None
    recommendation: Recommended | None
    stay: Stay | None


def story_of(pack: PolicyPack, case: Case, *, official: bool) -> Story:
    """What the history has said of *case*; a grade that is only proposed is for officials."""
    memory, words = case.memory, pack.words
    departments = [Named(role, words("roles", role)) for role in case.endorsed]
    grades = [(int(year), said) for year, said in memory.get("grades", {}).items()]
    proposed = memory.get("proposed") if official else None
    return Story(
        returns=memory.get("returns", 0),
        endorsed=tuple(departments),
        fraud_on=_day(memory.get("fraud_on")),
        award_yuan=Decimal(memory["award_yuan"]) if "award_yuan" in memory else None,
        recognised_on=_day(memory.get("recognised_on")),
        document_no=memory.get("document_no", "") if "level" in memory and not case.parent else "",
        township=memory.get("township", ""),
        registered=memory.get("registered", False),
        opened_by=memory.get("opened_by", ""),
        recognised_above=tuple(
            Recognised(int(year), level, words("levels", level))
            for year, level in sorted(memory.get("recognised_above", {}).items())
        ),
        grades=tuple(_graded(pack, memory, year, said) for year, said in sorted(grades)),
        failed_years=memory.get("failed_years", 0),
        assessing=memory.get("assessing"),
        proposed=_graded(pack, memory, proposed["year"], proposed) if proposed else None,
        proposal=_proposal(pack, case),
        rectification=_rectification(memory),
        changes=tuple(_noted(pack, said) for said in memory.get("changes", ())),
        change=_change(pack, memory) if "what" in memory else None,
        recommendation=_recommendation(pack, memory) if "to_level" in memory else None,
        stay=_stay(pack, memory) if "tenant" in memory else None,
    )


def _graded(pack: PolicyPack, memory: Mapping[str, Any], year: int, said: Mapping[str, Any]) -> Graded:
    reason = said.get("reason", "")
    return Graded(
        year=year,
        grade=said["grade"],
        grade_label=pack.words("grades", said["grade"]),
        score=Decimal(said["score"]) if "score" in said else None,
        reason=pack.words("ungraded", reason) if reason else "",
        on=_day(said.get("on")),
        reported_on=_day(memory.get("reported", {}).get(str(year))),
    )


def _proposal(pack: PolicyPack, case: Case) -> Proposal | None:
    said = case.memory.get("proposal")
    if not said:
        return None
    event = said.get("event", "propose_revocation")
    label = pack.machines[case.kind].events.get(event, event)
    return Proposal(said["ground"], said["article"], event, label)


def _rectification(memory: Mapping[str, Any]) -> Rectification | None:
    said = memory.get("rectification")
    if not said:
        return None
    days = date.fromisoformat(said["ordered_on"]), date.fromisoformat(said["by"])
    return Rectification(said["year"], *days, said.get("overdue", False))


def _noted(pack: PolicyPack, said: Mapping[str, Any]) -> Changed:
    result = said.get("result", "")
    label = pack.state_label(CaseKind.CHANGE, result) if result else ""
    return Changed(
        _kinds(pack, said["what"]),
        date.fromisoformat(said["occurred_on"]),
        said["late_days"],
        case=said["case"],
        result=result,
        result_label=label,
    )


def _change(pack: PolicyPack, memory: Mapping[str, Any]) -> Changed:
    return Changed(
        _kinds(pack, memory["what"]),
        date.fromisoformat(memory["occurred_on"]),
        memory.get("late_days"),
        _day(memory.get("recorded_on")),
        _day(memory.get("reported_on")),
    )


def _kinds(pack: PolicyPack, what: list[str]) -> tuple[Named, ...]:
    return tuple(Named(kind, pack.words("changes", kind)) for kind in what)


def _recommendation(pack: PolicyPack, memory: Mapping[str, Any]) -> Recommended:
    level = memory.get("level") or ""
    return Recommended(
        memory["to_level"],
        pack.words("levels", memory["to_level"]),
        level,
        pack.words("levels", level) if level else "",
        _day(memory.get("decided_on")),
        memory.get("document_no", ""),
    )


def _stay(pack: PolicyPack, memory: Mapping[str, Any]) -> Stay:
    labels = {ground.id: ground.label for ground in pack.identity.graduation}
    grounds = tuple(Named(name, labels.get(name, name)) for name in memory.get("grounds", ()))
    return Stay(memory["tenant"], _day(memory.get("stay_until")), _day(memory.get("extended_on")), grounds)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
