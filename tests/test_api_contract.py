"""What a generated client, a proxy and a careless caller may rely on, whichever operation they call.

That answers are as the document describes them is ``test_api_schema``'s.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import httpx
import jsonschema_rs  # schemathesis has it
import pytest
from pydantic import ValidationError

from kjfh_workflow import Actor, Workflow
from kjfh_workflow.policy.vocabulary import Field
from kjfh_workflow.rules.evidence import shape_of
from kjfh_workflow.web.app import create_app
from tests.api import Api, as_
from tests.bureau import Bureau

DOCUMENT: dict[str, Any] = create_app(cast(Workflow, None), lambda _: Actor.of("x", "admin", "yuyao")).openapi()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
OPERATIONS = [
    pytest.param(method, operation, id=operation["operationId"])
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if path.startswith("/v1/")
]


def parts_of(found: Any) -> Any:
    """Every object of a document, the outermost first."""
    if isinstance(found, dict):
        yield found
    for part in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from parts_of(part)


def fits(field: Field, given: Any) -> bool:
    """Whether the rules can read it."""
    try:
        shape_of(field, given).validate_python(given)
    except ValidationError:
        return False
    return True


# ---- the document ----------------------------------------------------------------------------------------------------


def test_every_model_has_a_name_of_its_own() -> None:
    titles = Counter(schema["title"] for schema in SCHEMAS.values())
    assert [title for title, number in titles.items() if number > 1] == []
    assert [name for name in SCHEMAS if "__" in name] == []


@pytest.mark.parametrize(("method", "operation"), OPERATIONS)
def test_every_operation_says_what_any_of_them_may_answer(method: str, operation: dict[str, Any]) -> None:
    said = operation["responses"]
    assert {"401", "403", "422", "503"} <= {*said}
    assert {"408", "413"} & {*said} == ({"408", "413"} if method != "get" else set())
    assert "WWW-Authenticate" in said["401"]["headers"]
    assert "Retry-After" in said["503"]["headers"]
    assert all("X-Request-Id" in answer["headers"] for answer in said.values())


def test_the_document_names_etags_and_locations_where_they_are_sent(quick: Api, desk: Bureau) -> None:
    case = desk.submit().case
    shown = quick.get(f"/v1/cases/{case}", desk.clerk)
    done = quick.post(f"/v1/cases/{case}/events/accept", desk.clerk)
    for answer, path, method in (
        (shown, "/v1/cases/{case}", "get"), (done, "/v1/cases/{case}/events/{event}", "post"),
    ):  # fmt: skip
        assert answer.headers["etag"]
        assert "ETag" in DOCUMENT["paths"][path][method]["responses"]["200"]["headers"]
    assert {"ETag", "Location"} <= {*DOCUMENT["paths"]["/v1/cases"]["post"]["responses"]["201"]["headers"]}
    assert "Location" in DOCUMENT["paths"]["/v1/cases/{case}/files"]["post"]["responses"]["201"]["headers"]


@pytest.mark.parametrize(
    "name", ["award_yuan", "yuan", "score", "working_days", "year", "instalment", "late_days", "report", "scores"]
)
def test_the_shape_of_evidence_refuses_what_the_rules_refuse(quick: Api, desk: Bureau, name: str) -> None:
    """As far as a schema can say it: pydantic's own limits for exact numbers say nothing to a validator."""
    pack = quick.get("/v1/packs/yuyao/2020-01-01", desk.clerk).json()
    [shape] = [each["shape"] for each in pack["fields"] if each["name"] == name]
    validator = jsonschema_rs.validator_for(shape)
    values: list[Any] = [
        0,
        1,
        99,
        251,
        2021,
        -1,
        "0",
        "12.50",
        "12.500",
        "-1",
        "1e5",
        "12.505",
        "十",
        "1" * 15,
        "+3",
        {},
    ]
    for value in values:
        given = {"one": value} if name == "scores" else value
        assert validator.is_valid(given) == fits(Field(name), given), (given, shape)


def test_no_schema_has_a_limit_that_validators_do_not_know() -> None:
    unknown = {"ge", "gt", "le", "lt", "max_digits", "decimal_places"}
    assert [part for part in parts_of(SCHEMAS) if unknown & {*part}] == []


# ---- parameters ------------------------------------------------------------------------------------------------------


def test_a_parameter_that_nobody_knows_is_refused_with_the_one_that_was_meant(quick: Api, desk: Bureau) -> None:
    desk.submit()
    answer = quick.get("/v1/cases", desk.clerk, stat="applied", limt=1)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:kjfh:problem:malformed")
    first, second = answer.json()["problems"]
    assert first.startswith("query: there is no parameter 'stat', did you mean 'state'?")
    assert second.startswith("query: there is no parameter 'limt', did you mean 'limit'?")
    assert quick.get("/v1/cases", desk.clerk, state="applied", limit=1).json()["items"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/me"), ("GET", "/v1/docket"), ("GET", "/v1/ledger"), ("POST", "/v1/cases"),
     ("GET", "/v1/requests/some/key"), ("DELETE", "/v1/followers/intranet")],
)  # fmt: skip
def test_no_operation_swallows_a_parameter(quick: Api, desk: Bureau, method: str, path: str) -> None:
    answer = quick.client.request(method, path, params={"nonsense": "1"}, headers=as_(desk.clerk))
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("query: there is no parameter 'nonsense'; there are: ")


def test_whoever_asks_for_health_may_hang_on_what_they_like(quick: Api) -> None:
    assert quick.client.get("/health", params={"t": "1"}).status_code == 200


# ---- keys ------------------------------------------------------------------------------------------------------------

#: Every list that goes on behind a key; there is nothing in any of them.
LISTS = (
    "/v1/cases", "/v1/notices", "/v1/inbox", "/v1/outbox", "/v1/ledger", "/v1/docket",
    "/v1/rounds/yuyao/2022/standings", "/v1/register", "/v1/register/ended", "/v1/bans", "/v1/misconduct",
    "/v1/reports/overdue",
)  # fmt: skip
CASE = "yuyao-210301-7kq2mw"


def test_every_list_with_a_key_is_tried_here() -> None:
    texts = {"string", None}  # files, events and followers go on behind numbers
    asked = {
        path.replace("{city}", "yuyao").replace("{year}", "2022")
        for path, methods in DOCUMENT["paths"].items()
        for parameter in methods.get("get", {}).get("parameters", ())
        if parameter["name"] == "after" and parameter["schema"].get("type") in texts
    }
    assert asked == {*LISTS}


@pytest.mark.parametrize("key", ["x", "1/2", "../..", f"{CASE}#", f"{CASE}/accept", "-1", "k.e30", "有"])
def test_a_key_that_a_list_cannot_have_given_is_refused_by_every_list(quick: Api, desk: Bureau, key: str) -> None:
    answers = {path: quick.get(path, desk.clerk, after=key) for path in LISTS}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(LISTS, 422)
    assert all("after: " in answer.json()["problems"][0] for answer in answers.values())


def test_behind_a_row_that_is_gone_a_list_in_order_simply_goes_on(quick: Api, desk: Bureau) -> None:
    for path, key in (
        ("/v1/cases", CASE), ("/v1/notices", f"{CASE}/1/1"), ("/v1/ledger", f"{CASE}/promotion/2022/0/ningbo"),
        ("/v1/docket", f"2021-03-01/{CASE}/review_due"), ("/v1/rounds/yuyao/2022/standings", CASE),
    ):  # fmt: skip
        assert quick.get(path, desk.clerk, after=key).status_code == 200, path


def test_behind_a_row_that_is_gone_a_book_has_to_be_begun_again(quick: Api, desk: Bureau) -> None:
    for path, key in (
        ("/v1/register", CASE), ("/v1/register/ended", CASE), ("/v1/bans", f"{CASE}#2021-03-01#2023-02-28"),
        ("/v1/misconduct", "9999"), ("/v1/reports/overdue", f"{CASE}#review_due"),
    ):  # fmt: skip
        answer = quick.get(path, desk.clerk, after=key)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:kjfh:problem:list-changed"), path


# ---- methods ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/v1/cases", "GET, OPTIONS, POST"), ("/v1/cases/some/files", "GET, OPTIONS, POST"),
     ("/v1/followers/intranet", "DELETE, OPTIONS"), ("/health", "GET, OPTIONS"),
     ("/openapi.json", "GET, HEAD, OPTIONS")],
)  # fmt: skip
def test_a_wrong_method_is_told_every_right_one(quick: Api, path: str, methods: str) -> None:
    refused, asked = quick.client.patch(path), quick.client.options(path)
    assert (refused.status_code, refused.headers["allow"]) == (405, methods)
    assert refused.headers["content-type"] == "application/problem+json"
    assert (asked.status_code, asked.headers["allow"], asked.content) == (204, methods, b"")


# ---- headers ---------------------------------------------------------------------------------------------------------


def test_a_token_that_is_not_believed_is_told_apart_from_none(quick: Api) -> None:
    def challenge(**headers: str) -> str:
        answer = quick.client.get("/v1/me", headers=headers)
        assert answer.status_code == 401
        return answer.headers["www-authenticate"]

    assert challenge() == "Bearer"
    assert challenge(authorization="Basic d2FuZzp3YW5n") == "Bearer"
    assert challenge(authorization="Bearer no.good.token") == 'Bearer error="invalid_token"'


def test_nothing_about_a_case_is_kept_by_those_who_pass_it_on(quick: Api, desk: Bureau) -> None:
    case = desk.submit().case
    answers: list[httpx.Response] = [
        quick.get(f"/v1/cases/{case}", desk.clerk), quick.get("/v1/cases", desk.clerk),
        quick.get("/v1/docket.ics", desk.clerk), quick.get(f"/v1/cases/{case}", desk.cixi_clerk),
        quick.post(f"/v1/cases/{case}/events/accept", desk.clerk),
    ]  # fmt: skip
    assert [answer.headers.get_list("cache-control") for answer in answers] == [["no-store"]] * 5
    letter = quick.get(f"/v1/notices/{case}/1/1/letter", desk.clerk)  # the same bytes for ever: asked with its ETag
    assert letter.headers.get_list("cache-control") == ["private, no-cache"]


# ---- bodies ----------------------------------------------------------------------------------------------------------


def test_an_event_that_asks_for_nothing_needs_no_body(quick: Api, desk: Bureau) -> None:
    case = desk.submit().case
    told = quick.client.post(f"/v1/cases/{case}/previews/accept", headers=as_(desk.clerk))
    done = quick.client.post(f"/v1/cases/{case}/events/accept", headers=as_(desk.clerk))
    assert (told.status_code, done.status_code) == (200, 200)
    assert told.json()["refusals"] == []
    assert desk.state(case) == "preliminary_review"
    asked = quick.client.post(f"/v1/cases/{case}/events/return_for_correction", headers=as_(desk.clerk))
    assert [one["code"] for one in asked.json()["refusals"]] == ["evidence_missing"]
