"""The payment list: what goes out to Finance, and what is recorded, and what never is, when it comes back."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from kjfh_workflow import NotAuthorised, WorkflowError
from kjfh_workflow.books.payments import Reconciled, Result
from kjfh_workflow.errors import InputError
from tests.bureau import Bureau
from tests.commands import Kjfh
from tests.test_ledger import FIRST, Cixi

KEY = "清单编号（勿改）"
PAID = {"付款结果": "已付", "付款日期": date(2021, 3, 1), "凭证号": "V1"}


@pytest.fixture
def cixi(bureau: Bureau) -> Cixi:
    return Cixi(bureau)


@pytest.fixture
def quick(desk: Bureau) -> Cixi:
    return Cixi(desk)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "付款清单.xlsx"


def listed(cixi: Cixi, file: Path) -> Path:
    """The list as it goes out."""
    cixi.office.workflow.ledger.payment_list(by=cixi.cashier).save(file)
    return file


def filled(file: Path, *answers: dict[str, Any]) -> Path:
    """Finance fills in the rows, one after the other."""
    book = openpyxl.load_workbook(file)
    sheet = book["付款清单"]
    columns = {cell.value: number for number, cell in enumerate(sheet[1], 1)}
    for number, answer in enumerate(answers, 2):
        for label, value in answer.items():
            sheet.cell(number, columns[label]).value = value
    book.save(file)
    return file


def back(cixi: Cixi, file: Path) -> Reconciled:
    return cixi.office.workflow.ledger.reconcile(file, by=cixi.cashier)


def results(found: Reconciled) -> list[str]:
    return [str(line.result) for line in found.lines]


def status(cixi: Cixi, case: str, award: str = "recognition/2021/1") -> str:
    rows = cixi.office.workflow.ledger.of_case(case).awards.rows
    return next(str(row["status"]) for row in rows if row["award"] == award)


# ---- the list that goes out ----------------------------------------------------------------------------------------


def test_what_is_approved_is_on_the_list_with_columns_to_fill_in(cixi: Cixi, file: Path) -> None:
    case = cixi.approved(1)
    cixi.recognised(2)
    book = openpyxl.load_workbook(listed(cixi, file))
    assert book.sheetnames == ["付款清单", "暂不付款", "说明"]
    headings, *rows = book["付款清单"].iter_rows(values_only=True)
    assert len(rows) == 1
    row = dict(zip(headings, rows[0], strict=True))
    assert row[KEY] == f"{case}#recognition/2021/1"
    assert (row["运营机构"], row["金额（元）"], row["依据"]) == ("慈溪1号众创空间有限公司", 180_000, "三（三）")
    assert [row[label] for label in ("付款结果", "付款日期", "凭证号", "备注")] == [None] * 4


def test_who_approved_an_award_still_finds_it_on_the_list(quick: Cixi) -> None:
    quick.approved()
    assert len(quick.office.workflow.ledger.payment_list(by=quick.finance).payable.rows) == 1


def test_what_is_blocked_waits_on_a_sheet_of_its_own_with_the_reason(cixi: Cixi, file: Path) -> None:
    cixi.approved(1)
    blocked = cixi.approved(2)
    cixi.office.act(blocked, "propose_revocation", cixi.clerk, ground="不再符合条件", article="三（四）")
    found = cixi.office.workflow.ledger.payment_list(by=cixi.cashier)
    assert [row["case"] for row in found.waiting.rows] == [blocked]
    assert "（三（三））" in found.waiting.rows[0]["reasons"]
    assert blocked not in [row["case"] for row in found.payable.rows]
    cixi.office.act(blocked, "release_award", cixi.finance, **FIRST, reason="与本次事由无关")
    cixi.office.act(blocked, "approve_award", cixi.finance, **FIRST)
    found = cixi.office.workflow.ledger.payment_list(by=cixi.cashier)
    assert (len(found.payable.rows), len(found.waiting.rows)) == (2, 0)


def test_the_list_is_of_one_city_and_for_its_finance(quick: Cixi) -> None:
    quick.approved()
    desk = quick.office.workflow.ledger
    assert desk.payment_list(by=quick.office.finance).payable.rows == []
    for stranger in (quick.clerk, quick.lead, quick.operator(1), quick.office.auditor):
        with pytest.raises(NotAuthorised):
            desk.payment_list(by=stranger)


def test_a_list_is_never_written_over_one_that_may_be_filled_in(quick: Cixi, file: Path) -> None:
    quick.approved()
    listed(quick, file)
    with pytest.raises(WorkflowError, match="not overwritten"):
        listed(quick, file)


# ---- the list that comes back --------------------------------------------------------------------------------------


def test_what_was_paid_is_recorded(cixi: Cixi, file: Path) -> None:
    case = cixi.approved()
    found = back(cixi, filled(listed(cixi, file), PAID))
    assert results(found) == ["paid"]
    row = cixi.office.workflow.ledger.of_case(case).awards.rows[0]
    assert (row["status"], row["paid_on"], row["voucher"]) == ("paid", date(2021, 3, 1), "V1")
    assert row["approved_by"] == "chen"
    assert cixi.office.workflow.verify().problems == []


def test_a_list_read_twice_pays_nothing_twice(cixi: Cixi, file: Path) -> None:
    case = cixi.approved()
    filled(listed(cixi, file), PAID)
    back(cixi, file)
    version = cixi.office.workflow.case(case).case.version
    again = cixi.office.on(date(2021, 3, 2)).workflow.ledger
    assert results(again.reconcile(file, by=cixi.cashier)) == ["paid_before"]
    assert results(again.reconcile(file, by=cixi.finance)) == ["paid_before"]
    assert cixi.office.workflow.case(case).case.version == version


def test_two_who_read_the_same_list_at_once_pay_it_once(cixi: Cixi, file: Path) -> None:
    for number in range(4):
        cixi.approved(number)
    filled(listed(cixi, file), *[PAID] * 4)
    with ThreadPoolExecutor(2) as pool:
        found = [*pool.map(lambda _: back(cixi, file), range(2))]
    counted = [line.result for one in found for line in one.lines]
    assert (counted.count(Result.PAID), counted.count(Result.PAID_BEFORE)) == (4, 4)


def test_another_voucher_for_what_is_paid_is_refused(quick: Cixi, file: Path) -> None:
    quick.approved()
    back(quick, filled(listed(quick, file), PAID))
    (line,) = back(quick, filled(file, {"凭证号": "V2"})).lines
    assert (line.result, line.codes) == (Result.REFUSED, ("award_not_in_that_status",))


def test_what_was_reversed_is_not_taken_for_paid(quick: Cixi, file: Path) -> None:
    case = quick.approved()
    back(quick, filled(listed(quick, file), PAID))
    quick.office.act(case, "reverse_award", quick.finance, **FIRST, reason="退款")
    assert results(back(quick, file)) == ["refused"]
    assert status(quick, case) == "reversed"


def test_what_failed_stays_approved_with_finances_remark(quick: Cixi, file: Path) -> None:
    case = quick.approved()
    (line,) = back(quick, filled(listed(quick, file), {"付款结果": "失败", "备注": "账号有误"})).lines
    assert (line.result, line.message) == (Result.FAILED, "账号有误")
    assert status(quick, case) == "approved"


def test_a_failure_of_what_stands_paid_asks_for_a_reversal(quick: Cixi, file: Path) -> None:
    quick.approved()
    back(quick, filled(listed(quick, file), PAID))
    (line,) = back(quick, filled(file, {"付款结果": "失败"})).lines
    assert line.result is Result.FAILED
    assert "冲销" in line.message


def test_another_sum_than_the_ledgers_is_not_recorded(quick: Cixi, file: Path) -> None:
    one, two = sorted([quick.approved(1), quick.approved(2)])
    found = back(quick, filled(listed(quick, file), PAID | {"金额（元）": 179_999.99}, PAID | {"金额（元）": None}))
    assert results(found) == ["differs", "differs"]
    assert found.lines[0].message == "清单179,999.99元，台账180,000.00元"
    assert {status(quick, one), status(quick, two)} == {"approved"}


def test_a_formula_keeps_its_own_row_from_being_paid(quick: Cixi, file: Path) -> None:
    for number in (1, 2, 3):
        quick.approved(number)
    found = back(quick, filled(listed(quick, file), PAID | {"凭证号": "=1+1"}, PAID, PAID | {"备注": "=A1"}))
    assert results(found) == ["unreadable", "paid", "unreadable"]


def test_answers_that_are_none_are_told_row_by_row(quick: Cixi, file: Path) -> None:
    for number in (1, 2, 3, 4):
        quick.approved(number)
    wrong = (PAID | {"付款结果": "大概"}, PAID | {"付款日期": "昨天"}, {"付款结果": "已付"})
    found = back(quick, filled(listed(quick, file), {}, *wrong))
    assert results(found) == ["open", "unreadable", "unreadable", "refused"]
    assert "应为已付或失败" in found.lines[1].message
    assert found.lines[3].codes == ("evidence_missing",)


def test_rows_that_are_no_awards_of_the_city_are_unknown(quick: Cixi, file: Path) -> None:
    case = quick.approved()
    listed(quick, file)
    found = quick.office.workflow.ledger.reconcile(filled(file, PAID), by=quick.office.finance)
    assert results(found) == ["unknown"]
    keys = (f"{case}#recognition/2031/1", "nonsense", None)
    filled(file, *[PAID | {KEY: key} for key in keys])
    assert results(back(quick, file)) == ["unknown", "unknown", "unknown", "missing"]
    assert status(quick, case) == "approved"


def test_a_row_that_stands_twice_is_paid_by_neither(quick: Cixi, file: Path) -> None:
    case = quick.approved()
    row = PAID | {KEY: f"{case}#recognition/2021/1", "金额（元）": 180_000}
    assert results(back(quick, filled(listed(quick, file), row, row))) == ["unreadable", "unreadable"]
    assert status(quick, case) == "approved"


def test_a_row_that_was_deleted_is_missed(quick: Cixi, file: Path) -> None:
    one, two = sorted([quick.approved(1), quick.approved(2)])
    book = openpyxl.load_workbook(listed(quick, file))
    book["付款清单"].delete_rows(3)
    book.save(file)
    quick.office.on(date(2021, 3, 2))
    quick.approved(3)
    found = back(quick, filled(file, PAID))
    assert [(line.result, line.key.partition("#")[0]) for line in found.lines] == [
        (Result.PAID, one),
        (Result.MISSING, two),
    ]


def test_who_approved_may_not_record_the_payment(quick: Cixi, file: Path) -> None:
    case = quick.approved()
    filled(listed(quick, file), PAID)
    (line,) = quick.office.workflow.ledger.reconcile(file, by=quick.finance).lines
    assert (line.result, line.codes) == (Result.REFUSED, ("same_person",))
    assert status(quick, case) == "approved"


def test_what_was_blocked_since_the_list_went_out_is_not_paid(quick: Cixi, file: Path) -> None:
    case = quick.approved()
    filled(listed(quick, file), PAID)
    quick.office.act(case, "propose_revocation", quick.clerk, ground="不再符合条件", article="三（四）")
    (line,) = back(quick, file).lines
    assert (line.result, line.codes) == (Result.REFUSED, ("payment_blocked",))


def test_of_two_promotions_in_a_year_each_is_paid_under_its_own_voucher(quick: Cixi, file: Path) -> None:
    case = quick.recognised()
    for level in ("ningbo", "national"):
        quick.promoted(case, level, date(2021, 3, 1))
    for _ in range(2):
        quick.office.act(case, "approve_award", quick.finance, kind="promotion", year=2021)
    listed(quick, file)
    found = back(quick, filled(file, PAID | {"凭证号": "国家"}, PAID | {"凭证号": "宁波"}))
    assert results(found) == ["paid", "paid"]
    rows = quick.office.workflow.ledger.of_case(case).awards.rows
    assert {row["award"]: row["voucher"] for row in rows if row["kind"] == "promotion"} == {
        "promotion/2021/0/national": "国家",
        "promotion/2021/0/ningbo": "宁波",
    }


def test_each_of_two_promotions_in_a_year_is_paid_by_itself(quick: Cixi, file: Path) -> None:
    case = quick.recognised()
    for level in ("ningbo", "national"):
        quick.promoted(case, level, date(2021, 3, 1))
    for _ in range(2):
        quick.office.act(case, "approve_award", quick.finance, kind="promotion", year=2021)
    found = back(quick, filled(listed(quick, file), PAID, {"付款结果": "失败"}))
    assert results(found) == ["paid", "failed"]
    stands = {level: status(quick, case, f"promotion/2021/0/{level}") for level in ("ningbo", "national")}
    assert stands == {"ningbo": "approved", "national": "paid"}


def test_a_list_without_its_columns_is_refused_as_a_whole(quick: Cixi, file: Path) -> None:
    case = quick.approved()
    book = openpyxl.load_workbook(filled(listed(quick, file), PAID))
    sheet = book["付款清单"]
    sheet.delete_cols([cell.value for cell in sheet[1]].index("凭证号") + 1)
    book.save(file)
    with pytest.raises(InputError, match="凭证号: 缺少这一列"):
        back(quick, file)
    assert status(quick, case) == "approved"


def test_only_finance_of_the_city_reconciles(quick: Cixi, file: Path) -> None:
    quick.approved()
    filled(listed(quick, file), PAID)
    for stranger in (quick.clerk, quick.lead, quick.office.auditor):
        with pytest.raises(NotAuthorised):
            quick.office.workflow.ledger.reconcile(file, by=stranger)


def test_the_list_may_come_back_as_csv(quick: Cixi, file: Path, tmp_path: Path) -> None:
    case = quick.approved()
    sheet = openpyxl.load_workbook(filled(listed(quick, file), PAID))["付款清单"]
    saved = tmp_path / "回单.csv"
    with saved.open("w", encoding="gb18030", newline="") as out:
        for row in sheet.iter_rows(values_only=True):
            csv.writer(out).writerow([f"{cell:%Y/%m/%d}" if hasattr(cell, "strftime") else cell for cell in row])
    assert results(back(quick, saved)) == ["paid"]
    assert status(quick, case) == "paid"


def test_a_lowered_sum_goes_out_and_comes_back_to_the_cent(quick: Cixi, file: Path) -> None:
    case = quick.recognised()
    quick.office.act(case, "approve_award", quick.finance, **FIRST, yuan=Decimal("123456.78"))
    assert results(back(quick, filled(listed(quick, file), PAID))) == ["paid"]


def test_the_report_counts_and_names_every_row(quick: Cixi, file: Path) -> None:
    quick.approved(1)
    quick.approved(2)
    found = back(quick, filled(listed(quick, file), PAID, {"付款结果": "失败", "备注": "账号有误"}))
    assert [line.row for line in found.of(Result.FAILED)] == [3]
    table = found.table()
    assert table.note == "本次登记已付1笔，付款失败1笔"
    assert [(row["row"], row["result"], row["message"]) for row in table.rows] == [
        (2, "paid", ""),
        (3, "failed", "账号有误"),
    ]


# ---- on the command line -------------------------------------------------------------------------------------------


def test_a_list_goes_out_and_comes_back_on_the_command_line(kjfh: Kjfh, file: Path) -> None:
    office = Bureau(kjfh.url)
    Cixi(office).approved()
    office.workflow.close()
    wu = ("--as", "wu", "--role", "finance", "--city", "cixi")
    payable, waiting = kjfh.json("ledger", "pay-list", *wu)
    assert (len(payable["rows"]), waiting["rows"]) == (1, [])
    assert "付款清单1笔，暂不付款0笔" in kjfh.ok("ledger", "pay-list", *wu, "--out", file)
    filled(file, {"付款结果": "失败"})
    assert kjfh("ledger", "reconcile", file, *wu).code == 1
    filled(file, PAID)
    assert "本次登记已付1笔" in kjfh.ok("ledger", "reconcile", file, *wu)
    assert kjfh.json("ledger", "reconcile", file, *wu)["rows"][0]["result"] == "paid_before"
    assert kjfh("ledger", "reconcile", file.with_name("none.xlsx"), *wu).code == 2
