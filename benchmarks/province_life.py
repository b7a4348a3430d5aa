"""A simulated province: incubators of both cities, their firms, and what happens to them in a year.

Everything is prepared before it is timed; how long it takes is ``province``'s business. The same seed gives the same
province, but for the ids of its cases.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

from benchmarks.life import Act, Applicant
from kjfh_workflow.books.ledger import Wanted
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.policy.vocabulary import AwardStatus
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.store.cases import Filter

CITIES = ("yuyao", "cixi")
#: The titles and firms that are there already enter before this year's spring.
FIRST_YEAR = 2021
ENTERS_ON = date(2021, 2, 1)

_TITLE_SINCE = date(2020, 6, 1)
_FIELDS = ("智能制造", "新材料", "生物医药", "人工智能", "集成电路", "软件")
_TOWNSHIPS = ("城区街道", "古塘街道", "坎墩街道", "低塘街道", "周巷镇", "泗门镇")
#: Numbers of firms begin here; numbers of operators end here.
_FIRMS_FROM, _FIRMS = 100_000, 900_000
_CROWD_FROM = 10_000_000


@dataclass(frozen=True, slots=True)
class Title:
    """One incubator."""

    number: int
    city: str
    case: str
    operator: Actor


def people(city: str) -> dict[str, Actor]:
    """The offices of a city; two in Finance, for who approves does not pay."""
    roles = {"clerk": "tech_clerk", "lead": "tech_lead", "finance": "finance", "cashier": "finance"}
    return {name: Actor.of(f"{city}-{name}", role, city, name=f"{city}-{name}") for name, role in roles.items()}


def registration(operator: Actor, type_: str, number: int = 0) -> dict[str, Any]:
    """What is known of a title that is older than the system."""
    return {
        "name": operator.name, "uscc": operator.uscc, "type": type_,
        "level": "ningbo" if number % 20 in (4, 5) else "local", "decided_on": _TITLE_SINCE.isoformat(),
        "document_no": f"科〔2020〕{number + 1}号", "township": _TOWNSHIPS[number % len(_TOWNSHIPS)],
    }  # fmt: skip


class Province:
    """The people of both cities, acting on a workflow whose clock they set."""

    def __init__(self, workflow: Workflow, clock: FixedClock, seed: int) -> None:
        self.workflow = workflow
        self._clock = clock
        self._random = random.Random(seed)
        self._people = {city: people(city) for city in CITIES}
        self.titles: dict[str, Title] = {}
        self._changes: list[tuple[Title, str]] = []

    def on(self, day: date) -> None:
        """Let it be 09:00 of *day*."""
        self._clock.instant = office_hour(day)

    # ---- who is there ------------------------------------------------------------------------------------------

    def registering(self, incubators: int) -> Iterator[Act]:
        """Titles that are older than the system; one in ten is above the local level."""
        for number in range(incubators):
            yield partial(self._register, number, CITIES[number % len(CITIES)], Applicant(number))

    def _register(self, number: int, city: str, applicant: Applicant) -> None:
        operator = Actor.of(f"op-{number}", "applicant", city, name=applicant.name, uscc=applicant.uscc)
        evidence = registration(operator, "makerspace" if number % 3 else "incubator", number)
        lead = self._people[city]["lead"]
        case = self.workflow.open_case("incubator", "register_title", by=lead, evidence=evidence).case
        self.titles[case] = Title(number, city, case, operator)

    def admitting(self, per_title: int) -> Iterator[Act]:
        """Firms, each of which moved in at some time in the last twenty months."""
        for title in [*self.titles.values()]:
            for row in range(per_title):
                yield self._admit(title, title.number * per_title + row)

    @property
    def crowded(self) -> Title:
        """The one that ``crowding`` fills."""
        return [*self.titles.values()][3]

    def crowding(self, firms: int) -> Iterator[Act]:
        """Firms that all move into one incubator: what its operator does must not become slower by them."""
        for number in range(firms):
            yield self._admit(self.crowded, _CROWD_FROM + number)

    def _admit(self, title: Title, number: int) -> Act:
        entered = ENTERS_ON - timedelta(days=self._random.randrange(1, 600))
        firm = Applicant(_FIRMS_FROM + number % _FIRMS)
        tenant = {
            "name": f"入驻企业{number:07d}有限公司", "uscc": firm.uscc, "entered_on": entered.isoformat(),
            "founded_on": (entered - timedelta(days=self._random.randrange(700))).isoformat(), "area_m2": 120,
            "field": _FIELDS[number % len(_FIELDS)], "technology_sme": True, "registered_inside": True,
            "works_inside": True, "ip_applied": bool(number % 2), "invested_yuan": 0,
        }  # fmt: skip
        return self._opening("tenancy", "admit", title.operator, title, {"tenant": tenant})

    # ---- a year ------------------------------------------------------------------------------------------------

    def reporting_changes(self, day: date) -> Iterator[Act]:
        """One title in ten has moved; a third of them say nothing, and the office finds out."""
        self._changes.clear()
        for title in self._some(10):
            evidence = {"what": ["site"], "occurred_on": (day - timedelta(days=9)).isoformat()}
            found_out = title.number % 3 == 0
            event = "record_change" if found_out else "report_change"
            actor = self._people[title.city]["clerk"] if found_out else title.operator
            yield partial(self._change, title, event, actor, evidence)

    def _change(self, title: Title, event: str, actor: Actor, evidence: Mapping[str, Any]) -> None:
        opened = self.workflow.open_case("change", event, by=actor, evidence=evidence, parent=title.case)
        self._changes.append((title, opened.case))

    def settling_changes(self, day: date) -> Iterator[Act]:
        """Each is looked into; nobody loses the title."""
        visit = {"on": day.isoformat(), "visitors": ["王一", "李二"], "finding": "场地符合要求"}
        for title, case in self._changes:
            event = "confirm_conforming" if title.city == "yuyao" else "note"
            evidence = {"site_visit": visit} if title.city == "yuyao" else {"opinion": "计入年度考核"}
            yield self._performing(case, event, self._people[title.city]["clerk"], evidence)

    def grading(self, year: int) -> Iterator[Act]:
        """A grade for everybody in the round; in Cixi a quarter at most is excellent."""
        for city in CITIES:
            clerk, roster = self._people[city]["clerk"], self.workflow.rounds.roster(city, year)
            excellent = len(roster) // 4
            for case in roster:
                grade = self._grade(self.titles[case], best_left=excellent > 0 or city == "yuyao")
                excellent -= grade == "excellent"
                evidence = {"grade": grade}
                if city == "cixi" and grade == "unqualified":
                    evidence["rectify_by"] = date(year + 1, 2, 25).isoformat()
                yield self._performing(case, "propose_grade", clerk, evidence)

    def _grade(self, title: Title, *, best_left: bool) -> str:
        draw = self._random.random()
        if draw < (0.8 if title.number % 40 in (0, 1) else 0.03):
            return "unqualified"
        if draw < 0.25 and best_left:
            return "excellent"
        return "good" if draw < 0.5 and title.city == "yuyao" else "qualified"

    def approving(self, year: int) -> Iterator[Act]:
        """Everything proposed for a year."""
        for city in CITIES:
            for award in self._awards(city, year, AwardStatus.PROPOSED):
                yield self._performing(award["case"], "approve_award", self._people[city]["finance"], _selected(award))

    def paying(self, year: int, day: date) -> Iterator[Act]:
        """Everything approved for a year."""
        for city in CITIES:
            for number, award in enumerate(self._awards(city, year, AwardStatus.APPROVED)):
                evidence = {**_selected(award), "paid_on": day.isoformat(), "voucher": f"{city}-{year}-{number}"}
                yield self._performing(award["case"], "pay_award", self._people[city]["cashier"], evidence)

    def _awards(self, city: str, year: int, status: AwardStatus) -> list[Mapping[str, Any]]:
        return [*self.workflow.ledger.table(city, Wanted(year=year, status=status)).rows]

    def reporting_rectification(self) -> Iterator[Act]:
        """Half of those that have to; the others let the day pass."""
        for title in self._in_state("rectification"):
            if title.number % 4 < 2:
                yield self._performing(title.case, "report_rectification", title.operator, {"report": {"整改": "完成"}})

    def rechecking(self) -> Iterator[Act]:
        """All pass."""
        for title in self._in_state("recheck"):
            clerk = self._people[title.city]["clerk"]
            yield self._performing(title.case, "pass_recheck", clerk, {"finding": "整改到位"})

    # ---- how ---------------------------------------------------------------------------------------------------

    def _some(self, one_in: int) -> list[Title]:
        standing = [*self._in_state("recognized"), *self._in_state("promoted")]
        return self._random.sample(standing, len(standing) // one_in)

    def _in_state(self, state: str) -> list[Title]:
        found: list[Title] = []
        for city in CITIES:
            after = ""
            while rows := self.workflow.cases(Filter(city=city, kind="incubator", state=state), after=after):
                found += [self.titles[row["id"]] for row in rows]
                after = rows[-1]["id"]
        return found

    def _performing(self, case: str, event: str, actor: Actor, evidence: Mapping[str, Any]) -> Act:
        return partial(self.workflow.perform, case, event, by=actor, evidence=evidence)

    def _opening(self, kind: str, event: str, actor: Actor, title: Title, evidence: Mapping[str, Any]) -> Act:
        return partial(self.workflow.open_case, kind, event, by=actor, evidence=evidence, parent=title.case)


def _selected(award: Mapping[str, Any]) -> dict[str, Any]:
    chosen = {"kind": award["kind"], "year": award["year"]}
    return {**chosen, "instalment": award["instalment"]} if award["instalment"] else chosen
