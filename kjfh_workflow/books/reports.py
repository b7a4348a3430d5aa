"""What a bureau prints besides its year (``year``): the townships, and the work that is late.

Who holds a title is ``register``'s, how each award stands ``ledger``'s; here it is only counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from kjfh_workflow.books.as_of import Scope
from kjfh_workflow.books.integrity import pack_on
from kjfh_workflow.books.register import PARK, titles
from kjfh_workflow.books.table import Column, Table
from kjfh_workflow.books.targets import occupied
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.views.docket import docket
from kjfh_workflow.policy.vocabulary import AwardStatus, Level, Side
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.store import books
from kjfh_workflow.store.database import CoreTransaction

#: Where nothing on file names a township.
_NOWHERE = "（未登记）"
#: What counts as granted: neither conditional nor gone.
_GRANTED = (AwardStatus.PROPOSED, AwardStatus.HELD, AwardStatus.APPROVED, AwardStatus.PAID)


# ---- townships ---------------------------------------------------------------------------------------------------


def townships(office: Office, tx: CoreTransaction, scope: Scope, year: int) -> Table:
    """One row for each township: titles, parks, makers and firms as they were, and the year's awards.

    The townships are assessed by it (慈溪 四（三）).

    Raises:
        NotFound: as ``yearly``.
    """
    today = office.moment(tx).today
    pack = pack_on(office, scope.city, scope.day(today))
    money: Counter[str] = Counter()
    for award in books.awards(tx, scope.city, year, scope.on, scope.noticed_before):
        if award["status"] in _GRANTED:
            money[award["case_id"]] += award["fen"]
    counts: dict[str, Counter[str]] = {}
    labels: dict[str, None] = {}
    for one in occupied(office, tx, scope):
        title = one.title
        row = counts.setdefault(title.township or _NOWHERE, Counter())
        labels[title.type_label] = None
        row.update(("titles", title.type_label))
        row["above"] += title.case.level not in (None, Level.LOCAL)
        row.update(name for name in PARK if title.park.get(name))
        row.update({"makers": one.makers, "tenants": len(one.firms), "fen": money.pop(title.case.id, 0)})
    for title in titles(office, tx, scope, titled=False):
        if fen := money.pop(title.case.id, 0):
            counts.setdefault(title.township or _NOWHERE, Counter())["fen"] += fen
    numbers = (
        Column("titles", "资格", "number"),
        *(Column(label, label, "number") for label in sorted(labels)),
        Column("above", "其中宁波市级及以上", "number"),
        *(Column(name, label, "number") for name, label in PARK.items()),
        Column("makers", "创客", "number"),
        Column("tenants", "入驻企业", "number"),
    )
    rows = [
        {"township": name, **every(count, [c.name for c in numbers]), "yuan": Decimal(count["fen"]).scaleb(-2)}
        for name, count in sorted(counts.items())
    ]
    columns = (Column("township", "镇（街道）"), *numbers, Column("yuan", f"{year}年奖励（元）", "yuan"))
    note = f"{scope.in_words(today)}；奖励为{year}年度拟给予、暂缓、已核定和已拨付的合计"
    rows.append(summed(rows, "township"))
    return Table(f"{pack.identity.city_label}各镇（街道）", columns, rows, note)


# ---- overdue work ------------------------------------------------------------------------------------------------

_OVERDUE = (
    Column("due", "到期日", "date"),
    Column("days", "逾期日数", "number"),
    Column("case", "案件"),
    Column("operator", "单位"),
    Column("kind_label", "类别"),
    Column("state_label", "状态"),
    Column("timer_label", "期限"),
    Column("who", "由谁办理"),
    Column("article", "依据"),
    Column("then", "届满后"),
)


def overdue(office: Office, tx: CoreTransaction, reader: Actor | None, city: str) -> Table:
    """Every running clock of somebody's work whose last day has passed today, with whom the work lies.

    Raises:
        NotFound: as ``yearly``.
    """
    seen = docket(office, tx, reader, 1, city)
    rows = [
        {
            "due": item.due,
            "days": -item.days_left,
            "case": item.case,
            "city": item.city,
            "operator": item.operator,
            "uscc": item.uscc,
            "kind": str(item.kind),
            "kind_label": office.catalog.latest(item.city).words("kinds", item.kind),
            "state_label": item.state_label,
            "timer": item.timer,
            "timer_label": item.timer_label,
            "who": item.who,
            "article": item.article,
            "then": item.event_label,
        }
        for item in seen.items
        if item.overdue and item.side is not Side.NOBODY
    ]
    return Table("逾期未办", _OVERDUE, rows, f"截至{seen.today}，共{len(rows)}项")


# ---- counting ----------------------------------------------------------------------------------------------------


def every(count: Mapping[str, int], names: Iterable[str]) -> dict[str, int]:
    """Every name, 0 where nothing was counted."""
    return {name: count.get(name, 0) for name in names}


def summed(rows: Iterable[Mapping[str, Any]], head: str) -> dict[str, Any]:
    """A row that adds up the others; *head* is the column that names them."""
    total: dict[str, Any] = {head: "合计"}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, (int, Decimal)):
                total[name] = total.get(name, 0) + value
    return total
