"""What a preview tells besides its outcome: the letters that the act would send; and nothing that it has made up.

The act itself, and its being rolled back, is ``acting``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from kjfh_workflow.casework.mail.notices import SPECIMEN
from kjfh_workflow.casework.outcome import Drafted, Outcome
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.store import registry
from kjfh_workflow.store.database import CoreTransaction


def foretold(tx: CoreTransaction, done: Outcome, reader: Actor, held: Iterable[Case] = ()) -> Outcome:
    """The outcome of an act that is going to be rolled back.

    Ids that nobody will ever see again are left out of it. A document number is the next one as things are; in the
    texts it is marked, as is the number of a case that is not there yet.

    Args:
        tx: the act's, before it is rolled back.
        done: what the act has done in it.
        reader: for whom; an operator is shown what is written to it.
        held: the cases that the act may have moved, as they were before it.
    """
    reads = reader.reads()
    before = {case.id: case.version for case in held}
    if done.case in before:
        before[done.case] = done.version - 1
    invented = {case_id for case_id in (done.case, *done.opened.values()) if case_id not in before}
    rows = [
        row
        for case_id in dict.fromkeys((done.case, *before, *done.opened.values()))
        for row in registry.notices_of(tx, case_id)
        if row["version"] > before.get(case_id, 0) and reads.shows(row["city"], row["uscc"])
    ]
    return replace(
        done.told_to(reader),
        case="" if done.case in invented else done.case,
        opened=dict.fromkeys(done.opened, ""),
        letters=tuple(_drafted(rows, invented)),
    )


def _drafted(rows: Iterable[Mapping[str, Any]], invented: Iterable[str]) -> Iterator[Drafted]:
    for row in rows:
        marks = dict.fromkeys(invented, SPECIMEN)
        number = row["number"] or ""
        if number:
            marks[number] = f"{SPECIMEN}{number}"
        subject, title, body = row["subject"], row["title"], row["body"]
        for made_up, mark in marks.items():
            subject, title, body = (text.replace(made_up, mark) for text in (subject, title, body))
        yield Drafted(row["notice"], row["role"], marks.get(number, ""), subject, title, body)
