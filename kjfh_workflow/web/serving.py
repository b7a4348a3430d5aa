"""``kjfh serve``: the service as processes, from the first look for the database to the last answer.

What it answers is ``app``'s; which options make sense together is said in ``cli.serve``. The only home of ``uvicorn``.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import uvicorn
from fastapi import APIRouter
from starlette.types import ASGIApp

from kjfh_workflow.casework.opening import when_there
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.errors import InputError, Problem, SchemaMismatch, Unavailable
from kjfh_workflow.store.database import Database
from kjfh_workflow.web import logs
from kjfh_workflow.web.app import create_app
from kjfh_workflow.web.dev import DevIssuer, OnlyFromHere, believing
from kjfh_workflow.web.identity import authenticate
from kjfh_workflow.web.keys import Keys
from kjfh_workflow.web.routes.dev import dev_router
from kjfh_workflow.web.settings import Settings

#: How the first process tells the others what to serve.
_SERVING = "KJFH_SERVING"
#: The folder through which several processes count together.
_METRICS = "PROMETHEUS_MULTIPROC_DIR"
#: So long may requests at hand take after SIGTERM, and a new process to begin after SIGHUP, in seconds.
_GRACE = 30
#: A connection kept by a proxy is not closed by us first (nginx keeps them for 60 s).
_KEEP_ALIVE = 75
#: A process beside the first gives up looking for the database after so many seconds, and is started again.
_PATIENCE = 10.0
#: What uvicorn takes for an application that would not start next time either.
_HOPELESS = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Serving:
    """What is served, where, and by how many processes."""

    database: str
    host: str
    port: int
    #: ``web.toml``; without it there are only --dev's tokens.
    settings: str = ""
    states: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    channels: str | None = None
    workers: int = 1
    #: Whether to tick and to deliver as well.
    run: bool = False
    #: Addresses of proxies whose word about the caller's is believed, with commas; nobody's where it is empty.
    forwarded_allow_ips: str = ""
    #: The folder with --dev's key set; empty without --dev.
    dev: str = ""
    #: The day on which --dev's virtual clock begins (ISO); empty for the real one.
    clock: str = ""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def loaded(self) -> Settings:
        """The settings.

        Raises:
            InputError: with every problem of the file.
        """
        settings = Settings.load(Path(self.settings)) if self.settings else Settings()
        return believing(settings, Path(self.dev)) if self.dev else settings

    def opened(self, settings: Settings, patience: float = float("inf"), clock: FixedClock | None = None) -> Workflow:
        """The workflow, with a connection for each thread; a database that is not there is waited for.

        Raises:
            Unavailable: if it is not there after *patience* seconds.
            SchemaMismatch: if its schema does not fit this program.
        """

        def opening() -> Workflow:
            return Workflow(
                Database.open(self.database, connections=settings.threads),
                states=self.states,
                templates=self.templates,
                channels=self.channels,
                clock=clock,
            )

        return when_there(opening, _log, patience)

    def app(
        self, workflow: Workflow, settings: Settings, keys: Keys | None = None, routers: Iterable[APIRouter] = ()
    ) -> ASGIApp:
        """The application on a workflow, with more routes."""
        app = create_app(workflow, authenticate(settings, keys), settings)
        for router in routers:
            app.include_router(router)
        return OnlyFromHere(app) if self.dev else app


def serve(serving: Serving, *, dev: bool = False) -> None:
    """Serve until SIGTERM or Ctrl-C; requests at hand are finished.

    Args:
        serving: what, where, and by how many processes.
        dev: whether to believe tokens of its own, and print some.

    Raises:
        InputError: if the settings, or the file with the issuer's keys, cannot be used.
        SchemaMismatch: if the database's schema does not fit this program.
    """
    _prepare_logs()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="kjfh-serve-")))
        issuer = DevIssuer.started(folder) if dev else None
        if issuer is not None:
            serving = Serving(**{**asdict(serving), "dev": str(folder)})
        settings = serving.loaded()
        keys = _keys(settings)
        clock = FixedClock(office_hour(date.fromisoformat(serving.clock))) if serving.clock else None
        workflow = serving.opened(settings, clock=clock)
        stack.callback(workflow.close)
        if issuer is not None:
            cities = sorted({pack.city for pack in workflow.catalog})
            print(*issuer.lines(serving.url, cities), sep="\n", flush=True)
        if serving.run:
            stack.enter_context(_running(serving.opened(settings)))
        if serving.workers > 1:
            (folder / "metrics").mkdir()
            os.environ.setdefault(_METRICS, str(folder / "metrics"))
            os.environ[_SERVING] = json.dumps(asdict(serving))
            _listen(serving, "kjfh_workflow.web.serving:worker_app", factory=True)
        else:
            routers = [dev_router(issuer, workflow, clock)] if issuer else []
            _listen(serving, serving.app(workflow, settings, keys, routers))
        _log.info("stopped")


def worker_app() -> ASGIApp:
    """The application of one process of several, which the first has told what to serve."""
    _prepare_logs()
    told = json.loads(os.environ[_SERVING])
    serving = Serving(**{**told, "states": tuple(told["states"]), "templates": tuple(told["templates"])})
    try:
        settings = serving.loaded()
        return serving.app(serving.opened(settings, _PATIENCE), settings)
    except (InputError, SchemaMismatch) as error:
        _log.error("%s", error)
        sys.exit(_HOPELESS)
    except Unavailable as error:
        _log.error("%s; this process is started again", error)
        sys.exit(1)


def _listen(serving: Serving, app: Any, *, factory: bool = False) -> None:
    # uvicorn hands the signal that has stopped it on; by then everything is done, and it must not end us half-way.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    uvicorn.run(
        app,
        factory=factory,
        host=serving.host,
        port=serving.port,
        workers=serving.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(serving.forwarded_allow_ips),
        forwarded_allow_ips=serving.forwarded_allow_ips,
        timeout_graceful_shutdown=_GRACE,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_worker_healthcheck=_GRACE,
    )


def _keys(settings: Settings) -> Keys | None:
    """The issuer's keys, read once: a file must be there, an address may come later."""
    if settings.tokens is None:
        return None
    keys = Keys.of(settings.tokens)
    if (failure := keys.read_now()) and settings.tokens.jwks_file is not None:
        raise InputError([Problem("tokens", "jwks_file", failure)])
    return keys


@contextmanager
def _running(workflow: Workflow) -> Iterator[None]:
    """Tick and deliver beside the service, with connections of its own."""
    from kjfh_workflow.scheduler import Runner  # noqa: PLC0415  (60 ms, for those who ask for it)

    runner = Runner(workflow, look_every=timedelta(seconds=5))
    thread = Thread(target=runner.run, name="run")
    thread.start()
    try:
        yield
    finally:
        runner.stop()
        thread.join()
        workflow.close()


def _prepare_logs() -> None:
    logs.to_stderr()
    for noisy in ("apscheduler", "httpx", "transitions"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
