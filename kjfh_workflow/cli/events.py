"""``kjfh events``: what has happened, who follows it, and whether a request has been carried out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from kjfh_workflow.casework.outcome import Outcome
from kjfh_workflow.casework.requests import Attached, Misconduct
from kjfh_workflow.cli.output import actor_options, json_option, open_workflow, print_json, print_table
from kjfh_workflow.clock import SHANGHAI
from kjfh_workflow.rules.case import Actor


@click.group("events")
def events_command() -> None:
    """What has happened, who follows it, and what they have not taken."""


@events_command.command("list")
@click.option("--after", default=0, show_default=True, type=click.IntRange(0), help="Continue behind this number.")
@click.option("--city", default="", help="Only this city's.")
@click.option("--kind", default="", help="Only of this kind of case.")
@click.option("--event", default="", help="Only this event.")
@click.option("--case", default="", help="Only of this case.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="At most so many.")
@json_option
@click.pass_context
def list_events(
    ctx: click.Context, after: int, city: str, kind: str, event: str, case: str, limit: int, as_json: bool
) -> None:
    """List what has happened, oldest first."""
    desk = open_workflow(ctx).events
    found = desk.since(after, city=city, kind=kind, event=event, case=case, limit=limit)
    if as_json:
        print_json({"items": [item.as_data() for item in found.items], "next": found.next, "head": found.head})
        return
    rows = [
        (item.number, _minute(item.happened_at), item.case, item.event_label, item.state_label, item.role_label)
        for item in found.items
    ]
    print_table("事件", ("序号", "时间", "案件", "事件", "状态", "由谁"), rows)
    if found.next < found.head:
        click.echo(f"more behind --after {found.next}")


@events_command.command("followers")
@json_option
@click.pass_context
def list_followers(ctx: click.Context, as_json: bool) -> None:
    """List the programs that follow, how far each has come, and what it has not taken."""
    found = open_workflow(ctx).events.followers()
    if as_json:
        print_json(found)
        return
    rows = [
        (one.name, one.cursor, one.lag, one.withheld, one.given_up, _minute(one.next_at), _minute(one.claimed_until))
        for one in found
    ]
    print_table("接收方", ("名称", "已到", "落后", "未收", "其中已放弃", "下次重试", "正在发送至"), rows)


@events_command.command("withheld")
@click.argument("follower")
@click.option("--after", default=0, show_default=True, type=click.IntRange(0), help="Continue behind this number.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="At most so many.")
@json_option
@click.pass_context
def list_withheld(ctx: click.Context, follower: str, after: int, limit: int, as_json: bool) -> None:
    """List what FOLLOWER has not taken, and why."""
    found = open_workflow(ctx).events.withheld(follower, after=after, limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [
        (one.number, one.case, one.attempts, _minute(one.next_at) or "已放弃", "" if one.waits else one.error)
        for one in found
    ]
    print_table(f"{follower}未收的事件", ("序号", "案件", "已试", "下次重试", "原因"), rows)


@events_command.command("retry")
@click.argument("follower")
@click.argument("number", type=click.IntRange(1), required=False)
@click.option("--all", "everything", is_flag=True, help="Everything that it has not taken.")
@actor_options
@json_option
@click.pass_context
def retry(ctx: click.Context, follower: str, number: int | None, everything: bool, actor: Actor, as_json: bool) -> None:
    """Try at once what FOLLOWER has not taken: event NUMBER, or with --all everything."""
    if (number is not None) == everything:
        raise click.UsageError("name a NUMBER, or say --all")
    retried = open_workflow(ctx).events.retry(follower, number, by=actor)
    if as_json:
        print_json({"retried": retried})
    else:
        click.echo(f"{retried}件将立即重试")


@events_command.command("skip")
@click.argument("follower")
@click.argument("number", type=click.IntRange(1))
@click.option("--reason", required=True, help="Why; it stands in the log.")
@actor_options
@json_option
@click.pass_context
def skip(ctx: click.Context, follower: str, number: int, reason: str, actor: Actor, as_json: bool) -> None:
    """Decide that FOLLOWER is not handed event NUMBER any more."""
    open_workflow(ctx).events.skip(follower, number, by=actor, reason=reason)
    _say({"follower": follower, "skipped": number}, f"{follower}不再收到第{number}号事件", as_json)


@events_command.command("replay")
@click.argument("follower")
@click.argument("cursor", type=click.IntRange(0))
@actor_options
@json_option
@click.pass_context
def replay(ctx: click.Context, follower: str, cursor: int, actor: Actor, as_json: bool) -> None:
    """Hand FOLLOWER everything behind CURSOR once more."""
    open_workflow(ctx).events.replay(follower, cursor, by=actor)
    _say({"follower": follower, "cursor": cursor}, f"{follower}将从第{cursor}号之后重新接收", as_json)


@events_command.command("forget")
@click.argument("follower")
@actor_options
@json_option
@click.pass_context
def forget(ctx: click.Context, follower: str, actor: Actor, as_json: bool) -> None:
    """Forget a FOLLOWER that does not exist any more."""
    open_workflow(ctx).events.forget(follower, by=actor)
    _say({"forgotten": follower}, f"已删除{follower}", as_json)


@events_command.command("request")
@click.argument("request_id")
@json_option
@click.pass_context
def request(ctx: click.Context, request_id: str, as_json: bool) -> None:
    """Tell what the request with this id did; exits with 3 if it has done nothing so far."""
    done = open_workflow(ctx).events.of_request(request_id)
    if as_json:
        print_json(done)
    elif isinstance(done, Outcome):
        click.echo(f"{done.case} {done.event}: {done.source} → {done.state} (version {done.version})")
    elif isinstance(done, Attached):
        click.echo(f"{done.case}: {done.name} ({done.sha256})")
    elif isinstance(done, Misconduct):
        click.echo(f"{done.entry['city']}: 失信名单第{done.entry['id']}条")
    else:
        click.echo(f"{done.city} {done.year} {done.act}: {done.members}家，{done.on}")


def _say(data: dict[str, Any], words: str, as_json: bool) -> None:
    if as_json:
        print_json(data)
    else:
        click.echo(words)


def _minute(instant: datetime | None) -> str:
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") if instant else ""
