"""The intranet hears what has happened: after the commit, in order within each case, at least once, never lost.

python examples/embedding/subscriber.py sqlite:///intranet.db
"""

from __future__ import annotations

import sys
import time

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from kjfh_workflow import Happened, Workflow

NAME = "intranet.enterprises"


class Base(DeclarativeBase):
    """The intranet's tables."""


class Enterprise(Base):
    """The intranet's own page of an enterprise, which shows where its application stands."""

    __tablename__ = "enterprises"

    case: Mapped[str] = mapped_column(primary_key=True)
    uscc: Mapped[str]
    state: Mapped[str]
    #: The case's version when this was written: what is not newer has been seen.
    version: Mapped[int]


class Enterprises:
    """Keeps the pages up to date."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        Base.metadata.create_all(engine)

    def handle(self, happened: Happened) -> None:
        """Take one event. It may come again, so it must do no harm twice; raise, and it comes again later."""
        with Session(self._engine) as session, session.begin():
            page = session.get(Enterprise, happened.case)
            if page is None:
                page = Enterprise(case=happened.case, uscc=happened.uscc, version=0)
                session.add(page)
            if happened.version > page.version:
                page.state, page.version = happened.state_label, happened.version


def main(url: str, passes: str = "") -> None:
    """Pass after pass, in any number of processes: one at a time is handed events, the others stand by."""
    engine = create_engine(url)
    workflow, enterprises = Workflow(engine), Enterprises(engine)
    left = int(passes or -1)
    while left:
        done = workflow.events.follow(NAME, enterprises.handle, start=0, kinds=["application", "incubator"])
        print(f"{done.handed} events taken, {done.failed} to be tried again, {done.given_up} given up")
        left -= 1
        if left:
            time.sleep(2)
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
