"""Files of a case: kept whole or not at all, once for the same bytes, and given only to whoever may read the case."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import textwrap
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, text

from kjfh_workflow import Actor, InputError, NotAuthorised, NotFound, RequestReused, TransitionNotAllowed
from kjfh_workflow.casework.files.files_desk import MOST_FILES, Attachment, FileDamaged, FileInfected
from kjfh_workflow.casework.files.receiving import FileTooLarge
from kjfh_workflow.casework.files.scanning import CommandScanner
from kjfh_workflow.errors import Unavailable
from kjfh_workflow.store.database import Database
from kjfh_workflow.store.files import PART_BYTES
from tests.bureau import CIXI_USCC, YUYAO_USCC, Bureau
from tests.commands import ADMIN, OPERATOR, Kjfh
from tests.evidence_files import SAMPLES, pdf, pieces
from tests.test_run import eventually

MEBIBYTE = 1024 * 1024


def attach(office: Bureau, case: str, content: bytes, name: str = "证明.pdf", **more: Any) -> Attachment:
    """By the operator, unless said otherwise."""
    given = {"by": office.operator, **more}
    return office.workflow.files.attach(case, name, pieces(content), **given)


def read(office: Bureau, case: str, attachment: int) -> bytes:
    """All of a file, as the clerk gets it."""
    return b"".join(office.workflow.files.open(case, attachment, reader=office.clerk)[1])


def rows(office: Bureau) -> tuple[int, int, int]:
    """How many files, parts and attachments are stored."""
    with office.workflow._database.reading() as tx:
        return tuple(
            tx.connection.execute(text(f"SELECT count(*) FROM kjfh_{table}")).scalar_one()
            for table in ("files", "file_parts", "attachments")
        )


# ---- in and out ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_every_kind_that_is_taken_comes_out_bit_by_bit_as_it_came(desk: Bureau, name: str) -> None:
    case, (content, media_type) = desk.reviewed(), SAMPLES[name]
    done = attach(desk, case, content, name, material="operator_licence")
    assert (done.name, done.media_type, done.size) == (name, media_type, len(content))
    assert done.sha256 == sha256(content).hexdigest()
    assert (done.material, done.material_label) == ("operator_licence", "运营机构营业执照复印件")
    assert (done.role, done.attached_by) == ("applicant", "op")
    assert read(desk, case, done.id) == content
    assert desk.workflow.files.of_case(case, reader=desk.clerk) == [done]


def test_a_long_file_passes_through_with_bounded_memory(bureau: Bureau) -> None:
    case, block = bureau.reviewed(), random.Random(5).randbytes(MEBIBYTE)

    def long() -> Iterator[bytes]:
        yield b"%PDF-1.7\n"
        for _ in range(30):
            yield block

    attach(bureau, case, pdf())  # what is loaded at first use is not the file's
    tracemalloc.start()
    done = bureau.workflow.files.attach(case, "长.pdf", long(), by=bureau.operator)
    hashed, longest = sha256(), 0
    for piece in bureau.workflow.files.open(case, done.id, reader=bureau.clerk)[1]:
        hashed.update(piece)
        longest = max(longest, len(piece))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert done.size == 30 * MEBIBYTE + 9
    assert hashed.hexdigest() == done.sha256
    assert longest <= PART_BYTES
    assert peak < 8 * MEBIBYTE, f"{peak:,} bytes at once"


def test_the_same_bytes_are_stored_once_under_any_name_in_any_case(bureau: Bureau) -> None:
    _, incubator = bureau.recognised()
    content = pdf(size=3 * PART_BYTES)
    first = attach(bureau, incubator, content, "一.pdf")
    second = attach(bureau, incubator, content, "二.pdf", by=bureau.clerk)
    assert (first.id, first.sha256) != (second.id, second.sha256)
    assert first.sha256 == second.sha256
    assert rows(bureau) == (1, 3, 2)
    assert read(bureau, incubator, second.id) == content


def test_the_same_file_from_several_threads_at_once_is_stored_once(bureau: Bureau) -> None:
    case, content = bureau.reviewed(), pdf(size=8 * PART_BYTES)

    def one(number: int) -> Attachment:
        return attach(bureau, case, content, f"{number}.pdf")

    with ThreadPoolExecutor(4) as threads:
        done = [*threads.map(one, range(8))]
    assert len({found.id for found in done}) == 8
    assert rows(bureau) == (1, 8, 8)
    assert all(read(bureau, case, found.id) == content for found in done)


def test_the_list_goes_on_behind_the_last(desk: Bureau) -> None:
    case = desk.reviewed()
    done = [attach(desk, case, pdf(str(number)), f"{number}.pdf") for number in range(5)]
    first = desk.workflow.files.of_case(case, reader=None, limit=2)
    rest = desk.workflow.files.of_case(case, reader=None, after=first[-1].id)
    assert [*first, *rest] == done


# ---- the same request ------------------------------------------------------------------------------------------------


def test_a_request_sent_again_gives_the_first_answer(bureau: Bureau) -> None:
    case = bureau.reviewed()
    first = attach(bureau, case, pdf(), request_id="r-1")
    bureau.on(date(2021, 3, 2))
    assert attach(bureau, case, pdf(), request_id="r-1") == first
    assert rows(bureau)[2] == 1


def test_one_request_from_two_threads_attaches_once(bureau: Bureau) -> None:
    case, content = bureau.reviewed(), pdf(size=4 * PART_BYTES)
    with ThreadPoolExecutor(4) as threads:
        done = {*threads.map(lambda _: attach(bureau, case, content, request_id="r-1"), range(4))}
    assert len(done) == 1
    assert rows(bureau) == (1, 4, 1)


@pytest.mark.parametrize("other", ["content", "name", "material", "case", "actor"])
def test_a_request_id_used_for_something_else_is_a_conflict(desk: Bureau, other: str) -> None:
    _, incubator = desk.recognised()
    attach(desk, incubator, pdf(), request_id="r-1")
    others: dict[str, dict[str, Any]] = {
        "actor": {"by": desk.clerk}, "material": {"material": "other"}, "name": {"name": "另.pdf"},
    }  # fmt: skip
    more = others.get(other, {})
    content = pdf("2") if other == "content" else pdf()
    case = incubator
    if other == "case":
        case = desk.workflow.open_case(
            "change", "report_change", by=desk.operator, parent=incubator,
            evidence={"what": ["name"], "occurred_on": date(2021, 2, 1)},
        ).case  # fmt: skip
    with pytest.raises(RequestReused, match="another act"):
        attach(desk, case, content, request_id="r-1", **more)
    assert rows(desk) == (1, 1, 1)


def test_the_request_id_of_an_event_is_taken(desk: Bureau) -> None:
    case = desk.submit().case
    desk.workflow.perform(case, "accept", by=desk.clerk, request_id="r-1")
    with pytest.raises(RequestReused, match="another act"):
        attach(desk, case, pdf(), request_id="r-1")


# ---- who -------------------------------------------------------------------------------------------------------------


def stranger() -> Actor:
    """The applicant of another firm of the same city."""
    return Actor.of("other", "applicant", "yuyao", uscc=CIXI_USCC)


def people(office: Bureau) -> dict[str, Actor]:
    """Everybody there is, by what they are."""
    elsewhere = Actor.of("op", "applicant", "cixi", uscc=YUYAO_USCC)
    return {
        "operator": office.operator,
        "operator seated elsewhere": elsewhere,
        **{role: Actor.of(role, role, "yuyao") for role in ("tech_clerk", "tech_lead", "finance", "admin", "auditor")},
        "stranger": stranger(),
        "applicant of nobody": Actor.of("x", "applicant", "yuyao"),
        **{f"{role} of cixi": Actor.of(role, role, "cixi") for role in ("tech_clerk", "finance", "admin", "auditor")},
        "clerk of cixi and auditor": Actor.of("both", ["tech_clerk", "auditor"], "cixi"),
    }


def test_the_operator_and_the_offices_of_the_city_attach_and_nobody_else(desk: Bureau) -> None:
    case = desk.reviewed()
    allowed, told, unseen = [], [], []
    for what, actor in people(desk).items():
        try:
            allowed.append((what, attach(desk, case, pdf(what), by=actor).role))
        except NotAuthorised:
            told.append(what)
        except NotFound:
            unseen.append(what)
    assert allowed == [
        ("operator", "applicant"), ("operator seated elsewhere", "applicant"), ("tech_clerk", "tech_clerk"),
        ("tech_lead", "tech_lead"), ("finance", "finance"), ("admin", "admin"),
    ]  # fmt: skip
    assert told == ["auditor", "auditor of cixi", "clerk of cixi and auditor"], "they may read it"
    assert unseen == ["stranger", "applicant of nobody", "tech_clerk of cixi", "finance of cixi", "admin of cixi"]


def test_whoever_may_not_read_the_case_finds_neither_list_nor_file(desk: Bureau) -> None:
    case = desk.reviewed()
    done = attach(desk, case, pdf())
    unseen = []
    for what, actor in people(desk).items():
        try:
            assert desk.workflow.files.of_case(case, reader=actor) == [done]
            assert b"".join(desk.workflow.files.open(case, done.id, reader=actor)[1]) == pdf()
        except NotFound:
            with pytest.raises(NotFound):
                desk.workflow.files.open(case, done.id, reader=actor)
            unseen.append(what)
    assert unseen == ["stranger", "applicant of nobody", "tech_clerk of cixi", "finance of cixi", "admin of cixi"]


def test_a_right_number_under_a_wrong_case_is_not_found(desk: Bureau) -> None:
    application, incubator = desk.recognised()
    done = attach(desk, incubator, pdf())
    for case, number in ((application, done.id), (incubator, 0), (incubator, 2**70), ("none", done.id)):
        with pytest.raises(NotFound):
            desk.workflow.files.open(case, number, reader=desk.operator)


def test_nothing_is_read_of_a_file_that_nobody_may_attach(desk: Bureau) -> None:
    case = desk.reviewed()

    def never() -> Iterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    for actor in (stranger(), desk.auditor):
        with pytest.raises((NotFound, NotAuthorised)):
            desk.workflow.files.attach(case, "x.pdf", never(), by=actor)


# ---- when and what ---------------------------------------------------------------------------------------------------


def test_nothing_is_added_to_a_closed_case(bureau: Bureau) -> None:
    case = bureau.reviewed()
    attach(bureau, case, pdf(), request_id="in-time")
    bureau.act(case, "withdraw", bureau.operator)
    with pytest.raises(TransitionNotAllowed) as refused:
        attach(bureau, case, pdf("2"))
    assert "已撤回" in str(refused.value)
    assert attach(bureau, case, pdf(), request_id="in-time").attached_by == "op", "it was attached in time"


def test_what_comes_after_the_last_day_is_too_late_whether_or_not_a_tick_has_noticed(bureau: Bureau) -> None:
    case = bureau.submit().case
    bureau.act(case, "return_for_correction", bureau.clerk, missing=["证明"])
    attach(bureau, case, pdf())
    bureau.on(date(2021, 12, 1))
    with pytest.raises(TransitionNotAllowed):
        attach(bureau, case, pdf("2"))
    assert rows(bureau) == (1, 1, 1)


def test_a_material_that_the_pack_does_not_have_is_refused_with_those_it_has(desk: Bureau) -> None:
    case = desk.reviewed()
    with pytest.raises(InputError, match="operator_licence（运营机构营业执照复印件）"):
        attach(desk, case, pdf(), material="licence")
    assert rows(desk) == (0, 0, 0)


def test_one_byte_too_many_is_too_many_and_the_rest_is_not_read(desk: Bureau) -> None:
    case, asked = desk.reviewed(), []

    def endless() -> Iterator[bytes]:
        yield b"%PDF-"
        while True:
            asked.append(1)
            yield b"\0" * 1000

    with pytest.raises(FileTooLarge):
        desk.workflow.files.attach(case, "x.pdf", endless(), by=desk.operator, max_bytes=10_000)
    assert len(asked) == 10
    content = pdf(size=10_000)
    assert attach(desk, case, content, max_bytes=len(content)).size == len(content)
    with pytest.raises(FileTooLarge):
        attach(desk, case, content, max_bytes=len(content) - 1)


def test_a_case_has_an_end_of_files(desk: Bureau) -> None:
    case = desk.reviewed()
    done = attach(desk, case, pdf())
    with desk.workflow._database.writing() as tx:
        columns = "case_id, sha256, name, material, attached_by, attached_by_name, role, attached_at"
        copy = f"INSERT INTO kjfh_attachments ({columns}) SELECT {columns} FROM kjfh_attachments WHERE id = {done.id}"
        for _ in range(MOST_FILES - 1):
            tx.connection.execute(text(copy))
    with pytest.raises(InputError, match="已有500个附件"):
        attach(desk, case, pdf("2"))


# ---- the scanner -----------------------------------------------------------------------------------------------------


def scanner(folder: Path, body: str, seconds: float = 20) -> CommandScanner:
    """A real program."""
    script = folder / "scan.sh"
    script.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return CommandScanner([str(script)], seconds)


def test_a_file_that_the_scanner_finds_clean_is_kept(desk: Bureau, tmp_path: Path) -> None:
    content = pdf(size=3 * MEBIBYTE)
    scan = scanner(tmp_path, f"[ $(sha256sum | cut -c1-64) = {sha256(content).hexdigest()} ]")
    case = desk.reviewed()
    assert read(desk, case, attach(desk, case, content, scan=scan).id) == content
    with pytest.raises(FileInfected):
        attach(desk, case, pdf("another"), scan=scan)


@pytest.mark.parametrize("size", [0, 3 * MEBIBYTE])
def test_an_infected_file_is_refused_even_if_the_scanner_stops_reading(
    desk: Bureau, tmp_path: Path, size: int
) -> None:  # fmt: skip
    case = desk.reviewed()
    with pytest.raises(FileInfected, match="病毒扫描未通过"):
        attach(desk, case, pdf(size=size), scan=scanner(tmp_path, "head -c 4 >/dev/null; exit 1"))
    assert rows(desk) == (0, 0, 0)


@pytest.mark.parametrize("body", ["cat >/dev/null; exit 2", "kill -9 $$", "exec /nowhere/scanner"])
def test_a_scanner_that_cannot_tell_lets_nothing_in(desk: Bureau, tmp_path: Path, body: str) -> None:
    case = desk.reviewed()
    with pytest.raises(Unavailable, match="cannot tell"):
        attach(desk, case, pdf(size=MEBIBYTE), scan=scanner(tmp_path, body))
    assert rows(desk) == (0, 0, 0)


def test_a_scanner_that_is_not_there_lets_nothing_in(desk: Bureau) -> None:
    case = desk.reviewed()
    with pytest.raises(Unavailable, match="cannot be started"):
        attach(desk, case, pdf(), scan=CommandScanner(["/nowhere/scanner"]))
    assert rows(desk) == (0, 0, 0)


def test_a_scanner_that_hangs_is_ended_with_all_that_it_started(desk: Bureau, tmp_path: Path) -> None:
    case, noted = desk.reviewed(), tmp_path / "pids"
    scan = scanner(tmp_path, f"sleep 600 & echo $! $$ > {noted}; wait", seconds=1)
    started = time.monotonic()
    with pytest.raises(Unavailable, match="did not end within 1 s"):
        attach(desk, case, pdf(size=3 * MEBIBYTE), scan=scan)
    assert time.monotonic() - started < 30
    assert rows(desk) == (0, 0, 0)
    for pid in map(int, noted.read_text().split()):
        assert not _lives(pid)


def _lives(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


# ---- damage, kills, verification -------------------------------------------------------------------------------------


def behind_its_back(office: Bureau, url: str, statement: str) -> None:
    """What only somebody with the database's own rights can do."""
    engine = create_engine(Database.open(url).engine.url)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            for act in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER kjfh_file_parts_no_{act}"))
        else:
            connection.execute(text("ALTER TABLE kjfh_file_parts DISABLE TRIGGER USER"))
        connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE kjfh_file_parts SET body = (SELECT body FROM kjfh_file_parts WHERE part = 0) WHERE part = 1",
        "DELETE FROM kjfh_file_parts WHERE part = 2",
        "UPDATE kjfh_file_parts SET part = part + 5 WHERE part > 0",
    ],
)
def test_a_damaged_part_is_an_error_and_never_a_wrong_file(bureau: Bureau, database_url: str, damage: str) -> None:
    case = bureau.reviewed()
    done = attach(bureau, case, pdf(size=3 * PART_BYTES))
    assert bureau.workflow.verify().holds
    behind_its_back(bureau, database_url, damage)
    got: list[bytes] = []
    with pytest.raises(FileDamaged):
        got.extend(bureau.workflow.files.open(case, done.id, reader=bureau.clerk)[1])
    assert sum(map(len, got)) < done.size, "the last part is held back"
    assert [problem.place for problem in bureau.workflow.verify().problems] == [f"file {done.sha256}"]


def test_the_database_itself_refuses_to_change_a_file(bureau: Bureau) -> None:
    case = bureau.reviewed()
    attach(bureau, case, pdf())
    for statement in (
        "UPDATE kjfh_file_parts SET part = 3",
        "DELETE FROM kjfh_files",
        "UPDATE kjfh_attachments SET name = 'x'",
    ):
        with pytest.raises(Exception, match="append-only"), bureau.workflow._database.writing() as tx:
            tx.connection.execute(text(statement))


_UPLOADER = """
import sys
from kjfh_workflow import Actor, Workflow
from kjfh_workflow.clock import FixedClock, office_hour
from datetime import date

url, case, uscc, where = sys.argv[1:]
workflow = Workflow(url, clock=FixedClock(office_hour(date(2021, 3, 1))))

def chunks():
    yield b"%PDF-1.7\\n"
    for number in range(30):
        if where == "sending" and number == 20:
            print("now", flush=True)
            sys.stdin.read()
        yield bytes([number]) * (1024 * 1024)

def scan(file):
    print("now", flush=True)
    return True

workflow.files.attach(
    case, "x.pdf", chunks(), by=Actor.of("op", "applicant", "yuyao", uscc=uscc), request_id="the-one", scan=scan
)
print("done", flush=True)
"""


@pytest.mark.parametrize(("where", "wait"), [("sending", 0.0), ("storing", 0.0), ("storing", 0.05), ("storing", 0.15)])
def test_a_kill_on_the_way_leaves_all_of_the_file_or_nothing(
    bureau: Bureau, database_url: str, tmp_path: Path, where: str, wait: float
) -> None:
    case = bureau.reviewed()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    uploader = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_UPLOADER), database_url, case, YUYAO_USCC, where],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip
    assert uploader.stdout is not None
    assert uploader.stdout.readline() == b"now\n"
    time.sleep(wait)
    uploader.send_signal(signal.SIGKILL)
    uploader.communicate()
    assert [*temporary.iterdir()] == [], "what had come in is gone with the process"
    deadline = time.monotonic() + 20
    while True:  # the server may take a moment to see that its client is gone
        stored = rows(bureau)
        if stored[2] or time.monotonic() > deadline or where == "sending" or wait == 0:
            break
        time.sleep(0.5)
        if stored == rows(bureau):
            break
    assert stored in ((0, 0, 0), (1, 121, 1))
    assert bureau.workflow.verify().holds
    content = b"%PDF-1.7\n" + b"".join(bytes([number]) * MEBIBYTE for number in range(30))
    done = attach(bureau, case, content, "x.pdf", request_id="the-one")
    assert rows(bureau) == (1, 121, 1), "sent again, it is there once"
    assert read(bureau, case, done.id) == content


# ---- the command line ------------------------------------------------------------------------------------------------


def test_files_are_added_listed_and_saved_at_the_command_line(kjfh: Kjfh, tmp_path: Path) -> None:
    case = kjfh.accepted()
    source = tmp_path / "营业执照.pdf"
    source.write_bytes(pdf(size=PART_BYTES + 1))
    words = ("file", "add", case, source, "--material", "operator_licence", "--request-id", "r-1", *OPERATOR)
    assert "附件1：营业执照.pdf" in kjfh.ok(*words)
    assert kjfh.json(*words)["id"] == 1
    assert "运营机构营业执照复印件" in kjfh.ok("file", "list", case, *OPERATOR)
    [listed] = kjfh.json("file", "list", case, *OPERATOR)
    assert (listed["id"], listed["size"]) == (1, len(source.read_bytes()))
    assert listed["sha256"] in kjfh.ok("file", "save", case, "1", "--out", "saved.pdf", *OPERATOR)
    assert Path("saved.pdf").read_bytes() == source.read_bytes()
    assert kjfh("file", "save", case, "1", "--out", "saved.pdf", *OPERATOR).code == 5, "nothing is overwritten"
    assert kjfh("file", "save", case, "2", "--out", "other.pdf", *OPERATOR).code == 3
    assert kjfh("file", "list", case, "--as", "x", "--role", "tech_clerk", "--city", "cixi").code == 3


def test_the_command_line_asks_the_scanner_and_refuses_like_the_library(kjfh: Kjfh, tmp_path: Path) -> None:
    case = kjfh.accepted()
    source = tmp_path / "a.pdf"
    source.write_bytes(pdf(size=2 * MEBIBYTE))
    assert kjfh("file", "add", case, source, "--scanner", "false", *OPERATOR).code == 5
    assert kjfh("file", "add", case, source, "--scanner", "/nowhere/scanner", *OPERATOR).code == 70
    assert kjfh("file", "add", case, source, "--max-mb", "1", *OPERATOR).code == 5
    assert kjfh("file", "add", case, source, "--as", "a", "--role", "auditor", "--city", "yuyao").code == 1
    assert kjfh.json("file", "add", case, source, "--scanner", "sh -c 'cat > /dev/null'", *ADMIN)["role"] == "admin"
    assert kjfh("verify").code == 0


def test_a_file_is_attached_when_the_case_is_ours_not_when_we_began_to_wait(postgres_url: str) -> None:
    office = Bureau(postgres_url)
    case = office.submit().case
    asking = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with (
        ThreadPoolExecutor() as threads,
        psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as watcher,
        psycopg.connect(postgres_url.replace("+psycopg", "")) as somebody,
    ):
        somebody.execute("SELECT id FROM kjfh_cases WHERE id = %s FOR UPDATE", [case])
        attached = threads.submit(attach, office, case, pdf())
        eventually(lambda: watcher.execute(asking).fetchone() == (1,))
        office.clock.instant += timedelta(minutes=1)
        somebody.rollback()
        assert attached.result().attached_at == office.clock.instant
    office.workflow.close()
