"""Notices on file and their letters, drafts, and inboxes. How a notice leaves the house is ``outbox``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response

from kjfh_workflow.web.answers.common import Limit, Page
from kjfh_workflow.web.answers.notices import NoticeAnswer, NoticeLine, OpenedAnswer, PreviewAnswer, ReceivedAnswer
from kjfh_workflow.web.caller import Caller, Desk
from kjfh_workflow.web.contract import with_headers
from kjfh_workflow.web.problems import responses
from kjfh_workflow.web.routes.asked import VISIBLE, Behind, CaseId, NoticeId, Wanted, first_of

router = APIRouter(prefix="/v1", tags=["notices"])

_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_ETAG = with_headers(200, "ETag")[200]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_LETTER: dict[int | str, dict[str, Any]] = {
    200: {"description": "The letter.", "content": {_DOCX: _BINARY}, **_ETAG},
    304: {"description": "You have it already.", **_ETAG},
}
NoticeName = Annotated[str, Path(max_length=64, pattern=VISIBLE, examples=["application_rejected"])]


@router.get("/notices", response_model=Page[NoticeLine], responses=responses())
def list_notices(
    caller: Caller, workflow: Desk, case: Wanted = "", city: Wanted = "", after: Behind = "", limit: Limit = 100
) -> Page[NoticeLine]:
    """Notices in order of their ids: an operator's own, an office's city's, for auditors all."""
    rows = workflow.mail_room.notices(case=case, city=city, reader=caller, after=after, limit=limit + 1)
    found, following = first_of(rows, limit, lambda row: str(row["id"]))
    return Page(items=[NoticeLine.of(row) for row in found], next=following)


@router.get("/notices/{case}/{version}/{number}", response_model=NoticeAnswer, responses=responses(404))
def show_notice(notice: NoticeId, caller: Caller, workflow: Desk) -> NoticeAnswer:
    """A notice as it is on file."""
    return NoticeAnswer.of(workflow.mail_room.notice(notice, reader=caller))


@router.get(
    "/notices/{case}/{version}/{number}/letter",
    response_class=Response,
    responses={**_LETTER, **responses(404)},
)
def show_letter(
    notice: NoticeId, caller: Caller, workflow: Desk, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """A notice's letter (.docx): the same bytes for ever; its ETag is its SHA-256.

    It is put on file the first time that anybody needs it. That is all this changes, and it is made of nothing but what
    the notice says.
    """
    stored = workflow.mail_room.letter(notice, reader=caller)
    # Asked again with each use: who may see it may change, the letter does not.
    headers = {"ETag": f'"{stored.sha256}"', "Cache-Control": "private, no-cache"}
    if if_none_match and stored.sha256 in if_none_match:
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = f'attachment; filename="{notice.replace("/", "-")}.docx"'
    return Response(stored.body, headers=headers, media_type=_DOCX)


@router.get("/cases/{case}/notice-previews/{notice}", response_model=PreviewAnswer, responses=responses(404))
def preview_notice(case: CaseId, notice: NoticeName, caller: Caller, workflow: Desk) -> PreviewAnswer:
    """What a notice would say of the case as it is now; for offices only, and nothing is written."""
    return PreviewAnswer.of(workflow.mail_room.preview(notice, case, reader=caller))


@router.get("/inbox", response_model=Page[ReceivedAnswer], responses=responses())
def list_inbox(caller: Caller, workflow: Desk, after: Behind = "", limit: Limit = 100) -> Page[ReceivedAnswer]:
    """What is addressed to you: to your operator, or to your roles in your city; newest first."""
    rows = workflow.mail_room.inbox(reader=caller, after=after, limit=limit + 1)
    found, following = first_of(rows, limit, lambda received: received.notice_id)
    return Page(items=[ReceivedAnswer.of(received) for received in found], next=following)


@router.get("/inbox/{case}/{version}/{number}", response_model=OpenedAnswer, responses=responses(404))
def peek(notice: NoticeId, caller: Caller, workflow: Desk) -> OpenedAnswer:
    """A notice of your inbox; nothing is recorded."""
    return OpenedAnswer.opened(workflow.mail_room.peek(notice, reader=caller))


@router.post("/inbox/{case}/{version}/{number}/receipts", response_model=OpenedAnswer, responses=responses(404))
def read_notice(notice: NoticeId, caller: Caller, workflow: Desk) -> OpenedAnswer:
    """A notice of your inbox; an operator's first reading is recorded as a receipt, and only the first."""
    return OpenedAnswer.opened(workflow.mail_room.read(notice, by=caller))
