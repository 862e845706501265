"""Named queries about topics, collections and the posts that belong to them.

A link holds if it was seen at or after its owner's last complete listing. What a link names need not be stored: a
collection may list posts that nobody fetched yet.
"""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from hubbub.errors import UsageError
from hubbub.records.models import Grouping
from hubbub.store import groupings
from hubbub.store.content import Key
from hubbub.store.engine import Store
from hubbub.store.history import ids_by_source
from hubbub.store.reads import Selected, export_sql, leaving
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT, GROUPINGS

_HOLDS = "l.seen_at >= coalesce(o.complete_at, 0)"


def _links(link: str) -> str:
    return f"{link} l LEFT JOIN link_listings o ON o.source = l.source AND o.link = '{link}' AND o.owner = l.owner"


class LinkedTopic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic of a post."""

    id: str
    slug: str | None
    """None where the topic itself is not stored, or has none."""
    name: str | None


def topics_of(store: Store, source: str, post_ids: Sequence[str]) -> dict[str, tuple[LinkedTopic, ...]]:
    """The topics of some posts, by slug, then id; posts without any are left out."""
    with store.reading_raw() as db:
        return _topics_of(db, source, post_ids)


def _topics_of(db: Session, source: str, post_ids: Sequence[str]) -> dict[str, tuple[LinkedTopic, ...]]:
    query = (
        f"SELECT l.owner, l.member, t.slug, t.name FROM {_links('post_topics')}"
        " LEFT JOIN topics t ON t.source = l.source AND t.id = l.member"
        f" WHERE l.source = ? AND {db.among('l.owner')} AND {_HOLDS}"
    )
    found: dict[str, list[LinkedTopic]] = {}
    for post_id, topic, slug, name in db.execute(query, (source, db.listed(post_ids))):
        found.setdefault(post_id, []).append(LinkedTopic(id=topic, slug=slug, name=name))
    return {post_id: tuple(sorted(some, key=_by_slug)) for post_id, some in found.items()}


def _by_slug(topic: LinkedTopic) -> tuple[str, str]:
    return topic.slug or "", topic.id


def posts_of_topic(store: Store, source: str, topic: str) -> list[str]:
    """Ids of the posts of a topic, in the order of the ids, whatever became of them since."""
    query = (
        f"SELECT l.owner FROM {_links('post_topics')} WHERE l.source = ? AND l.member = ? AND {_HOLDS} ORDER BY l.owner"
    )
    with store.reading_raw() as db:
        return [post_id for (post_id,) in db.execute(query, (source, topic))]


def posts_of_collection(store: Store, source: str, collection: str) -> list[str]:
    """Ids of the posts of a collection, in the order of the ids, whether they are stored or not."""
    with store.reading_raw() as db:
        return list(_posts_of(db, source, [collection]).get(collection, ()))


def _posts_of(db: Session, source: str, collections: Sequence[str]) -> dict[str, list[str]]:
    query = (
        f"SELECT l.owner, l.member FROM {_links('collection_posts')}"
        f" WHERE l.source = ? AND {db.among('l.owner')} AND {_HOLDS} ORDER BY l.owner, l.member"
    )
    found: dict[str, list[str]] = {}
    for collection, post_id in db.execute(query, (source, db.listed(collections))):
        found.setdefault(collection, []).append(post_id)
    return found


def by_slug(store: Store, source: str, kind: str, *, slug: str) -> Grouping | None:
    """The topic or collection with this slug, the one seen last where a slug has moved on; None when there is none."""
    with store.reading_raw() as db:
        found = groupings.select(db, kind, where="source = ? AND slug = ?", values=(source, slug))
    return max(found, key=lambda each: (each.observed_at, each.id), default=None)


def known(store: Store, source: str, kind: str) -> dict[str, int]:
    """When each stored topic or collection of a source was last observed (epoch seconds), by id."""
    query = f"SELECT id, observed_at FROM {GROUPINGS[kind].name} WHERE source = ? AND observed_at IS NOT NULL"
    with store.reading_raw() as db:
        return dict(db.execute(query, (source,)).fetchall())


def rows_with_links(  # noqa: PLR0917 - what, which columns, which rows
    store: Store, kind: str, columns: Sequence[str], selection: Selected
) -> Iterator[Sequence[Any]]:
    """Rows of topics, collections or posts for an export, ordered by (source, id), a page at a time in flat memory.

    Besides the columns of their tables posts have `topics` (slugs, else names, else ids) and collections `posts` (ids):
    JSON lists of what the links that hold name, None where there are none. Narrowed to communities there are no topics
    and no collections. Raises UsageError for a column there is not."""
    listed = _LISTED.get(kind)
    stored = [name for name in columns if listed is None or name != listed[0]]
    table = GROUPINGS[kind] if kind in GROUPINGS else CONTENT[kind]
    if unknown := [name for name in stored if name not in table.c]:
        raise UsageError(f"{kind}s have no column {unknown[0]!r}")
    where, values = _leaving(kind, selection)
    with store.reading_raw() as db:
        sql = export_sql(db, table.name, columns=("source", "id", *stored), where=where)
        for rows in db.stream(sql, values):
            found = listed[1](db, rows) if listed is not None and listed[0] in columns else {}
            for source, record_id, *row in rows:
                values_of = iter(row)
                words = found.get((source, record_id))
                yield [next(values_of) if name in table.c else words for name in columns]


def _leaving(kind: str, selection: Selected) -> tuple[list[str], list[Any]]:
    """The conditions under which a row may leave, and their values."""
    if kind not in GROUPINGS:
        return leaving(kind, selection)
    where = ["observed_at IS NOT NULL", *(["1 = 0"] if selection.communities else [])]
    values: list[Any] = []
    for limit, op in ((selection.since, ">="), (selection.until, "<")):
        if limit is not None:
            where.append(f"created_at {op} ?")
            values.append(limit)
    return where, values


def _topic_words(db: Session, rows: Sequence[Sequence[Any]]) -> dict[Key, str]:
    found: dict[Key, str] = {}
    for source, ids in ids_by_source((row[0], row[1]) for row in rows).items():
        for post_id, topics in _topics_of(db, source, ids).items():
            found[source, post_id] = _json(sorted(topic.slug or topic.name or topic.id for topic in topics))
    return found


def _post_ids(db: Session, rows: Sequence[Sequence[Any]]) -> dict[Key, str]:
    found: dict[Key, str] = {}
    for source, ids in ids_by_source((row[0], row[1]) for row in rows).items():
        for collection, post_ids in _posts_of(db, source, ids).items():
            found[source, collection] = _json(post_ids)
    return found


def _json(words: list[str]) -> str:
    return msgspec.json.encode(words).decode()


_LISTED: dict[str, tuple[str, Callable[[Session, Sequence[Sequence[Any]]], dict[Key, str]]]] = {
    "post": ("topics", _topic_words),
    "collection": ("posts", _post_ids),
}
"""Per kind: the column that lists what the links name, and what fills it for rows that begin with source and id."""
