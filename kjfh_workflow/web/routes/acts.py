"""Acting: open a case, perform an event, and preview both. The only routes that move a case."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import ConfigDict, Field

from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.web.answers.acts import OutcomeAnswer
from kjfh_workflow.web.answers.common import Evidence
from kjfh_workflow.web.caller import Caller, Desk, ExpectedVersion, RequestKey, etag
from kjfh_workflow.web.contract import with_headers
from kjfh_workflow.web.problems import responses
from kjfh_workflow.web.routes.asked import VISIBLE, Body, CaseId

router = APIRouter(prefix="/v1", tags=["acts"])

EventName = Annotated[str, Path(max_length=64, pattern=VISIBLE, examples=["pass_preliminary"])]


class Opening(Body):
    """A case to be opened."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "application", "event": "submit", "evidence": {"type": "incubator"}}]},
    )

    kind: CaseKind
    event: str = Field(max_length=64, pattern=VISIBLE, description="The event that leads from `new`.")
    city: str | None = Field(
        default=None, max_length=64, pattern=VISIBLE, description="Whose policy; the caller's by default."
    )
    parent: str | None = Field(
        default=None,
        max_length=64,
        pattern=VISIBLE,
        description="Of a change, a promotion or a tenancy: the incubator's case.",
    )
    evidence: Evidence = Field(default={}, description="What the event asks for.")


class Act(Body):
    """An event to be performed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"evidence": {"findings": "all_met"}}]})

    evidence: Evidence = Field(default={}, description="What the event asks for.")


#: Where nothing is asked for, nothing need be sent.
_ACT = Act()


@router.post(
    "/cases",
    status_code=201,
    response_model=OutcomeAnswer,
    responses={**with_headers(201, "ETag", "Location"), **responses(403, 404, 409)},
)
def open_case(
    opening: Opening, request: Request, response: Response, caller: Caller, workflow: Desk, key: RequestKey = None
) -> OutcomeAnswer:
    """Open a case with its first event."""
    done = workflow.open_case(
        opening.kind,
        opening.event,
        by=caller,
        city=opening.city,
        evidence=opening.evidence,
        parent=opening.parent,
        request_id=key,
        hide_unreadable=True,
    )
    response.headers["Location"] = f"{request.scope.get('root_path', '')}/v1/cases/{done.case}"
    response.headers["ETag"] = etag(done.version)
    request.state.acted = done.event
    return OutcomeAnswer.of(done, workflow.catalog)


@router.post("/previews", response_model=OutcomeAnswer, responses=responses(403, 404, 409))
def preview_opening(opening: Opening, caller: Caller, workflow: Desk) -> OutcomeAnswer:
    """What opening it would do, with the letters it would send; nothing is kept. A refusal is told in the answer."""
    told = workflow.preview_open(
        opening.kind,
        opening.event,
        by=caller,
        city=opening.city,
        evidence=opening.evidence,
        parent=opening.parent or "",
        hide_unreadable=True,
    )
    return OutcomeAnswer.of(told, workflow.catalog)


@router.post(
    "/cases/{case}/events/{event}",
    response_model=OutcomeAnswer,
    responses={**with_headers(200, "ETag"), **responses(403, 404, 409, 412)},
)
def perform(
    case: CaseId,
    event: EventName,
    request: Request,
    response: Response,
    caller: Caller,
    workflow: Desk,
    expected: ExpectedVersion,
    key: RequestKey = None,
    act: Act = _ACT,
) -> OutcomeAnswer:
    """Perform an event: the only way to change a case."""
    done = workflow.perform(
        case,
        event,
        by=caller,
        evidence=act.evidence,
        request_id=key,
        expected_version=expected,
        hide_unreadable=True,
    )
    response.headers["ETag"] = etag(done.version)
    request.state.acted = done.event
    return OutcomeAnswer.of(done, workflow.catalog)


@router.post("/cases/{case}/previews/{event}", response_model=OutcomeAnswer, responses=responses(404, 409))
def preview(case: CaseId, event: EventName, caller: Caller, workflow: Desk, act: Act = _ACT) -> OutcomeAnswer:
    """What the event would do, with the letters it would send; nothing is kept. A refusal is told in the answer."""
    return OutcomeAnswer.of(workflow.preview(case, event, by=caller, evidence=act.evidence), workflow.catalog)
