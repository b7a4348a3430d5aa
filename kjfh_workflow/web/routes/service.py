"""Whether the service works: for load balancers and collectors. They say nothing about any case."""

from __future__ import annotations

import hmac
import os

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import Field

from kjfh_workflow import __version__
from kjfh_workflow.casework.wording import city_in_words, roles_in_city
from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.web.answers.common import Answer
from kjfh_workflow.web.caller import Caller, Desk, require_role
from kjfh_workflow.web.problems import responses
from kjfh_workflow.web.settings import Settings

router = APIRouter(tags=["service"])


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
def ready(workflow: Desk) -> Health:
    """Whether the database answers, so that requests may come."""
    workflow.today  # noqa: B018  (asks the database)
    return Health(status="ready", version=__version__)


@router.get("/metrics", response_class=PlainTextResponse, responses=responses(403))
def metrics(request: Request, workflow: Desk) -> Response:
    """What a collector (Prometheus) wants to know; for its own token, or for auditors and admins."""
    settings: Settings = request.app.state.settings
    expected = os.environ.get(settings.metrics.token_env, "") if settings.metrics.token_env else ""
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not (expected and hmac.compare_digest(given.encode(), expected.encode())):
        require_role(request.app.state.authenticate(request), Role.AUDITOR, Role.ADMIN)
    return Response(request.app.state.metrics.page(workflow.figures()), media_type=CONTENT_TYPE_PLAIN_0_0_4)


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
