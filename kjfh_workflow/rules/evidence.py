"""The shape of every piece of evidence, and what is wrong with what was given.

Which evidence an event asks for is the pack's; whether it suffices is the guards'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, StringConstraints, TypeAdapter, ValidationError
from pydantic import Field as Limits

from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.checks import citation_problem
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import AwardKind, ChangeKind, Field, Level, RefusalCode
from kjfh_workflow.policy.wording import explain, house_words, keys_at, short
from kjfh_workflow.rules.facts import (
    ENTERING,
    Day,
    Facts,
    Line,
    Table,
    Tenant,
    Uscc,
    YesNo,
    Yuan,
    no_control_characters,
    overlong,
    with_override,
)
from kjfh_workflow.rules.refusing import refusal

#: The days that evidence may name; counting from others would leave the calendar.
_FIRST_DAY, _LAST_DAY = date(1949, 10, 1), date(2100, 12, 31)
#: So many reasons are told; whoever gets more has made one mistake many times.
MOST_REFUSALS = 200
#: Of so many complaints none is worded: it is all of them or none, at several microseconds each.
_MOST_WORDED = 20_000
#: So many things may be named in one table, each by a name of so many letters; packs have some dozens.
_MOST_NAMED, _LONGEST_NAME = 200, 200
#: Unknown keys that one sentence names.
_MOST_LISTED = 10
#: How deep a year's report may be nested, and how many digits a number in it may have on either side of the point.
_DEEPEST, _LONGEST = 8, 28


def _one_newline(text: object) -> object:
    """Web forms send CRLF."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if isinstance(text, str) else text


def _one_line(text: str) -> str:
    if len(text.splitlines()) > 1:
        raise ValueError("应写在一行内")
    return text


def _no_instant(value: object) -> object:
    if isinstance(value, datetime):
        raise ValueError("应为日期，不带时刻")
    return value


def _in_our_time(day: date) -> date:
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise ValueError(f"日期应在{_FIRST_DAY}至{_LAST_DAY}之间")
    return day


def _unique(names: list[str]) -> list[str]:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"重复填写：{'、'.join(twice)}")
    return names


def _kept(value: Any, depth: int = 0) -> Any:
    """A table that can be kept on file: texts, numbers, dates, yes and no, in lists and tables."""
    if isinstance(value, float):
        value = Decimal(str(value))
    if isinstance(value, Decimal) and not (value.is_finite() and abs(value.adjusted()) <= _LONGEST):
        raise ValueError("应为有限的数字")
    if value is None or isinstance(value, (bool, int, Decimal, date)):
        return value
    if isinstance(value, str):
        return no_control_characters(str(_one_newline(value)))
    if depth == _DEEPEST:
        raise ValueError(f"表格嵌套太深，最多{_DEEPEST}层")
    if isinstance(value, (list, tuple)):
        return [_kept(part, depth + 1) for part in value]
    if isinstance(value, dict):
        return {no_control_characters(str(key)): _kept(part, depth + 1) for key, part in value.items()}
    raise ValueError(f"不能存档的内容：{type(value).__name__}")


def _few(value: object) -> object:
    """Of a table that is too long the parts are not looked at."""
    if isinstance(value, dict) and len(value) > _MOST_NAMED:
        raise ValueError(f"共{len(value)}项，最多{_MOST_NAMED}项")
    return value


V = TypeVar("V")
_Named = Annotated[
    dict[Annotated[str, StringConstraints(max_length=_LONGEST_NAME)], V],
    BeforeValidator(_few),
    Limits(max_length=_MOST_NAMED),
]
_Text = Annotated[
    str,
    BeforeValidator(_one_newline),
    StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000),
    AfterValidator(no_control_characters),
]
_Names = Annotated[list[_Text], Limits(max_length=200)]
_Line = Annotated[Line, AfterValidator(_one_line)]
_Day = Annotated[Day, BeforeValidator(_no_instant), AfterValidator(_in_our_time)]
_Level = Annotated[Level, AfterValidator(str)]
_ChangeKind = Annotated[ChangeKind, AfterValidator(str)]
_AwardKind = Annotated[AwardKind, AfterValidator(str)]
_Score = Annotated[Yuan, Limits(le=100)]


class SiteVisit(Table):
    """实地核查."""

    on: _Day
    visitors: Annotated[list[_Line], Limits(min_length=1, max_length=20)]
    finding: _Text


class Grounds(Table):
    """What is known of a tenant that is to graduate; what is not known is left out."""

    high_tech: YesNo | None = None
    operating_since: _Day | None = None
    good_operation: YesNo | None = None
    profitable: YesNo | None = None
    own_ip: YesNo | None = None
    sound_management: YesNo | None = None
    main_income_yuan: Yuan | None = None
    merged_or_listed: YesNo | None = None
    invested_yuan: Yuan | None = None


class _Tenant(Tenant):
    founded_on: _Day
    entered_on: _Day


def _table(model: type[Table]) -> Any:
    """A table with fixed keys, read into a dictionary of those that are given."""

    def named(value: object) -> object:
        if isinstance(value, dict) and (unknown := [str(key) for key in value if key not in model.model_fields]):
            names = "”“".join(short(name) for name in unknown[:_MOST_LISTED])
            more = "等" if len(unknown) > _MOST_LISTED else ""
            raise ValueError(f"没有“{names}”{more}这一项；可以填写：{'、'.join(model.model_fields)}")
        return value

    return Annotated[model, BeforeValidator(named), AfterValidator(lambda table: table.model_dump(exclude_none=True))]


#: The fields that are texts: a command line takes them as they stand.
TEXTS = frozenset((
    Field.TYPE, Field.REASON, Field.OPINION, Field.FINDING, Field.GROUND, Field.ARTICLE, Field.STATEMENT,
    Field.NAME, Field.USCC, Field.LEVEL, Field.DOCUMENT_NO, Field.TOWNSHIP, Field.GRADE, Field.TO_LEVEL,
    Field.KIND, Field.VOUCHER, Field.PERSON,
))  # fmt: skip
#: The finding that answers everything left to a person.
ALL_MET = "all_met"
#: What counts as not given.
_MISSING: tuple[Any, ...] = (None, "", [], {})

SHAPES: dict[Field, TypeAdapter[Any]] = {
    Field.TYPE: TypeAdapter(_Text),
    Field.FACTS: TypeAdapter(_Named[Any]),
    Field.OVERRIDE: TypeAdapter(_Named[Any]),
    Field.MATERIALS: TypeAdapter(_Names),
    Field.MISSING: TypeAdapter(Annotated[_Names, Limits(min_length=1)]),
    Field.WORKING_DAYS: TypeAdapter(Annotated[int, Limits(ge=1, le=250, strict=True)]),
    Field.REASON: TypeAdapter(_Text),
    Field.FINDINGS: TypeAdapter(_Named[YesNo]),
    Field.JUSTIFICATIONS: TypeAdapter(_Named[_Text]),
    Field.OPINION: TypeAdapter(_Text),
    Field.AWARD_YUAN: TypeAdapter(Yuan),
    Field.FINDING: TypeAdapter(_Text),
    Field.GROUND: TypeAdapter(_Text),
    Field.ARTICLE: TypeAdapter(_Text),
    Field.STATEMENT: TypeAdapter(_Text),
    Field.NAME: TypeAdapter(_Line),
    Field.USCC: TypeAdapter(Uscc),
    Field.LEVEL: TypeAdapter(_Level),
    Field.DECIDED_ON: TypeAdapter(_Day),
    Field.DOCUMENT_NO: TypeAdapter(_Line),
    Field.TOWNSHIP: TypeAdapter(_Line),
    Field.YEAR: TypeAdapter(Annotated[int, Limits(ge=2000, le=2100, strict=True)]),
    Field.REPORT: TypeAdapter(Annotated[dict[str, Any], BeforeValidator(_kept), Limits(min_length=1)]),
    # Any text: what a grade may be is its city's scale, and another one has a reason of its own.
    Field.GRADE: TypeAdapter(_Line),
    Field.SCORE: TypeAdapter(Yuan),  # two places and not negative, like a sum; its scale is the scorecard's
    Field.SCORES: TypeAdapter(_Named[_Score]),
    Field.RECTIFY_BY: TypeAdapter(_Day),
    Field.TO_LEVEL: TypeAdapter(_Level),
    Field.WHAT: TypeAdapter(Annotated[list[_ChangeKind], Limits(min_length=1, max_length=50), AfterValidator(_unique)]),
    Field.OCCURRED_ON: TypeAdapter(_Day),
    Field.LATE_DAYS: TypeAdapter(Annotated[int, Limits(ge=0, strict=True)]),
    Field.SITE_VISIT: TypeAdapter(_table(SiteVisit)),
    Field.TENANT: TypeAdapter(_table(_Tenant)),
    Field.GROUNDS: TypeAdapter(_table(Grounds)),
    Field.UNTIL: TypeAdapter(_Day),
    Field.KIND: TypeAdapter(_AwardKind),
    Field.INSTALMENT: TypeAdapter(Annotated[int, Limits(ge=0, le=100, strict=True)]),
    # An award of nothing is no award: it lapses.
    Field.YUAN: TypeAdapter(Annotated[Yuan, Limits(gt=0)]),
    Field.PAID_ON: TypeAdapter(_Day),
    Field.VOUCHER: TypeAdapter(_Line),
    Field.PERSON: TypeAdapter(_Line),
}


#: A report is a table, or simply a text.
_WRITTEN_REPORT: TypeAdapter[Any] = TypeAdapter(_Text)


def shape_of(field: Field, value: object) -> TypeAdapter[Any]:
    """What *value* must be to stand in *field*."""
    return _WRITTEN_REPORT if field is Field.REPORT and isinstance(value, str) else SHAPES[field]


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
    unknown = [name for name in given if name not in asked]
    allowed = "、".join(pack.words("fields", field) for field in asked) or "无"
    refusals = [
        invalid(pack, short(name), f"本环节没有这一项；可以填写：{allowed}") for name in unknown[: MOST_REFUSALS + 1]
    ]
    for name, value in ((name, _without_blanks(given[name])) for name in given if name in asked):
        if name == Field.FINDINGS and value == ALL_MET:
            read[name] = value
        elif value not in _MISSING:
            try:
                read[name] = shape_of(Field(name), value).validate_python(value, context=ENTERING)
            except ValidationError as error:
                refusals += _invalid_parts(pack, name, error)
            except UnicodeEncodeError:
                refusals.append(_half_a_character(pack, name))
    refusals += _unknown_names(pack, read)
    complained = {found.field.partition(".")[0] for found in refusals}
    for name, required in asked.items():
        if required and name not in read and name not in complained:
            refusals.append(missing(pack, name))
    return read, _first(pack, refusals)


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
        yield invalid(pack, Field.TYPE, f"没有“{short(name)}”这一类型；可用：{known}")
    if (citation := read.get(Field.ARTICLE)) and citation_problem(pack, citation):
        numbers = "、".join(article.number for article in pack.identity.articles)
        yield invalid(pack, Field.ARTICLE, f"文件中没有“{short(citation)}”；现有条款：{numbers}")


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
    given = evidence.get(Field.FACTS, base or {})
    facts = _whole_facts(pack, given, evidence.get(Field.OVERRIDE, {}))
    if isinstance(facts, list):
        return None, facts
    if facts.operator.uscc != uscc:
        problem = f"申报数据的单位是{facts.operator.uscc}，提交的单位是{uscc}"
        return None, [invalid(pack, f"{Field.FACTS}.operator.uscc", problem)]
    return facts, []


def _whole_facts(pack: PolicyPack, given: Mapping[str, Any], override: Mapping[str, Any]) -> Facts | list[Refusal]:
    try:
        whole = with_override(dict(given), dict(override))
        if too_long := [invalid(pack, f"{Field.FACTS}.{name}", said) for name, said in overlong(whole)]:
            return too_long
        return Facts.model_validate(whole, context=ENTERING)
    except ValidationError as error:
        return _first(pack, [*_invalid_parts(pack, Field.FACTS, error)])
    except UnicodeEncodeError:
        return [_half_a_character(pack, Field.FACTS)]
    except ValueError as error:
        return [invalid(pack, Field.OVERRIDE, str(error))]


def _first(pack: PolicyPack, refusals: list[Refusal]) -> list[Refusal]:
    """As many as people read, and that there are more."""
    if len(refusals) <= MOST_REFUSALS:
        return refusals
    problem = f"问题过多，只列出前{MOST_REFUSALS}处；请先改正这些"
    more = refusal(pack, RefusalCode.EVIDENCE_INVALID, field_label="提交的内容", problem=problem)
    return [*refusals[:MOST_REFUSALS], more]


def missing(pack: PolicyPack, field: str) -> Refusal:
    """``evidence_missing`` for one field."""
    return refusal(pack, RefusalCode.EVIDENCE_MISSING, field=field, field_label=_label(pack, field))


def invalid(pack: PolicyPack, field: str, problem: str) -> Refusal:
    """``evidence_invalid`` for one field."""
    return refusal(pack, RefusalCode.EVIDENCE_INVALID, field=field, problem=problem, field_label=_label(pack, field))


def _label(pack: PolicyPack, field: str) -> str:
    top = field.partition(".")[0]
    return pack.words("fields", top) + (f"（{field}）" if field != top else "")


def _half_a_character(pack: PolicyPack, field: str) -> Refusal:
    """Of a text that JSON can hold and UTF-8 cannot, where the library wanted no text at all and does not say so."""
    return invalid(pack, field, house_words()["problems"]["string_unicode"])


def _invalid_parts(pack: PolicyPack, field: str, error: ValidationError) -> Iterator[Refusal]:
    if (count := error.error_count()) > _MOST_WORDED:
        yield invalid(pack, field, f"有{count}处不符合要求；请核对数据的格式")
        return
    for detail in error.errors(include_url=False)[: MOST_REFUSALS + 1]:
        path = ".".join(short(step) for step in (field, *detail["loc"]))
        # Facts come as a whole, and are valid or not; of other tables a part may be missing.
        lacks = detail["type"] == "missing" and field != Field.FACTS
        yield missing(pack, path) if lacks else invalid(pack, path, explain(detail, _known(field, detail)))


def _known(field: str, detail: Mapping[str, Any]) -> Iterable[str]:
    """The keys that stand beside an unknown one of the facts; other tables name them themselves."""
    unknown = field == Field.FACTS and detail["type"] == "extra_forbidden"
    return keys_at(Facts, detail["loc"][:-1]) if unknown else ()
