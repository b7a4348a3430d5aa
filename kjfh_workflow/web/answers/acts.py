"""What an act did, or would do."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import Field

from kjfh_workflow.casework.outcome import Outcome
from kjfh_workflow.casework.views.outcome_shown import DraftShown, in_words
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.web.answers.common import Answer
from kjfh_workflow.web.answers.dossier import EvaluationAnswer
from kjfh_workflow.web.answers.timeline import NoticeSent, OpenedCase, TurnedClock
from kjfh_workflow.web.problems import RefusalAnswer


class LetterForetold(Answer):
    """A letter that an act would send; what is not settled before it is done is marked 〔示例〕."""

    notice: str = Field(examples=["application_rejected"])
    label: str = Field(examples=["不予认定通知"])
    role: str = Field(description="To whom.", examples=["applicant"])
    role_label: str
    number: str = Field(description="Its document number, the next as things are; empty where it has none.")
    subject: str
    title: str
    body: str

    @classmethod
    def of(cls, shown: DraftShown) -> LetterForetold:
        """From the library's."""
        drafted = {name: getattr(shown.drafted, name) for name in shown.drafted.__slots__}
        return cls(**drafted, label=shown.label, role_label=shown.role_label)


class OutcomeAnswer(Answer):
    """The result of one act, in one case and in those that it opened."""

    case: str = Field(
        description="Empty in a preview of opening one: it has no id yet.", examples=["yuyao-210301-7kq2mw"]
    )
    kind: str = Field(examples=["application"])
    kind_label: str = Field(examples=["申请"])
    event: str = Field(examples=["accept"])
    event_label: str = Field(examples=["受理"])
    source: str = Field(description="The state before.", examples=["applied"])
    source_label: str = Field(examples=["已申报"])
    state: str = Field(description="The state now.", examples=["preliminary_review"])
    state_label: str = Field(examples=["科技局初审"])
    version: int = Field(description="How many acts the case has seen; its ETag.", examples=[2])
    article: str = Field(examples=["第七条"])
    started: list[TurnedClock] = Field(description="The clocks that this act started.")
    stopped: list[TurnedClock] = Field(description="The clocks that it stopped.")
    notices: list[NoticeSent] = Field(description="What it queued about this case.")
    opened: list[OpenedCase] = Field(description="The cases that it opened; in a preview without ids.")
    banned_until: date | None = Field(description="The last barred day, if the act imposed a ban.")
    evaluation: EvaluationAnswer | None = Field(description="The criteria with findings, where the act rests on them.")
    refusals: list[RefusalAnswer] = Field(description="Only of a preview: why it would be refused.")
    letters: list[LetterForetold] = Field(
        description="Only of a preview: what would be sent, about this case and those that change with it; an operator "
        "is shown what is written to it."
    )

    @classmethod
    def of(cls, outcome: Outcome, catalog: Catalog) -> OutcomeAnswer:
        """From the library's, in the words of its pack."""
        shown = in_words(catalog, outcome)
        own: dict[str, Any] = {
            name: getattr(outcome, name)
            for name in ("case", "kind", "event", "source", "state", "version", "article", "banned_until")
        }
        labels = {name: getattr(shown, name) for name in ("kind_label", "event_label", "source_label", "state_label")}
        return cls(
            **own,
            **labels,
            started=[TurnedClock.model_validate(one) for one in shown.started],
            stopped=[TurnedClock.model_validate(one) for one in shown.stopped],
            notices=[NoticeSent.model_validate(one) for one in shown.notices],
            opened=[OpenedCase.model_validate(one) for one in shown.opened],
            evaluation=EvaluationAnswer.of(shown.evaluation),
            refusals=[RefusalAnswer.model_validate(refusal) for refusal in outcome.refusals],
            letters=[LetterForetold.of(one) for one in shown.letters],
        )
