"""What was decided cannot be changed without a trace: the database refuses, and where it is forced, verify tells."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError

from kjfh_workflow import Actor, Conflict, InputError
from kjfh_workflow.casework.proof.verify import verify_export
from kjfh_workflow.store.database import Database
from kjfh_workflow.store.schema import metadata
from tests.bureau import Bureau, uscc
from tests.office_with_everything import busy_office
from tests.test_run import eventually

#: A column of each append-only table that an honest program never touches again.
APPEND_ONLY = {
    "kjfh_history": "article",
    "kjfh_documents": "body",
    "kjfh_notices": "body",
    "kjfh_bans": "article",
    "kjfh_checkpoints": "hash",
    "kjfh_confirmations": "note",
    "kjfh_holiday_notices": "source",
    "kjfh_recounts": "at",
    "kjfh_letters": "sha256",
    "kjfh_delivery_log": "detail",
    "kjfh_services": "note",
    "kjfh_addresses": "address",
    "kjfh_ledger": "article",
    "kjfh_rounds": "titles",
    "kjfh_roster": "year",
    "kjfh_misconduct": "finding",
    "kjfh_named_firms": "digest",
    "kjfh_feed": "case_id",
    "kjfh_files": "media_type",
    "kjfh_file_parts": "body",
    "kjfh_attachments": "name",
}
#: Tables whose rows say how something stands: ``verify`` proves the first three, nothing is decided by the others.
CHANGING = {
    "kjfh_cases", "kjfh_organisations", "kjfh_numbers",
    "kjfh_timer_failures", "kjfh_outbox", "kjfh_deliveries", "kjfh_channels",
    "kjfh_unpublished", "kjfh_feed_head", "kjfh_followers", "kjfh_withheld",
}  # fmt: skip


LEDGER = (
    "case_id, version, award, city, uscc, kind, year, instalment, fen, status, article, detail, legal_on, noticed_at"
)


@pytest.fixture
def busy(database_url: str) -> Iterator[Bureau]:
    """An office with something in every table."""
    office = busy_office(database_url)
    yield office
    office.workflow.close()


def run(url: str, *statements: str) -> None:
    """SQL behind the program's back."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()


def force(url: str, statement: str) -> None:
    """The same by somebody who also removes the triggers, as the owner of a database can."""
    engine = create_engine(url)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET session_replication_role = replica"))
        else:
            names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            for name in names:
                connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_database_refuses_to_change_or_delete(busy: Bureau, database_url: str, table: str) -> None:
    for statement in (f"UPDATE {table} SET {APPEND_ONLY[table]} = {APPEND_ONLY[table]}", f"DELETE FROM {table}"):
        with pytest.raises(DatabaseError, match="append-only"):
            run(database_url, statement)
    assert busy.workflow.verify().holds


def test_no_table_is_left_to_trust(busy: Bureau, database_url: str) -> None:
    assert {*metadata.tables} == {*APPEND_ONLY, *CHANGING, "kjfh_timers"}
    engine = create_engine(database_url)
    with engine.connect() as connection:
        for table in APPEND_ONLY:
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar(), f"{table} is empty here"
    engine.dispose()


def test_an_alarm_leaves_armed_once_and_is_never_deleted(busy: Bureau, database_url: str) -> None:
    other = busy.submit(type="makerspace", who=Actor.of("n", "applicant", "yuyao", uscc=uscc(5))).case
    busy.act(other, "accept", busy.clerk)
    with pytest.raises(DatabaseError, match="one outcome"):
        run(database_url, "UPDATE kjfh_timers SET due = '2099-01-01' WHERE outcome = 'armed'")
    for statement in ("UPDATE kjfh_timers SET outcome = 'armed' WHERE outcome <> 'armed'", "DELETE FROM kjfh_timers"):
        with pytest.raises(DatabaseError, match="one outcome"):
            run(database_url, statement)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE kjfh_history SET actor = 'somebody else' WHERE version = 2", "row 2"),
        ("UPDATE kjfh_history SET effects = '{}' WHERE version = 3", "row 3"),
        ("UPDATE kjfh_history SET legal_on = '2021-02-02' WHERE version = 1", "row 1"),
        ("DELETE FROM kjfh_history WHERE version = 2", "row 3"),
        ("DELETE FROM kjfh_history WHERE position = (SELECT max(position) FROM kjfh_history)", "checkpoint 1"),
        ("UPDATE kjfh_cases SET state = 'applied' WHERE state = 'recognized'", "state"),
        ("UPDATE kjfh_cases SET memory = replace(memory, 'local', 'national')", "memory"),
        ("UPDATE kjfh_cases SET slot = NULL", "slot"),
        ("UPDATE kjfh_timers SET outcome = 'fired' WHERE outcome = 'cancelled'", "timer"),
        ("UPDATE kjfh_timers SET outcome = 'cancelled' WHERE outcome = 'armed'", "timer"),
        ("DELETE FROM kjfh_notices WHERE notice = 'recognition_granted'", "notices"),
        ("UPDATE kjfh_bans SET until = '2021-03-02'", "ban"),
        ("UPDATE kjfh_checkpoints SET hash = 'x'", "checkpoint 1"),
        ("UPDATE kjfh_documents SET body = replace(body, '6000', '9000')", "document"),
        ("UPDATE kjfh_notices SET body = 'Dear friend'", "notices"),
        ("UPDATE kjfh_notices SET uscc = NULL", "uscc"),
        ("UPDATE kjfh_notices SET title = '贺信'", "notices"),
        ("UPDATE kjfh_notices SET number = '余科孵〔2021〕99号' WHERE number = '余科孵〔2021〕1号'", "notices"),
        ("UPDATE kjfh_numbers SET last = 9", "document numbers"),
        ("DELETE FROM kjfh_numbers", "document numbers"),
        ("UPDATE kjfh_letters SET sha256 = 'x'", "letter"),
        ("UPDATE kjfh_timers SET due = '2099-01-01'", "due"),
        ("UPDATE kjfh_timers SET rings_at = '2099-01-01T00:00:00.000000+00:00'", "rings_at"),
        ("UPDATE kjfh_bans SET city = 'cixi'", "city"),
        (
            """INSERT INTO kjfh_bans (case_id, city, uscc, since, until, article)
            SELECT id, city, uscc, '2021-01-01', '2099-01-01', 'x' FROM kjfh_cases WHERE kind = 'incubator'""",
            "no history imposes it",
        ),
        ("UPDATE kjfh_cases SET kind = 'application'", "kind"),
        ("UPDATE kjfh_cases SET opened_on = '2020-01-01'", "opened_on"),
        ("UPDATE kjfh_organisations SET name = '别人'", "organisation"),
        ("DELETE FROM kjfh_documents", "not on file"),
        ("DELETE FROM kjfh_named_firms", "named firms"),
        ("UPDATE kjfh_cases SET parent = id WHERE kind = 'incubator'", "parent"),
        ("UPDATE kjfh_cases SET facts = NULL", "facts"),
        # ---- money
        ("UPDATE kjfh_ledger SET fen = fen + 1 WHERE status = 'paid'", "ledger 3 recognition/2021/1 fen"),
        ("UPDATE kjfh_ledger SET status = 'paid' WHERE award = 'recognition/2022/2'", "recognition/2022/2 status"),
        ("UPDATE kjfh_ledger SET year = 2020 WHERE award = 'annual/2021/0'", "annual/2021/0 year"),
        ("UPDATE kjfh_ledger SET article = '第十二条'", "article"),
        ("UPDATE kjfh_ledger SET detail = replace(detail, '2021-0301', '2021-0302')", "recognition/2021/1 detail"),
        ("UPDATE kjfh_ledger SET legal_on = '2021-02-28' WHERE status = 'paid'", "recognition/2021/1 legal_on"),
        ("UPDATE kjfh_ledger SET uscc = '91330281MA2B00001P'", "uscc"),
        ("DELETE FROM kjfh_ledger WHERE status = 'paid'", "ledger 3 recognition/2021/1"),
        (
            f"""INSERT INTO kjfh_ledger ({LEDGER})
            SELECT case_id, 2, award, city, uscc, kind, year, instalment, fen, 'paid', article, detail, legal_on,
            noticed_at FROM kjfh_ledger WHERE award = 'recognition/2023/3'""",
            "is on file, but no history implies it",
        ),
        (
            f"""INSERT INTO kjfh_ledger ({LEDGER})
            SELECT 'yuyao-210301-nobody', version, award, city, uscc, kind, year, instalment, fen, status, article,
            detail, legal_on, noticed_at FROM kjfh_ledger WHERE award = 'annual/2021/0'""",
            "yuyao-210301-nobody",
        ),
        ("UPDATE kjfh_cases SET memory = replace(memory, '180000.00', '280000.00')", "memory"),
        ("UPDATE kjfh_cases SET memory = replace(memory, '\"scheduled\"', '\"proposed\"')", "memory"),
        ('UPDATE kjfh_cases SET memory = replace(memory, \'"grade":"good"\', \'"grade":"excellent"\')', "memory"),
        # ---- rounds
        ("DELETE FROM kjfh_roster", "roster"),
        ("UPDATE kjfh_roster SET year = 2020", "roster"),
        ("UPDATE kjfh_roster SET city = 'cixi'", "roster"),
        ("INSERT INTO kjfh_roster (city, year, case_id) SELECT city, 2020, case_id FROM kjfh_roster", "roster"),
        (
            """INSERT INTO kjfh_roster (city, year, case_id)
            SELECT city, 2021, id FROM kjfh_cases WHERE city = 'cixi' AND kind = 'incubator'""",
            "roster",
        ),
        ("UPDATE kjfh_rounds SET members = 9 WHERE act = 'open_round'", "round yuyao 2021"),
        ("DELETE FROM kjfh_rounds WHERE act = 'close_round'", "round yuyao 2021"),
        ("DELETE FROM kjfh_rounds", "round yuyao 2021"),
    ],
)
def test_verify_names_what_does_not_hold(busy: Bureau, database_url: str, statement: str, named: str) -> None:
    assert busy.workflow.verify().holds
    force(database_url, statement)
    report = busy.workflow.verify()
    assert not report.holds
    assert any(named in str(problem) for problem in report.problems), report.problems


def test_an_export_is_proved_without_a_database(busy: Bureau, tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    with path.open("w", encoding="utf-8") as out:
        rows = busy.workflow.export(out)
    report = verify_export(path)
    assert report.holds
    assert (report.rows, report.checkpoints) == (rows, 1)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda lines: [lines[0], *lines[2:]], "row 2"),
        (lambda lines: [line.replace("all_met", "all_mat") for line in lines], "its content is not what was sealed"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "a row is missing or was put in"),
        (lambda lines: [*lines[:-2], lines[-1]], "checkpoint 1"),
    ],
)
def test_a_doctored_export_is_found_out(desk: Bureau, tmp_path: Path, change: object, named: str) -> None:
    desk.recognised()
    desk.workflow.checkpoint()
    out = io.StringIO()
    desk.workflow.export(out)
    path = tmp_path / "export.jsonl"
    assert callable(change)
    path.write_text("\n".join(change(out.getvalue().splitlines())), encoding="utf-8")
    report = verify_export(path)
    assert not report.holds
    assert any(named in str(problem) for problem in report.problems)


@pytest.mark.parametrize("content", ["", "{}", '{"format": "other"}', "[1]", "not json"])
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "export.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError):
        verify_export(path)


def test_an_unreadable_line_of_an_export_is_named(desk: Bureau, tmp_path: Path) -> None:
    desk.submit()
    out = io.StringIO()
    desk.workflow.export(out)
    path = tmp_path / "export.jsonl"
    path.write_text(out.getvalue() + json.dumps({"row": {}, "position": 9}) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 3"):
        verify_export(path)


def test_a_replaced_row_is_refused_too(busy: Bureau, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        for table in APPEND_ONLY:
            with pytest.raises(DatabaseError, match="append-only"):
                run(database_url, f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    else:
        for table in (*APPEND_ONLY, "kjfh_timers"):
            with pytest.raises(DatabaseError, match="append-only"):
                run(database_url, f"TRUNCATE {table} CASCADE")
    assert busy.workflow.verify().holds


def test_a_checkpoint_kept_elsewhere_must_be_on_file(desk: Bureau) -> None:
    desk.submit()
    made = desk.workflow.checkpoint()
    assert made is not None
    assert desk.workflow.verify(checkpoint=made.hash).holds
    assert not desk.workflow.verify(checkpoint="0" * 64).holds


def test_checkpoints_follow_each_other_and_seal_only_what_is_new(desk: Bureau) -> None:
    desk.recognised()
    first = desk.workflow.checkpoint()
    assert desk.workflow.checkpoint() is None
    desk.submit(type="makerspace")
    second = desk.workflow.checkpoint()
    assert first is not None
    assert second is not None
    assert (second.number, second.previous, second.row_count) == (2, first.hash, 1)
    assert desk.workflow.verify().checkpoints == 2


def waiting_for(watcher: psycopg.Connection[Any], table: str, number: int = 1) -> Callable[[], bool]:
    """Whether so many sessions wait for a lock on a table."""
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass"

    def holds() -> bool:
        row = watcher.execute(query, [table]).fetchone()
        return row is not None and row[0] == number

    return holds


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_a_checkpoint_covers_what_was_being_written_when_it_was_asked_for(postgres_url: str, ending: str) -> None:
    office, engine = Bureau(postgres_url), create_engine(postgres_url)
    case = office.submit().case
    with (
        ThreadPoolExecutor() as threads,
        psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as watcher,
        engine.connect() as host,
    ):
        office.workflow.perform(case, "accept", by=office.clerk, connection=host)
        other = office.submit(Actor.of("n", "applicant", "yuyao", name="企业", uscc=uscc(9))).case
        made = threads.submit(office.workflow.checkpoint)
        eventually(waiting_for(watcher, "kjfh_history"))
        getattr(host, ending)()
        sealed = made.result()
    assert sealed is not None
    assert sealed.row_count == (3 if ending == "commit" else 2)
    office.act(other, "accept", office.clerk)
    assert office.workflow.verify(checkpoint=sealed.hash).holds
    engine.dispose()
    office.workflow.close()


def test_nobody_waits_while_a_checkpoint_is_computed(postgres_url: str) -> None:
    office = Bureau(postgres_url)
    case = office.submit().case
    with (
        ThreadPoolExecutor() as threads,
        psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as watcher,
        psycopg.connect(postgres_url.replace("+psycopg", "")) as slow,
    ):
        slow.execute("LOCK TABLE kjfh_checkpoints IN ACCESS EXCLUSIVE MODE")
        made = threads.submit(office.workflow.checkpoint)
        eventually(waiting_for(watcher, "kjfh_checkpoints"))
        accepted = threads.submit(office.act, case, "accept", office.clerk)
        eventually(accepted.done)
        assert not made.done()
        slow.rollback()
        sealed = made.result()
    assert sealed is not None
    assert sealed.row_count == 1, "what came meanwhile is for the next one"
    assert office.workflow.verify(checkpoint=sealed.hash).holds
    later = office.workflow.checkpoint()
    assert later is not None
    assert (later.row_count, later.previous) == (1, sealed.hash)
    office.workflow.close()


def test_of_two_checkpoints_at_once_one_stands(postgres_url: str) -> None:
    office = Bureau(postgres_url)
    office.submit()
    with (
        ThreadPoolExecutor() as threads,
        psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as watcher,
        psycopg.connect(postgres_url.replace("+psycopg", "")) as somebody,
    ):
        somebody.execute("LOCK TABLE kjfh_checkpoints IN SHARE MODE")
        both = [threads.submit(office.workflow.checkpoint) for _ in range(2)]
        eventually(waiting_for(watcher, "kjfh_checkpoints", 2))
        somebody.rollback()
        made = [one.result() for one in both]
    assert sorted(one.number if one else 0 for one in made) == [0, 1]
    assert office.workflow.verify().holds
    office.workflow.close()


def test_a_checkpoint_does_not_let_everybody_wait_behind_somebody_who_writes_for_long(postgres_url: str) -> None:
    office = Bureau(postgres_url)
    case = office.submit().case
    engine = create_engine(postgres_url)
    with engine.connect() as host:
        office.workflow.perform(case, "accept", by=office.clerk, connection=host)
        with pytest.raises(Conflict):
            office.workflow.checkpoint()
        host.commit()
    assert office.workflow.checkpoint() is not None
    engine.dispose()
    office.workflow.close()


def test_a_history_row_says_who_when_what_and_why(desk: Bureau) -> None:
    case = desk.submit().case
    desk.on(date(2021, 3, 2)).act(case, "accept", desk.clerk)
    row = desk.workflow.case(case).timeline[1]
    pack = desk.workflow.catalog.latest("yuyao")
    assert (row.actor, row.role, row.event, row.source, row.target) == (
        "clerk", "tech_clerk", "accept", "applied", "preliminary_review",
    )  # fmt: skip
    assert (row.legal_on, row.article) == (date(2021, 3, 2), "第九条")
    assert (row.policy, row.policy_digest) == ("yuyao/2020-01-01", pack.digest)
    assert row.previous == desk.workflow.case(case).timeline[0].hash


def test_the_evaluation_is_kept_with_the_decision_it_served(desk: Bureau) -> None:
    case = desk.passed()
    decided = desk.workflow.case(case).decided
    assert decided is not None
    assert {str(a.result) for a in decided.criteria} == {"met"}
    found = {a.id for a in decided.criteria if a.finding}
    assert "y5_1_direction" in found


def test_a_sqlite_file_keeps_what_a_closed_office_did(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path.as_posix()}/kjfh.db"
    first = Bureau(url)
    case = first.reviewed()
    first.workflow.close()
    second = Bureau(url)
    assert second.state(case) == "preliminary_review"
    assert second.workflow.verify().holds
    second.workflow.close()
    Database.open(url).engine.dispose()
