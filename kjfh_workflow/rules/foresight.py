"""Where a case ends if nobody acts: its clocks run out one after the other, until none is left that decides.

Each step is decided as the tick will decide it (``decision.decide_alarm``). Reminders and escalations are passed over:
they repeat for ever and never end a case. What other cases do meanwhile is not foreseen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from kjfh_workflow.errors import Refused
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.clocks import EXPIRE, Alarm, clocks_of
from kjfh_workflow.rules.decided import Known
from kjfh_workflow.rules.decision import decide_alarm

#: A pack whose clocks lead round in a circle is followed no further than this.
_MOST_STEPS = 100


@dataclass(frozen=True, slots=True)
class Step:
    """One last day that passes and decides something."""

    #: The legal day on which it happens, at 00:00: the day after the last day.
    on: date
    timer: str
    event: str
    #: The state it leads to; the same as before where the event changes none.
    state: str


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What becomes of a case if nobody acts."""

    #: Where it comes to rest.
    state: str
    #: The day of the last step; None if nothing will happen to it.
    on: date | None
    steps: tuple[Step, ...]
    #: False where its clocks start each other again and again, so that it never comes to rest.
    rests: bool = True


def foresee(pack: PolicyPack, case: Case, known: Known) -> Foreseen:
    """Fold the case forward from what is known today, as if nobody ever acted again.

    A last day that has passed unnoticed is noticed today, and the clocks it starts count from today. A last day whose
    event the pack itself refuses decides nothing: a person has to.
    """
    steps: list[Step] = []
    refused: set[Alarm] = set()
    while len(steps) < _MOST_STEPS:
        waiting = [found for found in _deciding(pack, case) if found[1] not in refused]
        if not waiting:
            return _ended(case, steps)
        day, alarm = min(waiting, key=lambda found: (found[0], found[1].timer))
        actor = Actor.timer(alarm.timer, case.city)
        try:
            decision = decide_alarm(pack, case, alarm, actor, replace(known, today=max(day, known.today)))
        except Refused:
            refused.add(alarm)
            continue
        assert decision is not None, "the alarm is the case's own"  # noqa: S101
        case = case.after(decision.target, decision.changes, "")
        steps.append(Step(day, alarm.timer, decision.event, decision.target))
    return replace(_ended(case, steps), rests=False)


def _ended(case: Case, steps: list[Step]) -> Foreseen:
    return Foreseen(case.state, steps[-1].on if steps else None, tuple(steps))


def _deciding(pack: PolicyPack, case: Case) -> list[tuple[date, Alarm]]:
    """The last days still ahead whose passing performs an event, each with the day it rings."""
    timers = pack.machines[case.kind].timer_of
    return [
        (clock.alarms[EXPIRE], Alarm(name, clock.sequence, EXPIRE))
        for name, clock in clocks_of(case).items()
        if timers[name].on_due and not clock.overdue
    ]
