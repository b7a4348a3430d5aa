"""Evidence that comes as a file: put into a case, listed, handed out. Bodies are read and sent piece by piece.

What a file may be, and who may attach it, is the library's to say.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Header, HTTPException, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from kjfh_workflow.casework.files.files_desk import Attachment, FileDamaged
from kjfh_workflow.casework.files.receiving import FileTooLarge, Received
from kjfh_workflow.casework.files.scanning import CommandScanner
from kjfh_workflow.intake.file_names import ending
from kjfh_workflow.intake.file_types import FileTypeRefused
from kjfh_workflow.web.answers.common import Limit, Page
from kjfh_workflow.web.answers.files import AttachmentAnswer
from kjfh_workflow.web.bodies import Uploads
from kjfh_workflow.web.caller import Caller, Desk, RequestKey
from kjfh_workflow.web.contract import with_headers
from kjfh_workflow.web.problems import Malformed, TooLarge, WrongType, responses
from kjfh_workflow.web.routes.asked import CaseId
from kjfh_workflow.web.settings import FileSettings

router = APIRouter(prefix="/v1/cases/{case}/files", tags=["files"])

#: What is put aside at once; a slow sender holds no thread meanwhile.
_BATCH = 1024 * 1024
_UPLOAD = re.compile(r"/v1/cases/[^/]+/files")
_LAST_ID = 2**63 - 1
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_RAW_BODY = {
    "requestBody": {
        "required": True,
        "description": "The file itself, no form; up to the service's limit, also without Content-Length.",
        "content": {"application/octet-stream": _BINARY},
    }
}
_ETAG = with_headers(200, "ETag")[200]
_DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {"content": {"*/*": _BINARY}, "description": "The file, bit by bit as it came.", **_ETAG},
    304: {"description": "You have it already.", **_ETAG},
}


def takes_stream(scope: Scope) -> bool:
    """Whether a request is an upload, which limits its own body: this method, exactly this path, and no other."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return scope["method"] == "POST" and _UPLOAD.fullmatch(path) is not None


@router.post(
    "",
    status_code=201,
    response_model=AttachmentAnswer,
    responses={**with_headers(201, "Location"), **responses(403, 404, 409, 413, 415)},
    openapi_extra=_RAW_BODY,
)
async def attach_file(
    case: CaseId,
    name: Annotated[str, Query(max_length=500, description="A plain file name.", examples=["营业执照.pdf"])],
    request: Request,
    response: Response,
    caller: Caller,
    workflow: Desk,
    material: Annotated[
        str, Query(max_length=64, description="A key of the pack's materials.", examples=["operator_licence"])
    ] = "",
    key: RequestKey = None,
) -> AttachmentAnswer:
    """Put a file into a case: PDF, OFD, DOCX, XLSX, JPEG, PNG, or UTF-8 text (TXT, CSV); told by its bytes."""
    limits: FileSettings = request.app.state.settings.files
    uploads: Uploads = request.app.state.uploads
    await run_in_threadpool(workflow.files.check, case, name, by=caller, material=material, request_id=key)
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise WrongType("send the file itself as the body, and its name as ?name=: no form is taken here")
    scan = CommandScanner(limits.scanner, limits.scanner_seconds) if limits.scanner else None
    try:
        with uploads.place(), Received(limits.max_bytes) as received:
            announced = request.headers.get("content-length", "")
            received.expect(int(announced) if announced.isdecimal() else 0)
            await _receive(request, received, uploads)
            found = await run_in_threadpool(
                workflow.files.attach_received,
                case,
                name,
                received,
                by=caller,
                material=material,
                request_id=key,
                scan=scan,
            )
    except FileTooLarge as error:
        raise TooLarge(str(error)) from error
    except FileTypeRefused as error:
        raise WrongType(str(error)) from error
    except ClientDisconnect:
        raise Malformed("body", "the upload broke off; nothing was stored") from None
    response.headers["Location"] = f"{request.url.path}/{found.id}"
    return AttachmentAnswer.model_validate(found)


@router.get("", response_model=Page[AttachmentAnswer], responses=responses(404))
def list_files(
    case: CaseId,
    caller: Caller,
    workflow: Desk,
    after: Annotated[int, Query(ge=0, le=_LAST_ID, description="Continue behind this one.")] = 0,
    limit: Limit = 100,
) -> Page[AttachmentAnswer]:
    """The files of a case, oldest first. Whoever may read the case sees all of them."""
    found = workflow.files.of_case(case, reader=caller, after=after, limit=limit + 1)
    items = [AttachmentAnswer.model_validate(one) for one in found[:limit]]
    return Page(items=items, next=str(items[-1].id) if len(found) > limit else None)


@router.get(
    "/{file}",
    response_class=Response,
    responses={**_DOWNLOAD, **responses(404)},
)
def download_file(
    case: CaseId,
    file: Annotated[int, Path(ge=1, le=_LAST_ID, description="As in the list.", examples=[17])],
    caller: Caller,
    workflow: Desk,
    if_none_match: Annotated[str | None, Header(description="The ETag of what you have.")] = None,
) -> Response:
    """A file of a case. What has been damaged in the database breaks off before its end."""
    found, content = workflow.files.open(case, file, reader=caller)
    headers = _headers(found)
    if headers["ETag"] in [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]:
        return Response(status_code=304, headers=headers)
    try:
        first = next(content, b"")
    except FileDamaged as error:
        raise HTTPException(500, "what is stored of this file is no longer what was handed in") from error
    headers["Content-Length"] = str(found.size)
    return StreamingResponse(chain((first,), content), media_type=found.media_type, headers=headers)


async def _receive(request: Request, received: Received, uploads: Uploads) -> None:
    waiting = bytearray()

    async def put(piece: bytes) -> None:
        waiting.extend(piece)
        if len(waiting) >= _BATCH:
            await run_in_threadpool(received.take, bytes(waiting))
            waiting.clear()

    await uploads.take(request.stream(), put)
    await run_in_threadpool(received.take, bytes(waiting))


def _headers(found: Attachment) -> dict[str, str]:
    # The first name is for programs that do not know the second, and holds nothing of what people wrote (RFC 6266).
    plain = f"{found.sha256[:12]}.{ending(found.name)}"
    return {
        "ETag": f'"{found.sha256}"',
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(found.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-cache",
    }
