"""What an act writes into the case's memory, by the names the packs use.

What belongs to one subject (assessment, money, changes, tenants) stands in its own module; here is the rest, and all
of them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kjfh_workflow.policy.vocabulary import EffectName, Field, Level
from kjfh_workflow.rules.act import Act
from kjfh_workflow.rules.assessment import ASSESSMENT_EFFECTS
from kjfh_workflow.rules.awards import AWARD_EFFECTS
from kjfh_workflow.rules.changes import CHANGE_EFFECTS
from kjfh_workflow.rules.promotion import PROMOTION_EFFECTS
from kjfh_workflow.rules.proposal import PROPOSAL_EFFECTS
from kjfh_workflow.rules.tenancy import TENANCY_EFFECTS

Changes = dict[str, Any]
#: From the act, and the case's memory as the effects before it have left it, to the keys to assign.
Effect = Callable[[Act, Mapping[str, Any]], Changes]


def _take_facts(act: Act, _memory: Mapping[str, Any]) -> Changes:
    """What is handed in; the facts themselves are a document, which the memory names (``decision``)."""
    checklist = [material.id for material in act.pack.identity.materials]
    handed_in = {*act.case.materials, *act.evidence.get(Field.MATERIALS, [])}
    changes: Changes = {"materials": [name for name in checklist if name in handed_in]}
    if Field.TYPE in act.evidence:
        changes["type"] = act.evidence[Field.TYPE]
    # A resubmission states anew what is on file, even where it changes none of it.
    changes["facts_on"] = act.today.isoformat()
    return changes


def _count_return(act: Act, _memory: Mapping[str, Any]) -> Changes:
    return {"came_from": act.case.state, "returns": act.case.memory.get("returns", 0) + 1}


def _record_endorsement(act: Act, _memory: Mapping[str, Any]) -> Changes:
    changes: Changes = {"endorsed": {**act.case.endorsed, act.role: act.actor.id}}
    if Field.AWARD_YUAN in act.evidence:
        changes["award_yuan"] = format(act.evidence[Field.AWARD_YUAN], "f")
    return changes


def _take_title(act: Act, _memory: Mapping[str, Any]) -> Changes:
    return {"level": str(Level.LOCAL), "failed_years": 0, "recognised_on": act.today.isoformat()}


def _note_fraud(act: Act, _memory: Mapping[str, Any]) -> Changes:
    return {"fraud_on": act.today.isoformat()}


def _note_overdue(_act: Act, memory: Mapping[str, Any]) -> Changes:
    return {"rectification": {**memory["rectification"], "overdue": True}}


EFFECTS: dict[EffectName, Effect] = {
    EffectName.TAKE_FACTS: _take_facts,
    EffectName.COUNT_RETURN: _count_return,
    EffectName.RECORD_ENDORSEMENT: _record_endorsement,
    # The ban's length is that of the clock which the same act starts: see ``decision``.
    EffectName.IMPOSE_BAN: lambda _act, _memory: {},
    EffectName.TAKE_TITLE: _take_title,
    EffectName.NOTE_FRAUD: _note_fraud,
    EffectName.NOTE_OVERDUE: _note_overdue,
    **PROPOSAL_EFFECTS,
    **ASSESSMENT_EFFECTS,
    **PROMOTION_EFFECTS,
    **CHANGE_EFFECTS,
    **TENANCY_EFFECTS,
    **AWARD_EFFECTS,
}


def changes_of(act: Act, so_far: Mapping[str, Any]) -> Changes:
    """All keys of the case's memory that the act assigns, one effect after the other.

    Args:
        act: what is done.
        so_far: what the act assigns besides its effects.
    """
    changes: Changes = {}
    for name in act.edge.effects:
        changes |= EFFECTS[name](act, {**act.case.memory, **so_far, **changes})
    return changes
