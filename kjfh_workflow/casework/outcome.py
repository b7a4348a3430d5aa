"""What an act did, as its caller sees it; the same whether it has just happened or is read from history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.casework.views.told import may_know_of
from kjfh_workflow.errors import Refusal
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.store.history import Row


@dataclass(frozen=True, slots=True)
class Drafted:
    """A letter that an act would send."""

    notice: str
    role: str
    #: Under which it would be issued; empty where it has none.
    number: str
    subject: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one act."""

    case: str
    event: str
    source: str
    state: str
    version: int
    article: str
    #: Timer → its due date, of the clocks that this act started.
    started: Mapping[str, date] = field(default_factory=dict)
    #: Timers that this act stopped.
    stopped: tuple[str, ...] = ()
    #: (notice, to whom) queued by this act; an operator is told of those that are written to it.
    notices: tuple[tuple[str, str], ...] = ()
    #: Kind → id of the case that this act opened.
    opened: Mapping[str, str] = field(default_factory=dict)
    #: The last barred day, if the act imposed a ban.
    banned_until: date | None = None
    #: The criteria's results, where the act rests on them.
    evaluation: Mapping[str, Any] | None = None
    #: Only of a preview: why it would be refused.
    refusals: tuple[Refusal, ...] = ()
    #: The case's kind, and the pack that it is pinned to: ``city/version``.
    kind: str = ""
    policy: str = ""
    #: Only of a preview: what would be sent, of all cases that the act moves; an operator sees what is written to it.
    #: They are no part of what it is: of an act that is done they are on file.
    letters: tuple[Drafted, ...] = field(default=(), compare=False)

    @classmethod
    def of(
        cls, row: Row, kind: str, effects: Mapping[str, Any] | None = None, evaluation: Mapping[str, Any] | None = None
    ) -> Outcome:
        """From the history row that an act on a case of *kind* wrote; the others spare reading its texts again."""
        if effects is None:
            effects = canonical.loads(row.effects)
            evaluation = canonical.loads(row.evaluation) if row.evaluation else None
        ban = effects.get("ban")
        return cls(
            case=row.case_id,
            event=row.event,
            source=row.source,
            state=row.target,
            version=row.version,
            article=row.article,
            started={name: date.fromisoformat(clock["due"]) for name, clock in effects.get("started", {}).items()},
            stopped=tuple(effects.get("stopped", ())),
            notices=tuple((notice, role) for notice, role, _ in effects.get("notices", ())),
            opened=effects.get("opened", {}),
            banned_until=date.fromisoformat(ban["until"]) if ban else None,
            evaluation=evaluation,
            kind=kind,
            policy=row.policy,
        )

    @classmethod
    def refused(cls, case: Case, event: str, refusals: tuple[Refusal, ...]) -> Outcome:
        """Of a preview that would be refused; *case* has no id and no state where it would be opened."""
        policy = f"{case.city}/{case.policy}"
        return cls(
            case.id, event, case.state, case.state, case.version, "",
            refusals=refusals, kind=case.kind, policy=policy,
        )  # fmt: skip

    def told_to(self, reader: Actor) -> Outcome:
        """The same as *reader* is told of it: what offices are told is no operator's to know."""
        official = reader.reads().for_office_of(self.policy.partition("/")[0])
        return replace(self, notices=tuple(one for one in self.notices if may_know_of(one[1], official=official)))
