"""Grades, runs of failed years, quotas, promotions: Yuyao art. 10 to 12 and Cixi 三（四） at their lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjfh_workflow import canonical
from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.loader import load_pack
from kjfh_workflow.policy.machine import Edge, Machine
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import CaseKind, EffectName, Field, Grade, GuardName, Role, Status
from kjfh_workflow.policy.years import Assessment, Failures, Indicator, Needed, Quota
from kjfh_workflow.resources import states_dir
from kjfh_workflow.rules.act import Act
from kjfh_workflow.rules.assessment import (
    ASSESSMENT_EFFECTS,
    ASSESSMENT_GUARDS,
    Member,
    failed_in_a_row,
    failed_run,
    failed_years,
    failed_years_in_a_row,
    fails,
    first_assessed_year,
    over_quota,
    quota,
)
from kjfh_workflow.rules.calendar import china
from kjfh_workflow.rules.case import Actor, Case, Standing
from kjfh_workflow.rules.promotion import PROMOTION_EFFECTS, PROMOTION_GUARDS
from tests.bureau import uscc

YUYAO = load_pack(states_dir() / "yuyao" / "2020-01-01")
CIXI = load_pack(states_dir() / "cixi" / "2021-01-01")
TODAY = date(2022, 12, 20)
GUARDS = {**ASSESSMENT_GUARDS, **PROMOTION_GUARDS}
EFFECTS = {**ASSESSMENT_EFFECTS, **PROMOTION_EFFECTS}


def part(**values: Any) -> dict[str, Any]:
    """A provision's fields, with a citation."""
    return {"article": "第十一条", "status": Status.STATED, **values}


def with_years(pack: PolicyPack, **tables: Any) -> PolicyPack:
    """The real pack with these tables in place of its own."""
    return replace(pack, identity=pack.identity.model_copy(update=tables))


def edge(evidence: Sequence[str] = (), guards: Iterable[GuardName] = (), **values: Any) -> Edge:
    """An edge that asks for *evidence*."""
    fields = {"event": "propose_grade", "by": [Role.TECH_CLERK], "from": ["recognized"], "to": "same", **values}
    return Edge.model_validate({**part(), **fields, "evidence": tuple(evidence), "guards": tuple(guards)})


def act(
    pack: PolicyPack,
    *,
    memory: Mapping[str, Any] | None = None,
    evidence: Mapping[str, Any] | None = None,
    asks: Sequence[str] = (),
    guards: Iterable[GuardName] = (),
    today: date = TODAY,
    kind: CaseKind = CaseKind.INCUBATOR,
    machine: Machine | None = None,
    state: str = "recognized",
    target: str = "recognized",
    parent: Case | None = None,
    told_by: Case | None = None,
) -> Act:
    """An act on a case that remembers *memory*, with nobody else about."""
    return Act(
        pack=pack,
        machine=machine or pack.machines[CaseKind.INCUBATOR],
        case=Case("c1", pack.city, kind, pack.version, state, 3, memory=memory or {}),
        event="propose_grade",
        edge=edge(asks, guards),
        target=target,
        actor=Actor.of("lead", "tech_lead", pack.city),
        role=Role.TECH_LEAD,
        today=today,
        evidence=evidence or {},
        calendar=china(),
        new_facts=None,
        load_document=lambda: "",
        load_standing=Standing,
        parent=parent,
        told_by=told_by,
    )


def of_year(year: int, grade: str) -> dict[str, Any]:
    """What a round's closing rests on."""
    return {Field.YEAR: year, Field.GRADE: grade}


def said(refusals: Iterable[Refusal]) -> list[tuple[str, str]]:
    """Code and field of each."""
    return [(refusal.code, refusal.field) for refusal in refusals]


def refusals(name: GuardName, pack: PolicyPack, **values: Any) -> list[tuple[str, str]]:
    """What a guard says of an act."""
    return said(GUARDS[name](act(pack, **values)))


def effect(name: EffectName, pack: PolicyPack, memory: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    """What an effect assigns; memory can be kept as JSON."""
    changes = EFFECTS[name](act(pack, memory=memory, **values), memory)
    assert canonical.loads(canonical.dumps(changes)) == changes
    return changes


def graded(**grades: str) -> dict[str, dict[str, Any]]:
    """``graded(y2021="unqualified", y2022="not_graded:refused")``."""
    entries = {}
    for year, text in grades.items():
        grade, _, reason = text.partition(":")
        entries[year.removeprefix("y")] = {"grade": grade, **({"reason": reason} if reason else {}), "on": "2021-12-20"}
    return entries


@pytest.fixture
def yuyao() -> PolicyPack:
    """Four grades, two failed years in a row, good enough from good."""
    return with_years(
        YUYAO,
        assessment=Assessment(
            **part(),
            grades=tuple(Grade),
            first_year=0,
            failures=Failures(**part(), years=2),
            recommended_from=Needed(**part(article="第十二条"), grade=Grade.GOOD),
        ),
    )


@pytest.fixture
def cixi() -> PolicyPack:
    """Three grades, a third of them excellent."""
    return with_years(CIXI, assessment=three_grades())


def three_grades(*indicators: Indicator) -> Assessment:
    return Assessment(
        **part(article="三（四）"),
        grades=(Grade.EXCELLENT, Grade.QUALIFIED, Grade.UNQUALIFIED),
        first_year=1,
        quota=Quota(**part(article="三（四）"), grade=Grade.EXCELLENT, one_in=3),
        indicator=indicators,
    )


@pytest.fixture
def scored() -> PolicyPack:
    """Cixi with a scorecard of two lines."""
    lines = [Indicator(**part(), id=name, label=name, weight=weight) for name, weight in (("a", 60), ("b", 40))]
    return with_years(CIXI, assessment=three_grades(*lines))


# ---- 第十一条：连续两年不合格 ------------------------------------------------------------------------


def test_two_adjacent_failed_years_are_a_run() -> None:
    grades = graded(y2021="unqualified", y2022="unqualified")
    assert [*failed_run(grades, 2022)] == [*failed_run(grades, 2021)] == [2021, 2022]
    assert failed_years(grades) == 2


def test_a_gap_year_breaks_the_run() -> None:
    grades = graded(y2021="unqualified", y2023="unqualified")
    assert [*failed_run(grades, 2023)] == [2023]
    assert failed_years(grades) == 1


@pytest.mark.parametrize("reason", ["not_organised", "deferred", "refused", "left_round"])
def test_a_year_without_a_grade_breaks_the_run_whatever_the_reason(reason: str) -> None:
    grades = graded(y2021="unqualified", y2022=f"not_graded:{reason}")
    assert failed_years(grades) == 0
    assert failed_years({**grades, **graded(y2023="unqualified")}) == 1


def test_a_passed_year_ends_the_run_and_a_year_that_did_not_fail_has_none() -> None:
    assert failed_years(graded(y2021="unqualified", y2022="qualified")) == 0
    assert len(failed_run(graded(y2021="good"), 2021)) == 0
    assert failed_years({}) == 0


def test_2020_does_not_count_in_yuyao(yuyao: PolicyPack) -> None:
    before = {"grades": graded(y2020="unqualified")}
    year = of_year(2021, "unqualified")
    assert failed_years(graded(y2020="unqualified", y2021="unqualified"), 2021) == 1
    assert not failed_in_a_row(yuyao, before, year)
    assert fails(yuyao, before, year)
    assert not fails(yuyao, {}, of_year(2020, "unqualified"))


def test_a_city_without_such_a_day_counts_every_year(cixi: PolicyPack) -> None:
    assert fails(cixi, {}, of_year(2020, "unqualified"))
    assert effect(
        EffectName.APPLY_GRADE, cixi, {"grades": graded(y2019="unqualified")},
        evidence=of_year(2020, "unqualified"),
    )["failed_years"] == 2  # fmt: skip


def test_the_second_failed_year_in_a_row_costs_the_title_in_yuyao(yuyao: PolicyPack) -> None:
    memory = {"grades": graded(y2021="unqualified")}
    assert failed_in_a_row(yuyao, memory, of_year(2022, "unqualified"))
    assert not failed_in_a_row(yuyao, memory, of_year(2022, "qualified"))
    assert not failed_in_a_row(yuyao, memory, of_year(2023, "unqualified"))
    assert not failed_in_a_row(yuyao, {}, of_year(2022, "unqualified"))


def test_a_year_decided_later_may_close_the_gap(yuyao: PolicyPack) -> None:
    memory = {"grades": graded(y2021="unqualified", y2022="not_graded:refused", y2023="unqualified")}
    late = of_year(2022, "unqualified")
    assert failed_years_in_a_row(yuyao, memory, late) == [2021, 2022, 2023]


def test_used_failures_are_not_used_again(yuyao: PolicyPack) -> None:
    memory: dict[str, Any] = {"grades": graded(y2021="unqualified", y2022="unqualified"), "used_failures": [2021, 2022]}
    third = of_year(2023, "unqualified")
    assert not failed_in_a_row(yuyao, memory, third)
    after = {**memory, "grades": {**memory["grades"], **graded(y2023="unqualified")}}
    assert failed_years_in_a_row(yuyao, after, of_year(2024, "unqualified")) == [2023, 2024]


def test_used_failures_are_still_failed_years_in_the_register() -> None:
    assert failed_years(graded(y2021="unqualified", y2022="unqualified", y2023="unqualified")) == 3


def test_a_city_that_does_not_count_failed_years_takes_no_title_for_them(cixi: PolicyPack) -> None:
    memory = {"grades": graded(y2021="unqualified")}
    assert failed_years_in_a_row(cixi, memory, of_year(2022, "unqualified")) == []
    nothing = with_years(CIXI, assessment=None)
    assert failed_years_in_a_row(nothing, memory, of_year(2022, "unqualified")) == []


def test_a_proposal_on_another_ground_uses_no_failed_years(yuyao: PolicyPack) -> None:
    memory = {"grades": graded(y2021="unqualified", y2022="unqualified")}
    assert failed_years_in_a_row(yuyao, memory, {Field.GROUND: "虚报", Field.ARTICLE: "第十四条"}) == []
    assert failed_years_in_a_row(yuyao, memory, {Field.GRADE: "unqualified"}) == []


YEARS = st.integers(2018, 2030)
GRADES = st.sampled_from(["unqualified", "unqualified", "qualified", "not_graded"])


@given(grades=st.dictionaries(YEARS, GRADES), year=YEARS, since=st.none() | YEARS, used=st.sets(YEARS, max_size=3))
def test_a_run_is_the_longest_stretch_of_failed_years_around_the_year(
    grades: dict[int, str], year: int, since: int | None, used: set[int]
) -> None:
    counted = {y for y, grade in grades.items() if grade == "unqualified" and y not in used and y >= (since or 0)}
    stretches = [range(a, b + 1) for a in range(2018, 2031) for b in range(a, 2031) if {*range(a, b + 1)} <= counted]
    longest = max((stretch for stretch in stretches if year in stretch), key=len, default=range(0))
    kept = {str(y): {"grade": grade} for y, grade in grades.items()}
    assert failed_run(kept, year, since, used) == longest
    assert failed_years(kept, since) == (len(failed_run(kept, max(grades), since)) if grades else 0)


# ---- 等次 -----------------------------------------------------------------------------------------

PROPOSES = ("grade", "score?", "scores?", "reason?", "rectify_by?")
WITHOUT_RECTIFICATION = ("grade", "score?", "scores?", "reason?")


def proposed(pack: PolicyPack, asks: Sequence[str] = PROPOSES, **evidence: Any) -> list[tuple[str, str]]:
    return refusals(GuardName.GRADE_COMPLETE, pack, asks=asks, evidence=evidence)


def test_every_grade_of_the_city_may_be_proposed(yuyao: PolicyPack, cixi: PolicyPack) -> None:
    for grade in Grade:
        assert proposed(yuyao, WITHOUT_RECTIFICATION, grade=grade) == []
    assert proposed(cixi, grade="excellent") == proposed(cixi, grade="qualified") == []


def test_a_grade_of_another_city_is_unknown_and_the_scale_is_named(cixi: PolicyPack) -> None:
    assert proposed(cixi, grade="good") == [("unknown_grade", "grade")]
    [refusal] = ASSESSMENT_GUARDS[GuardName.GRADE_COMPLETE](act(cixi, evidence={"grade": "超群"}))
    assert refusal.article == "三（四）"
    for name in ("超群", "excellent", "qualified", "unqualified", "not_graded"):
        assert name in refusal.message


def test_what_could_not_be_read_is_not_complained_about_again(cixi: PolicyPack) -> None:
    assert proposed(cixi) == []


def test_a_year_without_a_grade_needs_one_of_three_reasons(cixi: PolicyPack) -> None:
    assert proposed(cixi, grade="not_graded") == [("evidence_missing", "reason")]
    assert proposed(cixi, grade="not_graded", reason="忙") == [("evidence_invalid", "reason")]
    assert proposed(cixi, grade="not_graded", reason="left_round") == [("evidence_invalid", "reason")]
    for reason in ("not_organised", "deferred", "refused"):
        assert proposed(cixi, grade="not_graded", reason=reason) == []


def test_a_year_without_a_grade_has_no_score(cixi: PolicyPack) -> None:
    given_scores: dict[str, Any] = {"score": Decimal(80), "scores": {"a": Decimal(80)}}
    found = proposed(cixi, grade="not_graded", reason="refused", **given_scores)
    assert found == [("evidence_invalid", "score"), ("evidence_invalid", "scores")]


def test_who_fails_in_cixi_is_given_a_day_that_is_still_to_come(cixi: PolicyPack) -> None:
    assert proposed(cixi, grade="unqualified") == [("evidence_missing", "rectify_by")]
    assert proposed(cixi, grade="unqualified", rectify_by=TODAY) == [("evidence_invalid", "rectify_by")]
    assert proposed(cixi, grade="unqualified", rectify_by=date(2022, 12, 21)) == []
    assert proposed(cixi, grade="qualified", rectify_by=date(2023, 3, 31)) == [("evidence_invalid", "rectify_by")]


def test_there_is_no_rectification_in_yuyao(yuyao: PolicyPack) -> None:
    assert proposed(yuyao, WITHOUT_RECTIFICATION, grade="unqualified") == []


def test_every_line_of_a_scorecard_is_scored(scored: PolicyPack) -> None:
    assert proposed(scored, grade="qualified") == [("evidence_missing", "scores")]
    half = {"a": Decimal(80)}
    assert proposed(scored, grade="qualified", scores=half) == [("evidence_missing", "scores.b")]
    more = {"a": Decimal(80), "b": Decimal(70), "c": Decimal(1)}
    assert proposed(scored, grade="qualified", scores=more) == [("evidence_invalid", "scores")]
    assert proposed(scored, grade="qualified", scores={"a": Decimal(80), "b": Decimal(70)}) == []


def test_a_score_is_the_weighted_sum_of_its_lines(scored: PolicyPack) -> None:
    lines = {"a": Decimal(80), "b": Decimal(70)}
    assert proposed(scored, grade="qualified", scores=lines, score=Decimal(76)) == []
    assert proposed(scored, grade="qualified", scores=lines, score=Decimal("76.01")) == [("evidence_invalid", "score")]


def test_a_round_is_closed_on_the_score_alone(scored: PolicyPack) -> None:
    closes = ("year", "grade?", "score?", "reason?", "rectify_by?")
    assert proposed(scored, closes, grade="qualified", score=Decimal(76), year=2022) == []


def test_no_scorecard_is_invented(cixi: PolicyPack) -> None:
    assert proposed(cixi, grade="qualified", score=Decimal(76)) == []
    assert proposed(cixi, grade="qualified", scores={"a": Decimal(1)}) == [("evidence_invalid", "scores")]


def test_only_who_refused_becomes_unqualified_afterwards(yuyao: PolicyPack) -> None:
    def decided(guards: Iterable[GuardName] = (), **evidence: Any) -> list[tuple[str, str]]:
        years = graded(y2021="not_graded:refused", y2022="not_graded:deferred", y2023="qualified")
        name = GuardName.REFUSED_ASSESSMENT
        return refusals(name, yuyao, memory={"grades": years}, evidence=evidence, guards=guards)

    assert decided(year=2021, grade="unqualified") == []
    for year in (2022, 2023, 2024):
        assert decided(year=year, grade="unqualified") == [("evidence_invalid", "year")]
    for grade in ("qualified", "not_graded"):
        assert decided(year=2021, grade=grade) == [("evidence_invalid", "grade")]
    assert decided(year=2021, grade="超群") == [("unknown_grade", "grade")]
    assert decided([GuardName.GRADE_COMPLETE], year=2021, grade="超群") == []  # said once, by the other guard
    assert decided() == []


# ---- 一轮考核 --------------------------------------------------------------------------------------


def test_the_first_assessment_is_of_the_year_of_recognition_or_the_one_after(
    yuyao: PolicyPack, cixi: PolicyPack
) -> None:
    case = Case("c1", "", CaseKind.INCUBATOR, "", memory={"recognised_on": "2021-06-20"})
    assert (first_assessed_year(yuyao, case), first_assessed_year(cixi, case)) == (2021, 2022)


@pytest.mark.parametrize(("titles", "allowed"), [(0, 0), (2, 0), (3, 1), (5, 1), (6, 2), (20_000, 6666)])
def test_a_third_is_rounded_down(cixi: PolicyPack, titles: int, allowed: int) -> None:
    assert quota(cixi, titles) == allowed


def members(*grades: str) -> Iterator[Member]:
    """``members("excellent 95", "qualified")``; can be read once."""
    for number, text in enumerate(grades):
        grade, _, score = text.partition(" ")
        yield Member(str(number), f"单位{number}", grade, score or None)


def test_no_more_than_the_quota_are_excellent(cixi: PolicyPack) -> None:
    assert over_quota(cixi, 3, members("excellent", "qualified", "qualified")) == []
    [refusal] = over_quota(cixi, 5, members("excellent", "excellent", "qualified"))
    assert (refusal.code, refusal.article) == ("quota_exceeded", "三（四）")
    assert "2" in refusal.message
    assert said(over_quota(cixi, 2, members("excellent"))) == [("quota_exceeded", "")]
    assert over_quota(cixi, 0, members()) == []


def test_a_tie_across_a_used_up_line_is_left_to_a_person(cixi: PolicyPack) -> None:
    [refusal] = over_quota(cixi, 3, members("excellent 95", "qualified 95.00", "qualified 80"))
    assert refusal.code == "quota_exceeded"
    assert "单位0" in refusal.message
    assert "单位1" in refusal.message


def test_equal_scores_on_one_side_of_the_line_are_no_tie(cixi: PolicyPack) -> None:
    assert over_quota(cixi, 6, members("excellent 95", "excellent 95", "qualified 80", "qualified 80")) == []


def test_equal_scores_are_no_tie_while_there_is_room(cixi: PolicyPack) -> None:
    assert over_quota(cixi, 6, members("excellent 95", "qualified 95")) == []


def test_who_has_no_score_ties_with_nobody(cixi: PolicyPack) -> None:
    assert over_quota(cixi, 3, members("excellent", "qualified", "not_graded")) == []


def test_a_city_without_a_quota_has_as_many_excellent_as_it_likes(yuyao: PolicyPack) -> None:
    assert quota(yuyao, 3) is None
    assert over_quota(yuyao, 1, members("excellent", "excellent")) == []


@given(st.integers(0, 30), st.lists(st.tuples(st.booleans(), st.none() | st.integers(60, 64)), max_size=20))
def test_what_passes_never_exceeds_a_third_nor_splits_a_score(
    titles: int, round_: list[tuple[bool, int | None]]
) -> None:
    pack = with_years(CIXI, assessment=three_grades())
    grades = [("excellent" if best else "qualified", score) for best, score in round_]
    found = over_quota(pack, titles, members(*(f"{grade} {score or ''}".strip() for grade, score in grades)))
    best = sum(grade == "excellent" for grade, _ in grades)
    inside = {score for grade, score in grades if grade == "excellent" and score}
    outside = {score for grade, score in grades if grade != "excellent" and score}
    allowed = best <= titles // 3 and not (best == titles // 3 and inside & outside)
    assert (not found) == allowed


# ---- 记录 -----------------------------------------------------------------------------------------


def test_entering_a_round_forgets_the_last_proposal(cixi: PolicyPack) -> None:
    changes = effect(EffectName.ENTER_ROUND, cixi, {}, evidence={Field.YEAR: 2022})
    assert changes == {"assessing": 2022, "proposed": None}


def test_a_report_belongs_to_the_year_under_assessment(cixi: PolicyPack) -> None:
    memory = {"assessing": 2022, "reported": {"2021": "2021-11-20"}}
    reported = {"2021": "2021-11-20", "2022": "2022-12-20"}
    assert effect(EffectName.NOTE_REPORT, cixi, memory) == {"reported": reported}


def test_a_proposal_is_kept_until_the_round_closes(cixi: PolicyPack) -> None:
    evidence = {Field.GRADE: "unqualified", Field.SCORE: Decimal("50.50"), Field.RECTIFY_BY: date(2023, 3, 31)}
    kept = {"year": 2022, "grade": "unqualified", "score": "50.50", "rectify_by": "2023-03-31"}
    assert effect(EffectName.PROPOSE_GRADE, cixi, {"assessing": 2022}, evidence=evidence) == {"proposed": kept}


def test_a_scorecard_gives_the_score_rounded_half_up(scored: PolicyPack) -> None:
    evidence = {Field.GRADE: "qualified", Field.SCORES: {"a": Decimal("80.01"), "b": Decimal("70.01")}}
    changes = effect(EffectName.PROPOSE_GRADE, scored, {"assessing": 2022}, evidence=evidence)
    assert changes["proposed"]["score"] == "76.01"
    assert changes["proposed"]["scores"] == {"a": "80.01", "b": "70.01"}
    evidence[Field.SCORES] = {"a": Decimal("80.03"), "b": Decimal("70.02")}  # 76.026
    assert effect(EffectName.PROPOSE_GRADE, scored, {"assessing": 2022}, evidence=evidence)["proposed"]["score"] == (
        "76.03"
    )


def test_a_final_grade_ends_the_assessment_of_its_year(yuyao: PolicyPack) -> None:
    memory = {"assessing": 2022, "proposed": {"year": 2022}, "grades": graded(y2021="unqualified")}
    evidence = {Field.YEAR: 2022, Field.GRADE: "unqualified", Field.SCORE: Decimal(40)}
    changes = effect(EffectName.APPLY_GRADE, yuyao, memory, evidence=evidence)
    assert changes["grades"]["2022"] == {"grade": "unqualified", "score": "40", "on": "2022-12-20"}
    assert (changes["failed_years"], changes["assessing"], changes["proposed"]) == (2, None, None)


def test_a_grade_decided_later_leaves_another_year_s_assessment_alone(yuyao: PolicyPack) -> None:
    memory = {"assessing": 2022, "proposed": {"year": 2022}, "grades": graded(y2021="not_graded:refused")}
    evidence = {Field.YEAR: 2021, Field.GRADE: "unqualified", Field.REASON: "拒绝考核"}
    changes = effect(EffectName.APPLY_GRADE, yuyao, memory, evidence=evidence)
    assert changes["grades"]["2021"] == {"grade": "unqualified", "reason": "拒绝考核", "on": "2022-12-20"}
    assert changes["failed_years"] == 1
    assert "assessing" not in changes
    assert "proposed" not in changes


def test_who_left_the_round_stays_ungraded(yuyao: PolicyPack) -> None:
    memory = {"assessing": 2022, "grades": graded(y2021="unqualified")}
    changes = effect(EffectName.CLOSE_UNGRADED, yuyao, memory, evidence={Field.YEAR: 2022})
    assert changes["grades"]["2022"] == {"grade": "not_graded", "reason": "left_round", "on": "2022-12-20"}
    assert (changes["failed_years"], changes["assessing"]) == (0, None)
    elsewhere = effect(EffectName.CLOSE_UNGRADED, yuyao, {"assessing": 2023}, evidence={Field.YEAR: 2022})
    assert "assessing" not in elsewhere


def test_a_grade_that_is_final_survives_leaving_the_round(yuyao: PolicyPack) -> None:
    memory = {"grades": graded(y2022="qualified")}
    changes = effect(EffectName.CLOSE_UNGRADED, yuyao, memory, evidence={Field.YEAR: 2022})
    assert changes["grades"] == memory["grades"]


def test_a_rectification_is_ordered_by_a_day_and_ends(cixi: PolicyPack) -> None:
    evidence = {Field.YEAR: 2022, Field.RECTIFY_BY: date(2023, 3, 31)}
    order = {"by": "2023-03-31", "ordered_on": "2022-12-20", "year": 2022}
    assert effect(EffectName.ORDER_RECTIFICATION, cixi, {}, evidence=evidence) == {"rectification": order}
    assert effect(EffectName.END_RECTIFICATION, cixi, {"rectification": order}) == {"rectification": None}


# ---- 第十二条：晋级 ---------------------------------------------------------------------------------


def incubator(level: str = "local", **grades: str) -> Case:
    return Case("i1", "yuyao", CaseKind.INCUBATOR, "", memory={"level": level, "grades": graded(**grades)})


def recommended(pack: PolicyPack, **grades: str) -> list[tuple[str, str]]:
    name = GuardName.GRADE_GOOD_ENOUGH
    return refusals(name, pack, kind=CaseKind.PROMOTION, parent=incubator(**grades))


def test_good_or_better_in_the_latest_assessment_may_be_recommended(yuyao: PolicyPack) -> None:
    for grade in ("excellent", "good"):
        assert recommended(yuyao, y2021="unqualified", y2022=grade) == []
    for grade in ("qualified", "unqualified"):
        assert recommended(yuyao, y2021="excellent", y2022=grade) == [("grade_below_good", "")]


def test_an_incubator_never_graded_is_below_good(yuyao: PolicyPack) -> None:
    assert recommended(yuyao) == [("grade_below_good", "")]
    assert recommended(yuyao, y2021="not_graded:deferred") == [("grade_below_good", "")]


def test_a_year_that_nobody_organised_is_passed_over_a_refused_one_is_not(yuyao: PolicyPack) -> None:
    assert recommended(yuyao, y2021="good", y2022="not_graded:not_organised") == []
    assert recommended(yuyao, y2021="good", y2022="not_graded:deferred", y2023="not_graded:not_organised") == []
    assert recommended(yuyao, y2021="good", y2022="not_graded:refused") == [("grade_below_good", "")]
    assert recommended(yuyao, y2021="good", y2022="not_graded:left_round") == [("grade_below_good", "")]


def test_a_city_that_asks_for_no_grade_recommends_anybody(cixi: PolicyPack) -> None:
    assert recommended(cixi, y2021="unqualified") == []
    assert recommended(with_years(CIXI, assessment=None)) == []


@pytest.mark.parametrize("field", [Field.TO_LEVEL, Field.LEVEL])
def test_a_promotion_leads_upward(yuyao: PolicyPack, field: Field) -> None:
    def asked(held: str, level: str) -> list[tuple[str, str]]:
        return refusals(GuardName.LEVEL_HIGHER, yuyao, parent=incubator(held), evidence={field: level})

    assert asked("local", "ningbo") == asked("ningbo", "province") == asked("local", "national") == []
    for held, level in (("local", "local"), ("ningbo", "ningbo"), ("national", "province"), ("ningbo", "local")):
        assert asked(held, level) == [("level_not_higher", str(field))]


def test_a_promotion_remembers_where_to_and_what_came_of_it(yuyao: PolicyPack) -> None:
    name = EffectName.KEEP_RECOMMENDATION
    assert effect(name, yuyao, {}, evidence={Field.TO_LEVEL: "ningbo"}) == {"to_level": "ningbo"}
    decided = {Field.LEVEL: "ningbo", Field.DECIDED_ON: date(2022, 8, 10), Field.DOCUMENT_NO: "甬科高〔2022〕60号"}
    kept = {"level": "ningbo", "decided_on": "2022-08-10", "document_no": "甬科高〔2022〕60号"}
    assert effect(name, yuyao, {}, evidence=decided) == kept


def test_a_higher_level_belongs_to_the_year_it_was_decided_in(yuyao: PolicyPack) -> None:
    decided = {Field.LEVEL: "national", Field.DECIDED_ON: date(2021, 12, 30), Field.DOCUMENT_NO: "国科〔2021〕1号"}
    changes = effect(EffectName.TAKE_LEVEL, yuyao, {"recognised_above": {"2020": "ningbo"}}, evidence=decided)
    assert changes["level"] == "national"
    assert changes["recognised_above"] == {"2020": "ningbo", "2021": "national"}
    assert changes["document_no"] == "国科〔2021〕1号"


def test_a_registered_title_counts_from_its_decision(yuyao: PolicyPack) -> None:
    evidence = {
        Field.NAME: "老牌孵化器", Field.USCC: uscc(1), Field.TYPE: "incubator", Field.LEVEL: "province",
        Field.DECIDED_ON: date(2019, 5, 6), Field.DOCUMENT_NO: "浙科〔2019〕3号", Field.TOWNSHIP: "凤山街道",
    }  # fmt: skip
    changes = effect(EffectName.REGISTER_TITLE, yuyao, {}, evidence=evidence)
    assert changes == {
        "name": "老牌孵化器", "uscc": uscc(1), "type": "incubator", "level": "province", "township": "凤山街道",
        "document_no": "浙科〔2019〕3号", "recognised_on": "2019-05-06", "opened_on": "2022-12-20",
        "registered": True, "failed_years": 0, "recognised_above": {"2019": "province"},
    }  # fmt: skip
    local = effect(EffectName.REGISTER_TITLE, yuyao, {}, evidence={**evidence, Field.LEVEL: "local"})
    assert "recognised_above" not in local
