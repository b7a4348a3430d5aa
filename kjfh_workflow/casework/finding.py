"""Finding cases: lists in people's words, each row with the deadline that comes next.

Which rows there are, and in which order, is ``store.finding``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.wording import row_in_words
from kjfh_workflow.errors import InputError, NotFound, Problem
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.vocabulary import CaseKind, Level
from kjfh_workflow.policy.wording import nearest
from kjfh_workflow.rules.case import Actor, reads_of
from kjfh_workflow.rules.clocks import clocks_of
from kjfh_workflow.store import cases
from kjfh_workflow.store import finding as rows
from kjfh_workflow.store.cases import Filter
from kjfh_workflow.store.database import CoreTransaction

#: So many cases are read at once.
_BATCH = 500
_LONGEST_TEXT = 100
#: The kinds of case that are at a level: titles, and what was recommended for a higher one.
_WITH_LEVEL = (CaseKind.INCUBATOR, CaseKind.PROMOTION)
#: The years in which a case may have changed.
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


def listed(
    office: Office, tx: CoreTransaction, wanted: Filter, reader: Actor | None, sort: str, after: str, limit: int
) -> list[dict[str, Any]]:
    """Cases as ``store.finding.find`` lists them, each with labels, ``final`` and ``deadline``.

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
    return in_words(office, tx, rows.find(tx, reads_of(reader), wanted, sort=sort, after=after, limit=limit))


def in_words(office: Office, tx: CoreTransaction, listed_rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows with labels, ``final`` and ``deadline`` (a ``NextDeadline``, or None); one query for them all."""
    found = [*listed_rows]
    deadlines = next_deadlines(office, tx, [row["id"] for row in found]) if found else {}
    return [{**row, **asdict(row_in_words(office.catalog, row)), "deadline": deadlines.get(row["id"])} for row in found]


def next_deadlines(office: Office, tx: CoreTransaction, case_ids: list[str]) -> dict[str, NextDeadline]:
    """Case → its next deadline; without those that have no clock, or whose pack's folder is gone."""
    today = office.moment(tx).today
    found = {}
    for start in range(0, len(case_ids), _BATCH):
        for case in cases.several(tx, case_ids[start : start + _BATCH]):
            clocks = sorted(clocks_of(case).values(), key=lambda clock: (clock.due, clock.timer))
            if not clocks:
                continue
            first = clocks[0]
            try:
                label = office.pack_of(case).machines[case.kind].timer_of[first.timer].label
            except NotFound:
                continue
            found[case.id] = NextDeadline(first.timer, label, first.due, today > first.due, first.deadline.provisional)
    return found


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
