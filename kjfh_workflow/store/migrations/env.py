"""Alembic's entry: the connection is handed over by ``store.migrate``; nothing is configured from files."""

from __future__ import annotations

from alembic import context

from kjfh_workflow.store.migrate import VERSION_TABLE
from kjfh_workflow.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
