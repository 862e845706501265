"""Product Hunt's JSON as records: one mapping for live answers and for snapshots that others took.

Every field but `id` may be missing: queries ask for little, and others kept less. An observation states only the facets
of which its node carries something; what becomes of fields that a stated facet lacks is told in
docs/decisions/0040-product-hunt-snapshots.md. A node that cannot be stored is refused with RecordError, whose reason
names the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hubbub.errors import RecordError
from hubbub.records.clean import canonical_json, mend
from hubbub.records.facets import Facet
from hubbub.records.models import (
    Collection,
    Comment,
    Door,
    LinkListing,
    MediaItem,
    Post,
    Record,
    Stub,
    Topic,
)
from hubbub.sources.producthunt.fields import unknown_fields
from hubbub.sources.producthunt.markup import rendered
from hubbub.sources.producthunt.values import (
    SOURCE_NAME,
    address,
    id_of,
    is_complete,
    moment,
    nodes_of,
    optional_id,
    place_of,
    plain,
    real,
    whole,
    without_tracking,
)

__all__ = [
    "MAPPING_VERSION",
    "SNAPSHOT_TERMS",
    "TERMS",
    "Look",
    "collection_of",
    "collection_posts_of",
    "comment_of",
    "own_comment_of",
    "post_of",
    "thread_of",
    "topic_of",
    "unknown_fields",
]

TERMS = "producthunt-api"
"""Class of terms that live records come under: non-commercial use (producthunt.md §1)."""
SNAPSHOT_TERMS = "producthunt-snapshot"
"""Class of terms of what others took from the API and published."""
MAPPING_VERSION = 1
"""Goes up when the same input maps to other records: imports of a file are then done again."""

REDACTED_ID = "0"
REDACTED = "[REDACTED]"
"""What every person but the token's owner is called since 2023 (producthunt.md §8)."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """When and how a node was looked at."""

    observed_at: int
    """When the platform said it (epoch seconds)."""
    door: Door
    terms: str
    now: int
    """When it is read (epoch seconds)."""


def post_of(node: Mapping[str, Any], look: Look) -> list[Record]:
    """The launch, and its topics where the node names their ids. Raises RecordError.

    A node of which nothing is told but the id is a mention of the launch, no observation."""
    key = id_of(node.get("id"))
    facets: dict[int, dict[str, Any]] = {
        Facet.FRAME: _post_frame(node),
        Facet.AUTHOR: _author(node, look=look),
        Facet.CONTENT: _post_content(node),
        Facet.NUMBERS: _carried(
            score=whole(node, "votesCount", least=None), comment_count=whole(node, "commentsCount")
        ),
        Facet.EXTRA: _post_extra(node),
    }
    stated = sum(facet for facet, values in facets.items() if values)
    values = {name: value for facet in facets.values() for name, value in facet.items()}
    found: list[Record] = [
        Post(
            source=SOURCE_NAME,
            id=key,
            door=look.door,
            observed_at=look.observed_at,
            terms=look.terms,
            stated=stated,
            post_type="launch" if stated & Facet.FRAME else None,
            **values,
        )
        if stated
        else Stub(source=SOURCE_NAME, kind="post", id=key)
    ]
    topics = node.get("topics")
    ids = _ids(topics)
    if ids or (is_complete(topics) and not nodes_of(topics)):
        found.append(
            LinkListing(
                source=SOURCE_NAME,
                link="post_topics",
                owner=key,
                members=ids,
                observed_at=look.observed_at,
                complete=is_complete(topics) and len(ids) == len(nodes_of(topics)),
            )
        )
    return found


def comment_of(node: Mapping[str, Any], *, post_id: str, look: Look) -> list[Record]:
    """A comment and, after it, all replies the node holds, at any depth. Raises RecordError if one of them is none;
    whoever wants to keep the others maps what `thread_of` gives one by one."""
    return [own_comment_of(one, post_id=post_id, parent_id=above, look=look) for one, above in thread_of(node)]


def thread_of(node: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str | None]]:
    """A comment and all replies it holds, each with the id of the comment it hangs below (None: unknown or none).

    What stands among replies and is no object is left out."""
    found: list[tuple[Mapping[str, Any], str | None]] = []
    waiting: list[tuple[Mapping[str, Any], str | None]] = [(node, None)]
    while waiting:
        one, above = waiting.pop()
        found.append((one, above))
        key = optional_id(one.get("id"))
        below = [reply for reply in nodes_of(one.get("replies")) if isinstance(reply, Mapping)]
        waiting.extend((reply, key) for reply in reversed(below))
    return found


def own_comment_of(node: Mapping[str, Any], *, post_id: str, parent_id: str | None, look: Look) -> Comment:
    """A comment without its replies; `parent_id` counts where the node names no parent. Raises RecordError."""
    key = id_of(node.get("id"))
    parent = node.get("parent")
    for named in (node.get("parentId"), parent.get("id") if isinstance(parent, Mapping) else None):
        if named is not None and named != "":
            parent_id = id_of(named, name="parentId")
            break
    body = node.get("body")
    if body is not None and not isinstance(body, str):
        raise RecordError("body is no text")
    author = _author(node, look=look)
    numbers = _carried(score=whole(node, "votesCount", least=None))
    content = {} if body is None else _comment_content(body)
    stated = Facet.FRAME
    stated |= Facet.AUTHOR if author else 0
    stated |= Facet.CONTENT | Facet.EXTRA if content else 0
    stated |= Facet.NUMBERS if numbers else 0
    return Comment(
        source=SOURCE_NAME,
        id=key,
        door=look.door,
        observed_at=look.observed_at,
        terms=look.terms,
        stated=stated,
        post_id=id_of(post_id, name="post id"),
        parent_id=parent_id,
        created_at=moment(node, "createdAt"),
        permalink=place_of(node.get("url"), comment=True),
        **author,
        **content,
        **numbers,
    )


def topic_of(node: Mapping[str, Any], look: Look) -> Topic:
    """A subject. Raises RecordError."""
    return Topic(
        source=SOURCE_NAME,
        id=id_of(node.get("id")),
        door=look.door,
        observed_at=look.observed_at,
        terms=look.terms,
        slug=plain(node, "slug"),
        name=plain(node, "name"),
        description=plain(node, "description"),
        created_at=moment(node, "createdAt"),
        url=address(node.get("image")),
        follower_count=whole(node, "followersCount"),
        post_count=whole(node, "postsCount"),
    )


def collection_of(node: Mapping[str, Any], look: Look) -> Collection:
    """A list of launches that somebody keeps. Raises RecordError."""
    place = place_of(node.get("url"))
    return Collection(
        source=SOURCE_NAME,
        id=id_of(node.get("id")),
        door=look.door,
        observed_at=look.observed_at,
        terms=look.terms,
        slug=(place.rstrip("/").rpartition("/")[2] or None) if place is not None else None,
        name=plain(node, "name"),
        tagline=plain(node, "tagline"),
        description=plain(node, "description"),
        owner=_author(node, look=look).get("author"),
        created_at=moment(node, "createdAt"),
        featured_at=moment(node, "featuredAt"),
        url=address(node.get("coverImage")),
        follower_count=whole(node, "followersCount"),
    )


def collection_posts_of(collection_id: str, ids: Sequence[str], *, complete: bool, look: Look) -> LinkListing:
    """Which launches a collection holds; `complete` when these are all."""
    return LinkListing(
        source=SOURCE_NAME,
        link="collection_posts",
        owner=id_of(collection_id),
        members=tuple(dict.fromkeys(id_of(one) for one in ids)),
        observed_at=look.observed_at,
        complete=complete,
    )


def _carried(**values: Any) -> dict[str, Any]:
    """The values of a facet, or none where all are unknown: it is not stated then."""
    return values if any(value is not None for value in values.values()) else {}


def _post_frame(node: Mapping[str, Any]) -> dict[str, Any]:
    return _carried(
        created_at=moment(node, "createdAt"),
        featured_at=moment(node, "featuredAt"),
        permalink=place_of(node.get("url")),
    )


def _author(node: Mapping[str, Any], *, look: Look) -> dict[str, Any]:
    """The facet of the author: of a live answer that does not hide who it is (the token's owner), else none."""
    user = node.get("user")
    if look.door is not Door.LIVE or not isinstance(user, Mapping):
        return {}
    key, name = optional_id(user.get("id")), user.get("username")
    if key in {None, REDACTED_ID} or not isinstance(name, str) or not name.strip() or REDACTED in name:
        return {}
    name = mend(name.strip())
    return {"author": name.casefold(), "author_name": name, "author_id": key}


def _post_content(node: Mapping[str, Any]) -> dict[str, Any]:
    title, tagline, body = plain(node, "name"), plain(node, "tagline"), plain(node, "description")
    if title is None and tagline is None:
        return {}
    website = without_tracking(node.get("website"))
    return {"title": title, "tagline": tagline, "body": body, "url": website, "media": _media(node)}


def _media(node: Mapping[str, Any]) -> tuple[MediaItem, ...]:
    """The gallery, then the thumbnail."""
    shown = [item for item in map(_shown, nodes_of(node.get("media"))) if item is not None]
    if sum(item.kind == "image" for item in shown) > 1:
        shown = [msgspec.structs.replace(item, kind="gallery") if item.kind == "image" else item for item in shown]
    thumbnail = node.get("thumbnail")
    picture = address(thumbnail.get("url") if isinstance(thumbnail, Mapping) else thumbnail)
    if picture is not None:
        shown.append(MediaItem(kind="image", url=picture, details=canonical_json({"thumbnail": True})))
    return tuple(shown)


def _shown(item: Any) -> MediaItem | None:
    """One picture or video of a gallery; an address alone is a picture's. None for what has no address."""
    if not isinstance(item, Mapping):
        item = {"url": item}
    still, video = address(item.get("url")), address(item.get("videoUrl"))
    if video is not None or item.get("type") == "video":
        return MediaItem(kind="video", url=video, fallback_url=still) if video or still else None
    return MediaItem(kind="image", url=still) if still is not None else None


def _post_extra(node: Mapping[str, Any]) -> dict[str, Any]:
    makers, topics = node.get("makers"), node.get("topics")
    links = [
        {"type": mend(kind) if isinstance(kind := link.get("type"), str) else None, "url": target}
        for link in nodes_of(node.get("productLinks"))
        if isinstance(link, Mapping) and (target := without_tracking(link.get("url"))) is not None
    ]
    told = {
        "slug": plain(node, "slug"),
        "reviews_count": whole(node, "reviewsCount"),
        "reviews_rating": real(node, "reviewsRating"),
        "makers": len(makers) if isinstance(makers, list) else None,
        "product_links": links if isinstance(node.get("productLinks"), list) else None,
        "topics": _names(topics) or None,
    }
    told = {name: value for name, value in told.items() if value is not None}
    return {"extra": canonical_json(told)} if told else {}


def _ids(topics: Any) -> tuple[str, ...]:
    """The ids of the topics of a connection, each once."""
    found = (optional_id(topic.get("id")) for topic in nodes_of(topics) if isinstance(topic, Mapping))
    return tuple(dict.fromkeys(key for key in found if key is not None))


def _names(topics: Any) -> list[str]:
    """The names of topics whose ids are not told."""
    found: list[str] = []
    for topic in nodes_of(topics):
        if isinstance(topic, Mapping):
            name = None if optional_id(topic.get("id")) is not None else topic.get("name")
        else:
            name = topic
        if isinstance(name, str) and name.strip():
            found.append(mend(name.strip()))
    return list(dict.fromkeys(found))


def _comment_content(body: str) -> dict[str, Any]:
    """Text, pictures and, where formatting was lost, the original: what an edit changes together."""
    page = rendered(body)
    return {
        "body": page.text or None,
        "media": tuple(MediaItem(kind="inline", url=picture) for picture in page.images),
        "extra": canonical_json({"html": mend(body)}) if page.formatted else None,
    }
