"""Every notice of a pack, written before anybody needs it: as each edge and each alarm can send it, from every state.

A template that asks for what is not there fails the act that sends it; here it fails on somebody's desk instead.
Whether a pack makes sense as a whole is asked in ``policy.checks``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from kjfh_workflow.clock import SHANGHAI
from kjfh_workflow.errors import PolicyError, Problem
from kjfh_workflow.notices.letters import StoredNotice, make_letter
from kjfh_workflow.notices.render import Letter, Renderer, Written, sender
from kjfh_workflow.policy.machine import Edge, Machine, Timer
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.part import Provision
from kjfh_workflow.policy.vocabulary import NEW, SAME, CaseKind, EffectName, Field, Role, Side
from kjfh_workflow.policy.wording import say
from kjfh_workflow.rules.calendar import WorkCalendar, china
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import ESCALATE, REMIND, Clock, clocks_of, turn
from kjfh_workflow.rules.deadlines import chinese
from kjfh_workflow.rules.recount import RECOUNT

#: What each piece of evidence looks like once it is on file.
SPECIMENS: Mapping[Field, Any] = {
    Field.TYPE: "incubator",
    Field.FACTS: {"sha256": "0" * 64, "tenants": 12},
    Field.OVERRIDE: {"premises.area_m2": "5200"},
    Field.MATERIALS: ["application_form"],
    Field.MISSING: ["场地产权证明复印件", "上年度财务报表（加盖公章）"],
    Field.WORKING_DAYS: 10,
    Field.REASON: "申报材料与实际情况不符",
    Field.FINDINGS: {"criterion": True},
    Field.JUSTIFICATIONS: {"criterion": "新增场地尚在装修"},
    Field.OPINION: "同意",
    Field.AWARD_YUAN: Decimal(300000),
    Field.FINDING: "所报在孵企业与实际入驻情况不符",
    Field.GROUND: "连续两年考核不合格",
    Field.ARTICLE: "",
    Field.STATEMENT: "已按要求整改",
}
_NAME, _USCC = "示例科技企业孵化器有限公司", "91330281MA2B00001P"


@dataclass(frozen=True)
class Sending:
    """One way in which a notice can be sent: by an edge from one of its states, or by an alarm of a clock."""

    kind: CaseKind
    notice: str
    #: The edge's event, or what an alarm is called in history.
    event: str
    source: str
    target: str
    provision: Provision
    to: tuple[Role, ...]
    #: Evidence field → whether it is required.
    fields: Mapping[str, bool] = field(default_factory=dict)
    effects: frozenset[EffectName] = frozenset()
    #: The clock that it is about; empty for a person's act.
    timer: str = ""
    #: Whether that clock's time is over.
    over: bool = False

    @property
    def key(self) -> str:
        """Which edge or alarm, and from which state: ``application.reject.preliminary_review``."""
        return ".".join(part for part in (self.kind, self.timer, self.event, self.source) if part)


def rehearse(pack: PolicyPack, renderer: Renderer) -> list[Problem]:
    """Every problem of every notice that *pack* can send, each named by template, edge or alarm, and state."""
    day, calendar = pack.identity.in_force.effective_from, china()
    case = Case(f"{pack.city}-{day:%y%m%d}-abc234", pack.city, CaseKind.APPLICATION, pack.version, memory=_memory(pack))
    found: dict[Problem, None] = {}
    for sending in sendings(pack):
        for evidence in _variants(pack, sending):
            for to in sending.to:
                here = replace(case, kind=sending.kind)
                for message in _complaints(renderer, draft(pack, sending, to, here, day, evidence, calendar), sending):
                    found[Problem(f"{pack.name}/templates/{sending.notice}", sending.key, message)] = None
    return [*found]


def sendings(pack: PolicyPack) -> Iterator[Sending]:
    """Every way in which any notice of the pack can be sent."""
    for kind, machine in pack.machines.items():
        for edge in machine.edges:
            for source in edge.sources:
                yield from _by_edge(pack, kind, machine, edge, source)
        for timer in machine.timers:
            yield from _by_alarm(pack, kind, timer)


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
    before = case if case.state == sending.source else _arrived(pack, sending, case, today, evidence, calendar)
    clock = clocks_of(before).get(sending.timer)
    day = clock.due + timedelta(days=1) if clock and sending.over else today
    # A case that is where the act leads shows the clocks that the act has started.
    done = case.state == sending.target != sending.source
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
    )


def specimens(pack: PolicyPack) -> dict[str, Any]:
    """A value for every piece of evidence, fit for *pack*."""
    named = {Field.TYPE: next(iter(pack.identity.types)), Field.ARTICLE: pack.identity.articles[0].number}
    return {str(name): value for name, value in {**SPECIMENS, **named}.items()}


# ---- who sends what ----------------------------------------------------------------------------------------------


def _by_edge(pack: PolicyPack, kind: CaseKind, machine: Machine, edge: Edge, source: str) -> Iterator[Sending]:
    ringing = [timer.name for timer in machine.timers if timer.on_due == edge.event and source in timer.period_of]
    by_people = [""] if {*edge.by} - {Role.TIMER} else []
    for notice in edge.notify:
        for timer in [*by_people, *(ringing if Role.TIMER in edge.by else [])]:
            yield Sending(
                kind=kind,
                notice=notice,
                event=edge.event,
                source=source,
                target=source if edge.to == SAME else edge.to,
                provision=edge,
                to=pack.identity.notices[notice].to,
                fields=edge.fields,
                effects=frozenset(edge.effects),
                timer=timer,
                over=bool(timer),
            )


def _by_alarm(pack: PolicyPack, kind: CaseKind, timer: Timer) -> Iterator[Sending]:
    for period in timer.periods:
        for rule in timer.reminders:
            to = period.responsible or pack.identity.notices[rule.notice].to
            yield Sending(kind, rule.notice, REMIND, period.state, period.state, rule, to, timer=timer.name)
        if late := timer.escalation:
            to = pack.identity.notices[late.notice].to
            yield Sending(kind, late.notice, ESCALATE, period.state, period.state, late, to, timer=timer.name)
        if moved := timer.moved_notice:
            to = period.responsible or pack.identity.notices[moved].to
            yield Sending(kind, moved, RECOUNT, period.state, period.state, period, to, timer=timer.name)


def least_evidence(pack: PolicyPack, sending: Sending) -> dict[str, Any]:
    """Specimens of what the act requires; of a calendar that has changed, what its recount keeps."""
    if sending.event == RECOUNT and sending.timer:
        return {"was": pack.identity.in_force.effective_from, "source": "国办发明电〔2021〕1号"}
    known = specimens(pack)
    return {name: known[name] for name, required in sending.fields.items() if required}


def _variants(pack: PolicyPack, sending: Sending) -> list[dict[str, Any]]:
    """The evidence with and without what is optional."""
    known, least = specimens(pack), least_evidence(pack, sending)
    most = {**least, **{name: known[name] for name in sending.fields}}
    return [least] if least == most else [least, most]


# ---- the case before and after -----------------------------------------------------------------------------------


def _memory(pack: PolicyPack) -> dict[str, Any]:
    opened = pack.identity.in_force.effective_from.isoformat()
    return {"name": _NAME, "uscc": _USCC, "type": next(iter(pack.identity.types)), "opened_on": opened}


def _arrived(
    pack: PolicyPack, sending: Sending, case: Case, day: date, evidence: Mapping[str, Any], calendar: WorkCalendar
) -> Case:
    """The case as if it had just come to the source, its clocks begun on *day*."""
    if sending.source == NEW:
        return replace(case, state=NEW)
    machine = pack.machines[sending.kind]
    memory = {key: value for key, value in case.memory.items() if key not in ("clocks", "paused")}
    if machine.states[sending.source].right_to_be_heard and "proposal" not in memory:
        memory["proposal"] = _proposal(pack, evidence)
    begin = replace(case, state=NEW, memory=memory)
    timers = [timer for timer in machine.timers if timer.side is not Side.NOBODY or timer.name == sending.timer]
    turned = turn(timers, begin, sending.source, day, evidence, calendar)
    return begin.after(sending.source, turned.changes, "")


def _after(
    pack: PolicyPack, sending: Sending, before: Case, day: date, evidence: Mapping[str, Any], calendar: WorkCalendar
) -> Case:
    machine = pack.machines[sending.kind]
    imposes = EffectName.IMPOSE_BAN in sending.effects
    timers = [timer for timer in machine.timers if imposes or timer.side is not Side.NOBODY]
    changes: dict[str, Any] = {**turn(timers, before, sending.target, day, evidence, calendar).changes}
    if EffectName.KEEP_PROPOSAL in sending.effects:
        changes["proposal"] = _proposal(pack, evidence)
    if EffectName.DROP_PROPOSAL in sending.effects and "proposal" in before.memory:
        changes["proposal"] = None
    if sending.over:
        clocks = dict(changes.get("clocks", before.memory.get("clocks", {})))
        clocks.pop(sending.timer, None)
        changes["clocks"] = clocks
    return before.after(sending.target, changes, "")


def _proposal(pack: PolicyPack, evidence: Mapping[str, Any]) -> dict[str, Any]:
    return {name: evidence.get(name, value) for name, value in specimens(pack).items() if name in ("ground", "article")}


def _bars(pack: PolicyPack, kind: CaseKind, clock: Clock) -> bool:
    return pack.machines[kind].timer_of[clock.timer].side is Side.NOBODY


# ---- what is wrong with it ---------------------------------------------------------------------------------------


def _complaints(renderer: Renderer, letter: Letter, sending: Sending) -> Iterator[str]:
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
    make_letter(_stored(letter, written))


def _stored(letter: Letter, written: Written) -> StoredNotice:
    issued = datetime.combine(letter.issued, time(9), SHANGHAI)
    return StoredNotice(sender(letter.pack.identity), letter.number, written.title, written.body, issued)
