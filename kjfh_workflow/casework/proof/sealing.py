"""Making a checkpoint: a seal over everything that has been written since the one before.

That it holds is proved in ``verify``.
"""

from __future__ import annotations

from kjfh_workflow.casework.office import Office
from kjfh_workflow.errors import Conflict
from kjfh_workflow.store import history
from kjfh_workflow.store.database import Clash, Database
from kjfh_workflow.store.history import Checkpoint

#: How often, while others make one, too.
_TRIES = 5


def make_checkpoint(office: Office, database: Database) -> Checkpoint | None:
    """Seal what has been written since the last checkpoint; None if nothing has.

    Writers wait only while the end is found, not while everything before it is hashed.

    Raises:
        Conflict: if somebody is writing for longer than a moment, or makes one each time this does.
    """
    for _ in range(_TRIES):
        with database.writing() as tx:
            until, now = history.settled_position(tx), office.now(tx)
        with database.reading() as tx:
            made = history.sealed_until(tx, until, now)
        if made is None:
            return None
        try:
            with database.writing() as tx:
                history.add_checkpoint(tx, made)
        except Clash:  # another has made this one meanwhile: the next begins behind it
            continue
        return made
    raise Conflict("others make checkpoints: try again")
