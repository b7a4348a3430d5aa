"""Cases in lists, and what a person sees first. The whole of one case is ``dossier``."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from kjfh_workflow.web.answers.common import Answer, Yuan


class DeadlineAnswer(Answer):
    """The clock of a case whose last day comes first, or came first."""

    timer: str = Field(examples=["review_due"])
    label: str = Field(examples=["审核期限"])
    due: date = Field(description="The legal last day, until 24:00.")
    overdue: bool
    provisional: bool = Field(description="The calendar of its year is not announced yet: the date may still change.")


class FirmAnswer(Answer):
    """The firm that a tenancy is of."""

    name: str = Field(examples=["余姚某某科技有限公司"])
    uscc: str = Field(description="Its code.", examples=["91330281MA2B00001P"])


class ToDoAnswer(Answer):
    """An act that a case waits for you to do."""

    event: str = Field(examples=["approve_award"])
    label: str = Field(examples=["核定奖励"])
    award: str = Field(
        description="Of an act on an award: its key within the case; otherwise empty.", examples=["annual/2021/0"]
    )
    award_label: str = Field(examples=["2021年年度考核奖励"])
    yuan: Yuan | None = Field(description="The award's sum; null where the act is on none.")


class CaseRow(Answer):
    """One case in a list."""

    id: str = Field(examples=["yuyao-210301-7kq2mw"])
    city: str
    city_label: str
    kind: str = Field(examples=["application"])
    kind_label: str = Field(examples=["申请"])
    type: str = Field(description="The type applied for or held.", examples=["incubator"])
    type_label: str = Field(examples=["科技企业孵化器"])
    state: str = Field(examples=["preliminary_review"])
    state_label: str = Field(examples=["初审"])
    final: bool = Field(description="The case is over.")
    level: str | None = Field(description="The level of a title; null for what is no title.", examples=["local"])
    level_label: str = Field(examples=["市本级"])
    uscc: str = Field(description="The operator's code.", examples=["91330281MA2B00001P"])
    name: str = Field(description="The operator.", examples=["余姚朝阳科技孵化器有限公司"])
    policy: str = Field(description="The version of the city's policy that the case is decided by.")
    version: int = Field(description="How many acts the case has seen; its ETag.", examples=[3])
    opened_on: date
    changed_at: datetime = Field(description="The instant of its last act, as the program noticed it.")
    parent: str | None = Field(description="The case that it belongs to.")
    deadline: DeadlineAnswer | None = Field(description="Its next last day; null where no clock runs.")
    tenant: FirmAnswer | None = Field(description="Of a tenancy: the firm; null for everything else.")
    to_do: list[ToDoAnswer] = Field(
        description="In lists of what waits for you: the acts that it waits for, any of which will do. Whether you may "
        "do them, once everything is weighed, the case itself says. Empty in all other lists."
    )


class CaseCountAnswer(Answer):
    """How many cases of a kind are in a state."""

    city: str
    city_label: str
    kind: str
    kind_label: str
    state: str
    state_label: str
    final: bool
    count: int


class OpenRoundAnswer(Answer):
    """A year's assessment that is open."""

    city: str
    city_label: str
    year: int
    opened_on: date
    members: int = Field(description="How many incubators are in it.")


class FirstCases(Answer):
    """The first of several cases, by the last day for which they are here."""

    cases: list[CaseRow]
    more: bool = Field(description="There are more, or there may be: see `GET /v1/docket`, which looks at all.")


class WaitingCases(Answer):
    """The first of the cases that wait for your act; what has stood still longest first."""

    cases: list[CaseRow]
    more: bool = Field(description="There are more: `GET /v1/cases?waiting_for=me&sort=changed_at` has all.")


class DeskAnswer(Answer):
    """What waits for somebody."""

    today: date
    until: date
    counts: list[CaseCountAnswer] = Field(description="Of the cases that you may see; states without any are left out.")
    waiting: WaitingCases = Field(
        description="At most 100 that wait for an act of yours, with what is to be done (`to_do`): cases in a state in "
        "which none can rest, where the act leads on from there and is not just possible anywhere; and titles with "
        "awards to be approved or paid. What is in a round, offices see in `rounds`."
    )
    overdue: FirstCases = Field(
        description="At most 100, longest overdue first. Cases whose clock has passed and rings no more are looked at "
        "one by one, the first 1,000 by number; where there are more of them, `more` says so."
    )
    due: FirstCases = Field(description="From today on; at most 100, the next first.")
    rounds: list[OpenRoundAnswer]
    running_bans: int = Field(description="How many operators may not apply today.")
    unread: int | None = Field(
        description="Letters that your operator has not opened; null for offices, whose reading is not recorded."
    )
