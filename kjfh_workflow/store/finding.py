"""Lists of cases: which, in which order, page by page. Only indexes are walked, however many cases there are.

Lists of one shape (the same filters and order, other codes and keys) are one prepared statement: making it costs
more than the database takes. How a row reads in people's words is ``casework.views.finding``'s.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Select, and_, bindparam, false, func, or_, select, true, union

from kjfh_workflow.clock import start_of
from kjfh_workflow.errors import InputError, Problem
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.case import Reads
from kjfh_workflow.store.cases import Filter, visible_to
from kjfh_workflow.store.database import CoreTransaction, Transaction
from kjfh_workflow.store.paging import Order
from kjfh_workflow.store.places import Stretch, Within
from kjfh_workflow.store.prepared import ForSome, Prepared, among
from kjfh_workflow.store.schema import cases, organisations

#: What a list shows.
_LISTED = tuple(
    cases.c[name]
    for name in (
        "id", "city", "kind", "type", "state", "level", "uscc", "name", "policy", "version", "opened_on", "changed_at",
        "parent",
    )
)  # fmt: skip
_NAMES = tuple(column.name for column in _LISTED)
_SOME = ForSome(select(*_LISTED), cases.c.id)
#: In which orders there are lists; ids begin with city and day, so ``-id`` is newest opened first within a city.
SORTS = ("id", "-id", "changed_at", "-changed_at")
#: So many operators are named to the database one by one.
_FEW = 200
_LONGEST_ID = 64
_LIKE_AN_ID = re.compile(r"[a-z0-9_-]+")
_LIKE_A_CODE = re.compile(r"[A-Za-z0-9]{1,18}")
_LONGEST_CODE = 18
#: Ids say the day with two digits for the year.
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
#: So many statements are kept; what screens ask for are some dozens.
_MOST_SHAPES = 256
#: Stand in a shape for any code and any instant: they are bound when the statement is run.
_GIVEN, _GIVEN_INSTANT = "given", datetime.max.replace(tzinfo=UTC)
_NO_FILTER = Filter(kind=(), state=())


class _Shape(NamedTuple):
    """All that a statement is made of; what is bound when it is run is only known to be given."""

    reads: Reads
    wanted: Filter
    order: Order
    #: Whether it goes on behind a key.
    behind: bool
    within: tuple[Within, ...] | None
    #: The cities whose stretches are walked; none where one walk does.
    cities: tuple[str, ...]
    #: What is wanted answers to so few that they are sorted.
    by_few: bool


def find(
    tx: CoreTransaction,
    reads: Reads,
    wanted: Filter,
    *,
    sort: str = "id",
    after: str = "",
    limit: int = 200,
    within: Collection[Within] | None = None,
) -> list[dict[str, Any]]:
    """Cases that may be seen: id, city, kind, type, state, level, uscc, name, policy, version, opened_on, changed_at,
    parent; and ``key``, behind which the next page goes on.

    A row that changes meanwhile stands where its change has put it: in order of change it may come again at the end,
    or be at the top of the next list. Every other row comes exactly once.

    Args:
        tx: one moment.
        reads: whose eyes.
        wanted: which of them; ``open`` and ``waiting`` are the caller's to say by *within*.
        sort: one of ``SORTS``.
        after: the key of the last row of the page before; in order of id, its id will do.
        limit: at most so many.
        within: only those that are in one of these, under the same eyes; None for all that may be seen.

    Raises:
        InputError: for an unknown order, or a key that is none or belongs to another order.
    """
    if sort not in SORTS:
        raise InputError([Problem("sort", "", f"{sort!r} is no order; there are: {', '.join(SORTS)}")])
    order = Order(sort)
    bound = {
        "reader_uscc": reads.uscc,
        "uscc": wanted.uscc,
        "parent": wanted.parent,
        "changed_since": wanted.changed_since,
        **order.bound(after, limit),
    }
    found_by, few = _found_by(tx, reads, text, order) if (text := wanted.text.strip()) else (None, False)
    by_few = bool(few or wanted.uscc or wanted.parent)
    like = _like(wanted)
    bare = found_by is None and like == _NO_FILTER and order.column == "id"
    walked = () if by_few or within is not None or (bare and reads.everything) else _cities(tx, reads, wanted)
    places = None if within is None else (*map(_place_like, within),)
    shape = _Shape(_eyes_like(reads), like, order, bool(after), places, walked, by_few)
    if found_by is not None:
        query = _query(shape, found_by)
        rows = [] if query is None else [*tx.connection.execute(query, bound)]
    else:
        statement = _prepared(shape)
        rows = [] if statement is None else tx.fetch_all(statement, **bound)
    listed = [dict(zip(_NAMES, row, strict=True)) for row in rows]
    return [{**row, "key": order.key_of(row)} for row in listed]


def _like(wanted: Filter) -> Filter:
    """What stands for all filters that make one statement."""
    return replace(
        wanted,
        kind=_several(wanted.kind),
        state=_several(wanted.state),
        uscc=wanted.uscc and _GIVEN,
        parent=wanted.parent and _GIVEN,
        changed_since=wanted.changed_since and _GIVEN_INSTANT,
        text="",
        open=None,
        waiting=False,
    )


def _eyes_like(reads: Reads) -> Reads:
    return replace(reads, uscc=reads.uscc and _GIVEN)


def _place_like(within: Within) -> Within:
    return replace(within, reads=_eyes_like(within.reads), places=(*within.places,), awards=(*within.awards,))


@lru_cache(maxsize=_MOST_SHAPES)
def _prepared(shape: _Shape) -> Prepared | None:
    query = _query(shape)
    return None if query is None else Prepared(query)


def _query(shape: _Shape, found_by: ColumnElement[bool] | None = None) -> Select[Any] | None:
    """The statement for a shape, and for what a text is *found_by*; None where there is no place to look."""
    order, behind = shape.order, shape.behind
    conditions = _matching(shape.wanted)
    if found_by is not None:
        conditions.append(found_by)
    stretches = [*_stretches(shape)]
    if shape.within is not None and not stretches:
        return None
    query = select(*_LISTED).where(*conditions)
    if stretches and not shape.by_few:
        pages = [_page(query, stretch, shape) for stretch in stretches]
        merged = union(*(select(page.subquery()) for page in pages)).subquery()
        return order.applied(select(merged), merged.c, behind=behind)
    anywhere = or_(*(and_(*one.where) for one in stretches)) if stretches else and_(true(), *visible_to(shape.reads))
    return order.applied(query.where(anywhere), cases.c, behind=behind)


def _page(query: Select[Any], stretch: Stretch, shape: _Shape) -> Select[Any]:
    """The first rows of one stretch, in order."""
    query = query.where(*stretch.where, *_opened(stretch.city, shape.wanted))
    if not stretch.few:
        return shape.order.applied(query, cases.c, behind=shape.behind)
    fenced = query.offset(0).subquery()  # the order must not choose the index
    return shape.order.applied(select(fenced), fenced.c, behind=shape.behind)


def _opened(city: str, wanted: Filter) -> Iterator[ColumnElement[bool]]:
    """Bounds for the index on ids, which begin with city and day; the day itself is compared as well."""
    since, until = wanted.opened_since, wanted.opened_until
    if city and since and _FIRST_DAY <= since <= _LAST_DAY:
        yield cases.c.id >= f"{city}-{since:%y%m%d}"
    if city and until and _FIRST_DAY <= until < _LAST_DAY:
        yield cases.c.id < f"{city}-{until + timedelta(days=1):%y%m%d}"


def _stretches(shape: _Shape) -> Iterator[Stretch]:
    """Stretches of an index, each in order, that together hold what may be seen; none where one walk does.

    The index on changes begins with the city, the one on ids with city and kind: the first rows of each stretch are
    merged. In one statement for several the database would walk through other cities' cases, or sort all of them.
    """
    for one in shape.within or ():
        yield from one.stretches()
    for city in shape.cities:
        here = (
            [[cases.c.kind == kind] for kind in shape.wanted.kind or CaseKind] if shape.order.column == "id" else [[]]
        )
        yield from (Stretch([cases.c.city == city, *one], city) for one in here)
    if shape.cities and shape.reads.uscc:  # who belongs to an office and to an operator
        yield Stretch([cases.c.uscc == bindparam("reader_uscc"), cases.c.city != shape.reads.city])


def _cities(tx: CoreTransaction, reads: Reads, wanted: Filter) -> tuple[str, ...]:
    """The cities of which a reader may see every case that is wanted."""
    if not reads.everything:
        return (reads.city,) if reads.city and wanted.city in ("", reads.city) else ()
    return (wanted.city,) if wanted.city else tuple(row[0] for row in tx.fetch_all(_ALL_CITIES) if row[0] is not None)


def _all_cities() -> Select[Any]:
    """The cities that have cases; asked of the index, one step for each."""
    first = select(func.min(cases.c.city).label("city")).cte("cities", recursive=True)
    following = select(func.min(cases.c.city)).where(cases.c.city > first.c.city).scalar_subquery()
    found = first.union_all(select(following).where(first.c.city.is_not(None)))
    return select(found.c.city)


_ALL_CITIES = Prepared(_all_cities())


def _matching(wanted: Filter) -> list[ColumnElement[bool]]:
    exactly = ((cases.c.city, wanted.city), (cases.c.type, wanted.type), (cases.c.level, wanted.level))
    any_of = ((cases.c.kind, wanted.kind), (cases.c.state, wanted.state))
    given = ((cases.c.uscc, wanted.uscc), (cases.c.parent, wanted.parent))
    conditions = [column == value for column, value in exactly if value]
    conditions += [among(column, names) for column, names in any_of if names]
    conditions += [column == bindparam(column.name) for column, value in given if value]
    if wanted.changed_since is not None:
        conditions.append(cases.c.changed_at >= bindparam("changed_since"))
    if wanted.opened_since is not None:  # nothing changes before it is opened: the index on changes is of use too
        conditions += [cases.c.opened_on >= wanted.opened_since, cases.c.changed_at >= start_of(wanted.opened_since)]
    if wanted.opened_until is not None:
        conditions.append(cases.c.opened_on <= wanted.opened_until)
    return conditions


def _several(value: str | Collection[str]) -> tuple[str, ...]:
    """The names, in one order."""
    return (value,) * bool(value) if isinstance(value, str) else (*sorted({*value}),)


def _found_by(tx: CoreTransaction, reads: Reads, text: str, order: Order) -> tuple[ColumnElement[bool], bool]:
    """By the case's id, the operator's code, or a part of its name.

    Where the reader may see a case whose id or code begins with the text, and it has a digit, it is meant as one:
    names are looked through only otherwise, for that takes a look at every operator.

    Returns:
        The condition, and whether what answers to it is better sorted than looked for in order.
    """
    numbered, coded = _beginning_of_id(text), _beginning_of_code(text)
    numbered = [one for one in numbered if _sees(tx, reads, one)]
    if any(letter.isdigit() for letter in text):
        theirs, few = _of_operators(tx, coded) if coded else ([], True)
        theirs = [one for one in theirs if _sees(tx, reads, one)]
        if theirs or numbered:
            # In order of id those that begin alike are one stretch of the index.
            return or_(*theirs, *numbered), few and (bool(theirs) or order.column != "id")
    name = organisations.c.name
    # Folding costs as much as comparing; Chinese has no capitals.
    named = (
        name.contains(text, autoescape=True) if text.lower() == text.upper() else name.icontains(text, autoescape=True)
    )
    theirs, few = _of_operators(tx, [named, *coded])
    return or_(false(), *theirs, *numbered), few


def _sees(tx: CoreTransaction, reads: Reads, condition: ColumnElement[bool]) -> bool:
    """Whether there is such a case to be seen; what the condition finds is looked at, not what may be seen."""
    found = select(cases.c.id, cases.c.city, cases.c.uscc).where(condition).offset(0).subquery()
    query = select(found.c.id).where(*visible_to(reads, found)).limit(1)
    return tx.connection.execute(query).first() is not None


def _of_operators(tx: CoreTransaction, wanted: list[ColumnElement[bool]]) -> tuple[list[ColumnElement[bool]], bool]:
    """Cases of operators for which any of *wanted* holds, no condition where there are none; and whether few are."""
    known = select(organisations.c.uscc).where(or_(*wanted))
    operators = [row[0] for row in tx.connection.execute(known.limit(_FEW + 1))]
    few = len(operators) <= _FEW
    # Many are left to the database: it then looks at the cases in order instead of at each operator's.
    return [cases.c.uscc.in_(operators if few else known)] if operators else [], few


def _beginning_of_code(text: str) -> list[ColumnElement[bool]]:
    code, start = organisations.c.uscc, text.upper()
    return [_begins(code, start, start + "Z" * _LONGEST_CODE)] if _LIKE_A_CODE.fullmatch(text) else []


def _beginning_of_id(text: str) -> list[ColumnElement[bool]]:
    start = text.lower()
    return [_begins(cases.c.id, start, start + "z" * _LONGEST_ID)] if _LIKE_AN_ID.fullmatch(start) else []


def _begins(column: Column[str], start: str, last: str) -> ColumnElement[bool]:
    """The bounds are for the index, which knows nothing of patterns where the database sorts by language."""
    return and_(column >= start, column <= last, column.startswith(start, autoescape=True))


def rows_of(tx: Transaction, case_ids: Collection[str]) -> list[dict[str, Any]]:
    """The same columns of some hundred cases at most, without ``key``; in no order."""
    if not case_ids:
        return []
    statement, values = _SOME.of(case_ids)
    return [dict(zip(_NAMES, row, strict=True)) for row in tx.fetch_all(statement, **values)]
