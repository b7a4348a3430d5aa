"""What the tables of the years after recognition say, each provision in a line.

The phrases of everything else are in ``phrases``.
"""

from __future__ import annotations

from decimal import Decimal

from kjfh_workflow.policy import years
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.part import Provision
from kjfh_workflow.policy.phrases import SIGN, roles_in_words

#: What is a provision of its own without any value.
_PLAIN = {
    "awards.loss": "丧失或者放弃资格的，未核定的奖励一并失效，已核定的由人决定",
    "awards.none_when_promoted": "取得上级认定的当年不发年度考核奖励",
}


def year_provision_in_words(pack: PolicyPack, key: str, provision: Provision) -> str:
    """One provision of ``Years`` in a line: ``优秀不超过有效资格总数的1/3``.

    Args:
        pack: for the words.
        key: as in ``provisions_of_years()``.
        provision: what stands there.
    """
    match provision:
        case years.Assessment() | years.Quota() | years.Failures() | years.Needed() | years.Indicator():
            return _assessment(pack, provision)
        case years.Changes():
            return f"应报告的变更：{'、'.join(pack.words('changes', kind) for kind in provision.what)}"
        case years.Ground():
            return f"毕业条件：{provision.label}（{ground_in_words(provision)}）"
        case years.IntegrityList():
            return f"失信名单：由{roles_in_words(pack, provision.by)}登记"
        case years.Target():
            return f"目标：{provision.label}（{target_in_words(pack, provision)}）"
    return _award(pack, key, provision)


def ground_in_words(ground: years.Ground) -> str:
    """``high_tech；运营满24个月；main_income_yuan>10,000,000元``: all of them must hold."""
    sums = [f"{name}>{yuan:,f}元" for name, yuan in ground.more_than_yuan.items()]
    months = [f"运营满{ground.months_operating}个月"] if ground.months_operating else []
    return "；".join([*ground.yes, *months, *sums])


def target_in_words(pack: PolicyPack, target: years.Target) -> str:
    """``市本级及以上资格数≥15，至2023-12-31``."""
    level = f"（{pack.words('levels', target.level)}）" if target.level else ""
    return f"{pack.words('target_counts', target.count)}{level}{SIGN[target.op]}{target.value}，至{target.by}"


def _assessment(pack: PolicyPack, provision: Provision) -> str:
    match provision:
        case years.Assessment():
            grades = "、".join(pack.words("grades", grade) for grade in provision.grades)
            since = f"认定后第{provision.first_year}年" if provision.first_year else "认定当年"
            return f"等次为{grades}；自{since}起每年考核"
        case years.Quota():
            return f"{pack.words('grades', provision.grade)}不超过有效资格总数的1/{provision.one_in}"
        case years.Failures():
            return f"连续{provision.years}个日历年度不合格的，取消资格"
        case years.Needed():
            return f"最近一次考核{pack.words('grades', provision.grade)}以上的，可以推荐申报上级认定"
    assert isinstance(provision, years.Indicator), "the only one left"  # noqa: S101
    return f"考核指标：{provision.label}（{provision.weight.normalize():f}分）"


def _award(pack: PolicyPack, key: str, provision: Provision) -> str:
    match provision:
        case years.AnnualAward():
            most = "定额" if provision.fixed else "不超过"
            return f"年度考核{pack.words('grades', provision.grade)}：{most}{provision.yuan:,f}元"
        case years.Instalments():
            return f"本市级认定奖励自认定当年起逐年拨付：{'、'.join(_share(share) for share in provision.shares)}"
        case years.TopUp():
            return f"晋级奖励为补差：新级别的奖励减去{pack.words('top_up_bases', provision.against)}"
        case years.StartsAs():
            what = {
                "awards.straight": "未经本市级直接取得上级认定的奖励",
                "awards.first_year": "认定当年的年度考核奖励",
            }
            return f"{what[key]}：先列为“{pack.words('award_statuses', provision.starts_as)}”"
    return _PLAIN[key]


def _share(share: Decimal) -> str:
    return f"{(share * 100).normalize():f}%"
