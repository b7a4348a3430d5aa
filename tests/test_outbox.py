"""The outbox desk: what people see and mend, proof of service, inboxes, and the same on the command line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from kjfh_workflow import Actor, Conflict, GuardRefused, InputError, NotAuthorised, NotFound, Workflow, WorkflowError
from kjfh_workflow.casework.mail.mail_room import MailRoom
from kjfh_workflow.errors import DeliveryFailed
from kjfh_workflow.notices.channels.message import Message
from kjfh_workflow.store.outbox_desk import Wanted
from tests.bureau import YUYAO_USCC, Bureau, uscc
from tests.commands import ADMIN as ADMIN_WORDS
from tests.commands import CLERK, OPERATOR, Kjfh
from tests.post import ADMIN, Way, Ways, happened, later, office, queue, states

_PATIENCE = 60
WANG = Actor.of("wang", "tech_clerk", "yuyao", name="王某")


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


# ---- looking ---------------------------------------------------------------------------------------------------------


def test_the_list_can_be_narrowed_down(posting: Bureau, way: Way) -> None:
    room = posting.workflow.mail_room
    [first] = queue(posting)
    posting.workflow.deliver()
    way.answer = refuse
    [second] = queue(later(posting, minutes=1), start=1)
    posting.workflow.deliver()
    [third] = queue(later(posting, minutes=1), start=2)

    def ids(**wanted: Any) -> list[str]:
        return [entry.notice_id for entry in room.entries(Wanted(**wanted))]

    assert ids() == [third, second, first], "newest first"
    assert ids(state="sent") == [first]
    assert ids(state="unrouted") == [third]
    assert ids(problems=True) == ids(state="dead") == [second]
    assert ids(channel="mail") == [second, first]
    assert ids(case=first.split("/")[0]) == [first]
    assert ids(city="cixi") == []
    assert len(room.entries(limit=2)) == 2


def test_offices_see_their_city_s_auditors_everything_operators_nothing(posting: Bureau) -> None:
    room = posting.workflow.mail_room
    [notice] = queue(posting)
    assert len(room.entries(reader=posting.clerk)) == len(room.entries(reader=posting.finance)) == 1
    assert len(room.entries(reader=posting.auditor)) == 1
    for stranger in (posting.cixi_clerk, posting.operator):
        assert room.entries(reader=stranger) == []
        with pytest.raises(NotFound):
            room.trace(notice, reader=stranger)


def test_one_notice_shows_text_number_way_and_proofs(posting: Bureau) -> None:
    case = posting.reviewed()
    posting.act(case, "reject", posting.lead, reason="场地不足")
    posting.workflow.deliver()
    room = posting.workflow.mail_room
    [row] = [row for row in posting.workflow.case(case).notices if row["number"]]
    room.serve(row["id"], by=WANG, how="直接送达", on=posting.workflow.today, served_by="王某", received_by="李某")
    traced = room.trace(row["id"])
    assert (traced.number, traced.title, traced.body) == (row["number"], row["title"], row["body"])
    assert [(entry.channel, entry.state) for entry in traced.entries] == [("mail", "sent")]
    assert [(log["what"], log["what_label"]) for log in traced.log] == [("routed", "选定渠道"), ("sent", "发出")]
    assert [(proof["how"], proof["received_by"]) for proof in traced.services] == [("直接送达", "李某")]


def test_that_nobody_delivers_at_all_is_a_problem_after_an_hour(posting: Bureau) -> None:
    queue(posting)
    assert posting.workflow.mail_room.entries(Wanted(problems=True)) == []
    later(posting, hours=1, seconds=1)
    [entry] = posting.workflow.mail_room.entries(Wanted(problems=True))
    assert (entry.trouble, entry.state_label) == ("nobody_delivers", "待分发")


def test_a_letter_that_will_be_tried_again_is_shown_as_failing(posting: Bureau, way: Way) -> None:
    def busy(message: Message) -> None:
        raise DeliveryFailed("busy")

    way.answer = busy
    queue(posting)
    posting.workflow.deliver()
    [entry] = posting.workflow.mail_room.entries(Wanted(problems=True))
    assert (entry.state, entry.trouble, entry.error, entry.attempts) == ("queued", "failing", "busy", 1)
    way.answer = lambda _: None
    later(posting, hours=1).workflow.deliver()
    assert posting.workflow.mail_room.entries(Wanted(problems=True)) == []


def test_a_notice_whose_pack_is_gone_is_still_listed(posting: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    queue(posting)

    def gone(*_: object) -> None:
        raise NotFound("the policy pack is not loaded")

    monkeypatch.setattr(type(posting.workflow.catalog), "pinned", gone)
    [entry] = posting.workflow.mail_room.entries()
    assert (entry.label, entry.role) == ("application_received", "applicant")
    assert posting.workflow.deliver().sent == 1


# ---- mending ---------------------------------------------------------------------------------------------------------


def test_a_dead_letter_is_tried_again_as_if_it_had_never_failed(posting: Bureau, way: Way) -> None:
    [notice] = queue(posting)
    way.answer = refuse
    posting.workflow.deliver()
    way.answer = lambda _: None
    assert posting.workflow.mail_room.retry(notice, by=WANG) == 1
    assert posting.workflow.mail_room.entries()[0].attempts == 0
    assert posting.workflow.deliver().sent == 1
    assert happened(posting, notice) == ["routed", "dead", "retried", "sent"]
    assert posting.workflow.mail_room.trace(notice).log[2]["actor"] == "王某"


def test_all_that_stands_still_in_a_city_can_be_tried_again(posting: Bureau, way: Way) -> None:
    way.answer = refuse
    ids = queue(posting, 3)
    posting.workflow.deliver()
    ids += queue(posting, 1, start=3)
    way.answer = lambda _: None
    assert posting.workflow.mail_room.retry(by=Actor.of("c", "tech_lead", "cixi")) == 0
    assert posting.workflow.mail_room.retry(by=WANG, channel="hook") == 0
    assert posting.workflow.mail_room.retry(by=WANG, channel="mail") == 3
    assert posting.workflow.deliver().sent == 4
    assert sorted(way.ids) == sorted(ids)


def test_a_notice_without_route_can_be_looked_at_at_once(database_url: str, way: Way) -> None:
    ways = Ways(way, routes={})
    bureau = office(database_url, channels=ways)
    [notice] = queue(bureau)
    bureau.workflow.deliver()
    ways.routes = None
    assert bureau.workflow.mail_room.retry(notice, by=WANG) == 1
    assert bureau.workflow.deliver().sent == 1
    bureau.workflow.close()


def test_what_does_not_stand_still_is_not_retried(posting: Bureau) -> None:
    [notice] = queue(posting)
    posting.workflow.deliver()
    with pytest.raises(Conflict, match="mail sent"):
        posting.workflow.mail_room.retry(notice, by=WANG)
    assert posting.workflow.mail_room.retry(by=WANG) == 0


def test_a_letter_sent_again_has_the_same_number_and_text(posting: Bureau, way: Way) -> None:
    case = posting.reviewed()
    posting.act(case, "reject", posting.lead, reason="场地不足")
    posting.workflow.deliver()
    [first] = [sent for sent in way.sent if sent.number]
    posting.workflow.mail_room.resend(first.id, "mail", by=WANG, reason="对方称未收到")
    assert later(posting, days=30).workflow.deliver().sent == 1
    again = way.sent[-1]
    assert (again.id, again.number, again.subject, again.body) == (first.id, first.number, first.subject, first.body)
    log = posting.workflow.mail_room.trace(first.id).log
    assert [(row["what"], row["detail"], row["actor"]) for row in log if row["what"] == "resent"] == [
        ("resent", "对方称未收到", "王某")
    ]


def test_a_letter_can_be_sent_by_another_channel_too(database_url: str) -> None:
    mail, hook = Way("mail"), Way("hook")
    bureau = office(database_url, channels=Ways(mail, hook, routes={"application_received": ("mail",)}))
    room = bureau.workflow.mail_room
    [notice] = queue(bureau)
    with pytest.raises(Conflict, match="has no channel yet"):
        room.resend(notice, "hook", by=WANG, reason="急件")
    bureau.workflow.deliver()
    with pytest.raises(NotFound, match="fax"):
        room.resend(notice, "fax", by=WANG, reason="急件")
    room.resend(notice, "hook", by=WANG, reason="急件")
    with pytest.raises(Conflict, match="is queued"):
        room.resend(notice, "hook", by=WANG, reason="急件")
    assert bureau.workflow.deliver().sent == 1
    assert mail.ids == hook.ids == [notice]
    bureau.workflow.close()


def test_what_is_discarded_is_never_sent(posting: Bureau, way: Way) -> None:
    room = posting.workflow.mail_room
    way.answer = refuse
    [dead] = queue(posting)
    posting.workflow.deliver()
    [unrouted] = queue(posting, start=1)
    assert room.discard(dead, by=WANG, reason="已当面告知") == 1
    assert room.discard(unrouted, by=WANG, reason="已当面告知") == 1
    way.answer = lambda _: None
    assert later(posting, days=400).workflow.deliver().sent == 0
    assert room.retry(by=WANG) == 0
    assert way.sent == []
    assert states(posting) == {f"{dead} mail": "discarded", unrouted: "discarded"}
    assert happened(posting, unrouted) == ["discarded"]
    assert room.trace(dead).log[-1]["detail"] == "已当面告知"
    for notice in (dead, unrouted):
        with pytest.raises(Conflict, match="discarded"):
            room.discard(notice, by=WANG, reason="再次")
    room.resend(dead, "mail", by=WANG, reason="误操作")
    room.resend(unrouted, "mail", by=WANG, reason="误操作")
    assert posting.workflow.deliver().sent == 2


def test_what_was_sent_cannot_be_discarded(posting: Bureau) -> None:
    [notice] = queue(posting)
    posting.workflow.deliver()
    with pytest.raises(Conflict, match="mail sent"):
        posting.workflow.mail_room.discard(notice, by=WANG, reason="撤回")


def test_one_channel_of_a_letter_can_be_discarded(database_url: str) -> None:
    mail, hook = Way("mail"), Way("hook")
    mail.answer = hook.answer = refuse
    bureau = office(database_url, mail, hook)
    [notice] = queue(bureau)
    bureau.workflow.deliver()
    assert bureau.workflow.mail_room.discard(notice, by=WANG, reason="改用纸质", channel="hook") == 1
    assert states(bureau) == {f"{notice} mail": "dead", f"{notice} hook": "discarded"}
    with pytest.raises(Conflict):
        bureau.workflow.mail_room.discard(notice, by=WANG, reason="改用纸质", channel="fax")
    bureau.workflow.close()


def test_a_letter_that_is_being_sent_cannot_be_discarded(posting: Bureau, way: Way) -> None:
    sending, go_on = threading.Event(), threading.Event()

    def slow(message: Message) -> None:
        sending.set()
        assert go_on.wait(_PATIENCE)

    way.answer = slow
    [notice] = queue(posting)
    delivering = threading.Thread(target=posting.workflow.deliver)
    delivering.start()
    assert sending.wait(_PATIENCE)
    assert posting.workflow.mail_room.entries()[0].sending
    with pytest.raises(Conflict, match="is being sent"):
        posting.workflow.mail_room.discard(notice, by=WANG, reason="撤回")
    go_on.set()
    delivering.join()
    assert states(posting) == {f"{notice} mail": "sent"}


def test_who_starts_late_can_discard_what_was_told_on_paper(posting: Bureau, way: Way) -> None:
    old = queue(posting, 2)
    [new] = queue(later(posting, days=10), start=2)
    room = posting.workflow.mail_room
    day = posting.workflow.today - timedelta(days=5)
    assert room.discard_before(day, by=Actor.of("c", "tech_lead", "cixi"), reason="已纸质送达") == 0
    assert room.discard_before(day, by=WANG, reason="已纸质送达") == 2
    assert posting.workflow.deliver().sent == 1
    assert way.ids == [new]
    assert {states(posting)[notice] for notice in old} == {"discarded"}


# ---- who may ---------------------------------------------------------------------------------------------------------

ACTS: dict[str, Callable[[MailRoom, str, Actor], object]] = {
    "retry": lambda room, notice, by: room.retry(notice, by=by),
    "retry all": lambda room, _, by: room.retry(by=by),
    "resend": lambda room, notice, by: room.resend(notice, "mail", by=by, reason="未收到"),
    "discard": lambda room, notice, by: room.discard(notice, by=by, reason="撤回"),
    "discard before": lambda room, _, by: room.discard_before(date(2030, 1, 1), by=by, reason="撤回"),
    "serve": lambda room, notice, by: room.serve(notice, by=by, how="直接送达", on=date(2021, 3, 1), served_by="王"),
}
STRANGERS = {
    "auditor": Actor.of("a", "auditor", "yuyao"),
    "finance": Actor.of("f", "finance", "yuyao"),
    "applicant": Actor.of("o", "applicant", "yuyao", uscc=uscc(0)),  # to whom it was written
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("who", STRANGERS)
def test_only_clerks_leaders_and_admins_mend_and_record(desk: Bureau, act: str, who: str) -> None:
    [notice] = queue(desk)
    with pytest.raises(NotAuthorised) as refused:
        ACTS[act](desk.workflow.mail_room, notice, STRANGERS[who])
    assert refused.value.codes == ("not_authorised",)
    assert "科技局经办人、科技局负责人、系统管理员" in str(refused.value)
    assert happened(desk, notice) == []


@pytest.mark.parametrize("act", ["retry", "resend", "discard", "serve"])
def test_nobody_mends_another_city_s_letters(desk: Bureau, act: str) -> None:
    [notice] = queue(desk)
    for stranger in (desk.cixi_clerk, Actor.of("x", "applicant", "yuyao", uscc=uscc(9))):
        with pytest.raises(NotFound, match=f"there is no notice '{notice}'"):
            ACTS[act](desk.workflow.mail_room, notice, stranger)
    assert happened(desk, notice) == []


@pytest.mark.parametrize("act", ["retry", "resend", "discard", "serve"])
def test_a_notice_that_is_none_is_not_found(desk: Bureau, act: str) -> None:
    with pytest.raises(NotFound, match="there is no notice 'x/1/1'"):
        ACTS[act](desk.workflow.mail_room, "x/1/1", WANG)


def test_nothing_is_discarded_or_sent_again_without_a_reason(desk: Bureau) -> None:
    [notice] = queue(desk)
    room = desk.workflow.mail_room
    for act in (
        lambda: room.discard(notice, by=WANG, reason=" "),
        lambda: room.discard_before(date(2030, 1, 1), by=WANG, reason=""),
        lambda: room.resend(notice, "inbox", by=WANG, reason="　"),
    ):
        with pytest.raises(GuardRefused, match="缺少理由") as refused:
            act()
        assert refused.value.codes == ("evidence_missing",)


# ---- proof of service, inboxes ---------------------------------------------------------------------------------------


def test_a_proof_of_service_says_how_when_and_by_whom(posting: Bureau) -> None:
    [notice] = queue(posting)
    later(posting, days=3)
    room = posting.workflow.mail_room
    room.serve(notice, by=WANG, how="邮寄送达", on=date(2021, 3, 2), served_by="邮政", note="EMS 1234")
    room.serve(notice, by=WANG, how="直接送达", on=date(2021, 3, 4), served_by="王某", received_by="李某")
    first, second = room.trace(notice).services
    assert (first["how"], first["served_on"], first["served_by"], first["note"], first["recorded_by"]) == (
        "邮寄送达", date(2021, 3, 2), "邮政", "EMS 1234", "王某",
    )  # fmt: skip
    assert (second["received_by"], second["recorded_at"]) == ("李某", posting.clock.instant)


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"how": "口头送达"}, ["how"]),
        ({"on": date(2021, 2, 28)}, ["on"]),
        ({"on": date(2021, 3, 2)}, ["on"]),
        ({"served_by": "  "}, ["served_by"]),
        ({"how": "", "on": date(2022, 1, 1), "served_by": ""}, ["how", "on", "served_by"]),
    ],
)
def test_a_proof_that_cannot_be_is_refused_with_everything_wrong(
    desk: Bureau, wrong: dict[str, Any], fields: list[str]
) -> None:
    [notice] = queue(desk)
    given: dict[str, Any] = {"how": "直接送达", "on": date(2021, 3, 1), "served_by": "王某"} | wrong
    with pytest.raises(GuardRefused) as refused:
        desk.workflow.mail_room.serve(notice, by=WANG, **given)
    assert [reason.field for reason in refused.value.refusals] == fields
    assert desk.workflow.mail_room.trace(notice).services == []


def test_an_inbox_has_what_is_addressed_to_its_owner_newest_first(posting: Bureau) -> None:
    case = posting.reviewed()
    later(posting, days=1)
    posting.act(case, "return_for_correction", posting.clerk, missing=["证明"])
    queue(posting)
    room = posting.workflow.mail_room
    mine = room.inbox(reader=posting.operator)
    assert [(r.notice, bool(r.number), r.served_on) for r in mine] == [
        ("correction_requested", True, None),
        ("application_received", False, None),
    ]
    elsewhere = Actor.of("op", "applicant", "cixi", uscc=YUYAO_USCC)
    assert len(room.inbox(reader=elsewhere)) == 2, "an operator has one inbox"
    assert room.inbox(reader=Actor.of("x", "applicant", "yuyao")) == []
    assert room.inbox(reader=posting.clerk) == []
    posting.act(queue(posting, start=1)[0].split("/")[0], "accept", posting.clerk)
    later(posting, days=25).workflow.tick()
    assert [r.notice for r in room.inbox(reader=posting.clerk)] == ["work_reminder"]
    assert room.inbox(reader=posting.cixi_clerk) == []
    assert room.inbox(reader=posting.lead) == []


def test_reading_a_letter_leaves_one_receipt_and_is_no_service(posting: Bureau) -> None:
    [notice] = queue(posting)
    room, reader = posting.workflow.mail_room, Actor.of("op0", "applicant", "yuyao", name="张某", uscc=uscc(0))
    seen = room.peek(notice, reader=reader)
    assert (seen.received.served_on, seen.services) == (None, [])
    assert seen.body == room.trace(notice).body
    with ThreadPoolExecutor(4) as threads:
        opened = list(threads.map(lambda _: room.read(notice, by=reader), range(4)))
    assert {len(one.services) for one in opened} == {1}
    [proof] = room.trace(notice).services
    assert (proof["how"], proof["served_on"], proof["received_by"]) == ("收件箱查阅", posting.workflow.today, "张某")
    assert room.inbox(reader=reader)[0].served_on is None, "an operator must have agreed to electronic service"


@pytest.mark.parametrize("how", ["留置送达", "公告送达"])
def test_service_that_nobody_signs_for_needs_its_attestation(posting: Bureau, how: str) -> None:
    [notice] = queue(posting)
    room, today = posting.workflow.mail_room, posting.workflow.today
    with pytest.raises(GuardRefused) as refused:
        room.serve(notice, by=posting.clerk, how=how, on=today, served_by="王经办")
    assert [(r.code, r.field) for r in refused.value.refusals] == [("evidence_missing", "note")]
    room.serve(notice, by=posting.clerk, how=how, on=today, served_by="王经办", note="社区工作人员李某见证")
    assert room.trace(notice).services[0]["how"] == how


def test_nobody_reads_another_s_letters(posting: Bureau) -> None:
    [notice] = queue(posting)
    room = posting.workflow.mail_room
    strangers = (Actor.of("op1", "applicant", "yuyao", uscc=uscc(1)), posting.clerk, posting.auditor, ADMIN)
    for stranger in strangers:
        for look in (
            lambda who=stranger: room.peek(notice, reader=who),
            lambda who=stranger: room.read(notice, by=who),
        ):
            with pytest.raises(NotFound):
                look()  # type: ignore[no-untyped-call]
    assert room.trace(notice).services == []


# ---- the command line ------------------------------------------------------------------------------------------------


def test_without_channels_nothing_is_given_up(kjfh: Kjfh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kjfh.submitted()
    ran = kjfh("deliver")
    assert ran.code == 2
    assert "nobody has said how letters leave" in ran.err
    with pytest.raises(WorkflowError, match="no channels"):
        Workflow(kjfh.url).deliver()
    monkeypatch.setenv("KJFH_CHANNELS", str(only_inbox(tmp_path)))
    assert kjfh.json("deliver")["sent"] == 1


@pytest.mark.parametrize("wrong", ['cities = ["yuyoa"]', 'notices = ["correction_requestd"]'])
def test_a_route_to_nobody_is_refused_when_the_office_opens(tmp_path: Path, wrong: str) -> None:
    file = only_inbox(tmp_path)
    file.write_text(f'{file.read_text("utf-8")}\n[[route]]\n{wrong}\nchannels = ["inbox"]\n', "utf-8")
    moved_up = file.read_text("utf-8").replace('[[route]]\nchannels = ["inbox"]\n', "", 1)
    file.write_text(moved_up, "utf-8")
    with pytest.raises(InputError, match=r"yuyao|correction_requested"):
        Workflow("sqlite://", channels=file, create=True)


def only_inbox(folder: Path) -> Path:
    """Channels of an office that has nothing but the inbox."""
    file = folder / "channels.toml"
    file.write_text('[channel.inbox]\nkind = "inbox"\n\n[[route]]\nchannels = ["inbox"]\n', "utf-8")
    return file


def test_the_desk_on_the_command_line(kjfh: Kjfh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    case = kjfh.submitted()
    monkeypatch.setenv("KJFH_CHANNELS", str(only_inbox(tmp_path)))
    kjfh.ok("deliver")
    [entry] = kjfh.json("outbox", "list", "--case", case)
    notice = entry["notice_id"]
    assert (entry["channel"], entry["state"], entry["state_label"]) == ("inbox", "sent", "已发送")
    assert "已发送" in kjfh.ok("outbox", "list")
    assert "发出" in kjfh.ok("outbox", "show", notice)
    assert kjfh("outbox", "show", "x/1/1").code == 3
    assert kjfh.ok("outbox", "resend", notice, "--channel", "inbox", "--reason", "未收到", *CLERK) == (
        f"{notice}：将由inbox重新发送\n"
    )
    assert kjfh("outbox", "retry", notice, *CLERK).code == 4
    assert kjfh("outbox", "retry", *CLERK).code == 2
    assert kjfh.ok("outbox", "retry", "--all", *CLERK) == "0件将立即重试\n"
    assert kjfh.ok("outbox", "discard", notice, "--reason", "已当面告知", *CLERK) == "1件不再发送\n"
    assert kjfh("outbox", "discard", notice, "--reason", "x", *OPERATOR).code == 1
    assert kjfh.json("outbox", "discard", "--before", "2030-01-01", "--reason", "纸质", *CLERK) == {"discarded": 0}
    assert kjfh("outbox", "discard", "--reason", "x", *CLERK).code == 2
    assert [row["what_label"] for row in kjfh.json("outbox", "show", notice)["log"]] == [
        "选定渠道", "发出", "要求重新发送", "决定不再发送",
    ]  # fmt: skip
    served = ("--how", "直接送达", "--on", "2021-03-01", "--by", "王某", "--received-by", "李某")
    assert "直接送达" in kjfh.ok("outbox", "serve", notice, *served, *CLERK)
    assert kjfh.json("outbox", "show", notice)["services"][0]["received_by"] == "李某"


def test_an_inbox_on_the_command_line(kjfh: Kjfh) -> None:
    kjfh.submitted()
    [received] = kjfh.json("inbox", "list", *OPERATOR)
    notice = received["notice_id"]
    assert "未送达" in kjfh.ok("inbox", "list", *OPERATOR)
    assert "收件箱查阅" not in kjfh.ok("inbox", "show", notice, *OPERATOR)
    assert "收件箱查阅" in kjfh.ok("inbox", "read", notice, *OPERATOR)
    assert kjfh.json("inbox", "list", *OPERATOR)[0]["served_on"] is None
    assert kjfh("inbox", "show", notice, *CLERK).code == 3


def test_addresses_on_the_command_line(kjfh: Kjfh) -> None:
    kjfh.submitted()
    assert kjfh.ok("address", "set", "tech_lead", "email", "lead@example.gov.cn", *ADMIN_WORDS) == (
        "tech_lead：电子邮箱设为lead@example.gov.cn\n"
    )
    assert [row["address"] for row in kjfh.json("address", "list", "--city", "yuyao")] == ["lead@example.gov.cn"]
    assert "电子邮箱" in kjfh.ok("address", "list", "--city", "yuyao")
    assert kjfh("address", "set", "tech_lead", "email", "lead", *ADMIN_WORDS).code == 1
    assert kjfh("address", "set", "tech_lead", "email", "a@example.cn", *CLERK).code == 1
    assert kjfh.ok("address", "set", "tech_lead", "email", "", *ADMIN_WORDS) == "tech_lead：电子邮箱已撤销\n"
    assert kjfh.json("address", "list", "--city", "yuyao") == []
