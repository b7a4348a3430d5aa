"""What has happened, to poll; who follows it; and whether a request has been carried out."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import ConfigDict, Field

from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.web.answers.common import Limit
from kjfh_workflow.web.answers.events import (
    EventsAnswer,
    FollowerAnswer,
    RequestAnswer,
    RetriedAnswer,
    WithheldAnswer,
    WithheldPage,
)
from kjfh_workflow.web.caller import Caller, Desk
from kjfh_workflow.web.problems import responses
from kjfh_workflow.web.routes.asked import Body

router = APIRouter(prefix="/v1", tags=["events"])

#: As large as the database counts.
_LARGEST = 2**63 - 1
#: Who waits is looked for once in so many seconds; meanwhile it costs neither a thread nor a connection.
_LOOK_SECONDS = 1.0
Cursor = Annotated[int, Query(ge=0, le=_LARGEST, description="The last number seen; 0 for everything.")]
Number = Annotated[int, Path(ge=1, le=_LARGEST, description="The event's.", examples=[1042])]
FollowerName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_.\-]{0,63}$", examples=["intranet"])]
#: No id of ours has anything else in it.
_ID = r"^[A-Za-z0-9_.\-]{0,64}$"


class Replay(Body):
    """Where a follower goes on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"cursor": 1000}]})

    cursor: int = Field(ge=0, le=_LARGEST, description="It is handed everything behind this number.")


class Skip(Body):
    """Why an event is skipped."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "测试案件，不必接收"}]})

    reason: str = Field(min_length=1, max_length=500)


@router.get("/events", response_model=EventsAnswer, responses=responses(409))
async def list_events(
    request: Request,
    caller: Caller,
    workflow: Desk,
    after: Cursor = 0,
    limit: Limit = 200,
    city: Annotated[str, Query(pattern=_ID, description="Only this city's.")] = "",
    kind: Annotated[CaseKind | None, Query(description="Only of this kind of case.")] = None,
    event: Annotated[str, Query(pattern=_ID, description="Only this event.")] = "",
    case: Annotated[str, Query(pattern=_ID, description="Only of this case.")] = "",
    wait: Annotated[int, Query(ge=0, le=30, description="Where there is nothing yet, wait for so many seconds.")] = 0,
) -> EventsAnswer:
    """What has happened behind a number, in order, as far as it is yours to see.

    Keep `next` and give it as `after`, whatever the answer held. An act is there as soon as it is committed, never
    behind a number that you have been given; of one case the events come in order. 409: the feed ends before your
    number, because the database has been restored from an older backup. A service that is being stopped answers who
    waits at once, with what there is.
    """
    until = time.monotonic() + wait
    while True:
        found = await run_in_threadpool(
            workflow.events.since,
            after,
            reader=caller,
            city=city,
            kind=kind or "",
            event=event,
            case=case,
            limit=limit,
        )
        left = until - time.monotonic()
        if found.items or left <= 0 or request.app.state.ending.is_set() or await request.is_disconnected():
            return EventsAnswer.of(found)
        if found.next == found.head:  # otherwise what has been passed over is gone on behind at once
            await asyncio.sleep(min(_LOOK_SECONDS, left))
        after = found.next


@router.get("/requests/{key:path}", response_model=RequestAnswer, responses=responses(404))
def show_request(
    key: Annotated[str, Path(max_length=128, examples=["7f1c0c5e-3f0e-4f6c-9a51-0d9f6f3f9b7e"])],
    caller: Caller,
    workflow: Desk,
) -> RequestAnswer:
    """What the request with this Idempotency-Key did.

    404: it has done nothing so far, or nothing that is yours to see. A request that is still under way has done
    nothing so far; to be certain send it again with the same key, which does nothing twice.
    """
    return RequestAnswer.of(workflow.events.of_request(key, by=caller), workflow.catalog)


@router.get("/followers", response_model=list[FollowerAnswer], responses=responses(403, 404))
def list_followers(caller: Caller, workflow: Desk) -> list[FollowerAnswer]:
    """The programs that follow the feed (webhooks and subscribers in process), and how far each has come. Admins."""
    return [FollowerAnswer.model_validate(found) for found in workflow.events.followers(reader=caller)]


@router.get("/followers/{name}/withheld", response_model=WithheldPage, responses=responses(403, 404))
def list_withheld(
    name: FollowerName, caller: Caller, workflow: Desk, after: Cursor = 0, limit: Limit = 200
) -> WithheldPage:
    """What a follower has not taken, by number, and why. Admins."""
    found = workflow.events.withheld(name, reader=caller, after=after, limit=limit)
    items = [WithheldAnswer.model_validate(one) for one in found]
    return WithheldPage(items=items, next=items[-1].number if len(items) == limit else None)


@router.post("/followers/{name}/replay", status_code=204, responses=responses(403, 404))
def replay_events(name: FollowerName, replay: Replay, caller: Caller, workflow: Desk) -> None:
    """Let a follower be handed everything behind a number once more, under the same numbers. Admins."""
    workflow.events.replay(name, replay.cursor, by=caller)


@router.post("/followers/{name}/retry", response_model=RetriedAnswer, responses=responses(403, 404))
def retry_withheld(name: FollowerName, caller: Caller, workflow: Desk) -> RetriedAnswer:
    """Let everything that a follower has not taken be tried again at once. Admins."""
    return RetriedAnswer(retried=workflow.events.retry(name, by=caller))


@router.post("/followers/{name}/withheld/{number}/retry", response_model=RetriedAnswer, responses=responses(403, 404))
def retry_event(name: FollowerName, number: Number, caller: Caller, workflow: Desk) -> RetriedAnswer:
    """Let an event be tried again at once, after those of its case before it. Admins."""
    return RetriedAnswer(retried=workflow.events.retry(name, number, by=caller))


@router.post("/followers/{name}/withheld/{number}/skip", status_code=204, responses=responses(403, 404))
def skip_event(name: FollowerName, number: Number, skip: Skip, caller: Caller, workflow: Desk) -> None:
    """Decide that a follower is not handed an event any more; the later ones of its case go on. Admins."""
    workflow.events.skip(name, number, by=caller, reason=skip.reason)


@router.delete("/followers/{name}", status_code=204, responses=responses(403, 404))
def forget_follower(name: FollowerName, caller: Caller, workflow: Desk) -> None:
    """Forget a follower that does not exist any more. Admins."""
    workflow.events.forget(name, by=caller)
