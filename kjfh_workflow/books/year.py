"""A city's year in numbers: titles, grades, awards, changes, bans.

Who holds a title is ``register``'s, how each award stands ``ledger``'s; here it is only counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from kjfh_workflow.books.as_of import Scope, batches
from kjfh_workflow.books.integrity import misconduct, pack_on
from kjfh_workflow.books.register import Title, ended_on, titles
from kjfh_workflow.books.reports import every, summed
from kjfh_workflow.books.table import Column, Table
from kjfh_workflow.casework.office import Office
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import LEVELS, NOT_GRADED, AwardKind, AwardStatus, CaseKind, Grade
from kjfh_workflow.store import books
from kjfh_workflow.store.database import CoreTransaction


@dataclass(frozen=True)
class _Year:
    """One year of one city, as somebody may see it."""

    office: Office
    tx: CoreTransaction
    scope: Scope
    year: int
    today: date

    @property
    def pack(self) -> PolicyPack:
        return pack_on(self.office, self.scope.city, self.scope.day(self.today))

    def has(self, day: date | None) -> bool:
        """Whether *day* lies in the year."""
        return day is not None and day.year == self.year

    def at(self, day: date) -> Scope:
        """The same view at the end of another day, or of the last one that is looked at."""
        last = self.scope.day(self.today)
        return self.scope if day >= last else replace(self.scope, on=day)


def yearly(office: Office, tx: CoreTransaction, scope: Scope, year: int) -> list[Table]:
    """A city's year: titles, grades, awards, changes, bans and misconduct.

    Raises:
        NotFound: for a city without packs, or a case whose pack is not loaded.
    """
    asked = _Year(office, tx, scope, year, office.moment(tx).today)
    held = [*titles(office, tx, asked.at(date(year, 12, 31)))]
    gone = [*titles(office, tx, asked.at(date(year, 12, 31)), titled=False)]
    return [
        _titles(asked, held, gone),
        _grades(asked, [*held, *gone]),
        _awards(asked),
        _changes(asked),
        _bans(asked),
    ]


# ---- titles and grades -------------------------------------------------------------------------------------------

_TITLES = (
    Column("type_label", "类型"),
    Column("before", "上年末", "number"),
    Column("granted", "本年认定", "number"),
    Column("registered", "未经本系统认定、登记入册", "number"),
    Column("revoked", "本年取消", "number"),
    Column("surrendered", "本年放弃", "number"),
    Column("held", "年末", "number"),
)


def _titles(asked: _Year, held: list[Title], gone: list[Title]) -> Table:
    """By type of space; at the end of the year also by level."""
    before = Counter(
        title.type_label for title in titles(asked.office, asked.tx, asked.at(date(asked.year, 1, 1) - timedelta(1)))
    )
    since = ended_on(asked.tx, gone, asked.scope)
    counts: dict[str, Counter[str]] = {}
    for title in [*held, *gone]:
        row = counts.setdefault(title.type_label, Counter())
        if asked.has(title.recognised_on):
            row["registered" if title.case.memory.get("registered") else "granted"] += 1
    for title in held:
        counts[title.type_label].update(("held", str(title.case.level)))
    for title in gone:
        if asked.has(since[title.case.id]):
            cancelled = title.pack.machines[title.case.kind].states[title.case.state].title_cancelled
            counts[title.type_label]["revoked" if cancelled else "surrendered"] += 1
    levels = _levels(asked.pack)
    rows = [
        {"type_label": label, "before": before[label], **every(count, [c.name for c in (*_TITLES[2:], *levels)])}
        for label, count in sorted(counts.items())
    ]
    note = f"{asked.pack.identity.city_label}{asked.year}年；{asked.at(date(asked.year, 12, 31)).in_words(asked.today)}"
    return Table(f"{asked.year}年资格", (*_TITLES, *levels), [*rows, summed(rows, "type_label")], note)


def _levels(pack: PolicyPack) -> list[Column]:
    return [Column(str(level), f"年末{pack.words('levels', level)}", "number") for level in LEVELS]


def _grades(asked: _Year, everybody: Iterable[Title]) -> Table:
    """The rounds of the year and those that were closed in it, by grade."""
    acts = books.rounds_of(asked.tx, asked.scope.city, asked.scope.on, asked.scope.noticed_before)
    opened = {act["year"]: act for act in acts if act["act"] == "open_round"}
    closed = {act["year"]: act["legal_on"] for act in acts if act["act"] == "close_round"}
    years = [year for year in opened if year == asked.year or asked.has(closed.get(year))]
    names = (*(asked.pack.identity.assessment.grades if asked.pack.identity.assessment else Grade), NOT_GRADED)
    count: dict[int, Counter[str]] = {year: Counter() for year in years}
    for title in everybody:
        for year in years:
            grade = (title.case.memory.get("grades") or {}).get(str(year))
            if grade:
                count[year][grade["grade"]] += 1
    columns = (
        Column("year", "考核年度", "number"),
        Column("opened_on", "开展日期", "date"),
        Column("closed_on", "办结日期", "date"),
        Column("members", "参加考核", "number"),
        *(Column(str(name), asked.pack.words("grades", name), "number") for name in names),
    )
    rows = [
        {
            "year": year,
            "opened_on": opened[year]["legal_on"],
            "closed_on": closed.get(year),
            "members": opened[year]["members"],
            **every(count[year], map(str, names)),
        }
        for year in years
    ]
    return Table(f"{asked.year}年考核", columns, rows)


# ---- money, changes, bans ----------------------------------------------------------------------------------------

_AWARDS = (
    Column("kind_label", "奖励"),
    Column("status_label", "状态"),
    Column("number", "笔数", "number"),
    Column("yuan", "金额（元）", "yuan"),
)
_CHANGES = (
    Column("what_label", "变更事项"),
    Column("number", "件数", "number"),
    Column("late", "其中逾期", "number"),
    Column("open", "其中未办结", "number"),
)
_LIST = (
    Column("kind_label", "事项"),
    Column("name", "单位或人员"),
    Column("on", "日期", "date"),
    Column("until", "至", "date"),
    Column("article", "依据"),
)


def _awards(asked: _Year) -> Table:
    """The awards that belong to the year, as they stood."""
    sums: dict[tuple[str, str], list[int]] = {}
    scope = asked.scope
    for award in books.awards(asked.tx, scope.city, asked.year, scope.on, scope.noticed_before):
        sums.setdefault((award["kind"], award["status"]), []).append(award["fen"])
    rows = [
        {
            "kind": kind,
            "kind_label": asked.pack.words("awards", kind),
            "status": status,
            "status_label": asked.pack.words("award_statuses", status),
            "number": len(sums[kind, status]),
            "yuan": Decimal(sum(sums[kind, status])).scaleb(-2),
        }
        for kind in map(str, AwardKind)
        for status in map(str, AwardStatus)
        if (kind, status) in sums
    ]
    return Table(f"{asked.year}年奖励", _AWARDS, rows, "按奖励所属年度，每笔只计现状")


def _changes(asked: _Year) -> Table:
    """The changes that happened in the year; one that is of several things counts under each."""
    counts: dict[str, Counter[str]] = {}
    for batch in batches(asked.tx, CaseKind.CHANGE, asked.scope):
        for case in (seen.case for seen in batch):
            if not asked.has(date.fromisoformat(case.memory["occurred_on"])):
                continue
            state = asked.office.pack_of(case).machines[case.kind].states[case.state]
            for what in case.memory["what"]:
                row = counts.setdefault(what, Counter())
                row.update(["number"])
                row["late"] += bool(case.memory.get("late_days"))
                row["open"] += not state.final
    rows = [
        {"what": what, "what_label": asked.pack.words("changes", what), **every(count, ("number", "late", "open"))}
        for what, count in sorted(counts.items())
    ]
    return Table(f"{asked.year}年变更", _CHANGES, rows, "按变更发生的年度；一件涉及几项的，各项分别计")


def _bans(asked: _Year) -> Table:
    scope = asked.at(date(asked.year, 12, 31))
    last = min(scope.day(asked.today), scope.known or date.max)
    rows = [
        {"kind_label": "禁止申报", "name": ban["name"], "on": ban["since"]} | {k: ban[k] for k in ("until", "article")}
        for ban in books.bans_imposed(asked.tx, scope.reads, scope.city, since_until=last)
        if asked.has(ban["since"])
    ]
    rows += [
        {
            "kind_label": "评审人员失信",
            "name": entry["person"],
            "on": entry["recorded_on"],
            "until": None,
            "article": entry["article"],
        }
        for entry in misconduct(asked.tx, scope)
        if asked.has(entry["recorded_on"])
    ]
    return Table(f"{asked.year}年失信", _LIST, rows)
