"""The numbers a criterion may ask for, each computed from the rosters.

A measure sees every firm on the premises and, separately, the tenants that count (art. 6). What is required of
the number is the pack's business (``criteria``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import Measure
from kjfh_workflow.rules.deadlines import full_months
from kjfh_workflow.rules.facts import Facts, Tenant

#: A yes/no, an exact number, or None where the facts give no basis (a share of nothing).
Value = bool | Fraction | None


@dataclass(frozen=True, slots=True)
class Scene:
    """What measures look at."""

    facts: Facts
    #: The firms that count as tenants (在孵企业).
    tenants: Sequence[Tenant]
    #: The day the facts were handed in.
    on: date
    pack: PolicyPack


def _area(scene: Scene) -> Decimal:
    return scene.facts.premises.area_m2 if scene.facts.premises.self_controlled else Decimal(0)


def _share(part: Decimal | int, whole: Decimal | int) -> Value:
    return Fraction(part) / Fraction(whole) if whole else None


def _use_share(scene: Scene) -> Value:
    """孵化企业和公共服务使用的场地: every firm on the premises, over the self-controlled area."""
    used = sum((firm.area_m2 for firm in scene.facts.tenants), scene.facts.premises.public_service_m2)
    return _share(used, _area(scene))


def _largest_tenant_share(scene: Scene) -> Value:
    return _share(max((firm.area_m2 for firm in scene.facts.tenants), default=Decimal(0)), _area(scene))


def _professionals(scene: Scene) -> int:
    return sum(person.professional for person in scene.facts.staff)


MEASURES: dict[Measure, Callable[[Scene], Value]] = {
    Measure.LOCAL_LEGAL_PERSON: lambda s: (
        s.facts.operator.independent_legal_person and s.facts.operator.registered_in == s.pack.identity.city_label
    ),
    Measure.MONTHS_OPERATING: lambda s: Fraction(full_months(s.facts.operator.operating_since, s.on)),
    Measure.SELF_CONTROLLED_AREA: lambda s: Fraction(_area(s)),
    Measure.USE_SHARE: _use_share,
    Measure.LARGEST_TENANT_SHARE: _largest_tenant_share,
    Measure.TENANTS: lambda s: Fraction(len(s.tenants)),
    Measure.FUND_TOTAL: lambda s: Fraction(s.facts.fund.own_seed_yuan + s.facts.fund.partner_yuan),
    Measure.SEED_FUND: lambda s: Fraction(s.facts.fund.own_seed_yuan),
    Measure.FINANCED_TENANTS: lambda s: Fraction(sum(t.invested_yuan > 0 for t in s.tenants)),
    Measure.PROFESSIONAL_SHARE: lambda s: _share(_professionals(s), len(s.facts.staff)),
    Measure.PROFESSIONALS_PER_TENANTS: lambda s: Fraction(_professionals(s)),
    Measure.MENTORS_PER_TENANTS: lambda s: Fraction(len(s.facts.mentors)),
    Measure.MAKERS: lambda s: Fraction(s.facts.makers),
    Measure.IP_SHARE: lambda s: _share(sum(t.ip_applied for t in s.tenants), len(s.tenants)),
}
#: Measures that look only at the tenants that count: with their value, the rows left out are shown.
COUNTS_TENANTS = frozenset(
    {
        Measure.TENANTS,
        Measure.FINANCED_TENANTS,
        Measure.PROFESSIONALS_PER_TENANTS,
        Measure.MENTORS_PER_TENANTS,
        Measure.IP_SHARE,
    }
)


def contradictions(facts: Facts, on: date) -> list[str]:
    """Where declared totals, areas and rosters do not agree, in people's words; a person looks into each."""
    declared = facts.declared
    counted = {
        "入驻企业数": (declared.tenants, len(facts.tenants)),
        "机构总人数": (declared.staff, len(facts.staff)),
        "专业孵化服务人员数": (declared.professionals, sum(p.professional for p in facts.staff)),
        "创业导师数": (declared.mentors, len(facts.mentors)),
        "毕业企业数": (declared.graduates, len(facts.graduates)),
        "已申请知识产权企业数": (declared.ip_tenants, sum(t.ip_applied for t in facts.tenants)),
        "企业使用面积": (declared.tenant_area_m2, sum((t.area_m2 for t in facts.tenants), Decimal(0))),
    }
    found = [
        f"申请表填报的{what}为{said}，按名单计算为{real}"
        for what, (said, real) in counted.items()
        if said is not None and said != real
    ]
    used = sum((t.area_m2 for t in facts.tenants), facts.premises.public_service_m2)
    if used > facts.premises.area_m2:
        found.append(f"企业与公共服务用房面积合计{used}平方米，超过建筑面积{facts.premises.area_m2}平方米")
    found += [f"{t.name}的入驻日期{t.entered_on}晚于提交日期{on}" for t in facts.tenants if t.entered_on > on]
    graduated = {graduate.uscc for graduate in facts.graduates}
    found += [f"{t.name}同时列在入驻企业和毕业企业名单" for t in facts.tenants if t.uscc in graduated]
    return found
