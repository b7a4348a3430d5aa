"""Letters on file, each as it was first made, and the notices they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, insert, select

from kjfh_workflow.rules.case import Reads
from kjfh_workflow.store.cases import visible_to
from kjfh_workflow.store.database import Clash, CoreTransaction, Transaction
from kjfh_workflow.store.paging import NOTICE, check_key
from kjfh_workflow.store.prepared import Prepared
from kjfh_workflow.store.schema import cases, letters, notices


class Stored(NamedTuple):
    """A letter on file."""

    #: The ``.docx``.
    body: bytes
    #: Its SHA-256, hex.
    sha256: str


_READ = Prepared(select(letters.c.body, letters.c.sha256).where(letters.c.notice_id == bindparam("notice_id")))
_KEEP = Prepared(insert(letters))


def find(tx: Transaction, notice_id: str) -> Stored | None:
    """The letter of a notice, if it has been made."""
    row = tx.fetch(_READ, notice_id=notice_id)
    return None if row is None else Stored(bytes(row[0]), row[1])


def keep(tx: CoreTransaction, notice_id: str, made: Stored, at: datetime) -> Stored:
    """Put a letter on file, once and for all; what somebody else has meanwhile put there is given back instead."""
    try:
        with tx.connection.begin_nested():
            tx.run(_KEEP, notice_id=notice_id, body=made.body, sha256=made.sha256, made_at=at)
    except Clash:
        found = find(tx, notice_id)
        assert found is not None, "it clashed with one"  # noqa: S101
        return found
    return made


def notice(tx: CoreTransaction, notice_id: str) -> dict[str, Any] | None:
    """A notice as it is on file, with the policy that its case is pinned to."""
    query = (
        select(notices, cases.c.policy).join(cases, cases.c.id == notices.c.case_id).where(notices.c.id == notice_id)
    )
    row = tx.connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def find_notices(
    tx: CoreTransaction, reads: Reads, *, case: str = "", city: str = "", after: str = "", limit: int = 200
) -> list[dict[str, Any]]:
    """Notices that may be seen, without their text, in order of id, from the one behind *after* on.

    An operator sees what was written to it; what goes to the offices' roles is theirs.

    Raises:
        InputError: if *after* cannot be a notice's id.
    """
    check_key(after, NOTICE)
    columns = (
        notices.c.id, notices.c.case_id, notices.c.city, notices.c.notice, notices.c.role, notices.c.number,
        notices.c.title, notices.c.subject, notices.c.queued_at, letters.c.sha256.label("letter_sha256"),
    )  # fmt: skip
    conditions = [column == value for column, value in ((notices.c.case_id, case), (notices.c.city, city)) if value]
    conditions += visible_to(reads, notices)
    query = (
        select(*columns)
        .outerjoin(letters, letters.c.notice_id == notices.c.id)
        .where(and_(notices.c.id > after, *conditions))
        .order_by(notices.c.id)
        .limit(limit)
    )
    return [dict(row) for row in tx.connection.execute(query).mappings()]


def every_letter(tx: CoreTransaction) -> Iterator[tuple[str, str, bytes]]:
    """(notice, SHA-256, .docx) of every letter, one after the other."""
    query = select(letters.c.notice_id, letters.c.sha256, letters.c.body).order_by(letters.c.notice_id)
    for row in tx.connection.execute(query.execution_options(yield_per=100)):
        yield row.notice_id, row.sha256, bytes(row.body)
