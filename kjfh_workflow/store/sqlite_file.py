"""How SQLite keeps its file: journal, durability, foreign keys. How it is locked for writing stands in ``database``."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, event


def prepare_sqlite(engine: Engine, synchronous: str) -> None:
    """Journal and foreign keys of every connection to come.

    Args:
        engine: on SQLite.
        synchronous: ``FULL``, or ``NORMAL`` where a power cut may cost the last acts.
    """

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        with suppress(sqlite3.OperationalError):  # an auditor's read-only copy is read as it is
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()
