"""The yearly assessments and the docket over HTTP: how far a round has come, what stands in its way, what falls due."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import icalendar
import pytest

from kjfh_workflow import Actor
from kjfh_workflow.casework.views.ics import to_ics
from tests.api import Api
from tests.bureau import YUYAO_USCC, Bureau, uscc
from tests.test_api_books import as_json, read
from tests.test_books import LEAD_CIXI, registered

ROUND = "/v1/rounds/cixi/2022"
CIXI_AUDITOR = Actor.of("auditor", "auditor", "yuyao")


def titles(office: Bureau, count: int) -> list[str]:
    """Titles of Cixi's, by id, on the day on which their year's assessment may be opened."""
    found = sorted(registered(office, number) for number in range(1, count + 1))
    office.on(date(2022, 12, 1))
    return found


def opened(office: Bureau, count: int = 4) -> list[str]:
    """The same, under assessment."""
    found = titles(office, count)
    office.workflow.rounds.open("cixi", 2022, by=LEAD_CIXI)
    return found


def grade(office: Bureau, case: str, name: str, score: int = 0, **more: Any) -> None:
    evidence = {"grade": name, **({"score": score} if score else {}), **more}
    office.act(case, "propose_grade", office.cixi_clerk, **evidence)


def operator_of(number: int) -> Actor:
    return Actor.of(f"op-{number}", "applicant", "cixi", uscc=uscc(number))


def strangers() -> list[Actor]:
    """People of another city, and applicants who own nothing here."""
    return [
        *(Actor.of("x", role, "yuyao") for role in ("tech_clerk", "tech_lead", "finance", "admin")),
        Actor.of("y", "applicant", "yuyao", uscc=YUYAO_USCC),
        Actor.of("z", "applicant", "cixi", uscc=uscc(79)),
    ]


def codes(answer: Any) -> list[str]:
    return [refusal["code"] for refusal in answer.json()["refusals"]]


# ---- how far a round has come --------------------------------------------------------------------------------------


def test_a_round_says_in_one_answer_how_far_it_has_come(api: Api, bureau: Bureau) -> None:
    one, two, three, four = opened(bureau)
    operator = Actor.of("op", "applicant", "cixi", uscc=bureau.workflow.case(one).case.uscc)
    bureau.act(one, "report_year", operator, report="运营正常")
    grade(bureau, one, "excellent", 95)
    grade(bureau, two, "not_graded", reason="deferred")
    bureau.act(three, "propose_revocation", bureau.cixi_clerk, ground="不再符合条件", article="三（四）")
    answer = api.get(ROUND, bureau.cixi_clerk)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["city_label"], found["closed"]) == ("慈溪市", None)
    assert found["opened"] == {
        "city": "cixi", "year": 2022, "act": "open_round", "on": "2022-12-01", "by": LEAD_CIXI.name,
        "titles": {"2021-01-01": 4}, "members": 4,
    }  # fmt: skip
    counts = {name: found[name] for name in ("members", "reported", "graded", "ungraded", "left")}
    assert counts == {"members": 4, "reported": 1, "graded": 2, "ungraded": 1, "left": 1}
    assert [(one["grade"], one["count"]) for one in found["grades"]] == [("excellent", 1), ("not_graded", 1)]
    (quota,) = found["quotas"]
    assert {name: quota[name] for name in ("grade", "one_in", "titles", "allowed", "used", "refusals")} == {
        "grade": "excellent", "one_in": 3, "titles": 4, "allowed": 1, "used": 1, "refusals": [],
    }  # fmt: skip
    assert quota["grade_label"] == "优秀"
    assert [standing["case"] for standing in found["standings"]] == [one, two, three, four]
    first, _, third, last = found["standings"]
    assert (first["reported_on"], first["grade_label"], first["score"]) == ("2022-12-01", "优秀", "95")
    assert (third["assessed"], third["state"], third["state_label"]) == (
        False,
        "revocation_proposed",
        "拟取消资格，陈述申辩期",
    )
    assert (last["assessed"], last["grade"], last["reported_on"]) == (True, "", None)


def test_too_many_of_the_best_grade_and_ties_are_told(quick: Api, desk: Bureau) -> None:
    one, two, *_ = opened(desk)
    grade(desk, one, "excellent", 95)
    grade(desk, two, "qualified", 95)
    (quota,) = quick.get(ROUND, desk.cixi_clerk).json()["quotas"]
    assert [refusal["code"] for refusal in quota["refusals"]] == ["quota_exceeded"]
    assert "95" in quota["refusals"][0]["message"]
    grade(desk, two, "excellent", 95)
    (quota,) = quick.get(ROUND, desk.cixi_clerk).json()["quotas"]
    assert (quota["allowed"], quota["used"], len(quota["refusals"])) == (1, 2, 1)


def test_a_closed_round_says_what_was_decided(api: Api, bureau: Bureau) -> None:
    for number, case in enumerate(opened(bureau)):
        grade(bureau, case, "qualified" if number else "excellent")
    bureau.workflow.rounds.close("cixi", 2022, by=LEAD_CIXI)
    found = api.get(ROUND, bureau.cixi_clerk).json()
    assert found["closed"]["act"] == "close_round"
    assert (found["graded"], found["ungraded"], found["left"]) == (4, 0, 0)
    assert [(one["grade_label"], one["count"]) for one in found["grades"]] == [("优秀", 1), ("合格", 3)]
    assert (found["quotas"][0]["used"], found["quotas"][0]["refusals"]) == (1, [])
    (entry,) = api.get("/v1/rounds", bureau.cixi_clerk).json()["items"]
    assert (entry["opened"], entry["closed"]) == (found["opened"], found["closed"])


def test_the_incubators_of_a_round_are_read_page_by_page(api: Api, bureau: Bureau) -> None:
    cases = opened(bureau, 5)
    page = api.get(ROUND, bureau.cixi_clerk, limit=2).json()
    found, after = [one["case"] for one in page["standings"]], page["next"]
    while after:
        answer = api.get(f"{ROUND}/standings", bureau.cixi_clerk, limit=2, after=after).json()
        found += [one["case"] for one in answer["items"]]
        after = answer["next"]
    assert found == cases


def test_the_rounds_are_listed_oldest_first(quick: Api, desk: Bureau) -> None:
    opened(desk, 1)
    desk.on(date(2023, 12, 1)).workflow.rounds.open("cixi", 2023, by=LEAD_CIXI)
    found = quick.get("/v1/rounds", desk.cixi_clerk).json()
    assert [(one["city"], one["city_label"], one["year"], one["closed"]) for one in found["items"]] == [
        ("cixi", "慈溪市", 2022, None),
        ("cixi", "慈溪市", 2023, None),
    ]
    assert quick.get("/v1/rounds", CIXI_AUDITOR, city="cixi").json() == found


# ---- opening and closing -------------------------------------------------------------------------------------------


def test_a_round_is_opened_and_closed_once_per_key(api: Api, bureau: Bureau) -> None:
    cases = titles(bureau, 3)
    first = api.post(f"{ROUND}/events/open_round", LEAD_CIXI, idempotency_key="o1")
    assert first.status_code == 200, first.text
    assert api.post(f"{ROUND}/events/open_round", LEAD_CIXI, idempotency_key="o1").json() == first.json()
    again = api.post(f"{ROUND}/events/open_round", LEAD_CIXI, idempotency_key="o2")
    assert (again.status_code, codes(again)) == (422, ["round_exists"])
    for case in cases:
        grade(bureau, case, "qualified")
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(api.post, f"{ROUND}/events/close_round", LEAD_CIXI, idempotency_key="c1") for _ in "123"]
    answers = [one.result() for one in asked]
    assert [answer.status_code for answer in answers] == [200] * 3, answers[0].text
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert [one.act for one in bureau.workflow.rounds.history("cixi")] == ["open_round", "close_round"]
    assert api.post("/v1/rounds/cixi/2021/events/close_round", LEAD_CIXI, idempotency_key="c1").status_code == 409
    assert bureau.workflow.verify().problems == []


def test_what_stands_in_the_way_is_told_before_anybody_presses(api: Api, bureau: Bureau) -> None:
    one, two, *rest = opened(bureau)
    grade(bureau, one, "excellent", 95)
    grade(bureau, two, "excellent", 90)
    versions = [bureau.workflow.case(case).case.version for case in (one, two)]
    told = api.post(f"{ROUND}/previews/close_round", LEAD_CIXI)
    assert told.status_code == 200, told.text
    assert sorted(codes(told)) == ["quota_exceeded", "ungraded", "ungraded"]
    refused = api.post(f"{ROUND}/events/close_round", LEAD_CIXI)
    assert (refused.status_code, refused.json()["refusals"]) == (422, told.json()["refusals"])
    for case in (two, *rest):
        grade(bureau, case, "qualified")
    assert codes(api.post(f"{ROUND}/previews/close_round", LEAD_CIXI)) == []
    assert bureau.workflow.case(one).case.version == versions[0], "nothing is kept of it"
    assert bureau.state(two) == "under_assessment"
    assert [one.act for one in bureau.workflow.rounds.history("cixi")] == ["open_round"]
    assert codes(api.post(f"{ROUND}/previews/close_round", bureau.cixi_clerk)) == ["not_authorised"]
    assert api.post(f"{ROUND}/events/close_round", LEAD_CIXI).status_code == 200
    assert codes(api.post(f"{ROUND}/previews/close_round", LEAD_CIXI)) == ["round_not_open"]


def test_only_the_citys_leaders_open_and_close(quick: Api, desk: Bureau) -> None:
    titles(desk, 1)
    for who in (desk.cixi_clerk, operator_of(1), CIXI_AUDITOR, *strangers()):
        for event in ("open_round", "close_round"):
            answer = quick.post(f"{ROUND}/events/{event}", who)
            assert answer.status_code == 403, (who, answer.text)
    assert desk.workflow.rounds.history() == []


# ---- who sees what -------------------------------------------------------------------------------------------------


def test_strangers_see_no_round(quick: Api, desk: Bureau) -> None:
    opened(desk, 2)
    for stranger in strangers():
        assert quick.get("/v1/rounds", stranger).json()["items"] == []
        assert quick.get(ROUND, stranger).status_code == 404
        assert quick.get(f"{ROUND}/standings", stranger).json() == {"items": [], "next": None}
        assert quick.post(f"{ROUND}/previews/close_round", stranger).status_code == 404
        assert quick.get("/v1/docket", stranger, days=3650).json()["items"] == []
    for stranger in strangers()[:-2]:
        assert quick.get("/v1/rounds", stranger, city="cixi").status_code == 404
    assert quick.client.get(ROUND).status_code == 401


def test_an_operator_sees_its_own_incubator_in_a_round_and_no_other(quick: Api, desk: Bureau) -> None:
    opened(desk, 3)
    answer = quick.get(f"{ROUND}/standings", operator_of(2)).json()
    assert [one["uscc"] for one in answer["items"]] == [uscc(2)]
    assert quick.get("/v1/rounds", operator_of(2)).json()["items"] == []
    assert quick.get(ROUND, operator_of(2)).status_code == 404


def test_the_librarys_own_lists_ask_who_reads(desk: Bureau) -> None:
    cases = opened(desk, 2)
    rounds = desk.workflow.rounds
    assert rounds.roster("cixi", 2022, reader=desk.cixi_clerk) == cases == rounds.roster("cixi", 2022)
    assert rounds.history(reader=desk.clerk) == []
    assert rounds.history(reader=desk.cixi_clerk) == rounds.history()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/rounds/cixi/2021", 404),
        ("/v1/rounds/cixi/1999", 422),
        ("/v1/rounds/cixi/99999999999999", 422),
        ("/v1/rounds/nowhere/2022", 404),
        ("/v1/rounds/%00/2022", 422),
        ("/v1/rounds?city=nowhere", 404),
        ("/v1/rounds/cixi/2022/standings?after=%00", 422),
        ("/v1/rounds/cixi/2022/standings?limit=501", 422),
        ("/v1/docket?days=0", 422),
        ("/v1/docket?days=3651", 422),
        ("/v1/docket?city=nowhere", 404),
        ("/v1/docket?after=%00", 422),
        ("/v1/docket.ics?days=x", 422),
        ("/v1/docket.ics?city=nowhere", 404),
    ],
)
def test_wrong_cities_years_and_days_are_told(api: Api, bureau: Bureau, path: str, status: int) -> None:
    answer = read(api, path, bureau.cixi_clerk)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


# ---- the docket ----------------------------------------------------------------------------------------------------


def on_the_docket(office: Bureau, count: int) -> None:
    """Applications that wait for the office."""
    for number in range(1, count + 1):
        operator = Actor.of(f"op-{number}", "applicant", "yuyao", name=f"第{number}家公司", uscc=uscc(number))
        office.act(office.submit(operator).case, "accept", office.clerk)
        office.on(office.workflow.today + timedelta(days=1))


def test_the_docket_says_over_http_what_the_library_says(api: Api, bureau: Bureau) -> None:
    on_the_docket(bureau, 3)
    docket = bureau.workflow.docket(days=60, reader=bureau.clerk)
    found = api.get("/v1/docket", bureau.clerk, days=60).json()
    assert (found["today"], found["until"]) == (docket.today.isoformat(), docket.until.isoformat())
    assert (found["total"], found["next"], found["failing"]) == (len(docket.items), None, [])
    assert len(docket.items) == 3
    for answer, item in zip(found["items"], docket.items, strict=True):
        for name in ("due", "case", "kind", "kind_label", "state_label", "timer_label", "article", "who", "proof"):
            assert answer[name] == as_json(getattr(item, name)), name
        assert answer["ends"]["words"] == item.ends.words
        assert len(answer["ends"]["steps"]) == len(item.ends.steps)


def test_a_long_docket_is_read_page_by_page(quick: Api, desk: Bureau) -> None:
    on_the_docket(desk, 4)
    desk.on(date(2021, 6, 1))
    whole = desk.workflow.docket(reader=desk.clerk).items
    found: list[tuple[str, str]] = []
    after = ""
    while True:
        page = quick.get("/v1/docket", desk.clerk, limit=3, after=after).json()
        assert (page["total"], page["overdue"]) == (len(whole), sum(item.overdue for item in whole))
        found += [(item["due"], item["case"]) for item in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert found == [(item.due.isoformat(), item.case) for item in whole]
    assert quick.get("/v1/docket", desk.clerk, after=after.replace("2021", "2099", 1)).json()["items"] == []


def test_applicants_have_only_their_own_on_the_docket(quick: Api, desk: Bureau) -> None:
    on_the_docket(desk, 2)
    own = Actor.of("op-1", "applicant", "yuyao", uscc=uscc(1))
    assert {item["uscc"] for item in quick.get("/v1/docket", own).json()["items"]} == {uscc(1)}
    events = icalendar.Calendar.from_ical(quick.get("/v1/docket.ics", own).content).events
    assert len(events) == 1


def test_the_docket_leaves_as_a_calendar(api: Api, bureau: Bureau) -> None:
    on_the_docket(bureau, 2)
    answer = api.get("/v1/docket.ics", bureau.clerk, days=60)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.content == to_ics(bureau.workflow.docket(days=60, reader=bureau.clerk))
