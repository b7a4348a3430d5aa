"""Changes: what is to be reported, how late it was, who went to look; and the shapes of what acts are given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjfh_workflow import canonical
from kjfh_workflow.policy.machine import Machine
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import CaseKind, ChangeKind, EffectName, Field, GuardName, LengthUnit, Reckoning
from kjfh_workflow.policy.years import Changes
from kjfh_workflow.rules.act import Act
from kjfh_workflow.rules.calendar import china
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.changes import CHANGE_EFFECTS, CHANGE_GUARDS, late_days
from kjfh_workflow.rules.clocks import EXPIRE, Clock
from kjfh_workflow.rules.deadlines import count
from kjfh_workflow.rules.evidence import SHAPES, TEXTS, read_evidence
from tests.bureau import uscc
from tests.test_assessment import CIXI, YUYAO, act, part, said, with_years
from tests.test_criteria import tenant


def change_machine(months: int, *, reckoned: bool = True) -> Machine:
    """A change that is reported, or found and then reported within so many months."""
    edges = [
        {"event": "report_change", "by": ["applicant"], "from": ["new", "unreported"], "to": "reported"},
        {"event": "record_change", "by": ["tech_clerk"], "from": ["new"], "to": "unreported"},
    ]
    period = part(state="unreported", length=months, unit=LengthUnit.MONTHS)
    if reckoned:
        period["reckoning"] = Reckoning.DAY_OF_CHANGE
    return Machine.model_validate(
        {
            "label": "变更",
            "under": "incubator",
            "states": {"unreported": {"label": "未报告"}, "reported": {"label": "已报告"}},
            "events": {"report_change": "报告", "record_change": "登记"},
            "edge": [part(**edge) for edge in edges],
            "timer": [{"name": "change_report_due", "label": "报告期限", "side": "applicant", "period": [period]}],
        }
    )


ONE_MONTH, THREE_MONTHS = change_machine(1), change_machine(3)


def listing(pack: PolicyPack, *what: ChangeKind) -> PolicyPack:
    return with_years(pack, changes=Changes(**part(), what=what))


def change(today: date, machine: Machine = ONE_MONTH, pack: PolicyPack = YUYAO, **values: Any) -> Act:
    return act(pack, today=today, machine=machine, kind=CaseKind.CHANGE, state="new", target="reported", **values)


def refused(name: GuardName, pack: PolicyPack = YUYAO, **values: Any) -> list[tuple[str, str]]:
    today = values.pop("today", date(2021, 6, 1))
    return said(CHANGE_GUARDS[name](change(today, pack=pack, **values)))


# ---- 第十三条：一个月内报告 --------------------------------------------------------------------------

GOLDEN = [
    (ONE_MONTH, YUYAO, date(2021, 1, 31), date(2021, 3, 1)),
    (ONE_MONTH, CIXI, date(2021, 1, 11), date(2021, 2, 18)),
    (ONE_MONTH, YUYAO, date(2021, 4, 1), date(2021, 5, 6)),
    (THREE_MONTHS, CIXI, date(2021, 7, 1), date(2021, 10, 8)),
    (THREE_MONTHS, CIXI, date(2021, 11, 30), date(2022, 2, 28)),
    (THREE_MONTHS, CIXI, date(2021, 6, 18), date(2021, 9, 18)),
    (THREE_MONTHS, CIXI, date(2021, 6, 25), date(2021, 9, 26)),
]


@pytest.mark.parametrize(("machine", "pack", "occurred_on", "due"), GOLDEN)
def test_lateness_is_counted_from_the_legal_last_day(
    machine: Machine, pack: PolicyPack, occurred_on: date, due: date
) -> None:
    late = [late_days(change(date.fromordinal(due.toordinal() + n), machine, pack), occurred_on) for n in (-9, 0, 1, 5)]
    assert late == [0, 0, 1, 5]


def test_changes_before_the_day_of_issue_are_never_late_in_yuyao() -> None:
    assert late_days(change(date(2021, 6, 1)), date(2021, 1, 26)) == 0
    assert late_days(change(date(2021, 6, 1)), date(2021, 1, 27)) == 92  # 27 February is a Saturday: due on 1 March


def test_a_city_without_such_a_day_counts_every_change() -> None:
    assert late_days(change(date(2021, 6, 1), pack=CIXI), date(2020, 6, 1)) == 335  # due on 1 July 2020


def test_a_running_clock_has_been_announced_and_counts() -> None:
    deadline = count(china(), date(2021, 4, 1), 1, LengthUnit.MONTHS)
    clock = Clock("change_report_due", 1, "unreported", deadline, {EXPIRE: date(2021, 5, 7)})
    memory = {"clocks": {"change_report_due": clock.as_data()}}
    # The operator claims another day; neither helps it nor hurts it.
    for claimed in (date(2021, 4, 20), date(2021, 3, 1)):
        assert late_days(change(date(2021, 5, 8), memory=memory), claimed) == 2


def test_nothing_is_late_where_no_clock_counts_from_the_change() -> None:
    assert late_days(change(date(2021, 12, 31), change_machine(1, reckoned=False)), date(2021, 4, 1)) == 0


def keep(today: date, target: str = "reported", **memory: Any) -> dict[str, Any]:
    evidence: dict[str, Any] = {Field.WHAT: ["name", "area"], Field.OCCURRED_ON: date(2021, 4, 1)}
    kept = act(YUYAO, today=today, machine=ONE_MONTH, state="new", target=target, evidence=evidence, memory=memory)
    changes = CHANGE_EFFECTS[EffectName.KEEP_CHANGE](kept, memory)
    assert canonical.loads(canonical.dumps(changes)) == changes
    return changes


def test_a_report_keeps_how_late_it_came() -> None:
    assert keep(date(2021, 5, 10)) == {
        "what": ["name", "area"], "occurred_on": "2021-04-01", "reported_on": "2021-05-10", "late_days": 4,
    }  # fmt: skip


def test_a_change_that_the_office_found_is_not_late_yet() -> None:
    assert keep(date(2021, 5, 10), "unreported") == {
        "what": ["name", "area"], "occurred_on": "2021-04-01", "recorded_on": "2021-05-10",
    }  # fmt: skip


# ---- 哪些变更 --------------------------------------------------------------------------------------


def test_only_listed_changes_are_reported() -> None:
    yuyao = listing(YUYAO, ChangeKind.NAME, ChangeKind.AREA)
    assert refused(GuardName.CHANGE_LISTED, yuyao, evidence={Field.WHAT: ["name", "area"]}) == []
    assert refused(GuardName.CHANGE_LISTED, yuyao, evidence={Field.WHAT: ["name", "site"]}) == [
        ("evidence_invalid", "what")
    ]
    assert refused(GuardName.CHANGE_LISTED, yuyao) == []
    assert refused(GuardName.CHANGE_LISTED, with_years(YUYAO, changes=None), evidence={Field.WHAT: ["name"]}) == [
        ("evidence_invalid", "what")
    ]


def test_the_refusal_names_what_is_to_be_reported_in_words() -> None:
    found = change(date(2021, 6, 1), pack=listing(CIXI, ChangeKind.NAME), evidence={Field.WHAT: ["area"]})
    [refusal] = CHANGE_GUARDS[GuardName.CHANGE_LISTED](found)
    assert "面积范围" in refusal.message
    assert "name（名称）" in refusal.message


def test_two_people_go_to_look_after_the_change() -> None:
    def visited(on: date, *visitors: str) -> list[tuple[str, str]]:
        visit = {"on": on, "visitors": list(visitors), "finding": "符合"}
        evidence = {Field.SITE_VISIT: visit}
        return refused(GuardName.SITE_VISITED, memory={"occurred_on": "2021-04-01"}, evidence=evidence)

    assert visited(date(2021, 4, 1), "张三", "李四") == []
    assert visited(date(2021, 4, 20), "张三") == [("evidence_invalid", "site_visit.visitors")]
    assert visited(date(2021, 4, 20), "张三", "张 三") == [("evidence_invalid", "site_visit.visitors")]
    assert visited(date(2021, 3, 31), "张三", "李四") == [("evidence_invalid", "site_visit.on")]
    assert refused(GuardName.SITE_VISITED) == []


@pytest.mark.parametrize("field", [Field.DECIDED_ON, Field.PAID_ON, Field.OCCURRED_ON])
def test_no_day_on_file_lies_ahead(field: Field) -> None:
    for day, found in ((date(2021, 6, 1), []), (date(2021, 6, 2), [("evidence_invalid", str(field))])):
        assert refused(GuardName.DAYS_HAVE_COME, evidence={field: day}) == found


def test_no_visit_lies_ahead() -> None:
    visit = {"on": date(2021, 6, 2), "visitors": ["张三", "李四"], "finding": "符合"}
    assert refused(GuardName.DAYS_HAVE_COME, evidence={Field.SITE_VISIT: visit}) == [
        ("evidence_invalid", "site_visit.on")
    ]
    assert refused(GuardName.DAYS_HAVE_COME) == []


# ---- 记入孵化器 -------------------------------------------------------------------------------------


def noted(memory: Mapping[str, Any], **of_change: Any) -> dict[str, Any]:
    told = Case("ch2", "cixi", CaseKind.CHANGE, "", "noted", memory=of_change)
    changes = CHANGE_EFFECTS[EffectName.NOTE_CHANGE](act(CIXI, today=date(2021, 6, 1), told_by=told), memory)
    assert canonical.loads(canonical.dumps(changes)) == changes
    return changes


CHANGED = {"what": ["site"], "occurred_on": "2021-04-01", "late_days": 4}


def test_a_change_is_remembered_for_the_assessment() -> None:
    entry = {"case": "ch2", **CHANGED, "result": "noted", "on": "2021-06-01"}
    assert noted({}, **CHANGED) == {"changes": [entry]}
    assert noted({"changes": [{"case": "ch1"}]}, **CHANGED) == {"changes": [{"case": "ch1"}, entry]}


def test_a_change_never_reported_is_not_some_days_late() -> None:
    assert noted({}, what=["site"], occurred_on="2021-04-01")["changes"][0]["late_days"] is None


def test_the_facts_that_came_with_a_change_are_in_force() -> None:
    changes = noted({"facts": "old", "facts_on": "2021-03-01"}, **CHANGED, facts="new", facts_on="2021-05-10")
    assert (changes["facts"], changes["facts_on"]) == ("new", "2021-05-10")
    # A day alone says nothing of new facts.
    assert "facts_on" not in noted({}, **CHANGED, facts_on="2021-05-10")


# ---- 佐证材料的格式 ---------------------------------------------------------------------------------

GOOD: dict[Field, Any] = {
    Field.YEAR: 2021,
    Field.GRADE: "excellent",
    Field.SCORE: Decimal("95.50"),
    Field.SCORES: {"a": Decimal(80)},
    Field.REPORT: {"summary": "年度运营报告", "tenants": 12, "rate": Decimal("0.5"), "days": [date(2021, 1, 1), None]},
    Field.RECTIFY_BY: date(2023, 3, 31),
    Field.DECIDED_ON: date(2022, 8, 10),
    Field.OCCURRED_ON: date(2021, 4, 1),
    Field.PAID_ON: date(2021, 7, 2),
    Field.UNTIL: date(2025, 1, 1),
    Field.LEVEL: "ningbo",
    Field.TO_LEVEL: "national",
    Field.KIND: "annual",
    Field.WHAT: ["name", "other"],
    Field.LATE_DAYS: 4,
    Field.INSTALMENT: 2,
    Field.YUAN: Decimal("180000.00"),
    Field.USCC: uscc(1),
    Field.NAME: "慈溪海岸众创空间有限公司",
    Field.DOCUMENT_NO: "甬科高〔2022〕60号",
    Field.TOWNSHIP: "凤山街道",
    Field.VOUCHER: "2021-0702",
    Field.PERSON: "王五",
    Field.SITE_VISIT: {"on": date(2021, 5, 20), "visitors": ["张三", "李四"], "finding": "符合"},
    Field.TENANT: tenant(1, area_m2=Decimal("100.5"), invested_yuan=Decimal(0)),
    Field.GROUNDS: {"high_tech": True, "operating_since": date(2019, 1, 1), "main_income_yuan": Decimal("10000000.01")},
}


@pytest.mark.parametrize("field", GOOD)
def test_what_is_kept_on_file_reads_back_as_it_was_given(field: Field) -> None:
    read = SHAPES[field].validate_python(GOOD[field])
    assert read == GOOD[field]
    assert SHAPES[field].validate_python(canonical.loads(canonical.dumps(read))) == (
        read if field is not Field.REPORT else {**read, "rate": "0.5", "days": ["2021-01-01", None]}
    )
    # Names and years are plain: what keeps them need know no enumeration.
    assert type(read) in (str, int, Decimal, date, dict, list)


def test_every_new_text_is_taken_from_the_command_line_as_it_stands() -> None:
    for field, value in GOOD.items():
        assert (field in TEXTS) == isinstance(value, str)


BAD: list[tuple[Field, Any]] = [
    (Field.YEAR, "2021"), (Field.YEAR, 1999), (Field.YEAR, 2101), (Field.YEAR, True), (Field.YEAR, Decimal(2021)),
    (Field.DECIDED_ON, datetime(2022, 8, 10)), (Field.DECIDED_ON, "2022-8-10"), (Field.DECIDED_ON, 20220810),  # noqa: DTZ001
    (Field.UNTIL, date(9999, 12, 31)), (Field.OCCURRED_ON, date(1949, 9, 30)), (Field.PAID_ON, "2021-02-30"),
    (Field.LEVEL, "district"), (Field.LEVEL, 2), (Field.TO_LEVEL, "Ningbo"), (Field.KIND, "bonus"),
    (Field.WHAT, ["name", "name"]), (Field.WHAT, ["colour"]), (Field.WHAT, "name"), (Field.WHAT, [1]),
    (Field.YUAN, Decimal("0.001")), (Field.YUAN, -1), (Field.YUAN, True), (Field.YUAN, "１８"), (Field.YUAN, "NaN"),
    (Field.SCORE, "九十"), (Field.SCORES, {"a": -1}), (Field.SCORES, 80),
    (Field.USCC, "91330281MA2B00001X"), (Field.USCC, 9133), (Field.NAME, "甲\n乙"), (Field.NAME, "甲\x00"),
    (Field.VOUCHER, 20210702), (Field.PERSON, "王" * 201), (Field.GRADE, 1),
    (Field.LATE_DAYS, -1), (Field.LATE_DAYS, "4"), (Field.INSTALMENT, -1), (Field.INSTALMENT, "2"),
    (Field.REPORT, 3), (Field.REPORT, {"at": time(9)}), (Field.REPORT, {"share": float("nan")}),
    (Field.REPORT, {"huge": Decimal("1e999999")}), (Field.REPORT, {"summary": "\u202e"}),
    (Field.SITE_VISIT, {"on": date(2021, 5, 20), "visitors": [], "finding": "符合"}),
    (Field.SITE_VISIT, {**GOOD[Field.SITE_VISIT], "weather": "晴"}), (Field.SITE_VISIT, ["张三", "李四"]),
    (Field.TENANT, tenant(1, colour="红")),
    (Field.TENANT, tenant(1, entered_on=date(9999, 1, 1))), (Field.TENANT, tenant(1, technology_sme="是")),
    (Field.GROUNDS, {"rich": True}), (Field.GROUNDS, {"high_tech": 1}), (Field.GROUNDS, {"high_tech": "true"}),
    (Field.GROUNDS, {"main_income_yuan": -1}), (Field.GROUNDS, {"operating_since": 2019}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), BAD, ids=[f"{field}-{number}" for number, (field, _) in enumerate(BAD)])
def test_what_has_another_shape_is_refused_and_not_read(field: Field, value: Any) -> None:
    read, refusals = read_evidence(YUYAO, {field: True}, {field: value})
    assert read == {}
    assert {refusal.code for refusal in refusals} == {"evidence_invalid"}
    assert {refusal.field.partition(".")[0] for refusal in refusals} == {str(field)}


@pytest.mark.parametrize("value", [None, "", "  ", [], {}, [" "]])
def test_an_empty_list_or_text_is_not_given(value: Any) -> None:
    for field in (Field.WHAT, Field.REPORT, Field.LEVEL):
        _, refusals = read_evidence(YUYAO, {field: True}, {field: value})
        assert [refusal.code for refusal in refusals] == ["evidence_missing"]


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        (Field.LEVEL, "district", ["local", "ningbo", "province", "national"]),
        (Field.KIND, "bonus", ["recognition", "promotion", "annual"]),
        (Field.WHAT, ["colour"], [str(kind) for kind in ChangeKind]),
        (Field.SITE_VISIT, {"weather": "晴"}, ["on", "visitors", "finding"]),
        (Field.GROUNDS, {"rich": True}, ["high_tech", "operating_since", "invested_yuan"]),
    ],
)
def test_an_unknown_name_is_told_what_is_allowed(field: Field, value: Any, allowed: Sequence[str]) -> None:
    _, [refusal] = read_evidence(YUYAO, {field: True}, {field: value})
    for name in allowed:
        assert name in refusal.message


def test_what_is_not_known_of_a_tenant_is_left_out() -> None:
    assert SHAPES[Field.GROUNDS].validate_python({"high_tech": None, "own_ip": False}) == {"own_ip": False}


@pytest.mark.parametrize(
    ("field", "value", "part"),
    [
        (Field.SITE_VISIT, {"on": date(2021, 5, 20), "visitors": ["张三"]}, "site_visit.finding"),
        (Field.TENANT, {key: value for key, value in tenant(1).items() if key != "field"}, "tenant.field"),
    ],
)
def test_a_part_that_a_table_lacks_is_missing(field: Field, value: Any, part: str) -> None:
    _, [refusal] = read_evidence(YUYAO, {field: True}, {field: value})
    assert (refusal.code, refusal.field) == ("evidence_missing", part)


def test_a_report_may_be_a_text() -> None:
    read, refusals = read_evidence(YUYAO, {Field.REPORT: True}, {Field.REPORT: " 已配备专业导师 "})
    assert (read, refusals) == ({Field.REPORT: "已配备专业导师"}, [])


def test_a_report_may_be_nested_but_not_without_end() -> None:
    deep: dict[str, Any] = {}
    for _ in range(20):
        deep = {"deeper": deep}
    _, [refusal] = read_evidence(YUYAO, {Field.REPORT: True}, {Field.REPORT: deep})
    assert refusal.code == "evidence_invalid"


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.dates() | st.text("年ab \n", max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("年ab", max_size=4), inner, max_size=3),
    max_leaves=9,
)


@given(st.dictionaries(st.text("年ab", min_size=1, max_size=4), PLAIN, min_size=1, max_size=4))
def test_a_report_that_is_read_can_be_kept_and_read_again(report: dict[str, Any]) -> None:
    read, refusals = read_evidence(YUYAO, {Field.REPORT: True}, {Field.REPORT: report})
    assert refusals == [] or "嵌套" in refusals[0].message or read == {}
    text = canonical.dumps(read)
    again, _ = read_evidence(YUYAO, {Field.REPORT: True}, json.loads(text))
    assert canonical.dumps(again) == text
