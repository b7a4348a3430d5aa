"""Files made to harm: each is refused in clear words before anything of it is stored, unpacked, followed or shown."""

from __future__ import annotations

import io
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx as word
import openpyxl
import pytest
from sqlalchemy import text

from kjfh_workflow import Actor, InputError, Refused
from kjfh_workflow.books import sheet
from kjfh_workflow.books.table import Column, Table
from kjfh_workflow.books.tenants import read_roster
from kjfh_workflow.errors import IntakeError
from kjfh_workflow.intake import archives, rosters, workbook
from kjfh_workflow.intake.file_names import plain_name
from kjfh_workflow.intake.file_types import FileTypeRefused, type_of
from kjfh_workflow.rules.facts import Facts
from kjfh_workflow.rules.identifiers import check_id, check_uscc
from tests.bureau import YUYAO_USCC, Bureau, facts
from tests.evidence_files import SAMPLES, docx, jpeg, packed, pdf, png, types_list, xlsx
from tests.test_tenant_import import as_csv, as_xlsx, firms

_MEBIBYTE = 1024 * 1024


def refused(content: bytes, name: str) -> str:
    """Why a file is not taken."""
    with pytest.raises(FileTypeRefused) as error:
        type_of(io.BytesIO(content), name)
    return str(error.value)


# ---- names of files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "../x.pdf", "..\\x.pdf", "/etc/passwd", "C:\\x.pdf", "c:x.pdf", "a/b.pdf", "x.pdf:stream", "x／y.pdf",
        "x\u2215y.pdf", "x\u2044y.pdf", "a*b.pdf", "a?b.pdf", 'a"b.pdf', "a<b.pdf", "a|b.pdf", "\\\\server\\share.pdf",
    ],
)  # fmt: skip
def test_a_path_is_no_name(name: str) -> None:
    with pytest.raises(InputError, match="不能含有"):
        plain_name(name)


@pytest.mark.parametrize(
    "character",
    ["\0", "\x1b", "\x7f", "\x85", "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u00ad", "\u061c", "\u3164",
     "\u2028", "\U000e0041", "\ud800", "\u115f", "\u2800"],
)  # fmt: skip
def test_a_character_that_nobody_sees_is_named_by_its_number(character: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"U+{ord(character):04X}")):
        plain_name(f"合同{character}fdp.pdf")


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "...", ".pdf", ".htaccess", "x.", "CON", "con.pdf", "Nul.tar.pdf",
     "COM1.pdf", "lpt9", "com¹.pdf",
     "a\nb.pdf", "a\tb.pdf", "证" * 80 + ".pdf", "x" * 241],
)  # fmt: skip
def test_names_that_mean_something_else_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="文件名"):
        plain_name(name)


@pytest.mark.parametrize("name", [" a.txt", "a.txt ", "a.txt\u00a0", "\u3000a.txt", "\u3000"])
def test_blanks_around_a_name_are_refused_and_never_repaired(name: str) -> None:
    with pytest.raises(InputError, match=r"不能以空格开头或结尾|不能为空"):
        plain_name(name)


def test_ordinary_names_are_kept_in_one_spelling() -> None:
    for name in (
        "营业执照（副本）：第2版.pdf",
        "a b-c_d~1.pdf",
        "证" * 78 + ".pdf",
        "console.pdf",
        "Ünïcode ✓.pdf",
        "𠮷野.pdf",
    ):
        assert plain_name(name) == name
    assert plain_name("e\u0301tude.pdf") == "étude.pdf"


def test_a_hostile_name_stores_nothing(desk: Bureau) -> None:
    case = desk.reviewed()
    with pytest.raises(InputError):
        desk.workflow.files.attach(case, "../../x.pdf", [pdf()], by=desk.operator)
    with pytest.raises(InputError, match="空文件"):
        desk.workflow.files.attach(case, "x.pdf", [], by=desk.operator)
    with desk.workflow._database.reading() as tx:
        assert tx.connection.execute(text("SELECT count(*) FROM kjfh_files")).scalar_one() == 0


# ---- types of files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"MZ\x90\0", b"\x7fELF\x02\x01", b"GIF89a\x01\0", b"Rar!\x1a\x07\0", b"\0" * 100, "说明".encode("utf-16"),
        "说明".encode("gb18030"), b"\xff\xd8", b"a\x1b[2Jb", b"\xed\xa0\x80",
        "说".encode()[:2], b"PK\x05\x06" + b"\0" * 18,
        packed({"x.exe": b"MZ"}), packed({"[Content_Types].xml": types_list("x")}),
        packed({"word/document.xml": b"<w/>"}),
    ],
)  # fmt: skip
def test_what_is_none_of_the_kinds_is_refused_with_those_there_are(content: bytes) -> None:
    assert "可以上传：PDF（.pdf）、OFD" in refused(content, "x.txt")


@pytest.mark.parametrize(
    ("content", "name"),
    [(pdf(), "x.png"), (png(), "x.pdf"), (jpeg(), "x.png"), (docx(), "x.xlsx"), (xlsx(), "x.docx"),
     (pdf(), "x.pdf.exe"),
     (b"<html><script>alert(1)</script>", "x.html"), (b"<svg/>", "x.svg"), (pdf(), "pdf"),
     (SAMPLES["批复.ofd"][0], "x.zip")],
)  # fmt: skip
def test_a_file_that_is_not_what_its_name_says_is_refused(content: bytes, name: str) -> None:
    assert "文件名却不是以" in refused(content, name)


def test_an_encrypted_or_old_office_file_is_told_what_to_do() -> None:
    assert "旧版 .doc" in refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "x.doc")
    protected = bytearray(docx())
    for place in (found.start() for found in re.finditer(b"PK\x01\x02", protected)):
        protected[place + 8] |= 1
    assert "设有密码" in refused(bytes(protected), "x.docx")


@pytest.mark.parametrize(
    "content",
    [
        docx({"word/vbaProject.bin": b"x"}),
        docx({"WORD/VBAPROJECT.BIN": b"x"}),
        docx({"word/x.bin": b"x"}, '<Override PartName="/x" ContentType="application/vnd.ms-office.vbaProject"/>'),
        docx({"[Content_Types].xml": types_list("application/vnd.ms-word.document.macroEnabled.main+xml")}),
        docx({"[Content_Types].xml": types_list("application/vnd.ms-word.document.&#109;acroEnabled.main+xml")}),
        docx({
            "[Content_Types].xml": types_list("application/vnd.ms-word.document.MacroEnabled.main+xml")
            .decode().replace("UTF-8", "UTF-16").encode("utf-16")
        }),
    ],
)  # fmt: skip
def test_macros_are_found_whatever_their_part_is_called(content: bytes) -> None:
    assert "含有宏" in refused(content, "x.docx")


def test_a_document_with_entities_is_refused() -> None:
    types = types_list("x").replace(
        b"<Types", b'<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c SYSTEM "file:///etc/passwd">]><Types'
    )
    assert "XML 声明" in refused(docx({"[Content_Types].xml": types}), "x.docx")


def _with_sizes(content: bytes, size: int) -> bytes:
    """The list of an archive's entries says that each of them unpacks to this."""
    changed = bytearray(content)
    for found in re.finditer(b"PK\x01\x02", content):
        struct.pack_into("<L", changed, found.start() + 24, size)
    return bytes(changed)


def _overlapping() -> bytes:
    """One deflated block that many entries of the list point to (after D. Fifield)."""
    whole = docx({"word/media/x": b"\0" * (8 * _MEBIBYTE)})
    end = whole.rindex(b"PK\x05\x06")
    start = struct.unpack_from("<L", whole, end + 16)[0]
    entries = whole[start:end]
    last = entries[entries.rindex(b"PK\x01\x02") :]
    again = b"".join(last.replace(b"word/media/x", b"word/media/%c" % (65 + number)) for number in range(60))
    count = struct.unpack_from("<H", whole, end + 10)[0] + 60
    tail = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, count, count, len(entries) + len(again), start, 0)
    return whole[:start] + entries + again + tail


BOMBS = {
    "unpacks to much": lambda: _with_sizes(docx(), 2**32 - 2),
    "unpacks to suspiciously much": lambda: docx({"word/media/x": b"\0" * (64 * _MEBIBYTE)}),
    "many entries": lambda: docx({f"word/{number}": b"" for number in range(archives.MAX_ENTRIES)}),
    "entries that share their bytes": _overlapping,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_zip_bomb_is_refused_without_being_unpacked(bomb: str) -> None:
    content = BOMBS[bomb]()
    tracemalloc.start()
    said = refused(content, "x.docx")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert re.search("解压后有|内含|压缩比", said), said
    assert peak < 16 * _MEBIBYTE


@pytest.mark.parametrize("cut", [30, 60, 200, -30, -5])
def test_a_broken_document_is_refused_in_words(cut: int) -> None:
    refused(docx()[:cut], "x.docx")


# ---- rosters ---------------------------------------------------------------------------------------------------------


def repacked(path: Path, change: Callable[[str, bytes], bytes], more: dict[str, bytes] | None = None) -> Path:
    """A workbook with its parts changed, and others added."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: change(name, archive.read(name)) for name in archive.namelist()}
    path.write_bytes(packed({**parts, **(more or {})}))
    return path


def unreadable(path: Path) -> str:
    """Why a roster is refused."""
    with pytest.raises(IntakeError) as error:
        read_roster(path)
    return str(error.value)


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    """A good one."""
    path = as_xlsx(tmp_path / "tenants.xlsx", firms(1, 2))
    assert len(read_roster(path)) == 2
    return path


_SHEET = "xl/worksheets/sheet1.xml"
_DOCTYPE = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


def _with_doctype(xml: bytes) -> str:
    return _DOCTYPE + re.sub(r"^<\?xml.*?\?>", "", xml.decode())


@pytest.mark.parametrize("part", [_SHEET, "xl/workbook.xml", "xl/styles.xml", "xl/sharedStrings.xml"])
def test_entities_in_any_part_are_refused(roster: Path, part: str) -> None:
    def change(name: str, xml: bytes) -> bytes:
        return _with_doctype(xml).encode() if name == part else xml

    texts = {"xl/sharedStrings.xml": _with_doctype(b"<sst/>").encode()} if part == "xl/sharedStrings.xml" else {}
    assert "XML 声明" in unreadable(repacked(roster, change, texts))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_part_in_another_encoding_hides_nothing(roster: Path, encoding: str) -> None:
    def change(name: str, xml: bytes) -> bytes:
        return _with_doctype(xml).encode(encoding) if name == _SHEET else xml

    assert "不是 UTF-8" in unreadable(repacked(roster, change))


def test_a_part_under_another_name_and_behind_blanks_hides_nothing(roster: Path) -> None:
    def change(name: str, xml: bytes) -> bytes:
        if name == "xl/_rels/workbook.xml.rels":
            return xml.replace(b"worksheets/sheet1.xml", b"media/image1.png")
        return xml.replace(b"/xl/worksheets/sheet1.xml", b"/xl/media/image1.png")

    with zipfile.ZipFile(roster) as archive:
        sheet1 = archive.read(_SHEET)
    hidden = (" " * (2 * _MEBIBYTE) + _with_doctype(sheet1)).encode()
    assert "XML 声明" in unreadable(repacked(roster, change, {"xl/media/image1.png": hidden}))


def test_too_many_cells_texts_and_styles_are_refused_before_they_are_read(
    roster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = roster.read_bytes()
    monkeypatch.setattr(workbook, "MAX_CELLS", 20)
    assert "超过20个单元格" in unreadable(roster)
    monkeypatch.undo()

    def styled(name: str, xml: bytes) -> bytes:
        return xml.replace(b"</cellXfs>", b"<xf/>" * 400_000 + b"</cellXfs>") if name == "xl/styles.xml" else xml

    assert "样式或部件过多" in unreadable(repacked(roster, styled))

    roster.write_bytes(content)
    monkeypatch.setattr(archives, "MAX_RATIO", 10**6)
    texts = b"<sst>" + b"<si><t>x</t></si>" * (workbook.MAX_CELLS + 1) + b"</sst>"
    assert "个单元格" in unreadable(repacked(roster, lambda _, xml: xml, {"xl/sharedStrings.xml": texts}))


def test_a_roster_of_many_entries_is_refused(roster: Path) -> None:
    many = {f"xl/x{number}": b"" for number in range(archives.MAX_ENTRIES)}
    assert "内含" in unreadable(repacked(roster, lambda _, xml: xml, many))


def test_a_link_to_another_workbook_is_not_followed(roster: Path, tmp_path: Path) -> None:
    secret = as_xlsx(tmp_path / "secret.xlsx", firms(3))
    link = (
        '<externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><externalBook '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:id="rId1"/></externalLink>'
    )
    target = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/externalLinkPath" '
        f'Target="file://{secret}" TargetMode="External"/></Relationships>'
    )

    def change(name: str, xml: bytes) -> bytes:
        if name != _SHEET:
            return xml
        return re.sub(rb'<c r="A2"[^>]*>.*?</c>', b'<c r="A2" t="str"><f>[1]Sheet!A2</f><v></v></c>', xml)

    parts = {
        "xl/externalLinks/externalLink1.xml": link.encode(),
        "xl/externalLinks/_rels/externalLink1.xml.rels": target.encode(),
    }
    assert "企业名称: 必须填写" in unreadable(repacked(roster, change, parts))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.encode("utf-16"), "编码"),
        (lambda text: text.encode("utf-16-le"), "编码"),
        (lambda text: text.encode("utf-8-sig") + b"\xff", "编码"),
        (lambda text: text.encode("utf-8-sig") + b"\xed\xa0\x80", "编码"),
        (lambda text: text.encode("utf-8-sig") + b"\0", "编码"),
        (lambda text: text.replace("电子信息", "电子\u202e信息", 1).encode(), "控制字符"),
        (lambda text: text.replace("电子信息", "电子\ufeff信息", 1).encode(), "控制字符"),
        (lambda text: text.replace("电子信息", "=HYPERLINK(1)", 1).encode(), ""),
        (lambda text: text.encode() + b'"', "CSV"),
        (lambda _: b"x," * 2_000_000, ""),
        (lambda _: b"x" * 200_000, ""),
    ],
)
def test_a_csv_in_no_known_encoding_or_with_hidden_characters_is_refused(
    tmp_path: Path, change: Callable[[str], bytes], said: str
) -> None:
    path = as_csv(tmp_path / "tenants.csv", [dict(firm, field="电子信息") for firm in firms(1, 2)])
    path.write_bytes(change(path.read_text("utf-8-sig")))
    if said or b"HYPERLINK" not in path.read_bytes():
        assert said in unreadable(path)
    else:
        assert read_roster(path)[0].tenant.field == "=HYPERLINK(1)", "a text like any other"


def test_of_very_many_problems_only_the_first_are_told(tmp_path: Path, desk: Bureau) -> None:
    path = as_csv(tmp_path / "tenants.csv", [dict(firm, founded_on="?") for firm in firms(1)] * 3_000)
    said = unreadable(path).splitlines()
    assert len(said) == rosters.MOST_PROBLEMS + 1
    assert "只列出前1000处" in said[-1]
    _, incubator = desk.recognised()
    with pytest.raises(IntakeError) as error:
        desk.workflow.books.import_tenants(incubator, [{"name": "x"}] * 3_000, by=desk.operator)
    assert len(error.value.problems) < rosters.MOST_PROBLEMS + 20


# ---- names and ids ---------------------------------------------------------------------------------------------------

HIDDEN = ["\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u00ad", "\u061c", "\u3164", "\0", "\x85", "\U000e0041",
          "\ufe0f", "\ufe00", "\U000e0100"]  # fmt: skip


@pytest.mark.parametrize("character", [*HIDDEN, "\ud800"])
def test_nobody_is_called_or_numbered_with_characters_that_nobody_sees(character: str) -> None:
    with pytest.raises(ValueError, match="visible"):
        check_id(f"wang{character}", "an actor's id")
    with pytest.raises(ValueError, match="visible"):
        Actor.of("wang", "tech_clerk", "yuyao", name=f"王{character}")
    if not character.isspace():  # blanks in a code mean nothing
        with pytest.raises(ValueError, match="控制字符"):
            check_uscc(YUYAO_USCC[:9] + character + YUYAO_USCC[9:])


@pytest.mark.parametrize(
    "name",
    [
        "timer:x",
        "TIMER:x",
        "Case:x",
        "cAsE:",
        "ｔｉｍｅｒ：x",
        " timer:x",
        " wang",
        "wang ",
        "wang\u00a0",
        "\u3000wang",
    ],
)
def test_no_person_s_id_is_taken_for_a_deadline_or_for_somebody_else(name: str) -> None:
    with pytest.raises(ValueError, match=r"cannot begin with|no blanks around"):
        Actor.of(name, "tech_clerk", "yuyao")


def test_ids_that_only_begin_like_a_deadline_s_are_taken() -> None:
    for name in ("timers", "timer", "case-17", "王 经办", "a:timer:x"):
        assert Actor.of(name, "tech_clerk", "yuyao", name=" 王经办 ").id == name


@pytest.mark.parametrize("code", [YUYAO_USCC.replace("A", "А"), YUYAO_USCC.replace("0", "О", 1), YUYAO_USCC[:-1] + "Ρ"])
def test_a_code_in_look_alike_letters_is_no_code(code: str) -> None:
    with pytest.raises(ValueError, match="不能含有"):
        check_uscc(code)


def test_letters_that_become_two_when_capital_are_no_code() -> None:
    with pytest.raises(ValueError, match="不是统一社会信用代码"):
        check_uscc("9133028155ﬀ000001"[:17] + "X")


def submitted_as(desk: Bureau, override: dict[str, Any]) -> set[tuple[str, str]]:
    """(field, message) of every reason against an application with these values."""
    try:
        desk.submit(facts=facts(override=override))
    except Refused as error:
        return {(refusal.field, refusal.message) for refusal in error.refusals}
    return set()


@pytest.mark.parametrize(
    ("field", "value"),
    [(f"facts.{name}", f"余姚{one}公司") for one in HIDDEN for name in ("operator.name", "tenants.0.name")]
    + [("facts.mentors.0.name", "张\u202e三"), ("facts.staff.0.name", "李\0四"), ("facts.staff.0.name", "\ud800")],
)  # fmt: skip
def test_a_name_with_a_hidden_character_is_refused_where_it_stands(desk: Bureau, field: str, value: str) -> None:
    [(where, message)] = submitted_as(desk, {field.removeprefix("facts."): value})
    assert where == field
    assert "控制字符" in message


@pytest.mark.parametrize(
    ("name", "said"),
    [("余姚⼒量公司", "应为“力”"), ("余姚⻔窗公司", "部首"), ("Аpple公司", "外文字母"), ("BΟSCH公司", "外文字母")],
)
def test_a_name_that_looks_like_another_is_refused(desk: Bureau, name: str, said: str) -> None:
    [(_, message)] = submitted_as(desk, {"operator.name": name})
    assert said in message


@pytest.mark.parametrize(
    "name", ["α科技", "Ωmega·Бета 公司", "𠮷野（中国）", "A股ＡＢＣ", "{{7*7}}", "{% x %}", "%s{0}{contact}"]
)
def test_names_that_are_only_unusual_are_taken_as_they_are(desk: Bureau, name: str) -> None:
    assert submitted_as(desk, {"operator.name": name}) == set()


def test_what_is_on_file_stays_readable_whatever_is_asked_of_new_names() -> None:
    stored = Facts.model_validate(facts()).model_dump_json().replace("余姚朝阳科技孵化器有限公司", "余姚\\u00ad⼒公司")
    assert Facts.model_validate_json(stored).operator.name == "余姚\u00ad⼒公司"


TRICKS = "{{7*7}}{% raw %}{{ operator.__class__ }}%s{0}{contact}${x}<b>"


def test_a_name_like_a_template_stays_a_name_in_notices_letters_and_refusals(desk: Bureau) -> None:
    operator = Actor.of("op", "applicant", "yuyao", name=TRICKS, uscc=YUYAO_USCC)
    case = desk.submit(operator).case
    desk.act(case, "return_for_correction", desk.clerk, missing=[TRICKS], reason=TRICKS)
    told = desk.workflow.case(case).notices
    assert told
    for notice in told:
        shown = desk.workflow.mail_room.notice(notice["id"], reader=None)
        assert TRICKS in shown["body"]
        assert "49" not in shown["body"].replace(YUYAO_USCC, "")
        letter = desk.workflow.mail_room.letter(notice["id"], reader=None)
        said = "\n".join(paragraph.text for paragraph in word.Document(io.BytesIO(letter.body)).paragraphs)
        assert TRICKS in said


@pytest.mark.parametrize("name", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x")'])
def test_a_name_like_a_formula_is_a_text_in_what_is_handed_out(tmp_path: Path, name: str) -> None:
    table = Table("名录", (Column("name", "名称"),), [{"name": name}])
    sheet.save(tmp_path / "x.xlsx", [table])
    cell = openpyxl.load_workbook(tmp_path / "x.xlsx").worksheets[0]["A2"]
    assert cell.data_type != "f"
