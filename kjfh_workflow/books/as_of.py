"""A case as it was: in law on a day, and as far as the office knew at the end of a day.

What registers and reports make of such cases is theirs; what the history rows are, ``store.history``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby

from kjfh_workflow import canonical
from kjfh_workflow.clock import local_date, start_of
from kjfh_workflow.policy.vocabulary import CaseKind, Field, Role
from kjfh_workflow.rules.case import Actor, Case, Reads, reads_of
from kjfh_workflow.store import books, cases
from kjfh_workflow.store.books import Acted, Wanted
from kjfh_workflow.store.database import CoreTransaction


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose cases somebody looks at, and as of when."""

    reads: Reads
    #: All that may be seen where it is empty.
    city: str = ""
    #: As it was in law at the end of this day; None: as it is now.
    on: date | None = None
    #: As it was on file at the end of this day in Shanghai; None: all that is on file.
    known: date | None = None

    @classmethod
    def of(cls, reader: Actor | None, city: str = "", on: date | None = None, known: date | None = None) -> Scope:
        """For *reader*; None is the program itself."""
        return cls(reads_of(reader), city, on, known)

    @property
    def noticed_before(self) -> datetime | None:
        """The instant at which the day of knowledge has ended."""
        return None if self.known is None else start_of(self.known + timedelta(days=1))

    @property
    def is_now(self) -> bool:
        """Whether nothing has to be folded again."""
        return self.on is None and self.known is None

    def sees(self, case: Case) -> bool:
        """Whether this case is to be seen."""
        return self.reads.shows(case.city, case.uscc)

    def day(self, today: date) -> date:
        """The day that is looked at: without one, the last of which anything is known."""
        return self.on or min(self.known or today, today)

    def in_words(self, today: date) -> str:
        """``截至2021-12-31；按2022-01-31已记载的情况``."""
        known = f"；按{self.known}已记载的情况" if self.known else ""
        return f"截至{self.day(today)}{known}"


@dataclass(frozen=True, slots=True)
class Seen:
    """A case as it was."""

    case: Case
    #: The instant of its last act, as the program noticed it.
    changed_at: datetime

    @property
    def changed_on(self) -> date:
        """That day in Shanghai."""
        return local_date(self.changed_at)


def fold(start: Case, acts: Iterable[Acted], on: date | None) -> Seen | None:
    """The case after those of its *acts* that count by *on*; None if there was no case yet.

    Acts come in the order of writing, and behind one of a later day nothing counts. But a reminder or an escalation
    that was noticed late moves nothing: what stands behind it may have happened earlier in law. And what another body
    decided counts from the day of its decision, however late it was put on file: the level, whatever came between.
    """
    seen: Seen | None = None
    case, counting = start, True
    for version, act in enumerate(acts, 1):
        if act.version != version:
            break  # a clock that was set back: the row before is not known yet
        changes = canonical.loads(act.effects).get("set", {})
        if on is None or (counting and _counts_from(act) <= on):
            case = replace(case.after(act.target, changes, act.hash), version=act.version)
            seen = Seen(case, act.noticed_at)
        elif act.version == 1:
            break
        elif Field.LEVEL in changes and _counts_from(act) <= on:
            known = {str(name): changes[name] for name in (Field.LEVEL, Field.DOCUMENT_NO) if name in changes}
            case = replace(case, memory={**case.memory, **known})
            seen = Seen(case, act.noticed_at)
        elif act.role != Role.TIMER or act.source != act.target:
            counting = False
    return seen


def _counts_from(act: Acted) -> date:
    """The day of the act in law, or of the decision that it puts on file."""
    if Field.DECIDED_ON not in act.evidence:
        return act.legal_on
    decided_on = canonical.loads(act.evidence).get(Field.DECIDED_ON)
    return min(act.legal_on, date.fromisoformat(decided_on)) if decided_on else act.legal_on


def batches(tx: CoreTransaction, kind: CaseKind, scope: Scope) -> Iterator[list[Seen]]:
    """Every case of a kind as it was, in order of id, some hundreds at a time."""
    wanted = Wanted(kind, scope.reads, scope.city)
    if scope.is_now:
        for found in books.current(tx, wanted):
            yield [Seen(case, changed_at) for case, changed_at in found]
        return
    # What is put on file as a title may have been decided long before.
    opened_until = None if kind is CaseKind.INCUBATOR else scope.on
    for starts in books.unfolded(tx, wanted, opened_until):
        by_id = {case.id: case for case in starts}
        acts = books.acts_of(tx, by_id.keys(), scope.noticed_before)
        folded = (fold(by_id[case_id], its, scope.on) for case_id, its in groupby(acts, key=lambda act: act.case_id))
        yield [seen for seen in folded if seen]


def case_as_of(tx: CoreTransaction, case_id: str, scope: Scope) -> Seen | None:
    """One case as it was; None if there was none, or it is not to be seen."""
    case = cases.load(tx, case_id)
    if case is None or not scope.sees(case):
        return None
    acts = books.acts_of(tx, [case_id], scope.noticed_before)
    return fold(Case(case.id, case.city, case.kind, case.policy), acts, scope.on)
