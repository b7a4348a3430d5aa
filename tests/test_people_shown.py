"""Who did it: officers read the name of a colleague, a program finds the id, and an operator gets no officer's id."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook

from kjfh_workflow import Actor
from tests.api import Api, as_, served
from tests.bureau import CIXI_USCC, Bureau, facts
from tests.post import later

FIRST = {"kind": "recognition", "year": 2021, "instalment": 1}
MISCONDUCT = {
    "city": "yuyao",
    "evidence": {"person": "评审甲", "finding": "泄密", "document_no": "余科〔2021〕10号"},
}


def officer(number: int, role: str, name: str, city: str = "cixi") -> Actor:
    """An id that looks like nothing else."""
    return Actor.of(f"staff-{number}", role, city, name=name)


CLERK, LEAD = officer(71, "tech_clerk", "周办"), officer(72, "tech_lead", "吴局")
CHEN, CASHIER = officer(77, "finance", "陈审"), officer(78, "finance", "何纳")
YUYAO_LEAD = officer(79, "tech_lead", "赵局", "yuyao")
OPERATOR = Actor.of("haian", "applicant", "cixi", name="慈溪海岸众创空间有限公司", uscc=CIXI_USCC)


@pytest.fixture
def title(bureau: Bureau) -> str:
    """A title of Cixi: its first instalment was approved by Chen, held, approved again, and paid by the cashier."""
    case = bureau.submit(OPERATOR, city="cixi", type="makerspace", facts=facts("cixi-makerspace")).case
    bureau.act(case, "accept", CLERK)
    bureau.workflow.files.attach(case, "plan.pdf", [b"%PDF-1.7\n1 0 obj\n"], by=CLERK)
    bureau.workflow.files.attach(case, "own.pdf", [b"%PDF-1.7\n2 0 obj\n"], by=OPERATOR)
    bureau.act(case, "pass_preliminary", CLERK, findings="all_met")
    bureau.act(case, "endorse", CHEN)
    granted = bureau.act(case, "endorse", LEAD).opened["incubator"]
    bureau.act(granted, "approve_award", CASHIER, **FIRST)
    bureau.act(granted, "hold_award", CHEN, **FIRST, reason="核实中")
    bureau.act(granted, "release_award", CHEN, **FIRST, reason="已核实")
    bureau.act(granted, "approve_award", CHEN, **FIRST)
    return granted


@pytest.fixture
def api(bureau: Bureau) -> Iterator[Api]:
    """The service, on each database."""
    with served(bureau) as api:
        yield api


def cells(answer: httpx.Response) -> set[str]:
    """Everything that stands in a spreadsheet."""
    book = load_workbook(io.BytesIO(answer.content))
    return {str(value) for sheet in book for row in sheet.iter_rows(values_only=True) for value in row if value}


def rows_of(answer: dict[str, Any], award: str = "recognition/2021/1") -> list[dict[str, Any]]:
    """The rows about one award."""
    return [row for row in answer["rows"] if row["award"] == award]


def test_tables_name_who_approved_and_keep_the_id(bureau: Bureau, api: Api, title: str) -> None:
    for table in (api.get("/v1/ledger", LEAD).json(), api.get(f"/v1/cases/{title}/ledger", LEAD).json()["tables"][0]):
        [row] = rows_of(table)
        assert (row["approved_by_name"], row["approved_by"]) == ("陈审", "staff-77")
        assert [c["name"] for c in table["columns"] if c["label"] == "核定人"] == ["approved_by_name"]
    changes = rows_of(api.get(f"/v1/cases/{title}/ledger", LEAD).json()["tables"][1])
    assert [row["approved_by_name"] for row in changes] == ["", "何纳", "", "", "陈审"]
    listed = api.get("/v1/ledger/payment-list", CASHIER).json()["tables"][0]
    assert [row["approved_by_name"] for row in listed["rows"]] == ["陈审"]
    later(bureau, days=1)
    bureau.act(title, "pay_award", CASHIER, **FIRST, paid_on=date(2021, 3, 2), voucher="1")
    [row] = rows_of(api.get("/v1/ledger", LEAD, limit=1).json())
    assert (row["status"], row["approved_by_name"]) == ("paid", "陈审")
    assert "staff-" not in " ".join(cells(api.get("/v1/ledger", LEAD, format="xlsx")))


def test_the_ledger_as_it_was_known_names_who_had_approved_then(bureau: Bureau, api: Api, title: str) -> None:
    later(bureau, days=1)
    bureau.act(title, "hold_award", CASHIER, **FIRST, reason="核实中")
    [now] = rows_of(api.get("/v1/ledger", LEAD).json())
    [then] = rows_of(api.get("/v1/ledger", LEAD, known="2021-03-01").json())
    assert (now["approved_by_name"], then["approved_by_name"]) == ("", "陈审")


def test_an_operator_gets_no_officer_s_id_anywhere(bureau: Bureau, api: Api, title: str) -> None:
    [case] = [row["id"] for row in bureau.workflow.cases() if row["kind"] == "application"]
    paths = [
        "/v1/ledger", "/v1/cases", "/v1/desk", "/v1/events", "/v1/notices", "/v1/inbox", "/v1/docket", "/v1/outbox",
        *(f"/v1/cases/{each}{more}" for each in (case, title) for more in ("", "/ledger", "/files", "/past")),
    ]  # fmt: skip
    for path in paths:
        answer = api.get(path, OPERATOR)
        assert answer.is_success, (path, answer.text)
        assert "staff-" not in answer.text, path
    for path in ("/v1/ledger", f"/v1/cases/{title}/ledger"):
        shown = cells(api.get(path, OPERATOR, format="xlsx"))
        assert "陈审" in shown
        assert "staff-" not in " ".join(shown)
    files = api.get(f"/v1/cases/{case}", OPERATOR).json()["files"]
    assert [(file["attached_by"], file["attached_by_name"]) for file in files] == [
        ("", "周办"), ("haian", "慈溪海岸众创空间有限公司"),
    ]  # fmt: skip
    for who in (LEAD, bureau.auditor):
        assert [file["attached_by"] for file in api.get(f"/v1/cases/{case}/files", who).json()["items"]] == [
            "staff-71", "haian",
        ]  # fmt: skip


def test_who_recorded_misconduct_is_named_where_they_have_signed_anything(bureau: Bureau, api: Api) -> None:
    first = api.client.post("/v1/misconduct", json=MISCONDUCT, headers=as_(YUYAO_LEAD, idempotency_key="k"))
    assert (first.json()["recorded_by"], first.json()["recorded_by_name"]) == ("staff-79", "staff-79")
    case = bureau.reviewed()
    bureau.act(case, "reject", YUYAO_LEAD, reason="不符合")
    again = api.client.post("/v1/misconduct", json=MISCONDUCT, headers=as_(YUYAO_LEAD, idempotency_key="k"))
    assert again.json()["recorded_by_name"] == "赵局"
    table = api.get("/v1/misconduct", bureau.clerk).json()
    [row] = table["rows"]
    assert (row["recorded_by"], row["recorded_by_name"]) == ("staff-79", "赵局")
    assert [c["name"] for c in table["columns"] if c["label"] == "记载人"] == ["recorded_by_name"]
