"""What a newly announced calendar does to a running clock: stopped, and counted again from its own beginning.

When that is asked, and of which cases, is ``casework.recounting``'s business.
"""

from __future__ import annotations

from kjfh_workflow.policy.machine import Timer
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.clocks import Clock, clocks_of, recounted
from kjfh_workflow.rules.decided import Decision, Known, NoticeOrder

#: The event in history.
RECOUNT = "recount"


def decide_recount(pack: PolicyPack, case: Case, timer: Timer, known: Known, source: str) -> Decision | None:
    """The clock goes on as the next of its kind, with another last day and the reminders that are still to come.

    Whoever must act is told, if the last day itself is another and the pack has a notice for it. None where the last
    day and its certainty stay as they are.
    """
    clock = clocks_of(case).get(timer.name)
    if clock is None:
        return None
    sequence = case.memory["clock_counts"][timer.name] + 1
    fresh = recounted(timer, clock, sequence, known.today, known.calendar)
    if fresh is None:
        return None
    period = timer.period_of[clock.state]
    return Decision(
        before=case,
        pack=pack,
        event=RECOUNT,
        target=case.state,
        actor=Actor.timer(timer.name, case.city),
        role=Role.TIMER,
        article=period.article,
        status=period.status,
        changes={
            "clocks": {**case.memory["clocks"], timer.name: fresh.as_data()},
            "clock_counts": {**case.memory["clock_counts"], timer.name: sequence},
        },
        evidence={"source": source, "was": clock.due},
        started=(fresh,),
        stopped=(clock,),
        notices=_notices(pack, case, timer, fresh) if fresh.due != clock.due else (),
    )


def _notices(pack: PolicyPack, case: Case, timer: Timer, clock: Clock) -> tuple[NoticeOrder, ...]:
    if timer.moved_notice is None:
        return ()
    roles = case.still_at_work(timer.period_of[clock.state].responsible) or pack.identity.notices[timer.moved_notice].to
    return tuple(NoticeOrder(timer.moved_notice, role, clock) for role in roles)
