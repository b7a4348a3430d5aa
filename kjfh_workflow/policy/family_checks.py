"""Whether a machine fits the others of its pack: cases that open cases, belong to cases, and tell them what to do.

What is wrong within one machine is asked in ``machine_checks``.
"""

from __future__ import annotations

from collections.abc import Iterator

from kjfh_workflow.policy.clock_checks import nobody_hands_in
from kjfh_workflow.policy.graph import opening_edge, told_edges
from kjfh_workflow.policy.machine import Edge, Machine
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import NEW, CaseKind, EffectName, Field, OneOpenPer, Role
from kjfh_workflow.policy.wording import hint, say

Complaints = Iterator[tuple[str, str]]

#: What a case remembers and can tell although nobody hands it in with the act.
_REMEMBERED = {
    EffectName.KEEP_RECOMMENDATION: {Field.TO_LEVEL},
    EffectName.KEEP_CHANGE: {Field.WHAT, Field.OCCURRED_ON, Field.LATE_DAYS},
    EffectName.ADMIT_TENANT: {Field.TENANT},
}


def family_complaints(pack: PolicyPack, kind: CaseKind, machine: Machine) -> Complaints:
    """(key, message) of everything wrong between *machine* and the others of *pack*."""
    parent = pack.machines.get(machine.under) if machine.under else None
    if machine.under and parent is None:
        yield "under", say("no_machine", name=machine.under)
    elif parent and (parent is machine or parent.under):
        yield "under", say("under_unfit", name=machine.under)
    if machine.one_open_per is OneOpenPer.TENANT and not _remembers(machine, EffectName.ADMIT_TENANT):
        yield "one_open_per", say("one_open_tenant")
    for edge in machine.edges:
        key = f"edge.{edge.event}"
        yield from _opening(pack, edge, key)
        if machine.under is None:
            for name in ("tells", "parent_in"):
                if getattr(edge, name):
                    yield f"{key}.{name}", say("no_parent", name=name)
            for effect in edge.effects:
                if effect in _REMEMBERED:
                    yield f"{key}.effects", say("no_parent", name=effect)
        elif parent:
            yield from _parent_in(parent, edge, key)
            yield from _telling(machine, parent, edge, key)
        yield from _by_case(pack, kind, edge, key)


def _remembers(machine: Machine, effect: EffectName) -> bool:
    return all(effect in edge.effects for edge in machine.edges if NEW in edge.sources)


def _opening(pack: PolicyPack, edge: Edge, key: str) -> Complaints:
    if edge.opens is None:
        return
    opened = pack.machines.get(edge.opens)
    if opened is None:
        yield f"{key}.opens", say("no_machine", name=edge.opens)
    elif opening_edge(opened) is None:
        yield f"{key}.opens", say("opens_nothing", name=edge.opens)


def _parent_in(parent: Machine, edge: Edge, key: str) -> Complaints:
    for state in edge.parent_in:
        if state not in parent.states:
            yield f"{key}.parent_in", say("unknown_state", name=state) + hint(state, parent.states)
    if NEW in edge.sources and not edge.parent_in and not any(state.titled for state in parent.states.values()):
        yield f"{key}.parent_in", say("parent_never_titled")


def _telling(machine: Machine, parent: Machine, edge: Edge, key: str) -> Complaints:
    """The case above has the event, and gets to know what it asks for."""
    if edge.tells is None:
        return
    if edge.tells not in parent.events:
        yield f"{key}.tells", say("unknown_event", name=edge.tells) + hint(edge.tells, parent.events)
        return
    told = told_edges(parent, edge)
    if not told:
        yield f"{key}.tells", say("tells_nothing", name=edge.tells)
    # What every case takes over from the one that it belongs to is known, too.
    known: set[str] = {Field.NAME, Field.USCC, Field.TYPE, *(name for own in machine.edges for name in own.fields)}
    known |= {name for own in machine.edges for effect in own.effects for name in _REMEMBERED.get(effect, ())}
    for name in sorted({name for asking in told for name, required in asking.fields.items() if required} - known):
        yield f"{key}.tells", say("tells_without", event=edge.tells, name=name)


def _by_case(pack: PolicyPack, kind: CaseKind, edge: Edge, key: str) -> Complaints:
    """An edge by a case is taken by some case, which brings what it asks for."""
    if Role.CASE not in edge.by:
        return
    others = [(machine, other) for machine in pack.machines.values() for other in machine.edges]
    told = any(machine.under == kind and other.tells == edge.event for machine, other in others)
    opened = NEW in edge.sources and any(other.opens == kind for _, other in others)
    if opened:
        yield from nobody_hands_in(edge, key)
    if not told and not opened:
        yield key, say("case_event_unused", name=edge.event)
