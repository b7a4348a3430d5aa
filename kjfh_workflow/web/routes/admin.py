"""What whoever runs the service looks at besides health and metrics: alarms that cannot ring."""

from __future__ import annotations

from datetime import date, datetime

from fastapi import APIRouter
from pydantic import Field

from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.web.answers.common import Answer
from kjfh_workflow.web.caller import Caller, Desk, require_role
from kjfh_workflow.web.problems import responses

router = APIRouter(prefix="/v1", tags=["admin"])


class FailingAlarm(Answer):
    """An alarm whose time has come and that could not ring so far."""

    case: str
    timer: str = Field(examples=["review_due"])
    alarm: str = Field(examples=["expire"])
    due: date
    rings_at: datetime
    error: str
    attempts: int
    retry_at: datetime = Field(description="When it is tried again.")


@router.get("/alarms/failing", response_model=list[FailingAlarm], responses=responses(403))
def list_failing_alarms(caller: Caller, workflow: Desk) -> list[FailingAlarm]:
    """The alarms that could not ring (an admin or an auditor)."""
    require_role(caller, Role.ADMIN, Role.AUDITOR)
    return [FailingAlarm.model_validate({**row, "case": row["case_id"]}) for row in workflow.failing(reader=caller)]
