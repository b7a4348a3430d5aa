"""Tenants: who is admitted, how long a stay lasts, who graduates (Yuyao art. 6 and 7); and clocks that are reckoned."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjfh_workflow import canonical
from kjfh_workflow.policy.machine import Period
from kjfh_workflow.policy.model import PolicyPack, TenantCondition
from kjfh_workflow.policy.vocabulary import (
    AwardStatus,
    EffectName,
    Field,
    GuardName,
    LengthUnit,
    Modifier,
    Reckoning,
    TenantTest,
)
from kjfh_workflow.policy.years import Ground
from kjfh_workflow.rules.calendar import china
from kjfh_workflow.rules.deadlines import count
from kjfh_workflow.rules.evidence import SHAPES
from kjfh_workflow.rules.reckoning import RECKONINGS, Term, reckon
from kjfh_workflow.rules.tenancy import TENANCY_EFFECTS, TENANCY_GUARDS, stay_condition
from tests.test_assessment import CIXI, YUYAO, act, part, said, with_years
from tests.test_criteria import tenant

TODAY = date(2022, 6, 1)
LONG = ["生物医药", "人工智能", "集成电路"]
GROUNDS = (
    Ground(**part(article="第七条第1项"), id="high_tech", label="高新技术企业", yes=("high_tech",)),
    Ground(
        **part(article="第七条第2项"),
        id="in_business",
        label="运营两年以上",
        yes=("good_operation", "profitable", "own_ip", "sound_management"),
        months_operating=24,
    ),
    Ground(
        **part(article="第七条第3项"),
        id="income",
        label="主营业务收入",
        more_than_yuan={"main_income_yuan": Decimal(10_000_000)},
    ),
    Ground(**part(article="第七条第4项"), id="merged_or_listed", label="并购或上市", yes=("merged_or_listed",)),
    Ground(
        **part(article="第七条第5项"), id="invested", label="投资", more_than_yuan={"invested_yuan": Decimal(2_000_000)}
    ),
)
GRADUATING = with_years(YUYAO, graduation=GROUNDS)
NO_GROUNDS = with_years(CIXI, graduation=())


def refused(name: GuardName, pack: PolicyPack = YUYAO, **values: Any) -> list[tuple[str, str]]:
    return said(TENANCY_GUARDS[name](act(pack, today=values.pop("today", TODAY), **values)))


def assigned(name: EffectName, pack: PolicyPack = YUYAO, **values: Any) -> dict[str, Any]:
    changes = TENANCY_EFFECTS[name](act(pack, today=values.pop("today", TODAY), **values), {})
    assert canonical.loads(canonical.dumps(changes)) == changes
    return changes


def remembered(entered_on: str, field: str = "软件", **memory: Any) -> dict[str, Any]:
    return {"tenant": {"entered_on": entered_on, "field": field}, **memory}


# ---- 第六条：入驻 ----------------------------------------------------------------------------------


def admitted(pack: PolicyPack = YUYAO, **values: Any) -> list[tuple[str, str]]:
    firm = SHAPES[Field.TENANT].validate_python(tenant(1, **values))
    return refused(GuardName.TENANT_ELIGIBLE, pack, evidence={Field.TENANT: firm})


def test_an_ordinary_tenant_is_admitted() -> None:
    assert admitted() == []
    assert refused(GuardName.TENANT_ELIGIBLE) == []


@pytest.mark.parametrize("condition", ["technology_sme", "registered_inside", "works_inside"])
def test_every_hard_condition_of_article_6_refuses(condition: str) -> None:
    unmet: dict[str, Any] = {condition: False}
    assert admitted(**unmet) == [("tenant_not_eligible", "tenant")]


def test_each_condition_that_fails_is_named_with_its_article() -> None:
    firm = SHAPES[Field.TENANT].validate_python(tenant(1, technology_sme=False, founded_on=date(2018, 5, 31)))
    found = [*TENANCY_GUARDS[GuardName.TENANT_ELIGIBLE](act(YUYAO, today=TODAY, evidence={Field.TENANT: firm}))]
    assert [refusal.article for refusal in found] == ["第六条第1项", "第六条第2项"]
    assert all("企业1" in refusal.message for refusal in found)
    assert "24个月" in found[1].message


def test_a_firm_of_exactly_24_months_is_young_enough() -> None:
    assert admitted(founded_on=date(2018, 6, 1), entered_on=date(2020, 6, 1)) == []
    assert admitted(founded_on=date(2018, 5, 31), entered_on=date(2020, 6, 1)) == [("tenant_not_eligible", "tenant")]


def test_a_stay_over_36_months_keeps_nobody_out_one_over_60_does() -> None:
    assert admitted(founded_on=date(2018, 1, 1), entered_on=date(2019, 5, 31)) == []
    long: dict[str, Any] = {"founded_on": date(2016, 1, 1), "field": "人工智能"}
    assert admitted(**long, entered_on=date(2017, 6, 1)) == []
    assert admitted(**long, entered_on=date(2017, 5, 31)) == [("tenant_not_eligible", "tenant")]


def test_nobody_has_entered_tomorrow() -> None:
    young = date(2021, 1, 1)
    assert admitted(founded_on=young, entered_on=TODAY) == []
    tomorrow = TODAY + timedelta(days=1)
    assert admitted(founded_on=young, entered_on=tomorrow) == [("evidence_invalid", "tenant.entered_on")]


def test_cixi_knows_no_test_of_tenants() -> None:
    assert admitted(CIXI, technology_sme=False, founded_on=date(1999, 1, 1)) == []


def test_a_tenant_is_remembered_in_plain_values() -> None:
    firm = SHAPES[Field.TENANT].validate_python(tenant(1, area_m2=Decimal("1E+2")))
    kept = assigned(EffectName.ADMIT_TENANT, evidence={Field.TENANT: firm})["tenant"]
    assert (kept["area_m2"], kept["entered_on"], kept["technology_sme"]) == ("100", "2020-06-01", True)
    assert SHAPES[Field.TENANT].validate_python(kept) == firm


# ---- 第六条第3项：孵化时限 ----------------------------------------------------------------------------


def test_a_stay_is_36_months_or_60_by_the_field() -> None:
    assert [(c.months, c.modifier) for c in [stay_condition(YUYAO, "软件")] if c] == [(36, Modifier.SOFT)]
    for field in LONG:
        condition = stay_condition(YUYAO, field)
        assert condition is not None
        assert (condition.months, condition.modifier) == (60, Modifier.HARD)
    assert stay_condition(CIXI, "软件") is None


def test_of_two_limits_the_shorter_applies() -> None:
    whole = TenantCondition(
        **part(), id="any", label="任何企业不超过48个月", test=TenantTest.STAY, months=48, modifier=Modifier.HARD
    )
    pack = replace(YUYAO, tenant_conditions=(whole, *YUYAO.tenant_conditions))
    assert [c.months for field in ("软件", "人工智能") if (c := stay_condition(pack, field))] == [36, 48]


def extended(until: date, today: date = TODAY, pack: PolicyPack = YUYAO, **memory: Any) -> list[tuple[str, str]]:
    values = {"entered_on": "2019-07-01", **memory}
    return refused(
        GuardName.LIMIT_IS_SOFT, pack, today=today, memory=remembered(**values), evidence={Field.UNTIL: until}
    )


def test_a_soft_limit_is_extended_beyond_its_last_day() -> None:
    assert extended(date(2022, 7, 2)) == []
    assert extended(date(2022, 7, 1)) == [("evidence_invalid", "until")]  # that is its last day anyway
    assert extended(date(2023, 1, 1), stay_until="2023-01-01") == [("evidence_invalid", "until")]
    assert extended(date(2023, 1, 2), stay_until="2023-01-01") == []


def test_who_has_overstayed_is_extended_to_a_day_that_is_still_to_come() -> None:
    late = date(2022, 9, 1)
    assert extended(late, today=late) == [("evidence_invalid", "until")]
    assert extended(date(2022, 9, 2), today=late) == []


def test_a_hard_limit_is_not_extended() -> None:
    assert extended(date(2030, 1, 1), field="集成电路") == [("limit_is_hard", "")]
    assert refused(GuardName.LIMIT_IS_SOFT, memory=remembered("2019-07-01", "集成电路")) == [("limit_is_hard", "")]


def test_without_a_limit_any_day_to_come_will_do() -> None:
    assert extended(date(2022, 6, 2), pack=CIXI) == []
    assert extended(TODAY, pack=CIXI) == [("evidence_invalid", "until")]


def test_an_extension_is_remembered_with_its_day() -> None:
    changes = assigned(EffectName.EXTEND_STAY, evidence={Field.UNTIL: date(2023, 1, 1)})
    assert changes == {"stay_until": "2023-01-01", "extended_on": "2022-06-01"}


# ---- 第七条：毕业 ----------------------------------------------------------------------------------


def graduated(today: date = TODAY, pack: PolicyPack = GRADUATING, **grounds: Any) -> list[str]:
    """The grounds that hold; refused exactly if there is none."""
    evidence = {Field.GROUNDS: grounds}
    met: list[str] = assigned(EffectName.GRADUATE_TENANT, pack, today=today, evidence=evidence)["grounds"]
    found = refused(GuardName.GRADUATION_GROUND, pack, today=today, evidence=evidence)
    assert found == ([] if met or pack is NO_GROUNDS else [("no_graduation_ground", "grounds")])
    return met


def test_any_one_ground_is_enough_and_all_that_hold_are_kept() -> None:
    assert graduated(high_tech=True) == ["high_tech"]
    assert graduated(merged_or_listed=True) == ["merged_or_listed"]
    assert graduated(high_tech=True, invested_yuan=Decimal(3_000_000)) == ["high_tech", "invested"]


def test_no_ground_is_no_graduation() -> None:
    assert graduated() == []
    assert graduated(high_tech=False, merged_or_listed=False) == []


@pytest.mark.parametrize(
    ("name", "limit", "ground"),
    [("main_income_yuan", 10_000_000, "income"), ("invested_yuan", 2_000_000, "invested")],
)
def test_more_than_means_strictly_more(name: str, limit: int, ground: str) -> None:
    exactly: dict[str, Any] = {name: Decimal(limit)}
    more: dict[str, Any] = {name: Decimal(limit) + Decimal("0.01")}
    assert graduated(**exactly) == []
    assert graduated(**more) == [ground]


BUSINESS: dict[str, Any] = {"good_operation": True, "profitable": True, "own_ip": True, "sound_management": True}


def test_two_years_of_operation_are_full_months() -> None:
    assert graduated(**BUSINESS, operating_since=date(2020, 6, 1)) == ["in_business"]
    assert graduated(**BUSINESS, operating_since=date(2020, 6, 2)) == []
    assert graduated(**BUSINESS) == []
    assert graduated(**BUSINESS, operating_since=date(2030, 1, 1)) == []


@pytest.mark.parametrize("part_", BUSINESS)
def test_a_ground_of_several_parts_needs_all_of_them(part_: str) -> None:
    assert graduated(**{**BUSINESS, part_: False}, operating_since=date(2019, 1, 1)) == []
    rest: dict[str, Any] = {name: True for name in BUSINESS if name != part_}
    assert graduated(**rest, operating_since=date(2019, 1, 1)) == []


def test_a_city_without_grounds_tests_nothing() -> None:
    assert graduated(pack=NO_GROUNDS) == graduated(pack=NO_GROUNDS, high_tech=False) == []


def test_the_refusal_names_every_ground() -> None:
    [refusal] = TENANCY_GUARDS[GuardName.GRADUATION_GROUND](act(GRADUATING, evidence={Field.GROUNDS: {}}))
    for ground in GROUNDS:
        assert ground.label in refusal.message


# ---- 期限的推算 -------------------------------------------------------------------------------------


def period(reckoning: Reckoning, **values: Any) -> Period:
    return Period(**part(), state="recognized", reckoning=reckoning, **values)


def last_day(term: Term | None, *, rolls: bool) -> date | None:
    return count(china(), term.trigger, term.length, term.unit, rolls=rolls).due if term else None


def test_every_reckoning_has_its_code() -> None:
    assert {*RECKONINGS} == {*Reckoning}


def test_the_report_of_a_change_is_due_from_the_change() -> None:
    month = period(Reckoning.DAY_OF_CHANGE, length=1, unit=LengthUnit.MONTHS)
    memory = {"occurred_on": "2021-04-01"}
    assert reckon(YUYAO, memory, month) == Term(date(2021, 4, 1), 1, LengthUnit.MONTHS)
    assert last_day(reckon(YUYAO, memory, month), rolls=True) == date(2021, 5, 6)
    assert reckon(YUYAO, {"occurred_on": "2021-01-26"}, month) is None
    assert reckon(YUYAO, {"occurred_on": "2021-01-27"}, month) is not None
    assert reckon(CIXI, {"occurred_on": "2021-01-26"}, month) is not None


def test_a_rectification_is_due_on_the_day_that_was_ordered_even_a_rest_day() -> None:
    ordered = period(Reckoning.DATE_ORDERED)
    memory = {"rectification": {"ordered_on": "2022-12-15", "by": "2023-04-01", "year": 2022}}  # a Saturday
    assert last_day(reckon(CIXI, memory, ordered), rolls=False) == date(2023, 4, 1)
    assert reckon(CIXI, {}, ordered) is None


@pytest.mark.parametrize(
    ("entered_on", "field", "last"),
    [
        ("2019-06-01", "软件", date(2022, 6, 1)),
        ("2019-06-01", "生物医药", date(2024, 6, 1)),  # a Saturday: a burden is not lengthened
        ("2020-02-29", "软件", date(2023, 2, 28)),
        ("2019-08-31", "集成电路", date(2024, 8, 31)),
    ],
)
def test_a_stay_ends_36_or_60_months_after_the_entry(entered_on: str, field: str, last: date) -> None:
    term = reckon(YUYAO, remembered(entered_on, field), period(Reckoning.STAY))
    assert last_day(term, rolls=False) == last


def test_an_extended_stay_ends_on_the_day_that_was_entered() -> None:
    memory = remembered("2019-07-01", stay_until="2023-01-01", extended_on="2022-06-01")
    assert last_day(reckon(YUYAO, memory, period(Reckoning.STAY)), rolls=False) == date(2023, 1, 1)


def test_silence_sets_no_limit_to_a_stay() -> None:
    assert reckon(CIXI, remembered("2019-07-01"), period(Reckoning.STAY)) is None


@given(st.dates(date(2015, 1, 1), date(2035, 1, 1)), st.integers(1, 2000))
def test_a_day_that_a_person_entered_is_taken_as_it_is(ordered_on: date, days: int) -> None:
    by = ordered_on + timedelta(days=days)
    memory = {"rectification": {"ordered_on": ordered_on.isoformat(), "by": by.isoformat()}}
    assert last_day(reckon(CIXI, memory, period(Reckoning.DATE_ORDERED)), rolls=False) == by


def award(year: int, status: AwardStatus, kind: str = "recognition") -> dict[str, Any]:
    return {"kind": kind, "year": year, "instalment": year - 2020, "status": status}


def test_an_instalment_waits_for_its_assessment_until_the_end_of_the_next_year() -> None:
    missing = period(Reckoning.UNASSESSED_INSTALMENT)
    awards = [
        award(2021, AwardStatus.PAID),
        award(2023, AwardStatus.SCHEDULED),
        award(2022, AwardStatus.SCHEDULED),
        award(2020, AwardStatus.SCHEDULED, "annual"),
    ]
    memory = {"awards": dict(enumerate(awards))}
    assert reckon(CIXI, memory, missing) == Term(date(2022, 12, 31), 1, LengthUnit.YEARS)
    assert last_day(reckon(CIXI, memory, missing), rolls=False) == date(2023, 12, 31)
    awards[2]["status"] = AwardStatus.HELD
    assert last_day(reckon(CIXI, {"awards": dict(enumerate(awards))}, missing), rolls=False) == date(2024, 12, 31)


def test_without_a_later_instalment_nothing_waits() -> None:
    missing = period(Reckoning.UNASSESSED_INSTALMENT)
    assert reckon(CIXI, {}, missing) is None
    assert reckon(CIXI, {"awards": {"a": award(2021, AwardStatus.PAID)}}, missing) is None
