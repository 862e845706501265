"""The search index of PostgreSQL: the column `search` of `posts` and `comments`, written with its row.

It is null for rows that have no entry: withdrawn, stubs, and those an import left for later.
"""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hubbub.store.content import VECTORED, Change
from hubbub.store.rows import CODECS
from hubbub.store.search_index import lost_words
from hubbub.store.search_words import vector_text
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT

FIRST = ("", "")
"""Key before all others."""

CATCH_UP_ROWS = 5_000
"""Rows a transaction when the index is caught up."""


def newest_rows(db: Session) -> dict[str, int]:
    """Nothing: rows carry their own entries."""
    del db
    return {}


def take_out(db: Session, changes: Iterable[Change]) -> dict[str, list[int]]:
    """Remember that words were withdrawn: they lie in dead row versions until `db maintain` has vacuumed."""
    for kind in {change.kind for change in changes if change.kind in VECTORED and lost_words(change)}:
        # Although it may say so already: a new version of the row tells a vacuum under way that it came too early.
        db.execute("UPDATE search_state SET purge = 1 WHERE kind = ?", (kind,))
    return {}


def put_in(db: Session, again: dict[str, list[int]], *, newest: dict[str, int], later: bool) -> None:
    """Note that entries are waiting, with `later`; else they were written with their rows."""
    del again, newest
    if later:
        db.execute("UPDATE search_state SET pending = 1 WHERE pending = 0")


def catch_up(db: Session, kind: str, *, above: tuple[str, str]) -> tuple[str, str] | None:
    """Index the next live rows behind a key that have no entry; the last key, or None when none are left."""
    codec, table = CODECS[kind], CONTENT[kind].name
    rows = db.execute(
        f"SELECT {', '.join(codec.columns)} FROM {table} WHERE (source, id) > (?, ?) AND search IS NULL"
        f" AND observed_at IS NOT NULL AND withdrawn = 0 ORDER BY source, id LIMIT {CATCH_UP_ROWS}",
        above,
    ).fetchall()
    if not rows:
        db.execute("UPDATE search_state SET pending = 0 WHERE kind = ?", (kind,))
        return None
    entries: list[tuple[Any, ...]] = [(row[0], row[1], vector_text(codec.decode(row).record)) for row in rows]
    db.save(table, ("source", "id", "search"), entries, key=("source", "id"))
    return rows[-1][0], rows[-1][1]


def purge_due(db: Session) -> bool:
    """Whether withdrawn words wait for a vacuum."""
    return db.execute("SELECT 1 FROM search_state WHERE purge = 1").fetchone() is not None
