"""Facets: the groups of fields that are observed together and merged together, and which fields belong to which.

The first fields of a frame are the *place*: the part that stays when a record is wiped by a tombstone.
"""

from __future__ import annotations

from typing import Final


class Facet:
    """A group of fields that are observed together and merged together, as a bit of a mask (`int`).

    Plain integers, not an enum: the merge asks for them several times a record, and enum arithmetic cost as much as
    the rest of a new record's merge."""

    FRAME: Final = 1
    """Community, parent, permalink, created time, flags."""
    AUTHOR: Final = 2
    """Key, name, platform id and flair of the author."""
    CONTENT: Final = 4
    """Title, body, link, media, edit time."""
    NUMBERS: Final = 8
    """Score, ratio, counts."""
    EXTRA: Final = 16
    """Platform fields hubbub does not model, as compact JSON."""
    RULES: Final = 32
    """The rules of a community, which the platforms answer apart from its description."""
    ALL: Final = 63
    """Every facet the kind of record has."""


FACET_TIME: dict[int, str] = {
    Facet.FRAME: "frame_at",
    Facet.AUTHOR: "author_at",
    Facet.CONTENT: "content_at",
    Facet.NUMBERS: "numbers_at",
    Facet.EXTRA: "extra_at",
    Facet.RULES: "rules_at",
}
"""Field and column that hold a facet's own time, where it differs from `observed_at`."""


PLACE_FIELDS: dict[str, tuple[str, ...]] = {
    "post": ("community", "created_at"),
    "comment": ("community", "post_id", "parent_id", "created_at"),
    "user": (),
    "community": (),
}
"""The fields of the frame that outlive a tombstone, first in the order of comparison."""

FACET_FIELDS: dict[str, dict[int, tuple[str, ...]]] = {
    "post": {
        Facet.FRAME: (
            *PLACE_FIELDS["post"],
            "community_name",
            "permalink",
            "post_type",
            "over_18",
            "spoiler",
            "locked",
            "archived",
            "stickied",
            "distinguished",
            "crosspost_parent",
            "featured_at",
        ),
        Facet.AUTHOR: ("author", "author_name", "author_id", "author_flair"),
        Facet.CONTENT: (
            "title",
            "body",
            "url",
            "domain",
            "flair",
            "tagline",
            "edited",
            "edited_at",
            "media",
        ),
        Facet.NUMBERS: ("score", "score_hidden", "upvote_ratio", "comment_count", "crosspost_count"),
        Facet.EXTRA: ("extra",),
    },
    "comment": {
        Facet.FRAME: (
            *PLACE_FIELDS["comment"],
            "community_name",
            "permalink",
            "is_submitter",
            "locked",
            "archived",
            "stickied",
            "distinguished",
        ),
        Facet.AUTHOR: ("author", "author_name", "author_id", "author_flair"),
        Facet.CONTENT: ("body", "edited", "edited_at", "media"),
        Facet.NUMBERS: ("score", "score_hidden", "controversiality"),
        Facet.EXTRA: ("extra",),
    },
    "user": {
        Facet.FRAME: (
            "created_at",
            "name",
            "platform_id",
            "is_suspended",
            "is_employee",
            "is_moderator",
            "verified",
            "no_index",
        ),
        Facet.CONTENT: ("title", "body", "url"),
        Facet.NUMBERS: ("post_karma", "comment_karma", "total_karma"),
        Facet.EXTRA: ("extra",),
    },
    "community": {
        Facet.FRAME: (
            "created_at",
            "name",
            "platform_id",
            "community_type",
            "over_18",
            "quarantined",
            "language",
        ),
        Facet.CONTENT: ("title", "body", "description", "url"),
        Facet.NUMBERS: ("member_count", "active_count"),
        Facet.RULES: ("rules",),
        Facet.EXTRA: ("extra",),
    },
}
"""Per kind of record and facet: its fields, in the order in which two values of equal time are compared."""

TEXT_FIELDS: dict[str, tuple[str, ...]] = {
    "post": ("title", "body"),
    "comment": ("body",),
    "user": ("title", "body"),
    "community": ("title", "body", "description"),
}
"""The fields whose history `revisions` keeps."""

FACETS_OF: dict[str, int] = {kind: sum(facets) for kind, facets in FACET_FIELDS.items()}
"""Per kind of record: the mask of all facets it has."""
