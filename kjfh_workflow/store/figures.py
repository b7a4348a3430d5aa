"""How much is waiting, and for how long: numbers for whoever watches the service. Nothing here is about any one case.

Each is answered from a partial index over what is still open, however much is on file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, literal_column, select

from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.outbox import State
from kjfh_workflow.store.schema import deliveries, outbox, timer_failures, timers, unpublished, withheld
from kjfh_workflow.store.timers import IS_ARMED_SQL, ITS_FAILURE


@dataclass(frozen=True, slots=True)
class Figures:
    """What is waiting at one moment."""

    at: datetime
    #: Alarms whose time has come and that have not rung, and when the first of them should have.
    alarms_due: int
    alarms_due_since: datetime | None
    #: Alarms that could not ring.
    alarms_failing: int
    #: Notices for which no channel has been chosen, deliveries to be sent, and since when the oldest of both is due.
    outbox_unrouted: int
    outbox_queued: int
    outbox_due_since: datetime | None
    #: Deliveries that wait for an address, and those that have been given up.
    outbox_unaddressed: int
    outbox_dead: int
    #: Acts that have no number in the feed yet.
    unpublished: int
    #: Events that followers have not taken, and those that have been given up.
    withheld: int
    given_up: int


#: Written out, so that the partial indexes are used.
_OPEN = deliveries.c.state.in_([literal_column(f"'{state}'") for state in (State.QUEUED, State.UNADDRESSED)])
_DEAD = deliveries.c.state == literal_column(f"'{State.DEAD}'")


def figures(tx: CoreTransaction, now: datetime) -> Figures:
    """The figures at *now*."""
    run = tx.connection.execute
    alarms = run(select(func.count(), func.min(timers.c.rings_at)).where(IS_ARMED_SQL, timers.c.rings_at <= now)).one()
    failing = select(func.count()).select_from(timer_failures).join(timers, ITS_FAILURE).where(IS_ARMED_SQL)
    unrouted = run(select(func.count(), func.min(outbox.c.next_at)).where(outbox.c.routed_at.is_(None))).one()
    by_state = (
        select(deliveries.c.state, func.count(), func.min(deliveries.c.next_at))
        .where(_OPEN)
        .group_by(deliveries.c.state)
    )
    waiting = {state: (count, oldest) for state, count, oldest in run(by_state)}
    queued, oldest = waiting.get(State.QUEUED, (0, None))
    due = [at for at in (unrouted[1], oldest) if at is not None and at <= now]
    return Figures(
        at=now,
        alarms_due=alarms[0],
        alarms_due_since=alarms[1],
        alarms_failing=run(failing).scalar_one(),
        outbox_unrouted=unrouted[0],
        outbox_queued=queued,
        outbox_due_since=min(due, default=None),
        outbox_unaddressed=waiting.get(State.UNADDRESSED, (0, None))[0],
        outbox_dead=run(select(func.count()).where(_DEAD)).scalar_one(),
        unpublished=run(select(func.count()).select_from(unpublished)).scalar_one(),
        withheld=run(select(func.count()).where(withheld.c.next_at.is_not(None))).scalar_one(),
        given_up=run(select(func.count()).where(withheld.c.next_at.is_(None))).scalar_one(),
    )
