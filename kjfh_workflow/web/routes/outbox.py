"""The outbox: what is on its way, mending what stands still, proof of service, addresses. Texts are ``notices``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from kjfh_workflow.store.outbox_desk import Wanted as Filter
from kjfh_workflow.web.answers.common import Limit, Page
from kjfh_workflow.web.answers.notices import ProofAnswer
from kjfh_workflow.web.answers.outbox import (
    AddressAnswer,
    Deliveries,
    DeliveryState,
    Medium,
    OutboxEntryAnswer,
    TracedAnswer,
    Way,
)
from kjfh_workflow.web.caller import Caller, Desk
from kjfh_workflow.web.problems import responses
from kjfh_workflow.web.routes.asked import (
    VISIBLE,
    Behind,
    Body,
    CityName,
    Day,
    Line,
    Name,
    NoticeId,
    Text,
    Wanted,
    first_of,
)

router = APIRouter(prefix="/v1", tags=["outbox"])

_NOTICE = "/outbox/{case}/{version}/{number}"


class Retry(Body):
    """What is to be tried again at once."""

    channel: Name = Field(default="", description="Only on this channel.", examples=["mail"])


class Resend(Body):
    """By which channel a letter is to be sent once more, and why."""

    channel: Name = Field(description="One that it did not take before, too.", examples=["mail"])
    reason: Text = Field(description="It stands in the log.", examples=["对方称未收到"])


class Discard(Body):
    """What is not to be sent any more, and why."""

    reason: Text = Field(description="It stands in the log.", examples=["已当面告知"])
    channel: Name = Field(default="", description="Only on this channel; otherwise on all that have not sent it.")


class DiscardBefore(Body):
    """For the day on which a bureau starts delivering by this program: whom it has told on paper is not told again."""

    before: Day = Field(description="Notices of earlier days, for which no channel has been chosen yet.")
    reason: Text = Field(description="It stands in the log.", examples=["已纸质送达"])


class Proof(Body):
    """That a letter reached its addressee."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"how": "直接送达", "on": "2021-03-04", "served_by": "王某", "received_by": "李某"}]
        },
    )

    how: Way
    on: Day = Field(description="Not before the letter, not in the future.")
    served_by: Line
    received_by: Line = Field(default="", description="Where somebody received it.")
    note: Text = Field(default="", description="The receipt's number, the witnesses, the newspaper.")


class NewAddress(Body):
    """Where somebody is reached."""

    address: str = Field(max_length=2048, pattern=VISIBLE, description="Empty withdraws it.", examples=["a@example.cn"])


@router.get("/outbox", response_model=Page[OutboxEntryAnswer], responses=responses(404))
def list_outbox(
    caller: Caller,
    workflow: Desk,
    city: Wanted = "",
    case: Wanted = "",
    channel: Wanted = "",
    state: Annotated[DeliveryState | None, Query()] = None,
    problems: Annotated[bool, Query(description="Only what a person should look at.")] = False,
    unserved: Annotated[
        bool, Query(description="Only documents written to an operator that no proof of service is on file for.")
    ] = False,
    after: Behind = "",
    limit: Limit = 100,
) -> Page[OutboxEntryAnswer]:
    """Letters and how they stand, newest first: a row for each delivery, and for each notice that has none yet."""
    wanted = Filter(
        city=city, case=case, channel=channel, state=state or "", problems=problems, unserved=unserved
    )  # fmt: skip
    rows = workflow.mail_room.entries(wanted, reader=caller, after=after, limit=limit + 1)
    found, following = first_of(rows, limit, lambda entry: entry.key)
    return Page(items=[OutboxEntryAnswer.of(entry) for entry in found], next=following)


@router.post("/outbox/retries", response_model=Deliveries, responses=responses(403, 404, 409))
def retry_all(retry: Retry, caller: Caller, workflow: Desk) -> Deliveries:
    """Let everything of your city that stands still be tried at once."""
    return Deliveries(deliveries=workflow.mail_room.retry(by=caller, channel=retry.channel))


@router.post("/outbox/discards", response_model=Deliveries, responses=responses(403, 404, 409))
def discard_before(discard: DiscardBefore, caller: Caller, workflow: Desk) -> Deliveries:
    """Decide that your city's notices of before a day, that no channel was chosen for, are not to be sent."""
    done = workflow.mail_room.discard_before(discard.before, by=caller, reason=discard.reason)
    return Deliveries(deliveries=done)


@router.get(_NOTICE, response_model=TracedAnswer, responses=responses(404))
def trace_notice(notice: NoticeId, caller: Caller, workflow: Desk) -> TracedAnswer:
    """One notice with its text, deliveries, log and proofs of service."""
    room = workflow.mail_room
    return TracedAnswer.of(room.trace(notice, reader=caller), room.channels)


@router.post(f"{_NOTICE}/retries", response_model=Deliveries, responses=responses(403, 404, 409))
def retry_notice(notice: NoticeId, retry: Retry, caller: Caller, workflow: Desk) -> Deliveries:
    """Let what stands still of a notice be tried at once, as if it had never failed."""
    return Deliveries(deliveries=workflow.mail_room.retry(notice, by=caller, channel=retry.channel))


@router.post(f"{_NOTICE}/resends", response_model=Deliveries, responses=responses(403, 404, 409))
def resend_notice(notice: NoticeId, resend: Resend, caller: Caller, workflow: Desk) -> Deliveries:
    """Send a letter once more, or by another channel: the same number and text."""
    workflow.mail_room.resend(notice, resend.channel, by=caller, reason=resend.reason)
    return Deliveries(deliveries=1)


@router.post(f"{_NOTICE}/discards", response_model=Deliveries, responses=responses(403, 404, 409))
def discard_notice(notice: NoticeId, discard: Discard, caller: Caller, workflow: Desk) -> Deliveries:
    """Decide that what has not been sent of a notice is not to be sent."""
    done = workflow.mail_room.discard(notice, by=caller, reason=discard.reason, channel=discard.channel)
    return Deliveries(deliveries=done)


@router.post(
    f"{_NOTICE}/services", status_code=201, response_model=list[ProofAnswer], responses=responses(403, 404)
)  # fmt: skip
def record_service(notice: NoticeId, proof: Proof, caller: Caller, workflow: Desk) -> list[ProofAnswer]:
    """Record that a letter was served; an earlier proof stays on file. Every proof of the notice is answered."""
    recorded = workflow.mail_room.serve(
        notice,
        by=caller,
        how=proof.how,
        on=proof.on,
        served_by=proof.served_by,
        received_by=proof.received_by,
        note=proof.note,
    )
    return ProofAnswer.all_of(recorded)


@router.get("/addresses/{city}", response_model=list[AddressAnswer], responses=responses(404))
def list_addresses(city: CityName, caller: Caller, workflow: Desk) -> list[AddressAnswer]:
    """The addresses of a city that count now."""
    found = workflow.mail_room.addresses(city, reader=caller)
    pack = workflow.catalog.latest(city)
    return [AddressAnswer.of(address, pack) for address in found]


@router.put("/addresses/{city}/{holder}/{medium}", response_model=AddressAnswer, responses=responses(403, 404))
def set_address(
    city: CityName,
    holder: Annotated[str, Path(max_length=64, pattern=VISIBLE, examples=["tech_lead"])],
    medium: Medium,
    new: NewAddress,
    caller: Caller,
    workflow: Desk,
) -> AddressAnswer:
    """Say where an operator or a role is reached (an admin of the city); letters that waited for it are due at once."""
    done = workflow.mail_room.set_address(city, holder, medium, new.address, by=caller)
    return AddressAnswer.of(done, workflow.catalog.latest(city))
