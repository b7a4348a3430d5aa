"""After a database was restored from an older backup: what is out of the house already must not be said twice.

What a restore brings back by itself stands in ``docs/operations.md``; letters are held back by ``mending``.
"""

from __future__ import annotations

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.permission import require
from kjfh_workflow.errors import GuardRefused, StandsOtherwise, WorkflowError
from kjfh_workflow.policy.vocabulary import RefusalCode, Role
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.refusing import refusal
from kjfh_workflow.store import voided
from kjfh_workflow.store.database import CoreTransaction

#: More than any bureau issues in a year: whoever types more has made a mistake that could not be taken back.
_MOST = 1000


def void_numbers(
    office: Office, tx: CoreTransaction, by: Actor, city: str, year: int, through: int, reason: str
) -> range:
    """Say that a city's document numbers up to *through* are out of the house: the next letter takes the one behind.

    Args:
        office: packs and clock.
        tx: to write in.
        by: an admin of the city.
        city: whose numbers.
        year: of the numbers, this year or an earlier one.
        through: the highest number that is known to have left.
        reason: why; it is kept with who has said so.

    Returns:
        The numbers that are void from now on: those behind the last one given, up to *through*.

    Raises:
        NotAuthorised: if *by* is no admin of the city.
        NotFound: for a city without packs.
        GuardRefused: without a reason.
        StandsOtherwise: if *through* has been given already.
        WorkflowError: for a year to come, or more than a thousand numbers at once.
    """
    pack = require(office, city, by, [Role.ADMIN], "作废文号")
    if not reason.strip():
        label = pack.words("fields", "reason")
        raise GuardRefused([refusal(pack, RefusalCode.EVIDENCE_MISSING, field="reason", field_label=label)])
    moment = office.moment(tx)
    if not moment.today.year - 10 <= year <= moment.today.year:
        raise WorkflowError(f"{year} is not this year or one of the ten before it")
    last = voided.last_given(tx, city, year)
    if through <= last:
        raise StandsOtherwise(f"number {through} of {year} has been given: the last one is {last}")
    if through - last > _MOST:
        raise WorkflowError(f"{through - last} numbers at once are a mistake: the last one given is {last}")
    said = {
        "confirmed_by": by.name, "confirmed_on": moment.today, "note": reason.strip(), "recorded_at": moment.now,
    }  # fmt: skip
    voided.add(tx, city, year, last + 1, through, said)
    return range(last + 1, through + 1)
