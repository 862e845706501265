"""Bringing a store up to date: a backup first, then all missing migrations in one transaction."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from hubbub.store import schema, sqlite
from hubbub.store.engine import sqlite_path
from hubbub.store.failures import explained
from hubbub.store.tables import KNOWN_VERSIONS, SCHEMA_VERSION

_MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(url: str) -> str:
    """Bring the store at `url` to this hubbub's schema, making it when missing; says in words what was done.

    An existing store is backed up beside itself first. Raises StorageError for a store of a newer hubbub and for
    anything that is no store."""
    path = sqlite_path(url)
    sqlite.check_place(path, create=True)
    version = schema.stored_version(path)
    if version == SCHEMA_VERSION:
        return f"{path} is up to date (schema {version})"
    if version is not None and version not in KNOWN_VERSIONS:
        schema.check_version(version, path)
    backup = None if version is None else back_up(path, label=f"schema-{version}")
    run_migrations(path)
    if backup is None:
        return f"{path} made (schema {SCHEMA_VERSION})"
    return f"{path} upgraded from schema {version} to {SCHEMA_VERSION}; the old one is kept as {backup}"


def back_up(path: Path, *, label: str) -> Path:
    """Copy a store, as of one moment, to `<path>.<label>.bak`; the copy appears only when it is whole."""
    target = path.with_name(f"{path.name}.{label}.bak")
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    with explained(path):
        source = sqlite.connect(path, read_only=True)
        copy = sqlite3.connect(partial)
        try:
            source.backup(copy)
        finally:
            copy.close()
            source.close()
    partial.replace(target)
    return target


def run_migrations(path: Path, *, versions: Sequence[Path] = (), target: str = "head") -> None:
    """Apply the missing migrations in one transaction; `versions` names further folders of migrations."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    folders = os.pathsep.join(str(folder) for folder in (_MIGRATIONS / "versions", *versions))
    config.set_main_option("version_locations", folders.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = create_engine("sqlite://", creator=lambda: sqlite.connect(path), poolclass=NullPool)
    event.listen(engine, "begin", _begin)
    try:
        with explained(path), engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, target)
            connection.exec_driver_sql(f"PRAGMA application_id = {sqlite.APPLICATION_ID}")
    finally:
        engine.dispose()


def _begin(connection: Connection, *_: Any) -> None:
    """Begin for real: the driver is in autocommit mode, so that DDL is part of the transaction."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
