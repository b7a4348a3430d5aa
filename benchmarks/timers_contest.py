"""One database, everybody who rings its alarms, and the stopwatch. The tables people read are ``timers_report``'s."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from contextlib import ExitStack, closing
from statistics import median
from time import perf_counter

from benchmarks import timers_crowd
from benchmarks.targets import Target
from benchmarks.timers_arming import Arming
from benchmarks.timers_cases import Maker, ticking
from benchmarks.timers_film import filmed
from benchmarks.timers_floor import TOGETHER, Floor, LeanFloor
from benchmarks.timers_report import FLOOR, LEAN, LEAN_TOGETHER, PRODUCT, Crowd, Size
from benchmarks.timers_table import Timers

_NAME = "timers"
_IDLE_TICKS = 50
#: Cases whose alarms are set again.
_ARMED_AGAIN = 1000


class Contest:
    """The contestants on one target, all on the same database.

    Args:
        target: where.
        stack: closes what is opened.
        seed: every run starts with the same luck.
    """

    def __init__(self, target: Target, stack: ExitStack, seed: int) -> None:
        self._target = target
        self._order = random.Random(seed)
        originals = filmed(target)
        self._workflow = stack.enter_context(ticking(target, _NAME))
        self._maker = stack.enter_context(closing(Maker(target, _NAME)))
        self._floor = stack.enter_context(closing(Floor(target, _NAME)))
        self._lean = stack.enter_context(closing(LeanFloor(target, _NAME)))
        self._arming = stack.enter_context(closing(Arming(target, _NAME, originals[1])))
        self._table = Timers(target, _NAME, originals)

    def warm_up(self, due: int) -> None:
        """One round that does not count."""
        self._round(due)
        gc.collect()
        gc.freeze()

    def at(self, armed: int, due: int, rounds: int) -> Size:
        """Everything there is to measure with *armed* timers in the table, *due* more of which are due."""
        start = perf_counter()
        self._table.fill(armed)
        filled = perf_counter() - start
        with ticking(self._target, _NAME) as fresh:
            start = perf_counter()
            fresh.tick()
            first_tick = perf_counter() - start
        idle = []
        for _ in range(_IDLE_TICKS):
            start = perf_counter()
            self._workflow.tick()
            idle.append(perf_counter() - start)
        cases = self._table.filling(min(_ARMED_AGAIN, armed // 2))
        caught_up, armings = [], []
        for _ in range(rounds):
            caught_up.append(self._round(due))
            armings.append(self._arming.rates(cases))
        return Size(armed, filled, first_tick * 1e3, median(idle) * 1e3, caught_up, armings)

    def crowds(self, processes: int, due: int, rounds: int) -> list[Crowd]:
        """One process against several, in turn."""
        found: list[Crowd] = []
        for _ in range(rounds):
            rates = []
            for number in (1, processes):
                self._maker.make(due)
                rates.append(timers_crowd.rate(self._target, _NAME, number))
            found.append(Crowd(processes, *rates))
        return found

    def _round(self, due: int) -> dict[str, float]:
        """Alarms a second of each contestant, in shuffled order; what is prepared is not counted."""
        prepared: dict[str, Callable[[int], Callable[[], int]]] = {
            PRODUCT: self._product,
            FLOOR: self._same_writes,
            LEAN: lambda due: self._settling(due, 1),
            LEAN_TOGETHER: lambda due: self._settling(due, TOGETHER),
        }
        rates = {}
        for name in self._order.sample([*prepared], len(prepared)):
            ring = prepared[name](due)
            gc.collect()
            start = perf_counter()
            rung = ring()
            rates[name] = rung / (perf_counter() - start)
            assert rung == due, f"{name}: {rung} of {due} alarms rang"
        return rates

    def _product(self, due: int) -> Callable[[], int]:
        self._maker.make(due)

        def ring() -> int:
            ticked = self._workflow.tick()
            assert not ticked.failing, ticked.failing
            return ticked.rung

        return ring

    def _same_writes(self, due: int) -> Callable[[], int]:
        scripts = self._floor.prepared(self._table.copy_due(due))
        return lambda: self._floor.ring(scripts)

    def _settling(self, due: int, together: int) -> Callable[[], int]:
        self._table.copy_due(due)
        return lambda: self._lean.ring(together)
