"""Every use case holds what it needs in one order, so nobody waits in a ring; and what one holds stops nothing else."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, NamedTuple

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, event

from kjfh_workflow import Actor
from kjfh_workflow.casework import rounds as rounds_acts
from kjfh_workflow.casework import ticks
from kjfh_workflow.store import timers
from tests.bureau import Bureau, facts, uscc
from tests.test_concurrency import at_once, titles

ROUND, OPERATOR, CHILD, PARENT, NUMBER = "round", "operator", "child", "case", "number"
#: ``casework.holding``.
ORDER = (ROUND, OPERATOR, CHILD, PARENT, NUMBER)
_CASES = re.compile(r"FROM kjfh_cases\b.*FOR UPDATE|UPDATE kjfh_cases\b", re.DOTALL)
_LOCKS = {
    ROUND: re.compile(r"FROM kjfh_rounds\b.*FOR UPDATE", re.DOTALL),
    OPERATOR: re.compile(r"FROM kjfh_organisations\b.*UPDATE|INSERT INTO kjfh_organisations\b", re.DOTALL),
    NUMBER: re.compile(r"(UPDATE|INSERT INTO) kjfh_numbers\b|FROM kjfh_numbers\b.*FOR UPDATE", re.DOTALL),
}


class Taken(NamedTuple):
    """One lock, where it was not held already."""

    what: str
    #: The case, where it is one; empty for all of a city's titles.
    case: str = ""


@pytest.fixture
def office(postgres_url: str) -> Iterator[Bureau]:
    """An office on PostgreSQL, where rows are locked."""
    bureau = Bureau(postgres_url)
    yield bureau
    bureau.workflow.close()


@pytest.fixture
def other(office: Bureau, postgres_url: str) -> Iterator[Bureau]:
    """The same office, at another machine."""
    bureau = Bureau(postgres_url)
    yield bureau
    bureau.workflow.close()


@pytest.fixture
def host(office: Bureau, postgres_url: str) -> Iterator[Engine]:
    """A host program's engine on the same database."""
    engine = create_engine(postgres_url)
    yield engine
    engine.dispose()


# ---- the film --------------------------------------------------------------------------------------------------------


class Film:
    """What is said to the server, transaction by transaction: only what locks rows, in the order of being had."""

    def __init__(self, office: Bureau) -> None:
        self.office = office
        self.transactions: list[list[Taken]] = []
        engine = office.workflow._database.engine
        engine.dispose()
        said = self

        class Cursor(psycopg.Cursor[Any]):
            def execute(self, query: Any, params: Any = None, **options: Any) -> Cursor:
                said.note(self.connection, str(query), [params or {}])
                super().execute(query, params, **options)
                return self

            def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
                said.note(self.connection, str(query), [*params_seq])
                super().executemany(query, params_seq, **options)

        @event.listens_for(engine, "connect")
        def on_connect(connection: Any, _record: object) -> None:
            connection.cursor_factory = Cursor

    def note(self, connection: Any, sql: str, rows: list[dict[str, Any]]) -> None:
        """A statement that is about to run; the first of a transaction begins another one."""
        if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE or not self.transactions:
            self.transactions.append([])
        if "SKIP LOCKED" in sql:
            return  # does not wait
        for what, pattern in _LOCKS.items():
            if pattern.search(sql):
                self._take(Taken(what))
        if _CASES.search(sql):
            for row in rows:
                some = "behind " + row["after"] if "after" in row else "members" if "JOIN kjfh_roster" in sql else ""
                self._take(Taken(PARENT, some) if "city" in row else self._case(row))

    def _case(self, row: dict[str, Any]) -> Taken:
        """The case that a statement names."""
        case = next(row[name] for name in ("id", "id_is") if name in row)
        with self.office_reading() as connection:
            found = connection.execute("SELECT parent FROM kjfh_cases WHERE id = %s", [case]).fetchone()
        return Taken(CHILD if found and found[0] else PARENT, case)

    def office_reading(self) -> psycopg.Connection[Any]:
        """A connection that is not filmed."""
        url = self.office.workflow._database.engine.url.set(drivername="postgresql")
        return psycopg.connect(url.render_as_string(hide_password=False))

    def _take(self, taken: Taken) -> None:
        so_far = self.transactions[-1]
        held_all = taken.what == PARENT and Taken(PARENT) in so_far
        if taken not in so_far and not held_all:
            so_far.append(taken)

    def of(self, act: Callable[[], object]) -> list[Taken]:
        """What the longest transaction of a use case takes; every one of them is in order."""
        self.transactions.clear()
        act()
        for taken in self.transactions:
            ranks = [ORDER.index(one.what) for one in taken]
            assert ranks == sorted(ranks), taken
            for what in (CHILD, PARENT):
                cases = [one.case for one in taken if one.what == what]
                assert cases == sorted(cases), f"of one kind by id: {taken}"
        return max(self.transactions, key=len)


def kinds(taken: list[Taken]) -> list[str]:
    """Of what kind, each once."""
    return [*dict.fromkeys(one.what for one in taken)]


def another(number: int) -> Actor:
    """An operator of Yuyao."""
    return Actor.of(f"op{number}", "applicant", "yuyao", name=f"余姚第{number}科技孵化器有限公司", uscc=uscc(number))


def overdue(office: Bureau, who: Actor | None = None, kind: str = "incubator") -> str:
    """An application whose correction was due; to be looked at on 1 June 2021."""
    case = office.submit(who, type=kind).case
    office.act(case, "accept", office.clerk)
    office.act(case, "return_for_correction", office.clerk, missing=["证明"])
    return case


def admitted(office: Bureau, title: str, number: int = 1) -> str:
    """A tenancy; to be looked at when its stay is over, in 2025."""
    young = {"founded_on": date(2020, 6, 1), "entered_on": date(2021, 2, 20)}
    tenant = {**facts()["tenants"][number - 1], **young}
    return office.workflow.open_case(
        "tenancy", "admit", by=office.operator, parent=title, evidence={"tenant": tenant}
    ).case  # fmt: skip


def found(office: Bureau, title: str) -> str:
    """A change that the office has found."""
    evidence = {"what": ["site"], "occurred_on": date(2021, 2, 20)}
    return office.workflow.open_case("change", "record_change", by=office.clerk, parent=title, evidence=evidence).case


VISIT = {"on": date(2021, 5, 20), "visitors": ["甲某", "乙某"], "finding": "现场核查"}


def test_a_submission_holds_the_operator_then_what_lapses_then_the_numbers(office: Bureau) -> None:
    late = overdue(office)
    film = Film(office.on(date(2021, 6, 1)))
    assert film.of(office.submit) == [Taken(OPERATOR), Taken(PARENT, late), Taken(NUMBER)]
    assert office.state(late) == "lapsed"


def test_a_first_submission_makes_the_operator_known_before_anything_else(office: Bureau) -> None:
    assert film_kinds(office, lambda: office.submit(another(3))) == [OPERATOR]


def film_kinds(office: Bureau, act: Callable[[], object]) -> list[str]:
    """Of what kind is what a use case takes."""
    return kinds(Film(office).of(act))


def test_a_ban_holds_the_operator_before_the_case(office: Bureau) -> None:
    late = overdue(office)
    film = Film(office.on(date(2021, 6, 1)))
    taken = film.of(lambda: office.act(late, "find_fraud", office.lead, finding="虚报"))
    assert taken == [Taken(OPERATOR), Taken(PARENT, late), Taken(NUMBER)]


def test_a_recognition_holds_no_operator(office: Bureau) -> None:
    case = office.passed()
    office.act(case, "endorse", office.finance)
    assert Film(office).of(lambda: office.act(case, "endorse", office.lead)) == [Taken(PARENT, case), Taken(NUMBER)]


def test_an_act_on_what_belongs_to_a_title_holds_it_before_the_title_and_both_before_the_numbers(
    office: Bureau,
) -> None:
    _, title = office.recognised()
    tenancy, change = admitted(office, title), found(office, title)
    film = Film(office.on(date(2021, 6, 1)))
    taken = film.of(lambda: office.act(change, "find_nonconforming", office.clerk, site_visit=VISIT))
    assert taken == [Taken(CHILD, change), Taken(PARENT, title), Taken(NUMBER)]
    assert office.state(title) == "revocation_proposed"
    office.on(date(2025, 6, 1))
    assert kinds(film.of(lambda: office.act(tenancy, "leave", office.operator))) == [CHILD, PARENT, NUMBER]


def test_opening_a_case_under_a_title_holds_the_title(office: Bureau) -> None:
    _, title = office.recognised()
    film = Film(office)
    assert film.of(lambda: found(office, title)) == [Taken(PARENT, title)]
    roster = [dict(tenant) for tenant in facts()["tenants"][:3]]
    assert film.of(lambda: office.workflow.books.import_tenants(title, roster, by=office.operator)) == [
        Taken(PARENT, title)
    ]
    taken = film.of(lambda: office.workflow.books.import_tenants(title, roster[:1], by=office.operator))
    assert kinds(taken) == [CHILD, PARENT]


def test_readers_hold_what_they_ring_in_the_same_order(office: Bureau) -> None:
    _, title = office.recognised()
    tenancy, late = admitted(office, title), overdue(office, another(3))
    film = Film(office.on(date(2021, 6, 1)))
    taken = film.of(lambda: office.workflow.dossier(late, reader=office.clerk))
    assert taken == [Taken(PARENT, late), Taken(NUMBER)]
    assert kinds(film.of(lambda: office.workflow.allowed_events(late, by=office.clerk))) == [PARENT, NUMBER]
    assert kinds(film.of(lambda: office.workflow.preview(late, "resubmit", by=another(3)))) == [PARENT, NUMBER]
    office.on(date(2025, 6, 1))
    taken = film.of(lambda: office.workflow.dossier(tenancy, reader=office.operator))
    assert taken[:2] == [Taken(CHILD, tenancy), Taken(PARENT, title)]


def test_rounds_hold_every_title_before_one_of_them_changes(office: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds_acts, "_BATCH", 1)
    overdue_in(office, min(titles(office, 4)))
    office.on(date(2022, 3, 1))
    film = Film(office)
    rounds = office.workflow.rounds
    assert kinds(film.of(lambda: rounds.preview_open("yuyao", 2021, by=office.lead))) == [PARENT, NUMBER]
    assert film.of(lambda: rounds.open("yuyao", 2021, by=office.lead)) == [Taken(PARENT), Taken(NUMBER)]
    for case in rounds.roster("yuyao", 2021):
        office.act(case, "propose_grade", office.clerk, grade="qualified")
    titles(office, 1, first=50)
    expected = [Taken(ROUND), Taken(PARENT), Taken(NUMBER)]
    tag = rounds.standing_of("yuyao", 2021, reader=office.lead).tag
    assert film.of(lambda: rounds.close("yuyao", 2021, by=office.lead, expected_tag=tag)) == expected


def overdue_in(office: Bureau, title: str) -> None:
    """A proposed revocation whose hearing has been over for long."""
    office.act(title, "propose_revocation", office.clerk, ground="造假", article="第十四条")


def test_a_tick_takes_the_numbers_of_one_city_in_a_transaction(office: Bureau) -> None:
    for number in range(3):
        overdue(office, another(number))
    film = Film(office.on(date(2021, 6, 1)))
    film.of(office.workflow.tick)
    assert all(len([one for one in taken if one.what == NUMBER]) <= 1 for taken in film.transactions)
    assert [taken for taken in film.transactions if Taken(NUMBER) in taken], "it has written letters"


# ---- two at once -----------------------------------------------------------------------------------------------------


@pytest.fixture
def crossings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The deadlocks so far: an act that meets one is tried again, so nobody would see it."""
    caplog.set_level(logging.INFO, "kjfh_workflow.store.database")
    return lambda: [record.getMessage() for record in caplog.records if "crossed" in record.getMessage()]


def test_a_submission_and_a_ban_never_cross(office: Bureau, other: Bureau, crossings: Callable[[], list[str]]) -> None:
    for number in range(12):
        for bureau in (office, other):
            bureau.on(date(2021, 3, 1))
        who = another(number)
        late = overdue(office, who)
        for bureau in (office, other):
            bureau.on(date(2021, 6, 1))
        at_once(
            lambda who=who: office.submit(who),  # type: ignore[misc]
            lambda late=late: other.act(late, "find_fraud", other.lead, finding="虚报"),  # type: ignore[misc]
        )
        assert other.state(late) == "disqualified"
    assert crossings() == []
    assert office.workflow.verify().holds


def test_a_submission_and_a_recognition_never_cross(
    office: Bureau, other: Bureau, crossings: Callable[[], list[str]]
) -> None:
    for number in range(8):
        for bureau in (office, other):
            bureau.on(date(2021, 3, 1))
        who = another(number)
        late = overdue(office, who, "makerspace")
        for bureau in (office, other):
            bureau.on(date(2021, 6, 1))
        office.workflow.tick()
        assert office.state(late) == "lapsed"
        case = office.submit(who).case
        office.act(case, "accept", office.clerk)
        office.act(case, "pass_preliminary", office.clerk, findings="all_met")
        office.act(case, "endorse", office.finance)
        recognised, _ = at_once(
            lambda case=case: office.act(case, "endorse", office.lead),  # type: ignore[misc]
            lambda who=who: other.submit(who, type="makerspace"),  # type: ignore[misc]
        )
        assert not isinstance(recognised, Exception), recognised
    assert crossings() == []
    assert office.workflow.verify().holds


def test_a_reader_and_somebody_who_acts_never_cross(
    office: Bureau, other: Bureau, crossings: Callable[[], list[str]]
) -> None:
    _, title = office.recognised()
    tenancies = [admitted(office, title, number) for number in range(1, 9)]
    for bureau in (office, other):
        bureau.on(date(2025, 6, 1))
    for case in tenancies:
        reading = threading.Thread(target=office.workflow.dossier, args=(case,), kwargs={"reader": office.operator})
        reading.start()
        assert other.act(case, "leave", other.operator).state == "left"
        reading.join()
    assert crossings() == []


# ---- one thing that is held holds up only itself ---------------------------------------------------------------------


def cixi_case(office: Bureau) -> str:
    """An application in the other city, accepted: its reminder falls due."""
    who = Actor.of("opx", "applicant", "cixi", name="慈溪第一科技孵化器有限公司", uscc="91330282MA2E00700J")
    case = office.submit(who, city="cixi").case
    office.act(case, "accept", office.cixi_clerk)
    return case


def still_due(office: Bureau, case: str) -> list[str]:
    """The alarms of a case whose time has come and that have not rung."""
    with office.workflow._database.reading() as tx:
        rows = timers.of_case(tx, case)
    return [row["alarm"] for row in rows if row["outcome"] == "armed" and row["rings_at"] <= office.clock.instant]


def test_a_number_row_that_somebody_holds_stops_only_what_needs_it(
    office: Bureau, host: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ticks, "_LOCK_SECONDS", 0.2)
    monkeypatch.setattr(ticks, "_TOGETHER", 5)  # several batches
    caplog.set_level(logging.INFO, "kjfh_workflow.store.database")
    blocked = [overdue(office, another(number)) for number in range(10, 22)]
    elsewhere, rejected = cixi_case(office), office.submit(another(3)).case
    office.act(rejected, "accept", office.clerk)
    office.on(date(2021, 6, 1))
    with host.connect() as connection:
        office.workflow.perform(
            rejected, "reject", by=office.lead, evidence={"reason": "不符合条件"}, connection=connection
        )
        ticked = office.workflow.tick()
        assert still_due(office, elsewhere) == [], "the other city's deadlines ring"
        for case in blocked:
            assert still_due(office, case) == ["expire"], "its reminder has no number, and rang"
        assert ticked.rung >= len(blocked) + 2
        assert ticked.held == 5, "as many as are counted"
        assert ticked.failing == []
        assert len(caplog.records) == 1, "it was waited for once, not once for each"
        assert office.workflow.tick().rung == 0
        connection.rollback()
    rung = office.workflow.tick()
    assert (rung.held, rung.failing) == (0, [])
    assert {office.state(case) for case in blocked} == {"lapsed"}
    for case in blocked:
        view = office.workflow.case(case)
        assert [row.event for row in view.timeline].count("correction_overdue") == 1
        assert len([row for row in view.notices if row["number"]]) == 2, "the correction's and the lapse's"
    assert office.workflow.verify().holds


def test_deadlines_ring_while_a_round_is_being_closed(
    office: Bureau, other: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "_LOCK_SECONDS", 0.2)
    titles(office, 3)
    lapsing, elsewhere = overdue(office), cixi_case(office)
    office.on(date(2021, 3, 2)).workflow.rounds.open("yuyao", 2021, by=office.lead)
    for case in office.workflow.rounds.roster("yuyao", 2021):
        office.act(case, "propose_grade", office.clerk, grade="unqualified")
    for bureau in (office, other):
        bureau.on(date(2021, 6, 1))
    seen: list[int] = []

    def meanwhile(done: int, _of: int) -> None:
        if done == 1:
            seen.append(other.workflow.tick().rung)

    office.workflow.rounds.close("yuyao", 2021, by=office.lead, progress=meanwhile)
    assert still_due(office, elsewhere) == []
    assert seen[0] >= 3
    assert other.workflow.tick().held == 0
    assert other.state(lapsing) == "lapsed"
    assert office.workflow.verify().holds


def test_a_held_alarm_is_not_overtaken_by_a_later_one_of_its_case(
    office: Bureau, host: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "_LOCK_SECONDS", 0.1)
    case, rejected = overdue(office), office.submit(another(3)).case
    office.act(rejected, "accept", office.clerk)
    office.on(date(2022, 6, 1))
    with host.connect() as connection:
        office.workflow.perform(
            rejected, "reject", by=office.lead, evidence={"reason": "不符合条件"}, connection=connection
        )
        for _ in range(3):
            office.workflow.tick()
        assert [row.event for row in office.workflow.case(case).timeline][-1] == "remind"
        connection.rollback()
    office.workflow.tick()
    assert office.state(case) == "lapsed"


def test_a_reader_shows_what_stands_while_somebody_acts(office: Bureau, host: Engine) -> None:
    case = overdue(office)
    office.on(date(2021, 6, 1))
    assert office.workflow.dossier(case, reader=office.clerk).overtaken
    with host.connect() as connection:
        connection.exec_driver_sql("SELECT id FROM kjfh_cases FOR UPDATE")
        found = office.workflow.dossier(case, reader=office.operator)
        assert (found.case.state, found.overtaken) == ("correction", "")
        assert "resubmit" in {shown.event for shown in found.events}
        connection.rollback()
