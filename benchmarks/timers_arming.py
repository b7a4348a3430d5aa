"""How fast alarms are set: ``timers.arm`` against the same rows by the raw driver, a hundred in each commit."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from itertools import count
from time import perf_counter
from typing import Any

from benchmarks.targets import Target
from benchmarks.timers_cases import durable
from benchmarks.timers_film import Original, placeholder
from benchmarks.timers_floor import TOGETHER, begin
from benchmarks.timers_table import stored
from kjfh_workflow import canonical
from kjfh_workflow.clock import start_of
from kjfh_workflow.rules.clocks import Clock
from kjfh_workflow.store import timers

#: Far away; a clock started for the so-manieth time, which no case has reached.
_DAY, _FIRST_SEQUENCE = date(2035, 1, 1), 1000
_COLUMNS = ("case_id", "timer", "sequence", "alarm", "due", "provisional", "rings_at", "outcome", "settled_at")


class Arming:
    """Sets two alarms for each of some cases that are there already, in either way, and takes them back.

    Args:
        target: where.
        name: of the database.
        review: the case whose clock is set again.
    """

    def __init__(self, target: Target, name: str, review: Original) -> None:
        self._target, self._name = target, name
        self._database = durable(target, name)
        self._connection: Any = target.driver(name)
        ((timer, data),) = canonical.loads(review.case["memory"])["clocks"].items()
        self._clock = Clock.from_data(timer, data)
        self._sequences = count(_FIRST_SEQUENCE)

    def close(self) -> None:
        """Give the connections back."""
        self._connection.close()
        self._database.engine.dispose()

    def rates(self, cases: Sequence[str]) -> tuple[float, float]:
        """Alarms a second: by the product, by the raw driver."""
        return self._timed(cases, by_driver=False), self._timed(cases, by_driver=True)

    def _timed(self, cases: Sequence[str], *, by_driver: bool) -> float:
        clock = replace(self._clock, sequence=next(self._sequences))
        each = len(clock.alarms)
        size = TOGETHER // each
        batches = [cases[n : n + size] for n in range(0, len(cases), size)]
        arm = self._arm_by_driver if by_driver else self._arm
        start = perf_counter()
        for batch in batches:
            arm(batch, clock)
        seconds = perf_counter() - start
        self._take_back(clock.sequence)
        return len(cases) * each / seconds

    def _arm(self, cases: Sequence[str], clock: Clock) -> None:
        with self._database.acting() as tx:
            for case in cases:
                timers.arm(tx, case, [(clock, name, _DAY) for name in clock.alarms])

    def _arm_by_driver(self, cases: Sequence[str], clock: Clock) -> None:
        marks = ", ".join(placeholder(self._target) for _ in _COLUMNS)
        sql = f"INSERT INTO kjfh_timers ({', '.join(_COLUMNS)}) VALUES ({marks})"
        due: Any = clock.due if self._target.server else clock.due.isoformat()
        rings_at = stored(self._target, start_of(_DAY))
        cursor = self._connection.cursor()
        begin(self._target, cursor)
        for case in cases:
            for name in clock.alarms:
                row = (case, clock.timer, clock.sequence, name, due, False, rings_at, timers.ARMED, None)
                cursor.execute(sql, row)
        self._connection.commit()

    def _take_back(self, sequence: int) -> None:
        mark = placeholder(self._target)
        with closing(self._target.driver(self._name)) as opened:
            connection: Any = opened
            connection.execute(f"UPDATE kjfh_timers SET outcome = 'cancelled' WHERE sequence = {mark}", (sequence,))
            connection.commit()
