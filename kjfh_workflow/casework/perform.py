"""The one way to change a case: an event by an actor, decided and recorded in one transaction.

People, deadlines and previews all come through here. Looking at cases is ``queries``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.casework.office import Moment, Office
from kjfh_workflow.casework.outcome import Outcome
from kjfh_workflow.casework.record import Request, When, new_case_id, record
from kjfh_workflow.clock import start_of
from kjfh_workflow.errors import Conflict, NotAuthorised, NotFound, Refused, WorkflowError
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import NEW, CaseKind, EffectName, RefusalCode, Role
from kjfh_workflow.rules.case import Actor, Case, Standing
from kjfh_workflow.rules.clocks import EXPIRE, Alarm, Clock, clocks_of, first_overdue
from kjfh_workflow.rules.decision import Decision, Known, decide, decide_alarm
from kjfh_workflow.rules.identifiers import check_id
from kjfh_workflow.rules.recount import decide_recount
from kjfh_workflow.rules.refusing import refusal
from kjfh_workflow.store import cases, history, registry, timers
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
) -> Outcome:
    """Perform *event* on a case.

    Raises:
        NotFound: no such case.
        Refused: with every reason; nothing has changed.
        Conflict: the case is not at *expected_version*, or the request id was used for another act.
    """
    request = _request(request_id, case_id, event, actor, evidence)
    case = cases.load(tx, case_id, lock=True)
    if case is None:
        raise NotFound(f"there is no case {case_id!r}")
    # Asked under the lock: the same request may be under way beside this one.
    if request and (answered := _answered(tx, request)):
        return answered
    if expected_version is not None and case.version != expected_version:
        raise Conflict(f"{case_id} is at version {case.version}, not {expected_version}: read it again")
    moment = office.moment(tx)
    case = with_overdue_alarms_rung(office, tx, case, moment)
    pack = office.pack_of(case)
    edges = pack.machines[case.kind].edges_of.get(event, ())
    if any(EffectName.IMPOSE_BAN in edge.effects for edge in edges):
        registry.lock_organisation(tx, case.uscc)
    known = known_to(office, tx, case, case.uscc, moment)
    decision = decide(pack, case, event, actor, evidence, known)
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
) -> Outcome:
    """Open a case with *event*, under the pack in force today.

    Raises:
        NotFound: for a city without packs.
        Refused: with every reason; nothing has changed.
    """
    request = _request(request_id, f"new {kind} in {city}", event, actor, evidence)
    # The operator's row is held: a ban and a submission of one operator queue up, and so do two submissions. An
    # operator that is not yet known has neither a ban nor a case.
    registry.lock_organisation(tx, actor.uscc)
    if request and (answered := _answered(tx, request)):
        return answered
    moment = office.moment(tx)
    today = moment.today
    pack = office.catalog.in_force(city, today)
    if pack is None:
        latest = office.catalog.latest(city)
        article = latest.identity.in_force.article
        code, label = RefusalCode.POLICY_NOT_IN_FORCE, latest.identity.city_label
        raise Refused([refusal(latest, code, article=article, day=today, city=label)])
    if Role.APPLICANT in actor.roles and not actor.uscc:
        raise NotAuthorised([refusal(pack, RefusalCode.NOT_AUTHORISED, variant="stranger")])
    for other, _, _ in cases.open_of_operator(tx, city, actor.uscc, ""):
        _let_lapse(office, tx, other, moment)
    case = Case(new_case_id(city, today), city, kind, pack.version, NEW)
    known = known_to(office, tx, case, actor.uscc, moment)
    decision = decide(pack, case, event, actor, evidence, known)
    return record(office, tx, decision, known, When.at_once(moment.now), request).outcome


def ring(office: Office, tx: Transaction, case: Case, alarm: Alarm, moment: Moment) -> Case:
    """Let one alarm of a locked case ring; returns the case as it is then.

    What happens is dated to the deadline; clocks that it starts count from today, when people can know of it.
    """
    pack = office.pack_of(case)
    clock = clocks_of(case).get(alarm.timer)
    actor = Actor.timer(alarm.timer, case.city)
    known = known_to(office, tx, case, case.uscc, moment)
    if clock and alarm.name == EXPIRE and (moved := _moved_in_time(pack, case, clock, known)):
        return record(office, tx, moved, known, When.at_once(moment.now)).case
    decision = decide_alarm(pack, case, alarm, actor, known)
    if decision is None or clock is None:
        timers.fire(tx, case.id, alarm, moment.now)
        return case
    day = clock.alarms[alarm.name]
    return record(office, tx, decision, known, When(day, start_of(day), moment.now)).case


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


def _overdue(office: Office, case: Case, moment: Moment) -> Alarm | None:
    return first_overdue(office.pack_of(case).machines[case.kind].timers, case, moment.today)


def _let_lapse(office: Office, tx: Transaction, case_id: str, moment: Moment) -> None:
    """Ring what is overdue in another case; only then is it locked, so that acts on it need not wait."""
    seen = cases.load(tx, case_id)
    if seen and _overdue(office, seen, moment) and (held := cases.load(tx, case_id, lock=True)):
        with_overdue_alarms_rung(office, tx, held, moment)


def known_to(office: Office, tx: Transaction, case: Case, uscc: str, moment: Moment) -> Known:
    """What a decision about *case* may ask: facts and standing are read only if it does."""

    def load_document() -> str:
        body = registry.document(tx, case.facts)
        if body is None:
            raise WorkflowError(f"the facts {case.facts} of {case.id} are not on file")
        return body

    def load_standing() -> Standing:
        pack = office.pack_of(case)
        others = cases.open_of_operator(tx, case.city, uscc, case.id)
        titles = [(case_id, space_type) for case_id, kind, space_type in others if kind == CaseKind.INCUBATOR]
        return Standing(
            banned_until=registry.banned_until(tx, case.city, uscc),
            open_application=next((i for i, kind, _ in others if kind == CaseKind.APPLICATION), ""),
            titles={pack.space_of(space_type): case_id for case_id, space_type in titles},
        )

    return Known(moment.today, moment.calendar, load_document, load_standing)


def _request(
    request_id: str | None, target: str, event: str, actor: Actor, evidence: Mapping[str, Any]
) -> Request | None:
    if not isinstance(evidence, Mapping) or not all(isinstance(key, str) for key in evidence):
        raise WorkflowError("evidence must be a table of named values")
    if request_id is None:
        return None
    try:
        check_id(request_id, "a request id")
    except ValueError as error:
        raise WorkflowError(str(error)) from None
    asked = json.dumps([target, event, actor.id, evidence], default=str, sort_keys=True)
    return Request(request_id, canonical.digest(asked))


def _answered(tx: Transaction, request: Request) -> Outcome | None:
    """What this very request did before.

    Raises:
        Conflict: if the id was used for something else.
    """
    row = history.by_request(tx, request.id)
    if row is not None and row.request_digest != request.digest:
        raise Conflict(f"request id {request.id!r} was used for another act")
    return Outcome.of(row) if row else None
