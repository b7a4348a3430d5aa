"""Policy packs in lists, their documents article by article, what is open in them, and what differs between two.

The whole of one pack is ``pack_contents``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from kjfh_workflow.policy.compare import Change
from kjfh_workflow.policy.coverage import Covered, Question
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.phrases import in_force_in_words
from kjfh_workflow.web.answers.common import Answer


class Coded(Answer):
    """A name of the program's or the pack's, and people's word for it."""

    name: str
    label: str


class PackLine(Answer):
    """One version of one city's policy."""

    city: str = Field(description="Its short name.", examples=["yongjiang"])
    city_label: str = Field(examples=["甬江市"])
    version: str = Field(examples=["2020-01-01"])
    title: str
    document_no: str = Field(description="As issued; empty where the document carries none.")
    issuers: list[str]
    issued_on: date | None
    effective_from: date
    effective_to: date | None = Field(description="The last day; null where the document names none.")
    in_force: str = Field(description="The same in words.", examples=["自2020-01-01起至2023-12-31"])
    in_force_today: bool = Field(description="Whether a new application may be filed under it today.")
    contact: str = Field(description="Who answers questions about it.")
    kinds: list[Coded] = Field(description="The kinds of case that it knows.")
    digest: str = Field(description="SHA-256 over its files; stands in every act's record.")

    @classmethod
    def of(cls, pack: PolicyPack, in_force_today: bool) -> PackLine:
        """From the library's."""
        return cls(**line_of(pack, in_force_today))


def line_of(pack: PolicyPack, in_force_today: bool) -> dict[str, Any]:
    """What every answer about a pack begins with."""
    identity = pack.identity
    return {
        "city": pack.city,
        "city_label": identity.city_label,
        "version": pack.version,
        "title": identity.title,
        "document_no": identity.document_no,
        "issuers": [*identity.issuers],
        "issued_on": identity.issued_on,
        "effective_from": identity.in_force.effective_from,
        "effective_to": identity.in_force.effective_to,
        "in_force": in_force_in_words(identity.in_force),
        "in_force_today": in_force_today,
        "contact": identity.contact,
        "kinds": [Coded(name=kind, label=pack.words("kinds", kind)) for kind in pack.machines],
        "digest": pack.digest,
    }


class ArticleAnswer(Answer):
    """An article of the document, and what the software makes of it."""

    number: str = Field(examples=["第五条"])
    items: int = Field(description="How many numbered items (第N项) it has.")
    about: str
    handling: str = Field(examples=["coded"])
    handling_label: str = Field(examples=["已编入规则"])
    note: str
    coded_in: list[str] = Field(description="The keys of the provisions that cite it.")

    @classmethod
    def all_of(cls, pack: PolicyPack, covered: Sequence[Covered]) -> list[ArticleAnswer]:
        """From the library's."""
        items = {article.number: article.items for article in pack.identity.articles}
        return [
            cls(
                number=each.number,
                items=items[each.number],
                about=each.about,
                handling=each.handling,
                handling_label=each.handling_word,
                note=each.note,
                coded_in=[*each.coded_in],
            )
            for each in covered
        ]


class QuestionAnswer(Answer):
    """Something that the text does not carry on its face, for the bureau to confirm."""

    key: str = Field(examples=["criterion.use_share"])
    article: str
    status: str = Field(examples=["reading"])
    status_label: str = Field(examples=["解读（待确认）"])
    value: str = Field(description="What is to be confirmed.")
    note: str
    confirmed_on: date | None = Field(description="The day of the bureau's last confirmation; null if there is none.")

    @classmethod
    def of(cls, question: Question, confirmed_on: date | None) -> QuestionAnswer:
        """From the library's."""
        return cls(
            key=question.key,
            article=question.article,
            status=question.status,
            status_label=question.status_word,
            value=question.value,
            note=question.note,
            confirmed_on=confirmed_on,
        )


class PackChangeAnswer(Answer):
    """One field that differs, or one item that only one of the packs has."""

    key: str
    what: Literal["added", "removed", "changed"]
    field: str = Field(description="As written in the pack; empty for a whole item.")
    before: Any = Field(description="Null where there was nothing.")
    after: Any
    article: str


class Comparison(Answer):
    """From one pack to another, item by item."""

    before: str = Field(examples=["yuyao/2020-01-01"])
    after: str = Field(examples=["cixi/2021-01-01"])
    changes: list[PackChangeAnswer]

    @classmethod
    def of(cls, before: PolicyPack, after: PolicyPack, changes: Sequence[Change]) -> Comparison:
        """From the library's."""
        return cls(
            before=before.name,
            after=after.name,
            changes=[PackChangeAnswer.model_validate(change) for change in changes],
        )


class ConfirmationAnswer(Answer):
    """That the bureau has confirmed a provision."""

    key: str
    confirmed_by: str
    confirmed_on: date
    note: str
    recorded_at: datetime

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> ConfirmationAnswer:
        """From a row of the library's."""
        return cls.model_validate(row)
