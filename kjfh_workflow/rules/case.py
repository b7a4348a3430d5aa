"""What a case is at one moment, and who acts on it.

A case is the fold of its history: each history row names the new state and assigns keys of ``memory``; folding is
assignment and nothing else, so a case can be folded again by any later version of the program.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from kjfh_workflow.policy.vocabulary import NEW, OFFICE_ROLES, CaseKind, Level, Role
from kjfh_workflow.rules.identifiers import check_id, check_uscc

#: How acts of deadlines and of other cases are signed in the history: no person may be taken for one.
SIGNATURES = (f"{Role.TIMER}:", f"{Role.CASE}:")


@dataclass(frozen=True, slots=True)
class Reads:
    """Which cases somebody may see; with nothing set, none."""

    everything: bool = False
    #: All cases of this city.
    city: str = ""
    #: All cases of this operator.
    uscc: str = ""

    @property
    def for_office(self) -> bool:
        """Whether an office looks, and not only an operator: officers' ids are for their colleagues."""
        return self.everything or bool(self.city)

    def for_office_of(self, city: str) -> bool:
        """Whether an office looks that may see what the offices of *city* keep to themselves."""
        return self.everything or (bool(self.city) and city == self.city)

    def shows(self, city: str, uscc: str | None) -> bool:
        """Whether what belongs to a city and an operator is among it; None: what was not written to an operator."""
        return self.everything or city == self.city or (bool(self.uscc) and uscc == self.uscc)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who performs an act, as the host system has authenticated them."""

    id: str
    name: str
    #: In order of preference where several would do.
    roles: tuple[Role, ...]
    city: str
    #: The operator an applicant stands for; empty for everybody else.
    uscc: str = ""

    @classmethod
    def of(cls, actor_id: str, roles: str | Iterable[str], city: str, *, name: str = "", uscc: str = "") -> Actor:
        """An actor from plain texts.

        Raises:
            ValueError: for an id, name or city that is none, for a role that does not exist or is not a person's, and
                for a code with a wrong check digit.
        """
        check_id(actor_id, "an actor's id")
        check_id(city, "an actor's city")
        if actor_id != actor_id.strip() or city != city.strip():
            raise ValueError(f"no blanks around an actor's id or city: {actor_id!r}, {city!r}")
        if unicodedata.normalize("NFKC", actor_id).casefold().startswith(SIGNATURES):
            raise ValueError(
                f"an actor's id cannot begin with {' or '.join(SIGNATURES)}: so deadlines sign, not people"
            )
        if name:
            check_id(name, "an actor's name")
        names = (roles,) if isinstance(roles, str) else tuple(roles)
        allowed = [str(role) for role in Role if role not in (Role.TIMER, Role.CASE)]
        if unknown := [role for role in names if role not in allowed]:
            raise ValueError(f"unknown role {unknown[0]!r}; allowed: {', '.join(allowed)}")
        if not names:
            raise ValueError(f"an actor needs a role; allowed: {', '.join(allowed)}")
        code = check_uscc(uscc) if uscc else ""
        return cls(actor_id, name or actor_id, tuple(Role(role) for role in names), city, code)

    @classmethod
    def timer(cls, name: str, city: str) -> Actor:
        """The deadline *name*, acting at the end of its last day."""
        return cls(f"timer:{name}", name, (Role.TIMER,), city)

    def reads(self) -> Reads:
        """What the actor may see: applicants their own cases, offices their city's, auditors everything."""
        applicant = self.uscc if Role.APPLICANT in self.roles else ""
        office = self.city if OFFICE_ROLES & {*self.roles} else ""
        return Reads(Role.AUDITOR in self.roles, office, applicant)

    @property
    def is_official(self) -> bool:
        """Whether the actor belongs to an office, and not only to an operator."""
        return bool({*self.roles} & {*OFFICE_ROLES, Role.AUDITOR})

    def may_read(self, case: Case) -> bool:
        """Whether this case is the actor's to see."""
        return self.reads().shows(case.city, case.uscc)

    def owns(self, case: Case) -> bool:
        """Whether the actor stands for the case's operator."""
        return Role.APPLICANT in self.roles and bool(self.uscc) and self.uscc == case.uscc


def reads_of(reader: Actor | None) -> Reads:
    """What somebody may see; the program itself (None) sees everything."""
    return reader.reads() if reader else Reads(everything=True)


@dataclass(frozen=True, slots=True)
class Case:
    """A case at one moment."""

    id: str
    city: str
    kind: CaseKind
    #: The version of the pack it is pinned to.
    policy: str
    state: str = NEW
    #: How many history rows it has.
    version: int = 0
    #: Hash of the last of them.
    head: str = ""
    #: Everything else the history has said, key by key.
    memory: Mapping[str, Any] = field(default_factory=dict)

    @property
    def uscc(self) -> str:
        """The operator's code."""
        return str(self.memory.get("uscc", ""))

    @property
    def name(self) -> str:
        """The operator's name when the case was opened."""
        return str(self.memory.get("name", ""))

    @property
    def type(self) -> str:
        """The type applied for or held."""
        return str(self.memory.get("type", ""))

    @property
    def parent(self) -> str:
        """Id of the case that it belongs to; empty for one that belongs to none."""
        return str(self.memory.get("parent", ""))

    @property
    def level(self) -> Level | None:
        """The level of the title; None for cases that are no title."""
        level = self.memory.get("level")
        return Level(level) if level else None

    @property
    def facts(self) -> str:
        """SHA-256 of the facts document in force; empty where there is none."""
        return str(self.memory.get("facts", ""))

    @property
    def facts_on(self) -> date | None:
        """The day those facts were handed in."""
        day = self.memory.get("facts_on")
        return date.fromisoformat(day) if day else None

    @property
    def materials(self) -> tuple[str, ...]:
        """The materials handed in so far."""
        return tuple(self.memory.get("materials", ()))

    @property
    def endorsed(self) -> Mapping[str, str]:
        """Department → who endorsed for it."""
        endorsed: Mapping[str, str] = self.memory.get("endorsed", {})
        return endorsed

    def still_at_work(self, responsible: tuple[Role, ...]) -> tuple[Role, ...]:
        """Those of the responsible departments that have not endorsed yet; a clock that runs has at least one."""
        return tuple(role for role in responsible if role not in self.endorsed) or responsible

    def actors_of(self, event: str) -> tuple[str, ...]:
        """Everybody who has performed *event* in this case."""
        return tuple(self.memory.get("acted", {}).get(event, ()))

    def after(self, state: str, changes: Mapping[str, Any], head: str) -> Case:
        """The case after one more history row; a None in *changes* forgets the key."""
        memory = {**self.memory, **changes}
        for key, value in changes.items():
            if value is None:
                del memory[key]
        return Case(self.id, self.city, self.kind, self.policy, state, self.version + 1, head, memory)


@dataclass(frozen=True, slots=True)
class Standing:
    """What an operator has in a city besides this case."""

    #: Last barred day, or None.
    banned_until: date | None = None
    #: Id of an application that is not closed; empty if none.
    open_application: str = ""
    #: Kind of space → id of the incubator that holds the title.
    titles: Mapping[str, str] = field(default_factory=dict)
    #: The day of the latest finding of cheating that still bears on it; None if there is none.
    fraud_on: date | None = None
    #: The application in which it was found.
    fraud_case: str = ""
