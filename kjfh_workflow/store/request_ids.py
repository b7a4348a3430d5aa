"""Whether a request id has been used: ids are one space, whichever table an act has been written to."""

from __future__ import annotations

from sqlalchemy import bindparam, literal_column, select, union_all

from kjfh_workflow.store.database import Transaction
from kjfh_workflow.store.prepared import Prepared
from kjfh_workflow.store.schema import attachments, history, misconduct, rounds

_USED = Prepared(
    union_all(
        *(
            select(literal_column("1")).select_from(table).where(table.c.request_id == bindparam("request_id"))
            for table in (history, rounds, misconduct, attachments)
        )
    )
)


def is_used(tx: Transaction, request_id: str) -> bool:
    """Whether any act, round, entry of the integrity list or attachment came of it.

    To be asked before what it was: the same request may be committed by a twin between the two questions.
    """
    return tx.fetch(_USED, request_id=request_id) is not None
