"""From the seconds of every stage to the tables people read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

#: The kind of those stages in which everybody moves into one incubator.
CROWDING = "admit, all to one"


@dataclass(frozen=True)
class Stage:
    """Some acts of one kind by the product, and then the same writes by the bare driver."""

    kind: str
    acts: int
    seconds: float
    #: Of the processor, by the product's own process.
    cpu_seconds: float
    floor_seconds: float


@dataclass(frozen=True)
class Round:
    """One round opened or closed, in a process of its own."""

    event: str
    city: str
    year: int
    members: int
    seconds: float
    cpu_seconds: float
    #: Megabytes of the process, before and at most.
    before: float
    peak: float


@dataclass(frozen=True)
class Proof:
    """Everything verified, in a process of its own."""

    rows: int
    cases: int
    seconds: float
    before: float
    peak: float


@dataclass(frozen=True)
class Size:
    """One target with so many incubators."""

    target: str
    settings: str
    incubators: int
    tenancies: int
    #: Firms that moved into one incubator besides.
    crowd: int
    stages: list[Stage]
    rounds: list[Round]
    #: What is looked at when all is over → seconds.
    looks: dict[str, float]
    proof: Proof
    megabytes: float

    def of(self, kind: str) -> list[Stage]:
        """The stages of one kind."""
        return [stage for stage in self.stages if stage.kind == kind]

    def rate(self, kind: str) -> float:
        """Acts a second; a round's members a second. 0 where it did not happen."""
        return sum(stage.acts for stage in self.of(kind)) / sum((s.seconds for s in self.of(kind)), 1e-9)

    def cpu(self, kind: str) -> float:
        """Milliseconds of the processor for each act, the database server's not among them."""
        return 1000 * sum(stage.cpu_seconds for stage in self.of(kind)) / (sum(s.acts for s in self.of(kind)) or 1)

    def of_floor(self, kind: str) -> float:
        """The median of the ratios stage by stage, so that noise which hits a stage hits both sides."""
        return median([stage.floor_seconds / stage.seconds for stage in self.of(kind)] or [0.0])

    def peak(self, event: str) -> float:
        """Megabytes that the largest round took besides what its process had before."""
        return max(done.peak - done.before for done in self.rounds if done.event == event)

    def crowded(self) -> float:
        """What an admission costs where ever so many firms are, by what it costs where few are."""
        each = [stage.cpu_seconds / stage.acts for stage in self.of(CROWDING)] or [1.0]
        return each[-1] / each[0]


def page(sizes: Sequence[Size]) -> Iterator[str]:
    """The tables, as Markdown."""
    for target in dict.fromkeys(size.target for size in sizes):
        yield from _target([size for size in sizes if size.target == target])


def _target(sizes: Sequence[Size]) -> Iterator[str]:
    yield f"\n### {sizes[0].target}: {sizes[0].settings}\n"
    yield "a second (of the floor), milliseconds of CPU each; growth of both\n"
    yield f"| incubators (tenancies): |{''.join(f' {s.incubators:,} ({s.tenancies:,}) |' for s in sizes)} growth |"
    yield f"| --- |{' ---: |' * (len(sizes) + 1)}"
    for kind in dict.fromkeys(stage.kind for size in sizes for stage in size.stages):
        cells = " | ".join(f"{s.rate(kind):,.0f} ({s.of_floor(kind):.2f}) {s.cpu(kind):.2f}" for s in sizes)
        growth = [_growth([size.rate(kind) for size in sizes]), _growth([size.cpu(kind) for size in sizes])]
        yield f"| {kind} | {cells} | {' '.join(growth)} |"
    yield from _numbers(sizes)


def _numbers(sizes: Sequence[Size]) -> Iterator[str]:
    asked: dict[str, tuple[str, Callable[[Size], float]]] = {
        "all to one: CPU of the last 500 by the first": ("{:.2f}", Size.crowded),
        "acts in all": ("{:,.0f}", lambda s: sum(stage.acts for stage in s.stages)),
        "largest round, members": ("{:,.0f}", lambda s: max(done.members for done in s.rounds)),
        "open_round, MB besides": ("{:,.0f}", lambda s: s.peak("open_round")),
        "close_round, MB besides": ("{:,.0f}", lambda s: s.peak("close_round")),
        "history rows": ("{:,.0f}", lambda s: s.proof.rows),
        "verify, rows a second": ("{:,.0f}", lambda s: s.proof.rows / s.proof.seconds),
        "verify, MB besides": ("{:,.0f}", lambda s: s.proof.peak - s.proof.before),
        "database, MB": ("{:,.0f}", lambda s: s.megabytes),
    }
    for what, (form, number) in asked.items():
        numbers = [number(size) for size in sizes]
        yield f"| {what} | {' | '.join(map(form.format, numbers))} | {_growth(numbers)} |"
    for what in sizes[0].looks:
        numbers = [size.looks[what] * 1000 for size in sizes]
        yield f"| {what}, ms | {' | '.join(map('{:,.1f}'.format, numbers))} | {_growth(numbers)} |"


def _growth(numbers: Sequence[float]) -> str:
    """The last by the first."""
    return f"{numbers[-1] / numbers[0]:.2f}" if len(numbers) > 1 and numbers[0] else ""
