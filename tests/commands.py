"""The command line for tests: people as options, and the command on one database file on a day that can be set."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from kjfh_workflow import Actor, Workflow
from kjfh_workflow.cli import main
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.intake.folder import read_folder
from kjfh_workflow.resources import examples_dir
from tests.bureau import YUYAO_USCC

CLERK = ("--as", "wang", "--role", "tech_clerk", "--city", "yuyao")
LEAD = ("--as", "li", "--role", "tech_lead", "--city", "yuyao")
ADMIN = ("--as", "root", "--role", "admin", "--city", "yuyao")
OPERATOR = ("--as", "op", "--role", "applicant", "--city", "yuyao", "--uscc", YUYAO_USCC)


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Its output as one JSON document."""
        assert self.code in (0, 1, 5), self.err
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """Its error, which is one line and no trace; nothing else was printed."""
        assert self.out == ""
        assert self.err.count("\n") == 1, self.err
        return self.err.strip()


class Kjfh:
    """The command on one database file, on a day that can be set."""

    def __init__(self, capsys: pytest.CaptureFixture[str], file: Path) -> None:
        self._capsys = capsys
        self.file = file
        self.url = f"sqlite:///{file.as_posix()}"
        self.day = date(2021, 3, 1)

    def __call__(self, *words: str | Path) -> Ran:
        with pytest.raises(SystemExit) as exit_:
            main(["--db", self.url, *map(str, words)])
        out, err = self._capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        return Ran(exit_.value.code, out, err)

    def ok(self, *words: str | Path) -> str:
        """What a command prints that succeeds."""
        ran = self(*words)
        assert ran.code == 0, ran.err
        assert ran.err == ""
        return ran.out

    def json(self, *words: str | Path) -> Any:
        """The same, asked for as JSON."""
        return json.loads(self.ok(*words, "--json"))

    def submitted(self) -> str:
        """The id of a case that stands submitted, as of 2021-03-01."""
        case, database = _submitted()
        self.file.write_bytes(database)
        return case

    def accepted(self) -> str:
        """The id of a case under preliminary review."""
        case = self.submitted()
        self.ok("case", "do", case, "accept", *CLERK)
        return case

    def state(self, case: str) -> str:
        """The state a case is in."""
        return str(self.json("case", "show", case)["case"]["state"])

    def sql(self, *statements: str) -> None:
        """Somebody behind the program's back."""
        with closing(sqlite3.connect(self.file)) as connection, connection:
            for statement in statements:
                connection.execute(statement)


@cache
def _submitted() -> tuple[str, bytes]:
    """A submitted case and the database file it stands in: what `db upgrade` and `import` make."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "kjfh.db")
        office = Workflow(f"sqlite:///{file.as_posix()}", clock=FixedClock(office_hour(date(2021, 3, 1))), create=True)
        found = read_folder(examples_dir() / "yuyao-chaoyang", packs=[*office.catalog])
        operator = Actor.of(found.uscc, "applicant", found.city, name=found.name, uscc=found.uscc)
        case = office.open_case("application", "submit", by=operator, evidence=found.evidence).case
        office.close()
        return case, file.read_bytes()
