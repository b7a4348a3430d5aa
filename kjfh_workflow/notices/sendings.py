"""Who sends which notice: every edge and every alarm of a pack, with the evidence that comes with it.

What such a letter says is ``rehearse``'s to try out; made-up evidence stands in ``specimens``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kjfh_workflow.notices.specimens import specimens
from kjfh_workflow.policy.machine import Edge, Machine, Timer
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.needs_checks import OFFERED
from kjfh_workflow.policy.part import Provision
from kjfh_workflow.policy.vocabulary import (
    NOT_GRADED,
    SAME,
    Branch,
    CaseKind,
    EffectName,
    Field,
    Role,
    Ungraded,
)
from kjfh_workflow.rules.clocks import ESCALATE, EXPIRE, REMIND
from kjfh_workflow.rules.recount import RECOUNT

#: What may make an award ``proposed``.
_PROPOSING = frozenset(
    {
        EffectName.GRANT_RECOGNITION,
        EffectName.GRANT_STRAIGHT,
        EffectName.GRANT_TOP_UP,
        EffectName.GRANT_ANNUAL,
        EffectName.SETTLE_INSTALMENT,
        EffectName.RELEASE_AWARD,
    }
)
_FAILING = frozenset({Branch.FAILED, Branch.FAILED_IN_A_ROW})


@dataclass(frozen=True)
class Sending:
    """One way in which a notice can be sent: by an edge from one of its states, or by an alarm of a clock."""

    kind: CaseKind
    notice: str
    #: The edge's event, or what an alarm is called in history.
    event: str
    source: str
    target: str
    provision: Provision
    to: tuple[Role, ...]
    #: Evidence field → whether it is required.
    fields: Mapping[str, bool] = field(default_factory=dict)
    effects: frozenset[EffectName] = frozenset()
    when: frozenset[Branch] = frozenset()
    #: The clock that it is about; empty for a person's act.
    timer: str = ""
    #: Whether that clock's time is over.
    over: bool = False

    @property
    def key(self) -> str:
        """Which edge or alarm, and from which state: ``application.reject.preliminary_review``."""
        return ".".join(part for part in (self.kind, self.timer, self.event, self.source) if part)


def sendings(pack: PolicyPack) -> Iterator[Sending]:
    """Every way in which any notice of the pack can be sent."""
    for kind, machine in pack.machines.items():
        for edge in machine.edges:
            for source in edge.sources:
                yield from _by_edge(pack, kind, machine, edge, source)
        for timer in machine.timers:
            yield from _by_alarm(pack, kind, timer)


def _by_edge(pack: PolicyPack, kind: CaseKind, machine: Machine, edge: Edge, source: str) -> Iterator[Sending]:
    ringing = [timer.name for timer in machine.timers if timer.on_due == edge.event and source in timer.period_of]
    by_people = [""] if {*edge.by} - {Role.TIMER} else []
    awards = pack.identity.awards
    of_awards = [awards.notice] if awards and _PROPOSING & {*edge.effects} else []
    for notice in (*edge.notify, *of_awards):
        for timer in [*by_people, *(ringing if Role.TIMER in edge.by else [])]:
            yield Sending(
                kind=kind,
                notice=notice,
                event=edge.event,
                source=source,
                target=source if edge.to == SAME else edge.to,
                provision=edge,
                to=pack.identity.notices[notice].to,
                fields=edge.fields,
                effects=frozenset(edge.effects),
                when=frozenset(edge.when),
                timer=timer,
                over=bool(timer),
            )


def _by_alarm(pack: PolicyPack, kind: CaseKind, timer: Timer) -> Iterator[Sending]:
    for period in timer.periods:
        for rule in timer.reminders:
            to = period.responsible or pack.identity.notices[rule.notice].to
            yield Sending(kind, rule.notice, REMIND, period.state, period.state, rule, to, timer=timer.name)
        if late := timer.escalation:
            to = pack.identity.notices[late.notice].to
            yield Sending(kind, late.notice, ESCALATE, period.state, period.state, late, to, timer=timer.name)
        if overdue := timer.overdue_notice:
            to = pack.identity.notices[overdue].to
            yield Sending(kind, overdue, EXPIRE, period.state, period.state, period, to, timer=timer.name, over=True)
        if moved := timer.moved_notice:
            to = period.responsible or pack.identity.notices[moved].to
            yield Sending(kind, moved, RECOUNT, period.state, period.state, period, to, timer=timer.name)


def least_evidence(pack: PolicyPack, sending: Sending) -> dict[str, Any]:
    """Specimens of what the act never lacks; of a calendar that has changed, what its recount keeps."""
    if sending.event == RECOUNT and sending.timer:
        return {"was": pack.identity.in_force.effective_from, "source": "国办发明电〔2021〕1号"}
    known = _specimens_for(pack, sending)
    certain = {OFFERED[effect] for effect in sending.effects if effect in OFFERED}
    return {name: known[name] for name, required in sending.fields.items() if required or name in certain}


def variants(pack: PolicyPack, sending: Sending) -> Iterator[dict[str, Any]]:
    """The evidence with and without what is optional; and of a year that stays without a grade."""
    known, least = _specimens_for(pack, sending), least_evidence(pack, sending)
    most = {**least, **{name: known[name] for name in sending.fields}}
    yield least
    if most != least:
        yield most
    if EffectName.APPLY_GRADE in sending.effects and not fails(sending):
        yield {**least, Field.GRADE: NOT_GRADED, Field.REASON: str(Ungraded.REFUSED)}


def _specimens_for(pack: PolicyPack, sending: Sending) -> dict[str, Any]:
    """With the grade on which the act's branch depends."""
    known, assessment = specimens(pack), pack.identity.assessment
    if assessment and not fails(sending):
        known[Field.GRADE] = str(assessment.grades[0])
    return known


def fails(sending: Sending) -> bool:
    """Whether it is sent for an unqualified grade only."""
    return bool(_FAILING & sending.when) or EffectName.ORDER_RECTIFICATION in sending.effects
