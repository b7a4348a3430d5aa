"""What is asked over HTTP: the kinds of requests, each for one copy of a case or for a list that all share.

How fast they are answered is ``http``'s business.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from urllib.parse import quote

from benchmarks.http_lives import Family
from benchmarks.http_load import OPERATOR, OWN, Copies, copied_id, unmasked

_PAGE = "city=yuyao&kind=application&limit=50"
_NAME = f"朝阳科技孵化器{OPERATOR}"
#: Headers of an act, besides the token: its case is at its first version.
_ACT = {"content-type": "application/json", "if-match": '"1"', "idempotency-key": f"act-{OWN}"}


@dataclass(frozen=True)
class Kind:
    """One kind of request."""

    name: str
    #: Of whose copies there is one request each.
    family: Family
    method: str
    #: With marks where a copy has what is its own.
    path: str
    #: Of an act: its evidence.
    body: str = ""

    @property
    def acts(self) -> bool:
        """Whether each request needs a case that has not had one."""
        return bool(self.body)

    def headers(self, token: str) -> dict[str, str]:
        """With marks."""
        said = {"host": "127.0.0.1", "authorization": f"Bearer {token}"}
        return said | _ACT if self.acts else said

    def request(self, path: str, own: str, token: str) -> bytes:
        """The bytes to send for one copy."""
        lines = [f"{self.method} {_quoted(unmasked(path, own, self.family.number))} HTTP/1.1"]
        said = self.headers(token) | ({"content-length": str(len(self.body))} if self.acts else {})
        lines += [f"{name}: {unmasked(value, own, self.family.number)}" for name, value in said.items()]
        return "\r\n".join([*lines, "", self.body]).encode()


def kinds(copies: Copies) -> list[Kind]:
    """All of them."""
    reviewed, applied = copies.family("yuyao", "accepted"), copies.family("yuyao", "applied")
    recognised = copies.family("yuyao", "recognised")
    return [
        Kind("list, newest opened", applied, "GET", f"/v1/cases?{_PAGE}&sort=-id"),
        Kind("list, newest changes", applied, "GET", f"/v1/cases?{_PAGE}&sort=-changed_at"),
        Kind("list, by name", reviewed, "GET", f"/v1/cases?city=yuyao&limit=50&text={_NAME}"),
        Kind("show an application", reviewed, "GET", f"/v1/cases/{copied_id(reviewed, 0)}"),
        Kind("show an incubator", recognised, "GET", f"/v1/cases/{copied_id(recognised, 0)}"),
        Kind(
            "perform accept", applied, "POST",
            f"/v1/cases/{copied_id(applied, 0)}/events/accept", json.dumps({"evidence": {}}),
        ),
    ]  # fmt: skip


class Supply:
    """The copies that no request of a kind has been for; where nothing is changed they come round again."""

    def __init__(self, copies: Copies) -> None:
        self._owns: Mapping[Family, list[str]] = {family: [*copies.of(family)] for family in copies.families}
        self._used: Counter[Kind] = Counter()

    def some(self, kind: Kind, at_most: int) -> list[str]:
        """The next copies; at least one.

        Raises:
            AssertionError: if all have been acted on.
        """
        owns, used = self._owns[kind.family], self._used[kind]
        if not kind.acts:
            used %= len(owns)
            return [*islice(cycle(owns), used, used + at_most)]
        found = owns[used : used + at_most]
        assert found, f"there are only {len(owns):,} cases to act on: load more, or ask for less"
        return found

    def used(self, kind: Kind, number: int) -> None:
        """So many of them have been asked for."""
        self._used[kind] += number


def _quoted(path: str) -> str:
    return quote(path, safe="/?&=-_.")
