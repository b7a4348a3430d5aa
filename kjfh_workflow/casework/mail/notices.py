"""Looking at notices: those on file, one with its letter, and what one would say of a case as it is now.

Nothing is sent from here, and only a letter's first making writes anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kjfh_workflow import canonical
from kjfh_workflow.casework.mail.letters import letter_of
from kjfh_workflow.casework.mail.outbox import words_of
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.views.queries import load_readable
from kjfh_workflow.errors import NotFound
from kjfh_workflow.notices import render
from kjfh_workflow.notices.render import NAMED, Letter, Written, marked
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import AwardStatus, EffectName, Field, Grade, Role
from kjfh_workflow.rules.awards import awards_of
from kjfh_workflow.rules.case import Actor, Case, reads_of
from kjfh_workflow.rules.clocks import clocks_of
from kjfh_workflow.rules.evidence import ALL_MET, shape_of
from kjfh_workflow.store import history, letters, registry
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.letters import Stored

if TYPE_CHECKING:
    from kjfh_workflow.notices.sendings import Sending

#: Stands before what a preview had to make up.
SPECIMEN = render.SPECIMEN


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
    if row is None or not reads_of(reader).shows(row["city"], row["uscc"]):
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
    rows = history.of_case(tx, case.id)
    way = min(fitting, key=lambda way: _far_fetched(case, rows, way))
    evidence, invented = _evidence(pack, case, rows, way)
    made_up = [pack.words("fields", name) for name in invented]
    here = replace(case, memory={"proposal": _proposal(office, case), **case.memory})
    drafted = draft(pack, way, way.to[0], here, moment.today, evidence, moment.calendar)
    drafted = replace(drafted, specimens=frozenset({*invented, *_unreal(case, way, drafted, invented)}))
    if render.AWARDS in drafted.specimens:
        made_up.append(pack.words("fields", Field.KIND))
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


def _far_fetched(case: Case, rows: list[history.Row], way: Sending) -> tuple[bool, bool, bool]:
    """How far a way of sending is from what the case has been through: the least is the best to show."""
    from kjfh_workflow.notices.sendings import fails  # noqa: PLC0415 - as above

    given = _given(case, rows, way) or {}
    asks = any(way.fields.values())
    otherwise = Field.GRADE in given and (given[Field.GRADE] == Grade.UNQUALIFIED) != fails(way)
    return asks and (not given or otherwise), way.source != case.state, way.target != case.state


def _given(case: Case, rows: list[history.Row], way: Sending) -> dict[str, Any] | None:
    """What the act would be given: what is proposed to it, or what it was given when it last happened."""
    proposed = case.memory.get("proposed", {})
    if EffectName.APPLY_GRADE in way.effects and {name for name, required in way.fields.items() if required} <= {
        *proposed
    }:
        return dict(proposed)
    last = next((row.evidence for row in reversed(rows) if row.event == way.event), None)
    return None if last is None else dict(canonical.loads(last))


def _evidence(
    pack: PolicyPack, case: Case, rows: list[history.Row], way: Sending
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the case has for the act, or specimens of what it requires, texts among them marked; and which these are."""
    from kjfh_workflow.notices.sendings import least_evidence  # noqa: PLC0415 - as above

    given = _given(case, rows, way)
    if given is not None and way.fields:
        return {name: _typed(name, value) for name, value in given.items()}, ()
    required = least_evidence(pack, way)
    # The program's names, dates and numbers are reckoned with first, and marked where they are shown.
    texts = {
        name: marked(value)
        for name, value in required.items()
        if name not in NAMED and isinstance(value, str | list | dict)
    }
    return {**required, **texts}, tuple(required)


def _unreal(case: Case, way: Sending, drafted: Letter, invented: Collection[str]) -> Iterator[str]:
    """Which clocks and awards of a draft are specimens: the case is not where they would run, or has none."""
    own, shown = clocks_of(case), dict(drafted.clocks)
    if drafted.clock:
        shown[drafted.clock.timer] = drafted.clock
    afar = case.state not in (way.source, way.target) or (way.timer and way.timer not in own)
    if afar or (invented and EffectName.ORDER_RECTIFICATION in way.effects):
        yield from (timer for timer, clock in shown.items() if own.get(timer) != clock)
    held = awards_of(case.memory).values()
    if drafted.awards and not any(award.status is AwardStatus.PROPOSED for award in held):
        yield render.AWARDS


def _typed(name: str, value: Any) -> Any:
    """Evidence from the history, where dates and sums are texts."""
    if value == ALL_MET:
        return value
    return shape_of(Field(name), value).validate_python(value) if name in set(Field) else value


def _proposal(office: Office, case: Case) -> dict[str, str]:
    from kjfh_workflow.notices.specimens import specimens  # noqa: PLC0415 - as above

    known = specimens(office.pack_of(case))
    return {name: marked(known[name]) for name in (Field.GROUND, Field.ARTICLE)}
