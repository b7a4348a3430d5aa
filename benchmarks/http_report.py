"""From the latencies of every batch to the tables people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from benchmarks.http_client import Answered

PRODUCT, FLOOR = "kjfh-workflow", "floor"


@dataclass
class Measured:
    """One kind of request over so many connections: contestant → its batches, round by round."""

    kind: str
    connections: int
    #: How many statements the product sends for one, and how often it ends a transaction.
    statements: int
    batches: dict[str, list[Answered]] = field(default_factory=lambda: {PRODUCT: [], FLOOR: []})

    def rates(self, contestant: str) -> list[float]:
        """Requests a second, round by round."""
        return [len(batch.latencies) / batch.seconds for batch in self.batches[contestant]]

    def latencies(self, contestant: str) -> tuple[float, float]:
        """p50 and p99 in milliseconds, over all rounds."""
        found = sorted(latency * 1e3 for batch in self.batches[contestant] for latency in batch.latencies)
        return median(found), quantiles(found, n=100)[98] if len(found) > 1 else found[0]

    @property
    def of_floor(self) -> float:
        """The median of the ratios round by round, so that noise which hits a round hits both sides."""
        return median(a / b for a, b in zip(self.rates(PRODUCT), self.rates(FLOOR), strict=True))

    def as_data(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "kind": self.kind,
            "connections": self.connections,
            "statements": self.statements,
            "of_floor": self.of_floor,
            "contestants": {
                name: {"rates": self.rates(name), "p50_ms": p50, "p99_ms": p99, "requests": self.requests(name)}
                for name in self.batches
                for p50, p99 in [self.latencies(name)]
            },
        }

    def requests(self, contestant: str) -> int:
        """How many were answered."""
        return sum(len(batch.latencies) for batch in self.batches[contestant])


def page(settings: str, sizes: Mapping[str, tuple[int, float]], measured: Sequence[Measured]) -> Iterator[str]:
    """The tables, as Markdown."""
    yield f"\n### {settings}\n"
    yield "| table | rows | MB |"
    yield "| --- | ---: | ---: |"
    yield from (f"| {name} | {rows:,} | {size:,.0f} |" for name, (rows, size) in sizes.items())
    yield "\n| request | statements | connections | contestant | requests/s | p50 ms | p99 ms | of the floor |"
    yield "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |"
    for one in measured:
        for contestant in one.batches:
            p50, p99 = one.latencies(contestant)
            rate, share = median(one.rates(contestant)), 1.0 if contestant == FLOOR else one.of_floor
            what = (one.kind, one.statements, one.connections) if contestant == PRODUCT else ("", "", "")
            yield (
                f"| {what[0]} | {what[1]} | {what[2]} | {contestant} | {rate:,.0f} | {p50:,.1f} | {p99:,.1f} "
                f"| {share:.2f} |"
            )
