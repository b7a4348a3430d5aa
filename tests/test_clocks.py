"""Clocks run exactly while their state lasts: started, paused, reminded, overdue, escalated."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from kjfh_workflow import Actor, Workflow, WorkflowError
from kjfh_workflow.casework import ticks
from kjfh_workflow.casework.office import Moment, Office
from kjfh_workflow.casework.perform import ring
from kjfh_workflow.clock import SystemClock, local_date
from kjfh_workflow.notices.render import Letter, Renderer, Written
from kjfh_workflow.policy.vocabulary import LengthUnit
from kjfh_workflow.rules.calendar import china
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import Alarm, Clock
from kjfh_workflow.rules.deadlines import count
from kjfh_workflow.store.database import Transaction
from tests.bureau import Bureau, uscc


def due(bureau: Bureau, case: str, timer: str) -> date | None:
    """The due date of an armed clock."""
    clock = bureau.workflow.case(case).clocks.get(timer)
    return None if clock is None or clock.overdue else clock.due


def sent(bureau: Bureau, case: str) -> list[tuple[str, str]]:
    """Every notice of a case with its receiver."""
    return [(row["notice"], row["role"]) for row in bureau.workflow.case(case).notices]


def outcomes(bureau: Bureau, case: str) -> dict[tuple[str, int, str], str]:
    """Every alarm and its outcome."""
    alarms = bureau.workflow.case(case).alarms
    return {(row["timer"], row["sequence"], row["alarm"]): row["outcome"] for row in alarms}


def test_the_office_clock_stands_still_during_correction_and_resumes_with_what_was_left(bureau: Bureau) -> None:
    case = bureau.submit().case
    bureau.on(date(2021, 3, 2)).act(case, "accept", bureau.clerk)
    bureau.on(date(2021, 3, 8)).act(case, "return_for_correction", bureau.clerk, missing=["证明"])
    assert (due(bureau, case, "review_due"), due(bureau, case, "correction_due")) == (None, date(2021, 3, 29))
    bureau.on(date(2021, 3, 22)).act(case, "resubmit", bureau.operator)
    assert (due(bureau, case, "review_due"), due(bureau, case, "correction_due")) == (date(2021, 4, 14), None)
    assert bureau.workflow.verify().holds


def test_a_second_pause_keeps_what_the_first_left(desk: Bureau) -> None:
    case = desk.submit().case
    desk.on(date(2021, 3, 2)).act(case, "accept", desk.clerk)
    desk.on(date(2021, 3, 8)).act(case, "return_for_correction", desk.clerk, missing=["甲"])
    desk.on(date(2021, 3, 22)).act(case, "resubmit", desk.operator)
    desk.on(date(2021, 3, 24)).act(case, "return_for_correction", desk.clerk, missing=["乙"], reason="新问题")
    desk.on(date(2021, 3, 25)).act(case, "resubmit", desk.operator)
    # 20 - 4 - 2 = 14 working days after 25 March, Qingming from 3 to 5 April
    assert due(desk, case, "review_due") == date(2021, 4, 15)


def test_the_joint_review_has_its_own_period(desk: Bureau) -> None:
    case = desk.submit().case
    desk.on(date(2021, 3, 2)).act(case, "accept", desk.clerk)
    desk.on(date(2021, 3, 15)).act(case, "pass_preliminary", desk.clerk, findings="all_met")
    assert due(desk, case, "review_due") == date(2021, 4, 6)
    desk.act(case, "endorse", desk.finance)
    assert due(desk, case, "review_due") == date(2021, 4, 6)
    desk.act(case, "endorse", desk.lead)
    assert due(desk, case, "review_due") is None


def test_a_correction_is_in_time_until_midnight_of_its_last_day(bureau: Bureau) -> None:
    case = bureau.reviewed()
    bureau.act(case, "return_for_correction", bureau.clerk, missing=["证明"], working_days=5)
    assert due(bureau, case, "correction_due") == date(2021, 3, 8)
    bureau.on(date(2021, 3, 8)).workflow.tick()
    assert bureau.state(case) == "correction"
    assert bureau.act(case, "resubmit", bureau.operator).state == "preliminary_review"


def test_a_correction_that_is_too_late_lapses_even_if_nothing_has_ticked(bureau: Bureau) -> None:
    case = bureau.reviewed()
    bureau.act(case, "return_for_correction", bureau.clerk, missing=["证明"], working_days=5)
    bureau.on(date(2021, 3, 9))
    assert bureau.refused(case, "resubmit", bureau.operator) == {"not_allowed_from_state"}
    assert bureau.state(case) == "correction", "a refusal changes nothing"
    assert bureau.workflow.tick().rung == 2
    assert bureau.state(case) == "lapsed"
    assert ("correction_reminder", "applicant") not in sent(bureau, case), "nobody is reminded of what has passed"
    lapsed = bureau.workflow.case(case).timeline[-1]
    assert (lapsed.legal_on, lapsed.role) == (date(2021, 3, 9), "timer")
    assert bureau.submit().state == "applied"
    assert bureau.workflow.verify().holds


def test_reminders_go_before_the_last_day_and_only_once(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"])
    assert due(desk, case, "correction_due") == date(2021, 3, 22)
    desk.on(date(2021, 3, 16)).workflow.tick()
    assert ("correction_reminder", "applicant") not in sent(desk, case)
    desk.on(date(2021, 3, 17)).workflow.tick()
    desk.on(date(2021, 3, 19)).workflow.tick()
    assert sent(desk, case).count(("correction_reminder", "applicant")) == 1
    assert desk.state(case) == "correction"


def test_a_reminder_whose_day_has_passed_is_not_sent(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"], working_days=3)
    assert {key[2] for key, outcome in outcomes(desk, case).items() if outcome == "armed"} == {"expire"}


def test_a_late_office_is_reminded_and_escalated_and_decides_nothing(bureau: Bureau) -> None:
    case = bureau.submit().case
    bureau.on(date(2021, 3, 2)).act(case, "accept", bureau.clerk)
    bureau.on(date(2021, 3, 25)).workflow.tick()
    assert sent(bureau, case)[1:] == [("work_reminder", "tech_clerk")]
    bureau.on(date(2021, 3, 30)).workflow.tick()
    assert ("work_overdue", "tech_lead") not in sent(bureau, case)
    bureau.on(date(2021, 3, 31)).workflow.tick()
    assert sent(bureau, case).count(("work_overdue", "tech_lead")) == 1
    bureau.on(date(2021, 4, 7)).workflow.tick()
    assert sent(bureau, case).count(("work_overdue", "tech_lead")) == 1
    bureau.on(date(2021, 4, 8)).workflow.tick()  # five working days later, Qingming between
    assert sent(bureau, case).count(("work_overdue", "tech_lead")) == 2
    assert bureau.state(case) == "preliminary_review"
    bureau.act(case, "reject", bureau.lead, reason="不符合条件")
    bureau.on(date(2021, 6, 1)).workflow.tick()
    assert sent(bureau, case).count(("work_overdue", "tech_lead")) == 2
    assert bureau.workflow.verify().holds


def test_an_overdue_clock_that_is_paused_has_nothing_left(desk: Bureau) -> None:
    case = desk.submit().case
    desk.on(date(2021, 3, 2)).act(case, "accept", desk.clerk)
    desk.on(date(2021, 4, 12)).workflow.tick()
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"])
    desk.on(date(2021, 4, 15)).act(case, "resubmit", desk.operator)
    assert due(desk, case, "review_due") == date(2021, 4, 15)


def test_every_alarm_has_exactly_one_outcome(desk: Bureau) -> None:
    case, _ = desk.recognised()
    assert {*outcomes(desk, case).values()} == {"cancelled"}
    other = desk.submit(type="makerspace").case
    desk.act(other, "return_for_correction", desk.clerk, missing=["证明"])
    desk.on(date(2021, 6, 1)).workflow.tick()
    assert {*outcomes(desk, other).values()} == {"fired"}


def test_a_ban_ends_by_date_whether_or_not_anything_ticked(desk: Bureau) -> None:
    case = desk.submit().case
    desk.on(date(2021, 3, 10)).act(case, "find_fraud", desk.lead, finding="虚报")
    desk.on(date(2023, 3, 11))
    assert desk.workflow.banned_until(desk.operator.uscc, "yuyao") is None
    assert desk.submit().state == "applied"
    desk.workflow.tick()
    assert sent(desk, case)[-1] == ("ban_ended", "applicant")


@pytest.mark.parametrize("event", ["withdraw", "find_fraud", "reject"])
def test_leaving_a_review_stops_its_clock(desk: Bureau, event: str) -> None:
    case = desk.reviewed()
    who = desk.operator if event == "withdraw" else desk.lead
    evidence = {"find_fraud": {"finding": "虚报"}, "reject": {"reason": "不符"}}.get(event, {})
    desk.act(case, event, who, **evidence)
    assert due(desk, case, "review_due") is None


def test_a_tick_with_nothing_due_does_nothing(desk: Bureau) -> None:
    desk.reviewed()
    assert desk.workflow.tick().rung == 0
    assert desk.workflow.next_ring() is not None


def test_a_reminder_moved_onto_today_is_sent_on_the_rest_day_instead_of_never(desk: Bureau) -> None:
    case = desk.on(date(2021, 3, 11)).reviewed()
    desk.on(date(2021, 3, 12)).act(case, "return_for_correction", desk.clerk, missing=["证明"], working_days=5)
    assert due(desk, case, "correction_due") == date(2021, 3, 19)
    desk.on(date(2021, 3, 14)).workflow.tick()  # Sunday, five days ahead; the Friday before is the day of the return
    assert ("correction_reminder", "applicant") in sent(desk, case)


@pytest.fixture
def one_fails(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two cases whose corrections are overdue; the first one's alarms cannot ring."""
    first = bureau.reviewed()
    second = bureau.submit(type="makerspace", who=Actor.of("n", "applicant", "yuyao", uscc=uscc(9))).case
    bureau.act(second, "accept", bureau.clerk)
    for case in (first, second):
        bureau.act(case, "return_for_correction", bureau.clerk, missing=["证明"])

    def broken(
        office: Office, tx: Transaction, case: Case, alarm: Alarm, moment: Moment, before: Callable[..., None]
    ) -> Case:
        if case.id == first:
            raise KeyError("the pack has gone")
        return ring(office, tx, case, alarm, moment, before)

    monkeypatch.setattr(ticks, "ring", broken)
    bureau.on(date(2021, 6, 1))
    return first, second


def test_one_alarm_that_fails_is_recorded_and_does_not_hold_up_the_others(
    bureau: Bureau, one_fails: tuple[str, str]
) -> None:
    first, second = one_fails
    ticked = bureau.workflow.tick()
    assert {(failing.case, failing.timer) for failing in ticked.failing} == {(first, "correction_due")}
    assert (bureau.state(first), bureau.state(second)) == ("correction", "lapsed")
    failing = bureau.workflow.failing()
    assert {row["case_id"] for row in failing} == {first}
    assert all("the pack has gone" in row["error"] and row["attempts"] == 1 for row in failing)


def test_a_failing_alarm_waits_longer_each_time_and_rings_when_it_can(
    bureau: Bureau, one_fails: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = one_fails
    waits = []
    for attempt in range(1, 5):
        bureau.workflow.tick()
        failing = bureau.workflow.failing()
        assert {row["attempts"] for row in failing} == {attempt}
        waits.append(failing[0]["retry_at"] - bureau.clock.instant)
        assert bureau.workflow.tick().failing == [], "not before its time"
        bureau.clock.instant = failing[0]["retry_at"]
    assert waits == sorted({*waits}), "each wait is longer than the one before"
    monkeypatch.undo()
    bureau.workflow.tick()
    assert bureau.state(first) == "lapsed"
    assert bureau.workflow.failing() == []
    assert bureau.workflow.verify().holds


def test_a_reminder_that_cannot_be_written_keeps_nobody_from_acting_in_time(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = bureau.reviewed()
    bureau.act(case, "return_for_correction", bureau.clerk, missing=["证明"])
    write = Renderer.write

    def broken(self: Renderer, notice: str, letter: Letter) -> Written:
        if notice == "correction_reminder":
            raise WorkflowError("the template is wrong")
        return write(self, notice, letter)

    monkeypatch.setattr(Renderer, "write", broken)
    bureau.on(date(2021, 3, 22))
    assert bureau.act(case, "resubmit", bureau.operator).state == "preliminary_review"


def test_what_fails_is_asked_for_again_when_it_is_tried_again(bureau: Bureau, one_fails: tuple[str, str]) -> None:
    bureau.workflow.tick()
    retry_at = {row["retry_at"] for row in bureau.workflow.failing()}
    assert {bureau.workflow.next_ring()} == retry_at


def test_a_case_that_somebody_holds_is_left_to_the_next_tick(postgres_url: str) -> None:
    office = Bureau(postgres_url)
    case = office.reviewed()
    office.act(case, "return_for_correction", office.clerk, missing=["证明"])
    office.on(date(2021, 6, 1))
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as somebody:
        somebody.execute("SELECT id FROM kjfh_cases FOR UPDATE")
        ticked = office.workflow.tick()
    assert (ticked.rung, ticked.held) == (0, 2)
    assert office.workflow.tick().rung == 2
    assert office.state(case) == "lapsed"
    office.workflow.close()


def test_without_a_clock_of_its_own_an_office_goes_by_the_database(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Bureau(postgres_url, local_date(SystemClock().now()))
    case = office.reviewed()
    office.act(case, "return_for_correction", office.clerk, missing=["证明"])
    with_wrong_clock = Workflow(postgres_url)
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + timedelta(days=400))
    assert with_wrong_clock.tick().rung == 0
    assert office.state(case) == "correction"
    with_wrong_clock.close()
    office.workflow.close()


def test_the_time_is_told_while_somebody_writes(sqlite_url: str) -> None:
    office = Bureau(sqlite_url)
    writer = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    assert office.workflow.now() == office.clock.instant
    assert time.monotonic() - begun < 5, "a writer is waited for 30 seconds"
    writer.close()
    office.workflow.close()


@pytest.mark.parametrize(
    ("begins", "unit", "length", "proof"),
    [
        (date(2021, 4, 1), LengthUnit.MONTHS, 1,
         "自2021年4月1日起算（当日不计）1个月，原届满日2021年5月1日为休息日，顺延，至2021年5月6日24时止"),
        (date(2021, 2, 8), LengthUnit.WORKING_DAYS, 5,
         "自2021年2月8日起算（当日不计）5个工作日，其间休息日7天不计，至2021年2月20日24时止"),
        (date(2021, 6, 18), LengthUnit.MONTHS, 3,
         "自2021年6月18日起算（当日不计）3个月，至2021年9月18日24时止"),
    ],
)  # fmt: skip
def test_the_proof_is_one_chinese_sentence(begins: date, unit: LengthUnit, length: int, proof: str) -> None:
    clock = Clock("t", 1, "s", count(china(), begins, length, unit), {})
    assert clock.in_words({"months": "个月", "working_days": "个工作日"}[unit]) == proof


def test_the_proof_names_the_spans_in_which_the_clock_stood_still(desk: Bureau) -> None:
    case = desk.submit().case
    desk.on(date(2021, 3, 2)).act(case, "accept", desk.clerk)
    desk.on(date(2021, 3, 8)).act(case, "return_for_correction", desk.clerk, missing=["证明"])
    desk.on(date(2021, 3, 22)).act(case, "resubmit", desk.operator)
    clock = desk.workflow.case(case).clocks["review_due"]
    assert clock.in_words("个工作日") == (
        "自2021年3月2日起算（当日不计）20个工作日，2021年3月9日至2021年3月22日停止计算，"
        "自2021年3月22日恢复（当日不计）时余16个工作日，"
        "其间休息日7天不计，至2021年4月14日24时止"
    )
    assert (clock.article, clock.deadline.calendar) == ("第九条", china().edition)
