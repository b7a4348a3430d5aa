"""The doors before an act, in their fixed order: other city, not authorised, not allowed from this state.

The reasons that are collected behind them are the guards'.
"""

from __future__ import annotations

from kjfh_workflow.errors import NotAuthorised, TransitionNotAllowed
from kjfh_workflow.policy.machine import Machine
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import NEW, OFFICE_ROLES, RefusalCode, Role
from kjfh_workflow.policy.wording import nearest
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.refusing import refusal


def through_the_doors(pack: PolicyPack, machine: Machine, case: Case, event: str, actor: Actor) -> Role:
    """The role the actor performs the event as.

    Raises:
        NotAuthorised: another city's case, the wrong role, or a stranger to the case.
        TransitionNotAllowed: the state (or this city's machine) does not have the event.
    """
    # An applicant is no city's officer: what binds it is whose case it is.
    mine = case.state == NEW or actor.owns(case)
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
    # Who holds several roles acts for the department that has not spoken yet.
    return next((role for role in usable if role not in case.endorsed), usable[0])


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
