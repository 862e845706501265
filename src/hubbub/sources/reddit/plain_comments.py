"""The short road of a dump's comments: nearly all lines are exactly as they should be.

A line that decodes strictly, and in which nothing calls for a decision, becomes its record at once; every other line
takes the long road (`dump`, `mapping`), which gives the same record for these: a test compares the two."""

from __future__ import annotations

import operator
import re
from typing import Any

import msgspec

from hubbub.records.clean import path_of
from hubbub.records.facets import FACETS_OF
from hubbub.records.models import Comment, Door
from hubbub.sources.reddit.fields import COMMENT_EXTRA
from hubbub.sources.reddit.mapping import untitled
from hubbub.sources.reddit.values import REDDIT_BEGAN, SOURCE_NAME, Gathered

ARCTIC_SHIFT_BEGAN = 1_680_307_200
"""2023-04-01: collections from here on carry unescaped text."""
ENTITIES = (b"&amp;", b"&lt;", b"&gt;", b"\\u0026")
_PLACES = re.compile(r"[0-9a-z]{1,13} t3_[0-9a-z]{1,13} t[13]_[0-9a-z]{1,13}\Z")
_FAR = 2**53
_WHOLE = FACETS_OF["comment"]

_Meta = msgspec.defstruct(
    "_Meta",
    [
        ("retrieved_2nd_on", int | None, None),
        *((name, Any, None) for name in ("note", "was_initially_deleted", "was_deleted_later")),
    ],
    gc=False,
)
_TOLD_APART = ("updated_on", "updated_utc", "removal_reason", "promoted", "media_metadata", *sorted(COMMENT_EXTRA))
"""Fields that call for a decision wherever they say something."""
_labels = operator.attrgetter("author_fullname", "author_flair_text", "distinguished")
_apart = operator.attrgetter(*_TOLD_APART)


class _Line(msgspec.Struct, gc=False):
    id: str
    link_id: str
    parent_id: str
    created_utc: int
    retrieved_on: int
    subreddit: str
    author: str
    body: str
    permalink: str
    author_fullname: str | None = None
    author_flair_text: str | None = None
    edited: bool | int | None = None
    score: int | None = None
    score_hidden: bool | None = None
    controversiality: int | None = None
    is_submitter: bool | None = None
    locked: bool | None = None
    archived: bool | None = None
    stickied: bool | None = None
    distinguished: str | None = None
    meta: _Meta | None = msgspec.field(name="_meta", default=None)  # type: ignore[valid-type]


_decode = msgspec.json.Decoder(
    msgspec.defstruct("_Whole", [(name, Any, None) for name in _TOLD_APART], bases=(_Line,), gc=False)
).decode


def plain_comment(line: bytes, *, latest: int, terms: str, out: Gathered) -> Comment | None:
    """The record of a line on which nothing has to be decided, its mentions noted in `out`; None for any other line.

    `latest` is the greatest time (epoch seconds) that may stand in it."""
    try:
        data: Any = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    fetched, author, place = data.retrieved_on, data.author, data.subreddit
    again = _second_look(data, latest=latest)
    path = _path(data)
    if again is None or path is None or not _is_plain(data, line):
        return None
    person, community = author.casefold(), place.casefold()
    out.mention_community(community, name=place)
    out.mention_user(person, name=author)
    account = (data.author_fullname or "").strip()
    text_at = fetched if again > fetched else None
    edited = data.edited
    return Comment(
        source=SOURCE_NAME,
        id="t1_" + data.id,
        door=Door.DUMP,
        observed_at=max(again, fetched),
        terms=terms,
        stated=_WHOLE,
        author_at=text_at,
        content_at=text_at,
        extra_at=text_at,
        community=community,
        post_id=data.link_id,
        parent_id=data.parent_id,
        created_at=data.created_utc,
        community_name=place,
        permalink=path,
        is_submitter=data.is_submitter,
        locked=data.locked,
        archived=data.archived,
        stickied=data.stickied,
        distinguished=(data.distinguished or "").strip() or None,
        author=person,
        author_name=author,
        author_id=account if account.startswith("t2_") else None,
        author_flair=(data.author_flair_text or "").strip() or None,
        body=data.body or None,
        edited=edited if edited is None else edited is not False,
        edited_at=None if isinstance(edited, bool) else edited,
        score=data.score,
        score_hidden=data.score_hidden,
        controversiality=data.controversiality,
    )


def _second_look(data: Any, *, latest: int) -> int | None:
    """When the numbers were read again, 0 for never; None when the times call for a decision."""
    edited = data.edited
    if not (REDDIT_BEGAN <= data.created_utc <= latest and REDDIT_BEGAN < data.retrieved_on <= latest):
        return None
    if edited is not None and not isinstance(edited, bool) and not 0 < edited <= latest:
        return None
    meta = data.meta
    if meta is None:
        return 0
    if meta.note is not None or meta.was_initially_deleted is not None or meta.was_deleted_later is not None:
        return None
    again: int | None = meta.retrieved_2nd_on
    if again is None:
        return 0
    return again if REDDIT_BEGAN < again <= latest else None


def _path(data: Any) -> str | None:
    given = data.permalink
    head, tail = f"/r/{data.subreddit}/comments/{data.link_id[3:]}/", f"/{data.id}/"
    if (
        given.startswith(head)
        and given.endswith(tail)
        and len(head) < given.find("/", len(head)) == len(given) - len(tail)
    ):
        return f"{head}_{tail}"
    path = path_of(given, host="reddit.com")
    return None if path is None else untitled(path)


def _is_plain(data: Any, line: bytes) -> bool:
    author, place = data.author, data.subreddit
    if not author or not place or author.strip() != author or place.strip() != place:
        return False
    if author[0] == "[" or data.body.lstrip()[:1] == "[":
        return False
    if "\0" in "".join((author, place, data.body, data.permalink, *filter(None, _labels(data)))):
        return False
    if not _PLACES.match(f"{data.id} {data.link_id} {data.parent_id}"):
        return False
    if not (-_FAR < (data.score or 0) < _FAR and -_FAR < (data.controversiality or 0) < _FAR):
        return False
    escaped = data.retrieved_on < ARCTIC_SHIFT_BEGAN and any(mark in line for mark in ENTITIES)
    return not escaped and not any(_apart(data))
