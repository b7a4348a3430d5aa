"""Keeping an office busy while its processes are killed, stopped and put on wrong clocks at random instants."""

from __future__ import annotations

import multiprocessing
import os
import random
import secrets
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess as Worker
from pathlib import Path
from tempfile import TemporaryDirectory

from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.errors import Conflict, Unavailable, WorkflowError
from kjfh_workflow.lab.invariants import Claim, check
from kjfh_workflow.lab.load import BusyOffice
from kjfh_workflow.lab.receiver import Receiver
from kjfh_workflow.lab.worker import LEASE, work
from kjfh_workflow.store import proofs
from kjfh_workflow.store.database import Database

#: The environment variable in which workers find the webhook's secret.
_SECRET_IN = "KJFH_LAB_SECRET"  # noqa: S105  (a name, no secret)
#: A worker lives at least and at most so long after it says that it runs, in seconds.
_LIFE = (0.05, 1.0)
#: Of a hundred workers: stopped for longer than any lease before they are killed; on a clock an hour off.
_STOPPED, _SKEWED = 4, 20
_HOUR = 3600.0
#: The office opens a case so often, in seconds.
_BETWEEN_CASES = 0.1
#: How long the survivors may take to finish what is left, in seconds.
_DRAIN = 300.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a run did and what held."""

    seed: int
    kills: int
    stops: int
    cases: int
    claims: list[Claim]

    @property
    def holds(self) -> bool:
        """Whether everything held."""
        return all(claim.holds for claim in self.claims)


class Conductor:
    """One run.

    Args:
        database: URL; everything in it is real afterwards, so give it a copy.
        workers: how many processes run at once.
        kills: how many of them are killed.
        seed: of all that is random; None draws one.
        meanwhile: called now and then while they are killed: a database restart.
    """

    def __init__(
        self,
        database: str,
        *,
        workers: int,
        kills: int,
        seed: int | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        self._database = database
        self._workers = workers
        self._kills = kills
        self.seed = secrets.randbelow(2**32) if seed is None else seed
        self._chance = random.Random(self.seed)  # noqa: S311  (repeatable, not secret)
        self._meanwhile = meanwhile
        self._killed = self._stopped = self._cases = 0
        self._over = threading.Event()
        # Each worker is a process of its own; what all import is imported once, in the one they are forked from.
        self._forks = multiprocessing.get_context("forkserver")
        self._forks.set_forkserver_preload([work.__module__])

    def run(self) -> Result:
        """Keep busy, kill, let the survivors finish, judge.

        Raises:
            WorkflowError: if the survivors do not finish.
        """
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="kjfh-lab-")))
            receiver = Receiver(random.Random(self.seed + 1))  # noqa: S311
            stack.callback(receiver.close)
            # Set for each anew: the process they are forked from keeps the environment that it was started in.
            self._environment = {_SECRET_IN: secrets.token_hex(16)}
            os.environ.update(self._environment)
            self._channels = folder / "channels.toml"
            self._channels.write_text(_CHANNELS.format(url=receiver.url, secret=_SECRET_IN), "utf-8")
            self._work_and_kill()
            self._drain()
            return Result(self.seed, self._killed, self._stopped, self._cases, check(self._database, receiver.received))

    def _work_and_kill(self) -> None:
        office = threading.Thread(target=self._stay_busy)
        office.start()
        try:
            killers = [
                threading.Thread(target=self._kill_one_after_the_other, args=(random.Random(self.seed + 2 + n),))  # noqa: S311
                for n in range(self._workers)
            ]
            for killer in killers:
                killer.start()
            while any(killer.is_alive() for killer in killers):
                time.sleep(1)
                if self._meanwhile and self._chance.random() < 0.1:
                    self._meanwhile()
            for killer in killers:
                killer.join()
        finally:
            self._over.set()
            office.join()

    def _stay_busy(self) -> None:
        chance = random.Random(self.seed + 1000)  # noqa: S311
        office: BusyOffice | None = None
        while not self._over.is_set():
            try:
                office = office or BusyOffice(self._database, chance)
                office.one_case()
                self._cases += 1
            except (Unavailable, Conflict):
                time.sleep(0.2)  # restarted, or busy
            time.sleep(_BETWEEN_CASES)
        if office:
            office.close()

    def _kill_one_after_the_other(self, chance: random.Random) -> None:
        for _ in range(-(-self._kills // self._workers)):
            skew = chance.choice((-_HOUR, _HOUR)) if chance.randrange(100) < _SKEWED else 0.0
            process = self._start(skew)
            time.sleep(chance.uniform(*_LIFE))
            if chance.randrange(100) < _STOPPED:
                _send(process, signal.SIGSTOP)
                time.sleep(LEASE.total_seconds() + 1)
                _send(process, signal.SIGCONT)
                time.sleep(chance.uniform(*_LIFE))
                self._stopped += 1
            _end(process)
            self._killed += 1

    def _start(self, skew: float = 0.0) -> Worker:
        for _ in range(30):
            ready, told = self._forks.Pipe(duplex=False)
            process = self._forks.Process(
                target=work, args=(self._database, str(self._channels), skew, self._environment, told)
            )
            process.start()
            told.close()
            try:
                ready.recv()
            except EOFError:  # the database is being restarted
                _end(process)
                time.sleep(1)
            else:
                return process
        raise WorkflowError("a worker does not start")

    def _is_idle(self, workflow: Workflow) -> bool:
        """Whether nothing is due and every letter has left."""
        ring = workflow.next_ring()
        if ring is not None and ring <= workflow.now():
            return False
        database = Database.open(self._database)
        try:
            with database.reading() as tx:
                return not proofs.not_sent(tx)
        finally:
            database.engine.dispose()

    def _drain(self) -> None:
        """Two workers finish what is left, then stop when told to."""
        # Where the machine's clock is all there is, those that were an hour fast have put letters off by an hour.
        skew = _HOUR if self._database.startswith("sqlite") else 0.0
        survivors = [self._start(skew) for _ in range(2)]
        workflow = Workflow(self._database, channels=self._channels)
        try:
            until = time.monotonic() + _DRAIN
            while not self._is_idle(workflow):
                if time.monotonic() > until:
                    raise WorkflowError(f"not finished after {_DRAIN:.0f} s (seed {self.seed})")
                time.sleep(0.5)
            for process in survivors:
                process.terminate()
            for process in survivors:
                process.join(timeout=60)
            codes = [process.exitcode for process in survivors]
            if any(codes):
                raise WorkflowError(f"told to stop, the survivors ended with {codes} (seed {self.seed})")
        finally:
            workflow.close()
            for process in survivors:
                _end(process)


def _send(process: Worker, what: signal.Signals) -> None:
    if process.pid is not None:
        os.kill(process.pid, what)


def _end(process: Worker) -> None:
    process.kill()
    process.join()


_CHANNELS = """
[channel.intranet]
kind = "webhook"
url = "{url}"
secret_env = "{secret}"
first_wait_seconds = 1
longest_wait_seconds = 2
dead_after = 1000
timeout_seconds = 1

[[route]]
channels = ["intranet"]
"""
