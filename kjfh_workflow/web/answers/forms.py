"""What may happen next, and the form of each event: enough for a screen to draw it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field, PlainSerializer

from kjfh_workflow.casework.views.form_fields import Shape
from kjfh_workflow.web.answers.common import Answer
from kjfh_workflow.web.problems import RefusalAnswer

_Number = Annotated[
    Decimal,
    PlainSerializer(lambda value: format(value, "f"), return_type=str),
    Field(json_schema_extra={"type": "string", "examples": ["0"]}),
]


class ChoiceAnswer(Answer):
    """One of the values that there are."""

    value: str
    label: str
    note: str = Field(description="Its article, or whether it is there already.")


class FormFieldAnswer(Answer):
    """One field of an event's evidence, or of a table in it."""

    name: str = Field(description="Its key in `evidence`.", examples=["working_days"])
    label: str = Field(examples=["补正工作日数"])
    required: bool
    shape: Shape = Field(
        description="`line` and `text` are texts, the first without line breaks; `texts` and `choices` are lists; "
        "`date` is `YYYY-MM-DD`; `decimal` is a number or a decimal text; `yes_no` is true or false; a `table` is an "
        "object with a value for each of `fields`, `rows` a list of such objects; `facts` is the whole of an "
        "application's data (schema `Facts`), an object with a value for each of `fields`, its sections; `paths` is an "
        "object of dotted paths into it, like `premises.area_m2` or `tenants.3.field`; a `report` is a text, or any "
        "object."
    )
    unit: str = Field(examples=["个工作日"])
    least: _Number | None = Field(description="The least that a number may be, in the unit.")
    most: _Number | None = Field(description="The most that a number may be, in the unit.")
    longest: int | None = Field(description="How many characters of a text, or entries of a list, there may be.")
    choices: list[ChoiceAnswer]
    closed: bool = Field(description="Only one of `choices` will do; otherwise they are suggestions.")
    fields: list[FormFieldAnswer] = Field(description="What is in a table, in each of the rows, in the facts.")
    note: str = Field(description="What a person has to know of it.")


class EventFormAnswer(Answer):
    """An event, whether you may perform it now, and its form."""

    event: str = Field(examples=["pass_preliminary"])
    label: str = Field(examples=["初审通过"])
    opens: str = Field(
        description="Of an event that opens a case: of which kind. Perform it by `POST /v1/cases`, with `parent` where "
        "it stands among a case's events; empty for an event of the case itself."
    )
    opens_label: str
    allowed: bool = Field(description="Yes, once its evidence is given; or no, for every reason in `refusals`.")
    refusals: list[RefusalAnswer]
    open_points: list[RefusalAnswer] = Field(
        description="What the evidence will have to answer: criteria to judge, justifications to give."
    )
    article: str
    fields: list[FormFieldAnswer]
