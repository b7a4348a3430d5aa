"""Whose tokens are believed: real keys of every kind, a real key server on loopback, and those who try it on."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import Request

from kjfh_workflow import Actor
from kjfh_workflow.errors import InputError, NotAuthenticated, NotAuthorised, Unavailable, WorkflowError
from kjfh_workflow.web import keys as key_sources
from kjfh_workflow.web.app import create_app
from kjfh_workflow.web.identity import actor_of, authenticate
from kjfh_workflow.web.keys import BELIEVED, FRESH, PAUSE, Keys
from kjfh_workflow.web.settings import ClaimSettings, Settings, TokenSettings
from kjfh_workflow.web.tokens import Tokens, bearer_token
from tests.api import serving
from tests.bureau import YUYAO_USCC, Bureau

ISSUER, AUDIENCE = "https://intranet.test", "kjfh"
ALGORITHMS = ("RS256", "ES256", "EdDSA")
_JWK: dict[str, Any] = {
    "RS256": jwt.algorithms.RSAAlgorithm,
    "ES256": jwt.algorithms.ECAlgorithm,
    "EdDSA": jwt.algorithms.OKPAlgorithm,
}


@cache
def private(algorithm: str, name: str) -> Any:
    """The issuer's key of that name."""
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()


def public(algorithm: str, name: str, **more: object) -> dict[str, Any]:
    """What the issuer publishes of it."""
    published = json.loads(_JWK[algorithm].to_jwk(private(algorithm, name).public_key()))
    return {**published, "kid": name, "use": "sig", **more}


def signed(algorithm: str = "EdDSA", kid: str = "first", key: Any = None, **claims: Any) -> str:
    """A token of the issuer's; claims that are None are left out."""
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "wang", "iat": now, "exp": now + 300, **claims}
    left = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(left, key or private(algorithm, kid), algorithm, headers={"kid": kid})


def forged(header: dict[str, Any], claims: dict[str, Any] | None = None, signature: bytes = b"") -> str:
    """A token put together by hand."""
    now = int(time.time())
    said = claims if claims is not None else {"iss": ISSUER, "aud": AUDIENCE, "sub": "wang", "exp": now + 300}
    parts = (json.dumps(header).encode(), json.dumps(said).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def key_set(*keys: dict[str, Any]) -> str:
    return json.dumps({"keys": keys})


ALL_KEYS = [*((algorithm, "first") for algorithm in ALGORITHMS)]


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The key set of an issuer with a key of each kind, all under one name."""
    path = tmp_path / "jwks.json"
    path.write_text(key_set(*(public(algorithm, name) for algorithm, name in ALL_KEYS)), "utf-8")
    return path


@pytest.fixture
def tokens(file: Path) -> Tokens:
    return believing(jwks_file=file)


def believing(clock: Callable[[], float] | None = None, **more: Any) -> Tokens:
    settings = TokenSettings(**{"issuer": ISSUER, "audience": (AUDIENCE, "other"), **more})
    keys = Keys.of(settings)
    if clock is not None:
        keys = Keys(keys._source, clock)
    return Tokens(settings, keys)


def refused(tokens: Tokens, token: str) -> str:
    """Why a token is not believed; it is never repeated."""
    with pytest.raises(NotAuthenticated) as caught:
        tokens.claims(token)
    said = str(caught.value)
    assert not any(part and part in said for part in token.split("."))
    return said


# ---- one token -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_of_each_algorithm_is_believed(tokens: Tokens, algorithm: str) -> None:
    assert tokens.claims(signed(algorithm))["sub"] == "wang"
    assert tokens.claims(signed(algorithm, aud=["somebody", "other"]))["sub"] == "wang"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_of_a_stranger_s_key_is_not(tokens: Tokens, algorithm: str) -> None:
    stranger = private.__wrapped__(algorithm, "stranger")
    assert "signature" in refused(tokens, signed(algorithm, key=stranger))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_changed_token_is_not_believed(tokens: Tokens, algorithm: str) -> None:
    header, _, signature = signed(algorithm).split(".")
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "li", "exp": int(time.time()) + 300}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    assert "signature" in refused(tokens, f"{header}.{payload}.{signature}")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_that_was_believed_makes_no_other_believable(tokens: Tokens, algorithm: str) -> None:
    good = signed(algorithm)
    for _ in range(2):
        tokens.claims(good)["sub"] = "li"
    assert tokens.claims(good)["sub"] == "wang", "what a caller does with the claims is the caller's"
    header, payload, signature = good.split(".")
    other = f"{header}.{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    assert "signature" in refused(tokens, other)
    assert "signature" in refused(tokens, f"{header}.{payload}.")
    for number in range(1100):  # more than are remembered
        tokens.claims(signed("EdDSA", jti=str(number)))
    assert tokens.claims(good)["sub"] == "wang"
    assert "signature" in refused(tokens, other)


@pytest.mark.parametrize("name", ["none", "None", "NONE", "", None, "HS256", "RS512", "ES384", "PS256", 7, ["RS256"]])
def test_no_other_algorithm_is_taken(tokens: Tokens, name: object) -> None:
    assert "algorithm" in refused(tokens, forged({"alg": name, "kid": "first", "typ": "JWT"}, signature=b"x"))


def test_a_public_key_is_no_shared_secret(tokens: Tokens) -> None:
    pem = private("RS256", "first").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    unsigned = forged({"alg": "HS256", "kid": "first", "typ": "JWT"}).rsplit(".", 1)[0]
    mac = base64.urlsafe_b64encode(hmac.digest(pem, unsigned.encode(), hashlib.sha256)).rstrip(b"=").decode()
    assert "algorithm" in refused(tokens, f"{unsigned}.{mac}")


def test_only_the_algorithms_of_the_settings_are_taken(file: Path) -> None:
    picky = believing(jwks_file=file, algorithms=("ES256",))
    picky.claims(signed("ES256"))
    assert "ES256" in refused(picky, signed("RS256"))


def test_a_key_serves_its_own_algorithm_only(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(key_set(public("RS256", "a", alg="RS512"), public("ES256", "b", alg="RS256")), "utf-8")
    with pytest.raises(Unavailable):
        believing(jwks_file=path).claims(signed("RS256", "a"))
    path.write_text(key_set(public("RS256", "a", alg="RS256")), "utf-8")
    tokens = believing(jwks_file=path)
    tokens.claims(signed("RS256", "a"))
    assert "none of the issuer's" in refused(tokens, signed("ES256", "a"))


@pytest.mark.parametrize(
    "unusable",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "first"},
        public("EdDSA", "first", use="enc"),
        public("EdDSA", "first", key_ops=["sign"]),
        public("EdDSA", "first", key_ops="verify"),
        public("EdDSA", "first", crv="X25519"),
        public("EdDSA", "first", x="AAAA"),
        public("EdDSA", "first", x=7),
        {"kty": ["RSA"], "kid": "first"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "first"},
        "no key",
    ],
)
def test_what_is_no_strong_public_signing_key_is_left_out(tmp_path: Path, unusable: Any) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(key_set(unusable, public("ES256", "second")), "utf-8")
    tokens = believing(jwks_file=path)
    tokens.claims(signed("ES256", "second"))
    assert "none of the issuer's" in refused(tokens, signed("EdDSA", "first"))


def test_a_published_private_key_is_kept_as_a_public_one(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    whole = json.loads(_JWK["EdDSA"].to_jwk(private("EdDSA", "first")))
    path.write_text(key_set({**whole, "kid": "first"}), "utf-8")
    keys = Keys.of(TokenSettings(issuer=ISSUER, audience=(AUDIENCE,), jwks_file=path))
    assert isinstance(keys.find("first", "EdDSA").key, ed25519.Ed25519PublicKey)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"exp": int(time.time()) - 3600}, "expired"),
        ({"nbf": int(time.time()) + 3600}, "not valid yet"),
        ({"iat": int(time.time()) + 3600}, "not valid yet"),
        ({"aud": "another"}, "another service"),
        ({"aud": ["another"]}, "another service"),
        ({"aud": {"kjfh": 1}}, "another service"),
        ({"iss": "https://intranet.test.evil"}, "another issuer"),
        ({"iss": ISSUER + "/"}, "another issuer"),
        ({"exp": None}, "nothing about exp"),
        ({"aud": None}, "nothing about aud"),
        ({"iss": None}, "nothing about iss"),
        ({"exp": str(int(time.time()) + 86_400)}, "exp is no number"),
        ({"nbf": True}, "nbf is no number"),
        ({"exp": "soon"}, "cannot be read"),
        ({"exp": float("inf")}, "cannot be read"),
        ({"exp": float("nan")}, "cannot be read"),
        ({"sub": 7}, "cannot be read"),
    ],
)
def test_a_token_that_is_not_for_us_or_not_for_now_is_refused(
    tokens: Tokens, claims: dict[str, Any], said: str
) -> None:
    refusal = refused(tokens, by_hand(**claims))
    assert said in refusal


def by_hand(**claims: Any) -> str:
    """Signed like the issuer's own, whatever PyJWT would say to the claims."""
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "wang", "exp": now + 300, **claims}
    left = {name: value for name, value in said.items() if value is not None}
    return jwt.api_jws.encode(
        json.dumps(left).encode(), private("EdDSA", "first"), "EdDSA", headers={"kid": "first", "typ": "JWT"}
    )


def test_the_clocks_may_differ_by_the_leeway_and_no_more(file: Path) -> None:
    now = int(time.time())
    patient = believing(jwks_file=file, leeway_seconds=120)
    patient.claims(signed(exp=now - 60))
    patient.claims(signed(nbf=now + 60, iat=now + 60))
    strict = believing(jwks_file=file, leeway_seconds=0)
    assert "expired" in refused(strict, signed(exp=now - 60))
    assert "not valid yet" in refused(strict, signed(nbf=now + 60))


def test_a_token_that_was_believed_ends_when_it_says(file: Path) -> None:
    strict = believing(jwks_file=file, leeway_seconds=0)
    end = int(time.time()) + 2
    token = signed(exp=end)
    assert strict.claims(token) == strict.claims(token)
    time.sleep(end - time.time() + 0.05)
    assert "expired" in refused(strict, token)


@pytest.mark.parametrize("kind", ["logout+jwt", "secevent+jwt", "dpop+jwt", 7])
def test_what_the_issuer_signs_for_other_ends_logs_nobody_on(tokens: Tokens, kind: object) -> None:
    token = jwt.api_jws.encode(
        json.dumps({"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 300}).encode(),
        private("EdDSA", "first"),
        "EdDSA",
        headers={"kid": "first", "typ": kind},
    )
    assert "type" in refused(tokens, token)


@pytest.mark.parametrize(
    "token",
    [
        forged({"alg": "EdDSA", "kid": "first"}, signature=b"x" * 64),
        forged({"alg": "EdDSA", "kid": 7}, signature=b"x"),
        forged({"alg": "EdDSA", "kid": "k" * 300}, signature=b"x"),
        forged({"alg": "EdDSA", "kid": "first", "crit": ["b64"], "b64": False}, signature=b"x"),
        forged({"alg": "EdDSA", "kid": "first", "crit": ["unheard-of"]}, signature=b"x"),
        "e30.e30.e30",
        "W10.W10.W10",
        "aaaa.bbbb.cccc",
        base64.urlsafe_b64encode(b"[" * 9000).decode() + ".e30.e30",
    ],
)
def test_broken_tokens_are_refused_and_no_error(tokens: Tokens, token: str) -> None:
    refused(tokens, token.replace("=", ""))


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Basic dXNlcjpwYXNz"],
        ["Bearer"],
        ["Bearer "],
        ["Bearer  a.b.c"],
        ["Bearer a.b.c "],
        ["Bearer\ta.b.c"],
        ["Bearer a.b"],
        ["Bearer a.b.c.d"],
        ["Bearer a.b.c, Bearer a.b.c"],
        ["Bearer é.b.c"],
        ["a.b.c"],
        ["Bearer a.b.c", "Bearer a.b.c"],
        ["Bearer " + "a" * 20_000 + ".b.c"],
    ],
)
def test_anything_but_one_bearer_token_is_refused(headers: list[str]) -> None:
    with pytest.raises(NotAuthenticated):
        bearer_token(headers)


def test_the_scheme_is_known_in_any_case() -> None:
    assert bearer_token(["bEARER a.b.c"]) == "a.b.c"


# ---- where keys come from --------------------------------------------------------------------------------------------


class KeyServer:
    """An issuer's address on loopback: what it says, and how often it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.asked: list[str] = []
        #: Answers wait for it.
        self.open = threading.Event()
        self.open.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                server.open.wait(30)
                status, body, headers = server.pages.get(self.path, (404, b"", {}))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def say(self, path: str, body: str | bytes, status: int = 200, **headers: str) -> None:
        self.pages[path] = (status, body.encode() if isinstance(body, str) else body, headers)

    def publish(self, *names: str) -> None:
        """These keys, at /jwks."""
        self.say("/jwks", key_set(*(public("EdDSA", name) for name in names)))

    def close(self) -> None:
        self.open.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def issuer() -> Iterator[KeyServer]:
    """One that publishes its first key."""
    with closing(KeyServer()) as server:
        server.publish("first")
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_file_that_is_exchanged_is_read_again_at_once(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(key_set(public("EdDSA", "first")), "utf-8")
    tokens = believing(clock, jwks_file=path)
    tokens.claims(signed(kid="first"))
    (tmp_path / "new").write_text(key_set(public("EdDSA", "second")), "utf-8")
    (tmp_path / "new").replace(path)
    tokens.claims(signed(kid="second"))
    assert "none of the issuer's" in refused(tokens, signed(kid="first")), "a key that is gone is not believed"


def test_a_file_that_is_broken_or_gone_leaves_the_known_keys_for_a_day(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(key_set(public("EdDSA", "first")), "utf-8")
    tokens = believing(clock, jwks_file=path)
    tokens.claims(signed())
    clock.now += 100 * 24 * 3600
    tokens.claims(signed())  # it has not changed: it has been vouched for all the time
    path.write_text('{"keys": [', "utf-8")
    tokens.claims(signed())
    path.unlink()
    clock.now += BELIEVED - 1
    tokens.claims(signed())
    clock.now += 2
    with pytest.raises(Unavailable):
        tokens.claims(signed())
    path.write_text(key_set(public("EdDSA", "first")), "utf-8")
    clock.now += PAUSE
    tokens.claims(signed())


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"keys": {}}', "\ud800".encode("utf-8", "surrogatepass"), "[" * 99999]
)
def test_a_file_that_is_no_key_set_is_not_a_stranger_s_fault(tmp_path: Path, body: str | bytes) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    with pytest.raises(Unavailable):
        believing(jwks_file=path).claims(signed())


def test_a_key_that_is_not_known_is_asked_for_once_and_rotation_needs_no_restart(
    issuer: KeyServer, clock: Clock
) -> None:
    tokens = believing(clock, jwks_url=f"{issuer.url}/jwks")
    for _ in range(3):
        tokens.claims(signed(kid="first"))
    assert len(issuer.asked) == 1
    issuer.publish("first", "second")
    clock.now += PAUSE
    tokens.claims(signed(kid="second"))
    tokens.claims(signed(kid="first"))
    assert len(issuer.asked) == 2


def test_a_withdrawn_key_is_not_believed_after_five_minutes(issuer: KeyServer, clock: Clock) -> None:
    tokens = believing(clock, jwks_url=f"{issuer.url}/jwks")
    tokens.claims(believed := signed(kid="first"))
    issuer.publish("second")
    clock.now += FRESH
    refused(tokens, signed(kid="first"))
    refused(tokens, believed)


def test_a_key_that_is_exchanged_under_its_name_takes_its_tokens_with_it(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "keys.json"
    file.write_text(key_set(public("EdDSA", "first")), "utf-8")
    tokens = believing(clock, jwks_file=file)
    tokens.claims(believed := signed())
    file.write_text(key_set({**public("EdDSA", "second"), "kid": "first"}), "utf-8")
    clock.now += FRESH
    assert "signature" in refused(tokens, believed)


def test_tokens_of_unknown_keys_do_not_become_a_storm_on_the_intranet(issuer: KeyServer, clock: Clock) -> None:
    tokens = believing(clock, jwks_url=f"{issuer.url}/jwks")
    tokens.claims(signed())
    clock.now += PAUSE
    garbage = [forged({"alg": "EdDSA", "kid": f"k{number}"}, signature=b"x") for number in range(200)]

    def hammer(part: list[str]) -> None:
        for token in part:
            refused(tokens, token)

    threads = [threading.Thread(target=hammer, args=(garbage[number::8],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(issuer.asked) == 2


def test_known_keys_are_believed_while_the_issuer_is_away_but_not_for_ever(clock: Clock) -> None:
    with closing(KeyServer()) as server:
        server.publish("first")
        tokens = believing(clock, jwks_url=f"{server.url}/jwks")
        tokens.claims(signed())
    clock.now += FRESH
    tokens.claims(signed())
    with pytest.raises(Unavailable):  # nobody can say whose it is: the issuer may have a new key
        tokens.claims(signed(kid="second"))
    clock.now += BELIEVED
    with pytest.raises(Unavailable):
        tokens.claims(signed())


def test_an_issuer_that_has_never_answered_makes_the_service_unavailable_and_nobody_a_stranger(clock: Clock) -> None:
    with closing(KeyServer()) as server:
        server.say("/jwks", "", status=500)
        tokens = believing(clock, jwks_url=f"{server.url}/jwks")
        for _ in range(5):
            with pytest.raises(Unavailable):
                tokens.claims(signed())
        assert len(server.asked) == 1
        server.publish("first")
        clock.now += PAUSE
        tokens.claims(signed())


def test_whoever_has_keys_does_not_wait_for_an_issuer_that_hangs(
    issuer: KeyServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sources, "_SECONDS", 1)
    tokens = believing(clock, jwks_url=f"{issuer.url}/jwks")
    tokens.claims(signed())
    issuer.open.clear()
    clock.now += FRESH
    reading = threading.Thread(target=tokens.claims, args=(signed(),))
    reading.start()
    while len(issuer.asked) < 2:
        time.sleep(0.01)
    tokens.claims(signed())
    assert reading.is_alive(), "one thread asks, and the others go on"
    reading.join()
    tokens.claims(signed())
    assert len(issuer.asked) == 2


def test_strangers_wait_one_by_one_for_an_issuer_that_hangs(
    issuer: KeyServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sources, "_SECONDS", 1)
    tokens = believing(clock, jwks_url=f"{issuer.url}/jwks")
    tokens.claims(signed())
    issuer.open.clear()
    told: list[type[Exception]] = []

    def stranger() -> None:
        try:
            tokens.claims(signed(kid="nobody's"))
        except Exception as error:
            told.append(type(error))

    clock.now += PAUSE
    stranger()
    clock.now += PAUSE
    monkeypatch.setattr(key_sources, "_SECONDS", 60)
    asking = threading.Thread(target=stranger)
    asking.start()
    while len(issuer.asked) < 3:
        time.sleep(0.01)
    stranger()
    assert asking.is_alive(), "one thread asks, and no other waits for it"
    tokens.claims(signed())
    issuer.open.set()
    asking.join()
    assert told == [Unavailable, Unavailable, NotAuthenticated]


@pytest.mark.parametrize(
    ("body", "status", "headers"),
    [
        (key_set(public("EdDSA", "first")), 302, {"Location": "/elsewhere"}),
        (key_set(public("EdDSA", "first")) + " " * 300_000, 200, {}),
        ("<html>", 200, {}),
        ("", 204, {}),
    ],
)
def test_redirects_and_endless_or_wrong_answers_are_no_keys(
    clock: Clock, body: str, status: int, headers: dict[str, str]
) -> None:
    with closing(KeyServer()) as server:
        server.say("/elsewhere", key_set(public("EdDSA", "first")))
        server.say("/jwks", body, status, **headers)
        with pytest.raises(Unavailable):
            believing(clock, jwks_url=f"{server.url}/jwks").claims(signed())
        assert server.asked == ["/jwks"]


def test_the_proxy_of_the_environment_is_not_asked(issuer: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    believing(jwks_url=f"{issuer.url}/jwks").claims(signed())


def test_discovery_finds_the_keys_and_insists_on_the_issuer(issuer: KeyServer) -> None:
    place = "/.well-known/openid-configuration"
    issuer.say(place, json.dumps({"issuer": issuer.url, "jwks_uri": f"{issuer.url}/jwks"}))
    believing(issuer=issuer.url, discover=True).claims(signed(iss=issuer.url))
    for wrong in (
        {"issuer": "https://intranet.test", "jwks_uri": f"{issuer.url}/jwks"},
        {"issuer": issuer.url, "jwks_uri": "http://elsewhere.test/jwks"},
        {"issuer": issuer.url, "jwks_uri": "file:///etc/jwks.json"},
        {"issuer": issuer.url},
    ):
        issuer.say(place, json.dumps(wrong))
        with pytest.raises(Unavailable):
            believing(issuer=issuer.url, discover=True).claims(signed(iss=issuer.url))


def test_the_office_s_own_authority_vouches_for_the_issuer(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with closing(KeyServer()) as server:
        server.publish("first")
        server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
        url = f"{server.url.replace('http:', 'https:')}/jwks"
        with pytest.raises(Unavailable):
            believing(jwks_url=url).claims(signed())
        believing(jwks_url=url, ca_file=tmp_path / "ca.pem").claims(signed())


def test_a_token_without_key_id_is_believed_where_one_key_fits(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    unnamed = {key: value for key, value in public("EdDSA", "first").items() if key != "kid"}
    path.write_text(key_set(unnamed, public("RS256", "r")), "utf-8")
    tokens = believing(jwks_file=path)
    anonymous = jwt.encode(
        {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 300}, private("EdDSA", "first"), "EdDSA"
    )
    tokens.claims(anonymous)
    path.write_text(key_set(unnamed, public("EdDSA", "second")), "utf-8")
    assert "names no key" in refused(tokens, anonymous)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"jwks_url": "https://a.test/jwks", "discover": True},
        {"jwks_url": "http://a.test/jwks"},
        {"jwks_url": "https://user:secret@a.test/jwks"},
        {"jwks_url": "ftp://a.test/jwks"},
        {"jwks_url": "http://127.0.0.1.evil.test/jwks"},
        {"discover": True, "issuer": "intranet"},
        {"discover": True, "issuer": "http://intranet.test"},
        {"jwks_file": "jwks.json", "algorithms": ["HS256"]},
        {"jwks_file": "jwks.json", "algorithms": ["none"]},
    ],
)
def test_settings_that_would_let_strangers_in_are_refused(tmp_path: Path, said: dict[str, Any]) -> None:
    tokens = {"issuer": ISSUER, "audience": [AUDIENCE], **said}
    lines = [f"{name} = {json.dumps(value)}" for name, value in tokens.items()]
    (tmp_path / "web.toml").write_text("\n".join(["[tokens]", *lines]), "utf-8")
    with pytest.raises(InputError):
        Settings.load(tmp_path / "web.toml")


def test_what_is_wrong_with_the_settings_is_said_with_place_and_nearest_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    file = tmp_path / "web.toml"
    file.write_text(
        f"""
        tokenz = 1
        [tokens]
        issuer = "{ISSUER}"
        audience = "kjfh"
        audiense = ["kjfh"]
        discover = true
        [roles]
        banshi = "tech_clrk"
        [files]
        scanner = "clamdscan"
        [metrics]
        token_env = "s3cr3t of the collector"
        """,
        "utf-8",
    )
    assert complaints(file) == {
        "tokenz": "is not a known key; did you mean 'tokens'? "
        "(allowed: body_bytes, cities, city, claims, files, metrics, roles, threads, tokens)",
        "tokens.audience": 'must be a list, like ["…"]',
        "tokens.audiense": "is not a known key; did you mean 'audience'? (allowed: algorithms, audience, ca_file, "
        "discover, issuer, jwks_file, jwks_url, leeway_seconds)",
        "roles.banshi": "'tech_clrk' is not known; did you mean 'tech_clerk'? "
        "(allowed: admin, applicant, auditor, finance, tech_clerk, tech_lead)",
        "files.scanner": 'must be a list, like ["…"]',
        "metrics.token_env": "must be the name of an environment variable, like KJFH_SMTP_PASSWORD; "
        "the secret itself does not belong into this file",
    }


def test_what_the_settings_name_must_be_there_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("COLLECTOR", "")
    script = tmp_path / "scan.sh"
    script.write_text("#!/bin/sh\n", "utf-8")
    file = tmp_path / "web.toml"
    tokens = f'[tokens]\nissuer = "{ISSUER}"\naudience = ["{AUDIENCE}"]\ndiscover = true\nca_file = "ca.pem"'
    file.write_text(
        f'{tokens}\n[metrics]\ntoken_env = "COLLECTOR"\n[files]\nscanner = ["{script.as_posix()}", "-"]', "utf-8"
    )
    assert complaints(file) == {
        "metrics.token_env": "the environment variable COLLECTOR is not set, or empty",
        "tokens.ca_file": "holds no certificates that can be read: No such file or directory",
        "files.scanner": f"'{script.as_posix()}' is no program that can be run here",
    }
    script.chmod(0o700)
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("COLLECTOR", "a token")
    assert Settings.load(file).files.scanner == (script.as_posix(), "-")


def complaints(file: Path) -> dict[str, str]:
    """Key → what is wrong there."""
    with pytest.raises(InputError) as caught:
        Settings.load(file)
    assert {problem.place for problem in caught.value.problems} == {str(file)}
    return {problem.key: problem.message for problem in caught.value.problems}


# ---- whom the claims describe ----------------------------------------------------------------------------------------

WANG: dict[str, Any] = {"sub": "wang", "name": "王敏", "city": "yuyao", "roles": ["tech_clerk"]}
KEYCLOAK = Settings(
    claims=ClaimSettings(id="preferred_username", roles="realm_access.roles", city="org.city", uscc="attributes.code"),
    roles={"kj-banshi": "tech_clerk", "kj-lingdao": "tech_lead", "qiye": "applicant"},
    cities={"330281": "yuyao"},
)


def test_claims_become_an_actor() -> None:
    actor = actor_of(WANG, Settings())
    assert actor == Actor.of("wang", "tech_clerk", "yuyao", name="王敏")
    assert actor_of({**WANG, "roles": "finance auditor  finance nobody"}, Settings()).roles == ("finance", "auditor")
    assert actor_of({**WANG, "name": None}, Settings()).name == "wang"
    assert actor_of({**WANG, "sub": 1024}, Settings()).id == "1024"
    assert actor_of({**WANG, "uscc": "nonsense"}, Settings()).uscc == "", "who is no applicant stands for no operator"
    operator = actor_of({**WANG, "roles": ["applicant"], "uscc": YUYAO_USCC.lower()}, Settings())
    assert operator.uscc == YUYAO_USCC


def test_claims_are_found_where_the_settings_say_and_words_are_translated() -> None:
    said = {
        "preferred_username": "li",
        "realm_access": {"roles": ["offline_access", "kj-lingdao", "kj-banshi", 7, None]},
        "org": {"city": ["330281"]},
        "attributes": {"code": [YUYAO_USCC]},
    }
    assert actor_of(said, KEYCLOAK) == Actor.of("li", ["tech_lead", "tech_clerk"], "yuyao")
    said["realm_access"] = {"roles": ["qiye"]}
    assert actor_of(said, KEYCLOAK).uscc == YUYAO_USCC
    dotted = Settings(claims=ClaimSettings(roles="https://intranet.test/roles"))
    assert actor_of({**WANG, "https://intranet.test/roles": ["finance"]}, dotted).roles == ("finance",)


def test_a_city_may_stand_in_the_settings_for_tokens_that_name_none() -> None:
    alone = Settings(city="cixi")
    assert actor_of({**WANG, "city": None}, alone).city == "cixi"
    assert actor_of(WANG, alone).city == "yuyao"


@pytest.mark.parametrize(
    ("claims", "kind"),
    [
        ({"sub": None}, NotAuthenticated),
        ({"sub": ""}, NotAuthenticated),
        ({"sub": "  "}, NotAuthenticated),
        ({"sub": True}, NotAuthenticated),
        ({"sub": ["a", "b"]}, NotAuthenticated),
        ({"sub": "wang\x00"}, NotAuthenticated),
        ({"sub": "wa\u202eng"}, NotAuthenticated),
        ({"sub": "w" * 129}, NotAuthenticated),
        ({"sub": "timer:correction"}, NotAuthenticated),
        ({"sub": "case:yuyao-1"}, NotAuthenticated),
        ({"name": "王\n敏"}, NotAuthenticated),
        ({"name": "王" * 129}, NotAuthenticated),
        ({"city": None}, NotAuthenticated),
        ({"city": {"a": 1}}, NotAuthenticated),
        ({"city": "yu\x07yao"}, NotAuthenticated),
        ({"roles": ["applicant"]}, NotAuthenticated),
        ({"roles": ["applicant"], "uscc": "91330281MA2B00001X"}, NotAuthenticated),
        ({"roles": ["applicant"], "uscc": 7}, NotAuthenticated),
        ({"roles": None}, NotAuthorised),
        ({"roles": []}, NotAuthorised),
        ({"roles": ["timer", "case", "root"]}, NotAuthorised),
        ({"roles": {"tech_clerk": True}}, NotAuthorised),
        ({"roles": [["tech_clerk"]]}, NotAuthorised),
    ],
)
def test_who_is_not_known_or_has_no_role_is_turned_away(claims: dict[str, Any], kind: type[WorkflowError]) -> None:
    with pytest.raises(kind) as caught:
        actor_of({**WANG, **claims}, Settings())
    assert "91330281MA2B00001X" not in str(caught.value)


def test_a_city_that_is_none_of_ours_is_no_city_of_somebody_else_s() -> None:
    said = {"preferred_username": "li", "realm_access": {"roles": ["kj-banshi"]}, "org": {"city": "330282"}}
    with pytest.raises(NotAuthorised):
        actor_of(said, KEYCLOAK)


@pytest.mark.parametrize("role", ["tech_clerk", "tech_lead", "finance", "admin"])
def test_an_office_of_a_city_without_a_pack_is_none_of_ours(role: str) -> None:
    elsewhere = {**WANG, "city": "yuyaoo", "uscc": YUYAO_USCC}
    for roles in ([role], [role, "auditor"]):
        with pytest.raises(NotAuthorised):
            actor_of({**elsewhere, "roles": roles}, Settings(), cities=("cixi", "yuyao"))
    assert actor_of({**WANG, "roles": [role]}, Settings(), cities=("cixi", "yuyao")).city == "yuyao"


@pytest.mark.parametrize("role", ["auditor", "applicant"])
def test_auditors_and_applicants_may_be_at_home_anywhere(role: str) -> None:
    elsewhere = {**WANG, "city": "hangzhou", "uscc": YUYAO_USCC, "roles": [role]}
    assert actor_of(elsewhere, Settings(), cities=("cixi", "yuyao")).city == "hangzhou"


def test_who_asks_is_read_from_the_request(file: Path) -> None:
    who_asks = authenticate(
        Settings(tokens=TokenSettings(issuer=ISSUER, audience=(AUDIENCE,), jwks_file=file)),
    )

    def asked(*headers: str) -> Actor:
        raw = [(b"authorization", header.encode()) for header in headers]
        return who_asks(Request({"type": "http", "headers": raw}))

    token = f"Bearer {signed(**WANG)}"
    assert asked(token).id == "wang"
    for wrong in ((), (token, token), (token[:-4],)):
        with pytest.raises(NotAuthenticated):
            asked(*wrong)
    with pytest.raises(InputError):
        authenticate(Settings())


def test_over_http_each_answer_says_what_is_wrong(desk: Bureau, file: Path) -> None:
    settings = Settings(tokens=TokenSettings(issuer=ISSUER, audience=(AUDIENCE,), jwks_file=file))
    who_asks = authenticate(settings, cities=desk.workflow.catalog.cities)
    with serving(create_app(desk.workflow, who_asks, settings)) as url:

        def asked(token: str | None) -> httpx.Response:
            headers = {"authorization": f"Bearer {token}"} if token else {}
            return httpx.get(f"{url}/v1/me", headers=headers, trust_env=False)

        assert asked(signed(**WANG)).json()["id"] == "wang"
        for token in (None, signed(**WANG, exp=1), forged({"alg": "none"}, WANG)):
            answer = asked(token)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer" + ' error="invalid_token"' * bool(token)
            assert answer.headers["content-type"] == "application/problem+json"
        nobody = asked(signed(**{**WANG, "roles": []}))
        assert nobody.status_code == 403
        assert nobody.json()["refusals"][0]["code"] == "not_authorised"
        nowhere = asked(signed(**{**WANG, "city": "yuyaoo"}))
        assert nowhere.status_code == 403
        assert nowhere.json()["refusals"][0]["field"] == "city"
