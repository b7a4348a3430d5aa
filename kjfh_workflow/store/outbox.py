"""Rows of ``outbox`` and ``deliveries``: what has still to be sent, who is sending it, and the log of what happened.

A delivery is looked at when its ``next_at`` has come. Who sends it writes a claim into it and moves ``next_at`` to the
claim's end: others keep away until then, and whoever dies meanwhile needs no cleaning up. When to try again, and what a
person at the desk may do, is decided in ``casework``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, func, insert, literal_column, null, select, update

from kjfh_workflow.store.database import Transaction
from kjfh_workflow.store.prepared import Prepared
from kjfh_workflow.store.schema import cases, channels, deliveries, delivery_log, notices, outbox


class State(StrEnum):
    """What is left to do for a delivery."""

    QUEUED = "queued"  #: to be sent when its time has come
    UNADDRESSED = "unaddressed"  #: as queued, but nobody has said where to
    SENT = "sent"  #: the channel has accepted it
    DEAD = "dead"  #: given up; a person must look
    DISCARDED = "discarded"  #: a person has said that it is not to be sent


class What(StrEnum):
    """What the log tells of a delivery."""

    ROUTED = "routed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  #: who was sending it has not said how it ended
    UNADDRESSED = "unaddressed"
    SENT = "sent"
    DEAD = "dead"
    DISCARDED = "discarded"
    RETRIED = "retried"
    RESENT = "resent"


@dataclass(frozen=True, slots=True)
class Unrouted:
    """A notice for which no channel has been chosen."""

    notice_id: str
    city: str
    role: str
    notice: str
    queued_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery whose time has come, with its notice."""

    notice_id: str
    state: str
    attempts: int
    #: Somebody else had claimed it, and that claim has ended.
    interrupted: bool
    case_id: str
    city: str
    policy: str
    notice: str
    role: str
    uscc: str | None
    number: str | None
    subject: str
    title: str
    body: str
    queued_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery as it is, locked until the transaction ends."""

    state: str
    attempts: int
    claim: str | None
    next_at: datetime


#: Written out, so that the partial index over open deliveries is used.
_IS_OPEN = deliveries.c.state.in_([literal_column(f"'{state}'") for state in (State.QUEUED, State.UNADDRESSED)])
_THIS = (deliveries.c.notice_id == bindparam("notice_is"), deliveries.c.channel == bindparam("channel_is"))

_UNROUTED = Prepared(
    select(notices.c.id, notices.c.city, notices.c.role, notices.c.notice, notices.c.queued_at)
    .join(outbox, outbox.c.notice_id == notices.c.id)
    .where(outbox.c.routed_at.is_(None), outbox.c.next_at <= bindparam("now"))
    .order_by(outbox.c.next_at, outbox.c.notice_id)
    .limit(bindparam("at_most"))
    .with_for_update(of=outbox, skip_locked=True)
)
_ROUTED = Prepared(
    update(outbox)
    .where(outbox.c.notice_id == bindparam("notice_is"))
    .values(routed_at=bindparam("routed_at"), problem=bindparam("problem"), next_at=bindparam("next_at"))
)
_ADD = Prepared(
    insert(deliveries).values(
        {column: bindparam(column) for column in ("notice_id", "channel", "state", "attempts", "next_at")}
    )
)
#: Without a join: the first entry of the index is the answer, however many wait.
_DUE = Prepared(
    select(deliveries.c.notice_id, deliveries.c.state, deliveries.c.attempts, deliveries.c.claim)
    .where(_IS_OPEN, deliveries.c.channel == bindparam("channel_is"), deliveries.c.next_at <= bindparam("now"))
    .order_by(deliveries.c.next_at, deliveries.c.notice_id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_NOTICE = Prepared(
    select(
        notices.c.case_id, notices.c.city, cases.c.policy, notices.c.notice, notices.c.role, notices.c.uscc,
        notices.c.number, notices.c.subject, notices.c.title, notices.c.body, notices.c.queued_at,
    )
    .join(cases, cases.c.id == notices.c.case_id)
    .where(notices.c.id == bindparam("notice_is"))
)  # fmt: skip
_CLAIM = Prepared(update(deliveries).where(*_THIS).values(claim=bindparam("claim"), next_at=bindparam("next_at")))
_HOLD = Prepared(
    select(deliveries.c.state, deliveries.c.attempts, deliveries.c.claim, deliveries.c.next_at)
    .where(*_THIS)
    .with_for_update()
)
_PUT = Prepared(
    update(deliveries)
    .where(*_THIS)
    .values(
        claim=null(),
        **{column: bindparam(column) for column in ("state", "attempts", "next_at", "address", "error", "settled_at")},
    )
)
_LOG = Prepared(
    insert(delivery_log).values(
        {column: bindparam(column) for column in ("notice_id", "channel", "at", "what", "detail", "actor")}
    )
)
_FREE_AT = Prepared(select(channels.c.free_at).where(channels.c.name == bindparam("name_is")).with_for_update())
_ADD_CHANNEL = Prepared(insert(channels))
_TAKE_TURN = Prepared(
    update(channels).where(channels.c.name == bindparam("name_is")).values(free_at=bindparam("free_at"))
)
_WAITING = Prepared(
    select(deliveries.c.channel, func.count(), func.min(deliveries.c.next_at), channels.c.free_at)
    .outerjoin(channels, channels.c.name == deliveries.c.channel)
    .where(_IS_OPEN)
    .group_by(deliveries.c.channel, channels.c.free_at)
)
_WAITING_UNROUTED = Prepared(select(func.count(), func.min(outbox.c.next_at)).where(outbox.c.routed_at.is_(None)))


def unrouted(tx: Transaction, now: datetime, at_most: int) -> list[Unrouted]:
    """Notices to choose channels for, oldest first; nobody else sees them until the transaction ends."""
    return [Unrouted(*row) for row in tx.fetch_all(_UNROUTED, now=now, at_most=at_most)]


def route(tx: Transaction, notice_id: str, names: Iterable[str], queued_at: datetime, now: datetime) -> None:
    """Say by which channels a notice goes; without any, that it goes by none."""
    tx.run(_ROUTED, notice_is=notice_id, routed_at=now, problem=None, next_at=now)
    for name in names:
        add(tx, notice_id, name, queued_at)


def cannot_route(tx: Transaction, notice_id: str, problem: str | None, next_at: datetime) -> None:
    """Say why a notice has no channel yet, and when to look again."""
    tx.run(_ROUTED, notice_is=notice_id, routed_at=None, problem=problem, next_at=next_at)


def add(tx: Transaction, notice_id: str, channel: str, next_at: datetime) -> None:
    """Queue a notice on one channel."""
    tx.run(_ADD, notice_id=notice_id, channel=channel, state=State.QUEUED, attempts=0, next_at=next_at)


def due(tx: Transaction, channel: str, now: datetime) -> Due | None:
    """The delivery that a channel must send next, locked until the transaction ends; None if nothing is due."""
    row = tx.fetch(_DUE, channel_is=channel, now=now)
    if row is None:
        return None
    notice_id, state, attempts, claimed = row
    notice = tx.fetch(_NOTICE, notice_is=notice_id)
    assert notice is not None, "a delivery is a notice's"  # noqa: S101
    return Due(notice_id, state, attempts, claimed is not None, *notice)


def claim(tx: Transaction, notice_id: str, channel: str, token: str, until: datetime) -> None:
    """Keep others away from a delivery until *until*."""
    tx.run(_CLAIM, notice_is=notice_id, channel_is=channel, claim=token, next_at=until)


def hold(tx: Transaction, notice_id: str, channel: str) -> Held | None:
    """A delivery as it is, locked until the transaction ends; None if the notice does not go by that channel."""
    row = tx.fetch(_HOLD, notice_is=notice_id, channel_is=channel)
    return None if row is None else Held(*row)


def put(
    tx: Transaction,
    notice_id: str,
    channel: str,
    state: State,
    next_at: datetime,
    *,
    attempts: int = 0,
    address: str | None = None,
    error: str | None = None,
    settled_at: datetime | None = None,
) -> None:
    """Write what a delivery is now; nobody has a claim on it any more."""
    tx.run(
        _PUT,
        notice_is=notice_id,
        channel_is=channel,
        state=state,
        attempts=attempts,
        next_at=next_at,
        address=address,
        error=error,
        settled_at=settled_at,
    )


def log(tx: Transaction, notice_id: str, channel: str, at: datetime, what: What, detail: str, actor: str) -> None:
    """Append to the log what happened."""
    tx.run(_LOG, notice_id=notice_id, channel=channel, at=at, what=what, detail=detail, actor=actor)


def free_at(tx: Transaction, channel: str, now: datetime) -> datetime:
    """When a channel with a rate limit may send next; its row is locked until the transaction ends.

    Raises:
        Clash: if another process has just sent the channel's very first message.
    """
    row = tx.fetch(_FREE_AT, name_is=channel)
    if row is None:
        tx.run(_ADD_CHANNEL, name=channel, free_at=now)
        return now
    instant: datetime = row[0]
    return instant


def take_turn(tx: Transaction, channel: str, free_again: datetime) -> None:
    """Say when the channel may send again."""
    tx.run(_TAKE_TURN, name_is=channel, free_at=free_again)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The open deliveries of one channel."""

    channel: str
    number: int
    #: When the first of them is due.
    next_at: datetime
    #: When the rate limit lets it go; None where there is none.
    free_at: datetime | None


def waiting(tx: Transaction) -> list[Waiting]:
    """What has still to be sent, by channel."""
    return [Waiting(*row) for row in tx.fetch_all(_WAITING)]


def waiting_unrouted(tx: Transaction) -> tuple[int, datetime | None]:
    """How many notices have no channel yet, and when the first of them is looked at."""
    row = tx.fetch(_WAITING_UNROUTED)
    assert row is not None, "an aggregate has one row"  # noqa: S101
    return row[0], row[1]
