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
    PROMOTION = "promotion"  #: of an incubator, to a level that another body decides on
    CHANGE = "change"  #: of an incubator, to be reported
    TENANCY = "tenancy"  #: of one firm in an incubator


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

    ABOVE_LOCAL = "above_local"  #: the title is held above the city's own level
    ALL_DEPARTMENTS_ENDORSED = "all_departments_endorsed"  #: this endorsement is the last one needed
    BEFORE_ADVERSE_FROM = "before_adverse_from"  #: rules that burden do not reach back to this day
    FAILED = "failed"  #: the grade is the failing one, of a year that counts
    FAILED_IN_A_ROW = "failed_in_a_row"  #: with this year's, as many failed years in a row as cost the title
    LEFT_ROUND = "left_round"  #: it is no longer under assessment in the round that is closed
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
    NOT_WHO_PROPOSED = "not_who_proposed"
    DAYS_HAVE_COME = "days_have_come"
    GRADE_COMPLETE = "grade_complete"
    REFUSED_ASSESSMENT = "refused_assessment"
    LEVEL_HIGHER = "level_higher"
    GRADE_GOOD_ENOUGH = "grade_good_enough"
    CHANGE_LISTED = "change_listed"
    SITE_VISITED = "site_visited"
    TENANT_ELIGIBLE = "tenant_eligible"
    GRADUATION_GROUND = "graduation_ground"
    LIMIT_IS_SOFT = "limit_is_soft"
    AWARD_IN_STATUS = "award_in_status"
    AWARD_AMOUNT_ALLOWED = "award_amount_allowed"
    PAYMENT_NOT_BLOCKED = "payment_not_blocked"
    PAYER_DID_NOT_APPROVE = "payer_did_not_approve"


class EffectName(StrEnum):
    """What an act changes besides the state."""

    TAKE_FACTS = "take_facts"  #: the facts and materials handed in become the case's
    COUNT_RETURN = "count_return"  #: remember where the case was returned from, and how often
    RECORD_ENDORSEMENT = "record_endorsement"  #: the actor's department has endorsed
    IMPOSE_BAN = "impose_ban"  #: the operator may not apply for as long as the pack says
    KEEP_PROPOSAL = "keep_proposal"  #: remember the ground on which the title is to be lost
    DROP_PROPOSAL = "drop_proposal"  #: the proposal is over, and with it who made it
    TAKE_TITLE = "take_title"  #: the new incubator holds the city's own title
    NOTE_FRAUD = "note_fraud"  #: remember the day on which cheating was found
    REGISTER_TITLE = "register_title"  #: a title that the system did not grant, with its level and its decision
    ENTER_ROUND = "enter_round"  #: under assessment for the round's year
    PROPOSE_GRADE = "propose_grade"  #: remember the grade until the round closes
    NOTE_REPORT = "note_report"  #: the year's report is in
    APPLY_GRADE = "apply_grade"  #: the year's grade is final
    CLOSE_UNGRADED = "close_ungraded"  #: the year stays without a grade
    ORDER_RECTIFICATION = "order_rectification"  #: remember by which date to rectify
    NOTE_OVERDUE = "note_overdue"  #: the date passed without a report
    END_RECTIFICATION = "end_rectification"  #: the rectification is over
    TAKE_LEVEL = "take_level"  #: the title is now held at a higher level
    NOTE_CHANGE = "note_change"  #: remember a change for the assessment; take over its facts
    KEEP_RECOMMENDATION = "keep_recommendation"  #: remember to which level it is recommended
    KEEP_CHANGE = "keep_change"  #: remember what changed, when, and how late it was reported
    ADMIT_TENANT = "admit_tenant"  #: remember the firm
    EXTEND_STAY = "extend_stay"  #: the stay ends on another day
    GRADUATE_TENANT = "graduate_tenant"  #: remember on which grounds
    GRANT_RECOGNITION = "grant_recognition"  #: the award for the recognition, in its instalments
    GRANT_STRAIGHT = "grant_straight"  #: the award for a higher title that came without the local one
    GRANT_TOP_UP = "grant_top_up"  #: the difference to the award of a higher level
    GRANT_ANNUAL = "grant_annual"  #: the award for the year's grade
    SETTLE_INSTALMENT = "settle_instalment"  #: the year's instalment is due, or held
    HOLD_UNASSESSED = "hold_unassessed"  #: an instalment whose year was never assessed is held
    LAPSE_AWARDS = "lapse_awards"  #: with the title goes what has not been approved
    APPROVE_AWARD = "approve_award"
    PAY_AWARD = "pay_award"
    RELEASE_AWARD = "release_award"
    HOLD_AWARD = "hold_award"
    LAPSE_AWARD = "lapse_award"
    REVERSE_AWARD = "reverse_award"


class Reckoning(StrEnum):
    """How a clock's last day is found where it is not so long from the day of the act."""

    DAY_OF_CHANGE = "day_of_change"  #: counted from the day of the change; no clock before ``adverse_from``
    DATE_ORDERED = "date_ordered"  #: the date that whoever ordered the rectification entered, as it is
    STAY = "stay"  #: from the tenant's entry as long as the condition on stays says; as extended
    UNASSESSED_INSTALMENT = "unassessed_instalment"  #: the end of the year after the next instalment's year


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
    NAME = "name"
    USCC = "uscc"
    LEVEL = "level"
    DECIDED_ON = "decided_on"
    DOCUMENT_NO = "document_no"
    TOWNSHIP = "township"
    YEAR = "year"
    REPORT = "report"
    GRADE = "grade"
    SCORE = "score"
    SCORES = "scores"
    RECTIFY_BY = "rectify_by"
    TO_LEVEL = "to_level"
    WHAT = "what"
    OCCURRED_ON = "occurred_on"
    LATE_DAYS = "late_days"
    SITE_VISIT = "site_visit"
    TENANT = "tenant"
    GROUNDS = "grounds"
    UNTIL = "until"
    KIND = "kind"
    INSTALMENT = "instalment"
    YUAN = "yuan"
    PAID_ON = "paid_on"
    VOUCHER = "voucher"
    PERSON = "person"


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
    QUOTA_EXCEEDED = "quota_exceeded"
    UNGRADED = "ungraded"
    UNKNOWN_GRADE = "unknown_grade"
    ROUND_EXISTS = "round_exists"
    ROUND_NOT_OPEN = "round_not_open"
    GRADE_BELOW_GOOD = "grade_below_good"
    LEVEL_NOT_HIGHER = "level_not_higher"
    AWARD_NOT_IN_THAT_STATUS = "award_not_in_that_status"
    TENANT_NOT_ELIGIBLE = "tenant_not_eligible"
    NO_GRADUATION_GROUND = "no_graduation_ground"
    LIMIT_IS_HARD = "limit_is_hard"
    PAYMENT_BLOCKED = "payment_blocked"
    BELOW_FIXED = "below_fixed"


class Side(StrEnum):
    """Whose time a timer counts."""

    APPLICANT = "applicant"
    OFFICE = "office"
    NOBODY = "nobody"  #: a burden that simply ends (a ban)


class OneOpenPer(StrEnum):
    """Of how many open cases of a kind an operator may have one in a city."""

    OPERATOR = "operator"  #: one in all
    SPACE = "space"  #: one for each kind of space
    TENANT = "tenant"  #: one for each firm in an incubator


class Level(StrEnum):
    """At which level a title is held; in ascending order."""

    LOCAL = "local"
    NINGBO = "ningbo"
    PROVINCE = "province"
    NATIONAL = "national"


#: From the lowest level to the highest.
LEVELS = tuple(Level)


class Grade(StrEnum):
    """The result of a year's assessment; best first. Which of them a city knows is its pack's."""

    EXCELLENT = "excellent"
    GOOD = "good"
    QUALIFIED = "qualified"
    UNQUALIFIED = "unqualified"


#: In place of a grade: the year stays without one.
NOT_GRADED = "not_graded"


class Ungraded(StrEnum):
    """Why a year stays without a grade."""

    NOT_ORGANISED = "not_organised"
    DEFERRED = "deferred"
    REFUSED = "refused"
    LEFT_ROUND = "left_round"  #: it had left the assessment before the round closed
    NOT_IN_ROUND = "not_in_round"  #: it was not on the roster


class ChangeKind(StrEnum):
    """What may change in an incubator."""

    NAME = "name"
    OPERATOR = "operator"
    AREA = "area"
    SITE = "site"
    DIRECTION = "direction"
    OTHER = "other"


class AwardKind(StrEnum):
    """What an award is for."""

    RECOGNITION = "recognition"
    PROMOTION = "promotion"
    ANNUAL = "annual"


class AwardStatus(StrEnum):
    """How far an award has come."""

    SCHEDULED = "scheduled"  #: for a later year, if that year's assessment is passed
    PROPOSED = "proposed"
    HELD = "held"  #: a person releases it or lets it lapse
    APPROVED = "approved"
    PAID = "paid"
    LAPSED = "lapsed"
    REVERSED = "reversed"


class TopUpBasis(StrEnum):
    """From what the difference to a higher level's award is taken."""

    GRANTED = "granted"  #: the sum granted so far
    LEVEL_BEFORE = "level_before"  #: the award of the level held before


class TargetCount(StrEnum):
    """What a target counts."""

    TITLES = "titles"  #: every title of the city's own level or above
    TITLES_AT_LEVEL = "titles_at_level"  #: those whose highest level is exactly this
    TITLES_FROM_LEVEL = "titles_from_level"  #: those whose highest level is this or above
    MAKERS_AND_TENANTS = "makers_and_tenants"
