"""Letters: what must stand in them, who gets them, and what a wrong template does."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from kjfh_workflow import Actor, PolicyError, Workflow
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.notices.render import Renderer
from kjfh_workflow.resources import templates_dir
from tests.bureau import MATERIALS, Bureau, facts

#: What a decision that burdens must say about remedies.
REMEDIES = ("行政复议", "60日", "行政诉讼", "6个月")
BURDENING = {"application_lapsed", "application_rejected", "disqualified", "ban_imposed", "revoked"}


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
    assert "自2021年4月30日起算（当日不计）15个工作日，至2021年5月25日24时止" in lived["correction_requested"]
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
    for notice in ("correction_requested", "application_lapsed", "application_rejected"):
        assert in_text not in lived[notice], notice
        assert "确定的办理程序" in lived[notice], notice


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
