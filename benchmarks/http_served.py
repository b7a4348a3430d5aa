"""The two contestants as processes of their own: ``kjfh serve``, and the floor with the same settings."""

from __future__ import annotations

import json
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.http_film import Film
from benchmarks.targets import Target
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.web.settings import Settings

_ISSUER, _AUDIENCE, _KEY = "https://intranet.bench", "kjfh", "first"
_VALID_SECONDS = 12 * 3600
_PATIENCE = 60.0
_ROOT = Path(__file__).parent.parent


class Intranet:
    """Signs tokens (RS256), and has a ``web.toml`` written that believes them; all else is as by default."""

    def __init__(self, folder: Path) -> None:
        self._signing = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._signing.public_key()))
        (folder / "jwks.json").write_text(json.dumps({"keys": [{**public, "kid": _KEY, "use": "sig", "alg": "RS256"}]}))
        #: The file.
        self.settings = folder / "web.toml"
        self.settings.write_text(
            f'[tokens]\nissuer = "{_ISSUER}"\naudience = ["{_AUDIENCE}"]\njwks_file = "jwks.json"\n'
        )

    def token(self, actor: Actor) -> str:
        """Somebody's."""
        now = int(time.time())
        said = {
            "iss": _ISSUER, "aud": _AUDIENCE, "sub": actor.id, "name": actor.name, "city": actor.city,
            "roles": [str(role) for role in actor.roles], "iat": now, "exp": now + _VALID_SECONDS,
        }  # fmt: skip
        return jwt.encode(said, self._signing, "RS256", headers={"kid": _KEY})


@contextmanager
def serving(target: Target, name: str, settings: Path, films: Sequence[Film]) -> Iterator[tuple[int, int]]:
    """The ports of the product and of the floor, until the block ends."""
    url, folder = target.url(name), settings.parent
    (folder / "films").write_bytes(pickle.dumps(films))
    ports = _free_port(), _free_port()
    threads = Settings.load(settings).threads
    plain = url.replace("postgresql+psycopg:", "postgresql:")
    commands = (
        ["kjfh_workflow.cli", "--db", url, "serve", "--settings", str(settings), "--port", str(ports[0])],
        ["benchmarks.http_floor", str(folder / "films"), plain, str(ports[1]), str(threads)],
    )
    with ExitStack() as stack:
        for command, port in zip(commands, ports, strict=True):
            log = stack.enter_context((folder / f"{command[0]}.log").open("wb"))
            server = subprocess.Popen([sys.executable, "-m", *command], stdout=log, stderr=log, cwd=_ROOT)
            stack.callback(server.wait)
            stack.callback(server.terminate)
            _wait(server, port, folder / f"{command[0]}.log")
        yield ports


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"nobody listens: {log.read_text()}")
