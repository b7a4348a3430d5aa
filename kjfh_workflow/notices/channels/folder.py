"""Notices as files, for a program or a person that fetches them; a reader never sees half of one.

``<id>/`` holds ``notice.json``, ``notice.txt`` and ``letter.docx``. Fetching and clearing away is the reader's.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from functools import partial
from pathlib import Path
from typing import Literal

from kjfh_workflow.errors import DeliveryFailed
from kjfh_workflow.notices.channels.message import Attachment, Message
from kjfh_workflow.notices.channels.reaching import within
from kjfh_workflow.notices.channels.settings import Settings, Surroundings


class FolderSettings(Settings):
    """``kind = "folder"``."""

    kind: Literal["folder"]
    path: Path

    def open(self, around: Surroundings) -> Folder:
        """The folder; it may be a share that is not mounted yet."""
        return Folder(around.name, around.folder / self.path, self.timeout_seconds)


class Folder:
    """One folder for each notice."""

    medium: str | None = None

    def __init__(self, name: str, path: Path, timeout: int) -> None:
        self.name = name
        self._path = path
        self._timeout = timeout

    def send(self, message: Message, address: str) -> None:  # noqa: ARG002  (has none)
        """Write it; what is there already in the same words is left alone."""
        letter = message.load_letter()
        within(self._timeout, f"文件夹{self._path}", partial(self._write, message, letter))

    def _write(self, message: Message, letter: Attachment) -> None:
        files = {
            "notice.json": (json.dumps(message.as_data(), ensure_ascii=False, indent=2) + "\n").encode(),
            "notice.txt": message.text.encode(),
            "letter.docx": letter.body,
        }
        if not self._path.is_dir():
            # Making it could mean writing below a mount point, where nobody will ever look.
            raise DeliveryFailed(f"文件夹{self._path}不存在（共享目录是否已挂载？）")
        target = self._path / message.safe_id
        if not target.exists():
            self._put(target, files)
        if {path.name: path.read_bytes() for path in target.iterdir()} != files:
            raise DeliveryFailed(f"{target}已有内容不同的文件，请先移走", permanent=True)
        for left in self._path.glob(f".{message.safe_id}.*.part"):  # by an attempt that was killed
            shutil.rmtree(left, ignore_errors=True)

    def _put(self, target: Path, files: dict[str, bytes]) -> None:
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        part.mkdir()
        for name, body in files.items():
            with (part / name).open("xb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
        _sync(part)
        try:
            part.rename(target)
        except OSError:
            shutil.rmtree(part, ignore_errors=True)
            if not target.exists():  # otherwise somebody else was first
                raise
        _sync(self._path)


def _sync(folder: Path) -> None:
    """Make the folder's entries last; only POSIX lets one open a folder."""
    if hasattr(os, "O_DIRECTORY"):
        opened = os.open(folder, os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
