"""Letting time pass on a virtual clock, as it would have passed: each deadline at its own instant.

For demonstrations, training and tries; in an office, time passes by itself and ``Workflow.tick`` notices.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.clock import FixedClock


def let_time_pass(workflow: Workflow, clock: FixedClock, until: datetime) -> Iterator[tuple[date, int]]:
    """Move the clock from deadline to deadline, and at last to *until*; of each stop the day, and how many rang.

    Nothing happens before the stops are asked for.
    """
    while (ring := workflow.next_ring()) and ring <= until:
        clock.instant = max(ring, clock.instant)
        yield workflow.today, workflow.tick().rung
    clock.instant = until
