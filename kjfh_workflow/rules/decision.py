"""One act, decided: every reason against it, or everything it writes. The heart of the house.

The doors stand in a fixed order: other city, not authorised, not allowed from this state. Only behind them are
the other reasons collected, all of them. Nothing here reads or writes a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.errors import GuardRefused, Refusal
from kjfh_workflow.policy.machine import Timer
from kjfh_workflow.policy.machine_checks import opening_edge
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.part import Provision
from kjfh_workflow.policy.vocabulary import (
    NEW,
    CaseKind,
    EffectName,
    Field,
    GuardName,
    OneOpenPer,
    Role,
    Side,
    Status,
)
from kjfh_workflow.rules.act import Act
from kjfh_workflow.rules.calendar import WorkCalendar
from kjfh_workflow.rules.case import Actor, Case, Standing
from kjfh_workflow.rules.clocks import EXPIRE, REMIND, Alarm, Clock, Turn, clocks_of, next_escalation, turn
from kjfh_workflow.rules.doors import through_the_doors
from kjfh_workflow.rules.effects import changes_of
from kjfh_workflow.rules.evidence import read_evidence, read_facts
from kjfh_workflow.rules.facts import Facts
from kjfh_workflow.rules.guards import refusals_of
from kjfh_workflow.rules.lifecycle import lifecycle_of


@dataclass(frozen=True, slots=True)
class Known:
    """What the decider is told about the world besides the case."""

    today: date
    calendar: WorkCalendar
    #: The facts on file, as stored. Called only where a guard or a measure needs them, inside the act's transaction.
    load_document: Callable[[], str]
    load_standing: Callable[[], Standing]


@dataclass(frozen=True, slots=True)
class NoticeOrder:
    """A notice to be written and queued."""

    notice: str
    to: Role
    #: The clock it is about: of a reminder or an escalation.
    clock: Clock | None = None


@dataclass(frozen=True, slots=True)
class BanOrder:
    """An operator may not apply in this city until the end of a day."""

    uscc: str
    since: date
    until: date
    article: str

    def as_data(self) -> dict[str, str]:
        """As history keeps it."""
        days = {"since": self.since.isoformat(), "until": self.until.isoformat()}
        return {"uscc": self.uscc, "article": self.article, **days}


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything one act writes: a pure value, made true by the store."""

    before: Case
    pack: PolicyPack
    event: str
    target: str
    actor: Actor
    role: Role
    article: str
    #: Keys of the case's memory to assign.
    changes: Mapping[str, Any]
    #: As it is kept on file; facts are named by their digest.
    evidence: Mapping[str, Any] = field(default_factory=dict)
    #: How firmly the text carries the act; letters claim no basis that it lacks.
    status: Status = Status.STATED
    #: The criteria's results, where the act rests on them.
    evaluation: Mapping[str, Any] | None = None
    started: tuple[Clock, ...] = ()
    stopped: tuple[Clock, ...] = ()
    rung: Alarm | None = None
    #: Alarms added to a clock that goes on: the next escalation.
    added: tuple[tuple[Clock, str, date], ...] = ()
    notices: tuple[NoticeOrder, ...] = ()
    ban: BanOrder | None = None
    opens: CaseKind | None = None
    #: Canonical text of the facts handed in, and its digest.
    document: tuple[str, str] | None = None

    @property
    def slot(self) -> str | None:
        """The place that at most one open case may take; None where it takes none."""
        machine = self.pack.machines[self.before.kind]
        if machine.one_open_per is None or machine.states[self.target].final:
            return None
        memory = {**self.before.memory, **self.changes}
        parts = [self.before.kind, self.before.city, memory["uscc"]]
        if machine.one_open_per is OneOpenPer.SPACE:
            parts.append(self.pack.space_of(memory["type"]))
        return ":".join(parts)


def decide(pack: PolicyPack, case: Case, event: str, actor: Actor, given: Mapping[str, Any], known: Known) -> Decision:
    """What *event* by *actor* does to *case*.

    Raises:
        NotAuthorised: another city's case, the wrong role, or a stranger to the case.
        TransitionNotAllowed: the state (or this city's machine) does not have the event.
        GuardRefused: with every other reason.
    """
    machine = pack.machines[case.kind]
    role = through_the_doors(pack, machine, case, event, actor)
    edge, target = lifecycle_of(pack, case.kind).take(case, event, role, known.today, known.load_standing)
    evidence, refusals = read_evidence(pack, edge.fields, given)
    new_facts, fact_refusals = _facts_handed_in(pack, case, actor, evidence, known)
    act = Act(
        pack=pack, machine=machine, case=case, event=event, edge=edge, target=target, actor=actor, role=role,
        today=known.today, evidence=evidence, calendar=known.calendar, new_facts=new_facts,
        load_document=known.load_document, load_standing=known.load_standing,
    )  # fmt: skip
    refusals += fact_refusals
    # What could not even be read has been complained about; nothing more specific is to be said of it.
    unread = tuple(refusal.field for refusal in refusals if refusal.field)
    refusals += [found for found in refusals_of(act) if not _is_within(found.field, unread)]
    if refusals:
        raise GuardRefused(refusals)
    return _written(act)


def _is_within(field_path: str, others: tuple[str, ...]) -> bool:
    return any(field_path == other or field_path.startswith(f"{other}.") for other in others)


def decide_opening(pack: PolicyPack, kind: CaseKind, parent: Decision, case_id: str, known: Known) -> Decision:
    """The first row of a case that another case's act opens: same actor, same day, facts carried over."""
    machine = pack.machines[kind]
    edge = opening_edge(machine)
    assert edge is not None, "checks.opens_nothing"  # noqa: S101
    born = parent.before
    memory: dict[str, Any] = {**born.memory, **parent.changes}
    carried = {str(key): memory[key] for key in ("uscc", "name", "type", "facts", "facts_on") if key in memory}
    case = Case(case_id, born.city, kind, pack.version)
    act = Act(
        pack=pack, machine=machine, case=case, event=edge.event, edge=edge, target=edge.to, actor=parent.actor,
        role=Role.CASE, today=known.today, evidence={}, calendar=known.calendar, new_facts=None,
        load_document=known.load_document, load_standing=known.load_standing,
    )  # fmt: skip
    opened: dict[str, Any] = {**carried, "opened_by": born.id, "opened_on": known.today.isoformat()}
    return _written(act, opened)


def decide_alarm(pack: PolicyPack, case: Case, alarm: Alarm, actor: Actor, known: Known) -> Decision | None:
    """What happens when one of the case's clocks rings; None if that alarm is no longer set.

    A last day that passes performs the timer's event. Reminders, and the passing of a clock that decides nothing,
    change no state: they are noted and people are told.
    """
    clock = clocks_of(case).get(alarm.timer)
    if clock is None or clock.sequence != alarm.sequence or alarm.name not in clock.alarms:
        return None
    timer = pack.machines[case.kind].timer_of[alarm.timer]
    if alarm.name == EXPIRE and timer.on_due:
        decision = decide(pack, case, timer.on_due, actor, {}, known)
        return _after_ringing(decision, clock, alarm)
    added = next_escalation(timer, clock, alarm.name, known.today, known.calendar)
    still = clock.without(alarm.name, added)
    notices, rule = _notices_of_alarm(pack, case, timer, clock, alarm)
    if alarm.name.startswith(REMIND) and known.today > clock.due:
        notices = ()  # noticed too late to remind anybody of what has already passed
    return Decision(
        before=case,
        pack=pack,
        event=alarm.name.partition(".")[0],
        target=case.state,
        actor=actor,
        role=Role.TIMER,
        article=rule.article,
        status=rule.status,
        changes={"clocks": {**case.memory["clocks"], timer.name: still.as_data()}},
        rung=alarm,
        added=tuple((clock, name, day) for name, day in added.items()),
        notices=notices,
    )


def _facts_handed_in(
    pack: PolicyPack, case: Case, actor: Actor, evidence: Mapping[str, Any], known: Known
) -> tuple[Facts | None, list[Refusal]]:
    needs_base = Field.OVERRIDE in evidence and Field.FACTS not in evidence and bool(case.facts)
    base = canonical.loads(known.load_document()) if needs_base else None
    return read_facts(pack, actor.uscc, base, evidence)


def _written(act: Act, opened: Mapping[str, Any] | None = None) -> Decision:
    case, edge = act.case, act.edge
    turned = turn(_timers_of(act), case, act.target, act.today, act.evidence, act.calendar)
    changes: dict[str, Any] = {**_first_entries(act), **(opened or {}), **changes_of(act), **turned.changes}
    document = None
    if act.new_facts:
        text = canonical.dumps(act.new_facts.model_dump(mode="json"))
        document = (canonical.digest(text), text)
        changes["facts"] = document[0]
    changes["acted"] = _acted(changes.get("acted", case.memory.get("acted", {})), act.event, act.actor)
    return Decision(
        before=case,
        pack=act.pack,
        event=act.event,
        target=act.target,
        actor=act.actor,
        role=act.role,
        article=edge.article,
        status=edge.status,
        changes=changes,
        evidence=_on_file(act, document),
        evaluation=act.evaluation.as_data() if GuardName.CRITERIA_MET in edge.guards else None,
        started=turned.started,
        stopped=turned.stopped,
        notices=tuple(
            NoticeOrder(notice, role) for notice in edge.notify for role in act.pack.identity.notices[notice].to
        ),
        ban=_ban(act, turned) if EffectName.IMPOSE_BAN in edge.effects else None,
        opens=edge.opens,
        document=document,
    )


def _timers_of(act: Act) -> list[Timer]:
    """The timers that may turn; a bar is started only by the act that imposes it."""
    imposes = EffectName.IMPOSE_BAN in act.edge.effects
    running = act.case.memory.get("clocks", {})
    return [t for t in act.machine.timers if imposes or t.side is not Side.NOBODY or t.name in running]


def _first_entries(act: Act) -> dict[str, Any]:
    """Who a case opened by an applicant belongs to."""
    if act.case.state != NEW or act.role is not Role.APPLICANT:
        return {}
    name = act.new_facts.operator.name if act.new_facts else act.actor.name
    return {"uscc": act.actor.uscc, "name": name, "opened_on": act.today.isoformat()}


def _acted(so_far: Mapping[str, list[str]], event: str, actor: Actor) -> dict[str, list[str]]:
    acted = dict(so_far)
    if actor.id not in acted.get(event, ()):
        acted[event] = [*acted.get(event, ()), actor.id]
    return acted


def _on_file(act: Act, document: tuple[str, str] | None) -> dict[str, Any]:
    """The evidence as history keeps it: facts are a document of their own, named by digest."""
    kept = {name: value for name, value in act.evidence.items() if name not in (Field.FACTS, Field.OVERRIDE)}
    if Field.OVERRIDE in act.evidence:
        kept[Field.OVERRIDE] = {path: str(value) for path, value in act.evidence[Field.OVERRIDE].items()}
    if document and act.new_facts:
        kept[Field.FACTS] = {"sha256": document[0], "tenants": len(act.new_facts.tenants)}
    return kept


def _ban(act: Act, turned: Turn) -> BanOrder:
    clock = next(c for c in turned.started if act.machine.timer_of[c.timer].side is Side.NOBODY)
    return BanOrder(act.case.uscc, act.today, clock.due, act.edge.article)


def _after_ringing(decision: Decision, clock: Clock, alarm: Alarm) -> Decision:
    """The event of a clock whose last day has passed: the clock is done, whether or not the state changed."""
    clocks = dict(decision.changes.get("clocks", decision.before.memory["clocks"]))
    clocks.pop(alarm.timer, None)
    return replace(
        decision,
        changes={**decision.changes, "clocks": clocks},
        stopped=tuple({stopped.timer: stopped for stopped in (*decision.stopped, clock)}.values()),
        rung=alarm,
        notices=tuple(replace(order, clock=clock) for order in decision.notices),
    )


def _notices_of_alarm(
    pack: PolicyPack, case: Case, timer: Timer, clock: Clock, alarm: Alarm
) -> tuple[tuple[NoticeOrder, ...], Provision]:
    """Whom a reminder or an escalation tells, and the provision it rests on."""
    period = timer.period_of[clock.state]
    kind, _, which = alarm.name.partition(".")
    if kind == EXPIRE:
        return (), period
    if kind == REMIND:
        rule = next(r for r in timer.reminders if f"{r.before}_{r.unit}" == which)
        roles = case.still_at_work(period.responsible) or pack.identity.notices[rule.notice].to
        return tuple(NoticeOrder(rule.notice, role, clock) for role in roles), rule
    assert timer.escalation is not None, "only escalations are left"  # noqa: S101
    roles = pack.identity.notices[timer.escalation.notice].to
    return tuple(NoticeOrder(timer.escalation.notice, role, clock) for role in roles), timer.escalation
