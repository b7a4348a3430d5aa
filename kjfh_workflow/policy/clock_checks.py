"""Whether the clocks of one machine make sense: lengths, reckonings, events, alarms that would never ring.

What a reckoning needs of the pack's tables is asked in ``needs_checks``; whether a clock ends the time to be heard, in
``hearing_checks``.
"""

from __future__ import annotations

from collections.abc import Iterator

from kjfh_workflow.policy.graph import steps
from kjfh_workflow.policy.machine import Edge, Machine, Period, Timer
from kjfh_workflow.policy.vocabulary import EffectName, LengthUnit, Reckoning, Role, Side
from kjfh_workflow.policy.wording import hint, say

Complaints = Iterator[tuple[str, str]]

#: Neither a date that a person enters nor a burden moves off a rest day.
_NEVER_ROLL = {Reckoning.DATE_ORDERED, Reckoning.STAY, Reckoning.UNASSESSED_INSTALMENT}


def clock_complaints(machine: Machine) -> Complaints:
    """(key, message) of everything wrong with the clocks of *machine*."""
    for timer in machine.timers:
        key = f"timer.{timer.name}"
        if not (timer.on_due or timer.reminders or timer.escalation or timer.overdue_notice):
            yield key, say("timer_no_effect")
        for period in timer.periods:
            yield from _length(machine, period, f"{key}.{period.state}")
            edges = machine.edges_from.get((timer.on_due or "", period.state), ())
            if timer.on_due and not any(Role.TIMER in edge.by for edge in edges):
                yield key, say("timer_event", name=timer.on_due, state=period.state)
        yield from _parts(machine, timer, key)
    yield from _events(machine)


def nobody_hands_in(edge: Edge, key: str) -> Complaints:
    """What an edge requires although no person performs it."""
    for name, required in edge.fields.items():
        if required:
            yield f"{key}.evidence", say("nobody_hands_in", name=name)


def _events(machine: Machine) -> Complaints:
    """Every edge by a timer has its clock, and asks for nothing that a clock cannot bring."""
    driven = {(timer.on_due, state) for timer in machine.timers for state in timer.period_of}
    for edge in machine.edges:
        key = f"edge.{edge.event}"
        for source in edge.sources if Role.TIMER in edge.by else ():
            if (edge.event, source) not in driven:
                yield key, say("timer_event_unused", name=edge.event, state=source)
        if Role.TIMER in edge.by:
            yield from nobody_hands_in(edge, key)
        if EffectName.IMPOSE_BAN in edge.effects:
            bars = any(t.side is Side.NOBODY and edge.to in t.period_of for t in machine.timers)
            if not bars:
                yield key, say("ban_without_timer", state=edge.to)


def _length(machine: Machine, period: Period, key: str) -> Complaints:
    if period.reckoning is not None:
        counted = period.reckoning is Reckoning.DAY_OF_CHANGE
        if counted and period.length is None:
            yield key, say("timer_no_length")
        if period.length_from or (period.length is not None and not counted):
            yield key, say("reckoned_length", name=period.reckoning)
        if period.rolls and period.reckoning in _NEVER_ROLL:
            yield f"{key}.rolls", say("reckoned_rolls", name=period.reckoning)
    elif period.length is None and not period.length_from:
        yield key, say("timer_no_length")
    elif period.length_from:
        into = [edge.fields for source, to, edge in steps(machine) if to == period.state and source != to]
        offered = {name for fields in into for name in fields}
        if period.length_from not in offered:
            message = say("length_from", name=period.length_from, state=period.state)
            yield key, message + hint(period.length_from, offered)
        elif period.length is None and not all(fields.get(period.length_from) for fields in into):
            yield key, say("length_optional", name=period.length_from, state=period.state)


def _parts(machine: Machine, timer: Timer, key: str) -> Complaints:
    """Parts of a timer that would silently do nothing, or count wrongly."""
    if timer.on_due and timer.escalation:
        yield f"{key}.escalation", say("escalation_never")
    if timer.on_due and timer.overdue_notice:
        yield f"{key}.overdue_notice", say("overdue_never")
    if timer.pauses_in and any(period.unit is not LengthUnit.WORKING_DAYS for period in timer.periods):
        yield f"{key}.pauses_in", say("pause_in_days")
    elif timer.pauses_in and any(period.reckoning for period in timer.periods):
        yield f"{key}.pauses_in", say("reckoned_pauses")
    if timer.side is Side.NOBODY:
        imposing = {target for _, target, edge in steps(machine) if EffectName.IMPOSE_BAN in edge.effects}
        for state in timer.period_of.keys() - imposing:
            yield f"{key}.{state}", say("bar_never_starts")
