"""Where letters go: who says so, which address counts, and what happens to a letter without one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kjfh_workflow import Actor, GuardRefused, NotAuthorised, NotFound, Workflow
from kjfh_workflow.errors import DeliveryFailed
from kjfh_workflow.notices.channels.config import Channels
from kjfh_workflow.notices.channels.message import Message
from tests.bureau import YUYAO_USCC, Bureau, packs, uscc
from tests.post import ADMIN, Way, happened, later, office, queue, states

CHAT_URL = "dingtalk://a1b2c3d4secret/13900000000/wxyz"


@pytest.fixture
def mail() -> Way:
    """A channel that needs mailboxes."""
    return Way("mail", "email")


def test_a_letter_without_address_is_shown_and_goes_out_when_one_is_set(database_url: str, mail: Way) -> None:
    bureau = office(database_url, mail)
    [notice] = queue(bureau)
    done = bureau.workflow.deliver()
    assert (done.sent, done.unaddressed, done.waiting) == (0, 1, 1)
    [entry] = bureau.workflow.mail_room.entries()
    assert (entry.state, entry.state_label, entry.trouble) == ("unaddressed", "缺少地址", "unaddressed")
    assert entry.error == f"没有设定{uscc(0)}的电子邮箱"
    assert bureau.workflow.deliver().unaddressed == 0, "looked at again in an hour"
    assert later(bureau, hours=1).workflow.deliver().unaddressed == 1
    assert happened(bureau, notice) == ["routed", "unaddressed"], "told once"
    address = bureau.workflow.mail_room.set_address("yuyao", uscc(0), "email", "op0@example.com", by=ADMIN)
    assert (address.address, address.released) == ("op0@example.com", 1)
    assert bureau.workflow.mail_room.next_delivery() == bureau.clock.instant
    assert bureau.workflow.deliver().sent == 1
    assert [(sent.id, sent.address) for sent in mail.sent] == [(notice, "op0@example.com")]
    [entry] = bureau.workflow.mail_room.entries()
    assert (entry.state, entry.trouble, entry.error, entry.address) == ("sent", "", None, "op0@example.com")
    bureau.workflow.close()


def test_without_anybody_setting_one_it_is_looked_at_every_hour(database_url: str, mail: Way) -> None:
    bureau = office(database_url, mail)
    queue(bureau)
    assert bureau.workflow.deliver().next_at == bureau.clock.instant + timedelta(hours=1)
    bureau.workflow.close()


def test_the_newest_address_counts_at_each_attempt(database_url: str, mail: Way) -> None:
    bureau = office(database_url, mail)
    room = bureau.workflow.mail_room
    room.set_address("yuyao", uscc(0), "email", "old@example.com", by=ADMIN)
    tried: list[str] = []

    def refuse(message: Message) -> None:
        tried.append(message.id)
        if len(tried) == 1:
            raise DeliveryFailed("old@example.com is full")

    mail.answer = refuse
    queue(bureau)
    bureau.workflow.deliver()
    room.set_address("yuyao", uscc(0), "email", "new@example.com", by=ADMIN)
    later(bureau, hours=1).workflow.deliver()
    assert [sent.address for sent in mail.sent] == ["new@example.com"]
    bureau.workflow.close()


def test_an_empty_address_withdraws(database_url: str, mail: Way) -> None:
    bureau = office(database_url, mail)
    room = bureau.workflow.mail_room
    room.set_address("yuyao", uscc(0), "email", "op0@example.com", by=ADMIN)
    room.set_address("yuyao", uscc(0), "email", "", by=ADMIN)
    assert room.addresses("yuyao") == []
    queue(bureau)
    assert bureau.workflow.deliver().unaddressed == 1
    bureau.workflow.close()


def test_an_address_is_one_holder_s_in_one_city_by_one_medium(database_url: str, mail: Way) -> None:
    bureau = office(database_url, mail)
    room = bureau.workflow.mail_room
    queue(bureau)
    bureau.workflow.deliver()
    cixi = Actor.of("root", "admin", "cixi")
    assert room.set_address("cixi", uscc(0), "email", "cixi@example.com", by=cixi).released == 0
    assert room.set_address("yuyao", uscc(1), "email", "op1@example.com", by=ADMIN).released == 0
    assert room.set_address("yuyao", "tech_clerk", "email", "clerk@example.com", by=ADMIN).released == 0
    assert room.set_address("yuyao", uscc(0), "chat", CHAT_URL, by=ADMIN).released == 0, "a chat is no mailbox"
    assert bureau.workflow.deliver().unaddressed == 0, "it is not even looked at"
    assert room.set_address("yuyao", uscc(0), "email", "op0@example.com", by=ADMIN).released == 1
    assert bureau.workflow.deliver().sent == 1
    bureau.workflow.close()


def test_an_address_releases_the_letters_that_wait_for_its_medium(database_url: str, mail: Way) -> None:
    chat = Way("chat", "chat")
    bureau = office(database_url, mail, chat)
    queue(bureau)
    assert bureau.workflow.deliver().unaddressed == 2
    # Whoever sets it need not know the channels: the service's process may have none.
    elsewhere = Workflow(bureau.workflow._database, states=packs(), clock=bureau.clock, channels=Channels.none())
    room = elsewhere.mail_room
    assert room.set_address("yuyao", uscc(0), "email", "op0@example.com", by=ADMIN).released == 1
    done = bureau.workflow.deliver()
    assert (done.sent, done.unaddressed, len(mail.sent), len(chat.sent)) == (1, 0, 1, 0)
    assert room.set_address("yuyao", uscc(0), "email", "op0@example.org", by=ADMIN).released == 0
    assert room.set_address("yuyao", uscc(0), "chat", CHAT_URL, by=ADMIN).released == 1
    assert (bureau.workflow.deliver().sent, len(chat.sent)) == (1, 1)
    bureau.workflow.close()


def test_letters_to_an_office_go_to_the_mailbox_of_the_role(database_url: str, mail: Way) -> None:
    bureau = office(database_url, mail)
    room = bureau.workflow.mail_room
    room.set_address("yuyao", "tech_clerk", "email", "clerk@example.gov.cn", by=ADMIN)
    bureau.reviewed()
    later(bureau, days=25).workflow.tick()
    bureau.workflow.deliver()
    assert [sent.address for sent in mail.sent] == ["clerk@example.gov.cn"]
    assert {entry.role: entry.state for entry in room.entries()} == {
        "applicant": "unaddressed",
        "tech_clerk": "sent",
    }
    bureau.workflow.close()


def test_who_knows_a_chat_s_address_can_write_there_so_nobody_is_shown_it(database_url: str) -> None:
    chat = Way("chat", "chat")

    def refuse(message: Message) -> None:
        raise RuntimeError(f"POST {CHAT_URL} failed")

    chat.answer = refuse
    bureau = office(database_url, chat)
    room = bureau.workflow.mail_room
    assert room.set_address("yuyao", uscc(0), "chat", CHAT_URL, by=ADMIN).address == "dingtalk://…wxyz"
    [notice] = queue(bureau)
    bureau.workflow.deliver()
    chat.answer = lambda _: None
    later(bureau, hours=1).workflow.deliver()
    assert [sent.address for sent in chat.sent] == [CHAT_URL]
    assert "RuntimeError: POST dingtalk://…wxyz failed" in str(room.trace(notice))
    assert "secret" not in str(room.trace(notice)) + str(room.entries()) + str(room.addresses("yuyao"))
    bureau.workflow.close()


# ---- who may, and what is an address ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (Actor.of("clerk", "tech_clerk", "yuyao"), "not_authorised"),
        (Actor.of("lead", "tech_lead", "yuyao"), "not_authorised"),
        (Actor.of("auditor", "auditor", "yuyao"), "not_authorised"),
        (Actor.of("op", "applicant", "yuyao", uscc=YUYAO_USCC), "not_authorised"),
        (Actor.of("root", "admin", "cixi"), "other_city"),
    ],
)
def test_only_an_admin_of_the_city_sets_addresses(desk: Bureau, who: Actor, code: str) -> None:
    with pytest.raises(NotAuthorised) as refused:
        desk.workflow.mail_room.set_address("yuyao", "tech_lead", "email", "lead@example.com", by=who)
    assert refused.value.codes == (code,)
    assert desk.workflow.mail_room.addresses("yuyao") == []


@pytest.mark.parametrize(
    "address",
    [
        "nobody", "a@b", "@example.com", "a b@example.com", "a@example.com, b@example.com",
        "a@example.com\nBcc: b@x.cn", "<a@example.com>", "王@example.com", "a@-example.com", "a..b@example.com",
        ".a@example.com", "a@example..com", "x" * 65 + "@example.com", "a@" + "x" * 250 + ".com", "a@example.c",
    ],
)  # fmt: skip
def test_what_is_no_mailbox_is_refused(desk: Bureau, address: str) -> None:
    with pytest.raises(GuardRefused, match="电子邮箱不符合要求") as refused:
        desk.workflow.mail_room.set_address("yuyao", "tech_lead", "email", address, by=ADMIN)
    assert [(r.code, r.field) for r in refused.value.refusals] == [("evidence_invalid", "address")]


@pytest.mark.parametrize("address", ["a@example.cn", "first.last+tag@mail.example.gov.cn", " a@example.cn "])
def test_what_is_a_mailbox_is_taken(desk: Bureau, address: str) -> None:
    set_to = desk.workflow.mail_room.set_address("yuyao", "tech_lead", "email", address, by=ADMIN)
    assert set_to.address == address.strip()


@pytest.mark.parametrize(
    "address", ["dingtalk", "dingtalk://", "://token", "dingtalk://a b", "dingtalk://a\nb", "钉钉://a"]
)
def test_what_is_no_chat_address_is_refused(desk: Bureau, address: str) -> None:
    with pytest.raises(GuardRefused, match="群聊地址不符合要求"):
        desk.workflow.mail_room.set_address("yuyao", "tech_lead", "chat", address, by=ADMIN)


@pytest.mark.parametrize(
    "address",
    ["json://127.0.0.1:8102/v1", "file:///etc/passwd", "exec://x/y", "https://oapi/"],
)
def test_a_chat_address_is_a_robot_s_and_calls_nobody_else(desk: Bureau, address: str) -> None:
    with pytest.raises(GuardRefused, match="dingtalk://、feishu://、lark://、wecombot://") as refused:
        desk.workflow.mail_room.set_address("yuyao", "tech_lead", "chat", address, by=ADMIN)
    assert [(r.code, r.field) for r in refused.value.refusals] == [("evidence_invalid", "address")]
    assert desk.workflow.mail_room.addresses("yuyao") == []


def test_the_channels_may_allow_other_chats(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "channels.toml"
    file.write_text('[channel.chat]\nkind = "apprise"\nschemes = ["mmost"]\n[[route]]\nchannels = ["chat"]\n')
    bureau = office(database_url, channels=Channels.load(file))
    room = bureau.workflow.mail_room
    assert room.set_address("yuyao", "tech_lead", "chat", "mmost://chat.gov/token", by=ADMIN).address == "mmost://…oken"
    with pytest.raises(GuardRefused, match="只接受以下机器人的地址：mmost://"):
        room.set_address("yuyao", "tech_lead", "chat", CHAT_URL, by=ADMIN)
    bureau.workflow.close()


@pytest.mark.parametrize(
    ("holder", "medium", "field"),
    [("applicant", "email", "holder"), ("timer", "email", "holder"), ("91330281MA2B00001Q", "email", "holder"),
     ("", "email", "holder"), ("tech_lead", "fax", "medium")],
)  # fmt: skip
def test_a_holder_is_an_operator_or_an_office_and_a_medium_is_known(
    desk: Bureau, holder: str, medium: str, field: str
) -> None:
    with pytest.raises(GuardRefused) as refused:
        desk.workflow.mail_room.set_address("yuyao", holder, medium, "a@example.com", by=ADMIN)
    assert [r.field for r in refused.value.refusals] == [field]


def test_addresses_are_for_the_city_s_offices_and_auditors(desk: Bureau) -> None:
    room = desk.workflow.mail_room
    room.set_address("yuyao", "tech_lead", "email", "lead@example.com", by=ADMIN)
    assert len(room.addresses("yuyao", reader=desk.clerk)) == len(room.addresses("yuyao", reader=desk.auditor)) == 1
    for stranger in (desk.operator, desk.cixi_clerk):
        with pytest.raises(NotFound):
            room.addresses("yuyao", reader=stranger)


def test_a_city_without_packs_has_no_addresses_to_set(desk: Bureau) -> None:
    with pytest.raises(NotFound, match="there is no policy pack for 'ningbo'"):
        desk.workflow.mail_room.set_address(
            "ningbo", "tech_lead", "email", "a@example.com", by=Actor.of("root", "admin", "ningbo")
        )


def test_a_chat_address_never_reaches_the_state_of_the_outbox(database_url: str) -> None:
    chat = Way("chat", "chat")
    bureau = office(database_url, chat)
    bureau.workflow.mail_room.set_address("yuyao", uscc(0), "chat", CHAT_URL, by=ADMIN)
    [notice] = queue(bureau)
    bureau.workflow.deliver()
    assert states(bureau) == {f"{notice} chat": "sent"}
    assert bureau.workflow.mail_room.entries()[0].address == "dingtalk://…wxyz"
    bureau.workflow.close()
