"""``Workflow``: the composition root, and the whole public surface for a host program.

Nothing happens at import; everything is opened when a ``Workflow`` is made. Each method is one use case in one
transaction; the use cases themselves stand in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from threading import Event
from typing import Any, TextIO

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from kjfh_workflow.books.desk import Books
from kjfh_workflow.books.ledger_desk import LedgerDesk
from kjfh_workflow.casework import confirming, queries, recounting, ticks, verify
from kjfh_workflow.casework import deliver as delivery
from kjfh_workflow.casework import docket as dockets
from kjfh_workflow.casework import perform as acts
from kjfh_workflow.casework.deliver import Delivered
from kjfh_workflow.casework.docket import Docket
from kjfh_workflow.casework.mail_room import MailRoom
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.opening import (
    configured_channels,
    load_catalog,
    load_templates,
    opened_database,
    refuse_strangers,
)
from kjfh_workflow.casework.outcome import Outcome
from kjfh_workflow.casework.queries import CaseView, Possible
from kjfh_workflow.casework.rounds_desk import RoundsDesk
from kjfh_workflow.casework.ticks import Ticked
from kjfh_workflow.casework.trying_again import again
from kjfh_workflow.clock import Clock
from kjfh_workflow.errors import Conflict, Refused, WorkflowError
from kjfh_workflow.notices.channels.config import Channels
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.calendar import WorkCalendar
from kjfh_workflow.rules.case import Actor, Reads
from kjfh_workflow.store import calendars, cases, history, migrate, registry, timers
from kjfh_workflow.store.cases import Filter
from kjfh_workflow.store.database import Clash, CoreTransaction, Database, Transaction, joined


class Workflow:
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
    ) -> None:
        #: Whether this program has been told how letters leave.
        self.delivers = channels is not None
        self._channels = configured_channels(channels)
        self._database = opened_database(database)
        renderer = load_templates(templates)
        catalog = load_catalog(states, templates)
        refuse_strangers(self._channels, catalog)
        self._office = Office(catalog, clock, renderer)
        #: The letters; the yearly assessments; register, lists, targets and reports; the money.
        self.mail_room = MailRoom(self._office, self._database, self._channels)
        self.rounds = RoundsDesk(self._office, self._database)
        self.books = Books(self._office, self._database)
        self.ledger = LedgerDesk(self._office, self._database)
        try:
            with self._database.speaking():
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
        """Give the database's connections back."""
        self._database.engine.dispose()

    # ---- acting ------------------------------------------------------------------------------------------------

    def open_case(
        self,
        kind: str,
        event: str,
        *,
        by: Actor,
        city: str | None = None,
        evidence: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        parent: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Outcome:
        """Open a case with its first event; ``outcome.case`` is its id.

        Args:
            kind: ``application``, or another kind of case.
            event: the event that leads from ``new``: ``submit``.
            by: who acts, as the host has authenticated them.
            city: whose policy; the actor's by default. The pack in force today is taken and kept for good.
            evidence: what the event asks for.
            parent: of a change, a promotion or a tenancy: the id of the incubator that it belongs to.
            request_id: the caller's own id of this request; the same request again gives the first answer.
            connection: the host's connection or session: the act joins its transaction and never commits it.

        Raises:
            Refused: with every reason, each with its article; nothing has changed.
            NotFound: for a city without packs.
            Conflict: if the request id was used for something else.
        """

        def act(tx: Transaction) -> Outcome:
            given, where = evidence or {}, city or by.city
            return acts.open_case(self._office, tx, CaseKind(kind), event, by, given, where, request_id, parent or "")

        return self._act(act, connection)

    def perform(
        self,
        case: str,
        event: str,
        *,
        by: Actor,
        evidence: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        expected_version: int | None = None,
        connection: Connection | Session | None = None,
    ) -> Outcome:
        """Perform an event on a case: the only way to change one.

        Args:
            case: its id.
            event: as in the pack's machine.
            by: who acts, as the host has authenticated them.
            evidence: what the event asks for.
            request_id: the caller's own id of this request; the same request again gives the first answer.
            expected_version: refuse to act if the case has moved on since it was read.
            connection: the host's connection or session: the act joins its transaction and never commits it.

        Raises:
            Refused: with every reason, each with its article; nothing has changed.
            NotFound: no such case.
            Conflict: the case moved meanwhile, or the request id was used for something else.
        """

        def act(tx: Transaction) -> Outcome:
            return acts.perform(self._office, tx, case, event, by, evidence or {}, request_id, expected_version)

        return self._act(act, connection)

    def preview(self, case: str, event: str, *, by: Actor, evidence: Mapping[str, Any] | None = None) -> Outcome:
        """What ``perform`` would do: the same call, rolled back; a refusal is told, not raised.

        Raises:
            NotFound: no such case, or not this actor's to see.
        """

        def act(tx: CoreTransaction) -> Outcome:
            found = queries.load_readable(tx, case, by)
            try:
                return acts.perform(self._office, tx, case, event, by, evidence or {})
            except Refused as error:
                return Outcome.refused(case, event, found.state, found.version, error.refusals)

        return again(self._database.trying, act)

    def preview_open(
        self,
        kind: str,
        event: str,
        *,
        by: Actor,
        city: str | None = None,
        evidence: Mapping[str, Any] | None = None,
        parent: str = "",
    ) -> Outcome:
        """What ``open_case`` would do; nothing is kept.

        Raises:
            NotFound: for a city without packs.
        """

        def act(tx: CoreTransaction) -> Outcome:
            try:
                given, where = evidence or {}, city or by.city
                return acts.open_case(self._office, tx, CaseKind(kind), event, by, given, where, None, parent)
            except Refused as error:
                return Outcome.refused("", event, "", 0, error.refusals)

        return again(self._database.trying, act)

    def tick(self, stopped: Callable[[], bool] = lambda: False) -> Ticked:
        """Let everything happen whose time has come, oldest first; to be called by any scheduler, in any process.

        Args:
            stopped: asked between two commits; True ends the tick early.

        Raises:
            Unavailable: if the database is gone; what was not committed is still due.
        """
        recounting.recount(self._office, self._database, stopped)
        return ticks.tick(self._office, self._database, stopped)

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

    def failing(self) -> list[dict[str, Any]]:
        """The alarms that could not ring: case, timer, alarm, error, attempts, when they are tried again."""
        with self._database.reading() as tx:
            return timers.failing(tx)

    def now(self) -> datetime:
        """The instant on the clock that the office goes by."""
        with self._database.acting() as tx:
            return self._office.now(tx)

    def next_ring(self) -> datetime | None:
        """When something is due next; None if nothing is."""
        with self._database.reading() as tx:
            return timers.next_ring(tx)

    def announce_holidays(
        self, source: str, *, by: Actor, year: int | None = None, rest: Iterable[date] = (), work: Iterable[date] = ()
    ) -> int:
        """Record what was announced after the calendar data was made; the next tick counts running clocks again.

        Args:
            source: where it is written, like 国办发明电〔2026〕7号.
            by: an admin.
            year: the year whose whole arrangement this is; None where it only changes some days.
            rest: days on which offices rest.
            work: days on which they work, though they are weekend days or were announced as rest days.

        Returns:
            The notice's number.

        Raises:
            NotAuthorised: if *by* is no admin.
            InputError: where it says nothing, contradicts itself, or names no source.
        """
        with self._database.writing() as tx:
            return recounting.announce(self._office, tx, by, source, year, rest, work)

    def holiday_notices(self) -> list[dict[str, Any]]:
        """Every notice recorded so far, how many clocks it moved, and for which it came too late."""
        with self._database.reading() as tx:
            overtaken = calendars.overtaken(tx)
            return [{**row, "overtaken": overtaken[row["id"]]} for row in calendars.recorded(tx)]

    def calendar(self) -> WorkCalendar:
        """The working days as they are known now."""
        with self._database.reading() as tx:
            return self._office.moment(tx).calendar

    # ---- looking -----------------------------------------------------------------------------------------------

    def case(self, case: str, *, reader: Actor | None = None) -> CaseView:
        """One case with facts, criteria, clocks, timeline, notices; as *reader* may see it, or all of it.

        Raises:
            NotFound: if there is none, or it is not the reader's to see.
        """
        with self._database.reading() as tx:
            return queries.view(self._office, tx, case, reader)

    def cases(
        self, wanted: Filter | None = None, *, reader: Actor | None = None, after: str = "", limit: int = 200
    ) -> list[dict[str, Any]]:
        """Cases in order of id: those *reader* may see, filtered.

        Args:
            wanted: city, kind, state, operator.
            reader: None for the program itself.
            after: continue behind this id.
            limit: at most so many.
        """
        reads = reader.reads() if reader else Reads(everything=True)
        with self._database.reading() as tx:
            return cases.find(tx, reads, wanted or Filter(), after=after, limit=limit)

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
        """Seal what has been written since the last checkpoint; None if nothing has."""
        with self._database.writing() as tx:
            return history.make_checkpoint(tx, self._office.now(tx))

    def export(self, out: TextIO) -> int:
        """Write all history as JSON lines, which ``kjfh verify --export`` proves without a database."""
        with self._database.reading() as tx:
            return verify.export(tx, out)

    # ---- confirming what the text leaves open ----------------------------------------------------------------------

    def confirm(
        self, city: str, key: str, *, by: Actor, on: date | None = None, note: str = "", version: str = ""
    ) -> None:
        """Record that the bureau has confirmed a provision that the text does not state.

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

    def confirmations(self, city: str, version: str) -> list[dict[str, Any]]:
        """What has been confirmed of a pack, oldest first."""
        with self._database.reading() as tx:
            return registry.confirmations_of(tx, city, version)

    # ---- transactions ------------------------------------------------------------------------------------------

    def _act(self, act: Callable[[Transaction], Outcome], connection: Connection | Session | None) -> Outcome:
        if connection is not None:
            host = connection.connection() if isinstance(connection, Session) else connection
            try:
                with joined(host) as tx:
                    return act(tx)
            except Clash as error:
                raise Conflict(f"somebody else was first: {error}") from error
        return again(self._database.acting, act)
