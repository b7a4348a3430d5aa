"""Sending on one channel: claim a letter, let it leave, write down how it went.

At least once, with the same id, number and text each time: the message leaves outside any transaction, between one
that claims it and one that says how it ended. Whoever dies or sleeps in between loses the claim, and another sends the
letter again. When channels are started, and which notice goes by which, is ``deliver``'s business.
"""

from __future__ import annotations

import logging
import random
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event

from kjfh_workflow.casework.mail.addressing import shown, without_address
from kjfh_workflow.casework.mail.letters import letter_of
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.outgoing import PATIENCE, in_words, storable
from kjfh_workflow.errors import Conflict, DeliveryFailed, NotFound, Unavailable
from kjfh_workflow.notices.channels import back_off
from kjfh_workflow.notices.channels.config import Channels, Limits
from kjfh_workflow.notices.channels.message import Attachment, Channel, Message
from kjfh_workflow.store import addresses, outbox
from kjfh_workflow.store.database import Clash, Database, Transaction
from kjfh_workflow.store.outbox import Due, State, What

#: Others keep away from a letter for so long, or longer where the channel may take longer for one.
LEASE = timedelta(minutes=5)
#: The lease in time-outs of the channel: making the letter and writing down how it went take time, too.
_LEASE_IN_TIMEOUTS = 3
#: How long until somebody looks again whether there is a route, or an address, by now.
LOOK_AGAIN = timedelta(hours=1)
#: How often a channel that must wait for its limit looks whether it is to stop, in seconds.
_LOOK_SECONDS = 1.0
#: What has become of a letter, by the state in which its row has been left.
_WRITTEN: dict[str, What] = {State.SENT: What.SENT, State.DEAD: What.DEAD}
_logger = logging.getLogger(__name__)


def interval(limits: Limits) -> timedelta:
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


class _Unopened:
    """A channel that could not even be opened: every letter fails in the way it did, and is tried again."""

    medium: str | None = None

    def __init__(self, name: str, error: Exception) -> None:
        self.name = name
        self._error = error

    def send(self, message: Message, address: str) -> None:  # noqa: ARG002  (as every channel)
        """Fail."""
        raise self._error


@dataclass
class Sender:
    """One channel of one process, sending what is due on it."""

    office: Office
    database: Database
    channels: Channels
    name: str
    #: Who stands in the log.
    actor: str
    #: Waited on; when it is set, the letter that is being sent is the last.
    stop: Event
    #: Asked between two letters, too.
    stopped: Callable[[], bool]

    def drain(self) -> Counter[What]:
        """Send what is due, one letter after the other; returns what became of how many."""
        done: Counter[What] = Counter()
        channel, limits = self._open(), self.channels.limits(self.name)
        waited_at: datetime | None = None
        while not self.stopped():
            try:
                found = self._claim(channel, limits)
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
                done[self._send(channel, limits, found)] += 1
        return done

    def _open(self) -> Channel:
        try:
            return self.channels.of(self.name)
        except Exception as error:  # a certificate that is gone, a folder that cannot be made
            return _Unopened(self.name, error)

    def _claim(self, channel: Channel, limits: Limits) -> _Claimed | _NotYet | What | None:
        """Take the next letter; or what became of it without sending, or why there is none to send now."""
        with self.database.acting() as tx:
            now = self.office.now(tx)
            if limits.opens_at(now) > now:
                return None
            free_at = outbox.free_at(tx, self.name, now) if limits.per_minute else now
            due = outbox.due(tx, self.name, now)
            if due is None:
                return None
            # Further off than one interval, it was written by a clock that has been set back since.
            if now < free_at <= now + interval(limits):
                return _NotYet(now, free_at)
            holder = due.uscc or due.role
            address = addresses.address_of(tx, due.city, holder, channel.medium) if channel.medium else ""
            if channel.medium and not address:
                return self._unaddressed(tx, due, holder, channel.medium, now)
            if due.interrupted:
                self._log(tx, due, now, What.INTERRUPTED, "上次发送没有结果，重新发送")
            token = secrets.token_hex(16)
            lease = max(LEASE, timedelta(seconds=_LEASE_IN_TIMEOUTS * limits.timeout_seconds))
            outbox.claim(tx, due.notice_id, self.name, token, now + lease)
            if limits.per_minute:
                outbox.take_turn(tx, self.name, now + interval(limits))
            return _Claimed(due, address, shown(channel.medium, address), token)

    def _unaddressed(self, tx: Transaction, due: Due, holder: str, medium: str, now: datetime) -> What:
        reason = without_address(holder, medium)
        outbox.put(
            tx, due.notice_id, self.name, State.UNADDRESSED, now + LOOK_AGAIN, attempts=due.attempts, error=reason
        )
        if due.state != State.UNADDRESSED:
            self._log(tx, due, now, What.UNADDRESSED, reason)
        return What.UNADDRESSED

    def _send(self, channel: Channel, limits: Limits, claimed: _Claimed) -> What:
        """Send one letter, outside any transaction, and write down how it went."""
        failure: Exception | None = None
        try:
            channel.send(self._message(claimed.due), claimed.address)
        except Exception as error:  # a channel may fail in any way; the letter must not be lost over it
            failure = error
        for tried, pause in enumerate(PATIENCE):
            try:
                return self._settle(limits, claimed, failure, in_doubt=tried > 0)
            except (Unavailable, Conflict):
                self.stop.wait(pause)
        return self._settle(limits, claimed, failure, in_doubt=True)

    def _settle(self, limits: Limits, claimed: _Claimed, failure: Exception | None, *, in_doubt: bool) -> What:
        """Write down how it went; what has been sent stays sent, whoever says so and however late.

        Args:
            limits: the channel's.
            claimed: what left, or did not.
            failure: why not.
            in_doubt: whether this has been tried before, and the answer to that commit may only have been lost.
        """
        due = claimed.due
        with self.database.acting() as tx:
            held = outbox.hold(tx, due.notice_id, self.name)
            assert held is not None, "rows of deliveries stay"  # noqa: S101
            if in_doubt and held.claim != claimed.token and (failure or held.state == State.SENT):
                return _WRITTEN.get(held.state, What.FAILED)  # the log is append-only: nothing is told twice
            now = self.office.now(tx)
            if failure is None:
                self._log(tx, due, now, What.SENT, claimed.shown)
                outbox.put(
                    tx, due.notice_id, self.name, State.SENT, now,
                    attempts=held.attempts, address=claimed.shown, settled_at=now,
                )  # fmt: skip
                return What.SENT
            said = _error_text(failure, claimed)
            if held.claim != claimed.token:
                self._log(tx, due, now, What.FAILED, f"{said}（迟到的结果）")
                return What.FAILED
            attempts = held.attempts + 1
            dead = attempts >= limits.dead_after or (isinstance(failure, DeliveryFailed) and failure.permanent)
            outbox.put(
                tx, due.notice_id, self.name, State.DEAD if dead else State.QUEUED,
                now if dead else now + _pause(limits, attempts),
                attempts=attempts, address=claimed.shown, error=said, settled_at=now if dead else None,
            )  # fmt: skip
            what = What.DEAD if dead else What.FAILED
            _logger.warning("%s: %s %s: %s", self.name, due.notice_id, "given up" if dead else "not sent", said)
            self._log(tx, due, now, what, said)
            return what

    def _log(self, tx: Transaction, due: Due, now: datetime, what: What, detail: str) -> None:
        outbox.log(tx, due.notice_id, self.name, now, what, detail, self.actor)

    def _message(self, due: Due) -> Message:
        message = Message(
            id=due.notice_id,
            city=due.city,
            case=due.case_id,
            notice=due.notice,
            label=self._label(due),
            role=due.role,
            uscc=due.uscc,
            number=due.number or "",
            subject=due.subject,
            title=due.title,
            body=due.body,
            queued_at=due.queued_at,
            load_letter=lambda: Attachment(message.letter_name, self._letter(due.notice_id)),
        )
        return message

    def _label(self, due: Due) -> str:
        try:
            return self.office.catalog.pinned(due.city, due.policy).identity.notices[due.notice].label
        except (NotFound, KeyError):  # the pack's folder is gone; the letter is not held up by it
            return due.title or due.subject

    def _letter(self, notice_id: str) -> bytes:
        with self.database.writing() as tx:
            return letter_of(self.office.catalog, tx, notice_id, self.office.now(tx)).body


def _pause(limits: Limits, attempts: int) -> timedelta:
    first, longest = limits.first_wait_seconds, limits.longest_wait_seconds
    return back_off.wait(attempts, first, longest, random.random())  # noqa: S311  (nothing secret)


def _error_text(failure: Exception, claimed: _Claimed) -> str:
    """What went wrong, without a secret address."""
    told = in_words(failure)
    return storable(told.replace(claimed.address, claimed.shown) if claimed.address else told)
