"""Which edge an event takes. The only home of ``transitions``: it decides legality and picks the branch.

Refusals, evidence and effects do not belong here: a false condition must never be the reason for a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from typing import Any, cast

from transitions import EventData, Machine, Transition

from kjfh_workflow.policy import machine as policy_machine
from kjfh_workflow.policy.machine import Edge
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import NEW, SAME, Branch, CaseKind, Field, Level, Role
from kjfh_workflow.rules.assessment import failed_in_a_row, fails
from kjfh_workflow.rules.case import Case, Standing
from kjfh_workflow.rules.clocks import clocks_of


class _Token:
    """The throw-away object that ``transitions`` moves: one case, for one event."""

    def __init__(
        self,
        case: Case,
        role: Role,
        today: date,
        standing: Callable[[], Standing],
        pack: PolicyPack,
        evidence: Mapping[str, Any],
    ) -> None:
        self.evidence = evidence
        self.state = case.state
        self.case = case
        self.role = role
        self.today = today
        self.standing = standing
        self.pack = pack
        self.taken: Edge | None = None


def _all_departments_endorsed(token: _Token, _target: str) -> bool:
    return {*token.pack.identity.departments.roles} <= {*token.case.endorsed, token.role}


def _before_adverse_from(token: _Token, _target: str) -> bool:
    since = token.pack.identity.in_force.adverse_from
    return since is not None and token.today < since


def _where_it_came_from(token: _Token, target: str) -> bool:
    return token.case.memory.get("came_from") == target


def _still_banned(token: _Token, _target: str) -> bool:
    until = token.standing().banned_until
    # Longer than this case's own: noticed late, both may be over by now, and each is told of its own day.
    return until is not None and any(until > clock.due for clock in clocks_of(token.case).values())


def _above_local(token: _Token, _target: str) -> bool:
    level = token.evidence.get(Field.LEVEL) or token.case.level
    return level is not None and level != Level.LOCAL


def is_assessed(pack: PolicyPack, case: Case, year: object) -> bool:
    """Whether the incubator is under assessment for *year*, and not in another state or another year's round."""
    in_round = pack.machines[case.kind].states[case.state].in_round
    return in_round and case.memory.get("assessing") == year


def _left_round(token: _Token, _target: str) -> bool:
    return not is_assessed(token.pack, token.case, token.evidence.get(Field.YEAR))


BRANCHES: dict[Branch, Callable[[_Token, str], bool]] = {
    Branch.ALL_DEPARTMENTS_ENDORSED: _all_departments_endorsed,
    Branch.BEFORE_ADVERSE_FROM: _before_adverse_from,
    Branch.ABOVE_LOCAL: _above_local,
    Branch.FAILED: lambda token, _: fails(token.pack, token.case.memory, token.evidence),
    Branch.FAILED_IN_A_ROW: lambda token, _: failed_in_a_row(token.pack, token.case.memory, token.evidence),
    Branch.LEFT_ROUND: _left_round,
    Branch.STILL_BANNED: _still_banned,
    Branch.WHERE_IT_CAME_FROM: _where_it_came_from,
}


class Lifecycle:
    """One machine of one pack, ready to be asked."""

    def __init__(self, pack: PolicyPack, machine: policy_machine.Machine) -> None:
        self._pack = pack
        self._machine = Machine(
            model=None,
            states=[NEW, *machine.states],
            initial=NEW,
            auto_transitions=False,
            send_event=True,
            transitions=[
                {
                    "trigger": edge.event,
                    "source": source,
                    "dest": source if edge.to == SAME else edge.to,
                    "conditions": _condition(edge),
                    "after": _note(edge),
                }
                for edge in machine.edges
                for source in edge.sources
            ],
        )

    def take(
        self,
        case: Case,
        event: str,
        role: Role,
        today: date,
        standing: Callable[[], Standing],
        evidence: Mapping[str, Any],
    ) -> tuple[Edge, str]:
        """The edge that *event* takes from the case's state when performed as *role* on *today*, and where it leads.

        The caller has made sure that some edge leaves this state by this event for this role; the checks of the
        pack, that one of them always applies.
        """
        token = _Token(case, role, today, standing, self._pack, evidence)
        self._machine.events[event].trigger(token)
        assert token.taken is not None, "checks.no_default"  # noqa: S101
        return token.taken, token.state

    def mermaid(self) -> str:
        """The graph in mermaid's notation, drawn by ``transitions``."""
        from transitions.extensions import GraphMachine  # noqa: PLC0415  (only for pages)

        drawn = GraphMachine(
            states=[*self._machine.states],
            initial=NEW,
            auto_transitions=False,
            graph_engine="mermaid",
            transitions=[
                [trigger, transition.source, transition.dest]
                for trigger, event in self._machine.events.items()
                for transitions in event.transitions.values()
                for transition in transitions
            ],
        )
        return str(drawn.get_combined_graph().source)  # type: ignore[attr-defined]


def _condition(edge: Edge) -> Callable[[EventData], bool]:
    conditions = [BRANCHES[branch] for branch in edge.when]

    def applies(event: EventData) -> bool:
        token = cast("_Token", event.model)
        target = cast("Transition", event.transition).dest or token.state
        return token.role in edge.by and all(holds(token, target) for holds in conditions)

    return applies


def _note(edge: Edge) -> Callable[[EventData], None]:
    def note(event: EventData) -> None:
        cast("_Token", event.model).taken = edge

    return note


@cache
def lifecycle_of(pack: PolicyPack, kind: CaseKind) -> Lifecycle:
    """The lifecycle of one kind of case; built once for each loaded pack."""
    return Lifecycle(pack, pack.machines[kind])
