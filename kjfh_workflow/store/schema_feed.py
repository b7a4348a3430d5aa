"""The tables of what other programs hear and hand in: the feed of acts, who follows it, and files.

``feed``, ``files``, ``file_parts`` and ``attachments`` are append-only (``schema``); the rest says what is still to do.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from kjfh_workflow.store.columns import Instant, RowNumber, metadata

# Acts that have no number in the feed yet. A trigger on ``history`` writes it, so that no act can be forgotten.
unpublished = Table(
    "kjfh_unpublished",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
)

# Every act, numbered after its commit, one after the other: what has a higher number was never visible before. (A
# position in ``history`` is given before the commit, so a lower one may appear after a higher one.)
feed = Table(
    "kjfh_feed",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False, unique=True),
    Column("case_id", String(64), nullable=False),
    Column("version", Integer, nullable=False),
)

# The last number given; its one row is locked while numbers are given.
feed_head = Table(
    "kjfh_feed_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
)

# Programs that follow the feed, and how far each has come.
followers = Table(
    "kjfh_followers",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("cursor", BigInteger, nullable=False),
    # Who is handing events to it now, and until when others keep away.
    Column("claim", String(64)),
    Column("claimed_until", Instant),
)

# Events behind the follower's cursor that it has not taken: the first of a case is tried again, the others of that
# case wait for it.
withheld = Table(
    "kjfh_withheld",
    metadata,
    Column("follower", String(64), ForeignKey("kjfh_followers.name"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("case_id", String(64), nullable=False),
    Column("attempts", Integer, nullable=False),
    # Null when it has been given up: a person lets it be tried again, or skips it.
    Column("next_at", Instant),
    Column("error", Text, nullable=False),
    Index("ix_kjfh_withheld_follower_case", "follower", "case_id", "number"),
)

# Files by what is in them: the same bytes are kept once.
files = Table(
    "kjfh_files",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    # As its own bytes say, whatever its sender called it.
    Column("media_type", String(128), nullable=False),
    Column("stored_at", Instant, nullable=False),
)

file_parts = Table(
    "kjfh_file_parts",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

# That somebody has put a file into a case.
attachments = Table(
    "kjfh_attachments",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("case_id", String(64), ForeignKey("kjfh_cases.id"), nullable=False),
    Column("sha256", String(64), ForeignKey("kjfh_files.sha256"), nullable=False),
    Column("name", Text, nullable=False),
    # Which of the materials it is, by its key in the pack; empty for anything else.
    Column("material", String(64), nullable=False),
    Column("attached_by", String(128), nullable=False),
    Column("attached_by_name", Text, nullable=False),
    Column("role", String(32), nullable=False),
    Column("attached_at", Instant, nullable=False),
    Column("request_id", String(128), unique=True),
    Column("request_digest", String(64)),
    Index("ix_kjfh_attachments_case_id", "case_id", "id"),
    sqlite_autoincrement=True,
)
