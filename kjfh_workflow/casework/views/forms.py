"""The form of an event: every field that it takes, in a shape from which a screen can draw it.

The shapes are those by which evidence is read (``rules.evidence``); what there is to choose from is the pack's and
the case's. Whether what is filled in suffices is decided when the event is performed, or previewed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

from kjfh_workflow.casework.views.facts_form import facts_form, in_words
from kjfh_workflow.casework.views.form_fields import Choice, FormField, Shape, of_schema
from kjfh_workflow.intake.columns import TENANTS
from kjfh_workflow.policy.machine import Edge
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import (
    LEVELS,
    NOT_GRADED,
    AwardKind,
    Field,
    Grade,
    GuardName,
    LengthUnit,
    Level,
    Modifier,
    Ungraded,
)
from kjfh_workflow.rules.award_status import awards_of
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.criteria import Evaluation, Result
from kjfh_workflow.rules.evidence import SHAPES

#: Why whoever proposes may leave a year without a grade; the others are found by the program.
_UNGRADED = (Ungraded.NOT_ORGANISED, Ungraded.DEFERRED, Ungraded.REFUSED)
_OWN_SHAPES: dict[str, Shape] = {
    Field.FACTS: "facts", Field.OVERRIDE: "paths", Field.REPORT: "report", Field.USCC: "uscc",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """What a form is drawn from besides the event."""

    pack: PolicyPack
    case: Case
    #: The title that the case belongs to, or that it is.
    title: Case
    #: What the criteria say of the facts on file.
    evaluation: Evaluation | None


def form_of(scene: Scene, edge: Edge) -> tuple[FormField, ...]:
    """The fields of an event, in the order in which the pack names them; no scores where there is no scorecard."""
    drawn = (_field(scene, edge, Field(name), required=required) for name, required in edge.fields.items())
    return tuple(field for field in drawn if field.fields or field.name != Field.SCORES)


def _field(scene: Scene, edge: Edge, name: Field, *, required: bool) -> FormField:
    words = scene.pack.words
    plain = replace(_plain(name), required=required)
    drawn = replace(
        plain,
        label=words("fields", name),
        shape=_OWN_SHAPES.get(name, plain.shape),
        unit=words("units", LengthUnit.WORKING_DAYS) if name is Field.WORKING_DAYS else plain.unit,
        fields=tuple(_part(scene.pack, name, part) for part in plain.fields),
    )
    special = _SPECIAL.get(name)
    return special(scene, edge, drawn) if special else drawn


@cache
def _plain(name: Field) -> FormField:
    return of_schema(name, SHAPES[name].json_schema(), required=False)


def _part(pack: PolicyPack, field: Field, part: FormField) -> FormField:
    """A part of a table, with its word; a tenant's stand with those of the application form."""
    if field is Field.TENANT:
        return in_words(pack, f"{TENANTS.name}.{part.name}", part)
    known = pack.words.has("parts", part.name)
    return replace(part, label=pack.words("parts" if known else "fields", part.name))


# ---- what there is to choose from ----------------------------------------------------------------------------------


def _with(field: FormField, choices: Iterable[Choice], *, closed: bool = True, several: bool = False) -> FormField:
    longest = None if closed else field.longest
    return replace(
        field, shape="choices" if several else "choice", longest=longest, choices=tuple(choices), closed=closed
    )


def _types(scene: Scene, _: Edge, field: FormField) -> FormField:
    types = scene.pack.identity.types.items()
    return _with(field, (Choice(name, space.label, space.article) for name, space in types))


def _materials(scene: Scene, _: Edge, field: FormField) -> FormField:
    """What is on file need not be handed in again."""
    have = scene.case.materials
    listed = scene.pack.identity.materials
    notes = {True: "已提交", False: ""}
    return _with(
        field,
        (Choice(one.id, one.label, notes[one.id in have] or ("" if one.required else "选交")) for one in listed),
        several=True,
    )


def _articles(scene: Scene, _: Edge, field: FormField) -> FormField:
    """An item of an article may be named too: 第十四条第一项."""
    articles = scene.pack.identity.articles
    return _with(field, (Choice(one.number, one.number, one.about) for one in articles), closed=False)


def _levels(scene: Scene, edge: Edge, field: FormField) -> FormField:
    held = scene.title.level
    upward = GuardName.LEVEL_HIGHER in edge.guards and held is not None
    levels = LEVELS[LEVELS.index(Level(held)) + 1 :] if upward and held else LEVELS
    return _with(field, (Choice(level, scene.pack.words("levels", level)) for level in levels))


def _grades(scene: Scene, edge: Edge, field: FormField) -> FormField:
    assessment = scene.pack.identity.assessment
    grades: list[str] = [*(assessment.grades if assessment else ())]
    if GuardName.REFUSED_ASSESSMENT in edge.guards:
        grades = [Grade.UNQUALIFIED]
    else:
        grades.append(NOT_GRADED)
    return _with(field, (Choice(grade, scene.pack.words("grades", grade)) for grade in grades))


def _reason(scene: Scene, edge: Edge, field: FormField) -> FormField:
    """A year that stays without a grade has one of three reasons; everywhere else it is a text."""
    if Field.GRADE not in edge.fields or GuardName.REFUSED_ASSESSMENT in edge.guards:
        return field
    words = scene.pack.words
    only = f"仅限{words('fields', Field.GRADE)}为“{words('grades', NOT_GRADED)}”"
    reasons = (Choice(reason, words("ungraded", reason)) for reason in _UNGRADED)
    return replace(_with(field, reasons), note=only)


def _scores(scene: Scene, _: Edge, field: FormField) -> FormField:
    assessment = scene.pack.identity.assessment
    lines = assessment.indicators if assessment else ()
    most = Decimal(100)
    parts = (
        FormField(
            line.id, line.label, required=True, shape="decimal", least=Decimal(0), most=most, note=f"权重{line.weight}%"
        )
        for line in lines
    )
    return replace(field, fields=tuple(parts))


def _changes(scene: Scene, _: Edge, field: FormField) -> FormField:
    listed = scene.pack.identity.changes
    kinds = listed.what if listed else ()
    return _with(field, (Choice(kind, scene.pack.words("changes", kind)) for kind in kinds), several=True)


def _award_kinds(scene: Scene, _: Edge, field: FormField) -> FormField:
    """The kinds of the awards that there are; which of them may be moved is the guards'."""
    there = {award.kind for award in awards_of(scene.title.memory).values()}
    return _with(field, (Choice(kind, scene.pack.words("awards", kind)) for kind in AwardKind if kind in there))


def _findings(scene: Scene, _: Edge, field: FormField) -> FormField:
    """Every criterion may be found unmet; what is left to a person must be answered, one by one or by ``all_met``."""
    criteria = scene.evaluation.criteria if scene.evaluation else ()
    parts = (
        FormField(one.id, one.label, required=one.result is Result.JUDGE, shape="yes_no", note=one.article)
        for one in criteria
    )
    return replace(field, fields=tuple(parts))


def _justifications(scene: Scene, _: Edge, field: FormField) -> FormField:
    criteria = scene.evaluation.criteria if scene.evaluation else ()
    parts = (
        FormField(
            one.id, one.label, required=one.result is Result.UNMET and one.measured, shape="text", note=one.article
        )
        for one in criteria
        if one.modifier is Modifier.SOFT
    )
    return replace(field, fields=tuple(parts))


def _award_sum(scene: Scene, _: Edge, field: FormField) -> FormField:
    cap = scene.pack.cap_for(scene.case.type, Level.LOCAL) if scene.case.type else None
    return replace(field, most=cap.yuan, note=cap.article) if cap else field


def _facts(scene: Scene, _: Edge, field: FormField) -> FormField:
    return replace(field, fields=facts_form(scene.pack))


_SPECIAL: Mapping[Field, Callable[[Scene, Edge, FormField], FormField]] = {
    Field.TYPE: _types,
    Field.FACTS: _facts,
    Field.MATERIALS: _materials,
    Field.ARTICLE: _articles,
    Field.LEVEL: _levels,
    Field.TO_LEVEL: _levels,
    Field.GRADE: _grades,
    Field.REASON: _reason,
    Field.SCORES: _scores,
    Field.WHAT: _changes,
    Field.KIND: _award_kinds,
    Field.FINDINGS: _findings,
    Field.JUSTIFICATIONS: _justifications,
    Field.AWARD_YUAN: _award_sum,
}
