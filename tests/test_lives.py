"""Random lives of applications: whatever people and deadlines do, the house's truths hold after every step."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from kjfh_workflow import Actor, NotFound, Outcome, Refused
from kjfh_workflow.policy.vocabulary import CaseKind
from tests.bureau import ARTICLE, CIXI_USCC, EVIDENCE, MATERIALS, Bureau, facts, uscc

EVENTS = [
    "submit", "accept", "return_for_correction", "resubmit", "correction_overdue", "pass_preliminary", "endorse",
    "reject", "withdraw", "find_fraud", "ban_over", "propose_revocation", "file_defence", "defence_window_over",
    "uphold_revocation", "drop_revocation", "surrender", "grant_title",
]  # fmt: skip


class Lives(RuleBasedStateMachine):
    """Both cities' machines, driven by chance."""

    cases = Bundle("cases")

    @initialize()
    def open_the_office(self) -> None:
        self.bureau = Bureau("sqlite://")
        self.day = date(2021, 3, 1)
        self.operators = {
            ("yuyao", n): Actor.of(f"y{n}", "applicant", "yuyao", name=f"余姚{n}", uscc=uscc(n)) for n in range(2)
        } | {("cixi", 0): Actor.of("c0", "applicant", "cixi", name="慈溪0", uscc=CIXI_USCC)}
        self.acts = 0

    @rule(days=st.integers(0, 40), ticks=st.booleans())
    def let_time_pass(self, days: int, ticks: bool) -> None:
        self.day += timedelta(days=days)
        self.bureau.on(self.day)
        if ticks:
            self.bureau.workflow.tick()

    @rule(
        target=cases,
        who=st.sampled_from([("yuyao", 0), ("yuyao", 1), ("cixi", 0)]),
        space_type=st.sampled_from(["incubator", "makerspace"]),
    )
    def submit(self, who: tuple[str, int], space_type: str) -> str:
        operator = self.operators[who]
        own = {"operator.uscc": operator.uscc, "operator.name": operator.name}
        name = "yuyao-strong" if who[0] == "yuyao" else "cixi-makerspace"
        before = self.fingerprint()
        try:
            outcome = self.bureau.submit(
                operator, city=who[0], type=space_type, facts=facts(name, override=own), materials=MATERIALS[who[0]]
            )
        except Refused:
            assert self.fingerprint() == before
            return ""
        return outcome.case

    @rule(
        case=cases,
        event=st.sampled_from(EVENTS),
        role=st.sampled_from(["tech_clerk", "tech_lead", "finance", "auditor", "applicant", "stranger", "other_city"]),
        person=st.integers(0, 1),
        seen_first=st.booleans(),
    )
    def act(self, case: str, event: str, role: str, person: int, seen_first: bool) -> None:
        if not case:
            return
        view = self.bureau.workflow.case(case)
        city, uscc_of_case = view.case.city, view.case.uscc
        if role == "stranger":
            actor = Actor.of("stranger", "applicant", city, uscc=uscc(77))
        elif role == "applicant":
            actor = Actor.of("owner", "applicant", city, uscc=uscc_of_case)
        elif role == "other_city":
            actor = Actor.of("other", "tech_lead", "cixi" if city == "yuyao" else "yuyao")
        else:
            actor = Actor.of(f"{role}{person}", role, city)
        evidence = dict(EVIDENCE.get(event, {}))
        if event == "propose_revocation":
            evidence["article"] = ARTICLE[city]
        targets = [case, *self.titles_of(case)]
        for target in targets:
            before = self.fingerprint()
            seen = self.preview(target, event, actor, evidence) if seen_first else None
            assert self.fingerprint() == before, "a preview leaves nothing behind"
            refused: tuple[str, ...] = ()
            try:
                outcome = self.bureau.workflow.perform(target, event, by=actor, evidence=evidence)
            except Refused as error:
                refused = error.codes
            if refused:
                assert self.fingerprint() == before, "a refusal changes nothing"
                assert seen is None or {r.code for r in seen.refusals} == {*refused}
            else:
                assert role not in ("stranger", "auditor", "other_city")
                self.check(outcome, seen)

    def preview(self, case: str, event: str, actor: Actor, evidence: dict[str, object]) -> Outcome | None:
        if actor.may_read(self.bureau.workflow.case(case).case):
            return self.bureau.workflow.preview(case, event, by=actor, evidence=evidence)
        with pytest.raises(NotFound):
            self.bureau.workflow.preview(case, event, by=actor, evidence=evidence)
        return None

    def check(self, outcome: Outcome, seen: Outcome | None) -> None:
        self.acts += 1
        case = self.bureau.workflow.case(outcome.case).case
        machine = self.bureau.workflow.catalog.pinned(case.city, case.policy).machines[case.kind]
        assert any(
            outcome.source in edge.sources and edge.to in (outcome.state, "same")
            for edge in machine.edges_of[outcome.event]
        ), "never off the graph"
        if seen is not None:
            assert (seen.state, seen.notices, seen.started) == (outcome.state, outcome.notices, outcome.started)

    def titles_of(self, case: str) -> list[str]:
        rows = self.bureau.workflow.cases()
        uscc_of_case = self.bureau.workflow.case(case).case.uscc
        return [row["id"] for row in rows if row["kind"] == CaseKind.INCUBATOR and row["uscc"] == uscc_of_case]

    def fingerprint(self) -> list[tuple[str, int]]:
        return [(row["id"], row["version"]) for row in self.bureau.workflow.cases()]

    @invariant()
    def the_history_folds_to_what_is_on_file(self) -> None:
        if hasattr(self, "bureau"):
            report = self.bureau.workflow.verify()
            assert report.holds, report.problems

    @invariant()
    def clocks_run_exactly_in_their_states(self) -> None:
        if not hasattr(self, "bureau"):
            return
        for row in self.bureau.workflow.cases():
            view = self.bureau.workflow.case(row["id"])
            machine = self.bureau.workflow.catalog.pinned(row["city"], row["policy"]).machines[CaseKind(row["kind"])]
            for timer in machine.timers:
                if timer.name in view.clocks:
                    assert view.case.state in timer.period_of
            armed = {(a["timer"], a["alarm"]) for a in view.alarms if a["outcome"] == "armed"}
            assert armed == {(name, alarm) for name, clock in view.clocks.items() for alarm in clock.alarms}

    @invariant()
    def an_operator_has_one_open_application_and_one_title_of_a_kind_in_a_city(self) -> None:
        if not hasattr(self, "bureau"):
            return
        taken = []
        for row in self.bureau.workflow.cases():
            pack = self.bureau.workflow.catalog.pinned(row["city"], row["policy"])
            if not pack.machines[CaseKind(row["kind"])].states[row["state"]].final:
                space = pack.space_of(row["type"]) if row["kind"] == CaseKind.INCUBATOR else ""
                taken.append((row["city"], row["kind"], row["uscc"], space))
        assert len(taken) == len({*taken})

    def teardown(self) -> None:
        if hasattr(self, "bureau"):
            self.bureau.workflow.close()


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
