"""The yearly assessments: what was opened and closed, how far each has come, what stands in the way of closing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pydantic import Field

from kjfh_workflow.casework.rounds import Round
from kjfh_workflow.casework.views.round_standings import OpeningShown, RoundStanding, Standing
from kjfh_workflow.store.rounds import OPENED
from kjfh_workflow.web.answers.common import Answer
from kjfh_workflow.web.problems import RefusalAnswer


class RoundAnswer(Answer):
    """One opening or closing of a year's assessment."""

    city: str
    year: int = Field(examples=[2021])
    act: str = Field(description="`open_round` or `close_round`.", examples=["open_round"])
    on: date
    by: str = Field(description="The name of who did it.", examples=["李局长"])
    titles: dict[str, int] = Field(
        description="All titles valid on that day, by the version of their policy.", examples=[{"2020-01-01": 38}]
    )
    members: int = Field(description="How many incubators are in it.", examples=[36])


class RoundEntry(Answer):
    """A year's assessment in the list of all."""

    city: str
    city_label: str = Field(examples=["甬江市"])
    year: int = Field(examples=[2021])
    opened: RoundAnswer
    closed: RoundAnswer | None = Field(description="Null while it is open.")


class GradeCount(Answer):
    """How many have a grade."""

    grade: str = Field(examples=["excellent"])
    grade_label: str = Field(examples=["优秀"])
    count: int


class QuotaAnswer(Answer):
    """How far a limited grade is used up, among the titles of one version of the policy."""

    policy: str = Field(examples=["2021-01-01"])
    grade: str = Field(examples=["excellent"])
    grade_label: str = Field(examples=["优秀"])
    one_in: int = Field(description="One in so many of all titles may have it.", examples=[3])
    titles: int = Field(description="How many titles there were when the round was opened.", examples=[38])
    allowed: int = Field(examples=[12])
    used: int = Field(examples=[11])
    article: str = Field(examples=["三（四）"])
    refusals: list[RefusalAnswer] = Field(description="Too many, or a tie across the line; empty once it is closed.")


class RoundMemberAnswer(Answer):
    """How far one incubator of a round has come."""

    case: str = Field(examples=["yuyao-210301-7kq2mw"])
    version: int = Field(description="The case's; give it as `If-Match` with what you then do in it.", examples=[4])
    name: str
    uscc: str
    type: str
    type_label: str
    state: str
    state_label: str
    assessed: bool = Field(description="Still under assessment for this year: without a grade it blocks the closing.")
    reported_on: date | None = Field(description="The day its report came in; null if it has not.")
    grade: str = Field(description="Proposed, or final once the round is closed; empty if there is none.")
    grade_label: str
    score: str = Field(description="Decimal text; empty if there is none.", examples=["91.5"])
    reason: str = Field(description="Why the year stays without a grade, in people's words.")

    @classmethod
    def of(cls, standing: Standing) -> RoundMemberAnswer:
        """From the library's."""
        words = {name: getattr(standing, name) for name in Standing.__slots__}
        return cls.model_validate({**words, "reported_on": standing.reported_on or None})


class RoundEventAnswer(Answer):
    """One of the two acts on a round, and whether you may do it now."""

    event: str = Field(description="`open_round` or `close_round`.", examples=["close_round"])
    label: str = Field(examples=["确定考核等次"])
    allowed: bool
    refusals: list[RefusalAnswer] = Field(description="Why not: the first 50 reasons; its preview has all of them.")
    article: str


class RoundStandingAnswer(Answer):
    """How far a whole round has come, with the first of its incubators."""

    city: str
    city_label: str = Field(examples=["甬江市"])
    year: int = Field(examples=[2021])
    tag: str = Field(description="Its ETag: another one after every act on one of its incubators.")
    opened: RoundAnswer
    closed: RoundAnswer | None = Field(description="Null while it is open.")
    members: int = Field(description="How many incubators are in it.")
    reported: int = Field(description="How many have handed in their report.")
    graded: int = Field(description="How many have a grade, or a reason for none; proposed, or final once closed.")
    ungraded: int = Field(description="How many have none yet: they stand in the way of closing.")
    left: int = Field(description="How many are no longer under assessment for this year, and get no grade.")
    grades: list[GradeCount] = Field(description="Best first; those without a grade for a reason last.")
    quotas: list[QuotaAnswer] = Field(description="One for each version of the policy that limits a grade.")
    events: list[RoundEventAnswer] = Field(description="What you may do with the round now, and why not more.")
    standings: list[RoundMemberAnswer] = Field(description="The first incubators, by id.")
    next: str | None = Field(description="Give it to `…/standings` as `after` for what follows; null at the end.")

    @classmethod
    def of(cls, found: RoundStanding) -> RoundStandingAnswer:
        """From the library's."""
        whole = {name: getattr(found, name) for name in RoundStanding.__slots__}
        members = [RoundMemberAnswer.of(standing) for standing in found.standings]
        following = members[-1].case if members and found.members > len(members) else None
        return cls.model_validate({**whole, "standings": members, "next": following})


class OpeningPreview(Answer):
    """What opening a round would do."""

    city: str
    city_label: str = Field(examples=["甬江市"])
    year: int = Field(examples=[2021])
    article: str
    refusals: list[RefusalAnswer] = Field(
        description="Every reason that holds; with none it may be opened. Where there is one, the rest may be empty."
    )
    titles: dict[str, int] = Field(
        description="All titles valid today, by the version of their policy.", examples=[{"2020-01-01": 38}]
    )
    members: int = Field(description="How many incubators would be in it.", examples=[36])
    quotas: list[QuotaAnswer] = Field(description="How many may have a limited grade.")
    roster: list[RoundMemberAnswer] = Field(description="The first that would be in it, by id, as they are today.")

    @classmethod
    def of(cls, found: OpeningShown) -> OpeningPreview:
        """From the library's."""
        whole = {name: getattr(found, name) for name in OpeningShown.__slots__}
        return cls.model_validate({**whole, "roster": [RoundMemberAnswer.of(one) for one in found.roster]})


class ClosingPreview(Answer):
    """What stands in the way of closing a round."""

    city: str
    year: int
    refusals: list[RefusalAnswer] = Field(description="Every reason that holds; with none it may be closed.")


def entries(found: Iterable[Round], labels: dict[str, str]) -> list[RoundEntry]:
    """Openings and closings as rounds, in the order in which they come."""
    rounds: dict[tuple[str, int], dict[str, Round]] = {}
    for one in found:
        rounds.setdefault((one.city, one.year), {})["opened" if one.act == OPENED else "closed"] = one
    return [
        RoundEntry.model_validate(
            {"city": city, "city_label": labels.get(city, city), "year": year, "closed": None, **acts}
        )
        for (city, year), acts in rounds.items()
    ]
