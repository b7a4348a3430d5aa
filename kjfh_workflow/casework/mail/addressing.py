"""Setting and listing addresses of operators and role mailboxes.

Nothing is overwritten: each change is a row of its own, the newest counts, and an empty one withdraws.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.permission import require
from kjfh_workflow.errors import GuardRefused, NotFound
from kjfh_workflow.notices.channels.chat import scheme_of
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import PERSON_ROLES, RefusalCode, Role
from kjfh_workflow.policy.wording import house_words
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.identifiers import check_uscc
from kjfh_workflow.rules.refusing import refusal
from kjfh_workflow.store import addresses, outbox_desk
from kjfh_workflow.store.database import CoreTransaction

EMAIL, CHAT = "email", "chat"
#: The kinds of address.
MEDIA = (EMAIL, CHAT)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#: One mailbox and nothing around it: a second one, a name or a line break would reach the mail's header.
_MAILBOX = re.compile(rf"(?=.{{6,254}}\Z)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]+")
_URL = re.compile(r"(?=.{8,2048}\Z)[a-z][a-z0-9+.-]*://[\x21-\x7e]+")
_SHAPES = {
    EMAIL: (_MAILBOX, "应为一个邮箱地址，如fuhua@example.gov.cn"),
    CHAT: (_URL, "应为渠道网址，如dingtalk://…，不含空格和汉字"),
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where somebody is reached, as people may see it."""

    city: str
    #: An operator's code, or a role.
    holder: str
    medium: str
    #: As shown: the rest of a chat address is a secret.
    address: str
    #: How many letters that had waited for it are sent now.
    released: int = 0


def set_address(
    office: Office,
    tx: CoreTransaction,
    city: str,
    holder: str,
    medium: str,
    address: str,
    by: Actor,
    schemes: Sequence[str],
) -> Address:
    """Say where somebody is reached; letters that have waited for it are due at once. An empty address withdraws.

    Nothing is recorded where that is what counts already. *schemes*: what a chat address may begin with.

    Raises:
        NotAuthorised: if *by* is no admin of the city.
        GuardRefused: for a holder, medium or address that is none.
        NotFound: for a city without packs.
    """
    pack = require(office, city, by, [Role.ADMIN], "设定送达地址")
    holder, address = holder.strip(), address.strip()
    holder = _checked_holder(pack, holder)
    if medium not in MEDIA:
        raise _invalid(pack, "medium", "渠道类别", f"可以是{'、'.join(MEDIA)}")
    shape, wanted = _SHAPES[medium]
    if address and not shape.fullmatch(address):
        raise _invalid(pack, "address", house_words()["media"][medium], wanted)
    if address and medium == CHAT and scheme_of(address) not in schemes:
        problem = f"只接受以下机器人的地址：{'、'.join(f'{scheme}://' for scheme in schemes)}"
        raise _invalid(pack, "address", house_words()["media"][medium], problem)
    now = office.now(tx)
    addresses.hold(tx)
    if address != addresses.address_of(tx, city, holder, medium):
        addresses.add(
            tx,
            {
                "city": city,
                "holder": holder,
                "medium": medium,
                "address": address,
                "set_by": by.name,
                "set_at": now,
            },
        )
    waits_for = without_address(holder, medium)
    released = outbox_desk.release_unaddressed(tx, city, holder, waits_for, now) if address else 0
    return Address(city, holder, medium, shown(medium, address), released)


def list_addresses(tx: CoreTransaction, city: str, reader: Actor | None) -> list[Address]:
    """The addresses of a city that count now.

    Raises:
        NotFound: if they are not the reader's to see.
    """
    if reader is not None:
        reads = reader.reads()
        if not (reads.everything or reads.city == city):
            raise NotFound(f"there are no addresses of {city!r}, or they are not yours to see")
    rows = addresses.current(tx, city)
    return [Address(city, row["holder"], row["medium"], shown(row["medium"], row["address"])) for row in rows]


def without_address(holder: str, medium: str) -> str:
    """Why a letter waits, as its delivery has it: that is what tells which address it waits for.

    Which channel needs which address only those programs know that send.
    """
    return f"没有设定{holder}的{house_words()['media'].get(medium, medium)}"


def shown(medium: str | None, address: str) -> str:
    """An address as people and the log may see it: who knows a chat's whole address can write there."""
    if medium != CHAT or not address:
        return address
    scheme, _, rest = address.partition("://")
    return f"{scheme}://…{rest[-4:]}"


def _checked_holder(pack: PolicyPack, holder: str) -> str:
    roles = [role for role in PERSON_ROLES if role is not Role.APPLICANT]
    if holder in roles:
        return holder
    try:
        return check_uscc(holder)
    except ValueError as error:
        problem = f"{error}；也不是岗位（{'、'.join(roles)}）"
        raise _invalid(pack, "holder", "收件人", problem) from None


def _invalid(pack: PolicyPack, field: str, label: str, problem: str) -> GuardRefused:
    code = RefusalCode.EVIDENCE_INVALID
    return GuardRefused([refusal(pack, code, field=field, field_label=label, problem=problem)])
