"""``kjfh docket``: what falls due, for whom, and where each case ends if nobody acts."""

from __future__ import annotations

from pathlib import Path

import click

from kjfh_workflow.casework.views.docket import MOST_DAYS, Docket, Item
from kjfh_workflow.cli.output import actor_of, json_option, open_workflow, print_json, print_table
from kjfh_workflow.rules.case import Reads


@click.command("docket")
@click.option(
    "--days", default=90, show_default=True, type=click.IntRange(1, MOST_DAYS), help="How many days to look ahead."
)
@click.option("--city", default="", help="Only this city's; with --as also the reader's city.")
@click.option("--as", "who", default="", help="As this user may see it (with --role and --city).")
@click.option("--role", multiple=True, help="The user's roles.")
@click.option("--uscc", default="", help="For applicants: the operator's code.")
@click.option(
    "--ics",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write an iCalendar file instead; - for the standard output.",
)
@json_option
@click.pass_context
def docket_command(
    ctx: click.Context,
    days: int,
    city: str,
    who: str,
    role: tuple[str, ...],
    uscc: str,
    ics: str | None,
    as_json: bool,
) -> None:
    """Show what falls due in the next days, and what is overdue: for whom, why, and what comes of it."""
    if ics and as_json:
        raise click.UsageError("--ics and --json do not go together: one output at a time")
    if bool(who) != bool(role) or (who and not city):
        raise click.UsageError("--as, --role and --city go together: who looks, as what, for which city")
    if uscc and not who:
        raise click.UsageError("--uscc is the reader's code: it goes with --as, --role and --city")
    reader = actor_of(who, role, city, uscc=uscc) if who else None
    if reader and reader.reads() == Reads():
        raise click.UsageError("this reader sees no case: an applicant needs --uscc")
    docket = open_workflow(ctx).docket(days=days, city=city, reader=reader)
    if ics:
        _write_ics(docket, ics)
    elif as_json:
        print_json(docket)
    else:
        print_docket(docket)


def _write_ics(docket: Docket, target: str) -> None:
    from kjfh_workflow.casework.views.ics import to_ics  # noqa: PLC0415  (150 ms that a table need not pay)

    content = to_ics(docket)
    if target == "-":
        click.echo(content, nl=False)
    else:
        Path(target).write_bytes(content)
        click.echo(f"{len(docket.items)} events written to {target}")


def print_docket(docket: Docket) -> None:
    """The docket as a table."""
    for failing in docket.failing:
        click.echo(f"！{failing.case} {failing.timer} {failing.alarm} 到期未能办理：{failing.error}")
    if not docket.items:
        click.echo(f"{docket.today}至{docket.until}没有到期的期限，也没有逾期的期限")
        return
    late = sum(item.overdue for item in docket.items)
    title = f"日程：{docket.today}至{docket.until}，共{len(docket.items)}项" + (f"，其中逾期{late}项" if late else "")
    columns = ("到期日", "案件", "期限", "由谁办理", "依据", "到期日24时", "无人办理的结局")
    print_table(title, columns, [_row(item) for item in docket.items])


def _row(item: Item) -> tuple[str, ...]:
    return (
        f"{item.due}{'（暂定）' if item.provisional else ''}\n{_left(item)}",
        f"{item.operator}\n{item.case}",
        f"{item.timer_label}\n{item.state_label}",
        item.who,
        f"{item.article}\n{item.status_label}",
        item.event_label,
        item.ends.words,
    )


def _left(item: Item) -> str:
    if item.overdue:
        return f"逾期{-item.days_left}日（{-item.working_days_left}个工作日）"
    if item.days_left == 0:
        return "今日到期"
    return f"余{item.days_left}日（{item.working_days_left}个工作日）"
