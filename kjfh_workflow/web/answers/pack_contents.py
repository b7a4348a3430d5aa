"""The whole of one pack, as a screen needs it to draw forms, tables and legends. Its machines are ``machines``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Any

from pydantic import Field

from kjfh_workflow.policy import model, years
from kjfh_workflow.policy.coverage import coverage, value_in_words
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.phrases import required_in_words, tenant_condition_in_words
from kjfh_workflow.policy.vocabulary import Field as Evidence
from kjfh_workflow.policy.vocabulary import Grade, Level, Role
from kjfh_workflow.policy.wording import house_words
from kjfh_workflow.policy.year_phrases import ground_in_words
from kjfh_workflow.rules.evidence import ALL_MET, SHAPES, shape_of
from kjfh_workflow.rules.facts import Facts
from kjfh_workflow.web.answers.common import Answer, Yuan
from kjfh_workflow.web.answers.machines import Basis, MachineAnswer, basis_of, coded
from kjfh_workflow.web.answers.packs import ArticleAnswer, Coded, PackLine, line_of
from kjfh_workflow.web.schemas import understood

#: What only a sentence or a letter needs is no legend.
_NO_LEGENDS = ("computations", "grounds", "refusals", "problems")


class SpaceType(Coded):
    """A type an applicant may apply for."""

    space: str = Field(description="The kind of space that it counts as.")
    space_label: str
    basis: Basis


class Material(Coded):
    """One item of the materials checklist; its name is what the evidence `materials` lists."""

    required: bool
    basis: Basis


class Cap(Answer):
    """The most that may be granted for a recognition."""

    level: str
    level_label: str
    spaces: list[Coded]
    yuan: Yuan
    fixed: bool = Field(description="Neither more nor less may be granted.")
    basis: Basis


class Criterion(Coded):
    """One condition of recognition."""

    types: list[Coded] = Field(description="The types it applies to; empty for all.")
    modifier: str = Field(examples=["hard"])
    modifier_label: str = Field(examples=["必须"])
    measure: str | None = Field(description="What is measured; null where a person judges without any number.")
    measure_label: str | None
    required: str = Field(description="What is required, in words.", examples=["≥75%"])
    unit: str
    basis: Basis


class TenantCondition(Coded):
    """One condition for a firm on the premises to count as a tenant (在孵企业)."""

    test: str
    modifier: str
    modifier_label: str
    required: str
    basis: Basis


class Standard(Coded):
    """Numbers that the text leaves to another document."""

    document: str
    basis: Basis


class NoticeKind(Coded):
    """A notice that this city sends."""

    to: list[Coded] = Field(description="Empty for reminders, which go to whoever has the work.")
    numbered: bool = Field(description="Whether it is issued under a document number.")


class Indicator(Coded):
    """One line of the city's scorecard."""

    weight: str = Field(description="Of 100.", examples=["15"])
    basis: Basis


class Assessment(Answer):
    """The yearly assessment."""

    grades: list[Coded] = Field(description="The city's scale, best first.")
    first_year: int = Field(description="How many years after the year of recognition the first one is.")
    indicators: list[Indicator]
    basis: Basis


class Ground(Coded):
    """One of the grounds on which a tenant graduates; all of its parts must hold."""

    required: str
    basis: Basis


class TargetLine(Coded):
    """What the city wants to have reached by a day."""

    words: str
    by: date
    basis: Basis


class ProvisionAnswer(Answer):
    """Anything in the pack that rests on an article, in a line."""

    key: str = Field(description="Names it for good; confirmations are recorded by it.")
    words: str
    basis: Basis


class EvidenceField(Coded):
    """A piece of evidence that an event may ask for."""

    shape: dict[str, Any] = Field(description="Its shape, as JSON Schema; what else it must be, a preview tells.")


class PackAnswer(PackLine):
    """The whole of one pack."""

    articles: list[ArticleAnswer]
    types: list[SpaceType]
    materials: list[Material]
    departments: list[Coded] = Field(description="Whose endorsement a recognition needs.")
    numbering: str | None = Field(description="How documents are numbered.", examples=["余科孵〔{year}〕{number}号"])
    caps: list[Cap]
    criteria: list[Criterion]
    tenant_conditions: list[TenantCondition]
    standards: list[Standard]
    notices: list[NoticeKind]
    machines: list[MachineAnswer] = Field(description="One for each kind of case.")
    levels: list[Coded] = Field(description="In ascending order.")
    grades: list[Coded] = Field(description="Every grade that there is, best first; the city's are `assessment`'s.")
    roles: list[Coded]
    assessment: Assessment | None
    changes: list[Coded] = Field(description="Which changes are to be reported.")
    graduation: list[Ground]
    targets: list[TargetLine]
    fields: list[EvidenceField]
    provisions: list[ProvisionAnswer] = Field(description="Everything that rests on an article, in order.")
    legends: dict[str, dict[str, str]] = Field(
        description="Section → name → people's word, for every code that the API answers with.",
        examples=[{"grades": {"excellent": "优秀"}}],
    )

    @classmethod
    def of(cls, pack: PolicyPack, in_force_today: bool) -> PackAnswer:
        """From the library's."""
        return cls(**line_of(pack, in_force_today), **_contents(pack))


@cache  # a pack never changes while it is loaded
def _contents(pack: PolicyPack) -> dict[str, Any]:
    identity = pack.identity
    return {
        "articles": ArticleAnswer.all_of(pack, coverage(pack, {})),
        "types": [_type(pack, name, each) for name, each in identity.types.items()],
        "materials": [
            Material(name=each.id, label=each.label, required=each.required, basis=basis_of(pack, each))
            for each in identity.materials
        ],
        "departments": coded(pack, "roles", identity.departments.roles),
        "numbering": identity.numbering.form if identity.numbering else None,
        "caps": [_cap(pack, cap) for cap in identity.caps],
        "criteria": [_criterion(pack, each) for each in pack.criteria],
        "tenant_conditions": [_tenant_condition(pack, each) for each in pack.tenant_conditions],
        "standards": [
            Standard(name=each.id, label=each.label, document=each.document, basis=basis_of(pack, each))
            for each in pack.standards
        ],
        "notices": [
            NoticeKind(name=name, label=each.label, to=coded(pack, "roles", each.to), numbered=each.numbered)
            for name, each in identity.notices.items()
        ],
        "machines": [MachineAnswer.of(pack, kind) for kind in pack.machines],
        "levels": coded(pack, "levels", Level),
        "grades": coded(pack, "grades", Grade),
        "roles": coded(pack, "roles", Role),
        "assessment": _assessment(pack, identity.assessment) if identity.assessment else None,
        "changes": coded(pack, "changes", identity.changes.what if identity.changes else ()),
        "graduation": [
            Ground(name=each.id, label=each.label, required=ground_in_words(each), basis=basis_of(pack, each))
            for each in identity.graduation
        ],
        "targets": [_target(pack, each) for each in identity.targets],
        "fields": [EvidenceField(name=name, label=pack.words("fields", name), shape=_shape(name)) for name in Evidence],
        "provisions": [
            ProvisionAnswer(key=key, words=value_in_words(pack, key, each), basis=basis_of(pack, each))
            for key, each in pack.provisions()
        ],
        "legends": _legends(pack),
    }


def _type(pack: PolicyPack, name: str, each: model.SpaceType) -> SpaceType:
    space_label = pack.words("spaces", each.space)
    return SpaceType(
        name=name, label=each.label, space=each.space, space_label=space_label, basis=basis_of(pack, each)
    )  # fmt: skip


def _cap(pack: PolicyPack, cap: model.Cap) -> Cap:
    return Cap(
        level=cap.level,
        level_label=pack.words("levels", cap.level),
        spaces=coded(pack, "spaces", cap.spaces),
        yuan=cap.yuan,
        fixed=cap.fixed,
        basis=basis_of(pack, cap),
    )


def _criterion(pack: PolicyPack, each: model.Criterion) -> Criterion:
    return Criterion(
        name=each.id,
        label=each.label,
        types=[Coded(name=name, label=pack.identity.types[name].label) for name in each.types],
        modifier=each.modifier,
        modifier_label=pack.words("modifiers", each.modifier),
        measure=each.measure,
        measure_label=pack.words("measures", each.measure) if each.measure else None,
        required=required_in_words(pack, each),
        unit=each.unit,
        basis=basis_of(pack, each),
    )


def _tenant_condition(pack: PolicyPack, each: model.TenantCondition) -> TenantCondition:
    return TenantCondition(
        name=each.id,
        label=each.label,
        test=each.test,
        modifier=each.modifier,
        modifier_label=pack.words("modifiers", each.modifier),
        required=tenant_condition_in_words(each),
        basis=basis_of(pack, each),
    )


def _assessment(pack: PolicyPack, each: years.Assessment) -> Assessment:
    return Assessment(
        grades=coded(pack, "grades", each.grades),
        first_year=each.first_year,
        indicators=[
            Indicator(name=line.id, label=line.label, weight=f"{line.weight:f}", basis=basis_of(pack, line))
            for line in each.indicators
        ],
        basis=basis_of(pack, each),
    )


def _target(pack: PolicyPack, each: years.Target) -> TargetLine:
    words = value_in_words(pack, f"target.{each.id}", each)
    return TargetLine(name=each.id, label=each.label, words=words, by=each.by, basis=basis_of(pack, each))


def _shape(name: Evidence) -> dict[str, Any]:
    shape = Facts.model_json_schema() if name is Evidence.FACTS else SHAPES[name].json_schema()
    if name is Evidence.REPORT:
        shape = {"anyOf": [shape, shape_of(name, "").json_schema()]}
    if name is Evidence.FINDINGS:
        shape = {"anyOf": [shape, {"const": ALL_MET}]}
    return dict(understood(shape))


def _legends(pack: PolicyPack) -> dict[str, dict[str, str]]:
    own: dict[str, Iterable[str]] = {"spaces": [each.space for each in pack.identity.types.values()]}
    return {
        section: {name: pack.words(section, name) for name in dict.fromkeys([*words, *own.get(section, ())])}
        for section, words in house_words().items()
        if section not in _NO_LEGENDS
    }
