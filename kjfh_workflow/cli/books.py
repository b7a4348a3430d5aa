"""``kjfh register``, ``integrity``, ``targets``, ``report`` and ``tenants``: the books on a screen or in a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kjfh_workflow.cli.output import DAY, YEAR, actor_options, json_option, open_workflow, print_json, print_table
from kjfh_workflow.cli.tables import give, reader_options, table_options
from kjfh_workflow.policy.vocabulary import Field
from kjfh_workflow.rules.case import Actor

if TYPE_CHECKING:
    from kjfh_workflow.books.tenants import Imported, Moved

F = TypeVar("F", bound=Callable[..., Any])
#: What a terminal has room for of a register.
_SHOWN = (
    "case", "operator", "type_label", "level_label", "state_label", "recognised_on", "document_no", "township",
    "grade_label", "failed_years", "ended_on", "ground",
)  # fmt: skip


def _days(command: F) -> F:
    """Add ``--on`` and ``--known``, and hand the command dates."""

    @wraps(command)
    def with_days(*args: Any, on: datetime | None, known: datetime | None, **kwargs: Any) -> Any:
        return command(*args, on=on and on.date(), known=known and known.date(), **kwargs)

    for option in (
        click.option("--known", type=DAY, default=None, help="As it was on file at the end of this day."),
        click.option("--on", type=DAY, default=None, help="As it was in law on this day; by default, now."),
    ):
        with_days = option(with_days)
    return with_days  # type: ignore[return-value]


def _one(city: str) -> str:
    """*city*, for what is only true of one as a whole."""
    if not city:
        raise click.UsageError("say whose: --city is needed here")
    return city


# ---- register and integrity list ---------------------------------------------------------------------------------


@click.command("register")
@_days
@click.option("--ended", is_flag=True, help="Instead the titles that were cancelled or surrendered.")
@reader_options
@table_options
@click.pass_context
def register_command(
    ctx: click.Context,
    city: str,
    reader: Actor | None,
    on: date | None,
    known: date | None,
    ended: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Show who holds which title, today or on any past day."""
    books = open_workflow(ctx).books
    find = books.ended if ended else books.register
    give([find(city, on=on, known=known, reader=reader)], as_json=as_json, out=out, shown=_SHOWN)


@click.group("integrity")
def integrity_command() -> None:
    """Operators that may not apply, and reviewers' misconduct (失信名单)."""


@integrity_command.command("list")
@_days
@reader_options
@table_options
@click.pass_context
def list_(
    ctx: click.Context,
    city: str,
    reader: Actor | None,
    on: date | None,
    known: date | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """List bans in force and reviewers' misconduct."""
    give(open_workflow(ctx).books.integrity(city, on=on, known=known, reader=reader), as_json=as_json, out=out)


@integrity_command.command("record")
@click.option("--person", required=True, help="The reviewer.")
@click.option("--finding", required=True, help="What was found.")
@click.option("--document-no", required=True, help="The decision's number.")
@click.option("--request-id", default=None, help="Your own id of this request: repeating it changes nothing.")
@actor_options
@json_option
@click.pass_context
def record(
    ctx: click.Context,
    person: str,
    finding: str,
    document_no: str,
    request_id: str | None,
    actor: Actor,
    as_json: bool,
) -> None:
    """Put a reviewer's misconduct on the list."""
    evidence = {str(Field.PERSON): person, str(Field.FINDING): finding, str(Field.DOCUMENT_NO): document_no}
    books = open_workflow(ctx).books
    entry = books.record_misconduct(actor.city, by=actor, evidence=evidence, request_id=request_id)
    if as_json:
        print_json(entry)
    else:
        click.echo(f"已记入失信名单：{entry['person']}（{entry['document_no']}，{entry['article']}）")


# ---- targets and reports -----------------------------------------------------------------------------------------


@click.command("targets")
@_days
@reader_options
@table_options
@click.pass_context
def targets_command(
    ctx: click.Context,
    city: str,
    reader: Actor | None,
    on: date | None,
    known: date | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """Show how far a city has come with its targets, and the list behind each number."""
    give(open_workflow(ctx).books.targets(_one(city), on=on, known=known, reader=reader), as_json=as_json, out=out)


@click.group("report")
def report_command() -> None:
    """What a bureau prints: its year, its townships, the work that is late."""


@report_command.command("yearly")
@click.argument("year", type=YEAR)
@_days
@reader_options
@table_options
@click.pass_context
def yearly(
    ctx: click.Context,
    year: int,
    city: str,
    reader: Actor | None,
    on: date | None,
    known: date | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """Print YEAR: titles, grades, awards, changes, bans."""
    found = open_workflow(ctx).books.yearly(_one(city), year, on=on, known=known, reader=reader)
    give(found, as_json=as_json, out=out)


@report_command.command("township")
@click.option("--year", type=YEAR, default=None, help="Whose awards; by default the year of the day looked at.")
@_days
@reader_options
@table_options
@click.pass_context
def township(
    ctx: click.Context,
    year: int | None,
    city: str,
    reader: Actor | None,
    on: date | None,
    known: date | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """Print one row for each township."""
    found = open_workflow(ctx).books.townships(_one(city), year, on=on, known=known, reader=reader)
    give([found], as_json=as_json, out=out)


@report_command.command("overdue")
@reader_options
@table_options
@click.pass_context
def overdue(ctx: click.Context, city: str, reader: Actor | None, as_json: bool, out: Path | None) -> None:
    """Print the work that is late today, and with whom it lies."""
    give([open_workflow(ctx).books.overdue(city, reader=reader)], as_json=as_json, out=out)


# ---- tenants -----------------------------------------------------------------------------------------------------


@click.group("tenants")
def tenants_command() -> None:
    """The firms in an incubator."""


@tenants_command.command("import")
@click.argument("incubator")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only tell what would happen; store nothing.")
@actor_options
@json_option
@click.pass_context
def import_(ctx: click.Context, incubator: str, file: Path, check: bool, actor: Actor, as_json: bool) -> None:
    """Bring the tenancies of INCUBATOR in line with the roster in FILE (.xlsx or .csv): all of it, or nothing.

    Firms that are new are admitted, firms that are no longer on it leave; a firm is the same while its code is.
    """
    done = open_workflow(ctx).books.import_tenants(incubator, file, by=actor, preview=check)
    if as_json:
        print_json(done)
    else:
        _print_imported(done)
    if done.refused:
        ctx.exit(1)


def _print_imported(done: Imported) -> None:
    def rows(what: str, moved: tuple[Moved, ...]) -> list[tuple[str, ...]]:
        return [
            (what, one.name, one.uscc, one.place, one.case if done.kept else "", "\n".join(map(str, one.refusals)))
            for one in moved
        ]

    shown = [*rows("入驻", done.admitted), *rows("迁出", done.left), *rows("不予办理", done.refused)]
    title = f"{'' if done.kept else '预演，未保存：'}入驻{len(done.admitted)}家，迁出{len(done.left)}家，"
    title += f"不变{len(done.unchanged)}家，不予办理{len(done.refused)}家"
    if shown:
        print_table(title, ("事项", "企业", "统一社会信用代码", "位置", "编号", "理由"), shown)
    else:
        click.echo(title)
