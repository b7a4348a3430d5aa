"""What a person may do about a letter that does not get through: retry, send again, discard.

A letter keeps its id, number and text whatever is done here: sent again, it is the same letter. What is done is
logged with who did it and why. Proofs that a letter arrived are ``serving``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.permission import require
from kjfh_workflow.clock import local_date, start_of
from kjfh_workflow.errors import GuardRefused, NotFound, StandsOtherwise
from kjfh_workflow.notices.channels.config import Channels
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import RefusalCode, Role
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.refusing import refusal
from kjfh_workflow.store import outbox, outbox_desk
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.outbox import State, What
from kjfh_workflow.store.outbox_desk import UNROUTED, Parcel

#: Who may mend what stands still, and record what has arrived.
DESK = (Role.TECH_CLERK, Role.TECH_LEAD, Role.ADMIN)


def retry(office: Office, tx: CoreTransaction, by: Actor, *, city: str, notice_id: str = "", channel: str = "") -> int:
    """Let what stands still be tried at once, as if it had never failed; returns how many.

    Args:
        office: the bureau's packs and clock.
        tx: the transaction.
        by: a clerk, a leader or an admin of the city.
        city: whose; with a notice, the notice's.
        notice_id: only this notice.
        channel: only on this channel.

    Raises:
        NotAuthorised: for anybody else.
        NotFound: no such notice, or not *by*'s to see.
        StandsOtherwise: a notice was named, and nothing of it stands still.
    """
    notice = notice_for(tx, notice_id, by) if notice_id else None
    city = notice["city"] if notice else city
    require(office, city, by, DESK, "重试发送")
    now = office.now(tx)
    done = 0
    if not channel:
        for each, _ in outbox_desk.unrouted_of(tx, city, notice_id=notice_id):
            outbox.cannot_route(tx, each, None, now)
            outbox.log(tx, each, "", now, What.RETRIED, "", by.name)
            done += 1
    for parcel in outbox_desk.parcels(tx, city, now, notice_id=notice_id, channel=channel, stuck=True):
        outbox.put(tx, parcel.notice_id, parcel.channel, State.QUEUED, now)
        outbox.log(tx, parcel.notice_id, parcel.channel, now, What.RETRIED, "", by.name)
        done += 1
    if notice and not done:
        raise StandsOtherwise(f"nothing of {notice_id} stands still: {_told(tx, notice, now)}")
    return done


def resend(
    office: Office, tx: CoreTransaction, channels: Channels, notice_id: str, channel: str, by: Actor, reason: str
) -> None:
    """Send a letter once more, or by another channel: the same number and text.

    Raises:
        NotAuthorised: if *by* is no clerk, leader or admin of the city.
        GuardRefused: without a reason.
        NotFound: no such notice, or not *by*'s to see; no such channel.
        StandsOtherwise: it has not been sent on that channel yet; or the same person has sent it again there today
            for that very reason: said twice, it leaves once.
    """
    notice = notice_for(tx, notice_id, by, lock=True)
    pack = require(office, notice["city"], by, DESK, "重新发送")
    reason = _needed(pack, "reason", reason)
    now = office.now(tx)
    if notice["routed_at"] is None:
        raise StandsOtherwise(f"{notice_id} has no channel yet; it goes out by itself as soon as it has")
    held = outbox.hold(tx, notice_id, channel)
    if held is None:
        channels.limits(channel)  # says which there are
        outbox.add(tx, notice_id, channel, now)
    elif held.state in (State.SENT, State.DISCARDED):
        if held.state == State.SENT:
            _refuse_twice(tx, notice_id, channel, by, reason, now)
        outbox.put(tx, notice_id, channel, State.QUEUED, now)
    else:
        raise StandsOtherwise(f"{notice_id} on {channel} is {held.state}, not sent: let it be tried again instead")
    outbox.log(tx, notice_id, channel, now, What.RESENT, reason, by.name)


def _refuse_twice(tx: CoreTransaction, notice_id: str, channel: str, by: Actor, reason: str, now: datetime) -> None:
    """A request that is repeated because its answer was lost must not send a second letter."""
    said = (channel, What.RESENT, by.name, reason, local_date(now))
    for row in outbox_desk.log_of(tx, notice_id):
        if (row["channel"], row["what"], row["actor"], row["detail"], local_date(row["at"])) == said:
            raise StandsOtherwise(f"{notice_id} has been sent again on {channel} today for this very reason")


def discard(office: Office, tx: CoreTransaction, notice_id: str, by: Actor, reason: str, *, channel: str = "") -> int:
    """Decide that what has not been sent of a notice is not to be sent; returns on how many channels.

    Raises:
        NotAuthorised: if *by* is no clerk, leader or admin of the city.
        GuardRefused: without a reason.
        NotFound: no such notice, or not *by*'s to see.
        StandsOtherwise: nothing of it is left to send, or it is being sent right now.
    """
    notice = notice_for(tx, notice_id, by, lock=True)
    pack = require(office, notice["city"], by, DESK, "决定不再发送")
    reason = _needed(pack, "reason", reason)
    now = office.now(tx)
    if notice["routed_at"] is None and not channel:
        _discard_unrouted(tx, notice_id, by, reason, now)
        return 1
    parcels = outbox_desk.parcels(tx, notice["city"], now, notice_id=notice_id, channel=channel)
    left = [parcel for parcel in parcels if parcel.state not in (State.SENT, State.DISCARDED)]
    if not left or any(parcel.sending for parcel in left):
        where = f" on {channel}" if channel else ""
        raise StandsOtherwise(f"{notice_id} cannot be discarded{where}: {_told(tx, notice, now)}")
    for parcel in left:
        outbox.put(
            tx, notice_id, parcel.channel, State.DISCARDED, now,
            attempts=parcel.attempts, address=parcel.address, error=parcel.error, settled_at=now,
        )  # fmt: skip
        outbox.log(tx, notice_id, parcel.channel, now, What.DISCARDED, reason, by.name)
    return len(left)


def discard_before(office: Office, tx: CoreTransaction, before: date, by: Actor, reason: str) -> int:
    """Decide that a city's notices of before a day that no channel was chosen for are not to be sent.

    For the day on which a bureau starts delivering by this program: whom it has told on paper is not told again.

    Raises:
        NotAuthorised: if *by* is no clerk, leader or admin.
        GuardRefused: without a reason.
    """
    pack = require(office, by.city, by, DESK, "决定不再发送")
    reason = _needed(pack, "reason", reason)
    now = office.now(tx)
    found = outbox_desk.unrouted_of(tx, by.city, before=start_of(before))
    for notice_id, _ in found:
        _discard_unrouted(tx, notice_id, by, reason, now)
    return len(found)


def _discard_unrouted(tx: CoreTransaction, notice_id: str, by: Actor, reason: str, now: datetime) -> None:
    outbox.route(tx, notice_id, (), now, now)
    outbox.log(tx, notice_id, "", now, What.DISCARDED, reason, by.name)


def notice_for(tx: CoreTransaction, notice_id: str, by: Actor, *, lock: bool = False) -> dict[str, Any]:
    """A notice that somebody wants to do something about; with *lock*, held until the transaction ends.

    Raises:
        NotFound: if there is none, or it is not theirs to see: who may not read it is not told that it exists.
    """
    found = outbox_desk.notice(tx, notice_id, lock=lock)
    if found is None or not by.reads().shows(found["city"], found["uscc"]):
        raise NotFound(f"there is no notice {notice_id!r}")
    return found


def _needed(pack: PolicyPack, field: str, text: str) -> str:
    if not text.strip():
        label = pack.words("fields", field)
        raise GuardRefused([refusal(pack, RefusalCode.EVIDENCE_MISSING, field=field, field_label=label)])
    return text.strip()


def _told(tx: CoreTransaction, notice: Mapping[str, Any], now: datetime) -> str:
    """How its deliveries stand."""
    found = outbox_desk.parcels(tx, notice["city"], now, notice_id=notice["id"])
    return ", ".join(_standing(parcel) for parcel in found) or ("discarded" if notice["routed_at"] else UNROUTED)


def _standing(parcel: Parcel) -> str:
    return f"{parcel.channel} {'is being sent' if parcel.sending else parcel.state}"
