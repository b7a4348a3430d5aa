"""The docket: which clocks stand on it, what it says of them, who sees what; as table, JSON and calendar file."""

from __future__ import annotations

import io
import json
import os
import shutil
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import icalendar
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kjfh_workflow import Actor, NotFound, Workflow, WorkflowError
from kjfh_workflow.casework.views.docket import Item
from kjfh_workflow.casework.views.ics import to_ics
from kjfh_workflow.cli import main
from kjfh_workflow.clock import SystemClock, office_hour
from kjfh_workflow.resources import states_dir
from kjfh_workflow.store.database import Database
from tests.bureau import Bureau
from tests.test_foresight import (
    CIXI,
    EARLY,
    FAILED,
    GRADED,
    LIVES,
    RECOGNISED,
    START,
    YUYAO,
    Road,
    act,
    all_at_their_time,
    assess,
    lived,
    operator,
    submitted,
    walk,
)

FIRST = date(2021, 3, 1)


def in_correction(bureau: Bureau, who: Actor | None = None) -> str:
    """A case that waits for its applicant, due on 2021-03-22."""
    case = submitted(bureau, who or operator("yuyao", 1))
    act(bureau, case, "return_for_correction", "tech_clerk", who or operator("yuyao", 1))
    return case


def in_review(bureau: Bureau, who: Actor) -> str:
    """A case that waits for the office, due on 2021-03-29."""
    case = submitted(bureau, who)
    act(bureau, case, "accept", "tech_clerk", who)
    return case


def items(bureau: Bureau, days: int = 90, city: str = "", reader: Actor | None = None) -> tuple[Item, ...]:
    """What stands on the docket."""
    return bureau.workflow.docket(days=days, city=city, reader=reader).items


# ---- which clocks ----------------------------------------------------------------------------------------------------


def running(workflow: Workflow, until: date) -> set[tuple[str, str, int]]:
    """(case, timer, sequence) of every clock that ends in time, by folding the exported history alone."""
    out = io.StringIO()
    workflow.export(out)
    memories: dict[str, dict[str, Any]] = {}
    for line in out.getvalue().splitlines()[1:]:
        row = json.loads(line).get("row")
        if row:
            memories.setdefault(row["case_id"], {}).update(json.loads(row["effects"]).get("set", {}))
    return {
        (case, timer, clock["sequence"])
        for case, memory in memories.items()
        for timer, clock in memory.get("clocks", {}).items()
        if date.fromisoformat(clock["due"]) <= until
    }


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(LIVES, st.randoms(), st.integers(0, 60), st.sampled_from([1, 5, 15, 90, 800]), st.booleans())
def test_the_docket_lists_exactly_the_clocks_that_the_history_says_run(
    moves: list[str], chance: Random, unnoticed: int, days: int, ticks: bool
) -> None:
    town = lived(moves, chance)
    town.pass_time(unnoticed, tick=ticks)
    with town.telling():
        listed = [(item.case, item.timer, item.sequence) for item in items(town.bureau, days)]
        assert len(listed) == len({*listed})
        assert {*listed} == running(town.workflow, town.day + timedelta(days=days))
        assert town.workflow.verify().holds


def test_a_clock_stands_on_the_docket_from_the_day_its_end_comes_into_view(bureau: Bureau) -> None:
    case = in_correction(bureau)
    assert items(bureau, days=20) == ()
    assert [item.case for item in items(bureau, days=21)] == [case]


def test_a_clock_that_stands_still_is_not_on_the_docket(desk: Bureau) -> None:
    who = operator("yuyao", 1)
    case = in_review(desk, who)
    assert [item.timer for item in items(desk)] == ["review_due"]
    act(desk, case, "return_for_correction", "tech_clerk", who)
    assert [item.timer for item in items(desk)] == ["correction_due"]


def test_what_is_overdue_stands_first(bureau: Bureau) -> None:
    late = in_review(bureau, operator("yuyao", 1))
    bureau.on(date(2021, 4, 6))
    early = in_correction(bureau, operator("yuyao", 2))
    bureau.workflow.tick()
    assert [(item.case, item.overdue) for item in items(bureau)] == [(late, True), (early, False)]


def test_an_overdue_clock_that_nags_nobody_is_still_on_the_docket(tmp_path: Path) -> None:
    folder = tmp_path / "yuyao" / "2020-01-01"
    shutil.copytree(states_dir() / "yuyao" / "2020-01-01", folder)
    machine = folder / "machines" / "application.toml"
    before, _, after = machine.read_text("utf-8").partition("[timer.escalation]")
    machine.write_text(before + after[after.index("[[timer]]") :], "utf-8")
    policy = folder / "policy.toml"
    sent = [line for line in policy.read_text("utf-8").splitlines() if not line.startswith("work_overdue")]
    policy.write_text("\n".join(sent), "utf-8")
    bureau = Bureau("sqlite://")
    bureau.workflow.close()
    bureau.workflow = Workflow("sqlite://", states=[tmp_path], clock=bureau.clock, create=True)
    case = in_review(bureau, operator("yuyao", 1))
    in_review(bureau, operator("cixi", 2))
    bureau.on(date(2021, 6, 1)).workflow.tick()
    assert not [alarm for alarm in bureau.workflow.case(case).alarms if alarm["outcome"] == "armed"]
    found = {item.case: item for item in items(bureau)}
    assert len(found) == 2
    assert found[case].next_alarm is None
    assert found[case].event_label == "已逾期，只记载逾期，不作决定"
    in_review(bureau, operator("yuyao", 3))
    assert len(items(bureau, days=5)) == 2, "it stands in the same state, but has time"
    bureau.workflow.close()


# ---- what it says ----------------------------------------------------------------------------------------------------


def test_it_says_for_whom_under_which_article_and_where_the_case_ends(bureau: Bureau) -> None:
    case = in_correction(bureau)
    (item,) = items(bureau.on(date(2021, 3, 12)))
    assert (item.due, item.days_left, item.working_days_left) == (date(2021, 3, 22), 10, 6)
    assert (item.overdue, item.provisional) == (False, False)
    assert (item.case, item.operator, item.city_label) == (case, "yuyao第1家", "余姚市")
    assert (item.type_label, item.state_label, item.timer_label) == ("众创空间", "补正中", "补正期限")
    assert (item.article, item.status, item.status_label) == ("第八条", "house_default", "办公惯例（待确认）")
    assert (item.side, item.responsible, item.who) == ("applicant", ("applicant",), "申报主体")
    assert item.proof == bureau.workflow.case(case).clocks["correction_due"].in_words("个工作日")
    assert item.proof.endswith("至2021年3月22日24时止")
    assert item.next_alarm is not None
    assert (item.next_alarm.label, item.next_alarm.on) == ("期限提醒", date(2021, 3, 17))
    assert (item.event, item.event_label) == ("correction_overdue", "补正期限届满")
    assert (item.ends.state, item.ends.on, item.ends.final) == ("lapsed", date(2021, 3, 23), True)
    assert item.ends.words == "2021年3月23日起“逾期未补正，视为撤回”"
    assert [step.event_label for step in item.ends.steps] == ["补正期限届满"]


def test_on_the_last_day_itself_nothing_is_overdue(desk: Bureau) -> None:
    in_correction(desk)
    (item,) = items(desk.on(date(2021, 3, 22)))
    assert (item.overdue, item.days_left, item.working_days_left) == (False, 0, 0)
    desk.on(date(2021, 3, 23))
    (item,) = items(desk)
    assert (item.overdue, item.days_left, item.working_days_left) == (True, -1, -1)


def test_the_office_is_only_nagged_and_the_case_waits_for_a_person(desk: Bureau) -> None:
    who = operator("yuyao", 1)
    case = in_review(desk, who)
    act(desk, case, "pass_preliminary", "tech_clerk", who)
    desk.on(date(2021, 4, 6)).workflow.tick()
    (item,) = items(desk)
    assert (item.due, item.days_left, item.working_days_left) == (date(2021, 3, 22), -15, -10)
    assert item.who == "科技局负责人、财政局"
    assert (item.event, item.event_label) == ("", "已逾期，只催办，不作决定")
    assert item.next_alarm is not None
    assert (item.next_alarm.label, item.next_alarm.on > date(2021, 4, 6)) == ("逾期催办", True)
    assert (item.ends.state, item.ends.on, item.ends.steps) == ("joint_finance_review", None, ())
    assert item.ends.words == "仍为“科技局、财政局联合审核”，须由人决定"


def test_a_ban_is_nobodys_work_and_changes_no_state(desk: Bureau) -> None:
    who = operator("yuyao", 1)
    act(desk, submitted(desk, who), "find_fraud", "tech_lead", who)
    assert items(desk, days=729) == ()
    (item,) = items(desk, days=730)
    assert (item.due, item.responsible, item.who) == (date(2023, 3, 1), (), "届满即止")
    assert item.ends.words == "2023年3月2日起禁止申报期满，仍为“取消评审资格”"


def test_an_end_that_nobody_has_noticed_yet_is_told_and_left_to_the_tick(bureau: Bureau) -> None:
    case = in_correction(bureau)
    bureau.on(date(2021, 4, 1))
    (item,) = items(bureau)
    assert (item.overdue, item.state, item.event_label) == (True, "correction", "补正期限届满（已届满，待巡检记载）")
    assert (item.ends.state, item.ends.on) == ("lapsed", date(2021, 3, 23))
    assert bureau.state(case) == "correction"
    bureau.workflow.tick()
    assert items(bureau) == ()
    assert (bureau.state(case), bureau.workflow.case(case).timeline[-1].legal_on) == ("lapsed", item.ends.on)


def test_a_day_beyond_the_known_calendar_is_provisional(desk: Bureau) -> None:
    desk.on(date(2060, 3, 1))
    in_correction(desk)
    (item,) = items(desk)
    assert item.provisional
    assert "暂定" in item.proof


# ---- who sees what ---------------------------------------------------------------------------------------------------


def test_everybody_sees_the_docket_of_the_cases_they_may_see(bureau: Bureau) -> None:
    one, two = in_correction(bureau, operator("yuyao", 1)), in_review(bureau, operator("yuyao", 2))
    three = in_review(bureau, operator("cixi", 3))

    def seen(reader: Actor | None, city: str = "") -> set[str]:
        return {item.case for item in items(bureau, reader=reader, city=city)}

    assert seen(None) == seen(bureau.auditor) == {one, two, three}
    assert seen(None, "cixi") == seen(bureau.auditor, "cixi") == {three}
    assert seen(bureau.clerk) == seen(bureau.finance) == {one, two}
    assert seen(bureau.clerk, "cixi") == set()
    assert seen(operator("yuyao", 2)) == {two}
    assert seen(operator("yuyao", 9)) == set()
    assert seen(Actor.of("nobody", "applicant", "yuyao")) == set()


# ---- the years after recognition -------------------------------------------------------------------------------------


def on_the_road(bureau: Bureau, city: str, road: Road, days: int = 3650) -> list[Item]:
    """What stands on the docket of the case that a road ends with, on the day of arrival."""
    *_, case = all_at_their_time(bureau, assess(bureau, city), walk(bureau, city, 1, road))
    return [item for item in items(bureau.on(START), days) if item.case == case]


def test_a_rectification_is_the_operators_and_ends_with_a_person(desk: Bureau) -> None:
    found, later = on_the_road(desk, "cixi", Road("rectification", FAILED, CIXI, EARLY))
    assert (found.timer, found.due, found.who) == ("rectification_due", date(2023, 2, 28), "申报主体")
    assert (found.event, found.ends.state, found.ends.final) == ("rectification_overdue", "recheck", False)
    assert found.ends.words == "2023年3月1日起“整改复核中”，须由人决定", "what happens later leaves it there"
    assert found.next_alarm
    assert found.next_alarm.on == date(2023, 1, 29), "30 days before, a Sunday on which offices work"
    assert (later.timer, later.due, later.who) == ("assessment_missing", date(2024, 12, 31), "科技局负责人")


def test_a_recheck_is_the_clerks_and_only_nagged(desk: Bureau) -> None:
    words = (*FAILED, "start", "report_rectification:applicant")
    found, _ = on_the_road(desk, "cixi", Road("recheck", words, CIXI, EARLY))
    assert (found.timer, found.due, found.who) == ("recheck_due", date(2023, 2, 6), "科技局经办人")
    assert found.event_label == "只催办，不作决定"


def test_an_unreported_change_is_the_operators_and_decides_nothing(desk: Bureau) -> None:
    words = (*RECOGNISED, "+change record_change:tech_clerk")
    [found] = on_the_road(desk, "yuyao", Road("unreported", words, YUYAO))
    assert (found.timer, found.due, found.side) == ("change_report_due", date(2023, 1, 30), "applicant")
    assert found.event_label == "只记载逾期，不作决定"
    assert found.ends.words == "仍为“已变更，未报告”，须由人决定"
    desk.on(date(2023, 2, 20)).workflow.tick()
    [late] = items(desk)
    assert late.overdue
    assert late.event_label == "已逾期，只记载逾期，不作决定"


def test_a_stay_is_the_operators_and_ends_in_an_overstay(desk: Bureau) -> None:
    words = (*RECOGNISED, "+tenancy admit:applicant")
    [found] = on_the_road(desk, "yuyao", Road("incubating", words, YUYAO))
    assert (found.timer, found.due, found.who) == ("incubation_limit", date(2024, 5, 31), "申报主体")
    assert found.ends.words == "2024年6月1日起“超期在孵”，须由人决定"
    assert found.type_label == "众创空间"


def test_in_an_open_round_nothing_falls_due_by_itself(desk: Bureau) -> None:
    assert on_the_road(desk, "yuyao", Road("under_assessment", GRADED, YUYAO, EARLY)) == []


def test_more_cases_are_not_more_questions_to_the_database() -> None:
    database = Database.open("sqlite://")
    bureau = Bureau("sqlite://")
    bureau.workflow.close()
    bureau.workflow = Workflow(database, clock=bureau.clock, create=True)
    asked: list[str] = []
    with database.reading() as tx:
        connection: Any = tx.connection.connection.driver_connection

    def questions() -> int:
        asked.clear()
        connection.set_trace_callback(asked.append)
        items(bureau)
        connection.set_trace_callback(None)
        return len(asked)

    in_correction(bureau, operator("yuyao", 1))
    few = questions()
    for number in range(2, 12):
        in_correction(bureau, operator("yuyao", number))
        in_review(bureau, operator("cixi", 100 + number))
    assert len(items(bureau)) == 21
    assert questions() == few
    bureau.workflow.close()


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_a_docket_without_an_end_in_sight_is_refused(desk: Bureau, days: int) -> None:
    with pytest.raises(WorkflowError, match=f"1 to 3650 days ahead, not {days}"):
        desk.workflow.docket(days=days)


def test_an_unknown_city_is_no_empty_docket(desk: Bureau) -> None:
    with pytest.raises(NotFound, match="no policy pack for 'nowhere'; there are: cixi, yuyao"):
        desk.workflow.docket(city="nowhere")


# ---- as a calendar file ----------------------------------------------------------------------------------------------


def events_of(content: bytes) -> list[icalendar.Event]:
    """The events of a calendar file, read by somebody else's rules."""
    calendar = icalendar.Calendar.from_ical(content)
    assert isinstance(calendar, icalendar.Calendar)
    assert (str(calendar["version"]), str(calendar["method"])) == ("2.0", "PUBLISH")
    assert {part.name for part in calendar.walk()} <= {"VCALENDAR", "VEVENT"}, "the program reminds by itself"
    return calendar.events


def test_each_clock_is_one_event_on_the_whole_of_its_last_day(desk: Bureau) -> None:
    case = in_correction(desk)
    in_review(desk, operator("yuyao", 2))
    desk.on(date(2021, 3, 12))
    content = to_ics(desk.workflow.docket())
    assert all(len(line) <= 75 for line in content.split(b"\r\n")), "RFC 5545, 3.1"
    event, other = events_of(content)
    first, behind, stamp = event.DTSTART, event.DTEND, event.DTSTAMP
    assert (first, behind, stamp) == (date(2021, 3, 22), date(2021, 3, 23), desk.clock.now())
    assert not isinstance(first, datetime)
    assert str(event["summary"]) == "补正期限：yuyao第1家"
    assert str(event["status"]) == "CONFIRMED"
    (item, _) = items(desk)
    told = str(event["description"]).split("\n")
    assert f"案件：{case}（余姚市，众创空间）" in told
    assert f"计算：{item.proof}" in told
    assert "依据：第八条，办公惯例（待确认）" in told
    assert "2021年3月22日24时：补正期限届满" in told
    assert "无人办理的结局：2021年3月23日起“逾期未补正，视为撤回”" in told
    assert str(other["uid"]) != str(event["uid"])


def test_a_clock_keeps_its_event_from_day_to_day_and_its_next_run_is_another(desk: Bureau) -> None:
    who = operator("yuyao", 1)
    case = in_correction(desk, who)
    uids = []
    for day in (2, 5):
        uids += [str(event["uid"]) for event in events_of(to_ics(desk.on(date(2021, 3, day)).workflow.docket()))]
    act(desk, case, "resubmit", "applicant", who)
    act(desk, case, "return_for_correction", "tech_clerk", who)
    uids += [str(event["uid"]) for event in events_of(to_ics(desk.workflow.docket()))]
    assert uids == [f"{case}.correction_due.{n}@kjfh-workflow" for n in (1, 1, 2)]


def test_a_provisional_day_is_tentative(desk: Bureau) -> None:
    desk.on(date(2060, 3, 1))
    in_correction(desk)
    (event,) = events_of(to_ics(desk.workflow.docket()))
    assert (str(event["status"]), str(event["summary"])) == ("TENTATIVE", "补正期限（暂定）：yuyao第1家")


def test_a_name_with_signs_of_its_own_survives_the_file(desk: Bureau) -> None:
    who = Actor.of("odd", "applicant", "yuyao", name="甲,乙;丙\\丁：戊" * 6, uscc=operator("yuyao", 1).uscc)
    in_correction(desk, who)
    (event,) = events_of(to_ics(desk.workflow.docket()))
    assert str(event["summary"]) == f"补正期限：{who.name}"


def test_an_empty_docket_is_an_empty_calendar(desk: Bureau) -> None:
    assert events_of(to_ics(desk.workflow.docket())) == []


# ---- on the command line ---------------------------------------------------------------------------------------------

Kjfh = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kjfh(
    capsysbinary: pytest.CaptureFixture[bytes], sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Kjfh:
    """The command on a database with a case of each city, on 2021-03-12: (exit code, output, error)."""
    for name in [name for name in os.environ if name.startswith("KJFH_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    bureau = Bureau(sqlite_url)
    in_correction(bureau)
    in_review(bureau, operator("cixi", 2))
    bureau.workflow.close()
    monkeypatch.setattr(SystemClock, "now", lambda _: office_hour(date(2021, 3, 12)))

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            main(["--db", sqlite_url, "docket", *words])
        out, err = capsysbinary.readouterr()
        assert isinstance(exit_.value.code, int)
        return exit_.value.code, out.decode(), err.decode()

    return run


def columns(line: str) -> int:
    """How wide a line is on the screen."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in line.rstrip())


def test_the_table_fits_a_screen_and_says_what_matters(kjfh: Kjfh) -> None:
    code, out, _ = kjfh()
    assert code == 0
    assert max(columns(line) for line in out.splitlines()) <= 160
    assert "日程：2021-03-12至2021-06-10，共2项" in out
    for words in (
        "2021-03-22",
        "余10日（6个工作日）",
        "yuyao第1家",
        "补正期限",
        "申报主体",
        "第八条",
        "只催办，不作决定",
    ):
        assert words in out


def test_an_empty_table_says_so(kjfh: Kjfh) -> None:
    assert kjfh("--days", "1") == (0, "2021-03-12至2021-03-13没有到期的期限，也没有逾期的期限\n", "")


def test_json_carries_everything(kjfh: Kjfh) -> None:
    code, out, _ = kjfh("--city", "yuyao", "--json")
    data = json.loads(out)
    assert (code, data["today"], data["until"]) == (0, "2021-03-12", "2021-06-10")
    (item,) = data["items"]
    assert {*item} == {*Item.__slots__}
    assert item["due"] == "2021-03-22"
    assert item["ends"]["steps"][0]["on"] == "2021-03-23"
    assert item["responsible"] == ["applicant"]


def test_a_reader_gets_the_docket_of_what_is_theirs(kjfh: Kjfh) -> None:
    own = ("--as", "op", "--role", "applicant", "--uscc", operator("yuyao", 1).uscc, "--city", "yuyao")
    assert [item["operator"] for item in json.loads(kjfh(*own, "--json")[1])["items"]] == ["yuyao第1家"]
    clerk = ("--as", "c", "--role", "tech_clerk", "--city", "cixi")
    assert [item["operator"] for item in json.loads(kjfh(*clerk, "--json")[1])["items"]] == ["cixi第2家"]


def test_a_calendar_file_is_written_or_printed(kjfh: Kjfh, tmp_path: Path) -> None:
    code, out, _ = kjfh("--ics", "docket.ics")
    assert (code, out) == (0, "2 events written to docket.ics\n")
    written = (tmp_path / "docket.ics").read_bytes()
    assert len(events_of(written)) == 2
    code, out, _ = kjfh("--ics", "-")
    assert (code, out.encode()) == (0, written)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--days", "0"), 2, "0 is not in the range 1<=x<=3650"),
        (("--days", "3651"), 2, "3651 is not in the range"),
        (("--days", "soon"), 2, "'soon' is not a valid integer"),
        (("--ics", "-", "--json"), 2, "one output at a time"),
        (("--as", "c"), 2, "--as, --role and --city go together"),
        (("--role", "tech_clerk", "--city", "yuyao"), 2, "--as, --role and --city go together"),
        (("--uscc", "91330281MA2B00001P"), 2, "it goes with --as"),
        (("--as", "c", "--role", "applicant", "--city", "yuyao"), 2, "an applicant needs --uscc"),
        (("--as", "c", "--role", "king", "--city", "yuyao"), 2, "unknown role 'king'"),
        (("--city", "nowhere"), 3, "there is no policy pack for 'nowhere'"),
        (("--ics", "no/such/folder.ics"), 5, "no/such/folder.ics: No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_said(kjfh: Kjfh, words: tuple[str, ...], code: int, said: str) -> None:
    ran = kjfh(*words)
    assert (ran[0], ran[1]) == (code, "")
    assert said in ran[2]
