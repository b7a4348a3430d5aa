"""The feed, the followers and the requests over HTTP: to poll, to wait for, and nothing for strangers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Timer
from typing import Any

import httpx
import pytest
from fastapi import Request

from kjfh_workflow import Actor
from kjfh_workflow.casework.feed.following import Patience
from kjfh_workflow.errors import NotAuthenticated
from kjfh_workflow.web.app import create_app
from kjfh_workflow.web.settings import Settings
from tests.api import Api, serving
from tests.bureau import Bureau, uscc
from tests.post import ADMIN

STRANGER = Actor.of("other", "applicant", "yuyao", name="别的孵化器有限公司", uscc=uscc(7))
LEAD = Actor.of("li", "tech_lead", "yuyao")


class Service(Api):
    """The service, with the office behind it; who asks is told by name, as a host's own sign-on may do."""

    def __init__(self, url: str, people: dict[str, Actor]) -> None:
        super().__init__(url)
        self._people = people

    def send(self, method: str, path: str, by: Actor, body: Any = None, **params: Any) -> httpx.Response:
        self._people[by.id] = by
        return self.client.request(method, path, params=params, json=body, headers={"x-who": by.id}, timeout=60)

    def events(self, by: Actor, **params: Any) -> dict[str, Any]:
        found = self.send("GET", "/v1/events", by, **params)
        assert found.status_code == 200, found.text
        answer: dict[str, Any] = found.json()
        return answer


@pytest.fixture
def service(bureau: Bureau) -> Iterator[Service]:
    people: dict[str, Actor] = {}

    def authenticate(request: Request) -> Actor:
        who = people.get(request.headers.get("x-who", ""))
        if who is None:
            raise NotAuthenticated
        return who

    # Two threads: whoever waits must not hold one.
    with serving(create_app(bureau.workflow, authenticate, Settings(threads=2))) as url:
        yield Service(url, people)


def fail(_: object) -> None:
    raise ValueError("没有接住")


def test_the_feed_is_polled_from_a_cursor(service: Service, bureau: Bureau) -> None:
    application, incubator = bureau.recognised()
    first = service.events(bureau.clerk, limit=4)
    assert [event["number"] for event in first["items"]] == [1, 2, 3, 4]
    assert (first["next"], first["head"]) == (4, 6)
    rest = service.events(bureau.clerk, after=first["next"])
    assert [event["case"] for event in rest["items"]] == [application, incubator]
    assert rest["items"][0]["opened"] == {"incubator": incubator}
    assert rest["items"][0]["state_label"] == "已认定"
    assert {"notice": "recognition_granted", "role": "applicant"} in rest["items"][0]["notices"]
    assert service.events(bureau.clerk, after=6) == {"items": [], "next": 6, "head": 6}
    assert service.events(bureau.clerk, kind="incubator")["items"] == rest["items"][1:]
    assert len(service.events(bureau.clerk, case=application, event="endorse", city="yuyao")["items"]) == 2
    assert bureau.operator.name not in str(first) + str(rest)


def test_everybody_polls_only_what_is_theirs(service: Service, bureau: Bureau) -> None:
    mine, theirs = bureau.submit().case, bureau.submit(STRANGER).case
    seen = {
        who.id: {event["case"] for event in service.events(who)["items"]}
        for who in (bureau.operator, STRANGER, bureau.clerk, bureau.auditor, bureau.cixi_clerk)
    }
    assert seen == {
        "op": {mine}, "other": {theirs}, "clerk": {mine, theirs}, "auditor": {mine, theirs}, "cixi-clerk": set(),
    }  # fmt: skip
    assert service.client.get("/v1/events").status_code == 401


def test_who_waits_is_answered_when_something_happens_and_holds_no_thread(service: Service, bureau: Bureau) -> None:
    case = bureau.submit().case

    def wait(_: int) -> dict[str, Any]:
        return service.events(bureau.clerk, after=1, wait=30)

    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(wait, n) for n in range(8)]
        time.sleep(0.5)
        # Others are served meanwhile, though more wait than the service has threads.
        assert service.send("GET", "/v1/me", bureau.clerk).status_code == 200
        assert not any(one.done() for one in waiting)
        bureau.act(case, "accept", bureau.clerk)
        assert {event["event"] for one in waiting for event in one.result(60)["items"]} == {"accept"}


def test_who_waits_in_vain_is_told_how_far_to_go_on(service: Service, bureau: Bureau) -> None:
    bureau.submit()
    started = time.monotonic()
    timer = Timer(0.3, lambda: bureau.submit(STRANGER))
    timer.start()
    found = service.events(bureau.cixi_clerk, wait=2)
    timer.join()
    assert time.monotonic() - started >= 2
    assert found == {"items": [], "next": 2, "head": 2}


def test_a_cursor_from_before_a_restore_is_a_conflict_that_says_what_to_do(service: Service, bureau: Bureau) -> None:
    bureau.submit()
    found = service.send("GET", "/v1/events", bureau.clerk, after=9)
    assert (found.status_code, found.json()["type"]) == (409, "urn:kjfh:problem:beyond-the-feed")
    assert "Read again from a number that was given before" in found.json()["detail"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"after": -1}, {"after": 2**63}, {"after": "x"}, {"limit": 0}, {"limit": 501}, {"wait": 31}, {"wait": -1},
        {"kind": "nothing"}, {"city": "a\x00"}, {"case": "a b"}, {"event": "é"}, {"case": "x" * 65},
    ],
    ids=str,
)  # fmt: skip
def test_a_question_that_is_none_is_refused(service: Service, bureau: Bureau, wrong: dict[str, Any]) -> None:
    found = service.send("GET", "/v1/events", bureau.clerk, **wrong)
    assert (found.status_code, found.headers["content-type"]) == (422, "application/problem+json")


def test_a_request_key_tells_whether_an_act_happened(service: Service, bureau: Bureau) -> None:
    case = bureau.submit().case
    done = bureau.workflow.perform(case, "accept", by=bureau.clerk, request_id="a/b c")
    found = service.send("GET", "/v1/requests/a%2Fb%20c", bureau.clerk)
    assert found.status_code == 200
    assert found.json()["what"] == "act"
    assert (found.json()["act"]["case"], found.json()["act"]["version"]) == (case, done.version)
    for path, who, status in (
        ("a%2Fb%20c", STRANGER, 404), ("a%2Fb%20c", bureau.cixi_clerk, 404), ("never", bureau.clerk, 404),
        ("a%00", bureau.clerk, 422), ("%ED%A0%80", bureau.clerk, 404), ("", bureau.clerk, 422),
    ):  # fmt: skip
        assert service.send("GET", f"/v1/requests/{path}", who).status_code == status, path


def test_an_admin_looks_after_followers(service: Service, bureau: Bureau) -> None:
    bureau.reviewed()
    bureau.submit(STRANGER)
    follow = bureau.workflow.events.follow
    follow("screen", fail, start=0, patience=Patience(attempts=1))
    [screen] = service.send("GET", "/v1/followers", ADMIN).json()
    assert {key: screen[key] for key in ("name", "cursor", "lag", "withheld", "given_up", "next_at")} == {
        "name": "screen", "cursor": 3, "lag": 0, "withheld": 3, "given_up": 2, "next_at": None,
    }  # fmt: skip
    page = service.send("GET", "/v1/followers/screen/withheld", ADMIN, limit=2).json()
    assert [(one["number"], one["waits"]) for one in page["items"]] == [(1, False), (2, True)]
    assert "没有接住" in page["items"][0]["error"]
    rest = service.send("GET", "/v1/followers/screen/withheld", ADMIN, after=page["next"]).json()
    assert ([one["number"] for one in rest["items"]], rest["next"]) == ([3], None)
    at = "/v1/followers/screen/withheld"
    assert service.send("POST", f"{at}/1/skip", ADMIN, {"reason": "测试"}).status_code == 204
    assert service.send("POST", f"{at}/3/retry", ADMIN).json() == {"retried": 1}
    assert service.send("POST", f"{at}/1/retry", ADMIN).status_code == 404
    assert follow("screen", lambda _: None).handed == 2
    assert service.send("POST", "/v1/followers/screen/replay", ADMIN, {"cursor": 1}).status_code == 204
    assert follow("screen", fail).failed == 2
    assert service.send("POST", "/v1/followers/screen/retry", ADMIN).json() == {"retried": 2}
    assert service.send("POST", "/v1/followers/screen/replay", ADMIN, {"cursor": 4}).status_code == 422
    assert service.send("DELETE", "/v1/followers/screen", ADMIN).status_code == 204
    assert service.send("GET", "/v1/followers", ADMIN).json() == []


@pytest.mark.parametrize("who", [LEAD, STRANGER, Actor.of("a", "auditor", "yuyao")], ids=lambda who: who.roles[0])
def test_nobody_else_looks_after_followers(service: Service, bureau: Bureau, who: Actor) -> None:
    bureau.workflow.events.follow("screen", fail)
    for method, path, body in (
        ("GET", "/v1/followers", None),
        ("GET", "/v1/followers/screen/withheld", None),
        ("POST", "/v1/followers/screen/replay", {"cursor": 0}),
        ("POST", "/v1/followers/screen/retry", None),
        ("POST", "/v1/followers/screen/withheld/1/retry", None),
        ("POST", "/v1/followers/screen/withheld/1/skip", {"reason": "x"}),
        ("DELETE", "/v1/followers/screen", None),
    ):
        assert service.send(method, path, who, body).status_code == 403, path


def test_every_route_of_events_is_in_the_document(service: Service) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    operations = {operation["operationId"] for path in paths.values() for operation in path.values()}
    assert operations >= {
        "list_events", "show_request", "list_followers", "list_withheld", "replay_events", "retry_withheld",
        "retry_event", "skip_event", "forget_follower",
    }  # fmt: skip
