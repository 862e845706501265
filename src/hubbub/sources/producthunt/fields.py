"""Which fields of Product Hunt's types are known, for the drift report: all of the schema, asked for or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubbub.records.clean import mend

_LONGEST_NAME = 60

POST_FIELDS = frozenset(
    [
        "id",
        "name",
        "slug",
        "tagline",
        "description",
        "url",
        "website",
        "createdAt",
        "featuredAt",
        "votesCount",
        "commentsCount",
        "reviewsCount",
        "reviewsRating",
        "media",
        "thumbnail",
        "productLinks",
        "makers",
        "user",
        "userId",
        "isCollected",
        "isVoted",
        "topics",
        "comments",
        "votes",
        "collections",
    ]
)
COMMENT_FIELDS = frozenset(
    [
        "id",
        "body",
        "createdAt",
        "url",
        "votesCount",
        "isVoted",
        "parentId",
        "parent",
        "user",
        "userId",
        "replies",
        "votes",
    ]
)
TOPIC_FIELDS = frozenset(
    ["id", "name", "slug", "description", "url", "createdAt", "followersCount", "postsCount", "isFollowing", "image"]
)
COLLECTION_FIELDS = frozenset(
    [
        "id",
        "name",
        "tagline",
        "description",
        "url",
        "createdAt",
        "featuredAt",
        "followersCount",
        "isFollowing",
        "coverImage",
        "user",
        "userId",
        "posts",
        "topics",
    ]
)
USER_FIELDS = frozenset(
    [
        "id",
        "name",
        "username",
        "url",
        "createdAt",
        "isMaker",
        "isViewer",
        "isFollowing",
        "headline",
        "twitterUsername",
        "websiteUrl",
        "coverImage",
        "profileImage",
        "madePosts",
        "submittedPosts",
        "votedPosts",
        "followedCollections",
        "followers",
        "following",
    ]
)
KNOWN: dict[str, frozenset[str]] = {
    "post": POST_FIELDS,
    "comment": COMMENT_FIELDS,
    "topic": TOPIC_FIELDS,
    "collection": COLLECTION_FIELDS,
    "user": USER_FIELDS,
}
"""Per kind: the fields of its type (producthunt.md §5)."""


def unknown_fields(kind: str, node: Mapping[str, Any]) -> dict[str, int]:
    """The fields of a node that its type is not known to have, "post.category" -> 1."""
    known = KNOWN.get(kind, frozenset())
    return {
        f"{kind}.{mend(str(name))[:_LONGEST_NAME]}": 1 for name in node if name not in known and name != "__typename"
    }
