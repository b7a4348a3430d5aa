"""A file while it comes in: counted, hashed and put aside piece by piece, so that memory stays bounded.

Whether it may be kept, and for whom, is the files' desk's to say.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from types import TracebackType
from typing import BinaryIO, cast

from kjfh_workflow.errors import InputError, Problem
from kjfh_workflow.intake.aside import room
from kjfh_workflow.store.files import PART_BYTES

#: What a file may be long, unless somebody says otherwise.
MAX_BYTES = 50 * 1024 * 1024
#: Longer files leave the memory for the temporary folder.
_IN_MEMORY = 1024 * 1024


class FileTooLarge(InputError):
    """The file is larger than is taken here."""


class Received:
    """A file on its way in; nothing is left of it when the block ends."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        #: Bytes so far.
        self.size = 0
        self._digest = sha256()
        # The anonymous file that this becomes is gone with the process, however that ends.
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, prefix="kjfh-file-")  # noqa: SIM115

    def __enter__(self) -> Received:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(OSError):  # what could not be written any more is not wanted any more
            self._file.close()

    @property
    def sha256(self) -> str:
        """Of what has come so far, hex."""
        return self._digest.hexdigest()

    @property
    def file(self) -> BinaryIO:
        """All of it, at its beginning."""
        with room():
            self._file.seek(0)
        return cast(BinaryIO, self._file)

    def expect(self, size: int) -> None:
        """What the sender says of the length.

        Raises:
            FileTooLarge: if that is more than is taken.
        """
        if size > self.max_bytes:
            raise FileTooLarge([Problem("文件", "", f"超过上限{_mb(self.max_bytes)}")])

    def take(self, piece: bytes) -> None:
        """One more piece.

        Raises:
            FileTooLarge: if it is too much now.
            Unavailable: if there is no room for it.
        """
        self.expect(self.size + len(piece))
        with room():
            self._file.write(piece)
        self._digest.update(piece)
        self.size += len(piece)

    def parts(self) -> Iterator[bytes]:
        """All of it, in the parts in which it is stored."""
        file = self.file
        while part := file.read(PART_BYTES):
            yield part


def _mb(size: int) -> str:
    return f"{size / 1024 / 1024:.4g}MB"
