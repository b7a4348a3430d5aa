"""The dossier: one case in one glance. Of one moment, in people's words, and no more than its reader may know."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kjfh_workflow import Actor, NotFound
from kjfh_workflow.casework.views import first_screen
from kjfh_workflow.casework.views.dossier import Dossier, EventShown
from kjfh_workflow.casework.views.first_screen import Shown
from kjfh_workflow.casework.views.form_fields import FormField
from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.store.schema import metadata
from tests.bureau import Bureau, facts, uscc
from tests.living import Town
from tests.townsfolk import fresh_bureau, sqlite_of

OTHER = Actor.of("other", "applicant", "yuyao", name="余姚另家众创有限公司", uscc=uscc(61))


def read(bureau: Bureau, case: str, by: Actor | None = None) -> Dossier:
    """As somebody sees it; a clerk by default."""
    return bureau.workflow.dossier(case, reader=by or bureau.clerk)


def event_of(found: Dossier, event: str) -> EventShown:
    """One of the events."""
    return next(one for one in found.events if one.event == event)


def field_of(found: Dossier, event: str, name: str) -> FormField:
    """One field of an event's form."""
    return next(field for field in event_of(found, event).fields if field.name == name)


def text_of(found: Dossier) -> str:
    """Everything in it, to look for what must not be there."""
    return json.dumps(asdict(found), ensure_ascii=False, default=str)


def shown_text(found: Dossier) -> str:
    """The same without the case's memory, which no screen shows."""
    return json.dumps({**asdict(found), "case": None}, ensure_ascii=False, default=str)


# ---- what may happen -------------------------------------------------------------------------------------------------


def test_events_are_those_that_the_library_allows(bureau: Bureau) -> None:
    case, title = bureau.recognised()
    for reader in (bureau.clerk, bureau.lead, bureau.finance, bureau.operator, bureau.auditor):
        for one in (case, title):
            shown = [event for event in read(bureau, one, reader).events if not event.opens]
            allowed = bureau.workflow.allowed_events(one, by=reader)
            assert [(e.event, e.allowed, e.refusals, e.open_points) for e in shown] == [
                (e.event, e.allowed, e.refusals, e.open_points) for e in allowed
            ]


def test_looking_changes_nothing_and_holds_nobody_up(desk: Bureau) -> None:
    _, title = desk.recognised()
    before = standing(desk)
    read(desk, title)
    assert standing(desk) == before


def standing(bureau: Bureau) -> Any:
    """Changes with anything on file."""
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in metadata.tables)
    return sqlite_of(bureau).execute(f"SELECT {counts}, (SELECT group_concat(head) FROM kjfh_cases)").fetchone()


def test_a_deadline_that_nobody_has_noticed_is_told_with_the_events_behind_it(bureau: Bureau) -> None:
    case = bureau.reviewed()
    bureau.act(case, "return_for_correction", bureau.clerk, missing=["证明"])
    bureau.on(date(2021, 5, 1))
    found = read(bureau, case, bureau.operator)
    assert (found.case.state, found.case.version, found.overtaken) == ("correction", 3, "逾期未补正，视为撤回")
    assert "resubmit" not in {event.event for event in found.events}
    bureau.workflow.tick()
    after = read(bureau, case, bureau.operator)
    assert (after.case.state, after.overtaken, after.case.version) == ("lapsed", "", 5)
    assert after.events == found.events


def test_a_title_that_was_lost_unnoticed_opens_nothing_under_it(bureau: Bureau) -> None:
    _, title = bureau.recognised()
    bureau.act(title, "propose_revocation", bureau.clerk, ground="事由", article="第十四条")
    evidence = {"what": ["site"], "occurred_on": "2021-02-20"}
    change = bureau.workflow.open_case("change", "record_change", by=bureau.clerk, parent=title, evidence=evidence).case
    bureau.on(date(2021, 6, 1))
    found = read(bureau, title)
    assert found.overtaken == "已取消资格"
    assert not event_of(found, "record_change").allowed
    assert read(bureau, change, bureau.operator).case.state == "unreported", "its parent is over, and it can be read"


def test_what_can_be_opened_under_a_title_is_told_with_its_form(desk: Bureau) -> None:
    _, title = desk.recognised()
    found = read(desk, title, desk.operator)
    opening = {event.event: event for event in found.events if event.opens}
    assert {event.opens for event in opening.values()} == {"promotion", "change", "tenancy"}
    assert opening["admit"].allowed
    assert not opening["recommend"].allowed
    given_ = {"what": ["site"], "occurred_on": "2021-02-20"}
    done = desk.workflow.open_case("change", "report_change", by=desk.operator, parent=title, evidence=given_)
    child = read(desk, done.case, desk.operator)
    assert child.parent
    assert child.parent["id"] == title
    assert not any(event.opens for event in child.events)


# ---- forms -----------------------------------------------------------------------------------------------------------


def test_a_form_has_a_shape_words_and_choices_for_every_field(desk: Bureau) -> None:
    case = desk.reviewed()
    found = read(desk, case)
    days = field_of(found, "return_for_correction", "working_days")
    assert (days.label, days.shape, days.unit, days.least, days.most) == (
        "补正工作日数", "integer", "个工作日", Decimal(1), Decimal(250),
    )  # fmt: skip
    findings = field_of(found, "pass_preliminary", "findings")
    computed = found.computed
    assert computed
    left = {one.assessed.id for one in computed.criteria if one.assessed.result == "judge"}
    assert {part.name for part in findings.fields if part.required} == left
    assert all(part.shape == "yes_no" and part.label and part.note for part in findings.fields)
    assert {point.field.partition(".")[2] for point in event_of(found, "pass_preliminary").open_points} == left


def test_choices_come_from_the_pack_and_the_case(desk: Bureau) -> None:
    _, title = desk.recognised()
    desk.workflow.rounds.open("yuyao", 2021, by=desk.lead)
    found = read(desk, title, desk.lead)
    levels = field_of(found, "recommend", "to_level")
    assert ([choice.label for choice in levels.choices], levels.closed) == (["宁波市级", "省级", "国家级"], True)
    what = field_of(found, "record_change", "what")
    assert (what.shape, [choice.value for choice in what.choices]) == (
        "choices", ["name", "operator", "area", "site", "other"],
    )  # fmt: skip
    grade = field_of(found, "propose_grade", "grade")
    assert [choice.label for choice in grade.choices] == ["优秀", "良好", "合格", "不合格", "未评定等次"]
    reason = field_of(found, "propose_grade", "reason")
    assert ([choice.value for choice in reason.choices], reason.note) == (
        ["not_organised", "deferred", "refused"], "仅限考核等次为“未评定等次”",
    )  # fmt: skip
    assert "scores" not in {field.name for field in event_of(found, "propose_grade").fields}, "there is no scorecard"
    assert [choice.value for choice in field_of(found, "decide_ungraded", "grade").choices] == ["unqualified"]
    article = field_of(found, "propose_revocation", "article")
    assert not article.closed
    assert "第十七条" not in {choice.value for choice in article.choices}, "as issued"
    tenant = {part.name: part for part in field_of(found, "admit", "tenant").fields}
    assert (tenant["uscc"].shape, tenant["area_m2"].unit, tenant["invested_yuan"].unit) == ("uscc", "平方米", "元")
    assert all(part.required and part.label != part.name for part in tenant.values())


def test_an_awards_form_offers_the_awards_that_there_are(desk: Bureau) -> None:
    lead, clerk = Actor.of("l", "tech_lead", "cixi"), Actor.of("c", "tech_clerk", "cixi")
    finance = Actor.of("f", "finance", "cixi")
    who = Actor.of("op2", "applicant", "cixi", name="慈溪众创有限公司", uscc=uscc(8))
    own = facts("cixi-makerspace", {"operator.uscc": who.uscc, "operator.name": who.name})
    case = desk.submit(who, city="cixi", type="makerspace", facts=own).case
    desk.act(case, "accept", clerk)
    desk.act(case, "pass_preliminary", clerk, findings="all_met")
    fixed = field_of(read(desk, case, finance), "endorse", "award_yuan")
    assert (fixed.shape, fixed.unit, fixed.most) == ("decimal", "元", Decimal(300_000))
    desk.act(case, "endorse", finance)
    title = desk.act(case, "endorse", lead).opened["incubator"]
    found = read(desk, title, finance)
    assert [choice.value for choice in field_of(found, "approve_award", "kind").choices] == ["recognition"]
    assert [one.status_label for one in found.awards][:2] == ["拟给予", "待到期"]


def filled(field: FormField) -> Any:
    """Something that the form allows for a field; None where there is nothing to choose from."""
    if field.shape in ("choice", "choices") and not field.choices:
        return None
    if field.choices:
        first = field.choices[0].value
        return [first] if field.shape == "choices" else first
    if field.shape == "table":
        return {part.name: filled(part) for part in field.fields}
    plain: Mapping[str, Any] = {
        "line": "一行", "text": "几句话", "texts": ["一项"], "uscc": uscc(77), "date": "2021-03-01", "yes_no": True,
        "report": "报告", "facts": facts(), "paths": {"premises.township": "一镇"},
    }  # fmt: skip
    if field.shape in ("integer", "decimal"):
        assert field.least is not None
        return int(field.least) + (field.shape == "decimal")
    return plain[field.shape]


@given(data=st.data())
@settings(max_examples=40)
def test_what_a_form_allows_is_evidence_that_can_be_read(data: st.DataObject) -> None:
    town = Town(fresh_bureau())

    def pick(options: Any) -> Any:
        return data.draw(st.sampled_from([*options]))

    town.somebody_is_recognised(pick)
    for _ in range(8):
        pick((town.something_happens, town.something_begins, town.a_round_opens, town.some_time))(pick)
    case = town.case(pick(town.ids()))
    for role in (Role.TECH_CLERK, Role.TECH_LEAD, Role.FINANCE, Role.APPLICANT):
        reader = Actor("somebody", "somebody", (role,), case.city, case.uscc if role is Role.APPLICANT else "")
        for event in town.workflow.dossier(case.id, reader=reader).events:
            given_ = {field.name: filled(field) for field in event.fields}
            if event.opens:
                told = town.workflow.preview_open(
                    event.opens, event.event, by=reader, evidence=given_, parent=case.id, city=case.city
                )
            else:
                told = town.workflow.preview(case.id, event.event, by=reader, evidence=given_)
            unread = {r.message for r in told.refusals if r.code in ("evidence_invalid", "evidence_missing")}
            for message in unread:
                assert not any(word in message for word in ("没有这一项", "应为", "必须填写", "不在可选范围")), (
                    event.event, given_, message,
                )  # fmt: skip


# ---- who may know what -----------------------------------------------------------------------------------------------


def test_an_operator_is_not_told_what_an_office_notes_for_itself(bureau: Bureau) -> None:
    case = bureau.passed()
    bureau.act(case, "endorse", bureau.finance, opinion="内部意见：同意，但须留意")
    theirs, ours = read(bureau, case, bureau.operator), read(bureau, case)
    assert "内部意见" in shown_text(ours)
    assert "内部意见" not in shown_text(theirs)
    assert {entry.actor for entry in theirs.timeline} == {""}
    assert {entry.actor for entry in ours.timeline} == {"op", "clerk", "finance"}
    title = bureau.act(case, "endorse", bureau.lead).opened["incubator"]
    bureau.workflow.rounds.open("yuyao", 2021, by=bureau.lead)
    bureau.act(title, "propose_grade", bureau.clerk, grade="not_graded", reason="refused")
    assert read(bureau, title).story.proposed
    theirs = read(bureau, title, bureau.operator)
    assert theirs.story.proposed is None
    assert [entry.evidence for entry in theirs.timeline if entry.event == "propose_grade"] == [()]
    bureau.workflow.rounds.close("yuyao", 2021, by=bureau.lead)
    theirs = read(bureau, title, bureau.operator)
    assert [grade.reason for grade in theirs.story.grades] == ["拒不参加考核"]


def test_an_operator_sees_the_letters_written_to_it(bureau: Bureau) -> None:
    case = bureau.reviewed()
    bureau.on(date(2021, 3, 30)).workflow.tick()
    bureau.on(date(2021, 4, 10)).workflow.tick()
    offices = {notice.role for notice in read(bureau, case).notices}
    assert offices > {"applicant"}
    theirs = read(bureau, case, bureau.operator)
    assert {notice.role for notice in theirs.notices} == {"applicant"}
    assert {sent.role for entry in theirs.timeline for sent in entry.notices} == {"applicant"}
    assert {notice["role"] for notice in bureau.workflow.case(case, reader=bureau.operator).notices} == {"applicant"}


def test_an_operator_is_told_of_no_other_operator(bureau: Bureau) -> None:
    mine, other = bureau.submit().case, bureau.submit(OTHER).case
    assert any(OTHER.name in warning for warning in read(bureau, mine).warnings)
    theirs = text_of(read(bureau, mine, bureau.operator))
    for secret in (other, OTHER.name, OTHER.uscc):
        assert secret not in theirs


def test_another_citys_case_is_named_to_nobody(bureau: Bureau) -> None:
    elsewhere = Actor.of("op-c", "applicant", "cixi", name=bureau.operator.name, uscc=bureau.operator.uscc)
    own = facts("cixi-makerspace", {"operator.uscc": elsewhere.uscc, "operator.name": elsewhere.name})
    other = bureau.submit(elsewhere, city="cixi", type="makerspace", facts=own).case
    fraud = bureau.submit().case
    bureau.act(fraud, "find_fraud", bureau.lead, finding="虚报面积")
    found = read(bureau, other, bureau.cixi_clerk)
    assert [(ban["city"], ban["city_label"], ban["case_id"]) for ban in found.bans] == [("yuyao", "余姚市", None)]
    assert fraud not in text_of(found)
    assert other not in text_of(read(bureau, fraud))


def test_a_stranger_reads_no_dossier(bureau: Bureau) -> None:
    case = bureau.reviewed()
    for stranger in (OTHER, bureau.cixi_clerk, Actor.of("x", "admin", "cixi")):
        for ask in (bureau.workflow.dossier, bureau.workflow.past):
            with pytest.raises(NotFound):
                ask(case, reader=stranger)
    assert bureau.workflow.first_screen(reader=OTHER).counts == ()


# ---- what has happened -----------------------------------------------------------------------------------------------


def test_the_timeline_says_what_each_act_did(bureau: Bureau) -> None:
    case = bureau.reviewed()
    bureau.act(case, "return_for_correction", bureau.clerk, missing=["租赁合同", "章程"], working_days=5)
    entry = read(bureau, case).timeline[-1]
    assert (entry.event_label, entry.source_label, entry.target_label) == ("一次性告知补正", "科技局初审", "补正中")
    assert (entry.who, entry.remarks, entry.legal_on) == ("clerk（科技局经办人）", "租赁合同；章程", date(2021, 3, 1))
    assert [(turned.label, turned.due) for turned in entry.started] == [("补正期限", date(2021, 3, 8))]
    assert [turned.label for turned in entry.stopped] == ["审核期限"]
    assert [(sent.label, sent.role_label) for sent in entry.notices] == [("补正告知书", "申报主体")]
    bureau.on(date(2021, 3, 9)).workflow.tick()
    lapsed = read(bureau, case).timeline[-1]
    assert (lapsed.role, lapsed.who, lapsed.actor_name) == ("timer", "补正期限", "补正期限")


def test_a_story_tells_the_years_of_a_title(bureau: Bureau) -> None:
    _, title = bureau.recognised()
    workflow = bureau.workflow
    workflow.rounds.open("yuyao", 2021, by=bureau.lead)
    bureau.act(title, "report_year", bureau.operator, report="年报")
    bureau.act(title, "propose_grade", bureau.clerk, grade="good", score="88.5")
    workflow.rounds.close("yuyao", 2021, by=bureau.lead)
    up = workflow.open_case("promotion", "recommend", by=bureau.lead, parent=title, evidence={"to_level": "province"})
    evidence = {"level": "province", "decided_on": "2021-03-01", "document_no": "浙科〔2021〕1号"}
    bureau.act(up.case, "record_recognition", bureau.clerk, **evidence)
    found = read(bureau, title, bureau.operator)
    story = found.story
    [grade] = story.grades
    assert (grade.year, grade.grade_label, grade.score, grade.reported_on) == (
        2021, "良好", Decimal("88.5"), date(2021, 3, 1),
    )  # fmt: skip
    assert [(one.year, one.level_label) for one in story.recognised_above] == [(2021, "省级")]
    assert (found.words.level_label, story.document_no) == ("省级", "浙科〔2021〕1号")
    child = read(bureau, up.case).story.recommendation
    assert child
    assert (child.to_level_label, child.level_label, child.document_no) == ("省级", "省级", "浙科〔2021〕1号")
    past = workflow.past(title, known=date(2021, 3, 1), reader=bureau.operator)
    assert (past.day, past.words.state_label) == (date(2021, 3, 1), found.words.state_label)


@given(data=st.data())
@settings(max_examples=25)
def test_whatever_has_happened_every_case_can_be_shown_to_everybody(data: st.DataObject) -> None:
    town = Town(fresh_bureau())

    def pick(options: Any) -> Any:
        return data.draw(st.sampled_from([*options]))

    town.somebody_is_recognised(pick)
    moves: tuple[Any, ...] = (
        town.something_happens, town.something_begins, town.a_round_opens, town.a_round_closes, town.some_time,
        town.something_happens_to_a_title, town.some_money_moves, town.somebody_is_registered,
    )  # fmt: skip
    for _ in range(15):
        pick(moves)(pick)
    for case_id in town.ids():
        case = town.case(case_id)
        for reader in readers(case.city, case.uscc):
            found = town.workflow.dossier(case_id, reader=reader)
            assert found.case.version == case.version
            assert found.timeline[-1].version == case.version
            assert town.workflow.past(case_id, reader=reader).case.state == case.state


def readers(city: str, code: str) -> Iterator[Actor]:
    """Somebody of each kind who may see a case."""
    yield Actor.of("reader", ("tech_clerk", "tech_lead", "finance"), city)
    yield Actor.of("auditor", "auditor", city)
    yield Actor.of("owner", "applicant", city, uscc=code)


# ---- the first screen ------------------------------------------------------------------------------------------------


def test_a_first_screen_counts_what_its_reader_may_see(bureau: Bureau) -> None:
    bureau.recognised()
    mine = bureau.submit(OTHER, type="makerspace").case
    bureau.act(mine, "accept", bureau.clerk)
    bureau.workflow.rounds.open("yuyao", 2021, by=bureau.lead)
    screen = bureau.workflow.first_screen(reader=bureau.clerk)
    assert {(one.kind, one.state, one.final, one.count) for one in screen.counts} == {
        ("application", "recognized", True, 1), ("application", "preliminary_review", False, 1),
        ("incubator", "under_assessment", False, 1),
    }  # fmt: skip
    assert [(one.city_label, one.year, one.members) for one in screen.rounds] == [("余姚市", 2021, 1)]
    assert (screen.unread, screen.running_bans) == (None, 0)
    theirs = bureau.workflow.first_screen(reader=OTHER)
    assert [(one.kind, one.count) for one in theirs.counts] == [("application", 1)]
    assert theirs.rounds == ()
    assert theirs.unread == 1
    [letter] = bureau.workflow.mail_room.inbox(reader=OTHER)
    bureau.workflow.mail_room.read(letter.notice_id, by=OTHER)
    assert bureau.workflow.first_screen(reader=OTHER).unread == 0


def test_a_first_screen_names_what_is_late_and_what_is_due(bureau: Bureau) -> None:
    early = bureau.reviewed()
    late = bureau.on(date(2021, 3, 25)).submit(OTHER, type="makerspace").case
    bureau.act(late, "accept", bureau.clerk)
    bureau.on(date(2021, 4, 1))
    for ticked in (False, True):
        if ticked:
            bureau.workflow.tick()
        screen = bureau.workflow.first_screen(reader=bureau.clerk, days=60)
        assert [row["id"] for row in screen.overdue.cases] == [early]
        assert [row["id"] for row in screen.due.cases] == [late]
        assert (screen.overdue.more, screen.due.more) == (False, False)
    assert bureau.workflow.first_screen(reader=bureau.clerk, days=1).due.cases == []
    assert bureau.workflow.first_screen(reader=bureau.cixi_clerk).overdue.cases == []
    assert [row["id"] for row in bureau.workflow.first_screen(reader=bureau.operator).overdue.cases] == [early]


def unreported(bureau: Bureau, title: str, *days: date) -> list[str]:
    """Changes that nobody has reported, by the days on which they occurred; their clocks ring once and are silent."""
    flow = bureau.workflow
    given = [{"what": ["site"], "occurred_on": day} for day in days]
    return [
        flow.open_case("change", "record_change", by=bureau.clerk, parent=title, evidence=one).case for one in given
    ]


def late_since(bureau: Bureau, found: Shown) -> list[date]:
    """Since when each of them is overdue, as its own clocks have it."""
    today = bureau.workflow.today
    cases = [bureau.workflow.case(row["id"]) for row in found.cases]
    return [min(clock.due for clock in case.clocks.values() if clock.due < today) for case in cases]


def test_what_is_overdue_stands_longest_first_whether_it_nags_or_is_silent(bureau: Bureau) -> None:
    _, title = bureau.recognised()
    silent = [*unreported(bureau, title, date(2021, 2, 10), date(2021, 3, 1))]
    early = bureau.submit(OTHER, type="makerspace").case
    bureau.act(early, "accept", bureau.clerk)
    bureau.on(date(2021, 6, 1)).workflow.tick()
    overdue = bureau.workflow.first_screen(reader=bureau.clerk).overdue
    assert [row["id"] for row in overdue.cases] == [silent[0], early, silent[1]]
    assert late_since(bureau, overdue) == sorted(late_since(bureau, overdue))
    assert not overdue.more


def test_a_silent_case_that_is_longest_overdue_is_not_cut_off(desk: Bureau) -> None:
    _, title = desk.recognised()
    [silent] = unreported(desk, title, date(2021, 2, 10))
    for number in range(200, 300):
        who = Actor.of(f"op{number}", "applicant", "yuyao", name=f"余姚第{number}家", uscc=uscc(number))
        desk.act(desk.submit(who).case, "accept", desk.clerk)
    desk.on(date(2021, 6, 1)).workflow.tick()
    overdue = desk.workflow.first_screen(reader=desk.clerk).overdue
    assert (overdue.cases[0]["id"], len(overdue.cases), overdue.more) == (silent, 100, True)
    assert late_since(desk, overdue) == sorted(late_since(desk, overdue))


def test_where_not_every_silent_case_is_looked_at_the_first_screen_says_so(
    desk: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_screen, "_LOOKED_AT", 3)
    _, title = desk.recognised()
    unreported(desk, title, *[date(2021, 2, 10)] * 3)
    desk.on(date(2021, 6, 1)).workflow.tick()
    overdue = desk.workflow.first_screen(reader=desk.clerk).overdue
    assert (len(overdue.cases), overdue.more) == (3, False)
    unreported(desk, title, date(2021, 5, 31))  # not late, but only a look at it would tell
    overdue = desk.workflow.first_screen(reader=desk.clerk).overdue
    assert overdue.more


def test_a_ban_runs_on_the_first_screen_until_its_last_day(bureau: Bureau) -> None:
    case = bureau.submit().case
    bureau.act(case, "find_fraud", bureau.lead, finding="虚报面积")
    until = bureau.workflow.banned_until(bureau.operator.uscc, "yuyao")
    assert until
    assert bureau.workflow.first_screen(reader=bureau.clerk).running_bans == 1
    assert bureau.on(until).workflow.first_screen(reader=bureau.clerk).running_bans == 1
    after = date.fromordinal(until.toordinal() + 1)
    assert bureau.on(after).workflow.first_screen(reader=bureau.clerk).running_bans == 0
    assert bureau.workflow.first_screen(reader=bureau.cixi_clerk).running_bans == 0
