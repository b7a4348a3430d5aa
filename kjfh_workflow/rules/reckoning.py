"""From when and for how long a clock runs that does not simply count from the day of an act.

When such a clock starts, moves or stops is ``turning``'s; how a term is counted, ``deadlines``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from kjfh_workflow.policy.machine import Period
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import AwardKind, AwardStatus, LengthUnit, Reckoning
from kjfh_workflow.rules.tenancy import stay_condition

Memory = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Term:
    """A period before it is counted; the day of the trigger is not part of it."""

    trigger: date
    length: int
    unit: LengthUnit


def reckon(pack: PolicyPack, memory: Memory, period: Period) -> Term | None:
    """The term of a period that has a reckoning, by what the case's memory says; None where no clock runs."""
    assert period.reckoning is not None, "asked only of reckoned periods"  # noqa: S101
    return RECKONINGS[period.reckoning](pack, memory, period)


def _day_of_change(pack: PolicyPack, memory: Memory, period: Period) -> Term | None:
    """Yuyao art. 13, Cixi 三（四）: the period runs from the change; one before ``adverse_from`` has no clock."""
    occurred_on, since = date.fromisoformat(memory["occurred_on"]), pack.identity.in_force.adverse_from
    if since and occurred_on < since:
        return None
    assert period.length is not None, "checks.timer_no_length"  # noqa: S101
    return Term(occurred_on, period.length, period.unit)


def _date_ordered(_pack: PolicyPack, memory: Memory, _period: Period) -> Term | None:
    """Cixi 三（四）: 限期整改 gives no length; the date is the one that whoever ordered it entered."""
    if order := memory.get("rectification"):
        return _until(order["ordered_on"], order["by"])
    return None


def _stay(pack: PolicyPack, memory: Memory, _period: Period) -> Term | None:
    """Yuyao art. 6(3): from the entry, as many months as the firm's field has, or to the day it was extended to."""
    if until := memory.get("stay_until"):
        return _until(memory["extended_on"], until)
    tenant = memory["tenant"]
    condition = stay_condition(pack, tenant["field"])
    if condition is None or condition.months is None:
        return None
    return Term(date.fromisoformat(tenant["entered_on"]), condition.months, LengthUnit.MONTHS)


def _unassessed_instalment(_pack: PolicyPack, memory: Memory, _period: Period) -> Term | None:
    """Reading C2: no round for an instalment's year by 31 December of the next year.

    While a round of that year is open, only its closing decides.
    """
    years = [
        award["year"]
        for award in memory.get("awards", {}).values()
        if award["kind"] == AwardKind.RECOGNITION and award["status"] == AwardStatus.SCHEDULED
        if award["year"] != memory.get("assessing")
    ]
    return Term(date(min(years), 12, 31), 1, LengthUnit.YEARS) if years else None


def _until(start: str, last: str) -> Term:
    """A day that a person entered is not counted: it is taken as it is."""
    trigger = date.fromisoformat(start)
    return Term(trigger, (date.fromisoformat(last) - trigger).days, LengthUnit.DAYS)


RECKONINGS: dict[Reckoning, Callable[[PolicyPack, Memory, Period], Term | None]] = {
    Reckoning.DAY_OF_CHANGE: _day_of_change,
    Reckoning.DATE_ORDERED: _date_ordered,
    Reckoning.STAY: _stay,
    Reckoning.UNASSESSED_INSTALMENT: _unassessed_instalment,
}
