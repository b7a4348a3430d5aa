"""Working days, and due dates with their proof."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import Field

from kjfh_workflow import canonical
from kjfh_workflow.rules.calendar import WorkCalendar
from kjfh_workflow.rules.deadlines import Deadline, chinese, ending
from kjfh_workflow.web.answers.common import Answer

_SATURDAY = 5


class Source(Answer):
    """An arrangement that was recorded, because the calendar data did not know it yet."""

    number: int
    source: str = Field(examples=["国办发明电〔2026〕7号"])


class YearAnswer(Answer):
    """The working days of a year, as they are known now."""

    year: int
    announced: bool = Field(description="Whether the year's arrangement is known; else it goes by weekends and "
                            "statutory days, and every date is provisional.")  # fmt: skip
    provisional_from: date | None = Field(
        description="The first day of the year that may still change; null if none. The last days of December wait for "
        "the next year's arrangement."
    )
    rest: list[date] = Field(description="Every day on which offices rest, weekends too.")
    holidays: list[date] = Field(description="The weekdays among them.")
    make_up: list[date] = Field(description="The weekend days on which offices work.")
    working_days: int = Field(description="How many.", examples=[250])
    edition: str = Field(description="Which data this comes from.", examples=["holidays 0.104+2"])
    sources: list[Source] = Field(description="What was recorded besides and bears on this year, in that order.")

    @classmethod
    def of(cls, calendar: WorkCalendar, year: int) -> YearAnswer:
        """Of one year."""
        first = date(year, 1, 1)
        days = [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]
        works = {day: calendar.is_workday(day) for day in days}
        bearing = [
            notice
            for notice in calendar.notices
            if notice.year == year or any(day.year == year for day in notice.rest | notice.work)
        ]
        return cls(
            year=year,
            announced=calendar.is_known(first),
            provisional_from=next((day for day in days if not calendar.is_known(day)), None),
            rest=[day for day in days if not works[day]],
            holidays=[day for day in days if not works[day] and day.weekday() < _SATURDAY],
            make_up=[day for day in days if works[day] and day.weekday() >= _SATURDAY],
            working_days=sum(works.values()),
            edition=calendar.edition,
            sources=[Source(number=notice.number, source=notice.source) for notice in bearing],
        )


class Stretch(Answer):
    """Some days on end."""

    first: date
    last: date


class DueAnswer(Answer):
    """A due date and how it was found."""

    trigger: date = Field(description="The day from which it counts; it does not count itself.")
    length: int = Field(examples=[15])
    unit: str = Field(examples=["working_days"])
    unit_label: str = Field(examples=["个工作日"])
    nominal: date = Field(description="Where the period ends before rest days are looked at.")
    due: date = Field(description="The last day, until 24:00.")
    provisional: bool = Field(description="The year's arrangement is not known yet: the date may still change.")
    skipped: list[Stretch] = Field(description="The rest days that did not count or that moved the end.")
    rest_days: int = Field(description="How many these are.")
    calendar: str = Field(description="Which data was used.", examples=["holidays 0.104"])
    words: str = Field(
        description="The proof in words.",
        examples=["自2021年3月1日起算（当日不计）15个工作日，其间休息日6天不计，至2021年3月22日24时止"],
    )

    @classmethod
    def of(cls, deadline: Deadline, unit_label: str) -> DueAnswer:
        """From the library's."""
        counted = f"自{chinese(deadline.trigger)}起算（当日不计）{deadline.length}{unit_label}"
        return cls(
            trigger=deadline.trigger,
            length=deadline.length,
            unit=deadline.unit,
            unit_label=unit_label,
            nominal=deadline.nominal,
            due=deadline.due,
            provisional=deadline.provisional,
            skipped=[Stretch(first=first, last=last) for first, last in deadline.skipped],
            rest_days=deadline.rest_days,
            calendar=deadline.calendar,
            words=f"{counted}{ending(deadline)}",
        )


class Overtaken(Answer):
    """A deadline that had ended on a day which an announcement later made a rest day: a person must look."""

    case: str
    timer: str
    due: date


class HolidayAnswer(Answer):
    """An arrangement of rest days as it was recorded, and what came of it."""

    number: int
    source: str
    year: int | None = Field(description="The year whose whole arrangement it is; null where it only changes days.")
    rest: list[date]
    work: list[date]
    recorded_by: str
    recorded_at: datetime
    moved: int | None = Field(description="How many running deadlines moved; null until they are counted again.")
    recounted_at: datetime | None
    overtaken: list[Overtaken] = Field(description="For what it came too late.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> HolidayAnswer:
        """From a row of the library's."""
        late = [Overtaken(case=each["case_id"], timer=each["timer"], due=each["due"]) for each in row["overtaken"]]
        days = {name: canonical.loads(row[name]) for name in ("rest", "work")}
        return cls.model_validate({**row, **days, "number": row["id"], "overtaken": late})


class Recorded(Answer):
    """That an arrangement is on file."""

    number: int = Field(description="The arrangement's; later ones win.")
