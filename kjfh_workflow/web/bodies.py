"""Bodies on their way in: how long one may be, how slow, how much waits at once.

They are read whole before their route is called; files their route takes piece by piece (``Uploads``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO

from starlette.types import Message, Receive

from kjfh_workflow.errors import Unavailable
from kjfh_workflow.web.problems import TooLarge, TooSlow

#: Seconds in which a body must have come; of a file, that may pass without a piece of it.
PATIENCE = 60.0
_TOO_MANY = "too many bodies wait to be answered"


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
        body = _Body()
        try:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._fill(body, receive)
            except TimeoutError:
                raise TooSlow(f"a body must come within {PATIENCE:.0f} seconds") from None
            yield _again(body, receive)
        finally:
            self._held -= body.size

    async def _fill(self, body: _Body, receive: Receive) -> None:
        more = True
        while more:
            message = await receive()
            part = message.get("body", b"")
            body.add(part)
            self._held += len(part)
            if body.size > self._longest:
                raise TooLarge(f"a body of at most {self._longest:,} bytes is taken here")
            if self._held > self._most:
                raise Unavailable(_TOO_MANY)
            more = message.get("more_body", False)  # False also where the client has gone


class _Body:
    """A body as far as it has come; in one piece, however small those are in which it comes."""

    def __init__(self) -> None:
        #: How many bytes have come, whoever holds them now.
        self.size = 0
        self._bytes = BytesIO()

    def add(self, part: bytes) -> None:
        """What has come."""
        self._bytes.write(part)
        self.size += len(part)

    @property
    def is_gone(self) -> bool:
        """Whether it has been handed on."""
        return self._bytes.closed

    def hand_on(self) -> bytes:
        """The very bytes, no copy of them; whoever takes them is the only one that holds them."""
        whole = self._bytes.getvalue()
        self._bytes.close()
        return whole


def _again(body: _Body, receive: Receive) -> Receive:
    """The body that has been read already, then whatever comes."""

    async def received() -> Message:
        if body.is_gone:
            return await receive()
        return {"type": "http.request", "body": body.hand_on(), "more_body": False}

    return received


class Uploads:
    """Files that a route takes piece by piece; used by one event loop.

    Args:
        most: that many at once, from their first byte until they are answered.
        seconds: in which the whole of one must have come.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._here = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one, which is free again at the end of the block.

        Raises:
            Unavailable: if there is none.
        """
        if self._here >= self._most:
            raise Unavailable(_TOO_MANY)
        self._here += 1
        try:
            yield
        finally:
            self._here -= 1

    async def take(self, pieces: AsyncIterator[bytes], put: Callable[[bytes], Awaitable[None]]) -> None:
        """Hand over one piece after the other; the time that this takes is not the sender's silence.

        Raises:
            TooSlow: if all of it has not come in time, or no piece for a while.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._seconds
        try:
            async with asyncio.timeout_at(min(ends, loop.time() + PATIENCE)) as limit:
                async for piece in pieces:
                    limit.reschedule(ends)
                    await put(piece)
                    limit.reschedule(min(ends, loop.time() + PATIENCE))
        except TimeoutError:
            raise TooSlow(
                f"a file must come within {self._seconds:.0f} seconds, and with no pause of {PATIENCE:.0f}"
            ) from None
