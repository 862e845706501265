"""Looking a store through: the file or the server's indexes first, then everything that must hold (`checks`)."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from hubbub import clock
from hubbub.errors import LockedError, StorageError, StoreAwayError
from hubbub.store.checks import CHECKS, REBUILD_SEARCH, Check, Checked
from hubbub.store.engine import Store
from hubbub.store.search_index import INDEXES
from hubbub.store.session import Session
from hubbub.store.tables import metadata

EXAMPLES = 3
DAMAGES = 20
"""So many are looked for in a damaged file; it takes long to find all."""

RESTORE = "keep the damaged file, restore a backup (docs/how-to/look-after-a-store.md) or collect into a new --home"
CATCH_UP = "run `hubbub db maintain`: the search index is behind"

WORDS_S = 5.0
"""The words of the search index are compared under SQLite's write lock: not longer than writers gladly wait."""
STEPS = 200
"""Steps of SQLite's machine between two looks at the clock."""

_CONTENT = ("file", "pages")
"""Checks without which no other means anything."""


def check(store: Store, *, quick: bool = False) -> Iterator[Checked]:
    """Look through a store, open for reading; with `quick` only what costs little. Never changes anything.

    Where the file itself is damaged the rest is skipped: what it would find means nothing."""
    sound = True
    for found in structure(store, quick=quick):
        sound = sound and not (found.status == "failed" and found.name in _CONTENT)
        yield found
    for each in CHECKS:
        if quick and not each.quick:
            continue
        yield _asked(store, each) if sound else _skipped(each.name, "not looked at: the store is damaged")
    if not quick and store.engine == "sqlite":
        yield _words(store) if sound else _skipped("search words", "not looked at: the store is damaged")


def structure(store: Store, *, quick: bool) -> Iterator[Checked]:
    """What the database itself can say: damaged pages, broken references, indexes that are not to be trusted."""
    yield from (_sqlite_structure if store.engine == "sqlite" else _postgres_structure)(store, quick=quick)
    yield _schema(store)


def _skipped(name: str, why: str, *, advice: str | None = None) -> Checked:
    return Checked(name=name, status="skipped", count=0, said=why, advice=advice)


def _asked(store: Store, asked: Check) -> Checked:
    """The answer to one named check; a database that fails over it is one."""
    count = 0
    examples: list[str] = []
    try:
        with store.reading_raw() as db:
            for query in asked.queries[store.engine]:
                here = db.execute(f"SELECT count(*) FROM ({query}) AS found").fetchone()[0]
                if here and len(examples) < EXAMPLES:
                    rows = db.execute(f"{query} LIMIT {EXAMPLES - len(examples)}").fetchall()
                    examples += [f"{source}:{record_id}" for source, record_id in rows]
                count += here
            behind = asked.advice == REBUILD_SEARCH and count and _search_waits(db)
    except (StoreAwayError, LockedError):
        raise
    except StorageError as error:
        return Checked(name=asked.name, status="failed", count=1, said=str(error), advice=error.advice or RESTORE)
    if not count:
        return Checked(name=asked.name, status="ok", count=0, said=asked.holds)
    return Checked(
        name=asked.name,
        status="warning" if behind else asked.harm,
        count=count,
        said=f"{count:,} {asked.broken}",
        examples=tuple(examples),
        advice=CATCH_UP if behind else asked.advice,
    )


def _search_waits(db: Session) -> bool:
    return db.execute("SELECT 1 FROM search_state WHERE pending = 1").fetchone() is not None


def _sqlite_structure(store: Store, *, quick: bool) -> Iterator[Checked]:
    pragma = "quick_check" if quick else "integrity_check"
    with store.reading_raw() as db:
        try:
            said = [str(row[0]) for row in db.execute(f"PRAGMA {pragma}({DAMAGES})")]
        except sqlite3.DatabaseError as error:
            said = [str(error)]
        if said == ["ok"]:
            yield Checked(name="file", status="ok", count=0, said=f"the file is whole ({pragma})")
        else:
            many = f"{len(said)} or more" if len(said) >= DAMAGES else str(len(said))
            yield Checked(
                name="file",
                status="failed",
                count=len(said),
                said=f"{store.where} is damaged in {many} places",
                examples=tuple(_lines(said)[:EXAMPLES]),
                advice=RESTORE,
            )
            return
        broken = db.execute("PRAGMA foreign_key_check").fetchall()
        yield Checked(
            name="references",
            status="failed" if broken else "ok",
            count=len(broken),
            said=f"{len(broken):,} rows refer to nothing" if broken else "no row refers to nothing",
            examples=tuple(f"{table}:{rowid}" for table, rowid, *_ in broken[:EXAMPLES]),
            advice=RESTORE if broken else None,
        )


def _lines(said: list[str]) -> list[str]:
    """SQLite puts what it finds into one answer of many lines, or into many."""
    return [line for text in said for line in text.splitlines() if line and not line.startswith("***")]


def _postgres_structure(store: Store, *, quick: bool) -> Iterator[Checked]:
    del quick
    of_ours = "n.nspname = current_schema()"
    yield _asked_server(
        store,
        "indexes",
        holds="every index is valid",
        broken="indexes are not valid: they only cost",
        query="SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        f" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {of_ours} AND NOT (i.indisvalid AND i.indisready)",
        advice="`hubbub db maintain --full` removes what a killed one left; REINDEX the others",
    )
    yield _asked_server(
        store,
        "references",
        holds="the server keeps every reference",
        broken="foreign keys or checks were never validated",
        query="SELECT k.conname FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace"
        f" WHERE {of_ours} AND NOT k.convalidated",
        advice="ALTER TABLE … VALIDATE CONSTRAINT …",
    )
    yield _asked_server(
        store,
        "pages",
        holds="the server found no page with a wrong checksum",
        broken="pages of this database had a wrong checksum",
        query="SELECT 'page' FROM pg_stat_database d, generate_series(1, d.checksum_failures)"
        " WHERE d.datname = current_database()",
        advice="look at the server's disk and log; stop writing and restore a backup",
    )


def _asked_server(store: Store, name: str, *, holds: str, broken: str, query: str, advice: str) -> Checked:
    with store.reading_raw() as db:
        found = [str(row[0]) for row in db.execute(query)]
    return Checked(
        name=name,
        status="failed" if found else "ok",
        count=len(found),
        said=f"{len(found):,} {broken}" if found else holds,
        examples=tuple(found[:EXAMPLES]),
        advice=advice if found else None,
    )


def _schema(store: Store) -> Checked:
    """Whether every table and index of ours is there."""
    wanted: set[str] = set()
    if store.engine == "sqlite":
        tables, have = metadata, "SELECT name FROM sqlite_master"
    else:
        from hubbub.store.postgres import tables as postgres_tables  # noqa: PLC0415 - it costs time to derive

        tables = postgres_tables.metadata
        have = (
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = current_schema()"
        )
    for table in tables.sorted_tables:
        wanted |= {table.name, *(str(index.name) for index in table.indexes)}
    with store.reading_raw() as db:
        try:
            missing = sorted(wanted - {name for (name,) in db.execute(have)})
        except sqlite3.DatabaseError as error:
            return Checked(name="schema", status="failed", count=1, said=str(error), advice=RESTORE)
    return Checked(
        name="schema",
        status="failed" if missing else "ok",
        count=len(missing),
        said=f"{len(missing)} tables or indexes are missing" if missing else "every table and index is there",
        examples=tuple(missing[:EXAMPLES]),
        advice="somebody dropped them: restore a backup, or make them anew" if missing else None,
    )


def _words(store: Store) -> Checked:
    """Whether the search index agrees with itself. FTS5 only says so to a writer, though it writes nothing."""
    name = "search words"
    unknown = "not looked at: {}"
    with closing(sqlite3.connect(store.path, isolation_level=None, timeout=0)) as db:
        until = clock.monotonic() + WORDS_S
        db.set_progress_handler(lambda: clock.monotonic() > until, STEPS)
        try:
            db.execute("BEGIN IMMEDIATE")
            for fts, _, _ in INDEXES.values():
                db.execute(f"INSERT INTO {fts} ({fts}, rank) VALUES ('integrity-check', 0)")
        except sqlite3.Error as error:
            return _words_failed(error, name=name, unknown=unknown)
        finally:
            db.set_progress_handler(None, 0)
            if db.in_transaction:
                db.execute("ROLLBACK")
    return Checked(name=name, status="ok", count=0, said="the search index agrees with itself")


def _words_failed(error: sqlite3.Error, *, name: str, unknown: str) -> Checked:
    text = str(error)
    copy = "check a backup: `hubbub db backup`, then `hubbub --store FILE db check`"
    if "interrupted" in text:
        return _skipped(name, unknown.format("it would hold up writers too long"), advice=copy)
    if "locked" in text or "busy" in text:
        return _skipped(name, unknown.format("somebody writes just now"), advice=copy)
    if "readonly" in text or "unable to open" in text:
        return _skipped(name, unknown.format("the file is read-only"))
    return Checked(
        name=name, status="failed", count=1, said=f"the search index is damaged: {text}", advice=REBUILD_SEARCH
    )
