"""An act that is tried again while somebody else is first. What it does is its own business."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from kjfh_workflow.errors import Conflict
from kjfh_workflow.store.database import Clash, Transaction

#: How often; each time the act is decided anew.
_TRIES = 5
_Tx = TypeVar("_Tx", bound=Transaction)
_Done = TypeVar("_Done")


def again(opening: Callable[[], AbstractContextManager[_Tx]], act: Callable[[_Tx], _Done]) -> _Done:
    """Decided anew while somebody else is first: it may then be refused, or be the same request's first answer.

    Raises:
        Conflict: if somebody else was first every time.
    """
    for left in reversed(range(_TRIES)):
        try:
            with opening() as tx:
                return act(tx)
        except Clash as error:
            if not left:
                raise Conflict(f"somebody else was first: {error}") from error
    raise AssertionError("the last try returns or raises")
