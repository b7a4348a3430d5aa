"""``kjfh address``: where operators and offices receive their letters."""

from __future__ import annotations

import click

from kjfh_workflow.casework.mail.addressing import MEDIA
from kjfh_workflow.cli.output import actor_options, json_option, open_workflow, print_json, print_table
from kjfh_workflow.policy.wording import house_words
from kjfh_workflow.rules.case import Actor


@click.group("address")
def address_command() -> None:
    """Set and list where operators and offices receive their letters."""


@address_command.command("set")
@click.argument("holder")
@click.argument("medium", type=click.Choice(MEDIA))
@click.argument("address")
@actor_options
@json_option
@click.pass_context
def set_address(ctx: click.Context, holder: str, medium: str, address: str, actor: Actor, as_json: bool) -> None:
    """Say that HOLDER (an operator's code or a role) is reached at ADDRESS; an empty one withdraws (an admin)."""
    done = open_workflow(ctx).mail_room.set_address(actor.city, holder, medium, address, by=actor)
    if as_json:
        print_json(done)
        return
    medium_word = house_words()["media"][done.medium]
    click.echo(f"{done.holder}：{medium_word}{f'设为{done.address}' if done.address else '已撤销'}")
    if done.released:
        click.echo(f"{done.released}件等待地址的通知将立即发送")


@address_command.command("list")
@click.option("--city", required=True, help="Whose, like yuyao.")
@json_option
@click.pass_context
def list_addresses(ctx: click.Context, city: str, as_json: bool) -> None:
    """List the addresses of a city; of a chat's only what is no secret."""
    found = open_workflow(ctx).mail_room.addresses(city)
    if as_json:
        print_json(found)
    else:
        rows = [(each.holder, house_words()["media"][each.medium], each.address) for each in found]
        print_table("送达地址", ("收件人", "类别", "地址"), rows)
