"""The intranet's own people as actors: one person, one id, always spelt the same.

``Actor`` is whom your system has authenticated: no directory is asked behind your back, and no password is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

from kjfh_workflow import Actor

#: The intranet's groups, and the roles that they give here; a group that is not here gives nothing.
ROLES = {
    "科技局/高新科/经办": "tech_clerk",
    "科技局/局领导": "tech_lead",
    "财政局/教科文科": "finance",
    "审计局": "auditor",
    "信息中心/管理员": "admin",
    "孵化器": "applicant",
}
CITIES = {"余姚市": "yuyao", "慈溪市": "cixi"}


@dataclass(frozen=True)
class User:
    """A person as this intranet knows them."""

    #: Never used again for somebody else, and never changed: not a login name, not an e-mail address.
    number: int
    logins: tuple[str, ...]
    full_name: str
    city: str
    groups: tuple[str, ...]
    #: The operator for which somebody hands in; empty for officials.
    company: str = ""


def actor_of(user: User) -> Actor:
    """Who acts.

    Four eyes compare ids, so the id is the person's number and not the login: whoever has two logins is one person
    still. A deputy acts as themselves, in the role that they have been given for the time: the history must say who
    it was.

    Raises:
        PermissionError: for somebody who has nothing to do with us.
    """
    roles = [ROLES[group] for group in user.groups if group in ROLES]
    if not roles or user.city not in CITIES:
        raise PermissionError(f"{user.full_name} has no part in these cases")
    return Actor.of(f"staff-{user.number}", roles, CITIES[user.city], name=user.full_name, uscc=user.company)
