"""Tables of the books on the command line: on the terminal, as JSON, or as an ``.xlsx`` file.

What stands in them is known to ``books``; how the terminal draws them, to ``output``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kjfh_workflow.books.table import Column, Table
from kjfh_workflow.cli.output import actor_of, json_option, print_json, print_table
from kjfh_workflow.rules.case import Reads

if TYPE_CHECKING:
    from kjfh_workflow.rules.case import Actor

F = TypeVar("F", bound=Callable[..., Any])


def table_options(command: F) -> F:
    """Add ``--json`` and ``--out``, which the command gets as ``as_json`` and ``out``."""
    file = click.Path(dir_okay=False, path_type=Path)
    xlsx = click.option("--out", "--xlsx", "out", type=file, help="Write an .xlsx file instead.")(json_option(command))

    @wraps(command)
    def with_one_output(*args: Any, as_json: bool, out: Path | None, **kwargs: Any) -> Any:
        if as_json and out:
            raise click.UsageError("--json and --out do not go together: one output at a time")
        return command(*args, as_json=as_json, out=out, **kwargs)

    with_one_output.__click_params__ = xlsx.__click_params__  # type: ignore[attr-defined]
    return with_one_output  # type: ignore[return-value]


def reader_options(command: F) -> F:
    """Add the options that say who looks, and hand the command a ``city`` and a ``reader``, None for everything."""

    @wraps(command)
    def with_reader(*args: Any, city: str, who: str, role: tuple[str, ...], uscc: str, **kwargs: Any) -> Any:
        return command(*args, city=city, reader=_reader(who, role, city, uscc), **kwargs)

    for option in (
        click.option("--uscc", default="", help="For applicants: the operator's code."),
        click.option("--role", multiple=True, help="The user's roles."),
        click.option("--as", "who", default="", help="As this user may see it (with --role and --city)."),
        click.option("--city", default="", help="Only this city's; with --as also the reader's city."),
    ):
        with_reader = option(with_reader)
    return with_reader  # type: ignore[return-value]


def _reader(who: str, role: tuple[str, ...], city: str, uscc: str) -> Actor | None:
    if bool(who) != bool(role) or (who and not city):
        raise click.UsageError("--as, --role and --city go together: who looks, as what, for which city")
    if uscc and not who:
        raise click.UsageError("--uscc is the reader's code: it goes with --as, --role and --city")
    reader = actor_of(who, role, city, uscc=uscc) if who else None
    if reader and reader.reads() == Reads():
        raise click.UsageError("this reader sees nothing: an applicant needs --uscc")
    return reader


def give(
    tables: Sequence[Table], *, as_json: bool = False, out: Path | None = None, shown: Collection[str] = ()
) -> None:
    """Print tables, or write them.

    Args:
        tables: one or several.
        as_json: one JSON document: of several tables a list. Rows have codes beside the words.
        out: the ``.xlsx`` file to write instead.
        shown: the columns that a terminal has room for; all by default. Files and JSON have them all.
    """
    if as_json:
        documents = [{"title": table.title, "note": table.note, "rows": table.rows} for table in tables]
        print_json(documents[0] if len(documents) == 1 else documents)
    elif out:
        if out.suffix.lower() != ".xlsx":
            raise click.UsageError(f"{out}: only .xlsx files are written")
        if not out.absolute().parent.is_dir():
            raise click.UsageError(f"{out}: there is no such folder")
        from kjfh_workflow.books import sheet  # noqa: PLC0415  (reading files is not needed to print)

        sheet.save(out, tables)
        click.echo(f"{out}：{'，'.join(f'{table.title}{len(table.rows)}行' for table in tables)}")
    else:
        for table in tables:
            _print(table, shown)


def _print(table: Table, shown: Collection[str]) -> None:
    # What stands empty in every row takes no room.
    columns = [
        column
        for column in table.columns
        if (not shown or column.name in shown)
        and (not table.rows or any(row.get(column.name) not in (None, "") for row in table.rows))
    ]
    rows = ([_cell(column, row.get(column.name)) for column in columns] for row in table.rows)
    print_table(table.title, [column.label for column in columns], rows)
    if table.note:
        click.echo(table.note)


def _cell(column: Column, value: Any) -> str:
    if isinstance(value, Decimal) and column.kind == "yuan":
        return f"{value:,.2f}"
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)
