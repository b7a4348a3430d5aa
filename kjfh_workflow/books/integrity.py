"""The integrity list (失信名单): which operators may not apply, and which reviewers were found guilty of misconduct.

How a ban comes about is the machines'; whether it bars an application, the guards'.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.books.as_of import Scope
from kjfh_workflow.books.table import Column, Table
from kjfh_workflow.casework.office import Office
from kjfh_workflow.errors import (
    GuardRefused,
    NotAuthorised,
    RequestReused,
    TransitionNotAllowed,
    WorkflowError,
)
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.phrases import roles_in_words
from kjfh_workflow.policy.vocabulary import Field, RefusalCode
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.evidence import read_evidence
from kjfh_workflow.rules.identifiers import check_id
from kjfh_workflow.rules.refusing import refusal
from kjfh_workflow.store import books, request_ids
from kjfh_workflow.store.database import CoreTransaction

#: The event by which a reviewer's misconduct is recorded; it belongs to no case.
RECORD = "record_misconduct"
_LABEL = "登记评审人员失信"
_ASKED = {str(Field.PERSON): True, str(Field.FINDING): True, str(Field.DOCUMENT_NO): True}
_BAN_COLUMNS = (
    Column("city_label", "城市"),
    Column("operator", "单位"),
    Column("uscc", "统一社会信用代码"),
    Column("since", "决定日期", "date"),
    Column("until", "禁止申报至", "date"),
    Column("article", "依据"),
    Column("case", "案件"),
)
_MISCONDUCT_COLUMNS = (
    Column("city_label", "城市"),
    Column("person", "人员"),
    Column("finding", "查实情况"),
    Column("document_no", "文号"),
    Column("article", "依据"),
    Column("recorded_on", "记载日期", "date"),
    Column("recorded_by_name", "记载人"),
)


def bans(office: Office, tx: CoreTransaction, scope: Scope) -> Table:
    """The bans in force on the day that is looked at; their last day counts."""
    day = scope.day(office.moment(tx).today)
    since = min(day, scope.known) if scope.known else day
    found = books.bans_imposed(tx, scope.reads, scope.city, since_until=since, until_from=day)
    rows = [
        {
            "city": ban["city"],
            "city_label": city_label(office, ban["city"]),
            "operator": ban["name"],
            "uscc": ban["uscc"],
            "since": ban["since"],
            "until": ban["until"],
            "article": ban["article"],
            "case": ban["case_id"],
        }
        for ban in found
    ]
    return Table("禁止申报的单位", _BAN_COLUMNS, rows, f"{scope.in_words(day)}，共{len(rows)}件")


def misconduct(tx: CoreTransaction, scope: Scope) -> list[dict[str, Any]]:
    """What has been recorded of reviewers, in order of recording; offices see their city's, auditors everything."""
    return books.misconduct_entries(tx, scope.reads, scope.city, scope.on, scope.noticed_before)


def misconduct_table(office: Office, tx: CoreTransaction, scope: Scope) -> Table:
    """The same as a table."""
    rows = [{**entry, "city_label": city_label(office, entry["city"])} for entry in misconduct(tx, scope)]
    note = f"{scope.in_words(office.moment(tx).today)}，共{len(rows)}人次"
    return Table("评审人员失信记录", _MISCONDUCT_COLUMNS, rows, note)


def record(
    office: Office,
    tx: CoreTransaction,
    city: str,
    by: Actor,
    evidence: Mapping[str, Any],
    request_id: str | None = None,
) -> dict[str, Any]:
    """Put a reviewer's misconduct on the list; returns the entry.

    Where the city's document has such a list, whoever cheats in a review goes on it (余姚 art. 14).

    Raises:
        NotFound: for a city without packs.
        NotAuthorised: an officer of another city, or the wrong role.
        TransitionNotAllowed: the city's document knows no such list.
        GuardRefused: with everything that is missing or wrong.
        Conflict: the request id was used for something else.
    """
    digest = _digest(request_id, city, by, evidence)
    if request_id and request_ids.is_used(tx, request_id):
        answered = books.misconduct_by_request(tx, request_id)
        if answered is None or answered[0] != digest:
            raise RequestReused(f"request id {request_id!r} was used for another act")
        return answered[1]
    moment = office.moment(tx)
    pack = pack_on(office, city, moment.today)
    article = _through_the_doors(pack, by)
    read, refusals = read_evidence(pack, _ASKED, evidence)
    if refusals:
        raise GuardRefused(refusals)
    return books.add_misconduct(
        tx,
        {
            **read,
            "city": city,
            "article": article,
            "policy": pack.name,
            "recorded_by": by.id,
            "recorded_on": moment.today,
            "recorded_at": moment.now,
            "request_id": request_id,
            "request_digest": digest or None,
        },
    )


def pack_on(office: Office, city: str, day: date) -> PolicyPack:
    """The city's pack in force on a day, or its newest.

    Raises:
        NotFound: for a city without packs.
    """
    latest = office.catalog.latest(city)
    return office.catalog.in_force(city, day) or latest


def city_label(office: Office, city: str) -> str:
    """The city in people's words; its short name where its packs are gone."""
    return office.catalog.latest(city).identity.city_label if city in office.catalog.cities else city


def _through_the_doors(pack: PolicyPack, by: Actor) -> str:
    """The article of the list, if *by* may write on it; the doors stand as before every act (``rules.doors``)."""
    if by.city != pack.city:
        raise NotAuthorised([refusal(pack, RefusalCode.OTHER_CITY, city=pack.identity.city_label)])
    rule = pack.identity.integrity_list
    if rule is None:
        code = RefusalCode.NOT_ALLOWED_FROM_STATE
        raise TransitionNotAllowed([refusal(pack, code, variant="unknown", event=RECORD, meant="", allowed="无")])
    if not {*rule.by} & {*by.roles}:
        words = roles_in_words(pack, rule.by)
        raise NotAuthorised([refusal(pack, RefusalCode.NOT_AUTHORISED, event=_LABEL, roles=words)])
    return rule.article


def _digest(request_id: str | None, city: str, by: Actor, evidence: Mapping[str, Any]) -> str:
    if request_id is None:
        return ""
    try:
        check_id(request_id, "a request id")
    except ValueError as error:
        raise WorkflowError(str(error)) from None
    return canonical.digest(json.dumps([RECORD, city, by.id, evidence], default=str, sort_keys=True))
