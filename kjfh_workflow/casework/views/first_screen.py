"""What a person sees first: how many cases stand where, what waits for their act, what is late, what falls due soon.

Bounded whatever is on file: each part is one query on an index, and lists end with a number. The whole list of
deadlines, with where each case ends if nobody acts, is ``docket``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.views.docket import silent_places
from kjfh_workflow.casework.views.finding import in_words, listed
from kjfh_workflow.casework.views.wording import city_in_words
from kjfh_workflow.errors import NotFound, WorkflowError
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.case import Actor, Reads
from kjfh_workflow.rules.clocks import clocks_of
from kjfh_workflow.store import waiting
from kjfh_workflow.store.cases import Filter
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.finding import rows_of

#: How far ahead a first screen looks, in days.
MOST_DAYS = 366
#: So many cases are shown of what is late, and of what falls due.
_SHOWN = 100
#: So many cases are looked at where only the case itself knows that it is late: of each city those opened first.
_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """How many cases of a kind are in a state."""

    city: str
    city_label: str
    kind: CaseKind
    kind_label: str
    state: str
    state_label: str
    final: bool
    count: int


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A year's assessment that is open."""

    city: str
    city_label: str
    year: int
    opened_on: date
    members: int


@dataclass(frozen=True, slots=True)
class Shown:
    """The first of several cases, each as in lists."""

    cases: list[dict[str, Any]]
    #: There are more, or may be: not all that could belong to them were looked at.
    more: bool


@dataclass(frozen=True, slots=True)
class FirstScreen:
    """All of it, as one reader may see it."""

    today: date
    until: date
    counts: tuple[Standing, ...]
    #: What waits for an act of the reader's, with ``to_do``; what has stood still longest first.
    waiting: Shown
    #: Longest overdue first. Of cases with a clock that has rung for the last time only the first 1,000 by id are
    #: looked at, in a city those opened first; where there are more of them ``more`` says so.
    overdue: Shown
    #: Next first; from today on.
    due: Shown
    rounds: tuple[OpenRound, ...]
    running_bans: int
    #: Letters that an operator has not opened; None for others, whose reading is not recorded.
    unread: int | None


def first_screen(office: Office, tx: CoreTransaction, reader: Actor, days: int) -> FirstScreen:
    """What waits for *reader* today.

    Raises:
        WorkflowError: if *days* is out of range.
    """
    if not 1 <= days <= MOST_DAYS:
        raise WorkflowError(f"a first screen looks 1 to {MOST_DAYS} days ahead, not {days}")
    today, reads = office.moment(tx).today, reader.reads()
    until = today + timedelta(days=days)
    return FirstScreen(
        today=today,
        until=until,
        counts=tuple(_standings(office.catalog, waiting.by_state(tx, reads))),
        waiting=_waiting(office, tx, reader),
        overdue=_overdue(office, tx, reads, today),
        due=_shown(office, tx, waiting.due(tx, reads, today, until, _SHOWN + 1)),
        rounds=tuple(
            OpenRound(
                row["city"], city_in_words(office.catalog, row["city"]), row["year"], row["opened_on"], row["members"]
            )
            for row in waiting.open_rounds(tx, reads)
        ),
        running_bans=waiting.running_bans(tx, reads, today),
        unread=waiting.unread(tx, reads.uscc) if reads.uscc else None,
    )


def _waiting(office: Office, tx: CoreTransaction, reader: Actor) -> Shown:
    rows = listed(office, tx, Filter(waiting=True), reader, "changed_at", "", _SHOWN + 1)
    return Shown(rows[:_SHOWN], len(rows) > _SHOWN)


def _overdue(office: Office, tx: CoreTransaction, reads: Reads, today: date) -> Shown:
    """Those that still nag or wait for a tick, and those whose clock has gone silent."""
    since = waiting.overdue(tx, reads, today, _longest_nag(office.catalog), _SHOWN + 1)
    silent = waiting.silent(tx, reads, silent_places(office.catalog), _LOOKED_AT + 1)
    for case in silent[:_LOOKED_AT]:
        if late := [clock.due for clock in clocks_of(case).values() if clock.due < today]:
            since[case.id] = min(late)
    longest_first = sorted(since, key=lambda case_id: (since[case_id], case_id))
    found = _shown(office, tx, longest_first)
    return replace(found, more=found.more or len(silent) > _LOOKED_AT)


def _longest_nag(catalog: Catalog) -> timedelta:
    """In how many days at most a late clock's next alarm rings: working days, with the longest holidays between."""
    rules = (timer.escalation for pack in catalog for machine in pack.machines.values() for timer in machine.timers)
    longest = max((max(rule.after, rule.every) for rule in rules if rule), default=0)
    return timedelta(days=2 * longest + 30)


def _shown(office: Office, tx: CoreTransaction, case_ids: list[str]) -> Shown:
    """The first of these cases, in this order."""
    place = {case_id: number for number, case_id in enumerate(case_ids[:_SHOWN])}
    rows = in_words(office, tx, rows_of(tx, [*place])) if place else []
    return Shown(sorted(rows, key=lambda row: place[row["id"]]), len(case_ids) > _SHOWN)


def _standings(catalog: Catalog, rows: list[dict[str, Any]]) -> Iterator[Standing]:
    for row in rows:
        kind, pack = CaseKind(row["kind"]), _pack_with(catalog, row["city"], row["kind"], row["state"])
        state = pack.machines[kind].states[row["state"]] if pack else None
        yield Standing(
            city=row["city"],
            city_label=city_in_words(catalog, row["city"]),
            kind=kind,
            kind_label=pack.words("kinds", kind) if pack else kind,
            state=row["state"],
            state_label=state.label if state else row["state"],
            final=bool(state and state.final),
            count=row["count"],
        )


def _pack_with(catalog: Catalog, city: str, kind: str, state: str) -> PolicyPack | None:
    """The newest version of a city's policy that knows a state."""
    try:
        versions = catalog.versions(city)
    except NotFound:
        return None
    known = (pack for pack in reversed(versions) if CaseKind(kind) in pack.machines)
    return next((pack for pack in known if state in pack.machines[CaseKind(kind)].states), None)
