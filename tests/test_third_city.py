"""A third city is only data: docs/policy-packs.md is carried out as written, and what comes of it is put to work.

The walk-through's blocks are the only source of the city's files and commands, and the reference's tables are held
against the program, so that the document cannot rot.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

import click
import pytest

from kjfh_workflow import Actor, Outcome, Refused, Workflow
from kjfh_workflow.casework.opening import load_catalog
from kjfh_workflow.cli.policy import policy_command
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.notices.render import Letter
from kjfh_workflow.policy import model, vocabulary
from kjfh_workflow.policy.compare import diff
from kjfh_workflow.policy.machine import Machine
from kjfh_workflow.policy.part import Part, Provision
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.case import Case
from kjfh_workflow.scenario.play import play
from kjfh_workflow.scenario.read import read_scenario
from kjfh_workflow.scenario.words import Vocabulary
from kjfh_workflow.store.cases import Filter
from tests.bureau import MATERIALS, YUYAO_USCC, facts, uscc

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "policy-packs.md").read_text("utf-8")
REFERENCE, WALK = DOCUMENT.split("## Adding a city, step by step\n")
OPERATOR = "91330282MA2E00700J"
CHECKLIST = ["application_form", "operator_licence", "premises", "team_and_mentors"]


# ---- carrying out the document -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A fenced block, and the line above it, which says what to do with it."""

    lead: str
    language: str
    text: str

    @property
    def file(self) -> str:
        """The file that the line above names."""
        named: list[str] = re.findall(r"`([^`]+/[^`]+)`", self.lead)
        assert named, f"no file is named above: {self.text[:80]}"
        return named[-1]


@dataclass
class Reader:
    """Does what the walk-through says, in a folder beside the checkout."""

    folder: Path
    #: Whether ``kjfh`` is run as well, or only the files are made.
    in_full: bool
    environment: dict[str, str] = field(default_factory=dict)
    #: What was printed otherwise than the document says.
    surprises: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        (self.folder.parent / "kjfh-workflow").symlink_to(ROOT, target_is_directory=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KJFH_", "LC_", "LANG"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        self.environment = {**kept, "PATH": path, "LC_ALL": "C.UTF-8"}

    def follow(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            if block.language == "console":
                self._type(block.text)
            elif block.language == "diff":
                self._edit(self.folder / block.file, block.text)
            elif "Append" in block.lead:
                path = self.folder / block.file
                path.write_text(path.read_text("utf-8") + block.text, "utf-8")
            else:
                path = self.folder / block.file
                assert path.exists() == ("Replace" in block.lead), block.lead
                path.parent.mkdir(exist_ok=True)
                path.write_text(block.text, "utf-8")

    def _type(self, text: str) -> None:
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            if command.startswith("export "):
                self.environment |= dict(word.split("=") for word in command.split()[1:])
            elif self.in_full or not command.startswith("kjfh "):
                self._run(command, expected)

    def _run(self, command: str, expected: str) -> None:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            check=False,
        )
        # Only the checks that find something end otherwise than with 0.
        complains = "policy check" in command and "✓" not in expected
        if done.returncode != (5 if complains else 0) or not _as_printed(expected, done.stdout):
            self.surprises.append(f"$ {command}\n{done.stdout}(exit code {done.returncode}); the document:\n{expected}")

    @staticmethod
    def _edit(path: Path, text: str) -> None:
        before = path.read_text("utf-8")
        for hunk in re.split(r"^@@.*\n", text, flags=re.MULTILINE):
            lines = hunk.splitlines(keepends=True)
            old = "".join(line[1:] for line in lines if line[0] in " -")
            new = "".join(line[1:] for line in lines if line[0] in " +")
            assert before.count(old) == 1, f"stands {before.count(old)} times in {path.name}:\n{old}"
            before = before.replace(old, new)
        path.write_text(before, "utf-8")


def _as_printed(expected: str, printed: str) -> bool:
    """Line by line, however wide the columns are; ``…`` stands for any lines, and rules are not looked at."""

    def lines(text: str) -> list[str]:
        plain = (" ".join(line.split()) for line in text.splitlines())
        return [line for line in plain if line.strip("─ ")]

    pattern = "".join(r"(?:.*\n)*?" if line == "…" else re.escape(line) + "\n" for line in lines(expected))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines(printed))) is not None


def blocks() -> list[Block]:
    found = re.finditer(r"(?:^(?P<lead>[^\n]+)\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", WALK, re.DOTALL | re.M)
    return [Block(match["lead"] or "", match["language"], match["text"]) for match in found]


def test_every_command_prints_what_the_document_says(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "bureau", in_full=True)
    reader.follow(blocks())
    assert not reader.surprises, "\n\n".join(reader.surprises)
    assert (reader.folder / "application.svg").read_text("utf-8").startswith("<svg")


def test_nothing_of_the_walk_through_is_passed_over() -> None:
    assert WALK.count("\n```") == 2 * len(blocks())
    assert {block.language for block in blocks()} == {"console", "toml", "diff", "jinja"}


# ---- the city at work --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder as it is at the end of the walk-through."""
    reader = Reader(tmp_path_factory.mktemp("walk") / "bureau", in_full=False)
    reader.follow(blocks())
    assert not reader.surprises, "\n\n".join(reader.surprises)
    return reader.folder


class Shanghe:
    """The new city's office, beside the two that come with the program."""

    def __init__(self, files: Path, url: str = "sqlite://") -> None:
        self.clock = FixedClock(office_hour(date(2022, 7, 4)))
        self.workflow = Workflow(
            url, states=[files / "packs"], templates=[files / "templates"], clock=self.clock, create=True
        )
        self.operator = Actor.of("op", "applicant", "shanghe", name="上禾云谷众创空间有限公司", uscc=OPERATOR)
        self.centre = Actor.of("centre", "tech_clerk", "shanghe")
        self.centre2 = Actor.of("centre2", "tech_clerk", "shanghe")
        self.lead = Actor.of("lead", "tech_lead", "shanghe")
        self.finance = Actor.of("finance", "finance", "shanghe")
        self.yuyao_clerk = Actor.of("yuyao-clerk", "tech_clerk", "yuyao")

    def on(self, day: date) -> Shanghe:
        """Let it be 09:00 of *day*, after everything has rung that was due."""
        self.clock.instant = office_hour(day)
        self.workflow.tick()
        return self

    def submit(self, who: Actor | None = None, override: dict[str, Any] | None = None, **evidence: Any) -> Outcome:
        actor = who or self.operator
        own = {"operator.uscc": actor.uscc, "operator.name": actor.name, "operator.registered_in": "上禾市"}
        given = {
            "type": "makerspace",
            "materials": CHECKLIST,
            "facts": facts("cixi-makerspace", {**own, **(override or {})}),
            **evidence,
        }
        return self.workflow.open_case("application", "submit", by=actor, city="shanghe", evidence=given)

    def act(self, case: str, event: str, who: Actor, **evidence: Any) -> Outcome:
        return self.workflow.perform(case, event, by=who, evidence=evidence)

    def reviewed(self, **evidence: Any) -> str:
        case = self.submit(**evidence).case
        self.act(case, "accept", self.centre)
        return case

    def published(self) -> str:
        """A case whose public notice began on 15 July 2022."""
        case = self.reviewed()
        self.on(date(2022, 7, 15))
        self.act(case, "pass_preliminary", self.centre, findings={"s3_6_character": True})
        for who in (self.lead, self.finance, self.centre2):
            self.act(case, "endorse", who)
        return case

    def titled(self) -> str:
        """A title granted on 25 July 2022."""
        case = self.published()
        return self.on(date(2022, 7, 25)).act(case, "grant", self.lead).opened["incubator"]

    def registered(self, number: int) -> str:
        """Another operator's title, from before the document."""
        evidence = {
            "name": f"上禾第{number}众创空间有限公司",
            "uscc": uscc(number),
            "type": "makerspace",
            "level": "local",
            "decided_on": date(2021, 5, 1),
            "document_no": f"上科〔2021〕{number}号",
            "township": "上禾街道",
        }
        return self.workflow.open_case("incubator", "register_title", by=self.lead, evidence=evidence).case

    def assess(self, year: int, grades: dict[str, str]) -> None:
        """A round of *year*, opened in November and closed in December."""
        self.on(date(year, 11, 1)).workflow.rounds.open("shanghe", year, by=self.lead)
        for case, grade in grades.items():
            self.act(case, "propose_grade", self.centre, grade=grade)
        self.on(date(year, 12, 1)).workflow.rounds.close("shanghe", year, by=self.lead)

    def awards(self, case: str) -> dict[str, tuple[str, str]]:
        """Award → sum in yuan and status."""
        kept = self.workflow.case(case).case.memory.get("awards", {})
        return {key: (award["yuan"], award["status"]) for key, award in kept.items()}

    def state(self, case: str) -> str:
        return self.workflow.case(case).case.state


@pytest.fixture
def office(files: Path) -> Iterator[Shanghe]:
    shanghe = Shanghe(files)
    yield shanghe
    shanghe.workflow.close()


def refused(act: Callable[[], object]) -> dict[str, str]:
    """Code → article of every reason why *act* is refused."""
    with pytest.raises(Refused) as error:
        act()
    return {refusal.code: refusal.article for refusal in error.value.refusals}


def test_the_folder_is_enough(files: Path, database_url: str) -> None:
    office = Shanghe(files, database_url)
    try:
        assert office.workflow.catalog.cities == ("cixi", "shanghe", "yuyao")
        case = office.published()
        office.on(date(2022, 7, 25))
        granted = office.act(case, "grant", office.lead)
        assert (granted.state, granted.article) == ("recognized", "第六条")
        title = office.workflow.case(granted.opened["incubator"])
        assert (title.case.city, title.case.policy, title.case.level) == ("shanghe", "2022-07-01", "local")
        assert title.case.type == "makerspace"
        assert office.workflow.verify().holds
    finally:
        office.workflow.close()


def test_a_public_notice_runs_five_working_days_and_a_person_decides(office: Shanghe) -> None:
    case = office.published()
    assert office.workflow.case(case).clocks["publicity"].due == date(2022, 7, 22)
    office.on(date(2022, 7, 22))
    assert office.state(case) == "public_notice"
    assert refused(lambda: office.act(case, "grant", office.lead)) == {"not_allowed_from_state": ""}
    office.on(date(2022, 7, 23))
    assert office.state(case) == "decision_pending"
    office.on(date(2022, 9, 30))
    assert office.state(case) == "decision_pending"  # the office is late; it is reminded, and nothing is granted
    sent = [notice["notice"] for notice in office.workflow.case(case).notices]
    assert "work_overdue" in sent
    assert "recognition_granted" not in sent
    assert office.act(case, "grant", office.lead).state == "recognized"


def test_each_of_its_people_is_shown_what_waits_for_them(office: Shanghe) -> None:
    people = {"op": office.operator, "centre": office.centre2, "lead": office.lead, "finance": office.finance}

    def waits_for(case: str) -> set[str]:
        lists = {name: office.workflow.cases(Filter(waiting=True), reader=who) for name, who in people.items()}
        return {name for name, rows in lists.items() if case in {row["id"] for row in rows}}

    case = office.reviewed()
    assert waits_for(case) == {"centre"}
    office.act(case, "pass_preliminary", office.centre, findings={"s3_6_character": True})
    assert waits_for(case) == {"centre", "lead", "finance"}
    office.act(case, "endorse", office.finance)
    assert waits_for(case) == {"centre", "lead"}
    for who in (office.lead, office.centre2):
        office.act(case, "endorse", who)
    assert (office.state(case), waits_for(case)) == ("public_notice", set()), "time alone leads on"
    office.on(date(2022, 7, 25))
    assert waits_for(case) == {"lead"}
    title = office.act(case, "grant", office.lead).opened["incubator"]
    assert waits_for(case) == set()
    assert waits_for(title) == {"finance"}, "its award is proposed"


def test_three_departments_endorse_and_nobody_twice(office: Shanghe) -> None:
    case = office.reviewed()
    office.act(case, "pass_preliminary", office.centre, findings={"s3_6_character": True})
    assert office.act(case, "endorse", office.lead).state == "joint_review"
    assert office.act(case, "endorse", office.finance).state == "joint_review"
    assert refused(lambda: office.act(case, "endorse", office.centre)) == {"same_person": "第五条"}
    assert refused(lambda: office.act(case, "endorse", office.finance)) == {"already_endorsed": "第五条"}
    assert office.act(case, "endorse", office.centre2).state == "public_notice"


def test_who_passed_the_preliminary_review_does_not_decide(office: Shanghe) -> None:
    both = Actor.of("both", ("tech_clerk", "tech_lead"), "shanghe")
    case = office.reviewed()
    office.act(case, "pass_preliminary", both, findings={"s3_6_character": True})
    for who in (office.lead, office.finance, office.centre2):
        office.act(case, "endorse", who)
    office.on(date(2022, 8, 1))
    assert refused(lambda: office.act(case, "grant", both)) == {"same_person": "第六条"}


@pytest.mark.parametrize(("area", "result"), [("499.99", "unmet"), ("500", "met")])
def test_the_threshold_is_its_own(office: Shanghe, area: str, result: str) -> None:
    case = office.reviewed(override={"premises.area_m2": area})
    evaluation = office.workflow.case(case).evaluation
    assert evaluation is not None
    assert [str(a.result) for a in evaluation.criteria if a.id == "s3_2_area"] == [result]
    assert [a.id for a in evaluation.criteria if not a.id.startswith("s3_")] == []
    if result == "unmet":
        passing = {"findings": "all_met"}
        codes = refused(lambda: office.act(case, "pass_preliminary", office.centre, **passing))
        assert codes == {"criteria_unmet": "第三条第2项"}


def test_only_makerspaces_with_its_own_checklist(office: Shanghe) -> None:
    assert refused(lambda: office.submit(type="incubator")) == {"evidence_invalid": ""}
    without = [name for name in CHECKLIST if name != "team_and_mentors"]
    assert refused(lambda: office.submit(materials=without)) == {"materials_missing": "第四条第4项"}
    assert "evidence_invalid" in refused(lambda: office.submit(materials=MATERIALS["yuyao"]))


def test_a_correction_takes_ten_working_days(office: Shanghe) -> None:
    case = office.submit().case
    returned = office.act(case, "return_for_correction", office.centre, missing=["场地证明"])
    assert returned.started["correction_due"] == date(2022, 7, 18)
    office.on(date(2022, 7, 19))
    assert office.state(case) == "lapsed"


def test_a_ban_is_twelve_months_and_binds_here_only(office: Shanghe) -> None:
    case = office.submit().case
    assert office.act(case, "find_fraud", office.lead, finding="虚报导师").banned_until == date(2023, 7, 4)
    assert office.workflow.banned_until(OPERATOR, "shanghe") == date(2023, 7, 4)
    assert office.workflow.banned_until(OPERATOR, "yuyao") is None
    assert office.workflow.banned_until(OPERATOR, "cixi") is None
    office.on(date(2023, 7, 4))
    assert refused(office.submit) == {"banned": "第七条"}
    elsewhere = facts(override={"operator.uscc": OPERATOR, "operator.name": office.operator.name})
    evidence = {"type": "makerspace", "facts": elsewhere, "materials": MATERIALS["yuyao"]}
    other = office.workflow.open_case("application", "submit", by=office.operator, city="yuyao", evidence=evidence)
    assert other.state == "applied"
    office.on(date(2023, 7, 5))
    assert office.submit().state == "applied"


def test_the_city_writes_its_own_letters_and_the_others_theirs(office: Shanghe) -> None:
    case = office.published()
    office.on(date(2022, 7, 25)).act(case, "grant", office.lead)
    letters = {notice["notice"]: notice for notice in office.workflow.case(case).notices}
    public, granted = letters["publicity_started"], letters["recognition_granted"]
    assert public["subject"] == "上禾云谷众创空间有限公司：众创空间拟认定公示"
    assert "公示期自2022年7月15日起算（当日不计）5个工作日，其间休息日2天不计，至2022年7月22日24时止" in public["body"]
    assert "《上禾市众创空间认定管理办法》（上科〔2022〕5号）第六条" in granted["body"]
    assert "三方联合审核同意" in granted["body"]
    assert granted["subject"] == "上禾云谷众创空间有限公司：认定为上禾市众创空间"
    yuyao = Actor.of("y-op", "applicant", "yuyao", name="余姚朝阳科技孵化器有限公司", uscc=YUYAO_USCC)
    evidence = {"type": "incubator", "facts": facts(), "materials": MATERIALS["yuyao"]}
    theirs = office.workflow.open_case("application", "submit", by=yuyao, evidence=evidence).case
    people = [Actor.of(role, role, "yuyao") for role in ("finance", "tech_lead")]
    office.act(theirs, "accept", office.yuyao_clerk)
    office.act(theirs, "pass_preliminary", office.yuyao_clerk, findings="all_met")
    for who in people:
        office.act(theirs, "endorse", who)
    bodies = {notice["notice"]: notice["body"] for notice in office.workflow.case(theirs).notices}
    assert "经科技、财政部门联合审核同意" in bodies["recognition_granted"]


def test_the_cities_do_not_see_or_touch_each_other(office: Shanghe) -> None:
    case = office.submit().case
    assert refused(lambda: office.act(case, "accept", office.yuyao_clerk)) == {"other_city": ""}
    assert office.workflow.cases(reader=office.yuyao_clerk) == []
    assert [row["id"] for row in office.workflow.cases(reader=office.centre)] == [case]
    stranger = Actor.of("stranger", "applicant", "shanghe", name="他家有限公司", uscc=uscc(9))
    assert office.workflow.cases(reader=stranger) == []


def test_yuyao_and_cixi_are_as_they_were(files: Path) -> None:
    alone, beside = load_catalog(), load_catalog([files / "packs"], [files / "templates"])
    assert "shanghe" not in alone.cities
    for pack in alone:
        again = beside.pinned(pack.city, pack.version)
        assert again.digest == pack.digest
        assert diff(pack, again) == []


def test_a_later_version_is_for_later_applications(office: Shanghe) -> None:
    small = {"premises.area_m2": 700}
    office.on(date(2023, 12, 29))
    before = office.submit(override=small).case
    office.on(date(2024, 1, 2))
    other = Actor.of("other", "applicant", "shanghe", name="上禾新苗众创空间有限公司", uscc=uscc(5))
    after = office.submit(other, override=small).case
    for case, version, expected in ((before, "2022-07-01", "met"), (after, "2024-01-01", "unmet")):
        view = office.workflow.case(case)
        assert view.case.policy == version
        assert view.evaluation is not None
        area = view.evaluation.of("s3_2_area")
        assert area is not None
        assert str(area.result) == expected


def test_a_quarter_of_all_titles_may_be_excellent_and_no_more(office: Shanghe) -> None:
    first, *others = [office.registered(number) for number in range(1, 5)]
    with pytest.raises(Refused) as error:
        office.assess(2022, {first: "excellent", others[0]: "excellent", **dict.fromkeys(others[1:], "qualified")})
    assert [(r.code, r.article) for r in error.value.refusals] == [("quota_exceeded", "第九条第2项")]
    office.act(others[0], "propose_grade", office.centre, grade="qualified")
    office.workflow.rounds.close("shanghe", 2022, by=office.lead)
    assert office.awards(first) == {"annual/2022/0": ("50000.00", "proposed")}
    assert [office.awards(case) for case in others] == [{}, {}, {}]


def test_the_second_half_of_the_award_waits_for_the_assessment(office: Shanghe) -> None:
    case = office.titled()
    halves = {"recognition/2022/1": ("100000.00", "proposed"), "recognition/2023/2": ("100000.00", "scheduled")}
    assert office.awards(case) == halves
    office.assess(2023, {case: "unqualified"})
    assert office.awards(case) == {**halves, "recognition/2023/2": ("100000.00", "held")}
    assert office.state(case) == "recognized"


def test_two_failed_years_cost_the_title_and_the_holder_is_heard(office: Shanghe) -> None:
    case = office.titled()
    for year in (2023, 2024):
        office.assess(year, {case: "unqualified"})
    view = office.workflow.case(case)
    assert view.case.state == "revocation_proposed"
    assert view.case.memory["proposal"]["ground"].startswith("2023、2024")
    assert view.case.memory["proposal"]["article"] == "第九条第4项"
    assert refused(lambda: office.act(case, "uphold_revocation", office.lead, reason="-")) == {
        "not_allowed_from_state": ""
    }
    office.on(date(2025, 1, 2))
    assert office.state(case) == "revoked"


def test_a_promotion_pays_the_difference_to_what_was_granted(office: Shanghe) -> None:
    case = office.titled()
    promotion = office.workflow.open_case(
        "promotion", "recommend", by=office.lead, evidence={"to_level": "ningbo"}, parent=case
    ).case
    decided = {"level": "ningbo", "decided_on": date(2022, 7, 25), "document_no": "甬科高〔2022〕60号"}
    office.act(promotion, "record_recognition", office.centre, **decided)
    assert office.state(case) == "promoted"
    assert office.awards(case)["promotion/2022/0/ningbo"] == ("100000.00", "proposed")
    assert office.workflow.verify().holds


def test_a_stay_of_two_years_may_be_extended(office: Shanghe) -> None:
    case = office.titled()
    office.on(date(2022, 8, 1))
    firm = {
        "name": "上禾青禾软件有限公司", "uscc": uscc(7), "founded_on": date(2021, 5, 1), "entered_on": date(2022, 8, 1),
        "area_m2": 60, "field": "软件", "technology_sme": True, "registered_inside": True, "works_inside": True,
        "ip_applied": False, "invested_yuan": 0,
    }  # fmt: skip
    tenancy = office.workflow.open_case("tenancy", "admit", by=office.operator, evidence={"tenant": firm}, parent=case)
    assert tenancy.started["incubation_limit"] == date(2024, 8, 1)
    office.on(date(2024, 8, 2))
    assert office.state(tenancy.case) == "overstayed"
    extended = office.act(tenancy.case, "extend", office.centre, until=date(2025, 2, 1), reason="成果转化需要")
    assert (extended.state, extended.started["incubation_limit"]) == ("incubating", date(2025, 2, 1))


def test_what_the_document_does_not_know_is_not_there(office: Shanghe) -> None:
    case = office.titled()
    pack = office.workflow.catalog.latest("shanghe")
    assert pack.identity.changes is None
    assert CaseKind.CHANGE not in pack.machines
    changed = {"what": ["name"], "occurred_on": date(2022, 7, 25)}

    def report() -> Outcome:
        return office.workflow.open_case("change", "report_change", by=office.operator, evidence=changed, parent=case)

    assert refused(report) == {"not_allowed_from_state": ""}


@pytest.mark.parametrize("name", ["recognised", "years"])
def test_the_scenarios_of_the_walk_through_hold(name: str, files: Path) -> None:
    packs, templates = [files / "packs"], [files / "templates"]
    words = Vocabulary.of(load_catalog(packs, templates))
    scenario = read_scenario(files / "scenarios" / "shanghe" / f"{name}.toml", words)
    played = [*play(scenario, states=packs, templates=templates)]
    assert len(played) >= len(scenario.steps) > 1
    assert [finding for step in played for finding in step.findings if not finding.held] == []


def test_no_code_knows_the_city() -> None:
    for path in sorted((ROOT / "kjfh_workflow").rglob("*")):
        if path.suffix in (".py", ".toml"):
            text = path.read_text("utf-8")
            assert "shanghe" not in text, path
            assert "上禾" not in text, path


# ---- the reference -----------------------------------------------------------------------------------------------


def table(header: str) -> list[str]:
    """The names in the first column of the table that begins with *header*, below the heading where it has one."""
    heading, _, first = header.rpartition("|")
    text = REFERENCE.partition(f"## {heading}\n")[2] if heading else REFERENCE
    rows = text.partition(f"| {first} | ")[2].splitlines()[2:]
    names = []
    for row in rows:
        if not row.startswith("|"):
            break
        names += re.findall(r"`([^`]+)`", row.split(" | ")[0])
    return names


def keys(part: type[Part], prefix: str = "") -> Iterator[str]:
    """Every key that a file may have, as the reference writes it; the three of every provision stand apart."""
    for name, info in part.model_fields.items():
        if issubclass(part, Provision) and name in Provision.model_fields:
            continue
        key = prefix + (info.alias or name)
        kinds = (info.annotation, *get_args(info.annotation))
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Part)]
        key += ".NAME" if getattr(info.annotation, "__origin__", None) is dict else ""
        # What is a provision and nothing else is a key by itself.
        below = [*keys(inner[0], f"{key}.")] if inner else []
        yield from below or [key]


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("`policy.toml`\n|key", model.Identity),
        ("`criteria.toml`\n|key", model.CriteriaFile),
        ("`machines/<kind>.toml`\n|key", Machine),
    ],
)
def test_the_reference_has_every_key_and_no_other(header: str, part: type[Part]) -> None:
    assert sorted(table(header)) == sorted(keys(part))


def test_the_three_keys_of_every_provision_are_explained() -> None:
    assert table("Every value has an article and a status\n|key") == [*Provision.model_fields]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("status", vocabulary.Status),
        ("handling", vocabulary.Handling),
        ("measure", vocabulary.Measure),
        ("test", vocabulary.TenantTest),
        ("role", vocabulary.Role),
        ("when", vocabulary.Branch),
        ("guard", vocabulary.GuardName),
        ("effect", vocabulary.EffectName),
        ("evidence", vocabulary.Field),
        ("reckoning", vocabulary.Reckoning),
        ("what is counted", vocabulary.TargetCount),
        ("change", vocabulary.ChangeKind),
        ("difference taken from", vocabulary.TopUpBasis),
        ("award is for", vocabulary.AwardKind),
        ("award stands as", vocabulary.AwardStatus),
        ("no grade because", vocabulary.Ungraded),
    ],
)
def test_the_reference_has_every_name_in_its_table(header: str, names: type[StrEnum]) -> None:
    assert sorted(table(header)) == sorted(names)


@pytest.mark.parametrize(
    "names",
    [
        vocabulary.Modifier,
        vocabulary.Operator,
        vocabulary.LengthUnit,
        vocabulary.Side,
        vocabulary.Level,
        vocabulary.OneOpenPer,
        vocabulary.Grade,
    ],
)
def test_the_reference_has_the_names_of_short_lists(names: type[StrEnum]) -> None:
    assert [name for name in names if f"`{name}`" not in REFERENCE] == []


def test_the_reference_has_every_kind_of_machine() -> None:
    assert [kind for kind in CaseKind if f"machines/{kind}.toml" not in REFERENCE] == []


def test_the_reference_has_every_command() -> None:
    assert isinstance(policy_command, click.Group)
    assert [name.split()[2] for name in table("command")] == [
        "check", "show", "graph", "diff", "coverage", "open-questions", "confirm",
    ]  # fmt: skip
    assert {name.split()[2] for name in table("command")} == {*policy_command.commands}


def test_the_reference_has_every_variable_of_a_letter(files: Path) -> None:
    pack = load_catalog([files / "packs"], [files / "templates"]).latest("shanghe")
    case = Case("X", "shanghe", CaseKind.APPLICATION, pack.version, "applied", memory={"type": "makerspace"})
    day, stated = date(2022, 7, 4), vocabulary.Status.STATED
    letter = Letter(pack, case, vocabulary.Role.APPLICANT, day, day, "提交申请", "第四条", stated, {}, {})
    named = [name for name in table("variable") if re.fullmatch(r"[a-z_]+", name)]
    assert sorted(named) == sorted(letter.words)
