"""Two services and two ``kjfh run`` on one database, clients everywhere: nothing is lost, nothing is done twice."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path

import httpx

from kjfh_workflow import Actor
from tests.api import Api, write_settings
from tests.bureau import Bureau, uscc
from tests.test_run import eventually, running

_CASES, _CLIENTS = 5, 4
#: Somebody else was first: read again.
_LOST = (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.UNPROCESSABLE_ENTITY)


class Service:
    """``kjfh serve`` on a database: a process, and how it is asked."""

    def __init__(self, url: str, settings: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        command = ["--db", url, "serve", "--settings", str(settings), "--port", port]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kjfh_workflow.cli", *command], stderr=subprocess.DEVNULL
        )
        self.api = Api(f"http://127.0.0.1:{port}")

    def is_ready(self) -> bool:
        """Whether it answers by now."""
        assert self._process.poll() is None, "it has ended"
        try:
            return self.api.client.get("/ready").status_code == HTTPStatus.OK
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """As an operator does."""
        self.api.client.close()
        self._process.terminate()
        assert self._process.wait(60) == 0


class Screens:
    """One client: on each case it does what is next, with the version it has seen, and asks everything twice."""

    def __init__(self, name: str, office: Bureau, services: list[Api], cases: list[str]) -> None:
        self.name, self.office, self.services = name, office, services
        self.chance = random.Random(name)
        self.cases = self.chance.sample(cases, len(cases))
        #: The ids of the requests that were answered with yes, and how often somebody else was first.
        self.done: list[str] = []
        self.lost = 0
        self.wrong: list[object] = []

    def work(self) -> None:
        """Until every case is recognised."""
        try:
            for case in self.cases:
                while (state := self.office.state(case)) != "recognized":
                    self.step(case, state)
        except Exception as error:  # told to the test, which runs in another thread
            self.wrong.append(error)

    def step(self, case: str, state: str) -> None:
        """One act on what was seen of a case."""
        seen = self.office.workflow.case(case).case
        if state == "preliminary_review":
            who, event, evidence = self.office.clerk, "pass_preliminary", {"findings": "all_met"}
        else:
            who = self.chance.choice([self.office.lead, self.office.finance])
            event, evidence = "endorse", {}
        key = f"{self.name}-{case}-{seen.version}-{who.id}"
        first, second = self.chance.sample(self.services, 2)
        answer, again = (
            service.post(
                f"/v1/cases/{case}/events/{event}", who, {"evidence": evidence},
                if_match=f'"{seen.version}"', idempotency_key=key,
            )
            for service in (first, second)
        )  # fmt: skip
        if answer.status_code == HTTPStatus.OK:
            assert again.json() == answer.json()
            self.done.append(key)
        else:
            assert answer.status_code in _LOST, answer.text
            assert again.status_code in _LOST, again.text
            self.lost += 1


def test_two_services_and_two_tickers_on_one_database_lose_and_double_nothing(
    postgres_url: str, tmp_path: Path
) -> None:
    office = Bureau(postgres_url)
    cases = [office.submit(operator(number)).case for number in range(_CASES)]
    for case in cases:
        office.act(case, "accept", office.clerk)
    late = office.submit(operator(100)).case
    office.act(late, "accept", office.clerk)
    office.act(late, "return_for_correction", office.clerk, missing=["证明"])
    settings = write_settings(tmp_path)
    with ExitStack() as stack:
        stack.callback(office.workflow.close)
        for _ in range(2):
            stack.enter_context(running(postgres_url))
        services = [Service(postgres_url, settings) for _ in range(2)]
        for service in services:
            stack.callback(service.stop)
        for service in services:
            eventually(service.is_ready)
        apis = [service.api for service in services]
        clients = [Screens(f"client{number}", office, apis, cases) for number in range(_CLIENTS)]
        threads = [threading.Thread(target=client.work) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [client.wrong for client in clients] == [[]] * _CLIENTS
        eventually(lambda: office.state(late) == "lapsed")

        rows = [row for case in cases for row in office.workflow.case(case).timeline]
        acts = Counter((row.event, row.actor) for row in rows if row.event in ("pass_preliminary", "endorse"))
        assert acts == {
            ("pass_preliminary", "clerk"): _CASES,
            ("endorse", "finance"): _CASES,
            ("endorse", "lead"): _CASES,
        }
        assert sum(len(client.done) for client in clients) == 3 * _CASES, "each act was answered with yes to one client"
        assert len(office.workflow.books.register("yuyao").rows) == _CASES
        assert office.workflow.verify().holds


def operator(number: int) -> Actor:
    """One of many."""
    return Actor.of(f"op{number}", "applicant", "yuyao", name=f"运营机构{number}", uscc=uscc(number))
