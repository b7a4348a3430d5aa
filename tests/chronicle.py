"""What must be true of everything that has happened so far: told again, naively, from history alone.

Nothing here asks the rules of the house what should have come; it reckons for itself and compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import select

from kjfh_workflow import Actor, canonical
from kjfh_workflow.casework.rounds import Round
from kjfh_workflow.clock import local_date
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.machine import Machine
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import LEVELS, NEW, SAME, CaseKind, Level
from kjfh_workflow.rules.calendar import china
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import clocks_of
from kjfh_workflow.rules.deadlines import add_months, add_workdays
from kjfh_workflow.store import cases, history
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.history import Row
from kjfh_workflow.store.schema import ledger

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
