"""An application's data as a form: its sections, with fields, words and units, in the order of the application form.

Shapes and limits are those by which facts are read (``rules.facts``), the words those of the spreadsheets that an
operator fills in (``intake.columns``). What the values say of a case is ``rules.criteria``'s.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from kjfh_workflow.casework.views.form_fields import Choice, FormField, Shape, of_schema
from kjfh_workflow.intake.choices import offered
from kjfh_workflow.intake.columns import FORM_ITEMS, ROSTERS, SECTIONS, Kind
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.rules.facts import Facts

#: Dotted path into the facts → the column that has its words.
_COLUMNS = {item.field: item for item in FORM_ITEMS} | {
    f"{roster.name}.{column.field}": column for roster in ROSTERS for column in roster.columns
}
#: Path of a section → its label.
_LABELS = SECTIONS | {roster.name: roster.label for roster in ROSTERS}
#: What a schema calls a text only.
_TEXTS: dict[Kind, Shape] = {Kind.TEXT: "line", Kind.USCC: "uscc"}


@cache
def facts_form(pack: PolicyPack) -> tuple[FormField, ...]:
    """The sections of the facts: a ``table`` each, a roster as ``rows``; what stands alone is a field of its own."""
    whole = of_schema("facts", Facts.model_json_schema(), required=True)
    return tuple(in_words(pack, section.name, section) for section in whole.fields)


def in_words(pack: PolicyPack, path: str, field: FormField) -> FormField:
    """A field of the facts, or a section of them, with its label, its meaning and what the pack offers for it.

    Args:
        pack: whose technical fields are offered.
        path: where it stands in the facts, dotted, a roster's row without its number: ``tenants.field``.
        field: as its schema has it.
    """
    column = _COLUMNS.get(path)
    if column is None:
        fields = tuple(in_words(pack, f"{path}.{part.name}", part) for part in field.fields)
        return replace(field, label=_LABELS[path], fields=fields)
    choices = offered(column, pack) if column.kind is Kind.TEXT else ()
    return replace(
        field,
        label=column.label,
        shape=_TEXTS.get(column.kind, field.shape),
        choices=tuple(Choice(one, one) for one in choices),
        note=column.meaning,
    )
