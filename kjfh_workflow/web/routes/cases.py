"""Cases: finding them, one of them in one glance, as it was, its money; and what a person sees first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from kjfh_workflow.policy.vocabulary import CaseKind, Level
from kjfh_workflow.store.cases import Filter
from kjfh_workflow.web.answers.cases import CaseAnswer, CaseRow, FirstScreenAnswer, PastAnswer
from kjfh_workflow.web.answers.common import After, Limit, Page
from kjfh_workflow.web.answers.files import AttachmentAnswer
from kjfh_workflow.web.answers.tables import Format, Known, On, TablesAnswer, give_all, table_responses
from kjfh_workflow.web.caller import Caller, Desk, etag
from kjfh_workflow.web.problems import responses
from kjfh_workflow.web.routes.acts import CaseId

router = APIRouter(prefix="/v1", tags=["cases"])
_Name = Annotated[str, Query(max_length=64)]
#: So many files are shown with a case.
_FILES = 100


@router.get("/desk", response_model=FirstScreenAnswer, responses=responses())
def show_desk(
    caller: Caller,
    workflow: Desk,
    days: Annotated[int, Query(ge=1, le=366, description="How far ahead to look.")] = 30,
) -> FirstScreenAnswer:
    """What waits for whoever asks: counts, what is late, what falls due, open rounds, bans, unread letters."""
    return FirstScreenAnswer.model_validate(workflow.first_screen(reader=caller, days=days))


@router.get("/cases", response_model=Page[CaseRow], responses=responses(404))
def list_cases(
    caller: Caller,
    workflow: Desk,
    city: _Name = "",
    kind: Annotated[list[CaseKind], Query(description="One, or several of which any will do.")] = [],  # noqa: B006
    state: Annotated[list[str], Query(max_length=64, description="One, or several of which any will do.")] = [],  # noqa: B006
    type: _Name = "",  # noqa: A002
    level: Level | None = None,
    uscc: Annotated[str, Query(max_length=18, description="The operator's code.")] = "",
    parent: Annotated[str, Query(max_length=64, description="The incubator that they belong to.")] = "",
    changed_since: Annotated[datetime | None, Query(description="An instant with its offset.")] = None,
    text: Annotated[
        str,
        Query(max_length=100, description="The beginning of an id or of a code, or a part of the operator's name."),
    ] = "",
    sort: Annotated[
        Literal["id", "-id", "changed_at", "-changed_at"], Query(description="`-id`: newest opened first in a city.")
    ] = "-id",
    after: After = "",
    limit: Limit = 50,
) -> Page[CaseRow]:
    """Cases that whoever asks may see, filtered and sorted."""
    wanted = Filter(
        city=city,
        kind=kind,
        state=state,
        uscc=uscc,
        parent=parent,
        type=type,
        level=level or "",
        changed_since=changed_since,
        text=text,
    )
    rows = workflow.cases(wanted, reader=caller, sort=sort, after=after, limit=limit + 1)
    items = [CaseRow.model_validate(row) for row in rows[:limit]]
    return Page[CaseRow](items=items, next=rows[limit - 1]["key"] if len(rows) > limit else None)


@router.get("/cases/{case}", response_model=CaseAnswer, responses=responses(404))
def show_case(case: CaseId, response: Response, caller: Caller, workflow: Desk) -> CaseAnswer:
    """One case with all that its screen shows, and what whoever asks may do with it."""
    found = workflow.dossier(case, reader=caller)
    files = [AttachmentAnswer.model_validate(one) for one in workflow.files.of_case(case, reader=caller)[:_FILES]]
    response.headers["ETag"] = etag(found.case.version)
    return CaseAnswer.of(found, files)


@router.get("/cases/{case}/past", response_model=PastAnswer, responses=responses(404))
def show_past(case: CaseId, caller: Caller, workflow: Desk, on: On = None, known: Known = None) -> PastAnswer:
    """One case as it was on a day in law, or as it was known at the end of a day."""
    return PastAnswer.of(workflow.books.case_as_of(case, on=on, known=known, reader=caller))


@router.get("/cases/{case}/ledger", response_model=TablesAnswer, responses=table_responses(404))
def show_case_ledger(
    case: CaseId, caller: Caller, workflow: Desk, known: Known = None, as_format: Format = "json"
) -> TablesAnswer | Response:
    """The awards of one case, and everything that became of them."""
    found = workflow.ledger.of_case(case, known=known, reader=caller)
    return give_all([found.awards, found.changes], as_format, "ledger")
