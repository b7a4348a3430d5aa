"""Playing a scenario on a virtual clock: every step in its turn, and what came of it.

The player is a host like any other: it drives ``Workflow`` and looks at it, nothing else. What there is to see is
``looking``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.errors import Problem, Refused, ScenarioError, WorkflowError
from kjfh_workflow.policy.vocabulary import Field, Role
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.scenario.looking import NO_SUCH_CASE, Finding, Look
from kjfh_workflow.scenario.model import Scenario, Step
from kjfh_workflow.scenario.words import CASELESS, OPEN_ROUND, RECORD_MISCONDUCT


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
    #: Person → the operator it stands for, where the scenario gives no code.
    _operators: dict[str, str] = field(default_factory=dict)

    @cached_property
    def _look(self) -> Look:
        return Look(self.workflow, self.cases)

    def play(self, scenario: Scenario) -> Iterator[Played]:
        """Play step after step."""
        for step in scenario.steps:
            yield self._play(step, scenario)

    def _play(self, step: Step, scenario: Scenario) -> Played:
        self._let_time_pass(step.on)
        expected = step.expect.refused
        before = self._look.fingerprint(step) if expected is not None else []
        findings = [Finding(f"case {alias}", "open", NO_SUCH_CASE) for alias in self._not_there(step)]
        refused: set[str] = set()
        for actor in () if findings else step.by:
            try:
                self._act(step, actor)
            except Refused as error:
                refused |= {*error.codes}
        if step.do:
            findings.append(Finding("refused", _codes(expected or ()), _codes(refused)))
        if expected is not None:
            unchanged = "nothing changed" if self._look.fingerprint(step) == before else "something changed"
            findings.append(Finding("after the refusal", "nothing changed", unchanged))
        else:
            findings += (
                Finding(f"opens {alias}", kind, kind if alias in self.cases else "nothing")
                for alias, kind in step.opens.items()
            )
        findings += self._look.at(step, scenario.policy)
        return Played(step, tuple(findings))

    def _not_there(self, step: Step) -> list[str]:
        """The cases that the step rests on, and that an earlier one should have opened and did not."""
        needed = [step.parent] if step.kind else [step.case] if step.do and step.do not in CASELESS else []
        return [alias for alias in needed if alias and alias not in self.cases]

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
        if step.do in CASELESS:
            self._act_for_all(step, actor, evidence)
            return
        if step.case in self.cases:
            outcome = self.workflow.perform(self.cases[step.case], step.do, by=actor, evidence=evidence)
        else:
            if step.do == "submit" and Field.MATERIALS not in evidence:
                evidence[Field.MATERIALS] = self._all_materials(step)
            parent = self.cases[step.parent] if step.parent else None
            outcome = self.workflow.open_case(
                step.kind, step.do, by=actor, city=step.city, evidence=evidence, parent=parent
            )
            self.cases[step.case] = outcome.case
        for alias, kind in step.opens.items():
            if kind in outcome.opened:
                self.cases[alias] = outcome.opened[kind]

    def _act_for_all(self, step: Step, actor: Actor, evidence: Mapping[str, Any]) -> None:
        """What no single case performs; nonsense in the evidence is the program's to refuse."""
        if step.do == RECORD_MISCONDUCT:
            self.workflow.books.record_misconduct(step.city, by=actor, evidence=evidence)
        elif step.do == OPEN_ROUND:
            self.workflow.rounds.open(step.city, evidence.get(Field.YEAR), by=actor)
        else:
            self.workflow.rounds.close(step.city, evidence.get(Field.YEAR), by=actor)

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
