"""The money over HTTP: the ledger page by page, forecasts, and the payment list that goes out and comes back."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest

from kjfh_workflow import Actor
from kjfh_workflow.books.ledger import Wanted
from kjfh_workflow.policy.vocabulary import AwardStatus
from kjfh_workflow.web.answers.tables import XLSX
from tests.api import Api, as_, served
from tests.bureau import Bureau, uscc
from tests.test_api_books import book_of, read, rows_of, same
from tests.test_ledger import Cixi
from tests.test_payments import PAID, filled, status

CSV = "text/csv"

STRANGER = Actor.of("z", "applicant", "cixi", uscc=uscc(77))


@pytest.fixture
def cixi(bureau: Bureau) -> Cixi:
    return Cixi(bureau)


@pytest.fixture
def quick(desk: Bureau) -> Cixi:
    return Cixi(desk)


@pytest.fixture
def api(cixi: Cixi) -> Iterator[Api]:
    with served(cixi.office) as found:
        yield found


@pytest.fixture
def fast(quick: Cixi) -> Iterator[Api]:
    with served(quick.office) as found:
        yield found


def payment_list(api: Api, cixi: Cixi, folder: Path) -> Path:
    """The list as Finance gets it."""
    answer = api.get("/v1/ledger/payment-list", cixi.cashier, format="xlsx")
    assert answer.status_code == 200, answer.text
    file = folder / "list.xlsx"
    file.write_bytes(answer.content)
    return file


def back(api: Api, by: Actor, content: bytes, media_type: str = XLSX) -> httpx.Response:
    """Send a list that was filled in."""
    headers = {**as_(by), "content-type": media_type}
    return api.client.post("/v1/ledger/reconciliations", content=content, headers=headers, timeout=60)


def results(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [line["result"] for line in answer.json()["lines"]]


def as_csv(file: Path) -> str:
    """A list as it is exported from a spreadsheet."""
    out = io.StringIO()
    for row in openpyxl.load_workbook(file)["付款清单"].iter_rows(values_only=True):
        csv.writer(out).writerow([f"{cell:%Y/%m/%d}" if hasattr(cell, "strftime") else cell for cell in row])
    return out.getvalue()


def whole(api: Api, by: Actor, limit: int, **wanted: Any) -> list[dict[str, Any]]:
    """The ledger, read page by page to its end."""
    rows: list[dict[str, Any]] = []
    after = ""
    while True:
        answer = api.get("/v1/ledger", by, limit=limit, after=after, **wanted).json()
        assert len(answer["rows"]) <= limit
        rows += answer["rows"]
        if answer["next"] is None:
            return rows
        after = answer["next"]


# ---- looking -------------------------------------------------------------------------------------------------------


def test_the_ledger_says_over_http_what_the_library_says(api: Api, cixi: Cixi) -> None:
    case = cixi.paid(1)
    cixi.approved(2)
    desk, by = cixi.office.workflow.ledger, cixi.clerk
    for query, table in (
        ("", desk.page(reader=by)),
        ("?city=cixi", desk.page("cixi", reader=by)),
        (f"?case={case}", desk.page("", Wanted(case), reader=by)),
        ("?year=2022", desk.page("", Wanted(year=2022), reader=by)),
        ("?status=paid", desk.page("", Wanted(status=AwardStatus.PAID), reader=by)),
        ("?known=2021-02-28", desk.page(known=date(2021, 2, 28), reader=by)),
    ):
        answer = read(api, f"/v1/ledger{query}", by).json()
        assert answer["rows"] == rows_of(table), query
        assert answer["next"] is None
    for path, table in (("forecast", desk.forecast(reader=by)), ("years", desk.by_year("cixi", reader=by))):
        (answer,) = read(api, f"/v1/ledger/{path}?city=cixi", by).json()["tables"]
        assert same(answer, table), path
    assert read(api, f"/v1/ledger?case={case}&status=paid", by).json()["rows"][0]["yuan"] == "180000.00"


def test_a_long_ledger_is_read_page_by_page_without_loss_or_repetition(api: Api, cixi: Cixi) -> None:
    for number in range(1, 5):
        cixi.recognised(number)
    expected = rows_of(cixi.office.workflow.ledger.page(reader=cixi.clerk, limit=13))
    table = cixi.office.workflow.ledger.table().rows
    assert [(row["case"], row["award"]) for row in expected] == sorted((row["case"], row["award"]) for row in table)
    assert len(expected) == 12
    for limit in (1, 5, 12):
        assert whole(api, cixi.clerk, limit) == expected
    assert whole(api, cixi.clerk, 3, year=2022) == [row for row in expected if row["year"] == 2022]


def test_a_page_goes_on_although_its_last_award_has_moved_meanwhile(fast: Api, quick: Cixi) -> None:
    for number in range(1, 4):
        quick.approved(number)
    expected = [row["case"] for row in whole(fast, quick.clerk, 10, status="approved")]
    first = fast.get("/v1/ledger", quick.clerk, limit=1, status="approved").json()
    paid = {"kind": "recognition", "year": 2021, "instalment": 1, "paid_on": date(2021, 3, 1), "voucher": "V"}
    quick.office.act(first["rows"][0]["case"], "pay_award", quick.cashier, **paid)
    rest = fast.get("/v1/ledger", quick.clerk, after=first["next"], status="approved").json()
    assert [row["case"] for row in rest["rows"]] == expected[1:]


def test_the_ledger_leaves_whole_as_a_spreadsheet(fast: Api, quick: Cixi) -> None:
    for number in range(1, 4):
        quick.recognised(number)
    head, *rows = book_of(fast.get("/v1/ledger", quick.clerk, format="xlsx", limit=1))["奖励台账"]
    table = quick.office.workflow.ledger.table()
    assert list(head) == [column.label for column in table.columns]
    award = [column.name for column in table.columns].index("award")
    assert [row[award] for row in rows] == [row["award"] for row in table.rows]
    for path in ("/v1/ledger/forecast", "/v1/ledger/years"):
        assert book_of(fast.get(path, quick.clerk, format="xlsx")), path


def test_operators_see_their_own_money_and_strangers_none(fast: Api, quick: Cixi) -> None:
    quick.paid(1)
    quick.recognised(2)
    own = fast.get("/v1/ledger", quick.operator(1)).json()["rows"]
    assert {row["uscc"] for row in own} == {quick.operator(1).uscc}
    assert len(own) == 3
    _, *shown = book_of(fast.get("/v1/ledger", quick.operator(1), format="xlsx"))["奖励台账"]
    assert len(shown) == 3
    office = quick.office
    for stranger in (office.clerk, office.lead, office.finance, office.operator, STRANGER):
        for query in ("", "?city=cixi", "?format=json&status=paid"):
            assert read(fast, f"/v1/ledger{query}", stranger).json()["rows"] == [], stranger
        for path in ("forecast", "years"):
            assert [one["rows"] for one in fast.get(f"/v1/ledger/{path}", stranger).json()["tables"]] == [[]]
        _, *shown = book_of(fast.get("/v1/ledger", stranger, format="xlsx"))["奖励台账"]
        assert shown == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?year=1999", 422),
        ("?year=99999999999999999999", 422),
        ("?status=gone", 422),
        ("?known=x", 422),
        ("?case=%00", 422),
        ("?case=%F0%9F", 422),
        ("?after=%00", 422),
        ("?city=nowhere", 404),
        ("/forecast?city=nowhere", 404),
        ("/years?known=9999-12-31", 422),
    ],
)
def test_wrong_filters_are_told(api: Api, cixi: Cixi, query: str, code: int) -> None:
    answer = read(api, f"/v1/ledger{query}", cixi.clerk)
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


# ---- the list that goes out ----------------------------------------------------------------------------------------


def test_finance_gets_what_may_be_paid_and_what_has_to_wait(api: Api, cixi: Cixi, tmp_path: Path) -> None:
    cixi.approved(1)
    cixi.office.act(cixi.approved(2), "propose_revocation", cixi.clerk, ground="不再符合条件", article="三（四）")
    found = cixi.office.workflow.ledger.payment_list(by=cixi.cashier)
    payable, waiting = api.get("/v1/ledger/payment-list", cixi.cashier).json()["tables"]
    assert same(payable, found.payable)
    assert same(waiting, found.waiting)
    assert (payable["total"], waiting["total"]) == (1, 1)
    book = openpyxl.load_workbook(payment_list(api, cixi, tmp_path))
    assert book.sheetnames == ["付款清单", "暂不付款", "说明"]
    assert book["付款清单"].data_validations.dataValidation


def test_the_list_is_for_the_citys_finance_alone(fast: Api, quick: Cixi) -> None:
    quick.approved()
    for stranger in (quick.clerk, quick.lead, quick.operator(1), quick.office.auditor):
        answer = fast.get("/v1/ledger/payment-list", stranger)
        assert answer.status_code == 403, answer.text
        assert answer.json()["refusals"][0]["code"] in ("not_authorised", "other_city")
    assert fast.get("/v1/ledger/payment-list", quick.office.finance).json()["tables"][0]["rows"] == []


# ---- the list that comes back --------------------------------------------------------------------------------------


def test_what_was_paid_is_recorded_and_sent_again_pays_nothing_twice(api: Api, cixi: Cixi, tmp_path: Path) -> None:
    one, two = cixi.approved(1), cixi.approved(2)
    sent = filled(payment_list(api, cixi, tmp_path), PAID, {"付款结果": "失败", "备注": "账号有误"}).read_bytes()
    answer = back(api, cixi.cashier, sent)
    assert sorted(results(answer)) == ["failed", "paid"]
    assert answer.json()["counts"] == {"failed": 1, "paid": 1}
    assert answer.json()["note"] == "本次登记已付1笔，付款失败1笔"
    paid, failed = sorted(answer.json()["lines"], key=lambda line: line["result"], reverse=True)
    assert (paid["yuan"], paid["result_label"], paid["codes"]) == ("180000.00", "本次登记已付", [])
    assert failed["message"] == "账号有误"
    assert sorted(status(cixi, case) for case in (one, two)) == ["approved", "paid"]
    versions = [cixi.office.workflow.case(case).case.version for case in (one, two)]
    assert sorted(results(back(api, cixi.cashier, sent))) == ["failed", "paid_before"]
    assert [cixi.office.workflow.case(case).case.version for case in (one, two)] == versions
    assert cixi.office.workflow.verify().problems == []


def test_the_same_list_sent_at_once_from_two_desks_pays_once(api: Api, cixi: Cixi, tmp_path: Path) -> None:
    cases = [cixi.approved(number) for number in range(1, 5)]
    sent = filled(payment_list(api, cixi, tmp_path), *[PAID] * 4).read_bytes()
    with ThreadPoolExecutor(2) as pool:
        both = [*pool.map(lambda _: back(api, cixi.cashier, sent), range(2))]
    assert all({*results(answer)} <= {"paid", "paid_before", "refused"} for answer in both)
    assert {*results(back(api, cixi.cashier, sent))} == {"paid_before"}
    for case in cases:
        changes = cixi.office.workflow.ledger.of_case(case).changes.rows
        assert [row["status"] for row in changes if row["award"] == "recognition/2021/1"].count("paid") == 1


def test_the_list_may_come_back_as_csv(fast: Api, quick: Cixi, tmp_path: Path) -> None:
    case = quick.approved()
    text = as_csv(filled(payment_list(fast, quick, tmp_path), PAID))
    assert results(back(fast, quick.cashier, text.encode("gb18030"), "text/csv; charset=gb18030")) == ["paid"]
    assert results(back(fast, quick.cashier, text.encode("utf-8-sig"), "TEXT/CSV")) == ["paid_before"]
    assert status(quick, case) == "paid"


def test_unknown_changed_and_missing_rows_are_told_and_not_recorded(fast: Api, quick: Cixi, tmp_path: Path) -> None:
    cases = [quick.approved(number) for number in (1, 2)]
    file = filled(payment_list(fast, quick, tmp_path), {**PAID, "金额（元）": 1}, PAID)
    book = openpyxl.load_workbook(file)
    book["付款清单"]["A3"] = "cixi-210301-nosuch#recognition/2021/1"
    book.save(file)
    answer = back(fast, quick.cashier, file.read_bytes())
    assert results(answer) == ["differs", "unknown", "missing"]
    assert answer.json()["lines"][2]["row"] is None
    assert [status(quick, case) for case in cases] == ["approved", "approved"]


def test_only_finance_of_the_city_reconciles_and_not_who_approved(fast: Api, quick: Cixi, tmp_path: Path) -> None:
    case = quick.approved()
    sent = filled(payment_list(fast, quick, tmp_path), PAID).read_bytes()
    for stranger in (quick.clerk, quick.lead, quick.operator(1), quick.office.auditor):
        assert back(fast, stranger, sent).status_code == 403
    (line,) = back(fast, quick.finance, sent).json()["lines"]
    assert (line["result"], line["codes"]) == ("refused", ["same_person"])
    assert results(back(fast, quick.office.finance, sent)) == ["unknown"], "another city's Finance finds nothing there"
    assert status(quick, case) == "approved"


def test_a_formula_in_a_list_is_not_followed(fast: Api, quick: Cixi, tmp_path: Path) -> None:
    case = quick.approved()
    sent = filled(payment_list(fast, quick, tmp_path), {**PAID, "凭证号": '=WEBSERVICE("http://203.0.113.9")'})
    assert results(back(fast, quick.cashier, sent.read_bytes())) == ["unreadable"]
    assert results(back(fast, quick.cashier, as_csv(sent).encode(), CSV)) == ["unreadable"]
    assert status(quick, case) == "approved"


@pytest.mark.parametrize("voucher", ["V\x001", "V\x1b[2J", "V" * 40_000, "\u202eV1"])
def test_a_voucher_that_nobody_can_read_is_not_recorded(api: Api, cixi: Cixi, tmp_path: Path, voucher: str) -> None:
    case = cixi.approved()
    text = as_csv(filled(payment_list(api, cixi, tmp_path), {**PAID, "凭证号": "HERE"})).replace("HERE", voucher)
    answer = back(api, cixi.cashier, text.encode(), CSV)
    # A NUL is no text at all: then the whole file is refused.
    assert answer.status_code == 422 if "\0" in voucher else results(answer) == ["unreadable"]
    assert status(cixi, case) == "approved"


def bomb() -> bytes:
    """A workbook of a few kilobytes that unpacks to a gigabyte."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(64):
                part.write(b"\0" * (1 << 20))
        archive.writestr("[Content_Types].xml", "<Types/>")
    return out.getvalue()


def entities(file: Path) -> bytes:
    """A list whose sheet has a document type that names a file."""
    out = io.BytesIO()
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(out, "w") as target:
        for part in source.infolist():
            content = source.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                content = b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>' + content
            target.writestr(part.filename, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"", XLSX),
        (b"", CSV),
        (b"PK\x03\x04 no workbook", XLSX),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", XLSX),
        (b"\xff\xfe\x00", CSV),
        (b"a,b\n1,2\n", CSV),
        (b'"never closed\n' * 3, CSV),
        (b"\x00" * 1000, CSV),
    ],
)
def test_garbage_is_refused_as_a_whole(fast: Api, quick: Cixi, content: bytes, media_type: str) -> None:
    quick.approved()
    answer = back(fast, quick.cashier, content, media_type)
    assert answer.status_code == 422, answer.text
    assert answer.json()["problems"]


def test_bombs_and_entities_are_refused_unopened(fast: Api, quick: Cixi, tmp_path: Path) -> None:
    case = quick.approved()
    file = filled(payment_list(fast, quick, tmp_path), PAID)
    for content in (bomb(), entities(file)):
        answer = back(fast, quick.cashier, content)
        assert answer.status_code == 422, answer.text
        assert "passwd" not in answer.text
    assert status(quick, case) == "approved"


def test_a_list_that_is_too_large_is_not_read(fast: Api, quick: Cixi) -> None:
    answer = back(fast, quick.cashier, b"x" * (8 * 1024 * 1024 + 1), CSV)
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:kjfh:problem:too-large"


@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data", "application/octet-stream", "x"])
def test_another_kind_of_file_is_not_taken(fast: Api, quick: Cixi, media_type: str) -> None:
    assert back(fast, quick.cashier, b"{}", media_type).status_code == 415


def test_a_firm_whose_name_is_a_formula_is_listed_as_text(fast: Api, quick: Cixi, tmp_path: Path) -> None:
    name = "=1+cmd|' /C calc'!A0"
    evil = Actor.of("op-1", "applicant", "cixi", name=name, uscc=quick.operator(1).uscc)
    quick.operator = lambda _number: evil  # type: ignore[method-assign,assignment]
    quick.approved(1)
    sheet = openpyxl.load_workbook(payment_list(fast, quick, tmp_path))["付款清单"]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert name in [cell.value for cell in cells]
    assert not [cell for cell in cells if cell.data_type == "f"]
    tables = fast.get("/v1/ledger/payment-list", quick.cashier).json()["tables"]
    assert tables[0]["rows"][0]["name"] == name
