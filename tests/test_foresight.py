"""Where a case ends if nobody acts: what is foreseen is what happens, day by day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kjfh_workflow import Actor, Refused
from kjfh_workflow.clock import local_date
from kjfh_workflow.policy.machine import Machine
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import PERSON_ROLES, CaseKind, LengthUnit, Role
from kjfh_workflow.rules.calendar import china
from kjfh_workflow.rules.case import Case, Standing
from kjfh_workflow.rules.clocks import ESCALATE, EXPIRE, REMIND
from kjfh_workflow.rules.deadlines import count
from kjfh_workflow.rules.decided import Known
from kjfh_workflow.rules.foresight import Foreseen, Step, foresee
from kjfh_workflow.store.cases import Filter
from tests.bureau import ARTICLE, EVIDENCE, MATERIALS, Bureau, facts, uscc

CITIES = ("yuyao", "cixi")
RECOGNISED = ("accept:tech_clerk", "pass_preliminary:tech_clerk", "endorse:finance", "endorse:tech_lead")
#: The state a road leads to, and the acts that lead there; behind ``|`` those on the incubator.
ROADS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("applied", ()),
    ("applied", ("return_for_correction:tech_clerk", "resubmit:applicant")),
    ("correction", ("return_for_correction:tech_clerk",)),
    ("correction", ("accept:tech_clerk", "return_for_correction:tech_clerk")),
    ("preliminary_review", ("accept:tech_clerk",)),
    ("preliminary_review", ("accept:tech_clerk", "return_for_correction:tech_clerk", "resubmit:applicant")),
    ("joint_finance_review", ("accept:tech_clerk", "pass_preliminary:tech_clerk")),
    ("joint_finance_review", RECOGNISED[:3]),
    ("rejected", ("accept:tech_clerk", "reject:tech_lead")),
    ("withdrawn", ("withdraw:applicant",)),
    ("lapsed", ("return_for_correction:tech_clerk", "wait")),
    ("disqualified", ("accept:tech_clerk", "find_fraud:tech_lead")),
    ("disqualified", ("withdraw:applicant", "find_fraud:tech_lead")),
    ("recognized", RECOGNISED),
    ("recognized", (*RECOGNISED, "|", "propose_revocation:tech_clerk", "drop_revocation:tech_lead")),
    ("revocation_proposed", (*RECOGNISED, "|", "propose_revocation:tech_clerk")),
    ("defence_review", (*RECOGNISED, "|", "propose_revocation:tech_clerk", "file_defence:applicant")),
    ("revoked", (*RECOGNISED, "|", "propose_revocation:tech_clerk", "wait")),
    ("surrendered", (*RECOGNISED, "|", "surrender:applicant")),
)  # fmt: skip


# ---- an office with cases ------------------------------------------------------------------------------------------


def operator(city: str, number: int) -> Actor:
    """One of any number of operators."""
    return Actor.of(f"{city}-{number}", "applicant", city, name=f"{city}第{number}家", uscc=uscc(number))


def submitted(bureau: Bureau, who: Actor, space_type: str = "makerspace") -> str:
    """A new application of *who* in its city."""
    own = {"operator.uscc": who.uscc, "operator.name": who.name}
    handed_in = facts("yuyao-strong" if who.city == "yuyao" else "cixi-makerspace", override=own)
    outcome = bureau.submit(who, city=who.city, type=space_type, facts=handed_in, materials=MATERIALS[who.city])
    return outcome.case


def act(bureau: Bureau, case: str, event: str, role: str, who: Actor) -> dict[str, str]:
    """Perform *event* as *role*; what it opened."""
    actor = who if role == Role.APPLICANT else Actor.of(f"{who.city}-{role}", role, who.city)
    evidence = dict(EVIDENCE.get(event, {}))
    if event == "propose_revocation":
        evidence["article"] = ARTICLE[who.city]
    return dict(bureau.workflow.perform(case, event, by=actor, evidence=evidence).opened)


def walk(bureau: Bureau, start: date, city: str, number: int, road: tuple[str, ...]) -> None:
    """One new operator goes a road."""
    bureau.on(start)
    who = operator(city, number)
    case = submitted(bureau, who)
    opened: dict[str, str] = {}
    for word in road:
        event, _, role = word.partition(":")
        if event == "|":
            case = opened["incubator"]
        elif event == "wait":
            bureau.on(start + timedelta(days=60)).workflow.tick()
        else:
            opened = act(bureau, case, event, role, who)


def foreseen(bureau: Bureau, case: Case) -> Foreseen:
    """What is foreseen of a case now, with the operator's real standing."""
    workflow = bureau.workflow

    def standing() -> Standing:
        return Standing(banned_until=workflow.banned_until(case.uscc, case.city))

    known = Known(local_date(bureau.clock.now()), china(), lambda: "", standing)
    return foresee(workflow.catalog.pinned(case.city, case.policy), case, known)


def everything_foreseen(bureau: Bureau) -> dict[str, tuple[int, Foreseen]]:
    """Of every case: its version, and what is foreseen."""
    cases = [bureau.workflow.case(row["id"]).case for row in bureau.workflow.cases(limit=1000)]
    return {case.id: (case.version, foreseen(bureau, case)) for case in cases}


def happened(bureau: Bureau, case: str, since: int) -> Foreseen:
    """What deadlines have decided in a case since a version, as history has it."""
    view = bureau.workflow.case(case)
    steps = tuple(
        Step(row.legal_on, row.actor.removeprefix("timer:"), row.event, row.target)
        for row in view.timeline
        if row.version > since and row.event not in (REMIND, EXPIRE, ESCALATE)
    )
    return Foreseen(view.case.state, steps[-1].on if steps else None, steps)


# ---- every state of both cities ------------------------------------------------------------------------------------


@pytest.mark.parametrize("unnoticed", [0, 45])
def test_what_is_foreseen_of_every_state_is_what_three_years_of_ticks_bring(desk: Bureau, unnoticed: int) -> None:
    start, number = date(2021, 6, 1), 100
    for state, road in sorted(ROADS, key=lambda found: "wait" not in found[1]):
        for city in CITIES:
            number += 1
            walk(desk, start - timedelta(days=90 if "wait" in road else 0), city, number, road)
            assert state in {row["state"] for row in desk.workflow.cases(Filter(uscc=uscc(number)))}, road
    rows = desk.workflow.cases(limit=1000)
    assert {(row["city"], row["kind"], row["state"]) for row in rows} == {
        (pack.city, kind, state)
        for pack in desk.workflow.catalog
        for kind, machine in pack.machines.items()
        for state in machine.states
    }, "a state that no road leads to: add one"

    today = start + timedelta(days=unnoticed)
    before = everything_foreseen(desk.on(today))
    assert any(found.steps for _, found in before.values())
    for _ in range(3 * 366):
        desk.on(today).workflow.tick()
        today += timedelta(days=1)
    assert {case: found for case, (_, found) in before.items()} == {
        case: happened(desk, case, version) for case, (version, _) in before.items()
    }
    assert not any(found.steps for _, found in everything_foreseen(desk).values()), "all has happened"


def test_fraud_found_before_the_day_of_issue_ends_in_no_ban(desk: Bureau) -> None:
    walk(desk, date(2021, 1, 11), "yuyao", 1, ("find_fraud:tech_lead",))
    assert [found for _, found in everything_foreseen(desk).values()] == [Foreseen("disqualified", None, ())]


# ---- random lives --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stroke:
    """A piece of life: time passes, noticed or not, and one of an operator's possible acts is tried."""

    days: int
    ticks: bool
    who: int
    choice: int


LIVES = st.lists(
    st.builds(Stroke, st.integers(0, 25), st.booleans(), st.integers(0, 2), st.integers(0, 999)),
    min_size=1,
    max_size=16,
)


def live(bureau: Bureau, life: list[Stroke]) -> Bureau:
    """Two operators of Yuyao and one of Cixi; most of what is tried succeeds."""
    operators = [operator("yuyao", 1), operator("yuyao", 2), operator("cixi", 3)]
    day = date(2021, 3, 1)
    for stroke in life:
        day += timedelta(days=stroke.days)
        bureau.on(day)
        if stroke.ticks:
            bureau.workflow.tick()
        who = operators[stroke.who]
        possible = [*_possible(bureau, who)]
        try:
            if not possible or stroke.choice % (len(possible) + 1) == 0:
                submitted(
                    bureau, who, ("makerspace", "incubator")[stroke.choice % 2] if who.city == "yuyao" else "makerspace"
                )
            else:
                act(bureau, *possible[stroke.choice % len(possible)], who)
        except Refused:
            continue
    return bureau


def _possible(bureau: Bureau, who: Actor) -> Iterator[tuple[str, str, str]]:
    rows = bureau.workflow.cases(Filter(uscc=who.uscc))
    for row in sorted(rows, key=lambda row: (row["opened_on"], row["changed_at"], row["kind"])):  # ids are random
        machine = bureau.workflow.catalog.pinned(row["city"], row["policy"]).machines[CaseKind(row["kind"])]
        for event in machine.events_from(row["state"]):
            for edge in machine.edges_from[event, row["state"]]:
                yield from ((row["id"], event, role) for role in edge.by if role in PERSON_ROLES)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(life=LIVES, unnoticed=st.integers(0, 60))
def test_whatever_has_happened_the_foreseen_comes_true(life: list[Stroke], unnoticed: int) -> None:
    bureau = Bureau("sqlite://")
    try:
        live(bureau, life)
        bureau.on(local_date(bureau.clock.now()) + timedelta(days=unnoticed))
        before = everything_foreseen(bureau)
        today = local_date(bureau.clock.now())
        end = max([today, *(found.on for _, found in before.values() if found.on)]) + timedelta(days=40)
        while today <= end:
            bureau.on(today).workflow.tick()
            next_ring = bureau.workflow.next_ring()
            today = local_date(next_ring) if next_ring else end + timedelta(days=1)
        for case, (version, found) in before.items():
            assert found == happened(bureau, case, version), case
    finally:
        bureau.workflow.close()


# ---- what the two cities' packs do not have --------------------------------------------------------------------------


def changed(bureau: Bureau, **tables: Any) -> PolicyPack:
    """Yuyao's pack, with tables of its application machine replaced."""
    pack = bureau.workflow.catalog.latest("yuyao")
    machine = pack.machines[CaseKind.APPLICATION]
    data = {**machine.model_dump(mode="json", by_alias=True), **tables}
    return replace(pack, machines={**pack.machines, CaseKind.APPLICATION: Machine.model_validate(data)})


def edges_changed(bureau: Bureau, event: str, when: str | None, **values: Any) -> list[dict[str, Any]]:
    """The application's edges, with values of one event's edge replaced."""
    machine = bureau.workflow.catalog.latest("yuyao").machines[CaseKind.APPLICATION]
    edges = machine.model_dump(mode="json", by_alias=True)["edge"]
    return [{**edge, **values} if (edge["event"], edge["when"]) == (event, when) else edge for edge in edges]


def known(day: date, banned_until: date | None = None) -> Known:
    """What is known on a day of an operator with that ban."""
    return Known(day, china(), lambda: "", lambda: Standing(banned_until=banned_until))


def test_a_branch_that_asks_the_standing_gets_the_operators_own(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "find_fraud", desk.lead, finding="虚报")
    pack = changed(desk, edge=edges_changed(desk, "ban_over", "still_banned", to="rejected"))
    seen = desk.workflow.case(case).case
    over = date(2023, 3, 2)
    assert foresee(pack, seen, known(date(2021, 3, 1), date(2023, 3, 1))).state == "disqualified"
    assert foresee(pack, seen, known(date(2021, 3, 1), over)).steps == (Step(over, "ban_over", "ban_over", "rejected"),)


def circling(bureau: Bureau) -> PolicyPack:
    """A pack in which the end of the correction leads to the review, and the end of the review back."""
    machine = bureau.workflow.catalog.latest("yuyao").machines[CaseKind.APPLICATION]
    timers = [
        {**timer, "on_due": "accept", "escalation": None} if timer["name"] == "review_due" else timer
        for timer in machine.model_dump(mode="json", by_alias=True)["timer"]
    ]
    edges = edges_changed(bureau, "correction_overdue", None, to="preliminary_review")
    edges.append({**edges[-1], "event": "accept", "by": ["timer"], "from": ["preliminary_review"], "to": "correction"})
    return changed(bureau, edge=edges, timer=timers)


def test_clocks_that_start_each_other_for_ever_are_told_as_such(desk: Bureau) -> None:
    case = desk.submit().case
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"])
    found = foresee(circling(desk), desk.workflow.case(case).case, known(date(2021, 3, 1)))
    assert not found.rests
    assert [step.state for step in found.steps[:3]] == ["preliminary_review", "correction", "preliminary_review"]
    assert sorted(step.on for step in found.steps) == [step.on for step in found.steps]


def test_what_an_unnoticed_end_starts_counts_from_today(desk: Bureau) -> None:
    case = desk.submit().case
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"])
    today = date(2021, 5, 6)
    found = foresee(circling(desk), desk.workflow.case(case).case, known(today))
    review = count(china(), today, 20, LengthUnit.WORKING_DAYS)
    assert [step.on for step in found.steps[:2]] == [date(2021, 3, 23), review.due + timedelta(days=1)]


def test_a_clock_that_is_over_decides_nothing_even_if_the_pack_was_edited_since(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.on(date(2021, 4, 1)).workflow.tick()
    seen = desk.workflow.case(case).case
    assert foresee(circling(desk), seen, known(date(2021, 4, 1))) == Foreseen("preliminary_review", None, ())


def test_a_last_day_whose_event_the_pack_refuses_ends_nothing(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"])
    seen = desk.workflow.case(case).case
    bare = replace(seen, memory={**seen.memory, "materials": []})
    pack = changed(desk, edge=edges_changed(desk, "correction_overdue", None, guards=["materials_complete"]))
    assert foresee(pack, seen, known(date(2021, 3, 1))).state == "lapsed"
    assert foresee(pack, bare, known(date(2021, 3, 1))) == Foreseen("correction", None, ())


def test_where_one_last_day_ends_nothing_the_next_still_may(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"])
    seen = desk.workflow.case(case).case
    machine = desk.workflow.catalog.latest("yuyao").machines[CaseKind.APPLICATION]
    timers = machine.model_dump(mode="json", by_alias=True)["timer"]
    second = {**timers[0], "name": "second", "on_due": "withdraw"}
    edges = edges_changed(desk, "withdraw", None, by=["timer"])
    edges = [{**e, "guards": ["materials_complete"]} if e["event"] == "correction_overdue" else e for e in edges]
    clock = seen.memory["clocks"]["correction_due"]
    clocks = {"correction_due": clock, "second": {**clock, "alarms": {"expire": "2021-04-01"}}}
    bare = replace(seen, memory={**seen.memory, "materials": [], "clocks": clocks})
    found = foresee(changed(desk, edge=edges, timer=[*timers, second]), bare, known(date(2021, 3, 1)))
    assert found.steps == (Step(date(2021, 4, 1), "second", "withdraw", "withdrawn"),)


def test_looking_ahead_changes_nothing(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"])
    seen = desk.workflow.case(case).case
    memory = repr(seen.memory)
    foreseen(desk, seen)
    assert repr(seen.memory) == memory
    assert desk.state(case) == "correction"
