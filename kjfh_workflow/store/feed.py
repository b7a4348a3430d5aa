"""Rows of ``unpublished``, ``feed`` and ``feed_head``: every act, numbered once it is committed, for others to follow.

Why nobody who reads on behind the last number seen can miss an act:

* A trigger queues every act with the act itself, so what is committed is queued or numbered, and nothing else is.
* Numbers are given under the lock of ``feed_head``'s row, which is held until the numbers are committed. Who comes
  next sees them all, and goes on behind the last: there are no gaps, none is given twice, and whoever sees a number
  sees every lower one. An act that commits late gets a number late; it never appears behind a cursor.
* Of one case they follow the versions. Version n+1 is written under the lock of the case's row, after n has committed
  or in the same transaction, so its position is the higher one; and whoever sees it queued sees n queued or numbered.
  Numbers are given in order of position, so n has the lower number.

Who follows the feed, and how far each has come, is ``followers``; what an event tells is decided in ``casework``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from kjfh_workflow.rules.case import Reads
from kjfh_workflow.store.cases import visible_to
from kjfh_workflow.store.database import CoreTransaction, Transaction
from kjfh_workflow.store.prepared import Prepared
from kjfh_workflow.store.schema import cases, feed, feed_head, history, ledger, unpublished

#: So many faults are named, not more.
_MOST_FAULTS = 20

_LAST = select(feed_head.c.last).where(feed_head.c.id == literal_column("1"))
_HEAD = Prepared(_LAST)
_HOLD = Prepared(_LAST.with_for_update())
_MOVE = Prepared(
    update(feed_head).where(feed_head.c.id == literal_column("1")).values(last=feed_head.c.last + bindparam("given"))
)
_WAITING = Prepared(select(unpublished.c.position).limit(1))
_BEHIND = bindparam("behind", type_=BigInteger)
_FIRST = (
    select(unpublished.c.position, history.c.case_id, history.c.version)
    .join(history, history.c.position == unpublished.c.position)
    .order_by(unpublished.c.position)
    .limit(bindparam("at_most"))
    .subquery()
)
_NUMBER = Prepared(
    insert(feed).from_select(
        ["number", "position", "case_id", "version"],
        select(_BEHIND + func.row_number().over(order_by=_FIRST.c.position), *_FIRST.c),
    )
)
_UNQUEUE = Prepared(
    delete(unpublished).where(unpublished.c.position.in_(select(feed.c.position).where(feed.c.number > _BEHIND)))
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for; an empty field does not filter."""

    cities: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    case: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for the database."""
        lists = ((cases.c.city, self.cities), (cases.c.kind, self.kinds), (history.c.event, self.events))
        found: list[ColumnElement[bool]] = [column.in_(names) for column, names in lists if names]
        return [*found, history.c.case_id == self.case] if self.case else found


def waiting(tx: Transaction) -> bool:
    """Whether there are acts without a number."""
    return tx.fetch(_WAITING) is not None


def head(tx: Transaction) -> int:
    """The last number given; 0 before the first."""
    row = tx.fetch(_HEAD)
    assert row is not None, "the migration writes it"  # noqa: S101
    return int(row[0])


def publish(tx: Transaction, at_most: int) -> int:
    """Number the first acts that wait; others who would do so wait until the transaction ends.

    Returns:
        How many have been numbered.
    """
    row = tx.fetch(_HOLD)
    assert row is not None, "the migration writes it"  # noqa: S101
    given = tx.run(_NUMBER, behind=row[0], at_most=at_most)
    if given:
        tx.run(_UNQUEUE, behind=row[0])
        tx.run(_MOVE, given=given)
    return given


def find(
    tx: CoreTransaction, reads: Reads, wanted: Wanted, *, after: int, until: int, limit: int
) -> list[dict[str, Any]]:
    """Events with numbers behind *after* up to *until* that may be seen and are wanted, in order.

    A row has number, case_id, city, kind, policy, uscc, version, event, source, target, role, legal_on, happened_at,
    noticed_at, article, effects (canonical JSON) and hash.
    """
    query = _events().where(
        feed.c.number > after, feed.c.number <= until, *wanted.conditions(), *visible_to(reads, cases)
    )
    return [dict(row) for row in tx.connection.execute(query.limit(limit)).mappings()]


def these(tx: CoreTransaction, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """The events with these numbers, as ``find`` gives them."""
    query = _events().where(feed.c.number.in_(list(numbers)))
    return [dict(row) for row in tx.connection.execute(query).mappings()]


def awards_changed(tx: CoreTransaction, numbers: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Number → the awards that the act changed, as they were then: award, kind, year, instalment, fen, status."""
    columns = (ledger.c.award, ledger.c.kind, ledger.c.year, ledger.c.instalment, ledger.c.fen, ledger.c.status)
    query = (
        select(feed.c.number, *columns)
        .join(ledger, and_(ledger.c.case_id == feed.c.case_id, ledger.c.version == feed.c.version))
        .where(feed.c.number.in_(numbers))
        .order_by(feed.c.number, ledger.c.award)
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for row in tx.connection.execute(query).mappings() if numbers else ():
        values = dict(row)
        found.setdefault(values.pop("number"), []).append(values)
    return found


def faults(tx: CoreTransaction) -> Iterator[str]:
    """What does not hold of the feed: every act is queued or numbered once, without gaps, per case in order."""
    last = head(tx)
    count, highest = tx.connection.execute(select(func.count(), func.max(feed.c.number))).one()
    if (count, highest or 0) != (last, last):
        yield f"its head says {last}, but it has {count} numbers up to {highest or 0}"
    for position in tx.connection.execute(_neither_or_both()).scalars():
        yield f"the act at position {position} does not stand exactly once in it, or before it"
    for number in tx.connection.execute(_strangers()).scalars():
        yield f"number {number} is not the act that it names"
    for number in tx.connection.execute(_out_of_order()).scalars():
        yield f"number {number} comes before an earlier act of its case"


def _events() -> Select[Any]:
    columns = (
        feed.c.number, feed.c.case_id, cases.c.city, cases.c.kind, cases.c.policy, cases.c.uscc, history.c.version,
        history.c.event, history.c.source, history.c.target, history.c.role, history.c.legal_on,
        history.c.happened_at, history.c.noticed_at, history.c.article, history.c.effects, history.c.hash,
    )  # fmt: skip
    return (
        select(*columns)
        .join(history, history.c.position == feed.c.position)
        .join(cases, cases.c.id == history.c.case_id)
        .order_by(feed.c.number)
    )


def _neither_or_both() -> Select[Any]:
    numbered, queued = feed.c.position.is_not(None), unpublished.c.position.is_not(None)
    return (
        select(history.c.position)
        .outerjoin(feed, feed.c.position == history.c.position)
        .outerjoin(unpublished, unpublished.c.position == history.c.position)
        .where(or_(and_(numbered, queued), and_(~numbered, ~queued)))
        .order_by(history.c.position)
        .limit(_MOST_FAULTS)
    )


def _strangers() -> Select[Any]:
    same = and_(history.c.case_id == feed.c.case_id, history.c.version == feed.c.version)
    return (
        select(feed.c.number)
        .outerjoin(history, history.c.position == feed.c.position)
        .where(or_(history.c.position.is_(None), ~same))
        .order_by(feed.c.number)
        .limit(_MOST_FAULTS)
    )


def _out_of_order() -> Select[Any]:
    before = func.lag(feed.c.number).over(partition_by=feed.c.case_id, order_by=feed.c.version)
    pairs = select(feed.c.number, before.label("before")).subquery()
    return select(pairs.c.number).where(pairs.c.before > pairs.c.number).order_by(pairs.c.number).limit(_MOST_FAULTS)
