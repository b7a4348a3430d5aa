"""How a refusal is worded: the code from the program, the sentence from the words."""

from __future__ import annotations

from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import RefusalCode


def refusal(
    pack: PolicyPack,
    code: RefusalCode,
    *,
    article: str = "",
    field: str = "",
    variant: str = "",
    **values: object,
) -> Refusal:
    """One reason, worded for people; *variant* picks another sentence of the same code."""
    sentence = pack.words("refusals", f"{code}.{variant}" if variant else code)
    return Refusal(str(code), sentence.format(contact=pack.identity.contact, **values), article, field)
