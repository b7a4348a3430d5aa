"""From a step's ``expect`` table to an ``Expect``: what must be true after the step, in known words.

Whether it is true is asked when the scenario is played (``looking``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from kjfh_workflow.rules.criteria import Result
from kjfh_workflow.scenario.complaints import Complaints, dotted
from kjfh_workflow.scenario.model import Expect
from kjfh_workflow.scenario.words import Vocabulary

_EXPECT_KEYS = (
    "state", "refused", "cases", "due", "notices", "no_notices",
    "ledger", "ledger_count", "banned", "criteria", "roster",
)  # fmt: skip
_LEDGER_KEYS = ("case", "kind", "year", "instalment", "yuan", "status")


class ExpectReader:
    """Reads the expectations of one step."""

    def __init__(self, complaints: Complaints, words: Vocabulary, aliases: Collection[str]) -> None:
        self._complaints = complaints
        self._words = words
        #: The cases that can be named in this step.
        self._aliases = aliases

    def read(self, step: Mapping[str, Any]) -> Expect:
        """The step's expectations; complaints about what makes no sense."""
        raw = self._complaints.table(step, "expect")
        self._complaints.only(raw, _EXPECT_KEYS, "expect")
        if (raw.keys() & {"state", "criteria"}) and "case" not in step:
            self._complaints.wrong("case", "expect.state and expect.criteria are about the step's case")
        state = self._complaints.text(raw, "state", self._words.states, "expect.") if "state" in raw else ""
        return Expect(
            state=state,
            criteria=self._criteria(self._table(raw, "criteria")),
            refused=self._refused(raw, bool(step.get("do"))) if "refused" in raw else None,
            cases=self._cases(self._table(raw, "cases")),
            due=self._due(self._table(raw, "due")),
            notices=self._notices(raw, "notices"),
            no_notices=self._notices(raw, "no_notices"),
            banned=self._banned(self._table(raw, "banned")),
            ledger=self._ledger(raw["ledger"]) if "ledger" in raw else (),
            ledger_count=self._ledger_count(self._table(raw, "ledger_count")),
            roster=self._roster(self._table(raw, "roster")),
        )

    def _table(self, raw: Mapping[str, Any], key: str) -> dict[str, Any]:
        return self._complaints.table(raw, key, "expect.")

    def _alias(self, alias: str, key: str) -> None:
        self._complaints.known(alias, self._aliases, key)

    def _criteria(self, raw: Mapping[str, Any]) -> dict[str, str]:
        for criterion, result in raw.items():
            self._complaints.known(criterion, self._words.criteria, "expect.criteria")
            self._complaints.known(str(result), [str(r) for r in Result], f"expect.criteria.{criterion}")
        return {criterion: str(result) for criterion, result in raw.items()}

    def _refused(self, raw: Mapping[str, Any], acts: bool) -> frozenset[str]:
        codes = self._complaints.texts(raw, "refused", "expect.")
        for code in codes:
            self._complaints.known(code, self._words.refusals, "expect.refused")
        if not acts:
            self._complaints.wrong("expect.refused", "this step only looks; nothing can be refused")
        elif raw["refused"] == []:
            self._complaints.wrong("expect.refused", "name at least one code; leave the key out if nothing is refused")
        return frozenset(codes)

    def _cases(self, raw: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        fields: dict[str, Callable[[Any, str], Any]] = {
            "state": lambda value, key: self._complaints.text({"": value}, "", self._words.states, key),
            "level": lambda value, key: self._complaints.text({"": value}, "", self._words.levels, key),
            "failed_years": self._complaints.count,
            "late_days": self._complaints.count,
        }
        found: dict[str, dict[str, Any]] = {}
        for alias in raw:
            key = f"expect.cases.{alias}"
            self._alias(alias, key)
            given = self._complaints.table(raw, alias, "expect.cases.")
            self._complaints.only(given, fields, key)
            found[alias] = {
                name: fields[name](value, f"{key}.{name}") for name, value in given.items() if name in fields
            }
        return found

    def _due(self, raw: Mapping[str, Any]) -> dict[tuple[str, str], date | None]:
        due: dict[tuple[str, str], date | None] = {}
        for name, day in dotted(raw):
            alias, _, timer = name.partition(".")
            self._alias(alias, f"expect.due.{name}")
            self._complaints.known(timer, self._words.timers, f"expect.due.{name}")
            due[alias, timer] = self._complaints.day_or_false(day, f"expect.due.{name}")
        return due

    def _banned(self, raw: Mapping[str, Any]) -> dict[str, date | None]:
        return {
            self._complaints.uscc(uscc, f"expect.banned.{uscc}"): self._complaints.day_or_false(
                day, f"expect.banned.{uscc}"
            )
            for uscc, day in raw.items()
        }

    def _notices(self, raw: Mapping[str, Any], key: str) -> tuple[tuple[str, str], ...]:
        found = []
        for text in self._complaints.texts(raw, key, "expect.") if key in raw else ():
            alias, colon, notice = text.partition(":")
            if not colon:
                self._complaints.wrong(f"expect.{key}", f'{text!r} must be written "ALIAS:notice"')
                continue
            self._alias(alias, f"expect.{key}")
            self._complaints.known(notice, self._words.notices, f"expect.{key}")
            found.append((alias, notice))
        return tuple(found)

    # ---- money and rounds --------------------------------------------------------------------------------------------

    def _ledger(self, raw: Any) -> tuple[dict[str, Any], ...]:
        if not isinstance(raw, list) or not raw or not all(isinstance(row, dict) and row for row in raw):
            self._complaints.wrong("expect.ledger", 'must be a list of rows like { case = "inc", status = "paid" }')
            return ()
        return tuple(self._row(row, f"expect.ledger.{place}") for place, row in enumerate(raw))

    def _row(self, row: dict[str, Any], key: str) -> dict[str, Any]:
        self._complaints.only(row, _LEDGER_KEYS, key)
        if "case" in row:
            self._alias(self._complaints.text(row, "case", prefix=f"{key}."), f"{key}.case")
        if "kind" in row:
            self._complaints.text(row, "kind", self._words.award_kinds, f"{key}.")
        if "status" in row:
            self._complaints.text(row, "status", self._words.award_statuses, f"{key}.")
        for name in ("year", "instalment"):
            if name in row:
                self._complaints.count(row[name], f"{key}.{name}")
        yuan = row.get("yuan", 0)
        if isinstance(yuan, bool) or not isinstance(yuan, (int, Decimal)):
            self._complaints.wrong(f"{key}.yuan", f"must be a number, not {yuan!r}")
        return row

    def _ledger_count(self, raw: Mapping[str, Any]) -> dict[str, int]:
        for alias in raw:
            self._alias(alias, f"expect.ledger_count.{alias}")
        return {alias: self._complaints.count(count, f"expect.ledger_count.{alias}") for alias, count in raw.items()}

    def _roster(self, raw: Mapping[str, Any]) -> dict[int, frozenset[str]]:
        found: dict[int, frozenset[str]] = {}
        for year in raw:
            key = f"expect.roster.{year}"
            if not (year.isascii() and year.isdigit()):
                self._complaints.wrong(key, "must be a year, like expect.roster.2021")
                continue
            aliases = self._complaints.texts(raw, year, "expect.roster.")
            for alias in aliases:
                self._alias(alias, key)
            found[int(year)] = frozenset(aliases)
        return found
