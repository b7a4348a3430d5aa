"""Holidays that are announced after the calendar data was made: recording them, and counting running clocks again.

What a recount does to one clock is decided in ``rules.recount``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import date

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.perform import known_to, with_overdue_alarms_rung
from kjfh_workflow.casework.permission import require
from kjfh_workflow.casework.record import When, record
from kjfh_workflow.errors import Conflict, InputError, Problem, Unavailable
from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.rules.calendar import HolidayNotice, WorkCalendar
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.recount import decide_recount
from kjfh_workflow.store import calendars, cases, timers
from kjfh_workflow.store.database import Clash, CoreTransaction, Database, Transaction

_BATCH = 500
#: A recount waits no longer than this for what somebody else holds.
_LOCK_SECONDS = 1
#: The statutory holidays on fixed days: a whole year's arrangement names them.
_STATUTORY = ((1, 1), (5, 1), (10, 1))
_FIRST_YEAR, _LAST_YEAR, _LONGEST_SOURCE, _SATURDAY = 2004, 2100, 300, 5
_log = logging.getLogger(__name__)
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

    What is on file already is not recorded again, whoever says it: unless something recorded since says otherwise.

    Raises:
        NotFound: for an actor of a city without packs.
        NotAuthorised: if *by* is no admin.
        InputError: where it says nothing, contradicts itself, or names no source.
    """
    require(office, by.city, by, [Role.ADMIN], "登记放假安排")
    rests, works = sorted(set(rest)), sorted(set(work))
    problems = list(_problems(source, year, rests, works))
    if problems:
        raise InputError(problems)
    calendars.hold(tx)
    known = calendars.notices(tx)
    said = (source, year, frozenset(rests), frozenset(works))
    on_file = [n for n in known if (n.source, n.year, n.rest, n.work) == said]
    if on_file and _still_holds(on_file[-1], known):
        return on_file[-1].number
    values = {"source": source, "year": year, "rest": rests, "work": works, "recorded_by": by.name}
    return calendars.add(tx, {**values, "recorded_at": office.now(tx)})


def _still_holds(notice: HolidayNotice, known: tuple[HolidayNotice, ...]) -> bool:
    """Whether it would change no day if it were recorded once more: later notices win."""
    years = {day.year for day in notice.rest | notice.work} | ({notice.year} if notice.year else set())
    first, last = date(min(years) - 1, 12, 31), date(max(years), 12, 31)
    now, then = WorkCalendar(known), WorkCalendar((*known, notice))
    return now.rest_between(first, last) == then.rest_between(first, last)


def _problems(source: str, year: int | None, rest: list[date], work: list[date]) -> Iterable[Problem]:
    place = "holiday notice"
    if not source.strip():
        yield Problem(place, "source", "must say where it is written, like 国办发明电〔2026〕7号")
    if len(source) > _LONGEST_SOURCE:
        yield Problem(place, "source", f"has {len(source)} characters, at most {_LONGEST_SOURCE} are allowed")
    if year is not None and not _FIRST_YEAR <= year <= _LAST_YEAR:
        yield Problem(place, "year", f"is {year}, allowed are {_FIRST_YEAR} to {_LAST_YEAR}")
        return
    for month, number in _STATUTORY if year is not None else ():
        day = date(year or 0, month, number)
        if day.weekday() < _SATURDAY and day not in rest:
            yield Problem(place, "rest", f"a whole year's arrangement must name {day}; without `year` it amends")
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

    Each case is a transaction of its own, so that a recount that is cut short goes on where it was. A case that
    somebody holds, or that cannot be counted, is left to the next tick and keeps no other waiting.
    """
    with database.acting() as tx:
        calendar = office.moment(tx).calendar
        waiting = calendars.not_recounted(tx)
    moved = 0
    for number in waiting:
        moved += _recount_all(office, database, calendar, number, stopped)
    if office.has_recounted(calendar):
        return moved
    with database.acting() as tx:
        known_by_now = timers.provisional_cases(tx, calendar.known_until)
    counted, left = _recount_cases(office, database, known_by_now, _YEARLY, stopped)
    if not left:
        office.note_recounted(calendar)
    return moved + counted


def _recount_all(
    office: Office, database: Database, calendar: WorkCalendar, number: int, stopped: Callable[[], bool]
) -> int:
    """After one notice: every clock that ends on or after its first day, or was provisional until then."""
    notice = next(notice for notice in calendar.notices if notice.number == number)
    since = min((*notice.rest, *notice.work))
    if notice.year is not None:
        since = min(since, date(notice.year - 1, 12, 1))  # the year before ends for certain only now
    moved, left, after = 0, 0, ""
    while True:
        with database.acting() as tx:
            found = timers.running_cases(tx, after, since, _BATCH)
        if not found:
            break
        counted, skipped = _recount_cases(office, database, found, notice.source, stopped)
        moved, left, after = moved + counted, left + skipped, found[-1]
    if left:
        return moved
    try:
        with database.acting() as tx:
            calendars.mark_recounted(tx, number, moved, office.now(tx))
    except Clash:
        pass  # another process has done it beside this one; each clock was moved once
    return moved


def _recount_cases(
    office: Office, database: Database, found: Iterable[str], source: str, stopped: Callable[[], bool]
) -> tuple[int, int]:
    """How many clocks moved, and how many cases were left."""
    moved = left = 0
    for case_id in found:
        if stopped():
            left += 1
            continue
        try:
            with database.acting() as tx:
                tx.wait_at_most(_LOCK_SECONDS)
                moved += _recount_locked(office, tx, case_id, source)
        except Unavailable:
            raise
        except Conflict:
            left += 1
        except Exception:  # a template, a pack or the program is wrong: the others are counted all the same
            _log.exception("%s cannot be counted again", case_id)
            left += 1
    return moved, left


def _recount_locked(office: Office, tx: Transaction, case_id: str, source: str) -> int:
    case = cases.load(tx, case_id, lock=True)
    if case is None:
        return 0
    moment = office.moment(tx)
    # What was over when the notice was recorded is over.
    case = with_overdue_alarms_rung(office, tx, case, moment)
    pack = office.pack_of(case)
    moved = 0
    for timer in pack.machines[case.kind].timers:
        known = known_to(office, tx, case, case.uscc, moment)
        if decision := decide_recount(pack, case, timer, known, source):
            case = record(office, tx, decision, known, When.at_once(moment.now)).case
            moved += 1
    return moved
