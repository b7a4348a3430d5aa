"""Whether one machine of a pack makes sense by itself: names, graph, choices, approvals.

Its clocks are asked about in ``clock_checks``, its ties to other machines in ``family_checks``, what it needs of the
tables in ``needs_checks``, and the right to be heard in ``hearing_checks``; the pack as a whole in ``checks``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from kjfh_workflow.errors import Problem
from kjfh_workflow.policy.clock_checks import clock_complaints
from kjfh_workflow.policy.family_checks import family_complaints
from kjfh_workflow.policy.graph import reachable, steps, told_edges
from kjfh_workflow.policy.hearing_checks import hearing_complaints
from kjfh_workflow.policy.machine import Edge, Machine, Timer
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.needs_checks import needs_complaints
from kjfh_workflow.policy.vocabulary import NEW, SAME, Branch, CaseKind, EffectName, Field, Role
from kjfh_workflow.policy.wording import hint, say

#: What only a person may do: nothing is ever approved by timeout.
_APPROVALS = frozenset(
    {
        EffectName.RECORD_ENDORSEMENT,
        EffectName.TAKE_TITLE,
        EffectName.REGISTER_TITLE,
        EffectName.TAKE_LEVEL,
        EffectName.APPLY_GRADE,
        EffectName.GRADUATE_TENANT,
        EffectName.EXTEND_STAY,
        EffectName.GRANT_RECOGNITION,
        EffectName.GRANT_STRAIGHT,
        EffectName.GRANT_TOP_UP,
        EffectName.GRANT_ANNUAL,
        EffectName.SETTLE_INSTALMENT,
        EffectName.APPROVE_AWARD,
        EffectName.PAY_AWARD,
        EffectName.RELEASE_AWARD,
    }
)


class MachineCheck:
    """The checks of one machine of a pack."""

    def __init__(self, pack: PolicyPack, kind: CaseKind, machine: Machine) -> None:
        self._pack = pack
        self._kind = kind
        self._machine = machine

    def problems(self) -> list[Problem]:
        """Every problem of this machine; the graph is only walked once its names are right."""
        found = [*self._names()] or [
            *self._reachability(),
            *self._choices(),
            *clock_complaints(self._machine),
            *self._approvals(),
            *family_complaints(self._pack, self._kind, self._machine),
            *needs_complaints(self._pack, self._machine),
            *hearing_complaints(self._pack, self._kind, self._machine),
        ]
        return [Problem(f"machines/{self._kind}.toml", key, message) for key, message in found]

    def _names(self) -> Iterator[tuple[str, str]]:
        machine = self._machine
        for index, edge in enumerate(machine.edges):
            yield from self._edge_names(f"edge[{index}].{edge.event}", edge)
        for event in machine.events:
            if not machine.edges_of[event]:
                yield f"events.{event}", say("event_without_edge")
        for timer in machine.timers:
            yield from self._timer_names(f"timer.{timer.name}", timer)
        for name, count in Counter(timer.name for timer in machine.timers).items():
            if count > 1:
                yield "timer", say("duplicate", name=name)

    def _edge_names(self, key: str, edge: Edge) -> Iterator[tuple[str, str]]:
        states, events = self._machine.states, self._machine.events
        if edge.event not in events:
            yield key, say("unknown_event", name=edge.event) + hint(edge.event, events)
        for source in edge.sources:
            if source not in states and source != NEW:
                yield f"{key}.from", say("unknown_state", name=source) + hint(source, [*states, NEW])
        if edge.to == NEW:
            yield f"{key}.to", say("new_in_middle")
        elif edge.to == SAME and NEW in edge.sources:
            yield f"{key}.to", say("same_from_new")
        elif edge.to not in states and edge.to != SAME:
            yield f"{key}.to", say("unknown_state", name=edge.to) + hint(edge.to, [*states, SAME])
        for name in edge.fields:
            if name not in set(Field):
                yield f"{key}.evidence", say("unknown_evidence", name=name) + hint(name, Field)
        for name in edge.four_eyes.events if edge.four_eyes else ():
            if name not in events:
                yield f"{key}.four_eyes", say("unknown_event", name=name) + hint(name, events)
        for role in edge.by:
            if role in (Role.AUDITOR, Role.ADMIN):
                yield f"{key}.by", say("role_cannot_act", name=role)

    def _timer_names(self, key: str, timer: Timer) -> Iterator[tuple[str, str]]:
        states, events = self._machine.states, self._machine.events
        for state in (*timer.period_of, *timer.pauses_in):
            if state not in states:
                yield key, say("unknown_state", name=state) + hint(state, states)
        if timer.on_due is not None and timer.on_due not in events:
            yield f"{key}.on_due", say("unknown_event", name=timer.on_due) + hint(timer.on_due, events)

    def _reachability(self) -> Iterator[tuple[str, str]]:
        reached = reachable(self._machine, {NEW})
        leads_away = {source for source, target, _ in steps(self._machine) if source != target}
        for name, state in self._machine.states.items():
            if name not in reached:
                yield f"states.{name}", say("unreachable_state")
            elif not state.final and name not in leads_away:
                yield f"states.{name}", say("dead_end")
        for index, edge in enumerate(self._machine.edges):
            for event in edge.four_eyes.events if edge.four_eyes else ():
                happened = {t for s, t, e in steps(self._machine) if e.event == event and s in reached}
                if not reachable(self._machine, happened) & {*edge.sources}:
                    yield f"edge[{index}].{edge.event}.four_eyes", say("four_eyes_event", name=event)

    def _choices(self) -> Iterator[tuple[str, str]]:
        """Between edges of one event from one state, each must be choosable and one must be left over."""
        for (event, state), edges in self._machine.edges_from.items():
            for role in sorted({role for edge in edges for role in edge.by}):
                mine = [edge for edge in edges if role in edge.by]
                key = f"edge.{event}"
                taken: list[set[Branch]] = []
                for edge in mine:
                    # What an earlier edge asks is all asked here too: that edge always comes first.
                    if any(earlier <= {*edge.when} for earlier in taken):
                        yield key, say("never_chosen", state=state, role=role)
                    taken.append({*edge.when})
                if set() not in taken:
                    yield key, say("no_default", state=state, role=role)
                if len({tuple(sorted(edge.fields.items())) for edge in mine}) > 1:
                    yield key, say("evidence_differs", state=state, role=role)

    def _approvals(self) -> Iterator[tuple[str, str]]:
        """Only people approve, and each department's word is kept."""
        departments = self._pack.identity.departments.roles
        endorsing: set[Role] = set()
        for edge in self._machine.edges:
            key = f"edge.{edge.event}"
            if Role.TIMER in edge.by and (edge.opens or _APPROVALS & self._done_by(edge)):
                yield key, say("approved_by_timer")
            if EffectName.RECORD_ENDORSEMENT in edge.effects:
                endorsing |= {*edge.by}
            elif Branch.ALL_DEPARTMENTS_ENDORSED in edge.when:
                yield key, say("endorsement_not_recorded")
            if Branch.BEFORE_ADVERSE_FROM in edge.when and not self._pack.identity.in_force.adverse_from:
                yield key, say("no_adverse_from")
        for role in departments if endorsing else ():
            if role not in endorsing:
                yield "edge", say("department_cannot_endorse", role=role)

    def _done_by(self, edge: Edge) -> set[EffectName]:
        """The effects of an edge, and of whatever it tells the case above."""
        parent = self._pack.machines.get(self._machine.under) if self._machine.under else None
        return {effect for done in (edge, *told_edges(parent, edge)) for effect in done.effects}
