"""One transaction for two: the host's own rows and an act of ours are committed together, or not at all.

python examples/embedding/plain_sqlalchemy.py sqlite:///intranet.db
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from kjfh_workflow import Actor, Refused, Workflow
from kjfh_workflow.intake.folder import read_folder

APPLICATION = Path(__file__).parent.parent / "yuyao-chaoyang"
OPERATOR = Actor.of("firm-17", "applicant", "yuyao", name="余姚朝阳科技孵化器有限公司", uscc="91330281MA2B00001P")
CLERK = Actor.of("staff-1021", "tech_clerk", "yuyao", name="王经办")


class Base(DeclarativeBase):
    """The intranet's tables; ours begin with ``kjfh_`` and have migrations of their own."""


class Incoming(Base):
    """The intranet's register of incoming documents (收文登记)."""

    __tablename__ = "incoming"

    number: Mapped[int] = mapped_column(primary_key=True)
    case: Mapped[str]
    entry: Mapped[str]


def opened(url: str) -> tuple[Engine, Workflow]:
    """The host's engine, and one workflow on it: make both once in a process."""
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    return engine, Workflow(engine, create=True)


def receive(session: Session, workflow: Workflow, application: Mapping[str, Any]) -> str:
    """Hand an application in and register it; nothing is committed here. Returns the case."""
    done = workflow.open_case("application", "submit", by=OPERATOR, evidence=application, connection=session)
    session.add(Incoming(case=done.case, entry="认定申请"))
    return done.case


def accept(session: Session, workflow: Workflow, case: str) -> str:
    """Accept it, and register what came of it: a refusal is undone alone, the host's work goes on."""
    try:
        entry = workflow.perform(case, "accept", by=CLERK, connection=session).state
    except Refused as refused:
        entry = "；".join(reason.message for reason in refused.refusals)
    session.add(Incoming(case=case, entry=entry))
    return entry


def registered(session: Session) -> int:
    """How many rows the intranet's register has."""
    return session.scalar(select(func.count()).select_from(Incoming)) or 0


def main(url: str) -> None:
    """Both are rolled back; both are committed; a refusal leaves the host's work alone."""
    engine, workflow = opened(url)
    application = read_folder(APPLICATION).evidence

    with Session(engine) as session:
        receive(session, workflow, application)
        session.rollback()
    with Session(engine) as session:
        print(f"rolled back: {registered(session)} rows, {len(workflow.cases())} cases")

    with Session(engine) as session, session.begin():
        case = receive(session, workflow, application)
        accept(session, workflow, case)
    with Session(engine) as session, session.begin():
        print(f"committed: {registered(session)} rows, {len(workflow.cases())} cases")
        print(f"refused: {accept(session, workflow, case)}")
    with Session(engine) as session:
        print(f"still there: {registered(session)} rows; the case is at {workflow.case(case).case.state}")
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
