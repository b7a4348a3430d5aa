"""The command line, as a person at a keyboard meets it: what it prints, what it stores, and how it says no."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import click
import openpyxl
import pytest

from kjfh_workflow import __version__
from kjfh_workflow.cli import cli, main
from kjfh_workflow.resources import examples_dir, states_dir
from kjfh_workflow.store import migrate
from tests.bureau import YUYAO_USCC
from tests.commands import ADMIN, CLERK, LEAD, OPERATOR, Kjfh

SCENARIOS = Path(__file__).parent / "scenarios"
NEWEST = migrate.newest()


def leaves(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, (*words, name))
        else:
            yield (*words, name), command


COMMANDS = dict(leaves(cli))


# ---- the command itself ----------------------------------------------------------------------------------------------


def test_every_command_of_the_issue_is_there() -> None:
    assert {" ".join(words) for words in COMMANDS} == {
        "case list", "case show", "case open", "case do", "case preview",
        "file add", "file list", "file save",
        "import", "template", "play", "demo", "tick", "verify",
        "policy check", "policy show", "policy graph", "policy diff", "policy coverage", "policy open-questions",
        "policy confirm",
        "db upgrade", "db check", "db checkpoint", "db export", "db void-numbers",
        "run", "serve", "deliver", "docket", "lab", "calendar show", "calendar add", "calendar notices",
        "notice list", "notice show", "notice preview", "notice letter",
        "outbox list", "outbox show", "outbox retry", "outbox resend", "outbox discard", "outbox serve",
        "address set", "address list", "inbox list", "inbox show", "inbox read",
        "events list", "events followers", "events withheld", "events retry", "events skip", "events replay",
        "events forget", "events request",
        "round open", "round close", "round list", "round show", "tenants import",
        "register", "integrity list", "integrity record", "targets",
        "report yearly", "report township", "report overdue",
        "ledger list", "ledger forecast", "ledger by-year", "ledger pay-list", "ledger reconcile",
        "ledger approve", "ledger pay", "ledger release", "ledger hold", "ledger lapse", "ledger reverse",
    }  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_and_prints_json_if_asked(kjfh: Kjfh, words: tuple[str, ...]) -> None:
    out = kjfh.ok(*words, "--help")
    assert out.startswith(f"Usage: kjfh {' '.join(words)} ")
    # What runs for ever has no end to sum up.
    assert ("--json" in out) == (words not in (("run",), ("serve",)))
    for option in COMMANDS[words].params:
        assert not isinstance(option, click.Option) or option.help, option.name


@pytest.mark.parametrize("words", [(), *sorted({words[:1] for words in COMMANDS if len(words) > 1})])
def test_help_lists_the_commands_below(kjfh: Kjfh, words: tuple[str, ...]) -> None:
    out = kjfh.ok(*words, "-h")
    for below in {found[len(words)] for found in COMMANDS if found[: len(words)] == words}:
        assert f"  {below} " in out


def test_the_documented_exit_codes_are_in_the_help(kjfh: Kjfh) -> None:
    out = " ".join(kjfh.ok("--help").split())
    assert "Exit codes: 0 done, 1 refused or does not hold, 2 wrong usage, 3 not found, 4 conflict" in out


def test_the_version_is_the_package_s(kjfh: Kjfh) -> None:
    assert kjfh.ok("--version") == f"kjfh, version {__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cases",), "No such command 'cases'"),
        (("case", "shwo"), "No such command 'shwo'"),
        (("case", "list", "--colour"), "No such option"),
        (("case", "show"), "Missing argument 'CASE'"),
        (("case", "do", "x", "accept"), "Missing option '--as'"),
        (("case", "list", "--limit", "0"), "--limit"),
        (("policy", "graph", "yuyao", "applicaton"), "'application'"),
        (("verify", "--export", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
def test_wrong_usage_is_said_with_the_right_one(kjfh: Kjfh, words: tuple[str, ...], said: str) -> None:
    ran = kjfh(*words)
    assert ran.code == 2
    assert ran.err.startswith("Usage: kjfh")
    assert "--help' for help" in ran.err
    assert said in ran.err


def test_help_comes_without_anything_heavy() -> None:
    code = """
import sys
from kjfh_workflow.cli import main
try:
    main(["--help"])
except SystemExit as error:
    assert error.code == 0
heavy = {"sqlalchemy", "pydantic", "jinja2", "openpyxl", "rich", "holidays", "alembic", "transitions", "stdnum"}
print("heavy:", sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("heavy: []\n")
    assert "Commands:" in done.stdout


def test_no_process_pays_for_the_mapper_that_only_a_host_brings() -> None:
    code = """
import sys
import kjfh_workflow.web.app
from kjfh_workflow import Workflow
assert Workflow("sqlite://", create=True).cases() == []
print("sqlalchemy.engine" in sys.modules, "sqlalchemy.orm" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"


def run(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as its own process."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("KJFH_")}
    command = Path(sys.executable).with_name("kjfh")
    return subprocess.run(
        [command, *words], capture_output=True, encoding="utf-8", cwd=folder, env=env | environment, check=False
    )


def test_the_installed_command_reads_its_options_from_the_environment(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path.as_posix()}/elsewhere.db"
    assert run("db", "upgrade", folder=tmp_path, KJFH_DB=url).stdout == f"schema none → {NEWEST}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere.db"]


def test_an_error_is_one_line_and_its_trace_is_shown_if_asked(tmp_path: Path) -> None:
    line = "there is no policy pack for 'ningbo'; there are: cixi, yuyao\n"
    plain = run("policy", "show", "ningbo", folder=tmp_path)
    assert (plain.returncode, plain.stdout, plain.stderr) == (3, "", line)
    asked = run("--debug", "policy", "show", "ningbo", folder=tmp_path)
    assert asked.stderr.startswith("Traceback (most recent call last):")
    assert asked.stderr.endswith(f"NotFound: {line}")
    assert asked.returncode != 0


def test_the_module_runs_as_the_command_does(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kjfh_workflow.cli", "--version"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout == f"kjfh, version {__version__}\n"


def test_an_error_of_the_program_is_called_one(kjfh: Kjfh, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("screw loose")

    kjfh.ok("db", "upgrade")
    monkeypatch.setattr("kjfh_workflow.casework.workflow.Workflow.tick", broken)
    ran = kjfh("tick")
    assert (ran.code, ran.line) == (
        70,
        "RuntimeError: screw loose (an error of the program; --debug shows the trace)",
    )
    with pytest.raises(RuntimeError, match="screw loose"):
        main(["--debug", "--db", kjfh.url, "tick"])
    monkeypatch.setenv("KJFH_DEBUG", "1")
    with pytest.raises(RuntimeError, match="screw loose"):
        main(["--db", kjfh.url, "tick"])


# ---- the database ----------------------------------------------------------------------------------------------------


def test_an_empty_database_gets_its_schema_once(kjfh: Kjfh) -> None:
    assert kjfh.ok("db", "upgrade") == f"schema none → {NEWEST}\n"
    assert kjfh.ok("db", "upgrade") == f"schema {NEWEST} already\n"
    assert kjfh.ok("db", "check") == f"schema {NEWEST}: fits\n"
    assert kjfh.json("db", "check") == {"schema": NEWEST}
    assert kjfh.json("db", "upgrade") == {"before": NEWEST, "after": NEWEST}


@pytest.mark.parametrize("words", [("db", "check"), ("case", "list"), ("verify",), ("tick",), ("db", "checkpoint")])
def test_without_a_schema_every_command_says_what_to_do(kjfh: Kjfh, words: tuple[str, ...]) -> None:
    ran = kjfh(*words)
    assert ran.code == 6
    assert "there is no database file" in ran.line
    kjfh.sql("CREATE TABLE other (x)")
    ran = kjfh(*words)
    assert (ran.code, ran.line) == (6, "the database has no schema yet: run `kjfh db upgrade`")


@pytest.mark.parametrize("words", [("db", "check"), ("db", "upgrade"), ("case", "list")])
def test_a_newer_schema_is_refused_by_every_command(kjfh: Kjfh, words: tuple[str, ...]) -> None:
    kjfh.ok("db", "upgrade")
    kjfh.sql("UPDATE kjfh_alembic_version SET version_num = '9999'")
    ran = kjfh(*words)
    assert ran.code == 6
    assert f"schema 9999, newer than this program's {NEWEST}: install the newer kjfh-workflow" in ran.line


def test_an_older_schema_is_refused_until_it_is_upgraded(kjfh: Kjfh) -> None:
    kjfh.ok("db", "upgrade")
    kjfh.sql("UPDATE kjfh_alembic_version SET version_num = '0000'")
    ran = kjfh("case", "list")
    assert ran.code == 6
    assert ran.line.endswith("back it up, then run `kjfh db upgrade`")


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("kjfh.db", 2, "this is not a database URL"),
        ("mysql://root@db/kjfh", 2, "sqlite or postgresql"),
        ("sqlite:///nowhere/kjfh.db", 6, "there is no database file nowhere/kjfh.db"),
        ("sqlite:///text.db", 70, "file is not a database"),
        ("postgresql://127.0.0.1:1/kjfh", 70, "Connection refused"),
    ],
)
def test_a_database_that_does_not_open_is_one_clear_line(kjfh: Kjfh, url: str, code: int, said: str) -> None:
    Path("text.db").write_text("这不是数据库" * 100, "utf-8")
    kjfh.url = url
    for words in (("db", "check"), ("case", "list")):
        ran = kjfh(*words)
        assert ran.code == code
        assert said in ran.line


def test_a_driver_that_is_not_installed_is_one_clear_line(kjfh: Kjfh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    kjfh.url = "postgresql://127.0.0.1:1/kjfh"
    ran = kjfh("db", "check")
    assert (ran.code, ran.line) == (1, "no driver for PostgreSQL: pip install 'kjfh-workflow[postgres]'")


def test_a_checkpoint_seals_what_is_new(kjfh: Kjfh) -> None:
    kjfh.submitted()
    out = kjfh.ok("db", "checkpoint")
    assert out.startswith("checkpoint 1: 1 rows up to 1, ")
    assert kjfh.ok("db", "checkpoint") == "nothing new to seal\n"
    assert kjfh.json("db", "checkpoint") is None
    kjfh.ok("case", "do", kjfh.json("case", "list")[0]["id"], "accept", *CLERK)
    sealed = kjfh.json("db", "checkpoint")
    assert (sealed["number"], sealed["row_count"]) == (2, 1)
    assert sealed["previous"] in out


def test_a_tick_lets_ring_what_is_due(kjfh: Kjfh) -> None:
    case = kjfh.submitted()
    kjfh.ok("case", "do", case, "return_for_correction", *CLERK, "--with", 'missing=["场地平面图"]')
    assert kjfh.ok("tick") == "0 rang\n"
    kjfh.day = date(2021, 6, 1)
    assert kjfh.json("tick")["rung"] == 2
    assert kjfh.state(case) == "lapsed"
    assert kjfh.json("tick")["rung"] == 0


# ---- proving ---------------------------------------------------------------------------------------------------------


def test_an_untouched_history_holds(kjfh: Kjfh) -> None:
    kjfh.accepted()
    kjfh.ok("db", "checkpoint")
    assert kjfh.ok("verify") == "2 rows of 1 cases, 1 checkpoints: everything holds\n"
    assert kjfh.json("verify") == {"rows": 2, "cases": 1, "checkpoints": 1, "problems": []}


def test_a_checkpoint_kept_elsewhere_must_be_on_file(kjfh: Kjfh) -> None:
    case = kjfh.submitted()
    before = kjfh.file.read_bytes()
    kjfh.ok("case", "do", case, "accept", *CLERK)
    kept = kjfh.json("db", "checkpoint")["hash"]
    assert kjfh.ok("verify", "--checkpoint", kept).endswith("everything holds\n")
    kjfh.file.write_bytes(before)
    assert kjfh.ok("verify").endswith("everything holds\n")
    ran = kjfh("verify", "--checkpoint", kept)
    assert ran.code == 1
    assert ran.out.splitlines()[0] == f"checkpoints: {kept}: is not on file: the history is not the one sealed"
    asked = kjfh("verify", "--checkpoint", kept, "--json")
    assert (asked.code, [problem["key"] for problem in asked.data["problems"]]) == (1, [kept])


def test_a_state_changed_behind_the_program_s_back_is_found(kjfh: Kjfh) -> None:
    case = kjfh.accepted()
    kjfh.sql("UPDATE kjfh_cases SET state = 'recognized'")
    ran = kjfh("verify")
    assert ran.code == 1
    assert f"case {case}: state: is 'recognized', but the history folds to 'preliminary_review'" in ran.out
    assert ran.out.endswith("DOES NOT HOLD\n")
    [problem] = [p for p in kjfh("verify", "--json").data["problems"] if p["key"] == "state"]
    assert problem["place"] == f"case {case}"


def test_a_history_row_changed_behind_the_program_s_back_is_found(kjfh: Kjfh) -> None:
    case = kjfh.accepted()
    with pytest.raises(sqlite3.IntegrityError):
        kjfh.sql("UPDATE kjfh_history SET actor = 'zhao' WHERE version = 2")
    with closing(sqlite3.connect(kjfh.file)) as connection:
        guards = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    kjfh.sql(*(f"DROP TRIGGER {name}" for name in guards), "UPDATE kjfh_history SET actor = 'zhao' WHERE version = 2")
    ran = kjfh("verify")
    assert ran.code == 1
    assert ran.out.splitlines()[0] == f"case {case} row 2 (accept, position 2): its content is not what was sealed"


def test_an_export_is_proved_without_the_database(kjfh: Kjfh) -> None:
    kjfh.accepted()
    kjfh.ok("db", "checkpoint")
    assert kjfh.ok("db", "export", "history.jsonl") == "2 rows written to history.jsonl\n"
    assert kjfh.json("db", "export", "again.jsonl") == {"file": "again.jsonl", "rows": 2}
    assert Path("again.jsonl").read_bytes() == Path("history.jsonl").read_bytes()
    kjfh.file.unlink()
    assert kjfh.ok("verify", "--export", "history.jsonl").endswith("everything holds\n")
    assert not kjfh.file.exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"actor":"wang"', '"actor":"zhao"', "row 2 (accept, position 2): its content is not what was sealed"),
        ('"row_count":2', '"row_count":1', "checkpoint 1: row_count: covers 1 rows up to position 2, but there are 2"),
    ],
)
def test_an_export_that_was_changed_does_not_hold(kjfh: Kjfh, old: str, new: str, said: str) -> None:
    kjfh.accepted()
    kjfh.ok("db", "checkpoint")
    kjfh.ok("db", "export", "history.jsonl")
    text = Path("history.jsonl").read_text("utf-8")
    assert text.count(old) == 1
    Path("history.jsonl").write_text(text.replace(old, new), "utf-8")
    ran = kjfh("verify", "--export", "history.jsonl")
    assert ran.code == 1
    assert said in ran.out.splitlines()[0]


def test_an_export_with_a_row_cut_out_does_not_hold(kjfh: Kjfh) -> None:
    kjfh.accepted()
    kjfh.ok("db", "export", "history.jsonl")
    head, _, *rest = Path("history.jsonl").read_text("utf-8").splitlines(keepends=True)
    Path("history.jsonl").write_text("".join([head, *rest]), "utf-8")
    ran = kjfh("verify", "--export", "history.jsonl")
    assert ran.code == 1
    assert "a row is missing or was put in" in ran.out


def test_a_file_that_is_no_export_is_unreadable_input(kjfh: Kjfh) -> None:
    Path("notes.txt").write_text("hello", "utf-8")
    ran = kjfh("verify", "--export", "notes.txt")
    assert ran.code == 5
    assert ran.line.startswith("notes.txt: is not readable as an export")


def test_an_export_that_cannot_be_written_costs_nothing(kjfh: Kjfh) -> None:
    kjfh.submitted()
    ran = kjfh("db", "export", "nowhere/history.jsonl")
    assert (ran.code, ran.line) == (5, "nowhere/history.jsonl: No such file or directory")
    kjfh.ok("db", "export", "history.jsonl")
    before = Path("history.jsonl").read_bytes()
    kjfh.url = "sqlite:///another.db"
    assert kjfh("db", "export", "history.jsonl").code == 6
    assert Path("history.jsonl").read_bytes() == before


# ---- application folders ---------------------------------------------------------------------------------------------


def test_a_real_folder_becomes_a_case(kjfh: Kjfh) -> None:
    kjfh.ok("db", "upgrade")
    out = kjfh.ok("import", examples_dir() / "yuyao-chaoyang")
    [row] = kjfh.json("case", "list")
    assert out == f"已提交：{row['id']}（余姚朝阳科技孵化器有限公司，入驻企业12家）\n"
    assert (row["state"], row["uscc"], row["city"], row["type"]) == ("applied", YUYAO_USCC, "yuyao", "incubator")


def test_a_flawed_folder_is_told_every_problem_and_stores_nothing(kjfh: Kjfh) -> None:
    kjfh.ok("db", "upgrade")
    ran = kjfh("import", examples_dir() / "flawed")
    assert (ran.code, ran.out) == (5, "")
    lines = ran.err.splitlines()
    assert len(lines) == 20
    assert lines[0].startswith("application.xlsx 工作表“申请表” 第5行: 统一社会信用代码: ")
    assert any(line.startswith("tenants.xlsx 工作表“入驻企业” 第6行: 企业名称: ") for line in lines)
    assert any(line.startswith("staff.csv 第1行: ") for line in lines)
    assert kjfh.json("case", "list") == []


def test_a_folder_can_be_checked_without_a_database(kjfh: Kjfh) -> None:
    assert kjfh.ok("import", "--check", examples_dir() / "cixi-haian").startswith(
        "可以提交：慈溪海岸众创空间有限公司（"
    )
    assert kjfh.json("import", "--check", examples_dir() / "yuyao-chaoyang") == {
        "city": "yuyao",
        "type": "incubator",
        "name": "余姚朝阳科技孵化器有限公司",
        "tenants": 12,
    }
    assert kjfh("import", "--check", examples_dir() / "flawed").code == 5
    assert [*Path().iterdir()] == []


def test_the_same_request_is_answered_with_the_same_case(kjfh: Kjfh) -> None:
    kjfh.ok("db", "upgrade")
    asked = ("import", examples_dir() / "yuyao-chaoyang", "--request-id", "folder-1")
    first = kjfh.json(*asked)
    assert kjfh.json(*asked) == first
    assert [row["id"] for row in kjfh.json("case", "list")] == [first["case"]]


def test_a_second_application_is_refused_with_its_reason(kjfh: Kjfh) -> None:
    case = kjfh.submitted()
    ran = kjfh("import", examples_dir() / "yuyao-chaoyang")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines() == [
        "refused:",
        f"  该单位在本市已有一件未办结的申请（{case}） [open_application_exists]",
    ]


def test_a_plan_that_is_over_takes_no_application(kjfh: Kjfh) -> None:
    kjfh.ok("db", "upgrade")
    kjfh.day = date(2024, 1, 1)
    ran = kjfh("import", examples_dir() / "cixi-haian")
    assert ran.code == 1
    assert "[policy_not_in_force]" in ran.err


def test_a_folder_that_is_not_there_is_unreadable_input(kjfh: Kjfh) -> None:
    ran = kjfh("import", "nowhere")
    assert ran.code == 5
    assert "nowhere" in ran.line


def test_templates_are_written_and_never_written_over(kjfh: Kjfh) -> None:
    out = kjfh.ok("template", "new", "--city", "yuyao", "--type", "incubator")
    names = {"application.xlsx", "tenants.xlsx", "staff.xlsx", "mentors.xlsx", "graduates.xlsx"}
    assert {Path(line).name for line in out.splitlines()} == names == {path.name for path in Path("new").iterdir()}
    Path("new/staff.xlsx").write_bytes(b"filled in")
    ran = kjfh("template", "new")
    assert ran.code == 5
    assert len(ran.err.splitlines()) == 5
    assert Path("new/staff.xlsx").read_bytes() == b"filled in"
    assert {Path(file).name for file in kjfh.json("template", "other")["files"]} == names


def test_a_template_for_an_unknown_city_or_type_is_refused(kjfh: Kjfh) -> None:
    ran = kjfh("template", "new", "--city", "ningbo")
    assert (ran.code, ran.line) == (3, "there is no policy pack for 'ningbo'; there are: cixi, yuyao")
    assert kjfh("template", "new", "--city", "yuyao", "--type", "castle").code == 5
    assert not Path("new").exists()


# ---- cases -----------------------------------------------------------------------------------------------------------


def test_cases_are_listed_as_a_table_or_as_data_and_filtered(kjfh: Kjfh) -> None:
    yuyao = kjfh.submitted()
    kjfh.day = date(2021, 6, 1)
    cixi = kjfh.json("import", examples_dir() / "cixi-haian")["case"]
    table = kjfh.ok("case", "list")
    assert yuyao in table
    assert cixi in table
    assert "已申请，待受理" in table
    listed = {
        ("--city", "yuyao"): [yuyao],
        ("--uscc", YUYAO_USCC): [yuyao],
        ("--kind", "incubator"): [],
        ("--state", "applied", "--city", "cixi"): [cixi],
        ("--state", "recognized"): [],
        ("--after", cixi): [yuyao],
    }
    for words, ids in listed.items():
        assert [row["id"] for row in kjfh.json("case", "list", *words)] == ids


def test_a_case_whose_pack_is_gone_is_listed_by_its_short_names(kjfh: Kjfh) -> None:
    shutil.copytree(states_dir() / "cixi", Path("packs") / "fenghua")
    rewrite(Path("packs/fenghua/2021-01-01/policy.toml"), '= "cixi"', '= "fenghua"')
    shutil.copytree(examples_dir() / "cixi-haian", "fenghua")
    rewrite(Path("fenghua/application.toml"), '"cixi"', '"fenghua"')
    yuyao = kjfh.submitted()
    kjfh.day = date(2021, 6, 1)
    fenghua = kjfh.json("--states", "packs", "import", "fenghua")["case"]
    lines = kjfh.ok("case", "list").splitlines()
    assert [line.split()[:4] for line in lines if fenghua in line] == [
        [fenghua, "fenghua", "application", "makerspace"]
    ]
    assert [line.split()[5] for line in lines if fenghua in line] == ["applied"]
    assert [line.split()[1] for line in lines if yuyao in line] == ["余姚市"]
    assert [row["id"] for row in kjfh.json("case", "list")] == [fenghua, yuyao]
    ran = kjfh("case", "show", fenghua)
    assert (ran.code, ran.line) == (
        3,
        "the policy pack fenghua/2021-01-01 is not loaded; give its folder with --states",
    )


def test_a_long_list_says_how_to_go_on(kjfh: Kjfh) -> None:
    yuyao = kjfh.submitted()
    kjfh.day = date(2021, 6, 1)
    cixi = kjfh.json("import", examples_dir() / "cixi-haian")["case"]
    assert kjfh.ok("case", "list", "--limit", "1").endswith(f"more: --after {cixi}\n")
    assert yuyao in kjfh.ok("case", "list", "--limit", "1", "--after", cixi)
    assert "more:" not in kjfh.ok("case", "list", "--limit", "3")


def test_a_case_is_shown_with_all_that_bears_on_it(kjfh: Kjfh) -> None:
    case = kjfh.accepted()
    out = kjfh.ok("case", "show", case)
    for title in ("申报数据", "认定条件", "期限", "办理经过", "通知", "下一步"):
        assert title in out
    assert "可自主支配建筑面积在5000平方米以上" in out
    assert "尚未给出核查结论：发展方向明确" in out
    assert "[not_authorised]" not in out  # each act stands with whoever may do it
    for who, act in (("申报主体", "withdraw"), ("科技局经办人", "pass_preliminary"), ("科技局负责人", "reject")):
        assert [line for line in out.splitlines() if line.split()[:1] == [who] and f"（{act}）" in line]
    data = kjfh.json("case", "show", case)
    assert data["case"]["state"] == "preliminary_review"
    assert data["facts"]["premises"]["area_m2"] == "6000"
    assert data["clocks"]["review_due"]["due"] == "2021-03-29"
    assert [row["event"] for row in data["timeline"]] == ["submit", "accept"]
    assert {"applicant", "tech_clerk", "tech_lead", "finance"} == data["possible"].keys()


def possible(kjfh: Kjfh, case: str, *who: str) -> dict[str, bool]:
    [events] = kjfh.json("case", "show", case, *who)["possible"].values()
    return {event["event"]: event["allowed"] for event in events}


def test_a_user_is_shown_what_it_may_do_and_why_not_the_rest(kjfh: Kjfh) -> None:
    case = kjfh.submitted()
    assert possible(kjfh, case, *CLERK) == {
        "accept": True, "return_for_correction": True, "withdraw": False, "find_fraud": False
    }  # fmt: skip
    assert possible(kjfh, case, *OPERATOR)["withdraw"]
    out = kjfh.ok("case", "show", case, *CLERK)
    assert "下一步" in out
    assert "“撤回申请”由申报主体办理" in out
    assert "财政局（" not in out


@pytest.mark.parametrize(
    ("who", "code", "said"),
    [
        (("--as", "a", "--role", "tech_clerk", "--city", "cixi"), 3, "there is no case"),
        (("--as", "a", "--role", "boss", "--city", "yuyao"), 2, "unknown role 'boss'; allowed: applicant, tech_clerk"),
        (("--as", "a"), 2, "--as, --role and --city go together"),
        (("--role", "finance", "--city", "yuyao"), 2, "--as, --role and --city go together"),
    ],
)
def test_who_looks_must_be_said_in_full_and_be_of_the_city(
    kjfh: Kjfh, who: tuple[str, ...], code: int, said: str
) -> None:
    ran = kjfh("case", "show", kjfh.submitted(), *who)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_a_case_that_is_not_there_is_not_found(kjfh: Kjfh) -> None:
    kjfh.ok("db", "upgrade")
    for words in (("show", "x"), ("do", "x", "accept", *CLERK), ("preview", "x", "accept", *CLERK)):
        ran = kjfh("case", *words)
        assert (ran.code, ran.line) == (3, "there is no case 'x'")


def test_an_act_is_told_in_people_s_words_or_as_data(kjfh: Kjfh) -> None:
    case = kjfh.submitted()
    out = kjfh.ok("case", "do", case, "accept", *CLERK)
    assert out.splitlines() == [
        f"{case} 受理：已申请，待受理 → 科技局初审（第九条）",
        "  开始计时：审核期限，2021-03-29到期",
    ]
    done = kjfh.json("case", "do", case, "return_for_correction", *CLERK, "--with", 'missing=["场地平面图"]')
    assert (done["source"], done["state"]) == ("preliminary_review", "correction")
    assert done["stopped"] == ["review_due"]
    assert done["started"] == {"correction_due": "2021-03-22"}
    assert done["notices"] == [["correction_requested", "applicant"]]


def test_evidence_comes_from_the_command_line_and_from_files(kjfh: Kjfh) -> None:
    case = kjfh.submitted()
    kjfh.ok(
        "case", "do", case, "return_for_correction", *CLERK,
        "--with", 'missing=["场地平面图", "资金证明"]', "--with", "working_days=5",
    )  # fmt: skip
    Path("answer.toml").write_text('[override]\n"fund.partner_yuan" = 999999.99\n', "utf-8")
    kjfh.ok("case", "do", case, "resubmit", *OPERATOR, "--evidence", "answer.toml")
    Path("more.json").write_text('{"missing": ["x"], "reason": "第一次未写明"}', "utf-8")
    out = kjfh.ok(
        "case", "do", case, "return_for_correction", *CLERK,
        "--evidence", "more.json", "--with", "reason=资金不足=缺口", "--with", "working_days=6",
    )  # fmt: skip
    assert "补正期限，2021-03-09到期" in out
    data = kjfh.json("case", "show", case)
    assert data["facts"]["fund"]["partner_yuan"] == "999999.99"
    assert json.loads(data["timeline"][1]["evidence"]) == {"missing": ["场地平面图", "资金证明"], "working_days": 5}
    assert json.loads(data["timeline"][3]["evidence"]) == {
        "missing": ["x"], "reason": "资金不足=缺口", "working_days": 6
    }  # fmt: skip


def test_a_refused_act_says_every_reason_and_changes_nothing(kjfh: Kjfh) -> None:
    case = kjfh.accepted()
    before = kjfh.json("case", "show", case)
    ran = kjfh("case", "do", case, "pass_preliminary", *CLERK, "--with", 'findings={"y5_1_direction": true}')
    assert (ran.code, ran.out) == (1, "")
    head, *reasons = ran.err.splitlines()
    assert head == "refused:"
    assert len(reasons) == 4
    assert all(reason.endswith("[finding_missing]") and "第五条" in reason for reason in reasons)
    assert kjfh.json("case", "show", case) == before
    assert "[not_authorised]" in kjfh("case", "do", case, "pass_preliminary", *LEAD).err
    assert "[not_allowed_from_state]" in kjfh("case", "do", case, "fly", *CLERK).err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--with", "missing"), 2, "'missing' is not KEY=VALUE"),
        (("--evidence", "nowhere.toml"), 2, "nowhere.toml"),
        (("--evidence", "broken.toml"), 5, "broken.toml: is not readable: Invalid value (at line 1, column 5)"),
        (("--evidence", "broken.json"), 5, "broken.json: is not readable: Expecting value"),
        (("--evidence", "list.json"), 5, "list.json: must hold one table of evidence, field by field"),
        (("--evidence", "gbk.toml"), 5, "gbk.toml: is not readable: 'utf-8' codec can't decode"),
        (("--with", 'missing="x"'), 1, "[evidence_invalid]"),
        (("--with", 'colour="red"'), 1, "[evidence_invalid]"),
    ],
)
def test_evidence_that_cannot_be_used_is_said_so(kjfh: Kjfh, words: tuple[str, ...], code: int, said: str) -> None:
    Path("broken.toml").write_text("x = = 1", "utf-8")
    Path("broken.json").write_text('{"missing": ]', "utf-8")
    Path("list.json").write_text('["x"]', "utf-8")
    Path("gbk.toml").write_bytes('reason = "场地平面图"'.encode("gb18030"))
    case = kjfh.submitted()
    ran = kjfh("case", "do", case, "return_for_correction", *CLERK, *words)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert "an error of the program" not in ran.err
    assert kjfh.state(case) == "applied"


def test_a_repeated_request_gets_the_first_answer_and_another_act_a_conflict(kjfh: Kjfh) -> None:
    case = kjfh.submitted()
    first = kjfh.json("case", "do", case, "accept", *CLERK, "--request-id", "r1")
    assert kjfh.json("case", "do", case, "accept", *CLERK, "--request-id", "r1") == first
    ran = kjfh("case", "do", case, "withdraw", *OPERATOR, "--request-id", "r1")
    assert (ran.code, ran.line) == (4, "request id 'r1' was used for another act")
    assert kjfh.state(case) == "preliminary_review"


def test_a_preview_says_what_would_happen_and_keeps_nothing(kjfh: Kjfh) -> None:
    case = kjfh.submitted()
    out = kjfh.ok("case", "preview", case, "accept", *CLERK)
    assert "科技局初审" in out
    assert "审核期限，2021-03-29到期" in out
    assert kjfh.json("case", "preview", case, "accept", *CLERK)["started"] == {"review_due": "2021-03-29"}
    assert kjfh.state(case) == "applied"


def test_a_preview_of_a_refusal_says_so_by_its_exit_code_too(kjfh: Kjfh) -> None:
    case = kjfh.submitted()
    ran = kjfh("case", "preview", case, "accept", *LEAD)
    assert (ran.code, ran.err) == (1, "")
    assert "会被拒绝" in ran.out
    asked = kjfh("case", "preview", case, "accept", *LEAD, "--json")
    assert asked.code == 1
    assert [refusal["code"] for refusal in asked.data["refusals"]] == ["not_authorised"]


def test_a_role_that_does_not_exist_is_wrong_usage(kjfh: Kjfh) -> None:
    case = kjfh.submitted()
    for role in ("boss", "timer"):
        ran = kjfh("case", "do", case, "accept", "--as", "x", "--role", role, "--city", "yuyao")
        assert ran.code == 2
        assert f"unknown role '{role}'; allowed: applicant" in ran.err


# ---- policy packs ----------------------------------------------------------------------------------------------------


@pytest.fixture
def own_pack() -> Path:
    """A folder with a copy of Yuyao's pack, for changing."""
    shutil.copytree(states_dir() / "yuyao", Path("packs") / "yuyao")
    return Path("packs")


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf-8")


def test_the_program_s_own_packs_are_proved(kjfh: Kjfh, own_pack: Path) -> None:
    assert kjfh.ok("policy", "check") == "✓ cixi/2021-01-01\n✓ yuyao/2020-01-01\n"
    assert kjfh.json("policy", "check") == {"packs": ["cixi/2021-01-01", "yuyao/2020-01-01"], "problems": []}
    assert kjfh.ok("policy", "check", own_pack) == "✓ yuyao/2020-01-01\n"


@pytest.mark.parametrize(
    ("locale", "said"), [("en_GB.UTF-8", "did you mean 'applied'"), ("zh_CN.UTF-8", "是不是“applied”")]
)
def test_a_broken_pack_is_told_every_complaint_in_the_user_s_language(
    kjfh: Kjfh, own_pack: Path, monkeypatch: pytest.MonkeyPatch, locale: str, said: str
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    machine = own_pack / "yuyao/2020-01-01/machines/application.toml"
    rewrite(machine, 'from    = ["applied"]', 'from    = ["aplied"]')
    rewrite(own_pack / "yuyao/2020-01-01/policy.toml", 'article = "第十八条"\nstatus', 'article = "第十九条"\nstatus')
    ran = kjfh("policy", "check", own_pack)
    assert (ran.code, ran.out) == (5, "")
    assert any(
        "application.toml" in line and ".accept.from: " in line and said in line for line in ran.err.splitlines()
    )
    assert any("policy.toml" in line and "第十九条" in line for line in ran.err.splitlines())
    asked = kjfh("policy", "check", own_pack, "--json")
    assert asked.code == 5
    assert len(asked.data["problems"]) == len(ran.err.splitlines())


def test_a_folder_without_packs_is_a_complaint(kjfh: Kjfh) -> None:
    for words in (("policy", "check", "nowhere"), ("--states", "nowhere", "case", "list")):
        ran = kjfh(*words)
        assert ran.code == 5
        assert "nowhere" in ran.line


def test_a_pack_of_the_user_s_own_is_used_everywhere(kjfh: Kjfh) -> None:
    shutil.copytree(states_dir() / "yuyao", Path("packs") / "fenghua")
    rewrite(Path("packs/fenghua/2020-01-01/policy.toml"), '"yuyao"', '"fenghua"')
    own = ("--states", "packs")
    assert "✓ fenghua/2020-01-01\n" in kjfh.ok(*own, "policy", "check")
    assert kjfh.ok(*own, "policy", "show", "fenghua") != kjfh.ok("policy", "show", "yuyao")
    assert kjfh("policy", "show", "fenghua").code == 3


def test_a_pack_is_shown_as_a_page_or_as_data(kjfh: Kjfh) -> None:
    page = kjfh.ok("policy", "show", "yuyao")
    assert page.startswith("# ")
    assert "余科〔2021〕2号" in page
    data = kjfh.json("policy", "show", "yuyao", "--version", "2020-01-01")
    assert data["identity"]["document_no"] == "余科〔2021〕2号"
    assert len(data["digest"]) == 64
    assert "in_force" in {provision["key"] for provision in data["provisions"]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "ningbo"), "there is no policy pack for 'ningbo'; there are: cixi, yuyao"),
        (("show", "yuyao", "--version", "1999-01-01"), "the policy pack yuyao/1999-01-01 is not loaded"),
        (("diff", "yuyao", "cixi/1999-01-01"), "the policy pack cixi/1999-01-01 is not loaded"),
        (("coverage", "yuyao", "--scenarios", "nowhere"), "there is no folder nowhere"),
    ],
)
def test_a_pack_or_folder_that_is_not_there_is_not_found(kjfh: Kjfh, words: tuple[str, ...], said: str) -> None:
    ran = kjfh("policy", *words)
    assert ran.code == 3
    assert ran.line.startswith(said)


def test_a_machine_is_drawn_as_mermaid(kjfh: Kjfh) -> None:
    mermaid = kjfh.ok("policy", "graph", "yuyao", "application")
    assert "stateDiagram-v2" in mermaid
    assert "applied --> preliminary_review: accept" in mermaid
    asked = kjfh.json("policy", "graph", "cixi", "incubator")
    assert (asked["pack"], asked["kind"], asked["format"]) == ("cixi/2021-01-01", "incubator", "mermaid")


def test_a_machine_is_drawn_as_a_picture(kjfh: Kjfh) -> None:
    picture = kjfh.ok("policy", "graph", "yuyao", "application", "--svg")
    assert ET.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  (our own)
    asked = kjfh.json("policy", "graph", "yuyao", "application", "--svg")
    assert (asked["pack"], asked["graph"] + "\n") == ("yuyao/2020-01-01", picture)


def test_two_packs_are_compared_item_by_item(kjfh: Kjfh, own_pack: Path) -> None:
    out = kjfh.ok("policy", "diff", "yuyao", "cixi")
    assert out.startswith("yuyao/2020-01-01 → cixi/2021-01-01：")
    changes = kjfh.json("policy", "diff", "yuyao", "cixi")
    assert any(change["key"].startswith("criterion.m1_gathering") for change in changes)
    assert kjfh.json("policy", "diff", "yuyao", "yuyao/2020-01-01") == []


def test_the_coverage_says_of_every_article_who_deals_with_it_and_what_exercises_it(kjfh: Kjfh) -> None:
    out = kjfh.ok("policy", "coverage", "yuyao", "--scenarios", SCENARIOS)
    assert "第十八条" in out
    assert "yuyao/recognised" in out
    covered = {row["number"]: row for row in kjfh.json("policy", "coverage", "yuyao", "--scenarios", SCENARIOS)}
    assert len(covered) == 17
    assert {"yuyao/fraud_ban", "time/18_two_bans"} <= {*covered["第十四条"]["scenarios"]}
    assert "years/yuyao_graduate_grounds" in covered["第七条"]["scenarios"]
    assert "graduation.income" in covered["第七条"]["coded_in"]
    assert "years/yuyao_change_found" in covered["第十三条"]["scenarios"]
    assert [row["coded_in"] for row in (covered["第一条"], covered["第三条"])] == [[], []]
    assert all(row["scenarios"] == [] for row in kjfh.json("policy", "coverage", "yuyao"))


@pytest.mark.parametrize("city", ["yuyao", "cixi"])
def test_the_coverage_leaves_no_article_to_a_later_release(kjfh: Kjfh, city: str) -> None:
    for row in kjfh.json("policy", "coverage", city, "--scenarios", SCENARIOS):
        assert row["handling"] in ("coded", "person", "not_applicable"), row["number"]
        assert bool(row["coded_in"]) == (row["handling"] == "coded"), row["number"]
        assert row["note"] or row["handling"] == "coded", f"{row['number']} says why nothing is coded"


def test_a_broken_scenario_stops_the_coverage(kjfh: Kjfh) -> None:
    Path("ours").mkdir()
    Path("ours/broken.toml").write_text("[[step", "utf-8")
    ran = kjfh("policy", "coverage", "yuyao", "--scenarios", "ours")
    assert ran.code == 5
    assert "broken.toml" in ran.line


def test_an_open_question_is_confirmed_by_an_admin_and_listed_so(kjfh: Kjfh) -> None:
    kjfh.ok("db", "upgrade")
    questions = kjfh.json("policy", "open-questions", "yuyao")
    assert "in_force" in {row["question"]["key"] for row in questions}
    assert all(row["confirmed"] is None for row in questions)
    out = kjfh.ok(
        "policy", "confirm", "in_force", *ADMIN, "--name", "赵主任", "--note", "局长办公会", "--on", "2021-02-26"
    )
    assert out == "in_force：已确认（赵主任，2021-02-26）\n"
    confirmed = {row["question"]["key"]: row["confirmed"] for row in kjfh.json("policy", "open-questions", "yuyao")}
    assert confirmed["in_force"]["confirmed_by"] == "赵主任"
    assert confirmed["in_force"]["confirmed_on"] == "2021-02-26"
    assert confirmed["in_force"]["note"] == "局长办公会"
    table = kjfh.ok("policy", "open-questions", "yuyao")
    assert "赵主任" in table
    assert "未确认" in table
    left = kjfh.json("policy", "open-questions", "yuyao", "--unconfirmed")
    assert len(left) == len(questions) - 1
    done = kjfh.json("policy", "confirm", left[0]["question"]["key"], *ADMIN)
    assert done == {"key": left[0]["question"]["key"], "confirmed_by": "root", "confirmed_on": "2021-03-01"}


def test_open_questions_need_no_database(kjfh: Kjfh) -> None:
    for questions in (kjfh.json("policy", "open-questions", city) for city in ("yuyao", "cixi")):
        assert questions
        assert all(row["confirmed"] is None for row in questions)
    assert "standard.makerspace_numbers" in kjfh.ok("policy", "open-questions", "cixi")
    assert not kjfh.file.exists()
    kjfh.sql("CREATE TABLE other (x)")
    assert kjfh.json("policy", "open-questions", "cixi") == questions


@pytest.mark.parametrize(
    ("key", "who", "code", "said"),
    [
        ("in_force", CLERK, 1, "[not_authorised]"),
        ("in_forse", ADMIN, 3, "yuyao/2020-01-01 has no provision 'in_forse', did you mean 'in_force'?"),
        (
            "in_force",
            ("--as", "root", "--role", "admin", "--city", "ningbo"),
            3,
            "there is no policy pack for 'ningbo'",
        ),
        ("in_force", (*ADMIN, "--on", "gestern"), 2, "'gestern'"),
    ],
)
def test_nobody_else_confirms_and_nothing_else_is_confirmed(
    kjfh: Kjfh, key: str, who: tuple[str, ...], code: int, said: str
) -> None:
    kjfh.ok("db", "upgrade")
    ran = kjfh("policy", "confirm", key, *who)
    assert ran.code == code
    assert said in ran.err
    assert all(row["confirmed"] is None for row in kjfh.json("policy", "open-questions", "yuyao"))


# ---- scenarios and the demo ------------------------------------------------------------------------------------------


@pytest.fixture
def scenarios() -> Path:
    """A folder with three scenarios: one that holds, one that does not, one that cannot be read."""
    shutil.copytree(SCENARIOS / "facts", Path("ours") / "facts")
    folder = Path("ours") / "yuyao"
    folder.mkdir()
    good = (SCENARIOS / "yuyao" / "recognised.toml").read_text("utf-8")
    (folder / "good.toml").write_text(good, "utf-8")
    (folder / "bad.toml").write_text(good.replace("2021-04-06", "2021-04-07"), "utf-8")
    (folder / "typo.toml").write_text(good.replace('do = "accept"', 'do = "acept"'), "utf-8")
    return folder


def test_a_scenario_that_holds_is_told_step_by_step(kjfh: Kjfh, scenarios: Path) -> None:
    out = kjfh.ok("play", scenarios / "good.toml")
    assert "  ✓ 2021-03-02 good.toml step 2 clerk accept app\n" in out
    assert out.endswith("1 of 1 scenarios held\n")
    assert kjfh.ok("play", "--quiet", scenarios / "good.toml") == "1 of 1 scenarios held\n"
    [result] = kjfh.json("play", scenarios / "good.toml")
    assert result["held"]
    assert [step["do"] for step in result["steps"]] == ["submit", "accept", "pass_preliminary", "endorse", "endorse"]
    assert not kjfh.file.exists()


def test_a_scenario_that_does_not_hold_says_what_was_expected_and_found(kjfh: Kjfh, scenarios: Path) -> None:
    ran = kjfh("play", "--quiet", scenarios / "good.toml", scenarios / "bad.toml")
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.splitlines() == [
        "  ✗ 2021-03-15 bad.toml step 3 clerk pass_preliminary app",
        "      due app.review_due: expected 2021-04-07, found 2021-04-06",
        "1 of 2 scenarios held",
    ]
    [result] = kjfh("play", scenarios / "bad.toml", "--json").data
    assert [step["held"] for step in result["steps"]] == [True, True, False, True, True]
    assert {"what": "due app.review_due", "expected": "2021-04-07", "actual": "2021-04-06", "held": False} in result[
        "steps"
    ][2]["findings"]


def test_a_scenario_that_cannot_be_read_is_never_skipped_silently(kjfh: Kjfh, scenarios: Path) -> None:
    ran = kjfh("play", "-q", scenarios / "typo.toml", scenarios / "good.toml", "nowhere.toml")
    assert ran.code == 5
    assert "typo.toml step 2: do: 'acept' is not known; did you mean 'accept'?" in ran.err
    assert "there is no file nowhere.toml" in ran.err
    assert ran.out == "1 of 3 scenarios held\n"
    asked = kjfh("play", scenarios / "typo.toml", "--json")
    assert asked.code == 5
    [result] = asked.data
    assert not result["held"]
    assert result["problems"][0].startswith("typo.toml step 2: do: ")


def test_a_refusal_that_was_expected_is_told_as_one(kjfh: Kjfh) -> None:
    out = kjfh.ok("play", SCENARIOS / "yuyao" / "fraud_ban.toml")
    assert "✓ 2023-03-10 fraud_ban.toml step 5 op submit again ✗ refused banned" in out


def test_play_without_files_is_wrong_usage(kjfh: Kjfh) -> None:
    assert kjfh("play").code == 2


#: The day on which the demo ends.
DEMO_ENDS = date(2024, 12, 30)
#: Why somebody is refused in the demo, in order.
DEMO_REFUSALS = [
    ["finding_missing"], ["not_authorised"], ["over_cap"],
    ["same_person"], ["evidence_invalid"], ["no_graduation_ground"], ["evidence_missing"], ["same_person"],
]  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The demo's folder, and what it printed: told once, looked at by several tests."""
    folder = tmp_path_factory.mktemp("demo")
    done = run("demo", "--folder", "shown", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "shown", done.stdout


@pytest.fixture
def shown(kjfh: Kjfh, played: tuple[Path, str]) -> str:
    """What the demo printed; its folder is here, and the command looks at its database on its last day."""
    shutil.copytree(played[0], "shown")
    kjfh.url, kjfh.day = "sqlite:///shown/kjfh-demo.db", DEMO_ENDS
    return played[1]


def test_the_demo_takes_both_cities_to_recognition_and_proves_it(kjfh: Kjfh, shown: str) -> None:
    assert "application.xlsx 工作表“申请表” 第5行: 统一社会信用代码" in shown
    assert shown.count("被拒绝，什么也没有改变：") == shown.count("✗ ") == len(DEMO_REFUSALS)
    assert all(f"[{code}]" in shown for codes in DEMO_REFUSALS for code in codes)
    assert shown.count("立案：") == 2
    assert "history verified:" in shown
    assert "holds: True" in shown
    assert kjfh.ok("verify").endswith("everything holds\n")


def test_the_demo_lives_on_until_each_city_has_lost_a_title(kjfh: Kjfh, shown: str) -> None:
    assert sorted((row["city"], row["kind"], row["state"]) for row in kjfh.json("case", "list")) == [
        ("cixi", "application", "recognized"), ("cixi", "incubator", "promoted"), ("cixi", "incubator", "revoked"),
        ("yuyao", "application", "lapsed"), ("yuyao", "application", "recognized"), ("yuyao", "change", "kept"),
        ("yuyao", "incubator", "revoked"), ("yuyao", "promotion", "recognized_above"),
        ("yuyao", "tenancy", "graduated"),
    ]  # fmt: skip
    rounds = [(row["city"], row["year"], row["act"]) for row in kjfh.json("round", "list")]
    assert rounds == [
        (city, year, act)
        for city, years in (("cixi", [2022]), ("yuyao", [2021, 2022, 2023, 2024]))
        for year in years
        for act in ("open_round", "close_round")
    ]
    sent = {row["notice"] for row in kjfh.json("notice", "list")}
    assert {
        "round_opened", "grade_announced", "unqualified_warning", "rectification_ordered", "rectification_reminder",
        "rectification_overdue", "revocation_proposed", "revoked", "promotion_recommended", "promotion_recorded",
        "change_received", "change_kept", "award_proposed",
    } <= sent  # fmt: skip


def test_the_demo_ends_with_the_books_on_the_screen_and_in_a_workbook(kjfh: Kjfh, shown: str) -> None:
    end = shown[shown.index("━━ 结果 ━━") :]
    assert all(title in end for title in ("资格名录", "奖励台账", "奖励资金预测", "慈溪市目标进展"))
    assert "2024-12-30至2025-12-30没有到期的期限" in end, "the docket of whom nobody waits for"
    assert all(money in end for money in ("180,000.00", "80,000.00", "400,000.00"))
    sheets = openpyxl.load_workbook(Path("shown/books.xlsx")).worksheets
    tables = {sheet.title: [[cell.value for cell in row] for row in sheet.iter_rows()] for sheet in sheets}
    for title, columns, words in (
        ("资格名录", ("city_label", "case"), ("register",)),
        ("资格名录 2", ("city_label", "case"), ("register", "--on", "2022-12-31")),
        ("奖励台账", ("city_label", "case"), ("ledger", "list")),
        ("奖励资金预测", ("city_label", "year"), ("ledger", "forecast")),
    ):
        rows = kjfh.json(*words)["rows"]
        assert rows, title
        assert [row[:2] for row in tables[title][1:]] == [[row[name] for name in columns] for row in rows], title
    targets, *_ = kjfh.json("targets", "--city", "cixi", "--on", "2023-12-31")
    assert [row[0] for row in tables["慈溪市目标进展"][1:]] == [row["label"] for row in targets["rows"]]


def test_the_demo_s_money_is_in_the_ledger_to_the_last_yuan(kjfh: Kjfh, shown: str) -> None:
    rows = kjfh.json("ledger", "list")["rows"]
    assert sorted((row["city"], row["award"], row["yuan"], row["status"]) for row in rows) == [
        ("cixi", "recognition/2021/0", "800000.00", "held"),
        ("cixi", "recognition/2021/1", "180000.00", "paid"),
        ("cixi", "recognition/2022/2", "60000.00", "lapsed"),
        ("cixi", "recognition/2023/3", "60000.00", "lapsed"),
        ("yuyao", "annual/2021/0", "80000.00", "paid"),
        ("yuyao", "promotion/2022/0/ningbo", "400000.00", "paid"),
    ], "and no annual award for 2022, the year of the recognition above"
    assert all(row["approved_by"] and row["voucher"] for row in rows if row["status"] == "paid")


def test_the_demo_s_deadlines_end_as_its_docket_says_and_its_letters_lie_in_a_folder(kjfh: Kjfh, shown: str) -> None:
    assert "此后无人办理" in shown
    assert "逾期未补正，视为撤回" in shown
    letters = [*Path("shown/letters").glob("*/*.docx")]
    assert len(letters) == len(kjfh.json("notice", "list")) > 30


def test_the_demo_can_be_shown_again_and_as_data(kjfh: Kjfh) -> None:
    first, second = (kjfh.json("demo", "--folder", "shown") for _ in range(2))
    assert second["verified"]["problems"] == []
    assert len(second["register"]) == len(first["register"]) == 9
    assert [event.get("event") for event in second["events"]] == [event.get("event") for event in first["events"]]
    assert [event["refused"] for event in second["events"] if "refused" in event] == DEMO_REFUSALS
    assert [*second["books"]] == ["register", "register_then", "ledger", "forecast", "targets"]
    assert [row["state"] for row in second["books"]["register"]["rows"]] == ["promoted"], "what is left of three"
    assert len(second["books"]["register_then"]["rows"]) == 3
    assert second["delivered"]["sent"] == len([*Path("shown/letters").iterdir()])
