"""What the demo tells of applications, and who acts in it: ``examples/stories.toml``. How it is told is ``demo``'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from kjfh_workflow.policy.loader import read_toml
from kjfh_workflow.resources import examples_dir
from kjfh_workflow.rules.case import Actor


@dataclass(frozen=True)
class StoryAct:
    """One act of a story."""

    on: date
    by: str
    event: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True)
class Story:
    """One folder's way to a decision."""

    folder: str
    acts: tuple[StoryAct, ...]
    #: Applies for this instead of what the folder says.
    type: str
    #: The people go home; the clock runs on to this day.
    until: date | None


@cache
def _told() -> Mapping[str, Any]:
    return read_toml(examples_dir() / "stories.toml")


def read_stories() -> list[Story]:
    """Every story, in order."""
    return [
        Story(
            story["folder"],
            tuple(StoryAct(act["on"], act["by"], act["do"], act.get("with", {})) for act in story["act"]),
            story.get("type", ""),
            story.get("until"),
        )
        for story in _told()["story"]
    ]


def somebody(who: str, city: str, name: str, uscc: str) -> Actor:
    """The applicant, who stands for an operator, or an official of the city."""
    if who == "applicant":
        return Actor.of(uscc, who, city, name=name, uscc=uscc)
    person = _told()["people"][who]
    return Actor.of(f"{city}-{who}", person["role"], city, name=person["name"])
