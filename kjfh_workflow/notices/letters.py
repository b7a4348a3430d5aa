"""A stored notice as an office letter: a ``.docx`` after GB/T 9704-2012. The only home of ``python-docx``.

A pure function: the same notice makes the same bytes, in any process and on any day. What a letter says is written by
``render``; which letters are kept on file is decided in ``casework``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from unicodedata import east_asian_width
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import docx
from docx.document import Document
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import parse_xml
from docx.shared import Mm, Pt, Twips

from kjfh_workflow.notices.measures import (
    CHARACTER_TWIPS,
    FOOTER_MM,
    GRID_SPACE,
    LETTERHEAD_POINTS,
    LINE_TWIPS,
    MARGINS,
    PAGE,
    PAGE_FIELD,
    SETTINGS,
    STYLE_NAMES,
    TEXT_POINTS,
    TITLE_POINTS,
    styles,
)

#: The date ends four characters before the margin.
_DATE_INDENT = 4
_TITLE_CHARACTERS = int(TEXT_POINTS / TITLE_POINTS)
#: Where a title may be broken with its sense intact: after the end of an operator's name, or around small words.
_AFTER = ("公司", "中心", "学院", "大学", "研究院", "研究所", "协会", "合伙企业", "，", "、", "）", "》", "：")
_BEFORE = ("为", "的", "予", "（", "《")

#: What an XML file cannot hold.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: A zip file's first possible day.
_ZIP_DAY = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class StoredNotice:
    """What a letter is made of, all of it on file."""

    #: Who writes it, as the letterhead has it.
    office: str
    #: Its document number; empty where it has none.
    number: str
    title: str
    #: Its first line is the addressee, its last block (after a blank line) the signature.
    body: str
    issued: datetime


def make_letter(notice: StoredNotice) -> bytes:
    """The letter as a ``.docx``: letterhead, number, title, and every line of the text as stored."""
    document = docx.Document(BytesIO(_empty()))
    _add(document, "Letterhead", notice.office, points=_letterhead_points(notice.office))
    _add(document, "Number", notice.number)
    _add(document, "Title", *_title_lines(_printable(notice.title)))
    first, *others = _blocks(notice.body)
    _add(document, "Addressee", first[0])
    signature = others.pop() if others else []
    lines = [line for block in (first[1:], *others) for line in block]
    for place, line in enumerate(lines, 1):
        # The signature never stands alone on a page.
        _add(document, "Text", line, keep=bool(signature) and place == len(lines))
    for place, line in enumerate(signature, 1):
        right = _signature_indent(line, signature[-1])
        style = "Seal" if place == 1 else "Signature"
        _add(document, style, line, keep=place < len(signature), right=right)
    _describe(document, notice)
    return _packed(document)


# ---- the parts ---------------------------------------------------------------------------------------------------


def _blocks(body: str) -> list[list[str]]:
    """The text's lines without the blank ones, parted where those stood."""
    blocks: list[list[str]] = [[]]
    for line in _printable(body).split("\n"):
        if line.strip():
            blocks[-1].append(line.strip())
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block] or [[""]]


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)


def _letterhead_points(office: str) -> int:
    """As large as fits in one line."""
    return min(LETTERHEAD_POINTS, int(TEXT_POINTS / max(1.0, _width(office))))


def _title_lines(title: str) -> list[str]:
    """A title in as few lines as can be, about equally long and broken where the sense allows."""
    lines = -(-_width(title) // _TITLE_CHARACTERS)
    if lines <= 1:
        return [title]
    ideal = _width(title) / lines

    def cost(place: int) -> tuple[bool, bool, float]:
        split_word = all(character.isascii() and character.isalnum() for character in title[place - 1 : place + 1])
        sense = title[:place].endswith(_AFTER) or title[place:].startswith(_BEFORE)
        return split_word, not sense, abs(_width(title[:place]) - ideal)

    fitting = [
        place
        for place in range(1, len(title))
        if ideal * 0.6 <= _width(title[:place]) <= _TITLE_CHARACTERS
        and _width(title[place:]) <= (lines - 1) * _TITLE_CHARACTERS
    ]
    if not fitting:
        return [title]
    place = min(fitting, key=cost)
    return [title[:place].rstrip(), *_title_lines(title[place:].lstrip())]


def _signature_indent(line: str, date_line: str) -> int:
    """The date ends four characters before the margin; what stands above is centred over it. In twips."""
    characters = _DATE_INDENT + (_width(date_line) - _width(line)) / 2
    return int(max(0.0, characters) * CHARACTER_TWIPS)


def _width(text: str) -> float:
    """In Chinese characters; digits and Latin letters take half."""
    return sum(1 if east_asian_width(character) in "WFA" else 0.5 for character in text)


def _add(
    document: Document, style: str, *lines: str, points: int | None = None, keep: bool = False, right: int | None = None
) -> None:
    paragraph = document.add_paragraph(style=document.styles[STYLE_NAMES[style]])
    for place, line in enumerate(lines):
        run = paragraph.add_run(_printable(line))
        if points is not None:
            run.font.size = Pt(points)
        if place < len(lines) - 1:
            run.add_break()
    if keep:
        paragraph.paragraph_format.keep_with_next = True
    if right is not None:
        paragraph.paragraph_format.right_indent = Twips(right)


def _describe(document: Document, notice: StoredNotice) -> None:
    """The file's own properties: all from the notice, nothing from the day or the machine."""
    day = notice.issued.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    core = document.core_properties
    core.title, core.subject = _printable(notice.title)[:255], _printable(notice.number)
    core.author = core.last_modified_by = _printable(notice.office)[:255]
    core.comments = core.keywords = ""
    core.created = core.modified = day
    core.revision = 1


def _packed(document: Document) -> bytes:
    """Saved, with every time stamp and every order fixed."""
    made, packed = BytesIO(), BytesIO()
    document.save(made)
    with ZipFile(made) as source, ZipFile(packed, "w") as target:
        for name in sorted(source.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            entry = ZipInfo(name, _ZIP_DAY)
            entry.compress_type, entry.create_system = ZIP_DEFLATED, 3
            target.writestr(entry, source.read(name))
    return packed.getvalue()


# ---- the empty letter: page, styles, page numbers ----------------------------------------------------------------


@cache
def _empty() -> bytes:
    """A document without text, in which every paragraph of a letter has its style."""
    document = docx.Document()
    for related, kept in (
        (document.part.package.rels, (RELATIONSHIP_TYPE.OFFICE_DOCUMENT, RELATIONSHIP_TYPE.CORE_PROPERTIES)),
        (document.part.rels, (RELATIONSHIP_TYPE.STYLES, RELATIONSHIP_TYPE.SETTINGS)),
    ):
        for key in [key for key, found in related.items() if found.reltype not in kept]:
            del related[key]
    for element, text in ((document.styles.element, styles()), (document.settings.element, SETTINGS)):
        fresh = parse_xml(text)
        element[:] = list(fresh)
    section = document.sections[0]
    section.page_width, section.page_height = (Mm(side) for side in PAGE)
    section.top_margin, section.bottom_margin, section.left_margin, section.right_margin = map(Mm, MARGINS)
    section.header_distance, section.footer_distance = Mm(15), Mm(FOOTER_MM)
    grid = section._sectPr.find(f"{{{section._sectPr.nsmap['w']}}}docGrid")
    for name, value in (("type", "linesAndChars"), ("linePitch", LINE_TWIPS), ("charSpace", GRID_SPACE)):
        grid.set(f"{{{grid.nsmap['w']}}}{name}", str(value))
    for footer, style in ((section.footer, "PageNumber"), (section.even_page_footer, "EvenPageNumber")):
        footer.is_linked_to_previous = False
        paragraph = footer.paragraphs[0]
        paragraph.style = document.styles[STYLE_NAMES[style]]
        paragraph.add_run("— ")
        paragraph._p.append(parse_xml(PAGE_FIELD))
        paragraph.add_run(" —")
    saved = BytesIO()
    document.save(saved)
    return saved.getvalue()
