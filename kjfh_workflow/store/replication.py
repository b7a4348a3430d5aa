"""Whether an act that the server has called committed is also where it was promised to be: on the standby.

How a transaction is opened and ended stands in ``database``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Dialect

from kjfh_workflow.errors import Unavailable


@contextmanager
def replicated(pooled: Any, dialect: Dialect) -> Iterator[None]:
    """Around a commit: one that did not wait for the standby to the end is not called done.

    Where somebody cancels the wait (``pg_cancel_backend``), PostgreSQL answers a commit with yes and a warning, and the
    act is on the primary only: a failover would lose it.

    Args:
        pooled: the connection, as the pool gives it.
        dialect: its database's.

    Raises:
        Unavailable: where the commit was warned of; sent again with its id, the request waits for the standby anew.
    """
    if dialect.driver != "psycopg":
        yield
        return
    warnings: list[str] = []

    def listen(said: Any) -> None:  # what is said is gone when this returns
        if said.severity_nonlocalized == "WARNING":
            warnings.append(said.message_primary)

    connection = pooled.driver_connection
    connection.add_notice_handler(listen)
    try:
        yield
    finally:
        connection.remove_notice_handler(listen)
    if warnings:
        raise Unavailable(f"committed, but perhaps not on the standby: {warnings[0]}")
