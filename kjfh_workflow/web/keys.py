"""The issuer's public keys, from a file, an address or OpenID Connect discovery: read again as they change.

What a key is used for is ``tokens``'. The only home of ``httpx`` in ``web``.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import jwt

from kjfh_workflow.errors import DeliveryFailed, NotAuthenticated, Unavailable
from kjfh_workflow.notices.channels.reaching import one_line, trusted, within
from kjfh_workflow.web.settings import TokenSettings, is_safe_address

#: Keys from an address are asked for again after so many seconds: so long is a withdrawn key still believed.
FRESH = 300.0
#: Between two askings for the sake of a key that is not known, and after one that failed.
PAUSE = 10.0
#: How long keys are believed whose source does not answer, since it last did.
BELIEVED = 24 * 3600.0
#: One reading, in all.
_SECONDS = 5
_BYTES = 256 * 1024
_RSA_BITS = 2048
_WELL_KNOWN = "/.well-known/openid-configuration"
#: Key type and curve → the one algorithm that is taken for it, and what of the key is public.
_FITTING: tuple[tuple[tuple[object, object], tuple[str, tuple[str, ...]]], ...] = (
    (("RSA", None), ("RS256", ("kty", "n", "e"))),
    (("EC", "P-256"), ("ES256", ("kty", "crv", "x", "y"))),
    (("OKP", "Ed25519"), ("EdDSA", ("kty", "crv", "x"))),
)
_log = logging.getLogger(__name__)


class Unreadable(Exception):
    """The source gives no keys; why, in a line for whoever runs the service."""


class Source(Protocol):
    """Where keys come from."""

    #: Whether it is looked at for every request, so that keys are vouched for as long as nothing has changed.
    watched: bool

    def is_due(self, elapsed: float) -> bool:
        """Whether to read again, so many seconds after the last reading."""

    def read(self) -> bytes:
        """The key set.

        Raises:
            Unreadable: if there is none to be had.
        """


class Keys:
    """The keys of one issuer; safe to use from several threads.

    Args:
        source: where they come from.
        clock: seconds that never go back.
    """

    def __init__(self, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        #: Held by the one thread that reads; what it finds is exchanged whole.
        self._reading = threading.Lock()
        self._known: Mapping[tuple[str | None, str], jwt.PyJWK] | None = None
        #: When the source last stood for them, and when it was last asked.
        self._vouched = 0.0
        self._attempted: float | None = None
        self._failure = ""

    @classmethod
    def of(cls, settings: TokenSettings) -> Keys:
        """Those that the settings name; nothing is read yet."""
        if settings.jwks_file is not None:
            return cls(_File(settings.jwks_file))
        if settings.jwks_url is not None:
            return cls(_Address(settings.jwks_url, settings.ca_file))
        return cls(_Discovery(settings.issuer, settings.ca_file))

    def read_now(self) -> str:
        """Read them, as at the start of a service; returns why they cannot be read, empty if they can."""
        with self._reading:
            self._read()
        return self._failure

    def find(self, key_id: str | None, algorithm: str) -> jwt.PyJWK:
        """The key that a token says it is signed with.

        Args:
            key_id: the token's ``kid``; without one there must be a single key for the algorithm.
            algorithm: the token's ``alg``.

        Raises:
            NotAuthenticated: if it is none of the issuer's.
            Unavailable: if there are no keys, or it is not known and the source cannot be asked.
        """
        if self._is_due():
            # Who has keys does not wait for a thread that is reading already.
            self._once(self._is_due, wait=self._known is None)
        if (found := self._look(key_id, algorithm)) is None:
            self._once(self._may_ask)
            found = self._look(key_id, algorithm)
        if found is not None:
            return found
        if self._failure or not self._known:
            raise Unavailable("the issuer's keys cannot be read at present, so nobody knows whose token this is")
        if key_id is None:
            raise NotAuthenticated(
                "the token names no key (kid), and the issuer has none or several that would fit", "unknown_key"
            )
        raise NotAuthenticated(
            "the token is signed with a key that is none of the issuer's for this algorithm", "unknown_key"
        )

    def _look(self, key_id: str | None, algorithm: str) -> jwt.PyJWK | None:
        known = self._known or {}
        if self._failure and self._clock() - self._vouched > BELIEVED:
            return None
        if key_id is not None:
            return known.get((key_id, algorithm))
        fitting = [key for (_, fits), key in known.items() if fits == algorithm]
        return fitting[0] if len(fitting) == 1 else None

    def _is_due(self) -> bool:
        if self._failure:
            return self._may_ask()
        now = self._clock()
        if self._known is None or self._source.is_due(now - self._vouched):
            return True
        if self._source.watched:
            self._vouched = now
        return False

    def _may_ask(self) -> bool:
        """Whether the last asking is long enough ago: strangers' tokens must not become a storm on the intranet."""
        return self._attempted is None or self._clock() - self._attempted >= PAUSE

    def _once(self, wanted: Callable[[], bool], *, wait: bool = True) -> None:
        """Read, unless another thread has done so meanwhile.

        While the source fails only the one that asks it waits: it may hang, and strangers' tokens must not take
        every thread with it.
        """
        patience = 2 * _SECONDS if wait and not self._failure else 0
        if self._reading.acquire(timeout=patience):
            try:
                if wanted():
                    self._read()
            finally:
                self._reading.release()

    def _read(self) -> None:
        before = self._known
        try:
            known = _parsed(self._source.read())
        except Unreadable as error:
            self._failure = str(error)
            _log.warning("the issuer's keys cannot be read: %s", error)
        else:
            self._known, self._failure, self._vouched = known, "", self._clock()
            if before is None or {*known} != {*before}:
                names = ", ".join(one_line(f"{name or '(no kid)'} {algorithm}") for name, algorithm in known)
                _log.info("the issuer's keys are now: %s", names or "none that can be used")
        self._attempted = self._clock()


class _File:
    """A key set that somebody copies here; a new one is seen at the next request."""

    watched = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: object = None

    def is_due(self, elapsed: float) -> bool:  # noqa: ARG002  (the file itself tells)
        return self._look() != self._stamp

    def read(self) -> bytes:
        # Looked at first: what is exchanged between the two is read once more.
        self._stamp = self._look()
        try:
            with self._path.open("rb") as file:
                return file.read(_BYTES + 1)
        except OSError as error:
            raise Unreadable(f"{self._path}: {error.strerror}") from error

    def _look(self) -> object:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


class _Address:
    """A key set on the intranet."""

    watched = False

    def __init__(self, url: str, ca_file: Path | None) -> None:
        self._url = url
        self._ca_file = ca_file

    def is_due(self, elapsed: float) -> bool:
        return elapsed >= FRESH

    def read(self) -> bytes:
        return self._fetched(self._url)

    def _fetched(self, url: str) -> bytes:
        found: list[bytes] = []
        try:
            within(_SECONDS, url, partial(self._fetch, url, found))
        except DeliveryFailed as error:
            raise Unreadable(str(error)) from error
        return found[0]

    def _fetch(self, url: str, found: list[bytes]) -> None:
        import httpx  # noqa: PLC0415  (a fifth of a second, for those who ask an address)

        # The intranet is not behind the proxy of the environment; packed answers could swell.
        headers = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "kjfh-workflow"}
        with (
            httpx.Client(verify=trusted(self._ca_file), timeout=_SECONDS, trust_env=False) as client,
            client.stream("GET", url, headers=headers) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                said = one_line(f"{answer.status_code} {answer.reason_phrase}")
                hint = "; redirects are not followed" if answer.has_redirect_location else ""
                raise DeliveryFailed(f"{url}: answers {said}{hint}")
            body = b""
            for chunk in answer.iter_raw():
                body += chunk
                if len(body) > _BYTES:
                    break
            found.append(body)


class _Discovery(_Address):
    """An OpenID Connect provider, which says itself where its keys are."""

    def __init__(self, issuer: str, ca_file: Path | None) -> None:
        super().__init__(issuer.rstrip("/") + _WELL_KNOWN, ca_file)
        self._issuer = issuer

    def read(self) -> bytes:
        said = _json(self._fetched(self._url))
        if said.get("issuer") != self._issuer:
            raise Unreadable(f"{self._url}: says that it is another issuer than {self._issuer}")
        address = said.get("jwks_uri")
        if not isinstance(address, str) or not is_safe_address(address):
            raise Unreadable(f"{self._url}: its jwks_uri is no https address")
        return self._fetched(address)


def _json(body: bytes) -> dict[str, Any]:
    if len(body) > _BYTES:
        raise Unreadable(f"longer than {_BYTES:,} bytes")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("this is no JSON") from error
    if not isinstance(said, dict):
        raise Unreadable("this is no JSON object")
    return said


def _parsed(body: bytes) -> dict[tuple[str | None, str], jwt.PyJWK]:
    """(kid, algorithm) → key, of those that are meant for signing and strong enough."""
    listed = _json(body).get("keys")
    if not isinstance(listed, list):
        raise Unreadable("this is no key set: it has no list of keys")
    known: dict[tuple[str | None, str], jwt.PyJWK] = {}
    for one in listed:
        if isinstance(one, dict) and (key := _usable(one)) is not None:
            name = one.get("kid")
            known.setdefault((name if isinstance(name, str) else None, key.algorithm_name), key)
    return known


def _usable(said: dict[str, Any]) -> jwt.PyJWK | None:
    """One key; a set may hold others, for encryption or of kinds that are not taken here."""
    kind = said.get("kty"), said.get("crv")
    algorithm, public = next((fits for fitting, fits in _FITTING if fitting == kind), ("", ()))
    operations = said.get("key_ops", ["verify"])
    signs = said.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
    if not algorithm or not signs or said.get("alg", algorithm) != algorithm:
        return None
    try:
        # Only what is public: whoever publishes a private key by mistake is not helped by our keeping it.
        key = jwt.PyJWK({name: said.get(name) for name in public}, algorithm)
    except Exception:  # what PyJWT and cryptography raise for a broken key is many things; the other keys are whole
        return None
    return key if algorithm != "RS256" or key.key.key_size >= _RSA_BITS else None
