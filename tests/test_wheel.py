"""The wheel, in a clean environment outside the checkout: what `pip install` gives a bureau."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from kjfh_workflow import __version__

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parent.parent

#: Runs the command given and writes down every file and folder that was looked into meanwhile.
WATCHED = """
import json, sys
looked = set()
def watch(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "sqlite3.connect") and isinstance(arguments[0], (str, bytes)):
        looked.add(arguments[0] if isinstance(arguments[0], str) else arguments[0].decode())
sys.addaudithook(watch)
from pathlib import Path
import kjfh_workflow
from kjfh_workflow import resources
from kjfh_workflow.cli import main
code = None
try:
    main(sys.argv[2:])
except SystemExit as error:
    code = error.code
Path(sys.argv[1]).write_text(json.dumps({
    "code": code,
    "package": kjfh_workflow.__file__,
    "data": [str(path()) for path in (resources.states_dir, resources.templates_dir, resources.examples_dir)],
    "modules": [m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)],
    "path": sys.path,
    "looked": sorted(looked),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(built, cwd=CHECKOUT, check=True, capture_output=True)
    [found] = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a clean environment in which the wheel is installed, and nothing else."""
    folder = tmp_path_factory.mktemp("bureau") / "venv"
    venv.create(folder, with_pip=True)
    found = folder / ("Scripts" if sys.platform == "win32" else "bin")
    install = [
        str(found / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        f"{wheel}[xlsx]",
    ]
    done = subprocess.run(install, cwd=folder, env=_clean(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return found


def _clean() -> dict[str, str]:
    """The environment of somebody who has never seen the checkout."""
    kept = {"PATH", "HOME", "LANG", "SYSTEMROOT", "TEMP", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
    settings = ("PIP_", "SSL_", "REQUESTS_")
    return {
        name: value
        for name, value in os.environ.items()
        if (name.upper() in kept or name.startswith(settings)) and name != "PIP_REQUIRE_VIRTUALENV"
    }


def run(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, env=_clean(), capture_output=True, encoding="utf-8", check=False)


def test_the_wheel_holds_the_package_with_its_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"kjfh_workflow", f"kjfh_workflow-{__version__}.dist-info"}
    parts = {part for name in names for part in name.split("/")}
    assert not {"tests", "benchmarks", "docs", "conftest.py", "__pycache__"} & parts
    assert not [part for part in parts if part.startswith("test_")]
    assert not [name for name in names if name.endswith((".pyc", ".db", ".swp")) or "/." in name]
    data = {name.removeprefix("kjfh_workflow/_data/") for name in names if name.startswith("kjfh_workflow/_data/")}
    for here, there in (("states", "states"), ("notifications/templates", "templates"), ("examples", "examples")):
        stored = {f"{there}/{path.relative_to(CHECKOUT / here).as_posix()}" for path in _files(CHECKOUT / here)}
        assert stored
        assert stored <= data
    assert {"kjfh_workflow/policy/words.toml", "kjfh_workflow/policy/complaints.toml"} <= {*names}
    assert "kjfh_workflow/store/migrations/versions/0001_first.py" in names


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]


def test_the_demo_runs_from_an_empty_folder(programs: Path, tmp_path: Path) -> None:
    done = run(tmp_path, programs / "kjfh", "demo", "--folder", "shown")
    assert done.returncode == 0, done.stderr
    assert "holds: True" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["shown"]


def test_the_packs_in_the_wheel_are_proved(programs: Path, tmp_path: Path) -> None:
    done = run(tmp_path, programs / "kjfh", "policy", "check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "✓ cixi/2021-01-01\n✓ yuyao/2020-01-01\n", "")


@pytest.mark.parametrize(
    "words", [("demo", "--folder", "shown", "--json"), ("policy", "check"), ("policy", "show", "yuyao")]
)
def test_no_file_of_the_checkout_is_looked_into(programs: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(tmp_path, programs / "python", "-c", WATCHED, tmp_path / "seen.json", *words)
    assert done.returncode == 0, done.stderr
    seen = json.loads((tmp_path / "seen.json").read_text("utf-8"))
    assert seen["code"] == 0, done.stderr
    home = programs.parent.resolve()
    package = Path(seen["package"]).resolve().parent
    assert package.is_relative_to(home)
    assert [Path(folder).resolve() for folder in seen["data"]] == [
        package / "_data" / name for name in ("states", "templates", "examples")
    ]
    everything = [*seen["looked"], *seen["modules"], *seen["path"]]
    assert any(str(package / "_data" / "states") in path for path in everything)
    assert [path for path in everything if (tmp_path / path).resolve().is_relative_to(CHECKOUT)] == []


@pytest.mark.parametrize("name", ["states", "notifications", "examples", "tests", "benchmarks", "docs"])
def test_no_other_module_comes_with_the_wheel(programs: Path, tmp_path: Path, name: str) -> None:
    done = run(tmp_path, programs / "python", "-c", f"import {name}")
    assert done.returncode == 1
    assert f"No module named '{name}'" in done.stderr


def test_what_only_some_need_is_not_installed_and_said_so(programs: Path, tmp_path: Path) -> None:
    done = run(tmp_path, programs / "kjfh", "--db", "postgresql://127.0.0.1:1/kjfh", "db", "check")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "no driver for PostgreSQL: pip install 'kjfh-workflow[postgres]'\n"
