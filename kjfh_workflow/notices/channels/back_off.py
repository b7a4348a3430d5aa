"""How long to wait after an attempt that failed: longer each time, and not all at once.

Pure: the randomness is handed in. When to give up is the channel's ``dead_after``.
"""

from __future__ import annotations

from datetime import timedelta


def wait(attempts: int, first: float, longest: float, randomness: float) -> timedelta:
    """The wait after *attempts* attempts have failed.

    Args:
        attempts: how many have failed so far, 1 or more.
        first: seconds after the first failure, at most.
        longest: seconds after any failure, at most.
        randomness: from 0 to 1; spreads the wait between half and the whole of it, so that what failed together
            does not come back together.
    """
    whole = float(first)
    for _ in range(attempts - 1):
        if whole >= longest:
            break
        whole *= 2
    return timedelta(seconds=min(whole, longest) * (1 + randomness) / 2)
