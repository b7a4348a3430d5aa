"""Sending what is in the outbox: choosing channels, claiming a letter, sending it, writing down how it went.

At least once, with the same id, number and text each time: the message leaves outside any transaction, between one
that claims it and one that says how it ended. Whoever dies or sleeps in between loses the claim, and another sends the
letter again. What people may do with a letter that does not get through is ``casework.outbox``.
"""

from __future__ import annotations

import os
import platform
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event

from kjfh_workflow.casework.addressing import shown
from kjfh_workflow.casework.letters import letter_of
from kjfh_workflow.casework.office import Office
from kjfh_workflow.errors import Conflict, DeliveryFailed, NotFound, Unavailable
from kjfh_workflow.notices.channels import back_off
from kjfh_workflow.notices.channels.config import Channels, Limits
from kjfh_workflow.notices.channels.message import Attachment, Channel, Message
from kjfh_workflow.store import addresses, outbox
from kjfh_workflow.store.database import Clash, Database, Transaction
from kjfh_workflow.store.outbox import Due, State, Unrouted, What

#: Others keep away from a letter for so long: longer than a channel may take for one.
LEASE = timedelta(minutes=5)
#: How long until somebody looks again whether there is a route, or an address, by now.
LOOK_AGAIN = timedelta(hours=1)
#: How many operations of a channel, each with its own time-out, one letter may take.
_OPERATIONS = 10
#: While a channel is busy: how often the others are looked at, in seconds.
_LOOK_SECONDS = 1.0
#: A letter that has left is written down even if the database is away for a while: pauses in seconds.
_PATIENCE = (0.2, 1.0, 3.0, 10.0)
_BATCH = 100
_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one call of ``deliver`` did, and what it left."""

    sent: int = 0
    #: Attempts that failed and will be made again.
    failed: int = 0
    #: Letters given up: a person must look.
    dead: int = 0
    #: Letters for which nobody has set an address.
    unaddressed: int = 0
    #: Notices for which no channel is configured.
    unrouted: int = 0
    #: Letters still to be sent, on every channel: not yet due, without address, or held back by a limit.
    waiting: int = 0
    #: When there is something to do again; None if nothing waits.
    next_at: datetime | None = None


def deliver(office: Office, database: Database, channels: Channels, *, stop: Event | None = None) -> Delivered:
    """Send everything that is due, each channel in a thread of its own, until nothing is.

    Any number of processes may do so at once. A channel that hangs keeps this call from returning, but neither the
    other channels nor what is queued meanwhile from being sent.

    Args:
        office: packs, templates and the clock.
        database: where the outbox is.
        channels: by which way which notice goes.
        stop: when set, the call returns after the letters that are being sent.

    Raises:
        Unavailable: if the database is gone; letters that had left but could not be written down go again later.
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
            at = max(at, min(waiting.free_at, now + _interval(limits)))
        instants.append(limits.opens_at(at))
        if waiting.next_at <= now and limits.opens_at(now) <= now:
            due.add(waiting.channel)
    return _Look(
        frozenset(due),
        route_at is not None and route_at <= now,
        unrouted,
        sum(waiting.number for waiting in found),
        min(instants, default=None),
    )


def _interval(limits: Limits) -> timedelta:
    """The least time between two letters, so that no minute has more than the limit."""
    return timedelta(seconds=60 / limits.per_minute) if limits.per_minute else timedelta()


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A letter that is ours to send until the lease ends."""

    due: Due
    address: str
    #: The same, as people may see it.
    shown: str
    token: str


@dataclass(frozen=True, slots=True)
class _NotYet:
    """Something is due, but the rate limit says when."""

    now: datetime
    free_at: datetime


@dataclass
class _Round:
    """One call of ``deliver``."""

    office: Office
    database: Database
    channels: Channels
    #: The caller's wish to end.
    stop: Event
    #: Set when this call ends by an error.
    over: Event = field(default_factory=Event)
    #: Who stands in the log.
    actor: str = field(default_factory=lambda: f"{platform.node()}:{os.getpid()}")

    def run(self) -> Delivered:
        """Route and send until nothing is due."""
        done: Counter[What] = Counter()
        running: dict[Future[Counter[What]], str] = {}
        fruitless: set[str] = set()  # others hold what is due there
        with ThreadPoolExecutor(max(1, len(self.channels.names)), "kjfh-deliver") as threads:
            try:
                while not self.stop.is_set():
                    look = _look(self.office, self.database, self.channels)
                    if look.routing_due and self._route():
                        continue
                    for name in sorted(look.due - {*running.values()} - fruitless):
                        running[threads.submit(self._drain, name)] = name
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
                self.over.set()
                raise
        left = _look(self.office, self.database, self.channels)
        return Delivered(
            sent=done[What.SENT],
            failed=done[What.FAILED],
            dead=done[What.DEAD],
            unaddressed=done[What.UNADDRESSED],
            unrouted=left.unrouted,
            waiting=left.waiting,
            next_at=left.next_at,
        )

    # ---- choosing channels -------------------------------------------------------------------------------------

    def _route(self) -> int:
        """Choose the channels of some notices; returns of how many."""
        with self.database.acting() as tx:
            now = self.office.now(tx)
            found = outbox.unrouted(tx, now, _BATCH)
            for notice in found:
                self._route_one(tx, notice, now)
        return len(found)

    def _route_one(self, tx: Transaction, notice: Unrouted, now: datetime) -> None:
        names = self.channels.route(notice.city, notice.role, notice.notice)
        if not names:
            problem = f"没有为{notice.city}的{notice.role}配置发送“{notice.notice}”的渠道"
            outbox.cannot_route(tx, notice.notice_id, problem, now + LOOK_AGAIN)
            return
        outbox.route(tx, notice.notice_id, names, notice.queued_at, now)
        for name in names:
            outbox.log(tx, notice.notice_id, name, now, What.ROUTED, "", self.actor)

    # ---- sending -----------------------------------------------------------------------------------------------

    def _drain(self, name: str) -> Counter[What]:
        """Send what is due on one channel, one letter after the other."""
        done: Counter[What] = Counter()
        channel, limits = self.channels.of(name), self.channels.limits(name)
        waited_at: datetime | None = None
        while not (self.stop.is_set() or self.over.is_set()):
            try:
                found = self._claim(name, channel, limits)
            except Clash:  # two processes sent the channel's first message: now its row is there
                continue
            if found is None:
                break
            if isinstance(found, _NotYet):
                if found.now == waited_at:
                    break  # a clock that stands still is not waited for
                waited_at = found.now
                self.stop.wait(min((found.free_at - found.now).total_seconds(), _LOOK_SECONDS))
            elif isinstance(found, What):
                done[found] += 1
            else:
                done[self._send(name, channel, limits, found)] += 1
        return done

    def _claim(self, name: str, channel: Channel, limits: Limits) -> _Claimed | _NotYet | What | None:
        """Take the next letter, or say why there is none to send."""
        with self.database.acting() as tx:
            now = self.office.now(tx)
            if limits.opens_at(now) > now:
                return None
            free_at = outbox.free_at(tx, name, now) if limits.per_minute else now
            due = outbox.due(tx, name, now)
            if due is None:
                return None
            # Further off than one interval, it was written by a clock that has been set back since.
            if now < free_at <= now + _interval(limits):
                return _NotYet(now, free_at)
            holder = due.uscc or due.role
            address = addresses.address_of(tx, due.city, holder, channel.medium) if channel.medium else ""
            if channel.medium and not address:
                return self._unaddressed(tx, name, due, f"没有设定{holder}的{channel.medium}地址", now)
            if due.interrupted:
                outbox.log(tx, due.notice_id, name, now, What.INTERRUPTED, "上次发送没有结果，重新发送", self.actor)
            token = secrets.token_hex(16)
            lease = max(LEASE, timedelta(seconds=_OPERATIONS * limits.timeout_seconds))
            outbox.claim(tx, due.notice_id, name, token, now + lease)
            if limits.per_minute:
                outbox.take_turn(tx, name, now + _interval(limits))
            return _Claimed(due, address, shown(channel.medium, address), token)

    def _unaddressed(self, tx: Transaction, name: str, due: Due, reason: str, now: datetime) -> What:
        held = outbox.hold(tx, due.notice_id, name)
        attempts = held.attempts if held else 0
        outbox.put(
            tx, due.notice_id, name, State.UNADDRESSED, now + LOOK_AGAIN, attempts=attempts, error=reason
        )  # fmt: skip
        if due.state != State.UNADDRESSED:
            outbox.log(tx, due.notice_id, name, now, What.UNADDRESSED, reason, self.actor)
        return What.UNADDRESSED

    def _send(self, name: str, channel: Channel, limits: Limits, claimed: _Claimed) -> What:
        """Send one letter, outside any transaction, and write down how it went."""
        failure: Exception | None = None
        try:
            channel.send(self._message(claimed.due), claimed.address)
        except Exception as error:  # a channel may fail in any way; the letter must not be lost over it
            failure = error
        for pause in _PATIENCE:
            try:
                return self._settle(name, limits, claimed, failure)
            except (Unavailable, Conflict):
                time.sleep(pause)
        return self._settle(name, limits, claimed, failure)

    def _settle(self, name: str, limits: Limits, claimed: _Claimed, failure: Exception | None) -> What:
        """Write down how it went; what has been sent stays sent, whoever says so and however late."""
        notice_id = claimed.due.notice_id
        with self.database.acting() as tx:
            held = outbox.hold(tx, notice_id, name)
            assert held is not None, "rows of deliveries stay"  # noqa: S101
            now = self.office.now(tx)
            if failure is None:
                outbox.log(tx, notice_id, name, now, What.SENT, claimed.shown, self.actor)
                outbox.put(tx, notice_id, name, State.SENT, now, address=claimed.shown, settled_at=now)
                return What.SENT
            said = _error_text(failure, claimed)
            attempts = held.attempts + 1
            dead = getattr(failure, "permanent", False) or attempts >= limits.dead_after
            what = What.DEAD if dead else What.FAILED
            if held.claim != claimed.token:
                outbox.log(tx, notice_id, name, now, What.FAILED, f"{said}（迟到的结果，已由他人接手）", self.actor)
                return What.FAILED
            first, longest = limits.first_wait_seconds, limits.longest_wait_seconds
            outbox.put(
                tx,
                notice_id,
                name,
                State.DEAD if dead else State.QUEUED,
                now if dead else now + back_off.wait(attempts, first, longest, random.random()),
                attempts=attempts,
                address=claimed.shown,
                error=said,
                settled_at=now if dead else None,
            )
            outbox.log(tx, notice_id, name, now, what, said, self.actor)
            return what

    def _message(self, due: Due) -> Message:
        return Message(
            id=due.notice_id,
            city=due.city,
            case=due.case_id,
            notice=due.notice,
            label=self._label(due),
            role=due.role,
            uscc=due.uscc,
            number=due.number,
            subject=due.subject,
            title=due.title,
            body=due.body,
            queued_at=due.queued_at,
            load_letter=lambda: self._letter(due),
        )

    def _label(self, due: Due) -> str:
        try:
            return self.office.catalog.pinned(due.city, due.policy).identity.notices[due.notice].label
        except (NotFound, KeyError):  # the pack's folder is gone; the letter is not held up by it
            return due.title or due.subject

    def _letter(self, due: Due) -> Attachment:
        with self.database.acting() as tx:
            stored = letter_of(self.office.catalog, tx, due.notice_id, self.office.now(tx))
        return Attachment(f"{due.number or due.case_id} {due.title or due.subject}.docx", stored.body)


def _error_text(failure: Exception, claimed: _Claimed) -> str:
    """What went wrong, without a secret address and without what a database refuses to store."""
    told = str(failure) if isinstance(failure, DeliveryFailed) else f"{type(failure).__name__}: {failure}"
    if claimed.address:
        told = told.replace(claimed.address, claimed.shown)
    return _visible(told)[:_LONGEST_ERROR]


def _visible(characters: Iterable[str]) -> str:
    return "".join(character if character.isprintable() else " " for character in characters)
