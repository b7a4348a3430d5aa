"""``kjfh serve``: the service as processes, from the first look for the database to the last answer.

What it answers is ``app``'s; which options make sense together is said in ``cli.serve``; how several processes are kept
alive, in ``workers``.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from types import FrameType

import uvicorn
from fastapi import APIRouter
from starlette.types import ASGIApp

from kjfh_workflow.casework.opening import when_there
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.errors import InputError, Problem, Unavailable
from kjfh_workflow.store.database import Database
from kjfh_workflow.web import logs
from kjfh_workflow.web.app import create_app
from kjfh_workflow.web.dev import DevIssuer, OnlyFromHere, believing
from kjfh_workflow.web.identity import authenticate
from kjfh_workflow.web.keys import Keys
from kjfh_workflow.web.routes.dev import dev_router
from kjfh_workflow.web.settings import Settings
from kjfh_workflow.web.workers import CODES, FAILED, Workers, end_with_the_first

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
#: A hang-up, which not every system has.
_HANG_UP = getattr(signal, "SIGHUP", None)
_log = logging.getLogger(__name__)
#: This process has been told to stop.
_ENDING = Event()


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

    @contextmanager
    def opened(
        self, settings: Settings, patience: float = float("inf"), clock: FixedClock | None = None
    ) -> Iterator[Workflow]:
        """The workflow, with a connection for each thread until the block ends; a database is waited for.

        Raises:
            Unavailable: if it is not there after *patience* seconds.
            SchemaMismatch: if its schema does not fit this program.
            InputError: if a pack or a channel cannot be used, or the settings name a city that has no pack.
        """

        database = Database.open(self.database, connections=settings.threads)

        def opening() -> Workflow:
            return Workflow(database, states=self.states, templates=self.templates, channels=self.channels, clock=clock)

        try:
            workflow = when_there(opening, _log, patience)
            if strangers := settings.strangers(self.settings, workflow.catalog.cities):
                raise InputError(strangers)
            yield workflow
        finally:
            database.engine.dispose()

    def app(
        self, workflow: Workflow, settings: Settings, keys: Keys | None = None, routers: Iterable[APIRouter] = ()
    ) -> ASGIApp:
        """The application on a workflow, with more routes."""
        app = create_app(workflow, authenticate(settings, keys, workflow.catalog.cities), settings)
        app.state.ending = _ENDING
        for router in routers:
            app.include_router(router)
        return OnlyFromHere(app) if self.dev else app


def serve(serving: Serving, *, dev: bool = False) -> int:
    """Serve until SIGTERM or Ctrl-C; requests at hand are finished. Returns the command's exit code.

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
        _take_no_notice(serving)
        settings = serving.loaded()
        keys = _keys(settings)
        clock = FixedClock(office_hour(date.fromisoformat(serving.clock))) if serving.clock else None
        workflow = stack.enter_context(serving.opened(settings, clock=clock))
        if issuer is not None:
            cities = sorted({pack.city for pack in workflow.catalog})
            print(*issuer.lines(serving.url, cities), sep="\n", flush=True)
        if serving.run:
            stack.enter_context(_running(stack.enter_context(serving.opened(settings))))
        if serving.workers > 1:
            (folder / "metrics").mkdir()
            os.environ.setdefault(_METRICS, str(folder / "metrics"))
            os.environ[_SERVING] = json.dumps(asdict(serving))
            code = _listen(serving, "kjfh_workflow.web.serving:worker_app")
        else:
            routers = [dev_router(issuer, workflow, clock)] if issuer else []
            app = serving.app(workflow, settings, keys, routers)
            code = _listen(serving, lambda: _answering_at_the_end(app))
        _log.info("stopped")
        return code


def worker_app() -> ASGIApp:
    """The application of one process of several, which the first has told what to serve."""
    _prepare_logs()
    told = json.loads(os.environ[_SERVING])
    serving = Serving(**{**told, "states": tuple(told["states"]), "templates": tuple(told["templates"])})
    end_with_the_first()
    _take_no_notice(serving)
    closing = ExitStack()
    atexit.register(closing.close)
    try:
        settings = serving.loaded()
        workflow = closing.enter_context(serving.opened(settings, _PATIENCE))
        return _answering_at_the_end(serving.app(workflow, settings))
    except tuple(CODES) as error:
        _log.error("%s", error)
        sys.exit(next(code for kind, code in CODES.items() if isinstance(error, kind)))
    except Unavailable as error:
        _log.error("%s; this process is started again", error)
        sys.exit(1)


def _take_no_notice(serving: Serving) -> None:
    """A hang-up ends nobody (but who tries it out at a terminal); only the first of several processes knows better."""
    if _HANG_UP is not None and not serving.dev:
        signal.signal(_HANG_UP, lambda *_: None)


def _answering_at_the_end(app: ASGIApp) -> ASGIApp:
    """The application; who waits for events is answered as soon as this process is told to stop.

    Called by uvicorn when it has put up its own handlers, which go on behind ours.
    """

    def heeding(number: int) -> None:
        stop = signal.getsignal(number)

        def told(got: int, frame: FrameType | None) -> None:
            _ENDING.set()
            if callable(stop):
                stop(got, frame)

        signal.signal(number, told)

    for number in (signal.SIGTERM, signal.SIGINT):
        heeding(number)
    return app


def _listen(serving: Serving, factory: str | Callable[[], ASGIApp]) -> int:
    """Answer until told to stop; returns the exit code."""
    # uvicorn hands the signal that has stopped it on; by then everything is done, and it must not end us half-way.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
        factory,
        factory=True,
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
    try:
        if serving.workers == 1:
            uvicorn.Server(config).run()
            return 0
        workers = Workers(config, [config.bind_socket()])
        workers.run()
    except SystemExit:  # uvicorn has said why: somebody has taken the port meanwhile
        return FAILED
    return workers.exit_code


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


def _prepare_logs() -> None:
    logs.to_stderr()
    for noisy in ("apscheduler", "httpx", "transitions"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
