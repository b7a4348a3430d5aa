"""Which channels there are, and which of them a notice takes: ``channels.toml``.

Secrets are never in the file: keys that end in ``_env`` name environment variables. Whether a notice has an address,
and what became of it, is asked of the database.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from string import Formatter
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kjfh_workflow.errors import InputError, NotFound, Problem
from kjfh_workflow.notices.channels.chat import ROBOTS, ChatSettings
from kjfh_workflow.notices.channels.folder import FolderSettings
from kjfh_workflow.notices.channels.inbox import InboxSettings
from kjfh_workflow.notices.channels.mail import MailSettings
from kjfh_workflow.notices.channels.message import Channel
from kjfh_workflow.notices.channels.reading import Reader
from kjfh_workflow.notices.channels.settings import Limits, Settings, Surroundings, complain, is_web_address
from kjfh_workflow.notices.channels.webhook import WebhookSettings
from kjfh_workflow.policy.vocabulary import PERSON_ROLES
from kjfh_workflow.policy.wording import hint

__all__ = ["Channels", "Limits"]

_KINDS: dict[str, type[Settings]] = {
    "smtp": MailSettings,
    "webhook": WebhookSettings,
    "apprise": ChatSettings,
    "folder": FolderSettings,
    "inbox": InboxSettings,
}
_INBOX = "inbox"
_Names = Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], Field(min_length=1)]
#: As long as the outbox has room for.
_ChannelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    link: str = ""
    channel: dict[_ChannelName, dict[str, Any]]
    route: list[dict[str, Any]] = []


class Route(BaseModel):
    """Who is told what by which channels; what it does not name, it does not ask."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cities: _Names | None = None
    roles: _Names | None = None
    notices: _Names | None = None
    channels: _Names

    def takes(self, city: str, role: str, notice: str) -> bool:
        """Whether it says how."""
        asked = ((self.cities, city), (self.roles, role), (self.notices, notice))
        return all(names is None or name in names for names, name in asked)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A channel that can be opened."""

    settings: Settings
    around: Surroundings


class Channels:
    """The channels of an office, and the way to them."""

    def __init__(self, place: str, entries: Mapping[str, _Entry], routes: Iterable[Route]) -> None:
        self._place = place
        self._entries = dict(entries)
        self._routes = tuple(routes)
        self._open: dict[str, Channel] = {}
        self._opening = threading.Lock()
        #: In the order of the file.
        self.names = tuple(self._entries)

    @classmethod
    def load(cls, path: Path, environment: Mapping[str, str] = os.environ) -> Channels:
        """Read the file.

        Raises:
            InputError: with every problem of the file, and every secret that the environment lacks.
        """
        return _Reader(path, environment).channels()

    @classmethod
    def none(cls) -> Channels:
        """Nothing configured: everybody has the console's inbox."""
        entry = _Entry(InboxSettings(kind="inbox"), Surroundings(_INBOX, Path()))
        return cls("", {_INBOX: entry}, [Route(channels=(_INBOX,))])

    def of(self, name: str) -> Channel:
        """The channel; opened when it is first asked for.

        Raises:
            NotFound: if the file has no such channel (any more).
        """
        with self._opening:
            if name not in self._open:
                entry = self._entry(name)
                self._open[name] = entry.settings.open(entry.around)
            return self._open[name]

    def limits(self, name: str) -> Limits:
        """How often and how patiently it is used.

        Raises:
            NotFound: if the file has no such channel (any more).
        """
        return self._entry(name).settings.limits

    def route(self, city: str, role: str, notice: str) -> tuple[str, ...]:
        """The channels that a notice takes: those of the first route that takes it; none if nobody has said how."""
        return next((route.channels for route in self._routes if route.takes(city, role, notice)), ())

    @property
    def chat_schemes(self) -> tuple[str, ...]:
        """What chat addresses may begin with: what any chat channel takes; without one, what a chat channel would."""
        chats = [one.settings for one in self._entries.values() if isinstance(one.settings, ChatSettings)]
        return tuple(sorted({scheme for chat in chats for scheme in chat.schemes})) or ROBOTS

    def strangers(self, cities: Iterable[str], notices: Iterable[str]) -> list[Problem]:
        """Routes that wait for a city or a notice that no policy pack has."""
        known = (("cities", "unknown_city", {*cities}), ("notices", "unknown_notice", {*notices}))
        return [
            Problem(self._place, f"route.{number}.{key}", complain(complaint, found=name) + hint(name, allowed))
            for number, route in enumerate(self._routes, 1)
            for key, complaint, allowed in known
            for name in getattr(route, key) or ()
            if name not in allowed
        ]

    def _entry(self, name: str) -> _Entry:
        if name not in self._entries:
            raise NotFound(complain("unknown_channel", found=name) + hint(name, self.names))
        return self._entries[name]


class _Reader(Reader):
    """One file being read."""

    def channels(self) -> Channels:
        """Read it all, or raise with every problem."""
        file = self.shape(self.toml(), _File, "")
        if file is None:
            raise InputError(self.problems)
        if file.link and not _is_link(file.link):
            self.wrong("link", complain("link"))
        entries = {
            name: entry
            for name, table in file.channel.items()
            if (entry := self._entry(name, table, file.link)) is not None
        }
        routes = [self._route(number, raw, file.channel) for number, raw in enumerate(file.route, 1)]
        if not routes:
            self.wrong("route", complain("no_route"))
        self._unreachable(routes)
        if self.problems:
            raise InputError(self.problems)
        return Channels(str(self.path), entries, filter(None, routes))

    def _entry(self, name: str, table: dict[str, Any], link: str) -> _Entry | None:
        key = f"channel.{name}"
        kind = table.get("kind")
        if kind is None:
            self.wrong(f"{key}.kind", complain("no_kind") + hint("", _KINDS))
            return None
        if kind not in [*_KINDS]:
            self.wrong(f"{key}.kind", complain("unknown_kind", found=kind) + hint(str(kind), _KINDS))
            return None
        settings = self.shape(table, _KINDS[kind], key)
        if settings is None:
            return None
        around = Surroundings(name, self.path.absolute().parent, link, self.secrets(settings, key))
        for fault in settings.faults(around):
            self.wrong(f"{key}.{fault.key}", fault.message)
        return _Entry(settings, around)

    def _route(self, number: int, raw: dict[str, Any], channels: Iterable[str]) -> Route | None:
        key = f"route.{number}"
        route = self.shape(raw, Route, key)
        if route is None:
            return None
        for field in Route.model_fields:
            names = getattr(route, field) or ()
            for name in dict.fromkeys(name for name in names if names.count(name) > 1):
                self.wrong(f"{key}.{field}", complain("duplicate", name=name))
        for field, complaint, allowed in (
            ("roles", "unknown_role", [role.value for role in PERSON_ROLES]),
            ("channels", "unknown_channel", [*channels]),
        ):
            for name in dict.fromkeys(getattr(route, field) or ()):
                if name not in allowed:
                    self.wrong(f"{key}.{field}", complain(complaint, found=name) + hint(name, allowed))
        return route

    def _unreachable(self, routes: list[Route | None]) -> None:
        """Name every route that those before it leave nothing to."""
        read = [route for route in routes if route]
        # The empty name stands for every city or notice that no route names.
        cities = {"", *(city for route in read for city in route.cities or ())}
        notices = {"", *(notice for route in read for notice in route.notices or ())}
        takers: dict[tuple[str, str, str], int] = {}
        for number, route in enumerate(routes, 1):
            if route is None:
                continue
            wanted = [one for one in product(cities, PERSON_ROLES, notices) if route.takes(*one)]
            earlier = sorted({takers[one] for one in wanted if one in takers})
            if wanted and all(one in takers for one in wanted):
                names = complain("and").join(complain("route", number=before) for before in earlier)
                self.wrong(f"route.{number}", complain("unreachable", earlier=names))
            takers |= {one: number for one in wanted if one not in takers}


def _is_link(link: str) -> bool:
    try:
        blanks = [(name, form, conversion) for _, name, form, conversion in Formatter().parse(link) if name is not None]
    except ValueError:
        return False
    return blanks == [("case", "", None)] and is_web_address(link.format(case="case"))
