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
from kjfh_workflow.casework.record import NumberRow, NumbersHeld
from kjfh_workflow.errors import Conflict, Unavailable
from kjfh_workflow.rules.case import Case
from kjfh_workflow.store import cases, timers
from kjfh_workflow.store.database import Clash, Database, Transaction
from kjfh_workflow.store.timers import Due

#: How many alarms share a commit at most, and for how long others wait for what they hold.
_TOGETHER, _HOLD_SECONDS = 100, 0.25
#: A tick waits no longer than this for what somebody else holds, and for each of many in a row no longer than that.
_LOCK_SECONDS, _LOCK_SECONDS_APART = 2, 0.1


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
    #: How many are due, but somebody else's act holds their cases or the document numbers that they need: a later tick
    #: rings them. Counted up to a hundred.
    held: int = 0

    def take(self, due: Due, moment: Moment) -> None:
        """Count one that rang."""
        self.rung += 1
        self.latest = max(self.latest, moment.now - due.rings_at)


def tick(office: Office, database: Database, stopped: Callable[[], bool] = lambda: False) -> Ticked:
    """Ring what is due, oldest first, until nothing is due that nobody else holds.

    Late is rung late, never dropped: the history row says when it was due and when it was noticed. A backlog shares
    commits; where one alarm of a batch fails, the batch is undone and each rings for itself, so that the one that
    fails is recorded with its error, waits for its next try, and holds nothing up. What needs something that somebody
    else holds, a city's document numbers above all, is left to a later tick, and the rest rings.

    Args:
        office: packs, clock, templates.
        database: whose alarms.
        stopped: asked between two commits; True ends the tick early.

    Raises:
        Unavailable: if the database is gone; what was not committed is still due.
    """
    ticking = _Ticking(office, database, stopped)
    while not stopped() and ticking.ring_some():
        pass
    with database.acting() as tx:
        ticking.report.held = len(timers.due(tx, office.now(tx), _TOGETHER))
    return ticking.report


class _OtherNumbers(Exception):
    """A batch takes numbers of one city only, or two ticks could wait for each other's."""


class _Ticking:
    """One tick: what it has done, and what it leaves to the next."""

    def __init__(self, office: Office, database: Database, stopped: Callable[[], bool]) -> None:
        self.report = Ticked()
        self._office = office
        self._database = database
        self._stopped = stopped
        #: The number rows that somebody else has been found to hold.
        self._held: set[NumberRow] = set()
        #: The cases of the alarms that were left: their later alarms must not overtake those.
        self._left: set[str] = set()
        #: The last alarm that was looked at, once one was left; how many had rung when all were last gone through.
        self._behind: Due | None = None
        self._rung_before = 0

    def ring_some(self) -> bool:
        """One batch in one commit, or each of its alarms in its own; False if there was nothing to ring."""
        claimed: list[tuple[Due, Case]] = []
        rung: list[Due] = []
        try:
            with self._database.acting() as tx:
                tx.wait_at_most(_LOCK_SECONDS)
                moment = self._office.moment(tx)
                claimed = timers.claim(tx, moment.now, _TOGETHER, self._behind)
                seen = self._ring_together(tx, claimed, moment, rung)
        except Unavailable:
            raise
        except NumbersHeld as error:  # what the batch had done is undone; it comes again without those
            self._held.add(error.row)
            return True
        except Exception:  # whatever it is, it is found out and recorded below, alarm by alarm
            rung.clear()
            for due, _ in claimed:
                if not self._stopped() and due.case_id not in self._left:
                    self._ring_apart(due)
            seen = claimed[-1][0] if claimed else None
        for due in rung:
            self.report.take(due, moment)
        if self._left and seen:
            self._behind = seen
        return bool(claimed) or self._once_more()

    def _once_more(self) -> bool:
        """Whether the due are worth going through again: what has rung may have set alarms that are due already."""
        again = self._behind is not None and self.report.rung > self._rung_before
        self._behind, self._rung_before = None, self.report.rung
        return again

    def _ring_together(
        self, tx: Transaction, claimed: list[tuple[Due, Case]], moment: Moment, rung: list[Due]
    ) -> Due | None:
        """Ring them in one transaction, as far as its time goes; returns the last that was looked at."""
        latest: dict[str, Case] = {}
        numbers: set[NumberRow] = set()

        def before(row: NumberRow | None) -> None:
            if row in self._held:
                raise NumbersHeld(row)
            if row and numbers and row not in numbers:
                raise _OtherNumbers
            numbers.update([row] if row else ())

        tx.gather()
        seen, until = None, 0.0
        for due, claimed_case in claimed:
            if until and time.monotonic() > until:
                break
            if due.case_id in self._left:
                seen = due
                continue
            if due.case_id in latest:
                tx.flush()  # what one alarm of a case has set, the next may have to cancel
            case = latest.get(due.case_id, claimed_case)
            try:
                latest[due.case_id] = ring(self._office, tx, case, due.alarm, moment, before)
            except _OtherNumbers:
                break
            except NumbersHeld as error:
                if error.row not in self._held:
                    raise
                self._left.add(due.case_id)
            else:
                rung.append(due)
                until = until or time.monotonic() + _HOLD_SECONDS  # only now: it may have waited for a number
            seen = due
        tx.flush()
        return seen

    def _ring_apart(self, due: Due) -> None:
        """One alarm in a transaction of its own, if nobody else has settled it meanwhile."""
        try:
            with self._database.acting() as tx:
                tx.wait_at_most(_LOCK_SECONDS_APART)
                case = cases.load(tx, due.case_id, lock=True)
                if case is None or not timers.is_armed(tx, due.case_id, due.alarm):
                    return
                moment = self._office.moment(tx)
                ring(self._office, tx, case, due.alarm, moment, self._refuse_held)
            self.report.take(due, moment)
        except Unavailable:
            raise
        except (Conflict, Clash) as error:  # somebody else holds it or was first: a later tick comes round again
            self._left.add(due.case_id)
            if isinstance(error, NumbersHeld):
                self._held.add(error.row)
        except Exception as error:  # a template, a pack or the program is wrong: the alarm waits, the others ring
            self._note(due, error)

    def _refuse_held(self, row: NumberRow | None) -> None:
        if row in self._held:
            raise NumbersHeld(row)

    def _note(self, due: Due, error: Exception) -> None:
        told = f"{type(error).__name__}: {error}"
        with self._database.acting() as tx:
            timers.note_failure(tx, due, told, self._office.now(tx))
        self.report.failing.append(Failing(due.case_id, due.alarm.timer, due.alarm.name, told))
