"""Acting on a case: who may, when, and every reason why not. Each test reads as a rule of the office."""

from __future__ import annotations

from datetime import date

import pytest

from kjfh_workflow import Actor, Conflict, GuardRefused, NotAuthorised, NotFound, Refused, TransitionNotAllowed
from tests.bureau import CIXI_USCC, MATERIALS, Bureau, facts, uscc


def test_an_application_becomes_a_title_when_both_departments_endorse(bureau: Bureau) -> None:
    case = bureau.passed()
    first = bureau.act(case, "endorse", bureau.finance)
    assert first.state == "joint_finance_review"
    assert not first.opened
    second = bureau.act(case, "endorse", bureau.lead)
    assert second.state == "recognized"
    title = bureau.workflow.case(second.opened["incubator"]).case
    assert (title.state, title.level, title.memory["failed_years"]) == ("recognized", "local", 0)
    assert bureau.workflow.verify().holds


def test_the_same_department_does_not_endorse_twice(desk: Bureau) -> None:
    case = desk.passed()
    desk.act(case, "endorse", desk.lead)
    other_lead = Actor.of("lead2", "tech_lead", "yuyao")
    assert desk.refused(case, "endorse", desk.lead) == {"already_endorsed"}
    assert desk.refused(case, "endorse", other_lead) == {"already_endorsed"}


def test_one_person_with_two_roles_does_not_endorse_for_both_departments(desk: Bureau) -> None:
    case = desk.passed()
    both = Actor.of("both", ["tech_lead", "finance"], "yuyao")
    desk.act(case, "endorse", both)
    assert desk.refused(case, "endorse", both) == {"same_person"}


def test_who_passed_the_preliminary_review_does_not_endorse(desk: Bureau) -> None:
    case = desk.reviewed()
    promoted = Actor.of("clerk-lead", ["tech_clerk", "tech_lead"], "yuyao")
    desk.act(case, "pass_preliminary", promoted, findings="all_met")
    assert desk.refused(case, "endorse", promoted) == {"same_person"}


def test_a_clerk_of_another_city_is_stopped_at_the_first_door(desk: Bureau) -> None:
    case = desk.submit().case
    assert desk.refused(case, "accept", desk.cixi_clerk) == {"other_city"}
    assert desk.refused(case, "endorse", desk.cixi_clerk) == {"other_city"}
    with pytest.raises(NotFound):
        desk.workflow.case(case, reader=desk.cixi_clerk)
    assert desk.workflow.cases(reader=desk.cixi_clerk) == []


def test_a_stranger_neither_sees_nor_touches_a_case(desk: Bureau) -> None:
    case = desk.submit().case
    stranger = Actor.of("other", "applicant", "yuyao", uscc=uscc(1))
    assert desk.refused(case, "withdraw", stranger) == {"not_authorised"}
    with pytest.raises(NotFound):
        desk.workflow.case(case, reader=stranger)
    assert desk.workflow.cases(reader=stranger) == []
    assert [row["id"] for row in desk.workflow.cases(reader=desk.operator)] == [case]


def test_auditors_read_everything_and_do_nothing(desk: Bureau) -> None:
    case = desk.submit().case
    far = Actor.of("audit", "auditor", "cixi")
    assert desk.workflow.case(case, reader=far).case.id == case
    for event in ("accept", "withdraw", "find_fraud", "reject"):
        assert desk.refused(case, event, desk.auditor) == {"not_authorised"}


def test_a_wrong_role_is_named_before_a_wrong_state(desk: Bureau) -> None:
    case = desk.submit().case
    assert desk.refused(case, "endorse", desk.clerk) == {"not_authorised"}
    assert desk.refused(case, "endorse", desk.lead) == {"not_allowed_from_state"}
    assert desk.refused(case, "accept", desk.lead) == {"not_authorised"}


def test_finance_rejects_only_in_joint_review(desk: Bureau) -> None:
    case = desk.reviewed()
    assert desk.refused(case, "reject", desk.finance, reason="资金不实") == {"not_authorised"}
    desk.act(case, "pass_preliminary", desk.clerk, findings="all_met")
    assert desk.act(case, "reject", desk.finance, reason="资金不实").state == "rejected"


def test_a_refused_transition_lists_what_the_state_allows(desk: Bureau) -> None:
    case = desk.submit().case
    with pytest.raises(TransitionNotAllowed) as refused:
        desk.act(case, "pass_preliminary", desk.clerk)
    assert {"accept", "withdraw", "return_for_correction", "find_fraud"} <= {*refused.value.allowed}


def test_an_event_the_machine_does_not_have_is_not_allowed_from_the_state(desk: Bureau) -> None:
    case = desk.submit().case
    assert desk.refused(case, "no_such_event", desk.clerk) == {"not_allowed_from_state"}
    with pytest.raises(TransitionNotAllowed, match="是不是“accept”"):
        desk.act(case, "acept", desk.clerk)


def test_every_reason_behind_the_doors_comes_at_once(desk: Bureau) -> None:
    broken = facts(override={"premises.area_m2": 4999, "staff.0.professional": False, "staff.1.professional": False})
    case = desk.submit(facts=broken).case
    desk.act(case, "accept", desk.clerk)
    with pytest.raises(GuardRefused) as refused:
        desk.act(case, "pass_preliminary", desk.clerk, findings={"y5_1_direction": True})
    codes = {refusal.code for refusal in refused.value.refusals}
    assert codes == {"criteria_unmet", "finding_missing"}
    articles = {refusal.article for refusal in refused.value.refusals if refusal.code == "criteria_unmet"}
    assert articles == {"第五条第2项", "第五条第4项"}


def test_all_met_does_not_turn_a_computed_unmet_into_met(desk: Bureau) -> None:
    case = desk.submit(facts=facts(override={"premises.area_m2": 4999})).case
    desk.act(case, "accept", desk.clerk)
    everything = {c.id: True for c in desk.workflow.catalog.latest("yuyao").criteria}
    for findings in ("all_met", everything):
        assert desk.refused(case, "pass_preliminary", desk.clerk, findings=findings) == {"criteria_unmet"}


def test_a_negative_finding_on_site_overrules_the_documents(desk: Bureau) -> None:
    case = desk.reviewed()
    findings = {c.id: c.id != "y5_2_area" for c in desk.workflow.catalog.latest("yuyao").criteria}
    assert desk.refused(case, "pass_preliminary", desk.clerk, findings=findings) == {"criteria_unmet"}


def test_a_soft_criterion_needs_a_written_justification(desk: Bureau) -> None:
    case = desk.submit(facts=facts(override={"tenants.0.area_m2": 1201})).case
    desk.act(case, "accept", desk.clerk)
    assert desk.refused(case, "pass_preliminary", desk.clerk, findings="all_met") == {"justification_missing"}
    reasons = {"y5_2_single_tenant": "龙头企业带动产业链"}
    passed = desk.act(case, "pass_preliminary", desk.clerk, findings="all_met", justifications=reasons)
    assert passed.evaluation is not None
    soft = next(c for c in passed.evaluation["criteria"] if c["id"] == "y5_2_single_tenant")
    assert (soft["result"], soft["justification"]) == ("unmet", "龙头企业带动产业链")


def test_findings_about_unknown_criteria_are_named(desk: Bureau) -> None:
    case = desk.reviewed()
    codes = desk.refused(case, "pass_preliminary", desk.clerk, findings={"y5_9_luck": True})
    assert codes == {"evidence_invalid", "finding_missing"}


def test_missing_evidence_is_named_and_blank_text_is_missing(desk: Bureau) -> None:
    case = desk.reviewed()
    assert desk.refused(case, "reject", desk.lead) == {"evidence_missing"}
    assert desk.refused(case, "reject", desk.lead, reason="") == {"evidence_missing"}
    assert desk.refused(case, "reject", desk.lead, reason="   ") == {"evidence_missing"}
    assert desk.refused(case, "return_for_correction", desk.clerk, missing=[" "]) == {"evidence_missing"}
    assert desk.refused(case, "reject", desk.lead, reason="看不见\u200b") == {"evidence_invalid"}


def test_evidence_that_the_event_does_not_know_is_refused(desk: Bureau) -> None:
    case = desk.passed()
    assert desk.refused(case, "endorse", desk.finance, award_yuan=1) == {"evidence_invalid"}


def test_a_submission_names_every_missing_material_and_every_bad_fact(desk: Bureau) -> None:
    with pytest.raises(GuardRefused) as refused:
        desk.submit(
            materials=["application_form", "love_letter"],
            facts=facts(override={"premises.area_m2": -1, "tenants.3.uscc": "91330281MA2A001045"}),
        )
    fields = {refusal.field for refusal in refused.value.refusals}
    assert {"facts.premises.area_m2", "facts.tenants.3.uscc", "materials"} <= fields
    missing = [r for r in refused.value.refusals if r.code == "materials_missing"]
    assert len(missing) == len(MATERIALS["yuyao"]) - 1
    assert desk.workflow.cases() == []


def test_an_operator_submits_only_its_own_facts(desk: Bureau) -> None:
    with pytest.raises(GuardRefused) as refused:
        desk.submit(facts=facts(override={"operator.uscc": uscc(2)}))
    assert [r.field for r in refused.value.refusals] == ["facts.operator.uscc"]


def test_one_open_application_for_each_operator_and_city(bureau: Bureau) -> None:
    case = bureau.submit().case
    with pytest.raises(GuardRefused) as refused:
        bureau.submit()
    assert refused.value.codes == ("open_application_exists",)
    bureau.act(case, "withdraw", bureau.operator)
    assert bureau.submit().state == "applied"


def test_a_title_holder_does_not_apply_again_for_the_same_kind_of_space(desk: Bureau) -> None:
    desk.recognised()
    for space_type in ("incubator", "specialised_incubator"):
        with pytest.raises(GuardRefused) as refused:
            desk.submit(type=space_type)
        assert refused.value.codes == ("already_recognised",)
    assert desk.submit(type="makerspace").state == "applied"


def test_an_unknown_type_is_refused_with_the_known_ones(desk: Bureau) -> None:
    with pytest.raises(GuardRefused) as refused:
        desk.submit(type="spaceship")
    assert refused.value.codes == ("evidence_invalid",)
    assert "makerspace" in refused.value.refusals[0].message


@pytest.mark.parametrize("day", [date(2021, 1, 1), date(2023, 12, 31)])
def test_on_the_plans_first_and_last_day_an_application_is_filed(desk: Bureau, day: date) -> None:
    operator = Actor.of("op", "applicant", "cixi", uscc=CIXI_USCC)
    mine = facts("cixi-makerspace")
    assert desk.on(day).submit(operator, city="cixi", type="makerspace", facts=mine).state == "applied"


@pytest.mark.parametrize("day", [date(2020, 12, 31), date(2024, 1, 1)])
def test_outside_the_plans_years_no_application_is_filed_and_no_other_reason_is_given(desk: Bureau, day: date) -> None:
    operator = Actor.of("op", "applicant", "cixi", uscc=CIXI_USCC)
    with pytest.raises(Refused) as refused:
        desk.on(day).submit(operator, city="cixi", type="spaceship", materials=[])
    assert refused.value.codes == ("policy_not_in_force",)


def test_an_application_filed_under_the_plan_is_decided_under_it_after_its_end(desk: Bureau) -> None:
    operator = Actor.of("op", "applicant", "cixi", uscc=CIXI_USCC)
    desk.on(date(2023, 12, 29))
    case = desk.submit(operator, city="cixi", type="makerspace", facts=facts("cixi-makerspace")).case
    desk.on(date(2024, 1, 3))
    assert desk.act(case, "accept", desk.cixi_clerk).state == "preliminary_review"
    assert desk.workflow.case(case).case.policy == "2021-01-01"


def test_the_second_return_needs_a_reason(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["场地证明"])
    assert desk.act(case, "resubmit", desk.operator).state == "preliminary_review"
    assert desk.refused(case, "return_for_correction", desk.clerk, missing=["合同"]) == {"already_returned"}
    again = desk.act(case, "return_for_correction", desk.clerk, missing=["合同"], reason="补正材料引出新问题")
    assert again.state == "correction"


def test_a_case_returned_before_acceptance_goes_back_to_acceptance(desk: Bureau) -> None:
    case = desk.submit().case
    desk.act(case, "return_for_correction", desk.clerk, missing=["申请表盖章"])
    assert desk.act(case, "resubmit", desk.operator).state == "applied"


def test_an_override_without_facts_changes_those_on_file(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["面积"])
    desk.act(case, "resubmit", desk.operator, override={"premises.area_m2": "5200.5"})
    view = desk.workflow.case(case)
    assert view.facts is not None
    assert str(view.facts.premises.area_m2) == "5200.5"
    assert len(view.facts.tenants) == 12


@pytest.mark.parametrize("path", ["premises.colour.shade", "tenants.99.area_m2", "tenants.first.area_m2", "makers.0"])
def test_an_override_that_leads_nowhere_is_refused(desk: Bureau, path: str) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["面积"])
    assert desk.refused(case, "resubmit", desk.operator, override={path: 1}) == {"evidence_invalid"}


def test_fraud_bars_the_operator_in_this_city_only_and_until_the_last_day(bureau: Bureau) -> None:
    bureau.on(date(2024, 2, 29))
    case = bureau.submit().case
    outcome = bureau.act(case, "find_fraud", bureau.lead, finding="虚报入驻企业")
    assert outcome.banned_until == date(2026, 2, 28)
    bureau.on(date(2026, 2, 28))
    with pytest.raises(GuardRefused) as refused:
        bureau.submit()
    assert refused.value.codes == ("banned",)
    assert refused.value.refusals[0].article == "第十四条"
    bureau.on(date(2026, 3, 1))
    assert bureau.submit().state == "applied"


def test_another_citys_ban_does_not_bind_but_the_clerk_is_shown_it(desk: Bureau) -> None:
    case = desk.submit().case
    desk.act(case, "find_fraud", desk.lead, finding="虚报")
    mine = facts("cixi-incubator", override={"operator.uscc": desk.operator.uscc})
    there = desk.submit(desk.operator, city="cixi", facts=mine).case
    view = desk.workflow.case(there, reader=desk.cixi_clerk)
    assert any("禁止申报" in warning for warning in view.warnings)


@pytest.mark.parametrize("ending", ["withdrawn", "rejected", "lapsed"])
def test_fraud_is_found_also_after_the_application_has_ended(desk: Bureau, ending: str) -> None:
    case = desk.reviewed()
    if ending == "withdrawn":
        desk.act(case, "withdraw", desk.operator)
    elif ending == "rejected":
        desk.act(case, "reject", desk.lead, reason="不符合条件")
    else:
        desk.act(case, "return_for_correction", desk.clerk, missing=["证明"])
        desk.on(date(2021, 6, 1)).workflow.tick()
    assert desk.state(case) == ending
    assert desk.act(case, "find_fraud", desk.lead, finding="合同系伪造").state == "disqualified"
    assert desk.workflow.banned_until(desk.operator.uscc, "yuyao") is not None


def test_fraud_in_cixi_disqualifies_and_nothing_else(desk: Bureau) -> None:
    operator = Actor.of("op", "applicant", "cixi", uscc=CIXI_USCC)
    lead = Actor.of("lead", "tech_lead", "cixi")
    desk.on(date(2021, 6, 1))
    case = desk.submit(operator, city="cixi", type="makerspace", facts=facts("cixi-makerspace")).case
    outcome = desk.act(case, "find_fraud", lead, finding="虚报创客人数")
    assert (outcome.state, outcome.banned_until, outcome.started) == ("disqualified", None, {})
    assert outcome.notices == (("disqualified", "applicant"),)
    assert desk.submit(operator, city="cixi", type="makerspace", facts=facts("cixi-makerspace")).state == "applied"


def test_a_recognised_application_is_not_disqualified_afterwards(desk: Bureau) -> None:
    case, _ = desk.recognised()
    assert desk.refused(case, "find_fraud", desk.lead, finding="虚报") == {"not_allowed_from_state"}


def test_in_cixi_finance_may_set_the_award_up_to_the_cap_of_the_space(desk: Bureau) -> None:
    operator = Actor.of("op", "applicant", "cixi", uscc=CIXI_USCC)
    lead, finance = Actor.of("lead", "tech_lead", "cixi"), Actor.of("fin", "finance", "cixi")
    desk.on(date(2021, 6, 1))
    case = desk.submit(operator, city="cixi", type="makerspace", facts=facts("cixi-makerspace")).case
    desk.act(case, "accept", desk.cixi_clerk)
    desk.act(case, "pass_preliminary", desk.cixi_clerk, findings="all_met")
    assert desk.refused(case, "endorse", finance, award_yuan="300000.01") == {"over_cap"}
    assert desk.refused(case, "endorse", lead, award_yuan=1) == {"evidence_invalid"}
    desk.act(case, "endorse", finance, award_yuan="280000")
    assert desk.workflow.case(case).case.memory["award_yuan"] == "280000"


def test_a_stale_reader_gets_a_conflict(desk: Bureau) -> None:
    case = desk.submit().case
    desk.act(case, "accept", desk.clerk)
    with pytest.raises(Conflict, match="read it again"):
        desk.workflow.perform(case, "withdraw", by=desk.operator, expected_version=1)


def test_a_case_that_does_not_exist_is_not_found(desk: Bureau) -> None:
    with pytest.raises(NotFound):
        desk.act("yuyao-210301-000000", "accept", desk.clerk)


def test_an_applicant_without_an_operator_opens_nothing(desk: Bureau) -> None:
    nobody = Actor.of("nobody", "applicant", "yuyao")
    with pytest.raises(NotAuthorised):
        desk.submit(nobody)


def test_a_title_is_only_lost_after_the_holder_could_be_heard(bureau: Bureau) -> None:
    _, title = bureau.recognised()
    bureau.on(date(2023, 3, 23))
    proposed = bureau.act(title, "propose_revocation", bureau.clerk, ground="申报材料造假", article="第十四条")
    assert proposed.started["defence_window"] == date(2023, 3, 30)
    bureau.on(date(2023, 3, 30)).workflow.tick()
    assert bureau.state(title) == "revocation_proposed"
    bureau.on(date(2023, 3, 31)).workflow.tick()
    assert bureau.state(title) == "revoked"
    assert bureau.workflow.verify().holds


def test_a_defence_stops_the_timer_and_somebody_else_decides(desk: Bureau) -> None:
    _, title = desk.recognised()
    proposer = Actor.of("p", ["tech_clerk", "tech_lead"], "yuyao")
    desk.act(title, "propose_revocation", proposer, ground="造假", article="第十四条")
    heard = desk.act(title, "file_defence", desk.operator, statement="材料属实")
    assert heard.stopped == ("defence_window",)
    assert desk.refused(title, "uphold_revocation", proposer, reason="不成立") == {"same_person"}
    assert desk.act(title, "drop_revocation", desk.lead, reason="申辩成立").state == "recognized"


def test_a_revocation_cites_an_article_that_exists(desk: Bureau) -> None:
    _, title = desk.recognised()
    codes = desk.refused(title, "propose_revocation", desk.clerk, ground="造假", article="第十七条")
    assert codes == {"evidence_invalid"}


def test_after_surrender_the_operator_may_apply_again(desk: Bureau) -> None:
    _, title = desk.recognised()
    desk.act(title, "surrender", desk.operator)
    assert desk.submit().state == "applied"


@pytest.mark.parametrize(("day", "barred"), [(date(2021, 1, 26), None), (date(2021, 1, 27), date(2023, 1, 27))])
def test_a_ban_does_not_reach_back_before_the_day_of_issue(desk: Bureau, day: date, barred: date | None) -> None:
    case = desk.on(date(2021, 1, 20)).submit().case
    found = desk.on(day).act(case, "find_fraud", desk.lead, finding="虚报")
    assert (found.state, found.banned_until) == ("disqualified", barred)
    assert (("ban_imposed", "applicant") in found.notices) == (barred is not None)
    assert ("ban_over" in found.started) == (barred is not None)


def test_a_resubmission_is_judged_as_of_its_own_day(desk: Bureau) -> None:
    young = facts(override={"operator.operating_since": date(2020, 9, 10)})
    case = desk.submit(facts=young).case
    desk.act(case, "accept", desk.clerk)
    desk.act(case, "return_for_correction", desk.clerk, missing=["运营满半年的证明"])
    before = desk.workflow.case(case).evaluation
    desk.on(date(2021, 3, 10)).act(case, "resubmit", desk.operator)
    after = desk.workflow.case(case).evaluation
    assert before is not None
    assert after is not None
    half_years = [evaluation.of("y5_1_half_year") for evaluation in (before, after)]
    assert [str(a.result) for a in half_years if a] == ["unmet", "met"]


def test_an_override_may_add_a_row_at_the_end(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["导师名单"])
    desk.act(case, "resubmit", desk.operator, override={"mentors.2": {"post": "M03"}})
    found = desk.workflow.case(case).facts
    assert found is not None
    assert [mentor.post for mentor in found.mentors] == ["M01", "M02", "M03"]


@pytest.mark.parametrize("code", ["91330281MA2B00001Q", "91330281MA2B0000", "91330281MA2B0000OP"])
def test_an_applicant_stands_for_a_real_code(code: str) -> None:
    with pytest.raises(ValueError, match="统一社会信用代码"):
        Actor.of("op", "applicant", "yuyao", uscc=code)


def test_a_code_is_the_same_however_it_is_typed(desk: Bureau) -> None:
    case = desk.submit().case
    same = Actor.of("op", "applicant", "yuyao", uscc=" 91330281 ma2b00001p ")
    assert desk.workflow.case(case, reader=same).case.id == case


def test_who_made_a_dropped_proposal_may_decide_the_next_one(desk: Bureau) -> None:
    _, title = desk.recognised()
    former = Actor.of("x", ["tech_clerk", "tech_lead"], "yuyao")
    desk.act(title, "propose_revocation", former, ground="甲", article="第十四条")
    desk.act(title, "drop_revocation", desk.lead, reason="不成立")
    desk.act(title, "propose_revocation", desk.clerk, ground="乙", article="第十四条")
    desk.act(title, "file_defence", desk.operator, statement="申辩")
    assert desk.act(title, "uphold_revocation", former, reason="成立").state == "revoked"


def test_without_land_of_its_own_nothing_is_to_be_justified(desk: Bureau) -> None:
    case = desk.submit(facts=facts(override={"premises.self_controlled": False})).case
    desk.act(case, "accept", desk.clerk)
    assert desk.refused(case, "pass_preliminary", desk.clerk, findings="all_met") == {"criteria_unmet"}
