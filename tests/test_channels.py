"""Ways out of the house, against real receivers: what arrives, what is told when it does not, and what never leaks."""

from __future__ import annotations

import base64
import json
import logging
import threading
import tomllib
import traceback
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from email import policy
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from kjfh_workflow.clock import SHANGHAI
from kjfh_workflow.errors import DeliveryFailed, InputError, NotFound
from kjfh_workflow.notices.channels import back_off, chat, settings, webhook
from kjfh_workflow.notices.channels.config import Channels, Limits
from kjfh_workflow.notices.channels.message import Attachment, Message
from kjfh_workflow.notices.channels.reaching import in_words
from tests.receivers import Authority, MailServer, WebServer, load_apprise

ROOT = Path(__file__).parent.parent
PASSWORD = "p4ss-w0rd-never-shown"  # noqa: S105  (of the test's own server)
SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes of pure secrecy").decode()
MESSAGE = Message(
    id="yuyao-210301-ABC.DE/7/1",
    city="yuyao",
    case="yuyao-210301-ABC.DE",
    notice="correction_requested",
    label="补正告知书",
    role="applicant",
    uscc="91330281MA2B00001P",
    number="余科孵〔2022〕12号",
    subject="关于补正孵化器认定申请材料的通知：余姚朝阳科技孵化器有限公司",
    title="补正告知书",
    body="余姚朝阳科技孵化器有限公司：\n\n请于2021年3月22日前补正。\n",
    queued_at=datetime(2021, 3, 1, 1, tzinfo=UTC),
    load_letter=lambda: Attachment("letter.docx", b"PK\x03\x04 a letter"),
)
ROUTE = '\n[[route]]\nchannels = ["it"]\n'


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apprise goes through the environment's proxy; nothing here leaves the loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.fixture(scope="module", autouse=True)
def apprise_loaded() -> None:
    load_apprise()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def read(folder: Path, text: str, **environment: str) -> Channels:
    path = folder / "channels.toml"
    path.write_text(text, "utf-8")
    return Channels.load(path, environment)


def problems(folder: Path, text: str, **environment: str) -> dict[str, str]:
    """Key → what is wrong with it."""
    with pytest.raises(InputError) as caught:
        read(folder, text, **environment)
    assert all(problem.place == str(folder / "channels.toml") for problem in caught.value.problems)
    found = {problem.key: problem.message for problem in caught.value.problems}
    assert len(found) == len(caught.value.problems)
    return found


def mail(folder: Path, server: MailServer, more: str = 'security = "none"', **environment: str) -> Channels:
    table = (
        f'[channel.it]\nkind = "smtp"\nhost = "127.0.0.1"\nport = {server.port}\nsender = "科技局 <kjj@office.test>"\n'
    )
    return read(folder, table + more + ROUTE, **environment)


def web(folder: Path, server: WebServer, more: str = "") -> Channels:
    table = f'[channel.it]\nkind = "webhook"\nurl = "{server.url}"\nsecret_env = "HOOK"\n'
    return read(folder, table + more + ROUTE, HOOK=SECRET)


def send(channels: Channels, address: str = "", message: Message = MESSAGE) -> None:
    channels.of("it").send(message, address)


def failure(channels: Channels, address: str = "", message: Message = MESSAGE) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as caught:
        send(channels, address, message)
    return caught.value


# ---- the file ----------------------------------------------------------------------------------------------------


def test_the_example_is_read_and_routes_as_it_says() -> None:
    names = set(tomllib.loads((ROOT / "examples/channels.toml").read_text("utf-8"))["channel"])
    environment = {"KJFH_SMTP_PASSWORD": PASSWORD, "KJFH_OA_SECRET": SECRET, "KJFH_GROUP_URL": "json://127.0.0.1"}
    channels = Channels.load(ROOT / "examples/channels.toml", environment)
    assert set(channels.names) == names
    for name in names - {"mail"}:
        channels.of(name)
    assert channels.route("yuyao", "applicant", "revoked") == ("mail", "oa", "papers")
    assert channels.route("yuyao", "applicant", "correction_requested") == ("mail", "oa")
    assert channels.route("cixi", "tech_clerk", "work_overdue") == ("inbox", "group")
    assert channels.route("cixi", "tech_lead", "revoked") == ("inbox",)


def test_without_a_file_everybody_has_the_inbox() -> None:
    channels = Channels.none()
    assert channels.names == ("inbox",)
    assert channels.route("anywhere", "finance", "anything") == ("inbox",)
    assert channels.of("inbox").medium is None
    channels.of("inbox").send(MESSAGE, "")
    assert channels.limits("inbox") == Limits()


def test_first_route_wins_and_silence_is_nobody(tmp_path: Path) -> None:
    channels = read(
        tmp_path,
        """
[channel.a]
kind = "inbox"
[channel.b]
kind = "inbox"
[[route]]
cities = ["yuyao"]
notices = ["revoked", "disqualified"]
channels = ["b", "a"]
[[route]]
roles = ["applicant", "finance"]
channels = ["a"]
""",
    )
    assert channels.route("yuyao", "tech_lead", "revoked") == ("b", "a")
    assert channels.route("cixi", "finance", "revoked") == ("a",)
    assert channels.route("cixi", "tech_lead", "revoked") == ()


def test_every_problem_of_a_file_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    found = problems(
        tmp_path,
        """
link = "https://oa.test/{number}"
[channel.post]
kind = "smpt"
[channel.mail]
kind = "smtp"
hots = "mail.test"
port = 70000
sender = "kjj@office.test"
security = "startls"
[channel.bare]
[channel.other]
kind = "smtp"
host = "mail.test"
sender = "kjj@office.test, boss@office.test"
username = "kjj"
ca_file = "none.pem"
first_wait_seconds = 60
longest_wait_seconds = 30
hours = ["18:00", "08:00"]
[channel.hook]
kind = "webhook"
url = "https://user:pw@oa.test/"
secret_env = "HOOK"
hours = [8, 18]
[channel.hook2]
kind = "webhook"
url = "https://oa.test/"
secret_env = "NOWHERE"
[[route]]
roles = ["aplicant"]
cities = []
chanels = ["mail"]
[[route]]
notices = ["revoked", "revoked"]
roles = ["tech_led"]
channels = ["mial"]
""",
        HOOK="short",
    )
    assert found == {
        "link": "must be an http or https address with {case} in it once, and no other blank",
        "channel.post.kind": "'smpt' is not a kind of channel; did you mean 'smtp'?"
        " (allowed: apprise, folder, inbox, smtp, webhook)",
        "channel.mail.host": "Field required",
        "channel.mail.hots": "is not a known key; did you mean 'host'? (allowed: attach_letter, ca_file, dead_after,"
        " first_wait_seconds, host, hours, kind, longest_wait_seconds, password_env, per_minute, port, security,"
        " sender, timeout_seconds, username)",
        "channel.mail.port": "Input should be less than or equal to 65535",
        "channel.mail.security": "'startls' is not known; did you mean 'starttls'? (allowed: none, starttls, tls)",
        "channel.bare.kind": "needs a kind (allowed: apprise, folder, inbox, smtp, webhook)",
        "channel.other.first_wait_seconds": "must not be longer than longest_wait_seconds (30)",
        "channel.other.hours": "must be two times of one day, the earlier first",
        "channel.other.ca_file": "holds no certificates that can be read: No such file or directory",
        "channel.other.sender": 'must be one e-mail address, like "kjj@example.gov.cn" or'
        ' "科技局 <kjj@example.gov.cn>"',
        "channel.other.username": "goes with password_env only: give both or neither",
        "channel.hook.hours.1": 'must be a time of day, like "08:30"',
        "channel.hook.hours.2": 'must be a time of day, like "08:30"',
        "channel.hook2.secret_env": "the environment variable NOWHERE is not set, or empty",
        "route.1.cities": "Tuple should have at least 1 item after validation, not 0",
        "route.1.channels": "Field required",
        "route.1.chanels": "is not a known key; did you mean 'channels'? (allowed: channels, cities, notices, roles)",
        "route.2.notices": "'revoked' stands here twice",
        "route.2.roles": "'tech_led' is not a role that receives notices; did you mean 'tech_lead'?"
        " (allowed: admin, applicant, auditor, finance, tech_clerk, tech_lead)",
        "route.2.channels": "'mial' is not a channel of this file; did you mean 'mail'?"
        " (allowed: bare, hook, hook2, mail, other, post)",
    }


@pytest.mark.parametrize(
    ("table", "environment", "key", "message"),
    [
        (
            'url = "https://user:pw@oa.test/"\nsecret_env = "HOOK"',
            {"HOOK": SECRET},
            "url",
            "without a user or password",
        ),
        ('url = "ftp://oa.test/"\nsecret_env = "HOOK"', {"HOOK": SECRET}, "url", "http or https"),
        ('url = "https://oa.test/"\nsecret_env = "HOOK"', {"HOOK": "s" * 23}, "secret_env", "of 24 bytes or more"),
        ('url = "https://oa.test/"\nsecret_env = "HOOK"', {"HOOK": "whsec_?"}, "secret_env", "base64"),
        ('url = "https://oa.test/"\nsecret_env = "HOOK"', {"HOOK": ""}, "secret_env", "not set"),
        ('url = "http://oa.test/"\nsecret_env = "HOOK"\nca_file = "{ca}"', {"HOOK": SECRET}, "ca_file", "no effect"),
    ],
)
def test_a_webhook_that_cannot_work_is_refused_at_load(
    tmp_path: Path,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    environment: dict[str, str],
    key: str,
    message: str,
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    text = '[channel.it]\nkind = "webhook"\n' + table.replace("{ca}", authority.file.name) + ROUTE
    [(found, said)] = problems(tmp_path, text, **environment).items()
    assert found == f"channel.it.{key}"
    assert message in said
    assert all(len(secret) < 8 or secret not in said for secret in environment.values())


@pytest.mark.parametrize(
    ("table", "key", "message"),
    [
        ('security = "none"\nusername = "kjj"\npassword_env = "PW"', "username", "never sent unencrypted"),
        ('security = "none"\nca_file = "ca.pem"', "ca_file", "no effect"),
        ('password_env = "PW"', "password_env", "goes with username only"),
        ('username = "科技局"\npassword_env = "PW"', "username", "ASCII"),
        ('username = "kjj"\npassword_env = "CHINESE"', "password_env", "ASCII"),
        ('ca_file = "channels.toml"', "ca_file", "no certificates"),
    ],
)
def test_a_mail_account_that_cannot_work_is_refused_at_load(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch, table: str, key: str, message: str
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    text = '[channel.it]\nkind = "smtp"\nhost = "mail.test"\nsender = "kjj@office.test"\n' + table + ROUTE
    [(found, said)] = problems(tmp_path, text, PW=PASSWORD, CHINESE="口令口令").items()
    assert found == f"channel.it.{key}"
    assert message in said
    assert "口令口令" not in said


@pytest.mark.parametrize("locale", ["C", "zh_CN.UTF-8"])
@pytest.mark.parametrize(
    "table",
    [
        f'kind = "smtp"\npassword = "{PASSWORD}"',
        f'kind = "smtp"\npassword_env = "{PASSWORD}"',
        f'kind = "smtp"\nhost = ["{PASSWORD}"]\nport = "{PASSWORD}"\nsender = "{PASSWORD}"',
        f'kind = "smtp"\nhours = ["{PASSWORD}", 1]\nper_minute = "{PASSWORD}"\nattach_letter = "{PASSWORD}"',
        f'kind = "webhook"\nsecret_env = ["{PASSWORD}"]\nurl = "{PASSWORD}"',
        f'kind = "webhook"\nsecret_env = "HOOK"\nurl = "https://kjj:{PASSWORD}@oa.test/"',
        f'kind = "apprise"\nurl = "dingtalk://{PASSWORD}"\nurl_env = "dingtalk://{PASSWORD}"',
        f'kind = "inbox"\n[channel]\nsecret = "{PASSWORD}"',
        f'kind = "inbox"\n[secret]\nkey = "{PASSWORD}"',
        f'kind = "inbox"\nkey = "{PASSWORD}',
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, locale: str
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    with pytest.raises(InputError) as caught:
        read(tmp_path, f"[channel.it]\n{table}\n{ROUTE}", HOOK=PASSWORD)
    assert PASSWORD not in repr(caught.value) + str(caught.value)


def test_routes_that_nothing_is_left_for_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    roles = '"applicant", "tech_clerk", "tech_lead", "finance", "auditor", "admin"'
    found = problems(
        tmp_path,
        f"""
[channel.it]
kind = "inbox"
[[route]]
roles = ["applicant"]
channels = ["it"]
[[route]]
cities = ["yuyao"]
roles = ["finance"]
channels = ["it"]
[[route]]
cities = ["yuyao"]
roles = ["applicant", "finance"]
notices = ["revoked"]
channels = ["it"]
[[route]]
roles = ["finance"]
channels = ["it"]
[[route]]
roles = [{roles}]
channels = ["it"]
[[route]]
notices = ["anything"]
channels = ["it"]
""",
    )
    assert found == {
        "route.3": "is never used: route 1 and route 2 before it takes everything",
        "route.6": "is never used: route 1 and route 2 and route 4 and route 5 before it takes everything",
    }


def test_names_that_no_pack_knows_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    route = ROUTE + 'cities = ["yuyau"]\nnotices = ["revoked", "revokd"]\n'
    found = read(tmp_path, '[channel.it]\nkind = "inbox"\n' + route).strangers(["yuyao", "cixi"], ["revoked"])
    assert [(problem.key, problem.message) for problem in found] == [
        ("route.1.cities", "there is no policy pack of 'yuyau'; did you mean 'yuyao'? (allowed: cixi, yuyao)"),
        ("route.1.notices", "'revokd' is not a notice of any policy pack; did you mean 'revoked'? (allowed: revoked)"),
    ]
    assert Channels.none().strangers([], []) == []


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "channel"),
        ('[channel.it]\nkind = "inbox"', "route"),
        ('[channel."No Name"]\nkind = "inbox"' + ROUTE.replace("it", "No Name"), "channel.No Name"),
        ("channel = 3" + ROUTE, "channel"),
        ("[channel.it\n", ""),
    ],
)
def test_what_is_no_configuration_is_an_error(tmp_path: Path, text: str, key: str) -> None:
    assert [*problems(tmp_path, text)] == [key]


def test_a_file_that_is_not_there_or_not_text_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.toml"):
        Channels.load(tmp_path / "missing.toml", {})
    (tmp_path / "gbk.toml").write_bytes("# 渠道".encode("gbk"))
    with pytest.raises(InputError, match="UTF-8"):
        Channels.load(tmp_path / "gbk.toml", {})


def test_a_channel_that_has_gone_from_the_file_is_not_found() -> None:
    with pytest.raises(NotFound, match="inbox"):
        Channels.none().of("inbx")
    with pytest.raises(NotFound, match="inbox"):
        Channels.none().limits("inbx")


def test_limits_are_those_of_the_table(tmp_path: Path) -> None:
    table = '[channel.it]\nkind = "inbox"\nper_minute = 6\ndead_after = 3\nhours = ["08:30", 17:00:00]\n'
    limits = read(tmp_path, table + ROUTE).limits("it")
    assert limits == Limits(per_minute=6, dead_after=3, hours=(time(8, 30), time(17)))
    assert Limits() == Limits(
        per_minute=None,
        dead_after=20,
        first_wait_seconds=30,
        longest_wait_seconds=21600,
        timeout_seconds=20,
        hours=None,
    )


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        (datetime(2021, 3, 1, 8, 29, tzinfo=SHANGHAI), datetime(2021, 3, 1, 8, 30, tzinfo=SHANGHAI)),
        (datetime(2021, 3, 1, 8, 30, tzinfo=SHANGHAI), datetime(2021, 3, 1, 8, 30, tzinfo=SHANGHAI)),
        (datetime(2021, 3, 1, 8, 59, tzinfo=UTC), datetime(2021, 3, 1, 16, 59, tzinfo=SHANGHAI)),
        (datetime(2021, 2, 28, 17, 0, tzinfo=SHANGHAI), datetime(2021, 3, 1, 8, 30, tzinfo=SHANGHAI)),
        (datetime(2021, 2, 28, 23, 30, tzinfo=UTC), datetime(2021, 3, 1, 8, 30, tzinfo=SHANGHAI)),
    ],
)
def test_hours_are_those_of_the_office(now: datetime, opens: datetime) -> None:
    assert Limits(hours=(time(8, 30), time(17))).opens_at(now) == opens
    assert Limits().opens_at(now) == now


def test_both_languages_say_everything() -> None:
    complaints = tomllib.loads((Path(settings.__file__).parent / "complaints.toml").read_text("utf-8"))
    assert complaints["en"].keys() == complaints["zh"].keys()


# ---- e-mail ------------------------------------------------------------------------------------------------------


def test_a_mail_arrives_with_text_letter_and_stable_id(tmp_path: Path) -> None:
    with MailServer() as server:
        channels = mail(tmp_path, server)
        assert channels.of("it").medium == "email"
        send(channels, "op@firm.test")
        send(channels, "op@firm.test")
    first, again = server.received
    found = first.mail
    assert (first.sender, first.recipients) == ("kjj@office.test", ["op@firm.test"])
    assert found["Subject"] == MESSAGE.subject
    assert found["From"] == "科技局 <kjj@office.test>"
    assert found["To"] == "op@firm.test"
    assert found["X-Kjfh-Notice"] == "yuyao-210301-ABC%2EDE+7+1"
    assert found["Message-ID"] == "<yuyao-210301-ABC%2EDE+7+1@office.test>"
    assert found["Date"].datetime == MESSAGE.queued_at
    assert found["Auto-Submitted"] == "auto-generated"
    text = found.get_body(("plain",))
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == f"{MESSAGE.number}\n\n{MESSAGE.title}\n\n{MESSAGE.body}"
    [letter] = found.iter_attachments()
    assert letter.get_filename() == "余科孵〔2022〕12号.docx"
    assert letter.get_content() == MESSAGE.load_letter().body
    assert letter.get_content_type().endswith("wordprocessingml.document")
    assert first.raw.isascii()
    assert again.mail["Message-ID"] == found["Message-ID"]
    assert again.mail["Date"] == found["Date"]


def test_a_mail_without_letter_never_asks_for_one(tmp_path: Path) -> None:
    def no_letter() -> Attachment:
        raise AssertionError("asked for")

    with MailServer() as server:
        channels = mail(tmp_path, server, 'security = "none"\nattach_letter = false')
        send(channels, "op@firm.test", replace(MESSAGE, number="", load_letter=no_letter))
    [received] = server.received
    assert not received.mail.is_multipart()
    assert received.mail.get_content().startswith("补正告知书\r\n\r\n余姚朝阳")


@pytest.mark.parametrize("how", ["starttls", "tls"])
def test_mail_is_encrypted_and_logged_in(tmp_path: Path, authority: Authority, how: str) -> None:
    account = f'security = "{how}"\nca_file = "ca.pem"\nusername = "kjj"\npassword_env = "PW"'
    with MailServer(login=("kjj", PASSWORD), **{how: authority.server()}) as server:  # type: ignore[arg-type]
        send(mail(tmp_path, server, account, PW=PASSWORD), "op@firm.test")
        refused = failure(mail(tmp_path, server, account, PW="wrong" + PASSWORD), "op@firm.test")
    [received] = server.received
    assert received.encrypted
    assert received.login == "kjj"
    assert "535" in str(refused)
    assert not refused.permanent
    assert PASSWORD not in str(refused) + repr(refused.__cause__)


@pytest.mark.parametrize("how", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_gets_no_mail(tmp_path: Path, authority: Authority, how: str) -> None:
    with MailServer(**{how: authority.server()}) as server:  # type: ignore[arg-type]
        unknown = failure(mail(tmp_path, server, f'security = "{how}"'), "op@firm.test")
    with MailServer(**{how: authority.server("mail.other")}) as server:  # type: ignore[arg-type]
        other = failure(mail(tmp_path, server, f'security = "{how}"\nca_file = "ca.pem"'), "op@firm.test")
    for failed in (unknown, other):
        assert "证书未通过验证" in str(failed)
        assert not failed.permanent
    assert server.received == []


def test_encryption_that_was_asked_for_is_never_done_without(tmp_path: Path, authority: Authority) -> None:
    with MailServer() as server:
        failed = failure(mail(tmp_path, server, 'security = "starttls"'), "op@firm.test")
    assert "STARTTLS" in str(failed)
    assert server.received == []


@pytest.mark.parametrize(
    ("server", "permanent", "said"),
    [
        (MailServer(recipient_says="550 5.1.1 no\x1b[31m mailbox"), True, "拒收该收件人：550 5.1.1 no [31m mailbox"),
        (MailServer(recipient_says="450 4.2.0 greylisted"), False, "拒收该收件人：450 4.2.0 greylisted"),
        (MailServer(recipient_says="421 4.3.2 going down"), False, "421"),
        (MailServer(data_says="554 5.7.1 spam"), False, "没有收下：554 5.7.1 spam"),
        (MailServer(data_says="451 4.3.0 disk full"), False, "没有收下：451 4.3.0 disk full"),
        (MailServer(recipient_says="drop"), False, "对方中断了连接"),
        (MailServer(data_says="drop"), False, "对方中断了连接"),
        (MailServer(recipient_says="hang"), False, "1秒内没有完成"),
        (MailServer(data_says="hang"), False, "1秒内没有完成"),
    ],
    ids=lambda value: f"{value.recipient_says} {value.data_says}"[:20] if isinstance(value, MailServer) else "",
)
def test_what_a_mail_server_refuses_is_told(tmp_path: Path, server: MailServer, permanent: bool, said: str) -> None:
    with server:
        failed = failure(mail(tmp_path, server, 'security = "none"\ntimeout_seconds = 1'), "op@firm.test")
        assert f"邮件服务器127.0.0.1:{server.port}" in str(failed)
    assert said in str(failed)
    assert failed.permanent is permanent
    assert server.received == []


def test_a_mail_that_was_taken_is_sent_whatever_comes_after(tmp_path: Path) -> None:
    with MailServer(data_says="take and hang") as server:
        send(mail(tmp_path, server), "op@firm.test")
    assert len(server.received) == 1


def test_a_mail_server_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    with MailServer() as server:
        pass
    gone = failure(mail(tmp_path, server), "op@firm.test")
    assert "连接被拒绝" in str(gone)
    assert not gone.permanent
    nowhere = '[channel.it]\nkind = "smtp"\nhost = "mail.invalid"\nsender = "kjj@office.test"\n' + ROUTE
    assert "找不到这台主机" in str(failure(read(tmp_path, nowhere), "op@firm.test"))


@pytest.mark.parametrize(
    "address",
    [
        "op@firm.test\r\nBcc: all@firm.test",
        "op@firm.test\nRCPT TO:<all@firm.test>",
        "op@firm.test, all@firm.test",
        "<op@firm.test> SIZE=1",
        "op@firm.test\x00",
        "厂长@firm.test",
        "op",
        "@firm.test",
        "",
    ],
)
def test_an_address_that_is_none_reaches_no_server(tmp_path: Path, address: str) -> None:
    with MailServer() as server:
        failed = failure(mail(tmp_path, server), address)
    assert failed.permanent
    assert server.connections == 0


@pytest.mark.parametrize(
    "subject", ["通知\r\nBcc: all@firm.test", "通知\n", "通知\x0b", "通知\u2028第二行", "通知\x00"]
)
def test_a_subject_of_two_lines_reaches_no_server(tmp_path: Path, subject: str) -> None:
    with MailServer() as server:
        failed = failure(mail(tmp_path, server), "op@firm.test", replace(MESSAGE, subject=subject))
    assert failed.permanent
    assert server.connections == 0


@given(st.text(max_size=60))
def test_no_address_begins_a_second_header(address: str) -> None:
    from kjfh_workflow.notices.channels.mail import _mailbox

    found = _mailbox(address)
    if found is not None:
        header = str(policy.SMTP.header_factory("To", str(found)).fold(policy=policy.SMTP))
        assert header.count("\r\n") == header.count("\r\n ") + 1
        assert found.addr_spec.isascii()


def test_chinese_white_space_is_no_control_character(tmp_path: Path) -> None:
    with MailServer() as server:
        send(mail(tmp_path, server), "op@firm.test", replace(MESSAGE, subject="关于\u3000补正的通知"))
    assert server.received[0].mail["Subject"] == "关于\u3000补正的通知"


# ---- webhook -----------------------------------------------------------------------------------------------------


def test_a_call_is_what_an_independent_library_verifies(tmp_path: Path) -> None:
    with WebServer() as server:
        channels = web(tmp_path, server)
        assert channels.of("it").medium is None
        send(channels)
        send(channels)
    [call, again] = server.received
    verified = standardwebhooks.Webhook(SECRET).verify(call.body, call.headers)
    assert verified == {
        "id": MESSAGE.id,
        "city": "yuyao",
        "case": MESSAGE.case,
        "notice": "correction_requested",
        "label": "补正告知书",
        "role": "applicant",
        "uscc": "91330281MA2B00001P",
        "number": "余科孵〔2022〕12号",
        "subject": MESSAGE.subject,
        "title": "补正告知书",
        "body": MESSAGE.body,
        "queued_at": "2021-03-01T01:00:00+00:00",
    }
    assert call.headers["webhook-id"] == "yuyao-210301-ABC%2EDE+7+1"
    assert call.headers["content-type"] == "application/json; charset=utf-8"
    assert (again.headers["webhook-id"], again.body) == (call.headers["webhook-id"], call.body)
    now = datetime.fromtimestamp(int(call.headers["webhook-timestamp"]), UTC)
    assert webhook.verify(call.headers, call.body, SECRET, now)


@given(
    st.binary(), st.text("abcdefghijklmnopqrstuvwxyz0123456789+-%_", min_size=1), st.binary(min_size=24, max_size=64)
)
def test_what_an_independent_library_signs_is_verified(body: bytes, message_id: str, key: bytes) -> None:
    text = body.hex()
    secret = "whsec_" + base64.b64encode(key).decode()
    now = datetime(2021, 3, 1, 9, tzinfo=UTC)
    signature = standardwebhooks.Webhook(secret).sign(message_id, now, text)
    headers = {
        "Webhook-Id": message_id,
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": f"v2,abc {signature}",
    }
    assert webhook.verify(headers, text.encode(), secret, now)
    assert webhook.sign(message_id, int(now.timestamp()), text.encode(), secret) == signature
    assert webhook.verify(headers, text.encode(), secret.rstrip("="), now)
    if text:
        assert not webhook.verify(headers, text[:-1].encode(), secret, now)
    assert not webhook.verify({**headers, "Webhook-Id": message_id + "x"}, text.encode(), secret, now)
    assert not webhook.verify(headers, text.encode(), "another secret of enough length", now)


@pytest.mark.parametrize(("seconds", "holds"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_an_old_call_is_not_believed(seconds: int, holds: bool) -> None:
    then = datetime(2021, 3, 1, tzinfo=UTC)
    stamp = int(then.timestamp())
    headers = {
        "webhook-id": "a",
        "webhook-timestamp": str(stamp),
        "webhook-signature": webhook.sign("a", stamp, b"{}", SECRET),
    }
    assert webhook.verify(headers, b"{}", SECRET, then + timedelta(seconds=seconds)) is holds
    assert webhook.verify(headers, b"{}", SECRET, then + timedelta(seconds=seconds), tolerance_seconds=400)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, "", "٣", "-1", "9" * 500, "v1,", "v1", "\udcff", "1e9"])
def test_headers_of_any_sort_are_answered(name: str, value: str | None) -> None:
    now = datetime(2021, 3, 1, tzinfo=UTC)
    stamp = int(now.timestamp())
    headers = {
        "webhook-id": "a",
        "webhook-timestamp": str(stamp),
        "webhook-signature": webhook.sign("a", stamp, b"{}", SECRET),
    }
    headers.pop(name)
    if value is not None:
        headers[name] = value
    assert webhook.verify(headers, b"{}", SECRET, now) is False


def test_the_ten_lines_of_the_documentation_verify_a_call(tmp_path: Path) -> None:
    text = (ROOT / "docs/channels.md").read_text("utf-8")
    [code] = [block.partition("```")[0] for block in text.split("```python\n")[1:] if "def is_genuine" in block]
    assert len([line for line in code.splitlines() if line.strip()]) == 10
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  (our own)
    with WebServer() as server:
        send(web(tmp_path, server))
    [call] = server.received
    assert names["is_genuine"](call.headers, call.body, SECRET)
    assert not names["is_genuine"](call.headers, call.body + b" ", SECRET)
    old = {**call.headers, "webhook-timestamp": str(int(call.headers["webhook-timestamp"]) - 301)}
    old["webhook-signature"] = webhook.sign(old["webhook-id"], int(old["webhook-timestamp"]), call.body, SECRET)
    assert not names["is_genuine"](old, call.body, SECRET)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_accepted(tmp_path: Path, status: int) -> None:
    with WebServer(status) as server:
        send(web(tmp_path, server))
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("says", "permanent", "said"),
    [
        (500, False, "答复500 Internal Server Error"),
        (503, False, "答复503"),
        (400, False, "答复400"),
        (404, False, "答复404"),
        (410, True, "答复410"),
        (302, False, "不跟随转向"),
        (308, False, "不跟随转向"),
        ("drop", False, "没有答完就断开了连接"),
        ("break", False, "没有答完就断开了连接"),
        ("garbage", False, "不合HTTP"),
        ("hang", False, "1秒内没有完成"),
        ("dribble", False, "1秒内没有完成"),
    ],
)
def test_what_a_web_server_answers_is_told(tmp_path: Path, says: int | str, permanent: bool, said: str) -> None:
    with WebServer(says) as server:
        failed = failure(web(tmp_path, server, "timeout_seconds = 1\n"))
        assert server.url in str(failed)
    assert said in str(failed)
    assert failed.permanent is permanent
    assert [call.path for call in server.received] == ["/notices"]
    assert SECRET not in str(failed) + repr(failed) + repr(failed.__cause__)


def test_a_webhook_trusts_whom_it_is_told_to(tmp_path: Path, authority: Authority) -> None:
    with WebServer(tls=authority.server()) as server:
        failed = failure(web(tmp_path, server))
        send(web(tmp_path, server, 'ca_file = "ca.pem"\n'))
    assert "证书未通过验证" in str(failed)
    assert len(server.received) == 1


def test_a_webhook_goes_past_the_proxy_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy")
    with WebServer() as server:
        send(web(tmp_path, server))
    assert len(server.received) == 1


# ---- chat --------------------------------------------------------------------------------------------------------

LINK = 'link = "https://oa.test/kjfh/cases/{case}"\n'


def talk(folder: Path, more: str = "", **environment: str) -> Channels:
    # Apprise's own JSON instead of a robot, which would live at its maker's.
    schemes = 'schemes = ["json", "dingtolk"]\n'
    return read(folder, LINK + '[channel.it]\nkind = "apprise"\n' + schemes + more + ROUTE, **environment)


def test_a_chat_is_told_where_to_look_and_nothing_else(tmp_path: Path) -> None:
    channels = talk(tmp_path)
    assert channels.of("it").medium == "chat"
    with WebServer() as server:
        send(channels, f"json://127.0.0.1:{server.port}/room")
    [call] = server.received
    told = json.loads(call.body)
    assert call.path == "/room"
    assert (told["title"], told["message"]) == (
        "补正告知书",
        "案件编号：yuyao-210301-ABC.DE\nhttps://oa.test/kjfh/cases/yuyao-210301-ABC.DE",
    )
    everything = call.body.decode() + json.dumps(told, ensure_ascii=False)
    for secret in (MESSAGE.uscc, "朝阳", MESSAGE.number, "2021年3月22日"):
        assert str(secret) not in everything


def test_a_fixed_group_needs_no_address(tmp_path: Path) -> None:
    with WebServer() as server:
        channels = talk(tmp_path, 'url_env = "GROUP"\n', GROUP=f"json://127.0.0.1:{server.port}/group")
        assert channels.of("it").medium is None
        send(channels)
    assert [call.path for call in server.received] == ["/group"]


def test_without_a_page_the_chat_is_told_the_case(tmp_path: Path) -> None:
    with WebServer() as server:
        plain = '[channel.it]\nkind = "apprise"\nschemes = ["json"]\n'
        send(read(tmp_path, plain + ROUTE), f"json://127.0.0.1:{server.port}")
    assert json.loads(server.received[0].body)["message"] == "案件编号：yuyao-210301-ABC.DE"


def test_a_robot_whose_code_fails_shows_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise import Apprise

    def broken(address: str, **_: object) -> None:
        raise ValueError(address)

    monkeypatch.setattr(Apprise, "instantiate", broken)
    failed = failure(talk(tmp_path), f"json://{PASSWORD}@127.0.0.1")
    assert str(failed) == "群机器人：ValueError"
    assert PASSWORD not in "".join(traceback.format_exception(failed))


@pytest.mark.parametrize(
    ("says", "said"),
    [
        (500, "没有收下（答复500）"),
        (403, "没有收下（答复403）"),
        (302, "没有收下（答复302）"),
        ("gone", "连接不上"),
        ("dribble", "1秒"),
    ],
)
def test_a_chat_that_fails_shows_no_key(
    tmp_path: Path, says: int | str, said: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with WebServer(says) as server:
        address = f"json://bot:{PASSWORD}@127.0.0.1:{server.port}/robot/{PASSWORD}?access_token={PASSWORD}"
        if says != "gone":
            failed = failure(talk(tmp_path, "timeout_seconds = 1\n"), address)
    if says == "gone":
        failed = failure(talk(tmp_path, "timeout_seconds = 1\n"), address)
    assert said in str(failed)
    assert not failed.permanent
    shown = "".join((str(failed), repr(failed), repr(failed.__cause__), caplog.text, *capfd.readouterr()))
    assert PASSWORD not in shown


def test_a_chat_that_succeeds_shows_no_key_and_hides_no_other_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def meanwhile(_: int) -> int:
        logging.getLogger("apprise").warning("of the host's own")
        return 200

    with WebServer(meanwhile) as server:
        send(talk(tmp_path), f"json://bot:{PASSWORD}@127.0.0.1:{server.port}/")
    assert PASSWORD not in caplog.text
    assert "of the host's own" in caplog.text
    assert [logging.getLogger(name).filters for name in chat._TALKATIVE] == [[], [], [], []]


def test_what_is_no_chat_address_is_told(tmp_path: Path) -> None:
    failed = failure(talk(tmp_path), f"dingtolk://{PASSWORD}")
    assert failed.permanent
    assert PASSWORD not in str(failed)
    group = failure(talk(tmp_path, 'url_env = "GROUP"\n', GROUP="nothing of the sort"))
    assert not group.permanent


@pytest.mark.parametrize("scheme", ["json", "JSON", " json", "form", "jsons", "file", "exec", "http", "mailto", ""])
def test_a_chat_calls_only_robots_unless_the_file_names_others(tmp_path: Path, scheme: str) -> None:
    with WebServer() as server:
        address = f"{scheme}://127.0.0.1:{server.port}/{PASSWORD}"
        failed = failure(read(tmp_path, '[channel.it]\nkind = "apprise"\n' + ROUTE), address)
    assert server.received == []
    assert failed.permanent
    assert "dingtalk" in str(failed)
    assert PASSWORD not in str(failed)


@pytest.mark.parametrize(("robot", "key"), [
    ("dingtalk", "a" * 64), ("feishu", "abcdef12345"), ("lark", "abcd-1234-abcd"),
    ("wecombot", "633a31f6-7f9c-4bc4-97a0-0ec1eefa5898"),
])  # fmt: skip
def test_a_robot_s_address_has_a_key_where_others_name_a_host(robot: str, key: str) -> None:
    from apprise import Apprise

    assert robot in chat.ROBOTS
    made: Any = Apprise.instantiate(f"{robot}://{key}")
    assert made.notify_url.startswith(("https://oapi.dingtalk.com/", "https://open.feishu.cn/",
                                            "https://open.larksuite.com/", "https://qyapi.weixin.qq.com/"))  # fmt: skip
    assert Apprise.instantiate(f"{robot}://127.0.0.1:8102/v1") is None


def test_a_missing_package_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "find_spec", {"apprise": None}.__getitem__)
    found = problems(tmp_path, '[channel.it]\nkind = "apprise"\n' + ROUTE)
    assert [*found] == ["channel.it.kind"]
    assert "pip install 'kjfh-workflow[chat]'" in found["channel.it.kind"]


# ---- folder ------------------------------------------------------------------------------------------------------


def files(folder: Path, path: str = "out") -> Channels:
    return read(folder, f'[channel.it]\nkind = "folder"\npath = "{path}"\n' + ROUTE)


def test_a_folder_holds_the_notice_for_programs_and_people(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    channels = files(tmp_path)
    assert channels.of("it").medium is None
    send(channels)
    [found] = (tmp_path / "out").iterdir()
    assert found.name == "yuyao-210301-ABC%2EDE+7+1"
    assert sorted(path.name for path in found.iterdir()) == ["letter.docx", "notice.json", "notice.txt"]
    assert json.loads((found / "notice.json").read_text("utf-8")) == MESSAGE.as_data()
    assert (found / "notice.txt").read_text("utf-8") == MESSAGE.text
    assert (found / "letter.docx").read_bytes() == MESSAGE.load_letter().body


def test_writing_again_is_the_same_and_no_error(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    send(files(tmp_path))
    [found] = out.iterdir()
    before = {path.name: path.stat().st_mtime_ns for path in found.iterdir()}
    left = out / f".{found.name}.0123abcd.part"  # by an attempt that was killed
    left.mkdir()
    (left / "notice.json").write_text("{half")
    send(files(tmp_path))
    assert {path.name: path.stat().st_mtime_ns for path in found.iterdir()} == before
    assert [*out.iterdir()] == [found]


def test_other_words_under_the_same_id_are_not_covered_up(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    send(files(tmp_path))
    failed = failure(files(tmp_path), message=replace(MESSAGE, body="别的内容"))
    assert failed.permanent
    [found] = (tmp_path / "out").iterdir()
    assert (found / "notice.txt").read_text("utf-8") == MESSAGE.text


def test_a_reader_never_sees_half_of_a_notice(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    channels = files(tmp_path)
    big = replace(MESSAGE, load_letter=lambda: Attachment("letter.docx", b"x" * 300_000))
    halves: list[list[str]] = []
    done = threading.Event()

    def read_on() -> None:
        while not done.is_set():
            for found in out.glob("[!.]*"):
                names = sorted(path.name for path in found.iterdir())
                if len(names) != 3 or (found / "letter.docx").stat().st_size != 300_000:
                    halves.append(names)

    reader = threading.Thread(target=read_on)
    reader.start()
    writers = [
        threading.Thread(target=lambda n=n: send(channels, message=replace(big, id=f"case/{n}/1"))) for n in range(8)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    done.set()
    reader.join()
    assert halves == []
    assert len([*out.iterdir()]) == 8


def test_two_writers_of_one_notice_leave_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    channels = files(tmp_path)
    failures: list[BaseException] = []

    def write() -> None:
        try:
            send(channels)
        except DeliveryFailed as failed:
            failures.append(failed)

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not [failed for failed in failures if isinstance(failed, DeliveryFailed) and failed.permanent]
    send(channels)  # who was disturbed by another succeeds at the next attempt
    assert len([*out.iterdir()]) == 1


def test_a_share_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    failed = failure(files(tmp_path, "share/out"))
    assert "不存在" in str(failed)
    assert not failed.permanent
    assert not (tmp_path / "share").exists()


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / MESSAGE.safe_id).write_text("in the way")
    assert "Not a directory" in str(failure(files(tmp_path)))


# ---- what they share ---------------------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=20), min_size=2, max_size=2, unique=True))
def test_safe_ids_are_one_word_and_never_the_same(ids: list[str]) -> None:
    one, other = (replace(MESSAGE, id=text).safe_id for text in ids)
    assert one != other
    assert one.isascii()
    assert not {*one} & {*'/\\:*?"<>|. \r\n'}


@pytest.mark.parametrize(
    ("number", "label", "name"),
    [
        ("余科孵〔2022〕12号", "认定通知", "余科孵〔2022〕12号.docx"),
        ("", "认定通知", "认定通知.docx"),
        ("", "../通知\n1", ".._通知_1.docx"),
    ],
)
def test_a_letter_is_named_by_its_number_or_what_it_is(number: str, label: str, name: str) -> None:
    assert replace(MESSAGE, number=number, label=label).letter_name == name


@given(st.integers(1, 10_000), st.integers(1, 3600), st.integers(0, 10**6), st.floats(0, 1), st.integers(1, 100))
def test_waits_grow_and_stay_between_half_and_the_whole(
    attempts: int, first: int, more: int, randomness: float, earlier: int
) -> None:
    longest = first + more
    waited = back_off.wait(attempts, first, longest, randomness).total_seconds()
    whole = float(min(first * 2 ** min(attempts - 1, 40), longest))
    tolerance = 1e-6
    assert whole / 2 - tolerance <= waited <= whole + tolerance
    assert back_off.wait(1, first, longest, 1).total_seconds() == first
    assert back_off.wait(min(attempts, earlier), first, longest, randomness).total_seconds() <= waited + tolerance


def test_errors_are_worded_by_what_lies_beneath() -> None:
    def wrapped(inner: Exception) -> Exception:
        try:
            try:
                raise inner
            except Exception as error:
                raise RuntimeError(PASSWORD) from error
        except RuntimeError as outer:
            return outer

    assert in_words(wrapped(TimeoutError())) == "没有按时应答"
    assert in_words(wrapped(ConnectionResetError())) == "对方中断了连接"
    assert in_words(wrapped(OSError(28, "No space left on device"))) == "No space left on device"
    assert in_words(wrapped(KeyError(PASSWORD))) == "RuntimeError"


@pytest.mark.parametrize("kind", ["smtp", "webhook", "apprise"])
def test_nothing_that_can_be_shown_holds_a_secret(tmp_path: Path, kind: str) -> None:
    tables = {
        "smtp": 'host = "mail.test"\nsender = "kjj@office.test"\nusername = "kjj"\npassword_env = "KEY"\n',
        "webhook": 'url = "https://oa.test/"\nsecret_env = "KEY"\n',
        "apprise": 'url_env = "KEY"\n',
    }
    channels = read(tmp_path, f'[channel.it]\nkind = "{kind}"\n{tables[kind]}{ROUTE}', KEY=PASSWORD + "-long-enough")
    shown = repr(channels), repr(channels.of("it")), repr(channels.limits("it")), repr(vars(channels))
    assert PASSWORD not in "".join(shown)


def test_a_notice_never_shows_its_letter() -> None:
    assert "PK" not in repr(MESSAGE) + repr(MESSAGE.load_letter())
