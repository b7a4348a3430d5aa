"""Questions over whole tables, for ``kjfh verify`` and ``kjfh lab``. None is asked in an act."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import func, select

from kjfh_workflow.store import voided
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.schema import deliveries, history, notices, numbers, outbox, timers

_LAST_NUMBER = re.compile(r"(\d+)\D*$")


def alarm_outcomes(tx: CoreTransaction) -> Mapping[str, int]:
    """Outcome → how many alarms have it."""
    query = select(timers.c.outcome, func.count()).group_by(timers.c.outcome)
    return {row[0]: row[1] for row in tx.connection.execute(query)}


def effects(tx: CoreTransaction) -> Iterator[tuple[str, str]]:
    """(case, effects as canonical JSON) of every row of history."""
    query = select(history.c.case_id, history.c.effects).order_by(history.c.position)
    for row in tx.connection.execute(query.execution_options(yield_per=1000)):
        yield row.case_id, row.effects


def rung_early(tx: CoreTransaction) -> list[str]:
    """Cases with an alarm that fired before its instant."""
    query = select(timers.c.case_id).where(timers.c.outcome == "fired", timers.c.settled_at < timers.c.rings_at)
    return [row[0] for row in tx.connection.execute(query)]


def still_due(tx: CoreTransaction) -> list[str]:
    """Cases with an armed alarm whose time came before the last thing that was noticed."""
    last = select(func.max(history.c.noticed_at)).scalar_subquery()
    query = select(timers.c.case_id).where(timers.c.outcome == "armed", timers.c.rings_at <= last)
    return [row[0] for row in tx.connection.execute(query)]


def number_gaps(tx: CoreTransaction) -> list[str]:
    """What is wrong with the document numbers of each city and year; empty if they run from 1 to the last.

    A number that is void counts as given.
    """
    last = {(row.city, row.year): row.last for row in tx.connection.execute(select(numbers))}
    given: dict[tuple[str, int], Counter[int]] = defaultdict(Counter)
    for row in tx.connection.execute(select(notices.c.city, notices.c.number).where(notices.c.number.is_not(None))):
        year = next(int(part) for part in re.findall(r"\d{4}", row.number))
        found = _LAST_NUMBER.search(row.number)
        given[row.city, year][int(found[1]) if found else 0] += 1
    for place, void in voided.every_number(tx).items():
        given[place].update(void)
    wrong = [
        f"{city} {year}: {sum(counted.values())} numbers given, the last is {last.get((city, year))}"
        for (city, year), counted in given.items()
        if dict(counted) != dict.fromkeys(range(1, last.get((city, year), 0) + 1), 1)
    ]
    return wrong + [f"{city} {year}: counted, but never given" for city, year in last if (city, year) not in given]


def notices_not_in_outbox(tx: CoreTransaction) -> list[str]:
    """Notices that would never leave."""
    query = select(notices.c.id).outerjoin(outbox, outbox.c.notice_id == notices.c.id)
    return [row[0] for row in tx.connection.execute(query.where(outbox.c.notice_id.is_(None)))]


def not_sent(tx: CoreTransaction) -> list[str]:
    """Notices that no channel has taken so far."""
    query = (
        select(notices.c.id)
        .outerjoin(deliveries, (deliveries.c.notice_id == notices.c.id) & (deliveries.c.state == "sent"))
        .where(deliveries.c.notice_id.is_(None))
    )
    return [row[0] for row in tx.connection.execute(query)]


def sent(tx: CoreTransaction) -> list[str]:
    """Notices that count as sent."""
    return [row[0] for row in tx.connection.execute(select(deliveries.c.notice_id).where(deliveries.c.state == "sent"))]


def notice_texts(tx: CoreTransaction, ids: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """Id → (number, subject, text) of those of *ids* that are on file."""
    wanted = {*ids}
    rows = tx.connection.execute(select(notices.c.id, notices.c.number, notices.c.subject, notices.c.body))
    return {row.id: (row.number or "", row.subject, row.body) for row in rows if row.id in wanted}
