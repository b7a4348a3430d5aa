"""Rows of ``timers``: one for each alarm of each clock, with exactly one outcome."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, insert, literal_column, select, update

from kjfh_workflow.clock import start_of
from kjfh_workflow.rules.clocks import Alarm, Clock
from kjfh_workflow.store.database import CoreTransaction, Transaction
from kjfh_workflow.store.prepared import Prepared
from kjfh_workflow.store.schema import timers

ARMED, FIRED, CANCELLED = "armed", "fired", "cancelled"
#: Written out in the statements, so that the partial index over armed alarms is used.
_IS_ARMED_SQL = timers.c.outcome == literal_column(f"'{ARMED}'")

_ARM = Prepared(insert(timers))
_THIS_CLOCK = (
    timers.c.case_id == bindparam("case_is"),
    timers.c.timer == bindparam("timer_is"),
    timers.c.sequence == bindparam("sequence_is"),
    _IS_ARMED_SQL,
)
_SETTLE = update(timers).values(outcome=bindparam("outcome_is"), settled_at=bindparam("settled"))
_CANCEL = Prepared(_SETTLE.where(*_THIS_CLOCK))
_FIRE = Prepared(_SETTLE.where(*_THIS_CLOCK, timers.c.alarm == bindparam("alarm_is")))
_DUE = Prepared(
    select(timers.c.case_id, timers.c.timer, timers.c.sequence, timers.c.alarm, timers.c.rings_at)
    .where(_IS_ARMED_SQL, timers.c.rings_at <= bindparam("now"))
    .order_by(timers.c.rings_at, timers.c.case_id, timers.c.timer, timers.c.sequence, timers.c.alarm)
    .limit(bindparam("at_most"))
)
_IS_ARMED = Prepared(select(timers.c.due).where(*_THIS_CLOCK, timers.c.alarm == bindparam("alarm_is")))


@dataclass(frozen=True, slots=True)
class Due:
    """An alarm whose time has come."""

    case_id: str
    alarm: Alarm
    rings_at: datetime


def arm(tx: Transaction, case_id: str, alarms: Iterable[tuple[Clock, str, date]]) -> None:
    """Set alarms: (clock, alarm, the day at whose 00:00 it rings)."""
    rows: list[dict[str, Any]] = [
        {
            "case_id": case_id,
            "timer": clock.timer,
            "sequence": clock.sequence,
            "alarm": name,
            "due": clock.due,
            "provisional": clock.deadline.provisional,
            "rings_at": start_of(day),
            "outcome": ARMED,
            "settled_at": None,
        }
        for clock, name, day in alarms
    ]
    tx.run_many(_ARM, rows)


def cancel(tx: Transaction, case_id: str, clock: Clock, at: datetime) -> None:
    """Cancel all alarms of a clock that have not rung."""
    tx.run(_CANCEL, case_is=case_id, timer_is=clock.timer, sequence_is=clock.sequence, outcome_is=CANCELLED, settled=at)


def fire(tx: Transaction, case_id: str, alarm: Alarm, at: datetime) -> None:
    """Mark one alarm as rung, if it is still armed."""
    tx.run(
        _FIRE,
        case_is=case_id,
        timer_is=alarm.timer,
        sequence_is=alarm.sequence,
        alarm_is=alarm.name,
        outcome_is=FIRED,
        settled=at,
    )


def is_armed(tx: Transaction, case_id: str, alarm: Alarm) -> bool:
    """Whether an alarm has still to ring; ask under the case's lock."""
    found = tx.fetch(_IS_ARMED, case_is=case_id, timer_is=alarm.timer, sequence_is=alarm.sequence, alarm_is=alarm.name)
    return found is not None


def due(tx: Transaction, now: datetime, at_most: int) -> list[Due]:
    """The armed alarms whose time has come, oldest first."""
    rows = tx.fetch_all(_DUE, now=now, at_most=at_most)
    return [Due(row[0], Alarm(row[1], row[2], row[3]), row[4]) for row in rows]


def next_ring(tx: CoreTransaction) -> datetime | None:
    """When the next armed alarm rings; None if none is armed."""
    query = select(timers.c.rings_at).where(_IS_ARMED_SQL).order_by(timers.c.rings_at).limit(1)
    return tx.connection.execute(query).scalar()


def of_case(tx: CoreTransaction, case_id: str) -> list[dict[str, Any]]:
    """All alarms of a case, in order of ringing."""
    query = select(timers).where(timers.c.case_id == case_id).order_by(timers.c.rings_at, timers.c.timer)
    return [dict(row) for row in tx.connection.execute(query).mappings()]
