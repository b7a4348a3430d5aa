"""``kjfh case``: list, show, what may happen, do, preview."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from kjfh_workflow import canonical
from kjfh_workflow.casework.outcome import Outcome
from kjfh_workflow.casework.queries import CaseView, Possible
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.cli.output import actor_of, actor_options, json_option, open_workflow, print_json, print_table
from kjfh_workflow.clock import local_date
from kjfh_workflow.errors import InputError, NotFound, Problem
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import RefusalCode
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.clocks import Clock
from kjfh_workflow.rules.evidence import TEXTS
from kjfh_workflow.store.cases import Filter


@click.group("case")
def case_command() -> None:
    """List, show and act on cases."""


@case_command.command("list")
@click.option("--city", default="", help="Only this city's.")
@click.option("--kind", default="", help="application or incubator.")
@click.option("--state", default="", help="Only in this state.")
@click.option("--uscc", default="", help="Only this operator's.")
@click.option("--after", default="", help="Continue behind this case.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="At most so many.")
@json_option
@click.pass_context
def list_cases(
    ctx: click.Context, city: str, kind: str, state: str, uscc: str, after: str, limit: int, as_json: bool
) -> None:
    """List cases in order of their numbers."""
    workflow = open_workflow(ctx)
    rows = workflow.cases(Filter(city, kind, state, uscc), after=after, limit=limit)
    if as_json:
        print_json(rows)
        return
    print_cases(workflow, rows)
    if len(rows) == limit:
        click.echo(f"more: --after {rows[-1]['id']}")


def print_cases(workflow: Workflow, rows: Iterable[dict[str, Any]]) -> None:
    """A table of cases, in people's words."""
    shown = []
    for row in rows:
        city, kind, label, state, level = _in_words(workflow, row)
        shown.append((row["id"], city, kind, label, row["name"], state, level, row["opened_on"]))
    print_table("案件", ("编号", "城市", "类别", "类型", "单位", "状态", "级别", "立案日期"), shown)


def _in_words(workflow: Workflow, row: dict[str, Any]) -> tuple[str, str, str, str, str]:
    """City, kind, type, state and level; by their short names where the pack's folder is gone."""
    try:
        pack = workflow.catalog.pinned(row["city"], row["policy"])
    except NotFound:
        return row["city"], row["kind"], row["type"], row["state"], row["level"]
    return (
        pack.identity.city_label,
        pack.words("kinds", row["kind"]),
        pack.identity.types[row["type"]].label,
        pack.machines[row["kind"]].states[row["state"]].label,
        pack.words("levels", row["level"]) if row["level"] else "",
    )


@case_command.command("show")
@click.argument("case")
@click.option("--as", "who", default="", help="Say what this user may do next (with --role and --city).")
@click.option("--role", multiple=True, help="The user's roles.")
@click.option("--city", default="", help="The user's city.")
@click.option("--uscc", default="", help="For applicants: the operator's code.")
@json_option
@click.pass_context
def show_case(
    ctx: click.Context, case: str, who: str, role: tuple[str, ...], city: str, uscc: str, as_json: bool
) -> None:
    """Show a case: facts, criteria, clocks, timeline, notices, what may happen next and why the rest may not."""
    if bool(who) != bool(role) or bool(who) != bool(city):
        raise click.UsageError("--as, --role and --city go together: who looks, as what, for which city")
    actor = actor_of(who, role, city, uscc=uscc) if who else None
    workflow = open_workflow(ctx)
    view = workflow.case(case, reader=actor)
    if actor:
        possible = {actor.id: workflow.allowed_events(case, by=actor)}
    else:
        possible = {role: workflow.allowed_events(case, by=somebody) for role, somebody in _everybody(view)}
    if as_json:
        print_json(_view_data(view) | {"possible": possible})
        return
    print_view(workflow, view)
    _print_possible(workflow.catalog.pinned(view.case.city, view.case.policy), possible)


@case_command.command("do")
@click.argument("case")
@click.argument("event")
@click.option("--with", "given", multiple=True, metavar="KEY=VALUE", help="Evidence; VALUE may be JSON.")
@click.option("--evidence", type=click.Path(exists=True, dir_okay=False), help="Evidence from a TOML or JSON file.")
@click.option("--request-id", default=None, help="Your own id of this request: repeating it changes nothing.")
@actor_options
@json_option
@click.pass_context
def do(
    ctx: click.Context,
    case: str,
    event: str,
    given: tuple[str, ...],
    evidence: str | None,
    request_id: str | None,
    actor: Actor,
    as_json: bool,
) -> None:
    """Perform EVENT on CASE."""
    workflow = open_workflow(ctx)
    outcome = workflow.perform(case, event, by=actor, evidence=_evidence(given, evidence), request_id=request_id)
    if as_json:
        print_json(outcome)
    else:
        print_outcome(workflow, outcome)


@case_command.command("preview")
@click.argument("case")
@click.argument("event")
@click.option("--with", "given", multiple=True, metavar="KEY=VALUE", help="Evidence; VALUE may be JSON.")
@click.option("--evidence", type=click.Path(exists=True, dir_okay=False), help="Evidence from a TOML or JSON file.")
@actor_options
@json_option
@click.pass_context
def preview(
    ctx: click.Context,
    case: str,
    event: str,
    given: tuple[str, ...],
    evidence: str | None,
    actor: Actor,
    as_json: bool,
) -> int:
    """Say what EVENT would do to CASE; nothing is kept. Exits with 1 if it would be refused."""
    workflow = open_workflow(ctx)
    outcome = workflow.preview(case, event, by=actor, evidence=_evidence(given, evidence))
    if as_json:
        print_json(outcome)
    else:
        print_outcome(workflow, outcome)
    return 1 if outcome.refusals else 0


def _evidence(given: tuple[str, ...], path: str | None) -> dict[str, Any]:
    evidence: dict[str, Any] = {}
    if path:
        try:
            text = Path(path).read_text("utf-8")
            if path.endswith(".json"):
                evidence = json.loads(text, parse_float=Decimal)
            else:
                evidence = tomllib.loads(text, parse_float=Decimal)
        except ValueError as error:
            raise InputError([Problem(path, "", f"is not readable: {error}")]) from error
        if not isinstance(evidence, dict):
            raise InputError([Problem(path, "", "must hold one table of evidence, field by field")])
    for item in given:
        key, equals, value = item.partition("=")
        if not equals:
            raise click.BadParameter(f"{item!r} is not KEY=VALUE", param_hint="--with")
        evidence[key] = value if key in TEXTS else _json_or_text(value)
    return evidence


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value, parse_float=Decimal)
    except ValueError:
        return value


def _everybody(view: CaseView) -> Iterable[tuple[str, Actor]]:
    """Somebody of each role that acts, to ask what they may do."""
    case = view.case
    for role in ("applicant", "tech_clerk", "tech_lead", "finance"):
        yield role, Actor.of(f"any {role}", role, case.city, uscc=case.uscc if role == "applicant" else "")


# ---- printing ------------------------------------------------------------------------------------------------------


def print_view(workflow: Workflow, view: CaseView) -> None:
    """Everything about a case, section by section."""
    case = view.case
    pack = workflow.catalog.pinned(case.city, case.policy)
    identity = pack.identity
    number = identity.document_no or identity.title
    head = [
        ("单位", f"{case.name}（{case.uscc}）"),
        ("类型", identity.types[case.type].label),
        ("状态", f"{view.state_label}（{case.state}）"),
        ("级别", pack.words("levels", case.level) if case.level else ""),
        ("依据", f"{identity.city_label} {number}（{pack.name}，{pack.digest[:12]}）"),
    ]
    print_table(f"案件 {case.id}", ("项目", "内容"), [row for row in head if row[1]])
    for warning in view.warnings:
        click.echo(f"！{warning}")
    if view.facts:
        _print_facts(view)
    if view.evaluation:
        _print_evaluation(pack, view)
    machine = pack.machines[case.kind]
    clocks = [(machine.timer_of[name].label, clock.due, _proof(pack, clock)) for name, clock in view.clocks.items()]
    if clocks:
        print_table("期限", ("名称", "到期日", "计算"), clocks)
    print_timeline(pack, view)
    if view.notices:
        rows = [
            (local_date(n["queued_at"]), n["number"], n["subject"], pack.words("roles", n["role"]))
            for n in view.notices
        ]
        print_table("通知", ("日期", "文号", "标题", "送达"), rows)


def _proof(pack: PolicyPack, clock: Clock) -> str:
    """How a date was found, with its sources."""
    counted = clock.in_words(pack.words("units", clock.deadline.unit))
    article = f"{clock.article}；" if clock.article else ""
    return f"{counted}（{article}放假安排：{clock.deadline.calendar}）"


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


def print_timeline(pack: PolicyPack, view: CaseView) -> None:
    """What happened, by whom, under which article."""
    machine = pack.machines[view.case.kind]
    rows = []
    for row in view.timeline:
        label = machine.events.get(row.event) or pack.words("alarms", row.event)
        target = machine.states[row.target].label if row.target != row.source else "—"
        who = row.actor_name if row.role == "timer" else f"{row.actor_name}（{pack.words('roles', row.role)}）"
        rows.append((row.version, row.legal_on, label, who, target, row.article, _remarks(row.evidence)))
    print_table("办理经过", ("序", "日期", "事件", "经办", "转入", "条款", "内容"), rows)


def _remarks(evidence: str) -> str:
    said = canonical.loads(evidence)
    texts = [said[key] for key in ("reason", "finding", "opinion", "ground", "statement") if key in said]
    return "；".join([*texts, *said.get("missing", ())])


def _print_possible(pack: PolicyPack, possible: dict[str, list[Possible]]) -> None:
    """One table: each event for whoever it belongs to; for one user, every event of the state."""
    rows = []
    for who, events in possible.items():
        for event in events:
            if len(possible) > 1 and [r.code for r in event.refusals] == [RefusalCode.NOT_AUTHORISED]:
                continue  # it stands in the row of whose it is
            fields = event.evidence.items()
            needs = "、".join(
                pack.words("fields", name) + ("" if required else "（选填）") for name, required in fields
            )
            why = [str(refusal) for refusal in event.refusals] or [point.message for point in event.open_points]
            allowed = "可以" if event.allowed else "不可"
            rows.append((pack.words("roles", who), f"{event.label}（{event.event}）", allowed, needs, "\n".join(why)))
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


def _view_data(view: CaseView) -> dict[str, Any]:
    return {
        "case": view.case,
        "state_label": view.state_label,
        "facts": view.facts,
        "evaluation": view.evaluation,
        "decided": view.decided,
        "clocks": {name: clock.as_data() for name, clock in view.clocks.items()},
        "timeline": [row.as_data() for row in view.timeline],
        "alarms": view.alarms,
        "notices": view.notices,
        "bans": view.bans,
        "warnings": view.warnings,
    }
