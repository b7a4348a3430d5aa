"""Any case as it was: in law on a day, and as far as the office knew at the end of a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjfh_workflow import Actor, NotFound, canonical
from kjfh_workflow.books import as_of
from kjfh_workflow.books.as_of import Scope, fold
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.case import Case
from kjfh_workflow.store import books as stored
from kjfh_workflow.store.books import Acted
from tests.bureau import Bureau, uscc

START = Case("c", "yuyao", CaseKind.INCUBATOR, "2020-01-01")


def act(version: int, day: int, source: str, target: str, role: str = "tech_clerk", **changes: Any) -> Acted:
    """A row of January 2021, noticed on its day."""
    on = date(2021, 1, day)
    noticed = datetime(2021, 1, day, 2, tzinfo=UTC)
    return Acted(
        "c", version, role, source, target, on, noticed, "{}", canonical.dumps({"set": changes}), f"h{version}"
    )


def state(office: Bureau, case: str, *, on: date | None = None, known: date | None = None) -> str:
    """A case's state as of some day."""
    return office.workflow.books.case_as_of(case, on=on, known=known).case.state


def test_a_case_is_what_it_was_on_every_day_of_its_life(bureau: Bureau) -> None:
    case = bureau.submit().case
    bureau.on(date(2021, 3, 3)).act(case, "accept", bureau.clerk)
    bureau.on(date(2021, 3, 5)).act(case, "pass_preliminary", bureau.clerk, findings="all_met")
    states = [state(bureau, case, on=date(2021, 3, day)) for day in range(1, 7)]
    assert states == [
        "applied", "applied", "preliminary_review", "preliminary_review",
        "joint_finance_review", "joint_finance_review"]  # fmt: skip
    with pytest.raises(NotFound):
        bureau.workflow.books.case_as_of(case, on=date(2021, 2, 28))


def test_a_past_case_has_the_clocks_and_the_label_of_that_day(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.on(date(2021, 3, 9)).act(case, "reject", desk.lead, reason="不符合条件")
    past = desk.workflow.books.case_as_of(case, on=date(2021, 3, 8))
    assert past.clocks["review_due"].due == date(2021, 3, 29)
    assert (past.state_label, past.changed_on) == ("科技局初审", date(2021, 3, 1))
    assert desk.workflow.books.case_as_of(case).clocks == {}


def test_what_was_noticed_late_was_so_in_law_and_was_not_known(bureau: Bureau) -> None:
    _, incubator = bureau.recognised()
    bureau.act(incubator, "propose_revocation", bureau.clerk, ground="事由", article="第十四条")
    # The window ends on 2021-03-08; the tick runs four days later.
    bureau.on(date(2021, 3, 12)).workflow.tick()
    on = date(2021, 3, 10)
    assert state(bureau, incubator, on=on) == "revoked"
    assert state(bureau, incubator, on=on, known=date(2021, 3, 11)) == "revocation_proposed"
    assert state(bureau, incubator, known=date(2021, 3, 11)) == "revocation_proposed"
    assert state(bureau, incubator, on=on, known=date(2021, 3, 12)) == "revoked"
    assert state(bureau, incubator, on=date(2021, 3, 8)) == "revocation_proposed"
    books = bureau.workflow.books
    assert books.register("yuyao", on=on).rows == []
    assert [row["case"] for row in books.register("yuyao", on=on, known=date(2021, 3, 11)).rows] == [incubator]
    assert [row["ended_on"] for row in books.ended("yuyao").rows] == [date(2021, 3, 9)]
    assert books.ended("yuyao", known=date(2021, 3, 11)).rows == []


def test_a_day_of_knowledge_ends_at_midnight_in_shanghai(desk: Bureau) -> None:
    # 23:59 and 00:00 in Shanghai of one day in UTC.
    desk.clock.instant = datetime(2021, 3, 1, 15, 59, tzinfo=UTC)
    early = desk.submit().case
    desk.clock.instant = datetime(2021, 3, 1, 16, 0, tzinfo=UTC)
    late = desk.submit(Actor.of("other", "applicant", "yuyao", uscc=uscc(1))).case
    assert state(desk, early, known=date(2021, 3, 1)) == "applied"
    with pytest.raises(NotFound):
        desk.workflow.books.case_as_of(late, known=date(2021, 3, 1))


def test_a_reminder_noticed_late_brings_nothing_of_what_came_before_it(desk: Bureau) -> None:
    case = desk.passed()
    # Reminded on 2021-03-17, noticed after the endorsement of the next day.
    desk.on(date(2021, 3, 18)).act(case, "endorse", desk.finance)
    desk.workflow.tick()
    assert desk.workflow.case(case).timeline[-1].legal_on < date(2021, 3, 18)
    assert desk.workflow.books.case_as_of(case, on=date(2021, 3, 17)).case.endorsed == {}
    assert [*desk.workflow.books.case_as_of(case, on=date(2021, 3, 18)).case.endorsed] == ["finance"]


def test_a_later_reminder_does_not_hide_what_happened_before_it_in_law() -> None:
    reminded = act(2, 10, "recognized", "recognized", "timer", clocks={"rung": True})
    ended = replace_day(act(3, 12, "recognized", "revoked", "timer"), 8)
    seen = fold(START, [act(1, 1, "new", "recognized"), reminded, ended], date(2021, 1, 9))
    assert seen is not None
    assert (seen.case.state, seen.case.version) == ("revoked", 3)
    assert "clocks" not in seen.case.memory


def test_behind_an_act_that_does_not_count_nothing_counts() -> None:
    acts = [act(1, 1, "new", "recognized"), act(2, 10, "recognized", "recognized", level="ningbo")]
    noted = replace_day(act(3, 12, "recognized", "recognized", "timer", clocks={"of": "2"}), 8)
    seen = fold(START, [*acts, noted], date(2021, 1, 9))
    assert seen is not None
    assert (seen.case.version, seen.case.memory) == (1, {})
    missing = fold(START, [acts[0], noted], None)
    assert missing is not None
    assert missing.case.version == 1


def replace_day(row: Acted, day: int) -> Acted:
    return row._replace(legal_on=date(2021, 1, day))


def test_what_another_body_decided_counts_from_its_decision(bureau: Bureau) -> None:
    lead = Actor.of("cixi-lead", "tech_lead", "cixi")
    decided = {"level": "ningbo", "decided_on": date(2020, 12, 8), "document_no": "甬科高〔2020〕88号"}
    given = {"name": "慈溪海潮孵化器", "uscc": uscc(1), "type": "incubator", "township": "浒山街道", **decided}
    incubator = bureau.workflow.open_case("incubator", "register_title", by=lead, evidence=given).case
    books = bureau.workflow.books
    assert [row["level"] for row in books.register(on=date(2020, 12, 8)).rows] == ["ningbo"]
    assert books.register(on=date(2020, 12, 7)).rows == []
    assert books.register(on=date(2020, 12, 31), known=date(2021, 2, 28)).rows == []

    promotion = bureau.workflow.open_case(
        "promotion", "recommend", by=lead, evidence={"to_level": "province"}, parent=incubator
    ).case
    bureau.on(date(2021, 12, 1)).workflow.rounds.open("cixi", 2021, by=lead)
    decided = {"level": "province", "decided_on": date(2021, 11, 25), "document_no": "浙科发高〔2021〕9号"}
    bureau.on(date(2022, 1, 10)).act(promotion, "record_recognition", bureau.cixi_clerk, **decided)
    levels = {day: books.register(on=day).rows[0]["level"] for day in (date(2021, 11, 24), date(2021, 11, 25))}
    assert levels == {date(2021, 11, 24): "ningbo", date(2021, 11, 25): "province"}
    [row] = books.register(on=date(2021, 11, 30)).rows
    assert (row["document_no"], row["state"]) == ("浙科发高〔2021〕9号", "promoted")
    assert books.register(on=date(2021, 11, 30), known=date(2022, 1, 9)).rows[0]["level"] == "ningbo"


@given(st.lists(st.integers(1, 28), min_size=1, max_size=8), st.integers(1, 28))
def test_folding_to_a_day_is_folding_what_had_happened(days: list[int], on: int) -> None:
    days.sort()
    acts = [act(number, day, "s", f"s{number}", key=number) for number, day in enumerate(days, 1)]
    seen = fold(START, acts, date(2021, 1, on))
    happened = sum(day <= on for day in days)
    assert (seen.case.version if seen else 0) == happened
    assert seen == fold(START, acts[:happened], None)


def test_folded_to_today_every_case_is_what_is_on_file(bureau: Bureau) -> None:
    _, incubator = bureau.recognised()
    bureau.act(bureau.submit(type="makerspace").case, "find_fraud", bureau.lead, finding="虚报")
    bureau.act(incubator, "propose_revocation", bureau.clerk, ground="事由", article="第十四条")
    bureau.on(date(2021, 4, 6)).workflow.tick()
    with bureau.workflow._database.reading() as tx:
        now = Scope.of(None)
        for kind in (CaseKind.APPLICATION, CaseKind.INCUBATOR):
            on_file = [seen for batch in as_of.batches(tx, kind, now) for seen in batch]
            folded = [
                seen
                for batch in as_of.batches(tx, kind, replace(now, on=date(2099, 1, 1), known=date(2099, 1, 1)))
                for seen in batch
            ]
            assert folded == on_file
            assert on_file


@pytest.mark.parametrize("days", [{}, {"on": date(2021, 3, 1)}])
def test_a_city_is_read_in_batches(desk: Bureau, monkeypatch: pytest.MonkeyPatch, days: dict[str, date]) -> None:
    monkeypatch.setattr(stored, "_BATCH", 2)
    cases = {desk.submit(Actor.of(f"a{n}", "applicant", "yuyao", uscc=uscc(n))).case for n in range(1, 6)}
    with desk.workflow._database.reading() as tx:
        batches = [*as_of.batches(tx, CaseKind.APPLICATION, Scope.of(None, "yuyao", **days))]
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert {seen.case.id for batch in batches for seen in batch} == cases


def test_a_past_case_is_seen_by_who_sees_it_now(desk: Bureau) -> None:
    case = desk.submit().case
    books = desk.workflow.books
    for reader in (desk.operator, desk.clerk, desk.auditor):
        assert books.case_as_of(case, reader=reader).case.id == case
    for reader in (desk.cixi_clerk, Actor.of("x", "applicant", "yuyao", uscc=uscc(2))):
        with pytest.raises(NotFound):
            books.case_as_of(case, reader=reader)
    with pytest.raises(NotFound):
        books.case_as_of("yuyao-210101-nobody")


def test_the_day_looked_at_is_the_last_that_was_known() -> None:
    today = date(2021, 6, 1)
    before = today - timedelta(days=3)
    assert Scope.of(None).day(today) == today
    assert Scope.of(None, known=before).day(today) == before
    assert Scope.of(None, known=date(2022, 1, 1)).day(today) == today
    assert Scope.of(None, on=before, known=today).day(today) == before
    assert Scope.of(None, known=before).in_words(today) == "截至2021-05-29；按2021-05-29已记载的情况"
