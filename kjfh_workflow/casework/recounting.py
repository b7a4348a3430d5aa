"""Holidays that are announced after the calendar data was made: recording them, and counting running clocks again.

What a recount does to one clock is decided in ``rules.recount``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.perform import known_to, with_overdue_alarms_rung
from kjfh_workflow.casework.record import When, record
from kjfh_workflow.errors import InputError, NotAuthorised, Problem
from kjfh_workflow.policy.vocabulary import RefusalCode, Role
from kjfh_workflow.rules.calendar import WorkCalendar
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.recount import decide_recount
from kjfh_workflow.rules.refusing import refusal
from kjfh_workflow.store import calendars, cases, timers
from kjfh_workflow.store.database import Clash, CoreTransaction, Database, Transaction

_BATCH = 500
#: What makes a provisional date certain, where nobody has recorded it.
_YEARLY = "国务院办公厅公布的年度放假安排"


def announce(
    office: Office,
    tx: CoreTransaction,
    by: Actor,
    source: str,
    year: int | None,
    rest: Iterable[date],
    work: Iterable[date],
) -> int:
    """Record a holiday notice; returns its number. It counts from its commit on, the running clocks at the next tick.

    Raises:
        NotAuthorised: if *by* is no admin.
        InputError: where it says nothing, contradicts itself, or names no source.
    """
    if Role.ADMIN not in by.roles:
        pack = office.catalog.latest(by.city)
        roles = pack.words("roles", Role.ADMIN)
        raise NotAuthorised([refusal(pack, RefusalCode.NOT_AUTHORISED, event="登记放假安排", roles=roles)])
    rests, works = sorted(set(rest)), sorted(set(work))
    problems = list(_problems(source, year, rests, works))
    if problems:
        raise InputError(problems)
    values = {"source": source, "year": year, "rest": rests, "work": works, "recorded_by": by.name}
    return calendars.add(tx, {**values, "recorded_at": office.now(tx)})


def _problems(source: str, year: int | None, rest: list[date], work: list[date]) -> Iterable[Problem]:
    place = "holiday notice"
    if not source.strip():
        yield Problem(place, "source", "must say where it is written, like 国办发明电〔2026〕7号")
    if not (rest or work):
        yield Problem(place, "rest, work", "at least one day must be named")
    for day in sorted({*rest} & {*work}):
        yield Problem(place, "rest, work", f"{day} cannot be both")
    for day in (*rest, *work):
        # New Year's holidays begin and end in the years beside.
        if year is not None and abs(day.year - year) > 1:
            yield Problem(place, "rest, work", f"{day} does not belong to the arrangement of {year}")


def recount(office: Office, database: Database, stopped: Callable[[], bool] = lambda: False) -> int:
    """Count the running clocks again that a new calendar may move; returns how many moved.

    Each case is a transaction of its own, so that a recount that is cut short goes on where it was: what has been
    counted again stays as it is.
    """
    with database.acting() as tx:
        calendar = office.moment(tx).calendar
        waiting = calendars.not_recounted(tx)
        known_by_now = () if office.has_recounted(calendar) else timers.provisional_cases(tx, calendar.known_until)
    moved = sum(_recount_case(office, database, case_id, _YEARLY) for case_id in known_by_now)
    for number in waiting:
        moved += _recount_all(office, database, calendar, number, stopped)
    if not stopped():
        office.note_recounted(calendar)
    return moved


def _recount_all(
    office: Office, database: Database, calendar: WorkCalendar, number: int, stopped: Callable[[], bool]
) -> int:
    """After one notice: every clock that ends on or after its first day."""
    notice = next(notice for notice in calendar.notices if notice.number == number)
    since = min((*notice.rest, *notice.work))
    moved, after = 0, ""
    while not stopped():
        with database.acting() as tx:
            found = timers.running_cases(tx, after, since, _BATCH)
        if not found:
            break
        moved += sum(_recount_case(office, database, case_id, notice.source) for case_id in found)
        after = found[-1]
    else:
        return moved
    try:
        with database.acting() as tx:
            calendars.mark_recounted(tx, number, moved, office.now(tx))
    except Clash:
        pass  # another process has done it beside this one; each clock was moved once
    return moved


def _recount_case(office: Office, database: Database, case_id: str, source: str) -> int:
    with database.acting() as tx:
        return _recount_locked(office, tx, case_id, source)


def _recount_locked(office: Office, tx: Transaction, case_id: str, source: str) -> int:
    case = cases.load(tx, case_id, lock=True)
    if case is None:
        return 0
    moment = office.moment(tx)
    # What was over before the calendar changed is over.
    case = with_overdue_alarms_rung(office, tx, case, moment)
    pack = office.pack_of(case)
    moved = 0
    for timer in pack.machines[case.kind].timers:
        known = known_to(office, tx, case, case.uscc, moment)
        if decision := decide_recount(pack, case, timer, known, source):
            case = record(office, tx, decision, known, When.at_once(moment.now)).case
            moved += 1
    return moved
