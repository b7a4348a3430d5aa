"""The eight acts of one case, and who performs them on which facts: what every contestant is given.

How a contestant carries an act out does not belong here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Protocol

#: The acts of one case, in order; the lead's endorsement opens the incubator, on which the last act is performed.
KINDS = (
    "submit", "accept", "return_for_correction", "resubmit", "pass_preliminary",
    "endorse (finance)", "endorse (lead)", "propose_revocation",
)  # fmt: skip
#: The day of each act; no deadline passes between them.
DAYS = (
    date(2021, 3, 1), date(2021, 3, 2), date(2021, 3, 8), date(2021, 3, 22), date(2021, 3, 23),
    date(2021, 3, 24), date(2021, 3, 25), date(2021, 6, 1),
)  # fmt: skip
MISSING = ["场地面积证明", "资金证明"]
#: The area as first written on the form is too small; the override of ``resubmit`` puts it right.
OVERRIDE = {"premises.area_m2": 6000}
GROUND, ARTICLE = "现场核查发现已停止运营六个月以上", "第四条"

_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_FIELDS = ("智能制造", "新材料", "生物医药", "人工智能", "集成电路", "软件")
Act = Callable[[], object]


@dataclass(frozen=True)
class Applicant:
    """One operator with its facts, which only it hands in."""

    number: int

    @cached_property
    def uscc(self) -> str:
        """A valid code of its own."""
        return _code(f"91330281MA2{self.number:06d}")

    @property
    def name(self) -> str:
        """Its name."""
        return f"余姚朝阳科技孵化器{self.number:06d}有限公司"

    @cached_property
    def facts(self) -> dict[str, Any]:
        """12 tenants, 5 staff, 2 mentors, as plain JSON data."""
        return {
            "operator": {
                "name": self.name, "uscc": self.uscc, "registered_in": "余姚市", "independent_legal_person": True,
                "registered_on": "2018-05-10", "operating_since": "2019-03-01",
            },
            "premises": {
                "address": "科技路1号", "township": "城区街道", "self_controlled": True,
                "area_m2": 4999, "public_service_m2": 700,
            },
            "fund": {"own_seed_yuan": 2_000_000, "partner_yuan": 1_000_000},
            "tenants": [_tenant(self.number, row) for row in range(1, 13)],
            "staff": [{"post": f"S{n:02d}", "professional": n < 5} for n in range(1, 6)],
            "mentors": [{"post": "M01"}, {"post": "M02"}],
            "graduates": [],
        }  # fmt: skip


class Contestant(Protocol):
    """Somebody who carries the eight acts out, durably: one commit each."""

    name: str

    def acts(self, applicant: Applicant) -> Sequence[Act]:
        """The acts of one case, prepared so that calling each does its work and nothing else."""
        ...

    def close(self) -> None:
        """Give back what is open."""
        ...


def _tenant(operator: int, row: int) -> dict[str, Any]:
    return {
        "name": f"余姚入驻企业{operator:06d}{row:02d}有限公司",
        "uscc": _code(f"91330281M{operator:06d}{row:02d}"),
        "founded_on": f"2019-{row:02d}-15",
        "entered_on": f"2020-{row:02d}-03",
        "area_m2": 600 if row == 1 else 330,
        "field": _FIELDS[row % len(_FIELDS)],
        "technology_sme": True,
        "registered_inside": True,
        "works_inside": True,
        "ip_applied": bool(row % 2),
        "invested_yuan": 500_000 if row == 1 else 0,
    }


def _code(stem: str) -> str:
    """A unified social credit code: *stem* and its check character (GB 32100-2015)."""
    total = sum(_CHARACTERS.index(character) * pow(3, place, 31) for place, character in enumerate(stem))
    return stem + _CHARACTERS[-total % 31]
