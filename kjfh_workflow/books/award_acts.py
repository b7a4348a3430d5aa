"""What somebody could do with each award of a ledger, and how the act names it: a row, and the buttons in it.

Which events an award has is ``rules.award_events``'s; they are performed on its case like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kjfh_workflow.books.as_of import Scope
from kjfh_workflow.books.table import Table
from kjfh_workflow.casework.office import Moment, Office
from kjfh_workflow.casework.perform import known_to
from kjfh_workflow.policy.vocabulary import Field
from kjfh_workflow.rules.award_events import award_events
from kjfh_workflow.rules.award_status import awards_of
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.decided import Known
from kjfh_workflow.store import cases
from kjfh_workflow.store.database import CoreTransaction


class Titles:
    """The cases in which awards stand, each with what a decision may ask; read once for all awards of a case."""

    def __init__(self, office: Office, tx: CoreTransaction, moment: Moment) -> None:
        self._office = office
        self._tx = tx
        self._moment = moment
        self._found: dict[str, tuple[Case, Known]] = {}

    def of(self, row: Mapping[str, Any]) -> tuple[Case, Known]:
        """The case of a row of the ledger."""
        if row["case"] not in self._found:
            case = cases.load(self._tx, row["case"])
            assert case is not None, "an award stands in a case"  # noqa: S101
            self._found[case.id] = case, known_to(self._office, self._tx, case, case.uscc, self._moment)
        return self._found[row["case"]]


def with_acts(office: Office, tx: CoreTransaction, scope: Scope, table: Table, actor: Actor | None) -> Table:
    """The ledger; its rows say besides what to send with an act on the award, and which acts there are.

    A row has ``evidence``, which names the award, beside the ``version`` of its case, to be expected by the act; and
    ``events``, name and label of each that *actor*'s role could perform on it as it stands on file. None are told
    where nobody is named, nor of what was on file on a past day.
    """
    titles = Titles(office, tx, office.moment(tx))

    def acts_of(row: Mapping[str, Any]) -> dict[str, Any]:
        if actor is None or not scope.is_now:
            return {"version": None, "events": []}
        case, known = titles.of(row)
        pack, award = office.pack_of(case), awards_of(case.memory)[row["award"]]
        labels, possible = pack.machines[case.kind].events, award_events(pack, case, award, actor, known)
        return {"version": case.version, "events": [{"event": event, "label": labels[event]} for event in possible]}

    return replace(table, rows=[{**row, "evidence": selectors_of(row), **acts_of(row)} for row in table.rows])


def selectors_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """How an event names the award of a ledger's row."""
    # Only promotions have their level in their key: a year may bring two.
    level = "".join(row["award"].split("/")[3:])
    named = {
        Field.KIND: row["kind"],
        Field.YEAR: row["year"],
        Field.INSTALMENT: row["instalment"],
        Field.LEVEL: level,
    }
    return {str(field): value for field, value in named.items() if value}
