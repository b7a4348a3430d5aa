"""Files that are put aside for a moment, in the temporary folder. Where it has no room, asking later may help.

What the files say is for others to read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from kjfh_workflow.errors import Unavailable


@contextmanager
def room() -> Iterator[None]:
    """Whoever could not write or read here is told to come again: it is not their file that is wrong.

    Raises:
        Unavailable: instead of the system's error.
    """
    try:
        yield
    except Exception as error:
        # openpyxl writes with lxml, which has a name of its own for what the system says: IO_ENOSPC.
        if isinstance(error, OSError) or (type(error).__module__ == "lxml.etree" and str(error).startswith("IO_")):
            raise Unavailable(f"the temporary folder cannot be used: {error}") from error
        raise


@contextmanager
def folder_aside(prefix: str) -> Iterator[Path]:
    """A folder of one's own that is gone after the block.

    Raises:
        Unavailable: if there is no room for it, or for what is written there.
    """
    with room(), TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
