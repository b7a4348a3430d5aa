"""What a ``Workflow`` is opened with: database, packs, templates, channels, each from what a host may give.

What is done with them stands in ``workflow``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine

from kjfh_workflow import resources
from kjfh_workflow.errors import InputError, PolicyError, Unavailable
from kjfh_workflow.notices.channels.config import Channels
from kjfh_workflow.notices.render import Renderer
from kjfh_workflow.notices.template_folders import strangers
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.store.database import Database

OpenedT = TypeVar("OpenedT")
#: Between two looks for a database that is not there, in seconds.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


def load_templates(templates: Iterable[str | Path] = ()) -> Renderer:
    """The bureau's notice templates before the program's own."""
    return Renderer([*map(Path, templates), resources.templates_dir()])


def load_catalog(states: Iterable[str | Path] | Catalog = (), templates: Iterable[str | Path] = ()) -> Catalog:
    """The program's policy packs, and the bureau's over them; or those that somebody has loaded already.

    Raises:
        PolicyError: with every problem of every pack, or of the folders of templates.
    """
    if isinstance(states, Catalog):
        catalog = states
    else:
        catalog = Catalog.load([resources.states_dir(), *map(Path, states)], load_templates(templates).has_template)
    cities, notices = _named(catalog)
    if problems := [problem for folder in templates for problem in strangers(Path(folder), cities, notices)]:
        raise PolicyError(problems)
    return catalog


def configured_channels(channels: str | Path | Channels | None) -> Channels:
    """How notices leave; only the inbox where nothing is configured.

    Raises:
        InputError: with every problem of the file.
    """
    if isinstance(channels, Channels):
        return channels
    return Channels.load(Path(channels)) if channels else Channels.none()


def opened_database(database: str | Engine | Database, connections: int) -> Database:
    """By its URL, with at most so many connections at once; or the host's own."""
    if isinstance(database, Database):
        return database
    return Database(database) if isinstance(database, Engine) else Database.open(database, connections=connections)


def refuse_strangers(channels: Channels, catalog: Catalog) -> None:
    """A route to a city or a notice of no pack is never taken, and another would silently take its letters.

    Raises:
        InputError: with every such name, and the nearest one that exists.
    """
    if problems := channels.strangers(*_named(catalog)):
        raise InputError(problems)


def _named(catalog: Catalog) -> tuple[set[str], set[str]]:
    """The cities and the notices that there are."""
    return {pack.city for pack in catalog}, {name for pack in catalog for name in pack.identity.notices}


def when_there(opening: Callable[[], OpenedT], log: logging.Logger, patience: float = float("inf")) -> OpenedT:
    """What *opening* opens; a database that is not there yet is waited for, as after a power cut.

    Args:
        opening: raises ``Unavailable`` while it is not there.
        log: told of each look in vain, and when it is there after all.
        patience: seconds after which it is given up.

    Raises:
        Unavailable: if it is not there after all.
    """
    pause, until = _FIRST_PAUSE, time.monotonic() + patience
    while True:
        try:
            opened = opening()
        except Unavailable as error:
            if time.monotonic() > until:
                raise
            log.warning("%s; again in %.0f s", error, pause)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            if pause > _FIRST_PAUSE:
                log.info("the database is there")
            return opened
