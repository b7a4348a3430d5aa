"""A town that lives: people of both cities who may do anything at any time, with good or broken evidence.

Every act is looked at as it happens (a preview agrees, a refusal changes nothing, a request sent twice is answered
once). What must be true of everything that has happened so far, ``Chronicle`` tells again: naively, from history alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from itertools import count
from typing import Any, Protocol, TypeVar

from sqlalchemy import select

from kjfh_workflow import Actor, NotFound, Outcome, Refused, canonical
from kjfh_workflow.casework.rounds import Round
from kjfh_workflow.clock import SHANGHAI, local_date
from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.machine import Edge, Machine
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import LEVELS, NEW, SAME, CaseKind, Level, Role
from kjfh_workflow.rules.calendar import china
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import clocks_of
from kjfh_workflow.rules.deadlines import add_months, add_workdays
from kjfh_workflow.store import cases, history
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.history import Row
from kjfh_workflow.store.schema import ledger, metadata
from tests.bureau import ARTICLE, MATERIALS, Bureau, facts, uscc

T = TypeVar("T")
CITIES = ("yuyao", "cixi")
OPERATORS = 4
_FACTS = {
    ("yuyao", "incubator"): "yuyao-strong", ("yuyao", "makerspace"): "yuyao-strong",
    ("cixi", "incubator"): "cixi-incubator", ("cixi", "makerspace"): "cixi-makerspace",
}  # fmt: skip
_MORNING, _LAST_SECOND = time(9), time(23, 59, 59)
_CHILDREN = (CaseKind.PROMOTION, CaseKind.CHANGE, CaseKind.TENANCY)
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
    _sqlite(bureau).backup(copy)
    return bureau, copy


def _sqlite(bureau: Bureau) -> sqlite3.Connection:
    connection: Any = bureau.workflow._database.engine.raw_connection()
    found: sqlite3.Connection = connection.driver_connection
    return found


def fresh_bureau(day: date = date(2021, 3, 1)) -> Bureau:
    """An office on an empty SQLite database in memory; the one before it is gone."""
    bureau, empty = _empty()
    empty.backup(_sqlite(bureau))
    return bureau.on(day)


def saved(bureau: Bureau) -> sqlite3.Connection:
    """A copy of the office's database as it is."""
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    _sqlite(bureau).backup(copy)
    return copy


def restored(copy: sqlite3.Connection, day: date) -> Bureau:
    """The office with its database as it was saved."""
    bureau, _ = _empty()
    copy.backup(_sqlite(bureau))
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


# ---- what must be true of everything that has happened --------------------------------------------------------------

_CENT = Decimal("0.01")
_OPEN = {"scheduled", "held", "proposed", "approved"}
_ARROWS = {
    "approve_award": ({"proposed"}, "approved"), "pay_award": ({"approved"}, "paid"),
    "release_award": ({"held", "approved"}, "proposed"), "hold_award": ({"proposed", "approved"}, "held"),
    "lapse_award": (_OPEN, "lapsed"), "reverse_award": ({"paid"}, "reversed"),
}  # fmt: skip
_LOSSES = ("defence_window_over", "uphold_revocation", "surrender")
#: Rows of history that alarms write without an event of the machine.
_ALARMS = ("remind", "escalate", "expire", "recount")
_UNHEARD = ("revocation_proposed", "defence_review")


@dataclass(frozen=True)
class Money:
    """One award as the ledger last had it, and what its past says."""

    kind: str
    year: int
    instalment: int
    yuan: Decimal
    cap: Decimal
    fixed: bool
    status: str
    #: Who last approved it.
    approver: str = ""
    #: The history row that last released it.
    released: int = 0
    #: The latest case of fraud when it was released.
    despite: str = ""
    approved_on: date = date.min


@dataclass(frozen=True)
class Told:
    """One row of history."""

    version: int
    event: str
    source: str
    target: str
    actor: str
    role: str
    on: date
    noticed_on: date
    evidence: dict[str, Any]
    effects: dict[str, Any]


@dataclass
class Life:
    """One case, told from its history."""

    id: str
    city: str
    kind: CaseKind
    pack: PolicyPack
    state: str = NEW
    #: What its rows assigned: only asked for whose case it is.
    said: dict[str, Any] = field(default_factory=dict)
    acts: list[Told] = field(default_factory=list)
    awards: dict[str, Money] = field(default_factory=dict)
    #: Year → the grade that became final, and why there is none.
    grades: dict[int, tuple[str, str]] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)
    #: Years of recognitions above.
    above: set[int] = field(default_factory=set)
    level: str = ""
    proposer: str = ""
    heard_from: date = date.max
    #: The row since which nothing is paid, on one ground; 0 while payments go on.
    blocked: int = 0
    #: The year of the round that it was last brought into, until that is closed; 0 for none.
    assessing: int = 0

    @property
    def machine(self) -> Machine:
        """Its machine."""
        return self.pack.machines[self.kind]

    @property
    def since(self) -> int:
        """The first year whose failures count."""
        day = self.pack.identity.in_force.adverse_from
        return day.year if day else 0


def _ground(life: Life, state: str) -> str:
    """Why nothing is paid: it has to be rectified, is about to be cancelled, or is over; empty where it is paid."""
    if state in ("rectification", "recheck"):
        return "rectification"
    return "revocation" if state in _UNHEARD else "over" if state in ("revoked", "surrendered") else ""


class Chronicle:
    """Tells every row of history again, by the documents and naively, and compares what came of it."""

    def __init__(self, catalog: Catalog, people: Mapping[str, Actor]) -> None:
        self.lives: dict[str, Life] = {}
        self.edges_taken: set[tuple[str, CaseKind, int]] = set()
        self._catalog, self._people = catalog, people
        self._position, self._money = 0, 0

    def catch_up(self, tx: CoreTransaction) -> None:
        """Tell what is new, and look at every case that has moved."""
        rows = [*history.positions(tx, self._position)]
        changed = self._ledger_since(tx)
        for position, row in rows:
            self._position = position
            self._tell(row, changed.pop((row.case_id, row.version), {}))
        assert not changed, "every row of the ledger belongs to a row of history"
        for case_id in dict.fromkeys(row.case_id for _, row in rows):
            case = cases.load(tx, case_id)
            assert case
            self._compare(self.lives[case_id], case)
        if rows:
            self._nobody_has_two()

    def _ledger_since(self, tx: CoreTransaction) -> dict[tuple[str, int], dict[str, Money]]:
        found: dict[tuple[str, int], dict[str, Money]] = {}
        for row in tx.connection.execute(select(ledger).where(ledger.c.id > self._money).order_by(ledger.c.id)):
            self._money = row.id
            detail = canonical.loads(row.detail)
            money = Money(row.kind, row.year, row.instalment, Decimal(row.fen) / 100, Decimal(detail["cap"]),
                          detail["fixed"], row.status)  # fmt: skip
            found.setdefault((row.case_id, row.version), {})[row.award] = money
        return found

    # ---- every case ----

    def _tell(self, row: Row, changed: Mapping[str, Money]) -> None:
        effects = canonical.loads(row.effects)
        if row.case_id not in self.lives:
            city, _, version = row.policy.partition("/")
            pack = self._catalog.pinned(city, version)
            self.lives[row.case_id] = Life(row.case_id, city, CaseKind(effects["kind"]), pack)
        life = self.lives[row.case_id]
        told = Told(
            row.version, row.event, row.source, row.target, row.actor, row.role, row.legal_on,
            local_date(row.noticed_at), canonical.loads(row.evidence), effects,
        )  # fmt: skip
        life.said = {**life.said, **effects.get("set", {})}
        assert told.source == life.state
        for name in ("decided_on", "paid_on", "occurred_on"):
            assert date.fromisoformat(told.evidence.get(name, "2000-01-01")) <= told.on, "what is on file has happened"
        assert told.on <= told.noticed_on
        self._on_the_graph(life, told)
        if life.kind is CaseKind.INCUBATOR:
            self._title(life, told, changed)
        else:
            assert not changed, "only titles have money"
            self._others(life, told)
        life.acts.append(told)
        life.state = told.target

    def _on_the_graph(self, life: Life, told: Told) -> None:
        if told.event in _ALARMS:
            assert (told.source, told.role) == (told.target, "timer"), "an alarm moves no case"
            return
        fits = [
            edge
            for edge in life.machine.edges_from[told.event, told.source]
            if told.role in edge.by and told.target == (told.source if edge.to == SAME else edge.to)
        ]
        assert fits, "never off the graph"
        told_of = {notice for notice, _, _ in told.effects.get("notices", ())}
        if told.role == "timer" and self._belongs_to_what_is_over(life):
            assert not told_of, "nobody is told of duties that ended with the title"
        else:
            fits = [edge for edge in fits if {*edge.notify} <= told_of]
        assert fits, "everybody is told who is to be told"
        best = max(fits, key=lambda edge: len(edge.notify))
        self.edges_taken.add((life.city, life.kind, life.machine.edges.index(best)))
        if told.role not in ("timer", "case"):
            who = self._people.get(told.actor)
            if who and told.role != "applicant":
                assert told.role in who.roles
                assert who.city == life.city
            if who and told.role == "applicant":
                assert who.uscc == life.said["uscc"], "an applicant acts in its own cases"

    def _belongs_to_what_is_over(self, life: Life) -> bool:
        parent = self.lives.get(str(life.said.get("parent")))
        return bool(parent and parent.machine.states[parent.state].final)

    def _others(self, life: Life, told: Told) -> None:
        if told.event == "endorse":
            mine = [act for act in life.acts if act.event in ("pass_preliminary", "endorse")]
            assert told.actor not in {act.actor for act in mine}, "four eyes"
            assert told.role not in {act.role for act in mine if act.event == "endorse"}, "each department once"
        if (told.event, told.target) == ("endorse", "recognized"):
            both = {act.role for act in life.acts if act.event == "endorse"} | {told.role}
            assert both == {"tech_lead", "finance"}, "no recognition without both departments"
        if told.event == "submit":
            banned = self.banned_until(life.city, life.said["uscc"])
            assert banned is None or told.on > banned, "who is barred does not apply"
        if told.event == "return_for_correction" and any(act.event == told.event for act in life.acts):
            assert told.evidence.get("reason"), "a second return says why"
        if told.event == "resubmit":
            returned = [act.source for act in life.acts if act.event == "return_for_correction"]
            assert told.target == returned[-1], "back to where it was returned from"
        if told.event == "report_change" and told.source == NEW:
            due = self._report_due(life, told.evidence["occurred_on"])
            assert life.said["late_days"] == (max(0, (told.on - due).days) if due else 0), "late by so many days"

    def _report_due(self, life: Life, occurred_on: str) -> date | None:
        """Yuyao art. 13: a month, from the day of issue on; Cixi 三（四）: three months."""
        occurred, since = date.fromisoformat(occurred_on), life.pack.identity.in_force.adverse_from
        if since and occurred < since:
            return None
        return china().next_workday(add_months(occurred, 1 if life.city == "yuyao" else 3))

    def banned_until(self, city: str, code: str) -> date | None:
        """The last day on which an operator may not apply; only Yuyao bars anybody."""
        days = [add_months(day, 24) for day, _ in self._frauds(city, code)]
        return max(days, default=None) if city == "yuyao" else None

    def _frauds(self, city: str, code: str) -> list[tuple[date, str]]:
        theirs = (one for one in self.lives.values() if one.city == city and one.said.get("uscc") == code)
        return [(act.on, one.id) for one in theirs for act in one.acts if act.event == "find_fraud"]

    def _nobody_has_two(self) -> None:
        taken: list[tuple[str, ...]] = []
        for life in self.lives.values():
            if life.machine.states[life.state].final:
                continue
            uscc_of = str(life.said["uscc"])
            if life.kind is CaseKind.APPLICATION:
                taken.append((life.kind, life.city, uscc_of))
            elif life.kind is CaseKind.INCUBATOR:
                taken.append((life.kind, life.city, uscc_of, life.pack.space_of(life.said["type"])))
            elif life.kind is CaseKind.TENANCY:
                taken.append((life.kind, life.said["parent"], life.said["tenant"]["uscc"]))
        assert len(taken) == len({*taken}), "one open application, one title of a kind, one tenancy of a firm"

    # ---- titles ----

    def _title(self, life: Life, told: Told, changed: Mapping[str, Money]) -> None:
        expected = self._expected_money(life, told)
        actual = {key: (money.status, money.yuan) for key, money in changed.items()}
        if told.event in _ARROWS:
            self._moved(life, told, changed)
        else:
            assert actual == expected, f"{told.event}: the ledger says {actual}, by the documents it is {expected}"
        self._taken_into_account(life, told)
        for key, money in changed.items():
            before = life.awards.get(key)
            assert money.yuan <= money.cap
            assert money.yuan == money.cap or not money.fixed
            if before:
                kept = (before.kind, before.year, before.instalment, before.cap, before.fixed)
                assert kept == (money.kind, money.year, money.instalment, money.cap, money.fixed)
                assert money.yuan == before.yuan or told.event == "approve_award"
            life.awards[key] = self._with_its_past(life, before, money, told)
        self._within_the_highest_cap(life)
        self._heard(life, told)
        if told.event == "open_round":
            life.assessing = told.evidence["year"]
        elif told.event == "close_round" and told.evidence["year"] == life.assessing:
            life.assessing = 0
        if (ground := _ground(life, told.target)) != _ground(life, told.source):
            life.blocked = told.version if ground else 0

    def _with_its_past(self, life: Life, before: Money | None, money: Money, told: Told) -> Money:
        past = before or money
        if told.event == "approve_award":
            return replace(past, status=money.status, yuan=money.yuan, approver=told.actor, approved_on=told.on)
        if told.event == "release_award":
            despite = self._fraud_open(life, told.on)
            return replace(past, status=money.status, released=told.version, despite=despite)
        return replace(past, status=money.status)

    def _moved(self, life: Life, told: Told, changed: Mapping[str, Money]) -> None:
        ((key, money),) = changed.items()
        before, (sources, to) = life.awards[key], _ARROWS[told.event]
        assert before.status in sources
        assert money.status == to
        named = (told.evidence["kind"], told.evidence["year"], told.evidence.get("instalment", 0))
        assert (money.kind, money.year, money.instalment) == named
        blocked = self._blocked(life, told, before)
        if told.event == "pay_award":
            assert before.approver != told.actor, "who approved does not record the payment"
            assert not blocked, "nothing is paid while something is open, unless released since"
            assert before.approved_on <= date.fromisoformat(told.evidence["paid_on"]) <= told.on
        if told.event == "release_award" and before.status == "approved":
            assert blocked, "what is approved is released only where it could not be paid"
        if told.event == "approve_award" and "yuan" in told.evidence:
            assert money.yuan == Decimal(told.evidence["yuan"])

    def _blocked(self, life: Life, told: Told, award: Money) -> bool:
        if life.blocked and award.released <= life.blocked:
            return True
        fraud = self._fraud_open(life, told.on)
        return bool(fraud) and award.despite != fraud

    def _fraud_open(self, life: Life, day: date) -> str:
        """The case of the latest finding of fraud that still bears on payments: in Yuyao as long as the ban."""
        banned, found = self.banned_until(life.city, life.said["uscc"]), self._frauds(life.city, life.said["uscc"])
        over = life.city == "yuyao" and (banned is None or day > banned)
        return max(found)[1] if found and not over else ""

    def _within_the_highest_cap(self, life: Life) -> None:
        granted = sum(
            (m.yuan for m in life.awards.values() if m.kind != "annual" and m.status not in ("lapsed", "reversed")),
            Decimal(0),
        )
        cap = life.pack.cap_for(life.said["type"], life.level)
        assert granted <= (cap.yuan if cap else 0), "never more in all than the cap of the highest level"

    # ---- what an act should do to the ledger ----

    def _expected_money(self, life: Life, told: Told) -> dict[str, tuple[str, Decimal]]:
        event, expected = told.event, dict[str, tuple[str, Decimal]]()
        if event == "grant_title" and life.city == "cixi":
            expected = self._instalments(life, told)
        elif event == "register_title":
            expected = self._straight(life, told)
        elif event == "take_level":
            expected = {**self._top_up(life, told), **self._given_way(life, told)}
        elif event == "close_round":
            expected = self._year_closed(life, told)
        elif event == "assessment_missing":
            over = {k: m for k, m in life.awards.items() if date(m.year + 1, 12, 31) < told.noticed_on}
            waiting = {k: m for k, m in over.items() if m.status == "scheduled" and m.year != life.assessing}
            expected = {key: ("held", money.yuan) for key, money in waiting.items()}
        elif event in _LOSSES:
            lost = {k: m for k, m in life.awards.items() if m.status in ("scheduled", "held", "proposed")}
            expected = {key: ("lapsed", money.yuan) for key, money in lost.items()}
        return expected

    def _instalments(self, life: Life, told: Told) -> dict[str, tuple[str, Decimal]]:
        cap = life.pack.cap_for(life.said["type"], "local")
        assert cap
        application = self.lives[life.said["opened_by"]]
        endorsed = [a.evidence["award_yuan"] for a in application.acts if "award_yuan" in a.evidence]
        grant = Decimal(endorsed[-1]) if endorsed else cap.yuan
        assert grant <= cap.yuan
        shares = [(grant * share).quantize(_CENT, ROUND_HALF_UP) for share in (Decimal("0.6"), Decimal("0.2"))]
        shares[1] = min(shares[1], grant - shares[0])
        shares.append(grant - sum(shares))
        assert sum(shares) == grant, "the instalments are the grant"
        year = told.on.year
        return {
            f"recognition/{year + n}/{n + 1}": ("scheduled" if n else "proposed", yuan)
            for n, yuan in enumerate(shares)
            if yuan
        }

    def _straight(self, life: Life, told: Told) -> dict[str, tuple[str, Decimal]]:
        decided, level = date.fromisoformat(told.evidence["decided_on"]), told.evidence["level"]
        if life.city != "cixi" or level == "local" or not date(2021, 1, 1) <= decided <= date(2023, 12, 31):
            return {}
        cap = life.pack.cap_for(told.evidence["type"], level)
        assert cap
        return {f"recognition/{decided.year}/0": ("held", cap.yuan)}

    def _top_up(self, life: Life, told: Told) -> dict[str, tuple[str, Decimal]]:
        level, decided = told.evidence["level"], date.fromisoformat(told.evidence["decided_on"])
        cap, before = life.pack.cap_for(life.said["type"], level), life.pack.cap_for(life.said["type"], life.level)
        assert cap
        if life.city == "yuyao":
            yuan = cap.yuan - (before.yuan if before else 0)
        else:
            alive = (m for m in life.awards.values() if m.kind != "annual" and m.status not in ("lapsed", "reversed"))
            yuan = cap.yuan - sum((m.yuan for m in alive), Decimal(0))
        return {f"promotion/{decided.year}/0/{level}": ("proposed", yuan)} if yuan > 0 else {}

    def _given_way(self, life: Life, told: Told) -> dict[str, tuple[str, Decimal]]:
        """Yuyao art. 12: no annual award in the year of the recognition above."""
        money = life.awards.get(f"annual/{told.evidence['decided_on'][:4]}/0")
        if life.city != "yuyao" or money is None:
            return {}
        become = {"proposed": "lapsed", "held": "lapsed", "approved": "held"}.get(money.status)
        return {f"annual/{money.year}/0": (become, money.yuan)} if become else {}

    def _year_closed(self, life: Life, told: Told) -> dict[str, tuple[str, Decimal]]:
        year, grade = told.evidence["year"], told.evidence.get("grade")
        expected: dict[str, tuple[str, Decimal]] = {}
        if life.city == "cixi":
            status = "proposed" if grade in ("excellent", "qualified") else "held"
            due = {k: m for k, m in life.awards.items() if m.year == year and m.status == "scheduled"}
            expected = {key: (status, money.yuan) for key, money in due.items()}
        sums = {("cixi", "excellent"): 100_000, ("yuyao", "excellent"): 200_000, ("yuyao", "good"): 100_000}
        annual = sums.get((life.city, str(grade)))
        if (
            annual
            and year >= life.pack.identity.in_force.effective_from.year
            and not (life.city == "yuyao" and year in life.above)
        ):
            first = life.city == "yuyao" and year == self._own_title_of(life)
            expected[f"annual/{year}/0"] = ("held" if first else "proposed", Decimal(annual))
        return expected

    def _own_title_of(self, life: Life) -> int:
        """The year of the city's own recognition."""
        first = life.acts[0]
        if first.event == "grant_title":
            return first.on.year
        decided = date.fromisoformat(first.evidence["decided_on"])
        return decided.year if first.evidence["level"] == "local" else 0

    # ---- grades and titles ----

    def _taken_into_account(self, life: Life, told: Told) -> None:
        given = told.evidence
        year: int = given.get("year", 0)
        match told.event:
            case "grant_title":
                life.level = "local"
            case "register_title" | "take_level":
                order = [*LEVELS]
                assert not life.level or order.index(given["level"]) > order.index(Level(life.level)), "only upward"
                life.level = given["level"]
                if life.level != "local":
                    life.above.add(int(given["decided_on"][:4]))
            case "close_round":
                assert year not in life.grades or life.grades[year][1] == "decided", "a year is closed once"
                if year not in life.grades:
                    life.grades[year] = (given.get("grade", "not_graded"), given.get("reason", ""))
                self._consequence(life, told, given.get("grade"))
            case "decide_ungraded":
                assert life.grades[year] == ("not_graded", "refused"), "only who refused is decided on afterwards"
                life.grades[year] = (given["grade"], "decided")
                self._consequence(life, told, given["grade"])

    def _consequence(self, life: Life, told: Told, grade: str | None) -> None:
        year = told.evidence["year"]
        failed = grade == "unqualified" and year >= life.since
        if life.city == "cixi":
            if failed:
                assert told.target == "rectification"
                assert date.fromisoformat(told.evidence["rectify_by"]) > told.on
            elif grade is not None:
                assert told.target == ("recognized" if life.level == "local" else "promoted")
            return
        bad = {y for y, (g, _) in life.grades.items() if g == "unqualified" and y >= life.since} - life.used
        pair = failed and (year - 1 in bad or year + 1 in bad)
        if grade is not None:
            proposed = told.target == "revocation_proposed"
            assert pair == proposed, "two failed years in a row cost the title, and nothing less"
        if pair:
            run = {year}
            while (more := {y for y in bad if y - 1 in run or y + 1 in run} | run) != run:
                run = more
            life.used |= run

    def _heard(self, life: Life, told: Told) -> None:
        if told.target == "revocation_proposed" and told.source not in _UNHEARD:
            life.proposer, life.heard_from = told.actor, told.noticed_on
        if told.target != "revoked" or told.source == "revoked":
            return
        if told.event == "defence_window_over":
            assert (told.source, told.role) == ("revocation_proposed", "timer")
            window = add_workdays(china(), life.heard_from, 5)
            assert told.on > window, "nobody loses a title before the window for a defence is over"
        else:
            assert (told.source, told.event) == ("defence_review", "uphold_revocation")
            assert told.actor != life.proposer, "who proposed it does not uphold it"

    # ---- what is on file ----

    def _compare(self, life: Life, case: Case) -> None:
        assert case.state == life.state
        self._clocks(life, case)
        if life.kind is not CaseKind.INCUBATOR:
            return
        on_file = {int(y): (g["grade"], g.get("reason", "")) for y, g in case.memory.get("grades", {}).items()}
        assert {y: g for y, (g, _) in on_file.items()} == {y: g for y, (g, _) in life.grades.items()}
        failed, year = 0, max(life.grades, default=0)
        while life.grades.get(year, ("", ""))[0] == "unqualified" and year >= life.since:
            failed, year = failed + 1, year - 1
        assert case.memory["failed_years"] == failed, "as many failed years as there are in a row"
        assert case.level == life.level
        if life.state in ("recognized", "promoted"):
            assert life.state == ("recognized" if life.level == "local" else "promoted")
        in_round = life.machine.states[life.state].in_round
        assert not in_round or "assessing" in case.memory
        assert case.memory.get("block", 0) == life.blocked
        rows = {key: (money.status, f"{money.yuan:.2f}") for key, money in life.awards.items()}
        assert {key: (a["status"], a["yuan"]) for key, a in case.memory.get("awards", {}).items()} == rows

    def _clocks(self, life: Life, case: Case) -> None:
        clocks = clocks_of(case)
        assert {*clocks} <= {timer.name for timer in life.machine.timers}
        for timer in life.machine.timers:
            period, clock = timer.period_of.get(life.state), clocks.get(timer.name)
            if period is None:
                assert clock is None, f"{timer.name} does not run in {life.state}"
            elif period.reckoning:
                due = self._reckoned(life, timer.name)
                assert (clock.due if clock else None) == due, f"{timer.name} runs until {due}"
            elif timer.side != "nobody":
                assert clock is not None, f"{timer.name} runs in {life.state}"
                entered = [act for act in life.acts if act.target == life.state and act.source != life.state][-1]
                length = entered.evidence.get(period.length_from) or period.length or 0
                if not timer.pauses_in:
                    assert clock.due == add_workdays(china(), entered.noticed_on, length)

    def _reckoned(self, life: Life, timer: str) -> date | None:
        match timer:
            case "rectification_due":
                orders = [
                    act.evidence for act in life.acts if act.target == "rectification" and "rectify_by" in act.evidence
                ]
                return date.fromisoformat(orders[-1]["rectify_by"])
            case "change_report_due":
                return self._report_due(life, life.acts[0].evidence["occurred_on"])
            case "incubation_limit":
                if extended := [act for act in life.acts if act.event == "extend"]:
                    return date.fromisoformat(extended[-1].evidence["until"])
                firm = life.said["tenant"]
                months = 60 if firm["field"] in ("生物医药", "人工智能", "集成电路") else 36
                return add_months(date.fromisoformat(firm["entered_on"]), months)
            case "assessment_missing":
                years = [m.year for m in life.awards.values() if m.status == "scheduled" and m.year != life.assessing]
                return date(min(years) + 1, 12, 31) if years else None
        raise AssertionError(f"{timer}: nobody has told how it is reckoned")

    # ---- rounds ----

    def check_round(self, made: Round, roster: Sequence[str]) -> None:
        """A round that was opened or closed just now holds whom and what it must."""
        titles = [one for one in self.lives.values() if one.kind is CaseKind.INCUBATOR and one.city == made.city]
        if made.act == "open_round":
            held = [one for one in titles if one.machine.states[one.state].titled]
            assert sum(made.titles.values()) == len(held), "the denominator is every title of the day"
            mine = [
                one.id
                for one in held
                if one.acts[-1].event == "open_round" and one.acts[-1].evidence["year"] == made.year
            ]
            assert sorted(mine) == sorted(roster)
            for one in held:
                could = [
                    act for act in one.acts[-1:] if act.event == "open_round" and act.evidence["year"] == made.year
                ]
                free = (could[0].source if could else one.state) in ("recognized", "promoted")
                first = self._recognised_in(one) + (1 if made.city == "cixi" else 0)
                assert bool(could) == (free and made.year >= first), "everybody who is to be assessed is on the roster"
            return
        grades = []
        for case_id in roster:
            life = self.lives[case_id]
            final = [act for act in life.acts if act.event == "close_round" and act.evidence["year"] == made.year]
            assert len(final) == 1, "each member of a closed round has its entry"
            assert made.year in life.grades
            grades.append(final[0].evidence.get("grade"))
        if made.city == "cixi":
            assert grades.count("excellent") <= sum(made.titles.values()) // 3, "never more excellent than a third"

    def _recognised_in(self, life: Life) -> int:
        first = life.acts[0]
        return first.on.year if first.event == "grant_title" else int(first.evidence["decided_on"][:4])


# ---- the town ----------------------------------------------------------------------------------------------------


@dataclass
class Town:
    """Two cities, their people, and everything that they try."""

    bureau: Bureau
    day: date = date(2021, 3, 1)
    #: What has been tried, for whoever has to understand a failure.
    story: list[str] = field(default_factory=list)
    #: Where most things happen.
    cities: tuple[str, ...] = CITIES
    steps: int = 0
    #: Of how many days the books are kept as they were in the evening.
    evenings: int = 3
    #: Day → the books.
    _evenings: dict[date, str] = field(default_factory=dict)
    _next_close_look: int = 40

    def __post_init__(self) -> None:
        self.workflow = self.bureau.on(self.day).workflow
        self.chronicle = Chronicle(self.workflow.catalog, PEOPLE)

    # ---- looking ----

    def case(self, case_id: str) -> Case:
        """As it stands."""
        with self.workflow._database.reading() as tx:
            found = cases.load(tx, case_id)
        assert found
        return found

    def ids(self, *kinds: CaseKind, city: str = "") -> list[str]:
        """Cases of these kinds (of all, by default) in the order in which they were opened."""
        lives = self.chronicle.lives.values()
        return [one.id for one in lives if (not kinds or one.kind in kinds) and (not city or one.city == city)]

    def going_on(self, *kinds: CaseKind) -> list[str]:
        """Those that are not over."""
        lives = self.chronicle.lives
        return [one for one in self.ids(*kinds) if not lives[one].machine.states[lives[one].state].final]

    def fingerprint(self) -> list[Any]:
        """Changes with anything on file."""
        counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in metadata.tables)
        texts = "(SELECT group_concat(head || state || version) FROM kjfh_cases)"
        timers = "(SELECT count(*) FROM kjfh_timers WHERE outcome = 'armed')"
        return [*_sqlite(self.bureau).execute(f"SELECT {counts}, {texts}, {timers}").fetchone()]

    def alias(self, case_id: str) -> str:
        """A short name for a case: its kind and its place among all."""
        life = self.chronicle.lives.get(case_id)
        return f"{life.kind}{[*self.chronicle.lives].index(case_id)}" if life else case_id

    @contextmanager
    def telling(self) -> Iterator[None]:
        """A failure inside comes with the story so far."""
        try:
            yield
        except Refused:
            raise
        except BaseException as error:
            if not getattr(error, "__notes__", None):
                error.add_note("\n".join(self.story))
            raise

    # ---- trying ----

    def try_act(
        self, case: str, event: str, by: Actor, evidence: Mapping[str, Any], *, preview: bool = False
    ) -> Outcome | None:
        """Perform an event; None if it was refused."""
        workflow, before = self.workflow, self.fingerprint()
        seen, offered = None, None
        if preview and by.may_read(self.case(case)):
            seen = workflow.preview(case, event, by=by, evidence=evidence)
            offered = {one.event: one.allowed for one in workflow.allowed_events(case, by=by)}
        elif preview:
            try:
                workflow.preview(case, event, by=by, evidence=evidence)
            except NotFound:
                pass
            else:
                raise AssertionError("a preview shows nothing to whom the case is not to be seen")
        assert self.fingerprint() == before, "a preview leaves nothing behind"

        def act(request: str) -> Outcome:
            return workflow.perform(case, event, by=by, evidence=evidence, request_id=request)

        outcome = self._tried(f"{event} {self.alias(case)}", by, evidence, act, seen)
        if outcome and offered is not None:
            assert offered.get(event), f"{event} works, but is not offered"
        return outcome

    def try_open(
        self, kind: CaseKind, event: str, by: Actor, city: str, evidence: Mapping[str, Any], parent: str = "",
        *, preview: bool = False,
    ) -> Outcome | None:  # fmt: skip
        """Open a case; None if it was refused."""
        workflow, before, seen = self.workflow, self.fingerprint(), None
        if preview:
            seen = workflow.preview_open(kind, event, by=by, city=city, evidence=evidence, parent=parent)
        assert self.fingerprint() == before, "a preview leaves nothing behind"

        def act(request: str) -> Outcome:
            return workflow.open_case(
                kind, event, by=by, city=city, evidence=evidence, parent=parent or None, request_id=request
            )

        return self._tried(f"{event} under {self.alias(parent)} in {city}", by, evidence, act, seen)

    def _tried(
        self,
        what: str,
        by: Actor,
        evidence: Mapping[str, Any],
        act: Callable[[str], Outcome],
        seen: Outcome | None,
    ) -> Outcome | None:
        self.steps += 1
        shown = {name: "…" if name in ("facts", "materials") else value for name, value in evidence.items()}
        self.story.append(f"{self.day} {by.id} {what} {shown}")
        before, request = self.fingerprint(), f"request {next(_REQUESTS)}"
        with self.telling():
            outcome, refusals = _outcome_of(act, request)
            if outcome is None:
                self.story[-1] += f" → refused {sorted({refusal.code for refusal in refusals})}"
                assert self.fingerprint() == before, "a refusal changes nothing"
                assert seen is None or seen.refusals == refusals, "a preview refuses as the act does"
                return None
            self.story[-1] += f" → {outcome.state}"
            after = self.fingerprint()
            assert outcome == act(request), "the same request again gives the first answer"
            assert self.fingerprint() == after, "and changes nothing"
            if seen:
                told = [(one.state, one.notices, one.started, one.stopped, one.version) for one in (seen, outcome)]
                assert told[0] == told[1], "a preview agrees with the act"
                assert not seen.refusals
            self.look()
        return outcome

    def try_round(self, act: str, city: str, year: object, by: Actor) -> bool:
        """Open or close a round; False if it was refused."""
        desk, before = self.workflow.rounds, self.fingerprint()
        self.story.append(f"{self.day} {by.id} {act} {city} {year}")
        with self.telling():
            try:
                made = (desk.open if act == "open_round" else desk.close)(city, year, by=by)
            except Refused as error:
                self.story[-1] += f" → refused {error.codes}"
                assert self.fingerprint() == before, "a refusal changes nothing"
                return False
            self.story[-1] += f" → {made.members} of {sum(made.titles.values())}"
            self.look()
            self.chronicle.check_round(made, desk.roster(city, made.year))
            desk.standings(city, made.year)
        return True

    def pass_time(self, days: int, *, tick: bool = True, hour: time = _MORNING) -> None:
        """Let days pass; what is due happens, or is left to be noticed later."""
        if days and self.steps > 5 * len(self._evenings) and len(self._evenings) < self.evenings:
            self._evenings[self.day] = self._books(None)
        self.day += timedelta(days=days)
        now = datetime.combine(self.day, hour, SHANGHAI)
        self.bureau.clock.instant = max(now, self.bureau.clock.instant)
        self.story.append(f"{self.day} {hour} {'tick' if tick else 'no tick'}")
        if tick:
            self.tick()

    def tick(self) -> None:
        """Everything happens whose time has come, once."""
        with self.telling():
            done = self.workflow.tick()
            assert not done.failing, done.failing
            self.look()
            rest = self.fingerprint()
            assert self.workflow.tick().rung == 0, "a tick leaves nothing due"
            assert self.fingerprint() == rest

    def look(self) -> None:
        """Everything that has happened is as it must be."""
        with self.workflow._database.reading() as tx:
            self.chronicle.catch_up(tx)

    def look_closely(self) -> None:
        """History folds to what is on file, and what was known on a past day is known still."""
        with self.telling():
            self.look()
            report = self.workflow.verify()
            assert report.holds, report.problems
            for day, evening in self._evenings.items():
                assert self._books(day) == evening, f"the books as known on {day} are those of that evening"
            if self.evenings:
                self.workflow.docket(days=400)

    def _books(self, known: date | None) -> str:
        books, money = self.workflow.books, self.workflow.ledger
        tables = [books.register(known=known), books.ended(known=known), money.table(known=known)]
        return repr([[*table.rows] for table in tables])

    # ---- moves: what somebody may come to do next ----

    def settle(self, pick: Pick) -> None:
        """A few titles are there from the beginning; most towns are one city, where more comes together."""
        self.cities = pick((CITIES, ("yuyao",), ("cixi",)))
        for _ in range(pick((1, 2, 3, 4))):
            self.somebody_is_recognised(pick)

    def move(self, pick: Pick) -> None:
        """Something happens."""
        name = pick(_MOVES)
        getattr(self, name)(pick)
        if self.steps >= self._next_close_look:
            self._next_close_look = self.steps + 40
            self.look_closely()

    def some_time(self, pick: Pick) -> None:
        """Hours, weeks or a year pass."""
        days = pick((1, 0, 1, 2, 4, 8, 20, 60, 200, 365))
        self.pass_time(days, tick=pick((True, True, False)), hour=pick((_MORNING, time(), _LAST_SECOND)))

    def somebody_applies(self, pick: Pick) -> None:
        """An operator applies in a city."""
        city, number = pick(self.cities), pick(range(OPERATORS))
        self._open(pick, CaseKind.APPLICATION, "submit", city, number, [person(pick(CITIES), "applicant", number)])

    def somebody_is_recognised(self, pick: Pick) -> None:
        """An operator goes the straight way to a title."""
        city, number = pick(self.cities), pick(range(OPERATORS))
        opened = self._open(
            pick, CaseKind.APPLICATION, "submit", city, number, [person(city, "applicant", number)], good=True
        )
        if opened is None:
            return
        for event, role in _STRAIGHT:
            if not self._act(pick, opened.case, event, [person(city, role)] * 5 + [person(city, "hats")], good=True):
                return

    def somebody_is_registered(self, pick: Pick) -> None:
        """A title enters that the system has not granted."""
        city, number = pick(self.cities), pick(range(OPERATORS))
        by = [person(city, "tech_lead"), *everybody(city)] if pick((False, True, True)) else [person(city, "tech_lead")]
        self._open(pick, CaseKind.INCUBATOR, "register_title", city, number, by)

    def something_happens(self, pick: Pick) -> None:
        """Some event of some case, mostly of one that goes on, by somebody who may."""
        if found := (self.going_on() if pick(range(4)) else self.ids()):
            case = pick(found)
            self._event(pick, case, fitting=pick((True, True, True, True, False)))

    def an_application_goes_on(self, pick: Pick) -> None:
        """Some event of an application by somebody who may."""
        if found := self.going_on(CaseKind.APPLICATION):
            self._event(pick, pick(found), fitting=True)

    def something_happens_to_a_title(self, pick: Pick) -> None:
        """Some event of some incubator by somebody who may."""
        if found := self.going_on(CaseKind.INCUBATOR):
            self._event(pick, pick(found), fitting=True)

    def something_goes_on(self, pick: Pick) -> None:
        """Some event of a promotion, a change or a tenancy by somebody who may."""
        if found := self.going_on(*_CHILDREN):
            self._event(pick, pick(found), fitting=True)

    def something_begins(self, pick: Pick) -> None:
        """A promotion, a change or a tenancy under some incubator."""
        titles = self.going_on(CaseKind.INCUBATOR) if pick(range(6)) else self.ids(CaseKind.INCUBATOR)
        if not titles:
            return
        parent = self.case(pick(titles))
        kind = pick(_CHILDREN)
        machine = self.workflow.catalog.pinned(parent.city, parent.policy).machines[kind]
        event = pick(machine.events_from(NEW))
        roles = {role for edge in machine.edges_from[event, NEW] for role in edge.by}
        owner = Actor.of("owner", "applicant", parent.city, uscc=parent.uscc)
        by = [who for who in everybody(parent.city) if {*who.roles} & roles and Role.APPLICANT not in who.roles]
        by += [owner] if Role.APPLICANT in roles else []
        if pick(range(8)) == 0:
            by = everybody(pick(CITIES))
        self._open(pick, kind, event, parent.city, 0, by, parent=parent)

    def a_round_opens(self, pick: Pick) -> None:
        """Somebody opens a year's assessment."""
        city = pick(self.cities)
        by = pick([person(city, "tech_lead"), person(city, "tech_lead"), person(city, "tech_clerk")])
        years = [year for year in (self.day.year - 1, self.day.year) if not self._round(city, year)]
        if not years or pick(range(6)) == 0:
            years = [self.day.year + n for n in (-2, -1, 0, 1)]
        self.try_round("open_round", city, pick(years), by)

    def a_round_closes(self, pick: Pick) -> None:
        """Somebody closes one, ready or not."""
        city = pick(self.cities)
        by = pick([person(city, "tech_lead"), person(city, "tech_lead", 1), person(pick(CITIES), "hats")])
        years = [year for year in (self.day.year - 1, self.day.year) if len(self._round(city, year)) == 1]
        self.try_round("close_round", city, pick(years or [self.day.year]), by)

    def a_year_is_assessed(self, pick: Pick) -> None:
        """A round is opened where it has to be, everybody in it graded, and it is closed."""
        city = pick(self.cities)
        years = [year for year in (self.day.year - 1, self.day.year) if len(self._round(city, year)) < _OVER]
        if not years:
            return
        year = pick(years)
        if not self._round(city, year):
            self.try_round("open_round", city, year, person(city, "tech_lead"))
        clerk, closer = person(city, "tech_clerk", pick((0, 1))), person(city, pick(("tech_lead", "hats")))
        roster = self.workflow.rounds.roster(city, year)
        for case_id in roster:
            if self.case(case_id).memory.get("assessing") == year:
                self._act(pick, case_id, "propose_grade", [clerk], good=True)
        if pick(range(4)) == 0 or self.try_round("close_round", city, year, closer):
            return
        for case_id in roster:
            if self.case(case_id).memory.get("proposed", {}).get("grade") == "excellent":
                self.try_act(case_id, "propose_grade", clerk, {"grade": "qualified"})
        self.try_round("close_round", city, year, closer)

    def _round(self, city: str, year: int) -> list[str]:
        return [made.act for made in self.workflow.rounds.history(city) if made.year == year]

    def some_money_moves(self, pick: Pick) -> None:
        """Finance does something with an award that there is."""
        lives = [life for life in self.chronicle.lives.values() if life.awards]
        if not lives:
            return
        life = pick(lives)
        award = self.case(life.id).memory["awards"][pick(sorted(life.awards))]
        event = pick(MONEY.get(award["status"], ALL_MONEY)) if pick((True, True, False)) else pick(ALL_MONEY)
        edge = next(e for e in life.machine.edges_of[event] if life.state in e.sources)
        wanting = self._wanting(pick, life.id, event)
        evidence = {**wanting.evidence(edge), **chosen_award(award)}
        finance = [person(life.city, "finance"), person(life.city, "finance", 1), person(life.city, "hats")]
        self.try_act(life.id, event, pick(finance), evidence, preview=pick((False, True)))

    def misconduct_is_recorded(self, pick: Pick) -> None:
        """A reviewer enters the integrity list, where there is one."""
        before = self.fingerprint()
        evidence = {"person": "评审", "finding": "徇私", "document_no": pick(("号", ""))}
        try:
            self.workflow.books.record_misconduct(pick(CITIES), by=pick([*PEOPLE.values()]), evidence=evidence)
        except Refused:
            assert self.fingerprint() == before, "a refusal changes nothing"

    # ---- how ----

    def _event(self, pick: Pick, case_id: str, *, fitting: bool) -> None:
        case = self.case(case_id)
        machine = self.workflow.catalog.pinned(case.city, case.policy).machines[case.kind]
        if not fitting:
            self._act(pick, case_id, pick([*machine.events]), everybody(pick(CITIES)))
            return
        leaving = {event: machine.edges_from[event, case.state] for event in machine.events_from(case.state)}
        events = [event for event, edges in leaving.items() if any(_by_people(edge) for edge in edges)]
        money = [event for event in events if event in ALL_MONEY]
        events = [event for event in events if event not in ALL_MONEY]
        if not events or (money and pick(range(8)) == 0):
            events = money
        if not events:
            return
        event = pick(events)
        if event in ("surrender", "propose_revocation", "withdraw", "leave") and pick(range(4)):
            event = pick(events)  # else everything would end young
        roles = {role for edge in machine.edges_from[event, case.state] for role in edge.by}
        by = [who for who in everybody(case.city) if {*who.roles} & roles and Role.APPLICANT not in who.roles]
        by.append(person(case.city, "hats"))
        if Role.APPLICANT in roles:
            by = [next(who for who in PEOPLE.values() if who.uscc == case.uscc), *by[:1]]
        self._act(pick, case_id, event, by)

    def _act(self, pick: Pick, case_id: str, event: str, by: Sequence[Actor], *, good: bool = False) -> Outcome | None:
        case = self.case(case_id)
        machine = self.workflow.catalog.pinned(case.city, case.policy).machines[case.kind]
        who = pick(by)
        edges = [*machine.edges_from.get((event, case.state), ()), *machine.edges_of.get(event, ())]
        edge = next((edge for edge in edges if {*edge.by} & {*who.roles}), edges[0])
        wanting = self._wanting(pick, case_id, event)
        evidence = wanting.evidence(edge) if good or pick((True, True, True, False)) else wanting.broken(edge)
        return self.try_act(case_id, event, who, evidence, preview=not good and pick((False, True)))

    def _wanting(self, pick: Pick, case_id: str, event: str) -> Wanting:
        case = self.case(case_id)
        title = self.case(case.parent) if case.parent else case
        return Wanting(self.workflow.catalog.pinned(case.city, case.policy), event, self.day, pick, case, title)

    def _open(
        self, pick: Pick, kind: CaseKind, event: str, city: str, operator: int, by: Sequence[Actor],
        parent: Case | None = None, *, good: bool = False,
    ) -> Outcome | None:  # fmt: skip
        catalog = self.workflow.catalog
        pack = catalog.pinned(city, parent.policy) if parent else catalog.latest(city)
        wanting = Wanting(pack, event, self.day, pick, None, parent, operator)
        edge = pack.machines[kind].edges_from[event, NEW][-1]
        evidence = wanting.evidence(edge) if good or pick((True, True, True, False)) else wanting.broken(edge)
        preview = not good and pick((False, True))
        return self.try_open(kind, event, pick(by), city, evidence, parent.id if parent else "", preview=preview)


def _by_people(edge: Edge) -> bool:
    """Whether a person performs it, on one case."""
    return not edge.for_all and not {*edge.by} <= {Role.TIMER, Role.CASE}


def _outcome_of(act: Callable[[str], Outcome], request: str) -> tuple[Outcome | None, tuple[Refusal, ...]]:
    """What became of an act, or why nothing did."""
    try:
        return act(request), ()
    except Refused as error:
        return None, error.refusals


#: No two towns ask with the same id: one may live on where another was saved.
_REQUESTS = count()
#: A round that has been opened and closed.
_OVER = 2
_STRAIGHT = (("accept", "tech_clerk"), ("pass_preliminary", "tech_clerk"), ("endorse", "finance"),
             ("endorse", "tech_lead"))  # fmt: skip
#: Status of an award → what Finance may do with it.
MONEY = {
    "scheduled": ("lapse_award",), "proposed": ("approve_award", "approve_award", "hold_award", "lapse_award"),
    "held": ("release_award", "release_award", "lapse_award"),
    "approved": ("pay_award", "pay_award", "pay_award", "hold_award", "release_award", "lapse_award"),
    "paid": ("reverse_award", "pay_award"),
}  # fmt: skip
ALL_MONEY = ("approve_award", "pay_award", "release_award", "hold_award", "lapse_award", "reverse_award")
_MOVES = (
    "some_time", "some_time", "some_time", "some_time", "somebody_is_recognised", "something_happens",
    "something_happens", "something_happens_to_a_title", "something_happens_to_a_title", "something_begins",
    "something_goes_on", "something_goes_on", "a_year_is_assessed", "a_year_is_assessed", "some_money_moves",
    "some_money_moves", "some_money_moves", "somebody_applies", "somebody_is_registered", "a_round_opens",
    "a_round_closes", "an_application_goes_on", "misconduct_is_recorded",
)  # fmt: skip
