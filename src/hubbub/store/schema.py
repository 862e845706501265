"""Which schema a store has: made when missing, checked when opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from hubbub.errors import StorageError
from hubbub.store import sqlite, tables_of_runs
from hubbub.store.failures import explained
from hubbub.store.tables import KNOWN_VERSIONS, SCHEMA_VERSION, metadata
from hubbub.store.views import SQLITE_DDL


def statements() -> list[str]:
    """Everything that makes an empty SQLite store, in order."""
    dialect = sqlite_dialect.dialect()
    made: list[str] = []
    assert tables_of_runs.runs.metadata is metadata
    for table in metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made.extend(str(CreateIndex(index).compile(dialect=dialect)) for index in indexes)
    return [*made, *SQLITE_DDL]


def stored_version(path: Path) -> str | None:
    """The migration a store is at; None for a file that is missing or empty.

    Raises StorageError for anything that is not a hubbub store. Changes nothing."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    with explained(path):
        sqlite.recover(path)
        connection = sqlite.connect(path, read_only=True)
        try:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not names:
                return None
            if "alembic_version" not in names or "checkpoints" not in names:
                raise StorageError(f"{path} is not a hubbub store: it is a database of another program")
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        finally:
            connection.close()
    if row is None:
        raise StorageError(f"{path} is damaged: its schema version is missing")
    return str(row[0])


def check_version(version: str, where: str) -> None:
    """Raise StorageError unless this hubbub can work with a store at `version`."""
    if version == SCHEMA_VERSION:
        return
    if version in KNOWN_VERSIONS:
        raise StorageError(
            f"{where} is of an older version (schema {version}, this hubbub has {SCHEMA_VERSION})",
            advice="run `hubbub db upgrade`: it makes a backup first",
        )
    raise StorageError(
        f"{where} needs a newer hubbub: its schema is {version}, this one knows up to {SCHEMA_VERSION}",
        advice="upgrade hubbub; nothing was changed",
    )


def make(connection: sqlite3.Connection) -> None:
    """Make the whole schema in one transaction, unless another process was faster."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
            connection.execute(f"PRAGMA application_id = {sqlite.APPLICATION_ID}")
            connection.execute(
                "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
                " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
            )
            for statement in statements():
                connection.execute(statement)
            connection.execute("INSERT INTO alembic_version (version_num) VALUES (?)", (SCHEMA_VERSION,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a write that failed has rolled back by itself
            connection.execute("ROLLBACK")
        raise
