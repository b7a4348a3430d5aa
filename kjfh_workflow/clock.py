"""What time it is in the office: Asia/Shanghai, and a clock that can be set.

Counting deadlines does not belong here (``rules/deadlines.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Protocol

#: China has kept one offset without summer time since 1991, so no time-zone database is needed.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


class Clock(Protocol):
    """Anything that tells the instant."""

    def now(self) -> datetime:
        """The current instant, aware."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The current instant in UTC."""
        return datetime.now(UTC)


@dataclass(slots=True)
class FixedClock:
    """A clock that stands still until it is set: for tests, scenarios and replays."""

    instant: datetime

    def now(self) -> datetime:
        """The instant it was set to."""
        return self.instant


def local_date(instant: datetime) -> date:
    """The calendar day of *instant* in Shanghai."""
    return instant.astimezone(SHANGHAI).date()


def start_of(day: date) -> datetime:
    """00:00 of *day* in Shanghai: the instant at which the day before has ended (24:00)."""
    return datetime.combine(day, time(), SHANGHAI)


def office_hour(day: date) -> datetime:
    """09:00 of *day* in Shanghai: when steps of a scenario and of the demo happen."""
    return datetime.combine(day, time(9), SHANGHAI)
