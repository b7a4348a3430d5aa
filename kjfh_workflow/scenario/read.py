"""From a scenario file to a ``Scenario``: the file, the one before it, its people and its steps.

How complaints are gathered is ``complaints``'s; what must be true after a step is read by ``expectations``.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from kjfh_workflow.errors import ScenarioError
from kjfh_workflow.policy.vocabulary import Field, Role
from kjfh_workflow.policy.wording import hint, say
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.scenario.complaints import Complaints, dotted
from kjfh_workflow.scenario.expectations import ExpectReader
from kjfh_workflow.scenario.model import Scenario, Step
from kjfh_workflow.scenario.words import CASELESS, Vocabulary

_FILE_KEYS = ("title", "policy", "after", "article", "people", "step")
_PERSON_KEYS = ("role", "name", "uscc", "city")
_STEP_KEYS = ("on", "by", "do", "case", "kind", "policy", "parent", "opens", "with", "expect")


def read_scenario(path: Path, words: Vocabulary) -> Scenario:
    """Read a scenario and, before it, the one it comes ``after``.

    Raises:
        ScenarioError: with every problem found.
    """
    return _Reader(path, words, ()).scenario()


@dataclass(frozen=True, slots=True)
class _Named:
    """A case that has an alias."""

    city: str
    kind: str


class _Reader:
    """One file being read."""

    def __init__(self, path: Path, words: Vocabulary, chain: tuple[Path, ...]) -> None:
        self._path = path
        self._words = words
        self._chain = (*chain, path.resolve())
        self._complaints = Complaints(path.name)
        self._people: dict[str, Actor] = {}
        #: Alias of every case that is open by now → its city and kind.
        self._cases: dict[str, _Named] = {}
        self._city = ""

    def scenario(self) -> Scenario:
        """Read it all, or raise with every problem."""
        data = self._toml(self._path)
        if data is None:
            raise ScenarioError(self._complaints.problems)
        self._complaints.only(data, _FILE_KEYS, "")
        before = self._before(data)
        steps = [*(before.steps if before else ())]
        self._city = self._complaints.text(data, "policy", self._words.cities)
        for alias, person in self._complaints.table(data, "people").items():
            self._person(alias, person)
        raw_steps = data.get("step", [])
        if not isinstance(raw_steps, list) or not raw_steps:
            self._complaints.wrong("step", "a scenario needs [[step]] tables")
            raw_steps = []
        last = steps[-1].on if steps else date.min
        for number, raw in enumerate(raw_steps, 1):
            self._complaints.place = f"{self._path.name} step {number}"
            step = self._step(raw, last)
            if step:
                steps.append(step)
                last = step.on
        self._complaints.place = self._path.name
        articles = self._complaints.texts(data, "article") if "article" in data else []
        title = self._complaints.text(data, "title")
        if self._complaints.problems:
            raise ScenarioError(self._complaints.problems)
        return Scenario(self._path, title, self._city, tuple(articles), self._people, tuple(steps))

    # ---- the file ------------------------------------------------------------------------------------------------

    def _toml(self, path: Path, key: str = "") -> dict[str, Any] | None:
        try:
            return tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
        except FileNotFoundError:
            self._complaints.wrong(key, f"there is no file {path}")
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            self._complaints.wrong(key, say("not_toml", error=f"{path.name}: {error}"))
        return None

    def _before(self, data: dict[str, Any]) -> Scenario | None:
        if "after" not in data:
            return None
        name = self._complaints.text(data, "after")
        path = self._path.parent / name
        if path.resolve() in self._chain:
            self._complaints.wrong("after", f"{name!r} comes after itself")
        elif name and not path.is_file():
            self._complaints.wrong("after", f"there is no file {path}")
        elif name:
            reader = _Reader(path, self._words, self._chain)
            try:
                scenario = reader.scenario()
            except ScenarioError as error:
                self._complaints.problems += error.problems
            else:
                self._people |= reader._people
                self._cases |= reader._cases
                return scenario
        # Without the people and aliases from there, what could be said of the steps here would be false.
        raise ScenarioError(self._complaints.problems)

    def _person(self, alias: str, person: Any) -> None:
        key = f"people.{alias}"
        if not isinstance(person, dict):
            self._complaints.wrong(key, 'must be a table like { role = "tech_clerk" }')
            return
        self._complaints.only(person, _PERSON_KEYS, key)
        roles = person.get("role")
        names = [str(name) for name in roles] if isinstance(roles, list) else [roles] if isinstance(roles, str) else []
        if not names:
            self._complaints.wrong(f"{key}.role", 'must be a role like "tech_clerk", or a list of roles')
        known = [name for name in names if self._complaints.known(name, self._words.roles, f"{key}.role")]
        city = self._complaints.text(person, "city", self._words.cities, f"{key}.") if "city" in person else self._city
        uscc = self._complaints.uscc(str(person["uscc"]), f"{key}.uscc") if "uscc" in person else ""
        name = self._complaints.text(person, "name", prefix=f"{key}.") if "name" in person else ""
        # Known even if something is wrong with it, so that no step complains about it again.
        self._people[alias] = Actor(alias, name or alias, tuple(map(Role, known)), city, uscc)

    # ---- a step --------------------------------------------------------------------------------------------------

    def _step(self, raw: Any, last: date) -> Step | None:
        if not isinstance(raw, dict):
            self._complaints.wrong("", "a step must be a table")
            return None
        self._complaints.only(raw, _STEP_KEYS, "")
        on = raw.get("on")
        if not isinstance(on, date) or isinstance(on, datetime):
            self._complaints.wrong("on", "every step needs a date, like on = 2021-03-01")
            on = last
        if on < last:
            self._complaints.wrong("on", f"{on} is before the step before it ({last})")
        by = self._by(raw)
        do, case, kind, parent = (str(raw.get(key, "")) for key in ("do", "case", "kind", "parent"))
        self._act(raw, do, "by" in raw)
        if do in CASELESS:
            self._for_no_case(raw, do)
        else:
            self._one_case(raw, do, case)
            self._parent(raw, kind, parent)
        city = self._city_of(raw, case, parent)
        opens = self._opens(raw, case)
        given = {case: kind, **opens} if do and do not in CASELESS else {}
        evidence = self._evidence(raw)
        expect = ExpectReader(self._complaints, self._words, self._cases.keys() | given.keys()).read(raw)
        if expect.refused is None:  # a refused step opens nothing: its alias can be used again
            for alias in given.keys() - self._cases.keys() - {""}:
                self._cases[alias] = _Named(city, given[alias])
        return Step(self._complaints.place, on, by, do, case, kind, city, parent, opens, evidence, expect)

    def _by(self, raw: dict[str, Any]) -> tuple[Actor, ...]:
        names = raw.get("by", [])
        names = [str(name) for name in names] if isinstance(names, list) else [str(names)]
        return tuple(self._people[name] for name in names if self._complaints.known(name, self._people, "by"))

    def _act(self, raw: dict[str, Any], do: str, somebody: bool) -> None:
        if do:
            self._complaints.known(do, self._words.events, "do")
        if bool(do) != somebody or raw.get("by") == []:
            self._complaints.wrong("by" if do else "do", "a step has both `by` and `do`, or neither")
        elif not do:
            for key in ("kind", "opens", "with"):
                if key in raw:
                    self._complaints.wrong(key, "goes with an event; this step only looks")

    def _for_no_case(self, raw: dict[str, Any], do: str) -> None:
        for key in ("case", "kind", "parent", "opens"):
            if key in raw:
                self._complaints.wrong(key, f"{do} is no act on one case")
        for name in self._complaints.table(raw, "with"):
            if name in self._words.evidence and name not in CASELESS[do]:
                self._complaints.wrong(f"with.{name}", f"{do} takes only {', '.join(CASELESS[do])}")

    def _one_case(self, raw: dict[str, Any], do: str, case: str) -> None:
        if do and not case:
            self._complaints.wrong("case", "an event needs a case")
        if "kind" in raw:
            self._complaints.text(raw, "kind", self._words.kinds)
            if case in self._cases:
                self._complaints.wrong("kind", f"{case!r} is open already; kind goes with a new alias")
        elif case and case not in self._cases:
            self._complaints.wrong("case", f"{case!r} is a new alias and needs a kind" + hint(case, self._cases))

    def _parent(self, raw: dict[str, Any], kind: str, parent: str) -> None:
        above = self._words.under.get(kind)
        if above is None:
            if "parent" in raw and (kind in self._words.kinds or not kind):
                kinds = ", ".join(self._words.under)
                self._complaints.wrong("parent", f"goes with a new alias of one of the kinds {kinds}")
        elif "parent" not in raw:
            self._complaints.wrong("parent", f"a new {kind} belongs to an {above}: name its alias")
        else:
            self._complaints.known(parent, [name for name, it in self._cases.items() if it.kind == above], "parent")

    def _city_of(self, raw: dict[str, Any], case: str, parent: str) -> str:
        """Where a known case is, or the case that a new one belongs to; another one only for a new case of its own."""
        named = self._cases.get(case) or self._cases.get(parent)
        city = named.city if named else self._city
        if "policy" not in raw:
            return city
        other = self._complaints.text(raw, "policy", self._words.cities)
        if named and other != city:
            self._complaints.wrong("policy", f"the case is one of {city!r}; policy goes with a new alias")
        return other

    def _opens(self, raw: dict[str, Any], case: str) -> dict[str, str]:
        opens = self._complaints.table(raw, "opens")
        for alias, kind in opens.items():
            self._complaints.known(str(kind), self._words.kinds, f"opens.{alias}")
            if alias in self._cases or alias == case:
                self._complaints.wrong(f"opens.{alias}", "the alias is in use already")
        return {alias: str(kind) for alias, kind in opens.items()}

    def _evidence(self, raw: dict[str, Any]) -> dict[str, Any]:
        evidence = dict(self._complaints.table(raw, "with"))
        for name in evidence:
            self._complaints.known(name, self._words.evidence, f"with.{name}")
        for field in (Field.FINDINGS, Field.JUSTIFICATIONS):
            if isinstance(evidence.get(field), dict):
                for name in evidence[field]:
                    self._complaints.known(name, self._words.criteria, f"with.{field}.{name}")
        if Field.OVERRIDE in evidence:
            evidence[Field.OVERRIDE] = dict(dotted(self._complaints.table(evidence, Field.OVERRIDE, "with.")))
        if Field.FACTS in evidence:
            evidence[Field.FACTS] = self._facts(self._complaints.text(evidence, Field.FACTS, prefix="with."))
        return evidence

    def _facts(self, name: str) -> dict[str, Any]:
        """What stands in the named facts file."""
        if not name:
            return {}
        data = self._toml(self._path.parent / ".." / "facts" / f"{name}.toml", "with.facts")
        if data is not None and not isinstance(data.get("operator"), dict):
            self._complaints.wrong("with.facts", f"{name}.toml has no table [operator]")
        return data or {}
