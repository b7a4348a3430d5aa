"""Short names of cities, types and materials, also where a folder has the Chinese label instead.

Labels come from the policy packs, where any are given; whether a type or material fits an application is asked when it
is submitted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from kjfh_workflow.intake.headings import squash
from kjfh_workflow.policy.model import PolicyPack

#: A short name, perhaps with its label behind it as the template's drop-down has it: ``incubator（科技企业孵化器）``.
_NAME = re.compile(r"([a-z][a-z0-9_]*)\s*(?:\(.*\))?")


class Names:
    """What the packs call cities, types and materials."""

    def __init__(self, packs: Iterable[PolicyPack]) -> None:
        self._cities: dict[str, str] = {}
        self._types: dict[str, dict[str, str]] = {}
        self._materials: dict[str, dict[str, str]] = {}
        # Oldest first, so that the newest version's label stays.
        for pack in sorted(packs, key=lambda pack: pack.version):
            identity = pack.identity
            self._cities[pack.city] = identity.city_label
            self._types.setdefault(pack.city, {}).update({name: t.label for name, t in identity.types.items()})
            self._materials.setdefault(pack.city, {}).update({m.id: m.label for m in identity.materials})

    def city(self, text: str) -> str:
        """The city's short name.

        Raises:
            ValueError: in Chinese; so do the others.
        """
        return _resolve(text, self._cities)

    def space_type(self, text: str, city: str) -> str:
        """The short name of a type of the city."""
        return _resolve(text, self._types.get(city, {}))

    def material(self, text: str, city: str) -> str:
        """The id of a material; an id that the city does not know is left to the submission."""
        return _resolve(text, self._materials.get(city, {}), open_ended=True)


def option(name: str, label: str) -> str:
    """A short name as it stands in a drop-down."""
    return f"{name}（{label}）"


def _resolve(text: str, known: Mapping[str, str], *, open_ended: bool = False) -> str:
    written = _NAME.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if written and (written[1] in known or open_ended or not known):
        return written[1]
    for name, label in known.items():
        if squash(text) == squash(label):
            return name
    allowed = "、".join(option(name, label) for name, label in known.items())
    raise ValueError(f"没有“{text}”；可以是：{allowed}" if allowed else f"“{text}”应为编号（小写字母、数字和下划线）")
