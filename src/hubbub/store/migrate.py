"""Bringing a store up to date, or back: a backup first (SQLite), then all steps in one transaction."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, StaticPool

from hubbub.errors import StorageError, UsageError
from hubbub.store import backup, schema, sqlite
from hubbub.store.backend import StoreOptions
from hubbub.store.engine import backend_of, is_postgres
from hubbub.store.failures import explained
from hubbub.store.sqlite_backend import SqliteBackend, sqlite_path
from hubbub.store.tables import KNOWN_VERSIONS, SCHEMA_VERSION
from hubbub.store.versions import version_of

_MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(url: str, *, options: StoreOptions | None = None) -> str:
    """Bring the store at `url` to this hubbub's schema, making it when missing; says in words what was done.

    A SQLite store that is there is backed up beside itself first. Raises StorageError for a store of a newer hubbub and
    for anything that is no store."""
    backend = backend_of(url, options=options)
    try:
        version = version_of(url, options=options)
        if version == SCHEMA_VERSION:
            return f"{backend.where} is up to date (schema {version})"
        if version is None:
            backend.open(create=True)
            return f"{backend.where} made (schema {SCHEMA_VERSION})"
        if version not in KNOWN_VERSIONS:
            schema.check_version(version, backend.where)
        kept = _backed_up(url, version)
        run_migrations(url, options=options)
        return f"{backend.where} upgraded from schema {version} to {SCHEMA_VERSION}{kept}"
    finally:
        backend.close()


def downgrade(url: str, to: str, *, options: StoreOptions | None = None) -> str:
    """Bring the store at `url` back to schema `to`, for an older hubbub; says in words what was done.

    Raises UsageError for a version that is not older, StorageError where there is no way back."""
    version = version_of(url, options=options)
    backend = backend_of(url, options=options)
    if version is None:
        raise StorageError(f"there is no store in {backend.where}")
    if to not in KNOWN_VERSIONS:
        raise UsageError(f"there is no schema {to!r}; known: {', '.join(KNOWN_VERSIONS)}")
    if to >= version:
        raise UsageError(f"{backend.where} has schema {version}, which is not newer than {to}")
    if is_postgres(url) and to < FIRST_OF_POSTGRES:
        raise StorageError(f"stores in PostgreSQL begin with schema {FIRST_OF_POSTGRES}; there is none before it")
    kept = _backed_up(url, version)
    run_migrations(url, target=to, options=options, back=True)
    return f"{backend.where} brought back from schema {version} to {to}{kept}"


FIRST_OF_POSTGRES = "0002"
"""The first schema a store in PostgreSQL can have."""


def history(version: str | None) -> list[tuple[str, str, str]]:
    """Every migration, oldest first: its number, what it does, and whether a store at `version` has it."""
    script = ScriptDirectory.from_config(_config(()))
    steps = sorted(script.walk_revisions(), key=lambda step: step.revision)
    have = version or ""
    return [
        (step.revision, (step.doc or "").split("\n")[0], "applied" if step.revision <= have else "missing")
        for step in steps
    ]


def _backed_up(url: str, version: str) -> str:
    if is_postgres(url):
        return "; the server's own backups are the way back"
    kept = backup.back_up_sqlite(sqlite_path(url), backup.beside(sqlite_path(url), label=f"schema-{version}"))
    return f"; the old one is kept as {kept}"


def run_migrations(
    url: str,
    *,
    versions: Sequence[Path] = (),
    target: str = "head",
    options: StoreOptions | None = None,
    back: bool = False,
) -> None:
    """Apply migrations up (or `back`) to `target` in one transaction; `versions` names further folders of them."""
    config = _config(versions)
    with _connected(url, options) as connection:
        config.attributes["connection"] = connection
        (command.downgrade if back else command.upgrade)(config, target)


def _config(versions: Sequence[Path]) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    folders = os.pathsep.join(str(folder) for folder in (_MIGRATIONS / "versions", *versions))
    config.set_main_option("version_locations", folders.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def _connected(url: str, options: StoreOptions | None) -> Iterator[Connection]:
    """A connection inside the one transaction that is committed when everything went well."""
    backend = backend_of(url, options=options)
    try:
        if isinstance(backend, SqliteBackend):
            with _sqlite_connection(backend) as connection:
                yield connection
            return
        with backend.transaction() as db:
            raw: Any = db
            with _over(raw.connection).connect() as connection:
                yield connection
    finally:
        backend.close()


@contextmanager
def _sqlite_connection(backend: SqliteBackend) -> Iterator[Connection]:
    path, wait_s = backend.path, backend.options.busy_timeout_s
    engine = create_engine("sqlite://", creator=lambda: sqlite.connect(path, busy_timeout_s=wait_s), poolclass=NullPool)
    event.listen(engine, "begin", _begin)
    try:
        with explained(path), engine.connect() as connection:
            # Dropping a table that others refer to would empty them; it has no effect inside a transaction.
            connection.connection.execute("PRAGMA foreign_keys = OFF")
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise StorageError(f"{path}: {len(broken)} rows would refer to nothing; nothing was changed")
                connection.exec_driver_sql(f"PRAGMA application_id = {sqlite.APPLICATION_ID}")
    finally:
        engine.dispose()


def _over(driver_connection: Any) -> Engine:
    """An engine over one connection whose transaction is somebody else's: it never commits nor rolls back."""
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: driver_connection, poolclass=StaticPool, use_native_hstore=False
    )
    engine.dialect.do_commit = engine.dialect.do_rollback = lambda *_: None  # type: ignore[method-assign]
    engine.dialect.do_close = lambda *_: None  # type: ignore[method-assign]
    return engine


def _begin(connection: Connection, *_: Any) -> None:
    """Begin for real: the driver is in autocommit mode, so that DDL is part of the transaction."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
