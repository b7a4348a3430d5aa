"""Holiday notices, failing alarms, document numbers, letters, the outbox, addresses and proof of service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kjfh_workflow.store.append_only import keep_rows, refuse_changes
from kjfh_workflow.store.schema import Instant

revision = "0002"
down_revision = "0001"

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables; notices that are on file go to the outbox like new ones."""
    op.add_column("kjfh_notices", sa.Column("title", sa.Text(), server_default="", nullable=False))
    op.add_column("kjfh_notices", sa.Column("number", sa.String(length=64), nullable=True))
    op.create_index("uq_kjfh_notices_city_number", "kjfh_notices", ["city", "number"], unique=True)
    op.create_table(
        "kjfh_numbers",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", "year", name=op.f("pk_kjfh_numbers")),
    )
    _time()
    _delivery()
    _people()
    # Who has not been told so far will be told; a bureau that has told them discards these.
    op.execute(
        "INSERT INTO kjfh_outbox (notice_id, next_at, routed_at, problem) "
        "SELECT id, queued_at, NULL, NULL FROM kjfh_notices"
    )
    dialect = op.get_bind().dialect.name
    append_only = {
        "kjfh_holiday_notices": "id",
        "kjfh_recounts": "notice_id",
        "kjfh_delivery_log": "id",
        "kjfh_letters": "notice_id",
        "kjfh_services": "id",
        "kjfh_addresses": "id",
    }
    for statement in (*refuse_changes(dialect, append_only), *keep_rows(dialect, ("kjfh_outbox", "kjfh_deliveries"))):
        op.execute(statement)


def _time() -> None:
    op.create_table(
        "kjfh_holiday_notices",
        sa.Column("id", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("rest", sa.Text(), nullable=False),
        sa.Column("work", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kjfh_holiday_notices")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "kjfh_recounts",
        sa.Column("notice_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("moved", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["kjfh_holiday_notices.id"], name=op.f("fk_kjfh_recounts_notice_id")),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_kjfh_recounts")),
    )
    op.drop_index("ix_kjfh_timers_armed", table_name="kjfh_timers")
    armed = sa.text("outcome = 'armed'")
    op.create_index(
        "ix_kjfh_timers_armed",
        "kjfh_timers",
        ["rings_at", "case_id", "timer", "sequence", "alarm"],
        sqlite_where=armed,
        postgresql_where=armed,
    )
    provisional = sa.text("outcome = 'armed' AND provisional")
    op.create_index(
        "ix_kjfh_timers_provisional",
        "kjfh_timers",
        ["due"],
        sqlite_where=provisional,
        postgresql_where=provisional,
    )
    op.create_table(
        "kjfh_timer_failures",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("timer", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("alarm", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("failed_at", Instant(), nullable=False),
        sa.Column("retry_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "timer", "sequence", "alarm", name=op.f("pk_kjfh_timer_failures")),
    )


def _delivery() -> None:
    op.create_table(
        "kjfh_outbox",
        sa.Column("notice_id", sa.String(length=96), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("routed_at", Instant(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["notice_id"], ["kjfh_notices.id"], name=op.f("fk_kjfh_outbox_notice_id")),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_kjfh_outbox")),
    )
    unrouted = sa.text("routed_at IS NULL")
    op.create_index(
        "ix_kjfh_outbox_unrouted",
        "kjfh_outbox",
        ["next_at", "notice_id"],
        sqlite_where=unrouted,
        postgresql_where=unrouted,
    )
    op.create_table(
        "kjfh_deliveries",
        sa.Column("notice_id", sa.String(length=96), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("claim", sa.String(length=64), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["notice_id"], ["kjfh_notices.id"], name=op.f("fk_kjfh_deliveries_notice_id")),
        sa.PrimaryKeyConstraint("notice_id", "channel", name=op.f("pk_kjfh_deliveries")),
    )
    is_open = sa.text("state IN ('queued', 'unaddressed')")
    op.create_index(
        "ix_kjfh_deliveries_open",
        "kjfh_deliveries",
        ["channel", "next_at", "notice_id"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_table(
        "kjfh_delivery_log",
        sa.Column("id", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("notice_id", sa.String(length=96), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["kjfh_notices.id"], name=op.f("fk_kjfh_delivery_log_notice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kjfh_delivery_log")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_kjfh_delivery_log_notice_id", "kjfh_delivery_log", ["notice_id"])
    op.create_table(
        "kjfh_channels",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("free_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_kjfh_channels")),
    )


def _people() -> None:
    op.create_table(
        "kjfh_letters",
        sa.Column("notice_id", sa.String(length=96), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["kjfh_notices.id"], name=op.f("fk_kjfh_letters_notice_id")),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_kjfh_letters")),
    )
    op.create_table(
        "kjfh_services",
        sa.Column("id", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("notice_id", sa.String(length=96), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("served_on", sa.Date(), nullable=False),
        sa.Column("served_by", sa.Text(), nullable=False),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["kjfh_notices.id"], name=op.f("fk_kjfh_services_notice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kjfh_services")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_kjfh_services_notice_id", "kjfh_services", ["notice_id"])
    op.create_table(
        "kjfh_addresses",
        sa.Column("id", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=32), nullable=False),
        sa.Column("medium", sa.String(length=16), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kjfh_addresses")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_kjfh_addresses_holder", "kjfh_addresses", ["holder", "city", "medium"])
