"""The floor: the rows that the product writes, written by the raw driver, statement by statement.

No rules, no rendering, no hashing: the rows of one life are read off the product's own tables after each act, and
then written again for other cases, with ids of their own, into the same tables with the same indexes and triggers.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Table

from benchmarks.life import Act, Applicant
from benchmarks.product import Product
from benchmarks.targets import Target
from kjfh_workflow.store import migrate
from kjfh_workflow.store.database import Database
from kjfh_workflow.store.schema import metadata

_SCRATCH = "scratch"
Row = Mapping[str, Any]
Snapshot = Mapping[str, Mapping[tuple[Any, ...], Row]]


@dataclass(frozen=True)
class Write:
    """One statement of one act: a row inserted, or rows updated alike."""

    sql: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Script:
    """What the eight acts of one case wrote, and which texts in it are that case's own."""

    acts: tuple[tuple[Write, ...], ...]
    #: The case that each act locks.
    locked: tuple[str, ...]
    own: tuple[str, ...]


class Floor:
    """The contestant that only writes."""

    name = "floor (raw driver)"

    def __init__(self, target: Target) -> None:
        self._script = _filmed(target)
        database = Database.open(target.url("floor"))
        migrate.upgrade(database.engine)
        database.engine.dispose()
        self._connection = target.driver("floor")
        self._cursor: Any = self._connection.cursor()
        self._begin = "" if target.server else "BEGIN IMMEDIATE"  # psycopg begins by itself
        self._lock = _sql(target, "SELECT * FROM kjfh_cases WHERE id = ?") + (" FOR UPDATE" if target.server else "")

    def acts(self, applicant: Applicant) -> Sequence[Act]:
        """As ``Contestant.acts``."""
        renamed = {text: _renamed(text, applicant) for text in self._script.own}
        return [
            self._act(_with(renamed, [locked]), [(write.sql, _with(renamed, write.values)) for write in writes])
            for locked, writes in zip(self._script.locked, self._script.acts, strict=True)
        ]

    def close(self) -> None:
        """As ``Contestant.close``."""
        self._connection.close()

    def _act(self, locked: list[Any], writes: Sequence[tuple[str, list[Any]]]) -> Act:
        cursor, connection = self._cursor, self._connection

        def act() -> None:
            if self._begin:
                cursor.execute(self._begin)
            cursor.execute(self._lock, locked).fetchone()
            for sql, values in writes:
                cursor.execute(sql, values)
            connection.commit()

        return act


def _filmed(target: Target) -> Script:
    """One life of the product, and every row it wrote, act by act."""
    applicant = Applicant(999_999)
    product = Product(target, _SCRATCH)
    connection = target.driver(_SCRATCH)
    acts: list[tuple[Write, ...]] = []
    locked: list[str] = []
    own = {applicant.uscc}
    before = _snapshot(connection)
    for act in product.acts(applicant):
        act()
        after = _snapshot(connection)
        acts.append(tuple(_changes(target, before, after)))
        locked.append(_newest(before, after))
        before = after
    own |= {str(key[0]) for table in ("kjfh_cases", "kjfh_documents") for key in before[table]}
    connection.close()
    product.close()
    return Script(tuple(acts), tuple(locked), tuple(own))


def _snapshot(connection: sqlite3.Connection | psycopg.Connection) -> Snapshot:
    cursor: Any = connection.cursor()
    found: dict[str, dict[tuple[Any, ...], Row]] = {}
    for table in metadata.sorted_tables:
        names = [column.name for column in table.columns]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.execute(f"SELECT {_names(names)} FROM {table}")]
        found[table.name] = {tuple(row[column.name] for column in table.primary_key): row for row in rows}
    connection.rollback()
    return found


def _changes(target: Target, before: Snapshot, after: Snapshot) -> list[Write]:
    writes = []
    for table in metadata.sorted_tables:
        updated: dict[tuple[tuple[str, Any], ...], list[tuple[Any, ...]]] = {}
        for key, row in after[table.name].items():
            old = before[table.name].get(key)
            if old is None:
                writes.append(_insert(target, table, row))
            elif old != row:
                updated.setdefault(tuple(item for item in row.items() if item[1] != old[item[0]]), []).append(key)
        writes += [_update(target, table, keys, dict(changed)) for changed, keys in updated.items()]
    return writes


def _insert(target: Target, table: Table, row: Row) -> Write:
    kept = {name: value for name, value in row.items() if name != "position"}  # the database counts
    marks = ", ".join("?" for _ in kept)
    return Write(_sql(target, f"INSERT INTO {table} ({_names(kept)}) VALUES ({marks})"), tuple(kept.values()))


def _update(target: Target, table: Table, keys: Sequence[tuple[Any, ...]], changed: Row) -> Write:
    """One statement for all rows that change alike, found by what their keys share and where they differ."""
    assigned = ", ".join(f'"{name}" = ?' for name in changed)
    found, values = [], [*changed.values()]
    for column, parts in zip(table.primary_key, zip(*keys, strict=True), strict=True):
        distinct = [*dict.fromkeys(parts)]
        found.append(f'"{column.name}" IN ({", ".join("?" for _ in distinct)})')
        values += distinct
    return Write(_sql(target, f"UPDATE {table} SET {assigned} WHERE {' AND '.join(found)}"), tuple(values))


def _newest(before: Snapshot, after: Snapshot) -> str:
    """The case that acted: of the first new history row."""
    key = next(key for key in after["kjfh_history"] if key not in before["kjfh_history"])
    return str(after["kjfh_history"][key]["case_id"])


def _renamed(text: str, applicant: Applicant) -> str:
    """A text of the same size that no other case has."""
    if len(text) == len(applicant.uscc):
        return applicant.uscc
    digest = hashlib.sha256(f"{text} {applicant.number}".encode()).hexdigest()
    return digest if len(text) == len(digest) else f"{text[:-6]}{applicant.number:06d}"


def _with(renamed: Mapping[str, str], values: Sequence[Any]) -> list[Any]:
    def fresh(value: Any) -> Any:
        if isinstance(value, str):
            for old, new in renamed.items():
                value = value.replace(old, new)
        return value

    return [*map(fresh, values)]


def _names(names: Sequence[str] | Row) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _sql(target: Target, sql: str) -> str:
    return sql.replace("?", "%s") if target.server else sql
