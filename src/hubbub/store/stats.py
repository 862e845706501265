"""How large a store is: rows and bytes of each table, dead space, the log, the partitions, the search index."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from hubbub.store.engine import Store
from hubbub.store.search_index import INDEXES
from hubbub.store.session import Engine, Session
from hubbub.store.tables import CONTENT, SCHEMA_VERSION, metadata

LARGE_ROWS = 1_000_000
"""PostgreSQL: tables of more rows than this are estimated; counting reads every row."""

PARTITIONS = 10
"""Only the largest partitions are told."""

DBSTAT = "SELECT name, pgsize FROM dbstat WHERE aggregate = 1"
"""Bytes of every table and index of a SQLite file; not every SQLite is built with it."""


class TableStats(msgspec.Struct, frozen=True, kw_only=True):
    """One table, its partitions and search index included."""

    table: str
    rows: int
    estimated: bool
    """True when the rows were not counted."""
    table_bytes: int | None
    """None where this SQLite cannot tell."""
    index_bytes: int | None
    dead_rows: int | None
    """PostgreSQL: versions of rows that nobody sees and no vacuum has removed."""


class PartitionStats(msgspec.Struct, frozen=True, kw_only=True):
    """One partition of posts or comments."""

    partition: str
    table: str
    rows: int
    """Estimated."""
    size_bytes: int


class SearchStats(msgspec.Struct, frozen=True, kw_only=True):
    """The search index of a kind."""

    kind: str
    behind: bool
    """Live records wait for `db maintain`."""
    withdrawn_words: bool
    """Words of withdrawn records wait for `db maintain`."""


class StoreStats(msgspec.Struct, frozen=True, kw_only=True):
    """A store in bytes."""

    store: str
    """File of the store, or its address without the password."""
    engine: Engine
    engine_version: str
    schema: str
    size_bytes: int
    free_bytes: int | None
    """SQLite: free pages of the file, to be used again."""
    log_bytes: int | None
    """The write-ahead log; None where the server does not let us look."""
    dead_share: float
    """How much is dead space, from 0 to 1: free pages of the file, or dead rows among all."""
    tables: tuple[TableStats, ...]
    """Largest first."""
    partitions: tuple[PartitionStats, ...]
    search: tuple[SearchStats, ...]


def stats(store: Store) -> StoreStats:
    """Measure a store; on SQLite that reads the whole file, on PostgreSQL the server's catalogue."""
    return _sqlite_stats(store) if store.engine == "sqlite" else _postgres_stats(store)


def search_stats(db: Session) -> tuple[SearchStats, ...]:
    """The search index of every kind."""
    rows = db.execute("SELECT kind, pending, purge FROM search_state ORDER BY kind DESC")
    return tuple(SearchStats(kind=kind, behind=bool(wait), withdrawn_words=bool(purge)) for kind, wait, purge in rows)


def dead_share(db: Session) -> float:
    """How much of a store is dead space, from 0 to 1, as the database itself keeps count."""
    if db.engine == "sqlite":
        free, pages = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_count"))
        return float(free / max(1, pages))
    return float(db.execute(_DEAD_SHARE).fetchone()[0])


def _sqlite_stats(store: Store) -> StoreStats:
    log = store.path.with_name(store.path.name + "-wal")
    with store.reading_raw() as db:
        free, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size"))
        return StoreStats(
            store=store.where,
            engine="sqlite",
            engine_version=sqlite3.sqlite_version,
            schema=SCHEMA_VERSION,
            size_bytes=store.size_bytes(),
            free_bytes=free * size,
            log_bytes=log.stat().st_size if log.exists() else 0,
            dead_share=dead_share(db),
            tables=_sqlite_tables(db),
            partitions=(),
            search=search_stats(db),
        )


def _sqlite_tables(db: Session) -> tuple[TableStats, ...]:
    sizes = _sizes(db)
    search = {CONTENT[kind].name: fts for kind, (fts, _, _) in INDEXES.items()}
    of_table: dict[str, list[str]] = {table.name: [] for table in metadata.sorted_tables}
    for name, table in db.execute("SELECT name, tbl_name FROM sqlite_master WHERE rootpage > 0 AND name <> tbl_name"):
        of_table.setdefault(table, []).append(name)
    for table, fts in search.items():
        of_table[table] += [name for name in sizes or {} if name.startswith(f"{fts}_")]
    made = [
        TableStats(
            table=str(table.name),
            rows=db.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0],
            estimated=False,
            table_bytes=None if sizes is None else sizes.get(table.name, 0),
            index_bytes=None if sizes is None else sum(sizes.get(name, 0) for name in of_table[table.name]),
            dead_rows=None,
        )
        for table in metadata.sorted_tables
    ]
    return _by_size(made)


def _sizes(db: Session) -> dict[str, int] | None:
    """Bytes of every table and index, None where SQLite cannot tell."""
    try:
        return dict(db.execute(DBSTAT).fetchall())
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise


_POSTGRES_TABLES = """
SELECT coalesce(pg_partition_root(c.oid), c.oid)::regclass::oid::bigint AS root, c.relname, c.relkind = 'p',
       CASE WHEN c.relkind = 'p' THEN 0 ELSE pg_table_size(c.oid) END::bigint,
       CASE WHEN c.relkind = 'p' THEN 0 ELSE pg_indexes_size(c.oid) END::bigint,
       CASE WHEN c.relkind = 'p' THEN 0 ELSE c.reltuples END::bigint,
       coalesce(pg_stat_get_dead_tuples(c.oid), 0)::bigint, c.oid::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
"""


_DEAD_SHARE = """
SELECT coalesce(sum(n_dead_tup)::float8 / greatest(1, sum(n_live_tup) + sum(n_dead_tup)), 0)
FROM pg_stat_all_tables WHERE schemaname = current_schema()
"""


def _postgres_stats(store: Store) -> StoreStats:
    with store.reading_raw() as db:
        rows = [tuple(row) for row in db.execute(_POSTGRES_TABLES)]
        version = db.execute("SHOW server_version").fetchone()[0]
        may_look = db.execute("SELECT has_function_privilege('pg_ls_waldir()', 'EXECUTE')").fetchone()[0]
        log = db.execute("SELECT sum(size)::bigint FROM pg_ls_waldir()").fetchone()[0] if may_look else None
        return StoreStats(
            store=store.where,
            engine="postgresql",
            engine_version=version,
            schema=SCHEMA_VERSION,
            size_bytes=store.size_bytes(),
            free_bytes=None,
            log_bytes=log,
            dead_share=dead_share(db),
            tables=_postgres_tables(db, rows),
            partitions=_partitions(rows),
            search=search_stats(db),
        )


def _postgres_tables(db: Session, rows: Sequence[tuple[Any, ...]]) -> tuple[TableStats, ...]:
    names = {oid: name for _, name, *_, oid in rows}
    ours = {table.name for table in metadata.sorted_tables}
    made = []
    for root in {row[0] for row in rows}:
        if names[root] not in ours:
            continue
        leaves = [row for row in rows if row[0] == root and not row[2]]
        estimates = [row[5] for row in leaves]
        # Below zero: never looked at. Then counting is the only way to know.
        estimated = sum(estimates) > LARGE_ROWS and min(estimates, default=0) >= 0
        made.append(
            TableStats(
                table=names[root],
                rows=sum(estimates) if estimated else db.execute(f"SELECT count(*) FROM {names[root]}").fetchone()[0],
                estimated=estimated,
                table_bytes=sum(row[3] for row in leaves),
                index_bytes=sum(row[4] for row in leaves),
                dead_rows=sum(row[6] for row in leaves),
            )
        )
    return _by_size(made)


def _partitions(rows: Sequence[tuple[Any, ...]]) -> tuple[PartitionStats, ...]:
    names = {oid: name for _, name, *_, oid in rows}
    made = [
        PartitionStats(partition=name, table=names[root], rows=max(0, about), size_bytes=size + indexes)
        for root, name, parted, size, indexes, about, _, oid in rows
        if root != oid and not parted
    ]
    return tuple(sorted(made, key=lambda part: (-part.size_bytes, part.partition))[:PARTITIONS])


def _by_size(made: Sequence[TableStats]) -> tuple[TableStats, ...]:
    return tuple(sorted(made, key=lambda t: (-(t.table_bytes or 0) - (t.index_bytes or 0), -t.rows, t.table)))
