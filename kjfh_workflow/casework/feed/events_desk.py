"""The events desk: what has happened, for other programs, in process and beyond; and whether a request was carried out.

``Workflow.events`` is one. What people may do about those who follow is ``followers_desk``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from threading import Event

from kjfh_workflow.casework import requests
from kjfh_workflow.casework.feed import events as feeds
from kjfh_workflow.casework.feed.events import Feed, Happened
from kjfh_workflow.casework.feed.followers_desk import FollowersDesk
from kjfh_workflow.casework.feed.following import Followed, Pass, Patience
from kjfh_workflow.casework.requests import Done
from kjfh_workflow.errors import InputError, WorkflowError
from kjfh_workflow.notices.webhooks import Webhook, Webhooks
from kjfh_workflow.rules.case import Actor, reads_of
from kjfh_workflow.store.feed import Wanted

_NAME = re.compile(r"[a-z][a-z0-9_.\-]{0,63}")


class EventsDesk(FollowersDesk):
    """What has happened, in order."""

    # ---- the feed ----------------------------------------------------------------------------------------------

    def publish(self, limit: int = feeds.TOGETHER) -> int:
        """Number acts that have no number in the feed yet; returns how many. Reading and ticking do it, too.

        Args:
            limit: at most so many, in one transaction.

        Raises:
            Conflict: if somebody else is at it and does not end.
            Unavailable: if the database is gone.
        """
        return feeds.publish(self._database, limit)

    def publish_all(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Number every act, unless somebody else is at it.

        Args:
            stopped: asked between two commits; True ends it early.

        Raises:
            Unavailable: if the database is gone.
        """
        feeds.publish_all(self._database, stopped)

    def since(
        self,
        after: int = 0,
        *,
        reader: Actor | None = None,
        city: str = "",
        kind: str = "",
        event: str = "",
        case: str = "",
        limit: int = 200,
    ) -> Feed:
        """What happened behind a number, in order; an act is there as soon as it is committed.

        Go on with ``next`` of the answer, whatever it held: it may have been read in vain. One call looks at 5,000
        numbers at most (with *case*, at all of that case), so that ``next`` may be less than ``head`` without items.

        Args:
            after: the last number seen; 0 for everything.
            reader: offices see their city's events, operators their own, auditors everything; None for the program.
            city: only this city's.
            kind: only of this kind of case.
            event: only this event.
            case: only of this case.
            limit: at most so many, and at least one.

        Raises:
            BeyondTheFeed: if the feed ends before *after*: the database has been restored from an older backup.
            InputError: if *limit* asks for nothing.
            WorkflowError: if *after* is negative.
        """
        reads = reads_of(reader)
        wanted = Wanted(_only(city), _only(kind), _only(event), case)
        return feeds.since(self._office, self._database, after, reads, wanted, limit)

    def of_request(self, request_id: str, *, by: Actor | None = None) -> Done:
        """What the request with this id did: an ``Outcome``, a ``Round``, ``Misconduct`` or ``Attached``.

        A request that is under way has done nothing so far. Who must be certain sends it again under the same id: it
        is then carried out, or gives its first answer.

        Args:
            request_id: as the caller gave it.
            by: who asks; None for the program itself.

        Raises:
            NotFound: if it has done nothing so far, or what it did is not theirs to see.
            WorkflowError: for a text that cannot be a request's id.
        """
        with self._database.reading() as tx:
            return requests.of_request(tx, request_id, by)

    # ---- following ---------------------------------------------------------------------------------------------

    def follow(
        self,
        name: str,
        handle: Callable[[Happened], object],
        *,
        start: int | None = None,
        cities: Iterable[str] = (),
        kinds: Iterable[str] = (),
        events: Iterable[str] = (),
        patience: Patience | None = None,
        stop: Event | None = None,
    ) -> Followed:
        """One pass for a subscriber: hand it everything that has happened since the last pass, one after the other.

        To be called by any scheduler, in any number of processes: one at a time gets to hand events to *name*, and
        whoever dies is succeeded when its lease ends. *handle* is called outside any transaction. When it returns, the
        event has been taken; when it raises, the event is withheld with the later events of its case, the other cases
        go on, and it is tried again when its time has come. After the last attempt it waits for a person. After five
        failures in a row the pass ends: what is handed to has gone away, and the rest stays where it is.

        An event is handed over at least once, always under the same number: a process that dies between handling and
        writing it down leaves it to be handled again. Remember the last number of each case where that matters.

        Args:
            name: of the subscriber: lower-case letters, digits, ``_``, ``.``, ``-``; its place is kept under it.
            handle: takes one event; slower than the lease, it would be handed to another process meanwhile.
            start: where a subscriber begins that is not known yet: behind this number, 0 for everything; by default
                at the end of the feed, with what happens from now on.
            cities: only of these cities.
            kinds: only of these kinds of case.
            events: only these events.
            patience: how often, and for how long.
            stop: when set, the pass ends after the event at hand; one whose handling it broke off stays.

        Raises:
            WorkflowError: for a name that is none, or a start beyond the feed.
            Unavailable: if the database is gone; what was taken and could not be written down is handed over again.
        """
        if not _NAME.fullmatch(name):
            raise WorkflowError(f"{name!r} is no name for a follower: letters a to z, digits, _, . and -, 64 at most")
        wanted = Wanted(tuple(cities), tuple(kinds), tuple(events))
        if start:
            self._check_cursor(start)
        return Pass(
            self._office, self._database, name, handle, wanted, start, patience or Patience(), stop or Event()
        ).run()

    def call(self, webhook: Webhook, *, stop: Event | None = None) -> Followed:
        """One pass for a webhook: post everything to it that has happened since the last pass; as ``follow``.

        Args:
            webhook: one of ``Webhooks.load(…)``.
            stop: when set, the call returns at once; a call that is under way is made again later.
        """
        settings = webhook.settings
        patience = Patience(
            settings.attempts,
            settings.first_wait_seconds,
            settings.longest_wait_seconds,
            timedelta(seconds=3 * settings.timeout_seconds),
        )
        return self.follow(
            webhook.name,
            lambda happened: webhook.post(happened.number, happened.as_data(), stop),
            start=0 if settings.start == "beginning" else None,
            cities=settings.cities or (),
            kinds=settings.kinds or (),
            events=settings.events or (),
            patience=patience,
            stop=stop,
        )

    def webhooks(self, path: str | Path) -> Webhooks:
        """Read a ``webhooks.toml``.

        Raises:
            InputError: with every problem of the file, and every name in it that no policy pack has.
        """
        found = Webhooks.load(Path(path))
        packs = [*self._office.catalog]
        names = {event for pack in packs for machine in pack.machines.values() for event in machine.events}
        if problems := found.strangers({pack.city for pack in packs}, names):
            raise InputError(problems)
        return found


def _only(name: str) -> tuple[str, ...]:
    return (name,) if name else ()
