"""What waits for somebody, in numbers: cases by state, clocks by last day, rounds, bans, letters nobody has opened.

What a first screen makes of it is ``casework.views.first_screen``'s; the docket, with where each case ends, is
``docket``'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select

from kjfh_workflow.clock import start_of
from kjfh_workflow.rules.case import Case, Reads
from kjfh_workflow.rules.clocks import EXPIRE
from kjfh_workflow.store import rounds as acts
from kjfh_workflow.store import services as services_of
from kjfh_workflow.store.cases import CASE_COLUMNS, case_of, visible_to
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.docket import Place
from kjfh_workflow.store.schema import bans, cases, notices, rounds, services, timers
from kjfh_workflow.store.timers import IS_ARMED_SQL


def by_state(tx: CoreTransaction, reads: Reads) -> list[dict[str, Any]]:
    """How many cases are in each state: city, kind, state, count. From the index on states alone."""
    place = (cases.c.city, cases.c.kind, cases.c.state)
    query = select(*place, func.count().label("count")).where(*visible_to(reads)).group_by(*place).order_by(*place)
    return [dict(row) for row in tx.connection.execute(query).mappings()]


def overdue(tx: CoreTransaction, reads: Reads, today: date, nags_within: timedelta, at_most: int) -> dict[str, date]:
    """Cases with a clock whose last day has passed and that has an alarm still to ring, with the first such last day.

    Longest overdue first.

    Args:
        tx: one moment.
        reads: whose cases.
        today: the day.
        nags_within: how far ahead the next alarm of a late clock may lie; alarms further ahead are not looked at.
        at_most: so many.
    """
    query = (
        select(timers.c.case_id, func.min(timers.c.due).label("due"))
        .where(IS_ARMED_SQL, timers.c.rings_at <= start_of(today + nags_within), timers.c.due < today)
        .where(*_visible(reads))
        .group_by(timers.c.case_id)
        .order_by(func.min(timers.c.due), timers.c.case_id)
        .limit(at_most)
    )
    return {row.case_id: row.due for row in tx.connection.execute(query)}


def silent(tx: CoreTransaction, reads: Reads, places: Iterable[Place], at_most: int) -> list[Case]:
    """Cases in the places where a clock that has passed has no alarm any more, by id."""
    here: list[ColumnElement[bool]] = [
        and_(
            cases.c.city == place.city,
            cases.c.kind == place.kind,
            cases.c.state == place.state,
            cases.c.policy == place.policy,
        )
        for place in places
    ]
    query = select(*CASE_COLUMNS).where(or_(false(), *here), *visible_to(reads)).order_by(cases.c.id).limit(at_most)
    return [case_of(row) for row in tx.connection.execute(query)]


def due(tx: CoreTransaction, reads: Reads, first: date, last: date, at_most: int) -> list[str]:
    """Cases with a clock whose last day is one of these, the next first; from the index on alarms, in its order."""
    ends: list[datetime] = [start_of(day + timedelta(days=1)) for day in (first, last)]
    query = (
        select(timers.c.case_id)
        .where(IS_ARMED_SQL, timers.c.alarm == EXPIRE, timers.c.rings_at.between(ends[0], ends[1]))
        .where(*_visible(reads))
        .order_by(timers.c.rings_at, timers.c.case_id)
        .limit(at_most)
    )
    return [*dict.fromkeys(row.case_id for row in tx.connection.execute(query))]


def _visible(reads: Reads) -> list[ColumnElement[bool]]:
    """An alarm's case may be seen: an operator has few cases; of a city's, it is asked alarm by alarm.

    Alarms that matter now are few, and a join would read every case of the city.
    """
    if reads.everything:
        return []
    if not reads.city:
        return [timers.c.case_id.in_(select(cases.c.id).where(*visible_to(reads)))]
    seen = select(cases.c.id).where(cases.c.id == timers.c.case_id, *visible_to(reads))
    return [seen.scalar_subquery().is_not(None)]


def open_rounds(tx: CoreTransaction, reads: Reads) -> list[dict[str, Any]]:
    """The rounds that are open: city, year, opened_on, members; none for who sees no city."""
    closed = rounds.alias("closed")
    query = (
        select(rounds.c.city, rounds.c.year, rounds.c.legal_on.label("opened_on"), rounds.c.members)
        .where(rounds.c.act == acts.OPENED)
        .where(
            ~exists().where(closed.c.city == rounds.c.city, closed.c.year == rounds.c.year, closed.c.act == acts.CLOSED)
        )
        .order_by(rounds.c.city, rounds.c.year)
    )
    if not reads.everything:
        query = query.where(rounds.c.city == reads.city if reads.city else false())
    return [dict(row) for row in tx.connection.execute(query).mappings()]


def running_bans(tx: CoreTransaction, reads: Reads, today: date) -> int:
    """How many bans run today; bans are few."""
    query = select(func.count()).select_from(bans).where(bans.c.since <= today, bans.c.until >= today)
    return int(tx.connection.execute(query.where(*visible_to(reads, bans))).scalar_one())


def unread(tx: CoreTransaction, uscc: str) -> int:
    """How many letters to an operator it has not opened; found by its cases."""
    read = exists().where(services.c.notice_id == notices.c.id, services.c.how == services_of.READ)
    query = (
        select(func.count())
        .select_from(cases)
        .join(notices, notices.c.case_id == cases.c.id)
        .where(cases.c.uscc == uscc, notices.c.uscc == uscc, ~read)
    )
    return int(tx.connection.execute(query).scalar_one())
