"""What a channel is given to send, and what every channel must be able to do.

Which channel a notice takes is decided in ``config``; how it is sent, in the channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Attachment:
    """The letter as a file (.docx)."""

    filename: str
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Message:
    """A notice on its way to one addressee."""

    #: The notice's id ``<case>/<version>/<n>``: the same at every attempt, so that receivers recognise a repetition.
    id: str
    city: str
    case: str
    notice: str
    #: The notice's Chinese label in the pack.
    label: str
    role: str
    uscc: str | None
    #: Document number, or empty.
    number: str
    subject: str
    title: str
    body: str
    queued_at: datetime
    #: Called only by channels that carry the letter.
    load_letter: Callable[[], Attachment] = field(repr=False)

    @property
    def safe_id(self) -> str:
        """The id as one word for headers and file names: ``/`` is ``+``, anything unusual and the dot are ``%XX``."""
        return quote(self.id, safe="/").replace(".", "%2E").replace("/", "+")

    @property
    def letter_name(self) -> str:
        """The letter's file name for people: its number, or what it is."""
        named = self.number or self.label
        return "".join("_" if char in '<>:"/\\|?*' or not char.isprintable() else char for char in named) + ".docx"

    @property
    def text(self) -> str:
        """The notice as plain text, headed by its number and title."""
        return "\n\n".join(part for part in (self.number, self.title, self.body) if part)

    def as_data(self) -> dict[str, str | None]:
        """The notice as other programs read it."""
        return {
            "id": self.id,
            "city": self.city,
            "case": self.case,
            "notice": self.notice,
            "label": self.label,
            "role": self.role,
            "uscc": self.uscc,
            "number": self.number,
            "subject": self.subject,
            "title": self.title,
            "body": self.body,
            "queued_at": self.queued_at.isoformat(),
        }


class Channel(Protocol):
    """One way out of the house."""

    name: str
    #: The kind of address it needs: ``email``, ``chat``; None where addressees have none (webhook, folder, inbox).
    medium: str | None

    def send(self, message: Message, address: str) -> None:
        """Hand the message over; when this returns, the far end has taken it.

        Raises:
            DeliveryFailed: for whatever reason it could not be handed over.
        """
        ...
