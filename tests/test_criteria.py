"""Articles 5 and 6 at their lines: what counts, what is met, what a person must say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjfh_workflow.policy.loader import load_pack
from kjfh_workflow.resources import states_dir
from kjfh_workflow.rules.criteria import Evaluation, Result, evaluate
from kjfh_workflow.rules.facts import Facts
from tests.bureau import facts, uscc

YUYAO = load_pack(states_dir() / "yuyao" / "2020-01-01")
CIXI = load_pack(states_dir() / "cixi" / "2021-01-01")
DAY = date(2021, 3, 1)


def judged(override: Mapping[str, Any] | None = None, on: date = DAY) -> Evaluation:
    """Yuyao's criteria on the strong facts with some values replaced."""
    return evaluate(YUYAO, "incubator", Facts.model_validate(facts(override=override)), on)


def result(criterion: str, override: Mapping[str, Any] | None = None, on: date = DAY) -> str:
    """What one criterion says."""
    assessed = judged(override, on).of(criterion)
    assert assessed is not None
    return str(assessed.result)


def tenant(number: int, **values: Any) -> dict[str, Any]:
    """An ordinary tenant."""
    ordinary = {
        "name": f"企业{number}", "uscc": uscc(number), "founded_on": date(2020, 1, 1), "entered_on": date(2020, 6, 1),
        "area_m2": 100, "field": "软件", "technology_sme": True, "registered_inside": True, "works_inside": True,
        "ip_applied": True, "invested_yuan": 0,
    }  # fmt: skip
    return {**ordinary, **values}


def tenants(number: int) -> list[dict[str, Any]]:
    """So many ordinary tenants."""
    return [tenant(n) for n in range(number)]


@pytest.mark.parametrize(
    ("criterion", "path", "met", "unmet"),
    [
        ("y5_1_legal_person", "operator.registered_in", "余姚市", "慈溪市"),
        ("y5_1_legal_person", "operator.independent_legal_person", True, False),
        ("y5_1_half_year", "operator.operating_since", date(2020, 9, 1), date(2020, 9, 2)),
        ("y5_2_area", "premises.area_m2", 5000, "4999.99"),
        ("y5_2_area", "premises.self_controlled", True, False),
        ("y5_2_use_share", "premises.public_service_m2", 270, "269.99"),
        ("y5_2_single_tenant", "tenants.0.area_m2", 1200, "1200.01"),
        ("y5_3_fund", "fund.partner_yuan", 1000000, "999999.99"),
        ("y5_3_financed", "tenants.0.invested_yuan", "0.01", 0),
    ],
)
def test_each_number_includes_its_limit(criterion: str, path: str, met: Any, unmet: Any) -> None:
    assert result(criterion, {path: met}) == "met"
    assert result(criterion, {path: unmet}) == "unmet"


@pytest.mark.parametrize(("number", "expected"), [(9, "unmet"), (10, "met"), (11, "met")])
def test_ten_tenants_are_enough(number: int, expected: str) -> None:
    assert result("y5_2_tenants", {"tenants": tenants(number)}) == expected


@pytest.mark.parametrize(("professionals", "expected"), [(6, "unmet"), (7, "met")])
def test_seventy_per_cent_of_the_staff_are_professionals(professionals: int, expected: str) -> None:
    staff = [{"post": f"S{n}", "professional": n < professionals} for n in range(10)]
    assert result("y5_4_professionals", {"staff": staff}) == expected


@pytest.mark.parametrize(
    ("firms", "mentors", "expected"),
    [
        (10, 1, "met"), (10, 0, "unmet"),
        (11, 2, "met"), (11, 1, "judge"), (11, 0, "unmet"),
        (19, 1, "judge"), (20, 2, "met"), (20, 1, "unmet"), (25, 2, "judge"), (25, 3, "met"),
        (9, 0, "judge"), (9, 1, "met"), (0, 0, "met"),
    ],
)  # fmt: skip
def test_between_rounding_down_and_up_a_person_judges(firms: int, mentors: int, expected: str) -> None:
    posts = [{"post": f"M{n}"} for n in range(mentors)]
    assert result("y5_4_mentors_per_ten", {"tenants": tenants(firms), "mentors": posts}) == expected
    staff = [{"post": f"S{n}", "professional": True} for n in range(mentors)]
    assert result("y5_4_staff_per_ten", {"tenants": tenants(firms), "staff": staff}) == expected


@pytest.mark.parametrize(("with_ip", "expected"), [(3, "unmet"), (4, "met")])
def test_forty_per_cent_of_the_tenants_have_applied_for_ip(with_ip: int, expected: str) -> None:
    firms = [tenant(n, ip_applied=n < with_ip) for n in range(10)]
    assert result("y5_5_ip", {"tenants": firms}) == expected


def test_shares_look_at_every_firm_but_counts_only_at_tenants_of_art_6() -> None:
    firms = [tenant(n, technology_sme=n != 0, area_m2=500 if n == 0 else 400) for n in range(10)]
    evaluation = judged({"tenants": firms})
    share, counted = evaluation.of("y5_2_use_share"), evaluation.of("y5_2_tenants")
    assert share is not None
    assert counted is not None
    assert share.value == "80%"  # (500 + 9 × 400 + 700) / 6000: the firm that does not count still uses space
    assert (counted.value, counted.result) == ("9家", Result.UNMET)
    assert [(row.row, row.name, row.condition) for row in evaluation.left_out] == [(1, "企业0", "y6_1_sme")]


@pytest.mark.parametrize(
    ("values", "condition"),
    [
        ({"technology_sme": False}, "y6_1_sme"),
        ({"registered_inside": False}, "y6_2_registered"),
        ({"works_inside": False}, "y6_2_works"),
        ({"founded_on": date(2018, 5, 31), "entered_on": date(2020, 6, 1)}, "y6_2_age"),
        ({"founded_on": date(2014, 6, 1), "entered_on": date(2016, 2, 29), "field": "生物医药"}, "y6_3_long_stay"),
    ],
)
def test_each_condition_of_art_6_leaves_a_firm_out_by_name(values: dict[str, Any], condition: str) -> None:
    evaluation = judged({"tenants": [*tenants(9), tenant(9, **values)]})
    assert [(row.row, row.condition) for row in evaluation.left_out] == [(10, condition)]
    assert result("y5_2_tenants", {"tenants": [*tenants(9), tenant(9, **values)]}) == "unmet"


def test_the_age_at_entry_includes_the_day_two_years_later() -> None:
    exactly = tenant(9, founded_on=date(2018, 6, 1), entered_on=date(2020, 6, 1))
    assert judged({"tenants": [exactly]}).left_out == ()


def test_a_long_stay_warns_in_ordinary_fields_and_counts_in_none_of_the_three_after_sixty_months() -> None:
    ordinary = tenant(1, founded_on=date(2017, 1, 1), entered_on=date(2018, 2, 28))
    warned = judged({"tenants": [ordinary]})
    assert warned.left_out == ()
    assert "36个月" in warned.warnings[0]
    assert judged({"tenants": [ordinary]}, date(2021, 2, 28)).warnings == ()
    special = tenant(2, founded_on=date(2015, 1, 1), entered_on=date(2016, 3, 1), field="集成电路")
    assert judged({"tenants": [special]}).left_out == ()
    assert [r.condition for r in judged({"tenants": [special]}, date(2021, 3, 2)).left_out] == ["y6_3_long_stay"]


def test_a_firm_listed_twice_counts_once() -> None:
    evaluation = judged({"tenants": [tenant(1), tenant(1)]})
    assert [(row.row, row.condition) for row in evaluation.left_out] == [(2, "duplicate")]


def test_without_tenants_or_area_shares_are_unmet_and_nothing_breaks() -> None:
    empty = {"tenants": [], "staff": [], "mentors": [], "premises.area_m2": 0}
    for criterion in ("y5_2_use_share", "y5_2_single_tenant", "y5_4_professionals", "y5_5_ip"):
        assert result(criterion, empty) == "unmet"


def test_declared_totals_never_count_but_their_contradiction_is_shown() -> None:
    evaluation = judged({"tenants": tenants(9), "declared": {"tenants": 12, "mentors": 2, "tenant_area_m2": 900}})
    counted = evaluation.of("y5_2_tenants")
    assert counted is not None
    assert counted.result is Result.UNMET
    assert evaluation.contradictions == ("申请表填报的入驻企业数为12，按名单计算为9",)


def test_more_area_in_use_than_there_is_is_a_contradiction() -> None:
    assert any("超过建筑面积" in text for text in judged({"premises.public_service_m2": 2000}).contradictions)


@pytest.mark.parametrize(
    ("space_type", "criteria"),
    [("makerspace", 6), ("incubator", 5), ("specialised_incubator", 6)],
)
def test_cixi_asks_by_type_and_leaves_judgement_to_people(space_type: str, criteria: int) -> None:
    evaluation = evaluate(CIXI, space_type, Facts.model_validate(facts("cixi-makerspace")), DAY)
    assert [a.result for a in evaluation.criteria] == [Result.JUDGE] * criteria


def test_a_cixi_makerspace_without_a_seed_fund_does_not_meet_the_condition() -> None:
    poor = Facts.model_validate(facts("cixi-makerspace", override={"fund.own_seed_yuan": 0, "fund.partner_yuan": 500}))
    assessed = evaluate(CIXI, "makerspace", poor, DAY).of("m3_financing")
    assert assessed is not None
    assert assessed.result is Result.UNMET
    assert evaluate(CIXI, "incubator", poor, DAY).of("m3_financing") is None


@given(st.integers(0, 60), st.integers(0, 12))
def test_the_three_answers_of_a_ratio_leave_no_gap(firms: int, mentors: int) -> None:
    posts = [{"post": f"M{n}"} for n in range(mentors)]
    answer = result("y5_4_mentors_per_ten", {"tenants": tenants(firms), "mentors": posts})
    if mentors * 10 >= firms:
        assert answer == "met"
    else:
        assert answer == ("unmet" if mentors < firms // 10 else "judge")


def test_an_evaluation_is_the_same_after_it_was_stored() -> None:
    evaluation = judged({"tenants": [tenant(1, technology_sme=False), tenant(2)]})
    assert Evaluation.from_data(evaluation.as_data()) == evaluation


def test_a_result_carries_value_operator_threshold_and_unit_for_programs() -> None:
    share, area, legal = (judged().of(name) for name in ("y5_2_use_share", "y5_2_area", "y5_1_legal_person"))
    assert share is not None
    assert area is not None
    assert legal is not None
    assert (share.amount, share.op, share.threshold, share.unit) == ("493/600", ">=", "0.75", "%")
    assert (area.amount, area.op, area.threshold, area.unit) == ("6000", ">=", "5000", "平方米")
    assert (legal.amount, legal.op, legal.threshold) == ("true", "==", "true")
    assert (area.modifier, area.article, area.result) == ("hard", "第五条第2项", "met")


def test_a_share_just_below_its_limit_is_not_shown_as_the_limit() -> None:
    assessed = judged({"premises.public_service_m2": "269.99"}).of("y5_2_use_share")
    assert assessed is not None
    assert (assessed.value, assessed.result) == ("74.99%", Result.UNMET)
