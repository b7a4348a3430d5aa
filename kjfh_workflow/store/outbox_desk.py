"""The outbox as people see and mend it: lists, one notice with all its deliveries, what stands still, inboxes.

What the deliverer reads and writes is in ``outbox``; who may do what is decided in ``casework``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, false, func, literal, null, or_, select, true, update

from kjfh_workflow.errors import InputError, Problem
from kjfh_workflow.rules.case import Reads
from kjfh_workflow.store import services as services_of
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.outbox import State
from kjfh_workflow.store.schema import cases, deliveries, delivery_log, notices, outbox, services

_NEWEST_FIRST = (notices.c.queued_at.desc(), notices.c.case_id, notices.c.version.desc(), notices.c.id)
#: In lists: a notice for which no channel has been chosen yet.
UNROUTED = "unrouted"
#: So long after its time a notice without channel means that nobody delivers at all.
_NOBODY_AFTER = timedelta(hours=1)


class Trouble(StrEnum):
    """Why a person should look at a delivery."""

    NO_ROUTE = "no_route"  #: no channel is configured for it
    NOBODY_DELIVERS = "nobody_delivers"  #: its time has long come, and nobody has chosen a channel
    DEAD = "dead"
    UNADDRESSED = "unaddressed"
    NOT_CONFIGURED = "not_configured"  #: it waits for a channel that this program does not have
    FAILING = "failing"  #: it has failed and will be tried again


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to list; an empty field does not filter."""

    city: str = ""
    case: str = ""
    notice: str = ""
    channel: str = ""
    state: str = ""
    #: Only what a person should look at.
    problems: bool = False
    #: Only documents with a number that were written to an operator, and that nothing proves to have arrived.
    unserved: bool = False


def find(
    tx: CoreTransaction, reads: Reads, wanted: Wanted, configured: Iterable[str], now: datetime, limit: int, after: str
) -> list[dict[str, Any]]:
    """One row for each delivery, and for each notice without any; newest first, from the one behind *after* on.

    Raises:
        InputError: if *after* (``<notice>/<channel>``) is no row that may be seen.
    """
    state = case(
        (outbox.c.routed_at.is_(None), UNROUTED),
        (deliveries.c.channel.is_(None), State.DISCARDED),
        else_=deliveries.c.state,
    )
    trouble = _trouble(configured, now)
    conditions: list[ColumnElement[bool]] = [
        column == value
        for column, value in (
            (notices.c.city, wanted.city),
            (notices.c.case_id, wanted.case),
            (notices.c.id, wanted.notice),
            (deliveries.c.channel, wanted.channel),
            (state, wanted.state),
        )
        if value
    ]
    if wanted.problems:
        conditions.append(trouble.is_not(None))
    if wanted.unserved:
        conditions += [notices.c.number.is_not(None), notices.c.uscc.is_not(None), _served_on().is_(None)]
    if not reads.everything:
        conditions.append(notices.c.city == reads.city if reads.city else false())
    if after:
        conditions.append(_behind(tx, after, true() if reads.everything else notices.c.city == reads.city))
    query = (
        select(
            notices.c.id.label("notice_id"),
            notices.c.case_id,
            notices.c.city,
            notices.c.notice,
            notices.c.role,
            notices.c.uscc,
            notices.c.number,
            notices.c.subject,
            notices.c.queued_at,
            cases.c.policy,
            cases.c.name,
            func.coalesce(deliveries.c.channel, "").label("channel"),
            state.label("state"),
            trouble.label("trouble"),
            func.coalesce(deliveries.c.attempts, 0).label("attempts"),
            func.coalesce(deliveries.c.next_at, outbox.c.next_at).label("next_at"),
            and_(deliveries.c.claim.is_not(None), deliveries.c.next_at > now).label("sending"),
            deliveries.c.address,
            func.coalesce(outbox.c.problem, deliveries.c.error).label("error"),
            deliveries.c.settled_at,
            _served_on().label("served_on"),
        )
        .select_from(notices)
        .join(cases, cases.c.id == notices.c.case_id)
        .join(outbox, outbox.c.notice_id == notices.c.id)
        .outerjoin(deliveries, deliveries.c.notice_id == notices.c.id)
        .where(*conditions)
        .order_by(*_NEWEST_FIRST, deliveries.c.channel)
        .limit(limit)
    )
    return [dict(row) for row in tx.connection.execute(query).mappings()]


def _behind(tx: CoreTransaction, after: str, visible: ColumnElement[bool]) -> ColumnElement[bool]:
    """What stands behind ``<notice>/<channel>``; whatever became of its deliveries, a notice keeps its place."""
    notice_id, _, channel = after.rpartition("/")
    further = and_(notices.c.id == notice_id, func.coalesce(deliveries.c.channel, "") > channel)
    return or_(_behind_notice(tx, notice_id, after, visible), further)


def _behind_notice(
    tx: CoreTransaction, notice_id: str, after: str, visible: ColumnElement[bool]
) -> ColumnElement[bool]:
    columns = (notices.c.queued_at, notices.c.case_id, notices.c.version)
    place = tx.connection.execute(select(*columns).where(notices.c.id == notice_id, visible)).one_or_none()
    if place is None:
        raise InputError([Problem("after", "", f"{after!r} is no key of this list")])
    queued_at, case_id, version = place
    same_version = and_(notices.c.version == version, notices.c.id > notice_id)
    same_case = and_(notices.c.case_id == case_id, or_(notices.c.version < version, same_version))
    same_time = and_(notices.c.queued_at == queued_at, or_(notices.c.case_id > case_id, same_case))
    return or_(notices.c.queued_at < queued_at, same_time)


def _served_on() -> ColumnElement[date | None]:
    """The day a notice was first served; that somebody has read it in the inbox is no service."""
    return (
        select(func.min(services.c.served_on))
        .where(services.c.notice_id == notices.c.id, services.c.how != services_of.READ)
        .scalar_subquery()
    )


def _read_at() -> ColumnElement[datetime | None]:
    """The instant at which an operator first opened a notice in its inbox."""
    return (
        select(func.min(services.c.recorded_at))
        .where(services.c.notice_id == notices.c.id, services.c.how == services_of.READ)
        .scalar_subquery()
    )


def _trouble(configured: Iterable[str], now: datetime) -> ColumnElement[str | None]:
    unrouted = outbox.c.routed_at.is_(None)
    queued = deliveries.c.state == State.QUEUED
    return case(
        (and_(unrouted, outbox.c.problem.is_not(None)), literal(str(Trouble.NO_ROUTE))),
        (and_(unrouted, outbox.c.next_at < now - _NOBODY_AFTER), literal(str(Trouble.NOBODY_DELIVERS))),
        (deliveries.c.state == State.DEAD, literal(str(Trouble.DEAD))),
        (deliveries.c.state == State.UNADDRESSED, literal(str(Trouble.UNADDRESSED))),
        (and_(queued, deliveries.c.channel.not_in([*configured])), literal(str(Trouble.NOT_CONFIGURED))),
        (and_(queued, deliveries.c.error.is_not(None)), literal(str(Trouble.FAILING))),
        else_=null(),
    )


def notice(tx: CoreTransaction, notice_id: str, *, lock: bool = False) -> dict[str, Any] | None:
    """A notice with its place in the outbox; with *lock*, nobody routes or mends it until the transaction ends."""
    query = (
        select(notices, outbox.c.routed_at, outbox.c.problem, cases.c.policy, cases.c.name)
        .join(outbox, outbox.c.notice_id == notices.c.id)
        .join(cases, cases.c.id == notices.c.case_id)
        .where(notices.c.id == notice_id)
    )
    if lock:
        query = query.with_for_update(of=outbox)
    row = tx.connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def log_of(tx: CoreTransaction, notice_id: str) -> list[dict[str, Any]]:
    """What happened to a notice on its way, in order."""
    query = select(delivery_log).where(delivery_log.c.notice_id == notice_id).order_by(delivery_log.c.id)
    return [dict(row) for row in tx.connection.execute(query).mappings()]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery at the desk, locked until the transaction ends."""

    notice_id: str
    channel: str
    state: str
    attempts: int
    error: str | None
    address: str | None
    #: Somebody is sending it right now.
    sending: bool


def parcels(
    tx: CoreTransaction, city: str, now: datetime, *, notice_id: str = "", channel: str = "", stuck: bool = False
) -> list[Parcel]:
    """Deliveries of a city, locked; with *stuck* only those that are dead, without address or failing."""
    query = (
        select(
            deliveries.c.notice_id,
            deliveries.c.channel,
            deliveries.c.state,
            deliveries.c.attempts,
            deliveries.c.error,
            deliveries.c.address,
            and_(deliveries.c.claim.is_not(None), deliveries.c.next_at > now),
        )
        .join(notices, notices.c.id == deliveries.c.notice_id)
        .where(notices.c.city == city)
        .where(deliveries.c.notice_id == notice_id if notice_id else true())
        .where(deliveries.c.channel == channel if channel else true())
        .order_by(deliveries.c.notice_id, deliveries.c.channel)
        .with_for_update(of=deliveries)
    )
    if stuck:
        failing = and_(
            deliveries.c.state == State.QUEUED, deliveries.c.error.is_not(None), deliveries.c.claim.is_(None)
        )
        query = query.where(or_(deliveries.c.state.in_([State.DEAD, State.UNADDRESSED]), failing))
    return [Parcel(*row) for row in tx.connection.execute(query)]


def unrouted_of(
    tx: CoreTransaction, city: str, *, notice_id: str = "", before: datetime | None = None
) -> list[tuple[str, datetime]]:
    """(id, queued at) of a city's notices for which no channel has been chosen, locked."""
    query = (
        select(notices.c.id, notices.c.queued_at)
        .join(outbox, outbox.c.notice_id == notices.c.id)
        .where(notices.c.city == city, outbox.c.routed_at.is_(None))
        .where(notices.c.id == notice_id if notice_id else true())
        .where(notices.c.queued_at < before if before else true())
        .order_by(notices.c.id)
        .with_for_update(of=outbox)
    )
    return [(row[0], row[1]) for row in tx.connection.execute(query)]


def release_unaddressed(tx: CoreTransaction, city: str, holder: str, reason: str, now: datetime) -> int:
    """Let the deliveries be due that wait for an address of *holder*, for this reason; returns how many."""
    theirs = select(notices.c.id).where(
        notices.c.city == city,
        or_(notices.c.uscc == holder, and_(notices.c.uscc.is_(None), notices.c.role == holder)),
    )
    statement = (
        update(deliveries)
        .where(
            deliveries.c.state == State.UNADDRESSED, deliveries.c.error == reason, deliveries.c.notice_id.in_(theirs)
        )
        .values(next_at=bindparam("due_at"))
    )
    return int(tx.connection.execute(statement, {"due_at": now}).rowcount)


def inbox(
    tx: CoreTransaction,
    *,
    city: str,
    roles: Iterable[str],
    uscc: str,
    notice_id: str = "",
    after: str = "",
    limit: int = 200,
) -> list[dict[str, Any]]:
    """The notices addressed to a city's roles or to an operator, newest first; when first served, and when read.

    Raises:
        InputError: if *after*, behind which to go on, is none of them.
    """
    to_roles = and_(notices.c.uscc.is_(None), notices.c.city == city, notices.c.role.in_([*roles]))
    addressed = or_(to_roles, notices.c.uscc == uscc if uscc else false())
    query = (
        select(notices, cases.c.policy, _served_on().label("served_on"), _read_at().label("read_at"))
        .join(cases, cases.c.id == notices.c.case_id)
        .where(addressed)
        .where(notices.c.id == notice_id if notice_id else true())
        .where(_behind_notice(tx, after, after, addressed) if after else true())
        .order_by(*_NEWEST_FIRST)
        .limit(limit)
    )
    return [dict(row) for row in tx.connection.execute(query).mappings()]
