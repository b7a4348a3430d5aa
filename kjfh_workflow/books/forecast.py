"""What the awards will cost, year by year: committed, likely, possible, paid; and the ledger by year and status.

Each year is the calendar year that a payment belongs to. Which awards there are is ``ledger``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from kjfh_workflow.books.as_of import Scope
from kjfh_workflow.books.ledger import awards
from kjfh_workflow.books.table import Column, Table
from kjfh_workflow.casework.office import Office
from kjfh_workflow.policy.vocabulary import AwardStatus
from kjfh_workflow.store.database import CoreTransaction

#: How sure a payment is; what has lapsed or was reversed is none.
_SURENESS = {
    AwardStatus.PAID: "paid",
    AwardStatus.APPROVED: "committed",
    AwardStatus.PROPOSED: "likely",
    AwardStatus.SCHEDULED: "likely",
    AwardStatus.HELD: "possible",
}
_YEAR = (Column("city_label", "城市"), Column("year", "年度", "number"))
_COLUMNS = (
    *_YEAR,
    Column("paid", "已拨付（元）", "yuan"),
    Column("committed", "已核定待拨付（元）", "yuan"),
    Column("likely", "预计（拟给予、待到期，元）", "yuan"),
    Column("possible", "或有（暂缓，元）", "yuan"),
    Column("total", "合计（元）", "yuan"),
)
_NOTHING = Decimal("0.00")


def forecast(office: Office, tx: CoreTransaction, scope: Scope) -> Table:
    """For each city and year what is paid, committed, likely and possible, in yuan.

    Raises:
        NotFound: for a city without packs.
    """
    years: dict[tuple[str, int], dict[str, Any]] = {}
    for row in awards(office, tx, scope):
        if sureness := _SURENESS.get(row["status"]):
            year = _year(years, row, ("paid", "committed", "likely", "possible", "total"))
            year[sureness] += row["yuan"]
            year["total"] += row["yuan"]
    return Table("奖励资金预测", _COLUMNS, _in_order(years), scope.in_words(office.moment(tx).today))


def by_year_and_status(office: Office, tx: CoreTransaction, scope: Scope) -> Table:
    """For each city and year the sum of the awards in each status, in yuan, and how many awards there are.

    Raises:
        NotFound: for a city without packs.
    """
    years: dict[tuple[str, int], dict[str, Any]] = {}
    for row in awards(office, tx, scope):
        year = _year(years, row, tuple(AwardStatus))
        year["count"] = year.get("count", 0) + 1
        year[row["status"]] += row["yuan"]
    pack = office.catalog.latest(scope.city) if scope.city else next(iter(office.catalog))
    sums = (Column(status, f"{pack.words('award_statuses', status)}（元）", "yuan") for status in AwardStatus)
    columns = (*_YEAR, Column("count", "笔数", "number"), *sums)
    return Table("台账（按年度和状态）", columns, _in_order(years), scope.in_words(office.moment(tx).today))


def _year(
    years: dict[tuple[str, int], dict[str, Any]], row: Mapping[str, Any], sums: tuple[str, ...]
) -> dict[str, Any]:
    start = {"city": row["city"], "city_label": row["city_label"], "year": row["year"]}
    return years.setdefault((row["city"], row["year"]), {**start, **dict.fromkeys(sums, _NOTHING)})


def _in_order(years: Mapping[tuple[str, int], dict[str, Any]]) -> list[dict[str, Any]]:
    return [years[key] for key in sorted(years)]
