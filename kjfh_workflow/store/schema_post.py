"""The tables of the post: what has still to be sent, what was sent and served, and where everybody is reached.

``delivery_log``, ``letters``, ``services`` and ``addresses`` are append-only (``schema``).
"""

from __future__ import annotations

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, text

from kjfh_workflow.store.columns import Instant, RowNumber, metadata

# One row for each notice, written with it; once routed, ``deliveries`` has one for each channel.
outbox = Table(
    "kjfh_outbox",
    metadata,
    Column("notice_id", String(96), ForeignKey("kjfh_notices.id"), primary_key=True),
    Column("next_at", Instant, nullable=False),
    Column("routed_at", Instant),
    # Why it could not be routed so far.
    Column("problem", Text),
)

deliveries = Table(
    "kjfh_deliveries",
    metadata,
    Column("notice_id", String(96), ForeignKey("kjfh_notices.id"), primary_key=True),
    Column("channel", String(64), primary_key=True),
    # queued, unaddressed, sent, dead, discarded.
    Column("state", String(16), nullable=False),
    # Failures since it was queued.
    Column("attempts", Integer, nullable=False),
    # When it is looked at next; while somebody is sending it: when others may take it over.
    Column("next_at", Instant, nullable=False),
    # Who is sending it now.
    Column("claim", String(64)),
    # As shown to people: a chat address is a secret.
    Column("address", Text),
    Column("error", Text),
    Column("settled_at", Instant),
)

delivery_log = Table(
    "kjfh_delivery_log",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("notice_id", String(96), ForeignKey("kjfh_notices.id"), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    # routed, failed, interrupted, unaddressed, sent, dead, discarded, retried, resent.
    Column("what", String(16), nullable=False),
    # The address, the error, or a person's reason.
    Column("detail", Text, nullable=False),
    # A person, or the process.
    Column("actor", Text, nullable=False),
    Index("ix_kjfh_delivery_log_notice_id", "notice_id"),
    sqlite_autoincrement=True,
)

# When a channel with a rate limit may send next.
channels = Table(
    "kjfh_channels",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("free_at", Instant, nullable=False),
)

letters = Table(
    "kjfh_letters",
    metadata,
    Column("notice_id", String(96), ForeignKey("kjfh_notices.id"), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("made_at", Instant, nullable=False),
)

# Proof of service: how, when and by whom a letter reached its addressee.
services = Table(
    "kjfh_services",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("notice_id", String(96), ForeignKey("kjfh_notices.id"), nullable=False),
    Column("how", Text, nullable=False),
    Column("served_on", Date, nullable=False),
    Column("served_by", Text, nullable=False),
    Column("received_by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index("ix_kjfh_services_notice_id", "notice_id"),
    sqlite_autoincrement=True,
)

# Addresses of operators and role mailboxes; the newest row counts, an empty address withdraws.
addresses = Table(
    "kjfh_addresses",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("city", String(64), nullable=False),
    # An operator's code, or a role.
    Column("holder", String(32), nullable=False),
    # The kind of address: email, chat.
    Column("medium", String(16), nullable=False),
    Column("address", Text, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_at", Instant, nullable=False),
    Index("ix_kjfh_addresses_holder", "holder", "city", "medium"),
    sqlite_autoincrement=True,
)

_OPEN_DELIVERY = deliveries.c.state.in_(("queued", "unaddressed"))
Index(
    "ix_kjfh_deliveries_open",
    deliveries.c.channel,
    deliveries.c.next_at,
    deliveries.c.notice_id,
    sqlite_where=_OPEN_DELIVERY,
    postgresql_where=_OPEN_DELIVERY,
)
Index(
    "ix_kjfh_outbox_unrouted",
    outbox.c.next_at,
    outbox.c.notice_id,
    sqlite_where=outbox.c.routed_at.is_(None),
    postgresql_where=outbox.c.routed_at.is_(None),
)
#: What has been given up; only few are.
_DEAD_DELIVERY = deliveries.c.state == text("'dead'")
Index(
    "ix_kjfh_deliveries_dead",
    deliveries.c.channel,
    sqlite_where=_DEAD_DELIVERY,
    postgresql_where=_DEAD_DELIVERY,
)
