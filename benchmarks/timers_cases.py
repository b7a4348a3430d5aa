"""Real applications whose alarms fell due while the office's program was not running.

Half of them are under review, and the reviewer is to be reminded; the other half were sent back and lapse. How fast
the alarms ring is ``timers``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from itertools import count
from typing import Any

from sqlalchemy import create_engine

from benchmarks.life import MISSING, Applicant
from benchmarks.targets import Target
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.store.database import Database

#: At 00:00 of this day every alarm rings: three working days before the review's last day, the day after the
#: correction's.
RINGS_ON = date(2021, 3, 25)
#: The program runs again.
TODAY = date(2021, 3, 26)

_CITY = "yuyao"
_SUBMITTED, _ACCEPTED, _RETURNED = date(2021, 3, 1), date(2021, 3, 2), date(2021, 3, 19)
_RETURN = {"missing": MISSING, "working_days": 3}


@contextmanager
def ticking(target: Target, name: str) -> Iterator[Workflow]:
    """The product as a host runs it, on the day after the outage."""
    database = durable(target, name)
    try:
        yield Workflow(database, clock=FixedClock(office_hour(TODAY)), create=True)
    finally:
        database.engine.dispose()


def durable(target: Target, name: str) -> Database:
    """The database as the target's name says."""
    return Database.open(target.url(name), sqlite_synchronous=target.synchronous if not target.server else "")


def hasty(target: Target, name: str) -> Database:
    """The same, but nobody waits for the disk: for what is not timed."""
    if target.server:
        return Database(create_engine(target.url(name), connect_args={"options": "-c synchronous_commit=off"}))
    return Database.open(target.url(name), sqlite_synchronous="OFF")


class Maker:
    """The product again, performing the acts that start the clocks. Not durable: this is not what is timed.

    Args:
        target: where.
        name: of the database.
        first: the number of the first applicant.
    """

    def __init__(self, target: Target, name: str, first: int = 1) -> None:
        self._clock = FixedClock(office_hour(_SUBMITTED))
        self._database = hasty(target, name)
        self._workflow = Workflow(self._database, clock=self._clock, create=True)
        self._clerk = Actor.of("clerk", "tech_clerk", _CITY, name="王一")
        materials = self._workflow.catalog.latest(_CITY).identity.materials
        self._materials = [material.id for material in materials if material.required]
        self._numbers = count(first)

    def close(self) -> None:
        """Give the connections back."""
        self._database.engine.dispose()

    def make(self, alarms: int) -> None:
        """So many cases, each with one alarm that is due, of either kind in turn."""
        for n in range(alarms):
            if n % 2:
                self.reviewed()
            else:
                self.returned()

    def returned(self) -> str:
        """A case whose last day for corrections is over."""
        return self._performed(_RETURNED, "return_for_correction", _RETURN)

    def reviewed(self) -> str:
        """A case whose reviewer is to be reminded; the alarm at the end of the review is not due yet."""
        return self._performed(_ACCEPTED, "accept", {})

    def _performed(self, day: date, event: str, evidence: Mapping[str, Any]) -> str:
        applicant = Applicant(next(self._numbers))
        operator = Actor.of("op", "applicant", _CITY, name=applicant.name, uscc=applicant.uscc)
        self._clock.instant = office_hour(_SUBMITTED)
        submitted = {"type": "incubator", "facts": applicant.facts, "materials": self._materials}
        case = self._workflow.open_case("application", "submit", by=operator, evidence=submitted).case
        self._clock.instant = office_hour(day)
        return self._workflow.perform(case, event, by=self._clerk, evidence=evidence).case
