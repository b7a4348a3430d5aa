"""What a roster of firms means for an incubator's tenancies."""

from __future__ import annotations

from pydantic import Field

from kjfh_workflow.web.answers.common import Answer
from kjfh_workflow.web.problems import RefusalAnswer


class MovedAnswer(Answer):
    """One firm, and what the roster means for it."""

    name: str = Field(examples=["余姚某某科技有限公司"])
    uscc: str = Field(examples=["91330281MA2B00001P"])
    place: str = Field(
        description="Where it stands on the roster; empty for one that is no longer on it.", examples=["第3行"]
    )
    case: str = Field(description="Its tenancy; empty for one that was not admitted, or not yet.")
    refusals: list[RefusalAnswer] = Field(description="Every reason against it.")


class ImportedAnswer(Answer):
    """What became of a roster, or what would."""

    incubator: str = Field(examples=["yuyao-210330-k3f9xa"])
    kept: bool = Field(description="False for a preview: nothing has been stored.")
    admitted: list[MovedAnswer] = Field(description="New on the roster.")
    left: list[MovedAnswer] = Field(description="No longer on it.")
    unchanged: list[MovedAnswer]
    refused: list[MovedAnswer] = Field(description="Only of a preview: without it one refusal refuses all.")
