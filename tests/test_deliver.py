"""Letters that cannot be lost: routed, claimed, sent, tried again; by many, through crashes, at a limit's pace."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from email.message import EmailMessage
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from kjfh_workflow.clock import office_hour
from kjfh_workflow.errors import DeliveryFailed
from kjfh_workflow.notices.channels.config import Channels
from kjfh_workflow.notices.channels.message import Attachment, Channel, Message
from kjfh_workflow.store.database import Database
from tests.bureau import Bureau
from tests.post import ADMIN, Way, Ways, happened, later, office, queue, states
from tests.receivers import MailServer, WebServer

ROOT = Path(__file__).parent.parent
#: How long a test waits for something that must come.
_PATIENCE = 60


@contextmanager
def opened(url: str, *ways: Way, channels: Channels | None = None) -> Iterator[Bureau]:
    """An office that sends by *ways*, closed at the end."""
    bureau = office(url, *ways, channels=channels)
    yield bureau
    bureau.workflow.close()


def fail(error: Exception) -> Callable[[Message], None]:
    """An answer that is always this error."""

    def answer(message: Message) -> None:
        raise error

    return answer


def count(url: str, query: str) -> int:
    """A number, asked of the database itself."""
    database = Database.open(url)
    with database.engine.connect() as connection:
        number: int = connection.execute(text(query)).scalar_one()
    database.engine.dispose()
    return number


# ---- from the act to the channel -------------------------------------------------------------------------------------


def test_every_notice_stands_once_in_the_outbox(database_url: str) -> None:
    with opened(database_url, Way()) as bureau:
        bureau.reviewed()
        bureau.on(date(2021, 4, 30)).workflow.tick()
        notices = count(database_url, "SELECT count(*) FROM kjfh_notices")
        assert notices >= 2
        assert count(database_url, "SELECT count(*) FROM kjfh_outbox") == notices
        assert count(
            database_url, "SELECT count(*) FROM kjfh_outbox o JOIN kjfh_notices n ON n.id = o.notice_id"
        ) == notices  # fmt: skip


def test_an_act_that_is_rolled_back_queues_nothing(desk: Bureau) -> None:
    case = desk.submit().case
    before = len(desk.workflow.mail_room.entries())
    desk.workflow.preview(case, "withdraw", by=desk.operator)
    desk.workflow.preview(case, "find_fraud", by=desk.lead, evidence={"finding": "虚报"})
    assert len(desk.workflow.mail_room.entries()) == before == 1


def test_a_notice_goes_out_by_every_channel_of_its_route_and_once(database_url: str) -> None:
    mail, hook = Way("mail"), Way("hook")
    with opened(database_url, mail, hook) as bureau:
        [notice] = queue(bureau)
        assert states(bureau) == {notice: "unrouted"}
        assert bureau.workflow.deliver().sent == 2
        assert bureau.workflow.deliver().sent == 0
        assert mail.ids == hook.ids == [notice]
        assert states(bureau) == {f"{notice} mail": "sent", f"{notice} hook": "sent"}
        assert Counter(happened(bureau, notice)) == {"routed": 2, "sent": 2}


def test_what_leaves_is_what_is_on_file(database_url: str) -> None:
    way = Way()
    with opened(database_url, way) as bureau:
        case = bureau.reviewed()
        bureau.act(case, "return_for_correction", bureau.clerk, missing=["证明"])
        bureau.workflow.deliver()
        [sent] = [sent for sent in way.sent if sent.number]
        [row] = [row for row in bureau.workflow.case(case).notices if row["number"]]
        assert (sent.id, sent.number, sent.subject, sent.body) == (
            row["id"], row["number"], row["subject"], row["body"],
        )  # fmt: skip


def test_older_letters_leave_first(desk: Bureau) -> None:
    way = Way()
    with opened("sqlite://", way) as bureau:
        ids = []
        for n in range(3):
            ids += queue(later(bureau, minutes=1), start=n)
        bureau.workflow.deliver()
        assert way.ids == ids


def test_without_configuration_everything_is_in_the_inbox(database_url: str) -> None:
    with opened(database_url, channels=Channels.none()) as bureau:
        [notice] = queue(bureau)
        assert bureau.workflow.deliver().sent == 1
        assert states(bureau) == {f"{notice} inbox": "sent"}


def test_a_notice_without_a_route_is_a_visible_problem_and_looked_at_hourly(database_url: str) -> None:
    way = Way()
    ways = Ways(way, routes={})
    with opened(database_url, channels=ways) as bureau:
        [notice] = queue(bureau)
        done = bureau.workflow.deliver()
        assert (done.sent, done.unrouted) == (0, 1)
        assert done.next_at == bureau.clock.instant + timedelta(hours=1)
        [entry] = bureau.workflow.mail_room.entries()
        assert (entry.state, entry.trouble) == ("unrouted", "no_route")
        assert entry.error == (
            "没有为送申报主体的“申请收到回执”配置发送渠道（yuyao、applicant、application_received）"
        )  # fmt: skip
        ways.routes = None
        assert bureau.workflow.deliver().sent == 0
        assert later(bureau, hours=1).workflow.deliver().sent == 1
        assert way.ids == [notice]


def test_a_letter_of_a_channel_that_this_program_lacks_waits_and_is_shown(database_url: str) -> None:
    broken, way = Way("old"), Way("mail")
    broken.answer = fail(DeliveryFailed("no"))
    with opened(database_url, broken) as bureau:
        [notice] = queue(bureau)
        bureau.workflow.deliver()
        with_other = office(database_url, way, clock=later(bureau, days=1).clock)
        done = with_other.workflow.deliver()
        assert (done.sent, done.waiting, done.next_at) == (0, 1, None)
        [entry] = with_other.workflow.mail_room.entries()
        assert (entry.notice_id, entry.channel, entry.trouble) == (notice, "old", "not_configured")
        with_other.workflow.close()


# ---- many at once ----------------------------------------------------------------------------------------------------


def test_many_deliverers_at_once_send_each_letter_once(database_url: str) -> None:
    mail, hook = Way("mail"), Way("hook")
    mail.answer = hook.answer = lambda _: time.sleep(0.02)  # long enough for others to look
    with opened(database_url, mail, hook) as bureau:
        ids = queue(bureau, 12)
        others = [office(database_url, mail, hook, clock=bureau.clock) for _ in range(5)]
        gate = threading.Barrier(len(others))

        def work(other: Bureau) -> int:
            gate.wait()
            return other.workflow.deliver().sent

        with ThreadPoolExecutor(len(others)) as threads:
            assert sum(threads.map(work, others)) == 24
        assert Counter(mail.ids) == Counter(hook.ids) == Counter(ids)
        assert {*states(bureau).values()} == {"sent"}
        for other in others:
            other.workflow.close()


@pytest.mark.parametrize("error", [RuntimeError("screw loose"), DeliveryFailed("refused"), OSError("no route")])
def test_a_channel_that_fails_in_any_way_stops_nobody_else(database_url: str, error: Exception) -> None:
    good, bad = Way("good"), Way("bad")
    bad.answer = fail(error)
    with opened(database_url, good, bad) as bureau:
        ids = queue(bureau, 3)
        done = bureau.workflow.deliver()
        assert (done.sent, done.failed, done.waiting) == (3, 3, 3)
        assert sorted(good.ids) == sorted(ids)
        entries = {e.error for e in bureau.workflow.mail_room.entries() if e.channel == "bad"}
        plain = str(error) if isinstance(error, DeliveryFailed) else f"{type(error).__name__}: {error}"
        assert entries == {plain}


def test_a_channel_that_cannot_be_opened_fails_like_one_that_cannot_send(database_url: str) -> None:
    class Unready(Ways):
        def of(self, name: str) -> Channel:
            if name == "bad":
                raise OSError("certificate is gone")
            return super().of(name)

    good, bad = Way("good"), Way("bad")
    with opened(database_url, channels=Unready(good, bad)) as bureau:
        queue(bureau)
        done = bureau.workflow.deliver()
        assert (done.sent, done.failed) == (1, 1)
        assert [e.error for e in bureau.workflow.mail_room.entries(None) if e.channel == "bad"] == [
            "OSError: certificate is gone"
        ]


def test_a_channel_that_hangs_holds_up_neither_others_nor_what_is_queued_meanwhile(database_url: str) -> None:
    hanging, quick = Way("hanging"), Way("quick")
    hung, released, second = threading.Event(), threading.Event(), threading.Event()

    def hang(message: Message) -> None:
        hung.set()
        assert released.wait(_PATIENCE)

    def notice_second(message: Message) -> None:
        if quick.asked == 2:
            second.set()

    hanging.answer, quick.answer = hang, notice_second
    with opened(database_url, hanging, quick) as bureau:
        queue(bureau)
        delivering = threading.Thread(target=bureau.workflow.deliver)
        delivering.start()
        assert hung.wait(_PATIENCE)
        queue(bureau, start=1)  # an act is not held up either
        assert second.wait(_PATIENCE), "the second letter left while the first channel hung"
        assert hanging.sent == []
        released.set()
        delivering.join()
        assert len(hanging.sent) == len(quick.sent) == 2


def test_a_stop_ends_it_between_two_letters(database_url: str) -> None:
    way, stop = Way(), threading.Event()
    way.answer = lambda _: stop.set()
    with opened(database_url, way) as bureau:
        queue(bureau, 3)
        done = bureau.workflow.deliver(stop=stop)
        assert (done.sent, done.waiting) == (1, 2)
        assert bureau.workflow.deliver(stop=stop).sent == 0
        assert bureau.workflow.deliver().sent == 2
        assert len({*way.ids}) == 3


# ---- failing and trying again ----------------------------------------------------------------------------------------


def test_the_pauses_grow_to_the_longest_and_then_a_person_must_look(database_url: str) -> None:
    way = Way(first_wait_seconds=60, longest_wait_seconds=600, dead_after=7)
    way.answer = fail(DeliveryFailed("busy"))
    with opened(database_url, way) as bureau:
        [notice] = queue(bureau)
        pauses = []
        for _ in range(6):
            done = bureau.workflow.deliver()
            assert (done.failed, done.dead, done.waiting) == (1, 0, 1)
            assert done.next_at is not None
            pauses.append((done.next_at - bureau.clock.instant).total_seconds())
            assert bureau.workflow.deliver().failed == 0, "not before its time"
            bureau.clock.instant = done.next_at
        for whole, pause in zip((60, 120, 240, 480, 600, 600), pauses, strict=True):
            assert whole / 2 <= pause <= whole
        done = bureau.workflow.deliver()
        assert (done.dead, done.waiting, done.next_at) == (1, 0, None)
        [entry] = bureau.workflow.mail_room.entries()
        assert (entry.state, entry.trouble, entry.attempts, entry.error) == ("dead", "dead", 7, "busy")
        assert happened(bureau, notice) == ["routed", *["failed"] * 6, "dead"]
        assert later(bureau, days=365).workflow.deliver().sent == 0
        assert way.asked == 7


def test_a_permanent_failure_is_not_tried_again(database_url: str) -> None:
    way = Way()
    way.answer = fail(DeliveryFailed("no such mailbox", permanent=True))
    with opened(database_url, way) as bureau:
        queue(bureau)
        assert bureau.workflow.deliver().dead == 1
        assert later(bureau, days=1).workflow.deliver().dead == 0
        assert way.asked == 1


def test_what_a_far_end_says_never_keeps_a_letter_from_being_settled(database_url: str) -> None:
    way = Way()
    way.answer = fail(DeliveryFailed("line\x00one\r\nline two \ud800" + "x" * 5000))
    with opened(database_url, way) as bureau:
        queue(bureau)
        assert bureau.workflow.deliver().failed == 1
        [entry] = bureau.workflow.mail_room.entries()
        assert entry.error is not None
        assert entry.error.startswith("line one  line two  xxx")
        assert len(entry.error) == 500


def test_a_deliverer_killed_while_sending_loses_its_claim_and_another_sends_the_same_letter(database_url: str) -> None:
    way = Way()
    with opened(database_url, way) as bureau:
        ids = queue(bureau, 2)
        now = bureau.clock.instant.isoformat()
        process = subprocess.run(
            [sys.executable, "-m", "tests.dying_deliverer", database_url, now],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert process.returncode < 0, process.stderr
        taken = process.stdout.strip()
        assert taken in ids
        assert bureau.workflow.deliver().sent == 1
        assert taken not in way.ids, "who holds the claim may still be sending"
        assert later(bureau, minutes=5).workflow.deliver().sent == 1
        assert sorted(way.ids) == sorted(ids)
        assert happened(bureau, taken) == ["routed", "interrupted", "sent"]


@pytest.mark.parametrize("ending", ["sent", "failed"])
def test_who_oversleeps_its_claim_neither_unsends_nor_loses_the_letter(database_url: str, ending: str) -> None:
    sleepy, awake = Way(), Way()
    asleep, woken = threading.Event(), threading.Event()

    def sleep(message: Message) -> None:
        asleep.set()
        assert woken.wait(_PATIENCE)
        if ending == "failed":
            raise DeliveryFailed("too late", permanent=True)

    sleepy.answer = sleep
    with opened(database_url, sleepy) as bureau:
        [notice] = queue(bureau)
        other = office(database_url, awake, clock=bureau.clock)
        oversleeping = threading.Thread(target=bureau.workflow.deliver)
        oversleeping.start()
        assert asleep.wait(_PATIENCE)
        later(bureau, minutes=6)
        assert other.workflow.deliver().sent == 1
        woken.set()
        oversleeping.join()
        assert states(bureau) == {f"{notice} mail": "sent"}
        assert happened(bureau, notice) == ["routed", "interrupted", "sent", ending]
        assert bureau.workflow.deliver().waiting == 0
        other.workflow.close()


def test_what_left_late_is_sent_even_if_the_other_attempt_was_given_up(database_url: str) -> None:
    sleepy, broken = Way(), Way(dead_after=1)
    asleep, woken = threading.Event(), threading.Event()

    def sleep(message: Message) -> None:
        asleep.set()
        assert woken.wait(_PATIENCE)

    sleepy.answer, broken.answer = sleep, fail(DeliveryFailed("no"))
    with opened(database_url, sleepy) as bureau:
        [notice] = queue(bureau)
        other = office(database_url, broken, clock=bureau.clock)
        oversleeping = threading.Thread(target=bureau.workflow.deliver)
        oversleeping.start()
        assert asleep.wait(_PATIENCE)
        later(bureau, minutes=6)
        assert other.workflow.deliver().dead == 1
        woken.set()
        oversleeping.join()
        assert states(bureau) == {f"{notice} mail": "sent"}
        assert happened(bureau, notice) == ["routed", "interrupted", "dead", "sent"]
        other.workflow.close()


# ---- limits and hours ------------------------------------------------------------------------------------------------


class Waits(threading.Event):
    """A stop that nobody sets; waiting for it lets the office's clock go on."""

    def __init__(self, bureau: Bureau) -> None:
        super().__init__()
        self._bureau = bureau

    def wait(self, timeout: float | None = None) -> bool:
        """Time passes."""
        later(self._bureau, seconds=timeout or 0)
        return False


def test_one_deliverer_keeps_the_limit_and_still_sends_everything(database_url: str) -> None:
    way = Way(per_minute=20)
    with opened(database_url, way) as bureau:
        queue(bureau, 5)
        assert bureau.workflow.deliver(stop=Waits(bureau)).sent == 5
        instants = [sent.at for sent in way.sent if sent.at]
        pauses = [after - before for before, after in pairwise(instants)]
        assert len(pauses) == 4
        assert min(pauses) >= timedelta(seconds=3)


def test_several_deliverers_share_one_limit(database_url: str) -> None:
    way = Way(per_minute=20)
    with opened(database_url, way) as bureau:
        queue(bureau, 4)
        others = [office(database_url, way, clock=bureau.clock) for _ in range(3)]
        for expected in range(1, 4):
            gate = threading.Barrier(len(others))

            def work(other: Bureau, gate: threading.Barrier = gate) -> int:
                gate.wait()
                return other.workflow.deliver().sent

            with ThreadPoolExecutor(len(others)) as threads:
                assert sum(threads.map(work, others)) == 1, "a clock that stands still lets one through"
            assert len(way.sent) == expected
            later(bureau, seconds=2.9)
            assert others[0].workflow.deliver().sent == 0
            assert others[0].workflow.mail_room.next_delivery() == bureau.clock.instant + timedelta(seconds=0.1)
            later(bureau, seconds=0.1)
        for other in others:
            other.workflow.close()


def test_a_limit_written_by_a_clock_that_was_set_back_holds_nobody_up(database_url: str) -> None:
    way = Way(per_minute=20)
    with opened(database_url, way) as bureau:
        queue(bureau)
        bureau.workflow.deliver()
        queue(later(bureau, hours=-1), start=1)
        assert bureau.workflow.deliver().sent == 1


def test_outside_its_hours_a_channel_sends_nothing(database_url: str) -> None:
    day, night = Way("day", hours=("08:30", "17:30")), Way("night")
    with opened(database_url, day, night) as bureau:
        bureau.clock.instant = office_hour(date(2021, 3, 1)) + timedelta(hours=8, minutes=30)  # 17:30
        [notice] = queue(bureau)
        done = bureau.workflow.deliver()
        assert (done.sent, done.waiting) == (1, 1)
        assert done.next_at == office_hour(date(2021, 3, 2)) - timedelta(minutes=30)
        bureau.clock.instant = done.next_at - timedelta(seconds=1)
        assert bureau.workflow.deliver().sent == 0
        bureau.clock.instant = done.next_at
        assert bureau.workflow.deliver().sent == 1
        assert day.ids == night.ids == [notice]


# ---- what is kept ----------------------------------------------------------------------------------------------------


def test_the_letter_that_a_channel_carries_is_the_one_on_file(database_url: str) -> None:
    way = Way()
    carried: list[Attachment] = []
    way.answer = lambda message: carried.append(message.load_letter())
    with opened(database_url, way) as bureau:
        case = bureau.reviewed()
        bureau.act(case, "reject", bureau.lead, reason="场地不足")
        bureau.workflow.deliver()
        numbered = [letter for letter in carried if "〔2021〕" in letter.filename]
        assert [letter.filename for letter in numbered] == ["余科孵〔2021〕1号.docx"]
        assert numbered[0].body.startswith(b"PK")
        assert count(database_url, "SELECT count(*) FROM kjfh_letters") == len(carried)


@pytest.mark.parametrize("table", ["kjfh_delivery_log", "kjfh_services", "kjfh_addresses"])
@pytest.mark.parametrize("change", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_the_database_refuses_to_change_what_was_logged(database_url: str, table: str, change: str) -> None:
    with opened(database_url, Way()) as bureau:
        [notice] = queue(bureau)
        bureau.workflow.deliver()
        room = bureau.workflow.mail_room
        room.serve(notice, by=bureau.clerk, how="直接送达", on=bureau.workflow.today, served_by="王某")
        room.set_address("yuyao", "tech_lead", "email", "lead@example.gov.cn", by=ADMIN)
        database = Database.open(database_url)
        with pytest.raises(DatabaseError, match="append-only"), database.engine.begin() as connection:
            connection.execute(text(change.format(table)))
        database.engine.dispose()


@pytest.mark.parametrize("table", ["kjfh_outbox", "kjfh_deliveries"])
def test_the_database_refuses_to_drop_a_letter(database_url: str, table: str) -> None:
    with opened(database_url, Way()) as bureau:
        queue(bureau)
        bureau.workflow.deliver()
        database = Database.open(database_url)
        with pytest.raises(DatabaseError, match=r"DELETE refused"), database.engine.begin() as connection:
            connection.execute(text(f"DELETE FROM {table}"))
        database.engine.dispose()


# ---- real far ends ---------------------------------------------------------------------------------------------------


def names(mail: EmailMessage) -> list[str | None]:
    """The files attached to a mail."""
    return [part.get_filename() for part in mail.iter_attachments()]


def test_through_real_mail_and_web_servers_that_fail_at_first(database_url: str, tmp_path: Path) -> None:
    config = tmp_path / "channels.toml"
    with MailServer(recipient_says="450 busy") as mail, WebServer(says=lambda call: 500 if call == 1 else 200) as web:
        config.write_text(
            f"""
            [channel.mail]
            kind     = "smtp"
            host     = "127.0.0.1"
            port     = {mail.port}
            security = "none"
            sender   = "科技局 <kjj@office.test>"
            [channel.oa]
            kind       = "webhook"
            url        = "{web.url}"
            secret_env = "HOOK"
            [[route]]
            channels = ["mail", "oa"]
            """,
            encoding="utf-8",
        )
        secret = "whsec_" + base64.b64encode(b"x" * 32).decode()
        with opened(database_url, channels=Channels.load(config, {"HOOK": secret})) as bureau:
            case = bureau.reviewed()
            bureau.act(case, "reject", bureau.lead, reason="场地不足")
            address = bureau.operator.uscc
            bureau.workflow.mail_room.set_address("yuyao", address, "email", "op@example.com", by=ADMIN)
            done = bureau.workflow.deliver()
            assert (done.sent, done.failed, done.waiting) == (1, 3, 3)
            mail.recipient_says = "250 OK"
            assert later(bureau, hours=7).workflow.deliver().sent == 3
            number = "余科孵〔2021〕1号"
            [letter] = [one.mail for one in mail.received if f"{number}.docx" in names(one.mail)]
            assert letter["To"] == "op@example.com"
            ids = {row["id"] for row in bureau.workflow.case(case).notices}
            assert {json.loads(call.body)["id"] for call in web.received} == ids
            assert {*states(bureau).values()} == {"sent"}
