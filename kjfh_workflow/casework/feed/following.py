"""Handing events to one who follows the feed: in order per case, at least once, whoever dies meanwhile.

What an event tells is ``events``; what people may do with what was not taken, ``followers_desk``.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Event

from kjfh_workflow.casework.feed.events import SCAN, Happened, happened, numbered, publish_all
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.outgoing import PATIENCE, in_words, storable
from kjfh_workflow.casework.trying_again import again
from kjfh_workflow.errors import Conflict, Unavailable, WorkflowError
from kjfh_workflow.notices.channels import back_off
from kjfh_workflow.rules.case import Reads
from kjfh_workflow.store import feed, followers
from kjfh_workflow.store.database import Database, Transaction
from kjfh_workflow.store.feed import Wanted
from kjfh_workflow.store.followers import Due

#: So many events are read at once.
_BATCH = 100
#: After so many failures in a row the far end itself is away: the rest is not even tried, and stays behind the cursor.
_IN_A_ROW = 5
_BEHIND = "等待本案较早的事件"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How patiently a follower is told."""

    #: After so many failed attempts an event is given up, for a person to decide.
    attempts: int = 20
    first_wait_seconds: int = 30
    longest_wait_seconds: int = 6 * 60 * 60
    #: Others keep away for so long after each event; longer than the handling of one may take.
    lease: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Followed:
    """What one pass for a follower did, and what it left."""

    #: Where the follower stands: everything up to here has been handed over or is withheld.
    cursor: int
    handed: int = 0
    #: Attempts that failed and will be made again.
    failed: int = 0
    #: Events given up: a person must look.
    given_up: int = 0
    #: Another process is at it; nothing was done.
    busy: bool = False
    #: When there is something to do again besides new events; None if there is not.
    next_at: datetime | None = None


class _Lost(Exception):
    """The claim is not ours any more: it ended, or a person has put the follower elsewhere."""


@dataclass
class Pass:
    """One pass: everything that is there for one follower."""

    office: Office
    database: Database
    name: str
    handle: Callable[[Happened], object]
    wanted: Wanted
    #: Where a follower begins that is not known yet; None: with what happens from now on.
    start: int | None
    patience: Patience
    stop: Event
    _token: str = field(default_factory=lambda: secrets.token_hex(16))
    _done: Followed = field(default_factory=lambda: Followed(0))
    _in_a_row: int = 0
    #: When the claim was last renewed, on a clock that nobody puts back.
    _renewed: float = 0.0

    def run(self) -> Followed:
        """Hand over new events and withheld ones whose time has come, until there are none."""
        if self.start is None and self._is_unknown():
            publish_all(self.database, self.stop.is_set)  # or it would begin with what happened before
        busy_until = again(self.database.acting, self._claim)
        if busy_until:
            return replace(self._done, busy=True, next_at=busy_until)
        try:
            while not self._over and (self._hand_new() | self._hand_withheld()):
                pass
            next_at = self._next_at()
        except _Lost:
            return self._done
        finally:
            with suppress(WorkflowError), self.database.acting() as tx:  # it ends by itself, too
                followers.release(tx, self.name, self._token)
        return replace(self._done, next_at=next_at)

    @property
    def _over(self) -> bool:
        return self.stop.is_set() or self._in_a_row >= _IN_A_ROW

    def _is_unknown(self) -> bool:
        with self.database.reading() as tx:
            return not followers.is_known(tx, self.name)

    def _claim(self, tx: Transaction) -> datetime | None:
        """Take the follower; or until when somebody else has it."""
        now = self.office.now(tx)
        held = followers.hold(tx, self.name)
        if held is None:
            begin = feed.head(tx) if self.start is None else self.start
            followers.add(tx, self.name, begin)
            held = followers.Held(begin, None, None)
        self._done = Followed(held.cursor)
        if held.claim and held.claimed_until and held.claimed_until > now:
            return held.claimed_until
        followers.claim(tx, self.name, self._token, now + self.patience.lease)
        self._renewed = time.monotonic()
        return None

    # ---- what is new -------------------------------------------------------------------------------------------

    def _hand_new(self) -> bool:
        """The next events behind the cursor; False if there are none."""
        with numbered(self.database) as tx:
            until = min(feed.head(tx), self._done.cursor + SCAN)
            if until <= self._done.cursor:
                return False
            rows = feed.find(
                tx, Reads(everything=True), self.wanted, after=self._done.cursor, until=until, limit=_BATCH
            )
            events = happened(self.office, tx, rows)
            waiting = followers.withheld_cases(tx, self.name, {event.case for event in events})
        for event in events:
            if self._over:
                return True
            if event.case in waiting:
                self._wait_in_line(event)
            elif self._hand_first(event) is False:
                waiting.add(event.case)
        if len(events) < _BATCH and not self._over:
            self._write(until)
        return True

    def _wait_in_line(self, event: Happened) -> None:
        """An earlier event of its case has not been taken: this one waits behind it."""

        def keep(tx: Transaction, now: datetime) -> None:
            self._withhold(tx, event, 0, now, _BEHIND)

        self._write(event.number, keep)

    def _hand_first(self, event: Happened) -> bool | None:
        """Hand an event over for the first time; None if that was broken off, and it stays where it is."""
        failure = self._hand(event)
        if failure is None:
            self._write(event.number)
            self._done = replace(self._done, handed=self._done.handed + 1)
            return True
        if self.stop.is_set():
            return None

        def keep(tx: Transaction, now: datetime) -> None:
            self._withhold(tx, event, 1, self._next(1, now), _told(failure))

        self._write(event.number, keep)
        self._count(event.number, 1, failure)
        return False

    def _withhold(self, tx: Transaction, event: Happened, attempts: int, next_at: datetime | None, error: str) -> None:
        """Keep an event for later: once, though the answer to a commit may be lost and everything is tried again."""
        if not followers.is_withheld(tx, self.name, event.number):
            followers.withhold(tx, self.name, event.number, event.case, attempts, next_at, error)

    # ---- what is withheld --------------------------------------------------------------------------------------

    def _hand_withheld(self) -> bool:
        """The first withheld event of each case, where its time has come; False if there is none."""
        with self.database.reading() as tx:
            heads = {due.number: due for due in followers.due(tx, self.name, self.office.now(tx), _BATCH)}
            events = happened(self.office, tx, feed.these(tx, heads)) if heads else []
        for event in events:
            if self._over:
                break
            self._hand_again(event, heads[event.number])
        return bool(events)

    def _hand_again(self, event: Happened, due: Due) -> None:
        failure = self._hand(event)
        if failure is None:
            self._write(self._done.cursor, lambda tx, _: followers.drop(tx, self.name, event.number))
            self._done = replace(self._done, handed=self._done.handed + 1)
            return
        if self.stop.is_set():
            return
        attempts = due.attempts + 1

        def keep(tx: Transaction, now: datetime) -> None:
            followers.failed(tx, self.name, event.number, attempts, self._next(attempts, now), _told(failure))

        self._write(self._done.cursor, keep)
        self._count(event.number, attempts, failure)

    # ---- one event ---------------------------------------------------------------------------------------------

    def _hand(self, event: Happened) -> Exception | None:
        """Let the handler have it, outside any transaction; returns what it raised."""
        if time.monotonic() - self._renewed > self.patience.lease.total_seconds() / 2:
            self._write(self._done.cursor)  # this process may have been stopped for a while
        try:
            self.handle(event)
        except Exception as error:  # a handler may fail in any way; the event must not be lost over it
            self._in_a_row += 1
            return error
        self._in_a_row = 0
        return None

    def _write(self, cursor: int, act: Callable[[Transaction, datetime], object] = lambda _tx, _now: None) -> None:
        """Advance the cursor, keep others away, and do *act*, in one transaction.

        Raises:
            _Lost: if the claim is not ours any more; nothing was written.
            Unavailable: if the database is gone; what was handed over is handed over again later.
        """
        for pause in (*PATIENCE, None):
            try:
                with self.database.acting() as tx:
                    now = self.office.now(tx)
                    if not followers.advance(tx, self.name, self._token, cursor, now + self.patience.lease):
                        raise _Lost
                    act(tx, now)
            except (Unavailable, Conflict):
                if pause is None:
                    raise
                self.stop.wait(pause)
            else:
                break
        self._renewed = time.monotonic()
        self._done = replace(self._done, cursor=cursor)

    def _next(self, attempts: int, now: datetime) -> datetime | None:
        """When an event is tried again after so many failures; None if it is given up."""
        if attempts >= self.patience.attempts:
            return None
        first, longest = self.patience.first_wait_seconds, self.patience.longest_wait_seconds
        return now + back_off.wait(attempts, first, longest, random.random())  # noqa: S311  (nothing secret)

    def _count(self, number: int, attempts: int, failure: Exception) -> None:
        given_up = attempts >= self.patience.attempts
        words = "given up" if given_up else "not taken"
        _logger.warning("%s: event %d %s: %s", self.name, number, words, _told(failure))
        self._done = replace(
            self._done, failed=self._done.failed + (not given_up), given_up=self._done.given_up + given_up
        )

    def _next_at(self) -> datetime | None:
        with self.database.reading() as tx:
            due = followers.next_due(tx, self.name)
            if self._in_a_row < _IN_A_ROW:
                return due
            # A far end that is away is left alone for a while.
            return self.office.now(tx) + timedelta(seconds=self.patience.first_wait_seconds)


def _told(failure: Exception) -> str:
    return storable(in_words(failure))
