"""The closed names that a policy pack may use because code stands behind them.

States, events, timers, notices, criteria and materials are the packs' own names and are not listed
here. The Chinese words for these names are data (``words.toml``).
"""

from __future__ import annotations

from enum import StrEnum

#: The state before a case exists: an edge from here opens a case.
NEW = "new"
#: As a target: the state does not change.
SAME = "same"


class Role(StrEnum):
    """Who may act (``by`` of an edge)."""

    APPLICANT = "applicant"  #: the operator that applied
    TECH_CLERK = "tech_clerk"  #: 科技局 officer
    TECH_LEAD = "tech_lead"  #: 科技局 leader
    FINANCE = "finance"  #: 财政局
    AUDITOR = "auditor"  #: reads everything, does nothing
    ADMIN = "admin"  #: configures, decides no case
    TIMER = "timer"  #: a deadline that has passed; never a person
    CASE = "case"  #: another case's act (a recognition opens the incubator); never a person


#: The roles that a person may hold.
PERSON_ROLES = tuple(role for role in Role if role not in (Role.TIMER, Role.CASE))
#: The roles that belong to one city's offices: they neither see nor touch another city.
OFFICE_ROLES = frozenset({Role.TECH_CLERK, Role.TECH_LEAD, Role.FINANCE, Role.ADMIN})


class CaseKind(StrEnum):
    """What a case is about; a pack has one machine for each kind that it uses."""

    APPLICATION = "application"
    INCUBATOR = "incubator"


class Status(StrEnum):
    """How firmly the text carries a value (rulebook, first table)."""

    STATED = "stated"  #: the text says it
    READING = "reading"  #: the text leaves a choice; ours is in ``note``
    HOUSE_DEFAULT = "house_default"  #: the text is silent and an office needs a value
    MISSING = "missing"  #: the text points to a document that we do not have


class Handling(StrEnum):
    """What the software makes of an article."""

    CODED = "coded"  #: something in the pack cites it
    PERSON = "person"  #: a person judges; the software records
    NOT_APPLICABLE = "not_applicable"  #: nothing for a case to do (aims, definitions)
    OPEN = "open"  #: an open question for the bureau
    PLANNED = "planned"  #: not in this release


class Modifier(StrEnum):
    """What an unmet criterion means."""

    HARD = "hard"  #: unmet refuses
    SOFT = "soft"  #: unmet needs a written justification
    JUDGED = "judged"  #: a person says whether it is met


class Operator(StrEnum):
    """How a measured value is compared; 以上/以下 include the number, 超过/不满 exclude it."""

    AT_LEAST = ">="
    AT_MOST = "<="
    MORE_THAN = ">"
    LESS_THAN = "<"
    EQUALS = "=="


class LengthUnit(StrEnum):
    """The unit of a period."""

    WORKING_DAYS = "working_days"
    DAYS = "days"
    MONTHS = "months"
    YEARS = "years"


class Branch(StrEnum):
    """A condition that picks between edges of one event from one state; it never refuses."""

    ALL_DEPARTMENTS_ENDORSED = "all_departments_endorsed"  #: this endorsement is the last one needed
    BEFORE_ADVERSE_FROM = "before_adverse_from"  #: rules that burden do not reach back to this day
    STILL_BANNED = "still_banned"  #: another ban of the operator in this city runs on
    WHERE_IT_CAME_FROM = "where_it_came_from"  #: the target is the state the case was returned from


class GuardName(StrEnum):
    """A condition that refuses, with its reasons."""

    NOT_BANNED = "not_banned"
    NO_OPEN_APPLICATION = "no_open_application"
    NOT_ALREADY_RECOGNISED = "not_already_recognised"
    MATERIALS_COMPLETE = "materials_complete"
    CRITERIA_MET = "criteria_met"
    DEPARTMENT_HAS_NOT_ENDORSED = "department_has_not_endorsed"
    FIRST_RETURN_OR_REASON = "first_return_or_reason"
    AWARD_WITHIN_CAP = "award_within_cap"


class EffectName(StrEnum):
    """What an act changes besides the state."""

    TAKE_FACTS = "take_facts"  #: the facts and materials handed in become the case's
    COUNT_RETURN = "count_return"  #: remember where the case was returned from, and how often
    RECORD_ENDORSEMENT = "record_endorsement"  #: the actor's department has endorsed
    IMPOSE_BAN = "impose_ban"  #: the operator may not apply for as long as the pack says
    KEEP_PROPOSAL = "keep_proposal"  #: remember the ground on which the title is to be lost
    DROP_PROPOSAL = "drop_proposal"  #: the proposal is over, and with it who made it
    TAKE_TITLE = "take_title"  #: the new incubator holds the city's own title


class Field(StrEnum):
    """A piece of evidence; ``rules/evidence.py`` knows its shape."""

    TYPE = "type"
    FACTS = "facts"
    OVERRIDE = "override"
    MATERIALS = "materials"
    MISSING = "missing"
    WORKING_DAYS = "working_days"
    REASON = "reason"
    FINDINGS = "findings"
    JUSTIFICATIONS = "justifications"
    OPINION = "opinion"
    AWARD_YUAN = "award_yuan"
    FINDING = "finding"
    GROUND = "ground"
    ARTICLE = "article"
    STATEMENT = "statement"


class Measure(StrEnum):
    """A number (or yes/no) computed from the facts; ``rules/measures.py`` computes it."""

    LOCAL_LEGAL_PERSON = "local_legal_person"
    MONTHS_OPERATING = "months_operating"
    SELF_CONTROLLED_AREA = "self_controlled_area"
    USE_SHARE = "use_share"
    LARGEST_TENANT_SHARE = "largest_tenant_share"
    TENANTS = "tenants"
    FUND_TOTAL = "fund_total"
    SEED_FUND = "seed_fund"
    FINANCED_TENANTS = "financed_tenants"
    PROFESSIONAL_SHARE = "professional_share"
    PROFESSIONALS_PER_TENANTS = "professionals_per_tenants"
    MENTORS_PER_TENANTS = "mentors_per_tenants"
    IP_SHARE = "ip_share"
    MAKERS = "makers"


class TenantTest(StrEnum):
    """What is asked of one firm on the premises, to count as a tenant (在孵企业)."""

    TECHNOLOGY_SME = "technology_sme"
    REGISTERED_INSIDE = "registered_inside"
    WORKS_INSIDE = "works_inside"
    AGE_AT_ENTRY = "age_at_entry"
    STAY = "stay"


class RefusalCode(StrEnum):
    """Why an act was refused."""

    POLICY_NOT_IN_FORCE = "policy_not_in_force"
    OTHER_CITY = "other_city"
    NOT_AUTHORISED = "not_authorised"
    NOT_ALLOWED_FROM_STATE = "not_allowed_from_state"
    BANNED = "banned"
    MATERIALS_MISSING = "materials_missing"
    OPEN_APPLICATION_EXISTS = "open_application_exists"
    ALREADY_RECOGNISED = "already_recognised"
    CRITERIA_UNMET = "criteria_unmet"
    FINDING_MISSING = "finding_missing"
    JUSTIFICATION_MISSING = "justification_missing"
    SAME_PERSON = "same_person"
    ALREADY_ENDORSED = "already_endorsed"
    EVIDENCE_MISSING = "evidence_missing"
    EVIDENCE_INVALID = "evidence_invalid"
    OVER_CAP = "over_cap"
    ALREADY_RETURNED = "already_returned"


class Side(StrEnum):
    """Whose time a timer counts."""

    APPLICANT = "applicant"
    OFFICE = "office"
    NOBODY = "nobody"  #: a burden that simply ends (a ban)


class OneOpenPer(StrEnum):
    """Of how many open cases of a kind an operator may have one in a city."""

    OPERATOR = "operator"  #: one in all
    SPACE = "space"  #: one for each kind of space


class Level(StrEnum):
    """At which level a title is held."""

    LOCAL = "local"
    NINGBO = "ningbo"
    PROVINCE = "province"
    NATIONAL = "national"
