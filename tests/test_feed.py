"""What has happened, in order: nothing skipped, nothing behind a cursor, followers that die, databases put back."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from sqlite3 import connect
from threading import Event

import pytest
from sqlalchemy import text

from kjfh_workflow import Actor, Workflow
from kjfh_workflow.casework.feed.events import BeyondTheFeed, Happened
from kjfh_workflow.casework.feed.following import Followed, Patience
from kjfh_workflow.casework.outcome import Outcome
from kjfh_workflow.casework.requests import Attached, Misconduct
from kjfh_workflow.casework.rounds import Round
from kjfh_workflow.errors import NotAuthorised, NotFound, WorkflowError
from kjfh_workflow.store.database import Database
from tests.bureau import Bureau, uscc
from tests.commands import ADMIN as ROOT_USER
from tests.commands import CLERK, Kjfh
from tests.post import ADMIN
from tests.test_ledger import Cixi

ROOT = Path(__file__).parent.parent
#: How long a test waits for something that must come.
_PATIENCE = 60
LEAD = Actor.of("li", "tech_lead", "yuyao")
STRANGER = Actor.of("other", "applicant", "yuyao", name="别的孵化器有限公司", uscc=uscc(7))


def operators(number: int) -> list[Actor]:
    return [Actor.of(f"op{n}", "applicant", "yuyao", name=f"第{n}孵化器有限公司", uscc=uscc(n)) for n in range(number)]


def submitted(bureau: Bureau, number: int) -> list[str]:
    return [bureau.submit(operator).case for operator in operators(number)]


def everything(workflow: Workflow, after: int = 0, limit: int = 200) -> list[Happened]:
    """Read to the end, page by page."""
    found: list[Happened] = []
    while True:
        page = workflow.events.since(after, limit=limit)
        found += page.items
        if page.next == page.head:
            return found
        after = page.next


def in_order(happened: list[Happened]) -> None:
    """Numbers without gaps; per case the versions follow one another."""
    assert [one.number for one in happened] == list(range(1, len(happened) + 1))
    versions: dict[str, int] = {}
    for one in happened:
        assert one.version == versions.get(one.case, 0) + 1, one
        versions[one.case] = one.version


# ---- the feed --------------------------------------------------------------------------------------------------------


def test_every_act_is_in_the_feed_once_in_order_and_names_nobody(bureau: Bureau) -> None:
    application, incubator = bureau.recognised()
    happened = everything(bureau.workflow, limit=2)
    in_order(happened)
    assert [(one.case, one.event, one.role) for one in happened] == [
        (application, "submit", "applicant"),
        (application, "accept", "tech_clerk"),
        (application, "pass_preliminary", "tech_clerk"),
        (application, "endorse", "finance"),
        (application, "endorse", "tech_lead"),
        (incubator, "grant_title", "case"),
    ]
    assert happened[4].opened == {"incubator": incubator}
    assert happened[4].state_label == "已认定"
    assert ("recognition_granted", "applicant") in happened[4].notices
    assert [one.hash for one in happened[:5]] == [row.hash for row in bureau.workflow.case(application).timeline]
    for one in happened:
        assert bureau.operator.name not in str(one.as_data())
    assert bureau.workflow.verify().holds


def test_an_act_that_is_refused_or_previewed_is_not_in_the_feed(bureau: Bureau) -> None:
    case = bureau.submit().case
    bureau.workflow.preview(case, "accept", by=bureau.clerk)
    bureau.refused(case, "pass_preliminary", bureau.clerk, findings="all_met")
    assert [one.event for one in everything(bureau.workflow)] == ["submit"]


def test_a_ban_and_changed_awards_are_told(bureau: Bureau) -> None:
    until = bureau.act(bureau.reviewed(), "find_fraud", bureau.lead, finding="虚报").banned_until
    Cixi(bureau).approved()
    told = everything(bureau.workflow)
    assert until is not None
    assert [one.banned_until for one in told if one.event == "find_fraud"] == [until]
    granted, approved = (one.awards for one in told if one.awards)
    assert len(granted) == 3
    assert [(one.award, one.yuan, one.status) for one in approved] == [
        ("recognition/2021/1", Decimal("180000.00"), "approved")
    ]
    assert told[-1].as_data()["awards"][0]["yuan"] == "180000.00"


def test_a_reader_sees_what_a_list_of_cases_shows_and_moves_on_past_the_rest(bureau: Bureau) -> None:
    mine = bureau.submit().case
    theirs = bureau.submit(STRANGER).case
    see = bureau.workflow.events.since
    assert {one.case for one in see(reader=bureau.clerk).items} == {mine, theirs}
    assert {one.case for one in see(reader=bureau.auditor).items} == {mine, theirs}
    assert {one.case for one in see(reader=bureau.operator).items} == {mine}
    foreign = see(reader=bureau.cixi_clerk)
    assert (foreign.items, foreign.next, foreign.head) == ([], 2, 2)
    assert see(reader=bureau.cixi_clerk, case=mine).items == []


def test_it_is_asked_by_city_kind_event_and_case(bureau: Bureau) -> None:
    application, incubator = bureau.recognised()
    see = bureau.workflow.events.since
    assert {one.case for one in see(kind="incubator").items} == {incubator}
    assert see(city="cixi").items == []
    assert {one.event for one in see(event="endorse").items} == {"endorse"}
    page = see(case=application, limit=2)
    assert [one.version for one in page.items] == [1, 2]
    rest = see(page.next, case=application)
    assert [one.version for one in rest.items] == [3, 4, 5]
    assert rest.next == rest.head == 6


def test_one_call_looks_at_so_many_numbers_only(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kjfh_workflow.casework.feed.events.SCAN", 2)
    submitted(bureau, 5)
    page = bureau.workflow.events.since(reader=bureau.cixi_clerk)
    assert (page.items, page.next, page.head) == ([], 2, 5)


def test_a_negative_cursor_is_refused(desk: Bureau) -> None:
    with pytest.raises(WorkflowError, match="a cursor is 0 or a number"):
        desk.workflow.events.since(-1)


# ---- many writers, many publishers -----------------------------------------------------------------------------------


def test_an_act_that_commits_late_comes_late_and_behind_no_cursor(postgres_url: str) -> None:
    bureau = Bureau(postgres_url)
    slow, quick = submitted(bureau, 2)
    cursor = bureau.workflow.events.since().next
    database = Database.open(postgres_url)
    with database.engine.connect() as host, host.begin():
        # Its position is the lower one, and it is not committed while others read on.
        bureau.workflow.perform(slow, "accept", by=bureau.clerk, connection=host)
        bureau.act(quick, "accept", bureau.clerk)
        page = bureau.workflow.events.since(cursor)
        assert [one.case for one in page.items] == [quick]
    late = bureau.workflow.events.since(page.next)
    assert [one.case for one in late.items] == [slow]
    assert late.items[0].number == page.items[0].number + 1
    assert bureau.workflow.verify().holds
    database.engine.dispose()
    bureau.workflow.close()


def test_nothing_is_skipped_while_many_write_and_many_publish(database_url: str) -> None:
    bureau = Bureau(database_url)
    bureau.workflow.close()
    writers, each, publishers = 3, 6, 2
    done = Event()
    read: list[list[Happened]] = [[] for _ in range(publishers)]

    def write(writer: int) -> None:
        office = Bureau(database_url, create=False)
        for n in range(each):
            who = Actor.of(f"w{writer}", "applicant", "yuyao", name="写", uscc=uscc(100 * writer + n))
            case = office.submit(who).case
            office.act(case, "accept", office.clerk)
            office.act(case, "pass_preliminary", office.clerk, findings="all_met")
        office.workflow.close()

    def follow(mine: list[Happened]) -> None:
        office = Bureau(database_url, create=False)
        while True:
            over = done.is_set()
            page = office.workflow.events.since(mine[-1].number if mine else 0, limit=5)
            mine += page.items
            if over and page.next == page.head:
                break
        office.workflow.close()

    with ThreadPoolExecutor(writers + publishers) as threads:
        readers = [threads.submit(follow, mine) for mine in read]
        for written in [threads.submit(write, writer) for writer in range(writers)]:
            written.result(_PATIENCE)
        done.set()
        for reader in readers:
            reader.result(_PATIENCE)
    bureau = Bureau(database_url, create=False)
    assert len(everything(bureau.workflow)) == 3 * writers * each
    for mine in read:
        in_order(mine)
        assert len(mine) == 3 * writers * each
    assert bureau.workflow.verify().holds
    bureau.workflow.close()


def test_who_reads_does_not_wait_for_a_publisher_that_hangs(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kjfh_workflow.casework.feed.events._LOCK_SECONDS", 1)
    bureau = Bureau(postgres_url)
    bureau.submit()
    database = Database.open(postgres_url)
    with database.engine.connect() as hanging, hanging.begin():
        hanging.execute(text("SELECT last FROM kjfh_feed_head FOR UPDATE"))
        assert bureau.workflow.events.since().head == 0
    assert bureau.workflow.events.since().head == 1
    database.engine.dispose()
    bureau.workflow.close()


def test_a_tick_leaves_nothing_without_a_number(bureau: Bureau) -> None:
    bureau.reviewed()
    bureau.on(date(2021, 4, 30)).workflow.tick()
    assert bureau.workflow.figures().unpublished == 0
    assert bureau.workflow.events.publish() == 0


def test_verification_finds_an_act_that_the_feed_does_not_have(sqlite_url: str) -> None:
    bureau = Bureau(sqlite_url)
    bureau.reviewed()
    with connect(sqlite_url.removeprefix("sqlite:///")) as behind_our_back:
        behind_our_back.execute("DELETE FROM kjfh_unpublished WHERE position = 1")
    assert [(problem.place, problem.message) for problem in bureau.workflow.verify().problems] == [
        ("feed", "the act at position 1 does not stand exactly once in it, or before it")
    ]
    bureau.workflow.close()


# ---- following -------------------------------------------------------------------------------------------------------


def test_a_follower_begins_with_what_happens_from_now_on_or_where_it_says(bureau: Bureau) -> None:
    case = bureau.submit().case
    got: list[str] = []
    take = lambda event: got.append(event.event)  # noqa: E731
    assert bureau.workflow.events.follow("now", take).handed == 0
    bureau.act(case, "accept", bureau.clerk)
    assert bureau.workflow.events.follow("now", take) == Followed(cursor=2, handed=1)
    assert got == ["accept"]
    bureau.workflow.events.follow("all", take, start=0)
    assert got == ["accept", "submit", "accept"]
    bureau.workflow.events.follow("some", take, start=1, events=["accept"])
    bureau.workflow.events.follow("none", take, start=0, cities=["cixi"])
    assert got == ["accept", "submit", "accept", "accept"]
    assert {one.name: one.lag for one in bureau.workflow.events.followers()} == {
        "now": 0, "all": 0, "some": 0, "none": 0,
    }  # fmt: skip


def test_an_event_that_fails_holds_up_its_case_and_no_other(bureau: Bureau) -> None:
    bad, good = submitted(bureau, 2)
    for case in (bad, good):
        bureau.act(case, "accept", bureau.clerk)
    got: list[tuple[str, int]] = []
    broken = True

    def take(event: Happened) -> None:
        if broken and event.case == bad:
            raise ValueError("不认识这个案件\x00\ud800")
        got.append((event.case, event.version))

    patience = Patience(attempts=3, first_wait_seconds=60, longest_wait_seconds=600)

    def one_pass() -> Followed:
        return bureau.workflow.events.follow("screen", take, start=0, patience=patience)

    first = one_pass()
    assert got == [(good, 1), (good, 2)]
    assert (first.cursor, first.handed, first.failed) == (4, 2, 1)
    assert first.next_at is not None
    assert one_pass().failed == 0, "its time has not come"
    bureau.act(bad, "pass_preliminary", bureau.clerk, findings="all_met")
    bureau.clock.instant += timedelta(minutes=2)
    again = one_pass()
    assert (again.failed, again.cursor) == (1, 5)
    bureau.clock.instant += timedelta(hours=1)
    last = one_pass()
    assert (last.given_up, last.next_at) == (1, None)
    [standing] = bureau.workflow.events.followers()
    assert (standing.withheld, standing.given_up, standing.lag) == (3, 1, 0)
    held = bureau.workflow.events.withheld("screen")
    assert [(one.number, one.waits) for one in held] == [(1, False), (3, True), (5, True)]
    assert "不认识这个案件" in held[0].error
    broken = False
    bureau.clock.instant += timedelta(days=30)
    assert one_pass().handed == 0, "what is given up waits for a person"
    assert bureau.workflow.events.retry("screen", by=ADMIN) == 3
    assert one_pass().handed == 3
    assert got[2:] == [(bad, 1), (bad, 2), (bad, 3)]
    assert bureau.workflow.events.withheld("screen") == []


def test_a_person_skips_an_event_and_the_rest_of_its_case_goes_on(bureau: Bureau) -> None:
    case = bureau.reviewed()
    got: list[int] = []

    def take(event: Happened) -> None:
        if event.version == 1:
            raise ValueError
        got.append(event.version)

    events = bureau.workflow.events
    events.follow("screen", take, start=0, patience=Patience(attempts=1))
    assert (got, events.withheld("screen")[0].next_at) == ([], None)
    with pytest.raises(WorkflowError, match="say why"):
        events.skip("screen", 1, by=ADMIN, reason=" ")
    events.skip("screen", 1, by=ADMIN, reason="测试")
    events.follow("screen", take)
    assert got == [2]
    with pytest.raises(NotFound, match="not withheld"):
        events.retry("screen", 1, by=ADMIN)
    assert bureau.state(case) == "preliminary_review"


def test_a_far_end_that_is_away_is_left_alone_for_a_while(bureau: Bureau) -> None:
    submitted(bureau, 12)
    asked: list[int] = []

    def away(event: Happened) -> None:
        asked.append(event.number)
        raise ConnectionError

    followed = bureau.workflow.events.follow("far", away, start=0, patience=Patience(first_wait_seconds=60))
    assert asked == [1, 2, 3, 4, 5]
    assert followed.next_at == bureau.clock.instant + timedelta(seconds=60)
    [standing] = bureau.workflow.events.followers()
    assert (standing.cursor, standing.lag, standing.withheld) == (5, 7, 5)


def test_one_process_at_a_time_hands_over_and_the_next_comes_after_the_lease(bureau: Bureau) -> None:
    submitted(bureau, 2)
    events = bureau.workflow.events
    got: list[int] = []

    def take(event: Happened) -> None:
        got.append(event.number)
        beside = events.follow("one", lambda other: got.append(-other.number))
        assert beside.busy
        assert beside.next_at == bureau.clock.instant + timedelta(minutes=1)

    assert events.follow("one", take, start=0).handed == 2
    assert got == [1, 2]
    [standing] = events.followers()
    assert standing.claimed_until is None, "the claim is given back"


def test_who_is_overtaken_writes_nothing_any_more(bureau: Bureau) -> None:
    submitted(bureau, 3)
    events = bureau.workflow.events
    seen: list[int] = []

    def slow(event: Happened) -> None:
        seen.append(event.number)
        if event.number == 1:
            bureau.clock.instant += timedelta(minutes=5)  # beyond the lease: somebody else goes on
            assert events.follow("one", lambda other: seen.append(-other.number)).handed == 3

    assert events.follow("one", slow, start=0).handed == 0
    assert seen == [1, -1, -2, -3]
    assert events.followers()[0].cursor == 3


def test_a_pass_stops_after_the_event_at_hand_and_one_broken_off_is_handed_over_again(bureau: Bureau) -> None:
    submitted(bureau, 3)
    stop = Event()
    got: list[int] = []

    def stopping(event: Happened) -> None:
        got.append(event.number)
        stop.set()

    def broken_off(event: Happened) -> None:
        stop.set()
        raise TimeoutError

    events = bureau.workflow.events
    assert events.follow("one", stopping, start=0, stop=stop).cursor == 1
    stop.clear()
    assert events.follow("one", broken_off, stop=stop) == Followed(cursor=1)
    assert events.withheld("one") == []
    events.follow("one", stopping, stop=Event())
    assert got == [1, 2, 3]


def test_a_follower_that_is_killed_is_succeeded_and_misses_nothing(database_url: str) -> None:
    bureau = Bureau(database_url)
    cases = submitted(bureau, 4)
    for case in cases:
        bureau.act(case, "accept", bureau.clerk)
    dying = subprocess.run(
        [sys.executable, "-m", "tests.dying_follower", database_url, bureau.clock.instant.isoformat(), "3"],
        cwd=ROOT, capture_output=True, text=True, timeout=_PATIENCE, check=False,
    )  # fmt: skip
    assert dying.returncode == -signal.SIGKILL, dying.stderr
    assert dying.stdout.split() == ["1", "2", "3"]
    got: list[Happened] = []
    assert bureau.workflow.events.follow("dying", got.append).busy, "its claim has not ended"
    bureau.clock.instant += timedelta(minutes=2)
    assert not bureau.workflow.events.follow("dying", got.append).busy
    assert [one.number for one in got] == [3, 4, 5, 6, 7, 8], "what it died over is handed over again"
    bureau.workflow.close()


def test_several_followers_of_one_name_hand_over_each_event_once_and_in_order(database_url: str) -> None:
    bureau = Bureau(database_url)
    for case in submitted(bureau, 6):
        bureau.act(case, "accept", bureau.clerk)
    bureau.workflow.events.follow("crowd", lambda _: None, start=0, events=["no such"])
    bureau.workflow.events.replay("crowd", 0, by=ADMIN)
    got: list[int] = []
    lock = threading.Lock()

    def take(event: Happened) -> None:
        with lock:
            got.append(event.number)

    def run() -> None:
        office = Bureau(database_url, create=False)
        for _ in range(3):
            office.workflow.events.follow("crowd", take)
        office.workflow.close()

    with ThreadPoolExecutor(3) as threads:
        for one in [threads.submit(run) for _ in range(3)]:
            one.result(_PATIENCE)
    assert got == list(range(1, 13))
    bureau.workflow.close()


def test_a_follower_outlives_a_restart_of_its_database(restartable_postgres: tuple[str, Callable[..., None]]) -> None:
    url, restart = restartable_postgres
    bureau = Bureau(url)
    submitted(bureau, 3)
    got: list[int] = []

    def take(event: Happened) -> None:
        got.append(event.number)
        if event.number == 2 and got.count(2) == 1:
            restart()

    assert bureau.workflow.events.follow("one", take, start=0).handed == 3
    assert got == [1, 2, 3], "what was taken while the database was away is written down when it is back"
    bureau.workflow.close()


# ---- looking after followers -----------------------------------------------------------------------------------------


def test_a_follower_is_put_back_and_handed_the_same_again(bureau: Bureau) -> None:
    bureau.recognised()
    events = bureau.workflow.events
    got: list[Happened] = []
    events.follow("one", got.append, start=0)
    first = [*got]
    got.clear()
    events.replay("one", 2, by=ADMIN)
    events.follow("one", got.append)
    assert got == first[2:]
    with pytest.raises(WorkflowError, match="from 0 to 6"):
        events.replay("one", 7, by=ADMIN)
    events.forget("one", by=ADMIN)
    assert events.followers() == []
    with pytest.raises(NotFound, match="no follower"):
        events.replay("one", 0, by=ADMIN)


def test_what_was_withheld_behind_the_new_cursor_is_new_again(bureau: Bureau) -> None:
    case = bureau.reviewed()
    events = bureau.workflow.events

    def fail(event: Happened) -> None:
        raise ValueError

    events.follow("one", fail, start=0)
    assert len(events.withheld("one")) == 2
    events.replay("one", 0, by=ADMIN)
    assert events.withheld("one") == []
    got: list[Happened] = []
    events.follow("one", got.append)
    assert [(one.case, one.version) for one in got] == [(case, 1), (case, 2)]


@pytest.mark.parametrize("who", [LEAD, STRANGER, Actor.of("a", "auditor", "yuyao")], ids=lambda who: who.roles[0])
def test_only_an_admin_looks_after_followers(desk: Bureau, who: Actor) -> None:
    events = desk.workflow.events
    events.follow("one", lambda _: None)
    for act in (
        lambda: events.followers(reader=who),
        lambda: events.withheld("one", reader=who),
        lambda: events.replay("one", 0, by=who),
        lambda: events.retry("one", by=who),
        lambda: events.skip("one", 1, by=who, reason="x"),
        lambda: events.forget("one", by=who),
    ):
        with pytest.raises(NotAuthorised, match="管理员"):
            act()
    assert [one.name for one in events.followers(reader=ADMIN)] == ["one"]


@pytest.mark.parametrize("name", ["", "A", "1a", "a b", "a" * 65, "a\x00"])
def test_a_follower_needs_a_name(desk: Bureau, name: str) -> None:
    with pytest.raises(WorkflowError, match="no name for a follower"):
        desk.workflow.events.follow(name, lambda _: None)


# ---- a database put back ---------------------------------------------------------------------------------------------


def test_a_cursor_from_before_a_restore_is_told_so(tmp_path: Path) -> None:
    file, kept = tmp_path / "kjfh.db", tmp_path / "backup.db"
    bureau = Bureau(f"sqlite:///{file}")
    case = bureau.submit().case
    got: list[Happened] = []
    bureau.workflow.events.follow("one", got.append, start=0)
    with connect(file) as source, connect(kept) as target:
        source.backup(target)
    bureau.act(case, "accept", bureau.clerk)
    bureau.workflow.events.follow("one", got.append)
    cursor = bureau.workflow.events.since().next
    lost = got[-1]
    bureau.workflow.close()
    bureau = Bureau(f"sqlite:///{kept}")
    with pytest.raises(BeyondTheFeed, match=r"ends at 1, before 2.*restored.*Read again"):
        bureau.workflow.events.since(cursor)
    # What follows in process was put back with it, and goes on with what happens now.
    bureau.clock.instant += timedelta(hours=1)
    bureau.act(case, "accept", bureau.clerk)
    bureau.workflow.events.follow("one", got.append)
    assert [one.number for one in got] == [1, 2, 2]
    assert got[-1].hash != lost.hash, "the seal tells the one from the other"
    bureau.workflow.close()


# ---- whether an act happened -----------------------------------------------------------------------------------------


def test_a_request_id_tells_what_it_did(bureau: Bureau) -> None:
    case = bureau.submit().case
    done = bureau.workflow.perform(case, "accept", by=bureau.clerk, request_id="接收/1")
    ask = bureau.workflow.events.of_request
    assert ask("接收/1", by=bureau.clerk) == done
    assert ask("接收/1", by=bureau.operator) == done
    assert isinstance(ask("接收/1"), Outcome)
    for who in (STRANGER, bureau.cixi_clerk):
        with pytest.raises(NotFound, match="has been carried out"):
            ask("接收/1", by=who)
    with pytest.raises(NotFound, match="has been carried out"):
        ask("never", by=bureau.clerk)
    with pytest.raises(WorkflowError, match="visible characters"):
        ask("a\x00b", by=bureau.clerk)


def test_a_request_that_opened_a_round_or_recorded_misconduct_tells_so(bureau: Bureau) -> None:
    bureau.recognised()
    bureau.on(date(2022, 3, 1))
    opened = bureau.workflow.rounds.open("yuyao", 2021, by=LEAD, request_id="round")
    evidence = {"person": "某评审", "finding": "泄密", "document_no": "余科〔2022〕1号"}
    entry = bureau.workflow.books.record_misconduct("yuyao", by=LEAD, evidence=evidence, request_id="list")
    ask = bureau.workflow.events.of_request
    assert ask("round", by=bureau.clerk) == opened
    assert isinstance(opened, Round)
    assert ask("list", by=bureau.auditor) == Misconduct(entry)
    for who in (bureau.operator, bureau.cixi_clerk):
        for request in ("round", "list"):
            with pytest.raises(NotFound):
                ask(request, by=who)


def test_a_request_that_attached_a_file_tells_so(bureau: Bureau) -> None:
    case = bureau.submit().case
    paper = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
    made = bureau.workflow.files.attach(case, "证明.pdf", [paper], by=bureau.operator, request_id="paper")
    done = bureau.workflow.events.of_request("paper", by=bureau.clerk)
    assert isinstance(done, Attached)
    assert (done.id, done.case, done.sha256) == (made.id, case, made.sha256)
    with pytest.raises(NotFound):
        bureau.workflow.events.of_request("paper", by=STRANGER)


# ---- the command line ------------------------------------------------------------------------------------------------


def test_the_command_lists_what_happened_and_what_a_request_did(kjfh: Kjfh) -> None:
    case = kjfh.accepted()
    assert [item["event"] for item in kjfh.json("events", "list")["items"]] == ["submit", "accept"]
    assert "more behind --after 1" in kjfh.ok("events", "list", "--limit", "1")
    assert "受理" in kjfh.ok("events", "list", "--after", "1", "--case", case)
    found = kjfh("events", "request", "never")
    assert (found.code, found.line) == (3, "no request 'never' has been carried out")
    workflow = Workflow(kjfh.url)
    clerk = Actor.of("wang", "tech_clerk", "yuyao")
    workflow.perform(case, "pass_preliminary", by=clerk, evidence={"findings": "all_met"}, request_id="mine")
    workflow.close()
    assert kjfh.ok("events", "request", "mine").startswith(f"{case} pass_preliminary: preliminary_review → ")
    assert kjfh.json("events", "request", "mine")["version"] == 3


def test_the_command_looks_after_followers(kjfh: Kjfh) -> None:
    kjfh.accepted()
    workflow = Workflow(kjfh.url)

    def fail(event: Happened) -> None:
        raise ValueError("没有接住")

    workflow.events.follow("screen", fail, start=0, patience=Patience(attempts=1))
    workflow.close()
    assert "screen" in kjfh.ok("events", "followers")
    assert kjfh.json("events", "followers")[0]["given_up"] == 1
    assert "没有接住" in kjfh.ok("events", "withheld", "screen")
    assert kjfh("events", "retry", "screen", *ROOT_USER).code == 2
    assert kjfh.json("events", "retry", "screen", "1", *ROOT_USER) == {"retried": 1}
    assert kjfh.ok("events", "retry", "screen", "--all", *ROOT_USER) == "2件将立即重试\n"
    kjfh.ok("events", "skip", "screen", "1", "--reason", "测试", *ROOT_USER)
    assert [one["number"] for one in kjfh.json("events", "withheld", "screen")] == [2]
    kjfh.ok("events", "replay", "screen", "0", *ROOT_USER)
    assert kjfh.json("events", "followers")[0]["lag"] == 2
    refused = kjfh("events", "forget", "screen", *CLERK)
    assert (refused.code, "管理员" in refused.err) == (1, True)
    kjfh.ok("events", "forget", "screen", *ROOT_USER)
    assert kjfh.json("events", "followers") == []
