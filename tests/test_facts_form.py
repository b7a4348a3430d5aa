"""The facts as data: a screen draws the largest form and the largest table from the words of the spreadsheets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from kjfh_workflow import Actor
from kjfh_workflow.casework.opening import load_catalog
from kjfh_workflow.casework.views.facts_form import facts_form
from kjfh_workflow.casework.views.form_fields import FormField
from kjfh_workflow.intake.columns import FORM_SHEET
from kjfh_workflow.intake.template import write_template
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.rules.facts import ENTERING, Facts
from tests.api import Api
from tests.bureau import MATERIALS, Bureau, facts, uscc

PACKS = [*load_catalog()]
YUYAO = next(pack for pack in PACKS if pack.city == "yuyao")
OPERATOR = Actor.of("new", "applicant", "yuyao", name="余姚新办孵化器有限公司", uscc=uscc(40))


def leaves(fields: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path → everything that is filled in itself."""
    for field in fields:
        path = f"{above}{field['name']}" if isinstance(field, Mapping) else f"{above}{field.name}"
        inner = field["fields"] if isinstance(field, Mapping) else field.fields
        if inner:
            yield from leaves(inner, f"{path}.")
        else:
            yield path, field


def paths(value: Any, above: str = "") -> set[str]:
    """The dotted paths of what is on file; of a roster without the rows' numbers."""
    if isinstance(value, dict):
        return {path for key, part in value.items() for path in paths(part, f"{above}.{key}".lstrip("."))}
    if isinstance(value, list):
        return {path for part in value for path in paths(part, above)}
    return {above}


def filled(fields: tuple[FormField, ...], *, all_of_it: bool) -> dict[str, Any]:
    """What somebody fills in who knows the form and nothing else."""
    wanted = [field for field in fields if field.required or all_of_it]
    return {field.name: _value(field, all_of_it=all_of_it) for field in wanted}


def _value(field: FormField, *, all_of_it: bool) -> Any:
    if field.shape == "table":
        return filled(field.fields, all_of_it=all_of_it)
    if field.shape == "rows":
        return [filled(field.fields, all_of_it=all_of_it)]
    if field.shape == "line":
        return field.choices[0].value if field.choices else "文" * (field.longest or 1)
    values = {
        "uscc": OPERATOR.uscc,
        "date": "2020-03-01",
        "yes_no": True,
        "decimal": field.least,
        "integer": field.most or field.least,
    }
    return values[field.shape]


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
@pytest.mark.parametrize("all_of_it", [True, False])
def test_whoever_fills_in_the_form_as_drawn_has_facts_that_are_read(pack: PolicyPack, all_of_it: bool) -> None:
    Facts.model_validate(filled(facts_form(pack), all_of_it=all_of_it), context=ENTERING)


def test_nothing_required_may_be_left_out() -> None:
    least = filled(facts_form(YUYAO), all_of_it=False)
    for section in least:
        with pytest.raises(ValueError, match="Field required"):
            Facts.model_validate({name: value for name, value in least.items() if name != section})


def test_the_words_are_those_of_the_spreadsheets(tmp_path: Path) -> None:
    write_template(tmp_path, YUYAO)
    written: set[str] = set()
    for file in tmp_path.iterdir():
        sheet = openpyxl.load_workbook(file).worksheets[0]
        form = sheet.title == FORM_SHEET
        cells = [row[0] for row in sheet.iter_rows(min_row=2)] if form else next(sheet.iter_rows(max_row=1))
        # The unit behind a word is the spreadsheet's; a screen's is always ours.
        written |= {re.sub("（(万元|平方米)）$", "", str(cell.value)) for cell in cells}
    found = dict(leaves(facts_form(YUYAO)))
    assert {field.label for field in found.values()} == written - {"城市", "申请类型"}
    assert found["fund.own_seed_yuan"].unit == "元"
    assert found["premises.area_m2"].unit == "平方米"
    sections = {section.name: section.label for section in facts_form(YUYAO)}
    assert (sections["operator"], sections["premises"], sections["tenants"]) == ("运营机构", "孵化场地", "入驻企业")
    assert not [label for label in sections.values() if re.search("[a-z]", label)]


def test_a_pack_offers_the_technical_fields_that_its_text_names() -> None:
    offered = {pack.city: dict(leaves(facts_form(pack)))["tenants.field"] for pack in PACKS}
    assert {"生物医药", "软件"} <= {choice.value for choice in offered["yuyao"].choices}
    assert "生物医药" not in {choice.value for choice in offered["cixi"].choices}
    assert not offered["yuyao"].closed


def test_a_case_comes_with_the_words_for_its_facts(api: Api, bureau: Bureau) -> None:
    case, title = bureau.recognised()
    for one in (case, title):
        shown = api.get(f"/v1/cases/{one}", bureau.clerk).json()
        known = {path for path, _ in leaves(shown["facts_form"])}
        # What is empty has no rows to look into.
        assert paths(shown["facts"]) <= known | {"graduates"}
        assert len(known) > 40


def test_the_form_that_hands_facts_in_has_their_sections(quick: Api, desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"])
    shown = quick.get(f"/v1/cases/{case}", desk.operator).json()
    (resubmit,) = [event for event in shown["events"] if event["event"] == "resubmit"]
    form = {field["name"]: field for field in resubmit["fields"]}
    assert form["facts"]["fields"] == shown["facts_form"]
    assert (form["facts"]["shape"], form["override"]["shape"]) == ("facts", "paths")
    tenants = next(section for section in shown["facts_form"] if section["name"] == "tenants")
    assert (tenants["shape"], tenants["label"]) == ("rows", "入驻企业")
    known = {path for path, _ in leaves(shown["facts_form"])}
    override = {"premises.area_m2": 6200, "tenants.0.field": "软件"}
    assert {re.sub(r"\.\d+", "", path) for path in override} <= known
    answer = quick.post(
        f"/v1/cases/{case}/events/resubmit",
        desk.operator,
        {"evidence": {"override": override, "materials": MATERIALS["yuyao"]}},
    )
    assert answer.status_code == 200, answer.text


def test_a_tenancy_comes_with_the_words_for_its_firm(quick: Api, desk: Bureau) -> None:
    _, title = desk.recognised()
    shown = quick.get(f"/v1/cases/{title}", desk.operator).json()
    (admit,) = [event for event in shown["events"] if event["event"] == "admit"]
    tenants = next(section for section in shown["facts_form"] if section["name"] == "tenants")
    (row,) = [field for field in admit["fields"] if field["name"] == "tenant"]
    assert row["fields"] == tenants["fields"], "one firm is asked for as a row of the roster is"
    firm = facts()["tenants"][0] | {"uscc": uscc(50), "founded_on": "2020-03-01", "entered_on": "2021-02-01"}
    done = desk.workflow.open_case("tenancy", "admit", by=desk.operator, parent=title, evidence={"tenant": firm})
    stay = quick.get(f"/v1/cases/{done.case}", desk.clerk).json()
    assert {*stay["story"]["stay"]["tenant"]} == {field["name"] for field in tenants["fields"]}
    assert tenants in stay["facts_form"]
    change = {"what": ["site"], "occurred_on": "2021-02-20"}
    done = desk.workflow.open_case("change", "report_change", by=desk.operator, parent=title, evidence=change)
    assert quick.get(f"/v1/cases/{done.case}", desk.clerk).json()["facts_form"] == []
