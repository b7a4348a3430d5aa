"""Holidays that are announced after the calendar data was made: recording them, and counting running clocks again.

What a recount does to one clock is decided in ``rules.recount``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from threading import Lock

from kjfh_workflow.casework.office import Moment, Office
from kjfh_workflow.casework.perform import known_to, with_overdue_alarms_rung
from kjfh_workflow.casework.permission import require
from kjfh_workflow.casework.record import When, record
from kjfh_workflow.errors import Conflict, InputError, Problem, Unavailable
from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.rules.calendar import HolidayNotice, WorkCalendar
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.clocks import first_overdue
from kjfh_workflow.rules.recount import decide_recount
from kjfh_workflow.store import calendars, cases, timers
from kjfh_workflow.store.database import Clash, CoreTransaction, Database, Transaction

_BATCH = 500
#: A recount waits no longer than this for what somebody else holds.
_LOCK_SECONDS = 1
#: How often a tick that waits for another one of its process looks whether it is to stop.
_LOOK_SECONDS = 1.0
#: After it could not be counted twice in a row, a case waits so long; doubled each further time.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=10)
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


class Recounting:
    """The running clocks that new calendars may move, counted again: what of that this process has still to do.

    After which notices not every clock is through stands in the database. How far this process has come with one, and
    which cases it could not count, is only remembered here: another process looks at all of them itself, once, and may
    well be able to count what this one could not, with other packs, templates and luck with locks.
    """

    def __init__(self, office: Office, database: Database) -> None:
        self._office = office
        self._database = database
        #: By number of a notice, or edition of a calendar.
        self._begun: dict[int | str, _Begun] = {}
        #: The calendars after which this process has looked for provisional dates.
        self._certain: set[str] = set()
        #: Two ticks of one process: no alarm rings before its clock had its turn.
        self._turn = Lock()

    def go_on(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Count again what is to be counted; returns how many clocks moved.

        A case that somebody holds, or that cannot be counted, keeps no other waiting: it alone is tried again, at the
        next call, and later now and then.

        Args:
            stopped: asked between two cases; True ends it at once, and the next call goes on from there.

        Raises:
            Unavailable: if the database is gone; what was not committed is still to be counted.
        """
        while not self._turn.acquire(timeout=_LOOK_SECONDS):
            if stopped():
                return 0
        try:
            return self._go_on(stopped)
        finally:
            self._turn.release()

    def _go_on(self, stopped: Callable[[], bool]) -> int:
        with self._database.reading() as tx:
            moment = self._office.moment(tx)
            waiting = calendars.not_recounted(tx)
        known_until, edition = moment.calendar.known_until, moment.calendar.edition
        # What another process has brought to its end needs no end here.
        self._begun = {name: begun for name, begun in self._begun.items() if name in (*waiting, edition)}
        moved = 0
        for notice in moment.calendar.notices:
            if notice.number not in waiting:
                continue
            pages = partial(timers.running_cases, since=_first_day(notice), at_most=_BATCH)
            begun = self._begun.setdefault(notice.number, _Begun(notice.source, pages))
            moved += self._count_on(begun, moment.now, stopped)
            if begun.done:
                self._mark(notice)
        if edition not in self._certain:
            pages = partial(timers.provisional_cases, until=known_until, at_most=_BATCH)
            begun = self._begun.setdefault(edition, _Begun(_YEARLY, pages))
            moved += self._count_on(begun, moment.now, stopped)
            if begun.done:
                self._certain.add(edition)
        return moved

    def _mark(self, notice: HolidayNotice) -> None:
        with self._database.reading() as tx:
            moved = calendars.moved_by(tx, notice)  # by others, too, and before this process began
        try:
            with self._database.acting() as tx:
                if notice.number in calendars.not_recounted(tx):
                    calendars.mark_recounted(tx, notice.number, moved, self._office.now(tx))
        except Clash:
            pass  # another process has done it beside this one; each clock was moved once

    def _count_on(self, begun: _Begun, now: datetime, stopped: Callable[[], bool]) -> int:
        """What was left before and has its time, then the rest, page by page; returns how many clocks moved."""
        moved = 0
        for case_id in begun.to_be_tried(now):
            if stopped():
                break
            moved += self._count(begun, case_id, now)
        while not (begun.through or stopped()):
            with self._database.reading() as tx:
                moment = self._office.moment(tx)
                page = begun.pages(tx, begun.after)
                to_move = [case_id for case_id in page if _may_move(self._office, tx, case_id, moment)]
            for case_id in to_move:
                if stopped():
                    return moved
                moved += self._count(begun, case_id, now)
            begun.through = len(page) < _BATCH
            begun.after = page[-1] if page else begun.after
        return moved

    def _count(self, begun: _Begun, case_id: str, now: datetime) -> int:
        """One case, in a transaction of its own; returns how many clocks moved."""
        try:
            with self._database.acting() as tx:
                tx.wait_at_most(_LOCK_SECONDS)
                moved = _recount_locked(self._office, tx, case_id, begun.source)
        except Unavailable:
            raise
        except Conflict:
            begun.leave(case_id, now)
        except Exception:  # a template, a pack or the program is wrong: the others are counted all the same
            _log.exception("%s cannot be counted again", case_id)
            begun.leave(case_id, now)
        else:
            begun.left.pop(case_id, None)
            return moved
        return 0


@dataclass(frozen=True, slots=True)
class _Left:
    """A case that could not be counted."""

    tries: int
    again_at: datetime


@dataclass
class _Begun:
    """How far a recount has come in this process."""

    #: As the letters name it.
    source: str
    #: The next cases behind one, by id.
    pages: Callable[[Transaction, str], list[str]]
    after: str = ""
    #: Whether every case has had its turn.
    through: bool = False
    left: dict[str, _Left] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self.through and not self.left

    def leave(self, case_id: str, now: datetime) -> None:
        """Keep a case for later: for the next time, then for ever longer."""
        tries = self.left[case_id].tries + 1 if case_id in self.left else 0
        wait = _FIRST_WAIT * 2 ** min(tries - 1, 10) if tries else timedelta()
        self.left[case_id] = _Left(tries, now + min(wait, _LONGEST_WAIT))

    def to_be_tried(self, now: datetime) -> list[str]:
        """What has been left, and has waited long enough; or was left by a clock that has been set back since."""
        waiting = (now, now + _LONGEST_WAIT)
        return [one for one, left in self.left.items() if not waiting[0] < left.again_at <= waiting[1]]


def _first_day(notice: HolidayNotice) -> date:
    """After a notice every clock may move that ends on or after this day."""
    named = min((*notice.rest, *notice.work))
    # The year before ends for certain only now.
    return min(named, date(notice.year - 1, 12, 1)) if notice.year is not None else named


def _may_move(office: Office, tx: Transaction, case_id: str, moment: Moment) -> bool:
    """Whether a case is worth its lock, seen without it: most are not; whoever acts meanwhile counts anew anyway."""
    try:
        case = cases.load(tx, case_id)
        if case is None:
            return False
        pack = office.pack_of(case)
        known = known_to(office, tx, case, case.uscc, moment)
        its_timers = pack.machines[case.kind].timers
        return first_overdue(its_timers, case, moment.today) is not None or any(
            decide_recount(pack, case, timer, known, "") for timer in its_timers
        )
    except Unavailable:
        raise
    except Exception:  # it comes again under the lock, and is told there
        return True


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
