"""An incubator's roster of firms becomes its tenancies: who is new is admitted, who is gone leaves, all or nothing.

Whether a firm may be admitted is decided as for any other act; how a file is read, by ``intake``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kjfh_workflow.casework import perform as acts
from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.outcome import Outcome
from kjfh_workflow.errors import (
    GuardRefused,
    IntakeError,
    NotAuthorised,
    NotFound,
    Problem,
    Refusal,
    Refused,
    WorkflowError,
)
from kjfh_workflow.intake.columns import TENANTS
from kjfh_workflow.intake.rosters import HEADINGS_WITHIN, MOST_PROBLEMS, read_records
from kjfh_workflow.intake.tables import Meter, Progress, Source
from kjfh_workflow.policy.vocabulary import CaseKind, Field
from kjfh_workflow.policy.wording import explain
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.facts import ENTERING, MOST_ROWS, Tenant
from kjfh_workflow.store import books, cases
from kjfh_workflow.store.database import CoreTransaction

ADMIT, LEAVE = "admit", "leave"


@dataclass(frozen=True, slots=True)
class Listed:
    """One firm on the roster."""

    #: Where it stands: ``tenants.xlsx 工作表“入驻企业” 第3行``.
    place: str
    tenant: Tenant


@dataclass(frozen=True, slots=True)
class Moved:
    """One firm, and what the roster means for it."""

    name: str
    uscc: str
    #: Where it stands on the roster; empty for one that is no longer on it.
    place: str = ""
    #: Its tenancy; empty for one that was not admitted.
    case: str = ""
    #: Every reason against it.
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a roster, or what would."""

    incubator: str
    #: False for a preview: nothing is kept.
    kept: bool
    admitted: tuple[Moved, ...] = ()
    left: tuple[Moved, ...] = ()
    unchanged: tuple[Moved, ...] = ()
    refused: tuple[Moved, ...] = ()

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Every reason, each saying which firm and which row it is about."""
        return tuple(
            replace(refusal, message=f"{moved.place or '不在名单上'}，{moved.name}：{refusal.message}")
            for moved in self.refused
            for refusal in moved.refusals
        )


def read_roster(path: str | Path) -> list[Listed]:
    """The firms in a spreadsheet (.xlsx or .csv) like the tenants' list of an application folder.

    Raises:
        IntakeError: with every problem of every row; for more than ``MOST_ROWS`` of them, with nothing else.
    """
    path = Path(path)
    if not path.is_file():
        raise IntakeError([Problem(str(path), "", "没有这个文件")])
    if path.suffix.lower() not in (".xlsx", ".csv"):
        raise IntakeError([Problem(path.name, "", "不支持这种格式；请另存为 .xlsx 或 .csv")])
    source = Source(path)
    sheet = source.sheet(TENANTS.label, Meter(None, source.rows))
    if sheet is None:
        raise IntakeError([Problem(source.name, "", f"缺少工作表“{TENANTS.label}”")])
    if len(sheet.rows) > MOST_ROWS + HEADINGS_WITHIN:
        raise _too_long(sheet.place)
    read = read_records(TENANTS, sheet)
    if len(read.records) > MOST_ROWS:
        raise _too_long(sheet.place)
    if read.problems:
        raise IntakeError(read.problems)
    if not read.records:
        raise IntakeError([Problem(source.name, TENANTS.label, "没有一家企业；全部离开的，请逐家办理")])
    return listed(zip(read.places, read.records, strict=True), read.headings)


def listed(rows: Iterable[tuple[str, dict[str, Any]]], headings: dict[str, str] | None = None) -> list[Listed]:
    """Rows with their places as firms.

    Raises:
        IntakeError: for more than ``MOST_ROWS`` rows, before one of them is read; for what is no firm, and for a firm
            that stands there twice.
    """
    rows = [*islice(rows, MOST_ROWS + 1)]
    if len(rows) > MOST_ROWS:
        raise _too_long("名单")
    found: dict[str, Listed] = {}
    problems: list[Problem] = []
    for place, row in rows:
        if len(problems) >= MOST_PROBLEMS:
            problems.append(Problem("", "", f"问题过多，只列出前{len(problems)}处；请先改正这些"))
            break
        try:
            tenant = Tenant.model_validate(row, context=ENTERING)
        except ValidationError as error:
            for detail in error.errors():
                name = ".".join(str(step) for step in detail["loc"])
                problems.append(Problem(place, (headings or {}).get(name, name), explain(detail, Tenant.model_fields)))
            continue
        if first := found.get(tenant.uscc):
            problems.append(Problem(place, tenant.uscc, f"与{first.place}是同一企业；请只保留一行"))
        found.setdefault(tenant.uscc, Listed(place, tenant))
    if problems:
        raise IntakeError(problems)
    return [*found.values()]


def _too_long(place: str) -> IntakeError:
    # All of a roster comes in together, in one transaction for which the incubator is held.
    return IntakeError([Problem(place, "", f"超过{MOST_ROWS}行；请核对")])


def apply(
    office: Office,
    tx: CoreTransaction,
    incubator: str,
    roster: Iterable[Listed],
    by: Actor,
    *,
    preview: bool,
    progress: Progress | None = None,
) -> Imported:
    """Bring an incubator's tenancies in line with its roster; a firm is the same firm while its code is the same.

    The transaction must be given up if this raises, and after a preview.

    Args:
        office: packs and clock.
        tx: a writing transaction.
        incubator: the incubator's case.
        roster: every firm that is in it now.
        by: the applicant.
        preview: tell what would happen instead of refusing.
        progress: called now and then with the firms done so far and the firms in all.

    Raises:
        NotFound: no such incubator, or not the actor's to see.
        NotAuthorised: somebody else, or the wrong role.
        GuardRefused: unless it is a preview: with every reason, each with its row.
    """
    city, tenancies = _held(office, tx, incubator, by)
    firms = {str(case.memory["tenant"]["uscc"]): case for case in tenancies}
    wanted = {row.tenant.uscc: row for row in roster}
    leave = [
        (_moved(case), partial(acts.perform, office, tx, case.id, LEAVE, by, {}))
        for uscc, case in firms.items()
        if uscc not in wanted
    ]
    admit = [
        (Moved(row.tenant.name, uscc, row.place), partial(_admit, office, tx, incubator, city, row.tenant, by))
        for uscc, row in wanted.items()
        if uscc not in firms
    ]
    meter = Meter(progress, len(leave) + len(admit))
    done: list[Moved] = []
    for moved, act in (*leave, *admit):
        # A tenancy that a preview would open has no id yet.
        done.append(replace(_tried(moved, act), case=moved.case) if preview else _tried(moved, act))
        meter.step()
    meter.finish()
    result = Imported(
        incubator=incubator,
        kept=not preview,
        admitted=tuple(moved for moved in done[len(leave) :] if not moved.refusals),
        left=tuple(moved for moved in done[: len(leave)] if not moved.refusals),
        unchanged=tuple(
            replace(_moved(case), place=wanted[uscc].place) for uscc, case in firms.items() if uscc in wanted
        ),
        refused=tuple(moved for moved in done if moved.refusals),
    )
    if result.refused and not preview:
        raise GuardRefused(result.refusals)
    return result


def _admit(office: Office, tx: CoreTransaction, incubator: str, city: str, tenant: Tenant, by: Actor) -> Outcome:
    evidence = {str(Field.TENANT): tenant.model_dump(mode="json")}
    return acts.open_case(office, tx, CaseKind.TENANCY, ADMIT, by, evidence, city, parent_id=incubator)


def _tried(moved: Moved, act: Callable[[], Outcome]) -> Moved:
    try:
        return replace(moved, case=act().case)
    except NotAuthorised:
        raise  # it is nobody's firm that is at fault
    except Refused as error:
        return replace(moved, refusals=error.refusals)


def _moved(case: Case) -> Moved:
    tenant = case.memory["tenant"]
    return Moved(str(tenant["name"]), str(tenant["uscc"]), case=case.id)


def _held(office: Office, tx: CoreTransaction, incubator: str, by: Actor) -> tuple[str, list[Case]]:
    """The incubator's city, and its tenancies that are open; all of them locked.

    The tenancies before the incubator, as every act on one of them locks.
    """
    for case in books.of_parent(tx, incubator, CaseKind.TENANCY):
        if _is_open(office, case):
            cases.load(tx, case.id, lock=True)
    held = cases.load(tx, incubator, lock=True)
    if held is None or not by.may_read(held):
        raise NotFound(f"there is no case {incubator!r}")
    if held.kind is not CaseKind.INCUBATOR:
        raise WorkflowError(f"{incubator} is no incubator, but of kind {held.kind}")
    return held.city, [case for case in books.of_parent(tx, incubator, CaseKind.TENANCY) if _is_open(office, case)]


def _is_open(office: Office, case: Case) -> bool:
    return not office.pack_of(case).machines[case.kind].states[case.state].final
