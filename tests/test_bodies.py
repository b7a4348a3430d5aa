"""Bodies that come slowly, never end, or come all at once: the service keeps its memory and goes on answering."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from kjfh_workflow.web import bodies
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
