"""What every use case works with: packs, calendar, clock, templates; and the moment at which it acts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from kjfh_workflow.clock import Clock, SystemClock, local_date
from kjfh_workflow.notices.render import Renderer
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.rules.calendar import WorkCalendar, china
from kjfh_workflow.rules.case import Case
from kjfh_workflow.store import calendars
from kjfh_workflow.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Moment:
    """When a use case acts, and by which calendar it counts."""

    now: datetime
    calendar: WorkCalendar

    @property
    def today(self) -> date:
        """The calendar day in Shanghai."""
        return local_date(self.now)


@dataclass(frozen=True)
class Office:
    """The bureau's packs, clock and templates.

    Without a clock of its own the office goes by the database's: several machines are one office, and the one whose
    clock is wrong must not end a deadline early. SQLite has no clock; there the machine's is taken.
    """

    catalog: Catalog
    clock: Clock | None
    renderer: Renderer
    #: By the number of the newest holiday notice in them.
    _calendars: dict[int, WorkCalendar] = field(default_factory=lambda: {0: china()})

    def moment(self, tx: Transaction) -> Moment:
        """The instant, and the calendar as it is known now."""
        newest, database_now = calendars.moment(tx)
        if newest not in self._calendars:
            self._calendars[newest] = WorkCalendar(calendars.notices(tx))
        now = self.clock.now() if self.clock else database_now or SystemClock().now()
        return Moment(now, self._calendars[newest])

    def now(self, tx: Transaction) -> datetime:
        """The instant."""
        return self.moment(tx).now

    def pack_of(self, case: Case) -> PolicyPack:
        """The pack a case is pinned to."""
        return self.catalog.pinned(case.city, case.policy)
