"""A year's assessment: opened for all at once, closed for all at once, in one transaction each.

What each incubator does in it is an event of its own, decided and recorded like any other (``rules.decision``); the
rules that look across all of them (quota, ties) are ``rules.assessment``'s.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.perform import known_to, with_overdue_alarms_rung
from kjfh_workflow.casework.record import When, record
from kjfh_workflow.casework.round_reasons import (
    Asked,
    against_member,
    against_opening,
    against_state,
    asked_by,
    belongs_to,
)
from kjfh_workflow.errors import GuardRefused, Moved, Refusal, RequestReused
from kjfh_workflow.policy.vocabulary import Field, Ungraded
from kjfh_workflow.rules.assessment import Member, over_quota
from kjfh_workflow.rules.awards import waits_for
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.decision import decide_as
from kjfh_workflow.rules.lifecycle import is_assessed
from kjfh_workflow.store import request_ids, rounds
from kjfh_workflow.store.database import Transaction
from kjfh_workflow.store.rounds import CLOSED, OPENED

#: So many incubators are held in memory, and their rows sent together.
_BATCH = 200
#: Told how many of how many are done; of 0 where nobody knows yet.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Round:
    """One opening or closing of a year's assessment."""

    city: str
    year: int
    #: ``open_round`` or ``close_round``.
    act: str
    on: date
    by: str
    #: All titles valid on that day, by the version of their policy.
    titles: Mapping[str, int]
    #: How many incubators are in it.
    members: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Round:
        """From its row."""
        titles = canonical.loads(row["titles"])
        return cls(row["city"], row["year"], row["act"], row["legal_on"], row["actor_name"], titles, row["members"])


def open_round(
    office: Office,
    tx: Transaction,
    city: str,
    year: object,
    actor: Actor,
    request_id: str | None = None,
    progress: Progress = lambda _done, _of: None,
) -> Round:
    """Freeze the roster and the number of titles of the day, and bring everybody on it under assessment.

    Raises:
        Refused: with every reason; nothing has changed.
        NotFound: for a city without packs.
        Conflict: if the request id was used for something else.
    """
    asked = asked_by(office, tx, city, OPENED, year, actor, request_id)
    if answered := _answered(asked):
        return answered
    refusals = [*against_opening(asked)]
    if refusals and (answered := _answered(asked)):
        return answered  # it was under way beside this one
    if refusals:
        raise GuardRefused(refusals)
    rounds.hold_titles(tx, city, asked.year)
    titles = Counter(case.policy for case in titles_of(asked))
    enrolled = 0
    tx.gather()
    for case in titles_of(asked):
        if not belongs_to(asked, case):
            continue
        _perform(asked, case, {Field.YEAR: asked.year}, titles)
        rounds.enroll(tx, city, asked.year, [case.id])
        enrolled += 1
        progress(enrolled, titles.total())
        if enrolled % _BATCH == 0:
            tx.flush()
    tx.flush()
    row = asked.row(titles, enrolled)
    rounds.add(tx, row)
    return Round.of(row)


def close_round(
    office: Office,
    tx: Transaction,
    city: str,
    year: object,
    actor: Actor,
    request_id: str | None = None,
    progress: Progress = lambda _done, _of: None,
    expected_tag: str | None = None,
) -> Round:
    """Make every proposed grade final, with all that follows from it; or nothing, with every reason.

    Raises:
        Refused: ungraded members, too many of the best grade, ties across its line, dates that have passed.
        NotFound: for a city without packs.
        Moved: if *expected_tag* is not the round's any more.
        Conflict: if the request id was used for something else.
    """
    asked = asked_by(office, tx, city, CLOSED, year, actor, request_id)
    rounds.hold(tx, city, asked.year)
    if answered := _answered(asked):
        return answered
    acts = rounds.acts(tx, city, asked.year)
    if OPENED in acts and CLOSED not in acts:
        rounds.hold_titles(tx, city, asked.year)
    if expected_tag is not None and tag_of(acts, rounds.held_versions(tx, city, asked.year)) != expected_tag:
        raise Moved(f"the round of {asked.year} in {city} has moved since it was read: read it again")
    if refusals := against_state(asked, acts):
        raise GuardRefused(refusals)
    opened = Round.of(acts[OPENED])
    refusals = [*_against_closing(asked, opened)]
    if refusals:
        raise GuardRefused(refusals)
    outside = [*_waiting_outside(asked)]
    tx.gather()
    for done, case in enumerate(_members(asked), 1):
        _perform(asked, case, _evidence(asked, case), opened.titles)
        progress(done, opened.members)
        if done % _BATCH == 0:
            tx.flush()
    for case in outside:
        reason: dict[str, Any] = {Field.YEAR: asked.year, Field.REASON: str(Ungraded.NOT_IN_ROUND)}
        _perform(asked, case, reason, opened.titles)
    tx.flush()
    row = asked.row(opened.titles, opened.members)
    rounds.add(tx, row)
    return Round.of(row)


def tag_of(happened: Iterable[str], versions: Iterable[tuple[str, int]]) -> str:
    """What tells a round as it is now from what it was: another one after every act on one of its incubators.

    Args:
        happened: ``open_round``, ``close_round``, as far as they have.
        versions: id and version of each incubator in it, in order of id.
    """
    return canonical.digest(json.dumps([sorted(happened), [*versions]]))


def _answered(asked: Asked) -> Round | None:
    """What this very request did before.

    Raises:
        Conflict: if the id was used for something else.
    """
    request_id = asked.request["request_id"]
    if request_id is None or not request_ids.is_used(asked.tx, request_id):
        return None
    before = rounds.by_request(asked.tx, request_id)
    if before is None or before["request_digest"] != asked.request["request_digest"]:
        raise RequestReused(f"request id {request_id!r} was used for another act")
    return Round.of(before)


def titles_of(asked: Asked) -> Iterator[Case]:
    """Every incubator of the city that holds its title today, locked; what is overdue in it happens first.

    After ``rounds.hold_titles``: what is overdue may take document numbers, for which who holds a title may wait.
    """
    after = ""
    while batch := rounds.incubators(asked.tx, asked.pack.city, after, _BATCH):
        after = batch[-1].id
        for found in batch:
            case = with_overdue_alarms_rung(asked.office, asked.tx, found, asked.moment)
            if asked.office.pack_of(case).machines[case.kind].states[case.state].titled:
                yield case


def _waiting_outside(asked: Asked) -> Iterator[Case]:
    """Titles that are not on the roster, though an instalment waits for this year's assessment: now there is none."""
    for case in titles_of(asked):
        if waits_for(case.memory, asked.year) and not rounds.is_on(asked.tx, case.city, asked.year, case.id):
            yield case


def _members(asked: Asked) -> Iterator[Case]:
    after = ""
    while batch := rounds.members(asked.tx, asked.pack.city, asked.year, after, _BATCH, lock=True):
        for found in batch:
            yield with_overdue_alarms_rung(asked.office, asked.tx, found, asked.moment)
        after = batch[-1].id


def _against_closing(asked: Asked, opened: Round) -> Iterator[Refusal]:
    """Every reason of every member, and those that only show across all of them."""
    by_version: dict[str, list[Member]] = {}
    for case in _members(asked):
        if not is_assessed(asked.office.pack_of(case), case, asked.year):
            continue
        yield from against_member(asked, case)
        if proposed := case.memory.get("proposed"):
            member = Member(case.id, case.name, proposed[Field.GRADE], proposed.get(Field.SCORE))
            by_version.setdefault(case.policy, []).append(member)
    for version, members in by_version.items():
        pack = asked.office.catalog.pinned(asked.pack.city, version)
        yield from over_quota(pack, opened.titles.get(version, 0), members)


def _evidence(asked: Asked, case: Case) -> dict[str, Any]:
    """What a member's closing rests on: the grade proposed for it, or only the year where it has left."""
    if not is_assessed(asked.office.pack_of(case), case, asked.year):
        return {Field.YEAR: asked.year}
    proposed = dict(case.memory["proposed"])
    fields = {*asked.office.pack_of(case).machines[case.kind].edges_from[CLOSED, case.state][0].fields}
    return {name: value for name, value in proposed.items() if name in fields} | {Field.YEAR: asked.year}


def _perform(asked: Asked, case: Case, evidence: Mapping[str, Any], titles: Mapping[str, int]) -> None:
    """One incubator's part; its history keeps the number of titles too, on which the quota rests."""
    office, tx = asked.office, asked.tx
    known = known_to(office, tx, case, case.uscc, asked.moment)
    decision = decide_as(office.pack_of(case), case, asked.event, asked.actor, asked.role, evidence, known)
    decision = replace(decision, evidence={**decision.evidence, "titles": dict(titles)})
    record(office, tx, decision, known, When.at_once(asked.moment.now))
