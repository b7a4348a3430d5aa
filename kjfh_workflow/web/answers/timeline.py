"""What happened in a case, act by act."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import Field

from kjfh_workflow.web.answers.common import Answer


class SaidAnswer(Answer):
    """One piece of evidence, as it is on file."""

    name: str = Field(examples=["reason"])
    label: str
    value: Any = Field(description="Dates and sums are texts; facts are named by `sha256`.")
    words: str = Field(description="In people's words, where it is made of codes; empty otherwise.")


class TurnedClock(Answer):
    """A clock that was started or stopped."""

    timer: str
    label: str
    due: date | None = Field(description="Of one that was started: its last day.")


class NoticeSent(Answer):
    """A notice that was queued."""

    notice: str
    label: str
    role: str = Field(description="To whom.")
    role_label: str


class OpenedCase(Answer):
    """A case that was opened with it."""

    kind: str
    kind_label: str
    case: str


class TimelineEntryAnswer(Answer):
    """One act: by a person, by a deadline, or by another case's act."""

    version: int = Field(description="Its number in the case, from 1.")
    event: str = Field(description="An event of the machine, or an alarm: `remind`, `expire`, `escalate`, `recount`.")
    event_label: str
    source: str
    source_label: str
    target: str
    target_label: str
    actor: str = Field(description="The intranet's id of who acted; for offices only.")
    actor_name: str
    role: str
    role_label: str
    who: str = Field(description="Name and role in one.")
    legal_on: date = Field(description="The day it counts from in law.")
    happened_at: datetime = Field(description="The instant it happened: for a deadline, 24:00 of its last day.")
    noticed_at: datetime = Field(description="The instant the program noticed.")
    article: str
    remarks: str = Field(description="What was said with it, in one line.")
    evidence: list[SaidAnswer] = Field(
        description="An operator sees its own, and what an office said where a letter told it of the act."
    )
    started: list[TurnedClock]
    stopped: list[TurnedClock]
    notices: list[NoticeSent]
    opened: list[OpenedCase]
    banned_until: date | None = Field(description="The last barred day of the ban that it imposed.")
    judged: bool = Field(description="The criteria were judged in it.")
    policy: str = Field(description="`city/version` of the pack.")
    policy_digest: str = Field(description="The beginning of the pack's digest.")
