"""Playing a scenario on a virtual clock: every step, and whether what must be true is true.

The player is a host like any other: it drives ``Workflow`` and looks at it, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.errors import Problem, Refused, ScenarioError, WorkflowError
from kjfh_workflow.policy.vocabulary import Field, Role
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.scenario.model import Expect, Scenario, Step


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


@dataclass(frozen=True, slots=True)
class Played:
    """One step as it went."""

    step: Step
    findings: tuple[Finding, ...]

    @property
    def held(self) -> bool:
        """Whether everything was as expected."""
        return all(finding.held for finding in self.findings)


@dataclass
class Player:
    """Plays one scenario on an empty database."""

    workflow: Workflow
    clock: FixedClock
    #: Alias → case id.
    cases: dict[str, str] = field(default_factory=dict)
    _seen_notices: set[str] = field(default_factory=set)
    #: Person → the operator it stands for, where the scenario gives no code.
    _operators: dict[str, str] = field(default_factory=dict)

    def play(self, scenario: Scenario) -> Iterator[Played]:
        """Play step after step."""
        for step in scenario.steps:
            yield self._play(step, scenario)

    def _play(self, step: Step, scenario: Scenario) -> Played:
        self._let_time_pass(step.on)
        findings: list[Finding] = []
        before = self._fingerprint()
        refused: set[str] = set()
        # A case that an earlier step should have opened, and did not.
        missing = bool(step.do) and not step.kind and step.case not in self.cases
        if missing:
            findings.append(Finding(f"case {step.case}", "open", "no such case"))
        for actor in () if missing else step.by:
            try:
                self._act(step, actor)
            except Refused as error:
                refused |= {*error.codes}
        expected = step.expect.refused
        if step.do:
            findings.append(Finding("refused", _codes(expected or ()), _codes(refused)))
        if expected is not None:
            unchanged = "nothing changed" if self._fingerprint() == before else "something changed"
            findings.append(Finding("after the refusal", "nothing changed", unchanged))
        else:
            findings += (
                Finding(f"opens {alias}", kind, kind if alias in self.cases else "nothing")
                for alias, kind in step.opens.items()
            )
        findings += self._looked(step, step.expect, scenario)
        self._seen_notices = self._notices().keys() | set()
        return Played(step, tuple(findings))

    def _let_time_pass(self, day: date) -> None:
        """Each alarm rings at its own instant, as in an office that is always open."""
        target = office_hour(day)
        while (ring := self.workflow.next_ring()) is not None and ring <= target:
            self.clock.instant = max(ring, self.clock.instant)
            if failing := self.workflow.tick().failing:
                raise WorkflowError(f"an alarm cannot ring: {failing[0]}")
        self.clock.instant = max(target, self.clock.instant)

    def _act(self, step: Step, actor: Actor) -> None:
        evidence = dict(step.evidence)
        actor = self._standing_for(actor, step)
        if Field.FACTS in evidence:
            evidence[Field.FACTS] = _in_the_name_of(actor, evidence[Field.FACTS])
        if step.case in self.cases:
            outcome = self.workflow.perform(self.cases[step.case], step.do, by=actor, evidence=evidence)
        else:
            if step.do == "submit" and Field.MATERIALS not in evidence:
                evidence[Field.MATERIALS] = self._all_materials(step)
            outcome = self.workflow.open_case(step.kind, step.do, by=actor, city=step.city, evidence=evidence)
            self.cases[step.case] = outcome.case
        for alias, kind in step.opens.items():
            if kind in outcome.opened:
                self.cases[alias] = outcome.opened[kind]

    def _standing_for(self, actor: Actor, step: Step) -> Actor:
        """An applicant who is given no code stands for the operator of the facts it hands in first."""
        if Role.APPLICANT not in actor.roles or actor.uscc:
            return actor
        facts = step.evidence.get(Field.FACTS)
        if facts and step.case not in self.cases:
            self._operators.setdefault(actor.id, facts["operator"]["uscc"])
        return replace(actor, uscc=self._operators.get(actor.id, ""))

    def _all_materials(self, step: Step) -> list[str]:
        pack = self.workflow.catalog.in_force(step.city, step.on) or self.workflow.catalog.latest(step.city)
        return [material.id for material in pack.identity.materials]

    # ---- looking -------------------------------------------------------------------------------------------------

    def _looked(self, step: Step, expect: Expect, scenario: Scenario) -> Iterator[Finding]:
        if expect.state:
            yield Finding("state", expect.state, self._of_case(step.case, "state"))
        for alias, fields in expect.cases.items():
            for name, value in fields.items():
                yield Finding(f"{alias}.{name}", str(value), self._of_case(alias, name))
        for (alias, timer), day in expect.due.items():
            yield Finding(f"due {alias}.{timer}", _day(day), self._due(alias, timer))
        queued = set(self._queued_now())
        for alias, notice in expect.notices:
            found = "queued" if (alias, notice) in queued else "not queued"
            yield Finding(f"notice {alias}:{notice}", "queued", found)
        for alias, notice in expect.no_notices:
            found = "queued" if (alias, notice) in queued else "not queued"
            yield Finding(f"notice {alias}:{notice}", "not queued", found)
        city = step.city or scenario.policy
        for uscc, until in expect.banned.items():
            yield Finding(f"banned {uscc}", _day(until), _day(self.workflow.banned_until(uscc, city)))
        yield from self._criteria(step, expect)

    def _of_case(self, alias: str, name: str) -> str:
        if alias not in self.cases:
            return "no such case"
        case = self.workflow.case(self.cases[alias]).case
        return str(case.state if name == "state" else case.memory.get(name, 0 if name == "failed_years" else ""))

    def _due(self, alias: str, timer: str) -> str:
        if alias not in self.cases:
            return "no such case"
        clock = self.workflow.case(self.cases[alias]).clocks.get(timer)
        return _day(None if clock is None or clock.overdue else clock.due)

    def _criteria(self, step: Step, expect: Expect) -> Iterator[Finding]:
        if not expect.criteria:
            return
        evaluation = self.workflow.case(self.cases[step.case]).evaluation if step.case in self.cases else None
        for criterion, result in expect.criteria.items():
            assessed = evaluation.of(criterion) if evaluation else None
            yield Finding(criterion, result, str(assessed.result) if assessed else "does not apply")

    def _notices(self) -> dict[str, tuple[str, str]]:
        """Id → (alias, notice) of every notice of a named case."""
        return {
            row["id"]: (alias, row["notice"])
            for alias, case_id in self.cases.items()
            for row in self.workflow.case(case_id).notices
        }

    def _queued_now(self) -> list[tuple[str, str]]:
        return [named for key, named in self._notices().items() if key not in self._seen_notices]

    def _fingerprint(self) -> list[tuple[Any, ...]]:
        """Every case with its version and state: a refused act must leave them as they were."""
        return [(row["id"], row["version"], row["state"]) for row in self.workflow.cases(limit=100_000)]


def play(scenario: Scenario, database: str = "sqlite://", **options: Any) -> Iterator[Played]:
    """Play a scenario on a fresh in-memory database, step by step.

    Args:
        scenario: as read.
        database: an empty database to play on instead.
        options: ``states`` and ``templates`` for the ``Workflow``.
    """
    if not scenario.steps:
        raise ScenarioError([Problem(scenario.path.name, "step", "there is nothing to play")])
    clock = FixedClock(office_hour(scenario.steps[0].on))
    workflow = Workflow(database, clock=clock, create=True, **options)
    try:
        yield from Player(workflow, clock).play(scenario)
    finally:
        workflow.close()


def _in_the_name_of(applicant: Actor, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with the applicant's own name and code in them."""
    given = {"name": applicant.name if applicant.name != applicant.id else "", "uscc": applicant.uscc}
    return {**facts, "operator": {**facts["operator"], **{key: value for key, value in given.items() if value}}}


def _codes(codes: Any) -> str:
    return ", ".join(sorted(codes)) or "not refused"


def _day(day: date | None) -> str:
    return day.isoformat() if day else "none"
