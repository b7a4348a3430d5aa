"""Letting every alarm ring whose time has come. Who calls this, and how often, is the scheduler's business."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.perform import ring
from kjfh_workflow.store import cases, timers
from kjfh_workflow.store.database import Transaction


def tick(office: Office, acting: Callable[[], AbstractContextManager[Transaction]]) -> int:
    """Ring what is due, oldest first, each alarm in its own transaction, until nothing is due.

    Late is rung late, never dropped: the history row says when it was due and when it was noticed. An alarm that
    somebody else has settled meanwhile is passed over.

    Returns:
        How many alarms rang.
    """
    rung = 0
    while True:
        with acting() as tx:
            due = timers.due(tx, office.now())
        for alarm in due:
            with acting() as tx:
                case = cases.load(tx, alarm.case_id, lock=True)
                if case is not None and timers.is_armed(tx, alarm.case_id, alarm.alarm):
                    ring(office, tx, case, alarm.alarm)
                    rung += 1
        if not due:
            return rung
