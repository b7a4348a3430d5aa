"""``kjfh serve`` as processes: it answers, says no to what would be unsafe, and stops without dropping anybody."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from kjfh_workflow import Actor
from kjfh_workflow.policy.vocabulary import PERSON_ROLES
from tests.api import NO_TLS, as_, token, write_settings
from tests.bureau import YUYAO_USCC, Bureau
from tests.commands import Kjfh

#: Long enough for the slowest machine; nothing is asserted about how long it took.
_PATIENCE = 90.0


class Served:
    """A running service: its process, where it answers, and what it has said."""

    def __init__(self, process: subprocess.Popen[str], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self._log = log

    @property
    def said(self) -> list[dict[str, Any]]:
        """Its log; every line is JSON."""
        return [json.loads(line) for line in self._log.read_text("utf-8").splitlines()]

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8")

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers=headers, trust_env=False, verify=NO_TLS, timeout=_PATIENCE)

    def post(self, path: str, by: Actor, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        return httpx.post(
            f"{self.url}{path}",
            json=body or {},
            headers=as_(by, **headers),
            trust_env=False,
            verify=NO_TLS,
            timeout=_PATIENCE,
        )

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            return self.get("/ready").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_PATIENCE)


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.1)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@contextmanager
def started(url: str, folder: Path, *options: str) -> Iterator[Served]:
    """``kjfh serve`` on a database, perhaps not ready yet."""
    port = free_port()
    log, out = folder / "log", folder / "out"
    with log.open("w") as err, out.open("w") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "kjfh_workflow.cli", "--db", url, "serve", "--port", str(port), *options],
            stdout=printed,
            stderr=err,
            text=True,
        )
    try:
        yield Served(process, f"http://127.0.0.1:{port}", log)
    finally:
        if process.poll() is None:
            process.terminate()  # so that its own processes go with it
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def served(url: str, folder: Path, *options: str) -> Iterator[Served]:
    """``kjfh serve``, ready."""
    with started(url, folder, *options) as service:
        eventually(service.is_ready)
        yield service


@contextmanager
def nobody_else_may_write(url: str) -> Iterator[None]:
    """Whoever acts has to wait until the block ends."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(make_url(url).database or "", isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
    else:
        with psycopg.connect(url.replace("+psycopg", "")) as other:
            other.execute("SELECT 1 FROM kjfh_cases FOR UPDATE")
            yield
            other.rollback()


def test_two_processes_serve_and_a_request_at_hand_is_finished_when_told_to_stop(
    database_url: str, tmp_path: Path
) -> None:
    office = Bureau(database_url)
    case = office.reviewed()
    body = {"evidence": {"findings": "all_met"}}
    answers: list[httpx.Response] = []
    with served(database_url, tmp_path, "--settings", str(write_settings(tmp_path)), "--workers", "2") as service:
        assert service.get("/v1/me", **as_(office.clerk)).json()["id"] == "clerk"
        with nobody_else_may_write(database_url):
            acting = Thread(
                target=lambda: answers.append(
                    service.post(f"/v1/cases/{case}/events/pass_preliminary", office.clerk, body)
                )
            )
            acting.start()
            time.sleep(1.5)  # it waits for the lock by now; if not, it is refused and the assertion below says so
            service.process.send_signal(signal.SIGTERM)
            time.sleep(1.5)
            assert service.process.poll() is None, "it does not go while somebody waits for an answer"
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{service.url}/health", trust_env=False, verify=NO_TLS, timeout=2)
        acting.join()
        assert service.process.wait(_PATIENCE) == 0
        assert [answer.status_code for answer in answers] == [200], answers[0].text
        assert office.state(case) == "joint_finance_review"
        assert len({said["message"] for said in service.said if said["message"].startswith("Finished server")}) == 2
        assert service.said[-1]["message"] == "stopped"
    office.workflow.close()


def test_one_process_stops_cleanly_as_well_but_not_when_hung_up_on(sqlite_url: str, tmp_path: Path) -> None:
    Bureau(sqlite_url).workflow.close()
    with served(sqlite_url, tmp_path, "--settings", str(write_settings(tmp_path))) as service:
        service.process.send_signal(signal.SIGHUP)
        with waiting_for_events(service) as answer:
            assert service.stop() == 0
            assert answer() == 200
        assert service.said[-1]["message"] == "stopped"
    assert_nobody_waited(service)


@contextmanager
def waiting_for_events(service: Served) -> Iterator[Callable[[], int]]:
    """Somebody asks for events that do not come, for as long as one may; gives the status of the answer."""
    asks = as_(Actor.of("root", "admin", "yuyao"))
    with closing(HTTPConnection(service.url.removeprefix("http://"), timeout=_PATIENCE)) as asking:
        asking.request("GET", "/health")
        asking.getresponse().read()
        # On the same connection: when the signal comes the request is there.
        asking.request("GET", "/v1/events?wait=30", headers=asks)
        yield lambda: asking.getresponse().status


def assert_nobody_waited(service: Served) -> None:
    """Whoever asked for events was answered before the time that they would have waited for some."""
    [asked] = [said for said in service.said if said.get("route") == "/v1/events"]
    assert asked["milliseconds"] < 30_000


def begun(service: Served) -> list[int]:
    """The processes that have begun, by id, in order."""
    return [int(number) for number in re.findall(r"Started server process \[(\d+)\]", service.log)]


def test_a_process_that_cannot_begin_leaves_the_others_alone_and_ends_the_service_only_when_none_is_left(
    sqlite_url: str, tmp_path: Path
) -> None:
    Bureau(sqlite_url).workflow.close()
    file = write_settings(tmp_path)
    whole = file.read_text("utf-8")
    with served(sqlite_url, tmp_path, "--settings", str(file), "--workers", "2") as service:
        eventually(lambda: len(begun(service)) == 2)
        first, second = begun(service)
        file.write_text(f"thraeds = 4\n{whole}", "utf-8")
        os.kill(first, signal.SIGKILL)
        eventually(lambda: "could not begin (5); 1 of 2 go on; again in 2 s" in service.log)
        os.kill(second, 0)
        assert service.is_ready()
        assert "did you mean 'threads'" in service.log
        file.write_text(whole, "utf-8")
        eventually(lambda: service.log.count("Application startup complete") == 3)
        with closing(sqlite3.connect(make_url(sqlite_url).database or "")) as connection, connection:
            connection.execute("UPDATE kjfh_alembic_version SET version_num = '9999'")
        for number in (second, begun(service)[-1]):
            os.kill(number, signal.SIGKILL)
        assert service.process.wait(_PATIENCE) == 6
        assert "no other is left" in service.log


def test_processes_do_not_outlive_the_first_which_would_keep_the_port(sqlite_url: str, tmp_path: Path) -> None:
    Bureau(sqlite_url).workflow.close()
    with served(sqlite_url, tmp_path, "--settings", str(write_settings(tmp_path)), "--workers", "2") as service:
        eventually(lambda: service.log.count("Application startup complete") == 2)
        with waiting_for_events(service) as answer:
            service.process.kill()
            assert answer() == 200
        eventually(lambda: service.log.count("Finished server process") == 2)
        with socket.create_server(("127.0.0.1", int(service.url.rpartition(":")[2]))):
            assert_nobody_waited(service)


def test_several_processes_read_changed_settings_one_after_the_other_when_hung_up_on(
    sqlite_url: str, tmp_path: Path
) -> None:
    Bureau(sqlite_url).workflow.close()
    clerk = Actor.of("wang", "tech_clerk", "yuyao")
    file = write_settings(tmp_path)
    with served(sqlite_url, tmp_path, "--settings", str(file), "--workers", "2") as service:
        file.write_text(file.read_text("utf-8").replace('["kjfh"]', '["another"]'), "utf-8")
        assert service.get("/v1/me", **as_(clerk)).status_code == 200
        service.process.send_signal(signal.SIGHUP)
        eventually(lambda: service.log.count("Finished server process") == 2)
        assert service.get("/v1/me", **as_(clerk)).status_code == 401
        assert service.stop() == 0


def test_the_log_is_json_and_says_nothing_about_persons(sqlite_url: str, tmp_path: Path) -> None:
    office = Bureau(sqlite_url)
    case = office.submit().case
    office.workflow.close()
    stranger = Actor.of("chen", "tech_clerk", "cixi", name="陈静")
    clerk = Actor.of("wang", "tech_clerk", "yuyao", name="王敏")
    secret = token(clerk)
    with served(sqlite_url, tmp_path, "--settings", str(write_settings(tmp_path))) as service:
        answers = [
            service.post(f"/v1/cases/{case}/events/accept", clerk),
            service.post(f"/v1/cases/{case}/events/return_for_correction", clerk, {"evidence": {"missing": "王敏"}}),
            service.post(f"/v1/cases/{case}/events/accept", office.operator),
            service.post(f"/v1/cases/{case}/events/accept", stranger),
            service.post(f"/v1/previews?name=王敏&uscc={YUYAO_USCC}", clerk, {"王敏": YUYAO_USCC}),
            service.get("/v1/me", authorization=f"Bearer {secret[:-6]}"),
            service.get("/v1/me", authorization=f"Basic {secret}"),
            service.get(f"/nowhere?uscc={YUYAO_USCC}&name=王敏"),
            service.get(f"/v1/bans/yuyao/{YUYAO_USCC}"),
            service.get("/v1/cases/王敏", authorization=f"Bearer {secret}"),
            service.get("/v1/me", authorization=f"Bearer {token(clerk, roles=[])}"),
            service.get("/v1/me", authorization=f"Bearer {token(clerk, aud='another')}"),
            service.get("/v1/me", authorization=f"Bearer {token(clerk, exp=1)}"),
            service.post("/v1/rounds/yuyao/2021/events/open_round", Actor.of("chen", "tech_lead", "cixi")),
        ]
        assert answers[0].status_code == 200
        assert {answer.status_code for answer in answers[1:]} == {401, 403, 404, 422}
        assert service.stop() == 0
        requests = [said for said in service.said if said["logger"] == "kjfh.requests"]
        turned_away = [said for said in service.said if said["logger"] == "kjfh.audit"]
    assert len(requests) >= len(answers)
    assert {said["request_id"] for said in requests} >= {answer.headers["x-request-id"] for answer in answers}
    assert {said["actor"] for said in turned_away} == {"op", "chen", "wang", None}
    told = [(said["status"], said["path"], said["why"]) for said in turned_away]
    assert told == [
        (403, f"/v1/cases/{case}/events/accept", "not_authorised"),
        (404, f"/v1/cases/{case}/events/accept", "not-found"),
        (401, "/v1/me", "bad_signature"),
        (401, "/v1/me", "no_bearer"),
        (404, "unknown", "not-found"),
        (401, "/v1/bans/yuyao/…", "missing"),
        (404, "/v1/cases/…", "not-found"),
        (403, "/v1/me", "not_authorised:roles"),
        (401, "/v1/me", "wrong_audience"),
        (401, "/v1/me", "expired"),
        (403, "/v1/rounds/yuyao/2021/events/open_round", "other_city"),
    ]
    log = (tmp_path / "log").read_text("utf-8")
    for personal in ("王敏", "陈静", "朝阳", YUYAO_USCC, secret, secret.split(".")[1], "Bearer", "\\u738b"):
        assert personal not in log, personal


def test_it_waits_for_a_database_that_is_not_there_yet(
    restartable_postgres: tuple[str, Callable[..., None]], tmp_path: Path
) -> None:
    url, restart = restartable_postgres
    settings = str(write_settings(tmp_path))
    with ExitStack() as stack:
        found: list[Served] = []

        def start_without_it() -> None:
            found.append(stack.enter_context(started(url, tmp_path, "--settings", settings)))
            eventually(lambda: "again in 1 s" in found[0].log)

        restart(start_without_it)
        eventually(found[0].is_ready)
        assert found[0].log.count("the database is there") == 1
        assert found[0].stop() == 0


def test_it_ticks_as_well_if_asked_to(sqlite_url: str, tmp_path: Path) -> None:
    office = Bureau(sqlite_url, date(2021, 3, 1))
    case = office.reviewed()
    office.act(case, "return_for_correction", office.clerk, missing=["证明"])
    with served(sqlite_url, tmp_path, "--settings", str(write_settings(tmp_path)), "--run") as service:
        eventually(lambda: office.state(case) == "lapsed")
        assert service.stop() == 0
    office.workflow.close()


# ---- development tokens ----------------------------------------------------------------------------------------------


def test_dev_prints_a_line_to_paste_for_every_role_and_believes_nobody_else(sqlite_url: str, tmp_path: Path) -> None:
    Bureau(sqlite_url).workflow.close()
    with served(
        sqlite_url, tmp_path, "--dev", "--settings", str(write_settings(tmp_path)), "--workers", "2"
    ) as service:
        printed = (tmp_path / "out").read_text("utf-8").splitlines()
        found = {}
        for comment, line in zip(printed[::2], printed[1::2], strict=True):
            curl, flag, header, address = shlex.split(line)
            assert (curl, flag, address) == ("curl", "-H", f"{service.url}/v1/me")
            name, value = header.split(": ")
            me = service.get("/v1/me", **{name: value}).json()
            found[comment] = (me["city"], *me["roles"])
        assert found == {f"# {city} {role}": (city, role) for city in ("cixi", "yuyao") for role in PERSON_ROLES}
        assert service.get("/v1/me", **as_(Actor.of("wang", "tech_clerk", "yuyao"))).status_code == 401
        for name in ("X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Via", "True-Client-IP", "CF-Connecting-IP"):
            assert service.get("/v1/me", authorization=value, **{name: "10.0.0.7"}).status_code == 403
        for host, status in (("evil.test", 403), ("evil.test:8000", 403), ("localhost", 200), ("[::1]:8000", 200)):
            assert service.get("/v1/me", authorization=value, Host=host).status_code == status, host
        assert service.stop() == 0
        assert not re.search(r"eyJ[\w-]+\.", service.log), "tokens are printed, never logged"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "intranet.test", "127.0.0.1.evil.test"])  # noqa: S104
def test_dev_is_refused_off_this_machine(kjfh: Kjfh, host: str) -> None:
    ran = kjfh("serve", "--dev", "--host", host)
    assert ran.code == 2
    assert "this machine only" in ran.err


def test_dev_is_refused_behind_a_proxy(kjfh: Kjfh) -> None:
    assert kjfh("serve", "--dev", "--forwarded-allow-ips", "10.0.0.1").code == 2


# ---- what cannot be served -------------------------------------------------------------------------------------------


def test_without_anybody_s_tokens_it_says_what_is_needed(kjfh: Kjfh, tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text("threads = 4\n", "utf-8")
    for options in ((), ("--settings", "empty.toml")):
        ran = kjfh("serve", *options)
        assert ran.code == 2
        assert "issuer" in ran.err
        assert "jwks_url" in ran.err
        assert "--dev" in ran.err


@pytest.mark.parametrize("proxies", ["nonsense", "10.0.0.1/8", "10.0.0.1,", "*,10.0.0.1", "127.0.0.1:80"])
def test_a_proxy_that_is_no_address_would_never_be_believed_and_is_refused(
    kjfh: Kjfh, tmp_path: Path, proxies: str
) -> None:
    ran = kjfh("serve", "--settings", write_settings(tmp_path), "--forwarded-allow-ips", proxies)
    assert ran.code == 2
    assert "is no address and no network" in ran.err


def test_a_city_without_a_pack_is_refused_at_the_start_with_the_nearest_one(sqlite_url: str, tmp_path: Path) -> None:
    Bureau(sqlite_url).workflow.close()
    file = write_settings(tmp_path, 'city = "yuyaoo"\ncities = { "330282" = "cix", "330281" = "yuyao" }')
    with started(sqlite_url, tmp_path, "--settings", str(file)) as service:
        assert service.process.wait(_PATIENCE) == 5
    assert service.log.splitlines()[-2:] == [
        f"{file}: cities.330282: there is no policy pack of 'cix'; did you mean 'cixi'? (allowed: cixi, yuyao)",
        f"{file}: city: there is no policy pack of 'yuyaoo'; did you mean 'yuyao'? (allowed: cixi, yuyao)",
    ]


def test_settings_and_keys_that_cannot_be_used_are_said_at_the_start(kjfh: Kjfh, tmp_path: Path) -> None:
    assert kjfh("serve", "--settings", "none.toml").code == 5
    file = write_settings(tmp_path, "thraeds = 4")
    ran = kjfh("serve", "--settings", file)
    assert ran.code == 5
    assert "thraeds" in ran.err
    write_settings(tmp_path)
    (tmp_path / "jwks.json").write_text("[]", "utf-8")
    assert process(tmp_path, "--settings", str(file)).returncode == 5
    (tmp_path / "jwks.json").unlink()
    ran_process = process(tmp_path, "--settings", str(file))
    assert ran_process.returncode == 5
    assert "jwks.json" in ran_process.stderr


def test_a_schema_that_does_not_fit_is_not_served(tmp_path: Path) -> None:
    ran = process(tmp_path, "--settings", str(write_settings(tmp_path)))
    assert ran.returncode == 6
    assert "kjfh db upgrade" in ran.stderr


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_several_processes_need_a_database_that_they_share(kjfh: Kjfh, url: str) -> None:
    kjfh.url = url
    ran = kjfh("serve", "--dev", "--workers", "2")
    assert ran.code == 2
    assert "PostgreSQL" in ran.err


def test_a_port_that_is_taken_is_said_at_once(kjfh: Kjfh) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = kjfh("serve", "--dev", "--port", str(port))
    assert ran.code == 70, "not among the codes after which systemd does not try again"
    assert f"port {port}" in ran.line


def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path) -> None:
    code = "import sys; sys.modules['uvicorn'] = None; from kjfh_workflow.cli import main; main(['serve', '--dev'])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ran.returncode == 1
    assert ran.stderr.strip() == "the service needs more packages: pip install 'kjfh-workflow[web]'"


def process(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """``kjfh serve`` on a database that has no schema, to its end."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "kjfh_workflow.cli", "--db", f"sqlite:///{folder.as_posix()}/none.db"),
            *("serve", "--port", str(free_port()), *options),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
    )
