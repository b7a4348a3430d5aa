"""From a file to rows of cells: the file's size, CSV in its encodings, and one shape for CSV and ``.xlsx``.

What a broken or hostile ``.xlsx`` looks like is known to ``workbook``; what the cells mean to ``rosters`` and ``form``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kjfh_workflow.errors import IntakeError, Problem
from kjfh_workflow.intake.values import is_blank
from kjfh_workflow.intake.workbook import LAST_COLUMN, Row, Workbook

MAX_BYTES = 50 * 1024 * 1024
MAX_ROWS = 100_000
#: How often progress is told, in rows.
_EVERY = 500

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one table that have anything in them."""

    #: ``tenants.xlsx 工作表“入驻企业”``, or the file's name.
    place: str
    #: Each with its number as a spreadsheet shows it.
    rows: list[tuple[int, Row]]

    def row(self, number: int) -> str:
        """The place of one row."""
        return f"{self.place} 第{number}行"


class Meter:
    """Counts rows and tells how far the reading is."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def step(self) -> None:
        """One more row."""
        self._done += 1
        if self._progress and self._done % _EVERY == 0:
            # The total is counted before the rows are parsed and may be a little short.
            self._progress(min(self._done, self._total), self._total)

    def finish(self) -> None:
        """All is read."""
        if self._progress:
            self._progress(self._total, self._total)


class Source:
    """One file that is small enough and of a kind that can be read."""

    def __init__(self, path: Path) -> None:
        """Look it over.

        Raises:
            IntakeError: if it cannot be read.
        """
        self._path = path
        check_size(path)
        self._content: Workbook | str = Workbook(path) if path.suffix.lower() == ".xlsx" else read_text(path)
        #: About how many rows it has.
        self.rows = self._content.rows if isinstance(self._content, Workbook) else self._content.count("\n") + 1

    @property
    def name(self) -> str:
        """The file's name."""
        return self._path.name

    def sheet(self, title: str, meter: Meter, *, or_first: bool = True) -> Sheet | None:
        """The rows of one sheet; a CSV file is its only sheet.

        Raises:
            IntakeError: if the file is broken or has too many rows.
        """
        if isinstance(self._content, str):
            return Sheet(self.name, self._filled(self._csv_rows(self._content), meter))
        with self._content.sheet(title, or_first=or_first) as (found, rows):
            return Sheet(f"{self.name} 工作表“{found}”", self._filled(rows, meter)) if found else None

    def _filled(self, rows: Iterable[Row], meter: Meter) -> list[tuple[int, Row]]:
        filled = []
        for number, row in enumerate(rows, 1):
            meter.step()
            if row.count(None) == len(row) or not (width := _width(row)):
                continue
            filled.append((number, row[:width]))
            # One more for the headings.
            if len(filled) > MAX_ROWS + 1:
                raise _refused(self._path, f"超过{MAX_ROWS}行；请核对，或分次办理")
        return filled

    def _csv_rows(self, text: str) -> Iterator[Row]:
        first = text.partition("\n")[0]
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",\t;", key=first.count), strict=True)
        try:
            for row in reader:
                if len(row) > LAST_COLUMN and any(cell.strip() for cell in row[LAST_COLUMN:]):
                    raise _refused(
                        self._path, f"第{reader.line_num}行超过{LAST_COLUMN}列；请核对分隔符，或删除多余的列"
                    )
                yield row[:LAST_COLUMN]
        except csv.Error as error:
            raise _refused(
                self._path, f"第{reader.line_num}行附近不是完好的 CSV（{error}）；请用电子表格软件重新导出"
            ) from error


def _width(row: Row) -> int:
    """How many cells there are up to the last that holds anything."""
    return next((width for width in range(len(row), 0, -1) if not is_blank(row[width - 1])), 0)


def read_text(path: Path, most_bytes: int | None = None) -> str:
    """The text of a file in UTF-8, with or without a mark, or in GB18030.

    Raises:
        IntakeError: if it is in neither, or too large.
    """
    check_size(path, most_bytes)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refused(path, f"无法读取：{error.strerror}") from error
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:  # which texts in UTF-16 are full of
            return text
    raise _refused(path, "既不是 UTF-8 也不是 GB18030 编码的文本；请另存为“CSV UTF-8”")


def check_size(path: Path, most_bytes: int | None = None) -> None:
    """Refuse a file that is larger than any may be, or than *most_bytes*.

    Raises:
        IntakeError: naming its size and the limit.
    """
    size = path.stat().st_size
    most = min(most_bytes or MAX_BYTES, MAX_BYTES)
    if size > most:
        raise _refused(path, f"文件有{_in_words(size)}，超过上限{_in_words(most)}")


def _in_words(size: int) -> str:
    mebibytes = size / 1024 / 1024
    return f"{mebibytes:.4g}MB" if mebibytes >= 1 else f"{size / 1024:.4g}KB"


def _refused(path: Path, message: str) -> IntakeError:
    return IntakeError([Problem(path.name, "", message)])
