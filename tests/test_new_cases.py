"""What somebody may open a case with: the form before there is a case, and every reason why not."""

from __future__ import annotations

from datetime import date

import pytest

from kjfh_workflow import Actor, NotFound, Refused
from kjfh_workflow.casework.views.dossier import EventShown
from kjfh_workflow.policy.vocabulary import Role
from tests.api import Api
from tests.bureau import Bureau


def offered(bureau: Bureau, who: Actor, city: str = "") -> dict[str, EventShown]:
    """Event → how it is shown."""
    return {one.event: one for one in bureau.workflow.openings(reader=who, city=city)}


def codes(shown: EventShown) -> list[str]:
    return [refusal.code for refusal in shown.refusals]


def test_an_operator_is_given_the_form_of_an_application(bureau: Bureau) -> None:
    found = offered(bureau, bureau.operator)
    assert [*found] == ["submit", "register_title"]
    submit = found["submit"]
    assert (submit.opens, submit.opens_label, submit.label, submit.allowed) == ("application", "申请", "提交申请", True)
    fields = {field.name: field for field in submit.fields}
    assert {name for name, field in fields.items() if field.required} == {"type", "facts"}
    assert {one.code for one in submit.open_points} == {"materials_missing"}
    assert "incubator" in {choice.value for choice in fields["type"].choices}
    assert (found["register_title"].allowed, codes(found["register_title"])) == (False, ["not_authorised"])
    assert bureau.workflow.cases() == [], "nothing has been opened"


def test_who_may_open_what_is_said_as_it_would_be_refused(bureau: Bureau) -> None:
    lead = offered(bureau, bureau.lead)
    assert (lead["submit"].allowed, lead["register_title"].allowed) == (False, True)
    assert {field.name for field in lead["register_title"].fields if field.required} >= {"uscc", "level", "decided_on"}
    for nobody in (bureau.auditor, bureau.finance, bureau.clerk, Actor.of("root", "admin", "yuyao")):
        assert not any(one.allowed for one in offered(bureau, nobody).values())
    assert codes(offered(bureau, bureau.cixi_clerk, "yuyao")["register_title"]) == ["other_city"]
    unknown = Actor("x", "x", (Role.APPLICANT,), "yuyao")
    assert codes(offered(bureau, unknown)["submit"]) == ["not_authorised"], "an applicant for nobody"
    with pytest.raises(NotFound):
        bureau.workflow.openings(reader=bureau.lead, city="nowhere")


def test_an_open_application_stands_in_the_way_until_it_has_lapsed(bureau: Bureau) -> None:
    case = bureau.reviewed()
    bureau.act(case, "return_for_correction", bureau.clerk, missing=["场地证明"])
    assert codes(offered(bureau, bureau.operator)["submit"]) == ["open_application_exists"]
    assert offered(bureau, bureau.operator, "cixi")["submit"].allowed, "in that city only"
    bureau.on(date(2021, 6, 1))
    assert offered(bureau, bureau.operator)["submit"].allowed, "the deadline has passed, though no tick has noticed"
    assert bureau.state(case) == "correction", "and asking has changed nothing"


def test_who_holds_a_title_may_apply_for_another_kind_of_space(bureau: Bureau) -> None:
    bureau.recognised()
    assert offered(bureau, bureau.operator)["submit"].allowed, "of which kind is not said yet"


def test_a_ban_and_a_day_on_which_nothing_is_in_force_are_reasons(bureau: Bureau) -> None:
    case = bureau.submit().case
    bureau.act(case, "find_fraud", bureau.lead, finding="虚报")
    assert codes(offered(bureau, bureau.operator)["submit"]) == ["banned"]
    bureau.on(date(2019, 12, 31))
    early = offered(bureau, bureau.operator)["submit"]
    assert codes(early) == ["policy_not_in_force"]
    with pytest.raises(Refused) as error:
        bureau.submit()
    assert error.value.refusals == early.refusals
    assert early.fields, "the form can be looked at all the same"


def test_what_may_be_opened_comes_over_http_in_the_shape_of_a_cases_events(api: Api, bureau: Bureau) -> None:
    _, title = bureau.recognised()
    found = api.get("/v1/openings", bureau.lead, city="yuyao").json()
    of_case = api.get(f"/v1/cases/{title}", bureau.lead).json()["events"]
    assert {*found[0]} == {*of_case[0]}
    assert [(one["event"], one["opens"], one["allowed"]) for one in found] == [
        ("submit", "application", False),
        ("register_title", "incubator", True),
    ]
    assert api.get("/v1/openings", bureau.lead).json() == found, "one's own city unless another is named"
    assert api.get("/v1/openings", bureau.lead, city="nowhere").status_code == 404
