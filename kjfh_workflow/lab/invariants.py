"""What must be true when the dust has settled, whatever was killed: each line a number of exceptions that must be 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kjfh_workflow import canonical
from kjfh_workflow.casework.proof.verify import Report
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.store import proofs
from kjfh_workflow.store.database import CoreTransaction, Database


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that must hold."""

    says: str
    holds: bool
    #: The figures it was judged by.
    found: str


def check(database: str, received: Mapping[str, list[tuple[str, str, str]]]) -> list[Claim]:
    """Judge a database on which nobody works any more, and what the receiver got.

    Args:
        database: its URL.
        received: notice id → texts received under it.
    """
    opened = Database.open(database)
    workflow = Workflow(opened)
    try:
        report = workflow.verify()
        with opened.reading() as tx:
            return [
                Claim("history is unbroken, and every row is what it folds to", report.holds, _verified(report)),
                *_of_alarms(tx),
                *_of_notices(tx),
                *_of_deliveries(tx, received),
            ]
    finally:
        opened.engine.dispose()


def _verified(report: Report) -> str:
    return "; ".join(map(str, report.problems[:3])) or f"{report.rows} rows of {report.cases} cases"


def _of_alarms(tx: CoreTransaction) -> Iterable[Claim]:
    outcomes = proofs.alarm_outcomes(tx)
    created, rung = 0, Counter[tuple[str, ...]]()
    for case_id, text in proofs.effects(tx):
        effects = canonical.loads(text)
        created += sum(len(clock["alarms"]) for clock in effects.get("started", {}).values())
        created += len(effects.get("added", ()))
        if "rung" in effects:
            rung[case_id, *map(str, effects["rung"])] += 1
    total = sum(outcomes.values())
    yield Claim("created = armed + fired + cancelled", created == total, f"{created} created, {dict(outcomes)}")
    fired = outcomes.get("fired", 0)
    yield Claim("each fired alarm took effect exactly once", sum(rung.values()) == len(rung) == fired, f"{fired} fired")
    yield _none("no alarm rang before its time", proofs.rung_early(tx))
    yield _none("nothing that is due is left", proofs.still_due(tx))


def _of_notices(tx: CoreTransaction) -> Iterable[Claim]:
    gaps = proofs.number_gaps(tx)
    yield _none("document numbers run from 1 without gaps or doubles", gaps)
    yield _none("every notice is in the outbox once", proofs.notices_not_in_outbox(tx))


def _of_deliveries(tx: CoreTransaction, received: Mapping[str, list[tuple[str, str, str]]]) -> Iterable[Claim]:
    on_file = proofs.notice_texts(tx, received)
    yield _none("every letter has been routed and sent", proofs.not_sent(tx))
    lost = [notice_id for notice_id in proofs.sent(tx) if notice_id not in received]
    yield _none("every letter that counts as sent has arrived", lost)
    other = [notice_id for notice_id, texts in received.items() if {*texts} != {on_file.get(notice_id)}]
    doubles = sum(len(texts) - 1 for texts in received.values())
    claim = _none("each letter arrived with one number and one text, that on file", other)
    yield Claim(claim.says, claim.holds, f"{claim.found} {len(received)} letters, {doubles} repeated".strip())


def _none(says: str, exceptions: Iterable[object]) -> Claim:
    found = list(exceptions)
    return Claim(says, not found, f"{len(found)} exceptions: {found[:3]}" if found else "")
