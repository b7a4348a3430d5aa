"""The service as one ASGI application: routes, errors, limits. What a route does is said there; who asks, ``identity``.

A host that has a FastAPI or Starlette application of its own mounts it, and may bring its own ``authenticate``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Event

from anyio import to_thread
from fastapi import Depends, FastAPI, Request

from kjfh_workflow import __version__
from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.web import contract, problems
from kjfh_workflow.web.bodies import Bodies, Uploads
from kjfh_workflow.web.metrics import Metrics
from kjfh_workflow.web.routes import ROUTERS, files
from kjfh_workflow.web.settings import Settings
from kjfh_workflow.web.traffic import Traffic

#: Who asks, from the request; raises ``NotAuthenticated``.
Authenticate = Callable[[Request], Actor]
_DESCRIPTION = """
Cases of a science and technology bureau: incubators (孵化器) and makerspaces (众创空间).

* A case moves by events only: `POST /v1/cases/{case}/events/{event}`. A preview is the same call, rolled back.
* What is refused changes nothing, and names every reason with its article: `application/problem+json`.
* Everything is shown and done as far as city, role and ownership allow. What is not yours to see is not there: 404.
* Lists go on behind a key: give `next` of one page as `after` of the following.
* A parameter that an operation does not know is refused (422): a misspelt filter would list everything.
* Dates are `YYYY-MM-DD` in Shanghai; instants carry their offset; sums are decimal texts in yuan.
"""


def create_app(workflow: Workflow, authenticate: Authenticate, settings: Settings | None = None) -> FastAPI:
    """The service for one workflow.

    Args:
        workflow: on the database to serve; whoever made it closes it.
        authenticate: who asks.
        settings: limits; sensible ones by default.
    """
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = settings.threads
        yield

    app = FastAPI(
        title="kjfh-workflow",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # the address would be made of what the caller says our name is
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        generate_unique_id_function=lambda route: route.name,
        separate_input_output_schemas=False,
        dependencies=[Depends(contract.only_known_parameters)],
    )
    app.state.workflow = workflow
    app.state.authenticate = authenticate
    app.state.settings = settings
    app.state.uploads = Uploads(settings.files.at_once, settings.files.seconds)
    app.state.metrics = Metrics()
    #: To be set by whoever is about to stop the server: who waits for events is answered with what there is.
    app.state.ending = Event()
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    contract.document(app)
    app.add_middleware(
        Traffic,
        bodies=Bodies(settings.body_bytes, settings.threads * settings.body_bytes),
        streaming=files.takes_stream,
        watch=app.state.metrics.watch,
    )
    return app
