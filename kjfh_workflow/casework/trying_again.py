"""An act that is tried again while somebody else is first. What it does is its own business."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from kjfh_workflow.errors import Conflict, Crossed
from kjfh_workflow.store.database import Clash, Transaction

#: How often; each time the act is decided anew.
_TRIES = 5
#: Who has crossed with another one lets it go first: seconds.
_AFTER_YOU = (0.01, 0.05)
BEATEN = "somebody else was first; read again and decide again"
_Tx = TypeVar("_Tx", bound=Transaction)
_Done = TypeVar("_Done")


def again(opening: Callable[[], AbstractContextManager[_Tx]], act: Callable[[_Tx], _Done]) -> _Done:
    """Decided anew while somebody else is first: it may then be refused, or be the same request's first answer.

    Only for transactions of our own, which are begun anew each time. A lock that was not had in time is not tried
    again: whoever asked has waited for it already.

    Raises:
        Conflict: if somebody else was first every time.
        Crossed: if it crossed with another act every time.
    """
    for left in reversed(range(_TRIES)):
        try:
            with opening() as tx:
                return act(tx)
        except Clash as error:
            if not left:
                raise Conflict(BEATEN) from error
        except Crossed:
            if not left:
                raise
            time.sleep(random.uniform(*_AFTER_YOU))  # noqa: S311  (nobody's secret)
    raise AssertionError("the last try returns or raises")
