"""The ledger desk (台账): everything about money that a host program, the command line or a console may ask for.

``Workflow.ledger`` is one. Each method is one use case; approving, paying and the other acts on one award are events
of its incubator, performed with ``Workflow.perform``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kjfh_workflow.books import forecast, ledger, payments
from kjfh_workflow.books.as_of import Scope
from kjfh_workflow.books.award_acts import with_acts
from kjfh_workflow.books.ledger import Wanted
from kjfh_workflow.books.payments import PaymentList, Reconciled
from kjfh_workflow.books.table import Table
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.permission import require
from kjfh_workflow.casework.views.queries import load_readable
from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.store.database import Database


@dataclass(frozen=True, slots=True)
class CaseLedger:
    """The money of one case."""

    #: How each award stands.
    awards: Table
    #: Every change, oldest first.
    changes: Table


class LedgerDesk:
    """The money of one bureau."""

    def __init__(self, office: Office, database: Database) -> None:
        self._office = office
        self._database = database

    def table(
        self,
        city: str = "",
        wanted: Wanted | None = None,
        *,
        known: date | None = None,
        reader: Actor | None = None,
    ) -> Table:
        """How each award stands, in order of city, case and award; sums by status in the note.

        Args:
            city: only this city's.
            wanted: case, calendar year, status.
            known: as it was on file at the end of this day in Shanghai.
            reader: offices see their city's, operators their own, auditors everything; None for the program itself.

        Raises:
            NotFound: for a city without packs, or a case whose pack is not loaded.
        """
        with self._database.reading() as tx:
            return ledger.listed(self._office, tx, Scope.of(reader, city, known=known), wanted)

    def page(
        self,
        city: str = "",
        wanted: Wanted | None = None,
        *,
        after: str = "",
        limit: int = 200,
        known: date | None = None,
        reader: Actor | None = None,
    ) -> Table:
        """Some of the rows of ``table``, in order of case and award; ``ledger.key_of`` the last continues.

        Each row says besides what the reader's role could do with the award as it stands: see ``award_acts``.

        Args:
            city: only this city's.
            wanted: case, calendar year, status.
            after: only what stands behind this key.
            limit: at most so many.
            known: as in ``table``.
            reader: as in ``table``.

        Raises:
            NotFound: as ``table``.
        """
        with self._database.reading() as tx:
            scope = Scope.of(reader, city, known=known)
            table = ledger.page(self._office, tx, scope, wanted, after=after, limit=limit)
            return with_acts(self._office, tx, scope, table, reader)

    def of_case(self, case: str, *, known: date | None = None, reader: Actor | None = None) -> CaseLedger:
        """The awards of one case, with what the reader could do as in ``page``; and everything that became of them.

        Raises:
            NotFound: if there is no such case, or it is not the reader's to see.
        """
        with self._database.reading() as tx:
            pack = self._office.pack_of(load_readable(tx, case, reader))
            scope = Scope.of(reader, known=known)
            awards = ledger.listed(self._office, tx, scope, Wanted(case))
            return CaseLedger(with_acts(self._office, tx, scope, awards, reader), ledger.changes(pack, tx, case, scope))

    def forecast(self, city: str = "", *, known: date | None = None, reader: Actor | None = None) -> Table:
        """For each calendar year what is paid, committed, likely and possible, in yuan; arguments as in ``table``.

        Raises:
            NotFound: for a city without packs.
        """
        with self._database.reading() as tx:
            return forecast.forecast(self._office, tx, Scope.of(reader, city, known=known))

    def by_year(self, city: str = "", *, known: date | None = None, reader: Actor | None = None) -> Table:
        """For each calendar year the sums in each status, in yuan; arguments as in ``table``.

        Raises:
            NotFound: for a city without packs.
        """
        with self._database.reading() as tx:
            return forecast.by_year_and_status(self._office, tx, Scope.of(reader, city, known=known))

    def payment_list(self, *, by: Actor) -> PaymentList:
        """All approved awards of the actor's city: what may be paid now, and what has to wait and why.

        Raises:
            NotAuthorised: if *by* is not the city's Finance.
            NotFound: for a city without packs.
        """
        require(self._office, by.city, by, [Role.FINANCE], "导出付款清单")
        with self._database.reading() as tx:
            return payments.payment_list(self._office, tx, by.city, by)

    def reconcile(self, path: Path, *, by: Actor) -> Reconciled:
        """Record as paid what a list that came back says was paid; read again, it pays nothing twice.

        Args:
            path: the list as ``payment_list`` wrote it, filled in; ``.xlsx``, or CSV made from it.
            by: who records the payments; not who approved them.

        Raises:
            NotAuthorised: if *by* is not the city's Finance.
            InputError: if the file cannot be read or lacks a column; nothing has been recorded then.
        """
        require(self._office, by.city, by, [Role.FINANCE], "登记付款结果")
        return payments.reconcile(self._office, self._database, path, by.city, by)
