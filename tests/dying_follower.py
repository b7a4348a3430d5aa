"""A process that follows and is killed over an event: ``python -m tests.dying_follower URL DAY NUMBER``."""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime

from kjfh_workflow.casework.feed.events import Happened
from kjfh_workflow.clock import FixedClock
from tests.bureau import Bureau

bureau = Bureau(sys.argv[1], create=False)
bureau.workflow.close()
bureau.clock.instant = datetime.fromisoformat(sys.argv[2])
assert isinstance(bureau.clock, FixedClock)


def take(event: Happened) -> None:
    """Until the power fails."""
    print(event.number, flush=True)
    if event.number == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)


bureau.workflow.events.follow("dying", take, start=0)
