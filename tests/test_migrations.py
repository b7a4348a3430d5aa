"""The schema: what the migrations make is what the program expects, and nothing else is worked on."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Boolean, Connection, inspect, make_url, text

from kjfh_workflow import Actor, Conflict, Refused, SchemaMismatch, Workflow, WorkflowError
from kjfh_workflow.store import migrate, rights
from kjfh_workflow.store.cases import Filter
from kjfh_workflow.store.database import Database
from kjfh_workflow.store.schema import metadata
from tests.bureau import CIXI_USCC, MATERIALS, YUYAO_USCC, Bureau, facts, uscc
from tests.test_restore import _run as run_tool

#: What the owner of the tables gives to the program.
_DOCS = Path(__file__).parent.parent / "docs" / "operations.md"
#: Every row of an office of release 0.2.0 on 2021-03-19, in the order of its foreign keys: two titles of Yuyao, one of
#: them about to be lost, one of Cixi, an operator that is barred, an application that waits for its correction.
RELEASE_2 = Path(__file__).parent / "schema_0002.jsonl"


def test_the_migrations_make_exactly_the_tables_of_the_program(database_url: str) -> None:
    database = Database.open(database_url)
    migrate.upgrade(database.engine)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "version_table": migrate.VERSION_TABLE}
        )
        assert compare_metadata(context, metadata) == []
    database.engine.dispose()


def test_upgrading_twice_changes_nothing(sqlite_url: str) -> None:
    database = Database.open(sqlite_url)
    assert migrate.upgrade(database.engine) == migrate.newest()
    assert migrate.upgrade(database.engine) == migrate.newest()
    migrate.check(database.engine)
    database.engine.dispose()


def test_a_missing_file_is_refused_and_not_created(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaMismatch, match="there is no database file"):
        Workflow(sqlite_url)
    assert not list(tmp_path.iterdir())


def test_an_empty_database_is_refused_with_what_to_do(sqlite_url: str) -> None:
    Path(make_url(sqlite_url).database or "").touch()
    with pytest.raises(SchemaMismatch, match="kjfh db upgrade"):
        Workflow(sqlite_url)


@pytest.mark.parametrize(("found", "advice"), [("0000", "back it up"), ("9999", "install the newer kjfh-workflow")])
def test_an_older_or_newer_schema_is_refused_with_what_to_do(database_url: str, found: str, advice: str) -> None:
    database = Database.open(database_url)
    migrate.upgrade(database.engine)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE kjfh_alembic_version SET version_num = :found"), {"found": found})
    with pytest.raises(SchemaMismatch, match=advice):
        Workflow(database_url)
    if found == "9999":
        with pytest.raises(SchemaMismatch, match="never downgraded"):
            migrate.upgrade(database.engine)
    database.engine.dispose()


@pytest.mark.parametrize("url", ["nonsense", "oracle+nothing://host/db", "mysql://host/db", "postgresql+nothing://h/d"])
def test_a_url_that_is_none_is_one_clear_error(url: str) -> None:
    with pytest.raises(WorkflowError, match=r"database URL|driver|sqlite or postgresql"):
        Database.open(url)


def test_on_postgresql_the_program_deletes_from_its_queues_only_owns_nothing_and_can_be_dumped(
    postgres_url: str, tmp_path: Path
) -> None:
    owner = Database.open(postgres_url)
    name = f"kjfh_clerk_{uuid.uuid4().hex[:8]}"
    grants = re.search(r"```sql\n(CREATE ROLE kjfh_program.*?)```", _DOCS.read_text("utf-8"), re.DOTALL)
    assert grants, "docs/operations.md has no grants"
    with owner.engine.begin() as connection:
        connection.execute(text(grants[1].replace("kjfh_program", name)))
    url = make_url(postgres_url).set(username=name, drivername="postgresql").render_as_string(hide_password=False)
    run_tool("pg_dump", "-Fc", "-f", str(tmp_path / "kjfh.dump"), url)
    clerk = Database.open(make_url(postgres_url).set(username=name).render_as_string(hide_password=False))
    rights.check(clerk.engine)
    clerk.engine.dispose()
    office = Bureau(make_url(postgres_url).set(username=name).render_as_string(hide_password=False), create=False)
    case = office.reviewed()
    office.act(case, "return_for_correction", office.clerk, missing=["证明"])
    office.on(date(2021, 6, 1)).workflow.tick()
    assert office.state(case) == "lapsed"
    assert office.workflow.checkpoint() is not None
    assert office.workflow.verify().holds
    office.workflow.close()
    with owner.engine.begin() as connection:
        connection.execute(text(f"DROP OWNED BY {name}"))
        connection.execute(text(f"DROP ROLE {name}"))
    owner.engine.dispose()


def test_a_forgotten_grant_is_told_with_the_words_that_mend_it(postgres_url: str) -> None:
    owner = Database.open(postgres_url)
    name = f"kjfh_clerk_{uuid.uuid4().hex[:8]}"
    with owner.engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN IN ROLE pg_read_all_data"))
    clerk = Database.open(make_url(postgres_url).set(username=name).render_as_string(hide_password=False))
    with pytest.raises(SchemaMismatch, match=rf"GRANT DELETE ON kjfh_unpublished, .* TO {name}") as found:
        rights.check(clerk.engine)
    grants = str(found.value).partition("run: ")[2]
    assert "GRANT SELECT" not in grants, "it reads everything"
    with owner.engine.begin() as connection:
        connection.execute(text(grants))
    rights.check(clerk.engine)
    clerk.engine.dispose()
    with owner.engine.begin() as connection:
        connection.execute(text(f"DROP OWNED BY {name}"))
        connection.execute(text(f"DROP ROLE {name}"))
    owner.engine.dispose()


# ---- from the second release on --------------------------------------------------------------------------------------


@pytest.fixture
def unborn_postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty database without any schema, dropped afterwards."""
    name = f"kjfh_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield (
        make_url(postgres_server)
        .set(drivername="postgresql+psycopg", database=name)
        .render_as_string(hide_password=False)
    )
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "unborn_postgres"])
def release_2_url(request: pytest.FixtureRequest) -> str:
    """The database that release 0.2.0 left behind, of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    database = Database.open(url)
    with database.engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    with database.engine.begin() as connection:
        for line in RELEASE_2.read_text("utf-8").splitlines():
            found = json.loads(line)
            _insert(connection, found["table"], found["row"])
        _count_on(connection)
    database.engine.dispose()
    return url


def _insert(connection: Connection, table: str, row: dict[str, Any]) -> None:
    columns = {column["name"]: column["type"] for column in inspect(connection).get_columns(table)}
    given = {name: bool(value) if isinstance(columns[name], Boolean) else value for name, value in row.items()}
    names, places = ", ".join(given), ", ".join(f":{name}" for name in given)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), given)


def _count_on(connection: Connection) -> None:
    """PostgreSQL's row numbers go on behind those that were brought along."""
    if connection.dialect.name != "postgresql":
        return
    query = text(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND pg_get_serial_sequence(table_name, column_name) IS NOT NULL"
    )
    for table, column in connection.execute(query).all():
        connection.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), "
                f"(SELECT coalesce(max({column}), 0) + 1 FROM {table}), false)"
            )
        )


@pytest.fixture
def upgraded(release_2_url: str) -> Iterator[Bureau]:
    """Its office after the upgrade, on the day it was left."""
    database = Database.open(release_2_url)
    assert migrate.upgrade(database.engine) == migrate.newest()
    database.engine.dispose()
    office = Bureau(release_2_url, date(2021, 3, 19), create=False)
    yield office
    office.workflow.close()


def title_of(office: Bureau, code: str) -> str:
    """The incubator of an operator."""
    [row] = [row for row in office.workflow.cases(Filter(uscc=code)) if row["kind"] == "incubator"]
    return str(row["id"])


def test_an_upgrade_waits_for_whoever_holds_a_table_only_for_a_time_and_then_changes_nothing(
    unborn_postgres_url: str,
) -> None:
    hurried = make_url(unborn_postgres_url).update_query_dict({"options": "-c lock_timeout=100ms"})
    database = Database.open(hurried.render_as_string(hide_password=False))
    with database.engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    with psycopg.connect(unborn_postgres_url.replace("+psycopg", "")) as somebody:
        somebody.execute("LOCK TABLE kjfh_cases, kjfh_history IN SHARE MODE")
        with pytest.raises(Conflict, match="has not let go in time"):
            migrate.upgrade(database.engine)
        assert migrate.current(database.engine) == "0002"
    assert migrate.upgrade(database.engine) == migrate.newest()
    database.engine.dispose()


def test_a_database_of_the_second_release_is_not_worked_on_before_its_upgrade(release_2_url: str) -> None:
    with pytest.raises(SchemaMismatch, match="at schema 0002, this program needs 0004: back it up, then run"):
        Workflow(release_2_url)


def test_what_the_second_release_wrote_is_proved_under_the_new_schema(upgraded: Bureau, release_2_url: str) -> None:
    report = upgraded.workflow.verify()
    assert (report.problems, report.rows, report.cases, report.checkpoints) == ([], 24, 8, 1)
    database = Database.open(release_2_url)
    with database.engine.connect() as connection:
        options = {"compare_type": True, "version_table": migrate.VERSION_TABLE}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
        for table in ("kjfh_ledger", "kjfh_rounds", "kjfh_roster", "kjfh_misconduct"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0, table
    database.engine.dispose()
    assert upgraded.workflow.ledger.table().rows == [], "nothing is granted in retrospect"


def test_titles_of_the_second_release_are_in_the_register_with_the_day_they_were_granted(upgraded: Bureau) -> None:
    rows = {row["uscc"]: row for row in upgraded.workflow.books.register().rows}
    assert {*rows} == {YUYAO_USCC, uscc(2), CIXI_USCC}
    for row in rows.values():
        assert row["recognised_on"] == date(2021, 3, 1)
        assert row["level"] == "local"


def test_deadlines_of_the_second_release_fall_due_under_the_new_schema(upgraded: Bureau) -> None:
    lost, waiting = title_of(upgraded, uscc(2)), upgraded.workflow.cases(Filter(uscc=uscc(4)))[0]["id"]
    operator = Actor.of("op4", "applicant", "yuyao", uscc=uscc(4))
    assert upgraded.on(date(2021, 3, 29)).act(waiting, "resubmit", operator).state == "preliminary_review"
    due = {clock.timer: clock.due for clock in upgraded.workflow.docket(days=90).items if clock.case == waiting}
    assert due == {"review_due": date(2021, 4, 22)}, "three of the twenty days were used when it was returned"
    upgraded.workflow.tick()
    assert upgraded.state(lost) == "revoked"
    assert upgraded.workflow.banned_until(uscc(3), "yuyao") == date(2023, 3, 1)
    assert upgraded.workflow.verify().holds


def test_a_title_of_the_second_release_gets_rounds_grades_and_awards(upgraded: Bureau) -> None:
    title = title_of(upgraded, YUYAO_USCC)
    upgraded.on(date(2021, 11, 1)).workflow.tick()
    opened = upgraded.workflow.rounds.open("yuyao", 2021, by=upgraded.lead)
    assert (opened.members, sum(opened.titles.values())) == (1, 1), "the other one is lost by then"
    upgraded.act(title, "propose_grade", upgraded.clerk, grade="good")
    upgraded.on(date(2021, 12, 20)).workflow.rounds.close("yuyao", 2021, by=upgraded.lead)
    [award] = upgraded.workflow.ledger.table().rows
    assert (award["award"], award["status"]) == ("annual/2021/0", "held"), "2021 is the year of its recognition"
    upgraded.on(date(2022, 3, 1))
    recommended = upgraded.workflow.open_case(
        "promotion", "recommend", by=upgraded.lead, evidence={"to_level": "ningbo"}, parent=title
    )
    above = {"level": "ningbo", "decided_on": date(2022, 2, 28), "document_no": "甬科高〔2022〕1号"}
    upgraded.act(recommended.case, "record_recognition", upgraded.clerk, **above)
    assert upgraded.state(title) == "promoted"
    for year in (2022, 2023):
        upgraded.on(date(year, 11, 1)).workflow.rounds.open("yuyao", year, by=upgraded.lead)
        upgraded.act(title, "propose_grade", upgraded.clerk, grade="unqualified")
        upgraded.on(date(year, 12, 20)).workflow.rounds.close("yuyao", year, by=upgraded.lead)
    assert upgraded.state(title) == "revocation_proposed"
    assert upgraded.workflow.verify().holds


def test_a_title_of_cixi_s_second_release_is_assessed_from_the_next_year_on(upgraded: Bureau) -> None:
    title = title_of(upgraded, CIXI_USCC)
    clerk, lead = Actor.of("zhou", "tech_clerk", "cixi"), Actor.of("wu", "tech_lead", "cixi")
    assert upgraded.on(date(2021, 11, 1)).workflow.rounds.open("cixi", 2021, by=lead).members == 0
    assert upgraded.on(date(2022, 11, 1)).workflow.rounds.open("cixi", 2022, by=lead).members == 1
    upgraded.act(title, "propose_grade", clerk, grade="unqualified", rectify_by=date(2023, 3, 31))
    upgraded.on(date(2022, 12, 20)).workflow.rounds.close("cixi", 2022, by=lead)
    upgraded.on(date(2023, 4, 3)).workflow.tick()
    assert upgraded.state(title) == "recheck"
    upgraded.act(title, "pass_recheck", clerk, finding="整改到位")
    assert upgraded.workflow.ledger.table().rows == [], "its award was paid by another book"
    assert upgraded.workflow.verify().holds


def test_changes_tenants_and_applications_go_on_beside_what_the_second_release_left(upgraded: Bureau) -> None:
    title = title_of(upgraded, YUYAO_USCC)
    moved = {"what": ["area"], "occurred_on": date(2021, 3, 10), "override": {"premises.area_m2": 5500}}
    change = upgraded.workflow.open_case(
        "change", "report_change", by=upgraded.operator, evidence=moved, parent=title
    ).case
    visit = {"on": date(2021, 3, 19), "visitors": ["王", "李"], "finding": "符合"}
    upgraded.act(change, "confirm_conforming", upgraded.clerk, site_visit=visit)
    seen = upgraded.workflow.case(title).facts
    assert seen
    assert seen.premises.area_m2 == 5500
    again = {"type": "incubator", "facts": facts(), "materials": MATERIALS["yuyao"]}
    with pytest.raises(Refused, match="already_recognised"):
        upgraded.workflow.open_case("application", "submit", by=upgraded.operator, evidence=again)
    assert upgraded.workflow.verify().holds
