"""Several processes that tick one database at once, each a program of its own as ``kjfh run`` is."""

from __future__ import annotations

import multiprocessing
import time
import warnings
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from time import perf_counter

from benchmarks.targets import Target
from benchmarks.timers_cases import ticking

_A_MOMENT = 0.02
#: If one of them does not even start, the others do not wait for ever.
_PATIENCE_SECONDS = 300


def rate(target: Target, name: str, processes: int) -> float:
    """Alarms a second, of everything that is due, from the first process's start to the last one's end."""
    spawning = multiprocessing.get_context("spawn")
    ready, told = spawning.Barrier(processes), spawning.Queue()
    crowd = [spawning.Process(target=_tick, args=(target, name, ready, told), daemon=True) for _ in range(processes)]
    for process in crowd:
        process.start()
    found = [told.get(timeout=_PATIENCE_SECONDS) for _ in crowd]
    for process in crowd:
        process.join()
    rung, starts, ends = zip(*found, strict=True)
    # One clock for all processes of a machine.
    return float(sum(rung) / (max(ends) - min(starts)))


def _tick(target: Target, name: str, ready: Barrier, told: Queue[tuple[int, float, float]]) -> None:
    warnings.simplefilter("ignore")
    with ticking(target, name) as workflow:
        workflow.tick(lambda: True)  # connected
        ready.wait(_PATIENCE_SECONDS)
        start, rung = perf_counter(), 0
        while True:
            ticked = workflow.tick()
            rung += ticked.rung
            if not ticked.held:
                break
            time.sleep(_A_MOMENT)  # others hold the rest; asking again and again would only be in their way
        told.put((rung, start, perf_counter()))
