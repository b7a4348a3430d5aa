"""From the nanoseconds of every act to the tables people read."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.life import KINDS


@dataclass
class Measured:
    """Everything one contestant did on one target: round → case → act → nanoseconds."""

    name: str
    rounds: list[list[list[int]]] = field(default_factory=list)

    def rates(self) -> list[float]:
        """Acts per second, round by round."""
        return [sum(map(len, cases)) * 1e9 / sum(map(sum, cases)) for cases in self.rounds]

    def milliseconds(self) -> list[float]:
        """Every act, sorted."""
        return sorted(act / 1e6 for cases in self.rounds for case in cases for act in case)

    def by_kind(self) -> list[float]:
        """The median act of each kind, in milliseconds."""
        columns = zip(*(case for cases in self.rounds for case in cases), strict=True)
        return [statistics.median(column) / 1e6 for column in columns]


@dataclass(frozen=True)
class Line:
    """One contestant on one target."""

    name: str
    acts_per_second: float
    #: Medians of the ratios round by round, so that noise which hits a round hits both sides.
    of_floor: float
    of_product: float
    p50_ms: float
    p99_ms: float
    kinds_p50_ms: tuple[float, ...]


@dataclass(frozen=True)
class Result:
    """One target."""

    target: str
    settings: str
    #: Floor, product, peers.
    lines: tuple[Line, ...]
    #: The product over the better peer.
    over_best_peer: float

    def as_data(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self) | {"kinds": KINDS}


def summed_up(target: str, settings: str, measured: Sequence[Measured]) -> Result:
    """*measured* comes as floor, product, peers."""
    floor, product, *peers = measured
    lines = tuple(
        Line(
            name=one.name,
            acts_per_second=statistics.median(one.rates()),
            of_floor=_ratio(one, floor),
            of_product=_ratio(one, product),
            p50_ms=statistics.median(one.milliseconds()),
            p99_ms=statistics.quantiles(one.milliseconds(), n=100)[98],
            kinds_p50_ms=tuple(one.by_kind()),
        )
        for one in measured
    )
    best = min((_ratio(product, peer) for peer in peers), default=float("nan"))
    return Result(target, settings, lines, best)


def page(results: Sequence[Result]) -> Iterator[str]:
    """The tables, as Markdown."""
    for result in results:
        yield f"\n### {result.target}: {result.settings}\n"
        yield "| contestant | acts/s | of the floor | p50 ms | p99 ms |"
        yield "| --- | ---: | ---: | ---: | ---: |"
        for line in result.lines:
            yield (
                f"| {line.name} | {line.acts_per_second:,.0f} | {line.of_floor:.2f} "
                f"| {line.p50_ms:.2f} | {line.p99_ms:.2f} |"
            )
        yield f"\nproduct over the better peer: {result.over_best_peer:.1f}×"
    yield "\n### Median milliseconds by kind of act\n"
    yield f"| target | contestant | {' | '.join(KINDS)} |"
    yield f"| --- | --- |{' ---: |' * len(KINDS)}"
    for result in results:
        for line in result.lines[:2]:
            cells = " | ".join(f"{value:.2f}" for value in line.kinds_p50_ms)
            yield f"| {result.target} | {line.name} | {cells} |"


def _ratio(one: Measured, other: Measured) -> float:
    return statistics.median(a / b for a, b in zip(one.rates(), other.rates(), strict=True))
