"""The one question that the docket asks of the database: which cases have a clock that ends in time.

What is then read out of a case's clocks is ``casework/docket``'s business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, false, literal_column, or_, select

from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.case import Case, Reads
from kjfh_workflow.store.cases import CASE_COLUMNS, case_of, visible_to
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.schema import cases, timers
from kjfh_workflow.store.timers import ARMED


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case stands: in one state of one pack's machine."""

    city: str
    policy: str
    kind: CaseKind
    state: str


def cases_due(tx: CoreTransaction, reads: Reads, until: date, city: str, silent: Iterable[Place]) -> list[Case]:
    """The cases with a clock that ends on or before *until*, by id; of *silent* places also those whose clock does not.

    Args:
        tx: to read with.
        reads: whose cases.
        until: the last day looked at.
        city: only this city's; all where it is empty.
        silent: where a clock may run on without an armed alarm, once its last day has passed.
    """
    armed = timers.c.outcome == literal_column(f"'{ARMED}'")  # written out: the partial index is used
    by_alarm = cases.c.id.in_(select(timers.c.case_id).where(armed, timers.c.due <= until))
    by_place = [
        and_(
            cases.c.city == place.city,
            cases.c.kind == place.kind,
            cases.c.state == place.state,
            cases.c.policy == place.policy,
        )
        for place in silent
    ]
    theirs = [*visible_to(reads), *([cases.c.city == city] if city else [])]
    # Asked one after the other: joined by OR, neither index would serve.
    found = {
        row.id: case_of(row)
        for wanted in (by_alarm, or_(false(), *by_place))
        for row in tx.connection.execute(select(*CASE_COLUMNS).where(wanted, *theirs))
    }
    return [found[case_id] for case_id in sorted(found)]
