"""Letting every alarm ring whose time has come. Who calls this, and how often, is the scheduler's business.

Nobody leads: a claim is a row lock that dies with its connection, so any number of processes may tick at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from kjfh_workflow.casework.office import Moment, Office
from kjfh_workflow.casework.perform import ring
from kjfh_workflow.errors import Conflict, Unavailable
from kjfh_workflow.rules.case import Case
from kjfh_workflow.store import cases, timers
from kjfh_workflow.store.database import Database
from kjfh_workflow.store.timers import Due

#: How many alarms share a commit at most, and for how long others wait for what they hold.
_TOGETHER, _HOLD_SECONDS = 100, 0.25
#: A tick waits no longer than this for what somebody else holds; others' cases come first.
_LOCK_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Failing:
    """An alarm that could not ring."""

    case: str
    timer: str
    alarm: str
    error: str


@dataclass(slots=True)
class Ticked:
    """What one tick did."""

    #: How many alarms rang.
    rung: int = 0
    #: The longest that one of them rang after its time.
    latest: timedelta = timedelta()
    #: What could not ring; it stays armed, and is tried again later.
    failing: list[Failing] = field(default_factory=list)
    #: How many are due, but their cases are held by somebody else's act: the next tick rings them.
    held: int = 0

    def take(self, due: Due, moment: Moment) -> None:
        """Count one that rang."""
        self.rung += 1
        self.latest = max(self.latest, moment.now - due.rings_at)


def tick(office: Office, database: Database, stopped: Callable[[], bool] = lambda: False) -> Ticked:
    """Ring what is due, oldest first, until nothing is due.

    Late is rung late, never dropped: the history row says when it was due and when it was noticed. A backlog shares
    commits; where one alarm of a batch fails, the batch is undone and each rings for itself, so that the one that
    fails is recorded with its error, waits for its next try, and holds nothing up.

    Args:
        office: packs, clock, templates.
        database: whose alarms.
        stopped: asked between two commits; True ends the tick early.

    Raises:
        Unavailable: if the database is gone; what was not committed is still due.
    """
    report = Ticked()
    while not stopped() and _ring_together(office, database, report, stopped):
        pass
    with database.acting() as tx:
        report.held = len(timers.due(tx, office.now(tx), _TOGETHER))
    return report


def _ring_together(office: Office, database: Database, report: Ticked, stopped: Callable[[], bool]) -> bool:
    """One batch in one commit; False if nothing is due that nobody else holds."""
    claimed: list[tuple[Due, Case]] = []
    rung: list[Due] = []
    try:
        with database.acting() as tx:
            tx.wait_at_most(_LOCK_SECONDS)
            moment = office.moment(tx)
            claimed = timers.claim(tx, moment.now, _TOGETHER)
            latest: dict[str, Case] = {}
            tx.gather()
            for due, claimed_case in claimed:
                if due.case_id in latest:
                    tx.flush()  # what one alarm of a case has set, the next may have to cancel
                latest[due.case_id] = ring(office, tx, latest.get(due.case_id, claimed_case), due.alarm, moment)
                rung.append(due)
                if len(rung) == 1:  # only now: it may have waited for a document number
                    until = time.monotonic() + _HOLD_SECONDS
                elif time.monotonic() > until:
                    break
            tx.flush()
    except Unavailable:
        raise
    except Conflict:
        return False  # somebody holds what the batch needs: what it had done is undone, and a later tick does it
    except Exception:  # whatever it is, it is found out and recorded below, alarm by alarm
        for due, _ in claimed:
            if not stopped():
                _ring_apart(office, database, due, report)
        return bool(claimed)
    for due in rung:
        report.take(due, moment)
    return bool(claimed)


def _ring_apart(office: Office, database: Database, due: Due, report: Ticked) -> None:
    """One alarm in a transaction of its own, if nobody else has settled it meanwhile."""
    try:
        with database.acting() as tx:
            tx.wait_at_most(_LOCK_SECONDS)
            case = cases.load(tx, due.case_id, lock=True)
            if case is None or not timers.is_armed(tx, due.case_id, due.alarm):
                return
            moment = office.moment(tx)
            ring(office, tx, case, due.alarm, moment)
        report.take(due, moment)
    except Unavailable:
        raise
    except Conflict:
        return  # somebody else holds the case: it is still due, and a later tick comes round again
    except Exception as error:  # a template, a pack or the program is wrong: the alarm waits, the others ring
        _note(office, database, due, error, report)


def _note(office: Office, database: Database, due: Due, error: Exception, report: Ticked) -> None:
    told = f"{type(error).__name__}: {error}"
    with database.acting() as tx:
        timers.note_failure(tx, due, told, office.now(tx))
    report.failing.append(Failing(due.case_id, due.alarm.timer, due.alarm.name, told))
