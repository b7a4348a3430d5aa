"""``kjfh import`` and ``kjfh template``: application folders in, empty spreadsheets out."""

from __future__ import annotations

from pathlib import Path

import click

from kjfh_workflow.casework.opening import load_catalog
from kjfh_workflow.cli.output import json_option, open_workflow, print_json
from kjfh_workflow.intake.folder import ApplicationFolder, read_folder
from kjfh_workflow.intake.template import write_template
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.rules.case import Actor


@click.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only read and report; store nothing.")
@click.option("--request-id", default=None, help="Your own id of this request: repeating it changes nothing.")
@json_option
@click.pass_context
def import_command(ctx: click.Context, folder: Path, check: bool, request_id: str | None, as_json: bool) -> None:
    """Read an application FOLDER and submit it for its operator.

    Every problem of every row is reported at once, and nothing is stored unless all is readable.
    """
    catalog = load_catalog(ctx.obj["states"], ctx.obj["templates"])
    found = _read(folder, [*catalog], quiet=as_json)
    tenants = len(found.facts["tenants"])
    if check:
        if as_json:
            print_json({"city": found.city, "type": found.type, "name": found.name, "tenants": tenants})
        else:
            click.echo(f"可以提交：{found.name}（{found.uscc}），{found.city} {found.type}，入驻企业{tenants}家")
        return
    actor = Actor.of(found.uscc, "applicant", found.city, name=found.name, uscc=found.uscc)
    workflow = open_workflow(ctx)
    outcome = workflow.open_case("application", "submit", by=actor, evidence=found.evidence, request_id=request_id)
    if as_json:
        print_json(outcome)
    else:
        click.echo(f"已提交：{outcome.case}（{found.name}，入驻企业{tenants}家）")


def _read(folder: Path, packs: list[PolicyPack], *, quiet: bool) -> ApplicationFolder:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    console = Console(stderr=True, quiet=quiet)
    columns = (TextColumn("读取"), BarColumn(), MofNCompleteColumn(), TextColumn("行"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("read", total=None)
        return read_folder(folder, lambda done, total: progress.update(bar, completed=done, total=total), packs=packs)


@click.command("template")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--city", default="", help="Offer this city's types and materials.")
@click.option("--type", "space_type", default=None, help="Fill in this type already.")
@json_option
@click.pass_context
def template_command(ctx: click.Context, folder: Path, city: str, space_type: str | None, as_json: bool) -> None:
    """Write empty spreadsheets with headers, examples and drop-downs into FOLDER."""
    pack = load_catalog(ctx.obj["states"], ctx.obj["templates"]).latest(city) if city else None
    written = [str(path) for path in write_template(folder, pack, space_type)]
    if as_json:
        print_json({"files": written})
    else:
        click.echo("\n".join(written))
