"""Tables as spreadsheets: written as ``.xlsx`` with exact sums, real dates and no formulas, and read when they return.

Uses ``openpyxl`` beside ``intake``: an extra, imported when it is needed. What stands in the tables, and what a list
that comes back means, is not known here.
"""

from __future__ import annotations

import re
import secrets
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from types import ModuleType
from typing import IO, Any
from unicodedata import east_asian_width
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from kjfh_workflow.books.table import Column, Kind, Table
from kjfh_workflow.errors import InputError, Problem, WorkflowError
from kjfh_workflow.intake.columns import Kind as CellKind
from kjfh_workflow.intake.headings import squash
from kjfh_workflow.intake.tables import Meter, Source
from kjfh_workflow.intake.values import is_blank, read_value, shown
from kjfh_workflow.intake.workbook import Row

#: Stands for a character that a spreadsheet cannot hold.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
#: The sheet that explains the others.
_NOTES = "说明"
_FORMATS: dict[Kind, str] = {"text": "@", "date": "yyyy-mm-dd", "yuan": "#,##0.00", "number": "0"}
#: What a cell takes as it is; anything else is written as text.
_PLAIN: dict[Kind, tuple[type, ...]] = {"text": (), "date": (date,), "yuan": (Decimal, int), "number": (Decimal, int)}
_KINDS: dict[Kind, CellKind] = {
    "text": CellKind.TEXT,
    "date": CellKind.DAY,
    "yuan": CellKind.YUAN,
    "number": CellKind.COUNT,
}
_FEN = Decimal("0.01")
#: People may put a title above the headings of a list.
_HEADINGS_WITHIN = 5
_HEAD_FILL, _HEAD_INK = "1F4E78", "FFFFFF"
_NARROWEST, _WIDEST = 8, 60
#: So many rows decide how wide a column is.
_SAMPLE = 500
#: What an XML file cannot hold.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: With these a spreadsheet begins a formula, or a file that is made from it does.
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
#: A cell holds no more.
_LONGEST_TEXT = 32_767
#: A spreadsheet counts in binary and keeps fifteen digits; a longer sum is written out as text. One to spare.
_MOST_DIGITS = 14
_UNFIT_FOR_TITLE = re.compile(r"[\[\]:*?/\\]")
_LONGEST_TITLE = 31
#: A zip file's first possible day.
_ZIP_DAY = (1980, 1, 1, 0, 0, 0)
_INSTANT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_CORE = "docProps/core.xml"


def save(
    path: Path,
    tables: Sequence[Table],
    *,
    choices: Mapping[str, Sequence[str]] | None = None,
    replace: bool = True,
) -> None:
    """Write each table as a sheet; the same tables give the same file.

    The memory it takes does not grow with the rows. Characters that no spreadsheet can hold become ``REPLACEMENT``.

    Args:
        path: the file.
        tables: at least one; their notes stand together on a last sheet.
        choices: column name → what a drop-down offers there; nothing else can be entered.
        replace: whether a file that is there may be overwritten.

    Raises:
        WorkflowError: if ``openpyxl`` is missing, or the file is there and is not to be overwritten.
    """
    library = _openpyxl()
    if not replace and path.exists():
        raise WorkflowError(f"{path} is there already and is not overwritten; name another file")
    book = library.Workbook(write_only=True)
    titles: set[str] = set()
    for table in tables:
        _write(library, book, table, _sheet_title(table.title, titles), choices or {})
    if any(table.note for table in tables):
        _write(library, book, _notes(tables), _sheet_title(_NOTES, titles), {})
    # Beside it, so that whoever looks sees the old file or the new one, never half of it.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with TemporaryFile() as raw, beside.open("xb") as packed:
            book.save(raw)
            _pack_again(raw, packed)
        beside.replace(path)
    except OSError as error:
        error.filename = str(path)  # the name that people have given
        raise
    finally:
        beside.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Returned:
    """One row of a table that came back."""

    #: As a spreadsheet counts.
    number: int
    #: Column name → value: text, ``date``, ``Decimal`` or whole number; what is blank or wrong is left out.
    values: Mapping[str, Any]
    #: What is wrong with it, in people's words.
    problems: tuple[str, ...]


def read(path: Path, title: str, columns: Sequence[Column]) -> list[Returned]:
    """The rows of a table that ``save`` wrote and people filled in, as ``.xlsx`` or exported from it as CSV.

    Columns are known by their labels; others that people have added are not read.

    Args:
        path: the file.
        title: the sheet's name in an ``.xlsx``.
        columns: all of them must be there, in any order.

    Raises:
        InputError: with every problem, if the file cannot be read, or the sheet or a column is missing or doubled.
    """
    rows = Source(path).sheet(title, Meter(None, 0), or_first=False)
    if rows is None or not rows.rows:
        raise InputError([Problem(path.name, "", f"没有工作表“{title}”，或其中没有内容；应为系统导出的原表")])
    is_book = path.suffix.lower() == ".xlsx"
    formulas = _formulas_in(path, title) if is_book else {}
    known = {squash(column.label): column for column in columns}
    upper = rows.rows[:_HEADINGS_WITHIN]
    start = max(range(len(upper)), key=lambda index: len({squash(str(cell)) for cell in upper[index][1]} & {*known}))
    number, headings = rows.rows[start]
    named = [(index, known[name]) for index, cell in enumerate(headings) if (name := squash(str(cell))) in known]
    present = [column.name for _, column in named]
    problems = [
        Problem(rows.row(number), column.label, "这一列重复" if column.name in present else "缺少这一列")
        for column in columns
        if present.count(column.name) != 1
    ]
    if problems:
        raise InputError(problems)
    return [
        _returned(number, row, named, formulas.get(number) or ([] if is_book else _like_formulas(row)))
        for number, row in rows.rows[start + 1 :]
    ]


def _returned(number: int, row: Row, named: Sequence[tuple[int, Column]], formulas: Sequence[str]) -> Returned:
    values: dict[str, Any] = {}
    problems = [f"{cell}是公式；请直接填写内容" for cell in formulas]
    for index, column in named:
        cell = row[index] if index < len(row) else None
        if not is_blank(cell):
            try:
                values[column.name] = read_value(_KINDS[column.kind], cell)
            except ValueError as error:
                problems.append(f"{column.label}：{error}")
    return Returned(number, values, tuple(problems))


def _like_formulas(row: Row) -> list[str]:
    """What stands in a CSV file and would be a formula in a spreadsheet."""
    return [f"“{shown(cell)}”" for cell in row if isinstance(cell, str) and cell.lstrip().startswith("=")]


def _formulas_in(path: Path, title: str) -> dict[int, list[str]]:
    """Row number → the cells of that row that hold a formula; reading gives the results, wherever they come from."""
    found: dict[int, list[str]] = {}
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles that openpyxl skips; none of them holds a value
        book = _openpyxl().load_workbook(file, read_only=True, data_only=False, keep_links=False)
        book[title].reset_dimensions()
        for number, row in enumerate(book[title].iter_rows(), 1):
            if cells := [cell.coordinate for cell in row if cell.data_type == "f"]:
                found[number] = cells
        book.close()
    return found


def _openpyxl() -> ModuleType:
    try:
        import openpyxl  # noqa: PLC0415  (an extra, and 150 ms that other commands need not pay)
    except ImportError:
        raise WorkflowError("writing .xlsx files needs openpyxl: pip install 'kjfh-workflow[xlsx]'") from None
    return openpyxl


def _notes(tables: Sequence[Table]) -> Table:
    rows = [{"sheet": table.title, "note": table.note} for table in tables if table.note]
    return Table(_NOTES, (Column("sheet", "工作表"), Column("note", _NOTES)), rows)


def _sheet_title(wanted: str, taken: set[str]) -> str:
    """A sheet's name as a spreadsheet allows it, another one for each."""
    stem = _UNFIT_FOR_TITLE.sub(" ", _ILLEGAL.sub(REPLACEMENT, wanted)).strip(" '")[:_LONGEST_TITLE] or "1"
    title, number = stem, 1
    while title.casefold() in taken:
        number += 1
        title = f"{stem[: _LONGEST_TITLE - len(str(number)) - 1]} {number}"
    taken.add(title.casefold())
    return title


# ---- one sheet -----------------------------------------------------------------------------------------------------


def _write(library: ModuleType, book: Any, table: Table, title: str, choices: Mapping[str, Sequence[str]]) -> None:
    # What concerns a whole sheet has to be said before its first row is written.
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    letter = library.utils.get_column_letter
    for index, width in enumerate(_widths(table), 1):
        sheet.column_dimensions[letter(index)].width = width
    for index, column in enumerate(table.columns, 1):
        if column.name in choices and table.rows:
            _offer(library, sheet, f"{letter(index)}2:{letter(index)}{len(table.rows) + 1}", choices[column.name])
    styles = library.styles
    head = []
    for column in table.columns:
        cell = _text_cell(library, sheet, column.label)
        cell.font = styles.Font(bold=True, color=_HEAD_INK)
        cell.fill = styles.PatternFill("solid", start_color=_HEAD_FILL)
        cell.alignment = styles.Alignment(horizontal="center", vertical="center", wrap_text=True)
        head.append(cell)
    sheet.append(head)
    # One cell per column serves all rows: a style is looked up once, not a million times.
    writers = [_CellOf(library, sheet, column.kind) for column in table.columns]
    names = [column.name for column in table.columns]
    try:
        for row in table.rows:
            sheet.append([writer(row.get(name)) for writer, name in zip(writers, names, strict=True)])
    finally:
        sheet.close()


class _CellOf:
    """The cells of one column, one after the other."""

    def __init__(self, library: ModuleType, sheet: Any, kind: Kind) -> None:
        self._kind = kind
        self._value = library.cell.WriteOnlyCell(sheet)
        self._value.number_format = _FORMATS[kind]
        self._value.alignment = library.styles.Alignment(vertical="top", wrap_text=kind == "text")
        self._text = _text_cell(library, sheet, "")
        self._quoted = _text_cell(library, sheet, "")
        # The mark by which a spreadsheet keeps the text a text when somebody edits it.
        self._quoted.quotePrefix = True

    def __call__(self, value: Any) -> Any:
        if isinstance(value, Decimal) and self._kind == "yuan":
            value = value.quantize(_FEN)
            if len(value.as_tuple().digits) > _MOST_DIGITS:
                value = format(value, "f")
        if value is None or isinstance(value, _PLAIN[self._kind]):
            self._value.value = value
            return self._value
        text = clean(str(value))
        cell = self._quoted if text.startswith(_DANGEROUS) else self._text
        cell.value = text
        # Not what openpyxl makes of it: a formula, an error.
        cell.data_type = "s"
        return cell


def clean(text: str) -> str:
    """*text* as a cell can hold it: what is left out is seen to be left out."""
    text = _ILLEGAL.sub(REPLACEMENT, text)
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _text_cell(library: ModuleType, sheet: Any, text: str) -> Any:
    cell = library.cell.WriteOnlyCell(sheet, clean(text))
    cell.data_type = "s"
    cell.number_format = _FORMATS["text"]
    cell.alignment = library.styles.Alignment(vertical="top", wrap_text=True)
    return cell


def _offer(library: ModuleType, sheet: Any, cells: str, options: Sequence[str]) -> None:
    rule = library.worksheet.datavalidation.DataValidation(
        type="list", formula1=f'"{",".join(options)}"', allow_blank=True
    )
    rule.showErrorMessage = True
    rule.error = "请从下拉列表中选择"
    sheet.data_validations.append(rule)
    rule.add(cells)


def _widths(table: Table) -> Iterator[float]:
    for column in table.columns:
        shown = [column.label, *(_shown(row.get(column.name)) for row in islice(table.rows, _SAMPLE))]
        longest = max(max(map(_columns_of, text.splitlines() or [""])) for text in shown)
        yield min(max(longest + 2, _NARROWEST), _WIDEST)


def _shown(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    return "" if value is None else str(value)


def _columns_of(text: str) -> int:
    """How wide it is drawn: a Chinese character takes two columns."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


# ---- the file ------------------------------------------------------------------------------------------------------


def _pack_again(raw: IO[bytes], packed: IO[bytes]) -> None:
    """The same parts without the time at which they were made."""
    with ZipFile(raw) as source, ZipFile(packed, "w", ZIP_DEFLATED) as target:
        for part in source.infolist():
            entry = ZipInfo(part.filename, _ZIP_DAY)
            entry.compress_type = ZIP_DEFLATED
            entry.file_size = part.file_size  # so that a part beyond 2 GB is announced as one
            with source.open(part) as read, target.open(entry, "w") as write:
                if part.filename == _CORE:
                    write.write(_INSTANT.sub(b"1980-01-01T00:00:00Z", read.read()))
                else:
                    shutil.copyfileobj(read, write)
