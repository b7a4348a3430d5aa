"""The people of two cities, the office they meet at, and the evidence they bring: good, or what nobody should send.

What they do with it is ``living``; what must be true of it afterwards is ``chronicle``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Protocol, TypeVar

from kjfh_workflow import Actor
from kjfh_workflow.policy.machine import Edge
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import LEVELS
from kjfh_workflow.rules.case import Case
from tests.bureau import ARTICLE, MATERIALS, Bureau, facts, uscc

T = TypeVar("T")
CITIES = ("yuyao", "cixi")
OPERATORS = 4
_FACTS = {
    ("yuyao", "incubator"): "yuyao-strong", ("yuyao", "makerspace"): "yuyao-strong",
    ("cixi", "incubator"): "cixi-incubator", ("cixi", "makerspace"): "cixi-makerspace",
}  # fmt: skip
#: What nobody should send.
_WEIRD: tuple[Any, ...] = (
    None, "", "  ", [], {}, 0, -1, 10**30, True, 3.5, float("nan"), "不是", "2021-02-30", "\x00", "１２", b"bytes", [1],
    ["x", "x"], {"x": {"y": 1}}, date(1900, 1, 1), date(2150, 1, 1), Decimal("NaN"), Decimal("0.001"), "national",
)  # fmt: skip
#: Optional on paper, asked for all the same.
_NEEDED = ("findings", "materials", "rectify_by")
_FIELDS = ("软件", "生物医药", "智能制造")


class Pick(Protocol):
    """Chance, or whoever else chooses one of several."""

    def __call__(self, options: Sequence[T], /) -> T: ...


@cache
def _empty() -> tuple[Bureau, sqlite3.Connection]:
    """One office for all lives of this process, and its database as it was when it was new."""
    bureau, copy = Bureau("sqlite://"), sqlite3.connect(":memory:", check_same_thread=False)
    sqlite_of(bureau).backup(copy)
    return bureau, copy


def sqlite_of(bureau: Bureau) -> sqlite3.Connection:
    """The connection that is the office's database."""
    connection: Any = bureau.workflow._database.engine.raw_connection()
    found: sqlite3.Connection = connection.driver_connection
    return found


def fresh_bureau(day: date = date(2021, 3, 1)) -> Bureau:
    """An office on an empty SQLite database in memory; the one before it is gone."""
    bureau, empty = _empty()
    empty.backup(sqlite_of(bureau))
    return bureau.on(day)


def saved(bureau: Bureau) -> sqlite3.Connection:
    """A copy of the office's database as it is."""
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    sqlite_of(bureau).backup(copy)
    return copy


def restored(copy: sqlite3.Connection, day: date) -> Bureau:
    """The office with its database as it was saved."""
    bureau, _ = _empty()
    copy.backup(sqlite_of(bureau))
    return bureau.on(day)


# ---- people ------------------------------------------------------------------------------------------------------


@cache
def person(city: str, role: str, number: int = 0) -> Actor:
    """Somebody of a city: ``applicant`` (operator *number*), an office, ``hats`` (all offices at once)."""
    name = f"{city}-{role}-{number}"
    if role == "applicant":
        return Actor.of(name, role, city, name=f"运营{number}", uscc=uscc(number))
    roles = ("tech_clerk", "tech_lead", "finance") if role == "hats" else (role,)
    return Actor.of(name, roles, city)


def everybody(city: str) -> list[Actor]:
    """All people of a city."""
    offices = [person(city, role, n) for role in ("tech_clerk", "tech_lead", "finance") for n in (0, 1)]
    others = [person(city, role) for role in ("hats", "auditor", "admin")]
    return [*(person(city, "applicant", n) for n in range(OPERATORS)), *offices, *others]


PEOPLE = {actor.id: actor for city in CITIES for actor in everybody(city)}


# ---- evidence ----------------------------------------------------------------------------------------------------


@dataclass
class Wanting:
    """What a piece of evidence is to be made for."""

    pack: PolicyPack
    event: str
    today: date
    pick: Pick
    #: The case acted on; None for one that is to be opened.
    case: Case | None = None
    #: The incubator that it belongs to, or that it is.
    title: Case | None = None
    operator: int = 0

    def evidence(self, edge: Edge) -> dict[str, Any]:
        """Good evidence for an edge: all that it needs, and some of what it takes besides."""
        given: dict[str, Any] = {}
        for name, required in edge.fields.items():
            needed = required or name in _NEEDED or given.get("grade") == "not_graded"
            if needed or self.pick((True, False)):
                made = self._make(name, given)
                if made is not None:
                    given[name] = made
        return given

    def broken(self, edge: Edge) -> dict[str, Any]:
        """Evidence with one thing wrong, most likely."""
        given = self.evidence(edge)
        names = [*edge.fields, "unheard_of"]
        name = self.pick(names)
        if self.pick((True, False)):
            given.pop(name, None)
        else:
            given[name] = self.pick(_WEIRD)
        return given

    def _make(self, name: str, given: Mapping[str, Any]) -> Any:
        made: Callable[[Mapping[str, Any]], Any] | None = getattr(self, f"_{name}", None)
        return made(given) if made else f"{name}的内容"

    def _type(self, _: Mapping[str, Any]) -> str:
        return self.pick([*self.pack.identity.types])

    def _facts(self, given: Mapping[str, Any]) -> dict[str, Any]:
        actor = person(self.pack.city, "applicant", self.operator)
        space = self.pack.space_of(given.get("type") or (self.title.type if self.title else "incubator"))
        own = {"operator.uscc": self.title.uscc if self.title else actor.uscc, "operator.name": actor.name}
        return facts(_FACTS[self.pack.city, space], override=own)

    def _override(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        known = "facts" in given or (self.case and self.case.facts) or (self.title and self.title.facts)
        return {"premises.township": self.pick(("一镇", "二街道"))} if known else None

    def _materials(self, _: Mapping[str, Any]) -> list[str]:
        return MATERIALS[self.pack.city]

    def _missing(self, _: Mapping[str, Any]) -> list[str]:
        return ["租赁合同"]

    def _working_days(self, _: Mapping[str, Any]) -> int:
        return self.pick((1, 5, 30))

    def _findings(self, _: Mapping[str, Any]) -> str:
        return "all_met"

    def _justifications(self, _: Mapping[str, Any]) -> None:
        return None

    def _award_yuan(self, _: Mapping[str, Any]) -> Decimal:
        return self.pick([Decimal(text) for text in ("0", "0.01", "0.07", "99999.99", "250000.03", "300000")])

    def _article(self, _: Mapping[str, Any]) -> str:
        return ARTICLE[self.pack.city]

    def _uscc(self, _: Mapping[str, Any]) -> str:
        return uscc(self.operator)

    def _name(self, _: Mapping[str, Any]) -> str:
        return f"运营{self.operator}"

    def _level(self, _: Mapping[str, Any]) -> str:
        held = self.title.level if self.title else None
        higher = LEVELS[LEVELS.index(held) + 1 :] if held else LEVELS
        upward = higher and self.pick(range(6)) > 0
        return str(self.pick(higher if upward else LEVELS))

    _to_level = _level

    def _decided_on(self, _: Mapping[str, Any]) -> date:
        return self.today - timedelta(days=self.pick((0, 0, 40, 400, -1)))

    def _occurred_on(self, _: Mapping[str, Any]) -> date:
        return self.today - timedelta(days=self.pick((0, 10, 35, 100, 400, -1)))

    def _paid_on(self, _: Mapping[str, Any]) -> date:
        return self.today - timedelta(days=self.pick((0, 0, 3, -1)))

    def _report(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"在孵企业": 12, "营收": Decimal("1.50")}

    def _reason(self, given: Mapping[str, Any]) -> str | None:
        if self.event != "propose_grade":
            return "理由"
        return self.pick(("not_organised", "deferred", "refused")) if given.get("grade") == "not_graded" else None

    def _grade(self, _: Mapping[str, Any]) -> str:
        assert self.pack.identity.assessment
        if self.event == "decide_ungraded":
            return "unqualified"
        return self.pick([*self.pack.identity.assessment.grades, "unqualified", "not_graded"])

    def _score(self, given: Mapping[str, Any]) -> Decimal | None:
        if given.get("grade") == "not_graded":
            return None
        return self.pick((Decimal("90"), Decimal("60.5"), Decimal("90.00")))

    def _scores(self, _: Mapping[str, Any]) -> None:
        return None

    def _rectify_by(self, given: Mapping[str, Any]) -> date | None:
        due = self.today + timedelta(days=self.pick((1, 20, 200)))
        return due if given.get("grade") == "unqualified" else None

    def _year(self, _: Mapping[str, Any]) -> int:
        if self.event == "decide_ungraded" and self.case:
            grades = self.case.memory.get("grades", {})
            refused = [int(year) for year in grades if grades[year].get("reason") == "refused"]
            return self.pick(refused or [self.today.year])
        awards = self._awards()
        return self.pick([award["year"] for award in awards]) if awards else self.today.year

    def _awards(self) -> list[dict[str, Any]]:
        return [*self.case.memory.get("awards", {}).values()] if self.case else []

    def _kind(self, _: Mapping[str, Any]) -> str:
        return self.pick([str(award["kind"]) for award in self._awards()] or ["recognition"])

    def _instalment(self, _: Mapping[str, Any]) -> int:
        return self.pick((0, 1, 2, 3))

    def _yuan(self, _: Mapping[str, Any]) -> Decimal:
        return self.pick((Decimal("100000"), Decimal("0.01"), Decimal("60000.00"), Decimal("999999999")))

    def _what(self, _: Mapping[str, Any]) -> list[str]:
        assert self.pack.identity.changes
        return [self.pick(self.pack.identity.changes.what)]

    def _site_visit(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"on": self.today, "visitors": ["甲", "乙"], "finding": "已核查"}

    def _tenant(self, _: Mapping[str, Any]) -> dict[str, Any]:
        entered = self.today - timedelta(days=self.pick((0, 400, 1000, 1200)))
        return {
            "name": "在孵一号", "uscc": uscc(500 + self.pick((0, 1))), "founded_on": entered - timedelta(days=90),
            "entered_on": entered, "area_m2": 50, "field": self.pick(_FIELDS), "technology_sme": True,
            "registered_inside": True, "works_inside": True, "ip_applied": True, "invested_yuan": 0,
        }  # fmt: skip

    def _grounds(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return self.pick(({"high_tech": True}, {"main_income_yuan": "10000000.01"}, {"invested_yuan": 2000001}))

    def _until(self, _: Mapping[str, Any]) -> date:
        return self.today + timedelta(days=self.pick((1, 100, 1500)))


def chosen_award(award: Mapping[str, Any]) -> dict[str, Any]:
    """The selectors of an award."""
    selectors = {"kind": award["kind"], "year": award["year"]}
    return {**selectors, "instalment": award["instalment"]} if award["instalment"] else selectors
