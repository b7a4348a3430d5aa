"""``kjfh db`` and ``kjfh verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kjfh_workflow.casework.proof import verify
from kjfh_workflow.cli.output import actor_options, json_option, open_workflow, print_json
from kjfh_workflow.store import migrate, rights
from kjfh_workflow.store.database import Database

if TYPE_CHECKING:
    from kjfh_workflow.rules.case import Actor


@click.group("db")
def db_command() -> None:
    """Create, upgrade, check, seal and export the database."""


@db_command.command("upgrade")
@json_option
@click.pass_context
def upgrade(ctx: click.Context, as_json: bool) -> None:
    """Bring the schema up to date; an empty database gets its first one."""
    database = _opened(ctx)
    before = migrate.current(database.engine)
    after = migrate.upgrade(database.engine)
    if as_json:
        print_json({"before": before, "after": after})
    else:
        click.echo(f"schema {after} already" if before == after else f"schema {before or 'none'} → {after}")


@db_command.command("check")
@json_option
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Say whether the schema fits this program, and its role may use it (exit code 6 if not)."""
    database = _opened(ctx)
    migrate.check(database.engine)
    rights.check(database.engine)
    if as_json:
        print_json({"schema": migrate.newest()})
    else:
        click.echo(f"schema {migrate.newest()}: fits")


def _opened(ctx: click.Context) -> Database:
    database = Database.open(ctx.obj["db"])
    ctx.call_on_close(database.engine.dispose)
    return database


@db_command.command("checkpoint")
@json_option
@click.pass_context
def checkpoint(ctx: click.Context, as_json: bool) -> None:
    """Seal everything written since the last checkpoint. Keep the printed hash somewhere else."""
    made = open_workflow(ctx).checkpoint()
    if as_json:
        print_json(made)
    elif made is None:
        click.echo("nothing new to seal")
    else:
        click.echo(f"checkpoint {made.number}: {made.row_count} rows up to {made.position}, {made.hash}")


@db_command.command("export")
@click.argument("file", type=click.Path(dir_okay=False))
@json_option
@click.pass_context
def export(ctx: click.Context, file: str, as_json: bool) -> None:
    """Write all history to FILE (JSON lines), which `kjfh verify --export FILE` proves without a database."""
    workflow = open_workflow(ctx)  # first: a database that does not open must not cost an earlier export
    with Path(file).open("w", encoding="utf-8") as out:
        count = workflow.export(out)
    if as_json:
        print_json({"file": file, "rows": count})
    else:
        click.echo(f"{count} rows written to {file}")


@db_command.command("void-numbers")
@click.argument("year", type=int)
@click.argument("through", type=int)
@click.option("--reason", required=True, help="Why; it is kept with your name.")
@actor_options
@json_option
@click.pass_context
def void_numbers(ctx: click.Context, year: int, through: int, reason: str, actor: Actor, as_json: bool) -> None:
    """After a restore: say that the city's document numbers of YEAR up to THROUGH have left, so none is given twice."""
    room = open_workflow(ctx).mail_room
    void = room.void_numbers(actor.city, year, through, by=actor, reason=reason)
    if as_json:
        print_json({"city": actor.city, "year": year, "first": void[0], "last": void[-1]})
    else:
        click.echo(f"{actor.city} {year}: {void[0]}–{void[-1]} are void, the next number is {void[-1] + 1}")


@click.command("verify")
@click.option("--export", "exported", type=click.Path(exists=True, dir_okay=False), help="Prove an export instead.")
@click.option(
    "--checkpoint", default="", metavar="HASH", help="A checkpoint's hash kept elsewhere: it must be on file."
)
@json_option
@click.pass_context
def verify_command(ctx: click.Context, exported: str | None, checkpoint: str, as_json: bool) -> int:
    """Prove that the history is unbroken and every case is what it folds to; exits with 1 if not."""
    report = (
        verify.verify_export(Path(exported), checkpoint)
        if exported
        else open_workflow(ctx).verify(checkpoint=checkpoint)
    )
    if as_json:
        print_json(report)
    else:
        for problem in report.problems:
            click.echo(str(problem))
        counted = f"{report.rows} rows of {report.cases} cases, {report.checkpoints} checkpoints"
        click.echo(f"{counted}: {'everything holds' if report.holds else 'DOES NOT HOLD'}")
    return 0 if report.holds else 1
