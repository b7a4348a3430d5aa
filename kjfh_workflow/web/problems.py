"""Which HTTP status and which problem document (RFC 9457) an error becomes. The only home of HTTP numbers.

What went wrong, and in which words, is said where it goes wrong.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from kjfh_workflow import errors
from kjfh_workflow.policy.wording import short

_log = logging.getLogger(__name__)
#: Seconds after which it is worth asking again.
_RETRY_AFTER = "2"
#: Of a body that is wrong in many places so many are told.
_MOST_PLACES = 200
#: Where a token was sent; where none was, the answer only says that one is needed (RFC 6750, 3.1).
_NOT_BELIEVED = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
MEDIA_TYPE = "application/problem+json"


class Malformed(errors.WorkflowError):
    """The request cannot be read."""

    def __init__(self, place: str, message: str, *more: errors.Problem) -> None:
        super().__init__(f"{place}: {message}")
        self.problems = (errors.Problem(place, "", message), *more)


class TooLarge(errors.WorkflowError):
    """The request's body is larger than this service takes."""


class TooSlow(errors.WorkflowError):
    """The request's body has not come in time."""


class WrongType(errors.WorkflowError):
    """The request's body is of a type that this service does not take."""


class RefusalAnswer(BaseModel):
    """One reason why an act is refused."""

    model_config = ConfigDict(from_attributes=True)

    code: str = Field(description="Stable, for programs.", examples=["criterion_failed"])
    message: str = Field(description="In people's words.", examples=["场地面积4,999平方米，应不少于5,000平方米"])
    article: str = Field(description="The article that makes it so; empty where none is needed.", examples=["第五条"])
    field: str = Field(description="The field of the evidence that it is about; empty where there is none.")


class ProblemAnswer(BaseModel):
    """What went wrong, after RFC 9457."""

    type: str = Field(examples=["urn:kjfh:problem:guard-refused"])
    title: str = Field(examples=["A condition of the act is not met, or its evidence is missing or wrong."])
    status: int = Field(examples=[422])
    detail: str
    instance: str = Field(description="The request's id, as in X-Request-Id and in the logs.")
    refusals: list[RefusalAnswer] = Field(default=[], description="Every reason that holds; nothing has changed.")
    allowed: list[str] = Field(default=[], description="The events that the case's state does allow.")
    problems: list[str] = Field(default=[], description="Every place of a file or a body that cannot be used.")


_STATUS: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (Malformed, HTTPStatus.UNPROCESSABLE_ENTITY),
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (TooSlow, HTTPStatus.REQUEST_TIMEOUT),
    (WrongType, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (errors.NotAuthenticated, HTTPStatus.UNAUTHORIZED),
    (errors.NotAuthorised, HTTPStatus.FORBIDDEN),
    (errors.TransitionNotAllowed, HTTPStatus.CONFLICT),
    (errors.Refused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.NotFound, HTTPStatus.NOT_FOUND),
    (errors.Moved, HTTPStatus.PRECONDITION_FAILED),
    (errors.Conflict, HTTPStatus.CONFLICT),
    (errors.InputError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.SchemaMismatch, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.WorkflowError, HTTPStatus.UNPROCESSABLE_ENTITY),
)


def problem_of(error: Exception, instance: str) -> ProblemAnswer:
    """The document for an error; what is no error of ours tells nothing about itself."""
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return ProblemAnswer(
                type=f"urn:kjfh:problem:{_dashed(type(error).__name__)}",
                title=(type(error).__doc__ or "").strip().splitlines()[0],
                status=status,
                detail=str(error),
                instance=instance,
                refusals=[RefusalAnswer.model_validate(refusal) for refusal in getattr(error, "refusals", ())],
                allowed=[*getattr(error, "allowed", ())],
                problems=[str(problem) for problem in getattr(error, "problems", ())],
            )
    return ProblemAnswer(
        type="urn:kjfh:problem:internal",
        title="An error of the program.",
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        detail="the log has the trace under this request's id",
        instance=instance,
    )


def answer(problem: ProblemAnswer, headers: dict[str, str] | None = None) -> JSONResponse:
    """The response that carries a problem."""
    more = dict(headers or {})
    if problem.status == HTTPStatus.UNAUTHORIZED:
        more.setdefault("WWW-Authenticate", "Bearer")
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        more["Retry-After"] = _RETRY_AFTER
    if problem.status == HTTPStatus.REQUEST_TIMEOUT:  # what has not come is not waited for
        more["Connection"] = "close"
    return JSONResponse(problem.model_dump(), problem.status, more, MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, for the OpenAPI document; 401, 422 and 503 always are."""
    every = sorted(
        {*statuses, HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE}
    )
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemAnswer"}}}
    return {int(status): {"description": HTTPStatus(status).phrase, "content": content} for status in every}


def install(app: FastAPI) -> None:
    """Let every error leave as a problem document."""
    app.add_exception_handler(errors.WorkflowError, _ours)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unknown)


def instance_of(request: Request) -> str:
    """The request's id."""
    return str(getattr(request.state, "request_id", ""))


def _ours(request: Request, error: Exception) -> JSONResponse:
    problem = problem_of(error, instance_of(request))
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        _log.warning("%s", error)  # where the database is, and why it is away, is not the client's business
        problem.detail = f"{problem.title} Repeat the request under the same Idempotency-Key."
    request.state.problem = problem
    request.state.why = error.reason if isinstance(error, errors.NotAuthenticated) else ""
    sent = request.headers.get("authorization", "").lower().startswith("bearer ")
    return answer(problem, _NOT_BELIEVED if problem.status == HTTPStatus.UNAUTHORIZED and sent else None)


def _unreadable(request: Request, error: Exception) -> JSONResponse:
    """Paths, parameters and bodies that are not what the document says; values are not repeated."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  (registered for nothing else)
    places = [(".".join(short(part) for part in found["loc"]), found["msg"]) for found in error.errors()[:_MOST_PLACES]]
    first, *more = places
    return _ours(request, Malformed(*first, *(errors.Problem(place, "", message) for place, message in more)))


def _http(request: Request, error: Exception) -> Response:
    """Unknown paths and methods; OPTIONS is told the methods of the path."""
    assert isinstance(error, HTTPException)  # noqa: S101  (registered for nothing else)
    if error.status_code == HTTPStatus.BAD_REQUEST:  # a body in another encoding than it says
        return _ours(request, Malformed("body", str(error.detail)))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted({"OPTIONS", *headers["Allow"].split(", "), *_methods_of(request)}))
        if request.method == "OPTIONS":
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
    phrase = HTTPStatus(error.status_code).phrase
    problem = ProblemAnswer(
        type=f"urn:kjfh:problem:{phrase.lower().replace(' ', '-')}",
        title=phrase,
        status=error.status_code,
        detail=str(error.detail),
        instance=instance_of(request),
    )
    request.state.problem = problem
    return answer(problem, headers)


def _methods_of(request: Request) -> list[str]:
    """Every documented method of the path that was asked for; the framework names those of one route only."""
    path = getattr(request.scope.get("route"), "path_format", "")
    return [method.upper() for method in request.app.openapi()["paths"].get(path, ())]


def _unknown(request: Request, error: Exception) -> JSONResponse:
    _log.error("the request failed", exc_info=error)
    return answer(problem_of(error, instance_of(request)))


def _dashed(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
