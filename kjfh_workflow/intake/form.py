"""The application form: ``application.toml``, or ``application.xlsx`` with the sheets 申请表 and 申请材料.

Both give the same values by the same dotted paths. The rosters are read in ``rosters``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from kjfh_workflow.errors import IntakeError, Problem
from kjfh_workflow.intake.columns import FORM_HEADINGS, FORM_ITEMS, FORM_SHEET, MATERIALS, Column, Kind
from kjfh_workflow.intake.headings import Headings, UnitMissing, squash
from kjfh_workflow.intake.names import Names
from kjfh_workflow.intake.rosters import read_records
from kjfh_workflow.intake.tables import Meter, Sheet, Source, read_text
from kjfh_workflow.intake.values import is_blank, read_value, shown
from kjfh_workflow.policy.wording import short

_ITEMS = {item.field: item for item in FORM_ITEMS}
_LINE = re.compile(r"line (\d+)")
#: A form has some two thousand bytes, and no line in it is longer than a list of materials.
_MOST_BYTES = 64 * 1024
_LONGEST_LINE = 1_000
#: Tables within tables; a form has two. The library's time grows with their square.
_DEEPEST = 8
_DEEP = re.compile(rf"""(?:\.[ \t]*(?:[\w-]+|"[^"]*"|'[^']*')[ \t]*){{{_DEEPEST}}}""")
#: More than a form has items; nobody reads on.
MOST_PROBLEMS = 100


class _Enough(Exception):
    """There are so many problems that the rest need not be looked for."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the materials checklist."""

    name: str
    submitted: bool
    place: str
    key: str


@dataclass(slots=True)
class Form:
    """What the form says."""

    #: Dotted path → value.
    values: dict[str, Any] = field(default_factory=dict)
    #: Dotted path → place and key.
    places: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: The ids of what was handed in.
    materials: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def put(self, item: Column, cell: object, factor: int, place: str, key: str) -> None:
        """Read one item."""
        if item.field in self.places:
            self.complain(place, key, "重复填写；请只保留一处")
            return
        self.places[item.field] = place, key
        if is_blank(cell):
            if item.required:
                self.complain(place, key, "必须填写")
            return
        try:
            self.values[item.field] = read_value(item.kind, cell, factor)
        except ValueError as error:
            self.complain(place, key, str(error))

    def complain(self, place: str, key: str, message: str) -> None:
        """Note one more problem.

        Raises:
            _Enough: when there are too many.
        """
        self.problems.append(Problem(place, short(key), message))
        if len(self.problems) >= MOST_PROBLEMS:
            raise _Enough


def read_form(path: Path, names: Names) -> Form:
    """The form, with every problem up to ``MOST_PROBLEMS``; where there is any it is incomplete."""
    form = Form()
    try:
        _read(path, names, form)
    except _Enough:
        message = f"问题过多，只列出前{len(form.problems)}处；请先改正这些"
        form.problems.append(Problem(path.name, "", message))
    except IntakeError as error:
        form.problems += error.problems
    return form


def _read(path: Path, names: Names, form: Form) -> None:
    is_toml = path.suffix.lower() == ".toml"
    entries = _from_toml(path, form) if is_toml else _from_workbook(path, form)
    for item in FORM_ITEMS:
        if item.required and item.field not in form.places:
            form.complain(path.name, item.field if is_toml else item.heading, "缺少这一项")
    _name(form, "city", names.city)
    city = form.values.get("city", "")
    _name(form, "type", lambda text: names.space_type(text, city))
    for entry in entries:
        try:
            material = names.material(entry.name, city)
        except ValueError as error:
            form.complain(entry.place, entry.key, str(error))
            continue
        if entry.submitted and material not in form.materials:
            form.materials.append(material)


def _name(form: Form, path: str, short_name: Callable[[str], str]) -> None:
    if path in form.values:
        try:
            form.values[path] = short_name(form.values[path])
        except ValueError as error:
            form.complain(*form.places[path], str(error))


def _from_workbook(path: Path, form: Form) -> list[_Entry]:
    source, meter = Source(path), Meter(None, 0)
    sheet = source.sheet(FORM_SHEET, meter)
    if sheet is None:
        form.complain(path.name, "", f"缺少工作表“{FORM_SHEET}”")
    else:
        _read_items(sheet, form)
    checklist = source.sheet(MATERIALS.label, meter, or_first=False)
    if checklist is None:
        form.complain(path.name, "", f"缺少工作表“{MATERIALS.label}”")
        return []
    return list(_read_checklist(checklist, form))


def _read_items(sheet: Sheet, form: Form) -> None:
    headings = Headings(FORM_ITEMS)
    for number, row in sheet.rows:
        label, cell = [*row, None, None][:2]
        place = sheet.row(number)
        if is_blank(label):
            if not is_blank(cell):
                form.complain(place, "", f"填写了“{shown(cell)}”，但没有写明是哪一项")
            continue
        key = " ".join(str(label).split())
        if squash(key) == FORM_HEADINGS[0]:
            continue
        try:
            item, factor = headings.match(key)
        except ValueError as error:
            # A line without a value is a title between the items.
            if not is_blank(cell):
                form.complain(place, key, str(error))
            if isinstance(error, UnitMissing):
                form.places[error.column.field] = place, key
            continue
        form.put(item, cell, factor, place, key)


def _read_checklist(sheet: Sheet, form: Form) -> Iterator[_Entry]:
    found = read_records(MATERIALS, sheet)
    for problem in found.problems:
        form.complain(problem.place, problem.key, problem.message)
    for record, place in zip(found.records, found.places, strict=True):
        column = "id" if "id" in record else "label"
        if column not in record:
            form.complain(place, MATERIALS.columns[0].heading, "必须填写材料编号或材料名称")
        elif "submitted" in record:
            yield _Entry(record[column], record["submitted"], place, found.headings[column])


def _from_toml(path: Path, form: Form) -> list[_Entry]:
    text = read_text(path, _MOST_BYTES)
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > _LONGEST_LINE:
            raise _refused(path, number, f"过长，最多{_LONGEST_LINE}个字符；请分行填写")
        if _DEEP.search(line):
            raise _refused(path, number, f"表格嵌套太深，最多{_DEEPEST}层")
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        raise _refused(path, found and found[1], f"不符合 TOML 格式：{error}") from error
    except RecursionError as error:
        raise _refused(path, None, f"表格嵌套太深，最多{_DEEPEST}层") from error
    except (ValueError, InvalidOperation) as error:  # thousands of digits
        raise _refused(path, None, "不符合 TOML 格式：有的数字过长") from error
    materials = data.pop("materials", None)
    for key, value in _flat(data):
        if key in _ITEMS:
            form.put(_ITEMS[key], value, 1, path.name, key)
        else:
            form.complain(path.name, key, Headings(FORM_ITEMS).unknown(short(key), by_field=True))
    return list(_toml_checklist(materials, path.name, form))


def _refused(path: Path, line: object, message: str) -> IntakeError:
    return IntakeError([Problem(f"{path.name} 第{line}行" if line else path.name, "", message)])


def _flat(data: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        # What is deeper has no name here, and is named by its table.
        if isinstance(value, dict) and above.count(".") < _DEEPEST:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, value


def _toml_checklist(materials: object, place: str, form: Form) -> Iterator[_Entry]:
    entries = dict.fromkeys(materials, True) if isinstance(materials, list) and _are_texts(materials) else materials
    if not isinstance(entries, dict):
        message = '应为材料编号的列表，如 ["application_form"]，或编号与是否的对照表'
        form.complain(place, "materials", "缺少这一项；" + message if materials is None else message)
        return
    for name, cell in entries.items():
        key = f"materials.{name}"
        try:
            yield _Entry(name, read_value(Kind.YES_NO, cell), place, key)
        except ValueError as error:
            form.complain(place, key, str(error))


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
