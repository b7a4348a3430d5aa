"""Rows of ``history``: one for each act, chained by hash within its case, and the checkpoints across cases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select, text

from kjfh_workflow import canonical
from kjfh_workflow.store.database import Clash, CoreTransaction, Transaction
from kjfh_workflow.store.prepared import Prepared
from kjfh_workflow.store.schema import cases, checkpoints, history

_BATCH = 1000
#: How long others may be kept waiting while a checkpoint finds where the history ends.
_LOCK_SECONDS = 3
_COLUMNS = tuple(column for column in history.columns if column.name != "position")
_INSERT = Prepared(insert(history).values({column.name: bindparam(column.name) for column in _COLUMNS}))
_BY_REQUEST = Prepared(select(*_COLUMNS).where(history.c.request_id == bindparam("request_id")))
_OF_CASE = Prepared(select(*_COLUMNS).where(history.c.case_id == bindparam("case_id")).order_by(history.c.version))


@dataclass(frozen=True, slots=True)
class Row:
    """One act as it stands in the file. ``evidence``, ``evaluation`` and ``effects`` are canonical JSON texts."""

    case_id: str
    version: int
    event: str
    source: str
    target: str
    actor: str
    actor_name: str
    role: str
    #: The day it counts from, in law.
    legal_on: date
    #: The instant it happened: for a deadline, 24:00 of its last day.
    happened_at: datetime
    #: The instant the program noticed.
    noticed_at: datetime
    request_id: str | None
    request_digest: str | None
    evidence: str
    evaluation: str | None
    effects: str
    article: str
    #: ``city/version`` of the pack, and the digest of its files.
    policy: str
    policy_digest: str
    #: Hash of the row before it in its case; empty for the first.
    previous: str
    hash: str = ""

    def sealed(self) -> str:
        """The hash this row must have: over everything it says and the row before it."""
        said = [
            self.case_id, self.version, self.event, self.source, self.target, self.actor, self.actor_name, self.role,
            self.legal_on.isoformat(), _instant(self.happened_at), _instant(self.noticed_at),
            self.request_id, self.request_digest, self.evidence, self.evaluation, self.effects,
            self.article, self.policy, self.policy_digest, self.previous,
        ]  # fmt: skip
        return canonical.digest(canonical.dumps(said))

    def as_data(self) -> dict[str, Any]:
        """For exports; the texts stay texts, so that the hash can be computed from it again."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "legal_on": self.legal_on.isoformat(),
            "happened_at": _instant(self.happened_at),
            "noticed_at": _instant(self.noticed_at),
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Row:
        """From an export.

        Raises:
            KeyError, ValueError, TypeError: where it is none.
        """
        return cls(
            **{
                **{name: data[name] for name in cls.__slots__},
                "legal_on": date.fromisoformat(data["legal_on"]),
                "happened_at": datetime.fromisoformat(data["happened_at"]),
                "noticed_at": datetime.fromisoformat(data["noticed_at"]),
            }
        )


def append(tx: Transaction, row: Row) -> None:
    """Write one row, already sealed.

    Raises:
        Clash: if the request id has been used, or the version is taken.
    """
    tx.write(_INSERT, [{name: getattr(row, name) for name in Row.__slots__}])


def by_request(tx: Transaction, request_id: str) -> Row | None:
    """The row that a request wrote, or None."""
    found = tx.fetch(_BY_REQUEST, request_id=request_id)
    return None if found is None else Row(*found)


def of_case(tx: Transaction, case_id: str) -> list[Row]:
    """A case's rows, first to last."""
    return [Row(*found) for found in tx.fetch_all(_OF_CASE, case_id=case_id)]


def of_role(tx: CoreTransaction, case_id: str, role: str) -> list[Row]:
    """A case's rows of one role, first to last."""
    query = select(*_COLUMNS).where(history.c.case_id == case_id, history.c.role == role).order_by(history.c.version)
    return [Row(*found) for found in tx.connection.execute(query)]


def of_children(tx: CoreTransaction, parent: str, kinds: Iterable[str], events: Iterable[str]) -> list[tuple[str, Row]]:
    """(kind, row) of some events of the cases of some kinds that belong to one, in the order of writing."""
    query = (
        select(cases.c.kind, *_COLUMNS)
        .join(cases, cases.c.id == history.c.case_id)
        .where(cases.c.parent == parent, cases.c.kind.in_([*kinds]), history.c.event.in_([*events]))
        .order_by(history.c.position)
    )
    return [(found[0], Row(*found[1:])) for found in tx.connection.execute(query)]


def positions(tx: CoreTransaction, after: int = 0, until: int | None = None) -> Iterator[tuple[int, Row]]:
    """Every row in the order of writing, with its position, read in batches.

    Args:
        tx: to read with.
        after: behind this position.
        until: up to this one; None for all.
    """
    query = select(history.c.position, *_COLUMNS).order_by(history.c.position).limit(_BATCH)
    if until is not None:
        query = query.where(history.c.position <= until)
    while True:
        rows = tx.connection.execute(query.where(history.c.position > after)).all()
        for found in rows:
            yield found[0], Row(*found[1:])
        if len(rows) < _BATCH:
            return
        after = rows[-1][0]


def settled_position(tx: CoreTransaction) -> int:
    """Up to where nothing is written any more; 0 where nothing has been written.

    Positions are handed out before a transaction commits, so only without writers is everything below the highest
    position there, or rolled back for ever. Writers are held off until *tx* ends: let that be soon.

    Raises:
        Conflict: if somebody is writing for longer than a moment: the others would have to wait behind this.
    """
    tx.wait_at_most(_LOCK_SECONDS)
    if tx.connection.dialect.name == "postgresql":
        tx.connection.execute(text("LOCK TABLE kjfh_history IN SHARE MODE"))
    return int(tx.connection.execute(select(func.coalesce(func.max(history.c.position), 0))).scalar_one())


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One seal over everything written between the one before it and ``position``."""

    number: int
    position: int
    row_count: int
    made_at: datetime
    previous: str
    hash: str = ""

    def sealed(self, rows_digest: str) -> str:
        """The hash it must have, given the digest of the rows it covers."""
        said = [self.number, self.position, self.row_count, _instant(self.made_at), self.previous, rows_digest]
        return canonical.digest(canonical.dumps(said))


def all_checkpoints(tx: CoreTransaction) -> list[Checkpoint]:
    """Every checkpoint, in order."""
    rows = tx.connection.execute(select(checkpoints).order_by(checkpoints.c.number))
    return [Checkpoint(*row) for row in rows]


def last_checkpoint(tx: CoreTransaction) -> Checkpoint | None:
    """The newest, or None."""
    row = tx.connection.execute(select(checkpoints).order_by(checkpoints.c.number.desc()).limit(1)).first()
    return Checkpoint(*row) if row else None


def sealed_until(tx: CoreTransaction, position: int, at: datetime) -> Checkpoint | None:
    """The checkpoint that follows the last one, over everything up to a ``settled_position``; None if there is nothing.

    It is not on file yet. Nobody is kept waiting while the rows are hashed.
    """
    last = last_checkpoint(tx) or Checkpoint(0, 0, 0, at, "")
    digest, count, covered = RowsDigest(), 0, last.position
    for place, row in positions(tx, last.position, position):
        digest.add(row)
        count, covered = count + 1, place
    if count == 0:
        return None
    made = Checkpoint(last.number + 1, covered, count, at, last.hash)
    return replace(made, hash=made.sealed(digest.hex()))


def add_checkpoint(tx: CoreTransaction, made: Checkpoint) -> None:
    """Put a checkpoint on file.

    Raises:
        Clash: if there is one of this number.
    """
    if (last := last_checkpoint(tx)) and last.number >= made.number:
        raise Clash
    tx.connection.execute(insert(checkpoints).values({name: getattr(made, name) for name in Checkpoint.__slots__}))


class RowsDigest:
    """A running digest over rows in order."""

    def __init__(self) -> None:
        self._hash = canonical.digest("")

    def add(self, row: Row) -> None:
        """Take one more row in."""
        self._hash = canonical.digest(f"{self._hash} {row.case_id} {row.version} {row.hash}")

    def hex(self) -> str:
        """The digest so far."""
        return self._hash


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")
