"""Spreadsheets: what is written is exact, never a formula and never half a file; what comes back is read with care."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, overload

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kjfh_workflow import WorkflowError
from kjfh_workflow.books.sheet import REPLACEMENT, read, save
from kjfh_workflow.books.table import Column, Table
from kjfh_workflow.errors import InputError

NAME = Column("name", "单位")
DAY = Column("day", "日期", "date")
YUAN = Column("yuan", "金额（元）", "yuan")
COUNT = Column("count", "数量", "number")
COLUMNS = (NAME, DAY, YUAN, COUNT)


class Made(Sequence[Mapping[str, Any]]):
    """So many rows, each made when it is asked for."""

    def __init__(self, length: int, then: Exception | None = None) -> None:
        self._length = length
        self._then = then

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        raise AssertionError(f"rows are read in order, not by {index}")

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        yield from ({"name": f"慈溪{number}号公司", "yuan": Decimal(number)} for number in range(self._length))
        if self._then:
            raise self._then


def table(*rows: Mapping[str, Any], title: str = "清单", note: str = "") -> Table:
    return Table(title, COLUMNS, rows, note)


def written(path: Path, *tables: Table) -> Any:
    """The workbook as openpyxl reads it."""
    save(path, tables)
    return openpyxl.load_workbook(path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "表.xlsx"


# ---- writing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","领取")', "#N/A", "123", "=", "是"]
)
def test_text_is_never_a_formula(file: Path, text: str) -> None:
    cell = written(file, table({"name": text})).worksheets[0]["A2"]
    assert (cell.data_type, cell.value) == ("s", text)
    assert cell.quotePrefix == text.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_text_that_looks_like_a_formula_comes_back_as_text(file: Path) -> None:
    save(file, [table({"name": "=1+1"}, {"name": "@甲"})])
    assert [(row.values, row.problems) for row in read(file, "清单", COLUMNS)] == [
        ({"name": "=1+1"}, ()),
        ({"name": "@甲"}, ()),
    ]


def test_headings_and_notes_are_text_too(file: Path) -> None:
    book = written(file, Table("清单", (Column("x", "=1"),), [{"x": "一"}], note="=2"))
    assert (book["清单"]["A1"].data_type, book["说明"]["B2"].data_type) == ("s", "s")


@given(st.text(max_size=30))
@settings(max_examples=40)
def test_any_text_comes_back_but_for_what_a_file_cannot_hold(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.mktemp("any") / "x.xlsx"
    value = written(file, table({"name": text})).worksheets[0]["A2"].value or ""
    assert len(value) == len(text)
    assert all(old in (new, "\r") or new == REPLACEMENT for old, new in zip(text, value, strict=True))


def test_what_a_file_cannot_hold_is_seen_to_be_missing(file: Path) -> None:
    book = written(file, table({"name": "甲\x00乙\x1f丙\ud800\uffff"}))
    assert book.worksheets[0]["A2"].value == f"甲{REPLACEMENT}乙{REPLACEMENT}丙{REPLACEMENT}{REPLACEMENT}"


def test_a_text_too_long_for_a_cell_says_so(file: Path) -> None:
    value = written(file, table({"name": "长" * 40_000})).worksheets[0]["A2"].value
    assert len(value) == 32_767
    assert value.endswith("…")


@given(st.lists(st.decimals(-(10**13), 10**17, places=2, allow_nan=False), min_size=1, max_size=30))
@settings(max_examples=20)
def test_sums_come_back_to_the_cent(tmp_path_factory: pytest.TempPathFactory, sums: list[Decimal]) -> None:
    file = tmp_path_factory.mktemp("sums") / "x.xlsx"
    save(file, [table(*({"name": "x", "yuan": yuan} for yuan in sums))])
    sheet = openpyxl.load_workbook(file).worksheets[0]
    found = [sheet.cell(row, 3).value for row in range(2, len(sums) + 2)]
    assert [Decimal(value if isinstance(value, str) else f"{value:.15g}") for value in found] == sums


def test_sums_show_two_places_and_days_are_days(file: Path) -> None:
    row = {"name": "甲", "day": date(2021, 3, 1), "yuan": Decimal("180000"), "count": 3}
    sheet = written(file, table(row)).worksheets[0]
    assert (sheet["B2"].value, sheet["B2"].is_date) == (datetime(2021, 3, 1), True)  # noqa: DTZ001
    assert (sheet["C2"].value, sheet["C2"].number_format) == (180_000, "#,##0.00")
    assert (sheet["D2"].value, sheet["D2"].data_type) == (3, "n")


def test_a_sum_longer_than_a_spreadsheet_counts_is_written_out(file: Path) -> None:
    cell = written(file, table({"yuan": Decimal("9999999999999.99")})).worksheets[0]["C2"]
    assert (cell.data_type, cell.value) == ("s", "9999999999999.99")


def test_the_headings_stay_in_sight_and_columns_fit_chinese(file: Path) -> None:
    sheet = written(file, table({"name": "慈溪海岸众创空间有限公司", "count": 1})).worksheets[0]
    assert sheet.freeze_panes == "A2"
    assert sheet["A1"].font.bold
    assert sheet.column_dimensions["A"].width == 26
    assert sheet.column_dimensions["D"].width == 8


def test_a_column_is_no_wider_than_a_page(file: Path) -> None:
    assert written(file, table({"name": "长" * 500})).worksheets[0].column_dimensions["A"].width == 60


def test_every_table_has_a_sheet_and_notes_have_one_together(file: Path) -> None:
    book = written(file, table(title="付款/清单"), table(title="付款 清单"), table(title="长" * 40, note="须知"))
    assert book.sheetnames == ["付款 清单", "付款 清单 2", "长" * 31, "说明"]
    assert [cell.value for cell in book["说明"][2]] == ["长" * 40, "须知"]


def test_a_drop_down_offers_the_choices(file: Path) -> None:
    save(file, [table({"name": "甲"}, {})], choices={"name": ("已付", "失败")})
    rule = openpyxl.load_workbook(file).worksheets[0].data_validations.dataValidation[0]
    assert (rule.formula1, str(rule.sqref), rule.showErrorMessage) == ('"已付,失败"', "A2:A3", True)


def test_the_same_tables_give_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = [table({"name": "甲", "yuan": Decimal("1.10")}, note="须知")]
    save(tmp_path / "a.xlsx", tables)
    monkeypatch.setattr("time.localtime", lambda *_: (2030, 1, 2, 3, 4, 5, 0, 0, 0))
    save(tmp_path / "b.xlsx", tables)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_a_file_that_may_be_filled_in_is_not_overwritten(file: Path) -> None:
    file.write_text("filled in")
    with pytest.raises(WorkflowError, match="not overwritten"):
        save(file, [table()], replace=False)
    assert file.read_text() == "filled in"
    save(file, [table()])
    assert openpyxl.load_workbook(file).sheetnames == ["清单"]


def test_a_failure_leaves_the_old_file_and_nothing_else(file: Path) -> None:
    file.write_text("old")
    with pytest.raises(RuntimeError, match="the database is gone"):
        save(file, [Table("清单", COLUMNS, Made(600, then=RuntimeError("the database is gone")))])
    assert file.read_text() == "old"
    assert [*file.parent.iterdir()] == [file]


def test_a_file_that_cannot_be_written_is_called_by_its_own_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as failed:
        save(tmp_path / "nowhere" / "list.xlsx", [table()])
    assert failed.value.filename == str(tmp_path / "nowhere" / "list.xlsx")


def test_a_value_of_another_kind_is_written_as_text(file: Path) -> None:
    sheet = written(file, table({"day": "不详", "yuan": 1.5, "count": "多"})).worksheets[0]
    assert [(cell.value, cell.data_type) for cell in sheet[2][1:]] == [("不详", "s"), ("1.5", "s"), ("多", "s")]


def test_without_openpyxl_it_is_said_what_to_install(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(WorkflowError, match=r"pip install 'kjfh-workflow\[xlsx\]'"):
        save(file, [table()])


def test_memory_does_not_grow_with_the_rows(file: Path) -> None:
    peaks = []
    for rows in (500, 10_000):
        tracemalloc.start()
        save(file, [Table("清单", COLUMNS, Made(rows))])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1024 * 1024


# ---- reading what comes back ---------------------------------------------------------------------------------------


def returned(path: Path, *rows: tuple[Any, ...]) -> Path:
    """A list as somebody's spreadsheet program saved it."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "清单"
    for row in rows:
        sheet.append([*row])
    book.save(path)
    return path


def test_what_was_written_is_read(file: Path) -> None:
    row = {"name": "=甲", "day": date(2021, 3, 1), "yuan": Decimal("0.10"), "count": 2}
    save(file, [table(row, {"name": "乙"})])
    first, second = read(file, "清单", COLUMNS)
    assert (first.number, first.values, first.problems) == (2, row, ())
    assert (second.number, second.values) == (3, {"name": "乙"})


def test_columns_are_known_by_their_labels_wherever_they_stand(file: Path) -> None:
    headings = ("金额 (元)", "随手记", "单位", "数量", "日期")
    returned(file, ("付款清单",), headings, (1.1, "=不读", "甲", "2", "2021年3月1日"))
    (row,) = read(file, "清单", COLUMNS)
    assert row.number == 3
    assert row.values == {"name": "甲", "day": date(2021, 3, 1), "yuan": Decimal("1.10"), "count": 2}


def test_missing_and_doubled_columns_refuse_the_file(file: Path) -> None:
    returned(file, ("单位", "单位", "日期"), ("甲", "乙", "2021-03-01"))
    with pytest.raises(InputError) as error:
        read(file, "清单", COLUMNS)
    assert [(problem.key, problem.message) for problem in error.value.problems] == [
        ("单位", "这一列重复"),
        ("金额（元）", "缺少这一列"),
        ("数量", "缺少这一列"),
    ]


def test_another_sheet_is_not_taken_for_the_list(file: Path) -> None:
    save(file, [table({"name": "甲"}, title="别的")])
    with pytest.raises(InputError, match="没有工作表“清单”"):
        read(file, "清单", COLUMNS)


def test_a_formula_anywhere_in_a_row_is_a_problem_of_that_row(file: Path) -> None:
    headings = ("单位", "日期", "金额（元）", "数量", "随手记")
    returned(file, headings, ("甲", None, "=1+1", None, "x"), ("乙", None, 2, None, "=A1"), ("丙", None, 3, None, "x"))
    first, second, third = read(file, "清单", COLUMNS)
    assert first.problems[0] == "C2是公式；请直接填写内容"
    assert second.problems == ("E3是公式；请直接填写内容",)
    assert third.problems == ()


def test_what_cannot_be_read_is_a_problem_of_its_row(file: Path) -> None:
    returned(file, ("单位", "日期", "金额（元）", "数量"), ("甲", "昨天", "一百", 1.5))
    (row,) = read(file, "清单", COLUMNS)
    assert row.values == {"name": "甲"}
    assert [problem.partition("：")[0] for problem in row.problems] == ["日期", "金额（元）", "数量"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_a_list_saved_as_csv_is_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "清单.csv"
    text = '单位,日期,金额（元）,数量\n甲,2021/3/1,"180,000.00",1\n=cmd|x,,,\n'
    file.write_bytes(text.encode(encoding))
    first, second = read(file, "清单", COLUMNS)
    assert first.values["yuan"] == Decimal("180000.00")
    assert first.problems == ()
    assert second.problems == ("“=cmd|x”是公式；请直接填写内容",)


def test_a_broken_file_is_refused(file: Path) -> None:
    file.write_bytes(b"PK nothing")
    with pytest.raises(InputError):
        read(file, "清单", COLUMNS)
