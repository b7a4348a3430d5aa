"""The pages, pictures, differences and open questions of policy packs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from unicodedata import east_asian_width
from xml.etree import ElementTree as ET

import pytest

from kjfh_workflow.policy.checks import article_of
from kjfh_workflow.policy.compare import Change, diff
from kjfh_workflow.policy.coverage import coverage, open_questions, value_in_words
from kjfh_workflow.policy.drawing import svg
from kjfh_workflow.policy.loader import load_pack
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.page import page
from kjfh_workflow.policy.vocabulary import NEW, SAME, CaseKind, Handling, Status
from kjfh_workflow.resources import states_dir

YUYAO, CIXI = "yuyao/2020-01-01", "cixi/2021-01-01"
SVG = "{http://www.w3.org/2000/svg}"
Box = tuple[float, float, float, float]


def loaded(name: str) -> PolicyPack:
    return load_pack(states_dir() / name)


@pytest.fixture(params=[YUYAO, CIXI])
def pack(request: pytest.FixtureRequest) -> PolicyPack:
    return loaded(request.param)


@pytest.fixture(params=[(name, kind) for name in (YUYAO, CIXI) for kind in CaseKind], ids="-".join)
def machine(request: pytest.FixtureRequest) -> tuple[PolicyPack, CaseKind]:
    name, kind = request.param
    return loaded(name), kind


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of Yuyao's folder, for changing."""
    return Path(shutil.copytree(states_dir() / YUYAO, tmp_path / YUYAO))


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf-8")


# ---- the page ------------------------------------------------------------------------------------


def tables(text: str) -> Iterator[list[str]]:
    """The tables of a Markdown text, each as its lines."""
    table: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            table.append(line)
        elif table:
            yield table
            table = []


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line[1:-1].split(" | ")]


def width(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def labels(text: str, *headings: str) -> list[str]:
    """The first cells of the tables whose first column has one of these headings."""
    return [cells(line)[0] for header, _, *rows in tables(text) if cells(header)[0] in headings for line in rows]


def test_every_state_event_criterion_and_material_has_its_row(pack: PolicyPack) -> None:
    text = page(pack)
    machines = pack.machines.values()
    assert labels(text, "状态") == [state.label for machine in machines for state in machine.states.values()]
    assert labels(text, "事件") == [machine.events[edge.event] for machine in machines for edge in machine.edges]
    assert labels(text, "条件") == [item.label for item in pack.criteria] + [t.label for t in pack.tenant_conditions]
    assert labels(text, "材料") == [material.label for material in pack.identity.materials]
    assert labels(text, "标准") == [standard.label for standard in pack.standards]
    assert labels(text, "条款") == [article.number for article in pack.identity.articles]


def test_every_provision_shows_its_article_status_and_note(pack: PolicyPack) -> None:
    text = page(pack)
    rows = [cells(line)[-3:] for table in tables(text) for line in table]
    for key, provision in pack.provisions():
        status = pack.words("statuses", provision.status)
        in_head = f"依据：{provision.article}，{status}" + (f"：{provision.note}" if provision.note else "") in text
        assert in_head or [provision.article, status, provision.note] in rows, key


def test_an_edge_names_who_may_act_and_where_it_leads() -> None:
    row = next(row for row in map(cells, page(loaded(YUYAO)).splitlines()) if row[0] == "一次性告知补正")
    assert row[1:4] == ["科技局经办人", "已申请，待受理 / 科技局初审", "补正中"]
    assert row[4].endswith("；需补正内容、补正工作日数（可选）、理由（可选）")
    assert row[7:9] == ["第八条", "办公惯例（待确认）"]


def test_a_period_that_only_the_evidence_gives_says_so(copied: Path) -> None:
    rewrite(copied / "machines" / "application.toml", "length      = 15\nlength_from", "length_from")
    row = next(row for row in map(cells, page(load_pack(copied)).splitlines()) if row[0] == "补正期限（申报主体用时）")
    assert row[2] == "按“补正工作日数”"
    states = {g.attrib["data-state"]: g for g in groups(drawn(load_pack(copied), CaseKind.APPLICATION), "state")}
    assert "按“补正工作日数”" in [text.text for text in states["correction"].iter(f"{SVG}text")]


def test_every_four_eyes_rule_has_its_own_row(pack: PolicyPack) -> None:
    edges = [(machine, edge) for machine in pack.machines.values() for edge in machine.edges if edge.four_eyes]
    assert labels(page(pack), "本环节") == [machine.events[edge.event] for machine, edge in edges]


def test_a_four_eyes_rule_shows_its_own_article_and_not_its_edge_s(copied: Path) -> None:
    (copied / "machines" / "application.toml").write_text(
        (copied / "machines" / "application.toml")
        .read_text("utf-8")
        .replace(
            'events  = ["pass_preliminary"]\narticle = "第九条"', 'events  = ["pass_preliminary"]\narticle = "第四条"'
        ),
        "utf-8",
    )
    rows = [row for row in map(cells, page(load_pack(copied)).splitlines()) if row[0] == "联合审核同意"]
    act, _, limit, _ = rows
    assert act[7:9] == ["第九条", "原文规定"]
    assert limit[4:7] == ["不得为办理过“初审通过”的人", "第四条", "办公惯例（待确认）"]


def test_a_notice_names_who_receives_it() -> None:
    rows = [row for row in map(cells, page(loaded(YUYAO)).splitlines()) if len(row) == 4]
    assert ["逾期催办", "科技局负责人", "", "`work_overdue`"] in rows
    assert ["认定通知", "申报主体", "编文号", "`recognition_granted`"] in rows
    assert ["待办提醒", "当时的经办人", "", "`work_reminder`"] in rows


def test_the_page_says_who_is_told_that_a_last_day_has_moved() -> None:
    rows = [row for row in map(cells, page(loaded(YUYAO)).splitlines()) if row[1:2] == ["放假安排变动、届满日改变时"]]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("补正期限", "期限变更通知", "申报主体"),
        ("审核期限", "期限变更通知", "科技局经办人、科技局负责人、财政局"),
        ("陈述申辩期", "期限变更通知", "申报主体"),
        ("变更报告期限", "期限变更通知", "申报主体"),
    ]


def test_the_page_says_how_notices_are_numbered_and_that_it_is_the_offices_own_choice(copied: Path) -> None:
    text = page(load_pack(copied))
    assert "- 通知文号：余科孵〔年份〕序号号\n- 通知文号依据：第四条，办公惯例（待确认）：文件未规定文号" in text
    policy = copied / "policy.toml"
    kept = policy.read_text("utf-8").replace(", numbered = true", "").split("[numbering]")
    policy.write_text(kept[0] + kept[1][kept[1].index("[notices]") :], "utf-8")
    assert "通知文号" not in page(load_pack(copied))


def test_numbers_are_shown_as_people_write_them() -> None:
    rows = {row[0]: row[2] for row in map(cells, page(loaded(YUYAO)).splitlines()) if len(row) == 8}
    assert rows["孵化企业和公共服务使用的场地占75%以上"] == "≥75%"
    assert rows["可自主支配建筑面积在5000平方米以上"] == "≥5,000平方米"
    assert rows["每10家在孵企业至少配备1名创业导师"] == "每10家≥1名"
    assert rows["运营机构为本市注册的独立法人"] == "是"
    assert rows["发展方向明确"] == ""


def test_a_standard_names_the_document_that_holds_it() -> None:
    row = next(row for row in map(cells, page(loaded(CIXI)).splitlines()) if row[0] == "本市级众创空间认定的数量标准")
    assert row[1:5] == [
        "慈科〔2020〕51号《慈溪市众创空间认定与管理办法》",
        "`makerspace_numbers`",
        "二（一）",
        "依据文件未提供",
    ]
    assert (
        "评价办法"
        in next(row for row in map(cells, page(loaded(YUYAO)).splitlines()) if row[0].startswith("年度绩效"))[1]
    )


def test_an_article_shows_how_letters_cite_it(pack: PolicyPack) -> None:
    rows = [row for row in map(cells, page(pack).splitlines()) if len(row) == 6]
    for article in pack.identity.articles:
        assert [article.number, article.cited_as, article.about] in [[row[0], row[2], row[3]] for row in rows]


def test_silence_is_shown_as_silence() -> None:
    yuyao, cixi = page(loaded(YUYAO)), page(loaded(CIXI))
    assert "## 目标\n\n（本文件未规定）" in yuyao
    assert "## 目标\n\n| 规定" in cixi
    assert "## 毕业条件\n\n（本文件未规定）" in cixi
    assert "## 失信名单\n\n（本文件未规定）" in cixi


def row_of(name: str, first: str) -> list[str]:
    return next(row for row in map(cells, page(loaded(name)).splitlines()) if row[0] == first)


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        (YUYAO, "assessment", "等次为优秀、良好、合格、不合格；自认定当年起每年考核"),
        (CIXI, "assessment", "等次为优秀、合格、不合格；自认定后第1年起每年考核"),
        (CIXI, "assessment.quota", "优秀不超过有效资格总数的1/3"),
        (YUYAO, "assessment.failures", "连续2个日历年度不合格的，取消资格"),
        (YUYAO, "assessment.recommended_from", "最近一次考核良好以上的，可以推荐申报上级认定"),
        (YUYAO, "awards.annual.good", "年度考核良好：不超过100,000元"),
        (CIXI, "awards.annual.excellent", "年度考核优秀：定额100,000元"),
        (CIXI, "awards.instalments", "本市级认定奖励自认定当年起逐年拨付：60%、20%、20%"),
        (CIXI, "awards.top_up", "晋级奖励为补差：新级别的奖励减去已给予的认定奖励和晋级奖励"),
        (YUYAO, "awards.top_up", "晋级奖励为补差：新级别的奖励减去原级别的奖励"),
        (CIXI, "awards.straight", "未经本市级直接取得上级认定的奖励：先列为“暂缓”"),
        (YUYAO, "awards.first_year", "认定当年的年度考核奖励：先列为“暂缓”"),
        (YUYAO, "awards.none_when_promoted", "取得上级认定的当年不发年度考核奖励"),
        (CIXI, "awards.loss", "丧失或者放弃资格的，未核定的奖励一并失效，已核定的由人决定"),
        (YUYAO, "changes", "应报告的变更：名称、运营主体、面积范围、场地位置、其他事项"),
        (YUYAO, "graduation.income", "毕业条件：主营业务收入超过1000万元（main_income_yuan>10,000,000元）"),
        (
            YUYAO,
            "graduation.in_business",
            (
                "毕业条件：有2年以上的运营期，经营状况良好，有自主知识产权和健全的企业管理制度，企业已实现盈利"
                "（good_operation；profitable；own_ip；sound_management；运营满24个月）"
            ),
        ),
        (YUYAO, "integrity_list", "失信名单：由科技局负责人登记"),
        (
            CIXI,
            "target.ningbo",
            "目标：其中宁波市级4家（最高级别为该级的资格数（宁波市级）≥4，至2023-12-31）",
        ),
    ],
)
def test_the_page_says_what_applies_once_a_title_is_held(name: str, code: str, said: str) -> None:
    row = next(row for row in map(cells, page(loaded(name)).splitlines()) if row[1:2] == [f"`{code}`"])
    assert row[0] == said


def test_an_indicator_of_a_scorecard_has_its_row(copied: Path) -> None:
    with (copied / "policy.toml").open("a", encoding="utf-8") as file:
        file.write('[[assessment.indicator]]\nid = "growth"\nlabel = "企业增长"\nweight = 100\n')
        file.write('article = "第十条"\nstatus = "stated"\n')
    assert "| 考核指标：企业增长（100分）" in page(load_pack(copied))


def test_fixed_caps_and_the_notice_of_awards_are_shown() -> None:
    text = page(loaded(YUYAO))
    assert "| 400,000元（定额）" in text
    assert "- 奖励列为拟给予时发出：拟给予奖励通知\n" in text


def test_states_of_a_round_and_of_blocked_payment_are_marked() -> None:
    assert row_of(CIXI, "年度考核中")[1] == "持有资格、考核中"
    assert row_of(CIXI, "限期整改中")[1] == "持有资格、暂停拨付"


def test_an_edge_shows_its_branches_its_round_and_what_another_case_does_with_it() -> None:
    closing = [row for row in map(cells, page(loaded(YUYAO)).splitlines()) if row[0] == "确定考核等次"]
    assert closing[2][4].startswith("整轮一次办理、考核不合格，且级别高于市本级、")
    recommend = row_of(YUYAO, "推荐申报上级认定")
    assert "孵化器资格须为：已认定 / 已获上级认定 / 年度考核中" in recommend[4]
    assert row_of(YUYAO, "登记上级认定")[5].endswith("孵化器资格随之“取得上级认定”")
    assert "- 属于：孵化器资格\n" in page(loaded(YUYAO))


def test_a_clock_shows_how_its_last_day_is_found_and_what_is_sent_when_it_has_passed() -> None:
    rows = [row for row in map(cells, page(loaded(YUYAO)).splitlines()) if row[0].startswith("变更报告期限")]
    assert row_of(YUYAO, "变更报告期限（申报主体用时）")[2:4] == ["自变更之日起计算1个月", "顺延"]
    assert ["变更报告期限", "期限届满", "变更报告逾期通知", "申报主体"] in [row[:4] for row in rows]
    assert row_of(CIXI, "整改期限（申报主体用时）")[2] == "按责令整改时写明的日期"


def test_tables_line_up_in_a_terminal(pack: PolicyPack) -> None:
    for header, rule, *rows in tables(page(pack)):
        widths = [len(column) for column in cells(rule)]
        for line in (header, *rows):
            assert len(cells(line)) == len(widths)
            padded = [width(cell) for cell in line[2:].split(" | ")[:-1]]
            assert all(
                found == wanted or found > wanted == 36 for found, wanted in zip(padded, widths[:-1], strict=True)
            )


def test_a_stroke_in_a_label_does_not_break_the_table(copied: Path) -> None:
    rewrite(copied / "criteria.toml", '"孵化场地集中"', '"孵化场地|集中"')
    assert "| 孵化场地\\|集中 " in page(load_pack(copied))


# ---- the picture ---------------------------------------------------------------------------------


def drawn(pack: PolicyPack, kind: CaseKind) -> ET.Element:
    return ET.fromstring(svg(pack, kind))  # noqa: S314  (our own text)


def groups(root: ET.Element, name: str) -> list[ET.Element]:
    return root.findall(f"{SVG}g[@class='{name}']")


def columns(root: ET.Element) -> dict[str, str]:
    return {line.attrib["data-state"]: line.attrib["x1"] for line in root.findall(f"{SVG}line[@class='lifeline']")}


def extent(text: ET.Element) -> Box:
    """Left, top, right and bottom; a Chinese character is as wide as it is high."""
    size, x, y = (float(text.attrib[name]) for name in ("font-size", "x", "y"))
    wide = sum(1 if east_asian_width(c) in "WFA" else 0.6 for c in text.text or "") * size
    left = x - wide / 2 if text.attrib["text-anchor"] == "middle" else x
    return left, y - 0.85 * size, left + wide, y + 0.15 * size


def test_the_picture_has_one_row_for_each_edge_in_order(machine: tuple[PolicyPack, CaseKind]) -> None:
    pack, kind = machine
    edges = pack.machines[kind].edges
    rows = groups(drawn(*machine), "edge")
    assert [row.attrib["data-event"] for row in rows] == [edge.event for edge in edges]
    for row, edge in zip(rows, edges, strict=True):
        texts = [text.text for text in row.iter(f"{SVG}text")]
        assert texts[0] == pack.machines[kind].events[edge.event]
        assert texts[-3:-1] == ["、".join(pack.words("roles", role) for role in edge.by), edge.article]
    heights = [float(row.findall(f"{SVG}text")[0].attrib["y"]) for row in rows]
    assert heights == sorted(set(heights))


def test_the_picture_has_one_lifeline_for_each_state(machine: tuple[PolicyPack, CaseKind]) -> None:
    pack, kind = machine
    found = columns(drawn(*machine))
    assert list(found) == [NEW, *pack.machines[kind].states]
    places = [int(x) for x in found.values()]
    assert places == sorted(set(places))


def test_dots_stand_on_the_sources_and_heads_at_the_target(machine: tuple[PolicyPack, CaseKind]) -> None:
    pack, kind = machine
    root = drawn(*machine)
    x = columns(root)
    for row, edge in zip(groups(root, "edge"), pack.machines[kind].edges, strict=True):
        dots = {dot.attrib["cx"] for dot in row.findall(f"{SVG}circle[@class='source']")}
        assert dots == {x[source] for source in edge.sources}
        heads = {head.attrib["d"][1:].split()[0] for head in row.findall(f"{SVG}path[@class='target']")}
        assert heads == ({x[source] for source in edge.sources} if edge.to == SAME else {x[edge.to]})


def test_no_two_texts_overlap_and_none_leaves_the_picture(machine: tuple[PolicyPack, CaseKind]) -> None:
    root = drawn(*machine)
    boxes = [(text.text, extent(text)) for text in root.iter(f"{SVG}text")]
    right, bottom = float(root.attrib["width"]), float(root.attrib["height"])
    for text, box in boxes:
        assert box[0] >= 0, text
        assert box[1] >= 0, text
        assert box[2] <= right, text
        assert box[3] <= bottom, text
    for (one, a), (other, b) in combinations(boxes, 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, (one, other)


def test_the_words_of_a_row_end_before_the_first_lifeline(machine: tuple[PolicyPack, CaseKind]) -> None:
    root = drawn(*machine)
    first = min(int(x) for x in columns(root).values())
    for row in groups(root, "edge"):
        assert max(extent(text)[2] for text in row.iter(f"{SVG}text")) < first


def test_words_stay_inside_their_state_s_box(machine: tuple[PolicyPack, CaseKind]) -> None:
    for state in groups(drawn(*machine), "state"):
        box = state.findall(f"{SVG}rect")[0].attrib
        left, right = float(box["x"]), float(box["x"]) + float(box["width"])
        for text in state.iter(f"{SVG}text"):
            assert left < extent(text)[0], text.text
            assert extent(text)[2] < right, text.text


def test_a_state_shows_its_label_and_its_clocks() -> None:
    states = {g.attrib["data-state"]: g for g in groups(drawn(loaded(YUYAO), CaseKind.APPLICATION), "state")}
    words = {name: "".join(text.text or "" for text in g.iter(f"{SVG}text")) for name, g in states.items()}
    assert words["applied"] == "已申请，待受理"
    assert words["joint_finance_review"] == "科技局、财政局联合审核审核期限15个工作日"
    assert words["correction"] == "补正中补正期限15个工作日审核期限停止计算"
    assert words["disqualified"] == "取消评审资格禁止申报期2年"
    clocks = {g.attrib["data-state"]: g for g in groups(drawn(loaded(CIXI), CaseKind.INCUBATOR), "state")}
    texts = [text.text for text in clocks["rectification"].iter(f"{SVG}text")]
    assert texts[1:3] == ["整改期限", "另行确定"]


def test_final_heard_and_cancelled_states_can_be_told_apart(machine: tuple[PolicyPack, CaseKind]) -> None:
    pack, kind = machine
    fills: dict[str, set[str]] = {}
    for group in groups(drawn(*machine), "state"):
        state = pack.machines[kind].states[group.attrib["data-state"]]
        borders = [rect for rect in group.findall(f"{SVG}rect") if "stroke-dasharray" not in rect.attrib]
        assert len(borders) == (2 if state.final else 1)
        sort = "cancelled" if state.title_cancelled else "heard" if state.right_to_be_heard else "other"
        fills.setdefault(sort, set()).add(borders[0].attrib["fill"])
    assert ("cancelled" in fills) == (kind == CaseKind.INCUBATOR)
    for one, other in combinations(fills.values(), 2):
        assert not one & other


def test_the_same_pack_gives_the_same_picture(machine: tuple[PolicyPack, CaseKind]) -> None:
    pack, kind = machine
    assert svg(pack, kind) == svg(load_pack(states_dir() / pack.name), kind)


def test_a_label_with_markup_stays_text(copied: Path) -> None:
    rewrite(copied / "machines" / "application.toml", '= "受理"', '= "<受理> & \\"登\\u0001记\\""')
    root = drawn(load_pack(copied), CaseKind.APPLICATION)
    assert '<受理> & "登记"' in [text.text for text in root.iter(f"{SVG}text")]


# ---- the difference ------------------------------------------------------------------------------


def test_a_pack_does_not_differ_from_itself(pack: PolicyPack) -> None:
    assert diff(pack, loaded(pack.name)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "change"),
    [
        (
            "criteria.toml",
            "value = 5000\n",
            "value = 6000\n",
            Change("criterion.y5_2_area", "changed", "value", "5000", "6000", "第五条第2项"),
        ),
        (
            "criteria.toml",
            "months = 36\n",
            "months = 48\n",
            Change("tenant_condition.y6_3_stay", "changed", "months", 36, 48, "第六条第3项"),
        ),
        (
            "machines/application.toml",
            "length      = 20\n",
            "length      = 25\n",
            Change("application.review_due.in.preliminary_review", "changed", "length", 20, 25, "第九条"),
        ),
        (
            "machines/application.toml",
            'side      = "office"',
            'side      = "nobody"',
            Change("application.timer.review_due", "changed", "side", "office", "nobody", ""),
        ),
        (
            "machines/application.toml",
            '"补正中"',
            '"待补正"',
            Change("application.state.correction", "changed", "label", "补正中", "待补正", ""),
        ),
        (
            "machines/application.toml",
            '= "初审通过"',
            '= "通过初审"',
            Change("application.event.pass_preliminary", "changed", "label", "初审通过", "通过初审", ""),
        ),
        (
            "machines/incubator.toml",
            'one_open_per = "space"',
            'one_open_per = "operator"',
            Change("incubator", "changed", "one_open_per", "space", "operator", ""),
        ),
        (
            "machines/incubator.toml",
            'effects = ["take_title"]\n',
            "",
            Change("incubator.grant_title.case.new>recognized", "changed", "effects", ["take_title"], [], "第九条"),
        ),
        (
            "policy.toml",
            "required = false\n",
            "",
            Change("material.other", "changed", "required", False, True, "第八条第6项"),
        ),
        (
            "policy.toml",
            "effective_from = 2020-01-01\n",
            "effective_from = 2020-01-01\neffective_to = 2025-12-31\n",
            Change("in_force", "changed", "effective_to", None, "2025-12-31", "第十八条"),
        ),
        (
            "policy.toml",
            'note = "倡导性规定"\n',
            "",
            Change("article.第十五条", "changed", "note", "倡导性规定", "", "第十五条"),
        ),
        (
            "policy.toml",
            'label = "逾期催办", to = ["tech_lead"]',
            'label = "逾期催办", to = ["finance"]',
            Change("notice.work_overdue", "changed", "to", ["tech_lead"], ["finance"], ""),
        ),
        (
            "policy.toml",
            '"待办提醒"',
            '"办理提醒"',
            Change("notice.work_reminder", "changed", "label", "待办提醒", "办理提醒", ""),
        ),
        (
            "machines/application.toml",
            'when      = "all_departments_endorsed"\nevidence  = ["opinion?"]',
            'when      = "all_departments_endorsed"\nevidence  = ["opinion"]',
            Change(
                "application.endorse.tech_lead+finance.joint_finance_review>recognized[all_departments_endorsed]",
                "changed",
                "evidence",
                ["opinion?"],
                ["opinion"],
                "第九条",
            ),
        ),
        (
            "policy.toml",
            "first_year = 0\n",
            "first_year = 1\n",
            Change("assessment", "changed", "first_year", 0, 1, "第十条"),
        ),
        (
            "policy.toml",
            "[assessment.failures]\nyears   = 2\n",
            "[assessment.failures]\nyears   = 3\n",
            Change("assessment.failures", "changed", "years", 2, 3, "第十一条"),
        ),
        (
            "policy.toml",
            "yuan    = 200000\n",
            "yuan    = 250000\n",
            Change("awards.annual.excellent", "changed", "yuan", "200000", "250000", "第十一条"),
        ),
        (
            "policy.toml",
            'notice = "award_proposed"\n',
            'notice = "work_reminder"\n',
            Change("awards", "changed", "notice", "award_proposed", "work_reminder", ""),
        ),
        (
            "machines/tenancy.toml",
            'under = "incubator"\n',
            "",
            Change("tenancy", "changed", "under", "incubator", None, ""),
        ),
        (
            "policy.toml",
            "issued_on   = 2021-01-27",
            "issued_on   = 2021-01-28",
            Change("identity", "changed", "issued_on", "2021-01-27", "2021-01-28", ""),
        ),
    ],
    ids=lambda value: value.key if isinstance(value, Change) else "",
)
def test_one_change_in_the_folder_is_one_change(copied: Path, file: str, old: str, new: str, change: Change) -> None:
    rewrite(copied / file, old, new)
    assert diff(loaded(YUYAO), load_pack(copied)) == [change]


def test_a_word_of_the_city_s_own_is_one_change(copied: Path) -> None:
    (copied / "labels.toml").write_text('[roles]\nfinance = "市财政局"\n', "utf-8")
    assert diff(loaded(YUYAO), load_pack(copied)) == [
        Change("words.roles.finance", "changed", "word", "财政局", "市财政局", "")
    ]


def test_a_kind_of_space_of_the_city_s_own_has_a_word(copied: Path) -> None:
    rewrite(copied / "policy.toml", 'space = "makerspace"', 'space = "space_station"')
    (copied / "labels.toml").write_text('[spaces]\nspace_station = "星创天地"\n', "utf-8")
    assert diff(loaded(YUYAO), load_pack(copied)) == [
        Change("types.makerspace", "changed", "space", "makerspace", "space_station", "第二条"),
        Change("words.spaces.space_station", "added", "", None, "星创天地", ""),
    ]


def test_another_spelling_of_a_number_is_no_change(copied: Path) -> None:
    rewrite(copied / "criteria.toml", "value = 0.70\n", "value = 0.7\n")
    assert diff(loaded(YUYAO), load_pack(copied)) == []


def test_an_added_cap_is_one_change_and_its_removal_the_reverse(copied: Path) -> None:
    with (copied / "policy.toml").open("a", encoding="utf-8") as file:
        file.write(
            '[[cap]]\nspaces = ["makerspace"]\nlevel = "local"\nyuan = 1\narticle = "第十一条"\nstatus = "stated"'
        )
    old, new = loaded(YUYAO), load_pack(copied)
    cap = {"spaces": ["makerspace"], "level": "local", "yuan": "1", "article": "第十一条", "status": "stated"}
    assert diff(old, new) == [Change("cap.makerspace.local", "added", "", None, cap, "第十一条")]
    assert diff(new, old) == [Change("cap.makerspace.local", "removed", "", cap, None, "第十一条")]


def test_an_added_standard_is_one_change_and_another_document_too(copied: Path) -> None:
    text = '[[standard]]\nid = "area"\nlabel = "面积标准"\ndocument = "甬科〔1〕1号"\narticle = "第五条"\n'
    with (copied / "criteria.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n{text}status = "missing"\nnote = "未提供"\n')
    first = load_pack(copied)
    (change,) = diff(loaded(YUYAO), first)
    assert (change.key, change.what, change.article) == ("standard.area", "added", "第五条")
    assert change.after["document"] == "甬科〔1〕1号"
    rewrite(copied / "criteria.toml", "甬科〔1〕1号", "甬科〔1〕2号")
    assert diff(first, load_pack(copied)) == [
        Change("standard.area", "changed", "document", "甬科〔1〕1号", "甬科〔1〕2号", "第五条")
    ]


def test_another_way_to_cite_an_article_is_one_change(copied: Path) -> None:
    rewrite(copied / "policy.toml", 'number = "第五条"\n', 'number = "第五条"\ncited_as = "办法第五条"\n')
    assert diff(loaded(YUYAO), load_pack(copied)) == [
        Change("article.第五条", "changed", "cited_as", "", "办法第五条", "第五条")
    ]


def test_a_removed_timer_takes_its_periods_along(copied: Path) -> None:
    path = copied / "machines" / "application.toml"
    text = path.read_text("utf-8")
    path.write_text(text[: text.index('[[timer]]\nname   = "ban_over"')], "utf-8")
    (change,) = diff(loaded(YUYAO), load_pack(copied))
    assert (change.key, change.what) == ("application.timer.ban_over", "removed")
    assert change.before["period"][0]["length"] == 2


def test_a_removed_edge_takes_its_four_eyes_rule_along(copied: Path) -> None:
    path = copied / "machines" / "application.toml"
    text = path.read_text("utf-8")
    start = text.index('[[edge]]\nevent     = "endorse"')
    path.write_text(text[:start] + text[text.index("[[edge]]", start + 1) :], "utf-8")
    (change,) = diff(loaded(YUYAO), load_pack(copied))
    key = "application.endorse.tech_lead+finance.joint_finance_review>recognized[all_departments_endorsed]"
    assert (change.key, change.what) == (key, "removed")
    assert change.before["four_eyes"]["events"] == ["pass_preliminary"]


@pytest.mark.parametrize("table", ["assessment", "awards"])
def test_a_removed_table_takes_along_what_stands_below_it(table: str, copied: Path) -> None:
    path = copied / "policy.toml"
    blocks = re.split(r"(?m)^(?=\[)", path.read_text("utf-8"))
    path.write_text("".join(block for block in blocks if not re.match(rf"\[+{table}[.\]]", block)), "utf-8")
    (change,) = diff(loaded(YUYAO), load_pack(copied))
    assert (change.key, change.what) == (table, "removed")
    assert change.before["annual" if table == "awards" else "failures"]


def test_a_ground_in_the_city_s_own_words_is_one_change(copied: Path) -> None:
    (copied / "labels.toml").write_text('[grounds]\npropose_revocation = "事由"\n', "utf-8")
    assert diff(loaded(YUYAO), load_pack(copied)) == [
        Change("words.grounds.propose_revocation", "added", "", None, "事由", "")
    ]


def test_a_removed_machine_is_one_change(copied: Path) -> None:
    (copied / "machines" / "incubator.toml").unlink()
    assert [(c.key, c.what) for c in diff(loaded(YUYAO), load_pack(copied))] == [("incubator", "removed")]


def test_branches_between_the_same_states_are_told_apart(copied: Path) -> None:
    twin = '[[edge]]\nevent = "accept"\nby = ["tech_clerk"]\nfrom = ["applied"]\nto = "preliminary_review"\n'
    with (copied / "machines" / "application.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n{twin}when = "where_it_came_from"\narticle = "第九条"\nstatus = "stated"\n')
    (change,) = diff(loaded(YUYAO), load_pack(copied))
    key = "application.accept.tech_clerk.applied>preliminary_review[where_it_came_from]"
    assert (change.key, change.what) == (key, "added")


# ---- coverage and open questions -----------------------------------------------------------------


def test_every_article_is_covered_exactly_once(pack: PolicyPack) -> None:
    assert [c.number for c in coverage(pack, {})] == [article.number for article in pack.identity.articles]


def test_every_provision_is_counted_under_its_article_and_no_other(pack: PolicyPack) -> None:
    counted = [(key, c.number) for c in coverage(pack, {}) for key in c.coded_in]
    assert sorted(counted) == sorted((key, article_of(p.article)[0]) for key, p in pack.provisions())


def test_what_is_called_coded_is_coded_and_what_has_nothing_to_do_is_not(pack: PolicyPack) -> None:
    for covered in coverage(pack, {}):
        if covered.handling is Handling.CODED:
            assert covered.coded_in, covered.number
        if covered.handling is Handling.NOT_APPLICABLE:
            assert covered.coded_in == (), covered.number
        assert covered.handling_word == pack.words("handlings", covered.handling)


def test_a_scenario_stands_at_the_articles_it_names_items_included() -> None:
    found = coverage(loaded(YUYAO), {"criteria": ["第五条第2项"], "recognised": ["第五条", "第九条"]})
    assert {c.number: c.scenarios for c in found if c.scenarios} == {
        "第五条": ("criteria", "recognised"),
        "第九条": ("recognised",),
    }


def test_open_questions_are_exactly_the_provisions_that_are_not_stated(pack: PolicyPack) -> None:
    wanted = [(key, p.article, p.status, p.note) for key, p in pack.provisions() if p.status is not Status.STATED]
    assert [(q.key, q.article, q.status, q.note) for q in open_questions(pack)] == wanted


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        (YUYAO, "in_force", "自2020-01-01起，未载明有效期；对当事人不利的规则只适用于2021-01-27及以后的事实"),
        (YUYAO, "numbering", "文号：余科孵〔年份〕序号号"),
        (YUYAO, "types.makerspace", "申请类型：众创空间，计为众创空间"),
        (YUYAO, "criterion.y5_1_half_year", "机构运营半年以上：≥6个月（必须）"),
        (YUYAO, "tenant_condition.y6_2_age", "入驻时企业成立时间不超过2年：不超过24个月（必须）"),
        (
            YUYAO,
            "application.accept.tech_clerk.applied>preliminary_review",
            "受理：已申请，待受理 → 科技局初审（科技局经办人）",
        ),
        (YUYAO, "application.ban_over.in.disqualified", "禁止申报期（取消评审资格）：2年"),
        (YUYAO, "application.correction_due.reminder.5_days", "补正期限：届满前5日提醒"),
        (YUYAO, "application.review_due.escalation", "审核期限：逾期第1个工作日，此后每5个工作日催办"),
        (
            YUYAO,
            "application.endorse.tech_lead+finance.joint_finance_review>same.four_eyes",
            "联合审核同意：不得为办理过“初审通过”的人",
        ),
        (YUYAO, "assessment.failures", "连续2个日历年度不合格的，取消资格"),
        (CIXI, "awards.straight", "未经本市级直接取得上级认定的奖励：先列为“暂缓”"),
        (
            YUYAO,
            "application.resubmit.applicant.correction>applied[where_it_came_from]",
            "提交补正材料：补正中 → 已申请，待受理（申报主体，退回自该环节）",
        ),
        (CIXI, "departments", "联合审核：科技局负责人、财政局均须同意"),
        (CIXI, "material.premises", "申请材料：场地证明材料（必交）"),
        (
            CIXI,
            "standard.makerspace_numbers",
            "本市级众创空间认定的数量标准：见慈科〔2020〕51号《慈溪市众创空间认定与管理办法》",
        ),
    ],
)
def test_a_question_says_in_short_what_would_be_confirmed(name: str, key: str, value: str) -> None:
    assert {q.key: q.value for q in open_questions(loaded(name))}[key] == value


def test_only_the_numbers_of_documents_that_are_not_there_are_missing() -> None:
    missing = [q.key for q in open_questions(loaded(CIXI)) if q.status is Status.MISSING]
    assert missing == ["standard.makerspace_numbers", "standard.incubator_numbers"]
    assert all(criterion.status is Status.STATED for criterion in loaded(CIXI).criteria)
    scorecard = [q.key for q in open_questions(loaded(YUYAO)) if q.status is Status.MISSING]
    assert scorecard == ["standard.assessment_scorecard"]


def test_every_provision_has_its_line_stated_or_not(pack: PolicyPack) -> None:
    said = {key: value_in_words(pack, key, provision) for key, provision in pack.provisions()}
    assert all(said.values())
    if pack.name == CIXI:
        assert said["criterion.m1_gathering"] == "集聚创新创业者（人工判断）"
        assert said["criterion.m3_financing"] == "强化创业融资服务，设立种子资金：须自有种子资金>0（人工判断）"


def test_a_cap_can_be_asked_about(copied: Path) -> None:
    with (copied / "policy.toml").open("a", encoding="utf-8") as file:
        file.write('[[cap]]\nspaces = ["makerspace"]\nlevel = "local"\nyuan = 300000\n')
        file.write('article = "第十一条"\nstatus = "reading"\nnote = "试"\n')
    found = {q.key: q.value for q in open_questions(load_pack(copied))}
    assert found["cap.makerspace.local"] == "众创空间市本级认定奖励不超过300,000元"
