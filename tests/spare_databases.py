"""PostgreSQL databases that are emptied for the next test instead of made and dropped: a fiftieth of the time.

One that a test has changed more than its rows is dropped.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

#: All that the schema is, in one value: tables, columns, indexes, functions, triggers, rights, its version.
_SHAPE = """
    SELECT md5(string_agg(what, '|' ORDER BY what)) FROM (
        SELECT format('%s %s %s %s', relname, relkind, relpersistence, relacl) FROM pg_class
            WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT format('%s %s %s %s', attrelid::regclass, attname, atttypid, attnotnull) FROM pg_attribute
            WHERE attnum > 0 AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
        UNION ALL SELECT format('%s %s %s', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT format('%s %s', conrelid::regclass, conname) FROM pg_constraint
        UNION ALL SELECT format('%s %s', proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT nspname::text FROM pg_namespace
            WHERE nspname NOT LIKE 'pg_temp%' AND nspname NOT LIKE 'pg_toast_temp%'
        UNION ALL SELECT setconfig::text FROM pg_db_role_setting
        UNION ALL SELECT version_num FROM kjfh_alembic_version
    ) AS shape (what)
"""
_OTHERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
_SEQUENCES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'"
#: What the migrations have written, and no test may miss.
_KEPT = "kjfh_alembic_version"


class SpareDatabases:
    """Databases made of a template, each used by one test at a time."""

    def __init__(self, server: str, template: str) -> None:
        self._server = server
        self._template = template
        self._spare: list[str] = []
        with self._inside(template) as connection:
            self._shape = _one(connection, _SHAPE)

    @contextmanager
    def one(self) -> Iterator[str]:
        """The name of an empty one."""
        name = self._spare.pop() if self._spare else self._made()
        yield name
        if self._emptied(name):
            self._spare.append(name)
        else:
            with psycopg.connect(self._server, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _made(self) -> str:
        name = f"kjfh_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return name

    def _emptied(self, name: str) -> bool:
        """Whether nothing is left of what a test has done."""
        with self._inside(name) as connection:
            connection.execute(_OTHERS)
            if _one(connection, _SHAPE) != self._shape:
                return False
            connection.execute("SET session_replication_role = replica")  # no trigger keeps a row
            tables = [row[0] for row in connection.execute(_TABLES)]
            sequences = [row[0] for row in connection.execute(_SEQUENCES)]
            said = [f"DELETE FROM {table}" for table in tables if table != _KEPT]
            said += [f"ALTER SEQUENCE {sequence} RESTART" for sequence in sequences]
            connection.execute(";".join([*said, "INSERT INTO kjfh_feed_head VALUES (1, 0)"]))
            return True

    def _inside(self, name: str) -> psycopg.Connection:
        return psycopg.connect(make_conninfo(self._server, dbname=name), autocommit=True)


def _one(connection: psycopg.Connection, query: str) -> str:
    row = connection.execute(query).fetchone()
    assert row is not None
    return str(row[0])
