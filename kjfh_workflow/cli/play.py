"""``kjfh play``: the scenario player."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kjfh_workflow.casework.opening import load_catalog
from kjfh_workflow.cli.output import json_option, print_json
from kjfh_workflow.errors import ScenarioError
from kjfh_workflow.scenario.play import Played, play
from kjfh_workflow.scenario.read import read_scenario
from kjfh_workflow.scenario.words import Vocabulary


@click.command("play")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--quiet", "-q", is_flag=True, help="Only what did not hold, and the sum.")
@json_option
@click.pass_context
def play_command(ctx: click.Context, files: tuple[Path, ...], quiet: bool, as_json: bool) -> int:
    """Play scenario FILES on a virtual clock and an empty in-memory database.

    Exits with 0 only if everything held; with 5 if a file could not be read (the others are played all the same).
    """
    options = {"states": ctx.obj["states"], "templates": ctx.obj["templates"]}
    words = Vocabulary.of(load_catalog(**options))
    results: list[dict[str, Any]] = []
    for file in files:
        try:
            scenario = read_scenario(file, words)
        except ScenarioError as error:
            problems = [str(problem) for problem in error.problems]
            results.append({"file": str(file), "held": False, "problems": problems})
            if not as_json:
                click.echo(f"✗ {file}: cannot be played\n  " + "\n  ".join(problems), err=True)
            continue
        if not as_json and not quiet:
            click.echo(f"{file}：{scenario.title}")
        steps = []
        for played in play(scenario, **options):
            steps.append(_data(played))
            if not as_json and not (quiet and played.held):
                _print(played)
        results.append({"file": str(file), "held": all(step["held"] for step in steps), "steps": steps})
    held = sum(result["held"] for result in results)
    if as_json:
        print_json(results)
    else:
        click.echo(f"{held} of {len(results)} scenarios held")
    if held == len(results):
        return 0
    return 5 if any("problems" in result for result in results) else 1


def _print(played: Played) -> None:
    step = played.step
    who = "、".join(actor.id for actor in step.by)
    what = f"{who} {step.do} {step.case}".rstrip() if step.do else "(looks)"
    refused = f" ✗ refused {', '.join(sorted(step.expect.refused))}" if step.expect.refused else ""
    click.echo(f"  {'✓' if played.held else '✗'} {step.on} {step.place} {what}{refused if played.held else ''}")
    for finding in played.findings:
        if not finding.held:
            click.echo(f"      {finding.what}: expected {finding.expected}, found {finding.actual}")


def _data(played: Played) -> dict[str, Any]:
    return {
        "place": played.step.place,
        "on": played.step.on,
        "do": played.step.do,
        "case": played.step.case,
        "held": played.held,
        "findings": [
            {"what": f.what, "expected": f.expected, "actual": f.actual, "held": f.held} for f in played.findings
        ],
    }
