"""Webhooks: which file is taken, what is called and how it is signed, and what becomes of calls that fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from standardwebhooks.webhooks import Webhook as Receiver
from standardwebhooks.webhooks import WebhookVerificationError

from kjfh_workflow import Actor
from kjfh_workflow.errors import InputError
from kjfh_workflow.notices.webhooks import Webhook, Webhooks
from kjfh_workflow.scheduler import Runner
from tests.bureau import Bureau, uscc
from tests.post import ADMIN, later
from tests.receivers import Authority, WebServer

#: How long a test waits for something that must come.
_PATIENCE = 60
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("LC_ALL", "C")


def table(url: str, more: str = "", name: str = "intranet") -> str:
    return f'[webhook.{name}]\nurl = "{url}"\nsecret_env = "HOOK_SECRET"\nstart = "beginning"\n{more}\n'


def written(folder: Path, *tables: str) -> Path:
    file = folder / "webhooks.toml"
    file.write_text("\n".join(tables), "utf-8")
    return file


def only(folder: Path, far_end: WebServer, more: str = "") -> Webhook:
    [webhook] = Webhooks.load(written(folder, table(far_end.url, more)))
    return webhook


def told(far_end: WebServer) -> list[tuple[str, int]]:
    """(case, version) of every call, in the order received."""
    return [(call["case"], call["version"]) for call in (json.loads(one.body) for one in far_end.received)]


def two_cases(bureau: Bureau) -> tuple[str, str]:
    """Two cases with two events each, by turns."""
    first, second = (
        bureau.submit(Actor.of(f"op{n}", "applicant", "yuyao", name="企业", uscc=uscc(n))).case for n in range(2)
    )
    for case in (first, second):
        bureau.act(case, "accept", bureau.clerk)
    return first, second


# ---- the file --------------------------------------------------------------------------------------------------------


def problems(folder: Path, *tables: str) -> dict[str, str]:
    with pytest.raises(InputError) as found:
        Webhooks.load(written(folder, *tables))
    return {problem.key: problem.message for problem in found.value.problems}


def test_a_file_is_read(tmp_path: Path) -> None:
    file = written(tmp_path, table("http://127.0.0.1/x", 'kinds = ["application"]'), table("http://[::1]/", name="b"))
    first, second = Webhooks.load(file)
    assert (first.name, first.settings.kinds, second.name) == ("intranet", ("application",), "b")
    assert SECRET not in repr(first)


@pytest.mark.parametrize(
    ("more", "key", "message"),
    [
        ("timeout = 3", "timeout", "is not a known key; did you mean 'timeout_seconds'"),
        ('kinds = ["aplication"]', "kinds.1", "'aplication' is not known; did you mean 'application'"),
        ("cities = []", "cities", "at least 1 item"),
        ('events = ["accept", "accept"]', "events", "'accept' stands here twice"),
        ("attempts = 0", "attempts", "greater than or equal to 1"),
        ("attempts = true", "attempts", "valid integer"),
        ("first_wait_seconds = 9\nlongest_wait_seconds = 8", "first_wait_seconds", "must not be longer"),
        ('ca_file = "none.pem"', "ca_file", "no certificates that can be read"),
    ],
)
def test_what_is_wrong_with_a_webhook_is_named(tmp_path: Path, more: str, key: str, message: str) -> None:
    assert message in problems(tmp_path, table("https://intranet.test/x", more))[f"webhook.intranet.{key}"]


def test_every_problem_of_the_file_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAK", "short")
    assert [*problems(tmp_path, "[webhok.a]")] == ["webhok"]
    assert [*problems(tmp_path, "")] == ["webhook"]
    found = problems(
        tmp_path,
        '[webhook.a]\nurl = "ftp://x"\nsecret_env = "NOT_SET"',
        '[webhook.b]\nurl = "http://u:p@x/"\nsecret_env = "WEAK"',
        '[webhook.c]\nsecret_env = "whsec_secret"',
    )
    assert [*found] == [
        "webhook.a.secret_env", "webhook.a.url", "webhook.b.url", "webhook.b.secret_env",
        "webhook.c.url", "webhook.c.secret_env",
    ]  # fmt: skip
    assert "whsec_secret" not in str(found)


def test_a_city_or_event_that_no_pack_has_is_refused(desk: Bureau, tmp_path: Path) -> None:
    file = written(tmp_path, table("http://127.0.0.1/", 'cities = ["yuyoa"]\nevents = ["acept"]'))
    with pytest.raises(InputError) as found:
        desk.workflow.events.webhooks(file)
    assert [problem.key for problem in found.value.problems] == ["webhook.intranet.cities", "webhook.intranet.events"]
    assert "did you mean 'yuyao'" in str(found.value)
    assert [one.name for one in desk.workflow.events.webhooks(written(tmp_path, table("http://127.0.0.1/")))]


# ---- one call --------------------------------------------------------------------------------------------------------


def test_each_event_is_posted_signed_after_standard_webhooks(bureau: Bureau, tmp_path: Path) -> None:
    application, incubator = bureau.recognised()
    with WebServer() as far_end:
        assert bureau.workflow.events.call(only(tmp_path, far_end)).handed == 6
        assert bureau.workflow.events.call(only(tmp_path, far_end)).handed == 0
    assert [one.headers["webhook-id"] for one in far_end.received] == [f"evt_{n}" for n in range(1, 7)]
    for call in far_end.received:
        said = Receiver(SECRET).verify(call.body.decode(), call.headers)
        assert said == json.loads(call.body)
    changed = far_end.received[0].body.replace(b"submit", b"accept")
    with pytest.raises(WebhookVerificationError):
        Receiver(SECRET).verify(changed.decode(), far_end.received[0].headers)
    last = json.loads(far_end.received[4].body)
    assert (last["case"], last["event"], last["state"]) == (application, "endorse", "recognized")
    assert last["opened"] == {"incubator": incubator}
    assert bureau.operator.name not in str([call.body.decode() for call in far_end.received])


def test_only_what_was_asked_for_is_posted(bureau: Bureau, tmp_path: Path) -> None:
    _, incubator = bureau.recognised()
    with WebServer() as far_end:
        followed = bureau.workflow.events.call(only(tmp_path, far_end, 'kinds = ["incubator"]'))
    assert (told(far_end), followed.cursor) == ([(incubator, 1)], 6)


def test_it_speaks_tls_with_the_office_s_own_authority(desk: Bureau, tmp_path: Path) -> None:
    desk.submit()
    authority = Authority(tmp_path)
    with WebServer(tls=authority.server()) as far_end:
        assert desk.workflow.events.call(only(tmp_path, far_end)).failed == 1
        later(desk, hours=1)
        assert desk.workflow.events.call(only(tmp_path, far_end, f'ca_file = "{authority.file.name}"')).handed == 1


@pytest.mark.parametrize(
    ("says", "told_why"),
    [
        (500, "答复500"), (404, "答复404"), (301, "不跟随转向，请在webhooks.toml中改正地址"), (410, "答复410"),
        ("drop", "断开"), ("break", "断开"), ("garbage", "断开"), ("hang", "没有"), ("dribble", "1秒内没有完成"),
    ],
)  # fmt: skip
def test_anything_but_2xx_is_a_failure_and_comes_again(
    desk: Bureau, tmp_path: Path, says: int | str, told_why: str
) -> None:
    case = desk.submit().case
    events = desk.workflow.events
    with WebServer(says=says) as far_end:
        webhook = only(tmp_path, far_end, "timeout_seconds = 1")
        assert events.call(webhook).failed == 1
        assert told_why in events.withheld("intranet")[0].error
        far_end.says = 204
        later(desk, hours=1)
        assert events.call(webhook).handed == 1
        assert told(far_end) == [(case, 1)] * 2
        assert len({call.headers["webhook-id"] for call in far_end.received}) == 1
    assert events.withheld("intranet") == []


# ---- many calls ------------------------------------------------------------------------------------------------------


def test_the_order_of_a_case_is_kept_while_the_others_go_on(bureau: Bureau, tmp_path: Path) -> None:
    first, second = two_cases(bureau)
    events = bureau.workflow.events
    with WebServer(says=lambda number: 500 if number in (1, 4) else 200) as far_end:
        webhook = only(tmp_path, far_end)
        events.call(webhook)
        assert told(far_end) == [(first, 1), (second, 1), (second, 2)]
        later(bureau, minutes=2)
        events.call(webhook)  # fails once more
        bureau.act(first, "pass_preliminary", bureau.clerk, findings="all_met")
        later(bureau, hours=1)
        assert events.call(webhook).handed == 3
    assert told(far_end)[3:] == [(first, 1), (first, 1), (first, 2), (first, 3)]


def test_what_is_given_up_waits_for_a_person_and_a_replay_sends_all_again(bureau: Bureau, tmp_path: Path) -> None:
    two_cases(bureau)
    events = bureau.workflow.events
    with WebServer(says=503) as far_end:
        webhook = only(tmp_path, far_end, "attempts = 1")
        assert events.call(webhook).given_up == 2
        later(bureau, days=30)
        assert events.call(webhook).handed == 0
        assert len(far_end.received) == 2
        far_end.says = 200
        events.retry("intranet", by=ADMIN)
        assert events.call(webhook).handed == 4
        before = told(far_end)[2:]
        events.replay("intranet", 2, by=ADMIN)
        events.call(webhook)
        assert told(far_end)[6:] == [one for one in before if one[1] == 2]


def test_stopping_breaks_off_a_call_that_hangs_and_it_comes_again(desk: Bureau, tmp_path: Path) -> None:
    desk.submit()
    stop = Event()
    with WebServer(says="hang") as far_end:
        webhook = only(tmp_path, far_end, "timeout_seconds = 600")
        thread = Thread(target=desk.workflow.events.call, args=(webhook,), kwargs={"stop": stop})
        thread.start()
        until(lambda: bool(far_end.received))
        stop.set()
        thread.join(_PATIENCE)
        assert not thread.is_alive()
        far_end.says = 200
        assert desk.workflow.events.call(webhook).handed == 1
    assert desk.workflow.events.withheld("intranet") == []


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


@contextmanager
def running(runner: Runner) -> Iterator[None]:
    thread = Thread(target=runner.run)
    thread.start()
    try:
        yield
    finally:
        runner.stop()
        thread.join(_PATIENCE)
        assert not thread.is_alive(), "it stops although a call hangs"


def test_a_webhook_that_hangs_holds_no_other_up_nor_the_end(database_url: str, tmp_path: Path) -> None:
    bureau = Bureau(database_url)
    first, _ = two_cases(bureau)
    with WebServer(says="hang") as slow, WebServer() as quick:
        file = written(tmp_path, table(slow.url, "timeout_seconds = 600", name="slow"), table(quick.url, name="quick"))
        with running(Runner(bureau.workflow, webhooks=bureau.workflow.events.webhooks(file))):
            until(lambda: len(quick.received) == 4 and len(slow.received) == 1)
            assert {one.name: one.lag for one in bureau.workflow.events.followers()} == {"slow": 4, "quick": 0}
    assert told(slow) == [(first, 1)]
    bureau.workflow.close()


def test_kjfh_run_calls_webhooks_and_a_kill_loses_nothing(database_url: str, tmp_path: Path) -> None:
    bureau = Bureau(database_url)
    first, second = two_cases(bureau)
    killed: list[subprocess.Popen[bytes]] = []

    def answer(number: int) -> int | str:
        if number == 3:
            killed[0].kill()  # it has been taken, but nobody will write that down
            return "hang"
        return 200

    with WebServer(says=answer) as far_end:
        file = written(tmp_path, table(far_end.url, 'timeout_seconds = 1\nevents = ["submit", "accept"]'))
        command = [sys.executable, "-m", "kjfh_workflow.cli", "--db", database_url, "run", "--quiet", "--look", "0.2"]
        environment = {**os.environ, "KJFH_WEBHOOKS": str(file)}
        killed.append(subprocess.Popen(command, env=environment))
        assert killed[0].wait(_PATIENCE) == -signal.SIGKILL
        heir = subprocess.Popen(command, env=environment)
        try:
            until(lambda: len(far_end.received) >= 5)
        finally:
            heir.send_signal(signal.SIGTERM)
            assert heir.wait(_PATIENCE) == 0
    assert [call.headers["webhook-id"] for call in far_end.received] == ["evt_1", "evt_2", "evt_3", "evt_3", "evt_4"]
    assert told(far_end) == [(first, 1), (second, 1), (first, 2), (first, 2), (second, 2)]
    bureau.workflow.close()
