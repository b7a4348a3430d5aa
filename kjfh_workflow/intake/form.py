"""The application form: ``application.toml``, or ``application.xlsx`` with the sheets 申请表 and 申请材料.

Both give the same values by the same dotted paths. The rosters are read in ``rosters``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from kjfh_workflow.errors import IntakeError, Problem
from kjfh_workflow.intake.columns import FORM_HEADINGS, FORM_ITEMS, FORM_SHEET, MATERIALS, Column, Kind
from kjfh_workflow.intake.headings import Headings, UnitMissing, squash
from kjfh_workflow.intake.names import Names
from kjfh_workflow.intake.rosters import read_records
from kjfh_workflow.intake.tables import Meter, Sheet, Source, read_text
from kjfh_workflow.intake.values import is_blank, read_value, shown

_ITEMS = {item.field: item for item in FORM_ITEMS}
_LINE = re.compile(r"line (\d+)")


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
            self.problems.append(Problem(place, key, "重复填写；请只保留一处"))
            return
        self.places[item.field] = place, key
        if is_blank(cell):
            if item.required:
                self.problems.append(Problem(place, key, "必须填写"))
            return
        try:
            self.values[item.field] = read_value(item.kind, cell, factor)
        except ValueError as error:
            self.problems.append(Problem(place, key, str(error)))


def read_form(path: Path, names: Names) -> Form:
    """The form, with every problem; where there is any it is incomplete."""
    form = Form()
    try:
        entries = _from_toml(path, form) if path.suffix.lower() == ".toml" else _from_workbook(path, form)
    except IntakeError as error:
        form.problems += error.problems
        return form
    form.problems += [
        Problem(path.name, item.heading if path.suffix.lower() != ".toml" else item.field, "缺少这一项")
        for item in FORM_ITEMS
        if item.required and item.field not in form.places
    ]
    _name(form, "city", names.city)
    city = form.values.get("city", "")
    _name(form, "type", lambda text: names.space_type(text, city))
    for entry in entries:
        try:
            material = names.material(entry.name, city)
        except ValueError as error:
            form.problems.append(Problem(entry.place, entry.key, str(error)))
            continue
        if entry.submitted and material not in form.materials:
            form.materials.append(material)
    return form


def _name(form: Form, path: str, short_name: Callable[[str], str]) -> None:
    if path in form.values:
        try:
            form.values[path] = short_name(form.values[path])
        except ValueError as error:
            form.problems.append(Problem(*form.places[path], str(error)))


def _from_workbook(path: Path, form: Form) -> list[_Entry]:
    source, meter = Source(path), Meter(None, 0)
    sheet = source.sheet(FORM_SHEET, meter)
    if sheet is None:
        form.problems.append(Problem(path.name, "", f"缺少工作表“{FORM_SHEET}”"))
    else:
        _read_items(sheet, form)
    checklist = source.sheet(MATERIALS.label, meter, or_first=False)
    if checklist is None:
        form.problems.append(Problem(path.name, "", f"缺少工作表“{MATERIALS.label}”"))
        return []
    return list(_read_checklist(checklist, form))


def _read_items(sheet: Sheet, form: Form) -> None:
    headings = Headings(FORM_ITEMS)
    for number, row in sheet.rows:
        label, cell = [*row, None, None][:2]
        place = sheet.row(number)
        if is_blank(label):
            if not is_blank(cell):
                form.problems.append(Problem(place, "", f"填写了“{shown(cell)}”，但没有写明是哪一项"))
            continue
        key = " ".join(str(label).split())
        if squash(key) == FORM_HEADINGS[0]:
            continue
        try:
            item, factor = headings.match(key)
        except ValueError as error:
            # A line without a value is a title between the items.
            if not is_blank(cell):
                form.problems.append(Problem(place, key, str(error)))
            if isinstance(error, UnitMissing):
                form.places[error.column.field] = place, key
            continue
        form.put(item, cell, factor, place, key)


def _read_checklist(sheet: Sheet, form: Form) -> Iterator[_Entry]:
    found = read_records(MATERIALS, sheet)
    form.problems += found.problems
    for record, place in zip(found.records, found.places, strict=True):
        column = "id" if "id" in record else "label"
        if column not in record:
            form.problems.append(Problem(place, MATERIALS.columns[0].heading, "必须填写材料编号或材料名称"))
        elif "submitted" in record:
            yield _Entry(record[column], record["submitted"], place, found.headings[column])


def _from_toml(path: Path, form: Form) -> list[_Entry]:
    try:
        data = tomllib.loads(read_text(path), parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        line = _LINE.search(str(error))
        place = f"{path.name} 第{line[1]}行" if line else path.name
        raise IntakeError([Problem(place, "", f"不符合 TOML 格式：{error}")]) from error
    materials = data.pop("materials", None)
    for key, value in _flat(data):
        if key in _ITEMS:
            form.put(_ITEMS[key], value, 1, path.name, key)
        else:
            form.problems.append(Problem(path.name, key, Headings(FORM_ITEMS).unknown(key, by_field=True)))
    return list(_toml_checklist(materials, path.name, form))


def _flat(data: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, value


def _toml_checklist(materials: object, place: str, form: Form) -> Iterator[_Entry]:
    entries = dict.fromkeys(materials, True) if isinstance(materials, list) and _are_texts(materials) else materials
    if not isinstance(entries, dict):
        message = '应为材料编号的列表，如 ["application_form"]，或编号与是否的对照表'
        form.problems.append(Problem(place, "materials", "缺少这一项；" + message if materials is None else message))
        return
    for name, cell in entries.items():
        key = f"materials.{name}"
        try:
            yield _Entry(name, read_value(Kind.YES_NO, cell), place, key)
        except ValueError as error:
            form.problems.append(Problem(place, key, str(error)))


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
