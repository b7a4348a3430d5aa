"""Scenarios once more, on PostgreSQL: what pytest's plugin plays on SQLite must hold on both databases.

Those of single clauses (``*_clauses``) take the same statements through other rules, which know no database.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kjfh_workflow.casework.opening import load_catalog
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.scenario.play import play
from kjfh_workflow.scenario.read import read_scenario
from kjfh_workflow.scenario.words import Vocabulary

FOLDER = Path(__file__).parent / "scenarios"
SCENARIOS = [
    path
    for path in sorted(FOLDER.glob("*/*.toml"))
    if path.parent.name != "facts" and not path.parent.name.endswith("_clauses")
]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog([], [])


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_scenario_holds_on_postgresql_too(path: Path, catalog: Catalog, postgres_url: str) -> None:
    scenario = read_scenario(path, Vocabulary.of(catalog))
    failed = [played for played in play(scenario, postgres_url, states=catalog) if not played.held]
    assert failed == []
