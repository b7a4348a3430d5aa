"""Rows of ``cases``: reading one for an act, writing its new fold, and who may see which. Lists are ``finding``'s."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, bindparam, false, func, insert, literal_column, or_, select, update

from kjfh_workflow import canonical
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.case import Case, Reads
from kjfh_workflow.store.database import CoreTransaction, Transaction
from kjfh_workflow.store.prepared import ForSome, Prepared, named
from kjfh_workflow.store.schema import cases

#: What a ``Case`` is made of, in the order that ``case_of`` takes.
CASE_COLUMNS = (
    cases.c.id,
    cases.c.city,
    cases.c.kind,
    cases.c.policy,
    cases.c.state,
    cases.c.version,
    cases.c.head,
    cases.c.memory,
)
_ONE = select(*CASE_COLUMNS).where(cases.c.id == bindparam("id"))
_READ = Prepared(_ONE)
_SEVERAL = ForSome(select(*CASE_COLUMNS), cases.c.id)
_ALL_COLUMNS = Prepared(select(*cases.columns).where(cases.c.id == bindparam("id")))
_LOCK = Prepared(_ONE.with_for_update())
_INSERT = Prepared(insert(cases))
_UPDATE = Prepared(
    update(cases)
    .where(cases.c.id == bindparam("id_is"), cases.c.version == bindparam("version_was"))
    .values(
        {
            column: bindparam(column)
            for column in ("state", "version", "head", "memory", "slot", "type", "level", "name", "facts", "changed_at")
        }
    )
)
_OPEN_OF_OPERATOR = Prepared(
    select(cases.c.id, cases.c.kind, cases.c.type).where(
        cases.c.uscc == bindparam("uscc"),
        cases.c.city == bindparam("city"),
        cases.c.id != bindparam("besides"),
        cases.c.slot.is_not(None),
        # Tenancies take places too, and an operator has many.
        or_(*(cases.c.kind == literal_column(f"'{kind}'") for kind in (CaseKind.APPLICATION, CaseKind.INCUBATOR))),
    )
)
_IN_SLOT = Prepared(select(cases.c.id).where(cases.c.slot == bindparam("slot")))
_APPLICATIONS = Prepared(
    select(cases.c.id, cases.c.memory).where(
        cases.c.uscc == bindparam("uscc"),
        cases.c.city == bindparam("city"),
        cases.c.kind == literal_column(f"'{CaseKind.APPLICATION}'"),
    )
)


def load(tx: Transaction, case_id: str, *, lock: bool = False) -> Case | None:
    """One case; with *lock* nobody else can act on it until the transaction ends."""
    row = tx.fetch(_LOCK if lock else _READ, id=case_id)
    return None if row is None else case_of(row)


def case_of(row: Sequence[Any]) -> Case:
    """A case from its ``CASE_COLUMNS``."""
    case_id, city, kind, policy, state, version, head, memory = row
    return Case(case_id, city, CaseKind(kind), policy, state, version, head, canonical.loads(memory))


def save(tx: Transaction, before: Case, after: Case, slot: str | None, at: datetime) -> None:
    """Write the case as it is after an act.

    Raises:
        Clash: if another open case has taken its place.
        Conflict: if the case has moved since *before* was read.
    """
    values: dict[str, Any] = {
        "state": after.state,
        "version": after.version,
        "head": after.head,
        "memory": canonical.dumps(after.memory),
        "slot": slot,
        "type": after.type,
        "level": after.level,
        "name": after.name,
        "facts": after.facts or None,
        "changed_at": at,
    }
    if before.version == 0:
        opened_on = date.fromisoformat(after.memory["opened_on"])
        identity = {"id": after.id, "city": after.city, "kind": after.kind, "policy": after.policy}
        tx.run(_INSERT, **identity, **values, uscc=after.uscc, opened_on=opened_on, parent=after.parent or None)
    else:
        tx.write(_UPDATE, [{"id_is": before.id, "version_was": before.version, **values}], one_each=True)


def open_of_operator(tx: Transaction, city: str, uscc: str, besides: str) -> list[tuple[str, str, str]]:
    """(id, kind, type) of the operator's cases in a city that take a place, without *besides*."""
    rows = tx.fetch_all(_OPEN_OF_OPERATOR, city=city, uscc=uscc, besides=besides)
    return [(row[0], row[1], row[2]) for row in rows]


def in_slot(tx: Transaction, slot: str) -> str:
    """Id of the open case that takes a place; empty if none does."""
    row = tx.fetch(_IN_SLOT, slot=slot)
    return str(row[0]) if row else ""


def fraud_found(tx: Transaction, city: str, uscc: str) -> tuple[date | None, str]:
    """Day and case of the latest finding of cheating in the operator's applications in a city; None and "" if none."""
    rows = tx.fetch_all(_APPLICATIONS, city=city, uscc=uscc)
    found = [(day, row[0]) for row in rows if (day := canonical.loads(row[1]).get("fraud_on"))]
    day, case = max(found, default=("", ""))
    return (date.fromisoformat(day) if day else None), case


@dataclass(frozen=True, slots=True)
class Filter:
    """What to list; an empty field does not filter."""

    city: str = ""
    #: One, or several of which any will do.
    kind: str | Collection[str] = ""
    state: str | Collection[str] = ""
    uscc: str = ""
    parent: str = ""
    type: str = ""
    level: str = ""
    #: An instant: only what has changed at it or later.
    changed_since: datetime | None = None
    #: The beginning of a case's id or of the operator's code; or a part of the operator's name.
    text: str = ""
    #: Whether the case is over (False), or is not (True); cases whose pack is not loaded are neither.
    open: bool | None = None
    #: Opened on this day or later; and on this day or before.
    opened_since: date | None = None
    opened_until: date | None = None
    #: Only those that wait for an act of the reader's: ``rules.awaited``.
    waiting: bool = False


def visible_to(reads: Reads, table: FromClause = cases) -> list[ColumnElement[bool]]:
    """The conditions under which somebody may see a row of *table*, which has a city and an operator's code.

    The reader's own code is bound as ``reader_uscc``, so that one statement can be kept for all operators.
    """
    if reads.everything:
        return []
    theirs = [table.c.city == reads.city] if reads.city else []
    own = [table.c.uscc == bindparam("reader_uscc", reads.uscc)] if reads.uscc else []
    return [or_(false(), *theirs, *own)]


def several(tx: Transaction, case_ids: Collection[str]) -> list[Case]:
    """Cases by their ids, some hundreds at most; in no order, without those that do not exist."""
    if not case_ids:
        return []
    statement, values = _SEVERAL.of(case_ids)
    return [case_of(row) for row in tx.fetch_all(statement, **values)]


def count_children(tx: CoreTransaction, parent: str) -> int:
    """How many cases belong to one."""
    return int(tx.connection.execute(select(func.count()).where(cases.c.parent == parent)).scalar_one())


def all_ids(tx: CoreTransaction) -> list[str]:
    """Every case's id."""
    return [row[0] for row in tx.connection.execute(select(cases.c.id).order_by(cases.c.id))]


def columns_of(tx: CoreTransaction, case_id: str) -> dict[str, Any] | None:
    """All columns of a case's row, to compare."""
    row = tx.fetch(_ALL_COLUMNS, id=case_id)
    return None if row is None else named(cases.columns, row)
