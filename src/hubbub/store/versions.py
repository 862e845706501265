"""Which schema a store has, without the machinery that changes it: that takes a quarter of a second to load."""

from __future__ import annotations

from hubbub.store import schema, sqlite
from hubbub.store.backend import StoreOptions
from hubbub.store.engine import backend_of, is_postgres
from hubbub.store.sqlite_backend import sqlite_path


def version_of(url: str, *, options: StoreOptions | None = None) -> str | None:
    """The migration a store is at; None where there is none. Raises StorageError for what is no store."""
    if not is_postgres(url):
        path = sqlite_path(url)
        sqlite.check_place(path, create=True)
        return schema.stored_version(path)
    from hubbub.store.postgres import schema as postgres_schema  # noqa: PLC0415 - the driver is an extra
    from hubbub.store.postgres.backend import PostgresBackend  # noqa: PLC0415 - needs the driver

    backend = backend_of(url, options=options)
    assert isinstance(backend, PostgresBackend)
    try:
        with backend.exclusive() as db:
            return postgres_schema.stored_version(db, backend.address.schema)
    finally:
        backend.close()
