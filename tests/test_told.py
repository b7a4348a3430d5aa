"""What an operator reads of acts on file, those that one case performs on another too: no more than a letter says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kjfh_workflow import Actor, Outcome, Workflow
from kjfh_workflow.casework.views.dossier import Dossier
from kjfh_workflow.casework.views.timeline import Entry
from kjfh_workflow.errors import InputError
from kjfh_workflow.policy.vocabulary import SAME, CaseKind, Role
from kjfh_workflow.resources import states_dir
from tests.api import Api
from tests.bureau import ARTICLE, MATERIALS, Bureau, facts, packs
from tests.townsfolk import person

#: Whatever an office may say with an act; each holds something to look for.
PRIVATE = "只供内部参阅"
SAID: dict[str, Any] = {
    "site_visit": {"on": "2022-03-08", "visitors": ["王明", "李华"], "finding": PRIVATE},
    "opinion": PRIVATE,
    "level": "province",
    "decided_on": "2022-03-01",
    "document_no": "甬科〔2022〕9号",
}
#: How a change comes to where it is settled, and by whom it was said.
CHANGE = {"what": ["site"], "occurred_on": "2022-03-01"}
OPENINGS: dict[tuple[str, str], tuple[str, str, dict[str, Any]]] = {
    ("change", "reported"): ("report_change", "applicant", CHANGE),
    ("change", "unreported"): ("record_change", "tech_clerk", CHANGE),
    ("promotion", "recommended"): ("recommend", "tech_lead", {"to_level": "province"}),
}  # fmt: skip


@cache
def told_acts() -> list[tuple[str, str, str, str, str, str]]:
    """City, kind, state, event of the telling act; event and state of the told one: everything the packs have."""
    found = set()
    for pack in packs():
        for kind, machine in pack.machines.items():
            above = pack.machines[machine.under] if machine.under else None
            for edge in machine.edges:
                for told in above.edges_of[edge.tells] if above and edge.tells else ():
                    states = {*told.sources} & {*(edge.parent_in or told.sources)}
                    found |= {
                        (pack.city, str(kind), source, edge.event, told.event, state)
                        for source in edge.sources
                        for state in states
                    }
    return sorted(found)


class Title:
    """A title of a city, and its people."""

    def __init__(self, office: Bureau, city: str) -> None:
        self.office, self.city = office.on(date(2022, 1, 10)), city
        self.operator = person(city, "applicant")
        given = {
            "name": self.operator.name, "uscc": self.operator.uscc, "type": "incubator", "level": "local",
            "decided_on": "2021-02-01", "document_no": "科〔2021〕1号", "township": "城区",
        }  # fmt: skip
        flow = office.workflow
        self.id = flow.open_case("incubator", "register_title", by=self.by("tech_lead"), evidence=given, city=city).case
        if city == "yuyao":  # only who was graded well is recommended upward
            flow.rounds.open(city, 2021, by=self.by("tech_lead"))
            self.act("propose_grade", grade="good")
            flow.rounds.close(city, 2021, by=self.by("tech_lead"))
        office.on(date(2022, 3, 10))

    def by(self, role: str) -> Actor:
        return person(self.city, role, 1 if role == "tech_lead" else 0)

    def act(self, event: str, role: str = "tech_clerk", case: str = "", **evidence: Any) -> None:
        self.office.act(case or self.id, event, self.by(role), **evidence)

    def opened(self, kind: str, event: str, role: str, evidence: dict[str, Any]) -> str:
        flow = self.office.workflow
        return flow.open_case(kind, event, by=self.by(role), evidence=evidence, parent=self.id, city=self.city).case

    def comes_to(self, state: str) -> None:
        """By the way that everybody goes."""
        if state == "promoted":
            above = self.opened("promotion", "recommend", "tech_lead", {"to_level": "ningbo"})
            decision = {"level": "ningbo", "decided_on": "2022-02-01", "document_no": "甬科〔2022〕1号"}
            self.act("record_recognition", case=above, **decision)
        elif state in ("under_assessment", "rectification", "recheck"):
            self.office.workflow.rounds.open(self.city, 2022, by=self.by("tech_lead"))
            if state != "under_assessment":
                self.act("propose_grade", grade="unqualified", rectify_by=date(2022, 6, 1))
                self.office.workflow.rounds.close(self.city, 2022, by=self.by("tech_lead"))
            if state == "recheck":
                self.act("report_rectification", "applicant", report="已整改")
        elif state in ("revocation_proposed", "defence_review", "revoked"):
            self.act("propose_revocation", ground="事由", article=ARTICLE[self.city])
            if state != "revocation_proposed":
                self.act("file_defence", "applicant", statement="申辩")
            if state == "revoked":
                self.act("uphold_revocation", "tech_lead", reason="维持")
        elif state == "surrendered":
            self.act("surrender", "applicant")
        assert self.office.state(self.id) == state

    def read(self, case: str, role: str) -> Dossier:
        return self.office.workflow.dossier(case, reader=self.by(role))

    def last(self, case: str, role: str) -> Entry:
        return self.read(case, role).timeline[-1]


def said(entry: Entry) -> dict[str, Any]:
    return {one.name: one.value for one in entry.evidence}


def shown(title: Title, case: str) -> Iterator[str]:
    """Everything that an operator is shown of a case, as text; its memory no screen shows."""
    flow, operator = title.office.workflow, title.operator
    yield json.dumps({**asdict(title.read(case, "applicant")), "case": None}, ensure_ascii=False, default=str)
    yield json.dumps({**asdict(flow.past(case, reader=operator)), "case": None}, ensure_ascii=False, default=str)
    yield json.dumps([row.as_data() for row in flow.case(case, reader=operator).timeline], ensure_ascii=False)
    yield json.dumps([one.as_data() for one in flow.events.since(0, reader=operator).items], ensure_ascii=False)


@pytest.mark.parametrize("told_act", told_acts(), ids="-".join)
def test_an_operator_reads_a_told_act_as_the_act_itself(desk: Bureau, told_act: tuple[str, ...]) -> None:
    city, kind, source, event, told, state = told_act
    title = Title(desk, city)
    case = title.opened(kind, *OPENINGS[kind, source])
    assert desk.state(case) == source
    title.comes_to(state)
    fields = packs().latest(city).machines[CaseKind(kind)].edges_from[event, source][0].fields
    title.act(event, case=case, **{name: SAID[name] for name in fields})
    raw, raw_told = said(title.last(case, "tech_clerk")), said(title.last(title.id, "tech_clerk"))
    assert {*raw} <= {*raw_told}, "what was said is handed on whole"
    letters = [*title.last(case, "applicant").notices, *title.last(title.id, "applicant").notices]
    to_be_read = {name: value for name, value in raw.items() if letters and name != "opinion"}
    for role, reads in (("tech_clerk", raw), ("auditor", raw), ("applicant", to_be_read)):
        here, there = title.last(case, role), title.last(title.id, role)
        assert (here.event, there.event, there.role) == (event, told, "case")
        assert said(here) == reads
        # What the told case was given besides is what the operator reads in its own case.
        assert said(there) == {name: value for name, value in raw_told.items() if name in reads or name not in raw}
    texts = [text for one in (case, title.id) for text in shown(title, one)]
    if not letters or "opinion" in fields:
        assert not any(word in text for text in texts for word in (PRIVATE, "王明"))
    elif "site_visit" in fields:
        assert PRIVATE in texts[0]


def test_every_act_by_a_case_is_one_of_these_or_says_nothing(desk: Bureau) -> None:
    """What opens a title says nothing with it; everything else is told, and tried above."""
    tried = {(city, told) for city, *_, told, _ in told_acts()}
    for pack in packs():
        for machine in pack.machines.values():
            for edge in machine.edges:
                if Role.CASE in edge.by and (pack.city, edge.event) not in tried:
                    assert ("new" in edge.sources, edge.evidence, edge.to == SAME) == (True, (), False)
    _, title = desk.recognised()
    [granted] = desk.workflow.dossier(title, reader=desk.clerk).timeline
    assert (granted.role, granted.evidence) == ("case", ())


def test_two_findings_of_one_instant_are_not_taken_for_each_other(bureau: Bureau) -> None:
    title = Title(bureau, "yuyao")
    first, second = (title.opened("change", *OPENINGS["change", "reported"]) for _ in range(2))
    for case, word in ((second, "发函告知"), (first, PRIVATE)):
        visit = {**SAID["site_visit"], "finding": word}
        title.act("find_nonconforming", case=case, site_visit=visit)
    letters = [[one.notice for one in entry.notices] for entry in title.read(title.id, "applicant").timeline[-2:]]
    assert letters == [["revocation_proposed"], []]
    assert ["site_visit" in said(entry) for entry in title.read(title.id, "applicant").timeline[-2:]] == [True, False]
    assert ["site_visit" in said(title.last(case, "applicant")) for case in (second, first)] == [True, False]
    assert not any(PRIVATE in text for case in (first, second, title.id) for text in shown(title, case))


def test_an_operator_reads_no_office_evidence_over_http(quick: Api, desk: Bureau) -> None:
    title = Title(desk, "yuyao")
    case = title.opened("change", *OPENINGS["change", "reported"])
    title.comes_to("revocation_proposed")
    title.act("find_nonconforming", case=case, site_visit=SAID["site_visit"])
    for path in (f"/v1/cases/{case}", f"/v1/cases/{title.id}", "/v1/events", "/v1/cases", "/v1/desk"):
        assert PRIVATE not in quick.get(path, title.operator).text
    assert PRIVATE in quick.get(f"/v1/cases/{title.id}", title.by("tech_clerk")).text


def test_who_is_of_another_citys_office_reads_here_as_the_operator_it_is(desk: Bureau) -> None:
    """Somebody with two hats: the one of another city opens nothing here."""
    case = desk.passed()
    desk.act(case, "endorse", desk.finance, opinion=PRIVATE)
    both = Actor.of("both", ("tech_clerk", "applicant"), "cixi", uscc=desk.operator.uscc)
    rows = desk.workflow.case(case, reader=both).timeline
    assert not any(PRIVATE in row.evidence for row in rows)
    assert {row.actor for row in rows} == {""}
    assert PRIVATE not in json.dumps(asdict(desk.workflow.dossier(case, reader=both).timeline[-1]), default=str)
    assert any(PRIVATE in row.evidence for row in desk.workflow.case(case, reader=desk.lead).timeline)


# ---- the offices' own letters ----------------------------------------------------------------------------------------


def overdue(bureau: Bureau) -> str:
    """A case with letters to its operator and to the office that is late."""
    case = bureau.reviewed()
    for day in (date(2021, 4, 10), date(2021, 6, 1)):
        bureau.on(day).workflow.tick()
    return case


def test_the_feed_tells_an_operator_of_the_letters_in_its_inbox_and_of_no_other(bureau: Bureau) -> None:
    case = overdue(bureau)
    flow = bureau.workflow

    def told(reader: Actor | None) -> set[tuple[str, str]]:
        return {notice for one in flow.events.since(reader=reader).items for notice in one.notices}

    everything = {(row["notice"], row["role"]) for row in flow.case(case).notices}
    assert {role for _, role in everything} == {"applicant", "tech_lead"}
    assert told(None) == told(bureau.clerk) == told(bureau.auditor) == everything
    inbox = {(letter.notice, "applicant") for letter in flow.mail_room.inbox(reader=bureau.operator)}
    assert told(bureau.operator) == inbox
    both = Actor.of("both", ("tech_clerk", "applicant"), "cixi", uscc=bureau.operator.uscc)
    assert told(both) == inbox, "another city's office"
    handed: list[tuple[str, str]] = []
    flow.events.follow("intranet", lambda one: handed.extend(one.notices), start=0)
    assert {*handed} == everything, "a follower is a program"


def test_the_services_feed_tells_an_operator_of_no_office_letter(quick: Api, desk: Bureau) -> None:
    overdue(desk)
    told = {
        who: {notice["role"] for one in quick.get("/v1/events", by).json()["items"] for notice in one["notices"]}
        for who, by in (("operator", desk.operator), ("clerk", desk.clerk))
    }
    assert told == {"operator": {"applicant"}, "clerk": {"applicant", "tech_lead"}}


def test_no_outcome_tells_an_operator_of_an_office_letter(tmp_path: Path) -> None:
    """In a pack whose receipt goes to the clerks, too."""
    policy = Path(shutil.copytree(states_dir() / "yuyao" / "2020-01-01", tmp_path / "yuyao" / "2020-01-01"))
    policy /= "policy.toml"
    text, receipt = policy.read_text("utf-8"), 'label = "申请收到回执", to = ["applicant"'
    assert receipt in text
    policy.write_text(text.replace(receipt, f'{receipt}, "tech_clerk"'), "utf-8")
    office = Bureau("sqlite://")
    flow = Workflow("sqlite://", states=[tmp_path], clock=office.clock, create=True)
    given = {"type": "incubator", "materials": MATERIALS["yuyao"], "facts": facts()}
    preview = flow.preview_open("application", "submit", by=office.operator, evidence=given)
    done = flow.open_case("application", "submit", by=office.operator, evidence=given, request_id="r1")
    asked = flow.events.of_request("r1", by=office.operator)
    assert isinstance(asked, Outcome)
    assert preview.notices == done.notices == asked.notices == (("application_received", "applicant"),)
    assert {letter.role for letter in preview.letters} == {"applicant"}
    assert [one.notices for one in flow.events.since(reader=office.operator).items] == [done.notices]
    for reader in (office.clerk, None):
        seen = flow.events.of_request("r1", by=reader)
        assert isinstance(seen, Outcome)
        assert {role for _, role in seen.notices} == {"applicant", "tech_clerk"}
    flow.close()
    office.workflow.close()


@pytest.mark.parametrize("limit", [0, -1])
def test_the_feed_is_asked_for_something(bureau: Bureau, limit: int) -> None:
    with pytest.raises(InputError, match="at least one event"):
        bureau.workflow.events.since(limit=limit)
    bureau.submit()
    with pytest.raises(InputError, match="at least one event"):
        bureau.workflow.events.since(limit=limit)
