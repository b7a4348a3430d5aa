"""What a title's screen offers about its awards, no button that could only be refused; and no foreign checklist."""

from __future__ import annotations

from datetime import date

import pytest

from kjfh_workflow import Actor
from tests.bureau import CIXI_USCC, Bureau, facts

CLERK, LEAD = Actor.of("zhou", "tech_clerk", "cixi"), Actor.of("wu", "tech_lead", "cixi")
CHEN, CASHIER = Actor.of("chen", "finance", "cixi"), Actor.of("he", "finance", "cixi")
OPERATOR = Actor.of("haian", "applicant", "cixi", name="慈溪海岸众创空间有限公司", uscc=CIXI_USCC)
MOVES = {"approve_award", "pay_award", "release_award", "hold_award", "lapse_award", "reverse_award"}


@pytest.fixture
def case(desk: Bureau) -> str:
    """A makerspace of Cixi in joint review."""
    case = desk.submit(OPERATOR, city="cixi", type="makerspace", facts=facts("cixi-makerspace")).case
    desk.act(case, "accept", CLERK)
    desk.act(case, "pass_preliminary", CLERK, findings="all_met")
    desk.act(case, "endorse", CHEN)
    return case


def offered(desk: Bureau, title: str, by: Actor = CASHIER) -> set[str]:
    """The acts on awards that may be performed; the others are refused with one reason, and it says so."""
    found = {possible.event: possible for possible in desk.workflow.allowed_events(title, by=by)}
    shown = {event.event: event for event in desk.workflow.dossier(title, reader=by).events}
    for event in MOVES:
        assert shown[event].allowed == found[event].allowed
        if not found[event].allowed:
            [reason] = found[event].refusals
            assert (reason.code, bool(reason.article)) == ("award_not_in_that_status", True)
            assert reason.message == f"没有可以“{found[event].label}”的奖励"
    return {event for event in MOVES if found[event].allowed}


def test_an_act_on_awards_is_offered_while_one_stands_where_it_begins(desk: Bureau, case: str) -> None:
    title = desk.act(case, "endorse", LEAD).opened["incubator"]
    awards = [shown.award for shown in desk.workflow.dossier(title, reader=CHEN).awards]
    assert [award.status for award in awards] == ["proposed", "scheduled", "scheduled"]
    assert offered(desk, title) == {"approve_award", "hold_award", "lapse_award"}
    first, *others = ({"kind": "recognition", "year": one.year, "instalment": one.instalment} for one in awards)
    desk.act(title, "approve_award", CHEN, **first)
    assert offered(desk, title) == {"pay_award", "hold_award", "lapse_award"}
    desk.act(title, "hold_award", CHEN, **first, reason="核实")
    assert offered(desk, title) == {"release_award", "lapse_award"}
    desk.act(title, "release_award", CHEN, **first, reason="已核实")
    desk.act(title, "approve_award", CHEN, **first)
    desk.act(title, "pay_award", CASHIER, **first, paid_on=date(2021, 3, 1), voucher="1")
    for other in others:
        assert offered(desk, title) == {"lapse_award", "reverse_award"}
        desk.act(title, "lapse_award", CHEN, **other, reason="放弃")
    assert offered(desk, title) == {"reverse_award"}
    desk.act(title, "reverse_award", CHEN, **first, reason="退回")
    assert offered(desk, title) == set()


def test_a_title_without_awards_offers_none_and_a_stranger_to_them_is_told_about_the_role(desk: Bureau) -> None:
    _, title = desk.recognised()
    assert offered(desk, title, desk.finance) == set()
    found = {possible.event: possible for possible in desk.workflow.allowed_events(title, by=desk.clerk)}
    for event in MOVES:
        assert [reason.code for reason in found[event].refusals] == ["not_authorised"]
    assert desk.refused(title, "approve_award", desk.finance) == {"evidence_missing"}


def test_what_is_approved_and_blocked_may_be_released(desk: Bureau, case: str) -> None:
    title = desk.act(case, "endorse", LEAD).opened["incubator"]
    first = {"kind": "recognition", "year": 2021, "instalment": 1}
    desk.act(title, "approve_award", CHEN, **first)
    assert "release_award" not in offered(desk, title)
    desk.act(title, "propose_revocation", CLERK, ground="弄虚作假", article="三（四）")
    found = {possible.event: possible for possible in desk.workflow.allowed_events(title, by=CASHIER)}
    assert found["release_award"].allowed


def test_only_a_case_that_hands_materials_in_has_a_checklist(desk: Bureau, case: str) -> None:
    title = desk.act(case, "endorse", LEAD).opened["incubator"]
    assert [one.handed_in for one in desk.workflow.dossier(case, reader=CLERK).materials] == [True] * 4
    assert desk.workflow.dossier(title, reader=CLERK).materials == ()
