"""The service keeps the word of its own document, whatever is sent: no 5xx, and every answer as it is described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from kjfh_workflow import Actor, Workflow
from kjfh_workflow.web.app import create_app
from tests.api import Api, as_, served
from tests.test_api_authorisation import DAY, World, built
from tests.townsfolk import restored

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
#: Everybody whom a route may be for, in one.
HATS = Actor.of("hats", ("tech_clerk", "tech_lead", "finance", "admin"), "yuyao", name="多面手")


@schemathesis.serializer("application/zip", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
def as_it_is(_: Any, value: Any) -> bytes:
    """Whatever is made up for a file: no archive, no spreadsheet."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def world() -> World:
    return built()


@pytest.fixture(scope="module")
def service(world: World) -> Iterator[Api]:
    with served(world.bureau) as api:
        yield api


def _document() -> dict[str, Any]:
    """As the service gives it; nobody is asked for it."""
    return create_app(cast(Workflow, None), lambda _: HATS).openapi()


DOCUMENT = schemathesis.openapi.from_dict(_document())
OPERATIONS = [(path, method) for path, methods in _document()["paths"].items() for method in methods]


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=str)
@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[*HealthCheck])
def test_whatever_is_sent_the_answer_is_as_described(
    path: str, method: str, data: st.DataObject, world: World, service: Api
) -> None:
    restored(world.copy, DAY)
    case = data.draw(DOCUMENT[path][method].as_strategy())
    for place, generated in (case.path_parameters or {}).items():
        # Half of the requests are about something that is there, or they would all end at the door.
        if place in world.names and len(str(generated)) % 2:
            case.path_parameters[place] = world.names[place]
    if "wait" in (case.query or {}):
        case.query["wait"] = 0
    answer = case.call(base_url=str(service.client.base_url), headers=as_(HATS))
    case.validate_response(answer, checks=CHECKS)
