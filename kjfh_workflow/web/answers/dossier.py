"""One case with everything that its screen shows. Its past acts are ``timeline``, what may happen next is ``forms``."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import Field

from kjfh_workflow.casework.views import dossier, shown
from kjfh_workflow.casework.views.wording import RowWords
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.facts import Facts
from kjfh_workflow.web.answers.cases import CaseRow
from kjfh_workflow.web.answers.common import Answer, Yuan
from kjfh_workflow.web.answers.files import AttachmentAnswer
from kjfh_workflow.web.answers.forms import EventFormAnswer, FormFieldAnswer
from kjfh_workflow.web.answers.story import StoryAnswer
from kjfh_workflow.web.answers.timeline import TimelineEntryAnswer


class PinnedPolicy(Answer):
    """The document that the case is decided by."""

    version: str = Field(examples=["2020-01-01"])
    title: str
    document_no: str = Field(description="As issued; empty where the document carries none.")
    contact: str = Field(description="Who answers questions about it.")
    digest: str = Field(description="SHA-256 over the pack's files, hex.")


class CaseMaterial(Answer):
    """One item of the checklist."""

    id: str = Field(examples=["operator_licence"])
    label: str
    required: bool
    handed_in: bool


class CaseCriterion(Answer):
    """One criterion, and what it says."""

    key: str = Field(examples=["y5_2_area"])
    label: str
    value: str = Field(description="As people read it; empty for what a person judges.", examples=["4999平方米"])
    required: str = Field(examples=["≥5000平方米"])
    amount: str = Field(description="The exact value: a decimal, a fraction, `true` or `false`; empty for none.")
    op: str
    threshold: str
    unit: str
    result: str = Field(description="`met`, `unmet`, or `judge`: a person has to say.", examples=["met"])
    result_label: str = Field(examples=["符合"])
    finding: bool | None = Field(description="What a person has found; null where nobody has said.")
    justification: str = Field(description="Why a general requirement is not met.")
    modifier: str = Field(description="What an unmet criterion means: `hard`, `soft`, `judged`.")
    modifier_label: str
    article: str
    status: str = Field(description="How firmly the text carries it.")
    status_label: str

    @classmethod
    def of(cls, criterion: shown.CriterionShown) -> CaseCriterion:
        """From the library's."""
        one = criterion.assessed
        own = {name: getattr(one, name) for name in cls.model_fields if hasattr(one, name)}
        labels = {name: getattr(criterion, name) for name in ("result_label", "modifier_label", "status_label")}
        return cls(key=one.id, **own, **labels)


class LeftOutTenant(Answer):
    """A firm on the premises that does not count as a tenant."""

    row: int = Field(description="In the roster, from 1.")
    name: str
    condition: str
    reason: str
    article: str


class EvaluationAnswer(Answer):
    """All criteria on one day."""

    on: date = Field(description="The day on which the facts were handed in.")
    criteria: list[CaseCriterion]
    left_out: list[LeftOutTenant]
    warnings: list[str]
    contradictions: list[str]

    @classmethod
    def of(cls, evaluation: shown.EvaluationShown | None) -> EvaluationAnswer | None:
        """From the library's."""
        if evaluation is None:
            return None
        return cls(
            on=evaluation.on,
            criteria=[CaseCriterion.of(one) for one in evaluation.criteria],
            left_out=[LeftOutTenant.model_validate(one) for one in evaluation.left_out],
            warnings=[*evaluation.warnings],
            contradictions=[*evaluation.contradictions],
        )


class ClockAnswer(Answer):
    """One running clock."""

    timer: str = Field(examples=["review_due"])
    label: str
    side: str = Field(description="Whose time it is: `applicant`, `office`, or `nobody`: a burden that simply ends.")
    side_label: str
    due: date = Field(description="The legal last day, until 24:00.")
    overdue: bool
    days_left: int = Field(description="0 on the last day itself, negative once it has passed.")
    provisional: bool = Field(description="The calendar of its year is not announced yet: the date may still change.")
    article: str
    proof: str = Field(description="How the date was found, in words.")
    calendar: str = Field(description="Which edition of the calendar was counted by.")


class AwardAnswer(Answer):
    """One award of the title."""

    key: str = Field(description="Names it within the case.", examples=["recognition/2021/1"])
    kind: str = Field(examples=["recognition"])
    kind_label: str
    year: int = Field(description="The calendar year that the payment belongs to.")
    instalment: int = Field(description="From 1; 0 where there are none.")
    level: str | None
    level_label: str
    yuan: Yuan
    cap: Yuan
    fixed: bool = Field(description="Neither more nor less than `cap` may be approved.")
    status: str = Field(examples=["proposed"])
    status_label: str
    article: str
    words: str = Field(description="How it is computed.")
    approved_on: date | None
    paid_on: date | None
    voucher: str
    reason: str = Field(description="Why it was last released, held, lapsed or reversed.")

    @classmethod
    def of(cls, award: shown.AwardShown) -> AwardAnswer:
        """From the library's."""
        labels = {name: getattr(award, name) for name in ("kind_label", "status_label", "level_label")}
        own = {name: getattr(award.award, name) for name in cls.model_fields if name not in labels}
        return cls(**own, **labels)


class CaseNotice(Answer):
    """One notice of the case; its text is `GET /v1/notices/{case}/{version}/{number}`."""

    id: str = Field(examples=["yuyao-210301-7kq2mw/2/1"])
    notice: str = Field(examples=["preliminary_passed"])
    label: str
    number: str = Field(description="Its document number; empty where it has none.")
    subject: str
    role: str = Field(description="To whom.")
    role_label: str
    queued_at: datetime


class CaseBan(Answer):
    """A ban of the operator; another city's does not bind here, and is shown without its case."""

    city: str
    city_label: str
    case_id: str | None
    since: date
    until: date = Field(description="The last barred day.")
    article: str


class Head(Answer):
    """What stands above every view of a case."""

    id: str = Field(examples=["yuyao-210301-7kq2mw"])
    city: str
    city_label: str
    kind: str
    kind_label: str
    type: str
    type_label: str
    state: str
    state_label: str
    final: bool = Field(description="The case is over.")
    level: str | None
    level_label: str
    uscc: str = Field(description="The operator's code.")
    name: str = Field(description="The operator, when the case was opened.")
    version: int = Field(description="How many acts the case has seen; its ETag.")
    opened_on: date
    policy: str = Field(description="The version of the city's policy that it is decided by.")
    pinned: PinnedPolicy


def head_of(case: Case, words: RowWords, pinned: shown.Pinned) -> dict[str, Any]:
    """The fields of ``Head``."""
    own = {
        name: getattr(case, name)
        for name in ("id", "city", "kind", "type", "state", "level", "uscc", "name", "version")
    }
    labels = {name: getattr(words, name) for name in words.__slots__}
    return {
        **own,
        **labels,
        "opened_on": date.fromisoformat(case.memory["opened_on"]),
        "policy": case.policy,
        "pinned": PinnedPolicy.model_validate(pinned),
    }


class PastAnswer(Head):
    """A case as it was."""

    day: date = Field(description="The day that is looked at.")
    changed_on: date = Field(description="The day of the last act until then, as the program noticed it.")
    clocks: list[ClockAnswer]
    story: StoryAnswer
    awards: list[AwardAnswer]

    @classmethod
    def of_past(cls, past: dossier.PastShown) -> PastAnswer:
        """From the library's."""
        return cls(
            **head_of(past.case, past.words, past.policy),
            day=past.day,
            changed_on=past.changed_on,
            clocks=[ClockAnswer.model_validate(one) for one in past.clocks],
            story=StoryAnswer.model_validate(past.story),
            awards=[AwardAnswer.of(one) for one in past.awards],
        )


class CaseAnswer(Head):
    """One case with all that its screen shows, and what you may do with it."""

    facts_on: date | None = Field(description="The day on which the facts were handed in.")
    facts: Facts | None
    facts_form: list[FormFieldAnswer] = Field(
        description="How what stands in `facts` is called, section by section, with units: as the form of an event has "
        "it. A tenancy has it for its `story.stay.tenant`, under `tenants`. Empty where there is neither."
    )
    materials: list[CaseMaterial]
    computed: EvaluationAnswer | None = Field(description="What the criteria say of the facts on file.")
    decided: EvaluationAnswer | None = Field(
        description="The same with a person's findings, once an act has rested on it and no newer facts are in."
    )
    clocks: list[ClockAnswer] = Field(description="The next last day first.")
    story: StoryAnswer = Field(description="What the history has said, by subject.")
    awards: list[AwardAnswer]
    timeline: list[TimelineEntryAnswer] = Field(description="First to last.")
    notices: list[CaseNotice] = Field(description="An operator sees what was written to it.")
    files: list[AttachmentAnswer] = Field(description="The first 500.")
    bans: list[CaseBan]
    parent: CaseRow | None = Field(description="The case that it belongs to.")
    children: list[CaseRow] = Field(
        description="The first 200 cases that belong to it; all by `GET /v1/cases?parent=`."
    )
    children_count: int = Field(description="How many there are in all.")
    warnings: list[str]
    overtaken: str = Field(
        description="Where a deadline has passed that nobody has noted yet: the state that it leads to. `events` are "
        "those of that state; everything else is as it is on file."
    )
    events: list[EventFormAnswer] = Field(
        description="Every event of the state, and those that open a case under this one."
    )

    @classmethod
    def of_dossier(cls, found: dossier.Dossier) -> CaseAnswer:
        """From the library's."""
        return cls(
            **head_of(found.case, found.words, found.policy),
            facts_on=found.case.facts_on,
            facts=found.facts,
            facts_form=[FormFieldAnswer.model_validate(one) for one in found.facts_form],
            materials=[CaseMaterial.model_validate(one) for one in found.materials],
            computed=EvaluationAnswer.of(found.computed),
            decided=EvaluationAnswer.of(found.decided),
            clocks=[ClockAnswer.model_validate(one) for one in found.clocks],
            story=StoryAnswer.model_validate(found.story),
            awards=[AwardAnswer.of(one) for one in found.awards],
            timeline=[TimelineEntryAnswer.model_validate(one) for one in found.timeline],
            notices=[CaseNotice.model_validate(one) for one in found.notices],
            files=[AttachmentAnswer.model_validate(one) for one in found.files],
            bans=[CaseBan.model_validate(one) for one in found.bans],
            parent=CaseRow.model_validate(found.parent) if found.parent else None,
            children=[CaseRow.model_validate(one) for one in found.children],
            children_count=found.children_count,
            warnings=found.warnings,
            overtaken=found.overtaken,
            events=[EventFormAnswer.model_validate(one) for one in found.events],
        )
