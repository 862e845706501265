"""Dead space and statistics of a store in SQLite."""

# ruff: noqa: S608 - table names come from search_index.py

from __future__ import annotations

import shutil
from collections.abc import Iterator

import msgspec

from hubbub.errors import LockedError
from hubbub.store import search_index
from hubbub.store.engine import Store
from hubbub.store.search_index import INDEXES
from hubbub.store.session import Session

MERGE_PAGES = 2_000
"""Pages of the search index that are merged in one transaction."""

SAMPLE_ROWS = 1_000
"""Rows of each index that are looked at for the planner's statistics."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked after."""

    name: str
    done: bool
    """False when it was left for later."""
    what: str
    """What was done, or why not."""


def vacuum(store: Store, *, full: bool) -> Iterator[Step]:
    """Merge the search index where words were withdrawn, renew statistics, with `full` write the file anew, and bring
    the write-ahead log into it."""
    yield _purge(store)
    with store.exclusive() as db:
        db.execute(f"PRAGMA analysis_limit = {SAMPLE_ROWS}")
        db.execute("ANALYZE")
        db.execute("PRAGMA optimize")
    yield Step(name="statistics", done=True, what="the planner's statistics are renewed")
    if full:
        yield _rewrite(store)
    yield _empty_log(store)


def _purge(store: Store) -> Step:
    """Let go of withdrawn words for good: small merges first, so that nobody else waits for one large one."""
    with store.reading_raw() as db:
        due = [kind for (kind,) in db.execute("SELECT kind FROM search_state WHERE purge = 1")]
    for kind in due:
        pages = -MERGE_PAGES  # below zero: begin to merge everything into one
        while _merged(store, INDEXES[kind][0], pages):
            pages = MERGE_PAGES
    with store.transaction() as db:
        search_index.purge_due(db)
    what = "words of withdrawn records have left the search index" if due else "no withdrawn words to remove"
    return Step(name="withdrawn words", done=True, what=what)


def _merged(store: Store, fts: str, pages: int) -> bool:
    """Merge a little; whether there was anything to do (FTS5 says so by the number of rows it changed)."""
    with store.transaction() as db:
        before = _changes(db)
        db.execute(f"INSERT INTO {fts} ({fts}, rank) VALUES ('merge', ?)", (pages,))
        return _changes(db) - before > 1


def _changes(db: Session) -> int:
    return int(db.execute("SELECT total_changes()").fetchone()[0])


def _rewrite(store: Store) -> Step:
    """Write the file anew, without its free pages. Needs room for two copies: one beside it, one in the log."""
    with store.exclusive() as db:
        pages, free, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in _SIZES)
    before, needed = store.size_bytes(), 2 * (pages - free) * size
    left = shutil.disk_usage(store.path.parent).free
    if left < needed:
        return Step(
            name="file",
            done=False,
            what=f"not written anew: that needs {needed:,} bytes on the disk, {left:,} are free",
        )
    folder = str(store.path.parent).replace("'", "''")
    try:
        with store.exclusive() as db:
            # In memory, where temporary tables of ours lie, the whole file would have to fit.
            db.execute("PRAGMA temp_store = FILE")
            db.execute(f"PRAGMA temp_store_directory = '{folder}'")
            try:
                db.execute("VACUUM")
            finally:
                db.execute("PRAGMA temp_store_directory = ''")
                db.execute("PRAGMA temp_store = MEMORY")
    except LockedError as error:
        return Step(name="file", done=False, what=f"not written anew: {error}")
    with store.exclusive() as db:
        now = db.execute("PRAGMA page_count").fetchone()[0] * size
    return Step(name="file", done=True, what=f"written anew: {before:,} bytes before, {now:,} now")


_SIZES = ("page_count", "freelist_count", "page_size")


def _empty_log(store: Store) -> Step:
    with store.exclusive() as db:
        busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    what = "stays for now: somebody is reading or writing" if busy else "is in the file, and empty"
    return Step(name="log", done=not busy, what=f"the write-ahead log {what}")
