"""The board of a year's assessment: what may be done, who would be in it, and that nobody closes what nobody saw."""

from __future__ import annotations

import threading
from datetime import date
from typing import Any

import pytest
from sqlalchemy import create_engine

from kjfh_workflow.errors import Moved
from tests.api import Api, as_
from tests.bureau import Bureau
from tests.test_api_rounds import CIXI_AUDITOR, ROUND, codes, grade, opened, strangers, titles
from tests.test_books import LEAD_CIXI, operator_of, registered


def board(api: Api, office: Bureau, who: Any = LEAD_CIXI) -> Any:
    answer = api.get(ROUND, who)
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == f'"{answer.json()["tag"]}"'
    return answer.json()


def tag(office: Bureau) -> str:
    return office.workflow.rounds.standing_of("cixi", 2022).tag


def events(found: Any) -> dict[str, tuple[bool, list[str]]]:
    return {one["event"]: (one["allowed"], [reason["code"] for reason in one["refusals"]]) for one in found["events"]}


# ---- nobody closes what nobody saw -----------------------------------------------------------------------------------


def test_every_row_can_be_acted_on_as_it_was_seen(api: Api, bureau: Bureau) -> None:
    opened(bureau, 2)
    found = board(api, bureau)
    listed = api.get(f"{ROUND}/standings", bureau.cixi_clerk).json()["items"]
    assert listed == found["standings"]
    row = listed[0]
    assert row["version"] == bureau.workflow.case(row["case"]).case.version
    path, evidence = f"/v1/cases/{row['case']}/events/propose_grade", {"evidence": {"grade": "qualified"}}
    first = api.post(path, bureau.cixi_clerk, evidence, if_match=f'"{row["version"]}"')
    assert first.status_code == 200, first.text
    assert api.post(path, bureau.cixi_clerk, evidence, if_match=f'"{row["version"]}"').status_code == 412


def test_a_grade_changed_since_the_board_was_read_keeps_the_round_open(api: Api, bureau: Bureau) -> None:
    one, *rest = opened(bureau, 3)
    for case in (one, *rest):
        grade(bureau, case, "qualified")
    seen = board(api, bureau)["tag"]
    grade(bureau, one, "excellent", 95)
    close = f"{ROUND}/events/close_round"
    late = api.post(close, LEAD_CIXI, if_match=f'"{seen}"', idempotency_key="c1")
    assert (late.status_code, late.json()["type"]) == (412, "urn:kjfh:problem:moved")
    assert bureau.state(one) == "under_assessment"
    assert [one.act for one in bureau.workflow.rounds.history("cixi")] == ["open_round"]
    seen = board(api, bureau)["tag"]
    done = api.post(close, LEAD_CIXI, if_match=f'"{seen}"', idempotency_key="c2")
    assert done.status_code == 200, done.text
    again = api.post(close, LEAD_CIXI, if_match=f'"{seen}"', idempotency_key="c2")
    assert again.json() == done.json(), "the same request has its first answer, though the round has moved by it"
    assert api.post(close, LEAD_CIXI, if_match=f'"{seen}"').status_code == 412


def test_who_is_not_let_in_is_not_told_whether_it_has_moved(quick: Api, desk: Bureau) -> None:
    opened(desk, 1)
    for who in (desk.cixi_clerk, *strangers()):
        assert quick.post(f"{ROUND}/events/close_round", who, if_match=f'"{"0" * 64}"').status_code == 403


@pytest.mark.parametrize("given", ["4", '"4"', "moved", '"0"', f'"{"g" * 64}"'])
def test_what_is_no_rounds_etag_is_not_taken_for_one(quick: Api, desk: Bureau, given: str) -> None:
    (case,) = opened(desk, 1)
    grade(desk, case, "qualified")
    answer = quick.post(f"{ROUND}/events/close_round", LEAD_CIXI, if_match=given)
    assert answer.status_code == 422, answer.text
    assert quick.post(f"{ROUND}/events/close_round", LEAD_CIXI, if_match="*").status_code == 200


def test_the_tag_is_another_one_after_every_act_in_the_round_and_only_then(bureau: Bureau) -> None:
    one, two = opened(bureau, 2)
    bureau.on(date(2022, 12, 2))
    tags = [tag(bureau)]
    for act in (
        lambda: bureau.act(one, "report_year", operator_of(bureau, one), report="正常"),
        lambda: grade(bureau, one, "qualified", 75),
        lambda: grade(bureau, one, "qualified", 76),
        lambda: bureau.act(two, "propose_revocation", bureau.cixi_clerk, ground="事由", article="三（四）"),
    ):
        act()
        tags.append(tag(bureau))
    assert len({*tags}) == len(tags)
    registered(bureau, 30)
    bureau.workflow.rounds.preview_close("cixi", 2022, by=LEAD_CIXI)
    assert tag(bureau) == tags[-1]
    bureau.workflow.rounds.close("cixi", 2022, by=LEAD_CIXI)
    assert tag(bureau) != tags[-1]


def test_a_round_without_incubators_is_closed_once_by_what_was_seen(desk: Bureau) -> None:
    desk.on(date(2022, 12, 1))
    desk.workflow.rounds.open("cixi", 2022, by=LEAD_CIXI)
    seen = tag(desk)
    desk.workflow.rounds.close("cixi", 2022, by=LEAD_CIXI, expected_tag=seen)
    with pytest.raises(Moved):
        desk.workflow.rounds.close("cixi", 2022, by=LEAD_CIXI, expected_tag=seen)


def test_a_grade_that_is_being_changed_while_somebody_closes_is_waited_for(postgres_url: str) -> None:
    bureau = Bureau(postgres_url)
    one, two = opened(bureau, 2)
    grade(bureau, one, "qualified")
    grade(bureau, two, "qualified")
    seen, told = tag(bureau), list[Exception]()

    def close() -> None:
        try:
            bureau.workflow.rounds.close("cixi", 2022, by=LEAD_CIXI, expected_tag=seen)
        except Moved as error:
            told.append(error)

    engine = create_engine(bureau.workflow._database.engine.url)
    closing = threading.Thread(target=close)
    with engine.begin() as host:
        again = {"grade": "excellent", "score": 90}
        bureau.workflow.perform(two, "propose_grade", by=bureau.cixi_clerk, evidence=again, connection=host)
        closing.start()
        closing.join(0.5)
        assert closing.is_alive(), "it waits for what is not committed yet"
    closing.join(30)
    assert len(told) == 1
    assert bureau.state(one) == "under_assessment"
    engine.dispose()
    bureau.workflow.close()


# ---- what may be done ------------------------------------------------------------------------------------------------


def test_the_board_says_what_its_reader_may_do_and_why_not(api: Api, bureau: Bureau) -> None:
    one, two, *rest = opened(bureau)
    grade(bureau, one, "excellent", 95)
    grade(bureau, two, "excellent", 90)
    found = board(api, bureau)
    assert events(found) == {
        "open_round": (False, ["round_exists"]),
        "close_round": (False, ["ungraded", "ungraded", "quota_exceeded"]),
    }
    told = api.post(f"{ROUND}/previews/close_round", LEAD_CIXI).json()["refusals"]
    closing = next(event for event in found["events"] if event["event"] == "close_round")
    assert closing["refusals"] == told
    assert (closing["label"], closing["article"]) == ("确定考核等次", "三（四）")
    for case in (two, *rest):
        grade(bureau, case, "qualified")
    assert events(board(api, bureau))["close_round"] == (True, [])
    for who, code in ((bureau.cixi_clerk, "not_authorised"), (CIXI_AUDITOR, "other_city")):
        assert events(board(api, bureau, who)) == {name: (False, [code]) for name in ("open_round", "close_round")}
    assert api.post(f"{ROUND}/events/close_round", LEAD_CIXI).status_code == 200
    assert events(board(api, bureau))["close_round"] == (False, ["round_not_open"])


def test_a_deadline_for_rectifying_that_has_passed_stands_in_the_way(quick: Api, desk: Bureau) -> None:
    (case,) = opened(desk, 1)
    grade(desk, case, "unqualified", rectify_by=date(2022, 12, 20))
    assert events(board(quick, desk))["close_round"] == (True, [])
    desk.on(date(2022, 12, 20))
    found = board(quick, desk)
    assert events(found)["close_round"] == (False, ["evidence_invalid"])
    told = quick.post(f"{ROUND}/previews/close_round", LEAD_CIXI).json()["refusals"]
    assert [event["refusals"] for event in found["events"] if event["event"] == "close_round"] == [told]


def test_of_very_many_reasons_the_first_are_told(quick: Api, desk: Bureau) -> None:
    opened(desk, 52)
    found = board(quick, desk)
    assert (found["ungraded"], len(events(found)["close_round"][1])) == (52, 50)
    assert len(codes(quick.post(f"{ROUND}/previews/close_round", LEAD_CIXI))) == 52


# ---- before it is opened ---------------------------------------------------------------------------------------------


def test_who_would_be_in_a_round_is_told_before_it_is_opened(api: Api, bureau: Bureau) -> None:
    cases = titles(bureau, 4)
    registered(bureau, 20, decided_on=date(2022, 11, 1))
    away = registered(bureau, 21)
    bureau.act(away, "propose_revocation", bureau.cixi_clerk, ground="事由", article="三（四）")
    answer = api.post(f"{ROUND}/previews/open_round", LEAD_CIXI)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["city_label"], told["year"], told["refusals"], told["article"]) == ("慈溪市", 2022, [], "三（四）")
    assert bureau.workflow.rounds.history("cixi") == [], "nothing is kept of it"
    assert bureau.state(cases[0]) == "recognized"
    act = bureau.workflow.rounds.open("cixi", 2022, by=LEAD_CIXI)
    roster = bureau.workflow.rounds.roster("cixi", 2022)
    assert [one["case"] for one in told["roster"]] == roster
    assert roster == cases, "who was recognised this year is assessed from the next one on"
    assert (told["titles"], told["members"]) == (act.titles, act.members) == ({"2021-01-01": 6}, 4)
    (quota,) = api.get(ROUND, LEAD_CIXI).json()["quotas"]
    assert told["quotas"] == [quota], "how many may be excellent stands with the titles of the day"
    again = api.post(f"{ROUND}/previews/open_round", LEAD_CIXI).json()
    assert ([one["code"] for one in again["refusals"]], again["roster"]) == (["round_exists"], [])


def test_a_long_roster_is_previewed_in_part(quick: Api, desk: Bureau) -> None:
    cases = titles(desk, 3)
    answer = quick.client.post(f"{ROUND}/previews/open_round", params={"limit": 2}, headers=as_(LEAD_CIXI)).json()
    assert ([one["case"] for one in answer["roster"]], answer["members"]) == (cases[:2], 3)


def test_why_it_cannot_be_opened_is_told_beforehand(quick: Api, desk: Bureau) -> None:
    titles(desk, 1)
    path = f"{ROUND}/previews/open_round"
    assert codes(quick.post(path, desk.cixi_clerk)) == ["not_authorised"]
    assert codes(quick.post(path, CIXI_AUDITOR)) == ["other_city"]
    assert codes(quick.post("/v1/rounds/cixi/2019/previews/open_round", LEAD_CIXI)) == ["evidence_invalid"]
    for stranger in strangers():
        assert quick.post(path, stranger).status_code == 404
    assert quick.post("/v1/rounds/nowhere/2022/previews/open_round", LEAD_CIXI).status_code == 404
