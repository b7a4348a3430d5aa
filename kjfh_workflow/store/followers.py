"""Rows of ``followers`` and ``withheld``: how far each follower of the feed has come, and what it has not taken.

Who hands events to a follower writes a claim into its row, for a while: others keep away until then, and whoever dies
meanwhile needs no cleaning up. When an event is tried again, and what a person may do, is decided in ``casework``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, delete, exists, func, insert, null, select, update

from kjfh_workflow.store.database import CoreTransaction, Transaction
from kjfh_workflow.store.prepared import Prepared
from kjfh_workflow.store.schema import followers, withheld

_THIS = followers.c.name == bindparam("name_is")
_MINE = (_THIS, followers.c.claim == bindparam("claim_is"))
_WITHHELD = (withheld.c.follower == bindparam("name_is"), withheld.c.number == bindparam("number_is"))
_EARLIER = withheld.alias("earlier")
#: The first of its case: only that one is tried.
_IS_FIRST = ~exists().where(
    _EARLIER.c.follower == withheld.c.follower,
    _EARLIER.c.case_id == withheld.c.case_id,
    _EARLIER.c.number < withheld.c.number,
)

_HELD = Prepared(
    select(followers.c.cursor, followers.c.claim, followers.c.claimed_until).where(_THIS).with_for_update()
)
_CURSOR = Prepared(select(followers.c.cursor).where(_THIS))
_ADD = Prepared(insert(followers).values({name: bindparam(name) for name in ("name", "cursor")}))
_CLAIM = Prepared(update(followers).where(_THIS).values(claim=bindparam("claim"), claimed_until=bindparam("until")))
_ADVANCE = Prepared(
    update(followers).where(*_MINE).values(cursor=bindparam("cursor"), claimed_until=bindparam("until"))
)
_RELEASE = Prepared(update(followers).where(*_MINE).values(claim=null(), claimed_until=null()))
_MOVE = Prepared(update(followers).where(_THIS).values(cursor=bindparam("cursor"), claim=null(), claimed_until=null()))
_WITHHOLD = Prepared(insert(withheld))
_FAILED = Prepared(
    update(withheld).where(*_WITHHELD).values({name: bindparam(name) for name in ("attempts", "next_at", "error")})
)
_DROP = Prepared(delete(withheld).where(*_WITHHELD))
_DUE = Prepared(
    select(withheld.c.number, withheld.c.case_id, withheld.c.attempts)
    .where(withheld.c.follower == bindparam("name_is"), withheld.c.next_at <= bindparam("now"), _IS_FIRST)
    .order_by(withheld.c.next_at, withheld.c.number)
    .limit(bindparam("at_most"))
)
_NEXT_DUE = Prepared(select(func.min(withheld.c.next_at)).where(withheld.c.follower == bindparam("name_is"), _IS_FIRST))
_CASE_OF = Prepared(select(withheld.c.case_id).where(*_WITHHELD))
_RETRY_CASE = Prepared(
    update(withheld)
    .where(
        withheld.c.follower == bindparam("name_is"),
        withheld.c.case_id == bindparam("case_is"),
        withheld.c.number <= bindparam("number_is"),
    )
    .values(attempts=bindparam("attempts"), next_at=bindparam("next_at"))
)
_RETRY_ALL = Prepared(
    update(withheld)
    .where(withheld.c.follower == bindparam("name_is"))
    .values(attempts=bindparam("attempts"), next_at=bindparam("next_at"))
)


@dataclass(frozen=True, slots=True)
class Held:
    """A follower as it is, locked until the transaction ends."""

    cursor: int
    claim: str | None
    claimed_until: datetime | None


@dataclass(frozen=True, slots=True)
class Due:
    """A withheld event that is to be tried now."""

    number: int
    case_id: str
    attempts: int


def hold(tx: Transaction, name: str) -> Held | None:
    """A follower, locked until the transaction ends; None if it is not known."""
    row = tx.fetch(_HELD, name_is=name)
    return None if row is None else Held(*row)


def is_known(tx: Transaction, name: str) -> bool:
    """Whether there is such a follower."""
    return tx.fetch(_CURSOR, name_is=name) is not None


def add(tx: Transaction, name: str, cursor: int) -> None:
    """Make a follower known.

    Raises:
        Clash: if it has become known meanwhile.
    """
    tx.run(_ADD, name=name, cursor=cursor)


def claim(tx: Transaction, name: str, token: str, until: datetime) -> None:
    """Keep others away from a follower until *until*."""
    tx.run(_CLAIM, name_is=name, claim=token, until=until)


def advance(tx: Transaction, name: str, token: str, cursor: int, until: datetime) -> bool:
    """Say how far it has come, and keep others away until *until*; False if the claim is not ours any more."""
    return tx.run(_ADVANCE, name_is=name, claim_is=token, cursor=cursor, until=until) == 1


def release(tx: Transaction, name: str, token: str) -> None:
    """Give the claim back, if it is still ours."""
    tx.run(_RELEASE, name_is=name, claim_is=token)


def move(tx: CoreTransaction, name: str, cursor: int) -> None:
    """Put a follower elsewhere, away from whoever has claimed it; what lies behind the cursor is not withheld."""
    tx.run(_MOVE, name_is=name, cursor=cursor)
    tx.connection.execute(delete(withheld).where(withheld.c.follower == name, withheld.c.number > cursor))


def forget(tx: CoreTransaction, name: str) -> None:
    """Let a follower be unknown again."""
    tx.connection.execute(delete(withheld).where(withheld.c.follower == name))
    tx.connection.execute(delete(followers).where(followers.c.name == name))


def withhold(
    tx: Transaction, name: str, number: int, case_id: str, attempts: int, next_at: datetime | None, error: str
) -> None:
    """Keep an event for later; without *next_at* it is given up."""
    tx.run(_WITHHOLD, follower=name, number=number, case_id=case_id, attempts=attempts, next_at=next_at, error=error)


def is_withheld(tx: Transaction, name: str, number: int) -> bool:
    """Whether an event is kept for later, or given up."""
    return tx.fetch(_CASE_OF, name_is=name, number_is=number) is not None


def failed(tx: Transaction, name: str, number: int, attempts: int, next_at: datetime | None, error: str) -> None:
    """Say that a withheld event has failed again."""
    tx.run(_FAILED, name_is=name, number_is=number, attempts=attempts, next_at=next_at, error=error)


def drop(tx: Transaction, name: str, number: int) -> bool:
    """Let a withheld event go; False if there is none."""
    return tx.run(_DROP, name_is=name, number_is=number) == 1


def due(tx: Transaction, name: str, now: datetime, at_most: int) -> list[Due]:
    """The withheld events to be tried now: of each case the first."""
    return [Due(*row) for row in tx.fetch_all(_DUE, name_is=name, now=now, at_most=at_most)]


def next_due(tx: Transaction, name: str) -> datetime | None:
    """When a withheld event is to be tried next; None if none is."""
    row = tx.fetch(_NEXT_DUE, name_is=name)
    return row[0] if row else None


def withheld_cases(tx: CoreTransaction, name: str, among: Iterable[str]) -> set[str]:
    """Those of the cases of which an event is withheld."""
    query = select(withheld.c.case_id).where(withheld.c.follower == name, withheld.c.case_id.in_(list(among)))
    return {*tx.connection.execute(query).scalars()}


def retry(tx: Transaction, name: str, number: int, now: datetime) -> bool:
    """Let a withheld event be tried at once, after those of its case before it; False if it is not withheld."""
    row = tx.fetch(_CASE_OF, name_is=name, number_is=number)
    if row is None:
        return False
    tx.run(_RETRY_CASE, name_is=name, case_is=row[0], number_is=number, attempts=0, next_at=now)
    return True


def retry_all(tx: Transaction, name: str, now: datetime) -> int:
    """Let everything withheld be tried at once; returns how many events that is."""
    return tx.run(_RETRY_ALL, name_is=name, attempts=0, next_at=now)


def standings(tx: CoreTransaction) -> list[dict[str, Any]]:
    """Every follower by name: name, cursor, claimed_until, withheld, given_up, next_at (of what is tried next)."""
    given_up = func.coalesce(func.sum(case((withheld.c.next_at.is_(None), 1), else_=0)), 0)
    counts = (
        select(
            withheld.c.follower,
            func.count().label("withheld"),
            given_up.label("given_up"),
            func.min(case((_IS_FIRST, withheld.c.next_at))).label("next_at"),
        )
        .group_by(withheld.c.follower)
        .subquery()
    )
    query = (
        select(
            followers.c.name,
            followers.c.cursor,
            followers.c.claimed_until,
            func.coalesce(counts.c.withheld, 0).label("withheld"),
            func.coalesce(counts.c.given_up, 0).label("given_up"),
            counts.c.next_at,
        )
        .outerjoin(counts, counts.c.follower == followers.c.name)
        .order_by(followers.c.name)
    )
    return [dict(row) for row in tx.connection.execute(query).mappings()]


def withheld_of(tx: CoreTransaction, name: str, after: int, limit: int) -> list[dict[str, Any]]:
    """What a follower has not taken, by number from the one behind *after* on; ``is_first`` of its case."""
    query = (
        select(
            withheld.c.number, withheld.c.case_id, withheld.c.attempts, withheld.c.next_at, withheld.c.error,
            _IS_FIRST.label("is_first"),
        )
        .where(withheld.c.follower == name, withheld.c.number > after)
        .order_by(withheld.c.number)
        .limit(limit)
    )  # fmt: skip
    return [dict(row) for row in tx.connection.execute(query).mappings()]
