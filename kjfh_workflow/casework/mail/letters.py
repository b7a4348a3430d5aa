"""The letter of a notice: made at first need, put on file, and the same ever after.

How a letter looks is ``notices.letters``'s; by which way it leaves, ``deliver``'s.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from kjfh_workflow.errors import NotFound
from kjfh_workflow.notices.render import sender
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.store import letters
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.letters import Stored


def letter_of(catalog: Catalog, tx: CoreTransaction, notice_id: str, now: datetime) -> Stored:
    """The letter on file, or one made now from what is on file and from the case's pinned pack.

    Raises:
        NotFound: if there is no such notice, or its case's pack is no longer there.
    """
    found = letters.find(tx, notice_id)
    if found:
        return found
    from kjfh_workflow.notices.letters import StoredNotice, make_letter  # noqa: PLC0415 - only letters need python-docx

    row = letters.notice(tx, notice_id)
    if row is None:
        raise NotFound(f"there is no notice {notice_id!r}")
    identity = catalog.pinned(row["city"], row["policy"]).identity
    # Notices of the first release had no title.
    title = row["title"] or row["subject"]
    body = make_letter(StoredNotice(sender(identity), row["number"] or "", title, row["body"], row["queued_at"]))
    return letters.keep(tx, notice_id, Stored(body, sha256(body).hexdigest()), now)
