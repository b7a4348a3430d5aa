"""The register: who holds which of the city's titles, today or on any past day, and who has lost or given up one.

An entity whose title the city has cancelled is no longer the city's, whatever another body still calls it (C8).
Counting titles against targets or for a year is ``targets``' and ``reports``' business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.books.as_of import Scope, Seen, batches
from kjfh_workflow.books.table import Column, Table
from kjfh_workflow.casework.office import Office
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.case import Case
from kjfh_workflow.store import books
from kjfh_workflow.store.database import CoreTransaction

#: 小微产业园 and its three elements, as the facts name them.
PARK = {
    "small_micro_park": "小微产业园",
    "special_commissioner": "科技特派员",
    "inspection_agent": "检测代办点",
    "intermediary_service": "中介服务点",
}
_COLUMNS = (
    Column("city_label", "城市"),
    Column("case", "资格编号"),
    Column("operator", "运营机构"),
    Column("uscc", "统一社会信用代码"),
    Column("type_label", "类型"),
    Column("level_label", "级别"),
    Column("state_label", "状态"),
    Column("recognised_on", "认定日期", "date"),
    Column("document_no", "认定文号"),
    Column("township", "镇（街道）"),
    *(Column(name, label) for name, label in PARK.items()),
    Column("grade_label", "最近一次考核"),
    Column("failed_years", "连续不合格年数", "number"),
    Column("last_change", "最近一次变更"),
    Column("changed_on", "最近办理日期", "date"),
)
_ENDED_COLUMNS = (
    *_COLUMNS[:-1],
    Column("ended_on", "资格终止日期", "date"),
    Column("ground", "终止事由"),
    Column("article", "依据"),
)


@dataclass(frozen=True, slots=True)
class Title:
    """One title as it was, with what the register says of it."""

    pack: PolicyPack
    seen: Seen
    #: The facts in force, as stored; empty where there are none.
    facts: Mapping[str, Any] = field(default_factory=dict)
    #: The number of the city's own letter of recognition.
    letter: str = ""

    @property
    def case(self) -> Case:
        """The incubator."""
        return self.seen.case

    @property
    def recognised_on(self) -> date | None:
        """The day of the city's recognition; of a registered title, of its decision."""
        day = self.case.memory.get("recognised_on")
        return date.fromisoformat(day) if day else None

    @property
    def township(self) -> str:
        """The township; empty where nothing on file names it."""
        return str(self.facts.get("premises", {}).get("township") or self.case.memory.get("township", ""))

    @property
    def park(self) -> Mapping[str, bool]:
        """Element → whether there is one; empty where nothing on file says."""
        park: Mapping[str, bool] = self.facts.get("park") or self.case.memory.get("park", {})
        return park

    @property
    def type_label(self) -> str:
        """As the pack calls it."""
        return self.pack.identity.types[self.case.type].label

    @property
    def level_label(self) -> str:
        """In people's words."""
        return self.pack.words("levels", str(self.case.level)) if self.case.level else ""


def titles(office: Office, tx: CoreTransaction, scope: Scope, *, titled: bool = True) -> Iterator[Title]:
    """Every title that was held, or (*titled* is False) that had ended; in order of case, a batch in memory."""
    for batch in batches(tx, CaseKind.INCUBATOR, scope):
        chosen = [
            (pack, seen)
            for seen in batch
            if (pack := office.pack_of(seen.case)).machines[seen.case.kind].states[seen.case.state].titled is titled
        ]
        wanted = {seen.case.facts for _, seen in chosen} - {""}
        facts = {digest: canonical.loads(body) for digest, body in books.bodies(tx, wanted).items()}
        letters = books.last_numbers(tx, {seen.case.memory.get("opened_by", "") for _, seen in chosen})
        for pack, seen in chosen:
            letter = letters.get(seen.case.memory.get("opened_by", ""), "")
            yield Title(pack, seen, facts.get(seen.case.facts, {}), letter)


def register(office: Office, tx: CoreTransaction, scope: Scope) -> Table:
    """The titles that were held.

    Raises:
        NotFound: for a city without packs, or a case whose pack is not loaded.
    """
    rows = [row_of(title) for title in titles(office, tx, scope)]
    return Table("资格名录", _COLUMNS, rows, _note(office, tx, scope, len(rows)))


def ended(office: Office, tx: CoreTransaction, scope: Scope) -> Table:
    """The titles that were cancelled or surrendered by then: since when and why.

    Raises:
        NotFound: as ``register``.
    """
    gone = [*titles(office, tx, scope, titled=False)]
    since = ended_on(tx, gone, scope)
    rows = []
    for title in gone:
        proposal = title.case.memory.get("proposal") or {}
        more = {"ended_on": since[title.case.id], "ground": proposal.get("ground", "")}
        rows.append({**row_of(title), **more, "article": proposal.get("article", "")})
    rows.sort(key=lambda row: (row["ended_on"], row["case"]))
    return Table("已终止的资格", _ENDED_COLUMNS, rows, _note(office, tx, scope, len(rows)))


def ended_on(tx: CoreTransaction, gone: list[Title], scope: Scope) -> dict[str, date]:
    """Case → the day on which its title ended."""
    since: dict[str, date] = {}
    states = {title.case.state for title in gone}
    ids = [title.case.id for title in gone]
    for start in range(0, len(ids), 200):
        since |= books.entered(tx, ids[start : start + 200], states, scope.noticed_before)
    return since


def row_of(title: Title) -> dict[str, Any]:
    """One line of the register: the columns, and the short names that programs go by."""
    case, pack, memory = title.case, title.pack, title.case.memory
    year, grade = _latest_grade(title)
    return {
        "city": case.city,
        "city_label": pack.identity.city_label,
        "case": case.id,
        "operator": case.name,
        "uscc": case.uscc,
        "type": case.type,
        "type_label": title.type_label,
        "level": str(case.level) if case.level else "",
        "level_label": title.level_label,
        "state": case.state,
        "state_label": pack.state_label(case.kind, case.state),
        "recognised_on": title.recognised_on,
        "document_no": memory.get("document_no") or title.letter,
        "township": title.township,
        **{name: ("是" if title.park[name] else "否") if name in title.park else "" for name in PARK},
        "grade_year": year,
        "grade": grade,
        "grade_label": f"{year}年{pack.words('grades', grade)}" if year else "",
        "failed_years": memory.get("failed_years", 0),
        "last_change": _last_change(title),
        "changed_on": title.seen.changed_on,
    }


def _latest_grade(title: Title) -> tuple[int | None, str]:
    """The latest assessed year and its grade, or that it stayed without one."""
    grades = title.case.memory.get("grades") or {}
    if not grades:
        return None, ""
    year = max(grades, key=int)
    return int(year), str(grades[year]["grade"])


def _last_change(title: Title) -> str:
    changes = title.case.memory.get("changes") or ()
    if not changes:
        return ""
    last = max(changes, key=lambda change: str(change["on"]))
    what = "、".join(title.pack.words("changes", name) for name in last["what"])
    return f"{what}（{last['occurred_on']}）"


def _note(office: Office, tx: CoreTransaction, scope: Scope, number: int) -> str:
    return f"{scope.in_words(office.moment(tx).today)}，共{number}家"
