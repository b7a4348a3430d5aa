"""Which column a heading means, and in which unit.

Which columns there are is in ``columns``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

from kjfh_workflow.intake.columns import IGNORED, UNITS, Column

_PUNCTUATION = re.compile(r"[\s()\[\]【】/:*_]+")
_REMARK = re.compile(r"[(\[【].*[)\]】]")


def squash(text: str) -> str:
    """A heading without width, case, blanks and punctuation: ``投融资额 （万元）`` is ``投融资额万元``."""
    return _PUNCTUATION.sub("", unicodedata.normalize("NFKC", text)).lower()


_IGNORED = frozenset(squash(name) for name in IGNORED)


def is_ignored(text: str) -> bool:
    """Whether it is a column that people add for themselves, such as 序号."""
    return squash(text) in _IGNORED


class UnitMissing(ValueError):
    """The heading is right but for the unit."""

    def __init__(self, column: Column) -> None:
        names = "或".join(f"“{column.label}（{unit}）”" for unit in UNITS[column.kind] if unit)
        super().__init__(f"没有写明可以识别的单位；应为{names}")
        self.column = column


class Headings:
    """The headings of one table."""

    def __init__(self, columns: Iterable[Column]) -> None:
        self._columns = tuple(columns)
        # None: the heading is right but for the unit.
        self._known: dict[str, tuple[Column, int | None]] = {}
        for column in self._columns:
            units = UNITS.get(column.kind, {"": 1})
            for name in (column.label, *column.synonyms):
                self._known[squash(name)] = (column, units.get(""))
                self._known.update({squash(name + unit): (column, factor) for unit, factor in units.items()})
            self._known[squash(column.field)] = (column, 1)

    def match(self, text: str) -> tuple[Column, int]:
        """The column, and the factor by which its numbers are multiplied.

        Raises:
            UnitMissing: where the unit is missing or unknown.
            ValueError: in Chinese, for an unknown heading.
        """
        found = self._known.get(squash(text))
        if found is None:
            column, _ = self._known.get(squash(_REMARK.sub("", unicodedata.normalize("NFKC", text))), (None, None))
            if column is None:
                raise ValueError(self.unknown(text))
            # What stands in brackets after a heading is a remark, unless the unit belongs there.
            found = column, None if column.kind in UNITS else 1
        column, factor = found
        if factor is None:
            raise UnitMissing(column)
        return column, factor

    def knows(self, text: str) -> bool:
        """Whether it is, but perhaps for the unit, a heading of this table."""
        try:
            self.match(text)
        except UnitMissing:
            return True
        except ValueError:
            return False
        return True

    def unknown(self, text: str, *, by_field: bool = False) -> str:
        """What is said of an unknown heading, or of an unknown field of a TOML file."""
        near = get_close_matches(squash(text), self._known, n=1, cutoff=0.4)
        meant = f"最接近的是“{_shown(self._known[near[0]][0], by_field)}”；" if near else ""
        allowed = "、".join(_shown(column, by_field) for column in self._columns)
        return f"没有“{text.strip()}”这一项；{meant}可以有：{allowed}"


def _shown(column: Column, by_field: bool) -> str:
    return column.field if by_field else column.heading
