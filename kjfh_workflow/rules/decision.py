"""One act, decided: every reason against it, or everything it writes. The heart of the house.

The doors stand in a fixed order: other city, not authorised, not allowed from this state. Only behind them are
the other reasons collected, all of them. Nothing here reads or writes a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.errors import GuardRefused, Refusal, TransitionNotAllowed
from kjfh_workflow.policy.graph import opening_edge
from kjfh_workflow.policy.machine import State, Timer
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.part import Provision
from kjfh_workflow.policy.vocabulary import (
    NEW,
    CaseKind,
    EffectName,
    Field,
    GuardName,
    OneOpenPer,
    RefusalCode,
    Role,
    Side,
)
from kjfh_workflow.rules.act import Act
from kjfh_workflow.rules.award_status import award_meant
from kjfh_workflow.rules.awards import newly_proposed
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.clocks import EXPIRE, REMIND, Alarm, Clock, clocks_of, next_escalation
from kjfh_workflow.rules.decided import BanOrder, Decision, Known, NoticeOrder
from kjfh_workflow.rules.doors import through_the_doors
from kjfh_workflow.rules.effects import changes_of
from kjfh_workflow.rules.evidence import read_evidence, read_facts
from kjfh_workflow.rules.facts import Facts, whereabouts
from kjfh_workflow.rules.guards import refusals_of
from kjfh_workflow.rules.lifecycle import lifecycle_of
from kjfh_workflow.rules.reckoning import reckon
from kjfh_workflow.rules.refusing import refusal
from kjfh_workflow.rules.turning import Turn, turn


def decide(pack: PolicyPack, case: Case, event: str, actor: Actor, given: Mapping[str, Any], known: Known) -> Decision:
    """What *event* by *actor* does to *case*.

    Raises:
        NotAuthorised: another city's case, the wrong role, or a stranger to the case.
        TransitionNotAllowed: the state (or this city's machine) does not have the event.
        GuardRefused: with every other reason.
    """
    parent = known.parent[0] if known.parent else None
    role = through_the_doors(pack, pack.machines[case.kind], case, event, actor, parent)
    return decide_as(pack, case, event, actor, role, given, known)


def decide_as(
    pack: PolicyPack,
    case: Case,
    event: str,
    actor: Actor,
    role: Role,
    given: Mapping[str, Any],
    known: Known,
    told_by: Case | None = None,
) -> Decision:
    """The same behind the doors: somebody has seen to it that the actor may, as *role*, and that the state allows it.

    Args:
        told_by: the case whose act performs this one with it.

    Raises:
        TransitionNotAllowed: if the case that is told of it cannot do its part.
        GuardRefused: with every other reason.
    """
    machine = pack.machines[case.kind]
    fields = next(edge.fields for edge in machine.edges_from[event, case.state] if role in edge.by)
    evidence, refusals = read_evidence(pack, fields, given)
    lifecycle = lifecycle_of(pack, case.kind)
    edge, target = lifecycle.take(case, event, role, known.today, known.load_standing, evidence)
    new_facts, fact_refusals = _facts_handed_in(pack, case, actor, evidence, known)
    act = Act(
        pack=pack, machine=machine, case=case, event=event, edge=edge, target=target, actor=actor, role=role,
        today=known.today, evidence=evidence, calendar=known.calendar, new_facts=new_facts,
        load_document=known.load_document, load_standing=known.load_standing,
        parent=known.parent[0] if known.parent else None, told_by=told_by,
    )  # fmt: skip
    refusals += fact_refusals
    # What could not even be read has been complained about; nothing more specific is to be said of it.
    unread = tuple(refusal.field for refusal in refusals if refusal.field)
    refusals += [found for found in refusals_of(act) if not _is_within(found.field, unread)]
    if refusals:
        raise GuardRefused(refusals)
    decision = _written(act)
    _refuse_second_tenancy(act, decision, known)
    return replace(decision, told=_told(pack, decision, edge.tells, known)) if edge.tells else decision


def _refuse_second_tenancy(act: Act, decision: Decision, known: Known) -> None:
    """One tenancy per firm in an incubator; other places are refused by guards of their own."""
    if act.case.state != NEW or act.machine.one_open_per is not OneOpenPer.TENANT or decision.slot is None:
        return
    if known.taken(decision.slot):
        name = decision.changes["tenant"]["name"]
        raise GuardRefused([act.refuse(RefusalCode.TENANT_NOT_ELIGIBLE, variant="twice", name=name)])


def _told(pack: PolicyPack, child: Decision, event: str, known: Known) -> Decision:
    """What the case it belongs to does with an act: an event of its own, which takes by name what the act knows."""
    assert known.parent is not None, "checks.tells_nobody"  # noqa: S101
    parent, of_parent = known.parent
    edges = pack.machines[parent.kind].edges_from.get((event, parent.state), ())
    if not edges:
        state = pack.state_label(parent.kind, parent.state)
        raise TransitionNotAllowed([refusal(pack, RefusalCode.NOT_ALLOWED_FROM_STATE, variant="parent", state=state)])
    knows = {**child.after.memory, **child.evidence}
    given = {name: knows[name] for edge in edges for name in edge.fields if name in knows}
    return decide_as(pack, parent, event, child.actor, Role.CASE, given, of_parent, child.after)


def _is_within(field_path: str, others: tuple[str, ...]) -> bool:
    return any(field_path == other or field_path.startswith(f"{other}.") for other in others)


#: What a case that another one opens takes over from it.
_CARRIED = ("uscc", "name", "type", "facts", "facts_on", "award_yuan")


def decide_opening(pack: PolicyPack, kind: CaseKind, parent: Decision, case_id: str, known: Known) -> Decision:
    """The first row of a case that another case's act opens: same actor, same day, facts carried over."""
    machine = pack.machines[kind]
    edge = opening_edge(machine)
    assert edge is not None, "checks.opens_nothing"  # noqa: S101
    born = parent.before
    memory: dict[str, Any] = {**born.memory, **parent.changes}
    carried = {str(key): memory[key] for key in _CARRIED if key in memory}
    if "facts" in carried:
        carried |= whereabouts(known.load_document())
    case = Case(case_id, born.city, kind, pack.version, memory=carried)
    act = Act(
        pack=pack, machine=machine, case=case, event=edge.event, edge=edge, target=edge.to, actor=parent.actor,
        role=Role.CASE, today=known.today, evidence={}, calendar=known.calendar, new_facts=None,
        load_document=known.load_document, load_standing=known.load_standing,
    )  # fmt: skip
    opened: dict[str, Any] = {**carried, "opened_by": born.id}
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
        decision = _after_ringing(decide(pack, case, timer.on_due, actor, {}, known), clock, alarm)
        return replace(decision, notices=()) if _holds_no_title(pack, known) else decision
    added = next_escalation(timer, clock, alarm.name, known.today, known.calendar)
    still = clock.without(alarm.name, added)
    notices, rule = _notices_of_alarm(pack, case, timer, clock, alarm)
    too_late = alarm.name.startswith(REMIND) and known.today > clock.due  # to remind of what has already passed
    if too_late or _holds_no_title(pack, known):
        notices = ()
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


def _holds_no_title(pack: PolicyPack, known: Known) -> bool:
    """Whether the title that the case belongs to is over: its duties are over too, and nobody is told of them."""
    if known.parent is None:
        return False
    parent, _ = known.parent
    return pack.machines[parent.kind].states[parent.state].final


def _facts_handed_in(
    pack: PolicyPack, case: Case, actor: Actor, evidence: Mapping[str, Any], known: Known
) -> tuple[Facts | None, list[Refusal]]:
    has_facts = bool(case.facts or (known.parent and known.parent[0].facts))
    needs_base = Field.OVERRIDE in evidence and Field.FACTS not in evidence and has_facts
    base = canonical.loads(known.load_document()) if needs_base else None
    return read_facts(pack, actor.uscc, base, evidence)


def _written(act: Act, opened: Mapping[str, Any] | None = None) -> Decision:
    case, edge, before = act.case, act.edge, act.case.memory
    changes: dict[str, Any] = {**_first_entries(act), **(opened or {})}
    document = None
    if act.new_facts:
        text = canonical.dumps(act.new_facts.model_dump(mode="json"))
        document = (canonical.digest(text), text)
        changes["facts"] = document[0]
    changes |= changes_of(act, changes)
    changes |= _payment_block(act)
    memory = {**before, **changes}
    turned = turn(
        _timers_of(act), case, act.target, act.today, act.evidence, act.calendar,
        lambda period: reckon(act.pack, memory, period),
    )  # fmt: skip
    changes |= turned.changes
    changes["acted"] = _acted(changes.get("acted", before.get("acted", {})), act.event, act.actor)
    return Decision(
        before=case,
        pack=act.pack,
        event=act.event,
        target=act.target,
        actor=act.actor,
        role=act.role,
        article=_rests_on(act),
        status=edge.status,
        # What is forgotten must have been known.
        changes={key: value for key, value in changes.items() if value is not None or key in before},
        evidence=_on_file(act, document),
        evaluation=act.evaluation.as_data() if GuardName.CRITERIA_MET in edge.guards else None,
        started=turned.started,
        stopped=turned.stopped,
        notices=_notices(act, {**before, **changes}),
        ban=_ban(act, turned) if EffectName.IMPOSE_BAN in edge.effects else None,
        opens=edge.opens,
        document=document,
    )


def _rests_on(act: Act) -> str:
    """The article: of the award that is moved, of the proposal that is decided, or the edge's own."""
    if award := award_meant(act):
        return award.article
    heard = act.case.state != NEW and act.machine.states[act.case.state].right_to_be_heard
    if heard and not act.machine.states[act.target].right_to_be_heard:
        return str(act.case.memory.get("proposal", {}).get("article", act.edge.article))
    return act.edge.article


def _notices(act: Act, memory: Mapping[str, Any]) -> tuple[NoticeOrder, ...]:
    known, awards = act.pack.identity.notices, act.pack.identity.awards
    names = [*act.edge.notify]
    if awards and newly_proposed(act.case.memory, memory):
        names.append(awards.notice)
    return tuple(NoticeOrder(name, role) for name in names for role in known[name].to)


def _payment_block(act: Act) -> dict[str, Any]:
    """Since which act nothing is paid without a reasoned release; forgotten with the state that blocks.

    A rectification, a proposed revocation and a title that is lost are three grounds: a release for one of them
    does not answer the next.
    """
    states = act.machine.states
    before = None if act.case.state == NEW else _ground_of_block(states[act.case.state])
    after = _ground_of_block(states[act.target])
    if before == after:
        return {}
    return {"block": act.version if after else None}


def _ground_of_block(state: State) -> tuple[bool, bool] | None:
    return (state.right_to_be_heard, state.final) if state.blocks_payment else None


def _timers_of(act: Act) -> list[Timer]:
    """The timers that may turn; a bar is started only by the act that imposes it."""
    imposes = EffectName.IMPOSE_BAN in act.edge.effects
    running = act.case.memory.get("clocks", {})
    return [t for t in act.machine.timers if imposes or t.side is not Side.NOBODY or t.name in running]


def _first_entries(act: Act) -> dict[str, Any]:
    """Since when there is a case, and who it belongs to."""
    if act.case.state != NEW:
        return {}
    first: dict[str, Any] = {"opened_on": act.today.isoformat()}
    if act.parent:
        first |= {"parent": act.parent.id, "uscc": act.parent.uscc, "name": act.parent.name, "type": act.parent.type}
    elif act.role is Role.APPLICANT:
        name = act.new_facts.operator.name if act.new_facts else act.actor.name
        first |= {"uscc": act.actor.uscc, "name": name}
    return first


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
    if clocks.get(alarm.timer, {}).get("sequence") == alarm.sequence:
        del clocks[alarm.timer]
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
        notice = timer.overdue_notice
        told = pack.identity.notices[notice].to if notice else ()
        return tuple(NoticeOrder(notice or "", role, clock) for role in told), period
    if kind == REMIND:
        rule = next(r for r in timer.reminders if f"{r.before}_{r.unit}" == which)
        roles = case.still_at_work(period.responsible) or pack.identity.notices[rule.notice].to
        return tuple(NoticeOrder(rule.notice, role, clock) for role in roles), rule
    assert timer.escalation is not None, "only escalations are left"  # noqa: S101
    roles = pack.identity.notices[timer.escalation.notice].to
    return tuple(NoticeOrder(timer.escalation.notice, role, clock) for role in roles), timer.escalation
