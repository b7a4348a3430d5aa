"""Tokens for trying things out, of an issuer that lives as long as ``kjfh serve --dev`` and is believed by it alone.

Only for this machine: what comes from elsewhere, or through a proxy, is turned away before it is looked at.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.types import ASGIApp, Receive, Scope, Send

from kjfh_workflow.errors import NotAuthorised, Refusal
from kjfh_workflow.policy.vocabulary import PERSON_ROLES, Role
from kjfh_workflow.web.problems import answer, problem_of
from kjfh_workflow.web.settings import ClaimSettings, Settings, TokenSettings, is_loopback

ISSUER, AUDIENCE, _KEY_ID = "urn:kjfh:dev", "kjfh", "dev"
_KEY_SET = "jwks.json"
_SECONDS = 12 * 3600
#: An operator that exists nowhere, with a code that could.
_USCC, _OPERATOR = "91330281MA2B00001P", "试用企业"
#: Whoever has one of these has not asked us himself; nor has who has anything that begins with ``x-forwarded-``.
_FORWARDED = (
    b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip", b"true-client-ip", b"cf-connecting-ip",
    b"x-original-forwarded-for",
)  # fmt: skip
_PORT = re.compile(r":\d+$")


def believing(settings: Settings, folder: Path) -> Settings:
    """The settings, with nobody believed but the issuer whose key set stands in *folder*."""
    tokens = TokenSettings(issuer=ISSUER, audience=(AUDIENCE,), jwks_file=folder / _KEY_SET)
    plain = Settings()
    return settings.model_copy(
        update={"tokens": tokens, "claims": ClaimSettings(), "roles": plain.roles, "cities": {}, "city": None}
    )


@dataclass(frozen=True)
class DevIssuer:
    """The issuer; its private key is never written down."""

    key: Ed25519PrivateKey

    @classmethod
    def started(cls, folder: Path) -> DevIssuer:
        """A new one; its key set is written into *folder*."""
        key = Ed25519PrivateKey.generate()
        public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key()))
        (folder / _KEY_SET).write_text(json.dumps({"keys": [{**public, "kid": _KEY_ID, "use": "sig"}]}), "utf-8")
        return cls(key)

    def token(self, role: str, city: str) -> str:
        """A token for somebody with one role, valid for half a day."""
        applies = role == Role.APPLICANT
        name, code = (_OPERATOR, _USCC) if applies else (f"dev-{role}", "")
        return self.token_for(f"dev-{role}", [role], city, name, code)

    def token_for(self, id: str, roles: Iterable[str], city: str, name: str = "", uscc: str = "") -> str:  # noqa: A002
        """A token for anybody, valid for half a day."""
        now = int(time.time())
        who = {"sub": id, "name": name or id, "uscc": uscc, "city": city, "roles": [*roles]}
        said = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + _SECONDS}
        return jwt.encode({**said, **who}, self.key, "EdDSA", headers={"kid": _KEY_ID})

    def lines(self, url: str, cities: Iterable[str]) -> Iterator[str]:
        """For each role of each city a command to paste."""
        for city in cities:
            for role in PERSON_ROLES:
                yield f"# {city} {role}\ncurl -H 'Authorization: Bearer {self.token(role, city)}' {url}/v1/me"


class OnlyFromHere:
    """ASGI middleware: this machine's own programs are let through, nobody else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through."""
        if scope["type"] != "lifespan" and not _from_here(scope):
            refused = NotAuthorised([Refusal("not_authorised", "试用模式（--dev）只接受本机的请求")])
            await answer(problem_of(refused, ""))(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _from_here(scope: Scope) -> bool:
    """Whether a program of this machine asks this machine: no proxy, no stranger's page by a name of its own."""
    headers = dict(scope["headers"])
    proxied = any(name in _FORWARDED or name.startswith(b"x-forwarded-") for name in headers)
    asked = _PORT.sub("", headers.get(b"host", b"").decode("latin-1")).strip("[]")
    return is_loopback((scope.get("client") or ("", 0))[0]) and is_loopback(asked) and not proxied
