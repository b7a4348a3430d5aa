"""A firm that two operators name as their tenant: nobody is refused for it, and the office is shown it."""

from __future__ import annotations

from kjfh_workflow import Actor
from tests.bureau import Bureau, facts, uscc


def submitted(desk: Bureau, number: int, first_firm: str) -> str:
    """An application whose first tenant has this code; all others are its own."""
    who = Actor.of(f"op{number}", "applicant", "yuyao", name=f"余姚第{number}家", uscc=uscc(number))
    own = {"operator.uscc": who.uscc, "operator.name": who.name, "tenants.0.uscc": first_firm}
    own |= {f"tenants.{row}.uscc": uscc(1000 * number + row) for row in range(1, 12)}
    return desk.submit(who, facts=facts(override=own)).case


def shown(desk: Bureau, case: str, reader: Actor | None) -> list[str]:
    return [text for text in desk.workflow.case(case, reader=reader).warnings if "同时列在" in text]


def test_the_office_is_shown_a_firm_that_two_operators_name(desk: Bureau) -> None:
    firm = uscc(77)
    one, two = submitted(desk, 1, firm), submitted(desk, 2, firm)
    assert shown(desk, one, desk.clerk) == [f"余姚入驻企业01有限公司同时列在余姚第2家的名单（{two}）"]
    assert shown(desk, two, None) == [f"余姚入驻企业01有限公司同时列在余姚第1家的名单（{one}）"]


def test_an_applicant_is_not_told_of_the_other_operator(desk: Bureau) -> None:
    firm = uscc(77)
    one, _ = submitted(desk, 1, firm), submitted(desk, 2, firm)
    assert shown(desk, one, Actor.of("op1", "applicant", "yuyao", uscc=uscc(1))) == []


def test_a_closed_application_and_other_facts_name_nobody(desk: Bureau) -> None:
    firm = uscc(77)
    one, two = submitted(desk, 1, firm), submitted(desk, 2, firm)
    desk.act(two, "withdraw", Actor.of("op2", "applicant", "yuyao", uscc=uscc(2)))
    submitted(desk, 3, uscc(78))
    assert shown(desk, one, desk.clerk) == []


def test_what_is_on_file_about_named_firms_is_proved(desk: Bureau) -> None:
    submitted(desk, 1, uscc(77))
    assert desk.workflow.verify().holds
