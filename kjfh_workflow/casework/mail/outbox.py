"""What is in the outbox, in people's words: what is on its way, what stands still, and why.

What a person may do about it is ``mending``; sending itself is ``deliver``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from kjfh_workflow.casework.office import Office
from kjfh_workflow.errors import NotFound
from kjfh_workflow.notices.channels.config import Channels
from kjfh_workflow.policy.wording import house_words
from kjfh_workflow.rules.case import Actor, reads_of
from kjfh_workflow.store import outbox_desk, services
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.outbox import State
from kjfh_workflow.store.outbox_desk import UNROUTED, Wanted


@dataclass(frozen=True, slots=True)
class Entry:
    """One delivery of a notice, or a notice that has none yet."""

    notice_id: str
    case: str
    city: str
    notice: str
    #: The notice's name in Chinese.
    label: str
    role: str
    #: The addressee in Chinese.
    addressee: str
    uscc: str | None
    number: str | None
    subject: str
    queued_at: datetime
    #: Empty where no channel has been chosen.
    channel: str
    state: str
    state_label: str
    #: Code and Chinese name of what a person should look at; empty where nothing is wrong.
    trouble: str
    trouble_label: str
    attempts: int
    #: When it is looked at next, where it is still to be sent.
    next_at: datetime | None
    #: Somebody is sending it right now.
    sending: bool
    address: str | None
    error: str | None
    settled_at: datetime | None
    #: The day it was first served; None where nothing proves it.
    served_on: date | None

    @property
    def key(self) -> str:
        """Its place in the list, to go on behind it."""
        return f"{self.notice_id}/{self.channel}"


@dataclass(frozen=True, slots=True)
class Traced:
    """One notice, and everything that became of it."""

    notice_id: str
    case: str
    number: str | None
    subject: str
    title: str
    body: str
    entries: list[Entry]
    #: at, channel, what, what_label, detail, actor; in order.
    log: list[dict[str, Any]]
    #: Proofs of service, in the order recorded.
    services: list[dict[str, Any]]


def entries(
    office: Office,
    tx: CoreTransaction,
    channels: Channels,
    wanted: Wanted,
    reader: Actor | None,
    limit: int,
    after: str = "",
) -> list[Entry]:
    """What is in the outbox, as *reader* may see it (None: the program itself), newest first.

    Raises:
        InputError: if *after* is no ``key`` of what the reader may see.
    """
    rows = outbox_desk.find(tx, reads_of(reader), wanted, channels.names, office.now(tx), limit, after)
    return [_entry(office, row) for row in rows]


def traced(office: Office, tx: CoreTransaction, channels: Channels, notice_id: str, reader: Actor | None) -> Traced:
    """One notice with its text, deliveries, log and proofs.

    Raises:
        NotFound: if there is none, or it is not the reader's to see.
    """
    found = entries(office, tx, channels, Wanted(notice=notice_id), reader, limit=1000)
    notice = outbox_desk.notice(tx, notice_id)
    if not found or notice is None:
        raise NotFound(f"there is no notice {notice_id!r}")
    log = [
        {key: row[key] for key in ("at", "channel", "what", "detail", "actor")}
        | {"what_label": _word("delivery_log", row["what"])}
        for row in outbox_desk.log_of(tx, notice_id)
    ]
    return Traced(
        notice_id,
        notice["case_id"],
        notice["number"],
        notice["subject"],
        notice["title"],
        notice["body"],
        found,
        log,
        services.of_notice(tx, notice_id),
    )


def _entry(office: Office, row: Mapping[str, Any]) -> Entry:
    label, role = words_of(office, row)
    is_open = row["state"] in (UNROUTED, State.QUEUED, State.UNADDRESSED)
    return Entry(
        notice_id=row["notice_id"],
        case=row["case_id"],
        city=row["city"],
        notice=row["notice"],
        label=label,
        role=row["role"],
        addressee=row["name"] if row["uscc"] else role,
        uscc=row["uscc"],
        number=row["number"],
        subject=row["subject"],
        queued_at=row["queued_at"],
        channel=row["channel"],
        state=row["state"],
        state_label=_word("delivery_states", row["state"]),
        trouble=row["trouble"] or "",
        trouble_label=_word("delivery_troubles", row["trouble"]) if row["trouble"] else "",
        attempts=row["attempts"],
        next_at=row["next_at"] if is_open else None,
        sending=bool(row["sending"]),
        address=row["address"],
        error=row["error"],
        settled_at=row["settled_at"],
        served_on=row["served_on"],
    )


def words_of(office: Office, row: Mapping[str, Any]) -> tuple[str, str]:
    """A notice's and its role's name in Chinese; their short names where the pack's folder is gone."""
    try:
        pack = office.catalog.pinned(row["city"], row["policy"])
        return pack.identity.notices[row["notice"]].label, pack.words("roles", row["role"])
    except (NotFound, KeyError):
        return row["notice"], row["role"]


def _word(section: str, name: str) -> str:
    return house_words()[section][name]
