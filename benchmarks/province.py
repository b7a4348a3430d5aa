"""A simulated province over several years in virtual time: acts a second against a floor, and growth with its size.

``python -m benchmarks.province [--incubators N …] [--tenancies-per N] [--most-tenancies N] [--crowd N]
[--years N] [--only TARGET …] [--json FILE] [--folder DIR]``. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import province_report, targets
from benchmarks.life import Act
from benchmarks.province_life import CITIES, ENTERS_ON, FIRST_YEAR, Province
from benchmarks.province_looks import Stopwatch, closing, looked, opening, proving, size_on_disk
from benchmarks.province_report import CROWDING, Round, Size, Stage
from benchmarks.province_spool import Floor, Tape, noted, read, rows_of
from benchmarks.targets import Target
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.clock import FixedClock, office_hour

_SEED = 20210127
_PRODUCT, _FLOOR = "province", "floor"
#: So many acts of the product, then the floor's writing of the same.
_CHUNK = 500


def main(arguments: list[str] | None = None) -> None:
    """Run everything and print the tables."""
    options = _options(arguments)
    print(f"{targets.machine()}, {os.cpu_count()} cores; {options.years} years")
    sizes = []
    for name in options.only:
        for incubators in sorted(options.incubators):
            print(f"{name}, {incubators} incubators …", file=sys.stderr, flush=True)
            sizes.append(_alone(measured, name, incubators, options))
            print("\n".join(province_report.page(sizes)), file=sys.stderr, flush=True)
    print("\n".join(province_report.page(sizes)))
    if options.json:
        options.json.write_text(json.dumps([asdict(size) for size in sizes], ensure_ascii=False, indent=1))


def measured(name: str, incubators: int, options: argparse.Namespace) -> Size:
    """One target and one size, from the first title to the last proof."""
    warnings.simplefilter("ignore")
    with (
        tempfile.TemporaryDirectory(prefix="kjfh-bench-", dir=options.folder) as temporary,
        targets.opened(name, Path(temporary)) as target,
    ):
        return _Run(target, Path(temporary)).through(incubators, options)


class _Run:
    """A province and its floor, on one target."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target = target
        self._spool = folder / "round.spool"
        self._tape = Tape()
        self._clock = FixedClock(office_hour(ENTERS_ON))
        self._database = noted(target, _PRODUCT, self._tape)
        self._workflow = Workflow(self._database, clock=self._clock, create=True)
        self._tape.clear()  # the schema, which the floor has
        self._floor = Floor(target, _FLOOR)
        self._province = Province(self._workflow, self._clock, _SEED)
        self._stages: list[Stage] = []
        self._rounds: list[Round] = []

    def through(self, incubators: int, options: argparse.Namespace) -> Size:
        """All years."""
        firms = min(options.tenancies_per, max(1, options.most_tenancies // incubators))
        self._acts("register_title", self._province.registering(incubators))
        self._acts("admit", self._province.admitting(firms))
        for year in range(FIRST_YEAR, FIRST_YEAR + options.years):
            self._year(year)
        last = date(FIRST_YEAR + options.years, 1, 31)
        self._tick(last)
        self._acts(CROWDING, self._province.crowding(options.crowd))
        looks = looked(self._workflow, self._province)
        self._database.engine.dispose()
        self._floor.close()
        assert rows_of(self._target, _FLOOR) == rows_of(self._target, _PRODUCT), "the floor has left something out"
        return Size(
            target=self._target.name,
            settings=self._target.settings(),
            incubators=incubators,
            tenancies=incubators * firms,
            crowd=options.crowd,
            stages=self._stages,
            rounds=self._rounds,
            looks=looks,
            proof=_alone(proving, self._target, _PRODUCT, last),
            megabytes=size_on_disk(self._target, _PRODUCT),
        )

    def _year(self, year: int) -> None:
        province = self._province
        for month in range(2, 11):
            self._tick(date(year, month, 2))
            if month == 2 and year > FIRST_YEAR:
                self._on(date(year, 2, 15))
                self._acts("rectification", province.reporting_rectification())
            if month == 3:
                self._on(date(year, 3, 10))
                self._acts("rectification", province.rechecking())
                self._acts("change", province.reporting_changes(date(year, 3, 10)))
            if month == 8:
                self._on(date(year, 8, 10))
                self._acts("change", province.settling_changes(date(year, 8, 10)))
        self._round("open_round", year, date(year, 11, 1))
        self._on(date(year, 11, 15))
        self._acts("propose_grade", province.grading(year))
        self._tick(date(year, 12, 2))
        self._round("close_round", year, date(year, 12, 15))
        self._on(date(year, 12, 20))
        self._acts("approve_award", province.approving(year))
        self._on(date(year, 12, 25))
        self._acts("pay_award", province.paying(year, date(year, 12, 25)))
        self._tick(date(year + 1, 1, 20))

    def _on(self, day: date) -> None:
        self._tick(day)
        self._province.on(day)

    def _acts(self, kind: str, acts: Iterator[Act]) -> None:
        while chunk := list(islice(acts, _CHUNK)):
            watch = Stopwatch()
            for act in chunk:
                act()
            self._note(kind, len(chunk), *watch.read())

    def _tick(self, day: date) -> None:
        self._province.on(day)
        watch = Stopwatch()
        ticked = self._workflow.tick()
        seconds = watch.read()
        assert not ticked.failing, ticked.failing[:3]
        self._note("tick (alarms)", ticked.rung, *seconds)

    def _note(self, kind: str, acts: int, seconds: float, cpu_seconds: float) -> None:
        floor = self._floor.send(self._tape)
        self._tape.clear()
        if acts:
            self._stages.append(Stage(kind, acts, seconds, cpu_seconds, floor))

    def _round(self, event: str, year: int, day: date) -> None:
        """Each city's in a process of its own, which is watched for its memory."""
        self._on(day)
        for city in CITIES:
            use_case = opening if event == "open_round" else closing
            done: Round = _alone(use_case, self._target, _PRODUCT, city, year, day, self._spool)
            self._rounds.append(done)
            floor = self._floor.send(read(self._spool))
            self._stages.append(Stage(event, done.members, done.seconds, done.cpu_seconds, floor))


def _alone(work: Any, *arguments: Any) -> Any:
    """In a new process, so that nobody inherits the heap of anything before."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.province", description=__doc__)
    parser.add_argument("--incubators", type=int, nargs="+", default=[200, 2000, 20000])
    parser.add_argument("--tenancies-per", type=int, default=50, help="firms in each incubator (50)")
    parser.add_argument("--most-tenancies", type=int, default=200_000, help="firms in all; fewer each where it is more")
    parser.add_argument("--crowd", type=int, default=20_000, help="firms that move into one incubator besides (20000)")
    parser.add_argument("--years", type=int, default=3, choices=(1, 2, 3), help="3 at most: Cixi's plan ends (3)")
    parser.add_argument("--only", nargs="+", choices=targets.NAMES, default=["sqlite-full", "postgresql"])
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    parser.add_argument("--folder", type=Path, help="where the databases are made (the system's temporary folder)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
