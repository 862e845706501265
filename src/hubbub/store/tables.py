"""The schema, once: every table of the store as SQLAlchemy Core metadata, the content tables made from the records.

Times are whole seconds since the epoch, UTC. The views and the search tables, which metadata cannot hold, are in
`views.py` and `search_index.py`; the tables about running are in `tables_of_runs.py`. CHECK constraints state what
must hold, never what real data breaks (design §3).
"""

from __future__ import annotations

import types
from typing import Any, Union, get_args, get_origin, get_type_hints

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from hubbub.records.facets import FACET_FIELDS, FACET_TIME, Facet
from hubbub.records.grouping import GROUPING_FIELDS, GROUPING_TYPES
from hubbub.records.models import Comment, Community, Post, User
from hubbub.store.storable import COUNTS

SCHEMA_VERSION = "0004"
"""The newest migration: what a store written by this hubbub is stamped with."""

KNOWN_VERSIONS = ("0001", "0002", "0003", "0004")
"""All migrations, oldest first."""

metadata = MetaData()

INT = BigInteger().with_variant(Integer, "sqlite")
KINDS = "('post', 'comment', 'user', 'community')"
REASONS = "('forget', 'author', 'legal', 'staff', 'moderator', 'gone')"
RECORDS: dict[str, type[Any]] = {"post": Post, "comment": Comment, "user": User, "community": Community}


def _scalar(hint: Any) -> Any:
    """The one type besides None that a field's annotation names."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(_scalar(part) for part in get_args(hint) if part is not type(None))
    return get_origin(hint) or hint


def _field(name: str, hint: Any) -> Column[Any]:
    scalar = _scalar(hint)
    if scalar is bool:
        return Column(name, Integer, CheckConstraint(f"{name} IN (0, 1)"))
    if scalar is int:
        check = [CheckConstraint(f"{name} >= 0")] if name in COUNTS else []
        return Column(name, INT, *check)
    if scalar is float:
        check = [CheckConstraint(f"{name} BETWEEN 0 AND 1")] if name == "upvote_ratio" else []
        return Column(name, Float, *check)
    return Column(name, Text)


def content_fields(kind: str) -> tuple[str, ...]:
    """The columns that hold a record's own fields, facet by facet."""
    return tuple(name for fields in FACET_FIELDS[kind].values() for name in fields)


def facet_times(kind: str) -> tuple[str, ...]:
    """The columns that hold facet times: NULL = as `observed_at`, 0 = the facet was never stated."""
    return tuple(FACET_TIME[facet] for facet in FACET_FIELDS[kind])


def _content(kind: str, table: str, *indexes: Index) -> Table:
    hints = get_type_hints(RECORDS[kind])
    flag = CheckConstraint("author_gone IN (0, 1)")
    gone = [Column("author_gone", Integer, flag, nullable=False, server_default="0")]
    return Table(
        table,
        metadata,
        Column("n", INT, primary_key=True),
        Column("source", Text, CheckConstraint("source <> ''"), nullable=False),
        Column("id", Text, CheckConstraint("id <> ''"), nullable=False),
        *(_field(name, hints[name]) for name in content_fields(kind)),
        *(gone if Facet.AUTHOR in FACET_FIELDS[kind] else []),
        Column("door", Text),
        Column("terms", Text),
        Column("run_id", INT),
        Column("observed_at", INT),
        *(Column(name, INT) for name in facet_times(kind)),
        Column("text_since", INT),
        Column("first_seen_at", INT),
        Column("last_seen_at", INT),
        Column("updated_at", INT),
        Column("hidden_at", INT),
        Column("hidden_by", Text),
        # An IN list of more than two builds a little table for every row; NULL, nearly always, must not get there.
        Column("tombstone", Text, CheckConstraint(f"tombstone IS NULL OR tombstone IN {REASONS}")),
        Column("tombstone_at", INT),
        Column("tombstone_detail", Text),
        Column("wiped_to", INT),
        Column("withdrawn", Integer, CheckConstraint("withdrawn IN (0, 1)"), nullable=False, server_default="0"),
        UniqueConstraint("source", "id", name=f"uq_{table}_source_id"),
        *indexes,
    )


posts = _content(
    "post",
    "posts",
    Index("ix_posts_community_created", "source", "community", "created_at"),
    Index("ix_posts_community_score", "source", "community", "score"),
    Index("ix_posts_author", "source", "author"),
    Index("ix_posts_featured", "source", "featured_at"),
)
comments = _content(
    "comment",
    "comments",
    Index("ix_comments_post", "source", "post_id"),
    Index("ix_comments_parent", "source", "parent_id"),
    Index("ix_comments_community_created", "source", "community", "created_at"),
    Index("ix_comments_community_score", "source", "community", "score"),
    Index("ix_comments_author", "source", "author"),
)
users = _content("user", "users", Index("ix_users_name", "name"))
communities = _content("community", "communities")

CONTENT: dict[str, Table] = {"post": posts, "comment": comments, "user": users, "community": communities}
"""The table of each kind of record."""

MEDIA_STATES = ("pending", "stored", "gone", "refused", "broken")

blobs = Table(
    "blobs",
    metadata,
    Column("sha256", Text, CheckConstraint("length(sha256) = 64"), primary_key=True),
    Column("size_bytes", INT, CheckConstraint("size_bytes >= 0"), nullable=False),
    Column("mime", Text),
    Column("width", Integer),
    Column("height", Integer),
    Column("perceptual_hash", Text),
    Column("stored_at", INT, nullable=False),
)

media = Table(
    "media",
    metadata,
    Column("n", INT, primary_key=True),
    Column("source", Text, nullable=False),
    Column("post_n", INT, ForeignKey("posts.n", ondelete="CASCADE")),
    Column("comment_n", INT, ForeignKey("comments.n", ondelete="CASCADE")),
    Column("post_id", Text),
    Column("comment_id", Text),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("url", Text),
    Column("fallback_url", Text),
    Column("media_id", Text),
    Column("width", Integer),
    Column("height", Integer),
    Column("caption", Text),
    Column("state", Text, CheckConstraint(f"state IN {MEDIA_STATES}"), nullable=False),
    Column("reason", Text),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("blob", Text, ForeignKey("blobs.sha256")),
    Column("changed_at", INT),
    CheckConstraint("(post_n IS NULL) <> (comment_n IS NULL)"),
    CheckConstraint("kind IN ('image', 'gallery', 'animated', 'video', 'inline', 'preview', 'external', 'poll')"),
    UniqueConstraint("post_n", "position"),
    UniqueConstraint("comment_n", "position"),
    Index("ix_media_state", "state", "source"),
    Index("ix_media_blob", "blob"),
)


def _grouping(kind: str, table: str, *indexes: Index, first: tuple[str, ...]) -> Table:
    """A table of topics or collections. `first` are the fields that it had before anything was written to it."""
    hints = get_type_hints(GROUPING_TYPES[kind])
    later = [name for name in GROUPING_FIELDS[kind] if name not in first]
    return Table(
        table,
        metadata,
        Column("n", INT, primary_key=True),
        Column("source", Text, nullable=False),
        Column("id", Text, CheckConstraint("id <> ''"), nullable=False),
        *(_field(name, hints[name]) for name in first),
        Column("observed_at", INT),
        *(_field(name, hints[name]) for name in later),
        Column("door", Text),
        Column("terms", Text),
        Column("run_id", INT),
        Column("updated_at", INT),
        UniqueConstraint("source", "id"),
        *indexes,
    )


topics = _grouping("topic", "topics", Index("ix_topics_slug", "source", "slug"), first=("slug", "name", "description"))
collections = _grouping(
    "collection",
    "collections",
    Index("ix_collections_slug", "source", "slug"),
    Index("ix_collections_owner", "source", "owner"),
    first=("slug", "name", "tagline", "description", "owner", "created_at"),
)

GROUPINGS: dict[str, Table] = {"topic": topics, "collection": collections}
"""The table of each kind of record that gathers posts."""

votes = Table(
    "votes",
    metadata,
    Column("n", INT, primary_key=True),
    Column("source", Text, nullable=False),
    Column("post_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("created_at", INT),
    Column("observed_at", INT),
    UniqueConstraint("source", "post_id", "user_id"),
)


def _link(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("source", Text, primary_key=True),
        Column("owner", Text, primary_key=True),
        Column("member", Text, CheckConstraint("member <> ''"), primary_key=True),
        Column("seen_at", INT, nullable=False),
        Index(f"ix_{name}_member", "source", "member"),
    )


LINKS: dict[str, Table] = {name: _link(name) for name in ("post_topics", "post_makers", "collection_posts")}
"""Per link the greatest time it was seen; it holds if that is not before its owner's last complete listing."""

link_listings = Table(
    "link_listings",
    metadata,
    Column("source", Text, primary_key=True),
    Column("link", Text, CheckConstraint(f"link IN {tuple(LINKS)}"), primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("complete_at", INT, nullable=False),
)

NUMBERS: tuple[str, ...] = tuple(
    dict.fromkeys(name for facets in FACET_FIELDS.values() for name in facets.get(Facet.NUMBERS, ()))
)
"""The columns of `observations`: every number any kind of record has."""

_numbers_hints = {name: hint for record in RECORDS.values() for name, hint in get_type_hints(record).items()}

observations = Table(
    "observations",
    metadata,
    Column("source", Text, primary_key=True),
    Column("kind", Text, CheckConstraint(f"kind IN {KINDS}"), primary_key=True),
    Column("id", Text, CheckConstraint("id <> ''"), primary_key=True),
    Column("hour", INT, primary_key=True),
    Column("observed_at", INT, nullable=False),
    *(_field(name, _numbers_hints[name]) for name in NUMBERS),
)

revisions = Table(
    "revisions",
    metadata,
    Column("source", Text, primary_key=True),
    Column("kind", Text, CheckConstraint(f"kind IN {KINDS}"), primary_key=True),
    Column("id", Text, CheckConstraint("id <> ''"), primary_key=True),
    Column("hash", Text, primary_key=True),
    Column("first_at", INT, nullable=False),
    Column("last_at", INT, nullable=False),
    Column("text", Text, nullable=False),
    CheckConstraint("first_at <= last_at"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("source", Text, primary_key=True),
    Column("kind", Text, CheckConstraint(f"kind IN {KINDS}"), primary_key=True),
    Column("id", Text, CheckConstraint("id <> ''"), primary_key=True),
    Column("reason", Text, CheckConstraint(f"reason IN {REASONS}"), nullable=False),
    Column("at", INT, nullable=False),
    Column("detail", Text),
    Column("wiped_to", INT),
    Column("door", Text),
    Column("run_id", INT),
)

past_authors = Table(
    "past_authors",
    metadata,
    Column("source", Text, primary_key=True),
    Column("author", Text, primary_key=True),
    Column("kind", Text, CheckConstraint("kind IN ('post', 'comment')"), primary_key=True),
    Column("id", Text, primary_key=True),
    Index("ix_past_authors_record", "source", "kind", "id"),
)
"""Digests of names a record was once seen under and no longer shows: what a tombstone of that person still reaches."""

blocklist = Table(
    "blocklist",
    metadata,
    Column("source", Text, primary_key=True),
    Column("kind", Text, CheckConstraint(f"kind IN {KINDS}"), primary_key=True),
    Column("id", Text, CheckConstraint("id <> ''"), primary_key=True),
    Column("added_at", INT, nullable=False),
)

labels = Table(
    "labels",
    metadata,
    Column("n", INT, primary_key=True),
    Column("source", Text, nullable=False),
    Column("post_id", Text, nullable=False),
    Column("post_n", INT, ForeignKey("posts.n", ondelete="CASCADE"), nullable=False),
    Column("label", Text, CheckConstraint("label <> ''"), nullable=False),
    Column("rank", Text),
    Column("origin", Text, nullable=False),
    Column("confidence", Float, CheckConstraint("confidence BETWEEN 0 AND 1")),
    Column("details", Text),
    Column("built_at", INT, nullable=False),
    Index("ix_labels_post", "post_n"),
)
