"""``Workflow``: the composition root, and the whole public surface for a host program.

Nothing happens at import; everything is opened when a ``Workflow`` is made. Each method is one use case in one
transaction; the use cases themselves stand in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, TextIO

from sqlalchemy import Connection, Engine

from kjfh_workflow.books.desk import Books
from kjfh_workflow.books.ledger_desk import LedgerDesk
from kjfh_workflow.casework import confirming, recounting, ticks
from kjfh_workflow.casework.acting import Acting
from kjfh_workflow.casework.feed.events_desk import EventsDesk
from kjfh_workflow.casework.files.files_desk import FilesDesk
from kjfh_workflow.casework.mail import deliver as delivery
from kjfh_workflow.casework.mail.deliver import Delivered
from kjfh_workflow.casework.mail.mail_room import MailRoom
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.opening import (
    configured_channels,
    load_catalog,
    load_templates,
    opened_database,
    refuse_strangers,
)
from kjfh_workflow.casework.proof import sealing, verify
from kjfh_workflow.casework.rounds_desk import RoundsDesk
from kjfh_workflow.casework.ticks import Ticked
from kjfh_workflow.casework.views import docket as dockets
from kjfh_workflow.casework.views import dossier, finding, first_screen, new_cases, queries
from kjfh_workflow.casework.views.docket import Docket
from kjfh_workflow.casework.views.dossier import Dossier, EventShown, PastShown
from kjfh_workflow.casework.views.first_screen import FirstScreen
from kjfh_workflow.casework.views.queries import CaseView, Possible
from kjfh_workflow.clock import Clock
from kjfh_workflow.errors import NotFound, WorkflowError
from kjfh_workflow.notices.channels.config import Channels
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.rules.calendar import WorkCalendar
from kjfh_workflow.rules.case import Actor, reads_of
from kjfh_workflow.store import calendars, figures, history, migrate, registry, timers
from kjfh_workflow.store.cases import Filter
from kjfh_workflow.store.database import Database, joined
from kjfh_workflow.store.figures import Figures

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class Workflow(Acting):
    """The case management of one bureau on one database.

    Args:
        database: a URL (``sqlite:///kjfh.db``, ``postgresql://…``), a SQLAlchemy engine of the host's, or a
            ``Database``.
        states: folders of policy packs that come before the program's own; a pack of the same city and version
            replaces it. Or a ``Catalog``, to load them once for several.
        templates: folders of notice templates that come before the program's own.
        channels: how notices leave: a ``channels.toml``, or ``Channels``. Without them letters wait in the outbox, and
            whoever they are for can read them in the inbox.
        clock: where the time comes from; by default the database's clock, on SQLite the machine's.
        create: bring the schema up to date first, as ``kjfh db upgrade`` does.
        connections: to a database given by its URL: at most so many at once.

    Raises:
        PolicyError: if a pack cannot be used, with every problem.
        InputError: if the channels cannot be used, with every problem.
        SchemaMismatch: if the database's schema does not fit this program.
    """

    def __init__(
        self,
        database: str | Engine | Database,
        *,
        states: Iterable[str | Path] | Catalog = (),
        templates: Iterable[str | Path] = (),
        channels: str | Path | Channels | None = None,
        clock: Clock | None = None,
        create: bool = False,
        connections: int = 15,
    ) -> None:
        #: Whether this program has been told how letters leave.
        self.delivers = channels is not None
        self._channels = configured_channels(channels)
        #: Whether the engine is ours, to be closed with us.
        self._opened = isinstance(database, str)
        self._database = opened_database(database, connections)
        renderer = load_templates(templates)
        catalog = load_catalog(states, templates)
        refuse_strangers(self._channels, catalog)
        self._office = Office(catalog, clock, renderer)
        #: The letters; the yearly assessments; register, lists, targets and reports; the money; what has happened.
        self.mail_room = MailRoom(self._office, self._database, self._channels)
        self.rounds = RoundsDesk(self._office, self._database)
        self.books = Books(self._office, self._database)
        self.ledger = LedgerDesk(self._office, self._database)
        self.files = FilesDesk(self._office, self._database)
        self.events = EventsDesk(self._office, self._database)
        self._recounting = recounting.Recounting(self._office, self._database)
        try:
            with self._database.speaking():
                if not self._opened:
                    self._database.refuse_autocommit()
                if create:
                    migrate.upgrade(self._database.engine)
                migrate.check(self._database.engine)
        except BaseException:
            self.close()
            raise

    @property
    def catalog(self) -> Catalog:
        """The policy packs."""
        return self._office.catalog

    @property
    def today(self) -> date:
        """Today in Shanghai."""
        with self._database.reading() as tx:
            return self._office.moment(tx).today

    def close(self) -> None:
        """Close the connections to a database given by its URL; an engine or a ``Database`` is the host's to close."""
        if self._opened:
            self._database.engine.dispose()

    # ---- time ------------------------------------------------------------------------------------------------------

    def tick(self, stopped: Callable[[], bool] = lambda: False) -> Ticked:
        """Let everything happen whose time has come, oldest first; to be called by any scheduler, in any process.

        Clocks that a new holiday notice may move are counted again first: no alarm rings on a day that has moved.

        Args:
            stopped: asked between two commits; True ends the tick early.

        Raises:
            Unavailable: if the database is gone; what was not committed is still due.
        """
        self._recounting.go_on(stopped)
        ticked = ticks.tick(self._office, self._database, stopped)
        self.events.publish_all(stopped)
        return ticked

    def deliver(self, stop: Event | None = None) -> Delivered:
        """Send every letter that is due, each channel in a thread of its own, until nothing is.

        Any number of processes may do so at once. A letter leaves at least once, always with the same number and text.

        Args:
            stop: when set, the call returns after the letters that are being sent.

        Raises:
            WorkflowError: if nobody has said how letters leave: what another program could send is not given up here.
            Unavailable: if the database is gone; what was not committed is still due.
        """
        if not self.delivers:
            raise WorkflowError("no channels are configured: letters wait in the outbox")
        return delivery.deliver(self._office, self._database, self._channels, stop=stop)

    def failing(self, *, reader: Actor | None = None) -> list[dict[str, Any]]:
        """The alarms that could not ring: case, timer, alarm, error, attempts, when they are tried again."""
        with self._database.reading() as tx:
            return timers.failing(tx, reads_of(reader))

    def figures(self) -> Figures:
        """How much is waiting (alarms, letters, events), and since when; for whoever watches the service."""
        with self._database.reading() as tx:
            return figures.figures(tx, self._office.now(tx))

    def now(self) -> datetime:
        """The instant on the clock that the office goes by."""
        with self._database.reading() as tx:
            return self._office.now(tx)

    def next_ring(self) -> datetime | None:
        """When something is due next; None if nothing is."""
        with self._database.reading() as tx:
            return timers.next_ring(tx)

    def announce_holidays(
        self, source: str, *, by: Actor, year: int | None = None, rest: Iterable[date] = (), work: Iterable[date] = ()
    ) -> int:
        """Record what was announced after the calendar data was made; the next tick counts running clocks again.

        What is on file already, and still holds, is not recorded again, whoever says it.

        Args:
            source: where it is written, like 国办发明电〔2026〕7号.
            by: an admin.
            year: the year whose whole arrangement this is; None where it only changes some days.
            rest: days on which offices rest.
            work: days on which they work, though they are weekend days or were announced as rest days.

        Returns:
            The notice's number; of the one on file, where it says the same.

        Raises:
            NotAuthorised: if *by* is no admin.
            InputError: where it says nothing, contradicts itself, or names no source.
        """
        with self._database.writing() as tx:
            return recounting.announce(self._office, tx, by, source, year, rest, work)

    def holiday_notices(self, *, reader: Actor | None = None) -> list[dict[str, Any]]:
        """Every notice so far, how many clocks it moved, and which of the reader's cases it came too late for."""
        with self._database.reading() as tx:
            overtaken = calendars.overtaken(tx, reads_of(reader))
            return [{**row, "overtaken": overtaken[row["id"]]} for row in calendars.recorded(tx)]

    def calendar(self) -> WorkCalendar:
        """The working days as they are known now."""
        with self._database.reading() as tx:
            return self._office.moment(tx).calendar

    # ---- looking -----------------------------------------------------------------------------------------------

    def case(
        self, case: str, *, reader: Actor | None = None, connection: Connection | Session | None = None
    ) -> CaseView:
        """One case with facts, criteria, clocks, timeline, notices; as *reader* may see it, or all of it.

        Args:
            case: its id.
            reader: whose eyes; None for the program itself.
            connection: the host's connection or session: also what its transaction has not committed yet is seen.

        Raises:
            NotFound: if there is none, or it is not the reader's to see.
        """
        with self._database.reading() if connection is None else joined(connection) as tx:
            return queries.view(self._office, tx, case, reader, self._office.moment(tx))

    def cases(
        self,
        wanted: Filter | None = None,
        *,
        reader: Actor | None = None,
        sort: str = "id",
        after: str = "",
        limit: int = 200,
    ) -> list[dict[str, Any]]:
        """Cases that *reader* may see, filtered and sorted, in words: with deadlines, tenants, and what is to be done.

        Args:
            wanted: city, kinds, states, operator, parent, type, level, when changed or opened, text, open or over, or
                only what waits for the reader's act.
            reader: None for the program itself.
            sort: ``id``, ``-id`` (newest opened first within a city), ``changed_at`` or ``-changed_at``.
            after: continue behind this row's ``key``; in order of id, its id will do.
            limit: at most so many.

        Raises:
            NotFound: for a city without packs.
            InputError: for a name that no pack knows, and for a key that is none or belongs to another order.
        """
        with self._database.reading() as tx:
            return finding.listed(self._office, tx, wanted or Filter(), reader, sort, after, limit)

    def dossier(self, case: str, *, reader: Actor) -> Dossier:
        """Everything that a case's screen shows, of one moment: the case, and what *reader* may do with it.

        Raises:
            NotFound: if there is no such case, or it is not the reader's to see.
        """
        return dossier.read(self._office, self._database, case, reader)

    def openings(self, *, reader: Actor, city: str = "") -> tuple[EventShown, ...]:
        """With which events *reader* may open a case that belongs to no other, in the shape of a dossier's ``events``.

        Args:
            reader: who would open it.
            city: whose policy; the reader's by default.

        Raises:
            NotFound: for a city without packs.
        """
        return new_cases.openings(self._office, self._database, city or reader.city, reader)

    def past(self, case: str, *, reader: Actor, on: date | None = None, known: date | None = None) -> PastShown:
        """A case as it was in law on a day, as far as it was on file at the end of a day; see ``Books.case_as_of``.

        Raises:
            NotFound: if there was none yet, or it is not the reader's to see.
        """
        found, today = self.books.case_as_of(case, on=on, known=known, reader=reader), self.today
        return dossier.past(self._office, found, on or min(known or today, today), reader)

    def first_screen(self, *, reader: Actor, days: int = 30) -> FirstScreen:
        """What waits for somebody: their acts, counts, what is overdue or falls due within so many days, rounds, bans.

        Raises:
            WorkflowError: if *days* is out of range.
        """
        with self._database.reading() as tx:
            return first_screen.first_screen(self._office, tx, reader, days)

    def allowed_events(self, case: str, *, by: Actor) -> list[Possible]:
        """Each event of the case's state, with yes, or all reasons why not, for this actor.

        Raises:
            NotFound: if there is no such case, or it is not the actor's to see.
        """
        with self._database.trying() as tx:
            return queries.possible_events(self._office, tx, case, by)

    def docket(self, *, days: int = 90, city: str = "", reader: Actor | None = None) -> Docket:
        """What falls due within so many days, and what is overdue; with where each case ends if nobody acts.

        Args:
            days: how far ahead to look.
            city: only this city's.
            reader: whose cases; None for the program itself.

        Raises:
            NotFound: for a city without packs.
            WorkflowError: if *days* is out of range.
        """
        with self._database.reading() as tx:
            return dockets.docket(self._office, tx, reader, days, city)

    def banned_until(self, uscc: str, city: str) -> date | None:
        """The last barred day of an operator in a city; None if it may apply today."""
        with self._database.reading() as tx:
            return queries.banned_until(tx, city, uscc, self._office.moment(tx).today)

    # ---- proving -----------------------------------------------------------------------------------------------

    def verify(self, *, checkpoint: str = "") -> verify.Report:
        """Check every hash and chain, fold every case again, and compare every other row with what that gives.

        Args:
            checkpoint: the hash of a checkpoint that was kept elsewhere; it must be among those on file.
        """
        with self._database.reading() as tx:
            return verify.verify_database(tx, checkpoint)

    def checkpoint(self) -> history.Checkpoint | None:
        """Seal what has been written since the last checkpoint; None if nothing has.

        Writers wait only while its end is found, not while the rows are hashed.

        Raises:
            Conflict: if somebody is writing for longer than a moment, or others make checkpoints, too: try again.
        """
        return sealing.make_checkpoint(self._office, self._database)

    def export(self, out: TextIO) -> int:
        """Write all history as JSON lines, which ``kjfh verify --export`` proves without a database."""
        with self._database.reading() as tx:
            return verify.export(tx, out)

    # ---- confirming what the text leaves open ----------------------------------------------------------------------

    def confirm(
        self, city: str, key: str, *, by: Actor, on: date | None = None, note: str = "", version: str = ""
    ) -> None:
        """Record that the bureau has confirmed a provision that the text does not state; the same again is not doubled.

        Args:
            city: whose pack.
            key: the provision's key, as ``kjfh policy open-questions`` lists it.
            by: an admin of the city.
            on: the day of the confirmation; today by default.
            note: what was decided, or where it is written.
            version: which version of the pack; the newest by default.

        Raises:
            NotAuthorised: if *by* is no admin of the city.
            NotFound: for an unknown city, version or key.
        """
        with self._database.writing() as tx:
            confirming.confirm(self._office, tx, city, key, by, on, note, version)

    def confirmations(self, city: str, version: str, *, reader: Actor | None = None) -> list[dict[str, Any]]:
        """What has been confirmed of a pack, oldest first.

        Raises:
            NotFound: if they are not the reader's to see.
        """
        reads = reads_of(reader)
        if not (reads.everything or reads.city == city):
            raise NotFound(f"the confirmations of {city!r} are not yours to see")
        with self._database.reading() as tx:
            return registry.confirmations_of(tx, city, version)
