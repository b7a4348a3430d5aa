"""The product as a host uses it: ``Workflow.open_case`` and ``perform``, with the Yuyao pack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from benchmarks.life import ARTICLE, DAYS, GROUND, MISSING, OVERRIDE, Act, Applicant
from benchmarks.targets import Target
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.store.database import Database

_CITY = "yuyao"


class Product:
    """The contestant this is all about."""

    def __init__(self, target: Target, name: str = "kjfh-workflow") -> None:
        self.name = name
        self._clock = FixedClock(office_hour(DAYS[0]))
        self._database = Database.open(
            target.url(name), sqlite_synchronous=target.synchronous if not target.server else ""
        )
        self._workflow = Workflow(self._database, clock=self._clock, create=True)
        self._clerk = Actor.of("clerk", "tech_clerk", _CITY, name="王一")
        self._lead = Actor.of("lead", "tech_lead", _CITY, name="李二")
        self._finance = Actor.of("finance", "finance", _CITY, name="张三")
        materials = self._workflow.catalog.latest(_CITY).identity.materials
        self._materials = [material.id for material in materials if material.required]

    def acts(self, applicant: Applicant) -> Sequence[Act]:
        """As ``Contestant.acts``."""
        return _Life(self, applicant).acts()

    def close(self) -> None:
        """As ``Contestant.close``."""
        self._database.engine.dispose()


class _Life:
    """One case on its way."""

    def __init__(self, product: Product, applicant: Applicant) -> None:
        self._product = product
        self._operator = Actor.of("op", "applicant", _CITY, name=applicant.name, uscc=applicant.uscc)
        self._submitted = {
            "type": "incubator", "facts": applicant.facts, "materials": product._materials,
        }  # fmt: skip
        self._application = ""
        self._incubator = ""

    def acts(self) -> Sequence[Act]:
        p = self._product
        steps: list[tuple[str, Actor, Mapping[str, Any]]] = [
            ("accept", p._clerk, {}),
            ("return_for_correction", p._clerk, {"missing": MISSING}),
            ("resubmit", self._operator, {"override": OVERRIDE}),
            ("pass_preliminary", p._clerk, {"findings": "all_met"}),
            ("endorse", p._finance, {}),
        ]
        between: list[Act] = [self._step(day, *step) for day, step in zip(DAYS[1:], steps, strict=False)]
        return [self._submit, *between, self._recognise, self._propose_revocation]

    def _submit(self) -> None:
        p = self._product
        p._clock.instant = office_hour(DAYS[0])
        outcome = p._workflow.open_case("application", "submit", by=self._operator, evidence=self._submitted)
        self._application = outcome.case

    def _step(self, day: date, event: str, actor: Actor, evidence: Mapping[str, Any]) -> Act:
        p = self._product

        def step() -> None:
            p._clock.instant = office_hour(day)
            p._workflow.perform(self._application, event, by=actor, evidence=evidence)

        return step

    def _recognise(self) -> None:
        p = self._product
        p._clock.instant = office_hour(DAYS[6])
        outcome = p._workflow.perform(self._application, "endorse", by=p._lead)
        self._incubator = outcome.opened["incubator"]

    def _propose_revocation(self) -> None:
        p = self._product
        p._clock.instant = office_hour(DAYS[7])
        evidence = {"ground": GROUND, "article": ARTICLE}
        p._workflow.perform(self._incubator, "propose_revocation", by=p._clerk, evidence=evidence)
