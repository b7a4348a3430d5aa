"""The processes of ``kjfh serve --workers``: begun, watched, replaced.

One that dies is replaced; a replacement that cannot begin (the schema has become newer, somebody has broken
``web.toml``) leaves those that serve alone and is tried again. What a process serves is ``serving``'s.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from multiprocessing import connection, parent_process
from socket import socket
from threading import Thread

from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from kjfh_workflow.errors import InputError, SchemaMismatch, WorkflowError

#: With which exit code a process says that it would fail in the same way the next time, as the command's own.
CODES: dict[type[WorkflowError], int] = {InputError: 5, SchemaMismatch: 6}
#: Of an error of the program, or of what nobody has foreseen.
FAILED = 70
#: How long one that begins is looked at, in seconds.
_LOOK = 0.1
#: Between two tries, in seconds: 1, 2, 4, …
_LONGEST_PAUSE = 60.0
_log = logging.getLogger(__name__)


class Workers(Multiprocess):
    """Uvicorn's processes, each in its place; SIGTERM ends them, SIGHUP replaces one after the other."""

    def __init__(self, config: Config, sockets: list[socket]) -> None:
        super().__init__(config, sockets)
        #: What the command is to end with.
        self.exit_code = 0
        #: Those that have been seen serving.
        self._served: set[Process] = set()
        #: Those that ended before → when their place is tried again.
        self._resting: dict[Process, float] = {}
        self._failures = 0

    def keep_subprocess_alive(self) -> None:
        """Look at each place once; called every half second."""
        self._served &= {*self.processes}  # SIGHUP has replaced the others
        self._resting = {process: at for process, at in self._resting.items() if process in self.processes}
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if process in self._resting:
                if time.monotonic() >= self._resting[process]:
                    self._begin(place)
            elif process not in self._served and process.process.is_alive():
                if _serves(process, _LOOK):
                    self._served.add(process)
                    self._failures = 0
            elif process not in self._served:
                self._failed(process)
            elif not _serves(process, self.config.timeout_worker_healthcheck):
                process.kill()  # it hangs, or is dead already
                process.join()
                _log.warning("process %s has ended; another one is begun", process.pid)
                self._begin(place)

    def _begin(self, place: int) -> None:
        self.processes[place] = process = Process(self.config, self.sockets)
        process.start()

    def _failed(self, process: Process) -> None:
        """It has ended before it served anybody: the others go on, and its place is tried again."""
        process.join()
        code = FAILED if process.exitcode == STARTUP_FAILURE else process.exitcode
        others = sum(1 for other in self.processes if other.process.is_alive())
        if not others and code in (*CODES.values(), FAILED):
            _log.error("process %s could not begin, and no other is left: this service ends (%s)", process.pid, code)
            self.exit_code = code
            self.should_exit.set()
            return
        pause = min(2.0**self._failures, _LONGEST_PAUSE)
        self._failures += 1
        self._resting[process] = time.monotonic() + pause
        _log.error(
            "process %s could not begin (%s); %d of %d go on; again in %.0f s",
            *(process.pid, process.exitcode, others, len(self.processes), pause),
        )


def _serves(process: Process, seconds: float) -> bool:
    """Whether it says so in time. Uvicorn's own question waits for the answer of one that has died meanwhile, too."""
    pipe = process.parent_conn
    answers: list[bool] = []
    try:
        pipe.send(b"ping")
        while pipe in connection.wait([pipe, process.process.sentinel], 0 if answers else seconds):
            answers.append(pipe.recv())  # the last one: it may have been asked before, while it began
    except (OSError, EOFError):
        return False
    return bool(answers and answers[-1])


def end_with_the_first() -> None:
    """Let this process, one of several, end as if told to when the one that has begun it is gone.

    It would serve for ever otherwise, with old settings, and keep the port from whoever comes next.
    """
    if (first := parent_process()) is not None:
        Thread(target=_outlive, args=(first.sentinel,), name="first process", daemon=True).start()


def _outlive(sentinel: int) -> None:
    connection.wait([sentinel])
    _log.error("the first process is gone: this one ends as well")
    os.kill(os.getpid(), signal.SIGTERM)
