"""What has happened, who follows it, and what a request did."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from kjfh_workflow.casework.feed.events import Feed, Happened
from kjfh_workflow.casework.outcome import Outcome
from kjfh_workflow.casework.requests import Attached, Done, Misconduct
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.web.answers.acts import OutcomeAnswer
from kjfh_workflow.web.answers.common import Answer, Yuan


class ChangedAwardAnswer(Answer):
    """An award that the event changed, as it was then."""

    award: str = Field(description="Names it within its case.", examples=["recognition/2021/1"])
    kind: str = Field(examples=["recognition"])
    year: int = Field(examples=[2021])
    instalment: int = Field(description="0 where there are no instalments.")
    yuan: Yuan
    status: str = Field(examples=["proposed"])


class QueuedNotice(Answer):
    """A notice that an act has queued."""

    notice: str = Field(examples=["preliminary_passed"])
    role: str = Field(description="To whom.", examples=["applicant"])


class HappenedAnswer(Answer):
    """One event of the feed. Who it was stands in the case's timeline."""

    number: int = Field(description="Its place in the feed, from 1, without gaps.", examples=[1042])
    case: str = Field(examples=["yuyao-210301-7kq2mw"])
    city: str
    kind: str = Field(examples=["application"])
    kind_label: str = Field(examples=["申请"])
    uscc: str = Field(description="The operator's code.", examples=["91330281MA2B00001P"])
    version: int = Field(description="How many events the case had seen with this one.", examples=[2])
    event: str = Field(examples=["accept"])
    event_label: str = Field(examples=["受理"])
    source: str = Field(description="The state before.", examples=["applied"])
    state: str = Field(description="The state that it led to.", examples=["preliminary_review"])
    state_label: str = Field(examples=["初审"])
    role: str = Field(description="In which somebody acted; `timer` for a deadline.", examples=["tech_clerk"])
    role_label: str = Field(examples=["科技局经办人"])
    legal_on: date = Field(description="The day it counts from, in law.")
    happened_at: datetime = Field(description="For a deadline, 24:00 of its last day.")
    noticed_at: datetime = Field(description="When the program noticed.")
    article: str = Field(examples=["第七条"])
    opened: dict[str, str] = Field(description="Kind → id of the case that it opened.")
    notices: list[QueuedNotice] = Field(description="Notices queued by it.")
    banned_until: date | None = Field(description="The last barred day, if it imposed a ban.")
    awards: list[ChangedAwardAnswer]
    hash: str = Field(
        description="The seal of its history row. The same number with another seal: the database has been restored."
    )

    @classmethod
    def of(cls, event: Happened) -> HappenedAnswer:
        """From the library's."""
        notices = [QueuedNotice(notice=notice, role=role) for notice, role in event.notices]
        plain = {name: getattr(event, name) for name in cls.model_fields}
        return cls.model_validate(plain | {"notices": notices, "opened": dict(event.opened)})


class EventsAnswer(Answer):
    """Some of what happened, in order."""

    items: list[HappenedAnswer]
    next: int = Field(description="Give it as `after`, whether or not there were items.", examples=[1042])
    head: int = Field(description="The last number given; everything has been seen where `next` has reached it.")

    @classmethod
    def of(cls, feed: Feed) -> EventsAnswer:
        """From the library's."""
        return cls(items=[HappenedAnswer.of(event) for event in feed.items], next=feed.next, head=feed.head)


class RoundDone(Answer):
    """The opening or closing of a year's assessment."""

    city: str
    year: int
    act: str = Field(examples=["open_round"])
    on: date
    members: int = Field(description="How many incubators are in it.")


class AttachedAnswer(Answer):
    """A file that was put into a case."""

    id: int
    case: str
    name: str
    material: str = Field(description="Its key in the pack; empty for anything else.", examples=["application_form"])
    sha256: str
    attached_at: datetime


class RequestAnswer(Answer):
    """What a request did; exactly one of the four is there."""

    what: Literal["act", "round", "misconduct", "attachment"]
    act: OutcomeAnswer | None = None
    round: RoundDone | None = None
    misconduct: dict[str, Any] | None = Field(default=None, description="The entry of the integrity list.")
    attachment: AttachedAnswer | None = None

    @classmethod
    def of(cls, done: Done, catalog: Catalog) -> RequestAnswer:
        """From the library's; an act in the words of its pack."""
        if isinstance(done, Outcome):
            return cls(what="act", act=OutcomeAnswer.of(done, catalog))
        if isinstance(done, Attached):
            return cls(what="attachment", attachment=AttachedAnswer.model_validate(done))
        if isinstance(done, Misconduct):
            return cls(what="misconduct", misconduct=done.entry)
        return cls(what="round", round=RoundDone.model_validate(done))


class FollowerAnswer(Answer):
    """A program that follows the feed, and how far it has come."""

    name: str = Field(examples=["intranet"])
    cursor: int = Field(description="Everything up to this number has been handed to it, or is withheld.")
    head: int = Field(description="The last number given.")
    lag: int = Field(description="How many it still has before it.")
    withheld: int = Field(description="Events that it has not taken, with those that wait behind one.")
    given_up: int = Field(description="How many of them wait for a person.")
    next_at: datetime | None = Field(description="When one of them is tried next.")
    claimed_until: datetime | None = Field(description="Until when a process keeps the others away from it.")


class WithheldAnswer(Answer):
    """An event that a follower has not taken."""

    number: int
    case: str
    attempts: int = Field(description="How many have failed since it was last let go on.")
    next_at: datetime | None = Field(description="When it is tried next; null if it has been given up.")
    error: str = Field(description="What went wrong last.")
    waits: bool = Field(description="It waits until an earlier event of its case has been taken or skipped.")


class WithheldPage(Answer):
    """Some of what a follower has not taken, by number."""

    items: list[WithheldAnswer]
    next: int | None = Field(description="Give it as `after` for what follows; null at the end.")


class RetriedAnswer(Answer):
    """What is tried again at once."""

    retried: int = Field(description="How many events.")
