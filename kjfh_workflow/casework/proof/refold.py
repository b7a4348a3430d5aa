"""Folding cases again from their history, and comparing what that gives with every row on file.

Whether the history itself is unbroken is asked in ``verify``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.casework.record import ledger_rows, notice_digest
from kjfh_workflow.clock import start_of
from kjfh_workflow.errors import Problem
from kjfh_workflow.policy.vocabulary import NEW, CaseKind, Role
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import Clock
from kjfh_workflow.store import cases, ledger, registry, rounds, timers
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.history import Row

_Key = tuple[str, int, str]


@dataclass
class Folded:
    """A case as its rows so far make it, with all rows of other tables that they imply."""

    case: Case
    slot: str | None = None
    #: (timer, sequence, alarm) → the columns of its row.
    alarms: dict[_Key, dict[str, Any]] = field(default_factory=dict)
    #: Id → the columns of its row, its text as a digest.
    notices: dict[str, dict[str, Any]] = field(default_factory=dict)
    ban: dict[str, Any] | None = None
    #: Digests of all facts ever handed in.
    documents: set[str] = field(default_factory=set)
    #: (version, award) → the columns of its row in the ledger.
    ledger: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)
    #: The years of the rounds that it was brought into.
    rounds: set[int] = field(default_factory=set)
    #: (year, act) → what its row says of the opening or closing of a round: day, actor, titles.
    round_acts: dict[tuple[int, str], tuple[Any, ...]] = field(default_factory=dict)
    #: When its last act was noticed.
    changed_at: datetime | None = None

    @classmethod
    def empty(cls, row: Row) -> Folded:
        """Before the first row."""
        city, _, version = row.policy.partition("/")
        kind = canonical.loads(row.effects).get("kind", "")
        return cls(Case(row.case_id, city, CaseKind(kind) if kind in {*CaseKind} else CaseKind.APPLICATION, version))

    def broken_link(self, row: Row) -> str:
        """Why *row* cannot be the next one; empty if it can."""
        case = self.case
        if row.version != case.version + 1:
            return f"is row {row.version} where row {case.version + 1} belongs: a row is missing or was put in"
        if row.previous != case.head:
            return "does not follow the row before it"
        if row.sealed() != row.hash:
            return "its content is not what was sealed"
        if row.source != (case.state if case.version else NEW):
            return f"starts from {row.source!r}, but the case was in {case.state!r}"
        return ""

    def take(self, row: Row) -> None:
        """Fold one more row in."""
        effects = canonical.loads(row.effects)
        changes = effects.get("set", {})
        before = self.case.memory
        self.changed_at = row.noticed_at
        if row.event in (rounds.OPENED, rounds.CLOSED):
            told = canonical.loads(row.evidence)
            said = (row.legal_on, row.actor, row.actor_name, canonical.dumps(told.get("titles")))
            self.round_acts[told["year"], row.event] = said
        self.case = self.case.after(row.target, changes, row.hash)
        self.slot = effects.get("slot")
        if changes.get("facts"):
            self.documents.add(changes["facts"])
        if ban := effects.get("ban"):
            self.ban = {**ban, "city": self.case.city}
        for number, (notice, role, digest) in enumerate(effects.get("notices", ()), 1):
            self.notices[f"{row.case_id}/{row.version}/{number}"] = {
                "version": row.version,
                "city": self.case.city,
                "notice": notice,
                "role": role,
                "uscc": self.case.uscc if role == Role.APPLICANT else None,
                "queued_at": row.noticed_at,
                "text": digest,
            }
        for entry in ledger_rows(self.case, before, row):
            self.ledger[entry["version"], entry["award"]] = entry
        if "assessing" in changes and changes["assessing"] is not None:
            self.rounds.add(changes["assessing"])
        self._turn(effects)

    def _turn(self, effects: Mapping[str, Any]) -> None:
        if rung := effects.get("rung"):
            self.alarms[tuple(rung)]["outcome"] = timers.FIRED
        for timer, sequence in effects.get("stopped", {}).items():
            for key, alarm in self.alarms.items():
                if key[:2] == (timer, sequence) and alarm["outcome"] == timers.ARMED:
                    alarm["outcome"] = timers.CANCELLED
        for timer, data in effects.get("started", {}).items():
            clock = Clock.from_data(timer, data)
            for name, day in clock.alarms.items():
                self._arm((timer, clock.sequence, name), day, clock.due, clock.deadline.provisional)
        for timer, sequence, name, day in effects.get("added", ()):
            last = self.alarms[timer, sequence, "expire"]
            self._arm((timer, sequence, name), date.fromisoformat(day), last["due"], last["provisional"])

    def _arm(self, key: _Key, day: date, due: date, provisional: bool) -> None:
        self.alarms[key] = {
            "due": due,
            "provisional": provisional,
            "rings_at": start_of(day),
            "outcome": timers.ARMED,
        }


def differences(tx: CoreTransaction, folded: Iterable[Folded]) -> Iterator[Problem]:
    """Every row on file that is not what the history implies, and every row that nothing implies."""
    names: set[tuple[str, str]] = set()
    owners: set[str] = set()
    documents: set[str] = set()
    entries = _ledger_by_case(tx)
    rosters = _rounds_by_case(tx)
    acts: dict[tuple[str, int, str], set[tuple[Any, ...]]] = {}
    for one in folded:
        yield from _of_case(tx, one)
        place = f"case {one.case.id}"
        yield from _rows_compared(place, "ledger", entries.pop(one.case.id, {}), one.ledger)
        for (year, act), said in one.round_acts.items():
            acts.setdefault((one.case.city, year, act), set()).add(said)
        if rosters.pop(one.case.id, set()) != one.rounds:
            yield Problem(place, "roster", f"the history brings it into the rounds of {sorted(one.rounds)} only")
        names.add((one.case.uscc, one.case.name))
        documents |= one.documents
        if one.ban:
            owners.add(one.case.id)
    yield from (Problem(f"case {case}", "ledger", "has rows on file, but no history") for case in entries)
    yield from (Problem(f"case {case}", "roster", "is in a round, but has no history") for case in rosters)
    yield from _rounds_compared(tx, acts)
    for ban in registry.all_bans(tx):
        if ban["case_id"] not in owners:
            yield Problem(f"case {ban['case_id']}", "ban", "bars an operator, but no history imposes it")
    for uscc, name in registry.all_organisations(tx):
        if (uscc, name) not in names:
            yield Problem(f"organisation {uscc}", "name", f"is {name!r}, which no case has")
    named = registry.all_named(tx)
    for digest, body in registry.all_documents(tx):
        documents.discard(digest)
        if canonical.digest(body) != digest:
            yield Problem(f"document {digest}", "", "its content is not what its digest says")
        elif named.get(digest, []) != registry.firms_in(body):
            yield Problem(f"document {digest}", "named firms", "are not those that the facts name")
    for digest in sorted(documents):
        yield Problem(f"document {digest}", "", "was handed in, but is not on file")


def _ledger_by_case(tx: CoreTransaction) -> dict[str, dict[tuple[int, str], dict[str, Any]]]:
    found: dict[str, dict[tuple[int, str], dict[str, Any]]] = {}
    for row in ledger.all_rows(tx):
        found.setdefault(row["case_id"], {})[row["version"], row["award"]] = row
    return found


def _rounds_by_case(tx: CoreTransaction) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for row in rounds.whole_roster(tx):
        found.setdefault(row["case_id"], set()).add(row["year"])
    return found


def _rounds_compared(
    tx: CoreTransaction, acts: Mapping[tuple[str, int, str], set[tuple[Any, ...]]]
) -> Iterator[Problem]:
    """A round says of its opening and closing what the histories of its members say."""
    stored = {(row["city"], row["year"], row["act"]): row for row in rounds.all_acts(tx)}
    members = rounds.members_by_round(tx)
    for city, year, act in sorted({*stored, *acts}):
        place, row = f"round {city} {year}", stored.get((city, year, act))
        if row is None:
            yield Problem(place, act, "is not on file, but its members' histories have it")
            continue
        said = (row["legal_on"], row["actor"], row["actor_name"], row["titles"])
        if any(one != said for one in acts.get((city, year, act), ())):
            yield Problem(place, act, f"says {said!r}, which is not what its members' histories say")
        if row["members"] != members.get((city, year), 0):
            yield Problem(
                place, f"{act} members", f"is {row['members']}, but the roster has {members.get((city, year), 0)}"
            )


def _of_case(tx: CoreTransaction, folded: Folded) -> Iterator[Problem]:
    case = folded.case
    place = f"case {case.id}"
    stored = cases.columns_of(tx, case.id)
    if stored is None:
        yield Problem(place, "cases", "has history but no row in cases")
        return
    expected = {
        "city": case.city,
        "kind": case.kind,
        "policy": case.policy,
        "state": case.state,
        "version": case.version,
        "head": case.head,
        "memory": canonical.dumps(case.memory),
        "slot": folded.slot,
        "type": case.type,
        "level": case.level,
        "uscc": case.uscc,
        "name": case.name,
        "opened_on": date.fromisoformat(case.memory["opened_on"]),
        "parent": case.parent or None,
        "facts": case.facts or None,
        "changed_at": folded.changed_at,
    }
    yield from _compared(place, "", stored, expected)
    alarms = {(r["timer"], r["sequence"], r["alarm"]): r for r in timers.of_case(tx, case.id)}
    yield from _rows_compared(place, "timer", alarms, folded.alarms)
    notices = {row["id"]: {**row, "text": notice_digest(row)} for row in registry.notices_of(tx, case.id)}
    yield from _rows_compared(place, "notices", notices, folded.notices)
    if folded.ban:
        ban = next((row for row in registry.bans_of(tx, case.uscc) if row["case_id"] == case.id), {})
        as_kept = {name: str(value) for name, value in ban.items()}
        yield from _compared(place, "ban ", as_kept, folded.ban)


def _rows_compared(
    place: str, what: str, stored: Mapping[Any, Mapping[str, Any]], expected: Mapping[Any, Mapping[str, Any]]
) -> Iterator[Problem]:
    for key in sorted({*stored, *expected}):
        name = f"{what} {' '.join(map(str, key)) if isinstance(key, tuple) else key}"
        if key not in stored:
            yield Problem(place, name, "is not on file")
        elif key not in expected:
            yield Problem(place, name, "is on file, but no history implies it")
        else:
            yield from _compared(place, f"{name} ", stored[key], expected[key])


def _compared(place: str, prefix: str, stored: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Problem]:
    for name, value in expected.items():
        if stored.get(name) != value:
            yield Problem(place, prefix + name, f"is {stored.get(name)!r}, but the history folds to {value!r}")
