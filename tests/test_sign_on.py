"""The intranet's own sign-on: a real OpenID Connect provider, real log-on forms, and its ID token as bearer token."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from kjfh_workflow.web import keys
from kjfh_workflow.web.app import create_app
from kjfh_workflow.web.identity import authenticate
from kjfh_workflow.web.settings import Settings
from tests.api import serving
from tests.bureau import Bureau
from tests.provider import BACK, CLIENT, SECRET, password_of

_MOST_STEPS = 10


class Provider:
    """The provider, as a browser and a console see it."""

    def __init__(self, process: subprocess.Popen[str], issuer: str) -> None:
        self._process = process
        self.issuer = issuer

    def rotate(self) -> None:
        """It signs with another key from now on, and publishes only that one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("rotate\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "rotated\n"

    def log_on(self, who: str) -> str:
        """The ID token of somebody who types in name and password; authorization code flow with PKCE."""
        verifier, state, nonce = (secrets.token_urlsafe(48) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        with httpx.Client(trust_env=False, timeout=60) as browser:
            said = browser.get(f"{self.issuer}/.well-known/openid-configuration").json()
            page = browser.get(
                said["authorization_endpoint"],
                params={
                    "client_id": CLIENT, "redirect_uri": BACK, "response_type": "code", "state": state, "nonce": nonce,
                    "scope": "openid profile groups address", "code_challenge": challenge,
                    "code_challenge_method": "S256",
                },
            )  # fmt: skip
            back = _walk(browser, page, {"login": who, "password": password_of(who)})
            assert back["state"] == [state]
            answer = browser.post(
                said["token_endpoint"],
                auth=(CLIENT, SECRET),
                data={
                    "grant_type": "authorization_code",
                    "code": back["code"][0],
                    "redirect_uri": BACK,
                    "code_verifier": verifier,
                },
            )
            token: str = answer.raise_for_status().json()["id_token"]
        assert jwt.decode(token, options={"verify_signature": False})["nonce"] == nonce
        return token


def _walk(browser: httpx.Client, page: httpx.Response, known: dict[str, str]) -> dict[str, list[str]]:
    """Follow redirects and fill in forms until the provider sends the browser back to the console."""
    for _ in range(_MOST_STEPS):
        if page.has_redirect_location:
            to = str(page.url.join(page.headers["location"]))
            if to.startswith(BACK):
                return parse_qs(urlsplit(to).query)
            page = browser.get(to)
            continue
        page.raise_for_status()
        hidden = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        assert hidden, page.text
        wanted = {name: value for name, value in known.items() if f'name="{name}"' in page.text}
        assert wanted, page.text
        page = browser.post(page.url, data={"csrf_token": hidden[1], **wanted})
    raise AssertionError("the provider never sent the browser back")


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.provider", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Provider(process, f"http://localhost:{port}")
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def asked(desk: Bureau, provider: Provider, tmp_path: Path) -> Iterator[Callable[[str], httpx.Response]]:
    """Who the service takes the bearer of a token for."""
    (tmp_path / "web.toml").write_text(
        f"""
        [tokens]
        issuer = "{provider.issuer}"
        audience = ["{CLIENT}"]
        discover = true
        [claims]
        roles = "groups"
        city = "address.locality"
        [roles]
        "科技局经办" = "tech_clerk"
        [cities]
        "余姚" = "yuyao"
        """,
        "utf-8",
    )
    settings = Settings.load(tmp_path / "web.toml")
    with serving(create_app(desk.workflow, authenticate(settings), settings)) as url:
        yield lambda token: httpx.get(
            f"{url}/v1/me", headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=60
        )


def test_who_logs_on_at_the_intranet_is_known_here(provider: Provider, asked: Callable[[str], httpx.Response]) -> None:
    answer = asked(provider.log_on("wang"))
    assert answer.status_code == 200, answer.text
    me = {"id": "wang", "name": "王敏", "roles": ["tech_clerk"], "city": "yuyao", "uscc": ""}
    assert answer.json() == me | {"role_labels": {"tech_clerk": "科技局经办人"}, "city_label": "余姚市"}


@pytest.mark.parametrize("who", ["zhang", "chen"])
def test_who_has_no_role_or_city_of_ours_is_known_and_turned_away(
    provider: Provider, asked: Callable[[str], httpx.Response], who: str
) -> None:
    answer = asked(provider.log_on(who))
    assert answer.status_code == 403
    assert answer.json()["refusals"][0]["code"] == "not_authorised"


def test_the_provider_changes_its_key_and_nobody_restarts_anything(
    provider: Provider, asked: Callable[[str], httpx.Response], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PAUSE", 0.0)
    old = provider.log_on("wang")
    assert asked(old).status_code == 200
    provider.rotate()
    new = provider.log_on("wang")
    assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
    assert asked(new).status_code == 200
    assert asked(old).status_code == 401, "the old key is published no longer"


def test_a_token_for_another_console_is_not_for_us(
    provider: Provider, desk: Bureau, asked: Callable[[str], httpx.Response]
) -> None:
    token = provider.log_on("wang")
    settings = Settings.model_validate(
        {"tokens": {"issuer": provider.issuer, "audience": ["another-console"], "discover": True}}
    )
    with serving(create_app(desk.workflow, authenticate(settings), settings)) as url:
        answer = httpx.get(f"{url}/v1/me", headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=60)
    assert answer.status_code == 401
    assert "aud" in answer.json()["detail"]
    assert asked(token).status_code == 200
