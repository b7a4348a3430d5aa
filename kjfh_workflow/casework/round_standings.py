"""How far a year's assessment has come: each incubator's report and grade, and what is left of the quota.

It only reads, and holds nothing. Who may look is the desk's business (``rounds_desk``); what a grade or a quota is,
``rules.assessment``'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.rounds import Round
from kjfh_workflow.errors import NotFound, Refusal
from kjfh_workflow.policy.vocabulary import NOT_GRADED, Grade
from kjfh_workflow.rules.assessment import Member, over_quota, quota
from kjfh_workflow.rules.case import Case
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


def standing_of(office: Office, tx: CoreTransaction, city: str, year: int) -> RoundStanding:
    """How far the whole round has come; reads every incubator in it.

    Raises:
        NotFound: if there is no such round, or no pack of the city.
    """
    pack = office.catalog.latest(city)
    happened = rounds.acts(tx, city, year)
    if OPENED not in happened:
        raise NotFound(f"there is no round of {year} in {city}")
    opened = Round.of(happened[OPENED])
    closed = Round.of(happened[CLOSED]) if CLOSED in happened else None
    counts: Counter[str] = Counter()
    by_version: dict[str, list[Member]] = {}
    for case in members_of(tx, city, year):
        counts["reported"] += str(year) in case.memory.get("reported", {})
        grade = _counting(office, case, year)
        if grade:
            counts[grade["grade"]] += 1
            member = Member(case.id, case.name, grade["grade"], grade.get("score"))
            by_version.setdefault(case.policy, []).append(member)
        else:
            counts["ungraded"] += is_assessed(office.pack_of(case), case, year)
    scale = [str(name) for name in (*Grade, NOT_GRADED) if counts[name]]
    graded = sum(counts[name] for name in scale)
    return RoundStanding(
        city=city,
        city_label=pack.identity.city_label,
        year=year,
        opened=opened,
        closed=closed,
        members=opened.members,
        reported=counts["reported"],
        graded=graded,
        ungraded=counts["ungraded"],
        left=opened.members - graded - counts["ungraded"],
        grades=tuple(Graded(name, pack.words("grades", name), counts[name]) for name in scale),
        quotas=tuple(_quotas(office, opened, by_version, is_open=closed is None)),
    )


def _counting(office: Office, case: Case, year: int) -> Mapping[str, Any] | None:
    """The grade that closing makes final, or has made; None where there is none."""
    final: Mapping[str, Any] | None = case.memory.get("grades", {}).get(str(year))
    if final or not is_assessed(office.pack_of(case), case, year):
        return final
    return case.memory.get("proposed")


def _quotas(
    office: Office, opened: Round, by_version: Mapping[str, list[Member]], *, is_open: bool
) -> Iterator[QuotaStanding]:
    for version, titles in sorted(opened.titles.items()):
        pack = office.catalog.pinned(opened.city, version)
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
