"""Proving that what is on file is what happened: hashes, chains and checkpoints, in a database or an export.

What the history folds to is compared in ``refold``.

``verify_rows`` needs no database: an export can be proved anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TextIO

from kjfh_workflow import canonical
from kjfh_workflow.casework.proof.refold import Folded, differences
from kjfh_workflow.errors import InputError, Problem
from kjfh_workflow.store import cases, feed, files, history, letters, proofs
from kjfh_workflow.store.database import CoreTransaction
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


def verify_rows(
    rows: Iterable[tuple[int, Row]], checkpoints: Iterable[Checkpoint], report: Report
) -> dict[str, Folded]:
    """Check every row's hash and chain and every checkpoint, in the order of writing; fold the cases."""
    folded: dict[str, Folded] = {}
    broken: set[str] = set()
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
        _take(folded, broken, row, position, report)
    while checkpoint:
        sealed = _check_checkpoint(checkpoint, sealed, digest, count, report)
        checkpoint, digest, count = next(waiting, None), RowsDigest(), 0
    report.cases = len(folded)
    return folded


def verify_database(tx: CoreTransaction, checkpoint: str = "") -> Report:
    """Check all history, and that every other row on file is what it folds to.

    Args:
        tx: to read with.
        checkpoint: the hash of a checkpoint that was kept elsewhere and must be among those on file.
    """
    report = Report()
    checkpoints = history.all_checkpoints(tx)
    folded = verify_rows(history.positions(tx), checkpoints, report)
    if report.holds:
        report.problems += differences(tx, folded.values())
        report.problems += [Problem("feed", "", fault) for fault in feed.faults(tx)]
    report.problems += [
        Problem(f"case {case_id}", "history", "the case has no history")
        for case_id in cases.all_ids(tx)
        if case_id not in folded
    ]
    report.problems += [
        Problem(f"letter {notice_id}", "", "its content is not what its digest says")
        for notice_id, digest, body in letters.every_letter(tx)
        if sha256(body).hexdigest() != digest
    ]
    report.problems += [Problem(f"file {digest}", "", fault) for digest, fault in files.damaged(tx)]
    report.problems += [Problem("document numbers", "", gap) for gap in proofs.number_gaps(tx)]
    _check_kept_elsewhere(checkpoint, checkpoints, report)
    return report


def export(tx: CoreTransaction, out: TextIO) -> int:
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


def verify_export(path: Path, checkpoint: str = "") -> Report:
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
    _check_kept_elsewhere(checkpoint, checkpoints, report)
    return report


def _check_kept_elsewhere(checkpoint: str, checkpoints: Iterable[Checkpoint], report: Report) -> None:
    if checkpoint and checkpoint not in {made.hash for made in checkpoints}:
        report.problems.append(Problem("checkpoints", checkpoint, "is not on file: the history is not the one sealed"))


def _read_line(path: Path, number: int, line: str, rows: list[tuple[int, Row]], checkpoints: list[Checkpoint]) -> None:
    try:
        data = json.loads(line)
        if "row" in data:
            rows.append((data["position"], Row.from_data(data["row"])))
        else:
            found = data["checkpoint"]
            checkpoints.append(Checkpoint(**{**found, "made_at": datetime.fromisoformat(found["made_at"])}))
        _checked_types(rows[-1:])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError([Problem(str(path), f"line {number}", f"is not readable: {error!r}")]) from error


def _checked_types(rows: list[tuple[int, Row]]) -> None:
    for position, row in rows:
        texts = (row.case_id, row.event, row.source, row.target, row.policy, row.previous, row.hash, row.effects)
        if not isinstance(position, int) or not isinstance(row.version, int):
            raise TypeError("position and version must be whole numbers")
        if not all(isinstance(text, str) for text in texts) or not isinstance(canonical.loads(row.effects), dict):
            raise TypeError("a row's columns must be texts")


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


def _take(folded: dict[str, Folded], broken: set[str], row: Row, position: int, report: Report) -> None:
    if row.case_id in broken:
        return  # only the first row that does not hold is named
    state = folded.setdefault(row.case_id, Folded.empty(row))
    if problem := state.broken_link(row):
        broken.add(row.case_id)
        place = f"case {row.case_id} row {row.version} ({row.event}, position {position})"
        report.problems.append(Problem(place, "", problem))
    else:
        state.take(row)
