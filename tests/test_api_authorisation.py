"""Every route, asked by everybody whom it is not for: another city's people of every role, a stranger, nobody at all.

What they get holds nothing of the city, and nothing has changed. So that this proves something, whoever each route is
for asks the very same, and is answered. A route that is missing here fails the first test.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import httpx
import pytest

from kjfh_workflow import Actor
from kjfh_workflow.store.schema import metadata
from tests.api import Api, as_, served, token
from tests.bureau import Bureau, uscc
from tests.office_with_everything import with_money
from tests.townsfolk import fresh_bureau, restored, saved, sqlite_of

DAY = date(2021, 3, 1)
ADMIN = Actor.of("root", "admin", "yuyao", name="管理员余")
#: Whom nothing of Yuyao concerns. Auditors of any city read everything, and are asked to write only.
INTRUDERS = {
    **{role: Actor.of(f"far-{role}", role, "cixi") for role in ("tech_clerk", "tech_lead", "finance", "admin")},
    "hats": Actor.of("far-hats", ("tech_clerk", "tech_lead", "finance", "admin"), "cixi"),
    "applicant": Actor.of("far-operator", "applicant", "cixi", uscc=uscc(70)),
    "stranger": Actor.of("stranger", "applicant", "yuyao", uscc=uscc(71)),
    "auditor": Actor.of("far-auditor", "auditor", "cixi"),
}
OPEN = {"health", "ready"}
#: These change nothing, and tell a refusal in their answer.
PREVIEWS = {"preview_opening", "preview", "import_tenants", "preview_open_round", "preview_close_round"}
#: These are about one case or notice, or open a case under one: who may not read it is not told that there is one.
UNSEEN = {
    "open_case", "perform", "attach_file", "read_notice", "retry_notice", "resend_notice", "discard_notice",
    "record_service",
}  # fmt: skip
NOWHERE = "yuyao-210301-nowher"
FILE = b"%PDF-1.7\n1 0 obj\n"


@dataclass
class World:
    """Yuyao's office with something of everything."""

    bureau: Bureau
    copy: sqlite3.Connection
    #: Placeholder in a path → what stands there.
    names: dict[str, str]
    #: What nobody else may be shown.
    secrets: list[str]


def built() -> World:
    """Applications, a title with money and a round, a ban, letters, files, addresses, an integrity list."""
    bureau = fresh_bureau(DAY)
    _, title = bureau.recognised()
    with_money(bureau)
    review = bureau.submit(type="makerspace").case
    bureau.act(review, "accept", bureau.clerk)
    bureau.act(review, "return_for_correction", bureau.clerk, missing=["场地证明原件"])
    another = Actor.of("other", "applicant", "yuyao", name="余姚另家众创有限公司", uscc=uscc(61))
    other = bureau.submit(another, type="makerspace").case
    bureau.act(other, "accept", bureau.clerk)
    cheat = Actor.of("cheat", "applicant", "yuyao", name="余姚虚报众创有限公司", uscc=uscc(60))
    fraud = bureau.submit(cheat, type="makerspace").case
    bureau.act(fraud, "find_fraud", bureau.lead, finding="虚报面积")
    workflow = bureau.workflow
    workflow.books.record_misconduct(
        "yuyao", by=bureau.lead, evidence={"person": "评审甲某", "finding": "徇私", "document_no": "余科〔2021〕9号"}
    )
    workflow.mail_room.set_address("yuyao", "tech_lead", "email", "leader@yuyao.example", by=ADMIN)
    workflow.mail_room.letter(f"{fraud}/2/1")
    attached = workflow.files.attach(review, "plan.pdf", [FILE], by=bureau.clerk)
    workflow.confirm("yuyao", "in_force", by=ADMIN, note="余姚局长办公会")
    names = {
        "case": review, "event": "reject", "city": "yuyao", "uscc": cheat.uscc, "year": "2021",
        "version": "2", "number": "1", "notice": "correction_requested", "name": "screens", "key": "request-of-yuyao",
        "holder": "tech_lead", "medium": "email", "file": str(attached.id), "title": title, "fraud": fraud,
        "other": other, "kind": "application", "pack": "2020-01-01", "last": "2020",
    }  # fmt: skip
    with sqlite_of(bureau) as connection:
        theirs = connection.execute("SELECT id, uscc, name FROM kjfh_cases WHERE city = 'yuyao'").fetchall()
    secrets = {text for row in theirs for text in row}
    secrets |= {
        "评审甲某",
        "leader@yuyao.example",
        "场地证明原件",
        "余姚局长办公会",
        "管理员余",
        "虚报面积",
        "plan.pdf",
    }
    workflow.open_case(
        "change", "report_change", by=bureau.operator, parent=title, request_id="request-of-yuyao",
        evidence={"what": ["site"], "occurred_on": "2021-02-20"},
    )  # fmt: skip
    workflow.events.publish_all()
    workflow.events.follow("screens", _away, start=0)
    return World(bureau, saved(bureau), names, sorted(secrets))


def _away(_: object) -> None:
    raise ConnectionError("the screens are away")


@dataclass
class Ask:
    """One operation as somebody asks it whom it is for; without ``by`` it is for whoever is known."""

    by: str = ""
    body: Mapping[str, Any] | None = None
    #: Instead of ``body``.
    raw: bytes | None = None
    media_type: str = "application/json"
    query: Mapping[str, Any] = field(default_factory=dict)
    #: Placeholder → another of the world's names.
    path: Mapping[str, str] = field(default_factory=dict)
    #: Intruders whose own right it is, for it touches all cities or only theirs.
    theirs: tuple[str, ...] = ()


_CHANGE = {
    "kind": "change", "event": "report_change", "parent": "{title}",
    "evidence": {"what": ["area"], "occurred_on": "2021-02-26"},
}  # fmt: skip
_FRAUD = {"case": "fraud"}
_FOLLOWERS = ("admin", "hats")  # the feed's followers are the whole bureau's


ASKS: dict[str, Ask] = {
    "open_case": Ask("operator", _CHANGE),
    "preview_opening": Ask("operator", _CHANGE),
    "perform": Ask("lead", {"evidence": {"reason": "不符合"}}, path={"case": "other"}),
    "preview": Ask("lead", {"evidence": {"reason": "不符合"}}, path={"case": "other"}),
    "list_cases": Ask("clerk"),
    "list_openings": Ask(query={"city": "yuyao"}),
    "show_case": Ask("operator"),
    "show_past": Ask("clerk", query={"on": "2021-03-01"}),
    "show_case_ledger": Ask("clerk", path={"case": "title"}),
    "show_desk": Ask("clerk"),
    "list_failing_alarms": Ask("admin"),
    "show_register": Ask("clerk"),
    "show_ended_titles": Ask("clerk"),
    "list_bans": Ask("clerk"),
    "show_ban": Ask("clerk"),
    "list_misconduct": Ask("clerk"),
    "record_misconduct": Ask(
        "lead",
        {"city": "yuyao", "person": "乙", "finding": "泄密", "document_no": "余科〔2021〕10号"},
    ),
    "show_integrity_list": Ask("clerk"),
    "show_targets": Ask("clerk"),
    "show_yearly_report": Ask("clerk"),
    "show_township_report": Ask("clerk"),
    "show_overdue_work": Ask("clerk"),
    "count_period": Ask(query={"from": "2021-03-01", "working_days": 5}),
    "show_year": Ask(),
    "list_holidays": Ask("admin"),
    "announce_holidays": Ask("admin", {"source": "国办〔2021〕1号", "rest": ["2021-03-12"]}, theirs=("admin", "hats")),
    "show_docket": Ask("clerk"),
    "download_docket": Ask("clerk"),
    "list_events": Ask("clerk"),
    "show_request": Ask("operator"),
    "list_followers": Ask("admin", theirs=_FOLLOWERS),
    "list_withheld": Ask("admin", theirs=_FOLLOWERS),
    "replay_events": Ask("admin", {"cursor": 0}, theirs=_FOLLOWERS),
    "retry_withheld": Ask("admin", theirs=_FOLLOWERS),
    "retry_event": Ask("admin", theirs=_FOLLOWERS),
    "skip_event": Ask("admin", {"reason": "已处理"}, theirs=_FOLLOWERS),
    "forget_follower": Ask("admin", theirs=_FOLLOWERS),
    "attach_file": Ask("clerk", raw=FILE, media_type="application/octet-stream", query={"name": "更多.pdf"}),
    "list_files": Ask("operator"),
    "download_file": Ask("operator"),
    "import_tenants": Ask("operator", raw=b"[]", path={"case": "title"}, query={"preview": True}),
    "read_application": Ask(raw=b"no archive", media_type="application/zip"),
    "download_templates": Ask(),
    "show_ledger": Ask("clerk"),
    "forecast_awards": Ask("clerk"),
    "sum_awards_by_year": Ask("clerk"),
    "make_payment_list": Ask("finance", theirs=("finance", "hats")),
    "reconcile_payments": Ask("finance", raw="奖励编号\n".encode(), media_type="text/csv", theirs=("finance", "hats")),
    "list_notices": Ask("clerk"),
    "show_notice": Ask("clerk", path=_FRAUD),
    "show_letter": Ask("clerk", path=_FRAUD),
    "preview_notice": Ask("clerk"),
    "list_inbox": Ask("clerk"),
    "peek": Ask("cheat", path=_FRAUD),
    "read_notice": Ask("cheat", path=_FRAUD),
    "list_outbox": Ask("clerk"),
    "retry_all": Ask("clerk", {}, theirs=("tech_clerk", "tech_lead", "admin", "hats")),
    "discard_before": Ask(
        "clerk", {"day": "2021-03-02", "reason": "已书面告知"}, theirs=("tech_clerk", "tech_lead", "admin", "hats")
    ),
    "trace_notice": Ask("clerk", path=_FRAUD),
    "retry_notice": Ask("clerk", {}, path=_FRAUD),
    "resend_notice": Ask("clerk", {"channel": "inbox", "reason": "遗失"}, path=_FRAUD),
    "discard_notice": Ask("clerk", {"reason": "已书面告知"}, path=_FRAUD),
    "record_service": Ask(
        "clerk", {"how": "直接送达", "on": "2021-03-01", "served_by": "王", "received_by": "张"}, path=_FRAUD
    ),
    "list_addresses": Ask("admin"),
    "set_address": Ask("admin", {"address": "other@yuyao.example"}),
    "list_packs": Ask(),
    "compare_packs": Ask(query={"with": "cixi/2021-01-01"}),
    "list_versions": Ask(),
    "show_pack": Ask(path={"version": "pack"}),
    "draw_machine": Ask(path={"version": "pack"}),
    "show_pack_text": Ask(path={"version": "pack"}),
    "list_articles": Ask(path={"version": "pack"}),
    "list_open_questions": Ask(path={"version": "pack"}),
    "list_confirmations": Ask("admin", path={"version": "pack"}),
    "confirm_provision": Ask("admin", {"key": "in_force", "note": "再次确认"}, path={"version": "pack"}),
    "list_rounds": Ask("clerk"),
    "show_round": Ask("clerk"),
    "list_standings": Ask("clerk"),
    "open_round": Ask("lead", path={"year": "last"}),
    "close_round": Ask("lead"),
    "preview_open_round": Ask("lead", path={"year": "last"}),
    "preview_close_round": Ask("lead"),
    "metrics": Ask("admin", theirs=("admin", "hats", "auditor")),
    "who_am_i": Ask(),
}
#: What the operation itself refuses to whom it is for, here: it has been let in, and looked at what was asked.
_LOOKED_AT = {409, 422}


@pytest.fixture(scope="module")
def world() -> World:
    """Built once; every test begins with it as it was."""
    return built()


@pytest.fixture(scope="module")
def service(world: World) -> Iterator[Api]:
    with served(world.bureau) as api:
        yield api


@pytest.fixture
def api(world: World, service: Api) -> Api:
    """The service on the world as it was built."""
    restored(world.copy, DAY)
    return service


@pytest.fixture(scope="module")
def operations(service: Api) -> dict[str, tuple[str, str]]:
    """Operation → (method, path), as the document has them."""
    paths = service.client.get("/openapi.json").json()["paths"]
    return {said["operationId"]: (method, path) for path, methods in paths.items() for method, said in methods.items()}


def asked(api: Api, world: World, operation: tuple[str, str], ask: Ask, headers: Mapping[str, str]) -> httpx.Response:
    """What the service answers."""
    method, path = operation
    names = {**world.names, **{place: world.names[other] for place, other in ask.path.items()}}
    body: dict[str, Any] = {}
    if ask.raw is not None:
        body = {"content": ask.raw}
    elif ask.body is not None:
        filled = {key: value.format_map(names) if key == "parent" else value for key, value in ask.body.items()}
        body = {"json": filled}
    more = {"content-type": ask.media_type} if body else {}
    url = path.format_map(names)
    return api.client.request(method, url, params=dict(ask.query), headers={**headers, **more}, **body)


def standing(world: World) -> list[Any]:
    """Changes with anything on file."""
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in metadata.tables)
    heads = "(SELECT group_concat(head) FROM kjfh_cases), (SELECT group_concat(state) FROM kjfh_deliveries)"
    queues = "(SELECT group_concat(cursor) FROM kjfh_followers), (SELECT group_concat(next_at) FROM kjfh_outbox)"
    return [*sqlite_of(world.bureau).execute(f"SELECT {counts}, {heads}, {queues}").fetchone()]


def whom(world: World, name: str) -> Actor:
    """Whom a route is for."""
    people = {
        "clerk": world.bureau.clerk, "lead": world.bureau.lead, "finance": world.bureau.finance,
        "operator": world.bureau.operator, "admin": ADMIN,
        "cheat": Actor.of("cheat", "applicant", "yuyao", uscc=uscc(60)),
    }  # fmt: skip
    return people[name]


def test_no_route_is_forgotten(operations: dict[str, tuple[str, str]]) -> None:
    assert {*operations} == {*ASKS} | OPEN


@pytest.mark.parametrize("name", sorted(ASKS))
def test_whom_it_is_not_for_gets_nothing_and_changes_nothing(
    name: str, api: Api, world: World, operations: dict[str, tuple[str, str]]
) -> None:
    ask, before = ASKS[name], standing(world)
    reads = operations[name][0] == "get" or name in PREVIEWS
    for role, intruder in INTRUDERS.items():
        if role in ask.theirs or (role == "auditor" and reads):
            continue
        answer = asked(api, world, operations[name], ask, as_(intruder))
        assert answer.status_code < 500, (role, answer.text)
        shown = [secret for secret in world.secrets if secret in answer.text]
        # A refusal may repeat what was asked for.
        hidden = [secret for secret in shown if secret not in world.names.values() or answer.is_success]
        assert hidden == [], (role, answer.status_code, answer.text[:500])
        if ask.by and not reads:
            refused = {404} if name in UNSEEN and role != "auditor" else {403, 404, 422}
            assert answer.status_code in refused, (role, answer.text)
        assert standing(world) == before, (role, answer.text)


@pytest.mark.parametrize("name", sorted(UNSEEN | {"preview", "preview_opening"}))
def test_a_case_that_one_may_not_read_is_like_one_that_does_not_exist(
    name: str, api: Api, world: World, operations: dict[str, tuple[str, str]]
) -> None:
    ask = ASKS[name]
    nowhere = replace(world, names=world.names | dict.fromkeys(("case", "title", "fraud", "other"), NOWHERE))
    unseen = {world.names[place] for place in ("case", "title", "fraud", "other")}
    for role, intruder in INTRUDERS.items():
        if role == "auditor":
            continue  # reads everything
        for more in ({}, {"if-match": '"99"'}, {"if-match": "*"}, {"idempotency-key": "request-of-yuyao"}):
            headers = as_(intruder) | more
            answer = asked(api, world, operations[name], ask, headers)
            none = asked(api, nowhere, operations[name], ask, headers)
            told, expected = answer.json() | {"instance": ""}, none.json() | {"instance": ""}
            for case in unseen:
                told["detail"] = told["detail"].replace(case, NOWHERE)
            assert (answer.status_code, told) == (404, expected), (role, more)


@pytest.mark.parametrize("name", sorted(ASKS))
def test_nobody_gets_anything(name: str, api: Api, world: World, operations: dict[str, tuple[str, str]]) -> None:
    before = standing(world)
    forged = token(world.bureau.clerk)[:-8] + "AAAAAAAA"
    for headers in ({}, {"authorization": f"Bearer {forged}"}, {"authorization": "Basic Y2xlcms6"}):
        answer = asked(api, world, operations[name], ASKS[name], headers)
        assert answer.status_code == 401, answer.text
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert standing(world) == before


@pytest.mark.parametrize("name", sorted(ASKS))
def test_whom_it_is_for_is_answered(name: str, api: Api, world: World, operations: dict[str, tuple[str, str]]) -> None:
    ask = ASKS[name]
    answer = asked(api, world, operations[name], ask, as_(whom(world, ask.by or "clerk")))
    assert answer.is_success or answer.status_code in _LOOKED_AT, (answer.status_code, answer.text)
    if operations[name][0] == "get":
        assert answer.is_success, (answer.status_code, answer.text)
