"""The parts of a dossier in people's words: document, materials, criteria, clocks, awards, notices.

Each is made of what a case holds and of its pack; whose eyes may see it is settled before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from kjfh_workflow.casework.views.wording import proof
from kjfh_workflow.clock import local_date
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import Field
from kjfh_workflow.rules.award_status import Award, awards_of
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import Clock
from kjfh_workflow.rules.criteria import Assessed, Evaluation, LeftOut


@dataclass(frozen=True, slots=True)
class Pinned:
    """The document that the case is decided by."""

    version: str
    title: str
    document_no: str
    contact: str
    digest: str


@dataclass(frozen=True, slots=True)
class MaterialShown:
    """One item of the checklist."""

    id: str
    label: str
    required: bool
    handed_in: bool


@dataclass(frozen=True, slots=True)
class CriterionShown:
    """One criterion, and what it says."""

    assessed: Assessed
    result_label: str
    modifier_label: str
    status_label: str


@dataclass(frozen=True, slots=True)
class EvaluationShown:
    """All criteria on one day."""

    on: date
    criteria: tuple[CriterionShown, ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]
    contradictions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClockShown:
    """One running clock."""

    timer: str
    label: str
    side: str
    side_label: str
    due: date
    overdue: bool
    #: 0 on the last day itself, negative once it has passed.
    days_left: int
    provisional: bool
    article: str
    #: How the date was found, in words; and by which edition of the calendar.
    proof: str
    calendar: str


@dataclass(frozen=True, slots=True)
class AwardShown:
    """One award of the title."""

    award: Award
    kind_label: str
    status_label: str
    level_label: str


@dataclass(frozen=True, slots=True)
class NoticeShown:
    """One notice of the case."""

    id: str
    notice: str
    label: str
    number: str
    subject: str
    role: str
    role_label: str
    queued_at: datetime
    on: date


def pinned(pack: PolicyPack) -> Pinned:
    """The document of a pack."""
    identity = pack.identity
    return Pinned(pack.version, identity.title, identity.document_no, identity.contact, pack.digest)


def materials(pack: PolicyPack, case: Case) -> Iterable[MaterialShown]:
    """The checklist, and what of it has been handed in; nothing for kinds of cases that hand nothing in."""
    asked = any(Field.MATERIALS in edge.fields for edge in pack.machines[case.kind].edges)
    for one in pack.identity.materials if asked else ():
        yield MaterialShown(one.id, one.label, one.required, one.id in case.materials)


def evaluated(pack: PolicyPack, evaluation: Evaluation | None) -> EvaluationShown | None:
    """The criteria and what they say; None where there is nothing to judge."""
    if evaluation is None:
        return None
    words = pack.words
    criteria = (
        CriterionShown(
            one, words("results", one.result), words("modifiers", one.modifier), words("statuses", one.status)
        )
        for one in evaluation.criteria
    )
    return EvaluationShown(
        evaluation.on, tuple(criteria), evaluation.left_out, evaluation.warnings, evaluation.contradictions
    )


def clocks(pack: PolicyPack, case: Case, running: Mapping[str, Clock], today: date) -> Iterable[ClockShown]:
    """The clocks that run, the next last day first."""
    timers = pack.machines[case.kind].timer_of
    for name, clock in sorted(running.items(), key=lambda item: (item[1].due, item[0])):
        timer = timers[name]
        yield ClockShown(
            timer=name,
            label=timer.label,
            side=timer.side,
            side_label=pack.words("sides", timer.side),
            due=clock.due,
            overdue=today > clock.due,
            days_left=(clock.due - today).days,
            provisional=clock.deadline.provisional,
            article=clock.article,
            proof=proof(pack, clock),
            calendar=clock.deadline.calendar,
        )


def awards(pack: PolicyPack, case: Case) -> Iterable[AwardShown]:
    """The awards of a title, by kind and year."""
    for award in awards_of(case.memory).values():
        level = pack.words("levels", award.level) if award.level else ""
        labels = pack.words("awards", award.kind), pack.words("award_statuses", award.status)
        yield AwardShown(award, *labels, level)


def notices(pack: PolicyPack, rows: Iterable[Mapping[str, Any]]) -> Iterable[NoticeShown]:
    """The notices of a case, as they were queued."""
    for row in rows:
        known = pack.identity.notices.get(row["notice"])
        yield NoticeShown(
            id=row["id"],
            notice=row["notice"],
            label=known.label if known else row["notice"],
            number=row["number"] or "",
            subject=row["subject"],
            role=row["role"],
            role_label=pack.words("roles", row["role"]),
            queued_at=row["queued_at"],
            on=local_date(row["queued_at"]),
        )
