"""What a copy does to its target before and after the rows. Every step may be killed and done again."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Index, make_url
from sqlalchemy.schema import CreateIndex

from hubbub.events import CopyProgress
from hubbub.store import search_index, tables
from hubbub.store.content import VECTORED
from hubbub.store.copying import layouts
from hubbub.store.copying.layouts import MARK_SOURCE
from hubbub.store.engine import Store
from hubbub.store.patience import patiently
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT

CLEARED_ROWS = 20_000
"""Rows that a transaction deletes when a store in SQLite is emptied."""

_AS_LONG_AS_IT_TAKES = "SET LOCAL statement_timeout TO 0"

T = TypeVar("T")

Say = Callable[[CopyProgress], None]


def in_transaction(target: Store, work: Callable[[Session], T]) -> T:
    """What `work` returns, done in one transaction; after a lost connection it is done again."""

    def attempt() -> T:
        with target.transaction() as db:
            return work(db)

    return patiently(target.backend, attempt)


def run(target: Store, *statements: str) -> None:
    """Run statements in one transaction, as long as they take."""
    timeless = () if target.engine == "sqlite" else (_AS_LONG_AS_IT_TAKES,)
    in_transaction(target, lambda db: [db.execute(each) for each in (*timeless, *statements)])


def leave_indexes(target: Store) -> None:
    """Take the indexes off posts and comments: `finish` makes them for less than half of what their upkeep costs."""
    run(target, *(f"DROP INDEX IF EXISTS {index.name}" for index in _indexes(target)))


def finish(target: Store, *, say: Say) -> None:
    """Make copied rows a store to go on with: its indexes, the search, the numbers of new rows, statistics."""
    _make_indexes(target, say=say)
    if target.engine == "sqlite":
        _fill_search(target, say=say)
        return
    numbers = (
        f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), greatest(max({column}), 1),"
        f" max({column}) IS NOT NULL) FROM {table}"
        for table, column in layouts.numbered()
    )
    run(target, *numbers)
    for layout in layouts.layouts("sqlite", target.engine):
        run(target, f"ANALYZE {layout.table}")


def _indexes(target: Store) -> list[Index]:
    names = [CONTENT[kind].name for kind in VECTORED]
    if target.engine == "sqlite":
        held = tables.metadata
    else:
        from hubbub.store.postgres import tables as postgres_tables  # noqa: PLC0415 - it takes its time, and most stores are files

        held = postgres_tables.metadata
    return [index for name in names for index in sorted(held.tables[name].indexes, key=lambda each: str(each.name))]


def _make_indexes(target: Store, *, say: Say) -> None:
    in_file = target.engine == "sqlite"
    dialect = make_url("sqlite://" if in_file else "postgresql+psycopg://").get_dialect()()
    found = "SELECT 1 FROM sqlite_master WHERE name = ?" if in_file else "SELECT 1 WHERE to_regclass(?) IS NOT NULL"
    indexes = _indexes(target)
    for done, index in enumerate(indexes):
        say(CopyProgress(table="indexes", done=done, total=len(indexes)))
        with target.reading_raw() as db:
            there = db.execute(found, (str(index.name),)).fetchone()
        if there is None:
            with _sorting_on_disk(target):
                run(target, str(CreateIndex(index).compile(dialect=dialect)))


@contextmanager
def _sorting_on_disk(target: Store) -> Iterator[None]:
    """What SQLite sorts lies in memory otherwise, all of it."""
    if target.engine != "sqlite":
        yield
        return
    with target.exclusive() as db:
        db.execute("PRAGMA temp_store = FILE")
        try:
            yield
        finally:
            db.execute("PRAGMA temp_store = MEMORY")


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
    rest = f"DELETE FROM checkpoints WHERE source <> '{MARK_SOURCE}'"
    if target.engine == "sqlite":
        entries = (f"INSERT INTO {fts} ({fts}) VALUES ('delete-all')" for fts, _, _ in search_index.INDEXES.values())
        run(target, rest, *entries, "UPDATE search_state SET pending = 1")
        for name in reversed(names):
            if name != "checkpoints":
                _clear_rows(target, name)
    else:
        run(target, rest, f"TRUNCATE {', '.join(name for name in names if name != 'checkpoints')}")


def _clear_rows(target: Store, table: str) -> None:
    some = f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} LIMIT {CLEARED_ROWS})"
    left = CLEARED_ROWS
    while left == CLEARED_ROWS:
        left = in_transaction(target, lambda db: db.execute(some).rowcount)
