"""Two people at once, many processes at once, and a process killed at any point: one wins, nothing is half done."""

from __future__ import annotations

import io
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from kjfh_workflow import Actor, Conflict, Outcome, Refused
from kjfh_workflow.store.history import Row
from tests.bureau import MATERIALS, Bureau, facts, uscc

ROOT = Path(__file__).parent.parent


def at_once(*acts: Callable[[], Outcome]) -> list[Outcome | Exception]:
    """Run each act in a thread of its own, started together."""
    gate = threading.Barrier(len(acts))
    results: list[Outcome | Exception] = [Conflict() for _ in acts]

    def run(index: int, act: Callable[[], Outcome]) -> None:
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


def won(results: list[Outcome | Exception]) -> list[Outcome]:
    """Those that were done."""
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


def test_killed_at_any_point_leaves_all_or_nothing(bureau: Bureau, database_url: str) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.busy_office", database_url], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()  # it has done one whole case
        time.sleep(chance.uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        report = bureau.workflow.verify()
        assert report.holds, report.problems
    assert report.rows > 50, "the office did some work before it was killed"
