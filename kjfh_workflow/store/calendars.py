"""Rows of ``holiday_notices``: what was announced after the calendar data was made; and the database's clock.

What the notices mean for a date is ``rules/calendar``'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, exists, func, insert, select, text

from kjfh_workflow import canonical
from kjfh_workflow.rules.calendar import HolidayNotice
from kjfh_workflow.rules.case import Reads
from kjfh_workflow.rules.clocks import EXPIRE
from kjfh_workflow.rules.recount import RECOUNT
from kjfh_workflow.store.cases import visible_to
from kjfh_workflow.store.database import CoreTransaction, Transaction
from kjfh_workflow.store.prepared import Prepared
from kjfh_workflow.store.schema import Instant, cases, history, holiday_notices, recounts, timers

#: How long others may be kept waiting while a notice is recorded.
_LOCK_SECONDS = 3
_NEWEST = func.coalesce(func.max(holiday_notices.c.id), 0)
_MOMENT = {
    # One server is one clock for all processes; a transaction may have waited long since it began.
    "postgresql": Prepared(select(_NEWEST, func.clock_timestamp(type_=Instant()))),
    "sqlite": Prepared(select(_NEWEST)),
}
_ALL = Prepared(
    select(
        holiday_notices.c.id, holiday_notices.c.source, holiday_notices.c.year,
        holiday_notices.c.rest, holiday_notices.c.work, holiday_notices.c.recorded_at,
    ).order_by(holiday_notices.c.id)
)  # fmt: skip
_NOT_RECOUNTED = Prepared(
    select(holiday_notices.c.id)
    .where(~exists().where(recounts.c.notice_id == holiday_notices.c.id))
    .order_by(holiday_notices.c.id)
)
_RECOUNTED = Prepared(insert(recounts))
_MOVED_SINCE = Prepared(
    select(history.c.evidence).where(history.c.event == RECOUNT, history.c.noticed_at >= bindparam("since"))
)


def moment(tx: Transaction) -> tuple[int, datetime | None]:
    """The number of the newest holiday notice, and the instant on the database's clock; None where it has none."""
    row = tx.fetch(_MOMENT[tx.dialect_name])
    assert row is not None, "an aggregate has one row"  # noqa: S101
    return row[0], row[1] if len(row) > 1 else None


def notices(tx: Transaction) -> tuple[HolidayNotice, ...]:
    """Every holiday notice, in the order recorded."""
    return tuple(
        HolidayNotice(number, source, year, _days(rest), _days(work), at)
        for number, source, year, rest, work, at in tx.fetch_all(_ALL)
    )


def hold(tx: CoreTransaction) -> None:
    """Nobody else counts or records anything until the transaction ends.

    Acts that are under way have read the calendar and hold its table: this waits until they are through, and those
    that come meanwhile count with the new one.

    Raises:
        Conflict: if an act is under way for longer than a moment: others would have to wait behind this.
    """
    tx.wait_at_most(_LOCK_SECONDS)
    if tx.connection.dialect.name == "postgresql":
        tx.connection.execute(text("LOCK TABLE kjfh_holiday_notices IN ACCESS EXCLUSIVE MODE"))


def add(tx: CoreTransaction, values: Mapping[str, Any]) -> int:
    """Record a notice, after ``hold``: source, year, rest, work, recorded_by, recorded_at; returns its number."""
    row = {**values, "rest": canonical.dumps(values["rest"]), "work": canonical.dumps(values["work"])}
    made = tx.connection.execute(insert(holiday_notices).values(**row).returning(holiday_notices.c.id))
    return int(made.scalar_one())


def not_recounted(tx: Transaction) -> list[int]:
    """The notices after which the running clocks have still to be counted again."""
    return [row[0] for row in tx.fetch_all(_NOT_RECOUNTED)]


def moved_by(tx: Transaction, notice: HolidayNotice) -> int:
    """How many clocks have moved after a notice, whichever processes counted them."""
    found = (canonical.loads(evidence) for (evidence,) in tx.fetch_all(_MOVED_SINCE, since=notice.recorded_at))
    return sum(said["source"] == notice.source for said in found)


def mark_recounted(tx: Transaction, number: int, moved: int, at: datetime) -> None:
    """That it has been done.

    Raises:
        Clash: if somebody else has done it too.
    """
    tx.run(_RECOUNTED, notice_id=number, moved=moved, at=at)


def recorded(tx: CoreTransaction) -> list[dict[str, Any]]:
    """Every notice as recorded, with what came of it."""
    query = (
        select(holiday_notices, recounts.c.moved, recounts.c.at.label("recounted_at"))
        .outerjoin(recounts, recounts.c.notice_id == holiday_notices.c.id)
        .order_by(holiday_notices.c.id)
    )
    return [dict(row) for row in tx.connection.execute(query).mappings()]


def overtaken(tx: CoreTransaction, reads: Reads) -> dict[int, list[dict[str, Any]]]:
    """Number of a notice → what had ended on a day that it later made a rest day: case, timer, due.

    The day after the rest would have been the last day. Nothing is undone by itself; a person must look.
    """
    rings = (
        select(timers.c.case_id, timers.c.timer, timers.c.due, timers.c.settled_at)
        .join(cases, cases.c.id == timers.c.case_id)
        .where(timers.c.outcome == "fired", timers.c.alarm == EXPIRE, *visible_to(reads))
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for row in recorded(tx):
        days = _days(row["rest"])
        query = rings.where(timers.c.due.in_(days), timers.c.settled_at <= row["recorded_at"]).order_by(
            timers.c.case_id
        )
        found[row["id"]] = [dict(each) for each in tx.connection.execute(query).mappings()]
    return found


def _days(data: str) -> frozenset[date]:
    return frozenset(date.fromisoformat(day) for day in canonical.loads(data))
