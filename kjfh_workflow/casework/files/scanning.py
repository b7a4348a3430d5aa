"""Asking a virus scanner about a file: any callable, or a program that reads the file on standard input.

What is done with a file that is not clean is the files' desk's business.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread
from typing import IO, BinaryIO, Protocol

from kjfh_workflow.errors import Unavailable

_CLEAN, _INFECTED = 0, 1
_CHUNK = 256 * 1024
#: What has been killed reads no more; a program that has left the session may.
_GRACE_SECONDS = 5


class Scanner(Protocol):
    """Looks at a file before it is kept."""

    def __call__(self, file: BinaryIO, /) -> bool:
        """Whether it is clean.

        Args:
            file: at its beginning.

        Raises:
            Unavailable: if that cannot be told now: nothing is kept.
        """


class CommandScanner:
    """A program that reads the file on standard input and ends with 0 for clean, 1 for infected.

    Anything else, and no end in time, means that it cannot tell. ``clamdscan --no-summary -`` is such a program.
    """

    def __init__(self, program: Sequence[str], seconds: float = 60) -> None:
        """Nothing is started yet.

        Args:
            program: the program and its arguments; no shell sees them.
            seconds: how long one file may take.
        """
        self._program = tuple(program)
        self._seconds = seconds

    def __call__(self, file: BinaryIO, /) -> bool:
        """Whether the program finds the file clean.

        Raises:
            Unavailable: if it cannot be started, does not end in time, or ends otherwise.
        """
        try:
            running = subprocess.Popen(  # noqa: S603  (the operator's own; no shell)
                self._program,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # so that what it has started itself ends with it
            )
        except OSError as error:
            raise Unavailable(f"the scanner cannot be started: {error.strerror}") from error
        # A program may end before it has read everything, or never read at all: neither may hold up this thread.
        assert running.stdin is not None, "asked for above"  # noqa: S101
        feeding = Thread(target=_feed, args=(file, running.stdin), daemon=True)
        feeding.start()
        try:
            code = running.wait(self._seconds)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"the scanner did not end within {self._seconds:g} s") from None
        finally:
            _end(running)
            feeding.join(_GRACE_SECONDS)
        if feeding.is_alive() or code not in (_CLEAN, _INFECTED):
            raise Unavailable(f"the scanner cannot tell: it ended with {code}")
        return code == _CLEAN


def _feed(file: BinaryIO, pipe: IO[bytes]) -> None:
    with suppress(OSError), pipe:
        while chunk := file.read(_CHUNK):
            pipe.write(chunk)


def _end(running: subprocess.Popen[bytes]) -> None:
    """With whatever it has started itself, if it has not ended."""
    if running.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
