"""What is refused in a policy pack, complaint by complaint: place, key, what is wrong and what is allowed.

How a sound pack is shown is proved in ``test_policy_pages``; what it decides, where its rules are tested.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from string import Formatter

import pytest

from kjfh_workflow.errors import PolicyError, Problem
from kjfh_workflow.notices.render import Renderer
from kjfh_workflow.policy import (
    catalog,
    checks,
    clock_checks,
    family_checks,
    hearing_checks,
    loader,
    machine_checks,
    needs_checks,
    vocabulary,
    years_checks,
)
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.loader import load_pack
from kjfh_workflow.policy.wording import house_words, say
from kjfh_workflow.resources import states_dir, templates_dir
from kjfh_workflow.rules.evidence import Grounds

YUYAO, CIXI = "yuyao/2020-01-01", "cixi/2021-01-01"
POLICY, CRITERIA, LABELS = "policy.toml", "criteria.toml", "labels.toml"
APPLICATION, INCUBATOR = "machines/application.toml", "machines/incubator.toml"
CHANGE, PROMOTION, TENANCY = (f"machines/{kind}.toml" for kind in ("change", "promotion", "tenancy"))
#: The modules that complain.
SPEAKERS = (
    loader, checks, machine_checks, clock_checks, family_checks, hearing_checks, needs_checks, years_checks, catalog,
)  # fmt: skip
COMPLAINTS = tomllib.loads(Path(loader.__file__).with_name("complaints.toml").read_text("utf-8"))
#: Endings that ``hint`` puts to a complaint; no complaints of their own.
HINTS = {"did_you_mean", "allowed", "nothing"}
#: Complaints about a folder that is no pack at all; proved further down.
NO_PACK = {"no_folder", "no_packs", "folder_name"}
#: Complaints about what a template writes; proved in ``test_rehearse``.
#: Complaints about folders of templates; proved in ``test_template_folders``.
TEMPLATES = {"no_templates_here", "unused_template"}
REHEARSED = {"letter_addressee", "letter_signature", "letter_title"}


def articles_of(name: str) -> str:
    return ", ".join(sorted(article.number for article in load_pack(states_dir() / name).identity.articles))


ARTICLES, CIXI_ARTICLES = articles_of(YUYAO), articles_of(CIXI)
SECTIONS = ", ".join(sorted(house_words()))
FIELDS = ", ".join(sorted(vocabulary.Field))
ALL_STATES = (
    "applied, correction, disqualified, joint_finance_review, lapsed, preliminary_review, "
    "recognized, rejected, withdrawn"
)
NOTICES = ", ".join(sorted(load_pack(states_dir() / YUYAO).identity.notices))
YUYAO_TITLE = load_pack(states_dir() / YUYAO).machines[vocabulary.CaseKind.INCUBATOR]
TITLE_EVENTS, TITLE_STATES = (", ".join(sorted(names)) for names in (YUYAO_TITLE.events, YUYAO_TITLE.states))
ALL_EVENTS = (
    "accept, ban_over, correction_overdue, endorse, find_fraud, pass_preliminary, reject, "
    "resubmit, return_for_correction, submit, withdraw"
)

#: Yuyao's numbering, whole.
NUMBERING = """[numbering]
form    = "余科孵〔{year}〕{number}号"
article = "第四条"
status  = "house_default"
note    = "文件未规定文号；按年连续编号，不留空号"
"""

#: Something done to a pack's folder.
Edit = Callable[[Path], object]


def edit(file: str, old: str, new: str) -> Edit:
    def rewrite(pack: Path) -> None:
        text = (pack / file).read_text("utf-8")
        assert text.count(old) == 1, (file, old)
        (pack / file).write_text(text.replace(old, new), "utf-8")

    return rewrite


def within(file: str, part: str, old: str, new: str) -> Edit:
    """The same in the one edge, timer or table that *part* stands in: ``event = "accept"``."""

    return _in_blocks(file, r"(?m)^(?=\[\[)", part, old, new)


def in_table(name: str, old: str, new: str) -> Edit:
    """The same in one table of ``policy.toml``: ``awards.instalments``."""
    return _in_blocks(POLICY, r"(?m)^(?=\[)", f"[{name}]\n", old, new)


def _in_blocks(file: str, start: str, part: str, old: str, new: str) -> Edit:
    def rewrite(pack: Path) -> None:
        text = (pack / file).read_text("utf-8")
        blocks = re.split(start, text)
        plain = [re.sub(" +", " ", block) for block in blocks]
        found = [number for number, block in enumerate(plain) if part in block]
        assert len(found) == 1, (file, part, len(found))
        block = re.sub(" +", " ", blocks[found[0]])
        assert block.count(old) == 1, (file, part, old, block)
        blocks[found[0]] = block.replace(old, new)
        (pack / file).write_text("".join(blocks), "utf-8")

    return rewrite


def append(file: str, text: str) -> Edit:
    def write(pack: Path) -> None:
        with (pack / file).open("a", encoding="utf-8") as stream:
            stream.write(text)

    return write


def delete(file: str) -> Edit:
    return lambda pack: (pack / file).unlink()


STATED = 'article = "第九条"\nstatus = "stated"\n'
CIXI_STATED = 'article = "三（四）"\nstatus = "stated"\n'


def edge(event: str, by: str, source: str, to: str, more: str = "") -> str:
    return f'\n[[edge]]\nevent = "{event}"\nby = ["{by}"]\nfrom = ["{source}"]\nto = "{to}"\n{more}\n{STATED}'


def clock(name: str, state: str, period: str, more: str = "", side: str = "office") -> str:
    head = f'\n[[timer]]\nname = "{name}"\nlabel = "-"\nside = "{side}"\n{more}\n'
    return f'{head}[[timer.period]]\nstate = "{state}"\n{period}\n{STATED}'


#: A third kind of space, of which Yuyao has no word.
STATION = edit(
    POLICY,
    "[types.makerspace]",
    f'[types.station]\nlabel = "星创天地"\nspace = "space_station"\n{STATED}\n[types.makerspace]',
)
PARENT_IN = 'parent_in = ["recognized", "promoted", "under_assessment", "revocation_proposed", "defence_review"]'
#: The endorsement that completes a recognition.
ENDORSED = 'when = "all_departments_endorsed"'


def second_version(start: str) -> Edit:
    """The same policy once more, in force from *start* on."""

    def copy(pack: Path) -> None:
        later = Path(shutil.copytree(pack, pack.parent / start))
        edit(POLICY, "effective_from = 2021-01-01\neffective_to   = 2023-12-31", f"effective_from = {start}")(later)

    return copy


def several(*edits: Edit) -> Edit:
    return lambda pack: [change(pack) for change in edits]


@dataclass(frozen=True)
class Flaw:
    """One thing done to a sound pack, and the complaint about it."""

    code: str
    change: Edit
    #: File, key, and what is wrong.
    complaint: str
    #: Complaints that the same change cannot but cause besides.
    also: frozenset[str] = frozenset()
    pack: str = YUYAO


FLAWS = [
    # ---- the folder and its files
    Flaw(
        "not_part_of_pack",
        append("criterias.toml", ""),
        "criterias.toml: is not part of a pack; did you mean 'criteria.toml'? (allowed: criteria.toml, "
        "labels.toml, machines/application.toml, machines/change.toml, machines/incubator.toml, "
        "machines/promotion.toml, machines/tenancy.toml, policy.toml)",
    ),
    Flaw(
        "city_mismatch",
        edit(POLICY, '= "yuyao"', '= "yuyoa"'),
        "policy.toml: city: is 'yuyoa', but the folder is 'yuyao'",
    ),
    Flaw("file_missing", delete(CRITERIA), "criteria.toml: the file is missing"),
    Flaw(
        "not_toml",
        edit(POLICY, "[in_force]", "[in_force"),
        "policy.toml: is not readable as TOML: Expected ']' at the end of a table declaration (at line 10, column 10)",
    ),
    Flaw(
        "not_toml",
        lambda pack: (pack / LABELS).write_bytes('[roles]\nfinance = "财政局"\n'.encode("gb18030")),
        "labels.toml: is not readable as TOML: 'utf-8' codec can't decode byte 0xb2 in position 19: invalid start byte",
    ),
    # ---- single values
    Flaw(
        "unknown_key",
        edit(CRITERIA, "except_fields", "except_field"),
        "criteria.toml: tenant_condition.4.except_field: is not a known key; did you mean 'except_fields'? "
        "(allowed: article, except_fields, fields, id, label, modifier, months, note, status, test)",
    ),
    Flaw(
        "unknown_key",
        edit(INCUBATOR, '"已认定", titled', '"已认定", titeld'),
        "machines/incubator.toml: states.recognized.titeld: is not a known key; did you mean 'titled'? "
        "(allowed: blocks_payment, final, in_round, label, right_to_be_heard, title_cancelled, titled)",
    ),
    Flaw(
        "unknown_key",
        within(APPLICATION, ENDORSED, "events = [", "event = ["),
        "machines/application.toml: edge.7.four_eyes.event: is not a known key; did you mean 'events'? "
        "(allowed: article, events, note, status)",
    ),
    Flaw(
        "unknown_key",
        append(LABELS, '[role]\nfinance = "市财政局"\n'),
        f"labels.toml: role: is not a known key; did you mean 'roles'? (allowed: {SECTIONS})",
    ),
    Flaw(
        "unknown_key",
        append(LABELS, '[kinds]\nincubater = "孵化器"\n'),
        "labels.toml: kinds.incubater: is not a known key; did you mean 'incubator'? "
        "(allowed: application, change, incubator, promotion, tenancy)",
    ),
    Flaw(
        "unknown_name",
        edit(CRITERIA, '"technology_sme"', '"technology_sma"'),
        "criteria.toml: tenant_condition.0.test: 'technology_sma' is not known; did you mean "
        "'technology_sme'? (allowed: age_at_entry, registered_inside, stay, technology_sme, works_inside)",
    ),
    Flaw(
        "bad_value",
        edit(CRITERIA, "months = 24", "months = 0"),
        "criteria.toml: tenant_condition.3.months: Input should be greater than 0 (found 0)",
    ),
    Flaw(
        "bad_value",
        append(LABELS, "[roles]\nfinance = 3\n"),
        "labels.toml: roles.finance: Input should be a valid string (found 3)",
    ),
    Flaw(
        "bad_value",
        append(LABELS, '[refusals]\nover_cap = "{yuan"\n'),
        "labels.toml: refusals.over_cap: expected '}' before end of string (found '{yuan')",
    ),
    Flaw(
        "unknown_blank",
        append(LABELS, '[refusals]\nover_cap = "超过{caps}元"\n'),
        "labels.toml: refusals.over_cap: the blank 'caps' is not filled in here; did you mean 'cap'? "
        "(allowed: cap, yuan)",
    ),
    Flaw(
        "no_label",
        STATION,
        "labels.toml: spaces.space_station: has no Chinese word in 'spaces'",
    ),
    # ---- articles
    Flaw(
        "duplicate",
        edit(CRITERIA, '"y5_1_direction"', '"y5_1_legal_person"'),
        "criteria.toml: criterion.y5_1_legal_person: 'criterion.y5_1_legal_person' stands here twice",
    ),
    Flaw(
        "duplicate",
        edit(POLICY, 'level = "ningbo"\nyuan = 600000', 'level = "local"\nyuan = 600000'),
        "policy.toml: cap.makerspace.local: 'cap.makerspace.local' stands here twice",
        pack=CIXI,
    ),
    Flaw(
        "duplicate",
        edit(POLICY, 'number = "第三条"', 'number = "第一条"'),
        "policy.toml: article.第一条: 'article.第一条' stands here twice",
    ),
    Flaw(
        "duplicate",
        append(
            INCUBATOR,
            '\n[[timer]]\nname = "defence_window"\nlabel = "-"\nside = "office"\non_due = "defence_window_over"\n'
            f'[[timer.period]]\nstate = "defence_review"\nlength = 1\n{STATED}',
        ),
        "machines/incubator.toml: timer: 'defence_window' stands here twice",
    ),
    Flaw(
        "duplicate",
        edit(APPLICATION, 'state       = "joint_finance_review"', 'state       = "preliminary_review"'),
        "machines/application.toml: application.review_due.in.preliminary_review: "
        "'application.review_due.in.preliminary_review' stands here twice",
    ),
    Flaw(
        "duplicate",
        edit(CRITERIA, '"incubator_numbers"', '"makerspace_numbers"'),
        "criteria.toml: standard.makerspace_numbers: 'standard.makerspace_numbers' stands here twice",
        pack=CIXI,
    ),
    Flaw(
        "no_citation",
        edit(POLICY, 'article = "第十八条"', 'article = "第十七条"'),
        "policy.toml: in_force: '第十七条' is not an article of this document; did you mean '第十条'? "
        f"(allowed: {ARTICLES})",
        also=frozenset({"article_uncited"}),
    ),
    Flaw(
        "no_citation",
        edit(CRITERIA, 'article = "二（一）"\n', 'article = "二（一)"\n'),
        "criteria.toml: standard.makerspace_numbers: '二（一)' is not an article of this document; "
        f"did you mean '二（一）'? (allowed: {CIXI_ARTICLES})",
        pack=CIXI,
    ),
    Flaw(
        "no_item",
        edit(POLICY, 'article = "第八条第6项"', 'article = "第八条第7项"'),
        "policy.toml: material.other: '第八条第7项': 第八条 has 6 items",
    ),
    Flaw(
        "note_required",
        edit(CRITERIA, 'note = "只计符合第六条的在孵企业"', 'note = " "'),
        "criteria.toml: criterion.y5_2_tenants: status 'reading' needs a note that says what was chosen and why",
    ),
    Flaw(
        "article_uncited",
        edit(POLICY, 'about = "制定目的和依据"\nhandling = "not_applicable"', 'about = "-"\nhandling = "coded"'),
        "policy.toml: article.第一条: is marked as coded, but nothing in the pack cites it",
    ),
    Flaw(
        "article_cited",
        edit(POLICY, 'about = "施行日期"\nhandling = "coded"', 'about = "-"\nhandling = "not_applicable"'),
        "policy.toml: article.第十八条: is marked 'not_applicable', but in_force cites it",
    ),
    # ---- the document
    Flaw(
        "version_folder",
        edit(POLICY, "effective_from = 2020-01-01", "effective_from = 2020-02-01"),
        "policy.toml: in_force.effective_from: effective_from is 2020-02-01, but the folder is 2020-01-01",
    ),
    Flaw(
        "dates_reversed",
        in_table("in_force", "2023-12-31\n", "2020-12-31\n"),
        "policy.toml: in_force.effective_to: ends on 2020-12-31 before it begins on 2021-01-01",
        pack=CIXI,
    ),
    Flaw(
        "version_overlap",
        second_version("2023-12-31"),
        "policy.toml: in_force.effective_to: is in force until 2023-12-31, and 2023-12-31 from 2023-12-31: "
        "they overlap",
        pack=CIXI,
    ),
    Flaw(
        "version_gap",
        second_version("2024-01-02"),
        "policy.toml: in_force.effective_to: ends on 2023-12-31, and the next version 2024-01-02 begins on "
        "2024-01-02: a gap",
        pack=CIXI,
    ),
    Flaw(
        "unknown_space",
        edit(POLICY, 'spaces = ["incubator"]\nlevel = "local"', 'spaces = ["incubater"]\nlevel = "local"'),
        "policy.toml: cap.spaces: 'incubater' is not a kind of space; did you mean 'incubator'? (allowed: "
        "incubator, makerspace)",
        pack=CIXI,
    ),
    # ---- criteria
    Flaw(
        "unknown_type",
        edit(CRITERIA, '["specialised_incubator"]', '["specialized_incubator"]'),
        "criteria.toml: criterion.i6_platform: 'specialized_incubator' is not a type; did you mean "
        "'specialised_incubator'? (allowed: incubator, makerspace, specialised_incubator)",
        pack=CIXI,
    ),
    Flaw(
        "criterion_measure",
        edit(CRITERIA, 'op = ">="\nvalue = 10\n', "value = 10\n"),
        "criteria.toml: criterion.y5_2_tenants: needs measure, op and value, unless it is judged",
    ),
    Flaw(
        "criterion_judged",
        edit(CRITERIA, 'label = "发展方向明确"', 'label = "发展方向明确"\nmeasure = "tenants"'),
        "criteria.toml: criterion.y5_1_direction: is judged by a person and takes no measure, op or value "
        "(use requires)",
    ),
    Flaw(
        "requires_judged",
        edit(CRITERIA, "value = 10\n", 'value = 10\nrequires = { measure = "tenants", op = ">", value = 0 }\n'),
        "criteria.toml: criterion.y5_2_tenants: requires is only for judged criteria",
    ),
    Flaw(
        "per_measure",
        edit(CRITERIA, "value = 10\n", "value = 10\nper = 10\n"),
        "criteria.toml: criterion.y5_2_tenants: per goes with a per-tenant measure, and only with it",
    ),
    Flaw(
        "per_measure",
        edit(
            CRITERIA,
            'mentors_per_tenants"\nop = ">="\nvalue = 1\nper = 10\n',
            'mentors_per_tenants"\nop = ">="\nvalue = 1\n',
        ),
        "criteria.toml: criterion.y5_4_mentors_per_ten: per goes with a per-tenant measure, and only with it",
    ),
    Flaw(
        "months_test",
        edit(CRITERIA, "months = 60\n", ""),
        "criteria.toml: tenant_condition.y6_3_long_stay: months goes with the tests age_at_entry and stay, "
        "and only with them",
    ),
    Flaw(
        "months_test",
        edit(CRITERIA, 'test = "works_inside"\n', 'test = "works_inside"\nmonths = 1\n'),
        "criteria.toml: tenant_condition.y6_2_works: months goes with the tests age_at_entry and stay, and "
        "only with them",
    ),
    # ---- notices
    Flaw(
        "unknown_notice",
        edit(APPLICATION, '["preliminary_passed"]', '["preliminary_pased"]'),
        "machines/application.toml: edge.pass_preliminary.notify: nobody is named as the receiver of "
        "'preliminary_pased' in policy.toml [notices]; did you mean 'preliminary_passed'? (allowed: "
        f"{NOTICES})",
        also=frozenset({"notice_unused", "no_template"}),
    ),
    Flaw(
        "unknown_notice",
        edit(POLICY, 'label = "逾期催办", to = ["tech_lead"]', 'label = "逾期催办"'),
        "machines/application.toml: timer.review_due.escalation: nobody is named as the receiver of "
        "'work_overdue' in policy.toml [notices]",
    ),
    Flaw(
        "unknown_notice",
        edit(APPLICATION, 'responsible = ["tech_clerk"]\n', ""),
        "machines/application.toml: timer.review_due.reminder: nobody is named as the receiver of "
        "'work_reminder' in policy.toml [notices]",
    ),
    Flaw(
        "notice_unused",
        edit(APPLICATION, 'notify   = ["preliminary_passed"]\n', ""),
        "policy.toml: notices.preliminary_passed: is never sent",
    ),
    Flaw(
        "no_template",
        several(
            edit(POLICY, "preliminary_passed ", "preliminary_over "),
            edit(APPLICATION, '["preliminary_passed"]', '["preliminary_over"]'),
        ),
        "policy.toml: notices.preliminary_over: there is no template folder 'preliminary_over' with "
        "subject.txt, title.txt and body.txt",
    ),
    Flaw(
        "no_numbering",
        edit(POLICY, NUMBERING, ""),
        "policy.toml: notices.correction_requested.numbered: a notice is numbered, but the pack has no [numbering]",
    ),
    Flaw(
        "number_form",
        edit(POLICY, "〔{year}〕{number}号", "〔{year}〕号"),
        "policy.toml: numbering.form: '余科孵〔{year}〕号' must hold the blanks {year} and {number} once each",
    ),
    Flaw(
        "number_form",
        edit(POLICY, "〔{year}〕{number}号", "〔{year}〕{number}号（{number}）"),
        "policy.toml: numbering.form: '余科孵〔{year}〕{number}号（{number}）' must hold the blanks {year} and "
        "{number} once each",
    ),
    Flaw(
        "number_form",
        edit(POLICY, "〔{year}〕{number}号", "〔{year〕{number}号"),
        "policy.toml: numbering.form: '余科孵〔{year〕{number}号' must hold the blanks {year} and {number} once each",
    ),
    # ---- the names in a machine
    Flaw(
        "unknown_state",
        edit(APPLICATION, 'to       = "applied"\nevidence = ["type"', 'to       = "aplied"\nevidence = ["type"'),
        "machines/application.toml: edge[0].submit.to: 'aplied' is not a state; did you mean 'applied'? "
        "(allowed: applied, correction, disqualified, joint_finance_review, lapsed, preliminary_review, "
        "recognized, rejected, same, withdrawn)",
    ),
    Flaw(
        "unknown_state",
        edit(
            APPLICATION,
            'from    = ["disqualified"]\nto      = "same"\nnotify',
            'from    = ["disqualifeid"]\nto      = "same"\nnotify',
        ),
        "machines/application.toml: edge[15].ban_over.from: 'disqualifeid' is not a state; did you mean "
        "'disqualified'? (allowed: applied, correction, disqualified, joint_finance_review, lapsed, new, "
        "preliminary_review, recognized, rejected, withdrawn)",
    ),
    Flaw(
        "unknown_state",
        edit(APPLICATION, 'pauses_in = ["correction"]', 'pauses_in = ["corection"]'),
        "machines/application.toml: timer.review_due: 'corection' is not a state; did you mean 'correction'? "
        f"(allowed: {ALL_STATES})",
    ),
    Flaw(
        "unknown_event",
        edit(APPLICATION, 'event   = "accept"', 'event   = "acept"'),
        "machines/application.toml: edge[1].acept: 'acept' is not an event; did you mean 'accept'? (allowed: "
        f"{ALL_EVENTS})",
        also=frozenset({"event_without_edge"}),
    ),
    Flaw(
        "unknown_event",
        edit(APPLICATION, 'on_due = "ban_over"', 'on_due = "ban_ower"'),
        "machines/application.toml: timer.ban_over.on_due: 'ban_ower' is not an event; did you mean "
        f"'ban_over'? (allowed: {ALL_EVENTS})",
    ),
    Flaw(
        "unknown_event",
        within(APPLICATION, ENDORSED, '["pass_preliminary"]', '["pass_preliminery"]'),
        "machines/application.toml: edge[7].endorse.four_eyes: 'pass_preliminery' is not an event; "
        f"did you mean 'pass_preliminary'? (allowed: {ALL_EVENTS})",
    ),
    Flaw(
        "event_without_edge",
        edit(APPLICATION, "[events]\n", '[events]\nappeal = "复议"\n'),
        "machines/application.toml: events.appeal: has no edge",
    ),
    Flaw(
        "unknown_evidence",
        edit(APPLICATION, '"findings?"', '"findigns?"'),
        "machines/application.toml: edge[6].pass_preliminary.evidence: 'findigns' is not a piece of evidence; did "
        f"you mean 'findings'? (allowed: {FIELDS})",
    ),
    Flaw(
        "role_cannot_act",
        edit(APPLICATION, 'by      = ["tech_clerk"]', 'by      = ["tech_clerk", "auditor"]'),
        "machines/application.toml: edge[1].accept.by: 'auditor' reads or configures and performs nothing",
    ),
    Flaw(
        "new_in_middle",
        append(APPLICATION, edge("withdraw", "applicant", "rejected", "new")),
        "machines/application.toml: edge[16].withdraw.to: 'new' is where a case begins; nothing leads there",
    ),
    Flaw(
        "same_from_new",
        append(APPLICATION, edge("accept", "tech_clerk", "new", "same")),
        "machines/application.toml: edge[16].accept.to: 'same' cannot follow 'new'",
    ),
    # ---- the graph
    Flaw(
        "unreachable_state",
        edit(APPLICATION, "[states]\n", '[states]\nlimbo = { label = "-", final = true }\n'),
        "machines/application.toml: states.limbo: can never be reached",
    ),
    Flaw(
        "dead_end",
        edit(APPLICATION, '"已认定", final = true', '"已认定"'),
        "machines/application.toml: states.recognized: is not final, but nothing leads out of it",
    ),
    Flaw(
        "four_eyes_event",
        within(APPLICATION, ENDORSED, '["pass_preliminary"]', '["ban_over"]'),
        "machines/application.toml: edge[7].endorse.four_eyes: 'ban_over' can never have happened in this case",
    ),
    Flaw(
        "never_chosen",
        append(APPLICATION, edge("accept", "tech_clerk", "applied", "rejected")),
        "machines/application.toml: edge.accept: can never be chosen: an edge before it always wins from "
        "'applied' for 'tech_clerk'",
    ),
    Flaw(
        "no_default",
        edit(APPLICATION, 'event   = "accept"', 'event   = "accept"\nwhen = "where_it_came_from"'),
        "machines/application.toml: edge.accept: from 'applied' for 'tech_clerk' every edge has a condition; "
        "one without must stand last",
    ),
    Flaw(
        "evidence_differs",
        edit(
            APPLICATION, 'to        = "same"\nevidence  = ["opinion?"]', 'to        = "same"\nevidence  = ["opinion"]'
        ),
        "machines/application.toml: edge.endorse: the edges from 'joint_finance_review' for 'finance' ask "
        "for different evidence",
    ),
    # ---- timers
    Flaw(
        "timer_event",
        edit(
            APPLICATION,
            'side   = "applicant"\non_due = "correction_overdue"',
            'side   = "applicant"\non_due = "withdraw"',
        ),
        "machines/application.toml: timer.correction_due: on_due 'withdraw' has no edge by 'timer' from 'correction'",
        also=frozenset({"timer_event_unused"}),
    ),
    Flaw(
        "timer_event_unused",
        edit(
            APPLICATION,
            'from    = ["correction"]\nto      = "lapsed"',
            'from    = ["correction", "applied"]\nto      = "lapsed"',
        ),
        "machines/application.toml: edge.correction_overdue: an edge by 'timer' needs a timer with on_due = "
        "'correction_overdue' that runs in 'applied'",
    ),
    Flaw(
        "timer_no_effect",
        edit(APPLICATION, 'on_due = "ban_over"\n', ""),
        "machines/application.toml: timer.ban_over: does nothing: it has neither on_due, reminder, escalation "
        "nor overdue_notice",
        also=frozenset({"timer_event_unused"}),
    ),
    Flaw(
        "timer_no_length",
        edit(INCUBATOR, "length  = 5\n", ""),
        "machines/incubator.toml: timer.defence_window.revocation_proposed: needs a length or length_from",
    ),
    Flaw(
        "length_from",
        edit(APPLICATION, 'length_from = "working_days"', 'length_from = "workings_days"'),
        "machines/application.toml: timer.correction_due.correction: 'workings_days' is no evidence of any "
        "edge into 'correction'; did you mean 'working_days'? (allowed: missing, reason, working_days)",
    ),
    Flaw(
        "length_optional",
        edit(APPLICATION, "length      = 15\nlength_from", "length_from"),
        "machines/application.toml: timer.correction_due.correction: has no length, so every edge into "
        "'correction' must require 'working_days'",
    ),
    Flaw(
        "ban_without_timer",
        edit(APPLICATION, 'side   = "nobody"', 'side   = "office"'),
        "machines/application.toml: edge.find_fraud: effect 'impose_ban' needs a timer with side = 'nobody' "
        "in state 'disqualified'",
    ),
    Flaw(
        "bar_never_starts",
        edit(INCUBATOR, 'side   = "applicant"', 'side   = "nobody"'),
        "machines/incubator.toml: timer.defence_window.revocation_proposed: a clock with side = 'nobody' starts only "
        "with effect 'impose_ban', and no edge into this state has it",
        also=frozenset({"not_heard"}),
    ),
    Flaw(
        "pause_in_days",
        edit(APPLICATION, "length      = 20\n", 'length      = 1\nunit        = "months"\n'),
        "machines/application.toml: timer.review_due.pauses_in: only working days can stand still and resume",
    ),
    Flaw(
        "escalation_never",
        edit(APPLICATION, 'side      = "office"', 'side      = "office"\non_due    = "withdraw"'),
        "machines/application.toml: timer.review_due.escalation: never rings: at the last day on_due happens instead",
        also=frozenset({"timer_event"}),
    ),
    # ---- approval
    Flaw(
        "approved_by_timer",
        edit(
            APPLICATION,
            'to      = "lapsed"\n',
            'to      = "lapsed"\nopens   = "incubator"\n',
        ),
        "machines/application.toml: edge.correction_overdue: nothing is ever approved by timeout: an edge by 'timer' "
        "opens no case, endorses nothing and grants neither title, grade nor money",
    ),
    Flaw(
        "endorsement_not_recorded",
        edit(
            APPLICATION,
            'effects   = ["record_endorsement"]\nopens     = "incubator"\n',
            'opens     = "incubator"\n',
        ),
        "machines/application.toml: edge.endorse: waits for all departments, but does not record this one's "
        "endorsement (effect 'record_endorsement')",
    ),
    Flaw(
        "department_cannot_endorse",
        edit(POLICY, 'roles   = ["tech_lead", "finance"]', 'roles   = ["tech_lead", "finance", "tech_clerk"]'),
        "machines/application.toml: edge: departments.roles names 'tech_clerk', but no endorsing edge is by it: "
        "nothing could ever be recognised",
    ),
    Flaw(
        "no_adverse_from",
        edit(POLICY, "adverse_from   = 2021-01-27\n", ""),
        "machines/application.toml: edge.find_fraud: 'before_adverse_from' can never be chosen: in_force has no "
        "adverse_from",
    ),
    # ---- cases that open cases
    Flaw(
        "opens_nothing",
        within(INCUBATOR, 'event = "grant_title"', 'by = ["case"]', 'by = ["tech_lead"]'),
        "machines/application.toml: edge.endorse.opens: opens 'incubator', but that machine has no edge by "
        "'case' from 'new'",
    ),
    Flaw(
        "no_machine",
        delete(INCUBATOR),
        "machines/application.toml: edge.endorse.opens: the pack has no machine for 'incubator'",
        also=frozenset({"notice_unused", "table_unused"}),
    ),
    # ---- clocks whose last day is found otherwise
    Flaw(
        "overdue_never",
        within(INCUBATOR, 'name = "defence_window"', "moved_notice", 'overdue_notice = "revoked"\nmoved_notice'),
        "machines/incubator.toml: timer.defence_window.overdue_notice: is never sent: at the last day on_due happens "
        "instead",
    ),
    Flaw(
        "timer_no_length",
        within(CHANGE, 'reckoning = "day_of_change"', "length = 1\n", ""),
        "machines/change.toml: timer.change_report_due.unreported: needs a length or length_from",
    ),
    Flaw(
        "reckoned_length",
        within(TENANCY, 'reckoning = "stay"', "rolls = false", "rolls = false\nlength = 36"),
        "machines/tenancy.toml: timer.incubation_limit.incubating: the last day is found by 'stay'; it takes no length "
        "or length_from",
    ),
    Flaw(
        "reckoned_rolls",
        within(TENANCY, 'reckoning = "stay"', "rolls = false\n", ""),
        "machines/tenancy.toml: timer.incubation_limit.incubating.rolls: a last day found by 'stay' does not move off "
        "a rest day; write rolls = false",
    ),
    Flaw(
        "reckoned_pauses",
        several(
            within(CHANGE, 'reckoning = "day_of_change"', 'unit = "months"\n', ""),
            within(CHANGE, 'name = "change_report_due"', "side", 'pauses_in = ["reported"]\nside'),
        ),
        "machines/change.toml: timer.change_report_due.pauses_in: a clock with a reckoning follows it and never "
        "stands still",
    ),
    Flaw(
        "nobody_hands_in",
        within(
            TENANCY,
            'event = "incubation_over"',
            'to = "overstayed"',
            'to = "overstayed"\nevidence = ["reason", "opinion?"]',
        ),
        "machines/tenancy.toml: edge.incubation_over.evidence: is required, but no person performs this and hands in "
        "'reason'",
    ),
    Flaw(
        "nobody_hands_in",
        within(INCUBATOR, 'event = "grant_title"', 'to = "recognized"', 'to = "recognized"\nevidence = ["opinion"]'),
        "machines/incubator.toml: edge.grant_title.evidence: is required, but no person performs this and hands in "
        "'opinion'",
    ),
    Flaw(
        "unknown_notice",
        within(CHANGE, 'name = "change_report_due"', '"change_overdue"', '"change_overdeu"'),
        "machines/change.toml: timer.change_report_due.overdue_notice: nobody is named as the receiver of "
        f"'change_overdeu' in policy.toml [notices]; did you mean 'change_overdue'? (allowed: {NOTICES})",
        also=frozenset({"notice_unused", "no_template"}),
    ),
    # ---- cases that belong to cases
    Flaw(
        "under_unfit",
        edit(INCUBATOR, 'one_open_per = "space"', 'under = "incubator"'),
        "machines/incubator.toml: under: a case cannot belong to 'incubator': that kind is this one, or belongs to "
        "another itself",
    ),
    Flaw(
        "no_machine",
        several(edit(TENANCY, 'under = "incubator"', 'under = "promotion"'), delete(PROMOTION)),
        "machines/tenancy.toml: under: the pack has no machine for 'promotion'",
        also=frozenset({"notice_unused", "table_unused", "case_event_unused"}),
    ),
    Flaw(
        "no_parent",
        edit(TENANCY, 'under = "incubator"\n', ""),
        "machines/tenancy.toml: edge.admit.effects: 'admit_tenant' is for a case that belongs to another one "
        "(key 'under')",
    ),
    Flaw(
        "no_parent",
        within(INCUBATOR, 'event = "report_year"', 'to = "same"', 'to = "same"\ntells = "accept"'),
        "machines/incubator.toml: edge.report_year.tells: 'tells' is for a case that belongs to another one "
        "(key 'under')",
    ),
    Flaw(
        "parent_never_titled",
        several(
            edit(TENANCY, 'under = "incubator"', 'under = "application"'),
            *(within(TENANCY, f'event = "{event}"', f"{PARENT_IN}\n", "") for event in ("graduate", "extend")),
        ),
        "machines/tenancy.toml: edge.admit.parent_in: no state of the case it belongs to is titled; name the states in "
        "which it may be opened",
    ),
    Flaw(
        "unknown_state",
        within(PROMOTION, 'event = "recommend"', '"under_assessment"]', '"under_asessment"]'),
        "machines/promotion.toml: edge.recommend.parent_in: 'under_asessment' is not a state; did you mean "
        f"'under_assessment'? (allowed: {TITLE_STATES})",
    ),
    Flaw(
        "one_open_tenant",
        within(TENANCY, 'event = "admit"', 'effects = ["admit_tenant"]\n', ""),
        "machines/tenancy.toml: one_open_per: counts by tenant, but not every edge from 'new' has the effect "
        "'admit_tenant'",
    ),
    Flaw(
        "unknown_event",
        within(PROMOTION, 'event = "record_recognition"', '"take_level"', '"take_levle"'),
        "machines/promotion.toml: edge.record_recognition.tells: 'take_levle' is not an event; did you mean "
        f"'take_level'? (allowed: {TITLE_EVENTS})",
        also=frozenset({"case_event_unused"}),
    ),
    Flaw(
        "tells_nothing",
        within(INCUBATOR, 'event = "change_settled"', 'by = ["case"]', 'by = ["tech_clerk"]'),
        "machines/change.toml: edge.confirm_conforming.tells: the case it belongs to has no edge by 'case' for "
        "'change_settled'",
    ),
    Flaw(
        "tells_without",
        within(INCUBATOR, 'event = "change_settled"', '"what?"', '"voucher"'),
        "machines/change.toml: edge.confirm_conforming.tells: 'change_settled' requires 'voucher' of whoever tells it, "
        "and no edge of this machine asks for it",
    ),
    Flaw(
        "case_event_unused",
        within(PROMOTION, 'event = "record_recognition"', 'tells = "take_level"\n', ""),
        "machines/incubator.toml: edge.take_level: an edge by 'case', but no other case opens it or tells 'take_level'",
    ),
    # ---- what a machine needs of the tables
    Flaw(
        "table_needed",
        within(PROMOTION, 'event = "recommend"', '"level_higher"]', '"level_higher", "grade_good_enough"]'),
        "machines/promotion.toml: edge.recommend.guards: 'grade_good_enough' needs [assessment.recommended_from] in "
        "the pack",
        pack=CIXI,
    ),
    Flaw(
        "table_needed",
        append(
            INCUBATOR,
            clock(
                "idle", "promoted", 'reckoning = "unassessed_instalment"\nrolls = false', 'overdue_notice = "revoked"'
            ),
        ),
        "machines/incubator.toml: timer.idle.promoted.reckoning: 'unassessed_instalment' needs [awards.instalments] in "
        "the pack",
    ),
    Flaw(
        "table_unused",
        within(PROMOTION, 'event = "recommend"', ', "grade_good_enough"', ""),
        "policy.toml: assessment.recommended_from: nothing in the machines makes use of it ('grade_good_enough')",
    ),
    Flaw(
        "evidence_needed",
        within(INCUBATOR, 'event = "report_year"', '["report"]', '["report?"]'),
        "machines/incubator.toml: edge.report_year.evidence: 'note_report' needs the evidence 'report', required",
    ),
    Flaw(
        "evidence_offered",
        within(INCUBATOR, 'event = "decide_ungraded"', ', "rectify_by?"', ""),
        "machines/incubator.toml: edge.decide_ungraded.evidence: 'order_rectification' needs the evidence "
        "'rectify_by', be it optional",
        pack=CIXI,
    ),
    Flaw(
        "effect_needed",
        append(
            INCUBATOR,
            clock("repair", "promoted", 'reckoning = "date_ordered"\nrolls = false', 'overdue_notice = "revoked"'),
        ),
        "machines/incubator.toml: timer.repair.promoted.reckoning: 'date_ordered' needs an edge with the effect "
        "'order_rectification'",
    ),
    # ---- rounds
    Flaw(
        "no_round_state",
        edit(INCUBATOR, ", in_round = true", ""),
        "machines/incubator.toml: edge.close_round: is performed for a whole round, but no state of the machine is "
        "in_round",
        also=frozenset({"round_entered_alone"}),
    ),
    Flaw(
        "for_all_alone",
        within(INCUBATOR, 'event = "open_round"', 'by = ["tech_lead"]', 'by = ["applicant"]'),
        "machines/incubator.toml: edge.open_round: is performed by an office for a whole round at once: it begins, "
        "opens and tells no case, and is by no applicant, timer or case",
    ),
    Flaw(
        "for_all_alone",
        within(INCUBATOR, 'event = "open_round"', "for_all = true", 'for_all = true\nopens = "incubator"'),
        "machines/incubator.toml: edge.open_round: is performed by an office for a whole round at once: it begins, "
        "opens and tells no case, and is by no applicant, timer or case",
    ),
    Flaw(
        "for_all_mixed",
        append(INCUBATOR, edge("open_round", "finance", "recognized", "promoted")),
        "machines/incubator.toml: edge.open_round: some edges of 'open_round' are for_all and some are not",
    ),
    Flaw(
        "round_not_entered",
        within(INCUBATOR, 'event = "open_round"', 'effects = ["enter_round"]\n', ""),
        "machines/incubator.toml: edge.open_round: leads to 'under_assessment', where it is under assessment, without "
        "the effect 'enter_round'",
        also=frozenset({"table_unused"}),
    ),
    Flaw(
        "round_entered_alone",
        within(INCUBATOR, 'event = "open_round"', "for_all = true\n", ""),
        "machines/incubator.toml: edge.open_round.effects: 'enter_round' goes with for_all and a state that is "
        "in_round",
    ),
    # ---- the tables of the years after recognition
    Flaw(
        "scale_order",
        in_table("assessment", '"excellent", "good"', '"good", "excellent"'),
        "policy.toml: assessment.grades: the scale must name each grade once, best first: excellent, good, qualified, "
        "unqualified",
    ),
    Flaw(
        "scale_without_failure",
        in_table("assessment", ', "unqualified"]', "]"),
        "policy.toml: assessment.grades: the scale has no 'unqualified': nobody could fail",
    ),
    Flaw(
        "grade_not_in_scale",
        in_table("assessment.quota", '"excellent"', '"good"'),
        "policy.toml: assessment.quota.grade: 'good' is not a grade of the scale (allowed: excellent, qualified, "
        "unqualified)",
        pack=CIXI,
    ),
    Flaw(
        "grade_not_in_scale",
        append(POLICY, f'[[awards.annual]]\ngrade = "good"\nyuan = 1\n{CIXI_STATED}'),
        "policy.toml: awards.annual.good: 'good' is not a grade of the scale (allowed: excellent, qualified, "
        "unqualified)",
        pack=CIXI,
    ),
    Flaw(
        "duplicate",
        append(POLICY, f'[[awards.annual]]\ngrade = "good"\nyuan = 1\n{STATED}'),
        "policy.toml: awards.annual.good: 'awards.annual.good' stands here twice",
    ),
    Flaw(
        "weights_sum",
        append(POLICY, f'[[assessment.indicator]]\nid = "growth"\nlabel = "-"\nweight = 60.5\n{STATED}'),
        "policy.toml: assessment.indicator.weight: the weights add up to 60.5, not to 100",
    ),
    Flaw(
        "shares_sum",
        in_table("awards.instalments", "[0.6, 0.2, 0.2]", "[0.6, 0.2, 0.21]"),
        "policy.toml: awards.instalments.shares: the shares must be positive and add up to 1 (they add up to 1.01)",
        pack=CIXI,
    ),
    Flaw(
        "shares_sum",
        in_table("awards.instalments", "[0.6, 0.2, 0.2]", "[0.6, 0.6, -0.2]"),
        "policy.toml: awards.instalments.shares: the shares must be positive and add up to 1 (they add up to 1.0)",
        pack=CIXI,
    ),
    Flaw(
        "award_begins",
        in_table("awards.first_year", '"held"', '"approved"'),
        "policy.toml: awards.first_year.starts_as: an award cannot begin as 'approved': a person has yet to approve "
        "it; did you mean 'proposed'? (allowed: held, proposed)",
    ),
    Flaw(
        "cap_below",
        edit(POLICY, 'level = "ningbo"\nyuan = 600000', 'level = "ningbo"\nyuan = 299999.99'),
        "policy.toml: cap.makerspace.ningbo: is below the 300000 of 'local'; a higher level is never worth less",
        pack=CIXI,
    ),
    Flaw(
        "ground_empty",
        within(POLICY, 'id = "high_tech"', 'yes = ["high_tech"]\n', ""),
        "policy.toml: graduation.high_tech: asks for nothing: every tenant would graduate",
    ),
    Flaw(
        "unknown_in_ground",
        within(POLICY, 'id = "high_tech"', 'yes = ["high_tech"]', 'yes = ["hi_tech"]'),
        "policy.toml: graduation.high_tech.yes: 'hi_tech' is nothing that is known of a tenant; did you mean "
        "'high_tech'? (allowed: good_operation, high_tech, merged_or_listed, own_ip, profitable, sound_management)",
    ),
    Flaw(
        "unknown_in_ground",
        within(POLICY, 'id = "invested"', "invested_yuan =", "invested_money ="),
        "policy.toml: graduation.invested.more_than_yuan: 'invested_money' is nothing that is known of a tenant; did "
        "you mean 'invested_yuan'? (allowed: invested_yuan, main_income_yuan)",
    ),
    Flaw(
        "target_level",
        within(POLICY, 'id = "ningbo"', 'level = "ningbo"\n', ""),
        "policy.toml: target.ningbo.level: level goes with the counts titles_at_level and titles_from_level, and only "
        "with them",
        pack=CIXI,
    ),
    Flaw(
        "role_cannot_act",
        in_table("integrity_list", '["tech_lead"]', '["tech_lead", "auditor"]'),
        "policy.toml: integrity_list.by: 'auditor' reads or configures and performs nothing",
    ),
    Flaw(
        "unknown_notice",
        in_table("awards", '"award_proposed"', '"award_propsed"'),
        "policy.toml: awards.notice: nobody is named as the receiver of 'award_propsed' in policy.toml [notices]; did "
        f"you mean 'award_proposed'? (allowed: {NOTICES})",
        also=frozenset({"notice_unused", "no_template"}),
    ),
    # ---- the right to be heard
    Flaw(
        "proposal_not_kept",
        within(INCUBATOR, 'event = "propose_revocation"', 'effects = ["keep_proposal"]\n', ""),
        "machines/incubator.toml: edge.propose_revocation: leads to 'revocation_proposed', where the holder is heard, "
        "but keeps no ground to be heard about (effect 'keep_proposal')",
    ),
    Flaw(
        "proposal_without_ground",
        edit(INCUBATOR, '["ground", "article"]', '["ground", "article?"]'),
        "machines/incubator.toml: edge.propose_revocation.evidence: effect 'keep_proposal' needs the evidence "
        "'ground' and 'article', both required, or a sentence for 'propose_revocation' in [grounds]",
    ),
    Flaw(
        "proposal_replaced",
        append(
            INCUBATOR,
            edge(
                "propose_revocation",
                "tech_clerk",
                "defence_review",
                "same",
                'evidence = ["ground", "article"]\neffects = ["keep_proposal"]',
            ),
        ),
        "machines/incubator.toml: edge.propose_revocation: 'keep_proposal' from 'defence_review' would replace the "
        "ground that the holder is being heard about",
    ),
    Flaw(
        "proposed_by_timer",
        several(
            edit(INCUBATOR, "[events]\n", '[events]\nidle = "长期停业"\n'),
            append(LABELS, '[grounds]\nidle = "长期停业"\n'),
            append(
                INCUBATOR,
                edge("idle", "timer", "recognized", "revocation_proposed", 'effects = ["keep_proposal"]')
                + clock("idle", "recognized", 'length = 1\nunit = "years"', 'on_due = "idle"'),
            ),
        ),
        "machines/incubator.toml: edge.idle: a person decides on which ground a title is to be lost; an edge by "
        "'timer' keeps no proposal",
    ),
    Flaw(
        "not_heard",
        append(INCUBATOR, edge("uphold_revocation", "tech_lead", "recognized", "revoked")),
        "machines/incubator.toml: edge.uphold_revocation: 'recognized' can lead to 'revoked', which cancels "
        "a title, before the holder has spoken or its time to speak is over",
    ),
    Flaw(
        "not_heard",
        edit(INCUBATOR, '"陈述申辩审查中", titled = true, right_to_be_heard', '"陈述申辩审查中", titled'),
        "machines/incubator.toml: edge.uphold_revocation: 'defence_review' can lead to 'revoked', which cancels "
        "a title, before the holder has spoken or its time to speak is over",
    ),
    Flaw(
        "not_decided",
        append(
            INCUBATOR,
            edge("defence_window_over", "timer", "defence_review", "revoked")
            + f'\n[[timer.period]]\nstate = "defence_review"\nlength = 5\n{STATED}',
        ),
        "machines/incubator.toml: edge.defence_window_over: from 'defence_review' to 'revoked', which cancels a title: "
        "once the holder has spoken a person decides, neither 'timer' nor 'case'",
    ),
    Flaw(
        "title_lost",
        edit(INCUBATOR, "final = true, title_cancelled = true", "final = true"),
        "machines/incubator.toml: edge.uphold_revocation: from 'defence_review' to 'revoked' the title is lost, and "
        "not by its holder alone; mark 'revoked' with title_cancelled = true",
    ),
]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The codes of all complaints made, in order."""
    codes: list[str] = []

    def record(code: str, **values: object) -> str:
        codes.append(code)
        return say(code, **values)

    for module in SPEAKERS:
        monkeypatch.setattr(module, "say", record)
    return codes


def copy_of(name: str, root: Path) -> Path:
    return Path(shutil.copytree(states_dir() / name, root / name))


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of Yuyao's folder, for breaking."""
    return copy_of(YUYAO, tmp_path)


def problems_in(root: Path) -> list[Problem]:
    """Every problem of the packs below *root*."""
    try:
        Catalog.load([root], Renderer([templates_dir()]).has_template)
    except PolicyError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.code)
def test_a_flaw_is_named_with_its_place_and_key_and_what_is_allowed(
    flaw: Flaw, tmp_path: Path, said: list[str]
) -> None:
    flaw.change(copy_of(flaw.pack, tmp_path))
    assert f"{flaw.pack}/{flaw.complaint}" in map(str, problems_in(tmp_path))
    assert set(said) == {flaw.code, *flaw.also}


def test_a_folder_that_is_not_there_is_one_complaint(tmp_path: Path, said: list[str]) -> None:
    with pytest.raises(PolicyError) as error:
        load_pack(tmp_path / YUYAO)
    assert error.value.problems == (Problem(YUYAO, "", f"there is no such folder: {tmp_path / YUYAO}"),)
    assert said == ["no_folder"]


def test_a_folder_that_is_not_named_for_a_day_is_refused(copied: Path, said: list[str]) -> None:
    copied.rename(copied.with_name("2020-1-1"))
    message = "the folder's name must be the in-force date, like 2020-01-01"
    assert problems_in(copied.parents[1]) == [Problem("yuyao/2020-1-1", "", message)]
    assert said == ["folder_name"]


def test_a_folder_without_packs_is_refused(tmp_path: Path, said: list[str]) -> None:
    message = "there are no packs here; a pack is a folder <city>/<in-force date>/"
    assert problems_in(tmp_path) == [Problem(str(tmp_path), "", message)]
    assert said == ["no_packs"]


def test_every_complaint_is_proved() -> None:
    assert {flaw.code for flaw in FLAWS} | NO_PACK == set(COMPLAINTS["en"]) - HINTS - REHEARSED - TEMPLATES


# ---- the right to be heard -----------------------------------------------------------------------


def complaints_about(pack: Path, city: str = "yuyao/2020-01-01/") -> list[tuple[str, str]]:
    """Key and message of every problem, all of them in the incubator's machine."""
    found = problems_in(pack.parents[1])
    assert {problem.place for problem in found} <= {city + INCUBATOR}, found
    return [(problem.key, problem.message) for problem in found]


PROPOSED = 'evidence = ["ground", "article"]\neffects = ["keep_proposal"]'
INSPECTED = 'evidence = ["finding"]\neffects = ["keep_proposal"]\nnotify = ["revocation_proposed"]'
CLOSING = 'evidence = ["year", "grade?", "score?", "reason?"]\neffects = ["apply_grade"]'


def unheard(state: str) -> str:
    return (
        f"'{state}' can lead to 'revoked', which cancels a title, "
        "before the holder has spoken or its time to speak is over"
    )


def test_a_title_is_not_cancelled_at_one_stroke(copied: Path) -> None:
    append(INCUBATOR, edge("uphold_revocation", "tech_lead", "recognized", "revoked"))(copied)
    assert complaints_about(copied) == [("edge.uphold_revocation", unheard("recognized"))]


def test_a_title_is_not_cancelled_by_a_detour(copied: Path) -> None:
    several(
        edit(INCUBATOR, "[states]\n", '[states]\nsuspended = { label = "暂停", titled = true }\n'),
        edit(INCUBATOR, "[events]\n", '[events]\nsuspend = "暂停"\nstrike_off = "除名"\n'),
        append(INCUBATOR, edge("suspend", "tech_clerk", "recognized", "suspended")),
        append(INCUBATOR, edge("strike_off", "tech_lead", "suspended", "revoked")),
    )(copied)
    assert complaints_about(copied) == [("edge.strike_off", unheard("suspended"))]


def test_a_title_is_not_cancelled_while_the_time_to_speak_runs(copied: Path) -> None:
    append(
        INCUBATOR, edge("uphold_revocation", "tech_lead", "revocation_proposed", "revoked", 'evidence = ["reason"]')
    )(copied)
    assert complaints_about(copied) == [("edge.uphold_revocation", unheard("revocation_proposed"))]


def test_the_end_of_the_office_s_own_time_hears_nobody(copied: Path) -> None:
    edit(INCUBATOR, 'side   = "applicant"', 'side   = "office"')(copied)
    assert complaints_about(copied) == [("edge.defence_window_over", unheard("revocation_proposed"))]


def test_prior_notice_alone_does_not_hear_anybody(copied: Path) -> None:
    proposed = '"拟取消资格，陈述申辩期", titled = true'
    edit(INCUBATOR, f"{proposed}, right_to_be_heard = true", proposed)(copied)
    assert complaints_about(copied) == [
        (
            "edge.file_defence",
            (
                "leads to 'defence_review', where the holder is heard, "
                "but keeps no ground to be heard about (effect 'keep_proposal')"
            ),
        ),
        ("edge.defence_window_over", unheard("revocation_proposed")),
        ("edge.uphold_revocation", unheard("defence_review")),
    ]


def test_a_case_does_not_begin_with_a_cancelled_title(copied: Path) -> None:
    append(INCUBATOR, edge("uphold_revocation", "tech_lead", "new", "revoked"))(copied)
    assert complaints_about(copied) == [("edge.uphold_revocation", unheard("new"))]


def test_an_office_does_not_take_a_title_by_another_name(copied: Path) -> None:
    append(INCUBATOR, edge("surrender", "tech_lead", "recognized", "surrendered"))(copied)
    assert complaints_about(copied) == [
        (
            "edge.surrender",
            (
                "from 'recognized' to 'surrendered' the title is lost, and not by its holder alone; "
                "mark 'surrendered' with title_cancelled = true"
            ),
        )
    ]


def cancelling(name: str, sources: str, target: str, by: str, more: str = "") -> Edit:
    """One more way from *sources* to *target*, by an event of its own."""
    return several(
        edit(INCUBATOR, "[events]\n", f'[events]\n{name} = "-"\n'),
        append(INCUBATOR, edge(name, by, sources, target, more)),
    )


def test_whoever_has_left_the_hearing_is_heard_anew(copied: Path) -> None:
    """Heard once, and not cancelled: the next proposal is another one."""
    several(
        edit(
            INCUBATOR,
            "[states]\n",
            '[states]\nwarned = { label = "-", titled = true }\n'
            'accused = { label = "-", titled = true, right_to_be_heard = true }\n',
        ),
        edit(INCUBATOR, "[events]\n", '[events]\nwarn = "-"\naccuse = "-"\n'),
        append(INCUBATOR, edge("warn", "tech_lead", "defence_review", "warned")),
        append(INCUBATOR, edge("accuse", "tech_lead", "warned", "accused", PROPOSED)),
        append(INCUBATOR, edge("uphold_revocation", "tech_lead", "accused", "revoked", 'evidence = ["reason"]')),
    )(copied)
    assert complaints_about(copied) == [("edge.uphold_revocation", unheard("accused"))]


def test_one_of_several_branches_that_hears_nobody_is_found(copied: Path) -> None:
    branch = f'when = ["above_local"]\nfor_all = true\n{CLOSING}'
    text = edge("close_round", "tech_lead", "under_assessment", "revoked", branch)

    def first(pack: Path) -> None:
        """Before the other edges of the event, so that it can be chosen."""
        edit(INCUBATOR, "\n# ---- 年度考核", f"{text}\n# ---- 年度考核")(pack)

    first(copied)
    found = complaints_about(copied)
    assert ("edge.close_round", unheard("under_assessment")) in found
    assert {key for key, _ in found} == {"edge.close_round"}


def test_another_case_does_not_cancel_a_title_either(copied: Path) -> None:
    several(
        cancelling("strike", "recognized", "revoked", "case"),
        within(
            PROMOTION, 'event = "record_refusal"', 'to = "not_recognized"', 'to = "not_recognized"\ntells = "strike"'
        ),
    )(copied)
    assert complaints_about(copied) == [("edge.strike", unheard("recognized"))]


def test_after_a_defence_another_case_does_not_decide(copied: Path) -> None:
    several(
        cancelling("strike", "defence_review", "revoked", "case"),
        within(
            PROMOTION, 'event = "record_refusal"', 'to = "not_recognized"', 'to = "not_recognized"\ntells = "strike"'
        ),
    )(copied)
    (complaint,) = complaints_about(copied)
    assert complaint[1].endswith("once the holder has spoken a person decides, neither 'timer' nor 'case'")


def test_an_office_does_not_take_a_title_by_an_act_in_another_case(copied: Path) -> None:
    told = 'to = "not_recognized"\ntells = "strike"'
    several(
        cancelling("strike", "recognized", "surrendered", "case"),
        within(PROMOTION, 'event = "record_refusal"', 'to = "not_recognized"', told),
    )(copied)
    (complaint,) = complaints_about(copied)
    assert complaint[1].startswith("from 'recognized' to 'surrendered' the title is lost, and not by its holder alone")
    within(PROMOTION, 'event = "record_refusal"', 'by = ["tech_clerk"]', 'by = ["applicant"]')(copied)
    assert complaints_about(copied) == []


def test_no_deadline_takes_a_title_by_another_name(copied: Path) -> None:
    several(
        cancelling("expire", "recognized", "surrendered", "timer"),
        append(INCUBATOR, clock("validity", "recognized", 'length = 3\nunit = "years"', 'on_due = "expire"')),
    )(copied)
    (complaint,) = complaints_about(copied)
    assert complaint[1].startswith("from 'recognized' to 'surrendered' the title is lost")


def test_only_the_clock_of_the_very_state_ends_the_time_to_speak(copied: Path) -> None:
    """An applicant's clock of the same event elsewhere does not make an office's clock here a hearing."""
    several(
        within(INCUBATOR, 'state = "revocation_proposed"\nlength', "revocation_proposed", "promoted"),
        within(
            INCUBATOR, 'event = "defence_window_over"', '["revocation_proposed"]', '["revocation_proposed", "promoted"]'
        ),
        append(INCUBATOR, clock("haste", "revocation_proposed", "length = 1", 'on_due = "defence_window_over"')),
    )(copied)
    assert set(complaints_about(copied)) == {
        ("edge.defence_window_over", unheard("revocation_proposed")),
        ("edge.defence_window_over", unheard("promoted")),
    }


def test_a_date_that_somebody_enters_is_no_time_to_speak(copied: Path) -> None:
    within(INCUBATOR, 'state = "revocation_proposed"\nlength', "length = 5", 'reckoning = "stay"\nrolls = false')(
        copied
    )
    assert complaints_about(copied) == [("edge.defence_window_over", unheard("revocation_proposed"))]


@pytest.mark.parametrize("effect", ["approve_award", "pay_award", "grant_annual", "register_title", "take_level"])
def test_no_deadline_grants_money_or_a_title(effect: str, copied: Path) -> None:
    within(INCUBATOR, 'event = "defence_window_over"', '"lapse_awards"', f'"lapse_awards", "{effect}"')(copied)
    assert any("nothing is ever approved by timeout" in message for _, message in complaints_about(copied))


def test_a_deadline_in_another_case_grants_none_either(copied: Path) -> None:
    told = 'to = "overstayed"\ntells = "take_level"'
    within(TENANCY, 'event = "incubation_over"', 'to = "overstayed"', told)(copied)
    found = [problem for problem in problems_in(copied.parents[1]) if "by timeout" in problem.message]
    assert [(problem.place, problem.key) for problem in found] == [(f"{YUYAO}/{TENANCY}", "edge.incubation_over")]


# ---- several at once, and in Chinese -------------------------------------------------------------


def test_everything_wrong_with_the_files_is_told_at_once(copied: Path) -> None:
    several(
        edit(POLICY, "contact ", "contct "),
        edit(CRITERIA, "months = 24", 'months = "24个月"'),
        edit(INCUBATOR, 'name   = "defence_window"', "name   = 3"),
        delete(APPLICATION),
        append(APPLICATION, "label = \n"),
        append("notes.txt", ""),
    )(copied)
    assert [(problem.place.removeprefix(f"{YUYAO}/"), problem.key) for problem in problems_in(copied.parents[1])] == [
        ("notes.txt", ""),
        (POLICY, "contact"),
        (POLICY, "contct"),
        (CRITERIA, "tenant_condition.3.months"),
        (APPLICATION, ""),
        (INCUBATOR, "timer.0.name"),
    ]


def test_everything_wrong_with_the_whole_is_told_at_once_for_every_city(tmp_path: Path) -> None:
    several(
        edit(POLICY, 'article = "第十八条"', 'article = "第十七条"'),
        edit(CRITERIA, "value = 10\n", "value = 10\nper = 10\n"),
        edit(APPLICATION, '"已认定", final = true', '"已认定"'),
        edit(APPLICATION, 'on_due = "ban_over"\n', ""),
        within(INCUBATOR, 'event = "report_year"', '["report"]', '["report?"]'),
    )(copy_of(YUYAO, tmp_path))
    edit(POLICY, 'article = "结尾"', 'article = "尾声"')(copy_of(CIXI, tmp_path))
    assert [(problem.place, problem.key) for problem in problems_in(tmp_path)] == [
        (f"{CIXI}/{POLICY}", "in_force"),
        (f"{CIXI}/{POLICY}", "article.结尾"),
        (f"{YUYAO}/{POLICY}", "in_force"),
        (f"{YUYAO}/{POLICY}", "article.第十八条"),
        (f"{YUYAO}/{CRITERIA}", "criterion.y5_2_tenants"),
        (f"{YUYAO}/{APPLICATION}", "states.recognized"),
        (f"{YUYAO}/{APPLICATION}", "timer.ban_over"),
        (f"{YUYAO}/{APPLICATION}", "edge.ban_over"),
        (f"{YUYAO}/{APPLICATION}", "edge.ban_over"),
        (f"{YUYAO}/{INCUBATOR}", "edge.report_year.evidence"),
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            edit(CRITERIA, '"technology_sme"', '"technology_sma"'),
            (
                f"{YUYAO}/{CRITERIA}: tenant_condition.0.test: 没有“technology_sma”这个名称；是不是“technology_sme”？"
                "（可用：age_at_entry, registered_inside, stay, technology_sme, works_inside）"
            ),
        ),
        (
            edit(CRITERIA, "months = 24", "months = 0"),
            f"{YUYAO}/{CRITERIA}: tenant_condition.3.months: 应大于0（写的是0）",
        ),
        (edit(POLICY, 'contact     = "', '#"'), f"{YUYAO}/{POLICY}: contact: 必须填写"),
        (
            edit(POLICY, 'article = "第八条第6项"', 'article = "第八条第7项"'),
            f"{YUYAO}/{POLICY}: material.other: “第八条第7项”：第八条共有6项",
        ),
        (
            edit(APPLICATION, 'by      = ["tech_clerk"]', 'by      = ["auditor"]'),
            f"{YUYAO}/{APPLICATION}: edge[1].accept.by: “auditor”只查看或配置，不办理案件",
        ),
        (
            append(INCUBATOR, edge("uphold_revocation", "tech_lead", "recognized", "revoked")),
            (
                f"{YUYAO}/{INCUBATOR}: edge.uphold_revocation: "
                "当事人未陈述申辩、陈述申辩期也未满，就可以从“recognized”到达取消资格的“revoked”"
            ),
        ),
    ],
    ids=["unknown_name", "bad_value", "missing", "no_item", "role_cannot_act", "not_heard"],
)
def test_a_chinese_locale_is_answered_in_chinese(
    change: Edit, problem: str, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    change(copied)
    assert [str(found) for found in problems_in(copied.parents[1])] == [problem]


def test_both_languages_say_the_same() -> None:
    def blanks(sentences: dict[str, str]) -> dict[str, set[str | None]]:
        return {code: {blank for _, blank, *_ in Formatter().parse(text)} for code, text in sentences.items()}

    english, chinese = (
        {code: found - {None} for code, found in blanks(COMPLAINTS[language]).items()} for language in ("en", "zh")
    )
    assert english == chinese


# ---- what is not refused -------------------------------------------------------------------------


@pytest.mark.parametrize("name", [YUYAO, CIXI])
def test_the_packs_that_come_with_the_program_are_sound(name: str, tmp_path: Path) -> None:
    copy_of(name, tmp_path)
    assert problems_in(tmp_path) == []


def test_a_copied_folder_with_another_name_is_a_third_city(tmp_path: Path) -> None:
    shutil.copytree(states_dir() / CIXI, tmp_path / "fenghua" / "2021-01-01")
    edit(POLICY, 'city       = "cixi"', 'city       = "fenghua"')(tmp_path / "fenghua" / "2021-01-01")
    loaded = Catalog.load([states_dir(), tmp_path], Renderer([templates_dir()]).has_template)
    assert loaded.cities == ("cixi", "fenghua", "yuyao")
    assert loaded.latest("fenghua").machines == loaded.latest("cixi").machines


def test_a_city_may_name_a_kind_of_space_of_its_own(copied: Path) -> None:
    STATION(copied)
    append(LABELS, '[spaces]\nspace_station = "星创天地"\n')(copied)
    assert problems_in(copied.parents[1]) == []


def test_a_city_may_word_a_refusal_its_own_way(copied: Path) -> None:
    append(LABELS, '[refusals]\nover_cap = "至多{cap}元"\n')(copied)
    assert problems_in(copied.parents[1]) == []
    assert load_pack(copied).words("refusals", "over_cap") == "至多{cap}元"


def test_a_city_may_say_on_which_ground_an_event_of_its_own_proposes(copied: Path) -> None:
    several(
        edit(INCUBATOR, "[events]\n", '[events]\ninspect = "检查不合格"\n'),
        append(LABELS, '[grounds]\ninspect = "检查不合格：{finding}"\n'),
        append(INCUBATOR, edge("inspect", "tech_clerk", "recognized", "revocation_proposed", INSPECTED)),
    )(copied)
    assert problems_in(copied.parents[1]) == []
    assert load_pack(copied).words("grounds", "inspect") == "检查不合格：{finding}"


def test_a_ground_of_its_own_takes_only_what_the_program_fills_in(copied: Path) -> None:
    append(LABELS, '[grounds]\ninspect = "检查不合格：{score}"\n')(copied)
    (problem,) = problems_in(copied.parents[1])
    assert (problem.key, problem.message.partition("; ")[0]) == (
        "grounds.inspect",
        "the blank 'score' is not filled in here (allowed: finding, what, years)",
    )


def test_a_title_may_be_graded_and_fail_twice_without_any_money(copied: Path) -> None:
    """What a city's document does not know is left out, table and names together."""
    policy = (copied / POLICY).read_text("utf-8")
    blocks = re.split(r"(?m)^(?=\[)", policy)
    gone = ("[awards", "[[awards", "[[cap]]")
    (copied / POLICY).write_text("".join(block for block in blocks if not block.startswith(gone)), "utf-8")
    machine = (copied / INCUBATOR).read_text("utf-8")
    edges = re.split(r"(?m)^(?=\[\[)", machine)
    kept = [block for block in edges if '_award"' not in block]
    text = re.sub(r"(?m)^\w+_award +=.*\n", "", "".join(kept))
    text = re.sub(r'"grant_\w+", |, "grant_\w+"', "", text)
    text = re.sub(r'(?m)^effects *= \["lapse_awards"\]\n', "", text)
    (copied / INCUBATOR).write_text(text, "utf-8")
    found = {problem.key for problem in problems_in(copied.parents[1])}
    assert found == {"notices.award_changed", "notices.award_proposed"}


def test_the_names_of_what_is_known_of_a_graduate_are_those_of_the_evidence() -> None:
    assert {*years_checks.GROUND_YES, *years_checks.GROUND_SUMS} == {*Grounds.model_fields} - {"operating_since"}


def test_a_version_that_follows_the_other_without_a_gap_is_sound(tmp_path: Path) -> None:
    second_version("2024-01-01")(copy_of(CIXI, tmp_path))
    assert problems_in(tmp_path) == []


def test_a_newer_version_may_end_one_that_has_no_end(copied: Path) -> None:
    later = Path(shutil.copytree(copied, copied.parent / "2026-01-01"))
    edit(POLICY, "effective_from = 2020-01-01", "effective_from = 2026-01-01")(later)
    assert problems_in(copied.parents[1]) == []


def test_a_period_without_a_length_is_sound_where_its_evidence_is_required(copied: Path) -> None:
    edit(APPLICATION, "length      = 15\nlength_from", "length_from")(copied)
    edit(APPLICATION, '"working_days?"', '"working_days"')(copied)
    assert problems_in(copied.parents[1]) == []


def test_a_pack_may_be_loaded_from_inside_its_folder(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copied)
    assert load_pack(Path()).name == YUYAO


def test_a_folder_in_the_place_of_a_file_is_a_complaint(copied: Path) -> None:
    delete(CRITERIA)(copied)
    (copied / CRITERIA).mkdir()
    with pytest.raises(PolicyError) as error:
        load_pack(copied)
    assert {problem.place for problem in error.value.problems} == {f"{YUYAO}/{CRITERIA}"}


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("kinds", vocabulary.CaseKind),
        ("roles", vocabulary.Role),
        ("levels", vocabulary.Level),
        ("statuses", vocabulary.Status),
        ("handlings", vocabulary.Handling),
        ("modifiers", vocabulary.Modifier),
        ("units", vocabulary.LengthUnit),
        ("sides", vocabulary.Side),
        ("one_open_per", vocabulary.OneOpenPer),
        ("branches", vocabulary.Branch),
        ("guards", vocabulary.GuardName),
        ("effects", vocabulary.EffectName),
        ("measures", vocabulary.Measure),
        ("fields", vocabulary.Field),
        ("refusals", vocabulary.RefusalCode),
        ("reckonings", vocabulary.Reckoning),
        ("ungraded", vocabulary.Ungraded),
        ("changes", vocabulary.ChangeKind),
        ("awards", vocabulary.AwardKind),
        ("award_statuses", vocabulary.AwardStatus),
        ("top_up_bases", vocabulary.TopUpBasis),
        ("target_counts", vocabulary.TargetCount),
    ],
)
def test_the_program_has_a_word_for_each_of_its_names(section: str, names: type[StrEnum]) -> None:
    """A refusal may have variants of its sentence: ``not_authorised.stranger``."""
    assert {word.partition(".")[0] for word in house_words()[section]} == {str(name) for name in names}
