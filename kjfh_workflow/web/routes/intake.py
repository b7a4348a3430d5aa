"""Application folders: read one, hand out empty ones. Nothing is stored; ``open_case`` submits what was read."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from kjfh_workflow.casework.views.facts_form import facts_form
from kjfh_workflow.intake.aside import folder_aside
from kjfh_workflow.intake.folder import read_folder
from kjfh_workflow.intake.packed import unpacked
from kjfh_workflow.intake.template import write_template
from kjfh_workflow.web.answers.intake import ApplicationAnswer
from kjfh_workflow.web.caller import Caller, Desk
from kjfh_workflow.web.problems import responses

router = APIRouter(prefix="/v1/intake", tags=["intake"])
_ZIP = "application/zip"


@router.post("/readings", response_model=ApplicationAnswer, responses=responses(413))
def read_application(
    body: Annotated[bytes, Body(media_type=_ZIP, description="The folder's files in one .zip.")],
    caller: Caller,  # noqa: ARG001  (whoever is known may have a folder read; nothing is kept)
    workflow: Desk,
) -> ApplicationAnswer:
    """Read an application folder: all of it, or every problem of every row. Nothing is stored."""
    with unpacked(body) as folder:
        found = read_folder(folder, packs=[*workflow.catalog])
    catalog = workflow.catalog
    pack = catalog.in_force(found.city, workflow.today) or catalog.latest(found.city)
    return ApplicationAnswer.of(found, facts_form(pack))


@router.get(
    "/templates/{city}",
    response_class=Response,
    responses={200: {"content": {_ZIP: {}}, "description": "A .zip."}, **responses(404)},
)
def download_templates(
    city: str,
    caller: Caller,  # noqa: ARG001  (as above)
    workflow: Desk,
    type: Annotated[str | None, Query(max_length=64, description="Fill in this type already.")] = None,  # noqa: A002
) -> Response:
    """Empty spreadsheets with headers, examples and drop-downs, in one .zip."""
    pack = workflow.catalog.latest(city)
    packed = BytesIO()
    with folder_aside("kjfh-templates-") as folder, zipfile.ZipFile(packed, "w") as archive:
        for path in write_template(folder, pack, type):
            archive.write(path, path.name, zipfile.ZIP_DEFLATED)
    headers = {"Content-Disposition": f'attachment; filename="{city}.zip"'}
    return Response(packed.getvalue(), media_type=_ZIP, headers=headers)
