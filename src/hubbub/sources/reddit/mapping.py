"""Reddit's posts and comments as records: one mapping for live answers, saved answers and dump lines.

Every key but `id` may be missing. A value of the wrong type becomes None and is counted as repaired; a record without a
usable id or creation time is refused with RecordError (reddit.md §14, §15)."""

from __future__ import annotations

from typing import Any

import msgspec

from hubbub.errors import RecordError
from hubbub.records.clean import path_of
from hubbub.records.facets import FACETS_OF, Facet
from hubbub.records.models import Comment, Door, Post, Tombstone
from hubbub.sources.reddit.fields import extra_of
from hubbub.sources.reddit.media import REDDIT_IMAGES, comment_media, post_media, split
from hubbub.sources.reddit.removal import Verdict, comment_verdict, post_verdict
from hubbub.sources.reddit.values import (
    ID36,
    SOURCE_NAME,
    Gathered,
    edit_time,
    flag,
    integer,
    label,
    moment,
    prose,
    ratio,
)

MAPPING_VERSION = 2
"""Goes up when the same input maps to other records: imports of a file are then done again."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """When and how a thing was looked at."""

    door: Door
    terms: str
    observed_at: int
    numbers_at: int | None = None
    """When the numbers and flags were read, where that was later than the text (archives)."""
    verdict: Verdict | None = None
    """What is known of a removal from outside the thing itself (archives)."""

    @property
    def newest_at(self) -> int:
        """When the frame and the numbers were read: the time of the whole record."""
        return self.observed_at if self.numbers_at is None else self.numbers_at

    @property
    def text_at(self) -> int | None:
        """When the rest was read, where that was earlier."""
        return None if self.numbers_at is None else self.observed_at


def id36(value: Any) -> str:
    """The id as Reddit prints it; raises RecordError when it is none."""
    if not isinstance(value, str):
        raise RecordError("id is missing" if value is None else "id is no text")
    name = value.strip()
    if not ID36.match(name):
        raise RecordError(f"id {name[:40]!r} is not base 36")
    return name


def fullname(value: Any, *, prefix: str) -> str | None:
    """`t3_…` of a fullname, a bare id or a number (foreign exports print ids as integers); None when it is none."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return prefix + base36(value)
    if not isinstance(value, str):
        return None
    name = value.strip()
    bare = name.removeprefix(prefix)
    return prefix + bare if ID36.match(bare) else None


def base36(number: int) -> str:
    """A positive number in Reddit's digits."""
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits


def map_post(data: dict[str, Any], *, look: Look, out: Gathered) -> Post | Tombstone:
    """The record of one t3 object; its author and community are noted in `out`. Raises RecordError."""
    key = id36(data.get("id"))
    created_at = moment(data.get("created_utc"), name="created_utc")
    if "is_self" not in data and f"/comments/{key}/" in str(data.get("url")):
        data = {**data, "is_self": True}  # mirrors with few columns lack it; a text post's address is its own page
    community, community_name = _community(data, out=out)
    verdict = look.verdict or post_verdict(data)
    if verdict.reason is not None:
        return Tombstone(
            **_gone(look, verdict=verdict, place=(community, community_name, created_at)), kind="post", id="t3_" + key
        )
    author, author_name, author_id, author_flair = _author(data, verdict=verdict, out=out)
    edited, edited_at = edit_time(data, out=out)
    link = _link(data, out=out)
    return Post(
        source=SOURCE_NAME,
        id="t3_" + key,
        door=look.door,
        observed_at=look.newest_at,
        terms=look.terms,
        stated=_stated(verdict, kind="post"),
        author_at=look.text_at,
        content_at=look.text_at,
        extra_at=look.text_at,
        community=community,
        created_at=created_at,
        community_name=community_name,
        permalink=_permalink(data, default=f"/r/{community_name or 'all'}/comments/{key}/", out=out),
        post_type=post_type(data, link=link),
        over_18=flag(data, "over_18", out=out),
        spoiler=flag(data, "spoiler", out=out),
        **_flags(data, out=out),
        crosspost_parent=_crosspost_parent(data, own="t3_" + key, out=out),
        author=author,
        author_name=author_name,
        author_id=author_id,
        author_flair=author_flair,
        author_gone=verdict.account_gone,
        title=prose(data, "title", out=out),
        body=prose(data, "selftext", out=out),
        url=link,
        domain=label(data, "domain", out=out),
        flair=label(data, "link_flair_text", out=out),
        edited=edited,
        edited_at=edited_at,
        media=post_media(data),
        score=integer(data, "score", out=out),
        score_hidden=flag(data, "hide_score", out=out),
        upvote_ratio=ratio(data, "upvote_ratio", out=out),
        comment_count=integer(data, "num_comments", out=out, least=0),
        crosspost_count=integer(data, "num_crossposts", out=out, least=0),
        extra=extra_of(data, kind="post", unknown=out.unknown),
    )


def map_comment(data: dict[str, Any], *, look: Look, out: Gathered) -> Comment | Tombstone:
    """The record of one t1 object, without its replies; its author and community are noted in `out`.

    Raises RecordError."""
    key = id36(data.get("id"))
    created_at = moment(data.get("created_utc"), name="created_utc")
    community, community_name = _community(data, out=out)
    post_id = fullname(data.get("link_id"), prefix="t3_")
    parent_id = _parent(data, post_id=post_id, out=out)
    verdict = look.verdict or comment_verdict(data)
    if verdict.reason is not None:
        return Tombstone(
            **_gone(look, verdict=verdict, place=(community, community_name, created_at)),
            kind="comment",
            id="t1_" + key,
            post_id=post_id,
            parent_id=parent_id,
        )
    author, author_name, author_id, author_flair = _author(data, verdict=verdict, out=out)
    edited, edited_at = edit_time(data, out=out)
    # Made, not taken: the platform's own spells out the post's title, which must go with the post, and asks for none.
    path = f"/r/{community_name or 'all'}/comments/{(post_id or 't3_').removeprefix('t3_')}/_/{key}/"
    return Comment(
        source=SOURCE_NAME,
        id="t1_" + key,
        door=look.door,
        observed_at=look.newest_at,
        terms=look.terms,
        stated=_stated(verdict, kind="comment"),
        author_at=look.text_at,
        content_at=look.text_at,
        extra_at=look.text_at,
        community=community,
        post_id=post_id,
        parent_id=parent_id,
        created_at=created_at,
        community_name=community_name,
        permalink=path,
        is_submitter=flag(data, "is_submitter", out=out),
        **_flags(data, out=out),
        author=author,
        author_name=author_name,
        author_id=author_id,
        author_flair=author_flair,
        author_gone=verdict.account_gone,
        body=prose(data, "body", out=out),
        edited=edited,
        edited_at=edited_at,
        media=comment_media(data) if data.get("media_metadata") else (),
        score=integer(data, "score", out=out),
        score_hidden=flag(data, "score_hidden", out=out),
        controversiality=integer(data, "controversiality", out=out),
        extra=extra_of(data, kind="comment", unknown=out.unknown),
    )


def _gone(look: Look, *, verdict: Verdict, place: tuple[str | None, str | None, int]) -> dict[str, Any]:
    """What the tombstones of posts and comments have in common."""
    return {
        "source": SOURCE_NAME,
        "door": look.door,
        "reason": verdict.reason,
        "at": look.observed_at,
        "detail": verdict.detail,
        "terms": look.terms,
        "community": place[0],
        "community_name": place[1],
        "created_at": place[2],
    }


def _flags(data: dict[str, Any], *, out: Gathered) -> dict[str, Any]:
    """The flags of the frame that posts and comments have in common."""
    return {
        "locked": flag(data, "locked", out=out),
        "archived": flag(data, "archived", out=out),
        "stickied": flag(data, "stickied", out=out),
        "distinguished": label(data, "distinguished", out=out),
    }


def _stated(verdict: Verdict, *, kind: str) -> int:
    stated = FACETS_OF[kind]
    if verdict.author_hidden:
        stated &= ~Facet.AUTHOR
    if verdict.text_hidden:
        stated &= ~Facet.CONTENT
    return stated


def _community(data: dict[str, Any], *, out: Gathered) -> tuple[str | None, str | None]:
    name = label(data, "subreddit", out=out)
    if name is None:
        return None, None
    key = name.casefold()
    out.mention_community(key, name=name)
    return key, name


def _author(
    data: dict[str, Any], *, verdict: Verdict, out: Gathered
) -> tuple[str | None, str | None, str | None, str | None]:
    """(key, name, platform id, flair); all None where the answer does not name a person."""
    if verdict.account_gone or verdict.author_hidden:
        return None, None, None, None
    name = label(data, "author", out=out)
    if name is None:
        return None, None, None, None
    key = name.casefold()
    out.mention_user(key, name=name)
    account = label(data, "author_fullname", out=out)
    flair = label(data, "author_flair_text", out=out)
    return key, name, account if account and account.startswith("t2_") else None, flair


def _permalink(data: dict[str, Any], *, default: str, out: Gathered) -> str:
    given = label(data, "permalink", out=out)
    if given is None:
        return default
    path = path_of(given, host="reddit.com")
    if path is None:
        out.repaired += 1
        return default
    return path


def _parent(data: dict[str, Any], *, post_id: str | None, out: Gathered) -> str | None:
    value = data.get("parent_id")
    if value is None:
        return None
    if isinstance(value, str) and value.strip().startswith("t3_"):
        found = fullname(value, prefix="t3_")
    else:
        found = fullname(value, prefix="t1_")
        if isinstance(value, int) and post_id is not None and found == post_id.replace("t3_", "t1_", 1):
            found = post_id
    if found is None:
        out.repaired += 1
    return found


def _link(data: dict[str, Any], *, out: Gathered) -> str | None:
    """Where the post points to; None for a text post, whose `url` is only its own page."""
    if data.get("is_self") is True:
        return None
    return label(data, "url_overridden_by_dest", out=out) or label(data, "url", out=out)


def _crosspost_parent(data: dict[str, Any], *, own: str, out: Gathered) -> str | None:
    value = data.get("crosspost_parent")
    if value is None:
        return None
    found = fullname(value, prefix="t3_")
    if found is None or found == own:
        out.repaired += 1
        return None
    return found


def post_type(data: dict[str, Any], *, link: str | None) -> str | None:
    """self, link, image, gallery, video, poll or crosspost, told by what the post carries, not by its hint."""
    media = data.get("media")
    told = {
        "crosspost": isinstance(data.get("crosspost_parent"), str),
        "poll": isinstance(data.get("poll_data"), dict),
        "gallery": data.get("is_gallery") is True or isinstance(data.get("gallery_data"), dict),
        "video": data.get("is_video") is True or (isinstance(media, dict) and "reddit_video" in media),
        "self": data.get("is_self") is True,
    }
    found = next((name for name, holds in told.items() if holds), None)
    if found is not None or link is None:
        return found
    parts = split(link)
    host = parts.hostname if parts is not None else None
    pictured = host in REDDIT_IMAGES or data.get("post_hint") == "image"
    return "image" if parts is not None and pictured else "link"
