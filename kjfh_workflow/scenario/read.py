"""From a scenario file to a ``Scenario``; every unknown word is named with file, step and key."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from kjfh_workflow.errors import Problem, ScenarioError
from kjfh_workflow.policy.vocabulary import Field, Role
from kjfh_workflow.policy.wording import hint, say
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.criteria import Result
from kjfh_workflow.rules.identifiers import check_uscc
from kjfh_workflow.scenario.model import Expect, Scenario, Step
from kjfh_workflow.scenario.words import Vocabulary

_FILE_KEYS = ("title", "policy", "after", "article", "people", "step")
_PERSON_KEYS = ("role", "name", "uscc", "city")
_STEP_KEYS = ("on", "by", "do", "case", "kind", "policy", "opens", "with", "expect")
_EXPECT_KEYS = ("state", "refused", "cases", "due", "notices", "no_notices", "banned", "criteria")
_CASE_FIELDS = ("state", "level", "failed_years")


def read_scenario(path: Path, words: Vocabulary) -> Scenario:
    """Read a scenario and, before it, the one it comes ``after``.

    Raises:
        ScenarioError: with every problem found.
    """
    return _Reader(path, words, ()).scenario()


class _Reader:
    """One file being read."""

    def __init__(self, path: Path, words: Vocabulary, chain: tuple[Path, ...]) -> None:
        self._path = path
        self._words = words
        self._chain = (*chain, path.resolve())
        self._problems: list[Problem] = []
        self._place = path.name
        self._people: dict[str, Actor] = {}
        #: Alias of every case that is open by now → its city.
        self._cases: dict[str, str] = {}
        #: The aliases that the step being read gives.
        self._given: frozenset[str] = frozenset()
        self._city = ""

    def scenario(self) -> Scenario:
        """Read it all, or raise with every problem."""
        data = self._toml(self._path)
        if data is None:
            raise ScenarioError(self._problems)
        self._only(data, _FILE_KEYS, "")
        before = self._before(data)
        steps = [*(before.steps if before else ())]
        self._city = self._text(data, "policy", self._words.cities)
        for alias, person in self._table(data, "people").items():
            self._person(alias, person)
        raw_steps = data.get("step", [])
        if not isinstance(raw_steps, list) or not raw_steps:
            self._wrong("step", "a scenario needs [[step]] tables")
            raw_steps = []
        last = steps[-1].on if steps else date.min
        for number, raw in enumerate(raw_steps, 1):
            self._place = f"{self._path.name} step {number}"
            step = self._step(raw, last)
            if step:
                steps.append(step)
                last = step.on
        self._place = self._path.name
        articles = self._texts(data, "article") if "article" in data else []
        title = self._text(data, "title")
        if self._problems:
            raise ScenarioError(self._problems)
        return Scenario(self._path, title, self._city, tuple(articles), self._people, tuple(steps))

    # ---- the file ------------------------------------------------------------------------------------------------

    def _toml(self, path: Path, key: str = "") -> dict[str, Any] | None:
        try:
            return tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
        except FileNotFoundError:
            self._wrong(key, f"there is no file {path}")
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            self._wrong(key, say("not_toml", error=f"{path.name}: {error}"))
        return None

    def _before(self, data: dict[str, Any]) -> Scenario | None:
        if "after" not in data:
            return None
        name = self._text(data, "after")
        path = self._path.parent / name
        if path.resolve() in self._chain:
            self._wrong("after", f"{name!r} comes after itself")
        elif name and not path.is_file():
            self._wrong("after", f"there is no file {path}")
        elif name:
            reader = _Reader(path, self._words, self._chain)
            try:
                scenario = reader.scenario()
            except ScenarioError as error:
                self._problems += error.problems
            else:
                self._people |= reader._people
                self._cases |= reader._cases
                return scenario
        # Without the people and aliases from there, what could be said of the steps here would be false.
        raise ScenarioError(self._problems)

    def _person(self, alias: str, person: Any) -> None:
        key = f"people.{alias}"
        if not isinstance(person, dict):
            self._wrong(key, 'must be a table like { role = "tech_clerk" }')
            return
        self._only(person, _PERSON_KEYS, key)
        roles = person.get("role")
        names = [str(name) for name in roles] if isinstance(roles, list) else [roles] if isinstance(roles, str) else []
        if not names:
            self._wrong(f"{key}.role", 'must be a role like "tech_clerk", or a list of roles')
        known = [name for name in names if self._known(name, self._words.roles, f"{key}.role")]
        city = self._text(person, "city", self._words.cities, f"{key}.") if "city" in person else self._city
        uscc = self._uscc(str(person["uscc"]), f"{key}.uscc") if "uscc" in person else ""
        name = self._text(person, "name", prefix=f"{key}.") if "name" in person else ""
        # Known even if something is wrong with it, so that no step complains about it again.
        self._people[alias] = Actor(alias, name or alias, tuple(map(Role, known)), city, uscc)

    # ---- a step --------------------------------------------------------------------------------------------------

    def _step(self, raw: Any, last: date) -> Step | None:
        if not isinstance(raw, dict):
            self._wrong("", "a step must be a table")
            return None
        self._only(raw, _STEP_KEYS, "")
        on = raw.get("on")
        if not isinstance(on, date) or isinstance(on, datetime):
            self._wrong("on", "every step needs a date, like on = 2021-03-01")
            on = last
        if on < last:
            self._wrong("on", f"{on} is before the step before it ({last})")
        by = self._by(raw)
        do, case, kind = (str(raw.get(key, "")) for key in ("do", "case", "kind"))
        self._act(raw, do, case, "by" in raw)
        city = self._city_of(raw, case)
        opens = self._opens(raw, case)
        self._given = frozenset({case, *opens} - {""}) if do else frozenset()
        evidence = self._evidence(raw)
        expect = self._expect(raw, do, case)
        if expect.refused is None:  # a refused step opens nothing: its alias can be used again
            self._cases |= dict.fromkeys(self._given - self._cases.keys(), city)
        return Step(self._place, on, by, do, case, kind, city, opens, evidence, expect)

    def _by(self, raw: dict[str, Any]) -> tuple[Actor, ...]:
        names = raw.get("by", [])
        names = [str(name) for name in names] if isinstance(names, list) else [str(names)]
        return tuple(self._people[name] for name in names if self._known(name, self._people, "by"))

    def _act(self, raw: dict[str, Any], do: str, case: str, somebody: bool) -> None:
        if do:
            self._known(do, self._words.events, "do")
            if not case:
                self._wrong("case", "an event needs a case")
        if bool(do) != somebody or raw.get("by") == []:
            self._wrong("by" if do else "do", "a step has both `by` and `do`, or neither")
        elif not do:
            for key in ("kind", "opens", "with"):
                if key in raw:
                    self._wrong(key, "goes with an event; this step only looks")
        if "kind" in raw:
            self._text(raw, "kind", self._words.kinds)
            if case in self._cases:
                self._wrong("kind", f"{case!r} is open already; kind goes with a new alias")
        elif case and case not in self._cases:
            self._wrong("case", f"{case!r} is a new alias and needs a kind" + hint(case, self._cases))

    def _city_of(self, raw: dict[str, Any], case: str) -> str:
        city = self._cases.get(case, self._city)
        if "policy" not in raw:
            return city
        named = self._text(raw, "policy", self._words.cities)
        if case in self._cases and named != city:
            self._wrong("policy", f"{case!r} is a case of {city!r}; policy goes with a new alias")
        return named

    def _opens(self, raw: dict[str, Any], case: str) -> dict[str, str]:
        opens = self._table(raw, "opens")
        for alias, kind in opens.items():
            self._known(str(kind), self._words.kinds, f"opens.{alias}")
            if alias in self._cases or alias == case:
                self._wrong(f"opens.{alias}", "the alias is in use already")
        return {alias: str(kind) for alias, kind in opens.items()}

    def _evidence(self, raw: dict[str, Any]) -> dict[str, Any]:
        evidence = dict(self._table(raw, "with"))
        for name in evidence:
            self._known(name, self._words.evidence, f"with.{name}")
        for field in (Field.FINDINGS, Field.JUSTIFICATIONS):
            if isinstance(evidence.get(field), dict):
                for name in evidence[field]:
                    self._known(name, self._words.criteria, f"with.{field}.{name}")
        if Field.OVERRIDE in evidence:
            evidence[Field.OVERRIDE] = dict(_dotted(self._table(evidence, Field.OVERRIDE, "with.")))
        if Field.FACTS in evidence:
            evidence[Field.FACTS] = self._facts(self._text(evidence, Field.FACTS, prefix="with."))
        return evidence

    def _facts(self, name: str) -> dict[str, Any]:
        """What stands in the named facts file."""
        if not name:
            return {}
        data = self._toml(self._path.parent.parent / "facts" / f"{name}.toml", "with.facts")
        if data is not None and not isinstance(data.get("operator"), dict):
            self._wrong("with.facts", f"{name}.toml has no table [operator]")
        return data or {}

    # ---- what must be true ---------------------------------------------------------------------------------------

    def _expect(self, step: dict[str, Any], do: str, case: str) -> Expect:
        raw = self._table(step, "expect")
        self._only(raw, _EXPECT_KEYS, "expect")
        state = self._text(raw, "state", self._words.states, "expect.") if "state" in raw else ""
        criteria = self._table(raw, "criteria", "expect.")
        for criterion, result in criteria.items():
            self._known(criterion, self._words.criteria, "expect.criteria")
            self._known(str(result), [str(r) for r in Result], f"expect.criteria.{criterion}")
        if (raw.keys() & {"state", "criteria"}) and not case:
            self._wrong("case", "expect.state and expect.criteria are about the step's case")
        return Expect(
            state=state,
            refused=self._expected_refusal(raw, do) if "refused" in raw else None,
            cases=self._expected_cases(self._table(raw, "cases", "expect.")),
            due=self._expected_due(self._table(raw, "due", "expect.")),
            notices=self._expected_notices(raw, "notices"),
            no_notices=self._expected_notices(raw, "no_notices"),
            banned=self._expected_bans(self._table(raw, "banned", "expect.")),
            criteria={name: str(result) for name, result in criteria.items()},
        )

    def _expected_refusal(self, raw: Mapping[str, Any], do: str) -> frozenset[str]:
        codes = self._texts(raw, "refused", "expect.")
        for code in codes:
            self._known(code, self._words.refusals, "expect.refused")
        if not do:
            self._wrong("expect.refused", "this step only looks; nothing can be refused")
        elif raw["refused"] == []:
            self._wrong("expect.refused", "name at least one code; leave the key out where nothing is refused")
        return frozenset(codes)

    def _expected_cases(self, raw: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        found = {}
        for alias in raw:
            self._alias(alias, f"expect.cases.{alias}")
            found[alias] = self._table(raw, alias, "expect.cases.")
            self._only(found[alias], _CASE_FIELDS, f"expect.cases.{alias}")
            if "state" in found[alias]:
                self._text(found[alias], "state", self._words.states, f"expect.cases.{alias}.")
        return found

    def _expected_due(self, raw: Mapping[str, Any]) -> dict[tuple[str, str], date | None]:
        due: dict[tuple[str, str], date | None] = {}
        for name, day in _dotted(raw):
            alias, _, timer = name.partition(".")
            self._alias(alias, f"expect.due.{name}")
            self._known(timer, self._words.timers, f"expect.due.{name}")
            due[alias, timer] = self._day_or_false(day, f"expect.due.{name}")
        return due

    def _expected_bans(self, raw: Mapping[str, Any]) -> dict[str, date | None]:
        return {
            self._uscc(uscc, f"expect.banned.{uscc}"): self._day_or_false(day, f"expect.banned.{uscc}")
            for uscc, day in raw.items()
        }

    def _day_or_false(self, day: Any, key: str) -> date | None:
        if day is False:
            return None
        if not isinstance(day, date) or isinstance(day, datetime):
            self._wrong(key, f"must be a date or false, not {day!r}")
            return None
        return day

    def _expected_notices(self, raw: Mapping[str, Any], key: str) -> tuple[tuple[str, str], ...]:
        found = []
        for text in self._texts(raw, key, "expect.") if key in raw else ():
            alias, colon, notice = text.partition(":")
            if not colon:
                self._wrong(f"expect.{key}", f'{text!r} must be written "ALIAS:notice"')
                continue
            self._alias(alias, f"expect.{key}")
            self._known(notice, self._words.notices, f"expect.{key}")
            found.append((alias, notice))
        return tuple(found)

    # ---- complaints ----------------------------------------------------------------------------------------------

    def _wrong(self, key: str, message: str) -> None:
        self._problems.append(Problem(self._place, key, message))

    def _known(self, name: str, allowed: Collection[str], key: str) -> bool:
        if name in allowed:
            return True
        self._wrong(key, say("unknown_name", found=name) + hint(name, allowed))
        return False

    def _alias(self, alias: str, key: str) -> None:
        self._known(alias, self._cases.keys() | self._given, key)

    def _uscc(self, code: str, key: str) -> str:
        try:
            return check_uscc(code)
        except ValueError as error:
            self._wrong(key, str(error))
            return ""

    def _only(self, table: Any, allowed: Collection[str], key: str) -> None:
        for name in table if isinstance(table, dict) else ():
            if name not in allowed:
                self._wrong(f"{key}.{name}".strip("."), say("unknown_key") + hint(name, allowed))

    def _table(self, table: Mapping[str, Any], key: str, prefix: str = "") -> dict[str, Any]:
        value = table.get(key, {})
        if isinstance(value, dict):
            return value
        self._wrong(prefix + key, f"must be a table, not {value!r}")
        return {}

    def _texts(self, table: Mapping[str, Any], key: str, prefix: str = "") -> list[str]:
        value = table[key]
        if isinstance(value, list) and all(isinstance(text, str) for text in value):
            return value
        self._wrong(prefix + key, f"must be a list of texts, not {value!r}")
        return []

    def _text(
        self, table: Mapping[str, Any], key: str, allowed: Collection[str] | None = None, prefix: str = ""
    ) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value:
            self._wrong(prefix + key, "must be a text")
            return ""
        if allowed is not None:
            self._known(value, allowed, prefix + key)
        return value


def _dotted(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """``a.b = 1`` and ``"a.b" = 1`` mean the same."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
