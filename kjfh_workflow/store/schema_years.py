"""The tables of the years after recognition: money, rounds, misconduct. All are append-only (``schema``)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from kjfh_workflow.store.columns import Instant, Json, RowNumber, metadata

# What is owed, promised and paid: one row for each change of an award's status or sum. The newest row of an award is
# how it stands; all of them follow from the history of its case.
ledger = Table(
    "kjfh_ledger",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("case_id", String(64), ForeignKey("kjfh_cases.id"), nullable=False),
    # The history row that wrote it.
    Column("version", Integer, nullable=False),
    # Names the award within its case: "recognition/2021/1".
    Column("award", String(64), nullable=False),
    Column("city", String(64), nullable=False),
    Column("uscc", String(18), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("year", Integer, nullable=False),
    # 0 where there are no instalments.
    Column("instalment", Integer, nullable=False),
    # In fen, exactly.
    Column("fen", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("article", String(64), nullable=False),
    # Cap, computation in words, voucher, day of payment, reason: canonical JSON.
    Column("detail", Json, nullable=False),
    Column("legal_on", Date, nullable=False),
    Column("noticed_at", Instant, nullable=False),
    UniqueConstraint("case_id", "version", "award"),
    Index("ix_kjfh_ledger_city_year", "city", "year"),
    sqlite_autoincrement=True,
)

# That a year's assessment was opened, and that it was closed.
rounds = Table(
    "kjfh_rounds",
    metadata,
    Column("city", String(64), primary_key=True),
    Column("year", Integer, primary_key=True, autoincrement=False),
    # open_round or close_round.
    Column("act", String(16), primary_key=True),
    Column("legal_on", Date, nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("actor_name", Text, nullable=False),
    # All titles valid on that day, by the pinned version of their policy: JSON.
    Column("titles", Json, nullable=False),
    # How many incubators are in it.
    Column("members", Integer, nullable=False),
    Column("request_id", String(128), unique=True),
    Column("request_digest", String(64)),
)

# Which incubators are in a round: frozen when it is opened.
roster = Table(
    "kjfh_roster",
    metadata,
    Column("city", String(64), primary_key=True),
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("case_id", String(64), ForeignKey("kjfh_cases.id"), primary_key=True),
)

# Reviewers' misconduct (失信名单).
misconduct = Table(
    "kjfh_misconduct",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("city", String(64), nullable=False),
    Column("person", Text, nullable=False),
    Column("finding", Text, nullable=False),
    Column("document_no", Text, nullable=False),
    Column("article", String(64), nullable=False),
    Column("policy", String(96), nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("recorded_on", Date, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("request_id", String(128), unique=True),
    Column("request_digest", String(64)),
    sqlite_autoincrement=True,
)
