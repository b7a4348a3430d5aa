"""Rows of ``files``, ``file_parts`` and ``attachments``: the same bytes once, and who has put them into which case.

Who may do so, and what a file may be, is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256 as new_sha256
from itertools import groupby
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, select

from kjfh_workflow.store.database import CoreTransaction, Transaction
from kjfh_workflow.store.prepared import Prepared
from kjfh_workflow.store.schema import attachments, file_parts, files

#: How long each part of a file is, in bytes; the last may be shorter.
PART_BYTES = 256 * 1024

_ATTACHED = (
    attachments.c.id, attachments.c.case_id, attachments.c.sha256, attachments.c.name, attachments.c.material,
    attachments.c.attached_by, attachments.c.attached_by_name, attachments.c.role, attachments.c.attached_at,
    attachments.c.request_digest, files.c.size, files.c.media_type,
)  # fmt: skip
_KNOWN = Prepared(select(files.c.size).where(files.c.sha256 == bindparam("sha256")))
_ADD_FILE = Prepared(insert(files))
_ADD_PART = Prepared(insert(file_parts))
_PART = Prepared(
    select(file_parts.c.body).where(
        file_parts.c.sha256 == bindparam("sha256"), file_parts.c.part == bindparam("part")
    )
)  # fmt: skip
#: How many parts are held at once while all of them are looked through.
_AT_ONCE = 16


def keep(
    tx: Transaction, sha256: str, size: int, media_type: str, at: datetime, content: Iterable[bytes]
) -> None:  # fmt: skip
    """Put a file on file, unless its bytes are there already.

    Args:
        tx: a writing transaction.
        sha256: of all of it, hex.
        size: in bytes.
        media_type: as its bytes say.
        at: now.
        content: its bytes, in pieces of ``PART_BYTES``; not touched where they are there already.

    Raises:
        Clash: if somebody else has meanwhile put the same bytes there.
    """
    if tx.fetch(_KNOWN, sha256=sha256) is not None:
        return
    tx.run(_ADD_FILE, sha256=sha256, size=size, media_type=media_type, stored_at=at)
    for part, body in enumerate(content):
        tx.run(_ADD_PART, sha256=sha256, part=part, body=body)


def part(tx: Transaction, sha256: str, number: int) -> bytes | None:
    """One part of a file, from 0; None where there is none."""
    row = tx.fetch(_PART, sha256=sha256, part=number)
    return None if row is None else bytes(row[0])


def attach(tx: CoreTransaction, values: Mapping[str, Any]) -> dict[str, Any]:
    """Write that a file belongs to a case; returns the row as ``of_case`` gives it.

    Raises:
        Clash: when the transaction ends, if the request id has been used meanwhile.
    """
    row = tx.connection.execute(insert(attachments).values(**values)).inserted_primary_key
    assert row is not None, "a row has been written"  # noqa: S101
    found = _first(tx, _attached().where(attachments.c.id == row[0]))
    assert found is not None, "it has just been written"  # noqa: S101
    return found


def of_case(tx: CoreTransaction, case_id: str, *, after: int = 0, limit: int = 500) -> list[dict[str, Any]]:
    """A case's attachments with size and media type, oldest first, from the one behind *after* on."""
    query = _attached().where(attachments.c.case_id == case_id, attachments.c.id > after)
    query = query.order_by(attachments.c.id).limit(limit)
    return [dict(row) for row in tx.connection.execute(query).mappings()]


def count_of_case(tx: CoreTransaction, case_id: str) -> int:
    """How many attachments a case has."""
    query = select(func.count()).select_from(attachments).where(attachments.c.case_id == case_id)
    return int(tx.connection.execute(query).scalar_one())


def attached(tx: CoreTransaction, case_id: str, attachment_id: int) -> dict[str, Any] | None:
    """One attachment of this case; None if it has no such one."""
    return _first(tx, _attached().where(attachments.c.id == attachment_id, attachments.c.case_id == case_id))


def by_request(tx: CoreTransaction, request_id: str) -> dict[str, Any] | None:
    """The attachment that a request made, or None."""
    return _first(tx, _attached().where(attachments.c.request_id == request_id))


def damaged(tx: CoreTransaction) -> Iterator[tuple[str, str]]:
    """(SHA-256, what is wrong) of every file whose parts are not what they were; all of them are read."""
    columns = (files.c.sha256, files.c.size, file_parts.c.part, file_parts.c.body)
    query = (
        select(*columns)
        .select_from(files.outerjoin(file_parts, file_parts.c.sha256 == files.c.sha256))
        .order_by(files.c.sha256, file_parts.c.part)
    )
    rows = tx.connection.execute(query.execution_options(yield_per=_AT_ONCE))
    for (sha256, size), found in groupby(rows, key=lambda row: (row.sha256, row.size)):
        digest, length, wrong = new_sha256(), 0, False
        for number, row in enumerate(found):
            wrong = wrong or row.part != number
            digest.update(row.body or b"")
            length += len(row.body or b"")
        if wrong:
            yield sha256, "its parts are not numbered one after the other from 0"
        elif length != size:
            yield sha256, f"it has {length} bytes, not {size}"
        elif digest.hexdigest() != sha256:
            yield sha256, "its content is not what its digest says"


def _attached() -> Select[Any]:
    return select(*_ATTACHED).join(files, files.c.sha256 == attachments.c.sha256)


def _first(tx: CoreTransaction, query: Select[Any]) -> dict[str, Any] | None:
    row = tx.connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)
