"""What every use case works with: packs, calendar, clock, templates. No state of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from kjfh_workflow.clock import Clock, local_date
from kjfh_workflow.notices.render import Renderer
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.rules.calendar import WorkCalendar
from kjfh_workflow.rules.case import Case


@dataclass(frozen=True)
class Office:
    """The bureau's packs, calendar, clock and templates."""

    catalog: Catalog
    calendar: WorkCalendar
    clock: Clock
    renderer: Renderer

    def now(self) -> datetime:
        """The instant."""
        return self.clock.now()

    def today(self) -> date:
        """The calendar day in Shanghai."""
        return local_date(self.clock.now())

    def pack_of(self, case: Case) -> PolicyPack:
        """The pack a case is pinned to."""
        return self.catalog.pinned(case.city, case.policy)
