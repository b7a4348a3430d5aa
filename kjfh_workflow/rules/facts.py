"""What an operator declares and hands in: the operator, its premises and fund, and the rosters.

Totals are never taken from ``declared``: they are counted from the rosters (``measures``) and compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationInfo

from kjfh_workflow.policy.wording import short
from kjfh_workflow.rules.hidden import first_hidden, looks_like_another
from kjfh_workflow.rules.identifiers import check_uscc

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
T = TypeVar("T")
#: For validation of what comes in now. What is on file stays readable, whatever is asked of new texts since.
ENTERING = {"entering": True}
_LONGEST_LINE = 200
#: Characters of a document that is kept ready as long as others are not asked for more often.
_LONGEST_KEPT = 64 * 1024
#: Rows of a roster that come in now; ten times the largest that is known.
MOST_ROWS = 10_000


def _only_days(value: object) -> object:
    """Numbers are not dates, though the validator would read them as seconds since 1970."""
    if isinstance(value, (int, float, Decimal)) or (isinstance(value, str) and not _ISO_DAY.fullmatch(value.strip())):
        raise ValueError(f"“{short(value)}”不是日期，应如2021-03-01")
    return value


def _plain_digits(value: object) -> object:
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        raise ValueError(f"“{short(value)}”不是数字")
    return value


def no_control_characters(text: str) -> str:
    """*text* itself.

    Raises:
        ValueError: for characters that nobody can see; line breaks and tabs are none of them.
    """
    if _CONTROL.search(text):
        raise ValueError("含有不可见的控制字符")
    return text


def _as_entered(text: str, info: ValidationInfo) -> str:
    """A name that comes in now: short, and nothing in it hidden or to be taken for something else."""
    if info.context != ENTERING:
        return text
    if hidden := first_hidden(text):
        raise ValueError(f"含有不可见的控制字符（{hidden}）")
    if len(text) > _LONGEST_LINE:
        raise ValueError(f"太长，最多{_LONGEST_LINE}个字")
    if mistaken := looks_like_another(text):
        raise ValueError(mistaken)
    return text


Day = Annotated[date, BeforeValidator(_only_days)]
Yuan = Annotated[Decimal, BeforeValidator(_plain_digits), Field(ge=0, decimal_places=2, max_digits=16)]
YesNo = Annotated[bool, Field(strict=True)]
SquareMetres = Annotated[Decimal, BeforeValidator(_plain_digits), Field(ge=0, decimal_places=4, max_digits=12)]
Uscc = Annotated[str, AfterValidator(check_uscc)]
Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=_LONGEST_LINE),
    AfterValidator(no_control_characters),
    AfterValidator(_as_entered),
]
#: Somebody's name, which may be left out.
PersonName = Annotated[str, AfterValidator(_as_entered), Field(json_schema_extra={"maxLength": _LONGEST_LINE})]


class Table(BaseModel):
    """Base of every table of facts: frozen; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Operator(Table):
    """运营机构."""

    name: Line
    uscc: Uscc
    registered_in: Line
    independent_legal_person: YesNo
    registered_on: Day
    operating_since: Day


class Premises(Table):
    """孵化场地; areas in square metres."""

    address: Line
    township: Line
    self_controlled: YesNo
    area_m2: SquareMetres
    public_service_m2: SquareMetres


class Fund(Table):
    """种子资金 and 合作孵化资金, in yuan."""

    own_seed_yuan: Yuan
    partner_yuan: Yuan


class Park(Table):
    """小微产业园 and its three elements (Cixi 四（二）)."""

    small_micro_park: YesNo = False
    special_commissioner: YesNo = False
    inspection_agent: YesNo = False
    intermediary_service: YesNo = False


class Tenant(Table):
    """One firm on the premises; whether it counts as 在孵企业 is asked by the pack's conditions."""

    name: Line
    uscc: Uscc
    founded_on: Day
    entered_on: Day
    area_m2: SquareMetres
    field: Line
    technology_sme: YesNo
    registered_inside: YesNo
    works_inside: YesNo
    ip_applied: YesNo
    invested_yuan: Yuan


class StaffMember(Table):
    """One person of the operator's staff."""

    post: Line
    name: PersonName = ""
    professional: YesNo


class Mentor(Table):
    """One 创业导师."""

    post: Line
    name: PersonName = ""


class Graduate(Table):
    """One firm that has graduated."""

    name: Line
    uscc: Uscc
    entered_on: Day
    graduated_on: Day
    ground: Line


class Declared(Table):
    """Totals as written on the application form; only compared with the rosters."""

    tenants: int | None = Field(default=None, ge=0)
    staff: int | None = Field(default=None, ge=0)
    professionals: int | None = Field(default=None, ge=0)
    mentors: int | None = Field(default=None, ge=0)
    graduates: int | None = Field(default=None, ge=0)
    ip_tenants: int | None = Field(default=None, ge=0)
    tenant_area_m2: SquareMetres | None = None


#: For who reads the schema; ``overlong`` asks, and only of what comes in.
_ROSTER = Field(json_schema_extra={"maxItems": MOST_ROWS})


class Facts(Table):
    """Everything an application states."""

    operator: Operator
    premises: Premises
    fund: Fund
    park: Park = Park()
    tenants: Annotated[tuple[Tenant, ...], _ROSTER]
    staff: Annotated[tuple[StaffMember, ...], _ROSTER]
    mentors: Annotated[tuple[Mentor, ...], _ROSTER]
    graduates: Annotated[tuple[Graduate, ...], _ROSTER] = ()
    makers: int = Field(default=0, ge=0, le=1_000_000)
    declared: Declared = Declared()


def overlong(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Rosters that are longer than any may come in, and what to say of each; asked before their rows are read."""
    for name in Facts.model_fields:
        rows = data.get(name)
        if isinstance(rows, (list, tuple)) and len(rows) > MOST_ROWS:
            yield name, f"共{len(rows)}行，最多{MOST_ROWS}行"


def with_override(data: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    """*data* with single values replaced: ``{"premises.area_m2": 4999, "tenants.3.field": "软件"}``.

    An index one behind the last adds a row.

    Raises:
        ValueError: in Chinese, where a path leads nowhere.
    """
    for path, value in override.items():
        data = _replaced(data, path.split("."), value, path)
    return data


def _replaced(node: Any, steps: list[str], value: Any, path: str) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(node, dict):
        if rest and step not in node:
            raise ValueError(f"申报数据中没有“{path}”；可用：{short('、'.join(node))}")
        return {**node, step: _replaced(node.get(step), rest, value, path)}
    if isinstance(node, (list, tuple)):
        if not step.isdecimal() or int(step) > len(node):
            raise ValueError(f"申报数据中没有“{path}”；该列表共{len(node)}行，序号从0起，可在末尾增加一行")
        index = int(step)
        row = node[index] if index < len(node) else {}
        return [*node[:index], _replaced(row, rest, value, path), *node[index + 1 :]]
    raise ValueError(f"申报数据中没有“{path}”")


def facts_on_file(document: str) -> Facts:
    """Facts as they were stored; what is on file stays readable, whatever is asked of new texts since."""
    return _read(document) if len(document) <= _LONGEST_KEPT else Facts.model_validate_json(document)


#: Each act and each look at a case reads the same unchanging document again.
_read = lru_cache(maxsize=64)(Facts.model_validate_json)


def whereabouts(document: str) -> dict[str, Any]:
    """What the register keeps of stored facts: the township, and whether the place is a small and micro park."""
    facts = facts_on_file(document)
    return {"township": facts.premises.township, "park": facts.park.model_dump()}
