"""Which days are working days: the State Council's yearly notice, make-up days included.

The only home of ``holidays``. What was announced after that package was made comes in as ``HolidayNotice``s.
Counting periods is ``deadlines``' business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from importlib.metadata import version

#: A year whose notice is known to everybody; later ones are looked for from here.
_LONG_ANNOUNCED = 2024
_SATURDAY = 5
#: New Year's holiday has begun as early as 29 December, as in 2018.
_NEW_YEAR_REACHES_BACK = 3


@dataclass(frozen=True, slots=True)
class HolidayNotice:
    """An arrangement of rest days that the bureau has recorded, because the package does not know it yet."""

    #: Later ones win.
    number: int
    #: Where it is written.
    source: str
    #: The year whose whole arrangement this is; None where it only changes some days.
    year: int | None
    rest: frozenset[date] = field(default_factory=frozenset)
    work: frozenset[date] = field(default_factory=frozenset)
    #: When it was recorded; None where nobody asks.
    recorded_at: datetime | None = None


class WorkCalendar:
    """Mainland China's working days, year by year, as far as the notices are known.

    Args:
        notices: what has been announced besides, in the order recorded.
    """

    def __init__(self, notices: tuple[HolidayNotice, ...] = ()) -> None:
        self.notices = notices
        self._rest_days: dict[int, frozenset[date]] = {}

    @cached_property
    def edition(self) -> str:
        """Which data the answers come from; stored with every deadline."""
        package = f"holidays {version('holidays')}"
        return f"{package}+{self.notices[-1].number}" if self.notices else package

    @cached_property
    def known_until(self) -> date:
        """The last day of the last year whose notice is known: only a notice names make-up days."""
        year = _LONG_ANNOUNCED
        recorded = {notice.year for notice in self.notices}
        while year + 1 in recorded or _in_package(year + 1):
            year += 1
        return date(year, 12, 31)

    def as_recorded_before(self, instant: datetime) -> WorkCalendar:
        """The calendar without what was recorded at *instant* or later."""
        early = tuple(n for n in self.notices if n.recorded_at is None or n.recorded_at < instant)
        return self if early == self.notices else WorkCalendar(early)

    def is_workday(self, day: date) -> bool:
        """Whether offices work on *day*; beyond ``known_until`` by weekend and statutory days only."""
        rest = self._rest_days.get(day.year)
        if rest is None:
            rest = self._rest_days[day.year] = self._rest_days_of(day.year)
        return day not in rest

    def is_known(self, day: date) -> bool:
        """Whether *day* is certain: the next year's notice may still change the last days of December."""
        return day <= self.known_until - timedelta(days=_NEW_YEAR_REACHES_BACK)

    def next_workday(self, day: date) -> date:
        """*day* itself, or the first working day after it."""
        while not self.is_workday(day):
            day += timedelta(days=1)
        return day

    def last_workday(self, day: date) -> date:
        """*day* itself, or the last working day before it."""
        while not self.is_workday(day):
            day -= timedelta(days=1)
        return day

    def rest_between(self, after: date, until: date) -> tuple[tuple[date, date], ...]:
        """The rest days in (*after*, *until*], as stretches (first, last)."""
        stretches: list[tuple[date, date]] = []
        for n in range(1, (until - after).days + 1):
            day = after + timedelta(days=n)
            if self.is_workday(day):
                continue
            if stretches and stretches[-1][1] + timedelta(days=1) == day:
                stretches[-1] = (stretches[-1][0], day)
            else:
                stretches.append((day, day))
        return tuple(stretches)

    def _rest_days_of(self, year: int) -> frozenset[date]:
        rest: frozenset[date] | None = None
        for notice in self.notices:
            if notice.year == year:
                rest = frozenset(day for day in _days_of(year) if day.weekday() >= _SATURDAY)
            elif rest is None:
                rest = _rest_days(year)
            rest = (rest | {day for day in notice.rest if day.year == year}) - notice.work
        return _rest_days(year) if rest is None else rest


def _days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]


@cache
def _rest_days(year: int) -> frozenset[date]:
    import holidays  # noqa: PLC0415  (60 ms that a command without deadlines need not pay)

    china = holidays.country_holidays("CN", years=year)
    return frozenset(day for day in _days_of(year) if not china.is_working_day(day))


@cache
def _in_package(year: int) -> bool:
    """Whether the package has the year's notice: without it, it knows no make-up days."""
    import holidays  # noqa: PLC0415

    return any(day.year == year for day in holidays.country_holidays("CN", years=year).weekend_workdays)


@cache
def china() -> WorkCalendar:
    """The calendar as the package has it, the same object throughout the process."""
    return WorkCalendar()
