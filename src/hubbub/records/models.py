"""The records: what one observation of a platform says about a post, a comment, a person or a community.

A record is one *observation*. It states some of its *facets* (groups of fields observed and merged together, design
§2), each at a time; a facet that is not stated does not compete in the merge, whatever its fields hold. All times are
whole seconds since the epoch, UTC. `None` means unknown, never zero or "".

Which fields belong to which facet is told in `records.facets`.
"""

from __future__ import annotations

import enum
from typing import ClassVar, Literal

import msgspec

from hubbub.records.facets import FACET_TIME, Facet

Source = str
"""Name of an integrated platform: "reddit", "producthunt"."""


class Door(enum.StrEnum):
    """The way a record came in."""

    LIVE = "live"
    DUMP = "dump"
    MIRROR = "mirror"
    EXPORT = "export"
    SAVED = "saved"
    """An API answer somebody saved to a file."""


class Reason(enum.StrEnum):
    """Why a record is gone. The order of the members is their rank: of two tombstones the earlier member is kept."""

    FORGET = "forget"
    """`hubbub forget`: the user of hubbub erased it."""
    AUTHOR = "author"
    LEGAL = "legal"
    STAFF = "staff"
    """The platform's own staff."""
    MODERATOR = "moderator"
    """A moderator, an automatic rule or the spam filter."""
    GONE = "gone"
    """Missing twice, without a word, while its community could be reached."""

    @property
    def rank(self) -> int:
        """Position in the order of precedence; 0 wins."""
        return _RANKS[self]

    @property
    def erases(self) -> bool:
        """True when nothing, earlier or later, may bring the record back; else later text restores it."""
        return self.rank <= _RANKS["staff"]


_RANKS: dict[str, int] = {reason: rank for rank, reason in enumerate(Reason)}


class MediaItem(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One picture, video or poll of a post or comment, as its content states it (order is the order in the list)."""

    kind: Literal["image", "gallery", "animated", "video", "inline", "preview", "external", "poll"]
    url: str | None = None
    """Where the original lies; None where there is no file (a poll, a gallery picture that failed to process)."""
    fallback_url: str | None = None
    """A signed preview to try when the original is gone; never part of the record's identity."""
    media_id: str | None = None
    width: int | None = None
    height: int | None = None
    mime: str | None = None
    """As the platform claims; the bytes decide."""
    caption: str | None = None
    status: str | None = None
    """The platform's processing state when it is not "valid": unprocessed, failed, deleted."""
    crosspost: bool = False
    """True when the file belongs to the crossposted original."""
    details: str | None = None
    """Canonical JSON of what has no field here: poll options, video duration, outbound link."""


class _Seen(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every observation carries: whose it is, how it came, when it was made and what it states."""

    source: Source
    id: str
    """Natural key within (source, kind), as the platform prints it: `t3_1abc`, `t1_xyz`; a person's case-folded name;
    a community's case-folded name."""
    door: Door
    observed_at: int
    """When the platform said it: the time of every stated facet without a time of its own below."""
    terms: str | None = None
    """Class of terms it came under ("reddit-api", "archive"…)."""
    stated: int = Facet.ALL
    """The facets this observation states: a mask of `Facet` bits."""
    frame_at: int | None = None
    author_at: int | None = None
    content_at: int | None = None
    numbers_at: int | None = None
    extra_at: int | None = None

    def stated_at(self, facet: int) -> int | None:
        """When `facet` was observed, or None when this observation does not state it."""
        if not self.stated & facet:
            return None
        own: int | None = getattr(self, FACET_TIME[facet], None)
        return self.observed_at if own is None else own


class Post(_Seen, frozen=True, kw_only=True, gc=False):
    """A post: a Reddit submission, a Product Hunt launch."""

    kind: ClassVar[str] = "post"

    # frame: the place first
    community: str | None = None
    """Case-folded key of the community; None where the platform has none."""
    created_at: int | None = None
    community_name: str | None = None
    """As the platform prints it."""
    permalink: str | None = None
    """Absolute path on the platform ("/r/x/comments/…")."""
    post_type: str | None = None
    """self, link, image, gallery, video, poll, crosspost, launch."""
    over_18: bool | None = None
    spoiler: bool | None = None
    locked: bool | None = None
    archived: bool | None = None
    stickied: bool | None = None
    distinguished: str | None = None
    crosspost_parent: str | None = None
    featured_at: int | None = None
    # author
    author: str | None = None
    """Key of the author in `users`: the case-folded name."""
    author_name: str | None = None
    author_id: str | None = None
    """The platform's own id where it gives one (`t2_…`)."""
    author_flair: str | None = None
    author_gone: bool = False
    """The account is gone: the author facet is erased for ever, the text stays."""
    # content
    title: str | None = None
    body: str | None = None
    url: str | None = None
    """The link a post points to; None for a text post."""
    domain: str | None = None
    flair: str | None = None
    tagline: str | None = None
    edited: bool | None = None
    edited_at: int | None = None
    """None with `edited` true: edited at an unknown time."""
    media: tuple[MediaItem, ...] = ()
    # numbers
    score: int | None = None
    score_hidden: bool | None = None
    """True while the platform does not show the score: `score` then means nothing."""
    upvote_ratio: float | None = None
    comment_count: int | None = None
    crosspost_count: int | None = None
    # extra
    extra: str | None = None
    """Canonical JSON object (sorted keys, no spaces)."""


class Comment(_Seen, frozen=True, kw_only=True, gc=False):
    """A comment on a post."""

    kind: ClassVar[str] = "comment"

    # frame: the place first
    community: str | None = None
    post_id: str | None = None
    parent_id: str | None = None
    """The comment or post it answers."""
    created_at: int | None = None
    community_name: str | None = None
    permalink: str | None = None
    is_submitter: bool | None = None
    locked: bool | None = None
    archived: bool | None = None
    stickied: bool | None = None
    distinguished: str | None = None
    # author
    author: str | None = None
    author_name: str | None = None
    author_id: str | None = None
    author_flair: str | None = None
    author_gone: bool = False
    # content
    body: str | None = None
    edited: bool | None = None
    edited_at: int | None = None
    media: tuple[MediaItem, ...] = ()
    # numbers
    score: int | None = None
    score_hidden: bool | None = None
    controversiality: int | None = None
    # extra
    extra: str | None = None


class User(_Seen, frozen=True, kw_only=True, gc=False):
    """A person or account: public profile fields."""

    kind: ClassVar[str] = "user"

    # frame
    created_at: int | None = None
    name: str | None = None
    platform_id: str | None = None
    """`t2_…`; a person's key is the name, because most doors do not give this id."""
    is_suspended: bool | None = None
    is_employee: bool | None = None
    is_moderator: bool | None = None
    verified: bool | None = None
    no_index: bool | None = None
    """The person asked not to be indexed: never exported."""
    # content
    title: str | None = None
    body: str | None = None
    """Public description."""
    url: str | None = None
    """Picture of the profile."""
    # numbers
    post_karma: int | None = None
    comment_karma: int | None = None
    total_karma: int | None = None
    # extra
    extra: str | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One rule of a community, in the order in which the community shows them."""

    short_name: str
    applies_to: str | None = None
    """all, link or comment."""
    description: str | None = None
    violation_reason: str | None = None
    created_at: int | None = None


class Community(_Seen, frozen=True, kw_only=True, gc=False):
    """A place inside a platform: a subreddit."""

    kind: ClassVar[str] = "community"

    rules_at: int | None = None
    # frame
    created_at: int | None = None
    name: str | None = None
    platform_id: str | None = None
    community_type: str | None = None
    """public, restricted, private, archived, user…"""
    over_18: bool | None = None
    quarantined: bool | None = None
    language: str | None = None
    # content
    title: str | None = None
    body: str | None = None
    """Sidebar text."""
    description: str | None = None
    """Short public description."""
    url: str | None = None
    """Icon."""
    # numbers
    member_count: int | None = None
    active_count: int | None = None
    # rules
    rules: tuple[Rule, ...] = ()
    # extra
    extra: str | None = None


class Stub(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A mention: exists because a record refers to it; never overwrites, goes with the last reference."""

    source: Source
    kind: Literal["post", "user", "community"]
    id: str
    name: str | None = None
    """As the platform prints it, where the key is folded."""


class Tombstone(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record is gone: who withdrew it, when we were told, and the place it had (the only part that stays)."""

    source: Source
    kind: Literal["post", "comment", "user", "community"]
    id: str
    door: Door
    reason: Reason
    at: int
    """When the platform said so (for `forget`: when the user did)."""
    detail: str | None = None
    """The platform's own word: "automod_filtered", "copyright_takedown"…"""
    terms: str | None = None
    community: str | None = None
    community_name: str | None = None
    post_id: str | None = None
    parent_id: str | None = None
    created_at: int | None = None


class LinkListing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Which members an owner had at one time (topics of a post, posts of a collection)."""

    source: Source
    link: Literal["post_topics", "post_makers", "collection_posts"]
    owner: str
    members: tuple[str, ...]
    observed_at: int
    complete: bool
    """True when the platform listed all of them: a link not seen at or after the last complete listing is over."""


class Topic(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A subject a platform sorts launches by. Merged as a whole: the freshest observation wins; equal times are decided
    by comparing the values in the order of the fields."""

    kind: ClassVar[str] = "topic"

    source: Source
    id: str
    door: Door
    observed_at: int
    terms: str | None = None
    slug: str | None = None
    name: str | None = None
    description: str | None = None
    created_at: int | None = None
    url: str | None = None
    """Its picture."""
    follower_count: int | None = None
    post_count: int | None = None


class Collection(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A list of posts that somebody keeps. Merged as a whole, as a Topic is."""

    kind: ClassVar[str] = "collection"

    source: Source
    id: str
    door: Door
    observed_at: int
    terms: str | None = None
    slug: str | None = None
    """Last part of its address, which targets name it by."""
    name: str | None = None
    tagline: str | None = None
    description: str | None = None
    owner: str | None = None
    """Key of the person who keeps it; None where the platform does not tell."""
    created_at: int | None = None
    featured_at: int | None = None
    url: str | None = None
    """Its picture."""
    follower_count: int | None = None


Observation = Post | Comment | User | Community
"""Records that state facets."""

Grouping = Topic | Collection
"""Records that gather posts and are merged as a whole."""

Record = Observation | Grouping | Stub | Tombstone | LinkListing
"""Everything a page or a file can bring."""


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not be kept: it goes to quarantine with its reason and its bytes, and is counted."""

    reason: str
    """For people, names the field: "created_utc is null"."""
    raw: bytes
    """As received; the store compresses and bounds it."""
    source: Source
    door: Door
    where: str
    """URL, file, or `file:line`."""
    kind: str | None = None
    id: str | None = None
