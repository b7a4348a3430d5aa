"""The page of an office letter after GB/T 9704-2012: its measures, and the styles of its parts as WordprocessingML.

What stands on the page is put there by ``letters``.
"""

from __future__ import annotations

from math import floor

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'

PAGE = (210, 297)
#: Top, bottom, left, right, in mm.
MARGINS = (37, 35, 28, 26)
LINES, CHARACTERS = 22, 28
BODY_POINTS, TITLE_POINTS, PAGE_NUMBER_POINTS = 16, 22, 14
BODY_FONT, TITLE_FONT, PAGE_NUMBER_FONT = "仿宋_GB2312", "方正小标宋简体", "宋体"
RED = "FF0000"

_TWIPS_PER_MM, _POINTS_PER_MM = 1440 / 25.4, 72 / 25.4
TEXT_POINTS = (PAGE[0] - MARGINS[2] - MARGINS[3]) * _POINTS_PER_MM
#: The height of a line, in twips: as much as lets 22 of them stand on a page.
LINE_TWIPS = int((PAGE[1] - MARGINS[0] - MARGINS[1]) * _TWIPS_PER_MM / LINES)
#: How much closer than their size characters stand, so that 28 fit into a line: the page's grid has it in 4096ths of
#: a point, the text in twips. The text keeps to the grid by its own measures, with a twip to spare for rounding:
#: LibreOffice would give a character that is wider than its cell two of them.
GRID_SPACE = floor((TEXT_POINTS / CHARACTERS - BODY_POINTS) * 4096)
CHARACTER_SPACE = floor((TEXT_POINTS / CHARACTERS - BODY_POINTS) * 20) - 1
CHARACTER_TWIPS = BODY_POINTS * 20 + CHARACTER_SPACE
#: The letterhead's upper edge stands 35 mm below the text's; its line is two lines high, its letters a little less.
LETTERHEAD_POINTS = 50
_LETTERHEAD_BEFORE = int(35 * _TWIPS_PER_MM - (2 * LINE_TWIPS - LETTERHEAD_POINTS * 20) / 2)
#: The rule stands 4 mm below the number; the page number's dash 7 mm below the text.
_RULE_POINTS = round(4 * _POINTS_PER_MM)
FOOTER_MM = 25

#: What the parts of a letter are called, for whoever opens it in a word processor.
STYLE_NAMES = {
    "Letterhead": "发文机关标志",
    "Number": "发文字号",
    "Title": "公文标题",
    "Addressee": "主送机关",
    "Text": "公文正文",
    "Seal": "署名首行",
    "Signature": "署名",
    "PageNumber": "单页码",
    "EvenPageNumber": "双页码",
}

PAGE_FIELD = f'<w:fldSimple {_W} w:instr=" PAGE "><w:r><w:t>1</w:t></w:r></w:fldSimple>'
SETTINGS = f"""<w:settings {_W}>
  <w:evenAndOddHeaders/>
  <w:characterSpacingControl w:val="doNotCompress"/>
  <w:compat>
    <w:compatSetting w:name="compatibilityMode" w:uri="http://schemas.microsoft.com/office/word" w:val="15"/>
  </w:compat>
  <w:themeFontLang w:val="en-US" w:eastAsia="zh-CN"/>
</w:settings>"""


def styles() -> str:
    """One style for each part of a letter; all text stands on the grid of 22 lines by 28 characters."""
    apart = '<w:spacing w:val="0"/>'
    centred = '<w:jc w:val="center"/>'
    title = f"{_font(TITLE_FONT)}{apart}{_size(TITLE_POINTS)}"
    rule = f'<w:pBdr><w:bottom w:val="single" w:sz="12" w:space="{_RULE_POINTS}" w:color="{RED}"/></w:pBdr>'
    page_number = f"{_font(PAGE_NUMBER_FONT)}{apart}{_size(PAGE_NUMBER_POINTS)}"
    one = PAGE_NUMBER_POINTS * 20
    free = '<w:spacing w:line="240" w:lineRule="auto"/>'
    parts = {
        "Letterhead": (
            f"{_spacing(_LETTERHEAD_BEFORE, 2)}{centred}",
            f'{_font(TITLE_FONT)}<w:color w:val="{RED}"/>{apart}{_size(LETTERHEAD_POINTS)}',
        ),
        "Number": (f"{rule}{_spacing(2 * LINE_TWIPS)}{centred}", ""),
        "Title": (f"<w:keepNext/>{_spacing(2 * LINE_TWIPS)}{centred}", title),
        "Addressee": (_spacing(LINE_TWIPS), ""),
        "Text": (f'<w:ind w:firstLineChars="200" w:firstLine="{2 * CHARACTER_TWIPS}"/>', ""),
        "Seal": (f'<w:keepLines/>{_spacing(2 * LINE_TWIPS)}<w:jc w:val="right"/>', ""),
        "Signature": ('<w:keepLines/><w:jc w:val="right"/>', ""),
        "PageNumber": (f'{free}<w:ind w:rightChars="100" w:right="{one}"/><w:jc w:val="right"/>', page_number),
        "EvenPageNumber": (f'{free}<w:ind w:leftChars="100" w:left="{one}"/>', page_number),
    }
    own = "".join(
        f'<w:style w:type="paragraph" w:customStyle="1" w:styleId="{key}"><w:name w:val="{STYLE_NAMES[key]}"/>'
        f'<w:basedOn w:val="Normal"/><w:pPr>{paragraph}</w:pPr><w:rPr>{run}</w:rPr></w:style>'
        for key, (paragraph, run) in parts.items()
    )
    return f"""<w:styles {_W}>
  <w:docDefaults>
    <w:rPrDefault><w:rPr><w:lang w:val="en-US" w:eastAsia="zh-CN" w:bidi="ar-SA"/></w:rPr></w:rPrDefault>
    <w:pPrDefault/>
  </w:docDefaults>
  <w:style w:type="paragraph" w:default="1" w:styleId="Normal">
    <w:name w:val="Normal"/>
    <w:pPr>
      <w:widowControl w:val="0"/><w:wordWrap w:val="0"/><w:autoSpaceDE w:val="0"/><w:autoSpaceDN w:val="0"/>
      <w:snapToGrid w:val="0"/>{_spacing(0)}
    </w:pPr>
    <w:rPr>
      {_font(BODY_FONT)}<w:snapToGrid w:val="0"/><w:spacing w:val="{CHARACTER_SPACE}"/>{_size(BODY_POINTS)}
    </w:rPr>
  </w:style>
  {own}
</w:styles>"""


def _font(name: str) -> str:
    return f'<w:rFonts w:ascii="{name}" w:eastAsia="{name}" w:hAnsi="{name}" w:cs="{name}"/>'


def _size(points: int) -> str:
    return f'<w:sz w:val="{points * 2}"/><w:szCs w:val="{points * 2}"/>'


def _spacing(before: int, lines: int = 1) -> str:
    return f'<w:spacing w:before="{before}" w:after="0" w:line="{lines * LINE_TWIPS}" w:lineRule="exact"/>'
