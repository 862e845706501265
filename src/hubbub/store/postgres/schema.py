"""Which schema a store in PostgreSQL has: made when missing, checked when opened."""

from __future__ import annotations

from hubbub.store import schema as versions
from hubbub.store.postgres.session import PostgresSession, identifier
from hubbub.store.postgres.tables import statements
from hubbub.store.tables import SCHEMA_VERSION


def stored_version(db: PostgresSession, schema: str) -> str | None:
    """The migration a store is at; None where there is none. Changes nothing."""
    named = f"{identifier(schema)}.alembic_version"
    connection = db.connection
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (named,)).fetchone()
    if found is None or not found[0]:
        return None
    row = connection.execute(f"SELECT version_num FROM {named}").fetchone()  # noqa: S608 - quoted by the driver
    return None if row is None else str(row[0])


def check(version: str, where: str) -> None:
    """Raise StorageError unless this hubbub can work with a store at `version`."""
    versions.check_version(version, where)


def make(db: PostgresSession, schema: str) -> None:
    """Make the whole schema inside the open transaction, unless another process was faster."""
    connection = db.connection
    there = connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", (identifier(schema),)).fetchone()
    if there is None or not there[0]:  # even IF NOT EXISTS asks for the right to create one
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)}")
    connection.execute(f"SET LOCAL search_path TO {identifier(schema)}")
    if stored_version(db, schema) is not None:
        return
    connection.execute(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
        " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    for statement in statements():
        connection.execute(statement)
    connection.execute("INSERT INTO alembic_version (version_num) VALUES (%s)", (SCHEMA_VERSION,))
