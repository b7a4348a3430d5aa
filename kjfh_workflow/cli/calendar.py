"""``kjfh calendar``: which days offices work, and what has been announced since."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from kjfh_workflow.cli.output import actor_options, json_option, open_workflow, print_json, print_table
from kjfh_workflow.errors import InputError, Problem
from kjfh_workflow.rules.case import Actor

_WEEKDAYS = "一二三四五六日"
_SATURDAY = 5
_KEYS = {"source", "year", "rest", "work"}


@click.group("calendar")
def calendar_command() -> None:
    """Show working days; record holidays that were announced later."""


@calendar_command.command("show")
@click.argument("year", type=click.IntRange(2004, 2100))
@json_option
@click.pass_context
def show(ctx: click.Context, year: int, as_json: bool) -> None:
    """The days of YEAR on which offices do otherwise than the weekday says, and where that is written."""
    calendar = open_workflow(ctx).calendar()
    first = date(year, 1, 1)
    days = [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]
    odd = [day for day in days if calendar.is_workday(day) != (day.weekday() < _SATURDAY)]
    known = calendar.is_known(first)
    if as_json:
        rest = [day for day in odd if not calendar.is_workday(day)]
        work = [day for day in odd if calendar.is_workday(day)]
        print_json({"year": year, "announced": known, "edition": calendar.edition, "rest": rest, "work": work})
        return
    rows = [(day, f"星期{_WEEKDAYS[day.weekday()]}", "上班" if calendar.is_workday(day) else "放假") for day in odd]
    print_table(f"{year}年放假安排（{calendar.edition}）", ("日期", "星期", "安排"), rows)
    if not known:
        click.echo(f"！{year}年的放假安排尚未公布，落在该年的期限均为暂定")


@calendar_command.command("notices")
@json_option
@click.pass_context
def notices(ctx: click.Context, as_json: bool) -> None:
    """What has been recorded, by whom, and how many running deadlines moved."""
    rows = open_workflow(ctx).holiday_notices()
    if as_json:
        print_json(rows)
        return
    shown = [
        (row["id"], row["source"], row["year"], row["recorded_by"], row["recorded_at"].date(), row["moved"])
        for row in rows
    ]
    print_table("登记的放假安排", ("序号", "出处", "整年", "登记人", "登记日期", "变更的期限"), shown)
    for row in rows:
        for late in row["overtaken"]:
            click.echo(f"！{late['case_id']}的{late['timer']}在{late['due']}届满，登记前已按届满处理，须由人复核")


@calendar_command.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@actor_options
@json_option
@click.pass_context
def add(ctx: click.Context, file: Path, actor: Actor, as_json: bool) -> None:
    """Record the arrangement in FILE (TOML: source, rest, work, and year if it is a whole year's)."""
    given = _read(file)
    workflow = open_workflow(ctx)
    number = workflow.announce_holidays(given.pop("source", ""), by=actor, **given)
    if as_json:
        print_json({"number": number})
    else:
        click.echo(f"recorded as {number}; the next tick counts the running deadlines again")


def _read(file: Path) -> dict[str, Any]:
    try:
        given = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError([Problem(str(file), "", f"is not readable as TOML: {error}")]) from error
    problems = [
        Problem(str(file), key, f"is not a known key; allowed: {', '.join(sorted(_KEYS))}")
        for key in given
        if key not in _KEYS
    ]
    if not isinstance(given.get("source", ""), str):
        problems.append(Problem(str(file), "source", "must be a text"))
    if not isinstance(given.get("year", 0), int):
        problems.append(Problem(str(file), "year", "must be a year, like 2027"))
    for key in ("rest", "work"):
        days = given.get(key, [])
        if not isinstance(days, list) or any(type(day) is not date for day in days):
            problems.append(Problem(str(file), key, "must be a list of dates, like [2027-10-01, 2027-10-02]"))
    if problems:
        raise InputError(problems)
    return given
