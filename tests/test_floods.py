"""What is sent to drown the service, or is simply damaged: a short answer, soon, that says what is wrong."""

from __future__ import annotations

import io
import json
import re
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from kjfh_workflow import InputError, Refused
from kjfh_workflow.canonical import dumps
from kjfh_workflow.errors import IntakeError
from kjfh_workflow.intake.folder import read_folder
from kjfh_workflow.intake.form import MOST_PROBLEMS
from kjfh_workflow.intake.packed import unpacked
from kjfh_workflow.policy.wording import explain
from kjfh_workflow.rules.evidence import MOST_REFUSALS, SHAPES
from kjfh_workflow.rules.facts import ENTERING, MOST_ROWS, Facts
from tests.api import Api, as_
from tests.bureau import Bureau, facts

EXAMPLE = Path(__file__).parent.parent / "examples" / "yuyao-chaoyang"
#: A tenth of this is usual; a slow machine is no flood.
_SECONDS = 5
_BYTES = 200_000


def packed(files: Mapping[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A .zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def whole() -> bytes:
    """A folder in order."""
    return packed({path.name: path.read_bytes() for path in sorted(EXAMPLE.iterdir())})


def soon(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer, which must be short and come soon."""
    began = time.monotonic()
    answer = ask()
    assert time.monotonic() - began < _SECONDS
    assert len(answer.content) < _BYTES
    assert answer.status_code < 500
    return answer


# ---- forms -----------------------------------------------------------------------------------------------------------

FORMS = {
    "a key of many parts": "a" + ".a" * 400_000 + "=1",
    "many keys of many parts": "\n".join(f"a{n}" + ".a" * 450 + "=1" for n in range(60)),
    "quoted parts": "\n".join(f'"=".a{n}' + ".'a'" * 200 + "=1" for n in range(60)),
    "tables of many parts": "\n".join("[a" + ".a" * 450 + f".b{n}]\nb{n}" + ".b" * 450 + "=1" for n in range(30)),
    "many keys": "".join(f"k{n}=1\n" for n in range(100_000)),
    "as many keys as fit": "".join(f"k{n}=1\n" for n in range(6_000)),
    "a list in a list": "a=" + "[" * 900,
    "a list in a list on many lines": "a=" + "[\n" * 20_000,
    "tables in a table": "a=" + "{a=" * 300,
    "five thousand digits on many lines": "makers=" + "9" * 5_000,
    "five thousand digits": 'a="""\n"""\nmakers=[\n' + "9" * 900 + "]",
    "a hexadecimal number": "operator.name=0x" + "f" * 900,
    "an exponent": "makers=1e99999999999999999999",
    "many unknown materials": 'city="yuyao"\nmaterials=[\n' + ",\n".join(f'"甲{n}"' for n in range(6_000)) + "]",
    **{
        f"the number {number}": "".join(
            f"{key}={number}\n"
            for key in ("makers", "fund.own_seed_yuan", "premises.area_m2", "operator.name", "operator.registered_on")
        )
        for number in ("1e999999999", "-1e5000", "1e-999999999", "inf", "nan", "9" * 900)
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_that_would_drown_the_reader_is_refused_soon_and_in_words(desk: Bureau, quick: Api, form: str) -> None:
    body = packed({"application.toml": FORMS[form]})
    headers = as_(desk.operator) | {"content-type": "application/zip"}
    answer = soon(lambda: quick.client.post("/v1/intake/readings", content=body, headers=headers))
    assert answer.status_code == 422
    problems = answer.json()["problems"]
    assert problems[0].startswith("application.toml")
    assert len(problems) <= MOST_PROBLEMS + 10
    assert "Exceeds" not in answer.text, "in Python's words"


def test_a_form_with_long_lines_of_prose_and_many_materials_is_read(tmp_path: Path) -> None:
    example = EXAMPLE.with_name("cixi-haian")
    for path in example.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    form = tmp_path / "application.toml"
    form.write_text(form.read_text("utf-8") + "\n# " + "见第1.1.1.1条。" * 70 + "." * 100 + "\n", "utf-8")
    assert read_folder(tmp_path).facts == read_folder(example).facts


# ---- evidence --------------------------------------------------------------------------------------------------------

MANY: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "empty tenants": lambda own: {"facts": {**own, "tenants": [{}] * 100_000}},
    "as many empty tenants as are read": lambda own: {"facts": {**own, "tenants": [{}] * MOST_ROWS}},
    "few empty tenants": lambda own: {"facts": {**own, "tenants": [{}] * 1_000}},
    "unknown facts": lambda own: {"facts": {**own, **{f"k{n}": 1 for n in range(100_000)}}},
    "unknown keys of a tenant": lambda own: {"facts": {**own, "tenants": [{f"k{n}": 1 for n in range(100_000)}]}},
    "unknown evidence": lambda _: {f"k{n}": 1 for n in range(100_000)},
    "a long name": lambda _: {"k" * 4_000_000: 1},
    "a long code": lambda own: {"facts": {**own, "tenants": [{**own["tenants"][0], "uscc": "9" * 1_000_000}]}},
    "materials": lambda _: {"materials": [f"m{n}" for n in range(100_000)]},
    "long materials": lambda _: {"materials": [f"m{n}" * 3_000 for n in range(200)]},
    "a long type": lambda _: {"type": "t" * 4_000_000},
    "overrides": lambda own: {"facts": own, "override": {f"tenants.{n}.name": "x" for n in range(50_000)}},
    "a long override": lambda own: {"facts": own, "override": {"a." * 1_000_000: 1}},
}  # fmt: skip


@pytest.mark.parametrize("flood", MANY)
def test_evidence_that_is_wrong_in_very_many_places_gets_a_short_answer(desk: Bureau, quick: Api, flood: str) -> None:
    evidence = {"type": "incubator", **MANY[flood](json.loads(dumps(facts())))}
    body = json.dumps({"kind": "application", "event": "submit", "evidence": evidence})
    headers = as_(desk.operator) | {"content-type": "application/json"}
    answer = soon(lambda: quick.client.post("/v1/previews", content=body, headers=headers))
    refusals = answer.json()["refusals"]
    assert 0 < len(refusals) <= MOST_REFUSALS + 20
    if flood in ("unknown evidence", "few empty tenants"):
        assert f"只列出前{MOST_REFUSALS}处" in refusals[MOST_REFUSALS]["message"]


@pytest.mark.parametrize("field", ["findings", "justifications"])
@pytest.mark.parametrize("value", [True, "x", {}])
def test_findings_beyond_every_pack_are_refused_by_their_number(
    desk: Bureau, quick: Api, field: str, value: object
) -> None:
    path = f"/v1/cases/{desk.reviewed()}/previews/pass_preliminary"
    body = json.dumps({"evidence": {field: {f"k{n}": value for n in range(200_000)}}})
    headers = as_(desk.clerk) | {"content-type": "application/json"}
    answer = soon(lambda: quick.client.post(path, content=body, headers=headers))
    [refusal] = [one for one in answer.json()["refusals"] if one["field"] == field]
    assert "共200000项，最多200项" in refusal["message"]


def test_a_body_of_unknown_keys_gets_a_short_answer(desk: Bureau, quick: Api) -> None:
    body = json.dumps({"kind": "application", "event": "submit", **{f"k{n}": 1 for n in range(100_000)}})
    headers = as_(desk.operator) | {"content-type": "application/json"}
    answer = soon(lambda: quick.client.post("/v1/previews", content=body, headers=headers))
    assert answer.status_code == 422


def test_half_a_character_is_refused_in_words(desk: Bureau, quick: Api) -> None:
    headers = as_(desk.operator) | {"content-type": "application/json"}
    ask = partial(quick.client.post, "/v1/previews", headers=headers)
    for evidence in (
        '{"\\ud800": 1}', '{"type": "\\ud800"}', '{"facts": {"tenants": "\\ud800"}}', '{"level": "\\ud800"}',
    ):  # fmt: skip
        body = '{"kind": "application", "event": "submit", "evidence": ' + evidence + "}"
        answer = soon(partial(ask, content=body))
        assert answer.json()["refusals"], evidence
        assert "codec" not in answer.text


def test_ten_changes_of_one_kind_a_hundred_thousand_times_are_not_compared_with_each_other(desk: Bureau) -> None:
    with pytest.raises(ValidationError, match="too_long"):
        SHAPES["what"].validate_python(["name", "address"] * 50_000, context=ENTERING)  # type: ignore[index]


def test_of_what_is_on_file_nothing_is_too_long() -> None:
    document = facts()
    document["tenants"] = document["tenants"][:1] * (MOST_ROWS + 1)
    assert len(Facts.model_validate(document).tenants) == MOST_ROWS + 1


def test_a_roster_beyond_every_incubator_is_named_by_its_number(desk: Bureau) -> None:
    document = facts()
    document["mentors"] = document["mentors"][:1] * (MOST_ROWS + 1)
    with pytest.raises(Refused) as refused:
        desk.submit(facts=document)
    [refusal] = refused.value.refusals
    assert (refusal.field, refusal.code) == ("facts.mentors", "evidence_invalid")
    assert f"共{MOST_ROWS + 1}行，最多{MOST_ROWS}行" in refusal.message


def test_a_folder_s_roster_is_no_longer_than_evidence_may_be(tmp_path: Path) -> None:
    for path in EXAMPLE.iterdir():
        if path.stem != "mentors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "mentors.csv").write_text("岗位,姓名\n" + "投融资导师,李四\n" * (MOST_ROWS + 1), "utf-8")
    with pytest.raises(IntakeError) as error:
        read_folder(tmp_path)
    assert str(error.value) == f"mentors.csv: 共{MOST_ROWS + 1}行，最多{MOST_ROWS}行"


@pytest.mark.parametrize("hidden", ["\u3164", "\u202e", "\ufe0f"])
@pytest.mark.parametrize("place", ["岗位", "姓名"])
def test_a_folder_is_read_with_the_same_eyes_as_evidence(tmp_path: Path, hidden: str, place: str) -> None:
    for path in EXAMPLE.iterdir():
        if path.stem != "mentors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    row = {"岗位": "投融资导师", "姓名": "李四"}
    row[place] = row[place][0] + hidden + row[place][1:]
    (tmp_path / "mentors.csv").write_text("岗位,姓名\n" + ",".join(row.values()) + "\n", "utf-8")
    with pytest.raises(IntakeError, match=rf"第2行: {place}: .*不可见的控制字符"):
        read_folder(tmp_path)


def test_every_complaint_about_evidence_has_chinese_words() -> None:
    odd: list[Any] = [
        True, 0, -1, 10**40, 1.5, float("nan"), 1e300, "", "x" * 30_000, "1e5", "2021-02-30", "9" * 5_000, b"\xff",
        [], [1] * 300, ["a"] * 300, {}, {"a": 1}, {1: 2}, {"a" * 500: True}, {f"k{n}": 1 for n in range(300)}, object(),
    ]  # fmt: skip
    said: dict[str, str] = {}
    for shape in SHAPES.values():
        for value in odd:
            try:
                shape.validate_python(value, context=ENTERING)
            except ValidationError as error:
                said |= {detail["type"]: explain(detail) for detail in error.errors()}
    own = facts()
    for name, part in own.items():
        for value in odd:
            rows = [{**part[0], key: value} for key in part[0]] if isinstance(part, list) and part else []
            keys = [{**part, key: value} for key in part] if isinstance(part, dict) else []
            for instead in (value, *([row] for row in rows), *keys):
                try:
                    Facts.model_validate({**own, name: instead}, context=ENTERING)
                except ValidationError as error:
                    said |= {detail["type"]: explain(detail) for detail in error.errors()}
    assert len(said) > 20
    assert {kind: words for kind, words in said.items() if not re.search("[一-龥]", words)} == {}


# ---- damaged archives ------------------------------------------------------------------------------------------------


def read(body: bytes) -> None:
    """As the service reads it."""
    with unpacked(body) as folder:
        read_folder(folder)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_archive_is_read_or_refused_and_never_an_error_of_ours(data: st.DataObject) -> None:
    body = bytearray(whole())
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(InputError):  # where the byte meant nothing it is read
        read(bytes(body))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_packed_in_an_unusual_way_is_told_how(compression: int) -> None:
    with pytest.raises(IntakeError, match="压缩方式特殊；请用系统自带的压缩功能重新打包"):
        read(packed({"staff.csv": b"x" * 3_000}, compression))


def test_a_name_that_no_folder_can_hold_is_refused() -> None:
    with pytest.raises(IntakeError, match="文件名见模板"):
        read(packed({"a" * 300 + ".csv": b""}))


# ---- a temporary folder without room ---------------------------------------------------------------------------------


@pytest.fixture
def no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be put aside."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))


@pytest.mark.usefixtures("no_room")
def test_without_room_in_the_temporary_folder_nobody_s_file_is_blamed(desk: Bureau, quick: Api) -> None:
    case = desk.reviewed()
    ask = quick.client
    csv, folder = {"content-type": "text/csv"}, {"content-type": "application/zip"}
    answers = {
        "reading": ask.post("/v1/intake/readings", content=whole(), headers=as_(desk.operator) | folder),
        "templates": ask.get("/v1/intake/templates/yuyao", headers=as_(desk.operator)),
        "spreadsheet": ask.get("/v1/register", params={"format": "xlsx"}, headers=as_(desk.clerk)),
        "payments": ask.get("/v1/ledger/payment-list", params={"format": "xlsx"}, headers=as_(desk.finance)),
        "paid": ask.post("/v1/ledger/reconciliations", content=b"a,b\n", headers=as_(desk.finance) | csv),
        "tenants": ask.post(f"/v1/cases/{case}/tenants", content=b"a,b\n", headers=as_(desk.operator) | csv),
    }
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 503)
    assert all("gone" not in answer.text for answer in answers.values()), "where it is, is nobody's business"
