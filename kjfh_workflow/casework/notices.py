"""Looking at notices: those on file, one with its letter, and what one would say of a case as it is now.

Nothing is sent from here, and only a letter's first making writes anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kjfh_workflow import canonical
from kjfh_workflow.casework.letters import letter_of
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.outbox import words_of
from kjfh_workflow.casework.queries import load_readable
from kjfh_workflow.errors import NotFound
from kjfh_workflow.notices.render import NAMED, Written
from kjfh_workflow.policy.vocabulary import Field, Role
from kjfh_workflow.rules.case import Actor, Case, reads_of
from kjfh_workflow.rules.clocks import clocks_of
from kjfh_workflow.rules.evidence import ALL_MET, shape_of
from kjfh_workflow.store import history, letters, registry
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.letters import Stored

if TYPE_CHECKING:
    from kjfh_workflow.notices.sendings import Sending

#: Stands before what a preview had to make up.
SPECIMEN = "〔示例〕"


@dataclass(frozen=True, slots=True)
class Preview:
    """A notice as it would be written of a case now."""

    notice: str
    #: The notice's name in Chinese.
    label: str
    to: Role
    #: The addressee's name, or the role's, in Chinese.
    addressee: str
    #: Its document number would look like this; empty where it has none.
    number: str
    written: Written
    #: What had to be made up: evidence, a clock that does not run, the state the case would come from.
    specimens: tuple[str, ...]


def listed(
    office: Office, tx: CoreTransaction, reader: Actor | None, case: str, city: str, after: str, limit: int
) -> list[dict[str, Any]]:
    """Notices that *reader* may see (None: the program itself), without their text, in order of their ids."""
    rows = letters.find_notices(tx, reads_of(reader), case=case, city=city, after=after, limit=limit)
    policies = registry.policies_of(tx, (row["case_id"] for row in rows))
    return [_labelled(office, {**row, "policy": policies[row["case_id"]]}) for row in rows]


def shown(office: Office, tx: CoreTransaction, notice_id: str, reader: Actor | None) -> dict[str, Any]:
    """One notice with its text, and its letter's hash once there is a letter.

    Raises:
        NotFound: if there is none, or it is not the reader's to see.
    """
    row = _readable(tx, notice_id, reader)
    made = letters.find(tx, notice_id)
    return _labelled(office, {**row, "letter_sha256": made.sha256 if made else None})


def _readable(tx: CoreTransaction, notice_id: str, reader: Actor | None) -> dict[str, Any]:
    row = letters.notice(tx, notice_id)
    reads = reads_of(reader)
    if row is None or not (
        reads.everything or row["city"] == reads.city or (row["uscc"] is not None and row["uscc"] == reads.uscc)
    ):
        raise NotFound(f"there is no notice {notice_id!r}")
    return row


def _labelled(office: Office, row: Mapping[str, Any]) -> dict[str, Any]:
    label, role_label = words_of(office, row)
    return {**row, "label": label, "role_label": role_label}


def kept(tx: CoreTransaction, notice_id: str, reader: Actor | None) -> Stored | None:
    """A notice's letter, if it has been made.

    Raises:
        NotFound: as ``shown``.
    """
    _readable(tx, notice_id, reader)
    return letters.find(tx, notice_id)


def letter(office: Office, tx: CoreTransaction, notice_id: str, reader: Actor | None) -> Stored:
    """A notice's letter, made and put on file at first need.

    Raises:
        NotFound: as ``shown``.
    """
    _readable(tx, notice_id, reader)
    return letter_of(office.catalog, tx, notice_id, office.now(tx))


def preview(office: Office, tx: CoreTransaction, notice: str, case_id: str, reader: Actor | None) -> Preview:
    """What *notice* would say of the case as it is now, with specimens for what is not there; nothing is written.

    Only offices look: what an operator is told, it is told by the notice itself.

    Raises:
        NotFound: no such case, not the reader's to see, a reader of no office, or a notice that its pack never sends
            about such a case.
    """
    if reader is not None and not reader.is_official:
        raise NotFound(f"there is no draft of {notice!r}: drafts are the offices'")
    from kjfh_workflow.notices.rehearse import draft  # noqa: PLC0415 - it brings python-docx along
    from kjfh_workflow.notices.sendings import sendings  # noqa: PLC0415 - as above

    case, moment = load_readable(tx, case_id, reader), office.moment(tx)
    pack = office.pack_of(case)
    ways = [way for way in sendings(pack) if way.kind == case.kind]
    fitting = [way for way in ways if way.notice == notice]
    if not fitting:
        known = "、".join(sorted({way.notice for way in ways}))
        raise NotFound(f"{pack.name} sends no notice {notice!r} about a case of this kind; it sends: {known}")
    way = min(fitting, key=lambda way: (way.source != case.state, way.target != case.state))
    evidence, made_up = _evidence(tx, office, case, way)
    here = replace(case, memory={"proposal": _proposal(office, case), **case.memory})
    drafted = draft(pack, way, way.to[0], here, moment.today, evidence, moment.calendar)
    if drafted.number:
        drafted = replace(drafted, number=f"{SPECIMEN}{drafted.number}")
    if case.state not in (way.source, way.target):
        made_up.append(pack.state_label(case.kind, way.source))
    elif way.timer and way.timer not in clocks_of(case):
        made_up.append(pack.machines[case.kind].timer_of[way.timer].label)
    return Preview(
        notice,
        pack.identity.notices[notice].label,
        way.to[0],
        case.name if way.to[0] is Role.APPLICANT else pack.words("roles", way.to[0]),
        drafted.number,
        office.renderer.write(notice, drafted),
        tuple(made_up),
    )


def _evidence(tx: CoreTransaction, office: Office, case: Case, way: Sending) -> tuple[dict[str, Any], list[str]]:
    """What the act was given when it last happened, or marked specimens of what it requires; and what those are."""
    from kjfh_workflow.notices.sendings import least_evidence  # noqa: PLC0415 - as above

    given = next((row.evidence for row in reversed(history.of_case(tx, case.id)) if row.event == way.event), None)
    if given is not None and way.fields:
        return {name: _typed(name, value) for name, value in canonical.loads(given).items()}, []
    pack = office.pack_of(case)
    required = least_evidence(pack, way)
    # One of the program's names is put into words; with a mark it would be none.
    marked = {name: value if name in NAMED else _marked(value) for name, value in required.items()}
    return marked, [pack.words("fields", name) for name in required]


def _typed(name: str, value: Any) -> Any:
    """Evidence from the history, where dates and sums are texts."""
    if value == ALL_MET:
        return value
    return shape_of(Field(name), value).validate_python(value) if name in set(Field) else value


def _marked(value: Any) -> Any:
    if isinstance(value, str):
        return SPECIMEN + value
    if isinstance(value, list):
        return [_marked(part) for part in value]
    return {key: _marked(part) for key, part in value.items()} if isinstance(value, Mapping) else value


def _proposal(office: Office, case: Case) -> dict[str, str]:
    from kjfh_workflow.notices.specimens import specimens  # noqa: PLC0415 - as above

    known = specimens(office.pack_of(case))
    return {name: _marked(known[name]) for name in (Field.GROUND, Field.ARTICLE)}
