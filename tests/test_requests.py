"""The same request twice, the host's own transaction, and previews that leave nothing behind."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from kjfh_workflow import Actor, Conflict, GuardRefused, NotFound, Refused, RequestReused, Workflow, WorkflowError
from tests.bureau import MATERIALS, Bureau, facts


def evidence() -> dict[str, object]:
    """Of a strong application."""
    return {"type": "incubator", "facts": facts(), "materials": MATERIALS["yuyao"]}


def test_the_same_request_gives_the_first_answer_again(bureau: Bureau) -> None:
    workflow, who = bureau.workflow, bureau.operator
    first = workflow.open_case("application", "submit", by=who, evidence=evidence(), request_id="r1")
    again = workflow.open_case("application", "submit", by=who, evidence=evidence(), request_id="r1")
    assert again == first
    accepted = workflow.perform(first.case, "accept", by=bureau.clerk, request_id="r2")
    bureau.act(first.case, "pass_preliminary", bureau.clerk, findings="all_met")
    assert workflow.perform(first.case, "accept", by=bureau.clerk, request_id="r2") == accepted
    assert bureau.state(first.case) == "joint_finance_review"
    assert len(workflow.case(first.case).timeline) == 3


def test_a_request_id_used_for_another_act_is_a_conflict(desk: Bureau) -> None:
    case = desk.submit().case
    desk.workflow.perform(case, "accept", by=desk.clerk, request_id="r1")
    with pytest.raises(Conflict, match="another act"):
        desk.workflow.perform(case, "withdraw", by=desk.operator, request_id="r1")


def test_the_same_request_with_its_keys_in_another_order_is_the_same(desk: Bureau) -> None:
    case = desk.reviewed()
    one = {"missing": ["甲"], "working_days": 5}
    first = desk.workflow.perform(case, "return_for_correction", by=desk.clerk, evidence=one, request_id="r")
    other = {"working_days": 5, "missing": ["甲"]}
    assert desk.workflow.perform(case, "return_for_correction", by=desk.clerk, evidence=other, request_id="r") == first


@pytest.mark.parametrize("request_id", ["", " ", "x" * 129, "a\x00b", "\ud800"])
def test_a_request_id_that_no_database_could_keep_is_refused(desk: Bureau, request_id: str) -> None:
    case = desk.submit().case
    with pytest.raises(WorkflowError, match="a request id must be"):
        desk.workflow.perform(case, "accept", by=desk.clerk, request_id=request_id)


# ---- requests for a whole round --------------------------------------------------------------------------------------


def assessed(bureau: Bureau) -> str:
    """A title under assessment for 2021, with a grade; its round was request ``r1``."""
    _, title = bureau.recognised()
    bureau.workflow.rounds.open("yuyao", 2021, by=bureau.lead, request_id="r1")
    bureau.act(title, "propose_grade", bureau.clerk, grade="good")
    return title


def test_the_same_request_for_a_round_gives_the_first_answer_again(bureau: Bureau) -> None:
    _, title = bureau.recognised()
    rounds = bureau.workflow.rounds
    opened = rounds.open("yuyao", 2021, by=bureau.lead, request_id="r1")
    bureau.act(title, "propose_grade", bureau.clerk, grade="good")
    assert rounds.open("yuyao", 2021, by=bureau.lead, request_id="r1") == opened
    closed = rounds.close("yuyao", 2021, by=bureau.lead, request_id="r2")
    version = bureau.workflow.case(title).case.version
    bureau.on(date(2021, 6, 1))
    assert rounds.close("yuyao", 2021, by=bureau.lead, request_id="r2") == closed
    assert rounds.open("yuyao", 2021, by=bureau.lead, request_id="r1") == opened, "even after it was closed"
    assert bureau.workflow.case(title).case.version == version
    assert rounds.history("yuyao") == [opened, closed]


def test_without_a_request_id_the_same_again_is_refused(desk: Bureau) -> None:
    assessed(desk)
    rounds = desk.workflow.rounds
    with pytest.raises(Refused, match="round_exists"):
        rounds.open("yuyao", 2021, by=desk.lead)
    rounds.close("yuyao", 2021, by=desk.lead)
    with pytest.raises(Refused, match="round_not_open"):
        rounds.close("yuyao", 2021, by=desk.lead)


def test_a_request_id_of_a_round_is_of_that_act_that_year_and_that_person(desk: Bureau) -> None:
    assessed(desk)
    rounds, deputy = desk.workflow.rounds, Actor.of("deputy", "tech_lead", "yuyao")
    for act, year, who in (
        (rounds.close, 2021, desk.lead),
        (rounds.open, 2020, desk.lead),
        (rounds.open, 2021, deputy),
    ):
        with pytest.raises(Conflict, match="another act"):
            act("yuyao", year, by=who, request_id="r1")
    assert [made.act for made in rounds.history("yuyao")] == ["open_round"]


def test_a_request_id_of_an_act_on_a_case_opens_and_closes_no_round(desk: Bureau) -> None:
    title = assessed(desk)
    grade = {"grade": "qualified"}
    desk.workflow.perform(title, "propose_grade", by=desk.clerk, evidence=grade, request_id="r2")
    with pytest.raises(Conflict, match="another act"):
        desk.workflow.rounds.close("yuyao", 2021, by=desk.lead, request_id="r2")
    assert desk.state(title) == "under_assessment"


def test_a_request_id_of_a_round_does_nothing_in_a_case(desk: Bureau) -> None:
    title = assessed(desk)
    with pytest.raises(Conflict, match="another act"):
        desk.workflow.perform(title, "propose_grade", by=desk.clerk, evidence={"grade": "qualified"}, request_id="r1")
    assert desk.workflow.case(title).case.memory["proposed"]["grade"] == "good"


def test_a_refused_request_for_a_round_may_be_sent_again(desk: Bureau) -> None:
    _, title = desk.recognised()
    desk.workflow.rounds.open("yuyao", 2021, by=desk.lead)
    with pytest.raises(Refused, match="ungraded"):
        desk.workflow.rounds.close("yuyao", 2021, by=desk.lead, request_id="r")
    desk.act(title, "propose_grade", desk.clerk, grade="good")
    assert desk.workflow.rounds.close("yuyao", 2021, by=desk.lead, request_id="r").members == 1


@pytest.mark.parametrize("request_id", ["", " ", "x" * 129, "a\x00b", "\ud800"])
def test_a_request_id_of_a_round_that_no_database_could_keep_is_refused(bureau: Bureau, request_id: str) -> None:
    with pytest.raises(WorkflowError, match="a request id must be"):
        bureau.workflow.rounds.open("yuyao", 2021, by=bureau.lead, request_id=request_id)
    assert bureau.workflow.rounds.history() == []


def test_who_may_not_open_a_round_gets_no_earlier_answer(desk: Bureau) -> None:
    assessed(desk)
    for nobody in (desk.clerk, desk.auditor, Actor.of("lead", "tech_lead", "cixi")):
        with pytest.raises(Refused):
            desk.workflow.rounds.open("yuyao", 2021, by=nobody, request_id="r1")


@pytest.mark.parametrize("given", [{1: "x"}, ["missing"], "missing"])
def test_evidence_is_a_table_of_named_values(desk: Bureau, given: object) -> None:
    case = desk.submit().case
    with pytest.raises(WorkflowError, match="named values"):
        desk.workflow.perform(case, "accept", by=desk.clerk, evidence=given)  # type: ignore[arg-type]


def test_a_preview_of_another_citys_case_finds_nothing(desk: Bureau) -> None:
    case = desk.submit().case
    with pytest.raises(NotFound):
        desk.workflow.preview(case, "accept", by=desk.cixi_clerk)


def test_a_stale_version_is_told_before_overdue_deadlines_happen(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"], working_days=1)
    desk.on(date(2021, 6, 1))
    version = desk.workflow.case(case).case.version
    with pytest.raises(Refused):  # the reader was not stale: the application has lapsed meanwhile
        desk.workflow.perform(case, "resubmit", by=desk.operator, expected_version=version)


def test_what_is_overdue_counts_before_anybody_asks(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"], working_days=1)
    desk.on(date(2021, 6, 1))
    assert "resubmit" not in {possible.event for possible in desk.workflow.allowed_events(case, by=desk.operator)}
    assert desk.state(case) == "correction", "asking changes nothing"
    assert desk.submit().state == "applied"
    assert desk.state(case) == "lapsed"
    assert desk.workflow.verify().holds


def test_a_refused_request_may_be_sent_again(desk: Bureau) -> None:
    case = desk.submit().case
    with pytest.raises(Refused):
        desk.workflow.perform(case, "pass_preliminary", by=desk.clerk, request_id="r1")
    desk.act(case, "accept", desk.clerk)
    given = {"findings": "all_met"}
    done = desk.workflow.perform(case, "pass_preliminary", by=desk.clerk, evidence=given, request_id="r1")
    assert done.state == "joint_finance_review"


def test_an_act_joins_the_hosts_transaction_and_never_commits_it(database_url: str, bureau: Bureau) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE host (note TEXT)"))
    case = bureau.submit().case
    with engine.connect() as connection:
        transaction = connection.begin()
        connection.execute(text("INSERT INTO host VALUES ('mine')"))
        bureau.workflow.perform(case, "accept", by=bureau.clerk, connection=connection)
        transaction.rollback()
    assert bureau.state(case) == "applied"
    with Session(engine) as session:
        session.execute(text("INSERT INTO host VALUES ('mine')"))
        outcome = bureau.workflow.perform(case, "accept", by=bureau.clerk, connection=session)
        assert outcome.state == "preliminary_review"
        assert bureau.workflow.case(case, connection=session).case.state == "preliminary_review"
        session.commit()
    assert bureau.state(case) == "preliminary_review"
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM host")).scalar() == 1
    engine.dispose()


def test_the_hosts_rollback_undoes_an_act_that_came_first(database_url: str, bureau: Bureau) -> None:
    case = bureau.submit().case
    engine = create_engine(database_url)
    hosted = Workflow(engine, clock=bureau.clock)
    with engine.connect() as connection:
        hosted.perform(case, "accept", by=bureau.clerk, connection=connection)
        connection.rollback()
    assert bureau.state(case) == "applied"
    with Session(engine) as session:
        hosted.perform(case, "accept", by=bureau.clerk, connection=session)
        session.rollback()
    assert bureau.state(case) == "applied"
    assert bureau.workflow.verify().holds
    engine.dispose()


def test_a_refusal_inside_the_hosts_transaction_leaves_the_hosts_work_alone(database_url: str, bureau: Bureau) -> None:
    engine = create_engine(database_url)
    case = bureau.submit().case
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE host (note TEXT)"))
        with pytest.raises(Refused):
            bureau.workflow.perform(case, "endorse", by=bureau.lead, connection=connection)
        connection.execute(text("INSERT INTO host VALUES ('still here')"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT note FROM host")).scalar() == "still here"
    engine.dispose()
    engine.dispose()


def test_a_workflow_runs_on_the_hosts_engine(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    office = Bureau(sqlite_url)
    hosted = Workflow(engine, clock=office.clock)
    case = hosted.open_case("application", "submit", by=office.operator, evidence=evidence()).case
    assert office.state(case) == "applied"
    assert hosted.verify().holds
    engine.dispose()
    office.workflow.close()


def test_a_preview_says_what_would_happen_and_changes_nothing(bureau: Bureau) -> None:
    case = bureau.reviewed()
    before = bureau.workflow.case(case)
    seen = bureau.workflow.preview(case, "pass_preliminary", by=bureau.clerk, evidence={"findings": "all_met"})
    assert seen.state == "joint_finance_review"
    assert seen.started == {"review_due": date(2021, 3, 22)}
    assert (seen.stopped, seen.notices) == (("review_due",), (("preliminary_passed", "applicant"),))
    after = bureau.workflow.case(case)
    assert (after.case, after.timeline, after.alarms) == (before.case, before.timeline, before.alarms)
    done = bureau.act(case, "pass_preliminary", bureau.clerk, findings="all_met")
    assert done == seen


def test_a_preview_tells_refusals_instead_of_raising_them(desk: Bureau) -> None:
    case = desk.reviewed()
    seen = desk.workflow.preview(case, "pass_preliminary", by=desk.clerk)
    assert {refusal.code for refusal in seen.refusals} == {"finding_missing"}
    assert (seen.state, seen.version) == ("preliminary_review", 2)


def test_a_submission_can_be_previewed(desk: Bureau) -> None:
    good = desk.workflow.preview_open("application", "submit", by=desk.operator, evidence=evidence())
    assert good.state == "applied"
    bad = desk.workflow.preview_open(
        "application", "submit", by=desk.operator, evidence={**evidence(), "materials": []}
    )
    assert {refusal.code for refusal in bad.refusals} == {"materials_missing"}
    assert desk.workflow.cases() == []


def test_allowed_events_and_perform_agree(desk: Bureau) -> None:
    case = desk.passed()
    people = (desk.operator, desk.clerk, desk.lead, desk.finance, desk.auditor)
    for person in people:
        for possible in desk.workflow.allowed_events(case, by=person):
            given = {name: "文字" for name, required in possible.evidence.items() if required}
            seen = desk.workflow.preview(case, possible.event, by=person, evidence=given)
            assert possible.allowed == (not seen.refusals), (person.id, possible.event)


def test_allowed_events_say_why_not_and_what_will_be_asked(desk: Bureau) -> None:
    case = desk.reviewed()
    possible = {p.event: p for p in desk.workflow.allowed_events(case, by=desk.clerk)}
    assert possible["pass_preliminary"].allowed
    assert len(possible["pass_preliminary"].open_points) == 5
    assert possible["return_for_correction"].evidence == {"missing": True, "working_days": False, "reason": False}
    assert not possible["reject"].allowed
    assert [refusal.code for refusal in possible["reject"].refusals] == ["not_authorised"]
    assert "correction_overdue" not in possible


def test_a_refused_act_writes_nothing_at_all(bureau: Bureau) -> None:
    case = bureau.submit(facts=facts(override={"premises.area_m2": 1})).case
    bureau.act(case, "accept", bureau.clerk)
    bureau.workflow.checkpoint()
    with pytest.raises(GuardRefused):
        bureau.act(case, "pass_preliminary", bureau.clerk, findings="all_met")
    assert bureau.workflow.checkpoint() is None
    assert bureau.workflow.verify().holds


def test_a_hosts_engine_that_commits_each_statement_is_refused(postgres_url: str) -> None:
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with pytest.raises(WorkflowError, match="AUTOCOMMIT"):
        Workflow(engine)
    engine.dispose()


def test_a_hosts_engine_outlives_the_workflow(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    pool = engine.pool
    Workflow(engine).close()
    assert engine.pool is pool, "who disposes an engine gives it a new pool"
    engine.dispose()


def test_a_request_id_is_one_acts_whatever_the_act_is(desk: Bureau) -> None:
    """A case, a round, an entry of the integrity list and a file share one space of ids."""
    workflow = desk.workflow
    desk.recognised()
    entry = {"person": "评审甲", "finding": "徇私", "document_no": "余科〔2021〕9号"}
    other = desk.submit(type="makerspace").case

    def act(request: str) -> object:
        return workflow.perform(other, "accept", by=desk.clerk, request_id=request)

    def round_(request: str) -> object:
        return workflow.rounds.open("yuyao", 2021, by=desk.lead, request_id=request)

    def misconduct(request: str) -> object:
        return workflow.books.record_misconduct("yuyao", by=desk.lead, evidence=entry, request_id=request)

    def file(request: str) -> object:
        return workflow.files.attach(other, "plan.pdf", [b"%PDF-1.7\n"], by=desk.clerk, request_id=request)

    acts = [act, round_, misconduct, file]
    for number, do in enumerate(acts):
        do(f"r{number}")
    for number in range(len(acts)):
        for other_number, do in enumerate(acts):
            if other_number != number:
                with pytest.raises(RequestReused):
                    do(f"r{number}")
    assert workflow.verify().holds
