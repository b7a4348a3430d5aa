"""Lists of cases: what is found, in which order, page by page while others act; and what stands in a row."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from kjfh_workflow import Actor, InputError, NotFound
from kjfh_workflow.casework.views.finding import Firm
from kjfh_workflow.clock import office_hour
from kjfh_workflow.policy.vocabulary import Role
from kjfh_workflow.store import finding, registry, schema
from kjfh_workflow.store.cases import Filter
from kjfh_workflow.store.finding import SORTS
from tests.bureau import Bureau, uscc
from tests.test_criteria import tenant
from tests.townsfolk import fresh_bureau

OFFICE_DAY = date(2021, 3, 1)


def operator(number: int, name: str = "") -> Actor:
    """One of several operators."""
    return Actor.of(f"op{number}", "applicant", "yuyao", name=name or f"余姚第{number}众创有限公司", uscc=uscc(number))


def applied(bureau: Bureau, number: int, name: str = "", day: date = OFFICE_DAY) -> str:
    """The application of one of several operators."""
    return bureau.on(day).submit(operator(number, name), type="makerspace").case


def found(bureau: Bureau, by: Actor | None = None, sort: str = "id", **wanted: Any) -> list[str]:
    """The ids of a list."""
    return [row["id"] for row in bureau.workflow.cases(Filter(**wanted), reader=by or bureau.clerk, sort=sort)]


def pages(
    bureau: Bureau, by: Actor, sort: str, limit: int, between: Callable[[], None] = lambda: None
) -> list[str]:  # fmt: skip
    """A list read page by page, while something happens between two pages."""
    seen: list[str] = []
    after = ""
    while rows := bureau.workflow.cases(reader=by, sort=sort, after=after, limit=limit):
        assert len(rows) <= limit
        seen += [row["id"] for row in rows]
        after = rows[-1]["key"]
        between()
    return seen


# ---- order and pages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", SORTS)
def test_pages_of_every_order_together_are_the_list(bureau: Bureau, sort: str) -> None:
    for number in range(7):
        applied(bureau, number, day=date(2021, 3, 1 + number % 3))
    whole = [row["id"] for row in bureau.workflow.cases(reader=bureau.clerk, sort=sort)]
    assert len({*whole}) == 7
    for limit in (1, 2, 3, 7):
        for reader in (bureau.clerk, bureau.auditor):
            assert pages(bureau, reader, sort, limit) == whole


def test_the_newest_opened_and_the_last_changed_stand_first(bureau: Bureau) -> None:
    first, second, third = (applied(bureau, n, day=date(2021, 3, n)) for n in (1, 2, 3))
    bureau.on(date(2021, 3, 8)).act(first, "accept", bureau.clerk)
    assert found(bureau, sort="-id") == [third, second, first]
    assert found(bureau, sort="-changed_at") == [first, third, second]
    assert found(bureau, sort="changed_at") == [second, third, first]


_EVENTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("accept", "clerk", {}),
    ("return_for_correction", "clerk", {"missing": ["证明"]}),
    ("withdraw", "", {}),
)


@given(
    sort=st.sampled_from(SORTS),
    limit=st.integers(1, 5),
    touched=st.lists(st.lists(st.integers(0, 8), max_size=3), max_size=9),
    everybody=st.booleans(),
)
@settings(max_examples=60)
def test_paging_visits_everything_once_while_other_cases_change(
    sort: str, limit: int, touched: list[list[int]], everybody: bool
) -> None:
    bureau = fresh_bureau(OFFICE_DAY)
    cases = [applied(bureau, number, day=date(2021, 3, 1 + number % 4)) for number in range(9)]
    steps = dict.fromkeys(range(9), 0)
    changed: set[str] = set()
    story: Iterator[Sequence[int]] = iter(touched)
    clock = iter(range(1, 60))

    def act() -> None:
        for number in next(story, ()):
            if steps[number] < len(_EVENTS):
                name, who, given_ = _EVENTS[steps[number]]
                bureau.clock.instant = office_hour(date(2021, 3, 5)).replace(minute=next(clock))
                bureau.act(cases[number], name, bureau.clerk if who else operator(number), **given_)
                steps[number] += 1
                changed.add(cases[number])

    seen = pages(bureau, bureau.auditor if everybody else bureau.clerk, sort, limit, act)
    untouched = [case for case in seen if case not in changed]
    assert sorted(untouched) == sorted({*cases} - changed), "what stayed as it was comes exactly once"
    if sort.endswith("id"):
        assert sorted(seen) == sorted(cases), "an id never moves"
    if sort != "changed_at":
        assert len(seen) == len({*seen}), "nothing comes twice"
    else:
        assert {*seen} == {*cases}, "what changes comes again at the end"


def test_a_key_belongs_to_its_order(desk: Bureau) -> None:
    for number in range(3):
        applied(desk, number)
    keys = {sort: desk.workflow.cases(sort=sort, limit=1)[0]["key"] for sort in SORTS}
    for sort in SORTS:
        for other, key in keys.items():
            if other == sort:
                assert len(desk.workflow.cases(sort=sort, after=key)) == 2
            else:
                with pytest.raises(InputError, match=f"sorted by '{other}', not by '{sort}'"):
                    desk.workflow.cases(sort=sort, after=key)


def test_in_order_of_id_a_plain_id_is_a_key(desk: Bureau) -> None:
    cases = sorted(applied(desk, number) for number in range(3))
    assert [row["id"] for row in desk.workflow.cases(after=cases[0])] == cases[1:]
    assert [row["id"] for row in desk.workflow.cases(after=cases[2], sort="-id")] == cases[1::-1]
    with pytest.raises(InputError, match="no key"):
        desk.workflow.cases(after=cases[0], sort="changed_at")


def forged(said: Any) -> str:
    """A key as this program writes them, with something else in it."""
    return "k." + urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "key",
    [
        "k.", "k.!!", "k.e30", "有", "a b", "\x00", "x" * 65, "\ud800",
        forged(["id", "a\x00b"]), forged(["id", 7]), forged(["id", "a", 1]), forged(["id"]), forged([["id"], "a"]),
        forged({"id": 1}), forged(None),
    ],
)  # fmt: skip
def test_what_is_no_key_is_said(bureau: Bureau, key: str) -> None:
    with pytest.raises(InputError, match="key"):
        bureau.workflow.cases(after=key)


@pytest.mark.parametrize("instant", [10**30, -(10**30), 1.5, True, "1", None])
def test_an_instant_that_is_none_makes_no_key(desk: Bureau, instant: object) -> None:
    with pytest.raises(InputError, match="key"):
        desk.workflow.cases(sort="changed_at", after=forged(["changed_at", "a", instant]))


@cache
def office_with_cases() -> tuple[Bureau, dict[str, list[dict[str, Any]]]]:
    """One office for all examples, which only read, and its whole list in each order."""
    bureau = Bureau("sqlite://", OFFICE_DAY)
    for number in range(7):
        applied(bureau, number, day=date(2021, 3, 1 + number % 3))
    return bureau, {sort: bureau.workflow.cases(sort=sort) for sort in SORTS}


def _bent(key: str, place: int, letter: str) -> str:
    """A key with one letter changed, or one more at its end."""
    return key[:place] + letter + key[place + 1 :]


@st.composite
def some_keys(draw: st.DrawFn) -> str:
    """Any text, a key or an id that the lists have given, or one of those with a letter changed."""
    _, lists = office_with_cases()
    given_ = st.sampled_from([row[name] for rows in lists.values() for row in rows for name in ("key", "id")])
    bent = st.builds(_bent, given_, st.integers(0, 60), st.sampled_from("aZ09-_./ 有\x00"))
    return draw(st.one_of(st.text(max_size=60), given_, bent))


@given(key=some_keys(), sort=st.sampled_from(SORTS))
@settings(max_examples=300)
def test_whatever_stands_for_a_key_is_the_rest_of_the_list_or_a_clear_complaint(key: str, sort: str) -> None:
    bureau, lists = office_with_cases()
    whole, complaint = lists[sort], None
    try:
        rest = bureau.workflow.cases(sort=sort, after=key)
    except InputError as error:
        complaint = error
    if complaint:
        assert {problem.place for problem in complaint.problems} == {"after"}
        assert key not in [row["key"] for row in whole], "it has been given"
        return
    assert rest == whole[len(whole) - len(rest) :], "the end of the list, and nothing else"
    for name in ("key", "id"):
        if key in (keys := [row[name] for row in whole]):
            assert rest == whole[keys.index(key) + 1 :]


# ---- filters ---------------------------------------------------------------------------------------------------------


def test_every_filter_keeps_what_it_says(bureau: Bureau) -> None:
    mine, title = bureau.recognised()
    late = applied(bureau, 1, day=date(2021, 4, 1))
    evidence = {"what": ["site"], "occurred_on": "2021-03-20"}
    change = bureau.workflow.open_case(
        "change", "report_change", by=bureau.operator, parent=title, evidence=evidence
    ).case
    every = {mine, title, late, change}
    expected: list[tuple[dict[str, Any], set[str]]] = [
        ({"city": "yuyao"}, every),
        ({"city": "cixi"}, set()),
        ({"kind": "application"}, {mine, late}),
        ({"kind": ["incubator", "change"]}, {title, change}),
        ({"state": "applied"}, {late}),
        ({"state": ["applied", "recognized"]}, {late, mine, title}),
        ({"kind": "incubator", "state": "recognized"}, {title}),
        ({"type": "makerspace"}, {late}),
        ({"level": "local"}, {title}),
        ({"level": "national"}, set()),
        ({"uscc": uscc(1)}, {late}),
        ({"parent": title}, {change}),
        ({"changed_since": office_hour(date(2021, 4, 1))}, {late, change}),
        ({"changed_since": datetime(2021, 5, 1, tzinfo=UTC)}, set()),
        ({"uscc": uscc(1), "state": "recognized"}, set()),
        ({"open": True}, {late, change, title}),
        ({"open": False}, {mine}),
        ({"open": True, "kind": "application"}, {late}),
        ({"open": True, "uscc": uscc(1)}, {late}),
        ({"open": False, "uscc": uscc(1)}, set()),
        ({"open": True, "text": "众创"}, {late}),
        ({"open": False, "city": "cixi"}, set()),
        ({"opened_since": date(2021, 4, 1)}, {late, change}),
        ({"opened_since": date(2021, 3, 2), "kind": "application"}, {late}),
        ({"opened_until": date(2021, 3, 31)}, {mine, title}),
        ({"opened_since": OFFICE_DAY, "opened_until": OFFICE_DAY, "open": False}, {mine}),
        ({"opened_since": date(1999, 12, 31), "opened_until": date(2100, 1, 1)}, every),
        ({"opened_until": date(1999, 12, 31)}, set()),
        ({"opened_since": date(2100, 1, 1)}, set()),
    ]
    for wanted, cases in expected:
        for sort in SORTS:
            for reader in (bureau.clerk, bureau.auditor):
                assert {*found(bureau, reader, sort, **wanted)} == cases, (wanted, sort)


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        ({"kind": "applications"}, "kind"), ({"state": "recognised"}, "state"), ({"state": ["applied", ""]}, "state"),
        ({"type": "garage"}, "type"), ({"level": "world"}, "level"), ({"text": "a\x00"}, "text"),
        ({"text": "\ud800"}, "text"), ({"text": "长" * 101}, "text"), ({"uscc": "\x00"}, "uscc"),
        ({"parent": "x\x1f"}, "parent"), ({"changed_since": datetime(2021, 3, 1)}, "changed_since"),  # noqa: DTZ001
        ({"changed_since": datetime(1, 1, 1, tzinfo=UTC)}, "changed_since"),
        ({"opened_since": date.min}, "opened_since"), ({"opened_until": date.max}, "opened_until"),
    ],
    ids=str,
)  # fmt: skip
def test_what_nothing_can_be_is_no_filter(bureau: Bureau, wanted: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError) as raised:
        bureau.workflow.cases(Filter(**wanted))
    assert [problem.place for problem in raised.value.problems] == [place]


def test_a_slip_of_the_pen_is_told_what_was_meant(desk: Bureau) -> None:
    with pytest.raises(InputError, match="'recognised' is none, did you mean 'recognized'"):
        desk.workflow.cases(Filter(state="recognised"))
    with pytest.raises(InputError, match="'size' is no order"):
        desk.workflow.cases(sort="size")
    with pytest.raises(NotFound):
        desk.workflow.cases(Filter(city="nowhere"))


# ---- text ------------------------------------------------------------------------------------------------------------


def test_text_finds_the_operator_or_the_beginning_of_a_number(bureau: Bureau) -> None:
    park = applied(bureau, 1, "余姚Sunny Park孵化器有限公司")
    other = applied(bureau, 2, "余姚 100%_真材实料\\有限公司")
    for text in ("Sunny", "sUNNY pARK", "孵化器", uscc(1), uscc(1).lower(), park, park.upper(), park[:-1], "  Park  "):
        assert found(bureau, text=text) == [park], text
    for text in ("100%_真", "%", "_", "\\", "\\有限"):
        assert found(bureau, text=text) == [other], text
    for text in ("有限公司", uscc(1)[:11], "yuyao-2103"):
        assert {*found(bureau, text=text)} == {park, other}, text
    for text in ("没有这家", "00%真", "Sunny%", park[1:], uscc(1)[1:], "park孵化器有限公司x"):
        assert found(bureau, text=text) == [], text


@pytest.mark.parametrize("sort", SORTS)
def test_a_text_that_very_many_operators_answer_to_finds_them_all(bureau: Bureau, sort: str) -> None:
    cases = {applied(bureau, number) for number in range(4)}
    applied(bureau, 4, "慈溪某某公司")
    with bureau.workflow._database.writing() as tx:
        for number in range(10, 300):
            registry.add_organisation(tx, uscc(number), f"余姚第{number}众创有限公司", bureau.clock.instant)
    for reader in (bureau.clerk, bureau.auditor):
        assert {*found(bureau, reader, sort, text="众创")} == cases
        rows = bureau.workflow.cases(Filter(text="众创"), reader=reader, sort=sort, limit=3)
        rest = bureau.workflow.cases(Filter(text="众创"), reader=reader, sort=sort, after=rows[-1]["key"])
        assert {row["id"] for row in (*rows, *rest)} == cases


def test_a_number_that_stands_in_a_name_finds_the_name_where_no_case_or_code_begins_so(bureau: Bureau) -> None:
    inn = applied(bureau, 1, "余姚99Inn孵化器有限公司")
    assert found(bureau, text="99in") == found(bureau, text="99") == [inn]
    assert found(bureau, text=uscc(2)[:2]) == [inn], "its own code begins so"
    park = applied(bureau, 2, f"余姚{uscc(1)}有限公司")
    assert found(bureau, text=uscc(1)) == [inn], "a code is meant as a code"
    assert found(bureau, operator(2), text=uscc(1)) == [park], "but what nobody may see hides nothing"


@pytest.mark.parametrize("text", [uscc(1), uscc(1)[:9], "yuyao-210301", "cixi-2"])
def test_who_asks_for_a_number_does_not_wait_for_every_name(desk: Bureau, text: str) -> None:
    applied(desk, 1)
    with counted(desk) as said:
        desk.workflow.cases(Filter(text=text), reader=desk.auditor)
    looked_through = [statement for statement in said if "LIKE '%' ||" in statement]
    assert len(looked_through) == (1 if text == "cixi-2" else 0), said


# ---- who sees what ---------------------------------------------------------------------------------------------------


def test_everybody_finds_what_they_may_see(bureau: Bureau) -> None:
    mine, other = applied(bureau, 1), applied(bureau, 2)
    for sort in SORTS:
        assert found(bureau, operator(1), sort) == [mine]
        assert found(bureau, operator(1), sort, text="众创") == [mine]
        assert found(bureau, operator(1), sort, uscc=uscc(2)) == []
        assert found(bureau, operator(1), sort, city="yuyao", kind="application") == [mine]
        assert found(bureau, operator(3), sort) == []
        assert found(bureau, bureau.cixi_clerk, sort) == []
        assert found(bureau, bureau.cixi_clerk, sort, city="yuyao") == []
        assert found(bureau, bureau.cixi_clerk, sort, text="众创") == []
        assert {*found(bureau, bureau.auditor, sort)} == {mine, other}
        assert {*found(bureau, bureau.auditor, sort, open=True)} == {mine, other}
        assert found(bureau, operator(1), sort, open=True) == [mine]
        assert found(bureau, operator(1), sort, open=False) == found(bureau, bureau.cixi_clerk, sort, open=True) == []


def test_who_works_for_an_office_and_for_an_operator_finds_both(bureau: Bureau) -> None:
    mine, other = applied(bureau, 1), applied(bureau, 2)
    both = Actor("both", "both", (Role.TECH_CLERK, Role.APPLICANT), "cixi", uscc(1))
    home = Actor("home", "home", (Role.TECH_CLERK, Role.APPLICANT), "yuyao", uscc(1))
    for sort in SORTS:
        assert found(bureau, both, sort) == found(bureau, both, sort, open=True) == [mine]
        assert found(bureau, both, sort, city="yuyao") == [mine]
        assert found(bureau, both, sort, city="cixi") == []
        assert {*found(bureau, home, sort)} == {mine, other}
        assert len(found(bureau, home, sort)) == len(found(bureau, home, sort, open=True)) == 2


@pytest.mark.parametrize("sort", SORTS)
def test_lists_that_differ_in_values_only_are_one_statement_and_each_gets_its_own(bureau: Bureau, sort: str) -> None:
    theirs = [applied(bureau, number, day=date(2021, 3, 1 + number)) for number in range(3)]
    both = [Actor("both", "both", (Role.TECH_CLERK, Role.APPLICANT), "cixi", uscc(number)) for number in range(3)]
    beginnings = [office_hour(date(2021, 3, 1 + number)) for number in range(3)]
    statements: list[int] = []
    for number, case in enumerate(theirs):
        for reader in (operator(number), both[number]):
            assert found(bureau, reader, sort) == found(bureau, reader, sort, open=True) == [case]
            assert found(bureau, reader, sort, uscc=uscc((number + 1) % 3)) == []
        for reader in (bureau.clerk, bureau.auditor):
            assert found(bureau, reader, sort, uscc=uscc(number)) == [case]
            assert {*found(bureau, reader, sort, changed_since=beginnings[number])} == {*theirs[number:]}
            [row] = bureau.workflow.cases(reader=reader, sort=sort, limit=number + 1)[number:]
            later = bureau.workflow.cases(reader=reader, sort=sort, after=row["key"], limit=2)
            assert [one["id"] for one in later] == found(bureau, reader, sort)[number + 1 :]
        statements.append(finding._prepared.cache_info().misses)
    assert statements[0] == statements[1] == statements[2]


# ---- rows ------------------------------------------------------------------------------------------------------------


def test_a_row_reads_in_peoples_words_and_says_what_comes_next(bureau: Bureau) -> None:
    case = bureau.reviewed()
    [row] = bureau.workflow.cases(reader=bureau.clerk)
    assert (row["city_label"], row["kind_label"], row["type_label"]) == ("余姚市", "申请", "科技企业孵化器")
    assert (row["state_label"], row["level_label"], row["final"]) == ("科技局初审", "", False)
    deadline = row["deadline"]
    assert (deadline.timer, deadline.label, deadline.due) == ("review_due", "审核期限", date(2021, 3, 29))
    assert not deadline.overdue
    bureau.on(date(2021, 3, 30))
    assert bureau.workflow.cases()[0]["deadline"].overdue
    bureau.act(case, "reject", bureau.lead, reason="不符合条件")
    [row] = bureau.workflow.cases()
    assert (row["final"], row["deadline"]) == (True, None)


def test_a_clock_that_has_gone_silent_still_stands_in_the_row(desk: Bureau) -> None:
    _, title = desk.recognised()
    evidence = {"what": ["site"], "occurred_on": "2021-02-20"}
    desk.workflow.open_case("change", "record_change", by=desk.clerk, parent=title, evidence=evidence)
    desk.on(date(2021, 6, 1)).workflow.tick()
    [row] = desk.workflow.cases(Filter(kind="change"))
    assert (row["state"], row["deadline"].timer, row["deadline"].overdue) == ("unreported", "change_report_due", True)
    assert [one["id"] for one in desk.workflow.first_screen(reader=desk.clerk).overdue.cases] == [row["id"]]


def test_a_tenancy_says_whose_it_is(bureau: Bureau) -> None:
    _, title = bureau.recognised()
    firm = tenant(7, name="余姚某某软件有限公司")
    bureau.workflow.open_case("tenancy", "admit", by=bureau.operator, parent=title, evidence={"tenant": firm})
    rows = {row["kind"]: row["tenant"] for row in bureau.workflow.cases(reader=bureau.clerk)}
    assert rows == {"application": None, "incubator": None, "tenancy": Firm("余姚某某软件有限公司", uscc(7))}
    [child] = bureau.workflow.dossier(title, reader=bureau.clerk).children
    assert child["tenant"] == rows["tenancy"]


def test_a_tenancy_whose_pack_is_gone_is_listed_still(desk: Bureau) -> None:
    _, title = desk.recognised()
    desk.workflow.open_case("tenancy", "admit", by=desk.operator, parent=title, evidence={"tenant": tenant(7)})
    [before] = desk.workflow.cases(Filter(kind="tenancy"))
    assert before["deadline"]
    with desk.workflow._database.writing() as tx:
        tx.connection.execute(update(schema.cases).where(schema.cases.c.kind == "tenancy").values(policy="1999-01-01"))
    [row] = desk.workflow.cases(Filter(kind="tenancy"))
    assert (row["tenant"], row["deadline"], row["final"]) == (before["tenant"], None, False)


def test_the_memory_of_what_is_over_is_not_read(desk: Bureau) -> None:
    desk.recognised()
    with counted(desk) as said:
        [row] = desk.workflow.cases(Filter(kind="application"))
    assert (row["final"], row["deadline"]) == (True, None)
    assert not [statement for statement in said if "memory" in statement]


def test_a_ban_still_stands_in_the_row_of_what_is_over(desk: Bureau) -> None:
    case = applied(desk, 1, day=date(2021, 3, 1))
    desk.act(case, "find_fraud", desk.lead, finding="虚报")
    [row] = desk.workflow.cases()
    assert (row["final"], row["deadline"].timer) == (True, "ban_over")


@contextmanager
def counted(bureau: Bureau) -> Iterator[list[str]]:
    """The statements that go to the database meanwhile, by whatever way; with their values."""
    said: list[str] = []
    with closing(bureau.workflow._database.engine.raw_connection()) as pooled:
        driver: Any = pooled.driver_connection
    driver.set_trace_callback(said.append)
    try:
        yield said
    finally:
        driver.set_trace_callback(None)


def test_a_page_takes_as_many_queries_as_a_row(desk: Bureau) -> None:
    for number in range(12):
        desk.act(applied(desk, number), "accept", desk.clerk)
    with counted(desk) as one:
        desk.workflow.cases(reader=desk.clerk, limit=1)
    with counted(desk) as many:
        rows = desk.workflow.cases(reader=desk.clerk, limit=12)
    assert len([row for row in rows if row["deadline"]]) == 12
    assert len(many) == len(one) == len(["BEGIN", "rows", "clocks", "calendar", "ROLLBACK"]), many
