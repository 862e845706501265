"""How Alembic reaches the store: over the connection that `hubbub.store.migrate` hands it."""

from __future__ import annotations

from alembic import context

from hubbub.store import tables_of_runs
from hubbub.store.tables import metadata

assert tables_of_runs.runs.metadata is metadata
connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
