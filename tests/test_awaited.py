"""What waits for whom: the first screen's list and the filter of lists, read off the machines."""

from __future__ import annotations

from datetime import date
from typing import Any

from kjfh_workflow import Actor
from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.rules.awaited import awaited_in
from kjfh_workflow.store.cases import Filter
from kjfh_workflow.store.finding import SORTS
from tests.api import Api
from tests.bureau import Bureau, uscc
from tests.test_criteria import tenant
from tests.test_find_cases import applied, operator
from tests.test_ledger import FIRST, Cixi

JOINT = {("endorse", "finance"), ("endorse", "tech_lead"), ("reject", "finance"), ("reject", "tech_lead")}
#: City, kind, state → the acts that are awaited, and of whom; of every other state none is.
AWAITED: dict[tuple[str, str, str], set[tuple[str, str]]] = {
    **{
        (city, kind, state): acts
        for city in ("yuyao", "cixi")
        for (kind, state), acts in {
            ("application", "applied"): {("accept", "tech_clerk"), ("return_for_correction", "tech_clerk")},
            ("application", "correction"): {("resubmit", "applicant")},
            ("application", "preliminary_review"): {
                ("pass_preliminary", "tech_clerk"), ("return_for_correction", "tech_clerk"),
            },
            ("application", "joint_finance_review"): JOINT,
            ("incubator", "under_assessment"): {("report_year", "applicant")},
            ("incubator", "revocation_proposed"): {("file_defence", "applicant")},
            ("incubator", "defence_review"): {("uphold_revocation", "tech_lead"), ("drop_revocation", "tech_lead")},
            ("promotion", "recommended"): {("record_recognition", "tech_clerk"), ("record_refusal", "tech_clerk")},
            ("change", "unreported"): {("report_change", "applicant")},
        }.items()
    },
    ("cixi", "incubator", "rectification"): {("report_rectification", "applicant")},
    ("cixi", "incubator", "recheck"): {("pass_recheck", "tech_clerk"), ("fail_recheck", "tech_clerk")},
    ("cixi", "change", "reported"): {("note", "tech_clerk")},
    ("yuyao", "change", "reported"): {("confirm_conforming", "tech_clerk"), ("find_nonconforming", "tech_clerk")},
    ("yuyao", "tenancy", "overstayed"): {
        ("graduate", "tech_clerk"), ("extend", "tech_clerk"), ("leave", "applicant"),
    },
}  # fmt: skip


def waiting(bureau: Bureau, who: Actor) -> dict[str, set[str]]:
    """Case → the events that it waits for *who* to perform; the screen's list and the filter's must agree."""
    shown = bureau.workflow.first_screen(reader=who).waiting
    assert not shown.more
    found = {row["id"]: {one.event for one in row["to_do"]} for row in shown.cases}
    for sort in SORTS:
        rows = bureau.workflow.cases(Filter(waiting=True), reader=who, sort=sort)
        assert {row["id"]: {one.event for one in row["to_do"]} for row in rows} == found, sort
        assert len(rows) == len(found), "each case once"
    return found


def test_each_state_waits_for_whom_the_machine_leads_on_by(desk: Bureau) -> None:
    found = {
        (pack.city, str(kind), state): {(act.event, str(act.role)) for act in acts}
        for pack in desk.workflow.catalog
        for kind in pack.machines
        for state, acts in awaited_in(pack, kind).items()
    }
    assert found == AWAITED


# ---- applications ----------------------------------------------------------------------------------------------------


def test_an_application_waits_for_one_after_the_other(bureau: Bureau) -> None:
    people = {"op": bureau.operator, "clerk": bureau.clerk, "lead": bureau.lead, "finance": bureau.finance}

    def waits_for() -> dict[str, set[str]]:
        lists = {name: waiting(bureau, who) for name, who in people.items()}
        return {name: found[case] for name, found in lists.items() if case in found}

    case = bureau.submit().case
    assert waits_for() == {"clerk": {"accept", "return_for_correction"}}
    bureau.act(case, "accept", bureau.clerk)
    assert waits_for() == {"clerk": {"pass_preliminary", "return_for_correction"}}
    bureau.act(case, "return_for_correction", bureau.clerk, missing=["场地证明"])
    assert waits_for() == {"op": {"resubmit"}}
    bureau.act(case, "resubmit", bureau.operator)
    bureau.act(case, "pass_preliminary", bureau.clerk, findings="all_met")
    assert waits_for() == {"lead": {"endorse", "reject"}, "finance": {"endorse", "reject"}}
    bureau.act(case, "endorse", bureau.finance)
    assert waits_for() == {"lead": {"endorse", "reject"}}
    bureau.act(case, "endorse", bureau.lead)
    assert waits_for() == {}
    for nobody in (bureau.auditor, bureau.cixi_clerk, operator(9), Actor.of("root", "admin", "yuyao")):
        assert waiting(bureau, nobody) == {}
    assert bureau.workflow.cases(Filter(waiting=True)) == [], "nothing waits for the program"


def test_four_eyes_who_has_reviewed_is_not_waited_for(desk: Bureau) -> None:
    both = Actor.of("both", ("tech_clerk", "tech_lead"), "yuyao")
    case = desk.submit().case
    desk.act(case, "accept", both)
    desk.act(case, "pass_preliminary", both, findings="all_met")
    assert waiting(desk, both) == {case: {"reject"}}, "as the case itself says"
    allowed = {one.event for one in desk.workflow.dossier(case, reader=both).events if one.allowed}
    assert allowed >= {"reject"}
    assert "endorse" not in allowed
    assert waiting(desk, desk.lead) == {case: {"endorse", "reject"}}


# ---- titles and what belongs to them ---------------------------------------------------------------------------------


def test_a_title_rests_until_it_is_to_be_lost(bureau: Bureau) -> None:
    _, title = bureau.recognised()
    people = (bureau.operator, bureau.clerk, bureau.lead, bureau.finance)
    assert [waiting(bureau, who) for who in people] == [{}, {}, {}, {}]
    bureau.act(title, "propose_revocation", bureau.clerk, ground="事由", article="第十四条")
    assert [waiting(bureau, who) for who in people] == [{title: {"file_defence"}}, {}, {}, {}]
    bureau.act(title, "file_defence", bureau.operator, statement="申辩")
    decide = {title: {"uphold_revocation", "drop_revocation"}}
    assert [waiting(bureau, who) for who in people] == [{}, {}, decide, {}]


def test_a_year_waits_for_its_report_and_no_longer(bureau: Bureau) -> None:
    _, title = bureau.recognised()
    bureau.workflow.rounds.open("yuyao", 2021, by=bureau.lead)
    assert waiting(bureau, bureau.operator) == {title: {"report_year"}}
    assert waiting(bureau, bureau.clerk) == {}, "the offices see the round"
    bureau.act(title, "report_year", bureau.operator, report="运营正常")
    assert waiting(bureau, bureau.operator) == {}


def test_an_award_waits_to_be_approved_and_then_for_another_to_pay(bureau: Bureau) -> None:
    cixi = Cixi(bureau)
    title = cixi.recognised()
    [row] = bureau.workflow.first_screen(reader=cixi.finance).waiting.cases
    [to_do] = row["to_do"]
    assert (row["id"], to_do.event, to_do.award, to_do.yuan) == (title, "approve_award", "recognition/2021/1", 180_000)
    assert to_do.award_label == "2021年认定奖励第1期"
    bureau.act(title, "approve_award", cixi.finance, **FIRST)
    assert waiting(bureau, cixi.finance) == {}, "who approves does not pay"
    assert waiting(bureau, cixi.cashier) == {title: {"pay_award"}}
    assert waiting(bureau, bureau.finance) == {}, "another city's"
    paid = date(2021, 3, 1)
    bureau.act(title, "pay_award", cixi.cashier, **FIRST, paid_on=paid, voucher="V1")
    assert waiting(bureau, cixi.cashier) == {}


def test_a_case_that_waits_twice_stands_there_once(bureau: Bureau) -> None:
    cixi = Cixi(bureau)
    title = cixi.recognised()
    bureau.act(title, "propose_revocation", cixi.clerk, ground="事由", article="三（四）")
    bureau.act(title, "file_defence", cixi.operator(1), statement="申辩")
    both = Actor.of("both", ("tech_lead", "finance"), "cixi")
    assert waiting(bureau, both) == {title: {"uphold_revocation", "drop_revocation", "approve_award"}}


def test_a_firm_that_stays_rests_and_one_that_has_stayed_too_long_waits(bureau: Bureau) -> None:
    _, title = bureau.recognised()
    firm = tenant(1, founded_on=date(2018, 1, 1), entered_on=date(2019, 1, 1))
    case = bureau.workflow.open_case(
        "tenancy", "admit", by=bureau.operator, parent=title, evidence={"tenant": firm}
    ).case
    assert (waiting(bureau, bureau.clerk), waiting(bureau, bureau.operator)) == ({}, {})
    bureau.on(date(2022, 6, 1)).workflow.tick()
    assert waiting(bureau, bureau.clerk) == {case: {"graduate", "extend"}}
    assert waiting(bureau, bureau.operator) == {case: {"leave"}}


def test_what_belongs_to_a_title_waits_for_who_reports_and_who_records(bureau: Bureau) -> None:
    _, title = bureau.recognised()
    change = {"what": ["site"], "occurred_on": "2021-02-20"}
    opened = bureau.workflow.open_case
    recorded = opened("change", "record_change", by=bureau.clerk, parent=title, evidence=change).case
    assert waiting(bureau, bureau.operator) == {recorded: {"report_change"}}


# ---- many ------------------------------------------------------------------------------------------------------------


def test_what_has_stood_still_longest_comes_first(bureau: Bureau) -> None:
    first, second, third = (applied(bureau, n, day=date(2021, 3, n)) for n in (1, 2, 3))
    bureau.on(date(2021, 3, 8)).act(first, "accept", bureau.clerk)
    shown = bureau.workflow.first_screen(reader=bureau.clerk).waiting
    assert [row["id"] for row in shown.cases] == [second, third, first]


def test_more_than_a_screen_holds_is_said_and_found_page_by_page(quick: Api, desk: Bureau) -> None:
    cases = [applied(desk, number) for number in range(103)]
    shown = quick.get("/v1/desk", desk.clerk).json()["waiting"]
    assert (len(shown["cases"]), shown["more"]) == (100, True)
    desk.act(cases[0], "accept", desk.clerk)
    desk.act(cases[1], "find_fraud", desk.lead, finding="虚报")
    found: list[str] = []
    after = ""
    while after is not None:
        page = quick.get("/v1/cases", desk.clerk, waiting_for="me", after=after, limit=7, sort="-changed_at").json()
        found += [row["id"] for row in page["items"]]
        after = page["next"]
    assert sorted(found) == sorted([cases[0], *cases[2:]])


def test_those_that_have_done_their_part_are_read_over(bureau: Bureau) -> None:
    """The lead waits behind many that Finance still has to endorse."""
    cases = [applied(bureau, number) for number in range(60)]
    for number, case in enumerate(cases):
        bureau.act(case, "accept", bureau.clerk)
        bureau.act(case, "pass_preliminary", bureau.clerk, findings="all_met", justifications={})
        if number < 57:
            bureau.act(case, "endorse", bureau.lead)
    rows = bureau.workflow.cases(Filter(waiting=True), reader=bureau.lead, sort="changed_at", limit=2)
    rest = bureau.workflow.cases(
        Filter(waiting=True), reader=bureau.lead, sort="changed_at", limit=2, after=rows[-1]["key"]
    )
    assert (len(rows), len(rest)) == (2, 1)
    assert {row["id"] for row in (*rows, *rest)} == {*cases[57:]}


def test_what_waits_is_filtered_like_everything_else(bureau: Bureau) -> None:
    one, two = applied(bureau, 1), applied(bureau, 2)
    bureau.act(two, "accept", bureau.clerk)

    def found(who: Actor, **wanted: Any) -> list[str]:
        return [row["id"] for row in bureau.workflow.cases(Filter(waiting=True, **wanted), reader=who)]

    assert found(bureau.clerk, state="applied") == [one]
    assert found(bureau.clerk, uscc=uscc(2)) == found(bureau.clerk, text=two) == [two]
    assert found(bureau.clerk, city="cixi") == found(bureau.clerk, kind="incubator") == []
    assert found(bureau.lead, text="众创") == []


def test_who_works_for_an_office_and_for_an_operator_is_waited_for_as_both(bureau: Bureau) -> None:
    mine, other = applied(bureau, 1), applied(bureau, 2)
    bureau.act(mine, "accept", bureau.clerk)
    bureau.act(mine, "return_for_correction", bureau.clerk, missing=["场地证明"])
    home = Actor("home", "home", (Role.TECH_CLERK, Role.APPLICANT), "yuyao", uscc(1))
    away = Actor("away", "away", (Role.TECH_CLERK, Role.APPLICANT), "cixi", uscc(1))
    assert waiting(bureau, home) == {mine: {"resubmit"}, other: {"accept", "return_for_correction"}}
    assert waiting(bureau, away) == {mine: {"resubmit"}}


def test_the_desk_says_over_http_what_is_to_be_done(api: Api, bureau: Bureau) -> None:
    cixi = Cixi(bureau)
    title, case = cixi.recognised(), bureau.submit().case
    [row] = api.get("/v1/desk", bureau.clerk).json()["waiting"]["cases"]
    assert (row["id"], row["state_label"], row["deadline"]) == (case, "已申请，待受理", None)
    assert {one["event"]: one["label"] for one in row["to_do"]}["accept"] == "受理"
    [money] = api.get("/v1/desk", cixi.finance).json()["waiting"]["cases"]
    assert (money["id"], money["to_do"][0]["yuan"]) == (title, "180000.00")
    assert [one["id"] for one in api.get("/v1/cases", cixi.finance, waiting_for="me").json()["items"]] == [title]
    plain = api.get("/v1/cases", cixi.finance, kind="incubator").json()["items"]
    assert [one["to_do"] for one in plain] == [[]]
    assert api.get("/v1/cases", bureau.clerk, waiting_for="everybody").status_code == 422
