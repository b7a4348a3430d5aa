"""From a scenario file to a ``Scenario``; every unknown word is named with file, step and key."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from kjfh_workflow.errors import Problem, ScenarioError
from kjfh_workflow.policy.vocabulary import Field
from kjfh_workflow.policy.wording import hint, say
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.criteria import Result
from kjfh_workflow.rules.facts import with_override
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
        self._aliases: set[str] = set()
        self._cities: dict[str, str] = {}
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
        people = data.get("people", {})
        for alias, person in people.items() if isinstance(people, dict) else ():
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
        articles = data.get("article", [])
        if not isinstance(articles, list) or not all(isinstance(name, str) for name in articles):
            self._wrong("article", "must be a list of texts")
        title = self._text(data, "title")
        if self._problems:
            raise ScenarioError(self._problems)
        return Scenario(self._path, title, self._city, tuple(articles), self._people, tuple(steps))

    # ---- the file ------------------------------------------------------------------------------------------------

    def _toml(self, path: Path) -> dict[str, Any] | None:
        try:
            return tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
        except FileNotFoundError:
            self._wrong("", f"there is no file {path}")
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            self._wrong("", say("not_toml", error=f"{path.name}: {error}"))
        return None

    def _before(self, data: dict[str, Any]) -> Scenario | None:
        if "after" not in data:
            return None
        name = self._text(data, "after")
        path = self._path.parent / name
        if path.resolve() in self._chain:
            self._wrong("after", f"{name!r} comes after itself")
            raise ScenarioError(self._problems)
        reader = _Reader(path, self._words, self._chain)
        scenario = reader.scenario()
        self._people |= reader._people
        self._aliases |= reader._aliases
        self._cities |= reader._cities
        return scenario

    def _person(self, alias: str, person: Any) -> None:
        key = f"people.{alias}"
        if not isinstance(person, dict):
            self._wrong(key, 'must be a table like { role = "tech_clerk" }')
            return
        self._only(person, _PERSON_KEYS, key)
        roles = person.get("role")
        names = roles if isinstance(roles, list) else [roles]
        for name in names:
            self._known(str(name), self._words.roles, f"{key}.role")
        city = person.get("city", self._city)
        self._known(str(city), self._words.cities, f"{key}.city")
        uscc = str(person.get("uscc", ""))
        if uscc:
            try:
                uscc = check_uscc(uscc)
            except ValueError as error:
                self._wrong(f"{key}.uscc", str(error))
        if set(map(str, names)) <= self._words.roles:
            self._people[alias] = Actor.of(
                alias, map(str, names), str(city), name=str(person.get("name", alias)), uscc=uscc
            )

    # ---- a step --------------------------------------------------------------------------------------------------

    def _step(self, raw: Any, last: date) -> Step | None:
        if not isinstance(raw, dict):
            self._wrong("", "a step must be a table")
            return None
        self._only(raw, _STEP_KEYS, "")
        on = raw.get("on")
        if not isinstance(on, date) or isinstance(on, datetime):
            self._wrong("on", "every step needs a date, like on = 2021-03-01")
            return None
        if on < last:
            self._wrong("on", f"{on} is before the step before it ({last})")
        names = raw.get("by", [])
        names = names if isinstance(names, list) else [names]
        by = [self._people[name] for name in names if self._known(str(name), self._people, "by")]
        do, case, city = self._act(raw, bool(names))
        opens = self._opens(raw)
        evidence = self._evidence(raw.get("with", {}), by)
        expect = self._expect(raw.get("expect", {}), case)
        if case and do and expect.refused is None:
            self._aliases.add(case)
        return Step(self._place, on, tuple(by), do, case, str(raw.get("kind", "")), city, opens, evidence, expect)

    def _act(self, raw: dict[str, Any], somebody: bool) -> tuple[str, str, str]:
        do, case = str(raw.get("do", "")), str(raw.get("case", ""))
        if do:
            self._known(do, self._words.events, "do")
        if bool(do) != somebody:
            self._wrong("by" if do else "do", "a step has both `by` and `do`, or neither")
        if do and not case:
            self._wrong("case", "an event needs a case")
        if "policy" in raw:
            self._text(raw, "policy", self._words.cities)
        if "kind" in raw:
            self._text(raw, "kind", self._words.kinds)
            if case in self._aliases:
                self._wrong("kind", f"{case!r} is open already; kind goes with a new alias")
        elif case and case not in self._aliases:
            self._wrong("case", f"{case!r} is a new alias and needs a kind" + hint(case, self._aliases))
        city = str(raw.get("policy", self._cities.get(case, self._city)))
        self._cities[case] = city
        return do, case, city

    def _opens(self, raw: dict[str, Any]) -> dict[str, str]:
        opens = raw.get("opens", {})
        if not isinstance(opens, dict):
            self._wrong("opens", 'must be written as opens.ALIAS = "incubator"')
            return {}
        for alias, kind in opens.items():
            self._known(str(kind), self._words.kinds, f"opens.{alias}")
            if alias in self._aliases:
                self._wrong(f"opens.{alias}", "the alias is in use already")
            self._aliases.add(alias)
        return {alias: str(kind) for alias, kind in opens.items()}

    def _evidence(self, given: Any, by: Iterable[Actor]) -> dict[str, Any]:
        if not isinstance(given, dict):
            self._wrong("with", "must be a table")
            return {}
        evidence = dict(given)
        for name in evidence:
            self._known(name, self._words.evidence, f"with.{name}")
        for field in (Field.FINDINGS, Field.JUSTIFICATIONS):
            if isinstance(evidence.get(field), dict):
                for name in evidence[field]:
                    self._known(name, self._words.criteria, f"with.{field}.{name}")
        if Field.OVERRIDE in evidence:
            evidence[Field.OVERRIDE] = dict(_dotted(evidence[Field.OVERRIDE]))
        if Field.FACTS in evidence:
            evidence[Field.FACTS] = self._facts(evidence[Field.FACTS], next(iter(by), None))
        return evidence

    def _facts(self, name: Any, applicant: Actor | None) -> Any:
        """The named facts file, with the applicant's own name and code in it."""
        if not isinstance(name, str):
            return name
        data = self._toml(self._path.parent.parent / "facts" / f"{name}.toml")
        if data is None or applicant is None or not applicant.uscc:
            return data or {}
        return with_override(data, {"operator.name": applicant.name, "operator.uscc": applicant.uscc})

    # ---- what must be true ---------------------------------------------------------------------------------------

    def _expect(self, raw: Any, case: str) -> Expect:
        if not isinstance(raw, dict):
            self._wrong("expect", "must be a table")
            return Expect()
        self._only(raw, _EXPECT_KEYS, "expect")
        if "state" in raw:
            self._text(raw, "state", self._words.states, "expect.")
        refused = raw.get("refused")
        for code in refused or ():
            self._known(str(code), self._words.refusals, "expect.refused")
        for criterion, result in raw.get("criteria", {}).items():
            self._known(criterion, self._words.criteria, "expect.criteria")
            self._known(str(result), [str(r) for r in Result], f"expect.criteria.{criterion}")
        if (raw.keys() & {"state", "criteria"}) and not case:
            self._wrong("case", "expect.state and expect.criteria are about the step's case")
        return Expect(
            state=str(raw.get("state", "")),
            refused=None if refused is None else frozenset(map(str, refused)),
            cases=self._expected_cases(raw.get("cases", {})),
            due=self._expected_due(raw.get("due", {})),
            notices=self._expected_notices(raw, "notices"),
            no_notices=self._expected_notices(raw, "no_notices"),
            banned=self._expected_bans(raw.get("banned", {})),
            criteria={name: str(result) for name, result in raw.get("criteria", {}).items()},
        )

    def _expected_cases(self, raw: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        for alias, fields in raw.items():
            self._alias(alias, f"expect.cases.{alias}")
            self._only(fields, _CASE_FIELDS, f"expect.cases.{alias}")
            if "state" in fields:
                self._text(fields, "state", self._words.states, f"expect.cases.{alias}.")
        return {alias: dict(fields) for alias, fields in raw.items()}

    def _expected_due(self, raw: Mapping[str, Any]) -> dict[tuple[str, str], date | None]:
        due: dict[tuple[str, str], date | None] = {}
        for name, day in _dotted(raw):
            alias, _, timer = name.partition(".")
            self._alias(alias, f"expect.due.{name}")
            self._known(timer, self._words.timers, f"expect.due.{name}")
            due[alias, timer] = self._day_or_false(day, f"expect.due.{name}")
        return due

    def _expected_bans(self, raw: Mapping[str, Any]) -> dict[str, date | None]:
        return {uscc: self._day_or_false(day, f"expect.banned.{uscc}") for uscc, day in raw.items()}

    def _day_or_false(self, day: Any, key: str) -> date | None:
        if day is False:
            return None
        if not isinstance(day, date) or isinstance(day, datetime):
            self._wrong(key, f"must be a date or false, not {day!r}")
            return None
        return day

    def _expected_notices(self, raw: Mapping[str, Any], key: str) -> tuple[tuple[str, str], ...]:
        found = []
        for text in raw.get(key, ()):
            alias, _, notice = str(text).partition(":")
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
        # The step's own alias may be in the middle of being opened.
        if alias not in self._aliases and alias not in self._cities:
            self._known(alias, self._aliases, key)

    def _only(self, table: Any, allowed: Collection[str], key: str) -> None:
        for name in table if isinstance(table, dict) else ():
            if name not in allowed:
                self._wrong(f"{key}.{name}".strip("."), say("unknown_key") + hint(name, allowed))

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
