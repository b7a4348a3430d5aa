"""The public vocabulary of the loaded packs: what a scenario may say. Everything else is an error, never skipped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.machine import Machine
from kjfh_workflow.policy.vocabulary import (
    LEVELS,
    PERSON_ROLES,
    AwardKind,
    AwardStatus,
    CaseKind,
    Field,
    RefusalCode,
)

#: The events that no case performs, and the evidence that each takes.
OPEN_ROUND, CLOSE_ROUND, RECORD_MISCONDUCT = "open_round", "close_round", "record_misconduct"
CASELESS: Mapping[str, tuple[Field, ...]] = {
    OPEN_ROUND: (Field.YEAR,),
    CLOSE_ROUND: (Field.YEAR,),
    RECORD_MISCONDUCT: (Field.PERSON, Field.FINDING, Field.DOCUMENT_NO),
}


@dataclass(frozen=True)
class Vocabulary:
    """Every name that some pack of the catalogue knows."""

    cities: frozenset[str]
    kinds: frozenset[str]
    #: Kind → the kind of the case that each case of that kind belongs to.
    under: Mapping[str, str]
    roles: frozenset[str]
    events: frozenset[str]
    states: frozenset[str]
    evidence: frozenset[str]
    notices: frozenset[str]
    timers: frozenset[str]
    criteria: frozenset[str]
    refusals: frozenset[str]
    levels: frozenset[str]
    award_kinds: frozenset[str]
    award_statuses: frozenset[str]

    @classmethod
    def of(cls, catalog: Catalog) -> Vocabulary:
        """From all packs of *catalog*."""
        packs = [*catalog]
        machines: list[Machine] = [machine for pack in packs for machine in pack.machines.values()]

        def every(names: Iterable[Iterable[str]]) -> frozenset[str]:
            return frozenset(name for group in names for name in group)

        return cls(
            cities=frozenset(catalog.cities),
            kinds=frozenset(map(str, CaseKind)),
            under={str(kind): str(m.under) for pack in packs for kind, m in pack.machines.items() if m.under},
            roles=frozenset(map(str, PERSON_ROLES)),
            events=every(machine.events for machine in machines) | CASELESS.keys(),
            states=every(machine.states for machine in machines),
            evidence=frozenset(map(str, Field)),
            notices=every(pack.identity.notices for pack in packs),
            timers=every(machine.timer_of for machine in machines),
            criteria=frozenset(criterion.id for pack in packs for criterion in pack.criteria),
            refusals=frozenset(map(str, RefusalCode)),
            levels=frozenset(map(str, LEVELS)),
            award_kinds=frozenset(map(str, AwardKind)),
            award_statuses=frozenset(map(str, AwardStatus)),
        )
