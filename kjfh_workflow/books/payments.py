"""The payment list that Finance works with: what may be paid now, and what a list says that comes back.

Whether an award may be paid is decided where every act is (``rules.decision``): here it is asked, never judged again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.books import sheet
from kjfh_workflow.books.as_of import Scope
from kjfh_workflow.books.award_acts import Titles, selectors_of
from kjfh_workflow.books.ledger import Wanted, awards
from kjfh_workflow.books.table import Column, Table
from kjfh_workflow.casework import perform as acts
from kjfh_workflow.casework.office import Moment, Office
from kjfh_workflow.casework.trying_again import again
from kjfh_workflow.errors import Conflict, Refusal, Refused
from kjfh_workflow.policy.vocabulary import LEVELS, AwardStatus, Field, Level, RefusalCode
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.decision import decide
from kjfh_workflow.store import cases, ledger
from kjfh_workflow.store.database import CoreTransaction, Database, Transaction

_PAY = "pay_award"
_LIST, _WAITING = "付款清单", "暂不付款"
#: What Finance enters as the result.
_PAID, _FAILED = "已付", "失败"
#: Joins a case and its award to the key of a row; it stands in neither.
_JOINT = "#"
_KEY = Column("key", "清单编号（勿改）")
_YUAN = Column("yuan", "金额（元）", "yuan")
_LISTED_ON = Column("listed_on", "制表日期", "date")
_USCC = Column("uscc", "统一社会信用代码")
_NAMED = (
    _KEY,
    Column("name", "运营机构"),
    _USCC,
    Column("township", "镇（街道）"),
    Column("kind_label", "奖励种类"),
    Column("year", "年度", "number"),
    Column("instalment", "期次", "number"),
    _YUAN,
    Column("article", "依据"),
    Column("words", "计算说明"),
    Column("approved_on", "核定日期", "date"),
    Column("approved_by_name", "核定人"),
    _LISTED_ON,
)
_ANSWERS = (
    Column("result", "付款结果"),
    Column("paid_on", "付款日期", "date"),
    Column("voucher", "凭证号"),
    Column("remark", "备注"),
)
_READ = (_KEY, _USCC, _YUAN, _LISTED_ON, *_ANSWERS)
#: What the payer will still say, or who the payer may not be: neither keeps an award off the list.
_SETTLED_WHEN_PAID = frozenset({RefusalCode.EVIDENCE_MISSING, RefusalCode.SAME_PERSON})


# ---- the list that goes out ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PaymentList:
    """All approved awards of a city."""

    #: Those that may be paid, with empty columns for Finance.
    payable: Table
    #: Those that may not be paid now, each with the reasons.
    waiting: Table

    def save(self, path: Path) -> None:
        """Write both as an ``.xlsx``.

        Raises:
            WorkflowError: if ``openpyxl`` is missing, or the file is there already: it may be filled in.
        """
        choices = {"result": (_PAID, _FAILED)}
        sheet.save(path, (self.payable, self.waiting), choices=choices, replace=False)


def payment_list(office: Office, tx: CoreTransaction, city: str, by: Actor) -> PaymentList:
    """What may be paid in a city now, and what may not; *by* is who asks.

    Raises:
        NotFound: for a city without packs, or a case whose pack is not loaded.
    """
    moment = office.moment(tx)
    payable, waiting = [], []
    for row, reasons in _approved(office, tx, city, by, moment):
        listed = {**row, "key": _key(row), "listed_on": moment.today}
        if reasons:
            waiting.append({**listed, "reasons": "；".join(_said(reason) for reason in reasons)})
        else:
            payable.append(listed)
    total = sum((row["yuan"] for row in payable), Decimal("0.00"))
    note = (
        f"{moment.today}制表，共{len(payable)}笔{total:,.2f}元。请逐笔填写付款结果（{_PAID}或{_FAILED}）、付款日期、"
        "凭证号，只填内容，不填公式；清单编号和金额请勿改动。"
    )
    return PaymentList(
        Table(_LIST, (*_NAMED, *_ANSWERS), payable, note),
        Table(_WAITING, (*_NAMED, Column("reasons", "暂不付款的原因")), waiting),
    )


def _approved(
    office: Office, tx: CoreTransaction, city: str, by: Actor, moment: Moment
) -> Iterator[tuple[dict[str, Any], tuple[Refusal, ...]]]:
    """Each approved award, with every reason why it may not be paid now."""
    wanted = Wanted(status=AwardStatus.APPROVED)
    titles = Titles(office, tx, moment)
    # Read to the end first: asking about each opens further statements on the same connection.
    for row in [*awards(office, tx, Scope.of(None, city), wanted)]:
        case, known = titles.of(row)
        reasons: tuple[Refusal, ...] = ()
        try:
            decide(office.pack_of(case), case, _PAY, by, selectors_of(row), known)
        except Refused as error:
            reasons = tuple(reason for reason in error.refusals if reason.code not in _SETTLED_WHEN_PAID)
        yield row, reasons


def _key(row: Mapping[str, Any]) -> str:
    return f"{row['case']}{_JOINT}{row['award']}"


def _said(reason: Refusal) -> str:
    return reason.message + (f"（{reason.article}）" if reason.article else "")


# ---- the list that comes back --------------------------------------------------------------------------------------


class Result(StrEnum):
    """What became of a row of a list that came back."""

    PAID = "paid"  #: recorded as paid just now
    PAID_BEFORE = "paid_before"  #: had been recorded with this voucher already
    FAILED = "failed"  #: could not be paid, says Finance
    OPEN = "open"  #: Finance has entered no result
    DIFFERS = "differs"  #: the sum is not the ledger's; not recorded
    REFUSED = "refused"  #: may not be recorded as paid, for reasons
    UNREADABLE = "unreadable"  #: something in the row is wrong; not recorded
    UNKNOWN = "unknown"  #: no award of this city
    MISSING = "missing"  #: an award that was on the list and is not in the file


_RESULTS = {
    Result.PAID: "本次登记已付",
    Result.PAID_BEFORE: "此前已登记",
    Result.FAILED: "付款失败",
    Result.OPEN: "未填结果",
    Result.DIFFERS: "金额与台账不符，未登记",
    Result.REFUSED: "不予登记",
    Result.UNREADABLE: "填写有误，未登记",
    Result.UNKNOWN: "台账中没有",
    Result.MISSING: "清单中缺少",
}
_REPORT = (
    Column("row", "行号", "number"),
    _KEY,
    Column("name", "运营机构"),
    _YUAN,
    Column("result_label", "结果"),
    Column("message", "说明"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the list, and what became of it."""

    #: Its number in the file; None for what is missing there.
    row: int | None
    key: str
    result: Result
    #: Finance's remark, or every reason.
    message: str = ""
    #: The codes of the reasons, where it was refused.
    codes: tuple[str, ...] = ()
    name: str = ""
    #: As the ledger has it.
    yuan: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What became of a list, row by row."""

    lines: tuple[Line, ...]

    def of(self, result: Result) -> list[Line]:
        """The rows of one kind."""
        return [line for line in self.lines if line.result == result]

    def table(self) -> Table:
        """For people; the note counts."""
        rows = [
            {name: getattr(line, name) for name in Line.__slots__} | {"result_label": _RESULTS[line.result]}
            for line in self.lines
        ]
        counts = Counter(line.result for line in self.lines)
        note = "，".join(f"{label}{counts[result]}笔" for result, label in _RESULTS.items() if counts[result])
        return Table("付款清单核对", _REPORT, rows, note)


def reconcile(office: Office, database: Database, path: Path, city: str, by: Actor) -> Reconciled:
    """Record as paid what a returned list says was paid, each award in a transaction of its own.

    The same list read twice pays nothing twice: what has been recorded with its voucher is left alone.

    Args:
        office: the bureau.
        database: where the acts go.
        path: the list, as ``.xlsx`` or as CSV made from it.
        city: whose list it is.
        by: who records the payments; who approved one is refused.

    Raises:
        InputError: if the file cannot be read or lacks a column; nothing has been recorded then.
        Unavailable: if the database goes away; read the list again.
    """
    rows = sheet.read(path, _LIST, _READ)
    with database.reading() as tx:
        known = {_key(row): row for row in awards(office, tx, Scope.of(None, city))}
    seen = Counter(row.values.get("key", "") for row in rows)
    lines = []
    # Of two promotions in one year the lower level is paid first: an event names awards by kind and year.
    for row in sorted(rows, key=lambda row: _level(known.get(row.values.get("key", "")))):
        key = row.values.get("key", "")
        line = _judged(row, known.get(key), doubled=bool(key) and seen[key] > 1)
        if line.result is Result.PAID:
            line = _paid(office, database, by, known[key], row.values, line)
        lines.append(line)
    lines.sort(key=lambda line: line.row or 0)
    listed_on = max((row.values["listed_on"] for row in rows if "listed_on" in row.values), default=None)
    return Reconciled((*lines, *_missing(office, database, city, by, {line.key for line in lines}, listed_on)))


def _level(award: Mapping[str, Any] | None) -> int:
    name = award["award"].rpartition("/")[2] if award else ""
    return LEVELS.index(Level(name)) if name in LEVELS else -1


def _judged(row: sheet.Returned, award: Mapping[str, Any] | None, doubled: bool) -> Line:
    """What the row says, as far as it can be told from the row itself: ``PAID`` is still to be recorded."""
    said = row.values
    line = Line(row.number, said.get("key", ""), Result.PAID, said.get("remark", ""))
    problems = [*row.problems, *(["同一清单编号出现多次"] if doubled else [])]
    if said.get("result", _PAID) not in (_PAID, _FAILED):
        problems.append(f"付款结果“{said['result']}”应为{_PAID}或{_FAILED}")
    if problems or award is None:
        return replace(
            line, result=Result.UNREADABLE if problems else Result.UNKNOWN, message="；".join(problems) or line.message
        )
    line = replace(line, name=award["name"], yuan=award["yuan"])
    if "result" not in said:
        return replace(line, result=Result.OPEN)
    if said["result"] == _FAILED:
        paid = f"台账已登记为已付（凭证号{award['voucher']}）；款项退回的，请冲销"
        words = [line.message, paid if award["status"] == AwardStatus.PAID else ""]
        return replace(line, result=Result.FAILED, message="；".join(filter(None, words)))
    if said.get("uscc") != award["uscc"]:
        message = f"清单{said.get('uscc', '未填代码')}，台账{award['uscc']}：可能排错了行"
        return replace(line, result=Result.DIFFERS, message=message)
    if said.get("yuan") != award["yuan"]:
        found = f"{said['yuan']:,.2f}元" if "yuan" in said else "未填"
        return replace(line, result=Result.DIFFERS, message=f"清单{found}，台账{award['yuan']:,.2f}元")
    return line


def _paid(
    office: Office, database: Database, by: Actor, award: Mapping[str, Any], values: Mapping[str, Any], line: Line
) -> Line:
    """Record one payment."""
    case, key, voucher = award["case"], award["award"], values.get("voucher", "")
    answers = {Field.PAID_ON: values.get("paid_on"), Field.VOUCHER: voucher}
    evidence = {**selectors_of(award), **{str(field): value for field, value in answers.items() if value}}

    def act(tx: Transaction) -> Line:
        cases.load(tx, case, lock=True)
        stands = ledger.newest(tx, case, key)
        assert stands is not None, "it has been read"  # noqa: S101
        if stands["status"] == AwardStatus.PAID and stands["detail"].get("voucher") == voucher:
            paid_on = stands["detail"]["paid_on"]
            other = values.get("paid_on") and values["paid_on"].isoformat() != paid_on
            return replace(
                line, result=Result.PAID_BEFORE, message=f"台账付款日期为{paid_on}" if other else line.message
            )
        # Only what is approved can be paid: anything else is refused, and must not get an earlier payment's answer.
        request = _request_id(line.key, voucher) if stands["status"] == AwardStatus.APPROVED else None
        acts.perform(office, tx, case, _PAY, by, evidence, request)
        return line

    try:
        return again(database.acting, act)
    except Refused as error:
        reasons = "；".join(_said(reason) for reason in error.refusals)
        if award["status"] == AwardStatus.PAID:
            reasons += f"；台账凭证号{award['voucher']}，{award['paid_on']}付款：可能重复付款"
        return replace(line, result=Result.REFUSED, message=reasons, codes=error.codes)
    except Conflict:
        return replace(line, result=Result.REFUSED, message="本案同时正由他人办理；请再次读入本清单")


def _request_id(key: str, voucher: str) -> str:
    """The same for the same payment, however often its list is read."""
    return f"payment-{canonical.digest(canonical.dumps([key, voucher]))}"


def _missing(
    office: Office, database: Database, city: str, by: Actor, there: Collection[str], listed_on: date | None
) -> Iterator[Line]:
    """What may be paid and was approved by the day of the list, but is not in the file."""
    with database.reading() as tx:
        for row, reasons in _approved(office, tx, city, by, office.moment(tx)):
            if not reasons and _key(row) not in there and (listed_on is None or row["approved_on"] <= listed_on):
                yield Line(None, _key(row), Result.MISSING, name=row["name"], yuan=row["yuan"])
