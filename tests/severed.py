"""A wire to PostgreSQL that is cut on demand, between a commit and its answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, make_url

_COMMIT = b"COMMIT\0"


class Wire:
    """Takes connections on a loopback port and hands every byte on, until it is told to cut."""

    def __init__(self, server: str) -> None:
        self._server = make_url(server)
        self._cut_next = False
        self._door = socket.create_server(("127.0.0.1", 0))
        #: How many commits have been cut off from their answers.
        self.cuts = 0
        self._open: list[socket.socket] = [self._door]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> URL:
        """The database at the other end of the wire."""
        host, port = self._door.getsockname()
        return self._server.set(host=host, port=port, query={"sslmode": "disable", "gssencmode": "disable"})

    def cut_the_next_commit(self) -> None:
        """The server gets the next COMMIT and does it; its answer, and the connection, are lost on the way."""
        self._cut_next = True

    def close(self) -> None:
        """Nothing goes through any more."""
        for end in self._open:
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            far = self._connect()
            self._open += [near, far]
            told = threading.Event()
            threading.Thread(target=self._hand_on, args=(near, far, told), daemon=True).start()
            threading.Thread(target=self._answer, args=(near, far, told), daemon=True).start()

    def _connect(self) -> socket.socket:
        folder = Path(str(self._server.query["host"]))
        far = socket.socket(socket.AF_UNIX)
        far.connect(str(folder / f".s.PGSQL.{self._server.query.get('port', 5432)}"))
        return far

    def _hand_on(self, near: socket.socket, far: socket.socket, told: threading.Event) -> None:
        for said in _received(near):
            if self._cut_next and _COMMIT in said:
                self._cut_next = False
                told.set()
            try:
                far.sendall(said)
            except OSError:
                break
        _end(near, far)

    def _answer(self, near: socket.socket, far: socket.socket, told: threading.Event) -> None:
        for said in _received(far):
            if told.is_set():
                self.cuts += 1
                break
            try:
                near.sendall(said)
            except OSError:
                break
        _end(near, far)


@contextmanager
def wired(server: str) -> Iterator[Wire]:
    """A wire to a server that listens on a socket in a folder."""
    wire = Wire(server)
    try:
        yield wire
    finally:
        wire.close()


def _received(end: socket.socket) -> Iterator[bytes]:
    while True:
        try:
            said = end.recv(65536)
        except OSError:
            return
        if not said:
            return
        yield said


def _end(*ends: socket.socket) -> None:
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:  # the other thread was first
            continue
