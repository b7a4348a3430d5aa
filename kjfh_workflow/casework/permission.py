"""Whether somebody may do what is no event of a case: set an address, record a proof, discard a letter.

The doors before events are ``rules.doors``.
"""

from __future__ import annotations

from collections.abc import Iterable

from kjfh_workflow.casework.office import Office
from kjfh_workflow.errors import NotAuthorised
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.phrases import roles_in_words
from kjfh_workflow.policy.vocabulary import RefusalCode, Role
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.refusing import refusal


def require(office: Office, city: str, by: Actor, roles: Iterable[Role], what: str) -> PolicyPack:
    """The city's newest pack, for wording, if *by* holds one of *roles* there.

    Args:
        office: the bureau's packs.
        city: whose business it is.
        by: who wants to do it.
        roles: who may.
        what: the act in people's words.

    Raises:
        NotAuthorised: an officer of another city, or the wrong role.
        NotFound: for a city without packs.
    """
    pack = office.catalog.latest(city)
    if by.city != city:
        raise NotAuthorised([refusal(pack, RefusalCode.OTHER_CITY, city=pack.identity.city_label)])
    allowed = tuple(roles)
    if not {*allowed} & {*by.roles}:
        words = roles_in_words(pack, allowed)
        raise NotAuthorised([refusal(pack, RefusalCode.NOT_AUTHORISED, event=what, roles=words)])
    return pack
