"""What an award is, and how a person's act moves it from status to status; money is in yuan, to the fen.

Which awards there are, and how much, is ``awards``'s; where they are kept beside the case's memory, the store's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.machine import Edge
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import (
    LEVELS,
    AwardKind,
    AwardStatus,
    EffectName,
    Field,
    GuardName,
    Level,
    RefusalCode,
)
from kjfh_workflow.rules.act import Act
from kjfh_workflow.rules.evidence import invalid, missing

_FEN = Decimal("0.01")


def to_fen(yuan: Decimal | str) -> Decimal:
    """A sum in yuan with two places, rounded half up."""
    return Decimal(yuan).quantize(_FEN, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Award:
    """One sum that an incubator has been granted, and how far it has come."""

    kind: AwardKind
    #: The calendar year that the payment belongs to.
    year: int
    #: From 1; 0 where there are none.
    instalment: int
    #: As last fixed.
    yuan: Decimal
    #: Its own computed sum: the most that may be approved.
    cap: Decimal
    #: Not "at most".
    fixed: bool
    status: AwardStatus
    article: str
    #: How it is computed, for people.
    words: str
    #: Of a higher level: which.
    level: Level | None = None
    #: Who approved it, while it is approved or beyond.
    approved_by: str = ""
    approved_on: date | None = None
    #: The history row that last released it, and its day.
    released: int | None = None
    released_on: date | None = None
    #: The case of the fraud finding that it was released in spite of.
    released_despite: str = ""
    paid_on: date | None = None
    voucher: str = ""
    #: Why it was last released, held, lapsed or reversed by a person.
    reason: str = ""

    @property
    def key(self) -> str:
        """Names it within its case: ``recognition/2021/1``; a promotion with its level, ``promotion/2022/0/ningbo``."""
        level = f"/{self.level}" if self.kind is AwardKind.PROMOTION else ""
        return f"{self.kind}/{self.year}/{self.instalment}{level}"

    def as_data(self) -> dict[str, Any]:
        """As the case's memory keeps it: plain JSON values, sums as texts with two places, days in ISO form."""
        data = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        return {name: value for name, value in data.items() if value not in (None, "")}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Award:
        """And back."""
        return cls(**{name: _READ[name](value) if name in _READ else value for name, value in data.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(to_fen(value), "f")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, StrEnum) else value


_READ: dict[str, Callable[[Any], Any]] = {
    "kind": AwardKind,
    "yuan": to_fen,
    "cap": to_fen,
    "status": AwardStatus,
    "level": Level,
    "approved_on": date.fromisoformat,
    "released_on": date.fromisoformat,
    "paid_on": date.fromisoformat,
}


def awards_of(memory: Mapping[str, Any]) -> dict[str, Award]:
    """Key → award, of an incubator's memory; in order of key."""
    return {key: Award.from_data(data) for key, data in sorted(memory.get("awards", {}).items())}


def with_awards(memory: Mapping[str, Any], awards: Iterable[Award]) -> dict[str, Any]:
    """What to assign so that the memory has these awards besides, or in place of those with the same keys."""
    before = memory.get("awards", {})
    after = {**before, **{award.key: award.as_data() for award in awards}}
    return {} if after == before else {"awards": dict(sorted(after.items()))}


def granted(awards: Iterable[Award]) -> Decimal:
    """The sum granted for recognitions so far, as last fixed, paid or not; only what lapsed is left out.

    A payment that came back was granted all the same: a top-up does not pay it again by itself.
    """
    counted = (a for a in awards if a.kind is not AwardKind.ANNUAL and a.status is not AwardStatus.LAPSED)
    return sum((award.yuan for award in counted), Decimal("0.00"))


def award_label(pack: PolicyPack, kind: str, year: int, instalment: int) -> str:
    """An award in people's words: 2021年认定奖励第1期."""
    sentence = pack.words("computations", "one_of_several" if instalment else "one_award")
    return sentence.format(year=year, kind=pack.words("awards", kind), instalment=instalment)


# ---- which award is meant, and whether it may move ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Move:
    """An arrow between statuses, and what a person's act records with it."""

    sources: tuple[AwardStatus, ...]
    to: AwardStatus
    records: Callable[[Act, Award], dict[str, Any]]


def _reason(act: Act, _award: Award) -> dict[str, Any]:
    return {"reason": act.evidence[Field.REASON]}


def _approval(act: Act, award: Award) -> dict[str, Any]:
    return {
        "yuan": to_fen(act.evidence.get(Field.YUAN, award.yuan)),
        "approved_by": act.actor.id,
        "approved_on": act.today,
    }


def _payment(act: Act, _award: Award) -> dict[str, Any]:
    return {"paid_on": act.evidence[Field.PAID_ON], "voucher": act.evidence[Field.VOUCHER]}


def _release(act: Act, award: Award) -> dict[str, Any]:
    despite = act.standing.fraud_case if act.standing.fraud_on else ""
    return {**_hold(act, award), "released": act.version, "released_on": act.today, "released_despite": despite}


def _hold(act: Act, award: Award) -> dict[str, Any]:
    return {**_reason(act, award), "approved_by": "", "approved_on": None}


_OPEN = (AwardStatus.SCHEDULED, AwardStatus.HELD, AwardStatus.PROPOSED, AwardStatus.APPROVED)
_MOVES: dict[EffectName, _Move] = {
    EffectName.APPROVE_AWARD: _Move((AwardStatus.PROPOSED,), AwardStatus.APPROVED, _approval),
    EffectName.PAY_AWARD: _Move((AwardStatus.APPROVED,), AwardStatus.PAID, _payment),
    EffectName.RELEASE_AWARD: _Move((AwardStatus.HELD,), AwardStatus.PROPOSED, _release),
    EffectName.HOLD_AWARD: _Move((AwardStatus.PROPOSED, AwardStatus.APPROVED), AwardStatus.HELD, _hold),
    EffectName.LAPSE_AWARD: _Move(_OPEN, AwardStatus.LAPSED, _reason),
    EffectName.REVERSE_AWARD: _Move((AwardStatus.PAID,), AwardStatus.REVERSED, _reason),
}
#: The moves by which an award comes to be paid, and from where; the others take it back, hold it, or end it.
ONWARD: Mapping[str, tuple[AwardStatus, ...]] = {
    name: _MOVES[name].sources for name in (EffectName.APPROVE_AWARD, EffectName.PAY_AWARD)
}


def _move_of(act: Act) -> EffectName:
    return next(name for name in act.edge.effects if name in _MOVES)


def _named(act: Act, memory: Mapping[str, Any]) -> list[Award]:
    """The awards of the kind and year that the evidence names, those of a lower level first."""
    kind, year = act.evidence.get(Field.KIND), act.evidence.get(Field.YEAR)
    found = (award for award in awards_of(memory).values() if (award.kind, award.year) == (kind, year))
    return sorted(found, key=lambda award: LEVELS.index(award.level or Level.LOCAL))


def _meant(act: Act, memory: Mapping[str, Any]) -> Award | None:
    """The award that the evidence names; of two promotions in one year, with no level, the first that may move."""
    instalment, level = act.evidence.get(Field.INSTALMENT, 0), act.evidence.get(Field.LEVEL)
    found = [
        award
        for award in _named(act, memory)
        if award.instalment == instalment and (level is None or award.level == level)
    ]
    return next((award for award in found if may_move(act, award)), found[0] if found else None)


def may_move(act: Act, award: Award) -> bool:
    """Whether the award stands where the act's arrow begins, whatever the evidence says."""
    move = _move_of(act)
    if move is EffectName.RELEASE_AWARD and award.status is AwardStatus.APPROVED:
        return any(_blocks(act, award))  # it waits for this release
    return award.status in _MOVES[move].sources


def _blocks(act: Act, award: Award) -> Iterator[Refusal]:
    """Why the award may not be paid, unless a person has released it since."""
    state = act.machine.states[act.case.state]
    if state.blocks_payment and (award.released or 0) <= act.case.memory.get("block", 0):
        yield act.refuse(RefusalCode.PAYMENT_BLOCKED, article=award.article, state=state.label)
    fraud_on = act.standing.fraud_on
    if fraud_on and award.released_despite != act.standing.fraud_case:
        yield act.refuse(RefusalCode.PAYMENT_BLOCKED, article=award.article, variant="fraud", day=fraud_on)


def moves_awards(edge: Edge) -> bool:
    """Whether it is an act on one award."""
    return any(name in _MOVES for name in edge.effects)


def award_meant(act: Act) -> Award | None:
    """The award that a person's act moves; None if it moves none, or there is none such."""
    return _meant(act, act.case.memory) if moves_awards(act.edge) else None


# ---- guards ------------------------------------------------------------------------------------------------------


def _award_in_status(act: Act) -> Iterator[Refusal]:
    """There is such an award, and the event may move it from where it stands."""
    if not {Field.KIND, Field.YEAR} <= {*act.evidence}:
        return  # what is missing or unreadable is complained about
    code = RefusalCode.AWARD_NOT_IN_THAT_STATUS
    kind, year = act.evidence[Field.KIND], act.evidence[Field.YEAR]
    award = _meant(act, act.case.memory)
    if award is None:
        if _named(act, act.case.memory) and Field.INSTALMENT not in act.evidence:
            yield missing(act.pack, Field.INSTALMENT)  # there are only instalments: one has to be named
            return
        label = award_label(act.pack, kind, year, act.evidence.get(Field.INSTALMENT, 0))
        yield act.refuse(code, article=act.edge.article, variant="none", award=label)
    elif not may_move(act, award):
        yield act.refuse(
            code,
            article=award.article,
            award=award_label(act.pack, kind, year, award.instalment),
            award_status=act.pack.words("award_statuses", award.status),
            event=act.machine.events[act.event],
        )


def _award_amount_allowed(act: Act) -> Iterator[Refusal]:
    """“最高” and “不超过” are caps, below which may be granted; a fixed sum is neither raised nor lowered."""
    award, yuan = _meant(act, act.case.memory), act.evidence.get(Field.YUAN)
    if award is None or yuan is None:
        return
    cap = _room(act, award)
    if yuan > cap:
        yield act.refuse(RefusalCode.OVER_CAP, article=award.article, field=Field.YUAN, yuan=yuan, cap=cap)
    elif award.fixed and yuan < award.cap:
        yield act.refuse(RefusalCode.BELOW_FIXED, article=award.article, field=Field.YUAN, yuan=yuan, cap=award.cap)


def _room(act: Act, award: Award) -> Decimal:
    """The most that may be approved: the award's own cap, and never more than the level's cap in all.

    What was once approved below its cap has been made up for by a later top-up, and cannot be raised again beside it.
    """
    level = act.pack.cap_for(act.case.type, act.case.level or "")
    if award.kind is AwardKind.ANNUAL or level is None:
        return award.cap
    besides = granted(awards_of(act.case.memory).values()) - award.yuan
    return min(award.cap, max(award.yuan, level.yuan - besides))


def _payment_not_blocked(act: Act) -> Iterator[Refusal]:
    """Nothing is paid while a rectification, a revocation or a fraud finding is open, without a reasoned release."""
    yield from _paid_after_approval(act)
    if award := _meant(act, act.case.memory):
        yield from _blocks(act, award)


def _paid_after_approval(act: Act) -> Iterator[Refusal]:
    """Nothing has been paid before it was approved."""
    award, paid_on = _meant(act, act.case.memory), act.evidence.get(Field.PAID_ON)
    if award and paid_on and award.approved_on and paid_on < award.approved_on:
        problem = act.pack.words("problems", "paid_before_approval").format(day=paid_on, approved=award.approved_on)
        yield invalid(act.pack, Field.PAID_ON, problem)


def _payer_did_not_approve(act: Act) -> Iterator[Refusal]:
    """Who approved a payment does not record it as paid."""
    award = _meant(act, act.case.memory)
    if award and award.approved_by == act.actor.id:
        approval = next(edge.event for edge in act.machine.edges if EffectName.APPROVE_AWARD in edge.effects)
        yield act.refuse(RefusalCode.SAME_PERSON, article=act.edge.article, event=act.machine.events[approval])


STATUS_GUARDS: dict[GuardName, Callable[[Act], Iterator[Refusal]]] = {
    GuardName.AWARD_IN_STATUS: _award_in_status,
    GuardName.AWARD_AMOUNT_ALLOWED: _award_amount_allowed,
    GuardName.PAYMENT_NOT_BLOCKED: _payment_not_blocked,
    GuardName.PAYER_DID_NOT_APPROVE: _payer_did_not_approve,
}


# ---- effects -----------------------------------------------------------------------------------------------------


def _move(act: Act, memory: Mapping[str, Any]) -> dict[str, Any]:
    """The award goes along the arrow that the event's effect names."""
    award, move = _meant(act, memory), _MOVES[_move_of(act)]
    assert award is not None, "the guard award_in_status has let it pass"  # noqa: S101
    return with_awards(memory, [replace(award, status=move.to, **move.records(act, award))])


STATUS_EFFECTS: dict[EffectName, Callable[[Act, Mapping[str, Any]], dict[str, Any]]] = dict.fromkeys(_MOVES, _move)
