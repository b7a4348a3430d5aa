"""Counting time: 民法典 art. 200–204, working days, and the proof that goes with every date.

The first day does not count. A period of months or years ends on the corresponding day, where there is none
on the last day of that month. A last day that is a rest day moves to the day the rest ends, unless that
would lengthen a burden. A deadline is a date: the act is in time until 24:00 of it.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from kjfh_workflow.policy.vocabulary import LengthUnit
from kjfh_workflow.rules.calendar import WorkCalendar


@dataclass(frozen=True, slots=True)
class Deadline:
    """A due date and how it was found."""

    #: The day of the event that starts the period; it does not count itself.
    trigger: date
    length: int
    unit: LengthUnit
    #: Where the period ends before rest days are looked at.
    nominal: date
    #: The legal last day.
    due: date
    #: The calendar's year is not yet announced: the date may still change.
    provisional: bool
    #: Which calendar data was used.
    calendar: str
    #: The rest days that did not count or that moved the end, as stretches (first, last).
    skipped: tuple[tuple[date, date], ...] = ()

    @property
    def rest_days(self) -> int:
        """How many days were skipped."""
        return sum((last - first).days + 1 for first, last in self.skipped)


@lru_cache(maxsize=4096)  # an office starts the same period many times on one day
def count(calendar: WorkCalendar, trigger: date, length: int, unit: LengthUnit, *, rolls: bool = True) -> Deadline:
    """The deadline *length* *unit* after *trigger*; zero working days end on that day or the next workday."""
    if unit is LengthUnit.WORKING_DAYS:
        nominal = due = add_workdays(calendar, trigger, length)
        skipped = calendar.rest_between(trigger, due)
    else:
        nominal = add_period(trigger, length, unit)
        due = calendar.next_workday(nominal) if rolls else nominal
        skipped = calendar.rest_between(nominal - timedelta(days=1), due) if rolls else ()
    needs_calendar = rolls or unit is LengthUnit.WORKING_DAYS
    provisional = needs_calendar and not calendar.is_known(due)
    return Deadline(trigger, length, unit, nominal, due, provisional, calendar.edition, skipped)


def add_period(start: date, length: int, unit: LengthUnit) -> date:
    """*start* plus days, months or years, without regard to rest days."""
    if unit is LengthUnit.DAYS:
        return start + timedelta(days=length)
    return add_months(start, length * (12 if unit is LengthUnit.YEARS else 1))


def add_months(start: date, months: int) -> date:
    """The corresponding day *months* later, or the last day of that month where there is none."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def full_months(start: date, end: date) -> int:
    """How many full months have passed from *start* to *end*, both days as dates."""
    months = (end.year - start.year) * 12 + end.month - start.month
    return months if add_months(start, months) <= end else months - 1


def add_workdays(calendar: WorkCalendar, start: date, workdays: int) -> date:
    """The *workdays*-th working day after *start*; negative counts backwards; 0 is *start* or the next workday."""
    if workdays == 0:
        return calendar.next_workday(start)
    step = timedelta(days=1 if workdays > 0 else -1)
    day, left = start, abs(workdays)
    while left:
        day += step
        left -= calendar.is_workday(day)
    return day


def workdays_between(calendar: WorkCalendar, after: date, until: date) -> int:
    """How many working days lie in (*after*, *until*]: the first day does not count, the last does."""
    return sum(calendar.is_workday(after + timedelta(days=n)) for n in range(1, (until - after).days + 1))


@lru_cache(maxsize=4096)
def reminder_day(calendar: WorkCalendar, due: date, before: int, unit: LengthUnit) -> date:
    """The day to remind on: *before* days ahead of *due*, never on a rest day."""
    if unit is LengthUnit.WORKING_DAYS:
        return add_workdays(calendar, due, -before)
    return calendar.last_workday(add_period(due, -before, unit))


def ending(deadline: Deadline) -> str:
    """The end of a proof in Chinese: the rest days, the last instant."""
    counted = ""
    in_days = deadline.unit in (LengthUnit.WORKING_DAYS, LengthUnit.DAYS)
    if not in_days and deadline.nominal.day != deadline.trigger.day:
        counted = "，届满月份没有对应日，以月末日为届满日"
    if deadline.unit is LengthUnit.WORKING_DAYS and deadline.due != deadline.nominal:
        counted = f"，按变更后的放假安排为{chinese(deadline.nominal)}，此前已告知较晚的届满日，不予提前"
    elif deadline.due != deadline.nominal:
        counted += f"，原届满日{chinese(deadline.nominal)}为休息日，顺延"
    elif deadline.rest_days:
        counted = f"，其间休息日{deadline.rest_days}天不计"
    provisional = "（该年度放假安排公布前为暂定）" if deadline.provisional else ""
    return f"{counted}，至{chinese(deadline.due)}24时止{provisional}"


def chinese(day: date) -> str:
    """2021年1月27日."""
    return f"{day.year}年{day.month}月{day.day}日"
