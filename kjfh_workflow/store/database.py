"""Opening the database, and the one transaction that an act is.

SQLite is opened so that a writing transaction takes its lock at once (``BEGIN IMMEDIATE``): two people acting at
once queue up instead of failing half-way. Which rows are written does not belong here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy import exc as sql_errors
from sqlalchemy.pool import StaticPool

from kjfh_workflow.errors import Conflict, WorkflowError
from kjfh_workflow.store.prepared import Prepared

#: Marks a connection that only reads: on SQLite it takes no write lock.
_READ_ONLY = "kjfh_read_only"
#: How long a writer waits for another, in seconds.
_BUSY_SECONDS = 30


class Clash(WorkflowError):
    """A unique index refused a row: somebody else was first."""


class Transaction:
    """An open transaction, and the driver's cursor of its connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._dialect = connection.dialect
        self._cursor = connection.connection.cursor()

    def run(self, statement: Prepared, **values: Any) -> int:
        """Execute; returns the number of rows touched."""
        with self._translated():
            return int(statement.run(self._cursor, self._dialect, values).rowcount)

    def run_many(self, statement: Prepared, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute once for each row."""
        if rows:
            with self._translated():
                statement.run_many(self._cursor, self._dialect, rows)

    def fetch(self, statement: Prepared, **values: Any) -> Sequence[Any] | None:
        """The first row, or None."""
        with self._translated():
            return statement.fetch(self._cursor, self._dialect, values)

    def fetch_all(self, statement: Prepared, **values: Any) -> list[Sequence[Any]]:
        """Every row."""
        with self._translated():
            return statement.fetch_all(self._cursor, self._dialect, values)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The driver's errors as ours: a clash, a conflict, or SQLAlchemy's own kind."""
        driver: Any = self._dialect.loaded_dbapi
        try:
            yield
        except driver.IntegrityError as error:
            raise Clash(str(error)) from error
        except driver.Error as error:
            if _is_conflict(error):
                raise Conflict(f"another transaction holds the case: {error}") from error
            raise sql_errors.DBAPIError.instance(None, None, error, driver.Error, dialect=self._dialect) from error


class Database:
    """An engine, and how this program opens transactions on it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str, *, sqlite_synchronous: str = "FULL") -> Database:
        """Open ``sqlite:///file.db``, ``sqlite://`` (in memory) or ``postgresql+psycopg://…``.

        Raises:
            WorkflowError: for a URL that is none, or a driver that is not installed.
        """
        try:
            parsed = make_url(url)
            if parsed.get_backend_name() == "postgresql" and parsed.drivername == "postgresql":
                parsed = parsed.set(drivername="postgresql+psycopg")
            if parsed.get_backend_name() != "sqlite":
                return cls(create_engine(parsed, pool_pre_ping=False))
        except sql_errors.ArgumentError as error:
            raise WorkflowError(f"{url!r} is not a database URL: {error}") from error
        except ImportError as error:
            raise WorkflowError(
                f"no driver for {url.partition(':')[0]!r}: pip install 'kjfh-workflow[postgres]'"
            ) from error
        in_memory = parsed.database in (None, "", ":memory:")
        options: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
        engine = create_engine(parsed, connect_args={"check_same_thread": False, "timeout": _BUSY_SECONDS}, **options)
        _prepare_sqlite(engine, sqlite_synchronous)
        return cls(engine)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction that commits at the end, or rolls back on any error."""
        with self.engine.begin() as connection:
            yield Transaction(connection)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that only reads."""
        with self.engine.connect() as connection:
            yield Transaction(connection.execution_options(**{_READ_ONLY: True}))

    @contextmanager
    def trying(self) -> Iterator[Transaction]:
        """A writing transaction that is always rolled back."""
        with self.engine.connect() as connection, connection.begin() as transaction:
            yield Transaction(connection)
            transaction.rollback()


@contextmanager
def joined(connection: Connection) -> Iterator[Transaction]:
    """The host's transaction: a savepoint of it, so that a refusal or a clash leaves the host's own work alone."""
    with connection.begin_nested():
        yield Transaction(connection)


def _is_conflict(error: Exception) -> bool:
    """SQLite's lock that was not had in time; PostgreSQL's serialisation failure and deadlock."""
    return "database is locked" in str(error) or getattr(error, "sqlstate", None) in ("40001", "40P01", "55P03")


def _prepare_sqlite(engine: Engine, synchronous: str) -> None:
    """Journal, foreign keys, and transactions begun by us rather than by the driver."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get(_READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
