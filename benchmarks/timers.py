"""How fast an office catches up after an outage: alarms a second against floors, by the number of timers armed.

``python -m benchmarks.timers [--due N] [--armed N …] [--rounds R] [--only TARGET …] [--json FILE]``. Nothing here
asserts a time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from benchmarks import targets, timers_letters, timers_peer, timers_report
from benchmarks.timers_contest import Contest
from benchmarks.timers_report import Measured

_SEED = 20210325
_WARM_UP = 200
#: How many processes against one; SQLite has one writer, whoever it is.
_CROWD = {"sqlite-normal": 2, "sqlite-full": 2, "postgresql": 4}


def main(arguments: list[str] | None = None) -> None:
    """Run everything and print the tables."""
    options = _options(arguments)
    print(f"{targets.machine()}, {os.cpu_count()} cores; {options.due} due, {options.rounds} rounds at each size")
    results = []
    for name in options.only:
        print(f"{name} …", file=sys.stderr, flush=True)
        # A process of its own, so that nobody inherits the heap of another target.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            results.append(pool.submit(contest, name, options).result())
    print("notices and letters …", file=sys.stderr, flush=True)
    pairs = timers_letters.measured(notices=400, letters=20)
    print("\n".join(timers_report.page(results, pairs)))
    if options.json:
        data = {"targets": [asdict(result) for result in results], "writing": [asdict(pair) for pair in pairs]}
        options.json.write_text(json.dumps(data, ensure_ascii=False, indent=1))


def contest(name: str, options: argparse.Namespace) -> Measured:
    """One target: a warm-up, then rounds at each number of timers armed, then several processes, then the peer."""
    warnings.simplefilter("ignore")
    with (
        tempfile.TemporaryDirectory(prefix="kjfh-bench-", dir=options.folder) as temporary,
        targets.opened(name, Path(temporary)) as target,
        ExitStack() as stack,
    ):
        office = Contest(target, stack, _SEED)
        office.warm_up(min(_WARM_UP, options.due))
        sizes = [office.at(armed, options.due, options.rounds) for armed in sorted(options.armed)]
        crowds = office.crowds(_CROWD[name], options.due, options.rounds)
        return Measured(name, target.settings(), sizes, crowds, timers_peer.measured(target, options.due))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.timers", description=__doc__)
    parser.add_argument("--due", type=int, default=2000, help="alarms that are due (2000)")
    parser.add_argument("--armed", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="and armed besides")
    parser.add_argument("--rounds", type=int, default=2, help="catching up so many times at each size (2)")
    parser.add_argument("--only", nargs="+", choices=targets.NAMES, default=["sqlite-full", "postgresql"])
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    parser.add_argument("--folder", type=Path, help="where the databases are made (the system's temporary folder)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
