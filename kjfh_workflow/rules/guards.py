"""The conditions that refuse an act, by the names the packs use. Each retells its rule in one line.

What belongs to one subject (assessment, money, changes, tenants) stands in its own module; here is the rest, and all
of them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.vocabulary import (
    Field,
    GuardName,
    Modifier,
    RefusalCode,
    Side,
)
from kjfh_workflow.policy.wording import short
from kjfh_workflow.rules.act import Act
from kjfh_workflow.rules.assessment import ASSESSMENT_GUARDS
from kjfh_workflow.rules.awards import AWARD_GUARDS
from kjfh_workflow.rules.changes import CHANGE_GUARDS
from kjfh_workflow.rules.criteria import Assessed, Result
from kjfh_workflow.rules.evidence import invalid
from kjfh_workflow.rules.promotion import PROMOTION_GUARDS
from kjfh_workflow.rules.proposal import PROPOSAL_GUARDS
from kjfh_workflow.rules.tenancy import TENANCY_GUARDS

Guard = Callable[[Act], Iterator[Refusal]]


def _not_banned(act: Act) -> Iterator[Refusal]:
    """An operator found cheating may not apply until its ban is over; the last barred day is barred."""
    until = act.standing.banned_until
    if until and act.today <= until:
        bars = (p for t in act.machine.timers if t.side is Side.NOBODY for p in t.periods)
        article = next((period.article for period in bars), "")
        yield act.refuse(RefusalCode.BANNED, article=article, until=until)


def _no_open_application(act: Act) -> Iterator[Refusal]:
    """One open application per operator and city."""
    if other := act.standing.open_application:
        yield act.refuse(RefusalCode.OPEN_APPLICATION_EXISTS, case=other)


def _not_already_recognised(act: Act) -> Iterator[Refusal]:
    """One title per operator, city and kind of space."""
    if act.space_type not in act.pack.identity.types:
        return  # the type itself is refused
    space = act.pack.space_of(act.space_type)
    if other := act.standing.titles.get(space):
        label = act.pack.words("spaces", space)
        yield act.refuse(RefusalCode.ALREADY_RECOGNISED, space=label, case=other)


def _materials_complete(act: Act) -> Iterator[Refusal]:
    """Everything on the checklist that is required has been handed in, now or before."""
    checklist = act.pack.identity.materials
    given = act.evidence.get(Field.MATERIALS, [])
    known = [material.id for material in checklist]
    for name in given:
        if name not in known:
            yield invalid(act.pack, Field.MATERIALS, f"清单中没有“{short(name)}”；可用：{'、'.join(known)}")
    have = {*given, *act.case.materials}
    for material in checklist:
        if material.required and material.id not in have:
            yield act.refuse(
                RefusalCode.MATERIALS_MISSING,
                article=material.article,
                field=Field.MATERIALS,
                material=material.label,
            )


def _criteria_met(act: Act) -> Iterator[Refusal]:
    """Every criterion is met, a soft one at least explained, and a person has said what is theirs to say."""
    findings = act.evidence.get(Field.FINDINGS, {})
    for field, named in (
        (Field.FINDINGS, findings),
        (Field.JUSTIFICATIONS, act.evidence.get(Field.JUSTIFICATIONS, {})),
    ):
        for name in named if isinstance(named, dict) else ():
            if act.evaluation.of(name) is None:
                yield invalid(act.pack, f"{field}.{name}", "没有适用于本申请的这一条件")
    for assessed in act.evaluation.criteria:
        if assessed.result is Result.JUDGE:
            yield act.refuse(
                RefusalCode.FINDING_MISSING,
                article=assessed.article,
                field=f"{Field.FINDINGS}.{assessed.id}",
                label=assessed.label,
            )
        elif assessed.result is Result.UNMET:
            yield from _unmet(act, assessed)


def _unmet(act: Act, assessed: Assessed) -> Iterator[Refusal]:
    words = {"label": assessed.label, "value": assessed.value, "required": assessed.required}
    if assessed.modifier is not Modifier.SOFT:
        variant = "judged" if assessed.finding is False else ""
        yield act.refuse(RefusalCode.CRITERIA_UNMET, article=assessed.article, variant=variant, **words)
    elif assessed.measured and not assessed.justification:
        field = f"{Field.JUSTIFICATIONS}.{assessed.id}"
        yield act.refuse(RefusalCode.JUSTIFICATION_MISSING, article=assessed.article, field=field, **words)


def _department_has_not_endorsed(act: Act) -> Iterator[Refusal]:
    """Each department endorses once, and nobody endorses for two."""
    endorsed = act.case.endorsed
    if act.role in endorsed:
        department = act.pack.words("roles", act.role)
        yield act.refuse(RefusalCode.ALREADY_ENDORSED, article=act.edge.article, department=department)
    elif act.actor.id in endorsed.values():
        event = act.machine.events[act.event]
        yield act.refuse(RefusalCode.SAME_PERSON, article=act.edge.article, event=event)


def _first_return_or_reason(act: Act) -> Iterator[Refusal]:
    """Complete in one go: a second return needs a reason."""
    if act.case.memory.get("returns", 0) and not act.evidence.get(Field.REASON):
        yield act.refuse(RefusalCode.ALREADY_RETURNED, article=act.edge.article, field=Field.REASON)


def _award_within_cap(act: Act) -> Iterator[Refusal]:
    """“最高”: the amount may be below the cap, never above."""
    yuan = act.evidence.get(Field.AWARD_YUAN)
    cap = act.pack.cap_for(act.space_type, "local")
    if yuan is not None and cap is not None and yuan > cap.yuan:
        yield act.refuse(RefusalCode.OVER_CAP, article=cap.article, field=Field.AWARD_YUAN, yuan=yuan, cap=cap.yuan)


GUARDS: dict[GuardName, Guard] = {
    GuardName.NOT_BANNED: _not_banned,
    GuardName.NO_OPEN_APPLICATION: _no_open_application,
    GuardName.NOT_ALREADY_RECOGNISED: _not_already_recognised,
    GuardName.MATERIALS_COMPLETE: _materials_complete,
    GuardName.CRITERIA_MET: _criteria_met,
    GuardName.DEPARTMENT_HAS_NOT_ENDORSED: _department_has_not_endorsed,
    GuardName.FIRST_RETURN_OR_REASON: _first_return_or_reason,
    GuardName.AWARD_WITHIN_CAP: _award_within_cap,
    **PROPOSAL_GUARDS,
    **ASSESSMENT_GUARDS,
    **PROMOTION_GUARDS,
    **CHANGE_GUARDS,
    **TENANCY_GUARDS,
    **AWARD_GUARDS,
}


def refusals_of(act: Act) -> Iterator[Refusal]:
    """Every reason against the act that its edge's guards and four-eyes rules find."""
    for name in act.edge.guards:
        yield from GUARDS[name](act)
    rule = act.edge.four_eyes
    for event in rule.events if rule else ():
        if rule and act.actor.id in act.case.actors_of(event):
            yield act.refuse(RefusalCode.SAME_PERSON, article=rule.article, event=act.machine.events[event])
