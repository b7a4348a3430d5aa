"""What the history of a case has said, by subject; what does not apply to its kind is empty."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, PlainSerializer

from kjfh_workflow.web.answers.common import Answer, Yuan

_Score = Annotated[
    Decimal,
    PlainSerializer(lambda value: format(value, "f"), return_type=str),
    Field(json_schema_extra={"type": "string", "examples": ["92.5"]}),
]


class NamedCode(Answer):
    """A code with its word."""

    value: str
    label: str


class GradeAnswer(Answer):
    """A year's assessment."""

    year: int
    grade: str = Field(description="`not_graded` where the year stays without one.", examples=["excellent"])
    grade_label: str
    score: _Score | None
    reason: str = Field(description="Why there is no grade, or why it is this one.")
    on: date | None = Field(description="When it became final; null while it is proposed.")
    reported_on: date | None = Field(description="The day on which the year's report came in.")


class RecognisedAbove(Answer):
    """A recognition at a higher level, in a calendar year."""

    year: int
    level: str
    level_label: str


class ProposalAnswer(Answer):
    """That the title is to be cancelled, on which ground."""

    ground: str
    article: str
    event: str
    event_label: str


class RectificationAnswer(Answer):
    """An order to rectify."""

    year: int
    ordered_on: date
    by: date = Field(description="The last day.")
    overdue: bool = Field(description="The day passed without a report.")


class IncubatorChangeAnswer(Answer):
    """A change of the incubator."""

    what: list[NamedCode]
    occurred_on: date
    late_days: int | None = Field(description="0 if it was reported in time; null while it is unreported.")
    recorded_on: date | None = Field(description="When the office found it.")
    reported_on: date | None
    case: str = Field(description="Of one that an incubator remembers: the change's case.")
    result: str
    result_label: str


class RecommendationAnswer(Answer):
    """A recommendation upward, and what came of it."""

    to_level: str
    to_level_label: str
    level: str = Field(description="At which it was recognised; empty as long as it is not.")
    level_label: str
    decided_on: date | None
    document_no: str


class StayAnswer(Answer):
    """A firm in the incubator."""

    tenant: dict[str, Any] = Field(description="As it was admitted, like a row of `facts.tenants`.")
    until: date | None = Field(description="The last day of a stay that was extended.")
    extended_on: date | None
    grounds: list[NamedCode] = Field(description="On which it graduated.")


class StoryAnswer(Answer):
    """What the history has said."""

    returns: int = Field(description="How often an application was returned for correction.")
    endorsed: list[NamedCode] = Field(description="The departments that have endorsed.")
    fraud_on: date | None = Field(description="The day on which cheating was found.")
    award_yuan: Yuan | None = Field(description="The award that Finance has fixed on.")
    recognised_on: date | None
    document_no: str = Field(description="Of the decision on the title, where another body took it.")
    township: str
    registered: bool = Field(description="The title was not granted by this system.")
    opened_by: str = Field(description="The application that a title came from.")
    recognised_above: list[RecognisedAbove]
    grades: list[GradeAnswer]
    failed_years: int = Field(description="Unqualified grades in a row up to the latest assessed year.")
    assessing: int | None = Field(description="The year under assessment.")
    proposed: GradeAnswer | None = Field(description="For offices only, until the round closes.")
    proposal: ProposalAnswer | None
    rectification: RectificationAnswer | None
    changes: list[IncubatorChangeAnswer] = Field(description="Those that count for an incubator's assessment.")
    change: IncubatorChangeAnswer | None = Field(description="Of a change's own case.")
    recommendation: RecommendationAnswer | None
    stay: StayAnswer | None
