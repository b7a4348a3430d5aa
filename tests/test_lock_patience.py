"""Who waits for somebody else is told in time, in words of ours; and what the database refuses is called what it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import create_engine, insert, make_url, update
from sqlalchemy import exc as sql_errors

from kjfh_workflow import Actor, Conflict, Outcome
from kjfh_workflow.casework.trying_again import again
from kjfh_workflow.errors import Crossed
from kjfh_workflow.store import cases, schema
from kjfh_workflow.store.database import Clash, Database, Transaction
from kjfh_workflow.store.prepared import Prepared
from kjfh_workflow.web.problems import problem_of
from tests.bureau import Bureau, uscc


def saying(url: str, options: str) -> str:
    """The URL with options of its own."""
    return make_url(url).update_query_dict({"options": options}).render_as_string(hide_password=False)


def setting(database: Database, name: str) -> str:
    """A setting of the program's sessions."""
    with database.reading() as tx:
        return str(tx.connection.exec_driver_sql(f"SHOW {name}").scalar_one())


@pytest.fixture
def opened() -> Iterator[Callable[[str], Database]]:
    """Opens databases, and closes them at the end."""
    found: list[Database] = []

    def open_one(url: str) -> Database:
        found.append(Database.open(url))
        return found[-1]

    yield open_one
    for database in found:
        database.engine.dispose()


# ---- how long is waited ----------------------------------------------------------------------------------------------


def test_a_session_of_the_program_waits_for_a_lock_as_long_as_sqlite_does(
    postgres_url: str, opened: Callable[[str], Database]
) -> None:
    assert setting(opened(postgres_url), "lock_timeout") == "30s"


def test_options_of_the_url_are_kept_and_come_first(postgres_url: str, opened: Callable[[str], Database]) -> None:
    other = opened(saying(postgres_url, "-c statement_timeout=77s"))
    assert (setting(other, "lock_timeout"), setting(other, "statement_timeout")) == ("30s", "77s")
    assert setting(opened(saying(postgres_url, "-c lock_timeout=5s")), "lock_timeout") == "5s"


def test_options_of_the_environment_are_kept(
    postgres_url: str, opened: Callable[[str], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=66s")
    database = opened(postgres_url)
    assert (setting(database, "lock_timeout"), setting(database, "statement_timeout")) == ("30s", "66s")


def test_a_hosts_own_engine_is_left_as_it_is(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    assert setting(Database(engine), "lock_timeout") == "0"
    engine.dispose()


def test_an_act_beside_a_hosts_lock_is_a_conflict_when_its_patience_ends(postgres_url: str) -> None:
    office, host = Bureau(saying(postgres_url, "-c lock_timeout=200ms")), create_engine(postgres_url)
    case = office.reviewed()
    with host.connect() as connection:
        office.workflow.perform(
            case, "return_for_correction", by=office.clerk, evidence={"missing": ["证明"]}, connection=connection
        )
        acts: tuple[Callable[[], Outcome], ...] = (
            lambda: office.act(case, "withdraw", office.operator),
            lambda: office.workflow.preview(case, "withdraw", by=office.operator),
        )
        for act in acts:
            with pytest.raises(Conflict, match="has not let go in time") as caught:
                act()
            assert "lock timeout" not in str(caught.value), "what the driver says is no client's business"
            assert caught.value.__cause__ is not None
        assert office.workflow.dossier(case, reader=office.clerk).case.state == "preliminary_review"
        connection.commit()
    assert office.state(case) == "correction"
    office.workflow.close()
    host.dispose()


# ---- two that wait for each other ------------------------------------------------------------------------------------


@pytest.fixture
def two_cases(postgres_url: str) -> Iterator[tuple[Database, str, str]]:
    """A database whose sessions find out at once that they wait for each other, and two cases."""
    office = Bureau(saying(postgres_url, "-c deadlock_timeout=50ms"))
    second = office.submit(type="makerspace", who=Actor.of("n", "applicant", "yuyao", uscc=uscc(9))).case
    yield office.workflow._database, office.submit().case, second
    office.workflow.close()


@contextmanager
def somebody_patient(url: str, held: str, wanted: str) -> Iterator[Callable[[], None]]:
    """Who holds one case, and the call after which they wait for another one, for as long as it takes."""
    plain = url.replace("+psycopg", "")
    statement = "SELECT id FROM kjfh_cases WHERE id = %s FOR UPDATE"
    with psycopg.connect(plain, options="-c deadlock_timeout=1h") as somebody:
        somebody.execute(statement, [held])
        wanting = threading.Thread(target=somebody.execute, args=(statement, [wanted]))

        def want() -> None:
            wanting.start()
            with psycopg.connect(plain, autocommit=True) as watching:
                waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
                while watching.execute(waits, [somebody.info.backend_pid]).fetchone() == (0,):
                    pass

        def let_go() -> None:
            wanting.join()
            somebody.rollback()

        letting_go = threading.Thread(target=let_go)

        def want_and_let_go() -> None:
            want()
            letting_go.start()

        yield want_and_let_go
        letting_go.join()


def test_an_act_that_crosses_with_another_is_done_again(
    postgres_url: str, two_cases: tuple[Database, str, str]
) -> None:
    database, first, second = two_cases
    tries: list[str] = []
    with somebody_patient(postgres_url, second, first) as want:

        def both(tx: Transaction) -> None:
            tries.append("begun")
            cases.load(tx, first, lock=True)
            if len(tries) == 1:
                want()
            cases.load(tx, second, lock=True)
            tries.append("done")

        again(database.acting, both)
    *begun, done = tries
    assert begun == ["begun"] * len(begun)
    assert len(begun) > 1, "the first time it was in the way"
    assert done == "done"


def test_what_the_server_says_of_a_crossing_reaches_nobody_but_the_log(
    postgres_url: str, two_cases: tuple[Database, str, str], caplog: pytest.LogCaptureFixture
) -> None:
    database, first, second = two_cases
    with somebody_patient(postgres_url, second, first) as want, database.acting() as tx:
        cases.load(tx, first, lock=True)
        want()
        with pytest.raises(Crossed) as caught:
            cases.load(tx, second, lock=True)
    problem = problem_of(caught.value, "r-1")
    assert (problem.status, problem.type) == (409, "urn:kjfh:problem:crossed")
    assert problem.detail == problem.title
    assert "deadlock" not in problem.model_dump_json()
    assert "deadlock detected" in str(caught.value.__cause__)
    assert "deadlock detected" in caplog.text


# ---- what the database refuses ---------------------------------------------------------------------------------------


def test_only_a_row_that_is_there_already_is_somebody_elses_doing(bureau: Bureau) -> None:
    case, database = bureau.reviewed(), bureau.workflow._database
    notice = bureau.workflow.case(case).notices[0]["id"]
    queued = {"notice_id": notice, "next_at": bureau.clock.now(), "routed_at": None, "problem": None}
    outbox = Prepared(insert(schema.outbox))
    document = {"digest": "d" * 64, "body": "{}"}
    mistakes: dict[str, Callable[[Transaction], object]] = {
        "nobody may change it": lambda tx: tx.run(Prepared(update(schema.history).values(event="x"))),
        "a row that is not there": lambda tx: tx.run(outbox, **{**queued, "notice_id": "nowhere"}),
        "a value that is missing": lambda tx: tx.run(Prepared(insert(schema.documents)), **{**document, "body": None}),
    }
    for what, act in mistakes.items():
        tries: list[str] = []

        def once(tx: Transaction, act: Callable[[Transaction], object] = act, tries: list[str] = tries) -> None:
            tries.append("tried")
            act(tx)

        with pytest.raises(sql_errors.DBAPIError) as caught:
            again(database.acting, once)
        assert tries == ["tried"], f"{what}: trying again does not help"
        assert problem_of(caught.value, "r-1").status == 500, what
    tries = []

    def twice(tx: Transaction) -> None:
        tries.append("tried")
        tx.run(Prepared(insert(schema.documents)), **document)
        tx.run(Prepared(insert(schema.documents)), **document)

    with pytest.raises(Conflict) as beaten:
        again(database.acting, twice)
    assert len(tries) == 5
    assert "kjfh_documents" not in str(beaten.value), "in words of ours"
    with pytest.raises(Clash), database.writing() as tx:
        twice(tx)
