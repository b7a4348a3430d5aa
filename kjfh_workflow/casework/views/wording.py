"""How a case reads in people's words: its row in a list, a clock's proof, a remark in the timeline.

The command line, lists and the case's screen all take their words here; whole letters are ``notices``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kjfh_workflow.errors import NotFound
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import CaseKind, Field, Role
from kjfh_workflow.rules.clocks import Clock

#: What a timeline repeats of an act's evidence, in this order.
REMARKS = (Field.REASON, Field.FINDING, Field.OPINION, Field.GROUND, Field.STATEMENT)


@dataclass(frozen=True, slots=True)
class RowWords:
    """The labels of a row of ``cases``."""

    city_label: str
    kind_label: str
    type_label: str
    state_label: str
    #: Empty for what is no title.
    level_label: str
    #: Whether the case is over; False where nobody knows.
    final: bool

    def by_name(self) -> dict[str, Any]:
        """As keys of the row itself."""
        return {name: getattr(self, name) for name in self.__slots__}


def city_in_words(catalog: Catalog, city: str) -> str:
    """A city's name; its short one where it has no pack."""
    return catalog.latest(city).identity.city_label if city in catalog.cities else city


def roles_in_city(catalog: Catalog, city: str, roles: Iterable[Role]) -> dict[str, str]:
    """Role → what it is called in a city; its short name where that has no pack."""
    words = catalog.latest(city).words if city in catalog.cities else None
    return {str(role): words("roles", role) if words else str(role) for role in roles}


def row_in_words(catalog: Catalog, row: Mapping[str, Any]) -> RowWords:
    """The labels of a row; its short names where the pack's folder is gone."""
    level = row["level"] or ""
    try:
        pack = catalog.pinned(row["city"], row["policy"])
    except NotFound:
        return RowWords(row["city"], row["kind"], row["type"], row["state"], level, final=False)
    state = pack.machines[row["kind"]].states[row["state"]]
    return RowWords(
        pack.identity.city_label,
        pack.words("kinds", row["kind"]),
        pack.identity.types[row["type"]].label,
        state.label,
        pack.words("levels", level) if level else "",
        state.final,
    )


def proof(pack: PolicyPack, clock: Clock) -> str:
    """How a clock's last day was found, with its sources."""
    counted = clock.in_words(pack.words("units", clock.deadline.unit))
    article = f"{clock.article}；" if clock.article else ""
    return f"{counted}（{article}放假安排：{clock.deadline.calendar}）"


def who(pack: PolicyPack, role: str, name: str) -> str:
    """Who acted, and as what; a deadline acts as itself."""
    return name if role == Role.TIMER else f"{name}（{pack.words('roles', role)}）"


def remarks(evidence: Mapping[str, Any]) -> str:
    """What was said with an act, in one line."""
    texts = [str(evidence[key]) for key in REMARKS if key in evidence]
    if "was" in evidence:  # a clock that was counted again
        texts.append(f"{evidence['source']}，原截止日{evidence['was']}")
    return "；".join([*texts, *evidence.get(Field.MISSING, ())])


def event_label(pack: PolicyPack, kind: str, event: str) -> str:
    """The event of a history row, or the alarm that it notes."""
    return pack.machines[CaseKind(kind)].events.get(event) or pack.words("alarms", event)


def timer_label(pack: PolicyPack, kind: str, timer: str) -> str:
    """A deadline's name; its short one where a newer text of the pack has dropped it."""
    known = pack.machines[CaseKind(kind)].timer_of.get(timer)
    return known.label if known else timer
