"""An application folder packed into one .zip, as a browser hands it in. What stands in its files is ``folder``'s."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath

from kjfh_workflow.errors import IntakeError, Problem

#: A folder has five files; packers add some of their own.
_MOST_FILES = 50
_MOST_BYTES = 64 * 1024 * 1024
_SUFFIXES = (".xlsx", ".csv", ".toml")
_ENCRYPTED = 0x1


@contextmanager
def unpacked(body: bytes) -> Iterator[Path]:
    """The folder, while the block lasts.

    Only names that a folder's files have are unpacked, each beside the others, whatever path the archive gives it.

    Raises:
        IntakeError: if it is no such archive, or more than a folder can be.
    """
    with tempfile.TemporaryDirectory(prefix="kjfh-intake-") as temporary:
        folder = Path(temporary)
        try:
            with zipfile.ZipFile(BytesIO(body)) as archive:
                _unpack(archive, folder)
        except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError, ValueError) as error:
            raise _refused("", "不是可以读取的.zip压缩文件") from error
        yield folder


def _unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > _MOST_FILES:
        raise _refused("", f"文件过多：{len(entries)}个，最多{_MOST_FILES}个")
    left = _MOST_BYTES
    for entry in entries:
        name = PurePosixPath(entry.filename.replace("\\", "/")).name
        if not name.lower().endswith(_SUFFIXES) or name.startswith((".", "~$")):
            continue  # what packers and office programs leave behind
        if entry.flag_bits & _ENCRYPTED:
            raise _refused(name, "文件已加密，请不设密码重新打包")
        target = folder / name
        if not name.isascii() or target.exists():
            raise _refused(name, "压缩文件中只能有一个申报文件夹的文件，文件名见模板")
        with archive.open(entry) as source:
            content = source.read(left + 1)  # what the archive says of its sizes is not believed
        left -= len(content)
        if left < 0:
            raise _refused("", f"解压后超过{_MOST_BYTES // 1024 // 1024}MB")
        target.write_bytes(content)


def _refused(place: str, message: str) -> IntakeError:
    return IntakeError([Problem(place or ".zip", "", message)])
