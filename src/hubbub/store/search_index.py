"""The FTS5 index: external content over views of `posts` and `comments`, kept in step by each batch, not by triggers.

An entry exists for every live, observed row: its words, and its facts (`search_words`). What changes is taken out with
its old words (FTS5's 'delete' command needs them exactly) and put in again; new rows are added by range of row number,
which measured 8 times cheaper than triggers.
"""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hubbub.records.merge import Kept
from hubbub.store.content import Change
from hubbub.store.search_words import FACTS_SQL, SEPARATORS, facts
from hubbub.store.session import Session

INDEXES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "post": ("posts_fts", "posts_words", ("title", "body", "facts")),
    "comment": ("comments_fts", "comments_words", ("body", "facts")),
}
"""Per kind: the search table, the view of what it holds of each row, and the indexed columns."""

TOKENIZE = f"unicode61 remove_diacritics 2 separators '{SEPARATORS}'"
"""How FTS5 cuts words (`search_words.words` does the same)."""

_TABLES = {"post": "posts", "comment": "comments"}


def _ddl() -> tuple[str, ...]:
    # A view, because a generated column would be worked out for every row that is written (half the cost of a row).
    # Datasette looks for the content table's name behind "USING FTS": the remark shows it the table, not the view.
    made = []
    for kind, (fts, view, columns) in INDEXES.items():
        table, text = _TABLES[kind], ", ".join(columns[:-1])
        made.append(
            f"CREATE VIEW {view} AS SELECT n, {text}, {FACTS_SQL} AS facts, observed_at, withdrawn FROM {table}"
        )
        made.append(
            f'CREATE VIRTUAL TABLE {fts} USING fts5 /* content="{table}" */ ({", ".join(columns)},'
            f" content='{view}', content_rowid='n', tokenize=\"{TOKENIZE}\")"
        )
    return tuple(made)


DDL: tuple[str, ...] = _ddl()
"""Statements that make the views and the search tables."""

FIRST = 0
"""Row number before all others."""

CATCH_UP_ROWS = 100_000
"""Rows a transaction when the index is caught up."""

HASH_BYTES = 16 << 20
"""Entries that FTS5 gathers before it writes them: of its own accord, 1 MiB, which costs a quarter more."""

_LIVE = "observed_at IS NOT NULL AND withdrawn = 0"


def newest_rows(db: Session) -> dict[str, int]:
    """The greatest row number of each indexed table, before a batch."""
    return {
        kind: db.execute(f"SELECT coalesce(max(n), 0) FROM {table}").fetchone()[0]
        for kind, (_, table, _) in INDEXES.items()
    }


def take_out(db: Session, changes: Iterable[Change]) -> dict[str, list[int]]:
    """Remove the entries whose text this batch changes or withdraws; call before the rows are written.

    Returns the row numbers per kind that may need a new entry (`put_in`)."""
    again: dict[str, list[int]] = {kind: [] for kind in INDEXES}
    stale: dict[str, list[int]] = {kind: [] for kind in INDEXES}
    wiped: set[str] = set()
    for change in changes:
        if change.kind not in INDEXES or change.n is None:
            continue
        old, new = entry(change.before), entry(change.after)
        if old is not None and lost_words(change):  # they, and those of past texts, may lie in old segments still
            wiped.add(change.kind)
        if old == new:
            continue
        if old is not None:
            stale[change.kind].append(change.n)
        if new is not None:
            again[change.kind].append(change.n)
    for kind, numbers in stale.items():
        _delete(db, kind, numbers)
    for kind in wiped:
        db.execute("UPDATE search_state SET purge = 1 WHERE kind = ? AND purge = 0", (kind,))
    return again


def _delete(db: Session, kind: str, numbers: list[int]) -> None:
    """Take out entries by the very words they were made of, which still lie in their rows."""
    if not numbers:
        return
    fts, table, columns = INDEXES[kind]
    names = ", ".join(columns)
    present = f"SELECT id FROM {fts}_docsize WHERE {db.among('id')}"
    db.execute(
        f"INSERT INTO {fts} ({fts}, rowid, {names}) SELECT 'delete', n, {names} FROM {table} WHERE n IN ({present})",
        (db.listed(numbers),),
    )


def put_in(db: Session, again: dict[str, list[int]], *, newest: dict[str, int], later: bool) -> None:
    """Add entries for rows above `newest` and for `again`; with `later`, only note that they are waiting."""
    for kind, (fts, table, columns) in INDEXES.items():
        if later:
            db.execute("UPDATE search_state SET pending = 1 WHERE kind = ? AND pending = 0", (kind,))
            continue
        names = ", ".join(columns)
        db.execute(
            f"INSERT INTO {fts} (rowid, {names}) SELECT n, {names} FROM {table} WHERE n > ? AND {_LIVE}",
            (newest[kind],),
        )
        if again[kind]:
            db.execute(
                f"INSERT INTO {fts} (rowid, {names}) SELECT n, {names} FROM {table}"
                f" WHERE n <= ? AND {db.among('n')} AND {_LIVE}",
                (newest[kind], db.listed(again[kind])),
            )


def entry(kept: Kept | None) -> tuple[Any, ...] | None:
    """What the index holds of a record; None when it has no entry."""
    if kept is None or kept.withdrawn:
        return None
    record: Any = kept.record
    return getattr(record, "title", None), record.body, *facts(record)


def lost_words(change: Change) -> bool:
    """Whether a change withdraws what its entry held: the text, or the author's name."""
    before: Any = None if change.before is None else change.before.record
    return before is not None and (change.wiped or before.author != getattr(change.kept.record, "author", None))


def catch_up(db: Session, kind: str, *, above: int) -> int | None:
    """Index the live rows of the next range above a row number that have no entry; None at the end of the table."""
    fts, table, columns = INDEXES[kind]
    names = ", ".join(columns)
    if above == FIRST:
        db.execute(f"INSERT INTO {fts} ({fts}, rank) VALUES ('hashsize', {HASH_BYTES})")
    row = db.execute(
        f"SELECT max(n) FROM (SELECT n FROM {table} WHERE n > ? ORDER BY n LIMIT {CATCH_UP_ROWS})", (above,)
    ).fetchone()
    top: int | None = row[0]
    if top is None:
        db.execute("UPDATE search_state SET pending = 0 WHERE kind = ?", (kind,))
        return None
    db.execute(
        f"INSERT INTO {fts} (rowid, {names}) SELECT n, {names} FROM {table} WHERE n > ? AND n <= ? AND {_LIVE}"
        f" AND NOT EXISTS (SELECT 1 FROM {fts}_docsize d WHERE d.id = {table}.n)",
        (above, top),
    )
    return top


def purge_due(db: Session) -> bool:
    """Drop the words of removed entries for good: FTS5 keeps them in old segments until those are merged. Returns
    whether there were any."""
    due = db.execute("SELECT kind FROM search_state WHERE purge = 1").fetchall()
    for (kind,) in due:
        fts = INDEXES[kind][0]
        db.execute(f"INSERT INTO {fts} ({fts}) VALUES ('optimize')")
        db.execute("UPDATE search_state SET purge = 0 WHERE kind = ?", (kind,))
    return bool(due)
