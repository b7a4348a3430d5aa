"""One cell, one value: what was written, as the exact value the facts want, or what is wrong with it.

The limits (length, sign, decimal places, check digit) are those of ``rules.facts``, asked here so that every cell is
answered for. Where a cell stands is known to ``rosters`` and ``form``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from kjfh_workflow.intake.columns import Kind
from kjfh_workflow.policy.wording import explain
from kjfh_workflow.rules.facts import ENTERING, Line, SquareMetres, Yuan
from kjfh_workflow.rules.identifiers import check_uscc

T = TypeVar("T")


class _Uncomputed:
    """A formula whose result the file does not hold."""


UNCOMPUTED: Final = _Uncomputed()

_LINE: TypeAdapter[str] = TypeAdapter(Line)
_YUAN: TypeAdapter[Decimal] = TypeAdapter(Yuan)
_AREA: TypeAdapter[Decimal] = TypeAdapter(SquareMetres)
_COUNT: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=0)])

_CENT = Decimal("0.01")
_NUMBER = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d*)?", re.ASCII)
#: More digits than any sum has, and few enough that no arithmetic here rounds.
_MOST_DIGITS = 24
#: No number that somebody may have meant is longer.
_MOST_BITS = 256
#: A spreadsheet keeps only so many digits of a number.
_EXACT_DIGITS = 15
_DAY = re.compile(
    r"(\d{4})(?:-(\d{1,2})-|/(\d{1,2})/|\.(\d{1,2})\.|年(\d{1,2})月|(\d{2})(?=\d{2}$))(\d{1,2})日?(?: 0?0:00(?::00)?)?",
    re.ASCII,
)
_EARLIEST, _LATEST = date(1900, 1, 1), date(2100, 12, 31)
_YES = frozenset({"是", "有", "对", "√", "✓", "✔", "☑", "true", "yes", "y", "1"})
_NO = frozenset({"否", "无", "没有", "不是", "错", "×", "x", "✗", "✘", "☒", "false", "no", "n", "0"})
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"})
#: Full-width digits, letters and blanks to plain ones; Chinese brackets in a firm's name stay.
_NARROW = {ord("\u3000"): " ", ord("\u00a0"): " "} | {
    wide: chr(wide - 0xFEE0) for first, last in ("０９", "ＡＺ", "ａｚ") for wide in range(ord(first), ord(last) + 1)
}


def is_blank(cell: object) -> bool:
    """Whether nothing was written."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def read_value(kind: Kind, cell: object, factor: int = 1) -> Any:
    """The value of a cell that is not blank; numbers with a unit are multiplied by *factor*.

    Raises:
        ValueError: in Chinese, with the value found and what is allowed.
    """
    if cell is UNCOMPUTED:
        raise ValueError("公式没有计算结果；请用电子表格软件打开并保存一次，或直接填写数值")
    if isinstance(cell, str) and cell.strip() in _ERRORS:
        raise ValueError(f"“{cell.strip()}”是公式的错误值；请改正公式，或直接填写数值")
    if kind is Kind.YUAN:
        return _yuan(cell, factor)
    return _READERS[kind](cell)


def shown(cell: object) -> str:
    """A cell as people saw it, shortened."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, datetime) and cell.time() == time():
        cell = cell.date()
    if isinstance(cell, int) and cell.bit_length() > _MOST_BITS:
        return "…"  # Python itself refuses to write out the longest
    text = f"{cell:.15g}" if isinstance(cell, float) else str(cell).strip()
    return text if len(text) <= 40 else text[:37] + "…"


def _text(cell: object) -> str:
    """Words on one line; a number typed as a post or a name is taken as it looks."""
    if isinstance(cell, bool) or not isinstance(cell, (str, int, float, Decimal)):
        raise ValueError(f"“{shown(cell)}”应为文字")
    text = cell if isinstance(cell, str) else shown(cell)
    if not isinstance(cell, str) and not _is_exact(Decimal(cell)):
        raise ValueError(f"“{text}”不是按文本填写的，末几位可能已经丢失；请把这一列设为文本格式后重填")
    return _within(_LINE, " ".join(text.translate(_NARROW).split()), cell)


def _is_exact(number: Decimal) -> bool:
    return number.is_finite() and number.adjusted() < _EXACT_DIGITS


def _uscc(cell: object) -> str:
    """A code with its check digit."""
    if not isinstance(cell, str):
        raise ValueError(f"“{shown(cell)}”不是按文本填写的，末几位可能已经丢失；请把这一列设为文本格式后重填18位代码")
    return check_uscc(_plain(cell))


def _number(cell: object) -> Decimal:
    """An exact number; of a binary one the fifteen digits that a spreadsheet shows."""
    if isinstance(cell, float):
        number = Decimal(f"{cell:.15g}")
    elif isinstance(cell, (int, Decimal)) and not isinstance(cell, bool):
        number = Decimal(cell)
    elif isinstance(cell, str) and _NUMBER.fullmatch(written := _plain(cell)):
        number = Decimal(written.replace(",", ""))
    else:
        raise ValueError(f"“{shown(cell)}”不是数字；只填数字，如1234.5，单位写在表头")
    if not number.is_finite():
        raise ValueError(f"“{shown(cell)}”不是数字")
    # 1e999999999 has one digit, and as a whole number as many as it says.
    if len(number.as_tuple().digits) > _MOST_DIGITS or abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError(f"“{shown(cell)}”数字过长")
    return number


def _yuan(cell: object, factor: int) -> Decimal:
    """A sum in yuan, to the cent."""
    amount = _number(cell) * factor
    if factor != 1 and amount != round(amount, 2):
        raise ValueError(f"“{shown(cell)}”折合{amount.normalize():f}元；金额最多精确到分（0.01元）")
    return _within(_YUAN, amount, cell).quantize(_CENT)


def _area(cell: object) -> Decimal:
    """An area in square metres."""
    return _within(_AREA, _number(cell), cell)


def _count(cell: object) -> int:
    """A whole number of something."""
    number = _number(cell)
    if number != number.to_integral_value():
        raise ValueError(f"“{shown(cell)}”应为整数")
    return _within(_COUNT, int(number), cell)


def _day(cell: object) -> date:
    """A day, from a date cell or from one of the ways to write it."""
    day: date | None = None
    if isinstance(cell, datetime):
        if cell.time() != time():
            raise ValueError(f"“{shown(cell)}”应为日期，不带时刻")
        day = cell.date()
    elif isinstance(cell, date):
        day = cell
    elif isinstance(cell, (str, int, float)) and not isinstance(cell, bool):
        day = _written_day(_plain(shown(cell)))
    if day is None:
        raise ValueError(f"“{shown(cell)}”不是日期，应如2021-03-01")
    if not _EARLIEST <= day <= _LATEST:
        raise ValueError(f"“{shown(cell)}”不是合理的日期，年份应在{_EARLIEST.year}至{_LATEST.year}之间")
    return day


def _written_day(text: str) -> date | None:
    if not (found := _DAY.fullmatch(text)):
        return None
    year, *months, day = found.groups()
    try:
        return date(int(year), int(next(filter(None, months))), int(day))
    except ValueError:
        return None


def _yes_no(cell: object) -> bool:
    """Yes or no."""
    if isinstance(cell, bool):
        return cell
    word = _plain(shown(cell)).lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError(f"“{shown(cell)}”应为是或否（也可以用√或×、有或无、1或0）")


def _plain(text: str) -> str:
    """Without full-width forms and outer blanks."""
    return unicodedata.normalize("NFKC", text).strip()


def _within(limits: TypeAdapter[T], value: object, cell: object) -> T:
    """What the facts accept."""
    try:
        return limits.validate_python(value, context=ENTERING)
    except ValidationError as error:
        detail = error.errors()[0]
        long = detail["type"] == "string_too_long"
        phrase = f"过长，最多{detail['ctx']['max_length']}字" if long else explain(detail)
    raise ValueError(phrase if shown(cell) in phrase else f"“{shown(cell)}”{phrase}")


_READERS: dict[Kind, Callable[[object], Any]] = {
    Kind.TEXT: _text,
    Kind.USCC: _uscc,
    Kind.DAY: _day,
    Kind.YES_NO: _yes_no,
    Kind.AREA: _area,
    Kind.COUNT: _count,
}
