"""``kjfh policy``: check, show, graph, diff, coverage, open questions, confirm."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from kjfh_workflow.casework.opening import load_catalog, load_templates
from kjfh_workflow.cli.output import actor_options, json_option, open_workflow, print_json, print_table
from kjfh_workflow.errors import InputError, NotFound, PolicyError, Problem, SchemaMismatch
from kjfh_workflow.notices.render import Renderer
from kjfh_workflow.policy import compare as comparing
from kjfh_workflow.policy import coverage as covering
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.drawing import svg
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.page import page
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.lifecycle import lifecycle_of


@click.group("policy")
def policy_command() -> None:
    """Check, read, draw, compare and confirm policy packs."""


@policy_command.command("check")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path))
@json_option
@click.pass_context
def check(ctx: click.Context, folders: tuple[Path, ...], as_json: bool) -> int:
    """Load and prove packs, and rehearse their notices: the program's and --states', or those in FOLDERS.

    Exits with 5 if there is any complaint.
    """
    renderer = load_templates(ctx.obj["templates"])
    try:
        if folders:
            catalog = Catalog.load(folders, renderer.has_template)
        else:
            catalog = load_catalog(ctx.obj["states"], ctx.obj["templates"])
        _rehearse(catalog, renderer)
    except PolicyError as error:
        if not as_json:
            raise
        print_json({"packs": [], "problems": [vars_of(problem) for problem in error.problems]})
        return 5
    names = [pack.name for pack in catalog]
    if as_json:
        print_json({"packs": names, "problems": []})
    else:
        click.echo("\n".join(f"✓ {name}" for name in names))
    return 0


def _rehearse(catalog: Catalog, renderer: Renderer) -> None:
    """Write every notice as it can be sent.

    Raises:
        PolicyError: with every problem of every pack's notices.
    """
    from kjfh_workflow.notices.rehearse import rehearse  # noqa: PLC0415 - letters are slow to import; only check makes any

    problems = [problem for pack in catalog for problem in rehearse(pack, renderer)]
    if problems:
        raise PolicyError(problems)


def vars_of(problem: Problem) -> dict[str, str]:
    """A problem as data."""
    return {"place": problem.place, "key": problem.key, "message": problem.message}


@policy_command.command("show")
@click.argument("city")
@click.option("--version", default="", help="The version (its in-force date); the newest by default.")
@json_option
@click.pass_context
def show(ctx: click.Context, city: str, version: str, as_json: bool) -> None:
    """Print CITY's whole pack as a readable page (Markdown)."""
    pack = _pack(ctx, city, version)
    if as_json:
        provisions = [{"key": key, **provision.model_dump(mode="json")} for key, provision in pack.provisions()]
        print_json({"identity": pack.identity.model_dump(mode="json"), "digest": pack.digest, "provisions": provisions})
    else:
        click.echo(page(pack))


@policy_command.command("graph")
@click.argument("city")
@click.argument("kind", type=click.Choice([str(kind) for kind in CaseKind]))
@click.option("--version", default="", help="The version; the newest by default.")
@click.option("--svg", "as_svg", is_flag=True, help="An SVG picture instead of mermaid.")
@json_option
@click.pass_context
def graph(ctx: click.Context, city: str, kind: str, version: str, as_svg: bool, as_json: bool) -> None:
    """Draw the machine of one KIND of case in CITY: mermaid (default) or SVG."""
    pack = _pack(ctx, city, version)
    drawn = svg(pack, CaseKind(kind)) if as_svg else lifecycle_of(pack, CaseKind(kind)).mermaid()
    if as_json:
        print_json({"pack": pack.name, "kind": kind, "format": "svg" if as_svg else "mermaid", "graph": drawn})
    else:
        click.echo(drawn)


@policy_command.command("diff")
@click.argument("a")
@click.argument("b")
@json_option
@click.pass_context
def diff(ctx: click.Context, a: str, b: str, as_json: bool) -> None:
    """Compare packs A and B, item by item. Each is CITY or CITY/VERSION."""
    first, second = (_pack(ctx, *_split(name)) for name in (a, b))
    changes = comparing.diff(first, second)
    if as_json:
        print_json(changes)
        return
    rows = [(c.what, c.key, c.field, _short(c.before), _short(c.after), c.article) for c in changes]
    print_table(f"{first.name} → {second.name}：{len(changes)}处", ("变化", "项目", "字段", "前", "后", "条款"), rows)


@policy_command.command("coverage")
@click.argument("city")
@click.option("--version", default="", help="The version; the newest by default.")
@click.option(
    "--scenarios", type=click.Path(path_type=Path), default=Path("tests/scenarios"), show_default=True,
    help="Folder of scenarios to look for the articles in.",
)  # fmt: skip
@json_option
@click.pass_context
def coverage(ctx: click.Context, city: str, version: str, scenarios: Path, as_json: bool) -> None:
    """Say of every article where it is coded, or who deals with it, and which scenarios exercise it."""
    pack = _pack(ctx, city, version)
    covered = covering.coverage(pack, _cited_by(scenarios, city))
    if as_json:
        print_json(covered)
        return
    rows = [
        (
            c.number,
            c.about,
            c.handling_word,
            f"{len(c.coded_in)}处" if c.coded_in else "",
            "\n".join(c.scenarios),
            c.note,
        )
        for c in covered
    ]
    print_table(f"{pack.name} 条款覆盖", ("条款", "内容", "处理", "编入", "情景", "说明"), rows)


@policy_command.command("open-questions")
@click.argument("city")
@click.option("--version", default="", help="The version; the newest by default.")
@click.option("--confirmed/--unconfirmed", "with_confirmed", default=True, help="Whether to list those confirmed too.")
@json_option
@click.pass_context
def open_questions(ctx: click.Context, city: str, version: str, with_confirmed: bool, as_json: bool) -> None:
    """List everything that the text does not state, and what the bureau has confirmed of it."""
    pack = _pack(ctx, city, version)
    confirmed = _confirmed(ctx, pack)
    questions = [q for q in covering.open_questions(pack) if with_confirmed or q.key not in confirmed]
    if as_json:
        print_json([{"question": q, "confirmed": confirmed.get(q.key)} for q in questions])
        return
    rows = []
    for question in questions:
        row = confirmed.get(question.key)
        by = f"{row['confirmed_by']} {row['confirmed_on']} {row['note']}".strip() if row else "未确认"
        rows.append((question.key, question.article, question.status_word, question.value, question.note, by))
    print_table(f"{pack.name} 待确认{len(rows)}项", ("项目", "条款", "性质", "取值", "说明", "确认"), rows)


@policy_command.command("confirm")
@click.argument("key")
@click.option("--version", default="", help="The version; the newest by default.")
@click.option(
    "--on", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Day of the confirmation; today by default."
)
@click.option("--note", default="", help="What was decided, or where it is written.")
@actor_options
@json_option
@click.pass_context
def confirm(
    ctx: click.Context, key: str, version: str, on: datetime | None, note: str, actor: Actor, as_json: bool
) -> None:
    """Record that the bureau has confirmed the provision KEY (an admin of the city)."""
    workflow = open_workflow(ctx)
    day = on.date() if on else None
    workflow.confirm(actor.city, key, by=actor, on=day, note=note, version=version)
    if as_json:
        print_json({"key": key, "confirmed_by": actor.name, "confirmed_on": day or workflow.today})
    else:
        click.echo(f"{key}：已确认（{actor.name}，{day or workflow.today}）")


def _pack(ctx: click.Context, city: str, version: str = "") -> PolicyPack:
    catalog = load_catalog(ctx.obj["states"], ctx.obj["templates"])
    return catalog.pinned(city, version) if version else catalog.latest(city)


def _confirmed(ctx: click.Context, pack: PolicyPack) -> dict[str, dict[str, Any]]:
    """What the bureau has confirmed; nothing where there is no database yet."""
    try:
        rows = open_workflow(ctx).confirmations(pack.city, pack.version)
    except SchemaMismatch:
        return {}
    return {row["key"]: row for row in rows}


def _split(name: str) -> tuple[str, str]:
    city, _, version = name.partition("/")
    return city, version


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _cited_by(folder: Path, city: str) -> dict[str, list[str]]:
    """Scenario name → the articles it names, of the scenarios of *city* below *folder*."""
    cited: dict[str, list[str]] = {}
    for path in _scenario_files(folder):
        try:
            data = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError([Problem(str(path), "", str(error))]) from error
        if data.get("policy") == city:
            cited[f"{path.parent.name}/{path.stem}"] = list(data.get("article", ()))
    return cited


def _scenario_files(folder: Path) -> Iterable[Path]:
    if not folder.is_dir():
        if folder == Path("tests/scenarios"):
            return []
        raise NotFound(f"there is no folder {folder}")
    return (path for path in sorted(folder.rglob("*.toml")) if path.parent.name != "facts")
