"""What an act did, or would do."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import Field

from kjfh_workflow.casework.outcome import Outcome
from kjfh_workflow.web.answers.common import Answer
from kjfh_workflow.web.problems import RefusalAnswer


class QueuedNotice(Answer):
    """A notice that an act has queued."""

    notice: str = Field(examples=["preliminary_passed"])
    role: str = Field(description="To whom.", examples=["applicant"])


class OutcomeAnswer(Answer):
    """The result of one act."""

    case: str = Field(examples=["yuyao-210301-7kq2mw"])
    event: str = Field(examples=["accept"])
    source: str = Field(description="The state before.", examples=["applied"])
    state: str = Field(description="The state now.", examples=["preliminary_review"])
    version: int = Field(description="How many acts the case has seen; its ETag.", examples=[2])
    article: str = Field(examples=["第七条"])
    started: dict[str, date] = Field(description="Timer → due date, of the clocks that this act started.")
    stopped: list[str] = Field(description="Timers that this act stopped.")
    notices: list[QueuedNotice]
    opened: dict[str, str] = Field(description="Kind → id of the case that this act opened.")
    banned_until: date | None = Field(description="The last barred day, if the act imposed a ban.")
    evaluation: dict[str, Any] | None = Field(description="The criteria's results, where the act rests on them.")
    refusals: list[RefusalAnswer] = Field(description="Only of a preview: why it would be refused.")

    @classmethod
    def of(cls, outcome: Outcome) -> OutcomeAnswer:
        """From the library's."""
        return cls(
            case=outcome.case,
            event=outcome.event,
            source=outcome.source,
            state=outcome.state,
            version=outcome.version,
            article=outcome.article,
            started=dict(outcome.started),
            stopped=[*outcome.stopped],
            notices=[QueuedNotice(notice=notice, role=role) for notice, role in outcome.notices],
            opened=dict(outcome.opened),
            banned_until=outcome.banned_until,
            evaluation=dict(outcome.evaluation) if outcome.evaluation is not None else None,
            refusals=[RefusalAnswer.model_validate(refusal) for refusal in outcome.refusals],
        )
