"""Imports point down only, each third-party library has one home, and registries leave no name out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import kjfh_workflow
from kjfh_workflow.policy.vocabulary import Branch, EffectName, Field, GuardName, Measure, Reckoning
from kjfh_workflow.rules.effects import EFFECTS
from kjfh_workflow.rules.evidence import SHAPES
from kjfh_workflow.rules.guards import GUARDS
from kjfh_workflow.rules.lifecycle import BRANCHES
from kjfh_workflow.rules.measures import MEASURES
from kjfh_workflow.rules.reckoning import RECKONINGS

ROOT = Path(kjfh_workflow.__file__).parent
#: From the ground up; what is above may import what is below, never the other way round.
FLOORS = (
    ("errors", "clock", "canonical", "resources"),
    ("policy",),
    ("rules",),
    ("store", "notices", "intake"),
    ("casework", "books"),  # the composition root hands out the books, which are use cases like any other
    ("scenario", "scheduler"),
    ("lab",),
    ("web",),
    ("cli",),
)
#: Library → the packages or modules of ours that may import it.
HOMES = {
    # arguments are the host's engine and session
    "sqlalchemy": ("store", "casework.workflow", "casework.acting", "casework.opening"),
    "alembic": ("store.migrate", "store.migrations"),
    "transitions": ("rules.lifecycle",),
    "jinja2": ("notices.render",),
    "docx": ("notices.letters",),
    "smtplib": ("notices.channels.mail",),
    "httpx": ("notices.channels.webhook", "web.keys"),
    "fastapi": ("web",),
    "starlette": ("web",),
    "uvicorn": ("web",),
    "jwt": ("web",),
    "prometheus_client": ("web",),
    "apprise": ("notices.channels.chat",),
    "apscheduler": ("scheduler",),
    "icalendar": ("casework.views.ics",),
    "holidays": ("rules.calendar",),
    "stdnum": ("rules.identifiers",),
    "openpyxl": ("intake", "books.sheet"),
    "click": ("cli",),
    "rich": ("cli",),
    "pytest": ("scenario.pytest_plugin",),
    "tomllib": ("policy", "scenario", "intake", "notices.channels", "cli", "web.settings"),
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """(dotted name below the package, syntax tree) of every module."""
    for path in sorted(ROOT.rglob("*.py")):
        if "_data" not in path.parts:
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield name, ast.parse(path.read_text("utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    """Every module that a tree imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def floor(name: str) -> int:
    """On which floor a module of ours stands."""
    head = name.split(".", maxsplit=1)[0]
    return next(number for number, rooms in enumerate(FLOORS) if head in rooms)


def test_imports_point_down_only() -> None:
    wrong = [
        f"{name} imports {target}"
        for name, tree in modules()
        if name not in ("__init__", "")
        for target in imports(tree)
        if target.startswith("kjfh_workflow.") and floor(target.removeprefix("kjfh_workflow.")) > floor(name)
    ]
    assert wrong == []


def test_each_library_has_its_home() -> None:
    wrong = [
        f"{name} imports {library}"
        for name, tree in modules()
        for library in {target.split(".")[0] for target in imports(tree)}
        if library in HOMES and not name.startswith(HOMES[library])
    ]
    assert wrong == []


def test_rules_and_policy_ask_no_clock() -> None:
    asked = [
        f"{name} line {node.lineno}"
        for name, tree in modules()
        if name.startswith(("rules.", "policy."))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("now", "today", "utcnow", "time")
    ]
    assert asked == []
    clocked = [
        name for name, tree in modules() if name.startswith("rules.") and "kjfh_workflow.clock" in {*imports(tree)}
    ]
    assert clocked == []


def test_no_code_asks_which_city_it_is_in() -> None:
    for path in sorted(ROOT.rglob("*.py")):
        if path.name in ("demo.py", "columns.py"):  # two cities' stories; an example beside an empty form
            continue
        tree = ast.parse(path.read_text("utf-8"))
        documentation = {
            node.body[0].value
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documentation:
                assert node.value not in ("yuyao", "cixi", "余姚市", "慈溪市"), path


@pytest.mark.parametrize(
    ("registry", "names"),
    [
        (GUARDS, GuardName),
        (EFFECTS, EffectName),
        (BRANCHES, Branch),
        (MEASURES, Measure),
        (SHAPES, Field),
        (RECKONINGS, Reckoning),
    ],
)
def test_every_name_a_pack_may_use_has_its_code(registry: dict[str, object], names: type) -> None:
    assert {*registry} == {*names}  # type: ignore[misc]


def test_modules_are_short_and_say_what_they_are_for() -> None:
    for name, tree in modules():
        assert ast.get_docstring(tree), name
    for path in sorted(ROOT.rglob("*.py")):
        assert len(path.read_text("utf-8").splitlines()) <= 420, path
