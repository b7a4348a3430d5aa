"""How far a year's assessment has come: each incubator's report and grade, and what is left of the quota.

Nothing is held for it, but for an opening that is only tried. Who may look is the desk's business (``rounds_desk``);
what a grade or a quota is, ``rules.assessment``'s; who may open and close, ``round_reasons``'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kjfh_workflow.casework import rounds as acts
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.round_reasons import (
    Asked,
    RoundEvent,
    against_member,
    against_opening,
    article_of,
    asks_of,
    belongs_to,
    events_of,
)
from kjfh_workflow.casework.rounds import Round
from kjfh_workflow.errors import NotFound, Refusal
from kjfh_workflow.policy.vocabulary import NOT_GRADED, Grade
from kjfh_workflow.rules.assessment import Member, over_quota, quota
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.lifecycle import is_assessed
from kjfh_workflow.store import rounds
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.rounds import CLOSED, OPENED

#: So many incubators are in memory at once.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one incubator of a round has come."""

    case: str
    #: How many acts the case has seen, to be expected by the next one.
    version: int
    name: str
    uscc: str
    type: str
    type_label: str
    state: str
    state_label: str
    #: Still under assessment for this year: without a grade it stands in the way of closing.
    assessed: bool
    #: The day its report came in; empty if it has not.
    reported_on: str
    #: The grade proposed, or final once the round is closed; empty if there is none.
    grade: str
    grade_label: str
    score: str
    reason: str


@dataclass(frozen=True, slots=True)
class Graded:
    """How many have a grade."""

    grade: str
    grade_label: str
    count: int


@dataclass(frozen=True, slots=True)
class QuotaStanding:
    """How far a limited grade is used up, among the titles of one version of the policy."""

    policy: str
    grade: str
    grade_label: str
    #: One in so many of all titles may have it.
    one_in: int
    #: How many titles there were when the round was opened.
    titles: int
    allowed: int
    used: int
    article: str
    #: Too many, or a tie across the line; empty once the round is closed.
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class RoundStanding:
    """How far a whole round has come."""

    city: str
    city_label: str
    year: int
    #: Another one after every act on an incubator in it; to be expected by ``close``.
    tag: str
    opened: Round
    closed: Round | None
    #: How many incubators are in it.
    members: int
    #: How many have handed in their report.
    reported: int
    #: How many have a grade, proposed or final; a year left without one for a reason is among them.
    graded: int
    #: How many have none yet: they stand in the way of closing.
    ungraded: int
    #: How many are no longer under assessment for this year, and get no grade.
    left: int
    #: Best first; those without a grade for a reason last.
    grades: tuple[Graded, ...]
    quotas: tuple[QuotaStanding, ...]
    #: None for the program itself, which needs no leave.
    events: tuple[RoundEvent, ...]
    #: The first incubators, by id, as many as were asked for.
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class OpeningShown:
    """What opening a round would do."""

    city: str
    city_label: str
    year: int
    article: str
    #: Every reason that holds; where there is one, nothing else has been looked at.
    refusals: tuple[Refusal, ...]
    #: All titles valid today, by the version of their policy.
    titles: Mapping[str, int]
    #: How many incubators would be in it.
    members: int
    quotas: tuple[QuotaStanding, ...]
    #: The first of them, by id, as many as were asked for.
    roster: tuple[Standing, ...]


def members_of(tx: CoreTransaction, city: str, year: int, after: str = "") -> Iterator[Case]:
    """The incubators of a round behind *after*, by id."""
    while batch := rounds.members(tx, city, year, after, _BATCH):
        yield from batch
        after = batch[-1].id


def standing_of_one(office: Office, case: Case, year: int, *, official: bool) -> Standing:
    """How far *case* has come in the round of *year*; what is only proposed is for offices."""
    pack = office.pack_of(case)
    final = case.memory.get("grades", {}).get(str(year))
    proposed = case.memory.get("proposed") if official and case.memory.get("assessing") == year else None
    grade = final or proposed or {}
    reason = grade.get("reason", "")
    return Standing(
        case=case.id,
        version=case.version,
        name=case.name,
        uscc=case.uscc,
        type=case.type,
        type_label=pack.identity.types[case.type].label,
        state=case.state,
        state_label=pack.state_label(case.kind, case.state),
        assessed=is_assessed(pack, case, year),
        reported_on=case.memory.get("reported", {}).get(str(year), ""),
        grade=grade.get("grade", ""),
        grade_label=pack.words("grades", grade["grade"]) if grade else "",
        score=grade.get("score", ""),
        reason=pack.words("ungraded", reason) if reason else "",
    )


def standing_of(
    office: Office, tx: CoreTransaction, city: str, year: int, reader: Actor | None = None, first: int = 0
) -> RoundStanding:
    """How far the whole round has come, with its *first* incubators; reads every incubator in it.

    Raises:
        NotFound: if there is no such round, or no pack of the city.
    """
    pack = office.catalog.latest(city)
    happened = rounds.acts(tx, city, year)
    if OPENED not in happened:
        raise NotFound(f"there is no round of {year} in {city}")
    opened = Round.of(happened[OPENED])
    closed = Round.of(happened[CLOSED]) if CLOSED in happened else None
    asks = {event: asks_of(office, tx, city, event, year, reader) for event in (OPENED, CLOSED)} if reader else {}
    closing = asks.get(CLOSED)
    counts: Counter[str] = Counter()
    by_version: dict[str, list[Member]] = {}
    versions: list[tuple[str, int]] = []
    standings: list[Standing] = []
    in_the_way: list[Refusal] = []
    official = reader is None or reader.is_official
    for case in members_of(tx, city, year):
        versions.append((case.id, case.version))
        if len(standings) < first:
            standings.append(standing_of_one(office, case, year, official=official))
        counts["reported"] += str(year) in case.memory.get("reported", {})
        assessed = is_assessed(office.pack_of(case), case, year)
        grade = _counting(case, year, assessed=assessed)
        if grade:
            counts[grade["grade"]] += 1
            member = Member(case.id, case.name, grade["grade"], grade.get("score"))
            by_version.setdefault(case.policy, []).append(member)
        else:
            counts["ungraded"] += assessed
        if assessed and isinstance(closing, Asked):
            in_the_way += against_member(closing, case)
    scale = [str(name) for name in (*Grade, NOT_GRADED) if counts[name]]
    graded = sum(counts[name] for name in scale)
    quotas = tuple(_quotas(office, city, opened.titles, by_version, is_open=closed is None))
    in_the_way += [refusal for quota in quotas for refusal in quota.refusals]
    return RoundStanding(
        city=city,
        city_label=pack.identity.city_label,
        year=year,
        tag=acts.tag_of(happened, versions),
        opened=opened,
        closed=closed,
        members=opened.members,
        reported=counts["reported"],
        graded=graded,
        ungraded=counts["ungraded"],
        left=opened.members - graded - counts["ungraded"],
        grades=tuple(Graded(name, pack.words("grades", name), counts[name]) for name in scale),
        quotas=quotas,
        events=tuple(events_of(pack, asks, happened, in_the_way)),
        standings=tuple(standings),
    )


def opening_of(office: Office, tx: CoreTransaction, city: str, year: int, by: Actor, first: int) -> OpeningShown:
    """What opening a round would do, with the *first* incubators that would be in it; or why it is refused.

    To be asked in a transaction that is rolled back: every title is held, and what is overdue in it happens first.

    Raises:
        NotFound: for a city without packs.
    """
    pack = office.catalog.latest(city)
    asked = asks_of(office, tx, city, OPENED, year, by)
    refusals = (*against_opening(asked),) if isinstance(asked, Asked) else asked
    titles: Counter[str] = Counter()
    roster: list[Standing] = []
    members = 0
    if isinstance(asked, Asked) and not refusals:
        rounds.hold_titles(tx, city, year)
        for case in acts.titles_of(asked):
            titles[case.policy] += 1
            if belongs_to(asked, case):
                members += 1
                roster += [standing_of_one(office, case, year, official=True)] if members <= first else []
    return OpeningShown(
        city=city,
        city_label=pack.identity.city_label,
        year=year,
        article=article_of(pack, OPENED),
        refusals=refusals,
        titles=titles,
        members=members,
        quotas=tuple(_quotas(office, city, titles, {}, is_open=True)),
        roster=tuple(roster),
    )


# ---- grades and quotas -----------------------------------------------------------------------------------------------


def _counting(case: Case, year: int, *, assessed: bool) -> Mapping[str, Any] | None:
    """The grade that closing makes final, or has made; None where there is none."""
    final: Mapping[str, Any] | None = case.memory.get("grades", {}).get(str(year))
    if final or not assessed:
        return final
    return case.memory.get("proposed")


def _quotas(
    office: Office, city: str, valid: Mapping[str, int], by_version: Mapping[str, list[Member]], *, is_open: bool
) -> Iterator[QuotaStanding]:
    for version, titles in sorted(valid.items()):
        pack = office.catalog.pinned(city, version)
        rule = pack.identity.assessment.quota if pack.identity.assessment else None
        if rule is None:
            continue
        members = by_version.get(version, [])
        yield QuotaStanding(
            policy=version,
            grade=rule.grade,
            grade_label=pack.words("grades", rule.grade),
            one_in=rule.one_in,
            titles=titles,
            allowed=quota(pack, titles) or 0,
            used=sum(member.grade == rule.grade for member in members),
            article=rule.article,
            refusals=tuple(over_quota(pack, titles, members)) if is_open else (),
        )
