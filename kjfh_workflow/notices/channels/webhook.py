"""Signed calls to a program on the intranet, after the Standard Webhooks scheme. The only home of ``httpx``.

``verify`` is for the other side: programs that receive the calls. What they do with them is theirs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

from kjfh_workflow import canonical
from kjfh_workflow.clock import SystemClock
from kjfh_workflow.errors import DeliveryFailed
from kjfh_workflow.notices.channels.message import Message
from kjfh_workflow.notices.channels.reaching import one_line, trusted, within
from kjfh_workflow.notices.channels.settings import (
    Fault,
    Settings,
    Surroundings,
    Text,
    Variable,
    ca_faults,
    ca_path,
    complain,
    is_web_address,
)

if TYPE_CHECKING:
    import httpx

_PREFIX = "whsec_"
#: The least the scheme asks of a secret.
_SECRET_BYTES = 24
#: The rest of a longer answer is not waited for.
_ANSWER_BYTES = 64 * 1024
_GONE = 410
#: Enough for the year 9999.
_TIMESTAMP_DIGITS = 12


def sign(message_id: str, timestamp: int, body: bytes, secret: str) -> str:
    """``v1,…`` over id, time and body."""
    signed = b".".join((message_id.encode(errors="replace"), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: datetime, tolerance_seconds: int = 300) -> bool:
    """Whether a call comes from who shares the secret, unchanged, and not long ago.

    Within the tolerance a recorded call could be played again, and we repeat a call whose answer we missed: remember
    each ``webhook-id``, and answer 200 to one that is known without acting again.

    Args:
        headers: of the request, in any case.
        body: as received, byte for byte.
        secret: the one of ``secret_env``.
        now: aware.
        tolerance_seconds: how far the two clocks may differ, to either side.

    Raises:
        ValueError: if the secret begins with ``whsec_`` and does not go on in base64.
    """
    found = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp = found.get("webhook-id", ""), found.get("webhook-timestamp", "")
    if not message_id or not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > _TIMESTAMP_DIGITS:
        return False
    if abs(now.timestamp() - int(timestamp)) > tolerance_seconds:
        return False
    expected = sign(message_id, int(timestamp), body, secret).encode()
    # Several are sent while a secret is being replaced.
    given = found.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected, one.encode(errors="replace")) for one in given)


class WebhookSettings(Settings):
    """``kind = "webhook"``."""

    kind: Literal["webhook"]
    url: Text
    secret_env: Variable
    #: Certificates of the office's own authority (PEM), instead of the system's.
    ca_file: Path | None = None

    def faults(self, around: Surroundings) -> Iterator[Fault]:
        """Address, certificates, and a secret long enough."""
        yield from super().faults(around)
        yield from address_faults(self.url, self.ca_file, self.secret_env, around)

    def open(self, around: Surroundings) -> Webhook:
        """The webhook."""
        return Webhook(self, around)


class Webhook:
    """One address on the intranet."""

    medium: str | None = None

    def __init__(self, settings: WebhookSettings, around: Surroundings) -> None:
        self.name = around.name
        trust = trusted(ca_path(settings.ca_file, around))
        self._far_end = FarEnd(
            settings.url, around.secrets["secret_env"], trust, settings.timeout_seconds, "channels.toml"
        )

    def send(self, message: Message, address: str) -> None:  # noqa: ARG002  (has none)
        """Post it; any 2xx means that it has been taken."""
        self._far_end.post(message.safe_id, message.as_data())


@dataclass(frozen=True, slots=True)
class FarEnd:
    """A program that takes signed calls."""

    url: str
    secret: str = field(repr=False)
    trust: ssl.SSLContext
    #: One call, in all.
    timeout_seconds: int
    #: The file in which its address stands.
    file: str

    def post(self, call_id: str, data: Mapping[str, Any], stop: Event | None = None) -> None:
        """Call it; when this returns, it has answered 2xx.

        Args:
            call_id: the same for each repetition of a call.
            data: the body, as JSON.
            stop: when set, the call is broken off.

        Raises:
            DeliveryFailed: whatever went wrong.
        """
        within(self.timeout_seconds, f"接口{self.url}", partial(self._post, call_id, data), stop)

    def _post(self, call_id: str, data: Mapping[str, Any]) -> None:
        import httpx  # noqa: PLC0415  (a fifth of a second, for those who have a webhook)

        body = canonical.dumps(data).encode()
        timestamp = int(SystemClock().now().timestamp())
        headers = {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "kjfh-workflow",
            "webhook-id": call_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(call_id, timestamp, body, self.secret),
        }
        try:
            with (
                # The intranet is not behind the proxy of the environment, and a call must not go there.
                httpx.Client(verify=self.trust, timeout=self.timeout_seconds, trust_env=False) as client,
                client.stream("POST", self.url, content=body, headers=headers) as answer,
            ):
                # An answer that breaks off may come from a program that died on the way: better told twice.
                read = 0
                for chunk in answer.iter_raw():
                    read += len(chunk)
                    if read > _ANSWER_BYTES:
                        break
        except httpx.RemoteProtocolError as error:
            raise DeliveryFailed(f"接口{self.url}没有答完就断开了连接，或答复不合HTTP") from error
        self._judge(answer)

    def _judge(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        said = one_line(f"{answer.status_code} {answer.reason_phrase}")
        if answer.has_redirect_location:
            raise DeliveryFailed(f"接口{self.url}要求转到别处（{said}）；不跟随转向，请在{self.file}中改正地址")
        raise DeliveryFailed(f"接口{self.url}答复{said}", permanent=answer.status_code == _GONE)


def address_faults(url: str, ca_file: Path | None, variable: str, around: Surroundings) -> Iterator[Fault]:
    """What is wrong with an address, its certificates, or the secret that *variable* holds."""
    yield from ca_faults(ca_file, around)
    if not is_web_address(url):
        yield Fault("url", complain("url"))
    elif ca_file and url.startswith("http:"):
        yield Fault("ca_file", complain("ca_unused_url"))
    secret = around.secrets.get("secret_env")
    if secret is not None and not _is_strong(secret):
        yield Fault("secret_env", complain("secret", variable=variable, least=_SECRET_BYTES))


def _key(secret: str) -> bytes:
    """The bytes to sign with: base64 after ``whsec_``, otherwise the text itself."""
    if not secret.startswith(_PREFIX):
        return secret.encode()
    encoded = secret.removeprefix(_PREFIX)
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)


def _is_strong(secret: str) -> bool:
    try:
        return len(_key(secret)) >= _SECRET_BYTES
    except binascii.Error:
        return False
