"""``kjfh case``: list, show, what may happen, do, preview."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from kjfh_workflow.casework.views.queries import CaseView
from kjfh_workflow.cli.case_pages import print_cases, print_outcome, print_past, print_possible, print_view
from kjfh_workflow.cli.output import DAY, actor_of, actor_options, json_option, open_workflow, print_json
from kjfh_workflow.errors import InputError, Problem
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.evidence import TEXTS
from kjfh_workflow.store.cases import Filter


@click.group("case")
def case_command() -> None:
    """List, show and act on cases."""


@case_command.command("list")
@click.option("--city", default="", help="Only this city's.")
@click.option("--kind", default="", help="application, incubator, promotion, change or tenancy.")
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


@case_command.command("show")
@click.argument("case")
@click.option("--as", "who", default="", help="Say what this user may do next (with --role and --city).")
@click.option("--role", multiple=True, help="The user's roles.")
@click.option("--city", default="", help="The user's city.")
@click.option("--uscc", default="", help="For applicants: the operator's code.")
@click.option("--on", default=None, type=DAY, help="As it was in law on this day.")
@click.option("--known", default=None, type=DAY, help="As it was known at the end of this day.")
@json_option
@click.pass_context
def show_case(
    ctx: click.Context,
    case: str,
    who: str,
    role: tuple[str, ...],
    city: str,
    uscc: str,
    on: datetime | None,
    known: datetime | None,
    as_json: bool,
) -> None:
    """Show a case: facts, criteria, clocks, timeline, notices, what may happen next and why the rest may not."""
    if bool(who) != bool(role) or bool(who) != bool(city):
        raise click.UsageError("--as, --role and --city go together: who looks, as what, for which city")
    actor = actor_of(who, role, city, uscc=uscc) if who else None
    workflow = open_workflow(ctx)
    if on or known:
        days = {"on": on and on.date(), "known": known and known.date()}
        past = workflow.books.case_as_of(case, reader=actor, **days)
        print_json(past) if as_json else print_past(workflow, past)
        return
    view = workflow.case(case, reader=actor)
    if actor:
        possible = {actor.id: workflow.allowed_events(case, by=actor)}
    else:
        possible = {role: workflow.allowed_events(case, by=somebody) for role, somebody in _everybody(view)}
    if as_json:
        print_json(_view_data(view) | {"possible": possible})
        return
    print_view(workflow, view)
    print_possible(workflow.catalog.pinned(view.case.city, view.case.policy), possible)


@case_command.command("open")
@click.argument("kind")
@click.argument("event")
@click.option("--parent", default="", help="Of a change, promotion or tenancy: the incubator's number.")
@click.option("--with", "given", multiple=True, metavar="KEY=VALUE", help="Evidence; VALUE may be JSON.")
@click.option("--evidence", type=click.Path(exists=True, dir_okay=False), help="Evidence from a TOML or JSON file.")
@click.option("--request-id", default=None, help="Your own id of this request: repeating it changes nothing.")
@actor_options
@json_option
@click.pass_context
def open_(
    ctx: click.Context,
    kind: str,
    event: str,
    parent: str,
    given: tuple[str, ...],
    evidence: str | None,
    request_id: str | None,
    actor: Actor,
    as_json: bool,
) -> None:
    """Open a case of KIND with EVENT: incubator register_title, change report_change, tenancy admit, …"""
    if kind not in set(CaseKind):
        raise click.BadParameter(f"{kind!r} is none of {', '.join(CaseKind)}", param_hint="KIND")
    workflow = open_workflow(ctx)
    said = _evidence(given, evidence)
    outcome = workflow.open_case(kind, event, by=actor, evidence=said, parent=parent, request_id=request_id)
    if as_json:
        print_json(outcome)
    else:
        print_outcome(workflow, outcome)


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
        "children": view.children,
        "warnings": view.warnings,
    }
