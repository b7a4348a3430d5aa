"""What a city wants to have reached (慈溪 一), how far it has come on any day, and the list behind each number.

Who is in an incubator is counted here as well, for whoever else asks (``reports``).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kjfh_workflow.books.as_of import Scope, batches
from kjfh_workflow.books.integrity import pack_on
from kjfh_workflow.books.register import Title, row_of, titles
from kjfh_workflow.books.table import Column, Table
from kjfh_workflow.casework.office import Office
from kjfh_workflow.policy.vocabulary import LEVELS, CaseKind, Level, Operator, TargetCount
from kjfh_workflow.policy.years import Target
from kjfh_workflow.store.database import CoreTransaction

_REACHED: dict[Operator, Callable[[int, int], bool]] = {
    Operator.AT_LEAST: operator.ge,
    Operator.AT_MOST: operator.le,
    Operator.MORE_THAN: operator.gt,
    Operator.LESS_THAN: operator.lt,
    Operator.EQUALS: operator.eq,
}
_SIGN = {
    Operator.AT_LEAST: "不少于",
    Operator.AT_MOST: "不多于",
    Operator.MORE_THAN: "超过",
    Operator.LESS_THAN: "少于",
    Operator.EQUALS: "等于",
}
#: Where the number of firms comes from.
_TENANCIES, _FACTS = "在孵登记", "申报数据"

_COLUMNS = (
    Column("label", "目标"),
    Column("counted", "现有", "number"),
    Column("wanted", "要求"),
    Column("met_label", "是否达到"),
    Column("short", "尚缺", "number"),
    Column("by", "期限", "date"),
    Column("article", "依据"),
)
_TITLES = (
    Column("case", "资格编号"),
    Column("operator", "运营机构"),
    Column("type_label", "类型"),
    Column("level_label", "级别"),
    Column("state_label", "状态"),
    Column("township", "镇（街道）"),
)
_OCCUPANTS = (
    Column("case", "资格编号"),
    Column("operator", "运营机构"),
    Column("type_label", "类型"),
    Column("makers", "创客", "number"),
    Column("tenants", "入驻企业", "number"),
    Column("elsewhere", "其中已在前列计入", "number"),
    Column("counted", "计入", "number"),
    Column("source", "企业数来源"),
)


@dataclass(frozen=True, slots=True)
class Occupied:
    """Who is in one incubator."""

    title: Title
    makers: int
    #: The firms' codes, each once.
    firms: tuple[str, ...]
    #: Where the firms are taken from.
    source: str


def occupied(office: Office, tx: CoreTransaction, scope: Scope) -> Iterator[Occupied]:
    """Every title that was held, with its makers and firms.

    Where an incubator has tenancies, its firms are those that were in it; otherwise, those in the facts on file. Makers
    stand in the facts only.
    """
    firms = _tenancies(office, tx, scope)
    for title in titles(office, tx, scope):
        makers = int(title.facts.get("makers", 0))
        if title.case.id in firms:
            yield Occupied(title, makers, tuple(firms[title.case.id]), _TENANCIES)
        else:
            named = tuple(dict.fromkeys(str(tenant["uscc"]) for tenant in title.facts.get("tenants", ())))
            yield Occupied(title, makers, named, _FACTS)


def _tenancies(office: Office, tx: CoreTransaction, scope: Scope) -> dict[str, dict[str, None]]:
    """Incubator → the codes of the firms that were in it, of every incubator that ever had a tenancy."""
    found: dict[str, dict[str, None]] = {}
    for batch in batches(tx, CaseKind.TENANCY, scope):
        for case in (seen.case for seen in batch):
            firms = found.setdefault(case.parent, {})
            if not office.pack_of(case).machines[case.kind].states[case.state].final:
                firms[str(case.memory["tenant"]["uscc"])] = None
    return found


def progress(office: Office, tx: CoreTransaction, scope: Scope) -> list[Table]:
    """How far the city has come: the targets, and behind them one list for each.

    An entity counts once, at its highest level; a firm that is in two incubators counts once.

    Raises:
        NotFound: for a city without packs, or a case whose pack is not loaded.
    """
    today = office.moment(tx).today
    pack = pack_on(office, scope.city, scope.day(today))
    wanted = pack.identity.targets
    counts_people = any(target.count is TargetCount.MAKERS_AND_TENANTS for target in wanted)
    held = [*occupied(office, tx, scope)] if counts_people else []
    entities = [one.title for one in held] if counts_people else [*titles(office, tx, scope)]
    lists = [_list(target, entities, held) for target in wanted]
    rows = [_row(target, table) for target, table in zip(wanted, lists, strict=True)]
    note = scope.in_words(today) if wanted else f"{pack.identity.title}没有列出数量目标"
    return [Table(f"{pack.identity.city_label}目标进展", _COLUMNS, rows, note), *lists]


def _row(target: Target, behind: Table) -> dict[str, Any]:
    people = target.count is TargetCount.MAKERS_AND_TENANTS
    counted = sum(row["counted"] for row in behind.rows) if people else len(behind.rows)
    met = _REACHED[target.op](counted, target.value)
    needed = target.value + (target.op is Operator.MORE_THAN)
    counts_up = target.op in (Operator.AT_LEAST, Operator.MORE_THAN)
    return {
        "id": target.id,
        "label": target.label,
        "counted": counted,
        "op": str(target.op),
        "value": target.value,
        "wanted": f"{_SIGN[target.op]}{target.value}",
        "met": met,
        "met_label": "已达到" if met else "未达到",
        "short": max(0, needed - counted) if counts_up else None,
        "by": target.by,
        "article": target.article,
    }


def _list(target: Target, entities: Iterable[Title], held: Iterable[Occupied]) -> Table:
    if target.count is TargetCount.MAKERS_AND_TENANTS:
        return Table(f"{target.label}：名单", _OCCUPANTS, [*_people(held)])
    rows = [row_of(title) for title in entities if _counts(target, title.case.level)]
    return Table(f"{target.label}：名单", _TITLES, rows)


def _counts(target: Target, level: Level | None) -> bool:
    if target.count is TargetCount.TITLES or target.level is None:
        return True
    if level is None:
        return False
    if target.count is TargetCount.TITLES_AT_LEVEL:
        return level is target.level
    return LEVELS.index(level) >= LEVELS.index(target.level)


def _people(held: Iterable[Occupied]) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for one in held:
        fresh = [uscc for uscc in one.firms if uscc not in seen]
        seen.update(fresh)
        yield {
            "case": one.title.case.id,
            "operator": one.title.case.name,
            "type_label": one.title.type_label,
            "makers": one.makers,
            "tenants": len(one.firms),
            "elsewhere": len(one.firms) - len(fresh),
            "counted": one.makers + len(fresh),
            "source": one.source,
        }
