"""The service while its database is away: 503 and when to ask again, never 500, and no doubt about what happened."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import Request
from sqlalchemy import URL, create_engine, literal_column, make_url, select, text

from kjfh_workflow import Actor, Workflow
from kjfh_workflow.casework.feed.events import Happened
from kjfh_workflow.clock import FixedClock
from kjfh_workflow.errors import Conflict, DeliveryFailed, Unavailable
from kjfh_workflow.notices.channels.message import Message
from kjfh_workflow.store.database import Database, Transaction
from kjfh_workflow.store.prepared import Prepared
from kjfh_workflow.web.app import create_app
from kjfh_workflow.web.settings import Settings
from tests.api import NO_TLS, serving
from tests.bureau import MATERIALS, Bureau, facts, packs, uscc
from tests.post import Way, Ways, happened, queue
from tests.severed import wired
from tests.test_run import eventually

_PROBLEM = "application/problem+json"
_ONE = Prepared(select(literal_column("1")))


def everybody(request: Request) -> Actor:
    """Whoever says so: who is asking is not what is tried here."""
    name, role, uscc = request.headers["x-who"].split(",")
    return Actor.of(name, role, "yuyao", name=name, uscc=uscc)


def saying(who: Actor, key: str = "") -> dict[str, str]:
    """The headers of somebody's request."""
    said = {"x-who": f"{who.id},{who.roles[0]},{who.uscc}"}
    return {**said, "Idempotency-Key": key} if key else said


@contextmanager
def service(database: Database, office: Bureau) -> Iterator[httpx.Client]:
    """The real service on a database, on the office's day."""
    workflow = Workflow(database, clock=FixedClock(office.clock.instant))
    with (
        serving(create_app(workflow, everybody, Settings(threads=8))) as url,
        httpx.Client(base_url=url, trust_env=False, verify=NO_TLS, timeout=60) as client,
    ):
        yield client
    database.engine.dispose()


def is_an_outage(answer: httpx.Response) -> bool:
    """Whether the service says that it cannot now, and when to ask again; anything else must be an answer."""
    if answer.status_code < 300:
        return False
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == _PROBLEM
    assert int(answer.headers["retry-after"]) >= 1
    return True


def events(office: Bureau, case: str) -> list[str]:
    """What has happened to a case."""
    return [row.event for row in office.workflow.case(case).timeline]


def test_through_restarts_every_request_is_answered_or_told_to_come_again_and_done_once(
    restartable_postgres: tuple[str, Callable[..., None]],
) -> None:
    url, restart = restartable_postgres
    office = Bureau(url)
    cases = [office.submit(operator(number)).case for number in range(12)]
    office.workflow.close()
    outages: list[int] = []
    wrong: list[object] = []
    over = threading.Event()

    with service(Database.open(url), office) as client:

        def until_answered(client: httpx.Client, path: str, key: str, evidence: dict[str, Any]) -> object:
            while is_an_outage(answer := act(client, path, office.clerk, key, evidence)):
                outages.append(answer.status_code)
                time.sleep(0.05)
            return answer.json()

        def clerk(mine: list[str]) -> None:
            try:
                for case in mine:
                    for event, evidence in (("accept", {}), ("pass_preliminary", {"findings": "all_met"})):
                        path, key = f"/v1/cases/{case}/events/{event}", f"{event}-{case}"
                        first, second = (until_answered(client, path, key, evidence) for _ in range(2))
                        assert first == second
                        time.sleep(0.1)
            except Exception as error:  # told to the test, which runs in another thread
                wrong.append(error)

        def reader() -> None:
            while not over.is_set():
                try:
                    if is_an_outage(client.get("/ready", headers=saying(office.clerk))):
                        outages.append(503)
                except Exception as error:
                    wrong.append(error)
                time.sleep(0.02)

        threads = [threading.Thread(target=clerk, args=(cases[part::3],)) for part in range(3)]
        looking = threading.Thread(target=reader)
        for thread in (*threads, looking):
            thread.start()
        for _ in range(3):
            time.sleep(0.4)
            restart(lambda: time.sleep(0.2))
        for thread in threads:
            thread.join()
        over.set()
        looking.join()

    assert wrong == []
    assert outages, "nobody noticed"
    office = Bureau(url)
    assert {tuple(events(office, case)) for case in cases} == {("submit", "accept", "pass_preliminary")}
    assert office.workflow.verify().holds
    office.workflow.close()


def act(client: httpx.Client, path: str, who: Actor, key: str, evidence: dict[str, Any]) -> httpx.Response:
    """Act under an id of one's own."""
    return client.post(path, json={"evidence": evidence}, headers=saying(who, key))


def operator(number: int) -> Actor:
    """One of many."""
    return Actor.of(f"op{number}", "applicant", "yuyao", name=f"运营机构{number}", uscc=uscc(number))


def test_a_commit_whose_answer_is_lost_is_told_by_its_id(postgres_url: str) -> None:
    office = Bureau(postgres_url)
    case = office.submit().case
    path = f"/v1/cases/{case}/events/accept"
    with wired(postgres_url) as wire, service(Database.open(_text(wire.url)), office) as client:
        assert client.get("/ready").status_code == 200
        wire.cut_the_next_commit()
        assert is_an_outage(act(client, path, office.clerk, "accept-1", {}))
        assert wire.cuts == 1
        assert events(office, case) == ["submit", "accept"], "it was done, and nobody could know"
        again = act(client, path, office.clerk, "accept-1", {})
        assert again.status_code == 200
        assert again.json()["version"] == 2
        assert again.headers["etag"] == '"2"'
    assert events(office, case) == ["submit", "accept"]
    office.workflow.close()


def test_an_opening_whose_answer_is_lost_opens_one_case(postgres_url: str) -> None:
    office = Bureau(postgres_url)
    with wired(postgres_url) as wire:
        far = Bureau(_text(wire.url))
        wire.cut_the_next_commit()
        with pytest.raises(Unavailable):
            submit(far, "submit-1")
        first = submit(far, "submit-1")
        far.workflow.close()
    assert wire.cuts == 1
    assert [case["id"] for case in office.workflow.cases()] == [first]
    office.workflow.close()


def submit(office: Bureau, key: str) -> str:
    """Open a case under an id of one's own."""
    given = {"type": "incubator", "facts": facts(), "materials": MATERIALS["yuyao"]}
    done = office.workflow.open_case("application", "submit", by=office.operator, evidence=given, request_id=key)
    return done.case


def test_who_finds_no_free_connection_is_told_to_come_again(postgres_url: str) -> None:
    office = Bureau(postgres_url)
    case = office.submit().case
    engine = create_engine(Database.open(postgres_url).engine.url, pool_size=1, max_overflow=0, pool_timeout=0.3)
    with service(Database(engine), office) as client:
        with engine.connect():
            assert is_an_outage(client.get("/ready"))
            assert is_an_outage(act(client, f"/v1/cases/{case}/events/accept", office.clerk, "a", {}))
        assert client.get("/ready").status_code == 200
        assert act(client, f"/v1/cases/{case}/events/accept", office.clerk, "a", {}).status_code == 200
    office.workflow.close()


def test_a_server_that_has_no_connection_left_is_an_outage(postgres_url: str, guest: str) -> None:
    office = Bureau(postgres_url)
    database = Database.open(postgres_url)
    database = Database.open(_text(database.engine.url.set(username=guest)))
    with service(database, office) as client:
        database.engine.dispose()
        with only_connection(_plain(database.engine.url)):
            assert is_an_outage(client.get("/ready"))
        eventually(lambda: not is_an_outage(client.get("/ready")))
    office.workflow.close()


def only_connection(url: str) -> psycopg.Connection:
    """The one connection that a role may have, once the server has noticed that the last one is closed."""
    until = time.monotonic() + 30
    while True:
        try:
            return psycopg.connect(url)
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@pytest.fixture
def guest(postgres_server: str) -> Iterator[str]:
    """A role that reads, on one connection at a time."""
    name = "kjfh_guest"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 1 IN ROLE pg_read_all_data")
        yield name
        connection.execute(f"DROP ROLE {name}")


def test_a_server_that_only_reads_is_asked_and_not_acted_on(postgres_url: str) -> None:
    office = Bureau(postgres_url)
    case = office.submit().case
    reading = Database.open(f"{postgres_url}&options=-c%20default_transaction_read_only%3Don")
    with service(reading, office) as client:
        assert client.get("/ready").status_code == 200
        assert is_an_outage(act(client, f"/v1/cases/{case}/events/accept", office.clerk, "a", {}))
    assert events(office, case) == ["submit"]
    office.workflow.close()


def test_a_forgotten_grant_is_an_outage_and_the_same_request_is_done_after_it(postgres_url: str) -> None:
    office = Bureau(postgres_url)
    case = office.submit().case
    path, role = f"/v1/cases/{case}/events/accept", f"kjfh_program_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(_plain(make_url(postgres_url)), autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN")
        owner.execute(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}")
        owner.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
        owner.execute(f"REVOKE INSERT ON kjfh_history FROM {role}")
        database = Database.open(_text(make_url(postgres_url).set(username=role)))
        with service(database, office) as client:
            assert is_an_outage(act(client, path, office.clerk, "accept-1", {}))
            assert events(office, case) == ["submit"]
            owner.execute(f"GRANT INSERT ON kjfh_history TO {role}")
            assert act(client, path, office.clerk, "accept-1", {}).status_code == 200
        database.engine.dispose()
        owner.execute(f"DROP OWNED BY {role}")
        owner.execute(f"DROP ROLE {role}")
    office.workflow.close()


def test_sessions_that_an_administrator_ends_cost_one_request(postgres_url: str, postgres_server: str) -> None:
    office = Bureau(postgres_url)
    database = Database.open(postgres_url)
    with service(database, office) as client:
        for _ in range(2):
            assert client.get("/ready").status_code == 200
            with psycopg.connect(postgres_server, autocommit=True) as connection:
                ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                connection.execute(ended, [database.engine.url.database])
            assert is_an_outage(client.get("/ready"))
            assert client.get("/ready").status_code == 200
    with pytest.raises(Unavailable):  # its own connection has been ended, too
        office.workflow.cases()
    assert office.workflow.cases() == []
    office.workflow.close()


def test_a_transaction_that_idles_too_long_for_the_server_is_an_outage(postgres_url: str) -> None:
    database = Database.open(f"{postgres_url}&options=-c%20idle_in_transaction_session_timeout%3D50ms")
    for opening in (database.acting, database.writing, database.reading):
        with pytest.raises(Unavailable):
            idle(opening)
    with database.acting() as tx:
        assert tx.fetch(_ONE) == (1,)
    database.engine.dispose()


def idle(opening: Callable[[], AbstractContextManager[Transaction]]) -> None:
    """Ask, think for too long, ask again."""
    with opening() as tx:
        tx.run(_ONE)
        time.sleep(0.3)
        tx.run(_ONE)


_OUTAGES = (
    "08006", "25006", "25P03", "25P04", "53000", "53100", "53200", "53300", "53400",
    "57014", "57P01", "57P02", "57P03", "57P05", "58030",
)  # fmt: skip


@pytest.mark.parametrize("code", _OUTAGES)
def test_what_says_that_the_server_cannot_is_an_outage(code: str, postgres_url: str) -> None:
    database = Database.open(postgres_url)
    answer = Prepared(text(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$"))
    for opening in (database.acting, database.writing):
        with pytest.raises(Unavailable), opening() as tx:
            tx.run(answer)
    with pytest.raises(Unavailable), database.reading() as tx:
        tx.connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$"))
    database.engine.dispose()


@pytest.mark.parametrize("code", ["40001", "40P01", "55P03"])
def test_what_somebody_else_holds_is_a_conflict(code: str, postgres_url: str) -> None:
    database = Database.open(postgres_url)
    with pytest.raises(Conflict), database.acting() as tx:
        tx.run(Prepared(text(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$")))
    database.engine.dispose()


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _plain(url: URL) -> str:
    return _text(url.set(drivername="postgresql"))


# ---- what has left, where the answer to the commit is lost -----------------------------------------------------------


def test_a_letter_whose_sending_is_written_down_in_doubt_is_told_once(postgres_url: str) -> None:
    near = Bureau(postgres_url)
    [notice] = queue(near)
    with wired(postgres_url) as wire:
        way = Way()
        way.answer = lambda _: wire.cut_the_next_commit()
        far = Workflow(_text(wire.url), states=packs(), clock=near.clock, channels=Ways(way))
        assert far.deliver().sent == 1
        far.close()
    assert wire.cuts == 1
    assert (way.asked, happened(near, notice)) == (1, ["routed", "sent"])
    near.workflow.close()


@pytest.mark.parametrize("permanent", [True, False])
def test_a_letter_that_failed_in_doubt_has_failed_once(postgres_url: str, permanent: bool) -> None:
    near = Bureau(postgres_url)
    [notice] = queue(near)
    with wired(postgres_url) as wire:

        def answer(_: Message) -> None:
            wire.cut_the_next_commit()
            raise DeliveryFailed("no", permanent=permanent)

        way = Way()
        way.answer = answer
        far = Workflow(_text(wire.url), states=packs(), clock=near.clock, channels=Ways(way))
        delivered = far.deliver()
        far.close()
    assert wire.cuts == 1
    assert (delivered.dead, delivered.failed) == ((1, 0) if permanent else (0, 1))
    assert happened(near, notice) == ["routed", "dead" if permanent else "failed"]
    [entry] = near.workflow.mail_room.entries()
    assert (entry.attempts, entry.error) == (1, "no")
    near.workflow.close()


def test_an_event_that_is_withheld_in_doubt_is_withheld_once(postgres_url: str) -> None:
    near = Bureau(postgres_url)
    near.submit()
    near.workflow.events.publish_all()
    with wired(postgres_url) as wire:
        far = Bureau(_text(wire.url))

        def handle(_: Happened) -> None:
            wire.cut_the_next_commit()
            raise DeliveryFailed("no")

        followed = far.workflow.events.follow("intranet", handle, start=0)
        far.workflow.close()
    assert wire.cuts == 1
    assert (followed.cursor, followed.handed, followed.failed) == (1, 0, 1)
    assert [one.withheld for one in near.workflow.events.followers()] == [1]
    near.workflow.close()
