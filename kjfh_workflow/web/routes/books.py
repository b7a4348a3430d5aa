"""The books: register, integrity list, targets and reports; as JSON, or as a spreadsheet with ``format=xlsx``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from kjfh_workflow.web.answers.books import BanAnswer, MisconductAnswer
from kjfh_workflow.web.answers.common import Evidence, Limit
from kjfh_workflow.web.answers.tables import (
    Behind,
    City,
    Format,
    Known,
    On,
    OneCity,
    TableAnswer,
    TablesAnswer,
    Year,
    give,
    give_all,
    table_responses,
)
from kjfh_workflow.web.caller import Caller, Desk, RequestKey
from kjfh_workflow.web.problems import responses
from kjfh_workflow.web.routes.asked import Body

router = APIRouter(prefix="/v1", tags=["books"])

Uscc = Annotated[
    str,
    Path(pattern="^[0-9A-Z]{18}$", description="The operator's code.", examples=["91330281MA2B00001P"]),
]
_MISCONDUCT: dict[str, Any] = {"person": "张评审", "finding": "收受申报单位财物", "document_no": "余纪〔2021〕5号"}


class Misconduct(Body):
    """A reviewer's misconduct, to be put on the integrity list."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"evidence": _MISCONDUCT}]})

    city: str | None = Field(default=None, max_length=64, description="Whose list; the caller's by default.")
    evidence: Evidence = Field(default={}, description="`person`, `finding` and `document_no`.")


# ---- register and integrity list -----------------------------------------------------------------------------------


@router.get("/register", response_model=TableAnswer, responses=table_responses(404, 409))
def show_register(
    caller: Caller,
    workflow: Desk,
    city: City = "",
    on: On = None,
    known: Known = None,
    after: Behind = "",
    limit: Limit = 500,
    as_format: Format = "json",
) -> Any:
    """Who holds which title, today or on any past day. Applicants see their own."""
    table = workflow.books.register(city, on=on, known=known, reader=caller)
    return give(table, as_format, "register", after=after, limit=limit)


@router.get("/register/ended", response_model=TableAnswer, responses=table_responses(404, 409))
def show_ended_titles(
    caller: Caller,
    workflow: Desk,
    city: City = "",
    on: On = None,
    known: Known = None,
    after: Behind = "",
    limit: Limit = 500,
    as_format: Format = "json",
) -> Any:
    """Which titles were cancelled or surrendered: since when, and why."""
    table = workflow.books.ended(city, on=on, known=known, reader=caller)
    return give(table, as_format, "ended", after=after, limit=limit)


@router.get("/bans", response_model=TableAnswer, responses=table_responses(404, 409))
def list_bans(
    caller: Caller,
    workflow: Desk,
    city: City = "",
    on: On = None,
    known: Known = None,
    after: Behind = "",
    limit: Limit = 500,
    as_format: Format = "json",
) -> Any:
    """Which operators may not apply, until when."""
    table = workflow.books.bans(city, on=on, known=known, reader=caller)
    return give(table, as_format, "bans", by=("case", "since", "until"), after=after, limit=limit)


@router.get("/bans/{city}/{uscc}", response_model=BanAnswer, responses=responses(404))
def show_ban(city: OneCity, uscc: Uscc, caller: Caller, workflow: Desk) -> BanAnswer:
    """Whether an operator may apply in a city today; for the city's offices, and for the operator itself."""
    until = workflow.books.banned_until(city, uscc, reader=caller)
    return BanAnswer(city=city, uscc=uscc, banned_until=until)


@router.get("/misconduct", response_model=TableAnswer, responses=table_responses(404, 409))
def list_misconduct(
    caller: Caller,
    workflow: Desk,
    city: City = "",
    on: On = None,
    known: Known = None,
    after: Behind = "",
    limit: Limit = 500,
    as_format: Format = "json",
) -> Any:
    """What has been recorded of reviewers; applicants see none of it."""
    table = workflow.books.misconduct_table(city, on=on, known=known, reader=caller)
    return give(table, as_format, "misconduct", by=("id",), after=after, limit=limit)


@router.post(
    "/misconduct", status_code=201, response_model=MisconductAnswer, responses=responses(403, 404, 409)
)  # fmt: skip
def record_misconduct(
    misconduct: Misconduct, caller: Caller, workflow: Desk, key: RequestKey = None
) -> MisconductAnswer:
    """Put a reviewer's misconduct on the city's integrity list, where its document has one."""
    entry = workflow.books.record_misconduct(
        misconduct.city or caller.city, by=caller, evidence=misconduct.evidence, request_id=key
    )
    return MisconductAnswer.model_validate(entry)


@router.get("/integrity", response_model=TablesAnswer, responses=table_responses(404))
def show_integrity_list(
    caller: Caller,
    workflow: Desk,
    city: City = "",
    on: On = None,
    known: Known = None,
    as_format: Format = "json",
) -> Any:
    """Bans in force and reviewers' misconduct, of one moment."""
    return give_all(workflow.books.integrity(city, on=on, known=known, reader=caller), as_format, "integrity")


# ---- targets and reports -------------------------------------------------------------------------------------------


@router.get("/targets/{city}", response_model=TablesAnswer, responses=table_responses(404))
def show_targets(
    city: OneCity,
    caller: Caller,
    workflow: Desk,
    on: On = None,
    known: Known = None,
    as_format: Format = "json",
) -> Any:
    """How far a city has come with its targets: the targets first, then the list behind each."""
    return give_all(workflow.books.targets(city, on=on, known=known, reader=caller), as_format, "targets")


@router.get("/reports/yearly/{city}/{year}", response_model=TablesAnswer, responses=table_responses(404))
def show_yearly_report(
    city: OneCity,
    year: Year,
    caller: Caller,
    workflow: Desk,
    on: On = None,
    known: Known = None,
    as_format: Format = "json",
) -> Any:
    """A city's calendar year: titles, grades, awards, changes, bans and misconduct."""
    return give_all(workflow.books.yearly(city, year, on=on, known=known, reader=caller), as_format, "year")


@router.get("/reports/townships/{city}", response_model=TablesAnswer, responses=table_responses(404))
def show_township_report(
    city: OneCity,
    caller: Caller,
    workflow: Desk,
    year: Annotated[
        int | None, Query(ge=2000, le=2100, description="Whose awards; by default the year of the day looked at.")
    ] = None,
    on: On = None,
    known: Known = None,
    as_format: Format = "json",
) -> Any:
    """One row for each township, with the awards of a calendar year."""
    return give_all([workflow.books.townships(city, year, on=on, known=known, reader=caller)], as_format, "townships")


@router.get("/reports/overdue", response_model=TableAnswer, responses=table_responses(404, 409))
def show_overdue_work(
    caller: Caller,
    workflow: Desk,
    city: City = "",
    after: Behind = "",
    limit: Limit = 500,
    as_format: Format = "json",
) -> Any:
    """The work that is late today, and with whom it lies."""
    table = workflow.books.overdue(city, reader=caller)
    return give(table, as_format, "overdue", by=("case", "timer"), after=after, limit=limit)
