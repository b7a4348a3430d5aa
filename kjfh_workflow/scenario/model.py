"""What a scenario consists of, once read and found to use only known words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from kjfh_workflow.rules.case import Actor


@dataclass(frozen=True)
class Expect:
    """What must be true after a step; an empty field is not looked at."""

    state: str = ""
    #: The step must be refused with exactly these codes; None if it must not be refused.
    refused: frozenset[str] | None = None
    #: Alias → field → value.
    cases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: (alias, timer) → due date, or None for "not armed".
    due: Mapping[tuple[str, str], date | None] = field(default_factory=dict)
    #: (alias, notice) queued since the step before.
    notices: tuple[tuple[str, str], ...] = ()
    no_notices: tuple[tuple[str, str], ...] = ()
    #: Rows that must be in the ledger: any of case (an alias), kind, year, instalment, yuan, status.
    ledger: tuple[Mapping[str, Any], ...] = ()
    #: Alias → how many awards the ledger knows of it.
    ledger_count: Mapping[str, int] = field(default_factory=dict)
    #: Operator's code → last barred day, or None for "not banned".
    banned: Mapping[str, date | None] = field(default_factory=dict)
    #: Criterion → met, unmet or judge.
    criteria: Mapping[str, str] = field(default_factory=dict)
    #: Year → exactly the incubators (aliases) in that round of the step's city.
    roster: Mapping[int, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One dated step."""

    #: "recognised.toml step 3", for people.
    place: str
    on: date
    #: Who acts; nobody where the step only looks.
    by: tuple[Actor, ...]
    do: str
    #: Empty where no case performs the event.
    case: str
    #: With a new alias: what kind of case it opens, in which city.
    kind: str
    city: str
    #: With a new alias: the case that the new one belongs to.
    parent: str
    #: Alias → kind of the case that the step's event opens.
    opens: Mapping[str, str]
    evidence: Mapping[str, Any]
    expect: Expect


@dataclass(frozen=True)
class Scenario:
    """A scenario with the one it comes after in front."""

    path: Path
    title: str
    policy: str
    articles: tuple[str, ...]
    people: Mapping[str, Actor]
    steps: tuple[Step, ...]
