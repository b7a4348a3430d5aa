"""Requests a second of list, show and perform over HTTP, beside a bare FastAPI application that sends the same SQL.

``python -m benchmarks.http [--cases N] [--rounds N] [--seconds S] [--connections N …] [--only KIND …] [--json FILE]
[--folder DIR]``. Needs PostgreSQL and some 10 kB of disk for each case. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import http_report, targets
from benchmarks.http_asked import Kind, Supply, kinds
from benchmarks.http_client import Answered, ask
from benchmarks.http_film import COMMIT, ROLLBACK, Film, filmed
from benchmarks.http_lives import play
from benchmarks.http_load import load, sizes
from benchmarks.http_report import FLOOR, PRODUCT, Measured
from benchmarks.http_served import Intranet, serving
from benchmarks.province_life import people
from benchmarks.targets import Target
from kjfh_workflow.clock import SystemClock, local_date

_NAME = "http"
_SEED = 20210127
#: More requests than this nobody answers in a second here.
_MOST_A_SECOND = 2500
#: Each contestant's first requests open connections and prepare statements.
_WARMING_UP = 64
#: What an act over HTTP writes into.
_WRITTEN = ("history", "timers", "notices", "outbox", "unpublished")


def main(arguments: list[str] | None = None) -> None:
    """Run everything and print the tables."""
    options = _options(arguments)
    warnings.simplefilter("ignore")
    print(f"{targets.machine()}, {os.cpu_count()} cores; {options.rounds} rounds of {options.seconds} s")
    with (
        tempfile.TemporaryDirectory(prefix="kjfh-bench-", dir=options.folder) as temporary,
        targets.opened("postgresql", Path(temporary)) as target,
    ):
        pages = measured(target, Path(temporary), options)
    print("\n".join(pages))


def measured(target: Target, folder: Path, options: argparse.Namespace) -> list[str]:
    """Load, ask, and tell."""
    started = time.monotonic()
    copies = load(target, _NAME, play(target, _NAME, local_date(SystemClock().now())), options.cases)
    print(f"loaded in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    loaded = sizes(target, _NAME)
    results = contested(target, folder, Supply(copies), kinds(copies), options)
    if options.json:
        data = {"sizes": loaded, "results": [one.as_data() for one in results]}
        options.json.write_text(json.dumps(data, ensure_ascii=False, indent=1))
    return [*http_report.page(target.settings(), loaded, results)]


def contested(
    target: Target, folder: Path, supply: Supply, known: Sequence[Kind], options: argparse.Namespace
) -> list[Measured]:
    """Film the product, then let both answer."""
    intranet = Intranet(folder)
    token = intranet.token(people("yuyao")["clerk"])
    asked = [kind for kind in known if kind.name in (options.only or [kind.name])]
    films = [_film(target, intranet, token, kind, supply) for kind in asked]
    with (
        serving(target, _NAME, intranet.settings, films) as ports,
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as client,
    ):
        contest = _Contest(target, client, dict(zip((PRODUCT, FLOOR), ports, strict=True)), supply, token)
        return contest.fought([*zip(asked, films, strict=True)], options)


def _film(target: Target, intranet: Intranet, token: str, kind: Kind, supply: Supply) -> Film:
    first, second = supply.some(kind, 2)
    supply.used(kind, 2)
    return filmed(target, _NAME, intranet.settings, token, kind, (first, second))


@dataclass(frozen=True)
class _Contest:
    """Two servers on one database, asked in turn."""

    target: Target
    client: Executor
    ports: dict[str, int]
    supply: Supply
    token: str

    def fought(self, asked: Sequence[tuple[Kind, Film]], options: argparse.Namespace) -> list[Measured]:
        """All rounds."""
        for number, (kind, _) in enumerate(asked):
            for contestant in self.ports:
                for connections in options.connections:
                    self._batch(contestant, number, kind, connections, options.seconds / 2, _WARMING_UP)
        results = {
            (kind.name, connections): Measured(kind.name, connections, _statements(film))
            for kind, film in asked
            for connections in options.connections
        }
        shuffled = random.Random(_SEED)
        for _ in range(options.rounds):
            for number, (kind, _) in enumerate(asked):
                for connections in options.connections:
                    written = {}
                    for contestant in shuffled.sample([*self.ports], len(self.ports)):
                        before = self._rows() if kind.acts else ()
                        batch = self._batch(contestant, number, kind, connections, options.seconds)
                        results[kind.name, connections].batches[contestant].append(batch)
                        after = self._rows() if kind.acts else ()
                        written[contestant] = [
                            (new - old) / len(batch.latencies) for old, new in zip(before, after, strict=True)
                        ]
                    assert written[PRODUCT] == written[FLOOR], f"rows of an act in {_WRITTEN}: {written}"
            print(".", end="", file=sys.stderr, flush=True)
        return [*results.values()]

    def _batch(
        self, contestant: str, number: int, kind: Kind, connections: int, seconds: float, most: int = 0
    ) -> Answered:
        """Requests for copies that nobody has asked for; the floor finds its film by number."""
        owns = self.supply.some(kind, most or int(seconds * _MOST_A_SECOND))
        paths = [kind.path if contestant == PRODUCT else f"/{number}/{own}" for own in owns]
        requests = [kind.request(path, own, self.token) for path, own in zip(paths, owns, strict=True)]
        answered = self.client.submit(ask, self.ports[contestant], requests, connections, seconds).result()
        self.supply.used(kind, len(answered.latencies))
        return answered

    def _rows(self) -> tuple[int, ...]:
        with closing(self.target.driver(_NAME)) as connection:
            cursor: Any = connection.cursor()
            return tuple(cursor.execute(f"SELECT count(*) FROM kjfh_{table}").fetchone()[0] for table in _WRITTEN)


def _statements(film: Film) -> int:
    return sum(said.sql not in (COMMIT, ROLLBACK) for said in film.said)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000, help="copies of real cases (1000000)")
    parser.add_argument("--rounds", type=int, default=5, help="batches of each contestant (5)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a batch (4)")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8], help="at once (1 8)")
    parser.add_argument("--only", nargs="+", metavar="KIND", help='"perform accept", "list, by name", … (all)')
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    parser.add_argument(
        "--folder", type=Path, help="where the database is made, a folder that is there (the system's temporary folder)"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
