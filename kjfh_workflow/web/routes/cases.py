"""Looking at cases: lists, one case in one glance, as it was, its money; and what a person sees first."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from kjfh_workflow.casework.views.first_screen import MOST_DAYS
from kjfh_workflow.policy.vocabulary import CaseKind, Level
from kjfh_workflow.store.cases import Filter
from kjfh_workflow.web.answers.cases import CaseRow, DeskAnswer
from kjfh_workflow.web.answers.common import Limit, Page
from kjfh_workflow.web.answers.dossier import CaseAnswer, PastAnswer
from kjfh_workflow.web.answers.forms import EventFormAnswer
from kjfh_workflow.web.answers.tables import City, Format, Known, On, TablesAnswer, give_all, table_responses
from kjfh_workflow.web.caller import Caller, Desk, etag
from kjfh_workflow.web.contract import with_headers
from kjfh_workflow.web.problems import responses
from kjfh_workflow.web.routes.asked import VISIBLE, Behind, CaseId, Day, Name, Wanted, first_of

router = APIRouter(prefix="/v1", tags=["cases"])

#: Kinds and states of all packs are fewer.
_MOST_NAMES = 50
Sort = Literal["id", "-id", "changed_at", "-changed_at"]


@router.get("/cases", response_model=Page[CaseRow], responses=responses(404))
def list_cases(
    caller: Caller,
    workflow: Desk,
    city: City = "",
    kind: Annotated[tuple[CaseKind, ...], Query(max_length=_MOST_NAMES, description="Any of these.")] = (),
    state: Annotated[tuple[Name, ...], Query(max_length=_MOST_NAMES, description="In any of these.")] = (),
    type_: Annotated[Wanted, Query(alias="type", description="As applied for or held.", examples=["incubator"])] = "",
    level: Annotated[Level | None, Query(description="Titles at exactly this level.")] = None,
    uscc: Annotated[Wanted, Query(description="Of the operator with this code.")] = "",
    parent: Annotated[Wanted, Query(description="That belong to this case.")] = "",
    changed_since: Annotated[
        AwareDatetime | None,
        Query(description="That an act has changed at this instant or later.", examples=["2021-03-01T00:00:00+08:00"]),
    ] = None,
    text: Annotated[
        str,
        Query(
            max_length=100,
            pattern=VISIBLE,
            description="The beginning of a case's id or of an operator's code, or else a part of an operator's name.",
            examples=["朝阳"],
        ),
    ] = "",
    is_open: Annotated[bool | None, Query(alias="open", description="Only what is over, or only what is not.")] = None,
    opened_since: Annotated[Day | None, Query(description="Opened on this day or later.")] = None,
    opened_until: Annotated[Day | None, Query(description="Opened on this day or before.")] = None,
    waiting_for: Annotated[
        Literal["me"] | None,
        Query(description="Only what waits for an act of yours, as on your desk; each with what is `to_do`."),
    ] = None,
    sort: Annotated[
        Sort,
        Query(
            description="Ids begin with city and day: `-id` is newest opened first within a city. In order of change, "
            "a case that changes while you read moves; every other comes exactly once."
        ),
    ] = "-id",
    after: Behind = "",
    limit: Limit = 50,
) -> Any:
    """Find cases: those that you may see, filtered and sorted, each with its next deadline."""
    wanted = Filter(
        city, kind, state, uscc, parent, type_, level or "", changed_since, text,
        open=is_open, opened_since=opened_since, opened_until=opened_until, waiting=waiting_for is not None,
    )  # fmt: skip
    rows = workflow.cases(wanted, reader=caller, sort=sort, after=after, limit=limit + 1)
    items, following = first_of(rows, limit, lambda row: str(row["key"]))
    return {"items": items, "next": following}


@router.get(
    "/cases/{case}", response_model=CaseAnswer, responses={**with_headers(200, "ETag"), **responses(404, 409)}
)  # fmt: skip
def show_case(case: CaseId, response: Response, caller: Caller, workflow: Desk) -> CaseAnswer:
    """One case in one glance: facts, criteria, clocks, money, timeline, letters, and what you may do and why not more.

    Everything is of one moment. The ETag is the case's version, and good for `If-Match` with what you then do; it is no
    validator of this answer, which also changes with the day, with letters and files, and with who asks.
    """
    found = workflow.dossier(case, reader=caller)
    response.headers["ETag"] = etag(found.case.version)
    return CaseAnswer.of_dossier(found)


@router.get("/cases/{case}/past", response_model=PastAnswer, responses=responses(404))
def show_past(case: CaseId, caller: Caller, workflow: Desk, on: On = None, known: Known = None) -> PastAnswer:
    """A case as it was in law on a day, as far as it was on file at the end of a day."""
    return PastAnswer.of_past(workflow.past(case, on=on, known=known, reader=caller))


@router.get("/cases/{case}/ledger", response_model=TablesAnswer, responses=table_responses(404))
def show_case_ledger(
    case: CaseId, caller: Caller, workflow: Desk, known: Known = None, as_format: Format = "json"
) -> Any:
    """The money of one case: how each award stands, and everything that became of it."""
    found = workflow.ledger.of_case(case, known=known, reader=caller)
    return give_all([found.awards, found.changes], as_format, "ledger")


@router.get("/openings", response_model=list[EventFormAnswer], responses=responses(404))
def list_openings(
    caller: Caller,
    workflow: Desk,
    city: Annotated[City, Query(description="Whose policy; yours by default.")] = "",
) -> Any:
    """With which events you may open a case that belongs to no other, and why not; with their forms.

    What you may open under a case stands among its `events`.
    """
    return workflow.openings(reader=caller, city=city)


@router.get("/desk", response_model=DeskAnswer, responses=responses())
def show_desk(
    caller: Caller,
    workflow: Desk,
    days: Annotated[int, Query(ge=1, le=MOST_DAYS, description="How far ahead to look.")] = 30,
) -> DeskAnswer:
    """What waits for you: your acts, how many cases stand where, what is late or falls due, rounds, bans, letters."""
    return DeskAnswer.model_validate(workflow.first_screen(reader=caller, days=days))
