"""Letters: what must stand in them, who gets them, and what a wrong template does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kjfh_workflow import Actor, NotFound, PolicyError, Workflow
from kjfh_workflow.cli import cli
from kjfh_workflow.clock import FixedClock, local_date, office_hour
from kjfh_workflow.notices.rehearse import draft
from kjfh_workflow.notices.render import Renderer, sender
from kjfh_workflow.notices.sendings import least_evidence, sendings
from kjfh_workflow.notices.specimens import memory_of
from kjfh_workflow.policy.loader import load_pack
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import CaseKind, Level
from kjfh_workflow.resources import states_dir, templates_dir
from kjfh_workflow.rules.calendar import china
from kjfh_workflow.rules.case import Case
from kjfh_workflow.rules.deadlines import chinese
from tests.bureau import ARTICLE, CIXI_USCC, MATERIALS, Bureau, facts, uscc
from tests.post import text_of

PACKS: dict[str, PolicyPack] = {
    "yuyao": load_pack(states_dir() / "yuyao" / "2020-01-01"),
    "cixi": load_pack(states_dir() / "cixi" / "2021-01-01"),
}
#: What a decision that burdens must say about remedies.
REMEDIES = ("行政复议", "60日", "行政诉讼", "6个月")
BURDENING = {
    "application_lapsed", "application_rejected", "disqualified", "ban_imposed", "revoked",
    "unqualified_warning", "rectification_ordered", "award_changed",
}  # fmt: skip
ADMIN = Actor.of("admin", "admin", "yuyao")
#: Whose life it is: name, and the kind of space.
OPERATORS = {"yuyao": ("余姚青禾科技孵化器有限公司", "incubator"), "cixi": ("慈溪海岸众创空间有限公司", "makerspace")}


def letters(bureau: Bureau, case: str) -> dict[str, str]:
    """Notice → text, of a case."""
    return {row["notice"]: row["body"] for row in bureau.workflow.case(case).notices}


# ---- a life in which everything is sent ------------------------------------------------------------------------------


@dataclass(frozen=True)
class City:
    """One operator of a city and the people of its offices; between their acts deadlines do what they do."""

    bureau: Bureau
    city: str
    name: str
    space: str

    @property
    def workflow(self) -> Workflow:
        return self.bureau.workflow

    @property
    def operator(self) -> Actor:
        return Actor.of("operator", "applicant", self.city, name=self.name, uscc=uscc(1))

    def who(self, role: str) -> Actor:
        """Somebody of the offices, or the operator; ``finance 2`` is another one than ``finance``."""
        return (
            self.operator
            if role == "applicant"
            else Actor.of(f"{self.city}-{role}", role.split(maxsplit=1)[0], self.city)
        )

    def on(self, *day: int) -> None:
        """Time passes until a day, everything that is due happens on its own."""
        end = office_hour(date(*day))
        while (ring := self.workflow.next_ring()) and ring <= end:
            self.bureau.clock.instant = max(ring, self.bureau.clock.instant)
            self.workflow.tick()
        self.bureau.clock.instant = end

    def do(self, case: str, event: str, role: str, **evidence: Any) -> dict[str, str]:
        """An event; what it opened."""
        return dict(self.bureau.act(case, event, self.who(role), **evidence).opened)

    def under(self, title: str, kind: str, event: str, role: str, **evidence: Any) -> str:
        """A case that belongs to a title."""
        return self.workflow.open_case(kind, event, by=self.who(role), evidence=evidence, parent=title).case

    def submitted(self) -> str:
        """A new application."""
        own = {"operator.uscc": self.operator.uscc, "operator.name": self.name}
        given = facts("yuyao-strong" if self.city == "yuyao" else f"cixi-{self.space}", override=own)
        return self.bureau.submit(self.operator, city=self.city, type=self.space, facts=given).case

    def recognised(self, **of_finance: Any) -> str:
        """A new title."""
        case = self.submitted()
        self.do(case, "accept", "tech_clerk")
        self.do(case, "pass_preliminary", "tech_clerk", findings="all_met")
        self.do(case, "endorse", "finance", **of_finance)
        return self.do(case, "endorse", "tech_lead")["incubator"]

    def assess(self, title: str, year: int, begins: date, ends: date, **grade: Any) -> None:
        """A year's round in which a title gets a grade."""
        self.on(begins.year, begins.month, begins.day)
        self.workflow.rounds.open(self.city, year, by=self.who("tech_lead"))
        self.do(title, "propose_grade", "tech_clerk", **grade)
        self.on(ends.year, ends.month, ends.day)
        self.workflow.rounds.close(self.city, year, by=self.who("tech_lead"))

    def sent(self) -> list[Sent]:
        """Every letter, in the order of its city's history."""
        views = [self.workflow.case(row["id"]) for row in self.workflow.cases(limit=1000)]
        found = [
            Sent(row, view.timeline[row["version"] - 1].event, view.case.kind)
            for view in views
            for row in view.notices
            if view.case.city == self.city
        ]
        return sorted(found, key=lambda letter: letter.row["queued_at"])


@dataclass(frozen=True)
class Sent:
    """One letter on file, with the event that sent it."""

    row: dict[str, Any]
    event: str
    kind: CaseKind

    @property
    def notice(self) -> str:
        return str(self.row["notice"])

    @property
    def body(self) -> str:
        return str(self.row["body"])

    @property
    def burdens(self) -> bool:
        """Whether somebody may want to object to it: so, too, a grade that fails."""
        return self.notice in BURDENING or (self.notice == "grade_announced" and "不合格" in self.row["subject"])


def town(bureau: Bureau, city: str) -> City:
    """The operator of a city, in an office."""
    return City(bureau, city, *OPERATORS[city])


def _applications(town: City) -> None:
    """Three that come to nothing."""
    town.on(2021, 3, 1)
    case = town.submitted()
    town.do(case, "accept", "tech_clerk")
    town.on(2021, 4, 30)
    town.do(case, "reject", "tech_lead", reason="场地不足")
    case = town.submitted()
    town.do(case, "return_for_correction", "tech_clerk", missing=["资金到账证明"])
    town.on(2021, 7, 1)
    case = town.submitted()
    town.do(case, "return_for_correction", "tech_clerk", missing=["资金到账证明"])
    town.workflow.announce_holidays("国办发明电〔2021〕1号", by=town.who("admin"), rest=[date(2021, 7, 5)])
    town.workflow.tick()
    town.do(case, "withdraw", "applicant")


def _heard_and_lost(town: City, title: str) -> None:
    """A proposal is dropped, the next one meets silence."""
    town.do(title, "file_defence", "applicant", statement="受搬迁影响")
    town.do(title, "drop_revocation", "tech_lead", reason="申辩成立")
    town.do(title, "propose_revocation", "tech_clerk", ground="申报材料造假", article=ARTICLE[town.city])


def _fraud(town: City) -> None:
    """An application ends in a finding."""
    case = town.submitted()
    town.do(case, "find_fraud", "tech_lead", finding="虚报入驻企业")


FIRM = {
    "name": "宁波甲科技有限公司", "uscc": uscc(900), "founded_on": date(2020, 1, 10), "entered_on": date(2020, 6, 1),
    "area_m2": 60, "field": "软件", "technology_sme": True, "registered_inside": True, "works_inside": True,
    "ip_applied": True, "invested_yuan": 0,
}  # fmt: skip
VISIT = {"on": date(2021, 9, 1), "visitors": ["王", "李"], "finding": "场地集中"}


def _life_of_yuyao(town: City) -> None:
    _applications(town)
    title = town.recognised()
    town.under(title, "tenancy", "admit", "applicant", tenant=FIRM)
    town.on(2021, 9, 1)
    moved = {"what": ["name", "site"], "occurred_on": date(2021, 7, 2)}
    change = town.under(title, "change", "report_change", "applicant", **moved)
    town.do(change, "confirm_conforming", "tech_clerk", site_visit=VISIT)
    town.under(title, "change", "record_change", "tech_clerk", what=["area"], occurred_on=date(2021, 8, 20))
    town.assess(title, 2021, date(2021, 11, 1), date(2021, 12, 20), grade="good", score=Decimal(86))
    town.on(2022, 1, 10)
    annual = {"kind": "annual", "year": 2021}
    town.do(title, "release_award", "finance", **annual, reason="按第十一条字面")
    town.do(title, "hold_award", "finance", **annual, reason="收款账户有误")
    town.do(title, "release_award", "finance", **annual, reason="账户已更正")
    town.do(title, "approve_award", "finance", **annual, yuan=80000)
    town.do(title, "pay_award", "finance 2", **annual, paid_on=date(2022, 1, 10), voucher="2022-0110")
    town.do(title, "reverse_award", "finance", **annual, reason="退回")
    town.on(2022, 3, 1)
    promotion = town.under(title, "promotion", "recommend", "tech_lead", to_level="ningbo")
    town.on(2022, 5, 10)
    above = {"level": "ningbo", "decided_on": date(2022, 5, 1), "document_no": "甬科高〔2022〕60号"}
    town.do(promotion, "record_recognition", "tech_clerk", **above)
    failed = {"grade": "unqualified", "reason": "统计数据不齐"}
    town.assess(title, 2022, date(2022, 11, 1), date(2022, 12, 20), **failed)
    town.assess(title, 2023, date(2023, 11, 1), date(2023, 12, 20), **failed)
    _heard_and_lost(town, title)
    town.on(2024, 1, 10)
    _fraud(town)
    town.on(2026, 1, 12)


def _life_of_cixi(town: City) -> None:
    _applications(town)
    _fraud(town)
    title = town.recognised()
    town.on(2021, 12, 1)
    moved = {"what": ["name", "direction"], "occurred_on": date(2021, 7, 2)}
    town.under(title, "change", "report_change", "applicant", **moved)
    town.under(title, "change", "record_change", "tech_clerk", what=["site"], occurred_on=date(2021, 11, 20))
    promotion = town.under(title, "promotion", "recommend", "tech_lead", to_level="ningbo")
    failed = {"grade": "unqualified", "reason": "统计数据不齐"}
    by = date(2023, 3, 31)
    town.assess(title, 2022, date(2022, 11, 1), date(2022, 12, 20), **failed, rectify_by=by)
    town.on(2023, 4, 10)
    town.do(title, "pass_recheck", "tech_clerk", finding="整改到位")
    second = {"kind": "recognition", "year": 2022, "instalment": 2}
    town.do(title, "lapse_award", "finance", **second, reason="当年度考核不合格，不再给予")
    town.on(2023, 5, 10)
    above = {"level": "ningbo", "decided_on": date(2023, 5, 1), "document_no": "甬科高〔2023〕60号"}
    town.do(promotion, "record_recognition", "tech_clerk", **above)
    town.assess(title, 2023, date(2024, 1, 3), date(2024, 2, 20), grade="qualified")
    town.assess(title, 2024, date(2024, 11, 1), date(2024, 12, 20), **failed, rectify_by=date(2025, 1, 20))
    town.do(title, "report_rectification", "applicant", report={"导师": 3})
    town.do(title, "fail_recheck", "tech_clerk", finding="仍无专职导师")
    _heard_and_lost(town, title)
    town.on(2025, 1, 10)


@cache
def lived(city: str) -> City:
    """An office after some years in a city; only to be looked at."""
    office = town(Bureau("sqlite://"), city)
    {"yuyao": _life_of_yuyao, "cixi": _life_of_cixi}[city](office)
    assert office.workflow.verify().holds
    return office


@cache
def life(city: str) -> list[Sent]:
    """Every letter of those years."""
    return lived(city).sent()


def sent(city: str, notice: str) -> list[Sent]:
    """The letters of one kind, oldest first."""
    return [letter for letter in life(city) if letter.notice == notice]


@pytest.fixture(params=PACKS)
def city(request: pytest.FixtureRequest) -> str:
    """Each city."""
    name: str = request.param
    return name


#: Notice → the events that send it in these lives; where only one city has an event, that stands with its name.
EVENTS: dict[str, tuple[str, ...]] = {
    "application_received": ("submit",),
    "correction_requested": ("return_for_correction",),
    "correction_reminder": ("remind",),
    "application_lapsed": ("correction_overdue",),
    "deadline_moved": ("recount",),
    "preliminary_passed": ("pass_preliminary",),
    "application_rejected": ("reject",),
    "recognition_granted": ("endorse",),
    "disqualified": ("find_fraud",),
    "ban_imposed": ("find_fraud",),
    "ban_ended": ("ban_over",),
    "round_opened": ("open_round",),
    "grade_announced": ("close_round",),
    "unqualified_warning": ("close_round",),
    "rectification_ordered": ("close_round",),
    "rectification_reminder": ("remind",),
    "rectification_overdue": ("rectification_overdue",),
    "recheck_passed": ("pass_recheck",),
    "award_changed": ("yuyao hold_award", "yuyao reverse_award", "cixi lapse_award"),
    "award_proposed": ("take_level", "yuyao release_award", "cixi grant_title", "cixi close_round"),
    "promotion_recommended": ("recommend",),
    "promotion_recorded": ("record_recognition",),
    "change_received": ("report_change",),
    "change_reminder": ("remind",),
    "change_overdue": ("expire",),
    "change_kept": ("confirm_conforming",),
    "incubation_reminder": ("remind",),
    "incubation_over": ("incubation_over",),
    "revocation_proposed": ("propose_revocation", "yuyao close_round", "cixi fail_recheck"),
    "revoked": ("defence_window_over",),
    "revocation_dropped": ("drop_revocation",),
    "work_overdue": ("escalate",),
    "work_reminder": ("remind",),
}
#: Notice → what a reader must find in it in both cities.
SAYS: dict[str, tuple[str, ...]] = {
    "application_received": ("2021年3月1日提交的{type}认定申请及所附材料已收到",),
    "correction_requested": (
        "1. 资金到账证明",
        "自2021年4月30日起算（当日不计）15个工作日，其间休息日10天不计，至2021年5月25日24时止",
    ),
    "correction_reminder": ("补正期限将于2021年5月25日24时届满",),
    "application_lapsed": ("补正期限已于2021年5月25日24时届满", "申请视为撤回"),
    "deadline_moved": ("（国办发明电〔2021〕1号）", "补正期限重新计算，届满日由2021年7月22日变更为2021年7月23日"),
    "preliminary_passed": ("转入科技、财政部门联合审核", "通过初审不等于予以认定"),
    "application_rejected": ("决定不予认定", "理由：场地不足"),
    "recognition_granted": ("自2021年7月1日起认定为{city}本级{type}",),
    "disqualified": ("取消你单位本次评审资格", "认定事实：虚报入驻企业"),
    "ban_imposed": ("最后禁止日为2026年1月10日（含当日），次日起可以申报",),
    "ban_ended": ("自2026年1月11日起可以申报{city}本级认定",),
    "round_opened": ("2022年度{type}考核，你单位在考核名单内", "自2022年11月1日起"),
    "grade_announced": ("2022年度{type}考核结果为：不合格", "理由：统计数据不齐"),
    "unqualified_warning": ("2022年度{type}考核等次为不合格", "连续两年考核不合格的", "存在的问题：统计数据不齐"),
    "rectification_ordered": (
        "2022年度{type}考核等次为不合格，现责令限期整改", "需要整改的问题：统计数据不齐",
        "整改期限至2023年3月31日24时止", "由我局复核", "取消前事先告知并听取陈述申辩",
    ),
    "rectification_reminder": ("整改期限将于2023年3月31日24时届满", "逾期未提交的，直接进入复核"),
    "rectification_overdue": ("整改期限已于2023年3月31日24时届满，期内未收到整改报告，现转入复核",),
    "recheck_passed": ("2023年4月10日复核通过，保留资格", "复核意见：整改到位", "原考核等次不变"),
    "award_changed": ("你单位的下列奖励作如下变更", "理由："),
    "award_proposed": ("晋级奖励：", "以上款项经财政部门核定后拨付"),
    "promotion_recommended": ("推荐你单位申报宁波市级{type}", "推荐不等于认定"),
    "promotion_recorded": ("5月1日被认定为宁波市级{type}（甬科高〔",),
    "change_received": ("变更事项：名称、", "发生日期：2021年7月2日", "本次报告超过规定期限"),
    "change_reminder": ("请及时书面报告", "报告期限的计算：自2021年"),
    "change_overdue": ("请立即书面报告", "逾期天数将记录在案", "顺延"),
    "change_kept": (
        "（名称、场地位置），经实地核查，符合要求，保留{type}资格", "2021年9月1日，王、李", "核查结论：场地集中",
        "超过规定期限30日",
    ),
    "incubation_reminder": ("宁波甲科技有限公司的孵化时限将于2023年6月1日24时届满", "可以说明理由申请延长"),
    "incubation_over": ("的孵化时限已于2023年6月1日24时届满，现登记为超期在孵", "可以说明理由申请延长"),
    "revocation_proposed": ("我局拟取消你单位{type}资格", "你单位有权进行陈述和申辩", "《浙江省行政程序办法》第五条",
                            "5个工作日", "24时前以书面或者口头形式提出"),
    "revoked": ("现决定自20", "起取消你单位{type}资格", "事由：申报材料造假", "24时前未提出陈述申辩",
                "下列奖励随资格取消失效", "你单位的宁波市级资格由其认定机关管理，不在本决定范围内"),
    "revocation_dropped": ("关于拟取消你单位{type}资格一事（事由：", "决定不予取消，资格继续有效", "理由：申辩成立"),
    "work_overdue": ("审核期限已于2021年3月29日24时届满，至今未办结", "逾期不视为同意"),
    "work_reminder": ("审核期限将于2021年3月29日24时届满，请及时办理",),
}  # fmt: skip
#: The same, of one city.
SAYS_HERE: dict[tuple[str, str], tuple[str, ...]] = {
    ("cixi", "grade_announced"): ("2022年认定奖励（第2期）60,000元：暂缓", "2023年认定奖励（第3期）60,000元：拟给予"),
    ("yuyao", "grade_announced"): ("2021年年度考核奖励100,000元：暂缓", "考核结果为：良好", "考核得分：86"),
    ("yuyao", "award_proposed"): (
        "1. 2021年年度考核奖励：100,000元。计算：2021年度考核良好，奖励不超过100,000.00元。依据：《", "第十一条。",
        "1. 2022年晋级奖励：400,000元。", "第十二条",
    ),
    ("cixi", "award_proposed"): (
        "1. 2021年认定奖励（第1期）：180,000元。计算：认定奖励共300,000.00元，本期60%",
        "1. 2023年认定奖励（第3期）：60,000元。",
        "1. 2023年晋级奖励：360,000元。计算：宁波市级奖励600,000.00元，减去已给予的240,000.00元",
    ),
    ("yuyao", "award_changed"): (
        "2021年年度考核奖励100,000元：暂缓。", "理由：收款账户有误",
        "2021年年度考核奖励80,000元：已冲销。", "理由：退回",
    ),
    ("cixi", "award_changed"): ("2022年认定奖励（第2期）60,000元：已失效。", "理由：当年度考核不合格，不再给予"),
    ("yuyao", "change_overdue"): ("至今未收到变更报告",),
    ("cixi", "change_overdue"): ("至今未收到重大事项报告",),
    ("yuyao", "change_received"): ("变更事项：名称、场地位置", "超过规定期限30日", "第十三条"),
    ("cixi", "change_received"): ("变更事项：名称、发展方向", "超过规定期限54日", "第三部分第（四）项"),
    ("yuyao", "change_reminder"): (
        "尚未收到变更报告", "（面积范围）", "9月22日24时届满", "1个月，原届满日2021年9月20日为休息日，顺延",
    ),
    ("cixi", "change_reminder"): (
        "尚未收到重大事项报告", "（经营场地）", "2月21日24时届满", "3个月，原届满日2022年2月20日为休息日，顺延",
    ),
    ("yuyao", "revocation_proposed"): (
        "事由：2022、2023年度考核均为不合格", "第十一条。", "事由：申报材料造假", "第十四条。",
        "请在2023年12月27日24时前",
    ),
    ("cixi", "revocation_proposed"): (
        "事由：年度考核不合格，限期整改后复核仍不合格：仍无专职导师", "第三部分第（四）项", "请在2024年12月27日24时前",
    ),
    ("yuyao", "revoked"): ("2022年晋级奖励：400,000元", "自2023年12月28日起",),
    ("cixi", "revoked"): ("2023年认定奖励（第3期）：60,000元", "2023年晋级奖励：360,000元", "自2024年12月28日起",),
}  # fmt: skip
EVERY_NOTICE = [(city, notice) for city, pack in PACKS.items() for notice in pack.identity.notices]


@pytest.mark.parametrize(("city", "notice"), EVERY_NOTICE)
def test_every_notice_of_a_city_is_sent_by_an_act_and_says_what_it_must(city: str, notice: str) -> None:
    found = sent(city, notice)
    assert found, "nobody sends it"
    assert {letter.event for letter in found} == {
        event.rpartition(" ")[2] for event in EVENTS[notice] if event.rpartition(" ")[0] in ("", city)
    }
    identity = PACKS[city].identity
    names = {"city": identity.city_label, "type": identity.types[OPERATORS[city][1]].label}
    texts = "\n".join(letter.body for letter in found)
    wanted = [words.format(**names) for words in (*SAYS[notice], *SAYS_HERE.get((city, notice), ()))]
    assert [words for words in wanted if words not in texts] == []


def test_no_city_sends_what_its_document_does_not_know(city: str) -> None:
    assert {letter.notice for letter in life(city)} == {*PACKS[city].identity.notices}
    unknown = {
        "yuyao": {"rectification_ordered", "rectification_reminder", "rectification_overdue", "recheck_passed"},
        "cixi": {"ban_imposed", "ban_ended", "unqualified_warning", "change_kept", "incubation_reminder",
                 "incubation_over"},
    }  # fmt: skip
    assert {*EVENTS} - {*PACKS[city].identity.notices} == unknown[city]


def test_every_letter_names_addressee_article_and_case(city: str) -> None:
    identity = PACKS[city].identity
    document = f"《{identity.title}》{f'（{identity.document_no}）' if identity.document_no else ''}"
    for letter in life(city):
        internal = letter.notice.startswith("work_")
        assert letter.body.startswith("科技局" if internal else f"{OPERATORS[city][0]}：\n\n"), letter
        assert re.search(rf"{re.escape(document)}(第|结尾)", letter.body), letter
        assert f"案件编号：{city}-" in letter.body, letter
        assert not re.search(r"[{}]|None|\n\n\n", letter.body), letter
        assert (letter.row["uscc"] is None) == internal, letter
        assert letter.row["city"] == city


def test_decisions_that_burden_name_the_remedies_and_others_do_not(city: str) -> None:
    for letter in life(city):
        assert all(word in letter.body for word in REMEDIES) == letter.burdens, letter
        assert (f"向{PACKS[city].identity.city_label}人民政府申请行政复议" in letter.body) == letter.burdens, letter
    assert any(letter.burdens for letter in sent(city, "grade_announced"))
    assert not all(letter.burdens for letter in sent(city, "grade_announced")), "a grade that passes burdens nobody"


def test_letters_to_operators_say_whom_to_ask(city: str) -> None:
    for letter in life(city):
        asked = f"联系单位：{PACKS[city].identity.contact}" in letter.body
        assert asked == (not letter.notice.startswith("work_")), letter


def test_letters_with_a_number_are_numbered_without_a_gap(city: str) -> None:
    identity = PACKS[city].identity
    assert identity.numbering
    given: dict[int, list[str]] = {}
    for letter in life(city):
        assert bool(letter.row["number"]) == identity.notices[letter.notice].numbered, letter
        if letter.row["number"]:
            given.setdefault(local_date(letter.row["queued_at"]).year, []).append(letter.row["number"])
    for year, numbers in given.items():
        assert sorted(numbers) == sorted(
            identity.numbering.form.format(year=year, number=number) for number in range(1, len(numbers) + 1)
        )


def test_every_letter_has_a_subject_and_a_title_on_one_line(city: str) -> None:
    for letter in life(city):
        row = letter.row
        assert OPERATORS[city][0] in row["subject"], letter
        assert row["title"].strip() == row["title"] != "", letter
        assert "\n" not in row["subject"] + row["title"], letter


def test_a_deadline_stands_in_the_letter_with_its_proof(city: str) -> None:
    proof = re.compile(r"自20\d\d年\d+月\d+日起算（当日不计）\d+个(工作日|月)，.*至20\d\d年\d+月\d+日24时止")
    for notice in ("application_lapsed", "change_reminder", "change_overdue", "work_overdue", "revocation_proposed"):
        written = sent(city, notice)
        assert bool(written) == (notice in PACKS[city].identity.notices), notice
        for letter in written:
            assert proof.search(letter.body), letter


def test_a_notice_is_on_file_as_it_was_written(desk: Bureau) -> None:
    case = desk.submit().case
    row = desk.workflow.case(case).notices[0]
    assert (row["role"], row["uscc"], row["city"]) == ("applicant", desk.operator.uscc, "yuyao")
    assert "2021年3月1日" in row["body"]


def test_a_city_overrides_a_notice_by_folder(tmp_path: Path) -> None:
    folder = tmp_path / "yuyao" / "application_received"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("收到", encoding="utf-8")
    (folder / "body.txt").write_text("{{ operator }}，收到了。", encoding="utf-8")
    clock = FixedClock(office_hour(date(2021, 3, 1)))
    workflow = Workflow("sqlite://", templates=[tmp_path], clock=clock, create=True)
    who = Bureau("sqlite://").operator
    given = {"type": "incubator", "facts": facts(), "materials": MATERIALS["yuyao"]}
    case = workflow.open_case("application", "submit", by=who, evidence=given).case
    assert workflow.case(case).notices[0]["body"] == "余姚朝阳科技孵化器有限公司，收到了。\n"
    workflow.close()


@pytest.mark.parametrize("body", ["{{ no_such_thing }}", "{{ operator.__class__.__mro__ }}", "{% if %}"])
def test_a_wrong_template_fails_the_act_and_names_itself(tmp_path: Path, body: str) -> None:
    folder = tmp_path / "application_received"
    folder.mkdir()
    (folder / "subject.txt").write_text("x", encoding="utf-8")
    (folder / "body.txt").write_text(body, encoding="utf-8")
    workflow = Workflow("sqlite://", templates=[tmp_path], clock=FixedClock(office_hour(date(2021, 3, 1))), create=True)
    who = Bureau("sqlite://").operator
    given = {"type": "incubator", "facts": facts(), "materials": MATERIALS["yuyao"]}
    with pytest.raises(PolicyError, match="templates/application_received"):
        workflow.open_case("application", "submit", by=who, evidence=given)
    assert workflow.cases() == []
    workflow.close()


def test_names_are_text_and_never_template_code(desk: Bureau) -> None:
    name = "{{ 7 * 7 }}有限公司"
    case = desk.submit(facts=facts(override={"operator.name": name})).case
    assert letters(desk, case)["application_received"].startswith(name)


def test_a_missing_template_is_known_before_anything_is_sent(tmp_path: Path) -> None:
    renderer = Renderer([tmp_path])
    assert not renderer.has_template("yuyao", "revoked")
    assert Renderer([tmp_path, templates_dir()]).has_template("yuyao", "revoked")


def test_a_letter_claims_no_basis_that_the_text_lacks(city: str) -> None:
    in_text = f"依据：《{PACKS[city].identity.title}》"
    for notice in (
        "round_opened",
        "grade_announced",
        "promotion_recorded",
        "change_received",
        "revoked",
        "revocation_dropped",
    ):
        for letter in sent(city, notice):
            assert in_text in letter.body, letter
            assert "确定的办理程序" not in letter.body, letter
    for notice in ("correction_requested", "application_lapsed", "award_changed"):
        for letter in sent(city, notice):
            assert in_text not in letter.body, letter
            assert "依据：本局为实施" in letter.body, letter
            assert "确定的办理程序" in letter.body, letter
    assert all("审核程序的依据：本局为实施" in letter.body for letter in sent(city, "application_rejected"))


def test_what_one_city_s_text_says_is_the_other_s_own_practice() -> None:
    for notice in ("disqualified", "recognition_granted", "promotion_recommended"):
        [ours], [theirs] = sent("yuyao", notice), sent("cixi", notice)
        assert "依据：《余姚市科技企业孵化器管理办法》（余科〔2021〕2号）第" in ours.body, notice
        assert "确定的办理程序" not in ours.body, notice
        assert "依据：本局为实施《慈溪市" in theirs.body, notice


@pytest.mark.parametrize(("city", "article"), [("yuyao", "第五条"), ("cixi", "第二部分第（一）项")])
def test_a_decision_on_the_merits_names_the_conditions_it_applied(city: str, article: str) -> None:
    identity = PACKS[city].identity
    document = f"《{identity.title}》{f'（{identity.document_no}）' if identity.document_no else ''}"
    for notice in ("recognition_granted", "application_rejected"):
        for letter in sent(city, notice):
            assert f"认定条件的依据：{document}{article}。" in letter.body, letter


def test_a_letter_promises_a_new_application_only_where_one_may_be_filed(desk: Bureau) -> None:
    cixi = Actor.of("c", "applicant", "cixi", name="慈溪海岸众创空间有限公司", uscc=CIXI_USCC)
    promised = []
    for day in (date(2023, 3, 1), date(2023, 12, 20)):
        case = desk.on(day).submit(cixi, city="cixi", type="makerspace", facts=facts("cixi-makerspace")).case
        desk.act(case, "return_for_correction", desk.cixi_clerk, missing=["场地证明"])
        promised.append("可以在材料齐备后重新申请" in desk.workflow.case(case).notices[-1]["body"])
        desk.act(case, "withdraw", cixi)
    assert promised == [True, False], "the plan ends on 31 December 2023"


def test_a_first_return_with_an_explanation_is_no_second_one(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"], reason="原件不清")
    body = desk.workflow.case(case).notices[-1]["body"]
    assert "现一次性告知" in body
    assert "说明：原件不清" in body
    desk.act(case, "resubmit", desk.operator)
    desk.act(case, "return_for_correction", desk.clerk, missing=["证明"], reason="新材料仍缺")
    body = desk.workflow.case(case).notices[-1]["body"]
    assert "现再次告知" in body
    assert "再次告知的理由：新材料仍缺" in body


def test_a_revocation_names_its_ground_and_the_article_it_was_proposed_under(city: str) -> None:
    article = {"yuyao": "（余科〔2021〕2号）第十四条", "cixi": "第三部分第（四）项"}[city]
    for notice in ("revocation_proposed", "revoked"):
        last = sent(city, notice)[-1].body
        assert "事由：申报材料造假" in last
        assert f"依据：《{PACKS[city].identity.title}》{article}。" in last


def test_a_second_return_does_not_claim_to_be_the_only_one(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["甲"])
    assert "现一次性告知" in letters(desk, case)["correction_requested"]
    desk.act(case, "resubmit", desk.operator)
    desk.act(case, "return_for_correction", desk.clerk, missing=["乙"], reason="新问题")
    assert "现再次告知" in letters(desk, case)["correction_requested"]


def test_a_letter_noticed_late_gives_the_legal_day_and_is_dated_when_written(desk: Bureau) -> None:
    case = desk.submit().case
    desk.on(date(2021, 3, 10)).act(case, "find_fraud", desk.lead, finding="虚报")
    desk.on(date(2023, 4, 20)).workflow.tick()
    ended = letters(desk, case)["ban_ended"]
    assert "自2023年3月11日起可以申报" in ended
    assert ended.rstrip().endswith("2023年4月20日")


def test_nobody_is_told_it_may_apply_while_another_ban_runs(desk: Bureau) -> None:
    first = desk.submit().case
    desk.act(first, "withdraw", desk.operator)
    second = desk.submit().case
    desk.act(second, "withdraw", desk.operator)
    desk.on(date(2021, 3, 2)).act(first, "find_fraud", desk.lead, finding="虚报甲")
    desk.on(date(2021, 6, 1)).act(second, "find_fraud", desk.lead, finding="虚报乙")
    desk.on(date(2023, 3, 3)).workflow.tick()
    assert "ban_ended" not in letters(desk, first)
    desk.on(date(2023, 6, 2)).workflow.tick()
    assert "ban_ended" in letters(desk, second)


def test_cixi_is_cited_as_its_plan_is_divided(desk: Bureau) -> None:
    who = Actor.of("op", "applicant", "cixi", uscc="91330282MA2E00700J")
    given = {"type": "makerspace", "facts": facts("cixi-makerspace"), "materials": MATERIALS["cixi"]}
    desk.on(date(2021, 6, 1))
    case = desk.workflow.open_case("application", "submit", by=who, city="cixi", evidence=given).case
    assert "三年行动计划（2021-2023年）》第二部分" in letters(desk, case)["application_received"]


# ---- the years after recognition -------------------------------------------------------------------------------------


def test_a_grade_without_score_or_reason_says_neither(city: str) -> None:
    texts = [letter.body for letter in sent(city, "grade_announced")]
    assert sum("考核得分：" in text for text in texts) == (city == "yuyao")
    assert ["理由：" in text for text in texts] == ["不合格" in text for text in texts]


def test_a_year_that_stays_without_a_grade_is_told_with_its_reason(desk: Bureau) -> None:
    office = town(desk, "yuyao")
    office.on(2021, 3, 1)
    title = office.recognised()
    ungraded = {"grade": "not_graded", "reason": "refused"}
    office.assess(title, 2021, date(2021, 11, 1), date(2021, 12, 20), **ungraded)
    told = letters(desk, title)["grade_announced"]
    assert "2021年度科技企业孵化器考核结果为：未评定等次" in told
    assert "说明：拒不参加考核" in told
    assert not any(word in told for word in REMEDIES), "nothing has been decided against it"


def test_who_refused_is_told_what_a_person_made_of_it(desk: Bureau) -> None:
    office = town(desk, "cixi")
    office.on(2021, 3, 1)
    title = office.recognised()
    ungraded = {"grade": "not_graded", "reason": "refused"}
    office.assess(title, 2022, date(2022, 11, 1), date(2022, 12, 20), **ungraded)
    decided = {"year": 2022, "grade": "unqualified", "reason": "无正当理由", "rectify_by": date(2023, 3, 31)}
    office.do(title, "decide_ungraded", "tech_lead", **decided)
    told = letters(desk, title)
    assert "考核结果为：不合格" in told["grade_announced"]
    assert "理由：无正当理由" in told["grade_announced"]
    assert "整改期限至2023年3月31日24时止" in told["rectification_ordered"]
    for notice in ("grade_announced", "rectification_ordered"):
        assert all(word in told[notice] for word in REMEDIES)


def test_one_letter_lists_every_award_that_an_act_proposes(desk: Bureau) -> None:
    office = town(desk, "cixi")
    office.on(2021, 3, 1)
    title = office.recognised(award_yuan=Decimal("250000.33"))
    lead = office.who("tech_lead")
    old = {"type": "makerspace", "level": "local", "township": "一镇", "document_no": "旧文〔2019〕1号"}
    for number in (2, 3):
        given = {**old, "name": f"第{number}家", "uscc": uscc(number), "decided_on": date(2019, 1, 2)}
        other = office.workflow.open_case("incubator", "register_title", by=lead, evidence=given).case
    office.on(2022, 11, 1)
    office.workflow.rounds.open("cixi", 2022, by=lead)
    for case in office.workflow.rounds.roster("cixi", 2022):
        office.do(case, "propose_grade", "tech_clerk", grade="excellent" if case == title else "qualified")
    office.workflow.rounds.close("cixi", 2022, by=lead)
    first, then = (letter.body for letter in office.sent() if letter.notice == "award_proposed")
    assert "1. 2021年认定奖励（第1期）：150,000.20元。计算：认定奖励共250,000.33元，本期60%，计150,000.20元" in first
    assert "2. " not in first
    assert "1. 2022年年度考核奖励：100,000元" in then
    assert "2. 2022年认定奖励（第2期）：50,000.07元" in then
    assert letters(desk, other).get("award_proposed") is None


def test_a_report_in_time_says_nothing_of_lateness(desk: Bureau) -> None:
    office = town(desk, "yuyao")
    office.on(2021, 3, 1)
    title = office.recognised()
    change = office.under(title, "change", "report_change", "applicant", what=["area"], occurred_on=date(2021, 2, 20))
    office.do(change, "confirm_conforming", "tech_clerk", site_visit={**VISIT, "on": date(2021, 3, 1)})
    assert [*letters(desk, change)] == ["change_received", "change_kept"]
    assert not any("超过规定期限" in text for text in letters(desk, change).values())


def test_a_change_that_does_not_conform_is_the_ground_of_the_proposal(desk: Bureau) -> None:
    office = town(desk, "yuyao")
    office.on(2021, 9, 1)
    title = office.recognised()
    change = office.under(title, "change", "report_change", "applicant", what=["site"], occurred_on=date(2021, 8, 20))
    office.do(change, "find_nonconforming", "tech_clerk", site_visit={**VISIT, "finding": "新址面积不足"})
    proposed = letters(desk, title)["revocation_proposed"]
    assert "新址面积不足" in proposed
    assert "依据：《余姚市科技企业孵化器管理办法》（余科〔2021〕2号）第十三条。" in proposed


def test_a_firm_whose_field_has_a_hard_limit_is_not_offered_an_extension(desk: Bureau) -> None:
    office = town(desk, "yuyao")
    office.on(2021, 3, 1)
    title = office.recognised()
    firm = {**FIRM, "field": "生物医药", "founded_on": date(2016, 1, 4), "entered_on": date(2016, 4, 1)}
    stay = office.under(title, "tenancy", "admit", "applicant", tenant=firm)
    office.on(2021, 4, 6)
    told = letters(desk, stay)
    assert "24时届满，现登记为超期在孵" in told["incubation_over"]
    assert "自2016年4月1日起算（当日不计）60个月，至2021年4月1日24时止" in told["incubation_over"]
    for text in told.values():
        assert "不能延长" in text
        assert "可以说明理由申请延长" not in text


def test_an_office_clock_that_moves_is_told_to_whoever_has_the_work(desk: Bureau) -> None:
    office = town(desk, "cixi")
    office.on(2021, 3, 1)
    title = office.recognised()
    failed = {"grade": "unqualified", "rectify_by": date(2023, 3, 31)}
    office.assess(title, 2022, date(2022, 11, 1), date(2022, 12, 20), **failed)
    office.do(title, "report_rectification", "applicant", report={"导师": 3})
    office.workflow.announce_holidays("慈政办〔2022〕1号", by=office.who("admin"), rest=[date(2023, 1, 4)])
    office.workflow.tick()
    moved = next(row for row in desk.workflow.case(title).notices if row["notice"] == "deadline_moved")
    assert (moved["role"], moved["uscc"]) == ("tech_clerk", None)
    assert moved["body"].startswith("科技局经办人：")
    assert "本案复核期限重新计算，届满日由2023年1月18日变更为2023年1月19日" in moved["body"]


#: The notices that scenarios may name.
PUBLIC = {
    "application_received", "correction_requested", "correction_reminder", "application_lapsed", "preliminary_passed",
    "application_rejected", "recognition_granted", "disqualified", "round_opened", "grade_announced",
    "unqualified_warning", "rectification_ordered", "rectification_reminder", "rectification_overdue",
    "recheck_passed", "revocation_proposed", "revoked", "revocation_dropped", "promotion_recommended",
    "promotion_recorded", "change_received", "change_reminder", "change_overdue", "change_kept", "award_proposed",
    "ban_imposed", "ban_ended", "incubation_reminder", "incubation_over", "work_overdue",
}  # fmt: skip


def test_every_notice_of_the_public_vocabulary_has_its_template_and_is_sent_somewhere() -> None:
    folders = {path.name for path in templates_dir().iterdir() if not path.name.startswith("_")}
    assert folders == {letter.notice for city in PACKS for letter in life(city)}
    assert folders == PUBLIC | {"work_reminder", "deadline_moved", "award_changed"}


# ---- the register of an office -----------------------------------------------------------------------------------


def test_every_letter_has_its_addressee_first_and_its_signature_last(city: str) -> None:
    for letter in life(city):
        blocks = letter.body.strip().split("\n\n")
        assert blocks[0].endswith("："), letter
        signed = f"{sender(PACKS[city].identity)}\n{chinese(local_date(letter.row['queued_at']))}"
        assert blocks[-1] == signed, letter
        assert f"案件编号：{letter.row['case_id']}" in blocks[-2], letter


def test_a_moved_deadline_is_told_with_the_basis_of_its_period(city: str) -> None:
    [moved] = sent(city, "deadline_moved")
    assert f"期限的依据：本局为实施《{PACKS[city].identity.title}》" in moved.body


def test_a_revocation_says_whether_the_holder_was_heard(desk: Bureau) -> None:
    def revoked(*acts: Callable[[str], object]) -> str:
        _, title = desk.recognised()
        desk.act(title, "propose_revocation", desk.clerk, ground="造假", article="第十四条")
        for act in acts:
            act(title)
        return letters(desk, title)["revoked"]

    silent = revoked(lambda _: desk.on(date(2021, 6, 1)).workflow.tick())
    assert "未提出陈述申辩" in silent
    assert "不在本决定范围内" not in silent, "there is no higher title to be left alone"
    desk.on(date(2021, 7, 1))
    heard = revoked(
        lambda title: desk.act(title, "file_defence", desk.operator, statement="属实"),
        lambda title: desk.act(title, "uphold_revocation", desk.lead, reason="申辩不成立"),
    )
    assert "对陈述申辩的审查意见：申辩不成立" in heard
    assert "未提出" not in heard


@pytest.mark.parametrize("name", ["甲\n乙有限公司", "甲\r\n乙有限公司"])
def test_a_line_break_in_a_name_breaks_neither_subject_nor_title(name: str) -> None:
    for pack in PACKS.values():
        day = date(2022, 6, 1)
        for way in sendings(pack):
            memory = {**memory_of(pack, way.kind, day, Level.LOCAL), "name": name}
            case = Case("x-220601-abc234", pack.city, way.kind, pack.version, memory=memory)
            letter = draft(pack, way, way.to[0], case, day, least_evidence(pack, way), china()) if way.to else None
            written = Renderer([templates_dir()]).write(way.notice, letter) if letter else None
            assert written is None or "\n" not in written.title + written.subject, way
            assert written is None or "甲 乙有限公司" in written.subject, way


# ---- on the command line -----------------------------------------------------------------------------------------


@pytest.fixture
def office(sqlite_url: str) -> Bureau:
    return Bureau(sqlite_url)


def kjfh(office: Bureau, *arguments: str) -> str:
    url = str(office.workflow._database.engine.url)
    done = CliRunner().invoke(cli, ["--db", url, "notice", *arguments], standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.stdout


def test_notices_are_listed_and_shown_as_on_file(office: Bureau) -> None:
    case, other = office.reviewed(), office.submit(Actor.of("x", "applicant", "yuyao", uscc="91330282MA2E00700J")).case
    office.act(case, "reject", office.lead, reason="场地不足")
    rows = json.loads(kjfh(office, "list", "--case", case, "--json"))
    assert [(row["notice"], row["number"]) for row in rows] == [
        ("application_received", None),
        ("application_rejected", "余科孵〔2021〕1号"),
    ]
    assert other not in kjfh(office, "list", "--case", case)
    assert other in kjfh(office, "list")
    assert "more: --after " in kjfh(office, "list", "--limit", "1")
    stored = office.workflow.case(case).notices[1]
    printed = kjfh(office, "show", rows[1]["id"])
    assert printed == f"余科孵〔2021〕1号\n{stored['title']}\n\n{stored['body']}"
    for missing in (["list", "--case", "nowhere"], ["show", "nowhere"], ["letter", "nowhere", "--out", "x.docx"]):
        with pytest.raises(NotFound):
            kjfh(office, *missing)


def test_a_letter_is_written_to_a_file_and_is_the_same_the_next_time(office: Bureau, tmp_path: Path) -> None:
    case = office.reviewed()
    office.act(case, "reject", office.lead, reason="场地不足")
    row = office.workflow.case(case).notices[1]
    told = json.loads(kjfh(office, "letter", row["id"], "--out", str(tmp_path / "a.docx"), "--json"))
    kjfh(office, "letter", row["id"], "--out", str(tmp_path / "b.docx"))
    first, second = ((tmp_path / name).read_bytes() for name in ("a.docx", "b.docx"))
    assert first == second
    assert told["sha256"] == sha256(first).hexdigest()
    assert text_of(first)[1:3] == ["余科孵〔2021〕1号", row["title"]]
    assert json.loads(kjfh(office, "show", row["id"], "--json"))["letter_sha256"] == told["sha256"]


def test_a_preview_says_what_the_notice_would_say_of_the_case_now_and_writes_nothing(office: Bureau) -> None:
    case = office.reviewed()
    before = office.workflow.case(case)
    shown = json.loads(kjfh(office, "preview", "application_rejected", "--case", case, "--json"))
    assert "理由：〔示例〕" in shown["written"]["body"]
    assert shown["number"].startswith("〔示例〕余科孵〔")
    assert shown["specimens"] == ["理由"]
    assert "以下为示例，本案尚无：理由" in kjfh(office, "preview", "application_rejected", "--case", case)
    after = office.workflow.case(case)
    assert (after.case, after.notices, after.timeline) == (before.case, before.notices, before.timeline)


def test_a_preview_of_what_has_been_sent_says_the_same(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.act(case, "return_for_correction", desk.clerk, missing=["甲", "乙"], working_days=7)
    sent = desk.workflow.case(case).notices[-1]
    preview = desk.workflow.mail_room.preview("correction_requested", case)
    assert (preview.written.title, preview.written.body, preview.specimens) == (sent["title"], sent["body"], ())
    reminder = desk.workflow.mail_room.preview("correction_reminder", case)
    assert "补正期限将于2021年3月10日24时届满" in reminder.written.body
    assert reminder.specimens == ()


@pytest.mark.parametrize(("city", "notice"), EVERY_NOTICE)
def test_every_notice_can_be_previewed_of_the_case_that_was_sent_it(city: str, notice: str) -> None:
    office, case = lived(city), sent(city, notice)[-1].row["case_id"]
    before = office.workflow.case(case).notices
    preview = office.workflow.mail_room.preview(notice, case)
    assert preview.written.body.startswith(("科技局", f"{office.name}："))
    burdens = notice in BURDENING or "不合格" in preview.written.subject
    assert all(word in preview.written.body for word in REMEDIES) == burdens
    assert office.workflow.case(case).notices == before


def test_whatever_has_become_of_a_case_each_notice_about_its_kind_can_be_previewed(city: str) -> None:
    office, pack = lived(city), PACKS[city]
    for row in office.workflow.cases(limit=1000):
        for notice in {way.notice for way in sendings(pack) if way.kind == row["kind"]}:
            preview = office.workflow.mail_room.preview(notice, row["id"])
            assert re.search(r"\n20\d\d年\d+月\d+日\n$", preview.written.body), (row["state"], notice)
            assert not re.search(r"[{}]|None", preview.written.body), (row["state"], notice)


def test_a_preview_from_afar_names_what_it_made_up(desk: Bureau) -> None:
    case = desk.submit().case
    preview = desk.workflow.mail_room.preview("application_lapsed", case)
    assert preview.specimens == ("补正中",)
    desk.act(case, "withdraw", desk.operator)
    _, title = desk.recognised()
    revoked = desk.workflow.mail_room.preview("revoked", title)
    assert "事由：〔示例〕" in revoked.written.body
    assert revoked.specimens == ("拟取消资格，陈述申辩期",)


def test_a_preview_marks_every_grade_year_date_and_sum_that_it_made_up(desk: Bureau) -> None:
    _, title = desk.recognised()

    def shown(notice: str) -> str:
        written = desk.workflow.mail_room.preview(notice, title).written
        return "\n".join((written.subject, written.title, written.body))

    for notice in ("grade_announced", "unqualified_warning"):
        said = shown(notice)
        assert "〔示例〕不合格" in said
        assert not re.search(
            r"(?<!〔示例〕)(不合格[。）]|20\d\d年度|申报材料与)", said.replace("年度考核不合格", "")
        ), said
    assert "在〔示例〕2021年3月8日24时前未提出" in shown("revoked")
    assert "〔示例〕2021年认定奖励（第1期）：〔示例〕180,000元" in shown("award_proposed")
    assert "奖励种类" in desk.workflow.mail_room.preview("award_proposed", title).specimens


def test_a_grade_is_announced_in_a_preview_as_it_is_proposed_or_was_given(desk: Bureau) -> None:
    _, title = desk.recognised()
    desk.workflow.rounds.open("yuyao", 2021, by=desk.lead)
    desk.act(title, "propose_grade", desk.clerk, grade="good", score=88)
    for _ in ("proposed", "given"):
        preview = desk.workflow.mail_room.preview("grade_announced", title)
        assert "你单位2021年度科技企业孵化器考核结果为：良好。\n\n考核得分：88" in preview.written.body
        assert preview.specimens == ()
        if desk.state(title) == "under_assessment":
            desk.workflow.rounds.close("yuyao", 2021, by=desk.lead)
    [sent] = [row for row in desk.workflow.case(title).notices if row["notice"] == "grade_announced"]
    assert preview.written.title == sent["title"]
    assert "〔示例〕不合格" in desk.workflow.mail_room.preview("unqualified_warning", title).written.body


def test_a_preview_of_an_unknown_notice_names_the_known_ones(desk: Bureau) -> None:
    case = desk.submit().case
    with pytest.raises(NotFound, match=r"sends no notice 'revoked' about a case of this kind; it sends: .*ban_ended"):
        desk.workflow.mail_room.preview("revoked", case)


def test_operators_see_their_own_letters_and_not_the_offices(desk: Bureau) -> None:
    case = desk.reviewed()
    desk.on(date(2021, 4, 30)).workflow.tick()
    stranger = Actor.of("x", "applicant", "yuyao", uscc="91330282MA2E00700J")
    mine, office, none = (
        {row["notice"] for row in desk.workflow.mail_room.notices(case=case, reader=who)}
        for who in (desk.operator, desk.clerk, stranger)
    )
    assert mine == {"application_received"}
    assert office == {"application_received", "work_overdue"}
    assert none == set()
    internal = next(row["id"] for row in desk.workflow.mail_room.notices(case=case) if row["notice"] == "work_overdue")
    for who in (desk.operator, stranger, desk.cixi_clerk):
        with pytest.raises(NotFound):
            desk.workflow.mail_room.letter(internal, reader=who)
    assert desk.workflow.mail_room.letter(internal, reader=desk.lead).sha256
