"""Peer: APScheduler with its SQLAlchemy job store, one-off jobs as its manual has them. The jobs do nothing."""

from __future__ import annotations

import logging
import multiprocessing
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from time import perf_counter
from typing import Any

from apscheduler.events import EVENT_JOB_EXECUTED, EVENT_JOB_MISSED
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from benchmarks.targets import Target
from benchmarks.timers_cases import durable, hasty
from kjfh_workflow.store.database import Database

_NAME = "apscheduler"
#: How long the program was not running.
_LATE = timedelta(minutes=1)
_PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Peer:
    """What became of the jobs that were due."""

    #: Jobs a second, told never to drop one.
    rate: float
    #: Of how many, started late as it comes, how many it never ran.
    jobs: int
    dropped: int


def measured(target: Target, jobs: int) -> Peer:
    """The rate with ``misfire_grace_time=None``, and the losses with the default."""
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # a line for each job that it drops
    seconds, missed = _late(target, jobs, {"misfire_grace_time": None})
    assert missed == 0, f"{missed} jobs dropped without a grace time"
    _, dropped = _late(target, jobs, {})
    return Peer(jobs / seconds, jobs, dropped)


def nothing() -> None:
    """What is to be done."""


def _late(target: Target, jobs: int, defaults: dict[str, Any]) -> tuple[float, int]:
    """Plan jobs and die; start again when their time is over.

    Returns:
        Seconds until all are settled, and how many were dropped.
    """
    planner = multiprocessing.get_context("spawn").Process(target=_plan_and_die, args=(target, jobs, defaults))
    planner.start()
    planner.join()
    assert planner.exitcode == 0, f"planning failed: {planner.exitcode}"

    counts = {EVENT_JOB_EXECUTED: 0, EVENT_JOB_MISSED: 0}
    all_settled = Event()

    def note(event: Any) -> None:
        counts[event.code] += 1
        if sum(counts.values()) == jobs:
            all_settled.set()

    late = _scheduler(durable(target, _NAME), defaults)
    late.add_listener(note, EVENT_JOB_EXECUTED | EVENT_JOB_MISSED)
    start = perf_counter()
    late.start()
    settled = all_settled.wait(_PATIENCE_SECONDS)
    seconds = perf_counter() - start
    late.shutdown()
    assert settled, f"after {seconds:.0f} s: {counts}"
    return seconds, counts[EVENT_JOB_MISSED]


def _plan_and_die(target: Target, jobs: int, defaults: dict[str, Any]) -> None:
    planner = _scheduler(hasty(target, _NAME), defaults)
    planner.start(paused=True)
    at = datetime.now(UTC) - _LATE
    for n in range(jobs):
        planner.add_job(nothing, "date", run_date=at, id=f"job-{n}")
    os._exit(0)


def _scheduler(database: Database, defaults: dict[str, Any]) -> Any:
    """Its default store is a file without WAL; it gets the product's settings."""
    stores = {"default": SQLAlchemyJobStore(engine=database.engine)}
    return BackgroundScheduler(jobstores=stores, job_defaults=defaults, timezone=UTC)
