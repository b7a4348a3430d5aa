"""``kjfh run``, ``kjfh tick`` and ``kjfh deliver``: letting time pass and letters leave."""

from __future__ import annotations

import logging
import signal
from datetime import timedelta

import click

from kjfh_workflow.cli.output import json_option, open_workflow, print_json
from kjfh_workflow.store.outbox_desk import Wanted


@click.command("run")
@click.option("--sleep", default=60.0, show_default=True, type=click.FloatRange(0.1, 3600), help="Longest sleep, s.")
@click.option(
    "--look", default=5.0, show_default=True, type=click.FloatRange(0.1, 3600), help="For letters and events, every s."
)
@click.option("--webhooks", envvar="KJFH_WEBHOOKS", type=click.Path(), help="Programs to call with events (TOML).")
@click.option("--quiet", is_flag=True, help="Say only what went wrong.")
@click.pass_context
def run_command(ctx: click.Context, sleep: float, look: float, webhooks: str | None, quiet: bool) -> None:
    """Enforce every deadline and send every notice until stopped (SIGTERM, Ctrl-C). Any number may run at once."""
    from kjfh_workflow.casework.opening import when_there  # noqa: PLC0415
    from kjfh_workflow.scheduler import Runner  # noqa: PLC0415  (60 ms that other commands need not pay)

    logging.basicConfig(
        level=logging.WARNING if quiet else logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    for noisy in ("apscheduler", "httpx", "transitions"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    log = logging.getLogger(__name__)
    workflow = when_there(lambda: open_workflow(ctx), log)
    runner = Runner(
        workflow,
        webhooks=workflow.events.webhooks(webhooks) if webhooks else (),
        longest_sleep=timedelta(seconds=sleep),
        look_every=timedelta(seconds=look),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: runner.stop())
    if hang_up := getattr(signal, "SIGHUP", None):  # not every system has it; there is nothing that it could mean
        signal.signal(hang_up, lambda *_: None)
    if not ctx.obj["channels"]:
        log.warning("no --channels: this copy ticks only; letters wait in the outbox")
    log.info("running; stop with SIGTERM or Ctrl-C")
    runner.run()
    log.info("stopped")


@click.command("tick")
@json_option
@click.pass_context
def tick_command(ctx: click.Context, as_json: bool) -> int:
    """Let every deadline ring whose time has come, once; exits with 1 if one cannot."""
    ticked = open_workflow(ctx).tick()
    if as_json:
        print_json(ticked)
    else:
        click.echo(f"{ticked.rung} rang" + (f", {ticked.held} held by others" if ticked.held else ""))
        for failing in ticked.failing:
            click.echo(f"{failing.case} {failing.timer} {failing.alarm} cannot ring: {failing.error}", err=True)
    return 1 if ticked.failing else 0


@click.command("deliver")
@json_option
@click.pass_context
def deliver_command(ctx: click.Context, as_json: bool) -> int:
    """Send every letter that is due, once; exits with 1 if a person must look at one."""
    workflow = open_workflow(ctx)
    if not workflow.delivers:
        raise click.UsageError("no --channels (or KJFH_CHANNELS): nobody has said how letters leave")
    delivered = workflow.deliver()
    needed = workflow.mail_room.entries(Wanted(problems=True), limit=1)
    if as_json:
        print_json(delivered)
    else:
        click.echo(
            f"{delivered.sent} sent, {delivered.failed} failed, {delivered.dead} given up, "
            f"{delivered.unaddressed} without address, {delivered.unrouted} without channel, "
            f"{delivered.waiting} waiting"
        )
    return 1 if needed else 0
