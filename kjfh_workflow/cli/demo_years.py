"""The years after recognition, as the demo tells them: assessments, money, changes, tenants, a title lost in each city.

How the applications come to be recognised, and how the demo is run, is ``demo``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import click

from kjfh_workflow.casework.rounds import Round
from kjfh_workflow.casework.virtual_time import let_time_pass
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.cli.case_pages import print_outcome
from kjfh_workflow.cli.demo_stories import somebody
from kjfh_workflow.cli.rounds import round_in_words
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.errors import Refused
from kjfh_workflow.policy.loader import read_toml
from kjfh_workflow.resources import examples_dir
from kjfh_workflow.rules.case import Actor

#: The case that an act is about where its table names none.
_TITLE = "title"


@dataclass(frozen=True)
class Deed:
    """One act of the years, in one city: a table ``[[deed]]`` of ``examples/years.toml``."""

    on: date
    city: str
    by: str
    event: str
    evidence: Mapping[str, Any]
    #: What it acts on; a name not heard before opens a case of ``kind``.
    case: str
    #: Under the title, unless it is a title itself.
    kind: str


def read_years() -> list[Deed]:
    """What the demo tells, in the order in which it happens."""
    return [
        Deed(
            deed["on"], deed["city"], deed["by"], deed["do"], deed.get("with", {}), deed.get("case", _TITLE),
            deed.get("kind", ""),
        )
        for deed in read_toml(examples_dir() / "years.toml")["deed"]
    ]  # fmt: skip


class Years:
    """Tells the deeds, one after the other, on a virtual clock."""

    def __init__(self, workflow: Workflow, clock: FixedClock, titles: Mapping[str, str], *, quiet: bool) -> None:
        self._workflow = workflow
        self._clock = clock
        #: (city, name) → case.
        self._cases = {(city, _TITLE): case for city, case in titles.items()}
        self._quiet = quiet
        #: What happened, for ``--json``.
        self.events: list[dict[str, Any]] = []

    def tell(self) -> None:
        """All of them; what is refused says why and changes nothing."""
        for deed in read_years():
            self._pass_time(deed.on)
            pack = self._workflow.catalog.latest(deed.city)
            who = self._actor(deed)
            self._say(f"{deed.on} {pack.identity.city_label} {who.name}")
            try:
                self._done(deed, self._do(deed, who))
            except Refused as error:
                self.events.append({"on": deed.on, "event": deed.event, "refused": error.codes})
                self._say(f"  ✗ {deed.event} 被拒绝，什么也没有改变：")
                self._say("\n".join(f"      {refusal}" for refusal in error.refusals))

    def _pass_time(self, day: date) -> None:
        """Deadlines act by themselves, each at its own instant."""
        passed = let_time_pass(self._workflow, self._clock, office_hour(day))
        self.events += [{"on": on, "rang": rang} for on, rang in passed]

    def _do(self, deed: Deed, who: Actor) -> Any:
        if deed.event == "open_round":
            return self._workflow.rounds.open(deed.city, deed.evidence["year"], by=who)
        if deed.event == "close_round":
            return self._workflow.rounds.close(deed.city, deed.evidence["year"], by=who)
        case = self._cases.get((deed.city, deed.case))
        if case:
            return self._workflow.perform(case, deed.event, by=who, evidence=deed.evidence)
        parent = "" if deed.kind == "incubator" else self._cases[deed.city, _TITLE]
        outcome = self._workflow.open_case(deed.kind, deed.event, by=who, evidence=deed.evidence, parent=parent)
        self._cases[deed.city, deed.case] = outcome.case
        return outcome

    def _done(self, deed: Deed, outcome: Any) -> None:
        self.events.append({"on": deed.on, "event": deed.event, "outcome": outcome})
        if self._quiet:
            return
        if isinstance(outcome, Round):
            click.echo(f"  {round_in_words(outcome)}")
        else:
            print_outcome(self._workflow, outcome)

    def _actor(self, deed: Deed) -> Actor:
        title = self._workflow.case(self._cases[deed.city, _TITLE]).case
        return somebody(deed.by, deed.city, title.name, title.uscc)

    def _say(self, text: str) -> None:
        if not self._quiet:
            click.echo(text)
