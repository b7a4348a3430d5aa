"""Which programs are called when something has happened: ``webhooks.toml``.

A webhook follows the feed of events under its own name; how it is signed is ``channels.webhook``'s business, and when
an event is tried again is decided in ``casework.feed.following``. Notices to people do not go this way: they have
channels.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kjfh_workflow.errors import InputError, Problem
from kjfh_workflow.notices.channels.reaching import trusted
from kjfh_workflow.notices.channels.reading import Reader
from kjfh_workflow.notices.channels.settings import Count, Fault, Surroundings, Text, Variable, ca_path, complain
from kjfh_workflow.notices.channels.webhook import FarEnd, address_faults
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.policy.wording import hint

_FILE = "webhooks.toml"
_Names = Annotated[tuple[Text, ...], Field(min_length=1)]
#: As a follower may be called.
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    webhook: dict[_Name, dict[str, Any]] = {}


class WebhookSettings(BaseModel):
    """The table of one webhook; what it does not name, it does not ask."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Text
    secret_env: Variable
    #: Certificates of the office's own authority (PEM), instead of the system's.
    ca_file: Path | None = None
    cities: _Names | None = None
    kinds: Annotated[tuple[CaseKind, ...], Field(min_length=1)] | None = None
    events: _Names | None = None
    #: Where it begins when it is first called: with what happens from now on, or with everything on file.
    start: Literal["now", "beginning"] = "now"
    #: One call, in all.
    timeout_seconds: Count = 20
    #: After so many failed calls an event is given up, for a person to decide.
    attempts: Count = 20
    first_wait_seconds: Count = 30
    longest_wait_seconds: Count = 6 * 60 * 60

    def faults(self, around: Surroundings) -> Iterator[Fault]:
        """What is wrong although each value is in order by itself."""
        if self.first_wait_seconds > self.longest_wait_seconds:
            yield Fault("first_wait_seconds", complain("waits", longest=self.longest_wait_seconds))
        for field in ("cities", "kinds", "events"):
            names = getattr(self, field) or ()
            for name in dict.fromkeys(name for name in names if names.count(name) > 1):
                yield Fault(field, complain("duplicate", name=str(name)))
        yield from address_faults(self.url, self.ca_file, self.secret_env, around)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A program that is called."""

    #: Under which it follows the feed.
    name: str
    settings: WebhookSettings
    _far_end: FarEnd

    def post(self, number: int, data: Mapping[str, Any], stop: Event | None = None) -> None:
        """Tell it of one event, as ``evt_<number>``; when this returns, it has answered 2xx.

        Args:
            number: of the event.
            data: the event.
            stop: when set, the call is broken off.

        Raises:
            DeliveryFailed: whatever went wrong.
        """
        self._far_end.post(f"evt_{number}", data, stop)


class Webhooks:
    """The webhooks of an office, in the order of the file."""

    def __init__(self, place: str, webhooks: Iterable[Webhook]) -> None:
        self._place = place
        self._webhooks = tuple(webhooks)

    def __iter__(self) -> Iterator[Webhook]:
        return iter(self._webhooks)

    @classmethod
    def load(cls, path: Path, environment: Mapping[str, str] = os.environ) -> Webhooks:
        """Read the file.

        Raises:
            InputError: with every problem of the file, and every secret that the environment lacks.
        """
        return _Reader(path, environment).webhooks()

    def strangers(self, cities: Iterable[str], events: Iterable[str]) -> list[Problem]:
        """Webhooks that wait for a city or an event that no policy pack has."""
        known = (("cities", "unknown_city", {*cities}), ("events", "unknown_event", {*events}))
        return [
            Problem(self._place, f"webhook.{webhook.name}.{key}", complain(complaint, found=name) + hint(name, allowed))
            for webhook in self
            for key, complaint, allowed in known
            for name in getattr(webhook.settings, key) or ()
            if name not in allowed
        ]


class _Reader(Reader):
    """One file being read."""

    def webhooks(self) -> Webhooks:
        """Read it all, or raise with every problem."""
        file = self.shape(self.toml(), _File, "")
        if file is not None and not file.webhook:
            self.wrong("webhook", complain("no_webhook"))
        found = [self._webhook(name, table) for name, table in (file.webhook if file else {}).items()]
        if self.problems:
            raise InputError(self.problems)
        return Webhooks(str(self.path), filter(None, found))

    def _webhook(self, name: str, table: dict[str, Any]) -> Webhook | None:
        key = f"webhook.{name}"
        settings = self.shape(table, WebhookSettings, key)
        if settings is None:
            return None
        around = Surroundings(name, self.path.absolute().parent, secrets=self.secrets(settings, key))
        faults = [*settings.faults(around)]
        for fault in faults:
            self.wrong(f"{key}.{fault.key}", fault.message)
        if faults or "secret_env" not in around.secrets:
            return None
        trust = trusted(ca_path(settings.ca_file, around))
        far_end = FarEnd(settings.url, around.secrets["secret_env"], trust, settings.timeout_seconds, _FILE)
        return Webhook(name, settings, far_end)
