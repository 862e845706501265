"""Which columns of a table of dump lines are read: Parquet mirrors of the archives name them as the lines do."""

from __future__ import annotations

from collections.abc import Sequence

from hubbub.errors import InputError
from hubbub.plugins.contracts import DumpColumns
from hubbub.sources.reddit.fields import LINE_FIELDS, is_unknown

_TIMES = frozenset({"created_utc", "retrieved_on", "retrieved_utc", "updated_on", "updated_utc"})
_OBJECTS = frozenset(
    [
        "_meta",
        "crosspost_parent_list",
        "gallery_data",
        "media",
        "media_metadata",
        "poll_data",
        "preview",
        "replies",
        "secure_media",
    ]
)
_FLAGS = frozenset(
    [
        "archived",
        "author_is_blocked",
        "edited",
        "hide_score",
        "is_gallery",
        "is_self",
        "is_submitter",
        "is_video",
        "locked",
        "over_18",
        "promoted",
        "score_hidden",
        "spoiler",
        "stickied",
    ]
)
_ENOUGH = ("id", "created_utc", "subreddit")
_SHOWN = 12


def dump_columns(names: Sequence[str]) -> DumpColumns:
    """What to read of a table with these columns; one with posts and comments mixed has the columns of both.

    Raises InputError when no row of it could be a record: `id`, `created_utc`, `subreddit` and `title` (posts) or
    `body` (comments) are needed, everything else may be missing."""
    there = set(names)
    kinds = [
        *(["comment"] if "body" in there else []),
        *(["post"] if "title" in there and ("body" not in there or "selftext" in there) else []),
    ]
    missing = [name for name in _ENOUGH if name not in there]
    if not kinds or missing:
        lacks = ", ".join(missing) or "title or body"
        found = ", ".join(sorted(there)[:_SHOWN]) or "none"
        raise InputError(
            f"holds no columns of a Reddit dump: {lacks} is missing (columns: {found})",
            advice="columns are expected to be named like the fields of a dump line",
        )
    wanted = tuple(name for name in dict.fromkeys(names) if any(name in LINE_FIELDS[kind] for kind in kinds))
    unknown = {
        f"{kinds[0]}.{name[:60]}": 1
        for name in there.difference(wanted)
        if all(is_unknown(name, kind=kind) for kind in kinds)
    }
    telling = {"comment": "body", "post": "title"}
    return DumpColumns(
        wanted=wanted,
        telling=frozenset({telling[kinds[0]]} if len(kinds) == 1 else ()),
        community="subreddit",
        times=_TIMES,
        objects=_OBJECTS,
        flags=_FLAGS,
        unknown_fields=unknown,
    )
