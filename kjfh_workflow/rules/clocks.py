"""Which clocks run in a case. A clock runs exactly while the case is in a state that has a period for it.

Nobody starts or stops a clock by hand: entering the state starts it, leaving stops it, and a state in
``pauses_in`` keeps what was left. What a clock does when it rings is decided in ``decision``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from kjfh_workflow.policy.machine import Timer
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
            "skipped": spans_as_data(proof.skipped),
            "article": self.article,
            "begun": [self.begun[0].isoformat(), self.begun[1]] if self.begun else None,
            "stood_still": spans_as_data(self.stood_still),
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
            spans_from_data(data.get("skipped", ())),
        )
        return cls(
            timer=timer,
            sequence=data["sequence"],
            state=data["state"],
            deadline=proof,
            alarms={name: date.fromisoformat(day) for name, day in data["alarms"].items()},
            article=data.get("article", ""),
            begun=(date.fromisoformat(begun[0]), begun[1]) if begun else None,
            stood_still=spans_from_data(data.get("stood_still", ())),
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


def spans_as_data(spans: Iterable[tuple[date, date]]) -> list[str]:
    """Stretches of days as memory keeps them."""
    return [f"{first.isoformat()}/{last.isoformat()}" for first, last in spans]


def spans_from_data(data: Iterable[str]) -> tuple[tuple[date, date], ...]:
    """And back."""
    days = (span.split("/") for span in data)
    return tuple((date.fromisoformat(first), date.fromisoformat(last)) for first, last in days)


def clocks_of(case: Case) -> dict[str, Clock]:
    """The running clocks, by timer."""
    return {name: Clock.from_data(name, data) for name, data in case.memory.get("clocks", {}).items()}


def first_due(case: Case) -> tuple[date, str, bool] | None:
    """Of the clock whose last day comes first, or came first: that day, the timer, and whether it is provisional.

    None where no clock runs. Lists ask it of every row, so the proofs are not put together.
    """
    clocks: Mapping[str, Mapping[str, Any]] = case.memory.get("clocks", {})
    if not clocks:
        return None
    timer, data = min(clocks.items(), key=lambda clock: (clock[1]["due"], clock[0]))
    return date.fromisoformat(data["due"]), timer, data["provisional"]


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
    placed = alarms_until(timer, fresh.due, today, calendar)
    alarms = {name: placed.get(name, day) for name, day in clock.alarms.items()}
    same = (fresh.due, fresh.provisional, alarms) == (proof.due, proof.provisional, clock.alarms)
    return None if clock.overdue or same else replace(clock, sequence=sequence, deadline=fresh, alarms=alarms)


def alarms_until(timer: Timer, due: date, today: date, calendar: WorkCalendar) -> dict[str, date]:
    """The alarms of a clock that is set on *today*: its reminders, and the end of its last day."""
    alarms = {EXPIRE: due + timedelta(days=1)}
    for rule in timer.reminders:
        day = reminder_day(calendar, due, rule.before, rule.unit)
        if day <= today and rule.unit is LengthUnit.DAYS:  # moved off its rest day: better on it than never
            day = add_period(due, -rule.before, LengthUnit.DAYS)
        if day > today:  # else the period is so short that it has only just been announced
            alarms[f"{REMIND}.{rule.before}_{rule.unit}"] = day
    return alarms
