"""Bodies that are read whole before their route is called: how long one may be, how slow, how much waits at once.

Files that a route takes piece by piece are limited by that route.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Message, Receive

from kjfh_workflow.errors import Unavailable
from kjfh_workflow.web.problems import TooLarge, TooSlow

#: Seconds in which a body must have come; a file has a route of its own.
PATIENCE = 60.0


class Bodies:
    """What is read of requests before anybody looks at them; used by one event loop.

    Args:
        longest: bytes of one body.
        most: bytes of all bodies at once that have come, or are coming, and have not been answered.
    """

    def __init__(self, longest: int, most: int) -> None:
        self._longest = longest
        self._most = most
        self._held = 0

    @asynccontextmanager
    async def read(self, receive: Receive) -> AsyncIterator[Receive]:
        """The request with its body, which is let go at the end of the block.

        Raises:
            TooLarge: if there is more of it than is taken.
            TooSlow: if it has not come in time.
            Unavailable: if too much waits already.
        """
        body = bytearray()
        try:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._fill(body, receive)
            except TimeoutError:
                raise TooSlow(f"a body must come within {PATIENCE:.0f} seconds") from None
            yield _again(bytes(body), receive)
        finally:
            self._held -= len(body)

    async def _fill(self, body: bytearray, receive: Receive) -> None:
        more = True
        while more:
            message = await receive()
            part = message.get("body", b"")
            body += part
            self._held += len(part)
            if len(body) > self._longest:
                raise TooLarge(f"a body of at most {self._longest:,} bytes is taken here")
            if self._held > self._most:
                raise Unavailable("too many bodies wait to be answered")
            more = message.get("more_body", False)  # False also where the client has gone


def _again(body: bytes, receive: Receive) -> Receive:
    """The body that has been read already, then whatever comes."""
    read = False

    async def received() -> Message:
        nonlocal read
        if read:
            return await receive()
        read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return received
