"""Delivering what is in the outbox: choosing channels for notices, and letting every channel send what is due.

Channels are chosen here and not in the act, so that an act of a program without channels loses nothing. How one letter
is sent is in ``sending``; what people may do with one that does not get through, in ``outbox``.
"""

from __future__ import annotations

import os
import platform
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from threading import Event

from kjfh_workflow.casework.mail.sending import LOOK_AGAIN, Sender, interval
from kjfh_workflow.casework.office import Office
from kjfh_workflow.errors import NotFound
from kjfh_workflow.notices.channels.config import Channels
from kjfh_workflow.store import outbox
from kjfh_workflow.store.database import Database, Transaction
from kjfh_workflow.store.outbox import Unrouted, What

#: While a channel is busy: how often the others are looked at, in seconds.
_LOOK_SECONDS = 1.0
_BATCH = 100


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one call of ``deliver`` did, and what it left."""

    sent: int = 0
    #: Attempts that failed and will be made again.
    failed: int = 0
    #: Letters given up: a person must look.
    dead: int = 0
    #: Letters found without an address.
    unaddressed: int = 0
    #: Notices left for which no channel is configured.
    unrouted: int = 0
    #: Letters left on any channel: not yet due, without address, held back by a limit, or of a channel not ours.
    waiting: int = 0
    #: When there is something to do again; None if nothing waits.
    next_at: datetime | None = None


def deliver(office: Office, database: Database, channels: Channels, *, stop: Event | None = None) -> Delivered:
    """Send everything that is due, each channel in a thread of its own, until nothing is.

    Any number of processes may do so at once. A channel that hangs keeps this call from returning, but neither the
    other channels from sending, nor what is queued meanwhile.

    Args:
        office: packs, templates and the clock.
        database: where the outbox is.
        channels: by which way which notice goes.
        stop: when set, the call returns after the letters that are being sent.

    Raises:
        Unavailable: if the database is gone; a letter that has left but could not be written down goes again later.
        Conflict: if the database is locked for too long; as above.
    """
    return _Round(office, database, channels, stop or Event()).run()


def next_delivery(office: Office, database: Database, channels: Channels) -> datetime | None:
    """When there is something to send or to route next, limits and hours considered; None if nothing waits."""
    return _look(office, database, channels).next_at


@dataclass(frozen=True, slots=True)
class _Look:
    """The outbox at one moment."""

    #: Channels of this process with something to send now, as far as the hours allow.
    due: frozenset[str]
    routing_due: bool
    unrouted: int
    waiting: int
    next_at: datetime | None


def _look(office: Office, database: Database, channels: Channels) -> _Look:
    with database.reading() as tx:
        now = office.now(tx)
        found = outbox.waiting(tx)
        unrouted, route_at = outbox.waiting_unrouted(tx)
    instants = [] if route_at is None else [route_at]
    due = set()
    for waiting in found:
        if waiting.channel not in channels.names:
            continue
        limits = channels.limits(waiting.channel)
        at = max(waiting.next_at, now)
        if limits.per_minute and waiting.free_at:
            at = max(at, min(waiting.free_at, now + interval(limits)))
        instants.append(limits.opens_at(at))
        if waiting.next_at <= now and limits.opens_at(now) == now:
            due.add(waiting.channel)
    return _Look(
        frozenset(due),
        route_at is not None and route_at <= now,
        unrouted,
        sum(waiting.number for waiting in found),
        min(instants, default=None),
    )


class _Round:
    """One call of ``deliver``."""

    def __init__(self, office: Office, database: Database, channels: Channels, stop: Event) -> None:
        self._office, self._database, self._channels, self._stop = office, database, channels, stop
        #: Set when this call ends by an error.
        self._over = Event()
        self._actor = f"{platform.node()}:{os.getpid()}"

    def run(self) -> Delivered:
        """Route and send until nothing is due."""
        done: Counter[What] = Counter()
        running: dict[Future[Counter[What]], str] = {}
        #: Channels on which others hold what is due.
        fruitless: set[str] = set()
        with ThreadPoolExecutor(max(1, len(self._channels.names)), "kjfh-deliver") as threads:
            try:
                while not self._stop.is_set():
                    look = _look(self._office, self._database, self._channels)
                    if look.routing_due and self._route():
                        continue
                    for name in sorted(look.due - {*running.values()} - fruitless):
                        running[threads.submit(self._sender(name).drain)] = name
                    if not running:
                        break
                    finished, _ = wait(running, _LOOK_SECONDS, FIRST_COMPLETED)
                    if not finished:
                        fruitless.clear()
                    for future in finished:
                        name, drained = running.pop(future), future.result()
                        done += drained
                        if not drained:
                            fruitless.add(name)
                for future in running:
                    done += future.result()
            except BaseException:
                self._over.set()
                raise
        left = _look(self._office, self._database, self._channels)
        return Delivered(
            sent=done[What.SENT],
            failed=done[What.FAILED],
            dead=done[What.DEAD],
            unaddressed=done[What.UNADDRESSED],
            unrouted=left.unrouted,
            waiting=left.waiting,
            next_at=left.next_at,
        )

    def _sender(self, name: str) -> Sender:
        def stopped() -> bool:
            return self._stop.is_set() or self._over.is_set()

        return Sender(self._office, self._database, self._channels, name, self._actor, self._stop, stopped)

    def _route(self) -> int:
        """Choose the channels of some notices; returns of how many."""
        with self._database.acting() as tx:
            now = self._office.now(tx)
            found = outbox.unrouted(tx, now, _BATCH)
            for notice in found:
                self._route_one(tx, notice, now)
        return len(found)

    def _route_one(self, tx: Transaction, notice: Unrouted, now: datetime) -> None:
        names = self._channels.route(notice.city, notice.role, notice.notice)
        if not names:
            outbox.cannot_route(tx, notice.notice_id, self._no_route(notice), now + LOOK_AGAIN)
            return
        outbox.route(tx, notice.notice_id, names, notice.queued_at, now)
        for name in names:
            outbox.log(tx, notice.notice_id, name, now, What.ROUTED, "", self._actor)

    def _no_route(self, notice: Unrouted) -> str:
        """Why, with the names that a route would have to have."""
        names = f"{notice.city}、{notice.role}、{notice.notice}"
        try:
            pack = self._office.catalog.latest(notice.city)
            label, role = pack.identity.notices[notice.notice].label, pack.words("roles", notice.role)
        except (NotFound, KeyError):
            return f"没有为这份通知配置发送渠道（{names}）"
        return f"没有为送{role}的“{label}”配置发送渠道（{names}）"
