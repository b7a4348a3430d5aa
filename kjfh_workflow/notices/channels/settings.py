"""What the table of every channel may say, and what it needs from its surroundings to open.

The settings of one kind stand with its channel; reading the file is ``config``'s.
"""

from __future__ import annotations

import re
import tomllib
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from kjfh_workflow.clock import SHANGHAI
from kjfh_workflow.notices.channels.message import Channel
from kjfh_workflow.notices.channels.reaching import trusted
from kjfh_workflow.policy.wording import language

Count = Annotated[int, Field(strict=True, ge=1)]
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
#: The name of an environment variable; a key that ends in ``_env`` names a secret, it never is one.
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]*$")]
_CLOCK_TIME = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$")


@cache
def _complaints() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "complaints.toml").read_text("utf-8"))


def complain(code: str, **values: object) -> str:
    """What is wrong with the file, in the language of the locale."""
    return _complaints()[language()][code].format(**values)


def _clock_time(value: Any) -> time:
    # Left to pydantic, 8 would be eight seconds past midnight.
    if isinstance(value, str) and _CLOCK_TIME.match(value):
        return time.fromisoformat(value)
    if isinstance(value, time):
        return value
    raise PydanticCustomError("clock_time", complain("clock_time"))


ClockTime = Annotated[time, BeforeValidator(_clock_time)]


class Limits(BaseModel):
    """How often and how patiently a channel is used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Messages in a minute, at most.
    per_minute: Count | None = None
    #: After so many failed attempts a message is a dead letter, for a person to decide.
    dead_after: Count = 20
    first_wait_seconds: Count = 30
    longest_wait_seconds: Count = 6 * 60 * 60
    #: One attempt, in all.
    timeout_seconds: Count = 20
    #: The hours of the day, in Shanghai, between which it sends; by default all.
    hours: tuple[ClockTime, ClockTime] | None = None

    def opens_at(self, instant: datetime) -> datetime:
        """The first instant from *instant* on at which the channel sends."""
        if self.hours is None:
            return instant
        opens, closes = self.hours
        local = instant.astimezone(SHANGHAI)
        if opens <= local.time() < closes:
            return instant
        return datetime.combine(local.date() + timedelta(days=local.time() >= closes), opens, SHANGHAI)


class Fault(NamedTuple):
    """One thing wrong with a channel's table."""

    key: str
    message: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a channel needs besides its table."""

    name: str
    #: Where the file lies: relative paths begin here.
    folder: Path
    #: The page of a case on the intranet, with ``{case}``; empty where there is none.
    link: str = ""
    #: Key of the table (``password_env``) → the secret.
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


class Settings(Limits):
    """The table of one channel."""

    kind: str

    def faults(self, around: Surroundings) -> Iterator[Fault]:  # noqa: ARG002  (what kinds look at)
        """What is wrong although each value is in order by itself."""
        if self.first_wait_seconds > self.longest_wait_seconds:
            yield Fault("first_wait_seconds", complain("waits", longest=self.longest_wait_seconds))
        if self.hours and not self.hours[0] < self.hours[1]:
            yield Fault("hours", complain("hours"))

    @abstractmethod
    def open(self, around: Surroundings) -> Channel:
        """The channel; reaches nothing yet."""

    @property
    def limits(self) -> Limits:
        """The part that every channel has."""
        return Limits.model_validate({name: getattr(self, name) for name in Limits.model_fields})


def ca_faults(ca_file: Path | None, around: Surroundings) -> Iterator[Fault]:
    """Whether the certificates of an own authority can be read."""
    try:
        trusted(ca_path(ca_file, around))
    except OSError as error:  # ssl.SSLError is one
        yield Fault("ca_file", complain("ca_file", reason=error.strerror or error))


def ca_path(ca_file: Path | None, around: Surroundings) -> Path | None:
    """Where they lie."""
    return around.folder / ca_file if ca_file else None


def is_web_address(url: str) -> bool:
    """Whether it is http or https, with a host and without a password in it."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and "@" not in parts.netloc
            and url.isprintable()
            and " " not in url
        )
    except ValueError:
        return False
