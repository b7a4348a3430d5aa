"""The outbox desk over HTTP: what the library shows and mends, for the offices of the city and for nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, get_args

import httpx
import pytest

from kjfh_workflow import Actor
from kjfh_workflow.casework.mail.serving import WAYS
from kjfh_workflow.errors import DeliveryFailed
from kjfh_workflow.notices.channels.message import Message
from kjfh_workflow.store.outbox import State
from kjfh_workflow.store.outbox_desk import UNROUTED, Wanted
from kjfh_workflow.web.answers.outbox import DeliveryState
from kjfh_workflow.web.answers.outbox import Way as ServiceWay
from tests.api import Api, as_, served
from tests.bureau import YUYAO_USCC, Bureau
from tests.post import ADMIN, Way, Ways, happened, later, office, queue, states
from tests.test_api_notices import CIXI_ADMIN, CIXI_OPERATOR, NO_NOTICES, STRANGER, counted, people

WANG = Actor.of("wang", "tech_clerk", "yuyao", name="王某")
OFFICE = ("clerk", "lead", "finance", "auditor", "root")
SERVED = {"how": "直接送达", "on": "2021-03-01", "served_by": "王某", "received_by": "李某"}
ACTS: dict[str, dict[str, Any]] = {
    "retries": {},
    "resends": {"channel": "mail", "reason": "未收到"},
    "discards": {"reason": "撤回"},
    "services": SERVED,
}


def refuse(message: Message) -> None:
    """An answer: never."""
    raise DeliveryFailed("no such mailbox", permanent=True)


@pytest.fixture
def way() -> Way:
    """The office's one channel."""
    return Way()


@pytest.fixture
def posting(database_url: str, way: Way) -> Iterator[Bureau]:
    """An office with one channel, on each database."""
    bureau = office(database_url, way)
    yield bureau
    bureau.workflow.close()


@pytest.fixture
def api(posting: Bureau) -> Iterator[Api]:
    """Its service."""
    with served(posting) as api:
        yield api


def keys(api: Api, by: Actor, **params: Any) -> list[tuple[str, str]]:
    """(notice, channel) of the whole list, read page by page."""
    found: list[tuple[str, str]] = []
    after = ""
    while True:
        page = api.get("/v1/outbox", by, after=after, **params).json()
        found += [(item["id"], item["channel"]) for item in page["items"]]
        if page["next"] is None:
            return found
        after = page["next"]


def put(api: Api, path: str, by: Actor, body: dict[str, Any]) -> httpx.Response:
    """Replace something."""
    return api.client.put(path, json=body, headers=as_(by))


# ---- looking -----------------------------------------------------------------------------------------------------


def test_the_list_is_the_library_s_and_is_narrowed_down_as_there(posting: Bureau, api: Api, way: Way) -> None:
    [first] = queue(posting)
    posting.workflow.deliver()
    way.answer = refuse
    queue(later(posting, minutes=1), start=1)
    posting.workflow.deliver()
    queue(later(posting, minutes=1), start=2)
    for params in (
        {}, {"state": "sent"}, {"state": "unrouted"}, {"state": "dead"}, {"problems": True}, {"channel": "mail"},
        {"case": first.split("/")[0]}, {"city": "yuyao"}, {"city": "cixi"}, {"unserved": True},
    ):  # fmt: skip
        entries = posting.workflow.mail_room.entries(Wanted(**params), reader=posting.clerk)
        items = api.get("/v1/outbox", posting.clerk, **params).json()["items"]
        assert [(item["id"], item["state"], item["trouble_label"], item["error"]) for item in items] == [
            (entry.notice_id, entry.state, entry.trouble_label, entry.error) for entry in entries
        ], params


def test_the_service_names_every_state_and_way_of_the_library() -> None:
    assert {*get_args(DeliveryState)} == {UNROUTED, *State}
    assert get_args(ServiceWay) == WAYS


def test_every_delivery_stands_on_exactly_one_page(database_url: str) -> None:
    mail, hook = Way("mail"), Way("hook")
    bureau = office(database_url, mail, hook)
    with served(bureau) as api:
        queue(bureau, 3)
        bureau.workflow.deliver()
        queue(later(bureau, minutes=1), 2, start=3)
        case = bureau.reviewed()
        bureau.act(case, "reject", bureau.lead, reason="场地不足")
        every = [(entry.notice_id, entry.channel) for entry in bureau.workflow.mail_room.entries()]
        assert len(every) > 8
        for limit in (1, 2, 3, 500):
            assert keys(api, bureau.clerk, limit=limit) == every
            assert keys(api, bureau.auditor, limit=limit) == every
        assert keys(api, bureau.clerk, limit=1, state="sent") == [key for key in every if key[1]]
    bureau.workflow.close()


def test_a_page_goes_on_where_it_was_though_letters_have_left_meanwhile(posting: Bureau, api: Api) -> None:
    ids = [notice for n in range(3) for notice in queue(later(posting, minutes=1), start=n)]
    page = api.get("/v1/outbox", posting.clerk, limit=1).json()
    assert [item["id"] for item in page["items"]] == [ids[2]]
    posting.workflow.deliver()
    following = api.get("/v1/outbox", posting.clerk, after=page["next"]).json()["items"]
    assert [item["id"] for item in following if item["id"] != ids[2]] == [ids[1], ids[0]]


def test_a_key_of_what_one_may_not_see_is_no_key(posting: Bureau, api: Api) -> None:
    [notice] = queue(posting)
    for who, after in ((posting.clerk, "x"), (posting.clerk, f"x/1/1/{'y' * 9}"), (posting.cixi_clerk, f"{notice}/")):
        told = api.get("/v1/outbox", who, after=after)
        assert (told.status_code, told.json()["type"]) == (422, "urn:kjfh:problem:input-error")


def test_offices_see_their_city_s_auditors_everything_operators_and_strangers_nothing(
    posting: Bureau, api: Api
) -> None:
    [notice] = queue(posting)
    other = posting.submit(CIXI_OPERATOR, city="cixi").case
    for who in people(posting):
        listed = [notice for notice, _ in keys(api, who)]
        assert (notice in listed) == (who.id in OFFICE), who.id
        assert any(each.startswith(other) for each in listed) == (who.id in ("cixi-clerk", "root-cixi", "auditor"))
        assert api.get(f"/v1/outbox/{notice}", who).status_code == (200 if who.id in OFFICE else 404), who.id
    assert keys(api, posting.operator) == keys(api, STRANGER) == []


def test_one_notice_shows_text_way_proofs_and_by_what_it_may_be_sent_again(posting: Bureau, api: Api) -> None:
    case = posting.reviewed()
    posting.act(case, "reject", posting.lead, reason="场地不足")
    posting.workflow.deliver()
    [row] = [row for row in posting.workflow.case(case).notices if row["number"]]
    api.post(f"/v1/outbox/{row['id']}/services", WANG, SERVED)
    traced = posting.workflow.mail_room.trace(row["id"])
    shown = api.get(f"/v1/outbox/{row['id']}", posting.finance).json()
    assert (shown["number"], shown["title"], shown["body"]) == (traced.number, traced.title, traced.body)
    assert [(entry["channel"], entry["state"], entry["served_on"]) for entry in shown["entries"]] == [
        ("mail", "sent", "2021-03-01")
    ]
    assert [(line["what"], line["what_label"]) for line in shown["log"]] == [("routed", "选定渠道"), ("sent", "发出")]
    assert [proof["received_by"] for proof in shown["services"]] == ["李某"]
    assert shown["channels"] == ["mail"]


def test_a_document_is_listed_as_unserved_until_a_proof_is_on_file(posting: Bureau, api: Api) -> None:
    case = posting.reviewed()
    posting.act(case, "reject", posting.lead, reason="场地不足")
    [row] = [row for row in posting.workflow.case(case).notices if row["number"]]
    api.post(f"/v1/inbox/{row['id']}/receipts", posting.operator)
    assert keys(api, posting.clerk, unserved=True) == [(row["id"], "")], "a receipt is no service"
    assert keys(api, posting.cixi_clerk, unserved=True) == []
    api.post(f"/v1/outbox/{row['id']}/services", WANG, SERVED)
    assert keys(api, posting.clerk, unserved=True) == []


# ---- mending -----------------------------------------------------------------------------------------------------


def test_what_stands_still_is_tried_again(posting: Bureau, api: Api, way: Way) -> None:
    way.answer = refuse
    first, second = queue(posting, 2)
    posting.workflow.deliver()
    way.answer = lambda _: None
    assert api.post(f"/v1/outbox/{first}/retries", WANG).json() == {"deliveries": 1}
    assert api.post("/v1/outbox/retries", CIXI_ADMIN).json() == {"deliveries": 0}
    assert api.post("/v1/outbox/retries", WANG, {"channel": "hook"}).json() == {"deliveries": 0}
    assert api.post("/v1/outbox/retries", WANG).json() == {"deliveries": 1}
    assert posting.workflow.deliver().sent == 2
    assert happened(posting, second) == ["routed", "dead", "retried", "sent"]
    none_left = api.post(f"/v1/outbox/{first}/retries", WANG)
    assert (none_left.status_code, none_left.json()["type"]) == (409, "urn:kjfh:problem:stands-otherwise")


def test_a_letter_is_sent_again_by_this_or_another_channel(database_url: str) -> None:
    mail, hook = Way("mail"), Way("hook")
    bureau = office(database_url, channels=Ways(mail, hook, routes={"application_received": ("mail",)}))
    with served(bureau) as api:
        [notice] = queue(bureau)
        path = f"/v1/outbox/{notice}/resends"
        assert api.post(path, WANG, {"channel": "hook", "reason": "急件"}).status_code == 409
        bureau.workflow.deliver()
        assert api.post(path, WANG, {"channel": "fax", "reason": "急件"}).status_code == 404
        assert api.post(path, WANG, {"channel": "hook", "reason": "急件"}).json() == {"deliveries": 1}
        assert api.post(path, WANG, {"channel": "hook", "reason": "急件"}).status_code == 409
        assert bureau.workflow.deliver().sent == 1
        assert mail.ids == hook.ids == [notice]
    bureau.workflow.close()


def test_what_is_discarded_is_never_sent(posting: Bureau, api: Api, way: Way) -> None:
    old = queue(posting, 2)
    [new] = queue(later(posting, days=10), start=2)
    [newest] = queue(posting, start=3)
    before = {"before": "2021-03-06", "reason": "已纸质送达"}
    assert api.post("/v1/outbox/discards", CIXI_ADMIN, before).json() == {"deliveries": 0}
    assert api.post("/v1/outbox/discards", WANG, before).json() == {"deliveries": 2}
    assert api.post(f"/v1/outbox/{new}/discards", WANG, {"reason": "已当面告知"}).json() == {"deliveries": 1}
    assert api.post(f"/v1/outbox/{new}/discards", WANG, {"reason": "已当面告知"}).status_code == 409
    posting.workflow.deliver()
    assert way.ids == [newest]
    assert [states(posting)[notice] for notice in [*old, new]] == ["discarded"] * 3


def test_a_proof_of_service_says_how_when_and_by_whom(posting: Bureau, api: Api) -> None:
    [notice] = queue(posting)
    later(posting, days=3)
    path = f"/v1/outbox/{notice}/services"
    assert api.post(path, WANG, SERVED).status_code == 201
    recorded = api.post(path, WANG, SERVED | {"how": "邮寄送达", "on": "2021-03-02", "note": "EMS 1234"}).json()
    assert [(proof["how"], proof["served_on"], proof["recorded_by"]) for proof in recorded] == [
        ("直接送达", "2021-03-01", "王某"), ("邮寄送达", "2021-03-02", "王某"),
    ]  # fmt: skip
    assert [proof["how"] for proof in posting.workflow.mail_room.trace(notice).services] == ["直接送达", "邮寄送达"]


@pytest.mark.parametrize(
    ("wrong", "codes"),
    [
        ({"on": "2021-02-28"}, {"evidence_invalid"}),
        ({"on": "2021-03-02"}, {"evidence_invalid"}),
        ({"served_by": " "}, {"evidence_missing"}),
        ({"how": "公告送达"}, {"evidence_missing"}),
        ({"how": "微信送达"}, set()),
        ({"on": "0001-01-01"}, set()),
        ({"on": "9999-12-31"}, set()),
        ({"on": 10**30}, set()),
        ({"served_by": "a\x00b"}, set()),
        ({"note": "x" * 2001}, set()),
        ({"unknown": 1}, set()),
    ],
)
def test_a_proof_that_proves_nothing_is_refused_with_every_reason(
    posting: Bureau, api: Api, wrong: dict[str, Any], codes: set[str]
) -> None:
    [notice] = queue(posting)
    refused = api.post(f"/v1/outbox/{notice}/services", WANG, SERVED | wrong)
    assert refused.status_code == 422
    assert {refusal["code"] for refusal in refused.json()["refusals"]} == codes
    assert refused.json()["refusals"] or refused.json()["problems"]
    assert posting.workflow.mail_room.trace(notice).services == []


def test_nothing_is_discarded_or_sent_again_without_a_reason(posting: Bureau, api: Api) -> None:
    [notice] = queue(posting)
    for path, body in (
        (f"/v1/outbox/{notice}/discards", {"reason": " "}),
        (f"/v1/outbox/{notice}/resends", {"reason": "", "channel": "mail"}),
        ("/v1/outbox/discards", {"reason": "　", "before": "2030-01-01"}),
    ):
        refused = api.post(path, WANG, body)
        assert (refused.status_code, refused.json()["refusals"][0]["code"]) == (422, "evidence_missing")
        assert "缺少理由" in refused.json()["detail"]


# ---- who may -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ACTS)
def test_only_clerks_leaders_and_admins_of_the_city_mend_and_record(posting: Bureau, api: Api, act: str) -> None:
    [notice] = queue(posting)
    before = counted(posting)
    strangers = [who for who in people(posting) if who.id not in ("clerk", "lead", "root")]
    assert len(strangers) > 5
    for who in strangers:
        refused = api.post(f"/v1/outbox/{notice}/{act}", who, ACTS[act])
        may_look = who.id in OFFICE
        assert refused.status_code == (403 if may_look else 404), who.id
        assert [refusal["code"] for refusal in refused.json()["refusals"]] == ["not_authorised"] * may_look
    for who in (posting.operator, posting.finance, posting.auditor, STRANGER):
        assert api.post("/v1/outbox/retries", who).status_code == 403
        assert api.post("/v1/outbox/discards", who, {"before": "2030-01-01", "reason": "x"}).status_code == 403
    assert counted(posting) == before


@pytest.mark.parametrize("act", ["", *ACTS])
def test_a_notice_that_is_none_is_a_clear_problem(posting: Bureau, api: Api, act: str) -> None:
    for notice in NO_NOTICES:
        path = f"/v1/outbox/{notice}" + f"/{act}" * bool(act)
        told = api.client.request("POST" if act else "GET", path, json=ACTS.get(act), headers=as_(WANG))
        assert told.status_code in (404, 422), (notice, told.text)
        assert told.headers["content-type"] == "application/problem+json"


def test_a_filter_or_a_body_that_makes_no_sense_is_a_clear_problem(posting: Bureau, api: Api) -> None:
    [notice] = queue(posting)
    for params in ({"state": "lost"}, {"case": "\x00"}, {"city": "a\x00"}, {"channel": "\x00"}, {"after": "\x00"},
                   {"limit": 0}, {"problems": "perhaps"}):  # fmt: skip
        assert api.get("/v1/outbox", WANG, **params).status_code == 422, params
    assert api.get("/v1/outbox", WANG, city="nowhere").status_code == 404
    for path, body in (
        (f"/v1/outbox/{notice}/retries", {"channel": "a\x00b"}),
        (f"/v1/outbox/{notice}/resends", {"channel": "mail", "reason": "\x00"}),
        (f"/v1/outbox/{notice}/resends", {"channel": "mail"}),
        (f"/v1/outbox/{notice}/discards", {"reason": "x" * 3000}),
        ("/v1/outbox/discards", {"before": "0001-01-01", "reason": "x"}),
        ("/v1/outbox/discards", {"before": "2021-02-30", "reason": "x"}),
        ("/v1/outbox/retries", {"chanel": "mail"}),
    ):
        assert api.post(path, WANG, body).status_code == 422, path
    lone = b'{"channel": "mail", "reason": "\\ud800"}'
    headers = as_(WANG) | {"content-type": "application/json"}
    told = api.client.post(f"/v1/outbox/{notice}/resends", content=lone, headers=headers)
    assert told.status_code == 422


# ---- addresses ---------------------------------------------------------------------------------------------------


def test_an_admin_sets_an_address_and_what_waited_for_it_is_sent(database_url: str) -> None:
    way = Way(medium="email")
    bureau = office(database_url, way)
    with served(bureau) as api:
        bureau.submit()
        bureau.workflow.deliver()
        path = f"/v1/addresses/yuyao/{YUYAO_USCC}/email"
        done = put(api, path, ADMIN, {"address": "fuhua@example.gov.cn"})
        assert done.json() == {
            "city": "yuyao", "holder": YUYAO_USCC, "holder_label": YUYAO_USCC, "medium": "email",
            "medium_label": "电子邮箱", "address": "fuhua@example.gov.cn", "released": 1,
        }  # fmt: skip
        assert bureau.workflow.deliver().sent == 1
        assert way.sent[0].address == "fuhua@example.gov.cn"
        put(api, "/v1/addresses/yuyao/tech_lead/chat", ADMIN, {"address": "dingtalk://secret-token-abcd"})
        listed = api.get("/v1/addresses/yuyao", bureau.clerk).json()
        assert [(each["holder_label"], each["address"]) for each in listed] == [
            (YUYAO_USCC, "fuhua@example.gov.cn"), ("科技局负责人", "dingtalk://…abcd"),
        ]  # fmt: skip
        assert put(api, path, ADMIN, {"address": ""}).json()["address"] == ""
        assert len(api.get("/v1/addresses/yuyao", bureau.auditor).json()) == 1
    bureau.workflow.close()


def test_addresses_are_the_city_s_offices_and_set_by_its_admins_only(posting: Bureau, api: Api) -> None:
    path, body = "/v1/addresses/yuyao/tech_lead/email", {"address": "lead@example.gov.cn"}
    for who in people(posting):
        assert put(api, path, who, body).status_code == (200 if who.id == "root" else 403), who.id
        assert api.get("/v1/addresses/yuyao", who).status_code == (200 if who.id in OFFICE else 404), who.id
    assert [each.address for each in posting.workflow.mail_room.addresses("yuyao")] == ["lead@example.gov.cn"]


@pytest.mark.parametrize(
    ("place", "address", "status"),
    [
        ("yuyao/tech_lead/email", "lead", 422),
        ("yuyao/tech_lead/email", "a@example.cn\r\nBcc: b@example.cn", 422),
        ("yuyao/tech_lead/email", "x" * 3000, 422),
        ("yuyao/tech_lead/pigeon", "a@example.cn", 422),
        ("yuyao/nobody/email", "a@example.cn", 422),
        ("yuyao/a%00b/email", "a@example.cn", 422),
        ("nowhere/tech_lead/email", "a@example.cn", 404),
        ("a%00b/tech_lead/email", "a@example.cn", 422),
    ],
)
def test_an_address_that_is_none_is_refused(posting: Bureau, api: Api, place: str, address: str, status: int) -> None:
    told = put(api, f"/v1/addresses/{place}", ADMIN, {"address": address})
    assert told.status_code == status
    assert posting.workflow.mail_room.addresses("yuyao") == []


def test_the_addresses_of_no_city_are_not_found(posting: Bureau, api: Api) -> None:
    assert api.get("/v1/addresses/nowhere", posting.auditor).status_code == 404
    assert api.get("/v1/addresses/a%00b", posting.auditor).status_code == 422
    assert posting.workflow.today == date(2021, 3, 1)
