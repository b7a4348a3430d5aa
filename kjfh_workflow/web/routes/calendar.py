"""Working days, counting a period, and announcing what the calendar data does not know yet."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from kjfh_workflow.policy.vocabulary import LengthUnit, Role
from kjfh_workflow.policy.wording import house_words
from kjfh_workflow.rules.deadlines import count
from kjfh_workflow.web.answers.calendar import DueAnswer, HolidayAnswer, Recorded, YearAnswer
from kjfh_workflow.web.caller import Caller, Desk, require_role
from kjfh_workflow.web.problems import Malformed, responses
from kjfh_workflow.web.routes.asked import LAST_DAY, Body, Day, Text

router = APIRouter(prefix="/v1", tags=["calendar"])

_Days = Annotated[list[Day], Field(max_length=366)]


class Announcement(Body):
    """What was announced after the calendar data was made."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"source": "国办发明电〔2026〕7号", "rest": ["2026-10-08"], "work": []}]},
    )

    source: Text = Field(description="Where it is written; at most 300 characters.")
    year: int | None = Field(
        default=None, ge=2004, le=2100, description="Where it is a year's whole arrangement; else it changes days only."
    )
    rest: _Days = Field(default=[], description="Days on which offices rest.")
    work: _Days = Field(default=[], description="Days on which they work, though they would rest otherwise.")


# Before the year: its path would take this one for a year.
@router.get("/calendar/count", response_model=DueAnswer, responses=responses())
def count_period(
    caller: Caller,  # noqa: ARG001  (anybody whom the intranet knows)
    workflow: Desk,
    start: Annotated[Day, Query(alias="from", description="The day of the event; it does not count itself.")],
    working_days: Annotated[int | None, Query(ge=0, le=1000, examples=[15])] = None,
    days: Annotated[int | None, Query(ge=1, le=3660)] = None,
    months: Annotated[int | None, Query(ge=1, le=240)] = None,
    years: Annotated[int | None, Query(ge=1, le=20)] = None,
    rolls: Annotated[bool, Query(description="Whether a last day that is a rest day moves to the next working day; "
                                 "false where that would lengthen a burden.")] = True,
) -> DueAnswer:  # fmt: skip
    """The last day of a period, with its proof in words; say its length in exactly one unit."""
    given = {
        LengthUnit.WORKING_DAYS: working_days,
        LengthUnit.DAYS: days,
        LengthUnit.MONTHS: months,
        LengthUnit.YEARS: years,
    }
    lengths = [(unit, length) for unit, length in given.items() if length is not None]
    if len(lengths) != 1:
        raise Malformed("query", f"give exactly one of {', '.join(given)}")
    [(unit, length)] = lengths
    deadline = count(workflow.calendar(), start, length, unit, rolls=rolls)
    if deadline.due > LAST_DAY:
        raise Malformed("query", f"the period ends after {LAST_DAY}, for which no rest days are known")
    return DueAnswer.of(deadline, house_words()["units"][unit])


@router.get("/calendar/{year}", response_model=YearAnswer, responses=responses())
def show_year(
    year: Annotated[int, Path(ge=2004, le=2100, examples=[2021])],
    caller: Caller,  # noqa: ARG001  (anybody whom the intranet knows)
    workflow: Desk,
) -> YearAnswer:
    """The rest and working days of a year, and how certain they are."""
    return YearAnswer.of(workflow.calendar(), year)


@router.get("/holidays", response_model=list[HolidayAnswer], responses=responses(403))
def list_holidays(caller: Caller, workflow: Desk) -> list[HolidayAnswer]:
    """What has been recorded, and what came of it (an admin or an auditor)."""
    require_role(caller, Role.ADMIN, Role.AUDITOR)
    return [HolidayAnswer.of(row) for row in workflow.holiday_notices(reader=caller)]


@router.post("/holidays", status_code=201, response_model=Recorded, responses=responses(403, 404, 409))
def announce_holidays(announcement: Announcement, caller: Caller, workflow: Desk) -> Recorded:
    """Record an arrangement (an admin); the running deadlines are counted again at the next tick."""
    number = workflow.announce_holidays(
        announcement.source, by=caller, year=announcement.year, rest=announcement.rest, work=announcement.work
    )
    return Recorded(number=number)
