"""Printing: tables for people, JSON for programs, from the same data."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

    from kjfh_workflow.casework.workflow import Workflow
    from kjfh_workflow.rules.case import Actor


F = TypeVar("F", bound=Callable[..., Any])
#: A calendar day as an option: 2021-03-01.
DAY = click.DateTime(["%Y-%m-%d"])
#: A calendar year as an option.
YEAR = click.IntRange(2000, 2100)
#: Width where the output is no terminal: a file or a pipe is not cut.
_WIDE = 160
#: Up to this long a cell without Chinese is not broken.
_WHOLE = 24


def json_option(command: F) -> F:
    """Add ``--json`` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")(command)


def actor_options(command: F) -> F:
    """Add the options that say who acts, and hand the command an ``actor``."""

    @wraps(command)
    def with_actor(*args: Any, who: str, role: tuple[str, ...], city: str, uscc: str, name: str, **kwargs: Any) -> Any:
        return command(*args, actor=actor_of(who, role, city, name=name, uscc=uscc), **kwargs)

    for option in (
        click.option("--name", default="", help="The actor's name, as it stands in the history."),
        click.option("--uscc", default="", help="For applicants: the operator's 统一社会信用代码."),
        click.option("--city", required=True, help="The actor's city, like yuyao."),
        click.option("--role", required=True, multiple=True, help="applicant, tech_clerk, tech_lead, finance, …"),
        click.option("--as", "who", required=True, help="Who acts: the user's id in your system."),
    ):
        with_actor = option(with_actor)
    return with_actor  # type: ignore[return-value]


def actor_of(who: str, role: tuple[str, ...], city: str, *, name: str = "", uscc: str = "") -> Actor:
    """Who acts, from what the options say."""
    from kjfh_workflow.rules.case import Actor  # noqa: PLC0415

    try:
        return Actor.of(who, role, city, name=name, uscc=uscc)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def open_workflow(ctx: click.Context) -> Workflow:
    """The workflow on the database that the options name."""
    from kjfh_workflow.casework.workflow import Workflow  # noqa: PLC0415

    options = ctx.obj
    workflow = Workflow(
        options["db"],
        states=options["states"],
        templates=options["templates"],
        channels=options["channels"],
    )
    ctx.call_on_close(workflow.close)
    return workflow


def console() -> Console:
    """Where tables go."""
    from rich.console import Console  # noqa: PLC0415

    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDE, highlight=False, soft_wrap=False)


def print_json(data: Any) -> None:
    """One JSON document."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2, default=plain))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table with a title; cells are plain text, never markup."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=title or None, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    for index, column in enumerate(columns):
        # Numbers, dates, sums and codes are read, and copied, whole.
        whole = all(row[index].isascii() and len(row[index]) <= _WHOLE for row in cells)
        table.add_column(column, overflow="fold", no_wrap=whole)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)


_PLAIN: tuple[tuple[tuple[type, ...], Callable[[Any], Any]], ...] = (
    ((date, datetime), lambda value: value.isoformat()),
    ((timedelta,), lambda value: value.total_seconds()),
    ((Decimal,), lambda value: format(value, "f")),
    ((set, frozenset, tuple), list),
    ((Mapping,), dict),
)


def plain(value: Any) -> Any:
    """What JSON does not know, as JSON knows it."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    for kinds, as_json in _PLAIN:
        if isinstance(value, kinds):
            return as_json(value)
    raise TypeError(f"cannot print {type(value).__name__} as JSON")
