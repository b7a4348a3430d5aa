"""Pages of a list behind a key: in which order, and where the page before ended. What the list is of is its table's.

A key says what stood last, not how many came before: however the rows change meanwhile, none that stayed as it was is
left out or comes twice.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, Select, bindparam, tuple_

from kjfh_workflow.errors import InputError, Problem

#: Keys of this program's own; ids of rows have no full stop.
_MARK = "k."
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: What the keys of the several lists are made of. None of them is looser than it must be: behind a key of another list
#: there may be nothing, and who reads page by page would believe that it has everything.
CASE = r"[A-Za-z0-9_-]{1,50}-\d{6}-[a-z0-9]{6}"
NOTICE = rf"{CASE}/[1-9]\d{{0,8}}/[1-9]\d{{0,5}}"
DAY = r"\d{4}-\d{2}-\d{2}"
NAME = r"[a-z][a-z0-9_]{0,63}"
AWARD = rf"{NAME}/\d{{4}}/\d{{1,3}}(?:/{NAME})?"
NUMBER = r"[1-9]\d{0,18}"
_NO_KEY = "this is no key that a page of this list has given"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_encode = json.JSONEncoder(separators=(",", ":")).encode


def check_key(after: str, shape: str) -> None:
    """Whether a key may be one of a list; that its row is gone since does not matter.

    Args:
        after: the key; empty for the beginning.
        shape: a pattern of this module's.

    Raises:
        InputError: for what such a list cannot have given.
    """
    if after and not re.fullmatch(shape, after, re.ASCII):
        raise _unusable(_NO_KEY)


class Order(NamedTuple):
    """One way to sort: by the row's id, or by an instant and then by its id; a minus is the other way round."""

    name: str

    @property
    def column(self) -> str:
        """What is sorted by."""
        return self.name.removeprefix("-")

    @property
    def down(self) -> bool:
        """Whether the last stands first."""
        return self.name.startswith("-")

    def key_of(self, row: dict[str, Any]) -> str:
        """The key to go on behind *row*."""
        said: list[Any] = [self.name, row["id"]]
        if self.column != "id":
            said.append((row[self.column] - _EPOCH) // _TICK)
        return _MARK + urlsafe_b64encode(_encode(said).encode()).decode().rstrip("=")

    def applied(self, query: Select[Any], columns: Any, *, behind: bool) -> Select[Any]:
        """*query* in this order, from the beginning or from *behind* a key on; what is bound is ``bound``'s to say."""
        sorted_by: list[ColumnElement[Any]] = [columns.id]
        if self.column != "id":
            sorted_by.insert(0, columns[self.column])
        if behind:
            last = [bindparam(f"last_{column.name}", type_=column.type) for column in sorted_by]
            here, there = (sorted_by[0], last[0]) if len(last) == 1 else (tuple_(*sorted_by), tuple_(*last))
            query = query.where(here < there if self.down else here > there)
        in_order = (column.desc() if self.down else column for column in sorted_by)
        return query.order_by(*in_order).limit(bindparam("limit", type_=Integer()))

    def bound(self, after: str, limit: int) -> dict[str, Any]:
        """The values of a statement in this order: at most so many rows, from behind the key on.

        Raises:
            InputError: for what is no key, or one of another order.
        """
        last = self._place(after) if after else ()
        return {"limit": limit, **dict(zip(("last_id", f"last_{self.column}"), reversed(last), strict=False))}

    def _place(self, after: str) -> list[Any]:
        """Id, or instant and id, of the last row; in order of id a plain id will do.

        Raises:
            InputError: for what is no key, or one of another order.
        """
        if not after.startswith(_MARK):
            check_key(after, CASE if self.column == "id" else "")
            return [after]
        try:
            text = after.removeprefix(_MARK)
            name, row_id, *instant = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            place = [*(_EPOCH + number * _TICK for number in instant), row_id]
            good = _PLAIN.fullmatch(row_id) and all(type(number) is int for number in instant)
        except (ValueError, TypeError, OverflowError) as error:
            raise _unusable(_NO_KEY) from error
        if name != self.name:
            raise _unusable(f"this key belongs to a list sorted by {str(name)[:20]!r}, not by {self.name!r}")
        if not good or len(place) != 1 + (self.column != "id"):
            raise _unusable(_NO_KEY)
        return place


def _unusable(message: str) -> InputError:
    return InputError([Problem("after", "", message)])
