"""Letters as files: the measures of GB/T 9704, the text as stored, the same bytes for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import exc, func, select, text, update

from kjfh_workflow import NotFound
from kjfh_workflow.casework.mail.letters import letter_of
from kjfh_workflow.notices.letters import StoredNotice, make_letter
from kjfh_workflow.store.database import Clash, Database
from kjfh_workflow.store.schema import letters
from tests.bureau import Bureau
from tests.post import text_of

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
AT = datetime(2021, 3, 10, 1, 0, tzinfo=UTC)
BODY = """余姚朝阳科技孵化器有限公司：

你单位科技企业孵化器认定申请，经科技、财政部门联合审核同意。

依据：《余姚市科技企业孵化器管理办法》（余科〔2021〕2号）第九条。

联系单位：余姚市科学技术局
案件编号：yuyao-210301-abc234

余姚市科学技术局
2021年3月10日
"""
TITLE = "关于认定余姚朝阳科技孵化器有限公司为余姚市科技企业孵化器的通知"


def notice(**other: Any) -> StoredNotice:
    given_fields = {
        "office": "余姚市科学技术局",
        "number": "余科孵〔2021〕12号",
        "title": TITLE,
        "body": BODY,
        "issued": AT,
    }
    return StoredNotice(**{**given_fields, **other})


def part(letter: bytes, name: str) -> ET.Element:
    return ET.fromstring(ZipFile(BytesIO(letter)).read(name))  # noqa: S314 - made by ourselves


def the(element: ET.Element, path: str) -> ET.Element:
    """The one element below *element*: ``pPr/jc``."""
    found = element.find("/".join(f"{W}{step}" if step.isalpha() else step for step in path.split("/")))
    assert found is not None, path
    return found


def attribute(element: ET.Element, name: str = "val") -> str:
    value = element.get(f"{W}{name}")
    assert value is not None, name
    return value


class Page:
    """A letter's measures, as its XML has them."""

    def __init__(self, letter: bytes) -> None:
        self.body = part(letter, "word/document.xml")
        self.styles = {
            attribute(style, "styleId"): style for style in part(letter, "word/styles.xml").iter(f"{W}style")
        }

    def value(self, path: str, name: str = "val") -> str:
        """An attribute in the last section's properties: ``pgMar``, ``top``."""
        return attribute(the(self.body, f"body/sectPr/{path}"), name)

    def style(self, style: str, path: str, name: str = "val") -> str | None:
        """An attribute of a style, or of the one it is based on: ``rPr/sz``."""
        steps = "/".join(f"{W}{step}" for step in path.split("/"))
        for key in (style, "Normal"):
            found = self.styles[key].find(steps)
            if found is not None and found.get(f"{W}{name}") is not None:
                return str(found.get(f"{W}{name}"))
        return None

    def paragraphs(self, style: str) -> list[ET.Element]:
        return [paragraph for paragraph in self.body.iter(f"{W}p") if attribute(the(paragraph, "pPr/pStyle")) == style]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(make_letter(notice()))


# ---- the measures ------------------------------------------------------------------------------------------------


def mm(twips: str) -> int:
    return round(int(twips) / 1440 * 25.4)


def test_it_is_a4_with_the_margins_of_the_standard(page: Page) -> None:
    assert (mm(page.value("pgSz", "w")), mm(page.value("pgSz", "h"))) == (210, 297)
    assert [mm(page.value("pgMar", side)) for side in ("top", "bottom", "left", "right")] == [37, 35, 28, 26]


def test_22_lines_stand_on_a_page_and_a_23rd_does_not(page: Page) -> None:
    line, rule = page.style("Text", "pPr/spacing", "line"), page.style("Text", "pPr/spacing", "lineRule")
    assert (line, rule) == (page.value("docGrid", "linePitch"), "exact")
    height = (297 - 37 - 35) / 25.4 * 1440
    assert 22 * int(line or 0) <= height < 23 * int(line or 0)


def test_28_characters_stand_in_a_line_and_a_29th_does_not(page: Page) -> None:
    width = (210 - 28 - 26) / 25.4 * 72
    assert page.value("docGrid", "type") == "linesAndChars"
    on_the_grid = 16 + int(page.value("docGrid", "charSpace")) / 4096
    in_the_text = int(page.style("Text", "rPr/sz") or 0) / 2 + int(page.style("Text", "rPr/spacing") or 0) / 20
    for character in (on_the_grid, in_the_text):
        assert 28 * character <= width < 29 * character


@pytest.mark.parametrize(
    ("style", "font", "points", "place"),
    [
        ("Letterhead", "方正小标宋简体", 50, "center"),
        ("Number", "仿宋_GB2312", 16, "center"),
        ("Title", "方正小标宋简体", 22, "center"),
        ("Addressee", "仿宋_GB2312", 16, None),
        ("Text", "仿宋_GB2312", 16, None),
        ("Signature", "仿宋_GB2312", 16, "right"),
        ("PageNumber", "宋体", 14, "right"),
        ("EvenPageNumber", "宋体", 14, None),
    ],
)
def test_each_part_has_its_font_size_and_place(page: Page, style: str, font: str, points: int, place: str) -> None:
    assert page.style(style, "rPr/rFonts", "eastAsia") == font
    assert page.style(style, "rPr/sz") == str(points * 2)
    assert page.style(style, "pPr/jc") == place


def test_the_letterhead_and_the_rule_are_red(page: Page) -> None:
    assert page.style("Letterhead", "rPr/color") == "FF0000"
    assert page.style("Number", "pPr/pBdr/bottom", "color") == "FF0000"
    assert page.style("Title", "rPr/color") is None


def test_the_letterhead_begins_35_mm_below_the_text_edge(page: Page) -> None:
    before, line = (int(page.style("Letterhead", "pPr/spacing", name) or 0) for name in ("before", "line"))
    assert mm(str(before + (line - 50 * 20) // 2)) == 35


def test_paragraphs_are_indented_by_two_characters_and_the_addressee_is_not(page: Page) -> None:
    assert page.style("Text", "pPr/ind", "firstLineChars") == "200"
    assert 2 * 15.7 <= int(page.style("Text", "pPr/ind", "firstLine") or 0) / 20 <= 2 * 16
    assert page.style("Addressee", "pPr/ind", "firstLine") is None


def test_the_date_ends_four_characters_before_the_margin_and_the_office_is_centred_over_it(page: Page) -> None:
    (office,), (day,) = page.paragraphs("Seal"), page.paragraphs("Signature")
    office_right, day_right = (int(attribute(the(paragraph, "pPr/ind"), "right")) / 20 for paragraph in (office, day))
    assert 4 * 15.6 <= day_right <= 4 * 16
    # 余姚市科学技术局 is eight characters wide, 2021年3月10日 six and a half.
    assert day_right - office_right == pytest.approx((8 - 6.5) / 2 * 15.7, abs=0.5)


def test_the_signature_never_stands_alone_on_a_page(page: Page) -> None:
    kept = [p for p in page.body.iter(f"{W}p") if p.find(f"{W}pPr/{W}keepNext") is not None]
    assert ["".join(p.itertext()) for p in kept] == ["案件编号：yuyao-210301-abc234", "余姚市科学技术局"]


def test_page_numbers_stand_outside_on_odd_and_even_pages(page: Page) -> None:
    letter = make_letter(notice())
    assert part(letter, "word/settings.xml").find(f"{W}evenAndOddHeaders") is not None
    names = {}
    for reference in page.body.iter(f"{W}footerReference"):
        relation = reference.get("{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id")
        targets = part(letter, "word/_rels/document.xml.rels")
        target = next(found.get("Target") for found in targets if found.get("Id") == relation)
        footer = part(letter, f"word/{target}")
        assert "".join(footer.itertext()).strip() == "— 1 —"
        assert attribute(the(footer, ".//fldSimple"), "instr").strip() == "PAGE"
        names[attribute(reference, "type")] = attribute(the(footer, ".//pStyle"))
    assert names == {"default": "PageNumber", "even": "EvenPageNumber"}
    assert page.style("PageNumber", "pPr/ind", "rightChars") == "100"
    assert page.style("EvenPageNumber", "pPr/ind", "leftChars") == "100"


def test_fonts_are_named_and_never_bundled() -> None:
    names = ZipFile(BytesIO(make_letter(notice()))).namelist()
    assert not [name for name in names if "font" in name.lower() or "media" in name]


def test_an_office_with_a_long_name_still_has_its_letterhead_in_one_line() -> None:
    office = "上禾市众创空间服务中心暨科技企业孵化综合管理办公室"
    (letterhead,) = Page(make_letter(notice(office=office))).paragraphs("Letterhead")
    points = int(attribute(the(letterhead, "r/rPr/sz"))) / 2
    assert points >= 15
    assert points * len(office) <= (210 - 28 - 26) / 25.4 * 72


# ---- the title ---------------------------------------------------------------------------------------------------


def title_lines(title: str) -> list[str]:
    (paragraph,) = Page(make_letter(notice(title=title))).paragraphs("Title")
    return ["".join(run.itertext()) for run in paragraph.iter(f"{W}r")]


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("不予认定决定书", ["不予认定决定书"]),
        (TITLE, ["关于认定余姚朝阳科技孵化器有限公司", "为余姚市科技企业孵化器的通知"]),
        (
            "关于取消余姚朝阳科技孵化器有限公司科技企业孵化器认定评审资格的决定",
            ["关于取消余姚朝阳科技孵化器有限公司", "科技企业孵化器认定评审资格的决定"],
        ),
        (
            "关于认定余姚市International-Incubation有限公司为众创空间的通知",
            ["关于认定余姚市International-", "Incubation有限公司为众创空间的通知"],
        ),
    ],
)
def test_a_long_title_is_broken_where_the_sense_allows(title: str, lines: list[str]) -> None:
    assert title_lines(title) == lines


@settings(max_examples=40)
@given(st.text(alphabet="关于认定余姚为的，AB-", min_size=1, max_size=90))
def test_no_title_line_is_longer_than_a_line_and_none_is_lost(title: str) -> None:
    lines = title_lines(title)
    assert "".join(lines) == title
    assert all(sum(1 if ord(c) > 127 else 0.5 for c in line) <= 20 for line in lines)


# ---- the text ----------------------------------------------------------------------------------------------------


def test_number_title_and_every_stored_line_stand_in_order_and_nothing_more_but_the_letterhead() -> None:
    lines = [line for line in BODY.splitlines() if line]
    assert text_of(make_letter(notice())) == ["余姚市科学技术局", "余科孵〔2021〕12号", TITLE, *lines]


def test_every_letter_that_the_office_sends_has_its_text_as_stored(desk: Bureau) -> None:
    database = desk.workflow._database
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=[f"第{n}家企业的入驻合同" for n in range(60)])
    desk.on(date(2021, 4, 1)).workflow.tick()
    for row in desk.workflow.case(case).notices:
        with database.writing() as tx:
            letter = letter_of(desk.workflow.catalog, tx, row["id"], row["queued_at"])
        lines = [line for line in row["body"].split("\n") if line]
        assert text_of(letter.body) == ["余姚市科学技术局", row["number"] or "", row["title"], *lines]


_LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\n\r\t", exclude_categories=("Zs", "Zl", "Zp", "Cc")))
)


@settings(max_examples=40)
@given(_LINES, st.text(st.characters(codec="utf-8", exclude_categories=("Zs", "Zl", "Zp", "Cc")), min_size=1))
def test_whatever_is_stored_is_printed(lines: list[str], office: str) -> None:
    printed = text_of(make_letter(notice(office=office, title="标题", body="\n\n".join(lines))))
    assert printed[0] == office.replace("\uffff", "\ufffd").replace("\ufffe", "\ufffd")
    expected = [line.replace("\uffff", "\ufffd").replace("\ufffe", "\ufffd") for line in lines if line]
    assert printed[3:] == (expected or [""])


def test_a_character_that_a_file_cannot_hold_is_shown_as_such() -> None:
    assert "甲\ufffd乙" in text_of(make_letter(notice(body="某某：\n\n甲\x00乙\n\n某局\n2021年3月1日")))


# ---- the same for ever -------------------------------------------------------------------------------------------

_ELSEWHERE = """
import sys, time
from datetime import datetime, UTC
from hashlib import sha256
from tests.test_letters import notice
from kjfh_workflow.notices.letters import make_letter
print(sha256(make_letter(notice())).hexdigest())
"""


@pytest.mark.parametrize(("zone", "seed"), [("UTC", "1"), ("America/New_York", "2")])
def test_another_process_makes_the_same_bytes(zone: str, seed: str) -> None:
    environment = {**os.environ, "TZ": zone, "PYTHONHASHSEED": seed}
    told = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE],
        cwd=Path(__file__).parents[1],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == sha256(make_letter(notice())).hexdigest()


def test_no_day_but_the_notices_own_is_in_the_file() -> None:
    letter = make_letter(notice())
    archive = ZipFile(BytesIO(letter))
    assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    core = archive.read("docProps/core.xml").decode()
    assert core.count("2021-03-10T01:00:00Z") == 2
    assert "python-docx" not in core
    assert b"dcterms" in archive.read("docProps/core.xml")


@pytest.mark.parametrize("other", [{"number": "余科孵〔2021〕13号"}, {"title": "通知"}, {"body": BODY + "。"}])
def test_another_notice_is_another_letter(other: dict[str, str]) -> None:
    assert make_letter(notice(**other)) != make_letter(notice())


# ---- on file -----------------------------------------------------------------------------------------------------


class Files:
    """A database with one notice, and a second connection of its own."""

    def __init__(self, url: str) -> None:
        self.bureau = Bureau(url)
        self.database = Database.open(url)
        self.catalog = self.bureau.workflow.catalog
        self.notice = self.bureau.workflow.case(self.bureau.submit().case).notices[0]["id"]

    def letter(self, at: datetime = AT) -> tuple[bytes, str]:
        with self.database.writing() as tx:
            return letter_of(self.catalog, tx, self.notice, at)

    def on_file(self) -> list[Any]:
        with self.database.reading() as tx:
            return [*tx.connection.execute(select(letters))]

    def close(self) -> None:
        self.bureau.workflow.close()
        self.database.engine.dispose()


@pytest.fixture
def files(database_url: str) -> Iterator[Files]:
    opened = Files(database_url)
    yield opened
    opened.close()


def test_a_letter_is_made_once_and_kept_with_its_hash(files: Files) -> None:
    body, digest = files.letter()
    assert sha256(body).hexdigest() == digest
    assert files.letter(datetime(2031, 1, 1, tzinfo=UTC)) == (body, digest)
    (row,) = files.on_file()
    assert (row.notice_id, bytes(row.body), row.sha256, row.made_at) == (files.notice, body, digest, AT)


def test_a_letter_on_file_is_never_changed(files: Files) -> None:
    files.letter()
    with pytest.raises((exc.DBAPIError, Clash), match="append-only"), files.database.writing() as tx:
        tx.connection.execute(update(letters).values(sha256="0" * 64))


def test_several_that_need_a_letter_at_once_all_get_the_same(files: Files) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda _: files.letter(), range(8)))
    assert len(made) == 1
    with files.database.reading() as tx:
        assert tx.connection.scalar(select(func.count()).select_from(letters)) == 1


def waits_for_a_lock(files: Files) -> bool:
    """Whether somebody does; asked in a transaction of its own, because each sees one moment."""
    with files.database.reading() as tx:
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(tx.connection.scalar(waiting))


def test_who_comes_second_reads_what_the_first_has_kept(postgres_url: str) -> None:
    files = Files(postgres_url)
    with ThreadPoolExecutor(1) as pool:
        with files.database.writing() as first:
            made = letter_of(files.catalog, first, files.notice, AT)
            second = pool.submit(files.letter, datetime(2031, 1, 1, tzinfo=UTC))
            while not waits_for_a_lock(files):
                assert not second.done(), second.result()
                time.sleep(0.01)
        assert second.result(timeout=30) == made
    assert [row.made_at for row in files.on_file()] == [AT]
    files.close()


def test_there_is_no_letter_of_no_notice(files: Files) -> None:
    with pytest.raises(NotFound, match="no notice 'nowhere'"), files.database.writing() as tx:
        letter_of(files.catalog, tx, "nowhere", AT)
