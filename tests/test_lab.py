"""Real processes killed at random instants: nothing lost, nothing doubled. The seed is printed."""

from __future__ import annotations

from collections.abc import Callable

from kjfh_workflow.lab.conduct import Conductor, Result
from kjfh_workflow.store import migrate
from kjfh_workflow.store.database import Database


def everything_holds(result: Result) -> None:
    print(f"seed {result.seed}: {result.kills} killed, {result.stops} stopped, {result.cases} cases")
    assert [claim for claim in result.claims if not claim.holds] == []
    assert result.cases > 50, "the office was busy meanwhile"


def test_four_copies_on_one_postgresql_are_killed_while_it_is_restarted(
    restartable_postgres: tuple[str, Callable[[], None]],
) -> None:
    url, restart = restartable_postgres
    conductor = Conductor(url, workers=4, kills=140, meanwhile=restart)
    print(f"seed {conductor.seed}")
    everything_holds(conductor.run())


def test_two_copies_on_one_sqlite_file_are_killed(sqlite_url: str) -> None:
    database = Database.open(sqlite_url)
    migrate.upgrade(database.engine)
    database.engine.dispose()
    conductor = Conductor(sqlite_url, workers=2, kills=60)
    print(f"seed {conductor.seed}")
    everything_holds(conductor.run())
