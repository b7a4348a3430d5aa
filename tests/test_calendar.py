"""Working days: the package's notices, what a bureau records over them, and running clocks counted again."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from kjfh_workflow import Actor, Conflict, InputError, NotAuthorised, NotFound
from kjfh_workflow.clock import local_date
from kjfh_workflow.policy.vocabulary import LengthUnit
from kjfh_workflow.rules.calendar import HolidayNotice, WorkCalendar, china
from kjfh_workflow.rules.deadlines import count
from tests.bureau import Bureau, uscc

ADMIN = Actor.of("root", "admin", "yuyao", name="管理员")
#: The last year that the package knows; what lies behind it is provisional.
KNOWN = china().known_until
AHEAD = KNOWN.year + 1
#: The statutory holidays on fixed days.
FIXED = [date(AHEAD, 1, 1), date(AHEAD, 5, 1), date(AHEAD, 10, 1)]


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def announced(*notices: tuple[int | None, Iterable[date], Iterable[date]]) -> WorkCalendar:
    return WorkCalendar(
        tuple(
            HolidayNotice(number, f"公告{number}", year, frozenset(rest), frozenset(work))
            for number, (year, rest, work) in enumerate(notices, 1)
        )
    )


def test_an_amendment_changes_only_the_days_it_names() -> None:
    # As in January 2020, when the Spring Festival was lengthened after everybody had planned.
    longer, back = date(2021, 2, 18), date(2021, 2, 27)
    assert china().is_workday(longer)
    assert not china().is_workday(back)
    calendar = announced((None, [longer], [back]))
    year = days(date(2020, 12, 1), date(2022, 1, 31))
    assert [day for day in year if calendar.is_workday(day) != china().is_workday(day)] == [longer, back]


def test_a_whole_years_arrangement_makes_the_year_known() -> None:
    holiday = days(date(AHEAD, 10, 1), date(AHEAD, 10, 7))
    make_up = next(day for day in days(date(AHEAD, 9, 20), date(AHEAD, 9, 30)) if day.weekday() == 6)
    calendar = announced((AHEAD, holiday, [make_up]))
    assert calendar.known_until == date(AHEAD, 12, 31)
    assert calendar.is_workday(make_up)
    assert not any(calendar.is_workday(day) for day in holiday)
    # What the package only guessed from the statute is not in the arrangement, so it is not a rest day.
    new_year = date(AHEAD, 1, 1)
    assert calendar.is_workday(new_year) == (new_year.weekday() < 5)


def test_the_later_notice_wins() -> None:
    day = date(2021, 3, 3)
    assert not announced((None, [day], [])).is_workday(day)
    assert announced((None, [day], []), (None, [], [day])).is_workday(day)
    assert not announced((None, [], [day]), (None, [day], [])).is_workday(day)


def test_every_deadline_says_with_which_calendar_it_was_counted() -> None:
    calendar = announced((None, [date(2021, 3, 3)], []))
    assert count(calendar, date(2021, 3, 1), 3, LengthUnit.WORKING_DAYS).calendar == f"{china().edition}+1"
    assert count(china(), date(2021, 3, 1), 3, LengthUnit.WORKING_DAYS).calendar == china().edition


def correcting(bureau: Bureau, day: date) -> str:
    """A case whose operator has 15 working days from *day*."""
    case = bureau.on(day).reviewed()
    bureau.act(case, "return_for_correction", bureau.clerk, missing=["证明"])
    return case


def due(bureau: Bureau, case: str) -> date:
    return bureau.workflow.case(case).clocks["correction_due"].due


def test_a_longer_holiday_moves_the_running_deadline_and_tells_whoever_must_act(bureau: Bureau) -> None:
    case = correcting(bureau, date(2021, 3, 1))
    assert due(bureau, case) == date(2021, 3, 22)
    bureau.on(date(2021, 3, 10)).workflow.announce_holidays(
        "国办发明电〔2021〕1号", by=ADMIN, rest=[date(2021, 3, 15), date(2021, 3, 16)]
    )
    bureau.workflow.tick()
    view = bureau.workflow.case(case)
    assert due(bureau, case) == date(2021, 3, 24)
    row = view.timeline[-1]
    assert (row.event, row.source, row.target, row.role) == ("recount", "correction", "correction", "timer")
    letter = view.notices[-1]
    assert (letter["notice"], letter["role"]) == ("deadline_moved", "applicant")
    for told in ("2021年3月22日", "2021年3月24日", "国办发明电〔2021〕1号"):
        assert told in letter["body"]
    alarms = {
        (a["sequence"], a["alarm"]): (a["outcome"], a["due"]) for a in view.alarms if a["timer"] == "correction_due"
    }
    assert alarms == {
        (1, "remind.5_days"): ("cancelled", date(2021, 3, 22)),
        (1, "expire"): ("cancelled", date(2021, 3, 22)),
        (2, "remind.5_days"): ("armed", date(2021, 3, 24)),
        (2, "expire"): ("armed", date(2021, 3, 24)),
    }
    assert bureau.workflow.verify().holds
    bureau.on(date(2021, 3, 23)).workflow.tick()
    assert bureau.state(case) == "correction"
    bureau.on(date(2021, 3, 25)).workflow.tick()
    assert bureau.state(case) == "lapsed"


def test_an_act_counts_with_what_has_just_been_announced(bureau: Bureau, database_url: str) -> None:
    elsewhere = Bureau(database_url, date(2021, 3, 1))
    elsewhere.workflow.announce_holidays("测试", by=ADMIN, rest=[date(2021, 3, 15)])
    assert due(bureau, correcting(bureau, date(2021, 3, 1))) == date(2021, 3, 23)
    elsewhere.workflow.close()


def test_a_reminder_that_was_sent_is_not_sent_again(desk: Bureau) -> None:
    case = correcting(desk, date(2021, 3, 1))
    desk.on(date(2021, 3, 17)).workflow.tick()
    desk.workflow.announce_holidays("测试", by=ADMIN, rest=[date(2021, 3, 18), date(2021, 3, 19)])
    for day in range(17, 30):
        desk.on(date(2021, 3, day)).workflow.tick()
    sent = [row["notice"] for row in desk.workflow.case(case).notices]
    assert sent.count("correction_reminder") == 1
    assert desk.state(case) == "lapsed"


def test_an_applicant_who_was_told_a_certain_day_may_rely_on_it(desk: Bureau) -> None:
    case = correcting(desk, date(2021, 4, 20))  # Labour Day's holiday runs from 1 to 5 May
    assert due(desk, case) == date(2021, 5, 12)
    work = [date(2021, 4, 24), *days(date(2021, 5, 1), date(2021, 5, 5))]
    desk.on(date(2021, 4, 21)).workflow.announce_holidays("假期取消", by=ADMIN, work=work)
    desk.workflow.tick()
    assert due(desk, case) == date(2021, 5, 12)


def test_the_office_s_last_day_comes_earlier_but_never_into_the_past(desk: Bureau) -> None:
    case = desk.on(date(2021, 4, 12)).reviewed()

    def last_day() -> date:
        return desk.workflow.case(case).clocks["review_due"].due

    assert last_day() == date(2021, 5, 11)
    work = days(date(2021, 5, 1), date(2021, 5, 5))
    desk.on(date(2021, 5, 8)).workflow.announce_holidays("假期取消", by=ADMIN, work=work)
    desk.workflow.tick()
    assert last_day() == date(2021, 5, 8), "counted with five more working days it would be the 5th"
    assert "不予提前" in desk.workflow.case(case).clocks["review_due"].in_words("个工作日")


def test_a_holiday_recorded_in_time_counts_even_if_nothing_has_ticked(bureau: Bureau) -> None:
    case = correcting(bureau, date(2021, 3, 8))
    assert due(bureau, case) == date(2021, 3, 29)
    bureau.on(date(2021, 3, 27)).workflow.announce_holidays("临时放假", by=ADMIN, rest=[date(2021, 3, 29)])
    bureau.on(date(2021, 3, 30))
    assert bureau.act(case, "resubmit", bureau.operator).state == "preliminary_review"
    assert "recount" in [row.event for row in bureau.workflow.case(case).timeline]
    assert bureau.workflow.verify().holds


def test_a_holiday_recorded_too_late_undoes_nothing_but_names_what_a_person_must_look_at(desk: Bureau) -> None:
    case = correcting(desk, date(2021, 3, 8))
    desk.on(date(2021, 3, 30)).workflow.tick()
    desk.workflow.announce_holidays("补登", by=ADMIN, rest=[date(2021, 3, 29)])
    desk.workflow.tick()
    assert desk.state(case) == "lapsed"
    [notice] = desk.workflow.holiday_notices()
    assert [(late["case_id"], late["timer"], late["due"]) for late in notice["overtaken"]] == [
        (case, "correction_due", date(2021, 3, 29))
    ]


def test_a_reminder_leaves_a_day_that_has_become_a_rest_day(desk: Bureau) -> None:
    case = correcting(desk, date(2021, 3, 8))
    reminder = next(a for a in desk.workflow.case(case).alarms if a["alarm"] == "remind.5_days")
    assert local_date(reminder["rings_at"]) == date(2021, 3, 24)
    # One day of rest more and one less before the last day: it stays where it is.
    desk.workflow.announce_holidays("调休", by=ADMIN, rest=[date(2021, 3, 24)], work=[date(2021, 3, 27)])
    desk.workflow.tick()
    armed = [a for a in desk.workflow.case(case).alarms if a["alarm"] == "remind.5_days" and a["outcome"] == "armed"]
    assert (due(desk, case), [local_date(a["rings_at"]) for a in armed]) == (date(2021, 3, 29), [date(2021, 3, 23)])
    assert "deadline_moved" not in [row["notice"] for row in desk.workflow.case(case).notices]


def test_what_was_over_before_the_announcement_stays_over(desk: Bureau) -> None:
    case = correcting(desk, date(2021, 3, 1))
    desk.on(date(2021, 3, 23)).workflow.announce_holidays("太晚", by=ADMIN, rest=[date(2021, 3, 15)])
    desk.workflow.tick()
    assert desk.state(case) == "lapsed"


def test_a_provisional_deadline_becomes_certain_when_its_year_is_announced(bureau: Bureau) -> None:
    case = correcting(bureau, date(AHEAD, 4, 1))
    before = bureau.workflow.case(case).clocks["correction_due"]
    assert before.deadline.provisional
    assert "暂定" in before.in_words("个工作日")
    bureau.workflow.announce_holidays(
        "国办发明电〔测试〕1号", by=ADMIN, year=AHEAD, rest=[*FIXED, *days(date(AHEAD, 10, 2), date(AHEAD, 10, 7))]
    )
    bureau.workflow.tick()
    after = bureau.workflow.case(case).clocks["correction_due"]
    assert not after.deadline.provisional
    assert bureau.workflow.holiday_notices()[0]["moved"] == 1, "with its own source"
    assert after.deadline.calendar == f"{china().edition}+1"
    assert bureau.workflow.verify().holds


def test_a_second_tick_and_a_second_process_move_nothing_twice(bureau: Bureau, database_url: str) -> None:
    cases = [correcting(bureau, date(2021, 3, 1))]
    bureau.workflow.announce_holidays("测试", by=ADMIN, rest=[date(2021, 3, 15)])
    offices = [Bureau(database_url, date(2021, 3, 1)) for _ in range(3)]
    gate = threading.Barrier(3)

    def tick(office: Bureau) -> None:
        gate.wait()
        office.workflow.tick()

    threads = [threading.Thread(target=tick, args=(office,)) for office in offices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bureau.workflow.tick()
    for case in cases:
        assert [row.event for row in bureau.workflow.case(case).timeline].count("recount") == 1
    assert bureau.workflow.verify().holds
    for office in offices:
        office.workflow.close()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"source": " ", "rest": [date(2027, 1, 1)]}, "source"),
        ({"source": "甲"}, "at least one day"),
        ({"source": "甲", "rest": [date(2027, 1, 2)], "work": [date(2027, 1, 2)]}, "2027-01-02 cannot be both"),
        ({"source": "甲", "year": 2027, "rest": [date(2029, 1, 2)]}, "2029-01-02 does not belong"),
        ({"source": "甲", "year": 2027, "work": [date(2027, 2, 20)]}, "must name 2027-01-01"),
        ({"source": "甲", "year": 1, "rest": [date(1, 1, 1)]}, "allowed are 2004 to 2100"),
        ({"source": "甲" * 301, "rest": [date(2027, 1, 2)]}, "has 301 characters"),
    ],
)
def test_a_notice_that_makes_no_sense_is_refused(desk: Bureau, given: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        desk.workflow.announce_holidays(by=ADMIN, **given)  # type: ignore[arg-type]
    assert desk.workflow.calendar().notices == ()


def test_only_an_admin_announces(desk: Bureau) -> None:
    with pytest.raises(NotAuthorised):
        desk.workflow.announce_holidays("甲", by=desk.lead, rest=[date(2027, 1, 4)])


def test_an_admin_of_nowhere_announces_nothing(desk: Bureau) -> None:
    with pytest.raises(NotFound):
        desk.workflow.announce_holidays("甲", by=Actor.of("x", "admin", "nowhere"), rest=[date(2027, 1, 4)])


def test_a_case_that_somebody_holds_is_counted_again_later_and_blocks_nobody(postgres_url: str) -> None:
    office = Bureau(postgres_url)
    cases = [correcting(office, date(2021, 3, 1))]
    other = office.submit(type="makerspace", who=Actor.of("n", "applicant", "yuyao", uscc=uscc(9))).case
    office.act(other, "return_for_correction", office.clerk, missing=["证明"])
    cases.append(other)
    office.workflow.announce_holidays("临时放假", by=ADMIN, rest=[date(2021, 3, 15)])
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as somebody:
        somebody.execute("SELECT id FROM kjfh_cases WHERE id = %s FOR UPDATE", [cases[0]])
        office.workflow.tick()
        assert [due(office, case) for case in cases] == [date(2021, 3, 22), date(2021, 3, 23)]
    office.workflow.tick()
    assert [due(office, case) for case in cases] == [date(2021, 3, 23), date(2021, 3, 23)]
    office.workflow.close()


def test_recording_a_holiday_does_not_wait_for_an_act_that_takes_long(postgres_url: str) -> None:
    office = Bureau(postgres_url)
    office.submit()
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as somebody:
        somebody.execute("SELECT max(id) FROM kjfh_holiday_notices")  # as every act does
        with pytest.raises(Conflict):
            office.workflow.announce_holidays("甲", by=ADMIN, rest=[date(2027, 1, 4)])
    assert office.workflow.announce_holidays("甲", by=ADMIN, rest=[date(2027, 1, 4)]) > 0
    office.workflow.close()


# ---- counting again, without counting everything again ---------------------------------------------------------------


def several(bureau: Bureau, number: int) -> list[str]:
    """So many cases with a correction due on 22 March 2021."""
    found = []
    for n in range(number):
        case = bureau.submit(Actor.of(f"op{n}", "applicant", "yuyao", name=f"第{n}孵化器有限公司", uscc=uscc(n))).case
        bureau.act(case, "accept", bureau.clerk)
        bureau.act(case, "return_for_correction", bureau.clerk, missing=["证明"])
        found.append(case)
    return sorted(found)


def pinned_to(desk: Bureau, case: str, policy: str) -> None:
    """As if the folder of a case's pack were gone, or there again."""
    with desk.workflow._database.writing() as tx:
        tx.connection.execute(
            text("UPDATE kjfh_cases SET policy = :policy WHERE id = :id"), {"policy": policy, "id": case}
        )


@contextmanager
def questions(desk: Bureau) -> Iterator[list[str]]:
    """What is asked of a database in memory."""
    asked: list[str] = []
    with desk.workflow._database.reading() as tx:
        connection: Any = tx.connection.connection.driver_connection
    connection.set_trace_callback(asked.append)
    yield asked
    connection.set_trace_callback(None)


def test_a_case_that_cannot_be_counted_is_tried_again_alone_and_now_and_then(desk: Bureau) -> None:
    cases = several(desk, 6)
    desk.workflow.announce_holidays("临时放假", by=ADMIN, rest=[date(2021, 3, 15)])
    policy = desk.workflow.case(cases[2]).case.policy
    pinned_to(desk, cases[2], "1999-01-01")
    looked_at: list[list[str]] = []
    for minutes in (0, 0, 0, 1):
        desk.clock.instant += timedelta(minutes=minutes)
        with questions(desk) as asked:
            desk.workflow.tick()
        found = [line for line in asked if "FROM kjfh_cases" in line]
        looked_at.append([case for case in cases if any(case in line for line in found)])
    assert looked_at == [cases, [cases[2]], [], [cases[2]]]
    [notice] = desk.workflow.holiday_notices()
    assert notice["recounted_at"] is None
    pinned_to(desk, cases[2], policy)
    desk.clock.instant += timedelta(minutes=1)
    desk.workflow.tick()
    assert {due(desk, case) for case in cases} == {date(2021, 3, 23)}
    [notice] = desk.workflow.holiday_notices()
    assert notice["recounted_at"] is not None
    assert notice["moved"] == 6, "those of the earlier ticks are counted, too"
    assert desk.workflow.verify().holds


def test_what_several_processes_have_moved_is_counted_together(database_url: str) -> None:
    office = Bureau(database_url)
    cases = several(office, 4)
    office.workflow.announce_holidays("临时放假", by=ADMIN, rest=[date(2021, 3, 15)])
    office.workflow.tick(lambda: due(office, cases[0]) == date(2021, 3, 23))
    office.workflow.close()
    other = Bureau(database_url)
    other.workflow.tick()
    assert {due(other, case) for case in cases} == {date(2021, 3, 23)}
    assert other.workflow.holiday_notices()[0]["moved"] == 4
    other.workflow.close()


def test_a_recount_that_is_stopped_ends_at_once_and_goes_on_at_the_next_tick(desk: Bureau) -> None:
    cases = several(desk, 4)
    desk.workflow.announce_holidays("临时放假", by=ADMIN, rest=[date(2021, 3, 15)])
    with questions(desk) as asked:
        desk.workflow.tick(lambda: True)
    assert not [line for line in asked if "kjfh_cases" in line and "kjfh_timers" not in line], "no case is even read"

    def moved() -> list[str]:
        return [case for case in cases if due(desk, case) == date(2021, 3, 23)]

    desk.workflow.tick(lambda: bool(moved()))
    assert moved() == cases[:1]
    assert desk.workflow.holiday_notices()[0]["recounted_at"] is None
    desk.workflow.tick()
    assert moved() == cases
    assert desk.workflow.holiday_notices()[0]["moved"] == 4


def test_a_case_that_does_not_move_is_not_waited_for(postgres_url: str) -> None:
    office = Bureau(postgres_url)
    case = correcting(office, date(2021, 4, 20))
    # Its last day would come earlier: an applicant may rely on the one it was told.
    office.workflow.announce_holidays("调休", by=ADMIN, work=[date(2021, 4, 24)])
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as somebody:
        somebody.execute("SELECT id FROM kjfh_cases WHERE id = %s FOR UPDATE", [case])
        office.workflow.tick()
        [notice] = office.workflow.holiday_notices()
        assert (notice["recounted_at"] is not None, notice["moved"]) == (True, 0)
    office.workflow.close()


def test_no_alarm_of_a_second_tick_rings_before_the_first_has_counted_again(postgres_url: str) -> None:
    office = Bureau(postgres_url)
    held, reminded = several(office, 2)
    rings_at = {a["rings_at"] for a in office.workflow.case(reminded).alarms if a["alarm"] == "remind.5_days"}
    office.workflow.announce_holidays("临时放假", by=ADMIN, rest=[date(2021, 3, 15)])
    [office.clock.instant] = rings_at
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as somebody:
        somebody.execute("SELECT id FROM kjfh_cases WHERE id = %s FOR UPDATE", [held])
        ticks = [threading.Thread(target=office.workflow.tick) for _ in range(2)]
        for tick in ticks:
            tick.start()
        for tick in ticks:
            tick.join()
    told = [row["notice"] for row in office.workflow.case(reminded).notices]
    assert ("deadline_moved" in told, "correction_reminder" in told) == (True, False)
    office.workflow.close()
