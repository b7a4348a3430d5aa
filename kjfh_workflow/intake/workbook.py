"""An ``.xlsx`` file, opened with care: how large it is, whether it is one at all, and the cells of a sheet.

The only module that reads with ``openpyxl``, an extra that is imported when it is needed. CSV is read in ``tables``;
what the cells mean is asked in ``values``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from kjfh_workflow.errors import IntakeError, Problem
from kjfh_workflow.intake.archives import Unfit, opened
from kjfh_workflow.intake.columns import FORM_SHEET, GUIDE_SHEET, MATERIALS, OPTIONS_SHEET
from kjfh_workflow.intake.values import UNCOMPUTED

#: A hundred thousand rows with all columns take about sixty.
MAX_UNPACKED = 200 * 1024 * 1024
#: Cells and the texts in them: a hundred thousand rows of fifteen columns.
MAX_CELLS = 3_000_000
#: The library makes objects of styles, relations and names; Excel itself allows 64,000 styles.
MAX_OTHER_ELEMENTS = 300_000
#: A spreadsheet has no more rows; a file that claims more is not followed.
_LAST_ROW = 1_048_576
#: Cells further right are not looked at.
LAST_COLUMN = 64

_OLE = b"\xd0\xcf\x11\xe0"
_TAGS = re.compile(rb"<(?:\w+:)?(row|f)[\s/>]|<!(DOCTYPE|ENTITY)")
#: What tables and their texts are made of.
_TABLE = re.compile(rb"</?(?:\w+:)?(?:row|c|v|f|is|t|si|r)[\s/>]")
_CELL = re.compile(rb"<(?:\w+:)?(?:c|si)[\s/>]")
#: XML that the tags above are not found in.
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
_LONGEST_TAG = 64
_CELLS, _OTHERS = b"cells", b"others"
_CHUNK = 1024 * 1024
_BATCH = 200

Row = Sequence[object]


def openpyxl(place: str) -> ModuleType:
    """The library.

    Raises:
        IntakeError: saying how to install it.
    """
    try:
        import openpyxl  # noqa: PLC0415  (an extra, and 150 ms that a folder of CSV files need not pay)
    except ImportError:
        message = (
            "处理 .xlsx 文件需要安装 openpyxl：pip install 'kjfh-workflow[xlsx]'；也可以改用 .csv 和 application.toml"
        )
        raise IntakeError([Problem(place, "", message)]) from None
    return openpyxl


class Workbook:
    """One file that has been looked over, not yet read."""

    def __init__(self, path: Path) -> None:
        """Look it over.

        Raises:
            IntakeError: if it is no workbook or too large, or the library is missing.
        """
        self._path = path
        self._library = openpyxl(path.name)
        with self._whole(), path.open("rb") as file:
            if file.read(len(_OLE)) == _OLE:
                raise self._refused("设有打开密码，或是旧版 .xls 格式；请取消密码并另存为 .xlsx")
            counts = self._survey(file)
        #: About how many rows it has, all sheets together.
        self.rows = counts[b"row"]
        self._has_formulas = bool(counts[b"f"])

    @contextmanager
    def sheet(self, title: str, *, or_first: bool) -> Iterator[tuple[str, Iterator[Row]]]:
        """The name of the sheet found, empty if there is none, and its rows, blank ones included.

        Args:
            title: the sheet wanted.
            or_first: where it is missing, take the first sheet that is nothing else.
        """
        with ExitStack() as stack:
            book = self._book(stack, computed=True)
            titles = [sheet.title for sheet in book.worksheets]
            if title not in titles:
                others = {GUIDE_SHEET, OPTIONS_SHEET, MATERIALS.label, FORM_SHEET}
                title = next((name for name in titles if name not in others), "") if or_first else ""
            if not title:
                yield "", iter(())
            elif self._has_formulas:
                formulas = self._book(stack, computed=False)
                yield title, self._followed(_with_formulas(book[title], formulas[title]))
            else:
                yield title, self._followed(_cells(book[title], values_only=True))

    def _book(self, stack: ExitStack, *, computed: bool) -> Any:
        with self._whole():
            file = stack.enter_context(self._path.open("rb"))
            book = self._library.load_workbook(file, read_only=True, data_only=computed, keep_links=False)
        stack.callback(book.close)
        return book

    def _followed(self, rows: Iterator[Row]) -> Iterator[Row]:
        limited = islice(rows, _LAST_ROW)
        while True:
            # Guarded by the batch, so that what the reader of the rows raises is not taken for a broken file.
            with self._whole():
                batch = list(islice(limited, _BATCH))
            if not batch:
                return
            yield from batch

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Whatever a broken file makes the libraries raise, people are told the same."""
        try:
            with warnings.catch_warnings():
                # openpyxl warns of styles and extensions that it skips; none of them holds a value.
                warnings.simplefilter("ignore")
                yield
        except IntakeError:
            raise
        except OSError as error:
            raise self._refused(f"无法读取：{error.strerror or error}") from error
        except Exception as error:
            raise self._refused("不是完好的 .xlsx 文件；请用电子表格软件打开并重新保存") from error

    def _survey(self, file: IO[bytes]) -> dict[bytes, int]:
        """How many rows and formulas the sheets have; the sizes are checked before anything is unpacked."""
        counts = {b"row": 0, b"f": 0, _CELLS: 0, _OTHERS: 0}
        try:
            archive = opened(file, MAX_UNPACKED)
        except Unfit as error:
            raise self._refused(str(error)) from None
        with archive:
            for part in archive.infolist():
                # By its content: any part may be given out as a sheet, whatever it is called.
                with archive.open(part) as stream:
                    start = stream.read(_CHUNK)
                    if start.startswith(_WIDE):
                        raise self._refused("含有不是 UTF-8 的 XML；请用电子表格软件重新保存")
                    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"<", b""):
                        self._count_tags(start, stream, counts)
        return counts

    def _count_tags(self, text: bytes, stream: IO[bytes], counts: dict[bytes, int]) -> None:
        while text:
            end = 0
            for found in _TAGS.finditer(text):
                if found[2]:
                    raise self._refused("含有不允许的 XML 声明；请用电子表格软件重新保存")
                counts[found[1]] += 1
                end = found.end()
            chunk = stream.read(_CHUNK)
            rest = text[max(end, len(text) - _LONGEST_TAG) :] if chunk else b""
            done = text[: len(text) - len(rest)]
            counts[_CELLS] += len(_CELL.findall(done))
            counts[_OTHERS] += done.count(b"<") - len(_TABLE.findall(done))
            if counts[_CELLS] > MAX_CELLS:
                raise self._refused(f"超过{MAX_CELLS:,}个单元格；请核对，或分次办理")
            if counts[_OTHERS] > MAX_OTHER_ELEMENTS:
                raise self._refused("样式或部件过多；请把数据复制到新的工作簿中再保存")
            text = rest + chunk

    def _refused(self, message: str) -> IntakeError:
        return IntakeError([Problem(self._path.name, "", message)])


def _cells(sheet: Any, *, values_only: bool) -> Iterator[Sequence[Any]]:
    # Some programs write a wrong extent; without it every row is read.
    sheet.reset_dimensions()
    rows: Iterator[Sequence[Any]] = sheet.iter_rows(max_col=LAST_COLUMN, values_only=values_only)
    return rows


def _with_formulas(values: Any, formulas: Any) -> Iterator[Row]:
    """The rows, with ``UNCOMPUTED`` for each formula whose result is not in the file."""
    both = zip(_cells(values, values_only=False), _cells(formulas, values_only=False), strict=True)
    for computed, written in both:
        yield [
            # A result that is an empty text has the type "str".
            UNCOMPUTED if formula.data_type == "f" and value.value is None and value.data_type != "str" else value.value
            for value, formula in zip(computed, written, strict=True)
        ]
