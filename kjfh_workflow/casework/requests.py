"""Whether a request has been carried out, and what it did: for whoever never saw the answer.

What a request id is good for when the request is sent again is each act's own business.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kjfh_workflow.casework.outcome import Outcome
from kjfh_workflow.casework.perform import check_request_id
from kjfh_workflow.casework.rounds import Round
from kjfh_workflow.casework.views.queries import load_readable
from kjfh_workflow.errors import NotFound
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.store import books, files, history, rounds
from kjfh_workflow.store.database import CoreTransaction


@dataclass(frozen=True, slots=True)
class Misconduct:
    """An entry that a request put on the integrity list (失信名单)."""

    #: id, city, person, finding, document_no, article, policy, recorded_….
    entry: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that a request put into a case."""

    id: int
    case: str
    name: str
    #: Its key in the pack; empty for anything else.
    material: str
    sha256: str
    attached_at: datetime


#: What a request may have done.
Done = Outcome | Round | Misconduct | Attached


def of_request(tx: CoreTransaction, request_id: str, reader: Actor | None) -> Done:
    """What a request did, as far as *reader* may see it (None: the program itself).

    Raises:
        NotFound: if it has done nothing so far, or what it did is not the reader's to see.
        WorkflowError: for a text that cannot be a request's id.
    """
    check_request_id(request_id)
    nothing = NotFound(f"no request {request_id!r} has been carried out")
    if row := history.by_request(tx, request_id):
        act = Outcome.of(row, _readable(tx, row.case_id, reader, nothing).kind)
        return act.told_to(reader) if reader else act
    if attached := files.by_request(tx, request_id):
        _readable(tx, attached["case_id"], reader, nothing)
        names = ("name", "material", "sha256", "attached_at")
        return Attached(attached["id"], attached["case_id"], *(attached[name] for name in names))
    if found := rounds.by_request(tx, request_id):
        done: Done = Round.of(found)
        city = found["city"]
    elif misconduct := books.misconduct_by_request(tx, request_id):
        done = Misconduct(misconduct[1])
        city = misconduct[1]["city"]
    else:
        raise nothing
    if reader is not None and not reader.reads().everything and reader.reads().city != city:
        raise nothing
    return done


def _readable(tx: CoreTransaction, case: str, reader: Actor | None, nothing: NotFound) -> Case:
    try:
        return load_readable(tx, case, reader)
    except NotFound:
        raise nothing from None  # its message would name the case
