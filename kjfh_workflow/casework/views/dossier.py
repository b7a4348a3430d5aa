"""The dossier (案卷): everything that the screen of one case shows, for one reader, of one moment, in people's words.

What the rows say is ``queries``'; how forms are drawn, ``forms``'s; the past and the memory, ``timeline``'s and
``story``'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from kjfh_workflow.books.desk import Past
from kjfh_workflow.casework import holding
from kjfh_workflow.casework.files.files_desk import MOST_FILES, Attachment, attachment_of
from kjfh_workflow.casework.office import Moment, Office
from kjfh_workflow.casework.perform import both_with_overdue_alarms_rung
from kjfh_workflow.casework.views import finding, queries, shown
from kjfh_workflow.casework.views.facts_form import facts_form
from kjfh_workflow.casework.views.form_fields import FormField
from kjfh_workflow.casework.views.forms import Scene, form_of
from kjfh_workflow.casework.views.queries import MOST_CHILDREN, CaseView, Possible
from kjfh_workflow.casework.views.shown import (
    AwardShown,
    ClockShown,
    EvaluationShown,
    MaterialShown,
    NoticeShown,
    Pinned,
)
from kjfh_workflow.casework.views.story import Story, story_of
from kjfh_workflow.casework.views.timeline import Entry, timeline_of
from kjfh_workflow.casework.views.wording import RowWords, city_in_words, row_in_words
from kjfh_workflow.errors import Conflict, Refusal
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import NEW
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.clocks import first_overdue
from kjfh_workflow.rules.facts import Facts
from kjfh_workflow.store import cases, files
from kjfh_workflow.store.database import Clash, CoreTransaction, Database
from kjfh_workflow.store.finding import rows_of

#: How often a case that moves while it is read is read again.
_TRIES = 3
#: A reader waits no longer than this for whoever acts on the case: seconds.
_PATIENCE = 0.3


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
    policy: Pinned
    facts: Facts | None
    #: How what stands in the facts is called; empty where there are none, and no tenant.
    facts_form: tuple[FormField, ...]
    materials: tuple[MaterialShown, ...]
    computed: EvaluationShown | None
    decided: EvaluationShown | None
    clocks: tuple[ClockShown, ...]
    story: Story
    awards: tuple[AwardShown, ...]
    timeline: tuple[Entry, ...]
    notices: tuple[NoticeShown, ...]
    files: tuple[Attachment, ...]
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
    that is rolled back; otherwise nobody is held up by a reader, and nobody holds a reader up: while somebody else
    acts on the case, its events are those of the state that is on file.

    Raises:
        NotFound: if there is none, or it is not the reader's to see.
        Conflict: if the case moved every time it was read.
    """
    for _ in range(_TRIES):
        with database.reading() as tx:
            moment = office.moment(tx)
            view = queries.view(office, tx, case_id, reader, moment, with_alarms=False)
            pack, parent = office.pack_of(view.case), _parent(tx, view.case)
            found = _shown(office, tx, view, moment, reader)
            found = replace(found, events=_events(office, tx, pack, view, view.case, reader, moment))
            if not _overdue(office, view.case, parent, moment):
                return found
        try:
            with database.trying() as tx:
                tx.wait_at_most(_PATIENCE)
                held = cases.load(tx, case_id, lock=True)
                if held is None or held.version != view.case.version:
                    continue
                parent = holding.parent_of(tx, held)
                after, _ = both_with_overdue_alarms_rung(office, tx, held, parent, moment)
                label = pack.state_label(after.kind, after.state) if after.state != held.state else ""
                return replace(found, overtaken=label, events=_events(office, tx, pack, view, after, reader, moment))
        except (Conflict, Clash):
            return found
    raise Conflict(f"{case_id} moved every time it was read")


@dataclass(frozen=True, slots=True)
class PastShown:
    """A case as it was."""

    case: Case
    words: RowWords
    #: The day that is looked at, and the day of the last act until then.
    day: date
    changed_on: date
    policy: Pinned
    clocks: tuple[ClockShown, ...]
    story: Story
    awards: tuple[AwardShown, ...]


def past(office: Office, found: Past, day: date, reader: Actor) -> PastShown:
    """A case as it was on *day*, in words."""
    case = found.case
    pack = office.pack_of(case)
    return PastShown(
        case=case,
        words=_words(office, case),
        day=day,
        changed_on=found.changed_on,
        policy=shown.pinned(pack),
        clocks=tuple(shown.clocks(pack, case, found.clocks, day)),
        story=story_of(pack, case, official=reader.reads().for_office_of(case.city)),
        awards=tuple(shown.awards(pack, case)),
    )


def _words(office: Office, case: Case) -> RowWords:
    row = {"city": case.city, "policy": case.policy, "kind": case.kind, "type": case.type, "state": case.state}
    return row_in_words(office.catalog, {**row, "level": case.level})


def _parent(tx: CoreTransaction, case: Case) -> Case | None:
    return cases.load(tx, case.parent) if case.parent else None


def _overdue(office: Office, case: Case, parent: Case | None, moment: Moment) -> bool:
    held = [one for one in (case, parent) if one]
    return any(first_overdue(office.pack_of(one).machines[one.kind].timers, one, moment.today) for one in held)


def _shown(office: Office, tx: CoreTransaction, view: CaseView, moment: Moment, reader: Actor) -> Dossier:
    case, official = view.case, reader.reads().for_office_of(view.case.city)
    pack = office.pack_of(case)
    parent = rows_of(tx, [case.parent]) if case.parent else []
    return Dossier(
        case=case,
        words=_words(office, case),
        policy=shown.pinned(pack),
        facts=view.facts,
        facts_form=facts_form(pack) if view.facts or "tenant" in case.memory else (),
        materials=tuple(shown.materials(pack, case)),
        computed=shown.evaluated(pack, view.evaluation),
        decided=shown.evaluated(pack, view.decided),
        clocks=tuple(shown.clocks(pack, case, view.clocks, moment.today)),
        story=story_of(pack, case, official=official),
        awards=tuple(shown.awards(pack, case)),
        timeline=timeline_of(pack, case, view.timeline, official=official),
        notices=tuple(shown.notices(pack, view.notices)),
        files=tuple(attachment_of(pack, row, reader) for row in files.of_case(tx, case.id, limit=MOST_FILES)),
        bans=[{**ban, "city_label": city_in_words(office.catalog, ban["city"])} for ban in view.bans],
        parent=next(iter(finding.in_words(office, tx, parent)), None),
        children=finding.in_words(office, tx, view.children),
        children_count=len(view.children) if len(view.children) < MOST_CHILDREN else cases.count_children(tx, case.id),
        warnings=view.warnings,
        overtaken="",
        events=(),
    )


# ---- what may happen -----------------------------------------------------------------------------------------------


def _events(
    office: Office, tx: CoreTransaction, pack: PolicyPack, view: CaseView, case: Case, reader: Actor, moment: Moment
) -> tuple[EventShown, ...]:
    """The events of the case itself, and those that open one under it."""
    scene = Scene(pack, case, _parent(tx, case) or case, view.evaluation)
    here = [
        event_shown(scene, case, possible, reader) for possible in queries.possible_of(office, tx, case, reader, moment)
    ]
    for kind, possible in queries.openings_of(office, tx, case, reader, moment):
        child = Case("", case.city, kind, case.policy, NEW)
        shown = event_shown(replace(scene, case=child, title=case, evaluation=None), child, possible, reader)
        here.append(replace(shown, opens=kind, opens_label=pack.words("kinds", kind)))
    return tuple(here)


def event_shown(scene: Scene, case: Case, possible: Possible, reader: Actor) -> EventShown:
    """An event with its form."""
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
