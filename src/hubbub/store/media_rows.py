"""Media rows: one per picture, video or poll of a live post or comment, derived from its winning content."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from hubbub.records.models import MediaItem
from hubbub.store.content import Change, Key
from hubbub.store.session import Session
from hubbub.store.sheets import Sheet

_INSERT = {
    "sqlite": "INSERT INTO media (n, source, {n}, {id}, position, kind, url, fallback_url, media_id, width, height,"
    " caption, state, reason, tries, blob, changed_at)"
    " SELECT ?, source, n, id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM {table} WHERE source = ? AND id = ?",
    "postgresql": "INSERT INTO media (n, position, kind, url, fallback_url, media_id, width, height,"
    " caption, state, reason, tries, blob, changed_at, source, {id})"
    " VALUES (coalesce(?, nextval(pg_get_serial_sequence('media', 'n'))),"
    " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
}
_decode = msgspec.json.Decoder(tuple[MediaItem, ...]).decode
_COLUMNS = {"post": ("post_n", "post_id", "posts"), "comment": ("comment_n", "comment_id", "comments")}


def maintain(db: Session, changes: Iterable[Change], *, now: int) -> None:
    """Follow the content of changed records: new items wait for download, known addresses keep their state."""
    rows: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in _COLUMNS}
    for change in changes:
        if change.kind not in _COLUMNS:
            continue
        old, new = _items(change.before), _items(change.after)
        if old != new:
            rows[change.kind] += _rows(new, change.key, known=_taken_out(db, change) if old else {}, now=now)
    for kind, made in rows.items():
        if made:
            n_column, id_column, table = _COLUMNS[kind]
            # Rows that keep their number first: a new one might be given it, now that it is free.
            made.sort(key=lambda row: row[0] is None)
            db.executemany(_INSERT[db.engine].format(n=n_column, id=id_column, table=table), made)


def add(db: Session, sheet: Sheet, *, now: int) -> None:
    """The rows of records that came without an object; those that are there already stay as they are."""
    at = sheet.at("media")
    if at is None:
        return
    made: list[tuple[Any, ...]] = []
    for row in sheet.rows:
        if row[at]:
            made += _rows(_decode(row[at]), (sheet.source, row[0]), known={}, now=now)
    if made:
        n_column, id_column, table = _COLUMNS[sheet.kind]
        insert = _INSERT[db.engine].format(n=n_column, id=id_column, table=table)
        db.executemany(f"{insert} ON CONFLICT DO NOTHING", made)


def _items(kept: Any) -> tuple[MediaItem, ...]:
    if kept is None or kept.withdrawn:
        return ()
    items: tuple[MediaItem, ...] = kept.record.media
    return items


def _taken_out(db: Session, change: Change) -> dict[str, tuple[Any, ...]]:
    """Remove a record's rows; returns number and state of each by its address."""
    n_column, id_column, _ = _COLUMNS[change.kind]
    by_number = db.engine == "sqlite"
    where = f"{n_column} = ?" if by_number else f"source = ? AND {id_column} = ?"
    of: tuple[Any, ...] = (change.n,) if by_number else change.key
    rows = db.execute(
        f"SELECT url, n, state, reason, tries, blob, changed_at FROM media WHERE {where} AND url IS NOT NULL", of
    ).fetchall()
    db.execute(f"DELETE FROM media WHERE {where}", of)
    return {url: tuple(state) for url, *state in rows}


def _rows(
    items: tuple[MediaItem, ...], key: Key, *, known: dict[str, tuple[Any, ...]], now: int
) -> Iterator[tuple[Any, ...]]:
    for position, item in enumerate(items):
        # A download that is under way still finds its row by its number, which one item of an address keeps.
        number, *state = known.get(item.url or "") or (None, *_first_state(item, now))
        if number is not None:
            known[item.url or ""] = (None, *state)
        said = (item.kind, item.url, item.fallback_url, item.media_id, item.width, item.height, item.caption)
        yield number, position, *said, *state, *key


def _first_state(item: MediaItem, now: int) -> tuple[Any, ...]:
    """State, reason, tries, blob and time of an item nobody has tried to fetch."""
    if item.kind == "poll":
        return "refused", "a poll has no file", 0, None, now
    if item.url is None:
        return "refused", f"the platform gives no address (status: {item.status or 'unknown'})", 0, None, now
    return "pending", None, 0, None, now
