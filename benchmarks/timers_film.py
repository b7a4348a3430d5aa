"""What the product writes when one alarm rings: its own statements, taken off the driver's cursor.

Carrying them out again, for other cases, is ``timers_floor``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Table, create_engine

from benchmarks.targets import Target
from benchmarks.timers_cases import TODAY, Maker
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.store.database import Database
from kjfh_workflow.store.schema import cases, history, organisations, timers

_SCRATCH = "scratch"
#: Applicants that no other case has.
_FIRST_APPLICANT = 999_000
_WRITING = ("INSERT", "UPDATE", "DELETE")

Values = Sequence[Any] | Mapping[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True)
class Write:
    """One statement as the driver was given it."""

    sql: str
    values: Values


@dataclass(frozen=True)
class Original:
    """One case before its alarm rang, and what ringing wrote."""

    case: Row
    organisation: Row
    #: The last row of its history.
    history: Row
    timers: tuple[Row, ...]
    writes: tuple[Write, ...]


def filmed(target: Target) -> tuple[Original, Original]:
    """A correction that lapses, and a review that is reminded of."""
    maker = Maker(target, _SCRATCH, _FIRST_APPLICANT)
    camera = _Camera(target)
    try:
        # The first one is a rehearsal: statements are compiled, the year's first number is given.
        return [camera.film(make()) for make in (maker.returned, maker.returned, maker.reviewed)][1:]  # type: ignore[return-value]
    finally:
        camera.close()
        maker.close()


class _Camera:
    """The product on a connection that notes every statement."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._seen: list[Write] = []
        noting = _postgresql(self._seen) if target.server else _sqlite(self._seen)
        self._engine = create_engine(target.url(_SCRATCH), connect_args=noting)
        self._workflow = Workflow(Database(self._engine), clock=FixedClock(office_hour(TODAY)))

    def close(self) -> None:
        self._engine.dispose()

    def film(self, case: str) -> Original:
        """Let the one alarm ring that is due."""
        before = self._rows(case)
        self._seen.clear()
        rung = self._workflow.tick().rung
        assert rung == 1, f"{rung} alarms of {case} rang, not 1"
        return Original(*before, tuple(write for write in self._seen if write.sql.lstrip().startswith(_WRITING)))

    def _rows(self, case: str) -> tuple[Row, Row, Row, tuple[Row, ...]]:
        with closing(self._target.driver(_SCRATCH)) as connection:
            (found,) = _read(self._target, connection, cases, "id", case)
            (organisation,) = _read(self._target, connection, organisations, "uscc", found["uscc"])
            *_, last = _read(self._target, connection, history, "case_id", case)
            return found, organisation, last, tuple(_read(self._target, connection, timers, "case_id", case))


def _read(target: Target, connection: Any, table: Table, key: str, value: str) -> list[Row]:
    names = [column.name for column in table.columns]
    sql = f"SELECT {', '.join(names)} FROM {table} WHERE {key} = {placeholder(target)} ORDER BY 1"
    return [dict(zip(names, row, strict=True)) for row in connection.cursor().execute(sql, [value])]


def placeholder(target: Target) -> str:
    """The driver's placeholder."""
    return "%s" if target.server else "?"


def _sqlite(seen: list[Write]) -> dict[str, Any]:
    class Noting(sqlite3.Cursor):
        def execute(self, sql: str, values: Any = (), /) -> Noting:
            seen.append(Write(sql, values))
            super().execute(sql, values)
            return self

        def executemany(self, sql: str, rows: Any, /) -> Noting:
            seen.extend(Write(sql, values) for values in rows)
            super().executemany(sql, rows)
            return self

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Noting) -> Any:
            return super().cursor(factory)

    return {"factory": Connection}


def _postgresql(seen: list[Write]) -> dict[str, Any]:
    class Noting(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Noting:
            seen.append(Write(query, params))
            super().execute(query, params, **options)
            return self

        def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
            seen.extend(Write(query, values) for values in params_seq)
            super().executemany(query, params_seq, **options)

    return {"cursor_factory": Noting}
