"""The first schema: cases, their history, their clocks, what was sent, bans and confirmations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kjfh_workflow.store.append_only import refuse_changes, settle_once
from kjfh_workflow.store.schema import Instant

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "kjfh_checkpoints",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_kjfh_checkpoints")),
    )
    op.create_table(
        "kjfh_confirmations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("policy", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=False),
        sa.Column("confirmed_on", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kjfh_confirmations")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_kjfh_confirmations_city_policy", "kjfh_confirmations", ["city", "policy"], unique=False)
    op.create_table(
        "kjfh_documents",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_kjfh_documents")),
    )
    op.create_table(
        "kjfh_organisations",
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("uscc", name=op.f("pk_kjfh_organisations")),
    )
    op.create_table(
        "kjfh_cases",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("policy", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(length=64), nullable=False),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.Column("slot", sa.String(length=128), nullable=True),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=True),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["uscc"], ["kjfh_organisations.uscc"], name=op.f("fk_kjfh_cases_uscc")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kjfh_cases")),
        sa.UniqueConstraint("slot", name=op.f("uq_kjfh_cases_slot")),
    )
    op.create_index("ix_kjfh_cases_city_kind_state", "kjfh_cases", ["city", "kind", "state"], unique=False)
    op.create_index("ix_kjfh_cases_uscc", "kjfh_cases", ["uscc"], unique=False)
    op.create_table(
        "kjfh_bans",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("article", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["kjfh_cases.id"], name=op.f("fk_kjfh_bans_case_id")),
        sa.ForeignKeyConstraint(["uscc"], ["kjfh_organisations.uscc"], name=op.f("fk_kjfh_bans_uscc")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_kjfh_bans")),
    )
    op.create_index("ix_kjfh_bans_uscc_city_until", "kjfh_bans", ["uscc", "city", "until"], unique=False)
    op.create_table(
        "kjfh_history",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("legal_on", sa.Date(), nullable=False),
        sa.Column("happened_at", Instant(), nullable=False),
        sa.Column("noticed_at", Instant(), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("request_digest", sa.String(length=64), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("evaluation", sa.Text(), nullable=True),
        sa.Column("effects", sa.Text(), nullable=False),
        sa.Column("article", sa.String(length=64), nullable=False),
        sa.Column("policy", sa.String(length=96), nullable=False),
        sa.Column("policy_digest", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["kjfh_cases.id"], name=op.f("fk_kjfh_history_case_id")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_kjfh_history")),
        sa.UniqueConstraint("case_id", "version", name=op.f("uq_kjfh_history_case_id_version")),
        sa.UniqueConstraint("request_id", name=op.f("uq_kjfh_history_request_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "kjfh_notices",
        sa.Column("id", sa.String(length=96), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("notice", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("queued_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["kjfh_cases.id"], name=op.f("fk_kjfh_notices_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kjfh_notices")),
        sa.UniqueConstraint(
            "case_id", "version", "notice", "role", name=op.f("uq_kjfh_notices_case_id_version_notice_role")
        ),
    )
    op.create_table(
        "kjfh_timers",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("timer", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("alarm", sa.String(length=32), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("rings_at", Instant(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["kjfh_cases.id"], name=op.f("fk_kjfh_timers_case_id")),
        sa.PrimaryKeyConstraint("case_id", "timer", "sequence", "alarm", name=op.f("pk_kjfh_timers")),
    )
    op.create_index(
        "ix_kjfh_timers_armed",
        "kjfh_timers",
        ["rings_at"],
        unique=False,
        sqlite_where=sa.text("outcome = 'armed'"),
        postgresql_where=sa.text("outcome = 'armed'"),
    )
    dialect = op.get_bind().dialect.name
    append_only = {
        "kjfh_history": "position",
        "kjfh_documents": "digest",
        "kjfh_notices": "id",
        "kjfh_bans": "case_id",
        "kjfh_checkpoints": "number",
        "kjfh_confirmations": "id",
    }
    key = ("case_id", "timer", "sequence", "alarm")
    fixed = (*key, "due", "provisional", "rings_at")
    for statement in (*refuse_changes(dialect, append_only), *settle_once(dialect, "kjfh_timers", key, fixed)):
        op.execute(statement)
