"""The tables. What may change in a row, and what never does.

Their names begin with ``kjfh_``, because they may live beside a host program's own.

``history``, ``documents``, ``notices``, ``bans``, ``checkpoints``, ``confirmations``, ``holiday_notices``,
``recounts``, ``letters``, ``delivery_log``, ``services``, ``addresses``, ``ledger``, ``rounds``, ``roster``,
``misconduct``, ``named_firms``, ``feed``, ``files``, ``file_parts`` and ``attachments`` are append-only: the
database itself refuses
UPDATE and DELETE (triggers in the migrations). ``cases`` is the latest fold of ``history``, and ``timers`` the index of
its alarms: both can be computed again and compared (``kjfh verify``). ``outbox`` and ``deliveries`` say what has still
to be done; what has been done stands in ``delivery_log``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from kjfh_workflow.store.columns import Instant, Json, RowNumber, metadata
from kjfh_workflow.store.schema_feed import (
    attachments,
    feed,
    feed_head,
    file_parts,
    files,
    followers,
    unpublished,
    withheld,
)
from kjfh_workflow.store.schema_post import (
    addresses,
    channels,
    deliveries,
    delivery_log,
    letters,
    outbox,
    services,
)
from kjfh_workflow.store.schema_years import ledger, misconduct, roster, rounds

__all__ = [
    "Instant",
    "addresses",
    "attachments",
    "channels",
    "deliveries",
    "delivery_log",
    "feed",
    "feed_head",
    "file_parts",
    "files",
    "followers",
    "ledger",
    "letters",
    "metadata",
    "misconduct",
    "outbox",
    "roster",
    "rounds",
    "services",
    "unpublished",
    "withheld",
]

organisations = Table(
    "kjfh_organisations",
    metadata,
    Column("uscc", String(18), primary_key=True),
    Column("name", Text, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
)

cases = Table(
    "kjfh_cases",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("city", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("policy", String(32), nullable=False),
    Column("state", String(64), nullable=False),
    # The number and the hash of the case's last history row.
    Column("version", Integer, nullable=False),
    Column("head", String(64), nullable=False),
    Column("memory", Json, nullable=False),
    # At most one open case may take a place: "application:yuyao:9133…".
    Column("slot", String(128), unique=True),
    # Copies out of memory, to search and list by.
    Column("type", String(64), nullable=False),
    Column("level", String(16)),
    Column("uscc", String(18), ForeignKey("kjfh_organisations.uscc"), nullable=False),
    Column("name", Text, nullable=False),
    Column("opened_on", Date, nullable=False),
    Column("changed_at", Instant, nullable=False),
    # The case that it belongs to: of a change, a promotion or a tenancy, the incubator.
    Column("parent", String(64)),
    # Digest of the facts in force.
    Column("facts", String(64)),
    Index("ix_kjfh_cases_parent", "parent", "id"),
    Index("ix_kjfh_cases_facts", "facts"),
    Index("ix_kjfh_cases_city_kind_state", "city", "kind", "state"),
    Index("ix_kjfh_cases_city_kind_id", "city", "kind", "id"),
    Index("ix_kjfh_cases_city_changed_at", "city", "changed_at", "id"),
    Index("ix_kjfh_cases_city_kind_changed_at", "city", "kind", "changed_at", "id"),
    # An operator has few applications and titles, and may have very many tenancies.
    Index("ix_kjfh_cases_uscc", "uscc", "kind"),
)

history = Table(
    "kjfh_history",
    metadata,
    # Order of writing, across cases.
    Column("position", RowNumber, primary_key=True, autoincrement=True),
    Column("case_id", String(64), ForeignKey("kjfh_cases.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("event", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("target", String(64), nullable=False),
    Column("actor", String(128), nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("role", String(32), nullable=False),
    # Three times: the legal day, the instant it happened, the instant the program noticed.
    Column("legal_on", Date, nullable=False),
    Column("happened_at", Instant, nullable=False),
    Column("noticed_at", Instant, nullable=False),
    Column("request_id", String(128), unique=True),
    Column("request_digest", String(64)),
    Column("evidence", Json, nullable=False),
    Column("evaluation", Json),
    Column("effects", Json, nullable=False),
    Column("article", String(64), nullable=False),
    Column("policy", String(96), nullable=False),
    Column("policy_digest", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("case_id", "version"),
    sqlite_autoincrement=True,
)

documents = Table(
    "kjfh_documents",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("body", Text, nullable=False),
)

# Which firms the facts name as tenants, so that one named by two operators can be shown.
named_firms = Table(
    "kjfh_named_firms",
    metadata,
    Column("uscc", String(18), primary_key=True),
    Column("digest", String(64), ForeignKey("kjfh_documents.digest"), primary_key=True),
    Index("ix_kjfh_named_firms_digest", "digest"),
)

timers = Table(
    "kjfh_timers",
    metadata,
    Column("case_id", String(64), ForeignKey("kjfh_cases.id"), primary_key=True),
    Column("timer", String(64), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("alarm", String(32), primary_key=True),
    Column("due", Date, nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("rings_at", Instant, nullable=False),
    # armed, fired or cancelled; leaves armed once.
    Column("outcome", String(16), nullable=False),
    Column("settled_at", Instant),
)

notices = Table(
    "kjfh_notices",
    metadata,
    # "<case>/<history version>/<n>"
    Column("id", String(96), primary_key=True),
    Column("case_id", String(64), ForeignKey("kjfh_cases.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("city", String(64), nullable=False),
    Column("notice", String(64), nullable=False),
    # A role of the city's offices, or applicant with the operator's code.
    Column("role", String(32), nullable=False),
    Column("uscc", String(18)),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("queued_at", Instant, nullable=False),
    # The letter's title; its document number, where the pack gives the notice one.
    Column("title", Text, nullable=False, server_default=""),
    Column("number", String(64)),
    UniqueConstraint("case_id", "version", "notice", "role"),
    Index("uq_kjfh_notices_city_number", "city", "number", unique=True),
    Index("ix_kjfh_notices_city_queued_at", "city", "queued_at"),
    Index("ix_kjfh_notices_uscc_queued_at", "uscc", "queued_at"),
)

# The last document number given, by city and year. Taken under a row lock in the act's transaction: an act that is
# rolled back gives its number back, so there are no gaps.
numbers = Table(
    "kjfh_numbers",
    metadata,
    Column("city", String(64), primary_key=True),
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
)

bans = Table(
    "kjfh_bans",
    metadata,
    Column("case_id", String(64), ForeignKey("kjfh_cases.id"), primary_key=True),
    Column("city", String(64), nullable=False),
    Column("uscc", String(18), ForeignKey("kjfh_organisations.uscc"), nullable=False),
    Column("since", Date, nullable=False),
    # The last barred day.
    Column("until", Date, nullable=False),
    Column("article", String(64), nullable=False),
    Index("ix_kjfh_bans_uscc_city_until", "uscc", "city", "until"),
)

checkpoints = Table(
    "kjfh_checkpoints",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    # Covers history up to this position.
    Column("position", BigInteger, nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

confirmations = Table(
    "kjfh_confirmations",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("city", String(64), nullable=False),
    Column("policy", String(32), nullable=False),
    # The provision's key in the pack.
    Column("key", String(200), nullable=False),
    Column("confirmed_by", Text, nullable=False),
    Column("confirmed_on", Date, nullable=False),
    Column("note", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index("ix_kjfh_confirmations_city_policy", "city", "policy"),
    sqlite_autoincrement=True,
)

# What the State Council or the bureau announced after the calendar data was made.
holiday_notices = Table(
    "kjfh_holiday_notices",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    # Where it is written.
    Column("source", Text, nullable=False),
    # The year whose whole arrangement this is; null where it only amends.
    Column("year", Integer),
    # JSON lists of days.
    Column("rest", Json, nullable=False),
    Column("work", Json, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

# That every running clock has been counted again after a holiday notice.
recounts = Table(
    "kjfh_recounts",
    metadata,
    Column("notice_id", BigInteger, ForeignKey("kjfh_holiday_notices.id"), primary_key=True, autoincrement=False),
    Column("moved", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)

# Alarms that could not ring at first.
timer_failures = Table(
    "kjfh_timer_failures",
    metadata,
    Column("case_id", String(64), primary_key=True),
    Column("timer", String(64), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("alarm", String(32), primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("failed_at", Instant, nullable=False),
    Column("retry_at", Instant, nullable=False),
)

#: Dates that may still move; only few are.
Index(
    "ix_kjfh_timers_provisional",
    timers.c.due,
    sqlite_where=text("outcome = 'armed' AND provisional"),
    postgresql_where=text("outcome = 'armed' AND provisional"),
)
#: What is due next: only armed alarms are in it, so it stays small however many have rung.
Index(
    "ix_kjfh_timers_armed",
    # In the order of ringing: a deadline's alarms all ring at midnight, and a backlog is not sorted again and again.
    timers.c.rings_at,
    timers.c.case_id,
    timers.c.timer,
    timers.c.sequence,
    timers.c.alarm,
    sqlite_where=timers.c.outcome == "armed",
    postgresql_where=timers.c.outcome == "armed",
)
