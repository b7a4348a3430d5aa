"""All packs of an office: which version is in force on a day, and which one a case is pinned to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from kjfh_workflow.errors import NotFound, PolicyError, Problem
from kjfh_workflow.policy.checks import HasTemplate, check_pack, check_versions
from kjfh_workflow.policy.loader import load_pack
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.wording import say


class Catalog:
    """The loaded packs, by city and version."""

    def __init__(self, packs: Iterable[PolicyPack]) -> None:
        self._packs: dict[str, dict[str, PolicyPack]] = {}
        for pack in sorted(packs, key=lambda pack: (pack.city, pack.version)):
            self._packs.setdefault(pack.city, {})[pack.version] = pack

    @classmethod
    def load(cls, folders: Iterable[Path], has_template: HasTemplate) -> Catalog:
        """Load and prove every pack below *folders*; a later folder's pack replaces an earlier one's.

        Raises:
            PolicyError: with every problem of every pack.
        """
        packs: dict[tuple[str, str], PolicyPack] = {}
        problems: list[Problem] = []
        for folder in folders:
            found = pack_folders(folder)
            if not found:
                problems.append(Problem(str(folder), "", say("no_packs")))
            for path in found:
                try:
                    pack = load_pack(path)
                except PolicyError as error:
                    problems += error.problems
                else:
                    problems += check_pack(pack, has_template)
                    packs[pack.city, pack.version] = pack
        for city in sorted({city for city, _ in packs}):
            problems += check_versions(pack for pack in packs.values() if pack.city == city)
        if problems:
            raise PolicyError(problems)
        return cls(packs.values())

    def __iter__(self) -> Iterator[PolicyPack]:
        for versions in self._packs.values():
            yield from versions.values()

    @property
    def cities(self) -> tuple[str, ...]:
        """The cities that have a pack."""
        return tuple(self._packs)

    def in_force(self, city: str, day: date) -> PolicyPack | None:
        """The pack under which a new application is filed on *day*: the newest in force, or None."""
        return next(
            (pack for pack in reversed(self.versions(city)) if pack.in_force_on(day)),
            None,
        )

    def pinned(self, city: str, version: str) -> PolicyPack:
        """The pack a case was opened under.

        Raises:
            NotFound: if its folder is no longer there.
        """
        try:
            return self._packs[city][version]
        except KeyError:
            raise NotFound(f"the policy pack {city}/{version} is not loaded; give its folder with --states") from None

    def versions(self, city: str) -> tuple[PolicyPack, ...]:
        """All versions of a city, oldest first.

        Raises:
            NotFound: for a city without packs.
        """
        if city not in self._packs:
            raise NotFound(f"there is no policy pack for {city!r}; there are: {', '.join(self._packs)}")
        return tuple(self._packs[city].values())

    def latest(self, city: str) -> PolicyPack:
        """The newest version of a city, in force or not."""
        return self.versions(city)[-1]


def pack_folders(folder: Path) -> list[Path]:
    """The pack folders below *folder*: itself, its versions, or its cities' versions."""
    if (folder / "policy.toml").exists():
        return [folder]
    below = [path for path in sorted(folder.glob("*")) if path.is_dir()] if folder.is_dir() else []
    versions = [path for path in below if (path / "policy.toml").exists()]
    if versions:
        return versions
    return [
        version
        for city in below
        for version in sorted(city.glob("*"))
        if version.is_dir() and not version.name.startswith(".")
    ]
