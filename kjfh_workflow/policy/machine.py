"""``machines/<kind>.toml``: states, events, edges and clocks of one kind of case, as frozen models.

The tables that all machines of a pack share are in ``model``; whether a machine makes sense, in ``machine_checks``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from kjfh_workflow.policy.part import Name, Names, Part, Provision, Text
from kjfh_workflow.policy.vocabulary import (
    Branch,
    CaseKind,
    EffectName,
    GuardName,
    LengthUnit,
    OneOpenPer,
    Reckoning,
    Role,
    Side,
)


def _listed(value: object) -> object:
    """One name stands for a list of one."""
    return (value,) if isinstance(value, str) else value


class State(Part):
    """One state of a machine."""

    label: Text
    #: The case is over.
    final: bool = False
    #: The city's title is held.
    titled: bool = False
    #: The title has been cancelled; only reached through a state of ``right_to_be_heard``.
    title_cancelled: bool = False
    #: Prior notice is out and the holder may defend itself.
    right_to_be_heard: bool = False
    #: It is being assessed in a round.
    in_round: bool = False
    #: Nothing is paid without a reasoned release.
    blocks_payment: bool = False


class FourEyes(Provision):
    """Who has performed one of these events of the case may not perform the edge's."""

    events: Names = Field(min_length=1)


class Edge(Provision):
    """An event that leads from some states to one."""

    event: Name
    by: tuple[Role, ...] = Field(min_length=1)
    sources: Names = Field(alias="from", min_length=1)
    to: Name
    #: All of them must hold: they pick between edges of one event from one state. The edge without any is the default
    #: and stands last.
    when: Annotated[tuple[Branch, ...], BeforeValidator(_listed)] = ()
    #: Evidence fields; a trailing ``?`` marks an optional one.
    evidence: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z_]+\??$")], ...] = ()
    guards: tuple[GuardName, ...] = ()
    four_eyes: FourEyes | None = None
    effects: tuple[EffectName, ...] = ()
    #: The kind of case that this event opens.
    opens: CaseKind | None = None
    #: The event that the case it belongs to performs with it.
    tells: Name | None = None
    #: In which of its states the case it belongs to must be; by default in any with a title.
    parent_in: Names = ()
    #: Performed for a whole round at once, never for one case alone.
    for_all: bool = False
    notify: Names = ()

    @cached_property
    def fields(self) -> dict[str, bool]:
        """Evidence field → required."""
        return {name.rstrip("?"): not name.endswith("?") for name in self.evidence}


class Period(Provision):
    """How long a timer runs in one state."""

    state: Name
    #: None: the date comes from evidence.
    length: int | None = Field(default=None, gt=0)
    unit: LengthUnit = LengthUnit.WORKING_DAYS
    #: The evidence field that replaces ``length`` when it is given.
    length_from: str = ""
    #: How the last day is found otherwise. Such a clock follows its reckoning after every act: it starts, moves or
    #: stops, and goes on from state to state.
    reckoning: Reckoning | None = None
    #: Whether a last day that is a rest day moves to the next working day. False where it would lengthen a burden.
    rolls: bool = True
    #: Who has the work meanwhile; the reminders go to them.
    responsible: tuple[Role, ...] = ()


class Reminder(Provision):
    """A notice some days before the last day."""

    before: int = Field(gt=0)
    unit: LengthUnit
    notice: Name


class Escalation(Provision):
    """Notices to a leader while the office is late; nothing is ever decided by them."""

    notice: Name
    #: Working days after the last day.
    after: int = Field(gt=0)
    #: Then again every so many working days.
    every: int = Field(gt=0)


class Timer(Part):
    """A clock that runs exactly while the case is in certain states."""

    name: Name
    label: Text
    side: Side
    periods: tuple[Period, ...] = Field(alias="period", min_length=1)
    #: States in which the clock stands still and keeps what was left.
    pauses_in: Names = ()
    #: The event performed at 24:00 of the last day; none for clocks that only remind.
    on_due: Name | None = None
    reminders: tuple[Reminder, ...] = Field(alias="reminder", default=())
    escalation: Escalation | None = None
    #: Sent when the last day has passed and nothing is decided by that.
    overdue_notice: Name | None = None
    #: Tells whoever must act that the last day is another, because the calendar was announced or changed.
    moved_notice: Name | None = None

    @cached_property
    def period_of(self) -> dict[str, Period]:
        """State → period."""
        return {period.state: period for period in self.periods}


class Machine(Part):
    """``machines/<kind>.toml``: the life of one kind of case."""

    label: Text
    #: The kind of case that each case of this kind belongs to.
    under: CaseKind | None = None
    one_open_per: OneOpenPer | None = None
    states: dict[Name, State]
    events: dict[Name, Text]
    edges: tuple[Edge, ...] = Field(alias="edge", min_length=1)
    timers: tuple[Timer, ...] = Field(alias="timer", default=())

    @cached_property
    def edges_of(self) -> dict[str, tuple[Edge, ...]]:
        """Event → its edges, in the order written."""
        return {event: tuple(edge for edge in self.edges if edge.event == event) for event in self.events}

    @cached_property
    def edges_from(self) -> dict[tuple[str, str], tuple[Edge, ...]]:
        """(event, state) → the edges that leave that state by that event."""
        found: dict[tuple[str, str], tuple[Edge, ...]] = {}
        for edge in self.edges:
            for source in edge.sources:
                found[edge.event, source] = (*found.get((edge.event, source), ()), edge)
        return found

    @cached_property
    def timer_of(self) -> dict[str, Timer]:
        """Name → timer."""
        return {timer.name: timer for timer in self.timers}

    def events_from(self, state: str) -> list[str]:
        """The events that leave *state*, in the order written."""
        return [event for event in self.events if (event, state) in self.edges_from]

    def provisions(self, kind: CaseKind) -> Iterator[tuple[str, Provision]]:
        """Everything in the machine that rests on an article, each with a key that names it for good."""
        for edge in self.edges:
            when = f"[{'+'.join(edge.when)}]" if edge.when else ""
            key = f"{kind}.{edge.event}.{'+'.join(edge.by)}.{'+'.join(edge.sources)}>{edge.to}{when}"
            yield key, edge
            if edge.four_eyes:
                yield f"{key}.four_eyes", edge.four_eyes
        for timer in self.timers:
            for period in timer.periods:
                yield f"{kind}.{timer.name}.in.{period.state}", period
            for reminder in timer.reminders:
                yield f"{kind}.{timer.name}.reminder.{reminder.before}_{reminder.unit}", reminder
            if timer.escalation:
                yield f"{kind}.{timer.name}.escalation", timer.escalation
