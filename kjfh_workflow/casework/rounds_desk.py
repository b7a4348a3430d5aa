"""The yearly assessments: everything about rounds that a host program, the command line or a console may ask for.

``Workflow.rounds`` is one. Each method is one use case in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kjfh_workflow.casework import rounds as acts
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.rounds import Progress, Round
from kjfh_workflow.casework.trying_again import again
from kjfh_workflow.casework.views import round_standings
from kjfh_workflow.casework.views.round_standings import OpeningShown, RoundStanding, Standing
from kjfh_workflow.errors import NotFound, Refusal, Refused
from kjfh_workflow.rules.case import Actor, reads_of
from kjfh_workflow.store import rounds
from kjfh_workflow.store.database import CoreTransaction, Database, Transaction
from kjfh_workflow.store.paging import CASE, check_key


class _Enough(Exception):
    """Nothing stood in the way of the first act."""


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
        expected_tag: str | None = None,
        progress: Progress = lambda _done, _of: None,
    ) -> Round:
        """Close a year's assessment: every grade becomes final, with all that follows; or nothing does.

        Args:
            city: whose incubators.
            year: of an open round.
            by: a leader of the bureau.
            request_id: the caller's own id of this request; the same request again gives the first answer.
            expected_tag: the ``tag`` of the round as it was seen: an act on any of its incubators since then, a grade
                changed a second ago, and it is not closed.
            progress: told how many incubators are done, of how many.

        Raises:
            Refused: with every reason of every incubator; nothing has changed.
            NotFound: for a city without packs.
            Moved: if the round is not as *expected_tag* says.
            Conflict: if the request id was used for something else.
        """
        return self._act(
            lambda tx: acts.close_round(self._office, tx, city, year, by, request_id, progress, expected_tag)
        )

    def history(self, city: str = "", *, reader: Actor | None = None) -> list[Round]:
        """Every opening and closing, oldest round first; of the cities that *reader* sees as a whole.

        Raises:
            NotFound: for a city that the reader does not see as a whole.
        """
        if city and reader:
            self._check_city(city, reader)
        with self._database.reading() as tx:
            return [Round.of(row) for row in rounds.all_acts(tx, city) if _sees_city(reader, row["city"])]

    def roster(self, city: str, year: int, *, reader: Actor | None = None) -> list[str]:
        """Ids of the incubators in a round; empty if there is no such round.

        Raises:
            NotFound: for a city that *reader* does not see as a whole.
        """
        if reader:
            self._check_city(city, reader)
        with self._database.reading() as tx:
            return rounds.roster_of(tx, city, year)

    def standings(
        self, city: str, year: int, *, reader: Actor | None = None, after: str = "", limit: int | None = None
    ) -> list[Standing]:
        """Each incubator of a round, by id: its report, its grade; those that *reader* may see.

        Args:
            city: whose round.
            year: of which year.
            reader: who looks; None for the program itself.
            after: only those behind this id.
            limit: at most so many; None for all.

        Raises:
            NotFound: for a city without packs.
            InputError: if *after* cannot be a case's id.
        """
        self._office.catalog.latest(city)
        check_key(after, CASE)
        found: list[Standing] = []
        with self._database.reading() as tx:
            for case in round_standings.members_of(tx, city, year, after):
                if reader is None or reader.may_read(case):
                    if len(found) == limit:
                        break
                    official = reader is None or reader.is_official
                    found.append(round_standings.standing_of_one(self._office, case, year, official=official))
        return found

    def standing_of(self, city: str, year: int, *, reader: Actor | None = None, first: int = 0) -> RoundStanding:
        """How far a round has come: who has reported and who has a grade, what is left of the quota, what may be done.

        Reads every incubator in it, of one moment, and holds none.

        Args:
            city: whose round.
            year: of which year.
            reader: who looks, and may open and close it or not; None for the program itself.
            first: how many of its incubators are shown with it, as ``standings`` shows them.

        Raises:
            NotFound: if there is no such round, or the reader does not see the city as a whole.
        """
        self._check_city(city, reader)
        with self._database.reading() as tx:
            return round_standings.standing_of(self._office, tx, city, year, reader, first)

    def preview_open(self, city: str, year: int, *, by: Actor, first: int = 200) -> OpeningShown:
        """What opening a round would do: who would be in it, how many titles count; or every reason against it.

        The incubators' own acts are only tried with the first. For as long as that takes, every title of the city is
        held, as by ``open``; nothing is kept.

        Args:
            city: whose round.
            year: of which year.
            by: who would open it.
            first: how many of the incubators are shown.

        Raises:
            NotFound: for a city that *by* does not see as a whole.
        """
        self._check_city(city, by)

        def act(tx: CoreTransaction) -> OpeningShown:
            shown = round_standings.opening_of(self._office, tx, city, year, by, first)
            refusals = shown.refusals or _refusals_of(
                lambda: acts.open_round(self._office, tx, city, year, by, progress=_enough)
            )
            return replace(shown, refusals=refusals)

        return again(self._database.trying, act)

    def preview_close(self, city: str, year: object, *, by: Actor) -> tuple[Refusal, ...]:
        """What stands in the way of closing a round: every reason, as ``close`` would name it; none if nothing does.

        What looks across all incubators is looked at, and nothing is kept; their own acts are only tried with the
        first. For as long as that takes, the incubators in it are held, as by ``close``.

        Raises:
            NotFound: for a city that *by* does not see as a whole.
        """
        self._check_city(city, by)

        def act(tx: CoreTransaction) -> tuple[Refusal, ...]:
            return _refusals_of(lambda: acts.close_round(self._office, tx, city, year, by, progress=_enough))

        return again(self._database.trying, act)

    def _check_city(self, city: str, reader: Actor | None) -> None:
        self._office.catalog.latest(city)
        if not _sees_city(reader, city):
            raise NotFound(f"the rounds of {city!r} are not yours to see")

    def _act(self, act: Callable[[Transaction], Round]) -> Round:
        return again(self._database.acting, act)


def _enough(_done: int, _of: int) -> None:
    raise _Enough


def _refusals_of(act: Callable[[], Round]) -> tuple[Refusal, ...]:
    """Why an act is refused; none if its first incubator has done its part."""
    try:
        act()
    except Refused as error:
        return error.refusals
    except _Enough:
        pass
    return ()


def _sees_city(reader: Actor | None, city: str) -> bool:
    """Whether somebody sees a city as a whole."""
    reads = reads_of(reader)
    return reads.everything or reads.city == city
