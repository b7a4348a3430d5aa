"""Cases: a row of a list, one case with all that its screen shows, and what a person sees first.

The parts of a dossier are the library's own values (``casework.dossier``), with their names and shapes.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import Field

from kjfh_workflow.books.desk import Past
from kjfh_workflow.casework import dossier as library
from kjfh_workflow.casework.dossier import Dossier
from kjfh_workflow.casework.finding import NextDeadline
from kjfh_workflow.casework.first_screen import OpenRound, Standing
from kjfh_workflow.casework.story import Story
from kjfh_workflow.casework.timeline import Entry
from kjfh_workflow.rules.facts import Facts
from kjfh_workflow.web.answers.common import Answer
from kjfh_workflow.web.answers.files import AttachmentAnswer


class CaseHead(Answer):
    """What a case is, in codes and in people's words."""

    id: str = Field(examples=["shanghe-210301-7kq2mw"])
    city: str
    city_label: str
    kind: str = Field(examples=["application"])
    kind_label: str = Field(examples=["申请"])
    type: str = Field(examples=["incubator"])
    type_label: str = Field(examples=["科技企业孵化器"])
    state: str = Field(examples=["preliminary_review"])
    state_label: str = Field(examples=["科技局初审"])
    final: bool = Field(description="Whether the case is over.")
    level: str | None = Field(description="Of a title.", examples=["local"])
    level_label: str
    uscc: str = Field(description="The operator's code.")
    name: str = Field(description="The operator's name.")
    policy: str = Field(description="The version of the policy that it is pinned to.", examples=["2020-01-01"])
    version: int = Field(description="How many acts it has seen; its ETag.")
    opened_on: date


class CaseRow(CaseHead):
    """A case in a list."""

    parent: str | None = Field(description="Of a change, a promotion or a tenancy: the incubator's case.")
    changed_at: datetime
    deadline: NextDeadline | None = Field(description="The clock whose last day comes first, or came first.")


class CaseAnswer(CaseHead):
    """One case with everything that its screen shows, for whoever asks, of one moment."""

    pinned: library.Pinned = Field(description="The document that it is decided by.")
    facts: Facts | None = Field(description="The facts on file.")
    materials: list[library.MaterialShown]
    computed: library.EvaluationShown | None = Field(description="What the criteria say of the facts on file.")
    decided: library.EvaluationShown | None = Field(description="The same with a person's findings, once decided.")
    clocks: list[library.ClockShown]
    story: Story = Field(description="What the history has said, by subject; what does not apply is empty.")
    awards: list[library.AwardShown]
    timeline: list[Entry]
    notices: list[library.NoticeShown]
    files: list[AttachmentAnswer] = Field(description="The first 100.")
    bans: list[dict[str, Any]] = Field(description="Of the operator, of every city; only the case's own city's bind.")
    parent: CaseRow | None
    children: list[CaseRow] = Field(description="The first 200 cases that belong to it.")
    children_count: int
    warnings: list[str]
    overtaken: str = Field(description="A deadline has passed that no tick has noticed: `events` are of this state.")
    events: list[library.EventShown] = Field(
        description="Each event of the state, with yes, or every reason why not, and the form that it takes."
    )

    @classmethod
    def of(cls, found: Dossier, files: list[AttachmentAnswer]) -> CaseAnswer:
        """From the library's."""
        case = found.case
        shown = {name: getattr(found, name) for name in Dossier.__slots__ if name in _OWN}
        head = {name: getattr(case, name) for name in CaseHead.model_fields if hasattr(case, name)}
        words = {name: getattr(found.words, name) for name in found.words.__slots__}
        return cls.model_validate({**head, **shown, **words, "pinned": found.policy, "files": files})


#: What an answer has of a dossier besides its head.
_OWN = {*CaseAnswer.model_fields} - {*CaseHead.model_fields} | {"opened_on"}


class PastClock(Answer):
    """A clock that ran then."""

    timer: str
    due: date


class PastAnswer(Answer):
    """A case as it was."""

    id: str
    state: str
    state_label: str
    version: int
    changed_on: date = Field(description="The day of its last act, as the program noticed it.")
    clocks: list[PastClock]

    @classmethod
    def of(cls, past: Past) -> PastAnswer:
        """From the library's."""
        clocks = [PastClock(timer=name, due=clock.due) for name, clock in past.clocks.items()]
        case = past.case
        return cls(
            id=case.id,
            state=case.state,
            state_label=past.state_label,
            version=case.version,
            changed_on=past.changed_on,
            clocks=clocks,
        )


class Waiting(Answer):
    """The first 100 cases of several."""

    cases: list[CaseRow]
    more: bool


class FirstScreenAnswer(Answer):
    """What waits for whoever asks."""

    today: date
    until: date
    counts: list[Standing] = Field(description="How many cases stand where.")
    overdue: Waiting
    due: Waiting = Field(description="From today until `until`.")
    rounds: list[OpenRound] = Field(description="Assessments that are open.")
    running_bans: int
    unread: int | None = Field(description="Letters that an operator has not opened; null for offices.")
