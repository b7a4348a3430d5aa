"""The one way to change a case: an event by an actor, decided and recorded in one transaction.

People, deadlines and previews all come through here. Looking at cases is ``queries``; in which order an act holds what
it needs stands in ``holding``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.casework import holding
from kjfh_workflow.casework.office import Moment, Office
from kjfh_workflow.casework.outcome import Outcome
from kjfh_workflow.casework.record import NumberRow, Request, When, new_case_id, number_row, record
from kjfh_workflow.clock import start_of
from kjfh_workflow.errors import (
    Moved,
    NotAuthorised,
    NotFound,
    Refused,
    RequestReused,
    TransitionNotAllowed,
    WorkflowError,
)
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import NEW, CaseKind, Field, RefusalCode, Role
from kjfh_workflow.rules.case import Actor, Case, Standing
from kjfh_workflow.rules.clocks import EXPIRE, Alarm, Clock, clocks_of, first_overdue
from kjfh_workflow.rules.decided import Decision, Known
from kjfh_workflow.rules.decision import decide, decide_alarm
from kjfh_workflow.rules.doors import through_the_doors
from kjfh_workflow.rules.identifiers import check_id
from kjfh_workflow.rules.recount import decide_recount
from kjfh_workflow.rules.refusing import refusal
from kjfh_workflow.store import cases, history, registry, request_ids, timers
from kjfh_workflow.store.database import Transaction


def perform(
    office: Office,
    tx: Transaction,
    case_id: str,
    event: str,
    actor: Actor,
    evidence: Mapping[str, Any],
    request_id: str | None = None,
    expected_version: int | None = None,
    *,
    hide_unreadable: bool = False,
) -> Outcome:
    """Perform *event* on a case.

    Whether it is the actor's to see comes first, if that is to be hidden; then whether they may do this at all; then
    whether they have seen the case as it is.

    Raises:
        NotFound: no such case; with *hide_unreadable*, or not the actor's to see.
        Refused: with every reason; nothing has changed.
        Moved: the case is not at *expected_version*.
        Conflict: the request id was used for another act.
    """
    request = _request(request_id, case_id, event, actor, evidence)
    holding.operator_to_bar(office, tx, case_id, event)
    case = _locked(tx, case_id, actor, hide_unreadable)
    # Asked under the lock: the same request may be under way beside this one.
    if request and (answered := _answered(tx, request)):
        return answered
    if expected_version is not None and case.version != expected_version:
        _refuse_outsiders(office, tx, case, event, actor)
        raise Moved(f"{case_id} is at version {case.version}, not {expected_version}: read it again")
    parent = holding.parent_of(tx, case)
    moment = office.moment(tx)
    case, parent = both_with_overdue_alarms_rung(office, tx, case, parent, moment)
    known = known_to(office, tx, case, case.uscc, moment, parent)
    decision = decide(office.pack_of(case), case, event, actor, evidence, known)
    return record(office, tx, decision, known, When.at_once(moment.now), request).outcome


def open_case(
    office: Office,
    tx: Transaction,
    kind: CaseKind,
    event: str,
    actor: Actor,
    evidence: Mapping[str, Any],
    city: str,
    request_id: str | None = None,
    parent_id: str = "",
    *,
    hide_unreadable: bool = False,
) -> Outcome:
    """Open a case with *event*.

    An application takes the pack in force today; a case under another one, that case's; a title that the system did
    not grant, the pack in force when it was decided.

    Raises:
        NotFound: for a city without packs, or no such parent; with *hide_unreadable*, or not the actor's to see.
        Refused: with every reason; nothing has changed.
        WorkflowError: if the kind needs a parent and none is given, or the other way round.
    """
    request = _request(request_id, f"new {kind} in {city} {parent_id}".strip(), event, actor, evidence)
    # The operator's row is held: a ban and a submission of one operator queue up, and so do two submissions. An
    # operator that is not yet known has neither a ban nor a case. Whose the case above is, is known.
    uscc = actor.uscc if Role.APPLICANT in actor.roles else str(evidence.get(Field.USCC, "")).strip().upper()
    if not (uscc.isascii() and uscc.isprintable()):
        uscc = ""  # no code, and nothing that a database takes; the evidence itself is refused further on
    parent = _locked(tx, parent_id, actor, hide_unreadable) if parent_id else None
    is_known = parent is not None or registry.lock_organisation(tx, uscc)
    if request and (answered := _answered(tx, request)):
        return answered
    moment = office.moment(tx)
    parent = with_overdue_alarms_rung(office, tx, parent, moment) if parent else None
    pack = office.pack_of(parent) if parent else pack_for_opening(office, kind, city, evidence, moment.today)
    _check_parent(pack, kind, event, parent)
    if Role.APPLICANT in actor.roles and not actor.uscc:
        raise NotAuthorised([refusal(pack, RefusalCode.NOT_AUTHORISED, variant="stranger")])
    if parent is None:
        _let_lapse(office, tx, [other for other, _, _ in cases.open_of_operator(tx, city, uscc, "")], moment)
    case = Case(new_case_id(pack.city, moment.today), pack.city, kind, pack.version, NEW)
    known = known_to(office, tx, case, parent.uscc if parent else uscc, moment, parent)
    decision = decide(pack, case, event, actor, evidence, known)
    after = decision.after
    if not (is_known and (parent or after.uscc == uscc)) and not registry.lock_organisation(tx, after.uscc):
        registry.add_organisation(tx, after.uscc, after.name, moment.now)
    return record(office, tx, decision, known, When.at_once(moment.now), request).outcome


def _locked(tx: Transaction, case_id: str, actor: Actor, hide_unreadable: bool) -> Case:
    """The case that somebody wants to act on, held until the transaction ends."""
    case = cases.load(tx, case_id, lock=True)
    if case is None or (hide_unreadable and not actor.may_read(case)):
        raise NotFound(f"there is no case {case_id!r}")
    return case


def _refuse_outsiders(office: Office, tx: Transaction, case: Case, event: str, actor: Actor) -> None:
    """Who may not perform *event* is told so, and not at which version the case is."""
    pack = office.pack_of(case)
    parent = cases.load(tx, case.parent) if case.parent else None
    with suppress(TransitionNotAllowed):  # they may; the state is another matter, and they have not seen this one
        through_the_doors(pack, pack.machines[case.kind], case, event, actor, parent)


def pack_for_opening(office: Office, kind: CaseKind, city: str, evidence: Mapping[str, Any], today: date) -> PolicyPack:
    """The pack that a new case without a parent is pinned to.

    Raises:
        NotFound: for a city without packs.
        Refused: for an application on a day on which no pack is in force.
    """
    latest = office.catalog.latest(city)
    if kind is not CaseKind.APPLICATION:
        return _pack_of_day(office, city, evidence.get(Field.DECIDED_ON)) or _pack_of_day(office, city, today) or latest
    pack = office.catalog.in_force(city, today)
    if pack is None:
        article = latest.identity.in_force.article
        code, label = RefusalCode.POLICY_NOT_IN_FORCE, latest.identity.city_label
        raise Refused([refusal(latest, code, article=article, day=today, city=label)])
    return pack


def _pack_of_day(office: Office, city: str, day: object) -> PolicyPack | None:
    try:
        return office.catalog.in_force(city, day if isinstance(day, date) else date.fromisoformat(str(day)))
    except ValueError:
        return None  # the evidence itself will be refused


def _check_parent(pack: PolicyPack, kind: CaseKind, event: str, parent: Case | None) -> None:
    """A change, a promotion or a tenancy belongs to an incubator; an application to nothing."""
    machine = pack.machines.get(kind)
    if machine is None:
        reason = refusal(
            pack, RefusalCode.NOT_ALLOWED_FROM_STATE, variant="unknown", event=event, meant="", allowed="无"
        )
        raise TransitionNotAllowed([reason])
    if (machine.under is None) != (parent is None) or (parent and parent.kind is not machine.under):
        needs = f"belongs to an {machine.under}: give its id as parent" if machine.under else "belongs to no other case"
        raise WorkflowError(f"a case of kind {kind} {needs}")


def ring(
    office: Office,
    tx: Transaction,
    case: Case,
    alarm: Alarm,
    moment: Moment,
    before: Callable[[NumberRow | None], None] = lambda _: None,
) -> Case:
    """Let one alarm of a locked case ring; returns the case as it is then.

    What happens is dated to the deadline; clocks that it starts count from today, when people can know of it.

    Args:
        before: told, before anything is written, which number row that takes; what it raises stops the ring.
    """
    pack = office.pack_of(case)
    clock = clocks_of(case).get(alarm.timer)
    actor = Actor.timer(alarm.timer, case.city)
    known = known_to(office, tx, case, case.uscc, moment, _parent_of_ringing(pack, tx, case, alarm))
    when = When.at_once(moment.now)
    decision = _moved_in_time(pack, case, clock, known) if clock and alarm.name == EXPIRE else None
    if decision is None:
        decision = decide_alarm(pack, case, alarm, actor, known)
        if decision is None or clock is None:
            timers.fire(tx, case.id, alarm, moment.now)
            return case
        day = clock.alarms[alarm.name]
        when = When(day, start_of(day), moment.now)
    before(number_row(decision, when))
    return record(office, tx, decision, known, when).case


def _parent_of_ringing(pack: PolicyPack, tx: Transaction, case: Case, alarm: Alarm) -> Case | None:
    """The case that a ringing one belongs to: held where it is told of it, and otherwise only looked at."""
    machine = pack.machines[case.kind]
    timer = machine.timer_of.get(alarm.timer) if alarm.name == EXPIRE else None
    edges = machine.edges_from.get((timer.on_due or "", case.state), ()) if timer else ()
    if any(edge.tells for edge in edges):
        return holding.parent_of(tx, case)
    return cases.load(tx, case.parent) if case.parent else None


def _moved_in_time(pack: PolicyPack, case: Case, clock: Clock, known: Known) -> Decision | None:
    """The clock with a later last day, where the holiday was recorded before the old one was over.

    Whether a tick has found the time to count it again must not decide whether somebody was in time.
    """
    calendar = known.calendar.as_recorded_before(start_of(clock.due + timedelta(days=1)))
    if not calendar.notices or clock.deadline.calendar == calendar.edition:
        return None
    timer = pack.machines[case.kind].timer_of[clock.timer]
    decision = decide_recount(pack, case, timer, replace(known, calendar=calendar), calendar.notices[-1].source)
    return decision if decision and decision.started[0].due > clock.due else None


def with_overdue_alarms_rung(office: Office, tx: Transaction, case: Case, moment: Moment) -> Case:
    """A deadline binds whether or not a tick has noticed it: what is over in this case happens first."""
    while alarm := _overdue(office, case, moment):
        case = ring(office, tx, case, alarm, moment)
    return case


def seen_with_overdue_alarms_rung(office: Office, tx: Transaction, case: Case, moment: Moment) -> Case:
    """The same for a reader, in a transaction that is rolled back: the case is held only where that is needed."""
    if _overdue(office, case, moment) is None:
        return case
    return with_overdue_alarms_rung(office, tx, cases.load(tx, case.id, lock=True) or case, moment)


def both_with_overdue_alarms_rung(
    office: Office, tx: Transaction, case: Case, parent: Case | None, moment: Moment
) -> tuple[Case, Case | None]:
    """The same for a case and the one it belongs to, both held."""
    rung = with_overdue_alarms_rung(office, tx, case, moment)
    if parent and rung.version != case.version:
        parent = cases.load(tx, parent.id)  # it may have been told
    return rung, with_overdue_alarms_rung(office, tx, parent, moment) if parent else None


def _overdue(office: Office, case: Case, moment: Moment) -> Alarm | None:
    return first_overdue(office.pack_of(case).machines[case.kind].timers, case, moment.today)


def _let_lapse(office: Office, tx: Transaction, case_ids: list[str], moment: Moment) -> None:
    """Ring what is overdue in other cases; only those are held, so that acts on the others need not wait."""
    seen = [case for case_id in case_ids if (case := cases.load(tx, case_id))]
    for held in holding.several(tx, [case.id for case in seen if _overdue(office, case, moment)]):
        with_overdue_alarms_rung(office, tx, held, moment)


def known_to(
    office: Office, tx: Transaction, case: Case, uscc: str, moment: Moment, parent: Case | None = None
) -> Known:
    """What a decision about *case* may ask: facts and standing are read only if it does, and once."""

    @cache
    def load_document() -> str:
        digest = case.facts or (parent.facts if parent else "")
        body = registry.document(tx, digest)
        if body is None:
            raise WorkflowError(f"the facts {digest} of {case.id} are not on file")
        return body

    @cache
    def load_standing() -> Standing:
        return _standing(office.pack_of(case), tx, case, uscc, moment)

    return Known(
        today=moment.today,
        calendar=moment.calendar,
        load_document=load_document,
        load_standing=load_standing,
        taken=lambda slot: cases.in_slot(tx, slot),
        parent=(parent, known_to(office, tx, parent, parent.uscc, moment)) if parent else None,
    )


def _standing(pack: PolicyPack, tx: Transaction, case: Case, uscc: str, moment: Moment) -> Standing:
    others = cases.open_of_operator(tx, case.city, uscc, case.id)
    titles = [(case_id, space_type) for case_id, kind, space_type in others if kind == CaseKind.INCUBATOR]
    banned_until = registry.banned_until(tx, case.city, uscc)
    fraud_on, fraud_case = cases.fraud_found(tx, case.city, uscc)
    # Where cheating bars from applying, it bears on payments as long; where it does not, until somebody releases them.
    open_still = banned_until is None or moment.today <= banned_until
    return Standing(
        banned_until=banned_until,
        open_application=next((i for i, kind, _ in others if kind == CaseKind.APPLICATION), ""),
        titles={pack.space_of(space_type): case_id for case_id, space_type in titles},
        fraud_on=fraud_on if open_still else None,
        fraud_case=fraud_case,
    )


def _request(
    request_id: str | None, target: str, event: str, actor: Actor, evidence: Mapping[str, Any]
) -> Request | None:
    if not isinstance(evidence, Mapping) or not all(isinstance(key, str) for key in evidence):
        raise WorkflowError("evidence must be a table of named values")
    if request_id is None:
        return None
    check_request_id(request_id)
    asked = json.dumps([target, event, actor.id, evidence], default=str, sort_keys=True)
    return Request(request_id, canonical.digest(asked))


def check_request_id(request_id: str) -> None:
    """Whether a caller's id of a request can be kept.

    Raises:
        WorkflowError: if it cannot.
    """
    try:
        check_id(request_id, "a request id")
    except ValueError as error:
        raise WorkflowError(str(error)) from None


def _answered(tx: Transaction, request: Request) -> Outcome | None:
    """What this very request did before.

    Raises:
        Conflict: if the id was used for something else.
    """
    if not request_ids.is_used(tx, request.id):
        return None
    row = history.by_request(tx, request.id)
    if row is None or row.request_digest != request.digest:
        raise RequestReused(f"request id {request.id!r} was used for another act")
    acted_on = cases.load(tx, row.case_id)
    assert acted_on is not None, "it has a history"  # noqa: S101
    return Outcome.of(row, acted_on.kind)
