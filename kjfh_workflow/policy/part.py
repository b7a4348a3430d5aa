"""What every part of a pack is made of: frozen models, names, and the citation that goes with each value."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

from kjfh_workflow.policy.vocabulary import Status

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Names = tuple[Name, ...]


class Part(BaseModel):
    """Base of everything in a pack: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Provision(Part):
    """Something that rests on an article."""

    #: Citation: a number from the pack's article list, with 第N项 where the article has items.
    article: Text
    status: Status
    #: The choice made and why; required unless ``stated``.
    note: str = ""


def as_data(part: Part) -> dict[str, Any]:
    """A part as plain data with the keys of the TOML files, without what is empty."""
    return part.model_dump(mode="json", by_alias=True, exclude_defaults=True)
