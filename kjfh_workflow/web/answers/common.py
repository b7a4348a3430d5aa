"""What several answers are made of."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

ItemT = TypeVar("ItemT")


class Answer(BaseModel):
    """One answer, or a part of one; made from the library's own values by ``model_validate``."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Page(Answer, Generic[ItemT]):
    """Some of a list, in order."""

    items: list[ItemT]
    next: str | None = Field(description="Give it as `after` for what follows; null at the end.")


#: An exact sum in yuan, as decimal text.
Yuan = Annotated[
    Decimal,
    PlainSerializer(lambda value: format(value, "f"), return_type=str),
    Field(json_schema_extra={"type": "string", "examples": ["180000.00"]}),
]
After = Annotated[str, Query(description="Continue behind this key.", max_length=200)]
Limit = Annotated[int, Query(ge=1, le=500, description="At most so many.")]
#: Evidence of an act: values by field.
Evidence = dict[str, Any]
