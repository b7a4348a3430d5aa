"""Every example of ``docs/embedding.md`` runs for real, and the page shows the files as they are."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import trustme
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from examples.embedding import client, fastapi_host, flask_host, plain_sqlalchemy, subscriber, users
from kjfh_workflow import Actor, GuardRefused, Workflow
from kjfh_workflow.intake.folder import read_folder
from kjfh_workflow.store import migrate
from kjfh_workflow.store.database import Database
from kjfh_workflow.web.app import create_app
from kjfh_workflow.web.identity import actor_of, authenticate
from kjfh_workflow.web.settings import Settings
from tests.api import serving, token, write_settings
from tests.bureau import Bureau

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "embedding"
PAGE = ROOT / "docs" / "embedding.md"
#: Long enough for the slowest machine; nothing is asserted about how long it took.
_PATIENCE = 60.0
_CORRECTION = {"missing": ["场地证明"]}


def submitted(url: str) -> str:
    """An application that has been handed in today; the schema is made where there is none."""
    workflow = Workflow(url, create=True)
    application = read_folder(plain_sqlalchemy.APPLICATION).evidence
    case = workflow.open_case("application", "submit", by=plain_sqlalchemy.OPERATOR, evidence=application).case
    workflow.close()
    return case


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.1)


@contextmanager
def started(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Python on the repository, ended with the block."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def hear(process: subprocess.Popen[str], words: str) -> None:
    """Wait until it says so: whoever is told to stop before that has not learnt yet how to."""
    assert process.stderr is not None
    assert any(words in line for line in process.stderr), f"it never said {words!r}"


def ran(script: str, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """What a script left behind: how it ended, and what it said."""
    with started("-c", script, *arguments, **variables) as process:
        out, err = process.communicate(timeout=_PATIENCE)
        return process.returncode, out, err


# ---- one transaction for two -----------------------------------------------------------------------------------------


def test_the_hosts_rows_and_an_act_are_one_transaction(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    plain_sqlalchemy.main(database_url)
    rolled_back, committed, refused, kept = capsys.readouterr().out.splitlines()
    assert rolled_back == "rolled back: 0 rows, 0 cases"
    assert committed == "committed: 2 rows, 1 cases"
    assert refused.startswith("refused: 当前状态“科技局初审”不能“受理”")
    assert kept == "still there: 3 rows; the case is at preliminary_review"


def test_whoever_has_two_logins_is_one_pair_of_eyes(desk: Bureau) -> None:
    groups = ("科技局/高新科/经办", "科技局/局领导", "食堂")
    person = users.User(1021, ("wang", "wang.jb@example.gov.cn"), "王经办", "余姚市", groups)
    case = desk.reviewed()
    desk.act(case, "pass_preliminary", users.actor_of(person), findings="all_met")
    with pytest.raises(GuardRefused, match="同一人不得再办理"):
        desk.act(case, "endorse", users.actor_of(person))


def test_whoever_has_no_part_in_the_cases_is_nobody() -> None:
    with pytest.raises(PermissionError):
        users.actor_of(users.User(9, ("cook",), "食堂师傅", "余姚市", ("食堂",)))


# ---- hosts -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def intranet(sqlite_url: str) -> Iterator[tuple[str, str]]:
    """The FastAPI host on a real port, with a person signed on; and a case."""
    case = submitted(sqlite_url)
    app = fastapi_host.intranet(sqlite_url)
    with app.state.sessions.begin() as session:
        session.add(fastapi_host.Person(number=1021, session="s3", name="王经办", role="tech_clerk", city="yuyao"))
    with serving(app) as url:
        yield url, case
    app.state.sessions.kw["bind"].dispose()


def diary(url: str) -> int:
    engine = create_engine(url)
    with Session(engine) as session:
        found = session.scalar(select(func.count()).select_from(fastapi_host.Diary)) or 0
    engine.dispose()
    return found


def test_of_many_who_accept_at_once_one_does_and_only_its_diary_is_kept(
    intranet: tuple[str, str], sqlite_url: str
) -> None:
    url, case = intranet

    def accept(_: int) -> httpx.Response:
        return httpx.post(f"{url}/inbox/{case}/accept", cookies={"session": "s3"}, trust_env=False, timeout=_PATIENCE)

    with ThreadPoolExecutor(6) as pool:
        answers = [*pool.map(accept, range(6))]
    assert sorted(answer.status_code for answer in answers) == [200, *[422] * 5]
    assert all("受理" in answer.json()["reasons"][0] for answer in answers if answer.status_code == 422)
    assert diary(sqlite_url) == 1


def test_fastapi_hosts_have_their_own_sign_on_and_the_whole_service_behind_it(intranet: tuple[str, str]) -> None:
    url, case = intranet
    with httpx.Client(base_url=url, trust_env=False) as stranger:
        assert stranger.post(f"/inbox/{case}/accept").status_code == 401
        assert stranger.get("/kjfh/v1/me").status_code == 401
    with httpx.Client(base_url=url, trust_env=False, cookies={"session": "s3"}) as clerk:
        assert clerk.post("/inbox/yuyao-000000-none/accept").status_code == 404
        assert clerk.get("/kjfh/v1/me").json()["id"] == "staff-1021"
        done = clerk.post(f"/kjfh/v1/cases/{case}/events/return_for_correction", json={"evidence": _CORRECTION})
        assert done.status_code == 200
        document = clerk.get("/kjfh/openapi.json").json()
        assert document["servers"] == [{"url": "/kjfh"}]


def test_a_flask_host_shows_acts_and_refuses_in_its_own_words(sqlite_url: str) -> None:
    case = submitted(sqlite_url)
    clerk = flask_host.intranet(sqlite_url).test_client()
    me, elsewhere = {"X-Staff": "1021"}, {"X-Staff": "3001"}
    assert clerk.get(f"/cases/{case}").status_code == 401
    assert clerk.get(f"/cases/{case}", headers=elsewhere).status_code == 404
    shown = clerk.get(f"/cases/{case}", headers=me).get_json()
    assert shown["version"] == 1
    assert "accept" in [button["event"] for button in shown["buttons"]]
    asked = {"version": 1, "request": "web-1"}
    first = clerk.post(f"/cases/{case}/accept", headers=me, json=asked)
    assert first.get_json() == {"state": "preliminary_review", "version": 2}
    assert clerk.post(f"/cases/{case}/accept", headers=me, json=asked).get_json() == first.get_json()
    assert clerk.post(f"/cases/{case}/accept", headers=me, json={"version": 1}).status_code == 409
    assert clerk.post(f"/cases/{case}/accept", headers=me, json={}).status_code == 422
    assert clerk.post(f"/cases/{case}/accept", headers=elsewhere, json={}).status_code == 422
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as file:
        assert file.execute("SELECT count(*) FROM desk_log").fetchone() == (2,), "what was refused left no row"


_FORKING = """
import os, sys
from examples.embedding.flask_host import intranet

url, case = sys.argv[1:]
asks = intranet(url).test_client()

def all_is_well():
    return all(asks.get(f"/cases/{case}", headers={"X-Staff": "1021"}).status_code == 200 for _ in range(20))

assert all_is_well()
children = []
for _ in range(3):
    child = os.fork()
    if not child:
        os._exit(0 if all_is_well() else 1)
    children.append(child)
assert all_is_well()
assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
assert all_is_well()
"""


def test_a_server_that_forks_keeps_its_connections_apart(postgres_url: str) -> None:
    case = submitted(postgres_url)
    code, _, err = ran(_FORKING, postgres_url, case)
    assert code == 0, err


# ---- Django: two commits, and death between them ---------------------------------------------------------------------

#: Three lives of one host, each a process of its own; what is on file after each of them.
_DJANGO = """
import json, os, signal, sqlite3, sys
from django.db import connection, transaction
from django.db.models.signals import pre_save
from django.test import Client
from examples.embedding import django_host as host

case = sys.argv[1]

def ask(event, body=None):
    headers = {"X-Staff": "1021"}
    return Client(SERVER_NAME="127.0.0.1").post(f"/cases/{case}/{event}", body, "application/json", headers=headers)

def die(**_):
    os.kill(os.getpid(), signal.SIGKILL)

def dies_when_django_has_committed_and_the_act_has_not_begun():
    with connection.schema_editor() as schema:
        schema.create_model(host.Task)
        schema.create_model(host.Intent)
    with transaction.atomic():
        transaction.on_commit(die)
        ask("accept")

def dies_when_the_act_is_committed_and_django_does_not_know():
    host.carry_out_what_is_left()
    pre_save.connect(lambda instance, **_: die() if instance.answer else None, host.Intent, weak=False)
    ask("return_for_correction", {"missing": ["x"]})

def lives():
    host.carry_out_what_is_left()
    host.carry_out_what_is_left()
    ask("accept")

def life(of):
    child = os.fork()
    if not child:
        of()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

for of in (
    dies_when_django_has_committed_and_the_act_has_not_begun,
    dies_when_the_act_is_committed_and_django_does_not_know,
    lives,
):
    ended, file = life(of), sqlite3.connect(host.FILE)
    answer = "coalesce(json_extract(answer, '$.state'), json_extract(answer, '$.refused'))"
    told = f"SELECT event, {answer} FROM intranet_intent ORDER BY promised_at"
    acts = "SELECT event FROM kjfh_history ORDER BY position"
    tasks = file.execute("SELECT count(*) FROM intranet_task").fetchone()[0]
    print(json.dumps([ended, tasks, file.execute(told).fetchall(), [row[0] for row in file.execute(acts)]]))
    file.close()
"""


def test_a_django_host_killed_between_the_two_commits_carries_on(tmp_path: Path) -> None:
    file = tmp_path / "intranet.sqlite3"
    case = submitted(f"sqlite:///{file.as_posix()}")
    code, out, err = ran(_DJANGO, case, INTRANET_FILE=str(file))
    assert code == 0, err
    before, after, alive = map(json.loads, out.splitlines())
    killed = -signal.SIGKILL
    assert before == [killed, 1, [["accept", None]], ["submit"]], "promised with the host's own row, and not done"
    assert after == [
        killed,
        2,
        [["accept", "preliminary_review"], ["return_for_correction", None]],
        ["submit", "accept", "return_for_correction"],
    ], "the first is carried on, the second done and not known"
    ended, tasks, told, acts = alive
    assert (ended, tasks, acts) == (0, 3, ["submit", "accept", "return_for_correction"]), "nothing twice"
    assert told[1] == ["return_for_correction", "correction"]
    assert "不能“受理”" in told[2][1], "what is refused is told, too"


# ---- time, letters, events -------------------------------------------------------------------------------------------


def test_a_scheduler_of_the_hosts_own_rings_and_delivers_and_kjfh_run_may_run_beside_it(
    sqlite_url: str, tmp_path: Path
) -> None:
    office = Bureau(sqlite_url)  # in 2021
    case = office.reviewed()
    office.act(case, "return_for_correction", office.clerk, missing=["证明"])
    (tmp_path / "letters").mkdir()
    channels = tmp_path / "channels.toml"
    channels.write_text(
        '[channel.papers]\nkind = "folder"\npath = "letters"\n[[route]]\nchannels = ["papers"]\n', "utf-8"
    )
    beside = ("-m", "kjfh_workflow.cli", "--db", sqlite_url, "--channels", str(channels), "run", "--sleep", "0.2")
    with (
        started(str(EXAMPLES / "own_scheduler.py"), sqlite_url, str(channels), "0.5") as own,
        started(*beside) as ours,
    ):
        hear(own, "Scheduler started")
        hear(ours, "running; stop with")
        eventually(lambda: office.state(case) == "lapsed" and len([*(tmp_path / "letters").iterdir()]) > 1)
        for process in (own, ours):
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=_PATIENCE)
            assert process.returncode == 0
    assert [row.target for row in office.workflow.case(case).timeline].count("lapsed") == 1
    assert office.workflow.verify().holds
    office.workflow.close()


def test_a_subscriber_takes_everything_once_and_what_comes_again_does_no_harm(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    office = Bureau(sqlite_url)
    case = office.reviewed()
    subscriber.main(sqlite_url, "2")
    office.act(case, "pass_preliminary", office.clerk, findings="all_met")
    subscriber.main(sqlite_url, "1")
    taken = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()]
    assert taken == ["2 events taken", "0 events taken", "1 events taken"]
    engine = create_engine(sqlite_url)
    enterprises = subscriber.Enterprises(engine)
    for happened in office.workflow.events.since(0).items:
        enterprises.handle(happened)
    with Session(engine) as session:
        [page] = session.scalars(select(subscriber.Enterprise))
        assert (page.case, page.version) == (case, 3)
        assert page.state == office.workflow.case(case).state_label
    engine.dispose()
    office.workflow.close()


def test_a_workflow_closes_what_it_has_opened_and_nothing_else(sqlite_url: str) -> None:
    # In memory, what is closed is gone.
    for mine in (Database.open("sqlite://"), create_engine("sqlite://", poolclass=StaticPool)):
        engine = mine.engine
        workflow = Workflow(mine, create=True)
        workflow.close()
        assert migrate.current(engine)
        engine.dispose()
        assert not migrate.current(engine)
        engine.dispose()
    workflow = Workflow(sqlite_url, create=True)
    pool = workflow._database.engine.pool
    assert workflow.cases() == []
    workflow.close()
    assert workflow._database.engine.pool is not pool, "a pool that has been given back"


# ---- from outside ----------------------------------------------------------------------------------------------------


@pytest.fixture
def service(sqlite_url: str, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """The service on a real port, a case, and a clerk's token signed by the intranet."""
    case = submitted(sqlite_url)
    workflow = Workflow(sqlite_url)
    believed = authenticate(Settings.load(write_settings(tmp_path)))
    with serving(create_app(workflow, believed)) as url:
        yield url, case, token(plain_sqlalchemy.CLERK)
    workflow.close()


def test_a_program_in_any_language_lists_shows_previews_acts_uploads_and_polls(
    service: tuple[str, str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    url, case, bearer = service
    monkeypatch.setenv("KJFH_TOKEN", bearer)
    client.main(url, "yuyao")
    printed = [line.split(" ") for line in capsys.readouterr().out.splitlines()]
    assert [(line[0], line[1]) for line in printed] == [("1", case), ("2", case)]
    note = tmp_path / "现场照片说明.txt"
    note.write_text("场地已核实", "utf-8")
    with client.signed_on(url, bearer) as http:
        bureau = client.Bureau(http)
        _, seen = bureau.case(case)
        assert seen == '"2"'
        assert bureau.upload(case, note)["name"] == note.name
        with pytest.raises(httpx.HTTPStatusError, match="412"):
            bureau.perform(case, "return_for_correction", _CORRECTION, '"1"')
        assert bureau.perform(case, "return_for_correction", _CORRECTION, seen)["state"] == "correction"
        assert [event["state"] for event in bureau.events(2)[0]] == ["correction"]


def test_the_curl_lines_of_the_page_do_what_they_say(service: tuple[str, str, str], tmp_path: Path) -> None:
    url, case, bearer = service
    [lines] = re.findall(r"^```sh\n(AUTH=.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "note.txt").write_text("场地已核实", "utf-8")
    told = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines],
        cwd=tmp_path,
        env=os.environ | {"KJFH_URL": url, "KJFH_TOKEN": bearer, "CASE": case, "VERSION": "1", "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told.count('"state":"correction"') >= 3, "previewed, performed, asked after, polled"
    assert 'etag: "1"' in (tmp_path / "headers.txt").read_text("utf-8").lower()
    assert "/v1/cases/{case}/files" in (tmp_path / "openapi.json").read_text("utf-8")


# ---- the page --------------------------------------------------------------------------------------------------------


def test_the_page_shows_or_names_every_example_and_shows_it_as_it_is() -> None:
    page = PAGE.read_text("utf-8")
    shown = dict(re.findall(r"^```python (examples/\S+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))
    for name, text in shown.items():
        assert text == (ROOT / name).read_text("utf-8"), f"copy {name} into docs/embedding.md again"
    files = {f"examples/embedding/{file.name}" for file in EXAMPLES.glob("*.py")}
    assert {name for name in files - {*shown} if f"](../{name})" not in page} == set()


def test_the_page_has_the_readmes_ten_lines() -> None:
    ten_lines = re.compile(r"^```python\n(from kjfh_workflow import .*?)^```$", re.DOTALL | re.MULTILINE)
    assert ten_lines.findall(PAGE.read_text("utf-8"))[:1] == ten_lines.findall((ROOT / "README.md").read_text("utf-8"))


def test_the_settings_of_the_page_can_be_loaded(tmp_path: Path) -> None:
    [shown] = re.findall(r"^```toml web\.toml\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "web.toml").write_text(shown, "utf-8")
    trustme.CA().cert_pem.write_to_path(tmp_path / "office-ca.pem")
    settings = Settings.load(tmp_path / "web.toml")
    said = {"employee_number": 1021, "realm_access": {"roles": ["kj-banshi"]}, "address": {"locality": "330281"}}
    assert actor_of(said, settings) == Actor.of("1021", "tech_clerk", "yuyao")


def test_a_hosts_alembic_leaves_our_tables_alone(sqlite_url: str) -> None:
    submitted(sqlite_url)
    [shown] = re.findall(r"^```python env\.py\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    given: dict[str, Any] = {}
    engine = create_engine(sqlite_url)
    plain_sqlalchemy.Base.metadata.create_all(engine)
    context = SimpleNamespace(configure=given.update)
    with engine.connect() as connection:
        names = {"context": context, "connection": connection, "target_metadata": plain_sqlalchemy.Base.metadata}
        exec(shown, names)  # noqa: S102  (our own)
        found = MigrationContext.configure(connection, opts=given)
        assert compare_metadata(found, plain_sqlalchemy.Base.metadata) == []
    engine.dispose()
