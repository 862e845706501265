"""The schema as PostgreSQL has it, derived from the one definition in `tables.py`.

Content rows have no number: their key is (source, id), and foreign keys use it. Posts and comments are partitioned by
source, then by hash of the id. Text is compared byte by byte (collation "C"), as SQLite does.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    make_url,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from hubbub.store import tables_of_runs
from hubbub.store.tables import CONTENT, INT
from hubbub.store.tables import metadata as sqlite_metadata

PARTITIONED = ("posts", "comments")
_COUNTED = ("n", "id")
"""Names of primary keys that the database counts."""

_ROW_NUMBERS = {"media": ("post_n", "comment_n"), "labels": ("post_n",)}
"""Columns that refer to row numbers, which only SQLite has."""

_REFERS: dict[str, tuple[tuple[str, str], ...]] = {
    "media": (("post_id", "posts"), ("comment_id", "comments")),
    "labels": (("post_id", "posts"),),
}

RULES_VIEW = (
    "CREATE VIEW rules AS SELECT c.source AS source, c.id AS community, r.position AS position,"
    " r.rule ->> 'short_name' AS short_name, r.rule ->> 'applies_to' AS applies_to,"
    " r.rule ->> 'description' AS description, r.rule ->> 'violation_reason' AS violation_reason,"
    " (r.rule ->> 'created_at')::bigint AS created_at"
    " FROM communities c, jsonb_array_elements(c.rules::jsonb) WITH ORDINALITY AS r (rule, position)"
)

_DIALECT = make_url("postgresql+psycopg://").get_dialect()()


def _derive() -> MetaData:
    made = MetaData()
    assert tables_of_runs.runs.metadata is sqlite_metadata
    for table in sqlite_metadata.sorted_tables:
        _derive_table(table, made)
    return made


def _derive_table(table: Table, made: MetaData) -> Table:
    content = table.name in {each.name for each in CONTENT.values()}
    gone = {*(("n",) if content else ()), *_ROW_NUMBERS.get(table.name, ())}
    columns = [_derive_column(column) for column in table.columns if column.name not in gone]
    if table.name in PARTITIONED:
        columns.append(Column("search", postgresql.TSVECTOR))
    options: dict[str, Any] = {"postgresql_partition_by": "LIST (source)"} if table.name in PARTITIONED else {}
    return Table(table.name, made, *columns, *_constraints(table, gone=gone, content=content), **options)


def _derive_column(column: Column[Any]) -> Column[Any]:
    kind = Text(collation="C") if isinstance(column.type, Text) else column.type
    checks = [CheckConstraint(each.sqltext) for each in column.constraints if isinstance(each, CheckConstraint)]
    counted = [Identity(always=False)] if column.primary_key and column.type is INT and column.name in _COUNTED else []
    refers = [ForeignKey(each.target_fullname, ondelete=each.ondelete) for each in column.foreign_keys]
    return Column(
        column.name, kind, *checks, *counted, *refers, nullable=column.nullable, server_default=column.server_default
    )


def _constraints(table: Table, *, gone: set[str], content: bool) -> list[Any]:
    key = ("source", "id") if content else tuple(column.name for column in table.primary_key)
    made: list[Any] = [PrimaryKeyConstraint(*key)]
    for each in table.constraints:
        if isinstance(each, UniqueConstraint) and not content and not gone & set(each.columns.keys()):
            made.append(UniqueConstraint(*each.columns.keys()))
        if isinstance(each, CheckConstraint) and _is_of_table(each, table):
            text = str(each.sqltext)
            for old, new in (("post_n", "post_id"), ("comment_n", "comment_id")):
                text = text.replace(old, new) if table.name == "media" else text
            made.append(CheckConstraint(text))
    for column, target in _REFERS.get(table.name, ()):
        names = [f"{target}.source", f"{target}.id"]
        made.append(ForeignKeyConstraint(["source", column], names, ondelete="CASCADE"))
        if table.name == "media":
            made.append(UniqueConstraint("source", column, "position"))
    for index in table.indexes:
        names = [{"post_n": "post_id"}.get(name, name) for name in index.columns.keys()]  # noqa: SIM118 - not a dict
        made.append(Index(index.name, *names))
    if table.name in PARTITIONED:
        made.append(Index(f"ix_{table.name}_search", "search", postgresql_using="gin"))
        made.append(Index(f"ix_{table.name}_created", "created_at"))
    return made


def _is_of_table(constraint: CheckConstraint, table: Table) -> bool:
    """Whether a check belongs to the table, not to one of its columns (those are copied with them)."""
    return not any(constraint in column.constraints for column in table.columns)


metadata = _derive()


def _type_name(column: Column[Any]) -> str:
    if isinstance(column.type, Text):
        return "text"
    if isinstance(column.type, Float):
        return "float8"
    if isinstance(column.type, LargeBinary):
        return "bytea"
    return "tsvector" if isinstance(column.type, postgresql.TSVECTOR) else "int8"


TYPES: dict[str, dict[str, str]] = {
    table.name: {column.name: _type_name(column) for column in table.columns} for table in metadata.sorted_tables
}
"""Per table: the type in which each column is copied."""


def statements() -> list[str]:
    """Everything that makes an empty store in the schema that is searched first, in order."""
    made: list[str] = []
    for table in metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=_DIALECT)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made.extend(str(CreateIndex(index).compile(dialect=_DIALECT)) for index in indexes)
    return [
        *made,
        RULES_VIEW,
        "INSERT INTO search_state (kind, pending, purge) VALUES ('post', 0, 0), ('comment', 0, 0)",
    ]
