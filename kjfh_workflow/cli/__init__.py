"""The command line: parse, call casework, print. Thin; nothing is decided here.

Each command's module is imported when the command is called, so that ``kjfh --help`` starts at once.

Exit codes: 0 done · 1 refused, or something does not hold · 2 wrong usage · 3 not found · 4 conflict, try again ·
5 a file that cannot be read or written · 6 the database's schema does not fit · 70 an error of the program or the
database itself.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from kjfh_workflow import __version__
from kjfh_workflow.cli.errors import exit_code_and_message

#: Command → (module, its one-line help). Kept here so that listing commands imports none of them.
_COMMANDS = {
    "address": ("addresses", "Set and list where operators and offices receive their letters."),
    "calendar": ("calendar", "Show working days; record holidays that were announced later."),
    "case": ("cases", "List, show and act on cases."),
    "db": ("database", "Create, upgrade, check, seal and export the database."),
    "deliver": ("run", "Send every letter that is due, once."),
    "demo": ("demo", "Play several years of both cities, from two real application folders on, and show why."),
    "docket": ("docket", "What falls due, and where each case ends if nobody acts."),
    "events": ("events", "What has happened, who follows it, and what they have not taken."),
    "file": ("files", "Put files into a case, list them, save them again."),
    "import": ("intake", "Read an application folder and submit it."),
    "inbox": ("inbox", "Read what an operator or an office has been sent."),
    "integrity": ("books", "Operators that may not apply, and reviewers' misconduct (失信名单)."),
    "lab": ("lab", "Prove on an own copy that kills, stops and restarts lose and double nothing."),
    "ledger": ("ledger", "What is owed, promised and paid; Finance's payment list and its return."),
    "notice": ("notices", "List, show and preview notices; write letters."),
    "outbox": ("outbox", "What has still to be sent, what could not be, and proof of service."),
    "play": ("play", "Play scenario files and say for every step what held."),
    "policy": ("policy", "Check, read, draw, compare and confirm policy packs."),
    "register": ("books", "Show who holds which title, today or on any past day."),
    "report": ("books", "What a bureau prints: its year, its townships, the work that is late."),
    "round": ("rounds", "Open, look at and close a year's assessment."),
    "run": ("run", "Enforce every deadline and send every notice until stopped."),
    "serve": ("serve", "Answer over HTTP: for the intranet's own screens and programs."),
    "targets": ("books", "How far a city has come with its targets, and the list behind each number."),
    "template": ("intake", "Write empty spreadsheets for an application folder."),
    "tenants": ("books", "Bring an incubator's tenancies in line with a roster."),
    "tick": ("run", "Let every deadline ring whose time has come, once."),
    "verify": ("database", "Prove that the history is unbroken and every case is what it folds to."),
}


class _LazyGroup(click.Group):
    """Knows its commands by name; imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All names, in alphabetical order."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command itself."""
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"kjfh_workflow.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in ``--help``, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "KJFH"},
    epilog=(
        "Exit codes: 0 done, 1 refused or does not hold, 2 wrong usage, 3 not found, 4 conflict (try again), "
        "5 a file cannot be read or written, 6 schema does not fit, 70 error of the program or the database. "
        "Every option has an environment variable: "
        "KJFH_DB, KJFH_STATES, KJFH_TEMPLATES, KJFH_CHANNELS, KJFH_WEBHOOKS."
    ),
)
@click.version_option(__version__, prog_name="kjfh")
@click.option("--db", default="sqlite:///kjfh.db", show_default=True, help="Database URL (sqlite or postgresql).")
@click.option("--states", multiple=True, type=click.Path(), help="Folder of your own policy packs; may be repeated.")
@click.option("--templates", multiple=True, type=click.Path(), help="Folder of your own notice templates.")
@click.option("--channels", type=click.Path(), help="How notices leave (TOML); without it they wait in the outbox.")
@click.option("--debug", is_flag=True, help="Show the trace of an error.")
@click.pass_context
def cli(
    ctx: click.Context,
    db: str,
    states: tuple[str, ...],
    templates: tuple[str, ...],
    channels: str | None,
    debug: bool,
) -> None:
    """Case management for a science and technology bureau (科技企业孵化器、众创空间认定与考核)."""
    ctx.ensure_object(dict).update(db=db, states=states, templates=templates, channels=channels, debug=debug)


def main(arguments: list[str] | None = None) -> None:
    """Run, and turn every error into one clear line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    options: dict[str, Any] = {}
    try:
        result = cli.main(arguments, prog_name="kjfh", standalone_mode=False, obj=options)
        code = result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        click.echo("aborted", err=True)
        code = 130
    except Exception as error:
        if options.get("debug"):
            raise
        code, message = exit_code_and_message(error)
        click.echo(message, err=True)
    sys.stdout.flush()
    sys.exit(code)
