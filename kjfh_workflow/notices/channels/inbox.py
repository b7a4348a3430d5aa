"""The console's own inbox: a notice on file is in it, so there is nothing to send."""

from __future__ import annotations

from typing import Literal

from kjfh_workflow.notices.channels.message import Message
from kjfh_workflow.notices.channels.settings import Settings, Surroundings


class InboxSettings(Settings):
    """``kind = "inbox"``."""

    kind: Literal["inbox"]

    def open(self, around: Surroundings) -> Inbox:
        """The inbox."""
        return Inbox(around.name)


class Inbox:
    """Where staff look by themselves."""

    medium: str | None = None

    def __init__(self, name: str) -> None:
        self.name = name

    def send(self, message: Message, address: str) -> None:
        """Being on file is being delivered."""
