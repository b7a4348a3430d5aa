"""Two people at once, many processes at once, and a process killed at any point: one wins, nothing is half done."""

from __future__ import annotations

import io
import json
import multiprocessing
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date

import pytest
from sqlalchemy import create_engine

from kjfh_workflow import Actor, Conflict, Outcome, Refused
from kjfh_workflow.casework.rounds import Round
from kjfh_workflow.store.history import Row
from tests.bureau import MATERIALS, Bureau, facts, uscc
from tests.busy_office import work


def at_once(*acts: Callable[[], Outcome | Round]) -> list[Outcome | Round | Exception]:
    """Run each act in a thread of its own, started together."""
    gate = threading.Barrier(len(acts))
    results: list[Outcome | Round | Exception] = [Conflict() for _ in acts]

    def run(index: int, act: Callable[[], Outcome | Round]) -> None:
        gate.wait()
        try:
            results[index] = act()
        except (Refused, Conflict) as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index, act)) for index, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def won(results: list[Outcome | Round | Exception]) -> list[Outcome]:
    """The acts that were done."""
    return [result for result in results if isinstance(result, Outcome)]


def test_of_two_opposite_acts_exactly_one_is_done(bureau: Bureau, database_url: str) -> None:
    other = Bureau(database_url)
    for _ in range(5):
        case = bureau.reviewed()
        results = at_once(
            lambda case=case: bureau.act(case, "withdraw", bureau.operator),  # type: ignore[misc]
            lambda case=case: other.act(case, "reject", other.lead, reason="不符合条件"),  # type: ignore[misc]
        )
        assert len(won(results)) == 1
        assert won(results)[0].state == bureau.state(case)
        assert len(bureau.workflow.case(case).timeline) == 3
    assert bureau.workflow.verify().holds
    other.workflow.close()


def test_both_departments_endorsing_at_once_recognise_once(bureau: Bureau, database_url: str) -> None:
    other = Bureau(database_url)
    case = bureau.passed()
    results = at_once(
        lambda: bureau.act(case, "endorse", bureau.lead), lambda: other.act(case, "endorse", other.finance)
    )
    assert len(won(results)) == 2
    assert sum(len(outcome.opened) for outcome in won(results)) == 1
    assert bureau.state(case) == "recognized"
    assert bureau.workflow.verify().holds
    other.workflow.close()


def test_an_operator_submitting_twice_at_once_has_one_application(bureau: Bureau, database_url: str) -> None:
    offices = [Bureau(database_url) for _ in range(4)]
    results = at_once(*(office.submit for office in offices))
    assert len(won(results)) == 1
    refused = [result for result in results if isinstance(result, Refused)]
    assert {code for refusal in refused for code in refusal.codes} == {"open_application_exists"}
    assert len(refused) == 3
    assert len(bureau.workflow.cases()) == 1
    for office in offices:
        office.workflow.close()


def test_a_submission_and_a_ban_at_once_queue_up(bureau: Bureau, database_url: str) -> None:
    other = Bureau(database_url)
    case = bureau.submit().case
    bureau.act(case, "withdraw", bureau.operator)
    results = at_once(lambda: bureau.act(case, "find_fraud", bureau.lead, finding="虚报"), other.submit)
    fraud, submission = results
    assert isinstance(fraud, Outcome)
    if isinstance(submission, Refused):
        assert submission.codes == ("banned",)
    else:
        assert isinstance(submission, Outcome)
        rows = [row.event for row in exported(bureau)]
        assert rows.index("submit", 1) < rows.index("find_fraud"), "nobody submits behind its own ban"
    assert bureau.workflow.verify().holds
    other.workflow.close()


def exported(bureau: Bureau) -> list[Row]:
    """All history in the order of writing."""
    out = io.StringIO()
    bureau.workflow.export(out)
    return [Row.from_data(data["row"]) for line in out.getvalue().splitlines() if "row" in (data := json.loads(line))]


def test_threads_take_turns_on_a_database_in_memory() -> None:
    office = Bureau("sqlite://")
    results = at_once(
        *(lambda n=n: office.submit(Actor.of(f"op{n}", "applicant", "yuyao", uscc=uscc(n))) for n in range(8))
    )
    assert len(won(results)) == 8
    assert office.workflow.verify().holds
    office.workflow.close()


def test_one_request_to_open_a_case_sent_at_once_opens_one(bureau: Bureau, database_url: str) -> None:
    bureau.act(bureau.submit().case, "withdraw", bureau.operator)  # the operator is known from now on
    offices = [Bureau(database_url) for _ in range(4)]
    given = {"type": "incubator", "facts": facts(), "materials": MATERIALS["yuyao"]}
    results = at_once(
        *(
            lambda office=office: office.workflow.open_case(
                "application", "submit", by=office.operator, evidence=given, request_id="r"
            )
            for office in offices
        )
    )
    assert len({outcome.case for outcome in won(results)}) == 1
    assert len(won(results)) == 4
    for office in offices:
        office.workflow.close()


def test_the_same_request_sent_at_once_is_done_once(bureau: Bureau, database_url: str) -> None:
    case = bureau.submit().case
    offices = [Bureau(database_url) for _ in range(3)]
    results = at_once(
        *(
            lambda office=office: office.workflow.perform(case, "accept", by=office.clerk, request_id="r")
            for office in offices
        )
    )
    assert len(won(results)) == 3
    assert len({outcome.version for outcome in won(results)}) == 1
    assert len(bureau.workflow.case(case).timeline) == 2
    for office in offices:
        office.workflow.close()


def test_several_tickers_ring_each_alarm_once(bureau: Bureau, database_url: str) -> None:
    case = bureau.reviewed()
    bureau.act(case, "return_for_correction", bureau.clerk, missing=["证明"])
    offices = [Bureau(database_url, date(2021, 6, 1)) for _ in range(3)]
    gate = threading.Barrier(3)
    rung: list[int] = []

    def tick(office: Bureau) -> None:
        gate.wait()
        rung.append(office.workflow.tick().rung)

    threads = [threading.Thread(target=tick, args=(office,)) for office in offices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(rung) == 2  # the reminder and the last day
    assert bureau.state(case) == "lapsed"
    assert bureau.workflow.verify().holds
    for office in offices:
        office.workflow.close()


# ---- rounds ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def deputies(bureau: Bureau, database_url: str) -> Iterator[list[Bureau]]:
    """The same office, three more times: other people at other machines."""
    offices = [Bureau(database_url) for _ in range(3)]
    yield offices
    for office in offices:
        office.workflow.close()


def titles(bureau: Bureau, how_many: int, first: int = 1) -> list[str]:
    """Titles of Yuyao that are older than the system."""
    return [
        bureau.workflow.open_case(
            "incubator",
            "register_title",
            by=bureau.lead,
            evidence={
                "name": f"第{number}家", "uscc": uscc(number), "type": "incubator", "level": "local",
                "decided_on": date(2020, 5, 6), "document_no": f"余科〔2020〕{number}号", "township": "一镇",
            },
        ).case
        for number in range(first, first + how_many)
    ]  # fmt: skip


def proposed(bureau: Bureau, how_many: int, grade: str = "good") -> list[str]:
    """As many titles under assessment for 2021, each with a grade."""
    members = titles(bureau, how_many)
    bureau.workflow.rounds.open("yuyao", 2021, by=bureau.lead)
    for case in members:
        bureau.act(case, "propose_grade", bureau.clerk, grade=grade)
    return members


def events(bureau: Bureau, case: str) -> list[str]:
    """What has happened to a case."""
    return [row.event for row in bureau.workflow.case(case).timeline]


def refused_codes(results: list[Outcome | Round | Exception]) -> set[str]:
    """Why those who lost were refused; an error if somebody met anything else."""
    lost = [result for result in results if not isinstance(result, (Outcome, Round))]
    assert all(isinstance(error, Refused) for error in lost), lost
    return {code for error in lost if isinstance(error, Refused) for code in error.codes}


def test_of_leaders_who_open_a_round_at_once_one_does_and_nothing_is_doubled(
    bureau: Bureau, deputies: list[Bureau]
) -> None:
    members = titles(bureau, 12)
    results = at_once(
        *(lambda office=office: office.workflow.rounds.open("yuyao", 2021, by=office.lead) for office in deputies)
    )
    [opened] = [result for result in results if isinstance(result, Round)]
    assert (opened.members, sum(opened.titles.values())) == (12, 12)
    assert refused_codes(results) == {"round_exists"}
    assert [made.act for made in bureau.workflow.rounds.history("yuyao")] == ["open_round"]
    assert bureau.workflow.rounds.roster("yuyao", 2021) == sorted(members)
    for case in members:
        assert events(bureau, case) == ["register_title", "open_round"]
        assert [row["notice"] for row in bureau.workflow.case(case).notices] == ["round_opened"]
    assert bureau.workflow.verify().holds


def test_of_leaders_who_close_a_round_at_once_one_does_and_no_award_is_doubled(
    bureau: Bureau, deputies: list[Bureau]
) -> None:
    members = proposed(bureau, 12)
    results = at_once(
        *(lambda office=office: office.workflow.rounds.close("yuyao", 2021, by=office.lead) for office in deputies)
    )
    assert len([result for result in results if isinstance(result, Round)]) == 1
    assert refused_codes(results) == {"round_not_open"}
    assert [made.act for made in bureau.workflow.rounds.history("yuyao")] == ["open_round", "close_round"]
    for case in members:
        view = bureau.workflow.case(case)
        assert [row.event for row in view.timeline].count("close_round") == 1
        assert [*view.case.memory["grades"]] == ["2021"]
        assert [row["notice"] for row in view.notices].count("grade_announced") == 1
    money = bureau.workflow.ledger.table("yuyao").rows
    assert sorted(row["case"] for row in money) == sorted(members), "one award each"
    numbers = [row["number"] for case in members for row in bureau.workflow.case(case).notices if row["number"]]
    assert sorted(numbers) == sorted(f"余科孵〔2021〕{number}号" for number in range(1, 13))
    assert bureau.workflow.verify().holds


def test_rounds_of_two_years_opened_at_once_share_no_member(bureau: Bureau, deputies: list[Bureau]) -> None:
    members = titles(bureau, 6)
    one, other, _ = deputies
    results = at_once(
        lambda: one.workflow.rounds.open("yuyao", 2020, by=one.lead),
        lambda: other.workflow.rounds.open("yuyao", 2021, by=other.lead),
    )
    assert all(isinstance(result, Round) for result in results)
    rosters = [bureau.workflow.rounds.roster("yuyao", year) for year in (2020, 2021)]
    assert sorted([*rosters[0], *rosters[1]]) == sorted(members)
    for case in members:
        assert bureau.workflow.case(case).case.memory["assessing"] in (2020, 2021)
    assert bureau.workflow.verify().holds


def test_a_round_that_opens_while_a_title_is_granted_takes_it_in_or_leaves_it_alone(
    bureau: Bureau, deputies: list[Bureau]
) -> None:
    titles(bureau, 5)
    case = bureau.passed()
    bureau.act(case, "endorse", bureau.finance)
    one, other, _ = deputies
    granted, opened = at_once(
        lambda: one.act(case, "endorse", one.lead),
        lambda: other.workflow.rounds.open("yuyao", 2021, by=other.lead),
    )
    assert isinstance(granted, Outcome)
    assert isinstance(opened, Round)
    title = granted.opened["incubator"]
    inside = title in bureau.workflow.rounds.roster("yuyao", 2021)
    assert bureau.state(title) == ("under_assessment" if inside else "recognized")
    assert (opened.members, sum(opened.titles.values())) == (5 + inside, 5 + inside)
    assert bureau.workflow.verify().holds


def test_a_round_that_closes_while_its_members_are_acted_on_does_each_wholly_before_or_after(
    bureau: Bureau, deputies: list[Bureau]
) -> None:
    members = proposed(bureau, 9)
    one, other, third = deputies
    lowered, lost, reporting = members[0], members[4], members[8]
    operator = Actor.of("op9", "applicant", "yuyao", uscc=uscc(9))
    results = at_once(
        lambda: bureau.workflow.rounds.close("yuyao", 2021, by=bureau.lead),
        lambda: one.act(lowered, "propose_grade", one.clerk, grade="qualified"),
        lambda: other.act(lost, "propose_revocation", other.clerk, ground="造假", article="第十四条"),
        lambda: third.act(reporting, "report_year", operator, report={"在孵企业": 12}),
    )
    assert isinstance(results[0], Round)
    assert refused_codes(results) <= {"not_allowed_from_state"}, "who came after the closing finds the year over"
    for case in members:
        view = bureau.workflow.case(case)
        done = [row.event for row in view.timeline]
        assert done.count("close_round") == 1
        closed = done.index("close_round")
        last = [row for row in view.timeline[:closed] if row.event == "propose_grade"][-1]
        final = view.case.memory["grades"]["2021"]
        if "propose_revocation" in done[:closed]:
            assert (final["grade"], final["reason"]) == ("not_graded", "left_round")
        else:
            assert final["grade"] == json.loads(last.evidence)["grade"]
        assert [event for event in done[closed:] if event in ("propose_grade", "report_year")] == []
    assert bureau.state(lost) == "revocation_proposed", "before the round or after it, the proposal stands"
    assert bureau.workflow.verify().holds


def test_a_title_is_surrendered_or_in_the_round_that_opens(bureau: Bureau, deputies: list[Bureau]) -> None:
    members = titles(bureau, 5)
    one, other, _ = deputies
    operator = Actor.of("op3", "applicant", "yuyao", uscc=uscc(3))
    surrendered, opened = at_once(
        lambda: one.act(members[2], "surrender", operator),
        lambda: other.workflow.rounds.open("yuyao", 2021, by=other.lead),
    )
    assert isinstance(opened, Round)
    gone = isinstance(surrendered, Outcome)
    assert gone or refused_codes([surrendered]) == {"not_allowed_from_state"}
    assert bureau.state(members[2]) == ("surrendered" if gone else "under_assessment")
    assert opened.members == sum(opened.titles.values()) == 5 - gone
    assert bureau.workflow.verify().holds


def test_one_request_for_a_round_sent_at_once_is_done_once_and_answered_every_time(
    bureau: Bureau, deputies: list[Bureau]
) -> None:
    members = titles(bureau, 4)

    def asked(act: str) -> list[Outcome | Round | Exception]:
        desks = [(getattr(office.workflow.rounds, act), office.lead) for office in deputies]
        return at_once(*(lambda do=do, by=by: do("yuyao", 2021, by=by, request_id=act) for do, by in desks))

    opened = asked("open")
    for case in members:
        bureau.act(case, "propose_grade", bureau.clerk, grade="good")
    closed = asked("close")
    for answers in (opened, closed):
        assert all(isinstance(answer, Round) for answer in answers), answers
        assert all(answer == answers[0] for answer in answers)
    assert bureau.workflow.rounds.history("yuyao") == [opened[0], closed[0]]
    assert bureau.workflow.verify().holds


def test_closing_a_round_waits_for_who_acts_on_a_title_outside_it(postgres_url: str) -> None:
    bureau, host = Bureau(postgres_url), Bureau(postgres_url)
    engine = create_engine(postgres_url)
    proposed(bureau, 2)
    [outside] = titles(bureau, 1, first=50)
    done: list[Outcome | Round | Exception] = []
    closing = threading.Thread(
        target=lambda: done.extend(at_once(lambda: bureau.workflow.rounds.close("yuyao", 2021, by=bureau.lead)))
    )
    try:
        with engine.begin() as connection:  # a host's transaction: an act without a number, then one with the next
            host.workflow.open_case(
                "change", "record_change", by=bureau.clerk, parent=outside, connection=connection,
                evidence={"what": ["site"], "occurred_on": date(2021, 2, 20)},
            )  # fmt: skip
            closing.start()
            closing.join(1.0)
            assert closing.is_alive(), "it waits"
            ground = {"ground": "造假", "article": "第十四条"}
            host.workflow.perform(
                outside, "propose_revocation", by=bureau.clerk, evidence=ground, connection=connection
            )
        closing.join()
        assert [type(result) for result in done] == [Round], done
        assert bureau.state(outside) == "revocation_proposed"
        assert bureau.workflow.verify().holds
    finally:
        closing.join()
        for office in (bureau, host):
            office.workflow.close()
        engine.dispose()


def test_killed_at_any_point_leaves_all_or_nothing(bureau: Bureau, database_url: str) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([work.__module__])
    for _ in range(8):
        done, told = forks.Pipe(duplex=False)
        process = forks.Process(target=work, args=(database_url, told))
        process.start()
        told.close()
        assert done.recv(), "it has done one whole case"
        time.sleep(chance.uniform(0.0, 0.4))
        process.kill()
        process.join()
        report = bureau.workflow.verify()
        assert report.holds, report.problems
    assert report.rows > 50, "the office did some work before it was killed"
