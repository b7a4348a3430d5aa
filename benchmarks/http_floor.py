"""The floor: a bare FastAPI application whose endpoints say the product's own SQL and answer the rows.

No tokens, no models, no rules, no log. What is said was filmed once for each kind of request (``http_film``).
``python -m benchmarks.http_floor FILMS URL PORT THREADS`` serves with the settings of ``kjfh serve``.
"""

from __future__ import annotations

import json
import pickle
import queue
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import psycopg
import uvicorn
from anyio import to_thread
from fastapi import FastAPI, Header, Response

from benchmarks.http_film import COMMIT, ROLLBACK, Film, Said, is_marked


def main(films: str, url: str, port: str, threads: str) -> None:
    """Serve until SIGTERM."""
    kinds = pickle.loads(Path(films).read_bytes())  # noqa: S301 - our own, written a moment ago
    uvicorn.run(
        bare(kinds, url, int(threads)),
        host="127.0.0.1",
        port=int(port),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )


def bare(films: Sequence[Film], url: str, threads: int) -> FastAPI:
    """The application: the kinds of requests by their number, a copy by what is its own."""
    pool = _Pool(url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = threads
        yield
        pool.close()

    app = FastAPI(lifespan=lifespan)
    reels = [_Reel(film) for film in films]

    @app.get("/{kind}/{own}")
    def look(kind: int, own: str) -> Response:
        return _answer(reels[kind].play(pool, own))

    @app.post("/{kind}/{own}")
    def act(
        kind: int,
        own: str,
        body: dict[str, Any],  # noqa: ARG001 - read and parsed, like the two headers
        idempotency_key: Annotated[str, Header()],  # noqa: ARG001
        if_match: Annotated[str, Header()],  # noqa: ARG001
    ) -> Response:
        return _answer(reels[kind].play(pool, own))

    return app


class _Pool:
    """Connections that are made when all others are in use; as many as there are threads, then."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._free: queue.LifoQueue[psycopg.Connection] = queue.LifoQueue()

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """One, free of any transaction before and after."""
        try:
            found = self._free.get_nowait()
        except queue.Empty:
            found = psycopg.connect(self._url)
        try:
            yield found
        finally:
            found.rollback()
            self._free.put(found)

    def close(self) -> None:
        """Give them all back."""
        while not self._free.empty():
            self._free.get_nowait().close()


class _Reel:
    """A film, ready to be played for any copy."""

    def __init__(self, film: Film) -> None:
        self._film = film
        self._same = [not is_marked(said.values) for said in film.said]

    def play(self, pool: _Pool, own: str) -> list[list[Any]]:
        """Say it all for one copy; the rows of each statement that has any."""
        found: list[list[Any]] = []
        with pool.connection() as connection:
            cursor = connection.cursor()
            for said, same in zip(self._film.said, self._same, strict=True):
                self._say(connection, cursor, said if same else self._film.put(said, own), found)
        return found

    @staticmethod
    def _say(connection: psycopg.Connection, cursor: Any, said: Said, found: list[list[Any]]) -> None:
        if said.sql == COMMIT:
            connection.commit()
        elif said.sql == ROLLBACK:
            connection.rollback()
        elif said.many:
            cursor.executemany(said.sql, said.values)
        else:
            cursor.execute(said.sql, said.values)
            if cursor.description:
                found.append(cursor.fetchall())
            elif said.sql.startswith("UPDATE"):
                assert cursor.rowcount > 0, f"touched nothing: {said.sql}"


def _answer(rows: list[list[Any]]) -> Response:
    return Response(json.dumps(rows, default=str, ensure_ascii=False).encode(), media_type="application/json")


if __name__ == "__main__":
    main(*sys.argv[1:])
