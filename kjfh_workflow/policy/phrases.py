"""What stands in a pack, in people's words: the phrases that pages, pictures and questions share.

How they are laid out on a page or in a picture is decided in ``page`` and ``drawing``.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from kjfh_workflow.policy import model
from kjfh_workflow.policy.machine import Edge, Escalation, FourEyes, Machine, Period, Reminder
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import NEW, SAME, LengthUnit, Operator, Role

#: How an operator is written.
SIGN = {
    Operator.AT_LEAST: "≥",
    Operator.AT_MOST: "≤",
    Operator.MORE_THAN: ">",
    Operator.LESS_THAN: "<",
    Operator.EQUALS: "",
}


def roles_in_words(pack: PolicyPack, roles: Iterable[Role]) -> str:
    """``科技局负责人、财政局``."""
    return "、".join(pack.words("roles", role) for role in roles)


def state_in_words(pack: PolicyPack, machine: Machine, state: str) -> str:
    """A state's label, and what stands for no state before and no other state after."""
    if state == SAME:
        return "（状态不变）"
    return f"（{pack.words('states', NEW)}）" if state == NEW else machine.states[state].label


def states_in_words(pack: PolicyPack, machine: Machine, states: Iterable[str]) -> str:
    """Several states; parted by a stroke, because labels carry commas of their own."""
    return " / ".join(state_in_words(pack, machine, state) for state in states)


def length_in_words(pack: PolicyPack, length: int, unit: LengthUnit) -> str:
    """``20个工作日``."""
    return f"{length}{pack.words('units', unit)}"


def period_in_words(pack: PolicyPack, period: Period) -> str:
    """``15个工作日``, and the evidence that may replace it."""
    field = f"“{pack.words('fields', period.length_from)}”"
    length = "" if period.length is None else length_in_words(pack, period.length, period.unit)
    if period.reckoning:
        return pack.words("reckonings", period.reckoning) + length
    if not length:
        return f"按{field}"
    return f"{length}（或按{field}）" if period.length_from else length


def reminder_in_words(pack: PolicyPack, reminder: Reminder) -> str:
    """``届满前5日``."""
    return f"届满前{length_in_words(pack, reminder.before, reminder.unit)}"


def escalation_in_words(escalation: Escalation) -> str:
    """``逾期第1个工作日，此后每5个工作日``."""
    return f"逾期第{escalation.after}个工作日，此后每{escalation.every}个工作日"


def in_force_in_words(force: model.InForce) -> str:
    """``自2021-01-01起至2023-12-31``, and what reaches back less far."""
    until = f"至{force.effective_to}" if force.effective_to else "，未载明有效期"
    adverse = f"；对当事人不利的规则只适用于{force.adverse_from}及以后的事实" if force.adverse_from else ""
    return f"自{force.effective_from}起{until}{adverse}"


def numbering_in_words(numbering: model.Numbering) -> str:
    """``余科孵〔年份〕序号号``."""
    return numbering.form.replace("{year}", "年份").replace("{number}", "序号")


def required_in_words(pack: PolicyPack, criterion: model.Criterion) -> str:
    """``≥75%``; for a judged criterion, what must hold before a person is asked."""
    if criterion.requires:
        need = criterion.requires
        return f"须{pack.words('measures', need.measure)}{SIGN[need.op]}{need.value:,f}"
    if criterion.op is None or criterion.value is None:
        return ""
    if isinstance(criterion.value, bool):
        return "是" if criterion.value else "否"
    per = f"每{criterion.per}家" if criterion.per else ""
    return f"{per}{SIGN[criterion.op]}{_amount(criterion.value, criterion.unit)}"


def tenant_condition_in_words(condition: model.TenantCondition) -> str:
    """``不超过36个月（生物医药除外）``."""
    months = f"不超过{condition.months}个月" if condition.months else "是"
    only = f"（限{'、'.join(condition.fields)}）" if condition.fields else ""
    but = f"（{'、'.join(condition.except_fields)}除外）" if condition.except_fields else ""
    return months + only + but


def branch_in_words(pack: PolicyPack, machine: Machine, edge: Edge) -> str:
    """When this edge is chosen among those of its event; empty where there is no choice."""
    if edge.when:
        return "，且".join(pack.words("branches", branch) for branch in edge.when)
    rivals = (rival for source in edge.sources for rival in machine.edges_from[edge.event, source])
    return "其余情形" if any(rival.when and set(rival.by) & set(edge.by) for rival in rivals) else ""


def parent_in_words(pack: PolicyPack, machine: Machine, edge: Edge) -> str:
    """``孵化器资格须为：已认定 / 已晋级``; empty where it does not matter, or where the case belongs to none."""
    if not machine.under or not edge.parent_in:
        return ""
    states = states_in_words(pack, pack.machines[machine.under], edge.parent_in)
    return f"{pack.words('kinds', machine.under)}须为：{states}"


def told_in_words(pack: PolicyPack, machine: Machine, edge: Edge) -> str:
    """``孵化器资格随之“变更不合要求”``; empty where nothing is told."""
    if not machine.under or not edge.tells:
        return ""
    return f"{pack.words('kinds', machine.under)}随之“{pack.machines[machine.under].events[edge.tells]}”"


def four_eyes_in_words(machine: Machine, rule: FourEyes) -> str:
    """``不得为办理过“初审通过”的人``."""
    events = "”“".join(machine.events[event] for event in rule.events)
    return f"不得为办理过“{events}”的人"


def _amount(value: Decimal, unit: str) -> str:
    return f"{(value * 100).normalize():f}%" if unit == "%" else f"{value:,f}{unit}"
