"""A real OpenID Connect provider (Canaille) as a process of its own: ``python -m tests.provider PORT``.

People log on with a form and a password. A line on standard input makes it sign with a new key from then on.
"""

from __future__ import annotations

import os
import sys
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

CLIENT, SECRET, BACK = "kjfh-console", "secret-of-the-console", "http://127.0.0.1:9/back"
#: Who there is, with the word of the intranet for what they are and where.
PEOPLE = {
    "wang": ("王敏", "科技局经办", "余姚"),
    "zhang": ("张伟", "保安", "余姚"),
    "chen": ("陈静", "科技局经办", "宁海"),
}


def password_of(who: str) -> str:
    """Everybody has one of their own."""
    return f"{who}-has-a-long-password"


def main(port: int) -> None:
    """Serve until killed."""
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # http is good enough on loopback
    from canaille import create_app

    app = create_app(
        {
            "SECRET_KEY": "of the provider's own sessions, in this test",
            "ENV_FILE": None,
            "PREFERRED_URL_SCHEME": "http",
            "SERVER_NAME": f"localhost:{port}",
            "CANAILLE": {"DATABASE": "memory", "JAVASCRIPT": False, "ACL": {"DEFAULT": {"PERMISSIONS": ["use_oidc"]}}},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [_new_key()]},
        }
    )
    with app.app_context():
        _populate()

    def rotate() -> None:
        for _ in sys.stdin:
            app.config["CANAILLE_OIDC"]["ACTIVE_JWKS"] = [_new_key()]
            print("rotated", flush=True)

    Thread(target=rotate, daemon=True).start()

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with make_server("127.0.0.1", port, app, handler_class=Quiet) as server:
        print("ready", flush=True)
        server.serve_forever()


def _new_key() -> dict[str, Any]:
    from joserfc.jwk import JWKRegistry

    key = JWKRegistry.generate_key("RSA", 2048)
    key.ensure_kid()
    return {name: str(value) for name, value in key.as_dict(private=True).items()}


def _populate() -> None:
    from canaille.app import models
    from canaille.backends import Backend

    groups: dict[str, list[Any]] = {}
    for who, (name, group, town) in PEOPLE.items():
        person = models.User(
            user_name=who,
            formatted_name=name,
            family_name=name[0],
            emails=[f"{who}@intranet.test"],
            locality=town,
            password=password_of(who),
        )
        Backend.instance.save(person)
        groups.setdefault(group, []).append(person)
    for group, members in groups.items():
        Backend.instance.save(models.Group(display_name=group, members=members))
    console = models.Client(
        client_id=CLIENT,
        client_secret=SECRET,
        client_name="console",
        client_uri="http://127.0.0.1:9",
        redirect_uris=[BACK],
        grant_types=["authorization_code"],
        response_types=["code"],
        id_token_signed_response_alg="RS256",  # noqa: S106
        scope=["openid", "profile", "groups", "address"],
        token_endpoint_auth_method="client_secret_basic",  # noqa: S106
    )
    Backend.instance.save(console)  # it is known by what it is saved under
    console.audience = [console]
    Backend.instance.save(console)


if __name__ == "__main__":
    main(int(sys.argv[1]))
