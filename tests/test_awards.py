"""Money: what is granted, how it is computed, when it is due, held or lost, and who may move it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjfh_workflow.policy.loader import load_pack
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import (
    LEVELS,
    NOT_GRADED,
    AwardKind,
    AwardStatus,
    CaseKind,
    EffectName,
    Grade,
    Level,
    Role,
    TopUpBasis,
)
from kjfh_workflow.resources import states_dir
from kjfh_workflow.rules.act import Act
from kjfh_workflow.rules.award_status import award_label
from kjfh_workflow.rules.awards import (
    AWARD_EFFECTS,
    AWARD_GUARDS,
    Award,
    awards_of,
    granted,
    instalments,
    ledger_changes,
    newly_proposed,
    top_up,
)
from kjfh_workflow.rules.calendar import china
from kjfh_workflow.rules.case import Actor, Case, Standing

PACKS = {"cixi": "2021-01-01", "yuyao": "2020-01-01"}
CIXI_SHARES = (Decimal("0.6"), Decimal("0.2"), Decimal("0.2"))
sums = st.decimals(min_value=0, max_value=10**9, places=2)
parts = st.lists(st.integers(1, 100), min_size=2, max_size=6)


@cache
def pack_of(city: str) -> PolicyPack:
    return load_pack(states_dir() / city / PACKS[city])


def with_awards_table(pack: PolicyPack, **changes: Any) -> PolicyPack:
    """The pack with other rules on money."""
    assert pack.identity.awards
    awards = pack.identity.awards.model_copy(update=changes)
    return replace(pack, identity=pack.identity.model_copy(update={"awards": awards}))


def without_awards_table(pack: PolicyPack) -> PolicyPack:
    return replace(pack, identity=pack.identity.model_copy(update={"awards": None}))


def yuan(text: str | int) -> Decimal:
    return Decimal(text).quantize(Decimal("0.01"))


@dataclass
class Title:
    """An incubator while tests do things to its money."""

    pack: PolicyPack
    type: str = "makerspace"
    memory: dict[str, Any] = field(default_factory=dict)
    state: str = "recognized"
    version: int = 1
    fraud_on: date | None = None

    def __post_init__(self) -> None:
        self.memory = {"type": self.type, **self.memory}

    def asked(self, effect: EffectName, on: date, by: str = "fin", **evidence: Any) -> Act:
        """An act on an edge of the pack that has the effect."""
        machine, city = self.pack.machines[CaseKind.INCUBATOR], self.pack.city
        edge = next(edge for edge in machine.edges if effect in edge.effects)
        case = Case("inc", city, CaseKind.INCUBATOR, self.pack.version, self.state, self.version, "", self.memory)
        return Act(
            pack=self.pack, machine=machine, case=case, event=edge.event, edge=edge, target=self.state,
            actor=Actor.of(by, "finance", city), role=Role.FINANCE, today=on, evidence=evidence,
            calendar=china(), new_facts=None, load_document=lambda: "",
            load_standing=lambda: Standing(fraud_on=self.fraud_on, fraud_case="found" if self.fraud_on else ""),
        )  # fmt: skip

    def do(self, effect: EffectName, on: date, by: str = "fin", **evidence: Any) -> list[str]:
        """Do it, if nothing is against it; the codes of what is."""
        act = self.asked(effect, on, by, **evidence)
        against = [found for name in act.edge.guards if name in AWARD_GUARDS for found in AWARD_GUARDS[name](act)]
        if not against:
            self.write(AWARD_EFFECTS[effect](act, self.memory))
        return [found.code for found in against]

    def can(self, effect: EffectName) -> bool:
        """Whether the city's machine has the effect at all."""
        return any(effect in edge.effects for edge in self.pack.machines[CaseKind.INCUBATOR].edges)

    def write(self, changes: Mapping[str, Any]) -> None:
        self.memory |= changes
        self.version += 1

    # ---- the usual acts ----

    def recognise(self, on: date, award_yuan: str = "") -> Title:
        self.memory |= {"award_yuan": award_yuan} if award_yuan else {}
        if self.can(EffectName.GRANT_RECOGNITION):
            self.do(EffectName.GRANT_RECOGNITION, on)
        self.memory |= {"level": "local", "recognised_on": on.isoformat()}
        return self

    def promote(self, level: str, on: date) -> None:
        self.do(EffectName.GRANT_TOP_UP, on, level=level, decided_on=on)
        above = {**self.memory.get("recognised_above", {}), str(on.year): level}
        self.memory |= {"level": level, "recognised_above": above}

    def grade(self, year: int, grade: str, on: date | None = None) -> None:
        for effect in (EffectName.SETTLE_INSTALMENT, EffectName.GRANT_ANNUAL):
            if self.can(effect):
                self.do(effect, on or date(year, 12, 15), grade=grade, year=year)

    def lose(self, state: str = "revoked") -> None:
        self.do(EffectName.LAPSE_AWARDS, date(2023, 6, 1))
        self.block(state)

    def block(self, state: str) -> None:
        self.memory["block"] = self.version
        self.state = state

    @property
    def money(self) -> dict[str, tuple[str, str]]:
        """Key → (yuan, status)."""
        return {key: (f"{award.yuan:f}", str(award.status)) for key, award in awards_of(self.memory).items()}

    def award(self, key: str) -> Award:
        return awards_of(self.memory)[key]


def cixi(space: str = "makerspace", **memory: Any) -> Title:
    return Title(pack_of("cixi"), space, memory)


def yuyao(**memory: Any) -> Title:
    """A title of Yuyao's own, which brings no award by itself."""
    return Title(pack_of("yuyao"), "incubator", {"level": "local", "recognised_on": "2020-06-01", **memory})


def one(kind: str, year: int, instalment: int = 0) -> dict[str, Any]:
    """The selectors of an award."""
    return {"kind": kind, "year": year, **({"instalment": instalment} if instalment else {})}


def shows(award: Award, *parts: str) -> bool:
    """Whether the computation in words has all of them, in this order."""
    rest = award.words
    for part in parts:
        _, found, rest = rest.partition(part)
        if not found:
            return False
    return True


FIRST = one("recognition", 2021, 1)
MAY, JULY = date(2021, 5, 1), date(2021, 7, 1)


# ---- computations ------------------------------------------------------------------------------------------------


@given(sums, parts)
def test_instalments_add_up_to_the_grant_and_none_is_negative(whole: Decimal, weights: list[int]) -> None:
    shares = [Decimal(weight) / sum(weights) for weight in weights]
    paid = instalments(whole, shares)
    assert sum(paid) == whole
    assert len(paid) == len(shares)
    assert all(part >= 0 and part == yuan(str(part)) for part in paid)


@pytest.mark.parametrize(
    ("whole", "expected"),
    [
        ("300000", ["180000.00", "60000.00", "60000.00"]),
        ("500000", ["300000.00", "100000.00", "100000.00"]),
        ("100.01", ["60.01", "20.00", "20.00"]),
        ("0.03", ["0.02", "0.01", "0.00"]),
    ],
)
def test_shares_are_rounded_half_up_and_the_last_is_what_is_left(whole: str, expected: list[str]) -> None:
    assert [f"{part:f}" for part in instalments(Decimal(whole), CIXI_SHARES)] == expected


@given(sums, sums, sums, st.sampled_from(TopUpBasis))
def test_a_top_up_fills_up_to_the_cap_and_takes_nothing_back(
    cap: Decimal, so_far: Decimal, before: Decimal, basis: TopUpBasis
) -> None:
    more = top_up(basis, cap, so_far=so_far, level_before=before)
    less = so_far if basis is TopUpBasis.GRANTED else before
    assert more == max(Decimal(0), cap - less)


def test_what_lapsed_and_annual_awards_are_not_granted_for_recognitions() -> None:
    one_of_each = [
        Award(kind, 2021, 0, yuan(100), yuan(100), fixed=False, status=status, article="三", words="")
        for kind in AwardKind
        for status in AwardStatus
    ]
    assert granted(one_of_each) == 2 * 6 * 100


awards = st.builds(
    Award,
    kind=st.sampled_from(AwardKind),
    year=st.integers(2020, 2030),
    instalment=st.integers(0, 5),
    yuan=sums.map(lambda value: yuan(str(value))),
    cap=sums.map(lambda value: yuan(str(value))),
    fixed=st.booleans(),
    status=st.sampled_from(AwardStatus),
    article=st.just("三（三）"),
    words=st.text(min_size=1, max_size=5),
    level=st.none() | st.sampled_from(Level),
    approved_by=st.sampled_from(["", "fin"]),
    released=st.none() | st.integers(1, 50),
    released_on=st.none() | st.dates(),
    paid_on=st.none() | st.dates(),
    voucher=st.sampled_from(["", "2021-0702"]),
    reason=st.sampled_from(["", "理由"]),
)


@given(awards)
def test_an_award_is_read_as_it_was_kept(award: Award) -> None:
    assert Award.from_data(award.as_data()) == award


# ---- recognition -------------------------------------------------------------------------------------------------


def test_cixi_pays_sixty_percent_in_the_year_of_recognition_and_twenty_in_each_of_the_next_two() -> None:
    assert cixi().recognise(date(2021, 6, 20)).money == {
        "recognition/2021/1": ("180000.00", "proposed"),
        "recognition/2022/2": ("60000.00", "scheduled"),
        "recognition/2023/3": ("60000.00", "scheduled"),
    }
    for space in ("incubator", "specialised_incubator"):
        assert cixi(space).recognise(MAY).money == {
            "recognition/2021/1": ("300000.00", "proposed"),
            "recognition/2022/2": ("100000.00", "scheduled"),
            "recognition/2023/3": ("100000.00", "scheduled"),
        }


def test_an_instalment_cites_its_clause_and_shows_its_computation() -> None:
    title = cixi().recognise(MAY)
    first, last = title.award("recognition/2021/1"), title.award("recognition/2023/3")
    assert (first.article, first.cap, first.fixed) == ("三（三）", yuan(180000), False)
    assert shows(first, "300,000.00元", "60%", "180,000.00元")
    assert shows(last, "300,000.00元", "20%", "60,000.00元")
    odd = cixi().recognise(MAY, "100.03").award("recognition/2023/3")
    assert shows(odd, "100.03元", "80.03元", "20.00元")


def test_finance_may_have_granted_less_and_nothing_makes_no_rows() -> None:
    assert [sum_ for sum_, _ in cixi().recognise(MAY, "100").money.values()] == ["60.00", "20.00", "20.00"]
    assert cixi().recognise(MAY, "0").money == {}
    assert [*cixi().recognise(MAY, "0.01").money] == ["recognition/2021/1"]


def test_without_instalments_a_recognition_is_paid_in_one() -> None:
    title = Title(with_awards_table(pack_of("cixi"), instalments=None)).recognise(MAY)
    assert title.money == {"recognition/2021/0": ("300000.00", "proposed")}
    assert shows(title.award("recognition/2021/0"), "市本级", "300,000.00元")


def test_a_recognition_without_a_cap_or_a_city_without_awards_brings_nothing() -> None:
    for pack in (without_awards_table(pack_of("cixi")), replace_caps(pack_of("cixi"))):
        title = Title(pack).recognise(MAY)
        title.promote("ningbo", MAY)
        title.grade(2021, "excellent")
        act = title.asked(EffectName.GRANT_STRAIGHT, MAY, type="makerspace", level="ningbo", decided_on=MAY)
        assert AWARD_EFFECTS[EffectName.GRANT_STRAIGHT](act, title.memory) == {}
        assert {award.kind for award in awards_of(title.memory).values()} <= {AwardKind.ANNUAL}


def replace_caps(pack: PolicyPack) -> PolicyPack:
    return replace(pack, identity=pack.identity.model_copy(update={"caps": ()}))


# ---- a higher level ----------------------------------------------------------------------------------------------


def straight(pack: PolicyPack, level: str, decided_on: date) -> Title:
    title = Title(pack)
    title.do(EffectName.GRANT_STRAIGHT, date(2022, 3, 1), type=title.type, level=level, decided_on=decided_on)
    return title


def test_a_higher_title_without_the_local_one_gets_the_full_cap_once_somebody_signs_it_off() -> None:
    title = straight(pack_of("cixi"), "province", date(2021, 9, 1))
    assert title.money == {"recognition/2021/0": ("800000.00", "held")}
    award = title.award("recognition/2021/0")
    assert (award.level, award.article) == (Level.PROVINCE, "三（一）")
    assert shows(award, "省级", "800,000.00元")
    assert title.do(EffectName.RELEASE_AWARD, MAY, **one("recognition", 2021), reason="已核实") == []


def test_what_a_higher_title_brought_counts_as_granted_while_it_is_held() -> None:
    title = straight(pack_of("cixi"), "ningbo", date(2021, 9, 1))
    title.memory["level"] = "ningbo"
    title.promote("province", date(2022, 9, 1))
    assert title.money["promotion/2022/0/province"] == ("200000.00", "proposed")


def test_a_title_of_the_citys_own_level_or_from_before_the_plan_brings_no_award() -> None:
    assert straight(pack_of("cixi"), "local", date(2021, 9, 1)).money == {}
    assert straight(pack_of("cixi"), "ningbo", date(2020, 12, 31)).money == {}
    assert straight(pack_of("cixi"), "ningbo", date(2021, 1, 1)).money != {}
    assert straight(pack_of("cixi"), "ningbo", date(2024, 1, 1)).money == {}
    assert straight(with_awards_table(pack_of("cixi"), straight=None), "ningbo", MAY).money == {}


def test_cixi_tops_up_what_was_granted_and_leaves_the_instalments_alone() -> None:
    title = cixi().recognise(MAY)
    title.promote("ningbo", date(2022, 8, 10))
    assert title.money == {
        "promotion/2022/0/ningbo": ("300000.00", "proposed"),
        "recognition/2021/1": ("180000.00", "proposed"),
        "recognition/2022/2": ("60000.00", "scheduled"),
        "recognition/2023/3": ("60000.00", "scheduled"),
    }
    award = title.award("promotion/2022/0/ningbo")
    assert (award.level, award.article, award.cap) == (Level.NINGBO, "三（一）", yuan(300000))
    assert shows(award, "宁波市级", "600,000.00元", "300,000.00元", "300,000.00元")
    title.promote("national", date(2022, 12, 1))
    assert title.money["promotion/2022/0/national"] == ("400000.00", "proposed")


def test_what_lapsed_is_made_up_for_by_the_next_top_up_and_so_is_what_was_approved_lower() -> None:
    title = cixi().recognise(MAY)
    assert title.do(EffectName.APPROVE_AWARD, MAY, **FIRST, yuan=Decimal(100000)) == []
    assert title.do(EffectName.LAPSE_AWARD, MAY, **one("recognition", 2022, 2), reason="放弃") == []
    title.promote("ningbo", date(2022, 8, 10))
    assert title.money["promotion/2022/0/ningbo"] == ("440000.00", "proposed")


def test_what_a_top_up_has_made_up_for_cannot_be_raised_again() -> None:
    title = cixi().recognise(MAY)
    title.do(EffectName.APPROVE_AWARD, MAY, **FIRST, yuan=Decimal(100000))
    title.promote("ningbo", date(2022, 8, 10))
    title.do(EffectName.HOLD_AWARD, MAY, **FIRST, reason="核对")
    title.do(EffectName.RELEASE_AWARD, MAY, **FIRST, reason="无误")
    assert title.do(EffectName.APPROVE_AWARD, MAY, **FIRST, yuan=Decimal("100000.01")) == ["over_cap"]
    assert title.do(EffectName.APPROVE_AWARD, MAY, **FIRST) == []
    assert title.money["recognition/2021/1"] == ("100000.00", "approved")


def test_yuyao_pays_one_tier_for_ningbo_and_province_and_the_rest_for_national() -> None:
    title = yuyao()
    title.promote("ningbo", date(2022, 8, 10))
    assert title.money == {"promotion/2022/0/ningbo": ("400000.00", "proposed")}
    title.promote("province", date(2023, 8, 10))
    title.promote("national", date(2024, 8, 10))
    assert title.money == {
        "promotion/2022/0/ningbo": ("400000.00", "proposed"),
        "promotion/2024/0/national": ("600000.00", "proposed"),
    }
    award = title.award("promotion/2024/0/national")
    assert (award.fixed, award.article) == (True, "第十二条")
    assert shows(award, "国家级", "1,000,000.00元", "省级", "400,000.00元", "600,000.00元")


def test_a_top_up_on_an_empty_ledger_says_that_earlier_payments_have_to_be_looked_up() -> None:
    registered = cixi()
    registered.promote("ningbo", date(2022, 8, 10))
    award = registered.award("promotion/2022/0/ningbo")
    assert (award.yuan, award.status) == (Decimal("600000.00"), "proposed")
    assert "须查明此前实际给予的金额" in award.words
    known = cixi().recognise(MAY)
    known.promote("ningbo", date(2022, 8, 10))
    assert "须查明" not in known.award("promotion/2022/0/ningbo").words


def test_without_a_rule_for_top_ups_a_promotion_brings_none() -> None:
    title = Title(with_awards_table(pack_of("cixi"), top_up=None)).recognise(MAY)
    title.promote("ningbo", date(2022, 8, 10))
    assert len(title.money) == 3


# ---- the years after ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("city", "grade", "expected"),
    [
        ("yuyao", "excellent", "200000.00"),
        ("yuyao", "good", "100000.00"),
        ("yuyao", "qualified", None),
        ("yuyao", "unqualified", None),
        ("yuyao", NOT_GRADED, None),
        ("cixi", "excellent", "100000.00"),
        ("cixi", "qualified", None),
    ],
)
def test_a_years_grade_earns_what_the_document_says(city: str, grade: str, expected: str | None) -> None:
    title = Title(pack_of(city), "incubator", {"level": "local", "recognised_on": "2020-06-01"})
    title.grade(2022, grade)
    assert title.money == ({"annual/2022/0": (expected, "proposed")} if expected else {})


def test_yuyaos_annual_award_is_a_cap_and_cixis_a_fixed_sum() -> None:
    capped, fixed = yuyao(), cixi(level="local", recognised_on="2021-05-01")
    for title in (capped, fixed):
        title.grade(2022, "excellent")
    lower = {**one("annual", 2022), "yuan": Decimal(50000)}
    assert shows(capped.award("annual/2022/0"), "2022", "优秀", "不超过200,000.00元")
    assert shows(fixed.award("annual/2022/0"), "2022", "优秀", "奖励100,000.00元")
    assert capped.do(EffectName.APPROVE_AWARD, MAY, **lower) == []
    assert fixed.do(EffectName.APPROVE_AWARD, MAY, **lower) == ["below_fixed"]
    assert fixed.do(EffectName.APPROVE_AWARD, MAY, **one("annual", 2022), yuan=Decimal("100000.01")) == ["over_cap"]
    assert fixed.do(EffectName.APPROVE_AWARD, MAY, **one("annual", 2022), yuan=Decimal(100000)) == []


def test_yuyao_holds_the_annual_award_of_the_year_of_the_citys_own_recognition() -> None:
    title = yuyao(recognised_on="2021-03-19")
    title.grade(2021, "good", date(2022, 1, 10))
    title.grade(2022, "good")
    assert title.money == {"annual/2021/0": ("100000.00", "held"), "annual/2022/0": ("100000.00", "proposed")}
    older = yuyao(recognised_on="2021-03-19", registered=True)
    older.grade(2021, "good")
    assert older.money == {"annual/2021/0": ("100000.00", "held")}
    unknown = Title(pack_of("yuyao"), "incubator")
    unknown.grade(2021, "good")
    assert unknown.money == {"annual/2021/0": ("100000.00", "proposed")}


def test_a_title_that_came_at_a_higher_level_has_no_year_of_the_citys_own_recognition() -> None:
    pack = with_awards_table(pack_of("yuyao"), none_when_promoted=None)
    above = {
        "level": "ningbo",
        "recognised_on": "2021-03-19",
        "registered": True,
        "recognised_above": {"2021": "ningbo"},
    }
    title = Title(pack, "incubator", above)
    title.grade(2021, "good")
    assert title.money == {"annual/2021/0": ("100000.00", "proposed")}


def test_yuyao_grants_no_annual_award_in_the_year_of_a_recognition_above_and_cixi_does() -> None:
    for title, rows in ((yuyao(), 0), (cixi(level="local"), 1)):
        title.memory["recognised_above"] = {"2022": "ningbo"}
        title.grade(2022, "excellent")
        title.grade(2023, "excellent")
        assert len([key for key in title.money if key.startswith("annual/2022")]) == rows
        assert "annual/2023/0" in title.money


@pytest.mark.parametrize(
    ("steps", "before", "after"),
    [
        ([], "proposed", "lapsed"),
        ([EffectName.HOLD_AWARD], "held", "lapsed"),
        ([EffectName.APPROVE_AWARD], "approved", "held"),
        ([EffectName.APPROVE_AWARD, EffectName.PAY_AWARD], "paid", "paid"),
        ([EffectName.LAPSE_AWARD], "lapsed", "lapsed"),
    ],
)
def test_an_annual_award_gives_way_to_a_recognition_above_recorded_later(
    steps: list[EffectName], before: str, after: str
) -> None:
    title = yuyao()
    title.grade(2022, "good")
    title.grade(2023, "good")
    for number, step in enumerate(steps):
        assert title.do(step, MAY, f"fin{number}", **one("annual", 2022), reason="核", paid_on=MAY, voucher="1") == []
    assert title.money["annual/2022/0"][1] == before
    title.promote("ningbo", date(2022, 12, 30))
    assert title.money["annual/2022/0"][1] == after
    assert title.money["annual/2023/0"][1] == "proposed"
    assert "promotion/2022/0/ningbo" in title.money


@pytest.mark.parametrize(
    ("grade", "status"),
    [
        ("excellent", "proposed"),
        ("qualified", "proposed"),
        ("unqualified", "held"),
        (NOT_GRADED, "held"),
    ],
)
def test_each_instalment_stands_alone_and_waits_for_its_own_years_assessment(grade: str, status: str) -> None:
    title = cixi().recognise(MAY)
    title.grade(2022, grade)
    assert title.money["recognition/2022/2"] == ("60000.00", status)
    assert title.money["recognition/2023/3"] == ("60000.00", "scheduled")
    assert title.money["recognition/2021/1"] == ("180000.00", "proposed")


def test_a_year_that_had_left_the_round_holds_its_instalment() -> None:
    title = cixi().recognise(MAY)
    title.do(EffectName.SETTLE_INSTALMENT, date(2022, 12, 15), year=2022)
    assert title.money["recognition/2022/2"] == ("60000.00", "held")


def test_an_instalment_that_nobody_assessed_by_the_end_of_the_next_year_is_held() -> None:
    title = cixi().recognise(MAY)
    title.do(EffectName.HOLD_UNASSESSED, date(2023, 12, 31))
    assert title.money["recognition/2022/2"][1] == "scheduled"
    title.do(EffectName.HOLD_UNASSESSED, date(2024, 1, 1))
    assert [status for _, status in title.money.values()] == ["proposed", "held", "scheduled"]
    title.do(EffectName.HOLD_UNASSESSED, date(2025, 1, 1))
    assert [status for _, status in title.money.values()] == ["proposed", "held", "held"]


def test_what_was_held_for_want_of_a_grade_waits_for_a_person_whatever_comes_later() -> None:
    title = cixi().recognise(MAY)
    title.do(EffectName.HOLD_UNASSESSED, date(2024, 1, 1))
    title.grade(2022, "qualified", date(2024, 2, 1))
    assert title.money["recognition/2022/2"][1] == "held"


def test_an_instalment_is_not_held_while_its_round_is_open() -> None:
    title = cixi().recognise(MAY)
    title.memory["assessing"] = 2022
    title.do(EffectName.HOLD_UNASSESSED, date(2024, 1, 1))
    assert title.money["recognition/2022/2"][1] == "scheduled"


def test_with_the_title_goes_what_is_not_approved_and_what_is_paid_stays() -> None:
    title = cixi().recognise(MAY)
    for year in (2021, 2022, 2023):
        title.grade(year, "excellent")
    title.do(EffectName.APPROVE_AWARD, MAY, **FIRST)
    title.do(EffectName.APPROVE_AWARD, MAY, **one("annual", 2021))
    title.do(EffectName.PAY_AWARD, JULY, "cashier", **one("annual", 2021), paid_on=JULY, voucher="1")
    title.do(EffectName.HOLD_AWARD, MAY, **one("annual", 2022), reason="核对")
    title.lose()
    assert {key: status for key, (_, status) in title.money.items()} == {
        "annual/2021/0": "paid",
        "annual/2022/0": "lapsed",
        "annual/2023/0": "lapsed",
        "recognition/2021/1": "approved",
        "recognition/2022/2": "lapsed",
        "recognition/2023/3": "lapsed",
    }


# ---- approve, pay, hold, release, lapse, reverse --------------------------------------------------------------------


def approved() -> Title:
    title = cixi().recognise(MAY)
    assert title.do(EffectName.APPROVE_AWARD, JULY, **FIRST) == []
    return title


def test_what_is_approved_is_paid_by_somebody_else_with_day_and_voucher() -> None:
    title = approved()
    paying = {**FIRST, "paid_on": date(2021, 7, 2), "voucher": "2021-0702"}
    assert title.do(EffectName.PAY_AWARD, JULY, "fin", **paying) == ["same_person"]
    assert title.do(EffectName.PAY_AWARD, JULY, "cashier", **paying) == []
    award = title.award("recognition/2021/1")
    assert (award.status, award.yuan, award.approved_by) == (AwardStatus.PAID, yuan(180000), "fin")
    assert (award.paid_on, award.voucher) == (date(2021, 7, 2), "2021-0702")


def test_four_eyes_look_at_the_present_approval() -> None:
    title = approved()
    title.do(EffectName.HOLD_AWARD, JULY, **FIRST, reason="核对")
    assert title.award("recognition/2021/1").approved_by == ""
    title.do(EffectName.RELEASE_AWARD, JULY, **FIRST, reason="无误")
    title.do(EffectName.APPROVE_AWARD, JULY, "second", **FIRST)
    paying = {**FIRST, "paid_on": JULY, "voucher": "1"}
    assert title.do(EffectName.PAY_AWARD, JULY, "second", **paying) == ["same_person"]
    assert title.do(EffectName.PAY_AWARD, JULY, "fin", **paying) == []


def test_less_than_the_cap_may_be_approved_and_never_more() -> None:
    title = cixi().recognise(MAY)
    assert title.do(EffectName.APPROVE_AWARD, JULY, **FIRST, yuan=Decimal("180000.01")) == ["over_cap"]
    assert title.do(EffectName.APPROVE_AWARD, JULY, **FIRST, yuan=Decimal("99.5")) == []
    award = title.award("recognition/2021/1")
    assert (award.yuan, award.cap) == (yuan("99.5"), yuan(180000))


def test_a_release_and_a_reversal_keep_their_reason() -> None:
    title = approved()
    title.do(EffectName.HOLD_AWARD, JULY, **FIRST, reason="核对")
    version = title.version
    title.do(EffectName.RELEASE_AWARD, date(2021, 8, 1), **FIRST, reason="无误")
    award = title.award("recognition/2021/1")
    assert (award.released, award.released_on, award.reason) == (version + 1, date(2021, 8, 1), "无误")
    title.do(EffectName.APPROVE_AWARD, JULY, **FIRST)
    title.do(EffectName.PAY_AWARD, JULY, "cashier", **FIRST, paid_on=JULY, voucher="1")
    assert title.do(EffectName.REVERSE_AWARD, JULY, **FIRST, reason="误拨") == []
    assert title.award("recognition/2021/1").status is AwardStatus.REVERSED
    assert title.award("recognition/2021/1").reason == "误拨"


@pytest.mark.parametrize(
    ("effect", "given"),
    [
        (EffectName.PAY_AWARD, FIRST),
        (EffectName.REVERSE_AWARD, FIRST),
        (EffectName.RELEASE_AWARD, FIRST),
        (EffectName.APPROVE_AWARD, one("recognition", 2022, 2)),
        (EffectName.HOLD_AWARD, one("recognition", 2022, 2)),
        (EffectName.APPROVE_AWARD, one("recognition", 2024, 4)),
        (EffectName.APPROVE_AWARD, one("recognition", 2021, 2)),
        (EffectName.APPROVE_AWARD, one("annual", 2021)),
        (EffectName.LAPSE_AWARD, one("promotion", 2021)),
    ],
)
def test_what_stands_otherwise_or_does_not_exist_is_refused(effect: EffectName, given: dict[str, Any]) -> None:
    title = cixi().recognise(MAY)
    before = dict(title.memory)
    evidence = {**given, "reason": "理由", "paid_on": JULY, "voucher": "1"}
    assert title.do(effect, JULY, "cashier", **evidence) == ["award_not_in_that_status"]
    assert title.memory == before


def test_where_there_are_only_instalments_one_has_to_be_named() -> None:
    assert cixi().recognise(MAY).do(EffectName.APPROVE_AWARD, JULY, kind="recognition", year=2021) == [
        "evidence_missing"
    ]


def test_of_evidence_that_could_not_be_read_nothing_else_is_said() -> None:
    title = cixi().recognise(MAY)
    for read in ({"kind": "recognition"}, {"year": 2021}, {}):
        act = title.asked(EffectName.PAY_AWARD, JULY, **read)
        assert [found for guard in AWARD_GUARDS.values() for found in guard(act)] == []


def test_two_promotions_of_one_year_are_taken_in_the_order_of_their_levels() -> None:
    title = cixi().recognise(MAY)
    title.promote("ningbo", date(2022, 3, 1))
    title.promote("national", date(2022, 9, 1))
    both = one("promotion", 2022)
    assert title.do(EffectName.APPROVE_AWARD, JULY, **both) == []
    assert title.money["promotion/2022/0/ningbo"] == ("300000.00", "approved")
    assert title.do(EffectName.APPROVE_AWARD, JULY, **both) == []
    assert title.money["promotion/2022/0/national"] == ("400000.00", "approved")
    assert title.do(EffectName.APPROVE_AWARD, JULY, **both) == ["award_not_in_that_status"]


# ---- nothing is paid meanwhile -----------------------------------------------------------------------------------

PAYING = {**FIRST, "paid_on": JULY, "voucher": "1"}


@pytest.mark.parametrize("state", ["rectification", "recheck", "revocation_proposed", "defence_review"])
def test_while_the_title_is_in_question_nothing_is_paid_without_a_reasoned_release(state: str) -> None:
    title = approved()
    title.block(state)
    assert title.do(EffectName.PAY_AWARD, JULY, "cashier", **PAYING) == ["payment_blocked"]
    assert title.do(EffectName.RELEASE_AWARD, JULY, **FIRST, reason="整改不影响") == []
    assert title.money["recognition/2021/1"][1] == "proposed"
    assert title.do(EffectName.APPROVE_AWARD, JULY, **FIRST) == []
    assert title.do(EffectName.RELEASE_AWARD, JULY, **FIRST, reason="再来") == ["award_not_in_that_status"]
    assert title.do(EffectName.PAY_AWARD, JULY, "cashier", **PAYING) == []


def test_a_release_counts_for_the_block_in_which_it_was_given() -> None:
    title = approved()
    title.block("rectification")
    title.do(EffectName.RELEASE_AWARD, JULY, **FIRST, reason="整改不影响")
    title.do(EffectName.APPROVE_AWARD, JULY, **FIRST)
    title.block("revocation_proposed")
    assert title.do(EffectName.PAY_AWARD, JULY, "cashier", **PAYING) == ["payment_blocked"]


def test_when_the_title_is_safe_again_it_is_paid_without_a_release() -> None:
    title = approved()
    title.block("rectification")
    del title.memory["block"]
    title.state = "recognized"
    assert title.do(EffectName.PAY_AWARD, JULY, "cashier", **PAYING) == []


@pytest.mark.parametrize("state", ["revoked", "surrendered"])
def test_what_was_approved_when_the_title_went_waits_for_a_person(state: str) -> None:
    title = approved()
    title.lose(state)
    assert title.do(EffectName.PAY_AWARD, JULY, "cashier", **PAYING) == ["payment_blocked"]
    lapsing = Title(title.pack, title.type, dict(title.memory), state, title.version)
    assert lapsing.do(EffectName.LAPSE_AWARD, JULY, **FIRST, reason="资格已取消") == []
    assert title.do(EffectName.RELEASE_AWARD, JULY, **FIRST, reason="取消前已应付") == []
    assert title.do(EffectName.APPROVE_AWARD, JULY, **FIRST) == []
    assert title.do(EffectName.PAY_AWARD, JULY, "cashier", **PAYING) == []


def test_a_finding_of_fraud_blocks_payment_until_a_release_in_spite_of_it() -> None:
    title = approved()
    title.do(EffectName.HOLD_AWARD, JULY, **FIRST, reason="核对")
    title.do(EffectName.RELEASE_AWARD, JULY, **FIRST, reason="无误")
    title.do(EffectName.APPROVE_AWARD, JULY, **FIRST)
    title.fraud_on = date(2021, 7, 2)
    assert title.do(EffectName.PAY_AWARD, JULY, "cashier", **PAYING) == ["payment_blocked"]
    assert title.do(EffectName.RELEASE_AWARD, date(2021, 7, 2), **FIRST, reason="另案无关") == []
    title.do(EffectName.APPROVE_AWARD, JULY, **FIRST)
    assert title.do(EffectName.PAY_AWARD, JULY, "cashier", **PAYING) == []


def test_every_reason_against_a_payment_is_listed() -> None:
    title = approved()
    title.fraud_on = date(2021, 7, 2)
    title.block("recheck")
    codes = ["payment_blocked", "payment_blocked", "same_person"]
    assert sorted(title.do(EffectName.PAY_AWARD, JULY, "fin", **PAYING)) == codes


# ---- what an act changed -----------------------------------------------------------------------------------------


def test_the_ledger_gets_the_awards_that_an_act_changed_in_order_of_key() -> None:
    title = cixi()
    empty = dict(title.memory)
    title.recognise(MAY)
    granted_memory = dict(title.memory)
    assert [award.key for award in ledger_changes(empty, granted_memory)] == [*title.money]
    assert [award.key for award in newly_proposed(empty, granted_memory)] == ["recognition/2021/1"]
    title.do(EffectName.APPROVE_AWARD, JULY, **FIRST)
    assert [(a.key, a.status) for a in ledger_changes(granted_memory, title.memory)] == [
        ("recognition/2021/1", AwardStatus.APPROVED)
    ]
    assert newly_proposed(granted_memory, title.memory) == []
    assert ledger_changes(title.memory, title.memory) == []


def test_an_effect_that_changes_nothing_assigns_nothing() -> None:
    title = cixi().recognise(MAY)
    for effect in (EffectName.HOLD_UNASSESSED, EffectName.SETTLE_INSTALMENT, EffectName.GRANT_ANNUAL):
        act = title.asked(effect, MAY, year=2021, grade="qualified")
        assert AWARD_EFFECTS[effect](act, title.memory) == {}
    assert AWARD_EFFECTS[EffectName.LAPSE_AWARDS](title.asked(EffectName.LAPSE_AWARDS, MAY), {}) == {}


def test_an_award_is_named_in_peoples_words() -> None:
    pack = pack_of("cixi")
    first, annual = award_label(pack, "recognition", 2021, 1), award_label(pack, "annual", 2022, 0)
    assert (first[:4], first[-7:]) == ("2021", "认定奖励第1期")
    assert (annual[:4], annual[-6:]) == ("2022", "年度考核奖励")


# ---- whole lives -------------------------------------------------------------------------------------------------

#: From → where an award may go.
ARROWS = {
    None: {"scheduled", "proposed", "held"},
    "scheduled": {"proposed", "held", "lapsed"},
    "proposed": {"approved", "held", "lapsed"},
    "held": {"proposed", "lapsed"},
    "approved": {"paid", "held", "lapsed", "proposed"},
    "paid": {"reversed"},
    "lapsed": set(),
    "reversed": set(),
}  # fmt: skip
MOVES = (
    EffectName.APPROVE_AWARD, EffectName.APPROVE_AWARD, EffectName.PAY_AWARD, EffectName.RELEASE_AWARD,
    EffectName.HOLD_AWARD, EffectName.LAPSE_AWARD, EffectName.REVERSE_AWARD,
)  # fmt: skip
STATES = ("recognized", "revocation_proposed", "defence_review")
selectors = st.sampled_from(
    [one("recognition", year, number) for year, number in ((2021, 1), (2022, 2), (2023, 3))]
    + [one(kind, year) for kind in ("promotion", "annual") for year in (2021, 2022, 2023)]
)
moves = st.tuples(
    st.just("move"), st.sampled_from(MOVES), selectors, st.sampled_from(["a", "b"]), st.none() | st.integers(1, 300_000)
)
others = st.one_of(
    st.tuples(st.just("grade"), st.integers(2021, 2023), st.sampled_from([*Grade, NOT_GRADED])),
    st.tuples(st.just("promote"), st.integers(2021, 2023)),
    st.tuples(st.just("unassessed"), st.integers(2022, 2026)),
    st.tuples(st.just("state"), st.sampled_from(STATES)),
    st.tuples(st.just("lose")),
)


def live(title: Title, step: tuple[Any, ...]) -> None:
    """One step of a life; what is refused changes nothing."""
    match step:
        case ("move", effect, selector, who, amount):
            more = {"reason": "理由", "paid_on": JULY, "voucher": "1"}
            sum_ = {"yuan": Decimal(amount)} if amount else {}
            title.do(effect, JULY, who, **selector, **more, **sum_)
        case ("grade", year, grade):
            graded = title.memory.get("graded", [])
            if year not in graded:
                title.memory["graded"] = [*graded, year]
                title.grade(year, str(grade))
        case ("promote", year) if title.memory["level"] != "national":
            title.promote(LEVELS[LEVELS.index(Level(title.memory["level"])) + 1], date(year, 6, 1))
        case ("unassessed", year) if title.can(EffectName.HOLD_UNASSESSED):
            title.do(EffectName.HOLD_UNASSESSED, date(year, 1, 1))
        case ("state", "recognized"):
            title.memory.pop("block", None)
            title.state = "recognized"
        case ("state", state):
            title.block(state)
        case ("lose",):
            title.lose()


def arrows(before: Mapping[str, Any], changed: Iterable[Award]) -> list[tuple[str | None, str]]:
    known = awards_of(before)
    return [
        (str(known[award.key].status) if award.key in known else None, str(award.status))
        for award in changed
        if award.key not in known or known[award.key].status is not award.status
    ]


@given(st.sampled_from(["cixi", "yuyao"]), st.lists(moves | others, max_size=40))
def test_money_moves_only_along_the_arrows_and_never_beyond_the_highest_levels_cap(
    city: str, steps: list[tuple[Any, ...]]
) -> None:
    title = Title(pack_of(city)).recognise(date(2021, 3, 1))
    for step in steps:
        before = dict(title.memory)
        live(title, step)
        changed = ledger_changes(before, title.memory)
        for source, target in arrows(before, changed):
            assert target in ARROWS[source], (step, source, target)
        if step[0] == "lose":
            assert not [source for source, _ in arrows(before, changed) if source in ("paid", "approved", "reversed")]
        assert all(award.yuan <= award.cap for award in awards_of(title.memory).values())
        assert all(award.yuan == award.cap for award in awards_of(title.memory).values() if award.fixed)
        cap = title.pack.cap_for(title.type, title.memory["level"])
        assert granted(awards_of(title.memory).values()) <= (cap.yuan if cap else 0)


@given(st.lists(moves | others, max_size=40))
def test_what_was_granted_is_never_forgotten(steps: list[tuple[Any, ...]]) -> None:
    title = cixi().recognise(date(2021, 3, 1))
    for step in steps:
        before = {*title.money}
        live(title, step)
        assert before <= {*title.money}
        assert [*title.money] == sorted(title.money)
