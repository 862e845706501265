"""Media rows: one per picture, video or poll of a live post or comment, derived from its winning content."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hubbub.records.models import MediaItem
from hubbub.store.content import Change
from hubbub.store.session import Session

_INSERT = {
    "sqlite": "INSERT INTO media (n, source, {n}, {id}, position, kind, url, fallback_url, media_id, width, height,"
    " caption, state, reason, tries, blob, changed_at)"
    " SELECT ?, source, n, id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM {table} WHERE source = ? AND id = ?",
    "postgresql": "INSERT INTO media (n, position, kind, url, fallback_url, media_id, width, height,"
    " caption, state, reason, tries, blob, changed_at, source, {id})"
    " VALUES (coalesce(?, nextval(pg_get_serial_sequence('media', 'n'))),"
    " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
}
_COLUMNS = {"post": ("post_n", "post_id", "posts"), "comment": ("comment_n", "comment_id", "comments")}


def maintain(db: Session, changes: Iterable[Change], *, now: int) -> None:
    """Follow the content of changed records: new items wait for download, known addresses keep their state."""
    for change in changes:
        if change.kind not in _COLUMNS:
            continue
        old, new = _items(change.before), _items(change.after)
        if old != new:
            _replace(db, change, items=new, had=bool(old), now=now)


def _items(kept: Any) -> tuple[MediaItem, ...]:
    if kept is None or kept.withdrawn:
        return ()
    items: tuple[MediaItem, ...] = kept.record.media
    return items


def _replace(db: Session, change: Change, *, items: tuple[MediaItem, ...], had: bool, now: int) -> None:
    n_column, id_column, table = _COLUMNS[change.kind]
    by_number = db.engine == "sqlite"
    where = f"{n_column} = ?" if by_number else f"source = ? AND {id_column} = ?"
    of: tuple[Any, ...] = (change.n,) if by_number else change.key
    states: dict[str, tuple[Any, ...]] = {}
    numbers: dict[str, int] = {}
    if had:
        rows = db.execute(
            f"SELECT n, url, state, reason, tries, blob, changed_at FROM media WHERE {where} AND url IS NOT NULL", of
        )
        for n, url, *state in rows:
            states[url], numbers[url] = tuple(state), n
        db.execute(f"DELETE FROM media WHERE {where}", of)
    db.executemany(
        _INSERT[db.engine].format(n=n_column, id=id_column, table=table),
        [
            (
                # A download that is under way still finds its row.
                numbers.pop(item.url or "", None),
                position,
                item.kind,
                item.url,
                item.fallback_url,
                item.media_id,
                item.width,
                item.height,
                item.caption,
                *(states.get(item.url or "") or _first_state(item, now)),
                *change.key,
            )
            for position, item in enumerate(items)
        ],
    )


def _first_state(item: MediaItem, now: int) -> tuple[Any, ...]:
    """State, reason, tries, blob and time of an item nobody has tried to fetch."""
    if item.kind == "poll":
        return "refused", "a poll has no file", 0, None, now
    if item.url is None:
        return "refused", f"the platform gives no address (status: {item.status or 'unknown'})", 0, None, now
    return "pending", None, 0, None, now
