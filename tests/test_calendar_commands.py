"""``kjfh calendar``: what is announced later is recorded once, with its source, and moves what runs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.commands import ADMIN, CLERK, LEAD, Kjfh

AMENDMENT = """
source = "国办发明电〔2021〕1号"
rest = [2021-03-15, 2021-03-16]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "holidays.toml"
    path.write_text(AMENDMENT, "utf-8")
    return path


def test_an_amendment_is_recorded_and_moves_what_runs(kjfh: Kjfh, file: Path) -> None:
    case = kjfh.accepted()
    kjfh.ok("case", "do", case, "return_for_correction", *CLERK, "--with", 'missing=["场地平面图"]')
    before = kjfh.json("case", "show", case)["clocks"]["correction_due"]["due"]
    assert "recorded as 1" in kjfh.ok("calendar", "add", file, *ADMIN)
    kjfh.ok("tick")
    assert before == "2021-03-22"
    assert kjfh.json("case", "show", case)["clocks"]["correction_due"]["due"] == "2021-03-24"
    [notice] = kjfh.json("calendar", "notices")
    assert (notice["source"], notice["recorded_by"], notice["moved"]) == ("国办发明电〔2021〕1号", "root", 1)
    assert "国办发明电〔2021〕1号" in kjfh.ok("calendar", "notices")
    assert "deadline_moved" in {row["notice"] for row in kjfh.json("notice", "list")}


def test_a_year_is_shown_with_what_differs_from_the_week(kjfh: Kjfh, file: Path) -> None:
    kjfh.ok("db", "upgrade")
    kjfh.ok("calendar", "add", file, *ADMIN)
    shown = kjfh.json("calendar", "show", "2021")
    assert "2021-03-15" in shown["rest"]
    assert "2021-02-07" in shown["work"], "a make-up Sunday of the State Council's notice"
    assert "2021-03-13" not in shown["rest"], "an ordinary Saturday is nothing to tell"
    table = kjfh.ok("calendar", "show", "2021")
    assert "2021-03-15" in table
    assert "尚未公布" not in table
    assert "尚未公布" in kjfh.ok("calendar", "show", "2099")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rest = [2021-03-15", "is not readable as TOML"),
        (AMENDMENT + "sourse = 1", "sourse: is not a known key; allowed: rest, source, work, year"),
        ('source = "甲"\nrest = ["2021-03-15"]', "rest: must be a list of dates"),
        ('source = "甲"\nyear = "2021"\nrest = [2021-03-15]', "year: must be a year"),
        ("rest = [2021-03-15]", "source: must say where it is written"),
        ('source = "甲"', "at least one day"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_and_nothing_is_recorded(
    kjfh: Kjfh, file: Path, text: str, told: str
) -> None:
    kjfh.ok("db", "upgrade")
    file.write_text(text, "utf-8")
    ran = kjfh("calendar", "add", file, *ADMIN)
    assert ran.code == 5
    assert told in ran.err
    assert kjfh.json("calendar", "notices") == []


def test_only_an_admin_records(kjfh: Kjfh, file: Path) -> None:
    kjfh.ok("db", "upgrade")
    ran = kjfh("calendar", "add", file, *LEAD)
    assert (ran.code, kjfh.json("calendar", "notices")) == (1, [])
    assert "not_authorised" in ran.err


def test_a_failing_alarm_is_named_and_the_tick_exits_with_one(kjfh: Kjfh, tmp_path: Path) -> None:
    case = kjfh.accepted()
    kjfh.ok("case", "do", case, "return_for_correction", *CLERK, "--with", 'missing=["场地平面图"]')
    broken = tmp_path / "templates" / "application_lapsed"
    broken.mkdir(parents=True)
    for part in ("subject.txt", "title.txt", "body.txt"):
        (broken / part).write_text("{{ nothing.of_the_kind }}", "utf-8")
    kjfh.day = date(2021, 6, 1)
    ran = kjfh("--templates", tmp_path / "templates", "tick")
    assert ran.code == 1
    assert f"{case} correction_due expire cannot ring" in ran.err
    assert "nothing" in ran.err
    assert kjfh.state(case) == "correction"
    assert f"！{case} correction_due expire 到期未能办理" in kjfh.ok("docket")
    kjfh.day = date(2021, 6, 2)
    kjfh.ok("tick")
    assert kjfh.state(case) == "lapsed"
