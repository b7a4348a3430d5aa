"""With which events somebody may open a case that belongs to no other: each with its form, and every reason against it.

What may be opened under a case stands in that case's ``dossier``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial

from kjfh_workflow.casework.office import Office
from kjfh_workflow.casework.perform import open_case, pack_for_opening
from kjfh_workflow.casework.trying_again import again
from kjfh_workflow.casework.views import queries
from kjfh_workflow.casework.views.dossier import EventShown, event_shown
from kjfh_workflow.casework.views.forms import Scene
from kjfh_workflow.errors import Refusal, Refused
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.store.database import Database, Transaction


def openings(office: Office, database: Database, city: str, reader: Actor) -> tuple[EventShown, ...]:
    """The events, in the order of the city's kinds of case; ``opens`` says which kind.

    Asked by opening each without evidence, and rolled back.

    Raises:
        NotFound: for a city without packs.
    """
    with database.reading() as tx:
        today = office.moment(tx).today
    found = []
    for kind, machine in office.catalog.latest(city).machines.items():
        if machine.under is None:
            pack = _pack(office, kind, city, today)
            for event in queries.opening_events(pack.machines[kind]):
                ask = partial(_refusals, office, kind, event, city, reader)
                found.append(_shown(pack, kind, event, again(database.trying, ask), reader))
    return tuple(found)


def _pack(office: Office, kind: CaseKind, city: str, today: date) -> PolicyPack:
    """The pack that a case opened today is pinned to; the newest where none is in force."""
    try:
        return pack_for_opening(office, kind, city, {}, today)
    except Refused:
        return office.catalog.latest(city)


def _shown(
    pack: PolicyPack, kind: CaseKind, event: str, refusals: tuple[Refusal, ...], reader: Actor
) -> EventShown:  # fmt: skip
    case = Case("", pack.city, kind, pack.version)
    possible = queries.possible_after(pack, case, event, reader, refusals)
    shown = event_shown(Scene(pack, case, case, None), case, possible, reader)
    return replace(shown, opens=kind, opens_label=pack.words("kinds", kind))


def _refusals(
    office: Office, kind: CaseKind, event: str, city: str, reader: Actor, tx: Transaction
) -> tuple[Refusal, ...]:  # fmt: skip
    try:
        open_case(office, tx, kind, event, reader, {}, city)
    except Refused as error:
        return error.refusals
    return ()
