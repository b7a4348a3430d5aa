"""The floors of a tick: the raw driver in a loop, with the product's own statements, or with next to none.

No rules, no rendering, no hashing, and none of the product's other reads. What is written is ``timers_film``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from benchmarks.targets import Target
from benchmarks.timers_cases import TODAY
from benchmarks.timers_film import Original, Values, Write, placeholder
from benchmarks.timers_table import place_of, stored
from kjfh_workflow.clock import office_hour

#: As many alarms share a commit as the product lets.
TOGETHER = 100

#: A document number is nobody else's.
_NUMBER = re.compile(r"余科孵〔\d+〕\d+号")
_KEY = ("case_id", "timer", "sequence", "alarm")
_CASE = ("id", "city", "kind", "policy", "state", "version", "head", "memory")
_ORDER = "ORDER BY t.rings_at, t.case_id, t.timer, t.sequence, t.alarm"


class Floor:
    """Claims alarms with their cases as the product does, and writes what the product writes, a batch by kind."""

    def __init__(self, target: Target, name: str) -> None:
        self._target = target
        self._connection: Any = target.driver(name)
        columns = ", ".join((*(f"t.{name}" for name in (*_KEY, "rings_at")), *(f"c.{name}" for name in _CASE)))
        self._claim = _sql(target, f"SELECT {columns} FROM kjfh_timers t JOIN kjfh_cases c ON c.id = t.case_id", "t, c")
        self._numbers = count(1)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def prepared(self, copies: Mapping[str, Original]) -> dict[str, list[Write]]:
        """What is to be written when the alarm of each of the copies rings, with ids and numbers of its own."""
        return {case: self._fresh(case, original) for case, original in copies.items()}

    def ring(self, scripts: Mapping[str, list[Write]]) -> int:
        """Everything that is due; returns how many."""
        cursor, rung = self._connection.cursor(), 0
        now = stored(self._target, office_hour(TODAY))
        while True:
            begin(self._target, cursor)
            claimed = cursor.execute(self._claim, (now, TOGETHER)).fetchall()
            by_kind: dict[str, list[Values]] = {}
            for row in claimed:
                for write in scripts[row[0]]:
                    by_kind.setdefault(write.sql, []).append(write.values)
            for sql, rows in by_kind.items():
                cursor.executemany(sql, rows)
            self._connection.commit()
            if not claimed:
                return rung
            rung += len(claimed)

    def _fresh(self, case: str, original: Original) -> list[Write]:
        renamed = {original.case["id"]: case, original.case["slot"]: place_of(case)}
        for number in {text for write in original.writes for text in _texts(write.values) if _NUMBER.fullmatch(text)}:
            year, count_of_year = divmod(next(self._numbers), 10_000)
            renamed[number] = f"余科孵〔{year:04d}〕{count_of_year}号"
        return [Write(write.sql, _renamed(write.values, renamed)) for write in original.writes]


class LeanFloor:
    """Claims alarms and settles them; nothing else."""

    def __init__(self, target: Target, name: str) -> None:
        self._target = target
        self._connection: Any = target.driver(name)
        mark = placeholder(target)
        self._claim = _sql(target, f"SELECT {', '.join(f't.{name}' for name in _KEY)} FROM kjfh_timers t", "t")
        found = " AND ".join(f"{name} = {mark}" for name in _KEY)
        self._settle = f"UPDATE kjfh_timers SET outcome = 'fired', settled_at = {mark} WHERE {found}"

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def ring(self, together: int) -> int:
        """Everything that is due, so many alarms in a commit; returns how many."""
        cursor, rung = self._connection.cursor(), 0
        now = stored(self._target, office_hour(TODAY))
        while True:
            begin(self._target, cursor)
            claimed = cursor.execute(self._claim, (now, together)).fetchall()
            for row in claimed:
                cursor.execute(self._settle, (now, *row))
            self._connection.commit()
            if not claimed:
                return rung
            rung += len(claimed)


def _sql(target: Target, selection: str, locked: str) -> str:
    mark = placeholder(target)
    sql = f"{selection} WHERE t.outcome = 'armed' AND t.rings_at <= {mark} {_ORDER} LIMIT {mark}"
    return f"{sql} FOR UPDATE OF {locked} SKIP LOCKED" if target.server else sql


def begin(target: Target, cursor: Any) -> None:
    """psycopg begins by itself."""
    if not target.server:
        cursor.execute("BEGIN IMMEDIATE")


def _texts(values: Values) -> Iterator[str]:
    for value in values.values() if isinstance(values, Mapping) else values:
        if isinstance(value, str):
            yield value


def _renamed(values: Values, renamed: Mapping[str, str]) -> Values:
    def fresh(value: Any) -> Any:
        if isinstance(value, str):
            for old, new in renamed.items():
                value = value.replace(old, new)
        return value

    if isinstance(values, Mapping):
        return {name: fresh(value) for name, value in values.items()}
    return [fresh(value) for value in values]
