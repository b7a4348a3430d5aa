"""JSON Schema that validators understand, of what pydantic writes for exact numbers (``ge``, ``decimal_places``, …).

What a value has to be is the rules'; what no schema can say of it, a preview tells.
"""

from __future__ import annotations

from typing import Any

#: Pydantic's limit → JSON Schema's.
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_DIGITS = ("max_digits", "decimal_places")


def understood(schema: Any) -> Any:
    """The same schema with every limit where validators look for it: on the number, and as a pattern of the text."""
    if isinstance(schema, list):
        return [understood(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: understood(part) for name, part in schema.items()}
    if plain.get("type") == "object" and "minLength" in plain:
        plain["minProperties"] = plain.pop("minLength")
    ways = plain.get("anyOf")
    if not isinstance(ways, list) or not {*_LIMITS, *_DIGITS} & {*plain}:
        return plain
    given = {name: plain.pop(name) for name in (*_LIMITS, *_DIGITS) if name in plain}
    limits = {_LIMITS[name]: value for name, value in given.items() if name in _LIMITS}
    narrowed = {"number": limits, "string": {"pattern": _pattern(given)}}
    return {**plain, "anyOf": [{**way, **narrowed.get(way.get("type", ""), {})} for way in ways]}


def _pattern(given: dict[str, Any]) -> str:
    """Plain digits with so many before and behind the point; how large they are, only the sign and zero can say."""
    places = given.get("decimal_places")
    whole = f"{{1,{given['max_digits'] - (places or 0)}}}" if "max_digits" in given else "+"
    fraction = rf"(\.\d{{1,{places}}}0*)?" if places else "" if places == 0 else r"(\.\d+)?"
    sign = r"\+?" if {"ge", "gt"} & {*given} else "[+-]?"
    return ("(?=.*[1-9])" if "gt" in given else "").join(("^", f"{sign}\\d{whole}{fraction}$"))
