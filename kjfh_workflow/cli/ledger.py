"""``kjfh ledger``: the money that is owed, promised and paid; Finance's payment list; and the acts on one award."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from kjfh_workflow.books.ledger import Wanted
from kjfh_workflow.books.payments import Result
from kjfh_workflow.cli.case_pages import print_outcome
from kjfh_workflow.cli.output import DAY, YEAR, actor_options, json_option, open_workflow, print_json
from kjfh_workflow.cli.tables import give, reader_options, table_options
from kjfh_workflow.policy.vocabulary import LEVELS, AwardKind, AwardStatus
from kjfh_workflow.rules.case import Actor

#: What a terminal has room for.
_SHOWN = ("case", "name", "award", "kind_label", "yuan", "status_label", "article", "words", "paid_on", "voucher")
_CHANGES_SHOWN = (
    "legal_on", "award", "yuan", "status_label", "words", "approved_by_name", "paid_on", "voucher", "reason",
)  # fmt: skip
_LIST_SHOWN = ("key", "name", "kind_label", "yuan", "article", "approved_on", "approved_by_name", "reasons")
#: What asks for somebody to look into it.
_TROUBLE = frozenset(Result) - {Result.PAID, Result.PAID_BEFORE, Result.OPEN}
_known = click.option("--known", type=DAY, default=None, help="As it was on file at the end of this day.")


@click.group("ledger")
def ledger_command() -> None:
    """The money that is owed, promised and paid."""


@ledger_command.command("list")
@click.option("--case", default="", help="Only of this incubator; then with everything that became of its awards.")
@click.option("--year", type=YEAR, default=None, help="Only of this calendar year.")
@click.option("--status", type=click.Choice([*map(str, AwardStatus)]), default=None, help="Only what stands so.")
@_known
@reader_options
@table_options
@click.pass_context
def list_awards(
    ctx: click.Context,
    case: str,
    year: int | None,
    status: str | None,
    known: datetime | None,
    city: str,
    reader: Actor | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """List awards and how they stand."""
    desk, day = open_workflow(ctx).ledger, known.date() if known else None
    if case and year is None and status is None:
        found = desk.of_case(case, known=day, reader=reader)
        tables = [found.awards, found.changes]
    else:
        tables = [
            desk.table(city, Wanted(case, year, AwardStatus(status) if status else None), known=day, reader=reader)
        ]
    give(tables, as_json=as_json, out=out, shown={*_SHOWN, *_CHANGES_SHOWN} if len(tables) > 1 else _SHOWN)


@ledger_command.command("forecast")
@_known
@reader_options
@table_options
@click.pass_context
def forecast(
    ctx: click.Context, known: datetime | None, city: str, reader: Actor | None, as_json: bool, out: Path | None
) -> None:
    """What is paid, committed, likely and possible, year by year."""
    table = open_workflow(ctx).ledger.forecast(city, known=known.date() if known else None, reader=reader)
    give([table], as_json=as_json, out=out)


@ledger_command.command("by-year")
@_known
@reader_options
@table_options
@click.pass_context
def by_year(
    ctx: click.Context, known: datetime | None, city: str, reader: Actor | None, as_json: bool, out: Path | None
) -> None:
    """The sums in each status, year by year."""
    table = open_workflow(ctx).ledger.by_year(city, known=known.date() if known else None, reader=reader)
    give([table], as_json=as_json, out=out)


@ledger_command.command("pay-list")
@actor_options
@table_options
@click.pass_context
def pay_list(ctx: click.Context, actor: Actor, as_json: bool, out: Path | None) -> None:
    """What may be paid now, and what has to wait and why; --out writes the list for Finance to fill in."""
    found = open_workflow(ctx).ledger.payment_list(by=actor)
    if out:
        found.save(out)
        click.echo(f"{out}：{found.payable.title}{len(found.payable.rows)}笔，暂不付款{len(found.waiting.rows)}笔")
    else:
        give([found.payable, found.waiting], as_json=as_json, shown=_LIST_SHOWN)


@ledger_command.command("reconcile")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@actor_options
@table_options
@click.pass_context
def reconcile(ctx: click.Context, file: Path, actor: Actor, as_json: bool, out: Path | None) -> int:
    """Record as paid what the filled-in payment list FILE says was paid; read again, it pays nothing twice.

    Exits with 1 if anything of the list needs somebody to look into it.
    """
    found = open_workflow(ctx).ledger.reconcile(file, by=actor)
    give([found.table()], as_json=as_json, out=out)
    return 1 if any(line.result in _TROUBLE for line in found.lines) else 0


# ---- acts on one award ---------------------------------------------------------------------------------------------


def _yuan(_ctx: click.Context, _option: click.Parameter, text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        raise click.BadParameter(f"{text!r} is no sum in yuan") from None


_REASON = click.option("--reason", required=True, help="Why; it stands in the ledger.")
_ACTS: dict[str, tuple[str, str, tuple[Callable[..., Any], ...]]] = {
    "approve": (
        "approve_award",
        "Approve an award, with --yuan below its cap.",
        (click.option("--yuan", callback=_yuan, default=None, help="The sum; the award's own by default."),),
    ),
    "pay": (
        "pay_award",
        "Record that an approved award was paid.",
        (
            click.option("--paid-on", required=True, type=DAY, help="The day of the payment."),
            click.option("--voucher", required=True, help="The voucher's number (凭证号)."),
        ),
    ),
    "release": ("release_award", "Let a held award be approved again.", (_REASON,)),
    "hold": ("hold_award", "Hold an award back before it is paid.", (_REASON,)),
    "lapse": ("lapse_award", "Decide that an award is not paid at all.", (_REASON,)),
    "reverse": ("reverse_award", "Record that a paid award was paid back.", (_REASON,)),
}


def _add(name: str, event: str, about: str, options: tuple[Callable[..., Any], ...]) -> None:
    """A command that performs *event* on the incubator."""

    @ledger_command.command(name, help=about)
    @click.argument("case")
    @click.option("--kind", required=True, type=click.Choice([*map(str, AwardKind)]), help="What the award is for.")
    @click.option("--year", required=True, type=YEAR, help="The calendar year that it belongs to.")
    @click.option("--instalment", type=int, default=None, help="Where there are instalments: which.")
    @click.option("--level", type=click.Choice([*map(str, LEVELS)]), default=None, help="Of two promotions: which.")
    @click.option("--request-id", default=None, help="Your own id of this request: repeating it changes nothing.")
    @actor_options
    @json_option
    @click.pass_context
    def act(
        ctx: click.Context, /, case: str, request_id: str | None, actor: Actor, as_json: bool, **given: Any
    ) -> None:
        workflow = open_workflow(ctx)
        evidence = {
            field: value.date() if isinstance(value, datetime) else value
            for field, value in given.items()
            if value is not None
        }
        outcome = workflow.perform(case, event, by=actor, evidence=evidence, request_id=request_id)
        if as_json:
            print_json(outcome)
            return
        print_outcome(workflow, outcome)
        give([workflow.ledger.of_case(case).awards], shown=_SHOWN)

    for option in options:
        option(act)


for _name, (_event, _about, _options) in _ACTS.items():
    _add(_name, _event, _about, _options)
