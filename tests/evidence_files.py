"""Small files of every kind that is taken, as their programs write them; built here, so that each byte is known."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping

_CONTENT = "application/vnd.openxmlformats-officedocument"
_RELS = "application/vnd.openxmlformats-package.relationships+xml"


def pdf(text: str = "1", size: int = 0) -> bytes:
    """A PDF; with *size*, padded to that many bytes."""
    start = f"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n%{text}\n".encode()
    return start + b"\0" * max(0, size - len(start) - 6) + b"%%EOF\n"


def png() -> bytes:
    """One white pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\xff")) + chunk(b"IEND", b"")


def jpeg() -> bytes:
    """The frame of one."""
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"


def packed(parts: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def types_list(main: str, *more: str) -> bytes:
    """``[Content_Types].xml`` of a document, with more entries of its own."""
    override = f'<Override PartName="/main.xml" ContentType="{main}"/>'
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f'<Default Extension="rels" ContentType="{_RELS}"/>{override}{"".join(more)}</Types>'
    ).encode()


def docx(parts: Mapping[str, bytes] | None = None, *more_types: str) -> bytes:
    """A Word document; with parts and entries in its list of types added or replaced."""
    types = types_list(f"{_CONTENT}.wordprocessingml.document.main+xml", *more_types)
    return packed({"[Content_Types].xml": types, "word/document.xml": b"<w/>", **(parts or {})})


def xlsx(parts: Mapping[str, bytes] | None = None) -> bytes:
    """The frame of a workbook."""
    types = types_list(f"{_CONTENT}.spreadsheetml.sheet.main+xml")
    return packed({"[Content_Types].xml": types, "xl/workbook.xml": b"<w/>", **(parts or {})})


def ofd() -> bytes:
    """The frame of a Chinese fixed-layout document."""
    return packed({"OFD.xml": b"<ofd:OFD xmlns:ofd='http://www.ofdspec.org/2016'/>", "Doc_0/Document.xml": b"<d/>"})


#: Name → content of one file of each kind, and the type that its bytes say.
SAMPLES = {
    "营业执照.pdf": (pdf(), "application/pdf"),
    "照片.png": (png(), "image/png"),
    "照片.JPG": (jpeg(), "image/jpeg"),
    "照片.jpeg": (jpeg(), "image/jpeg"),
    "说明.docx": (docx(), f"{_CONTENT}.wordprocessingml.document"),
    "名单.xlsx": (xlsx(), f"{_CONTENT}.spreadsheetml.sheet"),
    "批复.ofd": (ofd(), "application/ofd"),
    "说明.txt": ("入驻企业说明\r\n\t一、\n".encode(), "text/plain; charset=utf-8"),
    "名单.csv": ("\ufeff企业名称,面积\n某公司,12\n".encode(), "text/plain; charset=utf-8"),
}


def pieces(content: bytes, size: int = 70_000) -> Iterator[bytes]:
    """In pieces of no round length."""
    for start in range(0, len(content), size):
        yield content[start : start + size]
