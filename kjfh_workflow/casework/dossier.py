"""The dossier (案卷): everything that the screen of one case shows, for one reader, of one moment, in people's words.

What the rows say is ``queries``'; how forms are drawn, ``forms``'s; the past and the memory, ``timeline``'s and
``story``'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from kjfh_workflow.casework import finding, queries
from kjfh_workflow.casework.forms import FormField, Scene, form_of
from kjfh_workflow.casework.office import Moment, Office
from kjfh_workflow.casework.perform import with_overdue_alarms_rung
from kjfh_workflow.casework.queries import CaseView, Possible
from kjfh_workflow.casework.story import Story, story_of
from kjfh_workflow.casework.timeline import Entry, timeline_of
from kjfh_workflow.casework.wording import RowWords, proof, row_in_words
from kjfh_workflow.clock import local_date
from kjfh_workflow.errors import Conflict, Refusal
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import NEW
from kjfh_workflow.rules.award_status import Award, awards_of
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.clocks import first_overdue
from kjfh_workflow.rules.criteria import Assessed, Evaluation, LeftOut
from kjfh_workflow.rules.facts import Facts
from kjfh_workflow.store import cases
from kjfh_workflow.store.database import CoreTransaction, Database
from kjfh_workflow.store.finding import rows_of

#: How often a case that moves while it is read is read again.
_TRIES = 3


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


@dataclass(frozen=True, slots=True)
class EventShown:
    """An event, whether this reader may perform it now, and its form."""

    event: str
    label: str
    #: Of an event that opens a case: of which kind; empty for one of the case itself.
    opens: str
    opens_label: str
    allowed: bool
    refusals: tuple[Refusal, ...]
    open_points: tuple[Refusal, ...]
    article: str
    fields: tuple[FormField, ...]


@dataclass(frozen=True, slots=True)
class Dossier:
    """One case with all that its screen shows."""

    case: Case
    words: RowWords
    opened_on: date
    policy: Pinned
    facts: Facts | None
    materials: tuple[MaterialShown, ...]
    computed: EvaluationShown | None
    decided: EvaluationShown | None
    clocks: tuple[ClockShown, ...]
    story: Story
    awards: tuple[AwardShown, ...]
    timeline: tuple[Entry, ...]
    notices: tuple[NoticeShown, ...]
    bans: list[dict[str, Any]]
    #: As in lists.
    parent: dict[str, Any] | None
    children: list[dict[str, Any]]
    children_count: int
    warnings: list[str]
    #: A deadline has passed that no tick has noticed: the events are those of the state that it leads to.
    overtaken: str
    events: tuple[EventShown, ...]


def read(office: Office, database: Database, case_id: str, reader: Actor) -> Dossier:
    """The dossier of a case: as it is on file, with the events of the same version.

    Only where a deadline has passed unnoticed are the events asked of what the case will then be, in a transaction
    that is rolled back; otherwise nobody is held up by a reader.

    Raises:
        NotFound: if there is none, or it is not the reader's to see.
        Conflict: if the case moved every time it was read.
    """
    for _ in range(_TRIES):
        with database.reading() as tx:
            moment = office.moment(tx)
            view = queries.view(office, tx, case_id, reader)
            pack, parent = office.pack_of(view.case), _parent(tx, view.case)
            found = _shown(office, tx, view, moment, reader)
            if not _overdue(office, view.case, parent, moment):
                return replace(found, events=_events(office, tx, pack, view, view.case, reader, moment))
        with database.trying() as tx:
            held = queries.load_readable(tx, case_id, reader)
            if held.version != view.case.version:
                continue
            if parent:
                with_overdue_alarms_rung(office, tx, cases.load(tx, parent.id, lock=True) or parent, moment)
            after = with_overdue_alarms_rung(office, tx, held, moment)
            label = pack.state_label(after.kind, after.state) if after.state != held.state else ""
            return replace(found, overtaken=label, events=_events(office, tx, pack, view, after, reader, moment))
    raise Conflict(f"{case_id} moved every time it was read")


def _parent(tx: CoreTransaction, case: Case) -> Case | None:
    return cases.load(tx, case.parent) if case.parent else None


def _overdue(office: Office, case: Case, parent: Case | None, moment: Moment) -> bool:
    held = [one for one in (case, parent) if one]
    return any(first_overdue(office.pack_of(one).machines[one.kind].timers, one, moment.today) for one in held)


def _shown(office: Office, tx: CoreTransaction, view: CaseView, moment: Moment, reader: Actor) -> Dossier:
    case, official = view.case, reader.is_official
    pack = office.pack_of(case)
    parent = rows_of(tx, [case.parent]) if case.parent else []
    row = {"city": case.city, "policy": case.policy, "kind": case.kind, "type": case.type, "state": case.state}
    return Dossier(
        case=case,
        words=row_in_words(office.catalog, {**row, "level": case.level}),
        opened_on=date.fromisoformat(case.memory["opened_on"]),
        policy=_pinned(pack),
        facts=view.facts,
        materials=tuple(_materials(pack, case)) if view.facts else (),
        computed=_evaluated(pack, view.evaluation),
        decided=_evaluated(pack, view.decided),
        clocks=tuple(_clocks(pack, view, moment)),
        story=story_of(pack, case, official=official),
        awards=tuple(_awards(pack, case)),
        timeline=timeline_of(pack, case, view.timeline, official=official),
        notices=tuple(_notices(pack, view)),
        bans=[{**ban, "city_label": _city(office, ban["city"])} for ban in view.bans],
        parent=next(iter(finding.in_words(office, tx, parent)), None),
        children=finding.in_words(office, tx, view.children),
        children_count=cases.count_children(tx, case.id),
        warnings=view.warnings,
        overtaken="",
        events=(),
    )


def _city(office: Office, city: str) -> str:
    known = city in office.catalog.cities
    return office.catalog.latest(city).identity.city_label if known else city


def _pinned(pack: PolicyPack) -> Pinned:
    identity = pack.identity
    return Pinned(pack.version, identity.title, identity.document_no, identity.contact, pack.digest)


def _materials(pack: PolicyPack, case: Case) -> Iterable[MaterialShown]:
    for one in pack.identity.materials:
        yield MaterialShown(one.id, one.label, one.required, one.id in case.materials)


def _evaluated(pack: PolicyPack, evaluation: Evaluation | None) -> EvaluationShown | None:
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


def _clocks(pack: PolicyPack, view: CaseView, moment: Moment) -> Iterable[ClockShown]:
    timers = pack.machines[view.case.kind].timer_of
    for name, clock in sorted(view.clocks.items(), key=lambda item: (item[1].due, item[0])):
        timer = timers[name]
        yield ClockShown(
            timer=name,
            label=timer.label,
            side=timer.side,
            side_label=pack.words("sides", timer.side),
            due=clock.due,
            overdue=moment.today > clock.due,
            days_left=(clock.due - moment.today).days,
            provisional=clock.deadline.provisional,
            article=clock.article,
            proof=proof(pack, clock),
            calendar=clock.deadline.calendar,
        )


def _awards(pack: PolicyPack, case: Case) -> Iterable[AwardShown]:
    for award in awards_of(case.memory).values():
        level = pack.words("levels", award.level) if award.level else ""
        labels = pack.words("awards", award.kind), pack.words("award_statuses", award.status)
        yield AwardShown(award, *labels, level)


def _notices(pack: PolicyPack, view: CaseView) -> Iterable[NoticeShown]:
    for row in view.notices:
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


# ---- what may happen -----------------------------------------------------------------------------------------------


def _events(
    office: Office, tx: CoreTransaction, pack: PolicyPack, view: CaseView, case: Case, reader: Actor, moment: Moment
) -> tuple[EventShown, ...]:
    """The events of the case itself, and those that open one under it."""
    scene = Scene(pack, case, _parent(tx, case) or case, view.evaluation)
    here = [_event(scene, case, possible, reader) for possible in queries.possible_of(office, tx, case, reader, moment)]
    for kind, possible in queries.openings_of(office, tx, case, reader, moment):
        child = Case("", case.city, kind, case.policy, NEW)
        shown = _event(replace(scene, case=child, title=case, evaluation=None), child, possible, reader)
        here.append(replace(shown, opens=kind, opens_label=pack.words("kinds", kind)))
    return tuple(here)


def _event(scene: Scene, case: Case, possible: Possible, reader: Actor) -> EventShown:
    edge = queries.edge_for(scene.pack.machines[case.kind], case.state, possible.event, reader)
    return EventShown(
        event=possible.event,
        label=possible.label,
        opens="",
        opens_label="",
        allowed=possible.allowed,
        refusals=possible.refusals,
        open_points=possible.open_points,
        article=possible.article,
        fields=form_of(scene, edge),
    )
