"""A roster becomes tenancies: who is new is admitted, who is gone leaves, all of it or nothing."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from kjfh_workflow import Actor, GuardRefused, InputError, NotAuthorised, NotFound, WorkflowError
from kjfh_workflow.books.tenants import Moved
from kjfh_workflow.errors import IntakeError
from kjfh_workflow.rules.facts import MOST_ROWS
from kjfh_workflow.store.cases import Filter
from tests.api import Api, as_
from tests.bureau import Bureau, facts
from tests.commands import OPERATOR, Kjfh

HEADINGS = {
    "name": "企业名称", "uscc": "统一社会信用代码", "founded_on": "成立日期", "entered_on": "入驻日期",
    "area_m2": "使用面积（平方米）", "field": "技术领域", "technology_sme": "是否科技型中小企业",
    "registered_inside": "注册地是否在场地内", "works_inside": "研发办公是否在场地内", "ip_applied": "是否申请知识产权",
    "invested_yuan": "投融资额（元）",
}  # fmt: skip
Rows = list[dict[str, Any]]


def firms(*numbers: int, **changed: Any) -> Rows:
    """Firms of the strong facts by number from 1, with values changed in the first of them."""
    tenants = [dict(facts()["tenants"][number - 1]) for number in numbers]
    tenants[0].update(changed)
    return tenants


def codes(moved: Sequence[Moved]) -> set[str]:
    """Which firms."""
    return {one.uscc for one in moved}


def tenancies(office: Bureau) -> dict[str, str]:
    """Firm → state of its tenancy."""
    rows = office.workflow.cases(Filter(kind="tenancy"))
    found = [office.workflow.case(row["id"]).case for row in rows]
    return {case.memory["tenant"]["uscc"]: case.state for case in found}


def as_csv(path: Path, rows: Rows) -> Path:
    """A roster as a CSV file."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS.values())
        writer.writerows([shown(row[name]) for name in HEADINGS] for row in rows)
    return path


def as_xlsx(path: Path, rows: Rows) -> Path:
    """The same as a workbook."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([*HEADINGS.values()])
    for row in rows:
        sheet.append([shown(row[name]) for name in HEADINGS])
    book.save(path)
    return path


def shown(value: Any) -> Any:
    return {True: "是", False: "否"}[value] if isinstance(value, bool) else str(value)


def test_a_roster_admits_keeps_and_lets_leave(bureau: Bureau) -> None:
    _, incubator = bureau.recognised()
    books = bureau.workflow.books
    first = books.import_tenants(incubator, firms(1, 2, 3), by=bureau.operator)
    assert (len(first.admitted), first.left, first.unchanged, first.refused) == (3, (), (), ())
    second = bureau.on(date(2021, 4, 1)).workflow.books.import_tenants(incubator, firms(2, 3, 4), by=bureau.operator)
    one, two, three, four = (firm["uscc"] for firm in firms(1, 2, 3, 4))
    assert (codes(second.admitted), codes(second.left), codes(second.unchanged)) == ({four}, {one}, {two, three})
    assert tenancies(bureau) == {one: "left", two: "incubating", three: "incubating", four: "incubating"}
    [left] = second.left
    assert bureau.workflow.case(left.case).timeline[-1].actor == bureau.operator.id


def test_the_same_roster_again_changes_nothing(desk: Bureau) -> None:
    _, incubator = desk.recognised()
    desk.workflow.books.import_tenants(incubator, firms(1, 2), by=desk.operator)
    before = desk.workflow.cases()
    again = desk.workflow.books.import_tenants(incubator, firms(1, 2, area_m2=999), by=desk.operator)
    assert (again.admitted, again.left, len(again.unchanged)) == ((), (), 2)
    assert desk.workflow.cases() == before


def test_one_firm_that_may_not_come_keeps_all_out(bureau: Bureau) -> None:
    _, incubator = bureau.recognised()
    bureau.workflow.books.import_tenants(incubator, firms(1), by=bureau.operator)
    rows = [*firms(2), *firms(3, technology_sme=False), *firms(4, registered_inside=False, works_inside=False)]
    with pytest.raises(GuardRefused) as error:
        bureau.workflow.books.import_tenants(incubator, rows, by=bureau.operator)
    assert error.value.codes == ("tenant_not_eligible",)
    places = [refusal.message.partition("，")[0] for refusal in error.value.refusals]
    assert places == ["第2行", "第3行", "第3行"]
    assert {refusal.article for refusal in error.value.refusals} == {"第六条第1项", "第六条第2项"}
    assert tenancies(bureau) == {firms(1)[0]["uscc"]: "incubating"}


def test_a_preview_tells_all_of_it_and_keeps_nothing(bureau: Bureau) -> None:
    _, incubator = bureau.recognised()
    books = bureau.workflow.books
    books.import_tenants(incubator, firms(1), by=bureau.operator)
    rows = [*firms(2), *firms(3, technology_sme=False)]
    told = books.import_tenants(incubator, rows, by=bureau.operator, preview=True)
    assert (codes(told.admitted), codes(told.left)) == (codes_of(firms(2)), codes_of(firms(1)))
    [refused] = told.refused
    assert (refused.place, told.kept) == ("第2行", False)
    assert [refusal.code for refusal in refused.refusals] == ["tenant_not_eligible"]
    assert tenancies(bureau) == {firms(1)[0]["uscc"]: "incubating"}


def codes_of(rows: Rows) -> set[str]:
    return {row["uscc"] for row in rows}


def test_who_has_graduated_neither_leaves_nor_stays(desk: Bureau) -> None:
    _, incubator = desk.recognised()
    books = desk.workflow.books
    [graduate, _] = books.import_tenants(incubator, firms(1, 2), by=desk.operator).admitted
    desk.act(graduate.case, "graduate", desk.clerk, grounds={"high_tech": True})
    done = books.import_tenants(incubator, firms(2), by=desk.operator)
    assert (done.left, len(done.unchanged)) == ((), 1)
    assert tenancies(desk)[graduate.uscc] == "graduated"
    assert codes(books.import_tenants(incubator, firms(1, 2), by=desk.operator).admitted) == {graduate.uscc}


@pytest.mark.parametrize("write", [as_csv, as_xlsx])
def test_a_roster_is_read_from_a_spreadsheet(desk: Bureau, tmp_path: Path, write: Any) -> None:
    _, incubator = desk.recognised()
    file = write(tmp_path / f"roster.{'csv' if write is as_csv else 'xlsx'}", firms(1, 2))
    done = desk.workflow.books.import_tenants(incubator, file, by=desk.operator)
    assert codes(done.admitted) == codes_of(firms(1, 2))
    assert done.admitted[0].place.endswith("第2行")
    case = desk.workflow.case(done.admitted[0].case).case
    assert case.memory["tenant"]["entered_on"] == "2019-08-03"


def test_every_problem_of_a_file_is_told_with_its_row(desk: Bureau, tmp_path: Path) -> None:
    _, incubator = desk.recognised()
    books = desk.workflow.books
    twice = as_csv(tmp_path / "twice.csv", [*firms(1), *firms(2), *firms(1)])
    with pytest.raises(IntakeError) as error:
        books.import_tenants(incubator, twice, by=desk.operator)
    [problem] = error.value.problems
    assert (problem.place, problem.message) == ("twice.csv 第4行", "与twice.csv 第2行是同一企业；请只保留一行")
    wrong = as_csv(tmp_path / "wrong.csv", firms(1, area_m2="很大", uscc="1"))
    with pytest.raises(IntakeError) as error:
        books.import_tenants(incubator, wrong, by=desk.operator)
    assert {problem.key for problem in error.value.problems} == {"使用面积（平方米）", "统一社会信用代码"}
    (tmp_path / "roster.pdf").write_bytes(b"")
    for missing in ("nowhere.csv", "roster.pdf"):
        with pytest.raises(IntakeError):
            books.import_tenants(incubator, tmp_path / missing, by=desk.operator)
    with pytest.raises(InputError) as bad:
        books.import_tenants(incubator, [{"name": "某公司"}], by=desk.operator)
    assert {problem.place for problem in bad.value.problems} == {"第1行"}


def test_only_the_operator_brings_its_own_roster(desk: Bureau) -> None:
    application, incubator = desk.recognised()
    books = desk.workflow.books
    with pytest.raises(NotAuthorised):
        books.import_tenants(incubator, firms(1), by=desk.clerk)
    for stranger in (desk.cixi_clerk, Actor.of("x", "applicant", "yuyao", uscc="91330281MA2F00101P")):
        with pytest.raises(NotFound):
            books.import_tenants(incubator, firms(1), by=stranger)
    with pytest.raises(WorkflowError):
        books.import_tenants(application, firms(1), by=desk.operator)
    with pytest.raises(NotFound):
        books.import_tenants("nothing", firms(1), by=desk.operator)
    assert tenancies(desk) == {}


def test_an_empty_roster_lets_everybody_leave(desk: Bureau) -> None:
    _, incubator = desk.recognised()
    seen: list[tuple[int, int]] = []
    desk.workflow.books.import_tenants(
        incubator, firms(1, 2), by=desk.operator, progress=lambda done, of: seen.append((done, of))
    )
    assert seen[-1] == (2, 2)
    assert len(desk.workflow.books.import_tenants(incubator, [], by=desk.operator).left) == 2


def test_two_who_import_at_once_admit_each_firm_once(bureau: Bureau) -> None:
    _, incubator = bureau.recognised()

    def run(_: int) -> int:
        return len(bureau.workflow.books.import_tenants(incubator, firms(1, 2, 3), by=bureau.operator).admitted)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(run, range(2))) == [0, 3]
    assert [*tenancies(bureau).values()] == ["incubating"] * 3


def test_a_roster_that_is_too_long_is_refused_before_a_row_is_read(desk: Bureau, tmp_path: Path) -> None:
    _, incubator = desk.recognised()
    books, told = desk.workflow.books, f"超过{MOST_ROWS}行；请核对"
    read: list[int] = []

    def without_end() -> Iterator[dict[str, Any]]:
        while True:
            read.append(1)
            yield {"no": "firm"}

    with pytest.raises(IntakeError) as error:
        books.import_tenants(incubator, without_end(), by=desk.operator)
    assert [problem.message for problem in error.value.problems] == [told], "not what is wrong with the rows"
    assert len(read) == MOST_ROWS + 1
    for more in (1, 100):
        file = as_csv(tmp_path / "long.csv", firms(1) * (MOST_ROWS + more))
        with pytest.raises(IntakeError) as error:
            books.import_tenants(incubator, file, by=desk.operator)
        assert [(problem.place, problem.message) for problem in error.value.problems] == [("long.csv", told)]
    with pytest.raises(IntakeError, match="是同一企业"):  # read, and found wanting for another reason
        books.import_tenants(incubator, firms(1) * MOST_ROWS, by=desk.operator)
    assert tenancies(desk) == {}


def test_a_roster_that_is_too_long_is_refused_over_http(quick: Api, desk: Bureau, tmp_path: Path) -> None:
    _, incubator = desk.recognised()
    rows = [{"name": "某公司"}] * (MOST_ROWS + 1)
    file = as_csv(tmp_path / "long.csv", firms(1) * (MOST_ROWS + 1)).read_bytes()
    for content, kind in ((json.dumps(rows).encode(), "application/json"), (file, "text/csv")):
        for preview in ("true", "false"):
            headers = as_(desk.operator, **{"Content-Type": kind})
            path = f"/v1/cases/{incubator}/tenants?preview={preview}"
            answer = quick.client.post(path, content=content, headers=headers)
            assert answer.status_code == 422
            assert f"超过{MOST_ROWS}行" in answer.text
            assert len(answer.content) < 2_000
    assert tenancies(desk) == {}


def test_a_roster_on_the_command_line(kjfh: Kjfh, tmp_path: Path) -> None:
    kjfh.ok("db", "upgrade")
    office = Bureau(kjfh.url, create=False)
    _, incubator = office.recognised()
    office.workflow.close()
    file = as_csv(tmp_path / "roster.csv", firms(1, 2))
    assert "预演，未保存：入驻2家" in kjfh.ok("tenants", "import", incubator, file, "--check", *OPERATOR)
    assert "入驻2家，迁出0家" in kjfh.ok("tenants", "import", incubator, file, *OPERATOR)
    assert "不变2家" in kjfh.ok("tenants", "import", incubator, file, *OPERATOR)
    bad = as_csv(tmp_path / "bad.csv", firms(3, technology_sme=False))
    checked = kjfh("tenants", "import", incubator, bad, "--check", *OPERATOR)
    assert (checked.code, "tenant_not_eligible" in checked.out) == (1, True)
    refused = kjfh("tenants", "import", incubator, bad, *OPERATOR)
    assert (refused.code, "bad.csv 第2行" in refused.err) == (1, True)
    assert len(kjfh.json("tenants", "import", incubator, file, *OPERATOR)["unchanged"]) == 2
    long = as_csv(tmp_path / "long.csv", firms(3) * (MOST_ROWS + 1))
    too_long = kjfh("tenants", "import", incubator, long, *OPERATOR)
    assert (too_long.code, f"long.csv: 超过{MOST_ROWS}行" in too_long.err) == (5, True)
