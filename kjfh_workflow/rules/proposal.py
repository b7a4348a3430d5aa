"""The proposal to cancel a title: on which ground, under which article, by whom; and how it ends.

Whether and how the holder is heard is the machine's (``policy.hearing_checks``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.vocabulary import EffectName, Field, GuardName, RefusalCode
from kjfh_workflow.rules.act import Act
from kjfh_workflow.rules.assessment import failed_years_in_a_row
from kjfh_workflow.rules.case import Case


def _keep_proposal(act: Act, memory: Mapping[str, Any]) -> dict[str, Any]:
    """The ground and the article that the holder is heard about; failed years that lead to it are used up."""
    years = failed_years_in_a_row(act.pack, memory, act.evidence)
    proposal = {
        "ground": act.evidence.get(Field.GROUND) or _ground(act, years),
        "article": act.evidence.get(Field.ARTICLE) or act.edge.article,
        "by": act.actor.id,
        "event": act.event,
    }
    used = {"used_failures": sorted({*memory.get("used_failures", ()), *years})} if years else {}
    return {"proposal": proposal, **used}


def _ground(act: Act, years: list[int]) -> str:
    """In the words that the pack has for the event."""
    visit = act.evidence.get(Field.SITE_VISIT, {})
    words = act.pack.words
    return words("grounds", act.event).format(
        years="、".join(map(str, years)),
        finding=act.evidence.get(Field.FINDING) or visit.get("finding", ""),
        what="、".join(words("changes", name) for name in act.evidence.get(Field.WHAT, ())),
    )


def _drop_proposal(_act: Act, _memory: Mapping[str, Any]) -> dict[str, Any]:
    """Who made a proposal that is over is free again: four eyes look at the pending one."""
    return {"proposal": None}


def proposers_of(case: Case) -> tuple[str, ...]:
    """Who made the proposal that is pending; those of the first releases did not say by whom."""
    proposal = case.memory.get("proposal", {})
    return (proposal["by"],) if "by" in proposal else case.actors_of("propose_revocation")


def _not_who_proposed(act: Act) -> Iterator[Refusal]:
    """Whoever proposed to cancel the title does not decide on it."""
    proposal = act.case.memory.get("proposal", {})
    if act.actor.id in proposers_of(act.case):
        event = proposal.get("event", "propose_revocation")
        label = act.machine.events.get(event, event)
        yield act.refuse(RefusalCode.SAME_PERSON, article=act.edge.article, event=label)


PROPOSAL_EFFECTS: dict[EffectName, Callable[[Act, Mapping[str, Any]], dict[str, Any]]] = {
    EffectName.KEEP_PROPOSAL: _keep_proposal,
    EffectName.DROP_PROPOSAL: _drop_proposal,
}
PROPOSAL_GUARDS: dict[GuardName, Callable[[Act], Iterator[Refusal]]] = {GuardName.NOT_WHO_PROPOSED: _not_who_proposed}
