"""What every route is given: who asks, the workflow, and the headers that bear on an act.

How somebody shows who they are is ``identity``'s; what they may do and see is asked of the library, never here.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, cast

from fastapi import Depends, Header, Request
from fastapi.security import HTTPBearer

from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.errors import NotAuthorised, Refusal
from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.web.problems import Malformed

#: Only for the document: the token itself is read by ``authenticate``, so that a host may bring its own.
_BEARER = HTTPBearer(auto_error=False, description="A token signed by the intranet; see docs/embedding.md.")
_VERSION = re.compile(r'(?:W/)?"(\d{1,9})"')
_TAG = re.compile(r'(?:W/)?"([0-9a-f]{64})"')
_A_TAG = f'"{"9f86d081" * 8}"'


# What only reads the request is ``async``: anything else is given a thread of its own, which costs more than it does.
async def _workflow(request: Request) -> Workflow:
    return cast(Workflow, request.app.state.workflow)


def _caller(request: Request, _token: Annotated[Any, Depends(_BEARER)]) -> Actor:
    # A host may ask its database, and our own service the issuer.
    actor: Actor = request.app.state.authenticate(request)
    request.state.actor = actor
    return actor


async def _expected_version(
    if_match: Annotated[
        str | None,
        Header(description="The ETag of the case as it was read: the act is refused if it has moved since.",
               examples=['"4"']),
    ] = None,
) -> int | None:  # fmt: skip
    if if_match is None or if_match.strip() == "*":
        return None
    found = _VERSION.fullmatch(if_match.strip())
    if found is None:
        raise Malformed("If-Match", 'must be one ETag of a case, like "4"')
    return int(found[1])


async def _expected_tag(
    if_match: Annotated[
        str | None,
        Header(description="The ETag of the round as it was read: the act is refused if a report or a grade in it has "
                           "changed since.", examples=[_A_TAG]),
    ] = None,
) -> str | None:  # fmt: skip
    if if_match is None or if_match.strip() == "*":
        return None
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        raise Malformed("If-Match", "must be one ETag of a round, as GET of it gave it")
    return found[1]


#: Who asks, as the intranet says.
Caller = Annotated[Actor, Depends(_caller)]
Desk = Annotated[Workflow, Depends(_workflow)]
#: The version of the case that the caller has seen; None where it does not say.
ExpectedVersion = Annotated[int | None, Depends(_expected_version)]
#: The tag of the round that the caller has seen; None where it does not say.
ExpectedTag = Annotated[str | None, Depends(_expected_tag)]
#: The caller's own id of this request.
RequestKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        description="Your own id of this request. Sent again, it gives the first answer and does nothing twice; "
        "after a broken connection, `GET /v1/requests/{key}` tells whether it happened.",
        examples=["7f1c0c5e-3f0e-4f6c-9a51-0d9f6f3f9b7e"],
    ),
]


def etag(version: int | str) -> str:
    """The ETag of a case at a version, or of a round with a tag."""
    return f'"{version}"'


def require_role(actor: Actor, *roles: Role) -> None:
    """For what belongs to the service and to no city's pack: metrics, alarms that cannot ring.

    Raises:
        NotAuthorised: unless *actor* has one of the roles.
    """
    if not {*roles} & {*actor.roles}:
        raise NotAuthorised([Refusal("not_authorised", f"须具有下列角色之一：{'、'.join(roles)}")])
