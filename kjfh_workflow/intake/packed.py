"""An application folder packed into one .zip, as a browser hands it in. What stands in its files is ``folder``'s."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath

from kjfh_workflow.errors import IntakeError, Problem
from kjfh_workflow.intake.archives import Unfit, opened
from kjfh_workflow.intake.aside import folder_aside
from kjfh_workflow.policy.wording import short

#: A folder has five files; packers add some of their own.
_MOST_FILES = 50
_MOST_BYTES = 64 * 1024 * 1024
_LONGEST_NAME = 100
_SUFFIXES = (".xlsx", ".csv", ".toml")


@contextmanager
def unpacked(body: bytes) -> Iterator[Path]:
    """The folder, while the block lasts.

    Only names that a folder's files have are unpacked, each beside the others, whatever path the archive gives it.

    Raises:
        IntakeError: if it is no such archive, or more than a folder can be.
        Unavailable: if there is no room to unpack it.
    """
    with folder_aside("kjfh-intake-") as folder:
        for name, content in _files(body):
            (folder / name).write_bytes(content)
        yield folder


def _files(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file."""
    try:
        with opened(BytesIO(body), _MOST_BYTES, again="请用系统自带的压缩功能重新打包") as archive:
            yield from _read(archive)
    except IntakeError:
        raise
    except Unfit as error:
        raise _refused("", str(error)) from None
    except Exception as error:  # whatever a broken archive makes the libraries raise
        raise _refused("", "不是可以读取的.zip压缩文件") from error


def _read(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > _MOST_FILES:
        raise _refused("", f"文件过多：{len(entries)}个，最多{_MOST_FILES}个")
    left = _MOST_BYTES
    names: set[str] = set()
    for entry in entries:
        name = PurePosixPath(entry.filename.replace("\\", "/")).name
        if not name.lower().endswith(_SUFFIXES) or name.startswith((".", "~$")):
            continue  # what packers and office programs leave behind
        if not name.isascii() or len(name) > _LONGEST_NAME or name in names:
            raise _refused(short(name), "压缩文件中只能有一个申报文件夹的文件，文件名见模板")
        names.add(name)
        with archive.open(entry) as source:
            content = source.read(left + 1)  # what the archive says of its sizes is not believed
        left -= len(content)
        if left < 0:
            raise _refused("", f"解压后超过{_MOST_BYTES // 1024 // 1024}MB")
        yield name, content


def _refused(place: str, message: str) -> IntakeError:
    return IntakeError([Problem(place or ".zip", "", message)])
