"""A primary that is lost and a standby that takes over: what was acknowledged is there, and nothing is doubled."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import text

from kjfh_workflow import Outcome
from kjfh_workflow.errors import Unavailable, WorkflowError
from kjfh_workflow.store.database import Database
from tests.bureau import Bureau
from tests.postgres_pair import Pair, paired
from tests.test_run import eventually, running

_CLIENTS = 2


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A primary and its standby."""
    with paired() as made:
        yield made


class Clerks:
    """Client processes, and all that they were acknowledged."""

    def __init__(self, url: str) -> None:
        self.acknowledged: list[dict[str, Any]] = []
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.stubborn_clerk", url, str(number)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for number in range(1, _CLIENTS + 1)
        ]  # fmt: skip
        self._listeners = [Thread(target=self._listen, args=(process,)) for process in self._processes]
        for listener in self._listeners:
            listener.start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.acknowledged.append(json.loads(line))

    def finish(self) -> list[str]:
        """Let each end its case at hand; returns what they complained of."""
        complaints = []
        for process in self._processes:
            assert process.stdin is not None
            assert process.stderr is not None
            process.stdin.close()
            process.wait(60)
            complaints.append(process.stderr.read())
        for listener in self._listeners:
            listener.join()
        return complaints

    def end(self) -> None:
        """Whatever happened."""
        for process in self._processes:
            process.kill()
            process.wait()
        for listener in self._listeners:
            listener.join()
        for process in self._processes:
            for pipe in (process.stdin, process.stdout, process.stderr):
                assert pipe is not None
                pipe.close()


def test_what_was_acknowledged_is_on_the_promoted_standby_and_nothing_is_doubled(pair: Pair) -> None:
    with ExitStack() as stack:
        tickers = [stack.enter_context(running(pair.url)) for _ in range(2)]
        clerks = Clerks(pair.url)
        stack.callback(clerks.end)
        eventually(lambda: len(clerks.acknowledged) > 15)
        pair.primary.kill()
        before = list(clerks.acknowledged)
        time.sleep(0.5)  # nobody writes, everybody asks
        pair.standby.promote()
        assert {act["request"] for act in before} <= requests_on(pair)
        eventually(lambda: len(clerks.acknowledged) > len(before) + 15)
        assert clerks.finish() == [""] * _CLIENTS
        assert sum(act["outages"] for act in clerks.acknowledged) >= 1, "nobody noticed"

        office = Bureau(pair.url)
        stack.callback(office.workflow.close)
        submitted = [act for act in clerks.acknowledged if act["request"].startswith("submit")]
        cases = office.workflow.cases(limit=10_000)
        assert sorted(case["id"] for case in cases) == sorted(act["case"] for act in submitted)
        assert requests_on(pair) == {act["request"] for act in clerks.acknowledged}
        for act in clerks.acknowledged:
            row = office.workflow.case(act["case"]).timeline[act["version"] - 1]
            assert act["request"].startswith(row.event), act
        eventually(lambda: {case["state"] for case in office.workflow.cases(limit=10_000)} == {"lapsed"})
        assert [ticker.poll() for ticker in tickers] == [None, None]
        assert office.workflow.verify().holds


def requests_on(pair: Pair) -> set[str]:
    """The requests whose acts are on the server that was the standby."""
    found = pair.standby.execute("SELECT request_id FROM kjfh_history WHERE request_id IS NOT NULL")
    return {row[0] for row in found}


@contextmanager
def without_the_standby(pair: Pair) -> Iterator[None]:
    """It hangs; whoever commits waits for it."""
    pair.standby.freeze()
    try:
        yield
    finally:
        pair.standby.thaw()


def begun(pair: Pair, act: Callable[[], object]) -> tuple[Thread, list[object]]:
    """Somebody acts, and waits for the standby; the list is empty until they are answered."""
    told: list[object] = []

    def run() -> None:
        try:
            told.append(act())
        except Unavailable as error:
            told.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    eventually(lambda: pair.primary.execute(waits)[0][0] > 0)
    return thread, told


def cut_short(pair: Pair, act: Callable[[], object]) -> object:
    """What somebody is told whose wait for the standby an administrator ends: the server says yes, and warns."""
    thread, told = begun(pair, act)
    assert told == [], "it is answered only when the standby has it"
    pair.primary.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    thread.join(60)
    return told[0]


def test_an_act_whose_wait_for_the_standby_was_cut_short_is_not_called_done(pair: Pair) -> None:
    office = Bureau(pair.url)
    case = office.reviewed()

    def withdraw() -> Outcome:
        return office.workflow.perform(case, "withdraw", by=office.operator, request_id="withdraw-1")

    with without_the_standby(pair):
        assert isinstance(cut_short(pair, withdraw), Unavailable)
        assert isinstance(cut_short(pair, office.workflow.checkpoint), Unavailable), "what is no act on a case, too"
        thread, told = begun(pair, withdraw)
        assert told == [], "the same request waits for the standby anew"
    thread.join(60)
    assert told == [withdraw()]
    standby = Bureau(pair.standby.url, create=False)
    assert standby.state(case) == "withdrawn"
    with pytest.raises(Unavailable, match="read-only"):
        standby.submit()
    standby.workflow.close()
    pair.fail_over()
    with pytest.raises(Unavailable):
        office.workflow.verify()
    assert office.state(case) == "withdrawn"
    assert office.workflow.verify().holds
    office.workflow.close()


def test_a_url_that_names_its_servers_otherwise_is_no_url() -> None:
    with pytest.raises(WorkflowError, match="not a database URL"):
        Database.open("postgresql://kjfh@a:5432,b:5432/kjfh")


def test_what_an_operator_says_in_the_url_comes_before_the_program(postgres_url: str) -> None:
    engine = Database.open(f"{postgres_url}&connect_timeout=3&options=-c%20statement_timeout%3D7s").engine
    said = engine.dialect.create_connect_args(engine.url)[1]
    assert said["connect_timeout"] == "3"
    with engine.connect() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "7s"
    engine.dispose()
