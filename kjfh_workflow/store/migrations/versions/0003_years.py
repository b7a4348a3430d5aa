"""The years after recognition: which case belongs to which, the ledger, rounds and their rosters, misconduct."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from kjfh_workflow.store.append_only import refuse_changes
from kjfh_workflow.store.columns import Instant

revision = "0003"
down_revision = "0002"

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables; cases that are on file belong to no other."""
    op.add_column("kjfh_cases", sa.Column("parent", sa.String(length=64), nullable=True))
    op.add_column("kjfh_cases", sa.Column("facts", sa.String(length=64), nullable=True))
    op.create_index("ix_kjfh_cases_parent", "kjfh_cases", ["parent", "id"])
    op.create_index("ix_kjfh_cases_city_kind_id", "kjfh_cases", ["city", "kind", "id"])
    op.drop_index("ix_kjfh_cases_uscc", table_name="kjfh_cases")
    op.create_index("ix_kjfh_cases_uscc", "kjfh_cases", ["uscc", "kind"])
    op.create_index("ix_kjfh_cases_facts", "kjfh_cases", ["facts"])
    _firms()
    _money()
    _rounds()
    op.create_table(
        "kjfh_misconduct",
        sa.Column("id", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("document_no", sa.Text(), nullable=False),
        sa.Column("article", sa.String(length=64), nullable=False),
        sa.Column("policy", sa.String(length=96), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("request_digest", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kjfh_misconduct")),
        sa.UniqueConstraint("request_id", name=op.f("uq_kjfh_misconduct_request_id")),
        sqlite_autoincrement=True,
    )
    append_only = {
        "kjfh_named_firms": "uscc, digest",
        "kjfh_ledger": "id",
        "kjfh_rounds": "city, year, act",
        "kjfh_roster": "city, year, case_id",
        "kjfh_misconduct": "id",
    }
    for statement in refuse_changes(op.get_bind().dialect.name, append_only):
        op.execute(statement)


def _firms() -> None:
    """Which firms the facts on file name, and which facts are in force in which case."""
    op.create_table(
        "kjfh_named_firms",
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["kjfh_documents.digest"], name=op.f("fk_kjfh_named_firms_digest")),
        sa.PrimaryKeyConstraint("uscc", "digest", name=op.f("pk_kjfh_named_firms")),
    )
    op.create_index("ix_kjfh_named_firms_digest", "kjfh_named_firms", ["digest"])
    bind = op.get_bind()
    for digest, body in bind.execute(sa.text("SELECT digest, body FROM kjfh_documents")).all():
        named = {tenant["uscc"] for tenant in json.loads(body)["tenants"]}
        for uscc in sorted(named):
            insert = sa.text("INSERT INTO kjfh_named_firms (uscc, digest) VALUES (:uscc, :digest)")
            bind.execute(insert, {"uscc": uscc, "digest": digest})
    for case, memory in bind.execute(sa.text("SELECT id, memory FROM kjfh_cases")).all():
        if facts := json.loads(memory).get("facts"):
            bind.execute(sa.text("UPDATE kjfh_cases SET facts = :facts WHERE id = :id"), {"facts": facts, "id": case})


def _money() -> None:
    op.create_table(
        "kjfh_ledger",
        sa.Column("id", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("award", sa.String(length=64), nullable=False),
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("instalment", sa.Integer(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("article", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("legal_on", sa.Date(), nullable=False),
        sa.Column("noticed_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["kjfh_cases.id"], name=op.f("fk_kjfh_ledger_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kjfh_ledger")),
        sa.UniqueConstraint("case_id", "version", "award", name=op.f("uq_kjfh_ledger_case_id_version_award")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_kjfh_ledger_city_year", "kjfh_ledger", ["city", "year"])


def _rounds() -> None:
    op.create_table(
        "kjfh_rounds",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("legal_on", sa.Date(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("titles", sa.Text(), nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("request_digest", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("city", "year", "act", name=op.f("pk_kjfh_rounds")),
        sa.UniqueConstraint("request_id", name=op.f("uq_kjfh_rounds_request_id")),
    )
    op.create_table(
        "kjfh_roster",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["kjfh_cases.id"], name=op.f("fk_kjfh_roster_case_id")),
        sa.PrimaryKeyConstraint("city", "year", "case_id", name=op.f("pk_kjfh_roster")),
    )
