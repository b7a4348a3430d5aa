"""Rows of ``timers``: one for each alarm of each clock, with exactly one outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, exists, func, insert, literal_column, select, tuple_, update

from kjfh_workflow.clock import start_of
from kjfh_workflow.rules.case import Case, Reads
from kjfh_workflow.rules.clocks import EXPIRE, Alarm, Clock
from kjfh_workflow.store.cases import CASE_COLUMNS, case_of, visible_to
from kjfh_workflow.store.database import CoreTransaction, Transaction
from kjfh_workflow.store.prepared import Prepared, named
from kjfh_workflow.store.schema import cases, timer_failures, timers

ARMED, FIRED, CANCELLED = "armed", "fired", "cancelled"
#: Written out in the statements, so that the partial index over armed alarms is used.
IS_ARMED_SQL = timers.c.outcome == literal_column(f"'{ARMED}'")

_ARM = Prepared(insert(timers))
_THIS_CLOCK = (
    timers.c.case_id == bindparam("case_is"),
    timers.c.timer == bindparam("timer_is"),
    timers.c.sequence == bindparam("sequence_is"),
    IS_ARMED_SQL,
)
_SETTLE = update(timers).values(outcome=bindparam("outcome_is"), settled_at=bindparam("settled"))
_CANCEL = Prepared(_SETTLE.where(*_THIS_CLOCK))
_FIRE = Prepared(_SETTLE.where(*_THIS_CLOCK, timers.c.alarm == bindparam("alarm_is")))
ITS_FAILURE = and_(
    timer_failures.c.case_id == timers.c.case_id,
    timer_failures.c.timer == timers.c.timer,
    timer_failures.c.sequence == timers.c.sequence,
    timer_failures.c.alarm == timers.c.alarm,
)
#: In which order alarms ring.
_ORDER = (timers.c.rings_at, timers.c.case_id, timers.c.timer, timers.c.sequence, timers.c.alarm)
_DUE = (
    select(timers.c.case_id, timers.c.timer, timers.c.sequence, timers.c.alarm, timers.c.rings_at)
    .where(
        IS_ARMED_SQL,
        timers.c.rings_at <= bindparam("now"),
        ~exists().where(ITS_FAILURE, timer_failures.c.retry_at > bindparam("now")),
    )
    .order_by(*_ORDER)
    .limit(bindparam("at_most"))
)
_LOOK = Prepared(_DUE)
_CLAIMED = (
    _DUE.add_columns(*CASE_COLUMNS)
    .join(cases, cases.c.id == timers.c.case_id)
    .with_for_update(of=[timers, cases], skip_locked=True)
)
_CLAIM = Prepared(_CLAIMED)
_LAST = tuple_(*(bindparam(f"last_{column.name}", type_=column.type) for column in _ORDER))
_CLAIM_BEHIND = Prepared(_CLAIMED.where(tuple_(*_ORDER) > _LAST))
_THIS_FAILURE = (
    timer_failures.c.case_id == bindparam("case_is"),
    timer_failures.c.timer == bindparam("timer_is"),
    timer_failures.c.sequence == bindparam("sequence_is"),
    timer_failures.c.alarm == bindparam("alarm_is"),
)
_ATTEMPTS = Prepared(select(timer_failures.c.attempts).where(*_THIS_FAILURE))
_ADD_FAILURE = Prepared(insert(timer_failures))
_FAIL_AGAIN = Prepared(
    update(timer_failures)
    .where(*_THIS_FAILURE)
    .values({name: bindparam(name) for name in ("attempts", "error", "failed_at", "retry_at")})
)
_FAILING = (
    select(timers.c.case_id, timers.c.timer, timers.c.sequence, timers.c.alarm, timers.c.due, timers.c.rings_at,
           timer_failures.c.attempts, timer_failures.c.error, timer_failures.c.failed_at, timer_failures.c.retry_at)
    .join(timer_failures, ITS_FAILURE)
    .where(IS_ARMED_SQL)
    .order_by(timers.c.rings_at, timers.c.case_id)
)  # fmt: skip
_RUNNING_CLOCK = (IS_ARMED_SQL, timers.c.alarm == literal_column(f"'{EXPIRE}'"))
_PROVISIONAL = Prepared(
    select(timers.c.case_id)
    .where(
        *_RUNNING_CLOCK,
        literal_column("kjfh_timers.provisional"),
        timers.c.due <= bindparam("until"),
        timers.c.case_id > bindparam("after"),
    )
    .distinct()
    .order_by(timers.c.case_id)
    .limit(bindparam("at_most"))
)
_RUNNING = Prepared(
    select(timers.c.case_id)
    .where(*_RUNNING_CLOCK, timers.c.due >= bindparam("since"), timers.c.case_id > bindparam("after"))
    .distinct()
    .order_by(timers.c.case_id)
    .limit(bindparam("at_most"))
)
_OF_CASE = Prepared(
    select(*timers.columns).where(timers.c.case_id == bindparam("case_id")).order_by(timers.c.rings_at, timers.c.timer)
)
_IS_ARMED = Prepared(select(timers.c.due).where(*_THIS_CLOCK, timers.c.alarm == bindparam("alarm_is")))


@dataclass(frozen=True, slots=True)
class Due:
    """An alarm whose time has come."""

    case_id: str
    alarm: Alarm
    rings_at: datetime


#: After the first failure, in seconds; doubled at each further one.
_FIRST_WAIT, _LONGEST_WAIT = 10, 3600


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
    tx.write(_ARM, rows)


def cancel(tx: Transaction, case_id: str, clock: Clock, at: datetime) -> None:
    """Cancel all alarms of a clock that have not rung."""
    place = {"case_is": case_id, "timer_is": clock.timer, "sequence_is": clock.sequence}
    tx.write(_CANCEL, [{**place, "outcome_is": CANCELLED, "settled": at}])


def fire(tx: Transaction, case_id: str, alarm: Alarm, at: datetime) -> None:
    """Mark one alarm as rung, if it is still armed."""
    place = {"case_is": case_id, "timer_is": alarm.timer, "sequence_is": alarm.sequence, "alarm_is": alarm.name}
    tx.write(_FIRE, [{**place, "outcome_is": FIRED, "settled": at}])


def is_armed(tx: Transaction, case_id: str, alarm: Alarm) -> bool:
    """Whether an alarm has still to ring; ask under the case's lock."""
    found = tx.fetch(_IS_ARMED, case_is=case_id, timer_is=alarm.timer, sequence_is=alarm.sequence, alarm_is=alarm.name)
    return found is not None


def due(tx: Transaction, now: datetime, at_most: int) -> list[Due]:
    """The armed alarms whose time has come, oldest first; without those that failed and wait to be tried again."""
    return [_due(row) for row in tx.fetch_all(_LOOK, now=now, at_most=at_most)]


def claim(tx: Transaction, now: datetime, at_most: int, behind: Due | None = None) -> list[tuple[Due, Case]]:
    """The same with their cases, locked until the transaction ends; what others hold is left out.

    Args:
        tx: to lock them in.
        now: the instant.
        at_most: so many.
        behind: only those that come after this one.
    """
    if behind is None:
        rows = tx.fetch_all(_CLAIM, now=now, at_most=at_most)
    else:
        alarm = behind.alarm
        last = {"timer": alarm.timer, "sequence": alarm.sequence, "alarm": alarm.name}
        last |= {"rings_at": behind.rings_at, "case_id": behind.case_id}
        place = {f"last_{name}": value for name, value in last.items()}
        rows = tx.fetch_all(_CLAIM_BEHIND, now=now, at_most=at_most, **place)
    return [(_due(row), case_of(row[5:])) for row in rows]


def _due(row: Sequence[Any]) -> Due:
    return Due(row[0], Alarm(row[1], row[2], row[3]), row[4])


def note_failure(tx: Transaction, due: Due, error: str, now: datetime) -> None:
    """That an alarm could not ring, and when it is tried again; once it has rung, nobody asks for this any more."""
    alarm = due.alarm
    place = {"case_is": due.case_id, "timer_is": alarm.timer, "sequence_is": alarm.sequence, "alarm_is": alarm.name}
    row = tx.fetch(_ATTEMPTS, **place)
    attempts = row[0] + 1 if row else 1
    wait = timedelta(seconds=min(_FIRST_WAIT * 2 ** min(attempts - 1, 20), _LONGEST_WAIT))
    told = {"attempts": attempts, "error": error, "failed_at": now, "retry_at": now + wait}
    if row:
        tx.run(_FAIL_AGAIN, **place, **told)
    else:
        tx.run(_ADD_FAILURE, case_id=due.case_id, timer=alarm.timer, sequence=alarm.sequence, alarm=alarm.name, **told)


def failing(tx: CoreTransaction, reads: Reads) -> list[dict[str, Any]]:
    """The armed alarms that could not ring so far: with error, attempts and when they are tried again."""
    theirs = _FAILING.add_columns(cases.c.city).join(cases, cases.c.id == timers.c.case_id).where(*visible_to(reads))
    return [dict(row) for row in tx.connection.execute(theirs).mappings()]


def provisional_cases(tx: Transaction, after: str, until: date, at_most: int) -> list[str]:
    """Cases behind *after*, by id, with a running clock whose last day was provisional and lies in a year that is
    known (*until*) by now.
    """
    return [row[0] for row in tx.fetch_all(_PROVISIONAL, after=after, until=until, at_most=at_most)]


def running_cases(tx: Transaction, after: str, since: date, at_most: int) -> list[str]:
    """Cases behind *after*, by id, with a running clock that ends on or after *since*."""
    return [row[0] for row in tx.fetch_all(_RUNNING, after=after, since=since, at_most=at_most)]


def next_ring(tx: CoreTransaction) -> datetime | None:
    """When the next armed alarm rings, or a failing one is tried again; None if none is armed."""
    rings = select(timers.c.rings_at).where(IS_ARMED_SQL, ~exists().where(ITS_FAILURE))
    tries = select(func.min(timer_failures.c.retry_at)).join(timers, ITS_FAILURE).where(IS_ARMED_SQL)
    found = (
        tx.connection.execute(rings.order_by(timers.c.rings_at).limit(1)).scalar(),
        tx.connection.execute(tries).scalar(),
    )
    return min((at for at in found if at is not None), default=None)


def of_case(tx: CoreTransaction, case_id: str) -> list[dict[str, Any]]:
    """All alarms of a case, in order of ringing."""
    return [named(timers.columns, row) for row in tx.fetch_all(_OF_CASE, case_id=case_id)]
