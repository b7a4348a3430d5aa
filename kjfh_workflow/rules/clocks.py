"""Which clocks run in a case. A clock runs exactly while the case is in a state that has a period for it.

Nobody starts or stops a clock by hand: entering the state starts it, leaving stops it, and a state in
``pauses_in`` keeps what was left. What a clock does when it rings is decided in ``decision``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from kjfh_workflow.policy.machine import Period, Timer
from kjfh_workflow.policy.vocabulary import LengthUnit
from kjfh_workflow.rules.calendar import WorkCalendar
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.deadlines import (
    Deadline,
    add_period,
    add_workdays,
    count,
    reminder_day,
    workdays_between,
)

#: The alarm at 24:00 of the last day.
EXPIRE = "expire"
REMIND = "remind"
ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class Clock:
    """One running clock of a case, as its memory keeps it."""

    timer: str
    #: Which time this timer runs in this case, from 1.
    sequence: int
    #: The state whose period it counts.
    state: str
    deadline: Deadline
    #: Alarm → the day at whose 00:00 it rings; what has rung is gone.
    alarms: Mapping[str, date]

    @property
    def due(self) -> date:
        """The legal last day."""
        return self.deadline.due

    @property
    def overdue(self) -> bool:
        """Whether its last day has passed."""
        return EXPIRE not in self.alarms

    def as_data(self) -> dict[str, Any]:
        """As the case's memory and history keep it, proof included."""
        proof = self.deadline
        return {
            "sequence": self.sequence,
            "state": self.state,
            "trigger": proof.trigger.isoformat(),
            "length": proof.length,
            "unit": str(proof.unit),
            "nominal": proof.nominal.isoformat(),
            "due": proof.due.isoformat(),
            "provisional": proof.provisional,
            "calendar": proof.calendar,
            "alarms": {name: day.isoformat() for name, day in self.alarms.items()},
        }

    @classmethod
    def from_data(cls, timer: str, data: Mapping[str, Any]) -> Clock:
        """From the case's memory."""
        proof = Deadline(
            date.fromisoformat(data["trigger"]),
            data["length"],
            LengthUnit(data["unit"]),
            date.fromisoformat(data["nominal"]),
            date.fromisoformat(data["due"]),
            data["provisional"],
            data["calendar"],
        )
        alarms = {name: date.fromisoformat(day) for name, day in data["alarms"].items()}
        return cls(timer, data["sequence"], data["state"], proof, alarms)

    def without(self, alarm: str, added: Mapping[str, date]) -> Clock:
        """After *alarm* has rung and *added* were set."""
        kept = {name: day for name, day in self.alarms.items() if name != alarm}
        return replace(self, alarms={**kept, **added})


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm of one clock of one case."""

    timer: str
    sequence: int
    name: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What one step of a case does to its clocks."""

    started: tuple[Clock, ...] = ()
    stopped: tuple[Clock, ...] = ()
    #: Keys of the case's memory to assign.
    changes: Mapping[str, Any] = field(default_factory=dict)


def clocks_of(case: Case) -> dict[str, Clock]:
    """The running clocks, by timer."""
    return {name: Clock.from_data(name, data) for name, data in case.memory.get("clocks", {}).items()}


def first_overdue(case: Case, today: date) -> Alarm | None:
    """The earliest alarm of the case whose time has come; None if there is none."""
    due = [
        (day, clock.timer, name, clock.sequence)
        for clock in clocks_of(case).values()
        for name, day in clock.alarms.items()
        if day <= today
    ]
    if not due:
        return None
    _, timer, name, sequence = min(due)
    return Alarm(timer, sequence, name)


def turn(
    timers: Iterable[Timer],
    case: Case,
    target: str,
    today: date,
    evidence: Mapping[str, Any],
    calendar: WorkCalendar,
) -> Turn:
    """Stop, pause, resume and start clocks as the case goes to *target*."""
    if target == case.state:
        return Turn()
    running = clocks_of(case)
    clocks: dict[str, Any] = dict(case.memory.get("clocks", {}))
    paused: dict[str, Any] = dict(case.memory.get("paused", {}))
    counts: dict[str, int] = dict(case.memory.get("clock_counts", {}))
    started: list[Clock] = []
    stopped: list[Clock] = []
    for timer in timers:
        if clock := running.get(timer.name):
            stopped.append(clock)
            del clocks[timer.name]
            if target in timer.pauses_in:
                used = workdays_between(calendar, clock.deadline.trigger, today)
                paused[timer.name] = {"state": clock.state, "left": max(0, clock.deadline.length - used)}
        period = timer.period_of.get(target)
        if target not in timer.pauses_in:
            kept = paused.pop(timer.name, None)
            if period:
                left = kept["left"] if kept and kept["state"] == target else None
                counts[timer.name] = counts.get(timer.name, 0) + 1
                fresh = _start(timer, period, counts[timer.name], today, left, evidence, calendar)
                started.append(fresh)
                clocks[timer.name] = fresh.as_data()
    if not (started or stopped or paused != case.memory.get("paused", {})):
        return Turn()
    return Turn(tuple(started), tuple(stopped), {"clocks": clocks, "paused": paused, "clock_counts": counts})


def next_escalation(timer: Timer, clock: Clock, rung: str, today: date, calendar: WorkCalendar) -> dict[str, date]:
    """The alarm that follows *rung* while the office stays late; empty where nothing escalates."""
    rule = timer.escalation
    if rule is None or (rung != EXPIRE and not rung.startswith(ESCALATE)):
        return {}
    if rung == EXPIRE:
        return {f"{ESCALATE}.1": add_workdays(calendar, clock.due, rule.after)}
    number = int(rung.partition(".")[2]) + 1
    return {f"{ESCALATE}.{number}": add_workdays(calendar, max(clock.alarms[rung], today), rule.every)}


def _start(
    timer: Timer,
    period: Period,
    sequence: int,
    today: date,
    left: int | None,
    evidence: Mapping[str, Any],
    calendar: WorkCalendar,
) -> Clock:
    length = left if left is not None else evidence.get(period.length_from) or period.length
    assert length is not None, "checks.timer_no_length"  # noqa: S101
    deadline = count(calendar, today, length, period.unit, rolls=period.rolls)
    alarms = {EXPIRE: deadline.due + timedelta(days=1)}
    for rule in timer.reminders:
        day = reminder_day(calendar, deadline.due, rule.before, rule.unit)
        if day <= today:  # moved off its rest day onto today: better on the rest day than never
            day = add_period(deadline.due, -rule.before, LengthUnit.DAYS)
        if day > today:  # else the period is so short that it has only just been announced
            alarms[f"{REMIND}.{rule.before}_{rule.unit}"] = day
    return Clock(timer.name, sequence, period.state, deadline, alarms)
