"""Cases over HTTP: found, shown in one glance, as they were; and acts with their keys, versions and refusals."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from kjfh_workflow import Actor
from tests.api import Api, as_
from tests.bureau import Bureau, uscc


def operator(number: int) -> Actor:
    """One of several operators."""
    return Actor.of(f"op{number}", "applicant", "yuyao", name=f"余姚第{number}众创有限公司", uscc=uscc(number))


def ids(api: Api, by: Actor, **params: Any) -> list[str]:
    """The cases of a list, page by page."""
    found: list[str] = []
    after = ""
    while True:
        page = api.get("/v1/cases", by, **params, after=after).json()
        found += [row["id"] for row in page["items"]]
        if page["next"] is None:
            return found
        after = page["next"]


# ---- finding -----------------------------------------------------------------------------------------------------


def test_every_case_is_listed_once_in_either_order_page_by_page(api: Api, bureau: Bureau) -> None:
    opened = [bureau.on(date(2021, 3, 1 + n)).submit(operator(n), type="makerspace").case for n in range(5)]
    bureau.on(date(2021, 3, 9)).act(opened[1], "accept", bureau.clerk)
    assert ids(api, bureau.clerk, limit=2) == opened[::-1]
    assert ids(api, bureau.clerk, limit=2, sort="id") == opened
    assert ids(api, bureau.clerk, limit=1, sort="-changed_at")[0] == opened[1]
    assert ids(api, bureau.clerk, limit=2, sort="changed_at") == [*opened[:1], *opened[2:], opened[1]]
    key = api.get("/v1/cases", bureau.clerk, limit=2, sort="changed_at").json()["next"]
    assert api.get("/v1/cases", bureau.clerk, sort="-changed_at", after=key).status_code == 422


def test_cases_are_found_by_what_people_know_of_them(api: Api, bureau: Bureau) -> None:
    first, second = (bureau.submit(operator(n), type="makerspace").case for n in (1, 2))
    bureau.act(second, "accept", bureau.clerk)
    clerk = bureau.clerk
    assert ids(api, clerk, text="第1众创") == ids(api, clerk, text=uscc(1)[:12] + uscc(1)[12:]) == [first]
    assert ids(api, clerk, text=second[:-2]) == [second]
    assert ids(api, clerk, text="100%_") == ids(api, clerk, text="没有这家") == []
    assert ids(api, clerk, state=["preliminary_review", "joint_finance_review"]) == [second]
    assert ids(api, clerk, kind="incubator") == []
    assert {*ids(api, clerk, kind=["application", "incubator"], city="yuyao", type="makerspace")} == {first, second}
    row = api.get("/v1/cases", clerk, uscc=uscc(2)).json()["items"][0]
    assert (row["state_label"], row["kind_label"], row["city_label"], row["final"]) == (
        "科技局初审", "申请", "余姚市", False,
    )  # fmt: skip
    assert (row["deadline"]["timer"], row["deadline"]["due"]) == ("review_due", "2021-03-29")


@pytest.mark.parametrize(
    "params",
    [
        {"kind": "nothing"}, {"state": "nothing"}, {"sort": "name"}, {"limit": 0}, {"limit": 501},
        {"after": "nonsense#"},
        {"changed_since": "yesterday"}, {"text": "x" * 101}, {"level": "world"}, {"text": "\x00"},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_searched_for_is_said(quick: Api, desk: Bureau, params: dict[str, Any]) -> None:
    answer = quick.get("/v1/cases", desk.clerk, **params)
    if answer.status_code == 200:  # a text that nothing has, and a key behind everything, find nothing
        assert answer.json()["items"] == []
    else:
        assert (answer.status_code, bool(answer.json()["problems"])) == (422, True), answer.text


def test_a_list_shows_what_its_reader_may_see(quick: Api, desk: Bureau) -> None:
    mine = desk.submit(operator(1), type="makerspace").case
    desk.submit(operator(2), type="makerspace")
    assert ids(quick, operator(1)) == [mine]
    assert ids(quick, desk.cixi_clerk) == []
    assert len(ids(quick, desk.auditor)) == 2
    assert quick.get("/v1/cases", desk.clerk, city="nowhere").status_code == 404


# ---- one case ----------------------------------------------------------------------------------------------------


def test_a_case_is_shown_whole_with_the_forms_of_its_events(api: Api, bureau: Bureau) -> None:
    case = bureau.reviewed()
    bureau.workflow.files.attach(case, "plan.pdf", [b"%PDF-1.7\n"], by=bureau.clerk)
    answer = api.get(f"/v1/cases/{case}", bureau.clerk)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    said = answer.json()
    assert (said["id"], said["state"], said["state_label"], said["version"]) == (
        case, "preliminary_review", "科技局初审", 2,
    )  # fmt: skip
    assert said["pinned"]["document_no"] == "余科〔2021〕2号"
    assert said["facts"]["operator"]["uscc"] == said["uscc"]
    assert {one["result_label"] for one in map(dict, said["computed"]["criteria"])}
    assert [entry["event"] for entry in said["timeline"]] == ["submit", "accept"]
    assert said["clocks"][0]["proof"]
    assert [file["name"] for file in said["files"]] == ["plan.pdf"]
    events = {one["event"]: one for one in said["events"]}
    assert events["pass_preliminary"]["allowed"]
    missing = next(field for field in events["return_for_correction"]["fields"] if field["name"] == "missing")
    assert (missing["shape"], missing["required"]) == ("texts", True)
    assert not events["withdraw"]["allowed"]
    assert events["withdraw"]["refusals"][0]["code"] == "not_authorised"


def test_a_title_shows_its_story_money_and_children(quick: Api, desk: Bureau) -> None:
    _, title = desk.recognised()
    evidence = {"what": ["site"], "occurred_on": "2021-02-20"}
    desk.workflow.open_case("change", "report_change", by=desk.operator, parent=title, evidence=evidence)
    said = quick.get(f"/v1/cases/{title}", desk.clerk).json()
    assert said["story"]["recognised_on"] == "2021-03-01"
    assert [child["kind"] for child in said["children"]] == ["change"]
    assert said["children_count"] == 1
    assert {one["opens"] for one in said["events"]} >= {"promotion", "tenancy"}
    child = quick.get(f"/v1/cases/{said['children'][0]['id']}", desk.clerk).json()
    assert child["parent"]["id"] == title
    book = quick.get(f"/v1/cases/{title}/ledger", desk.clerk).json()
    assert [table["title"] for table in book["tables"]] == ["奖励台账", "台账变动"]


def test_a_case_is_shown_as_it_was(quick: Api, desk: Bureau) -> None:
    case = desk.submit().case
    desk.on(date(2021, 3, 8)).act(case, "accept", desk.clerk)
    past = quick.get(f"/v1/cases/{case}/past", desk.clerk, known="2021-03-05").json()
    assert (past["state"], past["version"]) == ("applied", 1)
    now = quick.get(f"/v1/cases/{case}/past", desk.clerk).json()
    assert (now["state"], [clock["timer"] for clock in now["clocks"]]) == ("preliminary_review", ["review_due"])
    assert quick.get(f"/v1/cases/{case}/past", desk.clerk, on="2021-02-30").status_code == 422


def test_the_first_screen_counts_and_names_what_waits(quick: Api, desk: Bureau) -> None:
    case = desk.reviewed()
    seen = quick.get("/v1/desk", desk.clerk).json()
    assert [(one["state"], one["count"]) for one in seen["counts"]] == [("preliminary_review", 1)]
    assert [row["id"] for row in seen["due"]["cases"]] == [case]
    desk.on(date(2021, 4, 1))
    assert [row["id"] for row in quick.get("/v1/desk", desk.clerk).json()["overdue"]["cases"]] == [case]
    assert quick.get("/v1/desk", desk.cixi_clerk).json()["counts"] == []


def test_lists_are_filtered_by_whether_it_is_over_and_when_it_was_opened(api: Api, bureau: Bureau) -> None:
    over, title = bureau.recognised()
    bureau.on(date(2021, 4, 1))
    new = bureau.submit(operator(1), type="makerspace").case
    clerk = bureau.clerk
    assert (ids(api, clerk, open="false"), {*ids(api, clerk, open="true")}) == ([over], {title, new})
    assert ids(api, clerk, open="true", limit=1) == ids(api, clerk, open="true")
    assert ids(api, clerk, opened_since="2021-03-02") == ids(api, clerk, text=uscc(1), open="true") == [new]
    assert {*ids(api, clerk, opened_until="2021-03-31", sort="changed_at")} == {over, title}
    assert api.get("/v1/cases", clerk, opened_since="1066-10-14").status_code == 422


def test_somebody_learns_what_they_are_called_here(quick: Api, desk: Bureau) -> None:
    both = Actor.of("both", ("tech_lead", "finance"), "yuyao")
    me = quick.get("/v1/me", both).json()
    assert (me["roles"], me["city_label"]) == (["tech_lead", "finance"], "余姚市")
    assert me["role_labels"] == {"tech_lead": "科技局负责人", "finance": "财政局"}
    far = quick.get("/v1/me", Actor.of("far", "auditor", "nowhere")).json()
    assert (far["role_labels"], far["city_label"]) == ({"auditor": "auditor"}, "nowhere")


# ---- acting ------------------------------------------------------------------------------------------------------


def test_an_act_sent_twice_under_one_key_happens_once(api: Api, bureau: Bureau) -> None:
    case = bureau.submit().case
    first, again = (
        api.post(f"/v1/cases/{case}/events/accept", bureau.clerk, idempotency_key="web-1") for _ in range(2)
    )
    assert (first.status_code, first.json()) == (200, again.json())
    assert bureau.workflow.case(case).case.version == 2
    other = api.post(f"/v1/cases/{case}/events/reject", bureau.lead, idempotency_key="web-1")
    assert (other.status_code, other.json()["type"]) == (409, "urn:kjfh:problem:request-reused")
    assert api.get("/v1/requests/web-1", bureau.clerk).status_code == 200


def test_who_has_not_seen_the_last_act_is_told(quick: Api, desk: Bureau) -> None:
    case = desk.reviewed()
    path = f"/v1/cases/{case}/events/pass_preliminary"
    body = {"evidence": {"findings": "all_met"}}
    assert quick.post(path, desk.clerk, body, if_match='"1"').status_code == 412
    assert quick.post(path, desk.clerk, body, if_match="2").status_code == 422
    done = quick.post(path, desk.clerk, body, if_match='"2"')
    assert (done.status_code, done.headers["etag"]) == (200, '"3"')


def test_a_preview_tells_and_keeps_nothing(quick: Api, desk: Bureau) -> None:
    case = desk.reviewed()
    told = quick.post(f"/v1/cases/{case}/previews/pass_preliminary", desk.clerk, {"evidence": {"findings": "all_met"}})
    assert told.json()["state"] == "joint_finance_review"
    refused = quick.post(f"/v1/cases/{case}/previews/endorse", desk.finance).json()
    assert [one["code"] for one in refused["refusals"]] == ["not_allowed_from_state"]
    assert desk.workflow.case(case).case.version == 2


def test_a_refusal_has_every_reason_with_its_article(quick: Api, desk: Bureau) -> None:
    case = desk.reviewed()
    answer = quick.post(f"/v1/cases/{case}/events/return_for_correction", desk.clerk)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["type"], problem["refusals"][0]["code"]) == ("urn:kjfh:problem:guard-refused", "evidence_missing")
    assert problem["refusals"][0]["field"] == "missing"
    assert answer.headers["x-request-id"] == problem["instance"]
    wrong = quick.post(f"/v1/cases/{case}/events/accept", desk.clerk)
    assert (wrong.status_code, "pass_preliminary" in wrong.json()["allowed"]) == (409, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"evidence": {"findings": "\xff"}}', 422), (b'{"evidence": {"missing": ["\\u0000"]}}', 422),
        (b'{"evidence": {"missing": ["\\ud800"]}}', 422), (b'{"evidence": {"missing": NaN}}', 422),
        (b'{"evidence": {"missing": 1e999}}', 422), (b"[]", 422), (b"", 422), (b'{"evidence": []}', 422),
        (b'{"surprise": 1}', 422), (b"[" * 50_000, 422), (b'{"evidence": {"working_days": %d}}' % 10**400, 422),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_and_changes_nothing(api: Api, bureau: Bureau, body: bytes, status: int) -> None:
    case = bureau.reviewed()
    headers = {**as_(bureau.clerk), "content-type": "application/json"}
    answer = api.client.post(f"/v1/cases/{case}/events/return_for_correction", content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert bureau.workflow.case(case).case.version == 2


def test_a_new_case_says_where_it_is(quick: Api, desk: Bureau) -> None:
    _, title = desk.recognised()
    body = {"kind": "change", "event": "report_change", "parent": title,
            "evidence": {"what": ["site"], "occurred_on": "2021-02-20"}}  # fmt: skip
    assert quick.post("/v1/previews", desk.operator, body).json()["state"] == "reported"
    opened = quick.post("/v1/cases", desk.operator, body)
    assert opened.status_code == 201
    assert opened.headers["location"] == f"/v1/cases/{opened.json()['case']}"
    assert quick.get(opened.headers["location"], desk.operator).status_code == 200
    assert quick.post("/v1/cases", desk.operator, {**body, "kind": "nothing"}).status_code == 422
    assert quick.post("/v1/cases", desk.operator, {**body, "parent": None}).status_code == 422


@pytest.mark.parametrize("evidence", [{"uscc": "\u0000"}, {"uscc": "\ud800"}, {"uscc": "９１"}, {"uscc": 7}], ids=ascii)
@pytest.mark.parametrize("kind", [("application", "submit"), ("incubator", "register_title")])
def test_what_no_database_takes_is_refused(api: Api, bureau: Bureau, kind: tuple[str, str], evidence: Any) -> None:
    body = {"kind": kind[0], "event": kind[1], "evidence": evidence}
    for by in (bureau.operator, bureau.lead):
        content = json.dumps(body).encode()
        answer = api.client.post("/v1/cases", content=content, headers={**as_(by), "content-type": "application/json"})
        assert answer.status_code in (403, 422), answer.text
    assert api.client.get("/v1/cases/x%00", headers=as_(bureau.clerk)).status_code in (404, 422)
    nul = api.client.post("/v1/cases/x%00/events/accept", json={}, headers=as_(bureau.clerk))
    assert nul.status_code == 422
    parent = {"kind": "change", "event": "report_change", "parent": "\u0000", "evidence": {}}
    assert api.post("/v1/cases", bureau.operator, parent).status_code == 422
