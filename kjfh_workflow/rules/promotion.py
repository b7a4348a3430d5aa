"""Titles at a higher level: who may be recommended, what a recognition above changes, titles granted elsewhere.

The money that follows from a higher level is ``awards``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.vocabulary import (
    LEVELS,
    NOT_GRADED,
    EffectName,
    Field,
    GuardName,
    Level,
    RefusalCode,
    Ungraded,
)
from kjfh_workflow.rules.act import Act

Memory = Mapping[str, Any]

#: Years that nobody was assessed in say nothing of the incubator: the year before them is the latest assessment.
_PASSED_OVER = frozenset({Ungraded.NOT_ORGANISED, Ungraded.DEFERRED})


def _level_higher(act: Act) -> Iterator[Refusal]:
    """Recommended and recognised upward only: the level is above the one that the title is held at."""
    held = act.title.level
    for field in (Field.TO_LEVEL, Field.LEVEL):
        level = act.evidence.get(field)
        if level and held and LEVELS.index(level) <= LEVELS.index(held):
            levels = {"level": act.pack.words("levels", level), "held": act.pack.words("levels", held)}
            yield act.refuse(RefusalCode.LEVEL_NOT_HIGHER, article=act.edge.article, field=field, **levels)


def _grade_good_enough(act: Act) -> Iterator[Refusal]:
    """Who was graded well enough in the latest assessment may be recommended upward (Yuyao art. 12)."""
    assessment = act.pack.identity.assessment
    if assessment is None or assessment.recommended_from is None:
        return
    needed = assessment.recommended_from
    code, label = RefusalCode.GRADE_BELOW_GOOD, act.pack.words("grades", needed.grade)
    year, grade = _latest_grade(act.title.memory.get("grades", {}))
    if not grade:
        yield act.refuse(code, article=needed.article, variant="never", needed=label)
    elif grade not in assessment.grades[: assessment.grades.index(needed.grade) + 1]:
        graded = act.pack.words("grades", grade)
        yield act.refuse(code, article=needed.article, needed=label, year=year, grade=graded)


def _latest_grade(grades: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """Year and grade of the latest assessment, which may be that it was refused; empty if there was none."""
    for year in sorted(grades, key=int, reverse=True):
        entry = grades[year]
        if entry["grade"] != NOT_GRADED or entry.get("reason") not in _PASSED_OVER:
            return year, str(entry["grade"])
    return "", ""


def _keep_recommendation(act: Act, _memory: Memory) -> dict[str, Any]:
    """To which level it is recommended; later, at which it was recognised, when, and by which decision."""
    kept = {
        name: act.evidence[name] for name in (Field.TO_LEVEL, Field.LEVEL, Field.DOCUMENT_NO) if name in act.evidence
    }
    changes: dict[str, Any] = {str(name): value for name, value in kept.items()}
    if Field.DECIDED_ON in act.evidence:
        changes["decided_on"] = act.evidence[Field.DECIDED_ON].isoformat()
    return changes


def _take_level(act: Act, memory: Memory) -> dict[str, Any]:
    """The title is held at the higher level from now on; the recognition belongs to the year it was decided in."""
    level, decided_on = act.evidence[Field.LEVEL], act.evidence[Field.DECIDED_ON]
    above = {**memory.get("recognised_above", {}), str(decided_on.year): level}
    return {"level": level, "recognised_above": above, "document_no": act.evidence[Field.DOCUMENT_NO]}


def _register_title(act: Act, _memory: Memory) -> dict[str, Any]:
    """A title that the system did not grant: older than it, or won directly at a higher level."""
    evidence = act.evidence
    level, decided_on = evidence[Field.LEVEL], evidence[Field.DECIDED_ON]
    changes: dict[str, Any] = {
        "uscc": evidence[Field.USCC],
        "name": evidence[Field.NAME],
        "type": evidence[Field.TYPE],
        "level": level,
        "recognised_on": decided_on.isoformat(),
        "registered": True,
        "document_no": evidence[Field.DOCUMENT_NO],
        "township": evidence[Field.TOWNSHIP],
        "failed_years": 0,
        "opened_on": act.today.isoformat(),
    }
    return changes if level == Level.LOCAL else {**changes, "recognised_above": {str(decided_on.year): level}}


PROMOTION_GUARDS: dict[GuardName, Callable[[Act], Iterator[Refusal]]] = {
    GuardName.LEVEL_HIGHER: _level_higher,
    GuardName.GRADE_GOOD_ENOUGH: _grade_good_enough,
}
PROMOTION_EFFECTS: dict[EffectName, Callable[[Act, Memory], dict[str, Any]]] = {
    EffectName.KEEP_RECOMMENDATION: _keep_recommendation,
    EffectName.TAKE_LEVEL: _take_level,
    EffectName.REGISTER_TITLE: _register_title,
}
