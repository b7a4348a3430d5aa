"""A whole policy pack as one readable Markdown page.

Its phrases come from ``phrases``; what is still uncertain is asked in ``coverage``; pictures are made in ``drawing``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from unicodedata import east_asian_width

from kjfh_workflow.policy.machine import Edge, FourEyes, Machine, Period, State, Timer
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.part import Provision
from kjfh_workflow.policy.phrases import (
    branch_in_words,
    escalation_in_words,
    four_eyes_in_words,
    in_force_in_words,
    numbering_in_words,
    parent_in_words,
    period_in_words,
    reminder_in_words,
    required_in_words,
    roles_in_words,
    state_in_words,
    states_in_words,
    tenant_condition_in_words,
    told_in_words,
)
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.policy.year_phrases import year_provision_in_words

_BASIS = ("条款", "性质", "说明")
#: The first word of a provision's key → the heading above it.
_YEARS = {
    "assessment": "年度考核",
    "awards": "奖励的拨付",
    "changes": "应报告的变更",
    "graduation": "毕业条件",
    "integrity_list": "失信名单",
    "target": "目标",
}
#: A longer cell sticks out of its own row instead of widening every row.
_WIDEST_COLUMN = 36

Row = Sequence[str]


def page(pack: PolicyPack) -> str:
    """The whole pack as Markdown: the document, its tables, then each machine."""
    lines = [*_identity(pack), *_articles(pack), *_tables(pack), *_years(pack), *_criteria(pack)]
    for kind, machine in pack.machines.items():
        lines += _machine(pack, kind, machine)
    return "\n".join(lines).rstrip() + "\n"


# ---- the sections ------------------------------------------------------------------------------


def _identity(pack: PolicyPack) -> Iterator[str]:
    identity = pack.identity
    yield f"# {identity.title}\n"
    yield f"- 城市：{identity.city_label}（{identity.city}）"
    yield f"- 文号：{identity.document_no or '原文未载'}"
    yield f"- 发文机关：{'、'.join(identity.issuers) or '原文未载'}"
    yield f"- 印发日期：{identity.issued_on or '原文未载'}"
    yield f"- 施行：{in_force_in_words(identity.in_force)}"
    yield f"- 施行依据：{_basis_in_words(pack, identity.in_force)}"
    yield f"- 联合审核：{roles_in_words(pack, identity.departments.roles)}均须同意"
    yield f"- 联合审核依据：{_basis_in_words(pack, identity.departments)}"
    if identity.numbering:
        yield f"- 通知文号：{numbering_in_words(identity.numbering)}"
        yield f"- 通知文号依据：{_basis_in_words(pack, identity.numbering)}"
    yield f"- 咨询：{identity.contact}"
    yield f"- 政策包：{pack.name}（SHA-256 {pack.digest[:12]}…）"
    yield ""


def _articles(pack: PolicyPack) -> Iterator[str]:
    rows = [
        (a.number, str(a.items or ""), a.cited_as, a.about, pack.words("handlings", a.handling), a.note)
        for a in pack.identity.articles
    ]
    yield from _section("## 条款", ("条款", "项数", "函件写作", "内容", "处理", "说明"), rows)


def _tables(pack: PolicyPack) -> Iterator[str]:
    identity = pack.identity
    types = [
        (t.label, pack.words("spaces", t.space), f"`{name}`", *_basis(pack, t)) for name, t in identity.types.items()
    ]
    yield from _section("## 申请类型", ("类型", "计为", "代码", *_BASIS), types)
    materials = [(m.label, "必交" if m.required else "选交", f"`{m.id}`", *_basis(pack, m)) for m in identity.materials]
    yield from _section("## 申请材料", ("材料", "要求", "代码", *_BASIS), materials)
    caps = [
        (
            "、".join(pack.words("spaces", space) for space in c.spaces),
            pack.words("levels", c.level),
            f"{c.yuan:,f}元{'（定额）' if c.fixed else ''}",
            *_basis(pack, c),
        )
        for c in identity.caps
    ]
    yield from _section("## 认定奖励上限", ("空间", "级别", "上限", *_BASIS), caps)
    notices = [
        (
            notice.label,
            roles_in_words(pack, notice.to) or "当时的经办人",
            "编文号" if notice.numbered else "",
            f"`{name}`",
        )
        for name, notice in identity.notices.items()
    ]
    yield from _section("## 通知", ("通知", "送达", "文号", "代码"), notices)


def _years(pack: PolicyPack) -> Iterator[str]:
    """What applies once a title is held; what the document does not know is shown as not known."""
    provisions = [*pack.identity.provisions_of_years()]
    for head, title in _YEARS.items():
        rows = [
            (year_provision_in_words(pack, key, provision), f"`{key}`", *_basis(pack, provision))
            for key, provision in provisions
            if key.partition(".")[0] == head
        ]
        yield from _section(f"## {title}", ("规定", "代码", *_BASIS), rows)
        if head == "awards" and pack.identity.awards:
            yield f"- 奖励列为拟给予时发出：{pack.identity.notices[pack.identity.awards.notice].label}\n"


def _criteria(pack: PolicyPack) -> Iterator[str]:
    rows = [
        (
            c.label,
            "、".join(pack.identity.types[name].label for name in c.types) or "全部",
            required_in_words(pack, c),
            pack.words("modifiers", c.modifier),
            f"`{c.id}`",
            *_basis(pack, c),
        )
        for c in pack.criteria
    ]
    yield from _section("## 认定条件", ("条件", "适用类型", "要求", "约束", "代码", *_BASIS), rows)
    tenants = [
        (c.label, tenant_condition_in_words(c), pack.words("modifiers", c.modifier), f"`{c.id}`", *_basis(pack, c))
        for c in pack.tenant_conditions
    ]
    yield from _section("## 在孵企业条件", ("条件", "要求", "约束", "代码", *_BASIS), tenants)
    standards = [(s.label, s.document, f"`{s.id}`", *_basis(pack, s)) for s in pack.standards]
    yield from _section("## 由其他文件规定的标准", ("标准", "文件", "代码", *_BASIS), standards, none="（没有）")


def _machine(pack: PolicyPack, kind: CaseKind, machine: Machine) -> Iterator[str]:
    yield f"## {pack.words('kinds', kind)}：{machine.label}\n"
    if machine.under:
        yield f"- 属于：{pack.words('kinds', machine.under)}\n"
    if machine.one_open_per:
        yield f"- 未办结案件：{pack.words('one_open_per', machine.one_open_per)}\n"
    states = [(state.label, _flags(state), f"`{name}`") for name, state in machine.states.items()]
    yield from _section("### 状态", ("状态", "特性", "代码"), states)
    acts = ("事件", "由谁", "从", "到", "条件/材料", "结果", "通知", *_BASIS)
    yield from _section("### 流转", acts, [_edge(pack, machine, edge) for edge in machine.edges])
    four_eyes = [_four_eyes(pack, machine, edge, edge.four_eyes) for edge in machine.edges if edge.four_eyes]
    yield from _section("### 不得由同一人办理", ("本环节", "由谁", "从", "到", "限制", *_BASIS), four_eyes)
    periods = [_period(pack, machine, timer, period) for timer in machine.timers for period in timer.periods]
    clocks = ("期限", "状态", "长度", "末日遇休息日", "经办", "届满", "停止计算", *_BASIS)
    yield from _section("### 期限", clocks, periods)
    calls = [row for timer in machine.timers for row in _calls(pack, timer)]
    yield from _section("### 提醒与催办", ("期限", "何时", "通知", "送达", *_BASIS), calls)


def _flags(state: State) -> str:
    flags = {
        "终结": state.final,
        "持有资格": state.titled,
        "资格已取消": state.title_cancelled,
        "陈述申辩": state.right_to_be_heard,
        "考核中": state.in_round,
        "暂停拨付": state.blocks_payment,
    }
    return "、".join(name for name, holds in flags.items() if holds)


def _edge(pack: PolicyPack, machine: Machine, edge: Edge) -> Row:
    conditions = [
        "整轮一次办理" if edge.for_all else "",
        branch_in_words(pack, machine, edge),
        parent_in_words(pack, machine, edge),
        *(pack.words("guards", guard) for guard in edge.guards),
    ]
    materials = [pack.words("fields", name) + ("" if needed else "（可选）") for name, needed in edge.fields.items()]
    results = [pack.words("effects", effect) for effect in edge.effects]
    results += [f"开立{pack.words('kinds', edge.opens)}案件"] if edge.opens else []
    results.append(told_in_words(pack, machine, edge))
    return (
        machine.events[edge.event],
        roles_in_words(pack, edge.by),
        states_in_words(pack, machine, edge.sources),
        state_in_words(pack, machine, edge.to),
        "；".join(filter(None, ["、".join(filter(None, conditions)), "、".join(materials)])),
        "、".join(filter(None, results)),
        "、".join(pack.identity.notices[notice].label for notice in edge.notify),
        *_basis(pack, edge),
    )


def _four_eyes(pack: PolicyPack, machine: Machine, edge: Edge, rule: FourEyes) -> Row:
    return (
        machine.events[edge.event],
        roles_in_words(pack, edge.by),
        states_in_words(pack, machine, edge.sources),
        state_in_words(pack, machine, edge.to),
        four_eyes_in_words(machine, rule),
        *_basis(pack, rule),
    )


def _period(pack: PolicyPack, machine: Machine, timer: Timer, period: Period) -> Row:
    return (
        f"{timer.label}（{pack.words('sides', timer.side)}）",
        state_in_words(pack, machine, period.state),
        period_in_words(pack, period),
        "顺延" if period.rolls else "不顺延",
        roles_in_words(pack, period.responsible),
        machine.events[timer.on_due] if timer.on_due else "只提醒",
        states_in_words(pack, machine, timer.pauses_in),
        *_basis(pack, period),
    )


def _calls(pack: PolicyPack, timer: Timer) -> Iterator[Row]:
    for reminder in timer.reminders:
        yield (
            timer.label,
            reminder_in_words(pack, reminder),
            *_notice(pack, reminder.notice, timer),
            *_basis(pack, reminder),
        )
    if timer.overdue_notice:
        yield timer.label, "期限届满", *_notice(pack, timer.overdue_notice), "", "", ""
    if timer.moved_notice:
        yield timer.label, "放假安排变动、届满日改变时", *_notice(pack, timer.moved_notice, timer), "", "", ""
    if late := timer.escalation:
        yield timer.label, escalation_in_words(late), *_notice(pack, late.notice), *_basis(pack, late)


def _notice(pack: PolicyPack, notice: str, timer: Timer | None = None) -> Row:
    """A notice and who gets it: reminders go to those who have the work, where the timer names them."""
    working = dict.fromkeys(role for period in timer.periods for role in period.responsible) if timer else ()
    sent = pack.identity.notices[notice]
    return sent.label, roles_in_words(pack, working or sent.to)


def _basis(pack: PolicyPack, provision: Provision) -> Row:
    return provision.article, pack.words("statuses", provision.status), provision.note


def _basis_in_words(pack: PolicyPack, provision: Provision) -> str:
    article, status, note = _basis(pack, provision)
    return f"{article}，{status}" + (f"：{note}" if note else "")


# ---- tables that line up in a terminal, too ----------------------------------------------------


def _section(title: str, header: Row, rows: Sequence[Row], none: str = "（本文件未规定）") -> Iterator[str]:
    yield f"{title}\n"
    yield from _table(header, rows) if rows else [none]
    yield ""


def _table(header: Row, rows: Sequence[Row]) -> Iterator[str]:
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [min(_WIDEST_COLUMN, max(_width(row[column]) for row in cells)) for column in range(len(header))]
    widths[-1] = _width(header[-1])  # the last column needs no padding
    first, *others = (_line(row, widths) for row in cells)
    yield first
    yield f"| {' | '.join('-' * width for width in widths)} |"
    yield from others


def _line(row: Row, widths: Sequence[int]) -> str:
    return f"| {' | '.join(cell + ' ' * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))} |"


def _width(text: str) -> int:
    """Columns in a terminal: Chinese characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
