"""Acting on cases: open one, perform an event, and preview both; alone or in the host's own transaction.

``Workflow`` is one who acts; what an act is, and does, is ``perform``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from kjfh_workflow.casework import perform as acts
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.outcome import Outcome
from kjfh_workflow.casework.trying_again import BEATEN, again
from kjfh_workflow.casework.views import queries
from kjfh_workflow.casework.views.foretold import foretold
from kjfh_workflow.errors import Conflict, Refused, WorkflowError
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.store import cases
from kjfh_workflow.store.database import Clash, CoreTransaction, Database, Transaction, joined

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class Acting:
    """Who acts on the cases of one bureau."""

    _office: Office
    _database: Database

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
        hide_unreadable: bool = False,
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
            hide_unreadable: as for ``perform``, for the parent.

        Raises:
            Refused: with every reason, each with its article; nothing has changed.
            NotFound: for a city without packs; no such parent.
            Conflict: if the request id was used for something else.
        """

        def act(tx: Transaction) -> Outcome:
            given, where = evidence or {}, city or by.city
            return acts.open_case(
                self._office, tx, _kind(kind), event, by, given, where, request_id, parent or "",
                hide_unreadable=hide_unreadable,
            )  # fmt: skip

        return self._act(act, connection).told_to(by)

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
        hide_unreadable: bool = False,
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
            hide_unreadable: a case that *by* may not read is ``NotFound``, as for a reader. Without it the refusal says
                whose case it is (``other_city``), and so that there is one.

        Raises:
            Refused: with every reason, each with its article; nothing has changed.
            NotFound: no such case.
            Conflict: the case moved meanwhile, or the request id was used for something else.
        """

        def act(tx: Transaction) -> Outcome:
            return acts.perform(
                self._office, tx, case, event, by, evidence or {}, request_id, expected_version,
                hide_unreadable=hide_unreadable,
            )  # fmt: skip

        return self._act(act, connection).told_to(by)

    def preview(self, case: str, event: str, *, by: Actor, evidence: Mapping[str, Any] | None = None) -> Outcome:
        """What ``perform`` would do, with the letters it would send: the same call, rolled back.

        A refusal is told, not raised. What it would open has no id yet.

        Raises:
            NotFound: no such case, or not this actor's to see.
        """

        def act(tx: CoreTransaction) -> Outcome:
            found = queries.load_readable(tx, case, by)
            held = [found, *_found(tx, found.parent)]
            try:
                return foretold(tx, acts.perform(self._office, tx, case, event, by, evidence or {}), by, held)
            except Refused as error:
                return Outcome.refused(found, event, error.refusals)

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
        hide_unreadable: bool = False,
    ) -> Outcome:
        """What ``open_case`` would do, with the letters it would send; nothing is kept, and the case has no id yet.

        Raises:
            NotFound: for a city without packs; no such parent.
        """

        def act(tx: CoreTransaction) -> Outcome:
            given, where, held = evidence or {}, city or by.city, _found(tx, parent)
            try:
                done = acts.open_case(
                    self._office, tx, _kind(kind), event, by, given, where, None, parent,
                    hide_unreadable=hide_unreadable,
                )  # fmt: skip
            except Refused as error:
                pack = self._office.pack_of(held[0]) if held else self._office.catalog.latest(where)
                nowhere = Case("", pack.city, _kind(kind), pack.version, "")
                return Outcome.refused(nowhere, event, error.refusals)
            return foretold(tx, done, by, held)

        return again(self._database.trying, act)

    def _act(self, act: Callable[[Transaction], Outcome], connection: Connection | Session | None) -> Outcome:
        if connection is not None:
            try:
                with joined(connection) as tx:
                    return act(tx)
            except Clash as error:
                raise Conflict(BEATEN) from error
        return again(self._database.acting, act)


def _found(tx: CoreTransaction, case_id: str) -> list[Case]:
    """The case with this id, if there is one."""
    found = cases.load(tx, case_id) if case_id else None
    return [found] if found else []


def _kind(name: str) -> CaseKind:
    try:
        return CaseKind(name)
    except ValueError:
        raise WorkflowError(f"unknown kind of case {name!r}; allowed: {', '.join(CaseKind)}") from None
