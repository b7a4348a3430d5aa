"""How fast notices are written, against bare Jinja2, and letters, against bare python-docx."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from statistics import median
from time import perf_counter

import docx
from jinja2 import Environment, FileSystemLoader

from benchmarks.targets import Target
from benchmarks.timers_cases import TODAY, Maker
from kjfh_workflow.casework import ticks
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.opening import load_catalog
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.notices.letters import StoredNotice, make_letter
from kjfh_workflow.notices.render import Letter, Renderer, Written, sender
from kjfh_workflow.resources import templates_dir
from kjfh_workflow.rules.deadlines import chinese
from kjfh_workflow.store.database import Database

_PARTS = ("subject.txt", "title.txt", "body.txt")
_ROUNDS = 9


@dataclass(frozen=True)
class Pair:
    """The product and its floor."""

    what: str
    rate: float
    floor: float
    of_floor: float


def measured(notices: int, letters: int) -> list[Pair]:
    """Notices and letters a second, of a lapsed application and of a reminder in turn."""
    with tempfile.TemporaryDirectory(prefix="kjfh-bench-") as folder:
        renderer = _Keeping()
        _let_ring(Target("sqlite-full", Path(folder)), renderer)
    orders, written = renderer.orders, renderer.written
    plain = _bare_jinja(orders)
    stored = [
        StoredNotice(sender(order.pack.identity), order.number, text.title, text.body, office_hour(TODAY))
        for (_, order), text in zip(orders, written, strict=True)
    ]

    def write() -> None:
        for n in range(notices):
            notice, order = orders[n % len(orders)]
            Renderer.write(renderer, notice, replace(order))  # a new one: its words are found anew

    def write_bare() -> None:
        for n in range(notices):
            plain[n % len(plain)]()

    def letter() -> None:
        for n in range(letters):
            make_letter(stored[n % len(stored)])

    def letter_bare() -> None:
        for n in range(letters):
            _bare_docx(stored[n % len(stored)])

    return [
        _pair("notices (Renderer.write), against bare Jinja2", notices, write, write_bare),
        _pair("letters (make_letter), against bare python-docx", letters, letter, letter_bare),
    ]


class _Keeping(Renderer):
    """The product's, which keeps what it was asked for."""

    def __init__(self) -> None:
        super().__init__([templates_dir()])
        self.orders: list[tuple[str, Letter]] = []
        self.written: list[Written] = []

    def write(self, notice: str, letter: Letter) -> Written:
        """As the product does."""
        written = super().write(notice, letter)
        self.orders.append((notice, letter))
        self.written.append(written)
        return written


def _let_ring(target: Target, renderer: Renderer) -> None:
    maker = Maker(target, "letters")
    maker.make(2)
    maker.close()
    database = Database.open(target.url("letters"))
    ticks.tick(Office(load_catalog(), FixedClock(office_hour(TODAY)), renderer), database)
    database.engine.dispose()


def _bare_jinja(orders: Sequence[tuple[str, Letter]]) -> list[Callable[[], object]]:
    """The same templates with the same words, found beforehand; neither sandboxed nor strict."""
    environment = Environment(loader=FileSystemLoader(templates_dir()), trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    environment.filters["date"] = chinese

    def plain(notice: str, letter: Letter) -> Callable[[], object]:
        templates, words = [environment.get_template(f"{notice}/{part}") for part in _PARTS], letter.words
        return lambda: [template.render(words) for template in templates]

    return [plain(notice, letter) for notice, letter in orders]


def _bare_docx(notice: StoredNotice) -> None:
    document = docx.Document()
    for line in (notice.office, notice.number, notice.title, *notice.body.split("\n")):
        document.add_paragraph(line)
    document.save(BytesIO())


def _pair(what: str, number: int, product: Callable[[], None], floor: Callable[[], None]) -> Pair:
    """In turn, after a warm-up; the ratio within a round."""
    contestants: Sequence[Callable[[], None]] = (product, floor)
    rounds = []
    for _ in range(_ROUNDS + 1):
        rates = []
        for contestant in contestants:
            start = perf_counter()
            contestant()
            rates.append(number / (perf_counter() - start))
        rounds.append(rates)
    products, floors = zip(*rounds[1:], strict=True)
    ratios = [a / b for a, b in rounds[1:]]
    return Pair(what, median(products), median(floors), median(ratios))
