"""Letters: what must stand in them, who gets them, and what a wrong template does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kjfh_workflow import Actor, NotFound, PolicyError, Workflow
from kjfh_workflow.cli import cli
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.notices.letters import text_of
from kjfh_workflow.notices.render import Letter, Renderer
from kjfh_workflow.policy.machine import Machine, Timer
from kjfh_workflow.policy.vocabulary import CaseKind, LengthUnit, Role, Side, Status
from kjfh_workflow.resources import templates_dir
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import Clock
from kjfh_workflow.rules.deadlines import Deadline
from tests.bureau import CIXI_USCC, MATERIALS, Bureau, facts

#: What a decision that burdens must say about remedies.
REMEDIES = ("行政复议", "60日", "行政诉讼", "6个月")
BURDENING = {
    "application_lapsed", "application_rejected", "disqualified", "ban_imposed", "revoked",
    "unqualified_warning", "rectification_ordered",
}  # fmt: skip
ADMIN = Actor.of("admin", "admin", "yuyao")


def letters(bureau: Bureau, case: str) -> dict[str, str]:
    """Notice → text, of a case."""
    return {row["notice"]: row["body"] for row in bureau.workflow.case(case).notices}


@pytest.fixture
def lived(desk: Bureau) -> dict[str, str]:
    """One letter of every kind that this release sends, from real acts."""
    written: dict[str, str] = {}
    case = desk.reviewed()
    desk.on(date(2021, 3, 25)).workflow.tick()
    desk.on(date(2021, 4, 30)).workflow.tick()
    desk.act(case, "reject", desk.lead, reason="场地不足")
    written |= letters(desk, case)
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["资金到账证明"])
    desk.on(date(2021, 5, 21)).workflow.tick()
    desk.on(date(2021, 7, 1)).workflow.tick()
    written |= letters(desk, case)
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["资金到账证明"])
    desk.workflow.announce_holidays("国办发明电〔2021〕1号", by=ADMIN, rest=[date(2021, 7, 5)])
    desk.workflow.tick()
    written["deadline_moved"] = letters(desk, case)["deadline_moved"]
    desk.act(case, "withdraw", desk.operator)
    case = desk.submit().case
    desk.act(case, "find_fraud", desk.lead, finding="虚报入驻企业")
    desk.on(date(2023, 7, 2)).workflow.tick()
    written |= letters(desk, case)
    application, title = desk.recognised()
    desk.act(title, "propose_revocation", desk.clerk, ground="申报材料造假", article="第十四条")
    desk.act(title, "file_defence", desk.operator, statement="材料属实")
    desk.act(title, "drop_revocation", desk.lead, reason="申辩成立")
    desk.act(title, "propose_revocation", desk.clerk, ground="申报材料造假", article="第十四条")
    desk.on(date(2023, 8, 1)).workflow.tick()
    return written | letters(desk, application) | letters(desk, title)


def test_every_notice_of_the_pack_has_been_written(desk: Bureau, lived: dict[str, str]) -> None:
    assert {*lived} == {*desk.workflow.catalog.latest("yuyao").identity.notices}


def test_every_letter_names_addressee_article_and_case(lived: dict[str, str]) -> None:
    for notice, body in lived.items():
        assert body.startswith(("余姚朝阳科技孵化器有限公司：", "科技局")), notice
        assert "《余姚市科技企业孵化器管理办法》（余科〔2021〕2号）第" in body, notice
        assert "案件编号：yuyao-" in body, notice
        assert "{" not in body, notice
        assert "\n\n\n" not in body, notice


def test_decisions_that_burden_name_the_remedies_and_others_do_not(lived: dict[str, str]) -> None:
    for notice, body in lived.items():
        assert all(word in body for word in REMEDIES) == (notice in BURDENING), notice


def test_letters_to_operators_say_whom_to_ask(lived: dict[str, str]) -> None:
    for notice, body in lived.items():
        assert ("联系单位：" in body) == (not notice.startswith("work_")), notice


def test_a_deadline_stands_in_the_letter_with_its_proof(lived: dict[str, str]) -> None:
    assert "资金到账证明" in lived["correction_requested"]
    assert (
        "自2021年4月30日起算（当日不计）15个工作日，其间休息日10天不计，至2021年5月25日24时止"
        in lived["correction_requested"]
    )
    assert "最后禁止日为2023年7月1日（含当日）" in lived["ban_imposed"]
    assert "逾期不视为同意" in lived["work_overdue"]


def test_a_notice_is_on_file_as_it_was_written(desk: Bureau) -> None:
    case = desk.submit().case
    row = desk.workflow.case(case).notices[0]
    assert (row["role"], row["uscc"], row["city"]) == ("applicant", desk.operator.uscc, "yuyao")
    assert "2021年3月1日" in row["body"]


def test_a_city_overrides_a_notice_by_folder(tmp_path: Path) -> None:
    folder = tmp_path / "yuyao" / "application_received"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("收到", encoding="utf-8")
    (folder / "body.txt").write_text("{{ operator }}，收到了。", encoding="utf-8")
    clock = FixedClock(office_hour(date(2021, 3, 1)))
    workflow = Workflow("sqlite://", templates=[tmp_path], clock=clock, create=True)
    who = Bureau("sqlite://").operator
    given = {"type": "incubator", "facts": facts(), "materials": MATERIALS["yuyao"]}
    case = workflow.open_case("application", "submit", by=who, evidence=given).case
    assert workflow.case(case).notices[0]["body"] == "余姚朝阳科技孵化器有限公司，收到了。\n"
    workflow.close()


@pytest.mark.parametrize("body", ["{{ no_such_thing }}", "{{ operator.__class__.__mro__ }}", "{% if %}"])
def test_a_wrong_template_fails_the_act_and_names_itself(tmp_path: Path, body: str) -> None:
    folder = tmp_path / "application_received"
    folder.mkdir()
    (folder / "subject.txt").write_text("x", encoding="utf-8")
    (folder / "body.txt").write_text(body, encoding="utf-8")
    workflow = Workflow("sqlite://", templates=[tmp_path], clock=FixedClock(office_hour(date(2021, 3, 1))), create=True)
    who = Bureau("sqlite://").operator
    given = {"type": "incubator", "facts": facts(), "materials": MATERIALS["yuyao"]}
    with pytest.raises(PolicyError, match="templates/application_received"):
        workflow.open_case("application", "submit", by=who, evidence=given)
    assert workflow.cases() == []
    workflow.close()


def test_names_are_text_and_never_template_code(desk: Bureau) -> None:
    name = "{{ 7 * 7 }}有限公司"
    case = desk.submit(facts=facts(override={"operator.name": name})).case
    assert letters(desk, case)["application_received"].startswith(name)


def test_a_missing_template_is_known_before_anything_is_sent(tmp_path: Path) -> None:
    renderer = Renderer([tmp_path])
    assert not renderer.has_template("yuyao", "revoked")
    assert Renderer([tmp_path, templates_dir()]).has_template("yuyao", "revoked")


def test_a_letter_claims_no_basis_that_the_text_lacks(lived: dict[str, str]) -> None:
    in_text = "依据：《余姚市科技企业孵化器管理办法》（余科〔2021〕2号）第"
    for notice in ("disqualified", "recognition_granted", "preliminary_passed", "revoked"):
        assert in_text in lived[notice], notice
    for notice in ("correction_requested", "application_lapsed"):
        assert in_text not in lived[notice], notice
        assert "确定的办理程序" in lived[notice], notice
    assert "审核程序的依据：本局为实施" in lived["application_rejected"]


def test_a_decision_on_the_merits_names_the_conditions_it_applied(lived: dict[str, str]) -> None:
    for notice in ("recognition_granted", "application_rejected"):
        assert "认定条件的依据：《余姚市科技企业孵化器管理办法》（余科〔2021〕2号）第五条。" in lived[notice], notice


def test_a_letter_promises_a_new_application_only_where_one_may_be_filed(desk: Bureau) -> None:
    cixi = Actor.of("c", "applicant", "cixi", name="慈溪海岸众创空间有限公司", uscc=CIXI_USCC)
    promised = []
    for day in (date(2023, 3, 1), date(2023, 12, 20)):
        case = desk.on(day).submit(cixi, city="cixi", type="makerspace", facts=facts("cixi-makerspace")).case
        desk.act(case, "return_for_correction", desk.cixi_clerk, missing=["场地证明"])
        promised.append("可以在材料齐备后重新申请" in desk.workflow.case(case).notices[-1]["body"])
        desk.act(case, "withdraw", cixi)
    assert promised == [True, False], "the plan ends on 31 December 2023"


def test_a_first_return_with_an_explanation_is_no_second_one(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"], reason="原件不清")
    body = desk.workflow.case(case).notices[-1]["body"]
    assert "现一次性告知" in body
    assert "说明：原件不清" in body
    desk.act(case, "resubmit", desk.operator)
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"], reason="新材料仍缺")
    body = desk.workflow.case(case).notices[-1]["body"]
    assert "现再次告知" in body
    assert "再次告知的理由：新材料仍缺" in body


def test_a_revocation_names_its_ground_and_the_article_it_was_proposed_under(lived: dict[str, str]) -> None:
    for notice in ("revocation_proposed", "revoked"):
        assert "事由：申报材料造假" in lived[notice]
        assert "依据：《余姚市科技企业孵化器管理办法》（余科〔2021〕2号）第十四条" in lived[notice]


def test_a_second_return_does_not_claim_to_be_the_only_one(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["甲"])
    assert "现一次性告知" in letters(desk, case)["correction_requested"]
    desk.act(case, "resubmit", desk.operator)
    desk.act(case, "return_for_correction", desk.clerk, missing=["乙"], reason="新问题")
    assert "现再次告知" in letters(desk, case)["correction_requested"]


def test_a_letter_noticed_late_gives_the_legal_day_and_is_dated_when_written(desk: Bureau) -> None:
    case = desk.submit().case
    desk.on(date(2021, 3, 10)).act(case, "find_fraud", desk.lead, finding="虚报")
    desk.on(date(2023, 4, 20)).workflow.tick()
    ended = letters(desk, case)["ban_ended"]
    assert "自2023年3月11日起可以申报" in ended
    assert ended.rstrip().endswith("2023年4月20日")


def test_nobody_is_told_it_may_apply_while_another_ban_runs(desk: Bureau) -> None:
    first = desk.submit().case
    desk.act(first, "withdraw", desk.operator)
    second = desk.submit().case
    desk.act(second, "withdraw", desk.operator)
    desk.on(date(2021, 3, 2)).act(first, "find_fraud", desk.lead, finding="虚报甲")
    desk.on(date(2021, 6, 1)).act(second, "find_fraud", desk.lead, finding="虚报乙")
    desk.on(date(2023, 3, 3)).workflow.tick()
    assert "ban_ended" not in letters(desk, first)
    desk.on(date(2023, 6, 2)).workflow.tick()
    assert "ban_ended" in letters(desk, second)


def test_cixi_is_cited_as_its_plan_is_divided(desk: Bureau) -> None:
    who = Actor.of("op", "applicant", "cixi", uscc="91330282MA2E00700J")
    given = {"type": "makerspace", "facts": facts("cixi-makerspace"), "materials": MATERIALS["cixi"]}
    desk.on(date(2021, 6, 1))
    case = desk.workflow.open_case("application", "submit", by=who, city="cixi", evidence=given).case
    assert "三年行动计划（2021-2023年）》第二部分" in letters(desk, case)["application_received"]


# ---- notices whose machines come later ---------------------------------------------------------------------------

#: Notice → (evidence, clocks that run after the act, the clock it is about), for those that no pack sends yet.
LATER: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "round_opened": ({"year": 2021}, (), ""),
    "grade_announced": ({"year": 2021, "grade": "good"}, (), ""),
    "unqualified_warning": ({"year": 2021, "grade": "unqualified"}, (), ""),
    "rectification_ordered": ({"year": 2021, "grade": "unqualified"}, ("rectification_due",), ""),
    "rectification_reminder": ({}, ("rectification_due",), "rectification_due"),
    "rectification_overdue": ({}, (), "rectification_due"),
    "recheck_passed": ({"finding": "整改到位"}, (), ""),
    "promotion_recommended": ({"to_level": "ningbo"}, (), ""),
    "promotion_recorded": (
        {"level": "national", "decided_on": date(2022, 5, 1), "document_no": "国科火〔2022〕3号"},
        (),
        "",
    ),
    "change_received": ({"what": ["name", "site"], "occurred_on": date(2022, 4, 30)}, (), ""),
    "change_reminder": ({}, ("change_report_due",), "change_report_due"),
    "change_overdue": ({}, (), "change_report_due"),
    "change_kept": (
        {"site_visit": {"on": date(2022, 5, 9), "visitors": ["王", "李"], "finding": "场地集中"}},
        (),
        "",
    ),
    "award_proposed": ({"kind": "annual", "year": 2021, "yuan": Decimal("200000.00")}, (), ""),
    "incubation_reminder": ({}, ("incubation_limit",), "incubation_limit"),
    "incubation_over": ({}, (), "incubation_limit"),
}
#: What may come with them besides.
OPTIONAL: dict[str, dict[str, Any]] = {
    "grade_announced": {"score": Decimal(86), "reason": "数据完整"},
    "unqualified_warning": {"reason": "统计数据不齐"},
    "rectification_ordered": {"reason": "统计数据不齐"},
    "award_proposed": {"instalment": 2},
}
#: What a reader must find in them.
SAYS = {
    "round_opened": ["2021年度科技企业孵化器考核"],
    "grade_announced": ["考核等次为：良好"],
    "unqualified_warning": ["考核等次为不合格", "连续两年", "陈述申辩"],
    "rectification_ordered": ["责令限期整改", "2022年7月1日24时", "复核"],
    "rectification_reminder": ["2022年7月1日24时届满"],
    "rectification_overdue": ["未收到整改报告", "转入复核"],
    "recheck_passed": ["复核通过", "整改到位"],
    "promotion_recommended": ["推荐你单位申报宁波市级科技企业孵化器"],
    "promotion_recorded": ["2022年5月1日被认定为国家级科技企业孵化器（国科火〔2022〕3号）"],
    "change_received": ["变更事项：名称、场地位置", "2022年4月30日"],
    "change_reminder": ["2022年7月1日24时届满", "报告期限的计算：自2022年6月1日起算"],
    "change_overdue": ["请立即书面报告", "报告期限的计算"],
    "change_kept": ["保留科技企业孵化器资格", "2022年5月9日，王、李", "场地集中"],
    "award_proposed": ["年度考核奖励", "200,000元"],
    "incubation_reminder": ["宁波甲科技有限公司的孵化时限将于2022年7月1日届满"],
    "incubation_over": ["宁波甲科技有限公司", "超期在孵"],
}


def specimen(desk: Bureau, notice: str, more: Mapping[str, Any]) -> Letter:
    evidence, running, about = LATER[notice]
    pack = desk.workflow.catalog.latest("yuyao")
    machine = pack.machines[CaseKind.INCUBATOR]
    period = Deadline(date(2022, 6, 1), 1, LengthUnit.MONTHS, date(2022, 7, 1), date(2022, 7, 1), False, "test")
    clocks = {name: Clock(name, 1, "recognized", period, {}) for name in {*running, *([about] if about else [])}}
    # The timers themselves come with their machines.
    titled = machine.timers[0].periods[0].model_copy(update={"state": "recognized"})
    timers = tuple(
        Timer.model_construct(name=name, label="期限", side=Side.NOBODY, periods=(titled,)) for name in clocks
    )
    later = Machine.model_construct(**{**dict(machine), "timers": (*machine.timers, *timers)})
    pack = replace(pack, machines={**pack.machines, CaseKind.INCUBATOR: later})
    memory = {
        "name": desk.operator.name, "uscc": desk.operator.uscc, "type": "incubator", "opened_on": "2021-03-10",
        "tenant": {"name": "宁波甲科技有限公司"},
    }  # fmt: skip
    return Letter(
        pack=pack,
        case=Case("yuyao-210310-abc234", "yuyao", CaseKind.INCUBATOR, pack.version, "recognized", 3, "", memory),
        to=Role.APPLICANT,
        day=date(2022, 6, 2),
        issued=date(2022, 6, 2),
        event="考核",
        article="第十一条",
        status=Status.STATED,
        evidence={**evidence, **more},
        clocks={name: clocks[name] for name in running},
        clock=clocks.get(about),
    )


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("notice", LATER)
def test_a_notice_of_a_later_machine_is_a_letter_already(desk: Bureau, notice: str, more: bool) -> None:
    letter = specimen(desk, notice, OPTIONAL.get(notice, {}) if more else {})
    written = Renderer([templates_dir()]).write(notice, letter)
    assert [words for words in SAYS[notice] if words not in written.body] == []
    assert written.body.startswith("余姚朝阳科技孵化器有限公司：\n\n")
    assert written.body.endswith("\n\n余姚市科学技术局\n2022年6月2日\n")
    assert "《余姚市科技企业孵化器管理办法》（余科〔2021〕2号）第十一条" in written.body
    assert all(word in written.body for word in REMEDIES) == (notice in BURDENING)
    assert written.title
    assert written.subject.startswith("余姚朝阳科技孵化器有限公司：")


def test_optional_evidence_stands_in_the_letter_if_it_is_given(desk: Bureau) -> None:
    renderer = Renderer([templates_dir()])
    assert "考核得分：86" in renderer.write("grade_announced", specimen(desk, "grade_announced", {"score": 86})).body
    award = renderer.write("award_proposed", specimen(desk, "award_proposed", {"instalment": 2, "yuan": "60000.50"}))
    assert "年度考核奖励（第2期）60,000.50元" in award.body


def test_every_notice_of_the_public_vocabulary_has_its_template(desk: Bureau) -> None:
    folders = {path.name for path in templates_dir().iterdir() if not path.name.startswith("_")}
    sent = {notice for pack in desk.workflow.catalog for notice in pack.identity.notices}
    assert folders == sent | {*LATER}
    assert len(folders) == 32


# ---- the register of an office -----------------------------------------------------------------------------------


def test_every_letter_has_its_addressee_first_and_its_signature_last(lived: dict[str, str]) -> None:
    for notice, body in lived.items():
        blocks = body.strip().split("\n\n")
        assert blocks[0].endswith("："), notice
        office, day = blocks[-1].split("\n")
        assert office == "余姚市科学技术局", notice
        assert re.fullmatch(r"20\d\d年\d+月\d+日", day), notice
        assert "案件编号：yuyao-" in blocks[-2], notice


def test_a_moved_deadline_is_told_with_both_days_the_source_and_the_basis(lived: dict[str, str]) -> None:
    moved = lived["deadline_moved"]
    assert "（国办发明电〔2021〕1号）" in moved
    assert "补正期限重新计算，届满日由2021年7月22日变更为2021年7月23日" in moved
    assert "期限的依据：本局为实施《余姚市科技企业孵化器管理办法》" in moved


def test_a_revocation_says_whether_the_holder_was_heard(desk: Bureau) -> None:
    def revoked(*acts: Callable[[str], object]) -> str:
        _, title = desk.recognised()
        desk.act(title, "propose_revocation", desk.clerk, ground="造假", article="第十四条")
        for act in acts:
            act(title)
        return letters(desk, title)["revoked"]

    silent = revoked(lambda _: desk.on(date(2021, 6, 1)).workflow.tick())
    assert "未提出陈述申辩" in silent
    desk.on(date(2021, 7, 1))
    heard = revoked(
        lambda title: desk.act(title, "file_defence", desk.operator, statement="属实"),
        lambda title: desk.act(title, "uphold_revocation", desk.lead, reason="申辩不成立"),
    )
    assert "对陈述申辩的审查意见：申辩不成立" in heard
    assert "未提出" not in heard


@pytest.mark.parametrize("name", ["甲\n乙有限公司", "甲\r\n乙有限公司"])
def test_a_line_break_in_a_name_breaks_neither_subject_nor_title(desk: Bureau, name: str) -> None:
    letter = replace(specimen(desk, "grade_announced", {}))
    letter = replace(letter, case=replace(letter.case, memory={**letter.case.memory, "name": name}))
    written = Renderer([templates_dir()]).write("grade_announced", letter)
    assert written.subject.startswith("甲 乙有限公司：")
    assert "\n" not in written.title + written.subject


# ---- on the command line -----------------------------------------------------------------------------------------


@pytest.fixture
def office(sqlite_url: str) -> Bureau:
    return Bureau(sqlite_url)


def kjfh(office: Bureau, *arguments: str) -> str:
    url = str(office.workflow._database.engine.url)
    done = CliRunner().invoke(cli, ["--db", url, "notice", *arguments], standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.stdout


def test_notices_are_listed_and_shown_as_on_file(office: Bureau) -> None:
    case, other = office.reviewed(), office.submit(Actor.of("x", "applicant", "yuyao", uscc="91330282MA2E00700J")).case
    office.act(case, "reject", office.lead, reason="场地不足")
    rows = json.loads(kjfh(office, "list", "--case", case, "--json"))
    assert [(row["notice"], row["number"]) for row in rows] == [
        ("application_received", None),
        ("application_rejected", "余科孵〔2021〕1号"),
    ]
    assert other not in kjfh(office, "list", "--case", case)
    assert other in kjfh(office, "list")
    assert "more: --after " in kjfh(office, "list", "--limit", "1")
    stored = office.workflow.case(case).notices[1]
    printed = kjfh(office, "show", rows[1]["id"])
    assert printed == f"余科孵〔2021〕1号\n{stored['title']}\n\n{stored['body']}"
    for missing in (["list", "--case", "nowhere"], ["show", "nowhere"], ["letter", "nowhere", "--out", "x.docx"]):
        with pytest.raises(NotFound):
            kjfh(office, *missing)


def test_a_letter_is_written_to_a_file_and_is_the_same_the_next_time(office: Bureau, tmp_path: Path) -> None:
    case = office.reviewed()
    office.act(case, "reject", office.lead, reason="场地不足")
    row = office.workflow.case(case).notices[1]
    told = json.loads(kjfh(office, "letter", row["id"], "--out", str(tmp_path / "a.docx"), "--json"))
    kjfh(office, "letter", row["id"], "--out", str(tmp_path / "b.docx"))
    first, second = ((tmp_path / name).read_bytes() for name in ("a.docx", "b.docx"))
    assert first == second
    assert told["sha256"] == sha256(first).hexdigest()
    assert text_of(first)[1:3] == ["余科孵〔2021〕1号", row["title"]]
    assert json.loads(kjfh(office, "show", row["id"], "--json"))["letter_sha256"] == told["sha256"]


def test_a_preview_says_what_the_notice_would_say_of_the_case_now_and_writes_nothing(office: Bureau) -> None:
    case = office.reviewed()
    before = office.workflow.case(case)
    shown = json.loads(kjfh(office, "preview", "application_rejected", "--case", case, "--json"))
    assert "理由：〔示例〕" in shown["written"]["body"]
    assert shown["number"].startswith("〔示例〕余科孵〔")
    assert shown["specimens"] == ["理由"]
    assert "以下为示例，本案尚无：理由" in kjfh(office, "preview", "application_rejected", "--case", case)
    after = office.workflow.case(case)
    assert (after.case, after.notices, after.timeline) == (before.case, before.notices, before.timeline)


def test_a_preview_of_what_has_been_sent_says_the_same(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["甲", "乙"], working_days=7)
    sent = desk.workflow.case(case).notices[-1]
    preview = desk.workflow.mail_room.preview("correction_requested", case)
    assert (preview.written.title, preview.written.body, preview.specimens) == (sent["title"], sent["body"], ())
    reminder = desk.workflow.mail_room.preview("correction_reminder", case)
    assert "补正期限将于2021年3月10日24时届满" in reminder.written.body
    assert reminder.specimens == ()


def test_a_preview_from_afar_names_what_it_made_up(desk: Bureau) -> None:
    case = desk.submit().case
    preview = desk.workflow.mail_room.preview("application_lapsed", case)
    assert preview.specimens == ("补正中",)
    desk.act(case, "withdraw", desk.operator)
    _, title = desk.recognised()
    revoked = desk.workflow.mail_room.preview("revoked", title)
    assert "事由：〔示例〕" in revoked.written.body
    assert revoked.specimens == ("拟取消资格，陈述申辩期",)


def test_a_preview_of_an_unknown_notice_names_the_known_ones(desk: Bureau) -> None:
    case = desk.submit().case
    with pytest.raises(NotFound, match=r"sends no notice 'revoked' about a case of this kind; it sends: .*ban_ended"):
        desk.workflow.mail_room.preview("revoked", case)


def test_operators_see_their_own_letters_and_not_the_offices(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.on(date(2021, 4, 30)).workflow.tick()
    stranger = Actor.of("x", "applicant", "yuyao", uscc="91330282MA2E00700J")
    mine, office, none = (
        {row["notice"] for row in desk.workflow.mail_room.notices(case=case, reader=who)}
        for who in (desk.operator, desk.clerk, stranger)
    )
    assert mine == {"application_received"}
    assert office == {"application_received", "work_overdue"}
    assert none == set()
    internal = next(row["id"] for row in desk.workflow.mail_room.notices(case=case) if row["notice"] == "work_overdue")
    for who in (desk.operator, stranger, desk.cixi_clerk):
        with pytest.raises(NotFound):
            desk.workflow.mail_room.letter(internal, reader=who)
    assert desk.workflow.mail_room.letter(internal, reader=desk.lead).sha256
