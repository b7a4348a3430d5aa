"""Recording that the bureau has confirmed what the text leaves open. What is open is listed in ``policy.coverage``."""

from __future__ import annotations

from datetime import date

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.permission import require
from kjfh_workflow.errors import NotFound, WorkflowError
from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.store import registry
from kjfh_workflow.store.database import CoreTransaction


def confirm(
    office: Office, tx: CoreTransaction, city: str, key: str, by: Actor, on: date | None, note: str, version: str
) -> None:
    """Record one confirmation; an earlier one of the same provision stays on file.

    Raises:
        NotAuthorised: if *by* is no admin of the city.
        NotFound: for an unknown city, version or key.
        WorkflowError: for a day that has not come.
    """
    newest = require(office, city, by, [Role.ADMIN], "确认")
    pack = office.catalog.pinned(city, version) if version else newest
    if key not in dict(pack.provisions()):
        raise NotFound(f"{pack.name} has no provision {key!r}; see `kjfh policy open-questions {city}`")
    moment = office.moment(tx)
    if on is not None and on > moment.today:
        raise WorkflowError(f"a confirmation of {on} lies in the future: today is {moment.today}")
    registry.add_confirmation(
        tx,
        {
            "city": city,
            "policy": pack.version,
            "key": key,
            "confirmed_by": by.name,
            "confirmed_on": on or moment.today,
            "note": note,
            "recorded_at": moment.now,
        },
    )
