"""The process that is killed: ``kjfh run`` with a lease that ends within seconds and, where asked, a wrong clock.

``python -m kjfh_workflow.lab.worker DATABASE CHANNELS SKEW_SECONDS``
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta

from kjfh_workflow import clock
from kjfh_workflow.casework import sending
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.errors import Unavailable
from kjfh_workflow.scheduler import Runner

#: Shorter than a process is stopped for, so that others take over what it holds.
LEASE = timedelta(seconds=3)


def main(database: str, channels: str, skew: float) -> None:
    """Run until killed, or told to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(process)d %(levelname)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    sending.LEASE = LEASE
    if skew:
        # The machine's own clock is wrong; what the office goes by is its business.
        wrong = timedelta(seconds=skew)
        clock.SystemClock.now = lambda _: datetime.now(UTC) + wrong  # type: ignore[method-assign,assignment]
    threading.Thread(target=_die_with_the_conductor, daemon=True).start()
    workflow = Workflow(database, channels=channels)
    runner = Runner(workflow, longest_sleep=timedelta(seconds=0.2), look_every=timedelta(seconds=0.2))
    signal.signal(signal.SIGTERM, lambda *_: runner.stop())
    print("running", flush=True)
    runner.run()
    workflow.close()


def _die_with_the_conductor() -> None:
    """Standard input ends when whoever started this is gone."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
    except Unavailable as error:
        sys.exit(f"not started: {error}")
