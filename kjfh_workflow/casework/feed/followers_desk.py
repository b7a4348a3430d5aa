"""Looking after those who follow the feed: how far each has come, what it has not taken, and what is to become of that.

They belong to the bureau as a whole, not to one city: whoever is an admin anywhere may look after them. Handing events
to them is ``following``'s business.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.permission import require
from kjfh_workflow.errors import NotFound, WorkflowError
from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.store import feed, followers
from kjfh_workflow.store.database import CoreTransaction, Database

_TASK = "管理事件的接收方"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Follower:
    """A program that follows the feed, and how far it has come."""

    name: str
    #: Everything up to this number has been handed to it or is withheld.
    cursor: int
    #: The last number given, and how many it still has before it.
    head: int
    lag: int
    #: Events that it has not taken, with those that wait behind one; and how many of them have been given up.
    withheld: int
    given_up: int
    #: When one of them is tried next; None if none is.
    next_at: datetime | None
    #: Until when the process that is handing events to it keeps others away; None if none is.
    claimed_until: datetime | None


@dataclass(frozen=True, slots=True)
class Withheld:
    """An event that a follower has not taken."""

    number: int
    case: str
    attempts: int
    #: When it is tried next; None if it has been given up.
    next_at: datetime | None
    error: str
    #: It waits until an earlier event of its case has been taken or skipped.
    waits: bool


class FollowersDesk:
    """The followers of one bureau's feed."""

    def __init__(self, office: Office, database: Database) -> None:
        self._office = office
        self._database = database

    def followers(self, *, reader: Actor | None = None) -> list[Follower]:
        """Every program that follows the feed, by name.

        Args:
            reader: an admin; None for the program itself.

        Raises:
            NotAuthorised: if the reader is no admin.
        """
        self._require_admin(reader)
        with self._database.reading() as tx:
            head = feed.head(tx)
            return [Follower(head=head, lag=max(0, head - row["cursor"]), **row) for row in followers.standings(tx)]

    def withheld(self, name: str, *, reader: Actor | None = None, after: int = 0, limit: int = 200) -> list[Withheld]:
        """The events that a follower has not taken, by number.

        Args:
            name: the follower's.
            reader: an admin; None for the program itself.
            after: continue behind this number.
            limit: at most so many.

        Raises:
            NotAuthorised: if the reader is no admin.
            NotFound: if there is no such follower.
        """
        self._require_admin(reader)
        with self._database.reading() as tx:
            self._require_known(tx, name)
            return [
                Withheld(
                    row["number"], row["case_id"], row["attempts"], row["next_at"], row["error"], not row["is_first"]
                )
                for row in followers.withheld_of(tx, name, after, limit)
            ]

    def replay(self, name: str, cursor: int, *, by: Actor) -> None:
        """Let a follower be handed everything behind a number once more, under the same numbers.

        Or less: a cursor ahead of its own leaves out what lies between. What it has not taken up to the cursor stays
        withheld.

        Raises:
            NotAuthorised: if *by* is no admin.
            NotFound: if there is no such follower.
            WorkflowError: for a cursor that is no number of the feed.
        """
        self._require_admin(by)
        self._check_cursor(cursor)
        with self._database.writing() as tx:
            self._hold(tx, name)
            followers.move(tx, name, cursor)
        _logger.warning("%s goes on behind %d, as %s has said", name, cursor, by.id)

    def retry(self, name: str, number: int | None = None, *, by: Actor) -> int:
        """Let what a follower has not taken be tried again at once, with all attempts before it.

        Args:
            name: the follower's.
            number: of one event, which is tried after those of its case before it; None: everything withheld.
            by: an admin.

        Returns:
            How many events that is.

        Raises:
            NotAuthorised: if *by* is no admin.
            NotFound: if there is no such follower, or it has taken the event.
        """
        self._require_admin(by)
        with self._database.writing() as tx:
            self._hold(tx, name)
            now = self._office.now(tx)
            if number is None:
                return followers.retry_all(tx, name, now)
            if not followers.retry(tx, name, number, now):
                raise NotFound(f"event {number} is not withheld from {name!r}")
            return 1

    def skip(self, name: str, number: int, *, by: Actor, reason: str) -> None:
        """Decide that a follower is not handed an event any more; the later ones of its case go on.

        Args:
            name: the follower's.
            number: of an event that it has not taken.
            by: an admin.
            reason: why; it stands in the program's log.

        Raises:
            NotAuthorised: if *by* is no admin.
            NotFound: if there is no such follower, or it has taken the event.
            WorkflowError: without a reason.
        """
        self._require_admin(by)
        if not reason.strip():
            raise WorkflowError("say why the event is skipped")
        with self._database.writing() as tx:
            self._hold(tx, name)
            if not followers.drop(tx, name, number):
                raise NotFound(f"event {number} is not withheld from {name!r}")
        _logger.warning("%s: event %d is skipped, as %s has said: %r", name, number, by.id, reason)

    def forget(self, name: str, *, by: Actor) -> None:
        """Forget a follower that does not exist any more, with what it has not taken.

        Raises:
            NotAuthorised: if *by* is no admin.
            NotFound: if there is no such follower.
        """
        self._require_admin(by)
        with self._database.writing() as tx:
            self._hold(tx, name)
            followers.forget(tx, name)
        _logger.warning("%s is forgotten, as %s has said", name, by.id)

    def _require_admin(self, actor: Actor | None) -> None:
        if actor is not None:
            require(self._office, actor.city, actor, [Role.ADMIN], _TASK)

    def _require_known(self, tx: CoreTransaction, name: str) -> None:
        if not followers.is_known(tx, name):
            raise NotFound(f"there is no follower {name!r}")

    def _hold(self, tx: CoreTransaction, name: str) -> None:
        """Its row, so that whoever is handing events to it waits."""
        if followers.hold(tx, name) is None:
            raise NotFound(f"there is no follower {name!r}")

    def _check_cursor(self, cursor: int) -> None:
        with self._database.reading() as tx:
            head = feed.head(tx)
        if not 0 <= cursor <= head:
            raise WorkflowError(f"a cursor is a number from 0 to {head}, where the feed ends, not {cursor}")
