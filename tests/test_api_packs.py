"""Policy packs over HTTP: public law for whoever is authenticated; what the bureau confirms of it, by its admins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from kjfh_workflow import Actor
from kjfh_workflow.policy.compare import diff
from kjfh_workflow.policy.coverage import coverage, open_questions, value_in_words
from kjfh_workflow.policy.drawing import svg
from kjfh_workflow.policy.page import page
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.rules.evidence import SHAPES
from kjfh_workflow.rules.lifecycle import lifecycle_of
from tests.api import Api, as_, served
from tests.bureau import Bureau
from tests.test_api_notices import ADMIN, CIXI_ADMIN, STRANGER, counted, people

PACKS = (("yuyao", "2020-01-01"), ("cixi", "2021-01-01"))


@pytest.fixture
def bureaus(bureau: Bureau) -> Iterator[tuple[Bureau, Api]]:
    """An office and its service on each kind of database."""
    with served(bureau) as api:
        yield bureau, api


# ---- reading -----------------------------------------------------------------------------------------------------


def test_the_list_names_every_version_and_when_it_is_in_force(desk: Bureau, quick: Api) -> None:
    listed = quick.get("/v1/packs", STRANGER).json()
    assert [(line["city"], line["version"], line["digest"]) for line in listed] == [
        (pack.city, pack.version, pack.digest) for pack in desk.workflow.catalog
    ]
    assert {line["city_label"]: line["in_force_today"] for line in listed} == {"慈溪市": True, "余姚市": True}
    for line in listed:
        pack = desk.workflow.catalog.pinned(line["city"], line["version"])
        assert (line["title"], line["document_no"]) == (pack.identity.title, pack.identity.document_no)
        assert quick.get(f"/v1/packs/{line['city']}", STRANGER).json() == [line]
    desk.clock.instant = desk.clock.instant.replace(year=2031)
    expired = {line["city"]: line["in_force_today"] for line in quick.get("/v1/packs", STRANGER).json()}
    assert expired == {
        pack.city: pack.in_force_on(desk.workflow.today) for pack in desk.workflow.catalog
    }  # fmt: skip


@pytest.mark.parametrize(("city", "version"), PACKS)
def test_a_pack_tells_all_that_a_screen_needs(desk: Bureau, quick: Api, city: str, version: str) -> None:
    pack = desk.workflow.catalog.pinned(city, version)
    shown = quick.get(f"/v1/packs/{city}/{version}", desk.clerk).json()
    assert [(each["name"], each["label"]) for each in shown["types"]] == [
        (name, each.label) for name, each in pack.identity.types.items()
    ]
    assert [each["name"] for each in shown["materials"]] == [each.id for each in pack.identity.materials]
    assert [(each["name"], each["basis"]["article"], each["basis"]["status"]) for each in shown["criteria"]] == [
        (each.id, each.article, each.status) for each in pack.criteria
    ]
    assert [each["yuan"] for each in shown["caps"]] == [f"{cap.yuan:f}" for cap in pack.identity.caps]
    assert {each["name"] for each in shown["notices"]} == {*pack.identity.notices}
    assert [each["name"] for each in shown["levels"]] == ["local", "ningbo", "province", "national"]
    assert [each["number"] for each in shown["articles"]] == [each.number for each in pack.identity.articles]
    assert [(each["key"], each["words"]) for each in shown["provisions"]] == [
        (key, value_in_words(pack, key, provision)) for key, provision in pack.provisions()
    ]
    assert {each["name"] for each in shown["fields"]} == {*SHAPES}
    assert shown["legends"]["grades"]["excellent"] == pack.words("grades", "excellent")
    assert {each["space"] for each in shown["types"]} <= {*shown["legends"]["spaces"]}
    assessment = pack.identity.assessment
    assert [each["name"] for each in shown["assessment"]["grades"]] == [*(assessment.grades if assessment else ())]


@pytest.mark.parametrize(("city", "version"), PACKS)
def test_every_state_event_and_timer_of_a_pack_has_its_label(desk: Bureau, quick: Api, city: str, version: str) -> None:
    pack = desk.workflow.catalog.pinned(city, version)
    machines = {each["kind"]: each for each in quick.get(f"/v1/packs/{city}/{version}", desk.clerk).json()["machines"]}
    assert [*machines] == [*pack.machines]
    for kind, machine in pack.machines.items():
        shown = machines[kind]
        assert {each["name"]: each["label"] for each in shown["states"]} == {
            name: state.label for name, state in machine.states.items()
        }
        assert {each["name"]: each["label"] for each in shown["events"]} == dict(machine.events)
        assert [each["name"] for each in shown["timers"]] == [timer.name for timer in machine.timers]
        assert [
            (each["event"], [role["name"] for role in each["by"]], each["to"]["name"], each["basis"]["article"])
            for each in shown["edges"]
        ] == [(edge.event, [*edge.by], edge.to, edge.article) for edge in machine.edges]
        assert all(label(each) for each in shown["edges"])


def label(edge: dict[str, Any]) -> bool:
    """Whether everything in it is said in people's words too."""
    coded = [*edge["by"], *edge["sources"], edge["to"], *edge["guards"], *edge["effects"], *edge["evidence"]]
    return all(each["label"] and each["label"] != each["name"] for each in [*coded, *edge["when"]])


def test_the_shape_of_evidence_is_one_that_a_program_can_use(desk: Bureau, quick: Api) -> None:
    shown = quick.get("/v1/packs/yuyao/2020-01-01", desk.clerk).json()
    shapes = {each["name"]: each["shape"] for each in shown["fields"]}
    assert shapes["decided_on"] == {"type": "string", "format": "date"}
    assert shapes["to_level"]["enum"] == ["local", "ningbo", "province", "national"]
    assert {"operator", "premises", "tenants"} <= {*shapes["facts"]["properties"]}


@pytest.mark.parametrize(("city", "version"), PACKS)
@pytest.mark.parametrize("kind", CaseKind)
def test_a_graph_is_the_library_s_as_picture_and_as_source(
    desk: Bureau, quick: Api, city: str, version: str, kind: CaseKind
) -> None:
    pack = desk.workflow.catalog.pinned(city, version)
    path = f"/v1/packs/{city}/{version}/graphs/{kind}"
    picture = quick.get(path, STRANGER)
    assert picture.text == svg(pack, kind)
    assert ET.fromstring(picture.content).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  (our own)
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert "sandbox" in picture.headers["content-security-policy"]
    source = quick.get(path, STRANGER, format="mermaid")
    assert source.text == lifecycle_of(pack, kind).mermaid()
    assert quick.get(path, STRANGER, format="png").status_code == 422


@pytest.mark.parametrize(("city", "version"), PACKS)
def test_articles_open_questions_and_the_page_are_the_library_s(
    desk: Bureau, quick: Api, city: str, version: str
) -> None:
    pack = desk.workflow.catalog.pinned(city, version)
    articles = quick.get(f"/v1/packs/{city}/{version}/articles", STRANGER).json()
    assert [(each["number"], each["handling_label"], each["coded_in"]) for each in articles] == [
        (each.number, each.handling_word, [*each.coded_in]) for each in coverage(pack, {})
    ]
    questions = quick.get(f"/v1/packs/{city}/{version}/open-questions", STRANGER).json()
    assert [(each["key"], each["value"], each["confirmed_on"]) for each in questions] == [
        (each.key, each.value, None) for each in open_questions(pack)
    ]
    text = quick.get(f"/v1/packs/{city}/{version}/text", STRANGER)
    assert text.text == page(pack)
    assert text.headers["content-type"] == "text/markdown; charset=utf-8"


def test_two_packs_are_compared_item_by_item(desk: Bureau, quick: Api) -> None:
    catalog = desk.workflow.catalog
    changes = diff(catalog.latest("yuyao"), catalog.latest("cixi"))
    for other in ("cixi", "cixi/2021-01-01"):
        compared = quick.get("/v1/packs/yuyao/compare", STRANGER, **{"with": other}).json()
        assert (compared["before"], compared["after"]) == ("yuyao/2020-01-01", "cixi/2021-01-01")
        assert compared["changes"] == [asdict(change) for change in changes]
    same = quick.get("/v1/packs/cixi/compare", STRANGER, **{"with": "cixi", "version": "2021-01-01"}).json()
    assert same["changes"] == []


def test_everybody_whom_the_intranet_knows_reads_packs_and_nobody_else(desk: Bureau, quick: Api) -> None:
    for path in (
        "", "/yuyao", "/yuyao/2020-01-01", "/yuyao/2020-01-01/text", "/yuyao/2020-01-01/articles",
        "/yuyao/2020-01-01/open-questions", "/yuyao/2020-01-01/graphs/application", "/yuyao/compare?with=cixi",
    ):  # fmt: skip
        for who in people(desk):
            assert quick.client.get(f"/v1/packs{path}", headers=as_(who)).status_code == 200, (path, who.id)
        assert quick.client.get(f"/v1/packs{path}").status_code == 401
    assert quick.client.get("/v1/packs/yuyao/2020-01-01/confirmations").status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("nowhere", 404),
        ("nowhere/2020-01-01", 404),
        ("yuyao/2019-01-01", 404),
        ("yuyao/a%00b", 422),
        ("a%00b/2020-01-01", 422),
        (f"yuyao/{'9' * 40}", 422),
        ("yuyao/2019-01-01/text", 404),
        ("yuyao/2019-01-01/articles", 404),
        ("yuyao/2019-01-01/open-questions", 404),
        ("yuyao/2019-01-01/confirmations", 404),
        ("yuyao/2019-01-01/graphs/application", 404),
        ("yuyao/2020-01-01/graphs/wedding", 422),
        ("yuyao/compare", 422),
        ("yuyao/compare?with=nowhere", 404),
        ("yuyao/compare?with=cixi/2019-01-01", 404),
        ("yuyao/compare?with=cixi&version=2019-01-01", 404),
        ("yuyao/compare?with=a%00b", 422),
        ("nowhere/compare?with=cixi", 404),
    ],
)
def test_a_pack_that_is_none_is_a_clear_problem(desk: Bureau, quick: Api, path: str, status: int) -> None:
    told = quick.client.get(f"/v1/packs/{path}", headers=as_(ADMIN))
    assert (told.status_code, told.headers["content-type"]) == (status, "application/problem+json")


def test_a_kind_of_case_that_a_pack_does_not_know_has_no_graph(
    desk: Bureau, quick: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(desk.workflow.catalog.pinned("yuyao", "2020-01-01").machines, CaseKind.TENANCY)
    assert quick.get("/v1/packs/yuyao/2020-01-01/graphs/tenancy", ADMIN).status_code == 404


# ---- confirming --------------------------------------------------------------------------------------------------


def test_an_admin_confirms_what_the_text_leaves_open(bureaus: tuple[Bureau, Api]) -> None:
    bureau, api = bureaus
    path = "/v1/packs/yuyao/2020-01-01"
    key = open_questions(bureau.workflow.catalog.latest("yuyao"))[0].key
    made = api.post(f"{path}/confirmations", ADMIN, {"key": key, "note": "局长办公会〔2021〕3号"})
    assert made.status_code == 201
    assert [(each["confirmed_by"], each["confirmed_on"], each["note"]) for each in made.json()] == [
        ("管理员", "2021-03-01", "局长办公会〔2021〕3号")
    ]
    again = api.post(f"{path}/confirmations", ADMIN, {"key": key, "on": "2021-02-26"}).json()
    assert [each["confirmed_on"] for each in again] == ["2021-03-01", "2021-02-26"], "an earlier one stays on file"
    listed = api.get(f"{path}/confirmations", ADMIN).json()
    rows = bureau.workflow.confirmations("yuyao", "2020-01-01")
    assert [(each["key"], each["confirmed_by"]) for each in listed] == [(r["key"], r["confirmed_by"]) for r in rows]
    [question] = [each for each in api.get(f"{path}/open-questions", STRANGER).json() if each["key"] == key]
    assert question["confirmed_on"] == "2021-02-26"
    assert "管理员" not in str(question)


def test_nobody_but_an_admin_of_the_city_confirms(bureaus: tuple[Bureau, Api]) -> None:
    bureau, api = bureaus
    key = open_questions(bureau.workflow.catalog.latest("yuyao"))[0].key
    before = counted(bureau)
    for who in [*people(bureau), Actor.of("c", "admin", "cixi")]:
        if who.id == "root":
            continue
        refused = api.post("/v1/packs/yuyao/2020-01-01/confirmations", who, {"key": key})
        code = "other_city" if who.city == "cixi" else "not_authorised"
        assert (refused.status_code, [each["code"] for each in refused.json()["refusals"]]) == (403, [code])
    for who in people(bureau):
        expected = 200 if who in (ADMIN, bureau.auditor) else 404 if who == CIXI_ADMIN else 403
        assert api.get("/v1/packs/yuyao/2020-01-01/confirmations", who).status_code == expected, who.id
    assert counted(bureau) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"key": "no.such"}, 404),
        ({"key": "a\x00b"}, 422),
        ({"key": "x" * 201}, 422),
        ({}, 422),
        ({"key": "in_force", "on": "0001-01-01"}, 422),
        ({"key": "in_force", "on": "2021-02-30"}, 422),
        ({"key": "in_force", "note": "\x00"}, 422),
        ({"key": "in_force", "note": "x" * 2001}, 422),
        ({"key": "in_force", "by": "somebody"}, 422),
    ],
)
def test_a_confirmation_of_nothing_is_refused(bureaus: tuple[Bureau, Api], body: dict[str, Any], status: int) -> None:
    bureau, api = bureaus
    assert api.post("/v1/packs/yuyao/2020-01-01/confirmations", ADMIN, body).status_code == status
    assert bureau.workflow.confirmations("yuyao", "2020-01-01") == []
