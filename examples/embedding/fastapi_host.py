"""A FastAPI intranet: its own sign-on and tables, a route of its own that acts, and our whole service under /kjfh.

INTRANET_DB=sqlite:///intranet.db uvicorn --factory examples.embedding.fastapi_host:intranet
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from kjfh_workflow import Actor, Conflict, NotFound, Refused, Workflow
from kjfh_workflow.errors import NotAuthenticated, Unavailable
from kjfh_workflow.web.app import create_app


class Base(DeclarativeBase):
    """The intranet's tables."""


class Person(Base):
    """Somebody who is signed on."""

    __tablename__ = "people"

    number: Mapped[int] = mapped_column(primary_key=True)
    session: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    city: Mapped[str]


class Diary(Base):
    """What each clerk has done today, as their own screen shows it."""

    __tablename__ = "diary"

    id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[int]
    entry: Mapped[str]


def session(request: Request) -> Iterator[Session]:
    """The host's transaction: committed before the answer leaves, rolled back if the route raises."""
    with request.app.state.sessions.begin() as opened:
        yield opened


Db = Annotated[Session, Depends(session, scope="function")]


def actor(request: Request, db: Db) -> Actor:
    """Who is signed on, as the library knows people."""
    found = db.scalar(select(Person).where(Person.session == request.cookies.get("session", "")))
    if found is None:
        raise NotAuthenticated
    return Actor.of(f"staff-{found.number}", found.role, found.city, name=found.name)


def accept(case: str, who: Annotated[Actor, Depends(actor)], db: Db, request: Request) -> dict[str, Any]:
    """The diary and the act, together or not at all."""
    db.add(Diary(person=int(who.id.removeprefix("staff-")), entry=f"受理 {case}"))
    done = request.app.state.workflow.perform(case, "accept", by=who, connection=db)
    return {"state": done.state, "due": done.started}


#: Each error in the host's own words; a refusal names every reason.
STATUS = {NotAuthenticated: 401, NotFound: 404, Conflict: 409, Refused: 422, Unavailable: 503}


def told(_: Request, error: Exception) -> JSONResponse:
    """What went wrong."""
    status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
    return JSONResponse({"reasons": [*map(str, getattr(error, "refusals", ()))] or [str(error)]}, status)


def intranet(url: str = "") -> FastAPI:
    """The host's application; one engine and one workflow for the whole process."""
    engine = create_engine(url or os.environ["INTRANET_DB"])
    Base.metadata.create_all(engine)
    app = FastAPI()
    app.state.sessions = sessions = sessionmaker(engine)
    app.state.workflow = workflow = Workflow(engine, create=True)

    def authenticate(request: Request) -> Actor:
        with sessions() as db:
            return actor(request, db)

    for kind in STATUS:
        app.add_exception_handler(kind, told)
    app.add_api_route("/inbox/{case}/accept", accept, methods=["POST"])
    app.mount("/kjfh", create_app(workflow, authenticate))
    return app
