"""CPU seconds of ``kjfh --help``: nothing heavy is imported before it is needed. ``python -m benchmarks.startup``."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

_RUNS = 10
_COMMAND = [sys.executable, "-m", "kjfh_workflow.cli", "--help"]


def main() -> None:
    """Run it ten times and print the median."""
    seconds = [cpu_seconds(_COMMAND) for _ in range(_RUNS)]
    bare = [cpu_seconds([sys.executable, "-c", ""]) for _ in range(_RUNS)]
    print(
        f"kjfh --help: {statistics.median(seconds):.3f} s of CPU (from {min(seconds):.3f} to {max(seconds):.3f}, "
        f"{_RUNS} runs); an empty Python: {statistics.median(bare):.3f} s"
    )


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one run.

    Raises:
        subprocess.CalledProcessError: if it fails; a crash is quick, and no measurement.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
