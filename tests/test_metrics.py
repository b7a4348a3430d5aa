"""What a collector is told: what became of requests and acts, and what waits in the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kjfh_workflow import Actor, Workflow
from kjfh_workflow.store.database import Database
from kjfh_workflow.web.app import create_app
from kjfh_workflow.web.routes import service
from kjfh_workflow.web.settings import Settings
from tests.api import Api, serving
from tests.bureau import Bureau

_TOKEN = "the collector's own"  # noqa: S105
_SETTINGS = Settings.model_validate({"metrics": {"token_env": "COLLECTOR"}})


@pytest.fixture
def api(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A service where everybody is the clerk of Yuyao."""
    monkeypatch.setenv("COLLECTOR", _TOKEN)
    with serving(create_app(bureau.workflow, lambda _: bureau.clerk, _SETTINGS)) as url:
        yield Api(url)


def told(api: Api) -> dict[str, float]:
    """Sample → value, as a collector reads it."""
    page = api.client.get("/metrics", headers={"authorization": f"Bearer {_TOKEN}"})
    assert page.status_code == 200
    return {
        "{}{}".format(sample.name, "".join(f" {value}" for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
    }


def test_acts_refusals_and_requests_are_counted_by_name(api: Api, bureau: Bureau) -> None:
    case = bureau.submit().case
    assert api.post(f"/v1/cases/{case}/events/accept", bureau.clerk).status_code == 200
    assert api.post(f"/v1/cases/{case}/events/accept", bureau.clerk).status_code == 409
    found = told(api)
    assert found["kjfh_acts_total accept"] == 1
    assert found["kjfh_refusals_total not_allowed_from_state"] == 1
    assert found["kjfh_requests_total POST /v1/cases/{case}/events/{event} 200"] == 1
    assert found["kjfh_requests_total POST /v1/cases/{case}/events/{event} 409"] == 1
    assert found["kjfh_request_seconds_count POST /v1/cases/{case}/events/{event}"] == 2
    assert not any(case in name for name in found)


def test_what_waits_is_told_with_its_age(api: Api, bureau: Bureau) -> None:
    case = bureau.reviewed()
    before = told(api)
    assert (before["kjfh_alarms_due"], before["kjfh_alarms_late_seconds"]) == (0, 0)
    bureau.act(case, "return_for_correction", bureau.clerk, missing=["证明"])
    bureau.on(date(2021, 6, 1))
    found = told(api)
    assert found["kjfh_alarms_due"] >= 1
    assert found["kjfh_alarms_late_seconds"] > 24 * 3600
    assert found["kjfh_outbox_unrouted"] >= 1
    assert found["kjfh_outbox_late_seconds"] > 24 * 3600
    bureau.workflow.tick()
    assert told(api)["kjfh_alarms_due"] == 0


def test_invented_methods_are_counted_as_one(api: Api) -> None:
    for number in range(20):
        api.client.request(f"M{number}", "/health")
    counted = {name: value for name, value in told(api).items() if name.startswith("kjfh_requests_total")}
    assert counted == {"kjfh_requests_total OTHER /health 405": 20}


def test_an_outage_can_be_read_while_it_lasts(
    restartable_postgres: tuple[str, Callable[..., None]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("COLLECTOR", _TOKEN)
    caplog.set_level("INFO", "kjfh_workflow.web.metrics")
    url, restart = restartable_postgres
    workflow = Workflow(url)
    clerk = Actor.of("wang", "tech_clerk", "yuyao")
    pages: list[dict[str, float]] = []

    def outage() -> None:
        assert [collector.client.get(path).status_code for path in ("/v1/cases", "/ready")] == [503, 503]
        pages.extend([told(collector), told(collector)])

    with serving(create_app(workflow, lambda _: clerk, _SETTINGS)) as address:
        collector = Api(address)
        pages.append(told(collector))
        restart(outage)
        pages.append(eventually_up(collector))
    workflow.close()
    assert [page["kjfh_database_up"] for page in pages] == [1, 0, 0, 1]
    assert ["kjfh_alarms_due" in page for page in pages] == [True, False, False, True], "nothing is made up"
    assert pages[1]["kjfh_requests_total GET /v1/cases 503"] == 1
    said = [record.getMessage() for record in caplog.records if record.name == "kjfh_workflow.web.metrics"]
    assert said == ["the database does not answer", "the database answers again"]


def eventually_up(api: Api) -> dict[str, float]:
    """The page when the database is back; the first who asks may still meet a dead connection."""
    while not (page := told(api))["kjfh_database_up"]:
        pass
    return page


def test_a_database_that_hangs_does_not_take_the_counters_with_it(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLECTOR", _TOKEN)
    monkeypatch.setattr(service, "_PATIENCE", 0.1)
    Bureau(sqlite_url).workflow.close()
    database = Database.open(sqlite_url, connections=1)
    workflow = Workflow(database)
    everybody: Any = lambda _: Actor.of("wang", "tech_clerk", "yuyao")  # noqa: E731
    with serving(create_app(workflow, everybody, _SETTINGS)) as url, database.reading():  # the only connection
        found = told(Api(url))
    assert found["kjfh_database_up"] == 0
    database.engine.dispose()


def test_metrics_are_for_the_collector_auditors_and_admins(bureau: Bureau) -> None:
    for role, status in (("tech_clerk", 403), ("applicant", 403), ("auditor", 200), ("admin", 200)):
        actor = Actor.of("somebody", role, "yuyao")
        with serving(create_app(bureau.workflow, lambda _, who=actor: who)) as url:  # type: ignore[misc]
            assert Api(url).client.get("/metrics").status_code == status, role
