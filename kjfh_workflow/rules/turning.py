"""What one step of a case does to its clocks: they start, stop, pause, resume, or follow their reckoning.

What a clock is, and when its alarms ring, is ``clocks``'s; the dates are ``deadlines``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from kjfh_workflow.policy.machine import Period, Timer
from kjfh_workflow.policy.vocabulary import Reckoning
from kjfh_workflow.rules.calendar import WorkCalendar
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import EXPIRE, REMIND, Clock, alarms_until, clocks_of, spans_as_data, spans_from_data
from kjfh_workflow.rules.deadlines import Deadline, count, workdays_between
from kjfh_workflow.rules.reckoning import Term

#: Clocks that may start when little is left of them, by an act that tells nobody.
_UNANNOUNCED = (Reckoning.DAY_OF_CHANGE, Reckoning.STAY)
#: The term of a period with a reckoning; None where no clock runs.
Reckon = Callable[[Period], Term | None]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one step of a case does to its clocks."""

    started: tuple[Clock, ...] = ()
    stopped: tuple[Clock, ...] = ()
    #: Keys of the case's memory to assign.
    changes: Mapping[str, Any] = field(default_factory=dict)


def turn(
    timers: Iterable[Timer],
    case: Case,
    target: str,
    today: date,
    evidence: Mapping[str, Any],
    calendar: WorkCalendar,
    reckon: Reckon = lambda _: None,
) -> Turn:
    """Stop, pause, resume and start clocks as the case goes to *target*; a reckoned one follows its reckoning."""
    turning = _Turning(case, today, calendar)
    for timer in timers:
        period = timer.period_of.get(target)
        if period and period.reckoning:
            turning.follow(timer, period, reckon(period))
        elif target != case.state:
            turning.move(timer, target, period, evidence)
    return turning.done()


class _Turning:
    """The clocks of one case while a step of it turns them."""

    def __init__(self, case: Case, today: date, calendar: WorkCalendar) -> None:
        self._case = case
        self._today = today
        self._calendar = calendar
        self._running = clocks_of(case)
        self._clocks: dict[str, Any] = dict(case.memory.get("clocks", {}))
        self._paused: dict[str, Any] = dict(case.memory.get("paused", {}))
        self._counts: dict[str, int] = dict(case.memory.get("clock_counts", {}))
        self._started: list[Clock] = []
        self._stopped: list[Clock] = []

    def follow(self, timer: Timer, period: Period, term: Term | None) -> None:
        """Start, keep, move or stop a clock as its term says."""
        clock = self._running.get(timer.name)
        if clock and term and _runs_for(clock, term):
            return
        self._stop(timer)
        if term:
            deadline = count(self._calendar, term.trigger, term.length, term.unit, rolls=period.rolls)
            self._start(timer, _clock(timer, period, self._next(timer), deadline, self._today, self._calendar))

    def move(self, timer: Timer, target: str, period: Period | None, evidence: Mapping[str, Any]) -> None:
        """Stop or pause a clock that the case leaves behind; resume or start the one of its new state."""
        clock = self._stop(timer)
        if target in timer.pauses_in:
            if clock:
                self._paused[timer.name] = _kept(clock, self._today, self._calendar)
            return
        kept = self._paused.pop(timer.name, None)
        if period is None:
            return
        sequence = self._next(timer)
        if kept and kept["state"] == target:
            self._start(timer, _resumed(timer, period, sequence, self._today, kept, self._calendar))
        else:
            length = evidence.get(period.length_from) or period.length
            self._start(timer, _start(timer, period, sequence, self._today, length, self._calendar))

    def done(self) -> Turn:
        """What has been turned."""
        if not (self._started or self._stopped or self._paused != self._case.memory.get("paused", {})):
            return Turn()
        changes = {"clocks": self._clocks, "paused": self._paused, "clock_counts": self._counts}
        return Turn(tuple(self._started), tuple(self._stopped), changes)

    def _next(self, timer: Timer) -> int:
        self._counts[timer.name] = self._counts.get(timer.name, 0) + 1
        return self._counts[timer.name]

    def _start(self, timer: Timer, clock: Clock) -> None:
        self._started.append(clock)
        self._clocks[timer.name] = clock.as_data()

    def _stop(self, timer: Timer) -> Clock | None:
        clock = self._running.get(timer.name)
        if clock:
            self._stopped.append(clock)
            del self._clocks[timer.name]
        return clock


def _runs_for(clock: Clock, term: Term) -> bool:
    proof = clock.deadline
    return (proof.trigger, proof.length, proof.unit) == (term.trigger, term.length, term.unit)


def _kept(clock: Clock, today: date, calendar: WorkCalendar) -> dict[str, Any]:
    """What a clock that stands still keeps: what was left, and what its proof will need."""
    used = workdays_between(calendar, clock.deadline.trigger, today)
    begun, whole = clock.begun or (clock.deadline.trigger, clock.deadline.length)
    return {
        "state": clock.state,
        "left": max(0, clock.deadline.length - used),
        "begun": [begun.isoformat(), whole],
        "since": today.isoformat(),
        "stood_still": spans_as_data(clock.stood_still),
    }


def _resumed(
    timer: Timer, period: Period, sequence: int, today: date, kept: Mapping[str, Any], calendar: WorkCalendar
) -> Clock:
    fresh = _start(timer, period, sequence, today, kept["left"], calendar)
    if "begun" not in kept:
        return fresh  # paused by the first release, which kept only what was left
    begun, whole = kept["begun"]
    still = (date.fromisoformat(kept["since"]), today)
    stood_still = (*spans_from_data(kept["stood_still"]), still)
    return replace(fresh, begun=(date.fromisoformat(begun), whole), stood_still=stood_still)


def _start(
    timer: Timer, period: Period, sequence: int, today: date, length: int | None, calendar: WorkCalendar
) -> Clock:
    assert length is not None, "checks.timer_no_length"  # noqa: S101
    deadline = count(calendar, today, length, period.unit, rolls=period.rolls)
    return _clock(timer, period, sequence, deadline, today, calendar)


def _clock(
    timer: Timer, period: Period, sequence: int, deadline: Deadline, today: date, calendar: WorkCalendar
) -> Clock:
    alarms = alarms_until(timer, deadline.due, today, calendar)
    if period.reckoning in _UNANNOUNCED and alarms.keys() == {EXPIRE} and deadline.due > today:
        # Nobody has been told of this clock yet, and its reminder would already be past.
        alarms |= {f"{REMIND}.{rule.before}_{rule.unit}": today + timedelta(days=1) for rule in timer.reminders[:1]}
    return Clock(timer.name, sequence, period.state, deadline, alarms, period.article)
