"""Time passes and letters leave by the host's own scheduler; or by ``kjfh run`` beside it. Either, or both.

python examples/embedding/own_scheduler.py sqlite:///intranet.db channels.toml
kjfh --db sqlite:///intranet.db --channels channels.toml run          # the same, without a line of code
"""

from __future__ import annotations

import logging
import signal
import sys
from threading import Event

from apscheduler.schedulers.background import BackgroundScheduler

from kjfh_workflow import Workflow
from kjfh_workflow.errors import Unavailable

log = logging.getLogger("intranet.kjfh")


def tick(workflow: Workflow, stop: Event) -> None:
    """Every minute, in as many processes as you like: nobody leads, and what is late is rung late, never dropped."""
    try:
        ticked = workflow.tick(stop.is_set)
    except Unavailable as error:
        log.warning("the database is away: %s", error)  # nothing is lost: what was due still is
        return
    if ticked.rung:
        log.info("%d deadlines rang, the latest %s late", ticked.rung, ticked.latest)
    for failing in ticked.failing:
        log.error("%s %s cannot ring: %s", failing.case, failing.timer, failing.error)


def deliver(workflow: Workflow, stop: Event) -> None:
    """Every few seconds: sends what is due, outside any transaction of yours."""
    try:
        delivered = workflow.deliver(stop=stop)
    except Unavailable as error:
        log.warning("the database is away: %s", error)
        return
    if delivered.sent or delivered.failed or delivered.dead:
        log.info("%d letters sent, %d failed, %d given up", delivered.sent, delivered.failed, delivered.dead)


def schedule(workflow: Workflow, stop: Event, *, seconds: float = 60) -> BackgroundScheduler:
    """The two, in the host's scheduler. A Celery beat or a cron line does as well: they need no memory."""
    scheduler = BackgroundScheduler(job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None})
    scheduler.add_job(tick, "interval", seconds=seconds, args=(workflow, stop))
    if workflow.delivers:
        scheduler.add_job(deliver, "interval", seconds=seconds / 12, args=(workflow, stop))
    scheduler.start()
    return scheduler


def main(url: str, channels: str | None = None, seconds: str = "60") -> None:
    """Until SIGTERM or Ctrl-C: finish the commit and the letters at hand, then go."""
    logging.basicConfig(level=logging.INFO)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    workflow = Workflow(url, channels=channels)
    scheduler = schedule(workflow, stop, seconds=float(seconds))
    stop.wait()
    scheduler.shutdown(wait=True)
    workflow.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
