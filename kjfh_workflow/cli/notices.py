"""``kjfh notice``: list, show, preview, letter."""

from __future__ import annotations

from pathlib import Path

import click

from kjfh_workflow.cli.output import json_option, open_workflow, print_json, print_table
from kjfh_workflow.clock import local_date
from kjfh_workflow.errors import NotFound
from kjfh_workflow.policy.vocabulary import Role


@click.group("notice")
def notice_command() -> None:
    """List, show and preview notices; write letters."""


@notice_command.command("list")
@click.option("--case", default="", help="Only this case's.")
@click.option("--city", default="", help="Only this city's.")
@click.option("--after", default="", help="Continue behind this notice.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="At most so many.")
@json_option
@click.pass_context
def list_notices(ctx: click.Context, case: str, city: str, after: str, limit: int, as_json: bool) -> None:
    """List notices in order of their ids."""
    workflow = open_workflow(ctx)
    if case:
        workflow.case(case)  # a case that does not exist has no notices, but that is not what was asked
    rows = workflow.mail_room.notices(case=case, city=city, after=after, limit=limit)
    if as_json:
        print_json(rows)
        return
    shown = []
    for row in rows:
        label, to = row["notice"], row["role"]
        try:
            pack = workflow.catalog.latest(row["city"])
        except NotFound:
            pass  # the city's folder is gone; its short names say it too
        else:
            known = pack.identity.notices.get(row["notice"])
            label, to = known.label if known else label, pack.words("roles", Role(to))
        shown.append((row["id"], label, to, row["number"], row["title"], local_date(row["queued_at"])))
    print_table("通知", ("编号", "通知", "送达", "文号", "标题", "日期"), shown)
    if len(rows) == limit:
        click.echo(f"more: --after {rows[-1]['id']}")


@notice_command.command("show")
@click.argument("notice_id")
@json_option
@click.pass_context
def show(ctx: click.Context, notice_id: str, as_json: bool) -> None:
    """Print a notice as it is on file."""
    row = open_workflow(ctx).mail_room.notice(notice_id)
    if as_json:
        print_json(row)
        return
    _print_text(row["number"], row["title"], row["body"])
    if row["letter_sha256"]:
        click.echo(f"\n函件SHA-256 {row['letter_sha256']}")


@notice_command.command("preview")
@click.argument("template")
@click.option("--case", required=True, help="The case that it would be about.")
@json_option
@click.pass_context
def preview(ctx: click.Context, template: str, case: str, as_json: bool) -> None:
    """Print what the notice TEMPLATE would say of a case as it is now; nothing is written.

    What the case does not have yet is a specimen, marked 〔示例〕.
    """
    drafted = open_workflow(ctx).mail_room.preview(template, case)
    if as_json:
        print_json(drafted)
        return
    _print_text(drafted.number, drafted.written.title, drafted.written.body)
    if drafted.specimens:
        click.echo(f"\n以下为示例，本案尚无：{'、'.join(drafted.specimens)}")


@notice_command.command("letter")
@click.argument("notice_id")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The .docx to write.")
@json_option
@click.pass_context
def letter(ctx: click.Context, notice_id: str, out: Path, as_json: bool) -> None:
    """Write a notice's letter (.docx) to a file; the same notice gives the same file for ever."""
    made = open_workflow(ctx).mail_room.letter(notice_id)
    out.write_bytes(made.body)
    if as_json:
        print_json({"notice": notice_id, "file": str(out), "sha256": made.sha256})
    else:
        click.echo(f"{out}：{len(made.body)}字节，SHA-256 {made.sha256}")


def _print_text(number: str | None, title: str, body: str) -> None:
    if number:
        click.echo(number)
    click.echo(f"{title}\n\n{body}", nl=False)
