"""A decided act: everything that it writes, as a pure value; and what the decider is told about the world.

How it comes about is ``decision``'s; the store makes it true (``casework.record``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import CaseKind, OneOpenPer, Role, Status
from kjfh_workflow.rules.calendar import WorkCalendar
from kjfh_workflow.rules.case import Actor, Case, Standing
from kjfh_workflow.rules.clocks import Alarm, Clock


@dataclass(frozen=True, slots=True)
class Known:
    """What the decider is told about the world besides the case."""

    today: date
    calendar: WorkCalendar
    #: The facts on file, as stored. Called only where a guard or a measure needs them, inside the act's transaction.
    load_document: Callable[[], str]
    load_standing: Callable[[], Standing]
    #: Id of the open case that takes a place; empty if none does.
    taken: Callable[[str], str] = lambda _: ""
    #: The case that it belongs to, and what there is to know of that; None for one that belongs to none.
    parent: tuple[Case, Known] | None = None


@dataclass(frozen=True, slots=True)
class NoticeOrder:
    """A notice to be written and queued."""

    notice: str
    to: Role
    #: The clock it is about: of a reminder or an escalation.
    clock: Clock | None = None


@dataclass(frozen=True, slots=True)
class BanOrder:
    """An operator may not apply in this city until the end of a day."""

    uscc: str
    since: date
    until: date
    article: str

    def as_data(self) -> dict[str, str]:
        """As history keeps it."""
        days = {"since": self.since.isoformat(), "until": self.until.isoformat()}
        return {"uscc": self.uscc, "article": self.article, **days}


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything one act writes: a pure value, made true by the store."""

    before: Case
    pack: PolicyPack
    event: str
    target: str
    actor: Actor
    role: Role
    article: str
    #: Keys of the case's memory to assign.
    changes: Mapping[str, Any]
    #: As it is kept on file; facts are named by their digest.
    evidence: Mapping[str, Any] = field(default_factory=dict)
    #: How firmly the text carries the act; letters claim no basis that it lacks.
    status: Status = Status.STATED
    #: The criteria's results, where the act rests on them.
    evaluation: Mapping[str, Any] | None = None
    started: tuple[Clock, ...] = ()
    stopped: tuple[Clock, ...] = ()
    rung: Alarm | None = None
    #: Alarms added to a clock that goes on: the next escalation.
    added: tuple[tuple[Clock, str, date], ...] = ()
    notices: tuple[NoticeOrder, ...] = ()
    ban: BanOrder | None = None
    opens: CaseKind | None = None
    #: Canonical text of the facts handed in, and its digest.
    document: tuple[str, str] | None = None
    #: What the case it belongs to does with it.
    told: Decision | None = None

    @property
    def after(self) -> Case:
        """The case as the act leaves it, before it is sealed."""
        return self.before.after(self.target, self.changes, "")

    @property
    def slot(self) -> str | None:
        """The place that at most one open case may take; None where it takes none."""
        machine = self.pack.machines[self.before.kind]
        if machine.one_open_per is None or machine.states[self.target].final:
            return None
        memory = {**self.before.memory, **self.changes}
        parts = [self.before.kind, self.before.city, memory["uscc"]]
        if machine.one_open_per is OneOpenPer.SPACE:
            parts.append(self.pack.space_of(memory["type"]))
        elif machine.one_open_per is OneOpenPer.TENANT:
            parts[2:] = [memory["parent"], memory["tenant"]["uscc"]]
        return ":".join(parts)
