"""``kjfh round``: open, look at and close a year's assessment."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from kjfh_workflow.casework.rounds import Round
from kjfh_workflow.cli.output import YEAR, actor_options, json_option, open_workflow, print_json, print_table
from kjfh_workflow.errors import NotFound
from kjfh_workflow.rules.case import Actor


@click.group("round")
def round_command() -> None:
    """Open, look at and close a year's assessment."""


@round_command.command("open")
@click.argument("year", type=YEAR)
@click.option("--request-id", default=None, help="Your own id of this request: repeating it changes nothing.")
@actor_options
@json_option
@click.pass_context
def open_(ctx: click.Context, year: int, request_id: str | None, actor: Actor, as_json: bool) -> None:
    """Open the assessment of YEAR: roster and number of titles are frozen."""
    workflow = open_workflow(ctx)
    with _progress() as progress:
        opened = workflow.rounds.open(actor.city, year, by=actor, request_id=request_id, progress=progress)
    _say(opened, as_json=as_json)


@round_command.command("close")
@click.argument("year", type=YEAR)
@click.option("--request-id", default=None, help="Your own id of this request: repeating it changes nothing.")
@actor_options
@json_option
@click.pass_context
def close(ctx: click.Context, year: int, request_id: str | None, actor: Actor, as_json: bool) -> None:
    """Close the assessment of YEAR: every grade becomes final, or nothing does and every reason is named."""
    workflow = open_workflow(ctx)
    with _progress() as progress:
        closed = workflow.rounds.close(actor.city, year, by=actor, request_id=request_id, progress=progress)
    _say(closed, as_json=as_json)


@round_command.command("list")
@click.option("--city", default="", help="Only this city's.")
@json_option
@click.pass_context
def list_(ctx: click.Context, city: str, as_json: bool) -> None:
    """Every opening and closing."""
    found = open_workflow(ctx).rounds.history(city)
    if as_json:
        print_json(found)
        return
    rows = [
        (one.city, one.year, _ACTS[one.act], one.on, one.by, sum(one.titles.values()), one.members) for one in found
    ]
    print_table("年度考核", ("城市", "年度", "环节", "日期", "经办", "有效资格数", "参加考核"), rows)


@round_command.command("show")
@click.argument("city")
@click.argument("year", type=YEAR)
@json_option
@click.pass_context
def show(ctx: click.Context, city: str, year: int, as_json: bool) -> None:
    """Who is in the assessment of YEAR, with report and grade."""
    workflow = open_workflow(ctx)
    if not any((one.city, one.year) == (city, year) for one in workflow.rounds.history(city)):
        raise NotFound(f"there is no round of {year} in {city}")
    found = workflow.rounds.standings(city, year)
    if as_json:
        print_json(found)
        return
    rows = [
        (s.case, s.name, s.type_label, s.state_label, s.reported_on, s.grade_label, s.score, s.reason) for s in found
    ]
    print_table(f"{year}年度考核", ("编号", "单位", "类型", "状态", "报告", "等次", "得分", "说明"), rows)


_ACTS = {"open_round": "启动", "close_round": "结束"}


def round_in_words(done: Round) -> str:
    """What happened, and to how many."""
    titles = sum(done.titles.values())
    return f"{done.year}年度考核{_ACTS[done.act]}：{done.on}，有效资格{titles}家，参加考核{done.members}家"


def _say(done: Round, *, as_json: bool) -> None:
    if as_json:
        print_json(done)
    else:
        click.echo(f"{done.city} {round_in_words(done)}")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; silence in a file or a pipe."""
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of or None)
