"""``kjfh inbox``: what an operator or an office has been sent, as the addressee sees it."""

from __future__ import annotations

import click

from kjfh_workflow.casework.mail.serving import Opened
from kjfh_workflow.cli.outbox import print_proofs
from kjfh_workflow.cli.output import actor_options, json_option, open_workflow, print_json, print_table
from kjfh_workflow.clock import local_date
from kjfh_workflow.rules.case import Actor


@click.group("inbox")
def inbox_command() -> None:
    """Read what an operator or an office has been sent."""


@inbox_command.command("list")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="At most so many.")
@actor_options
@json_option
@click.pass_context
def list_received(ctx: click.Context, limit: int, actor: Actor, as_json: bool) -> None:
    """List the notices addressed to the actor, newest first."""
    found = open_workflow(ctx).mail_room.inbox(reader=actor, limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [
        (each.notice_id, local_date(each.queued_at), each.number, each.subject, each.served_on or "未送达")
        for each in found
    ]
    print_table("收件箱", ("通知编号", "日期", "文号", "标题", "送达"), rows)


@inbox_command.command("show")
@click.argument("notice")
@actor_options
@json_option
@click.pass_context
def show(ctx: click.Context, notice: str, actor: Actor, as_json: bool) -> None:
    """Show NOTICE; nothing is recorded."""
    _print(open_workflow(ctx).mail_room.peek(notice, reader=actor), as_json)


@inbox_command.command("read")
@click.argument("notice")
@actor_options
@json_option
@click.pass_context
def read(ctx: click.Context, notice: str, actor: Actor, as_json: bool) -> None:
    """Read NOTICE as its addressee; an operator's first reading is recorded as a receipt (收件箱查阅)."""
    _print(open_workflow(ctx).mail_room.read(notice, by=actor), as_json)


def _print(opened: Opened, as_json: bool) -> None:
    if as_json:
        print_json(opened)
        return
    received = opened.received
    click.echo("\n".join(part for part in (received.number, opened.title or received.subject, "", opened.body) if part))
    print_proofs(opened.services)
