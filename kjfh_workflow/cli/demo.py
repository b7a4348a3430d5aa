"""``kjfh demo``: two real application folders through both cities' procedures, and why, article by article."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import click

from kjfh_workflow.books.table import Table
from kjfh_workflow.casework.virtual_time import let_time_pass
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.cli.case_pages import print_cases, print_outcome, print_view
from kjfh_workflow.cli.demo_stories import Story, read_stories, somebody
from kjfh_workflow.cli.demo_years import Years
from kjfh_workflow.cli.docket import print_docket
from kjfh_workflow.cli.output import json_option, print_json
from kjfh_workflow.cli.tables import give
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.errors import IntakeError, Refused
from kjfh_workflow.intake.folder import read_folder
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.resources import examples_dir
from kjfh_workflow.store.cases import Filter

_FILE = "kjfh-demo.db"
_LETTERS = "letters"
_BOOKS = "books.xlsx"
_FIRST_YEAR = 2021
#: A day in between, on which the register was another.
_THEN = date(2022, 12, 31)
_PLAN_ENDS = date(2023, 12, 31)
#: The columns that a terminal has room for; the workbook has them all.
_SHOWN = {
    "register": ("city_label", "operator", "type_label", "level_label", "state_label", "recognised_on", "grade_label"),
    "ledger": ("city_label", "name", "kind_label", "year", "instalment", "yuan", "status_label", "words"),
}
_CHANNELS = f"""# Where the demo's letters go: a folder beside its database.
[channel.files]
kind = "folder"
path = "{_LETTERS}"

[[route]]
channels = ["files"]
"""


@click.command("demo")
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path("demo-output"), show_default=True,
    help="Where the database goes; an earlier demo's database there is replaced.",
)  # fmt: skip
@json_option
@click.pass_context
def demo_command(ctx: click.Context, folder: Path, as_json: bool) -> int:
    """Take two real application folders through both cities' procedures and show why."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (_FILE, f"{_FILE}-wal", f"{_FILE}-shm"):
        (folder / name).unlink(missing_ok=True)
    stories = read_stories()
    clock = FixedClock(office_hour(stories[0].acts[0].on))
    url = f"sqlite:///{(folder / _FILE).as_posix()}"
    shutil.rmtree(folder / _LETTERS, ignore_errors=True)
    (folder / _LETTERS).mkdir()
    (folder / "channels.toml").write_text(_CHANNELS, "utf-8")
    options = {
        "states": ctx.obj["states"],
        "templates": ctx.obj["templates"],
        "channels": ctx.obj["channels"] or folder / "channels.toml",
    }
    with _demo(Workflow(url, clock=clock, create=True, **options)) as workflow:
        log = _Log(quiet=as_json)
        _show_flawed(log)
        ids = [_tell(workflow, clock, story, log) for story in stories]
        log.heading("此后几年：年度考核、奖励、变更、在孵企业、晋级、整改、取消资格")
        years = Years(workflow, clock, _titles(workflow), quiet=as_json)
        years.tell()
        delivered = workflow.deliver()
        workflow.checkpoint()
        report = workflow.verify()
        books = _books(workflow)
        if as_json:
            print_json(
                {
                    "cases": ids,
                    "events": [*log.events, *years.events],
                    "register": workflow.cases(),
                    "books": books,
                    "delivered": delivered,
                    "verified": report,
                }
            )
            return 0 if report.holds else 1
        log.heading("结果")
        print_cases(workflow, workflow.cases())
        print_docket(workflow.docket(days=365))
        for name, table in books.items():
            give([table], shown=_SHOWN.get(name.partition("_")[0], ()))
        give([*books.values()], out=folder / _BOOKS)
        click.echo(f"letters sent: {delivered.sent}, each with its .docx in {(folder / _LETTERS).as_posix()}/")
        click.echo(f"history verified: {report.rows} rows of {report.cases} cases, holds: {report.holds}")
        click.echo(f"\nlook further:  kjfh --db {url} case show {_titles(workflow)['yuyao']}")
    return 0 if report.holds else 1


def _titles(workflow: Workflow) -> dict[str, str]:
    """City → the title that was granted there."""
    granted = [row for row in workflow.cases(Filter(kind=CaseKind.INCUBATOR)) if row["opened_on"].year == _FIRST_YEAR]
    return {row["city"]: row["id"] for row in granted}


def _books(workflow: Workflow) -> dict[str, Table]:
    """What the bureau keeps: today, and one of them as it was."""
    return {
        "register": workflow.books.register(),
        "register_then": workflow.books.register(on=_THEN),
        "ledger": workflow.ledger.table(),
        "forecast": workflow.ledger.forecast(),
        "targets": workflow.books.targets("cixi", on=_PLAN_ENDS)[0],
    }


@contextmanager
def _demo(workflow: Workflow) -> Iterator[Workflow]:
    try:
        yield workflow
    finally:
        workflow.close()


class _Log:
    """What the demo says, and keeps for ``--json``."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.events: list[dict[str, Any]] = []

    def heading(self, text: str) -> None:
        if not self.quiet:
            click.echo(f"\n━━ {text} ━━")

    def say(self, text: str) -> None:
        if not self.quiet:
            click.echo(text)


def _show_flawed(log: _Log) -> None:
    log.heading("一份填错的申报文件夹 examples/flawed：所有问题一次列出，什么也不入库")
    try:
        read_folder(examples_dir() / "flawed")
    except IntakeError as error:
        log.say("\n".join(f"  {problem}" for problem in error.problems))


def _tell(workflow: Workflow, clock: FixedClock, story: Story, log: _Log) -> str:
    found = read_folder(examples_dir() / story.folder, packs=[*workflow.catalog])
    pack = workflow.catalog.in_force(found.city, story.acts[0].on) or workflow.catalog.latest(found.city)
    log.heading(f"{pack.identity.city_label}：{found.name}（examples/{story.folder}），依据《{pack.identity.title}》")
    application = {**found.evidence, "type": story.type or found.type}
    case = ""
    for act in story.acts:
        clock.instant = office_hour(act.on)
        workflow.tick()
        actor = somebody(act.by, found.city, found.name, found.uscc)
        log.say(f"{act.on} {pack.words('roles', act.by)}")
        try:
            if case:
                outcome = workflow.perform(case, act.event, by=actor, evidence=act.evidence)
            else:
                outcome = workflow.open_case("application", act.event, by=actor, evidence=application)
                case = outcome.case
        except Refused as error:
            log.events.append({"on": act.on, "event": act.event, "refused": error.codes})
            log.say(f"  ✗ {act.event} 被拒绝，什么也没有改变：")
            log.say("\n".join(f"      {refusal}" for refusal in error.refusals))
        else:
            log.events.append({"on": act.on, "event": act.event, "outcome": outcome})
            if not log.quiet:
                print_outcome(workflow, outcome)
    if story.until:
        _let_time_pass(workflow, clock, story.until, log)
    if not log.quiet:
        print_view(workflow, workflow.case(case))
        letter = workflow.case(case).notices[-1]
        log.heading(f"已存档的通知：{letter['subject']}")
        log.say(letter["body"])
    return case


def _let_time_pass(workflow: Workflow, clock: FixedClock, until: date, log: _Log) -> None:
    """Nobody acts any more: what the docket foresees, and what the deadlines then do by themselves."""
    docket = workflow.docket(days=60)
    log.heading("此后无人办理。日程预先说明会怎样：")
    if not log.quiet:
        print_docket(docket)
    log.events += [{"on": day, "rang": rang} for day, rang in let_time_pass(workflow, clock, office_hour(until))]
