"""The short road of a dump's posts, as `comment_rows` is that of its comments.

Posts are fewer and say more: each is mapped by itself, from a struct that decodes only what is kept (of a preview, four
of its hundred values)."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from hubbub.records.clean import path_of
from hubbub.records.models import Door
from hubbub.records.rows import TIMES, Rows
from hubbub.sources.reddit.fields import POST_EXTRA, extra_of
from hubbub.sources.reddit.mapping import fullname, post_type
from hubbub.sources.reddit.media import post_media
from hubbub.sources.reddit.ordinary import (
    SUSPECT,
    Count,
    Id36,
    Number,
    Times,
    bit,
    encode_json,
    fields_of_times,
    people_names,
    place_names,
    times_of,
)
from hubbub.sources.reddit.removal import Verdict, archive_verdict, post_verdict
from hubbub.sources.reddit.values import ID36, SOURCE_NAME

_EXTRAS = tuple(sorted(POST_EXTRA))
_extras_of = operator.attrgetter(*_EXTRAS)
_SHOWN = (
    "id",
    "author",
    "title",
    "selftext",
    "is_self",
    "is_video",
    "is_gallery",
    "url",
    "url_overridden_by_dest",
    "gallery_data",
    "media_metadata",
    "poll_data",
    "crosspost_parent",
    "crosspost_parent_list",
    "post_hint",
    "media",
    "secure_media",
    "preview",
)
"""What decides which pictures a post shows."""
_shown_of = operator.attrgetter(*_SHOWN)
_NOTHING_SAID = Verdict()

COLUMNS = (
    *("id", "community", "created_at", "community_name", "permalink", "post_type", "over_18", "spoiler"),
    *("locked", "archived", "stickied", "distinguished", "crosspost_parent"),
    *("author", "author_name", "author_id", "author_flair"),
    *("title", "body", "url", "domain", "flair", "edited", "edited_at", "media"),
    *("score", "score_hidden", "upvote_ratio", "comment_count", "crosspost_count", "extra"),
    *TIMES,
)
GONE_COLUMNS = ("id", "community", "created_at", "observed_at")


class _Source(msgspec.Struct, gc=False, omit_defaults=True):
    url: Any = None
    width: Any = None
    height: Any = None


class _Image(msgspec.Struct, gc=False, omit_defaults=True):
    source: _Source | None = None


class _Preview(msgspec.Struct, gc=False, omit_defaults=True):
    images: list[_Image] | None = None


class _Held(msgspec.Struct, gc=False, omit_defaults=True):
    reddit_video: Any = msgspec.UNSET


@lru_cache(maxsize=4)
def post_lines(latest: int) -> msgspec.json.Decoder[Any]:
    """Decodes ordinary lines; `latest` is the greatest time (epoch seconds) that may stand in one."""
    maybe, flag = str | None, bool | None
    texts = ("author_fullname", "author_flair_text", "permalink", "url", "url_overridden_by_dest", "domain")
    more = ("link_flair_text", "distinguished", "removed_by_category", "crosspost_parent", "removal_reason")
    flags = ("is_self", "is_video", "is_gallery", "over_18", "spoiler", "locked", "archived", "stickied", "hide_score")
    anything = ("edited", "gallery_data", "media_metadata", "poll_data", "crosspost_parent_list", *_EXTRAS)
    return msgspec.json.Decoder(
        msgspec.defstruct(
            "PostLine",
            [
                ("id", Id36),
                *fields_of_times(latest),
                *((name, str) for name in ("subreddit", "author", "title")),
                ("selftext", str, ""),
                *((name, maybe, None) for name in (*texts, *more)),
                *((name, flag, None) for name in (*flags, "promoted", "author_is_blocked")),
                ("score", Number | None, None),
                *((name, Count | None, None) for name in ("num_comments", "num_crossposts")),
                ("upvote_ratio", Annotated[float, msgspec.Meta(ge=0, le=1)] | None, None),
                ("preview", _Preview | None, None),
                *((name, _Held | None, None) for name in ("media", "secure_media")),
                *((name, Any, None) for name in anything),
            ],
            rename={"meta": "_meta"},
            gc=False,
            kw_only=True,
        )
    )


class PostRows:
    """Sorts decoded lines into rows and into those that need a look; remembers names from call to call."""

    def __init__(self, *, terms: str, latest: int) -> None:
        self._latest = latest
        self._shared = {"source": SOURCE_NAME, "door": str(Door.DUMP), "terms": terms}
        self._people, self._places = people_names(), place_names()

    def take(self, lines: list[Any], *, but: frozenset[int] = frozenset()) -> tuple[list[Rows], list[int]]:
        """The rows of decoded lines, and the positions of those that must go the long road, `but` among them."""
        whole: list[tuple[Any, ...]] = []
        gone: dict[tuple[str, str | None], list[tuple[Any, ...]]] = {}
        odd = sorted(but)
        for i, line in enumerate(lines):
            if i in but:
                continue
            made = self._row(line)
            if made is None:
                odd.append(i)
            elif isinstance(made[1], Verdict):
                gone.setdefault((str(made[1].reason), made[1].detail), []).append(made[0])
            else:
                whole.append(made[0])
        return [part for part in self._parts(whole, gone) if part.rows], sorted(odd)

    def _parts(self, whole: list[Any], gone: dict[tuple[str, str | None], list[Any]]) -> Iterator[Rows]:
        yield Rows(kind="post", columns=COLUMNS, fixed=self._shared, rows=whole)
        for (reason, detail), rows in gone.items():
            fixed = self._shared | {"tombstone": reason, "tombstone_detail": detail}
            yield Rows(kind="post", columns=GONE_COLUMNS, fixed=fixed, rows=rows, withdrawn=True)

    def _row(self, line: Any) -> tuple[tuple[Any, ...], Verdict | None] | None:
        """The row of a line, with the verdict when it is that of a tombstone; None when it must go the long road."""
        meta, place, times = line.meta, self._places[line.subreddit], times_of(line, latest=self._latest)
        unsure = line.promoted or line.is_self is None or (meta and (meta.note or meta.was_initially_deleted))
        if place is None or times is None or unsure or not ID36.match(line.id):
            return None
        later, at = meta is not None and meta.was_deleted_later, times.fetched
        if later:
            if later is not True:
                return None
            verdict, at = archive_verdict({"removal_type": meta.removal_type}), max(at, times.again)
        else:
            verdict = self._verdict(line)
        if verdict.reason is not None:
            return ("t3_" + line.id, place, times.created, at), verdict
        author = self._people[line.author]
        if author is None or verdict != _NOTHING_SAID:
            return None
        row = self._in_full(line, names=(author, place), times=times)
        return None if row is None else (row, None)

    def _verdict(self, line: Any) -> Verdict:
        texts = (line.author, line.title, line.selftext or "-")
        told = line.removed_by_category or line.removal_reason
        if not told and all(text[:1] not in SUSPECT for text in texts):
            return _NOTHING_SAID
        names = ("author", "selftext", "title", "removed_by_category", "removal_reason", "author_is_blocked")
        return post_verdict({name: getattr(line, name) for name in names})

    def _in_full(self, line: Any, *, names: tuple[str, str], times: Times) -> tuple[Any, ...] | None:
        """The row of a post that is there; None when something in it calls for a decision."""
        flair, told = _label(line.author_flair_text), _label(line.distinguished)
        account, edited, (created, fetched, again) = _label(line.author_fullname), line.edited, times
        link = None if line.is_self is True else _label(line.url_overridden_by_dest) or _label(line.url)
        given = _label(line.permalink)
        path = f"/r/{line.subreddit}/comments/{line.id}/" if given is None else path_of(given, host="reddit.com")
        dated = edited is not None and not isinstance(edited, bool)
        if path is None or (dated and not (type(edited) is int and 0 < edited <= self._latest)):
            return None
        parent = None if line.crosspost_parent is None else fullname(line.crosspost_parent, prefix="t3_")
        if parent == "t3_" + line.id or (parent is None and line.crosspost_parent is not None):
            return None
        shown = _shown(line)
        items = post_media(shown)
        media = encode_json(items).decode() if items else None
        said = {name: value for name, value in zip(_EXTRAS, _extras_of(line), strict=True) if value is not None}
        extra = extra_of(said, kind="post", unknown={}) if said else None
        labels = (flair, told, account, path, link, _label(line.domain), _label(line.link_flair_text))
        if "\0" in "".join((line.title, line.selftext, *filter(None, labels))) or "\\u0000" in f"{media}{extra}":
            return None
        newest, early = (again, fetched) if again > fetched else (fetched, None)
        return (
            "t3_" + line.id,
            names[1],
            created,
            line.subreddit,
            path,
            post_type(shown, link=link),
            bit(line.over_18),
            bit(line.spoiler),
            bit(line.locked),
            bit(line.archived),
            bit(line.stickied),
            told,
            parent,
            names[0],
            line.author,
            account if account and account.startswith("t2_") else None,
            flair,
            line.title or None,
            line.selftext or None,
            link,
            *labels[5:],
            edited if edited is None else int(edited is not False),
            edited if dated else None,
            media,
            line.score,
            bit(line.hide_score),
            line.upvote_ratio,
            line.num_comments,
            line.num_crossposts,
            extra,
            newest,
            early,
            fetched,
        )


def _label(text: str | None) -> str | None:
    return None if text is None else text.strip() or None


def _shown(line: Any) -> dict[str, Any]:
    """What a post shows, as the platform writes it."""
    shown = {name: value for name, value in zip(_SHOWN, _shown_of(line), strict=True) if value is not None}
    for name in ("media", "secure_media", "preview"):
        if name in shown:
            shown[name] = msgspec.to_builtins(shown[name])
    return shown
