"""``kjfh outbox``: what has still to be sent, what could not be, and proof of service."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from kjfh_workflow.casework.mail.outbox import Entry, Traced
from kjfh_workflow.casework.mail.serving import WAYS
from kjfh_workflow.cli.output import DAY, actor_options, json_option, open_workflow, print_json, print_table
from kjfh_workflow.clock import SHANGHAI, local_date
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.store.outbox import State
from kjfh_workflow.store.outbox_desk import UNROUTED, Wanted


@click.group("outbox")
def outbox_command() -> None:
    """What has still to be sent, what could not be, and proof of service."""


@outbox_command.command("list")
@click.option("--problems", is_flag=True, help="Only what a person should look at.")
@click.option("--city", default="", help="Only this city's.")
@click.option("--case", default="", help="Only of this case.")
@click.option("--channel", default="", help="Only on this channel.")
@click.option("--state", default=None, type=click.Choice([UNROUTED, *State]), help="Only in this state.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="At most so many.")
@json_option
@click.pass_context
def list_entries(
    ctx: click.Context, problems: bool, city: str, case: str, channel: str, state: str | None, limit: int, as_json: bool
) -> None:
    """List letters and how they stand, newest first."""
    wanted = Wanted(city=city, case=case, channel=channel, state=state or "", problems=problems)
    found = open_workflow(ctx).mail_room.entries(wanted, limit=limit)
    if as_json:
        print_json(found)
        return
    _print_entries("发件箱", found)
    if len(found) == limit:
        click.echo(f"more than {limit}: narrow it down, or --limit")


def _print_entries(title: str, entries: list[Entry]) -> None:
    rows = [
        (
            entry.notice_id,
            local_date(entry.queued_at),
            entry.number or entry.label,
            entry.addressee,
            entry.channel or "—",
            "发送中" if entry.sending else entry.state_label,
            _minute(entry.next_at),
            "：".join(part for part in (entry.trouble_label, entry.error) if part),
        )
        for entry in entries
    ]
    print_table(title, ("通知编号", "日期", "文号或名称", "收件人", "渠道", "状态", "下次处理", "需要处理"), rows)


@outbox_command.command("show")
@click.argument("notice")
@json_option
@click.pass_context
def show(ctx: click.Context, notice: str, as_json: bool) -> None:
    """Show NOTICE: number, text, deliveries, what happened, proofs of service."""
    traced = open_workflow(ctx).mail_room.trace(notice)
    if as_json:
        print_json(traced)
    else:
        _print_traced(traced)


def _print_traced(traced: Traced) -> None:
    click.echo("\n".join(part for part in (traced.number, traced.title or traced.subject, "", traced.body) if part))
    _print_entries("发送", traced.entries)
    log = [
        (_minute(row["at"]), row["channel"] or "—", row["what_label"], row["detail"], row["actor"])
        for row in traced.log
    ]
    if log:
        print_table("经过", ("时间", "渠道", "事项", "内容", "由谁"), log)
    print_proofs(traced.services)


def print_proofs(proofs: list[dict[str, Any]]) -> None:
    """A table of proofs of service; nothing where there are none."""
    columns = ("served_on", "how", "served_by", "received_by", "note", "recorded_by")
    if proofs:
        rows = [tuple(proof[column] for column in columns) for proof in proofs]
        print_table("送达", ("日期", "方式", "送达人", "签收人", "备注", "记录人"), rows)


@outbox_command.command("retry")
@click.argument("notice", default="")
@click.option("--all", "everything", is_flag=True, help="Everything of the city that stands still.")
@click.option("--channel", default="", help="Only on this channel.")
@actor_options
@json_option
@click.pass_context
def retry(ctx: click.Context, notice: str, everything: bool, channel: str, actor: Actor, as_json: bool) -> None:
    """Try at once what stands still: NOTICE, or with --all every letter of the city."""
    if bool(notice) == everything:
        raise click.UsageError("name a NOTICE, or say --all")
    number = open_workflow(ctx).mail_room.retry(notice, by=actor, channel=channel)
    if as_json:
        print_json({"retried": number})
    else:
        click.echo(f"{number}件将立即重试")


@outbox_command.command("resend")
@click.argument("notice")
@click.option("--channel", required=True, help="By which channel; one that it did not take before, too.")
@click.option("--reason", required=True, help="Why; it stands in the log.")
@actor_options
@json_option
@click.pass_context
def resend(ctx: click.Context, notice: str, channel: str, reason: str, actor: Actor, as_json: bool) -> None:
    """Send NOTICE once more, with the same number and text."""
    open_workflow(ctx).mail_room.resend(notice, channel, by=actor, reason=reason)
    if as_json:
        print_json({"notice": notice, "channel": channel, "state": "queued"})
    else:
        click.echo(f"{notice}：将由{channel}重新发送")


@outbox_command.command("discard")
@click.argument("notice", default="")
@click.option("--channel", default="", help="Only on this channel; otherwise on all that have not sent it.")
@click.option("--before", type=DAY, default=None, help="Instead of NOTICE: all of the city from before this day "
              "for which no channel has been chosen yet.")  # fmt: skip
@click.option("--reason", required=True, help="Why; it stands in the log.")
@actor_options
@json_option
@click.pass_context
def discard(
    ctx: click.Context, notice: str, channel: str, before: datetime | None, reason: str, actor: Actor, as_json: bool
) -> None:
    """Decide that NOTICE is not to be sent any more."""
    if bool(notice) == bool(before) or (before and channel):
        raise click.UsageError("name a NOTICE (and perhaps --channel), or give --before")
    room = open_workflow(ctx).mail_room
    if before:
        number = room.discard_before(before.date(), by=actor, reason=reason)
    else:
        number = room.discard(notice, by=actor, reason=reason, channel=channel)
    if as_json:
        print_json({"discarded": number})
    else:
        click.echo(f"{number}件不再发送")


@outbox_command.command("serve")
@click.argument("notice")
@click.option("--how", required=True, type=click.Choice(WAYS), help="The way of service (送达方式).")
@click.option("--on", required=True, type=DAY, help="The day.")
@click.option("--by", "served_by", required=True, help="Who served it.")
@click.option("--received-by", default="", help="Who received it.")
@click.option("--note", default="", help="Number of the receipt, witnesses, newspaper.")
@actor_options
@json_option
@click.pass_context
def serve(
    ctx: click.Context,
    notice: str,
    how: str,
    on: datetime,
    served_by: str,
    received_by: str,
    note: str,
    actor: Actor,
    as_json: bool,
) -> None:
    """Record that NOTICE reached its addressee (送达)."""
    room = open_workflow(ctx).mail_room
    room.serve(notice, by=actor, how=how, on=on.date(), served_by=served_by, received_by=received_by, note=note)
    proofs = room.trace(notice).services
    if as_json:
        print_json(proofs)
    else:
        print_proofs(proofs)


def _minute(instant: datetime | None) -> str:
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") if instant else ""
