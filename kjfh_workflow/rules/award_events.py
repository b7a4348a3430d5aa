"""Which events somebody could perform on one award, as it stands: a ledger offers them, and nothing else.

Only role, state and status are asked. Whether the act is then refused (a sum over its cap, the same person, a payment
that is blocked) is decided with its evidence, by ``decision``.
"""

from __future__ import annotations

from collections.abc import Iterator

from kjfh_workflow.errors import Refusal, Refused
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import RefusalCode
from kjfh_workflow.rules.act import Act
from kjfh_workflow.rules.award_status import Award, awards_of, may_move, moves_awards
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.decided import Known
from kjfh_workflow.rules.doors import through_the_doors


def award_events(pack: PolicyPack, case: Case, award: Award, actor: Actor, known: Known) -> Iterator[str]:
    """The events of the case's state that move awards, behind the doors, whose arrow begins where this one stands.

    Args:
        pack: the case's.
        case: the title.
        award: one of its awards.
        actor: who would act.
        known: only the operator's standing is asked, and only of an award that is approved.
    """
    for event in pack.machines[case.kind].events_from(case.state):
        act = _act_on_awards(pack, case, event, actor, known)
        if act and may_move(act, award):
            yield event


def nothing_to_move(pack: PolicyPack, case: Case, event: str, actor: Actor, known: Known) -> Iterator[Refusal]:
    """Why somebody who may act on awards need not try: none stands where *event* begins, whichever they would name."""
    act = _act_on_awards(pack, case, event, actor, known)
    if act and not any(may_move(act, award) for award in awards_of(case.memory).values()):
        code, label = RefusalCode.AWARD_NOT_IN_THAT_STATUS, act.machine.events[event]
        yield act.refuse(code, article=act.edge.article, variant="any", event=label)


def _act_on_awards(pack: PolicyPack, case: Case, event: str, actor: Actor, known: Known) -> Act | None:
    """The act on an award that is not named yet; None where the event moves none, or not by this actor."""
    machine = pack.machines[case.kind]
    edges = [edge for edge in machine.edges_from[event, case.state] if moves_awards(edge)]
    # Most readers are not Finance: the doors would put a refusal into words that nobody sees.
    if not any({*edge.by} & {*actor.roles} for edge in edges):
        return None
    try:
        role = through_the_doors(pack, machine, case, event, actor)
    except Refused:
        return None
    return Act(
        pack=pack, machine=machine, case=case, event=event,
        edge=next(edge for edge in edges if role in edge.by), target=case.state, actor=actor, role=role,
        today=known.today, evidence={}, calendar=known.calendar, new_facts=None,
        load_document=known.load_document, load_standing=known.load_standing,
    )  # fmt: skip
