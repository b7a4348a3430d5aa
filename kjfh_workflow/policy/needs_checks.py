"""Whether a machine has what its branches, guards, effects and reckonings work on: tables, evidence, states.

Whether the tables make sense in themselves is asked in ``years_checks``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kjfh_workflow.policy.machine import Edge, Machine
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import (
    NEW,
    Branch,
    EffectName,
    Field,
    GuardName,
    Level,
    Reckoning,
    Role,
    TenantTest,
)
from kjfh_workflow.policy.wording import say

Complaints = Iterator[tuple[str, str]]

#: Table as it is written in a pack → whether the pack has it.
_TABLES: Mapping[str, Callable[[PolicyPack], object]] = {
    "[assessment]": lambda pack: pack.identity.assessment,
    "[assessment.failures]": lambda pack: pack.identity.assessment and pack.identity.assessment.failures,
    "[assessment.recommended_from]": lambda pack: (
        pack.identity.assessment and pack.identity.assessment.recommended_from
    ),
    "[awards]": lambda pack: pack.identity.awards,
    "[[awards.annual]]": lambda pack: pack.identity.awards and pack.identity.awards.annual,
    "[awards.instalments]": lambda pack: pack.identity.awards and pack.identity.awards.instalments,
    "[awards.top_up]": lambda pack: pack.identity.awards and pack.identity.awards.top_up,
    "[awards.straight]": lambda pack: pack.identity.awards and pack.identity.awards.straight,
    '[[cap]] level = "local"': lambda pack: any(cap.level is Level.LOCAL for cap in pack.identity.caps),
    "[[cap]]": lambda pack: any(cap.level is not Level.LOCAL for cap in pack.identity.caps),
    "[changes]": lambda pack: pack.identity.changes,
    "[[graduation]]": lambda pack: pack.identity.graduation,
    "[[tenant_condition]]": lambda pack: pack.tenant_conditions,
    '[[tenant_condition]] test = "stay"': lambda pack: any(
        condition.test is TenantTest.STAY for condition in pack.tenant_conditions
    ),
}
#: Name used in a machine → the tables that it works on.
NEEDS: Mapping[str, tuple[str, ...]] = {
    Branch.FAILED: ("[assessment]",),
    Branch.FAILED_IN_A_ROW: ("[assessment.failures]",),
    Branch.LEFT_ROUND: ("[assessment]",),
    GuardName.AWARD_WITHIN_CAP: ('[[cap]] level = "local"',),
    GuardName.GRADE_COMPLETE: ("[assessment]",),
    GuardName.REFUSED_ASSESSMENT: ("[assessment]",),
    GuardName.GRADE_GOOD_ENOUGH: ("[assessment.recommended_from]",),
    GuardName.CHANGE_LISTED: ("[changes]",),
    GuardName.TENANT_ELIGIBLE: ("[[tenant_condition]]",),
    GuardName.GRADUATION_GROUND: ("[[graduation]]",),
    GuardName.LIMIT_IS_SOFT: ('[[tenant_condition]] test = "stay"',),
    GuardName.AWARD_IN_STATUS: ("[awards]",),
    GuardName.AWARD_AMOUNT_ALLOWED: ("[awards]",),
    GuardName.PAYMENT_NOT_BLOCKED: ("[awards]",),
    GuardName.PAYER_DID_NOT_APPROVE: ("[awards]",),
    EffectName.ENTER_ROUND: ("[assessment]",),
    EffectName.PROPOSE_GRADE: ("[assessment]",),
    EffectName.NOTE_REPORT: ("[assessment]",),
    EffectName.APPLY_GRADE: ("[assessment]",),
    EffectName.CLOSE_UNGRADED: ("[assessment]",),
    EffectName.KEEP_CHANGE: ("[changes]",),
    EffectName.NOTE_CHANGE: ("[changes]",),
    EffectName.EXTEND_STAY: ('[[tenant_condition]] test = "stay"',),
    EffectName.GRANT_RECOGNITION: ("[awards]", '[[cap]] level = "local"'),
    EffectName.GRANT_STRAIGHT: ("[awards.straight]", "[[cap]]"),
    EffectName.GRANT_TOP_UP: ("[awards.top_up]", "[[cap]]"),
    EffectName.GRANT_ANNUAL: ("[[awards.annual]]", "[assessment]"),
    EffectName.SETTLE_INSTALMENT: ("[awards.instalments]", "[assessment]"),
    EffectName.HOLD_UNASSESSED: ("[awards.instalments]",),
    EffectName.LAPSE_AWARDS: ("[awards]",),
    EffectName.APPROVE_AWARD: ("[awards]",),
    EffectName.PAY_AWARD: ("[awards]",),
    EffectName.RELEASE_AWARD: ("[awards]",),
    EffectName.HOLD_AWARD: ("[awards]",),
    EffectName.LAPSE_AWARD: ("[awards]",),
    EffectName.REVERSE_AWARD: ("[awards]",),
    Reckoning.DAY_OF_CHANGE: ("[changes]",),
    Reckoning.STAY: ('[[tenant_condition]] test = "stay"',),
    Reckoning.UNASSESSED_INSTALMENT: ("[awards.instalments]",),
}
#: Effect → the evidence that its edge must at least offer; the guards see to it that it is there when it is needed.
OFFERED: Mapping[EffectName, Field] = {
    EffectName.APPLY_GRADE: Field.GRADE,
    EffectName.ORDER_RECTIFICATION: Field.RECTIFY_BY,
}
_AWARD = (Field.KIND, Field.YEAR)
#: Guard or effect → the evidence without which its edge cannot do it.
ASKS: Mapping[str, tuple[Field, ...]] = {
    GuardName.SITE_VISITED: (Field.SITE_VISIT,),
    EffectName.REGISTER_TITLE: (
        Field.NAME,
        Field.USCC,
        Field.TYPE,
        Field.LEVEL,
        Field.DECIDED_ON,
        Field.DOCUMENT_NO,
    ),
    EffectName.ORDER_RECTIFICATION: (Field.YEAR,),
    EffectName.ENTER_ROUND: (Field.YEAR,),
    EffectName.PROPOSE_GRADE: (Field.GRADE,),
    EffectName.NOTE_REPORT: (Field.REPORT,),
    EffectName.APPLY_GRADE: (Field.YEAR,),
    EffectName.CLOSE_UNGRADED: (Field.YEAR,),
    EffectName.TAKE_LEVEL: (Field.LEVEL, Field.DECIDED_ON, Field.DOCUMENT_NO),
    EffectName.KEEP_CHANGE: (Field.WHAT, Field.OCCURRED_ON),
    EffectName.ADMIT_TENANT: (Field.TENANT,),
    EffectName.EXTEND_STAY: (Field.UNTIL,),
    EffectName.GRADUATE_TENANT: (Field.GROUNDS,),
    EffectName.APPROVE_AWARD: _AWARD,
    EffectName.PAY_AWARD: (*_AWARD, Field.PAID_ON, Field.VOUCHER),
    EffectName.RELEASE_AWARD: (*_AWARD, Field.REASON),
    EffectName.HOLD_AWARD: (*_AWARD, Field.REASON),
    EffectName.LAPSE_AWARD: (*_AWARD, Field.REASON),
    EffectName.REVERSE_AWARD: (*_AWARD, Field.REASON),
}


def needs_complaints(pack: PolicyPack, machine: Machine) -> Complaints:
    """(key, message) of everything that *machine* uses and lacks."""
    for edge in machine.edges:
        key = f"edge.{edge.event}"
        for part, names in (("when", edge.when), ("guards", edge.guards), ("effects", edge.effects)):
            for name in names:
                yield from _tables(pack, name, f"{key}.{part}")
                for field in ASKS.get(name, ()):
                    if not edge.fields.get(field):
                        yield f"{key}.evidence", say("evidence_needed", name=name, field=field)
        for effect in edge.effects:
            if effect in OFFERED and OFFERED[effect] not in edge.fields:
                yield f"{key}.evidence", say("evidence_offered", name=effect, field=OFFERED[effect])
    for timer in machine.timers:
        for period in timer.periods:
            if period.reckoning:
                yield from _tables(pack, period.reckoning, f"timer.{timer.name}.{period.state}.reckoning")
    yield from _rectification(machine)
    yield from _rounds(machine)


def _tables(pack: PolicyPack, name: str, key: str) -> Complaints:
    for table in NEEDS.get(name, ()):
        if not _TABLES[table](pack):
            yield key, say("table_needed", name=name, table=table)


def _rectification(machine: Machine) -> Complaints:
    """The date by which to rectify is one that somebody orders."""
    ordered = any(EffectName.ORDER_RECTIFICATION in edge.effects for edge in machine.edges)
    for timer in machine.timers:
        for period in timer.periods:
            if period.reckoning is Reckoning.DATE_ORDERED and not ordered:
                key = f"timer.{timer.name}.{period.state}.reckoning"
                yield key, say("effect_needed", name=period.reckoning, effect=EffectName.ORDER_RECTIFICATION)


def _rounds(machine: Machine) -> Complaints:
    """A round is opened and closed for everybody at once, by a person, and only so is a title assessed."""
    in_round = {name for name, state in machine.states.items() if state.in_round}
    for edge in machine.edges:
        key = f"edge.{edge.event}"
        if edge.for_all:
            yield from _for_all(machine, edge, key, in_round)
        enters = edge.to in in_round and not in_round >= {*edge.sources}
        if enters and EffectName.ENTER_ROUND not in edge.effects:
            yield key, say("round_not_entered", state=edge.to)
        if EffectName.ENTER_ROUND in edge.effects and not (edge.for_all and edge.to in in_round):
            yield f"{key}.effects", say("round_entered_alone")


def _for_all(machine: Machine, edge: Edge, key: str, in_round: set[str]) -> Complaints:
    if not in_round:
        yield key, say("no_round_state")
    if edge.opens or edge.tells or NEW in edge.sources or {Role.TIMER, Role.CASE, Role.APPLICANT} & {*edge.by}:
        yield key, say("for_all_alone")
    if not all(other.for_all for other in machine.edges_of[edge.event]):
        yield key, say("for_all_mixed", name=edge.event)
