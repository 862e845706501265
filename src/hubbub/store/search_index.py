"""The FTS5 index: external content over `posts` and `comments`, kept in step by each batch, never by row triggers.

An entry exists for every live, observed row. Text that changes is taken out with its old words (FTS5's 'delete' command
needs them exactly) and put in again; new rows are added by range of row number, which measured 8 times cheaper than
triggers.
"""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec

from hubbub.records.merge import Kept
from hubbub.store.content import Change

INDEXES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "post": ("posts_fts", "posts", ("title", "body")),
    "comment": ("comments_fts", "comments", ("body",)),
}
"""Per kind: the search table, its content table and the indexed columns."""

DDL: tuple[str, ...] = tuple(
    f"CREATE VIRTUAL TABLE {fts} USING fts5({', '.join(columns)}, content=\"{table}\", content_rowid='n',"
    " tokenize='unicode61 remove_diacritics 2')"
    for fts, table, columns in INDEXES.values()
)

CATCH_UP_ROWS = 50_000
"""Rows a transaction when the index is caught up."""

_LIVE = "observed_at IS NOT NULL AND withdrawn = 0"


def newest_rows(connection: sqlite3.Connection) -> dict[str, int]:
    """The greatest row number of each indexed table, before a batch."""
    return {
        kind: connection.execute(f"SELECT coalesce(max(n), 0) FROM {table}").fetchone()[0]
        for kind, (_, table, _) in INDEXES.items()
    }


def take_out(connection: sqlite3.Connection, changes: Iterable[Change]) -> dict[str, list[int]]:
    """Remove the entries whose text this batch changes or withdraws; call before the rows are written.

    Returns the row numbers per kind that may need a new entry (`put_in`)."""
    again: dict[str, list[int]] = {kind: [] for kind in INDEXES}
    stale: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in INDEXES}
    wiped: set[str] = set()
    for change in changes:
        if change.kind not in INDEXES or change.n is None:
            continue
        columns = INDEXES[change.kind][2]
        old, new = indexed_text(change.before, columns), indexed_text(change.after, columns)
        if old is not None and change.wiped:  # words of past texts may lie in old segments still
            wiped.add(change.kind)
        if old == new:
            continue
        if old is not None:
            stale[change.kind].append((change.n, *old))
        if new is not None:
            again[change.kind].append(change.n)
    for kind, rows in stale.items():
        _delete(connection, kind, rows)
    for kind in wiped:
        connection.execute("UPDATE search_state SET purge = 1 WHERE kind = ? AND purge = 0", (kind,))
    return again


def _delete(connection: sqlite3.Connection, kind: str, rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    fts, _, columns = INDEXES[kind]
    numbers = msgspec.json.encode([row[0] for row in rows]).decode()
    present = {
        n
        for (n,) in connection.execute(
            f"SELECT id FROM {fts}_docsize WHERE id IN (SELECT value FROM json_each(?))", (numbers,)
        )
    }
    marks = ", ".join("?" * (1 + len(columns)))
    connection.executemany(
        f"INSERT INTO {fts} ({fts}, rowid, {', '.join(columns)}) VALUES ('delete', {marks})",
        [row for row in rows if row[0] in present],
    )


def put_in(connection: sqlite3.Connection, again: dict[str, list[int]], *, newest: dict[str, int], later: bool) -> None:
    """Add entries for rows above `newest` and for `again`; with `later`, only note that they are waiting."""
    for kind, (fts, table, columns) in INDEXES.items():
        if later:
            connection.execute("UPDATE search_state SET pending = 1 WHERE kind = ? AND pending = 0", (kind,))
            continue
        names = ", ".join(columns)
        connection.execute(
            f"INSERT INTO {fts} (rowid, {names}) SELECT n, {names} FROM {table} WHERE n > ? AND {_LIVE}",
            (newest[kind],),
        )
        if again[kind]:
            numbers = msgspec.json.encode(again[kind]).decode()
            connection.execute(
                f"INSERT INTO {fts} (rowid, {names}) SELECT n, {names} FROM {table}"
                f" WHERE n <= ? AND n IN (SELECT value FROM json_each(?)) AND {_LIVE}",
                (newest[kind], numbers),
            )


def indexed_text(kept: Kept | None, columns: tuple[str, ...]) -> tuple[Any, ...] | None:
    """The words of a record as the index holds them; None when it has no entry."""
    if kept is None or kept.withdrawn:
        return None
    return tuple(getattr(kept.record, name) for name in columns)


def catch_up(connection: sqlite3.Connection, kind: str, *, above: int) -> int | None:
    """Index the live rows of the next range above a row number that have no entry; None at the end of the table."""
    fts, table, columns = INDEXES[kind]
    names = ", ".join(columns)
    row = connection.execute(
        f"SELECT max(n) FROM (SELECT n FROM {table} WHERE n > ? ORDER BY n LIMIT {CATCH_UP_ROWS})", (above,)
    ).fetchone()
    top: int | None = row[0]
    if top is None:
        connection.execute("UPDATE search_state SET pending = 0 WHERE kind = ?", (kind,))
        return None
    connection.execute(
        f"INSERT INTO {fts} (rowid, {names}) SELECT n, {names} FROM {table} WHERE n > ? AND n <= ? AND {_LIVE}"
        f" AND NOT EXISTS (SELECT 1 FROM {fts}_docsize d WHERE d.id = {table}.n)",
        (above, top),
    )
    return top


def purge_due(connection: sqlite3.Connection) -> bool:
    """Drop the words of removed entries for good: FTS5 keeps them in old segments until those are merged. Returns
    whether there were any."""
    due = connection.execute("SELECT kind FROM search_state WHERE purge = 1").fetchall()
    for (kind,) in due:
        fts = INDEXES[kind][0]
        connection.execute(f"INSERT INTO {fts} ({fts}) VALUES ('optimize')")
        connection.execute("UPDATE search_state SET purge = 0 WHERE kind = ?", (kind,))
    return bool(due)
