"""What the product sends to the database while it acts, and the floor: the same writes, sent again by the bare driver.

Nothing is filmed beforehand and renamed: the floor's database gets every row of the product's, in the same
transactions, in the same order. Who acts, and when, is ``province_life``'s.
"""

from __future__ import annotations

import pickle
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

import psycopg
from sqlalchemy import event

from benchmarks.targets import Target
from benchmarks.timers_cases import durable
from benchmarks.timers_floor import begin
from kjfh_workflow.store import migrate
from kjfh_workflow.store.database import Database
from kjfh_workflow.store.schema import metadata

_WRITING = ("INSERT", "UPDATE", "DELETE")
_LOCKING = " FOR UPDATE"
_COMMIT, _ROLLBACK = "COMMIT", "ROLLBACK"


class Sent(NamedTuple):
    """One statement as the driver was given it, or the end of a transaction."""

    sql: str
    values: Any = None
    many: bool = False


class Sink(Protocol):
    """Takes what was sent."""

    def put(self, sent: Sent) -> None:
        """One more."""
        ...


class Tape(list[Sent]):
    """In memory: for some hundred acts."""

    put = list.append


class File:
    """In a file: for a whole round, whose process is watched for its memory."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def put(self, sent: Sent) -> None:
        """As ``Sink.put``."""
        pickle.dump(tuple(sent), self._out, pickle.HIGHEST_PROTOCOL)


def read(path: Path) -> Iterator[Sent]:
    """What a ``File`` holds."""
    with path.open("rb") as file:
        while True:
            try:
                yield Sent(*pickle.load(file))  # noqa: S301 - our own, written a moment ago
            except EOFError:
                return


def noted(target: Target, name: str, sink: Sink) -> Database:
    """A durable database, of which every write and lock goes into *sink* as well."""
    database = durable(target, name)
    connected = _postgresql(sink) if target.server else _sqlite(sink)

    @event.listens_for(database.engine, "do_connect")
    def on_connect(_dialect: object, _record: object, args: list[Any], options: dict[str, Any]) -> Any:
        return connected(*args, **options)

    return database


class Floor:
    """Sends it all again."""

    def __init__(self, target: Target, name: str) -> None:
        database = Database.open(target.url(name))
        migrate.upgrade(database.engine)
        database.engine.dispose()
        self._target = target
        self._connection: Any = target.driver(name)
        self._cursor: Any = self._connection.cursor()

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def send(self, tape: Iterable[Sent]) -> float:
        """Seconds in the driver."""
        cursor, connection, clock = self._cursor, self._connection, time.perf_counter
        seconds, open_ = 0.0, False
        for sql, values, many in tape:
            started = clock()
            if sql == _COMMIT:
                connection.commit()
                open_ = False
            elif sql == _ROLLBACK:
                connection.rollback()
                open_ = False
            else:
                if not open_:
                    begin(self._target, cursor)
                    open_ = True
                if many:
                    cursor.executemany(sql, values)
                else:
                    cursor.execute(sql, values)
            seconds += clock() - started
        return seconds


def rows_of(target: Target, name: str) -> dict[str, int]:
    """Table → its number of rows."""
    with closing(target.driver(name)) as connection:
        cursor: Any = connection.cursor()
        return {
            table.name: cursor.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in metadata.sorted_tables
        }


def _is_kept(sql: Any) -> bool:
    return str(sql).startswith(_WRITING) or _LOCKING in str(sql)


def _sqlite(sink: Sink) -> Any:
    class Noting(sqlite3.Cursor):
        def execute(self, sql: str, values: Any = (), /) -> Noting:
            if _is_kept(sql):
                sink.put(Sent(sql, values))
            super().execute(sql, values)
            return self

        def executemany(self, sql: str, rows: Any, /) -> Noting:
            sink.put(Sent(sql, rows, many=True))
            super().executemany(sql, rows)
            return self

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Noting) -> Any:
            return super().cursor(factory)

        def commit(self) -> None:
            if self.in_transaction:
                sink.put(Sent(_COMMIT))
            super().commit()

        def rollback(self) -> None:
            if self.in_transaction:
                sink.put(Sent(_ROLLBACK))
            super().rollback()

    return lambda *args, **options: sqlite3.connect(*args, factory=Connection, **options)


def _postgresql(sink: Sink) -> Any:
    class Noting(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Noting:
            if _is_kept(query):
                sink.put(Sent(query, params))
            super().execute(query, params, **options)
            return self

        def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
            sink.put(Sent(query, params_seq, many=True))
            super().executemany(query, params_seq, **options)

    class Connection(psycopg.Connection[Any]):
        def commit(self) -> None:
            if self.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
                sink.put(Sent(_COMMIT))
            super().commit()

        def rollback(self) -> None:
            if self.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
                sink.put(Sent(_ROLLBACK))
            super().rollback()

    return lambda *args, **options: Connection.connect(*args, cursor_factory=Noting, **options)
