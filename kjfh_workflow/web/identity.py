"""Whom the service takes somebody for: the claims of a token, as the settings map them, become an ``Actor``.

Whether the token is to be believed is ``tokens``'; what the actor may see and do is the library's.

A token that does not say who somebody is (no id, no city, an applicant without the operator's code) has not shown who
asks: ``NotAuthenticated``, 401. Somebody who is known, but whom the intranet gives no role or city of ours, would gain
nothing by logging on again: ``NotAuthorised``, 403. A city of ours is one that has a policy pack; whoever has an
office's role needs one. Auditors read every city's, applicants their own wherever it is: theirs need not be ours.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from starlette.requests import Request

from kjfh_workflow.errors import InputError, NotAuthenticated, NotAuthorised, Problem, Refusal
from kjfh_workflow.policy.vocabulary import OFFICE_ROLES, Role
from kjfh_workflow.rules.case import SIGNATURES, Actor
from kjfh_workflow.rules.identifiers import check_id, check_uscc
from kjfh_workflow.web.keys import Keys
from kjfh_workflow.web.settings import Settings
from kjfh_workflow.web.tokens import Tokens, bearer_token

_VISIBLE = "1 to 128 visible characters"


def authenticate(
    settings: Settings, keys: Keys | None = None, cities: Collection[str] | None = None
) -> Callable[[Request], Actor]:
    """Who asks, from the bearer token of a request.

    Args:
        settings: whose tokens are believed, and what their claims mean.
        keys: the issuer's; by default from where the settings say.
        cities: those that have a policy pack, ``workflow.catalog.cities``; without them any city is taken.

    Raises:
        InputError: if the settings believe nobody.
    """
    if settings.tokens is None:
        raise InputError([Problem("settings", "tokens", "it is not said whose tokens are believed")])
    tokens = Tokens(settings.tokens, keys or Keys.of(settings.tokens))

    def who_asks(request: Request) -> Actor:
        claims = tokens.claims(bearer_token(request.headers.getlist("authorization")))
        # For the audit of those who are turned away before they have become an actor.
        request.state.claimed_id = identity = _id_of(claims, settings)
        return actor_of(claims, settings, identity, cities)

    return who_asks


def actor_of(
    claims: Mapping[str, Any],
    settings: Settings,
    identity: str | None = None,
    cities: Collection[str] | None = None,
) -> Actor:
    """The actor that a token's claims describe.

    Args:
        claims: of a token that is believed.
        settings: which claim says what, and the intranet's words for roles and cities.
        identity: the actor's id, where it has been read already.
        cities: those that have a policy pack, where offices' people of others are to be turned away.

    Raises:
        NotAuthenticated: if they do not say who it is.
        NotAuthorised: if nothing in them gives a role or a city of ours.
    """
    places = settings.claims
    identity = identity or _id_of(claims, settings)
    name = _text(_claim(claims, places.name)) or ""
    if name and not _is_visible(name):
        raise NotAuthenticated(f"the token's claim {places.name!r} is no name: {_VISIBLE}", "bad_name")
    roles = _roles(_claim(claims, places.roles), settings.roles)
    if not roles:
        raise NotAuthorised(
            [Refusal("not_authorised", "统一认证没有给您本系统的任何角色，请联系系统管理员", field=places.roles)]
        )
    city = _city(_claim(claims, places.city), settings)
    if cities is not None and city not in cities and not OFFICE_ROLES.isdisjoint(roles):
        raise _nowhere(places.city)
    code = _code(_claim(claims, places.uscc), places.uscc) if Role.APPLICANT in roles else ""
    return Actor.of(identity, roles, city, name=name, uscc=code)


def _id_of(claims: Mapping[str, Any], settings: Settings) -> str:
    found = _claim(claims, settings.claims.id)
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    identity = _text(found)
    if identity is None or not _is_visible(identity):
        raise NotAuthenticated(f"the token's claim {settings.claims.id!r} is no id: {_VISIBLE}", "bad_id")
    if identity.startswith(SIGNATURES):
        raise NotAuthenticated(f"the token's claim {settings.claims.id!r} begins like the id of no person", "bad_id")
    return identity


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of that very name, or the one to which the dots lead; None if there is none."""
    if path in claims:  # names like https://intranet/roles have dots of their own
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found


def _text(found: Any) -> str | None:
    """A text, or the only one of a list, as some providers write every attribute; None for anything else."""
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return found if isinstance(found, str) and found else None


def _roles(found: Any, known: Mapping[str, str]) -> list[str]:
    """Ours, in the token's order, from a list or from words with blanks between them; unknown words give nothing."""
    words = found.split() if isinstance(found, str) else found if isinstance(found, list) else []
    return list(dict.fromkeys(known[word] for word in words if isinstance(word, str) and word in known))


def _city(found: Any, settings: Settings) -> str:
    word, place = _text(found), settings.claims.city
    if word is None and found in (None, "", []) and settings.city is not None:
        return settings.city
    if word is None or not _is_visible(word):
        raise NotAuthenticated(f"the token's claim {place!r} names no city", "bad_city")
    if settings.cities and word not in settings.cities:
        raise _nowhere(place)
    return settings.cities.get(word, word)


def _nowhere(place: str) -> NotAuthorised:
    return NotAuthorised([Refusal("not_authorised", "统一认证给您的地区不在本系统中，请联系系统管理员", field=place)])


def _code(found: Any, place: str) -> str:
    word = _text(found)
    if word is None:
        raise NotAuthenticated(
            f"an applicant's token names the operator's code (统一社会信用代码) in {place!r}", "bad_code"
        )
    try:
        return check_uscc(word)
    except ValueError:
        raise NotAuthenticated(f"the token's claim {place!r} is no valid 统一社会信用代码", "bad_code") from None


def _is_visible(text: str) -> bool:
    try:
        check_id(text, "it")
    except ValueError:
        return False
    return True
