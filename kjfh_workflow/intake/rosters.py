"""From the rows of a sheet to records: the headings, then every cell of every row, with every problem.

How the rows came out of the file is in ``tables``, how one value is read in ``values``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kjfh_workflow.errors import Problem
from kjfh_workflow.intake.columns import TOTALS, Column, Roster
from kjfh_workflow.intake.headings import Headings, UnitMissing, is_ignored, squash
from kjfh_workflow.intake.tables import Sheet
from kjfh_workflow.intake.values import is_blank, read_value, shown
from kjfh_workflow.intake.workbook import Row

#: A title may stand above the headings.
HEADINGS_WITHIN = 5
#: Nobody reads more; what is wrong in every row is wrong in the first.
MOST_PROBLEMS = 1_000
_TOTAL = re.compile(rf"(?:{'|'.join(TOTALS)})[\d,.]*[家人名户个位条]?")


@dataclass(slots=True)
class Records:
    """What a sheet holds."""

    #: As problems of the whole sheet name it.
    sheet: str = ""
    records: list[dict[str, Any]] = field(default_factory=list)
    #: Where each record stands.
    places: list[str] = field(default_factory=list)
    #: Field → heading as the file has it.
    headings: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A column of the file whose meaning is known."""

    index: int
    column: Column
    factor: int
    heading: str


def read_records(roster: Roster, sheet: Sheet) -> Records:
    """Every row as a record; where there is any problem the records are incomplete."""
    found = Records(sheet.place)
    if not sheet.rows:
        wanted = "、".join(column.heading for column in roster.columns)
        found.problems.append(Problem(sheet.place, "", f"没有内容；第一行应为表头：{wanted}"))
        return found
    headings = Headings(roster.columns)
    start = _headings_row(headings, sheet)
    number, top = sheet.rows[start]
    bound = _bind(roster, headings, top, sheet.row(number), found)
    named = {index for index, cell in enumerate(top) if not is_blank(cell)}
    for row_number, row in sheet.rows[start + 1 :]:
        if len(found.problems) >= MOST_PROBLEMS:
            found.problems.append(Problem(sheet.place, "", f"问题过多，只列出前{len(found.problems)}处；请先改正这些"))
            break
        place = sheet.row(row_number)
        if total := _total(row):
            found.problems.append(Problem(place, "", f"“{total}”行请删除；总数由系统按名单逐条计算"))
            continue
        _check_unnamed(row, named, place, found)
        found.places.append(place)
        found.records.append(_record(bound, row, place, found))
    return found


def _headings_row(headings: Headings, sheet: Sheet) -> int:
    """The first of the upper rows with the most known headings."""
    upper = sheet.rows[:HEADINGS_WITHIN]
    known = [sum(isinstance(cell, str) and headings.knows(cell) for cell in row) for _, row in upper]
    return known.index(max(known))


def _bind(roster: Roster, headings: Headings, top: Row, place: str, found: Records) -> list[_Bound]:
    bound: list[_Bound] = []
    present: set[str] = set()
    for index, cell in enumerate(top):
        if is_blank(cell) or is_ignored(str(cell)):
            continue
        heading = " ".join(str(cell).split())
        try:
            column, factor = headings.match(heading)
        except ValueError as error:
            found.problems.append(Problem(place, heading, str(error)))
            if isinstance(error, UnitMissing):
                present.add(error.column.field)
            continue
        if column.field in found.headings:
            message = f"与“{found.headings[column.field]}”是同一列；请只保留一列"
            found.problems.append(Problem(place, heading, message))
            continue
        found.headings[column.field] = heading
        bound.append(_Bound(index, column, factor, heading))
    found.problems += [
        Problem(place, column.heading, "缺少这一列")
        for column in roster.columns
        if column.required and column.field not in present.union(found.headings)
    ]
    return bound


def _total(row: Row) -> str:
    """The word of a row that adds up others; empty for any other row."""
    for cell in [cell for cell in row if not is_blank(cell)][:2]:
        if isinstance(cell, str) and _TOTAL.fullmatch(squash(cell)):
            return cell.strip()
    return ""


def _check_unnamed(row: Row, named: set[int], place: str, found: Records) -> None:
    """Complain once of each column that has values and no heading."""
    for index, cell in enumerate(row):
        if index not in named and not is_blank(cell):
            named.add(index)
            found.problems.append(Problem(place, f"第{index + 1}列", f"“{shown(cell)}”所在的列没有表头；请补上或删除"))


def _record(bound: Sequence[_Bound], row: Row, place: str, found: Records) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for item in bound:
        cell = row[item.index] if item.index < len(row) else None
        if is_blank(cell):
            if item.column.required:
                found.problems.append(Problem(place, item.heading, "必须填写"))
            continue
        try:
            record[item.column.field] = read_value(item.column.kind, cell, item.factor)
        except ValueError as error:
            found.problems.append(Problem(place, item.heading, str(error)))
    return record
