"""Counting time, against the golden dates and against an independent day-by-day count."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjfh_workflow.policy.vocabulary import LengthUnit
from kjfh_workflow.rules.calendar import china
from kjfh_workflow.rules.deadlines import (
    add_months,
    add_workdays,
    count,
    full_months,
    reminder_day,
    workdays_between,
)

CALENDAR = china()
CHINA = holidays.country_holidays("CN", years=range(2004, 2028))
DAYS = st.dates(date(2004, 1, 1), date(2026, 6, 30))


@pytest.mark.parametrize(
    ("trigger", "length", "unit", "due"),
    [
        (date(2021, 1, 31), 1, LengthUnit.MONTHS, date(2021, 3, 1)),
        (date(2021, 1, 11), 1, LengthUnit.MONTHS, date(2021, 2, 18)),
        (date(2021, 4, 1), 1, LengthUnit.MONTHS, date(2021, 5, 6)),
        (date(2021, 7, 1), 3, LengthUnit.MONTHS, date(2021, 10, 8)),
        (date(2021, 11, 30), 3, LengthUnit.MONTHS, date(2022, 2, 28)),
        (date(2021, 6, 18), 3, LengthUnit.MONTHS, date(2021, 9, 18)),
        (date(2021, 6, 25), 3, LengthUnit.MONTHS, date(2021, 9, 26)),
        (date(2023, 3, 23), 5, LengthUnit.WORKING_DAYS, date(2023, 3, 30)),
        (date(2021, 2, 8), 5, LengthUnit.WORKING_DAYS, date(2021, 2, 20)),
        (date(2021, 4, 30), 5, LengthUnit.WORKING_DAYS, date(2021, 5, 11)),
    ],
)
def test_the_golden_dates_of_the_rulebook(trigger: date, length: int, unit: LengthUnit, due: date) -> None:
    assert count(CALENDAR, trigger, length, unit).due == due


def test_a_burden_is_not_lengthened_by_rest_days() -> None:
    ban = count(CALENDAR, date(2022, 10, 1), 2, LengthUnit.YEARS, rolls=False)
    assert (ban.due, ban.provisional) == (date(2024, 10, 1), False)
    assert count(CALENDAR, date(2024, 2, 29), 2, LengthUnit.YEARS, rolls=False).due == date(2026, 2, 28)


def test_the_review_clock_of_the_rulebook_stands_still_and_resumes_with_what_was_left() -> None:
    used = workdays_between(CALENDAR, date(2021, 3, 2), date(2021, 3, 8))
    assert used == 4
    assert add_workdays(CALENDAR, date(2021, 3, 22), 20 - used) == date(2021, 4, 14)


@given(DAYS, st.integers(1, 40))
def test_working_days_are_counted_as_by_hand(start: date, workdays: int) -> None:
    day, left = start, workdays
    while left:
        day += timedelta(days=1)
        if CHINA.is_working_day(day):
            left -= 1
    assert add_workdays(CALENDAR, start, workdays) == day
    assert workdays_between(CALENDAR, start, day) == workdays


@given(DAYS, st.integers(1, 60))
def test_a_month_period_ends_on_the_corresponding_day_or_the_months_last(start: date, months: int) -> None:
    month_index = start.year * 12 + start.month - 1 + months
    year, month = month_index // 12, month_index % 12 + 1
    expected = date(year, month, min(start.day, monthrange(year, month)[1]))
    assert add_months(start, months) == expected


@given(DAYS, st.integers(1, 12))
def test_a_rolled_deadline_is_the_first_working_day_from_the_nominal_end(start: date, months: int) -> None:
    deadline = count(CALENDAR, start, months, LengthUnit.MONTHS)
    assert CHINA.is_working_day(deadline.due)
    between = (deadline.nominal + timedelta(days=n) for n in range((deadline.due - deadline.nominal).days))
    assert not any(CHINA.is_working_day(day) for day in between)


@given(DAYS, st.integers(0, 2000))
def test_full_months_grow_exactly_when_a_month_is_complete(start: date, days: int) -> None:
    end = start + timedelta(days=days)
    months = full_months(start, end)
    assert add_months(start, months) <= end < add_months(start, months + 1)


@given(DAYS, st.integers(1, 30))
def test_a_reminder_falls_on_a_working_day_at_least_so_many_days_ahead(due: date, before: int) -> None:
    day = reminder_day(CALENDAR, due, before, LengthUnit.DAYS)
    assert CHINA.is_working_day(day)
    assert day <= due - timedelta(days=before)


def test_beyond_the_known_calendar_a_deadline_is_provisional() -> None:
    last = CALENDAR.known_until
    assert not count(CALENDAR, last - timedelta(days=40), 5, LengthUnit.WORKING_DAYS).provisional
    assert count(CALENDAR, last, 5, LengthUnit.WORKING_DAYS).provisional
    assert not count(CALENDAR, last, 2, LengthUnit.YEARS, rolls=False).provisional
