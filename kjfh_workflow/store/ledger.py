"""Rows of ``ledger``: one for each change of an award; the newest of an award is how it stands.

What an award is, and when it changes, is decided in ``rules``; ``casework.record`` writes what changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, insert, select, tuple_

from kjfh_workflow import canonical
from kjfh_workflow.policy.vocabulary import AwardStatus
from kjfh_workflow.rules.case import Reads
from kjfh_workflow.store.cases import visible_to
from kjfh_workflow.store.database import CoreTransaction, Transaction
from kjfh_workflow.store.prepared import Prepared, named
from kjfh_workflow.store.schema import cases, history, ledger

_COLUMNS = tuple(column for column in ledger.columns if column.name != "id")
_ADD = Prepared(insert(ledger).values({column.name: bindparam(column.name) for column in _COLUMNS}))
_NEWEST = Prepared(
    select(*_COLUMNS)
    .where(ledger.c.case_id == bindparam("case_id"), ledger.c.award == bindparam("award"))
    .order_by(ledger.c.version.desc())
    .limit(1)
)
_ORDER = (ledger.c.city, ledger.c.case_id, ledger.c.kind, ledger.c.year, ledger.c.instalment, ledger.c.award)
#: How many rows are fetched at once.
_BATCH = 1000


def add(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write what an act changed: every column but the id; ``fen`` whole cents, ``detail`` canonical JSON."""
    tx.write(_ADD, rows)


def newest(tx: Transaction, case_id: str, award: str) -> dict[str, Any] | None:
    """How one award stands; None if the case has no such award."""
    row = tx.fetch(_NEWEST, case_id=case_id, award=award)
    return None if row is None else _read(named(_COLUMNS, row))


def current(
    tx: CoreTransaction,
    reads: Reads,
    *,
    city: str = "",
    case_id: str = "",
    year: int | None = None,
    status: str = "",
    known_until: datetime | None = None,
    after: tuple[str, str] | None = None,
    limit: int | None = None,
) -> Iterator[dict[str, Any]]:
    """How each award stands that may be seen: its newest row, in order of city, case and award.

    Beside its columns a row has ``yuan`` (exact), ``detail`` as a table; ``name``, ``type``, ``policy`` and
    ``township`` of its case; ``approver``, the name of whoever has approved it; and ``approved_on``, the day of the
    last approval, None while it is not approved.

    Args:
        tx: one moment.
        reads: whose eyes.
        city: only this city's.
        case_id: only of this case.
        year: only of this calendar year.
        status: only what stands so.
        known_until: as it was known then; what was noticed later is left out.
        after: only what stands behind this case and award.
        limit: at most so many, in order of case and award.
    """
    conditions = [
        *_matching(city=city, case_id=case_id, year=year),
        *([ledger.c.noticed_at <= known_until] if known_until else []),
        *visible_to(reads, ledger),
        *([tuple_(ledger.c.case_id, ledger.c.award) > after] if after else []),
    ]
    last = _last(conditions, func.max(ledger.c.version).label("version")).subquery()
    approval = _last(
        [*conditions, ledger.c.status == AwardStatus.APPROVED], func.max(ledger.c.legal_on).label("day")
    ).subquery()
    query = (
        select(
            *_COLUMNS,
            cases.c.name,
            cases.c.type,
            cases.c.policy,
            approval.c.day.label("approved_on"),
        )
        .join(
            last,
            and_(
                last.c.case_id == ledger.c.case_id, last.c.award == ledger.c.award, last.c.version == ledger.c.version
            ),
        )
        .join(cases, cases.c.id == ledger.c.case_id)
        .outerjoin(approval, and_(approval.c.case_id == ledger.c.case_id, approval.c.award == ledger.c.award))
        .where(*_matching(status=status))
        .order_by(*(_ORDER if limit is None else (ledger.c.case_id, ledger.c.award)))
        .limit(limit)
        .execution_options(yield_per=_BATCH)
    )
    theirs = query.with_only_columns(ledger.c.case_id) if limit else select(ledger.c.case_id).where(*conditions)
    townships, approvers = _townships(tx, theirs), _approvers(tx, theirs)
    for row in tx.connection.execute(query).mappings():
        found = _named({**row, "township": townships[row["case_id"]]}, approvers)
        if found["status"] not in (AwardStatus.APPROVED, AwardStatus.PAID, AwardStatus.REVERSED):
            found["approved_on"] = None
        yield found


def history_of(tx: CoreTransaction, case_id: str) -> list[dict[str, Any]]:
    """Every change of a case's awards, oldest first; with ``yuan``, ``detail`` and ``approver`` as in ``current``."""
    query = select(*_COLUMNS).where(ledger.c.case_id == case_id).order_by(ledger.c.version, *_ORDER)
    approvers = _approvers(tx, select(ledger.c.case_id).where(ledger.c.case_id == case_id))
    return [_named(dict(row), approvers) for row in tx.connection.execute(query).mappings()]


def all_rows(tx: CoreTransaction) -> Iterator[dict[str, Any]]:
    """Every row as it is stored, by case, version and award, to compare."""
    query = (
        select(*_COLUMNS)
        .order_by(ledger.c.case_id, ledger.c.version, ledger.c.award)
        .execution_options(yield_per=_BATCH)
    )
    for row in tx.connection.execute(query).mappings():
        yield dict(row)


def _matching(*, city: str = "", case_id: str = "", year: int | None = None, status: str = "") -> list[Any]:
    wanted = ((ledger.c.city, city), (ledger.c.case_id, case_id), (ledger.c.year, year), (ledger.c.status, status))
    return [column == value for column, value in wanted if value not in ("", None)]


def _last(conditions: list[ColumnElement[bool]], newest_of: ColumnElement[Any]) -> Select[Any]:
    """The last of something, award by award."""
    return (
        select(ledger.c.case_id, ledger.c.award, newest_of)
        .where(*conditions)
        .group_by(ledger.c.case_id, ledger.c.award)
    )


def _townships(tx: CoreTransaction, theirs: Select[tuple[str]]) -> dict[str, str]:
    """Case → its township. A case's memory is long; it is read once, not beside each of its awards."""
    query = (
        select(cases.c.id, cases.c.memory)
        .where(cases.c.id.in_(theirs.subquery().select()))
        .execution_options(yield_per=_BATCH)
    )
    return {row.id: str(canonical.loads(row.memory).get("township", "")) for row in tx.connection.execute(query)}


def _approvers(tx: CoreTransaction, theirs: Select[tuple[str]]) -> dict[tuple[str, str, str], str]:
    """(case, award, id) → the name under which somebody approved an award, which remembers only the id."""
    query = (
        select(history.c.case_id, ledger.c.award, history.c.actor, history.c.actor_name)
        .join(ledger, and_(ledger.c.case_id == history.c.case_id, ledger.c.version == history.c.version))
        .where(ledger.c.status == AwardStatus.APPROVED, ledger.c.case_id.in_(theirs.subquery().select()))
        .order_by(history.c.position)
    )
    return {(row.case_id, row.award, row.actor): row.actor_name for row in tx.connection.execute(query)}


def _named(row: dict[str, Any], approvers: Mapping[tuple[str, str, str], str]) -> dict[str, Any]:
    found = _read(row)
    by = found["detail"].get("approved_by", "")
    return found | {"approver": approvers.get((found["case_id"], found["award"], by), "")}


def _read(row: dict[str, Any]) -> dict[str, Any]:
    row["yuan"] = Decimal(row["fen"]).scaleb(-2)
    row["detail"] = canonical.loads(row["detail"])
    return row
