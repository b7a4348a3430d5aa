"""Durable acts per second: the product, the floor of its database, and two peers, interleaved in one run.

``python -m benchmarks.acts [--cases N] [--rounds R] [--only TARGET …] [--json FILE]``. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import random
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from pathlib import Path
from time import perf_counter_ns

from benchmarks import report, targets
from benchmarks.life import Applicant, Contestant
from benchmarks.report import Measured, Result

#: Every round starts with the same luck.
_SEED = 20210301


def main(arguments: list[str] | None = None) -> None:
    """Run the contest and print the tables."""
    options = _options(arguments)
    print(f"{targets.machine()}, {os.cpu_count()} cores; {options.rounds} rounds of {options.cases} cases, 8 acts each")
    results = []
    for name in options.only:
        print(f"{name} …", file=sys.stderr, flush=True)
        # A process of its own: Django is configured once in each, and nobody inherits the heap of another target.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            results.append(pool.submit(contest, name, options.cases, options.rounds, options.folder).result())
    print("\n".join(report.page(results)))
    if options.json:
        options.json.write_text(json.dumps([result.as_data() for result in results], ensure_ascii=False, indent=1))


def contest(target_name: str, cases: int, rounds: int, folder: Path | None) -> Result:
    """One target: a warm-up, then *rounds* in which each contestant carries out *cases* cases, in shuffled order."""
    warnings.simplefilter("ignore")
    with (
        tempfile.TemporaryDirectory(prefix="kjfh-bench-", dir=folder) as temporary,
        targets.opened(target_name, Path(temporary)) as target,
    ):
        contestants = _contestants(target)
        measured = {contestant.name: Measured(contestant.name) for contestant in contestants}
        numbers = count(1)
        for contestant in contestants:
            batch(contestant, [Applicant(next(numbers)) for _ in range(10)])
        gc.collect()
        gc.freeze()  # what the modules of one contestant have made is no other's garbage to look through
        order = random.Random(_SEED)
        for _ in range(rounds):
            for contestant in order.sample(contestants, len(contestants)):
                applicants = [Applicant(next(numbers)) for _ in range(cases)]
                measured[contestant.name].rounds.append(batch(contestant, applicants))
        settings = target.settings()
        for contestant in contestants:
            contestant.close()
    return report.summed_up(target_name, settings, [*measured.values()])


def batch(contestant: Contestant, applicants: list[Applicant]) -> list[list[int]]:
    """Case → act → nanoseconds; what is prepared is not counted."""
    lives = [contestant.acts(applicant) for applicant in applicants]
    gc.collect()
    taken = []
    for acts in lives:
        times = []
        for act in acts:
            start = perf_counter_ns()
            act()
            times.append(perf_counter_ns() - start)
        taken.append(times)
    return taken


def _contestants(target: targets.Target) -> list[Contestant]:
    from benchmarks.floor import Floor  # noqa: PLC0415  (after warnings are off)
    from benchmarks.peers_django import DjangoPeer  # noqa: PLC0415
    from benchmarks.peers_orm import OrmPeer  # noqa: PLC0415
    from benchmarks.product import Product  # noqa: PLC0415

    return [Floor(target), Product(target), DjangoPeer(target), OrmPeer(target)]


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.acts", description=__doc__)
    parser.add_argument("--cases", type=int, default=25, help="cases in each batch (25)")
    parser.add_argument("--rounds", type=int, default=12, help="batches of each contestant (12)")
    parser.add_argument("--only", nargs="+", choices=targets.NAMES, default=targets.NAMES, help="which databases")
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    parser.add_argument("--folder", type=Path, help="where the databases are made (the system's temporary folder)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
