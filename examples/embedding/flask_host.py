"""A Flask intranet on many threads and many processes: one workflow in each, the host's session around each act.

flask --app examples.embedding.flask_host:intranet run          (INTRANET_DB says where the database is)
"""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, abort, g, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

from kjfh_workflow import Actor, Conflict, NotFound, Refused, Workflow
from kjfh_workflow.errors import Unavailable

#: Whom the intranet's own sign-on lets in: header of the gateway → person. Yours asks the directory.
PEOPLE = {
    "1021": Actor.of("staff-1021", "tech_clerk", "yuyao", name="王经办"),
    "3001": Actor.of("staff-3001", "tech_clerk", "cixi", name="陈经办"),
}


def intranet(url: str = "") -> Flask:
    """The host's application; one engine and one workflow for the whole process."""
    engine = create_engine(url or os.environ["INTRANET_DB"])
    # A server that forks after this (gunicorn --preload) must not share the parent's connections: the child forgets
    # them without closing them, and opens its own. The workflow itself may be shared.
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS desk_log (entry TEXT NOT NULL)"))
    workflow = Workflow(engine, create=True)
    sessions = sessionmaker(engine)
    app = Flask(__name__)

    @app.before_request
    def sign_on() -> None:
        g.actor = PEOPLE.get(request.headers.get("X-Staff", "")) or abort(401)

    @app.get("/cases/<case>")
    def show(case: str) -> ResponseReturnValue:
        seen = workflow.dossier(case, reader=g.actor)  # all that the screen shows, of one moment
        return jsonify(
            name=seen.case.name,
            state=seen.words.state_label,
            version=seen.case.version,
            buttons=[{"event": event.event, "label": event.label} for event in seen.events if event.allowed],
        )

    @app.post("/cases/<case>/<event>")
    def act(case: str, event: str) -> ResponseReturnValue:
        asked: dict[str, Any] = request.get_json()
        with sessions.begin() as session:  # commits at the end of the block; any error rolls both back
            log(session, f"{g.actor.id} {event} {case}")
            done = workflow.perform(
                case,
                event,
                by=g.actor,
                evidence=asked.get("evidence"),
                expected_version=asked.get("version"),
                request_id=asked.get("request"),
                connection=session,
            )
        return jsonify(state=done.state, version=done.version)

    @app.errorhandler(Refused)
    def refused(error: Refused) -> ResponseReturnValue:
        return jsonify(reasons=[reason.message for reason in error.refusals]), 422

    @app.errorhandler(NotFound)
    def not_found(error: NotFound) -> ResponseReturnValue:
        return jsonify(error=str(error)), 404

    @app.errorhandler(Conflict)
    def conflict(error: Conflict) -> ResponseReturnValue:
        return jsonify(error=str(error)), 409

    @app.errorhandler(Unavailable)
    def unavailable(error: Unavailable) -> ResponseReturnValue:
        return jsonify(error=str(error)), 503, {"Retry-After": "2"}

    return app


def log(session: Session, entry: str) -> None:
    """A row of the host's own."""
    session.execute(text("INSERT INTO desk_log (entry) VALUES (:entry)"), {"entry": entry})
