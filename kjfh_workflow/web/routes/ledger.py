"""The money: the ledger, its forecast, the payment list that goes out and the one that comes back.

Approving, paying and the other acts on one award are events of its incubator (``acts``).
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from kjfh_workflow.books.ledger import Wanted, key_of
from kjfh_workflow.intake.aside import folder_aside
from kjfh_workflow.policy.vocabulary import AwardStatus
from kjfh_workflow.web.answers.books import ReconciliationAnswer
from kjfh_workflow.web.answers.common import Limit
from kjfh_workflow.web.answers.tables import (
    XLSX,
    Behind,
    CaseFilter,
    City,
    Format,
    Known,
    TableAnswer,
    TablesAnswer,
    give_all,
    saved,
    spreadsheet,
    table_responses,
)
from kjfh_workflow.web.caller import Caller, Desk
from kjfh_workflow.web.problems import WrongType, responses

router = APIRouter(prefix="/v1/ledger", tags=["ledger"])

_CSV = "text/csv"
#: Media type → what such a file is called.
_ENDINGS = {XLSX: "xlsx", _CSV: "csv"}
_FILE = {"schema": {"type": "string", "format": "binary"}}


async def _ending(request: Request) -> str:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _ENDINGS:
        raise WrongType(f"a payment list comes as {' or '.join(_ENDINGS)}, not as {media_type or 'nothing named'}")
    return _ENDINGS[media_type]


async def _body(request: Request) -> bytes:
    return await request.body()


@router.get("", response_model=TableAnswer, responses=table_responses(404))
def show_ledger(
    caller: Caller,
    workflow: Desk,
    city: City = "",
    case: CaseFilter = "",
    year: Annotated[int | None, Query(ge=2000, le=2100, description="Only of this calendar year.")] = None,
    status: Annotated[AwardStatus | None, Query(description="Only what stands so.")] = None,
    known: Known = None,
    after: Behind = "",
    limit: Limit = 200,
    as_format: Format = "json",
) -> Any:
    """How each award stands, by case and award. Offices see their city's, operators their own.

    Besides the columns a row has the `version` of its case, to be sent as `If-Match`, `evidence`, how an act names the
    award, and `events`, `event` and `label` of each that your role could perform on it as it stands: send it to
    `POST /v1/cases/{case}/events/{event}`. Whether it is refused its preview tells; as of a past day there are none.
    The spreadsheet has all of them, and the sums by status in its note; `/v1/ledger/years` has the sums as JSON.
    """
    wanted, ledger = Wanted(case, year, status), workflow.ledger
    if as_format == "xlsx":
        return spreadsheet([ledger.table(city, wanted, known=known, reader=caller)], "ledger")
    table = ledger.page(city, wanted, after=after, limit=limit + 1, known=known, reader=caller)
    rows = table.rows[:limit]
    return TableAnswer.of(table, rows, key_of(rows[-1]) if len(table.rows) > limit else None, None)


@router.get("/forecast", response_model=TablesAnswer, responses=table_responses(404))
def forecast_awards(
    caller: Caller, workflow: Desk, city: City = "", known: Known = None, as_format: Format = "json"
) -> Any:
    """For each calendar year what is paid, committed, likely and possible, in yuan."""
    return give_all([workflow.ledger.forecast(city, known=known, reader=caller)], as_format, "forecast")


@router.get("/years", response_model=TablesAnswer, responses=table_responses(404))
def sum_awards_by_year(
    caller: Caller, workflow: Desk, city: City = "", known: Known = None, as_format: Format = "json"
) -> Any:
    """For each calendar year the sum of the awards in each status, in yuan."""
    return give_all([workflow.ledger.by_year(city, known=known, reader=caller)], as_format, "years")


@router.get("/payment-list", response_model=TablesAnswer, responses=table_responses(403, 404))
def make_payment_list(caller: Caller, workflow: Desk, as_format: Format = "json") -> Any:
    """What Finance may pay now in its city, and what has to wait and why; nothing changes by it.

    The spreadsheet has columns to fill in: it comes back to `POST /v1/ledger/reconciliations`.
    """
    found = workflow.ledger.payment_list(by=caller)
    if as_format == "xlsx":
        return saved(found.save, "payments", found.payable.title)
    return give_all([found.payable, found.waiting], as_format, "payments")


@router.post(
    "/reconciliations",
    response_model=ReconciliationAnswer,
    responses=responses(403, 404, 413, 415),
    openapi_extra={"requestBody": {"required": True, "content": {XLSX: _FILE, _CSV: _FILE}}},
)
def reconcile_payments(
    caller: Caller,
    workflow: Desk,
    ending: Annotated[str, Depends(_ending)],
    content: Annotated[bytes, Depends(_body)],
) -> ReconciliationAnswer:
    """Record as paid what a filled-in payment list says was paid; the body is the file itself.

    Each payment is recorded by itself. The same list sent again pays nothing twice, so after a broken connection it
    is simply sent again.
    """
    with folder_aside("kjfh-payments-") as folder:
        file = folder / f"list.{ending}"
        file.write_bytes(content)
        return ReconciliationAnswer.of(workflow.ledger.reconcile(file, by=caller))
