"""Whether a token is the issuer's, meant for this service, and valid now: its claims, or why it is not believed.

Where keys come from is ``keys``'; whom the claims make of somebody, ``identity``'s.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import jwt

from kjfh_workflow.errors import NotAuthenticated
from kjfh_workflow.web.keys import Keys
from kjfh_workflow.web.settings import TokenSettings

#: Enough for somebody in hundreds of groups.
_LONGEST = 16 * 1024
_LONGEST_KEY_ID = 256
_CREDENTIALS = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] ([A-Za-z0-9\-_]+\.[A-Za-z0-9\-_]+\.[A-Za-z0-9\-_]+)")
#: An issuer signs other things with the same keys (logout tokens, security events), which log nobody on.
_TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")
_BEGINS = ("nbf", "iat")
_TIMES = ("exp", *_BEGINS)
#: So many tokens are remembered; an office has fewer people.
_MOST_SEEN = 1024
_UNREADABLE = ("unreadable", "the token cannot be read")
#: From the special to the general: reason and words. PyJWT's own words are not passed on: they may quote the token.
_WORDS: tuple[tuple[type[Exception], str, str], ...] = (
    (jwt.ExpiredSignatureError, "expired", "the token has expired"),
    (
        jwt.ImmatureSignatureError,
        "not_yet_valid",
        "the token is not valid yet (nbf, iat); if it is new, the two clocks differ",
    ),
    (jwt.InvalidAudienceError, "wrong_audience", "the token is meant for another service (aud)"),
    (jwt.InvalidIssuerError, "wrong_issuer", "the token is another issuer's (iss)"),
    (jwt.InvalidAlgorithmError, "wrong_algorithm", "the token's algorithm does not fit its key"),
    (jwt.InvalidSignatureError, "bad_signature", "the token's signature is wrong"),
    (jwt.InvalidTokenError, *_UNREADABLE),
)


def bearer_token(headers: Sequence[str]) -> str:
    """The token of a request, from its ``Authorization`` headers.

    Raises:
        NotAuthenticated: if there is none, or anything but one ``Bearer`` token.
    """
    if not headers:
        raise NotAuthenticated("no token: send `Authorization: Bearer …`", "missing")
    if len(headers) > 1:
        raise NotAuthenticated("more than one Authorization header", "several_headers")
    if len(headers[0]) > _LONGEST:
        raise NotAuthenticated(f"the token is longer than {_LONGEST:,} characters", "too_long")
    found = _CREDENTIALS.fullmatch(headers[0])
    if found is None:
        raise NotAuthenticated(
            "the Authorization header is not `Bearer`, one blank and a signed token (JWT)", "no_bearer"
        )
    return found[1]


class Tokens:
    """Those of one issuer."""

    def __init__(self, settings: TokenSettings, keys: Keys) -> None:
        self._settings = settings
        self._keys = keys
        #: Digest of a token → the key that it is signed with, and its claims: a signature is looked at once.
        self._seen: dict[bytes, tuple[jwt.PyJWK, dict[str, Any]]] = {}

    def claims(self, token: str) -> dict[str, Any]:
        """What the issuer says in a token.

        Raises:
            NotAuthenticated: if the token is not to be believed; the message does not repeat it.
            Unavailable: if the issuer's keys are not known.
        """
        try:
            key = self._key(jwt.get_unverified_header(token))
            digest = sha256(token.encode()).digest()
            # The issuer may have withdrawn the key since, and time goes on; nothing else can have changed.
            if (seen := self._seen.get(digest)) and seen[0] is key and self._is_time_of(seen[1]):
                return {**seen[1]}
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=[*self._settings.audience],
                issuer=self._settings.issuer,
                leeway=self._settings.leeway_seconds,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.MissingRequiredClaimError as error:
            raise NotAuthenticated(f"the token says nothing about {error.claim}", "missing_claim") from None
        except jwt.PyJWTError as error:
            reason, words = next(
                ((reason, words) for kind, reason, words in _WORDS if isinstance(error, kind)), _UNREADABLE
            )
            raise NotAuthenticated(words, reason) from None
        for name in _TIMES:
            if not isinstance(claims.get(name, 0), int | float) or isinstance(claims.get(name), bool):
                raise NotAuthenticated(f"the token's {name} is no number", "unreadable")
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen[digest] = key, {**claims}
        return claims

    def _is_time_of(self, claims: dict[str, Any]) -> bool:
        """Whether a token that was valid is so now; if not, it is looked at as for the first time, to say why."""
        now, leeway = time.time(), self._settings.leeway_seconds
        return int(claims["exp"]) > now - leeway and all(int(claims.get(name, 0)) <= now + leeway for name in _BEGINS)

    def _key(self, header: dict[str, Any]) -> jwt.PyJWK:
        """The key that the token's header names; whether it fits is decided by the key, never by the token."""
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.algorithms:
            taken = ", ".join(self._settings.algorithms)
            raise NotAuthenticated(
                f"the token is not signed with an algorithm that is taken here: {taken}", "wrong_algorithm"
            )
        kind = header.get("typ", "JWT")
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise NotAuthenticated("the token is of a type that logs nobody on (typ)", "wrong_type")
        if key_id is not None and (not isinstance(key_id, str) or len(key_id) > _LONGEST_KEY_ID):
            raise NotAuthenticated("the token names its key (kid) in no way that can be read", "unreadable")
        return self._keys.find(key_id, str(algorithm))
