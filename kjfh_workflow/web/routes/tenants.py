"""An incubator's roster of firms: its tenancies are brought in line with it, or it is told what would happen.

Each tenancy is a case like any other (``acts``).
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import FailFast, TypeAdapter, ValidationError

from kjfh_workflow.books.tenants import Imported
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.intake.aside import folder_aside
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.facts import MOST_ROWS
from kjfh_workflow.web.answers.tenants import ImportedAnswer
from kjfh_workflow.web.caller import Caller, Desk
from kjfh_workflow.web.problems import Malformed, WrongType, responses
from kjfh_workflow.web.routes.asked import CaseId

router = APIRouter(prefix="/v1/cases/{case}/tenants", tags=["cases"])

_JSON = "application/json"
#: Media type → how the file is called while it is read, and in what is said of it.
_SHEETS = {
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "tenants.xlsx",
    "text/csv": "tenants.csv",
}
_ROWS: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(Annotated[list[dict[str, Any]], FailFast()])
_ROW = {
    "name": "余姚某某科技有限公司", "uscc": "91330281MA2B00001P", "founded_on": "2020-03-01",
    "entered_on": "2020-06-01", "area_m2": "120.5", "field": "电子信息", "technology_sme": True,
    "registered_inside": True, "works_inside": True, "ip_applied": False, "invested_yuan": "0",
}  # fmt: skip
_BODY = {
    "requestBody": {
        "required": True,
        "description": "Every firm that is in the incubator now: rows, or a spreadsheet like the tenants' list of an "
        f"application folder. At most {MOST_ROWS:,} rows.",
        "content": {
            _JSON: {"schema": {"type": "array", "items": {"type": "object"}, "maxItems": MOST_ROWS}, "example": [_ROW]},
            **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in _SHEETS},
        },
    }
}


@router.post("", response_model=ImportedAnswer, responses=responses(403, 404, 409, 413, 415), openapi_extra=_BODY)
async def import_tenants(
    case: CaseId,
    request: Request,
    caller: Caller,
    workflow: Desk,
    preview: Annotated[bool, Query(description="Only tell what would happen, and who would be refused.")] = False,
) -> ImportedAnswer:
    """Admit who is new on the roster, let leave who is gone: all of it, or nothing. Sent again, it changes nothing."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    done = await run_in_threadpool(_import, workflow, case, kind, body, caller, preview)
    return ImportedAnswer.model_validate(done)


def _import(workflow: Workflow, case: str, kind: str, body: bytes, by: Actor, preview: bool) -> Imported:
    if kind == _JSON:
        try:
            rows = _ROWS.validate_json(body)
        except ValidationError as error:
            place = ".".join(str(part) for part in ("body", *error.errors()[0]["loc"]))
            raise Malformed(place, error.errors()[0]["msg"]) from None
        return workflow.books.import_tenants(case, rows, by=by, preview=preview)
    if kind not in _SHEETS:
        raise WrongType(f"a roster is {_JSON}, {' or '.join(_SHEETS)}")
    with folder_aside("kjfh-tenants-") as folder:
        file = folder / _SHEETS[kind]
        file.write_bytes(body)
        return workflow.books.import_tenants(case, file, by=by, preview=preview)
