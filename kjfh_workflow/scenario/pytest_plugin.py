"""Scenario files as pytest tests, for the bureau's own CI.

Name the folders in pytest's settings and every ``.toml`` in them is played::

    [tool.pytest.ini_options]
    kjfh_scenarios = ["scenarios"]
    kjfh_states = ["our-packs"]        # besides the program's own
    kjfh_templates = ["our-letters"]
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kjfh_workflow.errors import InputError

if TYPE_CHECKING:
    from kjfh_workflow.policy.catalog import Catalog
    from kjfh_workflow.scenario.play import Played
    from kjfh_workflow.scenario.words import Vocabulary

_PACKS = pytest.StashKey["tuple[Catalog, Vocabulary]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings."""
    parser.addini("kjfh_scenarios", "folders whose .toml files are scenarios to play", type="paths", default=[])
    parser.addini("kjfh_states", "folders of policy packs besides the program's own", type="paths", default=[])
    parser.addini("kjfh_templates", "folders of notice templates before the program's own", type="paths", default=[])


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Scenario files below the folders named, without the ``facts`` beside them."""
    folders: list[Path] = parent.config.getini("kjfh_scenarios")
    wanted = any(folder in file_path.parents for folder in folders)
    if wanted and file_path.suffix == ".toml" and file_path.parent.name != "facts":
        collector: pytest.Collector = _ScenarioFile.from_parent(parent, path=file_path)
        return collector
    return None


class _ScenarioFile(pytest.File):
    def collect(self) -> Iterator[pytest.Item]:
        yield _ScenarioItem.from_parent(self, name=self.path.stem)


class StepFailed(AssertionError):
    """A step did not hold."""


class _ScenarioItem(pytest.Item):
    def runtest(self) -> None:
        # Imported here: pytest loads this plugin in every project that has the package installed.
        from kjfh_workflow.scenario.play import play  # noqa: PLC0415
        from kjfh_workflow.scenario.read import read_scenario  # noqa: PLC0415

        catalog, words = _packs(self.config)
        scenario = read_scenario(self.path, words)
        templates = self.config.getini("kjfh_templates")
        failed = [_told(played) for played in play(scenario, states=catalog, templates=templates) if not played.held]
        if failed:
            raise StepFailed("\n".join(failed))

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: str | None = None,  # noqa: ARG002
    ) -> str:
        """The steps that did not hold, or what is wrong with the file; for anything else, the trace."""
        if isinstance(excinfo.value, (StepFailed, InputError)):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it stands."""
        return self.path, None, f"scenario {self.path.parent.name}/{self.name}"


def _packs(config: pytest.Config) -> tuple[Catalog, Vocabulary]:
    """The packs and their words, read once."""
    if _PACKS not in config.stash:
        from kjfh_workflow.casework.opening import load_catalog  # noqa: PLC0415
        from kjfh_workflow.scenario.words import Vocabulary  # noqa: PLC0415

        catalog = load_catalog(config.getini("kjfh_states"), config.getini("kjfh_templates"))
        config.stash[_PACKS] = catalog, Vocabulary.of(catalog)
    return config.stash[_PACKS]


def _told(played: Played) -> str:
    step = played.step
    lines = [f"{step.place} ({step.on} {step.do})"]
    lines += [f"  {f.what}: expected {f.expected}, found {f.actual}" for f in played.findings if not f.held]
    return "\n".join(lines)
