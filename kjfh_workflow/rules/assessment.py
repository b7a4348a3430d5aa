"""The yearly assessment: which grades may be proposed, what a final grade does, which failed years cost the title.

How a round is opened and closed is ``casework.rounds``'s; the money that follows from a grade is ``awards``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import NOT_GRADED, EffectName, Field, Grade, GuardName, RefusalCode, Ungraded
from kjfh_workflow.policy.years import Assessment
from kjfh_workflow.rules.act import Act
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.evidence import invalid, missing
from kjfh_workflow.rules.refusing import refusal

#: Year, as text → its final grade, as memory keeps it.
Grades = Mapping[str, Mapping[str, Any]]
Memory = Mapping[str, Any]

#: Why whoever proposes may leave a year without a grade; leaving the round is found by the program.
_REASONS = (Ungraded.NOT_ORGANISED, Ungraded.DEFERRED, Ungraded.REFUSED)
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Member:
    """One incubator of a round, as its quota sees it."""

    id: str
    name: str
    grade: str
    #: As memory keeps it: plain digits.
    score: str | None = None


def failed_run(grades: Grades, year: int, since: int | None = None, used: Iterable[int] = ()) -> range:
    """The adjacent calendar years around *year* that were all failed; empty if *year* is none of them.

    Args:
        grades: the final grades; a year without one breaks the run.
        year: the calendar year to start from.
        since: the first year that counts (``adverse_from``), None for all.
        used: failed years that have led to a proposal before.
    """
    spent = {*used}

    def failed(candidate: int) -> bool:
        grade = grades.get(str(candidate), {}).get("grade")
        return grade == Grade.UNQUALIFIED and (since is None or candidate >= since) and candidate not in spent

    first = last = year
    while failed(first - 1):
        first -= 1
    while failed(last + 1):
        last += 1
    return range(first, last + 1) if failed(year) else range(0)


def failed_years(grades: Grades, since: int | None = None) -> int:
    """How many failed calendar years in a row there are up to the latest year that was closed."""
    return len(failed_run(grades, max(map(int, grades)), since)) if grades else 0


def fails(pack: PolicyPack, _memory: Memory, evidence: Mapping[str, Any]) -> bool:
    """Whether this grade is the failing one, of a year that counts (Yuyao art. 11: from 2021 on)."""
    year, since = evidence.get(Field.YEAR), _since(pack)
    return evidence.get(Field.GRADE) == Grade.UNQUALIFIED and year is not None and (since is None or year >= since)


def failed_years_in_a_row(pack: PolicyPack, memory: Memory, evidence: Mapping[str, Any]) -> list[int]:
    """The failed years that with this year's grade cost the title; none if they are too few (Yuyao art. 11).

    Years that have led to a proposal once are not used again, and only a grade among the evidence asks.
    """
    assessment = pack.identity.assessment
    if assessment is None or assessment.failures is None or not fails(pack, memory, evidence):
        return []
    year: int = evidence[Field.YEAR]
    grades = {**memory.get("grades", {}), str(year): {"grade": Grade.UNQUALIFIED}}
    run = failed_run(grades, year, _since(pack), memory.get("used_failures", ()))
    return [*run] if len(run) >= assessment.failures.years else []


def failed_in_a_row(pack: PolicyPack, memory: Memory, evidence: Mapping[str, Any]) -> bool:
    """Whether with this year's grade as many years in a row are failed as cost the title (Yuyao art. 11)."""
    return bool(failed_years_in_a_row(pack, memory, evidence))


def _since(pack: PolicyPack) -> int | None:
    """Rules that burden count failures only from the year of this day on."""
    day = pack.identity.in_force.adverse_from
    return day.year if day else None


def _assessment(pack: PolicyPack) -> Assessment:
    assessment = pack.identity.assessment
    assert assessment is not None, "checks: a machine with rounds needs the table"  # noqa: S101
    return assessment


def first_assessed_year(pack: PolicyPack, case: Case) -> int:
    """The first year an incubator is assessed for: of its recognition (Yuyao art. 10) or the one after (Cixi)."""
    return int(case.memory["recognised_on"][:4]) + _assessment(pack).first_year


def quota(pack: PolicyPack, titles: int) -> int | None:
    """How many of *titles* may have the quota's grade; None where there is no quota."""
    rule = _assessment(pack).quota
    return titles // rule.one_in if rule else None


def over_quota(pack: PolicyPack, titles: int, members: Iterable[Member]) -> list[Refusal]:
    """Why the grades of a round do not keep the quota (Cixi 三（四）: excellent at most a third of all recognised).

    Too many have the grade; or all that may have it do, and somebody without it has the same score as one with it.
    Reads *members* once, and keeps no more than one name for each score.
    """
    rule, allowed = _assessment(pack).quota, quota(pack, titles)
    if rule is None or allowed is None:
        return []
    proposed = 0
    inside: dict[Decimal, str] = {}
    outside: dict[Decimal, str] = {}
    for member in members:
        proposed += member.grade == rule.grade
        if member.score is not None:
            side = inside if member.grade == rule.grade else outside
            side.setdefault(Decimal(member.score), member.name)
    grade = pack.words("grades", rule.grade)

    def problem(variant: str = "", **values: object) -> Refusal:
        code, article = RefusalCode.QUOTA_EXCEEDED, rule.article
        return refusal(pack, code, article=article, field="", variant=variant, grade=grade, allowed=allowed, **values)

    if proposed > allowed:
        return [problem(proposed=proposed, titles=titles, one_in=rule.one_in)]
    ties = sorted(inside.keys() & outside.keys(), reverse=True) if proposed == allowed else []
    return [problem("tie", score=format(tie, "f"), inside=inside[tie], outside=outside[tie]) for tie in ties]


def _grade_complete(act: Act) -> Iterator[Refusal]:
    """The grade is one of the city's, and everything is there that goes with it."""
    grade = act.evidence.get(Field.GRADE)
    if grade is None:
        return
    if grade != NOT_GRADED and grade not in _assessment(act.pack).grades:
        yield _unknown_grade(act, grade)
        return
    yield from _unscored(act) if grade == NOT_GRADED else _scored(act)
    yield from _rectified_by(act, grade)


def _unknown_grade(act: Act, grade: str) -> Refusal:
    scale = [f"{name}（{act.pack.words('grades', name)}）" for name in (*_assessment(act.pack).grades, NOT_GRADED)]
    article = _assessment(act.pack).article
    code = RefusalCode.UNKNOWN_GRADE
    return act.refuse(code, article=article, field=Field.GRADE, grade=grade, allowed="、".join(scale))


def _unscored(act: Act) -> Iterator[Refusal]:
    """A year without a grade says why, and has no score."""
    reason = act.evidence.get(Field.REASON)
    if reason is None:
        yield missing(act.pack, Field.REASON)
    elif reason not in _REASONS:
        known = "、".join(f"{name}（{act.pack.words('ungraded', name)}）" for name in _REASONS)
        yield invalid(act.pack, Field.REASON, f"没有“{reason}”这一原因；可用：{known}")
    for name in (Field.SCORE, Field.SCORES):
        if name in act.evidence:
            yield invalid(act.pack, name, "未评定等次的不填写")


def _scored(act: Act) -> Iterator[Refusal]:
    """Where the city has a scorecard, every line of it is scored, and the score is their weighted sum."""
    indicators = [indicator.id for indicator in _assessment(act.pack).indicators]
    scores = act.evidence.get(Field.SCORES)
    if scores is None:
        if indicators and Field.SCORES in act.edge.fields:
            yield missing(act.pack, Field.SCORES)
        return
    if unknown := [name for name in scores if name not in indicators]:
        known = "、".join(indicators) or "无"
        yield invalid(act.pack, Field.SCORES, f"没有“{'”“'.join(unknown)}”这一指标；可用：{known}")
    for name in indicators:
        if name not in scores:
            yield missing(act.pack, f"{Field.SCORES}.{name}")
    given = act.evidence.get(Field.SCORE)
    if given is not None and {*scores} == {*indicators} and given != (total := _weighted(act.pack, scores)):
        yield invalid(act.pack, Field.SCORE, f"按指标权重计算为{total:f}，填写的是{given:f}")


def _weighted(pack: PolicyPack, scores: Mapping[str, Decimal]) -> Decimal:
    """The sum of the scores by weight of 100, rounded half up to two places."""
    total = sum((line.weight * scores[line.id] for line in _assessment(pack).indicators), Decimal(0))
    return (total / 100).quantize(_CENT, ROUND_HALF_UP)


def _rectified_by(act: Act, grade: str) -> Iterator[Refusal]:
    """Who fails is given a day by which to rectify (Cixi 三（四）); nobody else is."""
    day = act.evidence.get(Field.RECTIFY_BY)
    if grade != Grade.UNQUALIFIED:
        if day:
            yield invalid(act.pack, Field.RECTIFY_BY, "只有不合格的才限期整改")
    elif day is None:
        if Field.RECTIFY_BY in act.edge.fields:
            yield missing(act.pack, Field.RECTIFY_BY)
    elif day <= act.today:
        yield invalid(act.pack, Field.RECTIFY_BY, f"{day}应晚于今天")


def _refused_assessment(act: Act) -> Iterator[Refusal]:
    """Only who refused to be assessed may be called unqualified afterwards, by a person (reading Y1)."""
    year, grade = act.evidence.get(Field.YEAR), act.evidence.get(Field.GRADE)
    entry = act.case.memory.get("grades", {}).get(str(year), {})
    if year is not None and (entry.get("grade"), entry.get("reason")) != (NOT_GRADED, Ungraded.REFUSED):
        yield invalid(act.pack, Field.YEAR, f"{year}年度不是因拒绝考核而未评定等次")
    if grade in (*_assessment(act.pack).grades, NOT_GRADED):
        if grade != Grade.UNQUALIFIED:
            label = act.pack.words("grades", Grade.UNQUALIFIED)
            yield invalid(act.pack, Field.GRADE, f"只能评定为{Grade.UNQUALIFIED}（{label}）")
    elif grade is not None and GuardName.GRADE_COMPLETE not in act.edge.guards:  # which says so itself
        yield _unknown_grade(act, grade)


def _enter_round(act: Act, _memory: Memory) -> dict[str, Any]:
    return {"assessing": act.evidence[Field.YEAR], "proposed": None}


def _note_report(act: Act, memory: Memory) -> dict[str, Any]:
    return {"reported": {**memory.get("reported", {}), str(memory["assessing"]): act.today.isoformat()}}


def _propose_grade(act: Act, memory: Memory) -> dict[str, Any]:
    evidence = dict(act.evidence)
    if Field.SCORES in evidence:
        evidence.setdefault(Field.SCORE, _weighted(act.pack, evidence[Field.SCORES]))
    kept = (Field.GRADE, Field.SCORE, Field.SCORES, Field.REASON, Field.RECTIFY_BY)
    return {"proposed": {"year": memory["assessing"], **_as_kept(evidence, kept)}}


def _apply_grade(act: Act, memory: Memory) -> dict[str, Any]:
    """The year's grade is final."""
    return _entered(act, memory, _as_kept(act.evidence, (Field.GRADE, Field.SCORE, Field.REASON)))


def _close_ungraded(act: Act, memory: Memory) -> dict[str, Any]:
    """It is not in the round: the year stays without a grade, which breaks a run of failed years."""
    final = memory.get("grades", {}).get(str(act.evidence[Field.YEAR]))
    reason = act.evidence.get(Field.REASON, str(Ungraded.LEFT_ROUND))
    return _entered(act, memory, final or {"grade": NOT_GRADED, "reason": reason})


def _entered(act: Act, memory: Memory, entry: Mapping[str, Any]) -> dict[str, Any]:
    year = act.evidence[Field.YEAR]
    grades = {**memory.get("grades", {}), str(year): {"on": act.today.isoformat(), **entry}}
    changes: dict[str, Any] = {"grades": grades, "failed_years": failed_years(grades, _since(act.pack))}
    # Meanwhile it may be under assessment for another year, which goes on.
    return {**changes, "assessing": None, "proposed": None} if memory.get("assessing") == year else changes


def _order_rectification(act: Act, _memory: Memory) -> dict[str, Any]:
    by, today = act.evidence[Field.RECTIFY_BY].isoformat(), act.today.isoformat()
    return {"rectification": {"by": by, "ordered_on": today, "year": act.evidence[Field.YEAR]}}


def _as_kept(evidence: Mapping[str, Any], names: Iterable[Field]) -> dict[str, Any]:
    """Those of the pieces that are given, as memory keeps them."""
    kept: dict[str, Any] = canonical.loads(
        canonical.dumps({name: evidence[name] for name in names if name in evidence})
    )
    return kept


ASSESSMENT_GUARDS: dict[GuardName, Callable[[Act], Iterator[Refusal]]] = {
    GuardName.GRADE_COMPLETE: _grade_complete,
    GuardName.REFUSED_ASSESSMENT: _refused_assessment,
}
ASSESSMENT_EFFECTS: dict[EffectName, Callable[[Act, Memory], dict[str, Any]]] = {
    EffectName.ENTER_ROUND: _enter_round,
    EffectName.NOTE_REPORT: _note_report,
    EffectName.PROPOSE_GRADE: _propose_grade,
    EffectName.APPLY_GRADE: _apply_grade,
    EffectName.CLOSE_UNGRADED: _close_ungraded,
    EffectName.ORDER_RECTIFICATION: _order_rectification,
    EffectName.END_RECTIFICATION: lambda _act, _memory: {"rectification": None},
}
