"""What an application folder says."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from kjfh_workflow.web.answers.common import Answer


class ApplicationAnswer(Answer):
    """A folder, all of it readable: `type`, `facts` and `materials` are the evidence that `submit` asks for."""

    city: str
    type: str = Field(examples=["incubator"])
    name: str = Field(description="The operator's name.")
    uscc: str = Field(description="The operator's code.")
    facts: dict[str, Any]
    materials: list[str]
