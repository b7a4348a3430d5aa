"""What happened in a case, act by act, in people's words: by whom, when, under which article, with what effect.

Which acts there are, and what of them an operator may read, is settled before (``queries.view``, ``told``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.casework.views.told import may_know_of
from kjfh_workflow.casework.views.wording import event_label, remarks, timer_label, who
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import Field, Role
from kjfh_workflow.rules.case import Case
from kjfh_workflow.store.history import Row

#: Field → the section of words that its codes are in.
_CODED = {
    Field.GRADE: "grades",
    Field.LEVEL: "levels",
    Field.TO_LEVEL: "levels",
    Field.KIND: "awards",
    Field.WHAT: "changes",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One piece of evidence, as it is on file."""

    name: str
    label: str
    #: A JSON value; dates and sums are texts, and facts a reference: ``sha256`` and how many ``tenants``.
    value: Any
    #: In people's words, where codes have any; empty otherwise.
    words: str


@dataclass(frozen=True, slots=True)
class Turned:
    """A clock that was started or stopped; only one that was started has a last day."""

    timer: str
    label: str
    due: date | None


@dataclass(frozen=True, slots=True)
class Queued:
    """A notice that was queued."""

    notice: str
    label: str
    role: str
    role_label: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A case that was opened with it."""

    kind: str
    kind_label: str
    case: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One act."""

    version: int
    event: str
    event_label: str
    source: str
    source_label: str
    target: str
    target_label: str
    #: The actor's id, for officials; empty for others.
    actor: str
    actor_name: str
    role: str
    role_label: str
    #: Name and role in one.
    who: str
    #: The day it counts from in law; the instant it happened; the instant the program noticed.
    legal_on: date
    happened_at: datetime
    noticed_at: datetime
    article: str
    #: What was said with it, in one line.
    remarks: str
    evidence: tuple[Said, ...]
    started: tuple[Turned, ...]
    stopped: tuple[Turned, ...]
    notices: tuple[Queued, ...]
    opened: tuple[Opened, ...]
    #: The last barred day of the ban that it imposed.
    banned_until: date | None
    #: Whether the criteria were judged in it.
    judged: bool
    #: ``city/version`` of the pack, and the beginning of its digest.
    policy: str
    policy_digest: str


def timeline_of(pack: PolicyPack, case: Case, rows: list[Row], *, official: bool) -> tuple[Entry, ...]:
    """The acts of a case, first to last; *rows* as their reader may read them."""
    return tuple(_entry(pack, case, row, official=official) for row in rows)


def _entry(pack: PolicyPack, case: Case, row: Row, *, official: bool) -> Entry:
    effects = canonical.loads(row.effects)
    queued = [
        Queued(notice, notice_label(pack, notice), role, pack.words("roles", role))
        for notice, role, _ in effects.get("notices", ())
        if may_know_of(role, official=official)
    ]
    evidence = canonical.loads(row.evidence)
    ban = effects.get("ban")
    name = timer_label(pack, case.kind, row.actor_name) if row.role == Role.TIMER else row.actor_name
    return Entry(
        version=row.version,
        event=row.event,
        event_label=event_label(pack, case.kind, row.event),
        source=row.source,
        source_label=pack.state_label(case.kind, row.source),
        target=row.target,
        target_label=pack.state_label(case.kind, row.target),
        actor=row.actor if official else "",
        actor_name=name,
        role=row.role,
        role_label=pack.words("roles", row.role),
        who=who(pack, row.role, name),
        legal_on=row.legal_on,
        happened_at=row.happened_at,
        noticed_at=row.noticed_at,
        article=row.article,
        remarks=remarks(evidence),
        evidence=tuple(_said(pack, evidence)),
        started=tuple(
            Turned(timer, timer_label(pack, case.kind, timer), date.fromisoformat(clock["due"]))
            for timer, clock in effects.get("started", {}).items()
        ),
        stopped=tuple(Turned(timer, timer_label(pack, case.kind, timer), None) for timer in effects.get("stopped", ())),
        notices=tuple(queued),
        opened=tuple(
            Opened(kind, pack.words("kinds", kind), opened) for kind, opened in effects.get("opened", {}).items()
        ),
        banned_until=date.fromisoformat(ban["until"]) if ban else None,
        judged=row.evaluation is not None,
        policy=row.policy,
        policy_digest=row.policy_digest[:12],
    )


def _said(pack: PolicyPack, evidence: Mapping[str, Any]) -> Iterator[Said]:
    """What was asked for; what the program noted beside it is for those who prove the books."""
    for name, value in evidence.items():
        if name in set(Field):
            yield Said(name, pack.words("fields", name), value, _in_words(pack, Field(name), value))


def _in_words(pack: PolicyPack, name: Field, value: Any) -> str:
    if section := _CODED.get(name):
        codes = value if isinstance(value, list) else [value]
        return "、".join(pack.words(section, code) for code in codes)
    if name is Field.TYPE and value in pack.identity.types:
        return pack.identity.types[value].label
    if name is Field.MATERIALS:
        labels = {one.id: one.label for one in pack.identity.materials}
        return "、".join(labels.get(material, material) for material in value)
    return ""


def notice_label(pack: PolicyPack, notice: str) -> str:
    """A notice's name; its short one where a newer text of the pack has dropped it."""
    known = pack.identity.notices.get(notice)
    return known.label if known else notice
