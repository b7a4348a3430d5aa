"""Lists of cases: which, in which order, page by page. Only indexes are walked, however many cases there are.

How a row reads in people's words is ``casework.finding``'s.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, union_all

from kjfh_workflow.errors import InputError, Problem
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.case import Reads
from kjfh_workflow.store.cases import Filter, visible_to
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.paging import Order
from kjfh_workflow.store.schema import cases, organisations

#: What a list shows.
_LISTED = tuple(
    cases.c[name]
    for name in (
        "id", "city", "kind", "type", "state", "level", "uscc", "name", "policy", "version", "opened_on", "changed_at",
        "parent",
    )
)  # fmt: skip
#: In which orders there are lists; ids begin with city and day, so ``-id`` is newest opened first within a city.
SORTS = ("id", "-id", "changed_at", "-changed_at")
#: So many operators are named to the database one by one.
_FEW = 200
_LONGEST_ID = 64
_LIKE_AN_ID = re.compile(r"[a-z0-9_-]+")


def find(
    tx: CoreTransaction, reads: Reads, wanted: Filter, *, sort: str = "id", after: str = "", limit: int = 200
) -> list[dict[str, Any]]:
    """Cases that may be seen: id, city, kind, type, state, level, uscc, name, policy, version, opened_on, changed_at,
    parent; and ``key``, behind which the next page goes on.

    A row that changes meanwhile stands where its change has put it: in order of change it may come again at the end,
    or be at the top of the next list. Every other row comes exactly once.

    Args:
        tx: one moment.
        reads: whose eyes.
        wanted: which of them.
        sort: one of ``SORTS``.
        after: the key of the last row of the page before; in order of id, its id will do.
        limit: at most so many.

    Raises:
        InputError: for an unknown order, or a key that is none or belongs to another order.
    """
    if sort not in SORTS:
        raise InputError([Problem("sort", "", f"{sort!r} is no order; there are: {', '.join(SORTS)}")])
    order = Order(sort)
    query = select(*_LISTED).where(*visible_to(reads), *_matching(tx, wanted))
    everywhere = reads.everything and not (wanted.city or wanted.uscc or wanted.parent)
    if everywhere and order.column == "changed_at":
        query = _by_city(tx, query, order, after, limit)
    elif everywhere and (wanted.kind or wanted.state):
        query = order.applied(query.where(cases.c.city.in_(_cities(tx))), cases.c, after, limit)
    else:
        query = order.applied(query, cases.c, after, limit)
    rows = [dict(row) for row in tx.connection.execute(query).mappings()]
    return [{**row, "key": order.key_of(row)} for row in rows]


def _by_city(tx: CoreTransaction, query: Select[Any], order: Order, after: str, limit: int) -> Select[Any]:
    """The first of each city, merged: the index on changes begins with the city."""
    pages = [
        select(order.applied(query.where(cases.c.city == city), cases.c, after, limit).subquery())
        for city in _cities(tx) or [""]
    ]
    merged = union_all(*pages).subquery()
    return order.applied(select(merged), merged.c, after, limit)


def _cities(tx: CoreTransaction) -> list[str]:
    """The cities that have cases; asked of the index, one step for each."""
    first = select(func.min(cases.c.city).label("city")).cte("cities", recursive=True)
    following = select(func.min(cases.c.city)).where(cases.c.city > first.c.city).scalar_subquery()
    found = first.union_all(select(following).where(first.c.city.is_not(None)))
    return [row.city for row in tx.connection.execute(select(found.c.city)) if row.city is not None]


def _matching(tx: CoreTransaction, wanted: Filter) -> list[ColumnElement[bool]]:
    conditions = [
        column == value
        for column, value in (
            (cases.c.city, wanted.city),
            (cases.c.uscc, wanted.uscc),
            (cases.c.parent, wanted.parent),
            (cases.c.type, wanted.type),
            (cases.c.level, wanted.level),
        )
        if value
    ]
    # The index on states has the kind before the state.
    for column, value in ((cases.c.kind, wanted.kind or (wanted.state and [*CaseKind])), (cases.c.state, wanted.state)):
        if value:
            conditions.append(column == value if isinstance(value, str) else column.in_([*value]))
    if wanted.changed_since is not None:
        conditions.append(cases.c.changed_at >= wanted.changed_since)
    if text := wanted.text.strip():
        conditions.append(_found_by(tx, text))
    return conditions


def _found_by(tx: CoreTransaction, text: str) -> ColumnElement[bool]:
    """By the operator, looked up among operators; or by the case's id, where the text could be the beginning of one."""
    name, code = organisations.c.name, organisations.c.uscc
    known = select(code).where(
        or_(name.icontains(text, autoescape=True), code.startswith(text.upper(), autoescape=True))
    )
    few = [row[0] for row in tx.connection.execute(known.limit(_FEW + 1))]
    # Many are left to the database: it then looks at the newest cases first instead of at each operator's.
    found: list[ColumnElement[bool]] = [cases.c.uscc.in_(few if len(few) <= _FEW else known)]
    start = text.lower()
    if _LIKE_AN_ID.fullmatch(start):
        # The bounds are for the index, which knows nothing of patterns where the database sorts by language.
        last = start + "z" * _LONGEST_ID
        found.append(and_(cases.c.id >= start, cases.c.id <= last, cases.c.id.startswith(start, autoescape=True)))
    return or_(*found)


def rows_of(tx: CoreTransaction, case_ids: Collection[str]) -> list[dict[str, Any]]:
    """The same columns of some hundred cases at most, without ``key``; in no order."""
    query = select(*_LISTED).where(cases.c.id.in_(case_ids))
    return [dict(row) for row in tx.connection.execute(query).mappings()]
