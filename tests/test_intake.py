"""Application folders: real files in, facts or every problem out."""

from __future__ import annotations

import csv
import io
import re
import sys
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pydantic import BaseModel, field_validator

from kjfh_workflow.errors import IntakeError, Problem
from kjfh_workflow.intake import folder as folder_module
from kjfh_workflow.intake import tables, workbook
from kjfh_workflow.intake.columns import (
    FORM_ITEMS,
    FORM_SHEET,
    GRADUATES,
    MATERIALS,
    MENTORS,
    ROSTERS,
    STAFF,
    TENANTS,
    Column,
    Kind,
    Roster,
)
from kjfh_workflow.intake.folder import ApplicationFolder, read_folder
from kjfh_workflow.intake.headings import Headings
from kjfh_workflow.intake.template import write_template
from kjfh_workflow.intake.values import read_value
from kjfh_workflow.policy.loader import load_pack
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.resources import examples_dir, states_dir
from kjfh_workflow.rules.facts import Facts, Tenant

TENANT: dict[str, Any] = {
    "企业名称": "余姚入驻企业01有限公司",
    "统一社会信用代码": "91330281MA2F00101P",
    "成立日期": "2019-01-15",
    "入驻日期": "2019-08-03",
    "使用面积（平方米）": "600",
    "技术领域": "智能制造",
    "是否科技型中小企业": "是",
    "注册地是否在场地内": "是",
    "研发办公是否在场地内": "是",
    "是否申请知识产权": "是",
    "投融资额（万元）": "50",
}
PERSON = {"岗位": "S01", "是否专业人员": "是"}
MENTOR = {"岗位": "M01"}
GRADUATE = {
    "企业名称": "余姚毕业企业01有限公司",
    "统一社会信用代码": "91330281MA2G00102D",
    "入驻日期": "2017-03-01",
    "毕业日期": "2020-03-01",
    "毕业依据": "高新技术企业",
}
FORM_TOML = """
city = "yuyao"
type = "incubator"
materials = ["application_form", "operator_licence"]
[operator]
name = "余姚朝阳科技孵化器有限公司"
uscc = "91330281MA2B00001P"
registered_in = "余姚市"
independent_legal_person = true
registered_on = 2018-05-10
operating_since = 2019-03-01
[premises]
address = "科技路1号"
township = "城区街道"
self_controlled = true
area_m2 = 6000.5
public_service_m2 = 700
[fund]
own_seed_yuan = 2000000
partner_yuan = 1000000
"""

Rows = Sequence[Mapping[str, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound folder: the form in TOML, the rosters in CSV."""
    path = tmp_path / "申请"
    path.mkdir()
    (path / "application.toml").write_text(FORM_TOML, "utf-8")
    write_csv(path / "tenants.csv", [TENANT])
    write_csv(path / "staff.csv", [PERSON])
    write_csv(path / "mentors.csv", [MENTOR])
    return path


@pytest.fixture(scope="module")
def yuyao() -> PolicyPack:
    return load_pack(states_dir() / "yuyao" / "2020-01-01")


def write_csv(path: Path, rows: Rows, encoding: str = "utf-8", delimiter: str = ",") -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(rows[0])
    writer.writerows(["" if cell is None else cell for cell in row.values()] for row in rows)
    path.write_bytes(out.getvalue().encode(encoding))


def write_xlsx(path: Path, rows: Rows, title: str = "入驻企业") -> None:
    path.with_suffix(".csv").unlink(missing_ok=True)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append(list(row.values()))
    book.save(path)


def tenants(folder: Path, *changes: Mapping[str, Any], xlsx: bool = False) -> Any:
    """The tenants as read, after each change has been made to a row of its own."""
    rows = [{**TENANT, **change} for change in changes]
    if xlsx:
        write_xlsx(folder / "tenants.xlsx", rows)
    else:
        write_csv(folder / "tenants.csv", rows)
    return read_folder(folder).facts["tenants"]


def problems(read: Callable[[], object]) -> tuple[Problem, ...]:
    with pytest.raises(IntakeError) as caught:
        read()
    return caught.value.problems


def only_problem(read: Callable[[], object]) -> Problem:
    (problem,) = problems(read)
    return problem


# ---- a sound folder -------------------------------------------------------------------------------


def test_a_sound_folder_gives_facts_that_the_rules_accept(folder: Path) -> None:
    read = read_folder(folder)
    assert (read.city, read.type, read.uscc) == ("yuyao", "incubator", "91330281MA2B00001P")
    assert read.name == "余姚朝阳科技孵化器有限公司"
    assert read.materials == ["application_form", "operator_licence"]
    facts = Facts.model_validate(read.facts)
    assert facts.premises.area_m2 == Decimal("6000.5")
    assert facts.tenants[0].invested_yuan == Decimal(500_000)
    assert facts.tenants[0].founded_on == date(2019, 1, 15)
    assert facts.graduates == ()


def test_every_field_of_the_facts_has_a_column() -> None:
    def paths(model: type[BaseModel], above: str = "") -> set[str]:
        found = set()
        for name, info in model.model_fields.items():
            inner = info.annotation
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found |= paths(inner, f"{above}{name}.")
            else:
                found.add(above + name)
        return found

    rosters = {roster.name for roster in ROSTERS}
    assert {item.field for item in FORM_ITEMS} == paths(Facts) - rosters | {"city", "type"}
    for roster in ROSTERS:
        row = Facts.model_fields[roster.name].annotation
        assert row is not None
        assert {column.field for column in roster.columns} == set(row.__args__[0].model_fields)


@pytest.mark.parametrize("columns", [*(roster.columns for roster in (*ROSTERS, MATERIALS)), FORM_ITEMS])
def test_every_heading_and_synonym_finds_its_own_column(columns: tuple[Column, ...]) -> None:
    headings = Headings(columns)
    for column in columns:
        for name in (column.heading, column.field):
            assert headings.match(name)[0] is column
        for synonym in column.synonyms:
            unit = "（元）" if column.kind is Kind.YUAN else ""
            assert headings.match(synonym + unit)[0] is column


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_is_read_in_every_usual_encoding(folder: Path, encoding: str) -> None:
    write_csv(folder / "tenants.csv", [{**TENANT, "企业名称": "余姚㛃媄（宁波）科技有限公司"}], encoding)
    assert read_folder(folder).facts["tenants"][0]["name"] == "余姚㛃媄（宁波）科技有限公司"


@pytest.mark.parametrize("delimiter", ["\t", ";"])
def test_csv_may_be_separated_by_tabs_or_semicolons(folder: Path, delimiter: str) -> None:
    write_csv(folder / "tenants.csv", [TENANT], delimiter=delimiter)
    assert len(read_folder(folder).facts["tenants"]) == 1


def test_rosters_may_be_xlsx(folder: Path) -> None:
    write_xlsx(folder / "staff.xlsx", [{**PERSON, "姓名": "张三"}], "Sheet1")
    write_xlsx(folder / "mentors.xlsx", [{"岗位": 7}], "导师")
    write_xlsx(folder / "graduates.xlsx", [GRADUATE], "毕业企业")
    facts = read_folder(folder).facts
    assert facts["staff"] == [{"post": "S01", "professional": True, "name": "张三"}]
    assert facts["mentors"] == [{"post": "7"}]
    assert facts["graduates"][0]["graduated_on"] == date(2020, 3, 1)


def test_english_field_names_are_headings_too(folder: Path) -> None:
    row = dict(zip((column.field for column in TENANTS.columns), TENANT.values(), strict=True))
    write_csv(folder / "tenants.csv", [row])
    assert read_folder(folder).facts["tenants"][0]["invested_yuan"] == Decimal(50)


def test_own_columns_titles_and_blank_rows_do_not_matter(folder: Path) -> None:
    cells = [
        ["2020年入驻企业名单"],
        [],
        ["序号", *TENANT, "备注"],
        ["1", *TENANT.values(), "老企业"],
        [""] * 13,
        [" ", "\u3000"],
    ]
    with (folder / "tenants.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(cells)
    assert len(read_folder(folder).facts["tenants"]) == 1


def test_the_same_firm_twice_is_left_to_the_evaluation(folder: Path) -> None:
    assert len(tenants(folder, {}, {})) == 2


def test_a_sheet_with_a_wrong_extent_is_read_whole(folder: Path) -> None:
    write_xlsx(folder / "tenants.xlsx", [TENANT, TENANT])
    repack(folder / "tenants.xlsx", "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b'ref="A1:K3"', b'ref="A1"'))
    assert len(read_folder(folder).facts["tenants"]) == 2


def repack(path: Path, part: str, change: Callable[[bytes], bytes]) -> None:
    """Change one part of a workbook."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    changed = change(parts[part])
    assert changed != parts[part]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**parts, part: changed}.items():
            archive.writestr(name, content)


# ---- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "2021-03-01",
        "2021/3/1",
        "2021.3.1",
        "2021年3月1日",
        "20210301",
        "２０２１年３月１日",
        " 2021-03-01 ",
        "2021-03-01 00:00:00",
    ],
)
def test_days_are_read_in_every_usual_form(folder: Path, written: str) -> None:
    assert tenants(folder, {"入驻日期": written})[0]["entered_on"] == date(2021, 3, 1)


def test_date_cells_are_read_as_days(folder: Path) -> None:
    read = tenants(
        folder,
        {"成立日期": date(2019, 1, 15), "入驻日期": datetime(2021, 3, 1)},  # noqa: DTZ001
        {"成立日期": 20190115, "入驻日期": "2021年3月1日"},
        xlsx=True,
    )
    assert [(row["founded_on"], row["entered_on"]) for row in read] == [(date(2019, 1, 15), date(2021, 3, 1))] * 2


def test_a_serial_number_counts_where_the_cell_is_a_date(folder: Path) -> None:
    rows = [{**TENANT, "成立日期": 43480}]
    write_xlsx(folder / "tenants.xlsx", rows)
    problem = only_problem(lambda: read_folder(folder))
    assert (problem.key, problem.message) == ("成立日期", "“43480”不是日期，应如2021-03-01")
    book = openpyxl.load_workbook(folder / "tenants.xlsx")
    book["入驻企业"]["C2"].number_format = "yyyy/m/d"
    book.save(folder / "tenants.xlsx")
    assert read_folder(folder).facts["tenants"][0]["founded_on"] == date(2019, 1, 15)


@pytest.mark.parametrize(
    "wrong", ["2021-13-45", "2019-02-30", "去年", "2021年3月", "21-3-1", "0219-01-15", "2021-03-01 14:30"]
)
def test_what_is_no_day_is_named(folder: Path, wrong: str) -> None:
    problem = only_problem(lambda: tenants(folder, {"入驻日期": wrong}))
    assert problem.place == "tenants.csv 第2行"
    assert problem.key == "入驻日期"
    assert wrong in problem.message


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("是", True),
        ("否", False),
        ("√", True),
        ("×", False),
        ("有", True),
        ("无", False),
        ("TRUE", True),
        ("false", False),
        ("1", True),
        ("0", False),
        (1, True),
        (0.0, False),
        (True, True),
        (False, False),
        (" 是 ", True),
        ("１", True),
    ],
)
def test_yes_and_no_are_read_in_every_usual_form(cell: object, value: bool) -> None:
    assert read_value(Kind.YES_NO, cell) is value


@pytest.mark.parametrize(
    ("heading", "written", "yuan"),
    [
        ("投融资额（万元）", "1.5", "15000.00"),
        ("投融资额(万元)", "1,234.56", "12345600.00"),
        ("投融资额万元", "１２．５", "125000.00"),
        ("投融资额（元）", "15000.05", "15000.05"),
        ("融资额 （ 元 ）", "1,234,567.89", "1234567.89"),
        ("invested_yuan", "0", "0.00"),
    ],
)
def test_sums_follow_the_unit_of_the_heading_exactly(folder: Path, heading: str, written: str, yuan: str) -> None:
    row = {**TENANT}
    del row["投融资额（万元）"]
    write_csv(folder / "tenants.csv", [{**row, heading: written}])
    assert str(read_folder(folder).facts["tenants"][0]["invested_yuan"]) == yuan


@pytest.mark.parametrize("heading", ["投融资额", "投融资额（千元）"])
def test_a_sum_without_a_known_unit_is_one_problem(folder: Path, heading: str) -> None:
    row = {**TENANT, heading: 1}
    del row["投融资额（万元）"]
    write_csv(folder / "tenants.csv", [row])
    problem = only_problem(lambda: read_folder(folder))
    assert problem.key == heading
    assert "“投融资额（万元）”或“投融资额（元）”" in problem.message


def test_an_area_in_another_unit_is_not_taken_for_square_metres(folder: Path) -> None:
    row = {**TENANT, "面积（亩）": 1}
    del row["使用面积（平方米）"]
    write_csv(folder / "tenants.csv", [row])
    assert only_problem(lambda: read_folder(folder)).key == "面积（亩）"


def test_binary_noise_does_not_reach_the_facts(folder: Path) -> None:
    read = tenants(folder, {"使用面积（平方米）": 0.1, "投融资额（万元）": 0.1 + 0.2}, xlsx=True)
    assert str(read[0]["area_m2"]) == "0.1"
    assert str(read[0]["invested_yuan"]) == "3000.00"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("五十", "不是数字"),
        ("50万元", "单位写在表头"),
        ("-5", "不能小于0"),
        ("1.1234567", "精确到分"),
        ("1e5", "不是数字"),
        ("1,23", "不是数字"),
        ("9" * 30, "数字过长"),
        ("9" * 20, "数字过长"),
        ("nan", "不是数字"),
        ("#N/A", "公式的错误值"),
    ],
)
def test_what_is_no_sum_is_named(folder: Path, wrong: str, said: str) -> None:
    problem = only_problem(lambda: tenants(folder, {"投融资额（万元）": wrong}))
    assert wrong in problem.message
    assert said in problem.message


def test_full_width_figures_and_blanks_are_plain_ones_but_chinese_brackets_stay(folder: Path) -> None:
    read = tenants(
        folder, {"企业名称": "\u3000余姚１号（宁波）\n科技有限公司 ", "统一社会信用代码": "９１３３０２８１ma2f00101p"}
    )
    assert read[0]["name"] == "余姚1号（宁波） 科技有限公司"
    assert read[0]["uscc"] == "91330281MA2F00101P"


def test_a_wrong_check_digit_is_named(folder: Path) -> None:
    problem = only_problem(lambda: tenants(folder, {"统一社会信用代码": "91330281MA2F00101X"}))
    assert "校验码应为P，现为X" in problem.message


def test_a_code_typed_as_a_number_is_refused(folder: Path) -> None:
    problem = only_problem(lambda: tenants(folder, {"统一社会信用代码": 913302810000000001}, xlsx=True))
    assert "文本格式" in problem.message


@pytest.mark.parametrize(
    ("name", "said"), [("企" * 201, "最多200字"), ("余姚\u200b企业", "控制字符"), (None, "必须填写")]
)
def test_words_keep_to_the_limits_of_the_facts(folder: Path, name: str | None, said: str) -> None:
    assert said in only_problem(lambda: tenants(folder, {"企业名称": name})).message


def test_a_date_in_a_column_of_words_is_refused(folder: Path) -> None:
    assert "应为文字" in only_problem(lambda: tenants(folder, {"技术领域": date(2021, 1, 1)}, xlsx=True)).message


# ---- formulas -------------------------------------------------------------------------------------


def with_formula(folder: Path, cached: bytes) -> None:
    write_xlsx(folder / "tenants.xlsx", [{**TENANT, "使用面积（平方米）": "=300*2"}])
    repack(
        folder / "tenants.xlsx",
        "xl/worksheets/sheet1.xml",
        # How an empty value is written depends on whether lxml is installed.
        lambda xml: re.sub(rb"<v ?/>|<v></v>", cached, xml),
    )


def test_the_cached_result_of_a_formula_is_read(folder: Path) -> None:
    with_formula(folder, b"<v>600</v>")
    assert read_folder(folder).facts["tenants"][0]["area_m2"] == 600


def test_a_formula_without_result_is_named(folder: Path) -> None:
    write_xlsx(folder / "tenants.xlsx", [{**TENANT, "使用面积（平方米）": "=300*2"}])
    problem = only_problem(lambda: read_folder(folder))
    assert (problem.place, problem.key) == ("tenants.xlsx 工作表“入驻企业” 第2行", "使用面积（平方米）")
    assert "公式没有计算结果" in problem.message


def test_a_formula_whose_result_is_empty_is_blank(folder: Path) -> None:
    write_xlsx(folder / "staff.xlsx", [{**PERSON, "姓名": '=""'}], "工作人员")
    repack(
        folder / "staff.xlsx", "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b'<c r="C2">', b'<c r="C2" t="str">')
    )
    assert read_folder(folder).facts["staff"] == [{"post": "S01", "professional": True}]


# ---- headings and rows ----------------------------------------------------------------------------


def test_an_unknown_column_is_told_the_nearest_one(folder: Path) -> None:
    problem = only_problem(lambda: tenants(folder, {"成立年月日": "2019-01-15"}))
    assert (problem.place, problem.key) == ("tenants.csv 第1行", "成立年月日")
    assert "最接近的是“成立日期”" in problem.message


def test_a_missing_column_is_said_once(folder: Path) -> None:
    row = {**TENANT}
    del row["成立日期"]
    write_csv(folder / "tenants.csv", [row, row])
    assert only_problem(lambda: read_folder(folder)) == Problem("tenants.csv 第1行", "成立日期", "缺少这一列")


def test_the_same_column_twice_is_a_problem(folder: Path) -> None:
    problem = only_problem(lambda: tenants(folder, {"成立时间": "2019-01-15"}))
    assert "与“成立日期”是同一列" in problem.message


def test_values_without_a_heading_are_a_problem(folder: Path) -> None:
    problem = only_problem(lambda: tenants(folder, {"": "13800000000"}, {"": "13900000000"}))
    assert (problem.place, problem.key) == ("tenants.csv 第2行", "第12列")


@pytest.mark.parametrize("word", ["合计", "总 计", "小计：", "合计12家"])
def test_a_row_that_adds_up_is_to_be_deleted(folder: Path, word: str) -> None:
    blank = dict.fromkeys(TENANT)
    write_csv(folder / "tenants.csv", [TENANT, {**blank, "企业名称": word, "使用面积（平方米）": "600"}])
    problem = only_problem(lambda: read_folder(folder))
    assert problem.place == "tenants.csv 第3行"
    assert f"“{word}”行请删除" in problem.message


def test_a_firm_whose_name_begins_like_a_total_is_a_firm(folder: Path) -> None:
    assert tenants(folder, {"企业名称": "合计科技有限公司"})[0]["name"] == "合计科技有限公司"


def test_an_empty_roster_has_no_headings(folder: Path) -> None:
    (folder / "staff.csv").write_text("", "utf-8")
    assert "第一行应为表头" in only_problem(lambda: read_folder(folder)).message


def test_every_problem_of_every_file_comes_at_once(folder: Path) -> None:
    (folder / "application.toml").write_text(FORM_TOML.replace("91330281MA2B00001P", "91330281MA2B00001Q"), "utf-8")
    (folder / "mentors.csv").unlink()
    write_csv(folder / "staff.csv", [{**PERSON, "是否专业人员": "也许"}])
    wrong: Rows = [{"统一社会信用代码": "1", "入驻日期": "x"}, {}, {"使用面积（平方米）": None}]
    found = problems(lambda: tenants(folder, *wrong))
    assert [(problem.place, problem.key) for problem in found] == [
        ("application.toml", "operator.uscc"),
        ("mentors.xlsx或mentors.csv", ""),
        ("tenants.csv 第2行", "统一社会信用代码"),
        ("tenants.csv 第2行", "入驻日期"),
        ("tenants.csv 第4行", "使用面积（平方米）"),
        ("staff.csv 第2行", "是否专业人员"),
    ]


def test_what_only_the_facts_object_to_is_told_by_row_and_column(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NewTenant(Tenant):
        @field_validator("field")
        @classmethod
        def no_software(cls, value: str) -> str:
            if value == "软件":
                raise ValueError("本市不受理软件企业")
            return value

    class NewFacts(Facts):
        tenants: tuple[NewTenant, ...]

    monkeypatch.setattr(folder_module, "Facts", NewFacts)
    problem = only_problem(lambda: tenants(folder, {}, {"技术领域": "软件"}))
    assert problem == Problem("tenants.csv 第3行", "技术领域", "本市不受理软件企业")


# ---- files ----------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "没有这个文件夹" in only_problem(lambda: read_folder(tmp_path / "x")).message


@pytest.mark.parametrize(("name", "kinds"), [("tenants", ".xlsx"), ("application", ".xlsx")])
def test_two_files_of_one_name_are_a_problem(folder: Path, name: str, kinds: str) -> None:
    (folder / f"{name}{kinds}").write_bytes(b"")
    assert "只能有其中一个" in only_problem(lambda: read_folder(folder)).message


def test_an_old_xls_is_told_to_be_saved_as_xlsx(folder: Path) -> None:
    (folder / "tenants.csv").rename(folder / "tenants.xls")
    problem = only_problem(lambda: read_folder(folder))
    assert problem.place == "tenants.xls"
    assert "另存为tenants.xlsx" in problem.message


def test_other_files_and_letter_case_do_not_matter(folder: Path) -> None:
    (folder / "营业执照.pdf").write_bytes(b"%PDF")
    (folder / "~$tenants.xlsx").write_bytes(b"x")
    (folder / "staff.csv").rename(folder / "Staff.CSV")
    assert read_folder(folder).facts["staff"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no zip", "不是完好的"),
        (b"", "不是完好的"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "打开密码"),
        (b"PK\x05\x06" + b"\0" * 18, "不是完好的"),
    ],
)
def test_a_corrupt_workbook_is_named(folder: Path, content: bytes, said: str) -> None:
    (folder / "tenants.csv").unlink()
    (folder / "tenants.xlsx").write_bytes(content)
    problem = only_problem(lambda: read_folder(folder))
    assert problem.place == "tenants.xlsx"
    assert said in problem.message


def test_a_workbook_with_a_broken_sheet_is_named(folder: Path) -> None:
    write_xlsx(folder / "tenants.xlsx", [TENANT])
    repack(folder / "tenants.xlsx", "xl/worksheets/sheet1.xml", lambda xml: xml[:-40])
    assert "不是完好的" in only_problem(lambda: read_folder(folder)).message


def test_a_workbook_with_entities_is_refused(folder: Path) -> None:
    write_xlsx(folder / "tenants.xlsx", [TENANT])
    repack(folder / "tenants.xlsx", "xl/worksheets/sheet1.xml", lambda xml: b'<!DOCTYPE x [<!ENTITY a "b">]>' + xml)
    assert "XML 声明" in only_problem(lambda: read_folder(folder)).message


def test_a_row_number_beyond_any_spreadsheet_is_not_followed(folder: Path) -> None:
    write_xlsx(folder / "mentors.xlsx", [MENTOR, MENTOR], "创业导师")
    repack(
        folder / "mentors.xlsx",
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b'<row r="3"', b'<row r="99999999999"'),
    )
    assert len(read_folder(folder).facts["mentors"]) == 1


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'"never closed'])
def test_a_csv_that_is_none_is_named(folder: Path, content: bytes) -> None:
    (folder / "mentors.csv").write_bytes(content)
    assert only_problem(lambda: read_folder(folder)).place == "mentors.csv"


def test_a_zip_bomb_is_refused_before_it_is_unpacked(folder: Path) -> None:
    write_xlsx(folder / "tenants.xlsx", [TENANT])
    with zipfile.ZipFile(folder / "tenants.xlsx", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/bomb.xml", b"\0" * (32 * 1024 * 1024))
    assert "压缩比异常" in only_problem(lambda: read_folder(folder)).message


def test_the_limits_of_size_and_rows_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 2)
    assert len(tenants(folder, {}, {})) == 2
    assert "超过2行" in only_problem(lambda: tenants(folder, {}, {}, {})).message
    write_xlsx(folder / "tenants.xlsx", [TENANT])
    monkeypatch.setattr(workbook, "MAX_UNPACKED", 1000)
    assert "解压后有" in only_problem(lambda: read_folder(folder)).message
    monkeypatch.setattr(tables, "MAX_BYTES", 10)
    assert {problem.place for problem in problems(lambda: read_folder(folder)) if "超过上限" in problem.message} == {
        "application.toml",
        "tenants.xlsx",
        "staff.csv",
        "mentors.csv",
    }


def test_without_openpyxl_csv_is_read_and_xlsx_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    assert read_folder(folder).facts["tenants"]
    (folder / "graduates.xlsx").write_bytes(b"PK")
    problem = only_problem(lambda: read_folder(folder))
    assert problem.place == "graduates.xlsx"
    assert "pip install 'kjfh-workflow[xlsx]'" in problem.message
    with pytest.raises(IntakeError, match="pip install"):
        write_template(folder / "new")
    assert not (folder / "new").exists()


def test_ten_thousand_rows_are_read_in_seconds_and_progress_is_told(folder: Path) -> None:
    write_xlsx(folder / "tenants.xlsx", [{**TENANT, "成立日期": date(2019, 1, 15), "使用面积（平方米）": 33.3}])

    def multiply(xml: bytes) -> bytes:
        before, row, after = re.split(rb'(<row r="2".*?</row>)', xml)
        cells = re.compile(rb' r="([A-Z]*)2"')
        return before + b"".join(cells.sub(rb' r="\g<1>%d"' % n, row) for n in range(2, 10_002)) + after

    repack(folder / "tenants.xlsx", "xl/worksheets/sheet1.xml", multiply)
    told: list[tuple[int, int]] = []
    began = time.process_time()  # what others do on the machine meanwhile is not counted
    read = read_folder(folder, lambda done, total: told.append((done, total)))
    # About 2 s; the bound leaves room for a slow machine.
    assert time.process_time() - began < 10
    assert len(read.facts["tenants"]) == 10_000
    assert len(told) > 10
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1] >= 10_000


def test_a_progress_bar_that_fails_is_not_taken_for_a_broken_file(folder: Path) -> None:
    write_xlsx(folder / "tenants.xlsx", [TENANT] * 600)

    def fail(done: int, total: int) -> None:
        raise RuntimeError("no terminal")

    with pytest.raises(RuntimeError, match="no terminal"):
        read_folder(folder, fail)


# ---- the form -------------------------------------------------------------------------------------


def test_toml_that_does_not_parse_names_its_line(folder: Path) -> None:
    (folder / "application.toml").write_text('city = "yuyao"\ntype = \n', "utf-8")
    assert only_problem(lambda: read_folder(folder)).place == "application.toml 第2行"


def test_toml_with_a_mark_in_front_is_read(folder: Path) -> None:
    (folder / "application.toml").write_text(FORM_TOML, "utf-8-sig")
    assert read_folder(folder).city == "yuyao"


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ("area_m2 = 6000.5", "aera_m2 = 6000.5", "premises.aera_m2", "最接近的是“premises.area_m2”"),
        ("self_controlled = true", "self_controlled = 2", "premises.self_controlled", "应为是或否"),
        ('materials = ["application_form", "operator_licence"]', "materials = 1", "materials", "列表"),
        ('materials = ["application_form", "operator_licence"]', "", "materials", "缺少这一项"),
        ('type = "incubator"', "", "type", "缺少这一项"),
        ('type = "incubator"', 'type = "孵化器"', "type", "编号"),
    ],
)
def test_what_is_wrong_in_toml_is_named_by_its_key(folder: Path, old: str, new: str, key: str, said: str) -> None:
    (folder / "application.toml").write_text(FORM_TOML.replace(old, new, 1), "utf-8")
    found = problems(lambda: read_folder(folder))
    assert any(problem.key == key and said in problem.message for problem in found)


def test_materials_in_toml_may_be_a_table_of_yes_and_no(folder: Path) -> None:
    text = FORM_TOML.replace('materials = ["application_form", "operator_licence"]', "")
    (folder / "application.toml").write_text(text + "[materials]\napplication_form = true\nother = false\n", "utf-8")
    assert read_folder(folder).materials == ["application_form"]


def test_labels_stand_for_short_names_where_packs_are_given(folder: Path, yuyao: PolicyPack) -> None:
    text = FORM_TOML.replace('"yuyao"', '"余姚市"').replace('"incubator"', '"众创空间"')
    (folder / "application.toml").write_text(text.replace('"operator_licence"', '"运营机构营业执照复印件"'), "utf-8")
    read = read_folder(folder, packs=[yuyao])
    assert (read.city, read.type, read.materials) == ("yuyao", "makerspace", ["application_form", "operator_licence"])
    (folder / "application.toml").write_text(text.replace('"余姚市"', '"宁海县"'), "utf-8")
    problem = next(p for p in problems(lambda: read_folder(folder, packs=[yuyao])) if p.key == "city")
    assert "可以是：yuyao（余姚市）" in problem.message


def test_unknown_material_ids_are_left_to_the_submission(folder: Path, yuyao: PolicyPack) -> None:
    (folder / "application.toml").write_text(FORM_TOML.replace('"operator_licence"', '"diploma"'), "utf-8")
    assert read_folder(folder, packs=[yuyao]).materials == ["application_form", "diploma"]


# ---- templates ------------------------------------------------------------------------------------


def fill(path: Path, sheet: str, rows: Sequence[Sequence[Any]], column: int = 1) -> None:
    book = openpyxl.load_workbook(path)
    for number, row in enumerate(rows, 2):
        for index, cell in enumerate(row, column):
            if cell is not None:
                book[sheet].cell(number, index, cell)
    book.save(path)


def example_row(roster: Roster) -> list[Any]:
    return [column.example for column in roster.columns]


def test_filled_templates_are_read_back(tmp_path: Path, yuyao: PolicyPack) -> None:
    written = write_template(tmp_path / "t", yuyao, "incubator")
    assert [path.name for path in written] == ["application.xlsx", *(f"{roster.name}.xlsx" for roster in ROSTERS)]
    fill(written[0], FORM_SHEET, [[None if item.field in ("city", "type") else item.example] for item in FORM_ITEMS], 2)
    fill(written[0], MATERIALS.label, [["是"]] * 5 + [["否"]], 3)
    for path, roster in zip(written[1:], ROSTERS, strict=True):
        fill(path, roster.label, [example_row(roster)])
    read = read_folder(tmp_path / "t")
    assert (read.city, read.type, len(read.materials)) == ("yuyao", "incubator", 5)
    facts = Facts.model_validate(read.facts)
    assert facts.fund.own_seed_yuan == 2_000_000
    assert facts.declared.tenant_area_m2 == 12
    assert (len(facts.tenants), len(facts.staff), len(facts.mentors), len(facts.graduates)) == (1, 1, 1, 1)


def test_an_empty_template_asks_for_every_required_item_by_its_row(tmp_path: Path, yuyao: PolicyPack) -> None:
    write_template(tmp_path / "t", yuyao)
    found = problems(lambda: read_folder(tmp_path / "t"))
    assert Problem("application.xlsx 工作表“申请表” 第3行", "申请类型", "必须填写") in found
    required = sum(item.required for item in FORM_ITEMS)
    # The city is filled in; each material waits for its yes or no.
    assert len(found) == required - 1 + len(yuyao.identity.materials)


def test_templates_have_frozen_headings_formats_a_guide_and_drop_downs(tmp_path: Path, yuyao: PolicyPack) -> None:
    written = write_template(tmp_path / "t", yuyao)
    book = openpyxl.load_workbook(written[1])
    sheet = book["入驻企业"]
    assert sheet.freeze_panes == "A2"
    assert sheet["A1"].font.bold
    assert sheet.column_dimensions["B"].number_format == "@"
    assert sheet.column_dimensions["C"].number_format == "yyyy-mm-dd"
    assert sheet.column_dimensions["A"].width >= 20
    guide = book["填写说明"]
    assert [row[0].value for row in guide.iter_rows(min_row=2)] == [column.heading for column in TENANTS.columns]
    offered = [cell.value for column in book["选项"].iter_cols() for cell in column if cell.value]
    assert {"是", "否", "生物医药", "软件"} <= set(offered)
    rules = {str(rule.sqref).split(":")[0]: rule for rule in sheet.data_validations.dataValidation}
    assert set(rules) == {"F2", "G2", "H2", "I2", "J2"}
    assert rules["G2"].showErrorMessage
    assert not rules["F2"].showErrorMessage
    form = openpyxl.load_workbook(written[0])
    assert [cell.value for cell in form["申请材料"]["A"][1:]] == [material.id for material in yuyao.identity.materials]
    assert form[FORM_SHEET]["B2"].value == "yuyao（余姚市）"


def test_a_template_works_without_a_pack(tmp_path: Path) -> None:
    assert len(write_template(tmp_path / "a" / "b")) == 1 + len((TENANTS, STAFF, MENTORS, GRADUATES))


def test_a_template_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "staff.csv").write_text("x", "utf-8")
    problem = only_problem(lambda: write_template(tmp_path))
    assert problem.place == "staff.csv"
    assert [path.name for path in tmp_path.iterdir()] == ["staff.csv"]


def test_a_type_that_the_city_does_not_have_is_refused(tmp_path: Path, yuyao: PolicyPack) -> None:
    problem = only_problem(lambda: write_template(tmp_path, yuyao, "factory"))
    assert "incubator（科技企业孵化器）" in problem.message


def test_a_label_that_looks_like_a_formula_stays_text(tmp_path: Path, yuyao: PolicyPack) -> None:
    identity = yuyao.identity.model_copy(update={"city_label": "x", "materials": ()})
    material = yuyao.identity.materials[0].model_copy(update={"label": "=1+1"})
    pack = PolicyPack(
        identity=identity.model_copy(update={"materials": (material,)}),
        criteria=(),
        tenant_conditions=(),
        standards=(),
        machines={},
        words=yuyao.words,
        version=yuyao.version,
        digest="",
    )
    written = write_template(tmp_path, pack)
    cell = openpyxl.load_workbook(written[0])["申请材料"]["B2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


# ---- the examples ---------------------------------------------------------------------------------


def example(name: str) -> ApplicationFolder:
    return read_folder(examples_dir() / name)


def test_a_folder_may_be_named_by_a_text_and_gives_the_evidence_of_its_application() -> None:
    read = read_folder(str(examples_dir() / "cixi-haian"))
    assert read == example("cixi-haian")
    assert read.evidence == {"type": "makerspace", "facts": read.facts, "materials": read.materials}


def test_the_yuyao_example_is_the_strong_incubator() -> None:
    read = example("yuyao-chaoyang")
    facts = Facts.model_validate(read.facts)
    assert (read.city, read.type, read.uscc) == ("yuyao", "incubator", "91330281MA2B00001P")
    assert read.materials == [
        "application_form",
        "operator_licence",
        "premises_and_staff",
        "tenants_and_accounts",
        "graduates",
    ]
    assert (len(facts.tenants), len(facts.staff), len(facts.mentors), len(facts.graduates)) == (12, 5, 2, 0)
    assert facts.fund.own_seed_yuan + facts.fund.partner_yuan == 3_000_000
    assert facts.tenants[0].invested_yuan == 500_000
    assert sum(tenant.area_m2 for tenant in facts.tenants) == 4_230
    assert sum(person.professional for person in facts.staff) == 4
    assert facts.tenants[11].entered_on == date(2020, 10, 16)


def test_the_cixi_example_is_the_makerspace() -> None:
    read = example("cixi-haian")
    facts = Facts.model_validate(read.facts)
    assert (read.city, read.type, read.uscc) == ("cixi", "makerspace", "91330282MA2E00700J")
    assert read.materials == ["application_form", "operator_licence", "premises", "evidence"]
    assert (len(facts.tenants), len(facts.staff), len(facts.mentors), facts.makers) == (8, 3, 3, 40)
    assert facts.fund.own_seed_yuan == 300_000
    assert facts.premises.area_m2 == 1_200
    assert not facts.park.small_micro_park


def test_the_flawed_example_reports_every_flaw_with_sheet_row_and_column() -> None:
    form, firms = "application.xlsx 工作表“申请表”", "tenants.xlsx 工作表“入驻企业”"
    assert [(problem.place, problem.key) for problem in problems(lambda: example("flawed"))] == [
        (f"{form} 第5行", "统一社会信用代码"),
        (f"{form} 第11行", "镇街道"),
        (f"{form} 第13行", "场地面积（平方米）"),
        (f"{form} 第15行", "自有种子资金"),
        ("application.xlsx 工作表“申请材料” 第4行", "是否提交"),
        ("mentors.xlsx或mentors.csv", ""),
        (f"{firms} 第1行", "联系人手机"),
        (f"{firms} 第2行", "统一社会信用代码"),
        (f"{firms} 第3行", "成立日期"),
        (f"{firms} 第4行", "使用面积（平方米）"),
        (f"{firms} 第5行", "是否科技型中小企业"),
        (f"{firms} 第6行", "企业名称"),
        (f"{firms} 第7行", "统一社会信用代码"),
        (f"{firms} 第8行", "投融资额（万元）"),
        (f"{firms} 第9行", "投融资额（万元）"),
        (f"{firms} 第10行", "使用面积（平方米）"),
        (f"{firms} 第14行", ""),
        ("staff.csv 第1行", "是否专业人士"),
        ("staff.csv 第1行", "是否专业人员"),
        ("graduates.xlsx 工作表“毕业企业” 第2行", "毕业日期"),
    ]
    (decimals,) = (p for p in problems(lambda: example("flawed")) if p.place == f"{firms} 第10行")
    assert decimals.message == "“330.12345”最多4位小数"
