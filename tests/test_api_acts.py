"""Acting over HTTP: keys and versions, previews that leave no trace, refusals with their articles, any evidence.

What is found and shown is ``test_api_cases``'s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from kjfh_workflow import Actor, Outcome
from kjfh_workflow.casework.mail.notices import SPECIMEN
from kjfh_workflow.casework.views.foretold import foretold
from kjfh_workflow.policy.vocabulary import CaseKind, Field
from kjfh_workflow.store.schema import metadata
from tests.api import Api, as_
from tests.bureau import MATERIALS, Bureau, facts, uscc


def standing(bureau: Bureau) -> Any:
    """Changes with anything on file."""
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in sorted(metadata.tables))
    with bureau.workflow._database.reading() as tx:
        heads = tx.connection.execute(text("SELECT id, head, state FROM kjfh_cases ORDER BY id")).all()
        return tx.connection.execute(text(f"SELECT {counts}")).one(), heads


def application(who: Actor, **override: Any) -> dict[str, Any]:
    """The body that opens a strong application; sums as texts, for JSON has no exact numbers."""
    own = facts(override={"operator.uscc": who.uscc, "operator.name": who.name, **override})
    evidence = {"type": "incubator", "materials": MATERIALS["yuyao"], "facts": own}
    body = {"kind": "application", "event": "submit", "evidence": evidence}
    read: dict[str, Any] = json.loads(json.dumps(body, default=str))
    return read


def codes(answer: httpx.Response) -> list[str]:
    """The codes of a problem's refusals."""
    assert answer.headers["content-type"] == "application/problem+json"
    return [one["code"] for one in answer.json()["refusals"]]


# ---- keys ------------------------------------------------------------------------------------------------------------


def test_an_opening_sent_twice_opens_one_case(api: Api, bureau: Bureau) -> None:
    who = bureau.operator
    first, again = (api.post("/v1/cases", who, application(who), idempotency_key="open-1") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.headers["location"] == again.headers["location"]
    assert len(bureau.workflow.cases()) == 1


def test_a_key_means_one_act_by_one_person_with_one_body(api: Api, bureau: Bureau) -> None:
    case = bureau.reviewed()
    path = f"/v1/cases/{case}/events/return_for_correction"
    body = {"evidence": {"missing": ["租赁合同"]}}
    assert api.post(path, bureau.clerk, body, idempotency_key="k").status_code == 200
    before = standing(bureau)
    colleague = Actor.of("clerk-2", "tech_clerk", "yuyao")
    for by, other, where in (
        (bureau.clerk, {"evidence": {"missing": ["章程"]}}, path),
        (colleague, body, path),
        (bureau.clerk, body, f"/v1/cases/{case}/events/pass_preliminary"),
    ):
        answer = api.post(where, by, other, idempotency_key="k")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:kjfh:problem:request-reused")
    assert api.post("/v1/cases", bureau.operator, application(bureau.operator), idempotency_key="k").status_code == 409
    assert standing(bureau) == before


def test_a_refused_act_leaves_its_key_free(quick: Api, desk: Bureau) -> None:
    case = desk.reviewed()
    path = f"/v1/cases/{case}/events/return_for_correction"
    assert codes(quick.post(path, desk.clerk, idempotency_key="k")) == ["evidence_missing"]
    body = {"evidence": {"missing": ["租赁合同"]}}
    assert quick.post(path, desk.clerk, body, idempotency_key="k").status_code == 200


@pytest.mark.parametrize("key", ["", "x" * 129])
def test_a_key_that_cannot_be_kept_is_refused(quick: Api, desk: Bureau, key: str) -> None:
    case = desk.submit().case
    answer = quick.post(f"/v1/cases/{case}/events/accept", desk.clerk, idempotency_key=key)
    assert answer.status_code in (400, 422)
    assert desk.state(case) == "applied"


# ---- versions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ['"2"', 'W/"2"', "*"])
def test_who_has_seen_the_last_act_may_act(quick: Api, desk: Bureau, tag: str) -> None:
    case = desk.reviewed()
    body = {"evidence": {"findings": "all_met"}}
    path = f"/v1/cases/{case}/events/pass_preliminary"
    assert quick.post(path, desk.clerk, body, if_match=tag).status_code == 200


@pytest.mark.parametrize("tag", ["2", '"two"', '"1", "2"', '"-1"', '"' + "9" * 30 + '"', '""'])
def test_a_version_that_is_none_is_malformed(quick: Api, desk: Bureau, tag: str) -> None:
    case = desk.reviewed()
    answer = quick.post(f"/v1/cases/{case}/events/pass_preliminary", desk.clerk, if_match=tag)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:kjfh:problem:malformed")
    assert desk.state(case) == "preliminary_review"


def test_an_act_on_an_older_version_does_nothing(api: Api, bureau: Bureau) -> None:
    case = bureau.submit().case
    seen = api.get(f"/v1/cases/{case}", bureau.clerk).headers["etag"]
    bureau.act(case, "accept", bureau.clerk)
    before = standing(bureau)
    answer = api.post(f"/v1/cases/{case}/events/withdraw", bureau.operator, if_match=seen)
    assert (answer.status_code, answer.json()["type"]) == (412, "urn:kjfh:problem:moved")
    assert standing(bureau) == before
    now = api.get(f"/v1/cases/{case}", bureau.operator).headers["etag"]
    assert api.post(f"/v1/cases/{case}/events/withdraw", bureau.operator, if_match=now).status_code == 200


def test_a_request_that_has_been_answered_is_answered_whatever_version_it_names(quick: Api, desk: Bureau) -> None:
    case = desk.submit().case
    path = f"/v1/cases/{case}/events/accept"
    first, again = (quick.post(path, desk.clerk, if_match='"1"', idempotency_key="k") for _ in range(2))
    assert (first.status_code, again.status_code, first.json()) == (200, 200, again.json())


# ---- previews --------------------------------------------------------------------------------------------------------


def test_previews_leave_no_trace(api: Api, bureau: Bureau) -> None:
    case, title = bureau.recognised()
    change = {"kind": "change", "event": "report_change", "parent": title,
              "evidence": {"what": ["site"], "occurred_on": "2021-02-20"}}  # fmt: skip
    other = Actor.of("other", "applicant", "yuyao", name="余姚另家众创有限公司", uscc=uscc(61))
    before = standing(bureau)
    told = api.post("/v1/previews", other, application(other)).json()
    assert (told["state"], told["refusals"], [one["notice"] for one in told["notices"]]) == (
        "applied", [], ["application_received"],
    )  # fmt: skip
    assert api.post("/v1/previews", bureau.operator, change).json()["state"] == "reported"
    held = api.post("/v1/previews", bureau.operator, application(bureau.operator)).json()
    assert [one["code"] for one in held["refusals"]] == ["already_recognised"]
    revoke = {"evidence": {"ground": "事由", "article": "第十四条"}}
    told = api.post(f"/v1/cases/{title}/previews/propose_revocation", bureau.clerk, revoke).json()
    assert (told["state"], [one["timer"] for one in told["started"]]) == ("revocation_proposed", ["defence_window"])
    fraud = api.post(f"/v1/cases/{case}/previews/find_fraud", bureau.lead, {"evidence": {"finding": "虚报"}}).json()
    assert [one["code"] for one in fraud["refusals"]] == ["not_allowed_from_state"]
    assert standing(bureau) == before


def test_a_preview_is_for_who_may_see_the_case(quick: Api, desk: Bureau) -> None:
    case = desk.reviewed()
    assert quick.post(f"/v1/cases/{case}/previews/reject", desk.cixi_clerk).status_code == 404
    assert quick.post("/v1/cases/nowhere/previews/reject", desk.clerk).status_code == 404


# ---- what an act tells -----------------------------------------------------------------------------------------------


def test_what_an_act_did_is_told_as_the_timeline_tells_it(api: Api, bureau: Bureau) -> None:
    case = bureau.passed()
    bureau.act(case, "endorse", bureau.finance)
    done = api.post(f"/v1/cases/{case}/events/endorse", bureau.lead, idempotency_key="k").json()
    entry = api.get(f"/v1/cases/{case}", bureau.lead).json()["timeline"][-1]
    for name in ("event", "event_label", "source", "source_label", "version", "article", "started", "stopped",
                 "notices", "opened"):  # fmt: skip
        assert done[name] == entry[name], name
    assert (done["state"], done["state_label"]) == (entry["target"], entry["target_label"])
    assert (done["kind_label"], done["letters"]) == ("申请", [])
    [title] = done["opened"]
    assert (title["kind"], bureau.state(title["case"])) == ("incubator", "recognized")
    assert [one["label"] for one in done["stopped"]] != []
    assert api.get("/v1/requests/k", bureau.lead).json()["act"] == done


def test_criteria_that_an_act_rests_on_are_those_of_the_case_s_screen(quick: Api, desk: Bureau) -> None:
    case = desk.reviewed()
    body = {"evidence": {"findings": "all_met"}}
    told = quick.post(f"/v1/cases/{case}/previews/pass_preliminary", desk.clerk, body).json()
    done = quick.post(f"/v1/cases/{case}/events/pass_preliminary", desk.clerk, body).json()
    decided = quick.get(f"/v1/cases/{case}", desk.clerk).json()["decided"]
    assert done["evaluation"] == told["evaluation"] == decided
    assert {one["result_label"] for one in decided["criteria"]} == {"符合"}


def test_a_preview_shows_the_very_letters_that_the_act_then_sends(api: Api, bureau: Bureau) -> None:
    case = bureau.reviewed()
    body = {"evidence": {"missing": ["租赁合同", "章程"]}}
    told = api.post(f"/v1/cases/{case}/previews/return_for_correction", bureau.clerk, body).json()
    [letter] = told["letters"]
    assert (letter["notice"], letter["role"]) == ("correction_requested", "applicant")
    assert letter["label"] == told["notices"][0]["label"]
    api.post(f"/v1/cases/{case}/events/return_for_correction", bureau.clerk, body)
    [sent] = [one for one in bureau.workflow.case(case).notices if one["notice"] == "correction_requested"]
    for name in ("subject", "title", "body"):
        assert letter[name].replace(SPECIMEN, "") == sent[name]
    assert "租赁合同" in letter["body"]
    assert letter["number"] == f"{SPECIMEN}{sent['number']}"


def test_a_preview_shows_the_letters_about_other_cases_too(api: Api, bureau: Bureau) -> None:
    _, title = bureau.recognised()
    opening = {"kind": "change", "event": "report_change", "parent": title,
               "evidence": {"what": ["site"], "occurred_on": "2021-02-20"}}  # fmt: skip
    change = api.post("/v1/cases", bureau.operator, opening).json()["case"]
    visit = {"on": "2021-03-01", "visitors": ["王经办", "李经办"], "finding": "场地不符"}
    told = api.post(
        f"/v1/cases/{change}/previews/find_nonconforming", bureau.clerk, {"evidence": {"site_visit": visit}}
    ).json()
    assert told["refusals"] == []
    assert "revocation_proposed" in [letter["notice"] for letter in told["letters"]]


def test_a_preview_makes_no_ids_up(api: Api, bureau: Bureau) -> None:
    who = bureau.operator
    told = api.post("/v1/previews", who, application(who)).json()
    assert (told["case"], told["state"]) == ("", "applied")
    [letter] = told["letters"]
    assert f"案件编号：{SPECIMEN}\n" in letter["body"]
    assert re.findall(r"yuyao-\d{6}-", json.dumps(told)) == []
    case = bureau.passed()
    bureau.act(case, "endorse", bureau.finance)
    told = api.post(f"/v1/cases/{case}/previews/endorse", bureau.lead).json()
    [opened] = told["opened"]
    assert (opened["kind"], opened["kind_label"], opened["case"]) == ("incubator", "孵化器资格", "")
    assert {*re.findall(r"yuyao-\d{6}-\w{6}", json.dumps(told))} == {case}


def test_an_operator_is_not_shown_what_would_be_written_to_offices(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.on(date(2021, 6, 1))
    desk.workflow.tick()  # the review is overdue: the office is told, the operator is not
    view = desk.workflow.case(case)
    assert {one["role"] for one in view.notices if one["version"] == view.case.version} == {"tech_lead"}
    with desk.workflow._database.reading() as tx:
        done = Outcome(case, "escalate", view.case.state, view.case.state, view.case.version, "")
        shown = [len(foretold(tx, done, who, [view.case]).letters) for who in (desk.clerk, desk.operator)]
    assert shown == [1, 0]


def test_what_is_refused_is_told_with_its_labels(quick: Api, desk: Bureau) -> None:
    case = desk.reviewed()
    told = quick.post(f"/v1/cases/{case}/previews/endorse", desk.finance).json()
    assert (told["event_label"], told["state_label"], told["letters"]) == ("联合审核同意", "科技局初审", [])
    unknown = quick.post(f"/v1/cases/{case}/previews/nothing_like_it", desk.clerk).json()
    assert unknown["event_label"] == "nothing_like_it"
    nowhere = quick.post("/v1/previews", desk.clerk, application(desk.operator)).json()
    assert [one["code"] for one in nowhere["refusals"]] == ["not_authorised"]
    assert {nowhere[name] for name in ("case", "source", "source_label", "state", "state_label")} == {""}
    submit = desk.workflow.catalog.latest("yuyao").machines[CaseKind.APPLICATION].events["submit"]
    assert nowhere["event_label"] == submit


# ---- refusals --------------------------------------------------------------------------------------------------------


def test_every_reason_is_told_with_its_article_and_its_field(api: Api, bureau: Bureau) -> None:
    body = application(bureau.operator)
    body["evidence"]["materials"] = ["operator_licence"]
    answer = api.post("/v1/cases", bureau.operator, body)
    assert answer.status_code == 422
    refusals = answer.json()["refusals"]
    assert {one["code"] for one in refusals} == {"materials_missing"}
    assert {one["article"][:3] for one in refusals} == {"第八条"}
    assert {one["field"] for one in refusals} == {"materials"}
    weak = api.post("/v1/cases", bureau.operator, application(bureau.operator, **{"premises.area_m2": "4999"}))
    case = weak.json()["case"]
    bureau.act(case, "accept", bureau.clerk)
    answer = api.post(f"/v1/cases/{case}/events/pass_preliminary", bureau.clerk, {"evidence": {"findings": "all_met"}})
    assert codes(answer) == ["criteria_unmet"]
    assert answer.json()["refusals"][0]["article"] == "第五条第2项"
    answer = api.post(f"/v1/cases/{case}/events/pass_preliminary", bureau.clerk)
    assert sorted({*codes(answer)}) == ["criteria_unmet", "finding_missing"]
    assert all(one["article"] for one in answer.json()["refusals"])


def test_the_doors_have_statuses_of_their_own(quick: Api, desk: Bureau) -> None:
    case = desk.reviewed()
    doors = [
        (desk.cixi_clerk, "reject", 404, []),
        (desk.clerk, "reject", 403, ["not_authorised"]),
        (Actor.of("x", "applicant", "yuyao", uscc=uscc(9)), "withdraw", 404, []),
        (desk.auditor, "withdraw", 403, ["not_authorised"]),
        (desk.lead, "endorse", 409, ["not_allowed_from_state"]),
        (desk.clerk, "passs_preliminary", 409, ["not_allowed_from_state"]),
    ]
    for by, event, status, expected in doors:
        answer = quick.post(f"/v1/cases/{case}/events/{event}", by)
        assert (answer.status_code, codes(answer)) == (status, expected), event
        stale = quick.post(f"/v1/cases/{case}/events/{event}", by, if_match='"99"')
        assert stale.status_code == (status if status < 409 else 412), event
    unknown = quick.post(f"/v1/cases/{case}/events/passs_preliminary", desk.clerk).json()
    assert "是不是“pass_preliminary”" in unknown["detail"]
    assert {"pass_preliminary", "reject"} <= {*unknown["allowed"]}
    assert quick.post("/v1/cases/nowhere/events/accept", desk.clerk).status_code == 404
    desk.on(date(2019, 12, 31))
    answer = quick.post("/v1/cases", desk.operator, application(desk.operator))
    assert (answer.status_code, codes(answer)) == (422, ["policy_not_in_force"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "garage", "event": "submit"}, 422), ({"kind": "application", "event": "opened"}, 409),
        ({"kind": "change", "event": "report_change"}, 422), ({"kind": "application"}, 422), ({}, 422),
        ({"kind": "application", "event": "submit", "city": "nowhere"}, 404),
        ({"kind": "change", "event": "report_change", "parent": "nowhere"}, 404),
        ({"kind": "application", "event": "submit", "parent": "nowhere"}, 404),
        ({"kind": "application", "event": "submit", "evidence": None}, 422),
        ({"kind": "application", "event": "submit", "hidden": 1}, 422),
        ({"kind": "application", "event": "x" * 65}, 422), ({"kind": "application", "event": "\x00"}, 409),
        ({"kind": "application", "event": "submit", "city": "\x00"}, 404),
        ({"kind": "change", "event": "report_change", "parent": "a\x00"}, 404),
    ],
)  # fmt: skip
def test_an_opening_that_makes_no_sense_is_a_clear_refusal(
    api: Api, bureau: Bureau, body: dict[str, Any], status: int
) -> None:
    before = standing(bureau)
    for path in ("/v1/cases", "/v1/previews"):
        answer = api.post(path, bureau.operator, body)
        told = answer.status_code == 200 and bool(answer.json()["refusals"])  # a preview tells a refusal
        clear = 400 <= answer.status_code < 500 and answer.json()["detail"]
        assert told or clear, (path, answer.text)
        if path == "/v1/cases":
            assert answer.status_code == status or (answer.status_code in (400, 422) and status in (404, 409)), (
                answer.text
            )
    assert standing(bureau) == before


@pytest.mark.parametrize("name", ["%00", "a%00b", "%ED%A0%80", "..", "%2e%2e", "x" * 65, "%F0%9F%8F%A0", "a%0Ab"])
def test_a_path_that_names_nothing_is_not_found_or_refused(api: Api, bureau: Bureau, name: str) -> None:
    case = bureau.reviewed()
    before = standing(bureau)
    for method, path in (
        ("POST", f"/v1/cases/{name}/events/accept"), ("POST", f"/v1/cases/{case}/events/{name}"),
        ("POST", f"/v1/cases/{name}/previews/accept"), ("GET", f"/v1/cases/{name}"),
        ("GET", f"/v1/cases/{name}/past"), ("GET", f"/v1/cases/{name}/ledger"),
    ):  # fmt: skip
        sent: dict[str, Any] = {"json": {}} if method == "POST" else {}
        answer = api.client.request(method, path, headers=as_(bureau.clerk), **sent)
        # Dots lead to another path, as every client and proxy has it.
        assert 400 <= answer.status_code < 500 or (name in ("..", "%2e%2e") and answer.is_success), (path, answer.text)
    assert standing(bureau) == before


# ---- evidence --------------------------------------------------------------------------------------------------------

_WEIRD: tuple[Any, ...] = (
    "", "  ", [], {}, 0, -1, 10**40, 1e300, True, "\x00", "不是", "2021-02-30", "9999-12-31", "\u202e倒写", ["x", "x"],
    [[[]]], {"x": {"y": [None]}}, "x" * 30_000, ["x"] * 300, "０", None, {"\x00": 1}, "-0", "1e5", [None], -0.0,
)  # fmt: skip


def acts_of(bureau: Bureau) -> Iterator[tuple[str, Actor, str, list[str]]]:
    """Acts that somebody may perform just now, or could if there were awards: path, actor, event, fields."""
    review = bureau.reviewed()
    other = Actor.of("other", "applicant", "yuyao", name="余姚另家众创有限公司", uscc=uscc(61))
    one = bureau.submit(other).case
    bureau.act(one, "accept", bureau.clerk)
    bureau.act(one, "pass_preliminary", bureau.clerk, findings="all_met")
    bureau.act(one, "endorse", bureau.finance)
    title = bureau.act(one, "endorse", bureau.lead).opened["incubator"]
    for case, readers in ((review, (bureau.clerk, bureau.lead)), (title, (bureau.clerk, bureau.finance, other))):
        for reader in readers:
            for event in bureau.workflow.dossier(case, reader=reader).events:
                if {one.code for one in event.refusals} <= {"award_not_in_that_status"} and event.fields:
                    opens = f"/v1/previews {event.opens} {case}" if event.opens else f"/v1/cases/{case}/previews"
                    yield opens, reader, event.event, [field.name for field in event.fields]


def test_evidence_of_any_kind_is_a_refusal_and_never_an_error(quick: Api, desk: Bureau) -> None:
    asked = 0
    for path, reader, event, fields in [*acts_of(desk)]:
        for name in fields:
            assert name in set(Field)
            for value in _WEIRD:
                where, _, opens = path.partition(" ")
                body: dict[str, Any] = {"evidence": {name: value}}
                if opens:
                    kind, parent = opens.split()
                    assert kind in set(CaseKind)
                    body |= {"kind": kind, "parent": parent, "event": event}
                else:
                    where = f"{path}/{event}"
                answer = quick.post(where, reader, body)
                assert answer.status_code in (200, 422), (event, name, value, answer.text[:300])
                asked += 1
    assert asked > 500


@pytest.mark.parametrize(
    ("path", "beside"),
    [("tenants.0.nope", "name、uscc、founded_on"), ("premises.nope", "address、township"),
     ("nope", "operator、premises"), ("staff.0.nope", "post、name、professional")],
)  # fmt: skip
def test_an_unknown_key_of_the_facts_is_told_with_those_beside_it(
    quick: Api, desk: Bureau, path: str, beside: str
) -> None:
    body = application(desk.operator)
    body["evidence"]["override"] = {path: 1}
    [told] = quick.post("/v1/cases", desk.operator, body).json()["refusals"]
    assert told["field"] == f"facts.{path}"
    assert f"没有这一项；可以填写：{beside}" in told["message"]


def test_a_field_that_nobody_asked_for_is_told(quick: Api, desk: Bureau) -> None:
    case = desk.reviewed()
    body = {"evidence": {"missing": ["租赁合同"], "surprise": 1}}
    answer = quick.post(f"/v1/cases/{case}/events/return_for_correction", desk.clerk, body)
    assert codes(answer) == ["evidence_invalid"]
    assert answer.json()["refusals"][0]["field"] == "surprise"
    assert "需补正内容" in answer.json()["detail"]
