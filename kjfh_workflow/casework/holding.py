"""What an act holds until its transaction ends, and in which order: one for everybody, so that nobody waits in a ring.

1. what is nobody's case: the round's row (``rounds.hold``), the bytes of a file;
2. the operator, for whoever opens a case that belongs to no other, and whoever bars it;
3. cases: one that belongs to another before the one it belongs to; of the same kind by id;
4. the row from which the city's letters of a year get their numbers, when everything else is held.

A tick claims cases without waiting (``store.timers``) and then takes one number row, so it closes no ring either. What
is done with what is held does not belong here.
"""

from __future__ import annotations

from collections.abc import Iterable

from kjfh_workflow.casework.office import Office
from kjfh_workflow.policy.graph import told_edges
from kjfh_workflow.policy.vocabulary import EffectName
from kjfh_workflow.rules.case import Case
from kjfh_workflow.store import cases, registry
from kjfh_workflow.store.database import Transaction


def operator_to_bar(office: Office, tx: Transaction, case_id: str, event: str) -> None:
    """Before the case: its operator, where *event* may bar it, so that a ban and a submission queue up.

    A case's operator never changes, so it may be looked up before the case is held.
    """
    if _may_bar(office, event) and (seen := cases.load(tx, case_id)):
        registry.lock_organisation(tx, seen.uscc)


def several(tx: Transaction, case_ids: Iterable[str]) -> list[Case]:
    """Cases of one kind; those that do not exist are left out."""
    found = (cases.load(tx, case_id, lock=True) for case_id in sorted(case_ids))
    return [case for case in found if case]


def parent_of(tx: Transaction, case: Case) -> Case | None:
    """The case that a case belongs to, which is held already."""
    return cases.load(tx, case.parent, lock=True) if case.parent else None


def _may_bar(office: Office, event: str) -> bool:
    """Whether an event of this name bars operators anywhere: which case it is of is not known yet."""
    for pack in office.catalog:
        for machine in pack.machines.values():
            for edge in machine.edges_of.get(event, ()):
                above = told_edges(pack.machines.get(machine.under) if machine.under else None, edge)
                if any(EffectName.IMPOSE_BAN in done.effects for done in (edge, *above)):
                    return True
    return False
