"""What letters and events that leave have in common: how long their outcome waits for the database, and how it reads.

What leaves, and when it is tried again, is ``sending``'s and ``following``'s business.
"""

from __future__ import annotations

from kjfh_workflow.errors import DeliveryFailed

#: What has left is written down even if the database is away for a while: pauses in seconds.
PATIENCE = (0.2, 1.0, 3.0, 10.0)
_LONGEST_ERROR = 500


def in_words(failure: Exception) -> str:
    """What went wrong: a far end's failure as it stands, of anything else its kind, too."""
    return str(failure) if isinstance(failure, DeliveryFailed) else f"{type(failure).__name__}: {failure}"


def storable(told: str) -> str:
    """On one line and not too long, without what a database refuses to store."""
    return "".join(character if character.isprintable() else " " for character in told)[:_LONGEST_ERROR]
