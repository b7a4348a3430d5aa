"""Clocks run exactly while their state lasts: started, paused, reminded, overdue, escalated."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from kjfh_workflow import Actor, WorkflowError
from kjfh_workflow.casework import ticks
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.perform import ring
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import Alarm
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
    assert bureau.workflow.tick() == 2
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
    assert desk.workflow.tick() == 0
    assert desk.workflow.next_ring() is not None


def test_a_reminder_moved_onto_today_is_sent_on_the_rest_day_instead_of_never(desk: Bureau) -> None:
    case = desk.on(date(2021, 3, 11)).reviewed()
    desk.on(date(2021, 3, 12)).act(case, "return_for_correction", desk.clerk, missing=["证明"], working_days=5)
    assert due(desk, case, "correction_due") == date(2021, 3, 19)
    desk.on(date(2021, 3, 14)).workflow.tick()  # Sunday, five days ahead; the Friday before is the day of the return
    assert ("correction_reminder", "applicant") in sent(desk, case)


def test_one_alarm_that_fails_does_not_hold_up_the_others(desk: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    first = desk.reviewed()
    second = desk.submit(type="makerspace", who=Actor.of("n", "applicant", "yuyao", uscc=uscc(9))).case
    desk.act(second, "accept", desk.clerk)
    for case in (first, second):
        desk.act(case, "return_for_correction", desk.clerk, missing=["证明"])

    def broken(office: Office, tx: Transaction, case: Case, alarm: Alarm, now: datetime) -> Case:
        if case.id == first:
            raise WorkflowError("the pack has gone")
        return ring(office, tx, case, alarm, now)

    monkeypatch.setattr(ticks, "ring", broken)
    desk.on(date(2021, 6, 1))
    with pytest.raises(WorkflowError, match=f"could not ring and stay armed:\n  {first}"):
        desk.workflow.tick()
    assert (desk.state(first), desk.state(second)) == ("correction", "lapsed")
    monkeypatch.undo()
    desk.workflow.tick()
    assert desk.state(first) == "lapsed"
