"""Looking at an office after a step: each expectation beside what is the case.

It only asks what every host can ask of a ``Workflow``; acting is ``play``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.policy.vocabulary import Field
from kjfh_workflow.scenario.model import Expect, Step

#: What is found of a case that nobody has opened.
NO_SUCH_CASE = "no such case"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a step expected."""

    what: str
    expected: str
    actual: str

    @property
    def held(self) -> bool:
        """Whether it was so."""
        return self.expected == self.actual


@dataclass
class Look:
    """What can be seen of the cases that have a name in the scenario."""

    workflow: Workflow
    #: Alias → case id; it grows while the scenario is played.
    cases: Mapping[str, str]
    _seen_notices: set[str] = field(default_factory=set)

    def at(self, step: Step, policy: str) -> Iterator[Finding]:
        """Each expectation of *step*; notices count from one call to the next."""
        expect, city = step.expect, step.city or policy
        if expect.state:
            yield Finding("state", expect.state, self._of_case(step.case, "state"))
        for alias, fields in expect.cases.items():
            for name, value in fields.items():
                yield Finding(f"{alias}.{name}", str(value), self._of_case(alias, name))
        for (alias, timer), day in expect.due.items():
            yield Finding(f"due {alias}.{timer}", _day(day), self._due(alias, timer))
        yield from self._queued(expect)
        yield from self._money(expect)
        for uscc, until in expect.banned.items():
            yield Finding(f"banned {uscc}", _day(until), _day(self.workflow.banned_until(uscc, city)))
        yield from self._criteria(step)
        for year, aliases in expect.roster.items():
            yield Finding(f"roster {year}", _listed(aliases), _listed(self._roster(city, year)))

    def fingerprint(self, step: Step) -> list[Any]:
        """Everything that a refused step must leave as it was."""
        everything: list[Any] = []
        for row in self.workflow.cases(limit=100_000):
            view = self.workflow.case(row["id"])
            case, letters = view.case, [notice["id"] for notice in view.notices]
            everything.append((case.id, case.version, case.state, canonical.dumps(case.memory), view.alarms, letters))
        asked = step.evidence.get(Field.YEAR)
        years = {*range(step.on.year - 3, step.on.year + 3), *([asked] if isinstance(asked, int) else [])}
        for city in self.workflow.catalog.cities:
            everything.append(self.workflow.books.misconduct(city))
            everything += (self.workflow.rounds.roster(city, year) for year in sorted(years))
        return everything

    # ---- cases and clocks --------------------------------------------------------------------------------------------

    def _of_case(self, alias: str, name: str) -> str:
        if alias not in self.cases:
            return NO_SUCH_CASE
        case = self.workflow.case(self.cases[alias]).case
        return str(case.state if name == "state" else case.memory.get(name, 0 if name == "failed_years" else ""))

    def _due(self, alias: str, timer: str) -> str:
        if alias not in self.cases:
            return NO_SUCH_CASE
        clock = self.workflow.case(self.cases[alias]).clocks.get(timer)
        return _day(None if clock is None or clock.overdue else clock.due)

    def _criteria(self, step: Step) -> Iterator[Finding]:
        if not step.expect.criteria:
            return
        evaluation = self.workflow.case(self.cases[step.case]).evaluation if step.case in self.cases else None
        for criterion, result in step.expect.criteria.items():
            assessed = evaluation.of(criterion) if evaluation else None
            yield Finding(criterion, result, str(assessed.result) if assessed else "does not apply")

    # ---- notices -----------------------------------------------------------------------------------------------------

    def _queued(self, expect: Expect) -> Iterator[Finding]:
        notices = {
            row["id"]: (alias, row["notice"])
            for alias, case_id in self.cases.items()
            for row in self.workflow.case(case_id).notices
        }
        queued = {named for key, named in notices.items() if key not in self._seen_notices}
        self._seen_notices = {*notices}
        for wanted, named in [("queued", expect.notices), ("not queued", expect.no_notices)]:
            for alias, notice in named:
                found = "queued" if (alias, notice) in queued else "not queued"
                yield Finding(f"notice {alias}:{notice}", wanted, found)

    # ---- money and rounds --------------------------------------------------------------------------------------------

    def _money(self, expect: Expect) -> Iterator[Finding]:
        for row in expect.ledger:
            aliases = [row["case"]] if "case" in row else [*self.cases]
            awards = [(alias, award) for alias in aliases for award in self._awards(alias)]
            wanted = ", ".join(f"{key} {value}" for key, value in row.items() if key != "case")
            there = any(_is_as(award, row) for _, award in awards)
            known = "; ".join(f"{alias}: {_told(award)}" for alias, award in awards)
            yield Finding(f"ledger {row.get('case', '')}".strip(), wanted, wanted if there else known or "no rows")
        for alias, count in expect.ledger_count.items():
            found = str(len(self._awards(alias))) if alias in self.cases else NO_SUCH_CASE
            yield Finding(f"ledger count {alias}", str(count), found)

    def _awards(self, alias: str) -> list[Mapping[str, Any]]:
        """How each award of a case stands now."""
        if alias not in self.cases:
            return []
        awards: Mapping[str, Mapping[str, Any]] = self.workflow.case(self.cases[alias]).case.memory.get("awards", {})
        return [*awards.values()]

    def _roster(self, city: str, year: int) -> list[str]:
        """Who is in a round; an incubator without a name here is shown by its id."""
        names = {case_id: alias for alias, case_id in self.cases.items()}
        return [names.get(case_id, case_id) for case_id in self.workflow.rounds.roster(city, year)]


def _is_as(award: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether an award is as an expected row has it; yuan are compared as numbers."""
    same = all(award[key] == row[key] for key in ("kind", "year", "instalment", "status") if key in row)
    return same and ("yuan" not in row or Decimal(award["yuan"]) == row["yuan"])


def _told(award: Mapping[str, Any]) -> str:
    instalment = f"/{award['instalment']}" if award["instalment"] else ""
    return f"{award['kind']} {award['year']}{instalment} {award['yuan']} yuan {award['status']}"


def _listed(aliases: Any) -> str:
    return ", ".join(sorted(aliases)) or "nobody"


def _day(day: date | None) -> str:
    return day.isoformat() if day else "none"
