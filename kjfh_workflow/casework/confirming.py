"""Recording that the bureau has confirmed what the text leaves open. What is open is listed in ``policy.coverage``."""

from __future__ import annotations

from datetime import date

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.permission import require
from kjfh_workflow.errors import NotFound, WorkflowError
from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.policy.wording import nearest
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.store import registry
from kjfh_workflow.store.database import CoreTransaction


def confirm(
    office: Office, tx: CoreTransaction, city: str, key: str, by: Actor, on: date | None, note: str, version: str
) -> None:
    """Record one confirmation; an earlier one of the same provision stays on file.

    What the newest one of the provision says already is not recorded again.

    Raises:
        NotAuthorised: if *by* is no admin of the city.
        NotFound: for an unknown city, version or key.
        WorkflowError: for a day that has not come.
    """
    newest = require(office, city, by, [Role.ADMIN], "确认")
    pack = office.catalog.pinned(city, version) if version else newest
    if key not in dict(pack.provisions()):
        near = nearest(key, dict(pack.provisions()))
        meant = f", did you mean {near!r}?" if near else ""
        raise NotFound(f"{pack.name} has no provision {key!r}{meant}; its open questions have their keys beside them")
    moment = office.moment(tx)
    if on is not None and on > moment.today:
        raise WorkflowError(f"a confirmation of {on} lies in the future: today is {moment.today}")
    said = {"key": key, "confirmed_by": by.name, "confirmed_on": on or moment.today, "note": note}
    registry.hold_confirmations(tx)
    of_key = [row for row in registry.confirmations_of(tx, city, pack.version) if row["key"] == key]
    if of_key and said.items() <= of_key[-1].items():
        return
    values = {"city": city, "policy": pack.version, "recorded_at": moment.now}
    registry.add_confirmation(tx, {**said, **values})
