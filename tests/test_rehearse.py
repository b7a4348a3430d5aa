"""The rehearsal of notices: it writes them as the real acts do, and says which template fails where."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kjfh_workflow.casework.opening import load_catalog, load_templates
from kjfh_workflow.cli import cli
from kjfh_workflow.errors import Problem
from kjfh_workflow.notices.rehearse import draft, rehearse
from kjfh_workflow.notices.sendings import Sending, sendings
from kjfh_workflow.notices.specimens import SPECIMENS, awards_on, memory_of, specimens
from kjfh_workflow.policy.loader import load_pack
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import AwardStatus, CaseKind, Field, Level, Role
from kjfh_workflow.policy.wording import say
from kjfh_workflow.resources import states_dir, templates_dir
from kjfh_workflow.rules.calendar import china
from kjfh_workflow.rules.evidence import SHAPES
from tests.bureau import Bureau

CITIES = ["yuyao", "cixi"]
#: The events of Yuyao that may make an award ``proposed``.
AWARDING = {"close_round", "take_level", "release_award"}


def pack_of(city: str) -> PolicyPack:
    return load_catalog().latest(city)


def template(folder: Path, notice: str, **parts: str) -> Path:
    """A bureau's own template: the program's, with some of its parts replaced."""
    own = folder / notice
    own.mkdir(parents=True)
    for part in ("subject", "title", "body"):
        text = parts.get(part, (templates_dir() / notice / f"{part}.txt").read_text("utf-8"))
        (own / f"{part}.txt").write_text(text, "utf-8")
    return folder


def complaints(folder: Path, city: str = "yuyao") -> list[Problem]:
    return rehearse(pack_of(city), load_templates([folder]))


def letter(*paragraphs: str) -> str:
    inner = "\n\n".join(paragraphs)
    return f'{{% extends "_layout/letter.txt" %}}\n{{% block body %}}\n{inner}\n{{% endblock %}}\n'


@pytest.mark.parametrize("city", CITIES)
def test_every_notice_of_the_program_can_be_written_wherever_it_is_sent(city: str) -> None:
    assert rehearse(pack_of(city), load_templates()) == []


@pytest.mark.parametrize("city", CITIES)
def test_every_notice_is_rehearsed_from_every_edge_and_state_that_sends_it(city: str) -> None:
    pack = pack_of(city)
    rehearsed = {(s.kind, s.notice, s.event, s.source) for s in sendings(pack)}
    for kind, machine in pack.machines.items():
        for edge in machine.edges:
            for notice in edge.notify:
                assert {(kind, notice, edge.event, source) for source in edge.sources} <= rehearsed
        for timer in machine.timers:
            for state in timer.period_of:
                for rule in timer.reminders:
                    assert (kind, rule.notice, "remind", state) in rehearsed
    assert {notice for _, notice, _, _ in rehearsed} == {*pack.identity.notices}


def test_there_is_a_specimen_of_every_piece_of_evidence_and_it_has_its_shape() -> None:
    assert {*SPECIMENS} == {*Field}
    for name, value in specimens(pack_of("yuyao")).items():
        SHAPES[Field(name)].validate_python(value)


def test_optional_evidence_that_is_taken_for_granted_is_found(tmp_path: Path) -> None:
    template(tmp_path, "correction_requested", body=letter("理由：{{ evidence.reason }}"))
    found = complaints(tmp_path)
    assert {(p.place, p.key) for p in found} == {
        ("yuyao/2020-01-01/templates/correction_requested", f"application.return_for_correction.{state}")
        for state in ("applied", "preliminary_review")
    }
    assert all("has no attribute 'reason'" in problem.message for problem in found)


def test_a_clock_that_no_longer_runs_is_found(tmp_path: Path) -> None:
    template(tmp_path, "application_rejected", body=letter("{{ clocks.review_due.due | date }}"))
    assert {problem.key for problem in complaints(tmp_path)} == {
        "application.reject.preliminary_review",
        "application.reject.joint_finance_review",
    }


def test_a_notice_is_rehearsed_for_each_of_its_receivers(tmp_path: Path) -> None:
    body = letter("{{ no_such_thing if internal else '' }}")
    template(tmp_path, "deadline_moved", body=body)
    assert {problem.key for problem in complaints(tmp_path)} == {
        "application.review_due.recount.preliminary_review",
        "application.review_due.recount.joint_finance_review",
    }


def test_a_notice_of_a_clock_is_rehearsed_from_every_state_of_the_clock(tmp_path: Path) -> None:
    template(tmp_path, "work_reminder", body=letter("{{ clocks.no_such_clock }}"))
    template(tmp_path, "ban_ended", title="{{ banned_until.year }}")
    assert {problem.key for problem in complaints(tmp_path)} == {
        "application.review_due.remind.preliminary_review",
        "application.review_due.remind.joint_finance_review",
        "application.ban_over.ban_over.disqualified",
    }


@pytest.mark.parametrize(
    ("notice", "asks", "keys"),
    [
        # A grade that is announced may be none, and then there is a reason.
        ("grade_announced", "{{ evidence.grade.no_such_thing if evidence.grade == '未评定等次' }}", {"close_round"}),
        # A title may be held above the city's own level.
        ("revoked", "{{ no_such_thing if above }}", {"defence_window_over", "uphold_revocation"}),
        # Awards come with instalments and without.
        ("award_proposed", "{% for a in awards %}{{ no_such_thing if a.instalment }}{% endfor %}", AWARDING),
        ("award_proposed", "{% for a in awards %}{{ no_such_thing if not a.instalment }}{% endfor %}", AWARDING),
        ("change_overdue", "{{ clocks.change_report_due.no_such_thing }}", {"expire"}),
        ("incubation_over", "{{ clock.no_such_thing }}{{ tenant.no_such_thing }}", {"incubation_over"}),
        ("promotion_recommended", "{{ evidence.to_level.no_such_thing }}", {"recommend"}),
    ],
)
def test_every_way_a_letter_of_the_years_can_be_written_is_tried(
    notice: str, asks: str, keys: set[str], tmp_path: Path
) -> None:
    template(tmp_path, notice, body=letter(asks))
    found = complaints(tmp_path)
    assert {problem.place for problem in found} == {f"yuyao/2020-01-01/templates/{notice}"}
    assert {part for problem in found for part in problem.key.split(".") if part in keys} == keys


def test_a_rectification_is_rehearsed_with_its_date(tmp_path: Path) -> None:
    template(tmp_path, "rectification_ordered", body=letter("{{ clocks.rectification_due.due | date }}{{ x }}"))
    found = complaints(tmp_path, "cixi")
    assert {problem.message for problem in found} == {"UndefinedError: 'x' is undefined"}
    assert {problem.key.split(".")[1] for problem in found} == {"close_round", "decide_ungraded"}


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"body": "{{ operator }}\n\n好。\n\n{{ office }}\n{{ issued | date }}"}, "letter_addressee"),
        ({"body": "{{ operator }}：\n\n好。\n{{ office }}\n\n案件编号：{{ case }}"}, "letter_signature"),
        ({"body": "{{ operator }}：\n好。\n{{ issued | date }}"}, "letter_signature"),
        ({"title": "\n"}, "letter_title"),
    ],
)
def test_a_text_without_addressee_signature_or_title_is_no_letter(
    tmp_path: Path, parts: dict[str, str], code: str
) -> None:
    template(tmp_path, "application_received", **parts)
    place = "yuyao/2020-01-01/templates/application_received"
    assert complaints(tmp_path) == [Problem(place, "application.submit.new", say(code))]


def test_policy_check_tells_what_the_rehearsal_finds(tmp_path: Path) -> None:
    template(tmp_path, "disqualified", body=letter("{{ evidence.findings }}"))
    done = CliRunner().invoke(cli, ["--templates", str(tmp_path), "policy", "check", "--json"], standalone_mode=False)
    told = json.loads(done.stdout)
    assert done.return_value == 5
    assert told["packs"] == []
    assert {problem["key"].split(".")[1] for problem in told["problems"]} == {"find_fraud"}
    assert {problem["place"].split("/")[0] for problem in told["problems"]} == {"yuyao", "cixi"}


def test_specimens_fit_the_city_s_own_scorecard_and_do_without_its_tables(tmp_path: Path) -> None:
    copied = Path(shutil.copytree(states_dir() / "yuyao" / "2020-01-01", tmp_path / "yuyao" / "2020-01-01"))
    with (copied / "policy.toml").open("a", encoding="utf-8") as file:
        file.write('[[assessment.indicator]]\nid = "growth"\nlabel = "企业增长"\nweight = 100\n')
        file.write('article = "第十条"\nstatus = "stated"\n')
    pack, day = load_pack(copied), date(2021, 3, 1)
    assert {*specimens(pack)["scores"]} == {"growth"}
    assert awards_on(pack, day, AwardStatus.PROPOSED)
    bare = replace(pack, identity=pack.identity.model_copy(update={"changes": None, "awards": None}))
    assert specimens(bare)["what"] == ["name"]
    assert memory_of(bare, CaseKind.INCUBATOR, day, Level.LOCAL)["awards"] == {}


# ---- rehearsed is as real ----------------------------------------------------------------------------------------


def sending(pack: PolicyPack, notice: str, source: str, event: str = "") -> Sending:
    return next(s for s in sendings(pack) if (s.notice, s.source) == (notice, source) and event in ("", s.event))


@pytest.mark.parametrize(
    ("event", "evidence", "notices"),
    [
        ("return_for_correction", {"missing": ["甲", "乙"], "working_days": 7}, ["correction_requested"]),
        ("reject", {"reason": "场地不足"}, ["application_rejected"]),
        ("find_fraud", {"finding": "虚报"}, ["disqualified", "ban_imposed"]),
        ("pass_preliminary", {"findings": "all_met"}, ["preliminary_passed"]),
    ],
)
def test_the_rehearsal_writes_what_the_act_writes(
    desk: Bureau, event: str, evidence: dict[str, Any], notices: list[str]
) -> None:
    case = desk.on(date(2021, 4, 28)).reviewed()
    before = desk.workflow.case(case).case
    pack = desk.workflow.catalog.latest("yuyao")
    who = desk.lead if event in ("reject", "find_fraud") else desk.clerk
    desk.on(date(2021, 5, 6)).act(case, event, who, **evidence)
    real = {row["notice"]: row for row in desk.workflow.case(case).notices}
    for notice in notices:
        way = sending(pack, notice, "preliminary_review")
        rehearsed = draft(pack, way, Role.APPLICANT, before, date(2021, 5, 6), evidence, china())
        written = load_templates().write(notice, rehearsed)
        assert (written.title, written.body) == (real[notice]["title"], real[notice]["body"])


def test_the_rehearsal_of_a_last_day_writes_what_the_clock_writes(desk: Bureau) -> None:
    case = desk.on(date(2021, 4, 28)).reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["甲"])
    before = desk.workflow.case(case).case
    desk.on(before_due := desk.workflow.case(case).clocks["correction_due"].due)
    way = sending(desk.workflow.catalog.latest("yuyao"), "application_lapsed", "correction")
    pack = desk.workflow.catalog.latest("yuyao")
    rehearsed = load_templates().write(way.notice, draft(pack, way, Role.APPLICANT, before, before_due, {}, china()))
    desk.on(date.fromordinal(before_due.toordinal() + 1)).workflow.tick()
    assert desk.workflow.case(case).notices[-1]["body"] == rehearsed.body
