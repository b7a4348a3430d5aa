"""Notices, letters, drafts and inboxes over HTTP: what the library says, to whom it may be said, and to nobody else."""

from __future__ import annotations

from datetime import date, datetime
from hashlib import sha256
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import func, select

from kjfh_workflow import Actor
from kjfh_workflow.store.schema import delivery_log, history, letters, metadata, notices, services
from tests.api import Api, as_
from tests.bureau import CIXI_USCC, Bureau, uscc

STRANGER = Actor.of("stranger", "applicant", "yuyao", uscc=uscc(99))
CIXI_OPERATOR = Actor.of("op-cixi", "applicant", "cixi", name="慈溪某孵化器有限公司", uscc=CIXI_USCC)
CIXI_ADMIN = Actor.of("root-cixi", "admin", "cixi")
ADMIN = Actor.of("root", "admin", "yuyao", name="管理员")
#: What no id looks like; NUL is what PostgreSQL keeps in no text.
NO_NOTICES = (
    "x/1/1", "x/0/1", "x/-1/1", "x/1/1.5", "x/a/1", "%00/1/1", "a%00b/1/1", "x/999999999999999999999/1",
    "%ED%A0%80/1/1", "%F0%9F%92%A9/1/1", f"{'x' * 65}/1/1", "%2e%2e%2f/1/1", "x/１/1",
)  # fmt: skip


def both_cities(bureau: Bureau) -> tuple[str, str]:
    """A case that is rejected late in one city, and one that is late in the other."""
    case = bureau.reviewed()
    other = bureau.submit(CIXI_OPERATOR, city="cixi").case
    bureau.act(other, "accept", bureau.cixi_clerk)
    bureau.on(date(2021, 4, 30)).workflow.tick()
    bureau.act(case, "reject", bureau.lead, reason="场地不足")
    return case, other


def people(bureau: Bureau) -> list[Actor]:
    """Everybody, of both cities, and somebody whom nothing concerns."""
    return [
        bureau.operator, bureau.clerk, bureau.lead, bureau.finance, bureau.auditor, ADMIN, bureau.cixi_clerk,
        CIXI_OPERATOR, CIXI_ADMIN, STRANGER,
    ]  # fmt: skip


def counted(bureau: Bureau) -> dict[str, int]:
    """Table → how many rows it has."""
    with bureau.workflow._database.reading() as tx:
        return {
            table.name: tx.connection.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }


def ids(api: Api, path: str, by: Actor, **params: Any) -> list[str]:
    """The ids of a list, read page by page."""
    found: list[str] = []
    after = ""
    while True:
        page = api.get(path, by, after=after, **params).json()
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            return found
        after = page["next"]


# ---- on file -----------------------------------------------------------------------------------------------------


def test_everybody_is_listed_the_notices_that_the_library_shows_them(bureau: Bureau, api: Api) -> None:
    both_cities(bureau)
    seen = {}
    for who in people(bureau):
        rows = bureau.workflow.mail_room.notices(reader=who)
        page = api.get("/v1/notices", who).json()
        assert [item["id"] for item in page["items"]] == [row["id"] for row in rows]
        assert page["next"] is None
        seen[who.id] = {row["id"] for row in rows}
    assert seen["stranger"] == set()
    assert seen["clerk"] & seen["cixi-clerk"] == set()
    assert seen["auditor"] == seen["clerk"] | seen["cixi-clerk"]
    assert seen["op"] < seen["clerk"]


def test_a_list_goes_on_behind_its_key_until_there_is_no_more(bureau: Bureau, api: Api) -> None:
    case, _ = both_cities(bureau)
    every = [row["id"] for row in bureau.workflow.mail_room.notices(case=case)]
    assert ids(api, "/v1/notices", bureau.clerk, limit=1) == ids(api, "/v1/notices", bureau.clerk) == every
    assert ids(api, "/v1/notices", bureau.auditor, limit=2, case=case) == every
    assert ids(api, "/v1/notices", bureau.auditor, city="yuyao") == every
    assert ids(api, "/v1/notices", bureau.clerk, city="cixi") == []
    assert ids(api, "/v1/notices", bureau.clerk, case="no-such-case") == []


def test_a_notice_is_shown_as_it_is_on_file_with_the_pack_s_words(bureau: Bureau, api: Api) -> None:
    case, _ = both_cities(bureau)
    [row] = [row for row in bureau.workflow.case(case).notices if row["number"]]
    shown = api.get(f"/v1/notices/{row['id']}", bureau.operator).json()
    assert {name: shown[name] for name in ("id", "number", "title", "subject", "body", "role")} == {
        name: row[name] for name in ("id", "number", "title", "subject", "body", "role")
    }
    pack = bureau.workflow.catalog.latest("yuyao")
    assert shown["label"] == pack.identity.notices[row["notice"]].label
    assert (shown["role_label"], shown["policy"], shown["letter_sha256"]) == ("申报主体", pack.version, None)


def test_what_was_written_to_another_is_not_there(bureau: Bureau, api: Api) -> None:
    case, _ = both_cities(bureau)
    for row in bureau.workflow.case(case).notices:
        for who in people(bureau):
            may = who.id in ("clerk", "lead", "finance", "auditor", "root") or (who.id == "op" and row["uscc"])
            for path in (f"/v1/notices/{row['id']}", f"/v1/notices/{row['id']}/letter"):
                assert api.get(path, who).status_code == (200 if may else 404), (who.id, path)


def test_nobody_without_a_token_is_told_anything(bureau: Bureau, api: Api) -> None:
    case, _ = both_cities(bureau)
    notice = bureau.workflow.case(case).notices[0]["id"]
    for path in ("notices", f"notices/{notice}", f"notices/{notice}/letter", "inbox", f"inbox/{notice}"):
        assert api.client.get(f"/v1/{path}").status_code == 401


# ---- letters ---------------------------------------------------------------------------------------------------------


def test_a_letter_is_the_library_s_and_the_same_for_ever(bureau: Bureau, api: Api) -> None:
    case, _ = both_cities(bureau)
    notice = bureau.workflow.case(case).notices[0]["id"]
    first, again = (api.get(f"/v1/notices/{notice}/letter", bureau.operator) for _ in range(2))
    stored = bureau.workflow.mail_room.letter(notice)
    assert first.content == again.content == stored.body
    assert first.headers["etag"] == again.headers["etag"] == f'"{sha256(first.content).hexdigest()}"'
    assert first.headers["content-type"].endswith("wordprocessingml.document")
    assert first.headers["content-disposition"] == f'attachment; filename="{notice.replace("/", "-")}.docx"'
    assert ZipFile(BytesIO(first.content)).testzip() is None
    assert api.get(f"/v1/notices/{notice}", bureau.operator).json()["letter_sha256"] == stored.sha256


def test_who_has_the_letter_is_not_sent_it_again(bureau: Bureau, api: Api) -> None:
    case, _ = both_cities(bureau)
    path = f"/v1/notices/{bureau.workflow.case(case).notices[0]['id']}/letter"
    tag = api.get(path, bureau.clerk).headers["etag"]
    for given in (tag, f'"x", W/{tag}'):
        had = api.client.get(path, headers=as_(bureau.clerk, if_none_match=given))
        assert (had.status_code, had.content, had.headers["etag"]) == (304, b"", tag)
    assert api.client.get(path, headers=as_(bureau.clerk, if_none_match='"x"')).status_code == 200
    assert api.client.get(path, headers=as_(STRANGER, if_none_match=tag)).status_code == 404


def test_asking_changes_nothing_but_that_a_letter_is_on_file(bureau: Bureau, api: Api) -> None:
    case, _ = both_cities(bureau)
    notice = bureau.workflow.case(case).notices[0]["id"]
    before = counted(bureau)
    for path in (
        "notices", f"notices/{notice}", f"notices/{notice}/letter", f"notices/{notice}/letter", "inbox",
        f"inbox/{notice}", f"cases/{case}/notice-previews/application_rejected",
    ):  # fmt: skip
        assert api.get(f"/v1/{path}", bureau.operator).status_code in (200, 404)
    after = counted(bureau)
    assert after == before | {letters.name: before[letters.name] + 1}


# ---- drafts ----------------------------------------------------------------------------------------------------------


def test_a_draft_says_what_the_library_says_with_what_was_made_up(bureau: Bureau, api: Api) -> None:
    case = bureau.reviewed()
    for notice in ("application_rejected", "correction_requested", "preliminary_passed"):
        draft = bureau.workflow.mail_room.preview(notice, case)
        shown = api.get(f"/v1/cases/{case}/notice-previews/{notice}", bureau.clerk).json()
        assert (shown["title"], shown["body"], shown["number"]) == (
            draft.written.title, draft.written.body, draft.number
        )  # fmt: skip
        assert (shown["to"], shown["specimens"]) == (draft.to, [*draft.specimens])
        assert shown["addressee"] == bureau.operator.name
        assert shown["label"] == bureau.workflow.catalog.latest("yuyao").identity.notices[notice].label
    assert "〔示例〕" in api.get(f"/v1/cases/{case}/notice-previews/application_rejected", bureau.lead).json()["body"]


def test_drafts_are_the_offices_of_the_case_s_city(bureau: Bureau, api: Api) -> None:
    case = bureau.reviewed()
    path = f"/v1/cases/{case}/notice-previews/application_rejected"
    for who in people(bureau):
        may = who.id in ("clerk", "lead", "finance", "auditor", "root")
        assert api.get(path, who).status_code == (200 if may else 404), who.id
    unknown = api.get(f"/v1/cases/{case}/notice-previews/no_such", bureau.clerk)
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:kjfh:problem:not-found")
    assert "application_rejected" in unknown.json()["detail"]
    assert api.get("/v1/cases/no-such/notice-previews/application_rejected", bureau.clerk).status_code == 404


# ---- inboxes ---------------------------------------------------------------------------------------------------------


def test_an_inbox_holds_what_is_addressed_to_its_reader_newest_first(bureau: Bureau, api: Api) -> None:
    both_cities(bureau)
    for who in people(bureau):
        received = bureau.workflow.mail_room.inbox(reader=who)
        page = api.get("/v1/inbox", who).json()
        assert [(item["id"], item["label"]) for item in page["items"]] == [
            (each.notice_id, each.label) for each in received
        ]
        assert ids(api, "/v1/inbox", who, limit=1) == [each.notice_id for each in received]
        for each in received:
            opened = api.get(f"/v1/inbox/{each.notice_id}", who).json()
            assert (opened["id"], opened["subject"], opened["services"]) == (each.notice_id, each.subject, [])
    assert ids(api, "/v1/inbox", bureau.operator)
    assert ids(api, "/v1/inbox", STRANGER) == []


def test_an_operator_s_first_reading_is_recorded_and_only_the_first(bureau: Bureau, api: Api) -> None:
    case, _ = both_cities(bureau)
    [notice, *_] = ids(api, "/v1/inbox", bureau.operator)
    peeked = api.get(f"/v1/inbox/{notice}", bureau.operator).json()
    read, again = (api.post(f"/v1/inbox/{notice}/receipts", bureau.operator).json() for _ in range(2))
    assert peeked["services"] == []
    assert read["services"] == again["services"]
    [receipt] = read["services"]
    assert (receipt["how"], receipt["received_by"]) == ("收件箱查阅", bureau.operator.name)
    assert read["served_on"] is None, "a receipt is no service"
    assert read["body"] == bureau.workflow.mail_room.notice(notice)["body"]
    assert case in notice


def test_an_inbox_says_what_its_operator_has_not_opened_and_nothing_of_offices(bureau: Bureau, api: Api) -> None:
    both_cities(bureau)

    def unread() -> list[str]:
        items = api.get("/v1/inbox", bureau.operator).json()["items"]
        assert len([one for one in items if not one["read"]]) == api.get("/v1/desk", bureau.operator).json()["unread"]
        assert all((one["read_at"] is None) is not one["read"] for one in items)
        return [one["id"] for one in items if not one["read"]]

    [newest, *others] = unread()
    bureau.workflow.mail_room.serve(
        newest, by=bureau.lead, how="直接送达", on=bureau.workflow.today, served_by="王", received_by="张"
    )
    assert unread() == [newest, *others], "to be handed it is not to have opened it"
    opened = api.post(f"/v1/inbox/{newest}/receipts", bureau.operator).json()
    assert (opened["read"], datetime.fromisoformat(opened["read_at"])) == (True, bureau.clock.instant)
    assert unread() == others
    two_hats = Actor.of("both", ["tech_lead", "applicant"], "yuyao", uscc=uscc(7))
    offices = api.get("/v1/inbox", two_hats).json()["items"]
    assert {(one["read"], one["read_at"]) for one in offices} == {(None, None)}


def test_nobody_opens_or_receipts_what_is_addressed_to_another(bureau: Bureau, api: Api) -> None:
    both_cities(bureau)
    mine = ids(api, "/v1/inbox", bureau.operator)
    for who in people(bureau)[1:]:
        for notice in mine:
            assert api.get(f"/v1/inbox/{notice}", who).status_code == 404
            assert api.post(f"/v1/inbox/{notice}/receipts", who).status_code == 404
    assert counted(bureau)[services.name] == 0


def test_what_went_to_an_office_gets_no_operator_s_receipt(bureau: Bureau, api: Api) -> None:
    both_cities(bureau)
    two_hats = Actor.of("both", ["tech_lead", "applicant"], "yuyao", uscc=uscc(7))
    [notice, *_] = ids(api, "/v1/inbox", two_hats)
    assert api.post(f"/v1/inbox/{notice}/receipts", two_hats).json()["services"] == []
    assert counted(bureau)[services.name] == 0


def test_a_key_that_is_no_key_of_one_s_own_inbox_is_told(bureau: Bureau, api: Api) -> None:
    both_cities(bureau)
    [mine, *_] = ids(api, "/v1/inbox", bureau.operator)
    for who, after in ((bureau.operator, "x"), (STRANGER, mine), (bureau.cixi_clerk, mine), (bureau.clerk, mine)):
        told = api.get("/v1/inbox", who, after=after)
        assert (told.status_code, told.json()["type"]) == (422, "urn:kjfh:problem:input-error")


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["notices/{}", "notices/{}/letter", "inbox/{}", "inbox/{}/receipts"])
def test_an_id_that_is_none_is_a_clear_problem(bureau: Bureau, api: Api, place: str) -> None:
    method = "POST" if place.endswith("receipts") else "GET"
    for notice in NO_NOTICES:
        told = api.client.request(method, f"/v1/{place.format(notice)}", headers=as_(bureau.clerk))
        assert told.status_code in (404, 422), (notice, told.text)
        assert told.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["case", "city", "after"])
def test_a_filter_with_what_no_text_holds_is_a_clear_problem(bureau: Bureau, api: Api, name: str) -> None:
    for value in ("\x00", "a\x00b", "\x1b[31m", "x" * 300):
        assert api.get("/v1/notices", bureau.clerk, **{name: value}).status_code == 422
    for limit in (0, -1, 501, "x", 10**30):
        assert api.get("/v1/notices", bureau.clerk, limit=limit).status_code == 422


def test_nothing_is_lost_on_the_way(bureau: Bureau, api: Api) -> None:
    """What is asked for by every path above stands in the tables that this suite counts."""
    both_cities(bureau)
    rows = counted(bureau)
    assert rows[notices.name] == len(ids(api, "/v1/notices", bureau.auditor, limit=3))
    assert rows[history.name] > 0
    assert rows[delivery_log.name] == 0
