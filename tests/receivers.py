"""Real far ends on loopback, for channels to send to: a mail server and a web server that can behave badly.

Both take connections from the moment they are entered, remember all they received, and let go of whoever hangs when
they are left.
"""
# ruff: noqa: ARG002, N802  (names and arguments are those that aiosmtpd and http.server call)

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


def load_apprise() -> None:
    """Let Apprise load its plugins: some import what is deprecated, which our warnings as errors would not survive."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from apprise import Apprise

        Apprise.instantiate("json://127.0.0.1")


class Authority:
    """An office's own certificate authority, which no system knows."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        #: What clients are to be given as ``ca_file``.
        self.file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def server(self, *names: str) -> ssl.SSLContext:
        """TLS for a server with a certificate for *names*."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names or ("127.0.0.1", "localhost")).configure_cert(context)
        return context


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """One message that the mail server took."""

    sender: str
    recipients: list[str]
    raw: bytes
    encrypted: bool
    login: str | None

    @property
    def mail(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)


@dataclass
class MailServer:
    """An SMTP server on loopback.

    ``recipient_says`` and ``data_says`` are its answers to RCPT and DATA, or one of ``hang``, ``drop`` (in the middle
    of the answer) and, for DATA, ``take and hang``: the message is taken and the goodbye is never answered.
    """

    recipient_says: str = "250 OK"
    data_says: str = "250 OK"
    #: TLS: offered as STARTTLS and required, or spoken from the first byte.
    starttls: ssl.SSLContext | None = None
    tls: ssl.SSLContext | None = None
    #: Name and password that are required.
    login: tuple[str, str] | None = None
    received: list[ReceivedMail] = field(default_factory=list)
    #: How many connections have been made.
    connections: int = 0
    port: int = 0

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        ready = threading.Event()
        self._loop.call_soon(ready.set)
        self._server = self._loop.run_until_complete(
            self._loop.create_server(self._protocol, sock=self._listening, ssl=self.tls)
        )
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _close(self) -> None:
        self._server.close()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)

    def _protocol(self) -> SMTP:
        self.connections += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it does not see that TLS is spoken from the first byte
            return self._session()

    def _session(self) -> SMTP:
        return SMTP(
            self,
            hostname="mail.test",
            tls_context=self.starttls,
            require_starttls=self.starttls is not None,
            auth_required=self.login is not None,
            auth_require_tls=self.starttls is not None,
            authenticator=self._authenticate,
            loop=self._loop,
        )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        right = isinstance(data, LoginPassword) and self.login == (data.login.decode(), data.password.decode())
        return AuthResult(success=right, handled=right, auth_data=data)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.recipient_says.startswith("250"):
            envelope.rcpt_tos.append(address)
        return await self._answer(server, self.recipient_says)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data_says in ("250 OK", "take and hang"):
            assert isinstance(envelope.content, bytes)
            login = session.auth_data.login.decode() if isinstance(session.auth_data, LoginPassword) else None
            encrypted = session.ssl is not None or self.tls is not None
            self.received.append(
                ReceivedMail(str(envelope.mail_from), envelope.rcpt_tos, envelope.content, encrypted, login)
            )
            return "250 OK"
        return await self._answer(server, self.data_says)

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data_says == "take and hang":
            await asyncio.sleep(3600)
        return "221 bye"

    @staticmethod
    async def _answer(server: SMTP, words: str) -> str:
        if words == "hang":
            await asyncio.sleep(3600)
        if words == "drop":
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.write(b"25")
            server.transport.close()
            await asyncio.sleep(3600)
        return words


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """One request that the web server read to its end."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class WebServer:
    """An HTTP server on loopback.

    ``says`` is its answer: a status, or one of ``hang`` (no answer), ``drop`` (in the middle of the head), ``break``
    (in the middle of the body), ``dribble`` (a byte now and then, for ever) and ``garbage``; or a function that is
    given the number of the call, from one, and returns such an answer.
    """

    says: int | str | Callable[[int], int | str] = 200
    tls: ssl.SSLContext | None = None
    received: list[ReceivedCall] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/notices"

    def __enter__(self) -> Self:
        self._left = threading.Event()
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.far_end = self
        if self.tls:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_until_left(self, seconds: float | None = None) -> bool:
        return self._left.wait(seconds)


class _Server(ThreadingHTTPServer):
    far_end: WebServer
    #: Joined when the server is closed, so that nothing is left over.
    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away or do not trust the certificate are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        far_end = self.server.far_end
        body = self.rfile.read(int(self.headers["content-length"]))
        far_end.received.append(ReceivedCall(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        says = far_end.says(len(far_end.received)) if callable(far_end.says) else far_end.says
        self.close_connection = True
        if isinstance(says, int):
            self.send_response(says)
            if 300 <= says < 400:
                self.send_header("location", f"{far_end.url}/elsewhere")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")
        elif says == "hang":
            far_end.wait_until_left()
        elif says == "drop":
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-le")
        elif says == "break":
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        elif says == "garbage":
            self.wfile.write("220 这不是HTTP\r\n\r\n".encode())
        elif says == "dribble":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nx-dribble: ")
            while not far_end.wait_until_left(0.05):
                self.wfile.write(b".")
        else:
            raise AssertionError(says)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its name)
        """Nothing to standard error."""
