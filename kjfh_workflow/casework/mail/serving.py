"""Inboxes, and proof of service (送达): that a letter reached its addressee, how, when and by whom.

What a channel has accepted is *sent*; whether that is service in law is for people to say, so proofs are recorded by
people. Only reading a letter in the inbox records itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from kjfh_workflow.casework.mail.mending import DESK, notice_for
from kjfh_workflow.casework.mail.outbox import words_of
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.permission import require
from kjfh_workflow.clock import local_date
from kjfh_workflow.errors import GuardRefused, NotFound, Refusal
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import OFFICE_ROLES, RefusalCode, Role
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.refusing import refusal
from kjfh_workflow.store import outbox_desk, services
from kjfh_workflow.store.database import CoreTransaction

#: The ways of service; no other is known.
WAYS = ("直接送达", "留置送达", "委托送达", "邮寄送达", "电子送达", "公告送达")
#: Ways that need a witness or a place, in the note.
_ATTESTED = {"留置送达": "见证人", "公告送达": "公告载体和日期"}
_INBOX = "收件箱"


@dataclass(frozen=True, slots=True)
class Received:
    """A notice in its addressee's inbox."""

    notice_id: str
    case: str
    city: str
    notice: str
    #: The notice's name in Chinese.
    label: str
    number: str | None
    subject: str
    queued_at: datetime
    #: The day it was first served; None where nothing proves it.
    served_on: date | None
    #: Whether its operator has opened it; None for what went to an office, where reading is not recorded.
    read: bool | None
    #: Since when.
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A notice that its addressee looks at."""

    received: Received
    title: str
    body: str
    #: Proofs of service, in the order recorded.
    services: list[dict[str, Any]]


def serve(
    office: Office,
    tx: CoreTransaction,
    notice_id: str,
    by: Actor,
    *,
    how: str,
    on: date,
    served_by: str,
    received_by: str = "",
    note: str = "",
) -> list[dict[str, Any]]:
    """Record that a letter was served; an earlier proof stays on file. Returns every proof, in the order recorded.

    What one on file says word for word, recorded by the same person, is the same proof and not recorded again.

    Raises:
        NotAuthorised: if *by* is no clerk, leader or admin of the city.
        GuardRefused: an unknown way, a day before the letter or in the future, nobody named.
        NotFound: no such notice, or not *by*'s to see.
    """
    notice = notice_for(tx, notice_id, by, lock=True)  # the same proof twice at once takes turns
    pack = require(office, notice["city"], by, DESK, "记录送达")
    now = office.now(tx)
    issued, today = local_date(notice["queued_at"]), local_date(now)
    reasons = []
    if how not in WAYS:
        reasons.append(_invalid(pack, "how", "送达方式", f"可以是{'、'.join(WAYS)}"))
    if on < issued:
        reasons.append(_invalid(pack, "on", "送达日期", f"不能早于发文日期{issued}"))
    if how in _ATTESTED and not note.strip():
        code = RefusalCode.EVIDENCE_MISSING
        reasons.append(refusal(pack, code, field="note", field_label=_ATTESTED[how]))
    if on > today:
        reasons.append(_invalid(pack, "on", "送达日期", f"不能晚于今天{today}"))
    if not served_by.strip():
        code = RefusalCode.EVIDENCE_MISSING
        reasons.append(refusal(pack, code, field="served_by", field_label="送达人"))
    if reasons:
        raise GuardRefused(reasons)
    said = {
        "how": how,
        "served_on": on,
        "served_by": served_by.strip(),
        "received_by": received_by.strip(),
        "note": note.strip(),
        "recorded_by": by.name,
    }
    if not any(said.items() <= proof.items() for proof in services.of_notice(tx, notice_id)):
        services.add(tx, {**said, "notice_id": notice_id, "recorded_at": now})
    return services.of_notice(tx, notice_id)


def inbox(office: Office, tx: CoreTransaction, reader: Actor, limit: int, after: str = "") -> list[Received]:
    """What is addressed to *reader*: to the roles in the city, or to the operator; newest first.

    Raises:
        InputError: if *after*, behind which to go on, is none of them.
    """
    return [_received(office, row) for row in _addressed(tx, reader, limit=limit, after=after)]


def open_letter(office: Office, tx: CoreTransaction, notice_id: str, reader: Actor, *, read: bool) -> Opened:
    """One notice from the reader's inbox; with *read*, an operator's first reading is recorded as a receipt.

    Raises:
        NotFound: if it is not addressed to the reader.
    """
    found = _addressed(tx, reader, notice_id=notice_id) if notice_id else []
    if not found:
        raise NotFound(f"there is no notice {notice_id!r} in your inbox")
    if read and found[0]["uscc"]:  # who is of an office too gives no receipt for what went to the office
        outbox_desk.notice(tx, notice_id, lock=True)  # two first readings at once take turns
        known = services.of_notice(tx, notice_id)
        if not any(proof["how"] == services.READ for proof in known):
            now = office.now(tx)
            receipt = {"how": services.READ, "served_on": local_date(now), "served_by": _INBOX, "note": ""}
            people = {"received_by": reader.name, "recorded_by": reader.name}
            services.add(tx, {**receipt, **people, "notice_id": notice_id, "recorded_at": now})
    [row] = _addressed(tx, reader, notice_id=notice_id)
    return Opened(_received(office, row), row["title"], row["body"], services.of_notice(tx, notice_id))


def _addressed(
    tx: CoreTransaction, reader: Actor, *, notice_id: str = "", limit: int = 1, after: str = ""
) -> list[dict[str, Any]]:
    roles = [role for role in reader.roles if role in OFFICE_ROLES or role is Role.AUDITOR]
    uscc = reader.uscc if Role.APPLICANT in reader.roles else ""
    return outbox_desk.inbox(
        tx, city=reader.city, roles=roles, uscc=uscc, notice_id=notice_id, after=after, limit=limit
    )


def _received(office: Office, row: Mapping[str, Any]) -> Received:
    label, _ = words_of(office, row)
    return Received(
        row["id"],
        row["case_id"],
        row["city"],
        row["notice"],
        label,
        row["number"],
        row["subject"],
        row["queued_at"],
        row["served_on"],
        None if row["uscc"] is None else row["read_at"] is not None,
        row["read_at"],
    )


def _invalid(pack: PolicyPack, field: str, label: str, problem: str) -> Refusal:
    return refusal(pack, RefusalCode.EVIDENCE_INVALID, field=field, field_label=label, problem=problem)
