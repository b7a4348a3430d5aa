"""The machine of one kind of case: states, events, edges and clocks, with people's words and articles beside each."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from kjfh_workflow.policy.machine import Edge, Machine, Timer
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.part import Provision
from kjfh_workflow.policy.phrases import escalation_in_words, period_in_words, reminder_in_words, state_in_words
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.web.answers.common import Answer
from kjfh_workflow.web.answers.packs import Coded


class Basis(Answer):
    """What a provision rests on."""

    article: str = Field(examples=["第五条第一项"])
    status: str = Field(examples=["stated"])
    status_label: str = Field(examples=["原文规定"])
    note: str = Field(description="The choice made and why; empty where the text states it.")


class StateAnswer(Coded):
    """One state."""

    final: bool = Field(description="The case is over.")
    titled: bool = Field(description="The city's title is held.")
    title_cancelled: bool
    right_to_be_heard: bool = Field(description="Prior notice is out and the holder may defend itself.")
    in_round: bool = Field(description="It is being assessed in a round.")
    blocks_payment: bool


class EvidenceUse(Coded):
    """Evidence that an event asks for; its shape stands in the pack's `fields`."""

    required: bool


class EdgeAnswer(Answer):
    """An event that leads from some states to one."""

    event: str
    event_label: str
    by: list[Coded] = Field(description="The roles that may.")
    sources: list[Coded] = Field(description="`new`: it opens a case.")
    to: Coded = Field(description="`same`: the state does not change.")
    when: list[Coded] = Field(description="All of them must hold for this edge to be taken; empty: otherwise.")
    guards: list[Coded] = Field(description="Conditions that refuse.")
    evidence: list[EvidenceUse]
    effects: list[Coded]
    opens: str | None = Field(description="The kind of case that it opens.")
    tells: str | None = Field(description="The event that the case it belongs to performs with it.")
    parent_in: list[str] = Field(description="In which states the case it belongs to must be; empty: with a title.")
    for_all: bool = Field(description="Only for a whole round at once.")
    notices: list[str] = Field(description="What is sent.")
    four_eyes: list[Coded] = Field(description="Who has performed one of these events may not perform this one.")
    basis: Basis


class PeriodAnswer(Answer):
    """How long a clock runs in one state."""

    state: str
    state_label: str
    words: str = Field(examples=["20个工作日"])
    rolls: bool = Field(description="Whether a last day that is a rest day moves to the next working day.")
    responsible: list[Coded] = Field(description="Who has the work meanwhile.")
    basis: Basis


class CallAnswer(Answer):
    """A reminder before the last day, or an escalation after it."""

    words: str = Field(examples=["届满前5日"])
    notice: str
    basis: Basis


class TimerAnswer(Coded):
    """A clock that runs while the case is in certain states."""

    side: str = Field(description="Whose time it counts.", examples=["office"])
    side_label: str
    on_due: str | None = Field(description="The event at 24:00 of the last day; null where it only reminds.")
    pauses_in: list[str]
    periods: list[PeriodAnswer]
    reminders: list[CallAnswer]
    escalation: CallAnswer | None
    overdue_notice: str | None
    moved_notice: str | None


class MachineAnswer(Answer):
    """The life of one kind of case."""

    kind: str = Field(examples=["application"])
    kind_label: str = Field(examples=["申请"])
    label: str
    under: str | None = Field(description="The kind of case that each case of this kind belongs to.")
    one_open_per: str | None = Field(description="Of how many open cases an operator may have one.")
    one_open_per_label: str
    states: list[StateAnswer]
    events: list[Coded]
    edges: list[EdgeAnswer]
    timers: list[TimerAnswer]

    @classmethod
    def of(cls, pack: PolicyPack, kind: CaseKind) -> MachineAnswer:
        """From the library's."""
        machine = pack.machines[kind]
        one_open_per = machine.one_open_per
        return cls(
            kind=kind,
            kind_label=pack.words("kinds", kind),
            label=machine.label,
            under=machine.under,
            one_open_per=one_open_per,
            one_open_per_label=pack.words("one_open_per", one_open_per) if one_open_per else "",
            states=[StateAnswer(name=name, **state.model_dump()) for name, state in machine.states.items()],
            events=_events(machine, machine.events),
            edges=[_edge(pack, machine, edge) for edge in machine.edges],
            timers=[_timer(pack, machine, timer) for timer in machine.timers],
        )


def basis_of(pack: PolicyPack, provision: Provision) -> Basis:
    """What *provision* rests on."""
    return Basis(
        article=provision.article,
        status=provision.status,
        status_label=pack.words("statuses", provision.status),
        note=provision.note,
    )


def coded(pack: PolicyPack, section: str, names: Iterable[str]) -> list[Coded]:
    """Names with people's words for them."""
    return [Coded(name=str(name), label=pack.words(section, name)) for name in names]


def _events(machine: Machine, names: Iterable[str]) -> list[Coded]:
    return [Coded(name=name, label=machine.events[name]) for name in names]


def _state(pack: PolicyPack, machine: Machine, name: str) -> Coded:
    return Coded(name=name, label=state_in_words(pack, machine, name))


def _edge(pack: PolicyPack, machine: Machine, edge: Edge) -> EdgeAnswer:
    return EdgeAnswer(
        event=edge.event,
        event_label=machine.events[edge.event],
        by=coded(pack, "roles", edge.by),
        sources=[_state(pack, machine, source) for source in edge.sources],
        to=_state(pack, machine, edge.to),
        when=coded(pack, "branches", edge.when),
        guards=coded(pack, "guards", edge.guards),
        evidence=[
            EvidenceUse(name=name, label=pack.words("fields", name), required=required)
            for name, required in edge.fields.items()
        ],
        effects=coded(pack, "effects", edge.effects),
        opens=edge.opens,
        tells=edge.tells,
        parent_in=[*edge.parent_in],
        for_all=edge.for_all,
        notices=[*edge.notify],
        four_eyes=_events(machine, edge.four_eyes.events) if edge.four_eyes else [],
        basis=basis_of(pack, edge),
    )


def _timer(pack: PolicyPack, machine: Machine, timer: Timer) -> TimerAnswer:
    late = timer.escalation
    return TimerAnswer(
        name=timer.name,
        label=timer.label,
        side=timer.side,
        side_label=pack.words("sides", timer.side),
        on_due=timer.on_due,
        pauses_in=[*timer.pauses_in],
        periods=[
            PeriodAnswer(
                state=period.state,
                state_label=state_in_words(pack, machine, period.state),
                words=period_in_words(pack, period),
                rolls=period.rolls,
                responsible=coded(pack, "roles", period.responsible),
                basis=basis_of(pack, period),
            )
            for period in timer.periods
        ],
        reminders=[
            CallAnswer(words=reminder_in_words(pack, rule), notice=rule.notice, basis=basis_of(pack, rule))
            for rule in timer.reminders
        ],
        escalation=CallAnswer(words=escalation_in_words(late), notice=late.notice, basis=basis_of(pack, late))
        if late
        else None,
        overdue_notice=timer.overdue_notice,
        moved_notice=timer.moved_notice,
    )
