"""The books over HTTP: the library's tables as JSON and as spreadsheets, to whoever may see them and to nobody else."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import httpx
import openpyxl
import pytest

from kjfh_workflow import Actor
from kjfh_workflow.books.table import Table
from kjfh_workflow.web.answers.tables import XLSX
from tests.api import Api, as_
from tests.bureau import CIXI_USCC, YUYAO_USCC, Bureau, uscc
from tests.test_books import FINANCE_CIXI, LEAD_CIXI, MISCONDUCT, makerspace, registered, revoked

FORMULA = '=HYPERLINK("http://203.0.113.9","慈溪")'
CIXI_OPERATOR = Actor.of("op-cixi", "applicant", "cixi", uscc=CIXI_USCC)
CIXI_AUDITOR = Actor.of("auditor", "auditor", "cixi")
#: Books of one city, which only those see who see it as a whole.
OF_ONE_CITY = ("/v1/targets/cixi", "/v1/reports/yearly/cixi/2021", "/v1/reports/townships/cixi")
#: Books of whatever one may see.
OF_ANYBODY = ("/v1/register", "/v1/register/ended", "/v1/bans", "/v1/misconduct", "/v1/reports/overdue")


def barred(office: Bureau, operator: Actor) -> None:
    """Yuyao finds that an application of the operator's cheats."""
    office.act(office.submit(operator).case, "find_fraud", office.lead, finding="虚报")


def read(api: Api, path: str, by: Actor) -> httpx.Response:
    """Ask for a path with its query as it stands."""
    return api.client.get(path, headers=as_(by))


def as_json(value: Any) -> Any:
    """A value of the library's as JSON has it."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def rows_of(table: Table) -> list[dict[str, Any]]:
    """The library's rows as JSON has them."""
    names = [column.name for column in table.columns]
    return [{**dict.fromkeys(names), **{key: as_json(value) for key, value in row.items()}} for row in table.rows]


def same(answer: Mapping[str, Any], table: Table) -> bool:
    """Whether an answer says what the library's table says."""
    columns = [(column.name, column.label, column.kind) for column in table.columns]
    said = [(column["name"], column["label"], column["kind"]) for column in answer["columns"]]
    return (answer["title"], said, answer["rows"], answer["note"]) == (
        table.title, columns, rows_of(table), table.note,
    )  # fmt: skip


def book_of(answer: httpx.Response) -> dict[str, list[tuple[Any, ...]]]:
    """Sheet → rows of a spreadsheet; a formula in it is an error."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == XLSX
    assert len(answer.content) == int(answer.headers["content-length"])
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert not [cell.value for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    return {sheet.title: [*sheet.iter_rows(values_only=True)] for sheet in book}


# ---- what the library says -----------------------------------------------------------------------------------------


def test_the_books_say_over_http_what_the_library_says(api: Api, bureau: Bureau) -> None:
    one = makerspace(bureau)
    registered(bureau, 7, "ningbo")
    revoked(bureau, one)
    barred(bureau, bureau.operator)
    bureau.workflow.books.record_misconduct("yuyao", by=bureau.lead, evidence=MISCONDUCT)
    bureau.on(date(2022, 6, 1))
    books, by = bureau.workflow.books, CIXI_AUDITOR
    for path, table in (
        ("/v1/register", books.register(reader=by)),
        ("/v1/register?city=cixi&on=2021-03-01", books.register("cixi", on=date(2021, 3, 1), reader=by)),
        ("/v1/register?known=2021-02-28", books.register(known=date(2021, 2, 28), reader=by)),
        ("/v1/register/ended", books.ended(reader=by)),
        ("/v1/bans", books.bans(reader=by)),
        ("/v1/bans?city=yuyao", books.bans("yuyao", reader=by)),
        ("/v1/misconduct", books.misconduct_table(reader=by)),
        ("/v1/reports/overdue", books.overdue(reader=by)),
    ):
        answer = read(api, path, by).json()
        assert same(answer, table), path
        assert (answer["total"], answer["next"]) == (len(table.rows), None)
    for path, tables in (
        ("/v1/integrity", books.integrity(reader=by)),
        ("/v1/targets/cixi", books.targets("cixi", reader=by)),
        ("/v1/reports/yearly/cixi/2021", books.yearly("cixi", 2021, reader=by)),
        ("/v1/reports/townships/cixi?year=2021", [books.townships("cixi", 2021, reader=by)]),
    ):
        answers = read(api, path, by).json()["tables"]
        assert len(answers) == len(tables), path
        assert all(map(same, answers, tables)), path


def test_a_long_book_is_read_page_by_page(quick: Api, desk: Bureau) -> None:
    for number in range(1, 6):
        registered(desk, number)
    whole = desk.workflow.books.register().rows
    found: list[str] = []
    after = ""
    while True:
        page = quick.get("/v1/register", desk.cixi_clerk, limit=2, after=after).json()
        assert page["total"] == 5
        found += [row["case"] for row in page["rows"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert found == [row["case"] for row in whole]
    gone = quick.get("/v1/register", desk.cixi_clerk, after="cixi-210301-nosuch")
    assert (gone.status_code, gone.json()["type"]) == (409, "urn:kjfh:problem:list-changed")


# ---- spreadsheets --------------------------------------------------------------------------------------------------


def test_each_book_leaves_as_a_spreadsheet_with_the_same_rows(quick: Api, desk: Bureau) -> None:
    makerspace(desk)
    registered(desk, 7)
    table = desk.workflow.books.register("cixi")
    answer = quick.get("/v1/register", desk.cixi_clerk, city="cixi", format="xlsx", limit=1)
    sheets = book_of(answer)
    head, *rows = sheets["资格名录"]
    assert list(head) == [column.label for column in table.columns]
    assert len(rows) == 2
    for row, expected in zip(rows, table.rows, strict=True):
        for cell, column in zip(row, table.columns, strict=True):
            value = cell.date() if isinstance(cell, datetime) else cell
            assert (value or None) == (expected[column.name] or None) or value == expected[column.name] == 0
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; filename=\"register.xlsx\"; filename*=UTF-8''%E8%B5%84")
    for path in (*OF_ANYBODY, *OF_ONE_CITY, "/v1/integrity"):
        assert book_of(quick.get(path, desk.cixi_clerk, format="xlsx")), path


def test_several_tables_are_several_sheets(quick: Api, desk: Bureau) -> None:
    makerspace(desk)
    tables = desk.workflow.books.yearly("cixi", 2021)
    sheets = book_of(quick.get("/v1/reports/yearly/cixi/2021", desk.cixi_clerk, format="xlsx"))
    assert len(sheets) == len(tables) + any(table.note for table in tables)


def test_a_name_that_looks_like_a_formula_is_inert(quick: Api, desk: Bureau) -> None:
    makerspace(desk, 0, **{"operator.name": FORMULA})
    answer = quick.get("/v1/register", desk.cixi_clerk, format="xlsx")
    _, row = book_of(answer)["资格名录"]
    assert FORMULA in row
    assert quick.get("/v1/register", desk.cixi_clerk).json()["rows"][0]["operator"] == FORMULA


# ---- who sees what -------------------------------------------------------------------------------------------------


def test_applicants_see_only_their_own(quick: Api, desk: Bureau) -> None:
    mine = makerspace(desk)
    makerspace(desk, 3)
    revoked(desk, mine)
    revoked(desk, makerspace(desk, 4))
    barred(desk, Actor.of("other", "applicant", "yuyao", uscc=uscc(8)))
    barred(desk, Actor.of("op-cixi", "applicant", "yuyao", name="慈溪海岸", uscc=CIXI_USCC))
    desk.workflow.books.record_misconduct("yuyao", by=desk.lead, evidence=MISCONDUCT)
    for path, count in (("/v1/register", 0), ("/v1/register/ended", 1), ("/v1/bans", 1), ("/v1/misconduct", 0)):
        rows = quick.get(path, CIXI_OPERATOR).json()["rows"]
        assert [row["uscc"] for row in rows] == [CIXI_USCC] * count, path
        _, *shown = book_of(quick.get(path, CIXI_OPERATOR, format="xlsx"))[
            quick.get(path, CIXI_OPERATOR).json()["title"]
        ]
        assert len(shown) == count
    for path in OF_ONE_CITY:
        assert quick.get(path, CIXI_OPERATOR).status_code == 404, path


def test_another_citys_people_and_strangers_see_nothing(quick: Api, desk: Bureau) -> None:
    revoked(desk, makerspace(desk))
    registered(desk, 7)
    barred(desk, Actor.of("other", "applicant", "yuyao", uscc=uscc(8)))
    strangers = (
        *(Actor.of("x", role, "yuyao") for role in ("tech_clerk", "tech_lead", "finance", "admin")),
        Actor.of("y", "applicant", "yuyao", uscc=YUYAO_USCC),
        Actor.of("z", "applicant", "cixi", uscc=uscc(9)),
    )
    for stranger in strangers:
        for path in OF_ANYBODY:
            assert quick.get(path, stranger, city="cixi").json()["rows"] == [], (path, stranger)
            assert "慈溪" not in quick.get(path, stranger).text, (path, stranger)
        tables = quick.get("/v1/integrity", stranger, city="cixi").json()["tables"]
        assert [table["rows"] for table in tables] == [[], []]
        assert quick.get(f"/v1/bans/cixi/{CIXI_USCC}", stranger).status_code == 404, stranger
        for path in OF_ONE_CITY:
            for more in ({}, {"format": "xlsx"}):
                assert quick.get(path, stranger, **more).status_code == 404, (path, stranger)


def test_nobody_sees_anything_without_a_token(quick: Api) -> None:
    for path in (*OF_ANYBODY, *OF_ONE_CITY, "/v1/integrity"):
        assert quick.client.get(path).status_code == 401, path


def test_whether_an_operator_may_apply_is_told_to_it_and_to_the_citys_offices(api: Api, bureau: Bureau) -> None:
    path, own = f"/v1/bans/yuyao/{YUYAO_USCC}", bureau.operator
    assert api.get(path, own).json() == {"city": "yuyao", "uscc": YUYAO_USCC, "banned_until": None}
    barred(bureau, own)
    for reader in (own, bureau.clerk, bureau.auditor, CIXI_AUDITOR):
        assert api.get(path, reader).json()["banned_until"] == "2023-03-01"
    bureau.on(date(2023, 3, 2))
    assert api.get(path, own).json()["banned_until"] is None
    assert api.get(f"/v1/bans/yuyao/{uscc(9)}", own).status_code == 404
    assert api.get(f"/v1/bans/yuyao/{uscc(9)}", bureau.clerk).json()["banned_until"] is None
    assert api.get(f"/v1/bans/nowhere/{YUYAO_USCC}", bureau.clerk).status_code == 404
    assert api.get("/v1/bans/yuyao/1%00", bureau.clerk).status_code == 422


# ---- misconduct ----------------------------------------------------------------------------------------------------


def test_misconduct_is_recorded_once_per_key(api: Api, bureau: Bureau) -> None:
    body = {"evidence": MISCONDUCT}
    first = api.post("/v1/misconduct", bureau.lead, body, idempotency_key="m1")
    assert first.status_code == 201, first.text
    assert api.post("/v1/misconduct", bureau.lead, body, idempotency_key="m1").json() == first.json()
    (entry,) = bureau.workflow.books.misconduct("yuyao")
    assert first.json() == {key: as_json(value) for key, value in entry.items()}
    other = api.post("/v1/misconduct", bureau.lead, {"evidence": {**MISCONDUCT, "person": "李"}}, idempotency_key="m1")
    assert other.status_code == 409
    (shown,) = api.get("/v1/misconduct", bureau.clerk).json()["rows"]
    assert (shown["person"], shown["city_label"]) == ("张评审", "余姚市")


@pytest.mark.parametrize(
    ("who", "body", "status", "code"),
    [
        (LEAD_CIXI, {"city": "yuyao", "evidence": MISCONDUCT}, 403, "other_city"),
        (FINANCE_CIXI, {"evidence": MISCONDUCT}, 409, "not_allowed_from_state"),
        (Actor.of("op", "applicant", "yuyao", uscc=YUYAO_USCC), {"evidence": MISCONDUCT}, 403, "not_authorised"),
        (Actor.of("lead", "tech_lead", "yuyao"), {"evidence": {}}, 422, "evidence_missing"),
        (Actor.of("lead", "tech_lead", "yuyao"), {"evidence": {**MISCONDUCT, "person": "a\x00b"}}, 422,
         "evidence_invalid"),
        (Actor.of("lead", "tech_lead", "yuyao"), {"evidence": {**MISCONDUCT, "person": [1] * 3}}, 422,
         "evidence_invalid"),
    ],
)  # fmt: skip
def test_misconduct_is_refused_with_its_reasons(
    quick: Api, desk: Bureau, who: Actor, body: dict[str, Any], status: int, code: str
) -> None:
    answer = quick.post("/v1/misconduct", who, body)
    assert answer.status_code == status, answer.text
    assert code in [refusal["code"] for refusal in answer.json()["refusals"]]
    assert desk.workflow.books.misconduct() == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"evidence": {"person": "\\ud800", "finding": "x", "document_no": "y"}}',
        b'{"evidence": {"person": NaN, "finding": Infinity, "document_no": 1e999}}',
        b'{"evidence": {"person": ' + b"9" * 5000 + b"}}",
        b'{"evidence": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
        b'{"city": "a\\u0000b", "evidence": {}}',
        b'{"evidence": [], "more": 1}',
        b"\xff\xfe",
    ],
)
def test_a_hostile_body_is_refused_and_nothing_is_kept(quick: Api, desk: Bureau, body: bytes) -> None:
    headers = as_(desk.lead, content_type="application/json")
    answer = quick.client.post("/v1/misconduct", content=body, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert desk.workflow.books.misconduct() == []


# ---- what cannot be read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/register?on=2021-02-30", 422),
        ("/v1/register?on=9999-12-31", 422),
        ("/v1/register?known=0001-01-01", 422),
        ("/v1/bans?known=9999-12-31", 422),
        ("/v1/register?city=nowhere", 404),
        ("/v1/register?city=%00", 422),
        ("/v1/register?format=pdf", 422),
        ("/v1/register?limit=0", 422),
        ("/v1/register?limit=999999999999999999999", 422),
        ("/v1/register?after=%00", 422),
        ("/v1/reports/yearly/yuyao/1999", 422),
        ("/v1/reports/yearly/yuyao/99999999999", 422),
        ("/v1/reports/yearly/yuyao/x", 422),
        ("/v1/reports/townships/yuyao?year=0", 422),
        ("/v1/targets/nowhere", 404),
        ("/v1/targets/..%2Fyuyao", 404),
    ],
)
def test_wrong_days_years_and_cities_are_told(api: Api, bureau: Bureau, path: str, status: int) -> None:
    answer = read(api, path, bureau.clerk)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_first_and_the_last_day_that_may_be_asked_for_have_an_answer(api: Api, bureau: Bureau) -> None:
    makerspace(bureau)
    for day in ("1900-01-01", "2199-12-31"):
        for path in (*OF_ANYBODY[:-1], "/v1/integrity", *OF_ONE_CITY):
            answer = api.get(path, bureau.cixi_clerk, on=day, known=day)
            assert answer.status_code == 200, (path, answer.text)
