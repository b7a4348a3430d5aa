"""Every article of both documents is exercised by a scenario, or says why there is nothing to exercise."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from kjfh_workflow import Workflow
from kjfh_workflow.policy.checks import article_of, citation_problem
from kjfh_workflow.policy.vocabulary import Handling

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*/*.toml"))
FACTS = "facts"


def cited() -> dict[str, dict[str, list[str]]]:
    """City → citation → the scenarios that name it."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in SCENARIOS:
        if path.parent.name == FACTS:
            continue
        data = tomllib.loads(path.read_text("utf-8"))
        for citation in data.get("article", ()):
            found.setdefault(data["policy"], {}).setdefault(citation, []).append(path.name)
    return found


def named_by_tests(city: str) -> set[str]:
    """What scenarios have no words for: modules of tests say in ``ARTICLES`` what they exercise."""
    found: set[str] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ARTICLES":
                found |= {*ast.literal_eval(node.value).get(city, ())}
    return found


@pytest.mark.parametrize("city", ["yuyao", "cixi"])
def test_every_article_is_played_by_a_scenario_or_says_why_not(city: str) -> None:
    workflow = Workflow("sqlite://", create=True)
    pack = workflow.catalog.latest(city)
    workflow.close()
    played = {article_of(citation)[0] for citation in cited()[city]} | named_by_tests(city)
    for article in pack.identity.articles:
        if article.handling is not Handling.CODED:
            assert article.handling in (Handling.NOT_APPLICABLE, Handling.PERSON), article.number
            assert article.note, f"{article.number} does not say why"
    assert {a.number for a in pack.identity.articles if a.handling is Handling.CODED} - played == set()


@pytest.mark.parametrize("city", ["yuyao", "cixi"])
def test_scenarios_cite_only_what_the_document_has(city: str) -> None:
    workflow = Workflow("sqlite://", create=True)
    pack = workflow.catalog.latest(city)
    workflow.close()
    wrong = {c: where for c, where in cited()[city].items() if citation_problem(pack, c)}
    assert wrong == {}
