"""Rows of ``services``: the proofs that a letter reached its addressee. What proves it is decided by people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select

from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.schema import services

#: An operator has read the letter in the inbox: a receipt, no service, to which it must have agreed.
READ = "收件箱查阅"


def add(tx: CoreTransaction, values: Mapping[str, Any]) -> None:
    """Record one: notice_id, how, served_on, served_by, received_by, note, recorded_by, recorded_at."""
    tx.connection.execute(insert(services).values(**values))


def of_notice(tx: CoreTransaction, notice_id: str) -> list[dict[str, Any]]:
    """The proofs of one notice, in the order recorded."""
    query = select(services).where(services.c.notice_id == notice_id).order_by(services.c.id)
    return [dict(row) for row in tx.connection.execute(query).mappings()]
