"""Everything that is wrong with a scenario file, gathered as it is read: file, step, key, and what was meant.

What may be said is the vocabulary's (``words``); what a step or an expectation consists of is ``read``'s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from kjfh_workflow.errors import Problem
from kjfh_workflow.policy.wording import hint, say
from kjfh_workflow.rules.identifiers import check_uscc


class Complaints:
    """What was found wrong so far; each reading method returns something harmless where it complains."""

    def __init__(self, place: str) -> None:
        #: Where the reader is: "two_failed_years.toml step 3".
        self.place = place
        self.problems: list[Problem] = []

    def wrong(self, key: str, message: str) -> None:
        """Complain about *key* of the place being read."""
        self.problems.append(Problem(self.place, key, message))

    def known(self, name: str, allowed: Collection[str], key: str) -> bool:
        """Whether *name* is one of *allowed*; a complaint with what was probably meant if it is not."""
        if name in allowed:
            return True
        self.wrong(key, say("unknown_name", found=name) + hint(name, allowed))
        return False

    def only(self, table: Any, allowed: Collection[str], key: str) -> None:
        """Complain about every key of *table* that is not *allowed*."""
        for name in table if isinstance(table, dict) else ():
            if name not in allowed:
                self.wrong(f"{key}.{name}".strip("."), say("unknown_key") + hint(name, allowed))

    def table(self, table: Mapping[str, Any], key: str, prefix: str = "") -> dict[str, Any]:
        """The table at *key*; an empty one where there is none."""
        value = table.get(key, {})
        if isinstance(value, dict):
            return value
        self.wrong(prefix + key, f"must be a table, not {value!r}")
        return {}

    def texts(self, table: Mapping[str, Any], key: str, prefix: str = "") -> list[str]:
        """The list of texts at *key*."""
        value = table[key]
        if isinstance(value, list) and all(isinstance(text, str) for text in value):
            return value
        self.wrong(prefix + key, f"must be a list of texts, not {value!r}")
        return []

    def text(self, table: Mapping[str, Any], key: str, allowed: Collection[str] | None = None, prefix: str = "") -> str:
        """The text at *key*, one of *allowed* where that is given."""
        value = table.get(key)
        if not isinstance(value, str) or not value:
            self.wrong(prefix + key, "must be a text")
            return ""
        if allowed is not None:
            self.known(value, allowed, prefix + key)
        return value

    def count(self, value: Any, key: str) -> int:
        """A whole number from 0 up."""
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self.wrong(key, f"must be a whole number, not {value!r}")
        return 0

    def day_or_false(self, day: Any, key: str) -> date | None:
        """A date, or None for ``false``."""
        if day is False:
            return None
        if not isinstance(day, date) or isinstance(day, datetime):
            self.wrong(key, f"must be a date or false, not {day!r}")
            return None
        return day

    def uscc(self, code: str, key: str) -> str:
        """An operator's code with its check digit."""
        try:
            return check_uscc(code)
        except ValueError as error:
            self.wrong(key, str(error))
            return ""


def dotted(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """``a.b = 1`` and ``"a.b" = 1`` mean the same."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from dotted(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
