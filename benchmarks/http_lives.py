"""A handful of real lives of cases in both cities, played through the library: what ``http_load`` makes copies of.

What is measured on them is ``http``'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from benchmarks.life import MISSING, OVERRIDE, Applicant
from benchmarks.province_life import people, registration
from benchmarks.targets import Target
from benchmarks.timers_cases import hasty
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.facts import with_override

#: Operators of the lives; no other number and no sum looks like one.
_FIRST_NUMBER = 770_001
#: Titles that are older than the system enter before this year's assessment.
_ROUND = 2021
_ENTERS_ON, _OPENS_ON, _CLOSES_ON = date(2021, 2, 1), date(2021, 11, 1), date(2021, 12, 15)
_TENANTS = 6


@dataclass(frozen=True)
class Family:
    """The cases of one operator; *weight* says how many copies there are of it, by the others'."""

    name: str
    city: str
    weight: int
    number: int
    #: The first is the one that is looked at, or acted on.
    cases: tuple[str, ...]


def play(target: Target, name: str, today: date) -> list[Family]:
    """All of them.

    Args:
        target: where.
        name: of the database, which gets its schema.
        today: on the server's clock; what is under way was begun some days ago, and nothing is overdue.
    """
    clock = FixedClock(office_hour(_ENTERS_ON))
    database = hasty(target, name)
    workflow = Workflow(database, clock=clock, create=True)
    try:
        return _Players(workflow, clock).play(today)
    finally:
        database.engine.dispose()


class _Players:
    def __init__(self, workflow: Workflow, clock: FixedClock) -> None:
        self._workflow = workflow
        self._clock = clock
        self._families: list[Family] = []

    def play(self, today: date) -> list[Family]:
        for city in ("yuyao", "cixi"):
            self._titled(city, today)
        for city, state, weight in (
            ("cixi", "applied", 1), ("cixi", "accepted", 1), ("cixi", "withdrawn", 1),
        ):  # fmt: skip
            self._family(state, city, weight, self._application(city, state, date(2022, 3, 1)))
        for state, weight in (("applied", 3), ("accepted", 2), ("returned", 1), ("rejected", 1), ("withdrawn", 1)):
            self._family(state, "yuyao", weight, self._application("yuyao", state, today - timedelta(days=7)))
        self._recognised(date(2021, 3, 1), today)
        self._on(today)
        self._workflow.tick()
        return self._families

    # ---- titles ----------------------------------------------------------------------------------------------------

    def _titled(self, city: str, today: date) -> None:
        """A title with its firms, one year's assessment, and the award that came of it."""
        who, operator = people(city), self._operator(city)
        self._on(_ENTERS_ON)
        title = self._open("incubator", "register_title", who["lead"], registration(operator, "incubator"))
        self._on(_OPENS_ON)
        self._workflow.rounds.open(city, _ROUND, by=who["lead"])
        self._on(_CLOSES_ON)
        grade = "excellent" if city == "yuyao" else "qualified"  # of one incubator none can be in the best third
        self._perform(title, "propose_grade", who["clerk"], {"grade": grade})
        self._workflow.rounds.close(city, _ROUND, by=who["lead"])
        for award in self._workflow.ledger.table(city).rows:
            selected = {"kind": award["kind"], "year": award["year"]}
            self._perform(title, "approve_award", who["finance"], selected)
            paid = {"paid_on": _CLOSES_ON.isoformat(), "voucher": f"{city}-1"}
            self._perform(title, "pay_award", who["cashier"], selected | paid)
        self._family("titled", city, 2, title, *self._admitted(operator, title, today))

    def _recognised(self, day: date, today: date) -> None:
        """An application all the way, its incubator, firms, and a change that is looked into."""
        city, who, operator = "yuyao", people("yuyao"), self._operator("yuyao")
        case = self._application(city, "accepted", day)
        self._perform(case, "pass_preliminary", who["clerk"], {"findings": "all_met"})
        self._perform(case, "endorse", who["finance"], {})
        opened = self._workflow.perform(case, "endorse", by=who["lead"], evidence={}).opened
        title = opened["incubator"]
        occurred = {"what": ["site"], "occurred_on": (day + timedelta(days=1)).isoformat()}
        self._on(day + timedelta(days=10))
        change = self._open("change", "report_change", operator, occurred, title)
        firms = self._admitted(operator, title, today)
        self._family("recognised", city, 2, title, case, *firms, change)

    def _admitted(self, operator: Actor, title: str, today: date) -> list[str]:
        """Firms that have just moved in, so that nobody is late."""
        self._on(today - timedelta(days=1))
        days = {"founded_on": str(today - timedelta(days=300)), "entered_on": str(today - timedelta(days=20))}
        tenants = [firm | days for firm in Applicant(self._number).facts["tenants"][:_TENANTS]]
        return [self._open("tenancy", "admit", operator, {"tenant": tenant}, title) for tenant in tenants]

    # ---- applications ----------------------------------------------------------------------------------------------

    def _application(self, city: str, state: str, day: date) -> str:
        """One that was submitted on *day* and is now in a state."""
        who, operator = people(city), self._operator(city)
        materials = self._workflow.catalog.latest(city).identity.materials
        evidence = {
            "type": "incubator",
            "facts": with_override(Applicant(self._number).facts, OVERRIDE),
            "materials": [material.id for material in materials if material.required],
        }
        self._on(day)
        case = self._open("application", "submit", operator, evidence)
        self._on(day + timedelta(days=1))
        if state == "withdrawn":
            self._perform(case, "withdraw", operator, {})
        elif state != "applied":
            self._perform(case, "accept", who["clerk"], {})
        if state == "returned":
            self._perform(case, "return_for_correction", who["clerk"], {"missing": MISSING})
        elif state == "rejected":
            self._perform(case, "reject", who["lead"], {"reason": "不符合条件"})
        return case

    # ---- how -------------------------------------------------------------------------------------------------------

    @property
    def _number(self) -> int:
        """Of the family that is being made."""
        return _FIRST_NUMBER + len(self._families)

    def _operator(self, city: str) -> Actor:
        applicant = Applicant(self._number)
        return Actor.of("op", "applicant", city, name=applicant.name, uscc=applicant.uscc)

    def _family(self, name: str, city: str, weight: int, *cases: str) -> None:
        self._families.append(Family(name, city, weight, self._number, cases))

    def _on(self, day: date) -> None:
        self._clock.instant = office_hour(day)

    def _open(self, kind: str, event: str, by: Actor, evidence: Mapping[str, Any], parent: str | None = None) -> str:
        return self._workflow.open_case(kind, event, by=by, evidence=evidence, parent=parent).case

    def _perform(self, case: str, event: str, by: Actor, evidence: Mapping[str, Any]) -> None:
        self._workflow.perform(case, event, by=by, evidence=evidence)
