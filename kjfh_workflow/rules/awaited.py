"""Whose act a case waits for, and which: read off the pack's machines, never off a name.

A state *rests* where nobody has to do anything: it is final, or what the case is about is there (an act has taken or
registered a title, or admitted a firm, and led to it). In every other state somebody's act is awaited, namely

* a person's, on that case alone; what is in a round the offices do round by round: only the operator's part is awaited;
* none that may also be done in a state that rests, like a finding of fraud, a proposed revocation or a step of an
  award, and none that may be done in every state alike, like a withdrawal: they are possible, but not the way on.
  Where these are all there are, they are the way on after all: a firm that has stayed too long graduates, leaves or is
  extended, as it might have before; unless time leads on by itself, as out of a public notice;
* of whom the state's clock names, or whose time it counts. A clock that runs where the case rests, too, names nobody.

Besides, a title waits for the next step of its awards on their way to be paid. Whether an act is allowed, once
everything is weighed, is ``decision``'s: only who has already done their part, and may not do another's, is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from kjfh_workflow.policy.machine import Edge, Machine, Period, Timer
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import (
    OFFICE_ROLES,
    PERSON_ROLES,
    AwardStatus,
    CaseKind,
    EffectName,
    GuardName,
    Role,
    Side,
)
from kjfh_workflow.rules.award_status import ONWARD, Award, awards_of
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.proposal import proposers_of

#: With these what the case is about is there, and stays.
_SETTLING = frozenset({EffectName.TAKE_TITLE, EffectName.REGISTER_TITLE, EffectName.ADMIT_TENANT})


@dataclass(frozen=True, slots=True)
class Awaited:
    """An act that a case waits for."""

    edge: Edge
    role: Role
    #: The award that it moves; None where it moves none.
    award: Award | None = None
    #: Departments endorse one after the other in that state, and each that has is done.
    endorsing: bool = False

    @property
    def event(self) -> str:
        """The event to perform."""
        return self.edge.event


@cache
def awaited_in(pack: PolicyPack, kind: CaseKind) -> Mapping[str, tuple[Awaited, ...]]:
    """State → the acts awaited there, without those on awards; states in which none is are left out."""
    machine = pack.machines[kind]
    resting = {name for name, state in machine.states.items() if state.final}
    resting |= {edge.to for edge in machine.edges if _SETTLING & {*edge.effects}}
    found = {state: tuple(_acts(machine, state, resting)) for state in machine.states if state not in resting}
    return {state: acts for state, acts in found.items() if acts}


def awaited_awards(pack: PolicyPack, kind: CaseKind) -> Iterator[tuple[Role, AwardStatus]]:
    """By whom the next step of an award is awaited, and in which status."""
    for edge, status in _onward(pack.machines[kind]):
        yield from ((role, status) for role in edge.by)


def awaited_of(pack: PolicyPack, case: Case, actor: Actor) -> list[Awaited]:
    """What *case* waits for *actor* to do; each event once, or once for each award."""
    roles = [role for role in actor.roles if _at_home(role, actor, case)]
    acts = [*awaited_in(pack, case.kind).get(case.state, ()), *_on_awards(pack.machines[case.kind], case)]
    mine = (act for act in acts if act.role in roles and not _is_out(act, case, actor))
    return [*{(act.event, act.award.key if act.award else ""): act for act in mine}.values()]


def responsible_for(machine: Machine, timer: Timer, period: Period) -> tuple[Role, ...]:
    """Whom the pack names, or whoever's time it is: of an office, all that may act in that state."""
    if period.responsible or timer.side is Side.NOBODY:
        return period.responsible
    if timer.side is Side.APPLICANT:
        return (Role.APPLICANT,)
    acting = {role for edge in machine.edges if period.state in edge.sources for role in edge.by}
    return tuple(role for role in Role if role in acting & OFFICE_ROLES)


def _at_home(role: Role, actor: Actor, case: Case) -> bool:
    """An operator's cases are its own wherever they are; an office's are its city's."""
    return actor.owns(case) if role is Role.APPLICANT else actor.city == case.city


def _acts(machine: Machine, state: str, resting: Iterable[str]) -> list[Awaited]:
    """The acts awaited in a state that does not rest."""
    waiting = {*machine.states} - {*resting}
    clocks = [t for t in machine.timers if state in t.period_of and not {*t.period_of} & {*resting}]
    here = [edge for edge in machine.edges if state in edge.sources]
    endorsing = any(EffectName.RECORD_ENDORSEMENT in edge.effects for edge in here)
    acts = [
        Awaited(edge, role, endorsing=endorsing)
        for edge in here
        if not edge.for_all
        for role in edge.by
        if role in PERSON_ROLES
    ]
    sources = {act.event: {s for edge in machine.edges_of[act.event] for s in edge.sources} for act in acts}
    anywhere = {event for event, found in sources.items() if found & {*resting}}
    everywhere = {event for event, found in sources.items() if waiting <= found}
    main = [act for act in acts if act.event not in anywhere | everywhere]
    if not main and not any(timer.on_due for timer in clocks):
        main = [act for act in acts if act.event not in anywhere] or acts
    named = {role for timer in clocks for role in responsible_for(machine, timer, timer.period_of[state])}
    in_round = machine.states[state].in_round
    return [act for act in main if (not named or act.role in named) and (act.role is Role.APPLICANT or not in_round)]


def _onward(machine: Machine) -> Iterator[tuple[Edge, AwardStatus]]:
    """The acts that bring an award on its way, and from where."""
    for edge in machine.edges:
        yield from ((edge, status) for name in edge.effects for status in ONWARD.get(name, ()))


def _on_awards(machine: Machine, case: Case) -> Iterator[Awaited]:
    awards = awards_of(case.memory).values()
    for edge, status in _onward(machine):
        if case.state in edge.sources:
            yield from (Awaited(edge, role, award) for award in awards if award.status is status for role in edge.by)


def _is_out(act: Awaited, case: Case, actor: Actor) -> bool:
    """Whether the role has done its part, or the actor has done another's that excludes this one."""
    memory, edge = case.memory, act.edge
    if act.award:
        return GuardName.PAYER_DID_NOT_APPROVE in edge.guards and act.award.approved_by == actor.id
    if EffectName.NOTE_REPORT in edge.effects:
        return str(memory.get("assessing")) in memory.get("reported", {})
    if edge.four_eyes and any(actor.id in case.actors_of(event) for event in edge.four_eyes.events):
        return True
    if GuardName.NOT_WHO_PROPOSED in edge.guards and actor.id in proposers_of(case):
        return True
    return act.endorsing and act.role in case.endorsed
