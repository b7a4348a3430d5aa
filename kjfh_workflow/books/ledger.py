"""The ledger (台账) as tables: how each award stands, what became of it, and the sums by status.

How the rows are stored is ``store.ledger``'s; who pays whom is ``payments``', what is to be expected ``forecast``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from kjfh_workflow.books.as_of import Scope
from kjfh_workflow.books.table import Column, Table
from kjfh_workflow.casework.office import Office
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import AwardStatus
from kjfh_workflow.store import ledger
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.paging import AWARD, CASE, check_key

_OF_AWARD = (
    Column("kind_label", "奖励种类"),
    Column("year", "年度", "number"),
    Column("instalment", "期次", "number"),
    Column("yuan", "金额（元）", "yuan"),
    Column("cap", "上限（元）", "yuan"),
    Column("status_label", "状态"),
    Column("article", "依据"),
    Column("words", "计算说明"),
)
_COLUMNS = (
    Column("city_label", "城市"),
    Column("case", "资格编号"),
    Column("name", "运营机构"),
    Column("uscc", "统一社会信用代码"),
    Column("type_label", "类型"),
    Column("township", "镇（街道）"),
    Column("award", "奖励编号"),
    *_OF_AWARD,
    Column("approved_on", "核定日期", "date"),
    Column("approved_by_name", "核定人"),
    Column("paid_on", "拨付日期", "date"),
    Column("voucher", "凭证号"),
    Column("reason", "说明"),
)
_CHANGE_COLUMNS = (
    Column("version", "序", "number"),
    Column("legal_on", "日期", "date"),
    Column("award", "奖励编号"),
    *_OF_AWARD,
    Column("approved_by_name", "核定人"),
    Column("paid_on", "拨付日期", "date"),
    Column("voucher", "凭证号"),
    Column("reason", "说明"),
)
_TOTAL_COLUMNS = (
    Column("status_label", "状态"),
    Column("count", "笔数", "number"),
    Column("yuan", "金额（元）", "yuan"),
)
#: The smallest step of an instant on file.
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which awards to list; an empty field does not filter."""

    case: str = ""
    year: int | None = None
    status: AwardStatus | None = None


def awards(
    office: Office,
    tx: CoreTransaction,
    scope: Scope,
    wanted: Wanted | None = None,
    *,
    after: str = "",
    limit: int | None = None,
) -> Iterator[dict[str, Any]]:
    """How each award stands, in order of city, case and award: a row with codes and words, see ``_COLUMNS``.

    ``approved_by`` is the approver's id: who is of no office is told the name only.

    With a *limit* the order is that of case and award, and *after* is a ``key_of`` to continue behind.

    Raises:
        NotFound: for a city without packs, or a case whose pack is not loaded.
        InputError: if *after* is no such key.
    """
    wanted = wanted or Wanted()
    if scope.city:
        office.catalog.versions(scope.city)
    found = ledger.current(
        tx,
        scope.reads,
        city=scope.city,
        case_id=wanted.case,
        year=wanted.year,
        status=wanted.status or "",
        known_until=_end_of(scope),
        after=_place(after),
        limit=limit,
    )
    for row in found:
        pack = office.catalog.pinned(row["city"], row["policy"])
        yield {
            "city": row["city"],
            "city_label": pack.identity.city_label,
            "case": row["case_id"],
            "name": row["name"],
            "uscc": row["uscc"],
            "type": row["type"],
            "type_label": pack.identity.types[row["type"]].label,
            "township": row["township"],
            **_of_award(pack, row, scope),
            "approved_on": row["approved_on"],
        }


def listed(office: Office, tx: CoreTransaction, scope: Scope, wanted: Wanted | None = None) -> Table:
    """The ledger; its note says the day and the sums by status.

    Raises:
        NotFound: as ``awards``.
    """
    rows = [*awards(office, tx, scope, wanted)]
    sums = "，".join(f"{row['status_label']}{row['count']}笔{row['yuan']:,.2f}元" for row in totals(rows).rows)
    day = scope.in_words(office.moment(tx).today)
    return Table("奖励台账", _COLUMNS, rows, f"{day}；共{len(rows)}笔" + (f"：{sums}" if sums else ""))


def page(
    office: Office, tx: CoreTransaction, scope: Scope, wanted: Wanted | None = None, *, after: str = "", limit: int
) -> Table:
    """So many awards behind a key, in order of case and award; the note says only the day.

    Raises:
        NotFound: as ``awards``.
    """
    rows = [*awards(office, tx, scope, wanted, after=after, limit=limit)]
    return Table("奖励台账", _COLUMNS, rows, scope.in_words(office.moment(tx).today))


def key_of(row: Mapping[str, Any]) -> str:
    """What an award goes by in the whole ledger; of a row as ``awards`` gives it."""
    return f"{row['case']}/{row['award']}"


def _place(key: str) -> tuple[str, str] | None:
    """Case and award of a ``key_of``.

    Raises:
        InputError: for what is none.
    """
    check_key(key, f"{CASE}/{AWARD}")
    case, _, award = key.partition("/")
    return (case, award) if key else None


def totals(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Number and sum of the awards in each status; of rows as ``awards`` gives them."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        total = found.setdefault(
            row["status"],
            {"status": row["status"], "status_label": row["status_label"], "count": 0, "yuan": Decimal("0.00")},
        )
        total["count"] += 1
        total["yuan"] += row["yuan"]
    return Table("按状态合计", _TOTAL_COLUMNS, [found[status] for status in AwardStatus if status in found])


def changes(pack: PolicyPack, tx: CoreTransaction, case_id: str, scope: Scope) -> Table:
    """Every change of a case's awards, oldest first, as far as it was known at the end of a day."""
    end = _end_of(scope)
    rows = [
        {"version": row["version"], "legal_on": row["legal_on"], **_of_award(pack, row, scope)}
        for row in ledger.history_of(tx, case_id)
        if end is None or row["noticed_at"] <= end
    ]
    return Table("台账变动", _CHANGE_COLUMNS, rows)


def _end_of(scope: Scope) -> datetime | None:
    """The last instant of the day of knowledge."""
    return scope.noticed_before - _TICK if scope.noticed_before else None


def _of_award(pack: PolicyPack, row: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    detail = row["detail"]
    return {
        "award": row["award"],
        "kind": row["kind"],
        "kind_label": _label(pack, row),
        "year": row["year"],
        "instalment": row["instalment"] or None,
        "yuan": row["yuan"],
        "cap": Decimal(detail["cap"]) if detail.get("cap") else None,
        "status": row["status"],
        "status_label": pack.words("award_statuses", row["status"]),
        "article": row["article"],
        "words": detail.get("words", ""),
        "approved_by": detail.get("approved_by", "") if scope.reads.for_office else "",
        "approved_by_name": row["approver"],
        "paid_on": date.fromisoformat(detail["paid_on"]) if detail.get("paid_on") else None,
        "voucher": detail.get("voucher", ""),
        "reason": detail.get("reason", ""),
    }


def _label(pack: PolicyPack, row: Mapping[str, Any]) -> str:
    """``晋级奖励（宁波市级）``."""
    level = row["detail"].get("level")
    return pack.words("awards", row["kind"]) + (f"（{pack.words('levels', level)}）" if level else "")
