"""A process that delivers and is killed while a letter is on its way: ``python -m tests.dying_deliverer URL DAY``."""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime

from kjfh_workflow.clock import FixedClock
from kjfh_workflow.notices.channels.message import Message
from tests.post import Way, office

way = Way()


def die(message: Message) -> None:
    """As a power failure would have it."""
    print(message.id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


way.answer = die
office(sys.argv[1], way, clock=FixedClock(datetime.fromisoformat(sys.argv[2]))).workflow.deliver()
