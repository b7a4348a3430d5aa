"""What is done in a process of its own and watched for its memory: a round opened or closed, everything proved.

And how long it takes to look at a province when all is over.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.province_life import CITIES, Province, people, registration
from benchmarks.province_report import Proof, Round
from benchmarks.province_spool import File, noted
from benchmarks.targets import Target
from benchmarks.timers_cases import durable
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.clock import FixedClock, office_hour

_STATUS = Path("/proc/self/status")


class Stopwatch:
    """Seconds that pass, and those of the processor in this process: what others do on the machine is not in them."""

    def __init__(self) -> None:
        self._started = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """Both, since it was made."""
        return time.perf_counter() - self._started[0], time.process_time() - self._started[1]


def opening(target: Target, name: str, city: str, year: int, day: date, spool: Path) -> Round:
    """Open a city's round; what is written goes into *spool* as well."""
    return _round("open_round", target, name, city, year, day, spool)


def closing(target: Target, name: str, city: str, year: int, day: date, spool: Path) -> Round:
    """Close it."""
    return _round("close_round", target, name, city, year, day, spool)


def _round(event: str, target: Target, name: str, city: str, year: int, day: date, spool: Path) -> Round:
    with spool.open("wb") as out:
        database = noted(target, name, File(out))
        workflow = Workflow(database, clock=FixedClock(office_hour(day)))
        lead = people(city)["lead"]
        act = workflow.rounds.open if event == "open_round" else workflow.rounds.close
        before = _megabytes("VmRSS")
        watch = Stopwatch()
        done = act(city, year, by=lead)
        seconds = watch.read()
        database.engine.dispose()
    return Round(event, city, year, done.members, *seconds, before, _megabytes("VmHWM"))


def proving(target: Target, name: str, day: date) -> Proof:
    """Everything on file against its history."""
    database = durable(target, name)
    workflow = Workflow(database, clock=FixedClock(office_hour(day)))
    before = _megabytes("VmRSS")
    started = time.perf_counter()
    report = workflow.verify()
    seconds = time.perf_counter() - started
    database.engine.dispose()
    assert report.holds, report.problems[:3]
    return Proof(report.rows, report.cases, seconds, before, _megabytes("VmHWM"))


def looked(workflow: Workflow, province: Province) -> dict[str, float]:
    """What is looked at → seconds, once each and for both cities."""
    some, crowded = next(iter(province.titles)), province.crowded
    clerk, lead = people(province.titles[some].city)["clerk"], people(crowded.city)["lead"]
    another = registration(crowded.operator, "makerspace")

    def both(look: Callable[[str], Any]) -> Callable[[], Any]:
        return lambda: [look(city) for city in CITIES]

    looks: dict[str, Callable[[], Any]] = {
        "register": both(workflow.books.register),
        "register of two years ago": both(lambda city: workflow.books.register(city, on=date(2021, 12, 31))),
        "ledger": both(workflow.ledger.table),
        "forecast": both(workflow.ledger.forecast),
        "targets (Cixi)": lambda: workflow.books.targets("cixi"),
        "townships": both(workflow.books.townships),
        "docket of 90 days": both(lambda city: workflow.docket(days=90, city=city)),
        "round's standings": both(lambda city: workflow.rounds.standings(city, 2021)),
        "next ring": workflow.next_ring,
        "tick with nothing due": workflow.tick,
        "one incubator": lambda: workflow.case(some),
        "its allowed events": lambda: workflow.allowed_events(some, by=clerk),
        "the crowded one": lambda: workflow.case(crowded.case),
        "another title for it, tried": lambda: workflow.preview_open(
            "incubator", "register_title", by=lead, evidence=another
        ),
    }
    return {what: _seconds(look) for what, look in looks.items()}


def _seconds(look: Callable[[], Any]) -> float:
    started = time.perf_counter()
    look()
    return time.perf_counter() - started


def size_on_disk(target: Target, name: str) -> float:
    """The database in megabytes."""
    if target.server:
        with psycopg.connect(target.server) as connection:
            row = connection.execute("SELECT pg_database_size(%s)", [name]).fetchone()
            return float(row[0]) / 1e6 if row else 0.0
    return sum(path.stat().st_size for path in target.folder.glob(f"{name}.db*")) / 1e6


def _megabytes(what: str) -> float:
    """Memory of this process: ``VmRSS`` now, ``VmHWM`` at most.

    Linux' own count, where there is one: ``ru_maxrss`` of a process that was started by a bigger one is that one's.
    """
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(what))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
