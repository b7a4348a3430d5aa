"""What seldom happens in the rules and the packs: neither city's own pack leads here, and another city's may."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kjfh_workflow import Actor, TransitionNotAllowed, Workflow
from kjfh_workflow.casework.opening import load_catalog
from kjfh_workflow.clock import FixedClock, office_hour
from kjfh_workflow.policy.catalog import pack_folders
from kjfh_workflow.policy.loader import load_pack
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import CaseKind, EffectName
from kjfh_workflow.policy.wording import language
from kjfh_workflow.policy.years_checks import years_complaints
from kjfh_workflow.resources import states_dir
from kjfh_workflow.rules.calendar import HolidayNotice, WorkCalendar, china
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.clocks import Alarm, clocks_of
from kjfh_workflow.rules.decided import Known
from kjfh_workflow.rules.decision import decide, decide_alarm, decide_opening
from kjfh_workflow.rules.recount import decide_recount
from tests.bureau import CIXI_USCC, Bureau
from tests.test_awards import FIRST, MAY, cixi, without_awards_table

CIXI = states_dir() / "cixi" / "2021-01-01"


def known(today: date) -> Known:
    """What a decision may ask that asks for nothing."""

    def nothing() -> Any:
        raise AssertionError("not asked for")

    return Known(today=today, calendar=china(), load_document=nothing, load_standing=nothing, taken=lambda _: "")


def running(desk: Bureau) -> tuple[PolicyPack, Case]:
    """A case whose review clock runs."""
    found = desk.workflow.case(desk.reviewed()).case
    return desk.workflow.catalog.pinned(found.city, found.policy), found


# ---- people and money ----------------------------------------------------------------------------------------------


def test_nobody_acts_without_a_role() -> None:
    with pytest.raises(ValueError, match="needs a role"):
        Actor.of("somebody", (), "yuyao")


def test_nothing_was_paid_before_it_was_approved() -> None:
    title = cixi().recognise(MAY)
    assert title.do(EffectName.APPROVE_AWARD, MAY, by="chen", **FIRST) == []
    paid = {**FIRST, "voucher": "1", "paid_on": date(2021, 4, 30)}
    assert title.do(EffectName.PAY_AWARD, MAY, by="wu", **paid) == ["evidence_invalid"]
    assert title.money["recognition/2021/1"][1] == "approved"


# ---- packs -------------------------------------------------------------------------------------------------------


def test_a_folder_may_be_a_pack_a_city_or_several_cities() -> None:
    assert pack_folders(CIXI) == [CIXI]
    assert pack_folders(CIXI.parent) == [CIXI]
    assert CIXI in pack_folders(states_dir())
    assert pack_folders(CIXI / "nowhere") == []


def test_a_city_without_awards_has_nothing_wrong_with_its_awards() -> None:
    assert [*years_complaints(without_awards_table(load_pack(CIXI)))] == []


@pytest.mark.parametrize(("value", "expected"), [("zh_CN.UTF-8", "zh"), ("de_DE", "en"), ("", "en")])
def test_complaints_are_in_the_language_of_the_system(
    value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LANG", value)
    assert language() == expected


# ---- cases that belong together --------------------------------------------------------------------------------------


def test_if_the_incubator_cannot_take_notice_the_act_is_refused_too(tmp_path: Path, sqlite_url: str) -> None:
    folder = tmp_path / "packs" / "cixi" / CIXI.name
    shutil.copytree(CIXI, folder)
    machine = folder / "machines" / "incubator.toml"
    text = machine.read_text("utf-8")
    told = 'event    = "change_settled"\nby       = ["case"]\nfrom     = ["recognized", '
    assert told in text
    machine.write_text(text.replace(told, told.replace('"recognized", ', "")), "utf-8")
    clock = FixedClock(office_hour(date(2021, 6, 1)))
    workflow = Workflow(sqlite_url, states=load_catalog([folder]), clock=clock, create=True)
    operator = Actor.of("op", "applicant", "cixi", name="慈溪海安众创空间有限公司", uscc=CIXI_USCC)
    clerk, lead = Actor.of("c", "tech_clerk", "cixi"), Actor.of("l", "tech_lead", "cixi")
    registered = {
        "type": "incubator", "level": "local", "decided_on": date(2021, 2, 1), "name": operator.name, "uscc": CIXI_USCC,
        "document_no": "慈科〔2021〕1号", "township": "古塘街道",
    }  # fmt: skip
    title = workflow.open_case("incubator", "register_title", by=lead, evidence=registered).case
    change = workflow.open_case(
        "change", "report_change", by=operator, parent=title, evidence={"what": ["site"], "occurred_on": "2021-05-20"}
    ).case
    with pytest.raises(TransitionNotAllowed, match="not_allowed_from_state"):
        workflow.perform(change, "note", by=clerk)
    assert workflow.case(change).case.state == "reported"
    workflow.close()


def test_a_case_opened_by_one_without_facts_has_none(desk: Bureau) -> None:
    pack, found = running(desk)
    memory = {key: value for key, value in found.memory.items() if key not in ("facts", "facts_on")}
    parent = decide_alarm_of_review(pack, replace(found, memory=memory))
    opened = decide_opening(pack, CaseKind.INCUBATOR, parent, "new", known(date(2021, 3, 5)))
    assert not opened.after.facts


def decide_alarm_of_review(pack: PolicyPack, case: Case) -> Any:
    """Any decision about a case."""
    clock = clocks_of(case)["review_due"]
    found = decide_alarm(
        pack, case, Alarm("review_due", clock.sequence, next(iter(clock.alarms))), TIMER, known(clock.due)
    )
    assert found
    return found


TIMER = Actor.timer("review_due", "yuyao")


# ---- clocks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [lambda a: replace(a, timer="gone"), lambda a: replace(a, sequence=9), lambda a: replace(a, name="nothing")],
    ids=["clock", "sequence", "alarm"],
)
def test_an_alarm_that_is_no_longer_set_decides_nothing(desk: Bureau, wrong: Callable[[Alarm], Alarm]) -> None:
    pack, case = running(desk)
    clock = clocks_of(case)["review_due"]
    alarm = Alarm("review_due", clock.sequence, next(iter(clock.alarms)))
    assert decide_alarm(pack, case, alarm, TIMER, known(clock.due))
    assert decide_alarm(pack, case, wrong(alarm), TIMER, known(clock.due)) is None


def test_a_clock_may_move_without_anybody_being_told(desk: Bureau) -> None:
    pack, case = running(desk)
    timer = pack.machines[case.kind].timer_of["review_due"]
    rest = HolidayNotice(1, "国办〔2021〕1号", None, frozenset({date(2021, 3, 10)}), frozenset())
    later = replace(known(date(2021, 3, 8)), calendar=WorkCalendar((rest,)))
    for told, moved in ((("deadline_moved",), timer), ((), timer.model_copy(update={"moved_notice": None}))):
        found = decide_recount(pack, case, moved, later, rest.source)
        assert found
        assert {order.notice for order in found.notices} == {*told}


def test_a_clock_paused_by_the_first_release_goes_on_with_what_was_left(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.on(date(2021, 3, 8)).act(case, "return_for_correction", desk.clerk, missing=["证明"])
    found = desk.workflow.case(case).case
    pack = desk.workflow.catalog.pinned(found.city, found.policy)
    paused = found.memory["paused"]["review_due"]
    old = {"state": paused["state"], "left": paused["left"]}
    memory = {**found.memory, "paused": {"review_due": old}}
    decision = decide(
        pack, replace(found, memory=memory), "resubmit", desk.operator, {},
        replace(known(date(2021, 3, 22)), load_document=lambda: document(desk, case)),
    )  # fmt: skip
    resumed = next(clock for clock in decision.started if clock.timer == "review_due")
    assert (resumed.deadline.length, resumed.stood_still) == (paused["left"], ())


def document(desk: Bureau, case: str) -> str:
    """The facts on file."""
    view = desk.workflow.case(case)
    assert view.facts
    return view.facts.model_dump_json()
