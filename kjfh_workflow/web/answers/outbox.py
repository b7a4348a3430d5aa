"""What is on its way, what stands still and why, and where letters go."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Literal

from pydantic import Field

from kjfh_workflow.casework.mail.addressing import Address
from kjfh_workflow.casework.mail.outbox import Entry, Traced
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.web.answers.common import Answer
from kjfh_workflow.web.answers.notices import ProofAnswer

#: ``unrouted``: no channel has been chosen yet.
DeliveryState = Literal["unrouted", "queued", "unaddressed", "sent", "dead", "discarded"]
Medium = Literal["email", "chat"]
Way = Literal["直接送达", "留置送达", "委托送达", "邮寄送达", "电子送达", "公告送达"]


class OutboxEntryAnswer(Answer):
    """One delivery of a notice, or a notice that has none yet."""

    id: str = Field(description="The notice's.", examples=["yuyao-210301-7kq2mw/2/1"])
    case: str
    city: str
    notice: str = Field(examples=["correction_requested"])
    label: str
    role: str
    addressee: str = Field(description="The operator's name, or the office's.")
    uscc: str | None = Field(description="The operator's code; null where it goes to an office.")
    number: str | None = Field(examples=["余科孵〔2021〕12号"])
    subject: str
    queued_at: datetime
    channel: str = Field(description="Empty where none has been chosen.", examples=["mail"])
    state: DeliveryState
    state_label: str = Field(examples=["待发送"])
    trouble: str = Field(description="What a person should look at; empty where nothing is wrong.", examples=["dead"])
    trouble_label: str
    attempts: int
    next_at: datetime | None = Field(description="When it is looked at next, where it is still to be sent.")
    sending: bool = Field(description="Somebody is sending it right now.")
    address: str | None = Field(description="Of a chat only what is no secret.")
    error: str | None
    settled_at: datetime | None
    served_on: date | None = Field(description="The day it was first served; null where nothing proves it.")

    @classmethod
    def of(cls, entry: Entry) -> OutboxEntryAnswer:
        """From the library's."""
        return cls.model_validate({**asdict(entry), "id": entry.notice_id})


class LogLine(Answer):
    """Something that happened to a notice on its way."""

    at: datetime
    channel: str
    what: str = Field(examples=["sent"])
    what_label: str = Field(examples=["发出"])
    detail: str = Field(description="The address, the error, or a person's reason.")
    actor: str = Field(description="A person, or the process.")


class TracedAnswer(Answer):
    """One notice, and everything that became of it."""

    id: str
    case: str
    number: str | None
    subject: str
    title: str
    body: str
    entries: list[OutboxEntryAnswer]
    log: list[LogLine]
    services: list[ProofAnswer] = Field(description="Proofs of service, in the order recorded.")
    channels: list[str] = Field(description="The channels that it may be sent by again.")

    @classmethod
    def of(cls, traced: Traced, channels: tuple[str, ...]) -> TracedAnswer:
        """From the library's."""
        return cls(
            id=traced.notice_id,
            case=traced.case,
            number=traced.number,
            subject=traced.subject,
            title=traced.title,
            body=traced.body,
            entries=[OutboxEntryAnswer.of(entry) for entry in traced.entries],
            log=[LogLine.model_validate(row) for row in traced.log],
            services=ProofAnswer.all_of(traced.services),
            channels=[*channels],
        )


class Deliveries(Answer):
    """What was done to how much."""

    deliveries: int = Field(description="How many deliveries it was done to.")


class AddressAnswer(Answer):
    """Where an operator or an office is reached."""

    city: str
    holder: str = Field(description="An operator's code, or a role.", examples=["tech_lead"])
    holder_label: str = Field(description="The role in people's words; an operator's code as it is.")
    medium: Medium
    medium_label: str = Field(examples=["电子邮箱"])
    address: str = Field(description="Of a chat only what is no secret.", examples=["fuhua@example.gov.cn"])
    released: int = Field(description="How many letters that had waited for it are sent now.")

    @classmethod
    def of(cls, address: Address, pack: PolicyPack) -> AddressAnswer:
        """From the library's."""
        words = {
            "holder_label": pack.words("roles", address.holder),
            "medium_label": pack.words("media", address.medium),
        }
        return cls.model_validate({**asdict(address), **words})
