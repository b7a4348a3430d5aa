"""What other programs hear and hand in: the feed of acts, its followers, and files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kjfh_workflow.store.append_only import refuse_changes
from kjfh_workflow.store.columns import Instant

revision = "0004"
down_revision = "0003"

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_QUEUE = "INSERT INTO kjfh_unpublished (position) VALUES (NEW.position)"


def upgrade() -> None:
    """Add the tables; what has been done before is published first."""
    op.create_index("ix_kjfh_cases_city_changed_at", "kjfh_cases", ["city", "changed_at", "id"])
    op.create_index("ix_kjfh_cases_city_kind_changed_at", "kjfh_cases", ["city", "kind", "changed_at", "id"])
    op.create_index("ix_kjfh_notices_city_queued_at", "kjfh_notices", ["city", "queued_at"])
    op.create_index("ix_kjfh_notices_uscc_queued_at", "kjfh_notices", ["uscc", "queued_at"])
    dead = sa.text("state = 'dead'")
    op.create_index("ix_kjfh_deliveries_dead", "kjfh_deliveries", ["channel"], sqlite_where=dead, postgresql_where=dead)
    _feed()
    _files()
    dialect = op.get_bind().dialect.name
    for statement in (*_publishing(dialect), *refuse_changes(dialect, _APPEND_ONLY)):
        op.execute(statement)
    op.execute("INSERT INTO kjfh_feed_head (id, last) VALUES (1, 0)")
    op.execute("INSERT INTO kjfh_unpublished (position) SELECT position FROM kjfh_history")


_APPEND_ONLY = {
    "kjfh_feed": "number",
    "kjfh_files": "sha256",
    "kjfh_file_parts": "sha256, part",
    "kjfh_attachments": "id",
}


def _publishing(dialect: str) -> tuple[str, ...]:
    """The trigger that queues every act for the feed."""
    if dialect == "sqlite":
        return (f"CREATE TRIGGER kjfh_history_publish AFTER INSERT ON kjfh_history BEGIN {_QUEUE}; END",)
    body = f"$$ BEGIN {_QUEUE}; RETURN NULL; END $$"
    each = "AFTER INSERT ON kjfh_history FOR EACH ROW EXECUTE PROCEDURE kjfh_publish()"
    return (
        f"CREATE OR REPLACE FUNCTION kjfh_publish() RETURNS trigger LANGUAGE plpgsql AS {body}",
        f"CREATE TRIGGER kjfh_history_publish {each}",
    )


def _feed() -> None:
    op.create_table(
        "kjfh_unpublished",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_kjfh_unpublished")),
    )
    op.create_table(
        "kjfh_feed",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_kjfh_feed")),
        sa.UniqueConstraint("position", name=op.f("uq_kjfh_feed_position")),
    )
    op.create_table(
        "kjfh_feed_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kjfh_feed_head")),
    )
    op.create_table(
        "kjfh_followers",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("claim", sa.String(length=64), nullable=True),
        sa.Column("claimed_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_kjfh_followers")),
    )
    op.create_table(
        "kjfh_withheld",
        sa.Column("follower", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", Instant(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["follower"], ["kjfh_followers.name"], name=op.f("fk_kjfh_withheld_follower")),
        sa.PrimaryKeyConstraint("follower", "number", name=op.f("pk_kjfh_withheld")),
    )
    op.create_index("ix_kjfh_withheld_follower_case", "kjfh_withheld", ["follower", "case_id", "number"])


def _files() -> None:
    op.create_table(
        "kjfh_files",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=128), nullable=False),
        sa.Column("stored_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_kjfh_files")),
    )
    op.create_table(
        "kjfh_file_parts",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "part", name=op.f("pk_kjfh_file_parts")),
    )
    op.create_table(
        "kjfh_attachments",
        sa.Column("id", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("material", sa.String(length=64), nullable=False),
        sa.Column("attached_by", sa.String(length=128), nullable=False),
        sa.Column("attached_by_name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("attached_at", Instant(), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("request_digest", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["kjfh_cases.id"], name=op.f("fk_kjfh_attachments_case_id")),
        sa.ForeignKeyConstraint(["sha256"], ["kjfh_files.sha256"], name=op.f("fk_kjfh_attachments_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kjfh_attachments")),
        sa.UniqueConstraint("request_id", name=op.f("uq_kjfh_attachments_request_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_kjfh_attachments_case_id", "kjfh_attachments", ["case_id", "id"])
