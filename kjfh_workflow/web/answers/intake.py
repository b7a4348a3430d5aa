"""What an application folder says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from kjfh_workflow.casework.views.form_fields import FormField
from kjfh_workflow.intake.folder import ApplicationFolder
from kjfh_workflow.web.answers.common import Answer
from kjfh_workflow.web.answers.forms import FormFieldAnswer


class ApplicationAnswer(Answer):
    """A folder, all of it readable: `type`, `facts` and `materials` are the evidence that `submit` asks for."""

    city: str
    type: str = Field(examples=["incubator"])
    name: str = Field(description="The operator's name.")
    uscc: str = Field(description="The operator's code.")
    facts: dict[str, Any]
    facts_form: list[FormFieldAnswer] = Field(
        description="How what stands in `facts` is called, section by section, under the city's policy of today."
    )
    materials: list[str]

    @classmethod
    def of(cls, found: ApplicationFolder, form: Iterable[FormField]) -> ApplicationAnswer:
        """From the library's."""
        said = {name: getattr(found, name) for name in cls.model_fields if name != "facts_form"}
        return cls(**said, facts_form=[FormFieldAnswer.model_validate(field) for field in form])
