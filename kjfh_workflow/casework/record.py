"""Making a decision true: case, history, timers, documents, bans and notices, all in the act's transaction.

What is decided, and whether, is settled before this is called (``rules.decision``), and what the act changes is held
(``holding``): only the row that the letters' numbers come from is taken here.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.outcome import Outcome
from kjfh_workflow.clock import local_date
from kjfh_workflow.errors import Conflict, Crossed
from kjfh_workflow.notices.render import Letter
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import CaseKind, Role
from kjfh_workflow.rules.awards import ledger_changes, newly_proposed
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import clocks_of
from kjfh_workflow.rules.decided import Decision, Known
from kjfh_workflow.rules.decision import decide_opening
from kjfh_workflow.store import cases, history, ledger, registry, timers
from kjfh_workflow.store.database import Transaction

#: Without letters that read like digits.
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


#: City and year: from one row the city's letters of a year get their numbers.
NumberRow = tuple[str, int]


class NumbersHeld(Conflict):
    """Somebody else is at the city's document numbers and has not finished in time; try again soon."""

    def __init__(self, row: NumberRow) -> None:
        super().__init__()
        #: Which they are.
        self.row = row


@dataclass(frozen=True, slots=True)
class When:
    """The three times of an act."""

    #: The day it counts from, in law.
    legal_on: date
    #: The instant it happened.
    happened_at: datetime
    #: The instant the program noticed.
    noticed_at: datetime

    @classmethod
    def at_once(cls, now: datetime) -> When:
        """Of a person's act: all three are now."""
        return cls(local_date(now), now, now)


@dataclass(frozen=True, slots=True)
class Request:
    """The caller's id of an act, and what it asked for."""

    id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """An act that has been written."""

    #: The case as it is now.
    case: Case
    row: history.Row
    effects: Mapping[str, Any]
    evaluation: Mapping[str, Any] | None

    @property
    def outcome(self) -> Outcome:
        """What the act did, for its caller."""
        return Outcome.of(self.row, self.case.kind, self.effects, self.evaluation)


def new_case_id(city: str, today: date) -> str:
    """An id that people can read out: city, day, six characters."""
    return f"{city}-{today:%y%m%d}-{''.join(secrets.choice(_ALPHABET) for _ in range(6))}"


def record(
    office: Office,
    tx: Transaction,
    decision: Decision,
    known: Known,
    when: When,
    request: Request | None = None,
) -> Recorded:
    """Write everything the decision says.

    Raises:
        NumbersHeld: if somebody else has not finished with the city's document numbers in time.
        Conflict: if the case has moved since it was decided upon.
    """
    before, pack = decision.before, decision.pack
    opened = {decision.opens: new_case_id(before.city, known.today)} if decision.opens else {}
    notices = _written_notices(office, tx, decision, when)
    effects = _effects(decision, opened, notices)
    row = _row(decision, when, request, effects)
    row = replace(row, hash=row.sealed())
    after = replace(decision.after, head=row.hash)
    if decision.document:
        registry.add_document(tx, *decision.document)
    cases.save(tx, before, after, decision.slot, when.noticed_at)
    history.append(tx, row)
    _turn_timers(tx, decision, when.noticed_at)
    if decision.ban:
        registry.add_ban(tx, {"case_id": before.id, "city": before.city, **asdict(decision.ban)})
    registry.add_notices(tx, notices)
    ledger.add(tx, ledger_rows(after, before.memory, row))
    if decision.told:
        assert known.parent is not None, "only a parent is told"  # noqa: S101
        record(office, tx, decision.told, known.parent[1], when)
    for kind, case_id in opened.items():
        record(office, tx, decide_opening(pack, kind, decision, case_id, known), known, when)
    return Recorded(after, row, effects, decision.evaluation)


def ledger_rows(after: Case, before: Mapping[str, Any], row: history.Row) -> list[dict[str, Any]]:
    """The rows of the ledger that a history row implies: every award that it changed, as it is now."""
    return [
        {
            "case_id": after.id,
            "version": after.version,
            "award": award.key,
            "city": after.city,
            "uscc": after.uscc,
            "kind": award.kind,
            "year": award.year,
            "instalment": award.instalment,
            "fen": int(award.yuan * 100),
            "status": award.status,
            "article": award.article,
            "detail": canonical.dumps(award.as_data()),
            "legal_on": row.legal_on,
            "noticed_at": row.noticed_at,
        }
        for award in ledger_changes(before, after.memory)
    ]


def _row(decision: Decision, when: When, request: Request | None, effects: Mapping[str, Any]) -> history.Row:
    before, pack = decision.before, decision.pack
    return history.Row(
        case_id=before.id,
        version=before.version + 1,
        event=decision.event,
        source=before.state,
        target=decision.target,
        actor=decision.actor.id,
        actor_name=decision.actor.name,
        role=decision.role,
        legal_on=when.legal_on,
        happened_at=when.happened_at,
        noticed_at=when.noticed_at,
        request_id=request.id if request else None,
        request_digest=request.digest if request else None,
        evidence=canonical.dumps(decision.evidence),
        evaluation=canonical.dumps(decision.evaluation) if decision.evaluation is not None else None,
        effects=canonical.dumps(effects),
        article=decision.article,
        policy=pack.name,
        policy_digest=pack.digest,
        previous=before.head,
    )


def _effects(
    decision: Decision, opened: Mapping[CaseKind, str], notices: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What the act changed, complete enough to fold the case, its timers and its notices again."""
    rung, ban = decision.rung, decision.ban
    effects: dict[str, Any] = {
        "kind": decision.before.kind if decision.before.version == 0 else None,
        "set": decision.changes,
        "slot": decision.slot,
        "started": {clock.timer: clock.as_data() for clock in decision.started},
        "stopped": {clock.timer: clock.sequence for clock in decision.stopped},
        "rung": [rung.timer, rung.sequence, rung.name] if rung else None,
        "added": [[clock.timer, clock.sequence, name, day] for clock, name, day in decision.added],
        "notices": [[row["notice"], row["role"], notice_digest(row)] for row in notices],
        "opened": opened,
        "ban": ban.as_data() if ban else None,
    }
    return {name: value for name, value in effects.items() if value}


def _turn_timers(tx: Transaction, decision: Decision, at: datetime) -> None:
    case_id = decision.before.id
    if decision.rung:
        timers.fire(tx, case_id, decision.rung, at)
    rung = decision.rung
    for clock in decision.stopped:
        just_rang = {rung.name} if rung and (rung.timer, rung.sequence) == (clock.timer, clock.sequence) else set()
        if {*clock.alarms} - just_rang:
            timers.cancel(tx, case_id, clock, at)
    fresh = [(clock, name, day) for clock in decision.started for name, day in clock.alarms.items()]
    timers.arm(tx, case_id, [*fresh, *decision.added])


def notice_digest(row: Mapping[str, Any]) -> str:
    """The seal over a notice's text, which history keeps; the first schema's notices had no title."""
    more = [row["title"], row["number"]] if row["title"] else []
    return canonical.digest(canonical.dumps([row["subject"], row["body"], *more]))


def _written_notices(office: Office, tx: Transaction, decision: Decision, when: When) -> list[dict[str, Any]]:
    """The rows of the notices that the act queues, already written."""
    if not decision.notices:
        return []
    after = decision.after
    machine = decision.pack.machines[after.kind]
    clocks = clocks_of(after)
    rows = []
    for place, order in enumerate(decision.notices, 1):
        issued = local_date(when.noticed_at)
        letter = Letter(
            pack=decision.pack,
            case=after,
            to=order.to,
            day=when.legal_on,
            issued=issued,
            event=machine.events.get(decision.event, decision.event),
            article=decision.article,
            status=decision.status,
            evidence=decision.evidence,
            clocks=clocks,
            clock=order.clock,
            banned_until=decision.ban.until if decision.ban else None,
            number=_number(tx, decision.pack, order.notice, issued),
            awards=tuple(newly_proposed(decision.before.memory, after.memory)),
            changed=tuple(ledger_changes(decision.before.memory, after.memory)),
            pending=decision.before.memory.get("proposal"),
        )
        written = office.renderer.write(order.notice, letter)
        rows.append(
            {
                "id": f"{after.id}/{after.version}/{place}",
                "case_id": after.id,
                "version": after.version,
                "city": after.city,
                "notice": order.notice,
                "role": order.to,
                "uscc": after.uscc if order.to is Role.APPLICANT else None,
                "subject": written.subject,
                "title": written.title,
                "body": written.body,
                "number": letter.number or None,
                "queued_at": when.noticed_at,
            }
        )
    return rows


def number_row(decision: Decision, when: When) -> NumberRow | None:
    """The row that a decision's letters take their numbers from, and those of the case that is told of it."""
    pack = decision.pack
    if any(_is_numbered(pack, order.notice) for order in decision.notices):
        return pack.city, local_date(when.noticed_at).year
    return number_row(decision.told, when) if decision.told else None


def _is_numbered(pack: PolicyPack, notice: str) -> bool:
    return pack.identity.numbering is not None and pack.identity.notices[notice].numbered


def _number(tx: Transaction, pack: PolicyPack, notice: str, issued: date) -> str:
    """The document number under which the notice is issued; empty where it has none."""
    if pack.identity.numbering is None or not _is_numbered(pack, notice):
        return ""
    try:
        number = registry.next_number(tx, pack.city, issued.year)
    except Crossed:
        raise
    except Conflict as error:
        raise NumbersHeld((pack.city, issued.year)) from error
    return pack.identity.numbering.form.format(year=issued.year, number=number)
