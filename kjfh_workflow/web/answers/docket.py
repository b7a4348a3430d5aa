"""What falls due, for whom, and where each case ends if nobody acts."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from kjfh_workflow.web.answers.common import Answer


class AlarmAnswer(Answer):
    """The alarm of a clock that rings next."""

    name: str
    label: str
    on: date = Field(description="At 00:00 of this day; in the past if no tick has noticed it yet.")


class HappeningAnswer(Answer):
    """One thing that will happen by itself."""

    on: date = Field(description="At 00:00 of this day.")
    timer: str
    event: str
    event_label: str
    state: str
    state_label: str


class EndingAnswer(Answer):
    """Where a case ends if nobody acts."""

    state: str
    state_label: str
    on: date | None = Field(description="From which day; null if nothing changes by itself.")
    final: bool = Field(description="The case is over then; otherwise a person has to decide.")
    steps: list[HappeningAnswer]
    words: str = Field(description="All of it as one phrase.")


class DocketItem(Answer):
    """One running clock, with all that whoever must act should know."""

    due: date = Field(description="The legal last day, until 24:00.")
    overdue: bool
    days_left: int = Field(description="0 on the last day itself, negative once it has passed.")
    working_days_left: int
    provisional: bool = Field(description="The calendar of its year is not announced yet: the date may still change.")
    case: str = Field(examples=["yuyao-210301-7kq2mw"])
    city: str
    city_label: str
    kind: str = Field(examples=["application"])
    kind_label: str
    type: str
    type_label: str
    operator: str
    uscc: str
    state: str
    state_label: str
    timer: str
    timer_label: str
    sequence: int = Field(description="Which time this timer runs in this case.")
    article: str
    status: str = Field(description="Whether the text states the period, or how else it is known.")
    status_label: str
    side: str
    responsible: list[str] = Field(description="Who must act; nobody for a burden that simply ends.")
    who: str = Field(description="The same in people's words.")
    proof: str = Field(description="How the date was found, in one sentence.")
    next_alarm: AlarmAnswer | None
    event: str = Field(description="What the passing of the last day performs; empty where it decides nothing.")
    event_label: str
    ends: EndingAnswer


class FailingAnswer(Answer):
    """An alarm whose time has come and that cannot ring."""

    case: str
    timer: str
    alarm: str
    error: str


class DocketAnswer(Answer):
    """What falls due until a day; what is overdue stands first."""

    made_at: datetime
    today: date
    until: date
    total: int = Field(description="How many items there are in all.")
    overdue: int = Field(description="How many of them are overdue.")
    items: list[DocketItem]
    next: str | None = Field(description="Give it as `after` for what follows; null at the end.")
    failing: list[FailingAnswer] = Field(description="Something of the program must be mended first.")
