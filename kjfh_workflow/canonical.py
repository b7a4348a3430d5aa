"""One spelling for data that is stored, hashed and compared: JSON with sorted keys and exact numbers as text."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")


_encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain, allow_nan=False
).encode


def dumps(value: Any) -> str:
    """The canonical JSON text of *value*; decimals as text, dates in ISO form."""
    return _encode(value)


def loads(text: str) -> Any:
    """What ``dumps`` wrote."""
    return json.loads(text)


def digest(text: str) -> str:
    """SHA-256 of *text* in UTF-8, hex."""
    return hashlib.sha256(text.encode()).hexdigest()
