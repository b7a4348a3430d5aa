"""Which days are working days: the State Council's yearly notice, make-up days included.

The only home of ``holidays``. Counting periods is ``deadlines``' business.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache, cached_property
from importlib.metadata import version

#: A year whose notice is known to everybody; later ones are looked for from here.
_LONG_ANNOUNCED = 2024


class WorkCalendar:
    """Mainland China's working days, year by year, as far as the notices are known."""

    def __init__(self) -> None:
        self._rest_days: dict[int, frozenset[date]] = {}

    @cached_property
    def edition(self) -> str:
        """Which data the answers come from; stored with every deadline."""
        return f"holidays {version('holidays')}"

    @cached_property
    def known_until(self) -> date:
        """The last day of the last year whose notice is known: only a notice names make-up days."""
        import holidays  # noqa: PLC0415  (60 ms that a command without deadlines need not pay)

        year = _LONG_ANNOUNCED
        while any(day.year == year + 1 for day in holidays.country_holidays("CN", years=year + 1).weekend_workdays):
            year += 1
        return date(year, 12, 31)

    def is_workday(self, day: date) -> bool:
        """Whether offices work on *day*; beyond ``known_until`` by weekend and statutory days only."""
        rest = self._rest_days.get(day.year)
        if rest is None:
            rest = self._rest_days[day.year] = _rest_days(day.year)
        return day not in rest

    def is_known(self, day: date) -> bool:
        """Whether the notice for *day*'s year is known."""
        return day <= self.known_until

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


def _rest_days(year: int) -> frozenset[date]:
    import holidays  # noqa: PLC0415

    china = holidays.country_holidays("CN", years=year)
    first = date(year, 1, 1)
    days = (first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days))
    return frozenset(day for day in days if not china.is_working_day(day))


@cache
def china() -> WorkCalendar:
    """The one calendar of the process."""
    return WorkCalendar()
