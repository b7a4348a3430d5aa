"""The service while its database is away: 503 and when to ask again, never 500, and no doubt about what happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import Request
from sqlalchemy import URL, create_engine, literal_column, select, text

from kjfh_workflow import Actor, Workflow
from kjfh_workflow.clock import FixedClock
from kjfh_workflow.errors import Conflict, Unavailable
from kjfh_workflow.store.database import Database, Transaction
from kjfh_workflow.store.prepared import Prepared
from kjfh_workflow.web.app import create_app
from kjfh_workflow.web.settings import Settings
from tests.api import NO_TLS, serving
from tests.bureau import MATERIALS, Bureau, facts, uscc
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
    workflow.close()


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
