"""Rows of ``addresses``: where operators and role mailboxes are reached; the newest row of each counts.

Who may set one, and what an address looks like, is decided in ``casework.mail.addressing``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, func, insert, select

from kjfh_workflow.store.database import CoreTransaction, Transaction
from kjfh_workflow.store.prepared import Prepared
from kjfh_workflow.store.schema import addresses

_NEWEST = Prepared(
    select(addresses.c.address)
    .where(
        addresses.c.holder == bindparam("holder"),
        addresses.c.city == bindparam("city"),
        addresses.c.medium == bindparam("medium"),
    )
    .order_by(addresses.c.id.desc())
    .limit(1)
)


def address_of(tx: Transaction, city: str, holder: str, medium: str) -> str:
    """Where somebody is reached; empty where nobody has said, or where it was withdrawn."""
    row = tx.fetch(_NEWEST, city=city, holder=holder, medium=medium)
    return str(row[0]) if row else ""


def hold(tx: CoreTransaction) -> None:
    """Nobody else sets an address until the transaction ends."""
    tx.alone_with(addresses)


def add(tx: CoreTransaction, values: Mapping[str, Any]) -> None:
    """Append an address: city, holder, medium, address, set_by, set_at."""
    tx.connection.execute(insert(addresses).values(**values))


def current(tx: CoreTransaction, city: str) -> list[dict[str, Any]]:
    """The addresses of a city that count now; those withdrawn are left out."""
    newest = select(func.max(addresses.c.id)).group_by(addresses.c.city, addresses.c.holder, addresses.c.medium)
    query = (
        select(addresses)
        .where(addresses.c.city == city, addresses.c.address != "", addresses.c.id.in_(newest))
        .order_by(addresses.c.holder, addresses.c.medium)
    )
    return [dict(row) for row in tx.connection.execute(query).mappings()]
