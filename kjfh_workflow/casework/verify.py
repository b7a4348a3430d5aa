"""Proving that what is on file is what happened: hashes, chains, checkpoints, and every case folded again.

``verify_rows`` needs no database: an export can be proved anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from kjfh_workflow import canonical
from kjfh_workflow.casework.record import notice_digest
from kjfh_workflow.errors import InputError, Problem
from kjfh_workflow.policy.vocabulary import NEW, CaseKind
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import Clock
from kjfh_workflow.store import cases, history, registry, timers
from kjfh_workflow.store.database import Transaction
from kjfh_workflow.store.history import Checkpoint, Row, RowsDigest

_FORMAT = "kjfh-history-1"


@dataclass
class Report:
    """What a verification found."""

    rows: int = 0
    cases: int = 0
    checkpoints: int = 0
    #: The first thing that does not hold in each chain; empty if all holds.
    problems: list[Problem] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether everything holds."""
        return not self.problems


@dataclass
class _Folded:
    """A case as its rows so far make it, and its alarms."""

    case: Case
    slot: str | None = None
    #: (timer, sequence, alarm) → outcome.
    alarms: dict[tuple[str, int, str], str] = field(default_factory=dict)
    #: (version, notice, role, digest of its text).
    notices: list[tuple[int, str, str, str]] = field(default_factory=list)
    ban: dict[str, Any] | None = None
    broken: bool = False


def verify_rows(
    rows: Iterable[tuple[int, Row]], checkpoints: Iterable[Checkpoint], report: Report
) -> dict[str, _Folded]:
    """Check every row's hash and chain and every checkpoint, in the order of writing; fold the cases."""
    folded: dict[str, _Folded] = {}
    waiting = iter(checkpoints)
    checkpoint = next(waiting, None)
    digest, count, sealed = RowsDigest(), 0, ""
    for position, row in rows:
        while checkpoint and position > checkpoint.position:
            sealed = _check_checkpoint(checkpoint, sealed, digest, count, report)
            checkpoint, digest, count = next(waiting, None), RowsDigest(), 0
        report.rows += 1
        digest.add(row)
        count += 1
        _fold(folded, row, position, report)
    while checkpoint:
        sealed = _check_checkpoint(checkpoint, sealed, digest, count, report)
        checkpoint, digest, count = next(waiting, None), RowsDigest(), 0
    report.cases = len(folded)
    return folded


def verify_database(tx: Transaction) -> Report:
    """Check all history, and that cases, timers, bans and notices are what it folds to."""
    report = Report()
    folded = verify_rows(history.positions(tx), history.all_checkpoints(tx), report)
    for case_id, expected in folded.items():
        if not expected.broken:
            report.problems += _differences(tx, case_id, expected)
    report.problems += [
        Problem(f"case {case_id}", "history", "the case has no history")
        for case_id in cases.all_ids(tx)
        if case_id not in folded
    ]
    report.problems += [
        Problem(f"document {digest}", "", "its content is not what its digest says")
        for digest, body in registry.all_documents(tx)
        if canonical.digest(body) != digest
    ]
    return report


def export(tx: Transaction, out: TextIO) -> int:
    """Write all history and checkpoints as JSON lines; returns the number of rows."""
    out.write(json.dumps({"format": _FORMAT}) + "\n")
    count = 0
    for position, row in history.positions(tx):
        out.write(canonical.dumps({"position": position, "row": row.as_data()}) + "\n")
        count += 1
    for checkpoint in history.all_checkpoints(tx):
        data = {name: getattr(checkpoint, name) for name in Checkpoint.__slots__}
        out.write(canonical.dumps({"checkpoint": data}) + "\n")
    return count


def verify_export(path: Path) -> Report:
    """Check an export, without a database.

    Raises:
        InputError: if the file is no export.
    """
    rows: list[tuple[int, Row]] = []
    checkpoints: list[Checkpoint] = []
    try:
        with path.open(encoding="utf-8") as lines:
            if json.loads(next(lines, "{}")).get("format") != _FORMAT:
                raise InputError([Problem(str(path), "line 1", f"is not an export of {_FORMAT}")])
            for number, line in enumerate(lines, 2):
                _read_line(path, number, line, rows, checkpoints)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, AttributeError) as error:
        raise InputError([Problem(str(path), "", f"is not readable as an export: {error}")]) from error
    report = Report()
    verify_rows(rows, checkpoints, report)
    return report


def _read_line(path: Path, number: int, line: str, rows: list[tuple[int, Row]], checkpoints: list[Checkpoint]) -> None:
    try:
        data = json.loads(line)
        if "row" in data:
            rows.append((data["position"], Row.from_data(data["row"])))
        else:
            found = data["checkpoint"]
            checkpoints.append(Checkpoint(**{**found, "made_at": datetime.fromisoformat(found["made_at"])}))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError([Problem(str(path), f"line {number}", f"is not readable: {error!r}")]) from error


def _check_checkpoint(checkpoint: Checkpoint, sealed: str, digest: RowsDigest, count: int, report: Report) -> str:
    report.checkpoints += 1
    place = f"checkpoint {checkpoint.number}"
    if checkpoint.previous != sealed:
        report.problems.append(Problem(place, "previous", "does not follow the checkpoint before it"))
    elif checkpoint.row_count != count:
        message = f"covers {checkpoint.row_count} rows up to position {checkpoint.position}, but there are {count}"
        report.problems.append(Problem(place, "row_count", message))
    elif checkpoint.hash != checkpoint.sealed(digest.hex()):
        report.problems.append(Problem(place, "hash", "the rows it covers are not those it was made over"))
    return checkpoint.hash


def _fold(folded: dict[str, _Folded], row: Row, position: int, report: Report) -> None:
    state = folded.get(row.case_id)
    if state is None:
        city, _, version = row.policy.partition("/")
        state = folded[row.case_id] = _Folded(Case(row.case_id, city, CaseKind.APPLICATION, version))
    if state.broken:
        return
    if problem := _broken_link(state.case, row):
        state.broken = True
        place = f"case {row.case_id} row {row.version} ({row.event}, position {position})"
        report.problems.append(Problem(place, "", problem))
        return
    effects = canonical.loads(row.effects)
    state.case = state.case.after(row.target, effects.get("set", {}), row.hash)
    state.slot = effects.get("slot")
    state.ban = effects.get("ban", state.ban)
    state.notices += [(row.version, *notice) for notice in effects.get("notices", ())]
    _fold_alarms(state, effects)


def _broken_link(case: Case, row: Row) -> str:
    if row.version != case.version + 1:
        return f"is row {row.version} where row {case.version + 1} belongs: a row is missing or was put in"
    if row.previous != case.head:
        return "does not follow the row before it"
    if row.sealed() != row.hash:
        return "its content is not what was sealed"
    if row.source != (case.state if case.version else NEW):
        return f"starts from {row.source!r}, but the case was in {case.state!r}"
    return ""


def _fold_alarms(state: _Folded, effects: dict[str, Any]) -> None:
    alarms = state.alarms
    if rung := effects.get("rung"):
        alarms[tuple(rung)] = timers.FIRED
    for timer, sequence in effects.get("stopped", {}).items():
        for key, outcome in alarms.items():
            if key[:2] == (timer, sequence) and outcome == timers.ARMED:
                alarms[key] = timers.CANCELLED
    for timer, data in effects.get("started", {}).items():
        clock = Clock.from_data(timer, data)
        alarms.update({(timer, clock.sequence, name): timers.ARMED for name in clock.alarms})
    for timer, sequence, name, _day in effects.get("added", ()):
        alarms[timer, sequence, name] = timers.ARMED


def _differences(tx: Transaction, case_id: str, expected: _Folded) -> Iterator[Problem]:
    place = f"case {case_id}"
    stored = cases.load(tx, case_id)
    if stored is None:
        yield Problem(place, "cases", "has history but no row in cases")
        return
    folded = expected.case
    for name in ("state", "version", "head", "city", "policy", "memory"):
        if getattr(stored, name) != getattr(folded, name):
            yield Problem(
                place, name, f"is {getattr(stored, name)!r}, but the history folds to {getattr(folded, name)!r}"
            )
    copies = {
        "slot": expected.slot,
        "type": folded.type,
        "level": folded.level,
        "uscc": folded.uscc,
        "name": folded.name,
    }
    found = cases.copies(tx, case_id)
    for name, value in copies.items():
        if found[name] != value:
            yield Problem(place, name, f"is {found[name]!r}, but the history folds to {value!r}")
    alarms = {(r["timer"], r["sequence"], r["alarm"]): r["outcome"] for r in timers.of_case(tx, case_id)}
    for key in sorted({*alarms, *expected.alarms}):
        if alarms.get(key) != expected.alarms.get(key):
            name = f"timer {key[0]}#{key[1]} {key[2]}"
            yield Problem(place, name, f"is {alarms.get(key)}, but the history folds to {expected.alarms.get(key)}")
    notices = [
        (row["version"], row["notice"], row["role"], notice_digest(row)) for row in registry.notices_of(tx, case_id)
    ]
    if sorted(notices) != sorted(expected.notices):
        yield Problem(place, "notices", "those on file are not those the history queued")
    ban = next((row for row in registry.bans_of(tx, folded.uscc) if row["case_id"] == case_id), None)
    until = expected.ban["until"] if expected.ban else None
    if (ban["until"].isoformat() if ban else None) != until:
        yield Problem(place, "ban", f"is until {ban['until'] if ban else None}, but the history folds to {until}")
