"""A busy office whose every deadline has passed long ago: work for the processes that are going to be killed."""

from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import count

from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.errors import TransitionNotAllowed
from kjfh_workflow.intake.folder import read_folder
from kjfh_workflow.resources import examples_dir
from kjfh_workflow.rules.case import Actor
from kjfh_workflow.rules.identifiers import ALPHABET, check_uscc

_FIRST_DAY, _DAYS = date(2021, 3, 1), 700
_ACCEPT, _RETURN = ("accept", "tech_clerk"), ("return_for_correction", "tech_clerk")
_PASS = ("pass_preliminary", "tech_clerk")
_GRANT = (("endorse", "finance"), ("endorse", "tech_lead"))
#: What becomes of an application after it was submitted: (event, who).
_LIVES: tuple[tuple[tuple[str, str], ...], ...] = (
    (_ACCEPT, _RETURN),  # reminded, lapses
    (_ACCEPT, _RETURN, ("resubmit", "applicant")),  # the review clock stands still, then nags and escalates
    (("find_fraud", "tech_lead"),),  # barred for two years, then told that it is over
    (_ACCEPT, _PASS),  # the joint review nags two departments
    (_ACCEPT, _PASS, *_GRANT, ("propose_revocation", "tech_clerk")),  # nobody defends: the title is lost
)


class BusyOffice:
    """Opens cases on days that are long gone, so that everything they start is due at once.

    Args:
        database: URL of the database.
        chance: where the choices come from.
    """

    def __init__(self, database: str, chance: random.Random) -> None:
        self._clock = FixedClock(office_hour(_FIRST_DAY))
        self._workflow = Workflow(database, clock=self._clock)
        self._chance = chance
        folder = read_folder(examples_dir() / "yuyao-chaoyang")
        self._city, self._evidence = folder.city, folder.evidence
        # Codes of operators that nobody has: a database that is played on again has some already.
        self._numbers = count(chance.randrange(0, 900_000))
        self._people = {
            role: Actor.of(f"lab-{role}", role, self._city) for role in ("tech_clerk", "tech_lead", "finance")
        }

    def close(self) -> None:
        """Give the connections back."""
        self._workflow.close()

    def one_case(self) -> str:
        """Live one application as far as people take it; returns its number."""
        self._clock.instant = office_hour(_FIRST_DAY + timedelta(days=self._chance.randrange(_DAYS)))
        code = _code(next(self._numbers))
        operator = Actor.of(code, "applicant", self._city, name=f"演练运营机构{code[-8:]}", uscc=code)
        facts = self._evidence["facts"]
        whose = {**facts["operator"], "name": operator.name, "uscc": code}
        evidence = {**self._evidence, "facts": {**facts, "operator": whose}}
        opened = self._workflow.open_case("application", "submit", by=operator, evidence=evidence)
        case = opened.case
        for event, role in self._chance.choice(_LIVES):
            who = self._people.get(role, operator)
            try:
                outcome = self._workflow.perform(case, event, by=who, evidence=_EVIDENCE.get(event, {}))
            except TransitionNotAllowed:
                break  # a deadline that the act before has set was over long ago, and a copy has rung it in between
            case = outcome.opened.get("incubator", case)
        return opened.case


_EVIDENCE: dict[str, dict[str, object]] = {
    "return_for_correction": {"missing": ["演练：缺少场地证明"]},
    "find_fraud": {"finding": "演练：虚报在孵企业"},
    "pass_preliminary": {"findings": "all_met"},
    "propose_revocation": {"ground": "演练：连续两年考核不合格", "article": "第十一条"},
}


def _code(number: int) -> str:
    """A valid code with a right check digit, a different one for each number."""
    stem = f"91330281MA9{number:06d}"
    for last in ALPHABET:
        try:
            return check_uscc(stem + last)
        except ValueError:
            continue
    raise AssertionError(stem)
