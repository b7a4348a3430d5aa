"""Made-up evidence, memory and awards, good enough for every letter of a pack to be written.

Which letters are written with them is ``rehearse``'s; nothing here is ever put on file.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from kjfh_workflow import canonical
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.vocabulary import AwardKind, AwardStatus, CaseKind, ChangeKind, Field, Grade, Level
from kjfh_workflow.rules.awards import Award

_NAME, _USCC = "示例科技企业孵化器有限公司", "91330281MA2B00001P"
#: What each piece of evidence looks like once it is on file.
SPECIMENS: Mapping[Field, Any] = {
    Field.TYPE: "incubator",
    Field.FACTS: {"sha256": "0" * 64, "tenants": 12},
    Field.OVERRIDE: {"premises.area_m2": "5200"},
    Field.MATERIALS: ["application_form"],
    Field.MISSING: ["场地产权证明复印件", "上年度财务报表（加盖公章）"],
    Field.WORKING_DAYS: 10,
    Field.REASON: "申报材料与实际情况不符",
    Field.FINDINGS: {"criterion": True},
    Field.JUSTIFICATIONS: {"criterion": "新增场地尚在装修"},
    Field.OPINION: "同意",
    Field.AWARD_YUAN: Decimal(300000),
    Field.FINDING: "所报在孵企业与实际入驻情况不符",
    Field.GROUND: "连续两年考核不合格",
    Field.ARTICLE: "",
    Field.STATEMENT: "已按要求整改",
    Field.NAME: _NAME,
    Field.USCC: _USCC,
    Field.LEVEL: str(Level.NATIONAL),
    Field.DECIDED_ON: date(2021, 3, 1),
    Field.DOCUMENT_NO: "国科火字〔2021〕1号",
    Field.TOWNSHIP: "示例街道",
    Field.YEAR: 2021,
    Field.REPORT: {"运营情况": "在孵企业12家，毕业企业2家"},
    Field.GRADE: str(Grade.UNQUALIFIED),
    Field.SCORE: Decimal("58.5"),
    Field.SCORES: {"indicator": Decimal("58.5")},
    Field.RECTIFY_BY: date(2022, 3, 31),
    Field.TO_LEVEL: str(Level.NATIONAL),
    Field.WHAT: [str(ChangeKind.NAME)],
    Field.OCCURRED_ON: date(2021, 3, 1),
    Field.LATE_DAYS: 3,
    Field.SITE_VISIT: {"on": date(2021, 3, 8), "visitors": ["王明", "李华"], "finding": "场地面积与报告一致"},
    Field.TENANT: {
        "name": "示例生物科技有限公司",
        "uscc": _USCC,
        "founded_on": date(2020, 3, 1),
        "entered_on": date(2021, 3, 1),
        "area_m2": Decimal(200),
        "field": "新材料",
        "technology_sme": True,
        "registered_inside": True,
        "works_inside": True,
        "ip_applied": True,
        "invested_yuan": Decimal(0),
    },
    Field.GROUNDS: {"high_tech": True, "main_income_yuan": Decimal(12000000)},
    Field.UNTIL: date(2022, 12, 31),
    Field.KIND: str(AwardKind.RECOGNITION),
    Field.INSTALMENT: 1,
    Field.YUAN: Decimal(180000),
    Field.PAID_ON: date(2021, 3, 15),
    Field.VOUCHER: "2021-0315",
    Field.PERSON: "张三",
}


def specimens(pack: PolicyPack) -> dict[str, Any]:
    """A value for every piece of evidence, fit for *pack*."""
    identity, named = pack.identity, dict(SPECIMENS)
    named |= {Field.TYPE: next(iter(identity.types)), Field.ARTICLE: identity.articles[0].number}
    if identity.changes:
        named[Field.WHAT] = [str(kind) for kind in identity.changes.what[:2]]
    if identity.assessment and identity.assessment.indicators:
        named[Field.SCORES] = {indicator.id: Decimal("58.5") for indicator in identity.assessment.indicators}
    return {str(name): value for name, value in named.items()}


def memory_of(pack: PolicyPack, kind: CaseKind, day: date, level: Level) -> dict[str, Any]:
    """What a case of *kind* would remember on *day*, whatever its state; of a title, held at *level*."""
    known = specimens(pack)
    memory: dict[str, Any] = {"name": _NAME, "uscc": _USCC, "type": known["type"], "opened_on": day.isoformat()}
    if kind is CaseKind.INCUBATOR:
        graded = {str(day.year - 1): {"grade": str(Grade.UNQUALIFIED), "on": day.isoformat()}}
        memory |= {"level": str(level), "failed_years": 1, "recognised_on": day.isoformat(), "grades": graded}
        memory["awards"] = {award.key: award.as_data() for award in awards_on(pack, day, AwardStatus.SCHEDULED)}
    elif kind is CaseKind.CHANGE:
        memory |= {"what": known["what"], "occurred_on": day.isoformat(), "late_days": known["late_days"]}
    elif kind is CaseKind.TENANCY:
        tenant = {**known["tenant"], "founded_on": day, "entered_on": day}
        memory["tenant"] = canonical.loads(canonical.dumps(tenant))
    elif kind is CaseKind.PROMOTION:
        memory["to_level"] = known["to_level"]
    return memory


def proposal_of(pack: PolicyPack, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The ground on which a title is to be lost, by *evidence* where it says so."""
    known = specimens(pack)
    return {str(name): evidence.get(name, known[name]) for name in (Field.GROUND, Field.ARTICLE)}


def order_of(evidence: Mapping[str, Any], day: date) -> dict[str, Any]:
    """An order of *day* to rectify, until the date in *evidence* if that is still to come."""
    named = evidence.get(Field.RECTIFY_BY, day)
    by = named if named > day else day + timedelta(days=90)
    return {"by": by.isoformat(), "ordered_on": day.isoformat(), "year": day.year - 1}


def awards_on(pack: PolicyPack, day: date, status: AwardStatus) -> tuple[Award, ...]:
    """An award in instalments and one without; none where the pack knows no awards."""
    if pack.identity.awards is None:
        return ()
    sum_of_money, article = Decimal("180000.00"), pack.identity.awards.loss.article
    return tuple(
        Award(kind, day.year, instalment, sum_of_money, sum_of_money, False, status, article, "示例")
        for kind, instalment in ((AwardKind.RECOGNITION, 1), (AwardKind.ANNUAL, 0))
    )
