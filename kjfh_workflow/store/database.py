"""Opening the database, and the one transaction that an act is.

On SQLite a writing transaction takes its lock at once (``BEGIN IMMEDIATE``): two people acting at once queue up
instead of failing half-way. Which rows are written does not belong here.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import RLock
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Dialect, Engine, Table, create_engine, make_url, text
from sqlalchemy import exc as sql_errors
from sqlalchemy.pool import StaticPool

from kjfh_workflow.errors import Conflict, Crossed, Unavailable, WorkflowError, WrongUsage
from kjfh_workflow.store.prepared import Prepared
from kjfh_workflow.store.replication import replicated
from kjfh_workflow.store.sqlite_file import prepare_sqlite

if TYPE_CHECKING:  # the mapper costs every process a fifth of a second, and is the host's to bring
    from sqlalchemy.orm import Session

_log = logging.getLogger(__name__)
#: How long a writer waits for another, in seconds; on the program's own connections, never on a host's.
_BUSY_SECONDS = 30
#: A server or a network that hangs is found out: seconds, and milliseconds for what was sent and never confirmed.
_POSTGRESQL = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "tcp_user_timeout": 60_000}
#: Answers about the server, not the statement: it only reads (a standby), a limit has ended the session, or the role
#: has not been granted a table (``kjfh db check`` says which).
_UNABLE = ("25006", "25P03", "25P04", "42501")
#: Two wait for each other, and this one was chosen to give way; or they cannot both have been (a stricter isolation).
_CROSSED = ("40P01", "40001")
#: A lock was not had in time.
_HELD = "55P03"
#: A unique index refused a row; whatever else the database refuses (a value that is missing, a row that is not there,
#: a row that nobody may change) is no other person's doing but the program's mistake.
_UNIQUE = ("23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
#: On SQLite the triggers of append-only tables come before the index, and end with this where the row is there already.
_REPLACING = "REPLACE refused"
_SQLITE = {"check_same_thread": False, "timeout": _BUSY_SECONDS}
_NONE_FREE = "every connection to the database is in use"
#: Takes the write lock at once.
_WRITING, _READING = "BEGIN IMMEDIATE", "BEGIN"


class Clash(WorkflowError):
    """Somebody else was first: the row that was to be written is there already."""


class Transaction:
    """An open transaction that runs prepared statements on the driver's cursor: all that an act needs."""

    def __init__(self, cursor: Any, dialect: Dialect) -> None:
        self._cursor = cursor
        self._dialect = dialect
        self._driver: Any = dialect.loaded_dbapi
        self._gathered: dict[tuple[Prepared, bool], list[Mapping[str, Any]]] | None = None

    @property
    def dialect_name(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._dialect.name

    def wait_at_most(self, seconds: float) -> None:
        """From now on a lock that is not had in time is a ``Conflict``; SQLite has one limit for all."""
        if self._dialect.name == "postgresql":
            self._cursor.execute(f"SET LOCAL lock_timeout = '{round(seconds * 1000)}ms'")

    def run(self, statement: Prepared, **values: Any) -> int:
        """Execute; returns the number of rows touched."""
        try:
            return int(statement.run(self._cursor, self._dialect, values).rowcount)
        except self._driver.Error as error:
            raise _translated(error, self._dialect) from error

    def write(self, statement: Prepared, rows: Iterable[Mapping[str, Any]], *, one_each: bool = False) -> None:
        """Execute once for each row: at once, or after ``gather`` together with the others of its kind.

        Args:
            statement: an INSERT or UPDATE.
            rows: its values.
            one_each: whether each must touch exactly one row.

        Raises:
            Conflict: if *one_each* did not hold: what was to be changed has moved meanwhile.
        """
        if self._gathered is not None:
            self._gathered.setdefault((statement, one_each), []).extend(rows)
            return
        for row in rows:
            if self.run(statement, **row) != 1 and one_each:
                raise Conflict

    def gather(self) -> None:
        """From now on writes wait, so that a batch sends them by kind instead of one after the other.

        Only for those who hold locks on what they write, and read nothing of it before ``flush``.
        """
        self._gathered = {}

    def flush(self) -> None:
        """Send what waits, kind by kind in the order in which each first came.

        Raises:
            Conflict: as ``write``.
        """
        gathered, self._gathered = self._gathered or {}, {}
        for (statement, one_each), rows in gathered.items():
            try:
                touched = statement.run_many(self._cursor, self._dialect, rows)
            except self._driver.Error as error:
                raise _translated(error, self._dialect) from error
            if one_each and touched != len(rows):
                raise Conflict

    def fetch(self, statement: Prepared, **values: Any) -> Sequence[Any] | None:
        """The first row, or None."""
        try:
            return statement.fetch(self._cursor, self._dialect, values)
        except self._driver.Error as error:
            raise _translated(error, self._dialect) from error

    def fetch_all(self, statement: Prepared, **values: Any) -> list[Sequence[Any]]:
        """Every row."""
        try:
            return statement.fetch_all(self._cursor, self._dialect, values)
        except self._driver.Error as error:
            raise _translated(error, self._dialect) from error


class CoreTransaction(Transaction):
    """The same with SQLAlchemy's connection, for statements that are rare and not prepared."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.connection.cursor(), connection.dialect)
        self.connection = connection

    def alone_with(self, table: Table) -> None:
        """Nobody else writes to *table* until the transaction ends; whoever reads it does not wait.

        On SQLite writers take turns anyway.
        """
        if self._dialect.name == "postgresql":
            self.connection.execute(text(f"LOCK TABLE {table.name} IN EXCLUSIVE MODE"))


class Database:
    """An engine, and how this program opens transactions on it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # In memory there is one connection, so threads take turns; elsewhere each has its own.
        alone = isinstance(engine.pool, StaticPool)
        self._turn: AbstractContextManager[Any] = RLock() if alone else nullcontext()

    @classmethod
    def open(cls, url: str, *, sqlite_synchronous: str = "FULL", connections: int = 15) -> Database:
        """Open ``sqlite:///file.db``, ``sqlite://`` (in memory) or ``postgresql://…``.

        Of several: ``postgresql://user@/name?host=a:5432&host=b:5432&target_session_attrs=read-write``.

        Who waits for somebody else's lock is told after 30 s (``Conflict``), on PostgreSQL as on SQLite;
        ``…?options=-c%20lock_timeout%3D5s`` says otherwise.

        Args:
            url: where it is.
            sqlite_synchronous: ``FULL``, or ``NORMAL`` where a power cut may cost the last acts.
            connections: at most so many at once; who finds none free waits, and is told after 30 s.

        Raises:
            WrongUsage: for a URL that is none, or one of another kind of database.
            WorkflowError: for a driver that is not installed.
        """
        try:
            parsed = make_url(url)
        except (sql_errors.ArgumentError, ValueError):
            raise WrongUsage("this is not a database URL; it should look like sqlite:///file.db") from None
        backend = parsed.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise WrongUsage(f"{backend!r} is not a database this program knows: sqlite or postgresql")
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        pool: dict[str, Any] = {"pool_size": connections, "max_overflow": 0}
        try:
            if backend == "postgresql":
                unsaid: dict[str, Any] = {name: said for name, said in _POSTGRESQL.items() if name not in parsed.query}
                unsaid["options"] = _with_patience(parsed)
                return cls(create_engine(parsed, connect_args=unsaid, hide_parameters=True, **pool))
        except (ImportError, sql_errors.NoSuchModuleError) as error:
            raise WorkflowError("no driver for PostgreSQL: pip install 'kjfh-workflow[postgres]'") from error
        in_memory = parsed.database in (None, "", ":memory:")
        options: dict[str, Any] = {"poolclass": StaticPool} if in_memory else pool
        engine = create_engine(parsed, connect_args=_SQLITE, hide_parameters=True, **options)
        prepare_sqlite(engine, sqlite_synchronous)
        return cls(engine)

    def refuse_autocommit(self) -> None:
        """A host's engine whose connections commit each statement by itself would keep half of an act.

        Raises:
            WorkflowError: saying what to do.
        """
        with self.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            if getattr(driver, "autocommit", None) is True:  # SQLite's begins and commits as it is told
                raise WorkflowError(
                    "the engine's connections commit each statement by themselves (AUTOCOMMIT): acts need transactions"
                )

    @contextmanager
    def acting(self) -> Iterator[Transaction]:
        """The transaction of one act, on the driver's own connection: commits at the end, rolls back on any error."""
        dialect = self.engine.dialect
        driver: Any = dialect.loaded_dbapi
        with self._turn:
            try:
                pooled = self.engine.raw_connection()
            except driver.Error as error:
                raise _translated(error, dialect) from error
            except sql_errors.TimeoutError as error:
                raise Unavailable(_NONE_FREE) from error
            try:
                _begin(pooled, dialect, _WRITING)
                yield Transaction(pooled.cursor(), dialect)
                with replicated(pooled, dialect):
                    pooled.commit()
            except driver.Error as error:
                self._give_up(pooled)
                raise _translated(error, dialect) from error
            except BaseException:
                self._give_up(pooled)
                raise
            finally:
                pooled.close()

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Errors of SQLAlchemy's connections as ours; ``acting`` does without such connections."""
        try:
            yield
        except sql_errors.TimeoutError as error:
            raise Unavailable(_NONE_FREE) from error
        except sql_errors.DBAPIError as error:
            ours = _translated(error.orig, self.engine.dialect) if isinstance(error.orig, Exception) else error
            if isinstance(ours, WorkflowError):
                raise ours from error
            raise

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """One of SQLAlchemy's connections; where it is lost, the server is."""
        with self._turn, self.speaking(), self.engine.connect() as connection:
            try:
                yield connection
            except Unavailable:
                if getattr(connection.connection.driver_connection, "closed", False):
                    self.engine.pool._invalidate(connection.connection)
                    connection.invalidate()
                raise

    def _give_up(self, pooled: Any) -> None:
        """Roll back; where the connection is gone, the server is."""
        try:
            pooled.rollback()
        except self.engine.dialect.loaded_dbapi.Error:
            self.engine.pool._invalidate(pooled)  # what is older in it, too, as SQLAlchemy does for its own

    @contextmanager
    def writing(self) -> Iterator[CoreTransaction]:
        """A transaction for anything but acts: commits at the end, or rolls back on any error."""
        with self._connected() as connection, connection.begin() as transaction:
            begin_writing(connection)
            yield CoreTransaction(connection)
            with replicated(connection.connection, connection.dialect):
                transaction.commit()

    @contextmanager
    def reading(self) -> Iterator[CoreTransaction]:
        """A transaction that only reads, and sees one moment from its first statement to its last."""
        with self._connected() as connection:
            if connection.dialect.name == "sqlite":
                _begin(connection.connection, connection.dialect, _READING)
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield CoreTransaction(connection)

    @contextmanager
    def trying(self) -> Iterator[CoreTransaction]:
        """A writing transaction that is always rolled back."""
        with self._connected() as connection, connection.begin() as transaction:
            begin_writing(connection)
            yield CoreTransaction(connection)
            transaction.rollback()


@contextmanager
def joined(host: Connection | Session) -> Iterator[CoreTransaction]:
    """The host's transaction: a savepoint of it, so that a refusal or a clash leaves the host's own work alone."""
    connection = host if isinstance(host, Connection) else host.connection()
    begin_writing(connection)
    with connection.begin_nested():
        yield CoreTransaction(connection)


def begin_writing(connection: Connection) -> None:
    """Really begin the transaction that SQLAlchemy believes has begun.

    SQLite's driver puts it off until the first INSERT; a savepoint before that would commit by itself.
    """
    if not connection.in_transaction():
        connection.begin()
    _begin(connection.connection, connection.dialect, _WRITING)


def _begin(pooled: Any, dialect: Dialect, statement: str) -> None:
    if dialect.name != "sqlite" or pooled.driver_connection.in_transaction:
        return
    try:
        pooled.cursor().execute(statement)
    except sqlite3.Error as error:
        raise _translated(error, dialect) from error


def _with_patience(url: URL) -> str:
    """The options of a session: our patience, and behind it, so that they overrule it, what the URL says.

    Who is given options looks no more at PGOPTIONS; so this does.
    """
    said = url.query.get("options") or os.environ.get("PGOPTIONS", "")
    return " ".join((f"-c lock_timeout={_BUSY_SECONDS}s", *([said] if isinstance(said, str) else said))).strip()


def _translated(error: Exception, dialect: Dialect) -> Exception:
    """The driver's errors as ours: a clash, a conflict, or SQLAlchemy's own kind.

    What the driver said stays the cause, and in the log where it names nobody; ours are told to whoever asked.
    """
    driver: Any = dialect.loaded_dbapi
    # PostgreSQL's code, or SQLite's name; the driver has none for what it finds out by itself.
    code = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)
    if code in _UNIQUE or (code == "SQLITE_CONSTRAINT_TRIGGER" and str(error).endswith(_REPLACING)):
        return Clash()
    if code in _CROSSED:
        _log.warning("two transactions crossed: %s", error)
        return Crossed()
    if code == _HELD or "database is locked" in str(error):
        _log.info("a lock was not had in time: %s", error)
        return Conflict("somebody else holds what this needs and has not let go in time; try again soon")
    lost = isinstance(error, (driver.OperationalError, driver.InterfaceError))
    if lost or code in _UNABLE:
        return Unavailable(f"the database cannot work: {str(error).splitlines()[0]}")
    return sql_errors.DBAPIError.instance(None, None, error, driver.Error, dialect=dialect)
