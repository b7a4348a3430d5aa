"""What happens to every request and every answer: its id, its size limit, its line in the log.

A line names the route, never the path, a body, a name or a code: logs hold no personal data. Who was turned away is
told to the logger ``kjfh.audit``, with the id that the intranet gave them.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kjfh_workflow.web.problems import TooLarge, answer, problem_of

_log = logging.getLogger("kjfh.requests")
_audit = logging.getLogger("kjfh.audit")
_ID = re.compile(rb"[A-Za-z0-9._\-]{8,64}")
_TURNED_AWAY = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
#: Told method, route, status, seconds, the refusals' codes and the event performed, of each request.
Watch = Callable[[str, str, int, float, list[str], str], None]


class Traffic:
    """ASGI middleware around the whole service.

    Args:
        app: the service.
        body_bytes: the longest body that is read, unless a route of ``streaming`` takes it piece by piece.
        streaming: whether a request's route limits its body itself.
        watch: told what became of each request.
    """

    def __init__(self, app: ASGIApp, *, body_bytes: int, streaming: Callable[[Scope], bool], watch: Watch) -> None:
        self._app = app
        self._body_bytes = body_bytes
        self._streaming = streaming
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if _ID.fullmatch(given) else uuid.uuid4().hex
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        started, status = time.perf_counter(), int(HTTPStatus.INTERNAL_SERVER_ERROR)

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            if self._streaming(scope):
                await self._app(scope, receive, answered)
            elif (whole := await self._read(receive)) is not None:
                await self._app(scope, _again(whole, receive), answered)
            else:
                too_large = TooLarge(f"a body of at most {self._body_bytes:,} bytes is taken here")
                state["problem"] = problem_of(too_large, request_id)
                await answer(state["problem"], {"Connection": "close"})(scope, receive, answered)
        finally:
            self._tell(scope, status, time.perf_counter() - started)

    async def _read(self, receive: Receive) -> bytes | None:
        """The body; None where it is too long, of which no more is read."""
        parts, size = [], 0
        while True:
            message = await receive()
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if size > self._body_bytes:
                return None
            if not message.get("more_body"):  # also where the client has gone
                return b"".join(parts)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        state = scope["state"]
        route = getattr(scope.get("route"), "path", "unknown")
        problem = state.get("problem")
        codes = sorted({refusal.code for refusal in problem.refusals}) if problem else []
        said = {
            "request_id": state["request_id"],
            "method": scope["method"],
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
        }
        _log.info("%s %s %d", scope["method"], route, status, extra={"fields": said | {"refusals": codes}})
        if status in _TURNED_AWAY:
            actor = state.get("actor")
            who = {"actor": state.get("claimed_id")}
            if actor:
                who = {"actor": actor.id, "roles": [*actor.roles], "city": actor.city}
            case = scope.get("path_params", {}).get("case")
            fields = said | who | {"case": case, "why": problem.type if problem else ""}
            _audit.warning("%s %s %d", scope["method"], route, status, extra={"fields": fields})
        self._watch(scope["method"], route, status, seconds, codes, state.get("acted", ""))


def _again(body: bytes, receive: Receive) -> Receive:
    """The body that has been read already, then whatever comes."""
    read = False

    async def received() -> Message:
        nonlocal read
        if read:
            return await receive()
        read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return received
