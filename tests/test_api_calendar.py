"""Working days, due dates and announcements over HTTP; and the alarms that cannot ring."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from kjfh_workflow.policy.vocabulary import LengthUnit, Role
from kjfh_workflow.rules.deadlines import count
from kjfh_workflow.store import timers
from tests.api import Api, served
from tests.bureau import Bureau
from tests.test_api_notices import ADMIN, CIXI_ADMIN, STRANGER, counted, people

WORKDAYS = "自2021年3月1日起算（当日不计）15个工作日，其间休息日6天不计，至2021年3月22日24时止"
A_MONTH = (
    "自2021年1月31日起算（当日不计）1个月，届满月份没有对应日，以月末日为届满日，"
    "原届满日2021年2月28日为休息日，顺延，至2021年3月1日24时止"
)
AMENDMENT = {"source": "国办发明电〔2021〕1号", "rest": ["2021-03-15", "2021-03-16"]}


@pytest.fixture
def asked(desk: Bureau) -> Iterator[Api]:
    """The service on SQLite, where the database makes no difference."""
    with served(desk) as api:
        yield api


# ---- days --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("year", [2004, 2020, 2021, 2024, 2100])
def test_a_year_s_days_are_the_library_s(desk: Bureau, asked: Api, year: int) -> None:
    calendar = desk.workflow.calendar()
    shown = asked.get(f"/v1/calendar/{year}", STRANGER).json()
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(366)]
    rest = [day.isoformat() for day in days if day.year == year and not calendar.is_workday(day)]
    assert shown["rest"] == rest
    assert shown["working_days"] == sum(calendar.is_workday(day) for day in days if day.year == year)
    assert {*shown["holidays"]} == {day for day in rest if date.fromisoformat(day).weekday() < 5}
    assert all(calendar.is_workday(date.fromisoformat(day)) for day in shown["make_up"])
    assert (shown["announced"], shown["edition"]) == (year <= 2024, calendar.edition)


def test_a_year_tells_what_is_announced_and_from_when_it_is_provisional(desk: Bureau, asked: Api) -> None:
    certain = asked.get("/v1/calendar/2021", desk.clerk).json()
    assert (certain["announced"], certain["provisional_from"], certain["sources"]) == (True, None, [])
    assert "2021-02-07" in certain["make_up"], "a make-up Sunday of the State Council's notice"
    unknown = asked.get("/v1/calendar/2099", desk.clerk).json()
    assert (unknown["announced"], unknown["provisional_from"], unknown["make_up"]) == (False, "2099-01-01", [])
    last = desk.workflow.calendar().known_until
    edge = asked.get(f"/v1/calendar/{last.year}", desk.clerk).json()
    assert (edge["announced"], edge["provisional_from"]) == (True, f"{last.year}-12-29")


@pytest.mark.parametrize("year", ["2003", "2101", "0", "-1", "x", "2021.5", "9" * 40, "%00"])
def test_a_year_out_of_range_is_a_clear_problem(desk: Bureau, asked: Api, year: str) -> None:
    told = asked.get(f"/v1/calendar/{year}", STRANGER)
    assert (told.status_code, told.headers["content-type"]) == (422, "application/problem+json")


# ---- counting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "unit", "length", "words"),
    [
        ("2021-03-01", "working_days", 15, WORKDAYS),
        ("2021-01-31", "months", 1, A_MONTH),
        ("2021-01-27", "days", 30, None),
        ("2020-02-29", "years", 1, None),
        ("2024-01-31", "working_days", 0, None),
        ("2026-12-20", "working_days", 20, None),
        ("2099-12-01", "months", 6, None),
    ],
)
def test_a_due_date_is_the_library_s_with_its_proof_in_words(
    desk: Bureau, asked: Api, start: str, unit: str, length: int, words: str | None
) -> None:
    deadline = count(desk.workflow.calendar(), date.fromisoformat(start), length, LengthUnit(unit))
    shown = asked.get("/v1/calendar/count", STRANGER, **{"from": start, unit: length}).json()
    assert (shown["due"], shown["nominal"], shown["provisional"], shown["rest_days"]) == (
        deadline.due.isoformat(), deadline.nominal.isoformat(), deadline.provisional, deadline.rest_days,
    )  # fmt: skip
    assert [(each["first"], each["last"]) for each in shown["skipped"]] == [
        (first.isoformat(), last.isoformat()) for first, last in deadline.skipped
    ]
    assert ("暂定" in shown["words"]) == shown["provisional"]
    assert words in (None, shown["words"])


def test_the_proof_of_a_running_clock_and_of_a_count_agree(desk: Bureau, asked: Api) -> None:
    case = desk.reviewed()
    clock = desk.workflow.case(case).clocks["review_due"]
    proof = clock.deadline
    shown = asked.get("/v1/calendar/count", STRANGER, **{"from": proof.trigger.isoformat(), proof.unit: proof.length})
    unit_word = desk.workflow.catalog.latest("yuyao").words("units", proof.unit)
    assert (shown.json()["due"], shown.json()["words"]) == (proof.due.isoformat(), clock.in_words(unit_word))


def test_what_would_lengthen_a_burden_does_not_roll(desk: Bureau, asked: Api) -> None:
    params = {"from": "2021-01-31", "months": 1}
    assert asked.get("/v1/calendar/count", STRANGER, **params).json()["due"] == "2021-03-01"
    assert asked.get("/v1/calendar/count", STRANGER, **params, rolls=False).json()["due"] == "2021-02-28"


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"from": "2021-03-01"},
        {"from": "2021-03-01", "months": 1, "working_days": 1},
        {"working_days": 1},
        {"from": "2021-02-30", "working_days": 1},
        {"from": "1899-01-01", "working_days": 1},
        {"from": "9999-12-31", "working_days": 1},
        {"from": "2100-12-31", "working_days": 1},
        {"from": "2100-06-01", "years": 20},
        {"from": "2021-03-01", "working_days": -1},
        {"from": "2021-03-01", "working_days": 1001},
        {"from": "2021-03-01", "months": 0},
        {"from": "2021-03-01", "days": 10**30},
        {"from": "2021-03-01", "days": "NaN"},
        {"from": "2021-03-01", "years": "Infinity"},
        {"from": "2021-03-01\x00", "years": 1},
        {"from": 10**30, "years": 1},
    ],
)
def test_a_period_that_cannot_be_counted_is_a_clear_problem(desk: Bureau, asked: Api, params: dict[str, Any]) -> None:
    told = asked.get("/v1/calendar/count", STRANGER, **params)
    assert (told.status_code, told.headers["content-type"]) == (422, "application/problem+json")
    assert told.json()["problems"]


def test_nobody_without_a_token_is_told_a_day(desk: Bureau, asked: Api) -> None:
    for path in ("calendar/2021", "calendar/count?from=2021-03-01&months=1", "holidays", "alarms/failing"):
        assert asked.client.get(f"/v1/{path}").status_code == 401


# ---- announcing --------------------------------------------------------------------------------------------------


def test_what_an_admin_announces_counts_from_then_on(bureau: Bureau, api: Api) -> None:
    case = bureau.reviewed()
    bureau.act(case, "return_for_correction", bureau.clerk, missing=["场地平面图"])
    before = api.get("/v1/calendar/count", STRANGER, **{"from": "2021-03-01", "working_days": 15}).json()
    assert api.post("/v1/holidays", ADMIN, AMENDMENT).json() == {"number": 1}
    after = api.get("/v1/calendar/count", STRANGER, **{"from": "2021-03-01", "working_days": 15}).json()
    assert (before["due"], after["due"], after["calendar"]) == ("2021-03-22", "2021-03-24", before["calendar"] + "+1")
    year = api.get("/v1/calendar/2021", bureau.clerk).json()
    assert year["sources"] == [{"number": 1, "source": "国办发明电〔2021〕1号"}]
    assert "2021-03-15" in year["holidays"]
    assert api.get("/v1/calendar/2020", bureau.clerk).json()["sources"] == []
    bureau.workflow.tick()
    [row] = api.get("/v1/holidays", ADMIN).json()
    [recorded] = bureau.workflow.holiday_notices()
    assert (row["number"], row["rest"], row["work"]) == (1, ["2021-03-15", "2021-03-16"], [])
    assert (row["moved"], row["recorded_by"]) == (recorded["moved"], recorded["recorded_by"]) == (1, "管理员")


def test_what_an_announcement_came_too_late_for_is_told(bureau: Bureau, api: Api) -> None:
    case = bureau.reviewed()
    bureau.act(case, "return_for_correction", bureau.clerk, missing=["场地平面图"])
    due = bureau.workflow.case(case).clocks["correction_due"].due
    bureau.on(due + timedelta(days=2)).workflow.tick()
    api.post("/v1/holidays", ADMIN, {"source": "国办发明电〔2021〕2号", "rest": [due.isoformat()]})
    [row] = api.get("/v1/holidays", bureau.auditor).json()
    assert row["overtaken"] == [{"case": case, "timer": "correction_due", "due": due.isoformat()}]


def test_only_admins_announce_and_only_they_and_auditors_see_who_did(bureau: Bureau, api: Api) -> None:
    before = counted(bureau)
    for who in people(bureau):
        admin = Role.ADMIN in who.roles
        if not admin:
            refused = api.post("/v1/holidays", who, AMENDMENT)
            assert [each["code"] for each in refused.json()["refusals"]] == ["not_authorised"], who.id
        assert api.get("/v1/holidays", who).status_code == (200 if admin or who is bureau.auditor else 403), who.id
    assert counted(bureau) == before
    assert api.post("/v1/holidays", CIXI_ADMIN, AMENDMENT).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"source": "甲"},
        {"source": " ", "rest": ["2021-03-15"]},
        {"source": "x" * 301, "rest": ["2021-03-15"]},
        {"source": "a\x00b", "rest": ["2021-03-15"]},
        {"source": "甲", "rest": ["2021-03-15"], "work": ["2021-03-15"]},
        {"source": "甲", "year": 2021, "rest": ["2021-03-15"]},
        {"source": "甲", "year": 2021, "rest": ["2021-01-01", "2025-10-01"]},
        {"source": "甲", "year": 10**30, "rest": ["2021-03-15"]},
        {"source": "甲", "rest": ["0001-01-01"]},
        {"source": "甲", "rest": ["9999-12-31"]},
        {"source": "甲", "rest": "2021-03-15"},
        {"source": "甲", "rest": ["2021-03-15"] * 400},
        {"source": "甲", "rest": ["2021-03-15"], "reste": []},
    ],
)
def test_an_arrangement_that_makes_no_sense_is_refused_with_every_problem(
    bureau: Bureau, api: Api, body: dict[str, Any]
) -> None:
    told = api.post("/v1/holidays", ADMIN, body)
    assert told.status_code == 422
    assert told.json()["problems"]
    assert bureau.workflow.holiday_notices() == []


# ---- alarms that cannot ring -------------------------------------------------------------------------------------


def test_an_alarm_that_cannot_ring_is_shown_to_admins_and_auditors(bureau: Bureau, api: Api) -> None:
    bureau.reviewed()
    now = bureau.on(date(2021, 4, 30)).clock.instant
    with bureau.workflow._database.writing() as tx:
        [due, *_] = timers.due(tx, now, 10)
        timers.note_failure(tx, due, "the template is gone", now)
    [row] = bureau.workflow.failing()
    for who in people(bureau):
        told = api.get("/v1/alarms/failing", who)
        if who == CIXI_ADMIN:
            assert told.json() == [], "another city's cases are not this admin's to see"
        elif {Role.ADMIN, Role.AUDITOR} & {*who.roles}:
            [alarm] = told.json()
            assert (alarm["case"], alarm["timer"], alarm["alarm"], alarm["error"], alarm["attempts"]) == (
                row["case_id"], row["timer"], row["alarm"], "the template is gone", 1
            )  # fmt: skip
        else:
            assert told.status_code == 403, who.id
