"""The SQL that this program speaks: a whole life is listened to on the server, and everything in it must be on the list
of ``docs/operations.md``, so that whoever tries another database of the family knows what it has to understand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text

from kjfh_workflow import Actor, Workflow
from kjfh_workflow.casework.opening import load_catalog
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.scenario.play import play
from kjfh_workflow.scenario.read import read_scenario
from kjfh_workflow.scenario.words import Vocabulary
from kjfh_workflow.store import migrate
from kjfh_workflow.store.database import Database
from kjfh_workflow.store.schema import metadata
from tests.bureau import YUYAO_USCC
from tests.post import ADMIN, Way, Ways

SCENARIOS = Path(__file__).parent / "scenarios"
#: What is played: one of each city, with rounds and money.
_LIVES = ("cixi/promotion", "years/l24_tenancy")
DOCS = Path(__file__).parent.parent / "docs" / "operations.md"
_TOKEN = re.compile(
    r"""
      (?P<text>'(?:[^']|'')*')
    | (?P<dollar>\$\$.*?\$\$)
    | (?P<place>\$\d+)
    | (?P<cast>::\s*[A-Za-z_]+)
    | (?P<number>\d+)
    | (?P<quoted>"[^"]+")
    | (?P<call>[A-Za-z_][A-Za-z_0-9.]*\s*\()
    | (?P<word>[A-Za-z_][A-Za-z_0-9]*)
    | (?P<sign>[<>=!|~@#&^%*/+-]+)
    | (?P<rest>[(),.;\s])
    """,
    re.VERBOSE | re.DOTALL,
)
_NAMES = {
    *metadata.tables,
    *(column.name for table in metadata.tables.values() for column in table.columns),
    *(index.name for table in metadata.tables.values() for index in table.indexes),
    *(str(part.name) for table in metadata.tables.values() for part in table.constraints),
}


def listed() -> dict[str, set[str]]:
    """The list in the documentation: kind of word → the words."""
    block = re.search(r"```sql-subset\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert block, "docs/operations.md has no list"
    lines = (line.partition(":") for line in re.sub(r"\n\s+", " ", block[1]).splitlines() if line)
    return {kind: {*words.split()} for kind, _, words in lines}


@pytest.fixture
def heard(postgres_server: str) -> Iterator[tuple[str, Path, int]]:
    """An empty database whose server writes down every statement: URL, the server's log, and where it stands now."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE kjfh_heard")
        connection.execute("ALTER DATABASE kjfh_heard SET log_statement = 'all'")
        row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        log = Path(row[0]) / "log"
        url = make_url(postgres_server).set(database="kjfh_heard")
        yield url.render_as_string(hide_password=False), log, log.stat().st_size
        connection.execute("DROP DATABASE kjfh_heard WITH (FORCE)")
        connection.execute("DROP ROLE IF EXISTS kjfh_program")


def statements(log: Path, begin: int) -> set[str]:
    """What the server has been told since."""
    with log.open(encoding="utf-8") as lines:
        lines.seek(begin)
        entries = re.split(r"\n(?=\d{4}-\d\d-\d\d )", lines.read())
    found = (re.search(r"LOG:  (?:statement|execute [^:]+): (.*)", entry, re.DOTALL) for entry in entries)
    return {match[1].replace("\n\t", "\n").strip() for match in found if match}


def strange(sql: str, allowed: dict[str, set[str]]) -> set[str]:
    """What a statement has that is not on the list; names of tables, columns and aliases do not count."""
    found: set[str] = set()
    words = allowed["words"] | allowed["driver"]
    names = _NAMES | {name.lower() for name in re.findall(r"\bAS\s+(\w+)", sql, re.IGNORECASE)}
    for match in _TOKEN.finditer(sql):
        kind, said = str(match.lastgroup), match[0].rstrip("( \n\t").lower()
        is_name = said in names or said.startswith(("kjfh_", "anon_", "sa_savepoint_", "version_num"))
        if kind == "cast" and said.lstrip(": ") not in allowed["types"] | allowed["driver"]:
            found.add(said)
        if kind == "sign" and said not in allowed["signs"]:
            found.add(said)
        if kind == "word" and not is_name and said not in words:
            found.add(said)
        if kind == "call" and not is_name and said not in words | allowed["functions"]:
            found.add(f"{said}()")
    return found


def live(url: str) -> None:
    """A little of everything: schema, acts, deadlines, letters, a round, money, lists, books, proofs, the feed."""
    catalog = load_catalog()
    vocabulary = Vocabulary.of(catalog)
    for name in _LIVES:
        scenario = read_scenario(SCENARIOS / f"{name}.toml", vocabulary)
        assert all(played.held for played in play(scenario, url, states=catalog))
    clock = FixedClock(office_hour(date(2024, 3, 1)))
    workflow = Workflow(url, clock=clock, states=catalog, channels=Ways(Way(per_minute=600)))
    workflow.announce_holidays("国办", by=ADMIN, rest=[date(2024, 5, 9)])
    workflow.mail_room.set_address("yuyao", "tech_clerk", "email", "a@b.cn", by=ADMIN)
    workflow.tick()
    workflow.deliver()
    workflow.events.follow("intranet", lambda _: None, start=0)
    workflow.checkpoint()
    clerk = Actor.of("clerk", "tech_clerk", "yuyao")
    for reader in (
        clerk,
        Actor.of("auditor", "auditor", "yuyao"),
        Actor.of("op", "applicant", "yuyao", uscc=YUYAO_USCC),
    ):
        _read_everything(workflow, reader)
    assert workflow.verify().holds
    workflow.close()


def _read_everything(workflow: Workflow, reader: Actor) -> None:
    books, room = workflow.books, workflow.mail_room
    for case in workflow.cases(reader=reader)[:5]:
        workflow.dossier(case["id"], reader=reader)
        workflow.allowed_events(case["id"], by=reader)
        books.case_as_of(case["id"], known=date(2023, 1, 1))
    for notice in room.notices(reader=reader)[:3]:
        room.letter(notice["id"], reader=reader)
    for table in (
        books.register,
        books.ended,
        books.bans,
        books.misconduct_table,
        books.overdue,
        workflow.ledger.table,
    ):
        table("", reader=reader)
    for read in (workflow.docket, room.entries, room.inbox, workflow.first_screen, workflow.events.since):
        read(reader=reader)
    workflow.figures()
    workflow.failing()
    workflow.holiday_notices()
    workflow.rounds.history()


def as_the_program(url: str) -> str:
    """The schema, made by its owner, and the URL of the role that the documentation gives to the program."""
    owner = Database.open(url)
    migrate.upgrade(owner.engine)
    grants = re.search(r"```sql\n(CREATE ROLE kjfh_program.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert grants, "docs/operations.md has no grants"
    with owner.engine.begin() as connection:
        connection.execute(text(grants[1]))
    owner.engine.dispose()
    return owner.engine.url.set(username="kjfh_program").render_as_string(hide_password=False)


def test_everything_that_is_said_to_the_server_is_on_the_list_and_within_the_programs_rights(
    heard: tuple[str, Path, int],
) -> None:
    url, log, begin = heard
    live(as_the_program(url))
    said = statements(log, begin)
    assert len(said) > 200
    allowed = listed()
    granting = {sql for sql in said if sql.startswith("CREATE ROLE")}
    wrong = {sql: words for sql in said - granting if (words := strange(sql, allowed))}
    assert not wrong, "\n".join(f"{sorted(words)}: {sql[:300]}" for sql, words in wrong.items())


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT id FROM kjfh_cases WHERE memory::jsonb ->> 'a' = 'b'", {"::jsonb", "->>"}),
        ("INSERT INTO kjfh_numbers VALUES (1) ON CONFLICT DO NOTHING", {"conflict", "do", "nothing"}),
        ("SELECT string_agg(name, ',') FROM kjfh_cases WHERE name ILIKE 'a'", {"string_agg()", "ilike"}),
        ("SELECT pg_advisory_xact_lock(1)", {"pg_advisory_xact_lock()"}),
        (
            "SELECT cases.id AS case_1 FROM kjfh_cases AS cases WHERE cases.id = $1::VARCHAR FOR UPDATE SKIP LOCKED",
            set(),
        ),
    ],
)
def test_what_is_not_on_the_list_is_found(sql: str, found: set[str]) -> None:
    assert strange(sql, listed()) == found
