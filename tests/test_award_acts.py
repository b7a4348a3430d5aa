"""A row of the ledger carries its buttons: what may be done with the award, and what to send with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from kjfh_workflow import Actor
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.award_status import moves_awards
from tests.api import Api, served
from tests.bureau import Bureau
from tests.test_ledger import FIRST, Cixi

#: What an act on an award asks for besides naming it.
ASKS: dict[str, dict[str, Any]] = {
    "approve_award": {},
    "pay_award": {"paid_on": "2021-03-01", "voucher": "凭证1"},
    **{name: {"reason": "事由"} for name in ("release_award", "hold_award", "lapse_award", "reverse_award")},
}
#: Where an award stands → what Finance may do with it.
OFFERED = {
    "scheduled": {"lapse_award"},
    "proposed": {"approve_award", "hold_award", "lapse_award"},
    "held": {"release_award", "lapse_award"},
    "approved": {"pay_award", "hold_award", "lapse_award"},
    "paid": {"reverse_award"},
    "lapsed": set(),
    "reversed": set(),
}


@pytest.fixture
def cixi(bureau: Bureau) -> Cixi:
    return Cixi(bureau)


@pytest.fixture
def api(cixi: Cixi) -> Iterator[Api]:
    with served(cixi.office) as found:
        yield found


@pytest.fixture
def quick(desk: Bureau) -> Cixi:
    return Cixi(desk)


@pytest.fixture
def fast(quick: Cixi) -> Iterator[Api]:
    with served(quick.office) as found:
        yield found


def rows(api: Api, by: Actor, **query: Any) -> list[dict[str, Any]]:
    answer = api.get("/v1/ledger", by, **query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


def offered(row: dict[str, Any]) -> set[str]:
    return {event["event"] for event in row["events"]}


def in_every_status(cixi: Cixi) -> None:
    """Titles whose first instalment has come as far as it can."""
    cixi.recognised(1)
    cixi.approved(2)
    cixi.paid(3)
    reason = {**FIRST, "reason": "事由"}
    for number, event in ((4, "hold_award"), (5, "lapse_award")):
        cixi.office.act(cixi.recognised(number), event, cixi.finance, **reason)
    cixi.office.act(cixi.paid(6), "reverse_award", cixi.cashier, **reason)


def test_an_award_offers_what_may_be_done_with_it_where_it_stands(api: Api, cixi: Cixi) -> None:
    in_every_status(cixi)
    found = rows(api, cixi.finance)
    assert {row["status"] for row in found} == {*OFFERED}
    assert [row["award"] for row in found if offered(row) != OFFERED[row["status"]]] == []
    labels = {event["event"]: event["label"] for row in found for event in row["events"]}
    assert labels["approve_award"] == "核定奖励"
    assert {*labels} == {*ASKS}


def test_nobody_else_is_offered_anything(fast: Api, quick: Cixi) -> None:
    in_every_status(quick)
    auditor = Actor.of("auditor", "auditor", "cixi")
    far = Actor.of("far", ("auditor", "finance"), "yuyao")
    for who in (quick.clerk, quick.lead, quick.operator(1), auditor, far):
        found = rows(fast, who)
        assert found
        assert not any(row["events"] for row in found), who
        assert all(row["evidence"]["kind"] for row in found)
    assert not any(row["events"] for row in quick.office.workflow.ledger.page().rows)


def test_a_row_can_be_sent_as_it_stands(api: Api, cixi: Cixi) -> None:
    case = cixi.recognised()
    for event, status in (("approve_award", "approved"), ("pay_award", "paid"), ("reverse_award", "reversed")):
        row = rows(api, cixi.finance, case=case)[0]
        assert event in offered(row)
        by = cixi.cashier if event == "pay_award" else cixi.finance
        path, body = f"/v1/cases/{row['case']}/events/{event}", {"evidence": {**row["evidence"], **ASKS[event]}}
        done = api.post(path, by, body, if_match=f'"{row["version"]}"')
        assert done.status_code == 200, done.text
        assert rows(api, cixi.finance, case=case)[0]["status"] == status
        assert api.post(path, by, body, if_match=f'"{row["version"]}"').status_code == 412, "it has moved since"


def test_a_promotion_is_named_by_its_level(fast: Api, quick: Cixi) -> None:
    case = quick.recognised()
    for level in ("ningbo", "province"):
        quick.promoted(case, level, quick.office.workflow.today)
    found = {row["award"]: row for row in rows(fast, quick.finance, case=case, year=2021)}
    named = {row["evidence"]["level"] for row in found.values() if row["kind"] == "promotion"}
    assert named == {"ningbo", "province"}
    assert "level" not in found["recognition/2021/1"]["evidence"]
    (upper,) = [row for award, row in found.items() if award.endswith("/province")]
    held = {"evidence": {**upper["evidence"], "reason": "核实"}}
    assert fast.post(f"/v1/cases/{case}/events/hold_award", quick.finance, held).status_code == 200
    after = {row["award"]: row["status"] for row in rows(fast, quick.finance, case=case)}
    assert [award for award, status in after.items() if status == "held"] == [upper["award"]]


def test_what_is_offered_is_what_the_rule_lets_move(quick: Cixi, fast: Api) -> None:
    """Asked of every award and every event: by preview, with the selectors of the row and nothing else in the way."""
    in_every_status(quick)
    office = quick.office
    blocked = quick.approved(7)
    office.act(blocked, "propose_revocation", quick.clerk, ground="事由", article="三（四）")
    title = quick.approved(8)
    application = office.workflow.case(title).case.memory["opened_by"]
    assert application
    cheat = office.submit(quick.operator(8), city="cixi", type="incubator").case
    office.act(cheat, "find_fraud", quick.lead, finding="虚报")
    found = rows(fast, quick.finance)
    assert len(found) == 8 * 3
    for row in found:
        pack = office.workflow.catalog.pinned("cixi", "2021-01-01")
        events = {edge.event for edge in pack.machines[CaseKind.INCUBATOR].edges if moves_awards(edge)}
        assert events == {*ASKS}
        for event in events:
            body = {"evidence": {**row["evidence"], **ASKS[event]}}
            told = fast.post(f"/v1/cases/{row['case']}/previews/{event}", quick.finance, body).json()
            codes = {refusal["code"] for refusal in told["refusals"]}
            stands = not codes & {"award_not_in_that_status", "not_allowed_from_state"}
            assert stands == (event in offered(row)), (row["award"], row["status"], event, codes)
    waiting = {row["case"]: offered(row) for row in found if row["status"] == "approved"}
    assert "release_award" in waiting[blocked], "a blocked payment waits for a release"
    assert "release_award" in waiting[title], "so does one after a finding of fraud"


def test_what_was_on_file_on_a_past_day_offers_nothing(fast: Api, quick: Cixi) -> None:
    case = quick.approved()
    day = quick.office.workflow.today
    quick.office.on(date(2021, 4, 1))
    then = rows(fast, quick.finance, case=case, known=day)
    assert then
    assert not any(row["events"] for row in then)
    assert any(row["events"] for row in rows(fast, quick.finance, case=case))


def test_the_money_of_one_case_carries_the_same(api: Api, cixi: Cixi) -> None:
    case = cixi.approved()
    found = api.get(f"/v1/cases/{case}/ledger", cixi.finance).json()["tables"][0]["rows"]
    listed = rows(api, cixi.finance, case=case)
    assert [(row["evidence"], row["events"], row["version"]) for row in found] == [
        (row["evidence"], row["events"], row["version"]) for row in listed
    ]
    assert offered(found[0]) == OFFERED["approved"]
