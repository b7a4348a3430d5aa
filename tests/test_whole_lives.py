"""The grand tour: every arrow of every machine of every city is walked, timers included.

For each edge of the packs there is a recipe that brings a case to it; an edge without one fails. What holds after
any step whatever is ``test_lives``' business.
"""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from kjfh_workflow import Outcome
from kjfh_workflow.casework.proof.verify import Report, verify_export, verify_rows
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.machine import Edge
from kjfh_workflow.policy.vocabulary import LEVELS, NEW, SAME, Branch, CaseKind, Role
from kjfh_workflow.resources import states_dir
from kjfh_workflow.store import history
from kjfh_workflow.store import ledger as ledgers
from tests.bureau import ARTICLE, MATERIALS, facts, uscc
from tests.living import ALL_MONEY, Town
from tests.townsfolk import fresh_bureau, person, restored, saved

CATALOG = Catalog.load([states_dir()], lambda _city, _notice: True)
ARROWS = [
    (pack.city, kind, number, source)
    for pack in CATALOG
    for kind, machine in pack.machines.items()
    for number, edge in enumerate(machine.edges)
    for source in edge.sources
]
FACTS = {"yuyao": "yuyao-strong", "cixi": "cixi-incubator"}
START = date(2021, 3, 1)
SITE_VISIT = {"visitors": ["甲", "乙"], "finding": "已核查"}


def _town() -> Town:
    """One that nobody has lived in."""
    return Town(fresh_bureau(START), START, evenings=0)


@dataclass
class Tour:
    """One walk: a town, a city, and the case that is to take an edge."""

    city: str
    #: Whether the title is to be above the city's own level.
    above: bool = False
    town: Town = field(default_factory=_town)
    case: str = ""

    # ---- how one walks ----

    def on(self, day: date) -> None:
        """It is another day; nothing ticks."""
        self.town.pass_time((day - self.town.day).days, tick=False)

    def later(self, days: int) -> None:
        """Days pass, and what is due happens."""
        self.town.pass_time(days)

    def do(self, event: str, role: str, number: int = 0, case: str = "", **evidence: Any) -> Outcome:
        """Perform an event that must not be refused."""
        outcome = self.town.try_act(case or self.case, event, person(self.city, role, number), evidence)
        assert outcome, self.town.story[-1]
        return outcome

    def open(self, kind: CaseKind, event: str, role: str, parent: str = "", **evidence: Any) -> str:
        """Open a case; its id."""
        outcome = self.town.try_open(kind, event, person(self.city, role), self.city, evidence, parent)
        assert outcome, self.town.story[-1]
        return outcome.case

    def round(self, act: str, year: int, number: int = 0) -> None:
        """Open or close a round."""
        assert self.town.try_round(act, self.city, year, person(self.city, "tech_lead", number)), self.town.story[-1]

    @property
    def state(self) -> str:
        """Where the case is."""
        return self.town.case(self.case).state

    # ---- applications ----

    def application(self, state: str) -> None:
        """An application in a state."""
        own = {"operator.uscc": uscc(0), "operator.name": "运营0"}
        self.case = self.open(
            CaseKind.APPLICATION, "submit", "applicant",
            type="incubator", facts=facts(FACTS[self.city], override=own), materials=MATERIALS[self.city],
        )  # fmt: skip
        for step in _TO_APPLICATION[state]:
            getattr(self, f"_{step}")()

    def _accepted(self) -> None:
        self.do("accept", "tech_clerk")

    def _passed(self) -> None:
        self.do("pass_preliminary", "tech_clerk", findings="all_met")

    def _returned(self) -> None:
        self.do("return_for_correction", "tech_clerk", missing=["证明"])

    def _lapsed(self) -> None:
        self._returned()
        self.later(60)

    def _withdrawn(self) -> None:
        self.do("withdraw", "applicant")

    def _rejected(self) -> None:
        self.do("reject", "tech_lead", reason="不符合")

    def _disqualified(self) -> None:
        self.do("find_fraud", "tech_lead", finding="虚报")

    # ---- titles ----

    def title(self) -> None:
        """A title with one award that is approved, at the local level or above."""
        key = (self.city, self.above)
        if key not in _TITLES:
            self._recognised()
            if self.above:
                self._promoted()
            self._approved()
            _TITLES[key] = (saved(self.town.bureau), self.case, self.town.day)
        copy, self.case, day = _TITLES[key]
        self.town = Town(restored(copy, day), day, evenings=0)
        self.town.look()

    def _recognised(self) -> None:
        if self.city == "cixi":  # its recognition is an award
            self.application("joint_finance_review")
            self.do("endorse", "finance")
            self.case = self.do("endorse", "tech_lead").opened["incubator"]
            return
        self.case = self.open(  # an old title has no award held for its first year
            CaseKind.INCUBATOR, "register_title", "tech_lead", name="运营0", uscc=uscc(0), type="incubator",
            level="local", decided_on=date(2019, 5, 1), document_no="号", township="一镇",
        )  # fmt: skip
        self.round("open_round", 2020)
        self.do("propose_grade", "tech_clerk", grade="excellent")
        self.round("close_round", 2020)

    def _promoted(self, level: str = "ningbo", day: date | None = None) -> None:
        child = self.open(CaseKind.PROMOTION, "recommend", "tech_lead", self.case, to_level=level)
        decided: dict[str, Any] = {"level": level, "decided_on": day or self.town.day, "document_no": "甬号"}
        self.do("record_recognition", "tech_clerk", case=child, **decided)

    def _approved(self) -> None:
        self.do("approve_award", "finance", **self.award())

    def award(self) -> dict[str, Any]:
        """The selectors of the award that everything is done with."""
        if self.city == "yuyao":
            return {"kind": "annual", "year": 2020}
        return {"kind": "recognition", "year": 2021, "instalment": 1}

    def to(self, state: str, *, year: int = 0) -> None:
        """Bring the title to a state; *year* names the round that it goes through, where it does."""
        year = year or self.free_year()
        match state:
            case "under_assessment":
                self.round("open_round", year)
            case "rectification":
                self.failed(year)
            case "recheck":
                self.failed(year)
                self.do("report_rectification", "applicant", report={"整改": "完成"})
            case "revocation_proposed":
                self._proposed()
            case "defence_review":
                self._proposed()
                self.do("file_defence", "applicant", statement="申辩")
            case "revoked":
                self._proposed()
                self.later(30)
            case "surrendered":
                self.do("surrender", "applicant")
        assert self.state == state

    def _proposed(self) -> None:
        self.do("propose_revocation", "tech_clerk", ground="事由", article=ARTICLE[self.city])

    def free_year(self) -> int:
        """The next year that a round can be opened for; time passes until then."""
        known = [made.year for made in self.town.workflow.rounds.history(self.city)]
        year = max([*known, 2021 if self.city == "cixi" else 2020]) + 1
        if self.town.day.year < year:
            self.on(date(year, 6, 1))
        return max(year, self.town.day.year - 1)

    def failed(self, year: int) -> None:
        """The year is assessed and failed."""
        self.graded(year, grade="unqualified")

    def graded(self, year: int, **grade: Any) -> Outcome | None:
        """The year is assessed."""
        self.round("open_round", year)
        if grade.get("grade") == "unqualified" and self.city == "cixi":
            grade["rectify_by"] = self.town.day + timedelta(days=900)
        self.do("propose_grade", "tech_clerk", **grade)
        self.round("close_round", year)
        return None

    def refused(self) -> int:
        """A year in which the assessment was refused."""
        year = self.free_year()
        self.graded(year, grade="not_graded", reason="refused")
        return year

    def decided(self, year: int) -> None:
        """Whoever refused is called unqualified."""
        more: dict[str, Any] = {"rectify_by": self.town.day + timedelta(days=800)} if self.city == "cixi" else {}
        self.do("decide_ungraded", "tech_lead", year=year, grade="unqualified", reason="拒不参加", **more)

    # ---- children ----

    def change(self, state: str, occurred_on: date | None = None) -> str:
        """A change of the title, unreported or reported."""
        event, role = {"unreported": ("record_change", "tech_clerk"), "reported": ("report_change", "applicant")}[state]
        day = occurred_on or self.town.day
        return self.open(CaseKind.CHANGE, event, role, self.case, what=["name"], occurred_on=day)

    def settled(self, change: str, event: str) -> None:
        """The office has looked at it."""
        visit: dict[str, Any] = {"site_visit": {**SITE_VISIT, "on": self.town.day}} if event != "note" else {}
        self.do(event, "tech_clerk", case=change, **visit)

    def tenancy(self, state: str) -> str:
        """A firm in the incubator."""
        entered = self.town.day - timedelta(days=30)
        firm = {
            "name": "在孵一号", "uscc": uscc(500), "founded_on": entered, "entered_on": entered, "area_m2": 50,
            "field": "软件", "technology_sme": True, "registered_inside": True, "works_inside": True,
            "ip_applied": True, "invested_yuan": 0,
        }  # fmt: skip
        child = self.open(CaseKind.TENANCY, "admit", "applicant", self.case, tenant=firm)
        if state == "overstayed":
            self.later(1200)
        return child


_TITLES: dict[tuple[str, bool], tuple[sqlite3.Connection, str, date]] = {}
_TO_APPLICATION: dict[str, tuple[str, ...]] = {
    "applied": (),
    "correction": ("accepted", "returned"),
    "preliminary_review": ("accepted",),
    "joint_finance_review": ("accepted", "passed"),
    "withdrawn": ("withdrawn",),
    "lapsed": ("lapsed",),
    "rejected": ("accepted", "rejected"),
    "disqualified": ("disqualified",),
}

# ---- recipes: how an edge is taken from one of its states --------------------------------------------------------

Recipe = Callable[[Tour, Edge, str], None]
RECIPES: dict[tuple[CaseKind, str], Recipe] = {}


def recipe(kind: CaseKind, *events: str) -> Callable[[Recipe], Recipe]:
    """Take the recipe for these events of a kind of case."""

    def take(walk: Recipe) -> Recipe:
        RECIPES.update({(kind, event): walk for event in events})
        return walk

    return take


# ---- applications ----


@recipe(CaseKind.APPLICATION, "submit")
def _submit(tour: Tour, _edge: Edge, _source: str) -> None:
    tour.application("applied")


@recipe(CaseKind.APPLICATION, "accept", "pass_preliminary", "withdraw", "return_for_correction")
def _application_goes_on(tour: Tour, edge: Edge, source: str) -> None:
    tour.application(source)
    steps = {"accept": "accepted", "pass_preliminary": "passed", "withdraw": "withdrawn"}
    getattr(tour, f"_{steps.get(edge.event, 'returned')}")()


@recipe(CaseKind.APPLICATION, "resubmit", "correction_overdue")
def _corrected(tour: Tour, edge: Edge, _source: str) -> None:
    tour.application(edge.to if edge.event == "resubmit" else "applied")
    tour._returned()
    if edge.event == "resubmit":
        tour.do("resubmit", "applicant", override={"premises.township": "二镇"})
    else:
        tour.later(60)


@recipe(CaseKind.APPLICATION, "endorse")
def _endorsed(tour: Tour, edge: Edge, source: str) -> None:
    tour.application(source)
    mine = str(edge.by[0])
    if edge.when:
        tour.do("endorse", "finance" if mine == "tech_lead" else "tech_lead")
    tour.do("endorse", mine)


@recipe(CaseKind.APPLICATION, "reject")
def _rejected(tour: Tour, edge: Edge, source: str) -> None:
    tour.application(source)
    tour.do("reject", str(edge.by[-1]), reason="不符合")


@recipe(CaseKind.APPLICATION, "find_fraud")
def _fraud(tour: Tour, edge: Edge, source: str) -> None:
    if Branch.BEFORE_ADVERSE_FROM in edge.when:
        day = date(2020, 10, 12)
        tour.town = Town(fresh_bureau(day), day, evenings=0)
    tour.application(source)
    tour._disqualified()


@recipe(CaseKind.APPLICATION, "ban_over")
def _ban_over(tour: Tour, edge: Edge, _source: str) -> None:
    tour.application("withdrawn")
    earlier = tour.case
    if edge.when:  # found later, barred longer
        tour.application("withdrawn")
    tour.do("find_fraud", "tech_lead", case=earlier, finding="虚报")
    if edge.when:
        tour.later(10)
        tour._disqualified()
    tour.case = earlier
    tour.on(date(2023, 3, 2))
    tour.later(0)


# ---- titles ----


@recipe(CaseKind.INCUBATOR, "grant_title", "register_title")
def _granted(tour: Tour, edge: Edge, _source: str) -> None:
    if edge.event == "grant_title":
        tour.application("joint_finance_review")
        tour.do("endorse", "finance")
        tour.case = tour.do("endorse", "tech_lead").opened["incubator"]
        return
    level = "ningbo" if Branch.ABOVE_LOCAL in edge.when else "local"
    tour.case = tour.open(
        CaseKind.INCUBATOR, "register_title", "tech_lead", name="运营0", uscc=uscc(0), type="incubator", level=level,
        decided_on=date(2021, 2, 1), document_no="号", township="一镇",
    )  # fmt: skip


@recipe(CaseKind.INCUBATOR, "open_round", "report_year", "propose_grade")
def _in_a_round(tour: Tour, edge: Edge, source: str) -> None:
    tour.title()
    if source == "under_assessment":
        tour.to(source)
        more: dict[str, Any] = {"grade": "qualified"} if edge.event == "propose_grade" else {"report": {"营收": 1}}
        tour.do(edge.event, "tech_clerk" if edge.event == "propose_grade" else "applicant", **more)
    else:
        tour.to("under_assessment")


@recipe(CaseKind.INCUBATOR, "close_round")
def _closed(tour: Tour, edge: Edge, source: str) -> None:
    tour.title()
    if edge.to == SAME:
        _left(tour, source)
    elif Branch.FAILED_IN_A_ROW in edge.when:
        tour.failed(tour.free_year())
        tour.failed(tour.free_year())
    elif Branch.FAILED in edge.when:
        tour.failed(tour.free_year())
    else:
        tour.graded(tour.free_year(), grade="qualified")


def _left(tour: Tour, source: str) -> None:
    """It is in a round, goes elsewhere, and the round is closed."""
    rectified = source in ("rectification", "recheck")
    refused = tour.refused() if rectified else 0
    year = tour.free_year()
    tour.to("under_assessment", year=year)
    if rectified:
        tour.decided(refused)
        if source == "recheck":
            tour.do("report_rectification", "applicant", report={"整改": "完成"})
    else:
        tour._proposed()
        if source not in ("revocation_proposed", "defence_review", "revoked"):
            tour.do("drop_revocation", "tech_lead", reason="不成立")
        if source == "defence_review":
            tour.do("file_defence", "applicant", statement="申辩")
        elif source == "revoked":
            tour.later(30)
        elif source in ("surrendered", "under_assessment"):
            tour.to(source)
    assert tour.state == source
    tour.round("close_round", year)


@recipe(CaseKind.INCUBATOR, "decide_ungraded")
def _decided(tour: Tour, edge: Edge, source: str) -> None:
    tour.title()
    if Branch.FAILED_IN_A_ROW in edge.when:
        tour.failed(tour.free_year())
    year = _old_refusal(tour) if edge.to == SAME and not edge.when and _knows_when(tour, edge) else tour.refused()
    if source not in ("recognized", "promoted"):
        tour.to(source)
    tour.decided(year)


def _knows_when(tour: Tour, edge: Edge) -> bool:
    """Whether another edge of the event asks for a failure that counts."""
    machine = CATALOG.latest(tour.city).machines[CaseKind.INCUBATOR]
    return any(other.when == (Branch.FAILED,) for other in machine.edges_of[edge.event])


def _old_refusal(tour: Tour) -> int:
    """A refusal in a year whose failures do not count yet; such a round is long closed with other grades."""
    tour.town = _town()
    _granted(tour, _first_edge(tour, "register_title", NEW), NEW)
    tour.town = _town()
    level = "ningbo" if tour.above else "local"
    tour.case = tour.open(
        CaseKind.INCUBATOR, "register_title", "tech_lead", name="运营0", uscc=uscc(0), type="incubator", level=level,
        decided_on=date(2020, 2, 1), document_no="号", township="一镇",
    )  # fmt: skip
    tour.graded(2020, grade="not_graded", reason="refused")
    return 2020


def _first_edge(tour: Tour, event: str, source: str) -> Edge:
    return CATALOG.latest(tour.city).machines[CaseKind.INCUBATOR].edges_from[event, source][0]


@recipe(CaseKind.INCUBATOR, "report_rectification", "rectification_overdue", "pass_recheck", "fail_recheck")
def _rectified(tour: Tour, edge: Edge, source: str) -> None:
    tour.title()
    tour.to(source)
    if edge.event == "rectification_overdue":
        tour.later(1000)
    elif edge.event == "report_rectification":
        tour.do(edge.event, "applicant", report={"整改": "完成"})
    else:
        tour.do(edge.event, "tech_clerk", finding="复核")


@recipe(CaseKind.INCUBATOR, "propose_revocation", "surrender", "file_defence", "drop_revocation", "uphold_revocation")
def _revocation(tour: Tour, edge: Edge, source: str) -> None:
    tour.title()
    if source not in ("recognized", "promoted"):
        tour.to(source)
    if edge.event == "propose_revocation":
        tour._proposed()
    elif edge.event == "file_defence":
        tour.do(edge.event, "applicant", statement="申辩")
    else:
        tour.do(edge.event, *(("applicant",) if edge.event == "surrender" else ("tech_lead",)), **_reason(edge))


def _reason(edge: Edge) -> dict[str, Any]:
    return {"reason": "理由"} if "reason" in edge.fields else {}


@recipe(CaseKind.INCUBATOR, "defence_window_over")
def _window_over(tour: Tour, _edge: Edge, source: str) -> None:
    tour.title()
    tour.to(source)
    tour.later(30)


@recipe(CaseKind.INCUBATOR, "assessment_missing")
def _assessment_missing(tour: Tour, _edge: Edge, source: str) -> None:
    tour.title()
    tour.on(date(2023, 12, 29))
    if source not in ("recognized", "promoted"):
        tour.to(source, year=2023)
    tour.later(4)


@recipe(CaseKind.INCUBATOR, "take_level")
def _level_taken(tour: Tour, _edge: Edge, source: str) -> None:
    tour.title()
    held = tour.town.case(tour.case).level
    level = str(LEVELS[LEVELS.index(held) + 1]) if held else ""
    child = tour.open(CaseKind.PROMOTION, "recommend", "tech_lead", tour.case, to_level=level)
    if source not in ("recognized", "promoted"):
        tour.to(source)
    decided: dict[str, Any] = {"level": level, "decided_on": tour.town.day, "document_no": "甬号"}
    tour.do("record_recognition", "tech_clerk", case=child, **decided)


@recipe(CaseKind.INCUBATOR, "change_settled", "change_nonconforming")
def _change_told(tour: Tour, edge: Edge, source: str) -> None:
    tour.title()
    change = tour.change("reported")
    if source not in ("recognized", "promoted"):
        tour.to(source)
    told = "find_nonconforming" if edge.event == "change_nonconforming" else "confirm_conforming"
    tour.settled(change, "note" if tour.city == "cixi" else told)


@recipe(CaseKind.INCUBATOR, *ALL_MONEY)
def _money(tour: Tour, edge: Edge, source: str) -> None:
    """An approved award is held and released; then it goes as far as the event."""
    tour.title()
    if source not in ("recognized", "promoted"):
        tour.to(source)
    paid = {"paid_on": tour.town.day, "voucher": "凭证1"}
    steps: dict[str, tuple[tuple[str, int, dict[str, Any]], ...]] = {
        "hold_award": (("hold_award", 0, {"reason": "核对"}),),
        "lapse_award": (("lapse_award", 0, {"reason": "不再给予"}),),
    }
    released = (*steps["hold_award"], ("release_award", 0, {"reason": "核对无误"}))
    steps |= {
        "release_award": released,
        "approve_award": (*released, ("approve_award", 0, {})),
        "pay_award": (*released, ("approve_award", 0, {}), ("pay_award", 1, paid)),
        "reverse_award": (
            *released, ("approve_award", 0, {}), ("pay_award", 1, paid), ("reverse_award", 0, {"reason": "误拨"}),
        ),
    }  # fmt: skip
    for event, number, evidence in steps[edge.event]:
        tour.do(event, "finance", number, **tour.award(), **evidence)


# ---- promotions, changes, tenancies ----


@recipe(CaseKind.PROMOTION, "recommend", "record_recognition", "record_refusal")
def _promotion(tour: Tour, edge: Edge, _source: str) -> None:
    tour.title()
    tour.case = tour.open(CaseKind.PROMOTION, "recommend", "tech_lead", tour.case, to_level="ningbo")
    if edge.event == "record_recognition":
        tour.do(edge.event, "tech_clerk", level="ningbo", decided_on=tour.town.day, document_no="甬号")
    elif edge.event == "record_refusal":
        tour.do(edge.event, "tech_clerk")


@recipe(CaseKind.CHANGE, "report_change", "record_change")
def _change_reported(tour: Tour, edge: Edge, source: str) -> None:
    tour.title()
    if source == NEW:
        tour.case = tour.change("unreported" if edge.event == "record_change" else "reported")
        return
    tour.case = tour.change(source)
    tour.do(edge.event, "applicant", what=["name"], occurred_on=tour.town.day)


@recipe(CaseKind.CHANGE, "note", "confirm_conforming", "find_nonconforming")
def _change_settled(tour: Tour, edge: Edge, source: str) -> None:
    tour.title()
    tour.case = tour.change(source)
    tour.settled(tour.case, edge.event)


@recipe(CaseKind.TENANCY, "admit", "graduate", "leave", "extend", "incubation_over")
def _tenancy(tour: Tour, edge: Edge, source: str) -> None:
    tour.title()
    tour.case = tour.tenancy("overstayed" if edge.event == "incubation_over" else source)
    if edge.event == "graduate":
        tour.do("graduate", "tech_clerk", grounds={"high_tech": True})
    elif edge.event == "leave":
        tour.do("leave", "applicant")
    elif edge.event == "extend":
        tour.do("extend", "tech_clerk", until=tour.town.day + timedelta(days=2000), reason="续孵")


# ---- the tour ----------------------------------------------------------------------------------------------------


def _level_needed(edge: Edge, source: str) -> bool:
    """Whether the title has to be above the local level for the edge to be taken from there."""
    return source == "promoted" or Branch.ABOVE_LOCAL in edge.when or (edge.to == "promoted" and not edge.when)


@pytest.mark.parametrize(
    ("city", "kind", "number", "source"),
    ARROWS,
    ids=[f"{city}-{kind}-{number}-{CATALOG.latest(city).machines[kind].edges[number].event}-{source}"
         for city, kind, number, source in ARROWS],
)  # fmt: skip
def test_every_edge_can_be_walked_from_every_state_that_it_leaves(
    city: str, kind: CaseKind, number: int, source: str
) -> None:
    edge = CATALOG.latest(city).machines[kind].edges[number]
    walk = RECIPES.get((kind, edge.event))
    assert walk, f"no recipe tells how a {kind} comes to take {edge.event}"
    tour = Tour(city, above=kind is CaseKind.INCUBATOR and edge.event != "take_level" and _level_needed(edge, source))
    if edge.event == "take_level":
        tour.above = source == "promoted"
    walk(tour, edge, source)
    taken = [act for act in tour.town.chronicle.lives[tour.case].acts if act.event == edge.event]
    assert (taken[-1].source, taken[-1].role in edge.by) == (source, True)
    assert (city, kind, number) in tour.town.chronicle.edges_taken, tour.town.story
    tour.town.look_closely()


def test_every_recipe_is_for_an_event_that_some_city_has() -> None:
    known = {
        (kind, edge.event) for pack in CATALOG for kind, machine in pack.machines.items() for edge in machine.edges
    }
    assert {*RECIPES} == known


# ---- the history alone gives the same money ----------------------------------------------------------------------


@pytest.fixture(params=["yuyao", "cixi"])
def lived(request: pytest.FixtureRequest) -> Town:
    """A town in which somebody has lived through everything that has to do with money."""
    tour = Tour(request.param)
    tour.title()
    tour.graded(tour.free_year(), grade="excellent" if tour.city == "yuyao" else "qualified")
    tour._promoted("national")
    tour.do("hold_award", "finance", **tour.award(), reason="核对")
    tour.do("release_award", "finance", **tour.award(), reason="核对无误")
    tour.do("approve_award", "finance", **tour.award(), yuan="99999.99")
    tour.do("pay_award", "finance", 1, **tour.award(), paid_on=tour.town.day, voucher="凭证1")
    tour.do("reverse_award", "finance", **tour.award(), reason="退回")
    tour.to("revoked")
    return tour.town


def test_an_export_alone_gives_the_money_that_is_in_the_ledger(lived: Town, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    with file.open("w", encoding="utf-8") as out:
        rows = lived.workflow.export(out)
    report = verify_export(file)
    assert report.holds, report.problems
    assert report.rows == rows
    with lived.workflow._database.reading() as tx:
        folded = verify_rows(history.positions(tx), [], Report())
        on_file = [*ledgers.all_rows(tx)]
    told = [entry for one in folded.values() for entry in one.ledger.values()]
    order = ("case_id", "version", "award")
    assert sorted(told, key=lambda row: [row[name] for name in order]) == on_file
    assert {row["status"] for row in on_file} >= {"proposed", "approved", "held", "paid", "reversed", "lapsed"}


def test_an_export_whose_money_was_changed_does_not_verify(lived: Town, tmp_path: Path) -> None:
    out = io.StringIO()
    lived.workflow.export(out)
    text = out.getvalue()
    assert "99999.99" in text
    file = tmp_path / "history.jsonl"
    file.write_text(text.replace("99999.99", "99999.98"), "utf-8")
    assert not verify_export(file).holds


def test_no_role_of_the_program_is_a_persons() -> None:
    for pack in CATALOG:
        for machine in pack.machines.values():
            for edge in machine.edges:
                assert not ({Role.TIMER, Role.CASE} & {*edge.by}) or len(edge.by) == 1
