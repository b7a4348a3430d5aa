"""The acceptance language: what is read, what is an error, what is played, and what does not hold."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from kjfh_workflow import Workflow
from kjfh_workflow.casework.opening import load_catalog
from kjfh_workflow.clock import FixedClock, office_hour, start_of
from kjfh_workflow.errors import Problem, ScenarioError
from kjfh_workflow.scenario.looking import Finding
from kjfh_workflow.scenario.model import Scenario
from kjfh_workflow.scenario.play import Player, play
from kjfh_workflow.scenario.read import read_scenario
from kjfh_workflow.scenario.words import Vocabulary
from tests.bureau import CIXI_USCC, FACTS, YUYAO_USCC, uscc

FILE = """
title = "一份情景"
policy = "yuyao"
"""
PEOPLE = f"""
[people]
op = {{ role = "applicant", name = "余姚朝阳科技孵化器有限公司", uscc = "{YUYAO_USCC}" }}
other = {{ role = "applicant", name = "另一家有限公司", uscc = "{uscc(7)}" }}
clerk = {{ role = "tech_clerk" }}
lead = {{ role = "tech_lead" }}
finance = {{ role = "finance" }}
cixi_op = {{ role = "applicant", name = "慈溪海岸众创空间有限公司", uscc = "{CIXI_USCC}", city = "cixi" }}
cixi_clerk = {{ role = "tech_clerk", city = "cixi" }}
"""


def step(line: str, *more: str) -> str:
    """A step from "on by do case kind" (several people with commas), and further lines."""
    on, *words = line.split()
    keys = dict(zip(("by", "do", "case", "kind"), words, strict=False))
    lines = [f'{key} = "{word}"' for key, word in keys.items()]
    if "," in keys.get("by", ""):
        lines[0] = f"by = {keys['by'].split(',')}"
    return "\n".join(["[[step]]", f"on = {on}", *lines, *more]) + "\n"


STRONG = ('with.type = "incubator"', 'with.facts = "yuyao-strong"')
SUBMIT = step("2021-03-01 op submit app application", *STRONG)
ACCEPT = step("2021-03-02 clerk accept app")
PASS = step("2021-03-15 clerk pass_preliminary app", 'with.findings = "all_met"')
RECOGNISE = step("2021-03-19 finance,lead endorse app", 'opens.inc = "incubator"')
FRAUD = step("2021-03-10 lead find_fraud app", 'with.finding = "虚报"')

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a scenario file into a folder with the facts beside it."""
    shutil.copytree(FACTS, tmp_path / "facts")
    folder = tmp_path / "yuyao"
    folder.mkdir()

    def written(*steps: str, name: str = "s.toml", file: str = FILE, people: str = PEOPLE) -> Path:
        path = folder / name
        path.write_text("\n".join([file, people, *steps]), "utf-8")
        return path

    return written


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return Vocabulary.of(load_catalog())


@pytest.fixture
def read(words: Vocabulary) -> Callable[[Path], Scenario]:
    return lambda path: read_scenario(path, words)


@pytest.fixture
def problems(words: Vocabulary) -> Callable[[Path], list[Problem]]:
    """Everything that is wrong with a file."""

    def found(path: Path) -> list[Problem]:
        with pytest.raises(ScenarioError) as error:
            read_scenario(path, words)
        return [*error.value.problems]

    return found


@pytest.fixture
def failed(words: Vocabulary) -> Callable[[Path], list[tuple[str, str, str]]]:
    """Plays a file; what did not hold, as (what, expected, actual)."""

    def findings(path: Path) -> list[tuple[str, str, str]]:
        played = [*play(read_scenario(path, words))]
        assert all(p.held == all(f.held for f in p.findings) for p in played)
        return [(f.what, f.expected, f.actual) for p in played for f in p.findings if not f.held]

    return findings


@pytest.fixture
def played(words: Vocabulary) -> Iterator[Callable[[Path], Player]]:
    """Plays a file in which everything holds; the player with its workflow, to look at."""
    opened: list[Workflow] = []

    def player(path: Path) -> Player:
        scenario = read_scenario(path, words)
        clock = FixedClock(office_hour(scenario.steps[0].on))
        opened.append(Workflow("sqlite://", clock=clock, create=True))
        found = Player(opened[-1], clock)
        assert [f for p in found.play(scenario) for f in p.findings if not f.held] == []
        return found

    yield player
    for workflow in opened:
        workflow.close()


Read = Callable[[Path], Scenario]
Problems = Callable[[Path], list[Problem]]
Failed = Callable[[Path], list[tuple[str, str, str]]]
Played = Callable[[Path], Player]


# ---- unknown words ---------------------------------------------------------------------------------------------------

UNKNOWN_IN_STEP = {
    "a key of a step": (step("2021-03-02 clerk accept app", 'expct.state = "applied"'), "expct", "expect"),
    "a key of expect": (step("2021-03-02 clerk accept app", 'expect.stat = "applied"'), "expect.stat", "state"),
    "an event": (step("2021-03-02 clerk acept app"), "do", "accept"),
    "a person": (step("2021-03-02 clark accept app"), "by", "clerk"),
    "one of several people": (step("2021-03-02 clerk,laed accept app"), "by", "lead"),
    "a state": (step("2021-03-02 clerk accept app", 'expect.state = "aplied"'), "expect.state", "applied"),
    "another case's state": (
        step("2021-03-02 clerk accept app", 'expect.cases.app.state = "aplied"'),
        "expect.cases.app.state",
        "applied",
    ),
    "a field of a case": (
        step("2021-03-02 clerk accept app", 'expect.cases.app.levl = "local"'),
        "expect.cases.app.levl",
        "level",
    ),
    "a kind": (step("2021-03-02 other submit two aplication", *STRONG), "kind", "application"),
    "a kind that is opened": (step("2021-03-02 clerk accept app", 'opens.inc = "incubater"'), "opens.inc", "incubator"),
    "an evidence field": (step("2021-03-02 clerk accept app", 'with.reson = "x"'), "with.reson", "reason"),
    "a criterion in findings": (
        step("2021-03-02 clerk accept app", "with.findings.y5_1_directio = true"),
        "with.findings.y5_1_directio",
        "y5_1_direction",
    ),
    "a criterion in justifications": (
        step("2021-03-02 clerk accept app", 'with.justifications.y5_2_single_tenan = "x"'),
        "with.justifications.y5_2_single_tenan",
        "y5_2_single_tenant",
    ),
    "a criterion in expect": (
        step("2021-03-02 clerk accept app", 'expect.criteria.y5_2_aera = "met"'),
        "expect.criteria",
        "y5_2_area",
    ),
    "a criterion's result": (
        step("2021-03-02 clerk accept app", 'expect.criteria.y5_2_area = "unmeet"'),
        "expect.criteria.y5_2_area",
        "unmet",
    ),
    "a notice": (
        step("2021-03-02 clerk accept app", 'expect.notices = ["app:aplication_received"]'),
        "expect.notices",
        "application_received",
    ),
    "a notice not expected": (
        step("2021-03-02 clerk accept app", 'expect.no_notices = ["app:aplication_received"]'),
        "expect.no_notices",
        "application_received",
    ),
    "a timer": (
        step("2021-03-02 clerk accept app", 'expect.due."app.review_deu" = 2021-03-30'),
        "expect.due.app.review_deu",
        "review_due",
    ),
    "a refusal code": (step("2021-03-02 clerk accept app", 'expect.refused = ["baned"]'), "expect.refused", "banned"),
    "a city": (
        step("2021-03-02 cixi_op submit two application", *STRONG, 'policy = "cixii"'),
        "policy",
        "cixi",
    ),
    "a level": (
        step("2021-03-02 clerk accept app", 'expect.cases.app.level = "ningpo"'),
        "expect.cases.app.level",
        "ningbo",
    ),
    "a key of a ledger row": (
        step("2021-03-02 clerk accept app", 'expect.ledger = [{ case = "app", yaun = 1 }]'),
        "expect.ledger.0.yaun",
        "yuan",
    ),
    "a kind of award": (
        step("2021-03-02 clerk accept app", 'expect.ledger = [{ kind = "anual" }]'),
        "expect.ledger.0.kind",
        "annual",
    ),
    "an award's status": (
        step("2021-03-02 clerk accept app", 'expect.ledger = [{ year = 2021 }, { status = "payed" }]'),
        "expect.ledger.1.status",
        "paid",
    ),
    "an alias in the ledger": (
        step("2021-03-02 clerk accept app", 'expect.ledger = [{ case = "apq" }]'),
        "expect.ledger.0.case",
        "app",
    ),
    "an alias with a count": (
        step("2021-03-02 clerk accept app", "expect.ledger_count.apq = 0"),
        "expect.ledger_count.apq",
        "app",
    ),
    "an alias in a roster": (
        step("2021-03-02 clerk accept app", 'expect.roster.2021 = ["apq"]'),
        "expect.roster.2021",
        "app",
    ),
    "evidence of a round": (step("2021-03-02 lead open_round", "with.yaer = 2021"), "with.yaer", "year"),
    "a caseless event": (step("2021-03-02 lead open_rond", 'case = "app"'), "do", "open_round"),
    "an alias": (step("2021-03-02 clerk accept apq"), "case", "app"),
    "an alias among the cases": (
        step("2021-03-02 clerk accept app", 'expect.cases.apq.state = "applied"'),
        "expect.cases.apq",
        "app",
    ),
    "an alias with a timer": (
        step("2021-03-02 clerk accept app", 'expect.due."apq.review_due" = false'),
        "expect.due.apq.review_due",
        "app",
    ),
    "an alias with a notice": (
        step("2021-03-02 clerk accept app", 'expect.notices = ["apq:application_received"]'),
        "expect.notices",
        "app",
    ),
}


@pytest.mark.parametrize(("bad", "key", "near"), UNKNOWN_IN_STEP.values(), ids=UNKNOWN_IN_STEP)
def test_an_unknown_word_in_a_step_is_an_error_with_file_step_and_key(
    write: Write, problems: Problems, bad: str, key: str, near: str
) -> None:
    [problem] = problems(write(SUBMIT, bad))
    assert (problem.place, problem.key) == ("s.toml step 2", key)
    assert f"{near!r}" in problem.message


UNKNOWN_IN_FILE = {
    "a key": (FILE + 'articel = ["第五条"]', PEOPLE, "articel", "article"),
    "a city": (FILE.replace("yuyao", "yuyoa"), PEOPLE, "policy", "yuyao"),
    "a role": (FILE, PEOPLE + 'x = { role = "tech_clerc" }', "people.x.role", "tech_clerk"),
    "one of several roles": (
        FILE,
        PEOPLE + 'x = { role = ["tech_lead", "finanse"] }',
        "people.x.role",
        "finance",
    ),
    "a key of a person": (FILE, PEOPLE + 'x = { role = "finance", nam = "x" }', "people.x.nam", "name"),
    "a person's city": (FILE, PEOPLE + 'x = { role = "finance", city = "cixy" }', "people.x.city", "cixi"),
}


@pytest.mark.parametrize(("file", "people", "key", "near"), UNKNOWN_IN_FILE.values(), ids=UNKNOWN_IN_FILE)
def test_an_unknown_word_outside_the_steps_is_an_error_with_file_and_key(
    write: Write, problems: Problems, file: str, people: str, key: str, near: str
) -> None:
    [problem] = problems(write(SUBMIT, file=file, people=people))
    assert (problem.place, problem.key) == ("s.toml", key)
    assert f"did you mean {near!r}" in problem.message


def test_the_roles_of_timers_and_cases_are_nobody_s(write: Write, problems: Problems) -> None:
    found = problems(write(SUBMIT, people=PEOPLE + 'x = { role = ["timer", "case"] }'))
    assert [problem.key for problem in found] == ["people.x.role"] * 2


def test_all_errors_come_at_once_in_the_order_of_the_file(write: Write, problems: Problems) -> None:
    path = write(
        SUBMIT,
        step("2021-03-02 clerk acept app", 'expect.state = "aplied"'),
        step("2021-03-01 clerk accept app", 'expect.refused = ["baned", "banned", "over_capp"]'),
        file=FILE + "colour = 1",
        people=PEOPLE + 'x = { role = "boss", uscc = "91330281MA2B00001X" }',
    )
    assert [(problem.place, problem.key) for problem in problems(path)] == [
        ("s.toml", "colour"),
        ("s.toml", "people.x.role"),
        ("s.toml", "people.x.uscc"),
        ("s.toml step 2", "do"),
        ("s.toml step 2", "expect.state"),
        ("s.toml step 3", "on"),
        ("s.toml step 3", "expect.refused"),
        ("s.toml step 3", "expect.refused"),
    ]


def test_one_mistake_is_one_complaint_however_often_the_name_is_used(write: Write, problems: Problems) -> None:
    people = PEOPLE + f'x = {{ role = "aplicant", name = "某公司", uscc = "{uscc(9)}" }}'
    first = step("2021-03-01 x submit two application", *STRONG)
    again = step("2021-03-02 x withdraw two", 'expect.cases.two.state = "withdrawn"')
    assert [problem.key for problem in problems(write(first, again, people=people))] == ["people.x.role"]
    undated = step("2021-03-01 op submit app application", *STRONG).replace("on = 2021-03-01\n", "")
    assert [problem.key for problem in problems(write(undated, ACCEPT))] == ["on"]


# ---- shapes ----------------------------------------------------------------------------------------------------------

WRONG_SHAPES = {
    "codes that are no list": ('expect.refused = "banned"', "expect.refused"),
    "no code at all": ("expect.refused = []", "expect.refused"),
    "notices that are no list": ('expect.notices = "app:disqualified"', "expect.notices"),
    "a notice without its case": ('expect.notices = ["disqualified"]', "expect.notices"),
    "cases that are no table": ("expect.cases = 1", "expect.cases"),
    "a case that is no table": ('expect.cases.app = "applied"', "expect.cases.app"),
    "deadlines that are no table": ("expect.due = false", "expect.due"),
    "a deadline that is no day": ('expect.due."app.review_due" = "2021-03-30"', "expect.due.app.review_due"),
    "a deadline that is true": ('expect.due."app.review_due" = true', "expect.due.app.review_due"),
    "a deadline with a time": (
        'expect.due."app.review_due" = 2021-03-30T09:00:00',
        "expect.due.app.review_due",
    ),
    "bans that are no table": ("expect.banned = true", "expect.banned"),
    "a ban that is no day": (f"expect.banned.{YUYAO_USCC} = 2023", f"expect.banned.{YUYAO_USCC}"),
    "a ban of a mistyped code": ("expect.banned.91330281MA2B00001X = false", "expect.banned.91330281MA2B00001X"),
    "criteria that are no table": ('expect.criteria = "met"', "expect.criteria"),
    "a state that is no text": ("expect.state = 1", "expect.state"),
    "expectations that are no table": ("expect = 1", "expect"),
    "evidence that is no table": ("with = 1", "with"),
    "overrides that are no table": ("with.override = 1", "with.override"),
    "facts that are no name": ("with.facts = 1", "with.facts"),
    "opened cases that are no table": ('opens = "inc"', "opens"),
    "a ledger that is no list": ('expect.ledger = { case = "app" }', "expect.ledger"),
    "a ledger without rows": ("expect.ledger = []", "expect.ledger"),
    "a row that says nothing": ("expect.ledger = [{}]", "expect.ledger"),
    "a row's year as a text": ('expect.ledger = [{ year = "2021" }]', "expect.ledger.0.year"),
    "a row's instalment as a truth": ("expect.ledger = [{ instalment = true }]", "expect.ledger.0.instalment"),
    "a row's sum as a text": ('expect.ledger = [{ yuan = "300000" }]', "expect.ledger.0.yuan"),
    "a count that is none": ("expect.ledger_count.app = -1", "expect.ledger_count.app"),
    "counts that are no table": ("expect.ledger_count = 3", "expect.ledger_count"),
    "failed years that are no number": ("expect.cases.app.failed_years = true", "expect.cases.app.failed_years"),
    "late days that are no number": ('expect.cases.app.late_days = "1"', "expect.cases.app.late_days"),
    "a level that is no text": ("expect.cases.app.level = 1", "expect.cases.app.level"),
    "a roster of no year": ("expect.roster.next = []", "expect.roster.next"),
    "a roster that is no list": ('expect.roster.2021 = "app"', "expect.roster.2021"),
    "rosters that are no table": ("expect.roster = []", "expect.roster"),
    "a new name for a known case": ('opens.app = "incubator"', "opens.app"),
}


@pytest.mark.parametrize(("line", "key"), WRONG_SHAPES.values(), ids=WRONG_SHAPES)
def test_a_value_of_the_wrong_shape_is_an_error(write: Write, problems: Problems, line: str, key: str) -> None:
    found = problems(write(SUBMIT, step("2021-03-02 clerk accept app", line)))
    assert [(problem.place, problem.key) for problem in found] == [("s.toml step 2", key)]


@pytest.mark.parametrize(
    ("bad", "key"),
    [
        (step("2021-02-28 clerk accept app"), "on"),
        ('[[step]]\nby = "clerk"\ndo = "accept"\ncase = "app"\n', "on"),
        (step("2021-03-02T09:00:00 clerk accept app"), "on"),
        (step("2021-03-02 clerk accept"), "case"),
        (step("2021-03-02", 'do = "accept"', 'case = "app"'), "by"),
        (step("2021-03-02", "by = []", 'do = "accept"', 'case = "app"'), "by"),
        (step("2021-03-02 clerk"), "do"),
        (step("2021-03-02 other submit two", *STRONG), "case"),
        (step("2021-03-02 op submit app application", *STRONG), "kind"),
        (step("2021-03-02 clerk accept app", 'policy = "cixi"'), "policy"),
        (step("2021-03-02", 'expect.state = "applied"'), "case"),
        (step("2021-03-02", 'expect.criteria.y5_2_area = "met"'), "case"),
        (step("2021-03-02", 'case = "app"', 'expect.refused = ["banned"]'), "expect.refused"),
        (step("2021-03-02", 'case = "app"', 'with.reason = "x"'), "with"),
        (step("2021-03-02", 'case = "app"', 'opens.inc = "incubator"'), "opens"),
        (step("2021-03-02", 'case = "two"', 'kind = "application"'), "kind"),
        (step("2021-03-02", 'case = "two"', 'expect.state = "applied"'), "case"),
        (step("2021-03-02 lead open_round app", "with.year = 2021"), "case"),
        (step("2021-03-02 lead open_round", "with.year = 2021", 'expect.state = "applied"'), "case"),
        (step("2021-03-02 lead close_round", "with.year = 2021", 'with.reason = "x"'), "with.reason"),
        (step("2021-03-02 lead record_misconduct", 'with.person = "x"', 'kind = "incubator"'), "kind"),
        (step("2021-03-02 lead open_round", "with.year = 2021", 'opens.inc = "incubator"'), "opens"),
        (step("2021-03-02 op report_change chg change"), "parent"),
        (step("2021-03-02 op report_change chg change", 'parent = "app"'), "parent"),
        (step("2021-03-02 other submit two application", *STRONG, 'parent = "app"'), "parent"),
        (step("2021-03-02 clerk accept app", 'parent = "app"'), "parent"),
    ],
    ids=[
        "before the step before", "no day", "a time", "no case", "nobody", "an empty list of people", "nothing done",
        "a new alias without kind", "a known alias with kind", "another city's policy for a known case",
        "a state of no case", "a criterion of no case", "a refusal where nothing is done",
        "evidence where nothing is done", "a case opened where nothing is done", "a kind where nothing is done",
        "looking at a case that nobody opened", "a round for one case", "a state where no case acts",
        "evidence that a round does not take", "misconduct as a case", "a round that opens a case",
        "a change of nothing", "a change of an application", "an application under another",
        "a parent for a known case",
    ],
)  # fmt: skip
def test_a_step_that_makes_no_sense_is_an_error(write: Write, problems: Problems, bad: str, key: str) -> None:
    found = problems(write(SUBMIT, bad))
    assert [(problem.place, problem.key) for problem in found] == [("s.toml step 2", key)]


@pytest.mark.parametrize(
    ("file", "people", "keys"),
    [
        (FILE.replace('title = "一份情景"', ""), PEOPLE, ["title"]),
        (FILE.replace('policy = "yuyao"', ""), PEOPLE, ["policy"]),
        (FILE + 'article = "第五条"', PEOPLE, ["article"]),
        (FILE, PEOPLE + "x = 1", ["people.x"]),
        (FILE, PEOPLE + 'x = { name = "x" }', ["people.x.role"]),
        (FILE, PEOPLE + "x = { role = [] }", ["people.x.role"]),
        (FILE, PEOPLE + 'x = { role = "finance", name = 1 }', ["people.x.name"]),
        (FILE, PEOPLE + 'x = { role = "applicant", uscc = "91330281MA2B00001X" }', ["people.x.uscc"]),
    ],
)
def test_a_file_that_makes_no_sense_is_an_error(
    write: Write, problems: Problems, file: str, people: str, keys: list[str]
) -> None:
    found = problems(write(SUBMIT, file=file, people=people))
    assert [(problem.place, problem.key) for problem in found] == [("s.toml", key) for key in keys]


def test_a_file_without_steps_is_an_error(write: Write, problems: Problems) -> None:
    assert [problem.key for problem in problems(write())] == ["step"]
    assert [problem.key for problem in problems(write(file=FILE + "step = 1", people=""))] == ["step"]
    [problem] = problems(write(file=FILE + "step = [1]", people=""))
    assert (problem.place, problem.message) == ("s.toml step 1", "a step must be a table")


def test_people_that_are_no_table_are_an_error(write: Write, problems: Problems) -> None:
    found = problems(write(step("2021-03-01", ""), file=FILE + 'people = "op"', people=""))
    assert [(problem.place, problem.key) for problem in found] == [("s.toml", "people")]


def test_a_file_that_does_not_parse_is_an_error_that_names_it_and_the_line(write: Write, problems: Problems) -> None:
    [problem] = problems(write("[[step]\n"))
    assert problem.place == "s.toml"
    assert "line 15" in problem.message


def test_a_file_in_another_encoding_is_an_error(write: Write, problems: Problems) -> None:
    path = write(SUBMIT)
    path.write_bytes(path.read_text("utf-8").encode("gb18030"))
    [problem] = problems(path)
    assert problem.place == "s.toml"
    assert "utf-8" in problem.message


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path, problems: Problems) -> None:
    [problem] = problems(tmp_path / "nowhere.toml")
    assert (problem.place, problem.message) == ("nowhere.toml", f"there is no file {tmp_path / 'nowhere.toml'}")


def test_facts_that_cannot_be_read_are_an_error_of_the_step(write: Write, problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "facts" / "broken.toml").write_text("x = = 1", "utf-8")
    (tmp_path / "facts" / "empty.toml").write_text("makers = 0", "utf-8")
    for name, said in (("nowhere", "nowhere.toml"), ("broken", "broken.toml"), ("empty", "[operator]")):
        submit = step("2021-03-01 op submit app application", 'with.type = "incubator"', f'with.facts = "{name}"')
        [problem] = problems(write(submit))
        assert (problem.place, problem.key) == ("s.toml step 1", "with.facts")
        assert said in problem.message


def test_facts_are_found_from_inside_the_scenario_s_own_folder(
    write: Write, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write(SUBMIT).parent)
    assert read(Path("s.toml")).steps[0].evidence["facts"]["operator"]["uscc"] == YUYAO_USCC


# ---- what belongs to what --------------------------------------------------------------------------------------------

CHANGE = ('parent = "inc"', 'with.what = ["site"]', "with.occurred_on = 2021-04-01")
CIXI_TITLE = (
    'with.type = "makerspace"',
    'with.name = "慈溪海岸众创空间有限公司"',
    f'with.uscc = "{CIXI_USCC}"',
    'with.level = "local"',
    "with.decided_on = 2020-06-01",
    'with.document_no = "慈科〔2020〕9号"',
    'with.township = "古塘街道"',
    'policy = "cixi"',
)
CIXI_LEAD = 'cixi_lead = { role = "tech_lead", city = "cixi" }'


def test_a_new_case_under_another_is_in_that_one_s_city(write: Write, read: Read, problems: Problems) -> None:
    people = PEOPLE + CIXI_LEAD
    title = step("2021-04-01 cixi_lead register_title inc incubator", *CIXI_TITLE)
    under = read(write(title, step("2021-04-02 cixi_op report_change chg change", *CHANGE), people=people)).steps[1]
    assert (under.city, under.parent, under.kind) == ("cixi", "inc", "change")
    path = write(title, step("2021-04-02 op report_change chg change", *CHANGE, 'policy = "yuyao"'), people=people)
    [problem] = problems(path)
    assert (problem.place, problem.key) == ("s.toml step 2", "policy")


def test_nothing_belongs_to_a_case_whose_opening_is_refused(write: Write, problems: Problems) -> None:
    title = step(
        "2021-04-01 cixi_clerk register_title inc incubator", *CIXI_TITLE, 'expect.refused = ["not_authorised"]'
    )
    [problem] = problems(write(title, step("2021-04-02 cixi_op report_change chg change", *CHANGE)))
    assert (problem.place, problem.key) == ("s.toml step 2", "parent")


def test_numbers_in_the_ledger_are_exact(write: Write, read: Read) -> None:
    look = step("2021-03-02", 'expect.ledger = [{ case = "app", yuan = 66666.67 }, { yuan = 60000 }]')
    rows = read(write(SUBMIT, look)).steps[1].expect.ledger
    assert [row["yuan"] for row in rows] == [Decimal("66666.67"), 60000]


# ---- what goes before ------------------------------------------------------------------------------------------------


def test_a_scenario_goes_on_where_the_one_before_it_ended(write: Write, read: Read, played: Played) -> None:
    write(SUBMIT, ACCEPT, PASS, RECOGNISE, name="recognised.toml")
    path = write(
        step("2021-04-01 clerk propose_revocation inc", 'with.ground = "x"', 'with.article = "第十一条"'),
        step("2021-04-02 deputy drop_revocation inc", 'with.reason = "x"', 'expect.state = "recognized"'),
        file=FILE + 'after = "recognised.toml"',
        people='[people]\ndeputy = { role = "tech_lead" }',
    )
    scenario = read(path)
    assert [(s.place, s.on.isoformat()) for s in scenario.steps[3:]] == [
        ("recognised.toml step 4", "2021-03-19"),
        ("s.toml step 1", "2021-04-01"),
        ("s.toml step 2", "2021-04-02"),
    ]
    assert {"clerk", "deputy"} <= scenario.people.keys()
    assert played(path).workflow.today == date(2021, 4, 2)


def test_a_chain_of_scenarios_is_played_from_its_beginning(write: Write, read: Read) -> None:
    write(SUBMIT, name="a.toml")
    write(ACCEPT, name="b.toml", file=FILE + 'after = "a.toml"', people="")
    path = write(PASS, name="c.toml", file=FILE + 'after = "b.toml"', people="")
    assert [s.place for s in read(path).steps] == ["a.toml step 1", "b.toml step 1", "c.toml step 1"]


def test_no_step_lies_before_the_last_one_of_the_scenario_before(write: Write, problems: Problems) -> None:
    write(SUBMIT, ACCEPT, name="a.toml")
    path = write(step("2021-03-01 op withdraw app"), file=FILE + 'after = "a.toml"')
    [problem] = problems(path)
    assert (problem.place, problem.key) == ("s.toml step 1", "on")
    assert "2021-03-02" in problem.message


def test_an_alias_of_the_scenario_before_is_taken(write: Write, problems: Problems) -> None:
    write(SUBMIT, name="a.toml")
    [problem] = problems(write(SUBMIT, file=FILE + 'after = "a.toml"'))
    assert (problem.place, problem.key) == ("s.toml step 1", "kind")


def test_after_a_file_that_is_not_there_is_an_error_of_the_file_that_says_so(write: Write, problems: Problems) -> None:
    found = problems(write(SUBMIT, file=FILE + 'colour = 1\nafter = "nowhere.toml"'))
    assert [(problem.place, problem.key) for problem in found] == [("s.toml", "colour"), ("s.toml", "after")]
    assert "nowhere.toml" in found[1].message
    assert [problem.key for problem in problems(write(SUBMIT, file=FILE + "after = 1"))] == ["after"]


def test_scenarios_that_come_after_each_other_are_an_error(write: Write, problems: Problems) -> None:
    write(SUBMIT, name="a.toml", file=FILE + 'after = "s.toml"')
    [circle] = problems(write(ACCEPT, file=FILE + 'after = "a.toml"'))
    assert (circle.place, circle.key) == ("a.toml", "after")
    [itself] = problems(write(SUBMIT, name="b.toml", file=FILE + 'after = "b.toml"'))
    assert (itself.place, itself.key) == ("b.toml", "after")


def test_the_errors_of_the_scenario_before_are_told_with_its_name(write: Write, problems: Problems) -> None:
    write(step("2021-03-01 op submitt app application", *STRONG), name="a.toml")
    found = problems(write(ACCEPT, file=FILE + 'colour = 1\nafter = "a.toml"'))
    assert [(problem.place, problem.key) for problem in found] == [("s.toml", "colour"), ("a.toml step 1", "do")]


# ---- playing ---------------------------------------------------------------------------------------------------------


def test_a_step_happens_at_nine_in_shanghai(write: Write, played: Played) -> None:
    player = played(write(SUBMIT, ACCEPT))
    rows = player.workflow.case(player.cases["app"]).timeline
    assert [row.happened_at.isoformat() for row in rows] == ["2021-03-01T01:00:00+00:00", "2021-03-02T01:00:00+00:00"]


def test_each_of_several_people_performs_the_event_in_turn(write: Write, played: Played) -> None:
    player = played(write(SUBMIT, ACCEPT, PASS, RECOGNISE))
    rows = player.workflow.case(player.cases["app"]).timeline
    assert [(row.event, row.actor) for row in rows[-2:]] == [("endorse", "finance"), ("endorse", "lead")]
    assert player.workflow.case(player.cases["inc"]).case.kind == "incubator"


def test_several_people_may_all_be_refused(write: Write, failed: Failed) -> None:
    codes = 'expect.refused = ["not_authorised", "not_allowed_from_state"]'
    assert failed(write(SUBMIT, step("2021-03-02 clerk,lead endorse app", codes))) == []


def test_a_step_in_which_only_one_of_several_is_refused_is_not_refused(write: Write, failed: Failed) -> None:
    twice = step("2021-03-19 lead,finance,lead endorse app", 'expect.refused = ["not_allowed_from_state"]')
    assert failed(write(SUBMIT, ACCEPT, PASS, twice)) == [
        ("after the refusal", "nothing changed", "something changed"),
    ]


def test_a_person_may_hold_several_roles(write: Write, failed: Failed) -> None:
    people = PEOPLE + 'both = { role = ["tech_clerk", "tech_lead"] }'
    steps = (step("2021-03-02 both accept app"), step("2021-03-03 both find_fraud app", 'with.finding = "x"'))
    assert failed(write(SUBMIT, *steps, people=people)) == []


def test_the_applicant_s_name_and_code_replace_those_in_the_facts(write: Write, played: Played) -> None:
    player = played(write(step("2021-03-01 other submit app application", *STRONG)))
    view = player.workflow.case(player.cases["app"])
    assert view.facts is not None
    assert (view.facts.operator.name, view.facts.operator.uscc) == ("另一家有限公司", uscc(7))
    assert (view.case.name, view.case.uscc) == ("另一家有限公司", uscc(7))


def test_an_applicant_without_a_name_keeps_the_one_in_the_facts(write: Write, played: Played) -> None:
    people = PEOPLE + f'nameless = {{ role = "applicant", uscc = "{uscc(8)}" }}'
    player = played(write(step("2021-03-01 nameless submit app application", *STRONG), people=people))
    case = player.workflow.case(player.cases["app"]).case
    assert (case.name, case.uscc) == ("余姚朝阳科技孵化器有限公司", uscc(8))


def test_each_applicant_hands_in_facts_of_its_own(write: Write, failed: Failed) -> None:
    """The first is banned and refused, the second is not: its facts are not those of the first."""
    both = step(
        "2021-04-01 op,other submit next application",
        *STRONG,
        f"expect.banned.{YUYAO_USCC} = 2023-03-10",
        'expect.cases.next.state = "applied"',
    )
    assert failed(write(SUBMIT, FRAUD, both)) == [("refused", "not refused", "banned")]


def test_overrides_reach_into_tables_and_lists_and_numbers_are_exact(write: Write, read: Read, played: Played) -> None:
    submit = step(
        "2021-03-01 op submit app application",
        *STRONG,
        'with.override."staff.0.professional" = false',
        "with.override.staff.1.professional = false",
        'with.override."fund.partner_yuan" = 999999.99',
        'with.override."tenants.11.area_m2" = 0.1',
        'expect.criteria.y5_4_professionals = "unmet"',
        'expect.criteria.y5_3_fund = "unmet"',
        'expect.criteria.y5_2_tenants = "met"',
        'expect.criteria.y5_1_direction = "judge"',
    )
    override = read(write(submit)).steps[0].evidence["override"]
    assert override["fund.partner_yuan"] == Decimal("999999.99")  # which no binary fraction is
    player = played(write(submit))
    facts = player.workflow.case(player.cases["app"]).facts
    assert facts is not None
    assert facts.fund.partner_yuan == Decimal("999999.99")
    assert facts.tenants[11].area_m2 == Decimal("0.1")
    assert [person.professional for person in facts.staff] == [False, False, True, True, False]


def test_an_override_that_leads_nowhere_is_refused_by_the_office(write: Write, failed: Failed) -> None:
    for line in ('with.override."staff.5.professional" = false', "with.override.fonds.own_seed_yuan = 1"):
        submit = step("2021-03-01 op submit app application", *STRONG, line, 'expect.refused = ["evidence_invalid"]')
        assert failed(write(submit)) == []


def test_a_submission_without_materials_hands_in_all_of_them(write: Write, played: Played, failed: Failed) -> None:
    player = played(write(SUBMIT))
    assert {"application_form", "other"} <= {*player.workflow.case(player.cases["app"]).case.materials}
    some = step(
        "2021-03-01 op submit app application",
        *STRONG,
        'with.materials = ["application_form"]',
        'expect.refused = ["materials_missing"]',
    )
    assert failed(write(some)) == []


def test_a_new_case_may_belong_to_another_city_and_stays_there(write: Write, played: Played, failed: Failed) -> None:
    cixi = ('with.type = "makerspace"', 'with.facts = "cixi-makerspace"', 'policy = "cixi"')
    path = write(
        step("2021-03-01 cixi_op submit sea application", *cixi),
        step("2021-03-02 clerk accept sea", 'expect.refused = ["other_city"]'),
        step("2021-03-02 cixi_clerk accept sea", 'expect.state = "preliminary_review"'),
    )
    player = played(path)
    assert player.workflow.case(player.cases["sea"]).case.city == "cixi"
    unchanged = step("2021-03-01 cixi_op submit sea application", *cixi, 'expect.state = "correction"')
    assert failed(write(unchanged)) == [("state", "correction", "applied")]


def test_a_ban_is_looked_up_in_the_city_of_the_step(write: Write, failed: Failed) -> None:
    cixi = ('with.type = "makerspace"', 'with.facts = "cixi-makerspace"', 'policy = "cixi"')
    none, until = f"expect.banned.{YUYAO_USCC} = false", f"expect.banned.{YUYAO_USCC} = 2023-03-10"
    path = write(
        SUBMIT,
        step("2021-03-10 lead find_fraud app", 'with.finding = "虚报"', until),
        step("2021-03-11 op submit sea application", *cixi, none),
        step("2021-03-12", 'case = "sea"', none),
        step("2021-03-12", 'policy = "cixi"', none),
        step("2021-03-12", until),
        step("2023-03-10", until),
        step("2023-03-11", none),
    )
    assert failed(path) == []


def test_a_refused_opening_leaves_the_alias_to_be_used_again(write: Write, played: Played) -> None:
    again = step("2023-03-10 op submit next application", *STRONG, 'expect.refused = ["banned"]')
    late = step(
        "2024-01-02 op submit next application",
        'with.type = "makerspace"',
        'with.facts = "cixi-makerspace"',
        'policy = "cixi"',
        'expect.refused = ["policy_not_in_force"]',
    )
    at_last = step("2024-01-03 op submit next application", *STRONG, 'expect.state = "applied"')
    player = played(write(SUBMIT, FRAUD, again, late, at_last))
    assert player.workflow.case(player.cases["next"]).case.city == "yuyao"


def test_the_alias_of_a_refused_opening_is_unknown_afterwards(write: Write, problems: Problems) -> None:
    refused = step(
        "2021-04-01 op submit next application",
        *STRONG,
        'expect.refused = ["banned"]',
        'expect.no_notices = ["next:application_received"]',
    )
    looks = step("2021-04-02", 'expect.cases.next.state = "applied"')
    [problem] = problems(write(SUBMIT, FRAUD, refused, looks))
    assert (problem.place, problem.key) == ("s.toml step 4", "expect.cases.next")


def test_a_case_that_a_refused_event_would_have_opened_can_be_named_later(write: Write, failed: Failed) -> None:
    early = step("2021-03-16 clerk endorse app", 'opens.inc = "incubator"', 'expect.refused = ["not_authorised"]')
    assert failed(write(SUBMIT, ACCEPT, PASS, early, RECOGNISE)) == []


# ---- time passes -----------------------------------------------------------------------------------------------------


def test_a_deadline_between_two_steps_rings_at_its_own_instant(write: Write, played: Played) -> None:
    path = write(
        SUBMIT,
        step(
            "2021-03-08 clerk return_for_correction app",
            'with.missing = ["场地平面图"]',
            "with.working_days = 5",
            'expect.due."app.correction_due" = 2021-03-15',
        ),
        step(
            "2021-06-01",
            'case = "app"',
            'expect.state = "lapsed"',
            'expect.notices = ["app:application_lapsed"]',
            'expect.due."app.correction_due" = false',
        ),
    )
    player = played(path)
    view = player.workflow.case(player.cases["app"])
    last = view.timeline[-1]
    assert (last.event, last.target) == ("correction_overdue", "lapsed")
    assert last.noticed_at == start_of(date(2021, 3, 16))
    assert [notice["queued_at"] for notice in view.notices if notice["notice"] == "application_lapsed"] == [
        start_of(date(2021, 3, 16))
    ]


def test_the_deadlines_of_several_cases_ring_in_order_before_a_step(write: Write, played: Played) -> None:
    path = write(
        SUBMIT,
        step("2021-03-02 other submit two application", *STRONG),
        step("2021-03-08 clerk return_for_correction app", 'with.missing = ["x"]'),
        step("2021-03-09 clerk return_for_correction two", 'with.missing = ["x"]', "with.working_days = 5"),
        step(
            "2021-06-01",
            'expect.notices = ["app:correction_reminder", "app:application_lapsed", "two:application_lapsed"]',
            'expect.cases.app.state = "lapsed"',
            'expect.cases.two.state = "lapsed"',
        ),
    )
    player = played(path)
    lapsed = {alias: player.workflow.case(player.cases[alias]).timeline[-1].noticed_at for alias in ("app", "two")}
    assert lapsed == {"app": start_of(date(2021, 3, 30)), "two": start_of(date(2021, 3, 17))}


def test_a_deadline_that_the_office_has_missed_is_no_longer_armed(write: Write, failed: Failed) -> None:
    armed, passed = (f'expect.due."app.review_due" = {day}' for day in ("2021-03-30", "false"))
    overdue = 'expect.notices = ["app:work_overdue"]'
    path = write(SUBMIT, ACCEPT, step("2021-03-30", armed), step("2021-03-31", passed, overdue))
    assert failed(path) == []


def test_what_was_queued_by_a_deadline_counts_for_the_next_step_and_no_other(write: Write, failed: Failed) -> None:
    returned = step("2021-03-08 clerk return_for_correction app", 'with.missing = ["x"]')
    queued, not_queued = (
        'expect.notices = ["app:correction_reminder"]',
        'expect.no_notices = ["app:correction_reminder"]',
    )
    path = write(
        SUBMIT, returned, step("2021-03-23", not_queued), step("2021-03-24", queued), step("2021-03-24", not_queued)
    )
    assert failed(path) == []


# ---- rounds, money, lists --------------------------------------------------------------------------------------------

ROUND = step("2021-11-01 lead open_round", "with.year = 2021")
GRADE = step("2021-12-01 clerk propose_grade inc", 'with.grade = "excellent"')
CLOSE = step("2021-12-20 lead close_round", "with.year = 2021")
TO_ROUND = (SUBMIT, ACCEPT, PASS, RECOGNISE)


def test_a_round_is_opened_and_closed_for_its_whole_roster(write: Write, failed: Failed) -> None:
    path = write(
        *TO_ROUND,
        ROUND + 'expect.roster.2021 = ["inc"]\nexpect.roster.2020 = []\nexpect.cases.inc.state = "under_assessment"\n',
        GRADE,
        CLOSE + 'expect.cases.inc = { state = "recognized", failed_years = 0 }\n',
        step("2021-12-21 lead,lead open_round", "with.year = 2021", 'expect.refused = ["round_exists"]'),
    )
    assert failed(path) == []


def test_a_round_is_that_of_the_step_s_city(write: Write, failed: Failed) -> None:
    people = PEOPLE + CIXI_LEAD
    path = write(
        *TO_ROUND,
        step("2021-04-01 cixi_lead register_title sea incubator", *CIXI_TITLE),
        step("2021-11-01 lead open_round", "with.year = 2021", 'policy = "cixi"', 'expect.refused = ["other_city"]'),
        step(
            "2021-11-01 cixi_lead open_round",
            "with.year = 2021",
            'policy = "cixi"',
            'expect.roster.2021 = ["sea"]',
            'expect.cases.inc.state = "recognized"',
        ),
        step("2021-11-02", "expect.roster.2021 = []"),
        people=people,
    )
    assert failed(path) == []


def test_a_nonsensical_year_is_refused_by_the_office_and_not_by_the_reader(write: Write, failed: Failed) -> None:
    path = write(
        *TO_ROUND,
        step("2021-11-01 lead open_round", 'expect.refused = ["evidence_missing"]'),
        step("2021-11-01 lead open_round", 'with.year = "今年"', 'expect.refused = ["evidence_invalid"]'),
        step("2021-11-01 lead close_round", "with.year = 2021", 'expect.refused = ["round_not_open"]'),
        step("2021-11-01 clerk open_round", "with.year = 2021", 'expect.refused = ["not_authorised"]'),
    )
    assert failed(path) == []


def test_a_wrong_level_is_refused_by_the_office_and_not_by_the_reader(write: Write, failed: Failed) -> None:
    line = 'with.level = "galactic"'
    title = step("2021-04-01 cixi_lead register_title inc incubator", *CIXI_TITLE).replace('with.level = "local"', line)
    assert failed(write(title + 'expect.refused = ["evidence_invalid"]\n', people=PEOPLE + CIXI_LEAD)) == []


def test_misconduct_is_recorded_without_a_case(write: Write, failed: Failed, played: Played) -> None:
    finding = ('with.person = "评审专家张某"', 'with.finding = "收受礼金"', 'with.document_no = "余科〔2021〕30号"')
    path = write(
        step("2021-07-01 clerk record_misconduct", *finding, 'expect.refused = ["not_authorised"]'),
        step("2021-07-01 lead record_misconduct", *finding[:2], 'expect.refused = ["evidence_missing"]'),
        step("2021-07-01 lead record_misconduct", *finding),
    )
    assert failed(path) == []
    [entry] = played(path).workflow.books.misconduct("yuyao")
    assert entry["person"] == "评审专家张某"


def test_a_change_is_reported_under_its_incubator(write: Write, failed: Failed) -> None:
    lines = (*CHANGE, 'expect.cases.chg = { state = "reported", late_days = 1 }')
    assert failed(write(*TO_ROUND, step("2021-05-07 op report_change chg change", *lines))) == []


AWARDED = (*TO_ROUND, ROUND, GRADE, CLOSE)
ROW = 'expect.ledger = [{ case = "inc", kind = "annual", year = 2021, yuan = 200000, status = "held" }]'


def test_any_subset_of_a_row_s_fields_may_be_expected(write: Write, failed: Failed) -> None:
    some = 'expect.ledger = [{ status = "held" }, { case = "inc", yuan = 200000.0 }, { year = 2021, instalment = 0 }]'
    assert (
        failed(write(*AWARDED, step("2021-12-21", ROW, "expect.ledger_count.inc = 1"), step("2021-12-21", some))) == []
    )


FALSE_YEARS = {
    "a row's sum": (
        ROW.replace("200000", "200000.01"),
        ("ledger inc", "kind annual, year 2021, yuan 200000.01, status held", "inc: annual 2021 200000.00 yuan held"),
    ),
    "a row's status": (
        'expect.ledger = [{ case = "inc", status = "paid" }]',
        ("ledger inc", "status paid", "inc: annual 2021 200000.00 yuan held"),
    ),
    "a row of a case without any": (
        'expect.ledger = [{ case = "app", kind = "annual" }]',
        ("ledger app", "kind annual", "no rows"),
    ),
    "a row of any case": (
        'expect.ledger = [{ kind = "promotion" }]',
        ("ledger", "kind promotion", "inc: annual 2021 200000.00 yuan held"),
    ),
    "how many awards": ("expect.ledger_count.inc = 2", ("ledger count inc", "2", "1")),
    "a roster": ('expect.roster.2021 = ["app"]', ("roster 2021", "app", "inc")),
    "an empty roster": ("expect.roster.2021 = []", ("roster 2021", "nobody", "inc")),
    "a roster of no round": ('expect.roster.2022 = ["inc"]', ("roster 2022", "inc", "nobody")),
    "late days": ("expect.cases.inc.late_days = 0", ("inc.late_days", "0", "")),
}


@pytest.mark.parametrize(("line", "finding"), FALSE_YEARS.values(), ids=FALSE_YEARS)
def test_a_false_expectation_of_the_years_fails_with_the_expected_and_the_actual_value(
    write: Write, failed: Failed, line: str, finding: tuple[str, str, str]
) -> None:
    assert failed(write(*AWARDED, step("2021-12-21", line))) == [finding]


def test_an_incubator_without_a_name_in_the_roster_does_not_hold(write: Write, failed: Failed) -> None:
    nameless = RECOGNISE.replace('opens.inc = "incubator"\n', "")
    [(what, expected, actual)] = failed(write(SUBMIT, ACCEPT, PASS, nameless, ROUND + "expect.roster.2021 = []\n"))
    assert (what, expected) == ("roster 2021", "nobody")
    assert actual.startswith("yuyao-")


def test_what_an_unopened_case_was_to_carry_is_told(write: Write, failed: Failed) -> None:
    early = step("2021-03-19 finance endorse app", 'opens.inc = "incubator"')
    under = step(
        "2021-05-07 op report_change chg change",
        *CHANGE,
        "expect.ledger_count.inc = 0",
        'expect.ledger = [{ case = "inc", year = 2021 }]',
    )
    assert failed(write(SUBMIT, ACCEPT, PASS, early, under)) == [
        ("opens inc", "incubator", "nothing"),
        ("case inc", "open", "no such case"),
        ("ledger inc", "year 2021", "no rows"),
        ("ledger count inc", "0", "no such case"),
    ]


# ---- what does not hold ----------------------------------------------------------------------------------------------

FALSE = {
    "a state": ('expect.state = "correction"', ("state", "correction", "preliminary_review")),
    "a case's state": ('expect.cases.app = { state = "applied" }', ("app.state", "applied", "preliminary_review")),
    "a case's level": ('expect.cases.app.level = "local"', ("app.level", "local", "")),
    "a case's failed years": ("expect.cases.app.failed_years = 1", ("app.failed_years", "1", "0")),
    "a due date": ('expect.due."app.review_due" = 2021-03-31', ("due app.review_due", "2021-03-31", "2021-03-30")),
    "no due date": ('expect.due."app.review_due" = false', ("due app.review_due", "none", "2021-03-30")),
    "a clock that does not run": (
        'expect.due."app.correction_due" = 2021-03-31',
        ("due app.correction_due", "2021-03-31", "none"),
    ),
    "a notice": (
        'expect.notices = ["app:preliminary_passed"]',
        ("notice app:preliminary_passed", "queued", "not queued"),
    ),
    "a notice of an earlier step": (
        'expect.notices = ["app:application_received"]',
        ("notice app:application_received", "queued", "not queued"),
    ),
    "a ban": (f"expect.banned.{YUYAO_USCC} = 2023-03-10", (f"banned {YUYAO_USCC}", "2023-03-10", "none")),
    "a criterion": ('expect.criteria.y5_2_area = "unmet"', ("y5_2_area", "unmet", "met")),
    "a judged criterion": ('expect.criteria.y5_1_direction = "met"', ("y5_1_direction", "met", "judge")),
    "another city's criterion": ('expect.criteria.m1_gathering = "met"', ("m1_gathering", "met", "does not apply")),
    "an opened case": ('opens.inc = "incubator"', ("opens inc", "incubator", "nothing")),
}


@pytest.mark.parametrize(("line", "finding"), FALSE.values(), ids=FALSE)
def test_a_false_expectation_fails_with_the_expected_and_the_actual_value(
    write: Write, failed: Failed, line: str, finding: tuple[str, str, str]
) -> None:
    assert failed(write(SUBMIT, step("2021-03-02 clerk accept app", line))) == [finding]


REFUSALS = {
    "a refusal nobody expected": (
        step("2021-03-02 lead accept app"),
        [("refused", "not refused", "not_authorised")],
    ),
    "an expected refusal that does not come": (
        step("2021-03-02 clerk accept app", 'expect.refused = ["banned"]'),
        [("refused", "banned", "not refused"), ("after the refusal", "nothing changed", "something changed")],
    ),
    "another reason": (
        step("2021-03-02 lead accept app", 'expect.refused = ["other_city"]'),
        [("refused", "other_city", "not_authorised")],
    ),
    "a reason behind the doors": (
        step("2021-03-02 clerk return_for_correction app", 'expect.refused = ["already_returned"]'),
        [("refused", "already_returned", "evidence_missing")],
    ),
}


@pytest.mark.parametrize(("bad", "findings"), REFUSALS.values(), ids=REFUSALS)
def test_a_step_is_refused_with_exactly_the_codes_expected(
    write: Write, failed: Failed, bad: str, findings: list[tuple[str, str, str]]
) -> None:
    assert failed(write(SUBMIT, bad)) == findings


def test_a_reason_more_than_expected_does_not_hold(write: Write, failed: Failed) -> None:
    weak = step("2021-03-01 op submit app application", *STRONG, 'with.override."premises.area_m2" = 4999')
    bad = step("2021-03-15 clerk pass_preliminary app", 'expect.refused = ["criteria_unmet"]')
    both = step("2021-03-15 clerk pass_preliminary app", 'expect.refused = ["finding_missing", "criteria_unmet"]')
    assert failed(write(weak, ACCEPT, bad)) == [("refused", "criteria_unmet", "criteria_unmet, finding_missing")]
    assert failed(write(weak, ACCEPT, both)) == []


def test_a_notice_that_was_not_to_be_queued_does_not_hold(write: Write, failed: Failed) -> None:
    submit = SUBMIT + 'expect.no_notices = ["app:application_received"]\n'
    assert failed(write(submit)) == [("notice app:application_received", "not queued", "queued")]


def test_a_ban_that_was_not_to_be_does_not_hold(write: Write, failed: Failed) -> None:
    fraud = FRAUD + f"expect.banned.{YUYAO_USCC} = false\n"
    assert failed(write(SUBMIT, fraud)) == [(f"banned {YUYAO_USCC}", "none", "2023-03-10")]


def test_a_title_at_another_level_does_not_hold(write: Write, failed: Failed) -> None:
    recognise = RECOGNISE + 'expect.cases.inc = { state = "recognized", level = "national", failed_years = 2 }\n'
    assert failed(write(SUBMIT, ACCEPT, PASS, recognise)) == [
        ("inc.level", "national", "local"),
        ("inc.failed_years", "2", "0"),
    ]


def test_after_a_step_that_failed_the_rest_is_played_and_told(write: Write, failed: Failed) -> None:
    banned = step("2021-04-01 op submit next application", *STRONG)
    later = step(
        "2021-04-02 clerk accept next",
        'expect.state = "preliminary_review"',
        'expect.due."next.review_due" = 2021-05-01',
        'expect.criteria.y5_2_area = "met"',
    )
    assert failed(write(SUBMIT, FRAUD, banned, later)) == [
        ("refused", "not refused", "banned"),
        ("case next", "open", "no such case"),
        ("state", "preliminary_review", "no such case"),
        ("due next.review_due", "2021-05-01", "no such case"),
        ("y5_2_area", "met", "does not apply"),
    ]


def test_a_step_says_where_it_stands_and_what_held(write: Write, read: Read) -> None:
    [first, second] = play(read(write(SUBMIT, ACCEPT + 'expect.state = "applied"\n')))
    assert (first.held, second.held) == (True, False)
    assert second.step.place == "s.toml step 2"
    assert second.findings == (
        Finding("refused", "not refused", "not refused"),
        Finding("state", "applied", "preliminary_review"),
    )


def test_a_scenario_can_be_played_on_a_database_to_look_at_afterwards(
    write: Write, read: Read, sqlite_url: str
) -> None:
    assert all(played.held for played in play(read(write(SUBMIT, ACCEPT)), database=sqlite_url))
    workflow = Workflow(sqlite_url)
    assert [row["state"] for row in workflow.cases()] == ["preliminary_review"]
    workflow.close()
