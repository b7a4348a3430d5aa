"""A table for people and programs: titled columns and rows, whichever way it leaves.

How it is drawn on a terminal is ``cli``'s; how it becomes a spreadsheet, ``sheet``'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

#: What stands in a column: ``yuan`` are exact ``Decimal`` sums, ``number`` whole numbers.
Kind = Literal["text", "date", "yuan", "number"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    #: Stable, for programs.
    name: str
    #: In people's words.
    label: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under titled columns."""

    title: str
    columns: Sequence[Column]
    #: Column name → value; what is missing is empty.
    rows: Sequence[Mapping[str, Any]]
    #: What the reader has to know: the day, what was left out.
    note: str = ""
