"""The yearly assessments: open one, see how far it has come and what stands in the way, close it.

What each incubator does in it are events of its own (``acts``).
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from kjfh_workflow.web.answers.common import Limit, Page
from kjfh_workflow.web.answers.rounds import (
    ClosingPreview,
    OpeningPreview,
    RoundAnswer,
    RoundEntry,
    RoundMemberAnswer,
    RoundStandingAnswer,
    entries,
)
from kjfh_workflow.web.answers.tables import CaseKey, City, OneCity, Year
from kjfh_workflow.web.caller import Caller, Desk, ExpectedTag, RequestKey, etag
from kjfh_workflow.web.problems import RefusalAnswer, responses

router = APIRouter(prefix="/v1/rounds", tags=["rounds"])


@router.get("", response_model=Page[RoundEntry], responses=responses(404))
def list_rounds(caller: Caller, workflow: Desk, city: City = "") -> Page[RoundEntry]:
    """Every year's assessment of the cities that you see as a whole, oldest first; all in one page."""
    catalog = workflow.catalog
    labels = {city: catalog.latest(city).identity.city_label for city in catalog.cities}
    return Page(items=entries(workflow.rounds.history(city, reader=caller), labels), next=None)


@router.get("/{city}/{year}", response_model=RoundStandingAnswer, responses=responses(404))
def show_round(
    city: OneCity, year: Year, response: Response, caller: Caller, workflow: Desk, limit: Limit = 100
) -> RoundStandingAnswer:
    """How far a round has come: reports, grades, what is left of the quota, its first incubators, what you may do.

    Everything is of one moment. The ETag changes with every act on one of its incubators: give it as `If-Match` with
    `close_round`. For those who see the city as a whole; an operator finds its own incubators under `…/standings`.
    """
    found = workflow.rounds.standing_of(city, year, reader=caller, first=limit)
    response.headers["ETag"] = etag(found.tag)
    return RoundStandingAnswer.of(found)


@router.get("/{city}/{year}/standings", response_model=Page[RoundMemberAnswer], responses=responses(404))
def list_standings(
    city: OneCity, year: Year, caller: Caller, workflow: Desk, after: CaseKey = "", limit: Limit = 200
) -> Page[RoundMemberAnswer]:
    """The incubators of a round with report and grade, by id; those that you may see."""
    found = workflow.rounds.standings(city, year, reader=caller, after=after, limit=limit + 1)
    items = [RoundMemberAnswer.of(standing) for standing in found[:limit]]
    return Page(items=items, next=items[-1].case if len(found) > limit else None)


@router.post(
    "/{city}/{year}/events/open_round", response_model=RoundAnswer, responses=responses(403, 404, 409)
)  # fmt: skip
def open_round(city: OneCity, year: Year, caller: Caller, workflow: Desk, key: RequestKey = None) -> RoundAnswer:
    """Open a year's assessment: roster and number of titles are frozen, everybody on it comes under assessment.

    It takes as long as `close_round`.
    """
    return RoundAnswer.model_validate(workflow.rounds.open(city, year, by=caller, request_id=key))


@router.post(
    "/{city}/{year}/events/close_round", response_model=RoundAnswer, responses=responses(403, 404, 409, 412)
)  # fmt: skip
def close_round(
    city: OneCity, year: Year, caller: Caller, workflow: Desk, expected: ExpectedTag, key: RequestKey = None
) -> RoundAnswer:
    """Close a year's assessment: every grade becomes final with all that follows, or nothing does.

    With the round's ETag as `If-Match` it is closed only as it was seen: 412, if a grade has changed since.

    All of it is one transaction: allow a few milliseconds for each incubator, and minutes for tens of thousands,
    before the client or a proxy gives up. Whoever has given up sends it again with the same Idempotency-Key: it goes
    on to its end all the same, and the key then gives its answer.
    """
    return RoundAnswer.model_validate(
        workflow.rounds.close(city, year, by=caller, request_id=key, expected_tag=expected)
    )


@router.post("/{city}/{year}/previews/open_round", response_model=OpeningPreview, responses=responses(404, 409))
def preview_open_round(
    city: OneCity, year: Year, caller: Caller, workflow: Desk, limit: Limit = 100
) -> OpeningPreview:  # fmt: skip
    """Who would be on the roster today, and how many titles count; or why it would be refused. Nothing is kept."""
    return OpeningPreview.of(workflow.rounds.preview_open(city, year, by=caller, first=limit))


@router.post("/{city}/{year}/previews/close_round", response_model=ClosingPreview, responses=responses(404, 409))
def preview_close_round(city: OneCity, year: Year, caller: Caller, workflow: Desk) -> ClosingPreview:
    """What stands in the way of closing, as you would be told; nothing is kept."""
    refusals = workflow.rounds.preview_close(city, year, by=caller)
    return ClosingPreview(
        city=city, year=year, refusals=[RefusalAnswer.model_validate(refusal) for refusal in refusals]
    )
