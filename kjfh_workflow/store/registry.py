"""Small rows beside the cases: organisations, documents, notices, bans, confirmations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, Subquery, bindparam, func, insert, select, update

from kjfh_workflow import canonical
from kjfh_workflow.rules.case import Case
from kjfh_workflow.store.database import CoreTransaction, Transaction
from kjfh_workflow.store.prepared import ForSome, Prepared, named
from kjfh_workflow.store.schema import (
    bans,
    cases,
    confirmations,
    documents,
    named_firms,
    notices,
    numbers,
    organisations,
    outbox,
)

_KNOWN_ORGANISATION = Prepared(
    # Not against those who only refer to the row: whoever opens a case of the operator.
    select(organisations.c.uscc).where(organisations.c.uscc == bindparam("uscc")).with_for_update(key_share=True)
)
_ADD_ORGANISATION = Prepared(insert(organisations))
_BANNED_UNTIL = Prepared(
    select(func.max(bans.c.until)).where(bans.c.uscc == bindparam("uscc"), bans.c.city == bindparam("city"))
)
_ADD_BAN = Prepared(insert(bans))
_HAS_DOCUMENT = Prepared(select(documents.c.digest).where(documents.c.digest == bindparam("digest")))
_ADD_DOCUMENT = Prepared(insert(documents))
_ADD_NAMED = Prepared(insert(named_firms))
_READ_DOCUMENT = Prepared(select(documents.c.body).where(documents.c.digest == bindparam("digest")))
_NOTICES_OF = Prepared(
    select(*notices.columns).where(notices.c.case_id == bindparam("case_id")).order_by(notices.c.version, notices.c.id)
)
_ADD_NOTICE = Prepared(insert(notices))
_ADD_TO_OUTBOX = Prepared(insert(outbox).values(notice_id=bindparam("notice_id"), next_at=bindparam("next_at")))
_NEXT_NUMBER = Prepared(
    update(numbers)
    .where(numbers.c.city == bindparam("city_is"), numbers.c.year == bindparam("year_is"))
    .values(last=numbers.c.last + 1)
)
_LAST_NUMBER = Prepared(
    select(numbers.c.last).where(numbers.c.city == bindparam("city_is"), numbers.c.year == bindparam("year_is"))
)
_FIRST_NUMBER = Prepared(insert(numbers))


def _firms_in_both() -> Subquery:
    """Operator and firm, each pair once, with the operator's name and its first case that names the firm."""
    mine, other = named_firms.alias("mine"), named_firms.alias("other")
    return (
        select(
            cases.c.uscc.label("operator"),
            mine.c.uscc.label("firm"),
            func.min(cases.c.id).label("case"),
            func.min(cases.c.name).label("name"),
        )
        .select_from(mine)
        .join(other, other.c.uscc == mine.c.uscc)
        .join(cases, cases.c.facts == other.c.digest)
        .where(
            mine.c.digest == bindparam("facts"),
            cases.c.city == bindparam("in_city"),
            cases.c.uscc != bindparam("own"),
            cases.c.slot.is_not(None),
        )
        .group_by(cases.c.uscc, mine.c.uscc)
        .subquery()
    )


def _naming_the_same() -> Select[Any]:
    """Who names the most of the same firms stands first."""
    both = _firms_in_both()
    return (
        select(
            both.c.operator,
            func.min(both.c.case),
            func.min(both.c.name),
            func.count(),
            func.count().over(),
        )
        .group_by(both.c.operator)
        .order_by(func.count().desc(), both.c.operator)
        .limit(bindparam("most"))
    )


def _first_firms() -> ForSome:
    """Of some of them, the first firms that they name."""
    both = _firms_in_both()
    place = func.row_number().over(partition_by=both.c.operator, order_by=both.c.firm).label("place")
    placed = select(both.c.operator, both.c.firm, place).subquery()
    query = select(placed.c.operator, placed.c.firm).where(placed.c.place <= bindparam("most"))
    return ForSome(query.order_by(placed.c.operator, placed.c.place), placed.c.operator)


_NAMING_THE_SAME = Prepared(_naming_the_same())
_FIRST_FIRMS = _first_firms()


def lock_organisation(tx: Transaction, uscc: str) -> bool:
    """Hold the operator's row until the transaction ends, so that a ban and a submission queue up.

    Returns:
        Whether the operator is known.
    """
    return tx.fetch(_KNOWN_ORGANISATION, uscc=uscc) is not None


def add_organisation(tx: Transaction, uscc: str, name: str, at: datetime) -> None:
    """Make an operator known.

    Raises:
        Clash: if it has become known meanwhile.
    """
    tx.run(_ADD_ORGANISATION, uscc=uscc, name=name, first_seen_at=at)


def banned_until(tx: Transaction, city: str, uscc: str) -> date | None:
    """The last barred day of the operator's longest ban in a city, past or not."""
    row = tx.fetch(_BANNED_UNTIL, city=city, uscc=uscc)
    return row[0] if row else None


def add_ban(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Write a ban: case_id, city, uscc, since, until, article."""
    tx.run(_ADD_BAN, **values)


def bans_of(tx: CoreTransaction, uscc: str) -> list[dict[str, Any]]:
    """Every ban of an operator in every city, oldest first."""
    query = select(bans).where(bans.c.uscc == uscc).order_by(bans.c.since, bans.c.case_id)
    return [dict(row) for row in tx.connection.execute(query).mappings()]


def all_bans(tx: CoreTransaction) -> list[dict[str, Any]]:
    """Every ban of every operator."""
    return [dict(row) for row in tx.connection.execute(select(bans)).mappings()]


def all_organisations(tx: CoreTransaction) -> list[tuple[str, str]]:
    """(code, name) of every operator."""
    rows = tx.connection.execute(select(organisations.c.uscc, organisations.c.name))
    return [(row.uscc, row.name) for row in rows]


def add_document(tx: Transaction, digest: str, body: str) -> None:
    """Keep facts under their digest, with the firms they name; the same facts are kept once."""
    if tx.fetch(_HAS_DOCUMENT, digest=digest) is None:
        tx.run(_ADD_DOCUMENT, digest=digest, body=body)
        tx.write(_ADD_NAMED, [{"uscc": uscc, "digest": digest} for uscc in firms_in(body)])


def firms_in(body: str) -> list[str]:
    """The codes of the firms that facts name as tenants, each once."""
    return sorted({tenant["uscc"] for tenant in canonical.loads(body)["tenants"]})


def all_named(tx: CoreTransaction) -> dict[str, list[str]]:
    """Digest of facts → the codes on file as named in them."""
    found: dict[str, list[str]] = {}
    for row in tx.connection.execute(select(named_firms).order_by(named_firms.c.uscc)):
        found.setdefault(row.digest, []).append(row.uscc)
    return found


class _OperatorsNaming(NamedTuple):
    uscc: str
    case: str
    name: str
    firms: int
    #: How many such rows there are.
    operators: int


@dataclass(frozen=True, slots=True)
class NamedElsewhere:
    """Other operators that name the firms of a case."""

    #: The first of them, who name the most firms first: name, case, count of firms, and the first firms' codes.
    operators: list[dict[str, Any]]
    #: How many there are.
    count: int


def named_elsewhere(tx: CoreTransaction, case: Case, *, at_most: int, firms: int) -> NamedElsewhere:
    """Whose facts in force in the city name firms of the case's facts too.

    Args:
        tx: one moment.
        case: with facts.
        at_most: so many operators are told apart.
        firms: so many firms of each are named.
    """
    values = {"facts": case.facts, "in_city": case.city, "own": case.uscc}
    rows = [_OperatorsNaming(*row) for row in tx.fetch_all(_NAMING_THE_SAME, **values, most=at_most)]
    firms_of: dict[str, list[str]] = {row.uscc: [] for row in rows}
    if rows:
        statement, ids = _FIRST_FIRMS.of([*firms_of])
        for operator, firm in tx.fetch_all(statement, **values, **ids, most=firms):
            firms_of[operator].append(firm)
    operators = [{"name": row.name, "case": row.case, "count": row.firms, "firms": firms_of[row.uscc]} for row in rows]
    return NamedElsewhere(operators, rows[0].operators if rows else 0)


def document(tx: Transaction, digest: str) -> str | None:
    """A document's text."""
    row = tx.fetch(_READ_DOCUMENT, digest=digest)
    return None if row is None else str(row[0])


def all_documents(tx: CoreTransaction) -> Iterator[tuple[str, str]]:
    """(digest, text) of every document, one after the other."""
    for row in tx.connection.execute(select(documents).execution_options(yield_per=100)):
        yield row.digest, row.body


def add_notices(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Queue notices, already written: each is on file, and in the outbox."""
    tx.write(_ADD_NOTICE, rows)
    tx.write(_ADD_TO_OUTBOX, [{"notice_id": row["id"], "next_at": row["queued_at"]} for row in rows])


def next_number(tx: Transaction, city: str, year: int) -> int:
    """The city's next document number of a year; a transaction that is rolled back gives it back.

    Raises:
        Clash: if two transactions issue a year's first number at once.
    """
    if tx.run(_NEXT_NUMBER, city_is=city, year_is=year) == 0:
        tx.run(_FIRST_NUMBER, city=city, year=year, last=1)
    row = tx.fetch(_LAST_NUMBER, city_is=city, year_is=year)
    assert row is not None, "it has just been written"  # noqa: S101
    return int(row[0])


def policies_of(tx: CoreTransaction, case_ids: Iterable[str]) -> dict[str, str]:
    """Case → the version of the pack that it is pinned to."""
    query = select(cases.c.id, cases.c.policy).where(cases.c.id.in_({*case_ids}))
    return {row.id: row.policy for row in tx.connection.execute(query)}


def notices_of(tx: CoreTransaction, case_id: str) -> list[dict[str, Any]]:
    """A case's notices in order of queueing."""
    return [named(notices.columns, row) for row in tx.fetch_all(_NOTICES_OF, case_id=case_id)]


def hold_confirmations(tx: CoreTransaction) -> None:
    """Nobody else confirms anything until the transaction ends."""
    tx.alone_with(confirmations)


def add_confirmation(tx: CoreTransaction, values: Mapping[str, Any]) -> None:
    """Record that the bureau has confirmed a provision: city, policy, key, confirmed_by, confirmed_on, …"""
    tx.connection.execute(insert(confirmations).values(**values))


def confirmations_of(tx: CoreTransaction, city: str, policy: str) -> list[dict[str, Any]]:
    """All confirmations of a pack's provisions, oldest first."""
    query = (
        select(confirmations)
        .where(confirmations.c.city == city, confirmations.c.policy == policy)
        .order_by(confirmations.c.id)
    )
    return [dict(row) for row in tx.connection.execute(query).mappings()]
