"""What stands on the integrity list, and what became of a list of payments."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime

from pydantic import Field

from kjfh_workflow.books.payments import Reconciled, Result
from kjfh_workflow.web.answers.common import Answer, Yuan


class BanAnswer(Answer):
    """Whether an operator may apply in a city."""

    city: str
    uscc: str = Field(examples=["91330281MA2B00001P"])
    banned_until: date | None = Field(description="The last barred day; null if it may apply today.")


class MisconductAnswer(Answer):
    """A reviewer's misconduct, as it was recorded."""

    id: int
    city: str
    person: str = Field(examples=["张评审"])
    finding: str = Field(examples=["收受申报单位财物"])
    document_no: str = Field(examples=["余纪〔2021〕5号"])
    article: str = Field(examples=["第十四条"])
    policy: str = Field(description="The policy under which it was recorded.")
    recorded_by: str = Field(description="The intranet's id of who recorded it.", examples=["staff-3"])
    recorded_by_name: str = Field(
        description="As they signed last; their id where they have done nothing else.", examples=["赵局"]
    )
    recorded_on: date
    recorded_at: datetime


class PaymentLine(Answer):
    """One row of a payment list that came back, and what became of it."""

    row: int | None = Field(description="Its number in the file; null for what is missing there.", examples=[2])
    key: str = Field(description="Case and award, as the list that went out had them.")
    name: str
    yuan: Yuan | None = Field(description="As the ledger has it.")
    result: Result
    result_label: str = Field(examples=["本次登记已付"])
    message: str = Field(description="Finance's remark, or every reason.")
    codes: list[str] = Field(description="The codes of the reasons, where it was refused.")


class ReconciliationAnswer(Answer):
    """What became of a payment list, row by row."""

    note: str = Field(description="The counts in people's words.", examples=["本次登记已付12笔，付款失败1笔"])
    counts: dict[str, int] = Field(description="Result → how many rows.", examples=[{"paid": 12, "failed": 1}])
    lines: list[PaymentLine]

    @classmethod
    def of(cls, found: Reconciled) -> ReconciliationAnswer:
        """From the library's."""
        table = found.table()
        return cls(
            note=table.note,
            counts=Counter(str(line.result) for line in found.lines),
            lines=[PaymentLine.model_validate({**row, "codes": [*row["codes"]]}) for row in table.rows],
        )
