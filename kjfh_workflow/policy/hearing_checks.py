"""Whether nobody loses a title unheard, proved on the graph of a machine.

What is told to the holder, and when, is written by ``notices``; the words of the grounds are data.
"""

from __future__ import annotations

from collections.abc import Iterator

from kjfh_workflow.policy.graph import reachable, steps
from kjfh_workflow.policy.machine import Edge, Machine
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import NEW, SAME, CaseKind, EffectName, Field, Role, Side
from kjfh_workflow.policy.wording import say

Complaints = Iterator[tuple[str, str]]


def hearing_complaints(pack: PolicyPack, kind: CaseKind, machine: Machine) -> Complaints:
    """(key, message) of every way in which a title could be lost unheard."""
    for edge in machine.edges:
        yield from _proposal(pack, machine, edge, f"edge.{edge.event}")
    yield from _loss(pack, kind, machine)


def _proposal(pack: PolicyPack, machine: Machine, edge: Edge, key: str) -> Complaints:
    """Whoever is to be heard is told the ground and the article, which a person has chosen; and so is the decision."""
    heard = [source for source in edge.sources if _is_heard(machine, source)]
    if EffectName.KEEP_PROPOSAL not in edge.effects:
        if edge.to != SAME and _is_heard(machine, edge.to) and len(heard) < len(edge.sources):
            yield key, say("proposal_not_kept", state=edge.to)
        return
    in_evidence = edge.fields.get(Field.GROUND) and edge.fields.get(Field.ARTICLE)
    if not in_evidence and not pack.words.has("grounds", edge.event):
        yield f"{key}.evidence", say("proposal_without_ground", name=edge.event)
    if heard:
        yield key, say("proposal_replaced", state=heard[0])
    if Role.TIMER in edge.by:
        yield key, say("proposed_by_timer")


def _loss(pack: PolicyPack, kind: CaseKind, machine: Machine) -> Complaints:
    """No way to a cancelled title before the holder has spoken, or its time to speak is over.

    Whoever has left the states in which it is heard must be heard anew. After a defence a person decides. By another
    name a title is only given up by its holder.
    """
    outside = {NEW, *(state for state in machine.states if not _is_heard(machine, state))}
    unheard = reachable(machine, outside, lambda source, edge: not _hears(machine, source, edge))
    for source, target, edge in steps(machine):
        key = f"edge.{edge.event}"
        if source == target:
            continue
        if machine.states[target].title_cancelled:
            if source not in unheard:
                if {Role.TIMER, Role.CASE} & {*edge.by}:
                    yield key, say("not_decided", state=source, to=target)
            elif not _hears(machine, source, edge):
                yield key, say("not_heard", state=source, to=target)
        elif _leaves_title(machine, source, target) and not _given_up(pack, kind, edge):
            yield key, say("title_lost", state=source, to=target)


def _is_heard(machine: Machine, state: str) -> bool:
    return state in machine.states and machine.states[state].right_to_be_heard


def _leaves_title(machine: Machine, source: str, target: str) -> bool:
    return source != NEW and machine.states[source].titled and not machine.states[target].titled


def _hears(machine: Machine, source: str, edge: Edge) -> bool:
    """Whether by this step the holder speaks, or lets its time to speak pass."""
    if not _is_heard(machine, source):
        return False
    if {*edge.by} == {Role.TIMER}:
        ending = [timer for timer in machine.timers if timer.on_due == edge.event and source in timer.period_of]
        return bool(ending) and all(
            timer.side is Side.APPLICANT and timer.period_of[source].reckoning is None for timer in ending
        )
    return {*edge.by} == {Role.APPLICANT}


def _given_up(pack: PolicyPack, kind: CaseKind, edge: Edge) -> bool:
    """Whether only the holder can take this edge, by itself or by an act in a case of its own."""
    roles = {*edge.by} - {Role.CASE}
    if Role.CASE in edge.by:
        children = (machine for machine in pack.machines.values() if machine.under == kind)
        roles |= {role for child in children for told in child.edges if told.tells == edge.event for role in told.by}
    return roles == {Role.APPLICANT}
