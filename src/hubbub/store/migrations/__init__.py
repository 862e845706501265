"""Alembic's migrations of the store, run by `hubbub.store.migrate`."""
