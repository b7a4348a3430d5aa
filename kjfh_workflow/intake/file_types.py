"""What a file is, as its own bytes say, and whether it may be kept as evidence. Nothing is ever unpacked or run.

Names are ``file_names``'s; viruses are the scanner's.
"""

from __future__ import annotations

import codecs
from typing import IO, NamedTuple

from kjfh_workflow.errors import InputError, Problem
from kjfh_workflow.intake.archives import Unfit, attributes, opened
from kjfh_workflow.intake.file_names import ending

#: How much an office document may hold when it is unpacked.
MAX_UNPACKED = 512 * 1024 * 1024
#: The list of an office document's parts is short.
_LONGEST_LIST = 1024 * 1024
_CHUNK = 1024 * 1024
#: Of the controls only these stand in texts: tab, line feed, carriage return; a form feed ends a page.
_NOT_IN_TEXTS = bytes(byte for byte in range(32) if byte not in b"\t\n\r\f") + b"\x7f"
_TYPES_LIST = "[Content_Types].xml"
_OFFICE = "application/vnd.openxmlformats-officedocument"


class FileTypeRefused(InputError):
    """The file is of a type that is not taken, or not what its name says."""


class FileType(NamedTuple):
    """One kind of file that is taken."""

    media_type: str
    label: str
    endings: tuple[str, ...]


PDF = FileType("application/pdf", "PDF", ("pdf",))
PNG = FileType("image/png", "PNG图片", ("png",))
JPEG = FileType("image/jpeg", "JPEG图片", ("jpg", "jpeg"))
DOCX = FileType(f"{_OFFICE}.wordprocessingml.document", "Word文档", ("docx",))
XLSX = FileType(f"{_OFFICE}.spreadsheetml.sheet", "Excel工作簿", ("xlsx",))
OFD = FileType("application/ofd", "OFD版式文件", ("ofd",))
#: Whether it is a table or prose cannot be told from the bytes.
TEXT = FileType("text/plain; charset=utf-8", "UTF-8文本", ("txt", "csv"))
TAKEN = (PDF, OFD, DOCX, XLSX, JPEG, PNG, TEXT)
#: What is recognised so that it can be refused in words of its own.
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_STARTS: tuple[tuple[bytes, FileType], ...] = (
    (b"%PDF-", PDF),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", PNG),
    (b"\xff\xd8\xff", JPEG),
)
#: The part that makes an archive a document of its kind.
_MAIN_PARTS = {"word/document.xml": DOCX, "xl/workbook.xml": XLSX, "OFD.xml": OFD}


def type_of(file: IO[bytes], name: str) -> FileType:
    """What *file* is, if it may be kept and is what *name* says.

    Args:
        file: all of it; where it stands afterwards is not said.
        name: as ``file_names.plain_name`` gave it.

    Raises:
        FileTypeRefused: in Chinese, saying what it is and what is taken.
    """
    try:
        found = _found(file)
    except Unfit as error:
        raise _refused(name, str(error)) from None
    except Exception as error:  # whatever a broken archive makes the libraries raise
        raise _refused(name, "不是完好的文件；请用办公软件打开并重新保存") from error
    if found is None:
        raise _refused(name, f"不收这种类型的文件；可以上传：{taken_in_words()}")
    if ending(name) not in found.endings:
        wanted = "或".join(f".{end}" for end in found.endings)
        raise _refused(name, f"内容是{found.label}，文件名却不是以{wanted}结尾；请核对后改名")
    return found


def taken_in_words() -> str:
    """What is taken: ``PDF（.pdf）、…``."""
    return "、".join(f"{kind.label}（{'、'.join(f'.{end}' for end in kind.endings)}）" for kind in TAKEN)


def _found(file: IO[bytes]) -> FileType | None:
    file.seek(0)
    start = file.read(64)
    if start.startswith(_OLD_OFFICE):
        raise Unfit("设有打开密码，或是旧版 .doc、.xls 格式；请取消密码并另存为新格式，或另存为 PDF")
    for magic, kind in _STARTS:
        if start.startswith(magic):
            return kind
    if start.startswith(b"PK\x03\x04"):
        return _document(file)
    return TEXT if _is_text(file) else None


def _document(file: IO[bytes]) -> FileType | None:
    with opened(file, MAX_UNPACKED) as archive:
        names = set(archive.namelist())
        kinds = [kind for part, kind in _MAIN_PARTS.items() if part in names]
        if len(kinds) != 1:
            return None
        if any(name.lower().rpartition("/")[2] == "vbaproject.bin" for name in names):
            raise Unfit(_MACROS)
        if kinds[0] is OFD:
            return OFD
        if _TYPES_LIST not in names:
            return None
        with archive.open(_TYPES_LIST) as listed:
            types = listed.read(_LONGEST_LIST + 1)
    if len(types) > _LONGEST_LIST:
        raise Unfit("部件清单过长；请用办公软件重新保存")
    # Whatever a part is called: what it is, is said here.
    if any(word in value.lower() for value in attributes(types) for word in ("macroenabled", "vbaproject")):
        raise Unfit(_MACROS)
    return kinds[0]


_MACROS = "含有宏；请另存为不含宏的 .docx 或 .xlsx，或另存为 PDF"


def _is_text(file: IO[bytes]) -> bool:
    """Whether all of it is UTF-8 without controls. Other encodings cannot be told from other bytes."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(_CHUNK):
            if len(chunk.translate(None, _NOT_IN_TEXTS)) != len(chunk):
                return False
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _refused(name: str, message: str) -> FileTypeRefused:
    return FileTypeRefused([Problem(name, "", message)])
