"""What the product says to PostgreSQL for one request: every statement, with marks where another case has its own.

Saying it again for other cases is ``http_floor``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import uvicorn
from fastapi import FastAPI
from sqlalchemy import event

from benchmarks.http_asked import Kind
from benchmarks.http_client import ask
from benchmarks.http_load import OPERATOR, OWN, masked, unmasked
from benchmarks.targets import Target
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.store.database import Database
from kjfh_workflow.web.app import create_app
from kjfh_workflow.web.identity import authenticate
from kjfh_workflow.web.settings import Settings

#: Ends of transactions; one without writing ends as it likes.
COMMIT, ROLLBACK = "COMMIT", "ROLLBACK"


class Said(NamedTuple):
    """One statement as the driver was given it, or the end of a transaction."""

    sql: str
    values: Any = None
    many: bool = False


@dataclass(frozen=True)
class Film:
    """The statements of one kind of request."""

    number: int
    said: Sequence[Said]

    def put(self, said: Said, own: str) -> Said:
        """One of the statements as it is said for another copy."""
        return said._replace(values=_each(said.values, lambda text: unmasked(text, own, self.number)))


def filmed(target: Target, name: str, settings: Path, token: str, kind: Kind, owns: tuple[str, str]) -> Film:
    """Let the product answer for two copies; the first time is a rehearsal: statements are compiled, caches filled."""
    seen: list[Said] = []
    limits = Settings.load(settings)
    database = Database.open(target.url(name), connections=limits.threads)

    @event.listens_for(database.engine, "do_connect")
    def on_connect(_dialect: object, _record: object, args: list[Any], options: dict[str, Any]) -> Any:
        return _noting(seen).connect(*args, **options)

    workflow = Workflow(database)
    try:
        with _served(create_app(workflow, authenticate(limits), limits)) as port:
            for own in owns:
                seen.clear()
                ask(port, [kind.request(kind.path, own, token)], 1, 1.0)
    finally:
        database.engine.dispose()
    number = kind.family.number
    return Film(number, [one._replace(values=_each(one.values, lambda t: masked(t, owns[1], number))) for one in seen])


@contextmanager
def _served(app: FastAPI) -> Iterator[int]:
    """In a thread of this process; the port."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def _each(values: Any, change: Any) -> Any:
    """The same with every text changed."""
    if isinstance(values, str):
        return change(values)
    if isinstance(values, dict):
        return {key: _each(value, change) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [_each(value, change) for value in values]
    return values


def is_marked(values: Any) -> bool:
    """Whether another copy has other values."""
    return OPERATOR in repr(values) or OWN in repr(values)


def _noting(seen: list[Said]) -> type[psycopg.Connection[Any]]:
    class Cursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Cursor:
            seen.append(Said(query, params))
            super().execute(query, params, **options)
            return self

        def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
            seen.append(Said(query, params_seq, many=True))
            super().executemany(query, params_seq, **options)

    class Connection(psycopg.Connection[Any]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.cursor_factory = Cursor

        def commit(self) -> None:
            self._end(COMMIT)
            super().commit()

        def rollback(self) -> None:
            self._end(ROLLBACK)
            super().rollback()

        def _end(self, how: str) -> None:
            if self.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
                seen.append(Said(how))

    return Connection
