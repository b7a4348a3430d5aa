"""How a case is printed: its facts, criteria, clocks, money, timeline, notices; and what an act did.

The commands that print it are ``cases``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import click

from kjfh_workflow import canonical
from kjfh_workflow.books.desk import Past
from kjfh_workflow.casework.outcome import Outcome
from kjfh_workflow.casework.views.queries import CaseView, Possible
from kjfh_workflow.casework.views.wording import event_label, proof, remarks, row_in_words, timer_label, who
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.cli.output import print_table
from kjfh_workflow.clock import local_date
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import RefusalCode, Role
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import Clock


def print_cases(workflow: Workflow, rows: Iterable[dict[str, Any]], title: str = "案件") -> None:
    """A table of cases, in people's words."""
    shown = []
    for row in rows:
        words = row_in_words(workflow.catalog, row)
        labels = words.city_label, words.kind_label, words.type_label
        shown.append((row["id"], *labels, row["name"], words.state_label, words.level_label, row["opened_on"]))
    print_table(title, ("编号", "城市", "类别", "类型", "单位", "状态", "级别", "立案日期"), shown)


def print_view(workflow: Workflow, view: CaseView) -> None:
    """Everything about a case, section by section."""
    case = view.case
    pack = workflow.catalog.pinned(case.city, case.policy)
    _print_head(pack, case, view.state_label)
    for warning in view.warnings:
        click.echo(f"！{warning}")
    if view.facts:
        _print_facts(view)
    if view.evaluation:
        _print_evaluation(pack, view)
    _print_clocks(pack, case, view.clocks)
    _print_years(pack, case)
    if view.children:
        print_cases(workflow, view.children, title="所属案件")
    print_timeline(pack, view)
    if view.notices:
        rows = [
            (local_date(n["queued_at"]), n["number"], n["subject"], pack.words("roles", n["role"]))
            for n in view.notices
        ]
        print_table("通知", ("日期", "文号", "标题", "送达"), rows)


def print_past(workflow: Workflow, past: Past) -> None:
    """A case as it was: state, clocks, assessments, money."""
    pack = workflow.catalog.pinned(past.case.city, past.case.policy)
    _print_head(pack, past.case, past.state_label)
    click.echo(f"最近办理：{past.changed_on}（第{past.case.version}步）")
    _print_clocks(pack, past.case, past.clocks)
    _print_years(pack, past.case)


def _print_head(pack: PolicyPack, case: Case, state_label: str) -> None:
    identity = pack.identity
    number = identity.document_no or identity.title
    head = [
        ("单位", f"{case.name}（{case.uscc}）"),
        ("类型", identity.types[case.type].label),
        ("状态", f"{state_label}（{case.state}）"),
        ("级别", pack.words("levels", case.level) if case.level else ""),
        ("所属", case.parent),
        ("依据", f"{identity.city_label} {number}（{pack.name}，{pack.digest[:12]}）"),
    ]
    print_table(f"案件 {case.id}", ("项目", "内容"), [row for row in head if row[1]])


def _print_clocks(pack: PolicyPack, case: Case, clocks: Mapping[str, Clock]) -> None:
    timers = pack.machines[case.kind].timer_of
    rows = [(timers[name].label, clock.due, proof(pack, clock)) for name, clock in clocks.items()]
    if rows:
        print_table("期限", ("名称", "到期日", "计算"), rows)


def _print_facts(view: CaseView) -> None:
    facts = view.facts
    if facts is None:
        return
    operator, premises, fund = facts.operator, facts.premises, facts.fund
    place = f"{premises.address}（{premises.township}），{premises.area_m2}平方米"
    rosters = {
        "入驻企业": len(facts.tenants),
        "工作人员": len(facts.staff),
        "创业导师": len(facts.mentors),
        "毕业企业": len(facts.graduates),
        "创客": facts.makers,
    }
    rows = [
        ("运营机构", f"{operator.name}，注册地{operator.registered_in}，{operator.operating_since}开始运营"),
        ("场地", f"{place}，公共服务{premises.public_service_m2}平方米"),
        ("资金", f"自有种子资金{fund.own_seed_yuan}元，合作孵化资金{fund.partner_yuan}元"),
        ("名单", "，".join(f"{name}{number}" for name, number in rosters.items())),
    ]
    print_table(f"申报数据（{view.case.facts_on}提交）", ("项目", "内容"), rows)


def _print_evaluation(pack: PolicyPack, view: CaseView) -> None:
    evaluation = view.decided or view.evaluation
    if evaluation is None:
        return
    rows = [
        (
            pack.words("results", a.result),
            a.label,
            a.value,
            a.required,
            pack.words("modifiers", a.modifier),
            a.article,
            pack.words("statuses", a.status),
        )
        for a in evaluation.criteria
    ]
    title = "认定条件（初审核查结论）" if view.decided else "认定条件（按申报数据）"
    print_table(title, ("结果", "条件", "现值", "要求", "性质", "条款", "依据"), rows)
    if evaluation.left_out:
        left = [(r.row, r.name, r.reason, r.article) for r in evaluation.left_out]
        print_table("不计为在孵企业", ("行", "企业", "原因", "条款"), left)
    for text in (*evaluation.warnings, *evaluation.contradictions):
        click.echo(f"！{text}")


def _print_years(pack: PolicyPack, case: Case) -> None:
    """A title's assessments, money and changes."""
    memory = case.memory
    grades = [
        (year, pack.words("grades", g["grade"]), g.get("score", ""), pack.words("ungraded", g.get("reason", "")))
        for year, g in sorted(memory.get("grades", {}).items())
    ]
    if grades:
        failed = memory.get("failed_years", 0)
        title = "年度考核" + (f"（至今连续{failed}年不合格）" if failed else "")
        print_table(title, ("年度", "等次", "得分", "说明"), grades)
    awards = [
        (
            pack.words("awards", a["kind"]),
            a["year"],
            a["instalment"] or "",
            f"{Decimal(a['yuan']):,.2f}",
            pack.words("award_statuses", a["status"]),
            a["words"],
            a["article"],
        )
        for _, a in sorted(memory.get("awards", {}).items())
    ]
    if awards:
        print_table("奖励台账", ("奖励", "年度", "期", "金额（元）", "状态", "计算", "条款"), awards)
    changes = [
        (
            "、".join(pack.words("changes", what) for what in c["what"]),
            c["occurred_on"],
            "未报告" if c["late_days"] is None else c["late_days"],
            c["case"],
        )
        for c in memory.get("changes", ())
    ]
    if changes:
        print_table("变更", ("事项", "发生日期", "逾期天数", "案件"), changes)


def print_timeline(pack: PolicyPack, view: CaseView) -> None:
    """What happened, by whom, under which article."""
    kind, rows = view.case.kind, []
    for row in view.timeline:
        name = timer_label(pack, kind, row.actor_name) if row.role == Role.TIMER else row.actor_name
        target = pack.state_label(kind, row.target) if row.target != row.source else "—"
        said = remarks(canonical.loads(row.evidence))
        label = event_label(pack, kind, row.event)
        rows.append((row.version, row.legal_on, label, who(pack, row.role, name), target, row.article, said))
    print_table("办理经过", ("序", "日期", "事件", "经办", "转入", "条款", "内容"), rows)


def print_possible(pack: PolicyPack, possible: dict[str, list[Possible]]) -> None:
    """One table: each event for whoever it belongs to; for one user, every event of the state."""
    rows = []
    for holder, events in possible.items():
        for event in events:
            if len(possible) > 1 and [r.code for r in event.refusals] == [RefusalCode.NOT_AUTHORISED]:
                continue  # it stands in the row of whose it is
            fields = event.evidence.items()
            needs = "、".join(
                pack.words("fields", name) + ("" if required else "（选填）") for name, required in fields
            )
            why = [str(refusal) for refusal in event.refusals] or [point.message for point in event.open_points]
            allowed = "可以" if event.allowed else "不可"
            rows.append(
                (pack.words("roles", holder), f"{event.label}（{event.event}）", allowed, needs, "\n".join(why))
            )
    if rows:
        print_table("下一步", ("由谁", "事件", "", "需提供", "原因或待答"), rows)


def print_outcome(workflow: Workflow, outcome: Outcome) -> None:
    """What an act did, or would be refused for."""
    if outcome.refusals:
        click.echo("会被拒绝：")
        for refusal in outcome.refusals:
            click.echo(f"  {refusal}")
        return
    view = workflow.case(outcome.case)
    pack = workflow.catalog.pinned(view.case.city, view.case.policy)
    machine = pack.machines[view.case.kind]
    states = [pack.state_label(view.case.kind, name) for name in (outcome.source, outcome.state)]
    click.echo(f"{outcome.case} {machine.events[outcome.event]}：{' → '.join(states)}（{outcome.article}）")
    for timer, due in outcome.started.items():
        click.echo(f"  开始计时：{machine.timer_of[timer].label}，{due}到期")
    for timer in outcome.stopped:
        click.echo(f"  停止计时：{machine.timer_of[timer].label}")
    for notice, role in outcome.notices:
        click.echo(f"  通知：{pack.identity.notices[notice].label}（送{pack.words('roles', role)}）")
    for kind, case_id in outcome.opened.items():
        click.echo(f"  立案：{pack.words('kinds', kind)} {case_id}")
    if outcome.banned_until:
        click.echo(f"  禁止申报至{outcome.banned_until}")
