"""Notices as they are on file, as they would be written, and as their addressee has them. Delivery is ``outbox``'s."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import Field

from kjfh_workflow.casework.mail.notices import Preview
from kjfh_workflow.casework.mail.serving import Opened, Received
from kjfh_workflow.web.answers.common import Answer


class NoticeLine(Answer):
    """A notice in a list."""

    id: str = Field(description="`<case>/<version>/<number>`.", examples=["yuyao-210301-7kq2mw/2/1"])
    case: str = Field(examples=["yuyao-210301-7kq2mw"])
    city: str = Field(description="Its short name.", examples=["yongjiang"])
    notice: str = Field(description="Its name in the pack.", examples=["correction_requested"])
    label: str = Field(examples=["补正通知"])
    role: str = Field(description="To whom: a role of the city's offices, or applicant.", examples=["applicant"])
    role_label: str = Field(examples=["申报主体"])
    number: str | None = Field(description="Its document number, where it has one.", examples=["余科孵〔2021〕12号"])
    title: str
    subject: str
    queued_at: datetime
    letter_sha256: str | None = Field(description="Of its letter, once that has been made.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> NoticeLine:
        """From a row of the library's."""
        return cls.model_validate({**row, "case": row["case_id"]})


class NoticeAnswer(NoticeLine):
    """A notice with its text."""

    policy: str = Field(description="The version of the pack that its case is pinned to.", examples=["2020-01-01"])
    uscc: str | None = Field(description="The operator that it was written to; null where it went to an office.")
    body: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> NoticeAnswer:
        """From a row of the library's."""
        return cls.model_validate({**row, "case": row["case_id"]})


class PreviewAnswer(Answer):
    """What a notice would say of a case now."""

    notice: str = Field(examples=["application_rejected"])
    label: str
    to: str = Field(description="The role that it would go to.", examples=["applicant"])
    addressee: str = Field(description="The operator's name, or the office's.")
    number: str = Field(description="What its document number would look like; empty where it has none.")
    subject: str
    title: str
    body: str
    specimens: list[str] = Field(
        description="What the case does not have yet and had to be made up; marked 〔示例〕 in the text.",
        examples=[["理由"]],
    )

    @classmethod
    def of(cls, preview: Preview) -> PreviewAnswer:
        """From the library's."""
        written = preview.written
        return cls(
            notice=preview.notice,
            label=preview.label,
            to=preview.to,
            addressee=preview.addressee,
            number=preview.number,
            subject=written.subject,
            title=written.title,
            body=written.body,
            specimens=[*preview.specimens],
        )


class ProofAnswer(Answer):
    """That a letter reached its addressee, as somebody recorded it; or that it was read in the inbox."""

    id: int
    how: str = Field(description="The way of service; 收件箱查阅 is a receipt and no service.", examples=["直接送达"])
    served_on: date
    served_by: str
    received_by: str
    note: str
    recorded_by: str
    recorded_at: datetime

    @classmethod
    def all_of(cls, rows: list[dict[str, Any]]) -> list[ProofAnswer]:
        """From rows of the library's."""
        return [cls.model_validate(row) for row in rows]


class ReceivedAnswer(Answer):
    """A notice in its addressee's inbox."""

    id: str = Field(examples=["yuyao-210301-7kq2mw/2/1"])
    case: str
    city: str
    notice: str
    label: str
    number: str | None
    subject: str
    queued_at: datetime
    served_on: date | None = Field(description="The day it was first served; null where nothing proves it.")
    read: bool | None = Field(
        description="Whether your operator has opened it; null for letters to an office, whose reading is not recorded."
    )
    read_at: datetime | None = Field(description="The instant of its first reading.")

    @classmethod
    def of(cls, received: Received) -> ReceivedAnswer:
        """From the library's."""
        return cls(**_received(received))


class OpenedAnswer(ReceivedAnswer):
    """A notice that its addressee looks at."""

    title: str
    body: str
    services: list[ProofAnswer] = Field(description="Proofs of service, in the order recorded.")

    @classmethod
    def opened(cls, opened: Opened) -> OpenedAnswer:
        """From the library's."""
        proofs = ProofAnswer.all_of(opened.services)
        return cls(**_received(opened.received), title=opened.title, body=opened.body, services=proofs)


def _received(received: Received) -> dict[str, Any]:
    return {
        "id": received.notice_id,
        "case": received.case,
        "city": received.city,
        "notice": received.notice,
        "label": received.label,
        "number": received.number,
        "subject": received.subject,
        "queued_at": received.queued_at,
        "served_on": received.served_on,
        "read": received.read,
        "read_at": received.read_at,
    }
