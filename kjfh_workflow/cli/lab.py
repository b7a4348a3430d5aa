"""``kjfh lab``: the fault tests, on a database of the adopter's own."""

from __future__ import annotations

import click

from kjfh_workflow.cli.output import json_option, open_workflow, print_json, print_table


@click.command("lab")
@click.option("--workers", default=4, show_default=True, type=click.IntRange(1, 16), help="Processes at once.")
@click.option("--kills", default=100, show_default=True, type=click.IntRange(0, 100_000), help="How many are killed.")
@click.option("--seed", type=int, help="Repeat the choices of an earlier run.")
@click.option("--this-is-a-copy", is_flag=True, help="Play on a database that holds cases.")
@json_option
@click.pass_context
def lab_command(
    ctx: click.Context, workers: int, kills: int, seed: int | None, this_is_a_copy: bool, as_json: bool
) -> int:
    """Prove that kills, stops and wrong clocks lose nothing and double nothing; exits with 1 if something does.

    Opens hundreds of cases in the database of --db and lets every deadline in it ring: never use the real one. Each
    letter goes to a receiver on this machine's loopback that now and then refuses or hangs up; nothing leaves.
    """
    from kjfh_workflow.lab.conduct import Conductor  # noqa: PLC0415

    workflow = open_workflow(ctx)
    if workflow.cases(limit=1) and not this_is_a_copy:
        raise click.UsageError("the database holds cases; play on a copy of it, and say so with --this-is-a-copy")
    conductor = Conductor(ctx.obj["db"], workers=workers, kills=kills, seed=seed)
    click.echo(f"seed {conductor.seed}", err=True)
    result = conductor.run()
    if as_json:
        print_json(result)
    else:
        title = f"{result.kills} killed, {result.stops} stopped, {result.cases} cases, seed {result.seed}"
        rows = [("holds" if claim.holds else "DOES NOT HOLD", claim.says, claim.found) for claim in result.claims]
        print_table(title, ("", "what must be true", "found"), rows)
    return 0 if result.holds else 1
