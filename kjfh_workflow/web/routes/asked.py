"""What several routes ask for: the id of a notice, days, texts that can be kept on file.

What only one subject asks for stands with its routes; who asks, in ``caller``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, TypeVar

from fastapi import Depends, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from kjfh_workflow.rules.facts import no_control_characters

RowT = TypeVar("RowT")
#: No body of ours has half as many.
_MOST_KEYS = 50
#: PostgreSQL keeps no NUL in a text, and nobody's name has an invisible character.
VISIBLE = r"^[^\x00-\x1f\x7f]*$"
#: The days that may be named; counting from others would leave the calendar.
FIRST_DAY, LAST_DAY = date(1949, 10, 1), date(2100, 12, 31)
Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY, examples=["2021-03-01"])]
#: A line somebody writes: a name, a receipt's number. Where it must not be empty, the library says so in Chinese.
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(no_control_characters)
]  # fmt: skip
#: What somebody writes: a reason, a remark.
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=2_000), AfterValidator(no_control_characters)
]  # fmt: skip
#: A short name in a query; empty does not filter.
Wanted = Annotated[str, Query(max_length=64, pattern=VISIBLE)]
Behind = Annotated[str, Query(max_length=200, pattern=VISIBLE, description="Continue behind this key.")]
CityName = Annotated[str, Path(max_length=64, pattern=VISIBLE, examples=["yongjiang"])]
#: Short names in a body, like a channel's.
Name = Annotated[str, StringConstraints(max_length=64, pattern=VISIBLE)]
CaseId = Annotated[str, Path(max_length=64, pattern=VISIBLE, examples=["yuyao-210301-7kq2mw"])]


class Body(BaseModel):
    """What is sent as JSON. A key that nobody knows is refused; of very many each is not asked for."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _few_keys(cls, value: object) -> object:
        if isinstance(value, dict) and len(value) > _MOST_KEYS:
            raise ValueError(f"{len(value)} keys, at most {_MOST_KEYS}")
        return value


async def _notice_id(
    case: CaseId,
    version: Annotated[int, Path(ge=1, le=999_999_999, description="The act that it came of.", examples=[2])],
    number: Annotated[int, Path(ge=1, le=999_999, examples=[1])],
) -> str:
    return f"{case}/{version}/{number}"


#: A notice's id, ``<case>/<version>/<number>``, out of the path.
NoticeId = Annotated[str, Depends(_notice_id)]


def first_of(rows: Sequence[RowT], limit: int, key: Callable[[RowT], str]) -> tuple[list[RowT], str | None]:
    """The first *limit* of rows of which one more was asked for, and the key behind which to go on."""
    found = [*rows[:limit]]
    return found, key(found[-1]) if len(rows) > limit else None
