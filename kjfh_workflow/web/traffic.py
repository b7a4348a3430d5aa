"""What happens to every request and every answer: its id, its size limit, that nobody keeps it, its line in the log.

A line names the route, never the path, a body, a name or a code: logs hold no personal data. Who was turned away is
told to the logger ``kjfh.audit``, with the id that the intranet gave them, the path as far as it names no code and
nobody, and why: the reason for which a token was not believed, or the codes of the refusals.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from http import HTTPMethod, HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kjfh_workflow.errors import Unavailable
from kjfh_workflow.web.bodies import Bodies
from kjfh_workflow.web.problems import ProblemAnswer, TooLarge, TooSlow, answer, problem_of

_log = logging.getLogger("kjfh.requests")
_audit = logging.getLogger("kjfh.audit")
_ID = re.compile(rb"[A-Za-z0-9._\-]{8,64}")
#: A placeholder of a route; those that name an operator or a request; what stands in the others.
_PLACE = re.compile(r"\{(\w+)(?::\w+)?\}")
_NAMING = ("uscc", "holder", "key")
_PLAIN = re.compile(r"\d{1,9}|\d{4}-\d\d-\d\d|[a-z][a-z0-9_.\-]{0,63}")
_TURNED_AWAY = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
#: Of whatever does not say otherwise: it is about cases and people, and another may be seen by who asks next.
_NOT_KEPT = (b"cache-control", b"no-store")
#: Told method, route, status, seconds, the refusals' codes and the event performed, of each request.
Watch = Callable[[str, str, int, float, list[str], str], None]


class Traffic:
    """ASGI middleware around the whole service.

    Args:
        app: the service.
        bodies: how bodies are read, unless a route of ``streaming`` takes its own piece by piece.
        streaming: whether a request's route limits its body itself.
        watch: told what became of each request.
    """

    def __init__(self, app: ASGIApp, *, bodies: Bodies, streaming: Callable[[Scope], bool], watch: Watch) -> None:
        self._app = app
        self._bodies = bodies
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
                own = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
                if not any(name.lower() == b"cache-control" for name, _ in own):
                    own.append(_NOT_KEPT)
                message["headers"] = own
            await send(message)

        try:
            if self._streaming(scope):
                await self._app(scope, receive, answered)
                return
            try:
                async with self._bodies.read(receive) as whole:
                    await self._app(scope, whole, answered)
            except (TooLarge, TooSlow, Unavailable) as error:
                state["problem"] = problem_of(error, request_id)
                await answer(state["problem"], {"Connection": "close"})(scope, receive, answered)
        finally:
            self._tell(scope, status, time.perf_counter() - started)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        state = scope["state"]
        route = getattr(scope.get("route"), "path", "unknown")
        # Invented methods would be a counter each.
        method = scope["method"] if scope["method"] in HTTPMethod.__members__ else "OTHER"
        problem = state.get("problem")
        codes = sorted({refusal.code for refusal in problem.refusals}) if problem else []
        said = {
            "request_id": state["request_id"],
            "method": method,
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
        }
        _log.info("%s %s %d", method, route, status, extra={"fields": said | {"refusals": codes}})
        if status in _TURNED_AWAY:
            actor = state.get("actor")
            who = {"actor": state.get("claimed_id")}
            if actor:
                who = {"actor": actor.id, "roles": [*actor.roles], "city": actor.city}
            fields = said | who | {"path": _path(scope, route), "why": state.get("why") or _why(problem)}
            _audit.warning("%s %s %d", method, route, status, extra={"fields": fields})
        self._watch(method, route, status, seconds, codes, state.get("acted", ""))


def _path(scope: Scope, route: str) -> str:
    """What was asked for, without operators' codes, and without whatever else somebody may have written there."""
    given = scope.get("path_params", {})

    def shown(place: re.Match[str]) -> str:
        value = str(given.get(place[1], ""))
        return value if place[1] not in _NAMING and _PLAIN.fullmatch(value) else "…"

    return _PLACE.sub(shown, route)


def _why(problem: ProblemAnswer | None) -> str:
    """The refusals' codes, each with what it is about; of any other problem, its kind."""
    if problem is None:
        return ""
    codes = {f"{one.code}:{one.field}" if one.field else one.code for one in problem.refusals}
    return " ".join(sorted(codes)) or problem.type.rpartition(":")[2]
