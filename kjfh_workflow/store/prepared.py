"""A Core statement compiled once for a database and run on the driver's own cursor.

Building and compiling Core constructs in every call costs more than the database itself takes; this keeps the
constructs (portable SQL, types and all) and pays for them once. What the statements are stands beside their tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple, cast

from sqlalchemy import ClauseElement, ColumnElement, Dialect, Select, bindparam, literal
from sqlalchemy.sql.base import Executable

_Convert = Callable[[Any], Any] | None


class _Compiled(NamedTuple):
    sql: str
    #: (name, converter) in the order of the placeholders.
    binds: tuple[tuple[str, _Convert], ...]
    positional: bool
    #: Values that stand in the statement itself.
    constants: Mapping[str, Any]
    #: (index, converter) of the columns that need one.
    results: tuple[tuple[int, Callable[[Any], Any]], ...]


class Prepared:
    """One statement, compiled at its first use on each database dialect."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, cursor: Any, dialect: Dialect, values: Mapping[str, Any]) -> Any:
        """Execute with *values* by bind name; the cursor is returned."""
        compiled = self._compiled.get(dialect.name) or self._compile(dialect)
        return cursor.execute(compiled.sql, _parameters(compiled, values)) or cursor

    def run_many(self, cursor: Any, dialect: Dialect, rows: Sequence[Mapping[str, Any]]) -> int:
        """Execute for each of *rows* in one go; returns how many rows were touched in all."""
        compiled = self._compiled.get(dialect.name) or self._compile(dialect)
        cursor.executemany(compiled.sql, [_parameters(compiled, row) for row in rows])
        return int(cursor.rowcount)

    def fetch(self, cursor: Any, dialect: Dialect, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """The first row, or None."""
        row = self.run(cursor, dialect, values).fetchone()
        return None if row is None else _row(self._compiled[dialect.name], row)

    def fetch_all(self, cursor: Any, dialect: Dialect, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        """Every row."""
        rows = self.run(cursor, dialect, values).fetchall()
        compiled = self._compiled[dialect.name]
        return [_row(compiled, row) for row in rows]

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled = cast("ClauseElement", self._statement).compile(dialect=dialect)
        sql: Any = compiled
        names = sql.positiontup or [*dict.fromkeys(sql.bind_names.values())]
        binds = tuple((name, sql.binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names)
        results: list[tuple[int, Callable[[Any], Any]]] = []
        if isinstance(self._statement, Select):
            for index, column in enumerate(self._statement.selected_columns):
                convert = column.type.dialect_impl(dialect).result_processor(dialect, None)
                if convert is not None:
                    results.append((index, convert))
        constants = {name: bind.value for bind, name in sql.bind_names.items() if bind.value is not None}
        made = _Compiled(str(compiled), binds, bool(sql.positional), constants, tuple(results))
        self._compiled[dialect.name] = made
        return made


def _parameters(compiled: _Compiled, values: Mapping[str, Any]) -> Any:
    if compiled.constants:
        values = {**compiled.constants, **values}
    if compiled.positional:
        return [convert(values[name]) if convert else values[name] for name, convert in compiled.binds]
    return {name: convert(values[name]) if convert else values[name] for name, convert in compiled.binds}


def _row(compiled: _Compiled, row: Sequence[Any]) -> Sequence[Any]:
    if not compiled.results:
        return row
    values = [*row]
    for index, convert in compiled.results:
        values[index] = convert(values[index])
    return values


class ForSome:
    """A SELECT of the rows with one of some ids, prepared for 1, 2, 4, 8 … of them; the last fills up."""

    def __init__(self, statement: Select[Any], column: ColumnElement[str]) -> None:
        self._statement = statement
        self._column = column
        self._prepared: dict[int, Prepared] = {}

    def of(self, ids: Collection[str]) -> tuple[Prepared, dict[str, str]]:
        """The statement for so many ids, at least one, and its values."""
        size = 1 << (len(ids) - 1).bit_length()
        values = dict(zip((f"id_{place}" for place in range(size)), chain(ids, repeat([*ids][-1])), strict=False))
        if size not in self._prepared:
            self._prepared[size] = Prepared(self._statement.where(self._column.in_([*map(bindparam, values)])))
        return self._prepared[size], values


def among(column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """``IN`` with values that stand in the prepared statement itself; SQLAlchemy's own is written out at each run."""
    return column.in_([literal(value, column.type) for value in values])


def named(columns: Iterable[ColumnElement[Any]], row: Sequence[Any]) -> dict[str, Any]:
    """A fetched row by the names of its columns."""
    return dict(zip((column.name for column in columns), row, strict=True))
