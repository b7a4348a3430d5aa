"""Where a case ends if nobody acts: what is foreseen is what happens, day by day."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from heapq import heapify, heappop, heappush
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kjfh_workflow import Actor
from kjfh_workflow.casework.views.docket import MOST_DAYS
from kjfh_workflow.clock import local_date
from kjfh_workflow.policy.machine import Machine
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import CaseKind, LengthUnit, Role
from kjfh_workflow.rules.calendar import china
from kjfh_workflow.rules.case import Case, Standing
from kjfh_workflow.rules.clocks import ESCALATE, EXPIRE, REMIND
from kjfh_workflow.rules.deadlines import count
from kjfh_workflow.rules.decided import Known
from kjfh_workflow.rules.foresight import Foreseen, Step, foresee
from tests.bureau import ARTICLE, EVIDENCE, MATERIALS, Bureau, facts, uscc
from tests.living import Town
from tests.townsfolk import fresh_bureau

T = TypeVar("T")
YUYAO, CIXI = ("yuyao",), ("cixi",)
CITIES = (*YUYAO, *CIXI)

# ---- roads -----------------------------------------------------------------------------------------------------------

#: The day on which everybody has arrived; titles that have been assessed began long before.
START, EARLY = date(2023, 1, 4), date(2021, 3, 1)
#: Year → the days on which its round is opened, its members are graded, and it is closed; the last one stays open.
ROUNDS: dict[int, tuple[date, date, date | None]] = {
    2021: (date(2021, 11, 1), date(2021, 11, 15), date(2021, 12, 1)),
    2022: (date(2022, 9, 1), date(2022, 11, 15), date(2022, 12, 30)),
    2023: (date(2023, 1, 3), START, None),
}
#: A grade that passes in each city, and may be recommended upward.
PASSED = {"yuyao": "good", "cixi": "qualified"}
#: By when a failed title of Cixi is to rectify, where a road says nothing else.
RECTIFY_BY = date(2023, 2, 28)

#: ``event:role`` acts on the case at hand, ``+kind event:role`` opens one under the title, ``year=grade`` is graded in
#: that year's round, ``|`` goes on with the incubator, ``start`` on the day of arrival; ``wait`` lets 60 days pass and
#: what is due happen, ``tick`` only what is due.
Word = str | tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Road:
    """Words that lead a new operator's case into a state."""

    state: str
    words: tuple[Word, ...]
    cities: tuple[str, ...] = CITIES
    #: When its first act is; by default on the day of arrival.
    since: date = START


def tenant(entered_on: date, field: str = "软件") -> dict[str, Any]:
    """A young technology firm, as it is admitted."""
    return {
        "name": "余姚云帆软件有限公司", "uscc": uscc(9999), "founded_on": entered_on - timedelta(days=90),
        "entered_on": entered_on, "area_m2": 60, "field": field, "technology_sme": True, "registered_inside": True,
        "works_inside": True, "ip_applied": True, "invested_yuan": 0,
    }  # fmt: skip


SUBMIT = "submit:applicant"
RECOGNISED = (SUBMIT, "accept:tech_clerk", "pass_preliminary:tech_clerk", "endorse:finance", "endorse:tech_lead", "|")
REGISTERED = ("register_title:tech_lead", "|")
#: Registered long ago, and assessed twice.
GRADED = (*REGISTERED, "2021=passed", "2022=passed", "start")
RECOMMENDED = (*GRADED, "+promotion recommend:tech_lead")
PROPOSED = (*RECOGNISED, "propose_revocation:tech_clerk")
#: Granted in Cixi in 2021: assessed for the first time for 2022.
FAILED = (*RECOGNISED, "2022=unqualified")
FAILED_WITH_A_DAY_LEFT = (*RECOGNISED, ("2022=unqualified", {"rectify_by": date(2022, 12, 31)}), "start", "tick")
VISITED = {"site_visit": {"on": START, "visitors": ["王经办", "周科员"], "finding": "已核查"}}
LONG_AGO = {"tenant": tenant(date(2019, 12, 1))}
ROADS = (
    Road("applied", (SUBMIT,)),
    Road("applied", (SUBMIT, "return_for_correction:tech_clerk", "resubmit:applicant")),
    Road("correction", (SUBMIT, "return_for_correction:tech_clerk")),
    Road("correction", (SUBMIT, "accept:tech_clerk", "return_for_correction:tech_clerk")),
    Road("preliminary_review", RECOGNISED[:2]),
    Road("preliminary_review", (*RECOGNISED[:2], "return_for_correction:tech_clerk", "resubmit:applicant")),
    Road("joint_finance_review", RECOGNISED[:3]),
    Road("joint_finance_review", RECOGNISED[:4]),
    Road("recognized", RECOGNISED[:5]),
    Road("rejected", (*RECOGNISED[:2], "reject:tech_lead")),
    Road("withdrawn", (SUBMIT, "withdraw:applicant")),
    Road("lapsed", (SUBMIT, "return_for_correction:tech_clerk", "wait"), since=START - timedelta(days=90)),
    Road("disqualified", (*RECOGNISED[:2], "find_fraud:tech_lead")),
    Road("disqualified", (SUBMIT, "withdraw:applicant", "find_fraud:tech_lead")),
    # ---- titles
    Road("recognized", RECOGNISED),
    Road("recognized", (*PROPOSED, "drop_revocation:tech_lead")),
    Road("recognized", REGISTERED),
    Road("revocation_proposed", PROPOSED),
    Road("defence_review", (*PROPOSED, "file_defence:applicant")),
    Road("revoked", (*PROPOSED, "wait"), since=START - timedelta(days=90)),
    Road("surrendered", (*RECOGNISED, "surrender:applicant")),
    Road("promoted", (("register_title:tech_lead", {"level": "ningbo"}), "|")),
    Road("promoted", (*RECOMMENDED, "record_recognition:tech_clerk", "|", "propose_revocation:tech_clerk",
                      "drop_revocation:tech_lead"), since=EARLY),
    Road("under_assessment", GRADED, since=EARLY),
    Road("under_assessment", (*GRADED, "report_year:applicant", "propose_grade:tech_clerk"), since=EARLY),
    Road("under_assessment", (*RECOMMENDED, "record_recognition:tech_clerk", "|"), since=EARLY),
    Road("under_assessment", (*RECOGNISED, "2021=good", "2022=unqualified", "start"), YUYAO, EARLY),
    Road("revocation_proposed", (*RECOGNISED, "2021=unqualified", "2022=unqualified", "start"), YUYAO, EARLY),
    Road("revocation_proposed", (*RECOGNISED, "2021=unqualified", ("2022=not_graded", {"reason": "refused"}), "start",
                                 "decide_ungraded:tech_lead"), YUYAO, EARLY),
    Road("under_assessment", (*RECOGNISED, "2022=excellent", "start"), CIXI, EARLY),
    Road("rectification", FAILED, CIXI, EARLY),
    Road("rectification", (*RECOGNISED, ("2022=not_graded", {"reason": "refused"}), "start",
                           ("decide_ungraded:tech_lead", {"rectify_by": RECTIFY_BY})), CIXI, EARLY),
    Road("recheck", (*FAILED, "report_rectification:applicant"), CIXI, EARLY),
    Road("recheck", FAILED_WITH_A_DAY_LEFT, CIXI, EARLY),
    Road("recognized", (*FAILED, "start", "report_rectification:applicant", "pass_recheck:tech_clerk"), CIXI, EARLY),
    Road("revocation_proposed", (*FAILED_WITH_A_DAY_LEFT, "fail_recheck:tech_clerk"), CIXI, EARLY),
    Road("defence_review", (*FAILED_WITH_A_DAY_LEFT, "fail_recheck:tech_clerk", "file_defence:applicant"), CIXI, EARLY),
    Road("revoked", (*FAILED_WITH_A_DAY_LEFT, "fail_recheck:tech_clerk", "file_defence:applicant",
                     "uphold_revocation:tech_lead"), CIXI, EARLY),
    # ---- what belongs to them
    Road("recommended", RECOMMENDED, since=EARLY),
    Road("recognized_above", (*RECOMMENDED, "record_recognition:tech_clerk"), since=EARLY),
    Road("not_recognized", (*RECOMMENDED, "record_refusal:tech_clerk"), since=EARLY),
    Road("unreported", (*RECOGNISED, "+change record_change:tech_clerk")),
    Road("reported", (*RECOGNISED, "+change report_change:applicant")),
    Road("reported", (*RECOGNISED, "+change record_change:tech_clerk", "report_change:applicant")),
    Road("kept", (*RECOGNISED, "+change record_change:tech_clerk", ("confirm_conforming:tech_clerk", VISITED)), YUYAO),
    Road("not_conforming",
         (*RECOGNISED, "+change report_change:applicant", ("find_nonconforming:tech_clerk", VISITED)), YUYAO),
    Road("revocation_proposed",
         (*RECOGNISED, "+change report_change:applicant", ("find_nonconforming:tech_clerk", VISITED), "|"), YUYAO),
    Road("noted", (*RECOGNISED, "+change report_change:applicant", "note:tech_clerk"), CIXI),
    Road("incubating", (*RECOGNISED, "+tenancy admit:applicant")),
    Road("incubating",
         (*RECOGNISED, ("+tenancy admit:applicant", {"tenant": tenant(date(2020, 6, 1), "生物医药")})), YUYAO),
    Road("incubating", (*RECOGNISED, ("+tenancy admit:applicant", LONG_AGO), "tick", "extend:tech_clerk"), YUYAO),
    Road("overstayed", (*RECOGNISED, ("+tenancy admit:applicant", LONG_AGO), "tick"), YUYAO),
    Road("graduated", (*RECOGNISED, "+tenancy admit:applicant", "graduate:tech_clerk")),
    Road("left", (*RECOGNISED, "+tenancy admit:applicant", "leave:applicant")),
)  # fmt: skip
#: What each event asks for, where ``EVIDENCE`` does not say.
ASKED: dict[str, dict[str, Any]] = {
    "report_year": {"report": {"在孵企业": 12}},
    "propose_grade": {"grade": "qualified"},
    "decide_ungraded": {"year": 2022, "grade": "unqualified", "reason": "拒不参加"},
    "report_rectification": {"report": {"导师": 3}},
    "pass_recheck": {"finding": "整改到位"},
    "fail_recheck": {"finding": "仍不合格"},
    "recommend": {"to_level": "ningbo"},
    "record_recognition": {"level": "ningbo", "decided_on": START, "document_no": "甬科高〔2023〕1号"},
    "record_change": {"what": ["site"], "occurred_on": START - timedelta(days=5)},
    "report_change": {"what": ["site"], "occurred_on": START - timedelta(days=5)},
    "admit": {"tenant": tenant(date(2021, 5, 31))},
    "graduate": {"grounds": {"high_tech": True}},
    "extend": {"until": date(2024, 2, 29), "reason": "产品待上市"},
}


# ---- an office with cases ------------------------------------------------------------------------------------------


#: Says on which day it goes on; ends with a case, or nothing.
Way = Generator[date, None, str]


def operator(city: str, number: int) -> Actor:
    """One of any number of operators."""
    return Actor.of(f"{city}-{number}", "applicant", city, name=f"{city}第{number}家", uscc=uscc(number))


def evidence_of(event: str, who: Actor, more: Mapping[str, Any]) -> dict[str, Any]:
    """What *event* asks for, of *who*'s case."""
    given: dict[str, Any] = {**EVIDENCE.get(event, {}), **ASKED.get(event, {})}
    if event == "propose_revocation":
        given["article"] = ARTICLE[who.city]
    elif event == "submit":
        own = {"operator.uscc": who.uscc, "operator.name": who.name}
        handed_in = facts("yuyao-strong" if who.city == "yuyao" else "cixi-makerspace", override=own)
        given = {"type": "makerspace", "facts": handed_in, "materials": MATERIALS[who.city]}
    elif event == "register_title":
        given = {
            "name": who.name, "uscc": who.uscc, "type": "makerspace", "level": "local",
            "decided_on": date(2019, 5, 6), "document_no": "旧文〔2019〕1号", "township": "一镇",
        }  # fmt: skip
    return {**given, **more}


def walk(bureau: Bureau, city: str, number: int, road: Road) -> Way:
    """A new operator goes a road; ends with the case that has arrived."""
    who = operator(city, number)
    case = title = ""
    yield road.since
    for word, more in (word if isinstance(word, tuple) else (word, {}) for word in road.words):
        today = local_date(bureau.clock.now())
        kind, _, event = word.rpartition(" ")
        event, _, role = event.partition(":")
        year, _, grade = word.partition("=")
        if word == "|":
            case = title
        elif word == "start":
            yield START
        elif word in ("wait", "tick"):
            yield today + timedelta(days=60 if word == "wait" else 0)
            bureau.workflow.tick()
        elif grade:
            yield ROUNDS[int(year)][1]
            given: dict[str, Any] = {"grade": PASSED[city] if grade == "passed" else grade}
            if (city, grade) == ("cixi", "unqualified"):
                given["rectify_by"] = RECTIFY_BY
            act(bureau, case, "propose_grade", "tech_clerk", who, {**given, **more})
            closed = ROUNDS[int(year)][2]
            assert closed, "the last round stays open"
            yield closed + timedelta(days=1)
        elif kind or not case:
            actor, given = actor_of(role, who), evidence_of(event, who, more)
            begun = kind.removeprefix("+") or ("application" if event == "submit" else "incubator")
            parent = title or None
            case = bureau.workflow.open_case(begun, event, by=actor, city=city, evidence=given, parent=parent).case
            title = title or case
        elif opened := act(bureau, case, event, role, who, more):
            title = opened["incubator"]
    assert bureau.state(case) == road.state, road
    return case


def actor_of(role: str, who: Actor) -> Actor:
    """The operator itself, or somebody of its city's offices."""
    return who if role == Role.APPLICANT else Actor.of(f"{who.city}-{role}", role, who.city)


def act(
    bureau: Bureau, case: str, event: str, role: str, who: Actor, more: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Perform *event* as *role* in the case of *who*; what it opened."""
    given = evidence_of(event, who, more or {})
    return dict(bureau.workflow.perform(case, event, by=actor_of(role, who), evidence=given).opened)


def submitted(bureau: Bureau, who: Actor) -> str:
    """A new application of *who* in its city."""
    given = evidence_of("submit", who, {})
    return bureau.workflow.open_case("application", "submit", by=who, evidence=given).case


def assess(bureau: Bureau, city: str, years: Sequence[int] = tuple(ROUNDS)) -> Way:
    """A leader opens and closes one year's round after the other."""
    lead = Actor.of(f"{city}-leader", "tech_lead", city)
    for year, (opened, _, closed) in ((year, ROUNDS[year]) for year in years):
        yield opened
        bureau.workflow.rounds.open(city, year, by=lead)
        if closed:
            yield closed
            bureau.workflow.rounds.close(city, year, by=lead)
    return ""


def all_at_their_time(bureau: Bureau, *ways: Way) -> list[str]:
    """Everybody goes on when their day has come, on one day in the order given; what each of them ends with."""
    waiting = [(next(way), number) for number, way in enumerate(ways)]
    ended = [""] * len(ways)
    heapify(waiting)
    while waiting:
        day, number = heappop(waiting)
        bureau.on(day)
        try:
            heappush(waiting, (next(ways[number]), number))
        except StopIteration as end:
            ended[number] = end.value
    return ended


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
def test_what_is_foreseen_of_every_state_is_what_years_of_ticks_bring(desk: Bureau, unnoticed: int) -> None:
    ways = [(city, road) for road in ROADS for city in road.cities]
    all_at_their_time(
        desk,
        *(assess(desk, city) for city in CITIES),
        *(walk(desk, city, 100 + number, road) for number, (city, road) in enumerate(ways)),
    )
    rows = desk.workflow.cases(limit=1000)
    assert {(row["city"], row["kind"], row["state"]) for row in rows} == {
        (pack.city, kind, state)
        for pack in desk.workflow.catalog
        for kind, machine in pack.machines.items()
        for state in machine.states
    }, "a state that no road leads to: add one"

    today = START + timedelta(days=unnoticed)
    before = everything_foreseen(desk.on(today))
    ends = {item.case: item.ends for item in desk.workflow.docket(days=MOST_DAYS).items}
    assert {case: (end.state, end.on) for case, end in ends.items()} == {
        case: (before[case][1].state, before[case][1].on) for case in ends
    }, "the docket says so too"
    last = max(found.on for _, found in before.values() if found.on)
    assert last > START + timedelta(days=3 * 365)
    while today <= last + timedelta(days=60):
        desk.on(today).workflow.tick()
        today += timedelta(days=1)
    assert {case: found for case, (_, found) in before.items()} == {
        case: happened(desk, case, version) for case, (version, _) in before.items()
    }
    timers = {(pack.city, t.on_due) for pack in desk.workflow.catalog for m in pack.machines.values() for t in m.timers}
    rung = {(case.partition("-")[0], step.event) for case, (_, found) in before.items() for step in found.steps}
    assert rung == {(city, event) for city, event in timers if event}, "every last day that decides has been foreseen"
    assert not any(found.steps for _, found in everything_foreseen(desk).values()), "all has happened"


def test_fraud_found_before_the_day_of_issue_ends_in_no_ban(desk: Bureau) -> None:
    found = Road("disqualified", (SUBMIT, "find_fraud:tech_lead"), since=date(2021, 1, 11))
    all_at_their_time(desk, walk(desk, "yuyao", 1, found))
    assert [found for _, found in everything_foreseen(desk).values()] == [Foreseen("disqualified", None, ())]


# ---- clocks that follow a reckoning ----------------------------------------------------------------------------------


def ahead(bureau: Bureau, city: str, road: Road, on: date = START, years: Sequence[int] = tuple(ROUNDS)) -> Foreseen:
    """What is foreseen on a day of the case that a road ends with, in a city that assesses these years."""
    rounds = [assess(bureau, city, years)] if years else []
    *_, case = all_at_their_time(bureau, *rounds, walk(bureau, city, 1, road))
    return foreseen(bureau.on(on), bureau.workflow.case(case).case)


MISSING_2022, MISSING_2023, MISSING_2024, MISSING_2025 = (
    Step(date(year + 2, 1, 1), "assessment_missing", "assessment_missing", "recognized") for year in range(2022, 2026)
)


def test_instalments_that_nobody_assesses_are_held_one_year_after_the_other(desk: Bureau) -> None:
    found = ahead(desk, "cixi", Road("recognized", RECOGNISED))
    assert found == Foreseen("recognized", date(2027, 1, 1), (MISSING_2024, MISSING_2025))


def test_an_instalment_whose_year_was_assessed_is_no_longer_waited_for(desk: Bureau) -> None:
    graded = Road("recognized", (*RECOGNISED, "2022=passed"), CIXI, EARLY)
    assert ahead(desk, "cixi", graded, years=(2022,)).steps == (MISSING_2023,)


def test_while_a_year_s_round_is_open_only_its_closing_decides(desk: Bureau) -> None:
    graded = Road("under_assessment", (*RECOGNISED, "2022=passed", "start"), CIXI, EARLY)
    assert ahead(desk, "cixi", graded) == Foreseen("under_assessment", None, ())


def test_last_days_that_passed_unnoticed_keep_their_own_day(desk: Bureau) -> None:
    found = ahead(desk, "cixi", Road("recognized", RECOGNISED, since=EARLY), on=date(2026, 5, 6), years=())
    assert found.steps == (MISSING_2022, MISSING_2023)


def test_a_rectification_that_nobody_reports_goes_to_the_recheck_and_waits_for_a_person(desk: Bureau) -> None:
    found = ahead(desk, "cixi", Road("rectification", FAILED, CIXI, EARLY))
    assert found.steps == (
        Step(RECTIFY_BY + timedelta(days=1), "rectification_due", "rectification_overdue", "recheck"),
        replace(MISSING_2023, state="recheck"),
    )
    assert found.rests


def test_with_the_title_ends_the_waiting_for_its_instalments(desk: Bureau) -> None:
    found = ahead(desk, "cixi", Road("revocation_proposed", PROPOSED, CIXI))
    over = date(2023, 1, 12)  # five working days after 4 January, and then nothing at the end of 2025
    assert found == Foreseen("revoked", over, (Step(over, "defence_window", "defence_window_over", "revoked"),))
    assert found == ahead(desk, "yuyao", Road("revocation_proposed", PROPOSED)), "as where nothing was waited for"


@pytest.mark.parametrize(
    ("firm", "over"),
    [
        (tenant(date(2021, 5, 31)), date(2024, 6, 1)),
        (tenant(date(2020, 2, 29), "生物医药"), date(2025, 3, 1)),
        (tenant(date(2021, 10, 1)), date(2024, 10, 2)),  # not rolled over the National Day holidays
        (tenant(date(2019, 12, 1)), date(2022, 12, 2)),  # over before it was admitted
    ],
)
def test_a_stay_ends_after_36_months_or_60_and_then_somebody_has_to_decide(
    desk: Bureau, firm: dict[str, Any], over: date
) -> None:
    words = (*RECOGNISED, ("+tenancy admit:applicant", {"tenant": firm}))
    found = ahead(desk, "yuyao", Road("incubating", words))
    assert found == Foreseen("overstayed", over, (Step(over, "incubation_limit", "incubation_over", "overstayed"),))


def test_an_extended_stay_ends_on_its_own_day(desk: Bureau) -> None:
    words = (*RECOGNISED, ("+tenancy admit:applicant", LONG_AGO), "tick", "extend:tech_clerk")
    found = ahead(desk, "yuyao", Road("incubating", words))
    assert [step.on for step in found.steps] == [date(2024, 3, 1)]


def test_cixi_knows_no_limit_of_a_stay(desk: Bureau) -> None:
    assert ahead(desk, "cixi", Road("incubating", (*RECOGNISED, "+tenancy admit:applicant"))).steps == ()


def test_a_change_that_nobody_reports_stays_unreported(desk: Bureau) -> None:
    words = (*RECOGNISED, "+change record_change:tech_clerk")
    assert ahead(desk, "yuyao", Road("unreported", words)) == Foreseen("unreported", None, ())


# ---- random lives --------------------------------------------------------------------------------------------------

MOVES = (
    "some_time", "some_time", "somebody_applies", "somebody_is_registered", "something_happens",
    "something_happens_to_a_title", "something_goes_on", "something_begins", "a_round_opens", "a_year_is_assessed",
    "some_money_moves",
)  # fmt: skip


LIVES = st.lists(st.sampled_from(MOVES), min_size=1, max_size=16)


def lived(moves: Sequence[str], chance: Random) -> Town:
    """Both cities after some moves of whoever lives there."""

    def pick(options: Sequence[T], /) -> T:
        return chance.choice(options)

    town = Town(fresh_bureau(), evenings=0)
    town.settle(pick)
    for move in moves:
        getattr(town, move)(pick)
    return town


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(LIVES, st.randoms(), st.integers(0, 60))
def test_whatever_has_happened_the_foreseen_comes_true(moves: list[str], chance: Random, unnoticed: int) -> None:
    town = lived(moves, chance)
    town.pass_time(unnoticed, tick=False)
    bureau = town.bureau
    before = everything_foreseen(bureau)
    with town.telling():
        today = town.day
        end = max([today, *(found.on for _, found in before.values() if found.on)]) + timedelta(days=40)
        while today <= end:
            bureau.on(today).workflow.tick()
            next_ring = bureau.workflow.next_ring()
            today = max(local_date(next_ring), today) if next_ring else end + timedelta(days=1)
        for case, (version, found) in before.items():
            assert found == happened(bureau, case, version), town.alias(case)


# ---- what the two cities' packs do not have --------------------------------------------------------------------------


def changed(bureau: Bureau, **tables: Any) -> PolicyPack:
    """Yuyao's pack, with tables of its application machine replaced."""
    pack = bureau.workflow.catalog.latest("yuyao")
    machine = pack.machines[CaseKind.APPLICATION]
    data = {**machine.model_dump(mode="json", by_alias=True), **tables}
    return replace(pack, machines={**pack.machines, CaseKind.APPLICATION: Machine.model_validate(data)})


def edges_changed(bureau: Bureau, event: str, *when: str, **values: Any) -> list[dict[str, Any]]:
    """The application's edges, with values of one event's edge replaced: the one for when all of *when* hold."""
    machine = bureau.workflow.catalog.latest("yuyao").machines[CaseKind.APPLICATION]
    edges = machine.model_dump(mode="json", by_alias=True)["edge"]
    changed = [{**edge, **values} if (edge["event"], edge["when"]) == (event, [*when]) else edge for edge in edges]
    assert changed != edges
    return changed


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
    edges = edges_changed(bureau, "correction_overdue", to="preliminary_review")
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
    pack = changed(desk, edge=edges_changed(desk, "correction_overdue", guards=["materials_complete"]))
    assert foresee(pack, seen, known(date(2021, 3, 1))).state == "lapsed"
    assert foresee(pack, bare, known(date(2021, 3, 1))) == Foreseen("correction", None, ())


def test_where_one_last_day_ends_nothing_the_next_still_may(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"])
    seen = desk.workflow.case(case).case
    machine = desk.workflow.catalog.latest("yuyao").machines[CaseKind.APPLICATION]
    timers = machine.model_dump(mode="json", by_alias=True)["timer"]
    second = {**timers[0], "name": "second", "on_due": "withdraw"}
    edges = edges_changed(desk, "withdraw", by=["timer"])
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
