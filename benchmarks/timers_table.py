"""A table with as many armed timers as are asked for: copies of a real case, made by the database itself.

The copies' history does not verify; nobody asks it to. Real cases are ``timers_cases``'s.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Table

from benchmarks.targets import Target
from benchmarks.timers_film import Original, Row, placeholder
from kjfh_workflow.clock import start_of
from kjfh_workflow.store.schema import cases, history, organisations, timers

#: The alarms that are not due ring from here on, on so many days.
_FAR_DAY, _FAR_DAYS = date(2031, 1, 1), 500
#: Before six digits: ids as long as real ones, on days that no real case has.
_PATTERN, _FILLING, _DUE = "yuyao-990100-", "yuyao-990101-", "yuyao-990102-"
#: Bulk loading is not what is timed: nothing is fsynced, and foreign keys are known to hold.
_LOADING = {
    True: ("SET synchronous_commit = off", "SET session_replication_role = replica"),
    False: ("PRAGMA synchronous = OFF", "PRAGMA foreign_keys = OFF", "BEGIN IMMEDIATE"),
}
_NUMBERS = "WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + {step} FROM s WHERE n + {step} < {stop})"
_ID = "'{prefix}' || substr(CAST(1000000 + s.n AS TEXT), 2)"
#: Before a copy's id without its first letter: as long as the place that an open application takes.
_SLOT = "application:yuyao:"


class Timers:
    """The tables of one database.

    Args:
        target: where.
        name: of the database, which has the schema.
        originals: what is copied: a correction and a review.
    """

    def __init__(self, target: Target, name: str, originals: tuple[Original, Original]) -> None:
        self._target, self._name = target, name
        self._originals = originals
        self._armed = self._due = 0
        with closing(self._loading()) as connection:
            for kind, original in enumerate(originals):
                self._place(connection.cursor(), original, _pattern(kind))
            connection.commit()

    def fill(self, armed: int) -> None:
        """Set alarms that are not due until there are *armed*, two for each case under review; then tidy up."""
        each = len(self._originals[1].timers)
        first, last = self._armed // each, armed // each
        with closing(self._loading()) as connection:
            for n in range(_FAR_DAYS):
                start, stop = (first + (last - first) * part // _FAR_DAYS for part in (n, n + 1))
                self._copy(connection.cursor(), 1, _FILLING, range(start, stop), _FAR_DAY + timedelta(days=n))
            connection.commit()
        self._armed = armed
        self.tidy()

    def copy_due(self, alarms: int) -> dict[str, Original]:
        """So many copies with one alarm each that is due, of either kind in turn; id → what it was copied from."""
        numbers = range(self._due, self._due + alarms)
        self._due += alarms
        with closing(self._loading()) as connection:
            for kind in range(len(self._originals)):
                self._copy(connection.cursor(), kind, _DUE, numbers[kind::2])
            connection.commit()
        return {f"{_DUE}{number:06d}": self._originals[n % 2] for n, number in enumerate(numbers)}

    def filling(self, number: int) -> list[str]:
        """So many of the cases that are not due."""
        return [f"{_FILLING}{n:06d}" for n in range(number)]

    def tidy(self) -> None:
        """What the database does by itself in a quiet hour."""
        with closing(self._target.driver(self._name)) as opened:
            connection: Any = opened
            if self._target.server:
                connection.autocommit = True
            for statement in ("VACUUM (ANALYZE)", "CHECKPOINT") if self._target.server else ("ANALYZE",):
                connection.execute(statement)

    def _loading(self) -> Any:
        connection: Any = self._target.driver(self._name)
        for statement in _LOADING[bool(self._target.server)]:
            connection.execute(statement)
        return connection

    def _place(self, cursor: Any, original: Original, case: str) -> None:
        """The copy that all others are made from; its alarms are far away."""
        self._insert(cursor, organisations, original.organisation)
        self._insert(cursor, cases, original.case | {"id": case, "slot": None})
        self._insert(cursor, history, {**original.history, "case_id": case})
        for timer in original.timers:
            self._insert(cursor, timers, timer | {"case_id": case, "rings_at": self._midnight(_FAR_DAY)})

    def _insert(self, cursor: Any, table: Table, row: Row) -> None:
        kept = {name: value for name, value in row.items() if name != "position"}  # the database counts
        marks = ", ".join(placeholder(self._target) for _ in kept)
        cursor.execute(f"INSERT INTO {table} ({', '.join(kept)}) VALUES ({marks})", [*kept.values()])

    def _copy(self, cursor: Any, kind: int, prefix: str, numbers: range, far: date | None = None) -> None:
        """Copies with these numbers; the alarms ring as the original's, or all on a *far* day."""
        if not numbers:
            return
        case = _ID.format(prefix=prefix)
        counted = _NUMBERS.format(first=numbers.start, step=numbers.step, stop=numbers.stop)

        def copy(table: Table, given: dict[str, str], found: str, *values: Any) -> None:
            columns = [column.name for column in table.columns if column.name != "position"]
            chosen = ", ".join(given.get(name, f"t.{name}") for name in columns)
            into = f"INSERT INTO {table} ({', '.join(columns)}) {counted}"
            cursor.execute(f"{into} SELECT {chosen} FROM {table} t CROSS JOIN s WHERE {found}", values)

        mark, pattern = placeholder(self._target), _pattern(kind)
        copy(cases, {"id": case, "slot": f"'{_SLOT}' || substr({case}, 2)"}, f"t.id = {mark}", pattern)
        copy(history, {"case_id": case}, f"t.case_id = {mark}", pattern)
        for timer in self._originals[kind].timers:
            rings_at = self._midnight(far) if far else timer["rings_at"]
            given = {"case_id": case, "rings_at": mark}
            copy(timers, given, f"t.case_id = {mark} AND t.alarm = {mark}", rings_at, pattern, timer["alarm"])

    def _midnight(self, day: date) -> datetime | str:
        return stored(self._target, start_of(day))


def stored(target: Target, instant: datetime) -> datetime | str:
    """An instant as the database keeps it."""
    return instant if target.server else instant.astimezone(UTC).isoformat(timespec="microseconds")


def place_of(copy: str) -> str:
    """The place that a copy takes, and nobody else."""
    return _SLOT + copy[1:]


def _pattern(kind: int) -> str:
    return f"{_PATTERN}{kind:06d}"
