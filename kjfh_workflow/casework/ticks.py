"""Letting every alarm ring whose time has come. Who calls this, and how often, is the scheduler's business."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.perform import ring
from kjfh_workflow.errors import WorkflowError
from kjfh_workflow.store import cases, timers
from kjfh_workflow.store.database import Transaction
from kjfh_workflow.store.timers import Due

_BATCH = 100


def tick(office: Office, acting: Callable[[], AbstractContextManager[Transaction]]) -> int:
    """Ring what is due, oldest first, each alarm in its own transaction, until nothing is due.

    Late is rung late, never dropped: the history row says when it was due and when it was noticed. An alarm that
    somebody else has settled meanwhile is passed over. One that fails stays armed and does not hold up the others.

    Returns:
        How many alarms rang.

    Raises:
        WorkflowError: at the end, naming every alarm that failed and why.
    """
    rung = 0
    failed: dict[Due, WorkflowError] = {}
    while True:
        with acting() as tx:
            due = timers.due(tx, office.now(), _BATCH + len(failed))
        waiting = [alarm for alarm in due if alarm not in failed]
        if not waiting:
            break
        for alarm in waiting:
            try:
                rung += _ring_one(office, acting, alarm)
            except WorkflowError as error:
                failed[alarm] = error
    if failed:
        told = "\n".join(
            f"  {due.case_id} {due.alarm.timer} {due.alarm.name}: {error}" for due, error in failed.items()
        )
        raise WorkflowError(f"{rung} rang, {len(failed)} could not ring and stay armed:\n{told}")
    return rung


def _ring_one(office: Office, acting: Callable[[], AbstractContextManager[Transaction]], due: Due) -> int:
    with acting() as tx:
        case = cases.load(tx, due.case_id, lock=True)
        if case is None or not timers.is_armed(tx, due.case_id, due.alarm):
            return 0
        ring(office, tx, case, due.alarm, office.now())
        return 1
