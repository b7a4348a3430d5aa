"""Every notice of a pack, written before anybody needs it: as each edge and each alarm can send it, from every state.

A template that asks for what is not there fails the act that sends it; here it fails on somebody's desk instead.
Whether a pack makes sense as a whole is asked in ``policy.checks``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import cycle
from typing import Any

from kjfh_workflow.clock import SHANGHAI
from kjfh_workflow.errors import PolicyError, Problem
from kjfh_workflow.notices.letters import StoredNotice, make_letter
from kjfh_workflow.notices.render import Letter, Renderer, Written, sender
from kjfh_workflow.notices.sendings import Sending, sendings, variants
from kjfh_workflow.notices.specimens import awards_on, memory_of, order_of, proposal_of
from kjfh_workflow.policy.machine import Timer
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import (
    NEW,
    AwardStatus,
    CaseKind,
    EffectName,
    Level,
    Reckoning,
    Role,
    Side,
)
from kjfh_workflow.policy.wording import say
from kjfh_workflow.rules.awards import Award, awards_of
from kjfh_workflow.rules.calendar import WorkCalendar, china
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import EXPIRE, Clock, clocks_of
from kjfh_workflow.rules.deadlines import chinese
from kjfh_workflow.rules.reckoning import reckon
from kjfh_workflow.rules.turning import Turn, turn


def rehearse(pack: PolicyPack, renderer: Renderer) -> list[Problem]:
    """Every problem of every notice that *pack* can send, each named by template, edge or alarm, and state."""
    force, calendar = pack.identity.in_force, china()
    day = max(force.effective_from, force.adverse_from or force.effective_from)
    found: dict[Problem, None] = {}
    made: set[StoredNotice] = set()
    for sending in sendings(pack):
        for evidence, level in _tried(pack, sending):
            memory = memory_of(pack, sending.kind, day, level)
            case = Case(f"{pack.city}-{day:%y%m%d}-abc234", pack.city, sending.kind, pack.version, memory=memory)
            for to in sending.to:
                letter = draft(pack, sending, to, case, day, evidence, calendar)
                for message in _complaints(renderer, letter, sending, made):
                    found[Problem(f"{pack.name}/templates/{sending.notice}", sending.key, message)] = None
    return [*found]


def _tried(pack: PolicyPack, sending: Sending) -> Iterator[tuple[dict[str, Any], Level]]:
    """The evidence in its variants; and of a title, both at the city's own level and above."""
    tried = [*variants(pack, sending)]
    if sending.kind is CaseKind.INCUBATOR and len(tried) == 1:
        tried *= 2
    yield from zip(tried, cycle((Level.LOCAL, Level.NATIONAL)), strict=False)


def draft(
    pack: PolicyPack,
    sending: Sending,
    to: Role,
    case: Case,
    today: date,
    evidence: Mapping[str, Any],
    calendar: WorkCalendar,
) -> Letter:
    """The letter as *sending* would have it written of *case*, which is first brought to the sending's source."""
    runs = not sending.timer or sending.timer in clocks_of(case)
    before = case if case.state == sending.source and runs else _arrived(pack, sending, case, today, evidence, calendar)
    clock = clocks_of(before).get(sending.timer)
    day = clock.due + timedelta(days=1) if clock and sending.over else today
    # A case that is where the act leads shows the clocks that the act has started.
    # A ban that is over by now is shown as it was imposed.
    done = case.state == sending.target != sending.source and EffectName.IMPOSE_BAN not in sending.effects
    after = case if done else _after(pack, sending, before, day, evidence, calendar)
    clocks = clocks_of(after)
    barred = next((running.due for running in clocks.values() if _bars(pack, sending.kind, running)), None)
    numbering = pack.identity.numbering
    return Letter(
        pack=pack,
        case=after,
        to=to,
        day=day,
        issued=day,
        event=pack.machines[sending.kind].events.get(sending.event, sending.event),
        article=sending.provision.article,
        status=sending.provision.status,
        evidence=evidence,
        clocks=clocks,
        clock=clock,
        banned_until=barred if EffectName.IMPOSE_BAN in sending.effects else None,
        number=numbering.form.format(year=day.year, number=1)
        if numbering and pack.identity.notices[sending.notice].numbered
        else "",
        awards=_awards(pack, sending, after, day),
        pending=before.memory.get("proposal"),
    )


# ---- the case before and after -----------------------------------------------------------------------------------


def _arrived(
    pack: PolicyPack, sending: Sending, case: Case, day: date, evidence: Mapping[str, Any], calendar: WorkCalendar
) -> Case:
    """The case as if it had just come to the source, its clocks begun on *day*."""
    if sending.source == NEW:
        return replace(case, state=NEW)
    machine = pack.machines[sending.kind]
    memory = {key: value for key, value in case.memory.items() if key not in ("clocks", "paused")}
    if machine.states[sending.source].right_to_be_heard:
        memory.setdefault("proposal", proposal_of(pack, evidence))
    ordered = (timer.period_of.get(sending.source) for timer in machine.timers)
    if any(period and period.reckoning is Reckoning.DATE_ORDERED for period in ordered):
        memory.setdefault("rectification", order_of({}, day))
    begin = replace(case, state=NEW, memory=memory)
    timers = [timer for timer in machine.timers if timer.side is not Side.NOBODY or timer.name == sending.timer]
    turned = _turned(pack, timers, begin, sending.source, day, evidence, calendar)
    return begin.after(sending.source, turned.changes, "")


def _after(
    pack: PolicyPack, sending: Sending, before: Case, day: date, evidence: Mapping[str, Any], calendar: WorkCalendar
) -> Case:
    machine = pack.machines[sending.kind]
    imposes = EffectName.IMPOSE_BAN in sending.effects
    timers = [timer for timer in machine.timers if imposes or timer.side is not Side.NOBODY]
    changes: dict[str, Any] = {}
    if EffectName.ORDER_RECTIFICATION in sending.effects:
        changes["rectification"] = order_of(evidence, day)
    if EffectName.KEEP_PROPOSAL in sending.effects:
        changes["proposal"] = proposal_of(pack, evidence)
    if EffectName.DROP_PROPOSAL in sending.effects and "proposal" in before.memory:
        changes["proposal"] = None
    remembering = replace(before, memory={**before.memory, **changes})
    changes |= _turned(pack, timers, remembering, sending.target, day, evidence, calendar).changes
    if sending.over and sending.event != EXPIRE:
        clocks = dict(changes.get("clocks", before.memory.get("clocks", {})))
        clocks.pop(sending.timer, None)
        changes["clocks"] = clocks
    return before.after(sending.target, changes, "")


def _turned(
    pack: PolicyPack,
    timers: Iterable[Timer],
    case: Case,
    target: str,
    day: date,
    evidence: Mapping[str, Any],
    calendar: WorkCalendar,
) -> Turn:
    return turn(timers, case, target, day, evidence, calendar, lambda period: reckon(pack, case.memory, period))


def _awards(pack: PolicyPack, sending: Sending, case: Case, day: date) -> tuple[Award, ...]:
    """What the notice of awards is about: what the case has, or specimens."""
    awards = pack.identity.awards
    if awards is None or sending.notice != awards.notice:
        return ()
    proposed = tuple(award for award in awards_of(case.memory).values() if award.status is AwardStatus.PROPOSED)
    return proposed or awards_on(pack, day, AwardStatus.PROPOSED)


def _bars(pack: PolicyPack, kind: CaseKind, clock: Clock) -> bool:
    return pack.machines[kind].timer_of[clock.timer].side is Side.NOBODY


# ---- what is wrong with it ---------------------------------------------------------------------------------------


def _complaints(renderer: Renderer, letter: Letter, sending: Sending, made: set[StoredNotice]) -> Iterator[str]:
    """What is wrong with a letter; *made* are those that have been typeset before, as most edges say the same."""
    try:
        written = renderer.write(sending.notice, letter)
    except PolicyError as error:
        yield from (problem.message for problem in error.problems)
        return
    blocks = written.body.strip().split("\n\n")
    if not blocks[0].split("\n")[0].endswith("："):
        yield say("letter_addressee")
    if len(blocks) < 2 or blocks[-1].split("\n")[-1] != chinese(letter.issued):
        yield say("letter_signature")
    if not written.title:
        yield say("letter_title")
    stored = _stored(letter, written)
    if stored not in made:
        make_letter(stored)
        made.add(stored)


def _stored(letter: Letter, written: Written) -> StoredNotice:
    issued = datetime.combine(letter.issued, time(9), SHANGHAI)
    return StoredNotice(sender(letter.pack.identity), letter.number, written.title, written.body, issued)
