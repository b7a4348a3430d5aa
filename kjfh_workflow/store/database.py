"""Opening the database, and the one transaction that an act is.

SQLite is opened so that a writing transaction takes its lock at once (``BEGIN IMMEDIATE``): two people acting at
once queue up instead of failing half-way. Which rows are written does not belong here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy import exc as sql_errors
from sqlalchemy.pool import StaticPool

from kjfh_workflow.errors import Conflict, WorkflowError
from kjfh_workflow.store.prepared import Prepared

#: Marks a connection that only reads: on SQLite it takes no write lock.
_READ_ONLY = "kjfh_read_only"
#: Takes the write lock at once: two acts queue up instead of failing half-way.
_BEGIN_WRITING = "BEGIN IMMEDIATE"
#: How long a writer waits for another, in seconds.
_BUSY_SECONDS = 30


class Clash(WorkflowError):
    """A unique index refused a row: somebody else was first."""


class Transaction:
    """An open transaction: the driver's cursor for acts, SQLAlchemy's connection for everything rarer."""

    def __init__(self, cursor: Any, dialect: Dialect, connection: Connection | None = None) -> None:
        self._cursor = cursor
        self._dialect = dialect
        self._driver: Any = dialect.loaded_dbapi
        self._connection = connection

    @property
    def connection(self) -> Connection:
        """For Core statements that are not prepared."""
        assert self._connection is not None, "an act uses prepared statements only"  # noqa: S101
        return self._connection

    def run(self, statement: Prepared, **values: Any) -> int:
        """Execute; returns the number of rows touched."""
        try:
            return int(statement.run(self._cursor, self._dialect, values).rowcount)
        except self._driver.Error as error:
            raise self._translated(error) from error

    def run_many(self, statement: Prepared, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute once for each row; rows are few, so the driver's machinery for many would cost more."""
        for row in rows:
            self.run(statement, **row)

    def fetch(self, statement: Prepared, **values: Any) -> Sequence[Any] | None:
        """The first row, or None."""
        try:
            return statement.fetch(self._cursor, self._dialect, values)
        except self._driver.Error as error:
            raise self._translated(error) from error

    def fetch_all(self, statement: Prepared, **values: Any) -> list[Sequence[Any]]:
        """Every row."""
        try:
            return statement.fetch_all(self._cursor, self._dialect, values)
        except self._driver.Error as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> Exception:
        """The driver's errors as ours: a clash, a conflict, or SQLAlchemy's own kind."""
        if isinstance(error, self._driver.IntegrityError):
            return Clash(str(error))
        if _is_conflict(error):
            return Conflict(f"another transaction holds the case: {error}")
        return sql_errors.DBAPIError.instance(None, None, error, self._driver.Error, dialect=self._dialect)


class Database:
    """An engine, and how this program opens transactions on it."""

    def __init__(self, engine: Engine, begin: str = "") -> None:
        self.engine = engine
        #: How an act's transaction begins; empty where the driver begins it by itself.
        self._begin = begin

    @classmethod
    def open(cls, url: str, *, sqlite_synchronous: str = "FULL") -> Database:
        """Open ``sqlite:///file.db``, ``sqlite://`` (in memory) or ``postgresql+psycopg://…``.

        Raises:
            WorkflowError: for a URL that is none, or a driver that is not installed.
        """
        try:
            parsed = make_url(url)
        except sql_errors.ArgumentError:
            raise WorkflowError("this is not a database URL; it should look like sqlite:///file.db") from None
        backend = parsed.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise WorkflowError(f"{backend!r} is not a database this program knows: sqlite or postgresql")
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        try:
            if backend == "postgresql":
                return cls(create_engine(parsed))
        except (ImportError, sql_errors.NoSuchModuleError) as error:
            raise WorkflowError("no driver for PostgreSQL: pip install 'kjfh-workflow[postgres]'") from error
        in_memory = parsed.database in (None, "", ":memory:")
        options: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
        engine = create_engine(parsed, connect_args={"check_same_thread": False, "timeout": _BUSY_SECONDS}, **options)
        _prepare_sqlite(engine, sqlite_synchronous)
        return cls(engine, _BEGIN_WRITING)

    @contextmanager
    def acting(self) -> Iterator[Transaction]:
        """The transaction of one act, on the driver's own connection: commits at the end, rolls back on any error."""
        pooled = self.engine.raw_connection()
        try:
            cursor = pooled.cursor()
            if self._begin:
                cursor.execute(self._begin)
            yield Transaction(cursor, self.engine.dialect)
            pooled.commit()
        except BaseException:
            pooled.rollback()
            raise
        finally:
            pooled.close()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction for anything but acts: commits at the end, or rolls back on any error."""
        with self.engine.begin() as connection:
            yield _on(connection)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that only reads."""
        with self.engine.connect() as connection:
            yield _on(connection.execution_options(**{_READ_ONLY: True}))

    @contextmanager
    def trying(self) -> Iterator[Transaction]:
        """A writing transaction that is always rolled back."""
        with self.engine.connect() as connection, connection.begin() as transaction:
            yield _on(connection)
            transaction.rollback()


@contextmanager
def joined(connection: Connection) -> Iterator[Transaction]:
    """The host's transaction: a savepoint of it, so that a refusal or a clash leaves the host's own work alone."""
    with connection.begin_nested():
        yield _on(connection)


def _on(connection: Connection) -> Transaction:
    return Transaction(connection.connection.cursor(), connection.dialect, connection)


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
        connection.exec_driver_sql("BEGIN" if read_only else _BEGIN_WRITING)
