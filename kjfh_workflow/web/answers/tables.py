"""Tables of the books as JSON or as a spreadsheet, and the parameters that they have in common.

What stands in a table is ``books``'s; who may see it is asked of the library by the routes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Annotated, Any, Literal
from urllib.parse import quote

from fastapi import Path as InPath
from fastapi import Query, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, Field

from kjfh_workflow.books import sheet
from kjfh_workflow.books.table import Column, Kind, Table
from kjfh_workflow.errors import ListChanged
from kjfh_workflow.intake.aside import folder_aside
from kjfh_workflow.store import paging
from kjfh_workflow.web.answers.common import Answer
from kjfh_workflow.web.problems import responses

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: Of a table that is one among several, JSON has no more rows; the spreadsheet has them all.
MOST_ROWS = 10_000
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
_JOINT = "#"
#: Of the columns that a key is made of.
_SHAPES = {
    "case": paging.CASE, "since": paging.DAY, "until": paging.DAY, "id": paging.NUMBER, "timer": paging.NAME,
}  # fmt: skip
_CHUNK = 64 * 1024
#: What ids, codes and short names are made of; none of them has a character that a database refuses.
_NAME = r"^[A-Za-z0-9._\-]*$"


def _in_our_time(day: date) -> date:
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise ValueError(f"a day from {_FIRST_DAY} to {_LAST_DAY}")
    return day


# ---- what is asked -------------------------------------------------------------------------------------------------

_Day = Annotated[date, AfterValidator(_in_our_time)]
City = Annotated[str, Query(max_length=64, pattern=_NAME, description="Only this city's, by its short name.")]
OneCity = Annotated[str, InPath(max_length=64, pattern=_NAME, description="The city's short name.")]
Year = Annotated[int, InPath(ge=2000, le=2100, description="A calendar year.", examples=[2021])]
CaseFilter = Annotated[str, Query(alias="case", max_length=64, pattern=_NAME, description="Only of this case.")]
#: Behind which case a list goes on.
CaseKey = Annotated[str, Query(alias="after", max_length=64, pattern=_NAME, description="Continue behind this case.")]
#: Behind which row, incubator or item a list goes on.
Behind = Annotated[
    str, Query(alias="after", max_length=200, pattern=r"^[^\x00-\x1f]*$", description="Continue behind this key.")
]
On = Annotated[
    _Day | None,
    Query(description="As it was in law at the end of this day; by default, as it is now.", examples=["2021-12-31"]),
]
Known = Annotated[
    _Day | None,
    Query(description="As it was on file at the end of this day; by default, all that is.", examples=["2022-01-31"]),
]
Format = Annotated[
    Literal["json", "xlsx"],
    Query(alias="format", description="`xlsx` gives the whole as a spreadsheet, whatever `after` and `limit` say."),
]


# ---- what is answered ----------------------------------------------------------------------------------------------


class ColumnAnswer(Answer):
    """A column that people see, in order."""

    name: str = Field(description="The rows' key.", examples=["operator"])
    label: str = Field(description="In people's words.", examples=["运营机构"])
    kind: Kind = Field(description="`yuan` are decimal texts, `number` whole numbers, `date` is `YYYY-MM-DD`.")


class TableAnswer(Answer):
    """Rows under titled columns."""

    title: str = Field(examples=["资格名录"])
    columns: list[ColumnAnswer]
    rows: list[dict[str, Any]] = Field(
        description="Key → value: every column's, and the codes that stand behind the words. What is empty is null "
        "or an empty text.",
        examples=[[{"case": "yuyao-210301-7kq2mw", "operator": "余姚朝阳科技孵化器有限公司", "level": "local",
                    "level_label": "市本级"}]],
    )  # fmt: skip
    note: str = Field(description="What a reader has to know: the day, what was left out.", examples=["共1家"])
    total: int | None = Field(description="How many rows there are in all; null where only a page is read.")
    next: str | None = Field(description="Give it as `after` for what follows; null at the end.")

    @classmethod
    def of(
        cls, table: Table, rows: Sequence[Mapping[str, Any]], following: str | None, total: int | None
    ) -> TableAnswer:
        """Some rows of a table, and the key behind which it goes on."""
        names = [column.name for column in table.columns]
        return cls(
            title=table.title,
            columns=[_column(column) for column in table.columns],
            rows=[{**dict.fromkeys(names), **{name: _plain(value) for name, value in row.items()}} for row in rows],
            note=table.note,
            total=total,
            next=following,
        )


class TablesAnswer(Answer):
    """Several tables of one moment."""

    tables: list[TableAnswer] = Field(
        description=f"Of each at most {MOST_ROWS:,} rows: where `total` says that there are more, the spreadsheet has "
        "them all."
    )


def _column(column: Column) -> ColumnAnswer:
    return ColumnAnswer(name=column.name, label=column.label, kind=column.kind)


def _plain(value: Any) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value


# ---- from the library's tables -------------------------------------------------------------------------------------


def give(
    table: Table, as_format: str, name: str, *, by: tuple[str, ...] = ("case",), after: str = "", limit: int = 500
) -> TableAnswer | Response:
    """A page of a table, or the whole as a spreadsheet.

    Args:
        table: all of it.
        as_format: ``json`` or ``xlsx``.
        name: of the file; plain letters.
        by: the columns that tell one row from every other.
        after: behind which row the page begins, as ``next`` had it; the first by default.
        limit: at most so many rows.

    Raises:
        InputError: for a key that this table cannot have given.
        ListChanged: if there is no such row any more.
    """
    if as_format == "xlsx":
        return spreadsheet([table], name)
    keys = [_JOINT.join(str(row.get(column)) for column in by) for row in table.rows]
    paging.check_key(after, _JOINT.join(_SHAPES[column] for column in by))
    if after and after not in keys:
        raise ListChanged
    start = keys.index(after) + 1 if after else 0
    end = start + limit
    following = keys[end - 1] if end < len(keys) else None
    return TableAnswer.of(table, table.rows[start:end], following, len(keys))


def give_all(tables: Sequence[Table], as_format: str, name: str) -> TablesAnswer | Response:
    """Several tables in one answer, or as the sheets of one spreadsheet."""
    if as_format == "xlsx":
        return spreadsheet(tables, name)
    return TablesAnswer(
        tables=[TableAnswer.of(table, table.rows[:MOST_ROWS], None, len(table.rows)) for table in tables]
    )


def spreadsheet(tables: Sequence[Table], name: str) -> Response:
    """An ``.xlsx`` with a sheet for each table; *name* is plain letters, people see the first table's title."""
    return saved(lambda path: sheet.save(path, tables), name, tables[0].title)


def saved(save: Callable[[Path], None], name: str, title: str) -> Response:
    """The ``.xlsx`` that *save* writes, sent piece by piece."""
    with folder_aside("kjfh-table-") as folder:
        file = TemporaryFile()  # noqa: SIM115  (closed when it has been sent, or is forgotten)
        path = folder / "table.xlsx"
        save(path)
        with path.open("rb") as source:
            shutil.copyfileobj(source, file)
    headers = {
        "Content-Disposition": f"attachment; filename=\"{name}.xlsx\"; filename*=UTF-8''{quote(title, safe='')}.xlsx",
        "Content-Length": str(file.tell()),
    }
    file.seek(0)
    return StreamingResponse(_pieces(file), media_type=XLSX, headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_CHUNK):
            yield piece


def table_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: a table leaves as JSON or as a file, or a problem does."""
    file = {XLSX: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"description": "As JSON, or with `format=xlsx` as a spreadsheet.", "content": file},
            **responses(*statuses)}  # fmt: skip
