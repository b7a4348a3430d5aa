"""Asks over HTTP as fast as it is answered: sockets that stay open, in a process of its own.

What is asked is ``http_asked``'s.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

_READ = 1 << 18
_PATIENCE = 60.0


@dataclass(frozen=True)
class Answered:
    """One batch: every answer was a 200."""

    seconds: float
    #: From the first byte sent to the last one read, of each request.
    latencies: list[float]


@dataclass
class _Line:
    """One connection, with the request that is under way."""

    socket: socket.socket
    sent_at: float = 0.0
    parts: bytearray = field(default_factory=bytearray)
    #: Of the answer with its head; 0 until that is known.
    length: int = 0


def ask(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Answered:
    """Send the requests, each connection its next when the last is answered, until the time is over or none is left.

    Raises:
        AssertionError: for any answer but a 200.
    """
    latencies: list[float] = []
    waiting = iter(requests)
    clock = time.perf_counter
    with selectors.DefaultSelector() as selector:
        lines = [_Line(_connected(port)) for _ in range(connections)]
        started = clock()
        open_ = sum(_send(selector, line, waiting, clock()) for line in lines)
        while open_:
            ready = selector.select(_PATIENCE)
            assert ready, "no answer"
            for key, _ in ready:
                line: _Line = key.data
                if not _whole(line):
                    continue
                now = clock()
                latencies.append(now - line.sent_at)
                if now - started > seconds or not _send(selector, line, waiting, now):
                    selector.unregister(line.socket)
                    open_ -= 1
        took = clock() - started
        for line in lines:
            line.socket.close()
    return Answered(took, latencies)


def _connected(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _send(selector: selectors.BaseSelector, line: _Line, waiting: object, now: float) -> bool:
    request = next(waiting, None)  # type: ignore[call-overload]
    if request is None:
        return False
    line.sent_at, line.length = now, 0
    line.parts.clear()
    line.socket.sendall(request)
    if line.socket not in selector.get_map():
        selector.register(line.socket, selectors.EVENT_READ, line)
    return True


def _whole(line: _Line) -> bool:
    """Read what is there; whether the answer is complete."""
    part = line.socket.recv(_READ)
    assert part, "the server has hung up"
    line.parts += part
    if not line.length and (end := line.parts.find(b"\r\n\r\n")) >= 0:
        head = bytes(line.parts[:end]).lower()
        assert head.startswith(b"http/1.1 200 "), bytes(line.parts).decode(errors="replace")[:2000]
        line.length = end + 4 + int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return bool(line.length) and len(line.parts) >= line.length
