"""An office for tests: people of both cities, a clock to set, and the usual way of a case."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from kjfh_workflow import Actor, Outcome, Refused, Workflow
from kjfh_workflow.casework.opening import load_catalog
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.notices.channels.config import Channels
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.rules.facts import with_override
from kjfh_workflow.rules.identifiers import ALPHABET, check_uscc
from kjfh_workflow.store import migrate
from kjfh_workflow.store.database import Database

FACTS = Path(__file__).parent / "scenarios" / "facts"
MATERIALS = {
    "yuyao": ["application_form", "operator_licence", "premises_and_staff", "tenants_and_accounts", "graduates"],
    "cixi": ["application_form", "operator_licence", "premises", "evidence"],
}
#: What each event of the machines asks for, where it asks for something.
EVIDENCE: dict[str, dict[str, Any]] = {
    "return_for_correction": {"missing": ["证明"], "reason": "新问题"},
    "pass_preliminary": {"findings": "all_met"},
    "reject": {"reason": "不符合条件"},
    "find_fraud": {"finding": "虚报"},
    "propose_revocation": {"ground": "事由"},
    "file_defence": {"statement": "申辩"},
    "uphold_revocation": {"reason": "维持"},
    "drop_revocation": {"reason": "不成立"},
}
#: The article under which a city's title is lost.
ARTICLE = {"yuyao": "第十四条", "cixi": "三（四）"}
YUYAO_USCC, CIXI_USCC = "91330281MA2B00001P", "91330282MA2E00700J"


def facts(name: str = "yuyao-strong", override: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One of the facts files, single values replaced: ``facts(override={"premises.area_m2": 4999})``."""
    data = tomllib.loads((FACTS / f"{name}.toml").read_text("utf-8"), parse_float=Decimal)
    return with_override(data, dict(override or {}))


def uscc(number: int) -> str:
    """A valid code, a different one for each number."""
    stem = f"91330281MA3{number:06d}"
    for last in ALPHABET:
        try:
            return check_uscc(stem + last)
        except ValueError:
            continue
    raise AssertionError(stem)


@cache
def packs() -> Catalog:
    """Both cities' packs, read once in this process."""
    return load_catalog((), ())


def _with_schema(url: str) -> str | Database:
    """The database with a schema, if that can be copied; what is in memory stays open."""
    if not url.startswith("sqlite"):
        return url
    database = Database.open(url)
    if not migrate.current(database.engine):
        with database.engine.connect() as connection:
            empty: Any = connection.connection.driver_connection
            migrate.blank().backup(empty)
    if url == "sqlite://":
        return database
    database.engine.dispose()
    return url


class Bureau:
    """A workflow, its clock, and the people of both cities."""

    def __init__(self, url: str, day: date = date(2021, 3, 1), *, create: bool = True) -> None:
        self.clock = FixedClock(office_hour(day))
        database = _with_schema(url) if create else url
        create = create and not url.startswith("sqlite")
        self.workflow = Workflow(database, states=packs(), clock=self.clock, channels=Channels.none(), create=create)
        self.operator = Actor.of("op", "applicant", "yuyao", name="余姚朝阳科技孵化器有限公司", uscc=YUYAO_USCC)
        self.clerk = Actor.of("clerk", "tech_clerk", "yuyao")
        self.lead = Actor.of("lead", "tech_lead", "yuyao")
        self.finance = Actor.of("finance", "finance", "yuyao")
        self.auditor = Actor.of("auditor", "auditor", "yuyao")
        self.cixi_clerk = Actor.of("cixi-clerk", "tech_clerk", "cixi")

    def on(self, day: date) -> Bureau:
        """Let it be 09:00 of *day*; nothing ticks by itself."""
        self.clock.instant = office_hour(day)
        return self

    def submit(self, who: Actor | None = None, *, city: str = "yuyao", **evidence: Any) -> Outcome:
        """Submit a strong Yuyao application, or as *evidence* has it."""
        actor = who or self.operator
        given: dict[str, Any] = {"type": "incubator", "materials": MATERIALS[city], **evidence}
        given.setdefault("facts", facts(override={"operator.uscc": actor.uscc, "operator.name": actor.name}))
        return self.workflow.open_case("application", "submit", by=actor, city=city, evidence=given)

    def act(self, case: str, event: str, who: Actor, **evidence: Any) -> Outcome:
        """Perform an event."""
        return self.workflow.perform(case, event, by=who, evidence=evidence)

    def refused(self, case: str, event: str, who: Actor, **evidence: Any) -> set[str]:
        """The codes with which an event is refused; an error if it is not."""
        try:
            self.act(case, event, who, **evidence)
        except Refused as error:
            return {*error.codes}
        raise AssertionError(f"{event} was not refused")

    def reviewed(self) -> str:
        """A case under preliminary review."""
        case = self.submit().case
        self.act(case, "accept", self.clerk)
        return case

    def passed(self) -> str:
        """A case under joint review."""
        case = self.reviewed()
        self.act(case, "pass_preliminary", self.clerk, findings="all_met")
        return case

    def recognised(self) -> tuple[str, str]:
        """A recognised application and its incubator."""
        case = self.passed()
        self.act(case, "endorse", self.finance)
        return case, self.act(case, "endorse", self.lead).opened["incubator"]

    def state(self, case: str) -> str:
        """The state a case is in."""
        return self.workflow.case(case).case.state
