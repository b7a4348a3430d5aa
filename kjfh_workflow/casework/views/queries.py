"""Looking at one case: all that bears on it, what may happen next, and why the rest may not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.casework.office import Moment, Office
from kjfh_workflow.casework.perform import known_to, seen_with_overdue_alarms_rung
from kjfh_workflow.casework.views.told import to_operator
from kjfh_workflow.errors import NotFound, Refusal, Refused
from kjfh_workflow.policy.machine import Edge, Machine
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import NEW, CaseKind, RefusalCode, Role
from kjfh_workflow.rules.award_events import nothing_to_move
from kjfh_workflow.rules.case import Actor, Case, Reads, reads_of
from kjfh_workflow.rules.clocks import Clock, clocks_of
from kjfh_workflow.rules.criteria import Evaluation, evaluate
from kjfh_workflow.rules.decided import Known
from kjfh_workflow.rules.decision import decide
from kjfh_workflow.rules.facts import Facts, facts_on_file
from kjfh_workflow.store import cases, finding, history, registry, timers
from kjfh_workflow.store.cases import Filter
from kjfh_workflow.store.database import CoreTransaction

#: So many of the cases that belong to one are shown with it; lists show them all.
MOST_CHILDREN = 200
#: Of so many operators that name the same firms each is told apart, with so many of the firms.
_MOST_NAMED, _FIRMS_NAMED = 50, 3
#: Refusals that better evidence cures: a screen asks for the evidence instead of showing them.
_CURABLE = frozenset(
    {
        RefusalCode.EVIDENCE_MISSING,
        RefusalCode.MATERIALS_MISSING,
        RefusalCode.FINDING_MISSING,
        RefusalCode.JUSTIFICATION_MISSING,
        RefusalCode.ALREADY_RETURNED,
    }
)


@dataclass(frozen=True, slots=True)
class Possible:
    """One event of the case's state, and whether this actor may perform it now."""

    event: str
    label: str
    allowed: bool
    #: Why not, where it is not allowed.
    refusals: tuple[Refusal, ...]
    #: Evidence field → whether it is required.
    evidence: dict[str, bool]
    #: What the evidence will have to answer, where that is known already.
    open_points: tuple[Refusal, ...]
    article: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """One case with all that bears on it."""

    case: Case
    state_label: str
    facts: Facts | None
    #: What the pack's criteria say of the facts on file.
    evaluation: Evaluation | None
    #: The same with a person's findings, once an act has rested on it.
    decided: Evaluation | None
    clocks: dict[str, Clock]
    #: The acts; an operator's are those of ``told.to_operator``.
    timeline: list[history.Row]
    alarms: list[dict[str, Any]]
    #: Those that the reader may see: an operator, what was written to it.
    notices: list[dict[str, Any]]
    #: Every ban of the operator, of every city: another city's does not bind here, but the clerk is shown it,
    #: without the other city's case.
    bans: list[dict[str, Any]]
    #: The first cases that belong to it, by id: id, kind, state, … as in lists.
    children: list[dict[str, Any]]
    #: Texts a clerk should see.
    warnings: list[str]


def load_readable(tx: CoreTransaction, case_id: str, reader: Actor | None) -> Case:
    """A case that *reader* may see (None: the program itself).

    Raises:
        NotFound: if there is none, or it is not the reader's to see.
    """
    case = cases.load(tx, case_id)
    if case is None or (reader is not None and not reader.may_read(case)):
        raise NotFound(f"there is no case {case_id!r}")
    return case


def view(
    office: Office, tx: CoreTransaction, case_id: str, reader: Actor | None, moment: Moment, *, with_alarms: bool = True
) -> CaseView:
    """Everything about one case; on request without ``alarms``, which a statement of their own reads.

    Raises:
        NotFound: as ``load_readable``.
    """
    case = load_readable(tx, case_id, reader)
    pack = office.pack_of(case)
    facts = facts_of(tx, case)
    evaluation = evaluate(pack, case.type, facts, case.facts_on) if facts and case.facts_on else None
    rows = history.of_case(tx, case_id)
    reads = reads_of(reader)
    official = reads.for_office_of(case.city)
    bans = [{**ban, "case_id": None} if ban["city"] != case.city else ban for ban in registry.bans_of(tx, case.uscc)]
    return CaseView(
        case=case,
        state_label=pack.machines[case.kind].states[case.state].label,
        facts=facts,
        evaluation=evaluation,
        decided=_decided(rows),
        clocks=clocks_of(case),
        timeline=rows if official else to_operator(tx, pack, case, rows),
        alarms=timers.of_case(tx, case_id) if with_alarms else [],
        notices=[notice for notice in registry.notices_of(tx, case_id) if reads.shows(notice["city"], notice["uscc"])],
        bans=bans,
        children=_children(tx, pack, case),
        warnings=[
            *_warnings(pack, case, rows, bans, moment),
            *(_named_elsewhere(tx, pack, case, facts) if official and facts else ()),
        ],
    )


def _children(tx: CoreTransaction, pack: PolicyPack, case: Case) -> list[dict[str, Any]]:
    if not any(machine.under is case.kind for machine in pack.machines.values()):
        return []
    return finding.find(tx, Reads(everything=True), Filter(parent=case.id), limit=MOST_CHILDREN)


def _decided(rows: list[history.Row]) -> Evaluation | None:
    """The last evaluation that an act rested on, unless newer facts have been handed in since."""
    for row in reversed(rows):
        if row.evaluation:
            return Evaluation.from_data(canonical.loads(row.evaluation))
        if "facts" in canonical.loads(row.effects).get("set", {}):
            return None
    return None


def facts_of(tx: CoreTransaction, case: Case) -> Facts | None:
    """The facts on file; None for a case without."""
    body = registry.document(tx, case.facts) if case.facts else None
    return facts_on_file(body) if body else None


def possible_events(office: Office, tx: CoreTransaction, case_id: str, actor: Actor) -> list[Possible]:
    """Each event of the case's state, with yes, or every reason why not, for this actor.

    To be asked in a transaction that is rolled back: what is overdue in the case happens first.

    Raises:
        NotFound: as ``load_readable``.
    """
    moment = office.moment(tx)
    case = seen_with_overdue_alarms_rung(office, tx, load_readable(tx, case_id, actor), moment)
    return possible_of(office, tx, case, actor, moment)


def possible_of(office: Office, tx: CoreTransaction, case: Case, actor: Actor, moment: Moment) -> list[Possible]:
    """The same for a case as it stands; nothing is written."""
    machine = office.pack_of(case).machines[case.kind]
    parent = cases.load(tx, case.parent) if case.parent else None
    known = known_to(office, tx, case, case.uscc, moment, parent)
    return [
        _possible(office.pack_of(case), case, event, actor, known)
        for event in machine.events_from(case.state)
        if _is_for_one(machine.edges_from[event, case.state])
    ]


def openings_of(
    office: Office, tx: CoreTransaction, parent: Case, actor: Actor, moment: Moment
) -> list[tuple[CaseKind, Possible]]:
    """With which events a case can be opened that belongs to *parent*, each with its kind; nothing is written."""
    pack = office.pack_of(parent)
    found: list[tuple[CaseKind, Possible]] = []
    for kind, machine in pack.machines.items():
        if machine.under is parent.kind:
            case = Case("", parent.city, kind, parent.policy)
            known = known_to(office, tx, case, parent.uscc, moment, parent)
            events = opening_events(machine)
            found += [(kind, _possible(pack, case, event, actor, known)) for event in events]
    return found


def opening_events(machine: Machine) -> list[str]:
    """The events with which a person opens a case."""
    return [event for event in machine.events_from(NEW) if _is_for_one(machine.edges_from[event, NEW])]


def edge_for(machine: Machine, state: str, event: str, actor: Actor) -> Edge:
    """The edge whose evidence an actor is asked for: of a role of the actor's where there is one."""
    edges = machine.edges_from[event, state]
    return next((edge for edge in edges if {*edge.by} & {*actor.roles}), edges[0])


def _is_for_one(edges: Iterable[Edge]) -> bool:
    """Whether a person performs it, on one case alone."""
    people = any(role not in (Role.TIMER, Role.CASE) for edge in edges for role in edge.by)
    return people and not any(edge.for_all for edge in edges)


def _possible(pack: PolicyPack, case: Case, event: str, actor: Actor, known: Known) -> Possible:
    try:
        decide(pack, case, event, actor, {}, known)
    except Refused as error:
        in_vain = nothing_to_move(pack, case, event, actor, known)
        return possible_after(pack, case, event, actor, (*error.refusals, *in_vain))
    return possible_after(pack, case, event, actor, ())


def possible_after(
    pack: PolicyPack, case: Case, event: str, actor: Actor, refusals: tuple[Refusal, ...]
) -> Possible:  # fmt: skip
    """What the refusals of an event without evidence mean: what better evidence cures, and what nothing does."""
    machine = pack.machines[case.kind]
    hard = tuple(refusal for refusal in refusals if refusal.code not in _CURABLE)
    curable = tuple(r for r in refusals if r.code in _CURABLE and r.code != RefusalCode.EVIDENCE_MISSING)
    mine = edge_for(machine, case.state, event, actor)
    return Possible(event, machine.events[event], not hard, hard, mine.fields, curable, mine.article)


def banned_until(tx: CoreTransaction, city: str, uscc: str, day: date) -> date | None:
    """The last barred day of an operator in a city, if it is barred on *day*."""
    until = registry.banned_until(tx, city, uscc)
    return until if until is not None and day <= until else None


def _named_elsewhere(tx: CoreTransaction, pack: PolicyPack, case: Case, facts: Facts) -> Iterator[str]:
    """Operators that name the same firms: no reason to refuse, and somebody should look."""
    names = {tenant.uscc: tenant.name for tenant in facts.tenants}
    found = registry.named_elsewhere(tx, case, at_most=_MOST_NAMED, firms=_FIRMS_NAMED)
    for row in found.operators:
        word = "named_elsewhere" if row["count"] <= _FIRMS_NAMED else "named_elsewhere.all"
        firms = "、".join(names[uscc] for uscc in row["firms"])
        yield pack.words("warnings", word).format(
            firms=firms, count=row["count"], operator=row["name"], case=row["case"]
        )
    if more := found.count - len(found.operators):
        yield pack.words("warnings", "named_elsewhere.more").format(count=more)


def _warnings(
    pack: PolicyPack, case: Case, rows: list[history.Row], bans: list[dict[str, Any]], moment: Moment
) -> Iterator[str]:
    words = pack.words
    for ban in bans:
        if ban["city"] != case.city and moment.today <= ban["until"]:
            told = {name: ban[name] for name in ("city", "until", "article")}
            yield words("warnings", "banned_elsewhere").format(**told)
    if len({row.policy_digest for row in rows}) > 1:
        yield words("warnings", "pack_changed")
    # A date that a person entered is taken as it is, so only a warning says that it is a rest day.
    entered = case.memory.get("rectification", {}).get("by") or case.memory.get("stay_until")
    if entered and not moment.calendar.is_workday(date.fromisoformat(entered)):
        yield words("warnings", "rest_day").format(day=entered)
