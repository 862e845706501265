"""A user's own data request (Reddit's GDPR export, a zip of CSV tables) as records.

Read are posts and comments, and of the statistics the account's name and the time of the request. Never read: messages
and chat, addresses (`ip`, e-mail, telephone), votes, saved and hidden things, birth date, gender, payments, drafts.

What a data request proves is what its user *wrote*, and where and when. It does not show flags, flair, pictures of
galleries or scores, holds texts that moderators have removed since, and does not say so. So it states no numbers; frame
and content are stated as of the creation, the weakest claim there is: whatever else the platform said later, a removal
too, outranks it. Only the author is stated as of the request."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from hubbub.errors import RecordError
from hubbub.plugins.contracts import Decoded, ExportFacts, ExportLayout, ExportRow, ExportTable, line_place
from hubbub.records.clean import path_of, scrub
from hubbub.records.facets import Facet
from hubbub.records.models import Comment, Door, Post, Tombstone
from hubbub.sources.reddit.mapping import Look, map_comment, map_post
from hubbub.sources.reddit.removal import DELETED, Verdict, comment_verdict, post_verdict
from hubbub.sources.reddit.values import ID36, ONE_DAY_S, REDDIT_BEGAN, Gathered

TERMS = "data-request"
_NEEDED = ("id", "date", "subreddit")
_PLACE = (*_NEEDED, "permalink")
_POSTS = ExportTable(name="posts.csv", columns=(*_PLACE, "title", "url", "body"), needed=(*_NEEDED, "title"))
_COMMENTS = ExportTable(name="comments.csv", columns=(*_PLACE, "link", "parent", "body"), needed=(*_NEEDED, "body"))
_HEADERS = {
    "posts.csv": ExportTable(name="post_headers.csv", columns=(*_PLACE, "url"), needed=_NEEDED),
    "comments.csv": ExportTable(name="comment_headers.csv", columns=(*_PLACE, "link", "parent"), needed=_NEEDED),
}
"""The same rows without their texts: read only where the whole table is missing."""
_ABOUT = ExportTable(name="statistics.csv", columns=("statistic", "value"))
_POST_TABLES = frozenset({"posts.csv", "post_headers.csv"})
_NAME = re.compile(r"[A-Za-z0-9_-]{3,20}\Z")
_COMMUNITY = re.compile(r"(?:[A-Za-z0-9_-]{2,30}|reddit\.com)\Z")
_IN_PATH = re.compile(r"/comments/([0-9a-z]{1,13})(?:/|\Z)")
_GALLERY = re.compile(r"/gallery/[0-9a-z]{1,13}/?\Z")
_LONGEST_DATE = 40


def layout(members: Collection[str]) -> ExportLayout | None:
    """Which of these files are read; None when they are no data request of Reddit."""
    there = set(members)
    tables = tuple(
        table
        for whole in (_POSTS, _COMMENTS)
        if (table := whole if whole.name in there else _HEADERS[whole.name]).name in there
    )
    if not tables:
        return None
    return ExportLayout(tables=tables, about=_ABOUT if _ABOUT.name in there else None)


def facts_of(rows: Iterable[ExportRow]) -> ExportFacts:
    """The account's name and the time of the request; everything else in the statistics is passed over."""
    author = exported_at = None
    for row in rows:
        name, value = row.fields.get("statistic", "").strip().casefold(), row.fields.get("value", "").strip()
        if name == "account name" and _NAME.match(value):
            author = value
        elif name == "export time":
            exported_at = _seconds(value)
    return ExportFacts(author=author, exported_at=exported_at)


def latest(rows: Iterable[ExportRow]) -> int | None:
    """The greatest date among rows of posts or comments."""
    return max((at for row in rows if (at := _seconds(row.fields.get("date", ""))) is not None), default=None)


def decode(rows: Sequence[ExportRow], *, table: str, where: str, facts: ExportFacts, now: int) -> Decoded:
    """Records of rows of posts or comments, written by `facts.author` (unknown when None).

    A row that is no record is set aside with its id at most: an address may stand in any column of a broken row."""
    out = Gathered(where=where, door=Door.EXPORT, terms=TERMS)
    kind = "post" if table in _POST_TABLES else "comment"
    for row in rows:
        out.where = line_place(where, row.number)
        if row.problem is not None:
            out.reject(row.problem, raw=b"", kind=kind)
            continue
        fields, mended = scrub(dict(row.fields))
        identity: str | None = None
        before = out.mark()
        try:
            identity = _id(fields["id"])
            out.records.append(_record(fields, identity, kind=kind, facts=facts, now=now, out=out))
            out.repaired += mended
        except RecordError as error:
            out.undo(before)
            prefix = "t3_" if kind == "post" else "t1_"
            out.reject(str(error), raw=b"", kind=kind, identity=identity and prefix + identity)
    out.where = where
    return out.decoded()


def _record(
    fields: dict[str, str], identity: str, *, kind: str, facts: ExportFacts, now: int, out: Gathered
) -> Post | Comment | Tombstone:
    created_at = _seconds(fields["date"])
    if created_at is None:
        raise RecordError("date is no date")
    if not REDDIT_BEGAN <= created_at <= now + ONE_DAY_S:
        raise RecordError("date is outside June 2005 to now")
    community = fields["subreddit"].strip().removeprefix("r/")
    if not _COMMUNITY.match(community):
        raise RecordError("subreddit is no community's name")
    data: dict[str, Any] = {
        "id": identity,
        "created_utc": created_at,
        "subreddit": community,
        "permalink": fields.get("permalink") or None,
        **(_post_fields(fields, identity) if kind == "post" else _comment_fields(fields)),
    }
    verdict = post_verdict(data) if kind == "post" else comment_verdict(data)
    look = Look(
        door=Door.EXPORT,
        terms=TERMS,
        observed_at=created_at if facts.exported_at is None else max(facts.exported_at, created_at),
        verdict=Verdict(verdict.reason, verdict.detail, author_hidden=True),
    )
    record = (map_post if kind == "post" else map_comment)(data, look=look, out=out)
    if isinstance(record, Tombstone):
        return record
    stated = Facet.FRAME | (Facet.CONTENT if "body" in fields and not verdict.text_hidden else 0)
    written: dict[str, Any] = {"stated": stated, "frame_at": created_at, "content_at": created_at}
    if facts.author is not None and facts.author != DELETED:
        key = facts.author.casefold()
        out.mention_user(key, name=facts.author)
        written |= {"stated": stated | Facet.AUTHOR, "author": key, "author_name": facts.author}
    return msgspec.structs.replace(record, **written)


def _post_fields(fields: dict[str, str], identity: str) -> dict[str, Any]:
    """Fields as a dump line has them. A text post's `url` is its own page, or empty."""
    url = fields.get("url", "").strip()
    if url.startswith("/"):
        url = "https://www.reddit.com" + url
    path = path_of(url, host="reddit.com") or "" if url else ""
    found = _IN_PATH.search(path)
    own = not url or (found is not None and found[1] == identity)
    return {
        "title": fields.get("title", ""),
        "selftext": fields.get("body", ""),
        "url": url or None,
        "domain": None if own else _domain(url),
        "is_self": own,
        "is_gallery": True if _GALLERY.search(path) else None,
    }


def _comment_fields(fields: dict[str, str]) -> dict[str, Any]:
    """Fields as a dump line has them. `link` is the post's page; without a `parent` the comment answers the post."""
    found = _IN_PATH.search(fields.get("link", "")) or _IN_PATH.search(fields.get("permalink", ""))
    post_id = f"t3_{found[1]}" if found else None
    parent = fields.get("parent", "").strip()
    if post_id is not None and parent in {"", post_id.removeprefix("t3_")}:
        parent = post_id
    return {"body": fields.get("body", ""), "link_id": post_id, "parent_id": parent or None}


def _id(value: str) -> str:
    """The bare id; older requests print it with its prefix."""
    name = value.strip().removeprefix("t3_").removeprefix("t1_")
    if not ID36.match(name):
        raise RecordError("id is not base 36" if name else "id is missing")
    return name


def _domain(url: str) -> str | None:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.") or None
    except ValueError:
        return None


def _seconds(text: str) -> int | None:
    """Epoch seconds of "2020-01-02 03:04:05 UTC", of ISO 8601 (UTC unless it says otherwise) or of seconds."""
    text = text.strip().removesuffix(" UTC")
    if not text or len(text) > _LONGEST_DATE:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return int(text) if text.isascii() and text.isdigit() and len(text) == len("1577934245") else None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
