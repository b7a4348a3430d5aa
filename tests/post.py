"""The outgoing channel's far end for tests, offices that send by it, and what a letter says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import docx

from kjfh_workflow import Actor, Workflow
from kjfh_workflow.clock import FixedClock
from kjfh_workflow.notices.channels.config import Channels, Limits
from kjfh_workflow.notices.channels.message import Channel, Message
from tests.bureau import Bureau, packs, uscc

ADMIN = Actor.of("root", "admin", "yuyao", name="管理员")


@dataclass(frozen=True)
class Sent:
    """What reached the far end."""

    id: str
    number: str
    subject: str
    body: str
    address: str
    at: datetime | None


class Way:
    """A channel: what it was handed, and how it answers."""

    def __init__(self, name: str = "mail", medium: str | None = None, **limits: Any) -> None:
        self.name = name
        self.medium = medium
        self.limits = Limits(**limits)
        #: How often it was asked to send.
        self.asked = 0
        #: What it took.
        self.sent: list[Sent] = []
        #: Called with each message before it is taken; may raise.
        self.answer: Callable[[Message], None] = lambda _: None
        self.clock: FixedClock | None = None
        self._turn = threading.Lock()

    def send(self, message: Message, address: str) -> None:
        """Take a message, unless the answer is no."""
        with self._turn:
            self.asked += 1
        self.answer(message)
        at = self.clock.instant if self.clock else None
        with self._turn:
            self.sent.append(Sent(message.id, message.number, message.subject, message.body, address, at))

    @property
    def ids(self) -> list[str]:
        """The ids of what it took, in order."""
        return [sent.id for sent in self.sent]


class Ways(Channels):
    """An office's channels: every notice by all of them, or as *routes* says by notice."""

    def __init__(self, *ways: Way, routes: Mapping[str, tuple[str, ...]] | None = None) -> None:
        super().__init__("", {}, ())
        self.names = tuple(way.name for way in ways)
        self._ways = {way.name: way for way in ways}
        self.routes = routes

    def of(self, name: str) -> Channel:
        """The channel."""
        return self._ways[name]

    def limits(self, name: str) -> Limits:
        """Its limits; the error of real channels for a name that is none."""
        return self._ways[name].limits if name in self._ways else super().limits(name)

    def route(self, city: str, role: str, notice: str) -> tuple[str, ...]:  # noqa: ARG002
        """The channels that a notice takes."""
        return self.names if self.routes is None else self.routes.get(notice, ())


def office(url: str, *ways: Way, channels: Channels | None = None, clock: FixedClock | None = None) -> Bureau:
    """An office that sends by *ways*, on a clock of its own or of another office."""
    bureau = Bureau(url)
    bureau.workflow.close()
    if clock:
        bureau.clock = clock
    for way in ways:
        way.clock = bureau.clock
    bureau.workflow = Workflow(url, states=packs(), clock=bureau.clock, channels=channels or Ways(*ways), create=True)
    return bureau


def queue(bureau: Bureau, number: int = 1, start: int = 0) -> list[str]:
    """Put so many letters to as many operators into the outbox; returns their ids."""
    ids = []
    for n in range(start, start + number):
        operator = Actor.of(f"op{n}", "applicant", "yuyao", name=f"第{n}孵化器有限公司", uscc=uscc(n))
        case = bureau.submit(operator).case
        ids += [row["id"] for row in bureau.workflow.case(case).notices]
    return ids


def later(bureau: Bureau, **time: float) -> Bureau:
    """Let time pass."""
    bureau.clock.instant += timedelta(**time)
    return bureau


def states(bureau: Bureau) -> dict[str, str]:
    """Notice/channel → state, of the whole outbox."""
    return {f"{e.notice_id} {e.channel}".strip(): e.state for e in bureau.workflow.mail_room.entries()}


def happened(bureau: Bureau, notice: str) -> list[str]:
    """What the log tells of a notice."""
    return [row["what"] for row in bureau.workflow.mail_room.trace(notice).log]


def text_of(letter: bytes) -> list[str]:
    """The paragraphs of a letter, letterhead and number first."""
    return [paragraph.text.replace("\n", "") for paragraph in docx.Document(BytesIO(letter)).paragraphs]
