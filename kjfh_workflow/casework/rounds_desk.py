"""The yearly assessments: everything about rounds that a host program, the command line or a console may ask for.

``Workflow.rounds`` is one. Each method is one use case in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kjfh_workflow.casework import rounds as acts
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.rounds import Progress, Round
from kjfh_workflow.casework.trying_again import again
from kjfh_workflow.rules.case import Actor, Reads
from kjfh_workflow.store import rounds
from kjfh_workflow.store.database import Database, Transaction

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one incubator of a round has come."""

    case: str
    name: str
    type_label: str
    state_label: str
    #: The day its report came in; empty if it has not.
    reported_on: str
    #: The grade proposed, or final once the round is closed; empty if there is none.
    grade: str
    grade_label: str
    score: str
    reason: str


class RoundsDesk:
    """The rounds of one bureau."""

    def __init__(self, office: Office, database: Database) -> None:
        self._office = office
        self._database = database

    def open(
        self,
        city: str,
        year: object,
        *,
        by: Actor,
        request_id: str | None = None,
        progress: Progress = lambda _done, _of: None,
    ) -> Round:
        """Open a year's assessment: freeze roster and number of titles, bring everybody on it under assessment.

        Args:
            city: whose incubators.
            year: the running calendar year or the one before.
            by: a leader of the bureau.
            request_id: the caller's own id of this request; the same request again gives the first answer.
            progress: told how many incubators are done, of how many known so far.

        Raises:
            Refused: with every reason; nothing has changed.
            NotFound: for a city without packs.
            Conflict: if the request id was used for something else.
        """
        return self._act(lambda tx: acts.open_round(self._office, tx, city, year, by, request_id, progress))

    def close(
        self,
        city: str,
        year: object,
        *,
        by: Actor,
        request_id: str | None = None,
        progress: Progress = lambda _done, _of: None,
    ) -> Round:
        """Close a year's assessment: every grade becomes final, with all that follows; or nothing does.

        Args:
            city: whose incubators.
            year: of an open round.
            by: a leader of the bureau.
            request_id: the caller's own id of this request; the same request again gives the first answer.
            progress: told how many incubators are done, of how many.

        Raises:
            Refused: with every reason of every incubator; nothing has changed.
            NotFound: for a city without packs.
            Conflict: if the request id was used for something else.
        """
        return self._act(lambda tx: acts.close_round(self._office, tx, city, year, by, request_id, progress))

    def history(self, city: str = "") -> list[Round]:
        """Every opening and closing, oldest round first."""
        with self._database.reading() as tx:
            return [Round.of(row) for row in rounds.all_acts(tx, city)]

    def roster(self, city: str, year: int) -> list[str]:
        """Ids of the incubators in a round; empty if there is no such round."""
        with self._database.reading() as tx:
            return rounds.roster_of(tx, city, year)

    def standings(self, city: str, year: int, *, reader: Actor | None = None) -> list[Standing]:
        """Each incubator of a round: its report, its grade; those that *reader* may see.

        Raises:
            NotFound: for a city without packs.
        """
        self._office.catalog.latest(city)
        found: list[Standing] = []
        reads = reader.reads() if reader else Reads(everything=True)
        with self._database.reading() as tx:
            after = ""
            while batch := rounds.members(tx, city, year, after, _BATCH):
                after = batch[-1].id
                seen = (case for case in batch if reads.everything or (reader and reader.may_read(case)))
                found += [self._standing(case, year) for case in seen]
        return found

    def _standing(self, case: Any, year: int) -> Standing:
        pack = self._office.pack_of(case)
        final = case.memory.get("grades", {}).get(str(year))
        proposed = case.memory.get("proposed") if case.memory.get("assessing") == year else None
        grade = final or proposed or {}
        reason = grade.get("reason", "")
        return Standing(
            case=case.id,
            name=case.name,
            type_label=pack.identity.types[case.type].label,
            state_label=pack.state_label(case.kind, case.state),
            reported_on=case.memory.get("reported", {}).get(str(year), ""),
            grade=grade.get("grade", ""),
            grade_label=pack.words("grades", grade["grade"]) if grade else "",
            score=grade.get("score", ""),
            reason=pack.words("ungraded", reason) if reason else "",
        )

    def _act(self, act: Callable[[Transaction], Round]) -> Round:
        return again(self._database.acting, act)
