"""The mail room (收发室): everything about letters that a host program, the command line or a console may ask for.

``Workflow.mail_room`` is one. Each method is one use case in one transaction; sending itself is ``Workflow.deliver``.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from kjfh_workflow.casework.mail import addressing, deliver, mending, outbox, serving
from kjfh_workflow.casework.mail import notices as on_file
from kjfh_workflow.casework.mail.addressing import Address
from kjfh_workflow.casework.mail.notices import Preview
from kjfh_workflow.casework.mail.outbox import Entry, Traced
from kjfh_workflow.casework.mail.serving import Opened, Received
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.proof import restoring
from kjfh_workflow.notices.channels.config import Channels
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.store.database import Database
from kjfh_workflow.store.letters import Stored
from kjfh_workflow.store.outbox_desk import Wanted


class MailRoom:
    """The letters of one bureau: outbox, addresses, proofs of service, inboxes."""

    def __init__(self, office: Office, database: Database, channels: Channels) -> None:
        self._office = office
        self._database = database
        self._channels = channels

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that letters may leave by."""
        return tuple(self._channels.names)

    # ---- the outbox --------------------------------------------------------------------------------------------

    def entries(
        self, wanted: Wanted | None = None, *, reader: Actor | None = None, after: str = "", limit: int = 200
    ) -> list[Entry]:
        """What is in the outbox, newest first: a row for each delivery, and for each notice that has none yet.

        Args:
            wanted: city, case, notice, channel, state, or only what a person should look at.
            reader: offices see their city's, auditors everything; None for the program itself.
            after: continue behind the entry with this ``key``.
            limit: at most so many.

        Raises:
            NotFound: for a city without packs.
            InputError: if *after* is no key of an entry that the reader may see.
        """
        wanted = wanted or Wanted()
        if wanted.city:
            self._office.catalog.versions(wanted.city)
        with self._database.reading() as tx:
            return outbox.entries(self._office, tx, self._channels, wanted, reader, limit, after)

    def trace(self, notice: str, *, reader: Actor | None = None) -> Traced:
        """One notice with its text, deliveries, log and proofs of service.

        Raises:
            NotFound: if there is none, or it is not the reader's to see.
        """
        with self._database.reading() as tx:
            return outbox.traced(self._office, tx, self._channels, notice, reader)

    def retry(self, notice: str = "", *, by: Actor, channel: str = "") -> int:
        """Let what stands still be tried at once: dead, without address, failing or without channel.

        Args:
            notice: only this one; by default every one of the actor's city.
            by: a clerk, a leader or an admin of the city.
            channel: only on this channel.

        Returns:
            How many deliveries are tried.

        Raises:
            NotAuthorised: for anybody else.
            NotFound: no such notice, or not theirs to see.
            StandsOtherwise: a notice was named, and nothing of it stands still.
        """
        with self._database.writing() as tx:
            return mending.retry(self._office, tx, by, city=by.city, notice_id=notice, channel=channel)

    def resend(self, notice: str, channel: str, *, by: Actor, reason: str) -> None:
        """Send a letter once more, or by another channel: the same number and text.

        Raises:
            NotAuthorised: if *by* is no clerk, leader or admin of the city.
            GuardRefused: without a reason.
            NotFound: no such notice, or not theirs to see; no such channel.
            StandsOtherwise: it has not been sent on that channel yet, or has been sent again there today by the same
                person for the same reason.
        """
        with self._database.writing() as tx:
            mending.resend(self._office, tx, self._channels, notice, channel, by, reason)

    def discard(self, notice: str, *, by: Actor, reason: str, channel: str = "") -> int:
        """Decide that what has not been sent of a notice is not to be sent; returns on how many channels.

        Raises:
            NotAuthorised: if *by* is no clerk, leader or admin of the city.
            GuardRefused: without a reason.
            NotFound: no such notice, or not theirs to see.
            StandsOtherwise: nothing of it is left to send, or it is being sent right now.
        """
        with self._database.writing() as tx:
            return mending.discard(self._office, tx, notice, by, reason, channel=channel)

    def discard_before(self, day: date, *, by: Actor, reason: str) -> int:
        """The same for every notice of the actor's city from before a day that has no channel yet.

        For the day on which a bureau starts delivering by this program: whom it has told on paper is not told again.

        Raises:
            NotAuthorised: if *by* is no clerk, leader or admin.
            GuardRefused: without a reason.
        """
        with self._database.writing() as tx:
            return mending.discard_before(self._office, tx, day, by, reason)

    def void_numbers(self, city: str, year: int, through: int, *, by: Actor, reason: str) -> range:
        """Document numbers that are out of the house, and unknown to a restored database, are not given again.

        Args:
            city: whose numbers.
            year: of the numbers.
            through: the highest number that is known to have left.
            by: an admin of the city.
            reason: why; it is kept with who has said so.

        Returns:
            The numbers that are void from now on.

        Raises:
            NotAuthorised: if *by* is no admin of the city.
            GuardRefused: without a reason.
            StandsOtherwise: if *through* has been given already.
            WorkflowError: for a year to come, or more than a thousand numbers at once.
        """
        with self._database.writing() as tx:
            return restoring.void_numbers(self._office, tx, by, city, year, through, reason)

    def next_delivery(self) -> datetime | None:
        """When there is something to send next, limits and hours considered; None if nothing waits."""
        return deliver.next_delivery(self._office, self._database, self._channels)

    # ---- addresses ---------------------------------------------------------------------------------------------

    def set_address(self, city: str, holder: str, medium: str, address: str, *, by: Actor) -> Address:
        """Say where an operator or a role is reached; letters that have waited for it are due at once.

        Args:
            city: whose letters go there.
            holder: an operator's code, or a role like ``tech_lead``.
            medium: ``email`` or ``chat``.
            address: a mailbox or a chat's URL; empty withdraws.
            by: an admin of the city.

        Raises:
            NotAuthorised: if *by* is no admin of the city.
            GuardRefused: for a holder, medium or address that is none.
            NotFound: for a city without packs.
        """
        with self._database.writing() as tx:
            schemes = self._channels.chat_schemes
            return addressing.set_address(self._office, tx, city, holder, medium, address, by, schemes)

    def addresses(self, city: str, *, reader: Actor | None = None) -> list[Address]:
        """The addresses of a city that count now; of chats only what is no secret.

        Raises:
            NotFound: if they are not the reader's to see, and for a city without packs.
        """
        self._office.catalog.versions(city)
        with self._database.reading() as tx:
            return addressing.list_addresses(tx, city, reader)

    # ---- inboxes and proof of service --------------------------------------------------------------------------

    def inbox(self, *, reader: Actor, after: str = "", limit: int = 200) -> list[Received]:
        """What is addressed to somebody: to the roles in the city, or to the operator; newest first.

        Args:
            reader: the addressee.
            after: continue behind this notice.
            limit: at most so many.

        Raises:
            InputError: if *after* is not in the reader's inbox.
        """
        with self._database.reading() as tx:
            return serving.inbox(self._office, tx, reader, limit, after)

    def peek(self, notice: str, *, reader: Actor) -> Opened:
        """One notice of the reader's inbox; nothing is recorded.

        Raises:
            NotFound: if it is not addressed to the reader.
        """
        with self._database.reading() as tx:
            return serving.open_letter(self._office, tx, notice, reader, read=False)

    def read(self, notice: str, *, by: Actor) -> Opened:
        """One notice of the reader's inbox; an operator's first reading is recorded as a receipt (收件箱查阅).

        Raises:
            NotFound: if it is not addressed to the reader.
        """
        with self._database.writing() as tx:
            return serving.open_letter(self._office, tx, notice, by, read=True)

    def serve(
        self,
        notice: str,
        *,
        by: Actor,
        how: str,
        on: date,
        served_by: str,
        received_by: str = "",
        note: str = "",
    ) -> list[dict[str, Any]]:
        """Record that a letter was served; an earlier proof stays on file, and the same one said again is not doubled.

        Args:
            notice: its id.
            by: who records it: a clerk, a leader or an admin of the city.
            how: 直接送达, 留置送达, 委托送达, 邮寄送达, 电子送达 or 公告送达.
            on: the day; not before the letter, not in the future.
            served_by: who served it.
            received_by: who received it, where somebody did.
            note: the receipt's number, the witnesses, the newspaper.

        Returns:
            Every proof of the notice, in the order recorded.

        Raises:
            NotAuthorised: if *by* is none of these.
            GuardRefused: with everything that is wrong with the proof.
            NotFound: no such notice, or not theirs to see.
        """
        with self._database.writing() as tx:
            return serving.serve(
                self._office,
                tx,
                notice,
                by,
                how=how,
                on=on,
                served_by=served_by,
                received_by=received_by,
                note=note,
            )

    # ---- the notices on file -----------------------------------------------------------------------------------

    def notices(
        self, *, case: str = "", city: str = "", reader: Actor | None = None, after: str = "", limit: int = 200
    ) -> list[dict[str, Any]]:
        """Notices that *reader* may see, without text, in order of id; an operator sees what was written to it."""
        with self._database.reading() as tx:
            return on_file.listed(self._office, tx, reader, case, city, after, limit)

    def notice(self, notice: str, *, reader: Actor | None = None) -> dict[str, Any]:
        """One notice as it is on file, with its letter's hash once there is a letter.

        Raises:
            NotFound: if there is none, or it is not the reader's to see.
        """
        with self._database.reading() as tx:
            return on_file.shown(self._office, tx, notice, reader)

    def letter(self, notice: str, *, reader: Actor | None = None) -> Stored:
        """A notice's letter (.docx) and its SHA-256: made and put on file at first need, the same ever after.

        Raises:
            NotFound: as ``notice``.
        """
        with self._database.reading() as tx:
            found = on_file.kept(tx, notice, reader)
        if found:
            return found
        with self._database.writing() as tx:
            return on_file.letter(self._office, tx, notice, reader)

    def preview(self, notice: str, case: str, *, reader: Actor | None = None) -> Preview:
        """What *notice* would say of a case as it is now, what is not there marked 〔示例〕; nothing is written.

        Raises:
            NotFound: no such case, not the reader's to see, a reader of no office, or a notice that is never sent about
                such a case.
        """
        with self._database.reading() as tx:
            return on_file.preview(self._office, tx, notice, case, reader)
