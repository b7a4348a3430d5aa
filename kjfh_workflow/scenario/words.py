"""The public vocabulary of the loaded packs: what a scenario may say. Everything else is an error, never skipped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.checks import notices_sent
from kjfh_workflow.policy.machine import Machine
from kjfh_workflow.policy.vocabulary import PERSON_ROLES, CaseKind, Field, RefusalCode


@dataclass(frozen=True)
class Vocabulary:
    """Every name that some pack of the catalogue knows."""

    cities: frozenset[str]
    kinds: frozenset[str]
    roles: frozenset[str]
    events: frozenset[str]
    states: frozenset[str]
    evidence: frozenset[str]
    notices: frozenset[str]
    timers: frozenset[str]
    criteria: frozenset[str]
    refusals: frozenset[str]

    @classmethod
    def of(cls, catalog: Catalog) -> Vocabulary:
        """From all packs of *catalog*."""
        machines: list[Machine] = [machine for pack in catalog for machine in pack.machines.values()]

        def every(names: Iterable[Iterable[str]]) -> frozenset[str]:
            return frozenset(name for group in names for name in group)

        return cls(
            cities=frozenset(catalog.cities),
            kinds=frozenset(map(str, CaseKind)),
            roles=frozenset(map(str, PERSON_ROLES)),
            events=every(machine.events for machine in machines),
            states=every(machine.states for machine in machines),
            evidence=frozenset(map(str, Field)),
            notices=every(notices_sent(machine) for machine in machines),
            timers=every(machine.timer_of for machine in machines),
            criteria=frozenset(criterion.id for pack in catalog for criterion in pack.criteria),
            refusals=frozenset(map(str, RefusalCode)),
        )
