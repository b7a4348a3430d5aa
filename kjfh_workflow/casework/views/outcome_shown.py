"""What an act did, or would do, in people's words: enough for a screen to show it without asking for the case.

What it did is ``outcome``'s; how the timeline tells the same later, ``timeline``'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from kjfh_workflow.casework.outcome import Drafted, Outcome
from kjfh_workflow.casework.views import shown
from kjfh_workflow.casework.views.shown import EvaluationShown
from kjfh_workflow.casework.views.timeline import Opened, Queued, Turned, notice_label
from kjfh_workflow.casework.views.wording import timer_label
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.criteria import Evaluation


@dataclass(frozen=True, slots=True)
class DraftShown:
    """A letter that would be sent."""

    drafted: Drafted
    label: str
    role_label: str


@dataclass(frozen=True, slots=True)
class OutcomeShown:
    """The labels of an outcome, and its parts with theirs."""

    outcome: Outcome
    kind_label: str
    event_label: str
    #: Empty where there is no case yet, of an opening that would be refused.
    source_label: str
    state_label: str
    started: tuple[Turned, ...]
    stopped: tuple[Turned, ...]
    notices: tuple[Queued, ...]
    opened: tuple[Opened, ...]
    evaluation: EvaluationShown | None
    letters: tuple[DraftShown, ...]


def in_words(catalog: Catalog, done: Outcome) -> OutcomeShown:
    """An outcome with its labels.

    Raises:
        NotFound: if the pack that its case is pinned to is not loaded.
    """
    pack, kind = catalog.pinned(*done.policy.split("/")), CaseKind(done.kind)
    words, machine = pack.words, pack.machines.get(kind)
    return OutcomeShown(
        outcome=done,
        kind_label=words("kinds", kind),
        # A preview is also told of an event, or a kind, that there is none of.
        event_label=machine.events.get(done.event, done.event) if machine else done.event,
        source_label=pack.state_label(kind, done.source) if done.source else "",
        state_label=pack.state_label(kind, done.state) if done.state else "",
        started=tuple(Turned(name, timer_label(pack, kind, name), due) for name, due in done.started.items()),
        stopped=tuple(Turned(name, timer_label(pack, kind, name), None) for name in done.stopped),
        notices=tuple(
            Queued(notice, notice_label(pack, notice), role, words("roles", role)) for notice, role in done.notices
        ),
        opened=tuple(Opened(opened, words("kinds", opened), case_id) for opened, case_id in done.opened.items()),
        evaluation=shown.evaluated(pack, Evaluation.from_data(done.evaluation) if done.evaluation else None),
        letters=tuple(
            DraftShown(one, notice_label(pack, one.notice), words("roles", one.role)) for one in done.letters
        ),
    )
