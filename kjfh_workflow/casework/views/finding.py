"""Finding cases: lists in people's words, each row with the deadline that comes next.

Which rows there are, and in which order, is ``store.finding``'s; which wait for whom, ``awaited``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.views.awaited import to_do, where_awaited
from kjfh_workflow.casework.views.wording import row_in_words, timer_label
from kjfh_workflow.errors import InputError, NotFound, Problem
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.vocabulary import CaseKind, Level
from kjfh_workflow.policy.wording import nearest
from kjfh_workflow.rules.case import Actor, Case, Reads, reads_of
from kjfh_workflow.rules.clocks import first_due
from kjfh_workflow.store import cases
from kjfh_workflow.store import finding as rows
from kjfh_workflow.store.cases import Filter
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.docket import Place
from kjfh_workflow.store.places import Within

#: So many cases are read at once, at most; and at least, where not all that are read are listed.
_BATCH, _LEAST_READ = 500, 50
_LONGEST_TEXT = 100
#: The kinds of case that are at a level: titles, and what was recommended for a higher one.
_WITH_LEVEL = (CaseKind.INCUBATOR, CaseKind.PROMOTION)
#: The years in which a case may have been opened, or changed.
_FIRST_YEAR, _LAST_YEAR = 1949, 2200


@dataclass(frozen=True, slots=True)
class NextDeadline:
    """The clock of a case whose last day comes first, or came first."""

    timer: str
    label: str
    #: The legal last day, until 24:00.
    due: date
    overdue: bool
    #: The calendar of its year is not announced yet: the date may still change.
    provisional: bool


@dataclass(frozen=True, slots=True)
class Firm:
    """The firm that a tenancy is of."""

    name: str
    uscc: str


def listed(
    office: Office, tx: CoreTransaction, wanted: Filter, reader: Actor | None, sort: str, after: str, limit: int
) -> list[dict[str, Any]]:
    """Cases as ``store.finding.find`` lists them, each with labels, ``final``, ``deadline``, ``tenant`` and ``to_do``.

    ``to_do`` is a list of ``awaited.ToDo``; empty unless only what waits for *reader* is wanted. For the program
    itself nothing waits.

    Raises:
        NotFound: for a city without packs.
        InputError: for anything that cannot be searched for.
    """
    _check(office.catalog, wanted)
    # Indexes on states and ids have the kind before them: only the kinds that can have what is wanted are walked.
    if wanted.state and not wanted.kind:
        wanted = replace(wanted, kind=_kinds_with(office.catalog, {*_several(wanted.state)}))
    elif wanted.level and not wanted.kind:
        wanted = replace(wanted, kind=_WITH_LEVEL)
    if wanted.waiting:
        return in_words(office, tx, _waiting(office, tx, wanted, reader, sort, after, limit) if reader else ())
    reads = reads_of(reader)
    within = None if wanted.open is None else _open(office.catalog, reads, over=not wanted.open)
    return in_words(office, tx, rows.find(tx, reads, wanted, sort=sort, after=after, limit=limit, within=within))


def in_words(office: Office, tx: CoreTransaction, listed_rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows with labels, ``final``, ``deadline``, ``tenant`` and ``to_do``; one query for them all.

    ``deadline`` is a ``NextDeadline``, ``tenant`` the ``Firm`` of a tenancy; both may be None.
    """
    found = [*listed_rows]
    ticking = {row["id"] for row in found if _may_run(office.catalog, row)}
    looked_into = ticking | {row["id"] for row in found if row["kind"] == CaseKind.TENANCY}
    known = {case.id: case for case in _several_cases(tx, sorted(looked_into))}
    today = office.moment(tx).today if known else date.max
    return [
        {
            "to_do": [],
            **row,
            **row_in_words(office.catalog, row).by_name(),
            "deadline": _next_deadline(office, known[row["id"]], today) if row["id"] in ticking else None,
            "tenant": _tenant(known[row["id"]]) if row["id"] in known else None,
        }
        for row in found
    ]


def _several_cases(tx: CoreTransaction, case_ids: list[str]) -> Iterator[Case]:
    for start in range(0, len(case_ids), _BATCH):
        yield from cases.several(tx, case_ids[start : start + _BATCH])


def _may_run(catalog: Catalog, row: Mapping[str, Any]) -> bool:
    """Whether a clock may run in the state of a row, or stand still; what is over has none but a ban."""
    try:
        machine = catalog.pinned(row["city"], row["policy"]).machines[row["kind"]]
    except NotFound:
        return False
    return any(row["state"] in timer.period_of or row["state"] in timer.pauses_in for timer in machine.timers)


def _tenant(case: Case) -> Firm | None:
    tenant = case.memory.get("tenant")
    return Firm(tenant["name"], tenant["uscc"]) if tenant else None


def _next_deadline(office: Office, case: Case, today: date) -> NextDeadline | None:
    """None where no clock runs."""
    first = first_due(case)
    if first is None:
        return None
    due, timer, provisional = first
    return NextDeadline(timer, timer_label(office.pack_of(case), case.kind, timer), due, today > due, provisional)


def _open(catalog: Catalog, reads: Reads, *, over: bool) -> list[Within]:
    """The states that are over, or are not, under these eyes."""
    places = [
        Place(pack.city, pack.version, kind, name)
        for pack in catalog
        for kind, machine in pack.machines.items()
        for name, state in machine.states.items()
        if state.final is over
    ]
    eyes = [reads] if reads.everything else [Reads(city=reads.city)] * bool(reads.city)
    eyes += [Reads(uscc=reads.uscc)] * bool(reads.uscc and not reads.everything)
    return [Within(one, places) for one in eyes]


def _waiting(
    office: Office, tx: CoreTransaction, wanted: Filter, reader: Actor, sort: str, after: str, limit: int
) -> list[dict[str, Any]]:
    """Rows that wait for *reader*, with ``to_do``: where others' parts are still to be done, it is read on."""
    within = where_awaited(office.catalog, reader)
    found: list[dict[str, Any]] = []
    size = min(max(limit, _LEAST_READ), _BATCH)
    while len(found) < limit:
        page = rows.find(tx, reader.reads(), wanted, sort=sort, after=after, limit=size, within=within)
        mine = to_do(office, tx, [row["id"] for row in page], reader)
        found += [{**row, "to_do": mine[row["id"]]} for row in page if row["id"] in mine]
        if len(page) < size:
            break
        after = page[-1]["key"]
    return found[:limit]


def _check(catalog: Catalog, wanted: Filter) -> None:
    """A name that no city's document knows is a mistake, and is not answered with an empty list."""
    if wanted.city:
        catalog.versions(wanted.city)
    packs = [*catalog]
    known: Mapping[str, Iterable[str]] = {
        "kind": [*CaseKind],
        "state": {state for pack in packs for machine in pack.machines.values() for state in machine.states},
        "type": {name for pack in packs for name in pack.identity.types},
        "level": [*Level],
    }
    problems = [
        Problem(name, "", f"{value[:40]!r} is none{_meant(value, names)}; there are: {', '.join(sorted(names))}")
        for name, names in known.items()
        for value in _several(getattr(wanted, name))
        if value not in names
    ]
    problems += [
        Problem(name, "", "has characters that nobody can see, or is too long")
        for name in ("uscc", "parent", "text")
        if not (getattr(wanted, name).isprintable() and len(getattr(wanted, name)) <= _LONGEST_TEXT)
    ]
    problems += _of_instant(wanted.changed_since)
    problems += [
        Problem(name, "", f"must lie between {_FIRST_YEAR} and {_LAST_YEAR}")
        for name in ("opened_since", "opened_until")
        if (day := getattr(wanted, name)) and not _FIRST_YEAR <= day.year <= _LAST_YEAR
    ]
    if problems:
        raise InputError(problems)


def _of_instant(instant: datetime | None) -> Iterator[Problem]:
    if instant is None:
        return
    if instant.tzinfo is None:
        yield Problem("changed_since", "", "must say its offset from UTC")
    elif not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        yield Problem("changed_since", "", f"must lie between {_FIRST_YEAR} and {_LAST_YEAR}")


def _kinds_with(catalog: Catalog, states: set[str]) -> list[str]:
    """The kinds of case that have one of these states."""
    return sorted({kind for pack in catalog for kind, machine in pack.machines.items() if states & {*machine.states}})


def _several(value: Any) -> list[str]:
    return [value] * bool(value) if isinstance(value, str) else [*value]


def _meant(value: str, names: Iterable[str]) -> str:
    near = nearest(value, names)
    return f", did you mean {near!r}?" if near else ""
