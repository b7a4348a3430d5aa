"""The whole demo driven over HTTP alone ends in the same register and ledger as the library's own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from examples.embedding.demo_over_http import Demo

KJFH = (sys.executable, "-m", "kjfh_workflow.cli")


@contextmanager
def service(database: str) -> Iterator[tuple[str, str]]:
    """``kjfh serve --dev --clock`` on a free port: its URL, and the token of an admin."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    arguments = ("--db", database, "serve", "--dev", "--clock", "2021-03-01", "--port", str(port))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KJFH_")}
    with subprocess.Popen(
        (*KJFH, *arguments), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdout
        try:
            for line in process.stdout:
                if line.strip() == "# cixi admin":
                    found = re.search(r"Bearer (\S+)'", next(process.stdout))
                    assert found
                    yield f"http://127.0.0.1:{port}", found[1]
                    break
        finally:
            process.send_signal(signal.SIGTERM)
            process.stdout.read()


def wait_for(http: httpx.Client) -> None:
    """Until it answers."""
    while True:
        try:
            http.get("/ready").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return


#: Ids are chance; the others say what the reader may do with a row, and the library's table has no reader.
_OF_ONE_OFFICE = ("case", "incubator", "version", "evidence", "events")


def without_ids(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What two offices have in common."""
    return [{name: value for name, value in row.items() if name not in _OF_ONE_OFFICE} for row in rows]


def test_the_demo_over_http_ends_in_the_same_books_as_the_librarys(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path.as_posix()}/http.db"
    subprocess.run((*KJFH, "--db", database, "db", "upgrade"), check=True, capture_output=True)
    with service(database) as (url, admin):
        demo = Demo(url, admin)
        wait_for(demo.http)
        demo.tell()
        register, ledger = demo.table("/v1/register"), demo.table("/v1/ledger")
        demo.http.close()
    library = subprocess.run(
        (*KJFH, "demo", "--json", "--folder", str(tmp_path)), check=True, capture_output=True, text=True
    )
    books = json.loads(library.stdout)
    assert without_ids(register) == without_ids(books["books"]["register"]["rows"])
    assert without_ids(ledger) == without_ids(books["books"]["ledger"]["rows"])
    refused = sorted(code for event in books["events"] for code in event.get("refused", ()))
    assert sorted({*demo.refused}) == sorted({*refused})
    assert register
    assert ledger
