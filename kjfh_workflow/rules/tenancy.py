"""Firms in an incubator: whether one may be admitted, how long it may stay, and on which grounds it graduates.

Which tenants count towards a criterion is ``criteria``'s; when a stay's clock rings, ``reckoning``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.model import PolicyPack, TenantCondition
from kjfh_workflow.policy.vocabulary import EffectName, Field, GuardName, Modifier, RefusalCode, TenantTest
from kjfh_workflow.policy.years import Ground
from kjfh_workflow.rules.act import Act
from kjfh_workflow.rules.criteria import why_not
from kjfh_workflow.rules.deadlines import add_months, full_months
from kjfh_workflow.rules.evidence import invalid
from kjfh_workflow.rules.facts import Tenant

Memory = Mapping[str, Any]


def stay_condition(pack: PolicyPack, field: str) -> TenantCondition | None:
    """How long a firm in the technical *field* may stay (Yuyao art. 6(3)); None where the text sets no limit.

    Of several that apply, the shortest.
    """
    limits = [
        condition
        for condition in pack.tenant_conditions
        if condition.test is TenantTest.STAY
        and (not condition.fields or field in condition.fields)
        and field not in condition.except_fields
    ]
    return min(limits, key=lambda condition: condition.months or 0, default=None)


def grounds_met(pack: PolicyPack, known: Mapping[str, Any], today: date) -> list[Ground]:
    """The grounds of graduation (Yuyao art. 7: any one) all of whose parts hold by what is *known* of the tenant."""
    return [ground for ground in pack.identity.graduation if _holds(ground, known, today)]


def _holds(ground: Ground, known: Mapping[str, Any], today: date) -> bool:
    since = known.get("operating_since")
    operating = full_months(since, today) if since else 0
    return (
        all(known.get(name) is True for name in ground.yes)
        and all(known.get(name, 0) > yuan for name, yuan in ground.more_than_yuan.items())
        and operating >= (ground.months_operating or 0)
    )


def _last_day(memory: Memory, condition: TenantCondition | None) -> date | None:
    if until := memory.get("stay_until"):
        return date.fromisoformat(until)
    if condition is None or condition.months is None:
        return None
    return add_months(date.fromisoformat(memory["tenant"]["entered_on"]), condition.months)


def _tenant_eligible(act: Act) -> Iterator[Refusal]:
    """Yuyao art. 6: what a firm must be to count as a tenant; a soft condition keeps nobody out."""
    if Field.TENANT not in act.evidence:
        return
    tenant = Tenant.model_validate(act.evidence[Field.TENANT])
    if tenant.entered_on > act.today:
        yield invalid(act.pack, f"{Field.TENANT}.entered_on", f"{tenant.entered_on}还没有到")
    for condition in act.pack.tenant_conditions:
        reason = why_not(condition, tenant, act.today)
        if reason and condition.modifier is not Modifier.SOFT:
            code = RefusalCode.TENANT_NOT_ELIGIBLE
            yield act.refuse(code, article=condition.article, field=Field.TENANT, name=tenant.name, reason=reason)


def _graduation_ground(act: Act) -> Iterator[Refusal]:
    """Yuyao art. 7: a tenant graduates on any one of the grounds; where the text has none, nothing is tested."""
    grounds = act.pack.identity.graduation
    if Field.GROUNDS not in act.evidence:
        return  # what could not be read has been complained about
    if grounds and not grounds_met(act.pack, act.evidence.get(Field.GROUNDS, {}), act.today):
        labels = "；".join(ground.label for ground in grounds)
        code = RefusalCode.NO_GRADUATION_GROUND
        yield act.refuse(code, article=act.edge.article, field=Field.GROUNDS, grounds=labels)


def _limit_is_soft(act: Act) -> Iterator[Refusal]:
    """Yuyao art. 6(3): only “原则上” leaves room; a stay is extended to a day that is still to come."""
    condition = stay_condition(act.pack, act.case.memory["tenant"]["field"])
    if condition and condition.modifier is not Modifier.SOFT:
        yield act.refuse(RefusalCode.LIMIT_IS_HARD, article=condition.article, label=condition.label)
    until, last = act.evidence.get(Field.UNTIL), _last_day(act.case.memory, condition)
    if until and until <= act.today:
        yield invalid(act.pack, Field.UNTIL, f"{until}应晚于今天")
    elif until and last and until <= last:
        yield invalid(act.pack, Field.UNTIL, f"{until}应晚于现在的届满日{last}")


def _admit_tenant(act: Act, _memory: Memory) -> dict[str, Any]:
    return {"tenant": canonical.loads(canonical.dumps(act.evidence[Field.TENANT]))}


def _extend_stay(act: Act, _memory: Memory) -> dict[str, Any]:
    return {"stay_until": act.evidence[Field.UNTIL].isoformat(), "extended_on": act.today.isoformat()}


def _graduate_tenant(act: Act, _memory: Memory) -> dict[str, Any]:
    """The grounds that held, by id; what was known stands in the history."""
    return {"grounds": [ground.id for ground in grounds_met(act.pack, act.evidence.get(Field.GROUNDS, {}), act.today)]}


TENANCY_GUARDS: dict[GuardName, Callable[[Act], Iterator[Refusal]]] = {
    GuardName.TENANT_ELIGIBLE: _tenant_eligible,
    GuardName.GRADUATION_GROUND: _graduation_ground,
    GuardName.LIMIT_IS_SOFT: _limit_is_soft,
}
TENANCY_EFFECTS: dict[EffectName, Callable[[Act, Memory], dict[str, Any]]] = {
    EffectName.ADMIT_TENANT: _admit_tenant,
    EffectName.EXTEND_STAY: _extend_stay,
    EffectName.GRADUATE_TENANT: _graduate_tenant,
}
