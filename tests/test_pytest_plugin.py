"""The pytest plugin: a bureau's own scenarios in its own CI, each run in a fresh pytest as the bureau would."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from kjfh_workflow.resources import states_dir
from tests.bureau import FACTS, YUYAO_USCC

pytest_plugins = ["pytester"]

PEOPLE = f"""
[people]
op = {{ role = "applicant", name = "余姚朝阳科技孵化器有限公司", uscc = "{YUYAO_USCC}" }}
clerk = {{ role = "tech_clerk" }}
"""
SUBMIT = """
[[step]]
on = 2021-03-01
by = "op"
do = "submit"
case = "app"
kind = "application"
with.type = "incubator"
with.facts = "yuyao-strong"
"""
ACCEPT = """
[[step]]
on = 2021-03-02
by = "clerk"
do = "accept"
case = "app"
"""

Write = Callable[..., Path]


@pytest.fixture(scope="module", autouse=True)
def _imported_once() -> None:
    """What a run inside this process imports is forgotten after it, unless it was there before."""
    for name in ("alembic.command", "alembic.config", "kjfh_workflow.scenario.play", "kjfh_workflow.scenario.read"):
        import_module(name)


@pytest.fixture
def bureau_ci(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose settings name a folder of scenarios (only facts so far) and the pack of a third city."""
    monkeypatch.setenv("LC_ALL", "C")
    pytester.makepyprojecttoml(
        """
        [tool.pytest.ini_options]
        kjfh_scenarios = ["ours"]
        kjfh_states = ["packs"]
        filterwarnings = ["error"]
        addopts = "-p no:hypothesispytest"  # imports hypothesis anew in every run
        """
    )
    shutil.copytree(FACTS, pytester.path / "ours" / "facts")
    copied = Path(shutil.copytree(states_dir() / "yuyao", pytester.path / "packs" / "fenghua"))
    [policy] = copied.glob("*/policy.toml")
    text = policy.read_text("utf-8")
    assert text.count('"yuyao"') == 1
    policy.write_text(text.replace('"yuyao"', '"fenghua"'), "utf-8")
    return pytester


@pytest.fixture
def write(bureau_ci: pytest.Pytester) -> Write:
    """Writes a scenario file into the project."""

    def written(name: str, *steps: str, policy: str = "yuyao", folder: str = "ours/yuyao") -> Path:
        path = bureau_ci.path / folder / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([f'title = "{name}"', f'policy = "{policy}"', PEOPLE, *steps]), "utf-8")
        return path

    return written


def test_every_scenario_of_the_folder_is_a_test_and_the_facts_are_none(
    bureau_ci: pytest.Pytester, write: Write
) -> None:
    write("accepted", SUBMIT, ACCEPT + 'expect.state = "preliminary_review"')
    write("submitted", SUBMIT + 'expect.state = "applied"')
    result = bureau_ci.runpytest("--collect-only", "-q")
    result.stdout.fnmatch_lines(
        ["ours/yuyao/accepted.toml::accepted", "ours/yuyao/submitted.toml::submitted", "2 tests*"]
    )
    bureau_ci.runpytest().assert_outcomes(passed=2)


def test_toml_files_elsewhere_are_left_alone(bureau_ci: pytest.Pytester, write: Write) -> None:
    write("elsewhere", SUBMIT, folder="theirs/yuyao")
    write("ours", SUBMIT)
    (bureau_ci.path / "ours" / "yuyao" / "notes.txt").write_text("no scenario", "utf-8")
    bureau_ci.runpytest().assert_outcomes(passed=1)
    assert bureau_ci.runpytest("theirs").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_scenario_that_does_not_hold_fails_with_step_expected_and_actual_and_no_trace(
    bureau_ci: pytest.Pytester, write: Write
) -> None:
    write("wrong", SUBMIT + 'expect.state = "applied"', ACCEPT + 'expect.state = "correction"')
    write("right", SUBMIT)
    result = bureau_ci.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*scenario yuyao/wrong*",
            "wrong.toml step 2 (2021-03-02 accept)",
            "  state: expected correction, found preliminary_review",
            "FAILED ours/yuyao/wrong.toml::wrong*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*.py:*")
    result.stdout.no_fnmatch_line("*step 1*")


def test_a_scenario_that_cannot_be_read_fails_with_file_step_and_key_and_no_trace(
    bureau_ci: pytest.Pytester, write: Write
) -> None:
    write("unknown", SUBMIT, ACCEPT.replace("accept", "acept"))
    write("unparsable", "[[step")
    result = bureau_ci.runpytest()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["unknown.toml step 2: do: 'acept' is not known; did you mean 'accept'?*", "unparsable.toml: is not readable*"]
    )
    result.stdout.no_fnmatch_line("*.py:*")


def test_a_pack_of_the_bureau_s_own_is_loaded_besides_the_program_s(bureau_ci: pytest.Pytester, write: Write) -> None:
    write("third", SUBMIT + 'expect.state = "applied"', policy="fenghua")
    write("first", SUBMIT + 'expect.state = "applied"')
    bureau_ci.runpytest().assert_outcomes(passed=2)
    bureau_ci.runpytest("--override-ini", "kjfh_states=").assert_outcomes(passed=1, failed=1)


def test_a_broken_pack_is_named_in_the_failure(bureau_ci: pytest.Pytester, write: Write) -> None:
    write("first", SUBMIT)
    [policy] = (bureau_ci.path / "packs" / "fenghua").glob("*/policy.toml")
    policy.write_text(policy.read_text("utf-8").replace('"fenghua"', '"elsewhere"'), "utf-8")
    result = bureau_ci.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*policy.toml*'elsewhere'*'fenghua'*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_without_the_settings_nothing_is_collected(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", scenario='title = "x"')
    assert pytester.runpytest().ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_the_plugin_brings_nothing_heavy_into_other_projects(pytester: pytest.Pytester) -> None:
    """pytest loads it wherever the package is installed."""
    pytester.makepyfile(
        """
        import sys

        def test_other():
            assert "kjfh_workflow.scenario.pytest_plugin" in sys.modules
            assert not {"sqlalchemy", "pydantic", "jinja2", "holidays"} & set(sys.modules)
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
