"""Who may open or close a year's assessment, and what speaks against it: the doors, and the reasons behind them.

What is done, and held for it, is ``rounds``'; the rules that look across all incubators are ``rules.assessment``'s.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.casework.office import Moment, Office
from kjfh_workflow.casework.perform import check_request_id
from kjfh_workflow.errors import GuardRefused, NotAuthorised, Refusal, Refused, TransitionNotAllowed
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.phrases import roles_in_words
from kjfh_workflow.policy.vocabulary import CaseKind, Field, RefusalCode, Role
from kjfh_workflow.rules.assessment import first_assessed_year
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.evidence import invalid, read_evidence
from kjfh_workflow.rules.refusing import refusal
from kjfh_workflow.store import rounds
from kjfh_workflow.store.database import Transaction
from kjfh_workflow.store.rounds import CLOSED, OPENED

#: So many reasons are told with a round; a preview tells them all.
_MOST_REASONS = 50


@dataclass(frozen=True)
class Asked:
    """Who asks for what to be done with which round; the doors have let them through."""

    office: Office
    tx: Transaction
    pack: PolicyPack
    event: str
    actor: Actor
    role: Role
    year: int
    moment: Moment
    request: Mapping[str, Any]

    def row(self, titles: Mapping[str, int], members: int) -> dict[str, Any]:
        """What is kept of it."""
        return {
            "city": self.pack.city,
            "year": self.year,
            "act": self.event,
            "legal_on": self.moment.today,
            "at": self.moment.now,
            "actor": self.actor.id,
            "actor_name": self.actor.name,
            "titles": canonical.dumps(titles),
            "members": members,
            **self.request,
        }

    def refuse(self, code: RefusalCode, **values: object) -> Refusal:
        """One reason, with the article that the assessment rests on."""
        assessment = self.pack.identity.assessment
        article = assessment.article if assessment else ""
        return refusal(self.pack, code, article=article, field="", variant="", **values)


@dataclass(frozen=True, slots=True)
class RoundEvent:
    """``open_round`` or ``close_round``, and whether whoever asks may do it now."""

    event: str
    label: str
    allowed: bool
    #: The first reasons why not.
    refusals: tuple[Refusal, ...]
    article: str


# ---- the doors -------------------------------------------------------------------------------------------------------


def asked_by(
    office: Office, tx: Transaction, city: str, event: str, year: object, actor: Actor, request_id: str | None
) -> Asked:
    """What is asked, behind the doors.

    Raises:
        NotAuthorised: another city's officer, or the wrong role.
        Refused: if the city's machine has no such event, or the year is none.
        NotFound: for a city without packs.
    """
    pack = office.catalog.latest(city)
    machine = pack.machines[CaseKind.INCUBATOR]
    if actor.city != city:
        raise NotAuthorised([refusal(pack, RefusalCode.OTHER_CITY, city=pack.identity.city_label)])
    edges = machine.edges_of.get(event, ())
    if not edges:
        reason = refusal(
            pack, RefusalCode.NOT_ALLOWED_FROM_STATE, variant="unknown", event=event, meant="", allowed="无"
        )
        raise TransitionNotAllowed([reason])
    roles = [role for role in Role if any(role in edge.by for edge in edges)]
    role = next((role for role in actor.roles if role in roles), None)
    if role is None:
        words = roles_in_words(pack, roles)
        raise NotAuthorised([refusal(pack, RefusalCode.NOT_AUTHORISED, event=machine.events[event], roles=words)])
    evidence, refusals = read_evidence(pack, {Field.YEAR: True}, {} if year is None else {Field.YEAR: year})
    if refusals:
        raise GuardRefused(refusals)
    digest = canonical.digest(json.dumps([city, event, evidence[Field.YEAR], actor.id]))
    if request_id is not None:
        check_request_id(request_id)
    request = {"request_id": request_id, "request_digest": digest if request_id is not None else None}
    return Asked(office, tx, pack, event, actor, role, evidence[Field.YEAR], office.moment(tx), request)


def asks_of(
    office: Office, tx: Transaction, city: str, event: str, year: int, by: Actor
) -> Asked | tuple[Refusal, ...]:
    """Who asks, where the doors let them through; otherwise why not."""
    try:
        return asked_by(office, tx, city, event, year, by, None)
    except Refused as error:
        return error.refusals


# ---- reasons ---------------------------------------------------------------------------------------------------------


def against_opening(asked: Asked) -> Iterator[Refusal]:
    """Why the round cannot be opened."""
    today = asked.moment.today
    if not today.year - 1 <= asked.year <= today.year:
        allowed = f"{today.year}、{today.year - 1}"
        yield invalid(asked.pack, Field.YEAR, asked.pack.words("problems", "round_year").format(allowed=allowed))
    if rounds.acts(asked.tx, asked.pack.city, asked.year):
        yield asked.refuse(RefusalCode.ROUND_EXISTS, year=asked.year)


def belongs_to(asked: Asked, case: Case) -> bool:
    """Whether a title is on the roster of a round that is opened now."""
    pack = asked.office.pack_of(case)
    assessable = (OPENED, case.state) in pack.machines[case.kind].edges_from
    return assessable and asked.year >= first_assessed_year(pack, case)


def against_state(asked: Asked, happened: Container[str]) -> list[Refusal]:
    """Only a round that is open can be closed."""
    is_open = OPENED in happened and CLOSED not in happened
    return [] if is_open else [asked.refuse(RefusalCode.ROUND_NOT_OPEN, year=asked.year)]


def against_member(asked: Asked, case: Case) -> Iterator[Refusal]:
    """Why an incubator under assessment stands in the way of closing."""
    proposed = case.memory.get("proposed")
    if not proposed:
        yield asked.refuse(RefusalCode.UNGRADED, name=f"{case.name}（{case.id}）")
        return
    rectify_by = proposed.get(Field.RECTIFY_BY)
    if rectify_by and date.fromisoformat(rectify_by) <= asked.moment.today:
        problem = asked.pack.words("problems", "rectify_by_over").format(name=case.name, day=rectify_by)
        yield invalid(asked.pack, Field.RECTIFY_BY, problem)


# ---- both acts at a glance -------------------------------------------------------------------------------------------


def events_of(
    pack: PolicyPack,
    asks: Mapping[str, Asked | tuple[Refusal, ...]],
    happened: Mapping[str, Any],
    in_the_way: Iterable[Refusal],
) -> Iterator[RoundEvent]:
    """What the city's machine has of the two acts, and why whoever asks may not do them now.

    Args:
        pack: the city's newest.
        asks: event → who asks, or why the doors are closed to them.
        happened: the acts on the round so far.
        in_the_way: what stands in the way of closing it.
    """
    for event, asked in asks.items():
        if event not in pack.machines[CaseKind.INCUBATOR].events:
            continue
        if not isinstance(asked, Asked):
            refusals = asked
        elif event == OPENED:
            refusals = (*against_opening(asked),)
        else:
            refusals = (*(against_state(asked, happened) or in_the_way),)
        label = pack.machines[CaseKind.INCUBATOR].events[event]
        yield RoundEvent(event, label, not refusals, refusals[:_MOST_REASONS], article_of(pack, event))


def article_of(pack: PolicyPack, event: str) -> str:
    """The article on which opening or closing rests; empty where the city has no such act."""
    edges = pack.machines[CaseKind.INCUBATOR].edges_of.get(event, ())
    return edges[0].article if edges else ""
