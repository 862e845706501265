"""The first schema.

Written out in full and never edited once released: later changes are migrations of their own.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def column(
    name: str,
    kind: Any,
    *,
    check: str | None = None,
    refers: tuple[str, str | None] | None = None,
    key: bool = False,
    null: bool = True,
    default: str | None = None,
) -> sa.Column[Any]:
    parts: list[Any] = [sa.CheckConstraint(check)] if check else []
    if refers:
        parts.append(sa.ForeignKey(refers[0], ondelete=refers[1]))
    if key:
        return sa.Column(name, kind, *parts, primary_key=True, server_default=default)
    return sa.Column(name, kind, *parts, nullable=null, server_default=default)


def text(name: str, **rest: Any) -> sa.Column[Any]:
    return column(name, sa.Text(), **rest)


def big(name: str, **rest: Any) -> sa.Column[Any]:
    return column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), **rest)


def integer(name: str, **rest: Any) -> sa.Column[Any]:
    return column(name, sa.Integer(), **rest)


def real(name: str, **rest: Any) -> sa.Column[Any]:
    return column(name, sa.Float(), **rest)


def binary(name: str, **rest: Any) -> sa.Column[Any]:
    return column(name, sa.LargeBinary(), **rest)


SQLITE_DDL = (
    (
        "CREATE VIEW rules AS SELECT c.source AS source, c.id AS community, r.key + 1 AS position, "
        "json_extract(r.value, '$.short_name') AS short_name, json_extract(r.value, '$.applies_to') AS "
        "applies_to, json_extract(r.value, '$.description') AS description, json_extract(r.value, "
        "'$.violation_reason') AS violation_reason, json_extract(r.value, '$.created_at') AS created_at FROM "
        "communities c, json_each(c.rules) r"
    ),
    (
        "CREATE VIRTUAL TABLE posts_fts USING fts5(title, body, content=\"posts\", content_rowid='n', "
        "tokenize='unicode61 remove_diacritics 2')"
    ),
    (
        "CREATE VIRTUAL TABLE comments_fts USING fts5(body, content=\"comments\", content_rowid='n', "
        "tokenize='unicode61 remove_diacritics 2')"
    ),
    "INSERT INTO search_state (kind, pending, purge) VALUES ('post', 0, 0), ('comment', 0, 0)",
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return  # stores in PostgreSQL begin with the next one
    op.create_table(
        "blobs",
        text("sha256", check="length(sha256) = 64", key=True),
        big("size_bytes", check="size_bytes >= 0", null=False), text("mime"), integer("width"), integer("height"),
        text("perceptual_hash"), big("stored_at", null=False),
    )
    op.create_table(
        "blocklist",
        text("source", key=True), text("kind", check="kind IN ('post', 'comment', 'user', 'community')", key=True),
        text("id", check="id <> ''", key=True), big("added_at", null=False),
    )
    op.create_table(
        "checkpoints",
        text("source", key=True), text("key", check="key <> ''", key=True), text("state", null=False),
        big("run_id"), big("updated_at", null=False),
    )
    op.create_table(
        "collection_posts",
        text("source", key=True), text("owner", key=True), text("member", check="member <> ''", key=True),
        big("seen_at", null=False),
    )
    op.create_index("ix_collection_posts_member", "collection_posts", ["source", "member"])
    op.create_table(
        "collections",
        big("n", key=True), text("source", null=False), text("id", check="id <> ''", null=False), text("slug"),
        text("name"), text("tagline"), text("description"), text("owner"), big("created_at"), big("observed_at"),
        sa.UniqueConstraint("source", "id"),
    )
    op.create_table(
        "comments",
        big("n", key=True), text("source", check="source <> ''", null=False),
        text("id", check="id <> ''", null=False), text("community"), text("post_id"), text("parent_id"),
        big("created_at"), text("community_name"), text("permalink"),
        integer("is_submitter", check="is_submitter IN (0, 1)"), integer("locked", check="locked IN (0, 1)"),
        integer("archived", check="archived IN (0, 1)"), integer("stickied", check="stickied IN (0, 1)"),
        text("distinguished"), text("author"), text("author_name"), text("author_id"), text("author_flair"),
        text("body"), integer("edited", check="edited IN (0, 1)"), big("edited_at"), text("media"), big("score"),
        integer("score_hidden", check="score_hidden IN (0, 1)"), big("controversiality"), text("extra"),
        integer("author_gone", check="author_gone IN (0, 1)", null=False, default="0"), text("door"), text("terms"),
        big("run_id"), big("observed_at"), big("frame_at"), big("author_at"), big("content_at"), big("numbers_at"),
        big("extra_at"), big("text_since"), big("first_seen_at"), big("last_seen_at"), big("updated_at"),
        big("hidden_at"), text("hidden_by"),
        text("tombstone", check="tombstone IN ('forget', 'author', 'legal', 'staff', 'moderator', 'gone')"),
        big("tombstone_at"), text("tombstone_detail"), big("wiped_to"),
        integer("withdrawn", check="withdrawn IN (0, 1)", null=False, default="0"),
        sa.UniqueConstraint("source", "id", name="uq_comments_source_id"),
    )
    op.create_index("ix_comments_author", "comments", ["source", "author"])
    op.create_index("ix_comments_community_created", "comments", ["source", "community", "created_at"])
    op.create_index("ix_comments_community_score", "comments", ["source", "community", "score"])
    op.create_index("ix_comments_parent", "comments", ["source", "parent_id"])
    op.create_index("ix_comments_post", "comments", ["source", "post_id"])
    op.create_table(
        "communities",
        big("n", key=True), text("source", check="source <> ''", null=False),
        text("id", check="id <> ''", null=False), big("created_at"), text("name"), text("platform_id"),
        text("community_type"), integer("over_18", check="over_18 IN (0, 1)"),
        integer("quarantined", check="quarantined IN (0, 1)"), text("language"), text("title"), text("body"),
        text("description"), text("url"), big("member_count", check="member_count >= 0"),
        big("active_count", check="active_count >= 0"), text("rules"), text("extra"), text("door"), text("terms"),
        big("run_id"), big("observed_at"), big("frame_at"), big("content_at"), big("numbers_at"), big("rules_at"),
        big("extra_at"), big("text_since"), big("first_seen_at"), big("last_seen_at"), big("updated_at"),
        big("hidden_at"), text("hidden_by"),
        text("tombstone", check="tombstone IN ('forget', 'author', 'legal', 'staff', 'moderator', 'gone')"),
        big("tombstone_at"), text("tombstone_detail"), big("wiped_to"),
        integer("withdrawn", check="withdrawn IN (0, 1)", null=False, default="0"),
        sa.UniqueConstraint("source", "id", name="uq_communities_source_id"),
    )
    op.create_table(
        "drift",
        text("source", key=True), text("field", key=True), big("seen", null=False), big("first_run", null=False),
        big("last_run", null=False),
    )
    op.create_table(
        "imports",
        text("digest", key=True), text("filters", key=True), integer("mapping_version", key=True),
        text("path", null=False), big("size_bytes", null=False), big("offset", null=False),
        big("lines", null=False), big("frame_offset", null=False), big("frame_start", null=False),
        integer("done", check="done IN (0, 1)", null=False), text("damaged"), big("run_id", null=False),
        big("updated_at", null=False),
    )
    op.create_table(
        "link_listings",
        text("source", key=True),
        text("link", check="link IN ('post_topics', 'post_makers', 'collection_posts')", key=True),
        text("owner", key=True), big("complete_at", null=False),
    )
    op.create_table(
        "logs",
        big("n", key=True), big("run_id"), big("at", null=False), text("level", null=False),
        text("event", null=False), text("fields"),
    )
    op.create_index("ix_logs_run", "logs", ["run_id"])
    op.create_table(
        "observations",
        text("source", key=True), text("kind", check="kind IN ('post', 'comment', 'user', 'community')", key=True),
        text("id", check="id <> ''", key=True), big("hour", key=True), big("observed_at", null=False), big("score"),
        integer("score_hidden", check="score_hidden IN (0, 1)"),
        real("upvote_ratio", check="upvote_ratio BETWEEN 0 AND 1"),
        big("comment_count", check="comment_count >= 0"), big("crosspost_count", check="crosspost_count >= 0"),
        big("controversiality"), big("post_karma"), big("comment_karma"), big("total_karma"),
        big("member_count", check="member_count >= 0"), big("active_count", check="active_count >= 0"),
    )
    op.create_table(
        "past_authors",
        text("source", key=True), text("author", key=True),
        text("kind", check="kind IN ('post', 'comment')", key=True), text("id", key=True),
    )
    op.create_index("ix_past_authors_record", "past_authors", ["source", "kind", "id"])
    op.create_table(
        "post_makers",
        text("source", key=True), text("owner", key=True), text("member", check="member <> ''", key=True),
        big("seen_at", null=False),
    )
    op.create_index("ix_post_makers_member", "post_makers", ["source", "member"])
    op.create_table(
        "post_topics",
        text("source", key=True), text("owner", key=True), text("member", check="member <> ''", key=True),
        big("seen_at", null=False),
    )
    op.create_index("ix_post_topics_member", "post_topics", ["source", "member"])
    op.create_table(
        "posts",
        big("n", key=True), text("source", check="source <> ''", null=False),
        text("id", check="id <> ''", null=False), text("community"), big("created_at"), text("community_name"),
        text("permalink"), text("post_type"), integer("over_18", check="over_18 IN (0, 1)"),
        integer("spoiler", check="spoiler IN (0, 1)"), integer("locked", check="locked IN (0, 1)"),
        integer("archived", check="archived IN (0, 1)"), integer("stickied", check="stickied IN (0, 1)"),
        text("distinguished"), text("crosspost_parent"), big("featured_at"), text("author"), text("author_name"),
        text("author_id"), text("author_flair"), text("title"), text("body"), text("url"), text("domain"),
        text("flair"), text("tagline"), integer("edited", check="edited IN (0, 1)"), big("edited_at"),
        text("media"), big("score"), integer("score_hidden", check="score_hidden IN (0, 1)"),
        real("upvote_ratio", check="upvote_ratio BETWEEN 0 AND 1"),
        big("comment_count", check="comment_count >= 0"), big("crosspost_count", check="crosspost_count >= 0"),
        text("extra"), integer("author_gone", check="author_gone IN (0, 1)", null=False, default="0"), text("door"),
        text("terms"), big("run_id"), big("observed_at"), big("frame_at"), big("author_at"), big("content_at"),
        big("numbers_at"), big("extra_at"), big("text_since"), big("first_seen_at"), big("last_seen_at"),
        big("updated_at"), big("hidden_at"), text("hidden_by"),
        text("tombstone", check="tombstone IN ('forget', 'author', 'legal', 'staff', 'moderator', 'gone')"),
        big("tombstone_at"), text("tombstone_detail"), big("wiped_to"),
        integer("withdrawn", check="withdrawn IN (0, 1)", null=False, default="0"),
        sa.UniqueConstraint("source", "id", name="uq_posts_source_id"),
    )
    op.create_index("ix_posts_author", "posts", ["source", "author"])
    op.create_index("ix_posts_community_created", "posts", ["source", "community", "created_at"])
    op.create_index("ix_posts_community_score", "posts", ["source", "community", "score"])
    op.create_index("ix_posts_featured", "posts", ["source", "featured_at"])
    op.create_table(
        "proxies",
        text("url", check="url <> ''", key=True), text("state", null=False),
        integer("failures", null=False, default="0"), big("checked_at"),
    )
    op.create_table(
        "quarantine",
        big("n", key=True), big("run_id", null=False), text("source", null=False), text("door", null=False),
        text("place", null=False), text("kind"), text("id"), text("reason", null=False), binary("raw", null=False),
        big("raw_bytes", null=False), integer("cut", null=False, default="0"), big("at", null=False),
    )
    op.create_index("ix_quarantine_record", "quarantine", ["source", "id"])
    op.create_index("ix_quarantine_run", "quarantine", ["run_id"])
    op.create_table(
        "revisions",
        text("source", key=True), text("kind", check="kind IN ('post', 'comment', 'user', 'community')", key=True),
        text("id", check="id <> ''", key=True), text("hash", key=True), big("first_at", null=False),
        big("last_at", null=False), text("text", null=False), sa.CheckConstraint("first_at <= last_at"),
    )
    op.create_table(
        "runs",
        big("id", key=True), text("command", null=False), text("target", null=False), big("started_at", null=False),
        big("ended_at"), integer("exit_code"), big("pid"), big("new", null=False, default="0"),
        big("updated", null=False, default="0"), big("unchanged", null=False, default="0"),
        big("older", null=False, default="0"), big("tombstoned", null=False, default="0"),
        big("filtered", null=False, default="0"), big("set_aside", null=False, default="0"),
        big("repaired", null=False, default="0"), text("untrusted"), text("summary"),
    )
    op.create_index("ix_runs_started", "runs", ["started_at"])
    op.create_table(
        "search_state",
        text("kind", check="kind IN ('post', 'comment')", key=True),
        integer("pending", check="pending IN (0, 1)", null=False),
        integer("purge", check="purge IN (0, 1)", null=False),
    )
    op.create_table(
        "tombstones",
        text("source", key=True), text("kind", check="kind IN ('post', 'comment', 'user', 'community')", key=True),
        text("id", check="id <> ''", key=True),
        text("reason", check="reason IN ('forget', 'author', 'legal', 'staff', 'moderator', 'gone')", null=False),
        big("at", null=False), text("detail"), big("wiped_to"), text("door"), big("run_id"),
    )
    op.create_table(
        "topics",
        big("n", key=True), text("source", null=False), text("id", check="id <> ''", null=False), text("slug"),
        text("name"), text("description"), big("observed_at"), sa.UniqueConstraint("source", "id"),
    )
    op.create_index("ix_topics_slug", "topics", ["source", "slug"])
    op.create_table(
        "users",
        big("n", key=True), text("source", check="source <> ''", null=False),
        text("id", check="id <> ''", null=False), big("created_at"), text("name"), text("platform_id"),
        integer("is_suspended", check="is_suspended IN (0, 1)"),
        integer("is_employee", check="is_employee IN (0, 1)"),
        integer("is_moderator", check="is_moderator IN (0, 1)"), integer("verified", check="verified IN (0, 1)"),
        integer("no_index", check="no_index IN (0, 1)"), text("title"), text("body"), text("url"),
        big("post_karma"), big("comment_karma"), big("total_karma"), text("extra"), text("door"), text("terms"),
        big("run_id"), big("observed_at"), big("frame_at"), big("content_at"), big("numbers_at"), big("extra_at"),
        big("text_since"), big("first_seen_at"), big("last_seen_at"), big("updated_at"), big("hidden_at"),
        text("hidden_by"),
        text("tombstone", check="tombstone IN ('forget', 'author', 'legal', 'staff', 'moderator', 'gone')"),
        big("tombstone_at"), text("tombstone_detail"), big("wiped_to"),
        integer("withdrawn", check="withdrawn IN (0, 1)", null=False, default="0"),
        sa.UniqueConstraint("source", "id", name="uq_users_source_id"),
    )
    op.create_index("ix_users_name", "users", ["name"])
    op.create_table(
        "votes",
        big("n", key=True), text("source", null=False), text("post_id", null=False), text("user_id", null=False),
        big("created_at"), big("observed_at"), sa.UniqueConstraint("source", "post_id", "user_id"),
    )
    op.create_table(
        "findings",
        big("n", key=True), big("run_id", refers=("runs.id", "CASCADE"), null=False),
        text("severity", check="severity IN ('info', 'warning', 'error')", null=False), text("what", null=False),
        big("at", null=False),
    )
    op.create_index("ix_findings_run", "findings", ["run_id"])
    op.create_table(
        "labels",
        big("n", key=True), big("post_n", refers=("posts.n", "CASCADE"), null=False),
        text("label", check="label <> ''", null=False), text("rank"), text("origin", null=False),
        real("confidence", check="confidence BETWEEN 0 AND 1"), text("details"), big("built_at", null=False),
    )
    op.create_index("ix_labels_post", "labels", ["post_n"])
    op.create_table(
        "media",
        big("n", key=True), text("source", null=False), big("post_n", refers=("posts.n", "CASCADE")),
        big("comment_n", refers=("comments.n", "CASCADE")), text("post_id"), text("comment_id"),
        integer("position", null=False), text("kind", null=False), text("url"), text("fallback_url"),
        text("media_id"), integer("width"), integer("height"), text("caption"),
        text("state", check="state IN ('pending', 'stored', 'gone', 'refused', 'broken')", null=False),
        text("reason"), integer("tries", null=False, default="0"), text("blob", refers=("blobs.sha256", None)),
        big("changed_at"), sa.CheckConstraint("(post_n IS NULL) <> (comment_n IS NULL)"),
        sa.CheckConstraint("kind IN ('image', 'gallery', 'animated', 'video', 'inline', 'preview', 'external', 'poll')"),
        sa.UniqueConstraint("post_n", "position"), sa.UniqueConstraint("comment_n", "position"),
    )
    op.create_index("ix_media_blob", "media", ["blob"])
    op.create_index("ix_media_state", "media", ["state", "source"])
    if op.get_bind().dialect.name == "sqlite":
        for statement in SQLITE_DDL:
            op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first schema")
