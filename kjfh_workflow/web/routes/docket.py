"""The docket: what falls due, as JSON for a screen and as a calendar file to import or subscribe to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from kjfh_workflow.casework.views.docket import MOST_DAYS
from kjfh_workflow.casework.views.ics import to_ics
from kjfh_workflow.web.answers.common import Limit
from kjfh_workflow.web.answers.docket import DocketAnswer
from kjfh_workflow.web.answers.tables import Behind, City
from kjfh_workflow.web.caller import Caller, Desk
from kjfh_workflow.web.problems import responses

router = APIRouter(prefix="/v1", tags=["docket"])

Days = Annotated[int, Query(ge=1, le=MOST_DAYS, description="How many days to look ahead.")]
_CALENDAR = "text/calendar"


@router.get("/docket", response_model=DocketAnswer, responses=responses(404))
def show_docket(
    caller: Caller, workflow: Desk, days: Days = 90, city: City = "", after: Behind = "", limit: Limit = 200
) -> DocketAnswer:
    """What falls due in the next days, and what is overdue: for whom, why, and what comes of it."""
    docket = workflow.docket(days=days, city=city, reader=caller)
    items, following = docket.page(after, limit)
    return DocketAnswer.model_validate(
        {
            "made_at": docket.made_at,
            "today": docket.today,
            "until": docket.until,
            "total": len(docket.items),
            "overdue": sum(item.overdue for item in docket.items),
            "items": items,
            "next": following,
            "failing": docket.failing,
        }
    )


@router.get(
    "/docket.ics",
    response_class=Response,
    responses={
        200: {"description": "An iCalendar file.", "content": {_CALENDAR: {"schema": {"type": "string"}}}},
        **responses(404),
    },
)
def download_docket(caller: Caller, workflow: Desk, days: Days = 90, city: City = "") -> Response:
    """The same as a calendar file (RFC 5545): one all-day event on the last day of each running clock."""
    content = to_ics(workflow.docket(days=days, city=city, reader=caller))
    headers = {"Content-Disposition": 'attachment; filename="docket.ics"'}
    return Response(content, media_type=_CALENDAR, headers=headers)
