"""What ``kjfh serve --dev`` has besides: tokens for anybody, and a clock to be moved. Never part of a real service."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from kjfh_workflow.casework.virtual_time import let_time_pass
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.web.answers.common import Answer
from kjfh_workflow.web.caller import Caller, require_role
from kjfh_workflow.web.dev import DevIssuer
from kjfh_workflow.web.problems import Malformed, responses


class Somebody(BaseModel):
    """Whom a token is for."""

    model_config = ConfigDict(extra="forbid")

    id: str
    roles: list[str] = Field(min_length=1)
    city: str
    name: str = ""
    uscc: str = ""


class Token(Answer):
    """A bearer token, believed by this process alone."""

    token: str


class Passed(Answer):
    """What the clock says now, and the deadlines that rang on its way."""

    now: datetime
    rang: int


def dev_router(issuer: DevIssuer, workflow: Workflow, clock: FixedClock | None) -> APIRouter:
    """The routes; the clock's only where it is virtual."""
    router = APIRouter(prefix="/dev", tags=["dev"])

    @router.post("/tokens", response_model=Token, responses=responses(403))
    def make_token(somebody: Somebody, caller: Caller) -> Token:
        """A token for anybody (asked for with a printed token of an admin)."""
        require_role(caller, Role.ADMIN)
        return Token(token=issuer.token_for(**somebody.model_dump()))

    if clock is None:
        return router

    @router.put("/clock/{day}", response_model=Passed, responses=responses(403))
    def move_clock(day: Annotated[date, Path(examples=["2021-04-01"])], caller: Caller) -> Passed:
        """Let it be 09:00 of a later day, every deadline on the way ringing at its own instant."""
        require_role(caller, Role.ADMIN)
        until = office_hour(day)
        if until < clock.instant:
            raise Malformed("day", f"the clock is at {clock.instant:%Y-%m-%d} already")
        rang = sum(number for _, number in let_time_pass(workflow, clock, until))
        return Passed(now=clock.instant, rang=rang)

    return router
