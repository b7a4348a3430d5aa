"""What may stand in an application folder: every sheet, column and item, with its Chinese words.

Reader and template are both written from these tables. How a value is read is in ``values``, how a heading finds
its column in ``headings``, and what the facts require in ``rules.facts``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What kind of value a column holds."""

    TEXT = "text"
    USCC = "uscc"
    DAY = "day"
    YES_NO = "yes_no"
    YUAN = "yuan"
    AREA = "area"
    COUNT = "count"


#: Kind → unit as it may stand in the heading → how many of our units it is. "" is a heading without unit.
UNITS: dict[Kind, dict[str, int]] = {
    Kind.YUAN: {"万元": 10_000, "元": 1},
    Kind.AREA: {"平方米": 1, "㎡": 1, "平米": 1, "": 1},
}

#: Kind → what the guide says may be written.
ALLOWED: dict[Kind, str] = {
    Kind.TEXT: "文字，不超过200字",
    Kind.USCC: "18位统一社会信用代码，按文本填写",
    Kind.DAY: "日期，如2021-03-01、2021/3/1、2021年3月1日、20210301",
    Kind.YES_NO: "是或否（也可以用√或×、有或无）",
    Kind.YUAN: "数字，不小于0，折合到元后最多两位小数；表头写明元或万元",
    Kind.AREA: "数字，不小于0，最多四位小数",
    Kind.COUNT: "整数，不小于0",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a roster, or one item of the form."""

    #: Its name in the facts; a dotted path for an item of the form.
    field: str
    label: str
    kind: Kind
    meaning: str
    example: str
    synonyms: tuple[str, ...] = ()
    required: bool = True
    #: Offered in a drop-down; other values are allowed.
    options: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """As the template writes it: the label, with the unit where there is one."""
        unit = next(iter(UNITS.get(self.kind, ())), "")
        return f"{self.label}（{unit}）" if unit else self.label


@dataclass(frozen=True, slots=True)
class Roster:
    """One table: a file of its own, or a sheet of the form."""

    #: The file's name without suffix, and its name in the facts.
    name: str
    #: The sheet's name.
    label: str
    columns: tuple[Column, ...]
    required: bool = True


#: What the items of the form belong to: the beginning of their path → how it is called.
SECTIONS = {
    "operator": "运营机构",
    "premises": "孵化场地",
    "fund": "孵化资金",
    "park": "小微产业园",
    "declared": "申报总数",
}

#: Columns that people add for themselves; what stands in them is not read.
IGNORED = ("序号", "备注", "No", "No.")
#: First words of a row that adds up the rows above it.
TOTALS = ("合计", "总计", "小计", "共计", "总数")

FORM = "application"
FORM_SHEET = "申请表"
FORM_HEADINGS = ("项目", "填写", "说明")
GUIDE_SHEET = "填写说明"
OPTIONS_SHEET = "选项"

_USCC = "统一社会信用代码"
_USCC_SYNONYMS = ("社会信用代码", "信用代码", "企业统一社会信用代码", "机构代码")
_FIRM = ("单位名称", "公司名称", "名称", "企业")

TENANTS = Roster(
    "tenants",
    "入驻企业",
    (
        Column("name", "企业名称", Kind.TEXT, "营业执照上的全称", "某某科技有限公司", _FIRM),
        Column("uscc", _USCC, Kind.USCC, "营业执照上的代码", "91330281MA2F00101P", _USCC_SYNONYMS),
        Column("founded_on", "成立日期", Kind.DAY, "营业执照上的成立日期", "2019-01-15", ("成立时间", "注册日期")),
        Column(
            "entered_on", "入驻日期", Kind.DAY, "入驻合同起始日期", "2019-08-03", ("入驻时间", "入孵日期", "入孵时间")
        ),
        Column("area_m2", "使用面积", Kind.AREA, "在孵化场地内使用的面积", "330", ("面积", "租用面积", "场地面积")),
        Column(
            "field",
            "技术领域",
            Kind.TEXT,
            "主要技术领域；孵化时限因领域而不同，请用下拉列表中的写法",
            "软件",
            ("领域", "所属领域", "行业领域", "所属技术领域"),
            options=("智能制造", "新材料", "软件", "节能环保"),
        ),
        Column(
            "technology_sme",
            "是否科技型中小企业",
            Kind.YES_NO,
            "是否属于科技型中小企业",
            "是",
            ("科技型中小企业", "是否科技型企业", "科技型企业"),
        ),
        Column(
            "registered_inside",
            "注册地是否在场地内",
            Kind.YES_NO,
            "注册地址是否在孵化场地内",
            "是",
            ("注册地在场地内", "注册地是否在孵化场地内", "是否注册在场地内", "是否注册在孵化器内"),
        ),
        Column(
            "works_inside",
            "研发办公是否在场地内",
            Kind.YES_NO,
            "研发和办公场所是否在孵化场地内",
            "是",
            ("研发办公在场地内", "研发办公是否在孵化场地内", "研发办公场所是否在场地内", "研发和办公是否在场地内"),
        ),
        Column(
            "ip_applied",
            "是否申请知识产权",
            Kind.YES_NO,
            "是否已申请专利、软件著作权等知识产权",
            "否",
            ("申请知识产权", "是否已申请知识产权", "有无知识产权", "知识产权"),
        ),
        Column(
            "invested_yuan",
            "投融资额",
            Kind.YUAN,
            "累计获得的投融资额，没有的填0",
            "50",
            ("获得投融资额", "累计投融资额", "融资额", "投资额", "获得投资额"),
        ),
    ),
)

STAFF = Roster(
    "staff",
    "工作人员",
    (
        Column("post", "岗位", Kind.TEXT, "岗位或岗位编号", "企业服务专员", ("职务", "岗位编号", "岗位名称")),
        Column("name", "姓名", Kind.TEXT, "可以不填", "张三", ("人员姓名",), required=False),
        Column(
            "professional",
            "是否专业人员",
            Kind.YES_NO,
            "是否专业孵化服务人员",
            "是",
            ("专业人员", "专业孵化服务人员", "是否专业孵化服务人员", "是否专业孵化人员"),
        ),
    ),
)

MENTORS = Roster(
    "mentors",
    "创业导师",
    (
        Column("post", "岗位", Kind.TEXT, "职务、专长或编号", "投融资导师", ("职务", "专长", "岗位编号", "导师编号")),
        Column("name", "姓名", Kind.TEXT, "可以不填", "李四", ("导师姓名",), required=False),
    ),
)

GRADUATES = Roster(
    "graduates",
    "毕业企业",
    (
        Column("name", "企业名称", Kind.TEXT, "营业执照上的全称", "某某科技有限公司", _FIRM),
        Column("uscc", _USCC, Kind.USCC, "营业执照上的代码", "91330281MA2F00101P", _USCC_SYNONYMS),
        Column(
            "entered_on", "入驻日期", Kind.DAY, "入驻合同起始日期", "2018-03-01", ("入驻时间", "入孵日期", "入孵时间")
        ),
        Column("graduated_on", "毕业日期", Kind.DAY, "毕业的日期", "2020-12-31", ("毕业时间",)),
        Column("ground", "毕业依据", Kind.TEXT, "符合哪一项毕业条件", "已认定为高新技术企业", ("毕业条件", "毕业理由")),
    ),
    required=False,
)

ROSTERS = (TENANTS, STAFF, MENTORS, GRADUATES)

MATERIALS = Roster(
    "materials",
    "申请材料",
    (
        Column("id", "材料编号", Kind.TEXT, "材料的编号", "application_form", ("材料", "编号"), required=False),
        Column("label", "材料名称", Kind.TEXT, "材料的名称", "认定申请表", ("名称",), required=False),
        Column("submitted", "是否提交", Kind.YES_NO, "材料是否随申请提交", "是", ("已提交", "提交", "是否已提交")),
    ),
)


def _total(field: str, label: str, kind: Kind = Kind.COUNT) -> Column:
    meaning = "申请表上写明的总数，可以不填；认定时按名单逐条计算，总数只作核对"
    return Column(f"declared.{field}", label, kind, meaning, "12", required=False)


def _park(field: str, label: str, meaning: str) -> Column:
    return Column(f"park.{field}", label, Kind.YES_NO, meaning, "否", required=False)


FORM_ITEMS = (
    Column("city", "城市", Kind.TEXT, "向哪个城市申请（编号）", "yuyao", ("所在城市", "申报城市", "申请城市")),
    Column("type", "申请类型", Kind.TEXT, "申请认定的类型（编号）", "incubator", ("类型", "申报类型", "认定类型")),
    Column(
        "operator.name",
        "运营机构名称",
        Kind.TEXT,
        "营业执照上的全称",
        "某某科技孵化器有限公司",
        ("单位名称", "申报单位", "申报主体", "运营单位名称", "运营机构"),
    ),
    Column("operator.uscc", _USCC, Kind.USCC, "运营机构营业执照上的代码", "91330281MA2B00001P", _USCC_SYNONYMS),
    Column("operator.registered_in", "注册地", Kind.TEXT, "注册在哪个市，写全称", "余姚市", ("注册所在地", "注册城市")),
    Column(
        "operator.independent_legal_person",
        "是否独立法人",
        Kind.YES_NO,
        "运营机构是否具有独立法人资格",
        "是",
        ("独立法人", "独立法人资格", "是否具有独立法人资格"),
    ),
    Column(
        "operator.registered_on", "注册日期", Kind.DAY, "营业执照上的成立日期", "2018-05-10", ("成立日期", "注册时间")
    ),
    Column(
        "operator.operating_since",
        "开始运营日期",
        Kind.DAY,
        "孵化器实际开始运营的日期",
        "2019-03-01",
        ("运营日期", "开始运营时间", "运营起始日期"),
    ),
    Column("premises.address", "场地地址", Kind.TEXT, "孵化场地的地址", "科技路1号", ("地址", "孵化场地地址")),
    Column(
        "premises.township",
        "镇街道",
        Kind.TEXT,
        "场地所在的镇或街道",
        "城区街道",
        ("所在镇街道", "所属镇街道", "乡镇街道"),
    ),
    Column(
        "premises.self_controlled",
        "场地是否自主支配",
        Kind.YES_NO,
        "场地为自有或租用，由运营机构自主支配",
        "是",
        ("自主支配", "是否自主支配场地", "是否自主支配"),
    ),
    Column(
        "premises.area_m2", "场地面积", Kind.AREA, "可自主支配的场地面积", "6000", ("孵化场地面积", "自主支配场地面积")
    ),
    Column("premises.public_service_m2", "公共服务面积", Kind.AREA, "公共服务场地的面积", "700", ("公共服务场地面积",)),
    Column("fund.own_seed_yuan", "自有种子资金", Kind.YUAN, "自有种子资金，没有的填0", "200", ("种子资金", "自有资金")),
    Column("fund.partner_yuan", "合作孵化资金", Kind.YUAN, "合作的孵化资金，没有的填0", "100", ("合作资金",)),
    _park("small_micro_park", "是否小微产业园", "是否小微产业园，不填为否"),
    _park("special_commissioner", "有无科技特派员", "小微产业园有无科技特派员，不填为无"),
    _park("inspection_agent", "有无检测代办点", "小微产业园有无检测代办点，不填为无"),
    _park("intermediary_service", "有无中介服务点", "小微产业园有无中介服务点，不填为无"),
    Column("makers", "创客人数", Kind.COUNT, "众创空间的创客人数，不填为0", "40", ("创客", "创客数"), required=False),
    _total("tenants", "申报企业总数"),
    _total("staff", "申报工作人员总数"),
    _total("professionals", "申报专业人员总数"),
    _total("mentors", "申报创业导师总数"),
    _total("graduates", "申报毕业企业总数"),
    _total("ip_tenants", "申报有知识产权的企业总数"),
    _total("tenant_area_m2", "申报企业使用面积总数", Kind.AREA),
)
