"""How far a pack covers its document, article by article, and what the bureau still has to confirm.

Who confirmed what is recorded elsewhere, by the same keys; the pack as a whole is shown in ``page``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kjfh_workflow.policy import model
from kjfh_workflow.policy.checks import article_of
from kjfh_workflow.policy.machine import Edge, Escalation, FourEyes, Machine, Period, Reminder
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.part import Provision
from kjfh_workflow.policy.phrases import (
    branch_in_words,
    escalation_in_words,
    four_eyes_in_words,
    in_force_in_words,
    numbering_in_words,
    period_in_words,
    reminder_in_words,
    required_in_words,
    roles_in_words,
    state_in_words,
    states_in_words,
    tenant_condition_in_words,
)
from kjfh_workflow.policy.vocabulary import CaseKind, Handling, Status
from kjfh_workflow.policy.year_phrases import year_provision_in_words


@dataclass(frozen=True, slots=True)
class Covered:
    """One article of the document and what the software makes of it."""

    number: str
    about: str
    handling: Handling
    #: The handling in people's words.
    handling_word: str
    note: str
    #: Keys of the provisions that cite it, or one of its items.
    coded_in: tuple[str, ...]
    #: The scenarios that name it.
    scenarios: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A value that the text does not carry on its face, for the bureau to confirm."""

    #: As in ``PolicyPack.provisions()``: confirmations are recorded by it.
    key: str
    article: str
    status: Status
    #: The status in people's words.
    status_word: str
    #: What would be confirmed, in short words.
    value: str
    note: str


def coverage(pack: PolicyPack, scenarios: Mapping[str, Sequence[str]]) -> list[Covered]:
    """Every article in the order of the document; *scenarios* maps a scenario of this city to what it cites."""
    cited = {name: {article_of(citation)[0] for citation in citations} for name, citations in scenarios.items()}
    coded: dict[str, list[str]] = {}
    for key, provision in pack.provisions():
        coded.setdefault(article_of(provision.article)[0], []).append(key)
    return [
        Covered(
            number=article.number,
            about=article.about,
            handling=article.handling,
            handling_word=pack.words("handlings", article.handling),
            note=article.note,
            coded_in=tuple(coded.get(article.number, ())),
            scenarios=tuple(name for name, articles in cited.items() if article.number in articles),
        )
        for article in pack.identity.articles
    ]


def open_questions(pack: PolicyPack) -> list[Question]:
    """Everything that is not ``stated``, in the order of ``provisions()``."""
    return [
        Question(
            key=key,
            article=provision.article,
            status=provision.status,
            status_word=pack.words("statuses", provision.status),
            value=value_in_words(pack, key, provision),
            note=provision.note,
        )
        for key, provision in pack.provisions()
        if provision.status is not Status.STATED
    ]


def value_in_words(pack: PolicyPack, key: str, provision: Provision) -> str:
    """What a provision says, in a line: ``机构运营半年以上：≥6个月（必须）``."""
    match provision:
        case Edge() | FourEyes() | Period() | Reminder() | Escalation():
            kind, name = key.split(".")[:2]
            return _machine_value(pack, pack.machines[CaseKind(kind)], name, provision)
        case model.Criterion():
            return _with_modifier(pack, provision, required_in_words(pack, provision))
        case model.TenantCondition():
            return _with_modifier(pack, provision, tenant_condition_in_words(provision))
        case model.Standard():
            return f"{provision.label}：见{provision.document}"
        case model.Cap():
            return _cap(pack, provision)
    return _document_value(pack, key, provision)


def _document_value(pack: PolicyPack, key: str, provision: Provision) -> str:
    """What stands in ``policy.toml``."""
    match provision:
        case model.InForce():
            return in_force_in_words(provision)
        case model.Departments():
            return f"联合审核：{roles_in_words(pack, provision.roles)}均须同意"
        case model.Numbering():
            return f"文号：{numbering_in_words(provision)}"
        case model.SpaceType():
            return f"申请类型：{provision.label}，计为{pack.words('spaces', provision.space)}"
        case model.Material():
            return f"申请材料：{provision.label}（{'必交' if provision.required else '选交'}）"
    return year_provision_in_words(pack, key, provision)


def _cap(pack: PolicyPack, cap: model.Cap) -> str:
    spaces = "、".join(pack.words("spaces", space) for space in cap.spaces)
    most = "定额" if cap.fixed else "不超过"
    return f"{spaces}{pack.words('levels', cap.level)}认定奖励{most}{cap.yuan:,f}元"


def _with_modifier(pack: PolicyPack, provision: model.Criterion | model.TenantCondition, required: str) -> str:
    required = f"：{required}" if required else ""
    return f"{provision.label}{required}（{pack.words('modifiers', provision.modifier)}）"


def _machine_value(pack: PolicyPack, machine: Machine, name: str, provision: Provision) -> str:
    """*name* is the edge's event or the timer's name."""
    match provision:
        case Edge():
            branch = branch_in_words(pack, machine, provision)
            way = f"{states_in_words(pack, machine, provision.sources)} → {state_in_words(pack, machine, provision.to)}"
            when = f"，{branch}" if branch else ""
            return f"{machine.events[name]}：{way}（{roles_in_words(pack, provision.by)}{when}）"
        case FourEyes():
            return f"{machine.events[name]}：{four_eyes_in_words(machine, provision)}"
        case Period():
            where = state_in_words(pack, machine, provision.state)
            return f"{machine.timer_of[name].label}（{where}）：{period_in_words(pack, provision)}"
        case Reminder():
            return f"{machine.timer_of[name].label}：{reminder_in_words(pack, provision)}提醒"
        case _:
            assert isinstance(provision, Escalation)  # noqa: S101  (machines have no other provisions)
            return f"{machine.timer_of[name].label}：{escalation_in_words(provision)}催办"
