"""Looking after a store: the search index, what is left over, statistics and dead space. Safe to kill and repeat."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hubbub.store import indexes, mentions, search_index, search_vector, vacuum
from hubbub.store.content import VECTORED
from hubbub.store.engine import Store
from hubbub.store.rows import CODECS
from hubbub.store.search_index import INDEXES
from hubbub.store.search_words import vector_text
from hubbub.store.tables import CONTENT
from hubbub.store.vacuum import Step

LEFTOVERS_AT_ONCE = 5_000
"""Rows a transaction when what is left over is removed."""

_LIVE = "observed_at IS NOT NULL AND withdrawn = 0"


def maintain(store: Store, *, full: bool = False) -> Iterator[Step]:
    """Look after everything, step by step; with `full` also what takes long: leftovers and dead space.

    Raises LockedError when somebody else holds the store too long; what was done until then stays done."""
    if made := indexes.build_left_out(store):
        yield Step(name="left out", done=True, what=f"{made} indexes that an import had left out are there now")
    yield catch_up(store)
    if full:
        yield _remove_leftovers(store)
    if store.engine == "sqlite":
        yield from vacuum.vacuum(store, full=full)
        return
    from hubbub.store import postgres_vacuum  # noqa: PLC0415 - the driver is an extra

    yield from postgres_vacuum.vacuum(store, full=full)


def catch_up(store: Store) -> Step:
    """Bring the search index up to date if an import left it behind."""
    with store.reading_raw() as db:
        behind = db.execute("SELECT 1 FROM search_state WHERE pending = 1").fetchone() is not None
    if behind:
        maintain_search(store)
    return Step(name="search", done=True, what=f"the search index {'has caught up' if behind else 'was up to date'}")


def maintain_search(store: Store) -> None:
    """Index every live row that has no search entry yet, in transactions of bounded size; safe to kill and repeat."""
    search: Any = search_index if store.engine == "sqlite" else search_vector
    for kind in VECTORED:
        above: Any = search.FIRST
        while above is not None:
            with store.transaction() as db:
                above = search.catch_up(db, kind, above=above)
    if store.engine == "sqlite":
        with store.transaction() as db:
            search_index.purge_due(db)


def rebuild_search(store: Store) -> None:
    """Make the search index anew; killed midway, it is behind, and `maintain` goes on."""
    if store.engine == "sqlite":
        with store.transaction() as db:
            for fts, _, _ in INDEXES.values():
                db.execute(f"INSERT INTO {fts} ({fts}) VALUES ('delete-all')")
            db.execute("UPDATE search_state SET pending = 1")
    else:
        for kind in VECTORED:
            _correct_vectors(store, kind)
    maintain_search(store)


def _correct_vectors(store: Store, kind: str) -> None:
    """Give each row of a kind the entry it should have; rows that have it already are not written."""
    codec, table = CODECS[kind], CONTENT[kind].name
    with store.transaction() as db:
        wrong = db.execute(f"UPDATE {table} SET search = NULL WHERE search IS NOT NULL AND NOT ({_LIVE})").rowcount
        if wrong:
            db.execute("UPDATE search_state SET purge = 1 WHERE kind = ?", (kind,))
    query = (
        f"SELECT {', '.join(codec.columns)} FROM {table} WHERE (source, id) > (?, ?) AND {_LIVE}"
        f" ORDER BY source, id LIMIT {search_vector.CATCH_UP_ROWS}"
    )
    correct = (
        f"UPDATE {table} SET search = ?::tsvector WHERE source = ? AND id = ? AND search IS DISTINCT FROM ?::tsvector"
    )
    above: tuple[str, str] = search_vector.FIRST
    while True:
        with store.transaction() as db:
            rows = db.execute(query, above).fetchall()
            entries = [(vector_text(codec.decode(row).record), row[0], row[1]) for row in rows]
            db.executemany(correct, [(entry, source, record_id, entry) for entry, source, record_id in entries])
        if not rows:
            return
        above = (rows[-1][0], rows[-1][1])


def _remove_leftovers(store: Store) -> Step:
    """Delete what is derived from records and no record calls for any more."""
    stubs = sum(_remove_stubs(store, kind, still) for kind, still in mentions.STILL.items())
    others = 0
    for table, kind in (("media", "post"), ("media", "comment"), ("labels", "post")):
        dead = f"SELECT 1 FROM {CONTENT[kind].name} t WHERE t.source = {table}.source AND t.id = {table}.{kind}_id"
        with store.transaction() as db:
            done = db.execute(
                f"DELETE FROM {table} WHERE EXISTS ({dead} AND (t.observed_at IS NULL OR t.withdrawn = 1))"
            )
            others += done.rowcount
    removed = [f"{count:,} {what}" for count, what in ((stubs, "stubs"), (others, "media rows and labels")) if count]
    return Step(
        name="leftovers", done=True, what=f"removed {' and '.join(removed)}" if removed else "nothing left over"
    )


def _remove_stubs(store: Store, kind: str, still: str) -> int:
    table = CONTENT[kind].name
    with store.reading_raw() as db:
        unused = f"SELECT t.source, t.id FROM {table} t WHERE t.observed_at IS NULL AND NOT ({still})"
        keys = db.execute(unused).fetchall()
    removed = 0
    for start in range(0, len(keys), LEFTOVERS_AT_ONCE):
        some = keys[start : start + LEFTOVERS_AT_ONCE]
        with store.transaction() as db:
            db.forget_mentioned()
            for source in sorted({source for source, _ in some}):
                ids = db.listed([record_id for where, record_id in some if where == source])
                done = db.execute(
                    f"DELETE FROM {table} AS t WHERE t.source = ? AND t.observed_at IS NULL AND {db.among('t.id')}"
                    f" AND NOT ({still})",
                    (source, ids),
                )
                removed += done.rowcount
    return removed
