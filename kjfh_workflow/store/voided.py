"""Document numbers that are void: they stand on letters that a restored database does not know of.

They are stated by a person and kept among the confirmations, which nobody can change. How numbers are given is
``registry``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select, update

from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.schema import confirmations, numbers

#: In the place of a pack's version.
_POLICY = "document_numbers"


def last_given(tx: CoreTransaction, city: str, year: int) -> int:
    """The last number given, 0 if none was; who needs the next one waits until the transaction ends."""
    query = select(numbers.c.last).where(numbers.c.city == city, numbers.c.year == year).with_for_update()
    last = tx.connection.execute(query).scalar()
    if last is None:
        tx.connection.execute(insert(numbers).values(city=city, year=year, last=0))
    return last or 0


def add(tx: CoreTransaction, city: str, year: int, first: int, through: int, said: Mapping[str, Any]) -> None:
    """Make the numbers from *first*, the next one, to *through* void.

    Args:
        tx: to write in; it has asked for ``last_given``.
        city: whose.
        year: of the numbers.
        first: the first of them.
        through: the last of them.
        said: confirmed_by, confirmed_on, note, recorded_at.
    """
    place = (numbers.c.city == city, numbers.c.year == year)
    tx.connection.execute(update(numbers).where(*place).values(last=through))
    key = f"{year}/{first}-{through}"
    tx.connection.execute(insert(confirmations).values(city=city, policy=_POLICY, key=key, **said))


def every_number(tx: CoreTransaction) -> dict[tuple[str, int], list[int]]:
    """City and year → the numbers that are void."""
    query = select(confirmations.c.city, confirmations.c.key).where(confirmations.c.policy == _POLICY)
    found: dict[tuple[str, int], list[int]] = {}
    for city, key in tx.connection.execute(query):
        year, _, span = key.partition("/")
        first, _, through = span.partition("-")
        found.setdefault((city, int(year)), []).extend(range(int(first), int(through) + 1))
    return found
