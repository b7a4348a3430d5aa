"""The process that is killed: ``kjfh run`` with a lease that ends within seconds and, where asked, a wrong clock."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection, wait

from kjfh_workflow import clock
from kjfh_workflow.casework.mail import sending
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.errors import Unavailable
from kjfh_workflow.scheduler import Runner

#: Shorter than a process is stopped for, so that others take over what it holds.
LEASE = timedelta(seconds=3)


def work(database: str, channels: str, skew: float, environment: Mapping[str, str], ready: Connection) -> None:
    """Run until killed, or told to stop; *ready* is told once, or closed if it does not come to that."""
    os.environ.update(environment)
    logging.basicConfig(level=logging.WARNING, format="%(process)d %(levelname)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    sending.LEASE = LEASE
    if skew:
        # The machine's own clock is wrong; what the office goes by is its business.
        wrong = timedelta(seconds=skew)
        clock.SystemClock.now = lambda _: datetime.now(UTC) + wrong  # type: ignore[method-assign,assignment]
    threading.Thread(target=_die_with_the_conductor, daemon=True).start()
    try:
        workflow = Workflow(database, channels=channels)
    except Unavailable as error:
        sys.exit(f"not started: {error}")
    runner = Runner(workflow, longest_sleep=timedelta(seconds=0.2), look_every=timedelta(seconds=0.2))
    signal.signal(signal.SIGTERM, lambda *_: runner.stop())
    ready.send("running")
    runner.run()
    workflow.close()


def _die_with_the_conductor() -> None:
    conductor = multiprocessing.parent_process()
    if conductor is not None:
        wait([conductor.sentinel])
    os._exit(1)
