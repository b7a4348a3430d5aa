"""What waits for somebody's act: in which places such cases stand, and what is to be done with each.

The criterion is ``rules.awaited``'s; the list itself is ``finding``'s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal

from kjfh_workflow.casework.office import Office
from kjfh_workflow.errors import NotFound
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import AwardStatus, Role
from kjfh_workflow.rules.awaited import Awaited, awaited_awards, awaited_in, awaited_of
from kjfh_workflow.rules.award_status import award_label
from kjfh_workflow.rules.case import Actor, Case, Reads
from kjfh_workflow.store import cases
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.docket import Place
from kjfh_workflow.store.places import Within


@dataclass(frozen=True, slots=True)
class ToDo:
    """An act that a case waits for."""

    event: str
    label: str
    #: Of an act on an award: its key within the case, its name, and its sum; empty, and None, otherwise.
    award: str = ""
    award_label: str = ""
    yuan: Decimal | None = None


def where_awaited(catalog: Catalog, reader: Actor) -> list[Within]:
    """Where cases may stand that wait for *reader*: of its city for its offices, its own for an operator."""
    found = []
    if offices := {*reader.roles} - {Role.APPLICANT}:
        packs = catalog.versions(reader.city) if reader.city in catalog.cities else ()
        awards = _awards(packs, offices)
        found.append(Within(Reads(city=reader.city), [*_places(packs, offices)], awards, few=True))
    if Role.APPLICANT in reader.roles and reader.uscc:
        own = {Role.APPLICANT}
        found.append(Within(Reads(uscc=reader.uscc), [*_places([*catalog], own)], _awards([*catalog], own)))
    return [within for within in found if within.places or within.awards]


def to_do(office: Office, tx: CoreTransaction, case_ids: Collection[str], reader: Actor) -> dict[str, list[ToDo]]:
    """Of some hundred cases at most: case → what it waits for *reader* to do; without those that wait for others."""
    found = {}
    for case in cases.several(tx, case_ids):
        try:
            pack = office.pack_of(case)
        except NotFound:
            continue
        if acts := awaited_of(pack, case, reader):
            found[case.id] = [_in_words(pack, case, act) for act in acts]
    return found


def _places(packs: Collection[PolicyPack], roles: set[Role]) -> Iterator[Place]:
    for pack in packs:
        for kind in pack.machines:
            for state, acts in awaited_in(pack, kind).items():
                if any(act.role in roles for act in acts):
                    yield Place(pack.city, pack.version, kind, state)


def _awards(packs: Collection[PolicyPack], roles: set[Role]) -> list[AwardStatus]:
    steps = {step for pack in packs for kind in pack.machines for step in awaited_awards(pack, kind)}
    return sorted({status for role, status in steps if role in roles})


def _in_words(pack: PolicyPack, case: Case, act: Awaited) -> ToDo:
    label = pack.machines[case.kind].events[act.event]
    if act.award is None:
        return ToDo(act.event, label)
    award = act.award
    named = award_label(pack, award.kind, award.year, award.instalment)
    return ToDo(act.event, label, award.key, named, award.yuan)
