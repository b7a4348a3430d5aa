"""``kjfh file``: put files into a case, list them, and save them again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from kjfh_workflow.casework.files.receiving import MAX_BYTES
from kjfh_workflow.casework.files.scanning import CommandScanner
from kjfh_workflow.cli.output import actor_options, json_option, open_workflow, print_json, print_table
from kjfh_workflow.clock import local_date
from kjfh_workflow.rules.case import Actor

_CHUNK = 1024 * 1024
_MEBIBYTE = 1024 * 1024


@click.group("file")
def file_command() -> None:
    """The files of a case."""


@file_command.command("add")
@click.argument("case")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--material", default="", help="Which of the pack's materials it is, like operator_licence.")
@click.option(
    "--max-mb", default=MAX_BYTES // _MEBIBYTE, show_default=True, type=click.IntRange(1, 2048),
    help="How long it may be.",
)  # fmt: skip
@click.option("--scanner", default="", help="A program that reads it on standard input: 0 is clean, 1 is infected.")
@click.option(
    "--scanner-seconds", default=60, show_default=True, type=click.IntRange(1), help="How long that may take."
)
@click.option("--request-id", default=None, help="Your own id of this request: repeating it changes nothing.")
@actor_options
@json_option
@click.pass_context
def add(
    ctx: click.Context,
    case: str,
    file: Path,
    material: str,
    max_mb: int,
    scanner: str,
    scanner_seconds: int,
    request_id: str | None,
    actor: Actor,
    as_json: bool,
) -> None:
    """Put FILE into CASE: PDF, OFD, DOCX, XLSX, JPEG, PNG, or UTF-8 text (TXT, CSV)."""
    done = open_workflow(ctx).files.attach(
        case,
        file.name,
        _pieces(file),
        by=actor,
        material=material,
        request_id=request_id,
        max_bytes=max_mb * _MEBIBYTE,
        scan=CommandScanner(shlex.split(scanner), scanner_seconds) if scanner else None,
    )
    if as_json:
        print_json(done)
    else:
        click.echo(f"附件{done.id}：{done.name}（{done.size:,}字节，SHA-256 {done.sha256}）")


@file_command.command("list")
@click.argument("case")
@actor_options
@json_option
@click.pass_context
def list_files(ctx: click.Context, case: str, actor: Actor, as_json: bool) -> None:
    """List the files of CASE, oldest first."""
    found = open_workflow(ctx).files.of_case(case, reader=actor)
    if as_json:
        print_json(found)
        return
    rows = [
        (one.id, local_date(one.attached_at), one.name, one.material_label, f"{one.size:,}", one.attached_by_name)
        for one in found
    ]
    print_table("附件", ("编号", "日期", "文件名", "材料", "字节", "上传人"), rows)


@file_command.command("save")
@click.argument("case")
@click.argument("number", type=int)
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where to; nothing is overwritten."
)
@actor_options
@json_option
@click.pass_context
def save(ctx: click.Context, case: str, number: int, out: Path, actor: Actor, as_json: bool) -> None:
    """Save the file NUMBER of CASE, if it is still what was handed in."""
    found, content = open_workflow(ctx).files.open(case, number, reader=actor)
    with out.open("xb") as target:
        try:
            for piece in content:
                target.write(piece)
        except BaseException:
            out.unlink()
            raise
    if as_json:
        print_json(found)
    else:
        click.echo(f"{out}：{found.size:,}字节，SHA-256 {found.sha256}")


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(_CHUNK):
            yield piece
