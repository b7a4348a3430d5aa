"""Bodies that come slowly, never end, or come all at once: the service keeps its memory and goes on answering."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import Message

from kjfh_workflow.web import bodies
from kjfh_workflow.web.bodies import Bodies
from kjfh_workflow.web.settings import Settings
from tests.api import Api, as_, served
from tests.bureau import Bureau

_LONGEST = 1024
_THREADS = 4


@pytest.fixture
def tight(desk: Bureau) -> Iterator[Api]:
    """A service that holds four bodies of a kilobyte at once."""
    with served(desk, Settings(threads=_THREADS, body_bytes=_LONGEST)) as api:
        yield api


def begun(api: Api, sent: int, promised: int = _LONGEST) -> socket.socket:
    """A request whose body does not come to its end."""
    address = urlsplit(str(api.client.base_url))
    connection = socket.create_connection((address.hostname, address.port), timeout=30)
    head = f"POST /v1/previews HTTP/1.1\r\nHost: kjfh\r\nContent-Length: {promised}\r\n\r\n"
    connection.sendall(head.encode() + b"x" * sent)
    return connection


def test_a_body_that_does_not_come_is_not_waited_for(tight: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.2)
    with begun(tight, sent=10) as connection:
        answer = connection.makefile("rb").read().decode()  # to its end: the connection is closed
    assert answer.startswith("HTTP/1.1 408 ")
    assert "urn:kjfh:problem:too-slow" in answer


@pytest.mark.parametrize("piece", [64 * 1024, 100])
def test_a_body_lies_in_memory_once(piece: int) -> None:
    length = left = 4 * 1024 * 1024

    async def received() -> Message:
        nonlocal left
        left -= piece
        return {"type": "http.request", "body": bytes(piece), "more_body": left > 0}

    async def read() -> tuple[int, int]:
        async with Bodies(2 * length, 2 * length).read(received) as whole:
            message = await whole()
            assert type(message["body"]) is bytes
            assert len(message["body"]) >= length
            return tracemalloc.get_traced_memory()

    tracemalloc.start()
    try:
        now, most = asyncio.run(read())
    finally:
        tracemalloc.stop()
    assert now < 1.1 * length, "as much as is accounted"
    assert most < 1.5 * length, "room to grow, and no second copy"


def test_what_has_been_answered_leaves_its_room_to_others(tight: Api, desk: Bureau) -> None:
    """What a route works on is let go when it is answered; then others have the room, all of it."""
    for _ in range(3 * _THREADS):
        body = {"kind": "application", "event": "submit", "evidence": {"materials": ["x" * 900]}}
        assert tight.client.post("/v1/previews", json=body, headers=as_(desk.clerk)).status_code < 500


def test_bodies_that_wait_are_no_more_than_fit(tight: Api, desk: Bureau) -> None:
    def asked() -> httpx.Response:
        body = {"kind": "application", "event": "submit", "evidence": {"materials": ["x" * 400]}}
        return tight.client.post("/v1/previews", json=body, headers=as_(desk.clerk))

    with ExitStack() as waiting:
        for _ in range(_THREADS):
            waiting.enter_context(begun(tight, sent=1000))
        while (refused := asked()).status_code != 503:
            """The last of them is on its way."""
        assert refused.headers["retry-after"]
        assert tight.client.get("/health").status_code == 200
    while asked().status_code == 503:
        """The service has not noticed yet that they are gone."""
    assert asked().status_code < 500
