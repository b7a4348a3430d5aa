"""The ledger: every award as it stands and came to be, who may see it, what it was on a day, what it will cost."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kjfh_workflow import Actor, NotFound, canonical
from kjfh_workflow.books.ledger import Wanted, totals
from kjfh_workflow.books.table import Table
from kjfh_workflow.clock import office_hour, start_of
from kjfh_workflow.policy.vocabulary import AwardStatus
from kjfh_workflow.rules.case import Reads
from kjfh_workflow.store import ledger
from kjfh_workflow.store.database import Database
from tests.bureau import Bureau, facts, uscc
from tests.commands import Kjfh

FIRST = {"kind": "recognition", "year": 2021, "instalment": 1}
EVERYTHING = Reads(everything=True)


class Cixi:
    """The people of Cixi in an office, and titles with money."""

    clerk = Actor.of("wang", "tech_clerk", "cixi")
    lead = Actor.of("li", "tech_lead", "cixi")
    #: Approves.
    finance = Actor.of("chen", "finance", "cixi", name="陈处长")
    #: Pays.
    cashier = Actor.of("wu", "finance", "cixi", name="吴会计")

    def __init__(self, office: Bureau) -> None:
        self.office = office

    @staticmethod
    def operator(number: int) -> Actor:
        return Actor.of(f"op-{number}", "applicant", "cixi", name=f"慈溪{number}号众创空间有限公司", uscc=uscc(number))

    def recognised(self, number: int = 1) -> str:
        """A makerspace of the city's own level: 300,000 in three instalments."""
        who = self.operator(number)
        given = facts("cixi-makerspace", {"operator.uscc": who.uscc, "operator.name": who.name})
        case = self.office.submit(who, city="cixi", type="makerspace", facts=given).case
        self.office.act(case, "accept", self.clerk)
        self.office.act(case, "pass_preliminary", self.clerk, findings="all_met")
        self.office.act(case, "endorse", self.finance)
        return self.office.act(case, "endorse", self.lead).opened["incubator"]

    def approved(self, number: int = 1) -> str:
        """The same, and the first instalment is approved."""
        case = self.recognised(number)
        self.office.act(case, "approve_award", self.finance, **FIRST)
        return case

    def paid(self, number: int = 1) -> str:
        """The same, and paid on the day."""
        case = self.approved(number)
        day = self.office.workflow.today
        self.office.act(case, "pay_award", self.cashier, **FIRST, paid_on=day, voucher=f"V{number}")
        return case

    def promoted(self, case: str, level: str, day: date) -> None:
        """The title has reached *level* on *day*."""
        promotion = self.office.workflow.open_case(
            "promotion", "recommend", by=self.lead, parent=case, evidence={"to_level": level}
        ).case
        decision = {"level": level, "decided_on": day, "document_no": "甬科〔2021〕9号"}
        self.office.act(promotion, "record_recognition", self.clerk, **decision)


@pytest.fixture
def cixi(bureau: Bureau) -> Cixi:
    return Cixi(bureau)


@pytest.fixture
def quick(desk: Bureau) -> Cixi:
    return Cixi(desk)


def statuses(table: Table) -> dict[str, str]:
    return {row["award"]: row["status"] for row in table.rows}


# ---- how each award stands -----------------------------------------------------------------------------------------


def test_the_newest_row_of_an_award_is_how_it_stands(cixi: Cixi) -> None:
    case = cixi.paid()
    table = cixi.office.workflow.ledger.table()
    assert statuses(table) == {
        "recognition/2021/1": "paid",
        "recognition/2022/2": "scheduled",
        "recognition/2023/3": "scheduled",
    }
    first = table.rows[0]
    assert first["case"] == case
    assert first["yuan"] == Decimal("180000.00")
    assert first["cap"] == Decimal("180000.00")
    assert (first["approved_on"], first["approved_by"]) == (date(2021, 3, 1), "chen")
    assert (first["paid_on"], first["voucher"]) == (date(2021, 3, 1), "V1")
    assert first["township"] == "城区街道"
    assert first["article"] == "三（三）"
    assert "60%" in first["words"]


def test_every_change_stays_on_file(cixi: Cixi) -> None:
    case = cixi.paid()
    cixi.office.act(case, "reverse_award", cixi.finance, **FIRST, reason="款项退回")
    found = cixi.office.workflow.ledger.of_case(case)
    changed = [(row["status"], row["voucher"]) for row in found.changes.rows if row["award"] == "recognition/2021/1"]
    assert changed == [("proposed", ""), ("approved", ""), ("paid", "V1"), ("reversed", "V1")]
    assert statuses(found.awards)["recognition/2021/1"] == "reversed"


def test_an_award_that_is_no_longer_approved_has_no_day_of_approval(cixi: Cixi) -> None:
    case = cixi.approved()
    assert cixi.office.workflow.ledger.table().rows[0]["approved_on"] == date(2021, 3, 1)
    cixi.office.act(case, "hold_award", cixi.finance, **FIRST, reason="核实中")
    row = cixi.office.workflow.ledger.table().rows[0]
    assert (row["status"], row["approved_on"], row["approved_by"], row["reason"]) == ("held", None, "", "核实中")


def test_awards_are_found_by_case_year_and_status(quick: Cixi) -> None:
    one, two = quick.recognised(1), quick.approved(2)
    desk = quick.office.workflow.ledger
    assert {row["case"] for row in desk.table("cixi", Wanted(case=one)).rows} == {one}
    assert {row["year"] for row in desk.table(wanted=Wanted(year=2022)).rows} == {2022}
    assert [row["case"] for row in desk.table(wanted=Wanted(status=AwardStatus.APPROVED)).rows] == [two]
    assert desk.table("yuyao").rows == []
    with pytest.raises(NotFound):
        desk.table("nowhere")


def test_a_status_is_asked_of_what_stands_now_not_of_what_once_was(quick: Cixi) -> None:
    quick.paid()
    assert quick.office.workflow.ledger.table(wanted=Wanted(status=AwardStatus.APPROVED)).rows == []


def test_awards_come_in_order_of_case_and_award(cixi: Cixi) -> None:
    for number in (1, 2, 3):
        cixi.recognised(number)
    found = [(row["case"], row["award"]) for row in cixi.office.workflow.ledger.table().rows]
    assert found == sorted(found)
    assert len(found) == 9


def test_the_note_adds_up_by_status(quick: Cixi) -> None:
    quick.paid()
    table = quick.office.workflow.ledger.table("cixi")
    assert "待到期2笔120,000.00元" in table.note
    assert [(row["status"], row["count"], row["yuan"]) for row in totals(table.rows).rows] == [
        ("scheduled", 2, Decimal("120000.00")),
        ("paid", 1, Decimal("180000.00")),
    ]


# ---- as known on a day ---------------------------------------------------------------------------------------------


def test_a_past_day_knows_nothing_of_what_came_later(cixi: Cixi) -> None:
    case = cixi.recognised()
    cixi.office.on(date(2021, 3, 8)).act(case, "approve_award", cixi.finance, **FIRST, yuan=Decimal(170_000))
    cixi.office.on(date(2021, 3, 15)).act(case, "pay_award", cixi.cashier, **FIRST, paid_on="2021-03-15", voucher="V1")
    desk = cixi.office.workflow.ledger

    def known(day: date) -> list[tuple[str, Decimal, date | None]]:
        rows = desk.table(known=day).rows
        return [(row["status"], row["yuan"], row["approved_on"]) for row in rows if row["year"] == 2021]

    assert known(date(2021, 2, 28)) == []
    assert known(date(2021, 3, 1)) == [("proposed", Decimal(180_000), None)]
    assert known(date(2021, 3, 7)) == [("proposed", Decimal(180_000), None)]
    assert known(date(2021, 3, 8)) == [("approved", Decimal(170_000), date(2021, 3, 8))]
    assert known(date(2021, 3, 15)) == [("paid", Decimal(170_000), date(2021, 3, 8))]
    assert [
        row["status"] for row in desk.of_case(case, known=date(2021, 3, 8)).changes.rows if row["year"] == 2021
    ] == [
        "proposed",
        "approved",
    ]


def test_a_day_of_knowledge_ends_at_midnight_in_shanghai(cixi: Cixi) -> None:
    case = cixi.recognised()
    cixi.office.clock.instant = start_of(date(2021, 3, 9)) - timedelta(microseconds=1)
    cixi.office.act(case, "approve_award", cixi.finance, **FIRST)
    cixi.office.clock.instant = start_of(date(2021, 3, 9))
    cixi.office.act(case, "hold_award", cixi.finance, **FIRST, reason="核实")
    desk = cixi.office.workflow.ledger
    assert statuses(desk.table(known=date(2021, 3, 8)))["recognition/2021/1"] == "approved"
    assert statuses(desk.table(known=date(2021, 3, 9)))["recognition/2021/1"] == "held"


# ---- who may see it ------------------------------------------------------------------------------------------------


def test_everybody_sees_the_money_of_the_cases_they_see(cixi: Cixi) -> None:
    own, other = cixi.recognised(1), cixi.recognised(2)
    desk = cixi.office.workflow.ledger

    def seen(reader: Actor | None) -> set[str]:
        return {row["case"] for row in desk.table(reader=reader).rows}

    assert seen(None) == seen(cixi.finance) == seen(cixi.office.auditor) == {own, other}
    assert seen(cixi.operator(1)) == {own}
    assert seen(cixi.office.finance) == set()
    assert desk.of_case(own, reader=cixi.operator(1)).awards.rows
    with pytest.raises(NotFound):
        desk.of_case(other, reader=cixi.operator(1))
    with pytest.raises(NotFound):
        desk.of_case(own, reader=cixi.office.finance)


# ---- what it will cost ---------------------------------------------------------------------------------------------


def test_the_forecast_says_how_sure_each_years_money_is(quick: Cixi) -> None:
    quick.paid(1)
    quick.approved(2)
    quick.recognised(3)
    held = quick.recognised(4)
    quick.office.act(held, "hold_award", quick.finance, **FIRST, reason="核实")
    lapsed = quick.recognised(5)
    quick.office.act(lapsed, "lapse_award", quick.finance, **FIRST, reason="放弃")
    rows = quick.office.workflow.ledger.forecast("cixi").rows
    names = ("year", "paid", "committed", "likely", "possible", "total")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (2021, 180_000, 180_000, 180_000, 180_000, 720_000),
        (2022, 0, 0, 300_000, 0, 300_000),
        (2023, 0, 0, 300_000, 0, 300_000),
    ]


def test_years_and_statuses_add_up_to_the_ledger(quick: Cixi) -> None:
    quick.paid(1)
    lapsed = quick.recognised(2)
    quick.office.act(lapsed, "lapse_award", quick.finance, **FIRST, reason="放弃")
    rows = quick.office.workflow.ledger.by_year().rows
    assert [(row["year"], row["count"], row["paid"], row["lapsed"], row["scheduled"]) for row in rows] == [
        (2021, 2, 180_000, 180_000, 0),
        (2022, 2, 0, 0, 120_000),
        (2023, 2, 0, 0, 120_000),
    ]
    listed = quick.office.workflow.ledger.table().rows
    assert sum(row[status] for row in rows for status in AwardStatus) == sum(row["yuan"] for row in listed)


def test_a_forecast_can_be_asked_as_of_a_past_day(quick: Cixi) -> None:
    case = quick.recognised()
    quick.office.on(date(2021, 3, 8)).act(case, "approve_award", quick.finance, **FIRST)
    desk = quick.office.workflow.ledger
    assert desk.forecast(known=date(2021, 3, 7)).rows[0]["committed"] == 0
    assert desk.forecast().rows[0]["committed"] == 180_000


# ---- the store -----------------------------------------------------------------------------------------------------


def test_the_verifier_reads_every_row_as_it_was_written(bureau: Bureau, database_url: str) -> None:
    _, case = bureau.recognised()
    written = [
        row(case, version, award, status)
        for version, award, status in (
            (7, "annual/2021/0", "proposed"),
            (8, "annual/2021/0", "approved"),
            (8, "annual/2022/0", "held"),
        )
    ]
    database = Database.open(database_url)
    with database.acting() as tx:
        ledger.add(tx, written)
        assert ledger.newest(tx, case, "annual/2021/0") == written[1] | {
            "detail": {"cap": "0.10"},
            "yuan": Decimal("0.10"),
        }
        assert ledger.newest(tx, case, "annual/1999/0") is None
    with database.reading() as tx:
        assert [found for found in ledger.all_rows(tx) if found["version"] > 6] == written
        assert [found["version"] for found in ledger.history_of(tx, case)][-3:] == [7, 8, 8]
        until = office_hour(date(2021, 3, 7))
        known = ledger.current(tx, EVERYTHING, city="yuyao", case_id=case, known_until=until)
        assert {found["award"]: found["status"] for found in known} == {"annual/2021/0": "proposed"}
    database.engine.dispose()


def test_sums_are_whole_cents_however_large(bureau: Bureau, database_url: str) -> None:
    _, case = bureau.recognised()
    database = Database.open(database_url)
    with database.acting() as tx:
        ledger.add(tx, [row(case, 7, "annual/2021/0", "proposed") | {"fen": 999_999_999_999_999_999}])
    with database.reading() as tx:
        found = [row for row in ledger.current(tx, EVERYTHING) if row["award"] == "annual/2021/0"]
    assert [row["yuan"] for row in found] == [Decimal("9999999999999999.99")]
    database.engine.dispose()


def row(case: str, version: int, award: str, status: str) -> dict[str, Any]:
    kind, year, instalment = award.split("/")
    return {
        "case_id": case,
        "version": version,
        "award": award,
        "city": "yuyao",
        "uscc": "91330281MA2B00001P",
        "kind": kind,
        "year": int(year),
        "instalment": int(instalment),
        "fen": 10,
        "status": status,
        "article": "第十一条",
        "detail": canonical.dumps({"cap": "0.10"}),
        "legal_on": date(2021, 3, version),
        "noticed_at": office_hour(date(2021, 3, version)),
    }


# ---- on the command line -------------------------------------------------------------------------------------------

CHEN = ("--as", "chen", "--role", "finance", "--city", "cixi")
WU = ("--as", "wu", "--role", "finance", "--city", "cixi")
THE_FIRST = ("--kind", "recognition", "--year", "2021", "--instalment", "1")


@pytest.fixture
def title(kjfh: Kjfh) -> str:
    """An incubator of Cixi in the command's database."""
    office = Bureau(kjfh.url)
    case = Cixi(office).recognised()
    office.workflow.close()
    return case


def test_an_award_goes_its_way_on_the_command_line(kjfh: Kjfh, title: str) -> None:
    printed = kjfh.ok("ledger", "approve", title, *THE_FIRST, "--yuan", "170000.50", *CHEN)
    assert "170,000.50" in printed
    refused = kjfh("ledger", "pay", title, *THE_FIRST, "--paid-on", "2021-03-01", "--voucher", "001", *CHEN)
    assert refused.code == 1
    assert "same_person" in refused.err
    kjfh.ok("ledger", "pay", title, *THE_FIRST, "--paid-on", "2021-03-01", "--voucher", "001", *WU)
    kjfh.ok("ledger", "reverse", title, *THE_FIRST, "--reason", "退款", *WU)
    second = ("--kind", "recognition", "--year", "2022", "--instalment", "2")
    kjfh.ok("ledger", "lapse", title, *second, "--reason", "放弃", *WU)
    rows = kjfh.json("ledger", "list", "--city", "cixi")["rows"]
    assert [(row["status"], row["yuan"], row["voucher"]) for row in rows] == [
        ("reversed", "170000.50", "001"),
        ("lapsed", "60000.00", ""),
        ("scheduled", "60000.00", ""),
    ]


def test_holding_and_releasing_give_their_reasons(kjfh: Kjfh, title: str) -> None:
    kjfh.ok("ledger", "hold", title, *THE_FIRST, "--reason", "核实发票", *CHEN)
    assert kjfh.json("ledger", "release", title, *THE_FIRST, "--reason", "已核实", *CHEN)["event"] == "release_award"
    changes = kjfh.json("ledger", "list", "--case", title)[1]["rows"]
    assert [(row["status"], row["reason"]) for row in changes if row["year"] == 2021] == [
        ("proposed", ""),
        ("held", "核实发票"),
        ("proposed", "已核实"),
    ]


def test_the_books_of_money_print_and_write(kjfh: Kjfh, title: str, tmp_path: Path) -> None:
    assert "待到期2笔120,000.00元" in kjfh.ok("ledger", "list")
    assert "60,000.00" in kjfh.ok("ledger", "forecast", "--city", "cixi")
    assert kjfh.json("ledger", "by-year")["rows"][0]["proposed"] == "180000.00"
    assert kjfh.json("ledger", "list", "--known", "2021-02-28")["rows"] == []
    assert [row["year"] for row in kjfh.json("ledger", "list", "--year", "2022", *CHEN)["rows"]] == [2022]
    assert kjfh.json("ledger", "list", "--status", "paid")["rows"] == []
    file = tmp_path / "台账.xlsx"
    assert "奖励台账3行" in kjfh.ok("ledger", "list", "--out", file)
    assert file.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("list", "--json", "--out", "x.xlsx"),
        ("list", "--as", "chen"),
        ("list", "--uscc", "91330281MA2B00001P"),
        ("list", "--as", "op", "--role", "applicant", "--city", "cixi"),
        ("list", "--status", "spent"),
        ("approve", "x", "--kind", "recognition", "--year", "2021", "--yuan", "viel", *CHEN),
    ],
)
def test_wrong_usage_is_told(kjfh: Kjfh, wrong: tuple[str, ...]) -> None:
    assert kjfh("ledger", *wrong).code == 2
