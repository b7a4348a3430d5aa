"""What an act did, as its caller sees it; the same whether it has just happened or is read from history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.errors import Refusal
from kjfh_workflow.store.history import Row


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
    #: (notice, to whom) queued by this act.
    notices: tuple[tuple[str, str], ...] = ()
    #: Kind → id of the case that this act opened.
    opened: Mapping[str, str] = field(default_factory=dict)
    #: The last barred day, if the act imposed a ban.
    banned_until: date | None = None
    #: The criteria's results, where the act rests on them.
    evaluation: Mapping[str, Any] | None = None
    #: Only of a preview: why it would be refused.
    refusals: tuple[Refusal, ...] = ()

    @classmethod
    def of(
        cls, row: Row, effects: Mapping[str, Any] | None = None, evaluation: Mapping[str, Any] | None = None
    ) -> Outcome:
        """From the history row that the act wrote; *effects* and *evaluation* spare reading its texts again."""
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
        )

    @classmethod
    def refused(cls, case: str, event: str, state: str, version: int, refusals: tuple[Refusal, ...]) -> Outcome:
        """Of a preview that would be refused."""
        return cls(case, event, state, state, version, "", refusals=refusals)
