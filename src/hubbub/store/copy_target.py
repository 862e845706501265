"""What a copy does to its target before and after the rows. Every step may be killed and done again."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Index, MetaData
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.schema import CreateIndex

from hubbub.events import CopyProgress
from hubbub.store import copy_tables, search_index, tables
from hubbub.store.content import VECTORED
from hubbub.store.copy_tables import MARK_SOURCE
from hubbub.store.engine import Store
from hubbub.store.tables import CONTENT

CLEARED_ROWS = 20_000
"""Rows that a transaction deletes when a store in SQLite is emptied."""

_AS_LONG_AS_IT_TAKES = "SET LOCAL statement_timeout TO 0"

Say = Callable[[CopyProgress], None]


def leave_indexes(target: Store) -> None:
    """Take the indexes off posts and comments: `finish` makes them for less than half of what their upkeep costs."""
    with target.transaction() as db:
        for index in _indexes(target):
            db.execute(f"DROP INDEX IF EXISTS {index.name}")


def finish(target: Store, *, say: Say) -> None:
    """Make copied rows a store to go on with: its indexes, the search, the numbers of new rows, statistics."""
    _make_indexes(target, say=say)
    if target.engine == "sqlite":
        _fill_search(target, say=say)
        return
    with target.transaction() as db:
        for table, column in copy_tables.numbered():
            db.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), greatest(max({column}), 1),"
                f" max({column}) IS NOT NULL) FROM {table}"
            )
    for layout in copy_tables.layouts("sqlite", target.engine):
        with target.transaction() as db:
            db.execute(_AS_LONG_AS_IT_TAKES)
            db.execute(f"ANALYZE {layout.table}")


def _indexes(target: Store) -> Iterator[Index]:
    for kind in VECTORED:
        table = _metadata(target).tables[CONTENT[kind].name]
        yield from sorted(table.indexes, key=lambda index: str(index.name))


def _metadata(target: Store) -> MetaData:
    if target.engine == "sqlite":
        return tables.metadata
    from hubbub.store import postgres_tables  # noqa: PLC0415 - takes its time, and most stores are files

    return postgres_tables.metadata


def _make_indexes(target: Store, *, say: Say) -> None:
    in_file = target.engine == "sqlite"
    dialect = sqlite_dialect.dialect() if in_file else postgresql.dialect()  # type: ignore[no-untyped-call]
    indexes = list(_indexes(target))
    for done, index in enumerate(indexes):
        say(CopyProgress(table="indexes", done=done, total=len(indexes)))
        with target.transaction() as db:
            if in_file:
                there = db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (str(index.name),)).fetchone()
            else:
                db.execute(_AS_LONG_AS_IT_TAKES)
                there = db.execute("SELECT 1 WHERE to_regclass(?) IS NOT NULL", (str(index.name),)).fetchone()
            if there is None:
                db.execute(str(CreateIndex(index).compile(dialect=dialect)))


def _fill_search(target: Store, *, say: Say) -> None:
    for kind in VECTORED:
        fts, _, _ = search_index.INDEXES[kind]
        with target.reading_raw() as db:
            (total,) = db.execute(f"SELECT coalesce(max(n), 0) FROM {CONTENT[kind].name}").fetchone()
        above: int | None = search_index.FIRST
        while above is not None:
            say(CopyProgress(table=fts, done=above, total=total))
            with target.transaction() as db:
                above = search_index.catch_up(db, kind, above=above)


def clear(target: Store, *, names: Sequence[str]) -> None:
    """Delete every row of these tables, the mark of the copy left out, and the search entries."""
    if target.engine == "sqlite":
        _clear_file(target, names)
        return
    with target.transaction() as db:
        db.execute(_AS_LONG_AS_IT_TAKES)
        db.execute("DELETE FROM checkpoints WHERE source <> ?", (MARK_SOURCE,))
        db.execute(f"TRUNCATE {', '.join(name for name in names if name != 'checkpoints')}")


def _clear_file(target: Store, names: Sequence[str]) -> None:
    with target.transaction() as db:
        for fts, _, _ in search_index.INDEXES.values():
            db.execute(f"INSERT INTO {fts} ({fts}) VALUES ('delete-all')")
        db.execute("UPDATE search_state SET pending = 1")
    for name in reversed(names):
        kept = f" WHERE source <> '{MARK_SOURCE}'" if name == "checkpoints" else ""
        some = f"DELETE FROM {name} WHERE rowid IN (SELECT rowid FROM {name}{kept} LIMIT {CLEARED_ROWS})"
        left = True
        while left:
            with target.transaction() as db:
                left = db.execute(some).rowcount > 0
