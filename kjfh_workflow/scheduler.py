"""``kjfh run``: an alarm clock beside the database that ticks, delivers and calls webhooks until it is told to stop.

The only home of ``apscheduler``, which keeps nothing here: what is due stands in the database, so copies of this may
run anywhere, be killed and started again. Each run plans the next one; nothing is decided here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.errors import Unavailable
from kjfh_workflow.notices.webhooks import Webhook

_TICK, _DELIVER = "tick", "deliver"
_AT_ONCE = timedelta()
#: After an error: the first pause and the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=30)
#: When somebody else holds what is due.
_SOON = timedelta(seconds=1)

_log = logging.getLogger(__name__)


class Runner:
    """Ticks, delivers and calls webhooks for one workflow.

    Args:
        workflow: on the database to serve.
        webhooks: the programs to be called when something has happened, each in its own time.
        longest_sleep: a tick comes at least so often, whatever is due next.
        look_every: how often to look for letters and events of other programs.
    """

    def __init__(
        self,
        workflow: Workflow,
        *,
        webhooks: Iterable[Webhook] = (),
        longest_sleep: timedelta = timedelta(seconds=60),
        look_every: timedelta = timedelta(seconds=5),
    ) -> None:
        self._workflow = workflow
        self._webhooks = tuple(webhooks)
        self._longest_sleep = longest_sleep
        self._look_every = look_every
        self._stop = Event()
        self._pauses: dict[str, timedelta] = {}
        #: When each step is to come, on a clock that nobody puts back.
        self._expected: dict[str, float] = {}
        self._running: set[str] = set()
        #: What was last said about letters.
        self._told = ""
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(2 + len(self._webhooks))},
            # Late is run late, never dropped.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def stop(self) -> None:
        """Finish the commit and the letters at hand, then return from ``run``; may be called from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Tick, deliver and call until ``stop``; a database that is away is waited for."""
        work = {_TICK: self._tick}
        if self._workflow.delivers:
            work[_DELIVER] = self._deliver
        for webhook in self._webhooks:
            work[f"webhook {webhook.name}"] = partial(self._call, webhook)
        self._scheduler.start()
        try:
            for name, step in work.items():
                self._plan(name, step, _AT_ONCE)
            # The scheduler sleeps by the machine's clock: where that is put back, it would oversleep.
            while not self._stop.wait(self._longest_sleep.total_seconds()):
                for name, step in work.items():
                    late = time.monotonic() - self._expected[name]
                    if name not in self._running and late > self._longest_sleep.total_seconds():
                        _log.warning(
                            "%s has overslept by %.0f s: was the clock put back, or this process stopped?", name, late
                        )
                        self._plan(name, step, _AT_ONCE)
        finally:
            self._scheduler.shutdown(wait=True)

    def _plan(self, name: str, step: Callable[[], timedelta], delay: timedelta) -> None:
        at = datetime.now(UTC) + delay
        self._expected[name] = time.monotonic() + delay.total_seconds()
        self._scheduler.add_job(self._take, "date", run_date=at, args=(name, step), id=name, replace_existing=True)

    def _take(self, name: str, step: Callable[[], timedelta]) -> None:
        """One step, and the plan for the next, however this one ends."""
        delay = self._longest_sleep
        self._running.add(name)
        try:
            delay = step()
            if self._pauses.pop(name, None):
                _log.info("%s works again", name)
        except Unavailable as error:
            delay = self._pause(name)
            _log.warning("%s: %s; again in %.0f s", name, error, delay.total_seconds())
        except Exception:
            delay = self._pause(name)
            _log.exception("%s failed; again in %.0f s", name, delay.total_seconds())
        finally:
            self._running.discard(name)
            if not self._stop.is_set():
                self._plan(name, step, delay)

    def _pause(self, name: str) -> timedelta:
        pause = self._pauses.get(name, _FIRST_PAUSE)
        self._pauses[name] = min(2 * pause, _LONGEST_PAUSE)
        return pause

    def _tick(self) -> timedelta:
        ticked = self._workflow.tick(self._stop.is_set)
        if ticked.rung:
            _log.info("%d rang, the latest %s late", ticked.rung, _in_words(ticked.latest))
            if not self._stop.is_set() and self._workflow.delivers and _DELIVER not in self._running:
                self._plan(_DELIVER, self._deliver, _AT_ONCE)
        for failing in ticked.failing:
            _log.error("%s %s %s cannot ring: %s", failing.case, failing.timer, failing.alarm, failing.error)
        if ticked.held:
            return _SOON
        delay = self._until(self._workflow.next_ring(), self._longest_sleep)
        # What is due and does not ring is not asked for again and again.
        return delay if ticked.rung else max(delay, min(_SOON, self._longest_sleep))

    def _deliver(self) -> timedelta:
        delivered = self._workflow.deliver(stop=self._stop)
        counts: dict[str, Any] = {
            "sent": delivered.sent,
            "failed": delivered.failed,
            "dead": delivered.dead,
            "without address": delivered.unaddressed,
            "without channel": delivered.unrouted,
        }
        told = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
        if delivered.sent or delivered.failed or delivered.dead or told != self._told:
            problems = delivered.dead or delivered.unaddressed or delivered.unrouted
            _log.log(logging.WARNING if problems else logging.INFO, "letters: %s", told or "nothing to send now")
        self._told = told
        return self._until(delivered.next_at, self._look_every)

    def _call(self, webhook: Webhook) -> timedelta:
        followed = self._workflow.events.call(webhook, stop=self._stop)
        if followed.handed or followed.failed or followed.given_up:
            problems = followed.failed or followed.given_up
            _log.log(
                logging.WARNING if problems else logging.INFO,
                "%s: %d taken, %d failed, %d given up",
                webhook.name,
                followed.handed,
                followed.failed,
                followed.given_up,
            )
        return max(self._until(followed.next_at, self._look_every), min(_SOON, self._look_every))

    def _until(self, at: datetime | None, longest: timedelta) -> timedelta:
        """How long to sleep, by the clock that the office goes by."""
        if at is None:
            return longest
        return max(_AT_ONCE, min(at - self._workflow.now(), longest))


def _in_words(late: timedelta) -> str:
    days, seconds = late.days, late.seconds
    return f"{days} d {seconds // 3600} h" if days else f"{late.total_seconds():.1f} s"
