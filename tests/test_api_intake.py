"""Application folders over HTTP: read whole, or refused with every problem; hostile archives are refused."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from kjfh_workflow import Actor, Workflow
from kjfh_workflow.intake.folder import read_folder
from kjfh_workflow.web.app import create_app
from tests.api import Api, borrowed
from tests.bureau import Bureau

EXAMPLES = Path(__file__).parent.parent / "examples"
APPLICANT = Actor.of("op", "applicant", "yuyao", uscc=read_folder(EXAMPLES / "yuyao-chaoyang").uscc)


def for_chaoyang(workflow: Workflow) -> FastAPI:
    """A service where everybody is Chaoyang's applicant."""
    return create_app(workflow, lambda _: APPLICANT)


@pytest.fixture
def api(desk: Bureau) -> Iterator[Api]:
    with borrowed(desk, for_chaoyang) as url:
        yield Api(url)


def packed(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A .zip."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def folder(name: str) -> dict[str, bytes]:
    """Name → content of an example's files."""
    return {path.name: path.read_bytes() for path in sorted((EXAMPLES / name).iterdir())}


def read(api: Api, body: bytes) -> httpx.Response:
    """What the service says of an archive."""
    return api.client.post("/v1/intake/readings", content=body, headers={"content-type": "application/zip"})


def test_a_packed_folder_is_read_and_what_it_says_can_be_submitted(api: Api, desk: Bureau) -> None:
    beside = {f"申报/{name}": content for name, content in folder("yuyao-chaoyang").items()}
    answer = read(api, packed({**beside, "__MACOSX/._staff.csv": b"x", "申报/说明.docx": b"x"}))
    assert answer.status_code == 200, answer.text
    found = read_folder(EXAMPLES / "yuyao-chaoyang", packs=[*desk.workflow.catalog])
    said = answer.json()
    assert (said["city"], said["type"], said["uscc"]) == (found.city, found.type, found.uscc)
    sections = {section["name"]: section["label"] for section in said["facts_form"]}
    assert {*said["facts"]} <= {*sections}, "the screen that shows what was read has its words, too"
    assert sections["tenants"] == "入驻企业"
    desk.on(date(2021, 3, 1))
    evidence = {name: said[name] for name in ("type", "facts", "materials")}
    opened = api.post("/v1/cases", APPLICANT, {"kind": "application", "event": "submit", "evidence": evidence})
    assert opened.status_code == 201, opened.text


def test_a_flawed_folder_is_refused_with_every_problem_and_its_place(api: Api) -> None:
    answer = read(api, packed(folder("flawed")))
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"] == "urn:kjfh:problem:intake-error"
    assert len(problem["problems"]) > 5
    assert not any("/tmp" in line or "kjfh-intake" in line for line in problem["problems"])  # noqa: S108


def _lying_about_its_size() -> bytes:
    body = bytearray(packed({"staff.csv": b"0" * 80_000_000}))
    central = body.rindex(b"PK\x01\x02")
    struct.pack_into("<L", body, central + 24, 10)
    return bytes(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"PK\x03\x04" + b"\x00" * 100, id="broken"),
        pytest.param(packed({"staff.csv": b"0" * 80_000_000}), id="bomb"),
        pytest.param(_lying_about_its_size(), id="bomb that lies"),
        pytest.param(packed({f"{n}.csv": b"" for n in range(60)}), id="many files"),
        pytest.param(packed({"a/staff.csv": b"", "b/staff.csv": b""}), id="two of a name"),
        pytest.param(packed({"../../../staff.csv": b"", "..\\..\\tenants.csv": b""}), id="path tricks"),
    ],
)
def test_hostile_archives_are_refused_clearly(api: Api, body: bytes) -> None:
    answer = read(api, body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["problems"]


def test_templates_come_as_one_archive_and_for_known_cities_only(api: Api) -> None:
    answer = api.client.get("/v1/intake/templates/yuyao", params={"type": "incubator"})
    assert answer.status_code == 200
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        assert {"application.xlsx", "tenants.xlsx", "staff.xlsx"} <= {*archive.namelist()}
    assert api.client.get("/v1/intake/templates/nowhere").status_code == 404
    assert api.client.get("/v1/intake/templates/yuyao", params={"type": "nothing"}).status_code == 422
