"""How large a .zip may turn out to be, asked before anything in it is unpacked. Office documents are such archives.

What a workbook's or a document's parts say is ``workbook``'s and ``file_types``'s.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import IO
from xml.parsers import expat

MAX_ENTRIES = 10_000
#: Ten thousand identical rows pack about eighteen times.
MAX_RATIO = 200
#: Below this size the ratio does not matter.
_SMALL = 16 * 1024 * 1024
_ENTRY = b"PK\x01\x02"
_ENCRYPTED = 0x1
_CHUNK = 1024 * 1024


class Unfit(Exception):
    """The archive is no document that anybody needs; the message says why, in Chinese."""


def opened(file: IO[bytes], max_unpacked: int, again: str = "请用办公软件重新保存") -> zipfile.ZipFile:
    """The archive, if it is of a size that can be read; its entries are not read yet.

    Args:
        file: all of it.
        max_unpacked: bytes.
        again: what people should do with one that is packed in a strange way.

    Raises:
        Unfit: if it holds too many entries, unpacks to too much or suspiciously much, or is packed in a way
            that office programs do not use.
        zipfile.BadZipFile: if it is no archive.
    """
    # The library builds an object for each entry while it opens the archive, so they are counted before.
    file.seek(0)
    size = entries = 0
    tail = b""
    while chunk := file.read(_CHUNK):
        size += len(chunk)
        entries += (tail + chunk).count(_ENTRY)
        tail = chunk[1 - len(_ENTRY) :]
    if entries > MAX_ENTRIES:
        raise Unfit(f"内含{entries}个部件，超过上限{MAX_ENTRIES}个")
    archive = zipfile.ZipFile(file)
    parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    if unpacked > max_unpacked:
        raise Unfit(f"解压后有{in_mb(unpacked)}，超过上限{in_mb(max_unpacked)}")
    # Against the file itself: entries may share their bytes.
    if unpacked > _SMALL and unpacked > MAX_RATIO * size:
        raise Unfit(f"压缩比异常：{in_mb(size)}解压后有{in_mb(unpacked)}；{again}")
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        raise Unfit("设有密码；请取消密码后重新保存")
    if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
        raise Unfit(f"压缩方式特殊；{again}")
    return archive


def attributes(xml: bytes) -> Iterator[str]:
    """The value of every attribute of an XML document.

    Raises:
        Unfit: for a document type or an entity.
        expat.ExpatError: for what is no XML.
    """
    found: list[str] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _no_doctype
    parser.StartElementHandler = lambda _name, attrs: found.extend(attrs.values())
    parser.Parse(xml, True)
    yield from found


def in_mb(size: int) -> str:
    """A size as people read it."""
    return f"{size / 1024 / 1024:.1f}MB"


def _no_doctype(*_: object) -> None:
    raise Unfit("含有不允许的 XML 声明；请用办公软件重新保存")
