"""What happened, event by event, as other programs read it: in order, from any number on, never twice another way.

An event is an act as the history has it, without the names of people. Numbers are given by ``store.feed``; handing
events to those who follow is ``following``'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.views.told import may_know_of
from kjfh_workflow.errors import Conflict, InputError, NotFound, Problem, Unavailable, WorkflowError
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.policy.wording import house_words
from kjfh_workflow.rules.case import Reads
from kjfh_workflow.store import feed
from kjfh_workflow.store.database import CoreTransaction, Database
from kjfh_workflow.store.feed import Wanted

#: So many numbers are looked at in one call, whatever is found among them.
SCAN = 5_000
#: So many acts get their numbers in one transaction.
TOGETHER = 1_000
#: Who reads waits no longer than this for somebody who is giving numbers.
_LOCK_SECONDS = 2
_EVERYTHING = Reads(everything=True)


class BeyondTheFeed(Conflict):
    """The cursor lies beyond the end of the feed: the database has been restored from an older backup."""


@dataclass(frozen=True, slots=True)
class ChangedAward:
    """An award that an act changed, as it was then."""

    #: Names it within its case: ``recognition/2021/1``.
    award: str
    kind: str
    year: int
    #: 0 where there are no instalments.
    instalment: int
    yuan: Decimal
    status: str


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of the feed. It says which case, what, and when; who it was stands in the case's history."""

    #: Its place in the feed, from 1, without gaps. The same number is the same event, unless a restore came between.
    number: int
    case: str
    city: str
    kind: str
    kind_label: str
    #: The operator's code.
    uscc: str
    #: How many events the case had seen with this one.
    version: int
    event: str
    event_label: str
    #: The state before, and the state it led to.
    source: str
    state: str
    state_label: str
    #: The role in which somebody acted; ``timer`` for a deadline.
    role: str
    role_label: str
    #: The day it counts from in law; the instant it happened; the instant the program noticed.
    legal_on: date
    happened_at: datetime
    noticed_at: datetime
    article: str
    #: Kind → id of the case that it opened.
    opened: Mapping[str, str]
    #: (notice, role) queued by it; an operator is told of those that were written to it.
    notices: tuple[tuple[str, str], ...]
    #: The last barred day, if it imposed a ban.
    banned_until: date | None
    awards: tuple[ChangedAward, ...]
    #: The seal of its history row: another one under the same number means that a restore came between.
    hash: str

    def as_data(self) -> dict[str, Any]:
        """The event as other programs read it, for JSON: days and instants as ISO text, sums as decimal text."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return plain | {
            "legal_on": self.legal_on.isoformat(),
            "happened_at": self.happened_at.isoformat(),
            "noticed_at": self.noticed_at.isoformat(),
            "opened": dict(self.opened),
            "notices": [{"notice": notice, "role": role} for notice, role in self.notices],
            "banned_until": self.banned_until.isoformat() if self.banned_until else None,
            "awards": [
                {name: getattr(award, name) for name in award.__slots__} | {"yuan": format(award.yuan, "f")}
                for award in self.awards
            ],
        }


@dataclass(frozen=True, slots=True)
class Feed:
    """Some of what happened."""

    items: list[Happened]
    #: The cursor to go on from; ahead of the last item where what followed was not asked for, or not the reader's.
    next: int
    #: The last number given. Where ``next`` has reached it, everything has been seen.
    head: int


def publish(database: Database, at_most: int = TOGETHER) -> int:
    """Give the first acts that wait for one their numbers; returns to how many.

    Raises:
        Conflict: if somebody else holds the numbers for too long.
        Unavailable: if the database is gone, or only reads.
    """
    with database.reading() as tx:
        if not feed.waiting(tx):
            return 0
    with database.acting() as tx:
        tx.wait_at_most(_LOCK_SECONDS)
        return feed.publish(tx, at_most)


def publish_all(database: Database, stopped: Callable[[], bool]) -> None:
    """Give every act that waits its number; if somebody else is at it, leave it to them."""
    with suppress(Conflict):
        while not stopped() and publish(database):
            pass


@contextmanager
def numbered(database: Database) -> Iterator[CoreTransaction]:
    """One moment in which what is committed has its number, as far as one transaction can give them.

    A copy that only reads, and whoever waits too long for somebody else's numbers, has those that there are.
    """
    with database.reading() as tx:
        if not feed.waiting(tx):
            yield tx
            return
    with suppress(Conflict, Unavailable):
        publish(database)
    with database.reading() as tx:
        yield tx


def since(office: Office, database: Database, after: int, reads: Reads, wanted: Wanted, limit: int) -> Feed:
    """What happened behind a number, as far as it may be seen and is wanted.

    Raises:
        BeyondTheFeed: if the feed ends before *after*.
        InputError: if *limit* asks for nothing.
        WorkflowError: if *after* is negative.
    """
    if after < 0:
        raise WorkflowError(f"a cursor is 0 or a number of the feed, not {after}")
    if limit < 1:
        raise InputError([Problem("limit", "", f"at least one event is asked for, not {limit}")])
    with numbered(database) as tx:
        head = feed.head(tx)
        if after > head:
            raise BeyondTheFeed(
                f"the feed ends at {head}, before {after}: the database has been restored from an older backup. "
                "Read again from a number that was given before that backup (0 for everything), and take each event "
                "by its case, version and hash: what you have seen and do not find again has not happened here"
            )
        if after == head:  # as most who poll are told
            return Feed([], head, head)
        # The events of one case are found by the case, however far apart they are.
        until = head if wanted.case else min(head, after + SCAN)
        rows = feed.find(tx, reads, wanted, after=after, until=until, limit=limit)
        return Feed(happened(office, tx, rows, reads), rows[-1]["number"] if len(rows) == limit else until, head)


def happened(
    office: Office, tx: CoreTransaction, rows: Iterable[Mapping[str, Any]], reads: Reads = _EVERYTHING
) -> list[Happened]:
    """The events that rows of the feed tell of, in their order, as a reader is told of them; a follower is told all."""
    rows = list(rows)
    awards = feed.awards_changed(tx, [row["number"] for row in rows])
    return [_happened(office, row, awards.get(row["number"], []), reads.for_office_of(row["city"])) for row in rows]


def _happened(office: Office, row: Mapping[str, Any], awards: list[dict[str, Any]], official: bool) -> Happened:
    effects = canonical.loads(row["effects"])
    ban = effects.get("ban")
    kind_label, event_label, state_label, role_label = _words(office, row)
    return Happened(
        number=row["number"],
        case=row["case_id"],
        city=row["city"],
        kind=row["kind"],
        kind_label=kind_label,
        uscc=row["uscc"],
        version=row["version"],
        event=row["event"],
        event_label=event_label,
        source=row["source"],
        state=row["target"],
        state_label=state_label,
        role=row["role"],
        role_label=role_label,
        legal_on=row["legal_on"],
        happened_at=row["happened_at"],
        noticed_at=row["noticed_at"],
        article=row["article"],
        opened=effects.get("opened", {}),
        notices=tuple(
            (notice, role) for notice, role, _ in effects.get("notices", ()) if may_know_of(role, official=official)
        ),
        banned_until=date.fromisoformat(ban["until"]) if ban else None,
        awards=tuple(
            ChangedAward(
                award["award"],
                award["kind"],
                award["year"],
                award["instalment"],
                Decimal(award["fen"]).scaleb(-2),
                award["status"],
            )
            for award in awards
        ),
        hash=row["hash"],
    )


def _words(office: Office, row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Kind, event, state and role in Chinese; their codes where the pack's folder is gone."""
    kind, event, state, role = row["kind"], row["event"], row["target"], row["role"]
    try:
        pack = office.catalog.pinned(row["city"], row["policy"])
        machine = pack.machines[CaseKind(kind)]
    except (NotFound, KeyError):
        house = house_words()
        return house["kinds"].get(kind, kind), event, state, house["roles"].get(role, role)
    return (
        pack.words("kinds", kind),
        machine.events.get(event, event),
        pack.state_label(CaseKind(kind), state),
        pack.words("roles", role),
    )
