"""What an act writes into the case's memory, by the names the packs use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kjfh_workflow.policy.vocabulary import EffectName, Field, Level
from kjfh_workflow.rules.act import Act

Changes = dict[str, Any]


def _take_facts(act: Act) -> Changes:
    """What is handed in; the facts themselves are a document, which the memory names (``decision``)."""
    checklist = [material.id for material in act.pack.identity.materials]
    handed_in = {*act.case.materials, *act.evidence.get(Field.MATERIALS, [])}
    changes: Changes = {"materials": [name for name in checklist if name in handed_in]}
    if Field.TYPE in act.evidence:
        changes["type"] = act.evidence[Field.TYPE]
    # A resubmission states anew what is on file, even where it changes none of it.
    changes["facts_on"] = act.today.isoformat()
    return changes


def _count_return(act: Act) -> Changes:
    return {"came_from": act.case.state, "returns": act.case.memory.get("returns", 0) + 1}


def _record_endorsement(act: Act) -> Changes:
    changes: Changes = {"endorsed": {**act.case.endorsed, act.role: act.actor.id}}
    if Field.AWARD_YUAN in act.evidence:
        changes["award_yuan"] = format(act.evidence[Field.AWARD_YUAN], "f")
    return changes


def _keep_proposal(act: Act) -> Changes:
    return {"proposal": {"ground": act.evidence[Field.GROUND], "article": act.evidence[Field.ARTICLE]}}


def _drop_proposal(act: Act) -> Changes:
    """Who made a proposal that is over is free again: four eyes look at the pending one."""
    states = act.machine.states
    proposing = {edge.event for edge in act.machine.edges if edge.to in states and states[edge.to].right_to_be_heard}
    acted = act.case.memory.get("acted", {})
    return {"proposal": None, "acted": {event: who for event, who in acted.items() if event not in proposing}}


def _take_title(act: Act) -> Changes:
    return {"level": str(Level.LOCAL), "failed_years": 0, "recognised_on": act.today.isoformat()}


EFFECTS: dict[EffectName, Callable[[Act], Changes]] = {
    EffectName.TAKE_FACTS: _take_facts,
    EffectName.COUNT_RETURN: _count_return,
    EffectName.RECORD_ENDORSEMENT: _record_endorsement,
    # The ban's length is that of the clock which the same act starts: see ``decision``.
    EffectName.IMPOSE_BAN: lambda _: {},
    EffectName.KEEP_PROPOSAL: _keep_proposal,
    EffectName.DROP_PROPOSAL: _drop_proposal,
    EffectName.TAKE_TITLE: _take_title,
}


def changes_of(act: Act) -> Changes:
    """All keys of the case's memory that the act assigns."""
    changes: Changes = {}
    for name in act.edge.effects:
        changes |= EFFECTS[name](act)
    return changes
