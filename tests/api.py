"""The service for tests: real tokens, signed by an intranet of our own, asked on a loopback port."""

from __future__ import annotations

import atexit
import json
import shutil
import ssl
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI, Request

from kjfh_workflow import Actor, Workflow
from kjfh_workflow.web.app import create_app
from kjfh_workflow.web.identity import authenticate
from kjfh_workflow.web.settings import Settings
from tests.bureau import Bureau

#: For plain HTTP; a client that would know the world's authorities reads them for 30 ms first.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ISSUER, AUDIENCE, KEY_ID = "https://intranet.test", "kjfh", "first"


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """The intranet's."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwks() -> dict[str, Any]:
    """Its public half, as the intranet publishes it."""
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(signing_key().public_key()))
    return {"keys": [{**public, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]}


def write_settings(folder: Path, more: str = "") -> Path:
    """A ``web.toml`` that believes this intranet."""
    (folder / "jwks.json").write_text(json.dumps(jwks()), "utf-8")
    file = folder / "web.toml"
    file.write_text(
        f'{more}\n[tokens]\nissuer = "{ISSUER}"\naudience = ["{AUDIENCE}"]\njwks_file = "jwks.json"\n', "utf-8"
    )
    return file


def token(actor: Actor, **claims: object) -> str:
    """The intranet's token for somebody."""
    now = int(datetime.now(UTC).timestamp())
    said = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": actor.id, "name": actor.name, "city": actor.city,
        "roles": [str(role) for role in actor.roles], "uscc": actor.uscc, "iat": now, "exp": now + 300,
    }  # fmt: skip
    return jwt.encode({**said, **claims}, signing_key(), "RS256", headers={"kid": KEY_ID})


def as_(actor: Actor, **headers: str) -> dict[str, str]:
    """The headers of a request by somebody; ``if_match="…"`` becomes If-Match."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"authorization": f"Bearer {token(actor)}", **more}


class Api:
    """The service as somebody's program sees it, over HTTP."""

    def __init__(self, url: str) -> None:
        # A connection for each request, so that none is left behind when a test is over.
        self.client = httpx.Client(
            base_url=url, trust_env=False, verify=NO_TLS, headers={"connection": "close"}, timeout=30
        )

    def get(self, path: str, by: Actor, **params: Any) -> httpx.Response:
        """Ask."""
        return self.client.get(path, params=params, headers=as_(by))

    def post(self, path: str, by: Actor, body: Mapping[str, Any] | None = None, **headers: str) -> httpx.Response:
        """Act."""
        return self.client.post(path, json=body or {}, headers=as_(by, **headers))


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The service on a free loopback port, until the block ends."""
    with _started(app) as server:
        yield _url(server)


@contextmanager
def _started(app: FastAPI) -> Iterator[uvicorn.Server]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join()


def _url(server: uvicorn.Server) -> str:
    return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"


@cache
def believing() -> Callable[[Request], Actor]:
    """The service's own sign-on, believing this intranet."""
    folder = Path(tempfile.mkdtemp(prefix="kjfh-jwks-"))
    atexit.register(shutil.rmtree, folder)  # the keys are looked at for every request
    return authenticate(Settings.load(write_settings(folder)))


def standard(workflow: Workflow) -> FastAPI:
    """The service as it comes, believing this intranet."""
    return create_app(workflow, believing())


_Make = Callable[[Workflow], FastAPI]
#: Services that nobody asks just now, by what made them: one takes half a second to start, and a tenth to stop.
_IDLE: dict[_Make, list[tuple[FastAPI, uvicorn.Server]]] = defaultdict(list)
_ALL = ExitStack()
atexit.register(_ALL.close)


@contextmanager
def borrowed(office: Bureau, make: _Make) -> Iterator[str]:
    """Where a service answers that may have served other offices before. After a failure nobody gets it any more."""
    if _IDLE[make]:
        app, server = _IDLE[make].pop()
    else:
        app = make(office.workflow)
        server = _ALL.enter_context(_started(app))
    app.state.workflow = office.workflow
    yield _url(server)
    while server.server_state.tasks:  # the office closes behind the last request
        time.sleep(0.001)
    _IDLE[make].append((app, server))


@contextmanager
def served(office: Bureau, settings: Settings | None = None) -> Iterator[Api]:
    """The service of an office, over real HTTP and with real tokens."""
    service = serving(create_app(office.workflow, believing(), settings)) if settings else borrowed(office, standard)
    with service as url:
        yield Api(url)
