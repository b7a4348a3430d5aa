"""Rows of ``rounds`` and ``roster``: which year's assessment was opened and closed, and who is in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import bindparam, func, insert, literal_column, or_, select

from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.case import Case
from kjfh_workflow.store.cases import CASE_COLUMNS, case_of
from kjfh_workflow.store.database import CoreTransaction, Transaction
from kjfh_workflow.store.prepared import Prepared, named
from kjfh_workflow.store.schema import cases, roster, rounds

OPENED, CLOSED = "open_round", "close_round"

_ADD = Prepared(insert(rounds))
_ENROLL = Prepared(insert(roster))
_ACTS = Prepared(select(*rounds.columns).where(rounds.c.city == bindparam("city"), rounds.c.year == bindparam("year")))
_LOCKED = Prepared(
    select(rounds.c.members)
    .where(
        rounds.c.city == bindparam("city"),
        rounds.c.year == bindparam("year"),
        rounds.c.act == literal_column(f"'{OPENED}'"),
    )
    .with_for_update()
)
_IS_ON = Prepared(
    select(roster.c.case_id).where(
        roster.c.city == bindparam("city"),
        roster.c.year == bindparam("year"),
        roster.c.case_id == bindparam("case_id"),
    )
)
_BY_REQUEST = Prepared(select(*rounds.columns).where(rounds.c.request_id == bindparam("request_id")))
_INCUBATORS = Prepared(
    select(*CASE_COLUMNS)
    .where(
        cases.c.city == bindparam("city"),
        cases.c.kind == literal_column(f"'{CaseKind.INCUBATOR}'"),
        cases.c.slot.is_not(None),
        cases.c.id > bindparam("after"),
    )
    .order_by(cases.c.id)
    .limit(bindparam("at_most"))
    .with_for_update()
)
_MEMBERS = (
    select(*CASE_COLUMNS)
    .join(roster, roster.c.case_id == cases.c.id)
    .where(
        roster.c.city == bindparam("city"),
        roster.c.year == bindparam("year"),
        roster.c.case_id > bindparam("after"),
    )
    .order_by(roster.c.case_id)
    .limit(bindparam("at_most"))
)
_LOCK_TITLES = Prepared(
    select(cases.c.id)
    .where(
        cases.c.city == bindparam("city"),
        cases.c.kind == literal_column(f"'{CaseKind.INCUBATOR}'"),
        or_(
            cases.c.slot.is_not(None),
            cases.c.id.in_(
                select(roster.c.case_id).where(roster.c.city == bindparam("city"), roster.c.year == bindparam("year"))
            ),
        ),
    )
    .order_by(cases.c.id)
    .with_for_update()
)
_READ_MEMBERS = Prepared(_MEMBERS)
_LOCK_MEMBERS = Prepared(_MEMBERS.with_for_update(of=[cases]))
_LOCK_VERSIONS = Prepared(
    select(cases.c.id, cases.c.version)
    .join(roster, roster.c.case_id == cases.c.id)
    .where(roster.c.city == bindparam("city"), roster.c.year == bindparam("year"))
    .order_by(cases.c.id)
    .with_for_update(of=[cases])
)


def add(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Write that a round was opened or closed.

    Raises:
        Clash: if it has been already, or the request id was used.
    """
    tx.run(_ADD, **values)


def enroll(tx: Transaction, city: str, year: int, case_ids: Iterable[str]) -> None:
    """Put incubators on a round's roster."""
    tx.write(_ENROLL, [{"city": city, "year": year, "case_id": case_id} for case_id in case_ids])


def acts(tx: Transaction, city: str, year: int) -> dict[str, dict[str, Any]]:
    """``open_round`` and ``close_round`` of a round, as far as they have happened."""
    return {row[2]: named(rounds.columns, row) for row in tx.fetch_all(_ACTS, city=city, year=year)}


def hold(tx: Transaction, city: str, year: int) -> None:
    """Keep everybody else from closing the round until the transaction ends."""
    tx.fetch(_LOCKED, city=city, year=year)


def by_request(tx: Transaction, request_id: str) -> dict[str, Any] | None:
    """What a request wrote, or None."""
    row = tx.fetch(_BY_REQUEST, request_id=request_id)
    return None if row is None else named(rounds.columns, row)


def all_acts(tx: CoreTransaction, city: str = "") -> list[dict[str, Any]]:
    """Every opening and closing, oldest round first."""
    wanted = select(rounds).where(rounds.c.city == city) if city else select(rounds)
    query = wanted.order_by(rounds.c.city, rounds.c.year, rounds.c.act.desc())
    return [dict(row) for row in tx.connection.execute(query).mappings()]


def hold_titles(tx: Transaction, city: str, year: int) -> None:
    """Keep everybody else from acting on a city's titles, and on the incubators of a round, until the transaction ends.

    All at once and by id, before any of them changes.
    """
    tx.fetch_all(_LOCK_TITLES, city=city, year=year)


def incubators(tx: Transaction, city: str, after: str, at_most: int) -> list[Case]:
    """A city's titles behind *after*, by id, locked until the transaction ends."""
    return [case_of(row) for row in tx.fetch_all(_INCUBATORS, city=city, after=after, at_most=at_most)]


def members(tx: Transaction, city: str, year: int, after: str, at_most: int, *, lock: bool = False) -> list[Case]:
    """The incubators on a round's roster behind *after*, by id; with *lock* held until the transaction ends."""
    statement = _LOCK_MEMBERS if lock else _READ_MEMBERS
    return [case_of(row) for row in tx.fetch_all(statement, city=city, year=year, after=after, at_most=at_most)]


def held_versions(tx: Transaction, city: str, year: int) -> list[tuple[str, int]]:
    """Id and version of each incubator on a round's roster, by id, all locked until the transaction ends."""
    return [(row[0], row[1]) for row in tx.fetch_all(_LOCK_VERSIONS, city=city, year=year)]


def roster_of(tx: CoreTransaction, city: str, year: int) -> list[str]:
    """Ids of the incubators in a round."""
    query = select(roster.c.case_id).where(roster.c.city == city, roster.c.year == year).order_by(roster.c.case_id)
    return list(tx.connection.execute(query).scalars())


def is_on(tx: Transaction, city: str, year: int, case_id: str) -> bool:
    """Whether an incubator is on a round's roster."""
    return tx.fetch(_IS_ON, city=city, year=year, case_id=case_id) is not None


def whole_roster(tx: CoreTransaction) -> Iterator[dict[str, Any]]:
    """Every row of every round's roster."""
    for row in tx.connection.execute(select(roster).execution_options(yield_per=1000)).mappings():
        yield dict(row)


def members_by_round(tx: CoreTransaction) -> dict[tuple[str, int], int]:
    """(city, year) → how many incubators are on the roster."""
    query = select(roster.c.city, roster.c.year, func.count()).group_by(roster.c.city, roster.c.year)
    return {(city, year): count for city, year, count in tx.connection.execute(query)}
