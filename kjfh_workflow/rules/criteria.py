"""Facts and a pack's criteria in, an evaluation out: met, unmet or for a person to judge, with every reason.

How an unmet criterion stops an act is the guards' business.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from kjfh_workflow.policy.model import Criterion, PolicyPack, TenantCondition
from kjfh_workflow.policy.vocabulary import Modifier, Operator, TenantTest
from kjfh_workflow.rules.deadlines import add_months
from kjfh_workflow.rules.facts import Facts, Tenant
from kjfh_workflow.rules.measures import COUNTS_TENANTS, MEASURES, Scene, Value, contradictions

_COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.AT_LEAST: operator.ge,
    Operator.AT_MOST: operator.le,
    Operator.MORE_THAN: operator.gt,
    Operator.LESS_THAN: operator.lt,
    Operator.EQUALS: operator.eq,
}
_HUNDREDTH = Decimal("0.01")
_SIGN = {">=": "≥", "<=": "≤", ">": ">", "<": "<", "==": ""}


class Result(StrEnum):
    """What a criterion says of the facts."""

    MET = "met"
    UNMET = "unmet"
    JUDGE = "judge"  #: a person has to say


@dataclass(frozen=True, slots=True)
class Assessed:
    """One criterion and what it says."""

    id: str
    label: str
    result: Result
    #: As people read them: ``82.17%`` and ``≥75%``; empty for judged criteria.
    value: str
    required: str
    #: The same for programs: the exact number (or ``true``/``false``), how it is compared, with what, in which unit.
    amount: str
    op: str
    threshold: str
    unit: str
    modifier: Modifier
    article: str
    status: str
    #: Whether the rows left out bear on it.
    counts_tenants: bool = False
    #: False where the facts give no basis (a share of nothing): then there is nothing to justify either.
    measured: bool = True
    #: ``True``/``False`` once a person has said so.
    finding: bool | None = None
    #: The reason given for a soft criterion that is not met.
    justification: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A firm on the premises that does not count as a tenant."""

    #: Row in the roster, from 1.
    row: int
    name: str
    condition: str
    reason: str
    article: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All criteria of one application on one day."""

    #: The day the facts were handed in: art. 5 asks what the applicant has when it applies.
    on: date
    criteria: tuple[Assessed, ...]
    left_out: tuple[LeftOut, ...]
    #: Soft conditions on tenants that are exceeded; the tenant still counts.
    warnings: tuple[str, ...]
    contradictions: tuple[str, ...]

    def of(self, criterion: str) -> Assessed | None:
        """The criterion's result, or None where it does not apply to this type."""
        return next((a for a in self.criteria if a.id == criterion), None)

    def with_findings(self, findings: Mapping[str, bool] | None, justifications: Mapping[str, str]) -> Evaluation:
        """With what a person found: None for "all met", which answers everything left to a person.

        A finding decides what was left to a person, and a negative one overrules the documents handed in; a
        positive one never turns a computed ``unmet`` into ``met``.
        """
        return replace(
            self,
            criteria=tuple(_found(a, _finding(a, findings), justifications.get(a.id, "")) for a in self.criteria),
        )

    def as_data(self) -> dict[str, Any]:
        """For storing with the decision it served."""
        return {
            "on": self.on.isoformat(),
            "criteria": [_flat(a) for a in self.criteria],
            "left_out": [_flat(row) for row in self.left_out],
            "warnings": list(self.warnings),
            "contradictions": list(self.contradictions),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Evaluation:
        """As stored with a decision."""
        return cls(
            on=date.fromisoformat(data["on"]),
            criteria=tuple(
                Assessed(**{**a, "result": Result(a["result"]), "modifier": Modifier(a["modifier"])})
                for a in data["criteria"]
            ),
            left_out=tuple(LeftOut(**row) for row in data["left_out"]),
            warnings=tuple(data["warnings"]),
            contradictions=tuple(data["contradictions"]),
        )


def evaluate(pack: PolicyPack, space_type: str, facts: Facts, on: date) -> Evaluation:
    """What the pack's criteria for *space_type* say of *facts* as handed in on *on*."""
    tenants, left_out, warnings = _tenants_that_count(pack, facts, on)
    scene = Scene(facts, tenants, on, pack)
    return Evaluation(
        on=on,
        criteria=tuple(_assess(criterion, scene) for criterion in pack.criteria_for(space_type)),
        left_out=tuple(left_out),
        warnings=tuple(warnings),
        contradictions=tuple(contradictions(facts, on)),
    )


def _finding(assessed: Assessed, findings: Mapping[str, bool] | None) -> bool | None:
    if findings is not None:
        return findings.get(assessed.id)
    return True if assessed.result is Result.JUDGE else None


def _flat(record: Assessed | LeftOut) -> dict[str, Any]:
    """The fields of a record of plain values; ``asdict`` would copy each deeply."""
    return {name: getattr(record, name) for name in record.__slots__}


def _found(assessed: Assessed, finding: bool | None, justification: str) -> Assessed:
    if finding is None and not justification:
        return assessed
    result = assessed.result
    if finding is False:
        result = Result.UNMET
    elif finding and result is Result.JUDGE:
        result = Result.MET
    return replace(assessed, result=result, finding=finding, justification=justification)


def _tenants_that_count(pack: PolicyPack, facts: Facts, on: date) -> tuple[list[Tenant], list[LeftOut], list[str]]:
    """Art. 6: the firms that count, those left out with every reason, and the soft limits exceeded."""
    counted: list[Tenant] = []
    left_out: list[LeftOut] = []
    warnings: list[str] = []
    seen: dict[str, int] = {}
    for row, tenant in enumerate(facts.tenants, 1):
        reasons: list[LeftOut] = []
        first = seen.setdefault(tenant.uscc, row)
        if first != row:
            reasons.append(LeftOut(row, tenant.name, "duplicate", f"与第{first}行为同一企业", ""))
        for condition in pack.tenant_conditions:
            reason = why_not(condition, tenant, on)
            if reason and condition.modifier is Modifier.SOFT:
                warnings.append(f"{tenant.name}：{reason}（{condition.article}，仍计为在孵企业）")
            elif reason:
                reasons.append(LeftOut(row, tenant.name, condition.id, reason, condition.article))
        left_out += reasons
        if not reasons:
            counted.append(tenant)
    return counted, left_out, warnings


def why_not(condition: TenantCondition, tenant: Tenant, on: date) -> str:
    """Why the firm does not meet the condition on a day (Yuyao art. 6); empty if it does."""
    if condition.fields and tenant.field not in condition.fields:
        return ""
    if tenant.field in condition.except_fields:
        return ""
    months = condition.months or 0
    if condition.test is TenantTest.AGE_AT_ENTRY:
        too_old = tenant.entered_on > add_months(tenant.founded_on, months)
        return f"入驻时成立超过{months}个月（{tenant.founded_on}成立，{tenant.entered_on}入驻）" if too_old else ""
    if condition.test is TenantTest.STAY:
        too_long = on > add_months(tenant.entered_on, months)
        return f"孵化时限超过{months}个月（{tenant.entered_on}入驻）" if too_long else ""
    # The tests that ask yes or no bear the names of the facts they ask about.
    return "" if getattr(tenant, condition.test) else f"不满足“{condition.label}”"


def _assess(criterion: Criterion, scene: Scene) -> Assessed:
    result, value, required = Result.JUDGE, "", ""
    tenants = len(scene.tenants)
    measured: Value = False
    if criterion.measure is not None:
        measured = MEASURES[criterion.measure](scene)
        result = _compare(criterion, measured, tenants)
        value, required = _shown(measured, criterion.unit), _required(criterion, tenants)
    elif criterion.requires is not None:
        need = criterion.requires
        measured = MEASURES[need.measure](scene)
        if measured is None or not _COMPARE[need.op](measured, Fraction(need.value)):
            result, value, required = Result.UNMET, _shown(measured, ""), f"{_SIGN[need.op]}{need.value}"
    return Assessed(
        id=criterion.id,
        label=criterion.label,
        result=result,
        value=value,
        required=required,
        amount=_exact(measured) if criterion.measure else "",
        op=criterion.op or "",
        threshold=_exact(criterion.value),
        unit=criterion.unit,
        modifier=criterion.modifier,
        article=criterion.article,
        status=criterion.status,
        counts_tenants=criterion.measure in COUNTS_TENANTS,
        measured=measured is not None,
    )


def _compare(criterion: Criterion, value: Value, tenants: int) -> Result:
    if value is None:
        return Result.UNMET
    if isinstance(criterion.value, bool):
        return Result.MET if value is criterion.value else Result.UNMET
    assert criterion.op is not None and criterion.value is not None  # noqa: S101, PT018  (checked by the caller)
    if criterion.per is None:
        return Result.MET if _COMPARE[criterion.op](value, Fraction(criterion.value)) else Result.UNMET
    whole, rest = divmod(tenants, criterion.per)
    if value >= criterion.value * (whole + bool(rest)):
        return Result.MET
    return Result.UNMET if value < criterion.value * whole else Result.JUDGE


def _required(criterion: Criterion, tenants: int) -> str:
    if isinstance(criterion.value, bool):
        return _shown(criterion.value, "")
    sign = _SIGN[criterion.op or ""]
    if criterion.per is None:
        return sign + _shown(Fraction(criterion.value or 0), criterion.unit)
    return f"每{criterion.per}家{sign}{criterion.value}{criterion.unit}（在孵企业{tenants}家）"


def _shown(value: Value, unit: str) -> str:
    """A value as people read it; a share in per cent, never rounded up to a limit it does not reach."""
    if value is None:
        return "无从计算"
    if isinstance(value, bool):
        return "是" if value else "否"
    if unit == "%":
        return f"{_decimal(value * 100).quantize(_HUNDREDTH, ROUND_DOWN).normalize():f}%"
    return f"{_decimal(value):f}{unit}"


def _exact(value: Value | Decimal) -> str:
    """For programs: ``true``, ``5000``, ``0.75``, or ``493/600`` where no short decimal is exact; empty for nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    exact = Fraction(value)
    decimal = _decimal(exact)
    return f"{decimal:f}" if Fraction(decimal) == exact else str(exact)


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
