"""Whether one machine of a pack makes sense: names, graph, choices, clocks, the right to be heard.

What concerns the pack as a whole (citations, notices, criteria) is asked in ``checks``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from kjfh_workflow.errors import Problem
from kjfh_workflow.policy.machine import Edge, Machine, Timer
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import (
    NEW,
    OFFICE_ROLES,
    SAME,
    Branch,
    CaseKind,
    EffectName,
    Field,
    LengthUnit,
    Role,
    Side,
)
from kjfh_workflow.policy.wording import hint, say

#: What only a person may do: nothing is ever approved by timeout.
_APPROVALS = {EffectName.RECORD_ENDORSEMENT, EffectName.TAKE_TITLE}


class MachineCheck:
    """The checks of one machine, which share its graph."""

    def __init__(self, pack: PolicyPack, kind: CaseKind, machine: Machine) -> None:
        self._pack = pack
        self._kind = kind
        self._machine = machine

    def problems(self) -> list[Problem]:
        """Every problem of this machine; the graph is only walked once its names are right."""
        names = [*self._names()]
        found = names or [
            *self._reachability(),
            *self._choices(),
            *self._timers(),
            *self._approvals(),
            *self._openings(),
            *self._right_to_be_heard(),
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

    def _steps(self) -> Iterator[tuple[str, str, Edge]]:
        for edge in self._machine.edges:
            for source in edge.sources:
                yield source, source if edge.to == SAME else edge.to, edge

    def _reachable(self, start: str, by: Callable[[str, Edge], bool] = lambda _source, _edge: True) -> set[str]:
        seen, waiting = {start}, [start]
        while waiting:
            here = waiting.pop()
            for source, target, edge in self._steps():
                if source == here and target not in seen and by(source, edge):
                    seen.add(target)
                    waiting.append(target)
        return seen

    def _reachability(self) -> Iterator[tuple[str, str]]:
        reachable = self._reachable(NEW)
        leads_away = {source for source, target, _ in self._steps() if source != target}
        for name, state in self._machine.states.items():
            if name not in reachable:
                yield f"states.{name}", say("unreachable_state")
            elif not state.final and name not in leads_away:
                yield f"states.{name}", say("dead_end")
        for index, edge in enumerate(self._machine.edges):
            for event in edge.four_eyes.events if edge.four_eyes else ():
                happened = {t for s, t, e in self._steps() if e.event == event and s in reachable}
                before = set().union(*(self._reachable(state) for state in happened)) if happened else set()
                if not before & set(edge.sources):
                    yield f"edge[{index}].{edge.event}.four_eyes", say("four_eyes_event", name=event)

    def _choices(self) -> Iterator[tuple[str, str]]:
        """Between edges of one event from one state, each must be choosable and one must be left over."""
        for (event, state), edges in self._machine.edges_from.items():
            for role in sorted({role for edge in edges for role in edge.by}):
                mine = [edge for edge in edges if role in edge.by]
                key = f"edge.{event}"
                conditions = [edge.when for edge in mine]
                taken: set[str | None] = set()
                for condition in conditions:
                    if condition in taken or None in taken:
                        yield key, say("never_chosen", state=state, role=role)
                    taken.add(condition)
                if None not in taken:
                    yield key, say("no_default", state=state, role=role)
                if len({tuple(sorted(edge.fields.items())) for edge in mine}) > 1:
                    yield key, say("evidence_differs", state=state, role=role)

    def _timers(self) -> Iterator[tuple[str, str]]:
        machine = self._machine
        for timer in machine.timers:
            key = f"timer.{timer.name}"
            if not (timer.on_due or timer.reminders or timer.escalation):
                yield key, say("timer_no_effect")
            yield from self._timer_periods(timer, key)
            yield from self._timer_parts(timer, key)
        driven = {(timer.on_due, state) for timer in machine.timers for state in timer.period_of}
        for edge in machine.edges:
            for source in edge.sources if Role.TIMER in edge.by else ():
                if (edge.event, source) not in driven:
                    yield f"edge.{edge.event}", say("timer_event_unused", name=edge.event, state=source)
            if EffectName.IMPOSE_BAN in edge.effects:
                bars = any(t.side is Side.NOBODY and edge.to in t.period_of for t in machine.timers)
                if not bars:
                    yield f"edge.{edge.event}", say("ban_without_timer", state=edge.to)

    def _timer_periods(self, timer: Timer, key: str) -> Iterator[tuple[str, str]]:
        for period in timer.periods:
            if period.length is None and not period.length_from:
                yield f"{key}.{period.state}", say("timer_no_length")
            if period.length_from:
                into = [edge.fields for s, t, edge in self._steps() if t == period.state and s != t]
                offered = {name for fields in into for name in fields}
                if period.length_from not in offered:
                    message = say("length_from", name=period.length_from, state=period.state)
                    yield f"{key}.{period.state}", message + hint(period.length_from, offered)
                elif period.length is None and not all(fields.get(period.length_from) for fields in into):
                    message = say("length_optional", name=period.length_from, state=period.state)
                    yield f"{key}.{period.state}", message
            if timer.on_due:
                edges = self._machine.edges_from.get((timer.on_due, period.state), ())
                if not any(Role.TIMER in edge.by for edge in edges):
                    yield key, say("timer_event", name=timer.on_due, state=period.state)

    def _timer_parts(self, timer: Timer, key: str) -> Iterator[tuple[str, str]]:
        """Parts of a timer that would silently do nothing, or count wrongly."""
        if timer.on_due and timer.escalation:
            yield f"{key}.escalation", say("escalation_never")
        if timer.pauses_in and any(period.unit is not LengthUnit.WORKING_DAYS for period in timer.periods):
            yield f"{key}.pauses_in", say("pause_in_days")
        if timer.side is Side.NOBODY:
            imposing = {t for s, t, edge in self._steps() if EffectName.IMPOSE_BAN in edge.effects}
            for state in timer.period_of.keys() - imposing:
                yield f"{key}.{state}", say("bar_never_starts")

    def _approvals(self) -> Iterator[tuple[str, str]]:
        """Only people approve, and each department's word is kept."""
        departments = self._pack.identity.departments.roles
        endorsing: set[Role] = set()
        for edge in self._machine.edges:
            key = f"edge.{edge.event}"
            if Role.TIMER in edge.by and (edge.opens or _APPROVALS & {*edge.effects}):
                yield key, say("approved_by_timer")
            if EffectName.RECORD_ENDORSEMENT in edge.effects:
                endorsing |= {*edge.by}
            elif edge.when is Branch.ALL_DEPARTMENTS_ENDORSED:
                yield key, say("endorsement_not_recorded")
            yield from self._proposals(edge, key)
            if edge.when is Branch.BEFORE_ADVERSE_FROM and not self._pack.identity.in_force.adverse_from:
                yield key, say("no_adverse_from")
        for role in departments if endorsing else ():
            if role not in endorsing:
                yield "edge", say("department_cannot_endorse", role=role)

    def _proposals(self, edge: Edge, key: str) -> Iterator[tuple[str, str]]:
        """Whoever is to be heard is told the ground and the article, and so is the decision."""
        states = self._machine.states
        keeps = EffectName.KEEP_PROPOSAL in edge.effects
        if keeps and not (edge.fields.get(Field.GROUND) and edge.fields.get(Field.ARTICLE)):
            yield f"{key}.evidence", say("proposal_without_ground")
        heard_before = any(source != NEW and states[source].right_to_be_heard for source in edge.sources)
        if edge.to != SAME and states[edge.to].right_to_be_heard and not heard_before and not keeps:
            yield key, say("proposal_not_kept", state=edge.to)

    def _openings(self) -> Iterator[tuple[str, str]]:
        for edge in self._machine.edges:
            if edge.opens is None:
                continue
            opened = self._pack.machines.get(edge.opens)
            if opened is None:
                yield f"edge.{edge.event}.opens", say("no_machine", name=edge.opens)
            elif opening_edge(opened) is None:
                yield f"edge.{edge.event}.opens", say("opens_nothing", name=edge.opens)

    def _right_to_be_heard(self) -> Iterator[tuple[str, str]]:
        """No way to a cancelled title before the holder has spoken, or its time to speak is over.

        The last step must leave a state where it is heard, and no office takes a title by another name.
        """
        states = self._machine.states
        unheard = self._reachable(NEW, lambda source, edge: not self._hears(source, edge))
        for source, target, edge in self._steps():
            key = f"edge.{edge.event}"
            if source == target:
                continue
            if states[target].title_cancelled:
                if source in unheard and not self._hears(source, edge):
                    yield key, say("not_heard", state=source, to=target)
                elif not states[source].right_to_be_heard:
                    yield key, say("not_heard_cancel", state=source, to=target)
            elif source != NEW and states[source].titled and not states[target].titled and OFFICE_ROLES & {*edge.by}:
                yield key, say("title_lost", state=source, to=target)

    def _hears(self, source: str, edge: Edge) -> bool:
        """Whether by this step the holder speaks, or lets its time to speak pass."""
        if source == NEW or not self._machine.states[source].right_to_be_heard:
            return False
        ended = {timer.on_due for timer in self._machine.timers if timer.side is Side.APPLICANT}
        return {*edge.by} == {Role.APPLICANT} or ({*edge.by} == {Role.TIMER} and edge.event in ended)


def opening_edge(machine: Machine) -> Edge | None:
    """The edge by which another case opens a case of this machine."""
    return next((e for e in machine.edges if NEW in e.sources and Role.CASE in e.by), None)
