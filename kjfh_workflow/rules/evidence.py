"""The shape of every piece of evidence, and what is wrong with what was given.

Which evidence an event asks for is the pack's; whether it suffices is the guards'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StringConstraints, TypeAdapter, ValidationError
from pydantic import Field as Limits

from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.checks import citation_problem
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import Field, RefusalCode
from kjfh_workflow.policy.wording import explain
from kjfh_workflow.rules.facts import Facts, no_control_characters, with_override
from kjfh_workflow.rules.refusing import refusal


def _one_newline(text: object) -> object:
    """Web forms send CRLF."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if isinstance(text, str) else text


_Text = Annotated[
    str,
    BeforeValidator(_one_newline),
    StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000),
    AfterValidator(no_control_characters),
]
_Names = Annotated[list[_Text], Limits(max_length=200)]

#: The fields that are free text: a command line takes them as they stand.
TEXTS = frozenset(
    {Field.TYPE, Field.REASON, Field.OPINION, Field.FINDING, Field.GROUND, Field.ARTICLE, Field.STATEMENT}
)
#: The finding that answers everything left to a person.
ALL_MET = "all_met"
#: What counts as not given.
_MISSING: tuple[Any, ...] = (None, "", [], {})

SHAPES: dict[Field, TypeAdapter[Any]] = {
    Field.TYPE: TypeAdapter(_Text),
    Field.FACTS: TypeAdapter(dict[str, Any]),
    Field.OVERRIDE: TypeAdapter(dict[str, Any]),
    Field.MATERIALS: TypeAdapter(_Names),
    Field.MISSING: TypeAdapter(Annotated[_Names, Limits(min_length=1)]),
    Field.WORKING_DAYS: TypeAdapter(Annotated[int, Limits(ge=1, le=250, strict=True)]),
    Field.REASON: TypeAdapter(_Text),
    Field.FINDINGS: TypeAdapter(dict[str, Annotated[bool, Limits(strict=True)]]),
    Field.JUSTIFICATIONS: TypeAdapter(dict[str, _Text]),
    Field.OPINION: TypeAdapter(_Text),
    Field.AWARD_YUAN: TypeAdapter(Annotated[Decimal, Limits(ge=0, decimal_places=2, max_digits=16)]),
    Field.FINDING: TypeAdapter(_Text),
    Field.GROUND: TypeAdapter(_Text),
    Field.ARTICLE: TypeAdapter(_Text),
    Field.STATEMENT: TypeAdapter(_Text),
}


def read_evidence(
    pack: PolicyPack, asked: Mapping[str, bool], given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Refusal]]:
    """The evidence in its proper types, and every reason why it will not do.

    Args:
        pack: for the words.
        asked: field → required, as the edge has it.
        given: what came with the event.
    """
    read: dict[str, Any] = {}
    refusals: list[Refusal] = []
    for name, value in ((name, _without_blanks(value)) for name, value in given.items()):
        if name not in asked:
            allowed = "、".join(pack.words("fields", field) for field in asked) or "无"
            refusals.append(invalid(pack, name, f"本环节没有这一项；可以填写：{allowed}"))
        elif name == Field.FINDINGS and value == ALL_MET:
            read[name] = value
        elif value not in _MISSING:
            try:
                read[name] = SHAPES[Field(name)].validate_python(value)
            except ValidationError as error:
                refusals += _invalid_parts(pack, name, error)
    refusals += _unknown_names(pack, read)
    complained = {found.field.partition(".")[0] for found in refusals}
    for name, required in asked.items():
        if required and name not in read and name not in complained:
            label = pack.words("fields", name)
            refusals.append(refusal(pack, RefusalCode.EVIDENCE_MISSING, field=name, field_label=label))
    return read, refusals


def _without_blanks(value: Any) -> Any:
    """Blank texts say nothing, alone or inside a list or a table."""
    if isinstance(value, str):
        return value if value.strip() else ""
    if isinstance(value, list):
        return [part for part in value if _without_blanks(part) != ""]
    if isinstance(value, dict) and all(isinstance(part, str) for part in value.values()):
        return {key: part for key, part in value.items() if part.strip()}
    return value


def _unknown_names(pack: PolicyPack, read: Mapping[str, Any]) -> Iterator[Refusal]:
    """Types and articles that this city's document does not know."""
    types = pack.identity.types
    if (name := read.get(Field.TYPE)) and name not in types:
        known = "、".join(f"{key}（{space.label}）" for key, space in types.items())
        yield invalid(pack, Field.TYPE, f"没有“{name}”这一类型；可用：{known}")
    if (citation := read.get(Field.ARTICLE)) and citation_problem(pack, citation):
        numbers = "、".join(article.number for article in pack.identity.articles)
        yield invalid(pack, Field.ARTICLE, f"文件中没有“{citation}”；现有条款：{numbers}")


def read_facts(
    pack: PolicyPack, uscc: str, base: Mapping[str, Any] | None, evidence: Mapping[str, Any]
) -> tuple[Facts | None, list[Refusal]]:
    """The facts that *evidence* hands in: new ones or those on file, with single values replaced.

    Args:
        pack: for the words.
        uscc: the operator that hands them in; it speaks only for itself.
        base: the facts on file, for an override without new facts.
        evidence: as read by ``read_evidence``.

    Returns:
        The facts, or None where nothing new was handed in; and every problem, with its path.
    """
    if Field.FACTS not in evidence and Field.OVERRIDE not in evidence:
        return None, []
    data = evidence.get(Field.FACTS, base or {})
    try:
        facts = Facts.model_validate(with_override(dict(data), evidence.get(Field.OVERRIDE, {})))
    except ValidationError as error:
        return None, [*_invalid_parts(pack, Field.FACTS, error)]
    except ValueError as error:
        return None, [invalid(pack, Field.OVERRIDE, str(error))]
    if facts.operator.uscc != uscc:
        problem = f"申报数据的单位是{facts.operator.uscc}，提交的单位是{uscc}"
        return None, [invalid(pack, f"{Field.FACTS}.operator.uscc", problem)]
    return facts, []


def invalid(pack: PolicyPack, field: str, problem: str) -> Refusal:
    """``evidence_invalid`` for one field."""
    top = field.partition(".")[0]
    shown = pack.words("fields", top) + (f"（{field}）" if field != top else "")
    return refusal(pack, RefusalCode.EVIDENCE_INVALID, field=field, problem=problem, field_label=shown)


def _invalid_parts(pack: PolicyPack, field: str, error: ValidationError) -> Iterator[Refusal]:
    for detail in error.errors():
        path = ".".join(str(step) for step in (field, *detail["loc"]))
        yield invalid(pack, path, explain(detail))
