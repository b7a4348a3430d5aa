"""A firm that two operators name as their tenant: nobody is refused for it, and the office is shown it."""

from __future__ import annotations

from kjfh_workflow import Actor
from tests.bureau import Bureau, facts, uscc


def submitted(desk: Bureau, number: int, *shared: str) -> str:
    """An application whose first tenants have these codes; all others are its own."""
    who = Actor.of(f"op{number}", "applicant", "yuyao", name=f"余姚第{number}家", uscc=uscc(number))
    own = {"operator.uscc": who.uscc, "operator.name": who.name}
    own |= {f"tenants.{row}.uscc": uscc(1000 * number + row) for row in range(12)}
    own |= {f"tenants.{row}.uscc": firm for row, firm in enumerate(shared)}
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


def test_an_operator_is_named_once_with_the_first_of_the_firms(bureau: Bureau) -> None:
    firms = [uscc(number) for number in range(71, 83)]
    mine = submitted(bureau, 1, *firms)
    cases = {number: submitted(bureau, number, *firms[:shared]) for number, shared in ((2, 1), (3, 12), (4, 3), (5, 4))}
    first = "、".join(f"余姚入驻企业0{number}有限公司" for number in (1, 2, 3))
    assert shown(bureau, mine, bureau.clerk) == [
        f"{first}等12家企业同时列在余姚第3家的名单（{cases[3]}）",
        f"{first}等4家企业同时列在余姚第5家的名单（{cases[5]}）",
        f"{first}同时列在余姚第4家的名单（{cases[4]}）",
        f"余姚入驻企业01有限公司同时列在余姚第2家的名单（{cases[2]}）",
    ]
    # A second case that rests on the same facts is the same operator's.
    bureau.act(cases[3], "accept", bureau.clerk)
    bureau.act(cases[3], "pass_preliminary", bureau.clerk, findings="all_met")
    bureau.act(cases[3], "endorse", bureau.finance)
    bureau.act(cases[3], "endorse", bureau.lead)
    assert sum("余姚第3家" in text for text in shown(bureau, mine, bureau.clerk)) == 1


def test_a_case_has_so_many_warnings_however_many_operators_name_its_firms(bureau: Bureau) -> None:
    firms = [uscc(number) for number in range(71, 83)]
    mine = submitted(bureau, 1, *firms)
    for number in range(2, 52):
        submitted(bureau, number, *firms)
    assert len(bureau.workflow.case(mine, reader=bureau.clerk).warnings) == 50
    submitted(bureau, 52, *firms)
    submitted(bureau, 53, firms[5])
    warnings = bureau.workflow.case(mine, reader=bureau.clerk).warnings
    assert len(warnings) == 51
    assert warnings[-1] == "另有2家单位的名单列有本案名单上的企业，未逐一列出"
    assert not any("余姚第53家" in text for text in warnings), "who names the most firms comes first"
    assert len("".join(warnings).encode()) < 10_000


def test_what_is_on_file_about_named_firms_is_proved(desk: Bureau) -> None:
    submitted(desk, 1, uscc(77))
    assert desk.workflow.verify().holds
