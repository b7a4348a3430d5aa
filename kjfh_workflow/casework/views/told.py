"""What an operator may read of the acts on file: what an office said where a letter told it of the act, and no more.

An act that one case performs on another is one act with the other: written in two cases, read alike in both. How it
reads in words is ``timeline``'s.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.policy.machine import Machine
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import OFFICE_ROLES, SAME, CaseKind, Field, Role
from kjfh_workflow.rules.case import Case
from kjfh_workflow.store import history
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.history import Row

#: What an act did that an operator is shown: clocks, cases, bans; its letters are told apart, and what the case
#: remembers of it is the program's own.
_EFFECTS = ("started", "stopped", "opened", "ban")


@dataclass(frozen=True, slots=True)
class _Pair:
    """One act in two cases."""

    telling: Row
    told: Row


def to_operator(tx: CoreTransaction, pack: PolicyPack, case: Case, rows: list[Row]) -> list[Row]:
    """The acts of *case* as its operator may read them; their seals are those of the acts as they are on file."""
    pairs = {}
    if any(_has_a_twin(pack, case.kind, row) for row in rows):
        for pair in _pairs(tx, pack, case):
            pairs[pair.telling.case_id, pair.telling.version] = pair
            pairs[pair.told.case_id, pair.told.version] = pair
    return [_readable(row, pairs.get((row.case_id, row.version))) for row in rows]


def may_know_of(role: str, *, official: bool) -> bool:
    """Whether somebody may know of a notice to *role*: an office of any, an operator of what is written to it."""
    return official or role == Role.APPLICANT


def _readable(row: Row, pair: _Pair | None) -> Row:
    effects = canonical.loads(row.effects)
    kept = {name: effects[name] for name in _EFFECTS if name in effects}
    kept["notices"] = [notice for notice in effects.get("notices", ()) if may_know_of(notice[1], official=False)]
    evidence = canonical.dumps(_evidence(row, pair))
    return replace(row, actor="", evidence=evidence, effects=canonical.dumps(kept))


def _evidence(row: Row, pair: _Pair | None) -> Mapping[str, Any]:
    said: dict[str, Any] = canonical.loads(row.evidence)
    if pair is None:
        return said if row.role not in {*OFFICE_ROLES, Role.CASE} else _told(said, by_letter=_has_letter(row))
    if pair.telling.role not in OFFICE_ROLES:
        return said
    then_said = canonical.loads(pair.telling.evidence)
    told = _told(then_said, by_letter=_has_letter(pair.telling) or _has_letter(pair.told))
    # What else the case that is told was given stands in the other one for its operator to read.
    return {name: value for name, value in said.items() if name in told or name not in then_said}


def _told(said: Mapping[str, Any], *, by_letter: bool) -> dict[str, Any]:
    """What an office says to an operator; its opinion is for its colleagues."""
    return {name: value for name, value in said.items() if by_letter and name != Field.OPINION}


def _has_letter(row: Row) -> bool:
    notices = canonical.loads(row.effects).get("notices", ())
    return any(may_know_of(role, official=False) for _, role, _ in notices)


# ---- one act in two cases ------------------------------------------------------------------------------------------


def _has_a_twin(pack: PolicyPack, kind: CaseKind, row: Row) -> bool:
    is_told = row.role == Role.CASE and canonical.loads(row.evidence) != {}
    return is_told or _tells(pack.machines[kind], row) is not None


def _tells(machine: Machine, row: Row) -> str | None:
    """What the case above performs with an act."""
    edges = machine.edges_from.get((row.event, row.source), ())
    return next((edge.tells for edge in edges if edge.tells and edge.to in (row.target, SAME)), None)


def _pairs(tx: CoreTransaction, pack: PolicyPack, case: Case) -> Iterable[_Pair]:
    """The acts that cases have performed on the one that they belong to.

    Both are written by one transaction, under the lock of the case that is told, with the same person and instant:
    where one person acts twice in an instant, the order of writing is the order of versions.
    """
    machines = {kind: machine for kind, machine in pack.machines.items() if any(edge.tells for edge in machine.edges)}
    events = {edge.event for machine in machines.values() for edge in machine.edges if edge.tells}
    parent = case.parent or case.id
    waiting: dict[tuple[Any, ...], deque[Row]] = defaultdict(deque)
    for kind, row in history.of_children(tx, parent, machines, events):
        if event := _tells(machines[CaseKind(kind)], row):
            waiting[event, row.actor, row.noticed_at].append(row)
    for told in history.of_role(tx, parent, Role.CASE):
        if here := waiting[told.event, told.actor, told.noticed_at]:
            yield _Pair(here.popleft(), told)
