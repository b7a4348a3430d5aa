"""The doors before an act, in their fixed order: other city, not authorised, not allowed from this state.

The reasons that are collected behind them are the guards'.
"""

from __future__ import annotations

from collections.abc import Iterable

from kjfh_workflow.errors import NotAuthorised, TransitionNotAllowed
from kjfh_workflow.policy.machine import Edge, Machine
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import NEW, OFFICE_ROLES, RefusalCode, Role
from kjfh_workflow.policy.wording import nearest
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.refusing import refusal


def through_the_doors(
    pack: PolicyPack, machine: Machine, case: Case, event: str, actor: Actor, parent: Case | None = None
) -> Role:
    """The role the actor performs the event as.

    Args:
        pack: whose rules.
        machine: of the case's kind.
        case: what is acted on.
        event: what is to be performed.
        actor: by whom.
        parent: the case that it belongs to; None for one that belongs to none.

    Raises:
        NotAuthorised: another city's case, the wrong role, or a stranger to the case.
        TransitionNotAllowed: the state (or this city's machine) does not have the event.
    """
    # An applicant is no city's officer: what binds it is whose case it is.
    mine = actor.owns(parent or case) or (case.state == NEW and parent is None)
    applicant = Role.APPLICANT in actor.roles
    if actor.city != case.city and Role.TIMER not in actor.roles and not (applicant and mine):
        raise NotAuthorised([refusal(pack, RefusalCode.OTHER_CITY, city=pack.identity.city_label)])
    here = machine.edges_from.get((event, case.state), ())
    allowed = {role for edge in here or machine.edges_of.get(event, ()) for role in edge.by}
    usable = [role for role in actor.roles if role in allowed and _at_home(role, actor, case)]
    label = machine.events.get(event, event)
    if allowed and not usable:
        roles = "、".join(pack.words("roles", role) for role in Role if role in allowed)
        raise NotAuthorised([refusal(pack, RefusalCode.NOT_AUTHORISED, event=label, roles=roles)])
    if usable == [Role.APPLICANT] and not mine:
        raise NotAuthorised([refusal(pack, RefusalCode.NOT_AUTHORISED, variant="stranger")])
    if not here:
        raise _not_allowed(pack, machine, case, event)
    if any(edge.for_all for edge in here):
        reason = refusal(pack, RefusalCode.NOT_ALLOWED_FROM_STATE, variant="for_all", event=label)
        raise TransitionNotAllowed([reason], machine.events_from(case.state))
    if parent:
        _fitting_parent(pack, parent, case, here)
    # Who holds several roles acts for the department that has not spoken yet.
    return next((role for role in usable if role not in case.endorsed), usable[0])


def _fitting_parent(pack: PolicyPack, parent: Case, case: Case, edges: Iterable[Edge]) -> None:
    """A case is opened under a title that is held; some events ask for more."""
    states = pack.machines[parent.kind].states
    titled = tuple(name for name, state in states.items() if state.titled) if case.state == NEW else (*states,)
    if all(parent.state in (edge.parent_in or titled) for edge in edges):
        return
    state = pack.state_label(parent.kind, parent.state)
    raise TransitionNotAllowed([refusal(pack, RefusalCode.NOT_ALLOWED_FROM_STATE, variant="parent", state=state)], [])


def _not_allowed(pack: PolicyPack, machine: Machine, case: Case, event: str) -> TransitionNotAllowed:
    """The state does not have the event, or this city's machine does not have it at all."""
    events = machine.events_from(case.state)
    allowed = "、".join(machine.events[name] for name in events) or "无"
    code = RefusalCode.NOT_ALLOWED_FROM_STATE
    if event in machine.events:
        state = pack.state_label(case.kind, case.state)
        reason = refusal(pack, code, state=state, event=machine.events[event], allowed=allowed)
    else:
        near = nearest(event, machine.events)
        meant = f"，是不是“{near}”" if near else ""
        reason = refusal(pack, code, variant="unknown", event=event, meant=meant, allowed=allowed)
    return TransitionNotAllowed([reason], events)


def _at_home(role: Role, actor: Actor, case: Case) -> bool:
    return role not in OFFICE_ROLES or actor.city == case.city
