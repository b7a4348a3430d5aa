"""Whether the service works: for load balancers and collectors. They say nothing about any case."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from anyio import fail_after
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import Field

from kjfh_workflow import __version__
from kjfh_workflow.casework.views.wording import city_in_words, roles_in_city
from kjfh_workflow.errors import Unavailable
from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.web.answers.common import Answer
from kjfh_workflow.web.caller import Caller, Desk, require_role
from kjfh_workflow.web.metrics import Metrics
from kjfh_workflow.web.problems import responses
from kjfh_workflow.web.settings import Settings

router = APIRouter(tags=["service"])

#: A collector gives up after ten; a database that hangs must not take the counters with it.
_PATIENCE = 5


class Health(Answer):
    """The process is alive."""

    status: str
    version: str


class Me(Answer):
    """Who the service takes you for."""

    id: str
    name: str
    roles: list[str]
    role_labels: dict[str, str] = Field(description="What each of them is called.", examples=[{"finance": "财政局"}])
    city: str
    city_label: str
    uscc: str


@router.head("/health", include_in_schema=False)
@router.get("/health", response_model=Health)
async def health() -> Health:
    """Whether the process is alive; waits neither for the database nor for a free thread."""
    return Health(status="alive", version=__version__)


@router.get("/ready", response_model=Health, responses=responses())
def ready(request: Request, workflow: Desk) -> Health:
    """Whether the database answers, so that requests may come."""
    with _looking(request.app.state.metrics):
        workflow.today  # noqa: B018  (asks the database)
    return Health(status="ready", version=__version__)


@router.get("/metrics", response_class=PlainTextResponse, responses=responses(403))
async def metrics(request: Request, workflow: Desk) -> Response:
    """What a collector (Prometheus) wants to know; for its own token, or for auditors and admins.

    While the database does not answer within five seconds, `kjfh_database_up` is 0 and what waits in it is left out.
    """
    settings: Settings = request.app.state.settings
    expected = os.environ.get(settings.metrics.token_env, "") if settings.metrics.token_env else ""
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not (expected and hmac.compare_digest(given.encode(), expected.encode())):
        require_role(await run_in_threadpool(request.app.state.authenticate, request), Role.AUDITOR, Role.ADMIN)
    counted, figures = request.app.state.metrics, None
    with suppress(Unavailable, TimeoutError), _looking(counted), fail_after(_PATIENCE):
        figures = await run_sync(workflow.figures, abandon_on_cancel=True)
    return Response(counted.page(figures), media_type=CONTENT_TYPE_PLAIN_0_0_4)


@contextmanager
def _looking(counted: Metrics) -> Iterator[None]:
    """Ask the database, and note whether it has answered."""
    try:
        yield
    except (Unavailable, TimeoutError):
        counted.database_is(up=False)
        raise
    counted.database_is(up=True)


@router.get("/v1/me", response_model=Me, responses=responses())
def who_am_i(caller: Caller, workflow: Desk) -> Me:
    """Who the service takes you for, and with which roles."""
    return Me(
        id=caller.id,
        name=caller.name,
        roles=[*caller.roles],
        role_labels=roles_in_city(workflow.catalog, caller.city, caller.roles),
        city=caller.city,
        city_label=city_in_words(workflow.catalog, caller.city),
        uscc=caller.uscc,
    )
