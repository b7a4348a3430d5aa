"""An act about to be decided: everything that guards and effects may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.machine import Edge, Machine
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import Field, RefusalCode, Role
from kjfh_workflow.rules.calendar import WorkCalendar
from kjfh_workflow.rules.case import Actor, Case, Standing
from kjfh_workflow.rules.criteria import Evaluation, evaluate
from kjfh_workflow.rules.evidence import ALL_MET
from kjfh_workflow.rules.facts import Facts, facts_on_file
from kjfh_workflow.rules.refusing import refusal


@dataclass(frozen=True)
class Act:
    """One event on one case by one actor, with all that is known."""

    pack: PolicyPack
    machine: Machine
    case: Case
    event: str
    edge: Edge
    target: str
    actor: Actor
    #: The role the actor performs it as.
    role: Role
    today: date
    evidence: Mapping[str, Any]
    calendar: WorkCalendar
    #: The facts this act hands in; None if it hands in none.
    new_facts: Facts | None
    #: The facts on file, as stored.
    load_document: Callable[[], str]
    load_standing: Callable[[], Standing]
    #: The case that this one belongs to: of a change, a promotion or a tenancy, the incubator.
    parent: Case | None = None
    #: The case whose act performs this one with it, as that act leaves it.
    told_by: Case | None = None

    @property
    def title(self) -> Case:
        """The incubator that the act is about."""
        return self.parent or self.case

    @property
    def version(self) -> int:
        """The number of the history row that the act writes."""
        return self.case.version + 1

    @property
    def space_type(self) -> str:
        """The type applied for: of this act where it names one, of the case otherwise."""
        return str(self.evidence.get(Field.TYPE) or self.case.type)

    @cached_property
    def standing(self) -> Standing:
        """What the operator has in the city; read once, inside the act's transaction."""
        return self.load_standing()

    @cached_property
    def evaluation(self) -> Evaluation:
        """The pack's criteria on the facts, with this act's findings."""
        facts = self.new_facts or facts_on_file(self.load_document())
        on = self.today if self.new_facts else self.case.facts_on
        assert on is not None, "facts on file have a day"  # noqa: S101
        evaluation = evaluate(self.pack, self.space_type, facts, on)
        findings = self.evidence.get(Field.FINDINGS, {})
        justifications = self.evidence.get(Field.JUSTIFICATIONS, {})
        return evaluation.with_findings(None if findings == ALL_MET else findings, justifications)

    def refuse(
        self, code: RefusalCode, *, article: str = "", field: str = "", variant: str = "", **values: object
    ) -> Refusal:
        """One reason against this act."""
        return refusal(self.pack, code, article=article, field=field, variant=variant, **values)
