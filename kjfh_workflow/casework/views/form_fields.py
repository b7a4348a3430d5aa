"""A field of a form: what it is filled with, as that follows from the shape by which it is read.

Words for people, and what there is to choose from, come from ``forms`` and ``facts_form``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

#: What a field is filled with. ``line`` has no line breaks; ``texts`` and ``choices`` are lists; a ``table`` has a
#: value for each of its ``fields``, and ``rows`` are a list of such; ``facts`` is an application's data as a whole, a
#: table of sections, ``paths`` a table of dotted paths into it; a ``report`` is a text, or any table.
Shape = Literal[
    "line", "text", "texts", "uscc", "date", "integer", "decimal", "yes_no", "choice", "choices", "table", "rows",
    "facts", "paths", "report",
]  # fmt: skip
_SHORT = 200
_YUAN, _AREA = "元", "平方米"
#: A JSON schema's type → what it is filled with.
_SHAPES: dict[str, Shape] = {
    "number": "decimal", "integer": "integer", "boolean": "yes_no", "array": "texts", "object": "table",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values that there are."""

    value: str
    label: str
    #: What else a person has to know of it: its article, whether it is there already.
    note: str = ""


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of a form, or of a table in it."""

    name: str
    label: str
    required: bool
    shape: Shape
    unit: str = ""
    #: The least and the most of a number, in the unit.
    least: Decimal | None = None
    most: Decimal | None = None
    #: How many characters a text may have, and how many entries a list; None where nothing is said.
    longest: int | None = None
    choices: tuple[Choice, ...] = ()
    #: Whether one of the choices will do only; otherwise they are suggestions.
    closed: bool = False
    #: Of a table, of rows and of facts: what is in it.
    fields: tuple[FormField, ...] = ()
    #: What a person has to know of it.
    note: str = ""


def of_schema(
    name: str, schema: Mapping[str, Any], *, required: bool, defs: Mapping[str, Any] | None = None
) -> FormField:
    """A field as its JSON schema has it, without words.

    Args:
        name: its key, and for now its label.
        schema: as pydantic writes it.
        required: whether it has to be given.
        defs: what the schema's references name; by default its own ``$defs``.
    """
    defs = defs or schema.get("$defs", {})
    if "$ref" in schema:
        return of_schema(name, defs[schema["$ref"].rpartition("/")[2]], required=required, defs=defs)
    # What may be left out stands beside null, and a sum is a number or a text.
    alternatives = [part for part in schema.get("anyOf", ()) if part.get("type") != "null"]
    if len(alternatives) == 1:
        return of_schema(name, alternatives[0], required=required, defs=defs)
    if (
        row := of_schema(name, schema["items"], required=True, defs=defs) if "items" in schema else None
    ) and row.fields:
        return replace(row, shape="rows", required=required, longest=schema.get("maxItems"))
    kind = "number" if alternatives else schema.get("type")
    longest = schema.get("maxLength") or schema.get("maxItems")
    shape: Shape = _SHAPES.get(str(kind), "line" if longest and longest <= _SHORT else "text")
    if schema.get("format") == "date":
        shape = "date"
    least = schema.get("gt", schema.get("ge", schema.get("minimum", 0 if kind == "number" else None)))
    most = schema.get("le", schema.get("maximum"))
    needed = schema.get("required", ())
    return FormField(
        name,
        name,
        required,
        shape,
        unit=_unit(name),
        least=None if least is None else Decimal(least),
        most=None if most is None else Decimal(most),
        longest=longest,
        fields=tuple(
            of_schema(part, its, required=part in needed, defs=defs)
            for part, its in schema.get("properties", {}).items()
        ),
    )


def _unit(name: str) -> str:
    if name.endswith("yuan"):
        return _YUAN
    return _AREA if name.endswith("_m2") else ""
