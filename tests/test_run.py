"""``kjfh run`` as a process: it rings, delivers, outlives its database and stops when told to."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from kjfh_workflow import Workflow, scheduler
from kjfh_workflow.errors import Unavailable
from kjfh_workflow.scheduler import Runner
from tests.bureau import Bureau

#: Long enough for the slowest machine; nothing is asserted about how long it took.
_PATIENCE = 60.0


@contextmanager
def running(url: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """``kjfh run`` on a database."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kjfh_workflow.cli", "--db", url, "run", "--sleep", "0.2", "--look", "0.2", *options],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.1)


def overdue(url: str) -> tuple[Bureau, str]:
    """A case whose correction was due in 2021."""
    office = Bureau(url)
    case = office.reviewed()
    office.act(case, "return_for_correction", office.clerk, missing=["证明"])
    return office, case


def test_it_rings_what_fell_due_while_nothing_ran_and_stops_when_told_to_not_when_hung_up_on(
    database_url: str,
) -> None:
    office, case = overdue(database_url)
    with running(database_url) as process:
        eventually(lambda: office.state(case) == "lapsed")
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 0
    assert "2 rang" in told
    assert " d " in told, "it says how late it was"
    assert told.rstrip().endswith("stopped")
    assert office.workflow.verify().holds
    office.workflow.close()


def test_it_outlives_a_restart_of_its_database(restartable_postgres: tuple[str, Callable[[], None]]) -> None:
    url, restart = restartable_postgres
    office = Bureau(url)
    office.workflow.close()
    with running(url) as process:
        for number in range(3):
            restart()
            office, case = overdue_again(url, number)
            eventually(lambda office=office, case=case: office.state(case) == "lapsed")  # type: ignore[misc]
            office.workflow.close()
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=_PATIENCE) == 0


def test_it_waits_for_a_database_that_is_not_there_yet(restartable_postgres: tuple[str, Callable[..., None]]) -> None:
    url, restart = restartable_postgres
    office, case = overdue(url)
    office.workflow.close()
    with ExitStack() as stack:

        def start_without_it() -> None:
            process = stack.enter_context(running(url))
            assert process.stderr is not None
            assert "again in 1 s" in process.stderr.readline()

        restart(start_without_it)
        office = Bureau(url)
        eventually(lambda: office.state(case) == "lapsed")
        office.workflow.close()


def overdue_again(url: str, number: int) -> tuple[Bureau, str]:
    """The operator applies again each month, and is late each time."""
    office = Bureau(url, date(2021, 3, 1) + timedelta(days=60 * number))
    case = office.reviewed()
    office.act(case, "return_for_correction", office.clerk, missing=["证明"])
    return office, case


def test_a_database_that_is_away_is_waited_for_longer_each_time(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    workflow = Workflow(sqlite_url, create=True)
    tried: list[int] = []
    away = 3
    back = Event()

    def tick(*_: object) -> object:
        tried.append(1)
        if len(tried) <= away:
            raise Unavailable("the database is away")
        back.set()
        return real(lambda: False)

    real = workflow.tick
    monkeypatch.setattr(workflow, "tick", tick)
    monkeypatch.setattr(scheduler, "_FIRST_PAUSE", timedelta(milliseconds=50))
    monkeypatch.setattr(scheduler, "_LONGEST_PAUSE", timedelta(milliseconds=100))
    caplog.set_level("INFO")
    runner = Runner(workflow, longest_sleep=timedelta(seconds=30))
    thread = Thread(target=runner.run)
    thread.start()
    assert back.wait(_PATIENCE)
    runner.stop()
    thread.join()
    pauses = [record.args[2] for record in caplog.records if isinstance(record.args, tuple) and len(record.args) == 3]
    assert pauses == [0.05, 0.1, 0.1]
    assert [record.getMessage() for record in caplog.records].count("tick works again") == 1
    workflow.close()


def test_an_error_of_the_program_does_not_end_it(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = Workflow(sqlite_url, create=True)
    ticked = Event()
    calls: list[int] = []

    def tick(*_: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise KeyError("a bug")
        ticked.set()
        return real(lambda: False)

    real = workflow.tick
    monkeypatch.setattr(workflow, "tick", tick)
    monkeypatch.setattr(scheduler, "_FIRST_PAUSE", timedelta(milliseconds=50))
    runner = Runner(workflow)
    thread = Thread(target=runner.run)
    thread.start()
    assert ticked.wait(_PATIENCE)
    runner.stop()
    thread.join()
    workflow.close()


def test_it_will_not_run_on_a_schema_that_does_not_fit(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "kjfh_workflow.cli", "--db", f"sqlite:///{tmp_path.as_posix()}/none.db", "run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 6
    assert "kjfh db upgrade" in process.stderr
