"""The books (台账与报表): registers, integrity list, targets and reports, for a host program or the command line.

``Workflow.books`` is one. Each method is one use case in one transaction; what stands in a table is its module's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from kjfh_workflow.books import as_of, integrity, register, reports, targets, tenants, year
from kjfh_workflow.books.as_of import Scope
from kjfh_workflow.books.table import Table
from kjfh_workflow.books.tenants import Imported
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.trying_again import again
from kjfh_workflow.casework.views import queries
from kjfh_workflow.errors import NotFound
from kjfh_workflow.intake.tables import Progress
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.clocks import Clock, clocks_of
from kjfh_workflow.store.database import CoreTransaction, Database


@dataclass(frozen=True, slots=True)
class Past:
    """A case as it was."""

    case: Case
    state_label: str
    clocks: dict[str, Clock]
    #: The day of its last act, as the program noticed it.
    changed_on: date


class Books:
    """The books of one bureau.

    Everywhere *on* is the day in law that is looked at, and *known* the day until whose end what was on file counts;
    both default to everything. *reader* sees what is theirs: offices their city's, auditors everything, applicants
    their own; None is the program itself.
    """

    def __init__(self, office: Office, database: Database) -> None:
        self._office = office
        self._database = database

    # ---- cases and titles --------------------------------------------------------------------------------------

    def case_as_of(
        self, case: str, *, on: date | None = None, known: date | None = None, reader: Actor | None = None
    ) -> Past:
        """One case as it was.

        Raises:
            NotFound: if there was none yet, or it is not the reader's to see.
        """
        with self._database.reading() as tx:
            seen = as_of.case_as_of(tx, case, Scope.of(reader, "", on, known))
            if seen is None:
                raise NotFound(f"there is no case {case!r} as of that day")
            found = seen.case
            label = self._office.pack_of(found).state_label(found.kind, found.state)
            return Past(found, label, clocks_of(found), seen.changed_on)

    def register(
        self, city: str = "", *, on: date | None = None, known: date | None = None, reader: Actor | None = None
    ) -> Table:
        """Who holds which title.

        Raises:
            NotFound: for a city without packs.
        """
        with self._database.reading() as tx:
            return register.register(self._office, tx, self._scope(city, on, known, reader))

    def ended(
        self, city: str = "", *, on: date | None = None, known: date | None = None, reader: Actor | None = None
    ) -> Table:
        """Which titles were cancelled or surrendered.

        Raises:
            NotFound: for a city without packs.
        """
        with self._database.reading() as tx:
            return register.ended(self._office, tx, self._scope(city, on, known, reader))

    # ---- the integrity list ------------------------------------------------------------------------------------

    def bans(
        self, city: str = "", *, on: date | None = None, known: date | None = None, reader: Actor | None = None
    ) -> Table:
        """Which operators may not apply, until when.

        Raises:
            NotFound: for a city without packs.
        """
        with self._database.reading() as tx:
            return integrity.bans(self._office, tx, self._scope(city, on, known, reader))

    def banned_until(self, city: str, uscc: str, *, reader: Actor | None = None) -> date | None:
        """The last barred day of an operator in a city; None if it may apply today.

        Raises:
            NotFound: for a city without packs, or an operator whose bans there are not the reader's to see.
        """
        scope = self._scope(city, None, None, reader)
        reads = scope.reads
        if not (reads.everything or reads.city == city or (reads.uscc and reads.uscc == uscc)):
            raise NotFound(f"the bans of {uscc!r} in {city!r} are not yours to see")
        with self._database.reading() as tx:
            return queries.banned_until(tx, city, uscc, self._office.moment(tx).today)

    def misconduct(
        self, city: str = "", *, on: date | None = None, known: date | None = None, reader: Actor | None = None
    ) -> list[dict[str, Any]]:
        """What has been recorded of reviewers: id, city, person, finding, document_no, article, policy, recorded_….

        Raises:
            NotFound: for a city without packs.
        """
        with self._database.reading() as tx:
            return integrity.misconduct(tx, self._scope(city, on, known, reader))

    def misconduct_table(
        self, city: str = "", *, on: date | None = None, known: date | None = None, reader: Actor | None = None
    ) -> Table:
        """The same as a table.

        Raises:
            NotFound: for a city without packs.
        """
        with self._database.reading() as tx:
            return integrity.misconduct_table(self._office, tx, self._scope(city, on, known, reader))

    def integrity(
        self, city: str = "", *, on: date | None = None, known: date | None = None, reader: Actor | None = None
    ) -> list[Table]:
        """Both as tables, of one moment.

        Raises:
            NotFound: for a city without packs.
        """
        scope = self._scope(city, on, known, reader)
        with self._database.reading() as tx:
            return [integrity.bans(self._office, tx, scope), integrity.misconduct_table(self._office, tx, scope)]

    def record_misconduct(
        self, city: str, *, by: Actor, evidence: Mapping[str, Any], request_id: str | None = None
    ) -> dict[str, Any]:
        """Put a reviewer's misconduct on the list, where the city's document has one; returns the entry.

        Args:
            city: whose list.
            by: whoever the city's pack names.
            evidence: ``person``, ``finding``, ``document_no``.
            request_id: the caller's own id of this request; the same request again gives the first answer.

        Raises:
            Refused: with every reason; nothing has been written.
            NotFound: for a city without packs.
            Conflict: if the request id was used for something else.
        """

        def act(tx: CoreTransaction) -> dict[str, Any]:
            return integrity.record(self._office, tx, city, by, evidence, request_id)

        return again(self._database.writing, act)

    # ---- targets and reports -----------------------------------------------------------------------------------

    def targets(
        self, city: str, *, on: date | None = None, known: date | None = None, reader: Actor | None = None
    ) -> list[Table]:
        """How far the city has come: the targets first, then the list behind each.

        Raises:
            NotFound: for a city without packs, or one that the reader does not see as a whole.
        """
        with self._database.reading() as tx:
            return targets.progress(self._office, tx, self._whole(city, on, known, reader))

    def yearly(
        self, city: str, of: int, *, on: date | None = None, known: date | None = None, reader: Actor | None = None
    ) -> list[Table]:
        """A city's calendar year: titles, grades, awards, changes, bans and misconduct.

        Raises:
            NotFound: as ``targets``.
        """
        with self._database.reading() as tx:
            return year.yearly(self._office, tx, self._whole(city, on, known, reader), of)

    def townships(
        self,
        city: str,
        of: int | None = None,
        *,
        on: date | None = None,
        known: date | None = None,
        reader: Actor | None = None,
    ) -> Table:
        """One row for each township, with the awards of a calendar year: by default that of the day looked at.

        Raises:
            NotFound: as ``targets``.
        """
        scope = self._whole(city, on, known, reader)
        with self._database.reading() as tx:
            money_of = of or scope.day(self._office.moment(tx).today).year
            return reports.townships(self._office, tx, scope, money_of)

    def overdue(self, city: str = "", *, reader: Actor | None = None) -> Table:
        """The work that is late today, and with whom it lies.

        Raises:
            NotFound: for a city without packs.
        """
        with self._database.reading() as tx:
            return reports.overdue(self._office, tx, reader, city)

    # ---- tenants -----------------------------------------------------------------------------------------------

    def import_tenants(
        self,
        incubator: str,
        roster: str | Path | Iterable[Mapping[str, Any]],
        *,
        by: Actor,
        preview: bool = False,
        progress: Progress | None = None,
    ) -> Imported:
        """Bring an incubator's tenancies in line with its roster: all of it, or nothing.

        Args:
            incubator: the incubator's case.
            roster: a spreadsheet (.xlsx or .csv) like the tenants' list of an application folder, or its rows; at most
                ``facts.MOST_ROWS``.
            by: the applicant.
            preview: tell what would happen and who would be refused; nothing is kept.
            progress: called now and then with the firms done so far and the firms in all.

        Raises:
            IntakeError: with every problem of every row.
            NotFound: no such incubator, or not the actor's to see.
            Refused: with every reason, each with its row; nothing has changed.
        """
        # Before anything is read for somebody who may not even see the incubator.
        with self._database.reading() as tx:
            queries.load_readable(tx, incubator, by)
        if isinstance(roster, (str, Path)):
            firms = tenants.read_roster(roster)
        else:
            firms = tenants.listed((f"第{number}行", dict(row)) for number, row in enumerate(roster, 1))

        def act(tx: CoreTransaction) -> Imported:
            return tenants.apply(self._office, tx, incubator, firms, by, preview=preview, progress=progress)

        return again(self._database.trying if preview else self._database.writing, act)

    # ---- who sees what -----------------------------------------------------------------------------------------

    def _scope(self, city: str, on: date | None, known: date | None, reader: Actor | None) -> Scope:
        if city:
            self._office.catalog.versions(city)
        return Scope.of(reader, city, on, known)

    def _whole(self, city: str, on: date | None, known: date | None, reader: Actor | None) -> Scope:
        """For what is only true of a city as a whole."""
        scope = self._scope(city, on, known, reader)
        if not (scope.reads.everything or scope.reads.city == city):
            raise NotFound(f"the books of {city!r} are not yours to see")
        return scope
