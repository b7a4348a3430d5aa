"""Which awards a recognition, a promotion and a year's grade bring, how they are computed, and what becomes of them.

What an award is, and how people move it from status to status, is ``award_status``'s. Sums are in yuan, to the fen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.model import Cap
from kjfh_workflow.policy.vocabulary import (
    AwardKind,
    AwardStatus,
    EffectName,
    Field,
    Grade,
    GuardName,
    Level,
    TopUpBasis,
)
from kjfh_workflow.policy.years import AnnualAward
from kjfh_workflow.rules.act import Act
from kjfh_workflow.rules.award_status import (
    STATUS_EFFECTS,
    STATUS_GUARDS,
    Award,
    awards_of,
    granted,
    to_fen,
    with_awards,
)

__all__ = [
    "AWARD_EFFECTS",
    "AWARD_GUARDS",
    "Award",
    "awards_of",
    "granted",
    "instalments",
    "ledger_changes",
    "newly_proposed",
    "top_up",
    "waits_for",
]
#: What passes the year's assessment.
_PASSED = frozenset(Grade) - {Grade.UNQUALIFIED}


def instalments(yuan: Decimal, shares: Sequence[Decimal]) -> list[Decimal]:
    """A sum in its shares, each rounded half up to the fen; the last is what is left, so that the sum is exact.

    Args:
        yuan: the whole sum.
        shares: of 1, in order.
    """
    left, parts = to_fen(yuan), []
    for share in shares[:-1]:
        parts.append(min(to_fen(yuan * share), left))  # of a few fen, the rounded shares would be more than there is
        left -= parts[-1]
    return [*parts, left]


def top_up(basis: TopUpBasis, cap: Decimal, *, so_far: Decimal, level_before: Decimal) -> Decimal:
    """The difference (补差) to a higher level's award; 0 where there is none.

    Args:
        basis: from what it is taken.
        cap: the higher level's award.
        so_far: the sum granted so far.
        level_before: the award of the level held before.
    """
    return to_fen(max(Decimal(0), cap - (so_far if basis is TopUpBasis.GRANTED else level_before)))


def ledger_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Award]:
    """The awards that are new or other in the memory *after* an act, in order of key."""
    known = before.get("awards", {})
    return [award for key, award in awards_of(after).items() if known.get(key) != after["awards"][key]]


def newly_proposed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Award]:
    """The awards that an act has made ``proposed``, in order of key."""
    were = {key for key, award in awards_of(before).items() if award.status is AwardStatus.PROPOSED}
    changed = ledger_changes(before, after)
    return [award for award in changed if award.status is AwardStatus.PROPOSED and award.key not in were]


# ---- recognition -------------------------------------------------------------------------------------------------


def _grant_recognition(act: Act, memory: Mapping[str, Any]) -> dict[str, Any]:
    """Who is newly recognised gets at most the cap of the city's own level, in instalments where there are any."""
    rules = act.pack.identity.awards
    cap = act.pack.cap_for(act.space_type, Level.LOCAL)
    if rules is None or cap is None:
        return {}
    grant = to_fen(memory.get("award_yuan", cap.yuan))
    if rules.instalments:
        return _added(memory, _in_instalments(act, cap, grant, rules.instalments.shares, rules.instalments.article))
    return _added(memory, [_whole(act, cap, grant, act.today, AwardStatus.PROPOSED)])


def _in_instalments(act: Act, cap: Cap, grant: Decimal, shares: Sequence[Decimal], article: str) -> Iterator[Award]:
    """The first is for the year of the recognition; each later one waits for its own year's assessment."""
    before = Decimal("0.00")
    for number, (share, yuan) in enumerate(zip(shares, instalments(grant, shares), strict=True), 1):
        if yuan == to_fen(grant * share):
            percent = format((share * 100).normalize(), "f")
            words = _computed(act, "share", grant=grant, percent=percent, yuan=yuan)
        else:
            words = _computed(act, "rest", grant=grant, before=before, yuan=yuan)
        before += yuan
        status = AwardStatus.PROPOSED if number == 1 else AwardStatus.SCHEDULED
        award = _new(AwardKind.RECOGNITION, act.today.year + number - 1, yuan, cap, status, words)
        yield replace(award, instalment=number, article=article)


def _grant_straight(act: Act, memory: Mapping[str, Any]) -> dict[str, Any]:
    """Who reaches a higher level without the city's own title gets that level's full cap, once it is signed off."""
    rules, level = act.pack.identity.awards, Level(act.evidence[Field.LEVEL])
    decided_on: date = act.evidence[Field.DECIDED_ON]
    cap = act.pack.cap_for(act.space_type, level)
    straight = rules.straight if rules else None
    if straight is None or cap is None or level is Level.LOCAL or not act.pack.in_force_on(decided_on):
        return {}
    return _added(memory, [_whole(act, cap, cap.yuan, decided_on, straight.starts_as)])


def _whole(act: Act, cap: Cap, yuan: Decimal, recognised_on: date, status: AwardStatus) -> Award:
    """The award for a recognition, in one."""
    words = _computed(act, "whole", level=act.pack.words("levels", cap.level), yuan=yuan)
    return replace(_new(AwardKind.RECOGNITION, recognised_on.year, yuan, cap, status, words), level=cap.level)


# ---- promotion ---------------------------------------------------------------------------------------------------


def _grant_top_up(act: Act, memory: Mapping[str, Any]) -> dict[str, Any]:
    """对获得高一级认定的进行补差: the difference, at once; the same year's annual award gives way to it."""
    awards = awards_of(memory)
    decided_on: date = act.evidence[Field.DECIDED_ON]
    given_way = _given_way(act, awards.values(), decided_on.year)
    return with_awards(memory, [*given_way, *_difference(act, awards.values(), decided_on)])


def _difference(act: Act, awards: Collection[Award], decided_on: date) -> Iterator[Award]:
    rules, level, held = act.pack.identity.awards, Level(act.evidence[Field.LEVEL]), act.case.level
    cap = act.pack.cap_for(act.case.type, level)
    if rules is None or rules.top_up is None or cap is None:
        return
    basis, so_far = rules.top_up.against, granted(awards)
    lower = act.pack.cap_for(act.case.type, held) if held else None
    level_before = lower.yuan if lower else Decimal(0)
    yuan = top_up(basis, cap.yuan, so_far=so_far, level_before=level_before)
    # The plan's formula has no word for what other books paid before: whoever approves the sum is told to look there.
    unrecorded = basis is TopUpBasis.GRANTED and not awards
    words = _computed(
        act,
        "top_up_unrecorded" if unrecorded else f"top_up_{basis}",
        level=act.pack.words("levels", level),
        cap=cap.yuan,
        held=act.pack.words("levels", held or Level.LOCAL),
        before=so_far if basis is TopUpBasis.GRANTED else level_before,
        yuan=yuan,
    )
    if yuan:
        award = _new(AwardKind.PROMOTION, decided_on.year, yuan, cap, AwardStatus.PROPOSED, words)
        yield replace(award, level=level)


def _given_way(act: Act, awards: Iterable[Award], year: int) -> Iterator[Award]:
    """认定当年不享受当年度绩效奖励: what is approved waits for a person, what is paid stays, the rest lapses."""
    rules = act.pack.identity.awards
    if rules is None or rules.none_when_promoted is None:
        return
    for award in awards:
        if award.kind is AwardKind.ANNUAL and award.year == year:
            if award.status in (AwardStatus.PROPOSED, AwardStatus.HELD):
                yield replace(award, status=AwardStatus.LAPSED)
            elif award.status is AwardStatus.APPROVED:
                yield replace(award, status=AwardStatus.HELD, approved_by="", approved_on=None)


# ---- the years after ---------------------------------------------------------------------------------------------


def _grant_annual(act: Act, memory: Mapping[str, Any]) -> dict[str, Any]:
    """What the year's grade earns; nothing in the year of a recognition above, where the document says so."""
    rules, year = act.pack.identity.awards, act.evidence[Field.YEAR]
    earned = next((a for a in rules.annual if a.grade == act.evidence.get(Field.GRADE)), None) if rules else None
    promoted = str(year) in memory.get("recognised_above", {})
    before = year < act.pack.identity.in_force.effective_from.year  # the document grants nothing for earlier years
    if rules is None or earned is None or before or (promoted and rules.none_when_promoted):
        return {}
    first = rules.first_year if year == _own_title_of(memory) else None
    status = first.starts_as if first else AwardStatus.PROPOSED
    grade = act.pack.words("grades", earned.grade)
    words = _computed(act, "annual_fixed" if earned.fixed else "annual", year=year, grade=grade, yuan=earned.yuan)
    return _added(memory, [_new(AwardKind.ANNUAL, year, earned.yuan, earned, status, words)])


def _own_title_of(memory: Mapping[str, Any]) -> int | None:
    """The calendar year in which the city's own title was granted; None for one that came at a higher level."""
    day = memory.get("recognised_on")
    year = date.fromisoformat(day).year if day else None
    came_above = memory.get("registered") and str(year) in memory.get("recognised_above", {})
    return None if came_above else year


def waits_for(memory: Mapping[str, Any], year: int) -> bool:
    """Whether an instalment is scheduled for the assessment of *year*."""
    return any(award.year == year and award.status is AwardStatus.SCHEDULED for award in awards_of(memory).values())


def _settle_instalment(act: Act, memory: Mapping[str, Any]) -> dict[str, Any]:
    """考核合格的，再分别拨付: the year's instalment is due if the year was passed; otherwise it is held."""
    year, passed = act.evidence[Field.YEAR], act.evidence.get(Field.GRADE) in _PASSED
    status = AwardStatus.PROPOSED if passed else AwardStatus.HELD
    return _all_become(memory, status, lambda award: award.year == year and award.status is AwardStatus.SCHEDULED)


def _hold_unassessed(act: Act, memory: Mapping[str, Any]) -> dict[str, Any]:
    """An instalment whose year nobody has assessed by the end of the next one is held; a person releases it or not.

    The earliest only: the clock goes on to the next, so that each is held on its own day, however late it is noticed.
    """
    # A year that was passed has settled its instalment when its round closed: what is still scheduled was not passed.
    waiting = {award.year for award in awards_of(memory).values() if award.status is AwardStatus.SCHEDULED}
    first = min(waiting - {memory.get("assessing")}, default=act.today.year)
    late = first < act.today.year - 1
    return _all_become(
        memory,
        AwardStatus.HELD,
        lambda award: late and award.year == first and award.status is AwardStatus.SCHEDULED,
    )


def _lapse_awards(_act: Act, memory: Mapping[str, Any]) -> dict[str, Any]:
    """With the title goes what is scheduled, held or proposed; what is approved or paid is for a person to decide."""
    lost = (AwardStatus.SCHEDULED, AwardStatus.HELD, AwardStatus.PROPOSED)
    return _all_become(memory, AwardStatus.LAPSED, lambda award: award.status in lost)


def _all_become(memory: Mapping[str, Any], status: AwardStatus, which: Callable[[Award], bool]) -> dict[str, Any]:
    return with_awards(memory, [replace(award, status=status) for award in awards_of(memory).values() if which(award)])


def _added(memory: Mapping[str, Any], awards: Iterable[Award]) -> dict[str, Any]:
    """An award of nothing is none."""
    return with_awards(memory, [award for award in awards if award.yuan])


def _new(
    kind: AwardKind, year: int, yuan: Decimal, source: Cap | AnnualAward, status: AwardStatus, words: str
) -> Award:
    """An award whose cap is its own sum."""
    exact = to_fen(yuan)
    return Award(kind, year, 0, exact, exact, source.fixed, status, source.article, words)


def _computed(act: Act, sentence: str, **values: object) -> str:
    """The computation in people's words."""
    shown = {name: f"{value:,.2f}" if isinstance(value, Decimal) else value for name, value in values.items()}
    return act.pack.words("computations", sentence).format(**shown)


AWARD_EFFECTS: dict[EffectName, Callable[[Act, Mapping[str, Any]], dict[str, Any]]] = {
    EffectName.GRANT_RECOGNITION: _grant_recognition,
    EffectName.GRANT_STRAIGHT: _grant_straight,
    EffectName.GRANT_TOP_UP: _grant_top_up,
    EffectName.GRANT_ANNUAL: _grant_annual,
    EffectName.SETTLE_INSTALMENT: _settle_instalment,
    EffectName.HOLD_UNASSESSED: _hold_unassessed,
    EffectName.LAPSE_AWARDS: _lapse_awards,
    **STATUS_EFFECTS,
}
AWARD_GUARDS: dict[GuardName, Callable[[Act], Iterator[Refusal]]] = STATUS_GUARDS
