"""Cases by where they stand, as stretches of an index: in which states of which machines, under whose eyes.

Which places are meant is decided by who asks; how stretches become a list, by ``finding``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, false, or_, select

from kjfh_workflow.policy.vocabulary import AwardStatus
from kjfh_workflow.rules.case import Reads
from kjfh_workflow.store.cases import visible_to
from kjfh_workflow.store.docket import Place
from kjfh_workflow.store.prepared import among
from kjfh_workflow.store.schema import cases, ledger


class Stretch(NamedTuple):
    """Conditions on cases that one index answers together."""

    where: list[ColumnElement[bool]]
    #: The city whose cases they are; empty for several.
    city: str = ""
    #: Few cases stand there: they are found by their state and sorted, instead of all of the kind being walked.
    few: bool = False


@dataclass(frozen=True, slots=True)
class Within:
    """Cases that may be seen and stand in one of some places."""

    #: An office's, an operator's, or everything.
    reads: Reads
    places: Collection[Place]
    #: Besides, those that have an award in one of these statuses.
    awards: Collection[AwardStatus] = ()
    #: Few stand there.
    few: bool = False

    def stretches(self) -> Iterator[Stretch]:
        """One for each city and kind; an operator's cases are few, and one stretch. Some cases may be in two."""
        seen = visible_to(self.reads)
        if self.reads.everything or self.reads.city:
            yield from self._by_kind()
        else:
            yield Stretch([*seen, or_(false(), *(and_(*stretch.where) for stretch in self._by_kind()))])
        if self.awards:
            yield Stretch([*seen, cases.c.id.in_(_with_award(self.reads, self.awards))], few=True)

    def _by_kind(self) -> Iterator[Stretch]:
        ordered = sorted(self.places, key=lambda place: (place.city, place.kind, place.policy, place.state))
        for (city, kind), here in groupby(ordered, key=lambda place: (place.city, place.kind)):
            if self.reads.city and city != self.reads.city:
                continue
            versions = {
                policy: [place.state for place in places]
                for policy, places in groupby(here, key=lambda place: place.policy)
            }
            states = sorted({state for theirs in versions.values() for state in theirs})
            pinned = or_(*(and_(cases.c.policy == p, among(cases.c.state, theirs)) for p, theirs in versions.items()))
            where = [cases.c.city == city, cases.c.kind == kind, among(cases.c.state, states), pinned]
            yield Stretch(where, city, self.few)


def _with_award(reads: Reads, statuses: Collection[AwardStatus]) -> Select[Any]:
    """Cases with an award that stands so: its newest row says it. All rows of the city are read."""
    newer = ledger.alias("newer")
    stands = ~exists().where(
        newer.c.case_id == ledger.c.case_id, newer.c.award == ledger.c.award, newer.c.version > ledger.c.version
    )
    return select(ledger.c.case_id).where(*visible_to(reads, ledger), among(ledger.c.status, statuses), stands)
