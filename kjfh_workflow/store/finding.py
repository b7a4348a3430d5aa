"""Lists of cases: which, in which order, page by page. Only indexes are walked, however many cases there are.

How a row reads in people's words is ``casework.finding``'s.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, union_all

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
_LIKE_A_CODE = re.compile(r"[A-Za-z0-9]{1,18}")


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
    conditions = _matching(wanted)
    found_by, few = _found_by(tx, text) if (text := wanted.text.strip()) else (None, False)
    if found_by is not None:
        conditions.append(found_by)
    stretches = [] if few or wanted.uscc or wanted.parent else _stretches(tx, reads, wanted, order, bare=not conditions)
    query = select(*_LISTED).where(*conditions)
    if stretches:
        pages = [select(order.applied(query.where(*where), cases.c, after, limit).subquery()) for where in stretches]
        merged = union_all(*pages).subquery()
        query = order.applied(select(merged), merged.c, after, limit)
    else:
        query = order.applied(query.where(*visible_to(reads)), cases.c, after, limit)
    rows = [dict(row) for row in tx.connection.execute(query).mappings()]
    return [{**row, "key": order.key_of(row)} for row in rows]


def _stretches(
    tx: CoreTransaction, reads: Reads, wanted: Filter, order: Order, *, bare: bool
) -> list[list[ColumnElement[bool]]]:
    """Stretches of an index, each in order, that together hold what may be seen; none where one walk does.

    The index on changes begins with the city, the one on ids with city and kind: the first rows of each stretch are
    merged. In one statement for several the database would walk through other cities' cases, or sort all of them.
    """
    if reads.everything:
        if bare and order.column == "id":
            return []
        cities = [wanted.city] if wanted.city else _cities(tx)
    else:
        cities = [reads.city] if reads.city and wanted.city in ("", reads.city) else []
    kinds: list[str] = [*_several(wanted.kind or [*CaseKind])]
    found: list[list[ColumnElement[bool]]] = [
        [cases.c.city == city, *here]
        for city in cities
        for here in ([[]] if order.column != "id" else [[cases.c.kind == kind] for kind in kinds])
    ]
    if found and reads.uscc:  # who belongs to an office and to an operator
        found.append([cases.c.uscc == reads.uscc, cases.c.city != reads.city])
    return found


def _cities(tx: CoreTransaction) -> list[str]:
    """The cities that have cases; asked of the index, one step for each."""
    first = select(func.min(cases.c.city).label("city")).cte("cities", recursive=True)
    following = select(func.min(cases.c.city)).where(cases.c.city > first.c.city).scalar_subquery()
    found = first.union_all(select(following).where(first.c.city.is_not(None)))
    return [row.city for row in tx.connection.execute(select(found.c.city)) if row.city is not None]


def _matching(wanted: Filter) -> list[ColumnElement[bool]]:
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
    conditions += [
        column.in_(_several(value))
        for column, value in ((cases.c.kind, wanted.kind), (cases.c.state, wanted.state))
        if value
    ]
    if wanted.changed_since is not None:
        conditions.append(cases.c.changed_at >= wanted.changed_since)
    return conditions


def _several(value: str | Collection[str]) -> list[str]:
    return [value] if isinstance(value, str) else [*value]


def _found_by(tx: CoreTransaction, text: str) -> tuple[ColumnElement[bool], bool]:
    """By the operator, looked up among operators; or by the case's id, where the text could be the beginning of one.

    Returns:
        The condition, and whether few operators answer to the text.
    """
    name, code = organisations.c.name, organisations.c.uscc
    # Folding costs as much as comparing; Chinese has no capitals.
    named = (
        name.contains(text, autoescape=True) if text.lower() == text.upper() else name.icontains(text, autoescape=True)
    )
    coded = [code.startswith(text.upper(), autoescape=True)] if _LIKE_A_CODE.fullmatch(text) else []
    known = select(code).where(or_(named, *coded))
    operators = [row[0] for row in tx.connection.execute(known.limit(_FEW + 1))]
    few = len(operators) <= _FEW
    # Many are left to the database: it then looks at the cases in order instead of at each operator's.
    found: list[ColumnElement[bool]] = [cases.c.uscc.in_(operators if few else known)]
    start = text.lower()
    if _LIKE_AN_ID.fullmatch(start):
        # The bounds are for the index, which knows nothing of patterns where the database sorts by language.
        last = start + "z" * _LONGEST_ID
        found.append(and_(cases.c.id >= start, cases.c.id <= last, cases.c.id.startswith(start, autoescape=True)))
    return or_(*found), few


def rows_of(tx: CoreTransaction, case_ids: Collection[str]) -> list[dict[str, Any]]:
    """The same columns of some hundred cases at most, without ``key``; in no order."""
    query = select(*_LISTED).where(cases.c.id.in_(case_ids))
    return [dict(row) for row in tx.connection.execute(query).mappings()]
