"""The files' desk (附件): evidence that comes as a file, taken in, listed and handed out again, bit by bit the same.

``Workflow.files`` is one. Everything attached to a case is seen by whoever may read the case, its operator included:
internal papers do not belong here. Who may attach is ``attaching``'s; what a file may be, ``intake.file_types``'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.casework.files import receiving
from kjfh_workflow.casework.files.attaching import ATTACH, check_material, check_open, role_of
from kjfh_workflow.casework.files.receiving import Received
from kjfh_workflow.casework.files.scanning import Scanner
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.perform import check_request_id, with_overdue_alarms_rung
from kjfh_workflow.casework.trying_again import again
from kjfh_workflow.casework.views.queries import load_readable
from kjfh_workflow.errors import InputError, NotFound, Problem, RequestReused, WorkflowError
from kjfh_workflow.intake.file_names import plain_name
from kjfh_workflow.intake.file_types import type_of
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import OFFICE_ROLES
from kjfh_workflow.rules.case import Actor, reads_of
from kjfh_workflow.store import cases, files, request_ids
from kjfh_workflow.store.database import CoreTransaction, Database

#: As many files as anybody has looked at for one case, and more.
MOST_FILES = 500
#: The largest number a database keeps.
_LAST_ID = 2**63 - 1


class FileInfected(InputError):
    """The scanner has found something in the file."""


class FileDamaged(WorkflowError):
    """What is stored of a file is no longer what was handed in: see ``kjfh verify``, and take it from a backup."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that somebody has put into a case."""

    id: int
    case: str
    name: str
    #: Its key in the pack; empty for anything else.
    material: str
    material_label: str
    #: Of its content, hex.
    sha256: str
    #: In bytes.
    size: int
    #: As its own bytes say.
    media_type: str
    #: An id; an officer's is empty for whoever is of no office.
    attached_by: str
    attached_by_name: str
    role: str
    role_label: str
    attached_at: datetime


class FilesDesk:
    """The files of one bureau."""

    def __init__(self, office: Office, database: Database) -> None:
        self._office = office
        self._database = database

    def attach(
        self,
        case: str,
        name: str,
        chunks: Iterable[bytes],
        *,
        by: Actor,
        material: str = "",
        request_id: str | None = None,
        max_bytes: int = receiving.MAX_BYTES,
        scan: Scanner | None = None,
    ) -> Attachment:
        """Put a file into a case: all of it, or nothing.

        Args:
            case: the case's id.
            name: a plain file name; its ending must be that of the content.
            chunks: the content in pieces of any length.
            by: who attaches it, one of ``attaching.MAY_ATTACH``.
            material: which of the pack's materials it is; empty for anything else.
            request_id: the caller's own id of this request; the same request again gives the first answer.
            max_bytes: how long it may be.
            scan: asked before it is stored.

        Raises:
            NotFound: no such case, or not the actor's to see.
            NotAuthorised: who may read it, and not attach to it.
            TransitionNotAllowed: the case is closed.
            FileTooLarge: see *max_bytes*.
            FileTypeRefused: a type that is not taken, or not the one that the name says.
            FileInfected: the scanner says so.
            InputError: for a name or a material that is none, an empty file, or too many of them.
            Unavailable: the scanner cannot tell, or the database is gone; nothing is stored.
            Conflict: if the request id was used for something else.
        """
        self.check(case, name, by=by, material=material, request_id=request_id)
        with Received(max_bytes) as received:
            for chunk in chunks:
                received.take(chunk)
            return self.attach_received(
                case, name, received, by=by, material=material, request_id=request_id, scan=scan
            )  # fmt: skip

    def check(
        self, case: str, name: str, *, by: Actor, material: str = "", request_id: str | None = None
    ) -> None:  # fmt: skip
        """Whether ``attach`` has a chance, before anything is read.

        Raises:
            WorkflowError: as ``attach``.
        """
        if request_id is not None:
            check_request_id(request_id)
        with self._database.reading() as tx:
            found = load_readable(tx, case, by)
            pack = self._office.pack_of(found)
            role_of(pack, found, by)
            plain_name(name)
            if request_id is None or files.by_request(tx, request_id) is None:
                check_open(pack, found)
            check_material(pack, material)

    def attach_received(
        self,
        case: str,
        name: str,
        received: Received,
        *,
        by: Actor,
        material: str = "",
        request_id: str | None = None,
        scan: Scanner | None = None,
    ) -> Attachment:
        """The second half of ``attach``, for a file that has come in already; ``check`` has been asked before it came.

        Raises:
            WorkflowError: as ``attach``.
        """
        plain = plain_name(name)
        if not received.size:
            raise InputError([Problem(plain, "", "是空文件")])
        kind = type_of(received.file, plain)
        if scan is not None and not scan(received.file):
            raise FileInfected([Problem(plain, "", "病毒扫描未通过，没有保存")])
        asked = [ATTACH, case, plain, material, received.sha256, by.id]
        digest = canonical.digest(json.dumps(asked)) if request_id is not None else None

        def act(tx: CoreTransaction) -> Attachment:
            if request_id is not None and (answered := self._answered(tx, request_id, str(digest), by)):
                return answered
            # The bytes before the case: whoever acts on the case need not wait for them.
            kept_at = self._office.now(tx)
            files.keep(tx, received.sha256, received.size, kind.media_type, kept_at, received.parts())
            values = {"request_id": request_id, "request_digest": digest}
            return self._attach(tx, case, plain, material, received.sha256, by, values)

        return again(self._database.writing, act)

    def of_case(
        self, case: str, *, reader: Actor | None, after: int = 0, limit: int = MOST_FILES
    ) -> list[Attachment]:  # fmt: skip
        """What has been attached to a case, oldest first.

        Args:
            case: its id.
            reader: None for the program itself.
            after: continue behind this one.
            limit: at most so many.

        Raises:
            NotFound: no such case, or not the reader's to see.
        """
        with self._database.reading() as tx:
            pack = self._office.pack_of(load_readable(tx, case, reader))
            return [attachment_of(pack, row, reader) for row in files.of_case(tx, case, after=after, limit=limit)]

    def open(self, case: str, attachment_id: int, *, reader: Actor | None) -> tuple[Attachment, Iterator[bytes]]:
        """An attachment and its content, piece by piece.

        No connection to the database is held between two pieces, and the last one comes only if all of them together
        are what was handed in.

        Raises:
            NotFound: no such case, not the reader's to see, or not an attachment of this case.
            FileDamaged: from the iterator, if what is stored has been damaged.
        """
        with self._database.reading() as tx:
            pack = self._office.pack_of(load_readable(tx, case, reader))
            row = files.attached(tx, case, attachment_id) if 0 < attachment_id <= _LAST_ID else None
            if row is None:
                raise NotFound(f"case {case!r} has no attachment {attachment_id}")
            return attachment_of(pack, row, reader), self._content(row["sha256"], row["size"])

    # ---- what stands behind them -------------------------------------------------------------------------------

    def _answered(self, tx: CoreTransaction, request_id: str, digest: str, by: Actor) -> Attachment | None:
        """What this very request did before.

        Raises:
            Conflict: if the id was used for something else.
        """
        if not request_ids.is_used(tx, request_id):
            return None
        row = files.by_request(tx, request_id)
        if row is None or row["request_digest"] != digest:
            raise RequestReused(f"request id {request_id!r} was used for another act")
        return attachment_of(self._office.pack_of(load_readable(tx, row["case_id"], by)), row, by)

    def _attach(
        self, tx: CoreTransaction, case_id: str, name: str, material: str, digest: str, by: Actor,
        values: Mapping[str, Any],
    ) -> Attachment:  # fmt: skip
        case = cases.load(tx, case_id, lock=True)
        if case is None or not by.may_read(case):
            raise NotFound(f"there is no case {case_id!r}")
        pack = self._office.pack_of(case)
        role = role_of(pack, case, by)
        # What came too late came too late, whether or not a tick has noticed.
        moment = self._office.moment(tx)
        check_open(pack, with_overdue_alarms_rung(self._office, tx, case, moment))
        check_material(pack, material)
        if files.count_of_case(tx, case_id) >= MOST_FILES:
            raise InputError([Problem(name, "", f"本案已有{MOST_FILES}个附件，不能再增加")])
        row = {
            "case_id": case_id,
            "sha256": digest,
            "name": name,
            "material": material,
            "attached_by": by.id,
            "attached_by_name": by.name,
            "role": role,
            "attached_at": moment.now,
        }
        return attachment_of(pack, files.attach(tx, {**row, **values}), by)

    def _content(self, digest: str, size: int) -> Iterator[bytes]:
        hashed, left, number = sha256(), size, 0
        while left:
            with self._database.reading() as tx:
                part = files.part(tx, digest, number)
            if not part or len(part) > left:
                raise FileDamaged(f"part {number} of file {digest} is missing or too long")
            hashed.update(part)
            left -= len(part)
            number += 1
            if not left and hashed.hexdigest() != digest:
                raise FileDamaged(f"file {digest} is not what was handed in")
            yield part


def attachment_of(pack: PolicyPack, row: Mapping[str, Any], reader: Actor | None) -> Attachment:
    """An attachment, from its row and its case's pack; officers' ids are for their colleagues."""
    hidden = row["role"] in OFFICE_ROLES and not reads_of(reader).for_office
    label = next((one.label for one in pack.identity.materials if one.id == row["material"]), "")
    return Attachment(
        id=row["id"],
        case=row["case_id"],
        name=row["name"],
        material=row["material"],
        material_label=label,
        sha256=row["sha256"],
        size=row["size"],
        media_type=row["media_type"],
        attached_by="" if hidden else row["attached_by"],
        attached_by_name=row["attached_by_name"],
        role=row["role"],
        role_label=pack.words("roles", row["role"]),
        attached_at=row["attached_at"],
    )
