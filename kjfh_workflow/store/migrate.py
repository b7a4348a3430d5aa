"""Bringing the schema up to date, and refusing one that does not fit. The only home of ``alembic``."""

from __future__ import annotations

import sqlite3
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sqlalchemy import Connection, Engine, column, inspect, select, table

from kjfh_workflow.errors import SchemaMismatch
from kjfh_workflow.store.database import Database, begin_writing

if TYPE_CHECKING:
    from alembic.config import Config

#: Our own, so that a host that uses alembic too keeps its own.
VERSION_TABLE = "kjfh_alembic_version"
_MIGRATIONS = Path(__file__).parent / "migrations"


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415  (160 ms that most commands need not pay)

    config = Config()
    config.set_main_option("script_location", _MIGRATIONS.as_posix())
    return config


@cache
def newest() -> str:
    """The revision this program expects: that of the last migration file."""
    return max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def current(engine: Engine) -> str:
    """The database's revision; empty where there is no schema of ours."""
    if not inspect(engine).has_table(VERSION_TABLE):
        return ""
    with engine.connect() as connection:
        return str(connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar() or "")


def upgrade(engine: Engine) -> str:
    """Apply the migrations that are missing, all or none; returns the revision reached.

    Raises:
        SchemaMismatch: for a database newer than this program.
        Conflict: if somebody holds a table for too long; nothing has changed.
    """
    found = current(engine)
    if found > newest():
        raise SchemaMismatch(_newer(found))
    if found == newest():
        return found
    if engine.dialect.name == "sqlite" and not engine.url.database and not inspect(engine).get_table_names():
        with engine.connect() as connection:
            blank().backup(_driver(connection))
    else:
        _apply(engine)
    return newest()


@cache
def blank() -> sqlite3.Connection:
    """An SQLite database that has just got its schema, made once in this process.

    Those in memory, of scenarios, rehearsals and tests, are copies of it: a hundredth of the time.
    """
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    engine = Database.open("sqlite://").engine
    _apply(engine)
    with engine.connect() as connection:
        _driver(connection).backup(copy)
    engine.dispose()
    return copy


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.driver_connection)


def _apply(engine: Engine) -> None:
    from alembic import command  # noqa: PLC0415

    config = _config()
    # Who holds a table for longer than our patience is not waited for: everybody else would queue up behind this.
    with Database(engine).speaking(), engine.begin() as connection:
        begin_writing(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check(engine: Engine) -> None:
    """That the schema is the one this program was written for.

    Raises:
        SchemaMismatch: saying what to do.
    """
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file and file != ":memory:" and not Path(file).exists():
        # Looking would create it.
        raise SchemaMismatch(f"there is no database file {file}: run `kjfh db upgrade` to create it")
    found = current(engine)
    if not found:
        raise SchemaMismatch("the database has no schema yet: run `kjfh db upgrade`")
    if found < newest():
        raise SchemaMismatch(
            f"the database is at schema {found}, this program needs {newest()}: back it up, then run `kjfh db upgrade`"
        )
    if found > newest():
        raise SchemaMismatch(_newer(found))


def _newer(found: str) -> str:
    return (
        f"the database is at schema {found}, newer than this program's {newest()}: "
        "install the newer kjfh-workflow; a database is never downgraded"
    )
