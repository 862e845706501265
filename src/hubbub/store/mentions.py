"""Stubs: a person, community or post that live records refer to but nobody has observed.

They are made from the references themselves, so that a stub exists exactly while some live facet refers to it and no
observation filled it, in whatever order records came.
"""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

from hubbub.store.content import Change, Key
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT

_REFERENCES: dict[str, tuple[tuple[str, str, str | None], ...]] = {
    "post": (("author", "user", "author_name"), ("community", "community", "community_name")),
    "comment": (
        ("author", "user", "author_name"),
        ("community", "community", "community_name"),
        ("post_id", "post", None),
    ),
}
"""Per kind of record: the field that refers, the kind it refers to, and the field with the printed name."""

STILL = {
    "user": "EXISTS (SELECT 1 FROM posts p WHERE p.source = t.source AND p.author = t.id)"
    " OR EXISTS (SELECT 1 FROM comments c WHERE c.source = t.source AND c.author = t.id)",
    "community": "EXISTS (SELECT 1 FROM posts p WHERE p.source = t.source AND p.community = t.id)"
    " OR EXISTS (SELECT 1 FROM comments c WHERE c.source = t.source AND c.community = t.id)",
    "post": "EXISTS (SELECT 1 FROM comments c WHERE c.source = t.source AND c.post_id = t.id)",
}
"""Per kind of stub: the condition under which something refers to it."""


def maintain(db: Session, changes: Iterable[Change]) -> None:
    """Make the stubs that changed rows call for, and drop those that only their old state called for."""
    made: dict[str, dict[Key, str | None]] = {kind: {} for kind in STILL}
    lost: dict[str, set[Key]] = {kind: set() for kind in STILL}
    for change in changes:
        if change.kind not in _REFERENCES:
            continue
        source = change.key[0]
        old: Any = change.before.record if change.before is not None else None
        new: Any = change.kept.record
        for field, kind, name in _REFERENCES[change.kind]:
            was, now = (getattr(old, field) if old is not None else None), getattr(new, field)
            if was == now:
                continue
            if now and (source, now) not in made[kind]:
                made[kind][source, now] = getattr(new, name) if name else None
            if was:
                lost[kind].add((source, was))
    for kind in STILL:
        make(db, kind, made[kind])
        _drop(db, kind, lost[kind])


def make(db: Session, kind: str, mentions: Mapping[Key, str | None]) -> None:
    """A stub for each key nobody has stored; `mentions` gives the name as the platform prints it."""
    if kind == "post":
        db.save("posts", ("source", "id"), sorted(mentions), key=("source", "id"), keep=True)
        return
    rows = sorted(((*key, name) for key, name in mentions.items()), key=operator.itemgetter(0, 1))
    db.save(CONTENT[kind].name, ("source", "id", "name"), rows, key=("source", "id"), keep=True)


def _drop(db: Session, kind: str, mentions: set[Key]) -> None:
    if mentions:
        db.forget_mentioned()
    for source in {source for source, _ in mentions}:
        ids = sorted(key for where, key in mentions if where == source)
        db.execute(
            f"DELETE FROM {CONTENT[kind].name} AS t WHERE t.source = ? AND t.observed_at IS NULL"
            f" AND {db.among('t.id')} AND NOT ({STILL[kind]})",
            (source, db.listed(ids)),
        )
