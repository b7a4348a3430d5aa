"""Who may attach a file to a case, and as what: the rule for everything that comes as a file.

What a file may be is ``intake.file_types``'s; how it is kept, the files' desk's.
"""

from __future__ import annotations

from kjfh_workflow.errors import InputError, NotAuthorised, Problem, TransitionNotAllowed
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.phrases import roles_in_words
from kjfh_workflow.policy.vocabulary import OFFICE_ROLES, RefusalCode, Role
from kjfh_workflow.rules.case import Actor, Case
from kjfh_workflow.rules.refusing import refusal

#: Who may attach a file to a case: its operator, and the offices of its city. Auditors read and do nothing.
MAY_ATTACH = tuple(role for role in Role if role is Role.APPLICANT or role in OFFICE_ROLES)
#: The act in people's words.
ATTACH = "上传附件"


def role_of(pack: PolicyPack, case: Case, by: Actor) -> Role:
    """As what somebody who may read a case attaches files to it: the first of their roles of which this is true.

    An applicant to a case of its own, in any city; an office to a case of its own city.

    Raises:
        NotAuthorised: if none of their roles may.
    """
    for role in by.roles:
        at_home = by.owns(case) if role is Role.APPLICANT else by.city == case.city
        if role in MAY_ATTACH and at_home:
            return role
    words = roles_in_words(pack, MAY_ATTACH)
    raise NotAuthorised([refusal(pack, RefusalCode.NOT_AUTHORISED, event=ATTACH, roles=words)])


def check_open(pack: PolicyPack, case: Case) -> None:
    """Whether anything can still be added to a case.

    Raises:
        TransitionNotAllowed: if it is in a final state of its machine.
    """
    state = pack.machines[case.kind].states[case.state]
    if state.final:
        code = RefusalCode.NOT_ALLOWED_FROM_STATE
        raise TransitionNotAllowed([refusal(pack, code, state=state.label, event=ATTACH, allowed="无")])


def check_material(pack: PolicyPack, material: str) -> None:
    """Whether *material* is one of the pack's, or empty.

    Raises:
        InputError: in Chinese, with those that are.
    """
    known = {one.id: one.label for one in pack.identity.materials}
    if material and material not in known:
        allowed = "、".join(f"{key}（{label}）" for key, label in known.items())
        raise InputError([Problem("材料", "", f"没有“{material}”这项材料；可用：{allowed}，或不填")])
