"""From the rates of every round to the tables people read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.timers_letters import Pair
from benchmarks.timers_peer import Peer

FLOOR = "floor (same writes)"
PRODUCT = "kjfh-workflow"
LEAN = "settling only, a commit each"
LEAN_TOGETHER = "settling only, a commit a hundred"


@dataclass(frozen=True)
class Size:
    """With so many timers armed."""

    armed: int
    #: How long it took to get there, by copying.
    filled_seconds: float
    #: The first tick of a process that finds nothing due, and any later one.
    first_tick_ms: float
    idle_tick_ms: float
    #: Round by round: contestant → alarms a second.
    caught_up: list[dict[str, float]]
    #: Round by round: alarms set a second, by the product and by the raw driver.
    armings: list[tuple[float, float]]

    def rate(self, contestant: str) -> float:
        """The median round."""
        return median(rates[contestant] for rates in self.caught_up)

    def of_floor(self, contestant: str) -> float:
        """The median of the ratios round by round, so that noise which hits a round hits both sides."""
        return median(rates[contestant] / rates[FLOOR] for rates in self.caught_up)


@dataclass(frozen=True)
class Crowd:
    """One round: alarms a second by one process and by several."""

    processes: int
    alone: float
    together: float


@dataclass(frozen=True)
class Measured:
    """One target."""

    target: str
    settings: str
    sizes: list[Size]
    crowds: list[Crowd]
    peer: Peer


def page(results: Sequence[Measured], pairs: Sequence[Pair]) -> Iterator[str]:
    """The tables, as Markdown."""
    for result in results:
        yield f"\n### {result.target}: {result.settings}\n"
        yield from _catching_up(result)
        yield from _besides(result)
    yield "\n### Writing\n"
    yield "| what | a second | floor | of the floor |"
    yield "| --- | ---: | ---: | ---: |"
    for pair in pairs:
        yield f"| {pair.what} | {pair.rate:,.0f} | {pair.floor:,.0f} | {pair.of_floor:.2f} |"


def _catching_up(result: Measured) -> Iterator[str]:
    yield f"| alarms a second, armed besides: |{''.join(f' {size.armed:,} |' for size in result.sizes)} growth |"
    yield f"| --- |{' ---: |' * (len(result.sizes) + 1)}"
    for name in (FLOOR, PRODUCT, LEAN, LEAN_TOGETHER):
        yield _row(name, [size.rate(name) for size in result.sizes])
    yield _row("**product of the floor**", [size.of_floor(PRODUCT) for size in result.sizes], "**{:.2f}**")
    yield _row("setting alarms, product", [median(own for own, _ in size.armings) for size in result.sizes])
    yield _row("setting alarms, raw driver", [median(raw for _, raw in size.armings) for size in result.sizes])
    yield _row("first tick of a process, ms", [size.first_tick_ms for size in result.sizes], "{:,.1f}")
    yield _row("tick with nothing due, ms", [size.idle_tick_ms for size in result.sizes], "{:,.1f}")


def _row(name: str, values: Sequence[float], form: str = "{:,.0f}") -> str:
    """One line, and how the last number compares with the first."""
    cells = (*(form.format(value) for value in values), f"{values[-1] / values[0]:.2f}")
    return f"| {name} | {' | '.join(cells)} |"


def _besides(result: Measured) -> Iterator[str]:
    alone, together = (median(rates) for rates in zip(*((c.alone, c.together) for c in result.crowds), strict=True))
    ratio = median(crowd.together / crowd.alone for crowd in result.crowds)
    processes, peer = result.crowds[0].processes, result.peer
    yield f"\n{processes} processes: {together:,.0f} alarms a second, one: {alone:,.0f}; ratio {ratio:.2f}"
    yield (
        f"\nAPScheduler with its job store: {peer.rate:,.0f} jobs a second, which do nothing; of {peer.jobs} that are "
        f"a minute late, with its default grace time, it drops {peer.dropped}"
    )
