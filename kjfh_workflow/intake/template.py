"""Empty spreadsheets for an operator to fill in, written from the same tables the reader uses.

What a folder may hold is in ``columns``; types, materials and technical fields are the policy pack's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from kjfh_workflow.errors import IntakeError, Problem
from kjfh_workflow.intake.choices import offered
from kjfh_workflow.intake.columns import (
    ALLOWED,
    FORM,
    FORM_HEADINGS,
    FORM_ITEMS,
    FORM_SHEET,
    GUIDE_SHEET,
    IGNORED,
    MATERIALS,
    OPTIONS_SHEET,
    ROSTERS,
    Column,
    Kind,
    Roster,
)
from kjfh_workflow.intake.folder import files_of
from kjfh_workflow.intake.names import Names, option
from kjfh_workflow.intake.tables import MAX_ROWS
from kjfh_workflow.intake.workbook import openpyxl
from kjfh_workflow.policy.model import PolicyPack

_FORMATS = {
    Kind.DAY: "yyyy-mm-dd",
    Kind.USCC: "@",
    Kind.TEXT: "@",
    Kind.YUAN: "#,##0.00####",
    Kind.AREA: "#,##0.00##",
    Kind.COUNT: "0",
}
_WIDTHS = {Kind.TEXT: 30, Kind.USCC: 24}
_GUIDE_HEADINGS = ("列名", "是否必填", "含义", "可以填写", "示例")
_HEAD_FILL, _HEAD_INK = "1F4E78", "FFFFFF"


def write_template(folder: Path, pack: PolicyPack | None = None, space_type: str | None = None) -> list[Path]:
    """Write the empty spreadsheets of an application folder, which is made if need be.

    Args:
        folder: where to write.
        pack: whose city, types, materials and technical fields are offered.
        space_type: the type that is filled in already.

    Returns:
        The files written.

    Raises:
        IntakeError: for a type the pack does not have, or naming every file that is in the way; nothing is
            written then.
    """
    openpyxl(folder.name)
    space_type = _space_type(pack, space_type or "")
    suffixes = (".xlsx", ".csv", ".toml")
    names = (FORM, *(roster.name for roster in ROSTERS))
    if folder.exists() and not folder.is_dir():
        raise IntakeError([Problem(str(folder), "", "已有同名文件，不能建立文件夹")])
    if folder.is_dir() and (there := [path for name in names for path in files_of(folder, name, suffixes)]):
        raise IntakeError(Problem(path.name, "", f"文件夹“{folder}”中已有这个文件，不会覆盖") for path in there)
    folder.mkdir(parents=True, exist_ok=True)
    written = [_write_form(folder / f"{FORM}.xlsx", pack, space_type)]
    written += [_write_roster(folder / f"{roster.name}.xlsx", roster, pack) for roster in ROSTERS]
    return written


def _space_type(pack: PolicyPack | None, text: str) -> str:
    if not (pack and text):
        return text
    try:
        return Names([pack]).space_type(text, pack.city)
    except ValueError as error:
        raise IntakeError([Problem(pack.name, "type", str(error))]) from error


class _Book:
    """A workbook being written: cells are only ever text, and drop-downs draw on a hidden sheet."""

    def __init__(self, title: str) -> None:
        self._library = openpyxl(title)
        self._book = self._library.Workbook()
        self.first = self._book.active
        self.first.title = title
        self._options: Any = None
        #: Options → where they stand on the hidden sheet.
        self._ranges: dict[tuple[str, ...], str] = {}

    def add(self, title: str) -> Any:
        """A further sheet."""
        return self._book.create_sheet(title)

    def save(self, path: Path) -> Path:
        """Write it, unless such a file has appeared."""
        with path.open("xb") as file:
            self._book.save(file)
        return path

    def text(self, sheet: Any, row: int, column: int, text: str) -> Any:
        """Put words into a cell, never a formula."""
        cell = sheet.cell(row, column, text or None)
        if text:
            cell.data_type = "s"
        cell.alignment = self._library.styles.Alignment(wrap_text=True, vertical="center")
        return cell

    def head(self, sheet: Any, headings: Iterable[str], widths: Iterable[int]) -> None:
        """The row of headings, which stays in sight."""
        styles = self._library.styles
        for index, (heading, width) in enumerate(zip(headings, widths, strict=True), 1):
            cell = self.text(sheet, 1, index, heading)
            cell.font = styles.Font(bold=True, color=_HEAD_INK)
            cell.fill = styles.PatternFill("solid", start_color=_HEAD_FILL)
            cell.alignment = styles.Alignment(horizontal="center", vertical="center", wrap_text=True)
            sheet.column_dimensions[_letter(index)].width = width
        sheet.row_dimensions[1].height = 32
        sheet.freeze_panes = "A2"

    def drop_down(self, sheet: Any, cells: str, options: Sequence[str], *, strict: bool) -> None:
        """Offer *options*; where *strict*, nothing else can be entered."""
        rule = self._library.worksheet.datavalidation.DataValidation(
            type="list", formula1=self._range(tuple(options)), allow_blank=True
        )
        rule.showErrorMessage = strict
        rule.error = "请从下拉列表中选择"
        sheet.add_data_validation(rule)
        rule.add(cells)

    def _range(self, options: tuple[str, ...]) -> str:
        if self._options is None:
            self._options = self.add(OPTIONS_SHEET)
            self._options.sheet_state = "hidden"
        if options not in self._ranges:
            column = len(self._ranges) + 1
            for row, word in enumerate(options, 1):
                self.text(self._options, row, column, word)
            self._ranges[options] = f"'{OPTIONS_SHEET}'!${_letter(column)}$1:${_letter(column)}${len(options)}"
        return self._ranges[options]


def _write_form(path: Path, pack: PolicyPack | None, space_type: str) -> Path:
    book = _Book(FORM_SHEET)
    sheet = book.first
    book.head(sheet, FORM_HEADINGS, (30, 40, 64))
    known = _known_values(pack, space_type)
    for row, item in enumerate(FORM_ITEMS, 2):
        book.text(sheet, row, 1, item.heading)
        cell = book.text(sheet, row, 2, known.get(item.field, ""))
        cell.number_format = _FORMATS.get(item.kind, "General")
        need = "必填" if item.required else "选填"
        book.text(sheet, row, 3, f"{need}。{item.meaning}。{ALLOWED[item.kind]}。示例：{item.example}")
        if choices := offered(item, pack):
            book.drop_down(sheet, f"B{row}", choices, strict=item.kind is Kind.YES_NO or item.field == "type")
    _write_checklist(book, pack)
    _write_guide(book, (*FORM_ITEMS, *MATERIALS.columns))
    return book.save(path)


def _known_values(pack: PolicyPack | None, space_type: str) -> dict[str, str]:
    if pack is None:
        return {"type": space_type}
    types = pack.identity.types
    known = {"city": option(pack.city, pack.identity.city_label)}
    return known | ({"type": option(space_type, types[space_type].label)} if space_type else {})


def _write_checklist(book: _Book, pack: PolicyPack | None) -> None:
    sheet = book.add(MATERIALS.label)
    book.head(sheet, [*(column.heading for column in MATERIALS.columns), IGNORED[1]], (26, 60, 14, 14))
    materials = pack.identity.materials if pack else ()
    for row, material in enumerate(materials, 2):
        book.text(sheet, row, 1, material.id)
        book.text(sheet, row, 2, material.label)
        book.text(sheet, row, 4, "" if material.required else "选交")
    last = max(len(materials), 20) + 1
    book.drop_down(sheet, f"C2:C{last}", ("是", "否"), strict=True)


def _write_roster(path: Path, roster: Roster, pack: PolicyPack | None) -> Path:
    book = _Book(roster.label)
    sheet = book.first
    book.head(
        sheet,
        [column.heading for column in roster.columns],
        [_WIDTHS.get(column.kind, 18) for column in roster.columns],
    )
    for index, column in enumerate(roster.columns, 1):
        letter = _letter(index)
        sheet.column_dimensions[letter].number_format = _FORMATS.get(column.kind, "General")
        if choices := offered(column, pack):
            book.drop_down(sheet, f"{letter}2:{letter}{MAX_ROWS + 1}", choices, strict=column.kind is Kind.YES_NO)
    _write_guide(book, roster.columns)
    return book.save(path)


def _write_guide(book: _Book, columns: Iterable[Column]) -> None:
    sheet = book.add(GUIDE_SHEET)
    book.head(sheet, _GUIDE_HEADINGS, (28, 12, 52, 56, 28))
    for row, column in enumerate(columns, 2):
        words = (
            column.heading,
            "是" if column.required else "否",
            column.meaning,
            ALLOWED[column.kind],
            column.example,
        )
        for index, word in enumerate(words, 1):
            book.text(sheet, row, index, word)


def _letter(index: int) -> str:
    """The letter of a column; the tables have fewer than 27."""
    return chr(ord("A") + index - 1)
