"""What holds for every operation: parameters that nobody declared, and what the document says of all of them.

What one operation takes and answers stands with its route; which error has which status, in ``problems``.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant

from kjfh_workflow.errors import Problem
from kjfh_workflow.policy.wording import nearest
from kjfh_workflow.web.problems import Malformed, ProblemAnswer, responses
from kjfh_workflow.web.schemas import understood

#: Where a parameter that nobody knows is refused. Load balancers and collectors hang on what they like.
_STRICT = ("/v1/", "/dev/")
_NO_BODY = frozenset(("get", "head", "options"))
_HEADERS = {
    "ETag": "Of a case its version, for `If-Match`; of a file or a letter its SHA-256, for `If-None-Match`.",
    "Location": "Where what was made is from now on.",
    "Retry-After": "After how many seconds it is worth asking again.",
    "WWW-Authenticate": '`Bearer`; with `error="invalid_token"` where a token was sent and is not believed (RFC 6750).',
    "X-Request-Id": "The request's id, as in the logs: the one it was sent with, if that can be kept.",
}
#: Of every answer with this status; "" is all of them.
_OF_STATUS: dict[str, tuple[str, ...]] = {"": ("X-Request-Id",), "401": ("WWW-Authenticate",), "503": ("Retry-After",)}


async def only_known_parameters(request: Request) -> None:
    """Refuse a query with a parameter that the operation does not declare: ignored, it would answer something else.

    Raises:
        Malformed: with every such parameter, and the one that was probably meant.
    """
    route = request.scope["route"]
    if not request.query_params or not route.path.startswith(_STRICT):
        return
    known = sorted({*_declared(route.dependant)})
    if unknown := [name for name in dict.fromkeys(request.query_params) if name not in known]:
        first, *more = (_of_unknown(name, known) for name in unknown)
        raise Malformed("query", first, *(Problem("query", "", message) for message in more))


def _declared(dependant: Dependant) -> Iterator[str]:
    yield from (parameter.alias for parameter in dependant.query_params)
    for further in dependant.dependencies:
        yield from _declared(further)


def _of_unknown(name: str, known: list[str]) -> str:
    near = nearest(name, known)
    meant = f", did you mean {near!r}?" if near else ""
    return f"there is no parameter {name[:40]!r}{meant}; there are: {', '.join(known) or 'none'}"


def document(app: FastAPI) -> None:
    """Complete the OpenAPI document: the problem's schema, and what every operation may answer besides its own."""
    plain = app.openapi

    def completed() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = plain()
            schema = ProblemAnswer.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = found["components"]["schemas"]
            schemas.update(schema.pop("$defs", {}))
            schemas["ProblemAnswer"] = schema
            found["components"]["schemas"] = understood(schemas)
            for methods in found["paths"].values():
                for method, operation in methods.items():
                    _complete(method, operation)
        return app.openapi_schema or {}

    app.openapi = completed  # type: ignore[method-assign]


def with_headers(status: int, *names: str) -> dict[int | str, dict[str, Any]]:
    """For a route's ``responses``: what an answer of this status carries besides its body."""
    return {status: {"headers": _described(*names)}}


def _described(*names: str) -> dict[str, Any]:
    return {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names}


def _complete(method: str, operation: dict[str, Any]) -> None:
    """A caller without a role is turned away everywhere (403); a body may be too long, or not come, if there is any."""
    every: dict[str, Any] = operation["responses"]
    always = [HTTPStatus.FORBIDDEN] if operation.get("security") else []
    if method not in _NO_BODY:
        always += [HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE]
    documented = responses(*always)
    for status in map(int, always):
        every.setdefault(str(status), documented[status])
    for code, answer in every.items():
        answer.setdefault("headers", {}).update(_described(*_OF_STATUS[""], *_OF_STATUS.get(code, ())))
    operation["responses"] = dict(sorted(every.items()))
