"""What must hold of any number of years, titles, grades and sums, acted out on a real database.

Each property brings its own naive count; the same rules as functions by themselves stand in ``test_assessment`` and
``test_awards``, lives in which anything may happen in ``test_lives``.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kjfh_workflow import Refused
from kjfh_workflow.policy.vocabulary import NEW, CaseKind
from tests.bureau import ARTICLE, MATERIALS, facts, uscc
from tests.living import ALL_MONEY, MONEY, Town
from tests.townsfolk import CITIES, fresh_bureau, person

FACTS = {"yuyao": "yuyao-strong", "cixi": "cixi-incubator"}
SCALE = {"yuyao": ("excellent", "good", "qualified", "unqualified"), "cixi": ("excellent", "qualified", "unqualified")}
UNGRADED = ("not_organised", "deferred", "refused")
START = date(2021, 6, 1)
few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
cities = st.sampled_from(CITIES)
sums = st.decimals(min_value=0, max_value=500_000, places=2)


def town_of(day: date = START) -> Town:
    """An empty town."""
    return Town(fresh_bureau(day), day, evenings=0)


def registered(town: Town, city: str, number: int = 0, level: str = "local") -> str:
    """A title of long ago."""
    outcome = town.try_open(
        CaseKind.INCUBATOR, "register_title", person(city, "tech_lead"), city,
        {"name": f"运营{number}", "uscc": uscc(number), "type": "incubator", "level": level,
         "decided_on": date(2018, 1, 1), "document_no": "号", "township": "一镇"},
    )  # fmt: skip
    assert outcome
    return outcome.case


def recognised(town: Town, city: str, award_yuan: Decimal | None = None) -> str:
    """A title that the city has granted."""
    own = {"operator.uscc": uscc(0), "operator.name": "运营0"}
    given_in = {"type": "incubator", "facts": facts(FACTS[city], override=own), "materials": MATERIALS[city]}
    opened = town.try_open(CaseKind.APPLICATION, "submit", person(city, "applicant"), city, given_in)
    assert opened
    do(town, opened.case, "accept", "tech_clerk")
    do(town, opened.case, "pass_preliminary", "tech_clerk", findings="all_met")
    granted: dict[str, Any] = {} if award_yuan is None else {"award_yuan": award_yuan}
    do(town, opened.case, "endorse", "finance", **granted)
    done = town.try_act(opened.case, "endorse", person(city, "tech_lead"), {})
    assert done
    return done.opened["incubator"]


def do(town: Town, case: str, event: str, role: str, number: int = 0, **evidence: Any) -> bool:
    """Whether an event could be performed."""
    city = town.case(case).city
    return town.try_act(case, event, person(city, role, number), evidence) is not None


def in_a_round(town: Town, city: str, year: int, case: str, **grade: Any) -> None:
    """Open a year's round and propose a grade."""
    assert town.try_round("open_round", city, year, person(city, "tech_lead"))
    if grade["grade"] == "unqualified" and city == "cixi":
        grade["rectify_by"] = town.day + timedelta(days=300)
    assert do(town, case, "propose_grade", "tech_clerk", **grade)


def back_to_normal(town: Town, case: str) -> None:
    """Whatever a failing grade led to ends well."""
    state = town.case(case).state
    if state == "rectification":
        assert do(town, case, "report_rectification", "applicant", report={"整改": "完成"})
        assert do(town, case, "pass_recheck", "tech_clerk", finding="合格")
    elif state == "revocation_proposed":
        assert do(town, case, "drop_revocation", "tech_lead", 1, reason="不成立")


# ---- failed years ------------------------------------------------------------------------------------------------


@few
@given(city=cities, data=st.data(), years=st.integers(2, 6))
def test_any_series_of_grades_gives_the_failed_years_and_proposals_of_a_naive_count(
    city: str, data: st.DataObject, years: int
) -> None:
    """Each year: no round at all, no grade, or a grade; every proposal is dropped, every rectification passed."""
    town = town_of()
    case = registered(town, city)
    grades: dict[int, str] = {}
    used: set[int] = set()
    for year in range(2021, 2021 + years):
        town.pass_time((date(year, 12, 1) - town.day).days)
        choices = ["unqualified", "unqualified", "unqualified", *SCALE[city], "not_graded", "no round"]
        grade = data.draw(st.sampled_from(choices), label=str(year))
        if grade == "no round":
            continue
        if grade == "excellent" and city == "cixi":
            grade = "qualified"  # of one title nobody may be excellent
        more = {"reason": data.draw(st.sampled_from(UNGRADED))} if grade == "not_graded" else {}
        in_a_round(town, city, year, case, grade=grade, **more)
        assert town.try_round("close_round", city, year, person(city, "tech_lead"))
        grades[year] = grade
        failed = [y for y in grades if grades[y] == "unqualified"]
        pair = {year - 1, year} <= {*failed} - used and city == "yuyao"
        expected = (
            "revocation_proposed" if pair else "rectification" if (grade, city) == ("unqualified", "cixi") else ""
        )
        assert town.case(case).state == (expected or "recognized")
        used |= {year - 1, year} if pair else set()
        run = 0
        while grades.get(year - run) == "unqualified":
            run += 1
        assert town.case(case).memory["failed_years"] == run
        back_to_normal(town, case)
        assert town.case(case).memory["failed_years"] == run, "which no re-check and no drop changes"
    town.look_closely()


# ---- quota -------------------------------------------------------------------------------------------------------


@few
@given(data=st.data(), titles=st.integers(1, 8))
def test_a_round_closes_exactly_if_a_naive_count_keeps_the_quota(data: st.DataObject, titles: int) -> None:
    town = town_of()
    members = [registered(town, "cixi", 100 + number) for number in range(titles)]
    assert town.try_round("open_round", "cixi", 2020, person("cixi", "tech_lead"))
    proposed: list[tuple[str, Decimal | None]] = []
    for case in members:
        grade = data.draw(st.sampled_from(["excellent", "qualified"]))
        score = data.draw(st.sampled_from([None, Decimal(80), Decimal("90.5")]))
        scored: dict[str, Any] = {"score": score} if score else {}
        assert do(town, case, "propose_grade", "tech_clerk", grade=grade, **scored)
        proposed.append((grade, score))
    inside = [score for grade, score in proposed if grade == "excellent"]
    outside = {score for grade, score in proposed if grade != "excellent"} - {None}
    allowed = titles // 3
    tie = len(inside) == allowed and bool({*inside} & outside)
    closes = len(inside) <= allowed and not tie
    assert town.try_round("close_round", "cixi", 2020, person("cixi", "tech_lead")) == closes
    assert {town.case(case).state for case in members} == {"recognized" if closes else "under_assessment"}
    town.look_closely()


# ---- money -------------------------------------------------------------------------------------------------------


@few
@given(data=st.data(), award=st.none() | sums, city=cities)
def test_no_way_through_the_ledger_grants_more_than_the_highest_cap(
    data: st.DataObject, award: Decimal | None, city: str
) -> None:
    """Approvals below the cap, holds, releases, lapses, payments and reversals between promotions, in any order."""
    town = town_of()
    case = recognised(town, city, award if city == "cixi" else None)
    levels = ["ningbo", "province", "national"]
    for _ in range(data.draw(st.integers(3, 14), label="steps")):
        memory = town.case(case).memory
        awards = memory.get("awards", {})
        step = data.draw(st.sampled_from(["promote", *awards]))
        if step == "promote":
            if levels:
                level = levels.pop(data.draw(st.integers(0, len(levels) - 1)))
                _promoted(town, city, case, level)
        else:
            _move(town, case, awards[step], data)
        # The town's chronicle compares every row of the ledger with its own count, cap and arrow.
    town.look_closely()


def _promoted(town: Town, city: str, case: str, level: str) -> None:
    town.pass_time(200)
    decided: dict[str, Any] = {"level": level, "decided_on": town.day, "document_no": "甬号"}
    if city == "yuyao":  # only who was graded good is recommended; the year's award then gives way, or does not
        year = town.day.year - 1
        if town.try_round("open_round", city, year, person(city, "tech_lead")):
            do(town, case, "propose_grade", "tech_clerk", grade="good")
            assert town.try_round("close_round", city, year, person(city, "tech_lead"))
    child = town.try_open(
        CaseKind.PROMOTION, "recommend", person(city, "tech_lead"), city, {"to_level": level}, parent=case
    )
    if child:
        assert do(town, child.case, "record_recognition", "tech_clerk", **decided)


def _move(town: Town, case: str, award: dict[str, Any], data: st.DataObject) -> None:
    """Something that Finance may try with an award; refused or not."""
    fitting = MONEY.get(award["status"], ())
    event = data.draw(st.sampled_from((*fitting, *fitting, *ALL_MONEY)))
    evidence = {"kind": award["kind"], "year": award["year"], "instalment": award["instalment"]}
    if event == "approve_award":
        yuan = data.draw(st.none() | sums)
        evidence |= {"yuan": yuan} if yuan is not None else {}
    elif event == "pay_award":
        evidence |= {"paid_on": town.day, "voucher": "凭证"}
    else:
        evidence |= {"reason": "理由"}
    do(town, case, event, "finance", data.draw(st.integers(0, 1)), **evidence)


def test_what_was_approved_below_its_cap_is_not_raised_once_a_top_up_has_made_up_for_it() -> None:
    town = town_of()
    case = recognised(town, "cixi")
    first: dict[str, Any] = {"kind": "recognition", "year": 2021, "instalment": 1}
    assert do(town, case, "approve_award", "finance", **first, yuan=100)
    _promoted(town, "cixi", case, "ningbo")
    for event in ("hold_award", "release_award"):
        assert do(town, case, event, "finance", **first, reason="核对")
    assert not do(town, case, "approve_award", "finance", **first, yuan=300_000)
    assert do(town, case, "approve_award", "finance", **first, yuan=100)
    town.look_closely()


@pytest.mark.parametrize("city", CITIES)
def test_nothing_is_paid_after_a_finding_of_fraud_unless_released_since(city: str) -> None:
    town = town_of()
    case = registered(town, city, level="ningbo")
    own = {"operator.uscc": uscc(0), "operator.name": "运营0"}
    name = "yuyao-strong" if city == "yuyao" else "cixi-makerspace"
    given_in = {"type": "makerspace", "facts": facts(name, override=own), "materials": MATERIALS[city]}
    _promoted(town, city, case, "national")
    money: dict[str, Any] = {"kind": "promotion", "year": town.day.year}
    paid = {**money, "paid_on": town.day, "voucher": "凭证"}
    assert do(town, case, "approve_award", "finance", **money)
    opened = town.try_open(CaseKind.APPLICATION, "submit", person(city, "applicant"), city, given_in)
    assert opened
    assert do(town, opened.case, "find_fraud", "tech_lead", finding="虚报")
    assert not do(town, case, "pay_award", "finance", 1, **paid)
    assert do(town, case, "release_award", "finance", **money, reason="与本项无关")
    assert do(town, case, "approve_award", "finance", **money)
    assert do(town, case, "pay_award", "finance", 1, **paid)
    town.look_closely()


def test_the_payment_list_knows_two_promotions_of_one_year_apart() -> None:
    town = town_of()
    case = recognised(town, "cixi")
    for level in ("ningbo", "national"):
        town.pass_time(20)
        child = town.try_open(
            CaseKind.PROMOTION, "recommend", person("cixi", "tech_lead"), "cixi", {"to_level": level}, parent=case
        )
        assert child
        decided = {"level": level, "decided_on": town.day, "document_no": "号"}
        assert town.try_act(child.case, "record_recognition", person("cixi", "tech_clerk"), decided)
    both: dict[str, Any] = {"kind": "promotion", "year": 2021}
    for _ in range(2):
        assert do(town, case, "approve_award", "finance", **both)
    assert do(town, case, "propose_revocation", "tech_clerk", ground="事由", article=ARTICLE["cixi"])
    assert do(town, case, "release_award", "finance", **both, reason="与本项无关")  # the lower level's
    assert do(town, case, "approve_award", "finance", **both)
    listed = town.workflow.ledger.payment_list(by=person("cixi", "finance", 1))
    assert [row["award"] for row in listed.payable.rows] == ["promotion/2021/0/ningbo"]
    assert [row["award"] for row in listed.waiting.rows] == ["promotion/2021/0/national"]


@few
@given(award=sums)
def test_the_instalments_of_any_grant_are_the_grant(award: Decimal) -> None:
    town = town_of()
    case = recognised(town, "cixi", award)
    awards = town.case(case).memory.get("awards", {}).values()
    assert sum((Decimal(one["yuan"]) for one in awards), Decimal(0)) == award
    town.look_closely()


# ---- four eyes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("city", CITIES)
def test_one_person_with_all_offices_recognises_nobody_pays_nothing_and_upholds_nothing(city: str) -> None:
    town, hats = town_of(), person(city, "hats")
    own = {"operator.uscc": uscc(0), "operator.name": "运营0"}
    given_in = {"type": "incubator", "facts": facts(FACTS[city], override=own), "materials": MATERIALS[city]}
    opened = town.try_open(CaseKind.APPLICATION, "submit", person(city, "applicant"), city, given_in)
    assert opened
    assert town.try_act(opened.case, "accept", hats, {})
    assert town.try_act(opened.case, "pass_preliminary", hats, {"findings": "all_met"})
    assert not town.try_act(opened.case, "endorse", hats, {})
    case = registered(town, city, 1, "ningbo")
    child = town.try_open(CaseKind.PROMOTION, "recommend", hats, city, {"to_level": "national"}, parent=case)
    if child is None:  # it must have been graded good first
        assert town.try_round("open_round", city, 2021, hats)
        assert town.try_act(case, "propose_grade", hats, {"grade": "good"})
        assert town.try_round("close_round", city, 2021, hats)
        child = town.try_open(CaseKind.PROMOTION, "recommend", hats, city, {"to_level": "national"}, parent=case)
    assert child
    decided = {"level": "national", "decided_on": town.day, "document_no": "国号"}
    assert town.try_act(child.case, "record_recognition", hats, decided)
    money = {"kind": "promotion", "year": town.day.year}
    assert town.try_act(case, "approve_award", hats, money)
    assert not town.try_act(case, "pay_award", hats, {**money, "paid_on": town.day, "voucher": "凭证"})
    assert town.try_act(case, "propose_revocation", hats, {"ground": "事由", "article": ARTICLE[city]})
    assert town.try_act(case, "file_defence", person(city, "applicant", 1), {"statement": "申辩"})
    assert not town.try_act(case, "uphold_revocation", hats, {"reason": "维持"})
    assert town.try_act(case, "uphold_revocation", person(city, "tech_lead"), {"reason": "维持"})
    town.look_closely()


@pytest.mark.parametrize("city", CITIES)
def test_nobody_may_skip_the_desk_of_rounds(city: str) -> None:
    """What is performed for all is refused for one, and opening a case by an event of later life is, too."""
    town = town_of()
    case = registered(town, city)
    for event in ("open_round", "close_round"):
        assert not do(town, case, event, "tech_lead", year=2021)
    machine = town.workflow.catalog.latest(city).machines[CaseKind.INCUBATOR]
    for event in machine.events:
        if (event, NEW) not in machine.edges_from or event == "grant_title":
            with pytest.raises(Refused):
                town.workflow.open_case("incubator", event, by=person(city, "hats"), city=city, evidence={})
    town.look_closely()
