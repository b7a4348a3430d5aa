"""What lies in a bureau's folder of notice templates and would never be used: its own wording would silently not leave.

What a template says is proved by ``rehearse``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from kjfh_workflow.errors import Problem
from kjfh_workflow.notices.render import PARTS
from kjfh_workflow.policy.wording import hint, say


def strangers(folder: Path, cities: Collection[str], notices: Collection[str]) -> Iterator[Problem]:
    """Whatever is neither ``<notice>/<part>`` nor ``<city>/<notice>/<part>``.

    Hidden files, those of editors, empty folders, and folders for including from (``_…``) are no mistake.
    """
    if not folder.is_dir():
        yield Problem(str(folder), "", say("no_folder", path=folder))
        return
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _passed_over(path, folder)]
    if files and not any(path.name in PARTS for path in files):
        yield Problem(str(folder), "", say("no_templates_here"))
        return
    named: set[Path] = set()
    for path in files:
        for stranger, allowed in _strange(path.relative_to(folder), cities, notices):
            if stranger not in named:
                named.add(stranger)
                yield Problem(str(folder / stranger), "", say("unused_template") + hint(stranger.name, allowed))


def _passed_over(path: Path, folder: Path) -> bool:
    return path.name.endswith("~") or any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def _strange(
    path: Path, cities: Collection[str], notices: Collection[str]
) -> Iterator[tuple[Path, Collection[str]]]:  # fmt: skip
    """The part of a path that is nobody's name, and what it might have been."""
    *places, file = path.parts
    of_city = bool(places) and places[0] in cities
    where = places[1:] if of_city else places
    if where and where[0] not in notices:
        yield Path(*places[: 1 + of_city]), notices if of_city else [*cities, *notices]
    elif len(where) != 1 or file not in PARTS:
        yield path, PARTS if len(where) == 1 else []
