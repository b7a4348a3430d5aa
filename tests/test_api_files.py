"""Files and rosters over real HTTP: streamed in and out, and refused whole if too long, wrong or broken off."""

from __future__ import annotations

import io
import json
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import date
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import openpyxl
import pytest
from fastapi import FastAPI, Request
from sqlalchemy import text

from kjfh_workflow import Actor, Workflow
from kjfh_workflow.errors import NotAuthenticated
from kjfh_workflow.web import bodies
from kjfh_workflow.web.app import create_app
from kjfh_workflow.web.routes.files import takes_stream
from kjfh_workflow.web.settings import FileSettings, Settings
from tests.api import Api, borrowed, serving
from tests.bureau import CIXI_USCC, Bureau
from tests.evidence_files import SAMPLES, docx, pdf, pieces
from tests.test_tenant_import import as_csv, as_xlsx, firms

MEBIBYTE = 1024 * 1024
LIMIT = 2 * MEBIBYTE
PEOPLE: dict[str, Actor] = {}


def whoever(request: Request) -> Actor:
    """The person that a header names; tokens are tested elsewhere."""
    try:
        return PEOPLE[request.headers["x-test-person"]]
    except KeyError:
        raise NotAuthenticated from None


class Desk(Api):
    """The service on one database, asked by people of the bureau."""

    def __init__(self, url: str, office: Bureau) -> None:
        super().__init__(url)
        self.url = url
        self.office = office
        self.case = office.reviewed()

    def send(self, by: Actor, method: str, path: str, **more: Any) -> httpx.Response:
        """One request by somebody."""
        PEOPLE[by.id] = by
        headers = {"x-test-person": by.id, **more.pop("headers", {})}
        return self.client.request(method, path, headers=headers, timeout=60, **more)

    def upload(
        self, content: bytes | Iterator[bytes], name: str = "证明.pdf", by: Actor | None = None, **more: Any
    ) -> httpx.Response:
        """Attach a file to the case, by the operator unless said otherwise."""
        headers = more.pop("headers", {})
        path = f"/v1/cases/{more.pop('case', self.case)}/files"
        params = {"name": name, **more}
        return self.send(by or self.office.operator, "POST", path, params=params, content=content, headers=headers)

    def stored(self) -> int:
        """How many files there are, whoever attached them."""
        with self.office.workflow._database.reading() as tx:
            return int(tx.connection.execute(text("SELECT count(*) FROM kjfh_files")).scalar_one())


def limited(workflow: Workflow) -> FastAPI:
    """With a limit of 2 MiB for files, and of 64 KiB for every other body."""
    return create_app(workflow, whoever, Settings(files=FileSettings(max_bytes=LIMIT), body_bytes=64 * 1024))


@pytest.fixture
def api(bureau: Bureau) -> Iterator[Desk]:
    with borrowed(bureau, limited) as url:
        yield Desk(url, bureau)


def problem(answer: httpx.Response, status: int, kind: str) -> str:
    """The detail of a problem document of this status and kind."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:kjfh:problem:{kind}"
    return str(answer.json()["detail"])


# ---- in and out ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_goes_in_and_comes_out_with_safe_headers(api: Desk, name: str) -> None:
    content, media_type = SAMPLES[name]
    done = api.upload(content, name, material="operator_licence")
    assert done.status_code == 201, done.text
    said = done.json()
    assert (said["name"], said["media_type"], said["size"]) == (name, media_type, len(content))
    assert said["material_label"] == "运营机构营业执照复印件"
    assert said["role_label"]
    assert done.headers["location"] == f"/v1/cases/{api.case}/files/{said['id']}"
    got = api.send(api.office.clerk, "GET", done.headers["location"])
    assert (got.status_code, got.content) == (200, content)
    assert got.headers["content-type"] == media_type
    assert got.headers["content-length"] == str(len(content))
    assert got.headers["etag"] == f'"{sha256(content).hexdigest()}"'
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-disposition"].startswith("attachment; ")
    assert f"filename*=UTF-8''{quote(name)}" in got.headers["content-disposition"]
    listed = api.send(api.office.clerk, "GET", f"/v1/cases/{api.case}/files").json()
    assert listed == {"items": [said], "next": None}


def test_a_chunked_upload_without_a_length_is_taken(api: Desk) -> None:
    content = pdf(size=LIMIT)
    done = api.upload(pieces(content), "长.pdf")
    assert done.status_code == 201, done.text
    with api.client.stream("GET", done.headers["location"], headers={"x-test-person": "op"}) as got:
        assert b"".join(got.iter_bytes()) == content


def test_what_one_has_already_is_not_sent_again(api: Desk) -> None:
    place = api.upload(pdf()).headers["location"]
    tag = api.send(api.office.clerk, "GET", place).headers["etag"]
    for asked in (tag, f'"x", W/{tag}'):
        again = api.send(api.office.clerk, "GET", place, headers={"if-none-match": asked})
        assert (again.status_code, again.content) == (304, b"")


def test_a_name_cannot_write_headers(api: Desk) -> None:
    done = api.upload(pdf(), "a'; filename=x.exe;é%20.pdf")
    got = api.send(api.office.clerk, "GET", done.headers["location"])
    assert got.headers["content-disposition"].count("filename=") == 1
    assert "x.exe;" not in got.headers["content-disposition"]


def test_the_list_has_pages(api: Desk) -> None:
    for number in range(5):
        api.upload(pdf(str(number)), f"{number}.pdf")
    names, after = [], "0"
    while after:
        page = api.send(
            api.office.clerk, "GET", f"/v1/cases/{api.case}/files", params={"after": after, "limit": 2}
        ).json()  # fmt: skip
        names += [one["name"] for one in page["items"]]
        after = page["next"]
    assert names == [f"{number}.pdf" for number in range(5)]


def test_an_upload_sent_again_with_its_key_gives_the_first_answer(api: Desk) -> None:
    first = api.upload(pdf(), headers={"idempotency-key": "r-1"})
    assert api.upload(pdf(), headers={"idempotency-key": "r-1"}).json() == first.json()
    other = api.upload(pdf("2"), headers={"idempotency-key": "r-1"})
    assert "another act" in problem(other, 409, "request-reused")


# ---- refused ---------------------------------------------------------------------------------------------------------


def test_too_much_is_refused_whether_announced_or_not(api: Desk) -> None:
    content = pdf(size=LIMIT + 1)
    assert "超过上限2MB" in problem(api.upload(content), 413, "too-large")
    assert "超过上限2MB" in problem(api.upload(pieces(content)), 413, "too-large")
    assert api.stored() == 0


def test_a_wrong_type_a_form_and_an_empty_body_are_refused(api: Desk) -> None:
    assert "可以上传：PDF" in problem(api.upload(b"MZ\x90\0\x03"), 415, "wrong-type")
    assert "文件名却不是以" in problem(api.upload(pdf(), "x.png"), 415, "wrong-type")
    assert "含有宏" in problem(api.upload(docx({"word/vbaProject.bin": b""}), "x.docx"), 415, "wrong-type")
    form = {"content-type": "multipart/form-data; boundary=x"}
    assert "no form" in problem(api.upload(b"--x\r\n", "x.txt", headers=form), 415, "wrong-type")
    assert "空文件" in problem(api.upload(b""), 422, "input-error")
    assert "不能含有/" in problem(api.upload(pdf(), "../x.pdf"), 422, "input-error")
    assert "U+202E" in problem(api.upload(pdf(), "x\u202efdp.pdf"), 422, "input-error")
    assert "U+0000" in problem(api.upload(pdf(), "x\0.pdf"), 422, "input-error")
    assert "没有“nothing”这项材料" in problem(api.upload(pdf(), material="nothing"), 422, "input-error")
    assert api.stored() == 0


def test_a_closed_case_takes_nothing_more(api: Desk) -> None:
    api.office.act(api.case, "withdraw", api.office.operator)
    problem(api.upload(pdf()), 409, "transition-not-allowed")


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [("exit 1", 422, "file-infected"), ("exit 3", 503, "unavailable"), ("sleep 60", 503, "unavailable")],
)
def test_what_the_scanner_says_is_told_by_its_own_code(
    bureau: Bureau, tmp_path: Path, body: str, status: int, kind: str
) -> None:
    script = tmp_path / "scan.sh"
    script.write_text(f"#!/bin/sh\ncat > /dev/null\n{body}\n", "utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    settings = Settings(files=FileSettings(scanner=(str(script),), scanner_seconds=2))
    with serving(create_app(bureau.workflow, whoever, settings)) as url:
        api = Desk(url, bureau)
        problem(api.upload(pdf(size=MEBIBYTE)), status, kind)
        assert api.stored() == 0


def test_strangers_and_auditors_are_turned_away_before_the_body_is_read(api: Desk) -> None:
    place = api.upload(pdf()).headers["location"]
    stranger = Actor.of("other", "applicant", "yuyao", uscc=CIXI_USCC)
    for actor, status, kind in (
        (stranger, 404, "not-found"),
        (api.office.cixi_clerk, 404, "not-found"),
        (api.office.auditor, 403, "not-authorised"),
    ):
        PEOPLE[actor.id] = actor
        # A body is announced and never sent: the answer comes all the same.
        with closing(_connected(api, actor.id, api.case, length=1000)) as client:
            head = client.recv(100_000).decode()
            assert f" {status} " in head.splitlines()[0], kind
        if status == 404:
            problem(api.send(actor, "GET", place), 404, "not-found")
            problem(api.send(actor, "GET", f"/v1/cases/{api.case}/files"), 404, "not-found")
    assert problem(api.client.post(f"/v1/cases/{api.case}/files"), 401, "not-authenticated")


def test_a_right_number_under_a_wrong_case_is_not_found(api: Desk) -> None:
    number = api.upload(pdf()).json()["id"]
    other = api.office.submit(
        Actor.of("op2", "applicant", "yuyao", name="别家", uscc=CIXI_USCC), override={"operator.name": "别家"}
    ).case  # fmt: skip
    for path in (f"/v1/cases/{other}/files/{number}", f"/v1/cases/{api.case}/files/{number + 1}"):
        problem(api.send(api.office.clerk, "GET", path), 404, "not-found")
    for wrong in ("0", "-1", "x", "9" * 30, "1.5"):
        assert api.send(api.office.clerk, "GET", f"/v1/cases/{api.case}/files/{wrong}").status_code == 422


# ---- broken off ------------------------------------------------------------------------------------------------------


def _connected(api: Desk, person: str, case: str, *, length: int | None, more: str = "") -> socket.socket:
    where = urlsplit(api.url)
    client = socket.create_connection((where.hostname, where.port), timeout=20)
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    client.sendall(
        f"POST /v1/cases/{case}/files?name=x.pdf HTTP/1.1\r\nHost: x\r\nX-Test-Person: {person}\r\n"
        f"{more}{size}\r\n\r\n".encode()
    )
    return client


@pytest.mark.parametrize("length", [MEBIBYTE, None])
def test_an_upload_that_breaks_off_leaves_nothing_and_the_service_goes_on(api: Desk, length: int | None) -> None:
    PEOPLE["op"] = api.office.operator
    content = pdf(size=MEBIBYTE)[: MEBIBYTE // 2]
    with closing(_connected(api, "op", api.case, length=length)) as client:
        client.sendall(content if length else f"{len(content):x}\r\n".encode() + content + b"\r\n")
        time.sleep(0.2)
    time.sleep(0.3)
    assert api.stored() == 0
    assert api.upload(pdf()).status_code == 201


def test_slow_senders_do_not_keep_others_waiting(bureau: Bureau) -> None:
    with serving(create_app(bureau.workflow, whoever, Settings(threads=2))) as url:
        api = Desk(url, bureau)
        PEOPLE["op"] = bureau.operator
        slow = [_connected(api, "op", api.case, length=MEBIBYTE) for _ in range(8)]
        for client in slow:
            client.sendall(b"%PDF-1.7\n")
        time.sleep(0.3)
        assert api.upload(pdf()).status_code == 201, "eight of them hold no thread"
        for client in slow:
            client.close()


# ---- slow, or too many -----------------------------------------------------------------------------------------------


@contextmanager
def _with(bureau: Bureau, **limits: int) -> Iterator[Desk]:
    """A service with these limits of files; the operator is known to it."""
    with serving(create_app(bureau.workflow, whoever, Settings(files=FileSettings(**limits)))) as url:
        PEOPLE["op"] = bureau.operator
        yield Desk(url, bureau)


def _answered(client: socket.socket) -> str:
    """All that comes, to its end: the connection is closed."""
    with client, client.makefile("rb") as answer:
        return answer.read().decode()


def _trickle(client: socket.socket, content: bytes, pieces: int, pause: float) -> None:
    """Piece by piece, until it is done or nobody takes any more."""
    length = -(-len(content) // pieces)
    with suppress(OSError):
        for start in range(0, len(content), length):
            client.sendall(content[start : start + length])
            time.sleep(pause)


def test_an_upload_that_takes_too_long_is_ended_however_steadily_it_comes(desk: Bureau) -> None:
    with _with(desk, seconds=1) as api:
        client = _connected(api, "op", api.case, length=MEBIBYTE)
        began = time.monotonic()
        sender = Thread(target=_trickle, args=(client, b"%PDF-1.7\n" * 100, 100, 0.1))
        sender.start()
        answer = _answered(client)
        assert 0.9 < time.monotonic() - began < 8
        assert answer.startswith("HTTP/1.1 408 ")
        assert "urn:kjfh:problem:too-slow" in answer
        sender.join()
        assert api.stored() == 0
        assert api.upload(pdf()).status_code == 201


def test_an_upload_of_which_nothing_comes_for_a_while_is_ended(desk: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.5)
    with _with(desk) as api:
        answer = _answered(_connected(api, "op", api.case, length=MEBIBYTE))
        assert answer.startswith("HTTP/1.1 408 ")
        assert "no pause of" in answer
        content = pdf()
        steady = _connected(api, "op", api.case, length=len(content))
        _trickle(steady, content, 10, 0.1)  # twice as long as that, and never silent
        steady.settimeout(20)
        assert steady.recv(12) == b"HTTP/1.1 201"
        steady.close()
        assert api.stored() == 1


def test_so_many_uploads_are_taken_at_once_and_others_are_served_meanwhile(desk: Bureau) -> None:
    with _with(desk, at_once=3) as api:
        PEOPLE["auditor"] = desk.auditor
        turned_away = [_connected(api, "auditor", api.case, length=MEBIBYTE) for _ in range(3)]
        for client in turned_away:
            assert client.recv(12) == b"HTTP/1.1 403", "who may not attach takes no place"
        slow = [_connected(api, "op", api.case, length=MEBIBYTE, more="Expect: 100-continue\r\n") for _ in range(3)]
        for client in slow:
            assert client.recv(12) == b"HTTP/1.1 100", "it is waited for"
        refused = api.upload(pdf())
        problem(refused, 503, "unavailable")
        assert refused.headers["retry-after"]
        assert api.send(desk.clerk, "GET", f"/v1/cases/{api.case}").status_code == 200
        assert api.send(desk.clerk, "POST", f"/v1/cases/{api.case}/previews/reject", json={}).status_code == 200
        slow.pop().close()
        while (done := api.upload(pdf())).status_code == 503:
            """The service has not noticed yet that it is gone."""
        assert done.status_code == 201
        for client in (*turned_away, *slow):
            client.close()


# ---- only uploads are streamed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "streamed"),
    [
        ("POST", "/v1/cases/a/files", True),
        ("GET", "/v1/cases/a/files", False),
        ("PUT", "/v1/cases/a/files", False),
        ("POST", "/v1/cases/a/events/files", False),
        ("POST", "/v1/cases/a/b/files", False),
        ("POST", "/v1/cases//files", False),
        ("POST", "/v1/cases/a/files/", False),
        ("POST", "/v1/cases/a/files\n", False),
        ("POST", "/v1/cases/a/previews/files", False),
        ("POST", "/other/v1/cases/a/files", False),
        ("POST", "/files", False),
    ],
)
def test_only_this_path_limits_its_own_body(method: str, path: str, streamed: bool) -> None:
    assert takes_stream({"method": method, "path": path}) is streamed
    assert takes_stream({"method": method, "path": f"/desk{path}", "root_path": "/desk"}) is streamed


def test_a_long_body_to_a_path_that_only_looks_like_it_is_refused(api: Desk) -> None:
    body = b'{"evidence": {"reason": "' + b"x" * 100_000 + b'"}}'
    for path in (f"/v1/cases/{api.case}/events/files", f"/v1/cases/{api.case}%2Fevents/files"):
        answer = api.send(
            api.office.clerk, "POST", path, content=body, headers={"content-type": "application/json"}
        )  # fmt: skip
        assert answer.status_code == 413, path


def test_files_work_where_a_host_has_mounted_the_service(bureau: Bureau) -> None:
    host = FastAPI()
    host.mount("/desk", create_app(bureau.workflow, whoever, Settings(body_bytes=1024)))
    with serving(host) as url:
        api = Desk(f"{url}/desk", bureau)
        api.client.base_url = httpx.URL(f"{url}/desk")
        done = api.upload(pdf(size=100_000))
        assert done.status_code == 201, done.text
        assert done.headers["location"].startswith("/desk/v1/cases/")


# ---- rosters ---------------------------------------------------------------------------------------------------------

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def titled(office: Bureau) -> str:
    """An incubator."""
    title = office.workflow.cases(reader=office.clerk)
    found = [row["id"] for row in title if row["kind"] == "incubator"]
    if not found:
        office.act(_reviewed(office), "pass_preliminary", office.clerk, findings="all_met")
        office.act(_reviewed(office), "endorse", office.finance)
        return office.act(_reviewed(office), "endorse", office.lead).opened["incubator"]
    return str(found[0])


def _reviewed(office: Bureau) -> str:
    return str(next(row["id"] for row in office.workflow.cases(reader=office.clerk) if row["kind"] == "application"))


def roster(api: Desk, content: bytes, kind: str, by: Actor | None = None, **params: Any) -> httpx.Response:
    """Hand in a roster for the incubator."""
    path = f"/v1/cases/{titled(api.office)}/tenants"
    return api.send(
        by or api.office.operator, "POST", path, content=content, params=params, headers={"content-type": kind}
    )  # fmt: skip


def rows(*numbers: int, **changed: Any) -> bytes:
    """A roster as JSON."""
    return json.dumps(firms(*numbers, **changed), default=str).encode()


@pytest.mark.parametrize("kind", ["application/json", XLSX, "text/csv", "text/csv; charset=utf-8"])
def test_a_roster_is_taken_as_rows_or_as_a_spreadsheet(api: Desk, tmp_path: Path, kind: str) -> None:
    content = {
        "application/json": lambda: rows(1, 2),
        XLSX: lambda: as_xlsx(tmp_path / "x.xlsx", firms(1, 2)).read_bytes(),
    }.get(kind, lambda: as_csv(tmp_path / "x.csv", firms(1, 2)).read_bytes())()
    told = roster(api, content, kind, preview=True).json()
    assert (told["kept"], len(told["admitted"])) == (False, 2)
    done = roster(api, content, kind)
    assert done.status_code == 200, done.text
    assert (done.json()["kept"], len(done.json()["admitted"])) == (True, 2)
    assert done.json()["admitted"][0]["place"]
    again = roster(api, content, kind).json()
    assert (again["admitted"], len(again["unchanged"])) == ([], 2)


def test_a_roster_with_a_firm_that_may_not_be_admitted_is_refused_whole(api: Desk) -> None:
    content = rows(1, 2, entered_on=date(2030, 1, 1))
    answer = roster(api, content, "application/json")
    assert "第1行" in problem(answer, 422, "guard-refused")
    told = roster(api, content, "application/json", preview=True).json()
    assert (len(told["admitted"]), len(told["refused"])) == (1, 1)
    assert told["refused"][0]["refusals"][0]["message"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "application/json", 422),
        (b"{}", "application/json", 422),
        (b'["x"]', "application/json", 422),
        (b"[" * 50_000, "application/json", 422),
        (b'[{"name": "\\ud800"}]', "application/json", 422),
        (b'[{"name": "\\u0000"}]', "application/json", 422),
        (b'[{"name": "x", "area_m2": NaN, "invested_yuan": 1e999}]', "application/json", 422),
        (b'[{"area_m2": ' + b"9" * 5_000 + b"}]", "application/json", 422),
        (b"\xff", "application/json", 422),
        (b"[]", "application/json", 200),
        (b"PK", XLSX, 422),
        (b"\0", "text/csv", 422),
        (b"", "text/csv", 422),
        (b"x" * 65_537, "text/csv", 413),
        (b"[]", "text/plain", 415),
        (b"[]", "", 415),
    ],
)
def test_a_roster_that_is_none_is_refused_and_never_an_error(
    api: Desk, content: bytes, kind: str, status: int
) -> None:  # fmt: skip
    answer = roster(api, content, kind)
    assert answer.status_code == status, answer.text
    assert "/tmp" not in answer.text  # noqa: S108


def test_nothing_is_said_of_a_roster_to_whoever_may_not_see_the_incubator(api: Desk) -> None:
    stranger = Actor.of("other", "applicant", "yuyao", uscc=CIXI_USCC)
    for by in (stranger, api.office.cixi_clerk):
        for content, kind in ((rows(1), "application/json"), (b"PK", XLSX)):
            problem(roster(api, content, kind, by=by), 404, "not-found")
    problem(roster(api, rows(1), "application/json", by=api.office.clerk), 403, "not-authorised")


def test_an_empty_workbook_is_refused(api: Desk) -> None:
    book = openpyxl.Workbook()
    out = io.BytesIO()
    book.save(out)
    assert "没有内容" in problem(roster(api, out.getvalue(), XLSX), 422, "intake-error")


# ---- the document ----------------------------------------------------------------------------------------------------


def test_the_document_tells_the_raw_bodies_and_every_answer(desk: Bureau) -> None:
    app = create_app(desk.workflow, whoever)
    paths = app.openapi()["paths"]
    upload = paths["/v1/cases/{case}/files"]["post"]
    assert upload["operationId"] == "attach_file"
    assert [*upload["requestBody"]["content"]] == ["application/octet-stream"]
    assert {"201", "401", "403", "404", "408", "409", "413", "415", "422", "503"} <= {*upload["responses"]}
    assert {XLSX, "text/csv", "application/json"} == {
        *paths["/v1/cases/{case}/tenants"]["post"]["requestBody"]["content"]
    }
