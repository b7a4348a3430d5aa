"""Whether the tables of the years after recognition make sense (scale, shares, caps, targets), and are used.

What the machines need of them is asked in ``needs_checks``.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import (
    LEVELS,
    OFFICE_ROLES,
    AwardStatus,
    Branch,
    EffectName,
    Grade,
    GuardName,
    Role,
    TargetCount,
)
from kjfh_workflow.policy.wording import hint, say
from kjfh_workflow.policy.years import Assessment, Awards, Ground

Complaints = Iterator[tuple[str, str]]

#: Table → what makes use of it; a table that nothing uses would silently do nothing.
_USERS: dict[str, str] = {
    "assessment": EffectName.ENTER_ROUND,
    "assessment.failures": Branch.FAILED_IN_A_ROW,
    "assessment.recommended_from": GuardName.GRADE_GOOD_ENOUGH,
    "awards.annual": EffectName.GRANT_ANNUAL,
    "awards.first_year": EffectName.GRANT_ANNUAL,
    "awards.none_when_promoted": EffectName.GRANT_ANNUAL,
    "awards.instalments": EffectName.GRANT_RECOGNITION,
    "awards.top_up": EffectName.GRANT_TOP_UP,
    "awards.straight": EffectName.GRANT_STRAIGHT,
    "changes": EffectName.KEEP_CHANGE,
    "graduation": GuardName.GRADUATION_GROUND,
}
#: A person has yet to approve it.
_BEGINNINGS = {AwardStatus.PROPOSED, AwardStatus.HELD}
#: What may be known of a tenant that is to graduate; ``rules/evidence.py`` knows the shapes.
GROUND_YES = ("high_tech", "good_operation", "profitable", "own_ip", "sound_management", "merged_or_listed")
GROUND_SUMS = ("main_income_yuan", "invested_yuan")
_LEVELLED = {TargetCount.TITLES_AT_LEVEL, TargetCount.TITLES_FROM_LEVEL}


def years_complaints(pack: PolicyPack) -> Complaints:
    """(key, message) of everything wrong in the tables of ``policy.toml`` that apply once a title is held."""
    identity = pack.identity
    if identity.assessment:
        yield from _assessment(identity.assessment)
    if identity.awards:
        yield from _awards(identity.awards, identity.assessment)
    yield from _caps(pack)
    for ground in identity.graduation:
        yield from _ground(ground, f"graduation.{ground.id}")
    for target in identity.targets:
        if (target.level is not None) != (target.count in _LEVELLED):
            yield f"target.{target.id}.level", say("target_level")
    for role in identity.integrity_list.by if identity.integrity_list else ():
        if role not in OFFICE_ROLES - {Role.ADMIN}:
            yield "integrity_list.by", say("role_cannot_act", name=role)
    yield from _unused(pack)


def _assessment(assessment: Assessment) -> Complaints:
    scale = assessment.grades
    order = [grade for grade in Grade if grade in scale]
    if [*scale] != order:
        yield "assessment.grades", say("scale_order", order=", ".join(order))
    if Grade.UNQUALIFIED not in scale:
        yield "assessment.grades", say("scale_without_failure")
    for name, rule in (("quota", assessment.quota), ("recommended_from", assessment.recommended_from)):
        if rule and rule.grade not in scale:
            yield f"assessment.{name}.grade", say("grade_not_in_scale", name=rule.grade) + hint(rule.grade, scale)
    if assessment.indicators and (total := sum(i.weight for i in assessment.indicators)) != 100:
        yield "assessment.indicator.weight", say("weights_sum", total=total)


def _awards(awards: Awards, assessment: Assessment | None) -> Complaints:
    scale = assessment.grades if assessment else ()
    for award in awards.annual:
        if award.grade not in scale:
            yield f"awards.annual.{award.grade}", say("grade_not_in_scale", name=award.grade) + hint(award.grade, scale)
    if awards.instalments:
        shares = awards.instalments.shares
        if sum(shares) != 1 or min(shares) <= 0:
            yield "awards.instalments.shares", say("shares_sum", total=sum(shares, Decimal(0)))
    for name in ("straight", "first_year"):
        start = getattr(awards, name)
        if start and start.starts_as not in _BEGINNINGS:
            yield (
                f"awards.{name}.starts_as",
                say("award_begins", name=start.starts_as) + hint(start.starts_as, _BEGINNINGS),
            )


def _ground(ground: Ground, key: str) -> Complaints:
    if not (ground.yes or ground.more_than_yuan or ground.months_operating):
        yield key, say("ground_empty")
    for part, names, known in (
        ("yes", ground.yes, GROUND_YES),
        ("more_than_yuan", ground.more_than_yuan, GROUND_SUMS),
    ):
        for name in names:
            if name not in known:
                yield f"{key}.{part}", say("unknown_in_ground", name=name) + hint(name, known)


def _caps(pack: PolicyPack) -> Complaints:
    """A higher level is never worth less; the difference to it would be none."""
    for space in dict.fromkeys(space_type.space for space_type in pack.identity.types.values()):
        caps = [cap for level in LEVELS for cap in pack.identity.caps if cap.level is level and space in cap.spaces]
        for lower, higher in pairwise(caps):
            if higher.yuan < lower.yuan:
                yield f"cap.{space}.{higher.level}", say("cap_below", level=lower.level, yuan=lower.yuan)


def _unused(pack: PolicyPack) -> Complaints:
    edges = [edge for machine in pack.machines.values() for edge in machine.edges]
    used = {str(name) for edge in edges for name in (*edge.when, *edge.guards, *edge.effects)}
    for path, user in _USERS.items():
        table: object = pack.identity
        for name in path.split("."):
            table = getattr(table, name, None)
        if table and user not in used:
            yield path, say("table_unused", name=user)
