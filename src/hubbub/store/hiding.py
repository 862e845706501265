"""The user's own soft delete: `hidden_at` and `hidden_by` of content rows, which no ingest ever touches.

Hiding a community or a person marks what is in it, or by them, with the very mark of the community or person; so
restoring finds just these rows again, and what was hidden for another reason stays hidden.
"""

# ruff: noqa: S608 - table and column names are written here or come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from hubbub.store.engine import Store
from hubbub.store.patience import patiently
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT
from hubbub.store.targets import Found, Target, resolve

SPAN_ROWS = 20_000
"""Posts or comments of a community that are marked in one transaction."""

_BEFORE_ALL = -(2**63)
_MEMBERS = ("posts", "comments")
_REFERS = {"community": "community", "user": "author"}
"""Kinds whose members are hidden with them: the column by which posts and comments refer to one."""
_COVERED = (
    "EXISTS (SELECT 1 FROM {owners} o"
    " WHERE o.source = t.source AND o.id = t.{column} AND o.hidden_at IS NOT NULL{same})"
)
_SAME = " AND o.hidden_at = t.hidden_at AND coalesce(o.hidden_by, '') = coalesce(t.hidden_by, '')"
_MARK = "hidden_at = ? AND coalesce(hidden_by, '') = ?"


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one target, and how many rows of its members changed with it."""

    kind: str
    source: str
    id: str
    was_hidden: bool
    hidden_at: int | None
    """As it is now."""
    hidden_by: str | None
    posts: int = 0
    """Posts that were hidden with it, or came back with it."""
    comments: int = 0
    still_hidden: int = 0
    """Posts and comments that stay hidden because of their author, or their community."""

    @property
    def typed(self) -> str:
        """The target that names it."""
        return f"{self.kind}:{self.source}/{self.id}"

    @property
    def rows(self) -> int:
        """Rows that changed, its own included."""
        return self.posts + self.comments + (self.was_hidden != (self.hidden_at is not None))


class HiddenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Something the user hid, and how many posts and comments are hidden with it."""

    kind: str
    source: str
    id: str
    hidden_at: int
    hidden_by: str | None
    posts: int = 0
    comments: int = 0

    @property
    def typed(self) -> str:
        """The target that names it."""
        return f"{self.kind}:{self.source}/{self.id}"


def hide(store: Store, targets: Sequence[Target], *, by: str, now: int) -> list[Marked]:
    """Hide these records; what is hidden already keeps its mark.

    A community or person that is hidden already passes its mark on to what came since, or was left over when an earlier
    command was interrupted. Raises UsageError for a target that is unknown or in several sources; nothing is changed
    then."""

    def mark() -> list[Found]:
        with store.transaction() as db:
            found = resolve(db, targets)
            for each in found:
                db.execute(
                    f"UPDATE {CONTENT[each.kind].name} SET hidden_at = ?, hidden_by = ?, updated_at = ?"
                    " WHERE source = ? AND id = ? AND hidden_at IS NULL",
                    (now, by, now, each.source, each.id),
                )
            return found

    return [_hide_members(store, each, by=by, now=now) for each in patiently(store.backend, mark)]


def _hide_members(store: Store, found: Found, *, by: str, now: int) -> Marked:
    was_hidden = found.hidden_at is not None
    at, who = (found.hidden_at, found.hidden_by) if was_hidden else (now, by)
    counts = dict.fromkeys(_MEMBERS, 0)
    for members in _MEMBERS if found.kind in _REFERS else ():
        sql = (
            f"UPDATE {members} SET hidden_at = ?, hidden_by = ?, updated_at = ?"
            " WHERE source = ? AND {owner} = ? AND hidden_at IS NULL{span}"
        )
        (counts[members],) = _in_spans(
            store, found, members, sqls=(sql,), values=(at, who, now, found.source, found.id)
        )
    return Marked(
        kind=found.kind,
        source=found.source,
        id=found.id,
        was_hidden=was_hidden,
        hidden_at=at,
        hidden_by=who,
        **counts,
    )


def restore(store: Store, targets: Sequence[Target], *, now: int) -> list[Marked]:
    """Make hidden records visible again, with what was hidden with them.

    A post of a restored person stays hidden while its community is, and the other way round. Raises as `hide`."""

    def look() -> list[Found]:
        with store.transaction() as db:
            return resolve(db, targets)

    # One after the other: what one hands on to the next must be taken up by it.
    return [_restore(store, each, now=now) for each in patiently(store.backend, look)]


def _restore(store: Store, found: Found, *, now: int) -> Marked:
    counts = dict.fromkeys(_MEMBERS, 0)
    still = 0
    if found.hidden_at is not None:
        for members in _MEMBERS if found.kind in _REFERS else ():
            counts[members], kept = _restore_members(store, members, found, now=now)
            still += kept
        # Its own mark goes last: whoever is interrupted finds the rest by it.
        _clear(store, found, now=now)
    return Marked(
        kind=found.kind,
        source=found.source,
        id=found.id,
        was_hidden=found.hidden_at is not None,
        hidden_at=None,
        hidden_by=None,
        still_hidden=still,
        **counts,
    )


def _clear(store: Store, found: Found, *, now: int) -> None:
    def attempt() -> None:
        with store.transaction() as db:
            db.execute(
                f"UPDATE {CONTENT[found.kind].name} SET hidden_at = NULL, hidden_by = NULL, updated_at = ?"
                " WHERE source = ? AND id = ? AND hidden_at IS NOT NULL",
                (now, found.source, found.id),
            )

    patiently(store.backend, attempt)


def _restore_members(store: Store, members: str, found: Found, *, now: int) -> tuple[int, int]:
    """Make rows with the mark of their owner visible, and hand those that have another hidden owner its mark.

    Returns how many came back and how many stay."""
    (other,) = _REFERS.keys() - {found.kind}
    owners, column = CONTENT[other].name, _REFERS[other]
    covered = _COVERED.format(owners=owners, column=column, same="")
    whose = f"source = ? AND {{owner}} = ? AND {_MARK}{{span}}"
    mark = f"(SELECT o.hidden_at, o.hidden_by FROM {owners} o WHERE o.source = t.source AND o.id = t.{column})"
    clear = (
        f"UPDATE {members} AS t SET hidden_at = NULL, hidden_by = NULL, updated_at = ? WHERE {whose} AND NOT {covered}"
    )
    hand_on = f"UPDATE {members} AS t SET (hidden_at, hidden_by) = {mark}, updated_at = ? WHERE {whose} AND {covered}"
    values = (now, found.source, found.id, found.hidden_at, found.hidden_by or "")
    back, kept = _in_spans(store, found, members, sqls=[clear, hand_on], values=values)
    return back, kept


def _in_spans(store: Store, found: Found, members: str, *, sqls: Sequence[str], values: tuple[Any, ...]) -> list[int]:
    """Run statements over the members of a community or person; returns how many rows each of them changed."""
    counts = [0] * len(sqls)
    for span, bounds in _spans(store, found, members):
        ready = [sql.format(owner=_REFERS[found.kind], span=span) for sql in sqls]

        def attempt(ready: Sequence[str] = ready, bounds: tuple[int, ...] = bounds) -> list[int]:
            with store.transaction() as db:
                return [db.execute(sql, (*values, *bounds)).rowcount for sql in ready]

        done = patiently(store.backend, attempt)
        counts = [count + more for count, more in zip(counts, done, strict=True)]
    return counts


def _spans(store: Store, found: Found, members: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Conditions that together take in every member, and their values.

    A community is walked by time of creation, `SPAN_ROWS` rows or so at once: a transaction over millions would keep
    other writers waiting for longer than they do. No person has written that much."""
    if found.kind != "community":
        yield "", ()
        return
    yield " AND created_at IS NULL", ()
    low = _BEFORE_ALL
    while (high := _end_of_span(store, found, members, low=low)) is not None:
        yield " AND created_at > ? AND created_at <= ?", (low, high)
        low = high
    yield " AND created_at > ?", (low,)


def _end_of_span(store: Store, found: Found, members: str, *, low: int) -> int | None:
    """The time up to which so many rows follow; None where fewer are left."""

    def attempt() -> int | None:
        with store.transaction() as db:
            row = db.execute(
                f"SELECT created_at FROM {members} WHERE source = ? AND community = ? AND created_at > ?"
                f" ORDER BY created_at LIMIT 1 OFFSET {SPAN_ROWS}",
                (found.source, found.id, low),
            ).fetchone()
            return None if row is None else int(row[0])

    return patiently(store.backend, attempt)


def hidden(store: Store, *, limit: int) -> list[HiddenRecord]:
    """What is hidden, newest first: communities and people with the number of rows hidden with them, and what was
    hidden by itself. It reads every post and comment once: marks have no index."""
    with store.reading_raw() as db:
        found: list[HiddenRecord] = []
        for kind, table in CONTENT.items():
            alone = "" if kind in _REFERS else "".join(f" AND NOT {covered}" for covered in _covered_alike())
            rows = db.execute(
                f"SELECT source, id, hidden_at, hidden_by FROM {table.name} t WHERE hidden_at IS NOT NULL{alone}"
                " ORDER BY hidden_at DESC, source, id LIMIT ?",
                (limit,),
            )
            found += [
                HiddenRecord(kind=kind, source=source, id=record_id, hidden_at=at, hidden_by=by)
                for source, record_id, at, by in rows
            ]
        found.sort(key=lambda each: -each.hidden_at)
        return [_counted(db, each) for each in found[:limit]]


def _covered_alike() -> Iterable[str]:
    """Conditions that a row carries the mark of its community, or of its author."""
    return (_COVERED.format(owners=CONTENT[kind].name, column=column, same=_SAME) for kind, column in _REFERS.items())


def _counted(db: Session, record: HiddenRecord) -> HiddenRecord:
    if record.kind not in _REFERS:
        return record
    values: tuple[Any, ...] = (record.source, record.id, record.hidden_at, record.hidden_by or "")
    counts = {
        members: db.execute(
            f"SELECT count(*) FROM {members} WHERE source = ? AND {_REFERS[record.kind]} = ? AND {_MARK}", values
        ).fetchone()[0]
        for members in _MEMBERS
    }
    return msgspec.structs.replace(record, **counts)
