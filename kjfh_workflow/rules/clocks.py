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
from kjfh_workflow.policy.vocabulary import LengthUnit, Side
from kjfh_workflow.rules.calendar import WorkCalendar
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.deadlines import (
    Deadline,
    add_period,
    add_workdays,
    chinese,
    count,
    ending,
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
    #: The article that gives the period.
    article: str = ""
    #: When it first started and how long the whole period is, if it has stood still since.
    begun: tuple[date, int] | None = None
    #: The spans (from, to) in which it stood still.
    stood_still: tuple[tuple[date, date], ...] = ()

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
            "skipped": _spans_as_data(proof.skipped),
            "article": self.article,
            "begun": [self.begun[0].isoformat(), self.begun[1]] if self.begun else None,
            "stood_still": _spans_as_data(self.stood_still),
            "alarms": {name: day.isoformat() for name, day in self.alarms.items()},
        }

    @classmethod
    def from_data(cls, timer: str, data: Mapping[str, Any]) -> Clock:
        """From the case's memory; clocks of the first release kept less of their proof."""
        begun = data.get("begun")
        proof = Deadline(
            date.fromisoformat(data["trigger"]),
            data["length"],
            LengthUnit(data["unit"]),
            date.fromisoformat(data["nominal"]),
            date.fromisoformat(data["due"]),
            data["provisional"],
            data["calendar"],
            _spans_from_data(data.get("skipped", ())),
        )
        return cls(
            timer=timer,
            sequence=data["sequence"],
            state=data["state"],
            deadline=proof,
            alarms={name: date.fromisoformat(day) for name, day in data["alarms"].items()},
            article=data.get("article", ""),
            begun=(date.fromisoformat(begun[0]), begun[1]) if begun else None,
            stood_still=_spans_from_data(data.get("stood_still", ())),
        )

    def in_words(self, unit_word: str) -> str:
        """The proof in one Chinese sentence: what it counts from, how long, where it stood still, the last instant."""
        begun, whole = self.begun or (self.deadline.trigger, self.deadline.length)
        counted = f"自{chinese(begun)}起算（当日不计）{whole}{unit_word}"
        if self.stood_still:
            # The day on which it stopped has counted, the day on which it went on has not.
            after = [(first + timedelta(days=1), last) for first, last in self.stood_still if first < last]
            spans = "、".join(f"{chinese(first)}至{chinese(last)}" for first, last in after)
            counted += f"，{spans}停止计算" if spans else ""
            counted += f"，自{chinese(self.deadline.trigger)}恢复（当日不计）时余{self.deadline.length}{unit_word}"
        return f"{counted}{ending(self.deadline)}"

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


def _spans_as_data(spans: Iterable[tuple[date, date]]) -> list[str]:
    return [f"{first.isoformat()}/{last.isoformat()}" for first, last in spans]


def _spans_from_data(data: Iterable[str]) -> tuple[tuple[date, date], ...]:
    days = (span.split("/") for span in data)
    return tuple((date.fromisoformat(first), date.fromisoformat(last)) for first, last in days)


def clocks_of(case: Case) -> dict[str, Clock]:
    """The running clocks, by timer."""
    return {name: Clock.from_data(name, data) for name, data in case.memory.get("clocks", {}).items()}


def first_overdue(timers: Iterable[Timer], case: Case, today: date) -> Alarm | None:
    """The earliest deadline of the case that has passed and decides something; None if there is none.

    Reminders and escalations are left to the tick: a letter that cannot be written must not keep anybody from acting.
    """
    clocks = clocks_of(case)
    passed = [
        (clock.alarms[EXPIRE], timer.name, clock.sequence)
        for timer in timers
        if timer.on_due and (clock := clocks.get(timer.name)) and clock.alarms.get(EXPIRE, date.max) <= today
    ]
    if not passed:
        return None
    _, name, sequence = min(passed)
    return Alarm(name, sequence, EXPIRE)


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
                paused[timer.name] = _kept(clock, today, calendar)
        period = timer.period_of.get(target)
        if target not in timer.pauses_in:
            kept = paused.pop(timer.name, None)
            if period:
                counts[timer.name] = counts.get(timer.name, 0) + 1
                sequence = counts[timer.name]
                if kept and kept["state"] == target:
                    fresh = _resumed(timer, period, sequence, today, kept, calendar)
                else:
                    length = evidence.get(period.length_from) or period.length
                    fresh = _start(timer, period, sequence, today, length, calendar)
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


def recounted(timer: Timer, clock: Clock, sequence: int, today: date, calendar: WorkCalendar) -> Clock | None:
    """The clock counted again with another calendar; None if its last day, certainty and alarms stay as they are.

    An applicant who was told a certain day may rely on it; nobody's last day is moved into the past.
    """
    proof, period = clock.deadline, timer.period_of[clock.state]
    fresh = count(calendar, proof.trigger, proof.length, proof.unit, rolls=period.rolls)
    if fresh.due < proof.due and timer.side is Side.APPLICANT and not proof.provisional:
        fresh = replace(fresh, due=proof.due)
    elif fresh.due < today:
        fresh = replace(fresh, due=min(proof.due, calendar.next_workday(today)))
    placed = _alarms(timer, fresh.due, today, calendar)
    alarms = {name: placed.get(name, day) for name, day in clock.alarms.items()}
    same = (fresh.due, fresh.provisional, alarms) == (proof.due, proof.provisional, clock.alarms)
    return None if clock.overdue or same else replace(clock, sequence=sequence, deadline=fresh, alarms=alarms)


def _kept(clock: Clock, today: date, calendar: WorkCalendar) -> dict[str, Any]:
    """What a clock that stands still keeps: what was left, and what its proof will need."""
    used = workdays_between(calendar, clock.deadline.trigger, today)
    begun, whole = clock.begun or (clock.deadline.trigger, clock.deadline.length)
    return {
        "state": clock.state,
        "left": max(0, clock.deadline.length - used),
        "begun": [begun.isoformat(), whole],
        "since": today.isoformat(),
        "stood_still": _spans_as_data(clock.stood_still),
    }


def _resumed(
    timer: Timer, period: Period, sequence: int, today: date, kept: Mapping[str, Any], calendar: WorkCalendar
) -> Clock:
    fresh = _start(timer, period, sequence, today, kept["left"], calendar)
    if "begun" not in kept:
        return fresh  # paused by the first release, which kept only what was left
    begun, whole = kept["begun"]
    still = (date.fromisoformat(kept["since"]), today)
    stood_still = (*_spans_from_data(kept["stood_still"]), still)
    return replace(fresh, begun=(date.fromisoformat(begun), whole), stood_still=stood_still)


def _start(
    timer: Timer, period: Period, sequence: int, today: date, length: int | None, calendar: WorkCalendar
) -> Clock:
    assert length is not None, "checks.timer_no_length"  # noqa: S101
    deadline = count(calendar, today, length, period.unit, rolls=period.rolls)
    alarms = _alarms(timer, deadline.due, today, calendar)
    return Clock(timer.name, sequence, period.state, deadline, alarms, period.article)


def _alarms(timer: Timer, due: date, today: date, calendar: WorkCalendar) -> dict[str, date]:
    alarms = {EXPIRE: due + timedelta(days=1)}
    for rule in timer.reminders:
        day = reminder_day(calendar, due, rule.before, rule.unit)
        if day <= today and rule.unit is LengthUnit.DAYS:  # moved off its rest day: better on it than never
            day = add_period(due, -rule.before, LengthUnit.DAYS)
        if day > today:  # else the period is so short that it has only just been announced
            alarms[f"{REMIND}.{rule.before}_{rule.unit}"] = day
    return alarms
