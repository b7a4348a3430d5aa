"""What a column offers to choose from: its own suggestions, or the policy pack's types and technical fields.

A drop-down is written by ``template``, a form on a screen is drawn from ``casework.views.facts_form``.
"""

from __future__ import annotations

from collections.abc import Sequence

from kjfh_workflow.intake.columns import Column, Kind
from kjfh_workflow.intake.names import option
from kjfh_workflow.policy.model import PolicyPack


def offered(column: Column, pack: PolicyPack | None) -> Sequence[str]:
    """What there is to choose from; nothing for a column that is simply written."""
    if column.kind is Kind.YES_NO:
        return ("是", "否")
    if pack and column.field == "type":
        return [option(name, space_type.label) for name, space_type in pack.identity.types.items()]
    if pack and column.field == "field":
        named = [field for c in pack.tenant_conditions for field in (*c.fields, *c.except_fields)]
        return list(dict.fromkeys((*named, *column.options)))
    return column.options
