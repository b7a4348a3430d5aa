"""Changes in an incubator that are to be reported: which ones, how late, and whether somebody went to look.

When the clock of a change rings is ``reckoning``'s; what a change means for the criteria, ``criteria``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.machine import Period, Timer
from kjfh_workflow.policy.vocabulary import EffectName, Field, GuardName, Reckoning
from kjfh_workflow.rules.act import Act
from kjfh_workflow.rules.clocks import clocks_of
from kjfh_workflow.rules.deadlines import count
from kjfh_workflow.rules.evidence import invalid
from kjfh_workflow.rules.reckoning import reckon

Memory = Mapping[str, Any]

#: How many must have gone to look (rulebook, Yuyao art. 13).
_VISITORS = 2


def late_days(act: Act, occurred_on: date) -> int:
    """How many calendar days a report made today is late for a change on *occurred_on*; 0 if in time.

    Counted from the legal last day, rest days rolled (Yuyao art. 13: one month; Cixi 三（四）: three). A clock that
    runs in the case has been announced: its last day counts. A change before ``adverse_from`` is never late.
    """
    due = _due(act, occurred_on)
    return max(0, (act.today - due).days) if due else 0


def _due(act: Act, occurred_on: date) -> date | None:
    running = clocks_of(act.case)
    for timer, period in _report_periods(act):
        if clock := running.get(timer.name):
            return clock.due
        if term := reckon(act.pack, {"occurred_on": occurred_on.isoformat()}, period):
            return count(act.calendar, term.trigger, term.length, term.unit, rolls=period.rolls).due
    return None


def _report_periods(act: Act) -> Iterator[tuple[Timer, Period]]:
    for timer in act.machine.timers:
        for period in timer.periods:
            if period.reckoning is Reckoning.DAY_OF_CHANGE:
                yield timer, period


def _days_have_come(act: Act) -> Iterator[Refusal]:
    """What is on file has happened: no day of a decision, a payment, a change or a visit lies ahead."""
    names = (Field.DECIDED_ON, Field.PAID_ON, Field.OCCURRED_ON)
    days: dict[str, date | None] = {str(name): act.evidence.get(name) for name in names}
    days[f"{Field.SITE_VISIT}.on"] = act.evidence.get(Field.SITE_VISIT, {}).get("on")
    for name, day in days.items():
        if day and day > act.today:
            yield invalid(act.pack, name, f"{day}还没有到")


def _change_listed(act: Act) -> Iterator[Refusal]:
    """Only what the city's document lists is to be reported (Yuyao art. 13; Cixi 三（四）)."""
    listed = act.pack.identity.changes
    known = listed.what if listed else ()
    unknown = [name for name in act.evidence.get(Field.WHAT, ()) if name not in known]
    if unknown:
        words = act.pack.words
        names = "”“".join(words("changes", name) for name in unknown)
        allowed = "、".join(f"{name}（{words('changes', name)}）" for name in known) or "无"
        yield invalid(act.pack, Field.WHAT, f"“{names}”不在应报告的变更之列；可用：{allowed}")


def _site_visited(act: Act) -> Iterator[Refusal]:
    """Two people have gone to look, after the change (Yuyao art. 13: 经实地核查)."""
    visit = act.evidence.get(Field.SITE_VISIT)
    if visit is None:
        return
    if len({"".join(name.split()) for name in visit["visitors"]}) < _VISITORS:
        yield invalid(act.pack, f"{Field.SITE_VISIT}.visitors", f"应有{_VISITORS}名以上不同的核查人员")
    occurred_on = act.case.memory["occurred_on"]
    if visit["on"] < date.fromisoformat(occurred_on):
        yield invalid(act.pack, f"{Field.SITE_VISIT}.on", f"{visit['on']}早于变更发生日{occurred_on}")


def _keep_change(act: Act, _memory: Memory) -> dict[str, Any]:
    """What changed and when; with the report also how late it came, which alone cancels nothing."""
    occurred_on, today = act.evidence[Field.OCCURRED_ON], act.today.isoformat()
    changes: dict[str, Any] = {"what": act.evidence[Field.WHAT], "occurred_on": occurred_on.isoformat()}
    if any(period.state == act.target for _, period in _report_periods(act)):
        return {**changes, "recorded_on": today}  # the office has found it; the report is still to come
    return {**changes, "reported_on": today, "late_days": late_days(act, occurred_on)}


def _note_change(act: Act, memory: Memory) -> dict[str, Any]:
    """For the year's assessment (Cixi 三（四）: 作为年度考核依据); the facts that came with the change are in force."""
    change = act.told_by
    assert change is not None, "checks: noted only when told by a change"  # noqa: S101
    # One that was never reported is neither in time nor some days late.
    kept = {name: change.memory.get(name) for name in ("what", "occurred_on", "late_days")}
    entry = {"case": change.id, **kept, "result": change.state, "on": act.today.isoformat()}
    changes = {"changes": [*memory.get("changes", ()), entry]}
    if change.facts:
        return {**changes, "facts": change.facts, "facts_on": change.memory.get("facts_on", entry["on"])}
    return changes


CHANGE_GUARDS: dict[GuardName, Callable[[Act], Iterator[Refusal]]] = {
    GuardName.DAYS_HAVE_COME: _days_have_come,
    GuardName.CHANGE_LISTED: _change_listed,
    GuardName.SITE_VISITED: _site_visited,
}
CHANGE_EFFECTS: dict[EffectName, Callable[[Act, Memory], dict[str, Any]]] = {
    EffectName.KEEP_CHANGE: _keep_change,
    EffectName.NOTE_CHANGE: _note_change,
}
