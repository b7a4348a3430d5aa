"""Whether the service works: for load balancers and collectors. They say nothing about any case."""

from __future__ import annotations

import hmac
import os

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from kjfh_workflow import __version__
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
    city: str
    uscc: str


@router.get("/health", response_model=Health)
def health() -> Health:
    """Whether the process is alive; asks nothing of the database."""
    return Health(status="alive", version=__version__)


@router.get("/ready", response_model=Health, responses=responses())
def ready(workflow: Desk) -> Health:
    """Whether the database answers, so that requests may come."""
    workflow.today  # noqa: B018  (asks the database)
    return Health(status="ready", version=__version__)


@router.get("/metrics", response_class=PlainTextResponse, responses=responses(403))
def metrics(request: Request) -> Response:
    """What a collector (Prometheus) wants to know; for its own token, or for auditors and admins."""
    settings: Settings = request.app.state.settings
    expected = os.environ.get(settings.metrics.token_env, "") if settings.metrics.token_env else ""
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not (expected and hmac.compare_digest(given.encode(), expected.encode())):
        require_role(request.app.state.authenticate(request), Role.AUDITOR, Role.ADMIN)
    return Response(request.app.state.metrics.page(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


@router.get("/v1/me", response_model=Me, responses=responses())
def who_am_i(caller: Caller) -> Me:
    """Who the service takes you for, and with which roles."""
    return Me.model_validate(caller)
