"""Stubs: a person, community or post that live records refer to but nobody has observed.

They are made from the references themselves, so that a stub exists exactly while some live facet refers to it and no
observation filled it, in whatever order records came.
"""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec

from hubbub.records.merge import Kept
from hubbub.store.content import Change
from hubbub.store.tables import CONTENT

Mention = tuple[str, str, str]
"""(kind, source, id)."""

_REFERENCES: dict[str, tuple[tuple[str, str, str | None], ...]] = {
    "post": (("author", "user", "author_name"), ("community", "community", "community_name")),
    "comment": (
        ("author", "user", "author_name"),
        ("community", "community", "community_name"),
        ("post_id", "post", None),
    ),
}
"""Per kind of record: the field that refers, the kind it refers to, and the field with the printed name."""

_STILL = {
    "user": "EXISTS (SELECT 1 FROM posts p WHERE p.source = t.source AND p.author = t.id)"
    " OR EXISTS (SELECT 1 FROM comments c WHERE c.source = t.source AND c.author = t.id)",
    "community": "EXISTS (SELECT 1 FROM posts p WHERE p.source = t.source AND p.community = t.id)"
    " OR EXISTS (SELECT 1 FROM comments c WHERE c.source = t.source AND c.community = t.id)",
    "post": "EXISTS (SELECT 1 FROM comments c WHERE c.source = t.source AND c.post_id = t.id)",
}
"""Per kind of stub: the condition under which something refers to it."""


def maintain(connection: sqlite3.Connection, changes: Iterable[Change]) -> None:
    """Make the stubs that changed rows call for, and drop those that only their old state called for."""
    made: dict[Mention, str | None] = {}
    lost: set[Mention] = set()
    for change in changes:
        if change.kind not in _REFERENCES or change.after == change.before:
            continue
        before, after = _mentions(change.before), _mentions(change.after)
        for mention, name in after.items():
            if mention not in before:
                made[mention] = made.get(mention) or name
        lost.update(mention for mention in before if mention not in after)
    for kind in ("user", "community", "post"):
        _make(connection, kind, {key: name for key, name in made.items() if key[0] == kind})
        _drop(connection, kind, [key for key in lost if key[0] == kind])


def _mentions(kept: Kept | None) -> dict[Mention, str | None]:
    if kept is None:
        return {}
    record: Any = kept.record
    found: dict[Mention, str | None] = {}
    for field, kind, name in _REFERENCES[record.kind]:
        value = getattr(record, field)
        if value:
            found[kind, record.source, value] = getattr(record, name) if name else None
    return found


def _make(connection: sqlite3.Connection, kind: str, mentions: dict[Mention, str | None]) -> None:
    if kind == "post":
        sql, rows = (
            "INSERT OR IGNORE INTO posts (source, id) VALUES (?, ?)",
            [(source, key) for _, source, key in mentions],
        )
        connection.executemany(sql, rows)
        return
    connection.executemany(
        f"INSERT OR IGNORE INTO {CONTENT[kind].name} (source, id, name) VALUES (?, ?, ?)",
        [(source, key, name) for (_, source, key), name in mentions.items()],
    )


def _drop(connection: sqlite3.Connection, kind: str, mentions: list[Mention]) -> None:
    for source in {mention[1] for mention in mentions}:
        ids = [key for _, where, key in mentions if where == source]
        connection.execute(
            f"DELETE FROM {CONTENT[kind].name} AS t WHERE t.source = ? AND t.observed_at IS NULL"
            f" AND t.id IN (SELECT value FROM json_each(?)) AND NOT ({_STILL[kind]})",
            (source, msgspec.json.encode(ids).decode()),
        )
