"""``kjfh serve``: the library over HTTP, for screens and programs in any language."""

from __future__ import annotations

import errno
import ipaddress
import socket
from datetime import datetime

import click

from kjfh_workflow.cli.output import DAY
from kjfh_workflow.errors import Unavailable, WorkflowError

#: What the extra ``web`` brings.
_EXTRA = ("cryptography", "fastapi", "jwt", "prometheus_client", "starlette", "uvicorn")


@click.command("serve")
@click.option("--settings", type=click.Path(), help="Whose tokens are believed, and limits (TOML).")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="The port to listen on.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that serve.")
@click.option("--dev", is_flag=True, help="Believe tokens made here only, and print some; on this machine only.")
@click.option("--clock", type=DAY, help="With --dev: a virtual clock; PUT /dev/clock/DAY moves it on.")
@click.option("--run", "also_run", is_flag=True, help="Tick and deliver as well, as kjfh run does.")
@click.option("--forwarded-allow-ips", default="", help="Proxies that may say who the caller is, with commas.")
@click.pass_context
def serve_command(
    ctx: click.Context,
    settings: str | None,
    host: str,
    port: int,
    workers: int,
    dev: bool,
    clock: datetime | None,
    also_run: bool,
    forwarded_allow_ips: str,
) -> int:
    """Answer over HTTP until stopped (SIGTERM, Ctrl-C). Any number may run at once. Logs are lines of JSON."""
    try:
        from kjfh_workflow.web.serving import Serving, serve  # noqa: PLC0415  (half a second, and an extra)
        from kjfh_workflow.web.settings import is_loopback  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in _EXTRA:
            raise WorkflowError("the service needs more packages: pip install 'kjfh-workflow[web]'") from error
        raise
    serving = Serving(
        database=ctx.obj["db"],
        host=host,
        port=port,
        settings=settings or "",
        states=tuple(ctx.obj["states"]),
        templates=tuple(ctx.obj["templates"]),
        channels=ctx.obj["channels"],
        workers=workers,
        run=also_run,
        forwarded_allow_ips=forwarded_allow_ips,
        clock=clock.date().isoformat() if clock else "",
    )
    if clock and (not dev or workers > 1 or also_run):
        raise click.UsageError("--clock is for trying things out: with --dev, in one process, without --run")
    if dev and not is_loopback(host):
        raise click.UsageError(f"--dev believes whoever has read its output: it serves this machine only, not {host}")
    if dev and forwarded_allow_ips:
        raise click.UsageError("--dev serves this machine only: there can be no proxy before it")
    if forwarded_allow_ips not in ("", "*"):
        for proxy in forwarded_allow_ips.split(","):
            if not _is_network(proxy.strip()):
                raise click.UsageError(
                    f"--forwarded-allow-ips: {proxy!r} is no address and no network, like 10.0.0.7 or 10.0.0.0/24; "
                    "* alone is anybody"
                )
    if not dev and (not settings or serving.loaded().tokens is None):
        raise click.UsageError(
            "nobody has said whose tokens are believed: name a file with --settings that has [tokens] with issuer, "
            "audience and one of jwks_file, jwks_url, discover = true; or try it out with --dev"
        )
    if workers > 1 and _is_in_memory(serving.database):
        raise click.UsageError("several --workers need a database that they share: a file or PostgreSQL")
    _refuse_taken(host, port)
    return serve(serving, dev=dev)


def _is_in_memory(url: str) -> bool:
    return url.startswith("sqlite") and (url.endswith(("://", ":///", ":memory:")) or "mode=memory" in url)


def _is_network(word: str) -> bool:
    try:
        ipaddress.ip_network(word)
    except ValueError:
        return False
    return True


def _refuse_taken(host: str, port: int) -> None:
    """Say at once that nobody can listen there, before the database is looked for.

    Raises:
        Unavailable: if somebody else does, or the machine does not have the address: both may be otherwise soon.
        UsageError: why not.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        words = f"cannot listen on {host} port {port}: {error.strerror or error}"
        if error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
            raise Unavailable(words) from error
        raise click.UsageError(words) from error
