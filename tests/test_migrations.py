"""The schema: what the migrations make is what the program expects, and nothing else is worked on."""

from __future__ import annotations

import uuid
from datetime import date
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import make_url, text

from kjfh_workflow import SchemaMismatch, Workflow, WorkflowError
from kjfh_workflow.store import migrate
from kjfh_workflow.store.database import Database
from kjfh_workflow.store.schema import metadata
from tests.bureau import Bureau


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


def test_on_postgresql_the_program_needs_no_rights_to_delete_or_to_own(postgres_url: str) -> None:
    owner = Database.open(postgres_url)
    name = f"kjfh_clerk_{uuid.uuid4().hex[:8]}"
    with owner.engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN"))
        connection.execute(text(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {name}"))
        connection.execute(text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}"))
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
