"""What registers, reports and "as known on a day" ask of the database: cases in batches, their acts, money, bans.

Everything here only reads, but for the integrity list's new rows. What is made of the rows is ``books``' business.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, RowMapping, Select, and_, false, func, insert, or_, select

from kjfh_workflow.policy.vocabulary import NEW, CaseKind
from kjfh_workflow.rules.case import Case, Reads
from kjfh_workflow.store.cases import CASE_COLUMNS, case_of, visible_to
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.schema import bans, cases, documents, history, ledger, misconduct, notices, rounds

#: How many cases are in memory at once.
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases are asked for; an empty field does not filter."""

    kind: CaseKind
    reads: Reads
    city: str = ""


class Acted(NamedTuple):
    """What folding a case needs of one history row."""

    case_id: str
    version: int
    role: str
    source: str
    target: str
    legal_on: date
    noticed_at: datetime
    #: Canonical JSON, like the effects.
    evidence: str
    effects: str
    hash: str


_ACTED = tuple(history.c[name] for name in Acted._fields)


# ---- cases -------------------------------------------------------------------------------------------------------


def current(tx: CoreTransaction, wanted: Wanted) -> Iterator[list[tuple[Case, datetime]]]:
    """The cases as they are now, each with the instant of its last act, in batches in order of id."""
    for rows in _batches(tx, select(*CASE_COLUMNS, cases.c.changed_at), wanted, None):
        yield [(case_of(row[:-1]), row[-1]) for row in rows]


def unfolded(tx: CoreTransaction, wanted: Wanted, opened_until: date | None) -> Iterator[list[Case]]:
    """The same cases before their first act, in batches; without those that were opened later than that day."""
    columns = select(cases.c.id, cases.c.city, cases.c.kind, cases.c.policy)
    for rows in _batches(tx, columns, wanted, opened_until):
        yield [Case(row.id, row.city, CaseKind(row.kind), row.policy, NEW) for row in rows]


def _batches(
    tx: CoreTransaction, query: Select[Any], wanted: Wanted, opened_until: date | None
) -> Iterator[Sequence[Any]]:
    conditions = [cases.c.kind == wanted.kind, *visible_to(wanted.reads)]
    if wanted.city:
        conditions.append(cases.c.city == wanted.city)
    if opened_until is not None:
        conditions.append(cases.c.opened_on <= opened_until)
    query = query.where(*conditions).order_by(cases.c.id).limit(_BATCH)
    after = ""
    while rows := tx.connection.execute(query.where(cases.c.id > after)).all():
        yield rows
        if len(rows) < _BATCH:
            return
        after = rows[-1][0]


def acts_of(tx: CoreTransaction, case_ids: Collection[str], noticed_before: datetime | None) -> Iterator[Acted]:
    """The acts of these cases that had been noticed by then, case by case, each first to last."""
    query = select(*_ACTED).where(history.c.case_id.in_(case_ids)).order_by(history.c.case_id, history.c.version)
    if noticed_before is not None:
        query = query.where(history.c.noticed_at < noticed_before)
    return (Acted(*row) for row in tx.connection.execute(query))


def entered(
    tx: CoreTransaction, case_ids: Collection[str], states: Collection[str], noticed_before: datetime | None
) -> dict[str, date]:
    """Case → the day on which it came into one of *states*."""
    query = (
        select(history.c.case_id, func.max(history.c.legal_on))
        .where(history.c.case_id.in_(case_ids), history.c.target.in_(states), history.c.source != history.c.target)
        .group_by(history.c.case_id)
    )
    if noticed_before is not None:
        query = query.where(history.c.noticed_at < noticed_before)
    return {row[0]: row[1] for row in tx.connection.execute(query)}


def of_parent(tx: CoreTransaction, parent: str, kind: CaseKind) -> list[Case]:
    """The cases of a kind that belong to a case, in order of id."""
    query = select(*CASE_COLUMNS).where(cases.c.parent == parent, cases.c.kind == kind).order_by(cases.c.id)
    return [case_of(row) for row in tx.connection.execute(query)]


# ---- beside the cases --------------------------------------------------------------------------------------------


def bodies(tx: CoreTransaction, digests: Collection[str]) -> dict[str, str]:
    """Digest → text of the documents."""
    if not digests:
        return {}
    query = select(documents.c.digest, documents.c.body).where(documents.c.digest.in_(digests))
    return {row.digest: row.body for row in tx.connection.execute(query)}


def last_numbers(tx: CoreTransaction, case_ids: Collection[str]) -> dict[str, str]:
    """Case → the document number of what its last act issued; without those that issued nothing under a number."""
    if not case_ids:
        return {}
    query = (
        select(notices.c.case_id, notices.c.number)
        .join(cases, and_(cases.c.id == notices.c.case_id, cases.c.version == notices.c.version))
        .where(notices.c.case_id.in_(case_ids), notices.c.number.is_not(None))
        .order_by(notices.c.id.desc())
    )
    return {row.case_id: row.number for row in tx.connection.execute(query)}


def awards(
    tx: CoreTransaction, city: str, year: int | None, on: date | None, noticed_before: datetime | None
) -> Iterator[Mapping[str, Any]]:
    """Each award of a city as it stood: the newest row of those that count; ``fen`` is its sum in hundredths of a yuan.

    Args:
        tx: to read with.
        city: whose.
        year: only awards of this calendar year.
        on: what happened later does not count.
        noticed_before: what was on file at that instant.
    """
    conditions = [ledger.c.city == city]
    if year is not None:
        conditions.append(ledger.c.year == year)
    if on is not None:
        conditions.append(ledger.c.legal_on <= on)
    if noticed_before is not None:
        conditions.append(ledger.c.noticed_at < noticed_before)
    newest = (
        select(ledger.c.case_id, ledger.c.award, func.max(ledger.c.version).label("version"))
        .where(*conditions)
        .group_by(ledger.c.case_id, ledger.c.award)
        .subquery()
    )
    same = (ledger.c.case_id == newest.c.case_id, ledger.c.award == newest.c.award)
    query = (
        select(ledger)
        .join(newest, and_(*same, ledger.c.version == newest.c.version))
        .order_by(ledger.c.case_id, ledger.c.award)
    )
    return (dict(row) for row in tx.connection.execute(query).mappings())


def rounds_of(
    tx: CoreTransaction, city: str, on: date | None, noticed_before: datetime | None
) -> list[Mapping[str, Any]]:
    """A city's rounds: year, act (``open_round`` or ``close_round``), legal_on, members; in order."""
    conditions = [rounds.c.city == city]
    if on is not None:
        conditions.append(rounds.c.legal_on <= on)
    if noticed_before is not None:
        conditions.append(rounds.c.at < noticed_before)
    query = select(rounds).where(*conditions).order_by(rounds.c.year, rounds.c.legal_on, rounds.c.act.desc())
    return [dict(row) for row in tx.connection.execute(query).mappings()]


# ---- bans and misconduct -----------------------------------------------------------------------------------------


def bans_imposed(
    tx: CoreTransaction, reads: Reads, city: str, *, since_until: date | None, until_from: date | None = None
) -> list[dict[str, Any]]:
    """Bans with the operator's name, by last barred day.

    Args:
        tx: to read with.
        reads: whose bans.
        city: only this city's; all where it is empty.
        since_until: only those imposed by this day.
        until_from: only those whose last barred day is this one or later.
    """
    conditions: list[ColumnElement[bool]] = visible_to(reads, bans)
    if city:
        conditions.append(bans.c.city == city)
    if since_until is not None:
        conditions.append(bans.c.since <= since_until)
    if until_from is not None:
        conditions.append(bans.c.until >= until_from)
    query = select(*bans.columns, cases.c.name).join(cases, cases.c.id == bans.c.case_id).where(*conditions)
    rows = tx.connection.execute(query.order_by(bans.c.until, bans.c.case_id)).mappings()
    return [dict(row) for row in rows]


_MISCONDUCT = tuple(column for column in misconduct.columns if not column.name.startswith("request_"))


def misconduct_entries(
    tx: CoreTransaction, reads: Reads, city: str, on: date | None = None, recorded_before: datetime | None = None
) -> list[dict[str, Any]]:
    """A city's entries of the integrity list in order of recording; nothing for who sees no city."""
    conditions: list[ColumnElement[bool]] = []
    if not reads.everything:
        conditions.append(or_(false(), misconduct.c.city == reads.city))
    if city:
        conditions.append(misconduct.c.city == city)
    if on is not None:
        conditions.append(misconduct.c.recorded_on <= on)
    if recorded_before is not None:
        conditions.append(misconduct.c.recorded_at < recorded_before)
    query = select(*_MISCONDUCT).where(*conditions).order_by(misconduct.c.id)
    return [_named(tx, row) for row in tx.connection.execute(query).mappings()]


def _named(tx: CoreTransaction, row: RowMapping) -> dict[str, Any]:
    """An entry with the name of whoever recorded it, as they signed last: it keeps only their id."""
    entry: dict[str, Any] = {**row}
    query = select(history.c.actor_name).where(history.c.actor == entry["recorded_by"])
    name = tx.connection.execute(query.order_by(history.c.position.desc()).limit(1)).scalar()
    return entry | {"recorded_by_name": name or entry["recorded_by"]}


def misconduct_by_request(tx: CoreTransaction, request_id: str) -> tuple[str, dict[str, Any]] | None:
    """What a request wrote, with the digest of what it asked for; or None."""
    query = select(*_MISCONDUCT, misconduct.c.request_digest).where(misconduct.c.request_id == request_id)
    row = tx.connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    entry = _named(tx, row)
    return str(entry.pop("request_digest")), entry


def add_misconduct(tx: CoreTransaction, values: Mapping[str, Any]) -> dict[str, Any]:
    """Put somebody on the integrity list; returns the entry as it is on file.

    Raises:
        Clash: if the request id has been used meanwhile.
    """
    made = tx.connection.execute(insert(misconduct).values(**values)).inserted_primary_key
    assert made is not None, "one row has one key"  # noqa: S101
    query = select(*_MISCONDUCT).where(misconduct.c.id == made[0])
    return _named(tx, tx.connection.execute(query).mappings().one())
